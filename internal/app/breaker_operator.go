package app

import (
	"context"
	"errors"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Breakers are the operator's view of what holds back verdicts. All need
// zonehold.ScopeOperator.
type Breakers interface {
	// Breakers lists open breakers, newest first, with all also the closed ones
	// of the last year; at most 500.
	Breakers(ctx context.Context, actor zonehold.Actor, all bool) ([]*zonehold.Breaker, error)
	// ResetBreaker closes a breaker: what is missing there counts, for a day
	// also what is found missing there anew.
	ResetBreaker(ctx context.Context, actor zonehold.Actor, id, by, reason string) (*zonehold.Breaker, error)
	// HoldBreaker keeps a breaker open for that time from now on, at most 168 h.
	HoldBreaker(ctx context.Context, actor zonehold.Actor, id string, d time.Duration, by, reason string) (*zonehold.Breaker, error)
}

var _ Breakers = (*App)(nil)

const (
	maxBreakers   = 500
	maxPinnedHold = 168 * time.Hour
)

// Breakers lists breakers.
func (a *App) Breakers(ctx context.Context, actor zonehold.Actor, all bool) ([]*zonehold.Breaker, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	list, err := a.store.Breakers(ctx, all, maxBreakers)
	return list, a.ours(ctx, "breaker", err)
}

// ResetBreaker closes a breaker by an operator's word.
func (a *App) ResetBreaker(ctx context.Context, actor zonehold.Actor, id, by, reason string) (*zonehold.Breaker, error) {
	by, reason, err := a.breakerAct(actor, by, reason)
	if err != nil {
		return nil, err
	}
	var closed *zonehold.Breaker
	err = a.closeBreaker(ctx, id, zonehold.BreakerReset, a.now(), func(tx *store.Tx, b *zonehold.Breaker) error {
		b.By, b.Note = by, reason
		closed = b
		return a.audit(ctx, tx, actor, "breaker.reset", b.ID, map[string]any{"by": by, "reason": reason, "scope": string(b.Scope), "place": b.Place})
	})
	return closed, a.breakerActed(ctx, closed, err)
}

// HoldBreaker keeps a breaker open.
func (a *App) HoldBreaker(ctx context.Context, actor zonehold.Actor, id string, d time.Duration, by, reason string) (*zonehold.Breaker, error) {
	by, reason, err := a.breakerAct(actor, by, reason)
	if err != nil {
		return nil, err
	}
	if d < time.Minute || d > maxPinnedHold {
		return nil, invalid("hours", "Keep it open for at least a minute and at most 168 hours.")
	}
	var kept *zonehold.Breaker
	err = a.changeBreaker(ctx, id, func(tx *store.Tx, b *zonehold.Breaker) (bool, error) {
		b.State, b.Probe, b.Pinned = zonehold.BreakerOpen, nil, true
		b.Until = a.now().Add(d)
		if b.EndsAt.Before(b.Until) && b.Reason == zonehold.BreakerFlips {
			b.EndsAt = b.Until
		}
		b.By, b.Note = by, reason
		kept = b
		return true, a.audit(ctx, tx, actor, "breaker.hold", b.ID, map[string]any{"by": by, "reason": reason, "until": b.Until.Format(time.RFC3339)})
	})
	return kept, a.breakerActed(ctx, kept, err)
}

func (a *App) breakerAct(actor zonehold.Actor, by, reason string) (string, string, error) {
	if err := allowOperator(actor); err != nil {
		return "", "", err
	}
	by, err := checkReason("by", by, true)
	if err != nil {
		return "", "", err
	}
	reason, err = checkReason("reason", reason, true)
	return by, reason, err
}

// breakerActed is the error of an act on a breaker that is nil if there was
// none to act on.
func (a *App) breakerActed(ctx context.Context, b *zonehold.Breaker, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &Error{Kind: KindNotFound, Message: "There is no such breaker."}
	case err != nil:
		return a.ours(ctx, "breaker", err)
	case b == nil:
		return &Error{Kind: KindConflict, Message: "This breaker is closed already.", Field: "id"}
	}
	return nil
}
