package problem

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFill(t *testing.T) {
	tests := map[string]struct {
		text  string
		facts Facts
		want  string
	}{
		"all":            {"Is at {where} now. Yes.", Facts{"where": "x"}, "Is at x now. Yes."},
		"one missing":    {"Is at {where} now. Yes.", nil, "Yes."},
		"empty fact":     {"Is at {where} now. Yes.", Facts{"where": ""}, "Yes."},
		"last, no stop":  {"No. Value: {expected}", Facts{"expected": "v."}, "No. Value: v."},
		"brace in fact":  {`Says "{got}" now.`, Facts{"got": "{where} {}", "where": "x"}, `Says "{where} {}" now.`},
		"dot in fact":    {"At {name} it is.", Facts{"name": "a. b"}, "At a. b it is."},
		"names with dot": {"Give example.com, please. Ok.", nil, "Give example.com, please. Ok."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fill(tt.text, tt.facts); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFactsAreCut(t *testing.T) {
	long := strings.Repeat("é", 500)
	p := New("dns_value_mismatch", Facts{FactName: long, FactGot: long})
	if n := strings.Count(p.Found, "é"); n != 159+99 {
		t.Errorf("%d characters of foreign text", n)
	}
	if p.SeeItYourself != "" {
		t.Errorf("command with a cut name: %q", p.SeeItYourself)
	}
}

func TestCommand(t *testing.T) {
	tests := map[string]struct {
		facts Facts
		want  string
	}{
		"full":             {Facts{"name": "_x.example.com", "server": "ns1.example.net"}, "dig +norecurse TXT _x.example.com @ns1.example.net"},
		"no server":        {Facts{"name": "_x.example.com"}, "dig TXT _x.example.com"},
		"no name":          {Facts{"server": "ns1.example.net"}, ""},
		"shell":            {Facts{"name": "x;rm -rf ~", "server": "$(id)"}, `dig +norecurse TXT 'x;rm -rf ~' '@$(id)'`},
		"quote":            {Facts{"name": "it's"}, `dig TXT 'it'\''s'`},
		"line":             {Facts{"name": "a\nid"}, `dig TXT 'a\nid'`},
		"option":           {Facts{"name": "-f/etc/passwd"}, ""},
		"server as name":   {Facts{"name": "@203.0.113.1"}, ""},
		"dig option":       {Facts{"name": "+qr"}, ""},
		"escape sequence":  {Facts{"name": "\x1b[2Jx"}, `dig TXT '\x1b[2Jx'`},
		"bidi":             {Facts{"name": "a\u202eb"}, `dig TXT 'a\u202eb'`},
		"tilde at the end": {Facts{"name": "~root"}, `dig TXT '~root'`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := command(digTXT, tt.facts); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// curl reads more than web addresses: those commands are left out.
func TestCommandNeedsAURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.com/a b":          `curl -g -sS -D- 'https://example.com/a b'`,
		"https://example.com/$(id)":        `curl -g -sS -D- 'https://example.com/$(id)'`,
		"http://[2a0e:100::7]/{a,b}?x=1&y": `curl -g -sS -D- 'http://[2a0e:100::7]/{a,b}?x=1&y'`,
		"file:///etc/passwd":               "",
		"example.com":                      "",
		"-o/tmp/x":                         "",
		"https://example.com/" + string(make([]byte, 700)): "",
	} {
		if got := command(curlURL, Facts{FactURL: url}); got != want {
			t.Errorf("%q gives %s", url, got)
		}
	}
}

// A shell reads each quoted fact as one word and runs nothing.
func TestShellQuoteInAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for _, s := range []string{"", "plain", "a b", "$(echo pwned)", "`echo pwned`", "';echo pwned;'", `\'`, `"$HOME"`, "*", "~", "#x", "é\n", "!!", "a=b", "$'\\n'"} {
		out, err := exec.Command(sh, "-c", "printf %s "+ShellQuote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came through as %q, %v", s, out, err)
		}
	}
}

var hostile = []struct{ in, want string }{
	{"plain text, ünïcödé 日本", "plain text, ünïcödé 日本"},
	{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
	{"<script>alert(1)</script>", "<script>alert(1)</script>"}, // each sink escapes for itself
	{"abc\u202etxt.exe", `abc\u202etxt.exe`},
	{"a\u2066b\u2069", `a\u2066b\u2069`},
	{"c1 \u0085\u009b31m", `c1 \u0085\u009b31m`},
	{"bad \xff\xfe utf-8", `bad \xff\xfe utf-8`},
	{"replacement \ufffd stays", "replacement \ufffd stays"},
	{"line\r\nbreak\ttab\x00nul\x7f", `line\r\nbreak\ttab\x00nul\x7f`},
	{"no\u00a0break\u200bzero\ufeffbom\u00adshy", `no\u00a0break\u200bzero\ufeffbom\u00adshy`},
	{"\u2028\u2029", `\u2028\u2029`},
	{"\U000e0041tag", `\U000e0041tag`},
	{"\u3164filler\ufe0f", `\u3164filler\ufe0f`},
	{`back\slash`, `back\slash`},
}

func TestClean(t *testing.T) {
	for _, tt := range hostile {
		if got := Clean(tt.in, 160); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCleanCuts(t *testing.T) {
	tests := []struct {
		in    string
		limit int
		want  string
	}{
		{"abcde", 5, "abcde"},
		{"abcdef", 5, "abcd…"},
		{"éééééé", 5, "éééé…"},
		{"abc\u202e", 5, "abc…"}, // never inside an escape
		{"abcde", 1, "…"},
		{"a", 1, "a"},
		{"a", 0, ""},
		{"", 0, ""},
		{"a", -1, ""},
	}
	for _, tt := range tests {
		if got := Clean(tt.in, tt.limit); got != tt.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

// Hostile text in any fact never gets out raw, in any text of any problem.
func TestHostileFacts(t *testing.T) {
	for _, tt := range hostile {
		f := Facts{}
		for k := range facts {
			f[k] = tt.in
		}
		for _, e := range Catalogue() {
			p := New(e.Code, f)
			for _, text := range append([]string{p.Title, p.LookedFor, p.Found, p.SeeItYourself}, p.Fixes...) {
				if !utf8.ValidString(text) || Clean(text, 10_000) != text {
					t.Errorf("%s shows %q", e.Code, text)
				}
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.in, 20)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit > 1000 {
			limit = 1000
		}
		got := Clean(s, limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > max(limit, 0) {
			t.Fatalf("Clean(%q, %d) = %q", s, limit, got)
		}
		for _, r := range got {
			if hidden(r) {
				t.Fatalf("Clean(%q, %d) = %q shows %U", s, limit, got, r)
			}
		}
		if again := Clean(got, limit); again != got {
			t.Fatalf("not stable: %q, then %q", got, again)
		}
	})
}

func FuzzNew(f *testing.F) {
	f.Add("dns_doubled_label", "a'b", "x")
	f.Fuzz(func(t *testing.T, code, a, b string) {
		p := New(Code(code), Facts{FactName: a, FactGot: b, FactURL: a, FactServer: b, FactType: "TXT"})
		for _, text := range append([]string{p.Title, p.LookedFor, p.Found, p.SeeItYourself}, p.Fixes...) {
			if Clean(text, 100_000) != text {
				t.Fatalf("%q", text)
			}
		}
	})
}
