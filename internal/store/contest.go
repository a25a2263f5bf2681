package store

import (
	"context"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// States of a Contest.
const (
	ContestOpen      = "open"
	ContestWon       = "won"       // the challenger has the name now
	ContestLost      = "lost"      // the holder has shown that it still controls the name
	ContestWithdrawn = "withdrawn" // by the challenger
	ContestDropped   = "dropped"   // the challenger's own proof is gone, or it never came to an end
)

// Contest is about a name that one account has proved and another one has
// proved afresh.
type Contest struct {
	ID                string
	Hostname          zonehold.Hostname
	ChallengerID      string // domain
	ChallengerAccount string
	HolderID          string // domain with the oldest proof
	HolderAccount     string
	Method            zonehold.Method // by which the challenger proved the name
	State             string
	OpenedAt          time.Time
	EndsAt            time.Time // of the wait
	AskedAt           time.Time // when the checks after the wait were begun; zero: not yet
	MissingAt         time.Time // when the holder's proof was found gone after the wait; zero: it was not
	SettledAt         time.Time // zero: open
}

const contestColumns = `contests.id, contests.hostname, challenger_id, challenger_account, holder_id, holder_account,
	contests.method, contests.state, opened_at, ends_at, asked_at, missing_at, settled_at`

func scanContest(row scanner) (*Contest, error) {
	var (
		c                                       Contest
		opened, ends, asked, missingAt, settled int64
	)
	err := row.Scan(&c.ID, &c.Hostname, &c.ChallengerID, &c.ChallengerAccount, &c.HolderID, &c.HolderAccount,
		&c.Method, &c.State, &opened, &ends, &asked, &missingAt, &settled)
	c.OpenedAt, c.EndsAt, c.AskedAt = fromMicros(opened), fromMicros(ends), fromMicros(asked)
	c.MissingAt, c.SettledAt = fromMicros(missingAt), fromMicros(settled)
	return &c, err
}

// exclusiveLock is the advisory lock under which fresh proofs are judged where
// only one account may have a name.
const exclusiveLock = 0x7a6f6e656f6e6c79

// LockProofs keeps other transactions from judging fresh proofs, and contests
// with them, until the end of this one. It comes before domains are locked.
func (tx *Tx) LockProofs(ctx context.Context) error {
	if tx.pg == nil {
		return nil // one transaction writes at a time
	}
	_, err := tx.q.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(exclusiveLock))
	return doing("locking proofs", err)
}

// Holder is a claim whose proof stands.
type Holder struct {
	ID        string
	AccountID string
	Hostname  zonehold.Hostname
}

// ProvedBeside finds the claims that stand on the names of the given domains,
// other than by delegation, of each name the oldest proof first.
func (tx *Tx) ProvedBeside(ctx context.Context, domainIDs []string) ([]Holder, error) {
	find := bulk{types: "t", text: `WITH v (v_id) AS ({rows}) SELECT id, account_id, hostname FROM domains
		WHERE deleted_at = 0 AND state IN ('verified', 'at_risk') AND method <> 'delegated'
			AND hostname IN (SELECT hostname FROM domains WHERE id IN (SELECT v_id FROM v))
		ORDER BY verified_at, id`}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(domainIDs), scanHolder)
	seen := make(map[string]bool, len(found))
	// SQLite looks for each domain by itself: several have the same name.
	out := slices.DeleteFunc(found, func(h Holder) bool {
		again := seen[h.ID]
		seen[h.ID] = true
		return again
	})
	return out, doing("reading who has proved a name", err)
}

func scanHolder(row scanner) (h Holder, err error) {
	err = row.Scan(&h.ID, &h.AccountID, &h.Hostname)
	return h, err
}

// HoldersAgainst finds the claims of other accounts that stand on a name,
// other than by delegation, the oldest proof first.
func (tx *Tx) HoldersAgainst(ctx context.Context, name zonehold.Hostname, accountID string) ([]Holder, error) {
	rows, err := tx.q.QueryContext(ctx, `SELECT id, account_id, hostname FROM domains WHERE hostname = $1 AND account_id <> $2
		AND deleted_at = 0 AND state IN ('verified', 'at_risk') AND method <> 'delegated' ORDER BY verified_at, id`,
		string(name), accountID)
	out, err := collect(rows, err, scanHolder)
	return out, doing("reading who has proved a name", err)
}

// OpenContests finds the open contests about the names of the given domains,
// by name. Who is to change them holds LockProofs.
func (tx *Tx) OpenContests(ctx context.Context, domainIDs []string) (map[zonehold.Hostname]*Contest, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + contestColumns + ` FROM contests WHERE state = 'open'
		AND hostname IN (SELECT hostname FROM domains WHERE id IN (SELECT v_id FROM v))`}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(domainIDs), scanContest)
	out := make(map[zonehold.Hostname]*Contest, len(found))
	for _, c := range found {
		out[c.Hostname] = c
	}
	return out, doing("reading contests", err)
}

// OpenContest finds a contest if it is still open, or ErrNotFound. The caller
// holds LockProofs.
func (tx *Tx) OpenContest(ctx context.Context, id string) (*Contest, error) {
	c, err := scanContest(tx.q.QueryRowContext(ctx, "SELECT "+contestColumns+" FROM contests WHERE id = $1 AND state = 'open'", Text(id)))
	return c, missing("finding a contest", err)
}

// InsertContest adds a contest. The caller holds LockProofs.
func (tx *Tx) InsertContest(ctx context.Context, c *Contest) error {
	_, err := tx.q.ExecContext(ctx, `INSERT INTO contests (id, hostname, challenger_id, challenger_account, holder_id,
		holder_account, method, state, opened_at, ends_at, asked_at, missing_at, settled_at) VALUES `+list(1, 13),
		c.ID, string(c.Hostname), c.ChallengerID, c.ChallengerAccount, c.HolderID, c.HolderAccount, string(c.Method),
		c.State, micros(c.OpenedAt), micros(c.EndsAt), micros(c.AskedAt), micros(c.MissingAt), micros(c.SettledAt))
	return doing("storing a contest", err)
}

// UpdateContest writes how far a contest is. The caller holds LockProofs.
func (tx *Tx) UpdateContest(ctx context.Context, c *Contest) error {
	_, err := tx.q.ExecContext(ctx, `UPDATE contests SET method = $1, state = $2, ends_at = $3, asked_at = $4, missing_at = $5,
		settled_at = $6 WHERE id = $7`, string(c.Method), c.State, micros(c.EndsAt), micros(c.AskedAt), micros(c.MissingAt),
		micros(c.SettledAt), c.ID)
	return doing("storing a contest", err)
}

// EndedContests tells when the account last lost a contest about the name, and
// when one last ended as its own side of it was gone; zero: never.
func (tx *Tx) EndedContests(ctx context.Context, name zonehold.Hostname, accountID string) (lost, given time.Time, err error) {
	var lostAt, givenAt int64
	err = tx.q.QueryRowContext(ctx, `SELECT COALESCE(max(CASE WHEN state = 'lost' THEN settled_at END), 0),
		COALESCE(max(CASE WHEN state IN ('withdrawn', 'dropped') THEN settled_at END), 0)
		FROM contests WHERE hostname = $1 AND challenger_account = $2`, string(name), accountID).Scan(&lostAt, &givenAt)
	return fromMicros(lostAt), fromMicros(givenAt), doing("reading lost contests", err)
}

// ContestsToSettle lists open contests whose wait is over or one side of which
// is gone, longest first.
func (s *Store) ContestsToSettle(ctx context.Context, now time.Time, limit int) ([]*Contest, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+contestColumns+` FROM contests WHERE state = 'open' AND (ends_at <= $1
			OR EXISTS (SELECT 1 FROM domains WHERE domains.id = challenger_id AND deleted_at > 0)
			OR NOT EXISTS (SELECT 1 FROM domains WHERE domains.hostname = contests.hostname AND account_id <> challenger_account
				AND deleted_at = 0 AND domains.state IN ('verified', 'at_risk') AND domains.method <> 'delegated'))
		ORDER BY ends_at, contests.id LIMIT $2`, micros(now), limit)
	out, err := collect(rows, err, scanContest)
	return out, doing("listing contests", err)
}

// Contest finds the latest contest about a name in which the account is one
// side, or ErrNotFound.
func (s *Store) Contest(ctx context.Context, accountID string, name zonehold.Hostname) (*Contest, error) {
	c, err := scanContest(s.r.QueryRowContext(ctx, "SELECT "+contestColumns+` FROM contests WHERE hostname = $1
		AND (challenger_account = $2 OR holder_account = $3) ORDER BY opened_at DESC, id DESC LIMIT 1`, string(name), accountID, accountID))
	return c, missing("finding a contest", err)
}
