package dns_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

func TestAskGlueless(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	z := n.ZoneAt("example.com", h).Add("_x", "TXT", "token")
	r := newResolver(t, n)
	a, s := mustAgree(t, r, "_x.example.com", typeTXT)
	if diff := cmp.Diff([]string{"token"}, texts(s)); diff != "" {
		t.Error(diff)
	}
	if len(a.Servers) != 2 || a.Zone.Servers[0].Name != "ns1.dns-host.net" || a.Zone.Servers[0].Glue {
		t.Errorf("%+v", a.Zone)
	}
	// The addresses are remembered for a while.
	n.ResetHistory()
	mustAgree(t, r, "_x.example.com", typeTXT)
	if got := len(n.Queries()); got != 4 {
		t.Errorf("%d queries the second time, want 4", got)
	}
	// One server inside the zone without glue, one outside: the first is found
	// through the second.
	in := testnet.NS{Name: "ns9.example.com."}
	z.Add("ns9", "A", h.Zone().Servers()[0].Addr().Addr().String())
	z.Delegate(in, h.NSNames()[1])
	z.OmitGlue()
	a, _ = mustAgree(t, newResolver(t, n), "_x.example.com", typeTXT)
	if len(a.Servers) != 2 || a.Servers[0].Server != "ns9.example.com" && a.Servers[1].Server != "ns9.example.com" {
		t.Errorf("%s", show(a))
	}
}

func TestZoneBelow(t *testing.T) {
	t.Run("other servers", func(t *testing.T) {
		n := newNetwork(t)
		n.Zone("example.com").Add("_x.sub", "TXT", "in the parent")
		n.Zone("sub.example.com").Add("_x", "TXT", "in the child")
		n.Zone("deep.er.sub.example.com").Add("_x", "TXT", "in the grandchild")
		r := newResolver(t, n)
		a, s := mustAgree(t, r, "_x.sub.example.com", typeTXT)
		if a.Zone.Name != "sub.example.com" || a.Zone.Parent != "example.com" || texts(s)[0] != "in the child" {
			t.Errorf("zone %s: %s", a.Zone.Name, show(a))
		}
		a, s = mustAgree(t, r, "_x.deep.er.sub.example.com", typeTXT)
		if a.Zone.Name != "deep.er.sub.example.com" || texts(s)[0] != "in the grandchild" {
			t.Errorf("zone %s: %s", a.Zone.Name, show(a))
		}
	})
	t.Run("same servers", func(t *testing.T) {
		n := newNetwork(t)
		h := n.Hoster("dns-host.net")
		n.ZoneAt("example.com", h)
		n.ZoneAt("sub.example.com", h).Add("_x", "TXT", "in the child").Add("c", "CNAME", "x.example.net.")
		r := newResolver(t, n)
		for _, name := range []string{"_x.sub.example.com", "_y.sub.example.com", "c.sub.example.com", "sub.example.com"} {
			for _, qtype := range []uint16{typeTXT, typeCNAME, typeNS} {
				a, _ := mustAgree(t, r, name, qtype)
				if a.Zone.Name != "sub.example.com" || len(a.Servers) != 2 {
					t.Errorf("%s %d: zone %s\n%s", name, qtype, a.Zone.Name, show(a))
				}
			}
		}
	})
	t.Run("some servers of its own", func(t *testing.T) {
		// Both servers of the parent hold the child too; the child has one
		// more, which must be heard.
		n := newNetwork(t)
		h := n.Hoster("dns-host.net")
		n.ZoneAt("example.com", h)
		z := n.ZoneAt("sub.example.com", h).Add("_x", "TXT", "token")
		z.AddServer().Only("_x", "TXT", "other")
		r := newResolver(t, n)
		a := mustAsk(t, r, "_x.sub.example.com", typeTXT)
		if _, ok := a.Agreed(); ok || a.Zone.Name != "sub.example.com" || len(a.Servers) != 3 {
			t.Errorf("agreed %v, zone %s:\n%s", ok, a.Zone.Name, show(a))
		}
	})
}

func TestAskDS(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com")
	a, s := mustAgree(t, newResolver(t, n), "example.com", typeDS)
	if a.Zone.Name != "com" || s.Kind != dns.KindNoData {
		t.Errorf("zone %s, %s", a.Zone.Name, s.Kind)
	}
}

func TestAskUnregistered(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com")
	r := newResolver(t, n)
	a, s := mustAgree(t, r, "_x.nobody.com", typeTXT)
	if a.Zone.Name != "com" || s.Kind != dns.KindNXDomain {
		t.Errorf("zone %s, %s", a.Zone.Name, s.Kind)
	}
	a, s = mustAgree(t, r, "_x.example.nowhere", typeTXT)
	if a.Zone.Name != "" || s.Kind != dns.KindNXDomain {
		t.Errorf("zone %s, %s", a.Zone.Name, s.Kind)
	}
}

// TestAskInPublicZone has records in a registry's own zone: two servers may
// deny a name, but all must agree on what is there.
func TestAskInPublicZone(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("com").Add("_x.inline", "TXT", "token")
	n.Zone("example.com")
	for range 4 {
		z.AddServer()
	}
	r := newResolver(t, n)
	if a, s := mustAgree(t, r, "_x.nobody.com", typeTXT); s.Kind != dns.KindNXDomain || len(a.Servers) != 2 {
		t.Errorf("%s", show(a))
	}
	if a, s := mustAgree(t, r, "_x.inline.com", typeTXT); texts(s)[0] != "token" || len(a.Servers) != 6 {
		t.Errorf("%s", show(a))
	}
	z.Servers()[5].Only("_x.inline", "TXT", "other")
	if _, ok := mustAsk(t, r, "_x.inline.com", typeTXT).Agreed(); ok {
		t.Error("agreed although one differs")
	}
}
