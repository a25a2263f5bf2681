package store

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A backup is a tar archive of three members in this order: a manifest, the
// database as it was at one moment, and the secret key if it was asked for.
const (
	backupFormat   = 1
	memberManifest = "manifest.json"
	memberDatabase = "zonehold.db"
	memberKey      = "secret.key"

	maxManifest = 1 << 20 // bytes
	maxKeyFile  = 4 << 10 // bytes
)

// What a manifest says about the secret key.
const (
	KeyIncluded = "included"
	KeyNeeded   = "needed" // it has to be kept elsewhere
	KeyNone     = "none"   // there was none yet: nothing is sealed
)

// Manifest says what a backup holds and what made it.
type Manifest struct {
	Format    int              `json:"format"`
	Program   string           `json:"program"` // version that made it
	Schema    int64            `json:"schema"`
	CreatedAt time.Time        `json:"created_at"`
	Counts    map[string]int64 `json:"counts"`                  // rows by table
	SecretKey string           `json:"secret_key"`              // KeyIncluded, KeyNeeded or KeyNone
	KeyID     string           `json:"secret_key_id,omitempty"` // tells keys apart, and nothing of the key
	Members   []Member         `json:"members"`
}

// Member is a file of a backup.
type Member struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // lower-case hexadecimal
}

// Backup says what to back up.
type Backup struct {
	Config    Config
	Program   string // version of this program
	WithKey   bool   // the secret key too
	Overwrite bool   // a file that is there already
	Now       time.Time
}

// ErrNotSQLite says that a database is backed up with its own tools.
var ErrNotSQLite = errors.New("this is for SQLite; back up PostgreSQL with pg_dump")

// Write backs up the SQLite database into a file, while servers and commands
// go on. The schema stays as it is, so that it can be done before an upgrade.
// The file appears whole or not at all. It fails with ErrExists when it is
// there already, and needs the room of two copies beside it.
func (b Backup) Write(ctx context.Context, file string) (*Manifest, error) {
	if b.Config.URL != "" {
		return nil, ErrNotSQLite
	}
	if _, err := os.Lstat(file); err == nil && !b.Overwrite {
		return nil, fmt.Errorf("%s %w", file, ErrExists)
	}
	work, err := os.MkdirTemp(filepath.Dir(file), ".zonehold-backup-")
	if err != nil {
		return nil, fmt.Errorf("making a folder beside the backup: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // what is left can be removed by hand
	m := &Manifest{Format: backupFormat, Program: b.Program, CreatedAt: b.Now.UTC().Truncate(time.Second), SecretKey: KeyNone}
	copied := filepath.Join(work, memberDatabase)
	if m.Schema, m.Counts, err = snapshot(ctx, b.Config.DataDir, copied); err != nil {
		return nil, err
	}
	database, err := digest(ctx, copied)
	if err != nil {
		return nil, err
	}
	database.Name = memberDatabase
	m.Members = []Member{database}
	secret, err := b.Config.key()
	if err != nil {
		return nil, err
	}
	var key []byte
	if secret != nil {
		m.SecretKey, m.KeyID = KeyNeeded, keyID(secret)
		if b.WithKey {
			key = []byte(hex.EncodeToString(secret) + "\n")
			m.SecretKey = KeyIncluded
			m.Members = append(m.Members, Member{Name: memberKey, Size: int64(len(key)), SHA256: sum(key)})
		}
	}
	return m, m.pack(ctx, file, work, key, b.Overwrite)
}

// pack writes the archive beside the file, and gives it its name at the end.
func (m *Manifest) pack(ctx context.Context, file, work string, key []byte, overwrite bool) error {
	temp := filepath.Join(work, "backup.tar")
	out, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	err = m.write(ctx, out, filepath.Join(work, memberDatabase), key)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	if !overwrite {
		// Link, unlike a rename, fails where a file has come meanwhile. Not
		// every file system knows it.
		if err := os.Link(temp, file); err == nil {
			return syncDir(filepath.Dir(file))
		} else if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s %w", file, ErrExists)
		}
	}
	if err := os.Rename(temp, file); err != nil {
		return fmt.Errorf("naming the backup: %w", err)
	}
	return syncDir(filepath.Dir(file))
}

func (m *Manifest) write(ctx context.Context, out io.Writer, database string, key []byte) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tw := tar.NewWriter(out)
	header := func(name string, size int64) error {
		return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: m.CreatedAt, Format: tar.FormatPAX})
	}
	put := func(name string, data []byte) error {
		if err := header(name, int64(len(data))); err != nil {
			return err
		}
		_, err := tw.Write(data)
		return err
	}
	if err := put(memberManifest, append(text, '\n')); err != nil {
		return err
	}
	f, err := os.Open(database)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if err := header(memberDatabase, m.Members[0].Size); err != nil {
		return err
	}
	if _, err := io.Copy(tw, reading{ctx, f}); err != nil {
		return err
	}
	if key != nil {
		if err := put(memberKey, key); err != nil {
			return err
		}
	}
	return tw.Close()
}

// reading ends with its context.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// counted are the tables whose rows a manifest counts.
var counted = []string{"accounts", "domains", "attempts", "events", "tokens"}

// snapshot copies the database of a folder as it is at one moment. VACUUM INTO
// reads in one transaction, which holds up no writer; SQLite's backup API
// would begin again whenever another process has written.
func snapshot(ctx context.Context, dir, file string) (schema int64, counts map[string]int64, err error) {
	source, err := openExisting(filepath.Join(dir, memberDatabase), "mode=rw&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, nil, err
	}
	defer source.Close() //nolint:errcheck // only read
	// SQLite takes an empty file, and would make one that everybody may read.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return 0, nil, fmt.Errorf("copying the database: %w", err)
	}
	defer f.Close() //nolint:errcheck // synced before
	if _, err := source.ExecContext(ctx, "VACUUM INTO $1", file); err != nil {
		return 0, nil, fmt.Errorf("copying the database: %w", err)
	}
	if err := f.Sync(); err != nil {
		return 0, nil, fmt.Errorf("copying the database: %w", err)
	}
	db, err := openExisting(file, "mode=ro")
	if err != nil {
		return 0, nil, err
	}
	defer db.Close() //nolint:errcheck // only read
	if err := intact(ctx, db, "quick_check"); err != nil {
		return 0, nil, fmt.Errorf("the database is damaged: %w", err)
	}
	if schema, err = schemaOf(ctx, db); err != nil {
		return 0, nil, err
	}
	counts = map[string]int64{}
	for _, table := range counted {
		var n int64
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return 0, nil, fmt.Errorf("counting %s: %w", table, err)
		}
		counts[table] = n
	}
	return schema, counts, nil
}

// openExisting opens an SQLite file that has to be there.
func openExisting(file, query string) (*sql.DB, error) {
	if st, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	} else if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("opening the database: %s is not a file", file)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: absolute(file), RawQuery: query}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func absolute(file string) string {
	if path, err := filepath.Abs(file); err == nil {
		return path
	}
	return file
}

// intact runs one of SQLite's own checks.
func intact(ctx context.Context, db *sql.DB, check string) error {
	rows, err := db.QueryContext(ctx, "PRAGMA "+check+"(5)")
	found, err := collect(rows, err, scanText)
	if err != nil {
		return err
	}
	if !slices.Equal(found, []string{"ok"}) {
		return errors.New(strings.Join(found, "; "))
	}
	return nil
}

// schemaOf is the number of the last migration that a database had.
func schemaOf(ctx context.Context, q conn) (n int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("reading the schema version: %w", err)
	}
	return n, nil
}

// digest measures a file.
func digest(ctx context.Context, file string) (Member, error) {
	f, err := os.Open(file)
	if err != nil {
		return Member{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	n, err := io.Copy(h, reading{ctx, f})
	if err != nil {
		return Member{}, fmt.Errorf("reading the copy: %w", err)
	}
	return Member{Size: n, SHA256: hexOf(h)}, nil
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// key is the secret key if there is one; unlike the vault it makes none.
func (c Config) key() ([]byte, error) {
	if c.SecretKey != nil {
		return c.SecretKey, nil
	}
	if c.DataDir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(c.DataDir, memberKey))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", filepath.Join(c.DataDir, memberKey), err)
	}
	return key, nil
}

func parseKey(text []byte) ([]byte, error) {
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < 16 {
		return nil, errors.New("does not hold 64 hexadecimal digits")
	}
	return key, nil
}

// keyID is the id that values sealed with a key begin with; "" for what is no
// key.
func keyID(secret []byte) string {
	v := &vault{secret: secret}
	if v.open() != nil {
		return ""
	}
	return hex.EncodeToString(v.id[:])
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	return nil
}
