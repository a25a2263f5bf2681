package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// A problem of `verify --json` has the members of the API's, and null for what
// is not set.
func TestVerifyPrintsTheAPIsProblem(t *testing.T) {
	var out bytes.Buffer
	c := &cli{stdout: &out, json: true}
	bare := problem.Problem{Code: "hostname_invalid", Severity: problem.SeverityError, Title: "t", WhoActs: problem.Owner, DocsURL: "/docs/problems#hostname_invalid"}
	r := diagnose.Report{Outcome: zonehold.OutcomeRefused, Problem: &bare, Notes: []problem.Problem{bare}}
	if err := c.printReport(verify.Claim{Hostname: "example.com", Profile: zonehold.ProfileZonehold}, r, nil, false); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Problem map[string]any
		Notes   []map[string]any
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(doc.Notes, doc.Problem) {
		for _, member := range []string{"looked_for", "found", "see_it_yourself", "retry_after_seconds"} {
			if v, there := p[member]; !there || v != nil {
				t.Errorf("%s: %v, there: %v; want null", member, v, there)
			}
		}
		if fixes, ok := p["fixes"].([]any); !ok || len(fixes) != 0 {
			t.Errorf("fixes: %v, want an empty list", p["fixes"])
		}
	}
}
