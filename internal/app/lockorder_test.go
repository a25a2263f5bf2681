package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// overlap gives the other side the time to come as far as it can. On SQLite
// it cannot begin before this side has ended.
const overlap = 300 * time.Millisecond

// A check begins at the very moment a code comes back: one waits for the
// other, and neither is lost.
func TestCodeMeetsACheckThatBegins(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		storetest.Each(t, func(t *testing.T, s *store.Store) {
			p := newPost(t, s, Config{Exclusive: exclusive})
			ctx := t.Context()
			code := p.send(p.who, p.d.ID, "admin")
			proved := make(chan error, 1)
			err := s.InTx(ctx, func(tx *store.Tx) error { // as commitStarts does
				if _, err := tx.LockDomains(ctx, []string{p.d.ID}); err != nil {
					return err
				}
				go func() { _, err := p.ConfirmMailCode(ctx, p.who, p.d.ID, code); proved <- err }()
				time.Sleep(overlap)
				at := newStart(p.who.Account.ID, p.d.ID, zonehold.MethodDNSTXT, zonehold.TriggerRequest).attempt
				at.Generation, at.State, at.CreatedAt, at.ReadyAt = 1, zonehold.AttemptQueued, time.Now(), time.Now()
				return tx.InsertAttempts(ctx, []*store.Attempt{at})
			})
			if err != nil {
				t.Errorf("beginning the check: %v", err)
			}
			if err := recv(t, proved); err != nil {
				t.Errorf("bringing the code back: %v", err)
			}
			if d := get(t, p.App, p.who, p.d.ID); d.State != zonehold.StateVerified {
				t.Errorf("the domain is %s", d.State)
			}
		})
	}
}

// Somebody has another code sent while the one before comes back.
func TestAddressIsNamedAgainWhileConfirmed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		const address = "anna@example.com"
		if _, err := p.AddMailbox(ctx, p.who, address); err != nil {
			t.Fatal(err)
		}
		added := make(chan error, 1)
		err := s.InTx(ctx, func(tx *store.Tx) error { // as ConfirmMailbox does
			if err := tx.ConfirmMailbox(ctx, p.who.Account.ID, address, store.ConfirmedByCode, time.Now()); err != nil {
				return err
			}
			go func() { _, err := p.AddMailbox(ctx, p.who, address); added <- err }()
			if s.Engine() == store.PostgreSQL {
				for len(p.mail.MailsTo(address)) < 2 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
			}
			time.Sleep(overlap)
			return tx.LockAccount(ctx, p.who.Account.ID)
		})
		if err != nil {
			t.Errorf("confirming: %v", err)
		}
		if err := recv(t, added); err != nil {
			t.Errorf("naming it again: %v", err)
		}
	})
}
