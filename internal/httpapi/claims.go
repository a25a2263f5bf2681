package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) claimCalls(h huma.API) {
	register(s, h, call{
		id: "get-contest", method: http.MethodGet, path: "/v1/domains/{ref}/contest", tag: "Claims", summary: "The latest contest about a name",
		doc:   "Where one account only may have a name, a fresh proof of one that another account has opens a contest.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Contest{}}, errors: []int{404},
	}, s.getContest)
	register(s, h, call{
		id: "withdraw-contest", method: http.MethodDelete, path: "/v1/domains/{ref}/contest", tag: "Claims", summary: "Withdraw a contest that this account has opened",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{200: api.Contest{}}, errors: []int{404, 409},
	}, s.withdrawContest)
	register(s, h, call{
		id: "offer-domain", method: http.MethodPost, path: "/v1/domains/{ref}/transfer", tag: "Claims", summary: "Offer a domain to another account",
		doc: "The other account claims the name as anybody does, with tokens of its own and empty data. Its fresh proof ends the claim of this account, and not before. " +
			"The offer stands for 14 days, as long as the proof does. The reply is the same whether there is such an account or not.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{201: api.Transfer{}},
		errors: []int{404, 408, 409, 413, 415, 422},
	}, s.offerDomain)
	register(s, h, call{
		id: "list-transfers", method: http.MethodGet, path: "/v1/transfers", tag: "Claims", summary: "List offers made and received",
		doc:   "Newest first; open ones unless all is set.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Transfer]{}},
	}, s.listTransfers)
	register(s, h, call{
		id: "cancel-transfer", method: http.MethodDelete, path: "/v1/transfers/{id}", tag: "Claims", summary: "Take an offer back, or turn it down",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{200: api.Transfer{}}, errors: []int{404},
	}, s.cancelTransfer)
	register(s, h, call{
		id: "get-registration", method: http.MethodGet, path: "/v1/domains/{ref}/registration", tag: "Claims", summary: "What is watched of the owner of a domain",
		doc:   "A change of owner freezes the claims on the domain until they are proved with new values.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Registration{}}, errors: []int{404},
	}, s.getRegistration)
}

func toContest(c *app.Contest) api.Contest {
	return api.Contest{
		ID: c.ID, DomainID: c.DomainID, Hostname: string(c.Hostname), Challenger: c.Challenger, State: c.State,
		OpenedAt: c.OpenedAt.UTC(), EndsAt: c.EndsAt.UTC(), SettledAt: when(c.SettledAt),
	}
}

func toTransfer(t *app.Transfer) api.Transfer {
	return api.Transfer{
		ID: t.ID, Given: t.Given, DomainID: text(t.DomainID), Hostname: string(t.Hostname), From: t.FromName, To: t.To, State: t.State,
		CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), EndedAt: when(t.EndedAt),
	}
}

func toRegistration(r *app.Registration) api.Registration {
	out := api.Registration{
		Name: string(r.Name), Source: text(r.Source), Server: text(r.Server), Registrar: text(r.Registrar), Statuses: list(r.Statuses),
		CreatedAt: when(r.CreatedAt), ExpiresAt: when(r.ExpiresAt), NameServers: list(r.NameServers), DS: list(r.DS), Signs: []api.OwnerSign{},
		SeenAt: when(r.SeenAt), AskedAt: when(r.AskedAt), NextLookAt: when(r.NextLookAt), ChangedAt: when(r.ChangedAt), Error: text(r.Error),
	}
	for _, s := range r.Signs {
		out.Signs = append(out.Signs, api.OwnerSign{Kind: s.Kind, SeenAt: s.SeenAt.UTC(), Was: text(s.Was), Is: text(s.Is)})
	}
	return out
}

func (s *server) getContest(ctx context.Context, in *DomainRef) (reply, error) {
	return one(ctx, in.check(), in.Ref, s.Claims.Contest, toContest)
}

func (s *server) withdrawContest(ctx context.Context, in *DomainRef) (reply, error) {
	return one(ctx, in.check(), in.Ref, s.Claims.WithdrawContest, toContest)
}

func (s *server) offerDomain(ctx context.Context, in *struct {
	DomainRef
	Body api.CreateTransfer
}) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	t, err := s.Claims.OfferDomain(ctx, actorOf(ctx), app.NewTransfer{Domain: in.Ref, Account: in.Body.Account})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: toTransfer(t)}, nil
}

type listTransfersInput struct {
	Pages
	All bool `query:"all" doc:"ended ones too"`
}

func (s *server) listTransfers(ctx context.Context, in *listTransfersInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Claims.Transfers(ctx, actorOf(ctx), app.TransferQuery{All: in.All, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, toTransfer)}, nil
}

func (s *server) cancelTransfer(ctx context.Context, in *struct {
	ID string `path:"id" doc:"id of the offer" example:"trf_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}) (reply, error) {
	if !zonehold.ValidID(zonehold.PrefixTransfer, in.ID) {
		return reply{}, fault(codeNotFound, "There is no such offer.")
	}
	t, err := s.Claims.CancelTransfer(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toTransfer(t)}, nil
}

func (s *server) getRegistration(ctx context.Context, in *DomainRef) (reply, error) {
	return one(ctx, in.check(), in.Ref, s.Claims.Registration, toRegistration)
}
