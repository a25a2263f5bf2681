package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Beat notes that a node is alive, by the clock of the database, which it
// returns, and leaves a mark. The beat counts only if the last mark is one of
// those that this process left: false means that another process beats under
// the same id.
func (s *Store) Beat(ctx context.Context, nodeID, name, mark string, left []string) (now time.Time, ours bool, err error) {
	args := []any{nodeID, Text(name), mark}
	for _, m := range left {
		args = append(args, m)
	}
	known := "1 = 0"
	if len(left) > 0 {
		known = "nodes.mark IN " + list(4, len(left))
	}
	var at int64
	err = s.w.QueryRowContext(ctx, "INSERT INTO nodes (id, name, started_at, beat_at, mark) VALUES ($1, $2, "+s.now+", "+s.now+
		", $3) ON CONFLICT (id) DO UPDATE SET beat_at = "+s.now+", mark = $3 WHERE "+known+" RETURNING beat_at", args...).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return fromMicros(at), err == nil, doing("beating", err)
}

// RemoveNode forgets a node that ends in good order.
func (s *Store) RemoveNode(ctx context.Context, nodeID string) error {
	_, err := s.w.ExecContext(ctx, "DELETE FROM nodes WHERE id = $1", nodeID)
	return doing("removing a node", err)
}

// Orphans lists attempts that run on a node that has been silent for that
// long, or that is unknown. The node self is never silent.
func (s *Store) Orphans(ctx context.Context, self string, silent time.Duration) ([]*Attempt, error) {
	alive := "beat_at >= " + s.now + " - $2"
	if silent == 0 {
		alive += " AND 1 = 0" // all others are dead, whatever a clock said
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+attemptColumnsShort+` FROM attempts
		WHERE state = 'running' AND node_id <> $1
			AND node_id NOT IN (SELECT id FROM nodes WHERE `+alive+`)
		ORDER BY id LIMIT 500`, self, silent.Microseconds())
	out, err := collect(rows, err, scanAttempt)
	return out, doing("looking for orphans", err)
}

// LiveNodes counts the nodes that beat within that time.
func (s *Store) LiveNodes(ctx context.Context, within time.Duration) (n int, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM nodes WHERE beat_at >= "+s.now+" - $1",
		within.Microseconds()).Scan(&n)
	return n, doing("counting nodes", err)
}

// ForgetNodes removes nodes silent for that long, whose attempts have long
// been taken over.
func (s *Store) ForgetNodes(ctx context.Context, silent time.Duration) error {
	_, err := s.w.ExecContext(ctx, "DELETE FROM nodes WHERE beat_at < "+s.now+" - $1", silent.Microseconds())
	if err != nil {
		return fmt.Errorf("forgetting nodes: %w", err)
	}
	return nil
}
