package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// What a scheduled check of a proved domain does, by method and verdict.
func TestRecheckByMethod(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	const (
		verified, atRisk, lapsed = zonehold.StateVerified, zonehold.StateAtRisk, zonehold.StateLapsed
		absent, mismatch         = zonehold.OutcomeAbsent, zonehold.OutcomeMismatch
		inconclusive, refused    = zonehold.OutcomeInconclusive, zonehold.OutcomeRefused
	)
	for _, tc := range []struct {
		methods []zonehold.Method
		want    map[zonehold.Outcome]zonehold.DomainState
	}{
		// What others say may be a slip: there is a time of grace.
		{[]zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodFile, zonehold.MethodWHOIS, zonehold.MethodCloudflare, zonehold.MethodAWSRoute53},
			map[zonehold.Outcome]zonehold.DomainState{absent: atRisk, mismatch: atRisk, refused: verified, inconclusive: verified}},
		// A code that is too old can be renewed.
		{[]zonehold.Method{zonehold.MethodEmail},
			map[zonehold.Outcome]zonehold.DomainState{absent: atRisk, refused: lapsed, inconclusive: verified}},
		// Of what we keep ourselves there is no doubt.
		{[]zonehold.Method{zonehold.MethodExistingDomain, zonehold.MethodDelegated, zonehold.MethodWhitelist, zonehold.MethodWaved,
			zonehold.MethodBackOffice, zonehold.MethodPDD, zonehold.MethodAuto},
			map[zonehold.Outcome]zonehold.DomainState{absent: lapsed, mismatch: lapsed, refused: lapsed, inconclusive: verified}},
	} {
		for _, method := range tc.methods {
			for outcome, want := range tc.want {
				now := time.Now()
				d := &store.Domain{Domain: zonehold.Domain{State: verified, Method: method, ProofSource: "x"}}
				f := &finish{attempt: &store.Attempt{Attempt: zonehold.Attempt{ID: "att", Trigger: zonehold.TriggerSchedule}, Requested: method}}
				events := a.apply(d, f, store.Finish{Method: method, Outcome: outcome}, now)
				if d.State != want {
					t.Errorf("%s, %s: %s, want %s", method, outcome, d.State, want)
				}
				switch d.State {
				case lapsed:
					if d.ProofSource != "" || !d.NextCheckAt.Equal(now) || !d.GraceEndsAt.IsZero() || events[len(events)-1].Type != zonehold.EventDomainLapsed {
						t.Errorf("%s, %s: %+v, %v", method, outcome, d, events)
					}
				case atRisk:
					if d.ProofSource != "x" || d.GraceEndsAt.IsZero() {
						t.Errorf("%s, %s: %+v", method, outcome, d)
					}
				}
			}
		}
	}
}

// A check that nobody asked for is repeated only where something could not be
// asked, less and less often, and in the end no more.
func TestLookedInVain(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	now := time.Now()
	look := func(d *store.Domain, outcome zonehold.Outcome, raced bool) time.Duration {
		f := &finish{attempt: &store.Attempt{Attempt: zonehold.Attempt{ID: "att", Trigger: zonehold.TriggerSchedule}}, raced: raced}
		for _, e := range a.apply(d, f, store.Finish{Method: zonehold.MethodCloudflare, Outcome: outcome}, now) {
			if e.Type != zonehold.EventAttemptCompleted {
				t.Errorf("event %s", e.Type)
			}
		}
		if d.LastAttemptID != "" || d.Problem != nil || d.State != zonehold.StatePending {
			t.Errorf("a trace is left: %+v", d)
		}
		if d.NextCheckAt.IsZero() {
			return -1
		}
		return d.NextCheckAt.Sub(now)
	}
	for _, tc := range []struct {
		since, next time.Duration // since the claim was last changed or made due; next check planned
		outcome     zonehold.Outcome
		raced       bool
		want        time.Duration
	}{
		{0, time.Hour, zonehold.OutcomeAbsent, false, -1},
		{0, time.Hour, zonehold.OutcomeRefused, false, -1},
		{0, time.Hour, zonehold.OutcomeRefused, true, 0},               // what it rested on went meanwhile
		{0, -time.Second, zonehold.OutcomeAbsent, false, -time.Second}, // made due while it ran
		{time.Minute, time.Hour, zonehold.OutcomeInconclusive, false, time.Hour},
		{3 * time.Hour, time.Hour, zonehold.OutcomeInconclusive, false, 3 * time.Hour},
		{200 * time.Hour, time.Hour, zonehold.OutcomeInconclusive, false, -1},
	} {
		d := &store.Domain{Domain: zonehold.Domain{State: zonehold.StatePending, UpdatedAt: now.Add(-tc.since), NextCheckAt: now.Add(tc.next)}}
		if got := look(d, tc.outcome, tc.raced); got != tc.want {
			t.Errorf("%+v: next after %s", tc, got)
		}
	}
}

// A connection that is gone, and a kind of source that is not known, hold no
// proof.
func TestSourcesOfOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{CheckAutomatic: diagnose.RunAutomatic}, quick)
		who, other := actor(t, s, "alpha"), actor(t, s, "beta")
		connection := func(of zonehold.Actor) string {
			c := &store.Connection{Connection: zonehold.Connection{ID: zonehold.NewID(zonehold.PrefixConnection), AccountID: of.Account.ID,
				Provider: zonehold.MethodCloudflare, Name: "x", CreatedAt: time.Now()}}
			if err := s.SetCredentials(c, map[string]string{"token": "secret"}); err != nil {
				t.Fatal(err)
			}
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertConnection(t.Context(), c) }); err != nil {
				t.Fatal(err)
			}
			return c.ID
		}
		ours, theirs := connection(who), connection(other)
		mailbox(t, s, who, "anna@shop.example")
		mailbox(t, s, other, "bea@shop.example")
		d, err := s.DomainByID(t.Context(), who.Account.ID, create(t, a, who, "z.shop.example").ID)
		if err != nil {
			t.Fatal(err)
		}
		err = s.InTx(t.Context(), func(tx *store.Tx) error {
			src := &sources{app: a, tx: tx, now: time.Now()}
			for _, tc := range []struct {
				method zonehold.Method
				source string
				want   bool
			}{
				{zonehold.MethodDNSTXT, "", true},
				{zonehold.MethodWhitelist, "", false},
				{zonehold.MethodCloudflare, ours, true},
				{zonehold.MethodCloudflare, theirs, false},
				{zonehold.MethodCloudflare, zonehold.NewID("con"), false},
				{zonehold.MethodEmail, "anna@shop.example", true},
				{zonehold.MethodEmail, "bea@shop.example", false},
				{zonehold.MethodWHOIS, "ANNA@shop.example", true},
				{zonehold.MethodWhitelist, zonehold.NewID("pol"), false},
				{zonehold.MethodDelegated, zonehold.NewID("del"), false},
				{zonehold.MethodExistingDomain, d.ID, false},
				{zonehold.MethodExistingDomain, "what", false},
			} {
				got, err := src.stands(t.Context(), d, tc.method, tc.source)
				if err != nil || got != tc.want {
					t.Errorf("%s by %q: %v, %v", tc.method, tc.source, got, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
