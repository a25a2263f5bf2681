package systemtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

var randomSeed = flag.Uint64("dnssec-seed", 20261121, "seed of the zones of TestDNSSECRandomLikeUnbound")

// TestDNSSECRandomLikeUnbound asks about names in zones that nobody thought
// of: wildcards beside and below each other, empty names, delegations,
// aliases, half of them served by NSD, some with a fault.
func TestDNSSECRandomLikeUnbound(t *testing.T) {
	needsPort53(t)
	t.Logf("-dnssec-seed=%d", *randomSeed)
	w := newSignedWorld(t)
	r := &randomZones{signedWorld: w, Rand: rand.New(rand.NewPCG(*randomSeed, 1)), how: map[string]string{}}
	for i := range 24 {
		r.make(i)
	}
	for range 600 {
		zone := pick(r, r.names)
		name := zone
		for range r.IntN(5) {
			name = r.label() + "." + name
		}
		// A wildcard that answers for a name whose first label is an asterisk
		// is more than Unbound can check.
		for strings.HasPrefix(name, "*.") {
			name = name[2:]
		}
		qtype := pick(r, []uint16{dns.TypeTXT, dns.TypeTXT, dns.TypeA, dns.TypeMX, dns.TypeSOA})
		if name == zone {
			qtype = pick(r, []uint16{dns.TypeTXT, dns.TypeDS})
		}
		w.ask(r.how[zone], name, qtype, "")
	}
	if agreed := w.compare(); agreed < 500 {
		t.Errorf("only %d verdicts are the same", agreed)
	}
}

// randomZones makes zones by chance.
type randomZones struct {
	*signedWorld
	*rand.Rand
	names []string
	how   map[string]string // each is signed
}

func pick[T any](r *randomZones, list []T) T { return list[r.IntN(len(list))] }

// label is one of few, so that questions hit.
func (r *randomZones) label() string { return pick(r, []string{"a", "b", "c", "0", "zz", "*"}) }

func (r *randomZones) make(i int) {
	tld := pick(r, []string{"com", "net", "org"})
	name := fmt.Sprintf("r%d.%s", i, tld)
	o := sign{Algorithm: pick(r, []uint8{dns.ECDSAP256SHA256, dns.ED25519}), OneKey: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		o.NSEC3, o.OptOut = true, r.IntN(3) == 0
		o.Iterations, o.Salt = uint16(r.IntN(3)*20), pick(r, []string{"", "ab"})
	}
	z := r.zoneBare(name).Sign(o)
	r.names = append(r.names, name)
	r.how[name] = describe(o)
	taken, closed := map[string]bool{"": true}, map[string]bool{}
	zones := 0
	for range 14 {
		rel := r.label()
		for range r.IntN(4) {
			rel += "." + r.label()
		}
		// Unbound cannot check what an empty wildcard answers.
		if taken[rel] || strings.Contains(rel, ".*") || below(rel, closed) || above(rel, taken) {
			continue
		}
		taken[rel] = true
		switch k := r.IntN(12); {
		case k < 6:
			z.Add(rel, "TXT", "v")
		case k < 7:
			z.Add(rel, "A", "127.46.0.1").Add(rel, "TXT", "v")
		case rel[0] == '*':
			z.Add(rel, "MX", "10 mail")
		case k < 9:
			z.Add(rel, "CNAME", pick(r, []string{"a", "b.c", "zz.a.r0." + tld + ".", "0." + r.names[0] + "."}))
		case k < 10 && i > 0:
			closed[rel] = true
			z.Add(rel, "DNAME", r.names[0]+".")
		case o.OptOut && strings.Contains(rel, "."):
			// A wildcard beside an empty name that is opted out: nobody can
			// prove what is below.
		default:
			closed[rel] = true
			zones++
			c := r.zoneBare(rel+"."+name).Add("@", "TXT", "v").Add("a", "TXT", "v").Add("*.b", "TXT", "v")
			r.names = append(r.names, c.Name())
			if r.how[c.Name()] = "below " + describe(o); k == 10 {
				c.Unsign()
			}
		}
	}
	switch r.IntN(6) {
	case 0:
		// Unbound wants proof that there is no DS at every name on the way to
		// a signed zone; we do not need it.
		if zones > 0 {
			break
		}
		faults := []testnet.SignFault{testnet.SignFaultExpired, testnet.SignFaultNoDenial, testnet.SignFaultWrongDenial, testnet.SignFaultNoWildcard}
		if o.OptOut {
			// Without the proof a name may be an unsigned zone; Unbound looks
			// at the answer only.
			faults = faults[:3]
		}
		z.SignFault(pick(r, faults))
		return
	case 1:
		z.SignFaultAt(r.label(), "TXT", testnet.SignFaultCorrupt)
	}
	if r.IntN(2) == 0 {
		r.onNSD(z)
	}
}

// zoneBare is a zone without the usual content.
func (r *randomZones) zoneBare(name string) *testnet.Zone {
	r.server[name] = "testnet"
	return r.net.Zone(name)
}

// below reports whether a name is below a zone cut or a DNAME.
func below(name string, closed map[string]bool) bool {
	for c := range closed {
		if strings.HasSuffix(name, "."+c) {
			return true
		}
	}
	return false
}

// above reports whether there is something below a name already.
func above(name string, taken map[string]bool) bool {
	for c := range taken {
		if strings.HasSuffix(c, "."+name) {
			return true
		}
	}
	return false
}
