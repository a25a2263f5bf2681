package attacktest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/httpapi"
	"github.com/zonehold/zonehold/internal/probely"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/internal/webmaster"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// service is the whole program over a fake internet: a database, workers,
// probes, both HTTP dialects behind the middleware, and its log.
type service struct {
	*lab
	t    *testing.T
	auth *auth.Auth
	url  string
	log  *logBook
}

// logBook collects the log.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newService(t *testing.T, s *store.Store, cfg app.Config) *service {
	t.Helper()
	v := &service{lab: newLab(t), t: t}
	v.start(s, cfg)
	return v
}

// another is a second node on the same database and internet.
func (v *service) another(s *store.Store, cfg app.Config) *service {
	v.t.Helper()
	w := &service{lab: v.lab, t: v.t}
	w.start(s, cfg)
	return w
}

func (v *service) start(s *store.Store, cfg app.Config) {
	t := v.t
	t.Helper()
	v.auth, v.log = auth.New(s), &logBook{}
	t.Cleanup(v.auth.Close)
	log := slog.New(slog.NewJSONHandler(v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Store, cfg.Worker, cfg.Log = s, true, log
	if cfg.Kit == nil {
		cfg.Kit = v.Kit
	}
	if cfg.ChecksPerMinute == 0 {
		cfg.ChecksPerMinute = -1
	}
	if cfg.TargetChecksPerHour == 0 {
		cfg.TargetChecksPerHour = -1
	}
	if cfg.CreateWait == 0 {
		cfg.CreateWait = patience // tests read from the reply what is known of a new claim
	}
	a, err := app.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		a.Drain()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	native := httpapi.New(httpapi.Config{Service: a, Grants: a, Idempotency: a, Auth: v.auth, Version: "test", Log: log, Limits: httpapi.Limits{Reads: -1, Writes: -1, Checks: -1}})
	yandex := webmaster.New(webmaster.Config{Service: a, Auth: v.auth, Log: log})
	scanner := probely.New(probely.Config{Service: a, Auth: v.auth, Connections: a.Connections, Log: log})
	srv := httptest.NewServer(telemetry.Middleware(log, telemetry.NewMetrics("test"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
		case strings.HasPrefix(root, "v3") || strings.HasPrefix(root, "v4"):
			yandex.ServeHTTP(w, r)
		case slices.Contains(probely.Roots(), root):
			scanner.ServeHTTP(w, r)
		default:
			native.ServeHTTP(w, r)
		}
	})))
	t.Cleanup(srv.Close)
	v.url = srv.URL
}

// account is somebody with an account, with the native client and by hand.
type account struct {
	*service
	*client.Client
	id, name, token string
	user            int64
}

func (v *service) account(name string, scopes ...zonehold.Scope) *account {
	v.t.Helper()
	a, err := v.auth.CreateAccount(v.t.Context(), name, name+"@example.com", true)
	if err != nil {
		v.t.Fatal(err)
	}
	if len(scopes) == 0 {
		scopes = []zonehold.Scope{zonehold.ScopeAdmin}
	}
	return v.signIn(a, scopes...)
}

// signIn is one more token of an account.
func (v *service) signIn(a zonehold.Account, scopes ...zonehold.Scope) *account {
	v.t.Helper()
	token, _, err := v.auth.Grant(v.t.Context(), a.ID, "test", scopes)
	if err != nil {
		v.t.Fatal(err)
	}
	c, err := client.New(v.url, token)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(c.Close)
	return &account{service: v, Client: c, id: a.ID, name: a.Name, token: token, user: a.Number}
}

func (a *account) create(in api.CreateDomain) *api.Domain {
	a.service.t.Helper()
	d, created, err := a.CreateDomain(a.service.t.Context(), in)
	if err != nil || !created {
		a.service.t.Fatalf("creating %+v: %v %v", in, created, err)
	}
	return d
}

// check runs one to its end.
func (a *account) check(ref, method string) *api.Attempt {
	a.service.t.Helper()
	at, err := a.StartAttempt(a.service.t.Context(), ref, method, 30*time.Second)
	if err != nil {
		a.service.t.Fatalf("checking %s: %v", ref, err)
	}
	if !at.Finished() {
		if at, err = a.WaitAttempt(a.service.t.Context(), at.ID); err != nil {
			a.service.t.Fatal(err)
		}
	}
	return at
}

// send makes a request by hand.
func (a *account) send(method, path string, body []byte, headers ...string) (int, http.Header, []byte) {
	a.service.t.Helper()
	req, err := http.NewRequestWithContext(a.service.t.Context(), method, a.url+path, bytes.NewReader(body))
	if err != nil {
		a.service.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.service.t.Fatalf("%s %.200s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		a.service.t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return resp.StatusCode, resp.Header, b
}

// challenge finds one of a domain.
func challenge(d *api.Domain, method string) api.Challenge {
	for _, ch := range d.Challenges {
		if ch.Method == method {
			return ch
		}
	}
	return api.Challenge{}
}

// publish puts up the proof of a challenge of the native API.
func (v *service) publish(d *api.Domain, method string) {
	v.t.Helper()
	h := zonehold.Hostname(d.Hostname)
	zone, _ := h.Registrable()
	switch ch := challenge(d, method); {
	case ch.Record != nil && ch.Record.Type == "TXT":
		v.Net.Zone(zone).Add(ch.Record.Name+".", "TXT", ch.Record.Value)
	case ch.Record != nil:
		v.Net.Zone(zone).Add(ch.Record.Name+".", "CNAME", ch.Record.Value+".")
	case ch.File != nil:
		v.Net.Host(d.Hostname).Page(ch.File.Path, 200, "text/plain", ch.File.Content)
	case ch.Tag != nil:
		v.Net.Host(d.Hostname).Page("/", 200, "text/html", verifytest.Page(ch.Tag.HTML))
	default:
		v.t.Fatalf("no challenge %s", method)
	}
}

var methods = []string{"dns_txt", "dns_cname", "file", "txt_file", "meta_tag"}
