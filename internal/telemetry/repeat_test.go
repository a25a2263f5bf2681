package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRepeatedFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		log := NewLogger(&buf, slog.LevelInfo, "text")
		count := func(part string) int {
			n := strings.Count(buf.String(), part)
			buf.Reset()
			return n
		}
		full := errors.New("the disk is full")
		for range 1000 {
			log.With("part", "jobs").Error("writing", "err", full)
			time.Sleep(10 * time.Millisecond)
		}
		if n := count("msg=writing"); n != repeatsShown {
			t.Errorf("%d lines for 1000 failures", n)
		}
		// Another error, another message, and what is no failure, show.
		log.Error("writing", "err", errors.New("the disk is gone"))
		log.Error("reading", "err", full)
		for range 20 {
			log.Warn("a check was given up", "attempt", "att_1")
			log.Info("writing", "err", full)
		}
		if n := count("\n"); n != 42 {
			t.Errorf("%d other lines, want 42", n)
		}
		time.Sleep(time.Minute)
		log.Error("writing", "err", full)
		if n := count("repeated=995"); n != 1 {
			t.Error("the number left out is not told")
		}
	})
}

type reason struct{ error }

func (reason) Public() string { return "The database is full." }

func TestDegraded(t *testing.T) {
	var h Readiness
	h.Add("database", func(context.Context) error { return nil })
	h.AddSoft("resolver", func(context.Context) error { return errors.New("no root server answers") })
	get := func() (int, string) {
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	if code, body := get(); code != 200 || body != `{"ready":true,"checks":{"database":"ok","resolver":"degraded"}}` {
		t.Errorf("%d %s", code, body)
	}
	h.Add("writes", func(context.Context) error { return reason{errors.New("secret detail")} })
	if code, body := get(); code != 503 || body != `{"ready":false,"checks":{"database":"ok","resolver":"degraded","writes":"failing"},"reasons":{"writes":"The database is full."}}` {
		t.Errorf("%d %s", code, body)
	}
}
