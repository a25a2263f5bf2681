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

// A proof that does not depend on the port is looked at to the end, whatever
// its account does with the port meanwhile.
func TestAnotherPortEndsNoLook(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{})
		anna := actor(t, s, "anna")
		one := c.proved(anna, "example.com")
		c.set(one, false)
		gate := c.hold()
		c.pass(one.NextCheckAt.Sub(c.now()) + time.Second)
		c.pullSoon()
		recv(t, gate) // it runs
		if _, err := c.UpdateDomain(t.Context(), anna, one.ID, DomainPatch{Port: ptr(8443)}, 0); err != nil {
			t.Fatal(err)
		}
		c.free()
		let(t, gate)
		c.idle(one.ID)
		c.want(anna, one.ID, zonehold.StateAtRisk)
	})
}

// A file that was seen at the old port says nothing of the new one.
func TestAnotherPortDropsWhatIsSeenThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		begun, end := make(chan bool, 1), make(chan bool)
		check := func(_ context.Context, _ *verify.Kit, m zonehold.Method, _ verify.Claim) diagnose.Report {
			if m == zonehold.MethodFile {
				begun <- true
				<-end
			}
			return report(m, zonehold.OutcomeVerified)
		}
		a := start1(t, s, Config{Check: check, CreateWait: -1}, quick)
		who := actor(t, s, "anna")
		d := create(t, a, who, "example.com")
		checked(t, a, who, d.ID)
		at := begin(t, a, who, d.ID, zonehold.MethodFile)
		recv(t, begun)
		if _, err := a.UpdateDomain(t.Context(), who, d.ID, DomainPatch{Port: ptr(8443)}, 0); err != nil {
			t.Fatal(err)
		}
		close(end)
		if got := wait(t, a, who, at.ID); got.State != zonehold.AttemptCanceled {
			t.Errorf("the check at the old port ended %s, %s", got.State, got.Outcome)
		}
		if got := get(t, a, who, d.ID); got.State != zonehold.StateVerified || len(got.Spares) != 0 {
			t.Errorf("after it: %+v", got.Domain)
		}
		// At the new one it counts.
		if got := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodFile).ID); got.Outcome != zonehold.OutcomeVerified {
			t.Errorf("the check at the new port: %s, %s", got.State, got.Outcome)
		}
		if got := get(t, a, who, d.ID); len(got.Spares) != 1 {
			t.Errorf("after both: %+v", got.Domain)
		}
	})
}
