package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/auth"
)

func (s *server) tokenCalls(h huma.API) {
	register(s, h, call{
		id: "get-me", method: http.MethodGet, path: "/v1/me", tag: "Account", summary: "Who makes this call",
		rules: rules{bucket: reads}, replies: map[int]any{200: api.Me{}},
	}, s.getMe)
	register(s, h, call{
		id: "list-tokens", method: http.MethodGet, path: "/v1/tokens", tag: "Account", summary: "List the tokens of the account",
		doc:   "Oldest first, revoked ones too.",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: reads}, replies: map[int]any{200: api.Page[api.Token]{}},
	}, s.listTokens)
	register(s, h, call{
		id: "create-token", method: http.MethodPost, path: "/v1/tokens", tag: "Account", summary: "Make a token",
		doc:   "The reply holds the secret, which is not kept and cannot be shown again. For the same reason the call takes no Idempotency-Key.",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: writes, secret: true}, replies: map[int]any{201: api.NewToken{}},
		errors: []int{408, 413, 415, 422},
	}, s.createToken)
	register(s, h, call{
		id: "revoke-token", method: http.MethodDelete, path: "/v1/tokens/{id}", tag: "Account", summary: "Revoke a token",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: writes}, replies: map[int]any{204: nil}, errors: []int{404},
	}, s.revokeToken)
}

func (s *server) getMe(ctx context.Context, _ *struct{}) (reply, error) {
	a := actorOf(ctx)
	return reply{body: api.Me{
		Account: toAccount(a.Account),
		TokenID: a.TokenID, Scopes: words(a.Scopes), DomainLimit: s.Service.DomainLimit(),
	}}, nil
}

func (s *server) listTokens(ctx context.Context, _ *struct{}) (reply, error) {
	tokens, err := s.Auth.Tokens(ctx, actorOf(ctx).Account.ID)
	if err != nil {
		return reply{}, err
	}
	page := api.Page[api.Token]{Items: make([]api.Token, 0, len(tokens))}
	for _, t := range tokens {
		page.Items = append(page.Items, toToken(t))
	}
	return reply{body: page}, nil
}

func (s *server) createToken(ctx context.Context, in *struct{ Body api.CreateToken }) (reply, error) {
	scopes := make([]zonehold.Scope, len(in.Body.Scopes))
	for i, w := range in.Body.Scopes {
		scopes[i] = zonehold.Scope(w)
	}
	secret, t, err := s.Auth.Issue(auth.Acting(ctx, actorOf(ctx)), actorOf(ctx).Account.ID, in.Body.Name, scopes)
	if errors.Is(err, auth.ErrInvalid) {
		return reply{}, badField("name", sentence(strings.TrimPrefix(err.Error(), auth.ErrInvalid.Error()+": ")))
	}
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: api.NewToken{Token: toToken(t), Secret: secret}}, nil
}

func (s *server) revokeToken(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (reply, error) {
	err := auth.ErrNotFound
	if zonehold.ValidID(zonehold.PrefixToken, in.ID) {
		err = s.Auth.Revoke(auth.Acting(ctx, actorOf(ctx)), actorOf(ctx).Account.ID, in.ID)
	}
	if errors.Is(err, auth.ErrNotFound) {
		return reply{}, fault(codeNotFound, "The account has no such token.")
	}
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, nil
}
