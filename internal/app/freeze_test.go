package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// T43: who asks for a method that nobody can ask must not keep a frozen domain.
func TestFrozenLapsesThoughAMethodCannotBeAsked(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	for _, tried := range []zonehold.Method{zonehold.MethodFile, ""} {
		now := time.Now().UTC()
		d := &store.Domain{Domain: zonehold.Domain{
			State: zonehold.StateAtRisk, StateSince: now, Method: zonehold.MethodFile, Covers: zonehold.CoversHost, FrozenAt: now,
			FreezeReason: zonehold.FreezeRegistered, MissingSince: now, GraceEndsAt: now.Add(a.cfg.RecheckGrace), TriesMethod: tried,
		}}
		end := now.Add(2 * a.cfg.RecheckGrace)
		for d.State == zonehold.StateAtRisk && now.Before(end) {
			m, o := turnOf(d), zonehold.OutcomeInconclusive
			if m == zonehold.MethodDNSTXT {
				o = zonehold.OutcomeAbsent
			}
			d.NextCheckAt = now.Add(recheckSoon) // as while it runs
			judged(a, d, m, o, zonehold.TriggerSchedule, zonehold.RecheckKeep, false, now)
			if !d.NextCheckAt.After(now) {
				t.Fatalf("after %q: next at %s", m, d.NextCheckAt)
			}
			now = d.NextCheckAt
		}
		if d.State != zonehold.StateLapsed {
			t.Errorf("tried by %q: %s after twice its grace, %d misses", tried, d.State, d.Misses)
		}
	}
}

// What the clock or a breaker keeps from counting keeps a frozen domain, too,
// by whatever method its fresh proof is looked for.
func TestFrozenIsHeldBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newDriven()
		who := actor(t, s, "alpha")
		a := make1(t, s, Config{Clock: c.now}, quick)
		for _, method := range []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodFile, ""} {
			name := zonehold.Hostname("by-" + string(method) + ".example")
			if method == "" {
				name = "by-all.example"
			}
			settle(t, s, who, c.now(), name)
			d := get(t, a, who, string(name))
			freezeNow(t, a, d.ID)
			d = get(t, a, who, d.ID)
			d.Method = method // to be asked
			f := running(t, a, d, report(method, zonehold.OutcomeAbsent))
			a.clock.barred = a.clock.mono() + lapseRest
			if err := a.commitFinishes(t.Context(), []*finish{f}); err != nil {
				t.Fatal(err)
			}
			if at, err := a.Attempt(t.Context(), who, f.attempt.ID); err != nil || !f.held || len(at.Notes) == 0 || at.Notes[0].Code != "verdict_held" {
				t.Errorf("a look by %q is not held back: %+v, %v", method, at, err)
			}
		}
	})
}
