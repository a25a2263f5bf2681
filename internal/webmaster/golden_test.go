package webmaster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sort"
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

// request makes the raw bytes of one. Headers come as "Name: value".
func request(verb, path, body string, headers ...string) string {
	lines := append([]string{verb + " " + path + " HTTP/1.1", "Host: api.webmaster.yandex.net"}, headers...)
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

// dump prints a reply with all its headers.
func dump(t testing.TB, resp *http.Response) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", resp.StatusCode)
	names := make([]string, 0, len(resp.Header))
	for name := range resp.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	b.WriteString("\n" + bodyOf(t, resp) + "\n")
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
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

var (
	dnsProblem = problem.Problem{
		Code: "dns_doubled_label", WhoActs: problem.Owner, Title: "The record is one level too deep",
		LookedFor: "a TXT record at example.com", Found: `"yandex-verification: 26aab3d2…" at example.com.example.com`,
		Fixes: []string{"Enter only @ as the name in the panel", "Wait"},
	}
	fileProblem = problem.Problem{
		Code: "http_soft_404", WhoActs: problem.WebHost, Title: "The server answers every path with the same page",
		Found: "a page of 4812 bytes <!doctype html>\nfor a random file name too", Fixes: []string{"Let unknown paths answer 404 & serve the file itself."},
	}
	metaProblem = problem.Problem{
		Code: "meta_in_body", WhoActs: problem.Owner, Title: "The tag stands outside the head",
		Found: `<meta name="yandex-verification"> in <body>`, Fixes: []string{"Move the tag between <head> and </head>."},
	}
	whoisProblem = problem.Problem{
		Code: "whois_redacted", WhoActs: problem.Registrar, Title: "The registration hides its contacts",
		Found: "RDAP of registry.example: REDACTED FOR PRIVACY", Fixes: []string{"Use another method, DNS TXT for example."},
	}
	givenProblem = problem.Problem{
		Code: "delegation_cancelled", WhoActs: problem.Owner, Title: "The right that was given has ended",
		Found: "It ended on 2026-05-04. Reason given: campaign over", Fixes: []string{"Ask the owner to give it again."},
	}
	ourProblem = problem.Problem{Code: "verifier_fault", WhoActs: problem.Us, Title: "We could not ask"}
)

// The host of the golden cases, and where it stands.
const (
	exampleID = "http:example.com:80"
	prefix    = "/v4/user/4242"
	onHostV3  = "/v3/user/4242/hosts/" + exampleID
	onHost    = prefix + "/hosts/" + exampleID
)

type goldenCase struct {
	name    string
	setup   func(s *fakeService)
	cfg     Config
	verb    string
	path    string
	body    string // JSON; the XML run sends xmlBody
	xmlBody string
	token   string // "": everything
	headers []string
	noAuth  bool
	before  int // times that the request is sent before
	// wantStatus and wantCode are written down apart from the golden files,
	// so that -update cannot change what the contract fixes.
	wantStatus int
	wantCode   string
}

func withHost(change func(d *app.Domain)) func(*fakeService) {
	return func(s *fakeService) {
		d := s.add("http", "example.com", 80)
		if change != nil {
			change(d)
		}
	}
}

func failing(method string, err error) func(*fakeService) {
	return func(s *fakeService) {
		withHost(nil)(s)
		s.fail[method] = err
	}
}

var goldenCases = []goldenCase{
	// Row 1
	{name: "user", verb: "GET", path: "/v4/user", wantStatus: 200},
	// Row 2
	{name: "hosts_empty", verb: "GET", path: prefix + "/hosts", wantStatus: 200},
	{name: "hosts", verb: "GET", path: prefix + "/hosts", wantStatus: 200, setup: func(s *fakeService) {
		s.add("http", "example.com", 80)
		verified(s.add("https", "xn--d1acpjx3f.xn--p1ai", 443), zonehold.MethodFile)
		s.add("https", "example.com", 8443)
		s.add("", "native.example", 0)
		s.add("https", "other.example", 443).Profile = zonehold.ProfileZonehold
	}},
	// Row 3
	{name: "host_add", verb: "POST", path: prefix + "/hosts", wantStatus: 201,
		body: `{"host_url":"http://example.com"}`, xmlBody: `<Data><host_url>http://example.com</host_url></Data>`},
	{name: "host_add_idn", verb: "POST", path: prefix + "/hosts", wantStatus: 201,
		body: `{"host_url":"https://яндекс.рф/"}`, xmlBody: `<?xml version="1.0" encoding="UTF-8"?><Data><host_url>https://яндекс.рф/</host_url></Data>`},
	// Row 4
	{name: "host", verb: "GET", path: onHost, setup: withHost(nil), wantStatus: 200},
	{name: "host_verified", verb: "GET", path: prefix + "/hosts/https:xn--d1acpjx3f.xn--p1ai:8443", wantStatus: 200,
		setup: func(s *fakeService) {
			verified(s.add("https", "xn--d1acpjx3f.xn--p1ai", 8443), zonehold.MethodFile)
		}},
	// Row 5
	{name: "host_delete", verb: "DELETE", path: onHost, setup: withHost(nil), wantStatus: 204},
	// Row 6
	{name: "verification_none", verb: "GET", path: onHost + "/verification", setup: withHost(nil), wantStatus: 200},
	{name: "verification_in_progress", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { start(d, zonehold.MethodFile) })},
	{name: "verification_verified", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodFile) })},
	{name: "verification_failed_dns", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)
		})},
	{name: "verification_failed_file", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodFile, zonehold.OutcomeMismatch, &fileProblem)
		})},
	{name: "verification_failed_meta", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodMetaTag, zonehold.OutcomeMismatch, &metaProblem)
		})},
	{name: "verification_internal_error", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive, &ourProblem)
		})},
	{name: "verification_delegated", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodDelegated) })},
	{name: "verification_delegation_cancelled", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { revoke(d, zonehold.MethodDelegated, &givenProblem) })},
	{name: "verification_pdd", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodPDD) })},
	{name: "verification_pdd_cancelled", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { revoke(d, zonehold.MethodPDD, nil) })},
	{name: "verification_auto", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodAuto) })},
	{name: "verification_added", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodExistingDomain, zonehold.OutcomeAbsent, &dnsProblem)
			d.LastAttempt.Trigger = zonehold.TriggerCreate
		})},
	{name: "verification_whois_v3", verb: "GET", path: onHostV3 + "/verification/", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			failed(d, zonehold.MethodWHOIS, zonehold.OutcomeAbsent, &whoisProblem)
			d.Challenges = append(d.Challenges, zonehold.Challenge{Method: zonehold.MethodWHOIS, Applicable: true})
		})},
	{name: "verification_whois_v4", verb: "GET", path: onHost + "/verification", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			verified(d, zonehold.MethodWHOIS)
			d.Challenges = append(d.Challenges, zonehold.Challenge{Method: zonehold.MethodWHOIS, Applicable: true})
		})},
	// Row 7
	{name: "verify_whois_v3", verb: "POST", path: onHostV3 + "/verification/?verification_type=WHOIS", wantStatus: 200,
		setup: withHost(func(d *app.Domain) {
			d.Challenges = append(d.Challenges, zonehold.Challenge{Method: zonehold.MethodWHOIS, Applicable: true})
		})},
	{name: "verify", verb: "POST", path: onHost + "/verification?verification_type=DNS", setup: withHost(nil), wantStatus: 200},
	{name: "verify_verified", verb: "POST", path: onHost + "/verification?verification_type=META_TAG", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodFile) })},
	// Row 8
	{name: "owners", verb: "GET", path: onHost + "/owners", wantStatus: 200, setup: func(s *fakeService) {
		d := verified(s.add("http", "example.com", 80), zonehold.MethodMetaTag)
		other := verified(s.add("http", "example.com", 80), zonehold.MethodDNSTXT)
		native := verified(s.add("http", "example.com", 80), zonehold.MethodDNSTXT)
		native.Profile = zonehold.ProfileZonehold
		s.owned = []app.Owner{
			{Account: zonehold.Account{Name: "vassily123"}, Domain: d.Domain, VerifiedAt: testTime},
			{Account: zonehold.Account{Name: "o'hara & sons"}, Domain: other.Domain},
			{Account: zonehold.Account{Name: "native"}, Domain: native.Domain, VerifiedAt: testTime},
		}
	}},
	{name: "owners_several", verb: "GET", path: onHostV3 + "/owners/", wantStatus: 200, setup: func(s *fakeService) {
		d := verified(s.add("http", "example.com", 80), zonehold.MethodDelegated)
		s.owned = append(s.owned, app.Owner{Account: zonehold.Account{Name: "vassily123"}, Domain: d.Domain, VerifiedAt: testTime})
		for i, m := range []zonehold.Method{zonehold.MethodWHOIS, zonehold.MethodDNSTXT, zonehold.MethodPDD, zonehold.MethodWhitelist, zonehold.MethodBackOffice, zonehold.MethodAWSRoute53} {
			other := verified(s.add("http", "example.com", 80), m)
			s.owned = append(s.owned, app.Owner{Account: zonehold.Account{Name: "owner by " + string(m)}, Domain: other.Domain, VerifiedAt: testTime.Add(time.Duration(i) * time.Hour)})
		}
	}},
	// Row 9
	{name: "summary", verb: "GET", path: onHost + "/summary", wantStatus: 200,
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodFile) })},

	// Errors, in the order of the catalogue.
	{name: "error_entity_missing", verb: "POST", path: prefix + "/hosts", wantStatus: 400, wantCode: "ENTITY_VALIDATION_ERROR",
		body: `{"url":"http://example.com"}`, xmlBody: `<Data><url>http://example.com</url></Data>`},
	{name: "error_entity_syntax", verb: "POST", path: prefix + "/hosts", wantStatus: 400, wantCode: "ENTITY_VALIDATION_ERROR",
		body: `{"host_url":`, xmlBody: `<Data><host_url>`},
	{name: "error_field_missing", verb: "POST", path: onHost + "/verification", setup: withHost(nil), wantStatus: 400, wantCode: "FIELD_VALIDATION_ERROR"},
	{name: "error_field_unknown", verb: "POST", path: onHost + "/verification?verification_type=TXT_FILE", setup: withHost(nil), wantStatus: 400, wantCode: "FIELD_VALIDATION_ERROR"},
	{name: "error_field_inapplicable", verb: "POST", path: onHost + "/verification?verification_type=DNS", wantStatus: 400, wantCode: "FIELD_VALIDATION_ERROR",
		setup: withHost(func(d *app.Domain) {
			d.Challenges[0].Applicable, d.Challenges[0].Reason = false, "The zone is hidden"
		})},
	{name: "error_field_whois_v3", verb: "POST", path: "/v3/user/4242/hosts/" + exampleID + "/verification/?verification_type=WHOIS", setup: withHost(nil), wantStatus: 400, wantCode: "FIELD_VALIDATION_ERROR"},
	{name: "error_invalid_url", verb: "POST", path: prefix + "/hosts", wantStatus: 400, wantCode: "INVALID_URL",
		body: `{"host_url":"http://127.0.0.1/"}`, xmlBody: `<Data><host_url>http://127.0.0.1/</host_url></Data>`},
	{name: "error_invalid_url_refused", verb: "POST", path: prefix + "/hosts", wantStatus: 400, wantCode: "INVALID_URL",
		setup: failing("CreateDomain", &app.Error{Kind: app.KindRefused, Message: "This name is not for you."}),
		body:  `{"host_url":"http://example.org/"}`, xmlBody: `<Data><host_url>http://example.org/</host_url></Data>`},
	{name: "error_access_forbidden", verb: "DELETE", path: onHost, token: tokenRead, setup: withHost(nil), wantStatus: 403, wantCode: "ACCESS_FORBIDDEN"},
	{name: "error_invalid_oauth_token", verb: "GET", path: "/v4/user", token: "zhp_wrong", wantStatus: 403, wantCode: "INVALID_OAUTH_TOKEN"},
	{name: "error_missing_oauth_token", verb: "GET", path: "/v4/user", noAuth: true, wantStatus: 403, wantCode: "INVALID_OAUTH_TOKEN"},
	{name: "error_invalid_user_id", verb: "GET", path: "/v4/user/1/hosts", wantStatus: 403, wantCode: "INVALID_USER_ID"},
	{name: "error_hosts_limit", verb: "POST", path: prefix + "/hosts", wantStatus: 403, wantCode: "HOSTS_LIMIT_EXCEEDED",
		setup: failing("CreateDomain", &app.Error{Kind: app.KindLimit}),
		body:  `{"host_url":"http://example.org/"}`, xmlBody: `<Data><host_url>http://example.org/</host_url></Data>`},
	{name: "error_resource_not_found", verb: "GET", path: onHost + "/sitemaps", wantStatus: 404, wantCode: "RESOURCE_NOT_FOUND"},
	{name: "error_host_not_found", verb: "GET", path: onHost + "/verification", wantStatus: 404, wantCode: "HOST_NOT_FOUND"},
	{name: "error_host_not_verified_owners", verb: "GET", path: onHost + "/owners", setup: withHost(nil), wantStatus: 404, wantCode: "HOST_NOT_VERIFIED"},
	{name: "error_host_not_verified_summary", verb: "GET", path: onHost + "/summary", setup: withHost(nil), wantStatus: 404, wantCode: "HOST_NOT_VERIFIED"},
	{name: "error_method_not_allowed", verb: "PUT", path: onHost, wantStatus: 405, wantCode: "METHOD_NOT_ALLOWED"},
	{name: "error_content_type", verb: "POST", path: prefix + "/hosts", headers: []string{"Content-Type: text/plain"}, wantStatus: 406, wantCode: "CONTENT_TYPE_UNSUPPORTED",
		body: "http://example.com", xmlBody: "http://example.com"},
	{name: "error_host_already_added", verb: "POST", path: prefix + "/hosts", wantStatus: 409, wantCode: "HOST_ALREADY_ADDED",
		setup: withHost(func(d *app.Domain) { verified(d, zonehold.MethodFile) }),
		body:  `{"host_url":"http://EXAMPLE.com:80/"}`, xmlBody: `<Data><host_url>http://EXAMPLE.com:80/</host_url></Data>`},
	{name: "error_in_progress", verb: "POST", path: onHost + "/verification?verification_type=DNS", wantStatus: 409, wantCode: "VERIFICATION_ALREADY_IN_PROGRESS",
		setup: withHost(func(d *app.Domain) { start(d, zonehold.MethodFile) })},
	{name: "error_too_large", verb: "POST", path: prefix + "/hosts", wantStatus: 413, wantCode: "REQUEST_ENTITY_TOO_LARGE",
		body: strings.Repeat(" ", maxBody+1), xmlBody: strings.Repeat(" ", maxBody+1)},
	{name: "error_content_encoding", verb: "POST", path: prefix + "/hosts", headers: []string{"Content-Encoding: gzip"}, wantStatus: 415, wantCode: "CONTENT_ENCODING_UNSUPPORTED",
		body: `{"host_url":"http://example.com"}`, xmlBody: `<Data><host_url>http://example.com</host_url></Data>`},
	{name: "error_no_verification_record", verb: "GET", path: onHost + "/verification", wantStatus: 422, wantCode: "NO_VERIFICATION_RECORD",
		setup: withHost(func(d *app.Domain) { d.Profile = zonehold.ProfileZonehold })},
	{name: "error_quota", verb: "POST", path: onHost + "/verification?verification_type=DNS", wantStatus: 429, wantCode: "QUOTA_EXCEEDED",
		setup: failing("StartAttempt", &app.Error{Kind: app.KindRateLimited, RetryAfter: 1234500 * time.Millisecond})},
	{name: "error_too_many_checks", verb: "POST", path: onHost + "/verification?verification_type=DNS", wantStatus: 429, wantCode: "TOO_MANY_REQUESTS_ERROR",
		setup: failing("StartAttempt", &app.Error{Kind: app.KindRateLimited, RetryAfter: 12500 * time.Millisecond})},
	{name: "error_too_many_requests", verb: "GET", path: "/v4/user", cfg: Config{RequestsPerMinute: 1}, before: 1, wantStatus: 429, wantCode: "TOO_MANY_REQUESTS_ERROR"},
	{name: "error_internal", verb: "GET", path: onHost, wantStatus: 500, wantCode: "INTERNAL_SERVER_ERROR",
		setup: failing("Host", errors.New("pq: password of zonehold@10.0.0.1 is hunter2"))},
	{name: "error_unavailable", verb: "GET", path: onHost, wantStatus: 503, wantCode: "SERVICE_UNAVAILABLE",
		setup: failing("Host", &app.Error{Kind: app.KindUnavailable, Message: "shutting down"})},
}

// TestGolden fixes the replies of every row and error, in both formats.
func TestGolden(t *testing.T) {
	for _, tt := range goldenCases {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			fmt.Fprintf(&got, "%s %s\n", tt.verb, tt.path)
			for _, media := range []string{typeJSON, typeXML} {
				s, h := world(t, tt.cfg)
				if tt.setup != nil {
					tt.setup(s)
				}
				raw := tt.raw(media)
				for range tt.before {
					send(t, h, raw)
				}
				resp := send(t, h, raw)
				text := dump(t, resp)
				fmt.Fprintf(&got, "\n--- Accept: %s\n%s", media, text)
				_, body, _ := strings.Cut(text, "\n\n")
				checkReply(t, tt, media, resp, strings.TrimSuffix(body, "\n"))
			}
			golden(t, tt.name+".txt", got.String())
		})
	}
}

func (tt goldenCase) raw(media string) string {
	headers := []string{"Accept: " + media}
	if !tt.noAuth {
		token := tt.token
		if token == "" {
			token = tokenAll
		}
		headers = append(headers, "Authorization: OAuth "+token)
	}
	body, kind := tt.body, typeJSON
	if media == typeXML {
		body, kind = tt.xmlBody, typeXML
	}
	headers = append(headers, tt.headers...)
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		headers = append(headers, "Content-Type: "+kind)
	}
	return request(tt.verb, tt.path, body, headers...)
}

// checkReply holds what no golden file may change.
func checkReply(t *testing.T, tt goldenCase, media string, resp *http.Response, body string) {
	t.Helper()
	if resp.StatusCode != tt.wantStatus {
		t.Errorf("%s: status %d, want %d", media, resp.StatusCode, tt.wantStatus)
	}
	if resp.StatusCode == http.StatusNoContent {
		if body != "" || resp.Header.Get("Content-Type") != "" {
			t.Errorf("a 204 has no body and no type, got %q", body)
		}
		return
	}
	if got, want := resp.Header.Get("Content-Type"), media+";charset=UTF-8"; got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
	var e struct {
		JSONCode string `json:"error_code" xml:"-"`
		XMLCode  string `json:"-" xml:"error_code"`
	}
	if media == typeJSON {
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("not JSON: %v", err)
		}
	} else if err := xml.NewDecoder(bytes.NewReader([]byte(body))).Decode(&e); err != nil || !strings.HasPrefix(body, "<Data>") {
		t.Errorf("not the XML expected: %v in %s", err, body)
	}
	if got := e.JSONCode + e.XMLCode; got != tt.wantCode {
		t.Errorf("%s: error_code %q, want %q", media, got, tt.wantCode)
	}
}
