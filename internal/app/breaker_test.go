package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// driven is a clock that a test moves.
type driven struct{ at atomic.Int64 }

func newDriven() *driven {
	c := &driven{}
	c.at.Store(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *driven) now() time.Time       { return time.UnixMicro(c.at.Load()).UTC() }
func (c *driven) pass(d time.Duration) { c.at.Add(d.Microseconds()) }

// land is a world of domains at DNS hosts, some of whose records are gone.
type land struct {
	mu   sync.Mutex
	gone map[zonehold.Hostname]zonehold.Outcome // what a check says; else verified
}

func (l *land) set(outcome zonehold.Outcome, names ...zonehold.Hostname) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == nil {
		l.gone = map[zonehold.Hostname]zonehold.Outcome{}
	}
	for _, n := range names {
		l.gone[n] = outcome
	}
}

func (l *land) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = nil
}

// name is the i-th domain at a host; places finds where
// it is.
func name(host string, i int) zonehold.Hostname {
	return zonehold.Hostname(fmt.Sprintf("n%d-%s.example", i, host))
}

func places(name zonehold.Hostname) (server, address string) {
	_, host, _ := strings.Cut(strings.TrimSuffix(string(name), ".example"), "-")
	sum := 0
	for _, c := range host {
		sum = sum*31 + int(c)
	}
	return "ns1." + host + ".example", fmt.Sprintf("45.%d.%d.7", 1+sum/250%200, sum%250)
}

func located(name zonehold.Hostname, outcome zonehold.Outcome) diagnose.Report {
	r := report(zonehold.MethodDNSTXT, outcome)
	server, address := places(name)
	r.Evidence.Lookups = []*dns.Lookup{{Hops: []*dns.Answer{{Name: string(name), Type: 16,
		Zone:    &dns.Zone{Name: string(name), Servers: []dns.NameServer{{Name: server}}},
		Servers: []dns.ServerAnswer{{Server: server, Addr: netip.AddrPortFrom(netip.MustParseAddr(address), 53), Status: dns.StatusOK, Kind: dns.KindData}}}}}}
	return r
}

func (l *land) check(_ context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
	l.mu.Lock()
	outcome, ok := l.gone[c.Hostname]
	l.mu.Unlock()
	if !ok {
		outcome = zonehold.OutcomeVerified
	}
	return located(c.Hostname, outcome)
}

// settle stores domains that are verified and due.
func settle(t testing.TB, s *store.Store, who zonehold.Actor, now time.Time, names ...zonehold.Hostname) {
	t.Helper()
	for batch := range slices.Chunk(names, 100) {
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			for _, n := range batch {
				server, _ := places(n)
				doc, _ := json.Marshal(served{Servers: []string{server}})
				d := &store.Domain{Domain: zonehold.Domain{ID: zonehold.NewID("dom"), AccountID: who.Account.ID, Hostname: n, Profile: "zonehold",
					Tokens: zonehold.Tokens{TXT: zonehold.NewID("t")}, Generation: 1, Version: 1, State: zonehold.StateVerified,
					StateSince: now.Add(-time.Hour), VerifiedAt: now.Add(-time.Hour), Method: zonehold.MethodDNSTXT, Assurance: zonehold.AssuranceDNS,
					Covers: zonehold.CoversHost, SeenAt: now.Add(-time.Hour), LookedAt: now.Add(-time.Hour), NextCheckAt: now,
					CreatedAt: now.Add(-time.Hour), UpdatedAt: now.Add(-time.Hour)}, DNSHost: doc}
				if err := tx.InsertDomain(t.Context(), d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sweepAll begins what is due and waits for its end.
func sweepAll(t testing.TB, a *App) {
	t.Helper()
	if err := a.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	quiet(t, a)
}

// quiet waits until no check is due or under way.
func quiet(t testing.TB, a *App) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		queued, running, err := a.store.QueueDepth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if queued+running == 0 {
			if a.clock.doubtful() || !anyDue(t, a) {
				return
			}
			a.pullSoon() // another process, or a loop of this one, had them in hand
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d checks queued, %d running", queued, running)
		}
	}
}

// anyDue reports whether a domain of the account alpha is due.
func anyDue(t testing.TB, a *App) bool {
	t.Helper()
	account, err := a.store.AccountByName(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	who := zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
	page, err := a.Domains(t.Context(), who, DomainQuery{Limit: -1, Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(page.Items, func(d *Domain) bool { return !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(a.now()) })
}

func states(t testing.TB, a *App, who zonehold.Actor) map[zonehold.DomainState]int {
	t.Helper()
	page, err := a.Domains(t.Context(), who, DomainQuery{Limit: -1, Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	count := map[zonehold.DomainState]int{}
	for _, d := range page.Items {
		count[d.State]++
	}
	return count
}

func countEvents(t testing.TB, a *App, who zonehold.Actor) map[zonehold.EventType]int {
	t.Helper()
	count := map[zonehold.EventType]int{}
	for _, e := range eventTypes(t, a, who) {
		count[e]++
	}
	return count
}

func breakersOf(t testing.TB, a *App, all bool) []*zonehold.Breaker {
	t.Helper()
	list, err := a.Breakers(t.Context(), operatorActor, all)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var operatorActor = zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}}

// tended tends breakers until nothing is left to take back.
func tended(t testing.TB, a *App) {
	t.Helper()
	if err := a.tendBreakers(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// stillApp starts an app whose sweeps only the test begins.
func stillApp(t testing.TB, s *store.Store, c *driven, check CheckFunc, cfg Config) *App {
	t.Helper()
	tm := quick
	tm.sweep = time.Hour
	cfg.Check, cfg.Clock, cfg.OperatorAccount = check, c.now, "operator"
	return start1(t, s, cfg, tm)
}

func names(host string, n int) (out []zonehold.Hostname) {
	for i := range n {
		out = append(out, name(host, i))
	}
	return out
}

func TestBreakerAtOneHost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
		here, there := names("here", 100), names("there", 60)
		settle(t, s, who, c.now(), here...)
		settle(t, s, who, c.now(), there...)
		// One at another host is really gone: that counts at once.
		l.set(zonehold.OutcomeAbsent, there[0])
		for i, n := range here {
			if i%5 < 2 {
				l.set(zonehold.OutcomeAbsent, n)
			}
		}
		a := stillApp(t, s, c, l.check, Config{})
		sweepAll(t, a)
		tended(t, a)
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 1 || got[zonehold.StateVerified] != 159 {
			t.Fatalf("after the outage began: %v", got)
		}
		open := breakersOf(t, a, false)
		if len(open) != 1 || open[0].Scope != zonehold.BreakerHost || open[0].Place != "ns1.here.example" && open[0].Place != "here.example" ||
			open[0].Flips < 10 || open[0].Held != 40 || len(open[0].Names) != 10 {
			t.Fatalf("open: %+v", open)
		}
		events := countEvents(t, a, who)
		if n := events["domain.at_risk"]; n > 10 || events["domain.recovered"] != n-1 {
			t.Errorf("events %v", events)
		}
		if got := countEvents(t, a, ops); got["breaker.tripped"] != 1 || len(got) != 1 {
			t.Errorf("pages %v", got)
		}
		// The hold lasts; looks within it change nothing and page nobody.
		c.pass(30 * time.Minute)
		sweepAll(t, a)
		tended(t, a)
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 1 {
			t.Errorf("within the hold: %v", got)
		}
		// The sample is still gone: the hold doubles.
		c.pass(35 * time.Minute)
		tended(t, a)
		if b := breakersOf(t, a, false)[0]; b.State != zonehold.BreakerProbing || len(b.Probe) != probeSample {
			t.Fatalf("after the hold: %+v", b)
		}
		sweepAll(t, a)
		tended(t, a)
		if b := breakersOf(t, a, false)[0]; b.State != zonehold.BreakerOpen || b.Hold != 2*time.Hour || !b.Until.Equal(c.now().Add(2*time.Hour)) {
			t.Fatalf("after a bad sample: %+v", b)
		}
		// The records are back, but nobody looks before the hold is over.
		l.back()
		l.set(zonehold.OutcomeAbsent, there[0])
		c.pass(2 * time.Hour)
		tended(t, a)
		sweepAll(t, a)
		tended(t, a)
		sweepAll(t, a)
		if open := breakersOf(t, a, false); len(open) != 0 {
			t.Fatalf("still open: %+v", open[0])
		}
		if all := breakersOf(t, a, true); len(all) != 1 || all[0].Outcome != zonehold.BreakerRecovered {
			t.Errorf("closed: %+v", all)
		}
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 1 || got[zonehold.StateVerified] != 159 {
			t.Errorf("in the end: %v", got)
		}
		after := countEvents(t, a, who)
		if after["domain.at_risk"] != events["domain.at_risk"] || after["domain.recovered"] != events["domain.recovered"] || after["domain.lapsed"] != 0 {
			t.Errorf("events %v, before %v", after, events)
		}
		if got := countEvents(t, a, ops); got["breaker.tripped"] != 1 || got["breaker.resumed"] != 1 || len(got) != 2 {
			t.Errorf("pages %v", got)
		}
	})
}

func TestSmallHostsCount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		actor(t, s, "operator")
		who := actor(t, s, "alpha")
		small := names("small", 3)
		settle(t, s, who, c.now(), small...)
		settle(t, s, who, c.now(), names("large", 40)...)
		l.set(zonehold.OutcomeMismatch, small...)
		a := stillApp(t, s, c, l.check, Config{})
		sweepAll(t, a)
		tended(t, a)
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 3 || len(breakersOf(t, a, true)) != 0 {
			t.Errorf("%v, breakers %v", got, breakersOf(t, a, true))
		}
	})
}

// Spread over hosts and networks, so that only all together trips.
func TestBreakerOverAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		actor(t, s, "operator")
		who := actor(t, s, "alpha")
		var all []zonehold.Hostname
		for i := range 60 {
			n := name(fmt.Sprint("h", i), 0)
			if all = append(all, n); i%2 == 0 {
				l.set(zonehold.OutcomeAbsent, n)
			}
		}
		settle(t, s, who, c.now(), all...)
		a := stillApp(t, s, c, l.check, Config{})
		sweepAll(t, a)
		tended(t, a)
		open := breakersOf(t, a, false)
		if got := states(t, a, who); got[zonehold.StateVerified] != 60 || len(open) != 1 || open[0].Scope != zonehold.BreakerAll {
			t.Fatalf("%v, breakers %+v", got, open)
		}
	})
}

func TestWhatStaysMissingIsBelieved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
		all := names("here", 20)
		settle(t, s, who, c.now(), all...)
		l.set(zonehold.OutcomeAbsent, all...)
		a := stillApp(t, s, c, l.check, Config{RecheckGrace: 4 * time.Hour})
		began := c.now()
		for range 200 { // of 10 minutes
			sweepAll(t, a)
			tended(t, a)
			if got := states(t, a, who); got[zonehold.StateAtRisk] == 20 {
				break
			} else if c.now().Sub(began) < 24*time.Hour && got[zonehold.StateVerified] != 20 {
				t.Fatalf("after %s: %v", c.now().Sub(began), got)
			}
			c.pass(10 * time.Minute)
		}
		if took := c.now().Sub(began); took < 24*time.Hour || took > 26*time.Hour {
			t.Errorf("believed after %s", took)
		}
		tended(t, a)
		c.pass(20 * time.Minute)
		tended(t, a)
		if open := breakersOf(t, a, false); len(open) != 0 {
			t.Errorf("open: %+v", open[0])
		}
		if got := countEvents(t, a, ops); got["breaker.tripped"] != 1 || got["breaker.resumed"] != 1 {
			t.Errorf("pages %v", got)
		}
		// And then grace runs out as ever.
		for range 8 {
			c.pass(time.Hour)
			sweepAll(t, a)
		}
		if got := states(t, a, who); got[zonehold.StateLapsed] != 20 {
			t.Errorf("after the grace: %v", got)
		}
	})
}

func TestBreakerHoldsWhatPeopleAskForAndLapses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		actor(t, s, "operator")
		who := actor(t, s, "alpha")
		all := names("here", 40)
		settle(t, s, who, c.now(), all...)
		a := stillApp(t, s, c, l.check, Config{RecheckGrace: 2 * time.Hour})
		// One is really gone, long before, and its grace runs out within the
		// outage.
		l.set(zonehold.OutcomeAbsent, all[0])
		sweepAll(t, a)
		if d := get(t, a, who, string(all[0])); d.State != zonehold.StateAtRisk {
			t.Fatal(d.State)
		}
		c.pass(90 * time.Minute)
		l.set(zonehold.OutcomeAbsent, all[1:21]...)
		for _, n := range all[1:] { // the rest is due
			plan(t, s, get(t, a, who, string(n)).ID, c.now())
		}
		plan(t, s, get(t, a, who, string(all[0])).ID, c.now().Add(time.Minute))
		sweepAll(t, a)
		tended(t, a)
		if open := breakersOf(t, a, false); len(open) == 0 {
			t.Fatal("no breaker")
		}
		for range 5 {
			c.pass(10 * time.Minute)
			sweepAll(t, a)
		}
		if d := get(t, a, who, string(all[0])); d.State != zonehold.StateAtRisk {
			t.Errorf("lapsed under a breaker: %s", d.State)
		}
		// A person asks for one that is well so far in the same place.
		l.set(zonehold.OutcomeAbsent, all[30])
		at := wait(t, a, who, begin(t, a, who, string(all[30]), zonehold.MethodDNSTXT).ID)
		if at.Outcome != zonehold.OutcomeAbsent || len(at.Notes) == 0 || at.Notes[0].Code != "verdict_held" {
			t.Errorf("requested check: %s, notes %+v", at.Outcome, at.Notes)
		}
		if d := get(t, a, who, string(all[30])); d.State != zonehold.StateVerified || !d.GraceEndsAt.IsZero() {
			t.Errorf("after a requested check: %s", d.State)
		}
		// One that is there is believed at once.
		l.back()
		wait(t, a, who, begin(t, a, who, string(all[0]), zonehold.MethodDNSTXT).ID)
		if d := get(t, a, who, string(all[0])); d.State != zonehold.StateVerified {
			t.Errorf("a breaker held back a recovery: %s", d.State)
		}
	})
}

func plan(t testing.TB, s *store.Store, id string, at time.Time) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetNextCheck(t.Context(), []string{id}, at) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestOperatorActsOnBreakers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
		all := names("here", 20)
		settle(t, s, who, c.now(), all...)
		l.set(zonehold.OutcomeAbsent, all...)
		a := stillApp(t, s, c, l.check, Config{})
		sweepAll(t, a)
		tended(t, a)
		open := breakersOf(t, a, false)
		if len(open) != 1 {
			t.Fatal(len(open))
		}
		id := open[0].ID
		for _, err := range []error{
			second(a.Breakers(t.Context(), who, true)), second(a.ResetBreaker(t.Context(), who, id, "b", "r")), second(a.HoldBreaker(t.Context(), who, id, time.Hour, "b", "r")),
		} {
			wantKind(t, err, KindForbidden)
		}
		wantKind(t, second(a.ResetBreaker(t.Context(), operatorActor, id, "", "r")), KindInvalid)
		wantKind(t, second(a.ResetBreaker(t.Context(), operatorActor, zonehold.NewID("brk"), "b", "r")), KindNotFound)
		wantKind(t, second(a.HoldBreaker(t.Context(), operatorActor, id, 169*time.Hour, "b", "r")), KindInvalid)
		kept, err := a.HoldBreaker(t.Context(), operatorActor, id, 30*time.Hour, "carol", "they repair it")
		if err != nil || !kept.Pinned || kept.By != "carol" || !kept.EndsAt.Equal(c.now().Add(30*time.Hour)) {
			t.Fatalf("%+v, %v", kept, err)
		}
		c.pass(29 * time.Hour)
		sweepAll(t, a)
		tended(t, a)
		if got := states(t, a, who); got[zonehold.StateVerified] != 20 {
			t.Errorf("kept open: %v", got)
		}
		closed, err := a.ResetBreaker(t.Context(), operatorActor, id, "carol", "they are gone")
		if err != nil || closed.Outcome != zonehold.BreakerReset {
			t.Fatalf("%+v, %v", closed, err)
		}
		wantKind(t, second(a.ResetBreaker(t.Context(), operatorActor, id, "carol", "again")), KindConflict)
		// What goes missing there anew counts too.
		more := names("here", 40)[20:]
		settle(t, s, who, c.now(), more...)
		l.set(zonehold.OutcomeAbsent, more...)
		sweepAll(t, a)
		tended(t, a)
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 40 || len(breakersOf(t, a, false)) != 0 {
			t.Errorf("after the reset: %v", got)
		}
		if got := countEvents(t, a, ops); got["breaker.tripped"] != 1 || got["breaker.resumed"] != 1 {
			t.Errorf("pages %v", got)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestCanaries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
		all := names("here", 4)
		settle(t, s, who, c.now(), all...)
		l.set(zonehold.OutcomeAbsent, all...)
		a := make1(t, s, Config{Check: l.check, Clock: c.now, OperatorAccount: "operator", Worker: true, Canaries: []string{"Canary.example.=yes", "other.example"}}, quick)
		var down atomic.Bool
		down.Store(true)
		a.canary = func(_ context.Context, name, text string, hasText bool) (bool, string) {
			if (name == "canary.example") != hasText || hasText != (text == "yes") {
				t.Errorf("asked for %q, %q, %v", name, text, hasText)
			}
			return name != "canary.example" || !down.Load(), "its servers do not answer"
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if err := a.askCanaries(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			sweepAll(t, a)
			c.pass(20 * time.Hour) // longer than any other breaker holds
		}
		open := breakersOf(t, a, false)
		if got := states(t, a, who); got[zonehold.StateVerified] != 4 || len(open) != 1 || open[0].Reason != zonehold.BreakerCanary || open[0].Names[0] != "canary.example" {
			t.Fatalf("%v, %+v", got, open)
		}
		if got := countEvents(t, a, ops); got["breaker.tripped"] != 1 {
			t.Errorf("pages %v", got)
		}
		down.Store(false)
		if err := a.askCanaries(t.Context()); err != nil {
			t.Fatal(err)
		}
		tended(t, a)
		sweepAll(t, a)
		if got := states(t, a, who); got[zonehold.StateAtRisk] != 4 || len(breakersOf(t, a, false)) != 0 {
			t.Errorf("with canaries that are well: %v", got)
		}
	})
}

// One customer's record is no canary; most of a sample is.
func TestSampledCanariesGoByMajority(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		actor(t, s, "operator")
		who := actor(t, s, "alpha")
		for _, host := range []string{"a", "b", "c", "d"} {
			settle(t, s, who, c.now().Add(time.Hour), names(host, 3)...)
		}
		a := make1(t, s, Config{Check: l.check, Clock: c.now}, quick)
		bad := map[string]bool{}
		var asked sync.Map
		a.canary = func(_ context.Context, name, _ string, _ bool) (bool, string) {
			asked.Store(name, true)
			return !bad[name], "no"
		}
		ask := func() int {
			t.Helper()
			c.pass(time.Hour)
			if err := a.askCanaries(t.Context()); err != nil {
				t.Fatal(err)
			}
			tended(t, a)
			return len(breakersOf(t, a, false))
		}
		if n := ask(); n != 0 {
			t.Fatalf("%d open", n)
		}
		var one []string
		asked.Range(func(k, _ any) bool { one = append(one, k.(string)); return true })
		if len(one) != 4 {
			t.Fatalf("asked %v: one at each host", one)
		}
		bad[one[0]], bad[one[1]] = true, true
		if n := ask(); n != 0 {
			t.Error("half of a sample opened a breaker")
		}
		bad[one[2]] = true
		if n := ask(); n != 1 {
			t.Error("most of a sample opened none")
		}
		bad[one[2]] = false
		if n := ask(); n != 0 {
			t.Error("it stays open")
		}
	})
}

// What one process counts is known to the other.
func TestProcessesCountTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		actor(t, s, "operator")
		who := actor(t, s, "alpha")
		one := make1(t, s, Config{Check: l.check, Clock: c.now}, quick)
		two := make1(t, s, Config{Check: l.check, Clock: c.now}, quick)
		all := names("here", 30)
		settle(t, s, who, c.now(), all...)
		server, address := places(all[0])
		here := one.spotOf(located(all[0], zonehold.OutcomeVerified), &store.Domain{})
		if here.host == "" || here.network == "" {
			t.Fatal(server, address, here)
		}
		finish := func(a *App, n zonehold.Hostname) {
			t.Helper()
			if err := a.commitFinishes(t.Context(), []*finish{running(t, a, get(t, a, who, string(n)), located(n, zonehold.OutcomeAbsent))}); err != nil {
				t.Fatal(err)
			}
		}
		// One has looked at 100 that are well. Nine are gone by each.
		one.tally.add(slices.Repeat([]spot{here}, 100), c.now())
		for i := range 9 {
			finish([]*App{one, two}[i%2], all[i])
		}
		if err := one.shareCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The tenth of 110, by the one that knows of few itself, is no fifth.
		finish(two, all[9])
		if open := breakersOf(t, two, false); len(open) != 0 {
			t.Fatalf("%d of %d", open[0].Flips, open[0].Checked)
		}
		for i := 10; i < 30; i++ {
			finish([]*App{one, two}[i%2], all[i])
		}
		tended(t, one)
		open := breakersOf(t, one, false)
		if len(open) != 1 || open[0].Flips < 20 || open[0].Checked < 110 {
			t.Fatalf("%+v", open)
		}
		if got := states(t, one, who); got[zonehold.StateVerified] != 30 {
			t.Errorf("%v", got)
		}
	})
}

// running is a finished, not yet written check that the app runs.
func running(t testing.TB, a *App, d *Domain, r diagnose.Report) *finish {
	t.Helper()
	at := &store.Attempt{Attempt: zonehold.Attempt{ID: zonehold.NewID("att"), DomainID: d.ID, Trigger: zonehold.TriggerSchedule,
		State: zonehold.AttemptRunning, CreatedAt: a.now()}, AccountID: d.AccountID, Generation: d.Generation, Requested: d.Method,
		NodeID: a.nodeID(), Run: 1, ReadyAt: a.now()}
	at.StartedAt = a.now()
	if err := a.store.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertAttempts(t.Context(), []*store.Attempt{at}) }); err != nil {
		t.Fatal(err)
	}
	f := &finish{attempt: at}
	f.take(r, nil)
	return f
}

// The note on a held verdict is a whole text.
func TestHeldNote(t *testing.T) {
	p := problem.New("verdict_held", problem.Facts{problem.FactDomain: "a.example", problem.FactDetail: breakerText(&zonehold.Breaker{Scope: zonehold.BreakerHost, Place: "h", Flips: 3, Checked: 9})})
	if p.Severity != problem.SeverityInfo || !strings.Contains(p.Found, "3 proofs of 9 went missing at the DNS host h within an hour") {
		t.Errorf("%+v", p)
	}
}
