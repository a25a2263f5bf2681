package store

import (
	"context"
	"database/sql"
	"sync"
)

// liteDB runs statements on SQLite, each prepared once: parsing takes longer
// there than running. Statements are short, so they ignore the end of the
// caller's context, which would cost a goroutine each.
type liteDB struct {
	db *sql.DB

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

// maxPrepared bounds the statements kept. The program has fewer texts, but for
// the combinations of list filters.
const maxPrepared = 200

func (l *liteDB) find(query string) *sql.Stmt {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.stmts[query]
}

func (l *liteDB) prepare(query string) *sql.Stmt {
	l.mu.RLock()
	stmt, full := l.stmts[query], len(l.stmts) >= maxPrepared
	l.mu.RUnlock()
	if stmt != nil || full {
		return stmt
	}
	// Not under the lock: this waits for a connection, whose holder may be
	// looking for a statement.
	stmt, err := l.db.PrepareContext(context.Background(), query)
	if err != nil {
		return nil // running it will tell
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if had := l.stmts[query]; had != nil || len(l.stmts) >= maxPrepared {
		_ = stmt.Close()
		return had
	}
	if l.stmts == nil {
		l.stmts = map[string]*sql.Stmt{}
	}
	l.stmts[query] = stmt
	return stmt
}

func (l *liteDB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	if stmt := l.prepare(query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return l.db.ExecContext(ctx, query, args...)
}

func (l *liteDB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if stmt := l.prepare(query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return l.db.QueryContext(ctx, query, args...)
}

func (l *liteDB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	if stmt := l.prepare(query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return l.db.QueryRowContext(ctx, query, args...)
}

// liteTx is the same inside a transaction. The one connection is taken then,
// so an unknown statement is run as it is, and prepared afterwards.
type liteTx struct {
	tx      *sql.Tx
	known   *liteDB
	unknown []string
}

func (t *liteTx) stmt(ctx context.Context, query string) *sql.Stmt {
	if stmt := t.known.find(query); stmt != nil {
		return t.tx.StmtContext(ctx, stmt)
	}
	t.unknown = append(t.unknown, query)
	return nil
}

func (t *liteTx) learn() {
	for _, query := range t.unknown {
		t.known.prepare(query)
	}
}

func (t *liteTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.tx.ExecContext(ctx, query, args...)
}

func (t *liteTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.tx.QueryContext(ctx, query, args...)
}

func (t *liteTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, query, args...)
}
