package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
)

// finish is the end of one run.
type finish struct {
	attempt   *store.Attempt
	hasReport bool // false: the claim was gone before the check began
	report    diagnose.Report
	subject   subject // of the check, for the evidence
	evidence  store.Packed
	served    *served // nil: not known

	// Set by commitFinishes.
	applied  bool                   // false: dropped, as the run or the claim is not current
	held     bool                   // by a breaker: the verdict is kept, the state stays
	recheck  zonehold.RecheckPolicy // of the account, where it matters
	changed  bool                   // the state of the domain, or what proves it
	raced    bool                   // what the proof rests on went while it was checked
	method   zonehold.Method
	hostname zonehold.Hostname
	outcome  zonehold.Outcome
	events   int
}

// commitFinishes writes results: attempts, evidence, the states of domains,
// what follows for others, events. A result of a run that was taken away is
// dropped; one of a claim that has changed or is gone makes the attempt
// canceled and changes nothing else (threat T44).
func (a *App) commitFinishes(ctx context.Context, finishes []*finish) error {
	commit := func(judging bool) error {
		return widening(func(more []string) error {
			return a.store.InTx(ctx, func(tx *store.Tx) error { return a.finishHolding(ctx, tx, finishes, more, judging) })
		})
	}
	err := commit(false)
	if errors.Is(err, errFreshProof) {
		err = commit(true)
	}
	return err
}

// finishIn does so inside a transaction that judges, if it has locked a domain
// yet (see lockForProof). Where proofs of others end by it, it may fail by
// *wider.
func (a *App) finishIn(ctx context.Context, tx *store.Tx, finishes []*finish) error {
	return a.finishHolding(ctx, tx, finishes, nil, true)
}

// finishHolding does so holding more domains besides those of the finishes.
// Without judging it may fail by errFreshProof.
func (a *App) finishHolding(ctx context.Context, tx *store.Tx, finishes []*finish, more []string, judging bool) error {
	rivals, err := a.rivals(ctx, tx, finishes, judging)
	if err != nil {
		return err
	}
	ids, err := sourceDomains(ctx, tx, finishes)
	if err != nil {
		return err
	}
	ids = append(append(ids, more...), rivals.domains()...)
	for _, f := range finishes {
		ids = append(ids, f.attempt.DomainID)
	}
	domains, err := tx.LockDomains(ctx, ids)
	if err != nil {
		return err
	}
	now := a.now()
	ends, err := a.ends(ctx, tx, domains, finishes, now)
	if err != nil {
		return err
	}
	if err := a.judgeAll(ctx, tx, rivals, domains, finishes, ends, now); err != nil {
		return err
	}
	if err := a.holdBack(ctx, tx, domains, finishes, ends, now); err != nil {
		return err
	}
	ended, err := tx.Finish(ctx, ends)
	if err != nil {
		return err
	}
	if err := a.recheckPolicies(ctx, tx, domains, finishes); err != nil {
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
		f.hostname = d.Hostname
		f.changed = before.State != d.State || d.State.Verified() && before.Method != d.Method
		events = append(events, own...)
		changed[d.ID] = d
		a.observe(tx, before.State, d.State)
		if before.State.Verified() && !d.State.Verified() {
			lost = append(lost, d)
		}
		a.after(rivals, domains, &before, d, f, ends[i], now)
		looks = append(looks, a.looksAfter(&before, d)...)
		if !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(now) {
			tx.AfterCommit(a.sweepSoon)
		}
	}
	ousted, told, err := a.follow(ctx, tx, rivals, domains, changed, now)
	if err != nil {
		return err
	}
	lost, events = append(lost, ousted...), append(events, told...)
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
func (a *App) ends(ctx context.Context, tx *store.Tx, domains map[string]*store.Domain, finishes []*finish, now time.Time) ([]store.Finish, error) {
	grounds, err := a.lockSources(ctx, tx, domains, finishes, now)
	if err != nil {
		return nil, err
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
	}
	return out, nil
}

// current reports whether the result is about the claim as it is now.
func (f *finish) current(d *store.Domain) bool {
	return f.hasReport && d != nil && d.DeletedAt.IsZero() && d.Generation == f.attempt.Generation && !f.elsewhere(d)
}

// elsewhere reports whether the result is about a server that the claim has
// left meanwhile. That a frozen domain has no fresh proof is true there, too.
func (f *finish) elsewhere(d *store.Domain) bool {
	switch f.report.Method {
	case zonehold.MethodFile, zonehold.MethodTXTFile, zonehold.MethodMetaTag:
		return f.subject.port != d.Port && (f.report.Outcome == zonehold.OutcomeVerified || d.FrozenAt.IsZero())
	}
	return false
}

// end is what is written of the attempt.
func (f *finish) end(d *store.Domain, now time.Time) store.Finish {
	r := f.report
	e := store.Finish{
		Ref: f.attempt.Ref(), State: zonehold.AttemptDone, Method: r.Method, Outcome: r.Outcome,
		Problem: r.Problem, Notes: r.Notes, Steps: r.Steps, FinishedAt: now,
	}
	switch {
	case f.raced:
		e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, gone(d, r.Method), zonehold.OutcomeRefused
	case r.Outcome == zonehold.OutcomeVerified && !d.FrozenAt.IsZero() && !r.Method.Token():
		e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, frozenProblem(d), zonehold.OutcomeRefused
	}
	return e
}

// recheckPolicies reads what the accounts hold proofs to, where that makes a
// difference.
func (a *App) recheckPolicies(ctx context.Context, tx *store.Tx, domains map[string]*store.Domain, finishes []*finish) error {
	matters := func(f *finish) bool {
		d := domains[f.attempt.DomainID]
		return f.current(d) && d.State.Verified() && (f.outcome != zonehold.OutcomeVerified || !d.MissingSince.IsZero())
	}
	var ids []string
	for _, f := range finishes {
		f.recheck = zonehold.RecheckKeep
		if matters(f) {
			ids = append(ids, f.attempt.AccountID)
		}
	}
	policies, err := tx.RecheckPolicies(ctx, ids)
	if err != nil {
		return err
	}
	for _, f := range finishes {
		if policies[f.attempt.AccountID] == zonehold.RecheckOnce {
			f.recheck = zonehold.RecheckOnce
		}
	}
	return nil
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
