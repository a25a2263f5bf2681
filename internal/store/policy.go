package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Policy is a policy with what is kept beside it.
type Policy struct {
	zonehold.Policy
	RevokeReason string
}

const policyColumns = `id, method, pattern, account_id, actor, reason, created_at, expires_at, revoked_at, revoked_by,
	revoke_reason`

func scanPolicy(row scanner) (*Policy, error) {
	var (
		p                         Policy
		created, expires, revoked int64
	)
	err := row.Scan(&p.ID, &p.Method, &p.Pattern, &p.AccountID, &p.Actor, &p.Reason, &created, &expires, &revoked,
		&p.RevokedBy, &p.RevokeReason)
	p.CreatedAt, p.ExpiresAt, p.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(revoked)
	return &p, err
}

// InsertPolicy adds a policy.
func (tx *Tx) InsertPolicy(ctx context.Context, p *zonehold.Policy) error {
	_, err := tx.q.ExecContext(ctx, "INSERT INTO policies (base, "+policyColumns+") VALUES "+list(1, 12),
		string(p.Pattern.Base()), p.ID, string(p.Method), string(p.Pattern), p.AccountID, Text(p.Actor), Text(p.Reason),
		micros(p.CreatedAt), micros(p.ExpiresAt), micros(p.RevokedAt), Text(p.RevokedBy), "")
	return doing("storing a policy", err)
}

// LockPolicies reads policies and keeps other transactions from changing
// them. Domains are locked before policies.
func (tx *Tx) LockPolicies(ctx context.Context, ids []string) (map[string]*Policy, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + policyColumns +
		" FROM policies WHERE id IN (SELECT v_id FROM v) ORDER BY id" + tx.s.forUpdate}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(ids), scanPolicy)
	out := make(map[string]*Policy, len(found))
	for _, p := range found {
		out[p.ID] = p
	}
	return out, doing("reading policies", err)
}

// EndPolicy revokes a policy that LockPolicies returned.
func (tx *Tx) EndPolicy(ctx context.Context, id, by, reason string, at time.Time) error {
	_, err := tx.q.ExecContext(ctx, "UPDATE policies SET revoked_at = $1, revoked_by = $2, revoke_reason = $3 WHERE id = $4",
		micros(at), Text(by), Text(reason), id)
	return doing("ending a policy", err)
}

// PolicyFilter selects policies. Zero fields select all.
type PolicyFilter struct {
	Method  zonehold.Method
	Name    zonehold.Hostname // only those that give this name to somebody
	InForce time.Time         // only those that are in force then
	After   *DomainKey        // continue after this one, by Time and ID
	Limit   int
}

// Policies lists policies, newest first.
func (s *Store) Policies(ctx context.Context, f PolicyFilter) ([]*Policy, error) {
	var (
		where = []string{"1 = 1"}
		args  []any
	)
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Method != "" {
		add("method = $%d", string(f.Method))
	}
	if f.Name != "" {
		args = append(args, string(f.Name))
		either := fmt.Sprintf("pattern = $%d", len(args))
		if above := Above(f.Name); len(above) > 0 {
			either += " OR base <> pattern AND base IN " + list(len(args)+1, len(above))
			for _, name := range above {
				args = append(args, string(name))
			}
		}
		where = append(where, "("+either+")")
	}
	if !f.InForce.IsZero() {
		add("revoked_at = 0 AND (expires_at = 0 OR expires_at > $%d)", micros(f.InForce))
	}
	if k := f.After; k != nil {
		args = append(args, micros(k.Time), Text(k.ID))
		where = append(where, fmt.Sprintf("(created_at, id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	args = append(args, f.Limit)
	rows, err := s.r.QueryContext(ctx, "SELECT "+policyColumns+" FROM policies WHERE "+strings.Join(where, " AND ")+
		fmt.Sprintf(" ORDER BY created_at DESC, id DESC LIMIT $%d", len(args)), args...)
	out, err := collect(rows, err, scanPolicy)
	return out, doing("listing policies", err)
}

// PoliciesOver lists the policies, ended ones too, that may give the account
// one of the names: those written for the name or for one above it. Which
// really do, zonehold.Policy.Gives tells. Those in force come first, then the
// newest; at most 1000.
func (s *Store) PoliciesOver(ctx context.Context, accountID string, names []zonehold.Hostname, now time.Time) ([]zonehold.Policy, error) {
	var bases []string
	for _, name := range names {
		bases = append(bases, string(name))
		for _, above := range Above(name) {
			bases = append(bases, string(above))
		}
	}
	rows := column1(bases)
	for i := range rows {
		rows[i] = append(rows[i], accountID, micros(now))
	}
	find := bulk{types: "tti", text: `WITH v (v_base, v_account, v_now) AS ({rows})
		SELECT ` + policyColumns + ` FROM v JOIN policies ON base = v_base AND account_id IN ('', v_account)
		ORDER BY CASE WHEN revoked_at = 0 AND (expires_at = 0 OR expires_at > v_now) THEN 0 ELSE 1 END, created_at DESC
		LIMIT 1000`}
	found, err := queryBulk(ctx, s, s.r, find, rows, scanPolicy)
	if err != nil {
		return nil, fmt.Errorf("reading policies: %w", err)
	}
	slices.SortStableFunc(found, func(a, b *Policy) int {
		if x, y := a.InForce(now), b.InForce(now); x != y {
			if x {
				return -1
			}
			return 1
		}
		return b.CreatedAt.Compare(a.CreatedAt)
	})
	out := make([]zonehold.Policy, min(len(found), 1000))
	for i := range out {
		out[i] = found[i].Policy
	}
	return out, nil
}

// Above lists the names above a name, nearest first, top-level domains left
// out.
func Above(name zonehold.Hostname) (out []zonehold.Hostname) {
	for rest := string(name); ; {
		_, up, ok := strings.Cut(rest, ".")
		if !ok || !strings.Contains(up, ".") {
			return out
		}
		out, rest = append(out, zonehold.Hostname(up)), up
	}
}
