package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// A new statement that waits for the connection must not hold up the
// transaction that has it.
func TestNewStatementBesideTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		beat := make(chan error, 1)
		err := s.InTx(ctx, func(tx *store.Tx) error {
			go func() { _, _, err := s.Beat(ctx, "node_1", "test", "m", nil); beat <- err }()
			time.Sleep(100 * time.Millisecond) // until it waits
			_, err := tx.LockDomains(ctx, []string{"dom_1"})
			return err
		})
		if err != nil {
			t.Errorf("the transaction: %v", err)
		}
		if err := <-beat; err != nil {
			t.Errorf("the statement beside it: %v", err)
		}
	})
}
