package testnet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func TestAnswers(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").
		Add("@", "TXT", "apex").
		Add("_x", "TXT", "token=abc").
		Add("_x", "TXT", "two ", "strings").
		Add("a.b.c", "A", "45.1.1.1", "45.1.1.2").
		Add("*.wild", "TXT", "wild").
		Add("host.wild", "A", "45.1.1.3").
		Add("*.cwild", "CNAME", "_x").
		Add("alias", "CNAME", "_x").
		Add("alias", "TXT", "hidden by the alias").
		Add("away", "CNAME", "www.example.net.").
		Add("broken", "CNAME", "nowhere").
		Add("loop1", "CNAME", "loop2").Add("loop2", "CNAME", "loop1").
		Add("old", "DNAME", "new").Add("x.new", "TXT", "moved").
		Add("mail", "MX", "10 mx", "20 mx.example.net.").
		Add("sub", "NS", "ns.sub", "ns.example.net.").
		Add("ns.sub", "A", "45.1.1.4").
		Add("hidden.sub", "TXT", "below a cut").
		Add("@", "CAA", `0 issue "ca.test"`).
		Add("spoof", "CNAME", "www.victim.net.").Add("www.victim.net.", "A", "45.9.9.9")
	s := z.Servers()[0]
	for _, tt := range []struct{ name, rtype, want string }{
		{"example.com", "TXT", lines("NOERROR aa", `an: example.com. TXT "apex"`)},
		{"_x.example.com", "TXT", lines("NOERROR aa", `an: _x.example.com. TXT "token=abc", _x.example.com. TXT "two " "strings"`)},
		{"_x.example.com", "A", lines("NOERROR aa", "ns: example.com. SOA")},
		{"a.b.c.example.com", "A", lines("NOERROR aa", "an: a.b.c.example.com. A 45.1.1.1, a.b.c.example.com. A 45.1.1.2")},
		{"b.c.example.com", "A", lines("NOERROR aa", "ns: example.com. SOA")}, // empty non-terminals
		{"c.example.com", "TXT", lines("NOERROR aa", "ns: example.com. SOA")},
		{"d.c.example.com", "TXT", lines("NXDOMAIN aa", "ns: example.com. SOA")},
		{"nope.example.com", "TXT", lines("NXDOMAIN aa", "ns: example.com. SOA")},
		{"any.wild.example.com", "TXT", lines("NOERROR aa", `an: any.wild.example.com. TXT "wild"`)},
		{"x.y.wild.example.com", "TXT", lines("NOERROR aa", `an: x.y.wild.example.com. TXT "wild"`)},
		{"any.wild.example.com", "A", lines("NOERROR aa", "ns: example.com. SOA")},
		{"host.wild.example.com", "TXT", lines("NOERROR aa", "ns: example.com. SOA")},    // exists: no wildcard
		{"x.host.wild.example.com", "TXT", lines("NXDOMAIN aa", "ns: example.com. SOA")}, // closest encloser is host
		{"*.wild.example.com", "TXT", lines("NOERROR aa", `an: *.wild.example.com. TXT "wild"`)},
		{"q.cwild.example.com", "TXT", lines("NOERROR aa", `an: _x.example.com. TXT "token=abc", _x.example.com. TXT "two " "strings", q.cwild.example.com. CNAME _x.example.com.`)},
		{"alias.example.com", "TXT", lines("NOERROR aa", `an: _x.example.com. TXT "token=abc", _x.example.com. TXT "two " "strings", alias.example.com. CNAME _x.example.com.`)},
		{"alias.example.com", "CNAME", lines("NOERROR aa", "an: alias.example.com. CNAME _x.example.com.")},
		{"away.example.com", "A", lines("NOERROR aa", "an: away.example.com. CNAME www.example.net.")},
		{"broken.example.com", "A", lines("NXDOMAIN aa", "an: broken.example.com. CNAME nowhere.example.com.", "ns: example.com. SOA")}, // RFC 6604
		{"x.old.example.com", "TXT", lines("NOERROR aa", `an: old.example.com. DNAME new.example.com., x.new.example.com. TXT "moved", x.old.example.com. CNAME x.new.example.com.`)},
		{"old.example.com", "TXT", lines("NOERROR aa", "ns: example.com. SOA")}, // DNAME does not cover its owner
		{"mail.example.com", "MX", lines("NOERROR aa", "an: mail.example.com. MX 10 mx.example.com., mail.example.com. MX 20 mx.example.net.")},
		{"sub.example.com", "NS", lines("NOERROR", "ns: sub.example.com. NS ns.example.net., sub.example.com. NS ns.sub.example.com.", "ar: ns.sub.example.com. A 45.1.1.4")},
		{"hidden.sub.example.com", "TXT", lines("NOERROR", "ns: sub.example.com. NS ns.example.net., sub.example.com. NS ns.sub.example.com.", "ar: ns.sub.example.com. A 45.1.1.4")},
		{"sub.example.com", "DS", lines("NOERROR aa", "ns: example.com. SOA")}, // the parent's side
		{"example.com", "CAA", lines("NOERROR aa", `an: example.com. CAA 0 issue "ca.test"`)},
		{"spoof.example.com", "A", lines("NOERROR aa", "an: spoof.example.com. CNAME www.victim.net., www.victim.net. A 45.9.9.9")},
		{"www.example.org", "A", "REFUSED"},
		{"example.com", "AXFR", "REFUSED"},
	} {
		t.Run(tt.name+" "+tt.rtype, func(t *testing.T) {
			for range 2 { // the second comes packed
				if diff := cmp.Diff(tt.want, show(ask(t, n, s, tt.name, tt.rtype))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if got := ask(t, n, s, "loop1.example.com", "TXT"); len(got.Answer) != 16 || got.Rcode != dns.RcodeSuccess {
		t.Errorf("alias loop: %s", show(got))
	}
	if got := ask(t, n, s, "_x.example.com", "ANY"); len(got.Answer) != 2 {
		t.Errorf("ANY: %s", show(got))
	}
}

func TestAnswerEchoesCase(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Add("_x", "TXT", "v").Servers()[0]
	for _, name := range []string{"_X.eXampLe.cOM.", "_x.example.com.", "Random7.EXAMPLE.com."} {
		m := ask(t, n, s, name, "TXT")
		if got := m.Question[0].Name; got != name {
			t.Errorf("question %q came back as %q", name, got)
		}
		for _, rr := range m.Answer {
			if rr.Header().Name != name {
				t.Errorf("owner %q for question %q", rr.Header().Name, name)
			}
		}
	}
}

func TestAnswerTXTBytes(t *testing.T) {
	n := newNetwork(t)
	for _, raw := range []string{`"quoted"`, `back\slash`, "nbsp\u00a0x", "tab\tnewline\n", "", "“smart”", "\x00\xff"} {
		z := n.Zone("example.com").Remove("_x", "").Add("_x", "TXT", raw)
		wire, err := ask(t, n, z.Servers()[0], "_x.example.com", "TXT").Pack()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(wire), string(rune(len(raw)))+raw) && len(raw) < 128 {
			t.Errorf("%q is not in the answer %q", raw, wire)
		}
		i := slices.IndexFunc(z.Records(), func(r testnet.Record) bool { return r.Name == "_x.example.com" })
		if got := z.Records()[i].Values[0]; got != raw {
			t.Errorf("listed as %q, want %q", got, raw)
		}
	}
}

func TestAnswerTruncation(t *testing.T) {
	n := newNetwork(t)
	long := strings.Repeat("x", 600)
	z := n.Zone("example.com").Add("big", "TXT", long).Add("huge", "TXT", strings.Repeat(long, 7))
	s := z.Servers()[0]
	plain := func(name string, size uint16) *dns.Msg {
		m := query(name, "TXT")
		m.Extra = nil
		if size > 0 {
			m.SetEdns0(size, false)
		}
		return m
	}
	for _, tt := range []struct {
		name      string
		size      uint16
		proto     string
		truncated bool
	}{
		{"big.example.com", 0, "udp", true},
		{"big.example.com", 100, "udp", true}, // below 512 counts as 512
		{"big.example.com", 1232, "udp", false},
		{"huge.example.com", 1232, "udp", true},
		{"huge.example.com", 65535, "udp", true}, // our own limit
		{"huge.example.com", 1232, "tcp", false},
		{"huge.example.com", 0, "tcp", false},
	} {
		m := exchange(t, n, s.Addr(), tt.proto, plain(tt.name, tt.size))
		if m.Truncated != tt.truncated || (len(m.Answer) == 0) != tt.truncated {
			t.Errorf("%s %s %d: truncated %v with %d answers, want truncated %v", tt.name, tt.proto, tt.size, m.Truncated, len(m.Answer), tt.truncated)
		}
		if (m.IsEdns0() != nil) != (tt.size > 0) {
			t.Errorf("%s %s %d: EDNS in the answer: %v", tt.name, tt.proto, tt.size, m.IsEdns0())
		}
	}
}

func TestAnswerOddQueries(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[0]
	for name, tt := range map[string]struct {
		change func(*dns.Msg)
		want   int
	}{
		"opcode":        {func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented},
		"class":         {func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		"two questions": {func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }, dns.RcodeFormatError},
		"EDNS version":  {func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }, dns.RcodeBadVers},
		"unknown option": {func(m *dns.Msg) {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})
		}, dns.RcodeSuccess},
	} {
		m := query("example.com", "SOA")
		tt.change(m)
		if got := exchange(t, n, s.Addr(), "udp", m); got.Rcode != tt.want {
			t.Errorf("%s: %s, want %s", name, dns.RcodeToString[got.Rcode], dns.RcodeToString[tt.want])
		}
	}
	m := query("example.com", "SOA")
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
	got := exchange(t, n, s.Addr(), "udp", m).IsEdns0()
	if c, ok := got.Option[0].(*dns.EDNS0_COOKIE); !ok || len(c.Cookie) != 32 || !strings.HasPrefix(c.Cookie, "0123456789abcdef") {
		t.Errorf("cookie came back as %v", got.Option)
	}
}
