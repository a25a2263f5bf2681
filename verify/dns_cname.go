package verify

import (
	"context"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// dnsCNAME looks for an alias whose target carries the secret. It reads the
// CNAME record itself at every server; the target need not exist.
type dnsCNAME struct{}

var _ Method = dnsCNAME{}

func (dnsCNAME) Name() zonehold.Method { return zonehold.MethodDNSCNAME }

func (dnsCNAME) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch, p, ok := newChallenge(kit, zonehold.MethodDNSCNAME, c, c.Tokens.CNAME)
	if ok {
		zone := ""
		if kit != nil {
			zone = strings.ToLower(strings.Trim(kit.CNAMEZone, "."))
		}
		recordChallenge(&ch, c, "CNAME", p.CNAMEName(c.Hostname, c.Tokens.CNAME), p.CNAMETarget(c.Tokens.CNAME, zone))
	}
	return ch
}

func (m dnsCNAME) Check(ctx context.Context, kit *Kit, c Claim) Result {
	ch := m.Challenge(kit, c)
	if !ch.Applicable {
		return notApplicable(ch, c)
	}
	if kit.DNS == nil {
		return noProbe(ch, c, "a DNS resolver")
	}
	r := Result{Method: m.Name()}
	answer, err := kit.DNS.Ask(ctx, ch.Record.Name, miekg.TypeCNAME)
	facts := func() problem.Facts {
		f := ChallengeFacts(ch, c)
		if answer != nil {
			f = ZoneFacts(f, answer.Zone)
		}
		return f
	}
	if answer == nil || len(answer.Servers) == 0 {
		if err == nil {
			err = dns.ErrNoServers
		}
		r.Outcome, r.Problem = walkFailure(ctx, err, facts())
		return r
	}
	r.Evidence.Lookups = []*dns.Lookup{{Hops: []*dns.Answer{answer}}}
	t := count(answer, func(sa *dns.ServerAnswer) bool { return pointsTo(sa, answer.Name, ch.Record.Value) })
	switch {
	case t.proved(kit.Nameservers):
		r.judgeWildcard(ctx, kit, ch, answer, facts)
		r.Notes = append(r.Notes, serverNotes(answer, &t, facts)...)
		if len(t.failed) > 0 {
			r.Notes = append(r.Notes, *ServersFinding(t.failed, facts()))
		}
		if len(t.lack) > 0 {
			r.Notes = append(r.Notes, *disagreement(&t, facts()))
		}
	case t.missing(kit.Nameservers):
		r.Outcome, r.Problem = zonehold.OutcomeAbsent, &Finding{"cname_missing", facts()}
		for i := range t.lack {
			if got := cnameAt(&t.lack[i]); got != "" {
				r.Outcome = zonehold.OutcomeMismatch
				r.Problem = &Finding{"cname_wrong_target", with(facts(), problem.FactGot, got, problem.FactTarget, got)}
				break
			}
		}
		if notRegistered(c.Hostname, answer, &t) {
			r.Outcome, r.Problem = zonehold.OutcomeAbsent, &Finding{"domain_not_registered", facts()}
		}
		r.Notes = append(r.Notes, serverNotes(answer, &t, facts)...)
	default:
		r.Outcome, r.Problem = undecided(answer, &t, facts())
		for i := range t.lack {
			if got := cnameAt(&t.lack[i]); got != "" && r.Problem.Code == "dns_nameservers_disagree" {
				r.Problem.Facts[problem.FactGot] = got
			}
		}
	}
	return finish(ctx, r)
}

// judgeWildcard decides about a positive answer: an alias that a wildcard
// makes proves nothing, even with the right target (threat T25), and without
// the control answer nothing is known.
func (r *Result) judgeWildcard(ctx context.Context, kit *Kit, ch zonehold.Challenge, answer *dns.Answer, facts func() problem.Facts) {
	control := askControl(ctx, kit, answer)
	r.Evidence.Control = control
	if control == nil {
		// Only the apex has no sibling in its zone, and a wildcard cannot
		// stand for an apex.
		r.Outcome = zonehold.OutcomeVerified
		return
	}
	for i := range control.Servers {
		sa := &control.Servers[i]
		if sa.Status != dns.StatusOK || sa.Kind == dns.KindReferral || doubtful(sa) {
			continue
		}
		if pointsTo(sa, control.Name, ch.Record.Value) {
			r.Outcome = zonehold.OutcomeRefused
			r.Problem = &Finding{"dns_wildcard_answers", with(facts(), problem.FactWhere, control.Name, problem.FactGot, ch.Record.Value)}
			return
		}
		r.Outcome = zonehold.OutcomeVerified
		return
	}
	r.Outcome, r.Problem = doubts(control.Servers, facts())
	if r.Problem == nil {
		r.Outcome, r.Problem = zonehold.OutcomeInconclusive, ServersFinding(control.Servers, facts())
	}
}

// pointsTo reports whether the answer holds a CNAME at name with the target.
func pointsTo(sa *dns.ServerAnswer, name, target string) bool {
	for i := range sa.Records {
		rec := &sa.Records[i]
		if rec.Type == miekg.TypeCNAME && rec.Name == name && sa.Kind == dns.KindData && zonehold.EqualToken(rec.Target, strings.ToLower(target)) {
			return true
		}
	}
	return false
}

func cnameAt(sa *dns.ServerAnswer) string {
	for i := range sa.Records {
		if rec := &sa.Records[i]; rec.Type == miekg.TypeCNAME {
			return rec.Target
		}
	}
	return ""
}
