package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/problem"
)

func (s *server) problemCalls(h huma.API) {
	register(s, h, call{
		id: "list-problems", method: http.MethodGet, path: "/v1/problems", tag: "Problems", summary: "The catalogue of problems",
		doc:   "Every cause that a check can name, with what to change. No token is needed.",
		rules: rules{public: true}, replies: map[int]any{200: api.Page[api.Entry]{}, 304: nil},
	}, func(context.Context, *struct{}) (reply, error) {
		page := api.Page[api.Entry]{Items: []api.Entry{}}
		for _, e := range problem.Catalogue() {
			page.Items = append(page.Items, Entry(e))
		}
		return reply{body: page, tagged: true}, nil
	})
	register(s, h, call{
		id: "get-problem", method: http.MethodGet, path: "/v1/problems/{code}", tag: "Problems", summary: "One problem of the catalogue",
		rules: rules{public: true}, replies: map[int]any{200: api.Entry{}, 304: nil}, errors: []int{404},
	}, func(_ context.Context, in *struct {
		Code string `path:"code" example:"dns_doubled_label"`
	}) (reply, error) {
		e, ok := problem.Lookup(problem.Code(in.Code))
		if !ok {
			return reply{}, fault(codeNotFound, "The catalogue has no problem of that code; GET /v1/problems lists them.")
		}
		return reply{body: Entry(e), tagged: true}, nil
	})
}
