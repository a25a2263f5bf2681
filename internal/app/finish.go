package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
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
	method  zonehold.Method
	outcome zonehold.Outcome
	events  int
}

// commitFinishes writes results: attempts, evidence, the states of domains,
// events. A result of a run that was taken away is dropped; one of a claim
// that has changed or is gone makes the attempt canceled and changes nothing
// else (threat T44).
func (a *App) commitFinishes(ctx context.Context, finishes []*finish) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error { return a.finishIn(ctx, tx, finishes) })
}

// finishIn does so inside a transaction that has locked no domain yet.
func (a *App) finishIn(ctx context.Context, tx *store.Tx, finishes []*finish) error {
	rivals, err := a.rivals(ctx, tx, finishes)
	if err != nil {
		return err
	}
	ids := make([]string, len(finishes))
	for i, f := range finishes {
		ids[i] = f.attempt.DomainID
	}
	domains, err := tx.LockDomains(ctx, ids)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	ends := make([]store.Finish, len(finishes))
	for i, f := range finishes {
		f.applied, f.events = false, 0
		f.method, f.outcome = f.report.Method, f.report.Outcome
		ends[i] = store.Finish{Ref: f.attempt.Ref(), State: zonehold.AttemptCanceled, Method: f.attempt.Requested, FinishedAt: now}
		if f.current(domains[f.attempt.DomainID]) {
			ends[i] = f.end(domains[f.attempt.DomainID], rivals, now)
		}
	}
	ended, err := tx.Finish(ctx, ends)
	if err != nil {
		return err
	}
	var (
		changed  []*store.Domain
		events   []*zonehold.Event
		evidence = map[string]store.Packed{}
		jobs     []int64
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
		f.applied = true
		own := a.apply(d, f, ends[i], now)
		f.events = len(own)
		events = append(events, own...)
		changed = append(changed, d)
		evidence[f.attempt.ID] = f.evidence
	}
	if err := tx.UpdateVerdicts(ctx, changed); err != nil {
		return err
	}
	if err := tx.InsertEvidence(ctx, evidence); err != nil {
		return err
	}
	if err := a.jobs.Delete(ctx, tx, jobs); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, events)
}

// current reports whether the result is about the claim as it is now.
func (f *finish) current(d *store.Domain) bool {
	return f.hasReport && d != nil && d.DeletedAt.IsZero() && d.Generation == f.attempt.Generation
}

// end is what is written of the attempt.
func (f *finish) end(d *store.Domain, rivals map[zonehold.Hostname]string, now time.Time) store.Finish {
	r := f.report
	e := store.Finish{
		Ref: f.attempt.Ref(), State: zonehold.AttemptDone, Method: r.Method, Outcome: r.Outcome,
		Problem: r.Problem, Notes: r.Notes, Steps: r.Steps, FinishedAt: now,
	}
	if r.Outcome != zonehold.OutcomeVerified || rivals == nil {
		return e
	}
	if owner := rivals[d.Hostname]; owner != "" && owner != d.AccountID && !d.State.Verified() {
		p := problem.New("claimed_by_other_account", problem.Facts{problem.FactDomain: string(d.Hostname)})
		e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, &p, zonehold.OutcomeRefused
		return e
	}
	rivals[d.Hostname] = d.AccountID // of two in one transaction the first counts
	return e
}

// rivals finds, for fresh proofs, which account has the name now, where the
// policy is one verified account per name; nil where it is not.
func (a *App) rivals(ctx context.Context, tx *store.Tx, finishes []*finish) (map[zonehold.Hostname]string, error) {
	if !a.cfg.Exclusive {
		return nil, nil
	}
	var ids []string
	for _, f := range finishes {
		if f.hasReport && f.report.Outcome == zonehold.OutcomeVerified {
			ids = append(ids, f.attempt.DomainID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return tx.VerifiedBy(ctx, ids)
}

// apply changes a domain by a verdict about it, and returns the events.
func (a *App) apply(d *store.Domain, f *finish, e store.Finish, now time.Time) []*zonehold.Event {
	before := d.State
	d.LastAttemptID, d.UpdatedAt, d.Problem = f.attempt.ID, now, e.Problem
	if f.served != nil {
		d.DNSHost = f.served.after(d.DNSHost)
	}
	after, moved := before.After(e.Outcome)
	if e.Outcome == zonehold.OutcomeVerified {
		a.proved(d, e.Method, now)
	} else if before.Verified() {
		// Only a check of the very method that proved the domain can say that
		// the proof is gone. Where another one failed, that one is asked soon.
		if f.attempt.Requested != d.Method {
			after, moved = before, false
			d.NextCheckAt = earlier(d.NextCheckAt, now)
		} else if moved {
			d.GraceEndsAt = now.Add(a.cfg.RecheckGrace)
			d.NextCheckAt = now.Add(min(recheckSoon, a.cfg.RecheckGrace))
		} else if change, ok := e.Outcome.Change(); ok && change == zonehold.ChangeMissing && !now.Before(d.GraceEndsAt) {
			after, moved = before.Next(zonehold.ChangeGraceEnded)
			d.NextCheckAt, d.GraceEndsAt = time.Time{}, time.Time{}
		} else {
			d.NextCheckAt = now.Add(recheckSoon)
			if d.GraceEndsAt.After(now) {
				d.NextCheckAt = earlier(d.NextCheckAt, d.GraceEndsAt)
			}
		}
	}
	if moved {
		d.State, d.StateSince = after, now
	}
	return finishEvents(d, f, e, before, now)
}

// earlier is the earlier of two times, of which zero ones do not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// proved notes a good proof.
func (a *App) proved(d *store.Domain, method zonehold.Method, now time.Time) {
	if !d.State.Verified() {
		d.VerifiedAt = now
	}
	d.Method, d.Problem, d.GraceEndsAt = method, nil, time.Time{}
	d.NextCheckAt = now.Add(jitter(a.cfg.RecheckInterval))
	if m, ok := verify.Lookup(method); ok {
		c := m.Challenge(a.cfg.Kit, claimOf(d))
		d.Assurance, d.Covers = c.Proves, c.Covers
	}
}

func finishEvents(d *store.Domain, f *finish, e store.Finish, before zonehold.DomainState, now time.Time) []*zonehold.Event {
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
		add(EventDomainRecovered)
	case d.State == zonehold.StateVerified:
		add(zonehold.EventDomainVerified)
	case d.State == zonehold.StateAtRisk:
		add(EventDomainAtRisk)
	case d.State == zonehold.StateLapsed:
		add(EventDomainLapsed)
	}
	switch e.Outcome {
	case zonehold.OutcomeAbsent, zonehold.OutcomeMismatch, zonehold.OutcomeRefused:
		if !before.Verified() {
			add(zonehold.EventDomainVerificationFailed)
		}
	}
	return events
}
