package attacktest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
)

// T6, T7, T42: disguised and odd names over the wire: refused in the
// dialect's own shape, and nothing is kept.
func TestT07NamesOverTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		for _, name := range disguised {
			body, err := json.Marshal(map[string]string{"hostname": name})
			if err != nil {
				t.Fatal(err)
			}
			status, h, b := who.send("POST", "/v1/domains", body)
			if status != 422 || !strings.HasPrefix(h.Get("Content-Type"), "application/problem+json") {
				t.Errorf("%.60q: %d %s", name, status, b)
			}
			if why := uncleanJSON(b, 2000); why != "" {
				t.Errorf("%.60q: %s in %s", name, why, b)
			}
			for _, path := range []string{"/v1/domains/" + url.PathEscape(name), "/v1/domains/" + url.PathEscape(name) + "/attempts"} {
				if status, _, b := who.send("GET", path, nil); status != 404 && status != 400 && status != 414 && strings.Trim(name, ".") != "" {
					t.Errorf("GET %.60q: %d %s", path, status, b)
				}
			}
			for _, prefix := range []string{"", "http://"} {
				body, _ := json.Marshal(map[string]string{"host_url": prefix + name})
				status, _, b := who.send("POST", fmt.Sprintf("/v4/user/%d/hosts", who.user), body)
				// That dialect takes URLs: with a scheme, a port and a path.
				if status < 400 && !strings.Contains(name, "example.com") {
					t.Errorf("host_url %.60q: %d %s", prefix+name, status, b)
				}
				if why := uncleanJSON(b, 2000); why != "" {
					t.Errorf("host_url %.60q: %s in %s", name, why, b)
				}
			}
		}
		page, err := who.Domains(t.Context(), clientQuery)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Items {
			if d.Hostname != "example.com" {
				t.Errorf("stored: %s", d.Hostname)
			}
		}
	})
}

// T42: the many spellings of one name are one claim.
func TestT42OneClaim(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		first := who.create(api.CreateDomain{Hostname: "bücher.example.com"})
		for _, again := range []string{"BÜCHER.example.COM.", "xn--bcher-kva.example.com", "XN--BCHER-KVA.EXAMPLE.COM", "bu\u0308cher.example.com."} {
			d, created, err := who.CreateDomain(t.Context(), api.CreateDomain{Hostname: again})
			if err != nil || created || d.ID != first.ID {
				t.Errorf("%q: %v %v", again, created, err)
			}
		}
		// Many at once are one as well.
		var wg sync.WaitGroup
		ids := make([]string, 12)
		for i := range ids {
			wg.Go(func() {
				name := []string{"one.example.com", "ONE.example.com", "One.Example.Com."}[i%3]
				d, _, err := who.CreateDomain(t.Context(), api.CreateDomain{Hostname: name})
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				ids[i] = d.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("several claims on one name: %v", ids)
				break
			}
		}
	})
}

// Idempotency keys: of others, used again for something else, at the same
// time, and malformed.
func TestKeyGames(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		anna, bob := v.account("anna"), v.account("bob")
		status, h, b := anna.send("POST", "/v1/domains", []byte(`{"hostname":"a.example.com"}`), "Idempotency-Key: k")
		if status != 201 {
			t.Fatalf("%d %s", status, b)
		}
		place := h.Get("Location")
		if status, h, b := bob.send("POST", "/v1/domains", []byte(`{"hostname":"a.example.com"}`), "Idempotency-Key: k"); status != 201 || h.Get("Location") == place || h.Get("Idempotency-Replayed") != "" {
			t.Errorf("bob got anna's reply: %d %v %s", status, h, b)
		}
		for _, call := range [][2]string{
			{"/v1/domains", `{"hostname":"b.example.com"}`}, {"/v1/domains?x=1", `{"hostname":"a.example.com"}`}, {"/v1/domains/a.example.com/attempts", `{"method":"dns_txt"}`}, {"/v1/domains", `{"hostname":"a.example.com" }`},
		} {
			if status, _, b := anna.send("POST", call[0], []byte(call[1]), "Idempotency-Key: k"); status != 422 && status != 400 {
				t.Errorf("%v with the key of another call: %d %s", call, status, b)
			}
		}
		for _, key := range []string{"", strings.Repeat("k", 256), "a b", "a,b", `"open`, "a;b", "k\tk", "\xff", "ключ"} {
			status, _, b := anna.send("POST", "/v1/domains", []byte(`{"hostname":"c.example.com"}`), "Idempotency-Key: "+key)
			if status != 400 {
				t.Errorf("key %.20q: %d %s", key, status, b)
			}
		}
		if status, _, _ := anna.send("GET", "/v1/domains/c.example.com", nil); status != 404 {
			t.Error("a call with a broken key did something")
		}
		// Ten at once: one domain, and every reply is its, or "still running".
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				status, _, b := anna.send("POST", "/v1/domains", []byte(`{"hostname":"d.example.com"}`), "Idempotency-Key: once")
				if status != 201 && status != 409 {
					t.Errorf("%d %s", status, b)
				}
			})
		}
		wg.Wait()
		// A token is shown once, so its reply is never kept.
		if status, _, b := anna.send("POST", "/v1/tokens", []byte(`{"name":"x"}`), "Idempotency-Key: t"); status < 400 {
			t.Errorf("%d %s", status, b)
		}
		// A key does not outlive what it made by becoming a way to read it.
		id := strings.TrimPrefix(place, "/v1/domains/")
		if err := anna.DeleteDomain(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if status, h, _ := anna.send("POST", "/v1/domains", []byte(`{"hostname":"a.example.com"}`), "Idempotency-Key: k"); status != 201 || h.Get("Idempotency-Replayed") != "true" {
			t.Errorf("replay: %d %v", status, h)
		}
		if status, _, _ := anna.send("GET", "/v1/domains/"+id, nil); status != 404 {
			t.Errorf("a replay brought the domain back: %d", status)
		}
	})
}

// Bodies, cursors, paths and queries made to break something.
func TestHostileRequests(t *testing.T) {
	cursor := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		for i := range 3 {
			who.create(api.CreateDomain{Hostname: fmt.Sprintf("h%d.example.com", i)})
		}
		for _, body := range []string{
			strings.Repeat("x", 1<<20), `{"hostname":"` + strings.Repeat("a", 100_000) + `"}`, strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
			`{"hostname":"a.example.com","hostname":"b.example.com"}`, `{"hostname":"a.example.com","Hostname":"b.example.com"}`, `{"hostname":"a.example.com","x":1}`, `{"hostname":["a.example.com"]}`,
			`{"hostname":1e400}`, `{"hostname":null}`, `null`, `[]`, `""`, ``, `{`, "{\"hostname\":\"\xff.com\"}", `{"hostname":"\ud800.com"}`, `{"hostname":"a.example.com"}{"hostname":"b.example.com"}`,
			`{"hostname":"a.example.com","port":-1}`, `{"hostname":"a.example.com","port":65536}`, `{"hostname":"a.example.com","port":1.5}`, `{"hostname":"a.example.com","port":99999999999999999999}`,
			`{"hostname":"a.example.com","scheme":"gopher"}`, `{"hostname":"a.example.com","profile":"../x"}`, "\ufeff{}", "{\"hostname\":\"a.example.com\"}\x00",
		} {
			status, h, b := who.send("POST", "/v1/domains", []byte(body))
			if status < 400 || status >= 500 || !strings.HasPrefix(h.Get("Content-Type"), "application/problem+json") || uncleanJSON(b, 2000) != "" {
				t.Errorf("%.80q: %d %s", body, status, b)
			}
			status, _, b = who.send("POST", fmt.Sprintf("/v4/user/%d/hosts", who.user), []byte(body))
			if status < 400 || status >= 500 {
				t.Errorf("other dialect, %.80q: %d %s", body, status, b)
			}
		}
		for _, body := range []string{
			`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><Data><host_url>http://&b;.com</host_url></Data>`,
			`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Data><host_url>&e;</host_url></Data>`, `<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><Data><host_url>http://a.example.com</host_url></Data>`,
			strings.Repeat("<a>", 10_000), `<Data><host_url>http://a.example.com</host_url><host_url>http://b.example.com</host_url></Data>`, `<Data><host_url><![CDATA[http://a.example.com/]]>x y</host_url></Data>`,
			"<Data><host_url>http://a\x00.example.com</host_url></Data>", `<?xml version="1.0" encoding="UTF-7"?><Data><host_url>http://a.example.com</host_url></Data>`, `<Data xmlns:x="y"><x:host_url>`, `&#0;`, `<Data><host_url>` + strings.Repeat("a", 100_000) + `</host_url></Data>`,
		} {
			status, _, b := who.send("POST", fmt.Sprintf("/v4/user/%d/hosts", who.user), []byte(body), "Content-Type: application/xml")
			if status < 400 || status >= 500 || bytes.Contains(b, []byte("root:")) {
				t.Errorf("XML %.120q: %d %s", body, status, b)
			}
		}
		for _, kind := range []string{"text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data", "application/json, text/plain", ""} {
			if status, _, _ := who.send("POST", "/v1/domains", []byte(`{"hostname":"a.example.com"}`), "Content-Type: "+kind); status != 415 {
				t.Errorf("type %q: %d", kind, status)
			}
		}
		for _, c := range []string{
			"x", strings.Repeat("A", 400), strings.Repeat("A", 5000), cursor("null"), cursor("{}"), cursor(`{"o":"hostname","n":"x","i":""}`), cursor(`{"o":"-created_at","i":"dom_x","t":9223372036854775807}`),
			cursor(`{"o":"hostname","n":"\u0000","i":"\u0000"}`), cursor(`{"o":"hostname","n":"' OR 1=1 --","i":"dom_x"}`), cursor(`{"o":"hostname","n":"\ud800","i":"x"}`), cursor(`{"o":"hostname","n":"` + strings.Repeat("z", 300) + `","i":"x"}`),
			cursor(`{"o":"hostname","n":"a","i":"x\u0000"}`), cursor(`{"o":"hostname","n":1,"i":"x"}`), cursor("\xff\xfe"), cursor(`{"o":"created_at","i":"\u0000","t":-9223372036854775808}`), cursor(`{"o":"hostname","n":"\ufffe\u202e","i":"%"}`),
		} {
			for _, path := range []string{"/v1/domains?limit=1&cursor=", "/v1/domains?sort=created_at&cursor=", "/v1/domains?sort=-created_at&cursor=", "/v1/domains?sort=-state_since&cursor=", "/v1/domains/h1.example.com/attempts?cursor="} {
				status, _, b := who.send("GET", path+url.QueryEscape(c), nil)
				if status >= 500 || status == 429 {
					t.Errorf("%s%.100q: %d %s", path, c, status, b)
				}
			}
		}
		for _, path := range []string{
			"/v1/domains?limit=-1", "/v1/domains?limit=501", "/v1/domains?limit=1&limit=2", "/v1/domains?limit=99999999999999999999", "/v1/domains?q=%00", "/v1/domains?q=%ff", "/v1/domains?q=%zz", "/v1/domains?q=" + strings.Repeat("a", 5000),
			"/v1/domains?sort=hostname;drop", "/v1/domains?state=x", "/v1/domains?method=%27", "/v1/domains?nonsense=1", "/v1/domains/" + strings.Repeat("a", 5000), "/v1/domains/%00", "/v1/domains/%ff%fe", "/v1/domains/..%2f..%2fetc", "/v1/attempts/att_%00",
			"/v1/attempts/" + strings.Repeat("x", 3000), "/v1/attempts/dom_06gvvuthg7pvf903uka09d3tg0", "/v1/events?after=%00", "/v1/events?after=evt_zzzzzzzzzzzzzzzzzzzzzzzzzz", "/v1/events?limit=0", "/v1/problems/%00", "/v1/problems/" + strings.Repeat("x", 3000),
		} {
			status, _, b := who.send("GET", path, nil)
			if status >= 500 || status == 200 && !strings.Contains(path, "limit=0") {
				t.Errorf("%.100q: %d %.200s", path, status, b)
			}
			if why := uncleanJSON(b, 3000); why != "" && len(b) > 0 {
				t.Errorf("%.100q: %s", path, why)
			}
		}
		// What a search may hold: characters that mean something to a database.
		for _, q := range []string{"%", "_", `\`, "'", `"`, "%_%", "h_", "\u202e", "é", strings.Repeat("é", 300), "*", "h1.EXAMPLE.com"} {
			status, _, b := who.send("GET", "/v1/domains?q="+url.QueryEscape(q), nil)
			var page struct{ Items []any }
			if err := json.Unmarshal(b, &page); err != nil || status != 200 && !(status == 400 && len(q) > 253) {
				t.Errorf("q=%.80q: %d %s", q, status, b)
			}
			if n := len(page.Items); n > 0 && q != "h1.EXAMPLE.com" {
				t.Errorf("q=%q finds %d", q, n)
			}
		}
		for _, patch := range []string{
			`{"tags":["` + strings.Repeat("x", 65) + `"]}`, `{"tags":["a\u0000b"]}`, `{"tags":["\u001b[31m"]}`, `{"tags":["a","a"]}`, `{"tags":[""]}`, `{"tags":` + strings.ReplaceAll(fmt.Sprintf("%q", make([]string, 51)), " ", ",") + `}`,
			`{"basic_auth_username":"a:b"}`, `{"basic_auth_username":"a\r\nX: y"}`, `{"basic_auth_password":"a\r\nX: y"}`, `{"basic_auth_password":"` + strings.Repeat("x", 256) + `"}`, `{"port":0.5}`, `{"port":70000}`, `{"state":"verified"}`,
			`{"verified":true}`, `{"method":"dns_txt"}`, `{"hostname":"evil.net"}`, `{"account_id":"acc_x"}`, `{"tokens":{"txt":"x"}}`,
		} {
			status, _, b := who.send("PATCH", "/v1/domains/h1.example.com", []byte(patch))
			if status < 400 || status >= 500 {
				t.Errorf("PATCH %.80s: %d %s", patch, status, b)
			}
		}
		if status, _, _ := who.send("GET", "/v1/domains/a.example.com", nil); status != 404 {
			t.Error("one of the bodies made a domain")
		}
	})
}

// Texts of strangers that end up in the log: every line stays one line of
// JSON, and holds no token.
func TestLogInjection(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		v := newService(t, s, app.Config{})
		who := v.account("anna")
		evil := "x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\n\x1b[31m\u202e"
		for _, path := range []string{"/v1/domains/", "/v1/attempts/", "/v1/problems/", "/nowhere/", "/v4/user/1/hosts/", "/v4/", "/docs/"} {
			who.send("GET", path+url.PathEscape(evil), nil)
			who.send("GET", path+"?"+url.QueryEscape(evil)+"="+url.QueryEscape(evil), nil)
			who.send("POST", path+url.PathEscape(evil), []byte(`{"hostname":"x\n\u001b"}`), "X-Request-Id: \u009bforged \"} {", "User-Agent: \u009b31mforged\u202e\u2028", "Traceparent: forged")
		}
		// The other dialect takes the token in the query, where others put it
		// into logs.
		req, err := http.NewRequestWithContext(t.Context(), "GET", v.url+"/v4/user?oauth_token="+who.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("token in the query: %d", resp.StatusCode)
		}
		text := v.log.String()
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if len(lines) < 10 {
			t.Fatalf("only %d lines", len(lines))
		}
		for _, line := range lines {
			var e struct{ Level, Msg string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%v: %q", err, line)
			}
			if e.Level == "ERROR" {
				t.Errorf("an error: %s", line)
			}
			if bytes.ContainsAny([]byte(line), "\x1b\r\x00") {
				t.Errorf("control characters: %q", line)
			}
		}
		if strings.Contains(text, who.token) || strings.Contains(text, who.token[4:]) {
			t.Error("the token is in the log")
		}
	})
}

var clientQuery = client.DomainQuery{Limit: 500}
