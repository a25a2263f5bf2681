package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// MailCode is a code that was mailed. The code itself is not kept: only its
// hash under the secret key, so that who reads the database cannot find a
// short code by trying.
type MailCode struct {
	ID         string // mco_…
	AccountID  string
	DomainID   string // "": it confirms an address of the account
	Generation int64  // of the domain when the code was asked for
	Address    zonehold.MailAddress
	Hash       []byte
	Tries      int // wrong and right ones
	CreatedAt  time.Time
	SentAt     time.Time // zero: not handed over, it does not count
	ExpiresAt  time.Time
	UsedAt     time.Time // zero: not used
}

const mailCodeColumns = `id, account_id, domain_id, generation, address, hash, tries, created_at, sent_at, expires_at, used_at`

func scanMailCode(row scanner) (*MailCode, error) {
	var (
		c                            MailCode
		created, sent, expires, used int64
	)
	err := row.Scan(&c.ID, &c.AccountID, &c.DomainID, &c.Generation, &c.Address, &c.Hash, &c.Tries,
		&created, &sent, &expires, &used)
	c.CreatedAt, c.SentAt = fromMicros(created), fromMicros(sent)
	c.ExpiresAt, c.UsedAt = fromMicros(expires), fromMicros(used)
	return &c, err
}

// HashCode is the hash of a code for one MailCode, by its id.
func (s *Store) HashCode(id, code string) ([]byte, error) {
	if err := s.vault.open(); err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, s.vault.mac)
	fmt.Fprintf(h, "%s\n%s", id, code)
	return h.Sum(nil), nil
}

// mailCodeLock is the advisory lock under which codes are counted, so that
// two requests at once cannot both take the last place.
const mailCodeLock = 0x7a6f6e656d61696c

// LockMailCodes keeps other transactions from counting codes until the end of
// this one.
func (tx *Tx) LockMailCodes(ctx context.Context) error {
	if tx.pg == nil {
		return nil
	}
	_, err := tx.q.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(mailCodeLock))
	return doing("locking mailed codes", err)
}

// The parties whose codes are counted.
const (
	CodesOfAccount = "account_id"
	CodesOfAddress = "target" // see CodeTarget
	CodesOfDomain  = "domain" // of the address
)

// CodeTarget is whose mailbox an address is, for counting: what follows a plus
// sign is a matter of the same person.
func CodeTarget(address zonehold.MailAddress) string {
	local, domain, _ := strings.Cut(address.Key(), "@")
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	return local + "@" + domain
}

// NthMailCode returns when the n-th newest code of a party, over all accounts,
// was asked for since then; zero when there are fewer.
func (tx *Tx) NthMailCode(ctx context.Context, party, value string, n int, since time.Time) (time.Time, error) {
	switch party {
	case CodesOfAccount, CodesOfAddress, CodesOfDomain:
	default:
		return time.Time{}, fmt.Errorf("counting codes of %q", party)
	}
	var at int64
	err := tx.q.QueryRowContext(ctx, "SELECT coalesce((SELECT created_at FROM mail_codes WHERE "+party+
		" = $1 AND created_at > $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3), 0)",
		value, micros(since), n-1).Scan(&at)
	return fromMicros(at), doing("counting codes", err)
}

// InsertMailCode adds a code that is not sent yet.
func (tx *Tx) InsertMailCode(ctx context.Context, c *MailCode) error {
	_, err := tx.q.ExecContext(ctx, `INSERT INTO mail_codes
		(id, account_id, domain_id, generation, target, address, domain, hash, tries, created_at, sent_at, expires_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		c.ID, c.AccountID, c.DomainID, c.Generation, CodeTarget(c.Address), string(c.Address), string(c.Address.Domain()), c.Hash,
		c.Tries, micros(c.CreatedAt), micros(c.SentAt), micros(c.ExpiresAt), micros(c.UsedAt))
	return doing("storing a code", err)
}

// SentMailCode notes that a code is on its way. From now on it is the one that
// counts, see NewestMailCode.
func (s *Store) SentMailCode(ctx context.Context, id string, sent, expires time.Time) error {
	_, err := s.w.ExecContext(ctx, "UPDATE mail_codes SET sent_at = $1, expires_at = $2 WHERE id = $3",
		micros(sent), micros(expires), id)
	return doing("noting a sent code", err)
}

// TryMailCode finds the code that counts, which is the one sent last, and
// counts a try of it, in this transaction, which keeps others from trying
// meanwhile. For a domain the address is "". ErrNotFound: none was sent.
func (tx *Tx) TryMailCode(ctx context.Context, accountID, domainID string, address zonehold.MailAddress) (*MailCode, error) {
	c, err := scanMailCode(tx.q.QueryRowContext(ctx, `UPDATE mail_codes SET tries = tries + 1 WHERE id = (
			SELECT id FROM mail_codes WHERE account_id = $1 AND domain_id = $2 AND ($3 = '' OR lower(address) = $3) AND sent_at > 0
			ORDER BY sent_at DESC, id DESC LIMIT 1)
		RETURNING `+mailCodeColumns, accountID, domainID, address.Key()))
	return c, missing("trying a code", err)
}

// UseMailCode notes that a code was brought back.
func (tx *Tx) UseMailCode(ctx context.Context, id string, at time.Time) error {
	_, err := tx.q.ExecContext(ctx, "UPDATE mail_codes SET used_at = $1 WHERE id = $2", micros(at), id)
	return doing("noting the use of a code", err)
}

// UsedMailCodes lists the codes for these claims on domains that were brought
// back since then, by domain id, newest first.
func (s *Store) UsedMailCodes(ctx context.Context, domains []*Domain, since time.Time) (map[string][]*MailCode, error) {
	rows := make([][]any, len(domains))
	for i, d := range domains {
		rows[i] = []any{d.AccountID, d.ID, d.Generation, micros(since)}
	}
	find := bulk{types: "ttii", text: "WITH v (v_account, v_domain, v_generation, v_since) AS ({rows}) SELECT " + mailCodeColumns + `
		FROM v JOIN mail_codes ON domain_id = v_domain AND generation = v_generation
		WHERE account_id = v_account AND used_at > 0 AND used_at > v_since ORDER BY used_at DESC, id DESC`}
	found, err := queryBulk(ctx, s, s.r, find, rows, scanMailCode)
	out := make(map[string][]*MailCode)
	for _, c := range found {
		out[c.DomainID] = append(out[c.DomainID], c)
	}
	return out, doing("listing codes", err)
}

// PruneMailCodes deletes codes that were asked for before the first time and
// never used, and used ones of before the second.
func (s *Store) PruneMailCodes(ctx context.Context, asked, used time.Time) error {
	_, err := s.w.ExecContext(ctx, "DELETE FROM mail_codes WHERE created_at < $1 AND (used_at = 0 OR used_at < $2)",
		micros(asked), micros(used))
	return doing("deleting old codes", err)
}
