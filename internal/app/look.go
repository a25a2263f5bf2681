package app

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// lookBatch bounds the claims that one transaction makes due.
const lookBatch = 200

// lookAgain has claims of the account on exactly these names looked at again,
// because something appeared that may prove them; without names all of them.
// Those that are not proved are due at once, and what methods nothing has to
// be placed for are then tried by the sweep, soon after the transaction is
// committed. Call it after the transaction's other writes to
// domains.
func (a *App) lookAgain(ctx context.Context, tx *store.Tx, accountID string, names ...string) error {
	looks := []store.Look{{AccountID: accountID, Reach: store.ReachAll}}
	if len(names) > 0 {
		looks = nil
	}
	for _, name := range names {
		looks = append(looks, store.Look{AccountID: accountID, Name: name, Reach: store.ReachName})
	}
	return a.look(ctx, tx, looks...)
}

// look makes a first batch of claims due; the sweep does what is more.
func (a *App) look(ctx context.Context, tx *store.Tx, looks ...store.Look) error {
	if len(looks) == 0 {
		return nil
	}
	for _, l := range looks {
		more, err := tx.MarkDue(ctx, l, a.now(), lookBatch)
		if err == nil && more != nil {
			err = tx.InsertLook(ctx, *more)
		}
		if err != nil {
			return err
		}
	}
	if !a.cfg.Worker {
		return a.jobs.InsertSweep(ctx, tx) // by another process
	}
	tx.AfterCommit(a.sweepSoon)
	return nil
}

// under are the looks at what a proof may give: the names below the domain, if
// it may cover them.
func (a *App) under(d *store.Domain) []store.Look {
	if d.Method == zonehold.MethodExistingDomain || d.Method == zonehold.MethodDelegated ||
		d.Covers != zonehold.CoversSubtree && !a.cfg.Kit.ParentCoversAny {
		return nil
	}
	return []store.Look{{AccountID: d.AccountID, Name: string(d.Hostname), Reach: store.ReachBelow}}
}

// lookRounds bounds the batches of looks between two looks for due checks: who
// has very many claims must not keep those of others waiting.
const lookRounds = 20

// finishLooks goes on with looks that were too large for their transaction.
// More: there is still something to do.
func (a *App) finishLooks(ctx context.Context) (more bool, err error) {
	for range lookRounds {
		// Mostly there are none: no transaction for that.
		if has, err := a.store.HasLook(ctx); err != nil || !has {
			return false, err
		}
		done := false
		err := a.store.InTx(ctx, func(tx *store.Tx) error {
			l, err := tx.TakeLook(ctx)
			if err != nil || l == nil {
				done = true
				return err
			}
			more, err := tx.MarkDue(ctx, *l, a.now(), lookBatch)
			if err != nil || more == nil {
				return err
			}
			// Where nothing could be had, others work on these rows now.
			done = more.After == l.After
			return tx.InsertLook(ctx, *more)
		})
		if err != nil || done {
			return false, err
		}
	}
	return true, nil
}

// sweepSoon has the sweep run in this process, if it has that role. It returns
// at once.
func (a *App) sweepSoon() {
	select {
	case a.due <- struct{}{}:
	default: // it will run anyway
	}
}

// sweeper runs the sweep when it was asked for. The queue runs it now and then
// too, on one node.
func (a *App) sweeper(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.due:
		}
		if err := a.keepHouse(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("looking for due checks failed", "err", err)
		}
	}
}
