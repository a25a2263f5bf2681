package telemetry

import (
	"context"
	"encoding/json"
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
	result map[string]string
	ready  bool
}

type check struct {
	name string
	run  func(context.Context) error
}

// Add registers a check, e.g. "database". It must return soon after its
// context ends.
func (h *Readiness) Add(name string, run func(context.Context) error) {
	h.checksMu.Lock()
	defer h.checksMu.Unlock()
	h.checks = append(h.checks, check{name, run})
}

// Drain makes the process not ready for good, so that no new work is sent
// here while it shuts down.
func (h *Readiness) Drain() { h.draining.Store(true) }

// Check runs the checks and gives "ok" or "failing" for each.
func (h *Readiness) Check(ctx context.Context) (map[string]string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checksMu.Lock()
	checks := h.checks
	h.checksMu.Unlock()
	// A check added since, as at start, makes the last result worthless.
	if h.result != nil && len(h.result) == len(checks) && time.Since(h.at) < checkLife {
		return h.result, h.ready
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
	result := make(map[string]string, len(checks))
	ready := len(checks) > 0
	for i, c := range checks {
		state := "ok"
		if errs[i] != nil {
			state, ready = "failing", false
		}
		if h.Log != nil && h.result[c.name] != state && (state != "ok" || h.result[c.name] != "") {
			h.Log.WarnContext(ctx, "readiness changed", "check", c.name, "state", state, "error", errs[i])
		}
		result[c.name] = state
	}
	h.result, h.ready, h.at = result, ready, time.Now()
	return result, ready
}

// Handler serves /readyz: 200 when every check passes, else 503. The reply
// names the checks; why one fails is in the log.
func (h *Readiness) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(r.Context(), "/readyz")
		reply := struct {
			Ready  bool              `json:"ready"`
			Checks map[string]string `json:"checks"`
		}{}
		if h.draining.Load() {
			reply.Checks = map[string]string{"shutdown": "draining"}
		} else {
			reply.Checks, reply.Ready = h.Check(r.Context())
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !reply.Ready {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(reply)
	})
}
