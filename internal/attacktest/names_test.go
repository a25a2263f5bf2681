package attacktest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// disguised are texts that some program would take for an address or for
// another name (T6, T7, T42).
var disguised = []string{
	"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "0177.0.0.1", "017700000001", "00000177.1", "127.0.0.1.", "1.1.1.1..", "0", "0x", "0x.0x",
	"example.0x", "example.0", "example.123", "example.0xff", "a.0b1", "[::1]", "::1", "::ffff:127.0.0.1", "[::ffff:7f00:1]:80", "fe80::1%lo", "1.2.3.4.5.6",
	"①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "１６９。２５４。１６９。２５４", "127․0․0․1", "②①③⓪⑦⓪⑥④③③", "0ⓧ7f.1", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "١٢٧.0.0.1",
	"example。com", "example．com", "ｅxample.com", "ｅｘａｍｐｌｅ．ｃｏｍ", "exam\u00adple.com", "exam\u200bple.com", "exam\u200dple.com", "exam\u2060ple.com", "\ufeffexample.com", "exa\u202emple.com",
	"example.com\u200e", "℡.com", "ﬁnance.com", "㎏.com", "example.℀om", "a／b.example.com", "example.com／x", "example.com＃x", "example.com﹖x", "a＠example.com", "example%2ecom",
	"ex\x00ample.com", "example.com\x00", "example.com\r\nHost: evil.net", "example.com\n", "\texample.com", "exa mple.com", "example\u00a0.com", "\xff.com", "\xc0\xae.com", "xn--.com", "xn--a.com",
	"xn--127.0.0.1", "xn--ls8h=.com", "xn--example-.com", "-example.com", "example-.com", "exa_mple_.com", "_x.example.com", "..", ".", ".example.com", "example..com", "*.example.com", "",
	strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com", strings.Repeat("a", 10_000), strings.Repeat("é", 5000) + ".com",
	"http://example.com", "example.com/path", "user@example.com", "user:pass@example.com", "example.com:443", "example.com:", "example.com?x", "example.com#x", `example.com\`, "localhost",
}

// T6, T7: what is not a name is refused, with a text that does no harm.
func TestT06T07DisguisedNames(t *testing.T) {
	for _, s := range disguised {
		h, err := zonehold.ParseHostname(s)
		if err == nil {
			t.Errorf("%q is accepted as %s", s, h)
			continue
		}
		var he *zonehold.HostnameError
		if !errors.As(err, &he) {
			t.Errorf("%q: %T", s, err)
			continue
		}
		for _, text := range []string{err.Error(), he.Detail, he.Input} {
			if why := unclean(text, 1000); why != "" {
				t.Errorf("%q: the error holds %s: %q", s, why, text)
			}
		}
		if he.Suggestion != "" {
			if again, err := zonehold.ParseHostname(he.Suggestion); err != nil || string(again) != he.Suggestion {
				t.Errorf("%q: the suggestion %q is no name", s, he.Suggestion)
			}
		}
	}
}

// T42: what may be spelled in several ways is one name, and names that look
// alike are not the same.
func TestT42Spellings(t *testing.T) {
	for _, s := range []string{"EXAMPLE.com", "example.com.", "ExAmPlE.CoM."} {
		if h, err := zonehold.ParseHostname(s); err != nil || h != "example.com" {
			t.Errorf("%q is %q, %v", s, h, err)
		}
	}
	a, _ := zonehold.ParseHostname("BÜCHER.example")
	b, _ := zonehold.ParseHostname("bu\u0308cher.example")
	c, _ := zonehold.ParseHostname("XN--BCHER-KVA.example")
	if a == "" || a != b || b != c {
		t.Errorf("%q, %q and %q", a, b, c)
	}
	for fake, real := range map[string]zonehold.Hostname{"аррӏе.com": "apple.com", "раураӏ.com": "paypal.com", "gооgle.com": "google.com"} {
		h, err := zonehold.ParseHostname(fake)
		if err != nil {
			continue
		}
		if h == real || h.Unicode() == string(real) || !h.Suspicious() || h.Unicode() == fake {
			t.Errorf("%s: %s shown as %s, suspicious: %v", fake, h, h.Unicode(), h.Suspicious())
		}
	}
	if a, _ := zonehold.ParseHostname("faß.de"); a == "fass.de" {
		t.Error("faß.de became fass.de")
	}
}

// T6: numbers and internal names as what aliases and mail-like records lead
// to. The DNS lets any of them be a name; none becomes an address.
func TestT06NumericTargets(t *testing.T) {
	everywhere(t, nil, func(c *check) {
		zone := c.Net.Zone("example.com")
		for i, target := range []string{"127.0.0.1.", "2130706433.", "0x7f000001.", "localhost.", "metadata.google.internal.", "1.0.0.127.in-addr.arpa.", `\049\050\055.0.0.1.`, `a\.b.example.com.`, `\000.example.com.`} {
			host := fmt.Sprintf("n%d.example.com", i)
			zone.Add(host+".", "CNAME", target)
			claim := fresh(c.t, host, c.claim.Profile)
			if ch := c.m.Challenge(c.Kit, claim); ch.Record != nil && ch.Record.Name != host {
				zone.Add(ch.Record.Name+".", "CNAME", target)
			}
			deny(c.t, c.run(c.Kit, c.m, claim), nil)
		}
	})
}

// hostile are texts that people will see: terminal codes, direction marks,
// markup, line ends, NULs, broken encodings, and very long ones.
var hostile = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://evil.net\x07link\x1b]8;;\x07", "\x9b31m", "\u009b31m", "a\u202eb\u2066c\u2069", "a\u200bb\u200f", "\ufeff",
	"nul\x00nul", "line\r\nX-Injected: yes\r\n\r\n<script>alert(1)</script>", "\x08\x08\x08verified", "\xff\xfe\xc0\x80\xed\xa0\x80", "</script><img src=x onerror=alert(1)>",
	"{domain} {expected} {token}", "%s%n%x", "$(touch /tmp/pwned) `id` ; rm -rf ~ | cat && true", "'; DROP TABLE domains; --", "\u2028\u2029\u0085", "\U000e0041\U000e0042", strings.Repeat("A", 200), "\x7f\x80\x81",
}

// T15: hostile texts in every place that strangers fill.
func TestT15HostileTexts(t *testing.T) {
	everywhere(t, onTXT, func(c *check) {
		zone := c.Zone(c.claim)
		set := func(values ...string) {
			zone.Remove(c.ch.Record.Name+".", "")
			for _, v := range values {
				zone.Add(c.ch.Record.Name+".", "TXT", v)
			}
		}
		prefix := strings.TrimSuffix(c.ch.Record.Value, c.ch.Token)
		for _, h := range hostile {
			set(h, prefix+h)
			c.deny(c.try(), any_(absent, mismatch, refused))
			set(c.ch.Record.Value, h, prefix+h)
			if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
				c.t.Errorf("beside %q: %s %+v", h, r.Outcome, r.Problem)
			}
		}
		set(slices.Repeat([]string{prefix + strings.Repeat("\x1b[31m", 50)}, 1)...)
		zone.Add(c.ch.Record.Name+".", "TXT", slices.Repeat([]string{strings.Repeat("\u202e", 80)}, 200)...) // near 64 KiB
		c.deny(c.try(), any_(absent, mismatch, inconclusive, refused))
		for _, s := range zone.Servers() {
			s.EDE(22, "\x1b[31m\u202e"+strings.Repeat("x", 300)+"\x00\xff")
			s.Fault(testnet.FaultServFail)
		}
		c.deny(c.try(), any_(inconclusive))
	})
	everywhere(t, onRecord, func(c *check) {
		zone := c.Zone(c.claim)
		for _, target := range []string{`\027[31m.evil.net.`, `\226\128\174.evil.net.`, `a\000b.evil.net.`, `\"\;rm\032-rf.evil.net.`, `\$\(id\).evil.net.`, `\255\254.evil.net.`, strings.Repeat(`\027\027\027\027\027\027\027\027\027\027.`, 20) + "evil.net."} {
			zone.Remove(c.ch.Record.Name+".", "").Add(c.ch.Record.Name+".", "CNAME", target)
			c.deny(c.try(), nil)
		}
		// Names of name servers.
		zone.Remove(c.ch.Record.Name+".", "")
		for _, name := range []string{`\027[31m.example.com.`, `\226\128\174.example.com.`, `\@\;\$\(id\).example.com.`, `-x.example.com.`} {
			zone.Delegate(testnet.NS{Name: name, Addrs: []string{zone.Servers()[0].Addr().Addr().String()}})
			c.deny(c.try(), nil)
			zone.Servers()[0].Fault(testnet.FaultRefused)
			c.deny(c.try(), any_(inconclusive))
			zone.Servers()[0].Fault(testnet.FaultNone)
		}
	})
	everywhere(t, onWeb, func(c *check) {
		site := c.Net.Host("www.example.com")
		turn := len(c.t.Name()) // each method begins elsewhere in the lists
		for _, h := range hostile {
			turn++
			bodies := []string{h, "<title>" + h + "</title>", strings.Replace(c.ch.Token, "a", h, 1), `<head><meta name="` + c.tagName() + `" content="` + h + `"></head>`, `<head><meta name="` + h + `" content="` + c.ch.Token + `">`}
			for _, body := range []string{bodies[turn%5], bodies[(turn+2)%5]} {
				site.CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/html; "+h)
					w.Header().Set("Server", h)
					w.Header()["X-Cache"] = []string{"HIT " + h}
					w.Header().Set("Www-Authenticate", h)
					if !strings.HasSuffix(r.URL.Path, c.path()) {
						w.WriteHeader(404)
					}
					_, _ = w.Write([]byte(body))
				}))
				c.deny(c.try(), nil)
			}
			targets := []string{h, "https://evil.net/" + h, "https://" + h + ".evil.net/", "/" + h}
			site.CatchAll(rawRedirect(targets[turn%4]))
			c.deny(c.try(), nil)
		}
	})
}

func (c *check) tagName() string {
	p, _ := zonehold.ProfileByName(c.claim.Profile)
	return p.TagNames()[0]
}

// rawRedirect sends a Location as it is, as net/http would not.
func rawRedirect(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = rw.Flush()
	})
}

// T15: a command to paste is one command, whatever strangers put into it.
func TestT15Commands(t *testing.T) {
	for _, e := range problem.Catalogue() {
		for _, h := range hostile {
			facts := problem.Facts{}
			for _, f := range []string{"domain", "name", "relative_name", "type", "expected", "got", "where", "server", "servers", "missing_servers", "zone", "provider", "panel_url", "ttl", "until",
				"url", "final_url", "status", "path", "address", "addresses", "target", "token", "old_date", "method", "detail", "redirect_chain", "product", "count"} {
				facts[f] = h
			}
			p := problem.New(e.Code, facts)
			if why := unclean(p.SeeItYourself, 5000); why != "" {
				t.Errorf("%s: %s", e.Code, why)
			}
			for k := range facts {
				facts[k] = "https://example.com/"
			}
			harmless := special(outsideQuotes(problem.New(e.Code, facts).SeeItYourself))
			if got := special(outsideQuotes(p.SeeItYourself)); p.SeeItYourself != "" && got != harmless {
				t.Errorf("%s with %q: %s", e.Code, h, p.SeeItYourself)
			}
		}
	}
}

// special are the characters of a command that a shell does not take as they
// are.
func special(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("$`;|&<>(){}\\\n*?~#!\"'", r) {
			return r
		}
		return -1
	}, s)
}

// outsideQuotes is what a shell sees outside of single quotes; '\” is the
// quote itself.
func outsideQuotes(s string) string {
	s = strings.ReplaceAll(s, `'\''`, "")
	var b strings.Builder
	in := false
	for _, r := range s {
		if r == '\'' {
			in = !in
		} else if !in {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// T26: nobody can guess a token.
func TestT26Tokens(t *testing.T) {
	seen := map[string]bool{}
	for _, profile := range zonehold.ProfileNames() {
		for range 500 {
			tokens, err := zonehold.NewTokens(profile, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range tokens.Values() {
				if seen[v] || !zonehold.ValidToken(profile, v) {
					t.Fatalf("%s: token %q", profile, v)
				}
				seen[v] = true
			}
		}
	}
	// Each character of a 160-bit token is any of 32, equally often.
	counts := map[byte]int{}
	for range 2000 {
		tokens, _ := zonehold.NewTokens("", "")
		for i := range len(tokens.TXT) {
			counts[tokens.TXT[i]]++
		}
	}
	if len(counts) != 32 {
		t.Errorf("%d different characters", len(counts))
	}
	for c, n := range counts {
		if n < 1600 || n > 2400 { // expected 2000, sigma 44
			t.Errorf("%c came %d times of 64000", c, n)
		}
	}
}

// T26, T27: near misses of the secret, games with its case, the secret of
// another method, an old one, and a stranger's.
func TestT27WrongTokens(t *testing.T) {
	everywhere(t, nil, func(c *check) {
		// The file method of one dialect has no secret in its body, only in its
		// name, and the empty file none at all: their content cannot be wrong.
		variants := map[string]string{
			"upper": strings.ToUpper(c.ch.Token), "one less": c.ch.Token[1:], "one more": c.ch.Token + "a", "doubled": c.ch.Token + c.ch.Token, "empty": "",
			"flipped": flip(c.ch.Token), "another": c.m.Challenge(c.Kit, fresh(c.t, "www.example.com", c.claim.Profile)).Token,
			"placeholder": "<token>", "wildcard": "*", "regexp": ".*", "percent": "%",
		}
		for _, v := range []string{c.claim.Tokens.TXT, c.claim.Tokens.CNAME, c.claim.Tokens.File, c.claim.Tokens.Meta} {
			if v != c.ch.Token {
				variants["of another method "+v[:4]] = v
			}
		}
		old := fresh(c.t, "www.example.com", c.claim.Profile)
		variants["old"] = c.m.Challenge(c.Kit, old).Token
		c.claim.Old = []verify.OldToken{{Value: variants["old"]}}
		for name, v := range variants {
			claim := c.claim
			claim.Tokens = zonehold.Tokens{TXT: v, CNAME: v, File: v, Meta: v}
			ch := c.m.Challenge(c.Kit, claim)
			switch {
			case !ch.Applicable:
				continue
			case ch.Record != nil && ch.Record.Type == "TXT":
				c.Zone(c.claim).Remove(ch.Record.Name+".", "").Add(ch.Record.Name+".", "TXT", ch.Record.Value)
			case ch.Record != nil:
				if strings.ContainsAny(v, "<>*%") || v == "" || v == ".*" || name == "upper" || len(v) > 63 {
					continue // no host name, or one in which case does not matter
				}
				c.Zone(c.claim).Remove(c.ch.Record.Name+".", "").Remove(ch.Record.Name+".", "").Add(ch.Record.Name+".", "CNAME", ch.Record.Value+".")
			case ch.File != nil:
				if v == "" || strings.ContainsAny(v, "<>*%") {
					continue
				}
				c.Net.Host("www.example.com").CatchAll(nil).Page(ch.File.Path, 200, "text/plain", ch.File.Content)
				if ch.File.Path != c.ch.File.Path && ch.File.Content != c.ch.File.Content {
					c.Net.Host("www.example.com").Page(c.ch.File.Path, 200, "text/plain", ch.File.Content)
				}
			case ch.Tag != nil:
				c.Net.Host("www.example.com").Page("/", 200, "text/html", verifytest.Page(ch.Tag.HTML))
			}
			if r := c.try(); r.Outcome == zonehold.OutcomeVerified {
				c.t.Errorf("%s: %q instead of %q is verified", name, v, c.ch.Token)
			}
			if c.ch.File != nil {
				c.Net.Host("www.example.com").Handle(c.ch.File.Path, nil).Handle(ch.File.Path, nil)
			}
		}
	})
}

func flip(s string) string {
	last := s[len(s)-1]
	if last == 'b' {
		return s[:len(s)-1] + "c"
	}
	return s[:len(s)-1] + "b"
}

// T30, T33: whose name it is not.
func TestT30SharedSuffixes(t *testing.T) {
	for _, s := range []string{"github.io", "co.uk", "com", "blogspot.com", "herokuapp.com", "s3.amazonaws.com", "GITHUB.IO.", "ck", "a.ck"} {
		h, err := zonehold.ParseHostname(s)
		if err == nil {
			err = h.CheckClaim()
		}
		if err == nil {
			t.Errorf("%s can be claimed", s)
		}
	}
	l := newLab(t)
	l.Net.Zone("github.io")
	for _, profile := range zonehold.ProfileNames() {
		for _, m := range verify.Placed() {
			c := fresh(t, "attacker.github.io", profile)
			l.Place(m, c)
			r := l.run(l.Kit, m, c)
			if r.Outcome != zonehold.OutcomeVerified {
				t.Errorf("%s %s: %s %+v", profile, m.Name(), r.Outcome, r.Problem)
			}
			ch := m.Challenge(l.Kit, c)
			if web := ch.Record == nil; web && ch.Covers != zonehold.CoversHost || !web && ch.Covers != zonehold.CoversSubtree {
				t.Errorf("%s %s covers %s", profile, m.Name(), ch.Covers)
			}
			// The same proof, claimed for the suffix or for a neighbour.
			for _, other := range []zonehold.Hostname{"github.io", "victim.github.io", "github.com"} {
				c.Hostname = other
				if r := l.run(l.Kit, m, c); r.Outcome == zonehold.OutcomeVerified {
					t.Errorf("%s %s: verified %s as well", profile, m.Name(), other)
				}
			}
			// A redirect from the neighbour to the attacker is to another site.
			if ch.File != nil || ch.Tag != nil {
				path := "/"
				if ch.File != nil {
					path = ch.File.Path
				}
				l.Net.Host("victim.github.io").Redirect(path, 301, "https://attacker.github.io"+path)
				c.Hostname = "victim.github.io"
				deny(t, l.run(l.Kit, m, c), any_(refused), "http_redirected_off_host", "meta_page_redirects_away")
			}
		}
	}
}
