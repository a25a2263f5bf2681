package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) connectionCalls(h huma.API) {
	register(s, h, call{
		id: "create-connection", method: http.MethodPost, path: "/v1/connections", tag: "Connections", summary: "Connect an account at a DNS provider",
		doc: "The credentials are tried first, and kept encrypted only if they work; no reply ever shows them. " +
			"Least privilege is enough. aws_route53: an IAM user that may route53:ListHostedZones and route53:GetHostedZone, nothing else. " +
			"cloudflare: an API token with the permission Zone Read.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{201: api.Connection{}},
		errors: []int{408, 409, 413, 415, 422},
	}, s.createConnection)
	register(s, h, call{
		id: "list-connections", method: http.MethodGet, path: "/v1/connections", tag: "Connections", summary: "List connected accounts",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Connection]{}},
	}, s.listConnections)
	register(s, h, call{
		id: "test-connection", method: http.MethodPost, path: "/v1/connections/{id}/test", tag: "Connections", summary: "Try the stored credentials now",
		doc:   "A test that fails is a 200 with works false and test_error.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: checks}, replies: map[int]any{200: api.Connection{}}, errors: []int{404, 409, 422},
	}, s.testConnection)
	register(s, h, call{
		id: "delete-connection", method: http.MethodDelete, path: "/v1/connections/{id}", tag: "Connections", summary: "Forget a connected account",
		doc:   "Refused with 409 while proofs rest on it, unless force is set; they then lapse.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{204: nil}, errors: []int{404, 409},
	}, s.deleteConnection)
}

func toConnection(c *zonehold.Connection) api.Connection {
	return api.Connection{
		ID: c.ID, Provider: string(c.Provider), Name: c.Name, Hint: text(c.Hint), Works: !c.TestedAt.IsZero() && c.TestError == "",
		TestedAt: when(c.TestedAt), TestError: text(c.TestError), CreatedAt: c.CreatedAt.UTC(),
	}
}

func (s *server) createConnection(ctx context.Context, in *struct{ Body api.CreateConnection }) (reply, error) {
	c, err := s.Grants.Connect(ctx, actorOf(ctx), app.NewConnection{
		Provider: zonehold.Method(in.Body.Provider), Name: in.Body.Name, Credentials: in.Body.Credentials,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: toConnection(c)}, nil
}

func (s *server) listConnections(ctx context.Context, _ *struct{}) (reply, error) {
	all, err := s.Grants.Connections(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(app.Page[*zonehold.Connection]{Items: all}, toConnection)}, nil
}

// ConnectionRef is the path of a connection.
type ConnectionRef struct {
	ID string `path:"id" doc:"id of the connection" example:"con_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (c ConnectionRef) check() error {
	if !zonehold.ValidID(zonehold.PrefixConnection, c.ID) {
		return fault(codeNotFound, "The account has no such connection.")
	}
	return nil
}

func (s *server) testConnection(ctx context.Context, in *ConnectionRef) (reply, error) {
	return one(ctx, in.check(), in.ID, s.Grants.TestConnection, toConnection)
}

// Forcing is the parameter of removals that end proofs.
type Forcing struct {
	Force bool `query:"force" doc:"even if proofs rest on it; they lapse"`
}

// refused adds to a conflict how to do it all the same.
func (f Forcing) refused(err error) error {
	var ae *app.Error
	if f.Force || !errors.As(err, &ae) || ae.Kind != app.KindConflict || ae.Attempt != nil {
		return err
	}
	e := fault(codeConflict, sentence(ae.Message))
	e.Fixes = []string{"Repeat it with force=true; the proofs that rest on it then lapse"}
	return e
}

func (s *server) deleteConnection(ctx context.Context, in *struct {
	ConnectionRef
	Forcing
}) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	if err := s.Grants.Disconnect(ctx, actorOf(ctx), in.ID, in.Force); err != nil {
		return reply{}, in.refused(err)
	}
	return reply{status: http.StatusNoContent}, nil
}
