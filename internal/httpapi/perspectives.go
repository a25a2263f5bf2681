package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) perspectiveCalls(h huma.API) {
	register(s, h, call{
		id: "list-perspectives", method: http.MethodGet, path: "/v1/perspectives", tag: "Perspectives", summary: "List the perspectives",
		doc:   "The other networks from which proofs are checked, as this process knows them.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: reads}, replies: map[int]any{200: api.Perspectives{}},
	}, s.listPerspectives)
	register(s, h, call{
		id: "check-perspectives", method: http.MethodPost, path: "/v1/perspectives/check", tag: "Perspectives", summary: "Ask each perspective how it is",
		doc:   "At most ten seconds; no domain is checked.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: checks}, replies: map[int]any{200: api.Perspectives{}}, errors: []int{409, 422},
	}, s.checkPerspectives)
}

// Perspectives gives a list the form it has on the wire.
func Perspectives(l *app.PerspectiveList) api.Perspectives {
	out := api.Perspectives{Policy: string(l.Policy.Mode), Items: make([]api.Perspective, 0, len(l.Items))}
	if l.Policy.Decides() {
		out.Demand = &api.Quorum{Minimum: l.Rule.Minimum, AllowedFailures: l.Rule.Allowed, Regions: l.Rule.Regions}
	}
	for _, it := range l.Items {
		p := api.Perspective{
			Name: it.Name, Region: it.Region, Network: text(it.Network), URL: it.URL, State: it.State, Since: when(it.Since),
			NextTryAt: when(it.NextTry), LastAnswerAt: when(it.LastAnswer), Detail: text(it.Detail), Software: text(it.Software),
		}
		if !it.LastAnswer.IsZero() {
			ms := it.Took.Milliseconds()
			p.TookMS = &ms
		}
		out.Items = append(out.Items, p)
	}
	return out
}

func (s *server) listPerspectives(ctx context.Context, _ *struct{}) (reply, error) {
	l, err := s.Config.Perspectives.Perspectives(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: Perspectives(l)}, nil
}

func (s *server) checkPerspectives(ctx context.Context, _ *struct{}) (reply, error) {
	l, err := s.Config.Perspectives.CheckPerspectives(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: Perspectives(l)}, nil
}
