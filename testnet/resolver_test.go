package testnet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func TestResolver(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").SetSOAMinimum(77).
		Add("_x", "TXT", "fresh").
		Add("alias", "CNAME", "target.example.net.")
	n.ZoneAt("example.net", n.Hoster("dns-host.org")).Add("target", "TXT", "over there")
	r := n.Resolver()
	if n.Resolver().Addr() == r.Addr() || r.Addr().Port() != 53 {
		t.Errorf("address %s", r.Addr())
	}
	get := func(name, rtype string) *dns.Msg {
		t.Helper()
		m := query(name, rtype)
		m.RecursionDesired = true
		got := exchange(t, n, r.Addr(), "udp", m)
		if !got.RecursionAvailable || got.Authoritative {
			t.Errorf("%s: RA %v, AA %v", name, got.RecursionAvailable, got.Authoritative)
		}
		return got
	}
	for _, tt := range []struct{ name, rtype, want string }{
		{"_X.example.com", "TXT", lines("NOERROR", `an: _X.example.com. TXT "fresh"`)},
		{"alias.example.com", "TXT", lines("NOERROR", `an: alias.example.com. CNAME target.example.net., target.example.net. TXT "over there"`)},
		{"alias.example.com", "CNAME", lines("NOERROR", "an: alias.example.com. CNAME target.example.net.")},
		{"_x.example.com", "A", lines("NOERROR", "ns: example.com. 77 IN SOA")},
		{"example.nowhere", "A", lines("NXDOMAIN", "ns: . SOA")},
	} {
		got := strings.Replace(show(get(tt.name, tt.rtype)), "example.com. SOA", "example.com. 77 IN SOA", 1)
		if got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.name, tt.rtype, got, tt.want)
		}
	}
	// What is cached stays, whatever the zone says.
	z.Remove("_x", "TXT").Add("_x", "TXT", "newer")
	if got := txts(get("_x.example.com", "TXT")); !slices.Equal(got, []string{"fresh"}) {
		t.Errorf("cached: %q", got)
	}
	r.Flush()
	if got := txts(get("_x.example.com", "TXT")); !slices.Equal(got, []string{"newer"}) {
		t.Errorf("flushed: %q", got)
	}
	r.Prime("_x.example.com", "TXT", "old")
	m := get("_x.example.com", "TXT")
	if ttl := m.Answer[0].Header().Ttl; !slices.Equal(txts(m), []string{"old"}) || ttl < 3000 || ttl > 3600 {
		t.Errorf("primed: %s", m)
	}
	r.PrimeTTL("_x.example.com", "TXT", 1000, "older", "value")
	if m = get("_x.example.com", "TXT"); m.Answer[0].Header().Ttl > 1000 || !slices.Equal(txts(m), []string{"older|value"}) {
		t.Errorf("primed with TTL: %s", m)
	}
	r.PrimeNegative("_x.example.com", "TXT", 500)
	m = get("_x.example.com", "TXT")
	if soa, ok := m.Ns[0].(*dns.SOA); !ok || m.Rcode != dns.RcodeNameError || soa.Hdr.Name != "example.com." || soa.Hdr.Ttl > 500 || soa.Hdr.Ttl < 400 {
		t.Errorf("negative: %s", m)
	}
}

func TestResolverSeesFaults(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "v")
	r := n.Resolver()
	rcode := func() int {
		t.Helper()
		r.Flush()
		return exchange(t, n, r.Addr(), "tcp", query("_x.example.com", "TXT")).Rcode
	}
	z.Servers()[0].Fault(testnet.FaultTimeout)
	if got := rcode(); got != dns.RcodeSuccess {
		t.Errorf("one of two servers: %s", dns.RcodeToString[got])
	}
	z.Servers()[1].Fault(testnet.FaultRefused)
	if got := rcode(); got != dns.RcodeServerFailure {
		t.Errorf("no server: %s", dns.RcodeToString[got])
	}
	z.Servers()[0].Fault(testnet.FaultNone)
	z.Undelegate()
	if got := rcode(); got != dns.RcodeNameError {
		t.Errorf("undelegated: %s", dns.RcodeToString[got])
	}
	z.Delegate(testnet.NS{Name: "ns1.example.com.", Addrs: []string{"127.0.0.53"}})
	if got := rcode(); got != dns.RcodeServerFailure {
		t.Errorf("delegated to nobody: %s", dns.RcodeToString[got])
	}
	z.Delegate()
	n.Zone("loop.com").Add("a", "CNAME", "b").Add("b", "CNAME", "a")
	if got := exchange(t, n, r.Addr(), "udp", query("a.loop.com", "TXT")).Rcode; got != dns.RcodeServerFailure {
		t.Errorf("loop: %s", dns.RcodeToString[got])
	}
	for f, want := range map[testnet.Fault]int{testnet.FaultRefused: dns.RcodeRefused, testnet.FaultServFail: dns.RcodeServerFailure, testnet.FaultNone: dns.RcodeSuccess} {
		r.Fault(f)
		if got := rcode(); got != want {
			t.Errorf("%q: %s", f, dns.RcodeToString[got])
		}
	}
	r.EDE(22, "No Reachable Authority")
	m := exchange(t, n, r.Addr(), "udp", query("_x.example.com", "TXT"))
	if e, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); !ok || e.InfoCode != 22 {
		t.Errorf("EDE: %s", m)
	}
	r.Fault(testnet.FaultTimeout)
	if _, err := try(t, n, r.Addr(), "udp", query("_x.example.com", "TXT"), quick); err == nil {
		t.Error("answered in spite of the fault")
	}
}
