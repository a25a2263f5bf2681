package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// Start begins to run checks, if this process has that role. On a database
// that no other server can use, checks that a dead process left are given back
// to the queue at once.
func (a *App) Start(ctx context.Context) error {
	if !a.cfg.Worker {
		return nil
	}
	a.checkOperator(ctx)
	if err := a.startClock(ctx); err != nil {
		return err
	}
	if err := a.beat(ctx); err != nil {
		return err
	}
	a.lastBeat.Store(time.Now().UnixNano())
	silent := a.timing.silent
	if a.store.Alone() {
		silent = 0
	}
	if err := a.adopt(ctx, silent); err != nil {
		return err
	}
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	a.started.Store(true)
	loops, stop := context.WithCancel(context.Background())
	a.stopLoops = stop
	a.loops.Go(func() { a.heart(loops) })
	a.loops.Go(func() { a.watch(loops) })
	a.loops.Go(func() { a.reap(loops) })
	a.loops.Go(func() { a.sweeper(loops) })
	a.loops.Go(func() { a.puller(loops) })
	a.loops.Go(func() { a.guard(loops) })
	a.sweepSoon() // one that does not live long takes its part, too
	return nil
}

// Drain ends waits and event streams, and lets new checks go to the queue, so
// that the HTTP server can shut down.
func (a *App) Drain() { a.drainOnce.Do(func() { close(a.draining) }) }

// Stop ends the work in good order: running checks may end while there is
// time, then they go back to the queue.
func (a *App) Stop(ctx context.Context) error {
	a.Drain()
	if !a.started.Swap(false) {
		return nil
	}
	patience := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	soft, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	idle := a.runs.stop()
	ended := make(chan error, 1)
	go func() { ended <- a.jobs.Stop(soft) }()
	select {
	case <-idle:
	case <-soft.Done():
		if n := a.runs.cancelAll(errStopping); n > 0 {
			a.log.Info("running checks go back to the queue", "checks", n)
		}
	}
	var errs []error
	select {
	case <-idle:
		errs = append(errs, <-ended)
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("stopping: some checks did not end: %w", ctx.Err()))
	}
	a.stopLoops()
	a.loops.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	errs = append(errs, a.store.RemoveNode(last, a.nodeID()))
	return errors.Join(errs...)
}

// Healthy reports whether the database answers and this node's heart beats.
func (a *App) Healthy(ctx context.Context) error {
	if err := a.store.Ping(ctx); err != nil {
		return err
	}
	if a.cfg.Worker {
		if !a.started.Load() {
			return errors.New("the workers are not running")
		}
		if silence := a.silence(); silence > a.timing.selfStop {
			return fmt.Errorf("no heartbeat for %s", silence.Round(time.Second))
		}
	}
	return nil
}

func (a *App) silence() time.Duration {
	return time.Since(time.Unix(0, a.lastBeat.Load()))
}

// every calls fn at once and then at each tick until ctx ends.
func every(ctx context.Context, d time.Duration, fn func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		fn()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// heart beats.
func (a *App) heart(ctx context.Context) {
	every(ctx, a.timing.beat, func() {
		// The time counts from before the statement: the others may see it
		// written that early.
		now := time.Now()
		beat, cancel := context.WithTimeout(ctx, a.timing.selfStop)
		defer cancel()
		if err := a.beat(beat); err != nil {
			if ctx.Err() == nil {
				a.log.Warn("a heartbeat failed", "err", err)
			}
			return
		}
		a.lastBeat.Store(now.UnixNano())
	})
}

// watch stops the checks of this node when its heartbeats fail, before the
// others take them over.
func (a *App) watch(ctx context.Context) {
	suspended := false
	every(ctx, a.timing.beat/4, func() {
		if !a.started.Load() {
			return // stopping: Stop looks after the checks
		}
		switch lost := a.silence() > a.timing.selfStop; {
		case lost && !suspended:
			a.runs.suspend(true)
			n := a.runs.cancelAll(errSuspended)
			a.log.Error("no heartbeat: running checks are given up until the database answers", "checks", n)
			suspended = true
		case !lost && suspended:
			a.runs.suspend(false)
			a.log.Info("the heartbeat is back")
			suspended = false
		}
	})
}

// reap looks after checks that lost their node or their job.
func (a *App) reap(ctx context.Context) {
	var depth, tidy time.Time
	every(ctx, a.timing.beat, func() {
		if !a.started.Load() || a.silence() > a.timing.selfStop {
			return
		}
		for name, fn := range map[string]func(context.Context) error{
			"orphans":   func(ctx context.Context) error { return a.adopt(ctx, a.timing.silent) },
			"leftovers": a.leftovers,
			"late":      a.fetchLate,
		} {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("looking for lost checks failed", "what", name, "err", err)
			}
		}
		if time.Since(depth) > 5*a.timing.beat {
			depth = time.Now()
			if queued, running, err := a.store.QueueDepth(ctx); err == nil {
				a.cfg.Observer.QueueDepth(queued, running)
			}
		}
		if time.Since(tidy) > time.Hour {
			tidy = time.Now()
			if err := a.tidy(ctx, a.now()); err != nil && ctx.Err() == nil {
				a.log.Warn("tidying failed", "err", err)
			}
		}
	})
}

// adopt gives the checks of silent nodes back to the queue.
func (a *App) adopt(ctx context.Context, silent time.Duration) error {
	for {
		orphans, err := a.store.Orphans(ctx, a.nodeID(), silent)
		if err != nil || len(orphans) == 0 {
			return err
		}
		a.log.Warn("checks of a dead node are started again", "checks", len(orphans))
		refs := make([]store.Ref, len(orphans))
		for i, at := range orphans {
			refs[i] = at.Ref()
		}
		if err := a.requeue(ctx, refs); err != nil {
			return err
		}
		if len(orphans) < 500 {
			return nil
		}
	}
}

// leftovers gives back checks that the database says run here, but do not:
// after a lost heartbeat, or when a result could not be written.
func (a *App) leftovers(ctx context.Context) error {
	mine, err := a.store.RunningOn(ctx, a.nodeID())
	if err != nil {
		return err
	}
	var refs []store.Ref
	for _, at := range mine {
		// Registered before claimed, and released after finished: what is not
		// registered now and was read as running before is lost.
		if !a.runs.has(at.ID) {
			refs = append(refs, at.Ref())
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return a.requeue(ctx, refs)
}

// fetchLate starts queued checks that no job brought in time.
func (a *App) fetchLate(ctx context.Context) error {
	n := a.runs.slots()
	if n == 0 {
		return nil
	}
	ids, err := a.store.LateAttempts(ctx, a.now().Add(-a.timing.late), min(n, 200))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !a.reserve(id) {
			continue
		}
		go func() {
			if err := a.take(ctx, id); err != nil && ctx.Err() == nil {
				a.log.Warn("a late check cannot be started", "attempt", id, "err", err)
			}
		}()
	}
	return nil
}

// tidy forgets what is of no use any more.
func (a *App) tidy(ctx context.Context, now time.Time) error {
	if err := a.store.Prune(ctx, now.Add(-eventsKept), now.Add(-store.IdempotencyKept)); err != nil {
		return err
	}
	if err := a.store.PruneMailCodes(ctx, now.Add(-24*time.Hour), now.Add(-mailCodeKept)); err != nil {
		return err
	}
	return a.store.ForgetNodes(ctx, time.Hour)
}

// eventsKept is how long events can be read (ux section 5.11).
const eventsKept = 30 * 24 * time.Hour

// keepHouse does what one process does for all, now and then or when it is asked
// for.
func (a *App) keepHouse(ctx context.Context) error {
	if a.clock.doubtful() {
		return nil // the heart has said so
	}
	more, err := a.finishLooks(ctx)
	if err != nil {
		return err
	}
	if more {
		defer a.sweepSoon()
	}
	a.doChores(ctx)
	if err := a.planFar(ctx); err != nil {
		return err
	}
	a.pullSoon()
	return nil
}

// planFar plans anew what is planned for later than any plan reaches: it was
// planned while a clock was ahead.
func (a *App) planFar(ctx context.Context) error {
	now := a.now()
	reach := max(a.cfg.RecheckInterval, a.cfg.RecheckGrace, triesLast) * 5 / 4
	for ctx.Err() == nil {
		far, err := a.store.FarDomains(ctx, now.Add(reach), 500)
		if err != nil || len(far) == 0 {
			return err
		}
		ids := make([]string, len(far))
		for i, d := range far {
			ids[i] = d.ID
		}
		if err := a.store.InTx(ctx, func(tx *store.Tx) error {
			held, err := tx.LockDomains(ctx, ids)
			if err != nil {
				return err
			}
			at := make(map[string]time.Time, len(held))
			for id, d := range held {
				if d.NextCheckAt.After(now.Add(reach)) { // nobody has planned it meanwhile
					at[id] = now.Add(within(a.cfg.RecheckInterval))
				}
			}
			if err := tx.SetNextChecks(ctx, at); err != nil {
				return err
			}
			return tx.Touch(ctx, slices.Sorted(maps.Keys(at)))
		}); err != nil {
			return err
		}
		a.log.Warn("checks that were planned too far ahead are planned anew", "domains", len(far))
	}
	return ctx.Err()
}
