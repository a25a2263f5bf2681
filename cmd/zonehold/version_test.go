package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
