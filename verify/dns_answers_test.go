package verify

import (
	"net/netip"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// TestPolicy feeds sets of answers to both policies. A letter is one address:
// y has the proof, n lacks it, b has it without a valid
// signature, k has it and no keys to check it with, t is silent, r refuses, f is forbidden, - cannot
// be reached from here; letters of one server stand together.
func TestPolicy(t *testing.T) {
	answer := func(servers ...string) *dns.Answer {
		a := &dns.Answer{Zone: &dns.Zone{Name: "example.com"}}
		for i, s := range servers {
			for j, c := range s {
				sa := dns.ServerAnswer{Server: string(rune('a'+i)) + ".example.net", Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, 0, byte(i), byte(j)}), 53)}
				switch c {
				case 'y':
					sa.Status, sa.Kind = dns.StatusOK, dns.KindData
				case 'n':
					sa.Status, sa.Kind = dns.StatusOK, dns.KindNXDomain
				case 'b':
					sa.Status, sa.Kind, sa.Security, sa.Fault = dns.StatusOK, dns.KindData, dns.SecurityBogus, &dns.Fault{Zone: "example.com", Code: dns.FaultSignatureWrong}
				case 'k':
					sa.Status, sa.Kind, sa.Security, sa.Fault = dns.StatusOK, dns.KindData, dns.SecurityIndeterminate, &dns.Fault{Zone: "example.com", Code: dns.FaultKeysUnavailable}
				case 't':
					sa.Status = dns.StatusTimeout
				case 'r':
					sa.Status = dns.StatusRefused
				case 'f':
					sa.Status = dns.StatusForbidden
				case '-':
					sa.Status = dns.StatusNoRoute
				}
				a.Servers = append(a.Servers, sa)
			}
		}
		return a
	}
	const (
		yes   = zonehold.OutcomeVerified
		no    = zonehold.OutcomeAbsent
		maybe = zonehold.OutcomeInconclusive
	)
	tests := []struct {
		servers       []string
		all, majority zonehold.Outcome
		code          problem.Code // of an undecided one under "all"
	}{
		{[]string{"y", "y"}, yes, yes, ""},
		{[]string{"n", "n"}, no, no, ""},
		{[]string{"y", "n"}, maybe, maybe, "dns_nameservers_disagree"},
		{[]string{"y", "y", "n"}, maybe, yes, "dns_nameservers_disagree"},
		{[]string{"n", "n", "y"}, maybe, no, "dns_nameservers_disagree"},
		{[]string{"y", "t"}, maybe, maybe, "dns_timeout"},
		{[]string{"y", "t", "t", "t"}, maybe, maybe, "dns_timeout"},
		{[]string{"n", "t"}, maybe, maybe, "dns_timeout"},
		{[]string{"y", "y", "t"}, maybe, yes, "dns_timeout"},
		{[]string{"y", "r"}, maybe, maybe, "dns_lame_delegation"},
		{[]string{"y", "y", "r"}, maybe, yes, "dns_lame_delegation"},
		{[]string{"r", "t"}, maybe, maybe, "dns_lame_delegation"},
		{[]string{"yt", "y"}, yes, yes, ""},
		{[]string{"yr", "y"}, maybe, maybe, "dns_lame_delegation"},
		{[]string{"yr", "y", "y"}, maybe, yes, "dns_lame_delegation"},
		{[]string{"nr", "n"}, maybe, maybe, "dns_lame_delegation"},
		{[]string{"yrt", "y"}, maybe, maybe, "dns_lame_delegation"},
		{[]string{"y-", "y"}, yes, yes, ""},
		{[]string{"y", "-"}, yes, yes, ""},
		{[]string{"-", "-"}, maybe, maybe, "verifier_fault"},
		{[]string{"yn", "y"}, maybe, maybe, "dns_nameservers_disagree"},
		{[]string{"yn", "y", "y"}, maybe, yes, "dns_nameservers_disagree"},
		{[]string{"nt", "n-"}, no, no, ""},
		{[]string{"y", "f"}, maybe, maybe, "dns_lame_delegation"},
		{nil, maybe, maybe, "verifier_fault"},
		{[]string{"b", "b"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"y", "b"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"n", "b"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"yb", "y"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"bb", "y", "y"}, maybe, yes, "dnssec_bogus"},
		{[]string{"yb", "y", "y"}, maybe, yes, "dnssec_bogus"},
		{[]string{"bt", "y"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"b", "r"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"k", "b"}, maybe, maybe, "dnssec_bogus"},
		{[]string{"k", "k"}, maybe, maybe, "dnssec_keys_unavailable"},
		{[]string{"n", "k"}, maybe, maybe, "dnssec_keys_unavailable"},
	}
	for _, tt := range tests {
		a := answer(tt.servers...)
		c := count(a, func(sa *dns.ServerAnswer) bool { return sa.Kind == dns.KindData })
		for policy, want := range map[NameserverPolicy]zonehold.Outcome{"": tt.all, NameserversAll: tt.all, NameserversMajority: tt.majority} {
			got := maybe
			switch {
			case c.proved(policy):
				got = yes
			case c.missing(policy):
				got = no
			}
			if got != want {
				t.Errorf("%v under %q: %s, want %s", tt.servers, policy, got, want)
			}
		}
		if tt.all == maybe {
			if _, f := undecided(a, &c, problem.Facts{}); f.Code != tt.code {
				t.Errorf("%v: %s, want %s", tt.servers, f.Code, tt.code)
			}
		}
	}
	for _, tt := range []struct {
		servers []string
		want    zonehold.Outcome
	}{
		{[]string{"b", "b"}, zonehold.OutcomeRefused}, {[]string{"y", "b"}, zonehold.OutcomeRefused}, {[]string{"n", "b", "t"}, zonehold.OutcomeRefused},
		{[]string{"k", "b"}, zonehold.OutcomeRefused}, {[]string{"k", "y"}, maybe}, {[]string{"k", "k"}, maybe},
	} {
		a := answer(tt.servers...)
		c := count(a, func(sa *dns.ServerAnswer) bool { return sa.Kind == dns.KindData })
		if out, _ := undecided(a, &c, problem.Facts{}); out != tt.want {
			t.Errorf("%v: %s, want %s", tt.servers, out, tt.want)
		}
	}
	a := answer("f", "f")
	c := count(a, func(*dns.ServerAnswer) bool { return false })
	if out, _ := undecided(a, &c, problem.Facts{}); out != zonehold.OutcomeRefused {
		t.Errorf("only forbidden servers: %s, want refused", out)
	}
}

// TestFaultOfRegistry: what breaks above the domain is not laid on its owner.
func TestFaultOfRegistry(t *testing.T) {
	for zone, want := range map[string]problem.Code{
		"com": "dnssec_registry_bogus", "co.uk": "dnssec_registry_bogus",
		"example.com": "dnssec_ds_mismatch", "github.io": "dnssec_ds_mismatch", "": "verifier_fault",
	} {
		_, f := faultFinding(&dns.Fault{Code: dns.FaultDSMismatch, Zone: zone, Text: "x"}, problem.Facts{problem.FactDomain: "example.com"})
		if f.Code != want {
			t.Errorf("zone %q: %s, want %s", zone, f.Code, want)
		}
	}
	if _, f := faultFinding(&dns.Fault{Code: dns.FaultKeysUnavailable, Zone: "com"}, nil); f.Code != "dnssec_keys_unavailable" {
		t.Errorf("keys that did not come: %s", f.Code)
	}
}
