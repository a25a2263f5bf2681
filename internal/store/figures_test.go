package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		none, err := s.Figures(t.Context())
		if err != nil || none.TakenAgo >= 0 || none.Size <= 0 {
			t.Fatalf("before the first: %+v, %v", none, err)
		}
		now := time.Now()
		a := account(t, s, "alpha")
		for i := range 3 {
			d := domain(t, s, a, fmt.Sprintf("d%d.example", i))
			if i > 0 {
				d.State, d.NextCheckAt = "verified", now.Add(-time.Duration(i)*time.Hour)
			}
			if i == 2 {
				d.FrozenAt = now
			}
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.UpdateDomain(t.Context(), d) }); err != nil {
				t.Fatal(err)
			}
		}
		// The second time has nothing left of the first.
		for range 2 {
			if err := s.TakeFigures(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		f, err := s.Figures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Domains["pending"] != 1 || f.Domains["verified"] != 2 || f.Due != 2 || f.Frozen != 1 ||
			f.DueAge.Round(time.Minute) != 2*time.Hour || f.TakenAgo < 0 || f.TakenAgo > time.Minute {
			t.Errorf("%+v", f)
		}
	})
}

func TestInspect(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		if cfg.URL == "" {
			if s, err := store.OpenAsIs(t.Context(), cfg); err == nil {
				t.Fatalf("opened what is not there: %v", s)
			}
		}
		full := storetest.Open(t, cfg)
		d := domain(t, full, account(t, full, "alpha"), "example.com")
		s, err := store.OpenAsIs(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if have, known, err := s.Schema(t.Context()); err != nil || have != known || known < 13 {
			t.Errorf("schema %d of %d, %v", have, known, err)
		}
		if name, err := s.ServerVersion(t.Context()); err != nil || !strings.Contains(name, "SQL") {
			t.Errorf("%q, %v", name, err)
		}
		if err := s.Intact(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.TryWrite(t.Context()); err != nil {
			t.Error(err)
		}
		if accounts, err := s.Accounts(t.Context()); err != nil || len(accounts) != 1 {
			t.Errorf("a try left something: %v, %v", accounts, err)
		}
		if skew, took, err := s.Skew(t.Context()); err != nil || skew.Abs() > took+time.Minute {
			t.Errorf("skew %s in %s, %v", skew, took, err)
		}
		if used, err := s.CheckKey(t.Context()); used || err != nil {
			t.Errorf("key of nothing: %v, %v", used, err)
		}
		if has, err := cfg.HasKey(); has || err != nil {
			t.Errorf("looking made a key: %v, %v", has, err)
		}
		// A key that signs is enough to need the secret key.
		if err := full.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.AddSigningKey(t.Context(), store.SigningKey{Number: 1, ID: "k", Public: []byte{1}, CreatedAt: time.Now()}, []byte("seed"), false)
		}); err != nil {
			t.Fatal(err)
		}
		if used, err := s.CheckKey(t.Context()); !used || err != nil {
			t.Errorf("the key of a signing key: %v, %v", used, err)
		}
		if err := full.SetBasicPassword(d, "hush"); err != nil {
			t.Fatal(err)
		}
		if err := full.InTx(t.Context(), func(tx *store.Tx) error { return tx.UpdateDomain(t.Context(), d) }); err != nil {
			t.Fatal(err)
		}
		if used, err := s.CheckKey(t.Context()); !used || err != nil {
			t.Errorf("the right key: %v, %v", used, err)
		}
		other := cfg
		other.SecretKey = []byte("0123456789abcdef0123456789abcdef")
		o, err := store.OpenAsIs(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if _, err := o.CheckKey(t.Context()); !errors.Is(err, store.ErrKeyOther) {
			t.Errorf("another key: %v", err)
		}
	})
}

func TestFaultOf(t *testing.T) {
	for want, errs := range map[store.Fault][]error{
		store.FaultFull:     {&pgconn.PgError{Code: "53100"}, syscall.ENOSPC},
		store.FaultReadOnly: {&pgconn.PgError{Code: "25006"}},
		store.FaultBusy:     {&pgconn.PgError{Code: "53300"}, &pgconn.PgError{Code: "40P01"}},
		store.FaultGone: {&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "08006"}, driver.ErrBadConn, sql.ErrConnDone,
			io.ErrUnexpectedEOF, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, errors.New("failed to send: conn closed")},
		store.FaultIO:      {&pgconn.PgError{Code: "58030"}},
		store.FaultDamaged: {&pgconn.PgError{Code: "XX001"}},
		"":                 {nil, store.ErrNotFound, &pgconn.PgError{Code: "23505"}, context.Canceled, errors.New("else")},
	} {
		for _, err := range errs {
			if err != nil {
				err = fmt.Errorf("doing something: %w", err)
			}
			if got := store.FaultOf(err); got != want {
				t.Errorf("%v is %q, want %q", err, got, want)
			}
		}
	}
}

// A database that is full or read-only says so, loses nothing, and works again
// by itself.
func TestFaultsPass(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		set := func(statement string) {
			t.Helper()
			if _, err := s.Writer().ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		begin, end := map[store.Fault]string{}, map[store.Fault]string{}
		if s.Engine() == store.SQLite {
			begin[store.FaultFull], end[store.FaultFull] = "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000000"
			begin[store.FaultReadOnly], end[store.FaultReadOnly] = "PRAGMA query_only = 1", "PRAGMA query_only = 0"
		} else {
			// The pool opens its connections anew, which read the setting.
			begin[store.FaultReadOnly] = "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$"
		}
		for fault := range begin {
			account(t, s, "before-"+string(fault))
			set(begin[fault])
			if s.Pool() != nil {
				s.Pool().Reset()
			}
			var err error
			for i := 0; err == nil && i < 5000; i++ {
				err = s.InTx(t.Context(), func(tx *store.Tx) error {
					return tx.AppendEvents(t.Context(), nil)
				})
				if err == nil {
					_, err = s.CreateAccount(t.Context(), zonehold.Account{Name: fmt.Sprintf("%s-%d", fault, i)})
				}
			}
			if got := store.FaultOf(err); got != fault {
				t.Fatalf("%s: %q, %v", fault, got, err)
			}
			var lasting *store.FaultError
			if err := s.Writable(t.Context()); !errors.As(err, &lasting) || lasting.Fault != fault || lasting.Public() == "" {
				t.Errorf("%s: %v", fault, err)
			}
			if s.FaultCounts()[fault] == 0 {
				t.Errorf("%s is not counted", fault)
			}
			if _, err := s.AccountByName(t.Context(), "before-"+string(fault)); err != nil {
				t.Errorf("%s: reading: %v", fault, err)
			}
			if s.Pool() != nil {
				c, err := s.Pool().Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, statement := range []string{"SET default_transaction_read_only = off",
					"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' RESET default_transaction_read_only'; END $$"} {
					if _, err := c.Exec(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
				c.Release()
				s.Pool().Reset()
			} else {
				set(end[fault])
			}
			account(t, s, "after-"+string(fault))
			store.PassFaultTime(s)
			if err := s.Writable(t.Context()); err != nil {
				t.Errorf("after %s: %v", fault, err)
			}
		}
	})
}
