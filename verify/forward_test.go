package verify_test

import (
	"net/netip"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/verify"
)

// In forward mode a DNS proof is worth no more than one of the host, and
// covers nothing below it.
func TestForwardedProofsAreWorthLess(t *testing.T) {
	tokens, err := zonehold.NewTokens(zonehold.ProfileZonehold, "")
	if err != nil {
		t.Fatal(err)
	}
	claim := verify.Claim{Hostname: "example.com", Profile: zonehold.ProfileZonehold, Tokens: tokens}
	for _, tt := range []struct {
		name      string
		forward   []netip.AddrPort
		assurance zonehold.Assurance
		covers    zonehold.Covers
	}{
		{"from the root", nil, zonehold.AssuranceDNS, zonehold.CoversSubtree},
		{"forwarded", []netip.AddrPort{netip.MustParseAddrPort("45.0.0.1:53")}, zonehold.AssuranceHost, zonehold.CoversHost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resolver, err := dns.New(dns.Config{Dialer: &probe.Dialer{}, Forward: tt.forward})
			if err != nil {
				t.Fatal(err)
			}
			kit := &verify.Kit{DNS: resolver}
			for _, name := range []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodDNSCNAME} {
				m, ok := verify.Lookup(name)
				if !ok {
					t.Fatal(name)
				}
				if ch := m.Challenge(kit, claim); ch.Proves != tt.assurance || ch.Covers != tt.covers || !ch.Applicable {
					t.Errorf("%s proves %s, covers %s (%v)", name, ch.Proves, ch.Covers, ch.Applicable)
				}
			}
		})
	}
}
