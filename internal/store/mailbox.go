package store

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

// Mailbox is a mail address of an account.
type Mailbox struct {
	zonehold.Mailbox
	// Sharers counts the accounts, this one included, that have a confirmed
	// address in the same mail domain; counted up to 1000.
	Sharers int
}

// Who confirmed an address.
const (
	ConfirmedByCode     = "code"
	ConfirmedByOperator = "operator"
)

// Mailboxes lists the addresses of an account, oldest first.
func (s *Store) Mailboxes(ctx context.Context, accountID string) ([]Mailbox, error) {
	return mailboxes(ctx, s.r, accountID)
}

// Mailboxes is the same inside the transaction.
func (tx *Tx) Mailboxes(ctx context.Context, accountID string) ([]Mailbox, error) {
	return mailboxes(ctx, tx.q, accountID)
}

func mailboxes(ctx context.Context, q conn, accountID string) ([]Mailbox, error) {
	rows, err := q.QueryContext(ctx, `SELECT account_id, address, confirmed_at, confirmed_by, created_at,
			(SELECT count(*) FROM (SELECT DISTINCT account_id FROM mailboxes AS other
				WHERE other.domain = own.domain AND other.confirmed_at > 0 ORDER BY account_id LIMIT 1000) AS sharers)
		FROM mailboxes AS own WHERE account_id = $1 ORDER BY created_at, target`, accountID)
	out, err := collect(rows, err, func(row scanner) (m Mailbox, err error) {
		var confirmed, created int64
		err = row.Scan(&m.AccountID, &m.Address, &confirmed, &m.ConfirmedBy, &created, &m.Sharers)
		m.ConfirmedAt, m.CreatedAt = fromMicros(confirmed), fromMicros(created)
		return m, err
	})
	return out, doing("listing mail addresses", err)
}

// AddMailbox notes an address that is not confirmed; one that is there stays
// as it is. It waits for who changes that one, so it comes before the lock of
// an account.
func (tx *Tx) AddMailbox(ctx context.Context, accountID string, address zonehold.MailAddress, now time.Time) error {
	_, err := tx.q.ExecContext(ctx, insertMailbox+" ON CONFLICT DO NOTHING",
		accountID, address.Key(), string(address), string(address.Domain()), int64(0), "", micros(now))
	return doing("storing a mail address", err)
}

// ConfirmMailbox notes that an address was confirmed, adding it if need be. One
// that the operator confirmed stays so.
func (tx *Tx) ConfirmMailbox(ctx context.Context, accountID string, address zonehold.MailAddress, by string, now time.Time) error {
	_, err := tx.q.ExecContext(ctx, insertMailbox+` ON CONFLICT (account_id, target) DO UPDATE
		SET confirmed_at = excluded.confirmed_at, confirmed_by = excluded.confirmed_by WHERE mailboxes.confirmed_by <> 'operator'`,
		accountID, address.Key(), string(address), string(address.Domain()), micros(now), by, micros(now))
	return doing("storing a mail address", err)
}

const insertMailbox = `INSERT INTO mailboxes (account_id, target, address, domain, confirmed_at, confirmed_by, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7)`

// firstMailbox makes the address of a new account one of its mailboxes. A text
// that is no address in our strict reading is kept for show only.
func (tx *Tx) firstMailbox(ctx context.Context, a zonehold.Account, now time.Time) error {
	address, err := zonehold.ParseMailAddress(a.Email)
	switch {
	case err != nil:
		return nil //nolint:nilerr // kept for show
	case a.EmailConfirmed:
		return tx.ConfirmMailbox(ctx, a.ID, address, ConfirmedByOperator, now)
	}
	return tx.AddMailbox(ctx, a.ID, address, now)
}

// DeleteMailbox forgets an address, or ErrNotFound.
func (tx *Tx) DeleteMailbox(ctx context.Context, accountID string, address zonehold.MailAddress) error {
	res, err := tx.q.ExecContext(ctx, "DELETE FROM mailboxes WHERE account_id = $1 AND target = $2", accountID, address.Key())
	if err != nil {
		return fmt.Errorf("forgetting a mail address: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return ErrNotFound
	}
	return nil
}
