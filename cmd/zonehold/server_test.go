package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
)

// What says that the process lives and which it is needs no database and no
// token.
func TestServedWithoutDatabase(t *testing.T) {
	s := &server{cfg: &config.Config{}}
	h := s.dispatch(telemetry.NewMetrics("v1.2.3"), nil)
	for path, want := range map[string]string{"/healthz": "ok\n", "/version": `{"version":"` + buildVersion() + `"}`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Body.String(); w.Code != 200 || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: %d %q, want %q", path, w.Code, got, want)
		}
	}
}

// Who calls a process that does not serve the APIs gets an error of the dialect
// that the path belongs to: clients read nothing else.
func TestNotServedHere(t *testing.T) {
	tests := []struct {
		path, accept, kind, absent, starting string
	}{
		{"/domains/", "", "application/json", `{"detail":"Not found."}`, `{"detail":"Service temporarily unavailable, try again later."}`},
		{"/profile/", "text/html", "application/json", `{"detail":"Not found."}`, `{"detail":"Service temporarily unavailable, try again later."}`},
		{"/v4/user", "", "application/json", `"error_code":"RESOURCE_NOT_FOUND"`, `"error_code":"SERVICE_UNAVAILABLE"`},
		{"/v3/user/", "application/xml", "application/xml", "<Data><error_code>RESOURCE_NOT_FOUND<", "<Data><error_code>SERVICE_UNAVAILABLE<"},
		{"/v1/domains", "", "application/problem+json", `"code":"not_found"`, `"code":"unavailable"`},
		{"/elsewhere", "", "application/problem+json", `"code":"not_found"`, `"code":"unavailable"`},
	}
	for _, tt := range tests {
		for soon, want := range map[bool]string{false: tt.absent, true: tt.starting} {
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("Accept", tt.accept)
			w := httptest.NewRecorder()
			away(soon).ServeHTTP(w, r)
			status := http.StatusNotFound
			if soon {
				status = http.StatusServiceUnavailable
			}
			if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), tt.kind) || !strings.Contains(w.Body.String(), want) ||
				soon != (w.Header().Get("Retry-After") != "") {
				t.Errorf("%s, soon %v: %d %v %s", tt.path, soon, w.Code, w.Header(), w.Body)
			}
		}
	}
}

// A process without the role api is such a one.
func TestWithoutRoleAPI(t *testing.T) {
	s := &server{cfg: &config.Config{Roles: []config.Role{config.RoleWorker}}}
	w := httptest.NewRecorder()
	s.dispatch(telemetry.NewMetrics("v1.2.3"), nil).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/domains/", nil))
	if w.Code != http.StatusNotFound || w.Body.String() != `{"detail":"Not found."}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Calls that come while the database is being opened wait for it, but not for
// ever.
func TestEarlyCalls(t *testing.T) {
	for name, opens := range map[string]time.Duration{"soon": time.Second, "late": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, err := config.Load(config.Sources{})
				if err != nil {
					t.Fatal(err)
				}
				s := &server{cfg: cfg, up: make(chan struct{})}
				h := s.dispatch(telemetry.NewMetrics("v1.2.3"), nil)
				time.AfterFunc(opens, func() {
					var rest http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
					s.rest.Store(&rest)
					close(s.up)
				})
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/domains", nil))
				want := http.StatusTeapot
				if opens > startHold {
					want = http.StatusServiceUnavailable
				}
				if w.Code != want || want == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
					t.Errorf("%d %v, want %d", w.Code, w.Header(), want)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
