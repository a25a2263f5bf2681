package dns

import (
	"crypto"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// signer is a zone that signs whatever a test wants signed.
type signer struct {
	t    testing.TB
	zone string
	key  *dns.DNSKEY
	priv crypto.Signer
	now  time.Time
}

func newSigner(t testing.TB, zone string) *signer {
	t.Helper()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: dns.Fqdn(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ED25519,
	}
	priv, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t: t, zone: zone, key: key, priv: priv.(crypto.Signer), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

func (s *signer) clock() time.Time { return s.now }

// keys are what a validated DNSKEY set would be.
func (s *signer) keys() *zoneKeys {
	s.t.Helper()
	m := &dns.Msg{Answer: []dns.RR{s.key}}
	sets := s.sets(m)
	k := newZoneKey(sets[0].rdata[0])
	if k == nil || k.public == nil {
		s.t.Fatal("the key cannot be read")
	}
	return &zoneKeys{zone: s.zone, wire: wireOf(s.zone), state: SecuritySecure, keys: []*zoneKey{k}}
}

// rrs reads records in zone-file form; the TTL is 300.
func (s *signer) rrs(lines ...string) []dns.RR {
	s.t.Helper()
	var out []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			s.t.Fatalf("%s: %v", l, err)
		}
		rr.Header().Ttl = 300
		out = append(out, rr)
	}
	return out
}

// sig signs a set; change may alter the signature before it is made.
func (s *signer) sig(set []dns.RR, change ...func(*dns.RRSIG)) dns.RR {
	s.t.Helper()
	sig := &dns.RRSIG{
		Hdr: dns.RR_Header{Ttl: 300}, KeyTag: s.key.KeyTag(), SignerName: dns.Fqdn(s.zone), Algorithm: s.key.Algorithm,
		Inception: uint32(s.now.Add(-time.Hour).Unix()), Expiration: uint32(s.now.Add(time.Hour).Unix()),
	}
	for _, f := range change {
		f(sig)
	}
	if err := sig.Sign(s.priv, set); err != nil {
		s.t.Fatal(err)
	}
	return sig
}

// signed is each record as a set of its own with its signature.
func (s *signer) signed(lines ...string) []dns.RR {
	var out []dns.RR
	for _, rr := range s.rrs(lines...) {
		out = append(out, rr, s.sig([]dns.RR{rr}))
	}
	return out
}

// renamed is records under another name, as a wildcard's are.
func renamed(name string, rrs []dns.RR) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		c := dns.Copy(rr)
		c.Header().Name = dns.Fqdn(name)
		out = append(out, c)
	}
	return out
}

func (s *signer) wire(m *dns.Msg) []byte {
	s.t.Helper()
	m.Response, m.Authoritative = true, true
	b, err := m.Pack()
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *signer) sets(m *dns.Msg) rrsets {
	s.t.Helper()
	sets, err := readSets(s.wire(m))
	if err != nil {
		s.t.Fatal(err)
	}
	return sets
}

// judge evaluates a message as the answer to a question.
func (s *signer) judge(name string, qtype uint16, kind Kind, m *dns.Msg) verdict {
	s.t.Helper()
	r := &Resolver{cfg: Config{Now: func() time.Time { return s.now }}}
	q, err := newQuestion(name, qtype)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &ServerAnswer{Status: StatusOK, Kind: kind, Wire: s.wire(m)}
	for _, rr := range m.Answer {
		if h := rr.Header(); h.Rrtype == dns.TypeCNAME || h.Rrtype == dns.TypeDNAME {
			a.Records = append(a.Records, Record{Name: fold(h.Name), Type: h.Rrtype})
		}
	}
	return r.evaluate(r.newWork(), s.keys(), s.sets(m), q, a)
}

const soaLine = "example.com. SOA ns.example.com. host.example.com. 1 2 3 4 5"

// TestDenialAttacks feeds proofs that are well signed and prove something
// else than what is claimed.
func TestDenialAttacks(t *testing.T) {
	s := newSigner(t, "example.com")
	apex := "example.com. NSEC a.example.com. NS SOA RRSIG NSEC DNSKEY"
	for _, tt := range []struct {
		name      string
		qname     string
		qtype     uint16
		kind      Kind
		authority []string
		want      FaultCode // "": good
	}{
		{"no name", "b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "a.example.com. NSEC c.example.com. A RRSIG NSEC"}, ""},
		{"no name, last of the zone", "z.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "c.example.com. NSEC example.com. A RRSIG NSEC"}, ""},
		{"no name, one record for both", "b.example.com", dns.TypeTXT, KindNXDomain, []string{"example.com. NSEC c.example.com. NS SOA RRSIG NSEC"}, ""},
		{"no name, but a wildcard", "b.example.com", dns.TypeTXT, KindNXDomain, []string{"a.example.com. NSEC c.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"the name exists", "b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "b.example.com. NSEC c.example.com. TXT RRSIG NSEC"}, FaultDenialWrong},
		{"the next name", "c.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "a.example.com. NSEC c.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"outside of the gap", "d.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "a.example.com. NSEC c.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"no proof", "b.example.com", dns.TypeTXT, KindNXDomain, nil, FaultDenialMissing},
		{"below a zone cut", "x.b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "b.example.com. NSEC c.example.com. NS RRSIG NSEC"}, FaultDenialWrong},
		{"below a signed zone cut", "x.b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "b.example.com. NSEC c.example.com. NS DS RRSIG NSEC"}, FaultDenialWrong},
		{"below a DNAME", "x.b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "b.example.com. NSEC c.example.com. DNAME RRSIG NSEC"}, FaultDenialWrong},
		{"next in another zone", "zz.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "c.example.com. NSEC example.org. A RRSIG NSEC"}, FaultDenialWrong},

		{"no data", "b.example.com", dns.TypeTXT, KindNoData, []string{"b.example.com. NSEC c.example.com. A RRSIG NSEC"}, ""},
		{"no data, but it has it", "b.example.com", dns.TypeTXT, KindNoData, []string{"b.example.com. NSEC c.example.com. A TXT RRSIG NSEC"}, FaultDenialWrong},
		{"no data, but an alias", "b.example.com", dns.TypeTXT, KindNoData, []string{"b.example.com. NSEC c.example.com. CNAME RRSIG NSEC"}, FaultDenialWrong},
		{"no data, of the parent's side", "b.example.com", dns.TypeTXT, KindNoData, []string{"b.example.com. NSEC c.example.com. NS RRSIG NSEC"}, FaultDenialWrong},
		{"no DS at a cut", "b.example.com", dns.TypeDS, KindNoData, []string{"b.example.com. NSEC c.example.com. NS RRSIG NSEC"}, ""},
		{"no DS, of the child's side", "b.example.com", dns.TypeDS, KindNoData, []string{"b.example.com. NSEC c.b.example.com. NS SOA RRSIG NSEC"}, FaultDenialWrong},
		{"empty non-terminal", "b.example.com", dns.TypeTXT, KindNoData, []string{"a.example.com. NSEC x.b.example.com. A RRSIG NSEC"}, ""},
		{"empty non-terminal as no name", "b.example.com", dns.TypeTXT, KindNXDomain, []string{apex, "a.example.com. NSEC x.b.example.com. A RRSIG NSEC"}, ""},
		{"no data of the wildcard", "b.w.example.com", dns.TypeTXT, KindNoData, []string{"*.w.example.com. NSEC z.example.com. A RRSIG NSEC"}, ""},
		{"no data of another wildcard", "b.w.example.com", dns.TypeTXT, KindNoData, []string{"*.v.example.com. NSEC z.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"wildcard, but the name may exist", "b.w.example.com", dns.TypeTXT, KindNoData, []string{"*.w.example.com. NSEC a.w.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"a lie in black (RFC 9824)", "b.example.com", dns.TypeTXT, KindNoData, []string{`b.example.com. NSEC \000.b.example.com. RRSIG NSEC TYPE128`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &dns.Msg{Ns: s.signed(append([]string{soaLine}, tt.authority...)...)}
			m.SetQuestion(dns.Fqdn(tt.qname), tt.qtype)
			v := s.judge(tt.qname, tt.qtype, tt.kind, m)
			switch {
			case tt.want == "" && v.state != SecuritySecure:
				t.Errorf("%s %v, want secure", v.state, v.fault)
			case tt.want != "" && (v.state != SecurityBogus || v.fault.Code != tt.want):
				t.Errorf("%s %v, want %s", v.state, v.fault, tt.want)
			}
			if tt.name == "empty non-terminal as no name" && v.kind != KindNoData {
				t.Errorf("it is %s", v.kind)
			}
		})
	}
}

// TestWildcardReplay uses what a wildcard has signed for names that exist.
func TestWildcardReplay(t *testing.T) {
	s := newSigner(t, "example.com")
	wild := s.rrs(`*.w.example.com. TXT "wild"`)
	sig := s.sig(wild)
	for _, tt := range []struct {
		name, owner string
		authority   []string
		want        FaultCode
	}{
		{"good", "b.w.example.com", []string{"*.w.example.com. NSEC z.example.com. TXT RRSIG NSEC"}, ""},
		{"good, deep", "c.b.w.example.com", []string{"*.w.example.com. NSEC z.example.com. TXT RRSIG NSEC"}, ""},
		{"the wildcard itself", "*.w.example.com", nil, ""},
		{"no proof", "b.w.example.com", nil, FaultDenialMissing},
		{"the name exists", "b.w.example.com", []string{"b.w.example.com. NSEC z.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"a closer name exists", "c.b.w.example.com", []string{"*.w.example.com. NSEC x.b.w.example.com. TXT RRSIG NSEC"}, FaultDenialWrong},
		{"a closer name exists before", "c.b.w.example.com", []string{"b.w.example.com. NSEC z.example.com. A RRSIG NSEC"}, FaultDenialWrong},
		{"outside of the wildcard", "b.x.example.com", []string{"a.example.com. NSEC z.example.com. TXT RRSIG NSEC"}, FaultSignatureWrong},
		{"the parent of the wildcard", "w.example.com", nil, FaultSignatureWrong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &dns.Msg{Answer: renamed(tt.owner, append(slices.Clone(wild), sig)), Ns: s.signed(tt.authority...)}
			m.SetQuestion(dns.Fqdn(tt.owner), dns.TypeTXT)
			v := s.judge(tt.owner, dns.TypeTXT, KindData, m)
			if tt.want == "" && v.state != SecuritySecure || tt.want != "" && (v.state != SecurityBogus || v.fault.Code != tt.want) {
				t.Errorf("%s %v, want %q", v.state, v.fault, tt.want)
			}
		})
	}

	// A record of denial that was made from a wildcard's denies nothing
	// (CVE-2017-15105).
	nsec := s.signed("*.w.example.com. NSEC z.example.com. A RRSIG NSEC")
	m := &dns.Msg{Ns: append(s.signed(soaLine), renamed("b.w.example.com", nsec)...)}
	m.SetQuestion("b.w.example.com.", dns.TypeTXT)
	if v := s.judge("b.w.example.com", dns.TypeTXT, KindNoData, m); v.state != SecurityBogus {
		t.Errorf("an expanded NSEC: %s", v.state)
	}
}

// TestSignatureFields bends one signature in every field.
func TestSignatureFields(t *testing.T) {
	s := newSigner(t, "example.com")
	set := s.rrs(`a.example.com. TXT "two"`, `a.example.com. TXT "one"`)
	at := func(d time.Duration) uint32 { return uint32(s.now.Add(d).Unix()) }
	for _, tt := range []struct {
		name string
		make func(*dns.RRSIG) // before it is signed
		bend func(*dns.RRSIG) // after
		set  func([]dns.RR) []dns.RR
		want FaultCode
	}{
		{name: "good"},
		{name: "another order, twice", set: func(rrs []dns.RR) []dns.RR { return []dns.RR{rrs[1], rrs[0], dns.Copy(rrs[1])} }},
		{name: "upper case owner", set: func(rrs []dns.RR) []dns.RR { return renamed("A.Example.COM", rrs) }},
		{name: "another TTL", set: func(rrs []dns.RR) []dns.RR {
			out := renamed("a.example.com", rrs)
			for _, rr := range out {
				rr.Header().Ttl = 7
			}
			return out
		}},
		{name: "one record missing", set: func(rrs []dns.RR) []dns.RR { return rrs[:1] }, want: FaultSignatureWrong},
		{name: "one more", set: func(rrs []dns.RR) []dns.RR { return append(rrs, s.rrs(`a.example.com. TXT "three"`)...) }, want: FaultSignatureWrong},
		{name: "another owner", set: func(rrs []dns.RR) []dns.RR { return renamed("b.example.com", rrs) }, want: FaultSignaturesMissing},
		{name: "more labels", bend: func(r *dns.RRSIG) { r.Labels++ }, want: FaultSignatureWrong},
		{name: "fewer labels", bend: func(r *dns.RRSIG) { r.Labels-- }, want: FaultSignatureWrong},
		{name: "no labels", bend: func(r *dns.RRSIG) { r.Labels = 0 }, want: FaultSignatureWrong},
		{name: "another tag", bend: func(r *dns.RRSIG) { r.KeyTag++ }, want: FaultNoMatchingKey},
		{name: "another algorithm", bend: func(r *dns.RRSIG) { r.Algorithm = dns.ECDSAP256SHA256 }, want: FaultNoMatchingKey},
		{name: "an unknown algorithm", bend: func(r *dns.RRSIG) { r.Algorithm = 200 }, want: FaultSignaturesMissing},
		{name: "another signer", bend: func(r *dns.RRSIG) { r.SignerName = "example.org." }, want: FaultSignaturesMissing},
		{name: "the parent as signer", bend: func(r *dns.RRSIG) { r.SignerName = "com." }, want: FaultSignaturesMissing},
		{name: "another type", bend: func(r *dns.RRSIG) { r.TypeCovered = dns.TypeA }, want: FaultSignaturesMissing},
		{name: "a longer life", bend: func(r *dns.RRSIG) { r.Expiration += 1000 }, want: FaultSignatureWrong},
		{name: "another original TTL", bend: func(r *dns.RRSIG) { r.OrigTtl++ }, want: FaultSignatureWrong},
		{name: "cut off", bend: func(r *dns.RRSIG) { r.Signature = r.Signature[:40] }, want: FaultSignatureWrong},
		{name: "just ended", make: func(r *dns.RRSIG) { r.Expiration = at(-clockSkew + time.Second) }},
		{name: "ended", make: func(r *dns.RRSIG) { r.Expiration = at(-clockSkew - time.Second) }, want: FaultSignatureExpired},
		{name: "begins at once", make: func(r *dns.RRSIG) { r.Inception = at(clockSkew - time.Second) }},
		{name: "begins later", make: func(r *dns.RRSIG) { r.Inception = at(clockSkew + 2*time.Second) }, want: FaultSignatureNotYetValid},
		{name: "ends before it begins", make: func(r *dns.RRSIG) { r.Inception, r.Expiration = at(time.Minute), at(-time.Minute) }, want: FaultSignatureWrong},
		{name: "years", make: func(r *dns.RRSIG) { r.Inception, r.Expiration = at(-20*365*24*time.Hour), at(20*365*24*time.Hour) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var made []func(*dns.RRSIG)
			if tt.make != nil {
				made = append(made, tt.make)
			}
			sig := s.sig(set, made...).(*dns.RRSIG)
			if tt.bend != nil {
				tt.bend(sig)
			}
			answer := slices.Clone(set)
			if tt.set != nil {
				answer = tt.set(answer)
			}
			owner := fold(answer[0].Header().Name)
			m := &dns.Msg{Answer: append(answer, sig)}
			m.SetQuestion(dns.Fqdn(owner), dns.TypeTXT)
			v := s.judge(owner, dns.TypeTXT, KindData, m)
			if tt.want == "" && v.state != SecuritySecure || tt.want != "" && (v.state != SecurityBogus || v.fault.Code != tt.want) {
				t.Errorf("%s %v, want %q", v.state, v.fault, tt.want)
			}
		})
	}
}

// TestForeignOwner: a zone signs nothing outside of itself.
func TestForeignOwner(t *testing.T) {
	s := newSigner(t, "example.com")
	for _, owner := range []string{"com.", "example.org.", "notexample.com."} {
		set := s.rrs(owner + ` TXT "mine"`)
		l := labour{left: maxWork, proven: new(arithmetic)}
		m := &dns.Msg{Answer: append(set, s.sig(set))}
		if _, fault := s.sets(m)[0].verify(&l, s.keys(), s.now); fault == nil {
			t.Errorf("%s is taken", owner)
		}
	}
}

// TestSerialDates: dates are modulo 2^32 seconds and nearest to now.
func TestSerialDates(t *testing.T) {
	for _, now := range []time.Time{
		time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC),
		time.Date(2106, 2, 7, 6, 28, 10, 0, time.UTC), time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		s := signature{inception: uint32(now.Add(-time.Hour).Unix()), expiration: uint32(now.Add(30 * 24 * time.Hour).Unix())}
		from, to := s.dates(now)
		if !from.Equal(now.Add(-time.Hour)) || !to.Equal(now.Add(30*24*time.Hour)) {
			t.Errorf("%s: %s to %s", now, from, to)
		}
	}
}

// TestCanonicalOrder is the list of RFC 4034 section 6.1.
func TestCanonicalOrder(t *testing.T) {
	var names []wireName
	for _, n := range strings.Fields(`example a.example yljkjljk.a.example z.a.example zabc.a.example z.example \001.z.example *.z.example \200.z.example`) {
		names = append(names, wireOf(mustNormal(t, n)))
	}
	for i, a := range names {
		for j, b := range names {
			if got := a.compare(b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

func mustNormal(t *testing.T, name string) string {
	t.Helper()
	n, _, err := normalName(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNSEC3Hash has the hashes of RFC 5155 appendix A.
func TestNSEC3Hash(t *testing.T) {
	var h hasher
	salt, _ := hex.DecodeString("aabbccdd")
	for name, want := range map[string]string{
		"example":           "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
		"a.example":         "35mthgpgcu1qg68fab165klnsnk3dpvl",
		"ns1.example":       "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
		"*.w.example":       "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
		"x.y.w.example":     "2vptu5timamqttgl4luu9kg21e0aor3s",
		"2t7b.example":      "",
		"xx.example":        "t644ebqk9bibcna874givr6joj62mlhv",
		"y.w.example":       "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
		"w.example":         "k8udemvp1j2f7eg6jebps17vp3n8i58h",
		"ai.example":        "gjeqe526plbf1g8mklp59enfd789njgi",
		"ns2.example":       "q04jkcevqvmu85r014c7dkba38o0ji5r",
		"x.w.example":       "b4um86eghhds6nea196smvmlo4ors995",
		"not.there.example": "",
	} {
		sum, ok := h.of(wireOf(name), nsec3Params{12, string(salt)})
		if got := strings.ToLower(base32Hash.EncodeToString(sum[:])); !ok || want != "" && got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if h.spent != 13*13 {
		t.Errorf("%d rounds", h.spent)
	}
	for i := range 1000 {
		h.of(wireOf(strings.Repeat("x.", i%100)+"example"), nsec3Params{50, "y"})
	}
	if _, ok := h.of(wireOf("one.more.example"), nsec3Params{50, string(rune('a'))}); h.spent > maxHashing || ok && h.spent+51 > maxHashing {
		t.Errorf("%d rounds, %v", h.spent, ok)
	}
}

func TestTypeMap(t *testing.T) {
	for in, want := range map[string]bool{
		"": true, "000140": true, "0006400000000003": true, "0000": false, "0001": false, "00": false,
		"000140000140": false, "010140000140": false, "0021" + strings.Repeat("00", 33): false, "00014001018000": false, "000140010180": true,
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if typeMap(b).valid() != want {
			t.Errorf("%s: %v", in, !want)
		}
	}
	m := typeMap{0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 1, 1, 0x40}
	for rtype, want := range map[uint16]bool{dns.TypeA: true, dns.TypeMX: true, dns.TypeRRSIG: true, dns.TypeNSEC: true, 257: true, dns.TypeNS: false, 256: false, 0: false, 512: false} {
		if m.has(rtype) != want {
			t.Errorf("%d: %v", rtype, !want)
		}
	}
}
