package app

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Accounts are the settings of accounts.
type Accounts interface {
	// Account is the caller's account as it is now (scope admin).
	Account(ctx context.Context, actor zonehold.Actor) (zonehold.Account, error)
	// UpdateAccount changes the caller's account (scope admin).
	UpdateAccount(ctx context.Context, actor zonehold.Actor, p AccountPatch) (zonehold.Account, error)
}

// AccountPatch changes what is not nil.
type AccountPatch struct {
	Recheck *zonehold.RecheckPolicy
}

// Account is the caller's account as it is now.
func (a *App) Account(ctx context.Context, actor zonehold.Actor) (zonehold.Account, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return zonehold.Account{}, err
	}
	account, err := a.store.Account(ctx, actor.Account.ID)
	return account, a.ours(ctx, "account", err)
}

// AccountOf is any account, found by id or name (scope operator).
func (a *App) AccountOf(ctx context.Context, actor zonehold.Actor, ref string) (zonehold.Account, error) {
	if err := allowOperator(actor); err != nil {
		return zonehold.Account{}, err
	}
	return a.findAccount(ctx, ref)
}

// UpdateAccount changes the caller's account.
func (a *App) UpdateAccount(ctx context.Context, actor zonehold.Actor, p AccountPatch) (zonehold.Account, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return zonehold.Account{}, err
	}
	return a.updateAccount(ctx, actor, actor.Account.ID, p)
}

// UpdateAccountOf changes any account, found by id or name (scope operator).
func (a *App) UpdateAccountOf(ctx context.Context, actor zonehold.Actor, ref string, p AccountPatch) (zonehold.Account, error) {
	account, err := a.AccountOf(ctx, actor, ref)
	if err != nil {
		return zonehold.Account{}, err
	}
	return a.updateAccount(ctx, actor, account.ID, p)
}

// updateAccount changes how proofs are judged from their next look on: no
// domain changes its state by this itself.
func (a *App) updateAccount(ctx context.Context, actor zonehold.Actor, id string, p AccountPatch) (zonehold.Account, error) {
	if p.Recheck != nil && !p.Recheck.Valid() {
		return zonehold.Account{}, invalid("recheck", "Proofs are held to keep or once.")
	}
	account, err := a.store.Account(ctx, id)
	if err != nil || p.Recheck == nil || *p.Recheck == account.Recheck {
		return account, a.ours(ctx, "account", err)
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.SetRecheck(ctx, id, *p.Recheck)
		if err != nil || before == *p.Recheck {
			return err
		}
		detail := map[string]any{"name": account.Name, "recheck": string(*p.Recheck), "before": string(before)}
		if err := a.audit(ctx, tx, actor, "account.update", id, detail); err != nil {
			return err
		}
		e := newEvent(zonehold.EventAccountUpdated, id, "", a.now(), map[string]any{
			"changed": []string{"recheck"}, "recheck": string(*p.Recheck),
		})
		return tx.AppendEvents(ctx, []*zonehold.Event{e})
	})
	if err != nil {
		return zonehold.Account{}, a.ours(ctx, "account", err)
	}
	a.wake.ring(id)
	account.Recheck = *p.Recheck
	return account, nil
}
