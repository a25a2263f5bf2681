package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
)

func (s *server) breakerCalls(h huma.API) {
	register(s, h, call{
		id: "list-breakers", method: http.MethodGet, path: "/v1/breakers", tag: "Breakers", summary: "List breakers",
		doc:   "Newest first; those that are open, unless all is set. The closed ones of a year are kept; the list has at most 500.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: reads}, replies: map[int]any{200: api.Page[api.Breaker]{}},
	}, s.listBreakers)
	register(s, h, call{
		id: "reset-breaker", method: http.MethodPost, path: "/v1/breakers/{id}/reset", tag: "Breakers", summary: "Let what is missing count",
		doc:   "Closes the breaker. What it held back is checked again at once and counts; for a day, so does what is found missing there anew.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: writes}, replies: map[int]any{200: api.Breaker{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.resetBreaker)
	register(s, h, call{
		id: "hold-breaker", method: http.MethodPost, path: "/v1/breakers/{id}/hold", tag: "Breakers", summary: "Keep a breaker open",
		doc:   "Until the time is over nothing is looked at again by itself, and nothing it holds back counts.",
		rules: rules{scope: zonehold.ScopeOperator, bucket: writes}, replies: map[int]any{200: api.Breaker{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.holdBreaker)
}

// Breaker gives a breaker the form it has on the wire.
func Breaker(b *zonehold.Breaker) api.Breaker {
	names := b.Names
	if names == nil {
		names = []string{}
	}
	place := b.Place
	if b.Scope == zonehold.BreakerAll {
		place = ""
	}
	return api.Breaker{
		ID: b.ID, Scope: string(b.Scope), Place: text(place), Reason: string(b.Reason), State: string(b.State),
		Missing: b.Flips, Checked: b.Checked, Held: b.Held, Hostnames: names, TrippedAt: b.TrippedAt.UTC(), Until: b.Until.UTC(),
		EndsAt: when(b.EndsAt), Pinned: b.Pinned, ClosedAt: when(b.ClosedAt), Outcome: text(string(b.Outcome)), By: text(b.By), Note: text(b.Note),
	}
}

type listBreakersInput struct {
	All bool `query:"all" doc:"closed ones too"`
}

func (s *server) listBreakers(ctx context.Context, in *listBreakersInput) (reply, error) {
	list, err := s.Breakers.Breakers(ctx, actorOf(ctx), in.All)
	if err != nil {
		return reply{}, err
	}
	page := api.Page[api.Breaker]{Items: make([]api.Breaker, len(list))}
	for i, b := range list {
		page.Items[i] = Breaker(b)
	}
	return reply{body: page}, nil
}

// BreakerRef is the path of a breaker.
type BreakerRef struct {
	ID string `path:"id" doc:"id of the breaker" example:"brk_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (r BreakerRef) check() error {
	if !zonehold.ValidBreakerID(r.ID) {
		return fault(codeNotFound, "There is no such breaker.")
	}
	return nil
}

// by is who acts: as given, or the token's account.
func by(ctx context.Context, given string) string {
	if given == "" {
		return actorOf(ctx).Account.Name
	}
	return given
}

type resetBreakerInput struct {
	BreakerRef
	Body api.ResetBreaker
}

func (s *server) resetBreaker(ctx context.Context, in *resetBreakerInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	b, err := s.Breakers.ResetBreaker(ctx, actorOf(ctx), in.ID, by(ctx, in.Body.By), in.Body.Reason)
	if err != nil {
		return reply{}, err
	}
	return reply{body: Breaker(b)}, nil
}

type holdBreakerInput struct {
	BreakerRef
	Body api.HoldBreaker
}

func (s *server) holdBreaker(ctx context.Context, in *holdBreakerInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	d := time.Duration(in.Body.Hours * float64(time.Hour))
	b, err := s.Breakers.HoldBreaker(ctx, actorOf(ctx), in.ID, d, by(ctx, in.Body.By), in.Body.Reason)
	if err != nil {
		return reply{}, err
	}
	return reply{body: Breaker(b)}, nil
}
