package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
)

// signing holds the key that this process signs with.
type signing struct {
	mu     sync.Mutex
	newest int64 // key there was when it was chosen; a newer one makes it choose again
	number int64
	signer *evidence.Signer
}

// signingKey is a key with its number.
type signingKey struct {
	number int64
	*evidence.Signer
}

// keySlack is how much later than a key was retired somebody may have signed
// with it who had chosen it just before.
const keySlack = time.Minute

// signer is the newest key in use that this process can open. Where there is
// none it makes one, inside the transaction.
func (a *App) signer(ctx context.Context, tx *store.Tx) (signingKey, error) {
	newest, err := tx.NewestKey(ctx)
	if err != nil {
		return signingKey{}, err
	}
	s := &a.signing
	s.mu.Lock()
	if newest > 0 && s.newest == newest {
		defer s.mu.Unlock()
		return signingKey{s.number, s.signer}, nil
	}
	s.mu.Unlock()
	for {
		keys, err := tx.SigningKeys(ctx)
		if err != nil {
			return signingKey{}, err
		}
		if n := len(keys); n > 0 {
			newest = keys[n-1].Number
		}
		for i := len(keys) - 1; i >= 0; i-- {
			if !keys[i].RetiredAt.IsZero() {
				continue
			}
			seed, err := a.store.Seed(keys[i])
			if err != nil {
				// Another process has another secret key; this one needs its own.
				a.log.WarnContext(ctx, "a signing key cannot be opened", "key", keys[i].ID, "err", err)
				continue
			}
			signer, err := evidence.SignerFromSeed(seed)
			if err != nil {
				return signingKey{}, fmt.Errorf("reading signing key %d: %w", keys[i].Number, err)
			}
			k := signingKey{keys[i].Number, signer}
			tx.AfterCommit(func() { s.use(k, newest) })
			return k, nil
		}
		_, err = a.addKey(ctx, tx, newest+1, false)
		if err != nil && !errors.Is(err, store.ErrExists) {
			return signingKey{}, err
		}
	}
}

func (s *signing) use(k signingKey, newest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest, s.number, s.signer = newest, k.number, k.Signer
}

func (a *App) addKey(ctx context.Context, tx *store.Tx, number int64, retire bool) (store.SigningKey, error) {
	signer := evidence.NewSigner()
	k := store.SigningKey{Number: number, ID: signer.ID(), Public: signer.Public(), CreatedAt: a.now()}
	return k, tx.AddSigningKey(ctx, k, signer.Seed(), retire)
}

// EvidenceKey is a key that evidence and tokens are signed with.
type EvidenceKey struct {
	ID        string
	Number    int64
	CreatedAt time.Time
	RetiredAt time.Time // zero: in use
}

// EvidenceKeys lists all keys, oldest first. It needs the operator's scope.
func (a *App) EvidenceKeys(ctx context.Context, actor zonehold.Actor) ([]EvidenceKey, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	keys, err := a.store.SigningKeys(ctx)
	if err != nil {
		return nil, a.ours(ctx, "signing key", err)
	}
	out := make([]EvidenceKey, len(keys))
	for i, k := range keys {
		out[i] = EvidenceKey{k.ID, k.Number, k.CreatedAt, k.RetiredAt}
	}
	return out, nil
}

// RotateEvidenceKey makes a new key that everything is signed with from now
// on. The old ones stay published, as evidence stays signed with them. It
// needs the operator's scope.
func (a *App) RotateEvidenceKey(ctx context.Context, actor zonehold.Actor) (*EvidenceKey, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	var k store.SigningKey
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		newest, err := tx.NewestKey(ctx)
		if err != nil {
			return err
		}
		if k, err = a.addKey(ctx, tx, newest+1, true); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, "evidence.key_rotate", k.ID, nil)
	})
	if errors.Is(err, store.ErrExists) {
		err = &Error{Kind: KindConflict, Message: "Another process has made a new key at this very moment."}
	}
	if err != nil {
		return nil, a.ours(ctx, "signing key", err)
	}
	return &EvidenceKey{k.ID, k.Number, k.CreatedAt, k.RetiredAt}, nil
}

// JWKS is the set of all public keys, the newest first; retired ones too, with
// the time when the last token that they may have signed is over. The first one
// is made if there is none.
func (a *App) JWKS(ctx context.Context) (evidence.JWKS, error) {
	set := evidence.JWKS{Keys: []evidence.JWK{}}
	newest, err := a.store.NewestKey(ctx)
	if err == nil && newest == 0 {
		err = a.store.InTx(ctx, func(tx *store.Tx) error {
			_, err := a.signer(ctx, tx)
			return err
		})
	}
	if err != nil {
		return set, a.ours(ctx, "signing key", err)
	}
	keys, err := a.store.SigningKeys(ctx)
	if err != nil {
		return set, a.ours(ctx, "signing key", err)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		k := evidence.NewJWK(keys[i].Public)
		if at := keys[i].RetiredAt; !at.IsZero() {
			k.Expires = at.Add(maxTokenLife + keySlack).Unix()
		}
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

// publicKeys are the public keys by their numbers.
func (a *App) publicKeys(ctx context.Context) (map[int64]store.SigningKey, error) {
	keys, err := a.store.SigningKeys(ctx)
	out := make(map[int64]store.SigningKey, len(keys))
	for _, k := range keys {
		out[k.Number] = k
	}
	return out, err
}
