package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Fault is what keeps a database from working, "" when an error is not of that
// kind. All pass without a restart of this program, once their cause is gone.
type Fault string

const (
	FaultFull     Fault = "full"
	FaultReadOnly Fault = "read_only"
	FaultGone     Fault = "gone"    // not reached, or shutting down
	FaultBusy     Fault = "busy"    // locked by another, or out of connections
	FaultIO       Fault = "io"      // the storage below it fails
	FaultDamaged  Fault = "damaged" // its file is no longer sound
)

// Faults are all of them.
var Faults = []Fault{FaultFull, FaultReadOnly, FaultGone, FaultBusy, FaultIO, FaultDamaged}

// Text says it to a caller, in one sentence.
func (f Fault) Text() string {
	switch f {
	case FaultFull:
		return "The database is full: nothing can be written until the operator makes room."
	case FaultReadOnly:
		return "The database cannot be written to at the moment."
	case FaultBusy:
		return "The database is too busy. Try again soon."
	case FaultIO:
		return "The storage of the database fails."
	case FaultDamaged:
		return "The database is damaged."
	}
	return "The database does not answer. Try again soon."
}

// FaultOf classes an error of a statement.
func FaultOf(err error) Fault {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return liteFault(lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgresFault(pg.Code)
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return FaultGone
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return FaultFull
	case strings.HasSuffix(err.Error(), "conn closed"): // pgx has no value for it
		return FaultGone
	}
	return ""
}

func liteFault(code int) Fault {
	if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the index of the log cannot grow
		return FaultFull
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return FaultFull
	case sqlite3.SQLITE_READONLY:
		return FaultReadOnly
	case sqlite3.SQLITE_CANTOPEN:
		return FaultGone
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return FaultBusy
	case sqlite3.SQLITE_IOERR:
		return FaultIO
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return FaultDamaged
	}
	return ""
}

// postgresFault reads an SQLSTATE (PostgreSQL, appendix A).
func postgresFault(code string) Fault {
	switch code {
	case "53100":
		return FaultFull
	case "25006": // also of a standby
		return FaultReadOnly
	case "53300", "53200", "53400", "55P03", "40P01":
		return FaultBusy
	case "57P01", "57P02", "57P03", "57P05":
		return FaultGone
	case "58030":
		return FaultIO
	case "XX001", "XX002":
		return FaultDamaged
	}
	if strings.HasPrefix(code, "08") {
		return FaultGone
	}
	return ""
}

// FaultError is a fault that lasts. Its Public text has nothing to hide.
type FaultError struct {
	Fault Fault
	Err   error
}

func (e *FaultError) Error() string  { return e.Err.Error() }
func (e *FaultError) Unwrap() error  { return e.Err }
func (e *FaultError) Public() string { return e.Fault.Text() }

// faults remembers what went wrong with the last writes.
type faults struct {
	last  atomic.Pointer[seenFault]
	count map[Fault]*atomic.Uint64
}

type seenFault struct {
	err *FaultError
	at  time.Time
}

func newFaults() *faults {
	f := &faults{count: map[Fault]*atomic.Uint64{}}
	for _, name := range Faults {
		f.count[name] = &atomic.Uint64{}
	}
	return f
}

// note remembers the end of a statement that writes, or of a transaction.
func (f *faults) note(err error) {
	fault := FaultOf(err)
	if fault == "" {
		return
	}
	f.count[fault].Add(1)
	if fault != FaultBusy { // which every load brings
		f.last.Store(&seenFault{&FaultError{fault, err}, time.Now()})
	}
}

// FaultCounts are the faults since the start, by kind.
func (s *Store) FaultCounts() map[Fault]uint64 {
	out := make(map[Fault]uint64, len(s.faults.count))
	for name, n := range s.faults.count {
		out[name] = n.Load()
	}
	return out
}

// faultHold is how long a write that failed for want of room counts, even if a
// small one succeeds then: a full disk has room for a few bytes now and again.
const faultHold = 10 * time.Second

// Writable tells whether the database takes writes: nil when none has failed,
// and after one has, when a write of its own succeeds. The error is a
// *FaultError as far as the fault is known.
func (s *Store) Writable(ctx context.Context) error {
	seen := s.faults.last.Load()
	if seen == nil {
		return nil
	}
	if f := seen.err.Fault; (f == FaultFull || f == FaultIO) && time.Since(seen.at) < faultHold {
		return seen.err
	}
	if err := s.tryWrite(ctx); err != nil {
		if fault := FaultOf(err); fault != "" {
			return &FaultError{fault, err}
		}
		return err
	}
	s.faults.last.CompareAndSwap(seen, nil)
	return nil
}

func (s *Store) tryWrite(ctx context.Context) error {
	_, err := s.w.ExecContext(ctx, "INSERT INTO chores (name, ran_at) VALUES ('write', "+s.now+") ON CONFLICT (name) DO UPDATE SET ran_at = "+s.now)
	return doing("trying to write", err)
}

// noting notes the faults of single statements that write.
type noting struct {
	conn
	faults *faults
}

func (n noting) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := n.conn.ExecContext(ctx, query, args...)
	n.faults.note(err)
	return result, err
}

// QueryRowContext is for statements that write and return something.
func (n noting) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row := n.conn.QueryRowContext(ctx, query, args...)
	n.faults.note(row.Err())
	return row
}
