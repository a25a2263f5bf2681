package app

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// freeze makes a locked, proved domain wait for a proof with new tokens, as
// its registration seems to have another owner (threat T43). Its rights stand
// until the time of grace has ended; what runs now is about the old tokens and
// is canceled. The caller writes the domain with UpdateDomain and appends the
// events. A domain that is not proved, or frozen already, stays as it is.
func (a *App) freeze(ctx context.Context, tx *store.Tx, d *store.Domain, reason zonehold.FreezeReason, now time.Time) ([]*zonehold.Event, error) {
	if !d.State.Verified() || !d.FrozenAt.IsZero() {
		return nil, nil
	}
	if err := a.renew(ctx, tx, d, now); err != nil {
		return nil, err
	}
	before := d.State
	if after, moved := d.State.Next(zonehold.ChangeOwner); moved {
		d.State, d.StateSince = after, now
		a.observe(tx, before, after)
	}
	d.FrozenAt, d.FreezeReason, d.Spares = now, reason, nil
	d.Problem = frozenProblem(d)
	d.MissingSince, d.Misses, d.LookedAt, d.Stumbles, d.TriesMethod = now, 0, time.Time{}, 0, ""
	d.GraceEndsAt = now.Add(a.cfg.RecheckGrace)
	d.NextCheckAt = now.Add(stumbleSoon)
	d.UpdatedAt = now
	tx.AfterCommit(func() { a.wake.ring(d.AccountID) })
	e := newEvent(zonehold.EventDomainFrozen, d.AccountID, d.ID, now, withFreeze(domainData(d), d))
	return []*zonehold.Event{e}, nil
}

// renew gives a locked claim new tokens, and cancels what runs about the old
// ones. Where the profile gives one value to the whole account, this claim gets
// one of its own: the old one may still stand in the zone.
func (a *App) renew(ctx context.Context, tx *store.Tx, d *store.Domain, now time.Time) error {
	tokens, err := zonehold.NewTokens(d.Profile, "")
	if err != nil {
		return fmt.Errorf("making tokens: %w", err)
	}
	d.Tokens, d.Generation = tokens, d.Generation+1
	if err := tx.ReplaceClaimTokens(ctx, d, now); err != nil {
		return err
	}
	return a.drop(ctx, tx, []string{d.ID}, now)
}

// renewOld gives a locked claim whose tokens are from before a change of owner,
// and that is not to be frozen, new ones: a record that stands already says
// nothing of the owner as it is now (threat T43). Its state stays. The caller
// writes the domain and the events.
func (a *App) renewOld(ctx context.Context, tx *store.Tx, d *store.Domain, reason zonehold.FreezeReason, now time.Time) ([]*zonehold.Event, error) {
	if err := a.renew(ctx, tx, d, now); err != nil {
		return nil, err
	}
	d.Spares, d.UpdatedAt = nil, now
	data := domainData(d)
	data["freeze_reason"] = string(reason)
	return []*zonehold.Event{newEvent(zonehold.EventChallengeCreated, d.AccountID, d.ID, now, data)}, nil
}

// frozenProblem says that only a fresh proof counts.
func frozenProblem(d *store.Domain) *problem.Problem {
	p := problem.New("fresh_proof_needed", problem.Facts{
		problem.FactDomain: string(d.Hostname), problem.FactOldDate: d.FrozenAt.Format("2006-01-02 15:04"),
		problem.FactDetail: freezeText[d.FreezeReason],
	})
	return &p
}

var freezeText = map[zonehold.FreezeReason]string{
	zonehold.FreezeRegistered: "The domain was registered anew.",
	zonehold.FreezeMoved:      "Several signs of another owner came at once.",
}

func withFreeze(data map[string]any, d *store.Domain) map[string]any {
	data["freeze_reason"], data["frozen_at"] = string(d.FreezeReason), d.FrozenAt.Format(time.RFC3339)
	return data
}

// observe counts a change of state once the transaction is committed.
func (a *App) observe(tx *store.Tx, from, to zonehold.DomainState) {
	if from != to {
		tx.AfterCommit(func() { a.cfg.Observer.StateChanged(string(from), string(to)) })
	}
}
