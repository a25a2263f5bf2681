package verify

import (
	"fmt"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// doubtful reports an answer that validation speaks against, or that should
// have been validated and could not be. It counts for neither side.
func doubtful(sa *dns.ServerAnswer) bool { return sa.Status == dns.StatusOK && sa.Fault != nil }

// faultCode is the code of what is wrong with the signatures of an answer. In a
// zone of registrations the owner of a domain can do nothing about it.
func faultCode(f *dns.Fault) problem.Code {
	if f.Code != dns.FaultKeysUnavailable && ofRegistry(f.Zone) {
		return "dnssec_registry_bogus"
	}
	switch f.Code {
	case dns.FaultSignatureExpired:
		return "dnssec_signature_expired"
	case dns.FaultDSMismatch:
		return "dnssec_ds_mismatch"
	case dns.FaultSignaturesMissing:
		return "dnssec_signatures_missing"
	case dns.FaultKeysUnavailable:
		return "dnssec_keys_unavailable"
	}
	return "dnssec_bogus"
}

// ofRegistry reports whether a zone is one below which names are registered.
func ofRegistry(zone string) bool {
	suffix, icann := zonehold.Hostname(zone).PublicSuffix()
	return !strings.Contains(zone, ".") || icann && suffix == zone
}

// faultFinding tells what is wrong with the signatures of an answer: refused,
// or inconclusive where the keys were not to be had. It never says that a
// proof is absent: whoever forged the answer would choose that. A chain that
// breaks at the root says nothing of the domain: our trust anchor, our clock or
// our network is wrong.
func faultFinding(f *dns.Fault, facts problem.Facts) (zonehold.Outcome, *Finding) {
	if f.Zone == "" {
		return zonehold.OutcomeInconclusive, &Finding{"verifier_fault", with(facts, problem.FactDetail, f.Text)}
	}
	facts = with(facts, problem.FactDetail, f.Text, problem.FactZone, f.Zone)
	if len(f.KeyTags) > 0 {
		facts[problem.FactKeys] = dns.KeyList(f.KeyTags)
	}
	if len(f.DSTags) > 0 {
		facts[problem.FactDSKeys] = dns.KeyList(f.DSTags)
	}
	if f.Code == dns.FaultSignatureExpired {
		facts[problem.FactUntil] = f.Expiration.UTC().Format("2006-01-02 15:04 UTC")
	}
	outcome := zonehold.OutcomeRefused
	if f.Code == dns.FaultKeysUnavailable {
		outcome = zonehold.OutcomeInconclusive
	}
	return outcome, &Finding{faultCode(f), facts}
}

// doubts names the worst of the doubtful answers, with the servers that gave
// them; nil if there are none.
func doubts(answers []dns.ServerAnswer, facts problem.Facts) (zonehold.Outcome, *Finding) {
	var worst *dns.Fault
	for i := range answers {
		if sa := &answers[i]; doubtful(sa) && (worst == nil || worst.Code == dns.FaultKeysUnavailable && sa.Fault.Code != worst.Code) {
			worst = sa.Fault
		}
	}
	if worst == nil {
		return "", nil
	}
	var names []string
	for i := range answers {
		if sa := &answers[i]; doubtful(sa) && sa.Fault.Code == worst.Code {
			names = appendNew(names, sa.Server)
		}
	}
	return faultFinding(worst, with(facts, problem.FactServers, strings.Join(names, ", "), problem.FactServer, names[0]))
}

// dnssecError reports whether a resolver that validates for us says, in the
// text of an extended error, that the domain fails validation: codes 6 to 12
// of RFC 8914.
func dnssecError(ede string) bool {
	var code int
	if n, err := fmt.Sscanf(ede, "%d", &code); n != 1 || err != nil {
		return false
	}
	return 6 <= code && code <= 12
}
