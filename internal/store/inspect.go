package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// OpenAsIs opens a database that is there, without making it or bringing its
// schema up to date: to look at it. Methods that need a newer schema fail.
func OpenAsIs(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{dir: cfg.DataDir, vault: &vault{secret: cfg.SecretKey, dir: cfg.DataDir}, faults: newFaults()}
	open := s.openPostgres
	if cfg.URL == "" {
		db, err := openExisting(filepath.Join(cfg.DataDir, memberDatabase), "mode=ro")
		if err != nil {
			return nil, err
		}
		_ = db.Close() // nothing was done
		open = s.openSQLite
	}
	if err := open(ctx, cfg); err != nil {
		_ = s.Close() // err says more
		return nil, err
	}
	return s, nil
}

// Schema is the schema of the database and the last one that this program
// knows.
func (s *Store) Schema(ctx context.Context) (have, known int64, err error) {
	if known, err = knownSchema(); err != nil {
		return 0, 0, err
	}
	have, err = schemaOf(ctx, s.r)
	return have, known, err
}

// ServerVersion names the engine with its version.
func (s *Store) ServerVersion(ctx context.Context) (name string, err error) {
	if s.pool == nil {
		err = s.r.QueryRowContext(ctx, "SELECT 'SQLite ' || sqlite_version()").Scan(&name)
	} else {
		err = s.r.QueryRowContext(ctx, "SELECT 'PostgreSQL ' || current_setting('server_version')").Scan(&name)
	}
	return name, doing("asking for the version", err)
}

// Intact runs SQLite's quick check, which reads the whole file; nothing to do
// on PostgreSQL.
func (s *Store) Intact(ctx context.Context) error {
	if s.pool != nil {
		return nil
	}
	return intact(ctx, s.reader, "quick_check")
}

// errRollBack ends a transaction that was only a try.
var errRollBack = errors.New("only a try")

// TryWrite writes a row and takes it back.
func (s *Store) TryWrite(ctx context.Context) error {
	err := s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.q.ExecContext(ctx, "INSERT INTO accounts (id, number, name, email, email_confirmed, probely_token, created_at) VALUES ('acc_doctor', 9000000000000000000, 'acc_doctor', '', 0, '', 0)"); err != nil {
			return err
		}
		return errRollBack
	})
	if errors.Is(err, errRollBack) {
		return nil
	}
	return doing("trying to write", err)
}

// Skew is by how much the clock of the database is ahead of this machine's.
// It is exact to the time that the question takes, which is returned too.
func (s *Store) Skew(ctx context.Context) (skew, took time.Duration, err error) {
	var at int64
	before := time.Now()
	if err := s.r.QueryRowContext(ctx, "SELECT "+s.now).Scan(&at); err != nil {
		return 0, 0, fmt.Errorf("asking for the time: %w", err)
	}
	took = time.Since(before)
	return fromMicros(at).Sub(before.Add(took / 2)), took, nil
}

// Node is a process that said that it is alive.
type Node struct {
	ID, Name string
	Silent   time.Duration // since its last sign
	Up       time.Duration
}

// Nodes lists the processes, by name.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT id, name, "+s.now+" - beat_at, "+s.now+" - started_at FROM nodes ORDER BY name, id LIMIT 1000")
	out, err := collect(rows, err, func(row scanner) (n Node, err error) {
		var silent, up int64
		err = row.Scan(&n.ID, &n.Name, &silent, &up)
		n.Silent, n.Up = time.Duration(silent)*time.Microsecond, time.Duration(up)*time.Microsecond
		return n, err
	})
	return out, doing("listing nodes", err)
}

// Key states of CheckKey.
var (
	// ErrKeyAbsent says that secrets are stored, and that there is no key.
	ErrKeyAbsent = errors.New("the secret key is missing, and stored secrets need it")
	// ErrKeyOther says that secrets are stored under another key.
	ErrKeyOther = errors.New("stored secrets were sealed with another secret key")
)

// CheckKey looks whether the secret key opens what is stored. It makes no key.
// False: nothing is stored that needs one.
func (s *Store) CheckKey(ctx context.Context) (used bool, err error) {
	secret, err := Config{SecretKey: s.vault.secret, DataDir: s.dir}.key()
	if err != nil {
		return false, err
	}
	rows, err := s.r.QueryContext(ctx, sealedSamples)
	samples, err := collect(rows, err, func(row scanner) (sealed []byte, err error) { return sealed, row.Scan(&sealed) })
	if err != nil || len(samples) == 0 {
		return false, doing("looking for sealed values", err)
	}
	if secret == nil {
		return true, ErrKeyAbsent
	}
	for _, sealed := range samples {
		if len(sealed) < 4 || keyID(secret) != fmt.Sprintf("%x", sealed[:4]) {
			return true, ErrKeyOther
		}
	}
	return true, nil
}

// sealedSamples is one sealed value of each kind. Of the keys that sign, the
// newest: a process that cannot open one makes its own.
const sealedSamples = `SELECT sealed FROM (SELECT basic_password AS sealed FROM domains WHERE length(basic_password) > 0 AND deleted_at = 0 LIMIT 1) AS a
	UNION ALL SELECT sealed FROM (SELECT credentials AS sealed FROM connections WHERE length(credentials) > 0 LIMIT 1) AS b
	UNION ALL SELECT sealed FROM (SELECT secret AS sealed FROM webhooks WHERE length(secret) > 0 LIMIT 1) AS c
	UNION ALL SELECT sealed FROM (SELECT private AS sealed FROM signing_keys ORDER BY number DESC LIMIT 1) AS d`

// HasKey reports whether there is a secret key.
func (c Config) HasKey() (bool, error) {
	key, err := c.key()
	return key != nil, err
}
