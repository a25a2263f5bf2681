package webmaster

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

// The enums of contract section 3.
var (
	typesV4    = []string{"AUTO", "DELEGATED", "DNS", "HTML_FILE", "META_TAG", "PDD", "TXT_FILE"}
	reasonsV4  = []string{"DELEGATION_CANCELLED", "DNS_RECORD_NOT_FOUND", "META_TAG_NOT_FOUND", "PDD_VERIFICATION_CANCELLED", "WRONG_HTML_PAGE_CONTENT"}
	explicitV4 = []string{"META_TAG", "HTML_FILE", "DNS"}
)

// TestEnums: for every method and version, nothing outside the tables.
func TestEnums(t *testing.T) {
	methods := append(zonehold.Methods(), "", "from_the_future")
	for _, v := range versions {
		types, reasons, asked := typesV4, reasonsV4, explicitV4
		if strings.HasPrefix(string(v), "v3") {
			types = append(slices.Clone(types), "WHOIS")
			reasons = append(slices.Clone(reasons), "WHOIS_EMAIL_NOT_FOUND")
			asked = append(slices.Clone(asked), "WHOIS")
		}
		for _, m := range methods {
			n := v.name(m)
			if !slices.Contains(types, n.kind) || !slices.Contains(reasons, n.reason) {
				t.Errorf("%s: %q is %s and %s", v, m, n.kind, n.reason)
			}
		}
		if diff := cmp.Diff(asked, v.explicitTypes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v, diff)
		}
		var cs []zonehold.Challenge
		for _, m := range methods {
			cs = append(cs, zonehold.Challenge{Method: m, Applicable: true})
		}
		if diff := cmp.Diff(asked, v.applicable(cs)); diff != "" {
			t.Errorf("%s, everything applicable (-want +got):\n%s", v, diff)
		}
		if got := v.applicable(nil); got == nil || len(got) != 0 {
			t.Errorf("%s: nothing applicable must be an empty list, not null", v)
		}
	}
	for m, want := range map[zonehold.Method]string{
		zonehold.MethodDNSTXT: "DNS", zonehold.MethodDNSCNAME: "DNS", zonehold.MethodAWSRoute53: "DNS", zonehold.MethodCloudflare: "DNS",
		zonehold.MethodFile: "HTML_FILE", zonehold.MethodTXTFile: "TXT_FILE", zonehold.MethodMetaTag: "META_TAG", zonehold.MethodPDD: "PDD",
		zonehold.MethodExistingDomain: "DELEGATED", zonehold.MethodWhitelist: "DELEGATED", zonehold.MethodDelegated: "DELEGATED",
		zonehold.MethodEmail: "AUTO", zonehold.MethodWaved: "AUTO", zonehold.MethodWHOIS: "AUTO", "": "META_TAG",
	} {
		if got := version("v4").name(m).kind; got != want {
			t.Errorf("v4: %q is %s, want %s", m, got, want)
		}
	}
	if got := version("v3.2").name(zonehold.MethodWHOIS); got != (naming{"WHOIS", "WHOIS_EMAIL_NOT_FOUND"}) {
		t.Errorf("v3.2: whois is %v", got)
	}
}

// TestWHOIS: the type exists under v3 only, and is offered where the method
// applies.
func TestWHOIS(t *testing.T) {
	for _, v := range versions {
		for _, offered := range []bool{false, true} {
			s, h := world(t, Config{})
			d := s.add("http", "example.com", 80)
			if offered {
				d.Challenges = append(d.Challenges, zonehold.Challenge{Method: zonehold.MethodWHOIS, Applicable: true})
			}
			path := "/" + string(v) + "/user/4242/hosts/http:example.com:80/verification"
			shown := strings.Contains(bodyOf(t, send(t, h, request("GET", path, "", authHeader))), `"META_TAG","HTML_FILE","DNS","WHOIS"]`)
			resp := send(t, h, request("POST", path+"?verification_type=WHOIS", "", authHeader))
			body := bodyOf(t, resp)
			want := v.v3() && offered
			if shown != want || (resp.StatusCode == 200) != want {
				t.Errorf("%s, offered %v: listed %v, POST %d %s", v, offered, shown, resp.StatusCode, body)
			}
			if !want && (resp.StatusCode != 400 || !strings.Contains(body, `"field_name":"verification_type","field_value":"WHOIS"`)) {
				t.Errorf("%s: %d %s", v, resp.StatusCode, body)
			}
			if (d.Running != nil) != want {
				t.Errorf("%s, offered %v: started %v", v, offered, d.Running)
			}
		}
	}
}

func TestVerificationType(t *testing.T) {
	for query, want := range map[string]zonehold.Method{
		"?verification_type=DNS":              zonehold.MethodDNSTXT,
		"?verification_type=HTML_FILE":        zonehold.MethodFile,
		"?verification_type=META_TAG":         zonehold.MethodMetaTag,
		"?a=b&verification_type=META%5FTAG&c": zonehold.MethodMetaTag,
		"":                                    "",
		"?":                                   "",
		"?verification_type":                  "",
		"?verification_type=":                 "",
		"?verification_type=dns":              "",
		"?verification_type=DNS%00":           "",
		"?verification_type=%ff":              "",
		"?verification_type=DNS_RECORD":       "",
		"?verification_type=TXT_FILE":         "",
		"?verification_type=AUTO":             "",
		"?verification_type=PDD":              "",
		"?verification_type=DELEGATED":        "",
		"?verification_type=MANUAL":           "",
		"?type=DNS":                           "",
		"?verification_type=" + strings.Repeat("A", 10000):           "",
		"?verification_type=%3Cscript%3Ealert(1)%3C%2Fscript%3E":     "",
		"?verification_type=TXT_FILE&verification_type=DNS":          "",
		"?verification_type=DNS&verification_type=from-the-attacker": zonehold.MethodDNSTXT,
	} {
		s, h := world(t, Config{})
		d := s.add("http", "example.com", 80)
		resp := send(t, h, request("POST", onHost+"/verification"+query, "", authHeader))
		body := bodyOf(t, resp)
		switch {
		case want != "" && (resp.StatusCode != 200 || d.Running == nil || d.Running.Method != want):
			t.Errorf("%.60s: %d %s, running %v", query, resp.StatusCode, body, d.Running)
		case want == "" && (resp.StatusCode != 400 || !strings.Contains(body, `"FIELD_VALIDATION_ERROR"`) ||
			!strings.Contains(body, `"field_name":"verification_type","field_value":"`) || d.Running != nil):
			t.Errorf("%.60s: %d %.300s, running %v", query, resp.StatusCode, body, d.Running)
		case len(body) > 2000:
			t.Errorf("%.60s: a reply of %d bytes", query, len(body))
		}
	}
}

// TestStatus: the state of a claim in the dialect's words (contract section 5).
func TestStatus(t *testing.T) {
	attempt := func(m zonehold.Method, o zonehold.Outcome, p *problem.Problem) *app.Attempt {
		return &app.Attempt{Attempt: zonehold.Attempt{Method: m, State: zonehold.AttemptDone, Outcome: o, FinishedAt: testTime}, Problem: p}
	}
	by := func(trigger zonehold.Trigger, a *app.Attempt) *app.Attempt {
		a.Trigger = trigger
		return a
	}
	const when = "2026-05-04T21:35:47.234+03:00"
	oursOnDNSHost := dnsProblem
	oursOnDNSHost.WhoActs = problem.DNSHost
	for _, tt := range []struct {
		name    string
		d       app.Domain
		state   string
		kind    string
		when    string
		reason  string
		message string // part of it
	}{
		{name: "new", d: app.Domain{Domain: zonehold.Domain{State: zonehold.StatePending}}, state: stateNone, kind: typeMetaTag},
		{name: "running", d: app.Domain{Running: &app.Attempt{Attempt: zonehold.Attempt{Method: zonehold.MethodDNSTXT}}},
			state: stateInProgress, kind: typeDNS},
		{name: "running, any method", d: app.Domain{Running: &app.Attempt{}}, state: stateInProgress, kind: typeMetaTag},
		{name: "running after a failure", d: app.Domain{
			Running: attempt(zonehold.MethodFile, "", nil), LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)},
			state: stateInProgress, kind: typeHTMLFile},
		{name: "running while verified", d: app.Domain{
			Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT}, Running: attempt(zonehold.MethodFile, "", nil)},
			state: stateInProgress, kind: typeHTMLFile},
		{name: "re-checked by schedule", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT},
			LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeVerified, nil),
			Running:     &app.Attempt{Attempt: zonehold.Attempt{Method: zonehold.MethodDNSTXT, Trigger: zonehold.TriggerSchedule}}},
			state: stateVerified, kind: typeDNS, when: when},
		{name: "verified", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, VerifiedAt: testTime},
			LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeVerified, nil)},
			state: stateVerified, kind: typeDNS, when: when},
		{name: "verified without a check", d: app.Domain{
			Domain: zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodExistingDomain, VerifiedAt: testTime}},
			state: stateVerified, kind: typeDelegated, when: when},
		{name: "verified, another method failed since", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDNSTXT, VerifiedAt: testTime.Add(-time.Hour)},
			LastAttempt: attempt(zonehold.MethodFile, zonehold.OutcomeMismatch, &fileProblem)},
			state: stateVerified, kind: typeDNS, when: when},
		{name: "at risk", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateAtRisk, Method: zonehold.MethodMetaTag},
			LastAttempt: attempt(zonehold.MethodMetaTag, zonehold.OutcomeAbsent, &metaProblem)},
			state: stateVerified, kind: typeMetaTag, when: when},
		{name: "lapsed", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodMetaTag},
			LastAttempt: attempt(zonehold.MethodMetaTag, zonehold.OutcomeAbsent, &metaProblem)},
			state: stateFailed, kind: typeMetaTag, when: when, reason: reasonMetaTag, message: "outside the head"},
		{name: "absent", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)},
			state: stateFailed, kind: typeDNS, when: when, reason: reasonDNS, message: "Enter only @"},
		{name: "mismatch", d: app.Domain{LastAttempt: attempt(zonehold.MethodFile, zonehold.OutcomeMismatch, &fileProblem)},
			state: stateFailed, kind: typeHTMLFile, when: when, reason: reasonHTMLFile, message: "4812 bytes"},
		{name: "empty text file", d: app.Domain{LastAttempt: attempt(zonehold.MethodTXTFile, zonehold.OutcomeAbsent, &fileProblem)},
			state: stateFailed, kind: typeTXTFile, when: when, reason: reasonHTMLFile},
		{name: "refused", d: app.Domain{LastAttempt: attempt(zonehold.MethodMetaTag, zonehold.OutcomeRefused, &metaProblem)},
			state: stateFailed, kind: typeMetaTag, when: when, reason: reasonMetaTag},
		{name: "refused by us", d: app.Domain{LastAttempt: attempt(zonehold.MethodMetaTag, zonehold.OutcomeRefused, &ourProblem)},
			state: stateFailed, kind: typeMetaTag, when: when, reason: reasonMetaTag},
		{name: "their servers do not answer", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive, &oursOnDNSHost)},
			state: stateFailed, kind: typeDNS, when: when, reason: reasonDNS},
		{name: "our fault", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive, &ourProblem)},
			state: stateInternal, kind: typeDNS, when: when},
		{name: "nobody knows", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive, nil)},
			state: stateInternal, kind: typeDNS, when: when},
		{name: "absent without a word", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, nil)},
			state: stateFailed, kind: typeDNS, when: when, reason: reasonDNS, message: "could not be verified"},
		{name: "nothing on record when it was added", d: app.Domain{Domain: zonehold.Domain{State: zonehold.StatePending},
			LastAttempt: by(zonehold.TriggerCreate, attempt(zonehold.MethodExistingDomain, zonehold.OutcomeAbsent, &dnsProblem))},
			state: stateNone, kind: typeMetaTag},
		{name: "nothing on record when a policy was made", d: app.Domain{Domain: zonehold.Domain{State: zonehold.StatePending},
			LastAttempt: by(zonehold.TriggerSchedule, attempt(zonehold.MethodWhitelist, zonehold.OutcomeAbsent, &dnsProblem))},
			state: stateNone, kind: typeMetaTag},
		{name: "a broken look when it was added", d: app.Domain{Domain: zonehold.Domain{State: zonehold.StatePending},
			LastAttempt: by(zonehold.TriggerCreate, attempt("", zonehold.OutcomeInconclusive, &ourProblem))},
			state: stateNone, kind: typeMetaTag},
		{name: "a record looked for by schedule", d: app.Domain{Domain: zonehold.Domain{State: zonehold.StatePending},
			LastAttempt: by(zonehold.TriggerSchedule, attempt(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem))},
			state: stateFailed, kind: typeDNS, when: when, reason: reasonDNS},
		{name: "delegated", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateVerified, Method: zonehold.MethodDelegated, VerifiedAt: testTime},
			LastAttempt: by(zonehold.TriggerCreate, attempt(zonehold.MethodDelegated, zonehold.OutcomeVerified, nil))},
			state: stateVerified, kind: typeDelegated, when: when},
		{name: "delegation taken back", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodDelegated, StateSince: testTime},
			LastAttempt: by(zonehold.TriggerCreate, attempt(zonehold.MethodDelegated, zonehold.OutcomeVerified, nil)), Problem: &dnsProblem},
			state: stateFailed, kind: typeDelegated, when: when, reason: reasonDelegation, message: "one level too deep"},
		{name: "delegation taken back, the method forgotten", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, StateSince: testTime},
			LastAttempt: attempt(zonehold.MethodDelegated, zonehold.OutcomeVerified, nil)},
			state: stateFailed, kind: typeDelegated, when: when, reason: reasonDelegation, message: "the account that gave it"},
		{name: "parent lost", d: app.Domain{
			Domain: zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodExistingDomain, StateSince: testTime}},
			state: stateFailed, kind: typeDelegated, when: when, reason: reasonDelegation},
		{name: "mail domain taken back", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodPDD, StateSince: testTime},
			LastAttempt: attempt(zonehold.MethodPDD, zonehold.OutcomeVerified, nil)},
			state: stateFailed, kind: typePDD, when: when, reason: reasonPDD, message: "mail domain"},
		{name: "waiver taken back", d: app.Domain{
			Domain: zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodWaved, StateSince: testTime}},
			state: stateFailed, kind: typeAuto, when: when, reason: reasonMetaTag, message: "has ended"},
		{name: "taken back, another method failed since", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodDelegated, StateSince: testTime},
			LastAttempt: attempt(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, &dnsProblem)},
			state: stateFailed, kind: typeDNS, when: when, reason: reasonDNS},
		{name: "taken back, checked again by schedule", d: app.Domain{
			Domain:      zonehold.Domain{State: zonehold.StateLapsed, Method: zonehold.MethodDelegated, StateSince: testTime},
			LastAttempt: by(zonehold.TriggerSchedule, attempt(zonehold.MethodDelegated, zonehold.OutcomeAbsent, &dnsProblem))},
			state: stateFailed, kind: typeDelegated, when: when, reason: reasonDelegation},
		{name: "canceled", d: app.Domain{LastAttempt: attempt(zonehold.MethodDNSTXT, "", nil)}, state: stateNone, kind: typeMetaTag},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := version("v4").status(&tt.d)
			reason, message, at := "", "", ""
			if b.FailInfo != nil {
				reason, message = b.FailInfo.Reason, b.FailInfo.Message
			}
			if b.LatestTime != nil {
				at = *b.LatestTime
			}
			want := []string{tt.state, tt.kind, tt.when, tt.reason}
			if diff := cmp.Diff(want, []string{b.State, b.Type, at, reason}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.Contains(message, tt.message) || tt.reason == "" != (message == "") || strings.ContainsAny(message, "\r\n") {
				t.Errorf("message %q, want one line with %q", message, tt.message)
			}
		})
	}
}

// TestHostileProblem: foreign text in a problem stays one line of harmless
// characters, also in XML (T15).
func TestHostileProblem(t *testing.T) {
	s, h := world(t, Config{})
	d := s.add("http", "example.com", 80)
	failed(d, zonehold.MethodDNSTXT, zonehold.OutcomeMismatch, &problem.Problem{
		Title: "The value is wrong", WhoActs: problem.Owner,
		Found: "\x1b[31m<script>alert(1)</script>\r\nSet-Cookie: a=b\u202e\u2028\x00]]>&amp;\xff" + strings.Repeat("long ", 1000),
		Fixes: []string{"Change it\n"},
	})
	for _, media := range acceptableTypes {
		body := bodyOf(t, send(t, h, request("GET", onHost+"/verification", "", authHeader, "Accept: "+media)))
		for _, bad := range []string{"\x1b", "\x00", "\r", "\n", "\u202e", "\u2028", "\xff"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q: %.300q", media, bad, body)
			}
		}
		if media == typeXML && strings.Contains(body, "<script>") {
			t.Errorf("XML has a raw tag: %.300q", body)
		}
		if len(body) > 4000 || !strings.Contains(body, "Change it") {
			t.Errorf("%s: %d bytes: %.600q", media, len(body), body)
		}
	}
}

// TestRaces: a claim that goes away, or a check that begins, between look-up
// and use.
func TestRaces(t *testing.T) {
	gone := &app.Error{Kind: app.KindNotFound, Message: "gone"}
	for _, tt := range []struct {
		method, verb, path string
		err                error
		status             int
		code               string
	}{
		{"StartAttempt", "POST", "/verification?verification_type=DNS", gone, 404, "HOST_NOT_FOUND"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", &app.Error{Kind: app.KindConflict}, 409, "VERIFICATION_ALREADY_IN_PROGRESS"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", &app.Error{Kind: app.KindPrecondition}, 409, "VERIFICATION_ALREADY_IN_PROGRESS"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", &app.Error{Kind: app.KindInvalid, Message: "no"}, 400, "FIELD_VALIDATION_ERROR"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", &app.Error{Kind: app.KindRateLimited}, 429, "TOO_MANY_REQUESTS_ERROR"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", &app.Error{Kind: app.KindRateLimited, RetryAfter: time.Hour}, 429, "QUOTA_EXCEEDED"},
		{"StartAttempt", "POST", "/verification?verification_type=DNS", errors.New("x"), 500, "INTERNAL_SERVER_ERROR"},
		{"DeleteDomain", "DELETE", "", gone, 404, "HOST_NOT_FOUND"},
		{"Owners", "GET", "/owners", gone, 404, "HOST_NOT_FOUND"},
		{"Owners", "GET", "/owners", http.ErrHandlerTimeout, 500, "INTERNAL_SERVER_ERROR"},
		{"Domains", "GET", "", nil, 200, ""},
	} {
		s, h := world(t, Config{})
		verified(s.add("http", "example.com", 80), zonehold.MethodFile)
		s.fail[tt.method] = tt.err
		status, code := errorCode(t, h, request(tt.verb, onHost+tt.path, "", authHeader))
		if status != tt.status || code != tt.code {
			t.Errorf("%s fails with %v: %d %s, want %d %s", tt.method, tt.err, status, code, tt.status, tt.code)
		}
	}
}

// panicky is a service that breaks.
type panicky struct{ *fakeService }

func (panicky) DomainLimit() int { panic("secret insides") }

func TestPanic(t *testing.T) {
	s, _ := world(t, Config{})
	s.fail["CreateDomain"] = &app.Error{Kind: app.KindLimit}
	_, quiet := world(t, Config{})
	h := New(Config{Service: panicky{s}, Auth: fakeAuth{}, Log: quiet.(*handler).log})
	resp := send(t, h, request("POST", prefix+"/hosts", `{"host_url":"http://example.com"}`, authHeader))
	body := bodyOf(t, resp)
	if resp.StatusCode != 500 || strings.Contains(body, "insides") || !json.Valid([]byte(body)) {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

// TestDates: the live form parses as RFC 3339, always with milliseconds and
// an offset.
func TestDates(t *testing.T) {
	for _, tt := range []struct {
		in   time.Time
		want string
	}{
		{testTime, "2026-05-04T21:35:47.234+03:00"},
		{time.Date(2026, 12, 31, 23, 0, 0, 999_999_999, time.UTC), "2027-01-01T02:00:00.999+03:00"},
		{time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), "2026-01-01T02:00:00.000+03:00"},
	} {
		got := dateTime(tt.in)
		if got == nil || *got != tt.want {
			t.Errorf("dateTime(%s) = %v, want %s", tt.in, got, tt.want)
			continue
		}
		if back, err := time.Parse(time.RFC3339, *got); err != nil || !back.Equal(tt.in.Truncate(time.Millisecond)) {
			t.Errorf("%s comes back as %s, %v", *got, back, err)
		}
	}
	if dateTime(time.Time{}) != nil {
		t.Error("no time must be null")
	}
}

// TestEveryCause: whatever the catalogue names becomes one line with a cause
// and something to do.
func TestEveryCause(t *testing.T) {
	for _, e := range problem.Catalogue() {
		p := problem.New(e.Code, nil)
		line := failMessage(&app.Attempt{Problem: &p})
		if !strings.HasPrefix(line, p.Title) || strings.ContainsAny(line, "\r\n{}") || len(line) < len(p.Title)+10 || len([]rune(line)) > maxMessage+1 {
			t.Errorf("%s: %q", e.Code, line)
		}
		if len(p.Fixes) > 0 && !strings.HasSuffix(line, app.OneLine(p.Fixes[0], maxPart)) {
			t.Errorf("%s: %q does not end with the first fix", e.Code, line)
		}
	}
}
