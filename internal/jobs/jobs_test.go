package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/jobs"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// recorder notes what was delivered.
type recorder struct {
	mu  sync.Mutex
	ids []string
	fed chan bool
}

func (r *recorder) run(_ context.Context, id string) error {
	r.mu.Lock()
	r.ids = append(r.ids, id)
	r.mu.Unlock()
	r.fed <- true
	return nil
}

func (r *recorder) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.ids))
}

func TestDelivery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := &recorder{fed: make(chan bool, 100)}
		swept := make(chan bool, 100)
		cfg := jobs.Config{Store: s, Node: "worker", Workers: 4, Run: r.run, SweepEvery: time.Hour, Sweep: func(context.Context) error {
			swept <- true
			return nil
		}}
		worker, err := jobs.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Node, cfg.Workers = "api", 0
		api, err := jobs.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		insert := func(at time.Time, ids ...string) (got []int64) {
			t.Helper()
			err := s.InTx(t.Context(), func(tx *store.Tx) (err error) {
				list := make([]jobs.Job, len(ids))
				for i, id := range ids {
					list[i] = jobs.Job{AttemptID: id, At: at, Background: i%2 == 1}
				}
				got, err = api.Insert(t.Context(), tx, list)
				return err
			})
			if err != nil || len(got) != len(ids) {
				t.Fatalf("inserted %v, %v", got, err)
			}
			return got
		}
		insert(time.Now(), "a", "b")
		undone := errors.New("rolled back")
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			if _, err := api.Insert(t.Context(), tx, []jobs.Job{{AttemptID: "never"}}); err != nil {
				return err
			}
			return undone
		}); !errors.Is(err, undone) {
			t.Fatal(err)
		}
		later := insert(time.Now().Add(time.Hour), "later", "deleted")
		gone := insert(time.Now(), "gone")
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			return api.Delete(t.Context(), tx, append(gone, later[1]))
		}); err != nil {
			t.Fatal(err)
		}
		if err := worker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		fed := func() {
			t.Helper()
			select {
			case <-r.fed:
			case <-time.After(60 * time.Second):
				t.Fatal("a job is never delivered")
			}
		}
		fed()
		fed()
		insert(time.Now(), "c")
		fed()
		select {
		case <-swept:
		case <-time.After(60 * time.Second):
			t.Error("the sweeper did not run at the start")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := errors.Join(worker.Stop(ctx), api.Stop(ctx)); err != nil {
			t.Error(err)
		}
		if got := r.got(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("delivered %v", got)
		}
	})
}

func TestFailedWorkIsDeliveredAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tries := make(chan bool, 10)
		e, err := jobs.New(jobs.Config{Store: s, Node: "worker", Workers: 1, SweepEvery: time.Hour,
			Sweep: func(context.Context) error { return nil },
			Run: func(context.Context, string) error {
				tries <- true
				if len(tries) == 1 {
					return errors.New("not now")
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := e.Insert(t.Context(), tx, []jobs.Job{{AttemptID: "x"}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(120 * time.Second); len(tries) < 2; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("not delivered again")
			}
		}
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
