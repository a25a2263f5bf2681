package app

import (
	"context"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// Who has very many claims to be looked at again does not keep the due checks
// of others waiting.
func TestDueChecksDoNotWaitForAllLooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, new(placed).config(), quick)
		a.started.Store(true)
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
		// It may have ended already; that it found nothing shows in the history only.
		attempts, err := a.Attempts(t.Context(), who, d.ID, 10, "")
		if err != nil || len(attempts.Items) != 1 || attempts.Items[0].Trigger != zonehold.TriggerSchedule {
			t.Errorf("the due check has not begun: %+v, %v", attempts.Items, err)
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

// What is known of the account may prove a new claim: that is still tried
// where the check at once gives way to another one, or the process dies.
func TestNewClaimIsTriedLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := new(placed).config()
		cfg.CreateWait = 50 * time.Millisecond
		cfg.CheckAutomatic = func(ctx context.Context, _ *verify.Kit, _ verify.Claim) diagnose.Report {
			<-ctx.Done()
			return report(zonehold.MethodWhitelist, zonehold.OutcomeInconclusive)
		}
		a := start1(t, s, cfg, quick)
		who := actor(t, s, "alpha")
		if d := create(t, a, who, "other.example"); !d.NextCheckAt.IsZero() {
			t.Errorf("nothing may prove %s, and it is looked at %s", d.Hostname, d.NextCheckAt)
		}
		policy(t, a, zonehold.MethodWhitelist, "shop.example", "")
		d := create(t, a, who, "shop.example")
		if at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID); at.Outcome != zonehold.OutcomeAbsent {
			t.Fatalf("%+v", at)
		}
		if d = get(t, a, who, d.ID); d.State != zonehold.StatePending || d.NextCheckAt.IsZero() {
			t.Errorf("%s, looked at again: %s", d.State, d.NextCheckAt)
		}
	})
}
