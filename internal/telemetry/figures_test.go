package telemetry

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics("v0")
		var ready Readiness
		ready.Add("database", func(context.Context) error { return nil })
		ready.AddSoft("resolver", func(context.Context) error { return errors.New("x") })
		asked := 0
		now := Figures{Up: true, Latency: time.Millisecond, Size: 4096, Free: -1, Log: -1, Faults: map[string]float64{"full": 2},
			Domains: map[string]float64{"verified": 7}, Due: 3, DueAge: time.Minute, Jobs: map[string]float64{"available": 5}, JobAge: 2 * time.Second, Nodes: 1}
		m.Watch(func(context.Context) Figures { asked++; return now }, &ready)
		page := func() string {
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.RemoteAddr = "127.0.0.1:1"
			w := httptest.NewRecorder()
			m.Handler("").ServeHTTP(w, r)
			return w.Body.String()
		}
		text := page()
		for _, want := range []string{
			"zonehold_database_up 1", "zonehold_database_latency_seconds 0.001", "zonehold_database_size_bytes 4096",
			`zonehold_database_faults_total{kind="full"} 2`, `zonehold_domains{state="verified"} 7`, "zonehold_domains_due 3",
			"zonehold_domains_due_age_seconds 60", `zonehold_jobs{state="available"} 5`, "zonehold_job_oldest_age_seconds 2", "zonehold_nodes 1",
			"zonehold_ready 1", `zonehold_ready_check{check="database"} 1`, `zonehold_ready_check{check="resolver"} 0`,
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("lacks %s", want)
			}
		}
		if strings.Contains(text, "\nzonehold_data_free_bytes") {
			t.Error("tells what is not known")
		}
		page()
		if asked != 1 {
			t.Errorf("asked %d times within ten seconds", asked)
		}
		time.Sleep(figuresLife)
		now.Up = false
		if text = page(); !strings.Contains(text, "zonehold_database_up 0\n") || strings.Contains(text, "zonehold_domains{") {
			t.Error("a database that is down has figures")
		}
	})
}

func TestCatalogue(t *testing.T) {
	c := Catalogue()
	for name, want := range map[string]string{"zonehold_domains": "state", "zonehold_build_info": "go_version version", "zonehold_nodes": "",
		"zonehold_http_requests_total": "route method status", "zonehold_verification_duration_seconds": "method"} {
		if got, ok := c[name]; !ok || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v; want %q", name, got, ok, want)
		}
	}
	if len(c) < 30 {
		t.Errorf("only %d", len(c))
	}
}
