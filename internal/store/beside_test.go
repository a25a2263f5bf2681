package store_test

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// TestStampSeesCommandsBeside: what another process writes into the file of a
// server moves the server's stamp.
func TestStampSeesCommandsBeside(t *testing.T) {
	cfg := storetest.SQLite(t)
	server, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.Lock(); err != nil {
		t.Fatal(err)
	}
	command, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer command.Close()
	time.Sleep(300 * time.Millisecond) // what Open wrote has been seen
	before, alone := server.Stamp()
	if !alone {
		t.Fatal("the server is not alone")
	}
	if _, err := command.CreateAccount(t.Context(), zonehold.Account{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if after, _ := server.Stamp(); after != before {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the stamp stays")
		}
	}
}
