package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestVault(t *testing.T) {
	v := &vault{secret: bytes.Repeat([]byte{7}, 32)}
	sealed, err := v.seal("t.c/1", "hunter2")
	if err != nil || bytes.Contains(sealed, []byte("hunter2")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	if again, _ := v.seal("t.c/1", "hunter2"); bytes.Equal(sealed, again) {
		t.Error("two seals of one text are equal")
	}
	if text, err := v.unseal("t.c/1", sealed); text != "hunter2" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := v.unseal("t.c/2", sealed); err == nil {
		t.Error("a secret opens in another row")
	}
	if _, err := (&vault{secret: bytes.Repeat([]byte{8}, 32)}).unseal("t.c/1", sealed); err == nil {
		t.Error("a secret opens with another key")
	}
	for n := range sealed {
		if _, err := v.unseal("t.c/1", sealed[:n]); n > 0 && err == nil {
			t.Errorf("opened when cut at %d", n)
		}
		broken := bytes.Clone(sealed)
		broken[n] ^= 1
		if _, err := v.unseal("t.c/1", broken); err == nil {
			t.Errorf("opened with byte %d changed", n)
		}
	}
	if _, err := (&vault{}).seal("t.c/1", "x"); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := (&vault{secret: []byte("short")}).seal("t.c/1", "x"); err == nil {
		t.Error("a short key was taken")
	}
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		keys = map[string]bool{}
	)
	for range 8 {
		wg.Go(func() {
			key, err := keyFile(dir)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			keys[string(key)] = true
		})
	}
	wg.Wait()
	files, err := os.ReadDir(dir)
	if len(keys) != 1 || len(files) != 1 || err != nil {
		t.Errorf("%d keys, files %v, %v", len(keys), files, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyFile(dir); err == nil {
		t.Error("a broken key file was taken")
	}
}
