package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// real is the whole service with a check that does as it is told.
type real struct {
	url      string
	auth     *auth.Auth
	account  zonehold.Account
	client   *client.Client // of a token with every scope
	outcomes chan zonehold.Outcome
}

func newReal(t *testing.T, s *store.Store) *real {
	t.Helper()
	if err := s.Lock(); err != nil { // as serve does
		t.Fatal(err)
	}
	r := &real{auth: auth.New(s), outcomes: make(chan zonehold.Outcome, 10)}
	a, err := app.New(app.Config{
		Store: s, Kit: &verify.Kit{}, Worker: true, ChecksPerMinute: 50,
		Check: func(ctx context.Context, _ *verify.Kit, _ zonehold.Method, _ verify.Claim) diagnose.Report {
			rep := diagnose.Report{Method: zonehold.MethodDNSTXT, Outcome: zonehold.OutcomeInconclusive, StartedAt: time.Now(), Duration: time.Millisecond}
			select {
			case rep.Outcome = <-r.outcomes:
			case <-ctx.Done():
			}
			if rep.Outcome != zonehold.OutcomeVerified {
				p := problem.New("dns_record_missing", nil)
				rep.Problem = &p
			}
			return rep
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Config{Service: a, Auth: r.auth, Idempotency: a, Version: "test",
		DomainVersion: a.DomainVersion, Stamp: a.Stamp}))
	t.Cleanup(func() {
		a.Drain()
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
		r.auth.Close()
	})
	r.url = srv.URL
	if r.account, err = r.auth.CreateAccount(t.Context(), "anna", "anna@example.com", true); err != nil {
		t.Fatal(err)
	}
	r.client = r.as(t, r.account.ID, zonehold.ScopeAdmin)
	return r
}

// as makes a client with a new token.
func (r *real) as(t *testing.T, accountID string, scopes ...zonehold.Scope) *client.Client {
	t.Helper()
	token, err := r.auth.Create(t.Context(), accountID, "test", scopes)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(r.url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func wantError(t *testing.T, err error, status int, code string) *client.Error {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status || e.Code != code {
		t.Errorf("want %d %s, got %v", status, code, err)
		return &client.Error{}
	}
	return e
}

func TestWholeFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newReal(t, s)
		ctx, c := t.Context(), r.client

		d, created, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "Bücher.Example.COM."})
		if err != nil || !created {
			t.Fatalf("%v %v", created, err)
		}
		if d.Hostname != "xn--bcher-kva.example.com" || d.HostnameUnicode != "bücher.example.com" || d.State != "pending" || d.Turn != "you" || len(d.Challenges) == 0 {
			t.Errorf("%+v", d)
		}
		again, created, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "xn--bcher-kva.example.com"})
		if err != nil || created || again.ID != d.ID {
			t.Errorf("again: %v %v", created, err)
		}
		for _, ref := range []string{d.ID, "bücher.example.com", "xn--bcher-kva.example.com"} {
			if got, err := c.Domain(ctx, ref); err != nil || got.ID != d.ID {
				t.Errorf("%s: %v", ref, err)
			}
		}

		// A check that says no is a 200.
		r.outcomes <- zonehold.OutcomeAbsent
		at, err := c.StartAttempt(ctx, d.ID, "dns", 30*time.Second)
		if err != nil || !at.Finished() || *at.Outcome != "absent" || at.Problem == nil || at.Problem.Code != "dns_record_missing" {
			t.Fatalf("%+v %v", at, err)
		}
		got, err := c.Domain(ctx, d.ID)
		if err != nil || got.LastAttemptID == nil || *got.LastAttemptID != at.ID || got.Problem == nil || got.RunningAttemptID != nil {
			t.Errorf("after the check: %+v %v", got, err)
		}

		// One that runs: 202, shown, and a second one is refused with it.
		running, err := c.StartAttempt(ctx, d.ID, "", 0)
		if err != nil || running.Finished() {
			t.Fatalf("%+v %v", running, err)
		}
		_, err = c.StartAttempt(ctx, d.ID, "", 0)
		if e := wantError(t, err, 409, "check_running"); e.Attempt == nil || e.Attempt.ID != running.ID {
			t.Errorf("the conflict holds %+v", e.Attempt)
		}
		if got, err := c.Domain(ctx, d.ID); err != nil || got.RunningAttemptID == nil || got.Turn != "us" {
			t.Errorf("while running: %+v %v", got, err)
		}
		r.outcomes <- zonehold.OutcomeVerified
		if at, err := c.WaitAttempt(ctx, running.ID); err != nil || *at.Outcome != "verified" {
			t.Fatalf("%+v %v", at, err)
		}
		got, err = c.Domain(ctx, d.ID)
		if err != nil || !got.Verified || got.State != "verified" || got.Problem != nil || got.RunningAttemptID != nil || got.Turn != "nobody" {
			t.Errorf("verified: %+v %v", got, err)
		}
		page, err := c.Attempts(ctx, d.ID, 1, "")
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != running.ID || page.NextCursor == nil {
			t.Fatalf("%+v %v", page, err)
		}
		page, err = c.Attempts(ctx, d.ID, 1, *page.NextCursor)
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != at.ID {
			t.Errorf("second page: %+v %v", page, err)
		}

		// Changes.
		tags := []string{"prod"}
		if got, err = c.UpdateDomain(ctx, d.ID, api.DomainPatch{Tags: &tags}); err != nil || cmp.Diff(tags, got.Tags) != "" {
			t.Errorf("%+v %v", got, err)
		}
		if got, err = c.Domain(ctx, d.ID); err != nil || cmp.Diff(tags, got.Tags) != "" {
			t.Errorf("read after the change: %+v %v", got, err)
		}

		// What happened.
		events, err := c.Events(ctx, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, e := range events {
			types = append(types, e.Type)
		}
		for _, want := range []string{"domain.created", "attempt.completed", "domain.verified", "domain.updated"} {
			if !strings.Contains(strings.Join(types, " "), want) {
				t.Errorf("no %s in %v", want, types)
			}
		}
		stop := errors.New("stop")
		var watched []string
		err = c.Watch(ctx, "", func(e api.Event) error {
			if watched = append(watched, e.Type); len(watched) == len(types) {
				go c.DeleteDomain(ctx, d.ID) // arrives while we wait
			}
			if e.Type == "domain.deleted" {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(types, "domain.deleted"), watched); diff != "" {
			t.Error(diff)
		}
		_, err = c.Domain(ctx, d.ID)
		wantError(t, err, 404, "not_found")
		_, err = c.StartAttempt(ctx, d.ID, "", 0)
		wantError(t, err, 404, "not_found")
	})
}

func TestRealRefusals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newReal(t, s)
		ctx, c := t.Context(), r.client
		for host, code := range map[string]string{
			"127.0.0.1": "hostname_invalid", "0x7f.1": "hostname_invalid", "co.uk": "domain_is_public_suffix",
			strings.Repeat("a", 10_000): "hostname_invalid", "a\x00b.example.com": "hostname_invalid", "": "hostname_invalid",
			"a\u202eb.example.com": "hostname_invalid",
		} {
			_, _, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: host})
			e := wantError(t, err, 422, code)
			if e.Problem == nil || len(e.Errors) != 1 || e.Errors[0].Pointer != "#/hostname" || strings.ContainsAny(e.Message(), "\u202e\x00") {
				t.Errorf("%.20q: %+v", host, e)
			}
			if host == "co.uk" && !strings.HasPrefix(e.Detail, "co.uk is ") { // a name keeps its lower case
				t.Errorf("detail %q", e.Detail)
			}
		}
		if page, err := c.Domains(ctx, client.DomainQuery{}); err != nil || len(page.Items) != 0 {
			t.Errorf("something was stored: %+v %v", page, err)
		}
		_, err := c.Domains(ctx, client.DomainQuery{Cursor: "bm90IG91cnM"})
		wantError(t, err, 400, "invalid_parameter")
		_, err = c.Domain(ctx, "127.0.0.1")
		wantError(t, err, 404, "not_found")
		_, err = c.Attempt(ctx, zonehold.NewID(zonehold.PrefixAttempt), 0)
		wantError(t, err, 404, "not_found")
		_, err = c.Events(ctx, zonehold.NewID(zonehold.PrefixEvent), 0)
		if err == nil {
			t.Error("an event that never was is accepted")
		}

		// Another account sees nothing of it.
		d, _, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Domain(ctx, d.ID); err != nil { // so that the page is kept
			t.Fatal(err)
		}
		bob, err := r.auth.CreateAccount(ctx, "bob", "", false)
		if err != nil {
			t.Fatal(err)
		}
		other := r.as(t, bob.ID, zonehold.ScopeAdmin)
		_, err = other.Domain(ctx, d.ID)
		wantError(t, err, 404, "not_found")
		err = other.DeleteDomain(ctx, d.ID)
		wantError(t, err, 404, "not_found")
		_, err = other.StartAttempt(ctx, d.ID, "", 0)
		wantError(t, err, 404, "not_found")

		// Scopes.
		reader := r.as(t, r.account.ID, zonehold.ScopeDomainsRead)
		_, _, err = reader.CreateDomain(ctx, api.CreateDomain{Hostname: "example.org"})
		if e := wantError(t, err, 403, "scope_missing"); e.Scope != "domains:write" {
			t.Errorf("scope %q", e.Scope)
		}
		checker := r.as(t, r.account.ID, zonehold.ScopeChecksRun)
		_, err = checker.Domain(ctx, d.ID)
		wantError(t, err, 403, "scope_missing")
		r.outcomes <- zonehold.OutcomeAbsent
		if at, err := checker.StartAttempt(ctx, d.ID, "", 30*time.Second); err != nil || !at.Finished() {
			t.Errorf("who may run a check sees how it ends: %+v %v", at, err)
		}
	})
}

func TestRealTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newReal(t, s)
		ctx, c := t.Context(), r.client
		made, err := c.CreateToken(ctx, api.CreateToken{Name: "ci", Scopes: []string{"domains:read"}})
		if err != nil || !auth.WellFormed(made.Secret) {
			t.Fatalf("%+v %v", made, err)
		}
		ci, err := client.New(r.url, made.Secret)
		if err != nil {
			t.Fatal(err)
		}
		me, err := ci.Me(ctx)
		if err != nil || me.TokenID != made.ID || me.Account.Name != "anna" || cmp.Diff([]string{"domains:read"}, me.Scopes) != "" {
			t.Errorf("%+v %v", me, err)
		}
		list, err := c.Tokens(ctx)
		if err != nil || len(list) != 2 || list[1].ID != made.ID {
			t.Errorf("%+v %v", list, err)
		}
		if err := c.RevokeToken(ctx, made.ID); err != nil {
			t.Fatal(err)
		}
		_, err = ci.Me(ctx)
		wantError(t, err, 401, "unauthenticated")
		err = c.RevokeToken(ctx, zonehold.NewID(zonehold.PrefixToken))
		wantError(t, err, 404, "not_found")
	})
}

func TestRealPreconditionsAndKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newReal(t, s)
		token, err := r.auth.Create(t.Context(), r.account.ID, "test", nil)
		if err != nil {
			t.Fatal(err)
		}
		do := func(method, path, body string, headers ...string) *http.Response {
			t.Helper()
			req := request(method+" "+path, body, append(headers, "Authorization: Bearer "+token)...)
			req.RequestURI = ""
			req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(r.url, "http://")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { resp.Body.Close() })
			return resp
		}
		first := do("POST", "/v1/domains", `{"hostname":"example.com"}`, "Idempotency-Key: k1")
		replay := do("POST", "/v1/domains", `{"hostname":"example.com"}`, "Idempotency-Key: k1")
		if first.StatusCode != 201 || replay.StatusCode != 201 || replay.Header.Get("Idempotency-Replayed") != "true" || replay.Header.Get("Location") != first.Header.Get("Location") {
			t.Errorf("%d, then %d %v", first.StatusCode, replay.StatusCode, replay.Header)
		}
		if resp := do("POST", "/v1/domains", `{"hostname":"example.org"}`, "Idempotency-Key: k1"); resp.StatusCode != 422 {
			t.Errorf("another body: %d", resp.StatusCode)
		}
		tag := do("GET", "/v1/domains/example.com", "").Header.Get("ETag")
		if resp := do("GET", "/v1/domains/example.com", "", "If-None-Match: "+tag); resp.StatusCode != 304 {
			t.Errorf("unchanged: %d", resp.StatusCode)
		}
		if resp := do("PATCH", "/v1/domains/example.com", `{"tags":["a"]}`, "If-Match: "+tag); resp.StatusCode != 200 || resp.Header.Get("ETag") == tag {
			t.Errorf("with the tag: %d", resp.StatusCode)
		}
		if resp := do("PATCH", "/v1/domains/example.com", `{"tags":["b"]}`, "If-Match: "+tag); resp.StatusCode != 412 {
			t.Errorf("with the old tag: %d", resp.StatusCode)
		}
		if resp := do("DELETE", "/v1/domains/example.com", "", "If-Match: "+tag); resp.StatusCode != 412 {
			t.Errorf("deleting with the old tag: %d", resp.StatusCode)
		}
		if resp := do("DELETE", "/v1/domains/example.com", "", "If-Match: *"); resp.StatusCode != 204 {
			t.Errorf("deleting: %d", resp.StatusCode)
		}
	})
}
