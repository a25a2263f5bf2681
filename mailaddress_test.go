package zonehold_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
)

func TestParseMailAddress(t *testing.T) {
	long := strings.Repeat("a", 64)
	host := strings.Repeat(strings.Repeat("b", 47)+".", 3) + "example.com" // 155 characters
	good := map[string]string{
		"admin@example.com":                        "admin@example.com",
		"Admin@EXAMPLE.Com":                        "Admin@example.com",
		"a.b+c=d/e@mail.example.co.uk":             "a.b+c=d/e@mail.example.co.uk",
		"!#$%&'*+-/=?^_`{|}~@example.com":          "!#$%&'*+-/=?^_`{|}~@example.com",
		"x@пример.рф":                              "x@xn--e1afmkfd.xn--p1ai",
		long + "@" + host:                          long + "@" + host,
		"x@xn--e1afmkfd.xn--p1ai":                  "x@xn--e1afmkfd.xn--p1ai",
		"hostmaster@a-very-long-label.example.com": "hostmaster@a-very-long-label.example.com",
	}
	for typed, want := range good {
		got, err := zonehold.ParseMailAddress(typed)
		if err != nil || string(got) != want {
			t.Errorf("%q is %q, %v; want %q", typed, got, err, want)
			continue
		}
		if again, err := zonehold.ParseMailAddress(string(got)); err != nil || again != got {
			t.Errorf("%q is not stable: %q, %v", got, again, err)
		}
	}
	for _, typed := range []string{
		"", "admin", "@example.com", "admin@", "admin@com", "a@b@example.com", " admin@example.com", "admin@example.com ",
		"ad min@example.com", "admin@exam ple.com", "admin@example.com.", "admin@.example.com", "admin@example..com",
		".admin@example.com", "admin.@example.com", "ad..min@example.com", `"admin"@example.com`, `"a b"@example.com`,
		"admin(comment)@example.com", "admin@(comment)example.com", "Admin <admin@example.com>", "<admin@example.com>",
		"admin@[127.0.0.1]", "admin@[IPv6:::1]", "admin@127.0.0.1", "admin@2130706433", "ädmin@example.com", "admin\u200b@example.com",
		"admin@example.com\r\nBcc: x@y.example", "admin\r\n@example.com", "admin@example.com\x00", "ad\x00min@example.com", "admin@example.com,b@example.com",
		"admin@example.com;", "admin@a_b.example.com", "admin@_dmarc.example.com", "admin@１２７.０.０.１", "admin@exa\u00admple.com",
		long + "a@example.com", long + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "com", strings.Repeat("x", 100000), "a\xff@example.com",
	} {
		if got, err := zonehold.ParseMailAddress(typed); !errors.Is(err, zonehold.ErrMailAddress) || got != "" {
			t.Errorf("%.60q is %q, %v", typed, got, err)
		}
	}
	a, err := zonehold.ParseMailAddress("Anna+Shop@Example.com")
	if err != nil || a.Local() != "Anna+Shop" || a.Domain() != "example.com" || a.Key() != "anna+shop@example.com" {
		t.Errorf("parts of %q: %q, %q, %q, %v", a, a.Local(), a.Domain(), a.Key(), err)
	}
}

func FuzzParseMailAddress(f *testing.F) {
	for _, s := range []string{"admin@example.com", `"a@b"@example.com`, "x@пример.рф", "a@b@c.example", "a\r\n@b.example", "@", "a+b@[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := zonehold.ParseMailAddress(s)
		if err != nil {
			if a != "" || !errors.Is(err, zonehold.ErrMailAddress) {
				t.Fatalf("%q: %q, %v", s, a, err)
			}
			return
		}
		if len(a) > zonehold.MaxMailAddress || strings.Count(string(a), "@") != 1 || strings.ContainsAny(string(a), " \t\r\n\"\\(),:;<>[]") {
			t.Fatalf("%q is taken as %q", s, a)
		}
		for _, r := range string(a) {
			if r <= ' ' || r > '~' {
				t.Fatalf("%q is taken as %q", s, a)
			}
		}
		// The domain is what was typed, never another one (threat T39).
		_, typed, _ := strings.Cut(s, "@")
		if h, err := zonehold.ParseHostname(typed); err != nil || h != a.Domain() || string(a) != a.Local()+"@"+string(h) {
			t.Fatalf("the domain of %q is %q, %v", s, a.Domain(), err)
		}
		if again, err := zonehold.ParseMailAddress(string(a)); err != nil || again != a {
			t.Fatalf("%q is not stable: %q, %v", a, again, err)
		}
	})
}
