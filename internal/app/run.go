package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/jobs"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Why a running check was ended from outside.
var (
	errCanceled  = errors.New("the domain has changed or is gone")
	errSuspended = errors.New("this node has lost its heartbeat")
	errStopping  = errors.New("this node is stopping")
)

// runs are the checks of this process, by attempt id.
type runs struct {
	mu        sync.Mutex
	free      int // slots for checks that start straight from their request
	active    map[string]*active
	stopping  bool // no new ones, for good
	suspended bool // no new ones until the heartbeat is back
	wg        sync.WaitGroup
}

type active struct {
	slot   bool
	cancel context.CancelCauseFunc // nil until it runs
	cause  error                   // canceled before it ran
}

// add registers a run, before it is claimed in the database. False: no slot
// is free, it runs here already, or nothing may start now.
func (r *runs) add(id string, slot bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping || r.suspended || slot && r.free == 0 || r.active[id] != nil {
		return false
	}
	if r.active == nil {
		r.active = map[string]*active{}
	}
	if slot {
		r.free--
	}
	r.active[id] = &active{slot: slot}
	r.wg.Add(1)
	return true
}

func (r *runs) release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.active[id]; run != nil {
		if run.slot {
			r.free++
		}
		delete(r.active, id)
		r.wg.Done()
	}
}

// begin gives a registered run its context.
func (r *runs) begin(id string, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.mu.Lock()
	if run := r.active[id]; run != nil {
		run.cancel = cancel
		if run.cause != nil {
			cancel(run.cause)
		}
	}
	r.mu.Unlock()
	limited, stop := context.WithTimeout(ctx, limit)
	return limited, func() { stop(); cancel(nil) }
}

func (r *runs) cancel(id string, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.active[id]; run != nil {
		run.end(cause)
	}
}

func (run *active) end(cause error) {
	if run.cause == nil {
		run.cause = cause
	}
	if run.cancel != nil {
		run.cancel(cause)
	}
}

// cancelAll ends every run.
func (r *runs) cancelAll(cause error) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.active {
		run.end(cause)
	}
	return len(r.active)
}

// stop takes no new runs any more; idle is closed when the last one ended.
func (r *runs) stop() (idle <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
	ended := make(chan struct{})
	go func() { r.wg.Wait(); close(ended) }()
	return ended
}

func (r *runs) suspend(suspended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspended = suspended
}

func (r *runs) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active[id] != nil
}

func (r *runs) slots() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping || r.suspended {
		return 0
	}
	return r.free
}

// cause says why a run was ended from outside, nil if it was not.
func (r *runs) cause(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.active[id]; run != nil {
		return run.cause
	}
	return nil
}

// reserve takes a slot for a check that is about to be stored.
func (a *App) reserve(id string) bool {
	if !a.cfg.Worker || !a.started.Load() {
		return false
	}
	select {
	case <-a.draining:
		return false
	default:
	}
	return a.runs.add(id, true)
}

// claim takes one queued attempt.
type claim struct {
	id      string
	attempt *store.Attempt // nil: somebody else has it, or it is finished
}

func (a *App) commitClaims(ctx context.Context, claims []*claim) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error {
		ids := make([]string, len(claims))
		for i, c := range claims {
			ids[i], c.attempt = c.id, nil
		}
		got, err := tx.Claim(ctx, ids, a.nodeID(), a.now())
		if err != nil {
			return err
		}
		for _, at := range got {
			for _, c := range claims {
				if c.id == at.ID {
					c.attempt = at
				}
			}
		}
		return nil
	})
}

// runJob looks after an attempt that the queue delivered. Most often there is
// nothing to do: it started straight from its request.
func (a *App) runJob(ctx context.Context, attemptID string) error {
	if !a.runs.add(attemptID, false) {
		if a.runs.has(attemptID) {
			return nil
		}
		return errors.New("no work is taken now")
	}
	return a.take(ctx, attemptID)
}

// take claims a registered attempt and runs it.
func (a *App) take(ctx context.Context, attemptID string) error {
	c := &claim{id: attemptID}
	if err := a.claims.do(c); err != nil || c.attempt == nil {
		a.runs.release(attemptID)
		return err
	}
	domains, err := a.store.DomainsByID(ctx, []string{c.attempt.DomainID})
	if err != nil {
		// The attempt is ours but not run; the reaper gives it back.
		a.runs.release(attemptID)
		return err
	}
	a.run(c.attempt, domains[c.attempt.DomainID], nil)
	return nil
}

// oldTokens are those of several domains, by id; nil: not read yet.
type oldTokens map[string][]store.OldToken

// run checks a claimed, registered attempt and writes its result.
func (a *App) run(at *store.Attempt, d *store.Domain, old oldTokens) {
	defer a.runs.release(at.ID)
	defer func() { // the reaper gives the attempt back, and maxRuns ends it
		if r := recover(); r != nil {
			a.log.Error("a run panicked", "attempt", at.ID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	a.cfg.Observer.AttemptStarted(at.StartedAt.Sub(at.ReadyAt))
	ctx, cancel := a.runs.begin(at.ID, a.timing.attempt)
	defer cancel()
	f := &finish{attempt: at}
	if d != nil && d.DeletedAt.IsZero() && d.Generation == at.Generation {
		var (
			report  diagnose.Report
			secrets []string
			err     error
		)
		if at.Run > maxRuns {
			a.log.Error("a check was started too often without an end", "attempt", at.ID, "runs", at.Run)
			report = faultReport(at, d.Hostname, "the check was begun several times and never came to an end")
		} else if report, secrets, err = a.check(ctx, at, d, old); err != nil && a.runs.cause(at.ID) == nil {
			a.giveBack(at) // it runs again when the database is back
			return
		}
		f.subject = a.subjectOf(d, report.Method)
		f.take(report, secrets)
	}
	switch cause := a.runs.cause(at.ID); {
	case cause == nil:
		a.finish(f)
	case errors.Is(cause, errStopping):
		a.giveBack(at)
	}
	// A run that was canceled for its domain is finished in the database; one
	// that lost its heartbeat belongs to others by now.
}

// check runs the method. What goes wrong on our side becomes a verdict that
// changes nothing, except that an error says that the database is away.
func (a *App) check(ctx context.Context, at *store.Attempt, d *store.Domain, old oldTokens) (diagnose.Report, []string, error) {
	var (
		standing *verify.Standing
		err      error
	)
	// What an account has matters to no method that looks for something placed,
	// and of a frozen domain only new tokens count.
	if !isPlaced(at.Requested) && d.FrozenAt.IsZero() {
		if standing, err = a.standing(ctx, d); err != nil {
			a.log.Error("what is known of an account cannot be read", "attempt", at.ID, "err", err)
			return faultReport(at, d.Hostname, "our database did not answer"), nil, away(err)
		}
	}
	claim := claimOf(d, standing)
	claim.VerifiedBefore = verifiedBefore(d, at.Requested)
	claim.FormerServers = readServed(d.DNSHost).Former
	if claim.Siblings, err = a.siblings(ctx, d); err != nil {
		a.log.Error("other names of an account cannot be read", "attempt", at.ID, "err", err) // they only help to explain
	}
	if old == nil {
		if old, err = a.store.OldTokens(ctx, d); err != nil {
			a.log.Error("old tokens cannot be read", "attempt", at.ID, "err", err)
			return faultReport(at, d.Hostname, "our database did not answer"), nil, away(err)
		}
	}
	for _, t := range old[d.ID] {
		claim.Old = append(claim.Old, verify.OldToken(t))
	}
	if claim.BasicUser = d.BasicUser; claim.BasicUser != "" {
		if claim.BasicPassword, err = a.store.BasicPassword(d); err != nil {
			a.log.Error("a password cannot be read", "attempt", at.ID, "err", err)
			return faultReport(at, d.Hostname, "the stored password for the site cannot be read"), nil, nil
		}
	}
	kit := *a.cfg.Kit
	kit.OtherClaim = func(ctx context.Context, value string) bool {
		other, err := a.store.TokenOfOtherClaim(ctx, value, d.AccountID, d.Hostname)
		return err == nil && other
	}
	done := make(chan diagnose.Report, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				a.log.Error("a check panicked", "attempt", at.ID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				done <- faultReport(at, d.Hostname, "the check broke off with a fault in our program")
			}
		}()
		if automatic(at) {
			done <- a.cfg.CheckAutomatic(ctx, &kit, claim)
			return
		}
		// A retry looks at what is on record, too.
		if at.Retry && at.Requested != "" && a.mayProve(claim) {
			if r := a.cfg.CheckAutomatic(ctx, &kit, claim); r.Outcome == zonehold.OutcomeVerified {
				done <- r
				return
			}
		}
		done <- a.cfg.Check(ctx, &kit, at.Requested, claim)
	}()
	secrets := basicSecrets(claim.BasicUser, claim.BasicPassword)
	select {
	case report := <-done:
		report, err = a.corroborate(ctx, at, d, claim, report)
		return report, secrets, err
	case <-ctx.Done():
	}
	// Methods end with their context; one that does not must not hold the
	// attempt.
	select {
	case report := <-done:
		report, err = a.corroborate(ctx, at, d, claim, report) // for which no time is left, which is no way around it
		return report, secrets, err
	case <-time.After(2 * time.Second):
		a.log.Error("a check did not end in time", "attempt", at.ID, "method", at.Requested)
		return faultReport(at, d.Hostname, "the check did not end in time"), secrets, nil
	}
}

// away is the error if it says that the database cannot work at the moment.
func away(err error) error {
	if store.FaultOf(err) == "" {
		return nil
	}
	return err
}

// verifiedBefore is when a proof by a method was seen last, so that one that was
// removed is called so.
func verifiedBefore(d *store.Domain, m zonehold.Method) time.Time {
	if i := spareOf(d, m); i >= 0 {
		return d.Spares[i].SeenAt
	}
	if d.Method == "" || m != d.Method || !d.FrozenAt.IsZero() {
		return time.Time{}
	}
	if d.SeenAt.IsZero() { // proved before that was written down
		return d.VerifiedAt
	}
	return d.SeenAt
}

// maxSiblings bounds the other names in which a record may have landed.
const maxSiblings = 20

// siblings are other names of the account that differ from a claim in what
// follows the registrable label: example.net and www.example.net for
// www.example.com. They help to explain what is not proved.
func (a *App) siblings(ctx context.Context, d *store.Domain) ([]zonehold.Hostname, error) {
	registrable, ok := d.Hostname.Registrable()
	if !ok || d.State.Verified() {
		return nil, nil
	}
	label, _, _ := strings.Cut(registrable, ".")
	texts := []string{label + "."}
	if before := strings.TrimSuffix(string(d.Hostname), registrable); before != "" {
		texts = append(texts, before+label+".")
	}
	names, err := a.store.Beginning(ctx, d.AccountID, texts, maxSiblings)
	names = slices.DeleteFunc(names, func(name zonehold.Hostname) bool {
		other, ok := name.Registrable()
		return !ok || other == registrable || !strings.HasPrefix(other, label+".")
	})
	return names[:min(len(names), maxSiblings)], err
}

func faultReport(at *store.Attempt, name zonehold.Hostname, detail string) diagnose.Report {
	p := problem.New("verifier_fault", problem.Facts{problem.FactDomain: string(name), problem.FactDetail: detail})
	return diagnose.Report{Method: at.Requested, Outcome: zonehold.OutcomeInconclusive, Problem: &p, StartedAt: at.StartedAt}
}

// take puts a report into the form it is stored in.
func (f *finish) take(r diagnose.Report, secrets []string) {
	f.report = r
	f.hasReport = true
	f.evidence = packEvidence(f.subject, f.attempt, r, secrets)
	f.served = servedBy(r)
}

// finish writes a result, again if the database is away for a while. When it
// stays away the reaper gives the attempt back to the queue.
func (a *App) finish(f *finish) {
	wait := 50 * time.Millisecond
	for try := 0; ; try++ {
		err := a.keepBlobs(context.Background(), f)
		if err == nil {
			err = a.finishes.do(f)
		}
		if err == nil {
			break
		}
		if try == 6 || a.runs.cause(f.attempt.ID) != nil {
			a.log.Error("a result cannot be stored", "attempt", f.attempt.ID, "err", err)
			return
		}
		time.Sleep(wait)
		wait *= 3
	}
	keys := []string{f.attempt.ID}
	if f.events > 0 {
		keys = append(keys, f.attempt.AccountID)
	}
	a.wake.ring(keys...)
	if f.applied {
		a.cfg.Observer.AttemptFinished(string(f.method), string(f.outcome), a.now().Sub(f.attempt.StartedAt))
	} else {
		a.cfg.Observer.AttemptFinished(string(f.attempt.Requested), "", a.now().Sub(f.attempt.StartedAt))
	}
}

// giveBack returns a run to the queue when this node stops.
func (a *App) giveBack(at *store.Attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := a.requeue(ctx, []store.Ref{at.Ref()}); err != nil {
		a.log.Warn("a check could not be given back to the queue; another node will take it over", "attempt", at.ID, "err", err)
	}
}

// requeue makes runs available again, those that still are as given.
func (a *App) requeue(ctx context.Context, refs []store.Ref) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error {
		now := a.now()
		ids, err := tx.Requeue(ctx, refs, now)
		if err != nil {
			return err
		}
		work := make([]jobs.Job, len(ids))
		for i, id := range ids {
			work[i].AttemptID = id
		}
		numbers, err := a.jobs.Insert(ctx, tx, work)
		if err != nil {
			return err
		}
		return tx.SetJobs(ctx, ids, numbers)
	})
}

// isPlaced reports whether a method looks for something that was placed.
func isPlaced(m zonehold.Method) bool {
	return slices.ContainsFunc(verify.Placed(), func(p verify.Method) bool { return p.Name() == m })
}
