package attacktest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/testnet"
)

// jwt speaks the dialect of the scanner.
func (a *account) jwt(method, path, body string) (int, map[string]any, []byte) {
	a.service.t.Helper()
	var in []byte
	if body != "" {
		in = []byte(body)
	}
	status, _, b := a.send(method, path, in, "Authorization: JWT "+a.token)
	out := map[string]any{}
	_ = json.Unmarshal(b, &out) // lists and empty bodies are looked at as bytes
	return status, out, b
}

// T27, T13: the scanner's dialect: ids of other accounts and other dialects,
// guessed ids, methods that cannot be asked for, and passwords.
func TestT27ScannerDialect(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, mallory := w.person("anna", ""), w.person("mallory", "")
		const password = "s3cret-pass.word"
		status, d, b := anna.jwt("POST", "/domains/", `{"hostname":"own.com","basic_auth_username":"deploy","basic_auth_password":"`+password+`"}`)
		if status != 201 {
			t.Fatalf("%d %s", status, b)
		}
		id, token := d["id"].(string), d["verification_token"].(string)
		native := anna.claim("native.com")
		yandex := anna.create(api.CreateDomain{Hostname: "yandex.com", Profile: "yandex", Scheme: "http"})
		hostile := []string{
			id, native.ID, yandex.ID, app.ShortID(native.ID), app.ShortID(yandex.ID), "own.com", "native.com", "0", "-1", "1", strings.Repeat("a", 12), strings.Repeat("1", 12), strings.Repeat("z", 5000), "%00", "..", "%2e%2e", "a%2fb",
			"' OR 1=1", "%25", "_", strings.Repeat("_", 12), strings.Repeat("%25", 12), "\u0430" + id[1:], strings.ToUpper(id), strings.ToLower(id), id + "%20", "%20" + id, id[:11], id + "x",
		}
		for who, mine := range map[*account]bool{anna: true, mallory: false} {
			for _, ref := range hostile {
				if mine && ref == id || ref == ".." {
					continue
				}
				ref = strings.NewReplacer(" ", "%20", "'", "%27").Replace(ref)
				for _, call := range []string{"GET /domains/%s/", "PATCH /domains/%s/", "PUT /domains/%s/", "POST /domains/%s/verify/", "DELETE /domains/%s/", "GET /domains/%s", "DELETE /domains/%s"} {
					method, path, _ := strings.Cut(fmt.Sprintf(call, ref), " ")
					body := ""
					if method != "GET" && method != "DELETE" {
						body = `{"hostname":"own.com","discovery_enabled":false,"type":"dns_txt"}`
					}
					status, _, b := who.jwt(method, path, body)
					if status != 404 && !(strings.EqualFold(ref, id) && mine) && !(strings.Contains(ref, id) && mine && status == 404) && status != 400 {
						t.Errorf("%s: %s %.80s: %d %.200s", who.name, method, path, status, b)
					}
					if bytes.Contains(b, []byte(token)) && !mine {
						t.Errorf("%s %s tells the token", method, path)
					}
				}
			}
		}
		for _, path := range []string{"/domains/", "/domains/?length=10000", "/domains/?hostname=own.com", "/domains/?search=own"} {
			if _, _, b := mallory.jwt("GET", path, ""); bytes.Contains(b, []byte(id)) || bytes.Contains(b, []byte("own.com\"")) {
				t.Errorf("%s: %s", path, b)
			}
			if _, _, b := anna.jwt("GET", path, ""); bytes.Contains(b, []byte("native.com")) || bytes.Contains(b, []byte("yandex.com")) {
				t.Errorf("%s shows claims of other dialects: %s", path, b)
			}
		}
		// Still there, and unchanged.
		if status, d, b := anna.jwt("GET", "/domains/"+id+"/", ""); status != 200 || d["verified"] != false || d["verification_token"] != token {
			t.Errorf("%d %s", status, b)
		}
		// Fields that nobody sets, and methods that nobody asks for.
		for _, body := range []string{
			`{"verified":true}`, `{"verification_method":"whitelist"}`, `{"verification_token":"x"}`, `{"id":"x"}`, `{"hostname":"victim.com"}`, `{"source":{"id":"x","name":"y"}}`, `{"verification_date":"2026-01-01T00:00:00Z"}`,
		} {
			_, d, b := anna.jwt("PATCH", "/domains/"+id+"/", body)
			if d["verified"] == true || d["hostname"] == "victim.com" || d["verification_token"] == "x" || d["id"] == "x" {
				t.Errorf("%s: %s", body, b)
			}
		}
		for _, m := range []string{"whitelist", "waved", "back_office", "existing_domain", "email", "cloudflare", "aws_route53", "delegated", "pdd", "auto", "whois", "txt_file", "WHITELIST", "dns_txt,whitelist", "\\u0000", "x"} {
			status, d, b := anna.jwt("POST", "/domains/"+id+"/verify/", `{"type":"`+m+`"}`)
			if d["verified"] == true || status >= 500 {
				t.Errorf("verify by %s: %d %s", m, status, b)
			}
		}
		// The password is sent to its site and shown to nobody; what stands for
		// it changes nothing.
		var (
			mu  sync.Mutex
			got []string
		)
		w.Net.Host("own.com").CatchAll(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, p, _ := r.BasicAuth()
			mu.Lock()
			got = append(got, p)
			mu.Unlock()
			rw.Header().Set("X-Echo", p+r.Header.Get("Authorization"))
			_, _ = rw.Write([]byte("<html><head><meta name=\"probely-verification\" content=\"" + p + "\"></head>" + p))
		}))
		mask, _ := d["basic_auth_password"].(string)
		if mask == password {
			t.Error("the password is shown")
		}
		anna.jwt("PATCH", "/domains/"+id+"/", `{"basic_auth_password":"`+mask+`"}`)
		for _, m := range []string{"file", "meta_tag"} {
			if _, d, b := anna.jwt("POST", "/domains/"+id+"/verify/", `{"type":"`+m+`"}`); d["verified"] == true {
				t.Errorf("%s", b)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if len(got) == 0 || got[len(got)-1] != password {
			t.Errorf("the site was sent %q", got)
		}
		basic := base64.StdEncoding.EncodeToString([]byte("deploy:" + password))
		at := deref(anna.now(findID(t, anna, "own.com")).LastAttemptID)
		for _, path := range []string{"/domains/", "/domains/" + id + "/", "/v1/domains", "/v1/attempts/" + at, "/v1/attempts/" + at + "/evidence", "/v1/events?limit=500"} {
			if b := replyOf(anna, path); strings.Contains(b, password) || strings.Contains(b, basic) || strings.Contains(b, base64.StdEncoding.EncodeToString([]byte(password))[:20]) {
				t.Errorf("%s holds the password", path)
			}
		}
		if strings.Contains(w.log.String(), password) || strings.Contains(w.log.String(), basic) {
			t.Error("the log holds the password")
		}
		// One token for a whole account, and another one for every account.
		_, his, _ := mallory.jwt("POST", "/domains/", `{"hostname":"own.com"}`)
		if his["verification_token"] == token {
			t.Error("two accounts have one token")
		}
		profile, _ := zonehold.ProfileByName(zonehold.ProfileProbely)
		w.Net.Zone("own.com").Add("@", "TXT", profile.TXTValue(token))
		if _, d, b := anna.jwt("POST", "/domains/"+id+"/verify/", `{"type":"dns_txt"}`); d["verified"] != true {
			t.Errorf("%s", b)
		}
		if _, d, b := mallory.jwt("POST", "/domains/"+his["id"].(string)+"/verify/", `{}`); d["verified"] != false {
			t.Errorf("%s", b)
		}
	})
}

// findID is the id of the account's claim on a name.
func findID(t *testing.T, a *account, host string) string {
	t.Helper()
	return a.now(host).ID
}

// T27: scopes hold in every dialect.
func TestT27ScopesOfGrants(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		w.aws.AddKey(testnet.Route53Key{ID: "x", Secret: "y"})
		reader := w.person("reader", "", zonehold.ScopeDomainsRead)
		checker := w.person("checker", "", zonehold.ScopeChecksRun)
		for _, who := range []*account{reader, checker} {
			for _, call := range []struct{ method, path, body string }{
				{"POST", "/v1/delegations", `{"domain":"a.com","account":"x"}`}, {"DELETE", "/v1/delegations/" + zonehold.NewID(zonehold.PrefixDelegation), ""},
				{"POST", "/v1/connections", `{"provider":"cloudflare","credentials":{"api_token":"x"}}`}, {"DELETE", "/v1/connections/" + zonehold.NewID(zonehold.PrefixConnection), ""},
				{"POST", "/v1/mailboxes", `{"address":"x@example.com"}`}, {"DELETE", "/v1/mailboxes/x@example.com", ""}, {"POST", "/v1/mailboxes/x@example.com/confirm", `{"code":"x"}`},
				{"POST", "/v1/policies", `{"method":"whitelist","pattern":"a.com","by":"x","reason":"y"}`}, {"POST", "/v1/tokens", `{"name":"x"}`}, {"POST", "/domains/", `{"hostname":"a.com"}`},
			} {
				status, _, b := who.jwt(call.method, call.path, call.body)
				if strings.HasPrefix(call.path, "/v1") {
					status, _, b = who.send(call.method, call.path, body(call.body))
				}
				if status != 403 {
					t.Errorf("%s: %s %s: %d %s", who.name, call.method, call.path, status, b)
				}
			}
		}
		if status, _, b := reader.send("POST", "/v1/domains/a.com/mail-code", []byte(`{"mailbox":"admin"}`)); status != 403 {
			t.Errorf("%d %s", status, b)
		}
		if n := len(w.mail.Mails()) + len(w.aws.Calls()); n > 0 {
			t.Errorf("%d things were done", n)
		}
	})
}

func body(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
