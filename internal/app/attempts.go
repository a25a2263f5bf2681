package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/jobs"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// StartAttempt begins a check; method "" tries every applicable one.
// KindConflict with Attempt set when one is under way.
func (a *App) StartAttempt(ctx context.Context, actor zonehold.Actor, ref string, method zonehold.Method, trigger zonehold.Trigger) (*Attempt, error) {
	if err := allow(actor, zonehold.ScopeChecksRun); err != nil {
		return nil, err
	}
	if method != "" {
		m, ok := verify.Lookup(method)
		if !ok {
			return nil, invalid("method", "This method cannot be asked for here. Leave it out to try every one that applies.")
		}
		method = m.Name()
	}
	switch trigger {
	case "":
		trigger = zonehold.TriggerRequest
	case zonehold.TriggerRequest, zonehold.TriggerPage:
	default:
		return nil, invalid("trigger", "A check by hand has the trigger request or page.")
	}
	id := ref
	if !zonehold.ValidID(zonehold.PrefixDomain, ref) {
		d, err := a.find(ctx, actor.Account.ID, ref)
		if err != nil {
			return nil, err
		}
		id = d.ID
	}
	s := newStart(actor.Account.ID, id, method, trigger)
	s.by = &actor
	if err := a.launch(ctx, s); err != nil {
		return nil, err
	}
	return attemptView(s.attempt), nil
}

// launch stores a start and, if a slot is free here, runs it at once.
func (a *App) launch(ctx context.Context, s *start) error {
	if a.reserve(s.attempt.ID) {
		s.node = a.nodeID()
	}
	err := a.starts.do(s)
	if err == nil {
		err = s.err
	}
	if err != nil {
		if s.node != "" {
			a.runs.release(s.attempt.ID)
		}
		return a.ours(ctx, "domain", err)
	}
	if s.node != "" {
		go a.run(s.attempt, s.domain, nil)
	}
	a.wake.ring(s.attempt.ID)
	return nil
}

// Attempt finds one attempt.
func (a *App) Attempt(ctx context.Context, actor zonehold.Actor, id string) (*Attempt, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead, zonehold.ScopeChecksRun); err != nil {
		return nil, err
	}
	at, err := a.store.Attempt(ctx, actor.Account.ID, id)
	if err != nil {
		return nil, a.ours(ctx, "attempt", err)
	}
	return attemptView(at), nil
}

// readLimit bounds a read that outlives the wait of its caller.
const readLimit = 10 * time.Second

// WaitAttempt returns the attempt when it is finished or when ctx ends,
// whichever is first.
func (a *App) WaitAttempt(ctx context.Context, actor zonehold.Actor, id string) (*Attempt, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead, zonehold.ScopeChecksRun); err != nil {
		return nil, err
	}
	return a.wait(ctx, actor.Account.ID, id)
}

func (a *App) wait(ctx context.Context, accountID, id string) (*Attempt, error) {
	always := context.WithoutCancel(ctx)
	// Another process may run it: look now and then, at first more often.
	next := a.timing.poll / 8
	poll := time.NewTimer(next)
	defer poll.Stop()
	for waiting := true; ; {
		rang, stop := a.wake.listen(id)
		read, cancel := context.WithTimeout(always, readLimit)
		at, err := a.store.Attempt(read, accountID, id)
		cancel()
		if err != nil || at.State.Finished() || !waiting {
			stop()
			return attemptView(at), a.ours(ctx, "attempt", err)
		}
		select {
		case <-rang:
		case <-poll.C:
			next = min(next*2, a.timing.poll)
			poll.Reset(next)
		case <-ctx.Done():
			waiting = false
		case <-a.draining:
			waiting = false
		}
		stop()
	}
}

const attemptsOrder = "-attempts"

// Attempts lists the attempts of a domain, newest first.
func (a *App) Attempts(ctx context.Context, actor zonehold.Actor, ref string, limit int, cursor string) (Page[*Attempt], error) {
	var page Page[*Attempt]
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return page, err
	}
	limit, err := checkLimit(limit)
	if err != nil {
		return page, err
	}
	if limit == 0 {
		limit = 500
	}
	var from place
	if cursor != "" {
		if from, err = parseCursor(cursor, attemptsOrder); err != nil {
			return page, err
		}
	}
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return page, err
	}
	var created time.Time
	if from.ID != "" {
		created = from.time()
	}
	found, err := a.store.Attempts(ctx, d.ID, created, from.ID, limit+1)
	if err != nil {
		return page, a.ours(ctx, "attempt", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: attemptsOrder, Time: last.CreatedAt.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*Attempt, len(found))
	for i, at := range found {
		page.Items[i] = attemptView(at)
	}
	return page, nil
}

// start is one attempt to be stored.
type start struct {
	attempt *store.Attempt
	by      *zonehold.Actor // who asks for it; nil: nobody does
	node    string          // "": the queue delivers it
	domain  *store.Domain   // as locked; set by commitStarts
	err     error           // why this one cannot start
}

func newStart(accountID, domainID string, method zonehold.Method, trigger zonehold.Trigger) *start {
	return &start{attempt: &store.Attempt{
		Attempt:   zonehold.Attempt{ID: zonehold.NewID(zonehold.PrefixAttempt), DomainID: domainID, Method: method, Trigger: trigger},
		AccountID: accountID, Requested: method,
	}}
}

// plan chooses what a scheduled check tries.
func (s *start) plan() {
	d, at := s.domain, s.attempt
	at.Retry = false
	switch {
	case d.State.Verified():
		at.Requested = turnOf(d)
		at.Retry = at.Requested == ""
	case !d.TriesEndAt.IsZero():
		at.Requested, at.Retry = d.TriesMethod, true
	default: // nobody has asked: what may be known of it
		at.Requested = ""
	}
	at.Method = at.Requested
}

// target is the name whose budget a check uses.
func target(name zonehold.Hostname) string {
	if registrable, ok := name.Registrable(); ok {
		return registrable
	}
	return string(name)
}

// commitStarts writes attempts and their jobs.
func (a *App) commitStarts(ctx context.Context, starts []*start) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error { return a.startsIn(ctx, tx, starts) })
}

// startsIn does so inside a transaction that holds no domains but theirs.
func (a *App) startsIn(ctx context.Context, tx *store.Tx, starts []*start) error {
	ids := make([]string, len(starts))
	for i, s := range starts {
		ids[i] = s.attempt.DomainID
	}
	domains, err := tx.LockDomains(ctx, ids)
	if err != nil {
		return err
	}
	under, err := tx.Unfinished(ctx, ids)
	if err != nil {
		return err
	}
	var (
		now     = a.now()
		budget  = budgets{app: a, tx: tx, now: now}
		begun   []*store.Attempt
		waiting []*store.Attempt // those with a job, in the order of work
		asked   []store.Audit
		work    []jobs.Job
		later   = map[string]time.Time{} // next checks of domains
		dropped []string                 // domains whose attempt gives way
		touched []string                 // domains of which only the plan changes
	)
	for _, s := range starts {
		d, at := domains[s.attempt.DomainID], s.attempt
		s.domain, s.err = d, nil
		if d == nil || !d.DeletedAt.IsZero() || d.AccountID != at.AccountID {
			s.err = notFound("domain")
			continue
		}
		at.Registrable = target(d.Hostname)
		other := under[d.ID]
		if other != nil && (other.Retry || automatic(other)) && at.Trigger != zonehold.TriggerSchedule {
			// What somebody asks for does not wait for what nobody did.
			dropped = append(dropped, d.ID)
			other = nil
		}
		if other != nil {
			s.err = &Error{Kind: KindConflict, Attempt: attemptView(other), Message: "A check of this domain is under way. Wait for its end."}
			continue
		}
		if at.Trigger == zonehold.TriggerSchedule {
			if d.NextCheckAt.IsZero() || d.NextCheckAt.After(now) {
				s.err = errNotDue
				continue
			}
			s.plan()
			if at.Retry {
				wait, err := budget.takeRetry(ctx, at, d.Tries)
				if err != nil {
					return err
				}
				if wait > 0 {
					s.err = errPutOff
					touched = append(touched, d.ID)
					later[d.ID] = now.Add(wait)
					continue
				}
			}
			later[d.ID] = now.Add(recheckSoon)
		} else if at.Trigger == zonehold.TriggerCreate {
			// Outside of the budgets: nobody asked for it, it runs once for a
			// claim, and it touches no target unless the account has a proved
			// domain above it, a right given to it, or a connection of its own.
		} else if s.err, err = budget.take(ctx, at); err != nil {
			return err
		} else if s.err != nil {
			continue
		}
		at.Generation, at.CreatedAt, at.ReadyAt = d.Generation, now, now
		at.State, at.NodeID, at.Run, at.StartedAt, at.JobID = zonehold.AttemptQueued, "", 0, time.Time{}, 0
		under[d.ID] = at
		begun = append(begun, at)
		job := jobs.Job{AttemptID: at.ID, Background: at.Trigger == zonehold.TriggerSchedule}
		if s.node != "" {
			// It runs here at once; the queue looks after it later.
			at.State, at.NodeID, at.Run, at.StartedAt = zonehold.AttemptRunning, s.node, 1, now
			job.At = now.Add(a.timing.net)
		}
		// A scheduled check that runs needs no job: who finds its node silent
		// puts it into the queue.
		if s.node == "" || at.Trigger != zonehold.TriggerSchedule {
			waiting, work = append(waiting, at), append(work, job)
		}
		if s.by != nil {
			asked = append(asked, a.auditEntry(*s.by, "attempt.start", at.ID, map[string]any{
				"name": string(d.Hostname), "domain_id": d.ID, "method": string(at.Requested), "trigger": string(at.Trigger),
			}))
		}
	}
	if err := a.drop(ctx, tx, dropped, now); err != nil {
		return err
	}
	ids = nil // from here on, those that begin
	numbers, err := a.jobs.Insert(ctx, tx, work)
	if err != nil {
		return err
	}
	for i, at := range waiting {
		at.JobID = numbers[i]
	}
	for _, at := range begun {
		ids = append(ids, at.DomainID)
	}
	if err := tx.InsertAttempts(ctx, begun); err != nil {
		return err
	}
	if err := tx.InsertAudit(ctx, asked...); err != nil {
		return err
	}
	// So that the same check is not found due again while it runs; its end
	// plans the next one.
	if err := tx.SetNextChecks(ctx, later); err != nil {
		return err
	}
	return tx.Touch(ctx, append(ids, touched...))
}

// drop cancels unfinished attempts of domains.
func (a *App) drop(ctx context.Context, tx *store.Tx, domainIDs []string, now time.Time) error {
	for _, id := range domainIDs {
		canceled, err := tx.CancelUnfinished(ctx, id, now)
		if err != nil {
			return err
		}
		if err := a.jobs.Delete(ctx, tx, jobIDs(canceled)); err != nil {
			return err
		}
		for _, at := range canceled {
			tx.AfterCommit(func() {
				a.runs.cancel(at.ID, errCanceled)
				a.wake.ring(at.ID)
			})
		}
	}
	return nil
}

// automatic reports whether nobody asked for the attempt and it tries only
// methods for which nothing is placed.
func automatic(at *store.Attempt) bool {
	return at.Requested == "" && !at.Retry && (at.Trigger == zonehold.TriggerCreate || at.Trigger == zonehold.TriggerSchedule)
}

var (
	errNotDue = errors.New("not due any more")
	errPutOff = errors.New("put off, as the target has been asked enough")
)

// budgets hold requested checks to their limits, per account and per target
// over all accounts (threat T12), over a sliding time.
type budgets struct {
	app              *App
	tx               *store.Tx
	now              time.Time
	accounts, target map[string]int // taken by this transaction, not yet stored
}

// take counts one check. The first result is a refusal.
func (b *budgets) take(ctx context.Context, at *store.Attempt) (refusal, err error) {
	b.begin()
	limits := []struct {
		taken  map[string]int
		key    string
		limit  int
		window time.Duration
		nth    func(context.Context, string, int, time.Time) (time.Time, error)
		text   string
	}{
		{b.accounts, at.AccountID, b.app.cfg.ChecksPerMinute, time.Minute, b.tx.NthCheckOfAccount,
			"The account has asked for %d checks within a minute, which is the limit."},
		{b.target, at.Registrable, b.app.cfg.TargetChecksPerHour, time.Hour, b.tx.NthCheckOfTarget,
			"This domain and the names below it were checked %d times within an hour, which is the limit."},
	}
	for _, l := range limits {
		if l.limit < 0 {
			continue
		}
		refusal := &Error{Kind: KindRateLimited, RetryAfter: l.window, Message: fmt.Sprintf(l.text, l.limit)}
		left := l.limit - l.taken[l.key]
		if left <= 0 {
			return refusal, nil
		}
		// A place is free again when the oldest of the last ones is too old.
		since := b.now.Add(-l.window)
		oldest, err := l.nth(ctx, l.key, left, since)
		if err != nil {
			return nil, err
		}
		if !oldest.IsZero() {
			refusal.RetryAfter = max(oldest.Sub(since), time.Second)
			return refusal, nil
		}
	}
	for _, l := range limits {
		if l.limit >= 0 {
			l.taken[l.key]++
		}
	}
	return nil, nil
}

func (b *budgets) begin() {
	if b.accounts == nil {
		b.accounts, b.target = map[string]int{}, map[string]int{}
	}
}

// takeRetry counts a retry, for which half of the target's budget is there:
// what people ask for has the rest to itself. wait is how long to put it off;
// 0: it may begin.
func (b *budgets) takeRetry(ctx context.Context, at *store.Attempt, tries int) (wait time.Duration, err error) {
	b.begin()
	limit := b.app.cfg.TargetChecksPerHour
	if limit < 0 {
		return 0, nil
	}
	left := max(limit/2, 1) - b.target[at.Registrable]
	oldest := b.now
	if left > 0 {
		since := b.now.Add(-time.Hour)
		if oldest, err = b.tx.NthCheckOfTarget(ctx, at.Registrable, left, since); err != nil {
			return 0, err
		}
		if oldest.IsZero() {
			b.target[at.Registrable]++
			return 0, nil
		}
	}
	// Spread, as all that wait for the place would come back at once; those that
	// were tried least come first.
	spread := 10 * time.Minute * time.Duration(1+min(tries, 8))
	return max(oldest.Add(time.Hour).Sub(b.now), time.Minute) + within(spread), nil
}
