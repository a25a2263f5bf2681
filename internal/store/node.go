package store

import (
	"context"
	"fmt"
	"time"
)

// Beat notes that a node is alive, by the clock of the database.
func (s *Store) Beat(ctx context.Context, nodeID, name string) error {
	_, err := s.w.ExecContext(ctx, "INSERT INTO nodes (id, name, started_at, beat_at) VALUES ($1, $2, "+s.now+", "+s.now+
		") ON CONFLICT (id) DO UPDATE SET beat_at = "+s.now, nodeID, Text(name))
	return doing("beating", err)
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
