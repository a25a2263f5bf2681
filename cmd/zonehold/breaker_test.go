package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// An act on a breaker by a command is logged with who ran the command, like
// those of all other commands.
func TestBreakerActsOnTheData(t *testing.T) {
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
	cfg := storetest.SQLite(t)
	s := storetest.Open(t, cfg)
	b := &zonehold.Breaker{
		ID: zonehold.NewID(zonehold.PrefixBreaker), Scope: zonehold.BreakerHost, Place: "host.example", Reason: zonehold.BreakerFlips, State: zonehold.BreakerOpen,
		Flips: 12, Checked: 40, TrippedAt: now, Hold: time.Hour, Until: now.Add(time.Hour), EndsAt: now.Add(24 * time.Hour),
	}
	if err := s.InTx(ctx, func(tx *store.Tx) error { _, err := tx.InsertBreaker(ctx, b); return err }); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"breaker", "hold", b.ID, "--for", "2h", "--by", "carol", "--reason", "the host repairs it"},
		{"breaker", "reset", b.ID, "--by", "carol", "--reason", "it is repaired"},
	} {
		var out bytes.Buffer
		c := &cli{stdout: &out, stderr: &out, env: func(string) string { return "" }}
		root := c.rootCommand()
		root.SetArgs(append(args, "--data-dir", cfg.DataDir))
		if err := root.ExecuteContext(ctx); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out.String())
		}
	}
	log, err := s.Audit(ctx, store.AuditFilter{Action: "breaker.", Limit: 10})
	if err != nil || len(log) != 2 {
		t.Fatal(log, err)
	}
	for _, e := range log {
		if e.By != store.ByCommand || e.Address == "" || e.Address != self().Address {
			t.Errorf("%s by %s from %q, want %q", e.Action, e.By, e.Address, self().Address)
		}
	}
}
