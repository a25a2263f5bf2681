package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

func TestConditionalGet(t *testing.T) {
	for _, path := range []string{"/v1/domains/" + domainID, "/v1/domains/example.com", "/v1/attempts/" + checkID, "/v1/problems", "/v1/openapi.json", "/docs/"} {
		t.Run(path, func(t *testing.T) {
			b := newBench()
			b.svc.domain = func(string) (*app.Domain, error) { return verifiedDomain(), nil }
			b.svc.attempt = func(string) (*app.Attempt, error) { return attemptIn(zonehold.AttemptDone), nil }
			first := b.do(request("GET "+path, "", read))
			tag := first.Header().Get("ETag")
			if first.Code != 200 || tag == "" {
				t.Fatalf("%d, ETag %q", first.Code, tag)
			}
			for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
				w := b.do(request("GET "+path, "", read, "If-None-Match: "+match))
				if w.Code != 304 || w.Body.Len() > 0 || w.Header().Get("ETag") != tag {
					t.Errorf("If-None-Match: %s gave %d", match, w.Code)
				}
			}
			if w := b.do(request("GET "+path, "", read, `If-None-Match: "other"`)); w.Code != 200 {
				t.Errorf("another tag gave %d", w.Code)
			}
		})
	}
}

// The tag changes with what is shown even if the version does not, as when a
// check begins.
func TestTagShowsMoreThanTheVersion(t *testing.T) {
	b := newBench()
	d := verifiedDomain()
	b.svc.domain = func(string) (*app.Domain, error) { return d, nil }
	tag := b.do(request("GET /v1/domains/"+domainID, "", read)).Header().Get("ETag")
	d = verifiedDomain()
	d.Running = attemptIn(zonehold.AttemptRunning)
	if w := b.do(request("GET /v1/domains/"+domainID, "", read, "If-None-Match: "+tag)); w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
	list, err := versions([]string{tag})
	if err != nil || len(list) != 1 || list[0] != d.Version {
		t.Errorf("the tag %s carries %v, %v", tag, list, err)
	}
}

func TestDomainPages(t *testing.T) {
	b := newBench()
	reads, version := 0, int64(7)
	running := false
	b.svc.domain = func(ref string) (*app.Domain, error) {
		reads++
		d := verifiedDomain()
		d.Version, d.Tags = version, []string{fmt.Sprint("read ", reads)}
		if running {
			d.Running = attemptIn(zonehold.AttemptRunning)
		}
		return d, nil
	}
	var broken error
	b.server.DomainVersion = func(_ context.Context, accountID, id string) (int64, error) {
		if accountID != anna.ID || id != domainID {
			t.Errorf("asked for %s of %s", id, accountID)
		}
		return version, broken
	}
	get := func(ref string, want int) {
		t.Helper()
		w := b.do(request("GET /v1/domains/"+ref, "", read))
		if !strings.Contains(w.Body.String(), fmt.Sprintf(`"read %d"`, want)) {
			t.Errorf("%s: want read %d, got %s", ref, want, w.Body)
		}
	}
	get(domainID, 1)
	get(domainID, 1)
	version++
	get(domainID, 2)
	get(domainID, 2)
	get("example.com", 3) // a name may come to mean another claim
	get("example.com", 4)
	running, version = true, version+1
	get(domainID, 5)
	get(domainID, 6) // the end of a check may not count
	running = false
	get(domainID, 7)
	get(domainID, 7)
	broken = errors.New("no such domain")
	get(domainID, 8)
}

// Requests that come while a read runs share the next one, and each reply is
// of a read that began after its request.
func TestSharedReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		var reads atomic.Int64
		b.svc.domain = func(string) (*app.Domain, error) {
			n := reads.Add(1)
			time.Sleep(time.Second)
			d := verifiedDomain()
			d.Tags = []string{fmt.Sprint("read ", n)}
			return d, nil
		}
		var wg sync.WaitGroup
		get := func(want string) {
			wg.Go(func() {
				if w := b.do(request("GET /v1/domains/example.com", "", read)); !strings.Contains(w.Body.String(), want) {
					t.Errorf("want %s, got %s", want, w.Body)
				}
			})
			synctest.Wait()
		}
		get("read 1")
		for range 20 {
			get("read 2")
		}
		time.Sleep(1500 * time.Millisecond)
		get("read 3")
		wg.Wait()
		if reads.Load() != 3 {
			t.Errorf("%d reads", reads.Load())
		}
		if len(b.server.reads.current)+len(b.server.reads.next) != 0 {
			t.Error("finished reads are kept")
		}
	})
}

// A panic in a shared read must not hang those that wait for it.
func TestSharedReadPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		var n atomic.Int64
		b.svc.domain = func(string) (*app.Domain, error) {
			time.Sleep(time.Second)
			if n.Add(1) <= 2 {
				panic("broken")
			}
			return verifiedDomain(), nil
		}
		var wg sync.WaitGroup
		codes := make([]int, 5)
		for i := range codes {
			wg.Go(func() { codes[i] = b.do(request("GET /v1/domains/example.com", "", read)).Code })
			synctest.Wait()
		}
		wg.Wait()
		if diff := cmp.Diff([]int{500, 500, 500, 500, 500}, codes); diff != "" {
			t.Error(diff)
		}
		if w := b.do(request("GET /v1/domains/example.com", "", read)); w.Code != 200 {
			t.Errorf("afterwards %d", w.Code)
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.server.limiter = newLimiter(Limits{Reads: 2, Writes: -1})
		me := func(auth string) *httptest.ResponseRecorder { return b.do(request("GET /v1/me", "", auth)) }
		for i, want := range []string{`"reads";r=1;t=60`, `"reads";r=0;t=51`} {
			w := me(read)
			if w.Code != 200 || w.Header().Get("RateLimit") != want || w.Header().Get("RateLimit-Policy") != `"reads";q=2;w=60` {
				t.Errorf("call %d: %d %v", i, w.Code, w.Header())
			}
			time.Sleep(9500 * time.Millisecond)
		}
		w := me(read)
		if w.Code != 429 || w.Header().Get("Retry-After") != "41" || w.Header().Get("RateLimit") != `"reads";r=0;t=41` || !strings.Contains(w.Body.String(), `"code":"rate_limited"`) {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if w := me(write); w.Code != 200 {
			t.Errorf("another token: %d", w.Code)
		}
		b.svc.remove = func(string, int64) error { return nil }
		if w := b.do(request("DELETE /v1/domains/example.com", "", all)); w.Code != 204 || w.Header().Get("RateLimit") != "" {
			t.Errorf("no limit on writes: %d %v", w.Code, w.Header())
		}
		time.Sleep(41 * time.Second)
		if w := me(read); w.Code != 200 {
			t.Errorf("after the window: %d", w.Code)
		}
	})
}

func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{})
		for i := range 1000 {
			l.take(http.Header{}, fmt.Sprint(i), reads)
		}
		time.Sleep(2 * window)
		l.take(http.Header{}, "last", reads)
		if len(l.windows) != 1 {
			t.Errorf("%d windows kept", len(l.windows))
		}
	})
}

func TestIdempotency(t *testing.T) {
	b := newBench()
	calls := 0
	b.svc.create = func(in app.CreateDomain) (*app.Domain, bool, error) {
		calls++
		switch in.Hostname {
		case "fail.example":
			return nil, false, errors.New("database gone")
		case "panic.example":
			panic("broken")
		case "refused.example":
			return nil, false, refusal(app.KindRefused, "no")
		}
		return pendingDomain(), true, nil
	}
	post := func(key, body string, more ...string) *httptest.ResponseRecorder {
		return b.do(request("POST /v1/domains", body, append([]string{all, "Idempotency-Key: " + key}, more...)...))
	}
	first := post("k1", `{"hostname":"example.com"}`)
	again := post(`"k1"`, `{"hostname":"example.com"}`)
	if first.Code != 201 || again.Code != 201 || calls != 1 || first.Body.String() != again.Body.String() {
		t.Fatalf("%d %d, %d calls", first.Code, again.Code, calls)
	}
	for _, name := range []string{"Location", "ETag", "Content-Type"} {
		if first.Header().Get(name) == "" || first.Header().Get(name) != again.Header().Get(name) {
			t.Errorf("%s: %q, then %q", name, first.Header().Get(name), again.Header().Get(name))
		}
	}
	if again.Header().Get("Idempotency-Replayed") != "true" || first.Header().Get("Idempotency-Replayed") != "" {
		t.Error("a replay is not marked, or a first reply is")
	}
	if again.Header().Get("RateLimit") == first.Header().Get("RateLimit") {
		t.Error("the replay has the headers of the first request")
	}
	if w := post("k1", `{"hostname":"example.org"}`); w.Code != 422 || !strings.Contains(w.Body.String(), "idempotency_key_reused") {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
	if w := post("k2", `{"hostname":"refused.example"}`); w.Code != 422 {
		t.Errorf("refused: %d", w.Code)
	}
	calls = 0
	if w := post("k2", `{"hostname":"refused.example"}`); w.Code != 422 || calls != 0 {
		t.Errorf("refused again: %d, %d calls", w.Code, calls)
	}
	for _, host := range []string{"fail.example", "panic.example"} {
		for range 2 { // a failure of ours may be retried
			calls = 0
			if w := post("k-"+host, `{"hostname":"`+host+`"}`); w.Code != 500 || calls != 1 {
				t.Errorf("%s: %d, %d calls", host, w.Code, calls)
			}
		}
	}
	var inner *httptest.ResponseRecorder
	b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) {
		b.svc.create = nil
		inner = post("k3", `{"hostname":"example.com"}`)
		return pendingDomain(), true, nil
	}
	post("k3", `{"hostname":"example.com"}`)
	if inner.Code != 409 || !strings.Contains(inner.Body.String(), "idempotency_key_running") || inner.Header().Get("Retry-After") == "" {
		t.Errorf("while running: %d %s", inner.Code, inner.Body)
	}
	if w := post("k4", `{"hostname":"example.com"}`, "Idempotency-Key: k5"); w.Code != 400 {
		t.Errorf("two keys: %d", w.Code)
	}
	if w := post(long, `{"hostname":"example.com"}`); w.Code != 400 {
		t.Errorf("long key: %d", w.Code)
	}
}

// A stored key never keeps a reply with the id of the first request.
func TestReplayHasItsOwnRequestID(t *testing.T) {
	b := newBench()
	b.svc.create = func(app.CreateDomain) (*app.Domain, bool, error) { return pendingDomain(), true, nil }
	for _, id := range []string{"req_one", "req_two"} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", id)
		b.server.serve(w, request("POST /v1/domains", `{"hostname":"example.com"}`, all, "Idempotency-Key: k"))
		if got := w.Header()["X-Request-Id"]; len(got) != 1 || got[0] != id {
			t.Errorf("%s became %v", id, got)
		}
	}
}

// A slow or broken body ends with an error in our shape.
func TestBrokenBody(t *testing.T) {
	b := newBench()
	r := request("POST /v1/domains", `x`, write)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"host`), errReader{}))
	r.ContentLength = -1
	if w := b.do(r); w.Code != 400 || !strings.Contains(w.Body.String(), "malformed_json") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r = request("POST /v1/domains", `x`, write)
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 1<<40)), -1
	if w := b.do(r); w.Code != 413 || w.Header().Get("Connection") != "close" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The pattern shows in the metrics, the path does not.
func TestRoutePattern(t *testing.T) {
	b := newBench()
	b.svc.domain = func(string) (*app.Domain, error) { return verifiedDomain(), nil }
	for path, want := range map[string]string{
		"/v1/domains/example.com": "/v1/domains/{ref}", "/v1/problems": "/v1/problems", "/docs/problems": "/docs/problems", "/v1/x": "",
	} {
		r := request("GET "+path, "", read)
		b.do(r)
		if r.Pattern != want {
			t.Errorf("%s: pattern %q, want %q", path, r.Pattern, want)
		}
	}
}

// Every refusal has a place in the table, and the place that its type names.
func TestRefusalTable(t *testing.T) {
	for c, i := range refusalByCode {
		r := refusals[i]
		if r.code != c || r.status < 400 || r.title == "" || !strings.HasSuffix(r.meaning, ".") {
			t.Errorf("%+v", r)
		}
	}
	if len(refusalByCode) != len(refusals) {
		t.Error("a code is listed twice")
	}
	page := newBench().do(request("GET /docs/errors", "")).Body.String()
	for _, r := range refusals {
		if !strings.Contains(page, `id="`+string(r.code)+`"`) {
			t.Errorf("/docs/errors has no anchor %s", r.code)
		}
	}
}
