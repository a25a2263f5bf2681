package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/auth"
)

// rules are what a call demands before its use case runs. They travel in the
// metadata of the huma operation.
type rules struct {
	public bool           // no token needed
	scope  zonehold.Scope // "": any token
	bucket bucket
	secret bool // the reply holds a secret that idempotency must not keep
	// fast answers without huma, if it can; reports whether it did.
	fast func(w http.ResponseWriter, r *http.Request, actor zonehold.Actor) bool
}

const rulesKey = "rules"

// adapter connects huma to the router through the pipeline.
type adapter struct{ s *server }

func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.s.routes.ServeHTTP(w, r) }

func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	ru, _ := op.Metadata[rulesKey].(rules)
	final := func(w http.ResponseWriter, r *http.Request) { handler(humachi.NewContext(op, r, w)) }
	a.s.routes.MethodFunc(op.Method, op.Path, func(w http.ResponseWriter, r *http.Request) {
		a.s.pipeline(op, ru, w, r, final)
	})
}

type actorKey struct{}

func actorOf(ctx context.Context) zonehold.Actor {
	a, _ := ctx.Value(actorKey{}).(*zonehold.Actor)
	if a == nil {
		return zonehold.Actor{}
	}
	return *a
}

func (s *server) pipeline(op *huma.Operation, ru rules, w http.ResponseWriter, r *http.Request, final http.HandlerFunc) {
	if !ru.public {
		actor, ok := s.authenticate(w, r)
		if !ok {
			return
		}
		if ru.scope != "" && !actor.Allows(ru.scope) {
			s.refuseScope(w, r, ru.scope)
			return
		}
		if wait, ok := s.limiter.take(w.Header(), actor.TokenID, ru.bucket); !ok {
			s.fail(w, r, tooMany(wait, "This token has used up its "+string(ru.bucket)+" of this minute."))
			return
		}
		if ru.fast != nil && ru.fast(w, r, actor) {
			return
		}
		actor = auth.Traced(actor, w, r)
		r = r.WithContext(context.WithValue(r.Context(), actorKey{}, &actor))
	}
	if err := checkQuery(r); err != nil {
		s.fail(w, r, err)
		return
	}
	body, err := s.readBody(w, r, op)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if r.Method == http.MethodPost && len(r.Header["Idempotency-Key"]) > 0 {
		s.once(ru, w, r, body, final)
		return
	}
	final(w, r)
}

func (s *server) authenticate(w http.ResponseWriter, r *http.Request) (zonehold.Actor, bool) {
	token, err := auth.FromRequest(r, auth.Bearer)
	var actor zonehold.Actor
	if err == nil {
		actor, err = s.Auth.Authenticate(r.Context(), token)
	}
	switch {
	case err == nil:
		return actor, true
	case errors.Is(err, auth.ErrUnauthenticated):
		challenge := `Bearer realm="zonehold"`
		if !errors.Is(err, auth.ErrNoCredentials) {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		e := fault(codeUnauthenticated, sentence(err.Error()))
		e.Fixes = []string{"Send the header Authorization: Bearer zhp_…", "Make a token with: zonehold token create --account NAME"}
		s.fail(w, r, e)
	default:
		s.fail(w, r, err)
	}
	return zonehold.Actor{}, false
}

func (s *server) refuseScope(w http.ResponseWriter, r *http.Request, scope zonehold.Scope) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="zonehold", error="insufficient_scope", scope="%s"`, scope))
	e := fault(codeScopeMissing, "This call needs a token with the scope "+string(scope)+".")
	e.Scope = string(scope)
	e.Fixes = []string{"Use or make a token with the scope " + string(scope)}
	s.fail(w, r, e)
}
