package webmaster

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestToken(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		headers    []string
		want       int
	}{
		{"oauth", "/v4/user", []string{"Authorization: OAuth " + tokenAll}, 200},
		{"bearer", "/v4/user", []string{"Authorization: Bearer " + tokenAll}, 200},
		{"case", "/v4/user", []string{"Authorization: oAUTH " + tokenAll}, 200},
		{"more spaces", "/v4/user", []string{"Authorization: OAuth   " + tokenAll}, 200},
		{"query", "/v4/user?oauth_token=" + tokenAll, nil, 200},
		{"query and header", "/v4/user?oauth_token=" + tokenAll, []string{"Authorization: OAuth " + tokenAll}, 200},
		{"header wins", "/v4/user?oauth_token=" + tokenAll, []string{"Authorization: OAuth zhp_wrong"}, 403},
		{"no token", "/v4/user", nil, 403},
		{"empty query", "/v4/user?oauth_token=", nil, 403},
		{"scheme alone", "/v4/user", []string{"Authorization: OAuth"}, 403},
		{"no scheme", "/v4/user", []string{"Authorization: " + tokenAll}, 403},
		{"another scheme", "/v4/user", []string{"Authorization: Basic " + tokenAll}, 403},
		{"unknown", "/v4/user", []string{"Authorization: OAuth zhp_unknown"}, 403},
		{"two words", "/v4/user", []string{"Authorization: OAuth " + tokenAll + " x"}, 403},
		{"long", "/v4/user", []string{"Authorization: OAuth " + strings.Repeat("a", 100000)}, 403},
		{"not ASCII", "/v4/user", []string{"Authorization: OAuth zhp_\xff\xfe"}, 403},
		{"control", "/v4/user?oauth_token=zhp%00everything", nil, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, h := world(t, Config{})
			status, code := errorCode(t, h, request("GET", tt.path, "", tt.headers...))
			if status != tt.want || status == 403 && code != "INVALID_OAUTH_TOKEN" {
				t.Errorf("got %d %s, want %d", status, code, tt.want)
			}
		})
	}
}

// TestTokenNotLogged: neither our log nor one around us sees a token of the
// query, and a fault of ours does not show in the reply.
func TestTokenNotLogged(t *testing.T) {
	for _, query := range []string{
		"?oauth_token=" + tokenOffline, "?x=1&oauth_token=" + tokenOffline + "&y=2",
		"?oauth%5Ftoken=" + tokenOffline, "?oauth_token=" + tokenOffline + "%zz", "?%6fauth_token=" + tokenOffline + ";a=b",
	} {
		var log bytes.Buffer
		_, h := world(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		r := httptest.NewRequest(http.MethodGet, "/v4/user"+query, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if strings.Contains(log.String(), tokenOffline) {
			t.Errorf("%s: the log has the token: %s", query, log.String())
		}
		if u := r.URL.String() + r.RequestURI; strings.Contains(u, tokenOffline) {
			t.Errorf("%s: the request still has the token: %s", query, u)
		}
		if strings.Contains(w.Body.String(), "fire") {
			t.Errorf("the reply tells of our insides: %s", w.Body)
		}
	}
}

func TestAuthFault(t *testing.T) {
	var log bytes.Buffer
	_, h := world(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	status, code := errorCode(t, h, request("GET", "/v4/user", "", "Authorization: OAuth "+tokenOffline))
	if status != 500 || code != "INTERNAL_SERVER_ERROR" {
		t.Errorf("got %d %s, want a 500: the token may be good", status, code)
	}
	if !strings.Contains(log.String(), "disk is on fire") {
		t.Errorf("the cause is not in the log: %s", log.String())
	}
}

func TestRequestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h := world(t, Config{RequestsPerMinute: 30}) // 3 at once, one each 2 s
		get := func(token string) *http.Response {
			return send(t, h, request("GET", "/v4/user", "", "Authorization: OAuth "+token))
		}
		for i := range 3 {
			if resp := get(tokenAll); resp.StatusCode != 200 {
				t.Fatalf("request %d: %d", i, resp.StatusCode)
			}
		}
		resp := get(tokenAll)
		if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" {
			t.Fatalf("got %d, Retry-After %q; want 429, 2", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if resp := get(tokenRead); resp.StatusCode != 200 {
			t.Errorf("another token: %d", resp.StatusCode)
		}
		if resp := get("zhp_wrong"); resp.StatusCode != 403 {
			t.Errorf("a wrong token: %d", resp.StatusCode)
		}
		time.Sleep(2 * time.Second) // as Retry-After said
		if resp := get(tokenAll); resp.StatusCode != 200 {
			t.Errorf("after the wait: %d", resp.StatusCode)
		}
	})
}
