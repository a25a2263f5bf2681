package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
)

// keepEvidence stores what the applied finishes saw, each as the next link of
// its account's chain. It locks the accounts; only AppendEvents comes after it.
func (a *App) keepEvidence(ctx context.Context, tx *store.Tx, finishes []*finish, now time.Time) error {
	var (
		kept     []*finish
		accounts []string
	)
	for _, f := range finishes {
		if f.applied {
			kept = append(kept, f)
			accounts = append(accounts, f.attempt.AccountID)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	rows := make([]store.NewEvidence, len(kept))
	for i, f := range kept {
		rows[i] = store.NewEvidence{AttemptID: f.attempt.ID, Changed: f.changed, Packed: f.evidence}
	}
	heads, err := tx.LockChains(ctx, accounts)
	if err != nil {
		return err
	}
	key, err := a.signer(ctx, tx)
	if errors.Is(err, store.ErrNoKey) {
		// Checks go on without signatures; who wants evidence must set a key.
		a.log.ErrorContext(ctx, "evidence is stored without a signature", "err", err)
		return tx.InsertEvidence(ctx, rows)
	}
	if err != nil {
		return err
	}
	links := make([]store.Link, 0, len(kept))
	for i, f := range kept {
		h := heads[f.attempt.AccountID]
		if h == nil {
			return store.ErrNotFound
		}
		l := evidence.Link{
			Seq: h.Seq + 1, AttemptID: f.attempt.ID, DomainID: f.attempt.DomainID, Hostname: f.hostname, Method: f.method, Outcome: f.outcome,
			At: now, BodySHA256: f.evidence.SHA256, Previous: h.Hash,
		}
		l.Sign(f.attempt.AccountID, key.Signer)
		h.Seq, h.Hash, rows[i].Seq = l.Seq, l.Hash, l.Seq
		links = append(links, store.Link{
			Account: h.Account, Seq: l.Seq, AttemptID: l.AttemptID, DomainID: l.DomainID, Hostname: string(l.Hostname), Method: string(l.Method),
			Outcome: string(l.Outcome), At: l.At, BodySHA256: l.BodySHA256, Previous: l.Previous, Key: key.number, Signature: l.Signature,
		})
	}
	if err := tx.AppendLinks(ctx, heads, links); err != nil {
		return err
	}
	return tx.InsertEvidence(ctx, rows)
}

// linkOf gives a stored link the form in which it is shown.
func linkOf(l *store.Link, account string, key store.SigningKey) evidence.Link {
	out := evidence.Link{
		Seq: l.Seq, AttemptID: l.AttemptID, DomainID: l.DomainID, Hostname: zonehold.Hostname(l.Hostname), Method: zonehold.Method(l.Method),
		Outcome: zonehold.Outcome(l.Outcome), At: l.At, BodySHA256: l.BodySHA256, Previous: l.Previous, KeyID: key.ID, Signature: l.Signature,
	}
	out.Hash = out.HashFor(account)
	return out
}

// keptBlobs remembers which blobs are in the database, so that most checks
// need not write any.
type keptBlobs struct {
	mu    sync.Mutex
	noted map[[32]byte]time.Time
}

const (
	// blobsNoted is how exactly the time of the last use of a blob is kept.
	blobsNoted = 12 * time.Hour
	maxNoted   = 1 << 14
)

// keepBlobs stores the blobs that the evidence of a finish names. That is done
// before the finish, as others name the same ones: the order in which rows are
// locked must not depend on what they are.
func (a *App) keepBlobs(ctx context.Context, f *finish) error {
	if len(f.evidence.Blobs) == 0 {
		return nil
	}
	now, k := a.now(), &a.blobs
	missing := maps.Clone(f.evidence.Blobs)
	k.mu.Lock()
	maps.DeleteFunc(missing, func(sum [32]byte, _ []byte) bool {
		at, ok := k.noted[sum]
		return ok && now.Sub(at).Abs() < blobsNoted
	})
	k.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	if err := a.store.KeepBlobs(ctx, missing, now); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noted == nil || len(k.noted) > maxNoted {
		k.noted = map[[32]byte]time.Time{}
	}
	for sum := range missing {
		k.noted[sum] = now
	}
	return nil
}
