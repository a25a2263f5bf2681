package zonehold

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		tokens, err := NewTokens(ProfileZonehold, "ignored")
		if err != nil {
			t.Fatal(err)
		}
		values := tokens.Values()
		if len(values) != 4 {
			t.Fatalf("the families share values: %v", values)
		}
		for _, v := range values {
			if len(v) != 32 || !ValidToken(ProfileZonehold, v) || seen[v] { // 160 bits (threat T26)
				t.Fatalf("token %q", v)
			}
			seen[v] = true
		}
	}
	yandex, err := NewTokens(ProfileYandex, "")
	if err != nil || len(yandex.Values()) != 1 || !ValidToken(ProfileYandex, yandex.TXT) || len(yandex.TXT) != 32 {
		t.Errorf("yandex: %+v, %v", yandex, err)
	}
	account := NewUUID()
	probely, err := NewTokens(ProfileProbely, account)
	if err != nil || !slices.Equal(probely.Values(), []string{account}) {
		t.Errorf("probely: %+v, %v", probely, err)
	}
	fresh, err := NewTokens(ProfileProbely, "")
	if err != nil || len(fresh.Values()) != 1 || !ValidToken(ProfileProbely, fresh.Meta) || fresh.Meta == account {
		t.Errorf("probely: %+v, %v", fresh, err)
	}
	if _, err := NewTokens(ProfileProbely, "not a uuid"); err == nil {
		t.Error("a wrong account token is taken")
	}
	if _, err := NewTokens("other", ""); err == nil {
		t.Error("an unknown profile has tokens")
	}
	if def, err := NewTokens("", ""); err != nil || !ValidToken("", def.File) {
		t.Errorf("the default profile: %v, %v", def, err)
	}
}

func TestValidToken(t *testing.T) {
	b32, hex, uuid := strings.Repeat("q7", 16), strings.Repeat("0f", 16), "9b2f0c2e-53ab-4d1c-8e7f-0123456789ab"
	tests := []struct {
		profile ProfileName
		s       string
		want    bool
	}{
		{ProfileZonehold, b32, true},
		{ProfileZonehold, strings.ToUpper(b32), false},
		{ProfileZonehold, b32[1:], false},
		{ProfileZonehold, b32 + "a", false},
		{ProfileZonehold, strings.Repeat("a1", 16), false},
		{ProfileZonehold, "", false},
		{ProfileYandex, hex, true},
		{ProfileYandex, strings.ToUpper(hex), false},
		{ProfileYandex, hex[:16], false},
		{ProfileYandex, b32, false},
		{ProfileProbely, uuid, true},
		{ProfileProbely, strings.ToUpper(uuid), false},
		{ProfileProbely, strings.Replace(uuid, "-4d", "-1d", 1), false},
		{ProfileProbely, strings.Replace(uuid, "-8e", "-ce", 1), false},
		{ProfileProbely, strings.ReplaceAll(uuid, "-", "0"), false},
		{ProfileProbely, uuid + "-", false},
		{ProfileProbely, "9b2f0c2e53ab-4d1c-8e7f-0123456789ab-", false},
		{ProfileProbely, strings.Repeat("-", 36), false},
		{ProfileProbely, "", false},
		{"other", b32, false},
	}
	for _, tt := range tests {
		if got := ValidToken(tt.profile, tt.s); got != tt.want {
			t.Errorf("ValidToken(%s, %q) = %v", tt.profile, tt.s, got)
		}
	}
	for range 100 {
		if u := NewUUID(); !ValidToken(ProfileProbely, u) {
			t.Fatalf("NewUUID made %q", u)
		}
	}
}

func TestEqualToken(t *testing.T) {
	if !EqualToken("abc", "abc") || EqualToken("abc", "abd") || EqualToken("abc", "ab") || EqualToken("", "") || EqualToken("abc", "") {
		t.Error("EqualToken is wrong")
	}
}

func TestTokensValues(t *testing.T) {
	if got := (Tokens{TXT: "a", CNAME: "b", File: "a"}).Values(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v", got)
	}
}

func TestIDs(t *testing.T) {
	id := NewID(PrefixDomain)
	if !ValidID(PrefixDomain, id) || len(id) != 30 || id == NewID(PrefixDomain) {
		t.Errorf("id %q", id)
	}
	for _, bad := range []string{"", "dom_", "dom", id[4:], "att_" + id[4:], id + "0", id[:29], strings.ToUpper(id), id[:29] + "1", id[:29] + "-", "dom_" + id} {
		if ValidID(PrefixDomain, bad) {
			t.Errorf("%q is valid", bad)
		}
	}
	// Later ids sort after earlier ones, over the whole range of the clock.
	last := ""
	for _, now := range []time.Time{time.UnixMilli(0), time.UnixMilli(1), time.UnixMilli(31), time.UnixMilli(32), time.UnixMilli(1 << 40), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), time.UnixMilli(1<<48 - 1)} {
		id := newID(PrefixDomain, now)
		if id <= last || !ValidID(PrefixDomain, id) {
			t.Errorf("%s made at %s does not sort after %s", id, now, last)
		}
		last = id
	}
}
