package diagnose

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

func testWanted(t testing.TB, profile zonehold.ProfileName, token string) wanted {
	t.Helper()
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	c := verify.Claim{Hostname: "example.com", Profile: profile, Tokens: zonehold.Tokens{TXT: token}}
	return newWanted(c, m.Challenge(&verify.Kit{}, c))
}

const testToken = "mfrggzdfmztwq2lknnwg23tpobyxe43u"

func TestLadderLeavesOthersAlone(t *testing.T) {
	for _, profile := range zonehold.ProfileNames() {
		w := testWanted(t, profile, testToken)
		for _, v := range []string{
			"v=spf1 include:_spf.google.com ~all", "google-site-verification=rXOxyZounnZasA8Z7oaD3c14JdjS9aKSWvsR1EbUSIQ",
			"MS=ms12345678", "v=DMARC1; p=none", "k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ", "docusign=05958488-4752-4ef2-95eb-aa7ba8a3bd0e",
			"apple-domain-verification=abc", "facebook-domain-verification=22rm551cu4k0ab0bxsw536tlds4h95", "_globalsign-domain-verification=x", "", " ", "a",
			"stripe-verification=f88ef17321660a01bab1660454192e014defa29ba7b8de9633c69d6b4912217f", "hello world",
		} {
			if m := w.ladder(context.Background(), []string{v}, func(context.Context, string) bool { return false }); m != nil {
				t.Errorf("%s: %q is taken for %s", profile, v, m.code)
			}
		}
		right := w.expected
		if m := w.ladder(context.Background(), []string{right}, nil); m != nil {
			t.Errorf("%s: the right value is taken for %s", profile, m.code)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "bc", 1}, {"abc", "acb", 2}, {"abc", "xyz", 3}, {"", "ab", 2}, {"", "abc", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b, 2); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzLadder(f *testing.F) {
	for _, s := range []string{`"token=` + testToken + `"`, "token= " + testToken, "\u201c" + testToken + "\u201d", testToken[:20], strings.ToUpper(testToken), "<meta " + testToken, "token=<token>", "\xff\x00"} {
		f.Add(s, "")
		f.Add(s[:len(s)/2], s[len(s)/2:])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, profile := range zonehold.ProfileNames() {
			w := testWanted(t, profile, testToken)
			w.old = []verify.OldToken{{Value: "old-token-of-this-claim"}}
			m := w.ladder(context.Background(), []string{a, b}, func(context.Context, string) bool { return true })
			if m == nil {
				continue
			}
			if _, ok := problem.Lookup(m.code); !ok {
				t.Errorf("code %q is not in the catalogue", m.code)
			}
			if w.txt.Matches(a+b) != verify.NoMatch {
				t.Errorf("%s: %q proves the claim and is taken for %s", profile, a+b, m.code)
			}
			if s := clip(a + b); len(s) > 300 || utf8.ValidString(a+b) && !utf8.ValidString(s) {
				t.Errorf("clip(%q) = %q", a+b, s)
			}
		}
	})
}
