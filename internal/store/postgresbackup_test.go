package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// The commands of docs/operations.md bring everything back.
func TestPostgresDump(t *testing.T) {
	server := storetest.StartServer(t)
	key := []byte("0123456789abcdef0123456789abcdef")
	s := storetest.Open(t, store.Config{URL: server.URL, SecretKey: key})
	d := domain(t, s, account(t, s, "alpha"), "example.com")
	if err := s.SetBasicPassword(d, "hush"); err != nil {
		t.Fatal(err)
	}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.UpdateDomain(t.Context(), d) }); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(server.Dir(), "zonehold.dump")
	server.Run("pg_dump", "--format=custom", "--file="+file, server.URL)
	account(t, s, "later")
	server.Admin("CREATE DATABASE copy")
	copied := strings.Replace(server.URL, "/postgres?", "/copy?", 1)
	server.Run("pg_restore", "--exit-on-error", "--no-owner", "--dbname="+copied, file)

	again := storetest.Open(t, store.Config{URL: copied, SecretKey: key})
	got, err := again.DomainByName(t.Context(), d.AccountID, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	if password, err := again.BasicPassword(got); err != nil || password != "hush" {
		t.Errorf("%q, %v", password, err)
	}
	if accounts, err := again.Accounts(t.Context()); err != nil || len(accounts) != 1 {
		t.Errorf("%d accounts, %v", len(accounts), err)
	}
	// A restored database takes new rows: sequences go on where they were.
	account(t, again, "after")
}
