package verify_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// signedLab is a laboratory whose zones are signed and whose kit validates.
func signedLab(t *testing.T) *verifytest.Lab {
	t.Helper()
	l := verifytest.NewLab(t)
	l.Net.SignAll(testnet.SignOptions{})
	l.Kit = validatingKit(t, l.Net)
	return l
}

// validatingKit trusts the root of the network.
func validatingKit(t testing.TB, n *testnet.Network) *verify.Kit {
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

var placed = []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodDNSCNAME, zonehold.MethodFile, zonehold.MethodMetaTag}

// Threat T19: an answer that should be signed and is not, or wrongly, proves
// nothing and takes nothing away, whatever it says.
func TestBogusProvesNothing(t *testing.T) {
	faults := map[testnet.SignFault]problem.Code{
		testnet.SignFaultExpired:  "dnssec_signature_expired",
		testnet.SignFaultCorrupt:  "dnssec_bogus",
		testnet.SignFaultStripped: "dnssec_signatures_missing",
		testnet.SignFaultUnsigned: "dnssec_signatures_missing",
		testnet.SignFaultWrongDS:  "dnssec_ds_mismatch",
	}
	for _, name := range placed {
		m, _ := verify.Lookup(name)
		for fault, code := range faults {
			for _, there := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s placed=%v", name, fault, there), func(t *testing.T) {
					t.Parallel()
					l := signedLab(t)
					c := l.Claim("example.com", zonehold.ProfileZonehold)
					l.Zone(c)
					if there {
						l.Place(m, c)
					}
					want := zonehold.OutcomeVerified
					if !there {
						want = ""
					}
					if r := l.Check(m, l.Kit, c); want != "" && r.Outcome != want || want == "" && r.Outcome == zonehold.OutcomeVerified {
						t.Fatalf("before: %s %+v", r.Outcome, r.Problem)
					}
					l.Zone(c).SignFault(fault)
					// Another resolver: keys are remembered for some minutes, and
					// here it is the keys that the parent has changed.
					r := l.Check(m, validatingKit(t, l.Net), c)
					if r.Outcome != zonehold.OutcomeRefused || r.Problem == nil || r.Problem.Code != code {
						t.Fatalf("%s %+v", r.Outcome, r.Problem)
					}
					p := problem.New(r.Problem.Code, r.Problem.Facts)
					if strings.ContainsAny(p.Found, "{}") || !strings.Contains(p.Found, "example.com") {
						t.Errorf("%q", p.Found)
					}
					t.Log(p.Title, "|", p.Found, "|", p.Fixes, "|", p.SeeItYourself)
				})
			}
		}
	}
}

// TestUnsignedIsNoNews: a zone without signatures whose parent says so proves
// as it always did, without a word about it.
func TestUnsignedIsNoNews(t *testing.T) {
	for _, name := range placed {
		m, _ := verify.Lookup(name)
		l := signedLab(t)
		c := l.Claim("example.com", zonehold.ProfileZonehold)
		l.Zone(c).Unsign()
		l.Place(m, c)
		if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeVerified || len(r.Notes) != 0 {
			t.Errorf("%s: %s %+v %+v", name, r.Outcome, r.Problem, r.Notes)
		}
	}
}

// TestBogusOnTheWay breaks the signatures of the zone that the alias stands
// in, and of the one it leads to.
func TestBogusOnTheWay(t *testing.T) {
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	for _, broken := range []string{"example.com", "example.net"} {
		l := signedLab(t)
		c := l.Claim("example.com", zonehold.ProfileZonehold)
		l.Net.Zone("example.com").Add("_zonehold-challenge", "CNAME", "proof.example.net.")
		l.Net.Zone("example.net").Add("proof", "TXT", "token="+c.Tokens.TXT)
		if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("before: %s %+v", r.Outcome, r.Problem)
		}
		l.Net.Zone(broken).SignFault(testnet.SignFaultExpired)
		r := l.Check(m, l.Kit, c)
		if r.Outcome != zonehold.OutcomeRefused || r.Problem.Code != "dnssec_signature_expired" || r.Problem.Facts[problem.FactZone] != broken {
			t.Errorf("%s: %s %+v", broken, r.Outcome, r.Problem)
		}
		if hops := r.Evidence.Lookups[0].Hops; len(hops) > 0 && hops[0].Security == "" {
			t.Error("the evidence does not say what validation found")
		}
	}
}

// TestForgedLoop: where a forged alias leads is no finding about the domain.
func TestForgedLoop(t *testing.T) {
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	l := signedLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	l.Zone(c).Add("_zonehold-challenge", "CNAME", "_zonehold-challenge.example.com.").SignFault(testnet.SignFaultCorrupt)
	if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeRefused || r.Problem.Code != "dnssec_bogus" {
		t.Errorf("%s %+v", r.Outcome, r.Problem)
	}
}

// A forwarder that validates says in the terms of RFC 8914 why it has no
// answer.
func TestForwarderSaysWhy(t *testing.T) {
	l := verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	l.Place(m, c)
	f := l.Net.Resolver()
	f.Fault(testnet.FaultServFail)
	f.EDE(7, "signature expired")
	r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: l.Net.Route}, Forward: []netip.AddrPort{f.Addr()}, QueryTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Check(t.Context(), &verify.Kit{DNS: r}, c)
	if got.Outcome != zonehold.OutcomeInconclusive || got.Problem.Code != "dnssec_bogus" ||
		!strings.Contains(problem.New(got.Problem.Code, got.Problem.Facts).Found, "signature expired") {
		t.Errorf("%s %+v", got.Outcome, got.Problem)
	}
}

// A trust anchor that is not that of the root is nobody's fault but ours.
func TestWrongAnchor(t *testing.T) {
	l := signedLab(t)
	other := signedLab(t)
	roots, err := dns.ParseRootHints(strings.NewReader(l.Net.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	anchors, err := dns.ParseTrustAnchors(strings.NewReader(other.Net.TrustAnchors()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: l.Net.Route}, Roots: roots, TrustAnchors: anchors})
	if err != nil {
		t.Fatal(err)
	}
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	l.Place(m, c)
	got := m.Check(t.Context(), &verify.Kit{DNS: r}, c)
	if got.Outcome != zonehold.OutcomeInconclusive || got.Problem == nil || got.Problem.Code != "verifier_fault" {
		t.Fatalf("%s %+v", got.Outcome, got.Problem)
	}
	if found := problem.New(got.Problem.Code, got.Problem.Facts).Found; !strings.Contains(found, "anchor") {
		t.Errorf("%q", found)
	}
}
