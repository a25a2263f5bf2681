package webmaster

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

const authHeader = "Authorization: OAuth " + tokenAll

// errorCode sends a request and returns the status and the error_code.
func errorCode(t testing.TB, h http.Handler, raw string) (int, string) {
	t.Helper()
	resp := send(t, h, raw)
	body := bodyOf(t, resp)
	_, rest, _ := strings.Cut(body, `"error_code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return resp.StatusCode, code
}

// TestPaths holds rule 1: every row under every version, with and without a
// final slash and a bare "?", with raw and encoded host ids, no redirects.
func TestPaths(t *testing.T) {
	for _, v := range []string{"v3", "v3.1", "v3.2", "v4", "v4.0", "v4.1"} {
		for _, id := range []string{"http:example.com:80", "http%3Aexample.com%3A80", "http%3aExample.COM%3a80"} {
			for _, end := range []string{"", "/", "?", "/?"} {
				rows := []struct {
					verb, path string
					want       int
				}{
					{"GET", "/user", 200},
					{"HEAD", "/user", 200},
					{"GET", "/user/4242/hosts", 200},
					{"POST", "/user/4242/hosts", 201},
					{"GET", "/user/4242/hosts/" + id, 200},
					{"GET", "/user/4242/hosts/" + id + "/verification", 200},
					{"GET", "/user/4242/hosts/" + id + "/owners", 200},
					{"GET", "/user/4242/hosts/" + id + "/summary", 200},
					{"POST", "/user/4242/hosts/" + id + "/verification", 400}, // no type
					{"DELETE", "/user/4242/hosts/" + id, 204},
				}
				s, h := world(t, Config{})
				verified(s.add("http", "example.com", 80), zonehold.MethodFile)
				for _, row := range rows {
					body := ""
					if row.want == 201 {
						body = `{"host_url":"http://example.org"}`
					}
					resp := send(t, h, request(row.verb, "/"+v+row.path+end, body, authHeader))
					if resp.StatusCode != row.want {
						t.Errorf("%s /%s%s%s: status %d, want %d", row.verb, v, row.path, end, resp.StatusCode, row.want)
					}
				}
			}
		}
	}
}

func TestNoResource(t *testing.T) {
	_, h := world(t, Config{})
	for _, path := range []string{
		"/", "/v4", "/v4/", "/v2/user", "/v4.2/user", "/V4/user", "/v4/users", "/v4/user/4242", "/v4/user/4242/",
		"/v4//user", "/v4/user//", "/v4/user/4242//hosts", "/v4/user/4242/hosts//", "/v4/user/4242/host",
		"/v4/user/4242/hosts/http:a.com:80/sitemaps", "/v4/user/4242/hosts/http:a.com:80/verification/x",
		"/v4/user/4242/hosts/http:a.com:80/verification//", "/v4/user/4242/hosts/http://a.com:80/verification",
		"/v4/user%2F4242/hosts", "/v4/user/4242%2Fhosts", "/v4/user/4242/hosts%2Fhttp:a.com:80",
		"/v4/user/4242/hosts/http:a.com:80%2Fverification/x/y", "/v4/user/4242/../../../etc/passwd",
		"/v4/" + strings.Repeat("/", 100000), "/v4/user/4242/hosts/a/b/c/d/e/f/g",
	} {
		status, code := errorCode(t, h, request("GET", path, "", authHeader))
		if status != http.StatusNotFound || code != "RESOURCE_NOT_FOUND" {
			t.Errorf("%.60s: %d %s, want 404 RESOURCE_NOT_FOUND", path, status, code)
		}
	}
}

func TestWrongVerb(t *testing.T) {
	_, h := world(t, Config{})
	for _, tt := range []struct{ verb, path, allow string }{
		{"POST", "/v4/user", "GET, HEAD"},
		{"DELETE", "/v4/user/4242/hosts", "GET, HEAD, POST"},
		{"OPTIONS", "/v4/user/4242/hosts/", "GET, HEAD, POST"},
		{"PATCH", "/v4/user/4242/hosts/http:a.com:80", "GET, HEAD, DELETE"},
		{"PUT", "/v4/user/4242/hosts/http:a.com:80/verification", "GET, HEAD, POST"},
		{"POST", "/v4/user/4242/hosts/http:a.com:80/owners", "GET, HEAD"},
		{"get", "/v4/user", "GET, HEAD"},
	} {
		resp := send(t, h, request(tt.verb, tt.path, "", authHeader))
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q; want 405, %q", tt.verb, tt.path, resp.StatusCode, resp.Header.Get("Allow"), tt.allow)
		}
	}
}

// TestPatterns mounts the handler as a server does, next to another one.
func TestPatterns(t *testing.T) {
	s, h := world(t, Config{})
	s.add("https", "xn--d1acpjx3f.xn--p1ai", 443)
	mux := http.NewServeMux()
	for _, p := range Patterns() {
		mux.Handle(p, h)
	}
	mux.Handle("/", http.NotFoundHandler())
	srv := httptest.NewServer(mux)
	defer srv.Close()
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/v3/user/?", "/v4.1/user", "/v4/user/4242/hosts/https:xn--d1acpjx3f.xn--p1ai:443/verification/",
		"/v4/user/4242/hosts/https%3Axn--d1acpjx3f.xn--p1ai%3A443/verification",
		"/v4/user/4242/hosts/https:яндекс.рф:443/verification",
	} {
		req, err := http.NewRequest(http.MethodGet, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "OAuth "+tokenAll)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}

// TestUserID: every path repeats the user id, and only the right one will do.
func TestUserID(t *testing.T) {
	s, h := world(t, Config{})
	s.add("http", "example.com", 80)
	for _, id := range []string{"1", "0", "-4242", "04242", "+4242", "4242.0", "abc", "%20", "99999999999999999999999", "%D1%8F"} {
		for _, rest := range []string{"/hosts", "/hosts/http:example.com:80", "/hosts/http:example.com:80/verification", "/hosts/nonsense/owners"} {
			status, code := errorCode(t, h, request("GET", "/v4/user/"+id+rest, "", authHeader))
			if status != http.StatusForbidden || code != "INVALID_USER_ID" {
				t.Errorf("user %s%s: %d %s, want 403 INVALID_USER_ID", id, rest, status, code)
			}
		}
	}
}

// TestScopes: what a token may do. The zero status means that it is allowed.
func TestScopes(t *testing.T) {
	const host = "/v4/user/4242/hosts/http:example.com:80"
	rows := []struct {
		name, verb, path string
		allowed          map[string]bool
	}{
		{"user", "GET", "/v4/user", map[string]bool{tokenRead: true, tokenWrite: true, tokenCheck: true}},
		{"list", "GET", "/v4/user/4242/hosts", map[string]bool{tokenRead: true}},
		{"add", "POST", "/v4/user/4242/hosts", map[string]bool{tokenWrite: true}},
		{"show", "GET", host, map[string]bool{tokenRead: true}},
		{"delete", "DELETE", host, map[string]bool{tokenWrite: true}},
		{"verification", "GET", host + "/verification", map[string]bool{tokenRead: true}},
		{"verify", "POST", host + "/verification?verification_type=DNS", map[string]bool{tokenCheck: true}},
		{"owners", "GET", host + "/owners", map[string]bool{tokenRead: true}},
		{"summary", "GET", host + "/summary", map[string]bool{tokenRead: true}},
	}
	for _, row := range rows {
		for _, token := range []string{tokenRead, tokenWrite, tokenCheck, tokenScans} {
			s, h := world(t, Config{})
			s.add("http", "example.com", 80)
			status, code := errorCode(t, h, request(row.verb, row.path, `{"host_url":"http://example.org"}`, "Authorization: Bearer "+token))
			if forbidden := status == http.StatusForbidden && code == "ACCESS_FORBIDDEN"; forbidden == row.allowed[token] {
				t.Errorf("%s with %s: %d %s, allowed should be %v", row.name, token, status, code, row.allowed[token])
			}
		}
	}
	// The service has the last word.
	s, h := world(t, Config{})
	s.fail["Domains"] = &app.Error{Kind: app.KindForbidden, Scope: zonehold.ScopeDomainsRead}
	if status, code := errorCode(t, h, request("GET", "/v4/user/4242/hosts", "", authHeader)); code != "ACCESS_FORBIDDEN" {
		t.Errorf("a refusal of the service: %d %s", status, code)
	}
}

// TestPattern: figures and logs around the handler get a small, fixed set of
// route names.
func TestPattern(t *testing.T) {
	_, h := world(t, Config{})
	for path, want := range map[string]string{
		"/v4/user": "/{version}/user",
		"/v3/user/1/hosts/http:a.example:80/verification/": "/{version}/user/{user-id}/hosts/{host-id}/verification",
		"/v4/user/1/hosts/http:a.example:80/else":          "/{version}/…",
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if r.Pattern != want {
			t.Errorf("%s: pattern %q, want %q", path, r.Pattern, want)
		}
	}
}
