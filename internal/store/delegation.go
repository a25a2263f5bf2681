package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Delegation is a delegation with the names of both sides and with what the
// giver's domain is now.
type Delegation struct {
	zonehold.Delegation
	FromName, ToName string
	Source           DelegatedDomain
}

// DelegatedDomain is the giver's domain.
type DelegatedDomain struct {
	Hostname  zonehold.Hostname
	Scheme    string
	Port      uint16
	Method    zonehold.Method
	Assurance zonehold.Assurance
	Covers    zonehold.Covers
	Verified  bool // its proof stands
}

const delegationColumns = `delegations.id, delegations.domain_id, delegations.from_account, delegations.to_account,
	delegations.hostname, delegations.reason, delegations.created_at, delegations.expires_at, delegations.revoked_at,
	delegations.revoke_reason`

func (d *rowOfDelegation) dest() []any {
	return []any{&d.d.ID, &d.d.DomainID, &d.d.FromAccount, &d.d.ToAccount, &d.d.Hostname, &d.d.Reason,
		&d.created, &d.expires, &d.revoked, &d.d.RevokeReason}
}

type rowOfDelegation struct {
	d                         zonehold.Delegation
	created, expires, revoked int64
}

func (d *rowOfDelegation) delegation() zonehold.Delegation {
	d.d.CreatedAt, d.d.ExpiresAt, d.d.RevokedAt = fromMicros(d.created), fromMicros(d.expires), fromMicros(d.revoked)
	return d.d
}

func scanDelegation(row scanner) (zonehold.Delegation, error) {
	var r rowOfDelegation
	err := row.Scan(r.dest()...)
	return r.delegation(), err
}

const selectDelegation = "SELECT " + delegationColumns + `, giver.name, receiver.name, domains.hostname, domains.scheme,
		domains.port, domains.method, domains.assurance, domains.covers,
		CASE WHEN domains.deleted_at = 0 AND domains.state IN ('verified', 'at_risk') THEN 1 ELSE 0 END
	FROM delegations JOIN domains ON domains.id = delegations.domain_id
		JOIN accounts AS giver ON giver.id = delegations.from_account
		JOIN accounts AS receiver ON receiver.id = delegations.to_account `

func scanWholeDelegation(row scanner) (*Delegation, error) {
	var (
		r              rowOfDelegation
		d              Delegation
		port, verified int64
		src            = &d.Source
	)
	err := row.Scan(append(r.dest(), &d.FromName, &d.ToName, &src.Hostname, &src.Scheme, &port, &src.Method,
		&src.Assurance, &src.Covers, &verified)...)
	d.Delegation, src.Port, src.Verified = r.delegation(), uint16(port), verified != 0 // port was one
	return &d, err
}

// InsertDelegation adds a delegation. ErrExists: the domain's owner has given
// that account that name already.
func (tx *Tx) InsertDelegation(ctx context.Context, d *zonehold.Delegation) error {
	_, err := tx.q.ExecContext(ctx, `INSERT INTO delegations (id, domain_id, from_account, to_account, hostname, reason,
		created_at, expires_at, revoked_at, revoke_reason) VALUES `+list(1, 10),
		d.ID, d.DomainID, d.FromAccount, d.ToAccount, string(d.Hostname), Text(d.Reason), micros(d.CreatedAt),
		micros(d.ExpiresAt), micros(d.RevokedAt), Text(d.RevokeReason))
	if taken(err) {
		return ErrExists
	}
	return doing("storing a delegation", err)
}

// Delegation finds a delegation of which the account is one side, or
// ErrNotFound.
func (s *Store) Delegation(ctx context.Context, accountID, id string) (*Delegation, error) {
	d, err := scanWholeDelegation(s.r.QueryRowContext(ctx, selectDelegation+
		"WHERE delegations.id = $1 AND (from_account = $2 OR to_account = $3)", Text(id), accountID, accountID))
	return d, missing("finding a delegation", err)
}

// DelegationFilter selects delegations of which an account is one side.
type DelegationFilter struct {
	AccountID       string
	Given, Received bool              // which of both
	OfDomain        string            // only those given of this domain, by id …
	Hostname        zonehold.Hostname // … or for this name; with both, either
	InForce         time.Time         // only those not ended then; zero: all
	After           *DomainKey        // continue after this one, by Time and ID
	Limit           int
}

// Delegations lists delegations, newest first.
func (s *Store) Delegations(ctx context.Context, f DelegationFilter) ([]*Delegation, error) {
	var (
		where, sides []string
		args         []any
	)
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.Given {
		sides = append(sides, "from_account = "+arg(f.AccountID))
	}
	if f.Received {
		sides = append(sides, "to_account = "+arg(f.AccountID))
	}
	if len(sides) == 0 {
		return nil, nil
	}
	where = append(where, "("+strings.Join(sides, " OR ")+")")
	var about []string
	if f.OfDomain != "" {
		about = append(about, "domain_id = "+arg(f.OfDomain))
	}
	if f.Hostname != "" {
		about = append(about, "delegations.hostname = "+arg(string(f.Hostname)))
	}
	if len(about) > 0 {
		where = append(where, "("+strings.Join(about, " OR ")+")")
	}
	if !f.InForce.IsZero() {
		where = append(where, "revoked_at = 0 AND (expires_at = 0 OR expires_at > "+arg(micros(f.InForce))+")")
	}
	if k := f.After; k != nil {
		where = append(where, "(delegations.created_at, delegations.id) < ("+arg(micros(k.Time))+", "+arg(Text(k.ID))+")")
	}
	rows, err := s.r.QueryContext(ctx, selectDelegation+"WHERE "+strings.Join(where, " AND ")+
		" ORDER BY delegations.created_at DESC, delegations.id DESC LIMIT "+arg(f.Limit), args...)
	out, err := collect(rows, err, scanWholeDelegation)
	return out, doing("listing delegations", err)
}

// LockDelegations reads delegations and keeps other transactions from changing
// them. Domains are locked before delegations.
func (tx *Tx) LockDelegations(ctx context.Context, ids []string) (map[string]zonehold.Delegation, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + delegationColumns +
		" FROM delegations WHERE id IN (SELECT v_id FROM v) ORDER BY id" + tx.s.forUpdate}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(ids), scanDelegation)
	out := make(map[string]zonehold.Delegation, len(found))
	for _, d := range found {
		out[d.ID] = d
	}
	return out, doing("reading delegations", err)
}

// DelegatedFrom finds of which domain each delegation is, by id.
func (tx *Tx) DelegatedFrom(ctx context.Context, ids []string) (map[string]string, error) {
	return tx.s.delegatedFrom(ctx, tx.q, ids)
}

// DelegatedFrom is the same outside of a transaction.
func (s *Store) DelegatedFrom(ctx context.Context, ids []string) (map[string]string, error) {
	return s.delegatedFrom(ctx, s.r, ids)
}

func (s *Store) delegatedFrom(ctx context.Context, q conn, ids []string) (map[string]string, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + delegationColumns +
		" FROM delegations WHERE id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, s, q, find, column1(ids), scanDelegation)
	out := make(map[string]string, len(found))
	for _, d := range found {
		out[d.ID] = d.DomainID
	}
	return out, doing("reading delegations", err)
}

// EndDelegation ends one delegation that is in force, and reports whether it
// was.
func (tx *Tx) EndDelegation(ctx context.Context, id, reason string, at time.Time) (bool, error) {
	res, err := tx.q.ExecContext(ctx, "UPDATE delegations SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at = 0",
		micros(at), Text(reason), id)
	if err != nil {
		return false, fmt.Errorf("ending a delegation: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, doing("ending a delegation", err)
}

// EndExpired notes the end of a delegation whose time is over, so that it can
// be given again.
func (tx *Tx) EndExpired(ctx context.Context, domainID, toAccount string, name zonehold.Hostname, now time.Time) error {
	_, err := tx.q.ExecContext(ctx, `UPDATE delegations SET revoked_at = expires_at WHERE domain_id = $1 AND to_account = $2
		AND hostname = $3 AND revoked_at = 0 AND expires_at > 0 AND expires_at <= $4`, domainID, toAccount, string(name), micros(now))
	return doing("ending a delegation", err)
}

// EndDelegationsOf ends every delegation of the domains, and returns those
// that had not ended.
func (tx *Tx) EndDelegationsOf(ctx context.Context, domainIDs []string, reason string, at time.Time) ([]zonehold.Delegation, error) {
	rows := column1(domainIDs)
	for i := range rows {
		rows[i] = append(rows[i], micros(at), Text(reason))
	}
	end := bulk{types: "tit", text: `WITH v (v_domain, v_at, v_reason) AS ({rows})
		UPDATE delegations SET revoked_at = v_at, revoke_reason = v_reason
		FROM v WHERE domain_id = v_domain AND revoked_at = 0 RETURNING ` + delegationColumns}
	ended, err := queryBulk(ctx, tx.s, tx.q, end, rows, scanDelegation)
	return ended, doing("ending delegations", err)
}
