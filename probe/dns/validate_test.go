package dns_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// signedNetwork is a network in which every zone is signed.
func signedNetwork(t testing.TB, o testnet.SignOptions) *testnet.Network {
	t.Helper()
	n := newNetwork(t)
	n.SignAll(o)
	return n
}

// validating makes a resolver trust the root of the network.
func validating(t testing.TB, n *testnet.Network) func(*dns.Config) {
	t.Helper()
	anchors, err := dns.ParseTrustAnchors(strings.NewReader(n.TrustAnchors()))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *dns.Config) { c.TrustAnchors = anchors }
}

// wantSecurity asks and wants that state from every server.
func wantSecurity(t testing.TB, r *dns.Resolver, name string, qtype uint16, kind dns.Kind, want dns.Security) *dns.Answer {
	t.Helper()
	a := mustAsk(t, r, name, qtype)
	if a.Security != want || (a.Fault != nil) != (want == dns.SecurityBogus) {
		t.Errorf("%s %d: %s (%v), want %s\n%s", name, qtype, a.Security, a.Fault, want, show(a))
	}
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Security != want || s.Kind != kind {
			t.Errorf("%s %d at %s: %s %s (%v), want %s %s", name, qtype, s.Server, s.Kind, s.Security, s.Fault, kind, want)
		}
		wantSameAgain(t, r, a, s)
	}
	return a
}

func TestValidate(t *testing.T) {
	for name, o := range map[string]testnet.SignOptions{
		"nsec":          {},
		"nsec3":         {NSEC3: true},
		"nsec3 salted":  {NSEC3: true, Iterations: 50, Salt: "aabbcc"},
		"one key":       {OneKey: true},
		"rsa-sha1":      {Algorithm: 5},
		"rsa-nsec3":     {Algorithm: 7, NSEC3: true},
		"rsa-sha256":    {Algorithm: 8},
		"rsa-sha512":    {Algorithm: 10},
		"ecdsa-p384":    {Algorithm: 14},
		"ed25519":       {Algorithm: 15},
		"two":           {Algorithm: 8, Also: 13},
		"one unknown":   {Algorithm: 13, Also: 99},
		"sha-1 digest":  {Digest: 1},
		"sha-384":       {Digest: 4},
		"ed448 besides": {Algorithm: 15, Also: 16},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.SignAll(testnet.SignOptions{}) // keys for RSA take their time
			n.Zone("com").Sign(o)
			h := n.Hoster("dns-host.net")
			z := n.Zone("example.com").Sign(o)
			z.Add("_x", "TXT", "token")
			z.Add("a.b.c", "A", "45.1.2.3")
			z.Add("*.wild", "TXT", "wild")
			z.Add("*.wildalias", "CNAME", "target.example.com.")
			z.Add("alias", "CNAME", "_x.example.com.")
			z.Add("away", "DNAME", "elsewhere.net.")
			n.ZoneAt("parent.com", h).Add("_x", "TXT", "parent")
			n.ZoneAt("child.parent.com", h).Add("_x", "TXT", "child")
			n.ZoneAt("plain.parent.com", h).Add("_x", "TXT", "plain").Unsign()
			n.Zone("sub.example.com").Add("_x", "TXT", "token")
			n.Zone("unsigned.com").Add("_x", "TXT", "token").Unsign()
			n.Zone("below.unsigned.com").Add("_x", "TXT", "token")
			r := newResolver(t, n, validating(t, n))
			if !r.Validating() {
				t.Fatal("not validating")
			}
			for _, tt := range []struct {
				name  string
				qtype uint16
				kind  dns.Kind
				want  dns.Security
			}{
				{"_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"example.com", typeSOA, dns.KindData, dns.SecuritySecure},
				{"example.com", typeNS, dns.KindData, dns.SecuritySecure},
				{"example.com", typeTXT, dns.KindNoData, dns.SecuritySecure},
				{"_x.example.com", typeA, dns.KindNoData, dns.SecuritySecure},
				{"nothing.example.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"far.too.deep.example.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"c.example.com", typeA, dns.KindNoData, dns.SecuritySecure}, // empty non-terminal
				{"b.c.example.com", typeA, dns.KindNoData, dns.SecuritySecure},
				{"x.b.c.example.com", typeA, dns.KindNXDomain, dns.SecuritySecure},
				{"some.wild.example.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"some.more.wild.example.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"some.wild.example.com", typeA, dns.KindNoData, dns.SecuritySecure},
				{"*.wild.example.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"some.wildalias.example.com", typeTXT, dns.KindAlias, dns.SecuritySecure},
				{"some.wildalias.example.com", typeCNAME, dns.KindData, dns.SecuritySecure},
				{"alias.example.com", typeTXT, dns.KindAlias, dns.SecuritySecure},
				{"alias.example.com", typeCNAME, dns.KindData, dns.SecuritySecure},
				{"_x.away.example.com", typeTXT, dns.KindAlias, dns.SecuritySecure},
				{"_x.away.example.com", typeCNAME, dns.KindAlias, dns.SecuritySecure},
				{"_x.sub.example.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"nothing.sub.example.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"_x.parent.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"_x.child.parent.com", typeTXT, dns.KindData, dns.SecuritySecure},
				{"nothing.child.parent.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"child.parent.com", typeDS, dns.KindData, dns.SecuritySecure},
				{"plain.parent.com", typeDS, dns.KindNoData, dns.SecuritySecure},
				{"_x.plain.parent.com", typeTXT, dns.KindData, dns.SecurityInsecure},
				{"nothing.plain.parent.com", typeTXT, dns.KindNXDomain, dns.SecurityInsecure},
				{"_x.unsigned.com", typeTXT, dns.KindData, dns.SecurityInsecure},
				{"nothing.unsigned.com", typeTXT, dns.KindNXDomain, dns.SecurityInsecure},
				{"_x.below.unsigned.com", typeTXT, dns.KindData, dns.SecurityInsecure},
				{"nobody.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"nobody.nowhere", typeTXT, dns.KindNXDomain, dns.SecuritySecure},
				{"example.com", typeDS, dns.KindData, dns.SecuritySecure},
				{"unsigned.com", typeDS, dns.KindNoData, dns.SecuritySecure},
				{"com", typeDS, dns.KindData, dns.SecuritySecure},
				{"", typeNS, dns.KindData, dns.SecuritySecure},
			} {
				wantSecurity(t, r, tt.name, tt.qtype, tt.kind, tt.want)
			}
			// And once more from memory.
			wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
			wantSecurity(t, r, "_x.unsigned.com", typeTXT, dns.KindData, dns.SecurityInsecure)
			l, err := r.Lookup(context.Background(), "alias.example.com", typeTXT)
			if err != nil || len(l.Hops) != 2 || l.Hops[0].Security != dns.SecuritySecure || l.Final().Security != dns.SecuritySecure {
				t.Errorf("%v %+v", err, l)
			}
			// Answers show what they showed before.
			for _, s := range l.Final().Servers {
				if len(s.Records) != 1 || s.Records[0].TXT() != "token" {
					t.Errorf("%s", line(&s))
				}
			}
			c, err := r.AskOne(context.Background(), l.Final().Zone, dns.RandomSibling("_x.example.com"), typeTXT)
			if err != nil || c.Security != dns.SecuritySecure || c.Kind != dns.KindNXDomain {
				t.Errorf("%v %s %s", err, line(&c), c.Security)
			}
		})
	}
}

func TestValidateOptOut(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{NSEC3: true, OptOut: true})
	n.Zone("example.com").Add("_x", "TXT", "token").Add("*.wild", "TXT", "wild")
	n.Zone("unsigned.com").Add("_x", "TXT", "token").Unsign()
	r := newResolver(t, n, validating(t, n))
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	wantSecurity(t, r, "_x.example.com", typeA, dns.KindNoData, dns.SecuritySecure)
	wantSecurity(t, r, "nothing.example.com", typeTXT, dns.KindNXDomain, dns.SecurityInsecure)
	wantSecurity(t, r, "a.wild.example.com", typeTXT, dns.KindData, dns.SecurityInsecure)
	wantSecurity(t, r, "_x.unsigned.com", typeTXT, dns.KindData, dns.SecurityInsecure)
	wantSecurity(t, r, "unsigned.com", typeDS, dns.KindNoData, dns.SecurityInsecure)
	wantSecurity(t, r, "nobody.com", typeTXT, dns.KindNXDomain, dns.SecurityInsecure)
}

// TestTraceOfValidation: a person can read in the steps what was found.
func TestTraceOfValidation(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	z := n.Zone("example.com").Add("_x", "TXT", "token").Add("www", "A", "45.1.2.3")
	r := newResolver(t, n, validating(t, n))
	steps := func() (out []zonehold.Step) {
		tr := new(probe.Trace)
		ctx := probe.WithTrace(context.Background(), tr)
		if _, err := r.Ask(ctx, "_x.example.com", typeTXT); err != nil {
			t.Fatal(err)
		}
		r.Addrs(ctx, "www.example.com")
		for _, s := range tr.Steps() {
			if s.Name == "validate" {
				out = append(out, s)
			}
		}
		return out
	}
	if got := steps(); len(got) != 1 || !got[0].OK || got[0].Result != "secure" || got[0].Target != "zone example.com" {
		t.Errorf("%+v", got)
	}
	z.SignFault(testnet.SignFaultExpired)
	got := steps()
	if len(got) != 2 || got[0].OK || !strings.Contains(got[0].Result, "expired on") || !strings.Contains(got[1].Result, "expired on") {
		t.Errorf("%+v", got)
	}
}
