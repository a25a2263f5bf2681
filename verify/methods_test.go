package verify_test

import (
	"slices"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func TestMethods(t *testing.T) {
	for _, m := range verify.Placed() {
		t.Run(string(m.Name()), func(t *testing.T) { verifytest.Run(t, m) })
	}
}

// TestEveryMethod: what the contract lists is there, each once.
func TestEveryMethod(t *testing.T) {
	var got, want []string
	for _, m := range verify.Methods() {
		got = append(got, string(m.Name()))
	}
	for _, m := range zonehold.Methods() {
		want = append(want, string(m))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("methods %v, want %v", got, want)
	}
}
