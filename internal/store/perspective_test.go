package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestPerspectives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		acc, err := s.CreateAccount(ctx, zonehold.Account{Name: "alpha"})
		if err != nil {
			t.Fatal(err)
		}
		set := func(id, policy string) error {
			return s.InTx(ctx, func(tx *store.Tx) error { return tx.SetPerspectivePolicy(ctx, id, policy) })
		}
		if p, err := s.PerspectivePolicy(ctx, acc.ID); p != "" || err != nil {
			t.Errorf("a new account has %q, %v", p, err)
		}
		if err := set(acc.ID, "br"); err != nil {
			t.Fatal(err)
		}
		if p, err := s.PerspectivePolicy(ctx, acc.ID); p != "br" || err != nil {
			t.Errorf("got %q, %v", p, err)
		}
		if err := set("acc_none", "br"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no account: %v", err)
		}
		if _, err := s.PerspectivePolicy(ctx, "acc_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no account: %v", err)
		}

		at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
		note := func(up bool, after time.Duration) (news bool) {
			t.Helper()
			err := s.InTx(ctx, func(tx *store.Tx) (err error) {
				news, err = tx.NotePerspective(ctx, store.PerspectiveState{Name: "ams", Up: up, Since: at.Add(after), Detail: "no answer"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return news
		}
		for i, step := range []struct{ up, news bool }{
			{true, false}, {false, true}, {false, false}, {true, true}, {true, false}, {false, true},
		} {
			if got := note(step.up, time.Duration(i)*time.Second); got != step.news {
				t.Errorf("step %d: news %v, want %v", i, got, step.news)
			}
		}
		states, err := s.PerspectiveStates(ctx)
		if err != nil || len(states) != 1 || states[0] != (store.PerspectiveState{Name: "ams", Since: at.Add(5 * time.Second), Detail: "no answer"}) {
			t.Errorf("%+v, %v", states, err)
		}
	})
}
