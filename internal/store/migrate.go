package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations
var migrations embed.FS

// migrationLock is the advisory lock under which a process migrates.
const migrationLock = 0x7a6f6e65686f6c64

// migrate brings our schema and River's up to date. Only one process does so
// at a time.
func (s *Store) migrate(ctx context.Context) error {
	if s.pool == nil {
		unlock, err := lockFile(ctx, s.dir, "migrate.lock")
		if err != nil {
			return err
		}
		defer unlock()
		if err := s.migrateOurs(ctx, goose.DialectSQLite3); err != nil {
			return err
		}
		return migrateRiver(ctx, riversqlite.New(s.writer), s)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("waiting for the migration lock: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock)) //nolint:errcheck // ends with the session anyway
	if err := s.migrateOurs(ctx, goose.DialectPostgres); err != nil {
		return err
	}
	return migrateRiver(ctx, riverpgxv5.New(s.pool), s)
}

func (s *Store) migrateOurs(ctx context.Context, dialect goose.Dialect) error {
	folder, err := fs.Sub(migrations, "migrations/"+s.engine)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, s.writer, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	switch {
	case current > target:
		return fmt.Errorf("the database was %w", &NewerSchemaError{Have: current, Known: target})
	case current == target:
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the schema: %w", err)
	}
	return nil
}

func migrateRiver[T any](ctx context.Context, driver riverdriver.Driver[T], s *Store) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("making the job migrator: %w", err)
	}
	var current int // an error means that there is no such table yet
	err = s.writer.QueryRowContext(ctx, "SELECT max(version) FROM river_migration WHERE line = 'main'").Scan(&current)
	if err == nil && current >= len(m.AllVersions()) {
		return nil
	}
	if _, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrating the job tables: %w", err)
	}
	return nil
}
