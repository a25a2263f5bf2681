package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/api"
)

// recorded starts a server that notes requests and gives fixed replies.
func recorded(t *testing.T, status int, header map[string]string, body string) (*Client, *[]string) {
	t.Helper()
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), data)))
		for name, v := range header {
			w.Header().Set(name, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	c, err := New(srv.URL+"/", "zhp_x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &got
}

func TestRequests(t *testing.T) {
	ctx := context.Background()
	yes := true
	tests := []struct {
		name string
		call func(c *Client) error
		body string
		want string
	}{
		{"create domain", func(c *Client) error {
			d, created, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "example.com"})
			if err == nil && (d.ID != "dom_1" || created) {
				err = fmt.Errorf("%+v %v", d, created)
			}
			return err
		}, `{"id":"dom_1"}`, `POST /v1/domains Bearer zhp_x application/json {"hostname":"example.com"}`},
		{"domain", func(c *Client) error { _, err := c.Domain(ctx, "пример.рф"); return err }, `{}`, `GET /v1/domains/%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.%D1%80%D1%84 Bearer zhp_x`},
		{"hostile reference", func(c *Client) error { _, err := c.Domain(ctx, "../tokens?x=1#y"); return err }, `{}`, `GET /v1/domains/..%2Ftokens%3Fx=1%23y Bearer zhp_x`},
		{"dots", func(c *Client) error { _, err := c.Domain(ctx, ".."); return err }, `{}`, `GET /v1/domains/%2E%2E Bearer zhp_x`},
		{"domains", func(c *Client) error {
			_, err := c.Domains(ctx, DomainQuery{State: "verified", Text: "a b", Limit: 5, Sort: "-created_at"})
			return err
		}, `{"items":[]}`, `GET /v1/domains?limit=5&q=a+b&sort=-created_at&state=verified Bearer zhp_x`},
		{"update", func(c *Client) error {
			_, err := c.UpdateDomain(ctx, "dom_1", api.DomainPatch{DiscoveryEnabled: &yes})
			return err
		}, `{}`, `PATCH /v1/domains/dom_1 Bearer zhp_x application/json {"discovery_enabled":true}`},
		{"delete", func(c *Client) error { return c.DeleteDomain(ctx, "dom_1") }, ``, `DELETE /v1/domains/dom_1 Bearer zhp_x`},
		{"start", func(c *Client) error {
			_, err := c.StartAttempt(ctx, "example.com", "dns_txt", 90*time.Second)
			return err
		}, `{}`, `POST /v1/domains/example.com/attempts?wait=1m0s Bearer zhp_x application/json {"method":"dns_txt"}`},
		{"start any", func(c *Client) error { _, err := c.StartAttempt(ctx, "example.com", "", 0); return err }, `{}`, `POST /v1/domains/example.com/attempts Bearer zhp_x application/json {}`},
		{"attempts", func(c *Client) error { _, err := c.Attempts(ctx, "example.com", 2, "c"); return err }, `{}`, `GET /v1/domains/example.com/attempts?cursor=c&limit=2 Bearer zhp_x`},
		{"evidence", func(c *Client) error {
			doc, err := c.Evidence(ctx, "att_1")
			if err == nil && string(doc) != `{"a":1}` {
				err = errors.New(string(doc))
			}
			return err
		}, `{"a":1}`, `GET /v1/attempts/att_1/evidence Bearer zhp_x`},
		{"problems", func(c *Client) error { _, err := c.Problems(ctx); return err }, `{"items":[]}`, `GET /v1/problems Bearer zhp_x`},
		{"problem", func(c *Client) error { _, err := c.Problem(ctx, "dns_x"); return err }, `{}`, `GET /v1/problems/dns_x Bearer zhp_x`},
		{"me", func(c *Client) error { _, err := c.Me(ctx); return err }, `{}`, `GET /v1/me Bearer zhp_x`},
		{"tokens", func(c *Client) error { _, err := c.Tokens(ctx); return err }, `{}`, `GET /v1/tokens Bearer zhp_x`},
		{"create token", func(c *Client) error { _, err := c.CreateToken(ctx, api.CreateToken{Name: "ci"}); return err }, `{}`, `POST /v1/tokens Bearer zhp_x application/json {"name":"ci"}`},
		{"revoke token", func(c *Client) error { return c.RevokeToken(ctx, "tok_1") }, ``, `DELETE /v1/tokens/tok_1 Bearer zhp_x`},
		{"create policy", func(c *Client) error {
			_, err := c.CreatePolicy(ctx, api.CreatePolicy{Method: "whitelist", Pattern: "*.example.com", By: "carol", Reason: "r"})
			return err
		}, `{}`, `POST /v1/policies Bearer zhp_x application/json {"method":"whitelist","pattern":"*.example.com","by":"carol","reason":"r"}`},
		{"policies", func(c *Client) error {
			_, err := c.Policies(ctx, PolicyQuery{Method: "pdd", Domain: "a.example", All: true, Limit: 3, Cursor: "x"})
			return err
		}, `{}`, `GET /v1/policies?all=true&cursor=x&domain=a.example&limit=3&method=pdd Bearer zhp_x`},
		{"policy", func(c *Client) error { _, err := c.Policy(ctx, "pol_1"); return err }, `{}`, `GET /v1/policies/pol_1 Bearer zhp_x`},
		{"revoke policy", func(c *Client) error {
			p, err := c.RevokePolicy(ctx, "pol_1", "carol", "a b")
			if err == nil && (p.Lapsed != 2 || p.ID != "pol_1") {
				err = fmt.Errorf("%+v", p)
			}
			return err
		}, `{"id":"pol_1","lapsed":2}`, `DELETE /v1/policies/pol_1?by=carol&reason=a+b Bearer zhp_x`},
		{"delegate", func(c *Client) error {
			_, err := c.Delegate(ctx, api.CreateDelegation{Domain: "a.example", Account: "agency"})
			return err
		}, `{}`, `POST /v1/delegations Bearer zhp_x application/json {"domain":"a.example","account":"agency"}`},
		{"delegations", func(c *Client) error {
			_, err := c.Delegations(ctx, DelegationQuery{Domain: "a.example", Direction: "given"})
			return err
		}, `{}`, `GET /v1/delegations?direction=given&domain=a.example Bearer zhp_x`},
		{"revoke delegation", func(c *Client) error { _, err := c.RevokeDelegation(ctx, "del_1", "r"); return err }, `{}`, `DELETE /v1/delegations/del_1?reason=r Bearer zhp_x`},
		{"connect", func(c *Client) error {
			_, err := c.Connect(ctx, api.CreateConnection{Provider: "cloudflare", Credentials: map[string]string{"api_token": "t"}})
			return err
		}, `{}`, `POST /v1/connections Bearer zhp_x application/json {"provider":"cloudflare","credentials":{"api_token":"t"}}`},
		{"connections", func(c *Client) error { _, err := c.Connections(ctx); return err }, `{}`, `GET /v1/connections Bearer zhp_x`},
		{"test connection", func(c *Client) error { _, err := c.TestConnection(ctx, "con_1"); return err }, `{}`, `POST /v1/connections/con_1/test Bearer zhp_x`},
		{"disconnect", func(c *Client) error { return c.Disconnect(ctx, "con_1", true) }, ``, `DELETE /v1/connections/con_1?force=true Bearer zhp_x`},
		{"mailboxes", func(c *Client) error { _, err := c.Mailboxes(ctx); return err }, `{}`, `GET /v1/mailboxes Bearer zhp_x`},
		{"add mailbox", func(c *Client) error { _, err := c.AddMailbox(ctx, "a@b.example"); return err }, `{}`, `POST /v1/mailboxes Bearer zhp_x application/json {"address":"a@b.example"}`},
		{"confirm mailbox", func(c *Client) error { _, err := c.ConfirmMailbox(ctx, "a/b+c@b.example", "123"); return err }, `{}`, `POST /v1/mailboxes/a%2Fb+c@b.example/confirm Bearer zhp_x application/json {"code":"123"}`},
		{"remove mailbox", func(c *Client) error { return c.RemoveMailbox(ctx, "a@b.example", false) }, ``, `DELETE /v1/mailboxes/a@b.example Bearer zhp_x`},
		{"mail code", func(c *Client) error { _, err := c.SendMailCode(ctx, "a.example", "admin"); return err }, `{}`, `POST /v1/domains/a.example/mail-code Bearer zhp_x application/json {"mailbox":"admin"}`},
		{"confirm mail code", func(c *Client) error { _, err := c.ConfirmMailCode(ctx, "a.example", "123"); return err }, `{}`, `POST /v1/domains/a.example/mail-code/confirm Bearer zhp_x application/json {"code":"123"}`},
		{"events", func(c *Client) error { _, err := c.Events(ctx, "evt_1", 3); return err }, `{}`, `GET /v1/events?after=evt_1&limit=3 Bearer zhp_x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := recorded(t, 200, nil, tt.body)
			if err := tt.call(c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.want}, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   Error
	}{
		{"problem", 409, map[string]string{"Content-Type": "application/problem+json", "Retry-After": "7"},
			`{"code":"check_running","title":"T","detail":"D","status":409,"request_id":"req_1","fixes":["F"],"errors":[{"pointer":"#/a","code":"x","detail":"y"}],"attempt":{"id":"att_1"}}`,
			Error{Status: 409, Code: "check_running", Title: "T", Detail: "D", RequestID: "req_1", Fixes: []string{"F"},
				Errors: []api.FieldError{{Pointer: "#/a", Code: "x", Detail: "y"}}, Attempt: &api.Attempt{ID: "att_1"}, RetryAfter: 7 * time.Second}},
		{"a proxy's page", 502, map[string]string{"Content-Type": "text/html", "X-Request-Id": "abc"}, `<h1>\x1b[31m</h1>`,
			Error{Status: 502, Code: "http_502", Title: "the server answered 502 Bad Gateway", RequestID: "abc"}},
		{"redirect", 301, map[string]string{"Location": "https://other.example/v1/me"}, ``,
			Error{Status: 301, Code: "http_301", Title: "the server answered 301 Moved Permanently", Detail: "the server redirects to https://other.example; give that as the server if it is right"}},
		{"broken problem", 500, map[string]string{"Content-Type": "application/problem+json"}, `{`,
			Error{Status: 500, Code: "http_500", Title: "the server answered 500 Internal Server Error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := recorded(t, tt.status, tt.header, tt.body)
			_, err := c.Me(t.Context())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, *e); diff != "" {
				t.Error(diff)
			}
			if len(*got) != 1 {
				t.Errorf("%d requests", len(*got))
			}
		})
	}
}

func TestNotAZoneholdServer(t *testing.T) {
	c, _ := recorded(t, 200, nil, `<html>`)
	if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "not that of a zonehold server") {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	url := srv.URL
	srv.Close()
	c, err := New(url, "zhp_secret")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Me(t.Context())
	var ue *UnreachableError
	if !errors.As(err, &ue) || ue.Server != url || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestNew(t *testing.T) {
	for _, base := range []string{"", "example.com", "ftp://x", "http://", "http://u:p@h", "http://h/?a", "http://h/#a", "http://h\n"} {
		if _, err := New(base, ""); err == nil {
			t.Errorf("%q accepted", base)
		}
	}
	if _, err := New("http://h", "a\nb"); err == nil || strings.Contains(err.Error(), "a\nb") {
		t.Errorf("token with a line break: %v", err)
	}
}

func TestAllDomains(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			_, _ = io.WriteString(w, `{"items":[{"id":"a"},{"id":"b"}],"next_cursor":"2"}`)
		case "2":
			_, _ = io.WriteString(w, `{"items":[{"id":"c"}],"next_cursor":null}`)
		}
	}))
	defer srv.Close()
	c, _ := New(srv.URL, "")
	var ids []string
	for d, err := range c.AllDomains(t.Context(), DomainQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestWaitAttempt(t *testing.T) {
	calls := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		state := "running"
		if calls == 2 {
			state = "done"
		}
		fmt.Fprintf(w, `{"id":"att_1","state":%q}`, state)
	}))
	defer srv.Close()
	c, _ := New(srv.URL, "")
	a, err := c.WaitAttempt(t.Context(), "att_1")
	if err != nil || !a.Finished() || calls != 2 {
		t.Fatalf("%+v %v %d", a, err, calls)
	}
	calls = 10
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	a, err = c.WaitAttempt(ctx, "att_1")
	if !errors.Is(err, context.DeadlineExceeded) || a == nil || a.State != "running" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestWatch(t *testing.T) {
	connections := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections++
		if connections == 1 {
			_, _ = io.WriteString(w, "retry: 2000\n\nid: evt_1\nevent: domain.created\ndata: {\"id\":\"evt_1\"}\n\n: still here\n\nid: evt_2\ndata: {\"id\":\n")
			return // broken in the middle of the second
		}
		if got := r.Header.Get("Last-Event-ID"); got != "evt_1" {
			t.Errorf("Last-Event-ID %q", got)
		}
		_, _ = io.WriteString(w, "id: evt_2\r\ndata: {\"id\":\r\ndata: \"evt_2\"}\r\n\r\n")
	}))
	defer srv.Close()
	c, _ := New(srv.URL, "")
	var ids []string
	done := errors.New("enough")
	err := c.Watch(t.Context(), "", func(e api.Event) error {
		ids = append(ids, e.ID)
		if len(ids) == 2 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"evt_1", "evt_2"}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestWatchEndsOnRefusal(t *testing.T) {
	c, got := recorded(t, 401, map[string]string{"Content-Type": "application/problem+json"}, `{"code":"unauthenticated"}`)
	err := c.Watch(t.Context(), "", func(api.Event) error { return nil })
	var e *Error
	if !errors.As(err, &e) || e.Status != 401 || len(*got) != 1 {
		t.Errorf("%v, %d requests", err, len(*got))
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add("data: {}\n\n")
	f.Add("retry: 1\r\n\r\n:x\r\ndata\n\ndata:a\ndata:b\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		_ = readStream(strings.NewReader(s), func() {}, func(data string) error {
			if len(data) > len(s) {
				t.Errorf("%d bytes from %d", len(data), len(s))
			}
			return nil
		})
	})
}
