package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// From when on it is a matter for the operator.
const (
	slowDatabase = 250 * time.Millisecond
	wrongClock   = 2 * time.Second
	lateChecks   = 15 * time.Minute
	lateJobs     = time.Minute
	staleFigures = 5 * time.Minute
	largeLog     = 1 << 30 // bytes
)

// data looks into the database.
func (d *doctor) data(ctx context.Context, s *store.Store) {
	version, err := s.ServerVersion(ctx)
	began := time.Now()
	if err == nil {
		err = s.Ping(ctx)
	}
	took := time.Since(began)
	switch {
	case err != nil:
		d.fail("database", "look into the log of the database", "it does not answer: %v", err)
		return
	case took > slowDatabase:
		d.warn("database", "look for load on its machine, or a long way to it", "%s answers after %s", version, duration(took))
	default:
		d.ok("database", "%s answers after %s", version, duration(took))
	}
	if !d.schema(ctx, s) {
		return // the rest asks for tables that may not be there
	}
	if err := s.Intact(ctx); err != nil {
		d.fail("integrity", damagedFix, "the file is damaged: %v", err)
	} else if s.Engine() == store.SQLite {
		d.ok("integrity", "the file is sound")
	}
	if err := s.TryWrite(ctx); err != nil {
		d.fail("writes", writeFix(err), "%v", err)
	} else {
		d.ok("writes", "a row was written and taken back")
	}
	d.key(ctx, s)
	d.clock(ctx, s)
	d.work(ctx, s)
	d.deliveries(ctx, s)
	d.operator(ctx, s)
	d.policies(ctx, s)
}

const damagedFix = "stop the server, keep a copy of the folder, and restore the last backup: zonehold restore"

// operator looks whether the service's own events reach an account.
func (d *doctor) operator(ctx context.Context, s *store.Store) {
	name := d.cfg.OperatorAccount
	if name == "" {
		return // chosen so: they are in the log and the metrics
	}
	switch _, err := s.AccountByName(ctx, name); {
	case errors.Is(err, store.ErrNotFound):
		d.warn("operator", "make it, with a webhook or a confirmed address: zonehold account create "+name,
			"there is no account %q, which operator_account names: breakers and perspectives page nobody", clean(name))
	case err != nil:
		d.fail("operator", "look into the log of the database", "%v", err)
	default:
		d.ok("operator", "the account %q gets the service's own events", clean(name))
	}
}

func writeFix(err error) string {
	switch store.FaultOf(err) {
	case store.FaultFull:
		return "make room on the disk of the database; the server goes on by itself then"
	case store.FaultReadOnly:
		return "see that the user of the server may write to the file, or that this is no standby with default_transaction_read_only"
	case store.FaultBusy:
		return "another program holds the database: stop it"
	}
	return "look into the log of the database"
}

func (d *doctor) schema(ctx context.Context, s *store.Store) bool {
	have, known, err := s.Schema(ctx)
	switch {
	case err != nil:
		d.fail("schema", "is this a database of zonehold? See: zonehold config show --origin", "%v", err)
	case have > known:
		d.fail("schema", "use the program that wrote it, or a later one", "%v", &store.NewerSchemaError{Have: have, Known: known})
	case have < known:
		d.warn("schema", "make a backup; then the next start of the server brings it up to date", "the database has schema %d, this program %d", have, known)
	default:
		d.ok("schema", "%d, as this program has it", have)
		return true
	}
	return false
}

func (d *doctor) key(ctx context.Context, s *store.Store) {
	has, err := storeConfig(d.cfg).HasKey()
	if err != nil {
		d.fail("secret key", "put the right key to "+keyPlace(d.cfg), "%v", err)
		return
	}
	used, err := s.CheckKey(ctx)
	switch {
	case errors.Is(err, store.ErrKeyAbsent), errors.Is(err, store.ErrKeyOther):
		d.fail("secret key", "put the right key to "+keyPlace(d.cfg)+"; it may be in a backup made with --with-key", "%v", err)
	case err != nil:
		d.fail("secret key", "look into the log of the database", "%v", err)
	case used:
		d.ok("secret key", "it opens what is stored")
	case has:
		d.ok("secret key", "there is one; nothing is stored that needs it")
	default:
		d.ok("secret key", "there is none yet; it is made when something needs it")
	}
}

func (d *doctor) clock(ctx context.Context, s *store.Store) {
	skew, took, err := s.Skew(ctx)
	switch {
	case err != nil:
		d.fail("clock", "look into the log of the database", "%v", err)
	case skew.Abs() > wrongClock+took:
		d.fail("clock", "set both clocks by NTP: chronyc tracking, timedatectl", "this machine and the database differ by %s", duration(skew.Abs()))
	default:
		d.ok("clock", "as that of the database, to %s", duration(max(took, skew.Abs())))
	}
}

// work looks at the queue, the schedule, the processes and the breakers.
func (d *doctor) work(ctx context.Context, s *store.Store) {
	f, err := s.Figures(ctx)
	if err != nil {
		d.fail("work", "look into the log of the database", "%v", err)
		return
	}
	nodes, err := s.Nodes(ctx)
	if err != nil {
		d.fail("processes", "look into the log of the database", "%v", err)
		return
	}
	alive, silent := 0, 0
	for _, n := range nodes {
		if n.Silent > 10*time.Second {
			silent++
		} else {
			alive++
		}
	}
	switch {
	case alive == 0:
		d.warn("processes", "start one: zonehold serve", "no process with workers is alive: nothing is checked")
	case silent > 0:
		d.warn("processes", "nothing, if they were killed: their checks were taken over, and they are forgotten within an hour", "%d alive, %d silent", alive, silent)
	default:
		d.ok("processes", "%d alive", alive)
	}
	switch {
	case f.TakenAgo < 0 || f.TakenAgo > staleFigures && alive == 0:
		d.skip("queue", "nobody has counted lately, as no worker runs")
	case f.TakenAgo > staleFigures:
		d.fail("queue", "look for \"a chore failed\" in the log", "the regular work has not been done for %s", duration(f.TakenAgo))
	case f.JobAge > lateJobs:
		d.warn("queue", "add processes with the role worker, or look why they are busy: docs/scaling.md", "%d jobs wait, the oldest for %s", f.Jobs["available"], duration(f.JobAge))
	default:
		d.ok("queue", "%d jobs wait", f.Jobs["available"])
	}
	if f.DueAge > lateChecks && alive > 0 {
		d.warn("schedule", "add processes with the role worker: docs/scaling.md", "%d checks are due, one for %s", f.Due, duration(f.DueAge))
	} else {
		d.ok("schedule", "%d checks are due", f.Due)
	}
	if open, held, err := s.OpenBreakers(ctx); err != nil {
		d.fail("breakers", "look into the log of the database", "%v", err)
	} else if open > 0 {
		d.warn("breakers", "see which and why: zonehold breaker list; docs/breaker.md", "%d open, which hold back %d verdicts", open, held)
	} else {
		d.ok("breakers", "none is open")
	}
}

func (d *doctor) deliveries(ctx context.Context, s *store.Store) {
	for _, kind := range []string{"webhook", "mail"} {
		b, err := s.Backlog(ctx, kind)
		switch {
		case err != nil:
			d.fail("deliveries", "look into the log of the database", "%v", err)
		case !b.Oldest.IsZero() && time.Since(b.Oldest) > time.Hour:
			d.warn("deliveries", "see which fail: zonehold webhook list, and the log of deliveries", "%s: %d wait, one for %s", kind, b.Waiting+b.Sending, duration(time.Since(b.Oldest)))
		default:
			d.ok("deliveries", "%s: %d wait", kind, b.Waiting+b.Sending)
		}
	}
}

// bytesOf prints a size as people say it.
func bytesOf(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
