package verify

import (
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
)

func TestTXTValue(t *testing.T) {
	const tok = "abcdefghijklmnopqrstuvwxyz234567"
	tests := []struct {
		profile zonehold.ProfileName
		value   string
		want    Match
	}{
		{"zonehold", "token=" + tok, ExactMatch},
		{"zonehold", tok, ExactMatch},
		{"zonehold", "TOKEN=" + tok, ExactMatch},
		{"zonehold", "token=" + tok + " expiry=never", ExactMatch},
		{"zonehold", " token=" + tok, TrimmedMatch},
		{"zonehold", "token=" + tok + "\n", TrimmedMatch},
		{"zonehold", "\u00a0token=" + tok + "\ufeff", TrimmedMatch},
		{"zonehold", "\u200btoken=" + tok + "\xa0", TrimmedMatch},
		{"zonehold", `"token=` + tok + `"`, NoMatch},
		{"zonehold", "token= " + tok, NoMatch},
		{"zonehold", "expiry=never token=" + tok, NoMatch},
		{"zonehold", "token=" + tok + " token=other", NoMatch},
		{"zonehold", "token=" + tok + " stray", NoMatch},
		{"zonehold", tok + " stray", NoMatch},
		{"zonehold", "token=" + tok[:31], NoMatch},
		{"zonehold", "token=" + strings.ToUpper(tok), NoMatch},
		{"zonehold", "token=", NoMatch},
		{"zonehold", "", NoMatch},
		{"yandex", "yandex-verification: " + tok, ExactMatch},
		{"yandex", "yandex-verification:" + tok, NoMatch},
		{"yandex", tok, NoMatch},
		{"yandex", "token=" + tok, NoMatch},
		{"probely", "Probely=" + tok, ExactMatch},
		{"probely", "Probely=" + tok + "\r\n", TrimmedMatch},
		{"probely", "probely=" + tok, NoMatch},
		{"probely", tok, NoMatch},
		{"", "token=" + tok, ExactMatch},
		{"unknown", "token=" + tok, NoMatch},
	}
	for _, tt := range tests {
		if got := NewTXTValue(tt.profile, tok).Matches(tt.value); got != tt.want {
			t.Errorf("%s: Matches(%q) = %v, want %v", tt.profile, tt.value, got, tt.want)
		}
	}
	for _, v := range []string{"", " ", "token=", "Probely=", "yandex-verification: "} {
		for _, p := range zonehold.ProfileNames() {
			if NewTXTValue(p, "").Matches(v) != NoMatch {
				t.Errorf("%s: an empty token matched %q", p, v)
			}
		}
	}
}

func FuzzTXTValue(f *testing.F) {
	const tok = "abcdefghijklmnopqrstuvwxyz234567"
	for _, s := range []string{"token=" + tok, "\"" + tok, "\xa0\xef\xbb\xbf" + tok, "token=x token=" + tok} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		w := NewTXTValue(zonehold.ProfileZonehold, tok)
		if w.Matches(v) != NoMatch && !strings.Contains(v, tok) {
			t.Errorf("%q proves a token that it does not hold", v)
		}
		if s := TrimInvisible(v); TrimInvisible(s) != s || !strings.Contains(v, s) {
			t.Errorf("trimming %q gave %q", v, s)
		}
	})
}
