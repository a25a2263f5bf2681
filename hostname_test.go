package zonehold

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseHostname(t *testing.T) {
	long := strings.Repeat("a", 63)
	name253 := strings.Join([]string{long, long, long, strings.Repeat("b", 61)}, ".") // 253 octets
	name253 = name253[:len(name253)-4] + ".com"
	tests := []struct{ in, want, unicode string }{
		{"example.com", "example.com", "example.com"},
		{"EXAMPLE.com.", "example.com", "example.com"},
		{"a_b.example.com", "a_b.example.com", "a_b.example.com"},
		{"r3---sn-x.example.com", "r3---sn-x.example.com", "r3---sn-x.example.com"},
		{"3com.example", "3com.example", "3com.example"},
		{"co.uk", "co.uk", "co.uk"},
		{"пример.рф", "xn--e1afmkfd.xn--p1ai", "пример.рф"},
		{"ПРИМЕР.РФ.", "xn--e1afmkfd.xn--p1ai", "пример.рф"},
		{"XN--E1AFMKFD.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "пример.рф"},
		{"faß.de", "xn--fa-hia.de", "faß.de"},
		{"fass.de", "fass.de", "fass.de"},
		{"bücher.example", "xn--bcher-kva.example", "bücher.example"},
		{"bu\u0308cher.example", "xn--bcher-kva.example", "bücher.example"}, // NFC composition
		{"日本語ラーメン.jp", "xn--4dkp5a8a5557ccvb2w6i.jp", "日本語ラーメン.jp"},
		{"xn--80ak6aa92e.com", "xn--80ak6aa92e.com", "xn--80ak6aa92e.com"}, // "аррӏе" stays an A-label
		{"bbc.xn--p1ai", "bbc.xn--p1ai", "bbc.рф"},
		{"אב1.com", "xn--1-zhcd.com", "אב1.com"},
		{name253, name253, name253},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			h, err := ParseHostname(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if string(h) != tt.want || h.Unicode() != tt.unicode || h.String() != tt.want {
				t.Errorf("got %s (%s), want %s (%s)", h, h.Unicode(), tt.want, tt.unicode)
			}
		})
	}
}

func TestParseHostnameRefuses(t *testing.T) {
	const bad, variant, suffix = CodeHostnameInvalid, CodeHostnameIDNVariant, CodeDomainIsPublicSuffix
	long := strings.Repeat("a", 64)
	tests := []struct{ in, code, reason, suggestion string }{
		{"", bad, "empty", ""},
		{".", bad, "empty_label", ""},
		{"..", bad, "empty_label", ""},
		{"example..com", bad, "empty_label", ""},
		{".example.com", bad, "empty_label", "example.com"},
		{"example.com..", bad, "empty_label", "example.com"},
		{"localhost", bad, "one_label", ""},
		{"com", suffix, "top_level_domain", ""},
		{"COM.", suffix, "top_level_domain", ""},
		{long + ".com", bad, "label_too_long", ""},
		{strings.Repeat("a.", 125) + "abcd", bad, "too_long", ""},
		{strings.Repeat("a", 10_000), bad, "too_long", ""},
		{strings.Repeat("ü.", 5_000), bad, "too_long", ""},
		{"exa\xff.com", bad, "not_utf8", ""},
		{"exa\x00.com", bad, "control_character", ""},
		{"exa\x1b[31m.com", bad, "control_character", ""},
		{" example.com", bad, "space", "example.com"},
		{"example.com\n", bad, "space", "example.com"},
		{"exam ple.com", bad, "space", ""},
		{"example.com\u00a0", bad, "space", "example.com"},
		{"https://example.com/", bad, "scheme", "example.com"},
		{"https://user:pw@Example.com:8443/a?b#c", bad, "scheme", "example.com"},
		{"user@example.com", bad, "userinfo", "example.com"},
		{"@", bad, "userinfo", ""},
		{"example.com/page", bad, "path", "example.com"},
		{`example.com\page`, bad, "path", "example.com"},
		{"example.com?x", bad, "path", "example.com"},
		{"example.com#x", bad, "path", "example.com"},
		{"example.com:8443", bad, "port", "example.com"},
		{"example.com:", bad, "port", "example.com"},
		{"*.example.com", bad, "wildcard", "example.com"},
		{"_dmarc.example.com", bad, "underscore", ""},
		{"a_.example.com", bad, "underscore", ""},
		{"www.a_b.com", bad, "underscore", ""},
		{"a.b_c", bad, "underscore", ""},
		{"-a.com", bad, "hyphen", ""},
		{"a-.com", bad, "hyphen", ""},
		{"example.c", bad, "top_level_domain", ""},
		{"example.c0m", bad, "top_level_domain", ""},
		{"exam!ple.com", bad, "character", ""},
		{"exam'ple.com", bad, "character", ""},
		{"example.com,example.org", bad, "character", ""},
		{"xn--a.com", bad, "a_label", ""},
		{"xn--.com", bad, "a_label", ""},
		{"xn--example-.com", bad, "a_label", ""},
		{"xn--a-ecp.ru", bad, "a_label", ""},
		{"exam\u200dple.com", bad, "idn_label", ""},
		{"1א.com", bad, "idn_label", ""},
		{"\u0300a.com", bad, "idn_label", ""},
		{"a\ufffdb.com", bad, "idn_character", ""},
		{"a\u202eb.com", bad, "idn_character", ""},
		{"a\u2024b.com", bad, "idn_character", ""}, // one dot leader
		// Addresses in every disguise (threats T6, T7).
		{"127.0.0.1", bad, "ip_address", ""},
		{"127.0.0.1.", bad, "ip_address", ""},
		{"127.1", bad, "ip_address", ""},
		{"2130706433", bad, "ip_address", ""},
		{"0x7f000001", bad, "ip_address", ""},
		{"0X7F.1", bad, "ip_address", ""},
		{"0177.0.0.1", bad, "ip_address", ""},
		{"example.0x", bad, "ip_address", ""},
		{"example.1", bad, "ip_address", ""},
		{"example.0xbeef", bad, "ip_address", ""},
		{"[::1]", bad, "ip_address", ""},
		{"::1", bad, "ip_address", ""},
		{"fe80::1%eth0", bad, "ip_address", ""},
		{"[127.0.0.1]", bad, "ip_address", ""},
		{"①②⑦.⓪.⓪.①", bad, "ip_address", ""},
		{"１２７.０.０.１", bad, "ip_address", ""},
		{"169。254。169。254", bad, "ip_address", ""},
		{"１６９．２５４．１６９．２５４", bad, "ip_address", ""},
		{"٣.٣.٣.٣", bad, "idn_label", ""}, // Arabic digits need an Arabic letter before them
		// Mappings that change more than case and composition.
		{"example。com", variant, "idn_mapped", "example.com"},
		{"example．com", variant, "idn_mapped", "example.com"},
		{"ＥＸＡＭＰＬＥ.com", variant, "idn_mapped", "example.com"},
		{"exam\u200bple.com", variant, "idn_mapped", "example.com"},
		{"exam\u00adple.com", variant, "idn_mapped", "example.com"},
		{"\ufeffexample.com", variant, "idn_mapped", "example.com"},
		{"ſ.com", variant, "idn_mapped", "s.com"},
		{"\u212aelvin.com", variant, "idn_mapped", "kelvin.com"}, // the Kelvin sign
		{"İ.com", variant, "idn_mapped", "xn--i-9bb.com"},
		{"ﬁsh.com", variant, "idn_mapped", "fish.com"},
		{"µ.com", variant, "idn_mapped", "xn--xxa.com"}, // micro sign, not the Greek letter
		{"℀.com", variant, "idn_mapped", ""},            // a/c
	}
	for _, tt := range tests {
		name := tt.in[:min(len(tt.in), 40)]
		t.Run(name, func(t *testing.T) {
			h, err := ParseHostname(tt.in)
			var e *HostnameError
			if !errors.As(err, &e) {
				t.Fatalf("got %q, %v", h, err)
			}
			if e.Code != tt.code || e.Reason != tt.reason || e.Suggestion != tt.suggestion {
				t.Errorf("got %s, %s, suggestion %q; want %s, %s, %q\n%v", e.Code, e.Reason, e.Suggestion, tt.code, tt.reason, tt.suggestion, e)
			}
			if h != "" {
				t.Errorf("a refused name came back: %q", h)
			}
			checkShowable(t, e)
		})
	}
}

// An error text has sentences, is short, and shows nothing raw.
func checkShowable(t *testing.T, e *HostnameError) {
	t.Helper()
	s := e.Error()
	if !strings.HasSuffix(e.Detail, ".") && !strings.HasSuffix(e.Detail, "?") {
		t.Errorf("not a sentence: %q", e.Detail)
	}
	if len(s) > 2500 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\n\r\u202e\u200b") {
		t.Errorf("not fit to be shown: %q", s)
	}
	if e.Suggestion != "" {
		if h, err := ParseHostname(e.Suggestion); err != nil || string(h) != e.Suggestion {
			t.Errorf("the suggestion %q is refused: %v", e.Suggestion, err)
		}
	}
}

// The work for a hopeless input does not depend on its length.
func TestParseHostnameIsCheap(t *testing.T) {
	in := strings.Repeat("xn--ü。", 200_000)
	if n := testing.AllocsPerRun(10, func() { _, _ = ParseHostname(in) }); n > 40 {
		t.Errorf("%v allocations", n)
	}
}

func TestSuspicious(t *testing.T) {
	tests := map[string]bool{
		"example.com":      false,
		"bücher.example":   false,
		"пример.рф":        false,
		"пример.com":       false,
		"日本語ラーメン.jp":       false,
		"pаypal.com":       true, // Cyrillic а
		"аррӏе.com":        true, // Cyrillic throughout
		"рус.рф":           false,
		"ααα.com":          true,
		"ελληνικά.gr":      false,
		"goοgle.com":       true, // Greek ο
		"xn--pypal-4ve.fr": true,
		"россия-рф.рф":     false,
		"a.pаypal.com":     true,
	}
	for in, want := range tests {
		h, err := ParseHostname(in)
		if err != nil {
			t.Fatal(err)
		}
		if h.Suspicious() != want {
			t.Errorf("%s: suspicious %v, want %v", in, !want, want)
		}
		if want && !strings.Contains(h.Unicode(), acePrefix) {
			t.Errorf("%s is shown as %s", in, h.Unicode())
		}
	}
}

func TestSuffixes(t *testing.T) {
	tests := []struct {
		in          Hostname
		suffix      string
		icann       bool
		registrable string
		known       bool
	}{
		{"example.com", "com", true, "example.com", true},
		{"a.b.example.com", "com", true, "example.com", true},
		{"example.co.uk", "co.uk", true, "example.co.uk", true},
		{"a.example.co.uk", "co.uk", true, "example.co.uk", true},
		{"co.uk", "co.uk", true, "", true},
		{"attacker.github.io", "github.io", false, "attacker.github.io", true},
		{"github.io", "github.io", false, "", true},
		{"www.ck", "ck", true, "www.ck", true},   // exception rule
		{"a.www.ck", "ck", true, "www.ck", true}, // below it
		{"foo.ck", "foo.ck", true, "", true},     // wildcard rule
		{"a.foo.ck", "foo.ck", true, "a.foo.ck", true},
		{"city.kawasaki.jp", "kawasaki.jp", true, "city.kawasaki.jp", true},
		{"a.b.kawasaki.jp", "b.kawasaki.jp", true, "a.b.kawasaki.jp", true},
		{"xn--e1afmkfd.xn--p1ai", "xn--p1ai", true, "xn--e1afmkfd.xn--p1ai", true},
		{"shop.example.corp", "corp", false, "example.corp", false},
		{"example.corp", "corp", false, "example.corp", false},
	}
	for _, tt := range tests {
		t.Run(string(tt.in), func(t *testing.T) {
			suffix, icann := tt.in.PublicSuffix()
			reg, ok := tt.in.Registrable()
			if suffix != tt.suffix || icann != tt.icann || reg != tt.registrable || ok != (tt.registrable != "") {
				t.Errorf("suffix %s %v, registrable %s %v", suffix, icann, reg, ok)
			}
			if tt.in.IsPublicSuffix() != (tt.registrable == "") {
				t.Errorf("IsPublicSuffix is %v", tt.in.IsPublicSuffix())
			}
			if tt.in.KnownTLD() != tt.known {
				t.Errorf("KnownTLD is %v", !tt.known)
			}
			err := tt.in.CheckClaim()
			var e *HostnameError
			if tt.registrable != "" && err != nil || tt.registrable == "" && (!errors.As(err, &e) || e.Code != CodeDomainIsPublicSuffix) {
				t.Errorf("CheckClaim: %v", err)
			}
			if e != nil {
				checkShowable(t, e)
			}
		})
	}
}

func TestNames(t *testing.T) {
	h := Hostname("a.b.example.com")
	if !h.Under("example.com") || h.Under(h) || h.Under("xample.com") || h.Under("") || Hostname("notexample.com").Under("example.com") {
		t.Error("Under is wrong")
	}
	for _, tt := range [][3]string{
		{"a.b.example.com", "example.com", "a.b"},
		{"example.com", "example.com", "@"},
		{"notexample.com", "example.com", "notexample.com"},
		{"_x.example.com", "example.com", "_x"},
		{"example.com", "", "example.com"},
	} {
		if got := RelativeName(tt[0], tt[1]); got != tt[2] {
			t.Errorf("RelativeName(%q, %q) = %q", tt[0], tt[1], got)
		}
		if got := Hostname(tt[0]).RelativeTo(tt[1]); got != tt[2] {
			t.Errorf("RelativeTo(%q, %q) = %q", tt[0], tt[1], got)
		}
	}
	if got := len(h.Labels()); got != 4 {
		t.Errorf("%d labels", got)
	}
}

// checkAccepted holds for every accepted input.
func checkAccepted(t interface{ Fatalf(string, ...any) }, in string, h Hostname) {
	s := string(h)
	if len(s) > MaxHostname || !isASCII(s) || strings.ToLower(s) != s || strings.HasSuffix(s, ".") {
		t.Fatalf("%q gave %q", in, s)
	}
	if again, err := ParseHostname(s); err != nil || again != h {
		t.Fatalf("%q gave %q, which gives %q, %v", in, s, again, err)
	}
	if endsInNumber(s[strings.LastIndexByte(s, '.')+1:]) {
		t.Fatalf("%q gave the address %q", in, s)
	}
	for _, label := range h.Labels() {
		if label == "" || len(label) > MaxLabel {
			t.Fatalf("%q gave %q", in, s)
		}
	}
	// What is shown leads back to the same name.
	if u := h.Unicode(); !utf8.ValidString(u) {
		t.Fatalf("%q is shown as %q", in, u)
	} else if back, err := ParseHostname(u); err != nil || back != h {
		t.Fatalf("%q is shown as %q, which gives %q, %v", s, u, back, err)
	}
	suffix, _ := h.PublicSuffix()
	if reg, ok := h.Registrable(); ok && (!strings.HasSuffix(reg, "."+suffix) || s != reg && !h.Under(Hostname(reg))) || s != suffix && !h.Under(Hostname(suffix)) {
		t.Fatalf("%q has suffix %q and registrable name %q", s, suffix, reg)
	}
	h.Suspicious()
	h.IsPublicSuffix()
}

func TestParseHostnameProperties(t *testing.T) {
	label := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?|[а-я]{1,12}|[α-ω]{1,12}|[ぁ-ん]{1,8}|[A-Za-zäöü]{1,10}`)
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(label, 1, 6).Draw(t, "labels")
		tld := rapid.SampledFrom([]string{"com", "co.uk", "рф", "github.io", "ck", "corp", "JP"}).Draw(t, "tld")
		in := strings.Join(labels, ".") + "." + tld
		if h, err := ParseHostname(in); err == nil {
			checkAccepted(t, in, h)
		}
	})
}

func FuzzParseHostname(f *testing.F) {
	for _, s := range []string{"example.com", "EXAMPLE.com.", "пример.рф", "127.1", "0x7f.1", "①②⑦.⓪.⓪.①", "xn--80ak6aa92e.com",
		"https://example.com/", "a_b.example.com", "faß.de", "example。com", "İ.com", "ᏣᎳᎩ.com", "ꮳꮃꭹ.com", "☃.net", "א.com", "क्\u200dष.com", "\xff.com", "xn--", "ẞ.de", "ς.gr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHostname(s)
		if err == nil {
			checkAccepted(t, s, h)
			return
		}
		var e *HostnameError
		if !errors.As(err, &e) || h != "" {
			t.Fatalf("%q gave %q, %v", s, h, err)
		}
		if e.Code == "" || e.Reason == "" || e.Detail == "" || !utf8.ValidString(e.Error()) {
			t.Fatalf("%q gave %+v", s, e)
		}
		if e.Suggestion != "" {
			if g, err := ParseHostname(e.Suggestion); err != nil || string(g) != e.Suggestion {
				t.Fatalf("%q suggests %q: %v", s, e.Suggestion, err)
			}
		}
	})
}
