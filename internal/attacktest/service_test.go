package attacktest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
)

// T12: many accounts, many names below one domain, new claims again and again:
// the victim is asked no more often than one domain may be.
func TestT12Reflector(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
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
	onBoth(t, func(t *testing.T, s *store.Store) {
		at := time.Now() // stands still: however long this takes, nothing is given anew
		v := newService(t, s, app.Config{ChecksPerMinute: 4, Clock: func() time.Time { return at }})
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
	onBoth(t, func(t *testing.T, s *store.Store) {
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
				var bundle evidence.Bundle
				var seen evidence.Document
				if strings.HasSuffix(path, "evidence") && (json.Unmarshal(b, &bundle) != nil || json.Unmarshal(bundle.Entries[0].Document, &seen) != nil) {
					t.Errorf("%s: no evidence: %.300s", path, b)
				}
				for _, f := range append(seen.Fetches, seen.Decoys...) {
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
	onBoth(t, func(t *testing.T, s *store.Store) {
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
	for end := time.Now().Add(4 * patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came")
		}
	}
}
