package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/telemetry"
	zdns "github.com/zonehold/zonehold/probe/dns"
)

// Some checks of readiness cost others something, so their results are kept,
// and a new one is looked for in the background.
const (
	slowCheckLife  = time.Minute
	slowCheckAgain = 15 * time.Second // after a failure
	slowCheckLimit = 10 * time.Second
)

// slowCheck gives the last result at once.
type slowCheck struct {
	run func(context.Context) error

	mu      sync.Mutex
	running bool
	at      time.Time // of the last result; zero: none yet
	err     error
}

// newSlowCheck begins to look for the first result.
func newSlowCheck(run func(context.Context) error) *slowCheck {
	c := &slowCheck{run: run, running: true}
	go c.look()
	return c
}

func (c *slowCheck) check(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	life := slowCheckLife
	if c.err != nil {
		life = slowCheckAgain
	}
	if !c.running && (c.at.IsZero() || time.Since(c.at) >= life) {
		c.running = true
		go c.look()
	}
	return c.err
}

func (c *slowCheck) look() {
	ctx, cancel := context.WithTimeout(context.Background(), slowCheckLimit)
	defer cancel()
	err := c.run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.at, c.err = false, time.Now(), err
}

// publicError has a text that anybody may read.
type publicError struct {
	error
	text string
}

func (e publicError) Public() string { return e.text }
func (e publicError) Unwrap() error  { return e.error }

// resolves asks for a name that cannot exist (RFC 6761 section 6.4): the
// servers of the root, or with dns_forward the resolvers named there, answer
// that with a few packets and without anybody's zone.
func resolves(r *zdns.Resolver) func(context.Context) error {
	return func(ctx context.Context) error {
		answer, err := r.Ask(ctx, "invalid", dns.TypeNS)
		if err == nil && len(answer.Usable()) == 0 {
			err = errors.New("no server answers")
		}
		if err != nil {
			return publicError{fmt.Errorf("asking the root of the DNS: %w", err), "No name server answers us. Checks end without a verdict until one does; no domain loses its state."}
		}
		return nil
	}
}

// sameSchema tells of a newer program that has changed the database.
func sameSchema(s *store.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		have, known, err := s.Schema(ctx)
		switch {
		case err != nil:
			return err
		case have > known:
			return publicError{&store.NewerSchemaError{Have: have, Known: known}, "A newer version has changed the database. Upgrade this process."}
		case have < known:
			return publicError{fmt.Errorf("schema %d, want %d", have, known), "The database was replaced by an older one. Start this process again."}
		}
		return nil
	}
}

// figures is what metrics tell of the database and of the whole service.
func (s *server) figures(ctx context.Context) telemetry.Figures {
	out := telemetry.Figures{Free: -1, Log: -1, CountedAt: -1, Faults: map[string]float64{}}
	for kind, n := range s.store.FaultCounts() {
		out.Faults[string(kind)] = float64(n)
	}
	if s.store.Engine() == store.SQLite {
		if disk, err := store.DiskOf(s.cfg.DataDir); err == nil {
			out.Free, out.Log = int64(disk.Free), disk.WAL
		}
	}
	began := time.Now()
	if err := s.store.Ping(ctx); err != nil {
		return out
	}
	out.Latency = time.Since(began)
	f, err := s.store.Figures(ctx)
	if err != nil {
		return out
	}
	out.Up, out.Size, out.Nodes, out.CountedAt = true, f.Size, float64(f.Nodes), f.TakenAgo
	if f.TakenAgo < 0 {
		return out
	}
	out.Domains, out.Jobs = floats(f.Domains), floats(f.Jobs)
	out.Frozen, out.Due, out.DueAge, out.JobAge = float64(f.Frozen), float64(f.Due), f.DueAge, f.JobAge
	return out
}

func floats(in map[string]int64) map[string]float64 {
	out := make(map[string]float64, len(in))
	for k, v := range in {
		out[k] = float64(v)
	}
	return out
}
