package probely

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

func decode(t testing.TB, body string) domainBody {
	t.Helper()
	var d domainBody
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return d
}

// TestVerifyForms: every form of the request that clients send or the contract
// allows, and the method that it starts.
func TestVerifyForms(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		want       zonehold.Method
	}{
		{"", "", ""},
		{typeJSON, "", ""},
		{typeJSON, "{}", ""},
		{"", "{}", ""},
		{typeJSON, `{"type":""}`, ""},
		{typeJSON, `{"verification_method":null}`, ""},
		{typeJSON, `{"type":"dns"}`, zonehold.MethodDNSTXT},
		{typeJSON, `{"type":"file"}`, zonehold.MethodFile},
		{typeJSON, `{"verification_method":"dns_txt"}`, zonehold.MethodDNSTXT},
		{typeJSON, `{"verification_method":"dns_cname"}`, zonehold.MethodDNSCNAME},
		{typeJSON, `{"verification_method":"meta_tag","type":"file"}`, zonehold.MethodMetaTag},
		{typeJSON, `{"verification_method":"","type":"file"}`, zonehold.MethodFile},
		{typeJSON, `{"verification_method":"whitelist"}`, zonehold.MethodWhitelist},
		{typeJSON, `{"verification_method":"email"}`, zonehold.MethodEmail},
		{typeJSON, `{"verification_method":"aws_route53"}`, zonehold.MethodAWSRoute53},
		{typeJSON, `{"verification_method":"cloudflare"}`, zonehold.MethodCloudflare},
		{typeJSON, `{"verification_method":"waved"}`, zonehold.MethodWaved},
		{typeForm, `type=dns`, zonehold.MethodDNSTXT},
		{typeForm, `verification_method=file`, zonehold.MethodFile},
	} {
		for _, path := range []string{onExample + "verify/", onExample + "verify"} {
			s, h := world(t, Config{})
			s.add("example.com")
			headers := []string{authHeader}
			if tt.kind != "" {
				headers = append(headers, "Content-Type: "+tt.kind)
			}
			resp := send(t, h, request("POST", path, tt.body, headers...))
			body := bodyOf(t, resp)
			if resp.StatusCode != 200 || !slices.Equal(s.started, []zonehold.Method{tt.want}) {
				t.Errorf("%s %s: %d %s, started %q", tt.kind, tt.body, resp.StatusCode, body, s.started)
			}
			if d := decode(t, body); d.Verified || d.LastError == "" || d.VerificationMethod == "" || d.VerificationDate == nil {
				t.Errorf("%s: %s", tt.body, body)
			}
		}
	}
}

func TestVerifyRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"verification_method":"back_office"}`:     `{"verification_method":["This method is read-only: it is set automatically and cannot be asked for."]}`,
		`{"type":"existing_domain"}`:                `{"type":["This method is read-only: it is set automatically and cannot be asked for."]}`,
		`{"type":"txt_file"}`:                       `{"type":["\"txt_file\" is not a valid choice."]}`,
		`{"type":"DNS"}`:                            `{"type":["\"DNS\" is not a valid choice."]}`,
		`{"type":7}`:                                `{"type":["Not a valid string."]}`,
		`{"verification_method":["dns"]}`:           `{"verification_method":["Not a valid string."]}`,
		`{"verification_method":"\u0007\u202e<b>"}`: `{"verification_method":["\"��<b>\" is not a valid choice."]}`,
	} {
		s, h := world(t, Config{})
		s.add("example.com")
		status, got := ask(t, h, "POST", onExample+"verify/", body)
		if status != 400 || got != want || len(s.started) > 0 {
			t.Errorf("%s: %d %s, started %q", body, status, got, s.started)
		}
	}
	s, h := world(t, Config{})
	failing("StartAttempt", &app.Error{Kind: app.KindInvalid, Field: "method", Message: "This method is not on."})(s)
	if status, got := ask(t, h, "POST", onExample+"verify/", `{"type":"email"}`); status != 400 || got != `{"type":["This method is not on."]}` {
		t.Errorf("a method that is switched off: %d %s", status, got)
	}
}

// TestVerifyJoins: a check under way is waited for, and followed by ours
// unless it has answered the question already.
func TestVerifyJoins(t *testing.T) {
	for _, tt := range []struct {
		name     string
		running  zonehold.Method
		trigger  zonehold.Trigger
		proof    zonehold.Method
		body     string
		started  []zonehold.Method
		verified bool
	}{
		{"the same", zonehold.MethodFile, zonehold.TriggerPage, "", `{"type":"file"}`, nil, false},
		{"the same, of ours", zonehold.MethodFile, zonehold.TriggerSchedule, "", `{"type":"file"}`, []zonehold.Method{zonehold.MethodFile}, false},
		{"one of all", "", zonehold.TriggerRequest, "", `{"type":"file"}`, nil, false},
		{"another that verifies", zonehold.MethodFile, zonehold.TriggerRequest, zonehold.MethodFile, `{"type":"dns"}`, nil, true},
		{"another that fails", zonehold.MethodFile, zonehold.TriggerRequest, zonehold.MethodDNSTXT, `{"type":"dns"}`, []zonehold.Method{zonehold.MethodDNSTXT}, true},
		{"one when all are asked for", zonehold.MethodFile, zonehold.TriggerRequest, zonehold.MethodMetaTag, ``, []zonehold.Method{""}, true},
		{"the first look", "", zonehold.TriggerCreate, zonehold.MethodDNSTXT, ``, []zonehold.Method{""}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, h := world(t, Config{})
			start(s.add("example.com"), tt.running, tt.trigger)
			if tt.proof != "" {
				s.proof["example.com"] = tt.proof
			}
			status, body := ask(t, h, "POST", onExample+"verify/", tt.body)
			if status != 200 || !slices.Equal(s.started, tt.started) {
				t.Fatalf("%d %s, started %q", status, body, s.started)
			}
			if d := decode(t, body); d.Verified != tt.verified || d.Verified == (d.LastError != "") {
				t.Errorf("got %s", body)
			}
		})
	}
}

// TestVerifyBound: a check that takes too long is told of as running, and a
// verified domain stays so.
func TestVerifyBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := world(t, Config{})
		h.(*handler).wait = verifyWait
		s.stuck = true
		s.add("example.com")
		verified(s.add("proved.example"), zonehold.MethodFile)
		begun := time.Now()
		status, body := ask(t, h, "POST", onExample+"verify/", "")
		if took := time.Since(begun); took != verifyWait {
			t.Errorf("answered after %v", took)
		}
		if d := decode(t, body); status != 200 || d.Verified || d.LastError != textRunning || d.VerificationMethod != "" {
			t.Errorf("%d %s", status, body)
		}
		status, body = ask(t, h, "POST", "/domains/"+app.ShortID(s.domains[1].ID)+"/verify/", "")
		if d := decode(t, body); status != 200 || !d.Verified || d.LastError != "" {
			t.Errorf("%d %s", status, body)
		}
		if s.domains[0].Running == nil {
			t.Error("the check was stopped")
		}
	})
}

// TestVerifyAnswersForItself: the reply is about the check that was asked for,
// whatever comes between its end and the reply.
func TestVerifyAnswersForItself(t *testing.T) {
	s, h := world(t, Config{})
	verified(s.add("example.com"), zonehold.MethodFile)
	s.after = func(d *app.Domain) { verified(d, zonehold.MethodFile).LastAttempt.Trigger = zonehold.TriggerSchedule }
	_, body := ask(t, h, "POST", onExample+"verify/", `{"type":"dns"}`)
	if d := decode(t, body); !d.Verified || d.LastError != "Token not found" || d.VerificationMethod != "file" {
		t.Errorf("got %s", body)
	}
	for canceled, want := range map[int]string{2: "Token not found", 9: textRunning} {
		s, h = world(t, Config{})
		s.add("example.com")
		s.canceled = canceled
		status, body := ask(t, h, "POST", onExample+"verify/", "")
		if d := decode(t, body); status != 200 || d.Verified || d.LastError != want || len(s.started) != 3 {
			t.Errorf("canceled %d times: %d %s, started %d times", canceled, status, body, len(s.started))
		}
	}
}

func TestVerifyErrors(t *testing.T) {
	for _, tt := range []struct {
		method string
		err    error
		want   int
	}{
		{"StartAttempt", errNoDomain, 404},
		{"StartAttempt", &app.Error{Kind: app.KindUnavailable}, 503},
		{"StartAttempt", &app.Error{Kind: app.KindRateLimited}, 429},
		{"StartAttempt", &app.Error{Kind: app.KindForbidden}, 403},
		{"StartAttempt", &app.Error{Kind: app.KindConflict}, 409}, // without the attempt
		{"StartAttempt", errors.New("boom"), 500},
		{"WaitAttempt", errNoDomain, 404}, // deleted meanwhile
		{"WaitAttempt", context.Canceled, 503},
		{"WaitAttempt", errors.New("boom"), 500},
	} {
		s, h := world(t, Config{})
		failing(tt.method, tt.err)(s)
		resp := send(t, h, request("POST", onExample+"verify/", "", authHeader))
		body := bodyOf(t, resp)
		if resp.StatusCode != tt.want || strings.Contains(body, "boom") {
			t.Errorf("%s: %v: %d %s", tt.method, tt.err, resp.StatusCode, body)
		}
		checkReply(t, resp, body)
	}
}

// TestLastError fixes the texts: the vendor's where one is known, those of
// dnspython beside it, ours for the rest.
func TestLastError(t *testing.T) {
	const cname = "probely-" + testToken + ".example.com"
	txt, file := zonehold.MethodDNSTXT, zonehold.MethodFile
	for _, tt := range []struct {
		method  zonehold.Method
		outcome zonehold.Outcome
		code    problem.Code
		want    string
	}{
		{txt, zonehold.OutcomeAbsent, "dns_record_missing", "Token not found"},
		{txt, zonehold.OutcomeMismatch, "dns_value_mismatch", "Token not found. Title. Found."},
		{txt, zonehold.OutcomeAbsent, "domain_not_registered", "The DNS query name does not exist: example.com."},
		{txt, zonehold.OutcomeInconclusive, "dns_timeout", "The resolution lifetime expired after 5.400 seconds: Found."},
		{txt, zonehold.OutcomeInconclusive, "dns_servfail", "All nameservers failed to answer the query example.com. IN TXT: Found."},
		{txt, zonehold.OutcomeInconclusive, "dns_nameservers_disagree", "Title. Found."},
		{txt, zonehold.OutcomeRefused, "dnssec_bogus", "Title. Found."},
		{zonehold.MethodDNSCNAME, zonehold.OutcomeAbsent, "cname_missing", "The DNS query name does not exist: " + cname + "."},
		{zonehold.MethodDNSCNAME, zonehold.OutcomeAbsent, "cname_at_apex", "The DNS query name does not exist: " + cname + ". Title. Found."},
		{zonehold.MethodDNSCNAME, zonehold.OutcomeMismatch, "cname_wrong_target", "Title. Found."},
		{zonehold.MethodDNSCNAME, zonehold.OutcomeInconclusive, "dns_lame_delegation", "All nameservers failed to answer the query " + cname + ". IN CNAME: Found."},
		{file, zonehold.OutcomeAbsent, "http_not_found", "Title. Found."},
		{file, zonehold.OutcomeInconclusive, "dns_timeout", "Title. Found."},
		{zonehold.MethodWhitelist, zonehold.OutcomeAbsent, "not_whitelisted", "Title. Found."},
	} {
		s, _ := world(t, Config{})
		d := failed(s.add("example.com"), tt.method, tt.outcome, &problem.Problem{Code: tt.code, Title: "Title", Found: "Found"})
		if got := lastError(d); got != tt.want {
			t.Errorf("%s, %s, %s: %q, want %q", tt.method, tt.outcome, tt.code, got, tt.want)
		}
	}
	s, _ := world(t, Config{})
	if got := lastError(failed(s.add("example.com"), txt, zonehold.OutcomeInconclusive, nil)); got != "The domain could not be verified." {
		t.Errorf("without a problem: %q", got)
	}
	hostile := problem.Problem{Title: "<script>\x00", Found: strings.Repeat("a\n\u202e", 2000)}
	if got := lastError(failed(s.add("example.net"), file, zonehold.OutcomeAbsent, &hostile)); strings.ContainsAny(got, "\n\x00\u202e") || len(got) > 4*maxText {
		t.Errorf("hostile texts: %q", got)
	}
}

// TestAttemptsThatCount: which attempts show in a domain that is not verified.
func TestAttemptsThatCount(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(d *app.Domain)
		method  string
		dated   bool
		failure bool
	}{
		{"none", func(*app.Domain) {}, "", false, false},
		{"the first look", func(d *app.Domain) { d.LastAttempt.Trigger = zonehold.TriggerCreate }, "", false, false},
		{"a look of ours", func(d *app.Domain) { d.LastAttempt.Trigger = zonehold.TriggerSchedule }, "", false, false},
		{"canceled", func(d *app.Domain) { d.LastAttempt.Outcome = "" }, "", false, false},
		{"asked for", func(d *app.Domain) { d.LastAttempt.Trigger = zonehold.TriggerRequest }, "file", true, true},
		{"asked for on a page", func(d *app.Domain) { d.LastAttempt.Trigger = zonehold.TriggerPage }, "file", true, true},
		{"lapsed", func(d *app.Domain) {
			d.LastAttempt.Trigger, d.State = zonehold.TriggerSchedule, zonehold.StateLapsed
		}, "file", true, true},
		{"at risk", func(d *app.Domain) {
			d.LastAttempt.Trigger, d.State, d.Method, d.VerifiedAt = zonehold.TriggerSchedule, zonehold.StateAtRisk, zonehold.MethodDNSTXT, testTime
		}, "dns_txt", true, true},
		{"verified, another tried in vain", func(d *app.Domain) {
			d.State, d.Method, d.VerifiedAt = zonehold.StateVerified, zonehold.MethodDNSCNAME, testTime
		}, "dns_cname", true, true},
		{"moved to another port", func(d *app.Domain) {
			d.LastAttempt.Outcome, d.LastAttempt.Problem = zonehold.OutcomeVerified, nil
		}, "", false, false},
		{"taken away", func(d *app.Domain) {
			d.LastAttempt.Outcome, d.State = zonehold.OutcomeVerified, zonehold.StateLapsed
			d.Problem = &problem.Problem{Code: "delegation_cancelled", Title: "The right was withdrawn"}
		}, "file", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, h := world(t, Config{})
			d := s.add("example.com")
			if tt.name != "none" {
				failed(d, zonehold.MethodFile, zonehold.OutcomeAbsent, plain[zonehold.MethodFile])
			}
			tt.change(d)
			_, body := ask(t, h, "GET", onExample, "")
			got := decode(t, body)
			if got.VerificationMethod != tt.method || (got.VerificationDate != nil) != tt.dated || (got.LastError != "") != tt.failure || got.Verified != d.State.Verified() {
				t.Errorf("got %s", body)
			}
		})
	}
}

// TestMethodNames: every method of ours has one of the 12 values.
func TestMethodNames(t *testing.T) {
	for _, m := range zonehold.Methods() {
		if name, ok := names[m]; !ok || !slices.Contains(allMethods, name) || name == methodDNS {
			t.Errorf("%s is shown as %q", m, name)
		}
	}
	for _, value := range allMethods {
		m, why := requested(value)
		if (m == "") != (value == methodBackOffice || value == methodExistingDomain) || (m == "") != (why != "") || m != "" && !m.Valid() {
			t.Errorf("%s asks for %q: %s", value, m, why)
		}
	}
	if methodName("") != "" || methodName("later") != methodBackOffice {
		t.Error("unknown methods")
	}
}

// TestSource: a domain that a provider proved names the connection.
func TestSource(t *testing.T) {
	for _, fail := range []bool{false, true} {
		asked := 0
		s, h := world(t, Config{Connections: func(context.Context, zonehold.Actor) ([]*zonehold.Connection, error) {
			asked++
			if fail {
				return nil, &app.Error{Kind: app.KindForbidden}
			}
			return []*zonehold.Connection{{ID: "con_06c4b1aaaaaa9k2m4p70000070", Name: "Work\x00"}}, nil
		}})
		for _, m := range []zonehold.Method{zonehold.MethodAWSRoute53, zonehold.MethodCloudflare, zonehold.MethodFile} {
			verified(s.add(strings.ReplaceAll(string(m), "_", "-")+".example"), m).ProofSource = "con_06c4b1aaaaaa9k2m4p70000070"
		}
		lapsed := verified(s.add("lapsed.example"), zonehold.MethodCloudflare)
		lapsed.ProofSource, lapsed.State = "con_06c4b1aaaaaa9k2m4p70000070", zonehold.StateLapsed
		status, body := ask(t, h, "GET", "/domains/", "")
		want := []string{"Work\uFFFD", "Work\uFFFD", "", ""}
		if fail {
			want = []string{"AWS Route 53", "Cloudflare", "", ""}
		}
		var p pageBody[domainBody]
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != 200 || asked != 1 {
			t.Fatalf("%d %s, asked %d times: %v", status, body, asked, err)
		}
		for i, d := range p.Results {
			if d.Source.Name != want[i] || (d.Source.ID != "") != (want[i] != "") {
				t.Errorf("%s: source %+v, want %q", d.Hostname, d.Source, want[i])
			}
		}
	}
}

// TestDateTime: always six digits (contract section 1).
func TestDateTime(t *testing.T) {
	for want, in := range map[string]time.Time{
		"2022-05-16T11:50:53.914329Z": time.Date(2022, 5, 16, 11, 50, 53, 914329999, time.UTC),
		"2022-05-16T11:50:53.000000Z": time.Date(2022, 5, 16, 13, 50, 53, 0, time.FixedZone("", 7200)),
		"2022-05-16T11:50:53.100000Z": time.Date(2022, 5, 16, 11, 50, 53, 100000000, time.UTC),
	} {
		if got := dateTime(in); got == nil || *got != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if dateTime(time.Time{}) != nil {
		t.Error("no time is not null")
	}
}
