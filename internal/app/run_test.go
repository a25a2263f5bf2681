package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// T44: what happens to the claim while its check runs.
func TestResultOfAnOldClaimIsDropped(t *testing.T) {
	changes := map[string]func(t *testing.T, a *App, who zonehold.Actor, d *Domain){
		"deleted": func(t *testing.T, a *App, who zonehold.Actor, d *Domain) {
			if err := a.DeleteDomain(t.Context(), who, d.ID, 0); err != nil {
				t.Fatal(err)
			}
		},
		"deleted and added again": func(t *testing.T, a *App, who zonehold.Actor, d *Domain) {
			if err := a.DeleteDomain(t.Context(), who, d.ID, 0); err != nil {
				t.Fatal(err)
			}
			create(t, a, who, string(d.Hostname))
		},
		"another port": func(t *testing.T, a *App, who zonehold.Actor, d *Domain) {
			if _, err := a.UpdateDomain(t.Context(), who, d.ID, DomainPatch{Port: ptr(8443)}, 0); err != nil {
				t.Fatal(err)
			}
		},
		// What this program does not offer yet, but the fence must hold for.
		"transferred": func(t *testing.T, a *App, who zonehold.Actor, d *Domain) {
			err := a.store.InTx(t.Context(), func(tx *store.Tx) error {
				locked, err := tx.LockDomains(t.Context(), []string{d.ID})
				if err != nil {
					return err
				}
				locked[d.ID].Generation++
				return tx.UpdateDomain(t.Context(), locked[d.ID])
			})
			if err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				// A check that heeds no cancellation: the fence alone must do it.
				begun, end := make(chan bool, 1), make(chan bool)
				check := func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
					begun <- true
					<-end
					return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
				}
				a := start1(t, s, Config{Check: check}, quick)
				who := actor(t, s, "alpha")
				d := create(t, a, who, "example.com")
				at := begin(t, a, who, d.ID, "")
				recv(t, begun)
				change(t, a, who, d)
				close(end)
				done := wait(t, a, who, at.ID)
				if done.State != zonehold.AttemptCanceled || done.Outcome != "" {
					t.Errorf("the attempt ended %s, %s", done.State, done.Outcome)
				}
				page, err := a.Domains(t.Context(), who, DomainQuery{})
				if err != nil {
					t.Fatal(err)
				}
				for _, now := range page.Items {
					if now.State != zonehold.StatePending || now.LastAttempt != nil {
						t.Errorf("the result reached %+v", now)
					}
				}
				for _, e := range eventTypes(t, a, who) {
					if e == zonehold.EventDomainVerified || e == zonehold.EventAttemptCompleted {
						t.Errorf("event %s of a dropped result", e)
					}
				}
			})
		})
	}
}

func TestPanicAndSilenceBecomeAVerdict(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		check := func(ctx context.Context, _ *verify.Kit, m zonehold.Method, _ verify.Claim) diagnose.Report {
			if m == zonehold.MethodFile {
				select {} // heeds nothing
			}
			panic("boom")
		}
		tm := quick
		tm.attempt = 100 * time.Millisecond
		a := start1(t, s, Config{Check: check}, tm)
		who := actor(t, s, "alpha")
		for i, m := range []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodFile} {
			d := create(t, a, who, fmt.Sprintf("n%d.example", i))
			at := wait(t, a, who, begin(t, a, who, d.ID, m).ID)
			if at.Outcome != zonehold.OutcomeInconclusive || at.Problem == nil || at.Problem.Code != "verifier_fault" || at.Method != m {
				t.Errorf("%s: %+v, %+v", m, at, at.Problem)
			}
			if got := get(t, a, who, d.ID); got.State != zonehold.StatePending {
				t.Errorf("%s: state %s", m, got.State)
			}
		}
	})
}

func TestRateLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent), ChecksPerMinute: 3, TargetChecksPerHour: 5}, quick)
		one, two := actor(t, s, "alpha"), actor(t, s, "beta")
		check := func(who zonehold.Actor, name string) error {
			d, _, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: name})
			if err != nil {
				t.Fatal(err)
			}
			at, err := a.StartAttempt(t.Context(), who, d.ID, "", zonehold.TriggerRequest)
			if err == nil {
				wait(t, a, who, at.ID)
			}
			return err
		}
		for i := range 3 {
			if err := check(one, fmt.Sprintf("n%d.example.com", i)); err != nil {
				t.Fatal(err)
			}
		}
		if e := wantKind(t, check(one, "other.example"), KindRateLimited); e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
			t.Errorf("account: retry after %s", e.RetryAfter)
		}
		for range 2 {
			if err := check(two, "www.example.com"); err != nil {
				t.Fatal(err)
			}
		}
		if e := wantKind(t, check(two, "example.com"), KindRateLimited); e.RetryAfter <= time.Minute || e.RetryAfter > time.Hour {
			t.Errorf("target: retry after %s", e.RetryAfter)
		}
		if err := check(two, "example.org"); err != nil {
			t.Errorf("another target: %v", err)
		}
		// Many in one transaction are counted one by one.
		three := actor(t, s, "gamma")
		var wg sync.WaitGroup
		var passed atomic.Int64
		for i := range 12 {
			d := create(t, a, three, fmt.Sprintf("m%d.example", i))
			wg.Go(func() {
				if _, err := a.StartAttempt(context.Background(), three, d.ID, "", zonehold.TriggerRequest); err == nil {
					passed.Add(1)
				}
			})
		}
		wg.Wait()
		if passed.Load() != 3 {
			t.Errorf("%d checks passed a limit of 3", passed.Load())
		}
	})
}

func TestGroupCommitIsolatesFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, quick)
		who := actor(t, s, "alpha")
		good := create(t, a, who, "good.example")
		at := begin(t, a, who, good.ID, "")
		wait(t, a, who, at.ID)
		// In one transaction: one that runs, one that is gone, one whose
		// account does not exist (which fails the whole transaction).
		d2 := create(t, a, who, "second.example")
		gone := create(t, a, who, "gone.example")
		if err := a.DeleteDomain(t.Context(), who, gone.ID, 0); err != nil {
			t.Fatal(err)
		}
		bad := newStart(who.Account.ID, d2.ID, "", zonehold.TriggerRequest)
		bad.attempt.ID = at.ID // taken: the insert fails
		calls := []*start{newStart(who.Account.ID, good.ID, "", zonehold.TriggerRequest), bad, {attempt: &store.Attempt{Attempt: zonehold.Attempt{DomainID: gone.ID}}}}
		if err := a.commitStarts(t.Context(), calls); err == nil {
			t.Fatal("the shared transaction was meant to fail")
		}
		var wg sync.WaitGroup
		errs := make([]error, len(calls))
		slow := combiner[*start]{commit: a.commitStarts, busy: true} // gather first
		for i, c := range calls {
			wg.Go(func() { errs[i] = slow.do(c) })
		}
		for gathered := 0; gathered < len(calls); {
			slow.mu.Lock()
			gathered = len(slow.waiting)
			slow.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		slow.turn()
		wg.Wait()
		if errs[0] != nil || calls[0].err != nil {
			t.Errorf("the good one failed: %v, %v", errs[0], calls[0].err)
		}
		if errs[1] == nil {
			t.Error("the bad one passed")
		}
		wantKind(t, errors.Join(errs[2], calls[2].err), KindNotFound)
		wait(t, a, who, calls[0].attempt.ID)
		if got := get(t, a, who, d2.ID); got.Running != nil {
			t.Errorf("the bad one left %+v", got.Running)
		}
	})
}

func TestManyChecksEndExactlyOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), Slots: 8}, quick)
		const n = 120
		var wg sync.WaitGroup
		actors := []zonehold.Actor{actor(t, s, "alpha"), actor(t, s, "beta"), actor(t, s, "gamma")}
		for i := range n {
			wg.Go(func() {
				who := actors[i%3]
				d := create(t, a, who, fmt.Sprintf("n%d.example", i))
				at := begin(t, a, who, d.ID, "")
				if got := wait(t, a, who, at.ID); got.Outcome != zonehold.OutcomeVerified {
					t.Errorf("%s ended %s %s", d.Hostname, got.State, got.Outcome)
				}
			})
		}
		wg.Wait()
		total := 0
		for _, who := range actors {
			count := map[zonehold.EventType]int{}
			for _, e := range eventTypes(t, a, who) {
				count[e]++
			}
			if count["attempt.completed"] != n/3 || count["domain.verified"] != n/3 {
				t.Errorf("%s: events %v", who.Account.Name, count)
			}
			total += count["domain.verified"]
		}
		if queued, running, err := s.QueueDepth(t.Context()); queued+running != 0 || err != nil || total != n {
			t.Errorf("left over: %d queued, %d running, %v", queued, running, err)
		}
	})
}

func TestGraceAndScheduledChecks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var outcome atomic.Value
		outcome.Store(zonehold.OutcomeVerified)
		check := func(_ context.Context, _ *verify.Kit, m zonehold.Method, _ verify.Claim) diagnose.Report {
			if m == "" || m == zonehold.MethodDNSTXT {
				return report(zonehold.MethodDNSTXT, outcome.Load().(zonehold.Outcome))
			}
			return report(m, zonehold.OutcomeAbsent)
		}
		a := start1(t, s, Config{Check: check, RecheckInterval: time.Hour, RecheckGrace: time.Hour}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		wait(t, a, who, begin(t, a, who, d.ID, "").ID)
		ref := get(t, a, who, d.ID)
		if left := time.Until(ref.NextCheckAt); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("next check in %s", left)
		}
		// due runs the scheduled check that the sweeper would find.
		due := func() *Domain {
			t.Helper()
			old := get(t, a, who, d.ID).LastAttemptID
			if err := s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SetNextCheck(t.Context(), []string{d.ID}, time.Now().Add(-time.Second))
			}); err != nil {
				t.Fatal(err)
			}
			if err := a.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3600 {
				if got := get(t, a, who, d.ID); got.Running == nil && got.LastAttemptID != old {
					if got.LastAttempt.Trigger != zonehold.TriggerSchedule {
						t.Fatalf("trigger %s", got.LastAttempt.Trigger)
					}
					return got
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Fatal("the scheduled check did not run")
			return nil
		}
		if got := due(); got.State != zonehold.StateVerified || !got.NextCheckAt.After(time.Now()) {
			t.Fatalf("good re-check: %+v", got)
		}
		// A check of another method does not say that the proof is gone.
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodFile).ID)
		if got := get(t, a, who, d.ID); got.State != zonehold.StateVerified {
			t.Fatalf("after an absent file: %s", got.State)
		}
		// T47: could not ask changes nothing.
		for _, o := range []zonehold.Outcome{zonehold.OutcomeInconclusive, zonehold.OutcomeRefused} {
			outcome.Store(o)
			if got := due(); got.State != zonehold.StateVerified || !got.VerifiedAt.Equal(ref.VerifiedAt) || !got.GraceEndsAt.IsZero() {
				t.Fatalf("%s: %+v", o, got)
			}
		}
		outcome.Store(zonehold.OutcomeAbsent)
		got := due()
		if got.State != zonehold.StateAtRisk || got.GraceEndsAt.IsZero() || got.Turn != zonehold.TurnYou || got.Problem == nil || !got.State.Verified() {
			t.Fatalf("absent: %+v", got)
		}
		grace := got.GraceEndsAt
		if got = due(); got.State != zonehold.StateAtRisk || !got.GraceEndsAt.Equal(grace) {
			t.Fatalf("absent again: %+v", got)
		}
		outcome.Store(zonehold.OutcomeVerified)
		if got = due(); got.State != zonehold.StateVerified || !got.GraceEndsAt.IsZero() || !got.VerifiedAt.Equal(ref.VerifiedAt) {
			t.Fatalf("recovered: %+v", got)
		}
		outcome.Store(zonehold.OutcomeMismatch)
		due()
		a.cfg.RecheckGrace = 0
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { // the grace time passes
			locked, err := tx.LockDomains(t.Context(), []string{d.ID})
			if err != nil {
				return err
			}
			locked[d.ID].GraceEndsAt = time.Now().Add(-time.Minute)
			return tx.UpdateDomain(t.Context(), locked[d.ID])
		}); err != nil {
			t.Fatal(err)
		}
		outcome.Store(zonehold.OutcomeInconclusive)
		if got = due(); got.State != zonehold.StateAtRisk || !got.NextCheckAt.After(time.Now()) {
			t.Fatalf("inconclusive after the grace time: %+v", got)
		}
		outcome.Store(zonehold.OutcomeAbsent)
		if got = due(); got.State != zonehold.StateLapsed || !got.NextCheckAt.After(time.Now()) {
			t.Fatalf("absent after the grace time: %+v", got)
		}
		outcome.Store(zonehold.OutcomeVerified)
		wait(t, a, who, begin(t, a, who, d.ID, "").ID)
		if got = get(t, a, who, d.ID); got.State != zonehold.StateVerified || got.VerifiedAt.Equal(ref.VerifiedAt) {
			t.Fatalf("proved anew: %+v", got)
		}
		count := map[zonehold.EventType]int{}
		for _, e := range eventTypes(t, a, who) {
			count[e]++
		}
		if count[zonehold.EventDomainAtRisk] != 2 || count[zonehold.EventDomainRecovered] != 1 || count[zonehold.EventDomainLapsed] != 1 || count[zonehold.EventDomainVerified] != 2 {
			t.Errorf("events %v", count)
		}
	})
}
