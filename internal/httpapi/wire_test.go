package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	all   = "Authorization: Bearer all"
	read  = "Authorization: Bearer read"
	write = "Authorization: Bearer write"
	check = "Authorization: Bearer check"

	operator = "Authorization: Bearer operator"
)

var long = strings.Repeat("a", 10_000)

// wireCases are all shapes of the API: each has a golden file and is checked
// against the OpenAPI document.
var wireCases = append([]wireCase{
	{"domain_create", "POST /v1/domains", `{"hostname":"пример.рф","scheme":"https","port":8443,"profile":"yandex"}`, []string{write}, func(b *bench) {
		b.svc.create = func(in app.CreateDomain) (*app.Domain, bool, error) {
			want := app.CreateDomain{Hostname: "пример.рф", Scheme: "https", Port: 8443, Profile: "yandex"}
			if in != want {
				return nil, false, fmt.Errorf("got %+v", in)
			}
			return pendingDomain(), true, nil
		}
	}},
	{"domain_create_again", "POST /v1/domains", `{"hostname":"example.com"}`, []string{write}, func(b *bench) {
		b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) { return verifiedDomain(), false, nil }
	}},
	{"domain_create_refused", "POST /v1/domains", `{"hostname":"127.0.0.1"}`, []string{write}, func(b *bench) {
		b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) {
			e := refusal(app.KindRefused, "co.uk is no hostname of one owner. Give a name below it.")
			e.Problem = &problem.Problem{Code: "hostname_invalid", Severity: "error", Title: "This is not a hostname that can be claimed", Fixes: []string{"Give a name such as example.com"}, WhoActs: "owner", DocsURL: "/docs/problems#hostname_invalid"}
			return nil, false, e
		}
	}},
	{"domain_create_limit", "POST /v1/domains", `{"hostname":"example.com"}`, []string{write}, func(b *bench) {
		b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) {
			e := refusal(app.KindLimit, "the account has its 1703 domains")
			e.Limit = 1703
			return nil, false, e
		}
	}},
	{"domain_create_invalid_field", "POST /v1/domains", `{"hostname":"example.com","port":5}`, []string{write}, func(b *bench) {
		b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) {
			e := refusal(app.KindInvalid, "a port needs a scheme")
			e.Field = "scheme"
			return nil, false, e
		}
	}},
	{"body_unknown_field", "POST /v1/domains", `{"hostname":"example.com","hostnane":"s3cret","Hostname":"x"}`, []string{write}, nil},
	{"body_wrong_types", "POST /v1/domains", `{"hostname":5,"port":"s3cret","profile":"s3cret"}`, []string{write}, nil},
	{"body_missing_field", "POST /v1/domains", `{"port":70000}`, []string{write}, nil},
	{"body_not_an_object", "POST /v1/domains", `["s3cret"]`, []string{write}, nil},
	{"body_not_json", "POST /v1/domains", `{"hostname":s3cret}`, []string{write}, nil},
	{"body_two_values", "POST /v1/domains", `{} {}`, []string{write}, nil},
	{"body_key_twice", "POST /v1/domains", `{"hostname":"a","hostname":"b"}`, []string{write}, nil},
	{"body_too_deep", "POST /v1/domains", strings.Repeat(`[`, 1000), []string{write}, nil},
	{"body_missing", "POST /v1/domains", "", []string{write}, nil},
	{"body_too_large", "POST /v1/domains", `{"hostname":"` + strings.Repeat("a", 70_000) + `"}`, []string{write}, nil},
	{"body_invalid_utf8", "POST /v1/domains", "{\"hostname\":\"a\xff\"}", []string{write}, nil},
	{"body_form", "POST /v1/domains", `hostname=example.com`, []string{write, "Content-Type: ", "Content-Type: application/x-www-form-urlencoded"}, nil},
	{"body_gzip", "POST /v1/domains", `{}`, []string{write, "Content-Encoding: gzip"}, nil},
	{"domain_list", "GET /v1/domains?state=verified&method=dns&profile=zonehold&q=exa&limit=2&cursor=abc&sort=-created_at", "", []string{read}, func(b *bench) {
		b.svc.domains = func(q app.DomainQuery) (app.Page[*app.Domain], error) {
			want := app.DomainQuery{State: "verified", Method: "dns_txt", Profile: "zonehold", Text: "exa", Limit: 2, Cursor: "abc", Sort: "-created_at"}
			if diff := cmp.Diff(want, q); diff != "" {
				return app.Page[*app.Domain]{}, errors.New(diff)
			}
			return app.Page[*app.Domain]{Items: []*app.Domain{verifiedDomain()}, NextCursor: "next"}, nil
		}
	}},
	{"domain_list_empty", "GET /v1/domains", "", []string{read}, func(b *bench) {
		b.svc.domains = func(q app.DomainQuery) (app.Page[*app.Domain], error) {
			if q.Limit != 50 || q.Sort != "hostname" {
				return app.Page[*app.Domain]{}, fmt.Errorf("got %+v", q)
			}
			return app.Page[*app.Domain]{}, nil
		}
	}},
	{"domain_list_bad_cursor", "GET /v1/domains?cursor=s3cret", "", []string{read}, func(b *bench) {
		b.svc.domains = func(app.DomainQuery) (app.Page[*app.Domain], error) {
			e := refusal(app.KindInvalid, "this cursor was not given by this list")
			e.Field = "cursor"
			return app.Page[*app.Domain]{}, e
		}
	}},
	{"list_long_cursor", "GET /v1/domains?cursor=" + long[:600], "", []string{read}, nil},
	{"list_bad_parameters", "GET /v1/domains?limit=9999&state=s3cret&lmit=5", "", []string{read}, nil},
	{"list_limit_word", "GET /v1/domains?limit=s3cret", "", []string{read}, nil},
	{"list_repeated_parameter", "GET /v1/domains?limit=1&limit=2", "", []string{read}, nil},
	{"list_bad_method", "GET /v1/domains?method=s3cret", "", []string{read}, nil},
	{"list_zero_byte", "GET /v1/domains?q=%00", "", []string{read}, nil},
	{"list_bad_query", "GET /v1/domains?q=%zz", "", []string{read}, nil},
	{"domain_get", "GET /v1/domains/xn--e1afmkfd.xn--p1ai", "", []string{read}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) { return pendingDomain(), nil }
	}},
	{"domain_get_running", "GET /v1/domains/" + domainID, "", []string{read}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) {
			d := pendingDomain()
			d.Running, d.Turn = attemptIn(zonehold.AttemptRunning), zonehold.TurnUs
			d.State, d.GraceEndsAt, d.CoveredBy = zonehold.StateAtRisk, t0.Add(168*time.Hour), "dom_06c4b1q2v8h3k5n7p9r1s3t5v0"
			return d, nil
		}
	}},
	{"domain_get_unicode", "GET /v1/domains/%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.%D1%80%D1%84", "", []string{read}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) {
			if ref != "пример.рф" {
				return nil, fmt.Errorf("got %q", ref)
			}
			return verifiedDomain(), nil
		}
	}},
	{"domain_get_encoded_slash", "GET /v1/domains/a%2Fb.example", "", []string{read}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) {
			if ref != "a/b.example" {
				return nil, fmt.Errorf("got %q", ref)
			}
			return nil, refusal(app.KindNotFound, "there is no such domain")
		}
	}},
	{"domain_get_long", "GET /v1/domains/" + long[:2000], "", []string{read}, nil},
	{"domain_get_bad_utf8", "GET /v1/domains/%ff.example", "", []string{read}, nil},
	{"domain_head", "HEAD /v1/domains/example.com", "", []string{read}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) { return verifiedDomain(), nil }
	}},
	{"domain_patch", "PATCH /v1/domains/" + domainID, `{"tags":["prod"],"basic_auth_password":"s3cret","port":null,"discovery_enabled":false}`, []string{write, `If-Match: "v7.abc"`}, func(b *bench) {
		b.svc.update = func(ref string, p app.DomainPatch, version int64) (*app.Domain, error) {
			if version != 7 || ref != domainID || *p.Port != 0 || *p.BasicAuthPassword != "s3cret" || p.BasicAuthUsername != nil || *p.DiscoveryEnabled || len(*p.Tags) != 1 {
				return nil, fmt.Errorf("got %v %d %+v", ref, version, p)
			}
			return verifiedDomain(), nil
		}
	}},
	{"domain_patch_null", "PATCH /v1/domains/" + domainID, `{"discovery_enabled":null}`, []string{write}, nil},
	{"domain_patch_precondition", "PATCH /v1/domains/" + domainID, `{"tags":[]}`, []string{write, `If-Match: "v6.abc"`}, func(b *bench) {
		b.svc.update = func(ref string, p app.DomainPatch, version int64) (*app.Domain, error) {
			return nil, refusal(app.KindPrecondition, "the domain was changed meanwhile")
		}
	}},
	{"domain_patch_foreign_tags", "PATCH /v1/domains/" + domainID, `{"tags":[]}`, []string{write, `If-Match: "x", W/"v7.abc"`}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) { return verifiedDomain(), nil }
	}},
	{"domain_patch_bad_if_match", "PATCH /v1/domains/" + domainID, `{"tags":[]}`, []string{write, `If-Match: 7`}, nil},
	{"domain_delete", "DELETE /v1/domains/example.com", "", []string{write, `If-Match: "v1.a", "v7.b"`}, func(b *bench) {
		b.svc.domain = func(ref string) (*app.Domain, error) { return verifiedDomain(), nil }
		b.svc.remove = func(ref string, version int64) error {
			if version != 7 || ref != "example.com" {
				return fmt.Errorf("got %s %d", ref, version)
			}
			return nil
		}
	}},
	{"domain_delete_missing", "DELETE /v1/domains/example.com", "", []string{write}, func(b *bench) {
		b.svc.remove = func(ref string, version int64) error { return refusal(app.KindNotFound, "there is no such domain") }
	}},
	{"attempt_start", "POST /v1/domains/example.com/attempts", `{"method":"dns"}`, []string{check}, func(b *bench) {
		b.svc.start = func(ref string, m zonehold.Method) (*app.Attempt, error) {
			if m != zonehold.MethodDNSTXT {
				return nil, fmt.Errorf("got %q", m)
			}
			return attemptIn(zonehold.AttemptQueued), nil
		}
	}},
	{"attempt_start_and_wait", "POST /v1/domains/example.com/attempts?wait=10s", `{}`, []string{check}, func(b *bench) {
		b.svc.start = func(ref string, m zonehold.Method) (*app.Attempt, error) {
			if m != "" {
				return nil, fmt.Errorf("got %q", m)
			}
			return attemptIn(zonehold.AttemptQueued), nil
		}
		b.svc.wait = func(ctx context.Context, id string) (*app.Attempt, error) {
			if dl, ok := ctx.Deadline(); !ok || time.Until(dl) > 10*time.Second {
				return nil, errors.New("no deadline")
			}
			return attemptIn(zonehold.AttemptDone), nil
		}
	}},
	{"attempt_start_wait_over", "POST /v1/domains/example.com/attempts?wait=1ms", "", []string{check}, func(b *bench) {
		b.svc.start = func(string, zonehold.Method) (*app.Attempt, error) { return attemptIn(zonehold.AttemptQueued), nil }
		b.svc.wait = func(ctx context.Context, id string) (*app.Attempt, error) { <-ctx.Done(); return nil, ctx.Err() }
		b.svc.attempt = func(string) (*app.Attempt, error) { return attemptIn(zonehold.AttemptRunning), nil }
	}},
	{"attempt_start_bad_wait", "POST /v1/domains/example.com/attempts?wait=-5s", `{}`, []string{check}, nil},
	{"attempt_start_running", "POST /v1/domains/example.com/attempts", `{}`, []string{check}, func(b *bench) {
		b.svc.start = func(string, zonehold.Method) (*app.Attempt, error) {
			e := refusal(app.KindConflict, "a check of this domain is under way")
			e.Attempt = attemptIn(zonehold.AttemptRunning)
			return nil, e
		}
	}},
	{"attempt_start_limited", "POST /v1/domains/example.com/attempts", `{}`, []string{check}, func(b *bench) {
		b.svc.start = func(string, zonehold.Method) (*app.Attempt, error) {
			e := refusal(app.KindRateLimited, "this domain was checked 60 times in an hour")
			e.RetryAfter = 90500 * time.Millisecond
			return nil, e
		}
	}},
	{"attempt_start_bad_method", "POST /v1/domains/example.com/attempts", `{"method":"s3cret"}`, []string{check}, nil},
	{"attempt_list", "GET /v1/domains/example.com/attempts?limit=1", "", []string{read}, func(b *bench) {
		b.svc.attempts = func(ref string, limit int, cursor string) (app.Page[*app.Attempt], error) {
			return app.Page[*app.Attempt]{Items: []*app.Attempt{attemptIn(zonehold.AttemptDone)}, NextCursor: "c"}, nil
		}
	}},
	{"attempt_get", "GET /v1/attempts/" + checkID, "", []string{read}, func(b *bench) {
		b.svc.attempt = func(id string) (*app.Attempt, error) { return attemptIn(zonehold.AttemptDone), nil }
	}},
	{"attempt_get_running", "GET /v1/attempts/" + checkID, "", []string{read}, func(b *bench) {
		b.svc.attempt = func(id string) (*app.Attempt, error) { return attemptIn(zonehold.AttemptRunning), nil }
	}},
	{"attempt_get_bad_id", "GET /v1/attempts/att_1", "", []string{read}, nil},
	{"evidence", "GET /v1/attempts/" + checkID + "/evidence", "", []string{read}, func(b *bench) {
		b.svc.evidence = func(id string) (json.RawMessage, error) { return json.RawMessage(`{"dns":[]}`), nil }
	}},
	{"problem_list_first", "GET /v1/problems/dns_doubled_label", "", nil, nil},
	{"problem_unknown", "GET /v1/problems/s3cret", "", nil, nil},
	{"events", "GET /v1/events?limit=2&after=evt_06c4b1q2v8h3k5n7p9r1s3t500", "", []string{read}, func(b *bench) {
		b.svc.events = func(_ context.Context, after string, limit int, wait bool) ([]zonehold.Event, error) {
			if after != "evt_06c4b1q2v8h3k5n7p9r1s3t500" || limit != 2 || wait {
				return nil, fmt.Errorf("got %q %d %v", after, limit, wait)
			}
			return []zonehold.Event{eventNumber(1), eventNumber(2)}, nil
		}
	}},
	{"events_bad_after", "GET /v1/events?after=s3cret", "", []string{read}, nil},
	{"me", "GET /v1/me", "", []string{check}, nil},
	{"token_list", "GET /v1/tokens", "", []string{all}, nil},
	{"token_create", "POST /v1/tokens", `{"name":"ci","scopes":["domains:read"]}`, []string{all}, nil},
	{"token_create_bad_scope", "POST /v1/tokens", `{"name":"ci","scopes":["domains:read","s3cret"]}`, []string{all}, nil},
	{"token_create_bad_name", "POST /v1/tokens", `{"name":" "}`, []string{all}, nil},
	{"token_create_with_key", "POST /v1/tokens", `{"name":"ci"}`, []string{all, "Idempotency-Key: k"}, nil},
	{"token_revoke", "DELETE /v1/tokens/" + tokenID, "", []string{all}, nil},
	{"token_revoke_unknown", "DELETE /v1/tokens/tok_1", "", []string{all}, nil},
	{"no_token", "GET /v1/me", "", nil, nil},
	{"unknown_token", "GET /v1/me", "", []string{"Authorization: Bearer s3cret"}, nil},
	{"other_scheme", "GET /v1/me", "", []string{"Authorization: Basic s3cret"}, nil},
	{"missing_scope", "POST /v1/domains", `{"hostname":"example.com"}`, []string{read}, nil},
	{"missing_scope_admin", "GET /v1/tokens", "", []string{write}, nil},
	{"unknown_path", "GET /v1/nothing/s3cret", "", []string{all}, nil},
	{"root", "GET /", "", nil, nil},
	{"wrong_method", "PUT /v1/domains/example.com", `{}`, []string{all}, nil},
	{"invented_method", "BREW /v1/domains", "", []string{all}, nil},
	{"unavailable", "GET /v1/domains/example.com", "", []string{read}, func(b *bench) {
		b.svc.domain = func(string) (*app.Domain, error) {
			return nil, refusal(app.KindUnavailable, "the server is shutting down")
		}
	}},
	{"internal", "GET /v1/domains/example.com", "", []string{read}, func(b *bench) {
		b.svc.domain = func(string) (*app.Domain, error) { return nil, errors.New("dial postgres://u:s3cret@db") }
	}},
	{"internal_auth", "GET /v1/domains/example.com", "", []string{read}, func(b *bench) { b.tokens.broken = true }},
	{"panic", "GET /v1/domains/example.com", "", []string{read}, func(b *bench) {
		b.svc.domain = func(string) (*app.Domain, error) { panic("s3cret") }
	}},
	{"bad_key", "POST /v1/domains", `{"hostname":"example.com"}`, []string{write, `Idempotency-Key: "abc`}, nil},
}, slices.Concat(grantCases, claimCases, breakerCases, perspectiveCases, evidenceCases)...)

type wireCase struct {
	name    string
	line    string
	body    string
	headers []string
	setup   func(b *bench)
}

func TestWire(t *testing.T) {
	for _, tt := range wireCases {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			if tt.setup != nil {
				tt.setup(b)
			}
			r := request(tt.line, tt.body, tt.headers...)
			w := b.do(r)
			if w.Code >= 400 && strings.Contains(w.Body.String(), "s3cret") && tt.name != "domain_patch" {
				t.Errorf("the reply echoes what was sent or an inner error: %s", w.Body)
			}
			golden(t, tt.name, transcript(tt.line, w))
			conforms(t, b.server, r, w)
		})
	}
}

// transcript is a reply as text; JSON is indented.
func transcript(line string, w *httptest.ResponseRecorder) []byte {
	var b bytes.Buffer
	if len(line) > 120 {
		line = line[:120] + "…"
	}
	fmt.Fprintf(&b, "%s\n\n%d\n", line, w.Code)
	var names []string
	for name := range w.Header() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(w.Header()[name], ", "))
		}
	}
	b.WriteByte('\n')
	if json.Indent(&b, w.Body.Bytes(), "", "  ") != nil {
		b.Write(w.Body.Bytes())
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "wire", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", path, diff)
	}
}

// conforms checks a reply against the document: its status is listed for the
// call, and its body has the fields and types of the schema, no more.
func conforms(t *testing.T, s *server, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	doc := documented{s.doc}
	op := doc.operation(r)
	if op == nil {
		if w.Code != 404 && w.Code != 405 && w.Code != 400 {
			t.Errorf("%s %s is not in the document and answers %d", r.Method, r.URL.Path, w.Code)
		}
		return
	}
	resp := op.Responses[fmt.Sprint(w.Code)]
	if resp == nil {
		t.Errorf("status %d is not listed for %s", w.Code, op.OperationID)
		return
	}
	mediaType := w.Header().Get("Content-Type")
	if resp.Content == nil {
		if w.Body.Len() > 0 {
			t.Errorf("status %d of %s has no body in the document", w.Code, op.OperationID)
		}
		return
	}
	if resp.Content[mediaType] == nil {
		t.Errorf("status %d of %s has no %q", w.Code, op.OperationID, mediaType)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	var res huma.ValidateResult
	huma.Validate(doc.Components.Schemas, resp.Content[mediaType].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &res)
	for _, e := range res.Errors {
		t.Errorf("%s %d: %v", op.OperationID, w.Code, e)
	}
}

type documented struct{ *huma.OpenAPI }

// operation finds the call of a request by its path template.
func (d documented) operation(r *http.Request) *huma.Operation {
	for path, item := range d.Paths {
		want, got := strings.Split(path, "/"), strings.Split(r.URL.EscapedPath(), "/")
		if len(want) != len(got) {
			continue
		}
		match := true
		for i := range want {
			match = match && (want[i] == got[i] || strings.HasPrefix(want[i], "{"))
		}
		if !match {
			continue
		}
		return map[string]*huma.Operation{
			"GET": item.Get, "HEAD": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
		}[r.Method]
	}
	return nil
}

func TestOpenAPI(t *testing.T) {
	b := newBench()
	w := b.do(request("GET /v1/openapi.json", ""))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	path := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(path, w.Body.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), w.Body.String()); diff != "" {
		t.Errorf("the document changed, -update accepts it:\n%s", diff)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
			Security    []any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	seen := map[string]bool{}
	for _, tt := range wireCases {
		if op := (documented{b.server.doc}).operation(request(tt.line, "")); op != nil {
			seen[op.OperationID] = true
		}
	}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			if !seen[op.OperationID] && op.OperationID != "list-problems" {
				t.Errorf("%s %s has no case in this test", method, path)
			}
			if (len(op.Security) == 0) != (strings.HasPrefix(path, "/v1/problems") || strings.Contains(path, "jwks")) {
				t.Errorf("%s %s: security %v", method, path, op.Security)
			}
		}
	}
}
