package zonehold

import (
	"testing"
	"time"
)

func TestParseNamePattern(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want NamePattern // "": refused
	}{
		{"example.com", "example.com"},
		{" Example.COM. ", "example.com"},
		{"*.example.com", "*.example.com"},
		{"*.EXAMPLE.com", "*.example.com"},
		{"{account}.pages.example", "{account}.pages.example"},
		{"*.github.io", "*.github.io"}, // a platform may be the operator's own
		{"*.пример.рф", "*.xn--e1afmkfd.xn--p1ai"},
		{"", ""},
		{"*", ""},
		{"*.", ""},
		{"*.com", ""},
		{"*.co.uk", ""},
		{"{account}.co.uk", ""},
		{"co.uk", ""},
		{"github.io", ""},
		{"com", ""},
		{"*.*.example.com", ""},
		{"www.*.example.com", ""},
		{"*example.com", ""},
		{"{account}.{account}.example.com", ""},
		{"{owner}.example.com", ""},
		{"http://example.com", ""},
		{"127.0.0.1", ""},
		{"*.127.0.0.1", ""},
		{"example.com,other.com", ""},
	} {
		got, err := ParseNamePattern(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("ParseNamePattern(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestNamePatternMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern NamePattern
		host    Hostname
		account string
		want    bool
	}{
		{"example.com", "example.com", "anna", true},
		{"example.com", "www.example.com", "anna", false},
		{"example.com", "badexample.com", "anna", false},
		{"*.example.com", "www.example.com", "anna", true},
		{"*.example.com", "a.b.example.com", "anna", true},
		{"*.example.com", "example.com", "anna", false},
		{"*.example.com", "badexample.com", "anna", false},
		{"{account}.pages.example", "anna.pages.example", "anna", true},
		{"{account}.pages.example", "anna.pages.example", "Anna", false},
		{"{account}.pages.example", "www.anna.pages.example", "anna", true},
		{"{account}.pages.example", "anna.bob.pages.example", "anna", false},
		{"{account}.pages.example", "anna.pages.example", "bob", false},
		{"{account}.pages.example", "karl.pages.example", "\u212aarl", false},
		{"{account}.pages.example", "anna.pages.example", "", false},
		{"{account}.pages.example", "pages.example", "pages", false},
		{"{account}.pages.example", "x.anna.pages.example", "x.anna", false},
	} {
		if got := tt.pattern.Match(tt.host, tt.account); got != tt.want {
			t.Errorf("%s matches %s of %s: %v, want %v", tt.pattern, tt.host, tt.account, got, tt.want)
		}
	}
}

func TestInForce(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name             string
		expires, revoked time.Time
		want             bool
	}{
		{"for ever", time.Time{}, time.Time{}, true},
		{"still", now.Add(time.Second), time.Time{}, true},
		{"to the moment", now, time.Time{}, false},
		{"over", now.Add(-time.Second), time.Time{}, false},
		{"revoked", time.Time{}, now.Add(-time.Second), false},
	} {
		p := Policy{ExpiresAt: tt.expires, RevokedAt: tt.revoked}
		d := Delegation{ExpiresAt: tt.expires, RevokedAt: tt.revoked}
		if p.InForce(now) != tt.want || d.InForce(now) != tt.want {
			t.Errorf("%s: policy %v, delegation %v, want %v", tt.name, p.InForce(now), d.InForce(now), tt.want)
		}
	}
}

// TestOperatorScope: no other scope includes the operator's.
func TestOperatorScope(t *testing.T) {
	all := Actor{Scopes: []Scope{ScopeAdmin, ScopeDomainsRead, ScopeDomainsWrite, ScopeChecksRun}}
	if all.Allows(ScopeOperator) {
		t.Error("an account's token may act for the operator")
	}
	if op := (Actor{Scopes: []Scope{ScopeOperator}}); !op.Allows(ScopeOperator) || op.Allows(ScopeDomainsWrite) {
		t.Error("an operator's token gives the operator's rights and no others")
	}
}

func TestAutomaticMethods(t *testing.T) {
	for _, m := range AutomaticMethods() {
		if !m.Valid() || !m.Automatic() {
			t.Errorf("%s is not an automatic method", m)
		}
	}
	if MethodWHOIS.Automatic() || MethodDNSTXT.Automatic() {
		t.Error("whois and dns_txt are asked on request only")
	}
}
