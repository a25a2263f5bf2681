// Package httpapi serves the native API under /v1 (contract native) and the
// documentation under /docs/.
//
// A request passes, in this order: recovery from panics, routing, the token,
// its scope, the rate limit, the strict reading of query and body, the
// idempotency key, and the use case. The OpenAPI document is made from the
// same registrations.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
)

// Authenticator checks and keeps tokens. *auth.Auth is one.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (zonehold.Actor, error)
	Issue(ctx context.Context, accountID, name string, scopes []zonehold.Scope) (string, auth.Token, error)
	Tokens(ctx context.Context, accountID string) ([]auth.Token, error)
	Revoke(ctx context.Context, accountID, id string) error
}

// Config is what the handler needs. Service and Auth are required.
type Config struct {
	Service  app.Service
	Accounts app.Accounts // nil: the calls around it are not there
	Grants   app.Grants   // nil: likewise
	Claims   app.Claims   // nil: likewise
	Breakers app.Breakers // nil: likewise
	Audits   app.Audits   // nil: likewise
	Notices  app.Notices  // nil: likewise
	Webhooks app.Webhooks // nil: likewise
	Bundles  app.Bundles  // nil: likewise
	// Perspectives: nil: likewise.
	Perspectives app.Perspectives
	Auth         Authenticator
	Idempotency  app.Idempotency // nil: requests with an Idempotency-Key are refused
	Version      string          // of the program
	Log          *slog.Logger    // nil: slog.Default
	Limits       Limits
	// DomainVersion gives the version of a live domain of the account alone,
	// so that polling costs one small read. An error sends the request the
	// ordinary way. Nil: every reply is read as a whole.
	DomainVersion func(ctx context.Context, accountID, id string) (int64, error)
	// Stamp stays the same while nothing that Service shows has changed; false
	// when that cannot be known without asking. Nil: it never can.
	Stamp func() (stamp uint64, ok bool)
}

type server struct {
	Config
	limiter  *limiter
	streams  streams
	bundles  bundleSlots
	reads    shared
	pages    pages
	doc      *huma.OpenAPI
	openapi  []byte // doc as it is served
	routes   *chi.Mux
	contexts sync.Pool // of *chi.Context
}

// New makes the handler. It answers every path; mount it where nothing else
// does.
func New(cfg Config) http.Handler {
	s := newServer(cfg)
	return http.HandlerFunc(s.serve)
}

func newServer(cfg Config) *server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &server{Config: cfg, limiter: newLimiter(cfg.Limits), routes: chi.NewMux()}
	s.contexts.New = func() any { return chi.NewRouteContext() }
	s.routes.Use(middleware.GetHead)
	s.routes.NotFound(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, fault(codeNotFound, "There is nothing at this path. The calls are listed at /docs/."))
	})
	s.routes.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		allowed := s.allowed(r)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, r, fault(codeMethodNotAllowed, "This path takes "+strings.Join(allowed, ", ")+"."))
	})
	s.register()
	s.serveDocs()
	return s
}

// register adds every call and makes the OpenAPI document.
func (s *server) register() {
	h := huma.NewAPI(humaConfig(s.Version), &adapter{s})
	s.domainCalls(h)
	s.attemptCalls(h)
	s.problemCalls(h)
	if s.Grants != nil {
		s.delegationCalls(h)
		s.connectionCalls(h)
		s.mailboxCalls(h)
		s.policyCalls(h)
	}
	if s.Accounts != nil {
		s.accountCalls(h)
	}
	if s.Claims != nil {
		s.claimCalls(h)
	}
	if s.Webhooks != nil {
		s.webhookCalls(h)
	}
	if s.Audits != nil {
		s.auditCalls(h)
	}
	if s.Notices != nil {
		s.noticeCalls(h)
	}
	if s.Breakers != nil {
		s.breakerCalls(h)
	}
	if s.Perspectives != nil {
		s.perspectiveCalls(h)
	}
	if s.Bundles != nil {
		s.evidenceCalls(h)
	}
	s.eventCalls(h)
	s.tokenCalls(h)
	s.doc = h.OpenAPI()
	s.openapi = finish(s.doc)
	s.routes.Get("/v1/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, r, "application/openapi+json", s.openapi)
	})
}

// allowed lists the methods that a path takes.
func (s *server) allowed(r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var out []string
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if s.routes.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
		}
	}
	if slices.Contains(out, "GET") {
		out = slices.Insert(out, 1, "HEAD")
	}
	return out
}

// serve is the outermost layer.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.Log.ErrorContext(r.Context(), "panic in a handler", "panic", p, "stack", string(debug.Stack()))
		// If the reply had begun, this adds to it, and the client sees a broken
		// body; that is the truth.
		s.fail(w, r, fault(codeInternal, ""))
	}()
	h := w.Header()
	h["Zonehold-Version"] = []string{s.Version}
	h["X-Content-Type-Options"] = nosniff
	if bad := checkPath(r); bad != nil {
		s.fail(w, r, bad)
		return
	}
	// The router finds its context and so passes this very request on, whose
	// pattern then shows in the metrics.
	rc := s.contexts.Get().(*chi.Context)
	rc.Reset()
	rc.Routes = s.routes
	inner := r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, rc))
	defer func() {
		r.Pattern = inner.Pattern
		s.contexts.Put(rc)
	}()
	s.routes.ServeHTTP(w, inner)
}

var nosniff = []string{"nosniff"}
