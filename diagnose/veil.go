package diagnose

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
)

// veil takes the password of a site out of what the site said: some show
// people what they send (threat T13). It works on whole texts, before they are
// cut for display.
func veil(c verify.Claim) func(string) string {
	if len(c.BasicPassword) < 4 { // shorter ones would blacken ordinary text
		return func(s string) string { return s }
	}
	const removed = "[password removed]"
	r := strings.NewReplacer(
		base64.StdEncoding.EncodeToString([]byte(c.BasicUser+":"+c.BasicPassword)), removed,
		c.BasicPassword, removed,
		url.QueryEscape(c.BasicPassword), removed,
		url.PathEscape(c.BasicPassword), removed,
	)
	return r.Replace
}

func veilSteps(c verify.Claim, steps []zonehold.Step) []zonehold.Step {
	v := veil(c)
	for i := range steps {
		steps[i].Target, steps[i].Result = v(steps[i].Target), v(steps[i].Result)
	}
	return steps
}
