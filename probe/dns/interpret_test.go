package dns

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// build packs an answer to (name, qtype). Sections hold records in
// presentation form; flags is a list of aa, ra, tc and a RCODE.
func build(t testing.TB, name string, qtype uint16, flags string, answer, authority, extra []string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.RecursionDesired, m.Response = false, true
	for f := range strings.FieldsSeq(flags) {
		switch f {
		case "aa":
			m.Authoritative = true
		case "ra":
			m.RecursionAvailable = true
		case "tc":
			m.Truncated = true
		default:
			m.Rcode = dns.StringToRcode[f]
		}
	}
	for _, s := range []struct {
		to   *[]dns.RR
		text []string
	}{{&m.Answer, answer}, {&m.Ns, authority}, {&m.Extra, extra}} {
		for _, text := range s.text {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			*s.to = append(*s.to, rr)
		}
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestInterpret(t *testing.T) {
	const soa = "example.com. 300 IN SOA ns1.example.com. host.example.com. 7 1 1 1 60"
	list := func(s ...string) []string { return s }
	tests := []struct {
		what                     string
		name                     string
		qtype                    uint16
		flags                    string
		answer, authority, extra []string
		recursive                bool
		want                     string // status, kind, records; referral
	}{
		{what: "data", answer: list("_X.EXAMPLE.com. 60 IN TXT \"b\"", "_x.example.com. 60 IN TXT \"a\"", "_x.example.com. 9 IN TXT \"a\""),
			want: "ok data [a] [b]"},
		{what: "records of other names and zones are ignored",
			answer: list("_x.example.com. 60 IN TXT a", "example.com. 60 IN TXT evil", "victim.net. 60 IN TXT evil", "_x.example.com. 60 IN A 45.1.1.1"),
			want:   "ok data [a]"},
		{what: "only records of other names", answer: list("y.example.com. 60 IN TXT evil"), authority: list(soa), want: "ok nodata"},
		{what: "nodata", authority: list(soa), want: "ok nodata"},
		{what: "nodata without SOA", want: "ok nodata"},
		{what: "nxdomain", flags: "aa NXDOMAIN", authority: list(soa), want: "ok nxdomain"},
		{what: "nxdomain of another zone", flags: "aa NXDOMAIN", authority: list("com. 300 IN SOA a. b. 7 1 1 1 60"), want: "lame"},
		{what: "nxdomain with an unrelated SOA", flags: "aa NXDOMAIN", authority: list("example.net. 300 IN SOA a. b. 7 1 1 1 60"), want: "ok nxdomain"},
		{what: "nxdomain with records", flags: "aa NXDOMAIN", answer: list("_x.example.com. 60 IN TXT a"), want: "malformed"},
		{what: "alias", answer: list("_x.example.com. 60 IN CNAME Y.example.NET.", "y.example.net. 60 IN TXT evil"), want: "ok alias [y.example.net]"},
		{what: "alias to nothing", flags: "aa NXDOMAIN", answer: list("_x.example.com. 60 IN CNAME y.example.com."), authority: list(soa), want: "ok alias [y.example.com]"},
		{what: "two aliases", answer: list("_x.example.com. 60 IN CNAME a.", "_x.example.com. 60 IN CNAME b."), want: "malformed"},
		{what: "one alias twice", answer: list("_x.example.com. 60 IN CNAME a.", "_x.example.com. 60 IN CNAME A."), want: "ok alias [a]"},
		{what: "data beside an alias", answer: list("_x.example.com. 60 IN CNAME a.", "_x.example.com. 60 IN TXT t"), want: "ok data [t]"},
		{what: "asked for CNAME", qtype: dns.TypeCNAME, answer: list("_x.example.com. 60 IN CNAME a."), want: "ok data [a]"},
		{what: "no authority", flags: "NOERROR", answer: list("_x.example.com. 60 IN TXT a"), want: "lame"},
		{what: "nothing at all", flags: "NOERROR", want: "lame"},
		{what: "refused", flags: "REFUSED", want: "refused"},
		{what: "not authoritative", flags: "NOTAUTH", want: "refused"},
		{what: "servfail", flags: "SERVFAIL", want: "servfail"},
		{what: "formerr", flags: "FORMERR", want: "malformed"},
		{what: "referral", name: "_x.sub.example.com", flags: "NOERROR", authority: list("SUB.example.com. 60 IN NS NS1.sub.example.com."),
			extra: list("ns1.sub.example.com. 60 IN A 45.1.1.1", "ns1.SUB.example.com. 60 IN AAAA 2a0e::1", "ns2.sub.example.com. 60 IN A 45.6.6.6"),
			want:  "ok referral [ns1.sub.example.com] -> sub.example.com: ns1.sub.example.com 45.1.1.1 2a0e::1"},
		{what: "glue out of bailiwick", name: "_x.sub.example.com", flags: "NOERROR",
			authority: list("sub.example.com. 60 IN NS ns.victim.net.", "sub.example.com. 50 IN NS ns.sub.example.com."),
			extra:     list("ns.victim.net. 60 IN A 45.6.6.6", "ns.sub.example.com. 60 IN A 45.1.1.1"),
			want:      "ok referral [ns.sub.example.com] [ns.victim.net] -> sub.example.com: ns.victim.net ns.sub.example.com 45.1.1.1"},
		{what: "referral with AA", name: "_x.sub.example.com", authority: list("sub.example.com. 60 IN NS ns.sub.example.com."),
			want: "ok referral [ns.sub.example.com] -> sub.example.com: ns.sub.example.com"},
		{what: "referral upwards", flags: "NOERROR", authority: list("com. 60 IN NS ns.evil.net.", ". 60 IN NS ns.evil.net."), want: "lame"},
		{what: "referral to itself", flags: "NOERROR", authority: list("example.com. 60 IN NS ns.evil.net."), want: "lame"},
		{what: "referral sideways", flags: "NOERROR", authority: list("other.example.com. 60 IN NS ns.evil.net."), want: "lame"},
		{what: "NS set of a zone on the same server", name: "sub.example.com", qtype: dns.TypeNS, answer: list("sub.example.com. 60 IN NS ns.example.net."),
			want: "ok data [ns.example.net] -> sub.example.com: ns.example.net"},
		{what: "NS set of the zone itself", name: "example.com", qtype: dns.TypeNS, answer: list("example.com. 60 IN NS ns.example.net."), want: "ok data [ns.example.net]"},
		{what: "DNAME", name: "a.b.old.example.com", answer: list("old.example.com. 60 IN DNAME new.net.", "a.b.old.example.com. 60 IN CNAME a.b.new.net."),
			want: "ok alias [new.net] [a.b.new.net]"},
		{what: "DNAME without CNAME", name: "a.old.example.com", answer: list("old.example.com. 60 IN DNAME new.net."), want: "ok alias [new.net] [a.new.net]"},
		{what: "DNAME with another CNAME", name: "a.old.example.com", answer: list("old.example.com. 60 IN DNAME new.net.", "a.old.example.com. 60 IN CNAME evil.net."), want: "malformed"},
		{what: "DNAME above the zone", answer: list("com. 60 IN DNAME evil.net."), authority: list(soa), want: "ok nodata"},
		{what: "DNAME at the name", name: "old.example.com", answer: list("old.example.com. 60 IN DNAME new.net."), authority: list(soa), want: "ok nodata"},
		{what: "two DNAMEs", name: "a.b.example.com", answer: list("b.example.com. 60 IN DNAME x.", "example.com. 60 IN DNAME y."), want: "malformed"},
		{what: "DNAME to the root", name: "a.old.example.com", answer: list("old.example.com. 60 IN DNAME ."), want: "ok alias [] [a]"},
		{what: "DNAME too long", name: strings.Repeat("abcdefg.", 20) + "old.example.com", flags: "aa YXDOMAIN",
			answer: list("old.example.com. 60 IN DNAME " + strings.Repeat("abcdefg.", 20)), want: "malformed"},
		{what: "YXDOMAIN alone", flags: "aa YXDOMAIN", want: "malformed"},
		{what: "recursive answer", flags: "ra", recursive: true, answer: list("_x.example.com. 60 IN TXT a"), want: "ok data [a]"},
		{what: "recursive denial", flags: "ra NXDOMAIN", recursive: true, authority: list("com. 300 IN SOA a. b. 7 1 1 1 60"), want: "ok nxdomain"},
		{what: "does not recurse", flags: "NOERROR", recursive: true, authority: list("com. 60 IN NS x."), want: "lame"},
		{what: "another class", answer: list("_x.example.com. 60 CH TXT evil"), authority: list(soa), want: "ok nodata"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			name, qtype, flags := "_x.example.com", dns.TypeTXT, "aa"
			if tt.name != "" {
				name = tt.name
			}
			if tt.qtype != 0 {
				qtype = tt.qtype
			}
			if tt.flags != "" {
				flags = tt.flags
			}
			m, err := parseMessage(build(t, name, qtype, flags, tt.answer, tt.authority, tt.extra))
			if err != nil {
				t.Fatal(err)
			}
			q, err := newQuestion(name, qtype)
			if err != nil {
				t.Fatal(err)
			}
			var a ServerAnswer
			rd := interpret(&a, m, "example.com", q, tt.recursive)
			if diff := cmp.Diff(tt.want, summary(&a, rd)); diff != "" {
				t.Errorf("%s\n%v", diff, a.Err)
			}
			if (a.Status == StatusOK) != (a.Err == nil) || a.Status != StatusOK && (a.Kind != "" || a.Records != nil) {
				t.Errorf("status %s with %v, %s, %v", a.Status, a.Err, a.Kind, a.Records)
			}
		})
	}
}

func summary(a *ServerAnswer, rd reading) string {
	out := string(a.Status)
	if a.Kind != "" {
		out += " " + string(a.Kind)
	}
	for _, rec := range a.Records {
		out += " [" + rec.Target + rec.TXT() + "]"
	}
	if ref := rd.referral; ref != nil {
		out += " -> " + ref.zone + ":"
		for _, ns := range newZone(ref, "example.com", a.Addr).Servers {
			out += " " + ns.Name
			for _, addr := range ns.Addrs {
				out += " " + addr.String()
			}
		}
	}
	return out
}

func TestParseMessageRejects(t *testing.T) {
	good := build(t, "_x.example.com", dns.TypeTXT, "aa", []string{"_x.example.com. 60 IN TXT a"}, nil, []string{"x. 60 IN A 45.1.1.1"})
	if _, err := parseMessage(good); err != nil {
		t.Fatal(err)
	}
	with := func(change func(b []byte) []byte) []byte { return change(append([]byte(nil), good...)) }
	for what, wire := range map[string][]byte{
		"empty":              {},
		"header only, short": good[:11],
		"cut":                good[:len(good)-3],
		"trailing octet":     append(append([]byte(nil), good...), 0),
		"count too high":     with(func(b []byte) []byte { b[11] = 2; return b }),
		"count absurd":       with(func(b []byte) []byte { b[6], b[7] = 255, 255; return b }),
		"two questions":      with(func(b []byte) []byte { b[5] = 2; return b }),
		"pointer to itself":  with(func(b []byte) []byte { b[12], b[13] = 0xc0, 12; return b }),
	} {
		if m, err := parseMessage(wire); !errors.Is(err, errMessage) {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
}

// TestRecordWithoutContent: the library reads RDLENGTH 0 as a record of zero
// values.
func TestRecordWithoutContent(t *testing.T) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeCNAME, dns.TypeNS, dns.TypeMX, dns.TypeSOA} {
		q, _ := newQuestion("x.example.com", qtype)
		wire := []byte{0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0}
		wire = append(wire, q.wire...)
		wire = append(wire, byte(qtype>>8), byte(qtype), 0, 1)
		wire = append(wire, 0xc0, 12, byte(qtype>>8), byte(qtype), 0, 1, 0, 0, 0, 60, 0, 0)
		m, err := parseMessage(wire)
		if err != nil {
			t.Fatal(err)
		}
		var a ServerAnswer
		if interpret(&a, m, "example.com", q, false); a.Status != StatusMalformed {
			t.Errorf("%s: %s %s %v", dns.Type(qtype), a.Status, a.Kind, a.Records)
		}
	}
}

func TestMatches(t *testing.T) {
	q, err := newQuestion("_secret.example.com", dns.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	query, n := q.appendQuery(nil, true, false)
	asked := query[:n]
	answer := func(change func(b []byte)) []byte {
		b := append([]byte(nil), asked...)
		b[2] |= 0x80
		if change != nil {
			change(b)
		}
		return b
	}
	for _, tt := range []struct {
		what string
		msg  []byte
		want fit
	}{
		{"exact", answer(nil), fitExact},
		{"flags do not matter", answer(func(b []byte) { b[2] |= 0x06; b[3] = 0x83 }), fitExact},
		{"lower case", answer(func(b []byte) { lowerASCII(b[headerSize:]); b[headerSize+2] ^= 0x20 }), fitCase},
		{"id", answer(func(b []byte) { b[0]++ }), fitBad},
		{"id, low octet", answer(func(b []byte) { b[1]++ }), fitBad},
		{"a query", answer(func(b []byte) { b[2] &^= 0x80 }), fitBad},
		{"opcode", answer(func(b []byte) { b[2] |= 0x20 }), fitBad},
		{"two questions", answer(func(b []byte) { b[5] = 2 }), fitBad},
		{"another name", answer(func(b []byte) { b[headerSize+3] = 'q' }), fitBad},
		{"another type", answer(func(b []byte) { b[n-3] = 1 }), fitBad},
		{"another class", answer(func(b []byte) { b[n-1] = 3 }), fitBad},
		{"short", answer(nil)[:n-1], fitBad},
		{"header only", answer(func(b []byte) { b[5] = 0 })[:headerSize], fitBad},
		{"bare FORMERR", answer(func(b []byte) { b[5], b[3] = 0, 1 })[:headerSize], fitBare},
		{"bare REFUSED", answer(func(b []byte) { b[5], b[3] = 0, 5 })[:headerSize], fitBad},
		{"nothing", nil, fitBad},
	} {
		if tt.what == "lower case" && string(tt.msg) == string(answer(nil)) {
			continue
		}
		if got := matches(tt.msg, asked); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
	}
}

func TestUnescapeTXT(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", `\"tok\"`: `"tok"`, `\194\160`: "\u00a0", `\226\128\156x`: "“x", `\\`: `\`, `a\\065`: `a\065`,
		`\065`: "A", `\`: `\`, `\1`: "1", `\999`: "999", `\000`: "\x00",
	} {
		if got := unescapeTXT(in); got != want {
			t.Errorf("unescapeTXT(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzUnescapeTXT sends octets through a message and back.
func FuzzUnescapeTXT(f *testing.F) {
	for _, s := range []string{"", `"tok"`, "\u00a0", `\065`, "\x00\xff", "“x”"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		unescapeTXT(s) // any input
		if len(s) > 255 {
			return
		}
		rdata := append([]byte{byte(len(s))}, s...)
		rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Rrtype: dns.TypeTXT, Rdlength: uint16(len(rdata))}, rdata, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := unescapeTXT(rr.(*dns.TXT).Txt[0]); got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

// FuzzInterpret feeds arbitrary octets to what reads answers.
func FuzzInterpret(f *testing.F) {
	f.Add(build(f, "_x.example.com", dns.TypeTXT, "aa", []string{"_x.example.com. 60 IN TXT a"}, []string{"example.com. 1 IN NS x."}, nil), "_x.example.com", uint16(16), "example.com", false)
	f.Add(build(f, "a.sub.example.com", dns.TypeA, "NOERROR", nil, []string{"sub.example.com. 60 IN NS ns.sub.example.com."}, []string{"ns.sub.example.com. 60 IN A 45.1.1.1"}), "a.sub.example.com", uint16(1), "example.com", false)
	f.Add(build(f, "a.old.example.com", dns.TypeCNAME, "aa", []string{"old.example.com. 60 IN DNAME new.net.", "a.old.example.com. 60 IN CNAME a.new.net."}, nil, nil), "a.old.example.com", uint16(5), "example.com", true)
	f.Add(build(f, "x.com", dns.TypeSOA, "ra NXDOMAIN", nil, []string{"com. 300 IN SOA a. b. 7 1 1 1 60"}, nil), "x.com", uint16(6), "", true)
	f.Fuzz(func(t *testing.T, wire []byte, name string, qtype uint16, zone string, recursive bool) {
		q, err := newQuestion(name, qtype)
		if err != nil {
			return
		}
		if zone, _, err = normalName(zone); err != nil || !within(q.name, zone) {
			zone = ""
		}
		m, err := parseMessage(wire)
		if err != nil {
			return
		}
		var a ServerAnswer
		rd := interpret(&a, m, zone, q, recursive)
		if a.Status == "" || (a.Status == StatusOK) != (a.Err == nil) || (a.Kind == "") == (a.Status == StatusOK) {
			t.Fatalf("status %q, kind %q, %v", a.Status, a.Kind, a.Err)
		}
		if (a.Kind == KindReferral) && rd.referral == nil {
			t.Fatal("referral to nowhere")
		}
		if ref := rd.referral; ref != nil && (!below(ref.zone, zone) || !within(q.name, ref.zone) || len(ref.ns) == 0) {
			t.Fatalf("referral from %q to %q for %q", zone, ref.zone, q.name)
		}
		for _, rec := range a.Records {
			if a.Kind == KindData && (rec.Name != q.name || rec.Type != qtype) {
				t.Fatalf("record %+v for %s", rec, q.name)
			}
		}
		_ = fmt.Sprint(describe(&a, qtype), a.AliasTarget())
		_, _ = m.endOfChain(q)
		var both Answer
		both.Servers = []ServerAnswer{a, a}
		if s, ok := both.Agreed(); ok != (a.Status == StatusOK) || ok && !s.same(&a) {
			t.Fatal("an answer does not agree with itself")
		}
	})
}
