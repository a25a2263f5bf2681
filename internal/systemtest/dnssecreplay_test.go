package systemtest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

// TestDNSSECReplayLikeUnbound has somebody on the way answer with what the
// zone signed itself, in places where it does not belong: names that exist are
// denied with any of the zone's proofs, names that do not exist are answered
// from a wildcard or with records of another name.
func TestDNSSECReplayLikeUnbound(t *testing.T) {
	needsPort53(t)
	t.Logf("-dnssec-seed=%d", *randomSeed)
	w := newSignedWorld(t)
	r := &randomZones{signedWorld: w, Rand: rand.New(rand.NewPCG(*randomSeed, 2)), how: map[string]string{}}
	for i := range 24 {
		r.replayed(i)
	}
	asked := map[string]bool{}
	for len(w.cases) < 500 {
		zone := pick(r, r.names)
		name := zone
		for range r.IntN(4) {
			name = pick(r, []string{"a", "b", "c", "zz"}) + "." + name
		}
		qtype := pick(r, []uint16{dns.TypeTXT, dns.TypeTXT, dns.TypeA})
		if key := fmt.Sprint(name, qtype); !asked[key] {
			asked[key] = true
			w.ask(r.how[zone], name, qtype, "")
		}
	}
	u, lines := w.judgeAll()
	same, secured := 0, 0
	for i, c := range w.cases {
		l, truth := lines[i], w.truth(c.name, c.qtype)
		problem := ""
		switch {
		case l.ours.security == secure && l.ours.content != truth:
			problem = "ours believes what is not true"
		case l.ours.security == insecure && l.theirs.security != insecure:
			problem = "ours takes a signed answer for an unsigned one"
		case l.ours.security != secure && l.ours.security != insecure && l.ours.security != bogus:
			problem = "no verdict"
		case l.ours.security == bogus && l.ours.fault == nil:
			problem = "no reason"
		}
		if problem != "" {
			t.Errorf("%s %s (%s): %s\n  truth:   %s\n  Unbound: %s\n  ours:    %s\n%s", c.name, dns.TypeToString[c.qtype], c.about, problem, truth, l.theirs, l.ours, u.unchecked(c))
		}
		if l.ours.security == l.theirs.security {
			same++
		} else {
			t.Logf("%s %s: Unbound: %s; ours: %s; truth: %s", c.name, dns.TypeToString[c.qtype], l.theirs, l.ours, truth)
		}
		if l.ours.security == secure {
			secured++
		}
	}
	t.Logf("%d questions: %d verdicts are the same; %d answers are secure, and true", len(w.cases), same, secured)
	if same < len(w.cases)*9/10 || secured < 50 {
		t.Error("too few")
	}
}

// truth is the answer of the zone itself to who asks without DO.
func (w *signedWorld) truth(name string, qtype uint16) string {
	w.t.Helper()
	var server *testnet.NameServer
	for z := name; server == nil; _, z, _ = strings.Cut(z, ".") {
		if w.server[z] != "" {
			server = w.net.Zone(z).Servers()[0]
		}
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	r, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(m, server.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return contentOf(r, qtype)
}

// replayed makes a zone with somebody on the way to it.
func (r *randomZones) replayed(i int) {
	name := fmt.Sprintf("p%d.%s", i, pick(r, []string{"com", "net"}))
	o := sign{Algorithm: dns.ED25519, NSEC3: i%2 == 1}
	z := r.zoneBare(name).Sign(o).Add("@", "TXT", "apex")
	r.names = append(r.names, name)
	r.how[name] = describe(o)
	taken := map[string]bool{}
	for range 6 {
		rel := pick(r, []string{"a", "b", "c", "zz", "*"})
		for range r.IntN(3) {
			rel += "." + pick(r, []string{"a", "b", "c", "zz"})
		}
		if taken[rel] || above(rel, taken) || below(rel, taken) {
			continue
		}
		if taken[rel] = true; r.IntN(6) > 0 || rel[0] == '*' {
			z.Add(rel, "TXT", rel)
			continue
		}
		c := r.zoneBare(rel+"."+name).Add("@", "TXT", "child").Add("a", "TXT", "child")
		if r.IntN(2) == 0 {
			c.Unsign()
		}
	}
	z.Tamper(replay(z))
}

// replay answers questions for TXT and A by chance, the same question always
// in the same way, with sets of the zone and their signatures.
func replay(z *testnet.Zone) func(*dns.Msg) {
	var proofs, texts [][]dns.RR
	sigs := map[string][]dns.RR{}
	zp := dns.NewZoneParser(strings.NewReader(z.MasterFile()), ".", "")
	var soa []dns.RR
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		switch rr := rr.(type) {
		case *dns.RRSIG:
			k := fmt.Sprint(rr.Hdr.Name, rr.TypeCovered)
			sigs[k] = append(sigs[k], rr)
		case *dns.NSEC, *dns.NSEC3:
			proofs = append(proofs, []dns.RR{rr})
		case *dns.TXT:
			texts = append(texts, []dns.RR{rr})
		case *dns.SOA:
			soa = []dns.RR{rr}
		}
	}
	signed := func(set []dns.RR) []dns.RR {
		h := set[0].Header()
		return append(slices.Clone(set), sigs[fmt.Sprint(h.Name, h.Rrtype)]...)
	}
	return func(m *dns.Msg) {
		q := m.Question[0]
		if q.Qtype != dns.TypeTXT && q.Qtype != dns.TypeA {
			return
		}
		h := fnv.New64a()
		fmt.Fprint(h, q.Name, q.Qtype)
		r := rand.New(rand.NewPCG(h.Sum64(), 3))
		kind := r.IntN(5)
		if kind == 0 || kind > 2 && q.Qtype == dns.TypeA {
			return // the truth
		}
		m.Authoritative = true
		m.Answer, m.Ns, m.Extra = nil, nil, nil
		switch kind {
		case 1:
			m.Rcode = dns.RcodeNameError
		case 2:
			m.Rcode = dns.RcodeSuccess
		default: // records of any name, under this one
			m.Rcode = dns.RcodeSuccess
			for _, rr := range signed(texts[r.IntN(len(texts))]) {
				rr = dns.Copy(rr)
				rr.Header().Name = q.Name
				m.Answer = append(m.Answer, rr)
			}
		}
		if kind < 3 {
			m.Ns = signed(soa)
		}
		for _, at := range r.Perm(len(proofs))[:min(len(proofs), 1+r.IntN(4))] {
			m.Ns = append(m.Ns, signed(proofs[at])...)
		}
	}
}
