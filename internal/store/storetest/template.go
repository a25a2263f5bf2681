package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/zonehold/zonehold/internal/store"
)

// To bring the schema up to date takes longer than most tests, so it is done
// once in a process and copied.

const templateName = "zonehold_template"

var templatePostgres = func() func(base string) error {
	var (
		once sync.Once
		err  error
	)
	return func(base string) error {
		once.Do(func() { err = makePostgres(base) })
		return err
	}
}()

func makePostgres(base string) error {
	if err := admin(base, "CREATE DATABASE "+templateName); err != nil {
		return err
	}
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("reading the PostgreSQL URL: %w", err)
	}
	u.Path = "/" + templateName
	return makeSchema(store.Config{URL: u.String()})
}

var templateSQLite = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "zonehold-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := makeSchema(store.Config{DataDir: dir}); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, sqliteFile))
})

const sqliteFile = "zonehold.db"

// copySQLite puts a database with the schema into the folder.
func copySQLite(t testing.TB, cfg store.Config) {
	t.Helper()
	db, err := templateSQLite()
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.DataDir, sqliteFile), db, 0o600)
	}
	if err != nil {
		t.Fatalf("copying a test database: %v", err)
	}
}

func makeSchema(cfg store.Config) error {
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	return s.Close()
}
