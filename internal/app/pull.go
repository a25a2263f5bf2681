package app

import (
	"context"
	"errors"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Every process with workers takes scheduled checks that are due for itself,
// as many at a time as it has room for, straight from the domains: no queue
// stands between, so however many are due, neither memory nor the queue's
// tables grow. Rows that another process is taking are passed over. A check
// whose process dies is found by the silence of its node.

// maxPull bounds the checks that one transaction begins.
const maxPull = 128

// pullSoon has due checks begun in this process, if it has that role. It
// returns at once.
func (a *App) pullSoon() {
	select {
	case a.pulls <- struct{}{}:
	default: // it will look anyway
	}
}

// puller begins due checks, when it was asked for and now and then.
func (a *App) puller(ctx context.Context) {
	tick := time.NewTicker(a.timing.sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.pulls:
		case <-tick.C:
		}
		if err := a.pullAll(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("beginning due checks failed", "err", err)
		}
	}
}

// pullAll begins what is due, until nothing is.
func (a *App) pullAll(ctx context.Context) error {
	a.pulling.Lock() // one at a time, so that who returns knows that nothing is due
	defer a.pulling.Unlock()
	var (
		from  = time.Now()
		total int
		lag   time.Duration
	)
	defer func() { a.cfg.Observer.Swept(total, time.Since(from), lag) }()
	for ctx.Err() == nil && !a.clock.doubtful() {
		n := a.room(ctx)
		if n == 0 {
			return nil // stopping
		}
		p, err := a.pull(ctx, n)
		total += p.begun
		lag = max(lag, p.lag)
		if err != nil || p.found < n || p.moved == 0 {
			return err
		}
	}
	return nil
}

// room takes as many places for scheduled checks as are free, at least one,
// for which it waits.
func (a *App) room(ctx context.Context) int {
	select {
	case a.places <- struct{}{}:
	case <-ctx.Done():
		return 0
	case <-a.draining:
		return 0
	}
	for n := 1; n < maxPull; n++ {
		select {
		case a.places <- struct{}{}:
		default:
			return n
		}
	}
	return maxPull
}

// pulled is what one transaction of the puller did.
type pulled struct {
	found, begun int
	moved        int           // those that are not due any more
	lag          time.Duration // of the most overdue one
}

// pull begins at most n due checks, for which places are taken.
func (a *App) pull(ctx context.Context, n int) (p pulled, err error) {
	var starts []*start
	forget := func() {
		for _, s := range starts {
			a.runs.release(s.attempt.ID)
		}
		starts = nil
	}
	defer func() {
		for range n - p.begun {
			<-a.places
		}
	}()
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		forget()
		now := a.now()
		due, err := tx.TakeDue(ctx, now, n)
		if err != nil {
			return err
		}
		p.found = len(due)
		for _, d := range due {
			p.lag = max(p.lag, now.Sub(d.At))
			s := newStart(d.AccountID, d.ID, "", zonehold.TriggerSchedule)
			if !a.runs.add(s.attempt.ID, false) {
				break // nothing may start now
			}
			s.node = a.nodeID()
			starts = append(starts, s)
		}
		return a.startsIn(ctx, tx, starts)
	})
	if err != nil {
		forget()
		return p, err
	}
	var domains []*store.Domain
	for _, s := range starts {
		if s.err == nil {
			domains = append(domains, s.domain)
		}
	}
	old, err := a.store.OldTokens(ctx, domains...)
	if err != nil {
		a.log.Warn("old tokens cannot be read", "err", err)
		old = nil // each check tries for itself
	}
	for _, s := range starts {
		if s.err != nil {
			if errors.Is(s.err, errPutOff) {
				p.moved++
			}
			a.runs.release(s.attempt.ID)
			continue
		}
		p.begun++
		p.moved++
		go func() {
			defer func() { <-a.places }()
			a.run(s.attempt, s.domain, old)
		}()
	}
	return p, nil
}
