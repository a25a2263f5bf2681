package store_test

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// What was under way when its outlet was disabled ends, too: nobody would ever
// send it, and the backlog would be old for ever.
func TestNothingWaitsForADisabledOutlet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		o := outletOf(t, s, "a", "*")
		happen(t, s, o.AccountID, zonehold.EventDomainUpdated, zonehold.EventDomainUpdated, zonehold.EventDomainUpdated)
		fanOut(t, s)
		claims := claim(t, s, noon, 10)
		if len(claims) != 3 {
			t.Fatalf("%d claims", len(claims))
		}
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.SetOutlet(ctx, o.ID, false, o.Patterns, noon) }); err != nil {
			t.Fatal(err)
		}
		// One fails, one is cut off, of the third nobody hears again.
		settle(t, s, noon, store.Outcome{Claim: claims[0], State: store.DeliveryWaiting, DueAt: noon.Add(time.Second), Failing: true})
		if err := s.GiveBack(ctx, claims[1:2]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.TakeBack(ctx, true); err != nil {
			t.Fatal(err)
		}
		if n, err := s.EndLeft(ctx, noon); err != nil || n != 3 {
			t.Errorf("%d ended, %v", n, err)
		}
		if b, err := s.Backlog(ctx, store.KindWebhook); err != nil || b.Waiting != 0 || b.Sending != 0 {
			t.Errorf("backlog %+v, %v", b, err)
		}
		left, err := s.Deliveries(ctx, store.DeliveryFilter{AccountID: o.AccountID, OutletID: o.ID, State: store.DeliveryCanceled, Limit: 10})
		if err != nil || len(left) != 3 {
			t.Errorf("%d canceled, %v", len(left), err)
		}
		// A test is sent all the same, and what waits for others stays.
		test := happen(t, s, o.AccountID, zonehold.EventWebhookTest)[0]
		if err := s.InTx(ctx, func(tx *store.Tx) error { _, err := tx.AddTest(ctx, o, test, noon); return err }); err != nil {
			t.Fatal(err)
		}
		other := outletOf(t, s, "b", "*")
		happen(t, s, other.AccountID, zonehold.EventDomainUpdated)
		fanOut(t, s)
		if n, err := s.EndLeft(ctx, noon); err != nil || n != 0 {
			t.Errorf("%d ended, %v", n, err)
		}
		if got := claim(t, s, noon, 10); len(got) != 2 {
			t.Errorf("%d claimed, want the test and that of the other account", len(got))
		}
	})
}

// Tests do not wait for a pause, but an account has no more of them under way
// than of anything else: each may keep a slot for as long as a try may take.
func TestTestsKeepToTheBoundOfAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		o := outletOf(t, s, "a", "*")
		for range 4 {
			test := happen(t, s, o.AccountID, zonehold.EventWebhookTest)[0]
			if err := s.InTx(ctx, func(tx *store.Tx) error { _, err := tx.AddTest(ctx, o, test, noon); return err }); err != nil {
				t.Fatal(err)
			}
		}
		q := store.ClaimQuery{Kind: store.KindWebhook, Now: noon, Lease: time.Minute, Slots: 10, PerOutlet: 4, Tired: 2, PerAccount: 2, Busy: map[string]int{}}
		for busy, want := range []int{2, 1, 0} { // of four
			q.Busy[o.AccountID] = busy
			got, _, err := s.Claim(ctx, q)
			if err != nil || len(got) != want {
				t.Errorf("with %d under way %d more are claimed, want %d (%v)", busy, len(got), want, err)
			}
		}
	})
}
