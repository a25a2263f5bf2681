package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// BreakerConfig says when verdicts are held back. Zero fields are the
// defaults.
type BreakerConfig struct {
	Flips   int           // proofs gone missing in one place within the window; 0: 10
	Percent int           // of those checked there; 0: 20
	Hold    time.Duration // shortest time a breaker stays open; 0: 1 h
}

const (
	breakerWindow = time.Hour      // in which flips are counted
	longestHold   = 24 * time.Hour // a missing proof counts after that, or after BreakerConfig.Hold if that is longer
	believedFor   = 24 * time.Hour // a place that was believed is not held back again
	breakerNames  = 10             // hostnames named in a page
)

func (a *App) longestHold() time.Duration { return max(longestHold, a.cfg.Breaker.Hold) }

// doubt is a verdict that a proved domain's proof is missing.
type doubt struct {
	i       int // of the finish
	d       *store.Domain
	spot    spot
	flip    store.Flip // as it will be kept
	counts  bool       // towards a breaker
	breaker *zonehold.Breaker
}

// holdBack marks the finishes that may not change a state now: so many proofs
// have gone missing in one place that the fault is more likely there, or ours,
// than with every owner (threat T47). A batch in which nothing is missing costs
// no statement. It adds a note to ends[i] where it holds.
func (a *App) holdBack(ctx context.Context, tx *store.Tx, domains map[string]*store.Domain, finishes []*finish, ends []store.Finish, now time.Time) error {
	var (
		looked []spot // at by scheduled checks
		doubts []*doubt
	)
	for i, f := range finishes {
		d := domains[f.attempt.DomainID]
		if !f.current(d) || !d.State.Verified() {
			continue
		}
		// What rests on our own rows is not seen wrongly. A method that did not
		// prove the domain cannot say that its proof is missing.
		since, ok := missingSince(d, f.attempt.Requested)
		if !ok || ownData(f.attempt.Requested) {
			continue
		}
		change, ok := ends[i].Outcome.Change()
		if !ok {
			continue
		}
		at := a.spotOf(f.report, d)
		scheduled := f.attempt.Trigger == zonehold.TriggerSchedule
		if scheduled {
			looked = append(looked, at)
		}
		// What was missing before has no more to lose, unless the domain is at
		// risk.
		fresh := since.IsZero()
		if change == zonehold.ChangeMissing && (fresh || d.State == zonehold.StateAtRisk) {
			doubts = append(doubts, &doubt{i: i, d: d, spot: at, counts: scheduled && fresh && d.State == zonehold.StateVerified})
		}
	}
	if len(looked) > 0 {
		tx.AfterCommit(func() { a.tally.add(looked, now) })
	}
	if len(doubts) == 0 {
		return nil
	}
	if err := a.judgeDoubts(ctx, tx, doubts, looked, now); err != nil {
		return err
	}
	for _, dt := range doubts {
		why := ""
		switch {
		case a.clock.doubtful():
			why = "the clock of this server is not sure"
		case dt.d.State == zonehold.StateAtRisk && a.clock.lapseBarred():
			why = "the clock of this server is far ahead of what was done last"
		case dt.breaker != nil:
			why = breakerText(dt.breaker)
		default:
			continue
		}
		finishes[dt.i].held = true
		note := problem.New("verdict_held", problem.Facts{problem.FactDomain: string(dt.d.Hostname), problem.FactDetail: why})
		ends[dt.i].Notes = slices.Insert(slices.Clone(ends[dt.i].Notes), 0, note)
	}
	return nil
}

// missingSince says since when a proof of a domain is missing; false: it has no
// proof by that method. Any method may bring the fresh proof of a frozen one.
func missingSince(d *store.Domain, m zonehold.Method) (time.Time, bool) {
	if m == d.Method || !d.FrozenAt.IsZero() {
		return d.MissingSince, true
	}
	if i := spareOf(d, m); i >= 0 {
		return d.Spares[i].MissingSince, true
	}
	return time.Time{}, false
}

// judgeDoubts finds the breakers that hold the verdicts, and opens those whose
// measure is full.
func (a *App) judgeDoubts(ctx context.Context, tx *store.Tx, doubts []*doubt, looked []spot, now time.Time) error {
	ids := make([]string, len(doubts))
	for i, dt := range doubts {
		ids[i] = dt.d.ID
	}
	before, err := tx.Flips(ctx, ids)
	if err != nil {
		return err
	}
	live, err := tx.LiveBreakers(ctx, now)
	if err != nil {
		return err
	}
	var (
		keep  []store.Flip
		drop  []string
		fresh []*doubt
	)
	for _, dt := range doubts {
		d := dt.d
		had, known := before[d.ID]
		dt.flip = store.Flip{DomainID: d.ID, Hostname: d.Hostname, Generation: d.Generation, Host: dt.spot.host, Network: dt.spot.network,
			FirstAt: now, At: now, WasSince: d.StateSince}
		if known && had.Generation == d.Generation && !d.SeenAt.After(had.At) {
			dt.flip.FirstAt = had.FirstAt
		}
		if d.State == zonehold.StateAtRisk && !d.MissingSince.IsZero() {
			// Also of what went missing long before any breaker.
			dt.flip.FirstAt = earlier(d.MissingSince, dt.flip.FirstAt)
		}
		holder, believed := a.holder(live, dt, had.BreakerID, now)
		switch {
		case holder != nil:
			dt.breaker = holder
			if d.State == zonehold.StateVerified {
				dt.flip.Held, dt.flip.BreakerID = true, holder.ID
				keep = append(keep, dt.flip)
			}
		case believed && known:
			drop = append(drop, d.ID)
		case !believed && dt.counts:
			keep, fresh = append(keep, dt.flip), append(fresh, dt)
		}
	}
	if err := tx.DropFlips(ctx, drop); err != nil {
		return err
	}
	if err := tx.PutFlips(ctx, keep); err != nil || len(fresh) == 0 {
		return err
	}
	return a.trip(ctx, tx, fresh, looked, now)
}

// holder is the live breaker that holds a verdict back. Believed: none may.
func (a *App) holder(live []*zonehold.Breaker, dt *doubt, hadBreaker string, now time.Time) (holder *zonehold.Breaker, believed bool) {
	for _, b := range live {
		switch {
		case b.State == zonehold.BreakerClosed:
			// In one place everything is believed; where it was everywhere, what
			// it held.
			if b.Reason == zonehold.BreakerFlips && (b.ID == hadBreaker || b.Scope != zonehold.BreakerAll && covers(b, dt.spot)) {
				believed = true
			}
		case !covers(b, dt.spot):
		case holder == nil || b.Reason == zonehold.BreakerCanary:
			holder = b
		}
	}
	if holder == nil || holder.Reason == zonehold.BreakerCanary || holder.Pinned {
		return holder, holder == nil && believed
	}
	if believed || now.Sub(dt.flip.FirstAt) >= a.longestHold() {
		return nil, true
	}
	return holder, false
}

func covers(b *zonehold.Breaker, at spot) bool {
	switch b.Scope {
	case zonehold.BreakerHost:
		return b.Place == at.host
	case zonehold.BreakerNetwork:
		return b.Place == at.network
	}
	return true
}

// trip counts the places in which proofs have just gone missing, the narrow
// ones first, and opens breakers there.
func (a *App) trip(ctx context.Context, tx *store.Tx, fresh []*doubt, looked []spot, now time.Time) error {
	since := now.Add(-breakerWindow)
	for _, p := range placesOf(fresh) {
		var here []*doubt
		for _, dt := range fresh {
			if dt.breaker == nil && dt.spot.in(p) {
				here = append(here, dt)
			}
		}
		if len(here) == 0 {
			continue
		}
		flips, err := tx.CountFlips(ctx, p, since)
		if err != nil {
			return err
		}
		if flips < a.cfg.Breaker.Flips {
			continue
		}
		checked, err := tx.ChecksElsewhere(ctx, a.nodeID(), p, slotOf(since)+1)
		if err != nil {
			return err
		}
		checked += a.tally.count(p, now)
		for _, at := range looked {
			if at.in(p) {
				checked++
			}
		}
		if checked = max(checked, flips); flips*100 < a.cfg.Breaker.Percent*checked {
			continue
		}
		names, err := tx.FlippedNames(ctx, p, since, breakerNames)
		if err != nil {
			return err
		}
		hold := a.cfg.Breaker.Hold
		b, err := tx.InsertBreaker(ctx, &zonehold.Breaker{
			ID: zonehold.NewID(zonehold.PrefixBreaker), Scope: p.Scope, Place: p.Key, Reason: zonehold.BreakerFlips, State: zonehold.BreakerOpen,
			Flips: flips, Checked: checked, Names: names, TrippedAt: now, Hold: hold, Until: now.Add(hold), EndsAt: now.Add(a.longestHold()),
		})
		if err != nil {
			return err
		}
		if err := tx.GiveFlips(ctx, b.ID, p, since); err != nil {
			return err
		}
		ids := make([]string, len(here))
		for i, dt := range here {
			dt.breaker, ids[i] = b, dt.d.ID
		}
		if err := tx.HoldFlips(ctx, b.ID, ids); err != nil {
			return err
		}
		tx.AfterCommit(a.tendSoon)
	}
	return nil
}

// placesOf lists the places of doubts: hosts, then networks, then all.
func placesOf(doubts []*doubt) []store.Place {
	var hosts, networks []store.Place
	for _, dt := range doubts {
		if dt.spot.host != "" {
			hosts = append(hosts, store.Place{Scope: zonehold.BreakerHost, Key: dt.spot.host})
		}
		if dt.spot.network != "" {
			networks = append(networks, store.Place{Scope: zonehold.BreakerNetwork, Key: dt.spot.network})
		}
	}
	byKey := func(x, y store.Place) int { return strings.Compare(x.Key, y.Key) }
	slices.SortFunc(hosts, byKey)
	slices.SortFunc(networks, byKey)
	return append(append(slices.Compact(hosts), slices.Compact(networks)...), store.Place{Scope: zonehold.BreakerAll})
}

// placeText names a breaker's place in a sentence.
func placeText(b *zonehold.Breaker) string {
	switch b.Scope {
	case zonehold.BreakerHost:
		return "at the DNS host " + b.Place
	case zonehold.BreakerNetwork:
		return "in the network " + b.Place
	}
	return "over all places together"
}

func breakerText(b *zonehold.Breaker) string {
	if b.Reason == zonehold.BreakerCanary {
		return "names that are known to be good are not seen from here"
	}
	return fmt.Sprintf("%d proofs of %d went missing %s within an hour", b.Flips, b.Checked, placeText(b))
}
