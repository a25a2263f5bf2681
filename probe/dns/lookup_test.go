package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

func mustLookup(t *testing.T, r *dns.Resolver, name string, qtype uint16) *dns.Lookup {
	t.Helper()
	l, err := r.Lookup(context.Background(), name, qtype)
	if err != nil {
		t.Fatalf("Lookup(%s): %v", name, err)
	}
	return l
}

func hops(l *dns.Lookup) []string {
	var out []string
	for _, h := range l.Hops {
		out = append(out, h.Name+" @"+h.Zone.Name)
	}
	return out
}

func TestLookup(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "CNAME", "a.example.net.").Add("direct", "TXT", "token").
		Add("l1", "CNAME", "l2").Add("l2", "CNAME", "l3.example.net.").Add("me", "CNAME", "me").
		Add("lost", "CNAME", "gone.example.nowhere.").Add("gone", "CNAME", "x.nobody.com.")
	n.Zone("example.net").Add("a", "CNAME", "b.sub.example.org.").Add("l3", "CNAME", "l1.example.com.")
	n.Zone("sub.example.org").Add("b", "TXT", "token")
	r := newResolver(t, n)

	l := mustLookup(t, r, "direct.example.com", typeTXT)
	if len(l.Hops) != 1 || l.ChainErr != nil {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	l = mustLookup(t, r, "_X.example.com.", typeTXT)
	want := []string{"_x.example.com @example.com", "a.example.net @example.net", "b.sub.example.org @sub.example.org"}
	if diff := cmp.Diff(want, hops(l)); diff != "" || l.ChainErr != nil {
		t.Errorf("%v%s", l.ChainErr, diff)
	}
	if s, ok := l.Final().Agreed(); !ok || texts(s)[0] != "token" {
		t.Errorf("%s", show(l.Final()))
	}
	for _, h := range l.Hops {
		if len(h.Servers) != 2 {
			t.Errorf("%s: %d servers asked", h.Name, len(h.Servers))
		}
	}
	// The record itself, not its end.
	l = mustLookup(t, r, "_x.example.com", typeCNAME)
	if s, ok := l.Final().Agreed(); !ok || len(l.Hops) != 1 || s.Records[0].Target != "a.example.net" {
		t.Errorf("%v", hops(l))
	}
	for name, count := range map[string]int{"l1.example.com": 3, "me.example.com": 1} {
		l = mustLookup(t, r, name, typeTXT)
		if !errors.Is(l.ChainErr, dns.ErrLoop) || len(l.Hops) != count {
			t.Errorf("%s: %v, %v", name, hops(l), l.ChainErr)
		}
	}
	l = mustLookup(t, r, "lost.example.com", typeTXT)
	if s, ok := l.Final().Agreed(); !ok || s.Kind != dns.KindNXDomain || l.ChainErr != nil {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	// The next zone is dead.
	for _, s := range n.Zone("org").Servers() {
		s.Fault(testnet.FaultRefused)
	}
	l = mustLookup(t, newResolver(t, n), "_x.example.com", typeTXT)
	if !errors.Is(l.ChainErr, dns.ErrNoServers) || len(l.Hops) != 2 {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
}

func TestLookupLongChain(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	for i := range 30 {
		z.Add(fmt.Sprintf("c%d", i), "CNAME", fmt.Sprintf("c%d", i+1))
	}
	z.Add("c30", "TXT", "end")
	r := newResolver(t, n)
	l := mustLookup(t, r, "c20.example.com", typeTXT)
	if s, ok := l.Final().Agreed(); !ok || s.Kind != dns.KindData || len(l.Hops) != 11 || l.ChainErr != nil {
		t.Errorf("ten aliases: %v, %v", hops(l), l.ChainErr)
	}
	l = mustLookup(t, r, "c19.example.com", typeTXT)
	if !errors.Is(l.ChainErr, dns.ErrChainTooLong) || len(l.Hops) != 11 {
		t.Errorf("eleven aliases: %v, %v", hops(l), l.ChainErr)
	}
	z.Add("c30", "A", "45.1.1.1")
	if a, err := r.Addrs(context.Background(), "c20.example.com"); err != nil || len(a.Chain) != 10 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := r.Addrs(context.Background(), "c19.example.com"); !errors.Is(err, dns.ErrChainTooLong) {
		t.Errorf("Addrs = %v", err)
	}
}

func TestLookupDisagreement(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "CNAME", "a.example.net.")
	n.Zone("example.net").Add("a", "TXT", "a").Add("b", "TXT", "b")
	s1 := z.Servers()[0]
	s1.Only("_x", "CNAME", "b.example.net.")
	r := newResolver(t, n)
	if l := mustLookup(t, r, "_x.example.com", typeTXT); !errors.Is(l.ChainErr, dns.ErrDisagree) || len(l.Hops) != 1 {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	s1.Only("_x", "CNAME")
	s1.Only("_x", "TXT", "own")
	if l := mustLookup(t, r, "_x.example.com", typeTXT); !errors.Is(l.ChainErr, dns.ErrDisagree) || len(l.Hops) != 1 {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	// Two to one: followed, and the hop still tells that they disagree.
	z.AddServer()
	l := mustLookup(t, r, "_x.example.com", typeTXT)
	if _, ok := l.Hops[0].Agreed(); ok || len(l.Hops) != 2 || l.ChainErr != nil {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	// One that answers, two that do not: followed likewise.
	s1.Fault(testnet.FaultRefused)
	z.Servers()[2].Fault(testnet.FaultServFail)
	l = mustLookup(t, r, "_x.example.com", typeTXT)
	if _, ok := l.Hops[0].Agreed(); ok || len(l.Hops) != 2 {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
}

func TestDNAME(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("old", "DNAME", "new.example.net.").Add("_x.old", "TXT", "hidden")
	n.Zone("example.net").Add("_x.new", "TXT", "token").Add("new", "TXT", "at the target itself")
	r := newResolver(t, n)
	a, s := mustAgree(t, r, "_x.old.example.com", typeTXT)
	if s.Kind != dns.KindAlias || s.AliasTarget() != "_x.new.example.net" || len(s.Records) != 2 || s.Records[0].Name != "old.example.com" {
		t.Errorf("%s", show(a))
	}
	if _, s := mustAgree(t, r, "_x.old.example.com", typeCNAME); s.Kind != dns.KindAlias || s.AliasTarget() != "_x.new.example.net" {
		t.Errorf("asked for CNAME: %s", line(s))
	}
	l := mustLookup(t, r, "_x.old.example.com", typeTXT)
	if s, ok := l.Final().Agreed(); !ok || texts(s)[0] != "token" {
		t.Errorf("%v, %v", hops(l), l.ChainErr)
	}
	// A DNAME does not touch its own name.
	if _, s := mustAgree(t, r, "old.example.com", typeTXT); s.Kind != dns.KindNoData {
		t.Errorf("%s", line(s))
	}
}

func TestAddrs(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("www.example.com")
	n.Zone("example.com").Add("alias", "CNAME", "www.example.com.").Add("far", "CNAME", "x.example.net.").
		Add("a", "CNAME", "b").Add("b", "CNAME", "a").Add("txt", "TXT", "x").Add("only6", "AAAA", "2a0e::6")
	n.Zone("example.net").Add("x", "CNAME", "www.example.com.")
	n.Zone("inside.example.com").Add("@", "A", "127.0.0.1")
	r := newResolver(t, n)
	mustAddrs := func(host string) *dns.Addresses {
		t.Helper()
		a, err := r.Addrs(context.Background(), host)
		if err != nil {
			t.Fatalf("Addrs(%s): %v", host, err)
		}
		return a
	}
	want := h.Addrs() // IPv6 first
	for host, chain := range map[string][]string{
		"www.example.com": nil, "WWW.example.com.": nil,
		"alias.example.com": {"www.example.com"}, "far.example.com": {"x.example.net", "www.example.com"},
	} {
		a := mustAddrs(host)
		if diff := cmp.Diff(want, a.Addrs, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" || a.Kind != dns.KindData {
			t.Errorf("%s: %s", host, diff)
		}
		if diff := cmp.Diff(chain, a.Chain); diff != "" {
			t.Errorf("%s: %s", host, diff)
		}
	}
	for host, kind := range map[string]dns.Kind{
		"txt.example.com": dns.KindNoData, "nobody.example.com": dns.KindNXDomain, "nobody.com": dns.KindNXDomain, "x.nowhere": dns.KindNXDomain,
	} {
		if a := mustAddrs(host); len(a.Addrs) != 0 || a.Kind != kind {
			t.Errorf("%s: %+v", host, a)
		}
	}
	if a := mustAddrs("only6.example.com"); len(a.Addrs) != 1 {
		t.Errorf("%+v", a)
	}
	if a := mustAddrs("inside.example.com"); len(a.Addrs) != 1 || a.Addrs[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%+v: the guard judges when dialing", a)
	}
	if _, err := r.Addrs(context.Background(), "a.example.com"); !errors.Is(err, dns.ErrLoop) {
		t.Errorf("Addrs = %v, want ErrLoop", err)
	}

	// One A and one AAAA question for the name, whatever happens (T2).
	n.ResetHistory()
	mustAddrs("www.example.com")
	if a, aaaa := len(n.QueriesFor("www.example.com", "A")), len(n.QueriesFor("www.example.com", "AAAA")); a != 1 || aaaa != 1 {
		t.Errorf("%d A and %d AAAA questions", a, aaaa)
	}
	// A server that fails is replaced by the other.
	n.Zone("example.com").Servers()[0].Fault(testnet.FaultServFail)
	for range 4 {
		mustAddrs("www.example.com")
	}
	n.Zone("example.com").Servers()[1].Fault(testnet.FaultServFail)
	if _, err := r.Addrs(context.Background(), "www.example.com"); !errors.Is(err, dns.ErrNoServers) {
		t.Errorf("Addrs = %v, want ErrNoServers", err)
	}
}

func TestDelegation(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	n.Zone("example.com").Add("a.b.c", "TXT", "x").Add("www", "CNAME", "x.example.net.").Add("d", "DNAME", "example.net.")
	n.Zone("sub.ent.example.com")
	n.ZoneAt("same.com", h)
	n.ZoneAt("sub.same.com", h)
	n.Zone("example.co.uk")
	r := newResolver(t, n)
	for _, tt := range []struct {
		name, zone, parent string
		err                error
	}{
		{"example.com", "example.com", "com", nil},
		{"com", "com", "", nil},
		{"", "", "", nil},
		{"a.b.c.example.com", "example.com", "com", nil},
		{"b.c.example.com", "example.com", "com", nil},
		{"www.example.com", "example.com", "com", nil},
		{"x.y.d.example.com", "example.com", "com", nil},
		{"nobody.example.com", "example.com", "com", dns.ErrNotDelegated},
		{"x.y.nobody.example.com", "example.com", "com", dns.ErrNotDelegated},
		{"nobody.com", "com", "", dns.ErrNotDelegated},
		{"x.nobody.com", "com", "", dns.ErrNotDelegated},
		{"example.nowhere", "", "", dns.ErrNotDelegated},
		{"sub.ent.example.com", "sub.ent.example.com", "example.com", nil},
		{"ent.example.com", "example.com", "com", nil},
		{"sub.same.com", "sub.same.com", "same.com", nil},
		{"example.co.uk", "example.co.uk", "co.uk", nil},
	} {
		z, err := r.Delegation(context.Background(), tt.name)
		if !errors.Is(err, tt.err) || z == nil || z.Name != tt.zone || z.Parent != tt.parent {
			t.Errorf("Delegation(%q) = %+v, %v; want zone %q of %q, %v", tt.name, z, err, tt.zone, tt.parent, tt.err)
			continue
		}
		if z.Name != "" && !z.DelegatedBy.IsValid() {
			t.Errorf("%s: nobody delegated", tt.name)
		}
		for _, ns := range z.Servers {
			if len(ns.Addrs) == 0 || ns.Err != nil {
				t.Errorf("%s: server %+v", tt.name, ns)
			}
		}
	}
	z, _ := r.Delegation(context.Background(), "same.com")
	if z.Servers[0].Name != "ns1.dns-host.net" || z.Servers[0].Glue {
		t.Errorf("%+v", z.Servers)
	}
}

// TestDelegationConfused has servers that deny names above existing ones, or
// fail on them.
func TestDelegationConfused(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("a.b.c", "TXT", "x")
	n.Zone("sub.ent.example.com")
	for _, s := range z.Servers() {
		s.Fault(testnet.FaultQNAMEMin)
	}
	r := newResolver(t, n)
	for name, want := range map[string]string{
		"a.b.c.example.com": "example.com", "sub.ent.example.com": "sub.ent.example.com", "x.sub.ent.example.com": "sub.ent.example.com",
	} {
		z, err := r.Delegation(context.Background(), name)
		if name == "x.sub.ent.example.com" && errors.Is(err, dns.ErrNotDelegated) {
			err = nil // it does not exist there
		}
		if err != nil || z.Name != want {
			t.Errorf("Delegation(%s) = %+v, %v", name, z, err)
		}
	}
	if _, err := r.Delegation(context.Background(), "x.y.nobody.example.com"); !errors.Is(err, dns.ErrNotDelegated) {
		t.Errorf("Delegation = %v", err)
	}
	mustAgree(t, r, "a.b.c.example.com", typeTXT)
}

func TestForward(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token").Add("www", "CNAME", "w.example.net.").Add("sub.ent", "TXT", "x")
	n.Zone("example.net").Add("w", "A", "45.1.1.1").Add("w", "TXT", "far")
	f1, f2 := n.Resolver(), n.Resolver()
	r := newResolver(t, n, func(c *dns.Config) {
		c.Forward = []netip.AddrPort{f1.Addr(), f2.Addr()}
		c.Roots = nil
	})
	n.ResetHistory()
	a, s := mustAgree(t, r, "_x.example.com", typeTXT)
	if len(a.Servers) != 2 || a.Zone.Name != "example.com" || a.Zone.DelegatedBy.IsValid() || texts(s)[0] != "token" {
		t.Errorf("%+v\n%s", a.Zone, show(a))
	}
	if s.Addr != f1.Addr() {
		t.Errorf("asked %s, want %s", s.Addr, f1.Addr())
	}
	z, err := r.Delegation(context.Background(), "_x.example.com")
	if err != nil || z.Name != "example.com" {
		t.Errorf("Delegation = %+v, %v", z, err)
	}
	z, err = r.Delegation(context.Background(), "nobody.com")
	if !errors.Is(err, dns.ErrNotDelegated) || z.Name != "com" {
		t.Errorf("Delegation = %+v, %v", z, err)
	}
	if _, s := mustAgree(t, r, "_y.example.com", typeTXT); s.Kind != dns.KindNXDomain {
		t.Error(line(s))
	}
	l := mustLookup(t, r, "www.example.com", typeTXT)
	if s, ok := l.Final().Agreed(); !ok || texts(s)[0] != "far" || len(l.Hops) != 2 {
		t.Errorf("%v", hops(l))
	}
	if a, err := r.Addrs(context.Background(), "www.example.com"); err != nil || len(a.Addrs) != 1 || len(a.Chain) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if s, err := r.AskOne(context.Background(), a.Zone, "_z.example.com", typeTXT); err != nil || s.Kind != dns.KindNXDomain {
		t.Errorf("%v, %s", err, line(&s))
	}
	for _, q := range n.Queries() {
		if q.Addr != f1.Addr() && q.Addr != f2.Addr() {
			t.Errorf("asked past the forwarders: %+v", q)
		}
	}
	// Forwarders have to agree as well.
	f2.Prime("_x.example.com", "TXT", "old")
	if a := mustAsk(t, r, "_x.example.com", typeTXT); len(a.Usable()) != 2 {
		t.Errorf("%s", show(a))
	} else if _, ok := a.Agreed(); ok {
		t.Errorf("agreed:\n%s", show(a))
	}
	f1.Fault(testnet.FaultServFail)
	f2.Fault(testnet.FaultServFail)
	if _, err := r.Ask(context.Background(), "_x.example.com", typeTXT); !errors.Is(err, dns.ErrNoServers) {
		t.Errorf("Ask = %v", err)
	}
}

func TestCached(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token").Add("www", "CNAME", "_x")
	fresh, stale, negative, dead := n.Resolver(), n.Resolver(), n.Resolver(), n.Resolver()
	stale.PrimeTTL("_x.example.com", "TXT", 600, "old")
	negative.PrimeNegative("_x.example.com", "TXT", 120)
	dead.Fault(testnet.FaultServFail)
	dead.EDE(6, "bogus")
	unreachable := netip.MustParseAddrPort("45.250.1.1:53")
	forbidden := netip.MustParseAddrPort("192.168.1.1:53")
	r := newResolver(t, n, func(c *dns.Config) {
		c.Recursive = []netip.AddrPort{fresh.Addr(), stale.Addr(), negative.Addr(), dead.Addr(), unreachable, forbidden}
	})
	got := r.Cached(context.Background(), "_x.example.com", typeTXT)
	if len(got) != 6 {
		t.Fatalf("%d answers", len(got))
	}
	if c := got[0]; c.Err != nil || len(c.Records) != 1 || c.Records[0].TXT() != "token" || c.TTL <= 0 || c.Resolver != fresh.Addr() {
		t.Errorf("fresh: %+v", c)
	}
	if c := got[1]; c.Err != nil || len(c.Records) != 1 || c.Records[0].TXT() != "old" || c.TTL.Seconds() > 600 || c.TTL.Seconds() < 300 {
		t.Errorf("stale: %+v", c)
	}
	if c := got[2]; c.Err != nil || c.RCode != 3 || len(c.Records) != 0 || c.TTL.Seconds() > 120 || c.TTL.Seconds() < 60 {
		t.Errorf("negative: %+v", c)
	}
	if c := got[3]; c.Err == nil || c.RCode != 2 || c.EDE != "6 DNSSEC Bogus: bogus" {
		t.Errorf("servfail: %+v", c)
	}
	for _, c := range got[4:] {
		if c.Err == nil || len(c.Records) != 0 {
			t.Errorf("%+v", c)
		}
	}
	if c := r.Cached(context.Background(), "www.example.com", typeTXT)[0]; len(c.Records) != 1 || c.Records[0].TXT() != "token" {
		t.Errorf("through an alias: %+v", c)
	}
	if c := r.Cached(context.Background(), "a..b", typeTXT)[0]; !errors.Is(c.Err, dns.ErrBadName) {
		t.Errorf("%+v", c)
	}
	if got := newResolver(t, n).Cached(context.Background(), "example.com", typeTXT); len(got) != 0 {
		t.Errorf("no resolver configured: %v", got)
	}
}
