package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SigningKey is a key that evidence and tokens are signed with. Its secret
// part is sealed.
type SigningKey struct {
	Number    int64 // counts the keys, from 1
	ID        string
	Public    []byte
	CreatedAt time.Time
	RetiredAt time.Time // zero: in use

	sealed []byte
}

const keyColumns = "number, id, public, private, created_at, retired_at"

func scanKey(row scanner) (k SigningKey, err error) {
	var created, retired int64
	err = row.Scan(&k.Number, &k.ID, &k.Public, &k.sealed, &created, &retired)
	k.CreatedAt, k.RetiredAt = fromMicros(created), fromMicros(retired)
	return k, err
}

// SigningKeys lists all keys, oldest first.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) { return signingKeys(ctx, s.r) }

// SigningKeys is the same inside the transaction.
func (tx *Tx) SigningKeys(ctx context.Context) ([]SigningKey, error) { return signingKeys(ctx, tx.q) }

func signingKeys(ctx context.Context, q conn) ([]SigningKey, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+keyColumns+" FROM signing_keys ORDER BY number")
	out, err := collect(rows, err, scanKey)
	return out, doing("reading signing keys", err)
}

// Seed opens the secret part of a key. It fails where this process has another
// secret key than the one that made it.
func (s *Store) Seed(k SigningKey) ([]byte, error) {
	seed, err := s.vault.unseal("signing_keys.private/"+k.ID, k.sealed)
	if err == nil && seed == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("opening signing key %d: %w", k.Number, err)
	}
	return []byte(seed), nil
}

// AddSigningKey stores a key of the given number. ErrExists: another process
// was first. With retire all others are taken out of use.
func (tx *Tx) AddSigningKey(ctx context.Context, k SigningKey, seed []byte, retire bool) error {
	sealed, err := tx.s.vault.seal("signing_keys.private/"+k.ID, string(seed))
	if err != nil {
		return fmt.Errorf("storing a signing key: %w", err)
	}
	result, err := tx.q.ExecContext(ctx, "INSERT INTO signing_keys ("+keyColumns+") VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (number) DO NOTHING",
		k.Number, k.ID, k.Public, sealed, micros(k.CreatedAt))
	if err != nil {
		return fmt.Errorf("storing a signing key: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrExists)
	}
	if !retire {
		return nil
	}
	_, err = tx.q.ExecContext(ctx, "UPDATE signing_keys SET retired_at = $1 WHERE number <> $2 AND retired_at = 0", micros(k.CreatedAt), k.Number)
	return doing("retiring signing keys", err)
}

// NewestKey is the highest number of a signing key; 0: there is none.
func (tx *Tx) NewestKey(ctx context.Context) (n int64, err error) { return newestKey(ctx, tx.q) }

// NewestKey is the same outside of a transaction.
func (s *Store) NewestKey(ctx context.Context) (n int64, err error) { return newestKey(ctx, s.r) }

func newestKey(ctx context.Context, q conn) (int64, error) {
	var n sql.NullInt64
	err := q.QueryRowContext(ctx, "SELECT max(number) FROM signing_keys").Scan(&n)
	return n.Int64, doing("reading the newest signing key", err)
}
