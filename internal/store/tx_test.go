package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// A context that ends within a transaction can make the driver give up the
// connection before the transaction is rolled back. Nobody may touch it then:
// the race detector sees it. Nothing is written, and what follows works.
func TestTxCanceledWithin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.InTx(ctx, func(tx *store.Tx) error {
				if err := tx.InsertLook(ctx, store.Look{Name: "example.com", Reach: store.ReachName}); err != nil {
					return err
				}
				cancel()
				return tx.InsertLook(ctx, store.Look{Name: "example.net", Reach: store.ReachName})
			})
			if err == nil {
				t.Fatal("a canceled transaction was committed")
			}
		}
		if has, err := s.HasLook(t.Context()); has || err != nil {
			t.Errorf("a canceled transaction left something: %v, %v", has, err)
		}
		if took, err := s.TakeChore(t.Context(), "test", time.Now(), time.Hour); !took || err != nil {
			t.Errorf("the next transaction: %v, %v", took, err)
		}
	})
}

// So it is where a transaction is canceled at the end.
func TestTxCanceledBeforeCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.InTx(ctx, func(tx *store.Tx) error {
				defer cancel()
				return tx.InsertLook(ctx, store.Look{Name: "example.com", Reach: store.ReachName})
			})
			if err == nil {
				t.Fatal("a canceled transaction was committed")
			}
		}
		if has, err := s.HasLook(t.Context()); has || err != nil {
			t.Errorf("a canceled transaction left something: %v, %v", has, err)
		}
	})
}
