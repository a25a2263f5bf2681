// Package store keeps everything in SQLite or PostgreSQL, with one SQL text
// for both. It is the only package that holds SQL.
//
// In the tables times are microseconds in UTC with 0 for "not set", truth
// values are 0 and 1, and JSON is text. Foreign text passes Text first.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors of look-ups and inserts.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
)

// Engines.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// Config says where the data are.
type Config struct {
	URL     string // "postgres://…"; "": SQLite in DataDir
	DataDir string // folder of the SQLite file and of the secret key
	// SecretKey encrypts stored credentials, at least 16 bytes of secret.
	// Nil: the file secret.key in DataDir, made on first use.
	SecretKey []byte
	MaxConns  int // PostgreSQL connections; 0: 12
}

// Store is the database. Safe for concurrent use.
type Store struct {
	engine     string
	dir        string
	writer     *sql.DB // one connection on SQLite
	reader     *sql.DB // the same on PostgreSQL
	w, r       conn    // what statements outside of transactions run on
	liteWriter *liteDB // w on SQLite
	pool       *pgxpool.Pool
	vault      *vault
	serverLock *os.File
	forUpdate  string        // appended to a SELECT that locks its rows
	now        string        // SQL of the database's clock, microseconds
	commits    atomic.Uint64 // transactions ended; see Stamp
	endWatch   func() error  // nil while nobody watches; see watchBeside
	faults     *faults
	outbox     chan struct{} // rings; see RingOutbox
}

// Open connects and brings the schema up to date.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{dir: cfg.DataDir, vault: &vault{secret: cfg.SecretKey, dir: cfg.DataDir}, faults: newFaults(), outbox: make(chan struct{}, 1)}
	open := s.openSQLite
	if cfg.URL != "" {
		open = s.openPostgres
	}
	if err := open(ctx, cfg); err != nil {
		_ = s.Close() // err says more
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		_ = s.Close() // err says more
		return nil, err
	}
	return s, nil
}

// The order of the pragmas matters: the time-out first, so that switching to
// WAL waits for another process that does the same.
const pragmas = "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"

func (s *Store) openSQLite(ctx context.Context, cfg Config) error {
	s.engine = SQLite
	s.now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
	if cfg.DataDir == "" {
		return errors.New("no data folder and no database URL")
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := restoring(cfg.DataDir); err != nil {
		return err
	}
	file := filepath.Join(cfg.DataDir, "zonehold.db")
	// The file holds secrets; SQLite would make it readable by everybody.
	if f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	} else if err := f.Close(); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: pragmas}).String()
	var err error
	if s.writer, err = sql.Open("sqlite", dsn); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	s.reader.SetMaxOpenConns(4)
	s.reader.SetMaxIdleConns(4)
	s.liteWriter = &liteDB{db: s.writer}
	s.w, s.r = noting{s.liteWriter, s.faults}, &liteDB{db: s.reader}
	if err := s.writer.PingContext(ctx); err != nil {
		return fmt.Errorf("opening %s: %w", file, err)
	}
	return nil
}

func (s *Store) openPostgres(ctx context.Context, cfg Config) error {
	s.engine = PostgreSQL
	s.now = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
	s.forUpdate = " FOR NO KEY UPDATE"
	if !strings.HasPrefix(cfg.URL, "postgres://") && !strings.HasPrefix(cfg.URL, "postgresql://") {
		return errors.New("the database URL does not begin with postgres://")
	}
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The error of pgx may quote the password.
		return errors.New("the database URL cannot be read")
	}
	switch {
	case cfg.MaxConns > 0:
		pc.MaxConns = int32(cfg.MaxConns)
	case !strings.Contains(cfg.URL, "pool_max_conns"):
		pc.MaxConns = 12
	}
	pc.MaxConns = max(pc.MaxConns, 4) // migrations, the queue and a transaction hold one each
	if s.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	s.writer = stdlib.OpenDBFromPool(s.pool)
	s.writer.SetMaxIdleConns(0)
	s.reader, s.w, s.r = s.writer, noting{s.writer, s.faults}, s.writer
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", &connectError{err})
	}
	return nil
}

// connectError is an error of pgx, which has a line for each try, on one line.
type connectError struct{ err error }

func (e *connectError) Error() string {
	head, tries, _ := strings.Cut(e.err.Error(), "\n")
	lines := strings.Split(tries, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.TrimSpace(head + " " + strings.Join(slices.Compact(lines), "; "))
}

func (e *connectError) Unwrap() error { return e.err }

// closeLimit is how long Close waits for connections in use; the host of the
// database may be gone.
const closeLimit = 5 * time.Second

// Close ends every connection and frees the data folder.
func (s *Store) Close() error {
	var errs []error
	if s.endWatch != nil {
		errs = append(errs, s.endWatch())
		s.endWatch = nil
	}
	if s.reader != nil && s.reader != s.writer {
		errs = append(errs, s.reader.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.pool != nil {
		closed := make(chan struct{})
		go func() { s.pool.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(closeLimit):
			errs = append(errs, errors.New("closing the database: connections do not come back"))
		}
	}
	if s.serverLock != nil {
		errs = append(errs, s.serverLock.Close())
		s.serverLock = nil
	}
	return errors.Join(errs...)
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("asking the database: %w", err)
	}
	return nil
}

// Engine is SQLite or PostgreSQL.
func (s *Store) Engine() string { return s.engine }

// Writer is the connection pool that River gets on SQLite.
func (s *Store) Writer() *sql.DB { return s.writer }

// Pool is the connection pool that River gets on PostgreSQL; nil on SQLite.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// micros and fromMicros convert times; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// taken reports whether err is a broken unique rule.
func taken(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// Text makes foreign text fit for both engines: invalid UTF-8 becomes U+FFFD,
// NUL the visible U+2400.
func Text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\u2400")
}
