package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// claimOf is the public part of what a check needs to know.
func claimOf(d *store.Domain, standing *verify.Standing) verify.Claim {
	return verify.Claim{Hostname: d.Hostname, Scheme: d.Scheme, Port: d.Port, Profile: d.Profile, Tokens: d.Tokens, Standing: standing}
}

// views adds to domains what screens need. The attempts in it come without
// their steps.
func (a *App) views(ctx context.Context, domains ...*store.Domain) ([]*Domain, error) {
	ids := make([]string, len(domains))
	for i, d := range domains {
		ids[i] = d.ID
	}
	running, err := a.store.Unfinished(ctx, ids)
	if err != nil {
		return nil, err
	}
	// A check that is not unfinished any more may have ended since the domains
	// were read: only rows read after that question have its verdict.
	fresh, err := a.store.DomainsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	var last []string
	for i, d := range domains {
		if f := fresh[d.ID]; f != nil {
			domains[i] = f
		}
		if domains[i].LastAttemptID != "" {
			last = append(last, domains[i].LastAttemptID)
		}
	}
	finished, err := a.store.AttemptsByID(ctx, last)
	if err != nil {
		return nil, err
	}
	standings, err := a.standings(ctx, domains...)
	if err != nil {
		return nil, err
	}
	out := make([]*Domain, len(domains))
	for i, d := range domains {
		out[i] = a.view(d, finished[d.LastAttemptID], running[d.ID], standings[d.ID])
	}
	return out, nil
}

func (a *App) view(d *store.Domain, last, running *store.Attempt, standing *verify.Standing) *Domain {
	v := shown(d, last)
	v.Challenges, v.Running, v.Turn = a.challenges(d, standing), attemptView(running), zonehold.TurnYou
	if s := readServed(d.DNSHost); s.Name != "" {
		v.DNSHost = &diagnose.DNSHost{Name: s.Name, ControlPanelURL: s.ControlPanelURL}
	}
	if standing != nil {
		v.Recheck = standing.Account.Recheck
	}
	if running != nil && running.Trigger == zonehold.TriggerSchedule {
		v.NextCheckAt = running.CreatedAt // it is under way
	}
	v.judge(a.now())
	switch {
	case running != nil && running.Retry: // whose turn it is does not change by that
	case running != nil:
		v.Turn = zonehold.TurnUs
	case d.State == zonehold.StateVerified:
		v.Turn = zonehold.TurnNobody
	}
	return v
}

// bareViews are the views of DomainQuery.Bare.
func (a *App) bareViews(ctx context.Context, domains []*store.Domain) ([]*Domain, error) {
	var last []string
	for _, d := range domains {
		if d.LastAttemptID != "" {
			last = append(last, d.LastAttemptID)
		}
	}
	finished, err := a.store.AttemptsByID(ctx, last)
	if err != nil {
		return nil, err
	}
	out := make([]*Domain, len(domains))
	for i, d := range domains {
		out[i] = shown(d, finished[d.LastAttemptID])
		out[i].judge(a.now())
	}
	return out, nil
}

// shown is what a view has of the domain itself.
func shown(d *store.Domain, last *store.Attempt) *Domain {
	v := &Domain{Domain: d.Domain, LastAttempt: attemptView(last), BasicUser: d.BasicUser, HasPassword: d.HasBasicPassword()}
	switch {
	case d.ProofSource == "":
	case d.Method == zonehold.MethodExistingDomain:
		v.CoveredBy = d.ProofSource
	default:
		v.Source = d.ProofSource
	}
	if d.State != zonehold.StateVerified {
		v.Problem = d.Problem
	}
	return v
}

// judge says what depends on the time of asking.
func (d *Domain) judge(now time.Time) { d.ScansAllowed, d.ScansReason = d.Scannable(now) }

func (a *App) challenges(d *store.Domain, standing *verify.Standing) []zonehold.Challenge {
	claim := claimOf(d, standing)
	methods := verify.Methods()
	out := make([]zonehold.Challenge, len(methods))
	for i, m := range methods {
		out[i] = m.Challenge(a.cfg.Kit, claim)
	}
	return out
}

func attemptView(at *store.Attempt) *Attempt {
	if at == nil {
		return nil
	}
	return &Attempt{Attempt: at.Attempt, Problem: at.Problem, Notes: at.Notes}
}
