package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// recheckSoon is when a scheduled check that could not ask, or found the
// proof gone, is repeated.
const recheckSoon = time.Hour

// finish is the end of one run.
type finish struct {
	attempt   *store.Attempt
	hasReport bool // false: the claim was gone before the check began
	report    diagnose.Report
	evidence  store.Packed
	served    *served // nil: not known

	// Set by commitFinishes.
	applied bool // false: dropped, as the run or the claim is not current
	held    bool // by a breaker: the verdict is kept, the state stays
	raced   bool // what the proof rests on went while it was checked
	method  zonehold.Method
	outcome zonehold.Outcome
	events  int
}

// commitFinishes writes results: attempts, evidence, the states of domains,
// what follows for others, events. A result of a run that was taken away is
// dropped; one of a claim that has changed or is gone makes the attempt
// canceled and changes nothing else (threat T44).
func (a *App) commitFinishes(ctx context.Context, finishes []*finish) error {
	return widening(func(more []string) error {
		return a.store.InTx(ctx, func(tx *store.Tx) error { return a.finishHolding(ctx, tx, finishes, more) })
	})
}

// finishIn does so inside a transaction that has locked no domain yet. Where
// proofs of others end by it, it may fail by *wider.
func (a *App) finishIn(ctx context.Context, tx *store.Tx, finishes []*finish) error {
	return a.finishHolding(ctx, tx, finishes, nil)
}

// finishHolding does so holding more domains besides those of the finishes.
func (a *App) finishHolding(ctx context.Context, tx *store.Tx, finishes []*finish, more []string) error {
	rivals, err := a.rivals(ctx, tx, finishes)
	if err != nil {
		return err
	}
	ids, err := sourceDomains(ctx, tx, finishes)
	if err != nil {
		return err
	}
	ids = append(ids, more...)
	for _, f := range finishes {
		ids = append(ids, f.attempt.DomainID)
	}
	domains, err := tx.LockDomains(ctx, ids)
	if err != nil {
		return err
	}
	now := a.now()
	ends, err := a.ends(ctx, tx, domains, finishes, rivals, now)
	if err != nil {
		return err
	}
	if err := a.holdBack(ctx, tx, domains, finishes, ends, now); err != nil {
		return err
	}
	ended, err := tx.Finish(ctx, ends)
	if err != nil {
		return err
	}
	var (
		changed = map[string]*store.Domain{}
		events  []*zonehold.Event
		jobs    []int64
		lost    []*store.Domain
		looks   []store.Look
	)
	for i, f := range finishes {
		if !ended[f.attempt.ID] {
			continue
		}
		if f.attempt.JobID != 0 {
			jobs = append(jobs, f.attempt.JobID)
		}
		if ends[i].State != zonehold.AttemptDone {
			continue
		}
		d := domains[f.attempt.DomainID]
		before := *d
		f.applied = true
		own := a.apply(d, f, ends[i], now)
		f.events = len(own)
		events = append(events, own...)
		changed[d.ID] = d
		if before.State.Verified() && !d.State.Verified() {
			lost = append(lost, d)
		}
		looks = append(looks, a.looksAfter(&before, d)...)
		if !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(now) {
			tx.AfterCommit(a.sweepSoon)
		}
	}
	losses, err := a.lossOf(ctx, tx, lost, "", now)
	if err != nil {
		return err
	}
	fallen, fell, err := a.fall(ctx, tx, domains, losses, now)
	if err != nil {
		return err
	}
	for _, d := range fallen {
		changed[d.ID] = d
		tx.AfterCommit(func() { a.wake.ring(d.AccountID) })
	}
	events = append(events, fell...)
	if err := tx.UpdateVerdicts(ctx, slices.Collect(maps.Values(changed))); err != nil {
		return err
	}
	if err := a.jobs.Delete(ctx, tx, jobs); err != nil {
		return err
	}
	if err := a.look(ctx, tx, looks...); err != nil {
		return err
	}
	if err := a.keepEvidence(ctx, tx, finishes, now); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, events)
}

// ends is what is written of the attempts.
func (a *App) ends(ctx context.Context, tx *store.Tx, domains map[string]*store.Domain, finishes []*finish,
	rivals map[zonehold.Hostname]string, now time.Time) ([]store.Finish, error) {
	grounds, err := a.lockSources(ctx, tx, domains, finishes, now)
	if err != nil {
		return nil, err
	}
	var running map[string]bool // asked only where a result counts against others
	if rivals != nil {
		refs := make([]store.Ref, len(finishes))
		for i, f := range finishes {
			refs[i] = f.attempt.Ref()
		}
		if running, err = tx.StillRunning(ctx, refs); err != nil {
			return nil, err
		}
	}
	// By source: what is locked on the way is locked in the same order by all.
	bySource := slices.SortedStableFunc(slices.Values(finishes), func(x, y *finish) int { return strings.Compare(x.report.Source, y.report.Source) })
	for _, f := range bySource {
		f.raced = false
		if d := domains[f.attempt.DomainID]; f.current(d) && f.report.Outcome == zonehold.OutcomeVerified {
			stands, err := grounds.stands(ctx, d, f.report.Method, f.report.Source)
			if err != nil {
				return nil, err
			}
			f.raced = !stands
		}
	}
	out := make([]store.Finish, len(finishes))
	for i, f := range finishes {
		d := domains[f.attempt.DomainID]
		f.applied, f.held, f.events = false, false, 0
		f.method, f.outcome = f.report.Method, f.report.Outcome
		out[i] = store.Finish{Ref: f.attempt.Ref(), State: zonehold.AttemptCanceled, Method: f.attempt.Requested, FinishedAt: now}
		if !f.current(d) {
			continue
		}
		out[i] = f.end(d, now)
		if out[i].Outcome == zonehold.OutcomeVerified && rivals != nil && running[f.attempt.ID] {
			f.contest(&out[i], d, rivals)
		}
	}
	return out, nil
}

// current reports whether the result is about the claim as it is now.
func (f *finish) current(d *store.Domain) bool {
	return f.hasReport && d != nil && d.DeletedAt.IsZero() && d.Generation == f.attempt.Generation
}

// end is what is written of the attempt.
func (f *finish) end(d *store.Domain, now time.Time) store.Finish {
	r := f.report
	e := store.Finish{
		Ref: f.attempt.Ref(), State: zonehold.AttemptDone, Method: r.Method, Outcome: r.Outcome,
		Problem: r.Problem, Notes: r.Notes, Steps: r.Steps, FinishedAt: now,
	}
	if f.raced {
		e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, gone(d, r.Method), zonehold.OutcomeRefused
	}
	return e
}

// apply changes a domain by a verdict about it, and returns the events.
func (a *App) apply(d *store.Domain, f *finish, e store.Finish, now time.Time) []*zonehold.Event {
	before, source := d.State, d.ProofSource
	quiet := automatic(f.attempt)
	verified := e.Outcome == zonehold.OutcomeVerified
	switch {
	case quiet && !verified:
		// Nobody asked: the claim stays as it was, and its owner reads of no
		// failure (the attempt itself is in the history).
		a.lookedInVain(d, f, e, now)
		return finishEvents(d, f, e, before, source, now)
	case verified && f.attempt.Requested == "" && before == zonehold.StateVerified && e.Method.Automatic() && (quiet || !d.Method.Automatic()):
		// It has a proof of its own, which is worth more. That is looked at too.
		d.LastAttemptID, d.UpdatedAt, d.NextCheckAt = f.attempt.ID, now, earlier(d.NextCheckAt, now)
		return finishEvents(d, f, e, before, source, now)
	}
	d.LastAttemptID, d.UpdatedAt, d.Problem = f.attempt.ID, now, e.Problem
	if f.served != nil {
		d.DNSHost = f.served.after(d.DNSHost)
	}
	after, moved := before.After(e.Outcome)
	if verified {
		a.proved(d, f.report, now)
	} else if before.Verified() {
		missing := false
		if change, ok := e.Outcome.Change(); ok {
			missing = change == zonehold.ChangeMissing
		}
		switch {
		// Only a check of the very method that proved the domain can say that
		// the proof is gone. Where another one failed, that one is asked soon.
		case f.attempt.Requested != d.Method || f.raced:
			after, moved = before, false
			d.NextCheckAt = earlier(d.NextCheckAt, now)
		case ownData(d.Method) && (missing && d.Method != zonehold.MethodEmail || e.Outcome == zonehold.OutcomeRefused):
			// No time of grace for what was taken back, but a look at what else
			// may prove the claim. A mail address is missing only because its
			// code is too old: who removes one ends the proofs with it.
			after, moved = before.Next(zonehold.ChangeRevoked)
			d.ProofSource, d.NextCheckAt, d.GraceEndsAt = "", now, time.Time{}
		case moved:
			d.GraceEndsAt = now.Add(a.cfg.RecheckGrace)
			d.NextCheckAt = now.Add(min(recheckSoon, a.cfg.RecheckGrace))
		case missing && !now.Before(d.GraceEndsAt):
			after, moved = before.Next(zonehold.ChangeGraceEnded)
			d.ProofSource, d.NextCheckAt, d.GraceEndsAt = "", time.Time{}, time.Time{}
		default:
			d.NextCheckAt = now.Add(recheckSoon)
			if d.GraceEndsAt.After(now) {
				d.NextCheckAt = earlier(d.NextCheckAt, d.GraceEndsAt)
			}
		}
	}
	if moved {
		d.State, d.StateSince = after, now
	}
	return finishEvents(d, f, e, before, source, now)
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
	case e.Outcome == zonehold.OutcomeInconclusive && since < a.cfg.RecheckInterval:
		d.NextCheckAt = now.Add(max(since, recheckSoon))
	default:
		d.NextCheckAt = time.Time{}
	}
}

// looksAfter are the looks that a change of a domain calls for: at the claims
// that its proof may cover now, and at those whose proof rests on one that
// reaches less far than before.
func (a *App) looksAfter(before, d *store.Domain) []store.Look {
	was, is := 0, 0
	if before.State.Verified() {
		was = len(a.under(before))
	}
	if d.State.Verified() {
		is = len(a.under(d))
	}
	switch {
	case is > was:
		return a.under(d)
	case d.State.Verified() && before.State.Verified() && (before.Covers != d.Covers || before.Method != d.Method):
		return []store.Look{{Name: d.ID, Reach: store.ReachProof}}
	}
	return nil
}

// earlier is the earlier of two times, of which zero ones do not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// proved notes a good proof.
func (a *App) proved(d *store.Domain, r diagnose.Report, now time.Time) {
	if !d.State.Verified() {
		d.VerifiedAt = now
	}
	d.Method, d.ProofSource, d.Problem, d.GraceEndsAt = r.Method, r.Source, nil, time.Time{}
	d.NextCheckAt = earlier(now.Add(jitter(a.cfg.RecheckInterval)), r.Until)
	if m, ok := verify.Lookup(r.Method); ok {
		c := m.Challenge(a.cfg.Kit, claimOf(d, nil))
		d.Assurance, d.Covers = c.Proves, c.Covers
	}
	if r.Proves != "" {
		d.Assurance, d.Covers = r.Proves, r.Proves.Covers()
	}
	if r.Covers != "" {
		d.Covers = r.Covers
	}
}

func finishEvents(d *store.Domain, f *finish, e store.Finish, before zonehold.DomainState, source string, now time.Time) []*zonehold.Event {
	code := any(nil)
	if e.Problem != nil {
		code = string(e.Problem.Code)
	}
	data := domainData(d)
	data["attempt_id"], data["trigger"] = f.attempt.ID, string(f.attempt.Trigger)
	data["attempt_method"], data["outcome"], data["problem"] = orNull(string(e.Method)), string(e.Outcome), code
	events := []*zonehold.Event{newEvent(zonehold.EventAttemptCompleted, d.AccountID, d.ID, now, data)}
	add := func(t zonehold.EventType) {
		events = append(events, newEvent(t, d.AccountID, d.ID, now, data))
	}
	switch {
	case before == d.State:
	case d.State == zonehold.StateVerified && before == zonehold.StateAtRisk:
		add(zonehold.EventDomainRecovered)
	case d.State == zonehold.StateVerified:
		add(zonehold.EventDomainVerified)
	case d.State == zonehold.StateAtRisk:
		add(zonehold.EventDomainAtRisk)
	case d.State == zonehold.StateLapsed:
		if source != "" {
			data["source"] = source
		}
		add(zonehold.EventDomainLapsed)
	}
	if automatic(f.attempt) {
		return events
	}
	switch e.Outcome {
	case zonehold.OutcomeAbsent, zonehold.OutcomeMismatch, zonehold.OutcomeRefused:
		if !before.Verified() {
			add(zonehold.EventDomainVerificationFailed)
		}
	}
	return events
}
