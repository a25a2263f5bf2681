package verify_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func TestChallenges(t *testing.T) {
	const tok = "mfrggzdfmztwq2lknnwg23tpobyxe43u"
	const uuid = "05958488-4752-4ef2-95eb-aa7ba8a3bd0e"
	claim := func(host string, profile zonehold.ProfileName, token string) verify.Claim {
		return verify.Claim{Hostname: zonehold.Hostname(host), Profile: profile, Tokens: zonehold.Tokens{TXT: token, CNAME: token, File: token, Meta: token}}
	}
	tests := []struct {
		method zonehold.Method
		claim  verify.Claim
		want   zonehold.Challenge
	}{
		{"dns", claim("www.example.com", "", tok), zonehold.Challenge{Method: "dns_txt", Record: &zonehold.RecordChallenge{
			Type: "TXT", Name: "_zonehold-challenge.www.example.com", RelativeName: "_zonehold-challenge.www", Value: "token=" + tok, TTL: 300}}},
		{"dns_txt", claim("example.co.uk", "yandex", tok), zonehold.Challenge{Method: "dns_txt", Record: &zonehold.RecordChallenge{
			Type: "TXT", Name: "example.co.uk", RelativeName: "@", Value: "yandex-verification: " + tok, TTL: 300}}},
		{"dns_txt", claim("example.com", "probely", uuid), zonehold.Challenge{Method: "dns_txt", Record: &zonehold.RecordChallenge{
			Type: "TXT", Name: "example.com", RelativeName: "@", Value: "Probely=" + uuid, TTL: 300}}},
		{"dns_cname", claim("example.com", "", tok), zonehold.Challenge{Method: "dns_cname", Record: &zonehold.RecordChallenge{
			Type: "CNAME", Name: "_zonehold-challenge.example.com", RelativeName: "_zonehold-challenge", Value: tok + ".dcv.example.net", TTL: 300}}},
		{"dns_cname", claim("example.com", "probely", uuid), zonehold.Challenge{Method: "dns_cname", Record: &zonehold.RecordChallenge{
			Type: "CNAME", Name: "probely-" + uuid + ".example.com", RelativeName: "probely-" + uuid, Value: uuid + ".dcv.example.net", TTL: 300}}},
		{"file", claim("example.com", "probely", uuid), zonehold.Challenge{Method: "file", File: &zonehold.FileChallenge{
			Path: "/" + uuid + ".txt", URLs: []string{"https://example.com/" + uuid + ".txt", "http://example.com/" + uuid + ".txt"}, Content: "Probely"}}},
		{"txt_file", claim("example.com", "yandex", tok), zonehold.Challenge{Method: "txt_file", File: &zonehold.FileChallenge{
			Path: "/yandex_" + tok + ".txt", URLs: []string{"https://example.com/yandex_" + tok + ".txt", "http://example.com/yandex_" + tok + ".txt"}}}},
		{"meta_tag", claim("example.com", "", tok), zonehold.Challenge{Method: "meta_tag", Tag: &zonehold.TagChallenge{
			Name: "zonehold-verification", Content: tok, HTML: `<meta name="zonehold-verification" content="` + tok + `">`}}},
	}
	kit := &verify.Kit{CNAMEZone: "dcv.example.net"}
	for _, tt := range tests {
		m, ok := verify.Lookup(tt.method)
		if !ok {
			t.Fatalf("no method %q", tt.method)
		}
		tt.want.Applicable, tt.want.Token = true, tt.claim.Tokens.TXT
		tt.want.Proves, tt.want.Covers = zonehold.AssuranceHost, zonehold.CoversHost
		if tt.want.Record != nil {
			tt.want.Proves, tt.want.Covers = zonehold.AssuranceDNS, zonehold.CoversSubtree
		}
		if diff := cmp.Diff(tt.want, m.Challenge(kit, tt.claim)); diff != "" {
			t.Errorf("%s in %q (-want +got):\n%s", tt.method, tt.claim.Profile, diff)
		}
	}
	if _, ok := verify.Lookup("carrier_pigeon"); ok {
		t.Error("a method is looked up that nobody checks")
	}
}

func TestChallengeForLongName(t *testing.T) {
	label := strings.Repeat("a", 60)
	c := verify.Claim{Hostname: zonehold.Hostname(label + "." + label + "." + label + "." + label[:50] + ".com"),
		Tokens: zonehold.Tokens{TXT: "x", CNAME: "x", File: "x", Meta: "x"}}
	for _, m := range verify.Placed() {
		ok, reason := verify.Applicable(&verify.Kit{}, c, m)
		dns := m.Name() == zonehold.MethodDNSTXT || m.Name() == zonehold.MethodDNSCNAME
		if ok == dns || ok != (reason == "") {
			t.Errorf("%s: applicable %v (%q)", m.Name(), ok, reason)
		}
	}
}

// A domain with its own port is looked for there, and nowhere else.
func TestOwnPort(t *testing.T) {
	l := verifytest.NewLab(t)
	for _, name := range []zonehold.Method{zonehold.MethodFile, zonehold.MethodMetaTag, zonehold.MethodTXTFile} {
		m, _ := verify.Lookup(name)
		c := l.Claim("example.com", "")
		c.Scheme, c.Port = "https", 8443
		l.Host(c).Listen(8443, true)
		l.Place(m, c)
		if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%s: %s: %+v", name, r.Outcome, r.Problem)
		}
		for _, req := range l.Net.Requests() {
			if req.Addr.Port() != 8443 {
				t.Errorf("%s: port %d was asked", name, req.Addr.Port())
			}
		}
	}
}

// The credentials of a site stay with it (threat T13).
func TestCredentialsStayHome(t *testing.T) {
	l := verifytest.NewLab(t)
	m, _ := verify.Lookup(zonehold.MethodFile)
	c := l.Claim("example.com", "")
	c.BasicUser, c.BasicPassword = "user", "secret"
	www := c
	www.Hostname = "www.example.com"
	l.Place(m, www)
	l.Host(c).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://www.example.com"+r.URL.Path, http.StatusFound)
	}))
	if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeVerified {
		t.Fatalf("%s: %+v", r.Outcome, r.Problem)
	}
	for _, req := range l.Net.Requests() {
		if got := req.Header.Get("Authorization") != ""; got != (req.Host == "example.com") {
			t.Errorf("credentials to %s: %v", req.Host, got)
		}
	}
}

// No request of a check carries a secret but in the path where the profile
// wants it (threat T28).
func TestRequestsCarryNoSecret(t *testing.T) {
	l := verifytest.NewLab(t)
	c := l.Claim("example.com", "")
	l.Host(c)
	for _, m := range verify.Placed() {
		l.Check(m, l.Kit, c)
	}
	for _, req := range l.Net.Requests() {
		for _, secret := range c.Tokens.Values() {
			if strings.Contains(req.Path, secret) || strings.Contains(req.Host, secret) {
				t.Errorf("the request for %s carries a secret", req.Path)
			}
			for k, v := range req.Header {
				if strings.Contains(strings.Join(v, " "), secret) {
					t.Errorf("the header %s carries a secret", k)
				}
			}
		}
	}
}
