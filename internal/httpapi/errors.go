package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

// code is the stable name of a refusal by the API itself; the ones of package
// problem name causes of failed proofs.
type code string

const (
	codeInvalidUTF8       code = "invalid_utf8"
	codeMalformedJSON     code = "malformed_json"
	codeBodyRequired      code = "body_required"
	codeInvalidParameter  code = "invalid_parameter"
	codeInvalidHeader     code = "invalid_header"
	codeUnauthenticated   code = "unauthenticated"
	codeScopeMissing      code = "scope_missing"
	codeDomainLimit       code = "domain_limit"
	codeNotFound          code = "not_found"
	codeMethodNotAllowed  code = "method_not_allowed"
	codeTimeout           code = "request_timeout"
	codeConflict          code = "conflict"
	codeCheckRunning      code = "check_running"
	codeKeyRunning        code = "idempotency_key_running"
	codePrecondition      code = "precondition_failed"
	codeTooLarge          code = "body_too_large"
	codeMediaType         code = "unsupported_media_type"
	codeInvalid           code = "validation_failed"
	codeKeyMismatch       code = "idempotency_key_reused"
	codeKeyUnsupported    code = "idempotency_key_unsupported"
	codeRateLimited       code = "rate_limited"
	codeInternal          code = "internal"
	codeUnavailable       code = "unavailable"
	codeHostnameRefused   code = "hostname_refused" // only if a refusal comes without its problem
	codeRefused           code = "refused"          // likewise
	retryAfterUnavailable      = 2 * time.Second
)

// refusals says for each code its status and what it means; the page
// /docs/errors is made from it.
var refusals = []struct {
	code    code
	status  int
	title   string
	meaning string
}{
	{codeInvalidUTF8, 400, "The request is not valid UTF-8", "The path, the query or the body holds bytes that are not UTF-8, or a zero byte."},
	{codeMalformedJSON, 400, "The body is not valid JSON", "The body is not one JSON value, names a key twice, or is nested too deeply."},
	{codeBodyRequired, 400, "A body is required", "This call needs a JSON object as its body."},
	{codeInvalidParameter, 400, "A parameter is not acceptable", "A query parameter is unknown, given twice, or has a value that is not accepted. A cursor is only good for the list that gave it."},
	{codeInvalidHeader, 400, "A header is not acceptable", "A request header has a form that is not accepted."},
	{codeUnauthenticated, 401, "A valid token is needed", "The request carries no token, or one that is malformed, unknown or revoked."},
	{codeScopeMissing, 403, "The token lacks a scope", "The member scope names the scope that this call needs."},
	{codeDomainLimit, 403, "The account has as many domains as it may", "The member limit says how many. Remove a domain, or ask the operator to raise domain_limit."},
	{codeNotFound, 404, "There is no such thing", "Nothing is at this path, or what is there belongs to another account."},
	{codeMethodNotAllowed, 405, "The path does not take this method", "The Allow header lists those that it takes."},
	{codeTimeout, 408, "The request came too slowly", "The body did not arrive in time."},
	{codeConflict, 409, "The request does not fit the state of things", "Something changed meanwhile; read it again and repeat."},
	{codeCheckRunning, 409, "A check of this domain is under way", "The member attempt holds it; wait for it with GET /v1/attempts/{id}?wait=10s."},
	{codeKeyRunning, 409, "A request with this idempotency key is running", "Repeat it later to get the same reply."},
	{codePrecondition, 412, "It was changed meanwhile", "The version in If-Match is not the current one; read it again and repeat."},
	{codeTooLarge, 413, "The body is too large", "A body may have 64 KiB."},
	{codeMediaType, 415, "The body is not declared as JSON", "Send Content-Type: application/json, in UTF-8 and without a content coding."},
	{codeInvalid, 422, "The body is not acceptable", "The member errors points to every field at fault. Unknown fields are refused, as they are mostly slips of the pen."},
	{codeHostnameRefused, 422, "This hostname cannot be claimed", "The reply carries the code of the cause instead, see the catalogue of problems."},
	{codeRefused, 422, "This is refused", "The request is well formed, and the thing it asks for was looked at and refused. Mostly the reply carries the code of the cause instead, see the catalogue of problems."},
	{codeKeyMismatch, 422, "The idempotency key was used for another request", "A key belongs to one method, path and body for 24 hours. Use a new key."},
	{codeKeyUnsupported, 422, "This call takes no idempotency key", "Its reply holds a secret, which is kept nowhere, so it could not be repeated."},
	{codeRateLimited, 429, "Too many requests", "Wait for the seconds in Retry-After. The RateLimit header says how much is left."},
	{codeInternal, 500, "The server made a mistake", "It is in the server's log under the request id."},
	{codeUnavailable, 503, "The server cannot do this now", "It is shutting down, or its database does not answer. Repeat after the seconds in Retry-After."},
}

var refusalByCode = func() map[code]int {
	m := make(map[code]int, len(refusals))
	for i, r := range refusals {
		m[r.code] = i
	}
	return m
}()

// fault makes the error of a code; errors and fixes may be added.
func fault(c code, detail string) *api.Error {
	r := refusals[refusalByCode[c]]
	if detail == "" {
		detail = r.meaning
	}
	return &api.Error{
		Type: "/docs/errors#" + string(c), Title: r.title, Status: r.status, Detail: detail, Code: string(c),
		Errors: []api.FieldError{}, Fixes: []string{},
	}
}

// badParameter refuses one query parameter or header.
func badParameter(name, detail string) *api.Error {
	e := fault(codeInvalidParameter, detail)
	e.Errors = append(e.Errors, api.FieldError{Parameter: name, Code: "invalid_value", Detail: detail})
	return e
}

// badField refuses one field of a body.
func badField(path, detail string) *api.Error {
	e := fault(codeInvalid, detail)
	e.Errors = append(e.Errors, api.FieldError{Pointer: pointer(path), Code: "invalid_value", Detail: detail})
	return e
}

func badHeader(name, detail string) *api.Error {
	e := fault(codeInvalidHeader, detail)
	e.Errors = append(e.Errors, api.FieldError{Parameter: name, Code: "invalid_value", Detail: detail})
	return e
}

// limited carries Retry-After beside the error.
type limited struct {
	err   *api.Error
	after time.Duration
}

func (l *limited) Error() string { return l.err.Error() }

func tooMany(after time.Duration, detail string) error {
	return &limited{fault(codeRateLimited, detail), after}
}

// explain turns any error into the one that the wire shows. Errors that are
// not a refusal by a use case become 500 or 503 and are logged, not shown.
func (s *server) explain(r *http.Request, err error) (*api.Error, time.Duration) {
	var l *limited
	if errors.As(err, &l) {
		return l.err, l.after
	}
	var e *api.Error
	if errors.As(err, &e) {
		return e, 0
	}
	var ae *app.Error
	if errors.As(err, &ae) {
		return s.explainApp(r, ae)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault(codeUnavailable, "The request was ended before it was done."), retryAfterUnavailable
	}
	s.Log.ErrorContext(r.Context(), "request failed", "error", err)
	if ae := app.Unavailable(err); ae != nil {
		return s.explainApp(r, ae)
	}
	return fault(codeInternal, ""), 0
}

// explainApp is the table from kinds to replies.
func (s *server) explainApp(r *http.Request, ae *app.Error) (e *api.Error, after time.Duration) {
	detail := sentence(ae.Message)
	switch ae.Kind {
	case app.KindInvalid:
		if ae.Field == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete {
			if ae.Field == "" {
				return fault(codeInvalid, detail), 0
			}
			return badParameter(ae.Field, detail), 0
		}
		e = badField(ae.Field, detail)
		if ae.Missing {
			e.Errors[0].Code = string(codeNotFound)
		}
	case app.KindRefused:
		detail = ae.Message // whole sentences, which may begin with the name itself
		e = fault(codeRefused, detail)
		field := ae.Field
		if r.URL.Path == "/v1/domains" {
			e, field = fault(codeHostnameRefused, detail), "hostname"
		}
		if ae.Problem != nil {
			blame(e, ae.Problem)
		}
		if field != "" {
			e.Errors = append(e.Errors, api.FieldError{Pointer: pointer(field), Code: e.Code, Detail: detail})
		}
	case app.KindNotFound:
		e = fault(codeNotFound, detail)
	case app.KindConflict:
		if ae.Attempt == nil {
			e = fault(codeConflict, detail)
			if ae.Field != "" && r.Method == http.MethodPost {
				e.Errors = append(e.Errors, api.FieldError{Pointer: pointer(ae.Field), Code: "conflict", Detail: detail})
			}
			return e, 0
		}
		e = fault(codeCheckRunning, detail)
		wire := toAttempt(ae.Attempt)
		e.Attempt, after = &wire, time.Second
	case app.KindForbidden:
		e = fault(codeScopeMissing, detail)
		e.Scope = string(ae.Scope)
	case app.KindLimit:
		e = fault(codeDomainLimit, detail)
		e.Limit = ae.Limit
	case app.KindRateLimited:
		e, after = fault(codeRateLimited, detail), max(ae.RetryAfter, time.Second)
	case app.KindPrecondition:
		e = fault(codePrecondition, detail)
	case app.KindUnavailable:
		e, after = fault(codeUnavailable, detail), max(ae.RetryAfter, retryAfterUnavailable)
		if ae.Problem != nil {
			blame(e, ae.Problem)
			after = ae.RetryAfter // 0: not by waiting
		}
	default:
		s.Log.ErrorContext(r.Context(), "request failed", "error", ae)
		e = fault(codeInternal, "")
	}
	return e, after
}

// blame gives an error the name of its cause.
func blame(e *api.Error, p *problem.Problem) {
	wire := Problem(p)
	e.Code, e.Title, e.Type, e.Fixes, e.Problem = wire.Code, wire.Title, wire.DocsURL, wire.Fixes, wire
}

// fail writes an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, after := s.explain(r, err)
	stamp(w, e)
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	w.Header().Del("Etag")
	writeBytes(w, e.ContentType(""), e.Status, encode(e))
}

// stamp names the occurrence by the id that the server gave the request, and
// keeps the reply out of caches.
func stamp(w http.ResponseWriter, e *api.Error) {
	w.Header().Set("Cache-Control", "no-store")
	if id := w.Header().Get("X-Request-Id"); id != "" {
		e.RequestID, e.Instance = id, "urn:zonehold:request:"+id
	}
}

// sentence makes a message of another package look like one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") && !strings.HasSuffix(s, "!") {
		s += "."
	}
	return s
}
