package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// LockAccount locks an account's row until the end of the transaction.
func (tx *Tx) LockAccount(ctx context.Context, id string) error {
	var got string
	err := tx.q.QueryRowContext(ctx, "SELECT id FROM accounts WHERE id = $1"+tx.s.forUpdate, id).Scan(&got)
	return missing("locking an account", err)
}

// LockAccounts locks the rows of several accounts, in order, so that no two
// transactions wait for each other.
func (tx *Tx) LockAccounts(ctx context.Context, ids []string) error {
	lock := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT id FROM accounts WHERE id IN (SELECT v_id FROM v) ORDER BY id" + tx.s.forUpdate}
	_, err := queryBulk(ctx, tx.s, tx.q, lock, column1(ids), scanText)
	return doing("locking accounts", err)
}

// AppendEvents numbers and stores events, in the order given. It locks the
// accounts until the end of the transaction, so that the order of the numbers
// is the order of the commits; call it last.
func (tx *Tx) AppendEvents(ctx context.Context, events []*zonehold.Event) error {
	if len(events) == 0 {
		return nil
	}
	count := map[string]int64{}
	for _, e := range events {
		count[e.AccountID]++
	}
	ids := make([]string, 0, len(count))
	for id := range count {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	rows := column1(ids)
	if tx.s.forUpdate != "" && len(ids) > 1 {
		if err := tx.LockAccounts(ctx, ids); err != nil {
			return err
		}
	}
	for i, id := range ids {
		rows[i] = append(rows[i], count[id])
	}
	type last struct {
		id      string
		seq     int64
		outlets int64
	}
	number := bulk{types: "ti", text: `WITH v (v_id, v_n) AS ({rows})
		UPDATE accounts SET event_seq = event_seq + v_n FROM v WHERE id = v_id RETURNING id, event_seq, outlets`}
	found, err := queryBulk(ctx, tx.s, tx.q, number, rows, func(row scanner) (l last, err error) {
		err = row.Scan(&l.id, &l.seq, &l.outlets)
		return l, err
	})
	if err != nil {
		return fmt.Errorf("numbering events: %w", err)
	}
	if len(found) != len(ids) {
		return fmt.Errorf("numbering events: account: %w", ErrNotFound)
	}
	next := map[string]int64{}
	var told []string
	for _, l := range found {
		next[l.id] = l.seq - count[l.id]
		if l.outlets > 0 {
			told = append(told, l.id)
		}
	}
	if err := tx.toOutbox(ctx, told); err != nil {
		return err
	}
	rows = make([][]any, len(events))
	for i, e := range events {
		next[e.AccountID]++
		e.Seq = next[e.AccountID]
		rows[i] = []any{e.AccountID, e.Seq, e.ID, string(e.Type), e.DomainID, Text(string(e.Data)), micros(e.CreatedAt)}
	}
	return doing("storing events", insertEvents.exec(ctx, tx.s, tx.q, rows))
}

var insertEvents = bulk{types: "tittt" + "ti", text: "INSERT INTO events (account_id, seq, id, type, domain_id, data, created_at) {rows}"}

// Events lists the account's events after the event with id after ("": from
// the first), oldest first. ErrNotFound: no such event.
func (s *Store) Events(ctx context.Context, accountID, after string, limit int) ([]zonehold.Event, error) {
	seq := int64(0)
	if after != "" {
		err := s.r.QueryRowContext(ctx, "SELECT seq FROM events WHERE id = $1 AND account_id = $2",
			Text(after), accountID).Scan(&seq)
		if err != nil {
			return nil, missing("finding an event", err)
		}
	}
	rows, err := s.r.QueryContext(ctx, `SELECT id, account_id, seq, type, domain_id, created_at, data FROM events
		WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, accountID, seq, limit)
	out, err := collect(rows, err, scanEvent)
	return out, doing("listing events", err)
}

func scanEvent(row scanner) (e zonehold.Event, err error) {
	var (
		created int64
		data    string
	)
	err = row.Scan(&e.ID, &e.AccountID, &e.Seq, &e.Type, &e.DomainID, &created, &data)
	e.CreatedAt, e.Data = fromMicros(created), []byte(data)
	return e, err
}

// Prune deletes events and idempotency keys older than the given times.
func (s *Store) Prune(ctx context.Context, events, keys time.Time) error {
	if _, err := s.w.ExecContext(ctx, "DELETE FROM events WHERE created_at < $1", micros(events)); err != nil {
		return fmt.Errorf("deleting old events: %w", err)
	}
	_, err := s.w.ExecContext(ctx, "DELETE FROM idempotency WHERE created_at < $1", micros(keys))
	return doing("deleting old idempotency keys", err)
}
