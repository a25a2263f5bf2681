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
