package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/store"
)

// backupLimit is how long a backup or a restore may take without --timeout.
const backupLimit = 24 * time.Hour

func storeConfig(cfg *config.Config) store.Config {
	return store.Config{URL: cfg.DatabaseURL, DataDir: cfg.DataDir, SecretKey: cfg.SecretKey}
}

func (c *cli) backupCommand() *cobra.Command {
	var b store.Backup
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database into a file, beside a running server",
		Long: `Copy the SQLite database, as it is at one moment, into a tar file with checksums.
A server may run on it meanwhile; nobody waits. The schema stays as it is, so do
it before an upgrade. The folder of FILE needs the room of two copies.

The secret key opens stored credentials. It goes into the backup with
--with-key; else keep it elsewhere.

PostgreSQL is backed up with its own tools: docs/operations.md.`,
		Example: `  zonehold backup /var/backups/zonehold-2026-11-22.tar
  zonehold backup --with-key --force /var/backups/zonehold.tar`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			b.Config, b.Program, b.Now = storeConfig(cfg), buildVersion(), time.Now()
			ctx, cancel := c.deadline(cmd.Context(), backupLimit)
			defer cancel()
			m, err := b.Write(ctx, args[0])
			if err != nil {
				return backupError(err)
			}
			if m.SecretKey == store.KeyNeeded {
				c.warn("the secret key is not in it: keep " + keyPlace(cfg) + " elsewhere, or stored credentials cannot be opened again")
			}
			if c.json || c.jsonl {
				return c.printJSON(m)
			}
			if c.quiet {
				return nil
			}
			_, err = fmt.Fprintf(c.stdout, "%s: %d accounts, %d domains, schema %d\n", args[0], m.Counts["accounts"], m.Counts["domains"], m.Schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&b.WithKey, "with-key", false, "the secret key too; who has the file can open every stored credential")
	cmd.Flags().BoolVar(&b.Overwrite, "force", false, "replace FILE")
	c.settingFlags(cmd, "data_dir", "database_url")
	return cmd
}

func keyPlace(cfg *config.Config) string {
	if cfg.SecretKey != nil {
		return "ZONEHOLD_SECRET_KEY"
	}
	return cfg.DataDir + "/secret.key"
}

func (c *cli) restoreCommand() *cobra.Command {
	var r store.Restore
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into the data folder, while no server runs on it",
		Long: `Put a backup into the data folder, while no server runs on it. Checksums and the
database itself are checked first, and an older schema is brought up to date.
If anything is wrong the folder stays as it was.

With --force a database that is there is moved aside, into a folder
before-restore-…; nothing is ever deleted.

Checks that ran when the backup was made are begun again by the next server.
Webhooks and mails sent since may be sent again, with the same ids. What was
revoked since is in force again: tokens, policies, delegations.`,
		Example: `  zonehold restore /var/backups/zonehold.tar --data-dir /var/lib/zonehold`,
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if cfg.DatabaseURL != "" {
				return backupError(store.ErrNotSQLite)
			}
			r.Config, r.Now = storeConfig(cfg), time.Now()
			ctx, cancel := c.deadline(cmd.Context(), backupLimit)
			defer cancel()
			done, err := r.Read(ctx, args[0])
			if err != nil {
				return backupError(err)
			}
			return c.printRestored(cfg, done)
		},
	}
	cmd.Flags().BoolVar(&r.Overwrite, "force", false, "move a database that is there aside")
	c.settingFlags(cmd, "data_dir", "database_url")
	return cmd
}

func (c *cli) printRestored(cfg *config.Config, done *store.Restored) error {
	m := done.Manifest
	warnings := []string{"tokens, policies and delegations revoked since " + m.CreatedAt.Format(time.RFC3339) + " are in force again: revoke them once more"}
	switch done.KeyState {
	case "missing":
		warnings = append(warnings, "the secret key is missing: put the one of the backup into "+keyPlace(cfg)+" before a server starts, or stored credentials cannot be opened")
	case "other":
		warnings = append(warnings, "the secret key at "+keyPlace(cfg)+" is not the one of the backup: stored credentials cannot be opened with it")
	}
	for _, w := range warnings {
		c.warn(w)
	}
	if c.json || c.jsonl {
		return c.printJSON(map[string]any{"manifest": m, "schema": done.Schema, "moved_aside": done.Aside, "secret_key": done.KeyState, "warnings": warnings})
	}
	if c.quiet {
		return nil
	}
	if done.Aside != "" {
		fmt.Fprintf(c.stderr, "What was there is in %s\n", done.Aside)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: restored as of %s, %d accounts, %d domains, schema %d\n",
		cfg.DataDir, m.CreatedAt.Format(time.RFC3339), m.Counts["accounts"], m.Counts["domains"], done.Schema)
	return err
}

// backupError names what went wrong and the way on.
func backupError(err error) error {
	e := &exitError{code: exitError_, name: "backup_failed", message: err.Error()}
	var newer *store.NewerSchemaError
	switch {
	case errors.Is(err, store.ErrNotSQLite):
		e.code, e.name, e.hints = exitUsage, "not_sqlite", []string{"see docs/operations.md, and: pg_dump --format=custom --file FILE \"$ZONEHOLD_DATABASE_URL\""}
	case errors.Is(err, store.ErrLocked):
		e.code, e.name, e.hints = exitConflict, "server_running", []string{"stop the server first"}
	case errors.Is(err, store.ErrExists):
		e.code, e.name, e.hints = exitConflict, "already_exists", []string{"give --force; restore moves what is there aside, backup replaces it"}
	case errors.As(err, &newer):
		e.name = "schema_newer"
	case errors.Is(err, store.ErrNotBackup):
		e.code, e.name, e.hints = exitNo, "not_a_backup", []string{"take another copy of the backup, or an older one; nothing was changed"}
	case errors.Is(err, store.ErrUnfinished):
		e.name = "restore_unfinished"
	case errors.Is(err, os.ErrNotExist):
		e.code, e.name = exitNotFound, "not_found"
	}
	return e
}
