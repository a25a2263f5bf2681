package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Who hears that a proof is gone reads when it was seen last, not when it was
// made.
func TestVerifiedBeforeIsWhenItWasSeenLast(t *testing.T) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen, frozen := made.AddDate(0, 6, 0), made.AddDate(0, 7, 0)
	d := store.Domain{Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, VerifiedAt: made, SeenAt: seen}}
	old, other := d, d
	old.SeenAt = time.Time{}
	other.FrozenAt = frozen
	for _, tc := range []struct {
		name string
		d    store.Domain
		m    zonehold.Method
		want time.Time
	}{
		{"seen since", d, zonehold.MethodDNSTXT, seen},
		{"from before that was written down", old, zonehold.MethodDNSTXT, made},
		{"another method", d, zonehold.MethodFile, time.Time{}},
		{"new values", other, zonehold.MethodDNSTXT, time.Time{}},
	} {
		if got := verifiedBefore(&tc.d, tc.m); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
