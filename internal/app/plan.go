package app

import (
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// When a domain is looked at next. docs/lifecycle.md publishes these rules;
// every time but the ends of a grace and of a ladder is spread by jitter.
const (
	// A look that could not ask is repeated after stumbleSoon, then each time
	// after twice as long, up to recheckSoon.
	stumbleSoon = 5 * time.Minute
	recheckSoon = time.Hour

	// A domain at risk is looked at riskParts times within its grace, or every
	// riskEvery where that is more often, but no more often than riskLeast.
	riskParts = 4
	riskEvery = time.Hour
	riskLeast = time.Minute

	// missesToLapse looks in a row have to miss a proof before its domain
	// lapses; missesWithoutGrace where there is no time of grace.
	missesToLapse      = 3
	missesWithoutGrace = 2

	// triesLast is how long a claim that was not proved is tried again after a
	// person has asked for it last.
	triesLast = 30 * 24 * time.Hour
)

// rungs are the waits between the checks of a claim that was not proved: fast
// while somebody is at it, slower later. The last one repeats.
var rungs = [...]time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute,
	90 * time.Minute, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// lapsedTries is the rung on which the retries of a lapsed domain begin: it was
// looked at all through its grace.
const lapsedTries = 5

// rhythm is how often each proof of a domain at risk is looked at.
func (a *App) rhythm() time.Duration {
	if a.cfg.RecheckGrace == 0 {
		return stumbleSoon
	}
	return max(min(a.cfg.RecheckGrace/riskParts, riskEvery), riskLeast)
}

// needed is how many looks in a row have to miss a proof.
func (a *App) needed() int {
	if a.cfg.RecheckGrace == 0 {
		return missesWithoutGrace
	}
	return missesToLapse
}

// planRegular plans the next look at a proved domain whose proof stands. Each
// of its proofs is looked at once in an interval: that another one was seen, as
// somebody asked for it, puts none off.
func (a *App) planRegular(d *store.Domain, now time.Time) {
	d.NextCheckAt = now.Add(jitter(a.cfg.RecheckInterval / time.Duration(1+len(d.Spares))))
	longest := d.LookedAt
	for _, s := range d.Spares {
		if s.LookedAt.Before(longest) {
			longest = s.LookedAt
		}
	}
	if !longest.IsZero() {
		d.NextCheckAt = earlier(d.NextCheckAt, longest.Add(a.cfg.RecheckInterval/10*11))
	}
}

// planRisk plans the next look at a domain at risk. What is planned already
// stays, so that nobody puts the end off by asking again and again.
func (a *App) planRisk(d *store.Domain, now time.Time) {
	next := now.Add(max(jitter(a.rhythm()/time.Duration(1+len(d.Spares))), riskLeast))
	if d.GraceEndsAt.After(now) {
		next = earlier(next, d.GraceEndsAt)
	}
	d.NextCheckAt = earlier(ahead(d.NextCheckAt, now), next)
}

// planAgain plans the next look after one that says nothing: soon, later each
// time, and no later than planned.
func (a *App) planAgain(d *store.Domain, now time.Time) {
	d.Stumbles++
	wait := recheckSoon
	if n := d.Stumbles - 1; n < 4 {
		wait = min(stumbleSoon<<n, recheckSoon)
	}
	if d.State == zonehold.StateAtRisk {
		wait = min(wait, a.rhythm())
	}
	d.NextCheckAt = earlier(ahead(d.NextCheckAt, now), now.Add(jitter(min(wait, a.cfg.RecheckInterval))))
}

// planTry plans the next check of a claim that is not proved; false: there is
// none any more. The last one is at the end itself.
func planTry(d *store.Domain, now time.Time) bool {
	if !now.Before(d.TriesEndAt) {
		return false
	}
	// A clock that was put back must not keep a claim for longer than that.
	d.TriesEndAt = earlier(d.TriesEndAt, now.Add(triesLast))
	d.NextCheckAt = earlier(now.Add(jitter(rungs[min(d.Tries, len(rungs)-1)])), d.TriesEndAt)
	return true
}

// ahead is t if it is still to come, else zero.
func ahead(t, now time.Time) time.Time {
	if t.After(now) {
		return t
	}
	return time.Time{}
}

// earlier is the earlier of two times, of which zero ones do not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// turnOf is the method that a scheduled look at a proved domain asks: of its
// proofs the one not looked at for the longest time. "" is every method that
// applies.
func turnOf(d *store.Domain) zonehold.Method {
	if !d.FrozenAt.IsZero() {
		// Only new tokens count: where the person has tried, else where the old
		// ones were. What cannot be asked must not keep the rights for good, so
		// the DNS is asked in between.
		switch {
		case d.Stumbles%4 == 3:
			return zonehold.MethodDNSTXT
		case d.TriesMethod == "" && d.Method.Token():
			return d.Method
		}
		return d.TriesMethod
	}
	m, at := d.Method, d.LookedAt
	for _, s := range d.Spares {
		if s.LookedAt.Before(at) {
			m, at = s.Method, s.LookedAt
		}
	}
	return m
}
