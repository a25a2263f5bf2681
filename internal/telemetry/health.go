package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Alive serves /healthz: the process answers, whatever else is wrong.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "/healthz")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("ok\n"))
	})
}

const (
	checkLimit = 2 * time.Second // of one round of checks
	checkLife  = time.Second     // how long a result is reused, as anybody may ask
)

// Readiness answers whether the process can do its work. The zero value is
// ready to use and not ready until a check was added. Safe for concurrent use.
type Readiness struct {
	Log *slog.Logger // told when a check begins or ends to fail; may be nil

	draining atomic.Bool
	checksMu sync.Mutex
	checks   []check

	mu     sync.Mutex // held during a round
	at     time.Time
	health Health
}

// Health is the answer of Readiness.
type Health struct {
	Ready   bool              `json:"ready"`
	Checks  map[string]string `json:"checks"`            // "ok", "degraded" or "failing"
	Reasons map[string]string `json:"reasons,omitempty"` // why, where it may be told to anybody
}

type check struct {
	name string
	soft bool
	run  func(context.Context) error
}

// Add registers a check, e.g. "database". It must return soon after its
// context ends.
func (h *Readiness) Add(name string, run func(context.Context) error) {
	h.checksMu.Lock()
	defer h.checksMu.Unlock()
	h.checks = append(h.checks, check{name, false, run})
}

// AddSoft registers a check of something without which the process can still
// answer: while it fails, it shows as degraded and the process stays ready.
func (h *Readiness) AddSoft(name string, run func(context.Context) error) {
	h.checksMu.Lock()
	defer h.checksMu.Unlock()
	h.checks = append(h.checks, check{name, true, run})
}

// Drain makes the process not ready for good, so that no new work is sent
// here while it shuts down.
func (h *Readiness) Drain() { h.draining.Store(true) }

// Check runs the checks.
func (h *Readiness) Check(ctx context.Context) Health {
	if h.draining.Load() {
		return Health{Checks: map[string]string{"shutdown": "draining"}}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checksMu.Lock()
	checks := h.checks
	h.checksMu.Unlock()
	// A check added since, as at start, makes the last result worthless.
	if h.health.Checks != nil && len(h.health.Checks) == len(checks) && time.Since(h.at) < checkLife {
		return h.health
	}
	// The caller going away must not show as a failing check to the next one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("check panicked: %v", p)
				}
			}()
			errs[i] = c.run(ctx)
		})
	}
	wg.Wait()
	health := Health{Ready: len(checks) > 0, Checks: make(map[string]string, len(checks))}
	for i, c := range checks {
		state, before := "ok", h.health.Checks[c.name]
		if errs[i] != nil {
			state = "failing"
			if c.soft {
				state = "degraded"
			}
			health.Ready = health.Ready && c.soft
			if public, ok := errors.AsType[publicError](errs[i]); ok {
				if health.Reasons == nil {
					health.Reasons = map[string]string{}
				}
				health.Reasons[c.name] = public.Public()
			}
		}
		if h.Log != nil && before != state && (state != "ok" || before != "") {
			h.Log.WarnContext(ctx, "readiness changed", "check", c.name, "state", state, "error", errs[i])
		}
		health.Checks[c.name] = state
	}
	h.health, h.at = health, time.Now()
	return health
}

// publicError is an error with a text that anybody may read.
type publicError interface {
	error
	Public() string
}

// Handler serves /readyz: 200 when every check passes that has to, else 503.
// The reply names the checks, and says why as far as everybody may know it;
// the rest is in the log.
func (h *Readiness) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "/readyz")
		reply := h.Check(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !reply.Ready {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(reply)
	})
}
