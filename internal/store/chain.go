package store

import (
	"context"
	"fmt"
	"time"
)

// ChainHead is the end of an account's chain of evidence.
type ChainHead struct {
	AccountID string
	Account   int64 // its number
	Seq       int64 // of the last link; 0: there is none
	Hash      [32]byte
	Cut       int64  // links up to it may be gone
	Check     string // signed note of the cut, JSON; "" with Cut 0
}

// Link is one link of a chain as it is stored. Package evidence has its
// meaning.
type Link struct {
	Account    int64
	Seq        int64
	AttemptID  string
	DomainID   string
	Hostname   string
	Method     string
	Outcome    string
	At         time.Time
	BodySHA256 [32]byte
	Previous   [32]byte
	Key        int64
	Signature  []byte
}

const headColumns = "accounts.id, accounts.number, accounts.chain_seq, accounts.chain_hash, accounts.chain_cut, accounts.checkpoint"

func scanHead(row scanner) (*ChainHead, error) {
	var (
		h    ChainHead
		hash []byte
	)
	if err := row.Scan(&h.AccountID, &h.Account, &h.Seq, &hash, &h.Cut, &h.Check); err != nil {
		return nil, err
	}
	copy(h.Hash[:], hash)
	return &h, nil
}

// LockChains reads the heads of the accounts' chains, by account id, and keeps
// them until the end of the transaction.
func (tx *Tx) LockChains(ctx context.Context, accountIDs []string) (map[string]*ChainHead, error) {
	lock := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + headColumns +
		" FROM accounts WHERE id IN (SELECT v_id FROM v) ORDER BY id" + tx.s.forUpdate}
	found, err := queryBulk(ctx, tx.s, tx.q, lock, column1(accountIDs), scanHead)
	if err != nil {
		return nil, fmt.Errorf("locking chains: %w", err)
	}
	out := make(map[string]*ChainHead, len(found))
	for _, h := range found {
		out[h.AccountID] = h
	}
	return out, nil
}

// Chain reads the head of an account's chain, or ErrNotFound.
func (s *Store) Chain(ctx context.Context, accountID string) (*ChainHead, error) {
	h, err := scanHead(s.r.QueryRowContext(ctx, "SELECT "+headColumns+" FROM accounts WHERE id = $1", accountID))
	return h, missing("reading a chain", err)
}

// AppendLinks writes links and the heads that they lead to.
func (tx *Tx) AppendLinks(ctx context.Context, heads map[string]*ChainHead, links []Link) error {
	rows := make([][]any, 0, len(heads))
	for _, h := range heads {
		rows = append(rows, []any{h.AccountID, h.Seq, h.Hash[:]})
	}
	if err := moveHeads.exec(ctx, tx.s, tx.q, rows); err != nil {
		return fmt.Errorf("writing the heads of chains: %w", err)
	}
	rows = make([][]any, len(links))
	for i := range links {
		l := &links[i]
		rows[i] = []any{l.Account, l.Seq, l.AttemptID, l.DomainID, l.Hostname, l.Method, l.Outcome, micros(l.At),
			l.BodySHA256[:], l.Previous[:], l.Key, l.Signature}
	}
	return doing("writing links", insertLinks.exec(ctx, tx.s, tx.q, rows))
}

var (
	moveHeads = bulk{types: "tib", text: `WITH v (v_id, v_seq, v_hash) AS ({rows})
		UPDATE accounts SET chain_seq = v_seq, chain_hash = v_hash FROM v WHERE id = v_id`}
	insertLinks = bulk{types: "iitttttibbib", text: "INSERT INTO chain (" + linkColumns + ") {rows}"}
)

const linkColumns = "account, seq, attempt_id, domain_id, hostname, method, outcome, at, body_sha256, previous, key, signature"

func scanLink(row scanner) (l Link, err error) {
	var (
		at             int64
		body, previous []byte
	)
	err = row.Scan(&l.Account, &l.Seq, &l.AttemptID, &l.DomainID, &l.Hostname, &l.Method, &l.Outcome, &at, &body, &previous, &l.Key, &l.Signature)
	l.At = fromMicros(at)
	copy(l.BodySHA256[:], body)
	copy(l.Previous[:], previous)
	return l, err
}

// Links reads the links of an account, by its number, after one, in order.
func (s *Store) Links(ctx context.Context, account, after int64, limit int) ([]Link, error) {
	return links(ctx, s.r, account, after, limit)
}

// Links is the same inside the transaction.
func (tx *Tx) Links(ctx context.Context, account, after int64, limit int) ([]Link, error) {
	return links(ctx, tx.q, account, after, limit)
}

func links(ctx context.Context, q conn, account, after int64, limit int) ([]Link, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+linkColumns+" FROM chain WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT $3", account, after, limit)
	out, err := collect(rows, err, scanLink)
	return out, doing("reading links", err)
}

// CutChain notes that the links of an account up to cut may go, and removes
// those whose evidence is gone, from the one after the cut before. The chain
// must be locked.
func (tx *Tx) CutChain(ctx context.Context, h *ChainHead, cut int64, check string) error {
	if _, err := tx.q.ExecContext(ctx, "UPDATE accounts SET chain_cut = $1, checkpoint = $2 WHERE id = $3", cut, check, h.AccountID); err != nil {
		return fmt.Errorf("cutting a chain: %w", err)
	}
	_, err := tx.q.ExecContext(ctx, `DELETE FROM chain WHERE account = $1 AND seq > $2 AND seq <= $3
		AND NOT EXISTS (SELECT 1 FROM evidence WHERE evidence.attempt_id = chain.attempt_id)`, h.Account, h.Cut, cut)
	return doing("cutting a chain", err)
}

// ChainsAfter lists the heads of chains that are not empty, by account id,
// from the one after that id on.
func (s *Store) ChainsAfter(ctx context.Context, accountID string, limit int) ([]*ChainHead, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+headColumns+" FROM accounts WHERE id > $1 AND chain_seq > chain_cut ORDER BY id LIMIT $2", accountID, limit)
	out, err := collect(rows, err, scanHead)
	return out, doing("listing chains", err)
}
