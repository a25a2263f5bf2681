package app

import (
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// apply changes a domain by a verdict about it, and returns the events.
func (a *App) apply(d *store.Domain, f *finish, e store.Finish, now time.Time) []*zonehold.Event {
	before := *d
	d.Spares = slices.Clone(d.Spares)
	verified := e.Outcome == zonehold.OutcomeVerified
	t := &tale{}
	switch {
	case automatic(f.attempt) && !verified:
		// Nobody asked: the claim stays as it was, and its owner reads of no
		// failure (the attempt itself is in the history).
		a.lookedInVain(d, f, e, now)
		return t.events(&before, d, f, e, now)
	case verified && a.ownIsBetter(d, f, e):
		// It has a proof of its own, which is worth more. That is looked at too.
		d.LastAttemptID, d.UpdatedAt = f.attempt.ID, now
		lookSoon(d, now)
		return t.events(&before, d, f, e, now)
	}
	d.LastAttemptID, d.UpdatedAt = f.attempt.ID, now
	if f.served != nil {
		d.DNSHost = f.served.after(d.DNSHost)
	}
	switch {
	case f.held && !verified:
		t.held = true
		a.heldBack(d, f, now)
	case verified:
		a.proved(d, f, now)
	case d.State.Verified():
		a.missed(d, f, e, t, now)
	default:
		a.notProved(d, f, e, t, now)
	}
	if d.State != before.State {
		d.StateSince = now
	}
	return t.events(&before, d, f, e, now)
}

// ownIsBetter reports whether something that is on record was found for a
// domain that has a proof of its own.
func (a *App) ownIsBetter(d *store.Domain, f *finish, e store.Finish) bool {
	return f.attempt.Requested == "" && d.State == zonehold.StateVerified && d.MissingSince.IsZero() &&
		e.Method.Automatic() && (automatic(f.attempt) || !d.Method.Automatic())
}

// lookSoon makes the leading proof of a domain due, before its spares.
func lookSoon(d *store.Domain, now time.Time) {
	for _, s := range d.Spares {
		if s.LookedAt.Before(d.LookedAt) {
			d.LookedAt = s.LookedAt
		}
	}
	d.NextCheckAt = earlier(d.NextCheckAt, now)
}

// lookedInVain plans what follows a check that nobody asked for and that found
// no proof. Where something could not be asked it is repeated, each time after
// twice the time, until a recheck interval has passed.
func (a *App) lookedInVain(d *store.Domain, f *finish, e store.Finish, now time.Time) {
	since := now.Sub(d.UpdatedAt)
	switch {
	case d.State.Verified():
		d.NextCheckAt = earlier(d.NextCheckAt, now.Add(recheckSoon))
	case !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(now):
		// Made due while it ran: it may not have seen why.
	case f.raced:
		d.NextCheckAt = now
	case !d.TriesEndAt.IsZero() && planTry(d, now):
	case e.Outcome == zonehold.OutcomeInconclusive && since < a.cfg.RecheckInterval:
		d.NextCheckAt = now.Add(max(since, recheckSoon))
	default:
		d.NextCheckAt = time.Time{}
	}
}

// heldBack notes a verdict that a breaker does not let through: as if nobody
// could have been asked.
func (a *App) heldBack(d *store.Domain, f *finish, now time.Time) {
	if !d.State.Verified() {
		a.tryOn(d, f, now)
		return
	}
	a.lookedAt(d, f.attempt.Requested, now)
	a.planAgain(d, now)
}

// lookedAt notes that a proof was looked at.
func (a *App) lookedAt(d *store.Domain, m zonehold.Method, now time.Time) {
	if i := spareOf(d, m); i >= 0 {
		d.Spares[i].LookedAt = now
		return
	}
	d.LookedAt = now
}

// proved notes a good proof.
func (a *App) proved(d *store.Domain, f *finish, now time.Time) {
	p, source := a.proofOf(d, f, now), f.report.Source
	d.Stumbles = 0
	atRisk, old := d.State == zonehold.StateAtRisk, leading(d)
	switch {
	case !d.State.Verified(), !d.FrozenAt.IsZero():
		// From here on: nothing that was known before counts.
		d.VerifiedAt, d.Spares = now, nil
		d.FrozenAt, d.FreezeReason = time.Time{}, ""
		d.State = zonehold.StateVerified
		d.Method = ""
		lead(d, p, source)
	case p.Method == d.Method:
		lead(d, p, source)
	case atRisk, !d.MissingSince.IsZero() && (p.Method.Lasting() || f.recheck != zonehold.RecheckOnce && !stands(d.Spares)):
		lead(d, p, source) // in the place of what is missing
	case worth(p, old) > 0, ownData(p.Method) && ownData(d.Method) && worth(p, old) == 0:
		lead(d, p, source)
	case p.Method.Lasting():
		addSpare(d, p)
	}
	d.State, _ = d.State.After(zonehold.OutcomeVerified)
	d.Problem = nil
	d.Tries, d.TriesEndAt, d.TriesMethod = 0, time.Time{}, ""
	if !d.MissingSince.IsZero() { // a weaker one was found; what is missing is so still
		a.planAgain(d, now)
		return
	}
	d.Misses, d.GraceEndsAt = 0, time.Time{}
	a.planRegular(d, now)
	if p.Method == d.Method {
		d.NextCheckAt = earlier(d.NextCheckAt, f.report.Until)
	}
}

// missed judges a check of a proved domain that did not verify.
func (a *App) missed(d *store.Domain, f *finish, e store.Finish, t *tale, now time.Time) {
	change, conclusive := e.Outcome.Change()
	missing := conclusive && change == zonehold.ChangeMissing
	asked, frozen := f.attempt.Requested, !d.FrozenAt.IsZero()
	i := spareOf(d, asked)
	if i < 0 || f.attempt.Trigger != zonehold.TriggerSchedule {
		d.Problem = e.Problem
	}
	if frozen && f.attempt.Trigger != zonehold.TriggerSchedule {
		d.TriesMethod = asked // that is where the new proof is to be
	}
	switch {
	case frozen && !f.raced:
		a.leadMissed(d, f, missing, t, now)
	case i >= 0 && !f.raced:
		a.spareMissed(d, f, i, missing, t, now)
	// Only a check of the very method that proved the domain can say that the
	// proof is gone. Where another one failed, that one is asked soon.
	case asked != d.Method || f.raced:
		lookSoon(d, now)
	// No time of grace for what was taken back, but a look at what else may
	// prove the claim. A mail address is missing only because its code is too
	// old: who removes one ends the proofs with it.
	case ownData(d.Method) && (missing && d.Method != zonehold.MethodEmail || e.Outcome == zonehold.OutcomeRefused):
		t.missing = d.Method
		if stepIn(d, now) {
			return
		}
		endProof(d, now)
		d.NextCheckAt = now
	default:
		a.leadMissed(d, f, missing, t, now)
	}
}

// leadMissed judges a look at the leading proof that did not see it. missing:
// it is not there, for certain.
func (a *App) leadMissed(d *store.Domain, f *finish, missing bool, t *tale, now time.Time) {
	last := d.LookedAt
	d.LookedAt = now
	if !missing {
		a.planAgain(d, now)
		return
	}
	again := !d.MissingSince.IsZero() && !d.MissingSince.After(now)
	if !again {
		d.MissingSince, d.Misses = now, 0
		if d.State == zonehold.StateAtRisk { // the clock was put back
			d.GraceEndsAt = now.Add(a.cfg.RecheckGrace)
		}
	}
	a.countMiss(d, f, last, now)
	switch {
	case d.State == zonehold.StateVerified && stands(d.Spares) && (f.recheck == zonehold.RecheckOnce || now.Sub(d.MissingSince) < max(a.cfg.RecheckGrace, recheckSoon)):
		// Another one is to take its place, as soon as it is seen. What is gone
		// does not wait longer than a time of grace for one that cannot be asked.
		if again {
			a.planAgain(d, now)
			return
		}
		t.missing = d.Method
		d.Stumbles, d.NextCheckAt = 0, now
	case f.recheck == zonehold.RecheckOnce && d.FrozenAt.IsZero():
		// It may be gone. A grace that began under the other policy ends well.
		d.Stumbles, d.GraceEndsAt = 0, time.Time{}
		d.State, _ = d.State.Next(zonehold.ChangeExcused)
		a.planRegular(d, now)
	case d.State == zonehold.StateVerified:
		a.risk(d, now)
	case !now.Before(d.GraceEndsAt) && d.Misses >= a.needed():
		endProof(d, now)
		// Who puts the proof back late has it seen without asking.
		d.Tries, d.TriesEndAt, d.TriesMethod = lapsedTries, now.Add(triesLast), ""
		if d.Method.Token() {
			d.TriesMethod = d.Method
		}
		planTry(d, now)
	default:
		d.Stumbles = 0
		a.planRisk(d, now)
	}
}

// countMiss counts a look that missed the leading proof. Looks count when they
// came as planned: after a pause of ours, or a jump of the clock, the count
// begins anew, and what people ask for in between adds nothing.
func (a *App) countMiss(d *store.Domain, f *finish, last, now time.Time) {
	gap := now.Sub(last)
	patience := 4 * max(a.rhythm(), recheckSoon/4) * time.Duration(1+len(d.Spares))
	switch {
	case d.Misses == 0, d.State == zonehold.StateAtRisk && (gap < 0 || gap > patience):
		d.Misses = 1
	case f.attempt.Trigger == zonehold.TriggerSchedule || gap >= a.rhythm()/2:
		d.Misses++
	}
}

// risk begins the time of grace.
func (a *App) risk(d *store.Domain, now time.Time) {
	d.State, _ = d.State.Next(zonehold.ChangeMissing)
	d.GraceEndsAt = now.Add(a.cfg.RecheckGrace)
	d.Misses, d.Stumbles = 1, 0
	a.planRisk(d, now)
}

// spareMissed judges a look at a spare that did not see it.
func (a *App) spareMissed(d *store.Domain, f *finish, i int, missing bool, t *tale, now time.Time) {
	s := &d.Spares[i]
	s.LookedAt = now
	if !missing {
		a.planAgain(d, now)
		return
	}
	d.Stumbles = 0
	switch {
	case s.MissingSince.IsZero() || s.MissingSince.After(now):
		s.MissingSince = now
		t.missing = s.Method
	case now.Sub(s.MissingSince) >= a.cfg.RecheckGrace:
		d.Spares = slices.Delete(d.Spares, i, i+1)
	}
	switch {
	case d.State == zonehold.StateAtRisk:
		a.planRisk(d, now)
	case d.MissingSince.IsZero():
		a.planRegular(d, now)
	case stands(d.Spares):
		d.NextCheckAt = now
	case f.recheck == zonehold.RecheckOnce:
		a.planRegular(d, now)
	default:
		a.risk(d, now) // all are missing
	}
}

// notProved judges a check of a claim that is not proved, and plans the next
// one. The ladder begins with each check that a person asks for.
func (a *App) notProved(d *store.Domain, f *finish, e store.Finish, t *tale, now time.Time) {
	t.sameCause = sameCause(d.Problem, e.Problem)
	d.Problem = e.Problem
	if !a.tryOn(d, f, now) {
		p := problem.New("challenge_expired_or_paused", problem.Facts{
			problem.FactDomain: string(d.Hostname), problem.FactUntil: moment(now), problem.FactDetail: lastCause(e.Problem),
		})
		d.Problem = &p
		d.Tries, d.TriesEndAt, d.NextCheckAt = 0, time.Time{}, time.Time{}
		t.expired = true
	}
}

// tryOn plans the next check of a claim that is not proved; false: the ladder
// has ended.
func (a *App) tryOn(d *store.Domain, f *finish, now time.Time) bool {
	if f.attempt.Trigger != zonehold.TriggerSchedule {
		d.Tries, d.TriesEndAt, d.TriesMethod = 0, now.Add(triesLast), f.attempt.Requested
		return planTry(d, now)
	}
	if due := d.NextCheckAt; !due.IsZero() && !due.After(now) {
		return true // made due while it ran: it may not have seen why
	}
	if f.raced {
		d.NextCheckAt = now
		return true
	}
	d.Tries++
	return planTry(d, now)
}

func sameCause(x, y *problem.Problem) bool {
	return x != nil && y != nil && x.Code == y.Code
}

func lastCause(p *problem.Problem) string {
	if p == nil {
		return ""
	}
	return "It said: " + p.Title + "."
}
