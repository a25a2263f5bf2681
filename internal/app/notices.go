package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Notices are mails about what changes.
type Notices interface {
	// Notices is who gets mails, and of which events.
	Notices(ctx context.Context, actor zonehold.Actor) (*NoticeSettings, error)
	// SetNotices changes that. KindInvalid: an address that the account has not
	// confirmed, or an event that there is no mail for.
	SetNotices(ctx context.Context, actor zonehold.Actor, in SetNotices) (*NoticeSettings, error)
}

// NoticeSettings is who gets mails, and of which events.
type NoticeSettings struct {
	Addresses []string             // that get mails
	Chosen    bool                 // the addresses were chosen; false: the default
	Events    []zonehold.EventType // of which there are mails
	Known     []zonehold.EventType // of which there could be
	MailOff   bool                 // this service sends no mail
}

// SetNotices is what to change. Nil: leave it.
type SetNotices struct {
	Addresses *[]string // nil inside: the default
	Events    *[]string // nil inside: the default
}

// maxReaders is how many addresses of an account may get mails.
const maxReaders = 10

// Notices is who gets mails, and of which events.
func (a *App) Notices(ctx context.Context, actor zonehold.Actor) (*NoticeSettings, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	choice, err := a.store.Notices(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	readers, err := a.store.Readers(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	out := &NoticeSettings{Chosen: choice.Addresses != nil, Events: choice.Events, Known: noticeTypes(), MailOff: a.cfg.Mail == nil}
	if out.Events == nil {
		out.Events = store.UsualNotices()
	}
	for _, r := range readers {
		out.Addresses = append(out.Addresses, r.Address)
	}
	return out, nil
}

// SetNotices changes who gets mails, and of which events.
func (a *App) SetNotices(ctx context.Context, actor zonehold.Actor, in SetNotices) (*NoticeSettings, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	account := actor.Account.ID
	var events []zonehold.EventType
	if in.Events != nil && *in.Events != nil {
		events = []zonehold.EventType{}
		for _, e := range *in.Events {
			t := zonehold.EventType(e)
			if gravity(t) < 0 {
				return nil, invalid("events", fmt.Sprintf("There is no mail for the event %s. Those there are: %s.", quoted(e), joinTypes(noticeTypes())))
			}
			if !slices.Contains(events, t) {
				events = append(events, t)
			}
		}
	}
	var addresses []string
	if in.Addresses != nil && *in.Addresses != nil {
		if len(*in.Addresses) > maxReaders {
			return nil, invalid("addresses", fmt.Sprintf("At most %d addresses can get these mails.", maxReaders))
		}
		found, err := a.store.Mailboxes(ctx, account)
		if err != nil {
			return nil, a.ours(ctx, "mail address", err)
		}
		addresses = []string{}
		for _, typed := range *in.Addresses {
			address, err := zonehold.ParseMailAddress(typed)
			at := -1
			if err == nil {
				at = slices.IndexFunc(found, func(m store.Mailbox) bool {
					return !m.ConfirmedAt.IsZero() && zonehold.MailAddress(m.Address).Key() == address.Key()
				})
			}
			if at < 0 {
				return nil, missing("addresses", fmt.Sprintf("The account has not confirmed the address %s. Add it with POST /v1/mailboxes or \"zonehold email add\", and confirm it by its code.", quoted(typed)))
			}
			if !slices.Contains(addresses, found[at].Address) {
				addresses = append(addresses, found[at].Address)
			}
		}
	}
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockAccount(ctx, account); err != nil {
			return err
		}
		choice, err := tx.Notices(ctx, account)
		if err != nil {
			return err
		}
		changed := map[string]any{}
		if in.Addresses != nil {
			choice.Addresses = addresses
			changed["addresses"] = addresses
		}
		if in.Events != nil {
			choice.Events = events
			changed["events"] = events
		}
		now := a.now()
		if err := tx.SetNotices(ctx, account, choice, now); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "notices.set", "", changed); err != nil {
			return err
		}
		return tx.SyncReaders(ctx, account, now)
	})
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	actor.Scopes = append(slices.Clone(actor.Scopes), zonehold.ScopeDomainsRead) // it sees what it wrote
	return a.Notices(ctx, actor)
}

func joinTypes(types []zonehold.EventType) string {
	s := ""
	for i, t := range types {
		if i > 0 {
			s += ", "
		}
		s += string(t)
	}
	return s
}

// VouchMailbox confirms an address for an account, on the word of the
// operator.
func (a *App) VouchMailbox(ctx context.Context, actor zonehold.Actor, account, typed string) error {
	if err := allowOperator(actor); err != nil {
		return err
	}
	address, err := parseAddress(typed)
	if err != nil {
		return err
	}
	found, err := a.findAccount(ctx, account)
	if err != nil {
		return err
	}
	actor.Account = found
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		now := a.now()
		if err := tx.ConfirmMailbox(ctx, found.ID, address, store.ConfirmedByOperator, now); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "mailbox.vouch", "", named(string(address))); err != nil {
			return err
		}
		return tx.SyncReaders(ctx, found.ID, now)
	})
	return a.ours(ctx, "account", err)
}

// syncReaders follows a change of the account's addresses, after the change:
// inside of it other accounts may be locked later on, which has an order.
// Should it fail, mail stops all the same, as each asks for the address again.
func (a *App) syncReaders(ctx context.Context, accountID string) {
	err := a.store.InTx(ctx, func(tx *store.Tx) error { return tx.SyncReaders(ctx, accountID, a.now()) })
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "readers of notices could not be brought up to date", "account", accountID, "err", err)
	}
}

// Notice writes the mail that tells of events of an account, which are in
// order; it is the notify.Writer.
func (a *App) Notice(ctx context.Context, accountID string, events []zonehold.Event) (subject, text string, err error) {
	account, err := a.store.Account(ctx, accountID)
	if err != nil {
		return "", "", fmt.Errorf("writing a notice: %w", err)
	}
	all := gather(events)
	if len(all) == 0 {
		return "", "", nil
	}
	var ids []string
	for _, n := range all[:min(len(all), noticesInFull)] {
		if n.event.DomainID != "" {
			ids = append(ids, n.event.DomainID)
		}
	}
	found, err := a.store.DomainsByID(ctx, ids)
	if err != nil {
		return "", "", fmt.Errorf("writing a notice: %w", err)
	}
	for _, n := range all[:min(len(all), noticesInFull)] {
		d := found[n.event.DomainID]
		if d == nil || d.AccountID != accountID || !d.DeletedAt.IsZero() {
			continue
		}
		views, err := a.views(ctx, d)
		if err != nil {
			return "", "", fmt.Errorf("writing a notice: %w", err)
		}
		n.domain = views[0]
	}
	subject, text = noticeText(account, all, a.cfg.PublicURL)
	return subject, text, nil
}

// gather makes one piece of news of all events of the same thing, which tells
// the last of them, and sorts by gravity.
func gather(events []zonehold.Event) []*news {
	var all []*news
	byKey := map[string]*news{}
	for _, e := range events {
		if gravity(e.Type) < 0 {
			continue
		}
		n := &news{event: e}
		if json.Unmarshal(e.Data, &n.data) != nil || n.data == nil {
			n.data = eventData{}
		}
		key := cmp.Or(e.DomainID, n.data.text("webhook_id", 60), n.data.text("breaker_id", 60), n.data.text("perspective", 100), e.ID)
		if had := byKey[key]; had != nil {
			had.earlier = append(had.earlier, had.event)
			had.event, had.data = n.event, n.data
			continue
		}
		byKey[key] = n
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(x, y *news) int { return gravity(x.event.Type) - gravity(y.event.Type) })
	return all
}

// Problem is why nobody gets a mail, "" if somebody does.
func (n *NoticeSettings) Problem() string {
	switch {
	case n.MailOff:
		return "This service sends no mail: the operator has not set up a relay."
	case len(n.Events) == 0:
		return "All kinds of mail are switched off."
	case len(n.Addresses) == 0 && n.Chosen:
		return "None of the chosen addresses is confirmed, or none was chosen."
	case len(n.Addresses) == 0:
		return "The account has confirmed no mail address, so nobody is told when a domain is at risk. Add one and confirm it."
	}
	return ""
}
