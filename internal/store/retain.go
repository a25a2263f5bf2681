package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

// OldAttempt is what retention has to know of an attempt.
type OldAttempt struct {
	ID         string
	CreatedAt  time.Time
	FinishedAt time.Time // zero: not finished
	Evidence   bool
	Changed    bool // it changed the state of its domain
	Standing   bool // it is the last one of its domain, or one that a proof of it rests on
}

// AttemptsAfter lists attempts by id, which is the order in which they were
// made, from the one after that id on.
func (s *Store) AttemptsAfter(ctx context.Context, id string, limit int) ([]OldAttempt, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT attempts.id, attempts.created_at, attempts.finished_at, attempts.outcome,
			evidence.attempt_id IS NOT NULL, coalesce(evidence.changed, 0), domains.last_attempt_id, domains.verified_at, domains.spares, domains.deleted_at
		FROM attempts JOIN domains ON domains.id = attempts.domain_id LEFT JOIN evidence ON evidence.attempt_id = attempts.id
		WHERE attempts.id > $1 ORDER BY attempts.id LIMIT $2`, id, limit)
	out, err := collect(rows, err, func(row scanner) (OldAttempt, error) {
		var (
			a                                             OldAttempt
			outcome, last, spares                         string
			created, finished, verified, deleted, changed int64
		)
		if err := row.Scan(&a.ID, &created, &finished, &outcome, &a.Evidence, &changed, &last, &verified, &spares, &deleted); err != nil {
			return a, err
		}
		a.CreatedAt, a.FinishedAt, a.Changed = fromMicros(created), fromMicros(finished), changed != 0
		if deleted != 0 {
			return a, nil
		}
		a.Standing = last == a.ID || outcome == string(zonehold.OutcomeVerified) && finished == verified
		var proofs []zonehold.Proof
		if err := fromJSON(spares, &proofs); err != nil {
			return a, err
		}
		for _, p := range proofs {
			a.Standing = a.Standing || p.AttemptID == a.ID
		}
		return a, nil
	})
	return out, doing("listing old attempts", err)
}

// ForgetAttempts removes finished attempts with their evidence, and those of
// their links that the chain was cut behind already.
func (s *Store) ForgetAttempts(ctx context.Context, ids []string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		rows := column1(ids)
		for _, text := range []string{
			`DELETE FROM chain WHERE (account, seq) IN (SELECT accounts.number, evidence.seq FROM evidence
				JOIN attempts ON attempts.id = evidence.attempt_id JOIN accounts ON accounts.id = attempts.account_id
				WHERE evidence.attempt_id IN (SELECT v_id FROM v) AND evidence.seq > 0 AND evidence.seq <= accounts.chain_cut)`,
			"DELETE FROM evidence WHERE attempt_id IN (SELECT v_id FROM v)",
			"DELETE FROM attempts WHERE id IN (SELECT v_id FROM v) AND state NOT IN ('queued', 'running')",
		} {
			forget := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) " + text}
			if err := forget.exec(ctx, s, tx.q, rows); err != nil {
				return fmt.Errorf("forgetting attempts: %w", err)
			}
		}
		return nil
	})
}

// ForgetBlobs removes blobs that were used last before the given time.
func (s *Store) ForgetBlobs(ctx context.Context, before time.Time) error {
	_, err := s.w.ExecContext(ctx, "DELETE FROM blobs WHERE seen_at < $1", micros(before))
	return doing("forgetting blobs", err)
}

// Progress is how far a pass over everything has come.
type Progress struct {
	Position string
	BeganAt  time.Time
	DoneAt   time.Time // zero: it is under way
}

// RetentionProgress reads it; all zero before the first pass.
func (s *Store) RetentionProgress(ctx context.Context, name string) (p Progress, err error) {
	var began, done int64
	err = s.r.QueryRowContext(ctx, "SELECT position, began_at, done_at FROM retention WHERE name = $1", name).Scan(&p.Position, &began, &done)
	if err = missing("reading how far retention is", err); errors.Is(err, ErrNotFound) {
		return Progress{}, nil
	}
	p.BeganAt, p.DoneAt = fromMicros(began), fromMicros(done)
	return p, err
}

// NoteRetention writes it.
func (s *Store) NoteRetention(ctx context.Context, name string, p Progress) error {
	_, err := s.w.ExecContext(ctx, `INSERT INTO retention (name, position, began_at, done_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET position = $2, began_at = $3, done_at = $4`, name, p.Position, micros(p.BeganAt), micros(p.DoneAt))
	return doing("noting how far retention is", err)
}
