package testnet_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func TestZoneParents(t *testing.T) {
	for name, want := range map[string][]string{
		"example.com":             {".", "com", "example.com"},
		"com":                     {".", "com"},
		"a.b.example.com":         {".", "a.b.example.com", "com", "example.com"},
		"example.co.uk":           {".", "co.uk", "example.co.uk", "uk"},
		"co.uk":                   {".", "co.uk", "uk"},
		"user.github.io":          {".", "github.io", "io", "user.github.io"},
		"example.test":            {".", "example.test", "test"}, // not on the list: one label is a suffix
		"xn--bcher-kva.xn--90ais": {".", "xn--90ais", "xn--bcher-kva.xn--90ais"},
	} {
		n := newNetwork(t)
		if z := n.Zone(strings.ToUpper(name) + "."); z.Name() != name || n.Zone(name) != z {
			t.Errorf("%s: made as %s", name, z.Name())
		}
		var got []string
		for _, z := range n.Zones() {
			got = append(got, z.Name())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReferrals(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.co.uk")
	ns := z.Servers()
	uk, co := n.Zone("uk").Servers(), n.Zone("co.uk").Servers()
	root := n.Zone(".").Servers()
	if len(root) != 2 || len(uk) != 2 || len(ns) != 2 {
		t.Fatalf("%d, %d, %d servers, want 2 each", len(root), len(uk), len(ns))
	}
	q := "_x.example.co.uk"
	for _, tt := range []struct {
		s    *testnet.NameServer
		want string
	}{
		{root[0], lines("NOERROR", "ns: uk. NS a.nic.uk., uk. NS b.nic.uk.", fmt.Sprintf("ar: a.nic.uk. A %s, b.nic.uk. A %s", ip(uk[0]), ip(uk[1])))},
		{root[1], lines("NOERROR", "ns: uk. NS a.nic.uk., uk. NS b.nic.uk.", fmt.Sprintf("ar: a.nic.uk. A %s, b.nic.uk. A %s", ip(uk[0]), ip(uk[1])))},
		{uk[1], lines("NOERROR", "ns: co.uk. NS a.nic.co.uk., co.uk. NS b.nic.co.uk.", fmt.Sprintf("ar: a.nic.co.uk. A %s, b.nic.co.uk. A %s", ip(co[0]), ip(co[1])))},
		{co[0], lines("NOERROR", "ns: example.co.uk. NS ns1.example.co.uk., example.co.uk. NS ns2.example.co.uk.", fmt.Sprintf("ar: ns1.example.co.uk. A %s, ns2.example.co.uk. A %s", ip(ns[0]), ip(ns[1])))},
		{ns[0], lines("NXDOMAIN aa", "ns: example.co.uk. SOA")},
	} {
		if diff := cmp.Diff(tt.want, show(ask(t, n, tt.s, q, "TXT"))); diff != "" {
			t.Errorf("%s: %s", tt.s.Name(), diff)
		}
	}
	if got := show(ask(t, n, root[0], "example.nowhere", "A")); got != lines("NXDOMAIN aa", "ns: . SOA") {
		t.Errorf("unknown TLD: %s", got)
	}
	if got := show(ask(t, n, uk[0], "nobody.co.uk", "A")); !strings.HasPrefix(got, "NOERROR\n") {
		t.Errorf("uk about co.uk: %s", got)
	}
}

func TestRootHints(t *testing.T) {
	n := newNetwork(t)
	zp := dns.NewZoneParser(strings.NewReader(n.RootHints()), ".", "named.root")
	var got []string
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		got = append(got, strings.Join(strings.Fields(rr.String()), " "))
	}
	if zp.Err() != nil {
		t.Fatal(zp.Err())
	}
	root := n.Zone(".").Servers()
	want := []string{
		". 3600000 IN NS a.root-servers.", "a.root-servers. 3600000 IN A " + ip(root[0]),
		". 3600000 IN NS b.root-servers.", "b.root-servers. 3600000 IN A " + ip(root[1]),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestChildZoneTakesOver(t *testing.T) {
	n := newNetwork(t)
	deep := n.Zone("deep.sub.example.com").Add("@", "TXT", "deep")
	parent := n.Zone("example.com").Add("_x.sub", "TXT", "in the parent")
	p := parent.Servers()[0]
	if got := txts(ask(t, n, p, "_x.sub.example.com", "TXT")); !slices.Equal(got, []string{"in the parent"}) {
		t.Errorf("before the cut: %q", got)
	}
	sub := n.Zone("sub.example.com") // between two zones that exist
	if got := show(ask(t, n, p, "_x.sub.example.com", "TXT")); !strings.HasPrefix(got, "NOERROR\nns: sub.example.com. NS") {
		t.Errorf("after the cut: %s", got)
	}
	if got := show(ask(t, n, p, "deep.sub.example.com", "TXT")); !strings.Contains(got, "ns: sub.example.com. NS") {
		t.Errorf("the grandchild from the parent: %s", got)
	}
	if got := show(ask(t, n, sub.Servers()[0], "deep.sub.example.com", "TXT")); !strings.Contains(got, "ns: deep.sub.example.com. NS") {
		t.Errorf("the grandchild from the child: %s", got)
	}
	if sub.Parent() != parent || deep.Parent() != sub {
		t.Errorf("parents: %v, %v", sub.Parent().Name(), deep.Parent().Name())
	}
}

func TestDelegate(t *testing.T) {
	n := newNetwork(t)
	com := n.Zone("com").Servers()[0]
	z := n.Zone("example.com")
	own := show(ask(t, n, com, "example.com", "A"))

	z.Delegate(testnet.NS{Name: "ns1.example.com", Addrs: []string{"127.0.0.53", "::1"}}, testnet.NS{Name: "ns.elsewhere.net.", Addrs: []string{"45.1.1.1"}})
	want := lines("NOERROR", "ns: example.com. NS ns.elsewhere.net., example.com. NS ns1.example.com.", "ar: ns1.example.com. A 127.0.0.53, ns1.example.com. AAAA ::1")
	if diff := cmp.Diff(want, show(ask(t, n, com, "example.com", "A"))); diff != "" {
		t.Error(diff)
	}
	if got := show(ask(t, n, z.Servers()[0], "example.com", "NS")); !strings.Contains(got, "NS ns2.example.com.") {
		t.Errorf("the child changed with the parent: %s", got)
	}
	z.Remove("@", "NS").Add("@", "NS", "ns9").Remove("ns1", "A").Add("ns1", "A", "10.0.0.1")
	if got := show(ask(t, n, z.Servers()[0], "example.com", "NS")); got != lines("NOERROR aa", "an: example.com. NS ns9.example.com.") {
		t.Errorf("the child's own: %s", got)
	}
	z.Undelegate()
	if got := show(ask(t, n, com, "example.com", "A")); got != lines("NXDOMAIN aa", "ns: com. SOA") {
		t.Errorf("undelegated: %s", got)
	}
	z.Delegate()
	if diff := cmp.Diff(own, show(ask(t, n, com, "example.com", "A"))); diff != "" {
		t.Errorf("delegated again: %s", diff)
	}
	z.OmitGlue()
	if got := show(ask(t, n, com, "example.com", "A")); strings.Contains(got, "ar:") {
		t.Errorf("glue omitted: %s", got)
	}
}

func TestHoster(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	if n.Hoster("DNS-host.net.") != h {
		t.Error("a second hoster of that name")
	}
	a := n.ZoneAt("a.com", h).Add("@", "TXT", "a")
	b := n.ZoneAt("b.net", h).Add("@", "TXT", "b")
	for i := range 2 {
		if a.Servers()[i].Addr() != b.Servers()[i].Addr() || a.Servers()[i].Addr() != h.Zone().Servers()[i].Addr() {
			t.Errorf("server %d is not shared", i+1)
		}
	}
	// Glueless from com, with sibling glue from net.
	if got := show(ask(t, n, n.Zone("com").Servers()[0], "a.com", "A")); got != lines("NOERROR", "ns: a.com. NS ns1.dns-host.net., a.com. NS ns2.dns-host.net.") {
		t.Error(got)
	}
	if got := show(ask(t, n, n.Zone("net").Servers()[0], "b.net", "A")); !strings.Contains(got, "ar: ns1.dns-host.net. A") {
		t.Error(got)
	}
	if got := txts(ask(t, n, a.Servers()[1], "a.com", "TXT")); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
	// A fault is one zone's only.
	a.Servers()[0].Fault(testnet.FaultRefused)
	if got := show(ask(t, n, a.Servers()[0], "a.com", "TXT")); got != "REFUSED" {
		t.Error(got)
	}
	if got := txts(ask(t, n, b.Servers()[0], "b.net", "TXT")); !slices.Equal(got, []string{"b"}) {
		t.Errorf("%q", got)
	}
}

func TestUndelegatedZone(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	z := n.Zone("example.com").Add("@", "TXT", "live")
	stray := h.Undelegated("example.com").Add("@", "TXT", "stray")
	if stray == z || stray.Parent() != nil || h.Undelegated("example.com") != stray {
		t.Error("not a zone of its own")
	}
	com := n.Zone("com").Servers()[0]
	before := show(ask(t, n, com, "example.com", "A"))
	if strings.Contains(before, "dns-host") {
		t.Errorf("delegated to the hoster: %s", before)
	}
	if got := txts(ask(t, n, stray.Servers()[0], "example.com", "TXT")); !slices.Equal(got, []string{"stray"}) {
		t.Errorf("%q", got)
	}
	z.Delegate(h.NSNames()...) // the move
	if got := show(ask(t, n, com, "example.com", "A")); got != lines("NOERROR", "ns: example.com. NS ns1.dns-host.net., example.com. NS ns2.dns-host.net.") {
		t.Error(got)
	}
	// A zone that nobody delegates to yet gets its delegation from ZoneAt.
	fresh := h.Undelegated("fresh.com")
	if got := show(ask(t, n, com, "fresh.com", "A")); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Error(got)
	}
	if n.ZoneAt("fresh.com", h) != fresh || len(n.Zones()) != 7 {
		t.Errorf("not adopted; %d zones", len(n.Zones()))
	}
	if got := show(ask(t, n, com, "fresh.com", "A")); !strings.Contains(got, "NS ns1.dns-host.net.") {
		t.Error(got)
	}
}

func TestParentOnTheSameServer(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	n.ZoneAt("example.com", h)
	sub := n.ZoneAt("sub.example.com", h).Add("@", "TXT", "sub")
	s := sub.Servers()[0]
	if got := show(ask(t, n, s, "sub.example.com", "NS")); !strings.HasPrefix(got, "NOERROR aa\nan:") {
		t.Errorf("the child's side: %s", got)
	}
	if got := show(ask(t, n, s, "sub.example.com", "DS")); got != lines("NOERROR aa", "ns: example.com. SOA") {
		t.Errorf("DS is the parent's: %s", got)
	}
}

func TestMoreServersAndIPv6(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("@", "TXT", "v")
	third := z.AddServer()
	v6 := z.Servers()[0].AddIPv6()
	if z.Servers()[0].AddIPv6() != v6 || !v6.Addr().Is6() || len(z.Servers()[0].Addrs()) != 2 {
		t.Errorf("addresses %v", z.Servers()[0].Addrs())
	}
	got := show(ask(t, n, n.Zone("com").Servers()[0], "example.com", "A"))
	for _, want := range []string{"NS ns3.example.com.", "ns3.example.com. A " + ip(third), "ns1.example.com. AAAA " + v6.Addr().String()} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the referral: %s", want, got)
		}
	}
	for _, to := range []netip.AddrPort{third.Addr(), v6} {
		if got := txts(exchange(t, n, to, "tcp", query("example.com", "TXT"))); !slices.Equal(got, []string{"v"}) {
			t.Errorf("%s: %q", to, got)
		}
	}
	if got := show(ask(t, n, third, "ns1.example.com", "AAAA")); got != lines("NOERROR aa", "an: ns1.example.com. AAAA "+v6.Addr().String()) {
		t.Error(got)
	}
}
