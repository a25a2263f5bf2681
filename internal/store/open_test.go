package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestSecondServerOnOneFolder(t *testing.T) {
	cfg := storetest.SQLite(t)
	one, two := storetest.Open(t, cfg), storetest.Open(t, cfg)
	if err := one.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := two.Lock(); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	// Account commands work beside the server.
	account(t, two, "alpha")
	if _, err := one.AccountByName(t.Context(), "alpha"); err != nil {
		t.Errorf("the server does not see the account: %v", err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				s, err := store.Open(context.Background(), cfg)
				if err != nil {
					t.Errorf("open %d: %v", i, err)
					return
				}
				if err := s.Ping(context.Background()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestDataFolderIsPrivate(t *testing.T) {
	cfg := storetest.SQLite(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, "new")
	s := storetest.Open(t, cfg)
	d := domain(t, s, account(t, s, "alpha"), "example.com")
	if err := s.SetBasicPassword(d, "x"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "zonehold.db": 0o600, "secret.key": 0o600} {
		info, err := os.Stat(filepath.Join(cfg.DataDir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestBadURLLeaksNothing(t *testing.T) {
	for _, url := range []string{"mysql://u:hunter2@h/db", "postgres://u:hunter2@h:port/db"} {
		if _, err := store.Open(t.Context(), store.Config{URL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
