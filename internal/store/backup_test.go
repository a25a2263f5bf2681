package store_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

var backupTime = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func backUp(t *testing.T, cfg store.Config, withKey bool) (file string, m *store.Manifest) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup.tar")
	m, err := store.Backup{Config: cfg, Program: "v9", WithKey: withKey, Now: backupTime}.Write(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return file, m
}

func restore(t *testing.T, file, dir string, force bool) (*store.Restored, error) {
	t.Helper()
	return store.Restore{Config: store.Config{DataDir: dir}, Overwrite: force, Now: backupTime}.Read(t.Context(), file)
}

// A backup made while rows are written holds a moment: every account has its
// domain, and the copy has the key that opens what is sealed in it.
func TestBackupBesideWriters(t *testing.T) {
	cfg := storetest.SQLite(t)
	s := storetest.Open(t, cfg)
	if err := s.Lock(); err != nil {
		t.Fatal(err)
	}
	d := domain(t, s, account(t, s, "first"), "first.example")
	if err := s.SetBasicPassword(d, "hush"); err != nil {
		t.Fatal(err)
	}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.UpdateDomain(t.Context(), d) }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	began := make(chan bool)
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := "a" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + time.Now().Format("150405.000000000")
			account(t, s, name)
			if i == 20 {
				close(began)
			}
		}
	})
	<-began
	file, m := backUp(t, cfg, true)
	cancel()
	wg.Wait()
	if m.Counts["accounts"] < 20 || m.Counts["domains"] != 1 || m.SecretKey != store.KeyIncluded || m.Program != "v9" || !m.CreatedAt.Equal(backupTime) {
		t.Errorf("manifest %+v", m)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}

	dir := filepath.Join(t.TempDir(), "new")
	done, err := restore(t, file, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if done.Aside != "" || done.KeyState != "same" || done.Schema != m.Schema {
		t.Errorf("restored %+v", done)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "zonehold.db": 0o600, "secret.key": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	again := storetest.Open(t, store.Config{DataDir: dir})
	got, err := again.DomainByName(t.Context(), d.AccountID, "first.example")
	if err != nil {
		t.Fatal(err)
	}
	if password, err := again.BasicPassword(got); err != nil || password != "hush" {
		t.Errorf("password %q, %v", password, err)
	}
	accounts, err := again.Accounts(t.Context())
	if err != nil || int64(len(accounts)) != m.Counts["accounts"] {
		t.Errorf("%d accounts, %v; the manifest says %d", len(accounts), err, m.Counts["accounts"])
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), "restore") {
			t.Errorf("left behind: %s", n.Name())
		}
	}
}

func TestBackupRefuses(t *testing.T) {
	cfg := storetest.SQLite(t)
	account(t, storetest.Open(t, cfg), "alpha")
	file, _ := backUp(t, cfg, false)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := store.Backup{Config: cfg, Now: backupTime}
	if _, err := b.Write(t.Context(), file); !errors.Is(err, store.ErrExists) {
		t.Errorf("over a file: %v", err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Error("a refused backup changed the file")
	}
	b.Overwrite = true
	if _, err := b.Write(t.Context(), file); err != nil {
		t.Errorf("with force: %v", err)
	}
	b.Config = store.Config{URL: "postgres://x"}
	if _, err := b.Write(t.Context(), file); !errors.Is(err, store.ErrNotSQLite) {
		t.Errorf("PostgreSQL: %v", err)
	}
	b.Config = store.Config{DataDir: t.TempDir()}
	if _, err := b.Write(t.Context(), file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	if names, _ := os.ReadDir(b.Config.DataDir); len(names) != 0 {
		t.Errorf("a backup of nothing made %v", names)
	}
}

// Whatever is wrong with a backup, the folder stays as it was.
func TestRestoreRefuses(t *testing.T) {
	cfg := storetest.SQLite(t)
	s := storetest.Open(t, cfg)
	if err := s.SetBasicPassword(domain(t, s, account(t, s, "alpha"), "example.com"), "x"); err != nil {
		t.Fatal(err)
	}
	file, _ := backUp(t, cfg, true)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		out := bytes.Clone(whole)
		out[at] ^= 1
		return out
	}
	database := bytes.Index(whole, []byte("SQLite format 3"))
	for name, data := range map[string][]byte{
		"empty":                        nil,
		"no archive":                   []byte(strings.Repeat("This is no backup. ", 100)),
		"half":                         whole[:len(whole)/2],
		"without its key":              whole[:len(whole)-3*512],
		"a bit of the database":        flip(database + 5000),
		"a bit of the key":             flip(len(whole) - 3*512 + 5),
		"another format":               bytes.Replace(whole, []byte(`"format": 1`), []byte(`"format": 0`), 1),
		"a later format":               bytes.Replace(whole, []byte(`"format": 1`), []byte(`"format": 2`), 1),
		"a member with another name":   bytes.Replace(whole, []byte(`"name": "zonehold.db"`), []byte(`"name": "../../evil"`), 1),
		"a member that is not a file":  edited(t, whole, func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd" }),
		"a member outside the folder":  edited(t, whole, func(h *tar.Header) { h.Name = "../" + h.Name }),
		"a database of another origin": remade(t, whole, func(m map[string]any) {}, []byte("SQLite format 3\x00 and then nothing")),
		"a later schema":               remade(t, whole, func(m map[string]any) { m["schema"] = 9999 }, nil),
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.tar")
			if err := os.WriteFile(bad, data, 0o600); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			before := account(t, storetest.Open(t, store.Config{DataDir: dir}), "before")
			_, err := restore(t, bad, dir, true)
			var newer *store.NewerSchemaError
			switch {
			case name == "a later schema":
				if !errors.As(err, &newer) || !strings.Contains(err.Error(), "schema 9999") || !strings.Contains(err.Error(), "version v9 or a later one") {
					t.Errorf("%v", err)
				}
			case name == "a later format":
				if err == nil || !strings.Contains(err.Error(), "version v9 or a later one") {
					t.Errorf("%v", err)
				}
			case !errors.Is(err, store.ErrNotBackup):
				t.Errorf("%v", err)
			}
			if got, err := storetest.Open(t, store.Config{DataDir: dir}).AccountByName(t.Context(), "before"); err != nil || got.ID != before.ID {
				t.Errorf("the folder has changed: %+v, %v", got, err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*restore*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// edited changes the header of the database in an archive.
func edited(t *testing.T, archive []byte, change func(*tar.Header)) []byte {
	t.Helper()
	return rewrite(t, archive, func(h *tar.Header, data []byte) []byte {
		if h.Name == "zonehold.db" {
			change(h)
			if h.Typeflag == tar.TypeSymlink {
				h.Size = 0
				return nil
			}
		}
		return data
	})
}

// remade changes the manifest, and puts another database with a right digest.
func remade(t *testing.T, archive []byte, change func(map[string]any), database []byte) []byte {
	t.Helper()
	return rewrite(t, archive, func(h *tar.Header, data []byte) []byte {
		switch {
		case h.Name == "manifest.json":
			var m map[string]any
			if err := json.Unmarshal(data, &m); err != nil {
				t.Fatal(err)
			}
			change(m)
			if database != nil {
				member := m["members"].([]any)[0].(map[string]any)
				member["size"], member["sha256"] = len(database), fmt.Sprintf("%x", sha256.Sum256(database))
			}
			out, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			h.Size = int64(len(out))
			return out
		case h.Name == "zonehold.db" && database != nil:
			h.Size = int64(len(database))
			return database
		}
		return data
	})
}

func rewrite(t *testing.T, archive []byte, change func(*tar.Header, []byte) []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	tr, tw := tar.NewReader(bytes.NewReader(archive)), tar.NewWriter(&out)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		data = change(h, data)
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRestoreOverAnother(t *testing.T) {
	cfg := storetest.SQLite(t)
	s := storetest.Open(t, cfg)
	if err := s.SetBasicPassword(domain(t, s, account(t, s, "old"), "example.com"), "x"); err != nil {
		t.Fatal(err)
	}
	bare, _ := backUp(t, cfg, false)
	full, _ := backUp(t, cfg, true)

	dir := t.TempDir()
	now := storetest.Open(t, store.Config{DataDir: dir})
	if err := now.SetBasicPassword(domain(t, now, account(t, now, "new"), "example.org"), "x"); err != nil {
		t.Fatal(err)
	}
	if err := now.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, bare, dir, true); !errors.Is(err, store.ErrLocked) {
		t.Errorf("below a server: %v", err)
	}
	if err := now.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, bare, dir, false); !errors.Is(err, store.ErrExists) {
		t.Errorf("without force: %v", err)
	}
	done, err := restore(t, bare, dir, true)
	if err != nil {
		t.Fatal(err)
	}
	// The key of the folder stays where it is when the backup has none.
	if done.KeyState != "other" || done.Aside == "" {
		t.Errorf("%+v", done)
	}
	if done, err = restore(t, full, dir, true); err != nil || done.KeyState != "same" {
		t.Errorf("with its key: %+v, %v", done, err)
	}
	for _, want := range []struct{ dir, account string }{{dir, "old"}} {
		if _, err := storetest.Open(t, store.Config{DataDir: want.dir}).AccountByName(t.Context(), want.account); err != nil {
			t.Errorf("%s: %v", want.account, err)
		}
	}
	asides, err := filepath.Glob(filepath.Join(dir, "before-restore-20261122T030000Z-*"))
	if err != nil || len(asides) != 2 {
		t.Fatalf("%v, %v", asides, err)
	}
	kept := 0
	for _, aside := range asides {
		if _, err := storetest.Open(t, store.Config{DataDir: aside}).AccountByName(t.Context(), "new"); err == nil {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("what was there is in %d folders, want 1", kept)
	}
}

// A restore that was cut off between two moves must not look like a new, empty
// folder.
func TestUnfinishedRestore(t *testing.T) {
	cfg := storetest.SQLite(t)
	account(t, storetest.Open(t, cfg), "alpha")
	file, _ := backUp(t, cfg, false)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "restore.unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(t.Context(), store.Config{DataDir: dir}); !errors.Is(err, store.ErrUnfinished) {
		t.Errorf("opened: %v, %v", s, err)
	}
	if _, err := restore(t, file, dir, true); err != nil {
		t.Fatal(err)
	}
	if _, err := storetest.Open(t, store.Config{DataDir: dir}).AccountByName(t.Context(), "alpha"); err != nil {
		t.Error(err)
	}
}

// A database of a later program is left alone, on both engines.
func TestNewerSchema(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		s := storetest.Open(t, cfg)
		if _, err := s.Writer().ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, "+
			map[string]string{store.SQLite: "1", store.PostgreSQL: "true"}[s.Engine()]+")"); err != nil {
			t.Fatal(err)
		}
		var newer *store.NewerSchemaError
		_, err := store.Open(t.Context(), cfg)
		if !errors.As(err, &newer) || newer.Have != 9999 || newer.Known < 6 || newer.Known > 9000 || !strings.Contains(err.Error(), "schema 9999") {
			t.Errorf("%v", err)
		}
	})
}

// An older schema is brought up to date on the way in.
func TestRestoreOlderSchema(t *testing.T) {
	cfg := storetest.SQLite(t)
	s := storetest.Open(t, cfg)
	account(t, s, "alpha")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	last := migrateDown(t, cfg, 5)
	file, m := backUp(t, cfg, false)
	if m.Schema != 5 {
		t.Fatalf("schema %d", m.Schema)
	}
	dir := t.TempDir()
	done, err := restore(t, file, dir, false)
	if err != nil || done.Schema != last {
		t.Fatalf("%+v, %v; want schema %d", done, err, last)
	}
	if _, err := storetest.Open(t, store.Config{DataDir: dir}).AccountByName(t.Context(), "alpha"); err != nil {
		t.Error(err)
	}
	// The backup did not touch the original.
	db, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, "zonehold.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int64
	if err := db.QueryRowContext(t.Context(), "SELECT max(version_id) FROM goose_db_version").Scan(&n); err != nil || n != 5 {
		t.Errorf("the original has schema %d, %v", n, err)
	}
}
