package httpapi

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// streamServer serves events from a slice that grows.
type streamServer struct {
	mu     sync.Mutex
	events []zonehold.Event
	rang   chan struct{}
	down   chan struct{}
}

func newStreamServer() *streamServer {
	return &streamServer{rang: make(chan struct{}), down: make(chan struct{})}
}

func (s *streamServer) add(e zonehold.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.rang)
	s.rang = make(chan struct{})
}

func (s *streamServer) read(ctx context.Context, after string, limit int, wait bool) ([]zonehold.Event, error) {
	for {
		s.mu.Lock()
		from := 0
		for i, e := range s.events {
			if e.ID == after {
				from = i + 1
			}
		}
		out, rang := s.events[from:], s.rang
		s.mu.Unlock()
		if len(out) > 0 || !wait {
			return out[:min(limit, len(out))], nil
		}
		select {
		case <-rang:
		case <-ctx.Done():
			return nil, nil
		case <-s.down:
			return nil, nil
		}
	}
}

// open starts a stream against a real server and gives its lines.
func openStream(t *testing.T, b *bench, headers ...string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(b.server.serve))
	t.Cleanup(srv.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range append([]string{read, "Accept: text/event-stream"}, headers...) {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewScanner(resp.Body)
}

func TestEventStream(t *testing.T) {
	b, src := newBench(), newStreamServer()
	b.svc.events = src.read
	src.add(eventNumber(1))
	src.add(eventNumber(2))
	resp, lines := openStream(t, b, "Last-Event-ID: "+eventNumber(1).ID)
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, ct)
	}
	until := func(prefix string) string {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), prefix) {
				return lines.Text()
			}
		}
		t.Fatalf("no %q: %v", prefix, lines.Err())
		return ""
	}
	until("retry: 2000")
	if got := until("id: "); got != "id: "+eventNumber(2).ID {
		t.Errorf("first %s", got)
	}
	if got := until("event: "); got != "event: domain.verified" {
		t.Error(got)
	}
	if got, want := until("data: "), `data: {"id":"`+eventNumber(2).ID+`","seq":2,"type":"domain.verified","timestamp":"2026-11-21T12:00:00.123456Z","domain_id":"`+domainID+`","data":{"hostname":"example.com","state":"verified"}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	src.add(eventNumber(3))
	if got := until("id: "); got != "id: "+eventNumber(3).ID {
		t.Errorf("next %s", got)
	}
	close(src.down) // the service shuts down
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream broke instead of ending: %v", err)
	}
	if len(b.server.streams.open) != 0 {
		t.Error("the stream still counts")
	}
}

// flushed is a ResponseWriter for streams in synctest bubbles.
type flushed struct {
	*httptest.ResponseRecorder
	mu sync.Mutex
}

func (f *flushed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ResponseRecorder.Write(p)
}

func (f *flushed) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Body.String()
}

func TestEventStreamHeartbeatAndRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, src := newBench(), newStreamServer()
		b.svc.events = src.read
		w := &flushed{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.server.serve(w, request("GET /v1/events", "", read, "Accept: text/event-stream;q=0.9, */*;q=0.1"))
		}()
		time.Sleep(46 * time.Second)
		if n := strings.Count(w.text(), ": still here\n\n"); n != 4 {
			t.Errorf("%d comments in 46 s: %s", n, w.text())
		}
		b.tokens.mu.Lock()
		b.tokens.revoked = map[string]bool{"read": true}
		b.tokens.mu.Unlock()
		time.Sleep(heartbeat)
		select {
		case <-done:
		default:
			t.Error("the stream of a revoked token goes on")
			close(src.down)
			<-done
		}
	})
}

func TestEventStreamEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, src := newBench(), newStreamServer()
		b.svc.events = src.read
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.server.serve(httptest.NewRecorder(), request("GET /v1/events", "", read, "Accept: text/event-stream").WithContext(ctx))
		}()
		synctest.Wait()
		cancel()
		<-done
	})
}

func TestEventStreamsAreBounded(t *testing.T) {
	b := newBench()
	b.svc.events = newStreamServer().read
	for range maxStreams {
		b.server.streams.enter("tok_read")
	}
	w := b.do(request("GET /v1/events", "", read, "Accept: text/event-stream"))
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	// HEAD does not wait for events.
	if w := b.do(request("HEAD /v1/events", "", all, "Accept: text/event-stream")); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestWantsStream(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/event-stream": true, "Text/Event-Stream; q=0.5": true,
		"application/json, text/event-stream": true, "text/event-stream;q=0": false, "text/event-streams": false,
	} {
		if wantsStream(accept) != want {
			t.Errorf("%q: not %v", accept, want)
		}
	}
}

// A read time-out of the server bounds requests, not replies: it must not end
// waits and streams.
func TestLongRepliesOutliveTheReadTimeout(t *testing.T) {
	const timeout = 200 * time.Millisecond
	b, src := newBench(), newStreamServer()
	b.svc.events = src.read
	b.svc.attempt = func(string) (*app.Attempt, error) { return attemptIn(zonehold.AttemptRunning), nil }
	b.svc.start = func(string, zonehold.Method) (*app.Attempt, error) { return attemptIn(zonehold.AttemptQueued), nil }
	b.svc.wait = func(ctx context.Context, id string) (*app.Attempt, error) {
		select {
		case <-time.After(3 * timeout):
			return attemptIn(zonehold.AttemptDone), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(b.server.serve))
	srv.Config.ReadTimeout = timeout
	srv.Start()
	defer srv.Close()
	for _, line := range []string{"GET /v1/attempts/" + checkID + "?wait=30s", "POST /v1/domains/example.com/attempts?wait=30s"} {
		r := request(line, "", all)
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(srv.URL, "http://")
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `"state":"done"`) {
			t.Errorf("%s: %d %s %v", line, resp.StatusCode, body, err)
		}
	}
	r := request("GET /v1/events", "", all, "Accept: text/event-stream")
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(srv.URL, "http://")
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.AfterFunc(3*timeout, func() { src.add(eventNumber(1)) })
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "id: ") {
			return
		}
	}
	t.Errorf("the stream ended without the event: %v", lines.Err())
}
