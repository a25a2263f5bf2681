package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another server uses the data folder.
var ErrLocked = errors.New("another server is running on this data folder")

// Lock claims the data folder for this process, so that a second server on
// it fails with ErrLocked; nothing to do on PostgreSQL. Close unlocks, and so
// does the end of the process, however it comes.
func (s *Store) Lock() error {
	if s.pool != nil || s.serverLock != nil {
		return nil
	}
	f, err := lockServer(s.dir)
	if err != nil {
		return err
	}
	if err := s.watchBeside(); err != nil {
		_ = f.Close() // err says more
		return err
	}
	s.serverLock = f
	return nil
}

// lockServer claims a folder as a server does, until the file is closed.
func lockServer(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "server.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the server lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return f, nil
}

// Alone reports whether no other server can be on this database.
func (s *Store) Alone() bool { return s.serverLock != nil }

// lockFile waits for the lock on a file of the folder.
func lockFile(ctx context.Context, dir, name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a lock file: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
