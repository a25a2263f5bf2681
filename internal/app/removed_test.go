package app

import (
	"context"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// A check of the method that proved the domain is told of it, so that
// diagnosis can say "removed" instead of "missing"; no other check is.
func TestChecksKnowTheEarlierProof(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		told := make(chan time.Time, 1)
		check := func(_ context.Context, _ *verify.Kit, m zonehold.Method, c verify.Claim) diagnose.Report {
			told <- c.VerifiedBefore
			return report(m, zonehold.OutcomeVerified)
		}
		a := start1(t, s, Config{Check: check}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		for i, tt := range []struct {
			method zonehold.Method
			want   bool
		}{
			{zonehold.MethodDNSTXT, false}, // never proved before
			{zonehold.MethodDNSTXT, true},
			{zonehold.MethodFile, false}, // another method's proof
		} {
			at := begin(t, a, who, d.ID, tt.method)
			if got := <-told; got.IsZero() == tt.want {
				t.Errorf("check %d by %s: earlier proof at %v", i+1, tt.method, got)
			}
			wait(t, a, who, at.ID)
		}
	})
}
