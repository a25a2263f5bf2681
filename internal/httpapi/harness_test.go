package httpapi

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
)

// bench is a handler over a fake service.
type bench struct {
	svc      *service
	grants   *grants
	breakers fakeBreakers
	claims   claims
	tokens   *tokens
	keys     *kept
	log      *bytes.Buffer
	server   *server
}

func newBench() *bench {
	b := &bench{svc: &service{}, grants: &grants{}, tokens: &tokens{}, keys: &kept{}, log: &bytes.Buffer{}}
	b.server = newServer(Config{
		Service: b.svc, Grants: b.grants, Breakers: &b.breakers, Claims: &b.claims, Audits: &audits{}, Notices: &mails{}, Bundles: &bundles{}, Perspectives: &outposts{}, Auth: b.tokens, Idempotency: b.keys, Version: "v1.2.3",
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	return b
}

// do sends a request as the outer server would pass it on.
func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "req_test")
	b.server.serve(w, r)
	return w
}

// request builds one from "METHOD path", header lines and a body.
func request(line string, body string, headers ...string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, rd)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
	}
	return r
}
