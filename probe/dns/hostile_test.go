package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// TestSilentMajority is threat T18: packets to three of four servers are
// dropped, and the last says what the attacker wants.
func TestSilentMajority(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	z.AddServer()
	z.AddServer()
	for i, s := range z.Servers() {
		if i < 3 {
			s.Fault(testnet.FaultTimeout)
		} else {
			s.Only("_x", "TXT", "token=abc")
		}
	}
	a := mustAsk(t, newResolver(t, n, hasty), "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok {
		t.Errorf("agreed:\n%s", show(a))
	}
	if _, ok := a.Majority(); ok {
		t.Errorf("majority of one in four:\n%s", show(a))
	}
	if len(a.Failed()) != 3 || len(a.Usable()) != 1 {
		t.Errorf("%s", show(a))
	}
}

// TestSpoofFlood is threat T16: forged answers to the question, under wrong
// ids, names and letter case, come before the right one.
func TestSpoofFlood(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	for _, s := range z.Servers() {
		s.Fault(testnet.FaultSpoofFlood)
	}
	n.Host("www.example.com")
	r := newResolver(t, n, hasty)
	for range 5 {
		a, s := mustAgree(t, r, "_x.example.com", typeTXT)
		if s.Kind != dns.KindNXDomain {
			t.Errorf("believed:\n%s", show(a))
		}
		for _, s := range a.Servers {
			if s.BadReplies == 0 || s.Proto != "tcp" {
				t.Errorf("%d bad replies, %s", s.BadReplies, s.Proto)
			}
		}
	}
	got, err := r.Addrs(context.Background(), "www.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n.Host("www.example.com").Addrs(), got.Addrs, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}

	// Without TCP there is nothing to believe.
	for _, s := range z.Servers() {
		s.Fault(testnet.FaultWrongID)
	}
	a := mustAsk(t, r, "_x.example.com", typeTXT)
	if len(a.Usable()) != 0 {
		t.Errorf("%s", show(a))
	}
}

// TestLargeAnswer is threat T17: 4 KiB of TXT must come over TCP.
func TestLargeAnswer(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	for i := range 16 {
		z.Add("_x", "TXT", strings.Repeat(string(rune('a'+i)), 250))
	}
	r := newResolver(t, n)
	a, s := mustAgree(t, r, "_x.example.com", typeTXT)
	if len(s.Records) != 16 {
		t.Errorf("%d records", len(s.Records))
	}
	for _, s := range a.Servers {
		if !s.Truncated || s.Proto != "tcp" || len(s.Wire) < 4000 {
			t.Errorf("%s, truncated %v, %d octets", s.Proto, s.Truncated, len(s.Wire))
		}
	}
	for _, tt := range []struct {
		fault  testnet.Fault
		status dns.Status
	}{{testnet.FaultDropTCP, dns.StatusTimeout}, {testnet.FaultRefuseTCP, dns.StatusUnreachable}} {
		z.Servers()[0].Fault(tt.fault)
		a := mustAsk(t, newResolver(t, n, hasty), "_x.example.com", typeTXT)
		s := byServer(t, a, z.Servers()[0])
		if s.Status != tt.status || !s.Truncated || !s.TCPFailed || !strings.Contains(s.Err.Error(), "TCP") {
			t.Errorf("%s: %s", tt.fault, line(s))
		}
	}
}

// TestForbiddenServers is threat T9: name servers at our own addresses are
// never contacted.
func TestForbiddenServers(t *testing.T) {
	n := newNetwork(t)
	trap := n.Trap()
	inside := []netip.Addr{
		netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("169.254.169.254"),
		netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("64:ff9b::7f00:1"),
	}
	trap.Catch(inside...)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	ns := testnet.NS{Name: "ns1.example.com."}
	for _, addr := range inside {
		ns.Addrs = append(ns.Addrs, addr.String())
	}
	z.Delegate(ns)
	r := newResolver(t, n)
	a := mustAsk(t, r, "_x.example.com", typeTXT)
	if len(a.Servers) != len(inside) || len(a.Usable()) != 0 {
		t.Errorf("%s", show(a))
	}
	for _, s := range a.Servers {
		if s.Status != dns.StatusForbidden || !errors.Is(s.Err, probe.ErrForbidden) {
			t.Errorf("%s", line(&s))
		}
	}
	if _, err := r.Addrs(context.Background(), "www.example.com"); !errors.Is(err, dns.ErrNoServers) {
		t.Errorf("Addrs = %v", err)
	}
	// A zone below, glueless names that lead there, and a dead end in the
	// middle of a walk.
	n.Zone("example.net").Add("inside", "A", "10.0.0.1").Add("inside", "AAAA", "::1")
	n.Zone("sub.example.org").Delegate(testnet.NS{Name: "inside.example.net."})
	if _, err := r.Delegation(context.Background(), "x.sub.example.org"); !errors.Is(err, dns.ErrNoServers) {
		t.Errorf("Delegation = %v", err)
	}
	a = mustAsk(t, r, "x.sub.example.org", typeTXT)
	if len(a.Usable()) != 0 || len(a.Servers) != 2 {
		t.Errorf("%s", show(a))
	}
	if got := trap.Contacts(); got != 0 {
		t.Errorf("%d contacts", got)
	}
	// The trap works: with the guard opened it is found.
	open := newResolver(t, n, hasty, func(c *dns.Config) {
		c.Dialer.Guard = probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	})
	mustAsk(t, open, "_x.example.com", typeTXT)
	for deadline := time.Now().Add(patience); trap.Contacts() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the trap catches nothing")
		}
	}
}

func TestRefusedServer(t *testing.T) { // threat T22
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	z.Servers()[1].Fault(testnet.FaultRefused)
	a := mustAsk(t, newResolver(t, n), "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok {
		t.Error("agreed with one server refusing")
	}
	if _, ok := a.Majority(); ok {
		t.Error("one of two is no majority")
	}
	if f := a.Failed(); len(f) != 1 || f[0].Server != "ns2.example.com" || f[0].Status != dns.StatusRefused {
		t.Errorf("%v", f)
	}
}

// TestExhaustion sends walks into delegations made to keep a resolver busy
// (NXNS): the budget and the depth end them.
func TestExhaustion(t *testing.T) {
	t.Run("many servers without glue", func(t *testing.T) {
		n := newNetwork(t)
		n.Zone("victim.net")
		z := n.Zone("example.com")
		var ns []testnet.NS
		for i := range 60 {
			ns = append(ns, testnet.NS{Name: strings.Repeat("x", i+1) + ".victim.net."})
		}
		z.Delegate(ns...)
		r := newResolver(t, n)
		n.ResetHistory()
		a := mustAsk(t, r, "_x.example.com", typeTXT)
		if len(a.Usable()) != 0 || len(a.Failed()) != 16 || a.Zone.Skipped != 44 {
			t.Errorf("%d skipped:\n%s", a.Zone.Skipped, show(a))
		}
		if a.Servers[0].Status != dns.StatusNoAddress {
			t.Errorf("%s", line(&a.Servers[0]))
		}
		if got := len(n.Queries()); got > 60 {
			t.Errorf("%d queries", got)
		}
		// A walk through it tries four.
		n.ResetHistory()
		if _, err := r.Delegation(context.Background(), "a.b.example.com"); !errors.Is(err, dns.ErrNoServers) {
			t.Errorf("Delegation = %v", err)
		}
		if got := len(n.QueriesFor("", "A")); got > 2*4 {
			t.Errorf("%d address questions", got)
		}
	})
	t.Run("zones that need each other", func(t *testing.T) {
		n := newNetwork(t)
		n.Zone("one.com").Delegate(testnet.NS{Name: "ns.two.net."})
		n.Zone("two.net").Delegate(testnet.NS{Name: "ns.three.org."}, testnet.NS{Name: "ns2.three.org."})
		n.Zone("three.org").Delegate(testnet.NS{Name: "ns.one.com."}, testnet.NS{Name: "ns.two.net."})
		r := newResolver(t, n)
		n.ResetHistory()
		a := mustAsk(t, r, "_x.one.com", typeTXT)
		if len(a.Servers) != 1 || a.Servers[0].Status != dns.StatusNoAddress {
			t.Errorf("%s", show(a))
		}
		if got := len(n.Queries()); got > 200 {
			t.Errorf("%d queries", got)
		}
		if _, err := r.Addrs(context.Background(), "www.one.com"); err == nil {
			t.Error("Addrs found a way")
		}
	})
	t.Run("its own servers without glue", func(t *testing.T) {
		n := newNetwork(t)
		n.Zone("example.com").OmitGlue()
		a := mustAsk(t, newResolver(t, n), "_x.example.com", typeTXT)
		if len(a.Usable()) != 0 || a.Servers[0].Status != dns.StatusNoAddress || !strings.Contains(a.Servers[0].Err.Error(), "inside its own zone") {
			t.Errorf("%s", show(a))
		}
	})
	t.Run("a long way of servers", func(t *testing.T) {
		// a.com is at ns.b.com, b.com at ns.c.com and so on; all is in order
		// but the length.
		n := newNetwork(t)
		h := n.Hoster("dns-host.net")
		at := h.Zone().Servers()[0].Addr().Addr().String()
		const last = 'k'
		for c := 'a'; c <= last; c++ {
			z := n.ZoneAt(string(c)+".com", h).Add("_x", "TXT", "token").Add("ns", "A", at)
			if c < last {
				z.Delegate(testnet.NS{Name: "ns." + string(c+1) + ".com."})
			} else {
				z.Delegate(testnet.NS{Name: "ns." + string(c) + ".com.", Addrs: []string{at}})
			}
		}
		a := mustAsk(t, newResolver(t, n), "_x.a.com", typeTXT)
		if a.Servers[0].Status != dns.StatusNoAddress || !strings.Contains(a.Servers[0].Err.Error(), dns.ErrBudget.Error()) {
			t.Errorf("%s", show(a))
		}
		if _, s := mustAgree(t, newResolver(t, n), "_x.i.com", typeTXT); texts(s)[0] != "token" {
			t.Errorf("two steps: %s", line(s))
		}
	})
	t.Run("budget", func(t *testing.T) {
		n := newNetwork(t)
		n.Zone("example.com").Add("_x", "TXT", "token")
		r := newResolver(t, n, func(c *dns.Config) { c.MaxQueries = 3 })
		a := mustAsk(t, r, "_x.example.com", typeTXT) // two to the parents, one left
		if _, ok := a.Agreed(); ok {
			t.Errorf("%s", show(a))
		}
		if f := a.Failed(); len(f) != 1 || !errors.Is(f[0].Err, dns.ErrBudget) {
			t.Errorf("%v", f)
		}
		r = newResolver(t, n, func(c *dns.Config) { c.MaxQueries = 1 })
		if _, err := r.Ask(context.Background(), "_x.example.com", typeTXT); !errors.Is(err, dns.ErrBudget) {
			t.Errorf("Ask = %v, want ErrBudget", err)
		}
	})
}
