package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

const (
	clockSlack    = 5 * time.Minute      // a clock may be off by less
	clockPatience = time.Hour            // after a jump that nothing explains, a clock that runs on is believed
	clockLeap     = 365 * 24 * time.Hour // a pause of the service that is not likely
	lapseRest     = 24 * time.Hour       // nothing lapses for so long after such a leap
)

// clockGuard watches the machine's clock. While it doubts it, this process
// starts no scheduled checks, does no chores, and holds back missing proofs.
type clockGuard struct {
	wall func() time.Time     // without the monotonic reading
	mono func() time.Duration // never jumps

	mu      sync.Mutex
	begun   bool
	base    time.Time // what the wall clock said …
	at      time.Duration
	doubt   string // why; "": it is trusted
	foreign bool   // the doubt comes from a comparison with stored times or another clock
	since   time.Duration
	by      time.Duration
	barred  time.Duration // nothing lapses until then; 0: it may
}

func newClockGuard() *clockGuard {
	from := time.Now()
	return &clockGuard{
		wall: func() time.Time { return time.Now().Round(0) },
		mono: func() time.Duration { return time.Since(from) },
	}
}

// look compares the two clocks. It calls with the lock held.
func (c *clockGuard) look() {
	wall, mono := c.wall(), c.mono()
	if !c.begun {
		c.begun, c.base, c.at = true, wall, mono
		return
	}
	by := wall.Sub(c.base.Add(mono - c.at))
	jumped := by >= clockSlack || by <= -clockSlack
	switch {
	case c.foreign:
		// Only that comparison, or patience, ends it.
	case jumped && c.doubt == "":
		c.doubt, c.since, c.by = fmt.Sprintf("it has jumped by %s", by.Round(time.Second)), mono, by
	case !jumped && c.doubt != "":
		c.doubt = "" // it has jumped back
	case !jumped:
		c.base, c.at = wall, mono // follow what corrects it in small steps
	}
}

// trust ends a doubt.
func (c *clockGuard) trust() {
	c.doubt, c.foreign, c.base, c.at = "", false, c.wall(), c.mono()
}

// doubtful reports whether the clock is in doubt now.
func (c *clockGuard) doubtful() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	return c.doubt != ""
}

// lapseBarred reports whether proofs that are missing for long may not lapse
// yet.
func (c *clockGuard) lapseBarred() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.barred > 0 && c.mono() < c.barred
}

// verdict is what one observation of the clock changed.
type verdict struct {
	began, ended string // why it is in doubt from now on, or was until now
	by           time.Duration
}

// observe looks at the clock at a beat. other is the time of a database on
// another clock; zero: there is none.
func (c *clockGuard) observe(before string, other time.Time) verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if !other.IsZero() {
		switch by := c.wall().Sub(other); {
		case by < clockSlack && by > -clockSlack:
			if c.doubt != "" {
				c.trust()
			}
		case c.doubt == "" || !c.foreign:
			c.doubt, c.foreign, c.since, c.by = fmt.Sprintf("it differs from that of the database by %s", by.Round(time.Second)), true, c.mono(), by
		default:
			c.since = c.mono() // patience is for machines that have no other clock to ask
		}
	} else if c.doubt != "" && c.mono()-c.since >= clockPatience {
		c.trust()
	}
	switch {
	case before == "" && c.doubt != "":
		return verdict{began: c.doubt, by: c.by}
	case before != "" && c.doubt == "":
		return verdict{ended: before, by: c.by}
	}
	return verdict{}
}

// start compares the clock with the newest time that was stored.
func (c *clockGuard) start(now, newest time.Time) (warn string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if newest.IsZero() {
		return ""
	}
	switch by := now.Sub(newest); {
	case by < -clockSlack:
		c.doubt, c.foreign, c.since, c.by = fmt.Sprintf("it is %s behind the newest time in the database", (-by).Round(time.Second)), true, c.mono(), by
	case by > clockLeap:
		c.barred = c.mono() + lapseRest
		return fmt.Sprintf("the clock is %d days ahead of what was done last: no domain lapses for %s", int(by.Hours()/24), lapseRest)
	}
	return ""
}

func (c *clockGuard) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doubt
}

// startClock is called before any work begins.
func (a *App) startClock(ctx context.Context) error {
	newest, err := a.store.NewestChore(ctx)
	if err != nil {
		return err
	}
	if warn := a.clock.start(a.now(), newest); warn != "" {
		a.log.Warn(warn + "; if the clock is right, all goes on by itself")
	}
	return nil
}

// watchClock is called at each beat, with the database's time. It is the only
// caller of observe.
func (a *App) watchClock(ctx context.Context, database time.Time) {
	if a.store.Engine() != store.PostgreSQL {
		database = time.Time{} // SQLite has the clock of this machine
	}
	v := a.clock.observe(a.clockDoubt, database)
	a.clockDoubt = a.clock.why()
	switch {
	case v.began != "":
		a.log.Error("the clock of this machine is in doubt: "+v.began, "next", "set it right; until then this process starts no scheduled checks and holds back missing proofs")
		a.cfg.Observer.ClockJumped(v.by)
		a.tellClock(ctx, v)
	case v.ended != "":
		a.log.Warn("the clock of this machine is trusted again", "was", v.ended)
		a.sweepSoon()
	}
}

func (a *App) tellClock(ctx context.Context, v verdict) {
	now := a.now()
	account, err := a.operator(ctx)
	if err == nil {
		err = a.store.InTx(ctx, func(tx *store.Tx) error {
			return a.tellOperator(ctx, tx, account, zonehold.EventClockJumped, now, map[string]any{
				"node": a.cfg.NodeName, "seconds": int64(v.by / time.Second), "detail": v.began,
				"next": "Set the clock right. Until then this process starts no scheduled checks and holds back missing proofs.",
			})
		})
	}
	if err != nil && ctx.Err() == nil {
		a.log.Warn("telling the operator failed", "err", err)
	}
}
