package httpapi

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) accountCalls(h huma.API) {
	register(s, h, call{
		id: "get-account", method: http.MethodGet, path: "/v1/account", tag: "Account", summary: "Show the account",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: reads}, replies: map[int]any{200: api.Account{}},
	}, s.getAccount)
	register(s, h, call{
		id: "update-account", method: http.MethodPatch, path: "/v1/account", tag: "Account", summary: "Change what the account's proofs are held to",
		doc:   "It counts from the next look at each domain on; no domain changes its state by the call itself.",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: writes}, replies: map[int]any{200: api.Account{}}, errors: []int{408, 409, 413, 415, 422},
	}, s.updateAccount)
}

func toAccount(a zonehold.Account) api.Account {
	return api.Account{
		ID: a.ID, UserID: a.Number, Name: a.Name, Email: text(a.Email), EmailConfirmed: a.EmailConfirmed,
		Recheck: string(cmp.Or(a.Recheck, zonehold.RecheckKeep)),
	}
}

func (s *server) getAccount(ctx context.Context, _ *struct{}) (reply, error) {
	a, err := s.Accounts.Account(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: toAccount(a)}, nil
}

func (s *server) updateAccount(ctx context.Context, in *struct{ Body api.UpdateAccount }) (reply, error) {
	var p app.AccountPatch
	if in.Body.Recheck != nil {
		policy := zonehold.RecheckPolicy(*in.Body.Recheck)
		p.Recheck = &policy
	}
	a, err := s.Accounts.UpdateAccount(ctx, actorOf(ctx), p)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toAccount(a)}, nil
}
