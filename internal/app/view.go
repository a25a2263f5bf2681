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
	under, err := a.underneath(ctx, domains)
	if err != nil {
		return nil, err
	}
	out := make([]*Domain, len(domains))
	for i, d := range domains {
		out[i] = a.view(d, finished[d.LastAttemptID], running[d.ID], standings[d.ID])
		out[i].RestsOn = under[d.ID]
		out[i].judge(a.now())
	}
	return out, nil
}

// underneath reads the domains that the proofs of others rest on, by the ids of
// those: the one above, the one that a right was given from, and the one above
// that.
func (a *App) underneath(ctx context.Context, domains []*store.Domain) (map[string][]*zonehold.Domain, error) {
	var (
		out = map[string][]*zonehold.Domain{}
		top = map[string]*store.Domain{} // as far as the way up is known
	)
	for _, d := range domains {
		if d.State.Verified() {
			top[d.ID] = d
		}
	}
	for range 3 {
		var ids, delegations []string
		for _, d := range top {
			switch src := d.ProofSource; {
			case hasSource(src, zonehold.PrefixDomain):
				ids = append(ids, src)
			case hasSource(src, zonehold.PrefixDelegation):
				delegations = append(delegations, src)
			}
		}
		if len(ids)+len(delegations) == 0 {
			break
		}
		from, err := a.store.DelegatedFrom(ctx, delegations)
		if err != nil {
			return nil, err
		}
		for _, id := range from {
			ids = append(ids, id)
		}
		found, err := a.store.DomainsByID(ctx, ids)
		if err != nil {
			return nil, err
		}
		next := map[string]*store.Domain{}
		for id, d := range top {
			src := d.ProofSource
			if giver, ok := from[src]; ok {
				src = giver
			}
			if f := found[src]; f != nil {
				out[id], next[id] = append(out[id], &f.Domain), f
			}
		}
		top = next
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
	under, err := a.underneath(ctx, domains)
	if err != nil {
		return nil, err
	}
	out := make([]*Domain, len(domains))
	for i, d := range domains {
		out[i] = shown(d, finished[d.LastAttemptID])
		out[i].RestsOn = under[d.ID]
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
func (d *Domain) judge(now time.Time) {
	d.ScansAllowed, d.ScansReason = d.Scannable(now)
	for _, u := range d.RestsOn {
		if d.ScansAllowed && (u.State != zonehold.StateVerified || !u.MissingSince.IsZero() || !u.FrozenAt.IsZero()) {
			d.ScansAllowed, d.ScansReason = false, "The proof of the domain that this one rests on is not in place any more."
		}
	}
}

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
