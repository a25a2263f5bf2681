package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// knownLater is when a new claim that may be proved by what is known is looked
// at, if that could not be done at once.
const knownLater = 5 * time.Minute

// knownToProve reports whether a method for which nothing is placed may prove a
// new claim.
func (a *App) knownToProve(ctx context.Context, d *store.Domain) bool {
	standing, err := a.standing(ctx, d)
	return err == nil && a.cfg.CreateWait >= 0 && a.mayProve(claimOf(d, standing))
}

// tryKnown tries the methods for which nothing has to be placed on a new
// claim, if any may apply, and returns its view as it is then, or after
// CreateWait. The claim is made, whatever comes of it.
func (a *App) tryKnown(ctx context.Context, d *store.Domain) *Domain {
	standing, err := a.standing(ctx, d)
	if err != nil {
		a.log.WarnContext(ctx, "what is known of an account cannot be read", "err", err)
		return a.view(d, nil, nil, nil)
	}
	if a.cfg.CreateWait < 0 || !a.mayProve(claimOf(d, standing)) {
		return a.view(d, nil, nil, standing)
	}
	s := newStart(d.AccountID, d.ID, "", zonehold.TriggerCreate)
	err = a.launch(ctx, s)
	if err == nil {
		wait, cancel := context.WithTimeout(ctx, a.cfg.CreateWait)
		_, err = a.wait(wait, d.AccountID, s.attempt.ID)
		cancel()
	}
	if err != nil {
		a.log.WarnContext(ctx, "a new claim cannot be checked at once", "domain", d.ID, "err", err)
	}
	// Also for a caller who has gone: an Idempotency-Key keeps this view.
	read, cancel := context.WithTimeout(context.WithoutCancel(ctx), readLimit)
	defer cancel()
	views, err := a.views(read, d)
	if err != nil {
		a.log.WarnContext(ctx, "a new claim cannot be read", "domain", d.ID, "err", err)
		return a.view(d, nil, nil, standing)
	}
	return views[0]
}
