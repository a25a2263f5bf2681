package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// keepEvidence stores what the applied finishes saw, each as the next link of
// its account's chain. It locks the accounts; only AppendEvents comes after it.
func (a *App) keepEvidence(ctx context.Context, tx *store.Tx, finishes []*finish, now time.Time) error {
	evidence := map[string]store.Packed{}
	for _, f := range finishes {
		if f.applied {
			evidence[f.attempt.ID] = f.evidence
		}
	}
	return tx.InsertEvidence(ctx, evidence)
}
