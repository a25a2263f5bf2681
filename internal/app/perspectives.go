package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/perspective"
)

// PerspectiveConfig says who else is asked, and what for.
type PerspectiveConfig struct {
	Panel  *perspective.Panel // nil: nobody
	Policy perspective.Policy // of accounts without one of their own
}

// Perspectives are the other networks from which proofs are checked. All of it
// is for the operator.
type Perspectives interface {
	Perspectives(ctx context.Context, actor zonehold.Actor) (*PerspectiveList, error)
	// CheckPerspectives asks each how it is, now.
	CheckPerspectives(ctx context.Context, actor zonehold.Actor) (*PerspectiveList, error)
	// SetPerspectivePolicy gives an account, by id or name, a policy of its own:
	// off, observe or br; "default" takes it back.
	SetPerspectivePolicy(ctx context.Context, actor zonehold.Actor, account, policy string) (*PerspectivePolicy, error)
}

// PerspectiveList are the perspectives of this process.
type PerspectiveList struct {
	Policy perspective.Policy
	Rule   perspective.Rule // that the policy demands today; zero if it decides nothing
	Items  []perspective.Status
}

// PerspectivePolicy is what holds for one account.
type PerspectivePolicy struct {
	Account zonehold.Account
	Own     bool // not that of the server
	Mode    perspective.Mode
}

var _ Perspectives = (*App)(nil)

// perspectivePolicy is what holds for an account.
func (a *App) perspectivePolicy(ctx context.Context, accountID string) (perspective.Policy, error) {
	own, err := a.store.PerspectivePolicy(ctx, accountID)
	if err != nil || own == "" {
		return a.cfg.Perspectives.Policy, err
	}
	return perspective.Policy{Mode: perspective.Mode(own)}, nil
}

// PerspectivesFit says why the perspectives that are configured were never
// enough for a policy that is in force. Where they are too few only by now, as
// the Baseline Requirements demand more from some day on, or only for an
// account, the log says so: what it is about is inconclusive, and the rest is
// served. Where an account demands some and there are none at all, their file
// was forgotten, so that is an error.
func (a *App) PerspectivesFit(ctx context.Context) error {
	now, regions, server := a.now(), a.cfg.Perspectives.Panel.Regions(), a.cfg.Perspectives.Policy
	if err := server.Usable(now, regions); err != nil {
		return err
	}
	if err := server.Feasible(now, regions); err != nil {
		a.log.ErrorContext(ctx, "nothing can be proved under the policy of this server", "err", err)
	}
	accounts, err := a.store.PerspectivePolicies(ctx)
	if err != nil {
		return err
	}
	for name, policy := range accounts {
		err := (perspective.Policy{Mode: perspective.Mode(policy)}).Feasible(now, regions)
		switch {
		case err == nil:
		case len(regions) > 0:
			a.log.ErrorContext(ctx, "nothing can be proved under the policy of an account", "account", name, "err", err)
		default:
			return fmt.Errorf("the account %s: %w; configure them, or give it another policy with: zonehold perspective policy %s default", name, err, name)
		}
	}
	return nil
}

// SetPerspectivePolicy gives an account a policy of its own.
func (a *App) SetPerspectivePolicy(ctx context.Context, actor zonehold.Actor, account, policy string) (*PerspectivePolicy, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	acc, err := a.store.Account(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		acc, err = a.store.AccountByName(ctx, account)
	}
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	mode := perspective.Mode(strings.ToLower(strings.TrimSpace(policy)))
	out := &PerspectivePolicy{Account: acc, Own: true, Mode: mode}
	switch mode {
	case perspective.ModeOff, perspective.ModeObserve, perspective.ModeBR:
		if err := (perspective.Policy{Mode: mode}).Feasible(a.now(), a.cfg.Perspectives.Panel.Regions()); err != nil {
			return nil, invalid("policy", "Nothing could be proved under it: "+err.Error()+".")
		}
	case "default":
		out.Own, out.Mode = false, a.cfg.Perspectives.Policy.Mode
	default:
		return nil, invalid("policy", "The policy is off, observe, br or default.")
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		own := ""
		if out.Own {
			own = string(mode)
		}
		if err := tx.SetPerspectivePolicy(ctx, acc.ID, own); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, "account.perspectives", acc.ID, map[string]any{"name": acc.Name, "policy": string(mode)})
	})
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	return out, nil
}

// Perspectives lists them.
func (a *App) Perspectives(ctx context.Context, actor zonehold.Actor) (*PerspectiveList, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	return a.listPerspectives(ctx, a.cfg.Perspectives.Panel.Status())
}

// CheckPerspectives asks each how it is.
func (a *App) CheckPerspectives(ctx context.Context, actor zonehold.Actor) (*PerspectiveList, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	if a.cfg.Perspectives.Panel == nil {
		return a.listPerspectives(ctx, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return a.listPerspectives(ctx, a.cfg.Perspectives.Panel.Check(ctx))
}

// listPerspectives adds what other processes have seen to what this one knows.
func (a *App) listPerspectives(ctx context.Context, items []perspective.Status) (*PerspectiveList, error) {
	cfg := a.cfg.Perspectives
	if cfg.Policy.Mode == "" {
		cfg.Policy.Mode = perspective.ModeOff
	}
	states, err := a.store.PerspectiveStates(ctx)
	if err != nil {
		return nil, a.ours(ctx, "perspective", err)
	}
	for i := range items {
		for _, s := range states {
			if it := &items[i]; it.Name == s.Name && it.State == "unknown" && !s.Up {
				it.State, it.Since, it.Detail = "down", s.Since, s.Detail
			}
		}
	}
	return &PerspectiveList{Policy: cfg.Policy, Rule: cfg.Policy.Rule(a.now(), len(items)), Items: items}, nil
}

// perspectiveChanged notes that a perspective went down or came back, and tells
// the operator, once for all processes.
func (a *App) perspectiveChanged(c perspective.Change) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	now := a.now()
	event := zonehold.EventPerspectiveDown
	if c.Up {
		event = zonehold.EventPerspectiveUp
	}
	operator, err := a.operator(ctx)
	if err == nil {
		err = a.store.InTx(ctx, func(tx *store.Tx) error {
			news, err := tx.NotePerspective(ctx, store.PerspectiveState{Name: c.Name, Up: c.Up, Since: now, Detail: c.Detail})
			if err != nil || !news {
				return err
			}
			tx.AfterCommit(func() {
				if c.Up {
					a.log.Info("a perspective is back", "perspective", c.Name)
				} else {
					a.log.Error("a perspective does not answer; it corroborates no proof until it does", "perspective", c.Name, "why", c.Detail)
				}
			})
			return a.tellOperator(ctx, tx, operator, event, now, map[string]any{
				"perspective": c.Name, "region": c.Region, "network": c.Network, "reason": orNull(c.Detail),
			})
		})
	}
	if err != nil {
		a.log.Warn("the state of a perspective cannot be stored", "perspective", c.Name, "up", c.Up, "err", err)
	}
}
