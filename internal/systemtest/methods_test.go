package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
)

// world is a server in an internet that has all that the methods ask: name
// servers, web hosts, registries, a mail relay, and two DNS providers.
type world struct {
	*internet
	t          *testing.T
	env        []string
	srv        *server
	registries *testnet.Registries
	mail       *testnet.MailServer
	aws        *testnet.Route53
	cloudflare *testnet.Cloudflare
	boss       string // token of the operator
}

func newWorld(t *testing.T, db store.Config) *world {
	t.Helper()
	w := &world{internet: newInternet(t), t: t, aws: testnet.NewRoute53(), cloudflare: testnet.NewCloudflare()}
	w.registries = w.NewRegistries()
	w.mail = w.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	aws, cf := httptest.NewServer(w.aws), httptest.NewServer(w.cloudflare)
	t.Cleanup(aws.Close)
	t.Cleanup(cf.Close)
	bootstrap := filepath.Join(t.TempDir(), "dns.json")
	for _, tld := range []string{"com", "net", "org"} {
		w.registries.TLD(tld)
	}
	write(t, bootstrap, string(w.registries.Bootstrap()))
	env := append(w.settings(t), database(db)...)
	w.env = environment(t, append(env,
		"ZONEHOLD_WHOIS_ROOT="+w.registries.WHOISRoot(), "ZONEHOLD_RDAP_BOOTSTRAP="+bootstrap,
		"ZONEHOLD_SMTP_URL=smtp://"+w.mail.Addr().String()+"?starttls=never", "ZONEHOLD_MAIL_FROM=zonehold@service.example",
		"AWS_ENDPOINT_URL_ROUTE_53="+aws.URL, "ZONEHOLD_CLOUDFLARE_API_URL="+cf.URL+"/client/v4",
	)...)
	w.srv = serve(t, listenAddr(t), w.env).ready()
	mustRun(t, w.env, "account", "create", "operator")
	w.boss = mustRun(t, w.env, "token", "create", "--account", "operator", "--scope", "operator")
	return w
}

// person is an account with a token; address, if given, is confirmed.
func (w *world) person(name, address string) string {
	w.t.Helper()
	args := []string{"account", "create", name}
	if address != "" {
		args = append(args, "--email", address, "--email-confirmed")
	}
	mustRun(w.t, w.env, args...)
	return mustRun(w.t, w.env, "token", "create", "--account", name)
}

type object = map[string]any

// The credentials that the providers know.
var awsKey = testnet.Route53Key{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

const cloudflareToken = "cfTokenOfAnna-0123456789abcdefghijklmnop"

// call asks the native API and wants a status.
func (w *world) call(token, method, path string, body any, want int) object {
	w.t.Helper()
	got := w.ask("Bearer "+token, method, path, body, want)
	out := object{}
	if len(got) > 0 {
		if err := json.Unmarshal(got, &out); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, got)
		}
	}
	return out
}

func (w *world) ask(auth, method, path string, body any, want int) []byte {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.srv.url()+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", auth)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := plain.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != want {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, want, text)
	}
	return text
}

// claim creates a domain.
func (w *world) claim(token, host string) object {
	w.t.Helper()
	return w.call(token, "POST", "/v1/domains", object{"hostname": host}, 201)
}

func (w *world) domain(token, host string) object {
	w.t.Helper()
	return w.call(token, "GET", "/v1/domains/"+host, nil, 200)
}

// check asks for one method and returns outcome and problem code.
func (w *world) check(token, host, method string) (outcome, code string) {
	w.t.Helper()
	at := w.call(token, "POST", "/v1/domains/"+host+"/attempts?wait=20s", object{"method": method}, 200)
	if p, ok := at["problem"].(object); ok {
		code, _ = p["code"].(string)
	}
	outcome, _ = at["outcome"].(string)
	return outcome, code
}

// refuses wants a check to say no with that code.
func (w *world) refuses(token, host, method, code string) {
	w.t.Helper()
	if outcome, got := w.check(token, host, method); outcome == "verified" || got != code {
		w.t.Errorf("%s of %s: %s, %s; want %s", method, host, outcome, got, code)
	}
}

// proved wants the domain to be verified by the method.
func (w *world) proved(d object, method, assurance, covers string) {
	w.t.Helper()
	if d["verified"] != true || d["method"] != method || d["assurance"] != assurance || d["covers"] != covers {
		w.t.Errorf("%v: verified %v by %v, worth %v for the %v; want %s, %s, %s\nproblem: %v", d["hostname"],
			d["verified"], d["method"], d["assurance"], d["covers"], method, assurance, covers, d["problem"])
	}
}

// place publishes what the challenge of a method asks for.
func (w *world) place(d object, method string) {
	w.t.Helper()
	host := d["hostname"].(string)
	registrable, _ := zonehold.Hostname(host).Registrable()
	for _, c := range d["challenges"].([]any) {
		ch := c.(object)
		if ch["method"] != method {
			continue
		}
		switch {
		case ch["record"] != nil:
			r := ch["record"].(object)
			value := r["value"].(string)
			if r["type"] == "CNAME" {
				value += "."
			}
			w.Zone(registrable).Add(r["name"].(string)+".", r["type"].(string), value)
		case ch["file"] != nil:
			f := ch["file"].(object)
			w.Host(host).Page(f["path"].(string), 200, "text/plain", f["content"].(string))
		case ch["tag"] != nil:
			w.Host(host).Page("/", 200, "text/html", "<html><head>"+ch["tag"].(object)["html"].(string)+"</head><body>Hello</body></html>")
		default:
			w.t.Errorf("%s has nothing to place", method)
		}
		return
	}
	w.t.Errorf("no challenge for %s", method)
}

var codeLine = regexp.MustCompile(`(?m)^\s+([A-Z0-9]{5}-[A-Z0-9]{5})\s*$`)

// mailedCode waits for the latest mail to an address and reads its code.
func (w *world) mailedCode(address string) string {
	w.t.Helper()
	waitFor(w.t, "a mail to "+address, func() bool { return len(w.mail.MailsTo(address)) > 0 })
	mails := w.mail.MailsTo(address)
	text := mails[len(mails)-1].Data
	m := codeLine.FindStringSubmatch(strings.ReplaceAll(text, "\r\n", "\n"))
	if m == nil {
		w.t.Fatalf("no code in the mail:\n%s", text)
	}
	return m[1]
}

// TestEveryMethod takes every method of both seed documents, and the others
// of the contract, from nothing to verified and to its own refusal, through
// the built binary, on both databases.
func TestEveryMethod(t *testing.T) {
	t.Parallel()
	t.Run(store.SQLite, func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, storetest.SQLite(t))
		everyMethod(w)
		probelyRows(w)
		yandexRows(w)
	})
	t.Run(store.PostgreSQL, func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, storetest.PostgreSQL(t, false))
		everyMethod(w)
		probelyRows(w)
		yandexRows(w)
	})
}

func everyMethod(w *world) {
	t := w.t
	anna := w.person("anna", "anna@by-mail.com")
	for method, missing := range map[string]string{
		"dns_txt": "dns_record_missing", "dns_cname": "cname_missing", "file": "http_not_found", "meta_tag": "meta_missing", "txt_file": "http_not_found",
	} {
		host := strings.ReplaceAll(method, "_", "-") + ".com"
		w.Host(host).Page("/", 200, "text/html", "<html><head><title>x</title></head><body>Hello</body></html>")
		d := w.claim(anna, host)
		if d["state"] != "pending" || d["problem"] != nil || d["last_attempt_id"] != nil {
			t.Errorf("%s begins as %v with %v", host, d["state"], d["problem"])
		}
		w.refuses(anna, host, method, missing)
		w.place(d, method)
		if outcome, code := w.check(anna, host, method); outcome != "verified" {
			t.Errorf("%s: %s, %s", method, outcome, code)
		}
		assurance, covers := "host", "host"
		if strings.HasPrefix(method, "dns_") {
			assurance, covers = "dns", "subtree"
		}
		w.proved(w.domain(anna, host), method, assurance, covers)
	}

	// existing_domain: below a DNS proof at once, below a file not at all, and
	// never without its source.
	child := w.claim(anna, "shop.dns-txt.com")
	w.proved(child, "existing_domain", "dns", "subtree")
	if child["covered_by"] != w.domain(anna, "dns-txt.com")["id"] {
		t.Errorf("covered by %v", child["covered_by"])
	}
	w.claim(anna, "shop.file.com")
	w.refuses(anna, "shop.file.com", "existing_domain", "parent_proof_too_narrow")
	w.claim(anna, "alone.org")
	w.refuses(anna, "alone.org", "existing_domain", "parent_not_verified")
	w.call(anna, "DELETE", "/v1/domains/dns-txt.com", nil, 204)
	if d := w.domain(anna, "shop.dns-txt.com"); d["verified"] != false || d["state"] != "lapsed" {
		t.Errorf("without its parent: %v", d["state"])
	}

	// email: an address in exactly that domain, and a mailed code.
	w.proved(w.claim(anna, "by-mail.com"), "email", "mailbox", "host")
	w.claim(anna, "other-mail.com")
	w.refuses(anna, "other-mail.com", "email", "email_address_missing")
	w.Zone("coded.com").Add("coded.com.", "MX", "10 mail.coded.com.")
	w.claim(anna, "coded.com")
	w.call(anna, "POST", "/v1/domains/coded.com/mail-code", object{"mailbox": "hostmaster"}, 202)
	code := w.mailedCode("hostmaster@coded.com")
	w.call(anna, "GET", "/v1/domains/coded.com/mail-code/confirm?code="+code, nil, 405)
	w.call(anna, "POST", "/v1/domains/coded.com/mail-code/confirm", object{"code": "AAAAA-AAAAA"}, 422)
	w.call(anna, "POST", "/v1/domains/coded.com/mail-code/confirm", object{"code": code}, 200)
	w.proved(w.domain(anna, "coded.com"), "email", "mailbox", "host")
	w.call(anna, "POST", "/v1/domains/coded.com/mail-code/confirm", object{"code": code}, 422)

	// whois: a confirmed address that stands in a contact.
	w.registries.Register(testnet.Registration{Domain: "registered.com", Registrant: testnet.Person{Name: "Anna", Email: "anna@by-mail.com"}})
	w.registries.Register(testnet.Registration{Domain: "redacted.com", Registrant: testnet.Person{Name: "Anna", Email: "anna@by-mail.com", Redacted: true}})
	w.registries.Register(testnet.Registration{Domain: "foreign.com", Registrant: testnet.Person{Name: "Bob", Email: "bob@elsewhere.com"}})
	for _, host := range []string{"registered.com", "redacted.com", "foreign.com", "www.registered.com"} {
		w.claim(anna, host)
	}
	w.refuses(anna, "redacted.com", "whois", "whois_redacted")
	w.refuses(anna, "foreign.com", "whois", "whois_email_missing")
	w.refuses(anna, "www.registered.com", "whois", "whois_not_applicable")
	if outcome, code := w.check(anna, "registered.com", "whois"); outcome != "verified" {
		t.Errorf("whois: %s, %s", outcome, code)
	}
	w.proved(w.domain(anna, "registered.com"), "whois", "registrar", "subtree")

	// What the operator grants, by the command line beside the server.
	for _, p := range []struct{ method, verb, host, code string }{
		{"whitelist", "whitelist", "whitelist.org", "not_whitelisted"},
		{"waved", "waiver", "waved.org", "waiver_missing"},
		{"back_office", "approve", "back-office.org", "approval_missing"},
		{"pdd", "mail-domain", "pdd.org", "mail_domain_not_connected"},
		{"auto", "platform", "auto.org", "platform_name_missing"},
	} {
		w.claim(anna, p.host)
		w.refuses(anna, p.host, p.method, p.code)
		id := mustRun(t, w.env, "policy", p.verb, p.host, "--account", "anna", "--by", "Olga", "--reason", "contract 17")
		waitFor(t, p.host+" to be proved by "+p.method, func() bool { return w.domain(anna, p.host)["verified"] == true })
		w.proved(w.domain(anna, p.host), p.method, "operator", "host")
		w.claim(anna, "new."+p.host) // a policy is about its name alone
		w.refuses(anna, "new."+p.host, p.method, p.code)
		mustRun(t, w.env, "policy", "revoke", strings.Fields(id)[0], "--by", "Olga", "--reason", "over")
		d := w.domain(anna, p.host)
		if d["verified"] != false || d["state"] != "lapsed" {
			t.Errorf("%s after its policy was revoked: %v", p.host, d["state"])
		}
		if problem, ok := d["problem"].(object); !ok || problem["code"] != p.code {
			t.Errorf("%s after its policy was revoked: %v", p.host, d["problem"])
		}
	}

	// delegated: from one account to another, and taken back.
	bob := w.person("bob", "")
	w.claim(bob, "dns-cname.com")
	w.refuses(bob, "dns-cname.com", "delegated", "delegation_missing")
	w.call(anna, "POST", "/v1/delegations", object{"domain": "dns-cname.com", "account": "anna"}, 422)
	given := w.call(anna, "POST", "/v1/delegations", object{"domain": "dns-cname.com", "account": "bob", "reason": "agency"}, 201)
	waitFor(t, "the delegation to count", func() bool { return w.domain(bob, "dns-cname.com")["verified"] == true })
	w.proved(w.domain(bob, "dns-cname.com"), "delegated", "operator", "host")
	w.call(bob, "POST", "/v1/delegations", object{"domain": "dns-cname.com", "account": "anna"}, 409)
	w.call(anna, "DELETE", fmt.Sprint("/v1/delegations/", given["id"]), nil, 200)
	if d := w.domain(bob, "dns-cname.com"); d["state"] != "lapsed" || d["problem"].(object)["code"] != "delegation_cancelled" {
		t.Errorf("after the delegation was cancelled: %v, %v", d["state"], d["problem"])
	}

	// The providers: a zone counts only where the registry points to it.
	w.aws.AddKey(awsKey)
	w.cloudflare.AddToken(testnet.CloudflareToken{Value: cloudflareToken})
	served := w.servers("in-aws.com")
	w.aws.AddZone(testnet.Route53Zone{Name: "in-aws.com", NameServers: served})
	w.aws.AddZone(testnet.Route53Zone{Name: "victim.com", ApexNS: served})
	w.Zone("victim.com")
	served = w.servers("in-cf.com")
	w.cloudflare.AddZone(testnet.CloudflareZone{Name: "in-cf.com", NameServers: served})
	w.cloudflare.AddZone(testnet.CloudflareZone{Name: "pending.com", Status: "pending", NameServers: served})
	w.Zone("pending.com")
	w.call(anna, "POST", "/v1/connections", object{"provider": "cloudflare", "credentials": object{"api_token": "wrong-token-0123456789abcdefghijklmnopqrst"}}, 422)
	w.call(anna, "POST", "/v1/connections", object{"provider": "aws_route53", "credentials": object{"access_key_id": awsKey.ID, "secret_access_key": awsKey.Secret}}, 201)
	w.call(anna, "POST", "/v1/connections", object{"provider": "cloudflare", "credentials": object{"api_token": cloudflareToken}}, 201)
	w.proved(w.claim(anna, "in-aws.com"), "aws_route53", "registrar", "subtree")
	w.proved(w.claim(anna, "www.in-cf.com"), "cloudflare", "registrar", "subtree")
	if d := w.claim(anna, "victim.com"); d["verified"] != false {
		t.Errorf("a zone that anybody can create proves %v", d["hostname"])
	}
	w.refuses(anna, "victim.com", "aws_route53", "zone_not_in_account")
	w.claim(anna, "pending.com")
	w.refuses(anna, "pending.com", "cloudflare", "provider_zone_pending")
}
