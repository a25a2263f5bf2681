package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/problem"
)

var noticeDay = time.Date(2026, 11, 22, 12, 4, 0, 0, time.UTC)

func noticed(t *testing.T, kind zonehold.EventType, id string, data map[string]any) zonehold.Event {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return zonehold.Event{ID: "evt_" + id, AccountID: "acc_1", Type: kind, DomainID: id, CreatedAt: noticeDay, Data: text}
}

func noticeDomain(state zonehold.DomainState, p *problem.Problem) *Domain {
	return &Domain{
		Domain: zonehold.Domain{
			ID: "dom_06c4b1q2v8h3k5n7p9r1s3t5u0", Hostname: "xn--bcher-kva.example.com", State: state, Method: zonehold.MethodDNSTXT,
			NextCheckAt: noticeDay.Add(time.Hour), GraceEndsAt: noticeDay.Add(72 * time.Hour),
		},
		Problem: p, DNSHost: &diagnose.DNSHost{Name: "Cloudflare", ControlPanelURL: "https://dash.cloudflare.com/"},
		Challenges: []zonehold.Challenge{
			{Method: zonehold.MethodFile, Applicable: true, File: &zonehold.FileChallenge{URLs: []string{"https://example.com/a.txt", "http://example.com/a.txt"}, Content: "token=b"}},
			{Method: zonehold.MethodDNSTXT, Applicable: true, Record: &zonehold.RecordChallenge{
				Type: "TXT", Name: "_zonehold-challenge.xn--bcher-kva.example.com", RelativeName: "_zonehold-challenge.xn--bcher-kva", Value: "token=9k3fabcdefghijklmnopqrstuvwxyz23",
			}},
		},
	}
}

// Every mail as it is read.
func TestNoticeGolden(t *testing.T) {
	missing := problem.New("dns_record_missing", problem.Facts{
		problem.FactDomain: "xn--bcher-kva.example.com", problem.FactName: "_zonehold-challenge.xn--bcher-kva.example.com", problem.FactType: "TXT",
		problem.FactExpected: "token=9k3fabcdefghijklmnopqrstuvwxyz23", problem.FactServer: "ns1.example.com",
	})
	id := "dom_06c4b1q2v8h3k5n7p9r1s3t5u0"
	domain := map[string]any{"domain_id": id, "hostname": "xn--bcher-kva.example.com", "state": "at_risk", "method": "dns_txt", "grace_ends_at": noticeDay.Add(72 * time.Hour).Format(time.RFC3339), "problem": problemData(&missing)}
	with := func(more map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range domain {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	breaker := map[string]any{
		"breaker_id": "brk_1", "scope": "host", "place": "ns.example.net", "reason": "flips", "missing": 400, "checked": 1000, "hostnames": []string{"a.example", "b.example"},
		"tripped_at": noticeDay.Format(time.RFC3339), "look_at": "Ask for some of the names by hand.", "next": "Domains stay as they are.",
	}
	for _, tc := range []struct {
		name  string
		event zonehold.Event
		d     *Domain
	}{
		{"at_risk", noticed(t, zonehold.EventDomainAtRisk, id, domain), noticeDomain(zonehold.StateAtRisk, &missing)},
		{"at_risk_gone", noticed(t, zonehold.EventDomainAtRisk, id, domain), nil},
		{"lapsed", noticed(t, zonehold.EventDomainLapsed, id, domain), noticeDomain(zonehold.StateLapsed, &missing)},
		{"recovered", noticed(t, zonehold.EventDomainRecovered, id, domain), noticeDomain(zonehold.StateVerified, nil)},
		{"verified", noticed(t, zonehold.EventDomainVerified, id, domain), noticeDomain(zonehold.StateVerified, nil)},
		{"frozen", noticed(t, zonehold.EventDomainFrozen, id, with(map[string]any{"freeze_reason": "registered_anew"})), noticeDomain(zonehold.StateAtRisk, nil)},
		{"claimed", noticed(t, zonehold.EventDomainClaimed, id, with(map[string]any{"until": noticeDay.Add(72 * time.Hour).Format(time.RFC3339), "what_to_do": "Keep your record in place."})), noticeDomain(zonehold.StateVerified, nil)},
		{"transferred", noticed(t, zonehold.EventDomainTransferred, id, with(map[string]any{"direction": "given"})), nil},
		{"transferred_here", noticed(t, zonehold.EventDomainTransferred, id, with(map[string]any{"direction": "received"})), noticeDomain(zonehold.StateAtRisk, nil)},
		{"proof_missing", noticed(t, zonehold.EventProofMissing, id, with(map[string]any{"missing_method": "file"})), noticeDomain(zonehold.StateVerified, nil)},
		{"expired", noticed(t, zonehold.EventChallengeExpired, id, domain), noticeDomain(zonehold.StatePending, &missing)},
		{"webhook", noticed(t, zonehold.EventWebhookDisabled, "", map[string]any{"webhook_id": "whk_1", "reason": "failing", "url": "https://hooks.example/x", "last_error": "No answer in time.", "failing_since": noticeDay.Add(-120 * time.Hour).Format(time.RFC3339)}), nil},
		{"breaker", noticed(t, zonehold.EventBreakerTripped, "", breaker), nil},
		{"breaker_over", noticed(t, zonehold.EventBreakerResumed, "", breaker), nil},
		{"perspective", noticed(t, zonehold.EventPerspectiveDown, "", map[string]any{"perspective": "ams", "reason": "no answer in time"}), nil},
		{"perspective_back", noticed(t, zonehold.EventPerspectiveUp, "", map[string]any{"perspective": "ams"}), nil},
		{"clock", noticed(t, zonehold.EventClockJumped, "", map[string]any{"node": "node1", "seconds": 31536000, "detail": "the database says otherwise"}), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := gather([]zonehold.Event{tc.event})
			all[0].domain = tc.d
			subject, text := noticeText(zonehold.Account{Name: "shop"}, all, "https://zonehold.example/")
			noticeGolden(t, tc.name, subject, text)
		})
	}
	t.Run("digest", func(t *testing.T) {
		var events []zonehold.Event
		for i := range 12 {
			kind := []zonehold.EventType{zonehold.EventDomainRecovered, zonehold.EventDomainAtRisk, zonehold.EventDomainLapsed}[i%3]
			events = append(events, noticed(t, kind, fmt.Sprintf("dom_%02d", i), map[string]any{"hostname": fmt.Sprintf("d%02d.example", i), "method": "dns_txt"}))
		}
		events = append(events, noticed(t, zonehold.EventDomainRecovered, "dom_02", map[string]any{"hostname": "d02.example", "method": "dns_txt"}),
			noticed(t, zonehold.EventAttemptCompleted, "dom_02", map[string]any{"hostname": "d02.example"}))
		subject, text := noticeText(zonehold.Account{Name: "shop"}, gather(events), "")
		noticeGolden(t, "digest", subject, text)
	})
	t.Run("hostile", func(t *testing.T) {
		p := problem.Problem{Title: "T\r\nBcc: x@example.net", LookedFor: "\x1b[31mred\u202e", Found: "<script>alert(1)</script>", Fixes: []string{"a\n.\nb"}, SeeItYourself: "dig 'x'\n rm"}
		e := noticed(t, zonehold.EventDomainAtRisk, id, map[string]any{"hostname": "evil\r\nBcc: y@example.net\u202e.example", "problem": problemData(&p), "method": "x\x00"})
		subject, text := noticeText(zonehold.Account{Name: "sh\nop\u202e\x1b"}, gather([]zonehold.Event{e}), "")
		noticeGolden(t, "hostile", subject, text)
		for _, r := range subject {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("the subject holds %q", r)
			}
		}
		for _, r := range strings.ReplaceAll(text, "\n", "") {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("the text holds %q", r)
			}
		}
		if strings.Contains(text, "\nBcc:") {
			t.Error("a line of a stranger")
		}
	})
}

func noticeGolden(t *testing.T, name, subject, text string) {
	t.Helper()
	got := "Subject: " + subject + "\n\n" + text
	file := filepath.Join("testdata", "notice_"+name+".txt")
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run with -update):\n%s", name, diff)
	}
}

// A thousand domains make one mail of bounded size, in which none is left out.
func TestNoticeOfThousands(t *testing.T) {
	var events []zonehold.Event
	for i := range 1000 {
		events = append(events, noticed(t, zonehold.EventDomainAtRisk, fmt.Sprintf("dom_%04d", i), map[string]any{"hostname": fmt.Sprintf("d%04d.example", i)}))
	}
	_, text := noticeText(zonehold.Account{Name: "shop"}, gather(events), "")
	for i := range 1000 {
		if !strings.Contains(text, fmt.Sprintf("d%04d.example", i)) {
			t.Fatalf("d%04d.example is left out", i)
		}
	}
	if len(text) > 300<<10 {
		t.Errorf("%d bytes", len(text))
	}
}
