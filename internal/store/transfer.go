package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// States of a Transfer.
const (
	TransferOpen      = "open"
	TransferDone      = "done"
	TransferCancelled = "cancelled" // by either side
	TransferExpired   = "expired"
	TransferEnded     = "ended" // with the proof of the one who offered it
)

// Transfer is a domain that its account offers to another one.
type Transfer struct {
	ID          string
	DomainID    string // of the giver
	FromAccount string
	ToAccount   string // "": nobody is called so
	To          string // as the giver wrote it
	Hostname    zonehold.Hostname
	Generation  int64     // of the domain when it was offered
	ProvedAt    time.Time // of the domain when it was offered
	State       string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	EndedAt     time.Time // zero: open

	FromName string // of the account; read by Transfers and Transfer only
}

const transferColumns = `transfers.id, transfers.domain_id, transfers.from_account, transfers.to_account, transfers.to_text,
	transfers.hostname, transfers.generation, transfers.proved_at, transfers.state, transfers.created_at,
	transfers.expires_at, transfers.ended_at`

func scanTransferWith(row scanner, more ...any) (*Transfer, error) {
	var (
		t                               Transfer
		proved, created, expires, ended int64
	)
	err := row.Scan(append([]any{&t.ID, &t.DomainID, &t.FromAccount, &t.ToAccount, &t.To, &t.Hostname, &t.Generation,
		&proved, &t.State, &created, &expires, &ended}, more...)...)
	t.ProvedAt, t.CreatedAt, t.ExpiresAt, t.EndedAt = fromMicros(proved), fromMicros(created), fromMicros(expires), fromMicros(ended)
	return &t, err
}

func scanTransfer(row scanner) (*Transfer, error) { return scanTransferWith(row) }

func scanNamedTransfer(row scanner) (*Transfer, error) {
	var name string
	t, err := scanTransferWith(row, &name)
	t.FromName = name
	return t, err
}

// InsertTransfer adds an offer. The domain is locked. ErrExists: it has an open
// one.
func (tx *Tx) InsertTransfer(ctx context.Context, t *Transfer) error {
	_, err := tx.q.ExecContext(ctx, `INSERT INTO transfers (id, domain_id, from_account, to_account, to_text, hostname,
		generation, proved_at, state, created_at, expires_at, ended_at) VALUES `+list(1, 12),
		t.ID, t.DomainID, t.FromAccount, t.ToAccount, Text(t.To), string(t.Hostname), t.Generation, micros(t.ProvedAt),
		t.State, micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.EndedAt))
	if taken(err) {
		return ErrExists
	}
	return doing("storing an offer", err)
}

// OffersTo finds the open offers of the names of the given domains to their
// accounts. Call it before domains are locked; what it finds counts only with
// the domain of the offer held and the offer read again by StillOpen.
func (tx *Tx) OffersTo(ctx context.Context, domainIDs []string) ([]*Transfer, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + transferColumns + ` FROM v JOIN domains ON domains.id = v_id
		JOIN transfers ON transfers.to_account = domains.account_id AND transfers.hostname = domains.hostname AND transfers.state = 'open'
		ORDER BY transfers.id`}
	out, err := queryBulk(ctx, tx.s, tx.q, find, column1(domainIDs), scanTransfer)
	return out, doing("reading offers", err)
}

// StillOpen finds which offers are open. Their domains are locked, under which
// alone they change.
func (tx *Tx) StillOpen(ctx context.Context, ids []string) (map[string]bool, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT id FROM transfers WHERE state = 'open' AND id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(ids), scanText)
	out := make(map[string]bool, len(found))
	for _, id := range found {
		out[id] = true
	}
	return out, doing("reading offers", err)
}

// EndTransfer ends an open offer, and reports whether it was. Its domain is
// locked.
func (tx *Tx) EndTransfer(ctx context.Context, id, state string, at time.Time) (bool, error) {
	res, err := tx.q.ExecContext(ctx, "UPDATE transfers SET state = $1, ended_at = $2 WHERE id = $3 AND state = 'open'",
		state, micros(at), id)
	if err != nil {
		return false, fmt.Errorf("ending an offer: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, doing("ending an offer", err)
}

// EndTransfersOf ends the open offers of a domain, which is locked, and returns
// them.
func (tx *Tx) EndTransfersOf(ctx context.Context, domainID, state string, at time.Time) ([]*Transfer, error) {
	rows, err := tx.q.QueryContext(ctx, "UPDATE transfers SET state = $1, ended_at = $2 WHERE domain_id = $3 AND state = 'open' RETURNING "+
		transferColumns, state, micros(at), domainID)
	out, err := collect(rows, err, scanTransfer)
	return out, doing("ending offers", err)
}

// StaleTransfers lists open offers whose time is over or whose domain is not
// any more what it was when it was offered.
func (s *Store) StaleTransfers(ctx context.Context, now time.Time, limit int) ([]*Transfer, error) {
	rows, err := s.r.QueryContext(ctx, staleTransfers, micros(now), limit)
	out, err := collect(rows, err, scanTransfer)
	return out, doing("listing offers", err)
}

const staleTransfers = "SELECT " + transferColumns + ` FROM transfers JOIN domains ON domains.id = transfers.domain_id
	WHERE transfers.state = 'open' AND (transfers.expires_at <= $1 OR domains.deleted_at > 0 OR domains.frozen_at > 0
		OR domains.state NOT IN ('verified', 'at_risk') OR domains.generation <> transfers.generation
		OR domains.verified_at <> transfers.proved_at)
	ORDER BY transfers.id LIMIT $2`

const selectTransfer = "SELECT " + transferColumns + ", accounts.name FROM transfers JOIN accounts ON accounts.id = transfers.from_account "

// Transfer finds an offer of which the account is one side, or ErrNotFound.
func (s *Store) Transfer(ctx context.Context, accountID, id string) (*Transfer, error) {
	t, err := scanNamedTransfer(s.r.QueryRowContext(ctx, selectTransfer+
		"WHERE transfers.id = $1 AND (from_account = $2 OR to_account = $3)", Text(id), accountID, accountID))
	return t, missing("finding an offer", err)
}

// TransferFilter selects offers of which an account is one side.
type TransferFilter struct {
	AccountID string
	Open      bool // only those
	After     *DomainKey
	Limit     int
}

// Transfers lists offers, newest first.
func (s *Store) Transfers(ctx context.Context, f TransferFilter) ([]*Transfer, error) {
	where := []string{"(from_account = $1 OR to_account = $2)"}
	args := []any{f.AccountID, f.AccountID}
	if f.Open {
		where = append(where, "transfers.state = 'open'")
	}
	if k := f.After; k != nil {
		args = append(args, micros(k.Time), Text(k.ID))
		where = append(where, "(transfers.created_at, transfers.id) < ($3, $4)")
	}
	args = append(args, f.Limit)
	rows, err := s.r.QueryContext(ctx, selectTransfer+"WHERE "+strings.Join(where, " AND ")+
		fmt.Sprintf(" ORDER BY transfers.created_at DESC, transfers.id DESC LIMIT $%d", len(args)), args...)
	out, err := collect(rows, err, scanNamedTransfer)
	return out, doing("listing offers", err)
}

// OpenTransfersOf reads the open offers of a domain, which is locked.
func (tx *Tx) OpenTransfersOf(ctx context.Context, domainID string) ([]*Transfer, error) {
	rows, err := tx.q.QueryContext(ctx, "SELECT "+transferColumns+" FROM transfers WHERE domain_id = $1 AND state = 'open'", domainID)
	out, err := collect(rows, err, scanTransfer)
	return out, doing("reading offers", err)
}
