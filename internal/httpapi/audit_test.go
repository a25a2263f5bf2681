package httpapi

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// audits is an app.Audits for the shapes of HTTP.
type audits struct {
	page app.Page[*app.AuditEntry]
	err  error
	want *app.AuditQuery
}

func (a *audits) Audit(_ context.Context, _ zonehold.Actor, q app.AuditQuery) (app.Page[*app.AuditEntry], error) {
	if a.want != nil {
		if err := expect(*a.want, q); err != nil {
			return a.page, err
		}
	}
	return a.page, a.err
}

func init() {
	wireCases = append(wireCases,
		wireCase{"audit_list", "GET /v1/audit?action=domain&target=example.com&since=2026-11-01T00:00:00Z&account=anna&limit=2&all=true", "", []string{all}, func(b *bench) {
			b.server.Audits = &audits{page: app.Page[*app.AuditEntry]{NextCursor: "next", Items: []*app.AuditEntry{
				{
					ID: "aud_06c4b1q2v8h3k5n7p9r1s3t5u0", At: t0, AccountID: anna.ID, By: "token", TokenID: "tok_1", TokenName: "<b>ci</b>",
					Action: "domain.create", Target: domainID, Name: "example.com", Detail: json.RawMessage(`{"profile":"zonehold"}`), RequestID: "req_1", Address: "45.0.0.9",
				},
				{ID: "aud_06c4b1q2v8h3k5n7p9r1s3t5u4", At: t0, By: "system", Action: "domain.freeze"},
			}}, want: &app.AuditQuery{
				Account: "anna", All: true, Action: "domain", Target: "example.com", Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Limit: 2,
			}}
		}},
		wireCase{"audit_list_bad_time", "GET /v1/audit?since=yesterday", "", []string{all}, nil},
		wireCase{"audit_list_scope", "GET /v1/audit", "", []string{read}, func(b *bench) {
			b.server.Audits = &audits{err: &app.Error{Kind: app.KindForbidden, Scope: zonehold.ScopeAdmin, Message: "The token lacks the scope admin. Use a token that has it."}}
		}},
	)
}

// A request over the network leaves an entry with its id and address, and so
// do tokens that are made and revoked.
func TestAuditOfRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, err := app.New(app.Config{Store: s, Kit: &verify.Kit{}})
		if err != nil {
			t.Fatal(err)
		}
		au := auth.New(s)
		t.Cleanup(au.Close)
		srv := httptest.NewServer(New(Config{Service: a, Audits: a, Auth: au, Version: "test"}))
		t.Cleanup(srv.Close)
		account, err := au.CreateAccount(t.Context(), "anna", "", false)
		if err != nil {
			t.Fatal(err)
		}
		use := func(scopes ...zonehold.Scope) *client.Client {
			token, err := au.Create(t.Context(), account.ID, "test", scopes)
			if err != nil {
				t.Fatal(err)
			}
			c, err := client.New(srv.URL, token)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return c
		}
		c := use(zonehold.ScopeAdmin)
		ctx := t.Context()
		d, _, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		made, err := c.CreateToken(ctx, api.CreateToken{Name: "ci", Scopes: []string{"domains:read"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // once is noted
			if err := c.RevokeToken(ctx, made.ID); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for e, err := range c.AllAudit(ctx, client.AuditQuery{Limit: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			line := e.By + " " + e.Action + " " + deref(e.Name)
			got = append(got, line)
			if strings.Contains(string(e.Detail), made.Secret) {
				t.Errorf("%s holds the token", line)
			}
			if e.By == "token" && (deref(e.Address) != "127.0.0.1" || deref(e.TokenName) != "test") {
				t.Errorf("%s from %s by %s", line, deref(e.Address), deref(e.TokenName))
			}
		}
		want := "token token.revoke ci, token token.create ci, token domain.create example.com, system token.create test, system account.create anna"
		if strings.Join(got, ", ") != want {
			t.Errorf("log %q", got)
		}
		for e, err := range c.AllAudit(ctx, client.AuditQuery{Target: d.ID, Since: time.Now().Add(-time.Hour)}) {
			if err != nil || e.Action != "domain.create" {
				t.Errorf("%+v, %v", e, err)
			}
		}
		_, err = use(auth.DefaultScopes()...).Audit(ctx, client.AuditQuery{})
		wantError(t, err, 403, "scope_missing")
		_, err = c.Audit(ctx, client.AuditQuery{All: true})
		wantError(t, err, 403, "scope_missing")
		operator := use(zonehold.ScopeOperator)
		if page, err := operator.Audit(ctx, client.AuditQuery{Account: "anna", Action: "domain"}); err != nil || len(page.Items) != 1 {
			t.Errorf("the operator: %+v, %v", page, err)
		}
		_, err = operator.Audit(ctx, client.AuditQuery{Account: "nobody"})
		if err == nil {
			t.Error("the log of no account")
		}
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
