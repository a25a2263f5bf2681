package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/verify"
)

func hugeReport(n int) diagnose.Report {
	hostile := strings.Repeat("\x00\xff\x1b[31m\u202e<script>", 200)
	r := diagnose.Report{Method: zonehold.MethodFile, Outcome: zonehold.OutcomeMismatch, StartedAt: time.Now()}
	for range n {
		answer := &dns.Answer{Name: hostile, Type: 16}
		lookup := &dns.Lookup{Hops: []*dns.Answer{answer, nil}, ChainErr: errors.New(hostile)}
		for range 30 {
			answer.Servers = append(answer.Servers, dns.ServerAnswer{Server: hostile, Addr: netip.MustParseAddrPort("45.0.0.1:53"),
				Status: dns.StatusOK, Wire: bytes.Repeat([]byte{0xff}, 60000), Err: errors.New(hostile),
				Records: []dns.Record{{Text: hostile}, {Text: hostile}}})
		}
		header := http.Header{}
		for i := range 200 {
			header.Set("X-"+strings.Repeat("a", i), hostile)
		}
		fetch := &web.Fetch{Status: 200, Body: bytes.Repeat([]byte(hostile), 100), Header: header,
			Hops: []web.Hop{{URL: "http://x/" + hostile, Header: header, TLS: &web.TLSInfo{Chain: [][]byte{make([]byte, 9000)}}}}}
		answer.Fault = &dns.Fault{Code: dns.FaultDSMismatch, Zone: hostile, Name: hostile, Text: hostile, KeyTags: make([]uint16, 5000), DSTags: []uint16{1},
			Expiration: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}
		answer.Servers[0].Fault = &dns.Fault{Text: hostile, KeyTags: make([]uint16, 5000)}
		for range 30 {
			r.Evidence.Grounds = append(r.Evidence.Grounds, verify.Ground{Kind: "policy", ID: hostile, By: hostile, Reason: hostile, Detail: hostile,
				Until: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)})
		}
		r.Evidence.Registration = &registry.Registration{Server: hostile, URL: hostile, Statuses: slices.Repeat([]string{hostile}, 500), Raw: make([]byte, 200000)}
		r.Evidence.Lookups = append(r.Evidence.Lookups, lookup, nil)
		r.Evidence.Control = answer
		r.Evidence.Fetches = append(r.Evidence.Fetches, fetch, nil)
		r.Evidence.Decoys = append(r.Evidence.Decoys, fetch)
	}
	return r
}

func TestEvidenceIsBounded(t *testing.T) {
	for _, n := range []int{0, 1, 3, 40} {
		body, _ := evidenceJSON(subject{}, &store.Attempt{}, hugeReport(n), nil)
		if len(body) > store.MaxEvidence {
			t.Errorf("%d: %d bytes", n, len(body))
		}
		var doc evidence.Document
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		if n == 1 && (len(doc.Fetches) != 1 || doc.Fetches[0].BodySHA256 == "" || len(doc.Lookups) != 1) {
			t.Errorf("one fetch and one lookup left %+v", doc.Omitted)
		}
		if n == 40 && len(doc.Omitted) == 0 {
			t.Error("nothing says that parts are missing")
		}
		var all any
		if err := json.Unmarshal(body, &all); err != nil {
			t.Fatal(err)
		}
		eachText(all, func(text string) {
			if strings.ContainsAny(text, "\x00\x1b\u202e") {
				t.Errorf("%d: raw characters in %.80q", n, text)
			}
		})
	}
}

// Of a registration nothing is kept that names a person.
func TestEvidenceOfARegistration(t *testing.T) {
	r := diagnose.Report{Method: zonehold.MethodWHOIS, Evidence: verify.Evidence{
		Registration: &registry.Registration{
			Domain: "example.com", Source: registry.SourceRDAP, Server: "rdap.example", URL: "https://rdap.example/domain/example.com", SHA256: "abc", RawSize: 7,
			Registrar: "Some Registrar", Contacts: []registry.Contact{{Roles: []string{"registrant"}, Name: "Anna Secret", Organization: "Secret Ltd", Email: "other@secret.example"}},
			Raw: []byte("Anna Secret"),
		},
		Grounds: []verify.Ground{{Kind: "mailbox", ID: "anna@example.org", By: "code", Detail: "registrant contact according to rdap.example", Counts: true}},
	}}
	body, _ := evidenceJSON(subject{}, &store.Attempt{}, r, nil)
	out := string(body)
	for _, want := range []string{`"server":"rdap.example"`, `"sha256":"abc"`, `"protocol":"rdap"`, `"id":"anna@example.org"`, `registrant contact`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing in %s", want, out)
		}
	}
	if strings.Contains(strings.ToLower(out), "secret") {
		t.Errorf("a person is named: %s", out)
	}
}

func TestEvidenceOfABrokenChain(t *testing.T) {
	fault := &dns.Fault{Code: dns.FaultDSMismatch, Zone: "example.com", Type: 48, KeyTags: []uint16{12, 13}, DSTags: []uint16{99}, Text: "no key fits"}
	answer := &dns.Answer{Name: "example.com", Type: 16, Security: dns.SecurityBogus, Fault: fault, Servers: []dns.ServerAnswer{
		{Status: dns.StatusOK, Security: dns.SecurityBogus, Fault: fault}, {Status: dns.StatusOK, Security: dns.SecuritySecure}}}
	out, _ := evidenceJSON(subject{}, &store.Attempt{}, diagnose.Report{Evidence: verify.Evidence{Lookups: []*dns.Lookup{{Hops: []*dns.Answer{answer}}}}}, nil)
	var doc evidence.Document
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	got := doc.Lookups[0].Hops[0]
	if got.Security != "bogus" || got.Fault == nil || got.Fault.Code != "ds_mismatch" || got.Fault.Type != "DNSKEY" || len(got.Fault.KeyTags) != 2 || got.Fault.DSTags[0] != 99 {
		t.Errorf("%+v, %+v", got, got.Fault)
	}
	if got.Servers[0].Security != "bogus" || got.Servers[0].Fault != nil || got.Servers[1].Security != "secure" {
		t.Errorf("servers %+v", got.Servers)
	}
}

// T13: a site that sends the password back does not get it stored.
func TestEvidenceHoldsNoCredentials(t *testing.T) {
	secrets := basicSecrets("user", "hunter2!")
	basic := base64.StdEncoding.EncodeToString([]byte("user:hunter2!"))
	body := "you sent Authorization: Basic " + basic + " which is hunter2!"
	fetch := &web.Fetch{Status: 200, Body: []byte(body), Hops: []web.Hop{{
		URL: "http://example.com/?p=hunter2!", Location: "/" + basic, Status: 302,
		Header: http.Header{"X-Echo": {body}, "Set-Cookie": {"session=topsecret; Path=/"}},
	}}}
	out, _ := evidenceJSON(subject{}, &store.Attempt{}, diagnose.Report{Evidence: verify.Evidence{Fetches: []*web.Fetch{fetch}}}, secrets)
	var doc evidence.Document
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	all := string(out) + string(doc.Fetches[0].Body)
	for _, secret := range []string{"hunter2!", basic, "topsecret"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is kept", secret)
		}
	}
	if !strings.Contains(string(doc.Fetches[0].Body), "you sent") {
		t.Errorf("the body is gone: %q", doc.Fetches[0].Body)
	}
}

func eachText(v any, fn func(string)) {
	switch v := v.(type) {
	case string:
		fn(v)
	case []any:
		for _, e := range v {
			eachText(e, fn)
		}
	case map[string]any:
		for k, e := range v {
			fn(k)
			eachText(e, fn)
		}
	}
}
