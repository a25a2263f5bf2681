package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Errors of BeginIdempotent.
var (
	ErrRunning  = errors.New("a request with this idempotency key is running")
	ErrMismatch = errors.New("the idempotency key was used for another request")
)

const (
	// IdempotencyKept is how long a reply is kept.
	IdempotencyKept = 24 * time.Hour
	// A request that has not ended by then died with its process.
	idempotencyAbandoned = 2 * time.Minute
)

// IdempotentReply is the reply kept for a key.
type IdempotentReply struct {
	Status int
	Header http.Header
	Body   []byte
}

// BeginIdempotent claims a key. A nil reply with a nil error: proceed, then
// Finish or Abandon.
func (s *Store) BeginIdempotent(ctx context.Context, accountID, key string, requestHash [32]byte) (*IdempotentReply, error) {
	key = Text(key)
	var reply *IdempotentReply
	err := s.InTx(ctx, func(tx *Tx) error {
		now := time.Now()
		res, err := tx.q.ExecContext(ctx, `INSERT INTO idempotency
			(account_id, key, request_hash, done, status, header, body, created_at)
			VALUES ($1, $2, $3, 0, 0, '', $4, $5)
			ON CONFLICT (account_id, key) DO UPDATE SET request_hash = excluded.request_hash, done = 0, status = 0,
				header = '', body = excluded.body, created_at = excluded.created_at
			WHERE idempotency.created_at < $6 OR (idempotency.done = 0 AND idempotency.created_at < $7)`,
			accountID, key, requestHash[:], []byte{}, micros(now), micros(now.Add(-IdempotencyKept)),
			micros(now.Add(-idempotencyAbandoned)))
		if err != nil {
			return fmt.Errorf("claiming an idempotency key: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return doing("claiming an idempotency key", err)
		}
		var (
			hash   []byte
			done   int64
			header string
			found  IdempotentReply
		)
		err = tx.q.QueryRowContext(ctx, `SELECT request_hash, done, status, header, body FROM idempotency
			WHERE account_id = $1 AND key = $2`, accountID, key).Scan(&hash, &done, &found.Status, &header, &found.Body)
		switch {
		case err != nil:
			return missing("reading an idempotency key", err)
		case string(hash) != string(requestHash[:]):
			return ErrMismatch
		case done == 0:
			return ErrRunning
		}
		reply = &found
		return fromJSON(header, &found.Header)
	})
	if err != nil {
		return nil, err
	}
	return reply, nil
}

// FinishIdempotent keeps the reply for later requests with the key.
func (s *Store) FinishIdempotent(ctx context.Context, accountID, key string, reply IdempotentReply) error {
	body := reply.Body
	if body == nil {
		body = []byte{}
	}
	_, err := s.w.ExecContext(ctx, `UPDATE idempotency SET done = 1, status = $1, header = $2, body = $3
		WHERE account_id = $4 AND key = $5 AND done = 0`,
		reply.Status, Text(toJSON(reply.Header)), body, accountID, Text(key))
	return doing("keeping a reply", err)
}

// AbandonIdempotent frees a key.
func (s *Store) AbandonIdempotent(ctx context.Context, accountID, key string) error {
	_, err := s.w.ExecContext(ctx, "DELETE FROM idempotency WHERE account_id = $1 AND key = $2 AND done = 0",
		accountID, Text(key))
	return doing("freeing an idempotency key", err)
}
