package dns_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// wantFault asks and wants every server's answer to be bogus for that reason.
func wantFault(t testing.TB, r *dns.Resolver, name string, qtype uint16, want dns.FaultCode) *dns.Fault {
	t.Helper()
	a := mustAsk(t, r, name, qtype)
	if a.Security != dns.SecurityBogus || a.Fault == nil || a.Fault.Code != want {
		t.Fatalf("%s %d: %s (%+v), want %s\n%s", name, qtype, a.Security, a.Fault, want, show(a))
	}
	for _, s := range a.Servers {
		if s.Security != dns.SecurityBogus || s.Fault == nil || s.Fault.Code != want {
			t.Errorf("%s: %s (%+v)", s.Server, s.Security, s.Fault)
		}
	}
	if a.Fault.Text == "" || strings.HasSuffix(a.Fault.Text, ".") || !errors.Is(a.Fault, dns.ErrBogus) {
		t.Errorf("%+v", a.Fault)
	}
	t.Log(a.Fault.Text)
	return a.Fault
}

func TestFaults(t *testing.T) {
	for _, o := range []testnet.SignOptions{{}, {NSEC3: true}} {
		for _, tt := range []struct {
			fault                    testnet.SignFault
			data, noData, noName, wc dns.FaultCode // "": secure
		}{
			{testnet.SignFaultExpired, dns.FaultSignatureExpired, dns.FaultSignatureExpired, dns.FaultSignatureExpired, dns.FaultSignatureExpired},
			{testnet.SignFaultNotYetValid, dns.FaultSignatureNotYetValid, dns.FaultSignatureNotYetValid, dns.FaultSignatureNotYetValid, dns.FaultSignatureNotYetValid},
			{testnet.SignFaultCorrupt, dns.FaultSignatureWrong, dns.FaultSignatureWrong, dns.FaultSignatureWrong, dns.FaultSignatureWrong},
			{testnet.SignFaultStripped, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing},
			{testnet.SignFaultUnsigned, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing, dns.FaultSignaturesMissing},
			{testnet.SignFaultWrongDS, dns.FaultDSMismatch, dns.FaultDSMismatch, dns.FaultDSMismatch, dns.FaultDSMismatch},
			{testnet.SignFaultNoDenial, "", dns.FaultDenialMissing, dns.FaultDenialMissing, dns.FaultDenialMissing},
			{testnet.SignFaultWrongDenial, "", dns.FaultDenialWrong, dns.FaultDenialWrong, dns.FaultDenialWrong},
			{testnet.SignFaultNoWildcard, "", "", "", dns.FaultDenialMissing},
		} {
			name := string(tt.fault)
			if o.NSEC3 {
				name += " nsec3"
			}
			t.Run(name, func(t *testing.T) {
				n := signedNetwork(t, o)
				z := n.Zone("example.com")
				z.Add("_x", "TXT", "token")
				z.Add("*.wild", "TXT", "wild")
				// A neighbour on either side, so that a proof for the apex is
				// no proof for all names.
				z.Add("aaa", "TXT", "x").Add("zzz", "TXT", "x")
				z.SignFault(tt.fault)
				r := newResolver(t, n, validating(t, n))
				for _, q := range []struct {
					name  string
					qtype uint16
					kind  dns.Kind
					want  dns.FaultCode
				}{
					{"_x.example.com", typeTXT, dns.KindData, tt.data},
					{"_x.example.com", typeA, dns.KindNoData, tt.noData},
					{"nothing.example.com", typeTXT, dns.KindNXDomain, tt.noName},
					{"a.wild.example.com", typeTXT, dns.KindData, tt.wc},
				} {
					if q.want == "" {
						wantSecurity(t, r, q.name, q.qtype, q.kind, dns.SecuritySecure)
						continue
					}
					f := wantFault(t, r, q.name, q.qtype, q.want)
					switch q.want {
					case dns.FaultSignatureExpired:
						if age := time.Since(f.Expiration); age < time.Hour || age > 30*24*time.Hour || len(f.KeyTags) != 1 || !slices.Contains(z.KeyTags(), f.KeyTags[0]) {
							t.Errorf("%+v", f)
						}
					case dns.FaultSignatureNotYetValid:
						if ahead := time.Until(f.Inception); ahead < time.Hour || ahead > 30*24*time.Hour {
							t.Errorf("%+v", f)
						}
					case dns.FaultDSMismatch:
						if len(f.DSTags) != 1 || slices.Contains(z.KeyTags(), f.DSTags[0]) || len(f.KeyTags) != 2 || f.Zone != "example.com" {
							t.Errorf("%+v", f)
						}
					}
				}
				// It heals, and at once.
				z.SignFault(testnet.SignFaultNone)
				wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
				wantSecurity(t, r, "nothing.example.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure)
			})
		}
	}
}

func TestForeignSignatures(t *testing.T) {
	for _, other := range []string{"com", "example.net", "sub.example.com", "example.com"} {
		t.Run(other, func(t *testing.T) {
			n := signedNetwork(t, testnet.SignOptions{})
			z := n.Zone("example.com").Add("_x", "TXT", "token")
			z.SignedBy(n.Zone(other))
			r := newResolver(t, n, validating(t, n))
			if other == "example.com" {
				wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
				return
			}
			a := mustAsk(t, r, "_x.example.com", typeTXT)
			if a.Security != dns.SecurityBogus {
				t.Errorf("%s\n%s", a.Security, show(a))
			}
			t.Log(a.Fault)
		})
	}
}

// TestIsland is a signed zone that its parent says is not.
func TestIsland(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token").SignFault(testnet.SignFaultNoDS)
	r := newResolver(t, n, validating(t, n))
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecurityInsecure)
}

// TestUnknownAlgorithm: nobody can check it, so it is as if unsigned (RFC 4035
// section 5.2).
func TestUnknownAlgorithm(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("alg.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 99})
	n.Zone("ed448.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 16})
	n.Zone("digest.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Digest: 99})
	n.Zone("both.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 15, Also: 99})
	n.Zone("stale.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 13, Also: 15}).SignFault(testnet.SignFaultStaleOther)
	r := newResolver(t, n, validating(t, n))
	for _, zone := range []string{"alg.com", "ed448.com", "digest.com"} {
		wantSecurity(t, r, "_x."+zone, typeTXT, dns.KindData, dns.SecurityInsecure)
	}
	// One good way is enough (RFC 6840 section 5.11).
	wantSecurity(t, r, "_x.both.com", typeTXT, dns.KindData, dns.SecuritySecure)
	wantSecurity(t, r, "_x.stale.com", typeTXT, dns.KindData, dns.SecuritySecure)
}

// TestBrokenAbove: nothing below a broken zone can be believed.
func TestBrokenAbove(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token")
	n.Zone("plain.com").Add("_x", "TXT", "token").Unsign()
	n.Zone("com").SignFault(testnet.SignFaultExpired)
	r := newResolver(t, n, validating(t, n))
	for _, name := range []string{"_x.example.com", "_x.plain.com"} {
		f := wantFault(t, r, name, typeTXT, dns.FaultSignatureExpired)
		if f.Zone != "com" {
			t.Errorf("%+v", f)
		}
	}
}

// TestWrongAnchor: who believes in another root believes nothing.
func TestWrongAnchor(t *testing.T) {
	other := signedNetwork(t, testnet.SignOptions{})
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, other))
	if f := wantFault(t, r, "_x.example.com", typeTXT, dns.FaultDSMismatch); f.Zone != "" {
		t.Errorf("%+v", f)
	}
}

// TestMove is a change of keys that our memory of the old ones must not break.
func TestMove(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, n))
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	z.Sign(testnet.SignOptions{Algorithm: 15})
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	z.Unsign()
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecurityInsecure)
}

// TestNoValidation: without anchors of a root of one's own, and in forward
// mode, nothing is judged.
func TestNoValidation(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token").SignFault(testnet.SignFaultExpired)
	for name, change := range map[string]func(*dns.Config){
		"own root": func(*dns.Config) {},
		"empty":    func(c *dns.Config) { c.TrustAnchors = []dns.TrustAnchor{} },
	} {
		r := newResolver(t, n, change)
		a := mustAsk(t, r, "_x.example.com", typeTXT)
		if r.Validating() || a.Security != dns.SecurityIndeterminate || a.Fault != nil {
			t.Errorf("%s: %v %s %v", name, r.Validating(), a.Security, a.Fault)
		}
	}
	r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: n.Route}})
	if err != nil || !r.Validating() {
		t.Errorf("%v: the default does not validate", err)
	}
}

// TestAddrsBogus: an address that may be forged is not used.
func TestAddrsBogus(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	z := n.Zone("example.com").Add("www", "A", "45.1.2.3")
	r := newResolver(t, n, validating(t, n))
	ctx := context.Background()
	if a, err := r.Addrs(ctx, "www.example.com"); err != nil || len(a.Addrs) != 1 {
		t.Fatalf("%v %+v", err, a)
	}
	z.SignFault(testnet.SignFaultExpired)
	for _, name := range []string{"www.example.com", "nothing.example.com"} {
		a, err := r.Addrs(ctx, name)
		f, ok := errors.AsType[*dns.Fault](err)
		if !ok || !errors.Is(err, dns.ErrBogus) || f.Code != dns.FaultSignatureExpired {
			t.Errorf("%s: %v %+v", name, err, a)
		}
	}
	// Nor is it believed that there is no such name above the zone.
	n.Zone("com").SignFault(testnet.SignFaultNoDenial)
	if a, err := r.Addrs(ctx, "www.nobody.com"); !errors.Is(err, dns.ErrBogus) {
		t.Errorf("%v %+v", err, a)
	}
}

// TestEachServerByItself: one of two servers does not know DNSSEC.
func TestEachServerByItself(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	z := n.Zone("example.com").Add("_x", "TXT", "token").Add("alias", "CNAME", "_x.example.com.")
	plain := n.Zone("plain.com").Unsign().Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, n))
	for _, name := range []string{"_x.example.com", "nothing.example.com", "alias.example.com"} {
		z.Servers()[1].Fault(testnet.FaultFormErrEDNS)
		a := mustAsk(t, r, name, typeTXT)
		good, bad := byServer(t, a, z.Servers()[0]), byServer(t, a, z.Servers()[1])
		if good.Security != dns.SecuritySecure || good.Fault != nil || bad.Security != dns.SecurityBogus || !bad.EDNSBroken || bad.Fault.Code != dns.FaultSignaturesMissing {
			t.Errorf("%s: %s %v, %s %v", name, good.Security, good.Fault, bad.Security, bad.Fault)
		}
		if a.Security != dns.SecurityBogus || a.Fault != bad.Fault {
			t.Errorf("%s as a whole: %s %v", name, a.Security, a.Fault)
		}
		z.Servers()[1].Fault(testnet.FaultNone)
		wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	}
	// Where nothing is signed it does not matter.
	for _, s := range plain.Servers() {
		s.Fault(testnet.FaultFormErrEDNS)
	}
	wantSecurity(t, r, "_x.plain.com", typeTXT, dns.KindData, dns.SecurityInsecure)
}

// TestHonestFaults: troubles that have nothing to do with DNSSEC.
func TestHonestFaults(t *testing.T) {
	for _, fault := range []testnet.Fault{testnet.FaultTruncateUDP, testnet.FaultLowerCase, testnet.FaultOutOfZone, testnet.FaultSpoofFlood} {
		t.Run(string(fault), func(t *testing.T) {
			n := signedNetwork(t, testnet.SignOptions{NSEC3: true})
			z := n.Zone("example.com").Add("_x", "TXT", "token").Add("alias", "CNAME", "_x.example.com.")
			for _, s := range z.Servers() {
				s.Fault(fault)
			}
			r := newResolver(t, n, validating(t, n))
			wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
			wantSecurity(t, r, "alias.example.com", typeTXT, dns.KindAlias, dns.SecuritySecure)
			wantSecurity(t, r, "nothing.example.com", typeTXT, dns.KindNXDomain, dns.SecuritySecure)
		})
	}
}

// TestAcrossZones follows an alias from a signed zone into an unsigned one and
// back: each hop is what its zone is.
func TestAcrossZones(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("a.com").Add("_x", "CNAME", "_x.b.com.")
	n.Zone("b.com").Unsign().Add("_x", "CNAME", "_x.sub.c.net.")
	n.Zone("sub.c.net").Sign(testnet.SignOptions{NSEC3: true}).Add("_x", "TXT", "token")
	n.Zone("c.net")
	r := newResolver(t, n, validating(t, n))
	l, err := r.Lookup(context.Background(), "_x.a.com", typeTXT)
	if err != nil || len(l.Hops) != 3 {
		t.Fatalf("%v %+v", err, l)
	}
	for i, want := range []dns.Security{dns.SecuritySecure, dns.SecurityInsecure, dns.SecuritySecure} {
		if l.Hops[i].Security != want {
			t.Errorf("hop %d: %s (%v)", i, l.Hops[i].Security, l.Hops[i].Fault)
		}
	}
}

// TestConcurrentColdLookups have many lookups look for the same keys.
func TestConcurrentColdLookups(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token")
	n.Zone("sub.example.com").Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, n))
	n.ResetHistory()
	done := make(chan error)
	const lookups = 24
	for i := range lookups {
		name := "_x.example.com"
		if i%2 == 1 {
			name = "_x.sub.example.com"
		}
		go func() {
			a, err := r.Ask(context.Background(), name, typeTXT)
			if err == nil && a.Security != dns.SecuritySecure {
				err = a.Fault
			}
			done <- err
		}()
	}
	for range lookups {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	keys := 0
	for _, q := range n.Queries() {
		if q.Type == "DNSKEY" {
			keys++
		}
	}
	if keys != 4 { // root, com, example.com, sub.example.com
		t.Errorf("%d questions for keys", keys)
	}
}

// TestKeysExpire: keys are not used beyond the time of their signatures, nor
// beyond their TTL.
func TestKeysExpire(t *testing.T) {
	now := time.Now()
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Sign(testnet.SignOptions{Expiration: now.Add(time.Minute)}).Add("_x", "TXT", "token")
	clock := now
	r := newResolver(t, n, validating(t, n), func(c *dns.Config) { c.Now = func() time.Time { return clock } })
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	asked := func() int {
		n.ResetHistory()
		mustAsk(t, r, "_x.example.com", typeTXT)
		keys := 0
		for _, q := range n.Queries() {
			if q.Type == "DNSKEY" {
				keys++
			}
		}
		return keys
	}
	if k := asked(); k != 0 {
		t.Errorf("keys that were just fetched: asked %d times", k)
	}
	clock = now.Add(2 * time.Minute) // the signature ended, within the tolerance
	if k := asked(); k == 0 {
		t.Error("keys beyond the end of their signature")
	}
	clock = now.Add(10 * time.Minute)
	wantFault(t, r, "_x.example.com", typeTXT, dns.FaultSignatureExpired)
}

// TestRollover: in the middle of a change of keys servers may list different
// ones. Each answer is judged by the keys of its own server too.
func TestRollover(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, n))
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
	n.ResetHistory()
	a, err := r.AskWithOldKeys(context.Background(), "example.com", "_x.example.com", typeTXT)
	if err != nil || a.Security != dns.SecuritySecure {
		t.Fatalf("%v %s %v", err, a.Security, a.Fault)
	}
	for _, s := range z.Servers() {
		asked := 0
		for _, q := range n.Queries() {
			if q.Type == "DNSKEY" && q.Addr == s.Addr() {
				asked++
			}
		}
		if asked != 1 {
			t.Errorf("%s was asked for its keys %d times", s.Name(), asked)
		}
	}
	// Keys that the parent does not vouch for help nobody.
	z.SignFault(testnet.SignFaultWrongDS).SignedBy(n.Zone("com"))
	a, err = r.AskWithOldKeys(context.Background(), "example.com", "_x.example.com", typeTXT)
	if err != nil || a.Security != dns.SecurityBogus {
		t.Errorf("%v %s", err, a.Security)
	}
}
