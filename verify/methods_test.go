package verify_test

import (
	"testing"

	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func TestMethods(t *testing.T) {
	for _, m := range verify.Methods() {
		t.Run(string(m.Name()), func(t *testing.T) { verifytest.Run(t, m) })
	}
}
