package dns

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// chain3 makes the NSEC3 records of a zone: names with their types.
type chain3 struct {
	apex       string
	iterations int
	salt       string // hex
	flags      int
	names      map[string]string
}

func (c chain3) hash(name string) string {
	return strings.ToLower(dns.HashName(dns.Fqdn(name), dns.SHA1, uint16(c.iterations), c.salt))
}

// records are the whole chain, in the order of the hashes.
func (c chain3) records() map[string]string {
	var hashes []string
	types := map[string]string{}
	for name, t := range c.names {
		h := c.hash(name)
		hashes, types[h] = append(hashes, h), t
	}
	slices.Sort(hashes)
	out := map[string]string{}
	salt := c.salt
	if salt == "" {
		salt = "-"
	}
	for i, h := range hashes {
		out[h] = fmt.Sprintf("%s.%s. NSEC3 1 %d %d %s %s %s", h, c.apex, c.flags, c.iterations, salt, hashes[(i+1)%len(hashes)], types[h])
	}
	return out
}

// match is the record of a name, cover the one of the gap it falls into.
func (c chain3) match(name string) string {
	if r, ok := c.records()[c.hash(name)]; ok {
		return r
	}
	panic(name + " is not in the chain")
}

func (c chain3) cover(name string) string {
	h, best, last := c.hash(name), "", ""
	for have := range c.records() {
		if have < h && have > best {
			best = have
		}
		last = max(last, have)
	}
	if best == "" {
		best = last
	}
	return c.records()[best]
}

// TestNSEC3Attacks feeds proofs that are well signed and prove something else
// than what is claimed.
func TestNSEC3Attacks(t *testing.T) {
	s := newSigner(t, "example.com")
	c := chain3{apex: "example.com", iterations: 3, salt: "ab", names: map[string]string{
		"example.com": "NS SOA RRSIG DNSKEY NSEC3PARAM", "a.example.com": "A RRSIG", "cut.example.com": "NS",
		"dname.example.com": "DNAME RRSIG", "ent.example.com": "", "x.ent.example.com": "A RRSIG",
		"w.example.com": "A RRSIG", "*.w.example.com": "TXT RRSIG",
	}}
	open := c
	open.flags = 1
	other := c
	other.salt = "cd"
	heavy := c
	heavy.iterations = 51
	odd := c
	odd.flags = 2
	foreign := c
	foreign.apex = "sub.example.com"
	nx := func(c chain3, encloser, closer string) []string {
		return []string{c.match(encloser), c.cover(closer), c.cover("*." + encloser)}
	}
	for _, tt := range []struct {
		name      string
		qname     string
		qtype     uint16
		kind      Kind
		authority []string
		state     Security
		want      FaultCode
	}{
		{"no name", "b.example.com", dns.TypeTXT, KindNXDomain, nx(c, "example.com", "b.example.com"), SecuritySecure, ""},
		{"no name, deep", "x.y.b.example.com", dns.TypeTXT, KindNXDomain, nx(c, "example.com", "b.example.com"), SecuritySecure, ""},
		{"no name, opt-out", "b.example.com", dns.TypeTXT, KindNXDomain, nx(open, "example.com", "b.example.com"), SecurityInsecure, ""},
		{"heavy", "b.example.com", dns.TypeTXT, KindNXDomain, nx(heavy, "example.com", "b.example.com"), SecurityInsecure, ""},
		{"unknown flag", "b.example.com", dns.TypeTXT, KindNXDomain, nx(odd, "example.com", "b.example.com"), SecurityBogus, FaultDenialMissing},
		{"of another zone", "b.example.com", dns.TypeTXT, KindNXDomain, nx(foreign, "example.com", "b.example.com"), SecurityBogus, FaultDenialMissing},
		{"mixed salts", "b.example.com", dns.TypeTXT, KindNXDomain, []string{c.match("example.com"), other.cover("b.example.com"), other.cover("*.example.com")}, SecurityBogus, FaultDenialWrong},
		{"no encloser", "b.example.com", dns.TypeTXT, KindNXDomain, []string{c.match("a.example.com"), c.match("w.example.com"), c.match("*.w.example.com")}, SecurityBogus, FaultDenialWrong},
		{"the name exists", "a.example.com", dns.TypeTXT, KindNXDomain, append(nx(c, "example.com", "b.example.com"), c.match("a.example.com")), SecuritySecure, ""}, // as NODATA
		{"below a cut", "x.cut.example.com", dns.TypeTXT, KindNXDomain, nx(c, "cut.example.com", "x.cut.example.com"), SecurityBogus, FaultDenialWrong},
		{"below a DNAME", "x.dname.example.com", dns.TypeTXT, KindNXDomain, nx(c, "dname.example.com", "x.dname.example.com"), SecurityBogus, FaultDenialWrong},
		{"there is a wildcard", "b.w.example.com", dns.TypeA, KindNXDomain, []string{c.match("w.example.com"), c.cover("b.w.example.com")}, SecurityBogus, FaultDenialWrong},

		{"no data", "a.example.com", dns.TypeTXT, KindNoData, []string{c.match("a.example.com")}, SecuritySecure, ""},
		{"it has it", "a.example.com", dns.TypeA, KindNoData, []string{c.match("a.example.com")}, SecurityBogus, FaultDenialWrong},
		{"of the parent's side", "cut.example.com", dns.TypeTXT, KindNoData, []string{c.match("cut.example.com")}, SecurityBogus, FaultDenialWrong},
		{"no DS at the cut", "cut.example.com", dns.TypeDS, KindNoData, []string{c.match("cut.example.com")}, SecuritySecure, ""},
		{"no DS at the apex, of the child's side", "example.com", dns.TypeDS, KindNoData, []string{c.match("example.com")}, SecurityBogus, FaultDenialWrong},
		{"empty non-terminal", "ent.example.com", dns.TypeTXT, KindNoData, []string{c.match("ent.example.com")}, SecuritySecure, ""},
		{"no DS, opt-out", "un.example.com", dns.TypeDS, KindNoData, []string{open.match("example.com"), open.cover("un.example.com")}, SecurityInsecure, ""},
		{"no DS without opt-out", "un.example.com", dns.TypeDS, KindNoData, []string{c.match("example.com"), c.cover("un.example.com")}, SecurityBogus, FaultDenialWrong},
		{"no DS beside a wildcard, opt-out", "b.w.example.com", dns.TypeDS, KindNoData, []string{open.match("w.example.com"), open.cover("b.w.example.com"), open.match("*.w.example.com")}, SecurityInsecure, ""},
		{"no DS beside a wildcard", "b.w.example.com", dns.TypeDS, KindNoData, []string{c.match("w.example.com"), c.cover("b.w.example.com"), c.match("*.w.example.com")}, SecuritySecure, ""},
		{"no data of the wildcard", "b.w.example.com", dns.TypeA, KindNoData, []string{c.match("w.example.com"), c.cover("b.w.example.com"), c.match("*.w.example.com")}, SecuritySecure, ""},
		{"the wildcard has it", "b.w.example.com", dns.TypeTXT, KindNoData, []string{c.match("w.example.com"), c.cover("b.w.example.com"), c.match("*.w.example.com")}, SecurityBogus, FaultDenialWrong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := slices.Compact(slices.Sorted(slices.Values(tt.authority)))
			m := &dns.Msg{Ns: s.signed(append([]string{soaLine}, lines...)...)}
			m.SetQuestion(dns.Fqdn(tt.qname), tt.qtype)
			v := s.judge(tt.qname, tt.qtype, tt.kind, m)
			if v.state != tt.state || tt.want != "" && v.fault.Code != tt.want {
				t.Errorf("%s %v, want %s %s", v.state, v.fault, tt.state, tt.want)
			}
		})
	}
}

// TestNSEC3Covers walks a gap, the last gap, and a chain of one.
func TestNSEC3Covers(t *testing.T) {
	h := func(b byte) (n nameHash) { n[0] = b; return n }
	for _, tt := range []struct {
		owner, next, at byte
		want            bool
	}{
		{10, 20, 15, true}, {10, 20, 10, false}, {10, 20, 20, false}, {10, 20, 5, false}, {10, 20, 25, false},
		{20, 10, 25, true}, {20, 10, 5, true}, {20, 10, 15, false}, {20, 10, 20, false}, {20, 10, 10, false},
		{10, 10, 5, true}, {10, 10, 15, true}, {10, 10, 10, false},
	} {
		n := nsec3{owner: h(tt.owner), next: h(tt.next)}
		if n.covers(h(tt.at)) != tt.want {
			t.Errorf("%d to %d and %d: %v", tt.owner, tt.next, tt.at, !tt.want)
		}
	}
}

// FuzzValidate feeds messages to the validator: nothing may make it panic,
// work without bound, or find an answer secure whose signature is not there.
func FuzzValidate(f *testing.F) {
	s := newSigner(f, "example.com")
	c := chain3{apex: "example.com", names: map[string]string{"example.com": "NS SOA", "*.example.com": "A"}}
	for _, m := range []*dns.Msg{
		{Answer: s.signed(`a.example.com. TXT "one"`)},
		{Answer: s.signed(`b.example.com. CNAME c.example.com.`)},
		{Answer: s.signed(`example.com. DNAME example.net.`)},
		{Ns: s.signed(soaLine, "example.com. NSEC c.example.com. NS SOA RRSIG NSEC")},
		{Ns: s.signed(soaLine, c.match("example.com"), c.cover("q.example.com"))},
		{Answer: []dns.RR{s.key}},
		{Answer: s.signed(`example.com. DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000`, `a.example.com. NAPTR 1 1 "a" "b" "c" d.example.com.`, `a.example.com. SRV 1 2 3 d.example.com.`)},
	} {
		m.SetQuestion("a.example.com.", dns.TypeTXT)
		f.Add(s.wire(m))
	}
	keys := s.keys()
	kinds := []Kind{KindData, KindAlias, KindNoData, KindNXDomain}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseMessage(b); err != nil {
			return
		}
		sets, err := readSets(b)
		if err != nil {
			return
		}
		r := &Resolver{cfg: Config{Now: func() time.Time { return s.now }}}
		for _, kind := range kinds {
			for _, qtype := range []uint16{dns.TypeTXT, dns.TypeDS} {
				q, err := newQuestion("a.example.com", qtype)
				if err != nil {
					t.Fatal(err)
				}
				w := r.newWork()
				a := &ServerAnswer{Status: StatusOK, Kind: kind, Wire: b, Records: []Record{{Name: q.name, Type: dns.TypeCNAME}}}
				v := r.evaluate(w, keys, sets, q, a)
				if v.state == SecurityBogus && (v.fault == nil || v.fault.Text == "") {
					t.Errorf("bogus without a reason: %+v", v.fault)
				}
				if v.state == SecuritySecure && !bytes.Contains(b, []byte{0, byte(dns.TypeRRSIG)}) {
					t.Error("secure without a signature")
				}
				if cost := w.cost(); cost.Work > maxWork || cost.Rounds > maxHashing || cost.Checks > maxWork {
					t.Errorf("%+v", cost)
				}
				r.acceptKeys(w, "example.com", a, trusted{ds: []delegationKey{{keys.keys[0].tag, dns.ED25519, dns.SHA256, make([]byte, 32)}}, until: s.now})
			}
		}
		// What a proof would show if its signature were right.
		w := r.newWork()
		d := &denial{apex: keys.wire, hash: &w.labour.hash}
		for _, set := range sets {
			for _, rdata := range set.rdata {
				if set.rtype == dns.TypeNSEC && set.owner.within(d.apex) || set.rtype == dns.TypeNSEC3 {
					d.add(set, rdata)
				}
			}
			set.sort()
		}
		for _, name := range []wireName{wireOf("a.example.com"), wireOf("x.y.example.com"), keys.wire} {
			d.noData(name, dns.TypeTXT)
			if p := d.noName(name); p.ok && name == keys.wire && !d.heavy {
				t.Error("the apex does not exist")
			}
			d.noCloser(name, name.parent())
		}
	})
}
