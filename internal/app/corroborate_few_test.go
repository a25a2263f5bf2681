package app

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// A policy that demands more from some day on lets no proof count from then on,
// and keeps no server from starting again.
func TestTooFewPerspectives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		check := func(a *App, who zonehold.Actor, d *Domain, want zonehold.Outcome) *Attempt {
			t.Helper()
			at := checked(t, a, who, d.ID)
			few := at.Problem != nil && at.Problem.Code == "perspectives_unavailable"
			if at.Outcome != want || few != (want == zonehold.OutcomeInconclusive) {
				t.Errorf("%s with %+v, want %s", at.Outcome, at.Problem, want)
			}
			return at
		}
		e, p := newElsewhere(t, "vvvv"), newPrimary(zonehold.OutcomeVerified)
		var clock atomic.Int64
		clock.Store(quorumAt.UnixNano())
		four := start1(t, s, Config{Check: p.check, CreateWait: -1, Clock: func() time.Time { return time.Unix(0, clock.Load()).UTC() },
			Perspectives: PerspectiveConfig{Panel: e.panel, Policy: brPolicy}}, quick)
		who := actor(t, s, "alpha")
		d, other := create(t, four, who, "example.com"), create(t, four, who, "example.org")
		check(four, who, d, zonehold.OutcomeVerified)
		clock.Store(time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC).UnixNano()) // five are demanded
		if err := four.PerspectivesFit(t.Context()); err != nil {
			t.Errorf("a server that ran yesterday does not start today: %v", err)
		}
		at := check(four, who, other, zonehold.OutcomeInconclusive)
		if !strings.Contains(at.Problem.Found, "at least 5 perspectives; configured: 4") {
			t.Errorf("found: %s", at.Problem.Found)
		}
		p.outcome.Store(zonehold.OutcomeAbsent)
		check(four, who, d, zonehold.OutcomeInconclusive)
		if got := get(t, four, who, d.ID); got.State != zonehold.StateVerified {
			t.Errorf("what was proved is %s", got.State)
		}
		never := make1(t, s, Config{Perspectives: PerspectiveConfig{Panel: newElsewhere(t, "vvv").panel, Policy: brPolicy}}, quick)
		if err := never.PerspectivesFit(t.Context()); err == nil {
			t.Error("a server starts with fewer than were ever enough")
		}
	})
}

// An account that demands others proves nothing where there are none.
func TestNoPerspectives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: newPrimary(zonehold.OutcomeVerified).check, CreateWait: -1}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		for _, tt := range []struct {
			policy string
			state  zonehold.DomainState
		}{{"br", zonehold.StatePending}, {"observe", zonehold.StateVerified}} {
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetPerspectivePolicy(t.Context(), who.Account.ID, tt.policy) }); err != nil {
				t.Fatal(err)
			}
			at := checked(t, a, who, d.ID)
			proved := tt.state == zonehold.StateVerified
			if (at.Outcome == zonehold.OutcomeVerified) != proved || !proved && (at.Problem == nil || at.Problem.Code != "perspectives_unavailable" ||
				!strings.Contains(at.Problem.Found, "configured: 0")) {
				t.Errorf("under %s: %s, %+v", tt.policy, at.Outcome, at.Problem)
			}
			if got := get(t, a, who, d.ID); got.State != tt.state {
				t.Errorf("under %s the domain is %s", tt.policy, got.State)
			}
		}
	})
}
