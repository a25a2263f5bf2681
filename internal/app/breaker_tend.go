package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

const (
	probeSample  = 20               // domains looked at again before a breaker closes
	probeWait    = 10 * time.Minute // for their results
	flipsKept    = 48 * time.Hour   // longer than any is held back without a new look
	breakersKept = 365 * 24 * time.Hour
	settleBatch  = 500 // domains of one transaction
)

// tendBreakers says what has opened, takes back what had changed before, looks
// whether it is over, and closes breakers whose time has come. Several
// processes may do so at once.
func (a *App) tendBreakers(ctx context.Context) error {
	now := a.now()
	live, err := a.store.LiveBreakers(ctx, now)
	if err != nil {
		return err
	}
	if len(live) > 0 {
		if err := a.store.SettleFlips(ctx); err != nil {
			return err
		}
	}
	blind := slices.ContainsFunc(live, func(b *zonehold.Breaker) bool {
		return b.Reason == zonehold.BreakerCanary && b.State != zonehold.BreakerClosed
	})
	var errs []error
	for _, b := range live {
		if b.State != zonehold.BreakerClosed && ctx.Err() == nil {
			errs = append(errs, a.tendOne(ctx, b, blind, now))
		}
	}
	errs = append(errs, a.store.PruneBreakers(ctx, now.Add(-breakersKept), now.Add(-flipsKept), slotOf(now.Add(-2*breakerWindow))))
	return errors.Join(errs...)
}

// tendOne looks after one open breaker. Blind: names known to be good are not
// seen, so nothing that is looked at again means anything.
func (a *App) tendOne(ctx context.Context, b *zonehold.Breaker, blind bool, now time.Time) error {
	if b.AnnouncedAt.IsZero() {
		if err := a.announce(ctx, b, now); err != nil {
			return err
		}
	}
	if b.Reason == zonehold.BreakerCanary {
		list, err := a.store.Canaries(ctx)
		if err != nil || len(unwell(list)) > 0 || b.Pinned && now.Before(b.Until) {
			return err
		}
		return a.closeBreaker(ctx, b.ID, zonehold.BreakerRecovered, now, nil)
	}
	if err := a.takeBack(ctx, b, now); err != nil {
		return err
	}
	switch {
	case b.State == zonehold.BreakerProbing:
		return a.judgeProbe(ctx, b, blind, now)
	case blind || now.Before(b.Until):
		return nil
	}
	return a.probe(ctx, b, now)
}

// changeBreaker alters a breaker that is not closed, under a lock. fn returns false
// to leave it.
func (a *App) changeBreaker(ctx context.Context, id string, fn func(tx *store.Tx, b *zonehold.Breaker) (bool, error)) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error {
		b, err := tx.LockBreaker(ctx, id)
		if err != nil || b.State == zonehold.BreakerClosed {
			return err
		}
		if change, err := fn(tx, b); err != nil || !change {
			return err
		}
		return tx.UpdateBreaker(ctx, b)
	})
}

// operator is the id of the account that learns of the service's own events;
// "": nobody does.
func (a *App) operator(ctx context.Context) (string, error) {
	if a.cfg.OperatorAccount == "" {
		return "", nil
	}
	account, err := a.store.AccountByName(ctx, a.cfg.OperatorAccount)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return account.ID, err
}

// tellOperator writes an event of the service itself, as the last thing in a
// transaction.
func (a *App) tellOperator(ctx context.Context, tx *store.Tx, account string, t zonehold.EventType, now time.Time, data map[string]any) error {
	if account == "" {
		return nil
	}
	tx.AfterCommit(func() { a.wake.ring(account) })
	return tx.AppendEvents(ctx, []*zonehold.Event{newEvent(t, account, "", now, data)})
}

func breakerData(b *zonehold.Breaker) map[string]any {
	data := map[string]any{
		"breaker_id": b.ID, "scope": string(b.Scope), "place": orNull(b.Place), "reason": string(b.Reason),
		"missing": b.Flips, "checked": b.Checked, "hostnames": b.Names,
		"tripped_at": b.TrippedAt.Format(time.RFC3339), "until": b.Until.Format(time.RFC3339),
	}
	if b.Names == nil {
		data["hostnames"] = []string{}
	}
	if b.Checked > 0 {
		data["share_percent"] = b.Flips * 100 / b.Checked
	}
	if b.Reason == zonehold.BreakerFlips {
		data["ends_at"] = b.EndsAt.Format(time.RFC3339)
	}
	return data
}

// advice says what to look at, and what happens next.
func advice(b *zonehold.Breaker) (look, next string) {
	if b.Reason == zonehold.BreakerCanary {
		return "Look at the network, the firewall and the name resolution of this service, and at the canaries themselves: " + strings.Join(b.Names, ", ") + ".",
			"No proof goes missing until the canaries are well; then the checks go on by themselves."
	}
	look = "Ask for some of the names by hand, from here and from another network. "
	switch b.Scope {
	case zonehold.BreakerHost:
		look += "See whether " + b.Place + " reports an outage."
	case zonehold.BreakerNetwork:
		look += "See whether what answers from " + b.Place + " is what should."
	default:
		look += "See whether the name resolution of this service answers rightly."
	}
	return look, fmt.Sprintf("Domains stay as they are. A sample is checked again at %s; when it is well the checks go on by themselves. What is still missing at %s counts.",
		b.Until.Format(time.RFC3339), b.EndsAt.Format(time.RFC3339))
}

// announce pages: once, whoever gets there first.
func (a *App) announce(ctx context.Context, b *zonehold.Breaker, now time.Time) error {
	account, err := a.operator(ctx)
	if err != nil {
		return err
	}
	look, next := advice(b)
	mine := false
	err = a.changeBreaker(ctx, b.ID, func(tx *store.Tx, b *zonehold.Breaker) (bool, error) {
		if mine = b.AnnouncedAt.IsZero(); !mine {
			return false, nil
		}
		b.AnnouncedAt = now
		data := breakerData(b)
		data["look_at"], data["next"] = look, next
		// The breaker's row is held by this transaction already.
		if err := tx.UpdateBreaker(ctx, b); err != nil {
			return false, err
		}
		return false, a.tellOperator(ctx, tx, account, zonehold.EventBreakerTripped, now, data)
	})
	if err == nil && mine {
		a.cfg.Observer.BreakerTripped(string(b.Scope))
		a.log.Error("a breaker has opened: "+breakerText(b), "breaker", b.ID, "scope", b.Scope, "place", b.Place, "missing", b.Flips,
			"checked", b.Checked, "hostnames", strings.Join(b.Names, " "), "look", look, "next", next)
	}
	return err
}

// takeBack makes domains verified again that this very wave had put at risk
// before the breaker opened.
func (a *App) takeBack(ctx context.Context, b *zonehold.Breaker, now time.Time) error {
	place := store.Place{Scope: b.Scope, Key: b.Place}
	// What other transactions were writing when it opened.
	err := a.changeBreaker(ctx, b.ID, func(tx *store.Tx, b *zonehold.Breaker) (bool, error) {
		return false, tx.GiveFlips(ctx, b.ID, place, b.TrippedAt.Add(-breakerWindow))
	})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		fell, err := a.store.FellBefore(ctx, b.ID, settleBatch)
		if err != nil || len(fell) == 0 {
			return err
		}
		if err := a.takeBackSome(ctx, b, fell, now); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (a *App) takeBackSome(ctx context.Context, b *zonehold.Breaker, fell []store.Flip, now time.Time) error {
	ids := make([]string, len(fell))
	for i, f := range fell {
		ids[i] = f.DomainID
	}
	var back []*store.Domain
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		back = nil
		domains, err := tx.LockDomains(ctx, ids)
		if err != nil {
			return err
		}
		flips, err := tx.Flips(ctx, ids)
		if err != nil {
			return err
		}
		var (
			events []*zonehold.Event
			theirs []string
		)
		for _, id := range ids {
			d, f := domains[id], flips[id]
			if f.BreakerID != b.ID || f.Held {
				continue
			}
			theirs = append(theirs, id)
			// Only what the wave did.
			if d == nil || !d.DeletedAt.IsZero() || d.State != zonehold.StateAtRisk || d.Generation != f.Generation ||
				d.StateSince.Before(f.At) || !d.FrozenAt.IsZero() {
				continue
			}
			d.State, d.StateSince, d.UpdatedAt = zonehold.StateVerified, f.WasSince, now
			d.GraceEndsAt, d.MissingSince, d.Misses, d.Problem = time.Time{}, time.Time{}, 0, nil
			d.NextCheckAt = b.Until
			data := domainData(d)
			data["breaker"] = b.ID
			back = append(back, d)
			a.observe(tx, zonehold.StateAtRisk, d.State)
			events = append(events, newEvent(zonehold.EventDomainRecovered, d.AccountID, d.ID, now, data))
		}
		if err := tx.HoldFlips(ctx, b.ID, theirs); err != nil {
			return err
		}
		if err := tx.UpdateVerdicts(ctx, back); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, events)
	})
	if err != nil {
		return err
	}
	for _, d := range back {
		a.wake.ring(d.AccountID)
	}
	if len(back) > 0 {
		a.log.Warn("domains are verified again that went missing just before a breaker opened", "breaker", b.ID, "domains", len(back))
	}
	return nil
}

// probe has a sample of what is held looked at again.
func (a *App) probe(ctx context.Context, b *zonehold.Breaker, now time.Time) error {
	held, err := a.store.BreakerFlips(ctx, b.ID, "", 50*probeSample)
	if err != nil {
		return err
	}
	var ids []string
	for i := range min(len(held), probeSample) { // spread over what is held
		ids = append(ids, held[i*len(held)/min(len(held), probeSample)].DomainID)
	}
	if len(ids) == 0 {
		return a.closeBreaker(ctx, b.ID, zonehold.BreakerRecovered, now, nil)
	}
	return a.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockDomains(ctx, ids); err != nil {
			return err
		}
		b, err := tx.LockBreaker(ctx, b.ID)
		if err != nil || b.State != zonehold.BreakerOpen || now.Before(b.Until) {
			return err
		}
		b.State, b.Probe, b.ProbedAt, b.Pinned = zonehold.BreakerProbing, ids, now, false
		if err := tx.PlanChecks(ctx, ids, now); err != nil {
			return err
		}
		tx.AfterCommit(a.sweepSoon)
		return tx.UpdateBreaker(ctx, b)
	})
}

// judgeProbe reads what became of the sample.
func (a *App) judgeProbe(ctx context.Context, b *zonehold.Breaker, blind bool, now time.Time) error {
	domains, err := a.store.DomainsByID(ctx, b.Probe)
	if err != nil {
		return err
	}
	var last []string
	for _, d := range domains {
		if d.DeletedAt.IsZero() && d.State.Verified() {
			last = append(last, d.LastAttemptID)
		}
	}
	attempts, err := a.store.AttemptsByID(ctx, last)
	if err != nil {
		return err
	}
	well, gone := 0, 0
	for _, at := range attempts {
		change, ok := at.Outcome.Change()
		switch {
		case at.FinishedAt.Before(b.ProbedAt) || !ok:
		case change == zonehold.ChangeProved:
			well++
		default:
			gone++
		}
	}
	if well+gone < len(last) && now.Before(b.ProbedAt.Add(probeWait)) {
		return nil
	}
	switch {
	case len(last) == 0 || well > 0 && well >= gone:
		return a.closeBreaker(ctx, b.ID, zonehold.BreakerRecovered, now, nil)
	case gone > 0 && !blind && !now.Before(b.EndsAt):
		return a.closeBreaker(ctx, b.ID, zonehold.BreakerBelieved, now, nil)
	}
	err = a.changeBreaker(ctx, b.ID, func(_ *store.Tx, b *zonehold.Breaker) (bool, error) {
		if b.State != zonehold.BreakerProbing {
			return false, nil
		}
		b.State, b.Probe = zonehold.BreakerOpen, nil
		if gone > 0 { // not where nothing could be asked
			b.Hold = min(2*b.Hold, a.longestHold())
		}
		b.Until = now.Add(b.Hold)
		if now.Before(b.EndsAt) && b.EndsAt.Before(b.Until) {
			b.Until = b.EndsAt
		}
		return true, nil
	})
	if err == nil {
		a.log.Warn("a breaker stays open", "breaker", b.ID, "place", b.Place, "sample_well", well, "sample_missing", gone)
	}
	return err
}

// closeBreaker closes a breaker and has all that it held looked at again. set
// may note more in it.
func (a *App) closeBreaker(ctx context.Context, id string, outcome zonehold.BreakerOutcome, now time.Time, set func(tx *store.Tx, b *zonehold.Breaker) error) error {
	account, err := a.operator(ctx)
	if err != nil {
		return err
	}
	var closed *zonehold.Breaker
	err = a.changeBreaker(ctx, id, func(tx *store.Tx, b *zonehold.Breaker) (bool, error) {
		b.State, b.Outcome, b.ClosedAt, b.Pinned, b.Probe = zonehold.BreakerClosed, outcome, now, false, nil
		if outcome != zonehold.BreakerRecovered {
			b.PassUntil = now.Add(believedFor)
		}
		closed = b
		if set != nil {
			if err := set(tx, b); err != nil {
				return false, err
			}
		}
		if err := tx.UpdateBreaker(ctx, b); err != nil {
			return false, err
		}
		data := breakerData(b)
		data["outcome"], data["by"] = string(outcome), orNull(b.By)
		return false, a.tellOperator(ctx, tx, account, zonehold.EventBreakerResumed, now, data)
	})
	if err != nil || closed == nil {
		return err
	}
	a.log.Warn("a breaker has closed", "breaker", id, "scope", closed.Scope, "place", closed.Place, "outcome", outcome, "by", closed.By)
	return a.lookAtHeld(ctx, id, now)
}

// lookAtHeld has what a breaker held looked at again now.
func (a *App) lookAtHeld(ctx context.Context, id string, now time.Time) error {
	after := ""
	for ctx.Err() == nil {
		held, err := a.store.BreakerFlips(ctx, id, after, settleBatch)
		if err != nil || len(held) == 0 {
			return err
		}
		ids := make([]string, len(held))
		for i, f := range held {
			ids[i] = f.DomainID
		}
		after = ids[len(ids)-1]
		err = a.store.InTx(ctx, func(tx *store.Tx) error {
			if _, err := tx.LockDomains(ctx, ids); err != nil {
				return err
			}
			tx.AfterCommit(a.sweepSoon)
			return tx.PlanChecks(ctx, ids, now)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
