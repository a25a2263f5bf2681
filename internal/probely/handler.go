package probely

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
)

// Authenticator finds out whose token it is. An error that is not
// auth.ErrUnauthenticated means that it could not be asked.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (zonehold.Actor, error)
}

// Config is what the handler works with.
type Config struct {
	Service app.Service
	Auth    Authenticator
	// Connections lists the account's connections to DNS providers, which name
	// the source of a domain. Nil: sources have the name of the provider.
	Connections func(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Connection, error)
	// RequestsPerMinute is the rate of each token, a tenth of it at once.
	// 0: no limit.
	RequestsPerMinute int
	Log               *slog.Logger // nil: slog.Default()
}

// New returns the dialect. It wants the whole path: mount it at Roots, without
// stripping anything.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &handler{
		service: cfg.Service, auth: cfg.Auth, connections: cfg.Connections,
		limit: auth.NewLimiter(cfg.RequestsPerMinute), wait: verifyWait, log: cfg.Log,
	}
}

type handler struct {
	service     app.Service
	auth        Authenticator
	connections func(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Connection, error)
	limit       *auth.Limiter
	wait        time.Duration // see verifyWait
	log         *slog.Logger
}

// call is one request under way.
type call struct {
	*handler
	w     http.ResponseWriter
	r     *http.Request
	actor zonehold.Actor
	id    string // of the path

	names map[string]string // of connections by id; nil: not asked for yet
}

// reply is a success. Without a body it is sent as it is.
type reply struct {
	status int
	body   any
}

func ok(body any) (reply, error) { return reply{http.StatusOK, body}, nil }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep, err := h.serve(w, r)
	if err != nil {
		e, known := asAPIError(err)
		if !known {
			h.log.ErrorContext(r.Context(), "probely: request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		}
		e.header(w.Header())
		rep = reply{e.status, e.body}
	}
	h.write(w, r, rep)
}

// serve finds the action and runs it. The checks come in DRF's order: path,
// token, rate, verb, permission.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) (rep reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			if perr, ok := p.(error); ok && errors.Is(perr, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	res, id, found := match(r.URL.EscapedPath())
	if !found {
		r.Pattern = "/{probely}/…"
		return reply{}, errNotFound()
	}
	r.Pattern = res.pattern // for whoever counts requests around us
	c := &call{handler: h, w: w, r: r, id: id}
	if !res.open {
		if c.actor, err = h.authenticate(r); err != nil {
			return reply{}, err
		}
		c.actor = auth.Traced(c.actor, w, r)
		if d := h.limit.Wait(c.actor.TokenID, time.Now()); d > 0 {
			return reply{}, errThrottled(d)
		}
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", res.allow())
		return ok(res.options())
	}
	act, found := res.find(r.Method)
	if !found {
		return reply{}, errMethod(r.Method, res.allow())
	}
	if !res.open && !act.scope.allows(c.actor) {
		return reply{}, errPermission()
	}
	return act.serve(c)
}

// header sets what an error says beside its body.
func (e *apiError) header(h http.Header) {
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `JWT realm="api"`)
	}
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(e.retryAfter)))
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// write sends a reply. One without a body has no type either: a client of the
// contract parses whatever calls itself JSON (section 7, trap 1).
func (h *handler) write(w http.ResponseWriter, r *http.Request, rep reply) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // texts quote tags; the reply is never HTML
	if err := e.Encode(rep.body); err != nil {
		// Not possible with the types that are sent.
		h.log.ErrorContext(r.Context(), "probely: encoding a reply", "path", r.URL.Path, "err", err)
		b.Reset()
		b.WriteString(`{"detail":"` + textInternal + `"}`)
		rep.status = http.StatusInternalServerError
	}
	body := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	header.Set("Content-Type", typeJSON)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.status)
	// A client that has gone is no fault of ours.
	_, _ = w.Write(body)
}

func (h *handler) authenticate(r *http.Request) (zonehold.Actor, error) {
	token, err := auth.FromRequest(r, auth.JWT, auth.Bearer)
	if errors.Is(err, auth.ErrNoCredentials) {
		return zonehold.Actor{}, errNoCredentials()
	}
	if err != nil {
		return zonehold.Actor{}, errCredentials()
	}
	return h.actor(r.Context(), token)
}

func (h *handler) actor(ctx context.Context, token string) (zonehold.Actor, error) {
	actor, err := h.auth.Authenticate(ctx, token)
	if errors.Is(err, auth.ErrUnauthenticated) {
		return zonehold.Actor{}, errCredentials()
	}
	if err != nil {
		return zonehold.Actor{}, fmt.Errorf("authenticating: %w", err)
	}
	return actor, nil
}
