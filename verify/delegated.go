package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// delegated accepts a name that the account which proved it gave to this one.
// The right stands while the giver's own proof stands (contract yandex,
// section 6).
var delegated = granted{
	name: zonehold.MethodDelegated, proves: zonehold.AssuranceOperator,
	has: func(_ *Kit, c Claim) (bool, string) {
		for _, d := range delegationsOf(c) {
			if d.InForce(time.Now()) {
				return true, ""
			}
		}
		return false, "No other account has given this name to the account."
	},
	judge: judgeDelegations,
}

// delegationsOf are those to this account for exactly this name.
func delegationsOf(c Claim) []Delegation {
	if c.Standing == nil || c.Standing.Account.ID == "" {
		return nil
	}
	var out []Delegation
	for _, d := range c.Standing.Delegations {
		if d.ToAccount == c.Standing.Account.ID && d.FromAccount != d.ToAccount && d.Hostname == c.Hostname {
			out = append(out, d)
		}
	}
	return out
}

func judgeDelegations(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) Result {
	all := delegationsOf(c)
	if len(all) == 0 {
		return no(zonehold.OutcomeAbsent, "delegation_missing", facts)
	}
	return anyOf(all, func(d Delegation) Result { return judgeDelegation(ctx, kit, c, d, facts) })
}

func judgeDelegation(ctx context.Context, kit *Kit, c Claim, d Delegation, facts problem.Facts) Result {
	ground := Ground{
		Kind: "delegation", ID: d.ID, By: d.FromName, Reason: d.Reason, Detail: "from domain " + d.DomainID,
		Since: d.CreatedAt, Until: d.ExpiresAt,
	}
	refuse := func(o zonehold.Outcome, code problem.Code, detail string) Result {
		r := no(o, code, facts, problem.FactDetail, detail)
		r.Evidence.Grounds = []Ground{ground}
		return r
	}
	switch now := time.Now(); {
	case !d.RevokedAt.IsZero():
		return refuse(zonehold.OutcomeAbsent, "delegation_cancelled",
			sentence(fmt.Sprintf("It ended on %s.", day(d.RevokedAt)), because(d.RevokeReason)))
	case !d.InForce(now):
		return refuse(zonehold.OutcomeAbsent, "delegation_cancelled", fmt.Sprintf("Its time was over on %s.", day(d.ExpiresAt)))
	case !d.Verified:
		return refuse(zonehold.OutcomeAbsent, "delegation_cancelled", "The account that gave it has lost its own proof.")
	case d.Source.Method == zonehold.MethodDelegated || d.Source.DomainID != d.DomainID:
		return refuse(zonehold.OutcomeRefused, "delegation_cancelled", "A right that was given cannot be passed on.")
	case d.Source.Covers != zonehold.CoversSubtree && (d.Hostname != d.Source.Hostname || d.Port != c.Port || d.Scheme != "" && d.Scheme != c.Scheme):
		// A proof of one web host says nothing of another (threat T30).
		return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow", "The giver has proved one web host only, and it is not this one.")
	}
	if d.Hostname != d.Source.Hostname {
		if !d.Hostname.Under(d.Source.Hostname) || !sameSite(d.Hostname, d.Source.Hostname) {
			return refuse(zonehold.OutcomeRefused, "parent_proof_too_narrow", "The giver's proof is about another name.")
		}
		if kit.DNS == nil {
			return refuse(zonehold.OutcomeInconclusive, "parent_not_checked", "This program was set up without a resolver.")
		}
		cut, err := foreignCut(ctx, kit.DNS, d.Source.Hostname, d.Hostname)
		switch {
		case err != nil:
			return refuse(zonehold.OutcomeInconclusive, "parent_not_checked", err.Error())
		case cut != nil:
			return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow",
				fmt.Sprintf("%s is a zone of its own, on other name servers: %s.", cut.Name, strings.Join(serversOf(cut), ", ")))
		}
	}
	ground.Counts = true
	return Result{
		Outcome: zonehold.OutcomeVerified, Source: d.ID, Until: d.ExpiresAt, Covers: zonehold.CoversHost,
		Evidence: Evidence{Grounds: []Ground{ground}},
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return "Reason given: " + reason
}
