package app

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxBatch bounds how many calls share a transaction.
const maxBatch = 64

// combiner lets calls that come at about the same time share one transaction.
// A single call waits for nobody; while one transaction is under way the next
// ones gather. When a shared transaction fails, each of its calls is tried
// alone, so that one bad call cannot fail the others.
type combiner[T any] struct {
	// commit does all calls in one transaction. Its error means that nothing
	// was done; what one call alone got wrong is noted in the call. It may be
	// called again for the same call after an error.
	commit func(ctx context.Context, calls []T) error

	mu      sync.Mutex
	waiting []*waiter[T]
	busy    bool
}

type waiter[T any] struct {
	call T
	err  error
	done chan struct{}
}

// do returns when the call is committed or has failed. It does not end early:
// afterwards it is certain what happened.
func (c *combiner[T]) do(call T) error {
	w := &waiter[T]{call: call, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	lead := !c.busy
	c.busy = true
	c.mu.Unlock()
	if lead {
		c.turn()
	}
	<-w.done
	return w.err
}

// turn commits one batch and hands the lead on, so that no caller works for
// the others longer than for one batch.
func (c *combiner[T]) turn() {
	c.mu.Lock()
	n := min(len(c.waiting), maxBatch)
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if n == 0 {
		c.waiting, c.busy = nil, false
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.run(batch)
	for _, w := range batch {
		close(w.done)
	}
	c.mu.Lock()
	if len(c.waiting) == 0 {
		c.waiting, c.busy = nil, false
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	go c.turn()
}

func (c *combiner[T]) run(batch []*waiter[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	calls := make([]T, len(batch))
	for i, w := range batch {
		calls[i] = w.call
	}
	err := c.safely(ctx, calls)
	if err == nil || len(batch) == 1 {
		batch[0].err = err
		return
	}
	for _, w := range batch {
		w.err = c.safely(ctx, []T{w.call})
	}
}

// safely turns a panic into an error, so that those who wait do not wait for
// ever.
func (c *combiner[T]) safely(ctx context.Context, calls []T) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("committing panicked: %v", r)
		}
	}()
	return c.commit(ctx, calls)
}
