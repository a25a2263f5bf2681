package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

const (
	byTXT, byFile, byMeta = zonehold.MethodDNSTXT, zonehold.MethodFile, zonehold.MethodMetaTag
	seenIt, notThere      = zonehold.OutcomeVerified, zonehold.OutcomeAbsent
	notAsked              = zonehold.OutcomeInconclusive
)

// life is a domain under a clock that the test drives.
type life struct {
	t       *testing.T
	a       *App
	d       *store.Domain
	now     time.Time
	recheck zonehold.RecheckPolicy
	events  map[zonehold.EventType]int
}

func newLife(t *testing.T, cfg Config) *life {
	s := storetest.Open(t, storetest.SQLite(t))
	return &life{t: t, a: make1(t, s, cfg, quick), d: &store.Domain{Domain: zonehold.Domain{State: zonehold.StatePending, Profile: zonehold.ProfileZonehold, Hostname: "example.com"}},
		now: time.Now().UTC(), recheck: zonehold.RecheckKeep, events: map[zonehold.EventType]int{}}
}

// ask is a check that a person asks for; plan one that is due.
func (l *life) ask(m zonehold.Method, o zonehold.Outcome) { l.look(m, o, zonehold.TriggerRequest) }

func (l *life) look(m zonehold.Method, o zonehold.Outcome, trigger zonehold.Trigger) {
	clear(l.events)
	for _, e := range judged(l.a, l.d, m, o, trigger, l.recheck, false, l.now) {
		l.events[e.Type]++
	}
}

// plan lets the clock run to the next look, which has to be at that method.
func (l *life) plan(m zonehold.Method, o zonehold.Outcome) {
	l.t.Helper()
	if l.d.NextCheckAt.IsZero() {
		l.t.Fatalf("no look is planned: %+v", l.d.Domain)
	}
	if l.d.NextCheckAt.After(l.now) {
		l.now = l.d.NextCheckAt
	}
	s := &start{domain: l.d, attempt: &store.Attempt{}}
	s.plan()
	if s.attempt.Requested != m {
		l.t.Fatalf("the look is at %q, want %q: %+v", s.attempt.Requested, m, l.d.Domain)
	}
	l.d.NextCheckAt = l.now.Add(recheckSoon)
	l.look(m, o, zonehold.TriggerSchedule)
}

func (l *life) is(state zonehold.DomainState, leading zonehold.Method, spares int) {
	l.t.Helper()
	if l.d.State != state || l.d.Method != leading || len(l.d.Spares) != spares {
		l.t.Fatalf("%s by %s with spares %v, want %s by %s with %d", l.d.State, l.d.Method, l.d.Spares, state, leading, spares)
	}
}

func TestSparesStepIn(t *testing.T) {
	const ok, risk = zonehold.StateVerified, zonehold.StateAtRisk
	l := newLife(t, Config{})
	l.ask(byFile, seenIt)
	l.is(ok, byFile, 0)
	// A stronger one leads, a weaker one does not, and asking by name makes no
	// difference.
	l.ask(byTXT, seenIt)
	l.is(ok, byTXT, 1)
	if l.d.Covers != zonehold.CoversSubtree || l.d.Assurance != zonehold.AssuranceDNS {
		t.Errorf("worth %s, %s", l.d.Assurance, l.d.Covers)
	}
	l.ask(byFile, seenIt)
	l.is(ok, byTXT, 1)
	l.ask(byMeta, seenIt)
	l.is(ok, byTXT, 2)
	// Each is looked at in its turn, all within an interval.
	from, seen := l.now, map[zonehold.Method]int{}
	for range 3 {
		m := turnOf(l.d)
		seen[m]++
		l.plan(m, seenIt)
		if len(l.events) != 0 {
			t.Errorf("events %v of a look that changed nothing", l.events)
		}
	}
	if len(seen) != 3 || l.now.Sub(from) > 190*time.Hour {
		t.Errorf("looks at %v in %s", seen, l.now.Sub(from))
	}
	// The leading one is missing: a spare is looked at at once, and leads.
	for turnOf(l.d) != byTXT {
		l.plan(turnOf(l.d), seenIt)
	}
	l.plan(byTXT, notThere)
	l.is(ok, byTXT, 2)
	if l.events[zonehold.EventProofMissing] != 1 || l.events[zonehold.EventDomainAtRisk] != 0 || !l.d.NextCheckAt.Equal(l.now) || l.d.MissingSince.IsZero() {
		t.Errorf("events %v, next %s, missing since %s", l.events, l.d.NextCheckAt.Sub(l.now), l.d.MissingSince)
	}
	if can, _ := l.d.Scannable(l.now); can {
		t.Error("scans go on while the leading proof is missing")
	}
	l.plan(turnOf(l.d), notAsked) // a spare that cannot be asked keeps everything as it is
	l.is(ok, byTXT, 2)
	if !l.d.NextCheckAt.After(l.now) {
		t.Error("at once again")
	}
	spare := turnOf(l.d)
	l.plan(spare, seenIt)
	l.is(ok, spare, 2)
	if l.d.Covers != zonehold.CoversHost || !l.d.MissingSince.IsZero() || l.d.Spares[spareOf(l.d, byTXT)].MissingSince.IsZero() {
		t.Errorf("with the spare: %+v", l.d.Domain)
	}
	if can, why := l.d.Scannable(l.now); !can {
		t.Error(why)
	}
	// The record comes back: it leads again.
	for turnOf(l.d) != byTXT {
		l.plan(turnOf(l.d), seenIt)
	}
	l.plan(byTXT, seenIt)
	l.is(ok, byTXT, 2)
	// All go: at risk with the last of them, and back by any of them.
	for turnOf(l.d) != byTXT {
		l.plan(turnOf(l.d), seenIt)
	}
	l.plan(byTXT, notThere)
	l.plan(turnOf(l.d), notThere)
	l.is(ok, byTXT, 2)
	l.plan(turnOf(l.d), notThere)
	l.is(risk, byTXT, 2)
	if l.events[zonehold.EventDomainAtRisk] != 1 || l.d.GraceEndsAt.Sub(l.now) != 168*time.Hour {
		t.Errorf("events %v, grace %s", l.events, l.d.GraceEndsAt.Sub(l.now))
	}
	for turnOf(l.d) != byFile {
		l.plan(turnOf(l.d), notThere)
	}
	l.plan(byFile, seenIt)
	l.is(ok, byFile, 2)
	if l.events[zonehold.EventDomainRecovered] != 1 {
		t.Errorf("events %v", l.events)
	}
	// A spare that stays away for a time of grace is dropped.
	for range 200 {
		if m := turnOf(l.d); m == byFile {
			l.plan(m, seenIt)
		} else {
			l.plan(m, notThere)
		}
	}
	l.is(ok, byFile, 0)
}

// All proofs gone for good: the domain lapses, and its spares with it.
func TestAllProofsGone(t *testing.T) {
	l := newLife(t, Config{})
	l.ask(byTXT, seenIt)
	l.ask(byFile, seenIt)
	from := l.now
	for l.d.State != zonehold.StateLapsed && l.now.Sub(from) < 800*time.Hour {
		l.plan(turnOf(l.d), notThere)
	}
	l.is(zonehold.StateLapsed, byTXT, 0)
	if wait := l.d.NextCheckAt.Sub(l.now); wait < 30*time.Minute || wait > time.Hour || l.d.TriesMethod != byTXT || !l.d.GraceEndsAt.IsZero() {
		t.Errorf("planned in %s for %s, grace %s", wait, l.d.TriesMethod, l.d.GraceEndsAt)
	}
	l.ask(byFile, notThere) // now the ladder begins anew
	if l.d.TriesEndAt.IsZero() || l.d.NextCheckAt.IsZero() {
		t.Errorf("no ladder: %+v", l.d.Domain)
	}
	l.plan(byFile, seenIt)
	l.is(zonehold.StateVerified, byFile, 0)
}

// Under the policy once a proof may go: nothing happens by that but that it is
// told, and scans wait.
func TestProofOnce(t *testing.T) {
	l := newLife(t, Config{})
	l.recheck = zonehold.RecheckOnce
	l.ask(byTXT, seenIt)
	for range 5 {
		l.plan(byTXT, notThere)
		l.is(zonehold.StateVerified, byTXT, 0)
		if len(l.events) != 0 || l.d.MissingSince.IsZero() || !l.d.GraceEndsAt.IsZero() {
			t.Errorf("events %v, %+v", l.events, l.d.Domain)
		}
		if wait := l.d.NextCheckAt.Sub(l.now); wait < 150*time.Hour || wait > 186*time.Hour {
			t.Errorf("next look after %s", wait)
		}
		if can, why := l.d.Scannable(l.now); can || why == "" {
			t.Error("scans are allowed")
		}
	}
	l.plan(byTXT, seenIt)
	if !l.d.MissingSince.IsZero() || !l.d.SeenAt.Equal(l.now) {
		t.Errorf("seen again: %+v", l.d.Domain)
	}
	l.plan(byTXT, notThere)
	// Back to keep: a grace begins with the next look that misses it, and no
	// earlier.
	l.recheck = zonehold.RecheckKeep
	l.plan(byTXT, notThere)
	l.is(zonehold.StateAtRisk, byTXT, 0)
	if l.d.GraceEndsAt.Sub(l.now) != 168*time.Hour || l.d.Misses != 1 {
		t.Errorf("grace %s, %d misses", l.d.GraceEndsAt.Sub(l.now), l.d.Misses)
	}
	l.recheck = zonehold.RecheckOnce
	l.plan(byTXT, notThere)
	l.is(zonehold.StateVerified, byTXT, 0)
	// A file that is found while the record is missing takes its place.
	l.ask(byFile, seenIt)
	l.is(zonehold.StateVerified, byFile, 1)
}

// A frozen domain: only a proof with the new tokens counts.
func TestFrozenDomain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := newLife(t, Config{})
		l.a = make1(t, s, Config{}, quick)
		who := actor(t, s, "alpha")
		view := create(t, l.a, who, "example.com")
		load := func() {
			t.Helper()
			d, err := s.DomainByID(t.Context(), who.Account.ID, view.ID)
			if err != nil {
				t.Fatal(err)
			}
			l.d = d
		}
		load()
		l.ask(byTXT, seenIt)
		l.ask(byFile, seenIt)
		old := l.d.Tokens
		freeze := func() (events []*zonehold.Event) {
			t.Helper()
			if err := s.InTx(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.LockDomains(t.Context(), []string{view.ID}); err != nil {
					return err
				}
				var err error
				if events, err = l.a.freeze(t.Context(), tx, l.d, zonehold.FreezeRegistered, l.now); err != nil {
					return err
				}
				return tx.UpdateDomain(t.Context(), l.d)
			}); err != nil {
				t.Fatal(err)
			}
			load()
			return events
		}
		if events := freeze(); len(events) != 1 || events[0].Type != zonehold.EventDomainFrozen {
			t.Fatalf("events %v", events)
		}
		if l.d.State != zonehold.StateAtRisk || l.d.Generation != 2 || l.d.Tokens == old || len(l.d.Spares) != 0 ||
			l.d.GraceEndsAt.Sub(l.now).Round(time.Hour) != 168*time.Hour || l.d.Problem == nil || l.d.Problem.Code != "fresh_proof_needed" {
			t.Fatalf("frozen: %+v", l.d.Domain)
		}
		if events := freeze(); events != nil || l.d.Generation != 2 {
			t.Errorf("frozen twice: %v", events)
		}
		retired, err := s.OldTokens(t.Context(), l.d)
		if err != nil || len(retired[l.d.ID]) != 4 {
			t.Errorf("old tokens %v, %v", retired, err)
		}
		// What rests on nothing new does not count, neither on record nor asked.
		f := &finish{attempt: &store.Attempt{Attempt: zonehold.Attempt{ID: "att"}}, hasReport: true, report: report(zonehold.MethodEmail, seenIt)}
		if e := f.end(l.d, l.now); e.Outcome != zonehold.OutcomeRefused || e.Problem == nil || e.Problem.Code != "fresh_proof_needed" {
			t.Errorf("a mailbox: %+v", e)
		}
		l.plan(byTXT, zonehold.OutcomeMismatch)
		l.ask(byFile, notThere)
		l.plan(byFile, notAsked) // that is where the person has tried
		l.is(zonehold.StateAtRisk, byTXT, 0)
		frozen := *l.d
		l.plan(byFile, seenIt)
		l.is(zonehold.StateVerified, byFile, 0)
		if !l.d.FrozenAt.IsZero() || l.d.FreezeReason != "" || !l.d.VerifiedAt.Equal(l.now) || l.events[zonehold.EventDomainRecovered] != 1 {
			t.Errorf("proved anew: %+v, %v", l.d.Domain, l.events)
		}
		// Without one it lapses after its grace, also where proofs may be removed,
		// and goes on waiting for new tokens.
		*l.d, l.recheck = frozen, zonehold.RecheckOnce
		for from := l.now; l.d.State == zonehold.StateAtRisk && l.now.Sub(from) < 400*time.Hour; {
			l.plan(byFile, notThere)
		}
		l.is(zonehold.StateLapsed, byTXT, 0)
		if l.d.FrozenAt.IsZero() {
			t.Error("it does not wait any more")
		}
	})
}

// A granted proof that ends leaves the domain to a file of its own.
func TestOwnProofStepsInForARevokedOne(t *testing.T) {
	l := newLife(t, Config{})
	now := l.now
	l.d.State, l.d.Method, l.d.Assurance, l.d.Covers, l.d.ProofSource = zonehold.StateVerified, zonehold.MethodCloudflare, zonehold.AssuranceRegistrar, zonehold.CoversSubtree, "con_1"
	l.ask(byFile, seenIt)
	l.is(zonehold.StateVerified, zonehold.MethodCloudflare, 1)
	e := lapse(l.d, loss{source: store.Source{ID: "con_1"}, code: "provider_token_rejected"}, now)
	l.is(zonehold.StateVerified, byFile, 0)
	if e.Type != zonehold.EventProofMissing || l.d.ProofSource != "" || l.d.Covers != zonehold.CoversHost || !l.d.NextCheckAt.Equal(now) {
		t.Errorf("event %s, %+v", e.Type, l.d.Domain)
	}
	if e := lapse(l.d, loss{code: "provider_token_rejected"}, now); e.Type != zonehold.EventDomainLapsed || l.d.State != zonehold.StateLapsed {
		t.Errorf("event %s, %s", e.Type, l.d.State)
	}
}
