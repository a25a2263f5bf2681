package probely

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// TestTokens: who may do what, and what the others are told.
func TestTokens(t *testing.T) {
	calls := map[string]string{ // path to the token that just does
		"GET /domains/": tokenRead, "GET " + onExample: tokenRead, "POST /domains/": tokenWrite,
		"GET /profile/": tokenCheck, "GET /users/": tokenWrite, "GET /targets/": tokenRead, "GET /discovery/status/": tokenCheck,
	}
	for call, enough := range calls {
		verb, path, _ := strings.Cut(call, " ")
		for _, tt := range []struct {
			header string
			want   int
		}{
			{"Authorization: JWT " + enough, 0},
			{"Authorization: jwt  " + tokenAll, 0},
			{"Authorization: Bearer " + tokenAll, 0},
			{"Authorization: JWT " + tokenNothing, 403},
			{"Authorization: JWT nobodys", 401},
			{"Authorization: JWT", 401},
			{"Authorization: JWT " + strings.Repeat("x", 600), 401},
			{"Authorization: JWT a b", 401},
			{"Authorization: Token " + tokenAll, 401},
			{"Authorization: OAuth " + tokenAll, 401},
			{"Authorization: JWT " + tokenAll + "\nAuthorization: JWT " + tokenAll, 401},
			{"X-None: 1", 401},
			{"Authorization: JWT " + tokenOffline, 500},
		} {
			s, h := world(t, Config{})
			s.add("example.com")
			resp := send(t, h, request(verb, path, "", tt.header))
			body := bodyOf(t, resp)
			if tt.want == 0 && resp.StatusCode != 200 && resp.StatusCode != 400 || tt.want != 0 && resp.StatusCode != tt.want {
				t.Errorf("%s with %.60s: %d %s", call, tt.header, resp.StatusCode, body)
			}
			if resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") != `JWT realm="api"` {
				t.Errorf("a 401 with %q", resp.Header)
			}
			checkReply(t, resp, body)
		}
	}
	for call, short := range map[string]string{
		"POST /domains/": tokenRead, "PATCH " + onExample: tokenRead, "PUT " + onExample: tokenCheck, "DELETE " + onExample: tokenRead,
		"POST " + onExample + "verify/": tokenWrite, "GET /domains/": tokenWrite,
	} {
		s, h := world(t, Config{})
		s.add("example.com")
		verb, path, _ := strings.Cut(call, " ")
		resp := send(t, h, request(verb, path, "", "Authorization: JWT "+short))
		if body := bodyOf(t, resp); resp.StatusCode != 403 {
			t.Errorf("%s with %s: %d %s", call, short, resp.StatusCode, body)
		}
	}
}

func TestRoutes(t *testing.T) {
	for path, want := range map[string]string{
		"/domains/": "/domains/", "/domains": "/domains/", "/domains/x/": "/domains/{id}/", "/domains/x": "/domains/{id}/",
		"/domains/x/verify": "/domains/{id}/verify/", "/domains/%2e%2e/verify/": "/domains/{id}/verify/", "/d%6Fmains/": "/domains/",
		"/enterprise/auth/obtain/": "/enterprise/auth/obtain/", "/users/x/": "/users/{id}/", "/findings": "/findings/",
		"": "", "/": "", "//": "", "/domains//": "", "//domains/": "", "/domains/x//": "", "/domains/x/y/": "", "/domains/a%2fverify": "/domains/{id}/",
		"/domains/x/verify/y/": "", "/Domains/": "", "/domains/%zz/": "", "/auth/": "", "/discovery/": "", "/targets/x/": "", "domains/": "",
		"/domains/bulk/delete/": "", strings.Repeat("/", 100000): "",
	} {
		res, id, ok := match(path)
		if ok != (want != "") || ok && res.pattern != want {
			t.Errorf("%.80q leads to %+v, %q, want %q", path, res, id, want)
		}
	}
	roots := Roots()
	for _, root := range []string{"domains", "discovery", "profile", "account", "users", "targets", "scans", "findings", "labels", "teams",
		"integrations", "events", "webhooks", "auth-obtain", "auth", "enterprise"} {
		if !slices.Contains(roots, root) {
			t.Errorf("%s is no root", root)
		}
	}
	for i, root := range roots {
		if root == "" || strings.ContainsAny(root, "/{}") || slices.Contains(roots[:i], root) {
			t.Errorf("root %q", root)
		}
	}
}

// TestIDs: only an id leads to a domain, though the service knows it by more.
func TestIDs(t *testing.T) {
	s, h := world(t, Config{})
	d := s.add("example.com")
	s.add("native.example").Profile = zonehold.ProfileZonehold
	s.add("abcdefgh.com") // as long as an id
	for _, id := range []string{
		"example.com", d.ID, "abcdefgh.com", app.ShortID(s.domains[1].ID), "3jWDZrNpfhSK", "a1B2-c_D3e4F", "x", "..", "%2e%2e", "%00", strings.Repeat("1", 12),
		strings.Repeat("a", 5000), exampleID + "1", strings.ToLower(exampleID), "caf%C3%A9%C3%A9%C3%A9%C3%A9",
	} {
		for _, verb := range []string{"GET", "PATCH", "PUT", "DELETE"} {
			if status, body := ask(t, h, verb, "/domains/"+id+"/", ""); status != 404 || body != `{"detail":"Not found."}` {
				t.Errorf("%s %.40s: %d %s", verb, id, status, body)
			}
		}
		if status, body := ask(t, h, "POST", "/domains/"+id+"/verify/", ""); status != 404 || body != `{"detail":"Not found."}` {
			t.Errorf("verify %.40s: %d %s", id, status, body)
		}
	}
	if len(s.domains) != 3 || len(s.started) > 0 {
		t.Error("something happened")
	}
}

func TestVerbs(t *testing.T) {
	for path, want := range map[string]string{
		"/domains/": "GET, POST, HEAD, OPTIONS", onExample: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS", onExample + "verify/": "POST, OPTIONS",
		"/profile/": "GET, HEAD, OPTIONS", "/auth/obtain/": "POST, OPTIONS",
	} {
		s, h := world(t, Config{})
		s.add("example.com")
		for _, verb := range []string{"TRACE", "LINK", "OPTIONS", "DELETE", "PUT"} {
			resp := send(t, h, request(verb, path, "", authHeader))
			body := bodyOf(t, resp)
			switch {
			case verb == "OPTIONS":
				if resp.StatusCode != 200 || resp.Header.Get("Allow") != want {
					t.Errorf("OPTIONS %s: %d %q %s", path, resp.StatusCode, resp.Header, body)
				}
			case strings.Contains(want, verb):
				continue
			case resp.StatusCode != 405 || resp.Header.Get("Allow") != want || body != `{"detail":"Method \"`+verb+`\" not allowed."}`:
				t.Errorf("%s %s: %d %q %s", verb, path, resp.StatusCode, resp.Header, body)
			}
			if verb != "DELETE" {
				checkReply(t, resp, body)
			}
		}
	}
	s, h := world(t, Config{})
	s.add("example.com")
	srv := httptest.NewServer(h)
	defer srv.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, srv.URL+onExample, nil)
	req.Header.Set("Authorization", "JWT "+tokenAll)
	resp, err := srv.Client().Do(req)
	if err != nil || resp.StatusCode != 200 || resp.ContentLength < 200 || bodyOf(t, resp) != "" {
		t.Errorf("HEAD: %+v, %v", resp, err)
	}
}

func TestUsers(t *testing.T) {
	_, h := world(t, Config{})
	id := app.ShortID(testAccount)
	if status, body := ask(t, h, "GET", "/users/"+id+"/", ""); status != 200 || !strings.HasPrefix(body, `{"id":"`+id+`","email":"leiko@example.org","name":"Leiko"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, other := range []string{exampleID, testAccount, "100001", "Leiko"} {
		if status, body := ask(t, h, "GET", "/users/"+other+"/", ""); status != 404 {
			t.Errorf("%s: %d %s", other, status, body)
		}
	}
	if status, body := ask(t, h, "GET", "/users/?page=2", ""); status != 404 || body != `{"detail":"Invalid page."}` {
		t.Errorf("a second page: %d %s", status, body)
	}
}

// TestCreateInput: what reaches the service.
func TestCreateInput(t *testing.T) {
	s, h := world(t, Config{})
	for _, body := range []string{
		`{"hostname":"a.example"}`,
		`{"hostname":"b.example:8443","basic_auth_username":null,"basic_auth_password":null,"port":null}`,
		`{"hostname":"c.example:8443","port":8443}`,
		`{"hostname":"d.example","basic_auth_username":"u","basic_auth_password":" p ","port":"80","discovery_enabled":true}`,
	} {
		if status, got := ask(t, h, "POST", "/domains/", body); status != 201 {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	want := []app.CreateDomain{
		{Hostname: "a.example", Profile: zonehold.ProfileProbely},
		{Hostname: "b.example", Port: 8443, Profile: zonehold.ProfileProbely},
		{Hostname: "c.example", Port: 8443, Profile: zonehold.ProfileProbely},
		{Hostname: "d.example", Port: 80, Profile: zonehold.ProfileProbely, BasicAuthUsername: "u", BasicAuthPassword: " p "},
	}
	if !slices.Equal(s.inputs, want) || len(s.patches) != 0 {
		t.Errorf("inputs %+v, patches %+v", s.inputs, s.patches)
	}
	if _, body := ask(t, h, "GET", "/domains/", ""); strings.Contains(body, `" p "`) {
		t.Errorf("a password is shown: %s", body)
	}
}

func TestPanic(t *testing.T) {
	var logged bytes.Buffer
	_, h := world(t, Config{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	h.(*handler).service = nil
	resp := send(t, h, request("GET", onExample, "", authHeader))
	body := bodyOf(t, resp)
	if resp.StatusCode != 500 || body != `{"detail":"Unexpected error while handling your request."}` || !strings.Contains(logged.String(), "panic") {
		t.Errorf("%d %s; logged %s", resp.StatusCode, body, &logged)
	}
	checkReply(t, resp, body)
}

// TestRates: each token has a budget of its own, which comes back.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := world(t, Config{RequestsPerMinute: 60})
		with := func(token string) int {
			return send(t, h, request("GET", "/profile/", "", "Authorization: JWT "+token)).StatusCode
		}
		for range 6 {
			if got := with(tokenAll); got != 200 {
				t.Fatalf("within the budget: %d", got)
			}
		}
		if a, b := with(tokenAll), with(tokenRead); a != 429 || b != 200 {
			t.Errorf("above the budget: %d, another token %d", a, b)
		}
		time.Sleep(time.Second)
		if got := with(tokenAll); got != 200 {
			t.Errorf("a second later: %d", got)
		}
	})
}

// FuzzRequest: any path, query and body get a JSON answer, never a redirect
// and never a 500.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/domains/", "length=1", "", "")
	f.Add("POST", "/domains/", "", typeJSON, `{"hostname":"example.com"}`)
	f.Add("POST", onExample+"verify/", "", typeForm, "type=dns")
	f.Add("PATCH", onExample, "%zz;", "a/b", "\x00")
	f.Add("GET", "/domains/", "ordering=-port,x&verified=t&verification_method=null&source=&page=last", "", "{}")
	f.Add("POST", "/auth/verify/", "", typeJSON, `{"token":"`+tokenAll+`"}`)
	f.Fuzz(func(t *testing.T, verb, path, query, kind, body string) {
		s, h := world(t, Config{})
		s.add("example.com")
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method = verb
		r.URL = &url.URL{Path: path, RawQuery: query}
		if p, err := url.PathUnescape(path); err == nil {
			r.URL.Path, r.URL.RawPath = p, path
		}
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		r.Header.Set("Authorization", "JWT "+tokenAll)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(context.Background()))
		if w.Code/100 == 3 || w.Code >= 500 {
			t.Fatalf("%s %q: %d %s", verb, path, w.Code, w.Body)
		}
		if w.Code != http.StatusNoContent && (!json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes())) {
			t.Fatalf("%s %q: not JSON: %q", verb, path, w.Body)
		}
		checkReply(t, w.Result(), w.Body.String())
	})
}
