package app

import "context"

// takeFigures counts what the metrics of all processes show.
func (a *App) takeFigures(ctx context.Context) error { return a.store.TakeFigures(ctx, a.now()) }
