package app

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// T12: claims of a hundred accounts on one victim, all asked for once. What
// follows by itself stays within half of what the target may be asked in any
// hour, and comes to each of them.
func TestRetriesStayWithinTheBudgetOfTheirTarget(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := newDriven()
		var mu sync.Mutex
		var checks []time.Time
		tried := map[zonehold.Hostname]bool{}
		check := func(_ context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			mu.Lock()
			checks = append(checks, clock.now())
			tried[c.Hostname] = true
			mu.Unlock()
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)
		}
		const limit = 20
		a := make1(t, s, Config{Check: check, TargetChecksPerHour: limit, Clock: clock.now}, quick)
		a.cfg.Worker, a.chores = true, nil
		const n = 100
		ids := make([]string, n)
		for i := range n {
			who := actor(t, s, fmt.Sprintf("account-%d", i))
			ids[i] = create(t, a, who, fmt.Sprintf("n%d.victim.example", i)).ID
		}
		// As if each had asked, at a time when the target's budget was there.
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			locked, err := tx.LockDomains(t.Context(), ids)
			if err != nil {
				return err
			}
			for _, d := range locked {
				d.TriesEndAt, d.TriesMethod, d.NextCheckAt = clock.now().Add(triesLast), zonehold.MethodDNSTXT, clock.now().Add(time.Minute)
				if err := tx.UpdateDomain(t.Context(), d); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for range 5 * 24 * 6 {
			clock.pass(10 * time.Minute)
			if err := a.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			allQuiet(t, s)
		}
		if len(tried) < n {
			t.Errorf("only %d of %d were tried in five days", len(tried), n)
		}
		for i, from := range checks {
			in := 0
			for _, at := range checks[i:] {
				if at.Sub(from) < time.Hour {
					in++
				}
			}
			if in > limit/2 {
				t.Fatalf("%d checks within an hour", in)
			}
		}
		// A person is not kept out by them.
		d, err := s.DomainsByID(t.Context(), ids[:1])
		if err != nil {
			t.Fatal(err)
		}
		s1 := newStart(d[ids[0]].AccountID, ids[0], "", zonehold.TriggerRequest)
		if err := a.commitStarts(t.Context(), []*start{s1}); err != nil || s1.err != nil {
			t.Errorf("asked: %v, %v", err, s1.err)
		}
		// All that waits has a time, which is to come.
		for id, d := range mustDomains(t, s, ids) {
			if d.NextCheckAt.IsZero() || d.NextCheckAt.Before(clock.now()) && id != ids[0] {
				t.Errorf("%s: next %s", id, d.NextCheckAt)
			}
		}
	})
}

func mustDomains(t *testing.T, s *store.Store, ids []string) map[string]*store.Domain {
	t.Helper()
	found, err := s.DomainsByID(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// runQueued runs what is queued, one after the other.
func runQueued(t *testing.T, a *App, tried map[string]bool) {
	t.Helper()
	for {
		ids, err := a.store.LateAttempts(t.Context(), a.now().Add(time.Second), 200)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			if !a.runs.add(id, false) {
				t.Fatal("no place to run")
			}
			c := &claim{id: id}
			if err := a.claims.do(c); err != nil || c.attempt == nil {
				t.Fatalf("claiming: %+v, %v", c, err)
			}
			tried[c.attempt.DomainID] = true
			a.run(c.attempt, mustDomains(t, a.store, []string{c.attempt.DomainID})[c.attempt.DomainID], nil)
		}
	}
}

// The ladder from the request to its end, in the database, under a driven
// clock: next_check_at is when the next look comes, each time.
func TestLadderInTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := newDriven()
		var (
			mu    sync.Mutex
			asked []zonehold.Method
			gate  = make(chan bool, 1)
		)
		looks := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(asked)
		}
		check := func(_ context.Context, _ *verify.Kit, m zonehold.Method, _ verify.Claim) diagnose.Report {
			<-gate
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, m)
			return report(zonehold.MethodFile, zonehold.OutcomeAbsent)
		}
		a := make1(t, s, Config{Check: check, Clock: clock.now}, quick)
		a.cfg.Worker = true
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		if !d.NextCheckAt.IsZero() {
			t.Errorf("nobody has asked, and a look is planned for %s", d.NextCheckAt)
		}
		from := clock.now()
		begin(t, a, who, d.ID, zonehold.MethodFile)
		tried := map[string]bool{}
		gate <- true
		runQueued(t, a, tried)
		for range 100 {
			now := get(t, a, who, d.ID)
			if now.Turn != zonehold.TurnYou {
				t.Fatalf("turn %s", now.Turn)
			}
			if now.NextCheckAt.IsZero() {
				break
			}
			wait := now.NextCheckAt.Sub(clock.now())
			had := looks()
			clock.pass(wait - time.Second)
			if err := a.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if quiet1(t, s, d.ID); looks() != had {
				t.Fatal("a look before its time")
			}
			clock.pass(time.Second)
			if err := a.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if now = get(t, a, who, d.ID); now.Running == nil || !now.NextCheckAt.Equal(now.Running.CreatedAt) || now.Turn != zonehold.TurnYou {
				t.Fatalf("while it is under way: %+v", now)
			}
			gate <- true
			if quiet1(t, s, d.ID); looks() != had+1 {
				t.Fatal("no look at its time")
			}
		}
		end := get(t, a, who, d.ID)
		if took := clock.now().Sub(from); took < 30*24*time.Hour || took > 30*24*time.Hour+time.Hour || end.Problem == nil || end.Problem.Code != "challenge_expired_or_paused" {
			t.Errorf("after %s: %+v", took, end.Problem)
		}
		for _, m := range asked {
			if m != zonehold.MethodFile {
				t.Errorf("asked %q", m)
			}
		}
		count := map[zonehold.EventType]int{}
		for _, e := range eventTypes(t, a, who) {
			count[e]++
		}
		if count[zonehold.EventAttemptCompleted] != 1 || count[zonehold.EventDomainVerificationFailed] != 1 || count[zonehold.EventChallengeExpired] != 1 {
			t.Errorf("events %v", count)
		}
		begin(t, a, who, d.ID, "")
		gate <- true
		runQueued(t, a, tried)
		if now := get(t, a, who, d.ID); now.NextCheckAt.Sub(clock.now()) > 2*time.Minute || now.NextCheckAt.IsZero() {
			t.Errorf("asked anew: next %s", now.NextCheckAt)
		}
	})
}

// What was planned while the clock was a year ahead is planned anew.
func TestPlansBeyondReach(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := newDriven()
		a := make1(t, s, Config{Clock: clock.now}, quick)
		a.cfg.Worker = true
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.SetNextCheck(t.Context(), []string{d.ID}, clock.now().Add(365*24*time.Hour))
		}); err != nil {
			t.Fatal(err)
		}
		if err := a.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wait := get(t, a, who, d.ID).NextCheckAt.Sub(clock.now()); wait < 0 || wait > 168*time.Hour {
			t.Errorf("next look in %s", wait)
		}
	})
}

// The account's policy is read where it counts, and shows.
func TestRecheckPolicy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who, other := actor(t, s, "alpha"), actor(t, s, "beta")
		d := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		if d = get(t, a, who, d.ID); d.Recheck != zonehold.RecheckKeep || !d.ScansAllowed {
			t.Errorf("by default %q, %s", d.Recheck, d.ScansReason)
		}
		bad := zonehold.RecheckPolicy("never")
		_, err := a.UpdateAccount(t.Context(), who, AccountPatch{Recheck: &bad})
		wantKind(t, err, KindInvalid)
		once := zonehold.RecheckOnce
		limited := who
		limited.Scopes = []zonehold.Scope{zonehold.ScopeDomainsWrite}
		_, err = a.UpdateAccount(t.Context(), limited, AccountPatch{Recheck: &once})
		wantKind(t, err, KindForbidden)
		_, err = a.UpdateAccountOf(t.Context(), who, "beta", AccountPatch{Recheck: &once})
		wantKind(t, err, KindForbidden)
		for range 2 { // the second time nothing changes
			if acc, err := a.UpdateAccount(t.Context(), who, AccountPatch{Recheck: &once}); err != nil || acc.Recheck != once {
				t.Fatalf("%+v, %v", acc, err)
			}
		}
		if acc, err := a.Account(t.Context(), who); err != nil || acc.Recheck != once {
			t.Errorf("%+v, %v", acc, err)
		}
		if d = get(t, a, who, d.ID); d.Recheck != once {
			t.Errorf("shown as %q", d.Recheck)
		}
		p.remove(zonehold.MethodDNSTXT, "example.com")
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		if d = get(t, a, who, d.ID); d.State != zonehold.StateVerified || d.MissingSince.IsZero() || d.ScansAllowed || d.ScansReason == "" {
			t.Errorf("once: %+v", d)
		}
		keep := zonehold.RecheckKeep
		if _, err := a.UpdateAccountOf(t.Context(), operator, "alpha", AccountPatch{Recheck: &keep}); err != nil {
			t.Fatal(err)
		}
		if d = get(t, a, who, d.ID); d.State != zonehold.StateVerified {
			t.Errorf("by the switch alone: %s", d.State)
		}
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		if d = get(t, a, who, d.ID); d.State != zonehold.StateAtRisk {
			t.Errorf("keep: %s", d.State)
		}
		updated := 0
		for _, e := range eventTypes(t, a, who) {
			if e == zonehold.EventAccountUpdated {
				updated++
			}
		}
		if updated != 2 {
			t.Errorf("%d events", updated)
		}
		if acc, err := a.Account(t.Context(), other); err != nil || acc.Recheck != keep {
			t.Errorf("another account: %+v, %v", acc, err)
		}
	})
}
