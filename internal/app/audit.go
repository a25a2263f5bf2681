package app

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// audit notes who did what, in the transaction that does it. target is the id
// of what it was done to; detail holds words, numbers and times only, never
// secrets.
func (a *App) audit(ctx context.Context, tx *store.Tx, actor zonehold.Actor, action, target string, detail map[string]any) error {
	return nil
}
