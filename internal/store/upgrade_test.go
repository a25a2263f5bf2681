package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// A database of the first schema, with rows, opens without loss.
func TestUpgradeFromTheFirstSchema(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		driver, dsn, dialect, folder := "sqlite", filepath.Join(cfg.DataDir, "zonehold.db"), goose.DialectSQLite3, store.SQLite
		if cfg.URL != "" {
			driver, dsn, dialect, folder = "pgx", cfg.URL, goose.DialectPostgres, store.PostgreSQL
		}
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := goose.NewProvider(dialect, db, os.DirFS("migrations/"+folder), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.UpTo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		const values = `VALUES ('dom_1', 'acc_1', 'www.example.com', '', 0, 'zonehold', '{"TXT":"t1"}', 3, 7, 'verified', 5, 6, 'dns_txt',
			'dns', 'subtree', 0, 0, '', 1, '["x"]', '', '', '', `
		for _, statement := range []string{
			`INSERT INTO accounts (id, number, name, email, email_confirmed, probely_token, event_seq, created_at)
				VALUES ('acc_1', 100001, 'alpha', 'a@example.com', 1, 'p', 4, 1)`,
			`INSERT INTO domains (id, account_id, hostname, scheme, port, profile, tokens, generation, version, state, state_since, verified_at,
				method, assurance, covers, next_check_at, grace_ends_at, last_attempt_id, discovery_enabled, tags, problem, dns_host, basic_user,
				basic_password, created_at, updated_at, deleted_at) ` + values + map[string]string{"sqlite": "x''", "pgx": "''"}[driver] + `, 1, 2, 0)`,
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		s := storetest.Open(t, cfg)
		d, err := s.DomainByName(t.Context(), "acc_1", "www.example.com")
		if err != nil || d.State != zonehold.StateVerified || d.Version != 7 || d.Tokens.TXT != "t1" || d.ProofSource != "" || d.Tags[0] != "x" {
			t.Fatalf("after the upgrade: %+v, %v", d, err)
		}
		var n int
		if err := s.Writer().QueryRowContext(t.Context(), "SELECT count(*) FROM domains WHERE hostname_reversed = 'moc.elpmaxe.www'").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d names turned, %v", n, err)
		}
		if g, err := s.Grounds(t.Context(), "acc_1"); err != nil || !g.Proved || g.Account.Name != "alpha" {
			t.Errorf("grounds %+v, %v", g, err)
		}
	})
}

// migrateDown takes a database back to an older schema, and returns the one it
// had.
func migrateDown(t *testing.T, cfg store.Config, to int64) (last int64) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, "zonehold.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/"+store.SQLite), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if last, err = provider.GetDBVersion(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	return last
}
