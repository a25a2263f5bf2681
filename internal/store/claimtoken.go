package store

import (
	"context"
	"fmt"
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

// OldTokens lists retired tokens of the account for a name, newest first, at
// most 50, without the values that are live again in now.
func (s *Store) OldTokens(ctx context.Context, accountID string, name zonehold.Hostname, now zonehold.Tokens) ([]OldToken, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT value, max(retired_at) FROM claim_tokens
		WHERE account_id = $1 AND hostname = $2 AND retired_at > 0
		GROUP BY value ORDER BY max(retired_at) DESC, value LIMIT 50`, accountID, string(name))
	found, err := collect(rows, err, func(row scanner) (t OldToken, err error) {
		var retired int64
		err = row.Scan(&t.Value, &retired)
		t.RetiredAt = fromMicros(retired)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading old tokens: %w", err)
	}
	live := now.Values()
	out := found[:0]
	for _, t := range found {
		again := false
		for _, v := range live {
			again = again || v == t.Value
		}
		if !again {
			out = append(out, t)
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
