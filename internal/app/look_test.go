package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// Who has very many claims to be looked at again does not keep the due checks
// of others waiting.
func TestDueChecksDoNotWaitForAllLooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, new(placed).config(), quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			for range lookRounds + 1 {
				if err := tx.InsertLook(t.Context(), store.Look{Name: "example.net", Reach: store.ReachName}); err != nil {
					return err
				}
			}
			return tx.SetNextCheck(t.Context(), []string{d.ID}, time.Now().Add(-time.Second))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has, err := s.HasLook(t.Context()); !has || err != nil {
			t.Errorf("every look was done first: %v, %v", has, err)
		}
		if got := get(t, a, who, d.ID); got.Running == nil || got.Running.Trigger != zonehold.TriggerSchedule {
			t.Errorf("the due check has not begun: %+v", got.Running)
		}
		select {
		case <-a.due:
		default:
			t.Error("nobody goes on with the looks")
		}
		if err := a.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has, err := s.HasLook(t.Context()); has || err != nil {
			t.Errorf("looks are left: %v, %v", has, err)
		}
	})
}
