package app

import "context"

// watchOwners looks for signs that a registration has another owner (threat
// T43).
func (a *App) watchOwners(ctx context.Context) error { return nil }
