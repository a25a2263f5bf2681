package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestBreakers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		full := &zonehold.Breaker{ID: "brk_1", Scope: zonehold.BreakerHost, Place: "h\x00st.example", Reason: zonehold.BreakerFlips, State: zonehold.BreakerOpen,
			Flips: 12, Checked: 40, Names: []string{"a.example"}, TrippedAt: now, Hold: time.Hour, Until: now.Add(time.Hour), EndsAt: now.Add(24 * time.Hour)}
		open := func(b zonehold.Breaker) (got *zonehold.Breaker) {
			t.Helper()
			err := s.InTx(ctx, func(tx *store.Tx) (err error) { got, err = tx.InsertBreaker(ctx, &b); return err })
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		want := *full
		want.Place = "h\u2400st.example"
		if diff := cmp.Diff(&want, open(*full)); diff != "" {
			t.Error(diff)
		}
		second := *full
		second.ID = "brk_2"
		if got := open(second); got.ID != "brk_1" {
			t.Errorf("a second breaker in one place: %s", got.ID)
		}
		// Closed and believed: it passes for a while, and a new one may open.
		want.State, want.Outcome, want.ClosedAt, want.PassUntil = zonehold.BreakerClosed, zonehold.BreakerBelieved, now, now.Add(time.Hour)
		want.Probe, want.ProbedAt, want.AnnouncedAt, want.By, want.Note, want.Pinned = []string{"dom_1"}, now, now, "carol", "why", true
		err := s.InTx(ctx, func(tx *store.Tx) error {
			b, err := tx.LockBreaker(ctx, "brk_1")
			if err != nil {
				return err
			}
			*b = want
			return tx.UpdateBreaker(ctx, b)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := open(second); got.ID != "brk_2" {
			t.Errorf("no new breaker where the old one is closed: %s", got.ID)
		}
		for _, tc := range []struct {
			at   time.Time
			want int
		}{{now, 2}, {now.Add(2 * time.Hour), 1}} {
			live, err := s.LiveBreakers(ctx, tc.at)
			if err != nil || len(live) != tc.want {
				t.Errorf("at %s: %d live, %v", tc.at, len(live), err)
			}
		}
		list, err := s.Breakers(ctx, true, 10)
		if err != nil || len(list) != 2 {
			t.Fatal(len(list), err)
		}
		for _, b := range list {
			if b.ID == "brk_1" {
				if diff := cmp.Diff(&want, b); diff != "" {
					t.Error(diff)
				}
			}
		}
		err = s.InTx(ctx, func(tx *store.Tx) error { _, err := tx.LockBreaker(ctx, "brk_x"); return err })
		if !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if err := s.PruneBreakers(ctx, now.Add(time.Minute), now, 0); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Breakers(ctx, true, 10); err != nil || len(list) != 1 || list[0].ID != "brk_2" {
			t.Errorf("after pruning: %v, %v", list, err)
		}
	})
}

func TestFlips(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		in := func(fn func(ctx context.Context, tx *store.Tx) error) {
			t.Helper()
			if err := s.InTx(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }); err != nil {
				t.Fatal(err)
			}
		}
		one := store.Flip{DomainID: "dom_1", Hostname: "a.example", Generation: 2, Host: "h", Network: "45.0.0.0/24", FirstAt: now.Add(-time.Hour), At: now, WasSince: now.Add(-time.Minute)}
		two := store.Flip{DomainID: "dom_2", Hostname: "b.example", Host: "h", FirstAt: now, At: now}
		three := store.Flip{DomainID: "dom_3", Hostname: "c.example", Host: "g", Network: "45.0.0.0/24", FirstAt: now, At: now.Add(-2 * time.Hour)}
		in(func(ctx context.Context, tx *store.Tx) error { return tx.PutFlips(ctx, []store.Flip{one, two, three}) })
		two.At = now.Add(time.Minute)
		in(func(ctx context.Context, tx *store.Tx) error { return tx.PutFlips(ctx, []store.Flip{two}) })
		host, network, all := store.Place{Scope: zonehold.BreakerHost, Key: "h"}, store.Place{Scope: zonehold.BreakerNetwork, Key: "45.0.0.0/24"}, store.Place{Scope: zonehold.BreakerAll}
		since := now.Add(-time.Hour)
		in(func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.Flips(ctx, []string{"dom_1", "dom_2", "dom_x"})
			if diff := cmp.Diff(map[string]store.Flip{"dom_1": one, "dom_2": two}, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			for p, want := range map[store.Place]int{host: 2, network: 1, all: 2} {
				if n, err := tx.CountFlips(ctx, p, since); n != want || err != nil {
					t.Errorf("%v: %d, %v", p, n, err)
				}
			}
			names, err := tx.FlippedNames(ctx, all, since, 1)
			if err != nil || len(names) != 1 || names[0] != "b.example" {
				t.Errorf("names %v, %v", names, err)
			}
			return tx.GiveFlips(ctx, "brk_1", network, since)
		})
		fell, err := s.FellBefore(ctx, "brk_1", 10)
		if err != nil || len(fell) != 1 || fell[0].DomainID != "dom_1" {
			t.Errorf("fell %v, %v", fell, err)
		}
		in(func(ctx context.Context, tx *store.Tx) error {
			for p, want := range map[store.Place]int{host: 1, network: 0, all: 1} {
				if n, err := tx.CountFlips(ctx, p, since); n != want || err != nil {
					t.Errorf("%v after one was given away: %d, %v", p, n, err)
				}
			}
			return tx.HoldFlips(ctx, "brk_1", []string{"dom_1", "dom_2"})
		})
		if held, err := s.BreakerFlips(ctx, "brk_1", "dom_1", 10); err != nil || len(held) != 1 || !held[0].Held {
			t.Errorf("held %v, %v", held, err)
		}
		// Those of domains that are not there are settled; others count on.
		if err := s.SettleFlips(ctx); err != nil {
			t.Fatal(err)
		}
		if held, err := s.BreakerFlips(ctx, "brk_1", "", 10); err != nil || len(held) != 0 {
			t.Errorf("held %v, %v", held, err)
		}
		in(func(ctx context.Context, tx *store.Tx) error { return tx.DropFlips(ctx, []string{"dom_3"}) })
		in(func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.Flips(ctx, []string{"dom_1", "dom_2", "dom_3"})
			if len(got) != 0 {
				t.Errorf("left %v", got)
			}
			return err
		})
		// What several processes counted.
		put := func(node string, n int) {
			t.Helper()
			if err := s.PutChecks(ctx, node, []store.Checks{{Place: host, Slot: 5, Checked: n}, {Place: host, Slot: 1, Checked: 1000}}); err != nil {
				t.Fatal(err)
			}
		}
		put("node_1", 10)
		put("node_2", 20)
		put("node_2", 30)
		put("node_3", 40)
		in(func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.ChecksElsewhere(ctx, "node_1", host, 2)
			if n != 70 {
				t.Errorf("%d checks elsewhere", n)
			}
			return err
		})
	})
}

// More than one statement looks at, of several breakers: what stands stays.
func TestSettleManyFlips(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const all = 1300
		d := domain(t, s, account(t, s, "anna"), "example.com")
		d.SeenAt = d.CreatedAt
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.UpdateDomain(ctx, d) }); err != nil {
			t.Fatal(err)
		}
		storetest.Fill(t, s, d.ID, all, 1)
		var flips []store.Flip
		for i := range all {
			f := store.Flip{DomainID: storetest.FilledID(i + 1), At: d.SeenAt, BreakerID: fmt.Sprintf("brk_%d", i%2)}
			if i%3 == 0 {
				f.At = d.SeenAt.Add(-time.Second) // it was seen since
			}
			flips = append(flips, f)
		}
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.PutFlips(ctx, flips) }); err != nil {
			t.Fatal(err)
		}
		if err := s.SettleFlips(ctx); err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, id := range []string{"brk_0", "brk_1"} {
			found, err := s.BreakerFlips(ctx, id, "", all)
			if err != nil {
				t.Fatal(err)
			}
			left += len(found)
			for _, f := range found {
				if !f.At.Equal(d.SeenAt) {
					t.Errorf("%s is left", f.DomainID)
				}
			}
		}
		if want := all - (all+2)/3; left != want {
			t.Errorf("%d are left, want %d", left, want)
		}
	})
}

// A try to write that was made while the clock was ahead is no chore.
func TestNewestChore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
		if at, err := s.NewestChore(ctx); err != nil || !at.IsZero() {
			t.Errorf("before any: %s, %v", at, err)
		}
		if took, err := s.TakeChore(ctx, "breakers", now, time.Minute); err != nil || !took {
			t.Fatal(took, err)
		}
		_, err := s.Writer().ExecContext(ctx, "INSERT INTO chores (name, ran_at) VALUES ('write', $1)", now.AddDate(1, 0, 0).UnixMicro())
		if err != nil {
			t.Fatal(err)
		}
		if at, err := s.NewestChore(ctx); err != nil || !at.Equal(now) {
			t.Errorf("newest %s, want %s, %v", at, now, err)
		}
	})
}

func TestBeatTellsACopy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for _, tc := range []struct {
			mark string
			left []string
			want bool
		}{
			{"m1", nil, true},                  // the first
			{"m2", []string{"m1"}, true},       // the next one
			{"m3", []string{"m1"}, false},      // by a copy that knows only the first
			{"m4", []string{"m0", "m2"}, true}, // by one that did not hear whether its last was written
			{"m5", nil, false},                 // by one that does not know of any
			{"m6", []string{"m4", "m5"}, true}, // still the right one
		} {
			at, ours, err := s.Beat(ctx, "node_1", "n", tc.mark, tc.left)
			if err != nil || ours != tc.want || ours && time.Since(at).Abs() > time.Minute {
				t.Errorf("%s after %v: %v at %s, %v", tc.mark, tc.left, ours, at, err)
			}
		}
	})
}
