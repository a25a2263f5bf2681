package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/dns"
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
		r.Evidence.Lookups = append(r.Evidence.Lookups, lookup, nil)
		r.Evidence.Control = answer
		r.Evidence.Fetches = append(r.Evidence.Fetches, fetch, nil)
		r.Evidence.Decoys = append(r.Evidence.Decoys, fetch)
	}
	return r
}

func TestEvidenceIsBounded(t *testing.T) {
	for _, n := range []int{0, 1, 3, 40} {
		body := evidenceJSON(&store.Attempt{}, hugeReport(n), nil)
		if len(body) > store.MaxEvidence {
			t.Errorf("%d: %d bytes", n, len(body))
		}
		var doc evidenceDoc
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

// T13: a site that sends the password back does not get it stored.
func TestEvidenceHoldsNoCredentials(t *testing.T) {
	secrets := basicSecrets("user", "hunter2!")
	basic := base64.StdEncoding.EncodeToString([]byte("user:hunter2!"))
	body := "you sent Authorization: Basic " + basic + " which is hunter2!"
	fetch := &web.Fetch{Status: 200, Body: []byte(body), Hops: []web.Hop{{
		URL: "http://example.com/?p=hunter2!", Location: "/" + basic, Status: 302,
		Header: http.Header{"X-Echo": {body}, "Set-Cookie": {"session=topsecret; Path=/"}},
	}}}
	out := evidenceJSON(&store.Attempt{}, diagnose.Report{Evidence: verify.Evidence{Fetches: []*web.Fetch{fetch}}}, secrets)
	var doc evidenceDoc
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
