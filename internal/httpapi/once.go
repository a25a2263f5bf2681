package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/zonehold/zonehold/internal/app"
)

// keptHeaders are the headers of a reply that belong to it and not to the
// request that first got it.
var keptHeaders = []string{"Content-Type", "Location", "Etag", "Retry-After"}

const maxKey = 255

// once answers a POST with an Idempotency-Key: the first request runs, later
// ones with the same key and the same content get its reply.
func (s *server) once(ru rules, w http.ResponseWriter, r *http.Request, body []byte, next http.HandlerFunc) {
	key, err := idempotencyKey(r.Header["Idempotency-Key"])
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if ru.secret || s.Idempotency == nil {
		s.fail(w, r, fault(codeKeyUnsupported, ""))
		return
	}
	account := actorOf(r.Context()).Account.ID
	reply, err := s.Idempotency.BeginIdempotent(r.Context(), account, key, requestHash(r, body))
	switch {
	case errors.Is(err, app.ErrIdempotentRunning):
		s.fail(w, r, &limited{fault(codeKeyRunning, ""), time.Second})
		return
	case errors.Is(err, app.ErrIdempotentMismatch):
		s.fail(w, r, fault(codeKeyMismatch, ""))
		return
	case err != nil:
		s.fail(w, r, err)
		return
	case reply != nil:
		for name, values := range reply.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(reply.Status)
		_, _ = w.Write(reply.Body)
		return
	}
	rec := &recorder{header: w.Header().Clone()}
	// The outcome must be noted even if the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 70*time.Second)
	defer cancel()
	finished := false
	defer func() {
		if !finished { // a failure that may be retried, or a panic
			if err := s.Idempotency.AbandonIdempotent(ctx, account, key); err != nil {
				s.Log.ErrorContext(ctx, "freeing an idempotency key", "error", err)
			}
		}
	}()
	next(rec, r)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	if rec.status < 300 || rec.status == http.StatusUnprocessableEntity {
		finished = true
		kept := app.IdempotentReply{Status: rec.status, Header: http.Header{}, Body: rec.body.Bytes()}
		for _, name := range keptHeaders {
			if v, ok := rec.header[name]; ok {
				kept.Header[name] = v
			}
		}
		if err := s.Idempotency.FinishIdempotent(ctx, account, key, kept); err != nil {
			finished = false
			s.Log.ErrorContext(ctx, "keeping an idempotent reply", "error", err)
		}
	}
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
}

func requestHash(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, r.URL.RawQuery} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// idempotencyKey reads the header: a string of structured fields, "…", as in
// draft-ietf-httpapi-idempotency-key-header-07, or bare, as most send it.
func idempotencyKey(values []string) (string, error) {
	if len(values) != 1 {
		return "", badHeader("Idempotency-Key", "Give this header once.")
	}
	key := values[0]
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		if inner, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", badHeader("Idempotency-Key", "The quotation mark is not closed.")
		}
		key = inner
	}
	if key == "" || len(key) > maxKey {
		return "", badHeader("Idempotency-Key", "A key has 1 to 255 characters.")
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == ',' || c == ';' {
			return "", badHeader("Idempotency-Key", "A key holds visible ASCII characters other than quotation marks, backslashes, commas and semicolons.")
		}
	}
	return key, nil
}

// recorder holds a reply back until it was kept.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
