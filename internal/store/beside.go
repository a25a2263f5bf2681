package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"time"
)

// besideEvery is how often the server looks whether another process wrote into
// its SQLite file: as old as that can be what Stamp vouches for, where a
// command line worked beside it.
const besideEvery = 100 * time.Millisecond

// watchBeside moves the stamp on when a command beside this server has
// written; our own transactions do that by themselves.
func (s *Store) watchBeside() error {
	file := filepath.Join(s.dir, "zonehold.db")
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: "_pragma=busy_timeout(5000)&_pragma=query_only(1)"}).String()
	// The version is one connection's view of the others, so it is always the
	// same connection that is asked.
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return fmt.Errorf("watching the database: %w", err)
	}
	db.SetMaxOpenConns(1)
	version := func(ctx context.Context) (v int64, err error) {
		err = db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v)
		return v, err
	}
	last, err := version(context.Background())
	if err != nil {
		_ = db.Close() // err says more
		return fmt.Errorf("watching the database: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(besideEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// What cannot be seen may have changed.
			if v, err := version(ctx); err != nil || v != last {
				last = v
				s.commits.Add(1)
			}
		}
	}()
	s.endWatch = func() error {
		cancel()
		<-done
		return db.Close()
	}
	return nil
}
