package app

import (
	"context"
	"time"
)

// chore is work that some process does now and then. Its time is kept in the
// database, by the clock that domains live by.
type chore struct {
	name  string
	every time.Duration
	do    func(ctx context.Context) error
}

// allChores lists them. Each has to bound its own work, and to leave off when
// its context ends; the rest is done next time.
func (a *App) allChores() []chore {
	return []chore{
		{"breakers", time.Minute, a.tendBreakers},
		{"canaries", time.Minute, a.askCanaries},
		{"contests", time.Minute, a.settleContests},
		{"owners", 5 * time.Minute, a.watchOwners},
		{"retention", time.Hour, a.retain},
		{"figures", time.Minute, a.takeFigures},
	}
}

// doChores does what is due of them. What one gets wrong does not keep the
// others from their turn.
func (a *App) doChores(ctx context.Context) {
	for _, c := range a.chores {
		if ctx.Err() != nil {
			return
		}
		mine, err := a.store.TakeChore(ctx, c.name, a.now(), c.every)
		if err == nil && mine {
			err = c.do(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("a chore failed", "chore", c.name, "err", err)
			a.cfg.Observer.ChoreFailed(c.name)
		}
	}
}
