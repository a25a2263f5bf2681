package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// OldToken is a token that no longer proves anything.
type OldToken struct {
	Value     string
	RetiredAt time.Time
}

func (tx *Tx) insertClaimTokens(ctx context.Context, d *Domain, at time.Time) error {
	families := []struct{ name, value string }{
		{"txt", d.Tokens.TXT}, {"cname", d.Tokens.CNAME}, {"file", d.Tokens.File}, {"meta", d.Tokens.Meta},
	}
	var (
		rows [][]any
		seen = map[string]bool{}
	)
	for _, f := range families {
		if f.value != "" && !seen[f.value] {
			seen[f.value] = true
			rows = append(rows, []any{f.value, d.ID, d.AccountID, string(d.Hostname), f.name, d.Generation, micros(at), int64(0)})
		}
	}
	return doing("storing tokens", insertClaimTokens.exec(ctx, tx.s, tx.q, rows))
}

var insertClaimTokens = bulk{types: "tttttiii", text: `INSERT INTO claim_tokens
	(value, domain_id, account_id, hostname, family, generation, created_at, retired_at) {rows}`}

// RetireClaimTokens ends the live tokens of a claim.
func (tx *Tx) RetireClaimTokens(ctx context.Context, domainID string, at time.Time) error {
	_, err := tx.q.ExecContext(ctx, "UPDATE claim_tokens SET retired_at = $1 WHERE domain_id = $2 AND retired_at = 0",
		micros(at), domainID)
	return doing("retiring tokens", err)
}

// ReplaceClaimTokens ends the live tokens of a claim and adds those that it
// has now. Values that the claim has had before do not come back.
func (tx *Tx) ReplaceClaimTokens(ctx context.Context, d *Domain, at time.Time) error {
	if err := tx.RetireClaimTokens(ctx, d.ID, at); err != nil {
		return err
	}
	return tx.insertClaimTokens(ctx, d, at)
}

// TokensMade is when the live tokens of a claim were made.
func (tx *Tx) TokensMade(ctx context.Context, domainID string) (time.Time, error) {
	var made int64
	err := tx.q.QueryRowContext(ctx, "SELECT coalesce(max(created_at), 0) FROM claim_tokens WHERE domain_id = $1 AND retired_at = 0",
		domainID).Scan(&made)
	return fromMicros(made), doing("looking for a token", err)
}

// HadToken reports whether a value was taken from a claim of the account on the
// name.
func (tx *Tx) HadToken(ctx context.Context, accountID string, name zonehold.Hostname, value string) (bool, error) {
	var had int64
	err := tx.q.QueryRowContext(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM claim_tokens
		WHERE account_id = $1 AND hostname = $2 AND value = $3 AND retired_at > 0) THEN 1 ELSE 0 END`,
		accountID, string(name), value).Scan(&had)
	return had != 0, doing("looking for a token", err)
}

// OldTokens lists, by domain id, retired tokens of the domain's account for its
// name, newest first, at most 50, without the values that are live again.
func (s *Store) OldTokens(ctx context.Context, domains ...*Domain) (map[string][]OldToken, error) {
	rows := make([][]any, len(domains))
	live := make(map[string][]string, len(domains))
	for i, d := range domains {
		rows[i] = []any{d.ID, d.AccountID, string(d.Hostname)}
		live[d.ID] = d.Tokens.Values()
	}
	type old struct {
		domainID string
		OldToken
	}
	find := bulk{types: "ttt", text: `WITH v (v_id, v_account, v_name) AS ({rows})
		SELECT v_id, value, retired FROM (
			SELECT v_id, value, max(retired_at) AS retired,
				row_number() OVER (PARTITION BY v_id ORDER BY max(retired_at) DESC, value) AS place
			FROM v JOIN claim_tokens ON account_id = v_account AND hostname = v_name
			WHERE retired_at > 0 GROUP BY v_id, value) AS newest
		WHERE place <= 60 ORDER BY v_id, place`}
	found, err := queryBulk(ctx, s, s.r, find, rows, func(row scanner) (o old, err error) {
		var retired int64
		err = row.Scan(&o.domainID, &o.Value, &retired)
		o.RetiredAt = fromMicros(retired)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading old tokens: %w", err)
	}
	out := map[string][]OldToken{}
	for _, o := range found {
		if len(out[o.domainID]) < 50 && !slices.Contains(live[o.domainID], o.Value) {
			out[o.domainID] = append(out[o.domainID], o.OldToken)
		}
	}
	return out, nil
}

// TokenOfOtherClaim reports whether value is a live token of a claim of
// another account or on another name. What the account itself shares between
// its names (the probely profile) is not.
func (s *Store) TokenOfOtherClaim(ctx context.Context, value, accountID string, name zonehold.Hostname) (bool, error) {
	if value == "" || len(value) > 128 {
		return false, nil
	}
	var other int64
	err := s.r.QueryRowContext(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM claim_tokens
			WHERE value = $1 AND retired_at = 0 AND NOT (account_id = $2 AND hostname = $3))
		AND NOT EXISTS (SELECT 1 FROM claim_tokens
			WHERE value = $1 AND account_id = $2 AND hostname = $3) THEN 1 ELSE 0 END`,
		Text(value), accountID, string(name)).Scan(&other)
	return other != 0, doing("looking for a token", err)
}
