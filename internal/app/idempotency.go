package app

import (
	"context"
	"errors"
	"net/http"
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
