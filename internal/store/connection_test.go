package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

var secretKeys = map[string]string{"access_key_id": "AKIAEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG"}

func connection(t *testing.T, s *store.Store, a zonehold.Account, name string) *store.Connection {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	c := &store.Connection{Connection: zonehold.Connection{ID: zonehold.NewID(zonehold.PrefixConnection), AccountID: a.ID,
		Provider: zonehold.MethodAWSRoute53, Name: name, Hint: "MPLE", TestedAt: now, CreatedAt: now}}
	if err := s.SetCredentials(c, secretKeys); err != nil {
		t.Fatal(err)
	}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertConnection(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConnections(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		c := connection(t, s, a, "production")
		got, err := s.Connection(ctx, a.ID, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Connection, got.Connection); diff != "" {
			t.Error(diff)
		}
		if keys, err := s.Credentials(got); err != nil || !cmp.Equal(keys, secretKeys) {
			t.Errorf("credentials %v, %v", keys, err)
		}
		// The secret is bound to its row.
		moved := *got
		moved.ID = zonehold.NewID(zonehold.PrefixConnection)
		if _, err := s.Credentials(&moved); err == nil {
			t.Error("credentials open in another row")
		}
		if _, err := s.Connection(ctx, b.ID, c.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another account's: %v", err)
		}
		err = s.InTx(ctx, func(tx *store.Tx) error {
			again := *c
			again.ID = zonehold.NewID(zonehold.PrefixConnection)
			return tx.InsertConnection(ctx, &again)
		})
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("a name twice: %v", err)
		}
		connection(t, s, b, "production")
		at := c.TestedAt.Add(time.Hour)
		set := func(account, text string) error {
			return s.InTx(ctx, func(tx *store.Tx) error { return tx.SetConnectionTest(ctx, account, c.ID, at, text) })
		}
		if err := set(a.ID, "no\x00"); err != nil {
			t.Fatal(err)
		}
		if err := set(b.ID, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("testing another account's: %v", err)
		}
		list, err := s.Connections(ctx, a.ID)
		if err != nil || len(list) != 1 || !list[0].TestedAt.Equal(at) || list[0].TestError != "no\u2400" {
			t.Errorf("list %+v, %v", list, err)
		}
		remove := func(account string) error {
			return s.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteConnection(ctx, account, c.ID) })
		}
		if err := remove(b.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removing another account's: %v", err)
		}
		if err := remove(a.ID); err != nil {
			t.Fatal(err)
		}
		if err := remove(a.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removing twice: %v", err)
		}
	})
}

func TestCredentialsUnderAnotherKey(t *testing.T) {
	cfg := storetest.SQLite(t)
	cfg.SecretKey = []byte(strings.Repeat("a", 32))
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := account(t, s, "alpha")
	connection(t, s, a, "production")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"zonehold.db", "zonehold.db-wal"} {
		data, err := os.ReadFile(filepath.Join(cfg.DataDir, file))
		if err == nil && (bytes.Contains(data, []byte("AKIAEXAMPLE")) || bytes.Contains(data, []byte("wJalrXUtnFEMI"))) {
			t.Errorf("%s holds a credential in clear", file)
		}
	}
	cfg.SecretKey = []byte(strings.Repeat("b", 32))
	s = storetest.Open(t, cfg)
	list, err := s.Connections(t.Context(), a.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("list %v, %v", list, err)
	}
	if keys, err := s.Credentials(list[0]); err == nil {
		t.Errorf("credentials %v open under another key", keys)
	}
}

// Addresses of accounts made before there were mailboxes become some.
func TestOldAddressesBecomeMailboxes(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		s, err := store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		accounts := map[string]zonehold.Account{}
		for name, email := range map[string]string{"a": "Anna@Example.com", "b": "", "c": "bob@example.net", "d": `"x@y"@example.org`} {
			if accounts[name], err = s.CreateAccount(t.Context(), zonehold.Account{Name: name, Email: email, EmailConfirmed: name == "a"}); err != nil {
				t.Fatal(err)
			}
		}
		back(t, s, cfg)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = storetest.Open(t, cfg)
		for name, want := range map[string]string{"a": "Anna@example.com operator", "b": "", "c": "bob@example.net ", "d": ""} {
			found, err := s.Mailboxes(t.Context(), accounts[name].ID)
			got := ""
			if len(found) == 1 {
				got = found[0].Address + " " + found[0].ConfirmedBy
			}
			if err != nil || got != want || (len(found) == 1 && found[0].ConfirmedAt.IsZero() != (name != "a")) {
				t.Errorf("account %s: %+v, %v", name, found, err)
			}
		}
	})
}

// back takes the database to the schema before mailboxes.
func back(t *testing.T, s *store.Store, cfg store.Config) {
	t.Helper()
	driver, url, dialect := "sqlite", filepath.Join(cfg.DataDir, "zonehold.db"), goose.DialectSQLite3
	if s.Engine() == store.PostgreSQL {
		driver, url, dialect = "pgx", cfg.URL, goose.DialectPostgres
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := goose.NewProvider(dialect, db, os.DirFS(filepath.Join("migrations", s.Engine())), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
}
