package app

import (
	"context"
	"errors"
	"net/http"

	"github.com/zonehold/zonehold/internal/store"
)

// Errors of BeginIdempotent.
var (
	// ErrIdempotentRunning: a request with this key is still running (409).
	ErrIdempotentRunning = errors.New("a request with this idempotency key is still running")
	// ErrIdempotentMismatch: the key was used for another request (422).
	ErrIdempotentMismatch = errors.New("this idempotency key was used for another request")
)

// IdempotentReply is the reply kept for a key.
type IdempotentReply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Idempotency remembers replies by account and key for 24 hours (ux section
// 5.7). *App is one.
type Idempotency interface {
	// BeginIdempotent claims the key. A nil reply with a nil error means:
	// proceed, then call Finish or Abandon. requestHash covers method, path
	// and body.
	BeginIdempotent(ctx context.Context, accountID, key string, requestHash [32]byte) (*IdempotentReply, error)
	// FinishIdempotent keeps the reply for later requests with the key.
	FinishIdempotent(ctx context.Context, accountID, key string, reply IdempotentReply) error
	// AbandonIdempotent frees the key, after a failure that may be retried.
	AbandonIdempotent(ctx context.Context, accountID, key string) error
}

// BeginIdempotent claims a key; see Idempotency.
func (a *App) BeginIdempotent(ctx context.Context, accountID, key string, requestHash [32]byte) (*IdempotentReply, error) {
	reply, err := a.store.BeginIdempotent(ctx, accountID, key, requestHash)
	switch {
	case errors.Is(err, store.ErrRunning):
		return nil, ErrIdempotentRunning
	case errors.Is(err, store.ErrMismatch):
		return nil, ErrIdempotentMismatch
	case err != nil:
		return nil, a.ours(ctx, "idempotency key", err)
	case reply == nil:
		return nil, nil
	}
	return (*IdempotentReply)(reply), nil
}

// FinishIdempotent keeps the reply; see Idempotency.
func (a *App) FinishIdempotent(ctx context.Context, accountID, key string, reply IdempotentReply) error {
	return a.ours(ctx, "idempotency key", a.store.FinishIdempotent(ctx, accountID, key, store.IdempotentReply(reply)))
}

// AbandonIdempotent frees the key; see Idempotency.
func (a *App) AbandonIdempotent(ctx context.Context, accountID, key string) error {
	return a.ours(ctx, "idempotency key", a.store.AbandonIdempotent(ctx, accountID, key))
}
