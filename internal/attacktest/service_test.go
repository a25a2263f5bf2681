package attacktest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
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
	native := httpapi.New(httpapi.Config{Service: a, Idempotency: a, Auth: v.auth, Version: "test", Log: log, Limits: httpapi.Limits{Reads: -1, Writes: -1, Checks: -1}})
	yandex := webmaster.New(webmaster.Config{Service: a, Auth: v.auth, Log: log})
	srv := httptest.NewServer(telemetry.Middleware(log, telemetry.NewMetrics("test"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3") || strings.HasPrefix(r.URL.Path, "/v4") {
			yandex.ServeHTTP(w, r)
			return
		}
		native.ServeHTTP(w, r)
	})))
	t.Cleanup(srv.Close)
	v.url = srv.URL
}

// account is somebody with an account, with the native client and by hand.
type account struct {
	*service
	*client.Client
	id, token string
	user      int64
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
	token, err := v.auth.Create(v.t.Context(), a.ID, "test", scopes)
	if err != nil {
		v.t.Fatal(err)
	}
	c, err := client.New(v.url, token)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(c.Close)
	return &account{service: v, Client: c, id: a.ID, token: token, user: a.Number}
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

// T12: many accounts, many names below one domain, new claims again and again:
// the victim is asked no more often than one domain may be.
func TestT12Reflector(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const limit = 5
		v := newService(t, s, app.Config{TargetChecksPerHour: limit})
		v.Net.Host("www.victim.com").CatchAll(http.NotFoundHandler())
		done, refusedChecks := 0, 0
		for i := range 25 {
			who := v.account(fmt.Sprintf("user%d", i))
			for _, host := range []string{"www.victim.com", fmt.Sprintf("h%d.victim.com", i), "WWW.Victim.COM."} {
				d, _, err := who.CreateDomain(t.Context(), api.CreateDomain{Hostname: host})
				if err != nil {
					t.Fatal(err)
				}
				_, err = who.StartAttempt(t.Context(), d.ID, "file", 20*time.Second)
				if e, ok := errors.AsType[*client.Error](err); ok && e.Status == 429 && e.RetryAfter > 0 {
					refusedChecks++
				} else if err == nil {
					done++
				} else {
					t.Fatal(err)
				}
				if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if done != limit || refusedChecks != 75-limit {
			t.Errorf("%d checks ran and %d were refused; the limit is %d", done, refusedChecks, limit)
		}
		// Another domain is not punished, and what several people register
		// below one suffix are several domains.
		who := v.account("other")
		for _, host := range []string{"a.github.io", "b.github.io", "example.org"} {
			who.check(who.create(api.CreateDomain{Hostname: host}).ID, "file")
		}
	})
}

// T12: the budget of one account.
func TestT12AccountBudget(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{ChecksPerMinute: 4})
		who := v.account("greedy")
		ran := 0
		for i := range 10 {
			d := who.create(api.CreateDomain{Hostname: fmt.Sprintf("h%d.example.com", i)})
			if _, err := who.StartAttempt(t.Context(), d.ID, "dns_txt", 20*time.Second); err == nil {
				ran++
			}
		}
		if ran != 4 {
			t.Errorf("%d checks ran, want 4", ran)
		}
	})
}

// T13: a site that shows people what they send. The password of the site is
// in nothing that the service keeps or says.
func TestT13PasswordAtRest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const user, password = "deploy", "s3cret-pass.word"
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		for i, method := range []string{"file", "txt_file", "meta_tag"} {
			host := fmt.Sprintf("h%d.example.com", i)
			d := who.create(api.CreateDomain{Hostname: host})
			u, p := user, password
			if _, err := who.UpdateDomain(t.Context(), d.ID, api.DomainPatch{BasicAuthUsername: &u, BasicAuthPassword: &p}); err != nil {
				t.Fatal(err)
			}
			v.Net.Host(host).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, pass, _ := r.BasicAuth()
				w.Header().Set("X-Cache", "HIT "+r.Header.Get("Authorization")+" "+pass)
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, `<title>%s</title><head><meta name="zonehold-verification" content="%s %s"></head>%s`, pass, pass, r.Header.Get("Authorization"), pass)
			}))
			at := who.check(d.ID, method)
			if at.Outcome != nil && *at.Outcome == "verified" {
				t.Errorf("%s verified", method)
			}
			asked := false
			for _, q := range v.Net.Requests() {
				asked = asked || q.Server == host && strings.HasSuffix(q.Header.Get("Authorization"), basic)
			}
			if !asked {
				t.Errorf("%s: the password was never sent", method)
			}
			for _, path := range []string{"/v1/domains", "/v1/domains/" + d.ID, "/v1/domains/" + d.ID + "/attempts", "/v1/attempts/" + at.ID, "/v1/attempts/" + at.ID + "/evidence", "/v1/events"} {
				status, _, b := who.send("GET", path, nil)
				if status != 200 {
					t.Errorf("%s: %d", path, status)
				}
				for _, secret := range []string{password, basic, base64.StdEncoding.EncodeToString([]byte(password))[:16]} {
					if bytes.Contains(b, []byte(secret)) {
						t.Errorf("%s: %s holds %q", method, path, secret)
					}
				}
				var evidence struct {
					Web, WebDecoys []struct{ Body []byte }
				}
				_ = json.Unmarshal(b, &evidence)
				for _, f := range append(evidence.Web, evidence.WebDecoys...) {
					if bytes.Contains(f.Body, []byte(password)) || bytes.Contains(f.Body, []byte(basic)) {
						t.Errorf("%s: %s holds the password in a body", method, path)
					}
				}
			}
		}
		if text := v.log.String(); strings.Contains(text, password) || strings.Contains(text, basic) {
			t.Error("the password is in the log")
		}
	})
}

// T15: hostile texts through the HTTP dialects: every string of every reply is
// fit to be shown.
func TestT15HostileTextsInReplies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		zone := v.Net.Zone("example.com")
		for i, h := range hostile {
			host := fmt.Sprintf("h%d.example.com", i)
			d := who.create(api.CreateDomain{Hostname: host})
			zone.Add("_zonehold-challenge."+host+".", "TXT", h).Add("_zonehold-challenge."+host+".", "TXT", "token="+h)
			v.Net.Host(host).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Cache", "HIT "+h)
				w.Header().Set("Server", h)
				_, _ = w.Write([]byte("<title>" + h + `</title><meta name="zonehold-verification" content="` + h + `">` + h))
			}))
			for _, method := range []string{"dns_txt", "file", "meta_tag"} {
				at := who.check(d.ID, method)
				for _, path := range []string{"/v1/domains/" + d.ID, "/v1/attempts/" + at.ID, "/v1/attempts/" + at.ID + "/evidence"} {
					_, _, b := who.send("GET", path, nil)
					limit := 4096
					if strings.HasSuffix(path, "evidence") {
						limit = 1 << 20 // bodies and messages in base64
					}
					if why := uncleanJSON(b, limit); why != "" {
						t.Errorf("%q, %s, %s: %s", h, method, path, why)
					}
				}
			}
			// The other dialect, in both of its formats.
			status, _, b := who.send("POST", fmt.Sprintf("/v4/user/%d/hosts", who.user), []byte(`{"host_url":"http://`+host+`"}`))
			if status != 201 {
				t.Fatalf("%d %s", status, b)
			}
			zone.Add(host+".", "TXT", "yandex-verification: "+h)
			for _, kind := range []string{"DNS", "META_TAG"} {
				at := fmt.Sprintf("/v4/user/%d/hosts/http:%s:80/verification", who.user, host)
				if status, _, b := who.send("POST", at+"?verification_type="+kind, nil); status != 200 {
					t.Fatalf("%d %s", status, b)
				}
				eventually(t, func() bool {
					_, _, b = who.send("GET", at, nil)
					return !bytes.Contains(b, []byte("IN_PROGRESS"))
				})
				if why := uncleanJSON(b, 1000); why != "" || !bytes.Contains(b, []byte("VERIFICATION_FAILED")) {
					t.Errorf("%q, %s: %s in %s", h, kind, why, b)
				}
				_, _, b = who.send("GET", at, nil, "Accept: application/xml")
				if why := unclean(strings.ReplaceAll(string(b), "\n", ""), 4096); why != "" || bytes.Contains(b, []byte("<script>")) {
					t.Errorf("%q, %s in XML: %s in %s", h, kind, why, b)
				}
			}
		}
	})
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
	}
}

// T27: a stranger claims a name while its owner's proof is up, in every
// profile and by every method. The dialects that give one token to a whole
// account give another one to every account.
func TestT27SecondAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		owner, stranger := v.account("owner"), v.account("stranger")
		for _, profile := range zonehold.ProfileNames() {
			for _, method := range methods {
				host := strings.ReplaceAll(fmt.Sprintf("%s-%s.example.com", profile, method), "_", "-")
				in := api.CreateDomain{Hostname: host, Profile: string(profile)}
				mine := owner.create(in)
				v.publish(mine, method)
				if at := owner.check(mine.ID, method); at.Outcome == nil || *at.Outcome != "verified" {
					t.Fatalf("%s %s: %+v", profile, method, at)
				}
				his := stranger.create(in)
				if his.Verified {
					t.Errorf("%s: verified from the start", host)
				}
				for _, m := range append(methods, "") {
					at := stranger.check(his.ID, m)
					if at.Outcome == nil || *at.Outcome == "verified" {
						t.Errorf("%s %s: the stranger's %q is %+v", profile, method, m, at)
					}
					if at.Problem != nil {
						text := fmt.Sprintf("%+v %+v", *at.Problem, at.Notes)
						for _, word := range []string{"owner", owner.id, mine.ID} {
							if word != "owner" && strings.Contains(text, word) {
								t.Errorf("%s %s tells of %s: %s", profile, m, word, text)
							}
						}
					}
				}
				for _, a := range mine.Challenges {
					for _, b := range his.Challenges {
						if a.Token != nil && b.Token != nil && *a.Token == *b.Token {
							t.Errorf("%s: both accounts have the token of %s", host, a.Method)
						}
					}
				}
				if now, err := owner.Domain(t.Context(), mine.ID); err != nil || !now.Verified {
					t.Errorf("%s: the owner's claim changed: %+v %v", host, now, err)
				}
			}
		}
	})
}

// T27, T46: nothing of an account can be seen or touched by another one, also
// when it has just been looked at and may be in a cache.
func TestT27OtherPeoplesThings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		owner, stranger := v.account("owner"), v.account("stranger")
		d := owner.create(api.CreateDomain{Hostname: "www.example.com"})
		at := owner.check(d.ID, "dns_txt")
		events, err := owner.Events(t.Context(), "", 0)
		if err != nil || len(events) == 0 {
			t.Fatal(err)
		}
		site := owner.create(api.CreateDomain{Hostname: "www.example.com", Profile: "yandex", Scheme: "http"})
		_, _, listing := owner.send("GET", "/v1/domains?limit=1", nil)
		var page struct {
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(listing, &page); err != nil || page.NextCursor == "" {
			t.Fatalf("%v %s", err, listing)
		}
		for range 2 {
			for _, path := range []string{"/v1/domains/" + d.ID, "/v1/domains/www.example.com", "/v1/attempts/" + at.ID} {
				if status, _, _ := owner.send("GET", path, nil); status != 200 {
					t.Errorf("the owner gets %d at %s", status, path)
				}
			}
			for _, call := range []string{
				"GET /v1/domains/" + d.ID, "GET /v1/domains/www.example.com", "PATCH /v1/domains/" + d.ID, "DELETE /v1/domains/" + d.ID, "POST /v1/domains/" + d.ID + "/attempts",
				"GET /v1/domains/" + d.ID + "/attempts", "GET /v1/attempts/" + at.ID, "GET /v1/attempts/" + at.ID + "/evidence", "DELETE /v1/domains/www.example.com",
			} {
				method, path, _ := strings.Cut(call, " ")
				var body []byte
				if method == "PATCH" || method == "POST" {
					body = []byte(`{}`)
				}
				status, _, b := stranger.send(method, path, body, "If-None-Match: *")
				if status != 404 {
					t.Errorf("%s: %d %s", call, status, b)
				}
				if bytes.Contains(b, []byte(*challenge(d, "dns_txt").Token)) {
					t.Errorf("%s tells the token", call)
				}
			}
			for _, path := range []string{"/v1/domains", "/v1/domains?cursor=" + page.NextCursor + "&limit=1", "/v1/events"} {
				_, _, b := stranger.send("GET", path, nil)
				for _, secret := range []string{d.ID, at.ID, site.ID, *challenge(d, "dns_txt").Token} {
					if bytes.Contains(b, []byte(secret)) {
						t.Errorf("%s holds %s: %s", path, secret, b)
					}
				}
			}
			if status, _, b := stranger.send("GET", "/v1/events?after="+events[0].ID, nil); status == 200 && bytes.Contains(b, []byte(d.ID)) {
				t.Errorf("events of others: %s", b)
			}
			for _, path := range []string{"", "/hosts", "/hosts/http:www.example.com:80", "/hosts/http:www.example.com:80/verification", "/hosts/http:www.example.com:80/owners"} {
				for _, user := range []int64{owner.user, stranger.user} {
					status, _, b := stranger.send("GET", fmt.Sprintf("/v4/user/%d%s", user, path), nil)
					if path == "/hosts" && user == stranger.user {
						if bytes.Contains(b, []byte("example.com")) {
							t.Errorf("hosts of others: %s", b)
						}
						continue
					}
					if status == 200 && (path != "" || user == owner.user) {
						t.Errorf("%d%s: %d %s", user, path, status, b)
					}
					if bytes.Contains(b, []byte(*challenge(site, "meta_tag").Token)) {
						t.Errorf("%d%s tells the code", user, path)
					}
				}
			}
		}
	})
}

// T44: the claim changes while a check of it runs that would have said yes.
func TestT44LateResults(t *testing.T) {
	changes := map[string]func(t *testing.T, who *account, d *api.Domain){
		"deleted": func(t *testing.T, who *account, d *api.Domain) {
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
		},
		"deleted and claimed again": func(t *testing.T, who *account, d *api.Domain) {
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			who.create(api.CreateDomain{Hostname: d.Hostname})
		},
		"moved to another port": func(t *testing.T, who *account, d *api.Domain) {
			port := 8443
			if _, err := who.UpdateDomain(t.Context(), d.ID, api.DomainPatch{Port: &port}); err != nil {
				t.Fatal(err)
			}
		},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for name, change := range changes {
			t.Run(name, func(t *testing.T) {
				v := newService(t, s, app.Config{})
				who := v.account(fmt.Sprintf("anna-%d", time.Now().UnixNano()))
				d := who.create(api.CreateDomain{Hostname: "www.example.com"})
				asked, answer := make(chan bool, 100), make(chan bool)
				file := challenge(d, "file").File
				v.Net.Host("www.example.com").Handle(file.Path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked <- true
					<-answer
					_, _ = io.WriteString(w, file.Content)
				}))
				at, err := who.StartAttempt(t.Context(), d.ID, "file", 0)
				if err != nil {
					t.Fatal(err)
				}
				<-asked
				change(t, who, d)
				close(answer)
				eventually(t, func() bool {
					got, err := s.Attempt(t.Context(), who.id, at.ID)
					return err == nil && got.State.Finished()
				})
				if got, err := s.Attempt(t.Context(), who.id, at.ID); err != nil || got.State != zonehold.AttemptCanceled || got.Outcome == zonehold.OutcomeVerified {
					t.Errorf("the attempt: %+v %v", got.Attempt, err)
				}
				time.Sleep(50 * time.Millisecond) // for a result that comes after all
				if now, err := who.Domain(t.Context(), "www.example.com"); err == nil && (now.Verified || now.State != "pending") {
					t.Errorf("the claim is %s", now.State)
				}
				rows, err := s.DomainsByID(t.Context(), []string{d.ID})
				if err != nil || rows[d.ID] != nil && rows[d.ID].State.Verified() {
					t.Errorf("the old row is verified: %v", err)
				}
				events, err := who.Events(t.Context(), "", 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					if e.Type == "domain.verified" {
						t.Errorf("an event says verified")
					}
				}
			})
		}
	})
}

// T45: what proved a claim does not prove the next one of the same name, by
// the same account or by another one.
func TestT45OldProofs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who, next := v.account("before"), v.account("after")
		for _, method := range methods {
			host := strings.ReplaceAll(method, "_", "-") + ".example.com"
			d := who.create(api.CreateDomain{Hostname: host})
			v.publish(d, method)
			if at := who.check(d.ID, method); *at.Outcome != "verified" {
				t.Fatalf("%s: %+v", method, at)
			}
			if err := who.DeleteDomain(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			for _, again := range []*account{who, next} {
				e := again.create(api.CreateDomain{Hostname: host})
				if e.ID == d.ID || e.State != "pending" || e.VerifiedAt != nil || e.LastAttemptID != nil {
					t.Errorf("%s: the new claim has a past: %+v", method, e)
				}
				for _, old := range d.Challenges {
					for _, now := range e.Challenges {
						if old.Token != nil && now.Token != nil && *old.Token == *now.Token {
							t.Errorf("%s: the new claim has the old token of %s", method, old.Method)
						}
					}
				}
				at := again.check(e.ID, method)
				if *at.Outcome == "verified" {
					t.Errorf("%s: the old proof counts for the new claim", method)
				}
				if method == "dns_txt" && again == who && at.Problem.Code != "token_old" {
					t.Errorf("%s: problem %s, want token_old", method, at.Problem.Code)
				}
				if again == next && at.Problem.Code == "token_old" {
					t.Errorf("%s: a stranger is told that the token was once good", method)
				}
				if got := again.check(e.ID, ""); *got.Outcome == "verified" {
					t.Errorf("%s: verified by %v", method, got.Method)
				}
			}
			if got, err := who.Attempts(t.Context(), d.ID, 10, ""); err == nil {
				t.Errorf("the deleted claim still lists %d attempts", len(got.Items))
			}
		}
	})
}

// T46: nobody is blocked by an unproved claim, and both may prove it.
func TestT46TwoClaims(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		squatter, owner := v.account("squatter"), v.account("owner")
		squatter.create(api.CreateDomain{Hostname: "www.example.com"})
		squatter.check("www.example.com", "dns_txt")
		d := owner.create(api.CreateDomain{Hostname: "www.example.com"})
		v.publish(d, "dns_txt")
		if at := owner.check(d.ID, "dns_txt"); *at.Outcome != "verified" {
			t.Errorf("%+v", at)
		}
		if e, err := squatter.Domain(t.Context(), "www.example.com"); err != nil || e.Verified {
			t.Errorf("%+v %v", e, err)
		}
		v.publish(must(squatter.Domain(t.Context(), "www.example.com")), "dns_txt")
		if at := squatter.check("www.example.com", "dns_txt"); *at.Outcome != "verified" {
			t.Errorf("both can prove it: %+v", at)
		}
	})
}

// T46: with one verified account per name, a fresh proof of another one does
// not pass silently.
func TestT46Exclusive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{Exclusive: true})
		first, second := v.account("first"), v.account("second")
		third := v.account("third")
		third.create(api.CreateDomain{Hostname: "www.example.com"}) // never proved
		for i, who := range []*account{first, second} {
			d := who.create(api.CreateDomain{Hostname: "www.example.com"})
			v.publish(d, "dns_txt")
			at := who.check(d.ID, "dns_txt")
			if got := *at.Outcome == "verified"; got != (i == 0) {
				t.Errorf("account %d: %+v", i, at)
			}
			if i == 1 && (at.Problem == nil || at.Problem.Code != "claimed_by_other_account" || strings.Contains(fmt.Sprint(*at.Problem), "first")) {
				t.Errorf("%+v", at.Problem)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// T46: several accounts prove one name at the same moment, on two nodes. One
// of them has it.
func TestT46ExclusiveRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{Exclusive: true})
		w := v.another(s, app.Config{Exclusive: true})
		var people []*account
		for i := range 4 {
			node := []*service{v, w}[i%2]
			people = append(people, node.account(fmt.Sprintf("racer%d", i)))
		}
		for round := range 15 {
			host := fmt.Sprintf("r%d.example.com", round)
			var wg sync.WaitGroup
			start := make(chan bool)
			for _, who := range people {
				d := who.create(api.CreateDomain{Hostname: host})
				v.publish(d, "dns_txt")
				wg.Go(func() {
					<-start
					who.check(d.ID, "dns_txt")
				})
			}
			close(start)
			wg.Wait()
			verified := 0
			for _, who := range people {
				if d, err := who.Domain(t.Context(), host); err == nil && d.Verified {
					verified++
				}
			}
			if verified != 1 {
				t.Errorf("%s: %d accounts are verified", host, verified)
			}
		}
	})
}

// T12: all at once, on two nodes. Nodes do not wait for each other to count,
// so each may use the budget up once.
func TestT12ReflectorAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const limit = 3
		v := newService(t, s, app.Config{TargetChecksPerHour: limit})
		w := v.another(s, app.Config{TargetChecksPerHour: limit})
		v.Net.Host("www.victim.com").CatchAll(http.NotFoundHandler())
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		start := make(chan bool)
		for i := range 30 {
			who := []*service{v, w}[i%2].account(fmt.Sprintf("user%d", i))
			d := who.create(api.CreateDomain{Hostname: fmt.Sprintf("h%d.victim.com", i)})
			wg.Go(func() {
				<-start
				if _, err := who.StartAttempt(t.Context(), d.ID, "dns_txt", 20*time.Second); err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		close(start)
		wg.Wait()
		if done < limit || done > 2*limit {
			t.Errorf("%d checks ran; the limit is %d on each of 2 nodes", done, limit)
		}
		t.Logf("%d checks", done)
	})
}
