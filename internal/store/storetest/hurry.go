package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// MakeDue has proved domains looked at now, as if their time had come: those
// with the given ids, or all. It may run beside servers; its error can be that
// the database is away.
func MakeDue(ctx context.Context, s *store.Store, ids ...string) error {
	args := []any{time.Now().UnixMicro()}
	which := ""
	if len(ids) > 0 {
		places := make([]string, len(ids))
		for i, id := range ids {
			args = append(args, id)
			places[i] = fmt.Sprintf("$%d", len(args))
		}
		which = " AND id IN (" + strings.Join(places, ", ") + ")"
	}
	// Locked in the order in which everybody does.
	lock := ""
	if s.Engine() == store.PostgreSQL {
		lock = " FOR NO KEY UPDATE"
	}
	_, err := s.Writer().ExecContext(ctx, `WITH mine AS (SELECT id FROM domains WHERE deleted_at = 0 AND state IN ('verified', 'at_risk')`+which+
		" ORDER BY id"+lock+") UPDATE domains SET next_check_at = $1 WHERE id IN (SELECT id FROM mine)", args...)
	return err
}

// Unfinished counts domains whose look is due, checks that wait or run, and
// deliveries that do.
func Unfinished(ctx context.Context, s *store.Store) (due, checks, deliveries int, err error) {
	err = s.Writer().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM domains WHERE deleted_at = 0 AND next_check_at > 0 AND next_check_at <= $1),
		(SELECT count(*) FROM attempts WHERE state IN ('queued', 'running')),
		(SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'sending'))`, time.Now().UnixMicro()).Scan(&due, &checks, &deliveries)
	return due, checks, deliveries, err
}

// EndLeases ends the leases of all deliveries that are being sent, as if their
// time were over.
func EndLeases(ctx context.Context, s *store.Store) error {
	_, err := s.Writer().ExecContext(ctx, "UPDATE deliveries SET lease_until = 1 WHERE state = 'sending'")
	return err
}

// Reruns counts how often checks were begun again.
func Reruns(ctx context.Context, s *store.Store) (n int, err error) {
	err = s.Writer().QueryRowContext(ctx, "SELECT coalesce(sum(run - 1), 0) FROM attempts WHERE run > 1").Scan(&n)
	return n, err
}
