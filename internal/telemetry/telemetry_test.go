package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogRedacts(t *testing.T) {
	const tok = "zhp_abcdefghijklmnopqrstuvwxyz234567abcdefgh"
	for _, format := range []string{"json", "text"} {
		var buf bytes.Buffer
		log := NewLogger(&buf, slog.LevelInfo, format)
		log.Debug("not shown")
		log.Info("msg "+tok, "token", "t0psecret", "Authorization", "t0psecret", "url", "postgres://u:t0psecret@h/d?sslpassword=t0psecret&a=b",
			"header", "Bearer t0psecret", "path", "/v4/user?oauth_token=t0psecret",
			"error", fmt.Errorf("dialing: %w", errors.New("postgres://u:t0psecret@h/d: refused")),
			slog.Group("request", "cookie", "t0psecret", "kept", "plain value"))
		out := buf.String()
		if strings.Contains(out, "t0psecret") || strings.Contains(out, tok[8:]) {
			t.Errorf("%s log shows a secret: %s", format, out)
		}
		for _, want := range []string{"plain value", "refused", "a=b"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s log lacks %q: %s", format, want, out)
			}
		}
		if strings.Contains(out, "not shown") {
			t.Error("level is not honoured")
		}
	}
}

func TestMiddleware(t *testing.T) {
	var buf bytes.Buffer
	log := NewLogger(&buf, slog.LevelInfo, "json")
	m := NewMetrics("v0")
	h := Middleware(log, m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "/v1/things/{id}")
		log.InfoContext(r.Context(), "inside")
		if r.URL.Query().Has("fail") {
			w.WriteHeader(http.StatusTeapot)
		}
		fmt.Fprint(w, RequestID(r.Context()))
	}))
	do := func(method, url, id string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, url, nil)
		if id != "" {
			r.Header.Set(HeaderRequestID, id)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := do("GET", "/v1/things/1?oauth_token=hush", "")
	id := w.Header().Get(HeaderRequestID)
	if !harmless(id) || !strings.HasPrefix(id, "req_") || w.Body.String() != id {
		t.Errorf("id %q, body %q", id, w.Body)
	}
	if !strings.Contains(buf.String(), `"request_id":"`+id+`"`) {
		t.Errorf("log lacks the id: %s", &buf)
	}
	if got := do("GET", "/", "caller-chosen.1").Header().Get(HeaderRequestID); got != "caller-chosen.1" {
		t.Errorf("caller's id became %q", got)
	}
	for _, bad := range []string{"short", strings.Repeat("a", 65), "with space", "new\nline.."} {
		if got := do("GET", "/", bad).Header().Get(HeaderRequestID); got == bad {
			t.Errorf("%q accepted", bad)
		}
	}
	buf.Reset()
	do("BREW", "/x?fail&oauth_token=hush", "")
	var line map[string]any
	last := strings.Split(strings.TrimSpace(buf.String()), "\n")
	if err := json.Unmarshal([]byte(last[len(last)-1]), &line); err != nil {
		t.Fatal(err)
	}
	if line["status"] != 418.0 || line["route"] != "/v1/things/{id}" || line["path"] != "/x" || strings.Contains(buf.String(), "hush") {
		t.Errorf("access line %v", line)
	}
	page := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:1"
	m.Handler("").ServeHTTP(page, r)
	for _, want := range []string{
		`zonehold_http_requests_total{method="other",route="/v1/things/{id}",status="418"} 1`,
		`zonehold_http_requests_total{method="GET",route="/v1/things/{id}",status="200"} 6`,
		`zonehold_http_request_duration_seconds_count{method="GET",route="/v1/things/{id}"} 6`,
		"zonehold_http_requests_in_flight 0",
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("lacks %s", want)
		}
	}
}

func TestRouteFromPattern(t *testing.T) {
	var buf bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("POST /a/{id}", func(http.ResponseWriter, *http.Request) {})
	h := Middleware(NewLogger(&buf, slog.LevelInfo, "json"), nil, mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/a/b", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/c", nil))
	if !strings.Contains(buf.String(), `"route":"POST /a/{id}"`) || !strings.Contains(buf.String(), `"route":"unmatched"`) {
		t.Error(buf.String())
	}
}

// Streams need the flusher behind the wrapper.
func TestMiddlewareFlushes(t *testing.T) {
	h := Middleware(nil, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !w.Flushed {
		t.Error("not flushed")
	}
}

func TestMetricsAccess(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.AttemptStarted(3 * time.Millisecond)
	m.AttemptFinished("dns_txt", "absent", time.Second)
	m.AttemptFinished("", "", 0)
	m.QueueDepth(4, 2)
	tests := []struct {
		name, token, auth, remote, forwarded string
		want                                 int
	}{
		{"local", "", "", "127.0.0.1:1", "", 200},
		{"local IPv6", "", "", "[::1]:1", "", 200},
		{"remote", "", "", "192.0.2.1:1", "", 403},
		{"proxied", "", "", "127.0.0.1:1", "192.0.2.1", 403},
		{"no address", "", "", "@", "", 403},
		{"token", "s3cret", "Bearer s3cret", "192.0.2.1:1", "", 200},
		{"wrong token", "s3cret", "Bearer s3cre", "127.0.0.1:1", "", 401},
		{"no token", "s3cret", "", "127.0.0.1:1", "", 401},
		{"other scheme", "s3cret", "Basic s3cret", "127.0.0.1:1", "", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.RemoteAddr = tt.remote
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			w := httptest.NewRecorder()
			m.Handler(tt.token).ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Fatalf("status %d, want %d", w.Code, tt.want)
			}
			if w.Code != 200 {
				return
			}
			for _, want := range []string{
				`zonehold_verification_attempts_total{method="dns_txt",outcome="absent"} 1`,
				`zonehold_verification_attempts_total{method="any",outcome="canceled"} 1`,
				`zonehold_verification_wait_seconds_count 1`, `zonehold_attempts_queued 4`, `zonehold_attempts_running 2`,
				`version="v1.2.3"`, "go_goroutines",
			} {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("lacks %s", want)
				}
			}
		})
	}
}

func TestHealth(t *testing.T) {
	w := httptest.NewRecorder()
	Alive().ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Readiness{Log: NewLogger(io.Discard, slog.LevelInfo, "json")}
		get := func() (int, string) {
			w := httptest.NewRecorder()
			h.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
			return w.Code, strings.TrimSpace(w.Body.String())
		}
		if code, _ := get(); code != 503 {
			t.Errorf("ready without a check: %d", code)
		}
		// The first check counts at once: no earlier result is reused.
		var fail error
		runs := 0
		h.Add("database", func(context.Context) error { runs++; return fail })
		if code, body := get(); code != 200 || body != `{"ready":true,"checks":{"database":"ok"}}` {
			t.Errorf("%d %s", code, body)
		}
		get()
		if runs != 1 {
			t.Errorf("%d runs within a second", runs)
		}
		time.Sleep(checkLife)
		fail = errors.New("password authentication failed for hunter2")
		if code, body := get(); code != 503 || body != `{"ready":false,"checks":{"database":"failing"}}` {
			t.Errorf("%d %s", code, body)
		}
		time.Sleep(checkLife)
		fail = nil
		h.Add("hangs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		h.Add("panics", func(context.Context) error { panic("x") })
		if code, body := get(); code != 503 || !strings.Contains(body, `"hangs":"failing","panics":"failing"`) || !strings.Contains(body, `"database":"ok"`) {
			t.Errorf("%d %s", code, body)
		}
		h.Drain()
		if code, body := get(); code != 503 || !strings.Contains(body, "draining") {
			t.Errorf("%d %s", code, body)
		}
	})
}
