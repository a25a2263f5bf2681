package webmaster

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
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
	// RequestsPerMinute is the rate of each token, a tenth of it at once.
	// 0: no limit.
	RequestsPerMinute int
	Log               *slog.Logger // nil: slog.Default()
}

// New returns the dialect. It wants the whole path, from the version on: mount
// it at Patterns, without stripping anything.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &handler{service: cfg.Service, auth: cfg.Auth, limit: auth.NewLimiter(cfg.RequestsPerMinute), log: cfg.Log}
}

type handler struct {
	service app.Service
	auth    Authenticator
	limit   *auth.Limiter
	log     *slog.Logger
}

// call is one request under way.
type call struct {
	service app.Service
	w       http.ResponseWriter
	r       *http.Request
	version version
	actor   zonehold.Actor
	host    host // set below hosts/{host-id}
}

// reply is a success. Without a body it is sent as it is.
type reply struct {
	status int
	body   any
}

func ok(body any) (reply, error) { return reply{http.StatusOK, body}, nil }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := takeToken(r)
	f, acceptable := negotiate(r.Header.Values("Accept"))
	rep, err := h.serve(w, r, token, acceptable)
	if err != nil {
		e, known := asAPIError(err)
		if !known {
			h.log.ErrorContext(r.Context(), "webmaster: request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		}
		e.header(w.Header())
		rep = reply{e.status, e.body}
	}
	h.write(w, r, f, rep)
}

// serve finds the action and runs it. The order of the checks is ours; the
// contract gives none.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, token string, acceptable bool) (rep reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			if perr, ok := p.(error); ok && errors.Is(perr, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	t, found := match(r.URL.EscapedPath())
	if !found {
		r.Pattern = "/{version}/…"
		return reply{}, errResource()
	}
	r.Pattern = t.resource.pattern // for whoever counts requests around us
	act, found := t.resource.find(r.Method)
	if !found {
		return reply{}, errMethod(t.resource.allow())
	}
	if !acceptable {
		return reply{}, errContentType("The reply can be JSON or XML, and the Accept header wants neither.")
	}
	actor, err := h.authenticate(r.Context(), token)
	if err != nil {
		return reply{}, err
	}
	actor = auth.Traced(actor, w, r)
	if d := h.limit.Wait(actor.TokenID, time.Now()); d > 0 {
		return reply{}, errRequests(d)
	}
	if !act.scope.allows(actor) {
		return reply{}, errScope()
	}
	if t.user != "" && t.user != strconv.FormatInt(actor.Account.Number, 10) {
		return reply{}, errUserID(actor.Account.Number)
	}
	c := &call{service: h.service, w: w, r: r, version: t.version, actor: actor}
	if t.host != "" {
		if c.host, found = parseHostID(t.host); !found {
			return reply{}, errHostNotFound(t.host)
		}
	}
	return act.serve(c)
}

func (h *handler) authenticate(ctx context.Context, token string) (zonehold.Actor, error) {
	if token == "" {
		return zonehold.Actor{}, errToken()
	}
	actor, err := h.auth.Authenticate(ctx, token)
	if errors.Is(err, auth.ErrUnauthenticated) {
		return zonehold.Actor{}, errToken()
	}
	if err != nil {
		return zonehold.Actor{}, fmt.Errorf("authenticating: %w", err)
	}
	return actor, nil
}

// header sets what an error says beside its body.
func (e *apiError) header(h http.Header) {
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retryAfter.Seconds()))))
	}
}

func (h *handler) write(w http.ResponseWriter, r *http.Request, f format, rep reply) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	b, err := encode(f, rep.body)
	if err != nil {
		h.log.ErrorContext(r.Context(), "webmaster: encoding a reply", "path", r.URL.Path, "err", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	contentType := typeJSON
	if f == formatXML {
		contentType = typeXML
	}
	header.Set("Content-Type", contentType+";charset=UTF-8")
	header.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(rep.status)
	// A client that has gone is no fault of ours.
	_, _ = w.Write(b)
}

func encode(f format, body any) ([]byte, error) {
	if f == formatXML {
		return xml.Marshal(body)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // messages quote tags; the reply is never HTML
	if err := e.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
