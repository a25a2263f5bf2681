package dns

import (
	"errors"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestNormalName(t *testing.T) {
	for in, want := range map[string]string{
		"": "", ".": "", "com": "com", "COM.": "com", "Example.COM": "example.com", "_x.example.com.": "_x.example.com",
		"*.example.com": "*.example.com", `a\.b.com`: `a\.b.com`, `A\065.com`: "aa.com", `@.com`: `\@.com`, `\@.com`: `\@.com`,
		"a b.com": `a\ b.com`, `a\032b.com`: `a\ b.com`, "ü.com": `\195\188.com`, `a\\.com`: `a\\.com`, `a\..com`: `a\..com`,
		"http://x.com": "http://x.com", strings.Repeat("a", 63) + ".com": strings.Repeat("a", 63) + ".com",
	} {
		got, wire, err := normalName(in)
		if err != nil || got != want {
			t.Errorf("normalName(%q) = %q, %v; want %q", in, got, err, want)
			continue
		}
		again, wire2, err := normalName(got)
		if err != nil || again != got || string(wire) != string(wire2) {
			t.Errorf("normalName(%q) is not stable: %q, %v", in, again, err)
		}
		read, _, err := dns.UnpackDomainName(wire, 0)
		if err != nil || fold(read) != got {
			t.Errorf("%q on the wire reads as %q, %v", in, read, err)
		}
	}
	for _, in := range []string{"a..b", "..", ".a", strings.Repeat("a", 64), `a\`, `a\1`, `a\256`, `a\12x`, strings.Repeat("a.", 128) + "b"} {
		if got, _, err := normalName(in); !errors.Is(err, ErrBadName) {
			t.Errorf("normalName(%q) = %q, %v; want ErrBadName", in, got, err)
		}
	}
}

func TestNameRelations(t *testing.T) {
	for _, tt := range []struct {
		name, zone    string
		within, below bool
	}{
		{"example.com", "com", true, true}, {"com", "com", true, false}, {"com", "", true, true}, {"", "", true, false},
		{"xcom", "com", false, false}, {"example.com", "xample.com", false, false}, {"com", "example.com", false, false},
		{`a\.com`, "com", false, false}, {`a\\.com`, "com", true, true}, {"", "com", false, false}, {".com", "com", false, false},
	} {
		if got := within(tt.name, tt.zone); got != tt.within {
			t.Errorf("within(%q, %q) = %v", tt.name, tt.zone, got)
		}
		if got := below(tt.name, tt.zone); got != tt.below {
			t.Errorf("below(%q, %q) = %v", tt.name, tt.zone, got)
		}
	}
	for name, want := range map[string]string{"": "", "com": "", "a.com": "com", `a\.b.com`: "com", `a\\.b.com`: "b.com"} {
		if got := parentName(name); got != want {
			t.Errorf("parentName(%q) = %q, want %q", name, got, want)
		}
	}
	for _, tt := range []struct{ zone, name, want string }{
		{"", "a.b.com", "com"}, {"com", "a.b.com", "b.com"}, {"b.com", "a.b.com", "a.b.com"},
	} {
		if got := childToward(tt.zone, tt.name); got != tt.want {
			t.Errorf("childToward(%q, %q) = %q, want %q", tt.zone, tt.name, got, tt.want)
		}
	}
}

func TestIsPublicZone(t *testing.T) {
	for name, want := range map[string]bool{
		"": true, "com": true, "nowhere": true, "co.uk": true, "uk": true, "x.ck": true, "xn--p1ai": true,
		"example.com": false, "github.io": false, "example.co.uk": false, "www.ck": false, "a.b.com": false, `a\.com`: true,
	} {
		if got := isPublicZone(name); got != want {
			t.Errorf("isPublicZone(%q) = %v", name, got)
		}
	}
}

func TestRandomSibling(t *testing.T) {
	seen := make(map[string]bool)
	for name, suffix := range map[string]string{
		"_x.example.com": ".example.com", "www.Example.com.": ".example.com", "com": "", `a\.b.example.com`: ".example.com",
		"a." + strings.Repeat("abcdefgh.", 27) + "com": strings.Repeat(".abcdefgh", 27) + ".com",
	} {
		got := RandomSibling(name)
		again, _, err := normalName(got)
		if err != nil || again != got || !strings.HasSuffix(got, suffix) || got == fold(name) || seen[got] {
			t.Errorf("RandomSibling(%q) = %q, %v", name, got, err)
		}
		if strings.HasPrefix(name, "_") != strings.HasPrefix(got, "_") {
			t.Errorf("RandomSibling(%q) = %q: underscore", name, got)
		}
		seen[got] = true
	}
	if one, other := RandomSibling("a.b"), RandomSibling("a.b"); one == other {
		t.Error("not random")
	}
}
