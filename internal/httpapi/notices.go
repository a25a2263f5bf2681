package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) noticeCalls(h huma.API) {
	register(s, h, call{
		id: "get-notices", method: http.MethodGet, path: "/v1/notices", tag: "Notices", summary: "Who gets mail about what changes",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Notices{}},
	}, s.getNotices)
	register(s, h, call{
		id: "set-notices", method: http.MethodPut, path: "/v1/notices", tag: "Notices", summary: "Choose who gets mail, and about what",
		doc:   "Replaces the choice as a whole; what is absent is the default. Only addresses that the account has confirmed get mails.",
		rules: rules{scope: zonehold.ScopeDomainsWrite, bucket: writes}, replies: map[int]any{200: api.Notices{}}, errors: []int{408, 413, 415, 422},
	}, s.setNotices)
}

func (s *server) getNotices(ctx context.Context, _ *struct{}) (reply, error) {
	n, err := s.Notices.Notices(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: toNotices(n)}, nil
}

func (s *server) setNotices(ctx context.Context, in *struct{ Body api.SetNotices }) (reply, error) {
	n, err := s.Notices.SetNotices(ctx, actorOf(ctx), app.SetNotices{Addresses: &in.Body.Addresses, Events: &in.Body.Events})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toNotices(n)}, nil
}

func toNotices(n *app.NoticeSettings) api.Notices {
	out := api.Notices{Addresses: append([]string{}, n.Addresses...), Default: !n.Chosen, Events: []string{}, Known: []string{}, Problem: text(n.Problem())}
	for _, e := range n.Events {
		out.Events = append(out.Events, string(e))
	}
	for _, e := range n.Known {
		out.Known = append(out.Known, string(e))
	}
	return out
}
