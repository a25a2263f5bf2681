package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// Attempt is an attempt with its explanation and its place in the queue.
type Attempt struct {
	zonehold.Attempt
	Problem     *problem.Problem
	Notes       []problem.Problem
	AccountID   string
	Registrable string          // name whose budget the check uses
	Generation  int64           // of the domain when the attempt was made
	Requested   zonehold.Method // "": every applicable one
	NodeID      string          // who runs it
	Run         int64           // counts the starts; with NodeID it fences results
	JobID       int64           // River's; 0: none
	ReadyAt     time.Time       // queued ones may start from then on
	// Retry: a scheduled check of a claim that is not proved, at places where
	// something may have been put. It counts for its target like one that was
	// asked for (threat T12).
	Retry bool
}

// Ref identifies one run of an attempt.
type Ref struct {
	ID     string
	NodeID string
	Run    int64
}

// Ref of the current run.
func (a *Attempt) Ref() Ref { return Ref{ID: a.ID, NodeID: a.NodeID, Run: a.Run} }

const attemptColumns = `id, account_id, domain_id, registrable, generation, requested, method, cause, state,
	outcome, problem, notes, steps, node_id, run, job_id, created_at, ready_at, started_at, finished_at`

// Without the steps, which are long.
const attemptColumnsShort = `id, account_id, domain_id, registrable, generation, requested, method, cause, state,
	outcome, problem, notes, '', node_id, run, job_id, created_at, ready_at, started_at, finished_at`

// causeRetry is how the trigger of a Retry is stored.
const causeRetry = "retry"

func (a *Attempt) cause() string {
	if a.Retry {
		return causeRetry
	}
	return string(a.Trigger)
}

func scanAttempt(row scanner) (*Attempt, error) {
	var (
		a                                 Attempt
		cause, notes, steps               string
		created, ready, started, finished int64
	)
	err := row.Scan(&a.ID, &a.AccountID, &a.DomainID, &a.Registrable, &a.Generation, &a.Requested, &a.Method,
		&a.Trigger, &a.State, &a.Outcome, &cause, &notes, &steps, &a.NodeID, &a.Run, &a.JobID, &created, &ready,
		&started, &finished)
	if err != nil {
		return nil, err
	}
	if a.Trigger == causeRetry {
		a.Trigger, a.Retry = zonehold.TriggerSchedule, true
	}
	a.CreatedAt, a.ReadyAt = fromMicros(created), fromMicros(ready)
	a.StartedAt, a.FinishedAt = fromMicros(started), fromMicros(finished)
	if err := fromJSON(cause, &a.Problem); err != nil {
		return nil, err
	}
	if err := fromJSON(notes, &a.Notes); err != nil {
		return nil, err
	}
	return &a, fromJSON(steps, &a.Steps)
}

// InsertAttempts adds attempts. The domains must be locked and have no
// unfinished attempt (see Unfinished).
func (tx *Tx) InsertAttempts(ctx context.Context, attempts []*Attempt) error {
	rows := make([][]any, len(attempts))
	for i, a := range attempts {
		rows[i] = []any{a.ID, a.AccountID, a.DomainID, a.Registrable, a.Generation, string(a.Requested),
			string(a.Method), a.cause(), string(a.State), string(a.Outcome), "", "", "", a.NodeID, a.Run,
			a.JobID, micros(a.CreatedAt), micros(a.ReadyAt), micros(a.StartedAt), micros(a.FinishedAt)}
	}
	err := insertAttempts.exec(ctx, tx.s, tx.q, rows)
	if taken(err) {
		return ErrExists
	}
	return doing("storing attempts", err)
}

var insertAttempts = bulk{types: "ttttittttttttt" + "iiiiii", text: "INSERT INTO attempts (" + attemptColumns + ") {rows}"}

// Attempt finds an attempt of the account with its steps, or ErrNotFound.
func (s *Store) Attempt(ctx context.Context, accountID, id string) (*Attempt, error) {
	a, err := scanAttempt(s.r.QueryRowContext(ctx, "SELECT "+attemptColumns+
		" FROM attempts WHERE id = $1 AND account_id = $2", Text(id), accountID))
	return a, missing("finding an attempt", err)
}

// AttemptsByID reads attempts without their steps.
func (s *Store) AttemptsByID(ctx context.Context, ids []string) (map[string]*Attempt, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + attemptColumnsShort +
		" FROM attempts WHERE id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, s, s.r, find, column1(ids), scanAttempt)
	if err != nil {
		return nil, fmt.Errorf("reading attempts: %w", err)
	}
	out := make(map[string]*Attempt, len(found))
	for _, a := range found {
		out[a.ID] = a
	}
	return out, nil
}

// Unfinished finds the queued or running attempt of each domain that has one,
// by domain id.
func (s *Store) Unfinished(ctx context.Context, domainIDs []string) (map[string]*Attempt, error) {
	return s.unfinished(ctx, s.r, domainIDs)
}

// Unfinished is the same inside the transaction.
func (tx *Tx) Unfinished(ctx context.Context, domainIDs []string) (map[string]*Attempt, error) {
	return tx.s.unfinished(ctx, tx.q, domainIDs)
}

func (s *Store) unfinished(ctx context.Context, q conn, domainIDs []string) (map[string]*Attempt, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + attemptColumnsShort +
		" FROM attempts WHERE state IN ('queued', 'running') AND domain_id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, s, q, find, column1(domainIDs), scanAttempt)
	if err != nil {
		return nil, fmt.Errorf("reading unfinished attempts: %w", err)
	}
	out := make(map[string]*Attempt, len(found))
	for _, a := range found {
		out[a.DomainID] = a
	}
	return out, nil
}

// Attempts lists the attempts of a domain, newest first, from the one before
// (created, id) on; a zero time begins at the newest.
func (s *Store) Attempts(ctx context.Context, domainID string, created time.Time, id string, limit int) ([]*Attempt, error) {
	before := micros(created)
	if created.IsZero() {
		before = 1<<62 - 1
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+attemptColumns+` FROM attempts
		WHERE domain_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`,
		domainID, before, Text(id), limit)
	out, err := collect(rows, err, scanAttempt)
	return out, doing("listing attempts", err)
}

// NthCheckOfAccount returns when the n-th newest check that the account asked
// for was made, counting back from now; zero when there are fewer since.
func (tx *Tx) NthCheckOfAccount(ctx context.Context, accountID string, n int, since time.Time) (time.Time, error) {
	return tx.nthCheck(ctx, "account_id", accountID, " AND cause <> 'retry'", n, since)
}

// NthCheckOfTarget is the same for a registrable domain, over all accounts and
// with retries.
func (tx *Tx) NthCheckOfTarget(ctx context.Context, registrable string, n int, since time.Time) (time.Time, error) {
	return tx.nthCheck(ctx, "registrable", registrable, "", n, since)
}

func (tx *Tx) nthCheck(ctx context.Context, column, value, but string, n int, since time.Time) (time.Time, error) {
	var at int64
	err := tx.q.QueryRowContext(ctx, "SELECT created_at FROM attempts WHERE "+column+
		" = $1 AND cause <> 'schedule' AND cause <> 'create'"+but+" AND created_at > $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3",
		value, micros(since), n-1).Scan(&at)
	if err = missing("counting checks", err); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return fromMicros(at), err
}

// Claim starts those of the queued attempts that are still queued, for one
// node, and returns them as they are now.
func (tx *Tx) Claim(ctx context.Context, ids []string, nodeID string, now time.Time) ([]*Attempt, error) {
	rows := column1(ids)
	for i := range rows {
		rows[i] = append(rows[i], nodeID, micros(now))
	}
	start := bulk{types: "tti", text: `WITH v (v_id, v_node, v_at) AS ({rows})
		UPDATE attempts SET state = 'running', node_id = v_node, run = run + 1, started_at = v_at
		FROM v WHERE id = v_id AND state = 'queued' RETURNING ` + attemptColumns}
	out, err := queryBulk(ctx, tx.s, tx.q, start, rows, scanAttempt)
	return out, doing("starting attempts", err)
}

// StillRunning finds which runs nobody has taken away, and keeps it so until
// the end of the transaction.
func (tx *Tx) StillRunning(ctx context.Context, refs []Ref) (map[string]bool, error) {
	rows := make([][]any, len(refs))
	for i, r := range refs {
		rows[i] = []any{r.ID, r.NodeID, r.Run}
	}
	find := bulk{types: "tti", text: `WITH v (v_id, v_node, v_run) AS ({rows}) SELECT id FROM attempts
		WHERE state = 'running' AND EXISTS (SELECT 1 FROM v WHERE v_id = id AND v_node = node_id AND v_run = run)
		ORDER BY id` + tx.s.forUpdate}
	ids, err := queryBulk(ctx, tx.s, tx.q, find, rows, scanText)
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, doing("reading running attempts", err)
}

// Finish is the end of one run of an attempt.
type Finish struct {
	Ref
	State      zonehold.AttemptState // done or canceled
	Method     zonehold.Method
	Outcome    zonehold.Outcome
	Problem    *problem.Problem
	Notes      []problem.Problem
	Steps      []zonehold.Step
	FinishedAt time.Time
}

// Finish ends those attempts that still run as the given run on the given
// node, and returns their ids. A result of a run that was taken away is so
// dropped.
func (tx *Tx) Finish(ctx context.Context, list []Finish) (map[string]bool, error) {
	done := make(map[string]bool, len(list))
	rows := make([][]any, len(list))
	for i, f := range list {
		cause, notes, steps := "", "", ""
		if f.Problem != nil {
			cause = Text(toJSON(f.Problem))
		}
		if len(f.Notes) > 0 {
			notes = Text(toJSON(f.Notes))
		}
		if len(f.Steps) > 0 {
			steps = Text(toJSON(f.Steps))
		}
		rows[i] = []any{f.ID, f.NodeID, f.Run, string(f.State), string(f.Method), string(f.Outcome),
			cause, notes, steps, micros(f.FinishedAt)}
	}
	ids, err := queryBulk(ctx, tx.s, tx.q, finishAttempts, rows, scanText)
	for _, id := range ids {
		done[id] = true
	}
	return done, doing("finishing attempts", err)
}

var finishAttempts = bulk{types: "ttittttt" + "ti", text: `WITH v (v_id, v_node, v_run, v_state, v_method, v_outcome, v_problem,
		v_notes, v_steps, v_at) AS ({rows})
	UPDATE attempts SET state = v_state, method = v_method, outcome = v_outcome, problem = v_problem,
		notes = v_notes, steps = v_steps, finished_at = v_at
	FROM v WHERE id = v_id AND state = 'running' AND node_id = v_node AND run = v_run RETURNING id`}

func scanText(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

// CancelUnfinished ends the unfinished attempts of a domain without a result.
func (tx *Tx) CancelUnfinished(ctx context.Context, domainID string, at time.Time) ([]*Attempt, error) {
	rows, err := tx.q.QueryContext(ctx, `UPDATE attempts SET state = 'canceled', finished_at = $1
		WHERE domain_id = $2 AND state IN ('queued', 'running') RETURNING `+attemptColumns, micros(at), domainID)
	out, err := collect(rows, err, scanAttempt)
	return out, doing("canceling attempts", err)
}

// Requeue gives runs back to the queue, those that still are as given, ready
// at the given time, and returns the ids.
func (tx *Tx) Requeue(ctx context.Context, refs []Ref, ready time.Time) ([]string, error) {
	rows := make([][]any, len(refs))
	for i, r := range refs {
		rows[i] = []any{r.ID, r.NodeID, r.Run, micros(ready)}
	}
	requeue := bulk{types: "ttii", text: `WITH v (v_id, v_node, v_run, v_ready) AS ({rows})
		UPDATE attempts SET state = 'queued', node_id = '', ready_at = v_ready, started_at = 0
		FROM v WHERE id = v_id AND state = 'running' AND node_id = v_node AND run = v_run RETURNING id`}
	out, err := queryBulk(ctx, tx.s, tx.q, requeue, rows, scanText)
	return out, doing("requeueing attempts", err)
}

// SetJobs notes River's job of each attempt.
func (tx *Tx) SetJobs(ctx context.Context, ids []string, jobs []int64) error {
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{id, jobs[i]}
	}
	note := bulk{types: "ti", text: "WITH v (v_id, v_job) AS ({rows}) UPDATE attempts SET job_id = v_job FROM v WHERE id = v_id"}
	return doing("noting jobs", note.exec(ctx, tx.s, tx.q, rows))
}

// RunningOn lists the runs of a node.
func (s *Store) RunningOn(ctx context.Context, nodeID string) ([]*Attempt, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+attemptColumnsShort+
		" FROM attempts WHERE state = 'running' AND node_id = $1 LIMIT 1000", nodeID)
	out, err := collect(rows, err, scanAttempt)
	return out, doing("listing running attempts", err)
}

// LateAttempts lists queued attempts that have been ready since before the
// given time, longest first.
func (s *Store) LateAttempts(ctx context.Context, before time.Time, limit int) ([]string, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id FROM attempts WHERE state = 'queued' AND ready_at < $1
		ORDER BY ready_at LIMIT $2`, micros(before), limit)
	out, err := collect(rows, err, scanText)
	return out, doing("listing late attempts", err)
}

// QueueDepth counts the unfinished attempts.
func (s *Store) QueueDepth(ctx context.Context) (queued, running int, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM attempts WHERE state = 'queued'),
		(SELECT count(*) FROM attempts WHERE state = 'running')`).Scan(&queued, &running)
	return queued, running, doing("counting attempts", err)
}
