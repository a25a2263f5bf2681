package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/zonehold/zonehold"
)

// call describes one operation of the API.
type call struct {
	id, method, path string
	tag              string
	summary, doc     string
	rules            rules
	replies          map[int]any // a value of the type of the body; nil: none
	errors           []int
	streams          bool // 200 may also be an event stream
	versioned        bool // has an ETag with the version of a domain
	located          bool // has a Location
}

// reply is what a use case answers.
type reply struct {
	status   int // 0: 200
	body     any // nil: none
	raw      []byte
	version  int64 // of a domain, for the ETag
	tagged   bool  // has an ETag
	location string
	retry    time.Duration
	stream   func(w http.ResponseWriter, r *http.Request) // writes everything itself
}

// one answers with what a use case says of the thing with that id, unless the
// id is bad.
func one[T, W any](ctx context.Context, bad error, id string, ask func(context.Context, zonehold.Actor, string) (T, error), form func(T) W) (reply, error) {
	if bad != nil {
		return reply{}, bad
	}
	found, err := ask(ctx, actorOf(ctx), id)
	if err != nil {
		return reply{}, err
	}
	return reply{body: form(found)}, nil
}

// output is huma's view of a reply: a function that writes it.
type output struct {
	Body func(huma.Context)
}

// register adds a call. The input type I has huma's tags; the output is
// written here, so that one place knows of ETags, errors and encoding.
func register[I any](s *server, h huma.API, c call, run func(ctx context.Context, in *I) (reply, error)) {
	op := huma.Operation{
		OperationID: c.id, Method: c.method, Path: c.path, Tags: []string{c.tag}, Summary: c.summary, Description: c.doc,
		Metadata: map[string]any{rulesKey: c.rules, namesKey: namesOf(reflect.TypeFor[I]())}, MaxBodyBytes: maxBody + 1, BodyReadTimeout: -1,
		Responses: map[string]*huma.Response{}, RejectUnknownQueryParameters: true,
	}
	if c.method == http.MethodPost && !c.rules.secret {
		op.Parameters = append(op.Parameters, headerParam("Idempotency-Key", "A key of your own; the same request with it gets the same reply for 24 hours."))
	}
	if _, ok := c.replies[http.StatusNotModified]; ok {
		op.Parameters = append(op.Parameters, headerParam("If-None-Match", "ETag of the last reply; 304 if nothing changed."))
	}
	schemas := h.OpenAPI().Components.Schemas
	for status, body := range c.replies {
		if op.DefaultStatus == 0 || status < op.DefaultStatus {
			op.DefaultStatus = status
		}
		r := &huma.Response{Description: http.StatusText(status)}
		if body != nil {
			r.Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeOf(body), true, c.id)}}
		}
		if c.streams {
			r.Content["text/event-stream"] = &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
		}
		r.Headers = replyHeaders(c, status)
		op.Responses[strconv.Itoa(status)] = r
	}
	if !c.rules.public {
		op.Security = []map[string][]string{{"token": {}}}
		c.errors = append(c.errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
		if c.rules.scope != "" {
			op.Description += "\n\nScope: `" + string(c.rules.scope) + "`."
		}
	}
	documentErrors(&op, h, append(c.errors, http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable))
	huma.Register(h, op, func(ctx context.Context, in *I) (*output, error) {
		rep, err := run(ctx, in)
		return &output{Body: func(hc huma.Context) {
			r, w := humachi.Unwrap(hc)
			if err != nil {
				s.fail(w, r, err)
				return
			}
			s.write(w, r, rep)
		}}, nil
	})
}

func headerParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
}

// replyHeaders documents the headers of a good reply.
func replyHeaders(c call, status int) map[string]*huma.Param {
	out := map[string]*huma.Param{}
	add := func(name, doc string) {
		out[name] = &huma.Header{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if _, conditional := c.replies[http.StatusNotModified]; c.versioned || conditional {
		add("ETag", "For If-None-Match, and on domains for If-Match.")
	}
	if c.located {
		add("Location", "Path of what the reply is about.")
	}
	if status == http.StatusAccepted {
		add("Retry-After", "Seconds until it is worth asking again.")
	}
	return out
}

// write sends a reply.
func (s *server) write(w http.ResponseWriter, r *http.Request, rep reply) {
	if rep.stream != nil {
		rep.stream(w, r)
		return
	}
	h := w.Header()
	h["Cache-Control"] = noCache
	if rep.status == 0 {
		rep.status = http.StatusOK
	}
	if rep.location != "" {
		h.Set("Location", rep.location)
	}
	if rep.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((rep.retry+time.Second-1)/time.Second)))
	}
	body := rep.raw
	if rep.body != nil {
		body = encode(rep.body)
	}
	if body == nil {
		w.WriteHeader(rep.status)
		return
	}
	if rep.tagged {
		tag := bodyTag(body)
		if rep.version > 0 {
			tag = versionTag(rep.version, body)
		}
		h["Etag"] = []string{tag}
		if rep.status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) && noneMatch(r.Header["If-None-Match"], tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	writeBytes(w, "application/json", rep.status, body)
}

// noCache lets a client keep a reply of its own but ask each time.
var noCache = []string{"private, no-cache"}
