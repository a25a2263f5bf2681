package perspective

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// Who runs a domain can leave next to no time for perspectives. That puts none
// of them down, as it would for everybody; one that has the time and does not
// answer goes down.
func TestTimeoutsInAHurry(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	p := panel(t, s.serve("ams", "RIPE", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })))
	q, _ := NewRequest(l.Kit, m.Name(), c)
	q.ID = "att_1"
	timesOut := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if r := p.Ask(ctx, q, m.Challenge(l.Kit, c))[0]; r.Fault != FaultTimeout {
			t.Fatalf("fault %q (%s)", r.Fault, r.Detail)
		}
	}
	for range 2 * downAfter {
		timesOut()
	}
	if st := p.Status()[0]; st.State == "down" {
		t.Errorf("checks without time put it down: %+v", st)
	}
	p.members[0].client.ample = 0
	for range downAfter {
		timesOut()
	}
	if st := p.Status()[0]; st.State != "down" {
		t.Errorf("it is not down: %+v", st)
	}
}
