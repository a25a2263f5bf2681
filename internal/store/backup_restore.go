package store

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNotBackup says that a file is no backup, or a damaged one.
var ErrNotBackup = errors.New("this is not an intact backup")

// unfinished marks a folder in which a restore moves files at the moment.
// Without it a server that is started between two moves would begin with an
// empty database.
const unfinished = "restore.unfinished"

// ErrUnfinished says that a restore into the folder did not come to its end.
var ErrUnfinished = errors.New("a restore into this folder was not finished: run it again with --force")

// Restore says where to put a backup.
type Restore struct {
	Config    Config // DataDir, and the SecretKey if it is set
	Overwrite bool   // move a database that is there aside
	Now       time.Time
}

// Restored says what a restore did.
type Restored struct {
	Manifest *Manifest
	Schema   int64  // of the database now
	Aside    string // folder of what was there before; "": nothing was
	KeyState string // "same", "other", "missing" or "none"
}

// Read puts a backup into the data folder. Whatever goes wrong, the folder
// stays as it was; what it held is moved aside, never deleted. It fails with
// ErrLocked while a server runs on the folder, with ErrExists when it holds a
// database, with ErrNotBackup, and with a *NewerSchemaError.
func (r Restore) Read(ctx context.Context, file string) (*Restored, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening the backup: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	tr := tar.NewReader(reading{ctx, f})
	m, err := readManifest(tr)
	if err != nil {
		return nil, err
	}
	known, err := knownSchema()
	if err != nil {
		return nil, err
	}
	if m.Schema > known {
		return nil, &NewerSchemaError{Have: m.Schema, Known: known, Program: m.Program}
	}
	dir := r.Config.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := lockServer(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	if err := r.mayReplace(m); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(dir, "restore-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the copy: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // what is left can be removed by hand
	if err := m.extract(tr, work); err != nil {
		return nil, err
	}
	out := &Restored{Manifest: m}
	if out.Schema, err = r.bringUp(ctx, work); err != nil {
		return nil, err
	}
	if out.Aside, err = r.swap(work); err != nil {
		return nil, err
	}
	out.KeyState, err = r.keyState(m)
	return out, err
}

// ReadManifest says what a backup holds, without looking at the rest.
func ReadManifest(file string) (*Manifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening the backup: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return readManifest(tar.NewReader(f))
}

func readManifest(tr *tar.Reader) (*Manifest, error) {
	h, err := tr.Next()
	if err != nil || h.Name != memberManifest || h.Typeflag != tar.TypeReg || h.Size > maxManifest {
		return nil, fmt.Errorf("%w: it does not begin with a manifest", ErrNotBackup)
	}
	text, err := io.ReadAll(tr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: the manifest cannot be read", ErrNotBackup)
	}
	switch {
	case m.Format > backupFormat:
		return nil, fmt.Errorf("the backup has format %d, and this program knows %d: use version %s or a later one", m.Format, backupFormat, Text(m.Program))
	case m.Format != backupFormat || m.Schema < 1 || len(m.Members) == 0 || len(m.Members) > 2 || m.Members[0].Name != memberDatabase ||
		len(m.Members) == 2 && (m.Members[1].Name != memberKey || m.Members[1].Size > maxKeyFile):
		return nil, fmt.Errorf("%w: the manifest does not describe one", ErrNotBackup)
	}
	return m, nil
}

// extract unpacks the members that the manifest names, and nothing else.
func (m *Manifest) extract(tr *tar.Reader, work string) error {
	for _, member := range m.Members {
		h, err := tr.Next()
		if err != nil || h.Name != member.Name || h.Typeflag != tar.TypeReg || h.Size != member.Size {
			return fmt.Errorf("%w: %s is missing or has another size", ErrNotBackup, member.Name)
		}
		out, err := os.OpenFile(filepath.Join(work, member.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("unpacking the backup: %w", err)
		}
		digest := sha256.New()
		_, err = io.Copy(io.MultiWriter(out, digest), tr)
		err = errors.Join(err, out.Sync(), out.Close())
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: it ends too early", ErrNotBackup)
		case err != nil:
			return fmt.Errorf("unpacking the backup: %w", err)
		case hexOf(digest) != member.SHA256:
			return fmt.Errorf("%w: %s was changed since (its SHA-256 differs)", ErrNotBackup, member.Name)
		}
	}
	if _, err := tr.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it goes on after its last member", ErrNotBackup)
	}
	return nil
}

// mayReplace refuses to take the place of what is there.
func (r Restore) mayReplace(m *Manifest) error {
	if r.Overwrite {
		return nil
	}
	for _, name := range []string{unfinished, memberDatabase} {
		if _, err := os.Lstat(filepath.Join(r.Config.DataDir, name)); err == nil {
			return fmt.Errorf("a database in %s %w", r.Config.DataDir, ErrExists)
		}
	}
	if m.SecretKey != KeyIncluded {
		return nil // what lies there may be the key that the backup needs
	}
	if _, err := os.Lstat(filepath.Join(r.Config.DataDir, memberKey)); err == nil {
		return fmt.Errorf("a secret key in %s %w", r.Config.DataDir, ErrExists)
	}
	return nil
}

// bringUp checks the copy, and migrates it where it lies.
func (r Restore) bringUp(ctx context.Context, work string) (int64, error) {
	db, err := openExisting(filepath.Join(work, memberDatabase), "mode=ro")
	if err != nil {
		return 0, err
	}
	if err := errors.Join(intact(ctx, db, "integrity_check"), db.Close()); err != nil {
		return 0, fmt.Errorf("%w: the database in it is damaged: %w", ErrNotBackup, err)
	}
	s, err := Open(ctx, Config{DataDir: work, SecretKey: r.Config.SecretKey})
	if err != nil {
		return 0, fmt.Errorf("bringing the backup up to date: %w", err)
	}
	schema, err := schemaOf(ctx, s.r)
	return schema, errors.Join(err, s.Close())
}

// swap moves what is in the folder aside and the copy into its place.
func (r Restore) swap(work string) (aside string, err error) {
	dir := r.Config.DataDir
	mark := filepath.Join(dir, unfinished)
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return "", fmt.Errorf("marking the folder: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	names := []string{memberDatabase, memberDatabase + "-wal", memberDatabase + "-shm"}
	if _, err := os.Lstat(filepath.Join(work, memberKey)); err == nil {
		names = append(names, memberKey)
	}
	for _, name := range names {
		old := filepath.Join(dir, name)
		if _, err := os.Lstat(old); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if aside == "" {
			if aside, err = os.MkdirTemp(dir, "before-restore-"+r.Now.UTC().Format("20060102T150405Z")+"-"); err != nil {
				return "", fmt.Errorf("making a folder for what is there: %w", err)
			}
		}
		if err := os.Rename(old, filepath.Join(aside, name)); err != nil {
			return aside, fmt.Errorf("moving %s aside: %w", name, err)
		}
	}
	for _, name := range []string{memberKey, memberDatabase} {
		err := os.Rename(filepath.Join(work, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return aside, fmt.Errorf("moving the copy into its place: %w", err)
		}
	}
	if err := syncDir(dir); err != nil {
		return aside, err
	}
	if err := os.Remove(mark); err != nil {
		return aside, fmt.Errorf("removing the mark: %w", err)
	}
	return aside, syncDir(dir)
}

// keyState compares the key that a server would use now with the backup's.
func (r Restore) keyState(m *Manifest) (string, error) {
	if m.SecretKey == KeyNone {
		return "none", nil
	}
	secret, err := r.Config.key()
	switch {
	case err != nil:
		return "", err
	case secret == nil:
		return "missing", nil
	case keyID(secret) != m.KeyID:
		return "other", nil
	}
	return "same", nil
}

// restoring refuses a folder with a restore half done.
func restoring(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, unfinished)); err == nil {
		return fmt.Errorf("%s: %w", dir, ErrUnfinished)
	}
	return nil
}

// NewerSchemaError says that a database was written by a later program.
type NewerSchemaError struct {
	Have, Known int64
	Program     string // version that wrote it; "": not known
}

func (e *NewerSchemaError) Error() string {
	use := "the version that wrote it, or a later one"
	if e.Program != "" {
		use = "version " + Text(e.Program) + " or a later one"
	}
	return fmt.Sprintf("made by schema %d, and this program knows schemas up to %d: use %s", e.Have, e.Known, use)
}

// knownSchema is the number of the last migration of this program.
func knownSchema() (last int64, err error) {
	entries, err := migrations.ReadDir("migrations/" + SQLite)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		var n int64
		number, _, _ := strings.Cut(e.Name(), "_")
		if n, err = strconv.ParseInt(number, 10, 64); err != nil {
			return 0, fmt.Errorf("reading the name of migration %s: %w", e.Name(), err)
		}
		last = max(last, n)
	}
	return last, nil
}
