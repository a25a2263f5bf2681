package store_test

import (
	"strings"
	"testing"

	"github.com/zonehold/zonehold/internal/store"
)

func TestConnectErrorIsOneLine(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), store.Config{URL: "postgres://zonehold:hunter2@127.0.0.1:1/zonehold"})
	if err == nil {
		t.Fatal("connected to nobody")
	}
	text := err.Error()
	if strings.Contains(text, "\n") || strings.Count(text, "connection refused") != 1 || strings.Contains(text, "hunter2") {
		t.Errorf("%q", text)
	}
}
