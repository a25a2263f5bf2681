package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Figures are what the service counts of itself. They are taken by one process
// and read by all.
type Figures struct {
	Domains  map[string]int64 // by state, without deleted ones
	Frozen   int64
	Due      int64         // checks that are due and not begun
	DueAge   time.Duration // how late the most overdue one was
	Jobs     map[string]int64
	JobAge   time.Duration // how long the oldest job has waited that could run
	Size     int64         // bytes of the database
	Nodes    int64         // processes whose heart beats
	TakenAgo time.Duration // since they were taken, by the clock of the database; negative: never
}

// jobStates are those of River's jobs that have not ended well.
const jobStates = "('available', 'pending', 'retryable', 'running', 'scheduled', 'discarded')"

// TakeFigures counts, and keeps the result. It reads every live domain once.
// Now is the time that domains live by.
func (s *Store) TakeFigures(ctx context.Context, now time.Time) error {
	var rows [][]any
	add := func(name string, value int64) { rows = append(rows, []any{name, value}) }
	type group struct {
		name string
		n, m int64
	}
	scan := func(row scanner) (g group, err error) {
		err = row.Scan(&g.name, &g.n, &g.m)
		return g, err
	}
	found, err := s.r.QueryContext(ctx, "SELECT state, count(*), sum(CASE WHEN frozen_at > 0 THEN 1 ELSE 0 END) FROM domains WHERE deleted_at = 0 GROUP BY state")
	states, err := collect(found, err, scan)
	if err != nil {
		return fmt.Errorf("counting domains: %w", err)
	}
	frozen := int64(0)
	for _, g := range states {
		add("domains/"+g.name, g.n)
		frozen += g.m
	}
	add("frozen", frozen)
	var due, oldest int64
	if err := s.r.QueryRowContext(ctx, "SELECT count(*), coalesce(min(next_check_at), 0) FROM domains WHERE deleted_at = 0 AND next_check_at > 0 AND next_check_at <= $1",
		micros(now)).Scan(&due, &oldest); err != nil {
		return fmt.Errorf("counting due checks: %w", err)
	}
	add("due", due)
	if oldest > 0 {
		add("due_age", micros(now)-oldest)
	}
	age := "coalesce(CAST((unixepoch('subsec') - min(unixepoch(scheduled_at, 'subsec'))) * 1000000 AS INTEGER), 0)"
	if s.pool != nil {
		age = "coalesce(CAST(extract(epoch FROM clock_timestamp() - min(scheduled_at)) * 1000000 AS BIGINT), 0)"
	}
	found, err = s.r.QueryContext(ctx, "SELECT CAST(state AS TEXT), count(*), "+age+" FROM river_job WHERE state IN "+jobStates+" GROUP BY state")
	jobs, err := collect(found, err, scan)
	if err != nil {
		return fmt.Errorf("counting jobs: %w", err)
	}
	for _, g := range jobs {
		add("jobs/"+g.name, g.n)
		if g.name == "available" {
			add("job_age", max(g.m, 0))
		}
	}
	return s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.q.ExecContext(ctx, "DELETE FROM figures"); err != nil {
			return fmt.Errorf("forgetting figures: %w", err)
		}
		// Two processes at once would have the same rows.
		put := bulk{types: "ti", text: "WITH v (v_name, v_value) AS ({rows}) INSERT INTO figures (name, value, taken_at) SELECT v_name, v_value, " + s.now +
			" FROM v WHERE 1 = 1 ON CONFLICT (name) DO UPDATE SET value = excluded.value, taken_at = excluded.taken_at"}
		return doing("keeping figures", put.exec(ctx, s, tx.q, rows))
	})
}

// Figures reads what was counted last.
func (s *Store) Figures(ctx context.Context) (*Figures, error) {
	f := &Figures{Domains: map[string]int64{}, Jobs: map[string]int64{}, TakenAgo: -1}
	type figure struct {
		name       string
		value, ago int64
	}
	rows, err := s.r.QueryContext(ctx, "SELECT name, value, "+s.now+" - taken_at FROM figures")
	all, err := collect(rows, err, func(row scanner) (g figure, err error) {
		err = row.Scan(&g.name, &g.value, &g.ago)
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading figures: %w", err)
	}
	span := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	for _, g := range all {
		f.TakenAgo = max(span(g.ago), 0)
		kind, rest, _ := strings.Cut(g.name, "/")
		switch kind {
		case "domains":
			f.Domains[rest] = g.value
		case "jobs":
			f.Jobs[rest] = g.value
		case "frozen":
			f.Frozen = g.value
		case "due":
			f.Due = g.value
		case "due_age":
			f.DueAge = span(g.value)
		case "job_age":
			f.JobAge = span(g.value)
		}
	}
	size := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if s.pool != nil {
		size = "SELECT pg_database_size(current_database())"
	}
	if err := s.r.QueryRowContext(ctx, size).Scan(&f.Size); err != nil {
		return nil, fmt.Errorf("measuring the database: %w", err)
	}
	n, err := s.LiveNodes(ctx, nodeSilent)
	f.Nodes = int64(n)
	return f, err
}

// nodeSilent is after which silence a process does not count as alive.
const nodeSilent = 10 * time.Second

// Disk is the room where the data are; zero on PostgreSQL.
type Disk struct {
	Free  uint64 // bytes that this process may use
	Total uint64
	WAL   int64 // bytes of SQLite's log
}

// DiskOf measures the file system of a folder.
func DiskOf(dir string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Disk{}, fmt.Errorf("measuring the file system of %s: %w", dir, err)
	}
	size := uint64(st.Bsize)
	d := Disk{Free: uint64(st.Bavail) * size, Total: uint64(st.Blocks) * size}
	if info, err := os.Stat(filepath.Join(dir, memberDatabase+"-wal")); err == nil {
		d.WAL = info.Size()
	}
	return d, nil
}
