package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) delegationCalls(h huma.API) {
	register(s, h, call{
		id: "create-delegation", method: http.MethodPost, path: "/v1/delegations", tag: "Delegations", summary: "Give another account a right",
		doc:   "The other account then proves the name by the method delegated, as long as the proof that it comes from stands. It cannot pass the right on.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{201: api.Delegation{}},
		errors: []int{404, 408, 409, 413, 415, 422},
	}, s.createDelegation)
	register(s, h, call{
		id: "list-delegations", method: http.MethodGet, path: "/v1/delegations", tag: "Delegations", summary: "List rights given and received",
		doc:   "Newest first; those that have not ended unless all is set.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Delegation]{}}, errors: []int{404},
	}, s.listDelegations)
	register(s, h, call{
		id: "revoke-delegation", method: http.MethodDelete, path: "/v1/delegations/{id}", tag: "Delegations", summary: "Take a right back, or give it up",
		doc:   "A claim that is proved by it lapses at once.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{200: api.Delegation{}}, errors: []int{404, 409},
	}, s.revokeDelegation)
}

func toDelegation(d *app.Delegation) api.Delegation {
	out := api.Delegation{
		ID: d.ID, Given: d.Given, Hostname: string(d.Hostname),
		FromAccountID: d.FromAccount, FromName: d.FromName, ToAccountID: d.ToAccount, ToName: d.ToName,
		InForce: d.InForce, Reason: text(d.Reason), CreatedAt: d.CreatedAt.UTC(), ExpiresAt: when(d.ExpiresAt),
		RevokedAt: when(d.RevokedAt), RevokeReason: text(d.RevokeReason),
	}
	if d.Given {
		out.DomainID = text(d.DomainID)
	}
	return out
}

func (s *server) createDelegation(ctx context.Context, in *struct{ Body api.CreateDelegation }) (reply, error) {
	d, err := s.Grants.Delegate(ctx, actorOf(ctx), app.NewDelegation{
		Domain: in.Body.Domain, Hostname: in.Body.Hostname, Account: in.Body.Account, Reason: in.Body.Reason, ExpiresAt: moment(in.Body.ExpiresAt),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: toDelegation(d)}, nil
}

type listDelegationsInput struct {
	Pages
	Domain    string `query:"domain" maxLength:"1024" doc:"id or hostname of a domain of this account"`
	Direction string `query:"direction" enum:"given,received" doc:"absent: both"`
	All       bool   `query:"all" doc:"ended ones too"`
}

func (s *server) listDelegations(ctx context.Context, in *listDelegationsInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Grants.Delegations(ctx, actorOf(ctx), app.DelegationQuery{
		Domain: in.Domain, Direction: in.Direction, All: in.All, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, toDelegation)}, nil
}

func (s *server) revokeDelegation(ctx context.Context, in *struct {
	ID     string `path:"id" doc:"id of the delegation" example:"del_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Reason string `query:"reason" maxLength:"200"`
}) (reply, error) {
	if !zonehold.ValidID(zonehold.PrefixDelegation, in.ID) {
		return reply{}, fault(codeNotFound, "There is no such delegation.")
	}
	d, err := s.Grants.RevokeDelegation(ctx, actorOf(ctx), in.ID, in.Reason)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toDelegation(d)}, nil
}
