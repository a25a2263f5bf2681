package verify

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// byPolicy is a method that rests on a policy of the operator. code is what a
// claim without one gets.
func byPolicy(name zonehold.Method, code problem.Code) granted {
	return granted{
		name: name, proves: zonehold.AssuranceOperator,
		has: func(_ *Kit, c Claim) (bool, string) {
			for _, p := range policiesOf(c, name) {
				if p.InForce(time.Now()) {
					return true, ""
				}
			}
			return false, notOnRecord
		},
		judge: func(_ context.Context, _ *Kit, c Claim, facts problem.Facts) Result {
			return judgePolicies(c, name, code, facts)
		},
	}
}

// policiesOf are the policies of the method that give this account this name,
// ended ones too. It looks again at what the service chose: a policy for
// others must not count by a slip of a query.
func policiesOf(c Claim, name zonehold.Method) []zonehold.Policy {
	if c.Standing == nil || c.Standing.Account.ID == "" {
		return nil
	}
	var out []zonehold.Policy
	for _, p := range c.Standing.Policies {
		if p.Method == name && p.Gives(c.Standing.Account, c.Hostname) {
			out = append(out, p)
		}
	}
	return out
}

func judgePolicies(c Claim, name zonehold.Method, code problem.Code, facts problem.Facts) Result {
	var (
		r    Result
		best *zonehold.Policy // the one in force that lasts longest
		past *zonehold.Policy // else the one that ended last
		now  = time.Now()
	)
	policies := policiesOf(c, name)
	for i := range policies {
		p := &policies[i]
		switch {
		case p.InForce(now):
			if best == nil || lasts(*p, *best) {
				best = p
			}
		case past == nil || endOf(*p).After(endOf(*past)):
			past = p
		}
	}
	if best == nil {
		detail := ""
		if past != nil {
			detail = ended(*past)
			r.Evidence.Grounds = append(r.Evidence.Grounds, groundOf(*past, false))
		}
		r.Outcome, r.Problem = zonehold.OutcomeAbsent, &Finding{code, with(facts, problem.FactDetail, detail)}
		return r
	}
	return Result{
		Outcome: zonehold.OutcomeVerified, Source: best.ID, Until: best.ExpiresAt,
		Evidence: Evidence{Grounds: []Ground{groundOf(*best, true)}},
	}
}

// lasts reports whether a outlives b.
func lasts(a, b zonehold.Policy) bool {
	switch {
	case b.ExpiresAt.IsZero():
		return false
	case a.ExpiresAt.IsZero():
		return true
	}
	return a.ExpiresAt.After(b.ExpiresAt)
}

func endOf(p zonehold.Policy) time.Time {
	if !p.RevokedAt.IsZero() {
		return p.RevokedAt
	}
	return p.ExpiresAt
}

// ended says how a policy came to its end.
func ended(p zonehold.Policy) string {
	if p.RevokedAt.IsZero() {
		return "It was in force until " + day(p.ExpiresAt) + "."
	}
	return "The operator ended it on " + day(p.RevokedAt) + "."
}

func groundOf(p zonehold.Policy, counts bool) Ground {
	return Ground{
		Kind: "policy", ID: p.ID, By: p.Actor, Reason: p.Reason, Detail: string(p.Pattern),
		Since: p.CreatedAt, Until: endOf(p), Counts: counts,
	}
}
