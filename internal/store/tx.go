package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

	after []func() // run once it is committed
}

// AfterCommit has fn run when the transaction is committed, and not if it
// fails. It must return at once.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

func (tx *Tx) committed() {
	for _, fn := range tx.after {
		fn()
	}
}

// SQLite is the transaction to give to River on SQLite, else nil.
func (tx *Tx) SQLite() *sql.Tx { return tx.lite }

// PostgreSQL is the transaction to give to River on PostgreSQL, else nil.
func (tx *Tx) PostgreSQL() pgx.Tx { return tx.pg }

// Stamp changes with every transaction, before InTx returns. While it stays
// the same, so does what was read of domains and attempts after it was taken;
// what a command beside the server writes shows a moment later (besideEvery).
// False where another server may write too.
func (s *Store) Stamp() (stamp uint64, ok bool) { return s.commits.Load(), s.Alone() }

// InTx runs fn in one transaction, committed when fn returns nil.
func (s *Store) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	err := s.inTx(ctx, fn)
	s.faults.note(err)
	return err
}

func (s *Store) inTx(ctx context.Context, fn func(tx *Tx) error) error {
	if s.pool == nil {
		lite, err := s.writer.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		q := &liteTx{tx: lite, known: s.liteWriter}
		defer q.learn()        // last, when the connection is free again
		defer s.commits.Add(1) // also when it is not sure that it failed
		defer lite.Rollback()  //nolint:errcheck // no effect after Commit
		tx := &Tx{q: q, s: s, lite: lite}
		if err := fn(tx); err != nil {
			return err
		}
		if err := lite.Commit(); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		tx.committed()
		return nil
	}
	// One pinned connection carries both database/sql for our rows and the
	// pgx.Tx that River wants.
	c, err := s.writer.Conn(ctx)
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
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		// A statement that was canceled may have given up the connection, which
		// is closed beside us then: nothing is left to roll back, and raw is not
		// ours any more.
		_ = c.Raw(func(any) error { return pg.Rollback(end) }) // no effect after Commit
	}()
	tx := &Tx{q: c, s: s, pg: pg}
	if err := fn(tx); err != nil {
		return err
	}
	if err := c.Raw(func(any) error { return pg.Commit(ctx) }); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	tx.committed()
	return nil
}

// bulk is a statement over many rows at once. Its text holds {rows} where the
// rows belong, as in "INSERT INTO t (a, b) {rows}" or "WITH v (v_a, v_b) AS
// ({rows}) UPDATE …". PostgreSQL gets the columns as arrays, in one round
// trip; SQLite, which is in this process, runs one prepared statement for each
// row. So both know only one text for any number of rows.
type bulk struct {
	text  string
	types string // one letter for each column: t(ext), i(nteger), b(ytes)
}

func (b bulk) postgres() string {
	names := map[rune]string{'t': "TEXT", 'i': "BIGINT", 'b': "BYTEA"}
	var list []string
	for i, t := range b.types {
		list = append(list, fmt.Sprintf("CAST($%d AS %s[])", i+1, names[t]))
	}
	return strings.Replace(b.text, "{rows}", "SELECT * FROM unnest("+strings.Join(list, ", ")+")", 1)
}

func (b bulk) sqlite() string {
	var list []string
	for i := range b.types {
		list = append(list, fmt.Sprintf("$%d", i+1))
	}
	return strings.Replace(b.text, "{rows}", "VALUES ("+strings.Join(list, ", ")+")", 1)
}

// arrays turns rows into columns.
func (b bulk) arrays(rows [][]any) []any {
	args := make([]any, len(b.types))
	for i, t := range b.types {
		switch t {
		case 't':
			args[i] = column[string](rows, i)
		case 'i':
			args[i] = column[int64](rows, i)
		case 'b':
			args[i] = column[[]byte](rows, i)
		}
	}
	return args
}

func column[T any](rows [][]any, i int) []T {
	out := make([]T, len(rows))
	for r, row := range rows {
		out[r] = row[i].(T)
	}
	return out
}

// exec runs the statement over the rows.
func (b bulk) exec(ctx context.Context, s *Store, q conn, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if s.pool != nil {
		_, err := q.ExecContext(ctx, b.postgres(), b.arrays(rows)...)
		return err
	}
	text := b.sqlite()
	for _, row := range rows {
		if _, err := q.ExecContext(ctx, text, row...); err != nil {
			return err
		}
	}
	return nil
}

// queryBulk runs a statement that returns something for each row it finds.
func queryBulk[T any](ctx context.Context, s *Store, q conn, b bulk, rows [][]any, scan func(scanner) (T, error)) ([]T, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	if s.pool != nil {
		found, err := q.QueryContext(ctx, b.postgres(), b.arrays(rows)...)
		return collect(found, err, scan)
	}
	var out []T
	text := b.sqlite()
	for _, row := range rows {
		found, err := q.QueryContext(ctx, text, row...)
		more, err := collect(found, err, scan)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// column1 makes rows of one column, each value once, in order.
func column1(values []string) [][]any {
	values = slices.Compact(slices.Sorted(slices.Values(values)))
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	return rows
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
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
