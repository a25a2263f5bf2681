package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// Who asks again and again for a check of another method does not put off the
// look at what leads: its rights would outlive it.
func TestAskingPutsNoLookOff(t *testing.T) {
	l := newLife(t, Config{})
	l.ask(byTXT, seenIt)
	l.ask(byFile, seenIt)
	from := l.now
	for i := 0; l.d.NextCheckAt.After(l.now); i++ {
		if i == 100 {
			t.Fatalf("the leading proof was not looked at since %s", from)
		}
		l.now = l.now.Add(20 * time.Hour)
		l.ask(byFile, seenIt)
	}
	if wait := l.now.Sub(from); wait > 210*time.Hour {
		t.Errorf("looked at after %s", wait)
	}
	l.plan(byTXT, notThere)
	if l.events[zonehold.EventProofMissing] != 1 {
		t.Errorf("events %v", l.events)
	}
}

// What is gone for certain is not held up for ever by a spare that cannot be
// asked.
func TestSilentSpareHoldsNothingUp(t *testing.T) {
	l := newLife(t, Config{})
	l.ask(byTXT, seenIt)
	l.ask(byFile, seenIt)
	for turnOf(l.d) != byTXT {
		l.plan(turnOf(l.d), seenIt)
	}
	l.plan(byTXT, notThere)
	from := l.now
	for l.d.State == zonehold.StateVerified && l.now.Sub(from) < 400*time.Hour {
		if m := turnOf(l.d); m == byTXT {
			l.plan(m, notThere)
		} else {
			l.plan(m, notAsked)
		}
	}
	l.is(zonehold.StateAtRisk, byTXT, 1)
	if wait := l.now.Sub(from); wait < 168*time.Hour || wait > 171*time.Hour || l.d.GraceEndsAt.Sub(l.now) != 168*time.Hour {
		t.Errorf("at risk after %s, grace %s", wait, l.d.GraceEndsAt.Sub(l.now))
	}
	// It may come back yet.
	for turnOf(l.d) != byFile {
		l.plan(turnOf(l.d), notThere)
	}
	l.plan(byFile, seenIt)
	l.is(zonehold.StateVerified, byFile, 1)
}

// A contest is not lost by a holder whose leading proof is gone while another
// one stands.
func TestContestWithASpare(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		// A file stands, too, but its server cannot be asked when it matters.
		now := c.now()
		change(t, s, one.ID, func(d *store.Domain) {
			d.Spares = []zonehold.Proof{{Method: zonehold.MethodFile, Assurance: zonehold.AssuranceHost, Covers: zonehold.CoversHost, ProvedAt: now, SeenAt: now, LookedAt: now}}
		})
		c.set(two, true)
		c.check(bert, two.ID)
		c.contest(bert, "example.com", "open")
		c.idle(one.ID, two.ID)
		c.set(one, false)
		c.pass(73 * time.Hour)
		c.settle(one.ID, two.ID)
		c.want(anna, one.ID, zonehold.StateVerified)
		c.want(bert, two.ID, zonehold.StatePending)
		c.contest(bert, "example.com", "open")
		// Without the spare it is decided.
		change(t, s, one.ID, func(d *store.Domain) { d.Spares = nil })
		c.pass(2 * time.Hour)
		c.settle(one.ID, two.ID)
		c.want(anna, one.ID, zonehold.StateLapsed)
		c.want(bert, two.ID, zonehold.StateVerified)
	})
}

// Nobody is worn out by contests that are opened and withdrawn.
func TestWithdrawnContestRests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		c.proved(anna, "example.com")
		two := create(t, c.App, bert, "example.com")
		c.set(two, true)
		for range 3 {
			c.check(bert, two.ID)
			if _, err := c.WithdrawContest(t.Context(), bert, "example.com"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(c.events(anna, zonehold.EventDomainClaimed)); n != 1 {
			t.Errorf("the holder was told %d times", n)
		}
		at := c.check(bert, two.ID)
		if at.Problem == nil || at.Problem.Code != "claimed_by_other_account" {
			t.Errorf("%+v", at.Problem)
		}
		// Nor by a claim that is deleted and made anew.
		if err := c.DeleteDomain(t.Context(), bert, two.ID, 0); err != nil {
			t.Fatal(err)
		}
		two = create(t, c.App, bert, "example.com")
		c.set(two, true)
		c.check(bert, two.ID)
		if n := len(c.events(anna, zonehold.EventDomainClaimed)); n != 1 {
			t.Errorf("the holder was told %d times", n)
		}
		c.pass(25 * time.Hour)
		c.check(bert, two.ID)
		c.contest(bert, "example.com", "open")
	})
}

// change writes a domain as a test needs it.
func change(t testing.TB, s *store.Store, id string, fn func(d *store.Domain)) {
	t.Helper()
	if err := s.InTx(t.Context(), func(tx *store.Tx) error {
		held, err := tx.LockDomains(t.Context(), []string{id})
		if err != nil {
			return err
		}
		fn(held[id])
		return tx.UpdateDomain(t.Context(), held[id])
	}); err != nil {
		t.Fatal(err)
	}
}
