package app

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

var _ Grants = (*App)(nil)

// Events around mail addresses.
const (
	EventMailboxAdded     zonehold.EventType = "mailbox.added"
	EventMailboxConfirmed zonehold.EventType = "mailbox.confirmed"
	EventMailboxRemoved   zonehold.EventType = "mailbox.removed"
	EventMailCodeSent     zonehold.EventType = "domain.mail_code_sent"
)

// mailboxLife is how long a code shows that the account reads a mailbox: the
// re-use period of domain validations in the Baseline Requirements, section
// 4.2.1, since 2026-03-15. Afterwards the address counts as not confirmed, so
// that what was proved by it is at risk, and a new code is asked for.
const mailboxLife = 200 * 24 * time.Hour

// mailboxLimit is how many addresses an account may have.
const mailboxLimit = 20

// mailboxNow is a stored mailbox as it counts now. False: it is no address in
// our strict reading, and counts for nothing.
func mailboxNow(m zonehold.Mailbox, now time.Time) (zonehold.Mailbox, bool) {
	address, err := zonehold.ParseMailAddress(m.Address)
	if err != nil {
		return m, false
	}
	m.Address = string(address)
	if m.ConfirmedBy == store.ConfirmedByCode && now.Sub(m.ConfirmedAt) > mailboxLife {
		m.ConfirmedAt, m.ConfirmedBy = time.Time{}, ""
	}
	return m, true
}

// addresses are the account's mail addresses as checks use them.
func (a *App) addresses(ctx context.Context, accountID string) ([]verify.Address, error) {
	found, err := a.store.Mailboxes(ctx, accountID)
	if err != nil {
		return nil, err
	}
	now := a.now()
	var out []verify.Address
	for _, m := range found {
		if mailbox, ok := mailboxNow(m.Mailbox, now); ok {
			out = append(out, verify.Address{Mailbox: mailbox, Sharers: m.Sharers})
		}
	}
	return out, nil
}

// Mailboxes lists the account's addresses, oldest first.
func (a *App) Mailboxes(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Mailbox, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	found, err := a.addresses(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "mail address", err)
	}
	out := make([]*zonehold.Mailbox, len(found))
	for i := range found {
		out[i] = &found[i].Mailbox
	}
	return out, nil
}

func (a *App) mailbox(ctx context.Context, accountID string, address zonehold.MailAddress) (*zonehold.Mailbox, error) {
	found, err := a.addresses(ctx, accountID)
	if err != nil {
		return nil, a.ours(ctx, "mail address", err)
	}
	for i := range found {
		if zonehold.MailAddress(found[i].Address).Key() == address.Key() {
			return &found[i].Mailbox, nil
		}
	}
	return nil, notFound("mail address")
}

func parseAddress(typed string) (zonehold.MailAddress, error) {
	address, err := zonehold.ParseMailAddress(typed)
	if err != nil {
		return "", invalid("address", "Write one plain mail address such as name@example.com, without a name or quotes around it.")
	}
	return address, nil
}

// AddMailbox mails a code to an address, which counts after ConfirmMailbox.
// One that the operator has confirmed needs none.
func (a *App) AddMailbox(ctx context.Context, actor zonehold.Actor, typed string) (*zonehold.Mailbox, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	address, err := parseAddress(typed)
	if err != nil {
		return nil, err
	}
	account := actor.Account
	found, err := a.addresses(ctx, account.ID)
	if err != nil {
		return nil, a.ours(ctx, "mail address", err)
	}
	known := false
	for i := range found {
		if m := &found[i].Mailbox; zonehold.MailAddress(m.Address).Key() == address.Key() {
			if m.ConfirmedBy == store.ConfirmedByOperator {
				return m, nil
			}
			known, address = true, zonehold.MailAddress(m.Address) // as it was first written
		}
	}
	if !known && len(found) >= mailboxLimit {
		return nil, &Error{Kind: KindLimit, Limit: mailboxLimit,
			Message: fmt.Sprintf("The account has %d mail addresses, which is the limit. Remove one first.", len(found))}
	}
	if _, err := a.mail(ctx, codeMail{account: account, address: address}); err != nil {
		return nil, err
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		// The address before the account, as by those who confirm or remove it:
		// storing one that they change waits for them.
		now := a.now()
		if err := tx.AddMailbox(ctx, account.ID, address, now); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "mailbox.create", "", map[string]any{"name": string(address), "again": known}); err != nil || known {
			return err
		}
		if err := tx.LockAccount(ctx, account.ID); err != nil {
			return err
		}
		has, err := tx.Mailboxes(ctx, account.ID)
		if err != nil {
			return err
		}
		if len(has) > mailboxLimit {
			return &Error{Kind: KindLimit, Limit: mailboxLimit, Message: "The account has too many mail addresses. Remove one first."}
		}
		return tx.AppendEvents(ctx, []*zonehold.Event{mailboxEvent(EventMailboxAdded, account.ID, address, now)})
	})
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	a.wake.ring(account.ID)
	return a.mailbox(ctx, account.ID, address)
}

func mailboxEvent(t zonehold.EventType, accountID string, address zonehold.MailAddress, now time.Time) *zonehold.Event {
	return newEvent(t, accountID, "", now, map[string]any{"address": string(address)})
}

// ConfirmMailbox takes the code that was mailed to an address.
func (a *App) ConfirmMailbox(ctx context.Context, actor zonehold.Actor, typed, code string) (*zonehold.Mailbox, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	address, err := parseAddress(typed)
	if err != nil {
		return nil, err
	}
	account := actor.Account.ID
	known, err := a.mailbox(ctx, account, address)
	if err != nil {
		return nil, err
	}
	address = zonehold.MailAddress(known.Address)
	var refusal *Error
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		c, no, err := a.takeCode(ctx, tx, account, nil, address, code)
		if refusal = no; err != nil || no != nil {
			return err
		}
		// The address is locked before the account, as by those who store a
		// proof that rests on it.
		if err := tx.ConfirmMailbox(ctx, account, address, store.ConfirmedByCode, c.UsedAt); err != nil {
			return err
		}
		if err := a.lookAgain(ctx, tx, account, string(address.Domain())); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "mailbox.confirm", "", named(string(address))); err != nil {
			return err
		}
		if err := tx.SyncReaders(ctx, account, c.UsedAt); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, []*zonehold.Event{mailboxEvent(EventMailboxConfirmed, account, address, c.UsedAt)})
	})
	if err != nil {
		return nil, a.ours(ctx, "mail address", err)
	}
	if refusal != nil {
		return nil, refusal
	}
	a.wake.ring(account)
	return a.mailbox(ctx, account, address)
}

// RemoveMailbox forgets an address; KindConflict while proofs rest on it,
// unless force.
func (a *App) RemoveMailbox(ctx context.Context, actor zonehold.Actor, typed string, force bool) error {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return err
	}
	address, err := parseAddress(typed)
	if err != nil {
		return err
	}
	account := actor.Account.ID
	known, err := a.mailbox(ctx, account, address)
	if err != nil {
		return err
	}
	address = zonehold.MailAddress(known.Address)
	err = a.forget(ctx, "mail address", force, loss{
		source: store.Source{ID: string(address), AccountID: account}, code: "email_address_missing",
		facts: problem.Facts{problem.FactDetail: "The address was removed from the account."},
	}, func(tx *store.Tx, now time.Time) (*zonehold.Event, error) {
		if err := a.audit(ctx, tx, actor, "mailbox.delete", "", map[string]any{"name": string(address), "force": force}); err != nil {
			return nil, err
		}
		return mailboxEvent(EventMailboxRemoved, account, address, now), tx.DeleteMailbox(ctx, account, address)
	})
	if err == nil {
		a.syncReaders(ctx, account)
	}
	return err
}
