package verify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// TestAliasNotes: a host that leads out of its domain is told, and one that
// leads to nobody is a warning (threat T36).
func TestAliasNotes(t *testing.T) {
	const (
		elsewhere = problem.Code("http_alias_elsewhere")
		dangling  = problem.Code("http_alias_dangling")
	)
	platform := func(l *verifytest.Lab, status int, page string) {
		l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "shop.github.io.")
		l.Net.Host("shop.github.io").CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(page))
		}))
	}
	for _, tt := range []struct {
		name  string
		net   func(l *verifytest.Lab, m verify.Method, c verify.Claim)
		proof bool
		want  problem.Code // "": none of the kind
		// decides: the outcome of a first check, and of one after a proof, rest on it.
		decides bool
	}{
		{"own host", func(l *verifytest.Lab, m verify.Method, c verify.Claim) { l.Place(m, c) }, true, "", false},
		{"alias inside", func(l *verifytest.Lab, m verify.Method, c verify.Claim) {
			l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "web.shop.example.")
			l.Net.Host("web.shop.example").Page(m.Challenge(l.Kit, c).File.Path, 200, "text/plain", m.Challenge(l.Kit, c).File.Content)
		}, true, "", false},
		{"proved at a platform", func(l *verifytest.Lab, m verify.Method, c verify.Claim) {
			platform(l, 404, "not here")
			l.Net.Host("shop.github.io").Page(m.Challenge(l.Kit, c).File.Path, 200, "text/plain", m.Challenge(l.Kit, c).File.Content)
		}, true, elsewhere, false},
		{"unclaimed at a platform", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) {
			platform(l, 404, "<p>There isn't a GitHub Pages site here.</p>")
		}, false, dangling, true},
		{"claimed, without the file", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) { platform(l, 404, "my own 404") }, false, "", false},
		{"a page that quotes the words", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) {
			platform(l, 200, "How I read: There isn't a GitHub Pages site here.")
		}, false, "", false},
		{"target does not exist", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) {
			l.Net.Zone("gone.example")
			l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "old.gone.example.")
		}, false, dangling, false},
		{"target in no registered domain", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) {
			l.Net.Zone("other.example")
			l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "old.nobodys.example.")
		}, false, dangling, true},
		{"target free at a platform", func(l *verifytest.Lab, _ verify.Method, _ verify.Claim) {
			l.Net.Zone("herokudns.com")
			l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "brave-frog.herokudns.com.")
		}, false, dangling, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := verifytest.NewLab(t)
			m := method(t, zonehold.MethodFile)
			c := l.Claim("www.shop.example", "")
			tt.net(l, m, c)
			r := l.Check(m, l.Kit, c)
			if verified := r.Outcome == zonehold.OutcomeVerified; verified != tt.proof {
				t.Fatalf("outcome %s: %+v", r.Outcome, r.Problem)
			}
			var got problem.Code
			for _, n := range r.Notes {
				if n.Code == elsewhere || n.Code == dangling {
					got = n.Code
				}
			}
			decides := r.Problem != nil && r.Problem.Code == dangling
			if decides {
				got = dangling
			}
			if got != tt.want || decides != tt.decides || decides != (decides && r.Outcome == zonehold.OutcomeRefused) {
				t.Errorf("%s, %q, decides %t; want %q, %t: %+v", r.Outcome, got, decides, tt.want, tt.decides, r.Notes)
			}
			// Whatever serves the host, the proof is one of this host alone.
			if ch := m.Challenge(l.Kit, c); ch.Covers != zonehold.CoversHost || r.Covers != "" || r.Proves != "" {
				t.Errorf("covers %s, %s", ch.Covers, r.Covers)
			}
			// After success it is a proof that is gone.
			c.VerifiedBefore = time.Now()
			if again := l.Check(m, l.Kit, c); tt.decides && again.Outcome != zonehold.OutcomeMismatch {
				t.Errorf("after a proof: %s", again.Outcome)
			}
		})
	}
}
