package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Kinds of outlets.
const (
	KindWebhook = "webhook"
	KindMail    = "mail"
)

// Outlet is where the events of an account go: a webhook, or a reader of mail.
type Outlet struct {
	ID        string
	AccountID string
	Kind      string
	Enabled   bool
	// Patterns say which events it takes: "domain.verified", "domain.*", "*".
	// None: all but attempt.completed.
	Patterns     []string
	FailingSince time.Time // zero: the last try went well
	Slow         bool      // it asked for fewer requests
	PauseUntil   time.Time
}

// Wants reports whether the outlet takes events of the type.
func (o *Outlet) Wants(t zonehold.EventType) bool {
	if t == zonehold.EventWebhookTest {
		return false // made for one outlet only
	}
	if len(o.Patterns) == 0 {
		return t != zonehold.EventAttemptCompleted
	}
	return slices.ContainsFunc(o.Patterns, func(pattern string) bool {
		head, star := strings.CutSuffix(pattern, "*")
		return star && strings.HasPrefix(string(t), head) || pattern == string(t)
	})
}

const outletColumns = "outlets.id, outlets.account_id, outlets.kind, outlets.enabled, outlets.patterns, outlets.failing_since, outlets.slow, outlets.pause_until"

func (o *Outlet) fields(enabled, failing, slow, pause *int64, patterns *string) []any {
	return []any{&o.ID, &o.AccountID, &o.Kind, enabled, patterns, failing, slow, pause}
}

func scanOutletWith(row scanner, more ...any) (*Outlet, error) {
	var (
		o                             Outlet
		enabled, failing, slow, pause int64
		patterns                      string
	)
	if err := row.Scan(append(o.fields(&enabled, &failing, &slow, &pause, &patterns), more...)...); err != nil {
		return nil, err
	}
	o.Enabled, o.Slow = enabled != 0, slow != 0
	o.FailingSince, o.PauseUntil = fromMicros(failing), fromMicros(pause)
	return &o, fromJSON(patterns, &o.Patterns)
}

func scanOutlet(row scanner) (*Outlet, error) { return scanOutletWith(row) }

// AddOutlet adds an outlet, which gets the events from now on. It locks the
// account. ErrNotFound: no such account; ErrExists: the id is taken.
func (tx *Tx) AddOutlet(ctx context.Context, o *Outlet) error {
	seq, err := tx.countOutlets(ctx, o.AccountID, flag(o.Enabled))
	if err != nil {
		return err
	}
	_, err = tx.q.ExecContext(ctx, `INSERT INTO outlets (id, account_id, kind, enabled, patterns, after_seq, failing_since, slow, pause_until)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0)`, o.ID, o.AccountID, o.Kind, flag(o.Enabled), Text(toJSON(o.Patterns)), seq)
	if taken(err) {
		return ErrExists
	}
	return doing("storing an outlet", err)
}

// countOutlets changes the number of outlets that take events and gives the
// number of the account's last event.
func (tx *Tx) countOutlets(ctx context.Context, accountID string, change int64) (seq int64, err error) {
	err = tx.q.QueryRowContext(ctx, "UPDATE accounts SET outlets = outlets + $1 WHERE id = $2 RETURNING event_seq",
		change, accountID).Scan(&seq)
	return seq, missing("counting outlets", err)
}

// Outlet finds an outlet, or ErrNotFound.
func (tx *Tx) Outlet(ctx context.Context, id string) (*Outlet, error) {
	o, err := scanOutlet(tx.q.QueryRowContext(ctx, "SELECT "+outletColumns+" FROM outlets WHERE id = $1", Text(id)))
	return o, missing("finding an outlet", err)
}

// holdOutlet finds an outlet and locks its account, under which alone it
// changes.
func (tx *Tx) holdOutlet(ctx context.Context, id string) (*Outlet, error) {
	o, err := tx.Outlet(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := tx.LockAccount(ctx, o.AccountID); err != nil {
		return nil, err
	}
	return tx.Outlet(ctx, id) // it may have changed before the lock
}

// Outlets lists the outlets of an account of one kind.
func (s *Store) Outlets(ctx context.Context, accountID, kind string) ([]*Outlet, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+outletColumns+" FROM outlets WHERE account_id = $1 AND kind = $2 ORDER BY id", accountID, kind)
	out, err := collect(rows, err, scanOutlet)
	return out, doing("listing outlets", err)
}

// SetOutlet changes which events an outlet takes and whether it takes any. One
// that is enabled again gets the events from now on, and is forgiven. It locks
// the account; what was under way for one that is disabled is canceled.
func (tx *Tx) SetOutlet(ctx context.Context, id string, enabled bool, patterns []string, now time.Time) error {
	o, err := tx.holdOutlet(ctx, id)
	if err != nil {
		return err
	}
	if _, err := tx.q.ExecContext(ctx, "UPDATE outlets SET patterns = $1 WHERE id = $2", Text(toJSON(patterns)), id); err != nil {
		return fmt.Errorf("changing an outlet: %w", err)
	}
	switch {
	case enabled == o.Enabled:
		return nil
	case enabled:
		seq, err := tx.countOutlets(ctx, o.AccountID, 1)
		if err != nil {
			return err
		}
		_, err = tx.q.ExecContext(ctx, "UPDATE outlets SET enabled = 1, after_seq = $1, failing_since = 0, slow = 0, pause_until = 0 WHERE id = $2", seq, id)
		return doing("enabling an outlet", err)
	}
	if _, err := tx.countOutlets(ctx, o.AccountID, -1); err != nil {
		return err
	}
	if _, err := tx.q.ExecContext(ctx, "UPDATE outlets SET enabled = 0 WHERE id = $1", id); err != nil {
		return fmt.Errorf("disabling an outlet: %w", err)
	}
	_, err = tx.q.ExecContext(ctx, `UPDATE deliveries SET state = 'canceled', ended_at = $1, due_at = 0
		WHERE outlet_id = $2 AND state = 'waiting' AND once = 0`, micros(now), id)
	return doing("canceling deliveries", err)
}

// DeleteOutlet forgets an outlet and its deliveries, or ErrNotFound. It locks
// the account.
func (tx *Tx) DeleteOutlet(ctx context.Context, id string) error {
	o, err := tx.holdOutlet(ctx, id)
	if err != nil {
		return err
	}
	if o.Enabled {
		if _, err := tx.countOutlets(ctx, o.AccountID, -1); err != nil {
			return err
		}
	}
	if _, err := tx.q.ExecContext(ctx, "DELETE FROM outlets WHERE id = $1", id); err != nil {
		return fmt.Errorf("forgetting an outlet: %w", err)
	}
	_, err = tx.q.ExecContext(ctx, "DELETE FROM deliveries WHERE outlet_id = $1", id)
	return doing("forgetting deliveries", err)
}

// outboxBatch bounds the events that one transaction fans out.
const outboxBatch = 200

// Outbox lists accounts that have events which were not fanned out, after the
// one given.
func (s *Store) Outbox(ctx context.Context, after string, limit int) ([]string, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT account_id FROM outbox WHERE account_id > $1 ORDER BY account_id LIMIT $2", after, limit)
	ids, err := collect(rows, err, scanText)
	return ids, doing("looking into the outbox", err)
}

// FanOut makes deliveries of the next events of an account. An event meets
// each outlet once, whoever fans out; more says that there are others left.
func (s *Store) FanOut(ctx context.Context, accountID string, now time.Time) (made int, more bool, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		made, more = 0, false
		// With this lock nobody else fans out, and no event of the account is
		// being written.
		if err := tx.LockAccount(ctx, accountID); err != nil {
			return err
		}
		rows, err := tx.q.QueryContext(ctx, "SELECT "+outletColumns+", outlets.after_seq FROM outlets WHERE account_id = $1 AND enabled = 1 ORDER BY id", accountID)
		type reader struct {
			*Outlet
			seq int64
		}
		readers, err := collect(rows, err, func(row scanner) (r reader, err error) {
			r.Outlet, err = scanOutletWith(row, &r.seq)
			return r, err
		})
		if err != nil {
			return fmt.Errorf("listing outlets: %w", err)
		}
		var out [][]any
		if len(readers) > 0 {
			from := readers[0].seq
			for _, r := range readers {
				from = min(from, r.seq)
			}
			events, err := tx.eventHeads(ctx, accountID, from, outboxBatch)
			if err != nil {
				return err
			}
			last := from
			for _, e := range events {
				last = e.Seq
				for _, r := range readers {
					if e.Seq > r.seq && r.Wants(e.Type) {
						out = append(out, newDelivery(r.Outlet, e, now))
					}
				}
			}
			if err := insertDeliveries.exec(ctx, s, tx.q, out); err != nil {
				return fmt.Errorf("storing deliveries: %w", err)
			}
			if _, err := tx.q.ExecContext(ctx, "UPDATE outlets SET after_seq = $1 WHERE account_id = $2 AND enabled = 1 AND after_seq < $1", last, accountID); err != nil {
				return fmt.Errorf("moving outlets on: %w", err)
			}
			if made, more = len(out), len(events) == outboxBatch; more {
				return nil
			}
		}
		_, err = tx.q.ExecContext(ctx, "DELETE FROM outbox WHERE account_id = $1", accountID)
		return doing("emptying the outbox", err)
	})
	return made, more, doing("fanning out events", err)
}

// eventHeads reads events without their data.
func (tx *Tx) eventHeads(ctx context.Context, accountID string, after int64, limit int) ([]zonehold.Event, error) {
	rows, err := tx.q.QueryContext(ctx, "SELECT id, account_id, seq, type, created_at FROM events WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
		accountID, after, limit)
	out, err := collect(rows, err, func(row scanner) (e zonehold.Event, err error) {
		var created int64
		err = row.Scan(&e.ID, &e.AccountID, &e.Seq, &e.Type, &created)
		e.CreatedAt = fromMicros(created)
		return e, err
	})
	return out, doing("reading events", err)
}

func newDelivery(o *Outlet, e zonehold.Event, now time.Time) []any {
	return []any{zonehold.NewID(zonehold.PrefixDelivery), o.AccountID, o.ID, o.Kind, e.ID, string(e.Type), e.Seq, micros(now)}
}

var insertDeliveries = bulk{types: "ttttttii", text: `WITH v (v_id, v_account, v_outlet, v_kind, v_event, v_type, v_seq, v_now) AS ({rows})
	INSERT INTO deliveries (id, account_id, outlet_id, kind, event_id, event_type, event_seq, state, once, run, rung, tries, due_at, lease_until, created_at, ended_at)
	SELECT v_id, v_account, v_outlet, v_kind, v_event, v_type, v_seq, 'waiting', 0, 0, 0, '', v_now, 0, v_now, 0 FROM v WHERE 1 = 1
	ON CONFLICT DO NOTHING`}

// toOutbox notes that accounts have events to be fanned out.
func (tx *Tx) toOutbox(ctx context.Context, accounts []string) error {
	if len(accounts) == 0 {
		return nil
	}
	insert := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) INSERT INTO outbox (account_id) SELECT v_id FROM v WHERE 1 = 1 ON CONFLICT DO NOTHING"}
	if err := insert.exec(ctx, tx.s, tx.q, column1(accounts)); err != nil {
		return fmt.Errorf("filling the outbox: %w", err)
	}
	tx.AfterCommit(tx.s.RingOutbox)
	return nil
}

// RingOutbox tells this process that there may be something to fan out or to
// deliver.
func (s *Store) RingOutbox() {
	select {
	case s.outbox <- struct{}{}:
	default: // it is told already
	}
}

// OutboxRang has a value when something is to be fanned out. One reader.
func (s *Store) OutboxRang() <-chan struct{} { return s.outbox }
