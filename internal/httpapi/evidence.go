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

func (s *server) evidenceCalls(h huma.API) {
	register(s, h, call{
		id: "get-domain-evidence", method: http.MethodGet, path: "/v1/domains/{ref}/evidence", tag: "Evidence", summary: "Export the evidence of a domain",
		doc:     "A signed bundle of its checks, oldest first, in the form that `zonehold evidence verify` reads. Where next is set, the rest comes with it as cursor.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: reads},
		replies: map[int]any{200: map[string]any{}}, errors: []int{404, 422},
	}, s.domainEvidence)
	register(s, h, call{
		id: "get-evidence-chain", method: http.MethodGet, path: "/v1/evidence/chain", tag: "Evidence", summary: "Export the chain of the account",
		doc:     "A signed bundle of the links of the account's hash chain without what they stand for. Who keeps it can tell later whether anything was changed, left out or put in.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: reads},
		replies: map[int]any{200: map[string]any{}}, errors: []int{422},
	}, s.evidenceChain)
	register(s, h, call{
		id: "create-domain-token", method: http.MethodPost, path: "/v1/domains/{ref}/token", tag: "Evidence", summary: "Make a verification token",
		doc:     "A signed statement, for a short time, that the account has proved the domain. Third parties check it with the keys at /.well-known/jwks.json. 409 if the proof does not stand now.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: writes, secret: true},
		replies: map[int]any{201: api.DomainToken{}}, errors: []int{404, 409, 413, 415, 422},
	}, s.createDomainToken)
	for path, id := range map[string]string{"/.well-known/jwks.json": "get-well-known-jwks", "/v1/jwks": "get-jwks"} {
		register(s, h, call{
			id: id, method: http.MethodGet, path: path, tag: "Evidence", summary: "Show the public keys",
			doc:   "All keys that evidence and verification tokens were ever signed with, the newest first.",
			rules: rules{public: true}, replies: map[int]any{200: api.JWKS{}, 304: nil},
		}, s.jwks)
	}
}

type domainEvidenceInput struct {
	DomainRef
	From   time.Time `query:"from" doc:"checks made from then on"`
	To     time.Time `query:"to" doc:"checks made before then"`
	Limit  int       `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"checks in the bundle; there may be fewer, as its size is bounded"`
	Cursor string    `query:"cursor" doc:"next of the bundle before"`
}

func (s *server) domainEvidence(ctx context.Context, in *domainEvidenceInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	if err := (Pages{Cursor: in.Cursor}).check(); err != nil {
		return reply{}, err
	}
	return s.bundle(ctx, false, func() ([]byte, error) {
		return s.Bundles.DomainEvidence(ctx, actorOf(ctx), in.Ref, app.EvidenceQuery{From: in.From.UTC(), To: in.To.UTC(), Limit: in.Limit, Cursor: in.Cursor})
	})
}

type evidenceChainInput struct {
	After int64 `query:"after" minimum:"0" doc:"number of the last link that is known"`
	Limit int   `query:"limit" minimum:"1" maximum:"5000" default:"1000" doc:"links in the bundle"`
}

func (s *server) evidenceChain(ctx context.Context, in *evidenceChainInput) (reply, error) {
	return s.bundle(ctx, false, func() ([]byte, error) { return s.Bundles.EvidenceChain(ctx, actorOf(ctx), in.After, in.Limit) })
}

type createDomainTokenInput struct {
	DomainRef
	Body *api.CreateDomainToken
}

func (s *server) createDomainToken(ctx context.Context, in *createDomainTokenInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	var want app.NewDomainToken
	if in.Body != nil {
		want = app.NewDomainToken{Audience: in.Body.Audience, Life: time.Duration(in.Body.TTLSeconds) * time.Second}
	}
	t, err := s.Bundles.DomainToken(ctx, actorOf(ctx), in.Ref, want)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: api.DomainToken{Token: t.Token, ExpiresAt: t.ExpiresAt, KeyID: t.KeyID}}, nil
}

func (s *server) jwks(ctx context.Context, _ *struct{}) (reply, error) {
	set, err := s.Bundles.JWKS(ctx)
	if err != nil {
		return reply{}, err
	}
	out := api.JWKS{Keys: []api.JWK{}}
	for _, k := range set.Keys {
		out.Keys = append(out.Keys, api.JWK(k))
	}
	return reply{body: out, tagged: true}, nil
}
