package diagnose_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// TestBrokenSignatures: a zone that fails validation is told of before
// anything that its answers seem to say, with the keys and dates of the case.
func TestBrokenSignatures(t *testing.T) {
	for _, tt := range []struct {
		fault testnet.SignFault
		code  problem.Code
		found string
	}{
		{testnet.SignFaultExpired, "dnssec_signature_expired", "ended on 20"},
		{testnet.SignFaultWrongDS, "dnssec_ds_mismatch", "The DS record names key "},
		{testnet.SignFaultUnsigned, "dnssec_signatures_missing", "There is a DS record of key "},
		{testnet.SignFaultStripped, "dnssec_signatures_missing", "came without signatures"},
		{testnet.SignFaultCorrupt, "dnssec_bogus", "does not fit"},
	} {
		for _, method := range []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodDNSCNAME, zonehold.MethodFile} {
			t.Run(string(tt.fault)+" "+string(method), func(t *testing.T) {
				t.Parallel()
				l := verifytest.NewLab(t)
				l.Net.SignAll(testnet.SignOptions{})
				kit := validatingKit(t, l.Net)
				c := l.Claim("example.com", zonehold.ProfileZonehold)
				// It is at the wrong name too.
				l.Zone(c).Add("_zonehold-challenge.example.com", "TXT", "token="+c.Tokens.TXT).Add("@", "A", "45.1.2.3").SignFault(tt.fault)
				m, _ := verify.Lookup(method)
				r := diagnose.Run(context.Background(), kit, m, c)
				if r.Outcome != zonehold.OutcomeRefused || r.Problem == nil || r.Problem.Code != tt.code || !strings.Contains(r.Problem.Found, tt.found) {
					t.Errorf("%s %+v", r.Outcome, r.Problem)
				}
				l.Zone(c).SignFault(testnet.SignFaultNone)
				r = diagnose.Run(context.Background(), validatingKit(t, l.Net), m, c)
				if r.Problem == nil || strings.HasPrefix(string(r.Problem.Code), "dnssec") {
					t.Errorf("healed: %s %+v", r.Outcome, r.Problem)
				}
			})
		}
	}
}

// validatingKit trusts the root of the network.
func validatingKit(t *testing.T, n *testnet.Network) *verify.Kit {
	t.Helper()
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := dns.ParseTrustAnchors(strings.NewReader(n.TrustAnchors()))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: n.Route}
	r, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, TrustAnchors: anchors, QueryTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Kit{DNS: r, Web: web.New(web.Config{Dialer: dialer, Resolver: r, RootCAs: n.CertPool(), Timeout: 20 * time.Second})}
}
