package systemtest

import (
	"encoding/json"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

// servers are the names of the zone's servers, as a provider lists them.
func (w *world) servers(zone string) []string {
	var out []string
	for _, s := range w.Zone(zone).Servers() {
		out = append(out, strings.TrimSuffix(s.Name(), "."))
	}
	return out
}

// probelyRows takes each value of verification_method in the seed of the
// Probely dialect from nothing to verified, through that dialect.
func probelyRows(w *world) {
	t := w.t
	carl := w.person("carl", "carl@p-email.com")
	profile, _ := zonehold.ProfileByName(zonehold.ProfileProbely)
	call := func(method, path string, body any, want int) object {
		t.Helper()
		out := object{}
		if got := w.ask("JWT "+carl, method, path, body, want); len(got) > 0 {
			if err := json.Unmarshal(got, &out); err != nil {
				t.Fatalf("%s %s: %v in %s", method, path, err, got)
			}
		}
		return out
	}
	verified := func(d object, method string) {
		t.Helper()
		if d["verified"] != true || d["verification_method"] != method || d["verification_last_error"] != "" || d["verification_date"] == nil {
			t.Errorf("Probely, %s: %v", method, d)
		}
	}

	// Those where something is placed: nothing there, then the proof.
	token := ""
	for method, place := range map[string]func(host string){
		"dns_txt": func(host string) { w.Zone(host).Add(host+".", "TXT", profile.TXTValue(token)) },
		"dns":     func(host string) { w.Zone(host).Add(host+".", "TXT", profile.TXTValue(token)) },
		"dns_cname": func(host string) {
			w.Zone(host).Add(profile.CNAMEName(zonehold.Hostname(host), token)+".", "CNAME", profile.CNAMETarget(token, "")+".")
		},
		"file": func(host string) {
			w.Host(host).Page(profile.FilePath(token), 200, "text/plain", profile.FileBody(token))
		},
		"meta_tag": func(host string) {
			w.Host(host).Page("/", 200, "text/html", "<html><head>"+profile.TagHTML(token)+"</head><body></body></html>")
		},
	} {
		host := "p-" + strings.ReplaceAll(method, "_", "-") + ".com"
		w.Host(host).Page("/", 200, "text/html", "<html><head><title>x</title></head><body></body></html>")
		d := call("POST", "/domains/", object{"hostname": host}, 201)
		if d["verified"] != false || d["verification_method"] != "" || d["verification_date"] != nil {
			t.Errorf("Probely, %s begins as %v", host, d)
		}
		token = d["verification_token"].(string)
		at := "/domains/" + d["id"].(string) + "/verify/"
		if d = call("POST", at, object{"type": method}, 200); d["verified"] != false || d["verification_last_error"] == "" {
			t.Errorf("Probely, %s without a proof: %v", method, d)
		}
		place(host)
		want := method
		if want == "dns" {
			want = "dns_txt"
		}
		verified(call("POST", at, object{"type": method}, 200), want)
	}

	// Those that are there on create. Nobody can ask for them.
	w.aws.AddZone(testnet.Route53Zone{Name: "p-aws.com", NameServers: w.servers("p-aws.com")})
	w.cloudflare.AddZone(testnet.CloudflareZone{Name: "p-cf.com", NameServers: w.servers("p-cf.com")})
	w.call(carl, "POST", "/v1/connections", object{"provider": "aws_route53", "credentials": object{"access_key_id": awsKey.ID, "secret_access_key": awsKey.Secret}}, 201)
	w.call(carl, "POST", "/v1/connections", object{"provider": "cloudflare", "credentials": object{"api_token": cloudflareToken}}, 201)
	for verb, host := range map[string]string{"whitelist": "p-whitelist.org", "waiver": "p-waved.org", "approve": "p-back-office.org"} {
		mustRun(t, w.env, "policy", verb, host, "--account", "carl", "--by", "Olga", "--reason", "contract 18")
	}
	for host, method := range map[string]string{
		"www.p-dns-txt.com": "existing_domain", "p-whitelist.org": "whitelist", "p-waved.org": "waved", "p-back-office.org": "back_office",
		"p-email.com": "email", "p-cf.com": "cloudflare", "p-aws.com": "aws_route53",
	} {
		d := call("POST", "/domains/", object{"hostname": host}, 201)
		verified(d, method)
		if method == "back_office" || method == "existing_domain" {
			call("POST", "/domains/"+d["id"].(string)+"/verify/", object{"type": method}, 400)
		}
	}
	page := call("GET", "/domains/?length=10000", nil, 200)
	if page["count"] != 12.0 || page["page_total"] != 1.0 || page["length"] != 10000.0 {
		t.Errorf("Probely, the list: %v of %v pages", page["count"], page["page_total"])
	}
	status := call("GET", "/discovery/status/", nil, 200)
	if status["running_scans_count"] != 0.0 || status["last_complete_scan"] != nil || status["next_scheduled_scan_at"] != nil {
		t.Errorf("Probely, discovery status: %v", status)
	}
}

// yandexRows takes each value of ApiVerificationType in the seed of the Yandex
// dialect from nothing to verified, and each fail reason to where it is shown.
func yandexRows(w *world) {
	t := w.t
	dora := newWebmaster(t, w.srv.url(), w.person("dora", "dora@y-mail.com"))
	v3 := *dora
	v3.user = strings.Replace(dora.user, "/v4/", "/v3/", 1)
	add := func(host string) string {
		t.Helper()
		var out struct {
			HostID string `json:"host_id"`
		}
		if err := dora.call("POST", dora.user+"/hosts", `{"host_url":"http://`+host+`"}`, 201, &out); err != nil {
			t.Fatal(err)
		}
		return out.HostID
	}
	see := func(c *webmaster, hostID string) (v verification) {
		t.Helper()
		if err := c.call("GET", c.user+"/hosts/"+hostID+"/verification", "", 200, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	ends := func(c *webmaster, hostID, state, kind, reason string) {
		t.Helper()
		var v verification
		waitFor(t, hostID+" to be "+state, func() bool { v = see(c, hostID); return v.State == state })
		if v.Type != kind || v.reason() != reason {
			t.Errorf("Yandex, %s: %s; want %s by %s, %s", hostID, v, state, kind, reason)
		}
	}
	ask := func(c *webmaster, hostID, kind string) {
		t.Helper()
		var v verification
		if err := c.call("POST", c.user+"/hosts/"+hostID+"/verification?verification_type="+kind, "", 200, &v); err != nil {
			t.Fatal(err)
		}
	}

	profile, _ := zonehold.ProfileByName(zonehold.ProfileYandex)
	for kind, row := range map[string]struct {
		reason string
		place  func(host, uin string)
	}{
		"DNS": {"DNS_RECORD_NOT_FOUND", func(host, uin string) { w.Zone(host).Add(host+".", "TXT", profile.TXTValue(uin)) }},
		"HTML_FILE": {"WRONG_HTML_PAGE_CONTENT", func(host, uin string) {
			w.Host(host).Page(profile.FilePath(uin), 200, "text/html", profile.FileBody(uin))
		}},
		"META_TAG": {"META_TAG_NOT_FOUND", func(host, uin string) {
			w.Host(host).Page("/", 200, "text/html", "<html><head>"+profile.TagHTML(uin)+"</head><body></body></html>")
		}},
	} {
		host := "y-" + strings.ToLower(strings.ReplaceAll(kind, "_", "-")) + ".com"
		w.Host(host).Page("/", 200, "text/html", "<html><head><title>x</title></head><body></body></html>")
		id := add(host)
		v := see(dora, id)
		if v.State != "NONE" || v.Type != "META_TAG" {
			t.Errorf("Yandex, %s begins as %s", host, v)
		}
		ask(dora, id, kind)
		ends(dora, id, "VERIFICATION_FAILED", kind, row.reason)
		row.place(host, v.UIN)
		ask(dora, id, kind)
		ends(dora, id, "VERIFIED", kind, "")
	}

	// TXT_FILE cannot be asked for here, but shows when the native API did.
	w.Host("y-txt.com").Page("/", 200, "text/html", "<html></html>")
	txt := add("y-txt.com")
	w.Host("y-txt.com").Page(profile.TXTFilePath(see(dora, txt).UIN), 200, "text/plain", "")
	if outcome, code := w.check(dora.token, "y-txt.com", "txt_file"); outcome != "verified" {
		t.Errorf("Yandex, TXT_FILE: %s, %s", outcome, code)
	}
	ends(dora, txt, "VERIFIED", "TXT_FILE", "")

	// WHOIS exists in version 3 only.
	w.registries.Register(testnet.Registration{Domain: "y-whois.com", Admin: testnet.Person{Name: "Dora", Email: "dora@y-mail.com"}})
	w.registries.Register(testnet.Registration{Domain: "y-redacted.com", Admin: testnet.Person{Name: "Dora", Email: "dora@y-mail.com", Redacted: true}})
	id := add("y-redacted.com")
	ask(&v3, id, "WHOIS")
	ends(&v3, id, "VERIFICATION_FAILED", "WHOIS", "WHOIS_EMAIL_NOT_FOUND")
	id = add("y-whois.com")
	ask(&v3, id, "WHOIS")
	ends(&v3, id, "VERIFIED", "WHOIS", "")
	if v := see(dora, id); v.State != "VERIFIED" || v.Type == "WHOIS" {
		t.Errorf("Yandex, WHOIS under version 4: %s", v)
	}
	if err := dora.call("POST", dora.user+"/hosts/"+id+"/verification?verification_type=WHOIS", "", 400, &object{}); err != nil {
		t.Error(err)
	}

	// The passive ones are there when the site is added, and go with what they
	// rest on.
	for _, p := range []struct{ verb, host, kind, reason string }{
		{"mail-domain", "y-pdd.org", "PDD", "PDD_VERIFICATION_CANCELLED"},
		{"platform", "y-auto.org", "AUTO", "META_TAG_NOT_FOUND"}, // the dialect has none for it
	} {
		policy := strings.Fields(mustRun(t, w.env, "policy", p.verb, p.host, "--account", "dora", "--by", "Olga", "--reason", "theirs"))[0]
		id := add(p.host)
		ends(dora, id, "VERIFIED", p.kind, "")
		mustRun(t, w.env, "policy", "revoke", policy, "--by", "Olga", "--reason", "over")
		ends(dora, id, "VERIFICATION_FAILED", p.kind, p.reason)
	}
	owner := see(dora, "http:y-dns.com:80")
	erik := newWebmaster(t, w.srv.url(), w.person("erik", ""))
	given := w.call(dora.token, "POST", "/v1/delegations", object{"domain": "y-dns.com", "account": "erik"}, 201)
	var out object
	if err := erik.call("POST", erik.user+"/hosts", `{"host_url":"http://y-dns.com/"}`, 201, &out); err != nil {
		t.Fatal(err)
	}
	ends(erik, "http:y-dns.com:80", "VERIFIED", "DELEGATED", "")
	var owners struct {
		Users []struct {
			Login string `json:"user_login"`
			UIN   string `json:"verification_uin"`
			Type  string `json:"verification_type"`
		}
	}
	if err := erik.call("GET", erik.user+"/hosts/http:y-dns.com:80/owners", "", 200, &owners); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, u := range owners.Users {
		kinds[u.Login] = u.Type
		if u.Login == "dora" && u.UIN != owner.UIN {
			t.Errorf("Yandex, owners: the code %s of dora is shown as %s", owner.UIN, u.UIN)
		}
	}
	if len(owners.Users) != 2 || kinds["dora"] != "DNS" || kinds["erik"] != "DELEGATED" {
		t.Errorf("Yandex, owners: %v", owners.Users)
	}
	w.call(dora.token, "DELETE", "/v1/delegations/"+given["id"].(string), nil, 200)
	if v := see(erik, "http:y-dns.com:80"); v.State != "VERIFICATION_FAILED" || v.Type != "DELEGATED" || v.reason() != "DELEGATION_CANCELLED" {
		t.Errorf("Yandex, DELEGATED after the end: %s", v)
	}
}
