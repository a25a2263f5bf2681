package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Token is an API token; only its hash is kept.
type Token struct {
	ID, AccountID, Name string
	Prefix              string   // shown to people, not secret
	Hash                [32]byte // SHA-256 of the whole token
	Scopes              []zonehold.Scope
	CreatedAt           time.Time
	LastUsedAt          time.Time // zero: never
	RevokedAt           time.Time // zero: live
}

const accountColumns = "accounts.id, accounts.number, accounts.name, accounts.email, accounts.email_confirmed, accounts.recheck"

func scanAccount(row scanner) (a zonehold.Account, err error) {
	var confirmed int64
	err = row.Scan(&a.ID, &a.Number, &a.Name, &a.Email, &confirmed, &a.Recheck)
	a.EmailConfirmed = confirmed != 0
	return a, err
}

// CreateAccount assigns ID and Number; the mail address becomes the first of
// its mailboxes. The entries of the audit log are about the account and stand
// in its own log. ErrExists: the name is taken.
func (s *Store) CreateAccount(ctx context.Context, a zonehold.Account, entries ...Audit) (zonehold.Account, error) {
	a.ID = zonehold.NewID(zonehold.PrefixAccount)
	a.Name, a.Email, a.Recheck = Text(a.Name), Text(a.Email), zonehold.RecheckKeep
	const insert = `INSERT INTO accounts (id, number, name, email, email_confirmed, probely_token, created_at)
		SELECT CAST($1 AS TEXT), coalesce(max(number), 100000) + 1, CAST($2 AS TEXT), CAST($3 AS TEXT),
			CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS BIGINT) FROM accounts
		RETURNING number`
	now := time.Now()
	for range 20 {
		err := s.InTx(ctx, func(tx *Tx) error {
			err := tx.q.QueryRowContext(ctx, insert, a.ID, a.Name, a.Email, flag(a.EmailConfirmed),
				zonehold.NewUUID(), micros(now)).Scan(&a.Number)
			if err != nil {
				return err
			}
			if err := tx.firstMailbox(ctx, a, now); err != nil {
				return err
			}
			if err := tx.SyncReaders(ctx, a.ID, now); err != nil {
				return err
			}
			for i := range entries {
				entries[i].AccountID, entries[i].Target = a.ID, a.ID
			}
			return tx.InsertAudit(ctx, entries...)
		})
		if err == nil {
			return a, nil
		}
		if !taken(err) {
			return a, fmt.Errorf("creating an account: %w", err)
		}
		if _, err := s.AccountByName(ctx, a.Name); err == nil {
			return a, ErrExists
		}
		// Somebody took the number at the same moment: the next one.
	}
	return a, fmt.Errorf("creating an account: no free number: %w", ErrExists)
}

// AccountByName finds an account, or ErrNotFound.
func (s *Store) AccountByName(ctx context.Context, name string) (zonehold.Account, error) {
	a, err := scanAccount(s.r.QueryRowContext(ctx,
		"SELECT "+accountColumns+" FROM accounts WHERE name = $1", Text(name)))
	return a, missing("finding an account", err)
}

// Account finds an account by id, or ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (zonehold.Account, error) {
	a, err := scanAccount(s.r.QueryRowContext(ctx,
		"SELECT "+accountColumns+" FROM accounts WHERE id = $1", Text(id)))
	return a, missing("finding an account", err)
}

// Accounts lists all accounts by name.
func (s *Store) Accounts(ctx context.Context) ([]zonehold.Account, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY name")
	out, err := collect(rows, err, scanAccount)
	return out, doing("listing accounts", err)
}

// ProbelyToken is the account's one value of the probely profile.
func (s *Store) ProbelyToken(ctx context.Context, accountID string) (token string, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT probely_token FROM accounts WHERE id = $1", accountID).Scan(&token)
	return token, missing("reading an account", err)
}

const tokenColumns = `tokens.id, tokens.account_id, tokens.name, tokens.prefix, tokens.hash, tokens.scopes,
	tokens.created_at, tokens.last_used_at, tokens.revoked_at`

type tokenRow struct {
	t                      Token
	hash                   []byte
	scopes                 string
	created, used, revoked int64
}

func (r *tokenRow) dest() []any {
	return []any{&r.t.ID, &r.t.AccountID, &r.t.Name, &r.t.Prefix, &r.hash, &r.scopes, &r.created, &r.used, &r.revoked}
}

func (r *tokenRow) token() Token {
	copy(r.t.Hash[:], r.hash)
	for scope := range strings.FieldsSeq(r.scopes) {
		r.t.Scopes = append(r.t.Scopes, zonehold.Scope(scope))
	}
	r.t.CreatedAt, r.t.LastUsedAt, r.t.RevokedAt = fromMicros(r.created), fromMicros(r.used), fromMicros(r.revoked)
	return r.t
}

// InsertToken adds a token, with entries for the audit log. Its ID and
// CreatedAt are assigned when empty.
func (s *Store) InsertToken(ctx context.Context, t Token, entries ...Audit) error {
	if t.ID == "" {
		t.ID = zonehold.NewID(zonehold.PrefixToken)
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = time.Now()
	}
	scopes := make([]string, len(t.Scopes))
	for i, scope := range t.Scopes {
		scopes[i] = string(scope)
	}
	err := s.InTx(ctx, func(tx *Tx) error {
		_, err := tx.q.ExecContext(ctx, `INSERT INTO tokens
			(id, account_id, name, prefix, hash, scopes, created_at, last_used_at, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			t.ID, t.AccountID, Text(t.Name), t.Prefix, t.Hash[:], strings.Join(scopes, " "),
			micros(t.CreatedAt), micros(t.LastUsedAt), micros(t.RevokedAt))
		if err != nil {
			return err
		}
		return tx.InsertAudit(ctx, entries...)
	})
	if taken(err) {
		return ErrExists
	}
	return doing("storing a token", err)
}

// TokenByHash finds a token and its account, or ErrNotFound. Revoked tokens
// are found too; see RevokedAt.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (Token, zonehold.Account, error) {
	var (
		row       tokenRow
		account   zonehold.Account
		confirmed int64
	)
	err := s.r.QueryRowContext(ctx, "SELECT "+tokenColumns+", "+accountColumns+
		" FROM tokens JOIN accounts ON accounts.id = tokens.account_id WHERE tokens.hash = $1", hash[:]).
		Scan(append(row.dest(), &account.ID, &account.Number, &account.Name, &account.Email, &confirmed, &account.Recheck)...)
	if err != nil {
		return Token{}, zonehold.Account{}, missing("finding a token", err)
	}
	account.EmailConfirmed = confirmed != 0
	return row.token(), account, nil
}

// Tokens lists the tokens of an account, oldest first.
func (s *Store) Tokens(ctx context.Context, accountID string) ([]Token, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+tokenColumns+
		" FROM tokens WHERE account_id = $1 ORDER BY created_at, id", accountID)
	out, err := collect(rows, err, func(row scanner) (Token, error) {
		var r tokenRow
		err := row.Scan(r.dest()...)
		return r.token(), err
	})
	return out, doing("listing tokens", err)
}

// RevokeToken ends a token, or ErrNotFound. Revoking twice changes nothing, and
// leaves no second entry in the audit log.
func (s *Store) RevokeToken(ctx context.Context, accountID, id string, entries ...Audit) error {
	return s.InTx(ctx, func(tx *Tx) error {
		var (
			name    string
			revoked int64
		)
		err := tx.q.QueryRowContext(ctx, "SELECT name, revoked_at FROM tokens WHERE account_id = $1 AND id = $2"+tx.s.forUpdate,
			accountID, Text(id)).Scan(&name, &revoked)
		if err != nil || revoked != 0 {
			return missing("revoking a token", err)
		}
		if _, err := tx.q.ExecContext(ctx, "UPDATE tokens SET revoked_at = $1 WHERE id = $2", micros(time.Now()), id); err != nil {
			return fmt.Errorf("revoking a token: %w", err)
		}
		for i := range entries {
			entries[i].Name = name
		}
		return tx.InsertAudit(ctx, entries...)
	})
}

// TouchToken notes that a token was used.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := s.w.ExecContext(ctx, "UPDATE tokens SET last_used_at = $1 WHERE id = $2 AND last_used_at < $3",
		micros(at), id, micros(at))
	return doing("noting the use of a token", err)
}

// RecheckPolicies reads what the accounts hold proofs to, by account id.
func (tx *Tx) RecheckPolicies(ctx context.Context, accountIDs []string) (map[string]zonehold.RecheckPolicy, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT id, recheck FROM accounts WHERE id IN (SELECT v_id FROM v)"}
	type row struct {
		id     string
		policy zonehold.RecheckPolicy
	}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(accountIDs), func(s scanner) (r row, err error) {
		err = s.Scan(&r.id, &r.policy)
		return r, err
	})
	out := make(map[string]zonehold.RecheckPolicy, len(found))
	for _, r := range found {
		out[r.id] = r.policy
	}
	return out, doing("reading accounts", err)
}

// SetRecheck changes what an account holds proofs to, and returns what that was
// before. It counts the versions of the account's domains up, as it shows in
// them. ErrNotFound: there is no such account.
func (tx *Tx) SetRecheck(ctx context.Context, accountID string, p zonehold.RecheckPolicy) (before zonehold.RecheckPolicy, err error) {
	rows, err := tx.q.QueryContext(ctx, "SELECT id FROM domains WHERE account_id = $1 AND deleted_at = 0 ORDER BY id"+tx.s.forUpdate, accountID)
	ids, err := collect(rows, err, scanText)
	if err != nil {
		return "", fmt.Errorf("reading domains: %w", err)
	}
	err = tx.q.QueryRowContext(ctx, "SELECT recheck FROM accounts WHERE id = $1"+tx.s.forUpdate, accountID).Scan(&before)
	if err != nil || before == p {
		return before, missing("reading an account", err)
	}
	if err := tx.Touch(ctx, ids); err != nil {
		return "", err
	}
	_, err = tx.q.ExecContext(ctx, "UPDATE accounts SET recheck = $1 WHERE id = $2", string(p), accountID)
	return before, doing("storing an account", err)
}
