package store

import (
	"context"
	"time"
)

// TakeChore reports whether the caller is to do a chore now: nobody has taken
// it for that long. Of several processes one gets it.
func (s *Store) TakeChore(ctx context.Context, name string, now time.Time, every time.Duration) (bool, error) {
	var took bool
	err := s.InTx(ctx, func(tx *Tx) error {
		result, err := tx.q.ExecContext(ctx, `INSERT INTO chores (name, ran_at) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET ran_at = $2 WHERE chores.ran_at <= $3 OR chores.ran_at > $2`,
			name, micros(now), micros(now.Add(-every)))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		took = n > 0
		return err
	})
	return took, doing("taking a chore", err)
}
