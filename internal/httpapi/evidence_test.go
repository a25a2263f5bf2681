package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// bundles is an app.Bundles for the shapes of HTTP.
type bundles struct {
	query    app.EvidenceQuery
	after    int64
	newToken app.NewDomainToken
	err      error
}

func (b *bundles) DomainEvidence(_ context.Context, _ zonehold.Actor, ref string, q app.EvidenceQuery) ([]byte, error) {
	b.query = q
	return []byte(`{"of":"` + ref + `"}`), b.err
}

func (b *bundles) EvidenceChain(_ context.Context, _ zonehold.Actor, after int64, _ int) ([]byte, error) {
	b.after = after
	return []byte(`{"entries":[]}`), b.err
}

func (b *bundles) JWKS(context.Context) (evidence.JWKS, error) {
	return evidence.JWKS{Keys: []evidence.JWK{{KeyType: "OKP", Curve: "Ed25519", X: "eA", ID: "k", Algorithm: "EdDSA", Use: "sig"}}}, b.err
}

func (b *bundles) DomainToken(_ context.Context, _ zonehold.Actor, _ string, in app.NewDomainToken) (*app.DomainToken, error) {
	b.newToken = in
	return &app.DomainToken{Token: "a.b.c", ExpiresAt: t0, KeyID: "k"}, b.err
}

func TestEvidenceCalls(t *testing.T) {
	b := newBench()
	fake := &bundles{}
	cfg := b.server.Config
	cfg.Bundles = fake
	b.server = newServer(cfg)
	for _, tt := range []struct {
		line, body string
		signedIn   bool
		status     int
		want       string
	}{
		{"GET /.well-known/jwks.json", "", false, 200, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"eA","kid":"k","alg":"EdDSA","use":"sig"}]}`},
		{"GET /v1/jwks", "", false, 200, `"kid":"k"`},
		{"HEAD /v1/jwks", "", false, 200, ""},
		{"POST /.well-known/jwks.json", "", false, 405, "method_not_allowed"},
		{"GET /v1/domains/example.com/evidence", "", false, 401, ""},
		{"GET /v1/evidence/chain", "", false, 401, ""},
		{"POST /v1/domains/example.com/token", "{}", false, 401, ""},
		{"GET /v1/domains/example.com/evidence?from=2026-01-01T00:00:00Z&limit=3", "", true, 200, `{"of":"example.com"}`},
		{"GET /v1/domains/example.com/evidence?from=yesterday", "", true, 400, "from"},
		{"GET /v1/domains/example.com/evidence?limit=1000", "", true, 400, "limit"},
		{"GET /v1/domains/example.com/evidence?x=1", "", true, 400, ""},
		{"GET /v1/evidence/chain?after=17", "", true, 200, `{"entries":[]}`},
		{"GET /v1/evidence/chain?after=-1", "", true, 400, "after"},
		{"POST /v1/domains/example.com/token", `{"audience":"shop","ttl_seconds":60}`, true, 201, `"token":"a.b.c"`},
		{"POST /v1/domains/example.com/token", "", true, 201, `"key_id":"k"`},
		{"POST /v1/domains/example.com/token", `{"ttl_seconds":59}`, true, 422, "ttl_seconds"},
		{"POST /v1/domains/example.com/token", `{"audience":1}`, true, 422, "audience"},
	} {
		var headers []string
		if tt.signedIn {
			headers = []string{read}
		}
		w := b.do(request(tt.line, tt.body, headers...))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s: %d %s", tt.line, tt.body, w.Code, w.Body)
		}
	}
	if !fake.query.From.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || !fake.query.To.IsZero() || fake.query.Limit != 3 || fake.after != 17 {
		t.Errorf("%+v", fake)
	}
	fake.err = &app.Error{Kind: app.KindConflict, Message: "The domain is not proved now."}
	if w := b.do(request("POST /v1/domains/example.com/token", "{}", read)); w.Code != 409 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Through the whole service: what a client gets is what Verify accepts, and
// the published key is the one.
func TestEvidenceFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r, _ := newGrants(t, s)
		ctx, c := t.Context(), r.client
		boss := r.as(t, r.account.ID, zonehold.ScopeOperator)
		must(boss.CreatePolicy(ctx, api.CreatePolicy{Method: "waved", Pattern: "example.com", Account: "anna", By: "Olga", Reason: "known"}))
		if _, _, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "example.com"}); err != nil {
			t.Fatal(err)
		}
		becomes(t, c, "example.com", "verified")

		resp, err := http.Get(r.url + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode, err)
		}
		keys, err := evidence.ParseJWKS(text)
		if err != nil {
			t.Fatal(err)
		}
		file := must(c.DomainEvidence(ctx, "example.com", client.EvidenceQuery{}))
		v, err := evidence.Verify(bytes.NewReader(file), evidence.Options{Keys: keys})
		if err != nil || len(v.Entries) == 0 {
			t.Fatalf("%v\n%s", err, file)
		}
		one := must(c.Evidence(ctx, v.Entries[0].Link.AttemptID))
		if _, err := evidence.Verify(bytes.NewReader(one), evidence.Options{Keys: keys}); err != nil {
			t.Error(err)
		}
		chain := must(c.EvidenceChain(ctx, 0, 0))
		if v, err := evidence.Verify(bytes.NewReader(chain), evidence.Options{Keys: keys}); err != nil || !v.Unbroken || v.Bundle.Head.Seq != int64(len(v.Entries)) {
			t.Errorf("%+v, %v", v, err)
		}
		tok := must(c.DomainToken(ctx, "example.com", api.CreateDomainToken{Audience: "shop"}))
		claims, err := evidence.VerifyToken(tok.Token, keys, "shop", time.Now())
		if err != nil || claims.Subject != "example.com" || claims.EvidenceSHA256 == "" {
			t.Errorf("%+v, %v", claims, err)
		}
		if set := must(c.JWKS(ctx)); len(set.Keys) != 1 || set.Keys[0].ID != tok.KeyID {
			t.Errorf("%+v", set)
		}
		// Another account has none of it.
		other := must(r.auth.CreateAccount(ctx, "bert", "", false))
		bert := r.as(t, other.ID, auth.DefaultScopes()...)
		var refused *client.Error
		if _, err := bert.DomainEvidence(ctx, v.Bundle.DomainID, client.EvidenceQuery{}); !errors.As(err, &refused) || refused.Status != 404 {
			t.Errorf("%v", err)
		}
		if _, err := bert.DomainToken(ctx, v.Bundle.DomainID, api.CreateDomainToken{}); !errors.As(err, &refused) || refused.Status != 404 {
			t.Errorf("%v", err)
		}
		if !json.Valid(file) {
			t.Error("no JSON")
		}
	})
}

// evidenceCases are part of TestWire.
var evidenceCases = []wireCase{
	{"evidence_of_domain", "GET /v1/domains/example.com/evidence?limit=2", "", []string{read}, nil},
	{"evidence_of_domain_bad_limit", "GET /v1/domains/example.com/evidence?limit=101", "", []string{read}, nil},
	{"evidence_chain", "GET /v1/evidence/chain?after=17", "", []string{read}, nil},
	{"domain_token", "POST /v1/domains/example.com/token", `{"audience":"shop.example","ttl_seconds":300}`, []string{read}, nil},
	{"domain_token_too_long", "POST /v1/domains/example.com/token", `{"ttl_seconds":3601}`, []string{read}, nil},
	{"jwks", "GET /v1/jwks", "", nil, nil},
	{"jwks_well_known", "GET /.well-known/jwks.json", "", nil, nil},
}
