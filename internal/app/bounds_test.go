package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
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

// No breaker keeps a proof alive that was missing for a day before it opened.
func TestBreakerHoldsNoOldLoss(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		who := actor(t, s, "alpha")
		all := names("here", 40)
		settle(t, s, who, c.now(), all...)
		a := stillApp(t, s, c, l.check, Config{RecheckGrace: 30 * time.Hour, RecheckInterval: 400 * time.Hour})
		l.set(zonehold.OutcomeAbsent, all[0])
		sweepAll(t, a)
		for range 26 {
			c.pass(time.Hour)
			sweepAll(t, a)
		}
		if d := get(t, a, who, string(all[0])); d.State != zonehold.StateAtRisk {
			t.Fatal(d.State)
		}
		l.set(zonehold.OutcomeAbsent, all[1:21]...)
		for _, n := range all[1:] {
			plan(t, s, get(t, a, who, string(n)).ID, c.now())
		}
		sweepAll(t, a)
		tended(t, a)
		for range 6 {
			c.pass(time.Hour)
			sweepAll(t, a)
		}
		if open := breakersOf(t, a, false); len(open) == 0 {
			t.Fatal("no breaker is open")
		}
		if d := get(t, a, who, string(all[0])); d.State != zonehold.StateLapsed {
			t.Errorf("%s, missing since %s", d.State, c.now().Sub(d.MissingSince))
		}
	})
}

// A value that was taken from a claim does not come back with a new claim on
// the name, also where an account has one value for all (threats T43, T45).
func TestSharedValueDoesNotComeBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{})
		anna := actor(t, s, "anna")
		claim := func(scheme string) *Domain {
			t.Helper()
			d, _, err := c.CreateDomain(t.Context(), anna, CreateDomain{Hostname: "example.com", Scheme: scheme, Profile: zonehold.ProfileProbely})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		one := claim("")
		c.set(one, true)
		if at := c.check(anna, one.ID); at.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("%+v", at.Problem)
		}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			held, err := tx.LockDomains(t.Context(), []string{one.ID})
			if err != nil {
				return err
			}
			if _, err := c.freeze(t.Context(), tx, held[one.ID], zonehold.FreezeRegistered, c.now()); err != nil {
				return err
			}
			return tx.UpdateDomain(t.Context(), held[one.ID])
		}); err != nil {
			t.Fatal(err)
		}
		beside := claim("https")
		if err := c.DeleteDomain(t.Context(), anna, one.ID, 0); err != nil {
			t.Fatal(err)
		}
		for _, d := range []*Domain{beside, claim("")} {
			if at := c.check(anna, d.ID); at.Outcome == zonehold.OutcomeVerified || d.Tokens.TXT == one.Tokens.TXT {
				t.Errorf("%q proved by the old record: %s", d.Scheme, at.Outcome)
			}
		}
		// Other names have the value of the account, as ever.
		d, _, err := c.CreateDomain(t.Context(), anna, CreateDomain{Hostname: "other.example", Profile: zonehold.ProfileProbely})
		if err != nil || d.Tokens != one.Tokens {
			t.Errorf("another name: %+v, %v", d, err)
		}
	})
}

// A freeze that breaks off, as the process dies, is due again at once.
func TestFreezeIsDueUntilDone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna := actor(t, s, "anna")
		one := w.proved(anna, "shop.example")
		w.look(0)
		w.register(func(r *testnet.Registration) { r.Created = w.now().AddDate(0, 0, 5) })
		w.pass(7 * 24 * time.Hour)
		r, err := s.Registration(t.Context(), "shop.example")
		if err != nil {
			t.Fatal(err)
		}
		seen, failed := w.sight(t.Context(), r.Name)
		if v, err := w.noteSight(t.Context(), r, seen, failed); err != nil || v.freeze == "" {
			t.Fatalf("%+v, %v", v, err)
		}
		w.frozen(anna, one.ID, "") // and here it dies
		w.pass(6 * time.Minute)
		if err := w.watchOwners(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.frozen(anna, one.ID, zonehold.FreezeRegistered)
		if r, err = s.Registration(t.Context(), "shop.example"); err != nil || r.DueAt.Sub(w.now()) < 12*time.Hour {
			t.Errorf("after it: due in %s, %v", r.DueAt.Sub(w.now()), err)
		}
	})
}

// Who has a right by another domain's proof scans no more than that domain may:
// not while that proof is missing, nor after it was removed under "once", nor
// while it waits for a new owner's.
func TestScansRestOnWhatTheProofRestsOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, below, given := c.proved(anna, "example.com"), create(t, c.App, anna, "www.example.com"), create(t, c.App, bert, "www.example.com")
		del, err := c.Delegate(t.Context(), anna, NewDelegation{Domain: one.ID, Hostname: "www.example.com", Account: "bert"})
		if err != nil {
			t.Fatal(err)
		}
		c.idle(below.ID, given.ID)
		prove := func(id string, m zonehold.Method, source string) {
			change(t, s, id, func(d *store.Domain) {
				d.State, d.Method, d.ProofSource, d.Assurance, d.Covers = zonehold.StateVerified, m, source, zonehold.AssuranceDNS, zonehold.CoversSubtree
				d.VerifiedAt, d.SeenAt, d.LookedAt, d.NextCheckAt = c.now(), c.now(), c.now(), c.now().Add(time.Hour)
			})
		}
		prove(below.ID, zonehold.MethodExistingDomain, one.ID)
		prove(given.ID, zonehold.MethodDelegated, del.ID)
		scans := func(when string, want bool) {
			t.Helper()
			time.Sleep(maxOwed + maxOwed/4) // what was kept of the view
			for who, id := range map[*zonehold.Actor]string{&anna: below.ID, &bert: given.ID} {
				page, err := c.Domains(t.Context(), *who, DomainQuery{Text: "www.", Bare: true})
				if err != nil || len(page.Items) != 1 {
					t.Fatalf("%+v, %v", page, err)
				}
				for _, d := range []*Domain{get(t, c.App, *who, id), page.Items[0]} {
					if d.ScansAllowed != want || want != (d.ScansReason == "") {
						t.Errorf("%s: %s of %s: %t, %q", when, d.Hostname, who.Account.Name, d.ScansAllowed, d.ScansReason)
					}
				}
			}
		}
		scans("proved", true)
		change(t, s, one.ID, func(d *store.Domain) { d.MissingSince = c.now() })
		scans("missing", false)
		change(t, s, one.ID, func(d *store.Domain) { d.State, d.MissingSince = zonehold.StateAtRisk, time.Time{} })
		scans("at risk", false)
		change(t, s, one.ID, func(d *store.Domain) { d.State = zonehold.StateVerified })
		scans("back", true)
	})
}
