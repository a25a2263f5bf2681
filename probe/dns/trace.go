package dns

import (
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
)

// record adds a finished step. Callers check the trace first, so that an
// untraced question costs no formatting.
func record(tr *probe.Trace, began time.Time, name, target string, ok bool, format string, args ...any) {
	tr.Add(zonehold.Step{
		Name: name, Target: target, StartedAt: began, Duration: time.Since(began),
		Result: fmt.Sprintf(format, args...), OK: ok,
	})
}

func serverTarget(a *ServerAnswer) string {
	if a.Server == "" {
		return a.Addr.String()
	}
	return a.Server + " (" + a.Addr.Addr().String() + ")"
}

// describe is one line on an answer; it holds no foreign text but names.
func describe(a *ServerAnswer, qtype uint16) string {
	if a.Status != StatusOK {
		return fmt.Sprintf("%s: %v", a.Status, a.Err)
	}
	switch a.Kind {
	case KindData:
		return fmt.Sprintf("%s, %d %s", dns.RcodeToString[a.RCode], len(a.Records), dns.Type(qtype))
	case KindAlias:
		return "alias to " + a.AliasTarget()
	case KindNXDomain:
		return "NXDOMAIN"
	case KindReferral:
		return "refers to zone " + a.Records[0].Name
	}
	return "NOERROR, no such record"
}
