package probely_test

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
	"github.com/zonehold/zonehold/internal/probely"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// service is the whole program over the fake internet: databases, workers,
// probes, tokens.
type service struct {
	t    testing.TB
	net  *testnet.Network
	auth *auth.Auth
	app  *app.App
	url  string
}

func newService(t testing.TB, s *store.Store, cfg app.Config) *service {
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
	cfg.Store, cfg.Worker = s, true
	cfg.Kit = &verify.Kit{DNS: resolver, Web: web.New(web.Config{Dialer: dialer, Resolver: resolver, RootCAs: fake.CertPool()})}
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
	srv := httptest.NewServer(probely.New(probely.Config{Service: a, Auth: tokens, Connections: a.Connections}))
	t.Cleanup(srv.Close)
	return &service{t: t, net: fake, auth: tokens, app: a, url: srv.URL}
}

// client is one account's client.
type client struct {
	*service
	actor zonehold.Actor
	token string
}

func (s *service) client(name, mail string, scopes ...zonehold.Scope) *client {
	s.t.Helper()
	account, err := s.auth.CreateAccount(s.t.Context(), name, mail, mail != "")
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
	return &client{service: s, actor: zonehold.Actor{Account: account, Scopes: scopes}, token: token}
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
	req.Header.Set("Authorization", "JWT "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
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

type domain struct {
	Hostname  string  `json:"hostname"`
	ID        string  `json:"id"`
	Token     string  `json:"verification_token"`
	Date      *string `json:"verification_date"`
	Method    string  `json:"verification_method"`
	LastError string  `json:"verification_last_error"`
	Verified  bool    `json:"verified"`
	Username  *string `json:"basic_auth_username"`
	Password  *string `json:"basic_auth_password"`
	Port      *int    `json:"port"`
	Discovery bool    `json:"discovery_enabled"`
	Source    struct{ ID, Name string }
}

func (d domain) String() string {
	b, _ := json.Marshal(d)
	return string(b)
}

func (c *client) add(hostname string) domain {
	c.t.Helper()
	var d domain
	c.call("POST", "/domains/", fmt.Sprintf(`{"hostname":%q}`, hostname), 201, &d)
	return d
}

func (c *client) verify(id, body string) domain {
	c.t.Helper()
	var d domain
	c.call("POST", "/domains/"+id+"/verify/", body, 200, &d)
	return d
}

// TestFlow: from adding a domain to verified, by way of a failure with its
// text, for each method that places something, on each database.
func TestFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		for _, tt := range []struct {
			method, host string
			missing      func(d domain) string // verification_last_error
			place        func(d domain)
		}{
			{"dns_txt", "txt-shop.com", func(domain) string { return "Token not found" }, func(d domain) {
				svc.net.Zone(d.Hostname).Add("@", "TXT", "Probely="+d.Token)
			}},
			{"dns_cname", "cname-shop.com", func(d domain) string {
				return "The DNS query name does not exist: probely-" + d.Token + "." + d.Hostname + "."
			}, func(d domain) {
				svc.net.Zone(d.Hostname).Add("probely-"+d.Token, "CNAME", d.Token+"."+zonehold.DefaultCNAMEZone+".")
			}},
			{"file", "file-shop.com", func(domain) string { return "The file is not there. " }, func(d domain) {
				svc.net.Host(d.Hostname).Page("/"+d.Token+".txt", 200, "text/plain", "Probely")
			}},
			{"meta_tag", "meta-shop.com", func(domain) string { return "The meta tag is not on the home page. " }, func(d domain) {
				svc.net.Host(d.Hostname).Page("/", 200, "text/html",
					`<html><head><meta name="probely-verification" content="`+d.Token+`" /></head><body>Hello</body></html>`)
			}},
		} {
			t.Run(tt.method, func(t *testing.T) {
				svc := *svc
				svc.t = t
				svc.net.Zone(tt.host)
				svc.net.Host(tt.host).Page("/", 200, "text/html", "<html><head><title>Shop</title></head><body>Hello</body></html>")
				c := svc.client("account of "+tt.host, "")
				d := c.add(tt.host)
				if d.Hostname != tt.host || d.Verified || d.Method != "" || d.LastError != "" || d.Date != nil || len(d.ID) != 12 || len(d.Token) != 36 || !d.Discovery {
					t.Fatalf("a new domain: %s", d)
				}
				path := "/domains/" + d.ID + "/"
				ask := fmt.Sprintf(`{"verification_method":%q}`, tt.method)

				before := c.verify(d.ID, ask)
				if before.Verified || before.Method != tt.method || !strings.HasPrefix(before.LastError, tt.missing(d)) || before.Date == nil || before.ID != d.ID {
					t.Fatalf("with nothing placed: %s", before)
				}
				if _, err := time.Parse("2006-01-02T15:04:05.000000Z", *before.Date); err != nil {
					t.Errorf("date: %v", err)
				}
				t.Log(before.LastError)
				var shown domain
				if c.call("GET", path, "", 200, &shown); shown.String() != before.String() {
					t.Errorf("read again: %s, want %s", shown, before)
				}

				tt.place(d)
				after := c.verify(d.ID, ask)
				if !after.Verified || after.Method != tt.method || after.LastError != "" || after.Date == nil || after.Token != d.Token {
					t.Fatalf("with the proof in place: %s", after)
				}
				c.call("GET", "/domains/"+d.ID, "", 200, &shown)
				if shown.String() != after.String() {
					t.Errorf("read again: %s, want %s", shown, after)
				}

				// The proof of one account is none of another; its token is its own.
				other := svc.client("stranger to "+tt.host, "")
				strange := other.add(tt.host)
				if v := other.verify(strange.ID, ""); v.Verified || v.Token == d.Token || v.LastError == "" {
					t.Errorf("another account: %s", v)
				}
				other.call("GET", path, "", 404, nil)
				other.call("POST", path+"verify/", "", 404, nil)
				other.call("DELETE", path, "", 404, nil)

				// Every method in one request; the proof stands, whatever else fails.
				if v := c.verify(d.ID, ""); !v.Verified {
					t.Errorf("by every method: %s", v)
				}
				other2 := "dns_cname"
				if tt.method == other2 {
					other2 = "file"
				}
				if v := c.verify(d.ID, `{"type":"`+other2+`"}`); !v.Verified || v.Method != tt.method || v.LastError == "" {
					t.Errorf("another method in vain: %s", v)
				}
				c.call("DELETE", path, "", 204, nil)
				c.call("GET", path, "", 404, nil)
				c.call("POST", path+"verify/", "", 404, nil)
				if again := c.add(tt.host); again.ID == d.ID || again.Verified && again.Method == tt.method {
					t.Errorf("added again: %s", again)
				}
			})
		}
	})
}

// TestFlowOneToken: one value for the whole account, so that one rollout of
// the tag serves every host (contract section 5); and the causes in the texts.
func TestFlowOneToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		c := svc.client("account", "")
		a, b := c.add("a-shop.com"), c.add("b-shop.com")
		if a.Token != b.Token || a.ID == b.ID {
			t.Fatalf("two domains: %s, %s", a, b)
		}
		for _, d := range []domain{a, b} {
			svc.net.Zone(d.Hostname)
			svc.net.Host(d.Hostname).Page("/", 200, "text/html", `<html><head><meta name="snyk-site-verification" content="`+d.Token+`"></head></html>`)
			if v := c.verify(d.ID, `{"type":"meta_tag"}`); !v.Verified {
				t.Errorf("%s", v)
			}
		}

		d := c.add("doubled.com")
		svc.net.Zone("doubled.com").Add("doubled.com", "TXT", "Probely="+d.Token) // a panel that appends the zone
		v := c.verify(d.ID, `{"type":"dns"}`)
		if v.Verified || !strings.HasPrefix(v.LastError, "Token not found. ") || !strings.Contains(v.LastError, "doubled.com.doubled.com") {
			t.Errorf("one level too deep: %s", v)
		}
		t.Log(v.LastError)
		d = c.add("no-such-delegation.com")
		v = c.verify(d.ID, `{"type":"dns"}`)
		if v.Verified || v.LastError != "The DNS query name does not exist: no-such-delegation.com." {
			t.Errorf("not registered: %s", v)
		}
		var list struct {
			Count     int
			PageTotal int `json:"page_total"`
			Results   []domain
		}
		c.call("GET", "/domains/?verified=true&ordering=-hostname&length=10000", "{}", 200, &list)
		if list.Count != 2 || list.PageTotal != 1 || list.Results[0].ID != b.ID || list.Results[1].ID != a.ID {
			t.Errorf("the verified ones: %+v", list)
		}
		c.call("GET", "/domains/?search=b-shop&length=1", "", 200, &list)
		if list.Count != 1 || list.Results[0].ID != b.ID {
			t.Errorf("searched: %+v", list)
		}
	})
}

// TestFlowSettings: what can be set, and that a password is kept and used but
// never given back.
func TestFlowSettings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{DomainLimit: 3})
		c := svc.client("account", "")
		var d domain
		c.call("POST", "/domains/", `{"hostname":"Walled-Shop.com","basic_auth_username":"anna","basic_auth_password":"hunter2"}`, 201, &d)
		if d.Hostname != "walled-shop.com" || d.Username == nil || *d.Username != "anna" || d.Password == nil || *d.Password != "********" || d.Port != nil {
			t.Fatalf("created: %s", d)
		}
		svc.net.Zone("walled-shop.com")
		svc.net.Host("walled-shop.com").Handle("/"+d.Token+".txt", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "anna" || password != "hunter2" {
				w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, "Probely")
		}))
		// The whole object sent back changes nothing, the password included.
		path := "/domains/" + d.ID + "/"
		_, raw := c.send("GET", path, "")
		var same domain
		c.call("PUT", path, string(raw), 200, &same)
		if same.String() != d.String() {
			t.Errorf("sent back: %s, want %s", same, d)
		}
		if v := c.verify(d.ID, `{"type":"file"}`); !v.Verified {
			t.Errorf("behind a password: %s", v)
		}
		// Another port is another server: a proof by a file does not stand for it.
		var moved domain
		c.call("PATCH", path, `{"port":8443,"basic_auth_password":null,"basic_auth_username":null,"discovery_enabled":false}`, 200, &moved)
		if moved.Port == nil || *moved.Port != 8443 || moved.Verified || moved.Method != "" || moved.Date != nil || moved.LastError != "" || moved.Username != nil || moved.Password != nil || moved.Discovery {
			t.Errorf("moved: %s", moved)
		}
		c.call("PATCH", path, `{"hostname":"walled-shop.com:8443"}`, 200, nil)
		c.call("PATCH", path, `{"hostname":"other.com"}`, 400, nil)
		c.call("PATCH", path, `{"basic_auth_username":"a:b"}`, 400, nil)

		var second domain
		c.call("POST", "/domains/", `{"hostname":"walled-shop.com"}`, 201, &second) // now that the port is another
		c.call("POST", "/domains/", `{"hostname":"walled-shop.com"}`, 400, nil)
		c.call("PATCH", path, `{"port":null}`, 400, nil)
		for _, name := range []string{"localhost", "37.139.17.48", "[::1]:8443", "com", "co.uk", "github.io", "example.com:99999", "a.b_c.com", "127.1", "example.123"} {
			var e map[string][]string
			c.call("POST", "/domains/", fmt.Sprintf(`{"hostname":%q}`, name), 400, &e)
			if len(e["hostname"]) != 1 || len(e["hostname"][0]) < 10 {
				t.Errorf("%s: %v", name, e)
			}
		}
		c.call("POST", "/domains/", `{"hostname":"third.com"}`, 201, nil)
		c.call("POST", "/domains/", `{"hostname":"fourth.com"}`, 400, nil)
		c.call("DELETE", path, "", 204, nil)
		c.call("POST", "/domains/", `{"hostname":"fourth.com"}`, 201, nil)
	})
}

// TestFlowLimits: what the service refuses, in the words of the dialect.
func TestFlowLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{ChecksPerMinute: 2})
		c := svc.client("account", "")
		d := c.add("limits.com")
		svc.net.Zone("limits.com")
		var e struct{ Detail string }
		for n, refused := 0, false; !refused; n++ {
			if n > 3 {
				t.Fatal("no limit")
			}
			status, body := c.send("POST", "/domains/"+d.ID+"/verify/", `{"type":"dns"}`)
			if refused = status == http.StatusTooManyRequests; refused {
				if err := json.Unmarshal(body, &e); err != nil || !strings.HasPrefix(e.Detail, "Request was throttled. Expected available in ") {
					t.Errorf("too many checks: %s, %v", body, err)
				}
			} else if status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
		}
		reader := svc.client("reader", "", zonehold.ScopeDomainsRead)
		reader.call("GET", "/domains/", "", 200, nil)
		reader.call("POST", "/domains/", `{"hostname":"example.com"}`, 403, &e)
		if e.Detail != "You do not have permission to perform this action." {
			t.Errorf("adding with a token for reading: %+v", e)
		}
		reader.token += "x"
		reader.call("GET", "/domains/", "", 401, nil)
	})
}

// TestFlowOtherProfiles: what the account claimed in another API is no domain
// of this dialect.
func TestFlowOtherProfiles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		svc := newService(t, s, app.Config{})
		c := svc.client("account", "")
		d, created, err := svc.app.CreateDomain(t.Context(), c.actor, app.CreateDomain{Hostname: "native.com"})
		if err != nil || !created {
			t.Fatal(err)
		}
		if _, _, err := svc.app.CreateDomain(t.Context(), c.actor, app.CreateDomain{Hostname: "site.com", Profile: zonehold.ProfileYandex}); err != nil {
			t.Fatal(err)
		}
		c.call("GET", "/domains/"+app.ShortID(d.ID)+"/", "", 404, nil)
		c.call("DELETE", "/domains/"+app.ShortID(d.ID)+"/", "", 404, nil)
		c.call("POST", "/domains/", `{"hostname":"native.com"}`, 400, nil)
		c.add("site.com")
		var list struct{ Count int }
		if c.call("GET", "/domains/", "", 200, &list); list.Count != 1 {
			t.Errorf("%d domains", list.Count)
		}
		// The short id is good in the native API too.
		if got, err := svc.app.Domain(t.Context(), c.actor, app.ShortID(d.ID)); err != nil || got.ID != d.ID {
			t.Errorf("by short id: %v, %v", got, err)
		}
	})
}
