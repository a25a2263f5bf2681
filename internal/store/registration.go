package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

// Registration is what is watched of one registrable domain, shared by all
// claims on it and below.
type Registration struct {
	Name       zonehold.Hostname
	AddedAt    time.Time
	DueAt      time.Time
	AskedAt    time.Time // last try; zero: none yet
	AnsweredAt time.Time // last one of which everything was seen
	ChangedAt  time.Time // last sign of another owner; zero: none
	Fails      int       // tries in a row that saw nothing of the registry
	Seen       json.RawMessage

	// A freeze of the claims that is under way: all with ids up to
	// FreezeAfter are done.
	FreezeReason zonehold.FreezeReason
	FreezeAt     time.Time
	FreezeAfter  string
}

const registrationColumns = `name, added_at, due_at, asked_at, answered_at, changed_at, fails, seen, freeze_reason,
	freeze_at, freeze_after`

func scanRegistration(row scanner) (*Registration, error) {
	var (
		r                                               Registration
		seen                                            string
		added, due, asked, answered, changed, at, fails int64
	)
	err := row.Scan(&r.Name, &added, &due, &asked, &answered, &changed, &fails, &seen, &r.FreezeReason, &at, &r.FreezeAfter)
	r.AddedAt, r.DueAt, r.AskedAt, r.AnsweredAt = fromMicros(added), fromMicros(due), fromMicros(asked), fromMicros(answered)
	r.ChangedAt, r.FreezeAt, r.Fails = fromMicros(changed), fromMicros(at), int(fails)
	if seen != "" {
		r.Seen = json.RawMessage(seen)
	}
	return &r, err
}

// WatchRegistrations has these names watched, and looked at soon where they are
// watched already.
func (tx *Tx) WatchRegistrations(ctx context.Context, names []string, due time.Time) error {
	rows := column1(names)
	for i := range rows {
		rows[i] = append(rows[i], micros(due))
	}
	watch := bulk{types: "ti", text: `WITH v (v_name, v_due) AS ({rows})
		INSERT INTO registrations (name, added_at, due_at, asked_at, answered_at, changed_at, fails, seen, freeze_reason, freeze_at, freeze_after)
		SELECT v_name, v_due, v_due, 0, 0, 0, 0, '', '', 0, '' FROM v WHERE v_name <> '' ORDER BY v_name
		ON CONFLICT (name) DO UPDATE SET due_at = CASE WHEN registrations.due_at < excluded.due_at THEN registrations.due_at
			ELSE excluded.due_at END`}
	return doing("watching registrations", watch.exec(ctx, tx.s, tx.q, rows))
}

// DueRegistrations lists those that are to be looked at, longest first.
func (s *Store) DueRegistrations(ctx context.Context, now time.Time, limit int) ([]*Registration, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+registrationColumns+" FROM registrations WHERE due_at <= $1 ORDER BY due_at, name LIMIT $2",
		micros(now), limit)
	out, err := collect(rows, err, scanRegistration)
	return out, doing("listing registrations", err)
}

// Registration finds what is watched of a name, or ErrNotFound.
func (s *Store) Registration(ctx context.Context, name zonehold.Hostname) (*Registration, error) {
	r, err := scanRegistration(s.r.QueryRowContext(ctx, "SELECT "+registrationColumns+" FROM registrations WHERE name = $1", string(name)))
	return r, missing("reading a registration", err)
}

// LockRegistration does so and keeps other transactions from changing it.
// Domains are locked before.
func (tx *Tx) LockRegistration(ctx context.Context, name zonehold.Hostname) (*Registration, error) {
	r, err := scanRegistration(tx.q.QueryRowContext(ctx, "SELECT "+registrationColumns+" FROM registrations WHERE name = $1"+tx.s.forUpdate,
		string(name)))
	return r, missing("reading a registration", err)
}

// UpdateRegistration writes what LockRegistration returned.
func (tx *Tx) UpdateRegistration(ctx context.Context, r *Registration) error {
	_, err := tx.q.ExecContext(ctx, `UPDATE registrations SET due_at = $1, asked_at = $2, answered_at = $3, changed_at = $4,
		fails = $5, seen = $6, freeze_reason = $7, freeze_at = $8, freeze_after = $9 WHERE name = $10`,
		micros(r.DueAt), micros(r.AskedAt), micros(r.AnsweredAt), micros(r.ChangedAt), int64(r.Fails), Text(string(r.Seen)),
		string(r.FreezeReason), micros(r.FreezeAt), r.FreezeAfter, string(r.Name))
	return doing("storing a registration", err)
}

// ForgetRegistration ends the watch of a name.
func (tx *Tx) ForgetRegistration(ctx context.Context, name zonehold.Hostname) error {
	_, err := tx.q.ExecContext(ctx, "DELETE FROM registrations WHERE name = $1", string(name))
	return doing("forgetting a registration", err)
}

// ProvedUnder lists the ids of the claims of all accounts on a name and below
// it whose proof stands, in order, those after the given one.
func (tx *Tx) ProvedUnder(ctx context.Context, name zonehold.Hostname, after string, limit int) ([]string, error) {
	return claimsUnder(ctx, tx.q, name, time.Time{}, after, limit)
}

// ProvedUnder is the same outside of a transaction.
func (s *Store) ProvedUnder(ctx context.Context, name zonehold.Hostname, after string, limit int) ([]string, error) {
	return claimsUnder(ctx, s.r, name, time.Time{}, after, limit)
}

// ClaimsUnder lists them with those that were made before a time, proved or not.
func (tx *Tx) ClaimsUnder(ctx context.Context, name zonehold.Hostname, made time.Time, after string, limit int) ([]string, error) {
	return claimsUnder(ctx, tx.q, name, made, after, limit)
}

func claimsUnder(ctx context.Context, q conn, name zonehold.Hostname, made time.Time, after string, limit int) ([]string, error) {
	from := reversed(name)
	rows, err := q.QueryContext(ctx, selectUnder, from, from+"/", from, from+".", micros(made), after, limit) // "/" follows "."
	out, err := collect(rows, err, scanText)
	if err != nil {
		return nil, fmt.Errorf("reading claims below a name: %w", err)
	}
	return out, nil
}

const selectUnder = `SELECT id FROM domains WHERE deleted_at = 0 AND hostname_reversed >= $1
	AND hostname_reversed < $2 AND (hostname_reversed = $3 OR hostname_reversed >= $4)
	AND (state IN ('verified', 'at_risk') OR created_at < $5) AND id > $6 ORDER BY id LIMIT $7`
