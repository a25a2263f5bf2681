package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// placed is what a fake internet shows: names that have the proof of a method.
// What rests on records of ours is checked by the methods themselves, but for
// the covered names, for which they would ask the DNS.
type placed struct {
	mu    sync.Mutex
	names map[zonehold.Method][]string
}

func (p *placed) put(m zonehold.Method, names ...string) *placed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names == nil {
		p.names = map[zonehold.Method][]string{}
	}
	p.names[m] = append(p.names[m], names...)
	return p
}

func (p *placed) remove(m zonehold.Method, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[m] = slices.DeleteFunc(p.names[m], func(s string) bool { return s == name })
}

func (p *placed) has(m zonehold.Method, name zonehold.Hostname) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.names[m], string(name))
}

func (p *placed) check(ctx context.Context, kit *verify.Kit, m zonehold.Method, c verify.Claim) diagnose.Report {
	switch {
	case m == "":
		if r := p.automatic(ctx, kit, c); r.Outcome == zonehold.OutcomeVerified {
			return r
		}
		return p.check(ctx, kit, zonehold.MethodDNSTXT, c)
	case m == zonehold.MethodExistingDomain:
		for _, above := range c.Standing.Parents {
			if above.Covers == zonehold.CoversSubtree || kit.ParentCoversAny {
				r := report(m, zonehold.OutcomeVerified)
				r.Source, r.Proves, r.Covers = above.DomainID, above.Assurance, above.Covers
				return r
			}
		}
		return report(m, zonehold.OutcomeAbsent)
	case m.Automatic():
		method, _ := verify.Lookup(m)
		return diagnose.Run(ctx, kit, method, c)
	case p.has(m, c.Hostname):
		return report(m, zonehold.OutcomeVerified)
	}
	return report(m, zonehold.OutcomeAbsent)
}

func (p *placed) automatic(ctx context.Context, kit *verify.Kit, c verify.Claim) diagnose.Report {
	if r := p.check(ctx, kit, zonehold.MethodExistingDomain, c); r.Outcome == zonehold.OutcomeVerified {
		return r
	}
	return diagnose.RunAutomatic(ctx, kit, c)
}

// config has new claims wait for their check, however slow the machine is.
func (p *placed) config() Config {
	return Config{Check: p.check, CheckAutomatic: p.automatic, CreateWait: time.Minute}
}

var operator = zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}}

func policy(t testing.TB, a *App, method zonehold.Method, pattern, account string) *zonehold.Policy {
	t.Helper()
	p, err := a.AddPolicy(t.Context(), operator, NewPolicy{Method: method, Pattern: pattern, Account: account, By: "Olga", Reason: "contract 17"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// proven makes a claim and proves it by what is placed.
func proven(t testing.TB, a *App, p *placed, who zonehold.Actor, name string, method zonehold.Method) *Domain {
	t.Helper()
	p.put(method, name)
	d := create(t, a, who, name)
	wait(t, a, who, begin(t, a, who, d.ID, method).ID)
	if d = get(t, a, who, d.ID); d.State != zonehold.StateVerified || d.Method != method {
		t.Fatalf("%s is %s by %s", name, d.State, d.Method)
	}
	return d
}

// until waits for a state that comes by itself.
func until(t testing.TB, a *App, who zonehold.Actor, ref, what string, ok func(*Domain) bool) *Domain {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		d := get(t, a, who, ref)
		if ok(d) {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %s is %s by %q, problem %+v, next check %s, running %+v", what, d.Hostname, d.State, d.Method, d.Problem, d.NextCheckAt, d.Running)
		}
	}
}

func untilState(t testing.TB, a *App, who zonehold.Actor, ref string, state zonehold.DomainState) *Domain {
	t.Helper()
	return until(t, a, who, ref, string(state), func(d *Domain) bool { return d.State == state })
}

// settled waits until nothing is due or under way.
func settled(t testing.TB, a *App, who zonehold.Actor, ref string) *Domain {
	t.Helper()
	return until(t, a, who, ref, "settled", func(d *Domain) bool {
		return d.Running == nil && (d.NextCheckAt.IsZero() || d.NextCheckAt.After(a.now().Add(time.Minute)))
	})
}

// lapsedBy is the source and the problem of the last event domain.lapsed.
func lapsedBy(t testing.TB, a *App, who zonehold.Actor, id string) (source, code string) {
	t.Helper()
	after := ""
	for {
		events, err := a.Events(t.Context(), who, after, 500, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return source, code
		}
		for _, e := range events {
			after = e.ID
			if e.Type == zonehold.EventDomainLapsed && e.DomainID == id {
				var data struct {
					Source  string
					Problem struct{ Code string }
				}
				if err := json.Unmarshal(e.Data, &data); err != nil {
					t.Fatal(err)
				}
				source, code = data.Source, data.Problem.Code
			}
		}
	}
}

func TestNewClaimIsProvedByWhatIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		pol := policy(t, a, zonehold.MethodWhitelist, "*.example.com", "")
		d := create(t, a, who, "shop.example.com")
		if d.State != zonehold.StateVerified || d.Method != zonehold.MethodWhitelist || d.Source != pol.ID || d.CoveredBy != "" ||
			d.Assurance != zonehold.AssuranceOperator || d.Covers != zonehold.CoversHost || d.LastAttempt == nil || d.LastAttempt.Trigger != zonehold.TriggerCreate {
			t.Fatalf("created %+v", d)
		}
		if got := eventTypes(t, a, who); !slices.Equal(got, []zonehold.EventType{"domain.created", "attempt.completed", "domain.verified"}) {
			t.Errorf("events %v", got)
		}
		parent := proven(t, a, p, who, "example.org", zonehold.MethodDNSTXT)
		child := create(t, a, who, "a.b.example.org")
		if child.State != zonehold.StateVerified || child.CoveredBy != parent.ID || child.Source != "" || child.Assurance != zonehold.AssuranceDNS || child.Covers != zonehold.CoversSubtree {
			t.Errorf("covered %+v", child)
		}
		// What covers by cover does not cover in turn: the child rests on the same.
		if d := create(t, a, who, "x.a.b.example.org"); d.CoveredBy != parent.ID {
			t.Errorf("below the covered one: %+v", d)
		}
		// Another account has none of it.
		if d := create(t, a, actor(t, s, "beta"), "c.example.org"); d.State != zonehold.StatePending || d.LastAttemptID != "" {
			t.Errorf("of another account: %+v", d)
		}
		var bundle struct {
			Grounds []struct{ Kind, ID, By, Reason string } `json:"grounds"`
		}
		file, err := a.Evidence(t.Context(), who, d.LastAttemptID)
		if err != nil {
			t.Fatal(err)
		}
		doc := bundled(t, file).Entries[0].Document
		err = json.Unmarshal(doc, &bundle)
		if err != nil || len(bundle.Grounds) != 1 || bundle.Grounds[0].ID != pol.ID || bundle.Grounds[0].By != "Olga" || bundle.Grounds[0].Reason != "contract 17" {
			t.Errorf("evidence %s, %v", doc, err)
		}
	})
}

func TestNewClaimInVainLeavesNoTrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		cfg := p.config()
		cfg.ChecksPerMinute, cfg.TargetChecksPerHour = 1, 1
		a := start1(t, s, cfg, quick)
		who := actor(t, s, "alpha")
		proven(t, a, p, who, "example.com", zonehold.MethodFile) // the one check of the budget
		d := create(t, a, who, "a.example.com")
		if d.State != zonehold.StatePending || d.LastAttempt != nil || d.LastAttemptID != "" || d.Problem != nil || d.Turn != zonehold.TurnYou || !d.NextCheckAt.IsZero() {
			t.Errorf("created %+v", d)
		}
		page, err := a.Attempts(t.Context(), who, d.ID, 10, "")
		if err != nil || len(page.Items) != 1 || page.Items[0].Trigger != zonehold.TriggerCreate || page.Items[0].Outcome != zonehold.OutcomeAbsent || page.Items[0].Problem == nil {
			t.Errorf("history %+v, %v", page.Items, err)
		}
		for _, e := range eventTypes(t, a, who) {
			if e == zonehold.EventDomainVerificationFailed {
				t.Error("a failure that nobody asked for is told")
			}
		}
		// It did not count: not for this account, whose budget is used up
		// anyway, nor for another one, which has the same target.
		other := actor(t, s, "beta")
		policy(t, a, zonehold.MethodWaved, "b.example.net", "beta")
		for _, name := range []string{"b.example.net", "c.example.net"} {
			create(t, a, other, name)
		}
		p.put(zonehold.MethodDNSTXT, "c.example.net")
		if at := wait(t, a, other, begin(t, a, other, "c.example.net", zonehold.MethodDNSTXT).ID); at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%+v", at)
		}
	})
}

func TestNewClaimDoesNotWaitLong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		canceled := make(chan error, 1)
		p := new(placed).put(zonehold.MethodDNSTXT, "shop.example")
		cfg := p.config()
		cfg.CreateWait = 50 * time.Millisecond
		cfg.CheckAutomatic = func(ctx context.Context, _ *verify.Kit, _ verify.Claim) diagnose.Report {
			<-ctx.Done()
			canceled <- context.Cause(ctx)
			return report(zonehold.MethodWhitelist, zonehold.OutcomeInconclusive)
		}
		a := start1(t, s, cfg, quick)
		who := actor(t, s, "alpha")
		policy(t, a, zonehold.MethodWhitelist, "shop.example", "")
		d := create(t, a, who, "shop.example")
		if d.State != zonehold.StatePending || d.Running == nil || d.Running.Trigger != zonehold.TriggerCreate {
			t.Fatalf("created %+v", d)
		}
		// What a person asks for does not wait for it.
		at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		if at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%+v", at)
		}
		if err := recv(t, canceled); !errors.Is(err, errCanceled) {
			t.Errorf("the first check ended by %v", err)
		}
		if first := wait(t, a, who, d.Running.ID); first.State != zonehold.AttemptCanceled {
			t.Errorf("the first attempt is %s", first.State)
		}
	})
}

func TestNewClaimIsCheckedByAnotherProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := new(placed).config()
		cfg.CreateWait = 60 * time.Second
		api := make1(t, s, cfg, quick)
		start1(t, s, cfg, quick)
		who := actor(t, s, "alpha")
		policy(t, api, zonehold.MethodBackOffice, "shop.example", "alpha")
		if d := create(t, api, who, "shop.example"); d.State != zonehold.StateVerified || d.Method != zonehold.MethodBackOffice {
			t.Errorf("created %+v", d)
		}
	})
}

func TestLookedAtAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who, giver := actor(t, s, "alpha"), actor(t, s, "giver")
		for name, appears := range map[string]func(){
			"one.example":         func() { policy(t, a, zonehold.MethodWhitelist, "one.example", "") },
			"a.two.example":       func() { policy(t, a, zonehold.MethodWaved, "*.two.example", who.Account.ID) },
			"alpha.pages.example": func() { policy(t, a, zonehold.MethodAuto, "{account}.pages.example", "") },
			"a.b.three.example":   func() { proven(t, a, p, who, "three.example", zonehold.MethodDNSTXT) },
			"four.example": func() {
				d := proven(t, a, p, giver, "four.example", zonehold.MethodDNSTXT)
				if _, err := a.Delegate(t.Context(), giver, NewDelegation{Domain: d.ID, Account: "alpha"}); err != nil {
					t.Error(err)
				}
			},
		} {
			d := create(t, a, who, name)
			if d.State != zonehold.StatePending || d.Running != nil {
				t.Fatalf("%s is %s at first", name, d.State)
			}
			from := time.Now()
			appears()
			d = untilState(t, a, who, d.ID, zonehold.StateVerified)
			t.Logf("%s by %s after %s", name, d.Method, time.Since(from).Round(time.Millisecond))
			if d.LastAttempt == nil || d.LastAttempt.Trigger != zonehold.TriggerSchedule {
				t.Errorf("%s: %+v", name, d.LastAttempt)
			}
		}
	})
}

// More claims than one transaction makes due.
func TestManyAreLookedAtAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		const n = lookBatch + 30
		var ids []string
		now := time.Now().UTC().Truncate(time.Microsecond)
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			for i := range n {
				d := &store.Domain{Domain: zonehold.Domain{ID: zonehold.NewID(zonehold.PrefixDomain), AccountID: who.Account.ID,
					Hostname: zonehold.Hostname("n" + strings.Repeat("x", i%40) + time.Duration(i).String()[:1] + "-" + zonehold.NewID("x")[20:] + ".example.com"), Profile: zonehold.ProfileZonehold, Generation: 1, Version: 1,
					State: zonehold.StatePending, StateSince: now, CreatedAt: now, UpdatedAt: now}}
				if err := tx.InsertDomain(t.Context(), d); err != nil {
					return err
				}
				ids = append(ids, d.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		for deadline := time.Now().Add(300 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			var covered int
			if err := s.Writer().QueryRowContext(t.Context(), "SELECT count(*) FROM domains WHERE method = 'existing_domain' AND state = 'verified'").Scan(&covered); err != nil {
				t.Fatal(err)
			}
			if covered == n {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d are covered", covered, n)
			}
		}
		// … and lose it together.
		if err := a.DeleteDomain(t.Context(), who, "example.com", 0); err != nil {
			t.Fatal(err)
		}
		page, err := a.Domains(t.Context(), who, DomainQuery{State: zonehold.StateVerified, Limit: -1})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("%d are still covered, %v", len(page.Items), err)
		}
	})
}

func TestOwnProofEndsTheDependence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		parent := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		child := create(t, a, who, "a.example.com")
		if child.CoveredBy != parent.ID {
			t.Fatalf("not covered: %+v", child)
		}
		p.put(zonehold.MethodFile, "a.example.com")
		wait(t, a, who, begin(t, a, who, child.ID, zonehold.MethodFile).ID)
		if child = get(t, a, who, child.ID); child.Method != zonehold.MethodFile || child.CoveredBy != "" || child.Covers != zonehold.CoversHost || child.Assurance != zonehold.AssuranceHost {
			t.Fatalf("proved by itself: %+v", child)
		}
		// A check of everything finds the cover first; the own proof stays.
		at := wait(t, a, who, begin(t, a, who, child.ID, "").ID)
		if at.Method != zonehold.MethodExistingDomain || at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%+v", at)
		}
		if child = settled(t, a, who, child.ID); child.Method != zonehold.MethodFile || child.State != zonehold.StateVerified || child.CoveredBy != "" {
			t.Errorf("after a check of everything: %+v", child)
		}
		if err := a.DeleteDomain(t.Context(), who, parent.ID, 0); err != nil {
			t.Fatal(err)
		}
		if child = get(t, a, who, child.ID); child.State != zonehold.StateVerified {
			t.Errorf("fell with what it does not rest on: %+v", child)
		}
	})
}

// The file of a parent that was proved by its record takes its cover away only
// when the record has gone.
func TestNarrowerProofUncovers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who, other := actor(t, s, "alpha"), actor(t, s, "beta")
		parent := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		child := create(t, a, who, "a.example.com")
		if _, err := a.Delegate(t.Context(), who, NewDelegation{Domain: parent.ID, Hostname: "b.example.com", Account: "beta"}); err != nil {
			t.Fatal(err)
		}
		p.put(zonehold.MethodFile, "example.com")
		wait(t, a, who, begin(t, a, who, parent.ID, zonehold.MethodFile).ID)
		if d := get(t, a, who, parent.ID); d.Method != zonehold.MethodDNSTXT || len(d.Spares) != 1 {
			t.Fatalf("beside the record: %+v", d.Domain)
		}
		if child = settled(t, a, who, child.ID); child.State != zonehold.StateVerified {
			t.Fatalf("uncovered by a file beside the record: %+v", child.Domain)
		}
		p.remove(zonehold.MethodDNSTXT, "example.com")
		wait(t, a, who, begin(t, a, who, parent.ID, zonehold.MethodDNSTXT).ID)
		child = untilState(t, a, who, child.ID, zonehold.StateLapsed)
		if d := get(t, a, who, parent.ID); d.State != zonehold.StateVerified || d.Method != zonehold.MethodFile || d.Covers != zonehold.CoversHost {
			t.Errorf("without the record: %+v", d.Domain)
		}
		if source, _ := lapsedBy(t, a, who, child.ID); source != parent.ID {
			t.Errorf("lapsed by %q", source)
		}
		if d := create(t, a, other, "b.example.com"); d.State != zonehold.StatePending {
			t.Errorf("delegated by a proof of one host: %+v", d)
		}
	})
}

func TestSiblingsAreKnownToChecks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		got := make(chan verify.Claim, 1)
		a := start1(t, s, Config{Check: func(_ context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			got <- c
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)
		}}, quick)
		who := actor(t, s, "alpha")
		for _, name := range []string{"example.com", "www.example.com", "example.net", "www.example.co.uk", "mail.example.org", "example.sample.com", "other.org"} {
			create(t, a, who, name)
		}
		create(t, a, actor(t, s, "beta"), "example.org")
		wait(t, a, who, begin(t, a, who, "www.example.com", "").ID)
		c := recv(t, got)
		if want := []zonehold.Hostname{"example.net", "www.example.co.uk"}; !slices.Equal(c.Siblings, want) {
			t.Errorf("siblings %v, want %v", c.Siblings, want)
		}
		if c.Standing == nil || c.Standing.Account.Name != "alpha" {
			t.Errorf("standing %+v", c.Standing)
		}
	})
}

// What a screen shows of a method follows what is known, also from memory.
func TestChallengesFollowWhatIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		d := proven(t, a, p, who, "shop.example", zonehold.MethodDNSTXT)
		applies := func() bool {
			for _, ch := range get(t, a, who, d.ID).Challenges {
				if ch.Method == zonehold.MethodWaved {
					return ch.Applicable
				}
			}
			t.Fatal("the method is not listed")
			return false
		}
		if applies() || len(d.Challenges) != len(verify.Methods()) {
			t.Error("applies without a waiver")
		}
		pol := policy(t, a, zonehold.MethodWaved, "shop.example", "alpha")
		if !applies() {
			t.Error("does not apply with a waiver")
		}
		if _, n, err := a.RevokePolicy(t.Context(), operator, pol.ID, "Olga", ""); err != nil || n != 0 {
			t.Errorf("%d lapsed, %v", n, err)
		}
		for deadline := time.Now().Add(3 * time.Minute); applies(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("applies after the end of the waiver")
			}
		}
	})
}
