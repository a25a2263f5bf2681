package store

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

// Flip is a proof that the last look missed.
type Flip struct {
	DomainID      string
	Hostname      zonehold.Hostname
	Generation    int64
	Host, Network string    // where; "": not known
	FirstAt       time.Time // of the first look that missed it
	At            time.Time // of the last one
	WasSince      time.Time // when the state began that it had before
	Held          bool      // the verdict was held back
	BreakerID     string    // "": it counts towards one
}

const flipColumns = "domain_id, hostname, generation, host, network, first_at, at, was_since, held, breaker_id"

func scanFlip(row scanner) (f Flip, err error) {
	var first, at, was, held int64
	err = row.Scan(&f.DomainID, &f.Hostname, &f.Generation, &f.Host, &f.Network, &first, &at, &was, &held, &f.BreakerID)
	f.FirstAt, f.At, f.WasSince, f.Held = fromMicros(first), fromMicros(at), fromMicros(was), held != 0
	return f, err
}

// Flips reads what is kept of domains, by their ids.
func (tx *Tx) Flips(ctx context.Context, domainIDs []string) (map[string]Flip, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + flipColumns + " FROM flips WHERE domain_id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(domainIDs), scanFlip)
	out := make(map[string]Flip, len(found))
	for _, f := range found {
		out[f.DomainID] = f
	}
	return out, doing("reading missing proofs", err)
}

// PutFlips keeps them. The domains must be locked.
func (tx *Tx) PutFlips(ctx context.Context, flips []Flip) error {
	rows := make([][]any, len(flips))
	for i, f := range flips {
		rows[i] = []any{f.DomainID, string(f.Hostname), f.Generation, Text(f.Host), f.Network, micros(f.FirstAt), micros(f.At),
			micros(f.WasSince), flag(f.Held), f.BreakerID}
	}
	return doing("keeping missing proofs", putFlips.exec(ctx, tx.s, tx.q, rows))
}

// Where a conflict clause follows a SELECT, SQLite wants a WHERE before it;
// after VALUES it must not stand.
var putFlips = bulk{types: "ttittiiiit", text: "WITH v (" + flipValues + ") AS ({rows}) INSERT INTO flips (" + flipColumns + ") SELECT " + flipValues +
	` FROM v WHERE 1 = 1 ON CONFLICT (domain_id) DO UPDATE SET hostname = excluded.hostname, generation = excluded.generation,
		host = excluded.host, network = excluded.network, first_at = excluded.first_at, at = excluded.at,
		was_since = excluded.was_since, held = excluded.held, breaker_id = excluded.breaker_id`}

const flipValues = "v_id, v_name, v_generation, v_host, v_network, v_first, v_at, v_was, v_held, v_breaker"

// Place is where checks are counted.
type Place struct {
	Scope zonehold.BreakerScope
	Key   string
}

// which is the condition on the rows of flips in a place; its argument is $1.
func (p Place) which() string {
	switch p.Scope {
	case zonehold.BreakerHost:
		return "host = $1"
	case zonehold.BreakerNetwork:
		return "network = $1"
	}
	return "$1 = ''"
}

// CountFlips counts the proofs gone missing in a place since then that no
// breaker has been opened for.
func (tx *Tx) CountFlips(ctx context.Context, p Place, since time.Time) (n int, err error) {
	err = tx.q.QueryRowContext(ctx, "SELECT count(*) FROM flips WHERE "+p.which()+" AND breaker_id = '' AND at > $2",
		p.Key, micros(since)).Scan(&n)
	return n, doing("counting missing proofs", err)
}

// FlippedNames lists some hostnames of what CountFlips counts.
func (tx *Tx) FlippedNames(ctx context.Context, p Place, since time.Time, limit int) ([]string, error) {
	rows, err := tx.q.QueryContext(ctx, "SELECT hostname FROM flips WHERE "+p.which()+` AND breaker_id = '' AND at > $2
		ORDER BY at DESC, hostname LIMIT $3`, p.Key, micros(since), limit)
	out, err := collect(rows, err, scanText)
	return out, doing("listing missing proofs", err)
}

// GiveFlips makes what CountFlips counts the breaker's. Rows that another
// transaction works on are left out; it is called again.
func (tx *Tx) GiveFlips(ctx context.Context, breakerID string, p Place, since time.Time) error {
	lock := ""
	if tx.s.forUpdate != "" {
		lock = " ORDER BY domain_id" + tx.s.forUpdate + " SKIP LOCKED"
	}
	_, err := tx.q.ExecContext(ctx, `UPDATE flips SET breaker_id = $3 WHERE domain_id IN
		(SELECT domain_id FROM flips WHERE `+p.which()+" AND breaker_id = '' AND at > $2"+lock+")", p.Key, micros(since), breakerID)
	return doing("giving missing proofs to a breaker", err)
}

// BreakerFlips lists the proofs of a breaker by domain, those after the given
// one.
func (s *Store) BreakerFlips(ctx context.Context, breakerID, after string, limit int) ([]Flip, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+flipColumns+` FROM flips
		WHERE breaker_id = $1 AND breaker_id <> '' AND domain_id > $2 ORDER BY domain_id LIMIT $3`, breakerID, after, limit)
	out, err := collect(rows, err, scanFlip)
	return out, doing("listing missing proofs", err)
}

// FellBefore lists those of a breaker whose verdicts were not held back.
func (s *Store) FellBefore(ctx context.Context, breakerID string, limit int) ([]Flip, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+flipColumns+` FROM flips
		WHERE breaker_id = $1 AND breaker_id <> '' AND held = 0 ORDER BY domain_id LIMIT $2`, breakerID, limit)
	out, err := collect(rows, err, scanFlip)
	return out, doing("listing missing proofs", err)
}

// HoldFlips notes that the verdicts are held back by the breaker.
func (tx *Tx) HoldFlips(ctx context.Context, breakerID string, domainIDs []string) error {
	rows := column1(domainIDs)
	for i := range rows {
		rows[i] = append(rows[i], breakerID)
	}
	hold := bulk{types: "tt", text: "WITH v (v_id, v_breaker) AS ({rows}) UPDATE flips SET held = 1, breaker_id = v_breaker FROM v WHERE domain_id = v_id"}
	return doing("holding back verdicts", hold.exec(ctx, tx.s, tx.q, rows))
}

// DropFlips forgets what is kept of the domains.
func (tx *Tx) DropFlips(ctx context.Context, domainIDs []string) error {
	drop := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) DELETE FROM flips WHERE domain_id IN (SELECT v_id FROM v)"}
	return doing("forgetting missing proofs", drop.exec(ctx, tx.s, tx.q, column1(domainIDs)))
}

// SettleFlips forgets those of breakers whose proof was seen since, or whose
// domain is gone: each statement looks at 500 of them at most, as a breaker may
// hold very many and nobody can write meanwhile on SQLite.
func (s *Store) SettleFlips(ctx context.Context) error {
	type key struct{ breaker, domain string }
	scan := func(row scanner) (k key, err error) {
		err = row.Scan(&k.breaker, &k.domain)
		return k, err
	}
	for from, more := (key{}), true; more; {
		to := key{breaker: "~"} // after every id
		rows, err := s.r.QueryContext(ctx, settleEnd, from.breaker, from.domain)
		end, err := collect(rows, err, scan)
		if more = len(end) > 0; more {
			to = end[0]
		}
		if err == nil {
			_, err = s.w.ExecContext(ctx, settleFlips, from.breaker, from.domain, to.breaker, to.domain)
		}
		if err != nil {
			return fmt.Errorf("forgetting missing proofs: %w", err)
		}
		from = to
	}
	return nil
}

const (
	settleEnd = `SELECT breaker_id, domain_id FROM flips WHERE breaker_id <> '' AND (breaker_id, domain_id) > ($1, $2)
		ORDER BY breaker_id, domain_id LIMIT 1 OFFSET 499`
	settleFlips = `DELETE FROM flips WHERE breaker_id <> '' AND (breaker_id, domain_id) > ($1, $2)
		AND (breaker_id, domain_id) <= ($3, $4) AND NOT EXISTS (SELECT 1 FROM domains
		WHERE id = domain_id AND deleted_at = 0 AND seen_at <= flips.at)`
)

// PlanChecks plans the next check of live, proved domains that LockDomains
// returned. Their versions count up, as the time is shown.
func (tx *Tx) PlanChecks(ctx context.Context, ids []string, at time.Time) error {
	rows := column1(ids)
	for i := range rows {
		rows[i] = append(rows[i], micros(at))
	}
	plan := bulk{types: "ti", text: `WITH v (v_id, v_at) AS ({rows}) UPDATE domains SET next_check_at = v_at, version = version + 1
		FROM v WHERE id = v_id AND deleted_at = 0 AND state IN ('verified', 'at_risk') AND (next_check_at = 0 OR next_check_at > v_at)`}
	return doing("planning checks", plan.exec(ctx, tx.s, tx.q, rows))
}

// Checks is how many checks one process made in a place within a slot.
type Checks struct {
	Place
	Slot    int64
	Checked int
}

// PutChecks writes counts of a node, whatever stood there.
func (s *Store) PutChecks(ctx context.Context, nodeID string, counts []Checks) error {
	rows := make([][]any, len(counts))
	for i, c := range counts {
		rows[i] = []any{string(c.Scope), Text(c.Key), c.Slot, nodeID, int64(c.Checked)}
	}
	if len(rows) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Tx) error { return doing("counting checks", putChecks.exec(ctx, s, tx.q, rows)) })
}

var putChecks = bulk{types: "ttiti", text: `WITH v (v_scope, v_place, v_slot, v_node, v_checked) AS ({rows})
	INSERT INTO breaker_checks (scope, place, slot, node_id, checked) SELECT v_scope, v_place, v_slot, v_node, v_checked FROM v WHERE 1 = 1
	ON CONFLICT (scope, place, slot, node_id) DO UPDATE SET checked = excluded.checked`}

// ChecksElsewhere sums what other nodes counted in a place from a slot on.
func (tx *Tx) ChecksElsewhere(ctx context.Context, nodeID string, p Place, slot int64) (n int, err error) {
	err = tx.q.QueryRowContext(ctx, `SELECT coalesce(CAST(sum(checked) AS BIGINT), 0) FROM breaker_checks
		WHERE scope = $1 AND place = $2 AND slot >= $3 AND node_id <> $4`, string(p.Scope), Text(p.Key), slot, nodeID).Scan(&n)
	return n, doing("counting checks", err)
}

// HotPlaces lists the places in which that many proofs have gone missing since
// then that no breaker has been opened for.
func (s *Store) HotPlaces(ctx context.Context, since time.Time, n int) (out []Place, err error) {
	var all int
	err = s.r.QueryRowContext(ctx, "SELECT count(*) FROM flips WHERE at > $1 AND breaker_id = ''", micros(since)).Scan(&all)
	if err != nil || all < n {
		return nil, doing("counting missing proofs", err)
	}
	out = append(out, Place{Scope: zonehold.BreakerAll})
	for _, scope := range []zonehold.BreakerScope{zonehold.BreakerHost, zonehold.BreakerNetwork} {
		column := string(scope)
		rows, err := s.r.QueryContext(ctx, "SELECT "+column+" FROM flips WHERE at > $1 AND breaker_id = '' AND "+column+
			" <> '' GROUP BY "+column+" HAVING count(*) >= $2 LIMIT 1000", micros(since), n)
		keys, err := collect(rows, err, scanText)
		if err != nil {
			return nil, fmt.Errorf("counting missing proofs: %w", err)
		}
		for _, key := range keys {
			out = append(out, Place{Scope: scope, Key: key})
		}
	}
	return out, nil
}
