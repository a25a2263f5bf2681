package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) policyCalls(h huma.API) {
	register(s, h, call{
		id: "create-policy", method: http.MethodPost, path: "/v1/policies", tag: "Policies", summary: "Let a name count as proved",
		doc:   "Claims of the name that exist are looked at at once. Tokens with this scope are made only on the server's own data.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: writes}, replies: map[int]any{201: api.Policy{}}, located: true,
		errors: []int{404, 408, 409, 413, 415, 422},
	}, s.createPolicy)
	register(s, h, call{
		id: "list-policies", method: http.MethodGet, path: "/v1/policies", tag: "Policies", summary: "List policies",
		doc:   "Newest first; those in force unless all is set.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: reads}, replies: map[int]any{200: api.Page[api.Policy]{}},
	}, s.listPolicies)
	register(s, h, call{
		id: "get-policy", method: http.MethodGet, path: "/v1/policies/{id}", tag: "Policies", summary: "Show a policy",
		rules: rules{scope: zonehold.ScopeOperator, bucket: reads}, replies: map[int]any{200: api.Policy{}}, errors: []int{404},
	}, s.getPolicy)
	register(s, h, call{
		id: "revoke-policy", method: http.MethodDelete, path: "/v1/policies/{id}", tag: "Policies", summary: "Revoke a policy",
		doc:   "Claims that rest on it alone lapse with it; the reply says how many. Revoking again changes nothing.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: writes}, replies: map[int]any{200: api.RevokedPolicy{}}, errors: []int{404, 409, 422},
	}, s.revokePolicy)
}

// Policy gives a policy the form it has on the wire.
func Policy(p *zonehold.Policy) api.Policy {
	return api.Policy{
		ID: p.ID, Method: string(p.Method), Pattern: string(p.Pattern), AccountID: text(p.AccountID), By: p.Actor, Reason: p.Reason,
		InForce: p.InForce(time.Now()), CreatedAt: p.CreatedAt.UTC(), ExpiresAt: when(p.ExpiresAt),
		RevokedAt: when(p.RevokedAt), RevokedBy: text(p.RevokedBy),
	}
}

// moment is the zero time for nil.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func (s *server) createPolicy(ctx context.Context, in *struct{ Body api.CreatePolicy }) (reply, error) {
	p, err := s.Grants.AddPolicy(ctx, actorOf(ctx), app.NewPolicy{
		Method: zonehold.Method(in.Body.Method), Pattern: in.Body.Pattern, Account: in.Body.Account,
		By: in.Body.By, Reason: in.Body.Reason, ExpiresAt: moment(in.Body.ExpiresAt),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: Policy(p), location: "/v1/policies/" + p.ID}, nil
}

type listPoliciesInput struct {
	Pages
	Method string `query:"method" enum:"whitelist,waved,back_office,pdd,auto"`
	Domain string `query:"domain" maxLength:"1024" doc:"only those that give this name to somebody"`
	All    bool   `query:"all" doc:"ended ones too"`
}

func (s *server) listPolicies(ctx context.Context, in *listPoliciesInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Grants.Policies(ctx, actorOf(ctx), app.PolicyQuery{
		Method: zonehold.Method(in.Method), Domain: in.Domain, All: in.All, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, Policy)}, nil
}

// PolicyRef is the path of a policy.
type PolicyRef struct {
	ID string `path:"id" doc:"id of the policy" example:"pol_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (p PolicyRef) check() error {
	if !zonehold.ValidID(zonehold.PrefixPolicy, p.ID) {
		return fault(codeNotFound, "There is no such policy.")
	}
	return nil
}

// getPolicy looks for it in the list: policies are few, and only operators
// ask.
func (s *server) getPolicy(ctx context.Context, in *PolicyRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	q := app.PolicyQuery{All: true, Limit: 500}
	for {
		page, err := s.Grants.Policies(ctx, actorOf(ctx), q)
		if err != nil {
			return reply{}, err
		}
		for _, p := range page.Items {
			if p.ID == in.ID {
				return reply{body: Policy(p)}, nil
			}
		}
		if page.NextCursor == "" || page.NextCursor == q.Cursor {
			return reply{}, fault(codeNotFound, "There is no such policy.")
		}
		q.Cursor = page.NextCursor
	}
}

type revokePolicyInput struct {
	PolicyRef
	By     string `query:"by" maxLength:"200" doc:"who does it; absent: the name of the token's account"`
	Reason string `query:"reason" maxLength:"200"`
}

func (s *server) revokePolicy(ctx context.Context, in *revokePolicyInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	by := in.By
	if by == "" {
		by = actorOf(ctx).Account.Name
	}
	p, lapsed, err := s.Grants.RevokePolicy(ctx, actorOf(ctx), in.ID, by, in.Reason)
	if err != nil {
		return reply{}, err
	}
	return reply{body: api.RevokedPolicy{Policy: Policy(p), Lapsed: lapsed}}, nil
}
