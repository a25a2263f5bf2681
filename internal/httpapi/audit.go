package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) auditCalls(h huma.API) {
	register(s, h, call{
		id: "list-audit", method: http.MethodGet, path: "/v1/audit", tag: "Audit", summary: "List who did what",
		doc: "Newest first. With the scope admin, the account's own log; with the scope operator also those of other accounts, " +
			"by account or all. Entries are only added, never changed, and kept for as long as evidence is.",
		rules: rules{bucket: reads}, replies: map[int]any{200: api.Page[api.AuditEntry]{}}, errors: []int{422},
	}, s.listAudit)
}

type listAuditInput struct {
	Pages
	Account string    `query:"account" maxLength:"200" doc:"id or name; needs the scope operator"`
	All     bool      `query:"all" doc:"of all accounts and of the service itself; needs the scope operator"`
	Action  string    `query:"action" maxLength:"100" doc:"such as domain.create, or a group such as domain"`
	Target  string    `query:"target" maxLength:"1024" doc:"id or name of what it was done to"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until" doc:"before this time"`
}

func (s *server) listAudit(ctx context.Context, in *listAuditInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Audits.Audit(ctx, actorOf(ctx), app.AuditQuery{
		Account: in.Account, All: in.All, Action: in.Action, Target: in.Target, Since: in.Since, Until: in.Until, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, AuditEntry)}, nil
}

// AuditEntry gives an entry the form it has on the wire.
func AuditEntry(e *app.AuditEntry) api.AuditEntry {
	return api.AuditEntry{
		ID: e.ID, At: e.At.UTC(), AccountID: text(e.AccountID), By: e.By, TokenID: text(e.TokenID), TokenName: text(e.TokenName),
		Action: e.Action, Target: text(e.Target), Name: text(e.Name), Detail: e.Detail, RequestID: text(e.RequestID), Address: text(e.Address),
	}
}
