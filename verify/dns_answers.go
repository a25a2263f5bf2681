package verify

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// tally sorts the answers of a zone's servers by whether they show the proof.
type tally struct {
	have, lack []dns.ServerAnswer // usable answers, one per address
	failed     []dns.ServerAnswer // servers that do not count for any side, one answer each
	dead       []dns.ServerAnswer // silent addresses of servers that answered on another one
	// servers that count, those with the proof on every answering address, and
	// those without it on every one.
	servers, holders, without int
}

func count(a *dns.Answer, proves func(*dns.ServerAnswer) bool) tally {
	t := tally{failed: a.Failed()}
	type state struct{ have, lack bool }
	byName := make(map[string]state, len(a.Servers))
	var suspect []string // servers with a doubtful answer
	for i := range a.Servers {
		sa := &a.Servers[i]
		if sa.Status != dns.StatusOK {
			continue
		}
		if doubtful(sa) {
			if !slices.Contains(suspect, sa.Server) {
				t.failed = append(t.failed, *sa)
			}
			suspect = append(suspect, sa.Server)
			continue
		}
		if sa.Kind == dns.KindReferral {
			// It names a zone below, and nothing there could be asked.
			lame := *sa
			lame.Status = dns.StatusLame
			t.failed = append(t.failed, lame)
			continue
		}
		st := byName[sa.Server]
		if proves(sa) {
			t.have = append(t.have, *sa)
			st.have = true
		} else {
			t.lack = append(t.lack, *sa)
			st.lack = true
		}
		byName[sa.Server] = st
	}
	for _, name := range suspect {
		delete(byName, name)
	}
	for i := range a.Servers {
		sa := &a.Servers[i]
		if _, answered := byName[sa.Server]; !answered || sa.Status == dns.StatusOK || sa.Status == dns.StatusNoRoute {
			continue
		}
		if silent(sa) {
			t.dead = append(t.dead, *sa)
			continue
		}
		// One address answers, another says that it does not know the zone:
		// that may be an open door for strangers (threat T22).
		delete(byName, sa.Server)
		t.failed = append(t.failed, *sa)
	}
	for _, st := range byName {
		switch {
		case !st.lack:
			t.holders++
		case !st.have:
			t.without++
		}
	}
	t.servers = len(byName) + len(t.failed)
	return t
}

// silent reports that nobody spoke at the address of an answer.
func silent(sa *dns.ServerAnswer) bool {
	switch sa.Status {
	case dns.StatusTimeout, dns.StatusUnreachable, dns.StatusForbidden, dns.StatusNoAddress:
		return true
	}
	return false
}

// proved reports whether the policy is satisfied that the proof is there.
func (t *tally) proved(p NameserverPolicy) bool {
	if p == NameserversMajority {
		return 2*t.holders > t.servers
	}
	return t.holders > 0 && t.holders == t.servers
}

// missing reports whether the policy is satisfied that it is not.
func (t *tally) missing(p NameserverPolicy) bool {
	if p == NameserversMajority {
		return 2*t.without > t.servers
	}
	return t.without > 0 && t.without == t.servers
}

// failureCode names how a server failed.
func failureCode(sa *dns.ServerAnswer) problem.Code {
	switch sa.Status {
	case dns.StatusOK:
		if sa.Fault != nil {
			return faultCode(sa.Fault)
		}
	case dns.StatusServFail:
		if dnssecError(sa.EDE) {
			return "dnssec_bogus"
		}
		return "dns_servfail"
	case dns.StatusRefused, dns.StatusLame, dns.StatusForbidden, dns.StatusNoAddress, dns.StatusMalformed:
		return "dns_lame_delegation"
	}
	if sa.TCPFailed {
		return "dns_tcp_blocked"
	}
	return "dns_timeout"
}

// failureRank puts what says most first: a server that answers badly tells
// more than one that is silent.
func failureRank(c problem.Code) int {
	switch c {
	case "dns_servfail":
		return 1
	case "dns_tcp_blocked":
		return 2
	case "dns_lame_delegation":
		return 3
	case "dns_timeout":
		return 4
	}
	return 0 // DNSSEC
}

// ServersFinding names the most telling failure of servers that did not
// answer usably, with the servers it is true of.
func ServersFinding(failed []dns.ServerAnswer, f problem.Facts) *Finding {
	if _, doubt := doubts(failed, f); doubt != nil {
		return doubt
	}
	best := problem.Code("dns_timeout")
	for i := range failed {
		if c := failureCode(&failed[i]); failureRank(c) < failureRank(best) {
			best = c
		}
	}
	var names []string
	facts := with(f)
	for i := range failed {
		sa := &failed[i]
		if failureCode(sa) != best {
			continue
		}
		names = append(names, sa.Server)
		if facts[problem.FactDetail] == "" {
			facts[problem.FactDetail] = sa.EDE
		}
		if facts[problem.FactStatus] == "" {
			facts[problem.FactStatus] = statusWord(sa)
			facts[problem.FactServer] = sa.Server
			if sa.Addr.IsValid() {
				facts[problem.FactAddress] = sa.Addr.Addr().String()
			}
		}
	}
	facts[problem.FactServers] = strings.Join(names, ", ")
	return &Finding{Code: best, Facts: facts}
}

// statusWord says what a server did in the words of the DNS.
func statusWord(sa *dns.ServerAnswer) string {
	switch sa.Status {
	case dns.StatusServFail:
		return "SERVFAIL"
	case dns.StatusRefused:
		if sa.RCode == 9 { // RFC 8945
			return "NOTAUTH"
		}
		return "REFUSED"
	case dns.StatusLame:
		return "not authoritative"
	case dns.StatusMalformed:
		return "unusable answer"
	case dns.StatusForbidden:
		return "address not allowed"
	case dns.StatusNoAddress:
		return "no address"
	case dns.StatusUnreachable:
		return "connection refused"
	}
	return "no answer"
}

// walkFailure turns the failure of a walk into a finding and an outcome.
func walkFailure(ctx context.Context, err error, f problem.Facts) (zonehold.Outcome, *Finding) {
	if fault, ok := errors.AsType[*dns.Fault](err); ok {
		return faultFinding(fault, f)
	}
	code, outcome := problem.Code("dns_timeout"), zonehold.OutcomeInconclusive
	switch {
	case errors.Is(err, dns.ErrDisagree):
		code = "dns_nameservers_disagree"
	case errors.Is(err, dns.ErrNotDelegated):
		code, outcome = "domain_not_registered", zonehold.OutcomeAbsent
	case errors.Is(err, dns.ErrOurNetworkDown), errors.Is(err, context.Canceled):
		code = "verifier_fault"
	case errors.Is(err, dns.ErrLoop), errors.Is(err, dns.ErrChainTooLong):
		code, outcome = "dns_cname_chain_too_long", zonehold.OutcomeMismatch
	case errors.Is(err, dns.ErrBudget):
		code = "dns_lame_delegation"
	case errors.Is(err, dns.ErrBadName):
		code, outcome = "hostname_invalid", zonehold.OutcomeRefused
	case errors.Is(err, dns.ErrNoServers):
		code = "dns_timeout"
		// A resolver that validates for us gives no answer instead of a bogus one.
		if said, ok := errors.AsType[*dns.ServerError](err); ok && dnssecError(said.EDE) {
			return outcome, &Finding{"dnssec_bogus", with(f, problem.FactDetail, said.EDE)}
		}
	}
	if ctx.Err() != nil && outcome == zonehold.OutcomeAbsent {
		outcome = zonehold.OutcomeInconclusive
	}
	facts := with(f)
	switch {
	case errors.Is(err, dns.ErrOurNetworkDown): // its text says which addresses were tried, and how
		facts[problem.FactDetail] = "no root server of the DNS answers us"
	case errors.Is(err, context.Canceled):
		facts[problem.FactDetail] = "the check was cancelled"
	case code != "dns_timeout" || !errors.Is(err, context.DeadlineExceeded):
		facts[problem.FactDetail] = err.Error()
	}
	return outcome, &Finding{Code: code, Facts: facts}
}

// serverNotes are the oddities of servers that answered well enough.
func serverNotes(a *dns.Answer, t *tally, facts func() problem.Facts) []Finding {
	var notes []Finding
	var noCase, noEDNS []string
	for i := range a.Servers {
		sa := &a.Servers[i]
		if sa.Status != dns.StatusOK {
			continue
		}
		if sa.CaseBroken {
			noCase = appendNew(noCase, sa.Server)
		}
		if sa.EDNSBroken {
			noEDNS = appendNew(noEDNS, sa.Server)
		}
	}
	if noCase != nil {
		notes = append(notes, Finding{"dns_case_randomization_broken", with(facts(), problem.FactServers, strings.Join(noCase, ", "), problem.FactServer, noCase[0])})
	}
	if noEDNS != nil {
		notes = append(notes, Finding{"dns_edns_broken", with(facts(), problem.FactServers, strings.Join(noEDNS, ", "), problem.FactServer, noEDNS[0])})
	}
	if len(t.dead) > 0 {
		notes = append(notes, *ServersFinding(t.dead, facts()))
	}
	return notes
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
