package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func outletOf(t testing.TB, s *store.Store, name string, patterns ...string) *store.Outlet {
	t.Helper()
	account, err := s.AccountByName(t.Context(), name)
	if err != nil {
		if account, err = s.CreateAccount(t.Context(), zonehold.Account{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	o := &store.Outlet{ID: zonehold.NewID(zonehold.PrefixWebhook), AccountID: account.ID, Kind: store.KindWebhook, Enabled: true, Patterns: patterns}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.AddOutlet(t.Context(), o) }); err != nil {
		t.Fatal(err)
	}
	return o
}

func happen(t testing.TB, s *store.Store, account string, types ...zonehold.EventType) (events []*zonehold.Event) {
	t.Helper()
	for _, typ := range types {
		events = append(events, &zonehold.Event{ID: zonehold.NewID(zonehold.PrefixEvent), AccountID: account, Type: typ, CreatedAt: noon, Data: []byte(`{"a":1}`)})
	}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.AppendEvents(t.Context(), events) }); err != nil {
		t.Fatal(err)
	}
	return events
}

// fanOut empties the outbox.
func fanOut(t testing.TB, s *store.Store) (made int) {
	t.Helper()
	for {
		accounts, err := s.Outbox(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(accounts) == 0 {
			return made
		}
		for _, id := range accounts {
			n, _, err := s.FanOut(t.Context(), id, noon)
			if err != nil {
				t.Fatal(err)
			}
			made += n
		}
	}
}

func claim(t testing.TB, s *store.Store, now time.Time, slots int) []*store.Claim {
	t.Helper()
	claims, _, err := s.Claim(t.Context(), store.ClaimQuery{Kind: store.KindWebhook, Now: now, Lease: time.Minute, Slots: slots, PerOutlet: 4, Tired: 2})
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func settle(t testing.TB, s *store.Store, now time.Time, outcomes ...store.Outcome) int {
	t.Helper()
	n, err := s.Settle(t.Context(), outcomes, now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEventsMeetEachOutletOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		before, err := s.CreateAccount(t.Context(), zonehold.Account{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		happen(t, s, before.ID, zonehold.EventDomainCreated)
		if n := fanOut(t, s); n != 0 {
			t.Fatalf("%d deliveries for an account without outlets", n)
		}
		all, some, usual := outletOf(t, s, "a", "*"), outletOf(t, s, "a", "domain.*", "proof.missing"), outletOf(t, s, "a")
		other := outletOf(t, s, "b", "*")
		types := []zonehold.EventType{zonehold.EventDomainVerified, zonehold.EventAttemptCompleted, zonehold.EventProofMissing, zonehold.EventChallengeCreated, zonehold.EventWebhookTest}
		happen(t, s, before.ID, types...)
		// Many at once, as many processes do.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, _, err := s.FanOut(context.WithoutCancel(t.Context()), before.ID, noon); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for o, want := range map[*store.Outlet]int{all: 4, some: 2, usual: 3, other: 0} {
			got, err := s.Deliveries(t.Context(), store.DeliveryFilter{AccountID: o.AccountID, OutletID: o.ID, Limit: 100})
			if err != nil || len(got) != want {
				t.Errorf("%v: %d deliveries, want %d (%v)", o.Patterns, len(got), want, err)
			}
		}
		if n := fanOut(t, s); n != 0 {
			t.Errorf("%d more", n)
		}
		// More than one transaction takes.
		happen(t, s, before.ID, slices.Repeat([]zonehold.EventType{zonehold.EventDomainUpdated}, 450)...)
		if n := fanOut(t, s); n != 3*450 {
			t.Errorf("%d made of 450", n)
		}
	})
}

func TestClaimsAreFencedAndBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, b := outletOf(t, s, "a", "*"), outletOf(t, s, "b", "*")
		happen(t, s, a.AccountID, slices.Repeat([]zonehold.EventType{zonehold.EventDomainUpdated}, 10)...)
		happen(t, s, b.AccountID, zonehold.EventDomainVerified)
		fanOut(t, s)
		claims := claim(t, s, noon, 10)
		if len(claims) != 5 {
			t.Fatalf("%d claims, want 4 of one and 1 of the other", len(claims))
		}
		for _, c := range claims {
			if c.Event == nil || c.Event.ID != c.EventID || string(c.Event.Data) != `{"a":1}` {
				t.Errorf("event %+v", c.Event)
			}
		}
		if again := claim(t, s, noon, 10); len(again) != 0 {
			t.Fatalf("%d claimed twice", len(again))
		}
		// One well, one that fails: from now on that outlet gets one at a time.
		n := settle(t, s, noon, store.Outcome{Claim: claims[0], State: store.DeliveryWaiting, DueAt: noon.Add(5 * time.Second), Failing: true,
			Try: store.Try{At: noon, Status: 500, Error: "it says 500"}})
		if n != 1 {
			t.Fatalf("%d settled", n)
		}
		if n := settle(t, s, noon, store.Outcome{Claim: claims[0], State: store.DeliveryDelivered}); n != 0 {
			t.Errorf("settled twice")
		}
		d, err := s.Delivery(t.Context(), claims[0].AccountID, claims[0].ID)
		if err != nil || d.State != store.DeliveryWaiting || d.Rung != 1 || len(d.Tries) != 1 || d.Tries[0].Status != 500 || !d.DueAt.Equal(noon.Add(5*time.Second)) {
			t.Errorf("after a failure: %+v, %v", d, err)
		}
		// A dead sender's claims go to the next one; its late results do not count.
		if n, err := s.TakeBack(t.Context(), false); n != 0 || err != nil {
			t.Errorf("%d taken from a living sender, %v", n, err)
		}
		if n, err := s.TakeBack(t.Context(), true); n != 4 || err != nil {
			t.Fatalf("%d taken back, %v", n, err)
		}
		next := claim(t, s, noon, 10)
		count := map[string]int{}
		for _, c := range next {
			count[c.OutletID]++
		}
		tired := claims[0].OutletID
		if count[tired] > 1 {
			t.Errorf("a failing outlet has %d at a time", count[tired])
		}
		for _, c := range next {
			for _, old := range claims {
				if old.ID == c.ID && settle(t, s, noon, store.Outcome{Claim: old, State: store.DeliveryFailed}) != 0 {
					t.Error("the result of a lost claim counts")
				}
			}
		}
		var well []store.Outcome
		for _, c := range next {
			well = append(well, store.Outcome{Claim: c, State: store.DeliveryDelivered, Well: true})
		}
		if n := settle(t, s, noon, well...); n != len(next) {
			t.Errorf("%d of %d settled", n, len(next))
		}
		if more := claim(t, s, noon, 10); len(more) != 4 {
			t.Errorf("after a success %d at a time", len(more))
		}
	})
}

// Where more is due than there are slots, each claim has its event all the
// same, and the next call goes on where this one ended.
func TestClaimsBeyondTheSlots(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const outlets = 7
		for i := range outlets {
			o := outletOf(t, s, fmt.Sprint("a", i), "*")
			happen(t, s, o.AccountID, slices.Repeat([]zonehold.EventType{zonehold.EventDomainUpdated}, 4)...)
		}
		fanOut(t, s)
		count, after := map[string]int{}, ""
		for range 20 {
			claims, last, err := s.Claim(t.Context(), store.ClaimQuery{Kind: store.KindWebhook, Now: noon, Lease: time.Minute, Slots: 5, PerOutlet: 4, Tired: 2, After: after})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range claims {
				if count[c.OutletID]++; c.Event == nil {
					t.Errorf("a claim of %s has no event", c.EventID)
				}
			}
			after = last
		}
		if len(count) != outlets {
			t.Errorf("%d of %d outlets were claimed for", len(count), outlets)
		}
		for id, n := range count {
			if n != 4 {
				t.Errorf("%s: %d claimed, want 4", id, n)
			}
		}
	})
}

// One walk comes to every outlet, each after the one before, however the
// database likes to join tables.
func TestClaimsGoInOrder(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		if cfg.URL != "" {
			cfg.URL += map[bool]string{true: "&", false: "?"}[strings.Contains(cfg.URL, "?")] + "enable_nestloop=off"
		}
		s := storetest.Open(t, cfg)
		const outlets = 300
		for i := range outlets {
			o := outletOf(t, s, fmt.Sprint("a", i%10), "*")
			if i >= outlets-10 { // of each account once
				happen(t, s, o.AccountID, zonehold.EventDomainUpdated)
			}
		}
		if n := fanOut(t, s); n != outlets {
			t.Fatalf("%d deliveries", n)
		}
		var order []string
		for after, calls := "", 0; ; calls++ {
			claims, last, err := s.Claim(t.Context(), store.ClaimQuery{Kind: store.KindWebhook, Now: noon, Lease: time.Minute, Slots: 7, PerOutlet: 4, Tired: 2, After: after})
			if err != nil || calls > outlets {
				t.Fatal(calls, err)
			}
			for _, c := range claims {
				order = append(order, c.OutletID)
			}
			if after = last; last == "" {
				break
			}
		}
		if len(order) != outlets || !slices.IsSorted(order) {
			t.Errorf("one walk came to %d of %d outlets, in order: %v", len(order), outlets, slices.IsSorted(order))
		}
	})
}

func TestPausesTestsAndTheEndOfAnOutlet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		o := outletOf(t, s, "a", "*")
		happen(t, s, o.AccountID, slices.Repeat([]zonehold.EventType{zonehold.EventDomainUpdated}, 8)...)
		fanOut(t, s)
		claims := claim(t, s, noon, 1)
		settle(t, s, noon, store.Outcome{Claim: claims[0], State: store.DeliveryWaiting, DueAt: noon.Add(time.Second), Failing: true, PauseUntil: noon.Add(time.Minute)})
		if got := claim(t, s, noon.Add(30*time.Second), 10); len(got) != 0 {
			t.Fatalf("%d sent in a pause", len(got))
		}
		test := happen(t, s, o.AccountID, zonehold.EventWebhookTest)[0]
		err := s.InTx(ctx, func(tx *store.Tx) error { _, err := tx.AddTest(ctx, o, test, noon); return err })
		if err != nil {
			t.Fatal(err)
		}
		got := claim(t, s, noon.Add(30*time.Second), 10)
		if len(got) != 1 || got[0].EventID != test.ID || !got[0].Once {
			t.Fatalf("in a pause: %v, want the test alone", got)
		}
		settle(t, s, noon, store.Outcome{Claim: got[0], State: store.DeliveryFailed})
		if got = claim(t, s, noon.Add(61*time.Second), 10); len(got) != 1 {
			t.Fatalf("after the pause %d, want 1 at a time", len(got))
		}
		// A clock that was a year ahead does not stop anything for a year.
		settle(t, s, noon, store.Outcome{Claim: got[0], State: store.DeliveryWaiting, DueAt: noon.AddDate(1, 0, 0), Failing: true, PauseUntil: noon.AddDate(1, 0, 0)})
		if got = claim(t, s, noon.Add(61*time.Second), 10); len(got) != 1 {
			t.Fatalf("after a clock that jumped: %d", len(got))
		}
		ev := &zonehold.Event{ID: zonehold.NewID(zonehold.PrefixEvent), AccountID: o.AccountID, Type: zonehold.EventWebhookDisabled, CreatedAt: noon, Data: []byte("{}")}
		settle(t, s, noon, store.Outcome{Claim: got[0], State: store.DeliveryFailed, Failing: true, Disable: "gone", Event: ev})
		if got = claim(t, s, noon.Add(time.Hour), 10); len(got) != 0 {
			t.Errorf("%d for a disabled outlet", len(got))
		}
		events, err := s.Events(ctx, o.AccountID, test.ID, 10)
		if err != nil || len(events) != 1 || events[0].ID != ev.ID {
			t.Errorf("events %v, %v", events, err)
		}
		happen(t, s, o.AccountID, zonehold.EventDomainLapsed)
		if n := fanOut(t, s); n != 0 {
			t.Errorf("%d for a disabled outlet", n)
		}
		canceled, err := s.Deliveries(ctx, store.DeliveryFilter{AccountID: o.AccountID, OutletID: o.ID, State: store.DeliveryCanceled, Limit: 100})
		if err != nil || len(canceled) != 7 {
			t.Errorf("%d canceled, %v", len(canceled), err)
		}
		// Enabled again it gets what comes, and the rest by replay.
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.SetOutlet(ctx, o.ID, true, o.Patterns, noon) }); err != nil {
			t.Fatal(err)
		}
		happen(t, s, o.AccountID, zonehold.EventDomainRecovered)
		if n := fanOut(t, s); n != 1 {
			t.Errorf("%d after it was enabled", n)
		}
		replay := func(all bool) (n int) {
			err := s.InTx(ctx, func(tx *store.Tx) (err error) {
				n, _, err = tx.Replay(ctx, o, noon.Add(-time.Hour), noon, 0, all)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		// 8 of the first, webhook.disabled and domain.lapsed.
		if n := replay(false); n != 10 {
			t.Errorf("%d replayed", n)
		}
		if n := replay(false); n != 0 {
			t.Errorf("%d replayed twice", n)
		}
		sent := 0
		for {
			got := claim(t, s, noon.Add(time.Hour), 10)
			if len(got) == 0 {
				break
			}
			for _, c := range got {
				sent += settle(t, s, noon, store.Outcome{Claim: c, State: store.DeliveryDelivered, Well: true})
			}
		}
		if sent != 11 {
			t.Errorf("%d sent", sent)
		}
		if n := replay(true); n != 11 {
			t.Errorf("%d replayed of all", n)
		}
		if b, err := s.Backlog(ctx, store.KindWebhook); err != nil || b.Waiting != 11 || b.Sending != 0 || b.Oldest.IsZero() {
			t.Errorf("backlog %+v, %v", b, err)
		}
		if n, err := s.PruneDeliveries(ctx, noon.Add(time.Hour), 100); err != nil || n != 1 { // the test
			t.Errorf("%d pruned, %v", n, err)
		}
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteOutlet(ctx, o.ID) }); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Backlog(ctx, store.KindWebhook); err != nil || b.Waiting != 0 {
			t.Errorf("backlog %+v, %v", b, err)
		}
	})
}

// Two processes on one database send nothing twice, and lose nothing.
func TestManyClaimants(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const outlets, events = 5, 40
		total := 0
		for i := range outlets {
			o := outletOf(t, s, fmt.Sprint("a", i), "*")
			happen(t, s, o.AccountID, slices.Repeat([]zonehold.EventType{zonehold.EventDomainUpdated}, events)...)
			total += events
		}
		fanOut(t, s)
		var (
			mu   sync.Mutex
			seen = map[string]int{}
			wg   sync.WaitGroup
		)
		for range 4 {
			wg.Go(func() {
				after := ""
				for idle := 0; idle < 20; {
					claims, last, err := s.Claim(t.Context(), store.ClaimQuery{Kind: store.KindWebhook, Now: noon, Lease: time.Minute, Slots: 7, PerOutlet: 4, Tired: 4, After: after})
					if err != nil {
						t.Error(err)
						return
					}
					after = last
					if len(claims) == 0 {
						idle++
						time.Sleep(time.Millisecond)
						continue
					}
					idle = 0
					var out []store.Outcome
					mu.Lock()
					for _, c := range claims {
						seen[c.ID]++
						out = append(out, store.Outcome{Claim: c, State: store.DeliveryDelivered, Well: true})
					}
					mu.Unlock()
					if n, err := s.Settle(t.Context(), out, noon); err != nil || n != len(out) {
						t.Errorf("%d of %d settled: %v", n, len(out), err)
					}
				}
			})
		}
		wg.Wait()
		if len(seen) != total {
			t.Errorf("%d of %d sent", len(seen), total)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s sent %d times", id, n)
			}
		}
	})
}
