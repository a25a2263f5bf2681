package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// DomainFilter selects live domains of one account. Zero fields select all.
type DomainFilter struct {
	AccountID string
	State     zonehold.DomainState
	Method    zonehold.Method
	Profile   zonehold.ProfileName
	Text      string // part of the hostname, in A-labels
	Order     DomainOrder
	After     *DomainKey // continue after this one
	Limit     int        // 0: all
}

// DomainOrder is an order of domains; ties go by id.
type DomainOrder struct {
	By   string // "hostname", "created_at" or "state_since"
	Desc bool
}

// DomainKey is a place in an ordered list.
type DomainKey struct {
	Name string    // for hostname
	Time time.Time // for the others
	ID   string
}

// Domains lists domains.
func (s *Store) Domains(ctx context.Context, f DomainFilter) ([]*Domain, error) {
	var (
		where = []string{"account_id = $1", "deleted_at = 0"}
		args  = []any{f.AccountID}
	)
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.State != "" {
		add("state = $%d", string(f.State))
	}
	if f.Method != "" {
		add("method = $%d", string(f.Method))
	}
	if f.Profile != "" {
		add("profile = $%d", string(f.Profile))
	}
	if f.Text != "" {
		escaped := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(Text(f.Text))
		add(`hostname LIKE $%d ESCAPE '\'`, "%"+escaped+"%")
	}
	column, direction, compare := f.Order.By, "", ">"
	switch column {
	case "hostname", "created_at", "state_since":
	default:
		return nil, fmt.Errorf("listing domains: unknown order %q", column)
	}
	if f.Order.Desc {
		direction, compare = " DESC", "<"
	}
	if k := f.After; k != nil {
		var key any = micros(k.Time)
		if column == "hostname" {
			key = Text(k.Name)
		}
		args = append(args, key, Text(k.ID))
		where = append(where, fmt.Sprintf("(%s, id) %s ($%d, $%d)", column, compare, len(args)-1, len(args)))
	}
	query := "SELECT " + domainColumns + " FROM domains WHERE " + strings.Join(where, " AND ") +
		" ORDER BY " + column + direction + ", id" + direction
	if f.Limit > 0 {
		args = append(args, f.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	rows, err := s.r.QueryContext(ctx, query, args...)
	out, err := collect(rows, err, scanDomain)
	return out, doing("listing domains", err)
}
