package store

import (
	"context"
	"fmt"
	"time"
)

// PerspectiveState is how a perspective was when that changed last.
type PerspectiveState struct {
	Name   string
	Up     bool
	Since  time.Time
	Detail string // why it is down
}

// PerspectivePolicy is the account's own policy about other perspectives, ""
// where that of the server holds. ErrNotFound: no such account.
func (s *Store) PerspectivePolicy(ctx context.Context, accountID string) (policy string, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT perspectives FROM accounts WHERE id = $1", Text(accountID)).Scan(&policy)
	return policy, missing("reading an account's policy", err)
}

// SetPerspectivePolicy changes it. ErrNotFound: no such account.
func (tx *Tx) SetPerspectivePolicy(ctx context.Context, accountID, policy string) error {
	res, err := tx.q.ExecContext(ctx, "UPDATE accounts SET perspectives = $1 WHERE id = $2", Text(policy), Text(accountID))
	if err != nil {
		return fmt.Errorf("changing an account's policy: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return ErrNotFound
	}
	return nil
}

// NotePerspective writes that a perspective went down or came back, and
// reports whether that is news: of several processes that saw it one is told
// so. One that was never heard of is taken to have been up.
func (tx *Tx) NotePerspective(ctx context.Context, p PerspectiveState) (news bool, err error) {
	if p.Up {
		res, err := tx.q.ExecContext(ctx, `UPDATE perspectives SET up = 1, since = $1, detail = '' WHERE name = $2 AND up = 0`,
			micros(p.Since), Text(p.Name))
		if err != nil {
			return false, fmt.Errorf("noting a perspective: %w", err)
		}
		n, err := res.RowsAffected()
		return n > 0, doing("noting a perspective", err)
	}
	res, err := tx.q.ExecContext(ctx, `INSERT INTO perspectives (name, up, since, detail) VALUES ($1, 0, $2, $3)
		ON CONFLICT (name) DO UPDATE SET up = 0, since = excluded.since, detail = excluded.detail WHERE perspectives.up = 1`,
		Text(p.Name), micros(p.Since), Text(p.Detail))
	if err != nil {
		return false, fmt.Errorf("noting a perspective: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, doing("noting a perspective", err)
}

// PerspectiveStates lists those that have ever been down, by name.
func (s *Store) PerspectiveStates(ctx context.Context) ([]PerspectiveState, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT name, up, since, detail FROM perspectives ORDER BY name")
	out, err := collect(rows, err, func(row scanner) (p PerspectiveState, err error) {
		var up, since int64
		err = row.Scan(&p.Name, &up, &since, &p.Detail)
		p.Up, p.Since = up != 0, fromMicros(since)
		return p, err
	})
	return out, doing("listing perspectives", err)
}

// PerspectivePolicies are the accounts, by name, that have a policy of their
// own.
func (s *Store) PerspectivePolicies(ctx context.Context) (map[string]string, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT name, perspectives FROM accounts WHERE perspectives <> ''")
	type own struct{ account, policy string }
	list, err := collect(rows, err, func(row scanner) (o own, err error) {
		err = row.Scan(&o.account, &o.policy)
		return o, err
	})
	out := make(map[string]string, len(list))
	for _, o := range list {
		out[o.account] = o.policy
	}
	return out, doing("listing policies of accounts", err)
}
