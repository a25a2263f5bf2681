package dns_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// wantSameAgain wants the recorded messages alone to show what was found.
func wantSameAgain(t testing.TB, r *dns.Resolver, a *dns.Answer, s *dns.ServerAnswer) {
	t.Helper()
	if s.Security != dns.SecuritySecure && s.Security != dns.SecurityInsecure {
		return
	}
	rec := dns.Recorded{Zone: a.Zone.Name, Name: a.Name, Type: a.Type, Message: s.Wire, Chain: s.Chain}
	anchors, now := r.Judging()
	if got, err := dns.Revalidate(rec, now, anchors); got != s.Security || err != nil {
		t.Errorf("%s %d at %s: %s, and by what is recorded %s (%v)", a.Name, a.Type, s.Server, s.Security, got, err)
	}
}

func TestRevalidateWithoutProof(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token")
	r := newResolver(t, n, validating(t, n))
	a := mustAsk(t, r, "_x.example.com", typeTXT)
	s := &a.Servers[0]
	anchors, now := r.Judging()
	good := dns.Recorded{Zone: a.Zone.Name, Name: a.Name, Type: a.Type, Message: s.Wire, Chain: s.Chain}
	if got, err := dns.Revalidate(good, now, anchors); got != dns.SecuritySecure {
		t.Fatalf("%s, %v", got, err)
	}
	for name, try := range map[string]func() (dns.Recorded, time.Time, []dns.TrustAnchor){
		"the anchors of IANA": func() (dns.Recorded, time.Time, []dns.TrustAnchor) { return good, now, nil },
		"years later":         func() (dns.Recorded, time.Time, []dns.TrustAnchor) { return good, now.AddDate(3, 0, 0), anchors },
		"no chain":            func() (dns.Recorded, time.Time, []dns.TrustAnchor) { g := good; g.Chain = nil; return g, now, anchors },
		"a zone is missing": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g := good
			g.Chain = g.Chain.Above
			return g, now, anchors
		},
		"another name": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g := good
			g.Name = "_y.example.com"
			return g, now, anchors
		},
		"a name elsewhere": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g := good
			g.Name = "_x.example.net"
			return g, now, anchors
		},
		"the record is other": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g := good
			g.Message = bytes.Replace(g.Message, []byte("token"), []byte("taken"), 1)
			return g, now, anchors
		},
		"said to be unsigned": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g, l := good, *good.Chain
			l.Security, l.Keys = dns.SecurityInsecure, nil
			g.Chain = &l
			return g, now, anchors
		},
		"circular": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g, l := good, *good.Chain
			l.Above = &l
			g.Chain = &l
			return g, now, anchors
		},
		"empty messages": func() (dns.Recorded, time.Time, []dns.TrustAnchor) {
			g := good
			g.Message, g.Chain = nil, &dns.ChainLink{Zone: "com", Above: &dns.ChainLink{}}
			return g, now, anchors
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := dns.Revalidate(try()); got == dns.SecuritySecure || got == dns.SecurityInsecure || err == nil {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	// The keys of public zones are the same for everybody.
	l := good.Chain
	if l.Zone != "example.com" || l.Public || !l.Above.Public || l.Above.Zone != "com" || l.Above.Above.Zone != "" || l.Above.Above.Above != nil {
		t.Errorf("the chain %+v", l)
	}
	if len(l.Keys) < 12 || l.Keys[0] != 0 || l.Keys[1] != 0 || l.Keys[10] != 0 || l.Keys[11] != 0 || !bytes.Contains(l.Keys, []byte("\x07example\x03com")) {
		t.Errorf("the message is not bare: %q", strings.ToValidUTF8(string(l.Keys), "?"))
	}
}

func FuzzRevalidate(f *testing.F) {
	f.Add([]byte{}, []byte("\x00\x00\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"), []byte{1, 2})
	f.Fuzz(func(t *testing.T, keys, ds, message []byte) {
		root := &dns.ChainLink{Security: dns.SecuritySecure, Keys: keys}
		l := &dns.ChainLink{Zone: "com", Security: dns.SecuritySecure, DS: ds, Keys: keys, Above: root}
		got, err := dns.Revalidate(dns.Recorded{Zone: "com", Name: "example.com", Type: typeTXT, Message: message, Chain: l}, time.Unix(1.8e9, 0), nil)
		if got == dns.SecuritySecure || got == dns.SecurityInsecure || err == nil {
			t.Errorf("%s, %v", got, err)
		}
	})
}
