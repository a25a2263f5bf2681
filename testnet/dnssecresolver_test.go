package testnet_test

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

// edeCode is the extended error of an answer, 0 without one.
func edeCode(m *dns.Msg) uint16 {
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			return e.InfoCode
		}
	}
	return 0
}

func TestValidatingResolver(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.SignAll(testnet.SignOptions{})
	r := n.Resolver()
	ask := func(name string, cd bool) *dns.Msg {
		t.Helper()
		q := secureQuery(name, "TXT")
		q.CheckingDisabled = cd
		return exchange(t, n, r.Addr(), "udp", q)
	}
	fill := func(name string) *testnet.Zone { return n.Zone(name).Add("_x", "TXT", "v").Add("*.w", "TXT", "w") }
	fill("good.com").Add("a", "CNAME", "_x.expired.com.")
	fill("plain.com").Unsign()
	fill("unknown.com").Sign(testnet.SignOptions{Algorithm: 200})
	fill("expired.com").SignFault(testnet.SignFaultExpired)
	fill("early.com").SignFault(testnet.SignFaultNotYetValid)
	fill("stripped.com").SignFault(testnet.SignFaultStripped)
	fill("moved.com").SignFault(testnet.SignFaultUnsigned)
	h := n.Hoster("dns-host.net")
	h.Undelegated("left.com").Add("_x", "TXT", "v")
	fill("left.com").Delegate(h.NSNames()...)
	h.Undelegated("unsignedhost.com").Add("_x", "TXT", "v").Unsign()
	fill("unsignedhost.com").Delegate(h.NSNames()...)
	fill("keys.com").SetDS("1 13 2 0000000000000000000000000000000000000000000000000000000000000000")
	fill("corrupt.com").SignFaultAt("_x", "TXT", testnet.SignFaultCorrupt)
	fill("denial.com").SignFault(testnet.SignFaultNoDenial)
	fill("wrong.com").SignFault(testnet.SignFaultWrongDenial)
	fill("wild.com").SignFault(testnet.SignFaultNoWildcard)
	if m := ask("_x.good.com", false); m.AuthenticatedData || m.Rcode != 0 {
		t.Errorf("while it does not validate: %s", m)
	}
	r.Validate(true)
	for _, tt := range []struct {
		name  string
		rcode int
		ad    bool
		ede   uint16
	}{
		{"_x.good.com", dns.RcodeSuccess, true, 0},
		{"q.w.good.com", dns.RcodeSuccess, true, 0},
		{"none.good.com", dns.RcodeNameError, true, 0},
		{"_x.plain.com", dns.RcodeSuccess, false, 0},
		{"_x.unknown.com", dns.RcodeSuccess, false, 0},
		{"_x.expired.com", dns.RcodeServerFailure, false, 7},
		{"a.good.com", dns.RcodeServerFailure, false, 7},
		{"_x.early.com", dns.RcodeServerFailure, false, 8},
		{"_x.stripped.com", dns.RcodeServerFailure, false, 10},
		{"_x.moved.com", dns.RcodeServerFailure, false, 9},
		{"_x.left.com", dns.RcodeServerFailure, false, 9},
		{"_x.unsignedhost.com", dns.RcodeServerFailure, false, 9},
		{"_x.keys.com", dns.RcodeServerFailure, false, 9},
		{"_x.corrupt.com", dns.RcodeServerFailure, false, 6},
		{"_x.denial.com", dns.RcodeSuccess, true, 0},
		{"none.denial.com", dns.RcodeServerFailure, false, 12},
		{"none.wrong.com", dns.RcodeServerFailure, false, 6},
		{"q.w.wild.com", dns.RcodeServerFailure, false, 12},
	} {
		for _, again := range []bool{false, true} {
			m := ask(tt.name, false)
			if m.Rcode != tt.rcode || m.AuthenticatedData != tt.ad || edeCode(m) != tt.ede {
				t.Errorf("%s (again %v): %s, ad %v, extended error %d", tt.name, again, dns.RcodeToString[m.Rcode], m.AuthenticatedData, edeCode(m))
			}
		}
		if m := ask(tt.name, true); m.Rcode == dns.RcodeServerFailure || m.AuthenticatedData || edeCode(m) != 0 {
			t.Errorf("%s with CD: %s", tt.name, m)
		}
	}
}
