package probely

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

var update = flag.Bool("update", false, "rewrite the expected replies in testdata")

// send plays raw bytes, read as the server reads them, against the handler.
func send(t testing.TB, h http.Handler, raw string) *http.Response {
	t.Helper()
	head, body, _ := strings.Cut(raw, "\n\n")
	if body != "" && !strings.Contains(head, "\nContent-Length:") {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	raw = strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatalf("reading the request %.200q: %v", raw, err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

const authHeader = "Authorization: JWT " + tokenAll

// request makes the raw bytes of one. Headers come as "Name: value".
func request(verb, path, body string, headers ...string) string {
	lines := append([]string{verb + " " + path + " HTTP/1.1", "Host: api.probely.com"}, headers...)
	return strings.Join(lines, "\n") + "\n\n" + body
}

func bodyOf(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// call sends a request with the token that may do everything.
func ask(t testing.TB, h http.Handler, verb, path, body string) (int, string) {
	t.Helper()
	headers := []string{authHeader}
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	resp := send(t, h, request(verb, path, body, headers...))
	return resp.StatusCode, bodyOf(t, resp)
}

// dump prints a reply with all its headers.
func dump(resp *http.Response, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", resp.StatusCode)
	names := make([]string, 0, len(resp.Header))
	for name := range resp.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	b.WriteString("\n" + body + "\n")
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

// The domain of the golden cases.
const (
	exampleID = "4Z8D4Yg68Nzb"
	onExample = "/domains/" + exampleID + "/"
)

type goldenCase struct {
	name     string
	setup    func(s *fakeService)
	cfg      Config
	verb     string
	path     string
	body     string // JSON, unless headers say another type
	token    string // "": everything
	headers  []string
	noAuth   bool
	before   int // times that the request is sent before
	want     int // apart from the golden files, so that -update cannot change it
	contains string
}

func withDomain(change func(d *app.Domain)) func(*fakeService) {
	return func(s *fakeService) {
		d := s.add("example.com")
		if change != nil {
			change(d)
		}
	}
}

func failing(method string, err error) func(*fakeService) {
	return func(s *fakeService) {
		withDomain(nil)(s)
		s.fail[method] = err
	}
}

var doubled = problem.Problem{
	Code: "dns_doubled_label", Title: "The record is one level too deep",
	Found: `"Probely=719d01df…" stands at example.com.example.com`, Fixes: []string{"Enter only @ as the name in the panel"},
}

func lastly(m zonehold.Method, o zonehold.Outcome, p problem.Problem) func(*fakeService) {
	return withDomain(func(d *app.Domain) { failed(d, m, o, &p) })
}

var goldenCases = []goldenCase{
	{name: "domains_empty", verb: "GET", path: "/domains/?length=30", want: 200, contains: `{"count":0,"page_total":1,"page":1,"length":30,"results":[]}`},
	{name: "domains", verb: "GET", path: "/domains/", want: 200, contains: `"page_total":1,"page":1,"length":10`, setup: func(s *fakeService) {
		s.add("example.com")
		verified(s.add("verified.example.com"), zonehold.MethodMetaTag)
		failed(s.add("failed.example.com"), zonehold.MethodDNSCNAME, zonehold.OutcomeAbsent, plain[zonehold.MethodDNSCNAME])
		s.add("native.example").Profile = zonehold.ProfileZonehold
	}},
	{name: "domains_10000", verb: "GET", path: "/domains/?length=10000&page=1", want: 200, contains: `"count":2,"page_total":1,"page":1,"length":10000`, setup: func(s *fakeService) {
		s.add("a.example")
		s.add("b.example")
	}},
	{name: "domains_page_2", verb: "GET", path: "/domains/?length=1&page=2&ordering=-hostname", want: 200, contains: `"count":3,"page_total":3,"page":2,"length":1`, setup: func(s *fakeService) {
		s.add("a.example")
		s.add("b.example")
		s.add("c.example")
	}},
	{name: "domains_body_on_get", verb: "GET", path: "/domains/", body: "{}", want: 200},
	{name: "domains_no_slash", verb: "GET", path: "/domains", want: 200},
	{name: "error_page", verb: "GET", path: "/domains/?page=2", want: 404, contains: `{"detail":"Invalid page."}`},

	{name: "create", verb: "POST", path: "/domains/", body: `{"hostname":"example.com"}`, want: 201, contains: `"verified":false,`},
	{name: "create_verified", verb: "POST", path: "/domains/", body: `{"hostname":"app.example.com"}`, want: 201, contains: `"verification_method":"existing_domain"`,
		setup: func(s *fakeService) { s.known["app.example.com"] = zonehold.MethodExistingDomain }},
	{name: "create_full", verb: "POST", path: "/domains/", want: 201, contains: `"port":8443,"discovery_enabled":false`,
		body: `{"hostname":"example.com","basic_auth_username":"user","basic_auth_password":"hunter2","port":8443,"discovery_enabled":false,"id":"x","verified":true}`},
	{name: "create_port_in_name", verb: "POST", path: "/domains/", body: `{"hostname":"example.com:8443"}`, want: 201, contains: `"port":8443`},
	{name: "create_name", verb: "POST", path: "/domains/", body: `{"name":"example.com"}`, want: 201},
	{name: "create_form", verb: "POST", path: "/domains/", body: "hostname=example.com&port=", headers: []string{"Content-Type: " + typeForm}, want: 201},
	{name: "create_idn", verb: "POST", path: "/domains/", body: `{"hostname":"ПРИМЕР.рф."}`, want: 201, contains: `"hostname":"xn--e1afmkfd.xn--p1ai"`},
	{name: "error_required", verb: "POST", path: "/domains/", body: `{}`, want: 400, contains: `{"hostname":["This field is required."]}`},
	{name: "error_no_body", verb: "POST", path: "/domains/", want: 400, contains: `{"hostname":["This field is required."]}`},
	{name: "error_blank", verb: "POST", path: "/domains/", body: `{"hostname":" "}`, want: 400, contains: `{"hostname":["This field may not be blank."]}`},
	{name: "error_null", verb: "POST", path: "/domains/", body: `{"hostname":null}`, want: 400, contains: `{"hostname":["This field may not be null."]}`},
	{name: "error_too_long", verb: "POST", path: "/domains/", body: `{"hostname":"` + strings.Repeat("a", 257) + `"}`, want: 400, contains: "no more than 256 characters"},
	{name: "error_pattern", verb: "POST", path: "/domains/", body: `{"hostname":"https://example.com/"}`, want: 400, contains: `{"hostname":["Enter a valid value."]}`},
	{name: "error_localhost", verb: "POST", path: "/domains/", body: `{"hostname":"localhost"}`, want: 400, contains: `"hostname":[`},
	{name: "error_address", verb: "POST", path: "/domains/", body: `{"hostname":"37.139.17.48"}`, want: 400, contains: `"hostname":[`},
	{name: "error_public_suffix", verb: "POST", path: "/domains/", body: `{"hostname":"co.uk"}`, want: 400, contains: `"hostname":[`},
	{name: "error_many_fields", verb: "POST", path: "/domains/", want: 400, contains: `"port":["Ensure this value is less than or equal to 65535."]`,
		body: `{"hostname":["x"],"port":65536,"basic_auth_username":{},"discovery_enabled":"maybe"}`},
	{name: "error_integer", verb: "POST", path: "/domains/", body: `{"hostname":"example.com","port":"http"}`, want: 400, contains: `{"port":["A valid integer is required."]}`},
	{name: "error_two_ports", verb: "POST", path: "/domains/", body: `{"hostname":"example.com:81","port":80}`, want: 400},
	{name: "error_exists", verb: "POST", path: "/domains/", body: `{"hostname":"Example.com"}`, setup: withDomain(nil), want: 400, contains: `already exists.`},
	{name: "error_exists_elsewhere", verb: "POST", path: "/domains/", body: `{"hostname":"example.com"}`, want: 400, contains: `already exists.`,
		setup: withDomain(func(d *app.Domain) { d.Profile = zonehold.ProfileZonehold })},
	{name: "error_limit", verb: "POST", path: "/domains/", body: `{"hostname":"example.com"}`, want: 400, contains: nonField, setup: func(s *fakeService) { s.limit = 0 }},
	{name: "error_json", verb: "POST", path: "/domains/", body: `{"hostname":`, want: 400, contains: `{"detail":"JSON parse error - `},
	{name: "error_dictionary", verb: "POST", path: "/domains/", body: `["example.com"]`, want: 400, contains: `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
	{name: "error_media_type", verb: "POST", path: "/domains/", body: "example.com", headers: []string{"Content-Type: text/plain"}, want: 415, contains: `{"detail":"Unsupported media type \"text/plain\" in request."}`},
	{name: "error_encoding", verb: "POST", path: "/domains/", body: "{}", headers: []string{"Content-Encoding: gzip"}, want: 415},
	{name: "error_too_large", verb: "POST", path: "/domains/", body: strings.Repeat(" ", maxBody+1), want: 413},

	{name: "domain", verb: "GET", path: onExample, setup: withDomain(nil), want: 200, contains: `"verification_date":null,"verification_method":"","verification_last_error":"","verified":false,"basic_auth_username":null,"basic_auth_password":null,"port":null,"discovery_enabled":true,"source":{"id":"","name":""}}`},
	{name: "domain_verified", verb: "GET", path: onExample, want: 200, contains: `"verification_date":"2026-05-16T11:50:53.914329Z","verification_method":"file","verification_last_error":"","verified":true`,
		setup: withDomain(func(d *app.Domain) { verified(d, zonehold.MethodFile) })},
	{name: "domain_cloudflare", verb: "GET", path: onExample, want: 200, contains: `"source":{"id":"4Z8D4Yg68Nzb","name":"Cloudflare"}`,
		setup: withDomain(func(d *app.Domain) {
			verified(d, zonehold.MethodCloudflare).ProofSource = "con_" + strings.TrimPrefix(d.ID, "dom_")
		})},
	{name: "domain_failed_txt", verb: "GET", path: onExample, want: 200, contains: `"verification_last_error":"Token not found"`,
		setup: lastly(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, *plain[zonehold.MethodDNSTXT])},
	{name: "domain_failed_cname", verb: "GET", path: onExample, want: 200, contains: `"verification_date":"2026-05-16T11:50:53.914329Z","verification_method":"dns_cname","verification_last_error":"The DNS query name does not exist: probely-` + testToken + `.example.com."`,
		setup: lastly(zonehold.MethodDNSCNAME, zonehold.OutcomeAbsent, *plain[zonehold.MethodDNSCNAME])},
	{name: "domain_failed_doubled", verb: "GET", path: onExample, want: 200, contains: `"Token not found. The record is one level too deep.`,
		setup: lastly(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, doubled)},
	{name: "domain_failed_file", verb: "GET", path: onExample, want: 200, contains: `"verification_last_error":"The file is not there. `,
		setup: lastly(zonehold.MethodFile, zonehold.OutcomeAbsent, *plain[zonehold.MethodFile])},
	{name: "error_not_found", verb: "GET", path: "/domains/3jWDZrNpfhSK/", want: 404, contains: `{"detail":"Not found."}`},
	{name: "error_legacy_id", verb: "GET", path: "/domains/a1B2-c_D3e4F/", want: 404, contains: `{"detail":"Not found."}`},

	{name: "patch", verb: "PATCH", path: onExample, setup: withDomain(nil), want: 200, contains: `"basic_auth_username":"user","basic_auth_password":"********","port":8443`,
		body: `{"hostname":"example.com","basic_auth_username":"user","basic_auth_password":"hunter2","port":8443}`},
	{name: "patch_clear", verb: "PATCH", path: onExample, want: 200, contains: `"basic_auth_username":null,"basic_auth_password":null,"port":null`,
		setup: withDomain(func(d *app.Domain) { d.BasicUser, d.HasPassword, d.Port = "user", true, 8443 }),
		body:  `{"basic_auth_username":null,"basic_auth_password":null,"port":null}`},
	{name: "put", verb: "PUT", path: onExample, want: 200, contains: `"basic_auth_password":"********","port":8443`,
		setup: withDomain(func(d *app.Domain) { d.BasicUser, d.HasPassword, d.Port = "user", true, 8443 }),
		body:  `{"hostname":"example.com","id":"` + exampleID + `","basic_auth_username":"user","basic_auth_password":"********","port":8443,"verified":true,"source":{"id":"","name":""}}`},
	{name: "error_put_required", verb: "PUT", path: onExample, setup: withDomain(nil), body: `{"port":80}`, want: 400, contains: `{"hostname":["This field is required."]}`},
	{name: "error_rename", verb: "PATCH", path: onExample, setup: withDomain(nil), body: `{"hostname":"example.org"}`, want: 400, contains: `"hostname":[`},
	{name: "error_no_secret_key", verb: "PATCH", path: onExample, body: `{"basic_auth_password":"x"}`, want: 400, contains: `"basic_auth_password":[`,
		setup: failing("UpdateDomain", &app.Error{Kind: app.KindInvalid, Field: "basic_auth_password", Message: "Passwords cannot be kept: the operator has set no secret key."})},
	{name: "delete", verb: "DELETE", path: onExample, setup: withDomain(nil), want: 204},

	{name: "verify_before", verb: "POST", path: onExample + "verify/", setup: withDomain(nil), want: 200, contains: `"verification_method":"dns_txt","verification_last_error":"Token not found","verified":false`},
	{name: "verify_after", verb: "POST", path: onExample + "verify/", want: 200, contains: `"verification_method":"file","verification_last_error":"","verified":true`,
		setup: func(s *fakeService) { s.add("example.com"); s.proof["example.com"] = zonehold.MethodFile }},
	{name: "verify_type", verb: "POST", path: onExample + "verify/", body: `{"type":"dns"}`, setup: withDomain(nil), want: 200, contains: `"verification_method":"dns_txt"`},
	{name: "verify_method", verb: "POST", path: onExample + "verify/", body: `{"verification_method":"dns_cname"}`, setup: withDomain(nil), want: 200, contains: `"verification_method":"dns_cname"`},
	{name: "verify_form", verb: "POST", path: onExample + "verify/", body: "type=meta_tag", headers: []string{"Content-Type: " + typeForm}, setup: withDomain(nil), want: 200, contains: `"verification_method":"meta_tag"`},
	{name: "verify_whitelist", verb: "POST", path: onExample + "verify/", body: `{"type":"whitelist"}`, setup: withDomain(nil), want: 200, contains: `"verification_method":"whitelist"`},
	{name: "error_verify_read_only", verb: "POST", path: onExample + "verify/", body: `{"verification_method":"back_office"}`, setup: withDomain(nil), want: 400, contains: `{"verification_method":["`},
	{name: "error_verify_choice", verb: "POST", path: onExample + "verify/", body: `{"type":"whois"}`, setup: withDomain(nil), want: 400, contains: `{"type":["\"whois\" is not a valid choice."]}`},
	{name: "error_verify_throttled", verb: "POST", path: onExample + "verify/", want: 429, contains: `{"detail":"Request was throttled. Expected available in 13 seconds."}`,
		setup: failing("StartAttempt", &app.Error{Kind: app.KindRateLimited, RetryAfter: 12500 * time.Millisecond})},

	{name: "discovery_status", verb: "GET", path: "/discovery/status/", want: 200, contains: `{"running_scans_count":0,"last_complete_scan":null,"next_scheduled_scan_at":null}`},
	{name: "discovery_assets", verb: "GET", path: "/discovery/assets/?length=10000&page=1&ordering=-last_seen&score=A%2B", want: 200, contains: `{"count":0,"page_total":1,"page":1,"length":10000,"results":[]}`},
	{name: "profile", verb: "GET", path: "/profile/", want: 200, contains: `"is_sso":false,"is_owner":true}`},
	{name: "account", verb: "GET", path: "/account/", want: 200, contains: `"status":"active"`},
	{name: "users", verb: "GET", path: "/users/?page=1&length=30", want: 200, contains: `{"count":1,"page_total":1,"page":1,"length":30,"results":[{"id":`},
	{name: "findings", verb: "GET", path: "/findings?length=30", want: 200, contains: `{"count":0,"page_total":1,"page":1,"length":30,"results":[]}`},
	{name: "options", verb: "OPTIONS", path: "/domains/", want: 200},

	{name: "login", verb: "POST", path: "/auth/obtain/", body: "username=a&password=b", headers: []string{"Content-Type: " + typeForm}, noAuth: true, want: 400, contains: "Unable to log in with provided credentials."},
	{name: "login_empty", verb: "POST", path: "/auth-obtain/", body: `{"username":""}`, noAuth: true, want: 400, contains: `{"password":["This field is required."],"username":["This field may not be blank."]}`},
	{name: "token_good", verb: "POST", path: "/auth/verify/", body: `{"token":"` + tokenAll + `"}`, noAuth: true, want: 200, contains: `{"token":"zhp_everything"}`},
	{name: "token_bad", verb: "POST", path: "/auth/refresh/", body: `{"token":"nonsense"}`, noAuth: true, want: 400},
	{name: "token_revoke", verb: "POST", path: "/auth/revoke/", body: `{"token":"` + tokenAll + `"}`, noAuth: true, want: 400},

	{name: "error_no_token", verb: "GET", path: "/profile/", noAuth: true, want: 401, contains: `{"detail":"Authentication credentials were not provided."}`},
	{name: "error_token", verb: "GET", path: "/profile/", token: "zhp_nobodys", want: 401, contains: `{"detail":"Incorrect authentication credentials."}`},
	{name: "error_scheme", verb: "GET", path: "/profile/", noAuth: true, headers: []string{"Authorization: Basic dXNlcjpwYXNz"}, want: 401},
	{name: "error_permission", verb: "POST", path: "/domains/", token: tokenRead, body: `{"hostname":"example.com"}`, want: 403, contains: `{"detail":"You do not have permission to perform this action."}`},
	{name: "error_method", verb: "POST", path: "/webhooks/", body: `{"url":"https://example.com"}`, want: 405, contains: `{"detail":"Method \"POST\" not allowed."}`},
	{name: "error_path", verb: "GET", path: "/scanning-agents/3jWDZrNpfhSK/config-files/", noAuth: true, want: 404, contains: `{"detail":"Not found."}`},
	{name: "error_throttled", verb: "GET", path: "/profile/", cfg: Config{RequestsPerMinute: 1}, before: 1, want: 429, contains: `{"detail":"Request was throttled. Expected available in 60 seconds."}`},
	{name: "error_internal", verb: "GET", path: onExample, want: 500, contains: `{"detail":"Unexpected error while handling your request."}`,
		setup: failing("Domain", errors.New("pq: password of zonehold@10.0.0.1 is hunter2"))},
	{name: "error_unavailable", verb: "GET", path: onExample, want: 503,
		setup: failing("Domain", &app.Error{Kind: app.KindUnavailable, Message: "shutting down"})},
}

// TestGolden fixes the replies of every call and error.
func TestGolden(t *testing.T) {
	for _, tt := range goldenCases {
		t.Run(tt.name, func(t *testing.T) {
			s, h := world(t, tt.cfg)
			if tt.setup != nil {
				tt.setup(s)
			}
			for range tt.before {
				send(t, h, tt.raw())
			}
			resp := send(t, h, tt.raw())
			body := bodyOf(t, resp)
			golden(t, tt.name+".txt", tt.verb+" "+tt.path+"\n\n"+dump(resp, body))
			if resp.StatusCode != tt.want || !strings.Contains(body, tt.contains) {
				t.Errorf("%d %s, want %d with %s", resp.StatusCode, body, tt.want, tt.contains)
			}
			checkReply(t, resp, body)
		})
	}
}

func (tt goldenCase) raw() string {
	var headers []string
	if !tt.noAuth {
		token := tt.token
		if token == "" {
			token = tokenAll
		}
		headers = append(headers, "Authorization: JWT "+token)
	}
	headers = append(headers, tt.headers...)
	if tt.body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		headers = append(headers, "Content-Type: application/json")
	}
	return request(tt.verb, tt.path, tt.body, headers...)
}

// checkReply holds what no golden file may change (contract sections 1 and 7).
func checkReply(t testing.TB, resp *http.Response, body string) {
	t.Helper()
	if resp.StatusCode == http.StatusNoContent {
		if body != "" || resp.Header.Get("Content-Type") != "" {
			t.Errorf("a 204 has no body and no type, got %q", body)
		}
		return
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Errorf("not a JSON object: %v: %s", err, body)
	}
	if _, bad := object["error"].(string); bad {
		t.Errorf(`a text under "error": %s`, body)
	}
	if n, paged := object["page_total"].(float64); paged && n < 1 {
		t.Errorf("page_total %v", n)
	}
	if resp.StatusCode >= 400 && object["detail"] == nil {
		for field, texts := range object {
			if list, ok := texts.([]any); !ok || len(list) == 0 {
				t.Errorf("field %s: %v", field, texts)
			}
		}
	}
	if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
		t.Error("a 429 without Retry-After")
	}
}
