package webmaster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/internal/webmaster"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// service is the whole program over the fake internet: databases, workers,
// probes, tokens.
type service struct {
	t          *testing.T
	net        *testnet.Network
	registries *testnet.Registries
	app        *app.App
	auth       *auth.Auth
	url        string
}

func newService(t *testing.T, s *store.Store, cfg app.Config) *service {
	t.Helper()
	fake, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: fake.Route}
	roots, err := dns.ParseRootHints(strings.NewReader(fake.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, Recursive: []netip.AddrPort{fake.Resolver().Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	registries := fake.NewRegistries()
	asked, err := registry.New(registry.Config{Dialer: dialer, DNS: resolver, HTTP: web.NewAPIClient(web.APIConfig{
		Dialer: dialer, Resolver: resolver, Roots: fake.CertPool(),
	})})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Store, cfg.Worker = s, true
	cfg.Kit = &verify.Kit{DNS: resolver, Registry: asked, Web: web.New(web.Config{Dialer: dialer, Resolver: resolver, RootCAs: fake.CertPool()})}
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
	tokens := auth.New(s)
	t.Cleanup(tokens.Close)
	h := webmaster.New(webmaster.Config{Service: a, Auth: tokens})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &service{t: t, net: fake, registries: registries, app: a, auth: tokens, url: srv.URL}
}

// client is one account's client.
type client struct {
	*service
	token   string
	user    int64
	account zonehold.Account
}

func (s *service) client(name string, scopes ...zonehold.Scope) *client {
	s.t.Helper()
	return s.clientAt(name, "", scopes...)
}

// clientAt is client with a confirmed mail address.
func (s *service) clientAt(name, address string, scopes ...zonehold.Scope) *client {
	s.t.Helper()
	account, err := s.auth.CreateAccount(s.t.Context(), name, address, address != "")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(scopes) == 0 {
		scopes = auth.DefaultScopes()
	}
	token, err := s.auth.Create(s.t.Context(), account.ID, "test", scopes)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &client{service: s, token: token, account: account}
	var user struct {
		UserID int64 `json:"user_id"`
	}
	c.call("GET", "/v4/user", "", 200, &user)
	c.user = user.UserID
	return c
}

// call sends a request and decodes the reply, which must have that status.
func (c *client) call(verb, path, body string, want int, into any) {
	c.t.Helper()
	status, b := c.send(verb, path, body)
	if status != want {
		c.t.Fatalf("%s %s: %d %s, want %d", verb, path, status, b, want)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(b, into); err != nil {
		c.t.Fatalf("%s %s: %v in %s", verb, path, err, b)
	}
}

func (c *client) send(verb, path, body string) (int, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), verb, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "OAuth "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, b
}

type verification struct {
	UIN      string  `json:"verification_uin"`
	State    string  `json:"verification_state"`
	Type     string  `json:"verification_type"`
	Latest   *string `json:"latest_verification_time"`
	FailInfo *struct {
		Reason, Message string
	} `json:"fail_info"`
	Applicable []string `json:"applicable_verifiers"`
}

func (v verification) String() string {
	b, _ := json.Marshal(v)
	return string(b)
}

func (c *client) hosts() string { return fmt.Sprintf("/v4/user/%d/hosts", c.user) }

func (c *client) add(url string) string {
	c.t.Helper()
	var added struct {
		HostID string `json:"host_id"`
	}
	c.call("POST", c.hosts(), fmt.Sprintf(`{"host_url":%q}`, url), 201, &added)
	return added.HostID
}

func (c *client) verification(id string) verification {
	c.t.Helper()
	var v verification
	c.call("GET", c.hosts()+"/"+id+"/verification", "", 200, &v)
	return v
}

// verify asks for a check and waits for its end.
func (c *client) verify(id, kind string) verification {
	c.t.Helper()
	var v verification
	deadline := time.Now().Add(time.Minute)
	for { // a scheduled check may be in the way
		status, b := c.send("POST", c.hosts()+"/"+id+"/verification?verification_type="+kind, "")
		if status == http.StatusConflict && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err := json.Unmarshal(b, &v); err != nil || status != http.StatusOK {
			c.t.Fatalf("asking for %s: %d %s", kind, status, b)
		}
		break
	}
	if v.State != "IN_PROGRESS" || v.Type != kind || v.Latest != nil || v.FailInfo != nil {
		c.t.Fatalf("a verification that was asked for: %s", v)
	}
	for ; v.State == "IN_PROGRESS"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the check of %s does not end", id)
		}
		v = c.verification(id)
	}
	if v.Type != kind && v.State != "VERIFIED" {
		c.t.Errorf("the check by %s ended as %s", kind, v)
	}
	if v.Latest == nil {
		c.t.Errorf("a finished check without its time: %s", v)
	} else if _, err := time.Parse("2006-01-02T15:04:05.000-07:00", *v.Latest); err != nil {
		c.t.Errorf("not the live form of a date: %v", err)
	}
	return v
}

// TestFlow: from adding a site to verified, by way of a failure with a reason
// and a message, for each type, on each database.
func TestFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		for _, tt := range []struct {
			kind, host, reason string
			place              func(host, uin string)
		}{
			{"DNS", "dns-shop.com", "DNS_RECORD_NOT_FOUND", func(host, uin string) {
				svc.net.Zone(host).Add("@", "TXT", "yandex-verification: "+uin)
			}},
			{"HTML_FILE", "file-shop.com", "WRONG_HTML_PAGE_CONTENT", func(host, uin string) {
				svc.net.Host(host).Page("/yandex_"+uin+".html", 200, "text/html",
					"<!doctype html><html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\"></head><body>Verification: "+uin+"</body></html>")
			}},
			{"META_TAG", "meta-shop.com", "META_TAG_NOT_FOUND", func(host, uin string) {
				svc.net.Host(host).Page("/", 200, "text/html",
					`<html><head><meta name="yandex-verification" content="`+uin+`" /></head><body>Hello</body></html>`)
			}},
		} {
			t.Run(tt.kind, func(t *testing.T) {
				svc := *svc
				svc.t = t
				svc.net.Zone(tt.host)
				svc.net.Host(tt.host).Page("/", 200, "text/html", "<html><head><title>Shop</title></head><body>Hello</body></html>")
				c := svc.client("account of " + tt.host)
				id := c.add("http://" + tt.host + "/")
				if want := "http:" + tt.host + ":80"; id != want {
					t.Fatalf("host id %s, want %s", id, want)
				}
				v := c.verification(id)
				if v.State != "NONE" || v.Type != "META_TAG" || v.Latest != nil || v.FailInfo != nil || len(v.UIN) != 32 {
					t.Fatalf("a new site: %s", v)
				}
				if got := strings.Join(v.Applicable, " "); got != "META_TAG HTML_FILE DNS" {
					t.Errorf("applicable: %s", got)
				}
				uin := v.UIN
				c.call("GET", c.hosts()+"/"+id+"/summary", "", 404, nil)

				v = c.verify(id, tt.kind)
				if v.State != "VERIFICATION_FAILED" || v.FailInfo == nil || v.FailInfo.Reason != tt.reason || len(v.FailInfo.Message) < 20 ||
					strings.Contains(v.FailInfo.Message, "{") {
					t.Fatalf("with nothing placed: %s", v)
				}
				t.Log(v.FailInfo.Message)

				tt.place(tt.host, uin)
				v = c.verify(id, tt.kind)
				if v.State != "VERIFIED" || v.Type != tt.kind || v.FailInfo != nil || v.UIN != uin {
					t.Fatalf("with the proof in place: %s", v)
				}
				c.call("GET", c.hosts()+"/"+id+"/summary", "", 200, nil)
				var owners struct {
					Users []struct {
						UserLogin        string `json:"user_login"`
						VerificationUIN  string `json:"verification_uin"`
						VerificationType string `json:"verification_type"`
					}
				}
				c.call("GET", c.hosts()+"/"+id+"/owners", "", 200, &owners)
				if len(owners.Users) != 1 || owners.Users[0].VerificationUIN != uin || owners.Users[0].VerificationType != tt.kind {
					t.Errorf("owners: %+v", owners)
				}

				// The proof of one account is none of another.
				other := svc.client("stranger to " + tt.host)
				strange := other.add("http://" + tt.host)
				if v := other.verify(strange, tt.kind); v.State != "VERIFICATION_FAILED" || v.UIN == uin {
					t.Errorf("another account: %s", v)
				}
				other.call("GET", c.hosts()+"/"+id, "", 403, nil)

				// A verified site can be verified in another way, and stays so when that fails.
				for _, kind := range []string{"DNS", "META_TAG"} {
					if kind == tt.kind {
						continue
					}
					if v := c.verify(id, kind); v.State != "VERIFIED" || v.Type != tt.kind {
						t.Errorf("after %s in vain: %s", kind, v)
					}
				}
				c.call("DELETE", c.hosts()+"/"+id, "", 204, nil)
				c.call("GET", c.hosts()+"/"+id+"/verification", "", 404, nil)
			})
		}
	})
}

// TestFlowInProgress: what a running check allows, and that a site may be
// deleted under it.
func TestFlowInProgress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		asked, release := make(chan struct{}, 100), make(chan struct{})
		defer close(release)
		svc.net.Host("slow-shop.com").Handle("/", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}))
		c := svc.client("account")
		id := c.add("http://slow-shop.com")
		c.call("POST", c.hosts()+"/"+id+"/verification?verification_type=META_TAG", "[]", 200, nil)
		select {
		case <-asked:
		case <-time.After(3 * time.Minute):
			t.Fatal("the page is never asked for")
		}
		if v := c.verification(id); v.State != "IN_PROGRESS" || v.Type != "META_TAG" || v.Latest != nil {
			t.Errorf("while it runs: %s", v)
		}
		var e struct {
			Code   string `json:"error_code"`
			Type   string `json:"verification_type"`
			HostID string `json:"host_id"`
		}
		c.call("POST", c.hosts()+"/"+id+"/verification?verification_type=DNS", "", 409, &e)
		if e.Code != "VERIFICATION_ALREADY_IN_PROGRESS" || e.Type != "META_TAG" {
			t.Errorf("a second check: %+v", e)
		}
		c.call("POST", c.hosts(), `{"host_url":"slow-shop.com"}`, 409, &e)
		if e.Code != "HOST_ALREADY_ADDED" || e.HostID != id {
			t.Errorf("a second add: %+v", e)
		}
		c.call("DELETE", c.hosts()+"/"+id, "", 204, nil)
		c.call("GET", c.hosts()+"/"+id, "", 404, &e)
		if e.Code != "HOST_NOT_FOUND" || e.HostID != id {
			t.Errorf("after the delete: %+v", e)
		}
		c.call("POST", c.hosts()+"/"+id+"/verification?verification_type=DNS", "", 404, nil)
	})
}

// TestFlowLimits: the limits of the service in the words of the dialect.
func TestFlowLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{DomainLimit: 2, ChecksPerMinute: 1})
		c := svc.client("account")
		id := c.add("https://xn--e1afmkfd.xn--p1ai:8443")
		c.add("пример.рф")
		var list struct {
			Hosts []struct {
				HostID  string `json:"host_id"`
				Unicode string `json:"unicode_host_url"`
			}
		}
		c.call("GET", c.hosts(), "", 200, &list)
		got := map[string]string{}
		for _, h := range list.Hosts {
			got[h.HostID] = h.Unicode
		}
		if len(got) != 2 || got[id] != "https://пример.рф:8443/" || got["http:xn--e1afmkfd.xn--p1ai:80"] != "http://пример.рф/" {
			t.Errorf("the list: %v", got)
		}
		var e struct {
			Code  string `json:"error_code"`
			Limit int
		}
		c.call("POST", c.hosts(), `{"host_url":"http://example.com"}`, 403, &e)
		if e.Code != "HOSTS_LIMIT_EXCEEDED" || e.Limit != 2 {
			t.Errorf("over the limit: %+v", e)
		}
		c.verify(id, "DNS")
		c.call("POST", c.hosts()+"/"+id+"/verification?verification_type=DNS", "", 429, &e)
		if e.Code != "TOO_MANY_REQUESTS_ERROR" {
			t.Errorf("too many checks: %+v", e)
		}

		reader := svc.client("reader", zonehold.ScopeDomainsRead)
		reader.call("POST", reader.hosts(), `{"host_url":"http://example.com"}`, 403, &e)
		if e.Code != "ACCESS_FORBIDDEN" {
			t.Errorf("adding with a token for reading: %+v", e)
		}
	})
}
