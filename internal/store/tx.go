package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// conn is what *sql.DB, *sql.Tx and *sql.Conn share.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction on rows and on River's jobs together. It must not be
// used after its function returned, nor from two goroutines.
type Tx struct {
	q    conn
	s    *Store
	lite *sql.Tx
	pg   pgx.Tx
}

// SQLite is the transaction to give to River on SQLite, else nil.
func (tx *Tx) SQLite() *sql.Tx { return tx.lite }

// PostgreSQL is the transaction to give to River on PostgreSQL, else nil.
func (tx *Tx) PostgreSQL() pgx.Tx { return tx.pg }

// InTx runs fn in one transaction, committed when fn returns nil.
func (s *Store) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	if s.pool == nil {
		lite, err := s.w.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		defer lite.Rollback() //nolint:errcheck // no effect after Commit
		if err := fn(&Tx{q: lite, s: s, lite: lite}); err != nil {
			return err
		}
		if err := lite.Commit(); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		return nil
	}
	// One pinned connection carries both database/sql for our rows and the
	// pgx.Tx that River wants.
	c, err := s.w.Conn(ctx)
	if err != nil {
		return fmt.Errorf("taking a connection: %w", err)
	}
	defer c.Close() //nolint:errcheck // goes back to the pool
	var raw *pgx.Conn
	if err := c.Raw(func(driverConn any) error {
		raw = driverConn.(*stdlib.Conn).Conn()
		return nil
	}); err != nil {
		return fmt.Errorf("taking a connection: %w", err)
	}
	pg, err := raw.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer pg.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // no effect after Commit
	if err := fn(&Tx{q: c, s: s, pg: pg}); err != nil {
		return err
	}
	if err := pg.Commit(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// values writes the rows of a VALUES list, "($1,$2),($3,$4)", with casts in
// the first row so that PostgreSQL knows the types.
func values(rows int, types ...string) string {
	return valuesFrom(1, rows, types...)
}

func valuesFrom(first, rows int, types ...string) string {
	var b strings.Builder
	b.Grow(rows * len(types) * 8)
	n := first
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for i, t := range types {
			if i > 0 {
				b.WriteByte(',')
			}
			if r == 0 && t != "" {
				b.WriteString("CAST($" + strconv.Itoa(n) + " AS " + t + ")")
			} else {
				b.WriteString("$" + strconv.Itoa(n))
			}
			n++
		}
		b.WriteByte(')')
	}
	return b.String()
}

// list writes "($first,…)" for n arguments.
func list(first, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("(,"[min(i, 1)])
		b.WriteString("$" + strconv.Itoa(first+i))
	}
	b.WriteByte(')')
	return b.String()
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// missing turns "no rows" into ErrNotFound and names the query in the others.
func missing(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, ErrNotFound):
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// doing wraps an error of a statement.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// toJSON marshals our own types, which cannot fail, through Text: JSON of
// foreign strings holds \u0000 escapes, which PostgreSQL's text accepts, but
// never raw NUL or invalid UTF-8.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: marshalling our own type: " + err.Error())
	}
	return string(b)
}

// fromJSON reads what toJSON wrote. An empty text leaves v as it is.
func fromJSON(text string, v any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("reading stored JSON: %w", err)
	}
	return nil
}
