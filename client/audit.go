package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/zonehold/zonehold/api"
)

// AuditQuery selects entries of the audit log. Zero fields select all.
type AuditQuery struct {
	Account string // id or name; needs the scope operator
	All     bool   // of all accounts; needs the scope operator
	Action  string // "domain.create", or a group: "domain"
	Target  string // id or name
	Since   time.Time
	Until   time.Time // before it
	Limit   int
	Cursor  string
}

// Audit gives one page of the audit log, newest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (*api.Page[api.AuditEntry], error) {
	v := listing(q.All, q.Limit, map[string]string{"account": q.Account, "action": q.Action, "target": q.Target, "cursor": q.Cursor})
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	var page api.Page[api.AuditEntry]
	if _, err := c.call(ctx, http.MethodGet, "/v1/audit", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllAudit goes through all pages.
func (c *Client) AllAudit(ctx context.Context, q AuditQuery) iter.Seq2[api.AuditEntry, error] {
	return pages(q.Cursor, func(cursor string) (*api.Page[api.AuditEntry], error) {
		q.Cursor = cursor
		return c.Audit(ctx, q)
	})
}
