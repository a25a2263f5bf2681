package attacktest

import (
	"flag"
	"os"
	"testing"
)

// Most of the time goes into waiting for what never answers, so more tests run
// at a time than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "12")
	}
	os.Exit(m.Run())
}
