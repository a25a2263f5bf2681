package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Events of offers, in the history of both sides.
const (
	EventTransferOffered zonehold.EventType = "transfer.offered"
	EventTransferEnded   zonehold.EventType = "transfer.ended"
)

// offerLife is how long an offer stands.
const offerLife = 14 * 24 * time.Hour

// Transfers are domains that an account offers to another one. The other one
// claims the name as anybody does, with tokens of its own and empty data
// (threat T45); its fresh proof ends the claim of the one who offered it, and
// not before.
type Transfers interface {
	// OfferDomain offers a proved domain. KindConflict: it is not proved, frozen,
	// held by delegation, or offered already.
	OfferDomain(ctx context.Context, actor zonehold.Actor, in NewTransfer) (*Transfer, error)
	// Transfers lists offers made and received, newest first.
	Transfers(ctx context.Context, actor zonehold.Actor, q TransferQuery) (Page[*Transfer], error)
	// CancelTransfer takes an offer back, or turns it down. One that has ended
	// stays as it is.
	CancelTransfer(ctx context.Context, actor zonehold.Actor, id string) (*Transfer, error)
}

// NewTransfer is the input of OfferDomain. Fields as typed.
type NewTransfer struct {
	Domain  string // id or hostname
	Account string // id or name
}

// TransferQuery selects offers.
type TransferQuery struct {
	All    bool // ended ones too
	Limit  int  // 1..500; 0: 50
	Cursor string
}

// Transfer is an offer as either side may see it. To is what the giver wrote:
// whether there is such an account, nobody is told.
type Transfer struct {
	ID        string
	DomainID  string // of the giver; "" for the receiver
	Hostname  zonehold.Hostname
	Given     bool   // by the account that asks
	FromName  string // the giver's account
	To        string // as the giver wrote it
	State     string // open, done, cancelled, expired, ended
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // zero: open
}

// fits reports whether the domain of an offer is what it was when it was
// offered.
func fits(t *store.Transfer, d *store.Domain) bool {
	return own(d) && d.AccountID == t.FromAccount && d.FrozenAt.IsZero() && d.Generation == t.Generation && d.VerifiedAt.Equal(t.ProvedAt)
}

// offered reports whether an offer stands with its domain as it is now.
func offered(t *store.Transfer, d *store.Domain, now time.Time) bool {
	return fits(t, d) && now.Before(t.ExpiresAt)
}

// OfferDomain offers a domain to another account.
func (a *App) OfferDomain(ctx context.Context, actor zonehold.Actor, in NewTransfer) (*Transfer, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	seen, err := a.find(ctx, actor.Account.ID, in.Domain)
	if err != nil {
		return nil, err
	}
	to := strings.TrimSpace(in.Account)
	if to == "" || len(to) > 200 || !utf8.ValidString(to) || strings.ContainsFunc(to, unicode.IsControl) {
		return nil, invalid("account", "Say to whom: the id or the name of an account.")
	}
	// Whoever is called so: the answer is the same if nobody is.
	var receiver string
	var unknown *Error
	switch account, err := a.findAccount(ctx, to); {
	case err == nil:
		receiver = account.ID
	case errors.As(err, &unknown) && unknown.Missing:
	default:
		return nil, err
	}
	if receiver == actor.Account.ID {
		return nil, invalid("account", "This is your own account. A domain can be offered to another one only.")
	}
	var t *store.Transfer
	err = a.holding(ctx, []string{seen.ID}, func(tx *store.Tx, held map[string]*store.Domain) error {
		d, now := held[seen.ID], a.now()
		switch {
		case d == nil || !d.DeletedAt.IsZero():
			return notFound("domain")
		case !d.State.Verified():
			return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s is not proved. Who wants it can claim it without an offer.", d.Hostname)}
		case !d.FrozenAt.IsZero():
			return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s waits for a fresh proof. Prove it first; then it can be offered.", d.Hostname)}
		case d.Method == zonehold.MethodDelegated:
			return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s was given to this account by another one, and cannot be passed on.", d.Hostname)}
		}
		ended, err := a.endStale(ctx, tx, d, now)
		if err != nil {
			return err
		}
		t = &store.Transfer{
			ID: zonehold.NewID(zonehold.PrefixTransfer), DomainID: d.ID, FromAccount: d.AccountID, ToAccount: receiver, To: to,
			Hostname: d.Hostname, Generation: d.Generation, ProvedAt: d.VerifiedAt, State: store.TransferOpen,
			CreatedAt: now, ExpiresAt: now.Add(offerLife), FromName: actor.Account.Name,
		}
		if err := tx.InsertTransfer(ctx, t); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "transfer.offer", t.ID, map[string]any{"name": string(d.Hostname), "domain_id": d.ID, "to": to}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, append(ended, offerEvents(EventTransferOffered, t, now)...))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("%s is offered already. Cancel that offer first.", seen.Hostname)}
	}
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	a.wake.ring(t.FromAccount, t.ToAccount)
	return transferView(t, actor.Account.ID), nil
}

// endStale ends an offer of a held domain that stands no more.
func (a *App) endStale(ctx context.Context, tx *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, error) {
	open, err := tx.OpenTransfersOf(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	var events []*zonehold.Event
	for _, t := range open {
		if offered(t, d, now) {
			continue
		}
		state := store.TransferEnded
		if fits(t, d) {
			state = store.TransferExpired
		}
		was, err := tx.EndTransfer(ctx, t.ID, state, now)
		if err != nil {
			return nil, err
		}
		if was {
			t.State = state
			events = append(events, offerEvents(EventTransferEnded, t, now)...)
		}
	}
	return events, nil
}

// endOffers notes the end of offers whose time is over or whose domain is not
// what it was.
func (a *App) endOffers(ctx context.Context) error {
	stale, err := a.store.StaleTransfers(ctx, a.now(), contestBatch)
	if err != nil {
		return err
	}
	for _, t := range stale {
		err := a.holding(ctx, []string{t.DomainID}, func(tx *store.Tx, held map[string]*store.Domain) error {
			events, err := a.endStale(ctx, tx, held[t.DomainID], a.now())
			if err != nil {
				return err
			}
			return tx.AppendEvents(ctx, events)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// offerEvents tells both sides; the receiver not of the giver's domain.
func offerEvents(kind zonehold.EventType, t *store.Transfer, now time.Time) []*zonehold.Event {
	data := func() map[string]any {
		return map[string]any{
			"transfer_id": t.ID, "hostname": string(t.Hostname), "state": t.State, "expires_at": t.ExpiresAt.Format(time.RFC3339),
		}
	}
	mine := data()
	mine["domain_id"], mine["to"] = t.DomainID, t.To
	events := []*zonehold.Event{newEvent(kind, t.FromAccount, t.DomainID, now, mine)}
	if t.ToAccount != "" {
		theirs := data()
		if t.FromName != "" {
			theirs["from"] = t.FromName
		}
		events = append(events, newEvent(kind, t.ToAccount, "", now, theirs))
	}
	return events
}

// transferredEvents tell both sides that a domain has another account now.
func transferredEvents(t *store.Transfer, to, from *store.Domain, now time.Time) []*zonehold.Event {
	tell := func(d *store.Domain, direction string) *zonehold.Event {
		return newEvent(zonehold.EventDomainTransferred, d.AccountID, d.ID, now, map[string]any{
			"transfer_id": t.ID, "domain_id": d.ID, "hostname": string(d.Hostname), "direction": direction,
		})
	}
	return []*zonehold.Event{tell(from, "given"), tell(to, "received")}
}

func transferView(t *store.Transfer, accountID string) *Transfer {
	v := &Transfer{
		ID: t.ID, Hostname: t.Hostname, Given: t.FromAccount == accountID, FromName: t.FromName, To: t.To, State: t.State,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, EndedAt: t.EndedAt,
	}
	if v.Given {
		v.DomainID = t.DomainID
	}
	return v
}

const transfersOrder = "-transfers"

// Transfers lists offers made and received, newest first.
func (a *App) Transfers(ctx context.Context, actor zonehold.Actor, q TransferQuery) (Page[*Transfer], error) {
	var page Page[*Transfer]
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return page, err
	}
	limit, after, err := pageOf(q.Limit, q.Cursor, transfersOrder)
	if err != nil {
		return page, err
	}
	found, err := a.store.Transfers(ctx, store.TransferFilter{AccountID: actor.Account.ID, Open: !q.All, After: after, Limit: limit + 1})
	if err != nil {
		return page, a.ours(ctx, "offer", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: transfersOrder, Time: last.CreatedAt.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*Transfer, len(found))
	for i, t := range found {
		page.Items[i] = transferView(t, actor.Account.ID)
	}
	return page, nil
}

// CancelTransfer takes an offer back (the giver), or turns it down (the
// receiver).
func (a *App) CancelTransfer(ctx context.Context, actor zonehold.Actor, id string) (*Transfer, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	t, err := a.store.Transfer(ctx, actor.Account.ID, id)
	if err != nil {
		return nil, a.ours(ctx, "offer", err)
	}
	err = a.holding(ctx, []string{t.DomainID}, func(tx *store.Tx, _ map[string]*store.Domain) error {
		now := a.now()
		was, err := tx.EndTransfer(ctx, t.ID, store.TransferCancelled, now)
		if err != nil || !was {
			return err
		}
		t.State = store.TransferCancelled
		if err := a.audit(ctx, tx, actor, "transfer.cancel", t.ID, map[string]any{"name": string(t.Hostname)}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, offerEvents(EventTransferEnded, t, now))
	})
	if err != nil {
		return nil, a.ours(ctx, "offer", err)
	}
	a.wake.ring(t.FromAccount, t.ToAccount)
	if t, err = a.store.Transfer(ctx, actor.Account.ID, id); err != nil {
		return nil, a.ours(ctx, "offer", err)
	}
	return transferView(t, actor.Account.ID), nil
}
