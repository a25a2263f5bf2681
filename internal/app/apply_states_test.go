package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/problem"
)

var (
	allStates   = []zonehold.DomainState{zonehold.StatePending, zonehold.StateVerified, zonehold.StateAtRisk, zonehold.StateLapsed}
	allOutcomes = []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeAbsent, zonehold.OutcomeMismatch, zonehold.OutcomeInconclusive, zonehold.OutcomeRefused}
)

// judged is one verdict about a domain by dns_txt, as the schedule or a person
// would have it.
func judged(a *App, d *store.Domain, m zonehold.Method, o zonehold.Outcome, trigger zonehold.Trigger, recheck zonehold.RecheckPolicy, held bool, now time.Time) []*zonehold.Event {
	at := &store.Attempt{Attempt: zonehold.Attempt{ID: "att", Trigger: trigger}, Requested: m}
	at.Retry = trigger == zonehold.TriggerSchedule && !d.State.Verified()
	f := &finish{attempt: at, hasReport: true, report: report(m, o), recheck: recheck, held: held, outcome: o}
	e := store.Finish{Method: m, Outcome: o, Problem: f.report.Problem}
	return a.apply(d, f, e, now)
}

// Every state, outcome, trigger and policy, once in the middle of things and
// once when the grace is over and enough looks have missed.
func TestEveryVerdictInEveryState(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	now := time.Now().UTC()
	for _, state := range allStates {
		for _, outcome := range allOutcomes {
			for _, trigger := range []zonehold.Trigger{zonehold.TriggerRequest, zonehold.TriggerPage, zonehold.TriggerSchedule} {
				for _, recheck := range []zonehold.RecheckPolicy{zonehold.RecheckKeep, zonehold.RecheckOnce} {
					for _, held := range []bool{false, true} {
						for _, over := range []bool{false, true} {
							name := fmt.Sprintf("%s %s %s %s held %v over %v", state, outcome, trigger, recheck, held, over)
							d := &store.Domain{Domain: zonehold.Domain{State: state, StateSince: now.Add(-time.Hour), UpdatedAt: now.Add(-time.Hour)}}
							if state != zonehold.StatePending {
								d.Method, d.Assurance, d.Covers = zonehold.MethodDNSTXT, zonehold.AssuranceDNS, zonehold.CoversSubtree
								d.SeenAt, d.LookedAt = now.Add(-50*time.Hour), now.Add(-time.Hour)
							}
							if state == zonehold.StateAtRisk {
								d.MissingSince, d.GraceEndsAt, d.Misses = now.Add(-40*time.Hour), now.Add(time.Hour), 7
								if over {
									d.GraceEndsAt = now.Add(-time.Second)
								}
							}
							if trigger == zonehold.TriggerSchedule && !state.Verified() {
								d.TriesEndAt, d.Tries = now.Add(20*24*time.Hour), 5
								if over {
									d.TriesEndAt = now
								}
							}
							before := *d
							events := judged(a, d, zonehold.MethodDNSTXT, outcome, trigger, recheck, held, now)

							missing := outcome == zonehold.OutcomeAbsent || outcome == zonehold.OutcomeMismatch
							want := state
							switch {
							case outcome == zonehold.OutcomeVerified:
								want = zonehold.StateVerified
							case held || !missing:
							case recheck == zonehold.RecheckOnce && state == zonehold.StateAtRisk:
								want = zonehold.StateVerified
							case recheck == zonehold.RecheckOnce:
							case state == zonehold.StateVerified:
								want = zonehold.StateAtRisk
							case state == zonehold.StateAtRisk && over:
								want = zonehold.StateLapsed
							}
							if d.State != want {
								t.Errorf("%s: %s, want %s", name, d.State, want)
								continue
							}
							if (d.StateSince != before.StateSince) != (want != state) {
								t.Errorf("%s: since %s", name, d.StateSince)
							}
							// The rights stand; whether what is seen is told truly.
							if state.Verified() && want.Verified() {
								gone := missing && !held || outcome != zonehold.OutcomeVerified && state == zonehold.StateAtRisk
								if gone != !d.MissingSince.IsZero() || (outcome == zonehold.OutcomeVerified) != d.SeenAt.Equal(now) {
									t.Errorf("%s: seen %s, missing since %s", name, d.SeenAt, d.MissingSince)
								}
							}
							if (want == zonehold.StateAtRisk) != !d.GraceEndsAt.IsZero() {
								t.Errorf("%s: grace ends %s", name, d.GraceEndsAt)
							}
							if !missing && outcome != zonehold.OutcomeVerified && d.Misses != before.Misses || held && outcome != zonehold.OutcomeVerified && d.Misses != before.Misses {
								t.Errorf("%s: %d misses after %d", name, d.Misses, before.Misses)
							}
							// What is planned.
							expired := !state.Verified() && want == state && over && trigger == zonehold.TriggerSchedule && !held
							planned := !expired
							if held && outcome != zonehold.OutcomeVerified && !state.Verified() && trigger == zonehold.TriggerSchedule && over {
								planned = false // the look that is under way has set a time, which stays
							}
							if d.NextCheckAt.After(now) != planned {
								t.Errorf("%s: next %s", name, d.NextCheckAt)
							}
							checkEvents(t, name, events, trigger, state, want, outcome, held, expired)
						}
					}
				}
			}
		}
	}
}

func checkEvents(t *testing.T, name string, events []*zonehold.Event, trigger zonehold.Trigger, from, to zonehold.DomainState, outcome zonehold.Outcome, held, expired bool) {
	t.Helper()
	got := map[zonehold.EventType]int{}
	for _, e := range events {
		got[e.Type]++
	}
	want := map[zonehold.EventType]int{}
	asked := trigger != zonehold.TriggerSchedule
	no := saysNo(outcome) && !from.Verified() && !held && !expired // each time a new cause: there was none
	if asked || from != to || no {
		want[zonehold.EventAttemptCompleted]++
	}
	if no {
		want[zonehold.EventDomainVerificationFailed]++
	}
	if expired {
		want[zonehold.EventChallengeExpired]++
	}
	if from != to {
		switch {
		case to == zonehold.StateVerified && from == zonehold.StateAtRisk:
			want[zonehold.EventDomainRecovered]++
		case to == zonehold.StateVerified:
			want[zonehold.EventDomainVerified]++
		case to == zonehold.StateAtRisk:
			want[zonehold.EventDomainAtRisk]++
		default:
			want[zonehold.EventDomainLapsed]++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: events %v, want %v", name, got, want)
	}
}

// A domain lapses only when its grace is over and three looks in a row, as
// planned, have missed the proof. With no grace two do.
func TestLapseNeedsLooksInARow(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	const verified, absent, inconclusive = zonehold.OutcomeVerified, zonehold.OutcomeAbsent, zonehold.OutcomeInconclusive
	type look struct {
		after   time.Duration // since the one before; 0: when it is planned
		outcome zonehold.Outcome
		trigger zonehold.Trigger
		want    zonehold.DomainState
	}
	plan, asked := zonehold.TriggerSchedule, zonehold.TriggerRequest
	const ok, risk, lapsed = zonehold.StateVerified, zonehold.StateAtRisk, zonehold.StateLapsed
	year := 365 * 24 * time.Hour
	for name, tc := range map[string]struct {
		grace time.Duration
		looks []look
	}{
		// By chance one look more may come shortly before the end.
		"the usual end": {time.Hour, []look{{0, absent, plan, risk}, {0, absent, plan, risk}, {0, absent, plan, risk}, {0, absent, plan, risk},
			{20 * time.Minute, absent, plan, lapsed}}},
		"it comes back": {time.Hour, []look{{0, absent, plan, risk}, {0, absent, plan, risk}, {0, verified, plan, ok}, {0, absent, plan, risk}}},
		"the clock jumps a year at the first look": {168 * time.Hour, []look{{0, absent, plan, risk}, {year, absent, plan, risk},
			{0, absent, plan, risk}, {0, absent, plan, lapsed}}},
		"the clock jumps a year after many looks": {168 * time.Hour, []look{{0, absent, plan, risk}, {0, absent, plan, risk}, {0, absent, plan, risk},
			{0, absent, plan, risk}, {year, absent, plan, risk}, {0, absent, plan, risk}, {0, absent, plan, lapsed}}},
		"down for the whole grace": {time.Hour, []look{{0, absent, plan, risk}, {0, absent, plan, risk}, {20 * time.Hour, absent, plan, risk},
			{0, absent, plan, risk}, {0, absent, plan, lapsed}}},
		"down, and well again": {time.Hour, []look{{0, absent, plan, risk}, {20 * time.Hour, verified, plan, ok}}},
		"nothing to be asked when it ends": {time.Hour, []look{{0, absent, plan, risk}, {0, absent, plan, risk}, {0, absent, plan, risk},
			{0, inconclusive, plan, risk}, {0, inconclusive, plan, risk}, {0, inconclusive, plan, risk}, {0, inconclusive, plan, risk},
			{0, inconclusive, plan, risk}, {0, inconclusive, plan, risk}, {0, inconclusive, plan, risk}, {0, inconclusive, plan, risk}, {0, absent, plan, lapsed}}},
		"nobody can hurry it by asking": {time.Hour, []look{{0, absent, plan, risk}, {30 * time.Hour, absent, asked, risk}, {time.Second, absent, asked, risk},
			{time.Second, absent, asked, risk}, {time.Second, absent, asked, risk}, {0, absent, plan, risk}, {0, absent, plan, lapsed}}},
		"no grace":             {-1, []look{{0, absent, plan, risk}, {time.Second, absent, asked, risk}, {0, absent, plan, lapsed}}},
		"no grace, and a slip": {-1, []look{{0, absent, plan, risk}, {0, verified, plan, ok}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := make1(t, s, Config{RecheckGrace: tc.grace}, quick)
			now := time.Now().UTC()
			d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, SeenAt: now, LookedAt: now}}
			a.planRegular(d, now)
			for i, l := range tc.looks {
				if l.after == 0 {
					if !d.NextCheckAt.After(now) {
						t.Fatalf("look %d: none is planned (%s)", i, d.NextCheckAt)
					}
					if d.State == risk && d.NextCheckAt.Sub(now) > 2*time.Hour {
						t.Errorf("look %d only after %s", i, d.NextCheckAt.Sub(now))
					}
					now = d.NextCheckAt
				} else {
					now = now.Add(l.after)
				}
				judged(a, d, zonehold.MethodDNSTXT, l.outcome, l.trigger, zonehold.RecheckKeep, false, now)
				if d.State != l.want {
					t.Fatalf("look %d: %s, want %s (%d misses, grace ends in %s)", i, d.State, l.want, d.Misses, d.GraceEndsAt.Sub(now))
				}
			}
		})
	}
}

// Asking again and again does not put the end of a grace off.
func TestAskingDoesNotPutTheEndOff(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{RecheckGrace: 4 * time.Hour}, quick)
	from := time.Now().UTC()
	now := from
	d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, SeenAt: now, LookedAt: now}}
	for d.State != zonehold.StateLapsed && now.Sub(from) < 12*time.Hour {
		trigger := zonehold.TriggerRequest
		if !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(now) {
			trigger = zonehold.TriggerSchedule
			d.NextCheckAt = now.Add(recheckSoon) // as its start does
		}
		method := zonehold.MethodDNSTXT
		if trigger == zonehold.TriggerRequest && now.Minute()%2 == 0 {
			method = zonehold.MethodFile
		}
		judged(a, d, method, zonehold.OutcomeAbsent, trigger, zonehold.RecheckKeep, false, now)
		now = now.Add(10 * time.Minute)
	}
	if took := now.Sub(from); d.State != zonehold.StateLapsed || took > 6*time.Hour {
		t.Errorf("%s after %s", d.State, took)
	}
}

// A clock that was put back takes back what was written while it was ahead.
func TestTimesAheadOfTheClock(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	now := time.Now().UTC()
	ahead := now.Add(365 * 24 * time.Hour)
	d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StateAtRisk, Method: zonehold.MethodDNSTXT, SeenAt: now,
		MissingSince: ahead, LookedAt: ahead, GraceEndsAt: ahead.Add(168 * time.Hour), Misses: 9, NextCheckAt: ahead}}
	judged(a, d, zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, zonehold.TriggerSchedule, zonehold.RecheckKeep, false, now)
	if d.Misses != 1 || !d.MissingSince.Equal(now) || d.GraceEndsAt.Sub(now) != 168*time.Hour || d.NextCheckAt.Sub(now) > 2*time.Hour {
		t.Errorf("%d misses since %s, grace until %s, next %s", d.Misses, d.MissingSince, d.GraceEndsAt, d.NextCheckAt)
	}
}

// What could not be asked is asked again after minutes, then less often, and
// never later than planned.
func TestAgainAfterInconclusive(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	now := time.Now().UTC()
	d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, SeenAt: now, LookedAt: now}}
	about := func(want time.Duration) {
		t.Helper()
		got := d.NextCheckAt.Sub(now)
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("again after %s, want about %s", got, want)
		}
	}
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		d.NextCheckAt = now.Add(2 * time.Hour)
		judged(a, d, zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive, zonehold.TriggerSchedule, zonehold.RecheckKeep, false, now)
		about(want * time.Minute)
	}
	for _, o := range []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeInconclusive} {
		d.NextCheckAt = time.Time{}
		judged(a, d, zonehold.MethodDNSTXT, o, zonehold.TriggerSchedule, zonehold.RecheckKeep, false, now)
	}
	about(5 * time.Minute)
	d.NextCheckAt = now.Add(time.Minute)
	judged(a, d, zonehold.MethodDNSTXT, zonehold.OutcomeRefused, zonehold.TriggerRequest, zonehold.RecheckKeep, false, now)
	if got := d.NextCheckAt.Sub(now); got != time.Minute {
		t.Errorf("what was planned sooner is now in %s", got)
	}
}

// The ladder: fast first, slower later, the last check after 30 days, and anew
// with each check that a person asks for.
func TestLadder(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	from := time.Now().UTC()
	now := from
	d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StatePending}}
	judged(a, d, zonehold.MethodFile, zonehold.OutcomeAbsent, zonehold.TriggerRequest, zonehold.RecheckKeep, false, now)
	if d.TriesMethod != zonehold.MethodFile || !d.TriesEndAt.Equal(from.Add(30*24*time.Hour)) {
		t.Fatalf("tries %s until %s", d.TriesMethod, d.TriesEndAt)
	}
	var waits []time.Duration
	events := 0
	for !d.NextCheckAt.IsZero() && len(waits) < 1000 {
		wait := d.NextCheckAt.Sub(now)
		waits = append(waits, wait)
		now = d.NextCheckAt
		d.NextCheckAt = now.Add(recheckSoon) // as its start does
		for _, e := range judged(a, d, zonehold.MethodFile, zonehold.OutcomeAbsent, zonehold.TriggerSchedule, zonehold.RecheckKeep, false, now) {
			if e.Type != zonehold.EventChallengeExpired {
				t.Errorf("event %s", e.Type)
			}
			events++
		}
	}
	for i, want := range rungs {
		if got := waits[i]; got < want*9/10 || got > want*11/10 {
			t.Errorf("rung %d after %s, want about %s", i, got, want)
		}
	}
	if !now.Equal(from.Add(30*24*time.Hour)) || len(waits) < 35 || len(waits) > 45 || events != 1 {
		t.Errorf("%d checks in %s, %d events", len(waits), now.Sub(from), events)
	}
	if d.Problem == nil || d.Problem.Code != "challenge_expired_or_paused" || !d.TriesEndAt.IsZero() || d.State != zonehold.StatePending {
		t.Errorf("at the end: %+v", d)
	}
	judged(a, d, "", zonehold.OutcomeAbsent, zonehold.TriggerPage, zonehold.RecheckKeep, false, now)
	if wait := d.NextCheckAt.Sub(now); wait > 67*time.Second || d.TriesMethod != "" || d.Problem.Code == "challenge_expired_or_paused" {
		t.Errorf("asked anew: next after %s, %+v", wait, d.Problem)
	}
	// Another cause is news; what could not be asked is none.
	for _, tc := range []struct {
		code    problem.Code
		outcome zonehold.Outcome
		want    int
	}{{"dns_doubled_label", zonehold.OutcomeMismatch, 2}, {"dns_doubled_label", zonehold.OutcomeMismatch, 0}, {"dns_timeout", zonehold.OutcomeInconclusive, 0}} {
		p := problem.New(tc.code, nil)
		f := &finish{attempt: &store.Attempt{Attempt: zonehold.Attempt{ID: "att", Trigger: zonehold.TriggerSchedule}, Retry: true}}
		if got := a.apply(d, f, store.Finish{Outcome: tc.outcome, Problem: &p}, now); len(got) != tc.want {
			t.Errorf("%s: %d events, want %d", tc.code, len(got), tc.want)
		}
	}
}

// graceOver ends the time of grace of a domain at risk that many looks have
// missed, and has it looked at.
func graceOver(t testing.TB, a *App, id string) {
	t.Helper()
	if err := a.store.InTx(t.Context(), func(tx *store.Tx) error {
		locked, err := tx.LockDomains(t.Context(), []string{id})
		if err != nil {
			return err
		}
		d := locked[id]
		if d.State != zonehold.StateAtRisk {
			t.Fatalf("not at risk: %+v", d.Domain)
		}
		now := a.now()
		d.GraceEndsAt, d.Misses, d.LookedAt, d.NextCheckAt = now.Add(-time.Second), missesToLapse, now.Add(-time.Second), now.Add(-time.Second)
		return tx.UpdateDomain(t.Context(), d)
	}); err != nil {
		t.Fatal(err)
	}
	a.sweepSoon()
}
