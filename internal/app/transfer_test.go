package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func offerTo(t testing.TB, a *App, who zonehold.Actor, domain, account string) *Transfer {
	t.Helper()
	got, err := a.OfferDomain(t.Context(), who, NewTransfer{Domain: domain, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// T45: what is handed over begins anew, with tokens of its own.
func TestTransfer(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		storetest.Each(t, func(t *testing.T, s *store.Store) {
			c := newContenders(t, s, Config{Exclusive: exclusive})
			anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
			one := c.proved(anna, "example.com")
			below := c.proved(anna, "other.example.com")
			if _, err := c.UpdateDomain(t.Context(), anna, one.ID, DomainPatch{Tags: &[]string{"mine"}}, 0); err != nil {
				t.Fatal(err)
			}
			offer := offerTo(t, c.App, anna, "example.com", "bert")
			if !offer.Given || offer.State != "open" || offer.To != "bert" || !offer.ExpiresAt.Equal(c.now().Add(14*24*time.Hour)) {
				t.Errorf("offer %+v", offer)
			}
			_, err := c.OfferDomain(t.Context(), anna, NewTransfer{Domain: one.ID, Account: "bert"})
			wantKind(t, err, KindConflict)
			page, err := c.Transfers(t.Context(), bert, TransferQuery{})
			if err != nil || len(page.Items) != 1 || page.Items[0].Given || page.Items[0].FromName != "anna" || page.Items[0].DomainID != "" {
				t.Fatalf("received: %+v, %v", page.Items, err)
			}
			two := create(t, c.App, bert, "example.com")
			if two.Tokens.TXT == one.Tokens.TXT || len(two.Tags) != 0 || two.State != zonehold.StatePending {
				t.Errorf("the new claim took data over: %+v", two.Domain)
			}
			// The old record does not prove the new claim, and nothing ends yet.
			if at := c.check(bert, two.ID); at.Outcome != zonehold.OutcomeAbsent {
				t.Errorf("on the old record: %s", at.Outcome)
			}
			c.want(anna, one.ID, zonehold.StateVerified)
			c.set(two, true)
			if at := c.check(bert, two.ID); at.Outcome != zonehold.OutcomeVerified {
				t.Errorf("the fresh proof: %s, %+v", at.Outcome, at.Problem)
			}
			c.want(bert, two.ID, zonehold.StateVerified)
			gone := c.want(anna, one.ID, zonehold.StateLapsed)
			if gone.Problem == nil || gone.Problem.Code != "claim_transferred" || gone.Tokens.TXT == one.Tokens.TXT {
				t.Errorf("the old claim: %+v", gone.Problem)
			}
			c.want(anna, below.ID, zonehold.StateVerified)
			for _, who := range []zonehold.Actor{anna, bert} {
				if e := c.events(who, zonehold.EventDomainTransferred); len(e) != 1 {
					t.Errorf("%s reads %v", who.Account.Name, e)
				}
				page, err := c.Transfers(t.Context(), who, TransferQuery{All: true})
				if err != nil || len(page.Items) != 1 || page.Items[0].State != "done" {
					t.Errorf("%s sees %+v, %v", who.Account.Name, page.Items, err)
				}
			}
			if e := c.events(anna, zonehold.EventDomainLapsed); len(e) != 1 || e[0]["reason"] != "transferred" {
				t.Errorf("the giver reads %v", e)
			}
			if len(c.events(anna, zonehold.EventDomainClaimed)) != 0 {
				t.Error("a transfer is no contest")
			}
			// The old record is still there and proves nothing.
			if at := c.check(anna, one.ID); at.Outcome != zonehold.OutcomeAbsent {
				t.Errorf("the old record: %s", at.Outcome)
			}
		})
	}
}

func TestTransferOffersEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		state := func(id, want string) {
			t.Helper()
			page, err := c.Transfers(t.Context(), anna, TransferQuery{All: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Items {
				if o.ID == id && o.State != want {
					t.Errorf("the offer of %s is %s, want %s", o.Hostname, o.State, want)
				}
			}
		}
		refused := func(name string) {
			t.Helper()
			d := create(t, c.App, bert, name)
			c.set(d, true)
			if at := c.check(bert, d.ID); at.Outcome != zonehold.OutcomeRefused {
				t.Errorf("%s by an offer that has ended: %s", name, at.Outcome)
			}
		}
		// No such account: the same answer.
		c.proved(anna, "nobody.example")
		known, unknown := offerTo(t, c.App, anna, c.proved(anna, "known.example").ID, "bert"), offerTo(t, c.App, anna, "nobody.example", "carl")
		known.ID, known.DomainID, known.Hostname, known.To = unknown.ID, unknown.DomainID, unknown.Hostname, unknown.To
		if *known != *unknown {
			t.Errorf("an unknown account is told: %+v, %+v", known, unknown)
		}
		_, err := c.OfferDomain(t.Context(), anna, NewTransfer{Domain: "nobody.example", Account: "anna"})
		wantKind(t, err, KindInvalid)
		create(t, c.App, anna, "unproved.example")
		_, err = c.OfferDomain(t.Context(), anna, NewTransfer{Domain: "unproved.example", Account: "bert"})
		wantKind(t, err, KindConflict)

		c.proved(anna, "old.example")
		old := offerTo(t, c.App, anna, "old.example", "bert")
		c.proved(anna, "back.example")
		back := offerTo(t, c.App, anna, "back.example", "bert")
		if _, err := c.CancelTransfer(t.Context(), actor(t, s, "carla"), back.ID); err == nil {
			t.Error("a stranger cancels an offer")
		}
		if got, err := c.CancelTransfer(t.Context(), bert, back.ID); err != nil || got.State != "cancelled" {
			t.Errorf("turned down: %+v, %v", got, err)
		}
		refused("back.example")
		d := c.proved(anna, "gone.example")
		gone := offerTo(t, c.App, anna, d.ID, "bert")
		if err := c.DeleteDomain(t.Context(), anna, d.ID, 0); err != nil {
			t.Fatal(err)
		}
		frozen := c.proved(anna, "frozen.example")
		cold := offerTo(t, c.App, anna, frozen.ID, "bert")
		freezeNow(t, c.App, frozen.ID)
		refused("frozen.example")
		c.pass(offerLife + time.Hour)
		refused("old.example")
		c.settle()
		state(old.ID, "expired")
		state(gone.ID, "ended")
		state(cold.ID, "ended")
		state(back.ID, "cancelled")
		// Offered again.
		offerTo(t, c.App, anna, "old.example", "bert")
	})
}

func freezeNow(t testing.TB, a *App, id string) {
	t.Helper()
	err := a.holding(t.Context(), []string{id}, func(tx *store.Tx, held map[string]*store.Domain) error {
		events, err := a.freeze(t.Context(), tx, held[id], zonehold.FreezeMoved, a.now())
		if err != nil {
			return err
		}
		if err := tx.UpdateDomain(t.Context(), held[id]); err != nil {
			return err
		}
		return tx.AppendEvents(t.Context(), events)
	})
	if err != nil {
		t.Fatal(err)
	}
}
