package dns

import (
	"fmt"

	"github.com/miekg/dns"
)

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
