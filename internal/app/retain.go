package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
)

// Bounds of one turn of retention. What is left is done in the next one.
const (
	retainBatch = 500             // attempts or links in one transaction
	retainTurn  = 5 * time.Second // of the machine's clock
	retainPass  = 24 * time.Hour  // from the begin of one pass to that of the next
	retainLeap  = 7 * 24 * time.Hour
	retention   = "evidence" // its name in the database
)

// retainPlace is how far a pass has come: over all attempts, then over all
// chains, then over the blobs and the audit log.
type retainPlace struct {
	Attempt string `json:"attempt,omitempty"` // all up to this one are done
	Account string `json:"account,omitempty"` // and the chains up to this one's
	Chains  bool   `json:"chains,omitempty"`  // the attempts are done
	Oldest  int64  `json:"oldest,omitempty"`  // microseconds: the oldest check whose evidence stays
}

// retain forgets what has been kept for long enough. One pass a day goes over
// everything, in small transactions, and goes on where the last turn ended.
//
// A check that changed nothing goes after AttemptsKept, another one after
// EvidenceKept; the last one of a domain, and those that its proofs rest on,
// stay as long as the domain does. The chain is cut behind what is older than
// EvidenceKept. Where the last pass began more than retainLeap ago the turn of
// one pass is left out.
func (a *App) retain(ctx context.Context) error {
	now := a.now()
	p, err := a.store.RetentionProgress(ctx, retention)
	if err != nil {
		return err
	}
	var at retainPlace
	if !p.DoneAt.IsZero() || p.BeganAt.IsZero() {
		if since := now.Sub(p.BeganAt); since >= 0 && since < retainPass {
			return nil
		}
		leap := !p.BeganAt.IsZero() && now.Sub(p.BeganAt) > retainLeap
		if p = (store.Progress{BeganAt: now}); leap {
			// The service was off, or its clock is wrong: what is forgotten does not
			// come back, and by the next pass it is known.
			a.log.WarnContext(ctx, "nothing is forgotten for a day: the last time was long ago, or the clock is wrong", "chore", retention)
			p.DoneAt = now
			return a.store.NoteRetention(ctx, retention, p)
		}
		at.Oldest = now.UnixMicro()
	} else if err := json.Unmarshal([]byte(p.Position), &at); err != nil {
		return fmt.Errorf("reading how far retention is: %w", err)
	}
	end := time.Now().Add(retainTurn)
	for ctx.Err() == nil && time.Now().Before(end) {
		done, err := a.retainStep(ctx, &at, p.BeganAt)
		if err != nil {
			return err
		}
		if done {
			p.DoneAt = now
		}
		text, err := json.Marshal(at)
		if err != nil {
			return fmt.Errorf("noting how far retention is: %w", err)
		}
		p.Position = string(text)
		if err := a.store.NoteRetention(ctx, retention, p); err != nil || done {
			return err
		}
	}
	return ctx.Err()
}

// retainStep does one batch; now is when the pass began.
func (a *App) retainStep(ctx context.Context, at *retainPlace, now time.Time) (done bool, err error) {
	if !at.Chains {
		return false, a.retainAttempts(ctx, at, now)
	}
	heads, err := a.store.ChainsAfter(ctx, at.Account, 20)
	if err != nil {
		return false, err
	}
	for _, h := range heads {
		more, err := a.cutChain(ctx, h.AccountID, now.Add(-a.cfg.EvidenceKept), now)
		if err != nil || more || ctx.Err() != nil {
			return false, err // a long chain takes several batches, and maybe turns
		}
		at.Account = h.AccountID
	}
	if len(heads) > 0 {
		return false, nil
	}
	// What was used last before the oldest evidence was made is named by none.
	if err := a.store.ForgetBlobs(ctx, time.UnixMicro(at.Oldest).Add(-2*blobsNoted)); err != nil {
		return false, err
	}
	return true, a.forgetAudit(ctx, now)
}

func (a *App) retainAttempts(ctx context.Context, at *retainPlace, now time.Time) error {
	list, err := a.store.AttemptsAfter(ctx, at.Attempt, retainBatch)
	if err != nil {
		return err
	}
	var old []string
	for _, t := range list {
		at.Attempt = t.ID
		made := t.FinishedAt
		if made.IsZero() {
			made = t.CreatedAt // it is under way
		}
		keep := a.cfg.AttemptsKept
		if t.Changed {
			keep = a.cfg.EvidenceKept
		}
		if !t.FinishedAt.IsZero() && !t.Standing && now.Sub(made) >= keep {
			old = append(old, t.ID)
			continue
		}
		if t.Evidence || t.FinishedAt.IsZero() {
			at.Oldest = min(at.Oldest, made.UnixMicro())
		}
	}
	at.Chains = len(list) < retainBatch
	if len(old) == 0 {
		return nil
	}
	return a.store.ForgetAttempts(ctx, old)
}

// cutChain removes links from the beginning of an account's chain that are
// older than the horizon, and leaves a signed note of the last one. The links
// of evidence that stays are kept. It reports whether there may be more.
func (a *App) cutChain(ctx context.Context, accountID string, horizon, now time.Time) (more bool, err error) {
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		heads, err := tx.LockChains(ctx, []string{accountID})
		h := heads[accountID]
		if err != nil || h == nil {
			return err
		}
		links, err := tx.Links(ctx, h.Account, h.Cut, retainBatch)
		if err != nil {
			return err
		}
		n := 0
		for n < len(links) && links[n].At.Before(horizon) && links[n].Seq == h.Cut+int64(n)+1 {
			n++
		}
		if n == 0 {
			return nil
		}
		keys, err := tx.SigningKeys(ctx)
		if err != nil {
			return err
		}
		key, err := a.signer(ctx, tx)
		if err != nil {
			return err
		}
		last := links[n-1]
		check := evidence.Checkpoint{Seq: last.Seq, At: now}
		for _, k := range keys {
			if k.Number == last.Key {
				check.Hash = linkOf(&last, accountID, k).Hash
			}
		}
		check.Sign(accountID, key.Signer)
		text, err := json.Marshal(check)
		if err != nil {
			return fmt.Errorf("writing a checkpoint: %w", err)
		}
		more = n == retainBatch
		return tx.CutChain(ctx, h, last.Seq, string(text))
	})
	return more, err
}
