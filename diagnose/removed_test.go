package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// Whoever hears that a proof was removed reads what to put back, where, and
// how to see it: the text goes out by webhook and mail, without the challenge.
func TestRemovedProofSaysWhatToPutBack(t *testing.T) {
	for name, command := range map[zonehold.Method]string{
		zonehold.MethodDNSTXT: "dig ", zonehold.MethodDNSCNAME: "dig ", zonehold.MethodFile: "curl ", zonehold.MethodMetaTag: "curl ",
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			l := verifytest.NewLab(t)
			c := l.Claim("www.example.com", "")
			c.VerifiedBefore = time.Now().AddDate(0, 0, -20)
			l.Zone(c)
			l.Host(c).Page("/", 200, "text/html", verifytest.Page(""))
			m, _ := verify.Lookup(name)
			ch := m.Challenge(l.Kit, c)
			var where, what string
			switch {
			case ch.Record != nil:
				where, what = ch.Record.Name, ch.Record.Value
			case ch.File != nil:
				where, what = ch.File.Path, ch.File.Content
			default:
				where, what = "home page", c.Tokens.Meta
			}
			r := Run(t.Context(), l.Kit, m, c)
			if r.Problem == nil || r.Problem.Code != "proof_removed" {
				t.Fatalf("outcome %s, problem %+v", r.Outcome, r.Problem)
			}
			p := r.Problem
			fixes := strings.Join(p.Fixes, "\n")
			if !strings.Contains(fixes, where) || !strings.Contains(fixes, what) {
				t.Errorf("fixes %q, want %q and %q", fixes, where, what)
			}
			if !strings.HasPrefix(p.SeeItYourself, command) || p.LookedFor == "" {
				t.Errorf("looked for %q, see it by %q", p.LookedFor, p.SeeItYourself)
			}
			if ch.Record != nil && (!strings.Contains(p.LookedFor, where) || !strings.Contains(p.LookedFor, what) || !strings.Contains(fixes, ch.Record.RelativeName) || !strings.Contains(p.SeeItYourself, " "+ch.Record.Type+" ")) {
				t.Errorf("looked for %q, fixes %q", p.LookedFor, fixes)
			}
		})
	}
}
