package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

const breakerColumns = `id, scope, place, reason, state, flips, checked, names, tripped_at, hold, until_at, ends_at, pinned,
	probed_at, probe, announced_at, closed_at, outcome, pass_until, acted_by, note`

func scanBreaker(row scanner) (*zonehold.Breaker, error) {
	var (
		b                                                              zonehold.Breaker
		names, probe                                                   string
		tripped, hold, until, ends, pinned, probed, said, closed, pass int64
	)
	err := row.Scan(&b.ID, &b.Scope, &b.Place, &b.Reason, &b.State, &b.Flips, &b.Checked, &names, &tripped, &hold, &until,
		&ends, &pinned, &probed, &probe, &said, &closed, &b.Outcome, &pass, &b.By, &b.Note)
	if err != nil {
		return nil, err
	}
	b.Hold, b.Pinned = time.Duration(hold)*time.Microsecond, pinned != 0
	b.TrippedAt, b.Until, b.EndsAt, b.ProbedAt = fromMicros(tripped), fromMicros(until), fromMicros(ends), fromMicros(probed)
	b.AnnouncedAt, b.ClosedAt, b.PassUntil = fromMicros(said), fromMicros(closed), fromMicros(pass)
	if err := fromJSON(names, &b.Names); err != nil {
		return nil, err
	}
	return &b, fromJSON(probe, &b.Probe)
}

func breakerRow(b *zonehold.Breaker) []any {
	return []any{b.ID, string(b.Scope), Text(b.Place), string(b.Reason), string(b.State), int64(b.Flips), int64(b.Checked),
		Text(toJSON(b.Names)), micros(b.TrippedAt), b.Hold.Microseconds(), micros(b.Until), micros(b.EndsAt), flag(b.Pinned),
		micros(b.ProbedAt), toJSON(b.Probe), micros(b.AnnouncedAt), micros(b.ClosedAt), string(b.Outcome), micros(b.PassUntil),
		Text(b.By), Text(b.Note)}
}

// LiveBreakers are those that are not closed, and those that were believed and
// whose place passes at that time, the oldest first.
func (tx *Tx) LiveBreakers(ctx context.Context, now time.Time) ([]*zonehold.Breaker, error) {
	return liveBreakers(ctx, tx.q, now)
}

// LiveBreakers is the same outside of a transaction.
func (s *Store) LiveBreakers(ctx context.Context, now time.Time) ([]*zonehold.Breaker, error) {
	return liveBreakers(ctx, s.r, now)
}

func liveBreakers(ctx context.Context, q conn, now time.Time) ([]*zonehold.Breaker, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+breakerColumns+` FROM breakers
		WHERE state <> 'closed' OR pass_until > $1 ORDER BY tripped_at, id LIMIT 1000`, micros(now))
	out, err := collect(rows, err, scanBreaker)
	return out, doing("reading breakers", err)
}

// Breakers lists the newest breakers with what they hold, the closed ones only
// if all are wanted.
func (s *Store) Breakers(ctx context.Context, all bool, limit int) ([]*zonehold.Breaker, error) {
	which := "state <> 'closed'"
	if all {
		which = "1 = 1"
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+breakerColumns+" FROM breakers WHERE "+which+
		" ORDER BY tripped_at DESC, id DESC LIMIT $1", limit)
	out, err := collect(rows, err, scanBreaker)
	if err != nil {
		return nil, fmt.Errorf("listing breakers: %w", err)
	}
	for _, b := range out {
		if b.State != zonehold.BreakerClosed {
			if b.Held, err = s.countHeld(ctx, b.ID); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (s *Store) countHeld(ctx context.Context, breakerID string) (n int, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM flips WHERE breaker_id = $1 AND breaker_id <> '' AND held = 1", breakerID).Scan(&n)
	return n, doing("counting held verdicts", err)
}

// OpenBreakers counts breakers that are not closed, and what they hold.
func (s *Store) OpenBreakers(ctx context.Context) (open, held int, err error) {
	if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM breakers WHERE state <> 'closed'").Scan(&open); err != nil || open == 0 {
		return open, 0, doing("counting breakers", err)
	}
	err = s.r.QueryRowContext(ctx, `SELECT count(*) FROM flips WHERE breaker_id <> '' AND held = 1
		AND breaker_id IN (SELECT id FROM breakers WHERE state <> 'closed')`).Scan(&held)
	return open, held, doing("counting held verdicts", err)
}

// LockBreaker reads a breaker and keeps others from changing it, or
// ErrNotFound.
func (tx *Tx) LockBreaker(ctx context.Context, id string) (*zonehold.Breaker, error) {
	b, err := scanBreaker(tx.q.QueryRowContext(ctx, "SELECT "+breakerColumns+" FROM breakers WHERE id = $1"+tx.s.forUpdate, Text(id)))
	return b, missing("finding a breaker", err)
}

// InsertBreaker opens a breaker, unless there is an open one in that place:
// then that is returned.
func (tx *Tx) InsertBreaker(ctx context.Context, b *zonehold.Breaker) (*zonehold.Breaker, error) {
	row := breakerRow(b)
	_, err := tx.q.ExecContext(ctx, "INSERT INTO breakers ("+breakerColumns+") VALUES "+list(1, len(row))+
		" ON CONFLICT (scope, place) WHERE state <> 'closed' DO NOTHING", row...)
	if err != nil {
		return nil, fmt.Errorf("opening a breaker: %w", err)
	}
	got, err := scanBreaker(tx.q.QueryRowContext(ctx, "SELECT "+breakerColumns+
		" FROM breakers WHERE scope = $1 AND place = $2 AND state <> 'closed'", row[1], row[2]))
	return got, missing("opening a breaker", err)
}

// UpdateBreaker writes a breaker that LockBreaker returned.
func (tx *Tx) UpdateBreaker(ctx context.Context, b *zonehold.Breaker) error {
	row := breakerRow(b)
	_, err := tx.q.ExecContext(ctx, `UPDATE breakers SET scope = $2, place = $3, reason = $4, state = $5, flips = $6, checked = $7,
		names = $8, tripped_at = $9, hold = $10, until_at = $11, ends_at = $12, pinned = $13, probed_at = $14, probe = $15,
		announced_at = $16, closed_at = $17, outcome = $18, pass_until = $19, acted_by = $20, note = $21 WHERE id = $1`, row...)
	return doing("storing a breaker", err)
}

// PruneBreakers forgets breakers closed, missing proofs last looked at, and
// counts made before the given times. Rows of open breakers stay.
func (s *Store) PruneBreakers(ctx context.Context, closed, flips time.Time, slot int64) error {
	for text, arg := range map[string]int64{
		"DELETE FROM breakers WHERE state = 'closed' AND closed_at < $1":                                          micros(closed),
		"DELETE FROM flips WHERE at < $1 AND breaker_id NOT IN (SELECT id FROM breakers WHERE state <> 'closed')": micros(flips),
		"DELETE FROM breaker_checks WHERE slot < $1":                                                              slot,
	} {
		if _, err := s.w.ExecContext(ctx, text, arg); err != nil {
			return fmt.Errorf("pruning breakers: %w", err)
		}
	}
	return nil
}

// Canary is what the last question to a canary brought.
type Canary struct {
	Name      string
	DomainID  string // of a proved domain that serves as one; "": it is configured
	Well      bool
	Detail    string
	AskedAt   time.Time
	ChangedAt time.Time // when Well changed last
}

// Canaries lists all of them by name.
func (s *Store) Canaries(ctx context.Context) ([]Canary, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT name, domain_id, well, detail, asked_at, changed_at FROM canaries ORDER BY name LIMIT 1000")
	out, err := collect(rows, err, func(row scanner) (c Canary, err error) {
		var well, asked, changed int64
		err = row.Scan(&c.Name, &c.DomainID, &well, &c.Detail, &asked, &changed)
		c.Well, c.AskedAt, c.ChangedAt = well != 0, fromMicros(asked), fromMicros(changed)
		return c, err
	})
	return out, doing("reading canaries", err)
}

// SetCanaries replaces all of them.
func (s *Store) SetCanaries(ctx context.Context, list []Canary) error {
	return s.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.q.ExecContext(ctx, "DELETE FROM canaries"); err != nil {
			return fmt.Errorf("storing canaries: %w", err)
		}
		for _, c := range list {
			_, err := tx.q.ExecContext(ctx, `INSERT INTO canaries (name, domain_id, well, detail, asked_at, changed_at)
				VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING`,
				Text(c.Name), c.DomainID, flag(c.Well), Text(c.Detail), micros(c.AskedAt), micros(c.ChangedAt))
			if err != nil {
				return fmt.Errorf("storing canaries: %w", err)
			}
		}
		return nil
	})
}

// EldestProved lists proved domains whose proof is in the DNS, by the age of
// their claims.
func (s *Store) EldestProved(ctx context.Context, limit int) ([]*Domain, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+domainColumns+` FROM domains
		WHERE deleted_at = 0 AND state = 'verified' AND method IN ('dns_txt', 'dns_cname') ORDER BY id LIMIT $1`, limit)
	out, err := collect(rows, err, scanDomain)
	return out, doing("choosing canaries", err)
}

// NewestChore is when any chore was last taken; zero: never. What tryWrite
// leaves is none: it is seldom written again, so a clock that was ahead once
// would be held against every start.
func (s *Store) NewestChore(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.r.QueryRowContext(ctx, "SELECT ran_at FROM chores WHERE name <> 'write' ORDER BY ran_at DESC LIMIT 1").Scan(&at)
	if err = missing("reading chores", err); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return fromMicros(at), err
}
