// Package storetest runs tests on both databases.
//
// PostgreSQL is the one of ZONEHOLD_TEST_POSTGRES_URL if that is set (each
// test gets a database of its own there), else one that this package starts
// from the machine's own binaries. ZONEHOLD_TEST_POSTGRES=off skips what
// needs it; without that its absence fails the test.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zonehold/zonehold/internal/store"
)

// Each runs fn on a fresh, empty store of each engine, as subtests "sqlite"
// and "postgres".
func Each(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run(store.SQLite, func(t *testing.T) {
		cfg := SQLite(t)
		copySQLite(t, cfg)
		fn(t, Open(t, cfg))
	})
	t.Run(store.PostgreSQL, func(t *testing.T) { fn(t, Open(t, postgres(t, false, true))) })
}

// EachConfig is Each with the configuration of a fresh database, for tests
// that open it more than once.
func EachConfig(t *testing.T, fn func(t *testing.T, cfg store.Config)) {
	t.Helper()
	t.Run(store.SQLite, func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run(store.PostgreSQL, func(t *testing.T) { fn(t, PostgreSQL(t, false)) })
}

// EachBench is Each for benchmarks; PostgreSQL then keeps what it committed
// (fsync on), as in production.
func EachBench(b *testing.B, fn func(b *testing.B, s *store.Store)) {
	b.Helper()
	b.Run(store.SQLite, func(b *testing.B) { fn(b, Open(b, SQLite(b))) })
	b.Run(store.PostgreSQL, func(b *testing.B) { fn(b, Open(b, PostgreSQL(b, true))) })
}

// Open opens a store and closes it at the end of the test.
func Open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

// SQLite is the configuration of a new SQLite database.
func SQLite(t testing.TB) store.Config { return store.Config{DataDir: t.TempDir()} }

// PostgreSQL is the configuration of a new database on PostgreSQL, dropped at
// the end of the test. Durable asks for fsync; it costs time.
func PostgreSQL(t testing.TB, durable bool) store.Config {
	t.Helper()
	return postgres(t, durable, false)
}

// postgres is a new database; a migrated one has the schema already, if the
// server is ours.
func postgres(t testing.TB, durable, migrated bool) store.Config {
	t.Helper()
	if os.Getenv("ZONEHOLD_TEST_POSTGRES") == "off" {
		t.Skip("not run on PostgreSQL: ZONEHOLD_TEST_POSTGRES=off")
	}
	base := os.Getenv("ZONEHOLD_TEST_POSTGRES_URL")
	if base == "" {
		var err error
		if base, err = servers[durable](); err != nil {
			t.Fatalf("no PostgreSQL to test on: %v\n"+
				"Set ZONEHOLD_TEST_POSTGRES_URL, or install the postgresql package, "+
				"or set ZONEHOLD_TEST_POSTGRES=off to leave these tests out.", err)
		}
	}
	var b [6]byte
	rand.Read(b[:])
	name := "zonehold_test_" + hex.EncodeToString(b[:])
	create := "CREATE DATABASE " + name
	if migrated && os.Getenv("ZONEHOLD_TEST_POSTGRES_URL") == "" {
		if err := templatePostgres(base); err != nil {
			t.Fatalf("making the test database that others are copied from: %v", err)
		}
		create += " TEMPLATE " + templateName
	}
	if err := admin(base, create); err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(base, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping the test database: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("the PostgreSQL URL cannot be read")
	}
	u.Path = "/" + name
	return store.Config{URL: u.String(), DataDir: t.TempDir()}
}

func admin(base, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// servers holds, by durability, the server of this process, started on first
// use.
var servers = map[bool]func() (string, error){
	false: sync.OnceValues(func() (string, error) { return startServer(false) }),
	true:  sync.OnceValues(func() (string, error) { return startServer(true) }),
}
