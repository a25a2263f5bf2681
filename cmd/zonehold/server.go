package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/probely"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/internal/webmaster"
)

// Limits of the HTTP listener. Replies have no common deadline because event
// streams and waits last; each handler sets its own.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 20 * time.Second
	startHold         = 5 * time.Second // for requests that come before the database is open
)

// server is one running process of the service.
type server struct {
	cfg   *config.Config
	log   *slog.Logger
	ready telemetry.Readiness
	http  *http.Server
	ln    net.Listener
	rest  atomic.Pointer[http.Handler] // everything that needs the database
	up    chan struct{}                // closed when rest is there

	deliveries *notify.Dispatcher // nil: another process brings events out
	store      *store.Store
	auth       *auth.Auth
	app        *app.App
	done       chan error
}

// startServer listens at once, so that /healthz answers while the database is
// brought up to date, and returns when the service is ready. extra serves
// below /dev/ when it is not nil.
func startServer(ctx context.Context, cfg *config.Config, out outside, log *slog.Logger, extra http.Handler) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, up: make(chan struct{}), done: make(chan error, 1)}
	s.ready.Log = log
	metrics := telemetry.NewMetrics(buildVersion())
	if s.ln, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, &exitError{code: exitError_, name: "cannot_listen", message: err.Error(),
			hints: []string{"another program may use the port; choose one with --listen"}}
	}
	s.http = &http.Server{
		Handler:           telemetry.Middleware(log, metrics, s.dispatch(metrics, extra)),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() { s.done <- s.http.Serve(s.ln) }()
	defer func() {
		if err != nil {
			_, _ = s.http.Close(), s.closeStore() // err says more
		}
	}()
	s.store, err = store.Open(ctx, store.Config{URL: cfg.DatabaseURL, DataDir: cfg.DataDir, SecretKey: cfg.SecretKey})
	if err != nil {
		return nil, databaseError(err)
	}
	if err := s.store.Lock(); err != nil {
		return nil, databaseError(err)
	}
	s.auth = auth.New(s.store)
	s.app, err = app.New(app.Config{
		Store: s.store, Kit: out.kit, Mail: out.mail, Webhooks: out.hooks.targets, Providers: out.providers, Log: log, Observer: metrics,
		Worker:              cfg.Has(config.RoleWorker),
		ChecksPerMinute:     cfg.ChecksPerMinute,
		TargetChecksPerHour: cfg.TargetChecksPerHour,
		DomainLimit:         cfg.DomainLimit,
		RecheckInterval:     cfg.RecheckInterval,
		RecheckGrace:        graceOf(cfg.RecheckGrace),
		Exclusive:           cfg.Exclusive,
		ContestWait:         cfg.ContestWait,
		OwnerWatch:          cfg.OwnerWatch,
		EvidenceKept:        cfg.EvidenceKept,
		AttemptsKept:        cfg.AttemptsKept,
		Breaker:             app.BreakerConfig{Flips: cfg.BreakerFlips, Percent: cfg.BreakerPercent, Hold: cfg.BreakerHold},
		Canaries:            cfg.Canaries,
		OperatorAccount:     cfg.OperatorAccount,
		Perspectives:        out.perspectives,
		NodeName:            cfg.NodeName,
		PublicURL:           cfg.PublicURL,
		Version:             buildVersion(),
	})
	if err != nil {
		return nil, err
	}
	if err := s.app.PerspectivesFit(ctx); err != nil {
		return nil, &exitError{code: exitUsage, name: "config_invalid", message: "perspectives: " + err.Error()}
	}
	warnOfPerspectives(log, out.perspectives)
	if err := s.app.Start(ctx); err != nil {
		return nil, fmt.Errorf("starting the workers: %w", err)
	}
	if err := s.startDeliveries(ctx, out, metrics); err != nil {
		return nil, fmt.Errorf("starting deliveries: %w", err)
	}
	if cfg.Has(config.RoleAPI) {
		rest := s.apis()
		s.rest.Store(&rest)
		close(s.up)
	}
	// Not before everything is served.
	s.ready.Add("database", s.store.Ping)
	s.ready.Add("writes", s.store.Writable)
	s.ready.Add("jobs", s.app.Healthy)
	s.ready.AddSoft("schema", newSlowCheck(sameSchema(s.store)).check)
	s.ready.AddSoft("resolver", newSlowCheck(resolves(out.kit.DNS)).check)
	metrics.Watch(s.figures, &s.ready)
	return s, nil
}

// dispatch serves what needs no database, and hands over the rest.
func (s *server) dispatch(metrics *telemetry.Metrics, extra http.Handler) http.Handler {
	absent, starting := away(false), away(true)
	alive, ready, figures := telemetry.Alive(), s.ready.Handler(), metrics.Handler(s.cfg.MetricsToken)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/healthz":
			telemetry.SetRoute(r.Context(), path)
			alive.ServeHTTP(w, r)
		case path == "/readyz":
			telemetry.SetRoute(r.Context(), path)
			ready.ServeHTTP(w, r)
		case path == "/version":
			telemetry.SetRoute(r.Context(), path)
			serveVersion(w, r)
		case path == "/metrics":
			telemetry.SetRoute(r.Context(), path)
			figures.ServeHTTP(w, r)
		case path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			telemetry.SetRoute(r.Context(), path)
			http.Redirect(w, r, "/docs/", http.StatusFound)
		case extra != nil && strings.HasPrefix(path, "/dev/"):
			extra.ServeHTTP(w, r)
		default:
			if !s.cfg.Has(config.RoleAPI) {
				absent.ServeHTTP(w, r)
				return
			}
			if rest := s.whenUp(r.Context()); rest != nil {
				rest.ServeHTTP(w, r)
				return
			}
			starting.ServeHTTP(w, r)
		}
	})
}

// whenUp is what serves the APIs. Scripts start the server and call it at once,
// so early requests wait a little; nil when the server is not up then.
func (s *server) whenUp(ctx context.Context) http.Handler {
	if rest := s.rest.Load(); rest != nil {
		return *rest
	}
	ctx, cancel := context.WithTimeout(ctx, startHold)
	defer cancel()
	select {
	case <-s.up:
		return *s.rest.Load()
	case <-ctx.Done():
		return nil
	}
}

// apis joins the dialects, each at its own roots. The first segment of the
// path decides, so that no mux cleans or redirects what a dialect must see as
// it was sent.
func (s *server) apis() http.Handler {
	native := httpapi.New(httpapi.Config{
		Service: s.app, Webhooks: s.app, Accounts: s.app, Grants: s.app, Bundles: s.app, Claims: s.app, Breakers: s.app, Audits: s.app, Notices: s.app, Perspectives: s.app, Idempotency: s.app, Auth: s.auth, Version: buildVersion(), Log: s.log,
		DomainVersion: s.app.DomainVersion, Stamp: s.app.Stamp,
		Limits: httpapi.Limits{Reads: rateLimit(s.cfg.ReadsPerMinute), Writes: rateLimit(s.cfg.WritesPerMinute), Checks: s.cfg.ChecksPerMinute},
	})
	yandex := webmaster.New(webmaster.Config{Service: s.app, Auth: s.auth, Log: s.log, RequestsPerMinute: s.cfg.ReadsPerMinute})
	scanner := probely.New(probely.Config{
		Service: s.app, Auth: s.auth, Connections: s.app.Connections, Log: s.log, RequestsPerMinute: s.cfg.ReadsPerMinute,
	})
	return byRoot(native, yandex, scanner)
}

// away answers all of them where they are not served, or not yet: clients of
// each dialect can read only its own errors.
func away(soon bool) http.Handler {
	return byRoot(httpapi.Away(soon), webmaster.Away(soon), probely.Away(soon))
}

func byRoot(native, yandex, scanner http.Handler) http.Handler {
	roots := map[string]http.Handler{}
	for _, p := range webmaster.Patterns() {
		roots[strings.Trim(p, "/")] = yandex
	}
	for _, root := range probely.Roots() {
		roots[root] = scanner
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if h, ok := roots[root]; ok {
			h.ServeHTTP(w, r)
			return
		}
		native.ServeHTTP(w, r)
	})
}

// rateLimit turns the setting, in which 0 means no limit, into the handler's.
func rateLimit(perMinute int) int {
	if perMinute == 0 {
		return -1
	}
	return perMinute
}

// url is the base URL of the listener.
func (s *server) url() string { return "http://" + s.ln.Addr().String() }

// wait serves until ctx ends or the listener breaks, then stops in order: no
// new requests, then running checks, then the database.
func (s *server) wait(ctx context.Context) error {
	var served error
	select {
	case <-ctx.Done():
	case served = <-s.done:
	}
	return errors.Join(served, s.stop())
}

func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	s.ready.Drain()
	s.app.Drain() // ends waits and event streams, so that Shutdown can finish
	// A slow client must not take the time that running checks need.
	web, done := context.WithTimeout(ctx, shutdownTimeout/2)
	defer done()
	err := s.http.Shutdown(web)
	if err != nil {
		_ = s.http.Close() // err says more
	}
	return errors.Join(err, s.stopDeliveries(ctx), s.app.Stop(ctx), s.closeStore())
}

func (s *server) closeStore() error {
	if s.auth != nil {
		s.auth.Close()
	}
	if s.store != nil {
		return s.store.Close()
	}
	return nil
}

// graceOf is the time of grace as the app takes it: there, none is negative.
func graceOf(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
