package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// Events of delegations, in the history of both sides.
const (
	EventDelegationCreated zonehold.EventType = "delegation.created"
	EventDelegationEnded   zonehold.EventType = "delegation.ended"
)

// Delegate gives a right to a proved name to another account. What was given
// cannot be passed on, so no circle can come about.
func (a *App) Delegate(ctx context.Context, actor zonehold.Actor, in NewDelegation) (*Delegation, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	seen, err := a.find(ctx, actor.Account.ID, in.Domain)
	if err != nil {
		return nil, err
	}
	now := a.now()
	reason, err := checkReason("reason", in.Reason, false)
	if err != nil {
		return nil, err
	}
	expires, err := checkExpiry(in.ExpiresAt, now)
	if err != nil {
		return nil, err
	}
	to, err := a.receiver(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if to.ID == actor.Account.ID {
		return nil, invalid("account", "This is your own account. A right can be given to another one only.")
	}
	name := seen.Hostname
	if in.Hostname != "" {
		if name, err = zonehold.ParseHostname(in.Hostname); err == nil {
			err = name.CheckClaim()
		}
		if err != nil {
			return nil, refused(in.Hostname, err)
		}
	}
	del := &zonehold.Delegation{
		ID: zonehold.NewID(zonehold.PrefixDelegation), DomainID: seen.ID, FromAccount: actor.Account.ID, ToAccount: to.ID,
		Hostname: name, Reason: reason, CreatedAt: now, ExpiresAt: expires,
	}
	err = a.holding(ctx, []string{seen.ID}, func(tx *store.Tx, held map[string]*store.Domain) error {
		d := held[seen.ID]
		if d == nil || !d.DeletedAt.IsZero() {
			return notFound("domain")
		}
		if err := a.mayDelegate(ctx, tx, d, del); err != nil {
			return err
		}
		if err := tx.EndExpired(ctx, d.ID, to.ID, name, now); err != nil {
			return err
		}
		if err := tx.InsertDelegation(ctx, del); err != nil {
			return err
		}
		detail := map[string]any{"name": string(name), "domain_id": d.ID, "to_account": to.ID, "reason": reason}
		if err := a.audit(ctx, tx, actor, "delegation.create", del.ID, detail); err != nil {
			return err
		}
		if err := a.lookAgain(ctx, tx, to.ID, string(name)); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, delegationEvents(EventDelegationCreated, del, now))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, &Error{Kind: KindConflict, Message: fmt.Sprintf("%s has %s from this domain already.", quoted(to.Name), name)}
	}
	if err != nil {
		return nil, a.ours(ctx, "domain", err)
	}
	a.wake.ring(del.FromAccount, del.ToAccount)
	return a.delegation(ctx, actor.Account.ID, del.ID)
}

// mayDelegate checks that the domain can give the name.
func (a *App) mayDelegate(ctx context.Context, tx *store.Tx, d *store.Domain, del *zonehold.Delegation) error {
	switch {
	case !d.State.Verified():
		return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s is not proved. Prove it first; then it can be shared.", d.Hostname)}
	case d.Method == zonehold.MethodDelegated:
		from, err := tx.LockDelegations(ctx, []string{d.ProofSource})
		if err != nil {
			return err
		}
		if from[d.ProofSource].FromAccount == del.ToAccount {
			return &Error{Kind: KindConflict, Message: fmt.Sprintf("%s comes from that very account, which has it already.", d.Hostname)}
		}
		return &Error{Kind: KindConflict, Message: fmt.Sprintf(
			"%s was given to this account by another one, and cannot be passed on. Prove it yourself, by DNS TXT for example, or ask its owner to share it.", d.Hostname)}
	case del.Hostname == d.Hostname:
		return nil
	case !del.Hostname.Under(d.Hostname):
		return invalid("hostname", fmt.Sprintf("This is neither %s nor a name below it.", d.Hostname))
	case d.Covers != zonehold.CoversSubtree:
		return invalid("hostname", fmt.Sprintf("The proof of %s by %s covers that one host only. Prove it by DNS TXT to share names below it.", d.Hostname, d.Method))
	}
	above, _ := d.Hostname.Registrable()
	if below, ok := del.Hostname.Registrable(); !ok || below != above {
		return invalid("hostname", fmt.Sprintf("Between this name and %s lies a public suffix, below which names belong to others.", d.Hostname))
	}
	return nil
}

// receiver finds an account by id, confirmed mail address, or name. What looks
// like an address is one: an account could call itself like that of another.
func (a *App) receiver(ctx context.Context, ref string) (zonehold.Account, error) {
	ref = strings.TrimSpace(ref)
	if ref == "" {
		return zonehold.Account{}, invalid("account", "Say to whom: an account's id, name, or confirmed mail address.")
	}
	if !strings.Contains(ref, "@") {
		return a.findAccount(ctx, ref)
	}
	none := missing("account", "No account has confirmed this mail address.")
	address, err := zonehold.ParseMailAddress(ref)
	if err != nil {
		return zonehold.Account{}, none
	}
	found, err := a.store.AccountsWithMailbox(ctx, address, a.now().Add(-mailboxLife))
	switch {
	case err != nil:
		return zonehold.Account{}, a.ours(ctx, "account", err)
	case len(found) == 0:
		return zonehold.Account{}, none
	case len(found) > 1:
		return zonehold.Account{}, invalid("account", "Several accounts have this mail address. Give the account's id.")
	}
	return found[0], nil
}

func delegationEvents(t zonehold.EventType, del *zonehold.Delegation, now time.Time) []*zonehold.Event {
	data := map[string]any{
		"delegation_id": del.ID, "hostname": string(del.Hostname), "from_account": del.FromAccount, "to_account": del.ToAccount,
	}
	if !del.ExpiresAt.IsZero() {
		data["expires_at"] = del.ExpiresAt.Format(time.RFC3339)
	}
	return []*zonehold.Event{newEvent(t, del.FromAccount, del.DomainID, now, data), newEvent(t, del.ToAccount, "", now, data)}
}

func quoted(name string) string { return fmt.Sprintf("%q", clip(name, 100)) }

const delegationsOrder = "-delegations"

// Delegations lists those that the account gave and received, newest first.
func (a *App) Delegations(ctx context.Context, actor zonehold.Actor, q DelegationQuery) (Page[*Delegation], error) {
	var page Page[*Delegation]
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return page, err
	}
	f := store.DelegationFilter{AccountID: actor.Account.ID, Given: q.Direction != "received", Received: q.Direction != "given"}
	switch q.Direction {
	case "", "given", "received":
	default:
		return page, invalid("direction", "The direction is given or received, or left out.")
	}
	if q.Domain != "" {
		if zonehold.ValidID(zonehold.PrefixDomain, q.Domain) {
			d, err := a.find(ctx, actor.Account.ID, q.Domain)
			if err != nil {
				return page, err
			}
			f.OfDomain, f.Hostname = d.ID, d.Hostname
		} else {
			name, err := zonehold.ParseHostname(q.Domain)
			if err != nil {
				return page, refused(q.Domain, err)
			}
			f.Hostname = name
			if d, err := a.store.DomainByName(ctx, actor.Account.ID, name); err == nil {
				f.OfDomain = d.ID
			} else if !errors.Is(err, store.ErrNotFound) {
				return page, a.ours(ctx, "domain", err)
			}
		}
	}
	now := a.now()
	if !q.All {
		f.InForce = now
	}
	limit, after, err := pageOf(q.Limit, q.Cursor, delegationsOrder)
	if err != nil {
		return page, err
	}
	f.Limit, f.After = limit+1, after
	found, err := a.store.Delegations(ctx, f)
	if err != nil {
		return page, a.ours(ctx, "delegation", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: delegationsOrder, Time: last.CreatedAt.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*Delegation, len(found))
	for i, del := range found {
		page.Items[i] = delegationView(del, actor.Account.ID, now)
	}
	return page, nil
}

func (a *App) delegation(ctx context.Context, accountID, id string) (*Delegation, error) {
	del, err := a.store.Delegation(ctx, accountID, id)
	if err != nil {
		return nil, a.ours(ctx, "delegation", err)
	}
	return delegationView(del, accountID, a.now()), nil
}

func delegationView(del *store.Delegation, accountID string, now time.Time) *Delegation {
	return &Delegation{
		Delegation: del.Delegation, FromName: del.FromName, ToName: del.ToName,
		InForce: del.InForce(now) && del.Source.Verified, Given: del.FromAccount == accountID,
	}
}

// RevokeDelegation takes a right back (the giver), or gives it up (the
// receiver). A claim proved by it lapses in the same transaction. One that has
// ended stays as it is.
func (a *App) RevokeDelegation(ctx context.Context, actor zonehold.Actor, id, reason string) (*Delegation, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	reason, err := checkReason("reason", reason, false)
	if err != nil {
		return nil, err
	}
	del, err := a.delegation(ctx, actor.Account.ID, id)
	if err != nil {
		return nil, err
	}
	who := "The account that gave it took it back"
	if !del.Given {
		who = "This account gave it up"
	}
	detail := fmt.Sprintf("%s on %s.", who, moment(a.now()))
	if reason != "" {
		detail += " Reason given: " + reason
	}
	_, err = a.withdraw(ctx, withdrawal{
		loss: loss{source: store.Source{ID: id}, code: "delegation_cancelled", facts: problem.Facts{problem.FactDetail: detail}},
		end: func(tx *store.Tx, now time.Time) ([]*zonehold.Event, error) {
			was, err := tx.EndDelegation(ctx, id, reason, now)
			if err != nil || !was {
				return nil, err
			}
			err = a.audit(ctx, tx, actor, "delegation.revoke", id, map[string]any{"name": string(del.Hostname), "reason": reason})
			return delegationEvents(EventDelegationEnded, &del.Delegation, now), err
		},
	})
	if err != nil {
		return nil, a.ours(ctx, "delegation", err)
	}
	return a.delegation(ctx, actor.Account.ID, id)
}
