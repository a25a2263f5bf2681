package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

const maxWait = 60 * time.Second

// Waiting is the parameter that holds a reply back.
type Waiting struct {
	Wait string `query:"wait" doc:"hold the reply until the check ended or that long, at most 60s" example:"10s"`
}

// duration reads "10s", "500ms" or "10"; more than a minute is a minute.
func (p Waiting) duration() (time.Duration, error) {
	if p.Wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(p.Wait)
	if n, e := strconv.ParseUint(p.Wait, 10, 16); e == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < 0 {
		return 0, badParameter("wait", "Write a duration such as 10s.")
	}
	return min(d, maxWait), nil
}

// AttemptRef is the path of an attempt.
type AttemptRef struct {
	ID string `path:"id" doc:"id of the attempt" example:"att_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (s *server) attemptCalls(h huma.API) {
	register(s, h, call{
		id: "start-attempt", method: http.MethodPost, path: "/v1/domains/{ref}/attempts", tag: "Attempts", summary: "Check a domain",
		doc:     "Starts a check. The reply is 200 when it ended within wait, else 202 with its place in Location. A check that says no is a 200 with its outcome.",
		rules:   rules{scope: zonehold.ScopeChecksRun, bucket: checks},
		replies: map[int]any{200: api.Attempt{}, 202: api.Attempt{}}, located: true, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.startAttempt)
	register(s, h, call{
		id: "list-attempts", method: http.MethodGet, path: "/v1/domains/{ref}/attempts", tag: "Attempts", summary: "List the checks of a domain",
		doc:   "Newest first.",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Attempt]{}}, errors: []int{404},
	}, s.listAttempts)
	register(s, h, call{
		id: "get-attempt", method: http.MethodGet, path: "/v1/attempts/{id}", tag: "Attempts", summary: "Show a check",
		doc:     "With wait the reply is held back until the check ended.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: reads},
		replies: map[int]any{200: api.Attempt{}, 304: nil}, errors: []int{404},
	}, s.getAttempt)
	register(s, h, call{
		id: "get-evidence", method: http.MethodGet, path: "/v1/attempts/{id}/evidence", tag: "Attempts", summary: "Export the evidence of a check",
		doc:     "A signed bundle of everything that was seen: answers of name servers with what validates them, headers and bodies, byte for byte where that is possible. It is in the form that `zonehold evidence verify` reads; keep it as it is.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: reads},
		replies: map[int]any{200: map[string]any{}, 304: nil}, errors: []int{404},
	}, s.getEvidence)
}

type startAttemptInput struct {
	DomainRef
	Waiting
	Body *api.StartAttempt
}

func (s *server) startAttempt(ctx context.Context, in *startAttemptInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	hold, err := in.duration()
	if err != nil {
		return reply{}, err
	}
	var method zonehold.Method
	if in.Body != nil {
		if method, err = optionalMethod(in.Body.Method); err != nil {
			return reply{}, badField("method", "This is not a method, such as dns_txt.")
		}
	}
	a, err := s.Service.StartAttempt(ctx, actorOf(ctx), in.Ref, method, zonehold.TriggerRequest)
	if err != nil {
		return reply{}, err
	}
	// Who may run a check may read how it ended, also without domains:read.
	reader := actorOf(ctx)
	reader.Scopes = append(slices.Clone(reader.Scopes), zonehold.ScopeDomainsRead)
	if a, err = s.hold(ctx, reader, a, hold); err != nil {
		return reply{}, err
	}
	rep := reply{body: toAttempt(a)}
	if !a.State.Finished() {
		rep.status, rep.location, rep.retry = http.StatusAccepted, "/v1/attempts/"+a.ID, time.Second
	}
	return rep, nil
}

// hold waits for an attempt to end, for d at most.
func (s *server) hold(ctx context.Context, reader zonehold.Actor, a *app.Attempt, d time.Duration) (*app.Attempt, error) {
	if a.State.Finished() || d <= 0 {
		return a, nil
	}
	waitCtx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	latest, err := s.Service.WaitAttempt(waitCtx, reader, a.ID)
	switch {
	case err == nil:
		return latest, nil
	case waitCtx.Err() != nil && ctx.Err() == nil: // not an error of the check
		return s.Service.Attempt(ctx, reader, a.ID)
	}
	return nil, err
}

type listAttemptsInput struct {
	DomainRef
	Pages
}

func (s *server) listAttempts(ctx context.Context, in *listAttemptsInput) (reply, error) {
	if err := in.DomainRef.check(); err != nil {
		return reply{}, err
	}
	if err := in.Pages.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Service.Attempts(ctx, actorOf(ctx), in.Ref, in.Limit, in.Cursor)
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, toAttempt)}, nil
}

// check refuses ids that no attempt has.
func (a AttemptRef) check() error {
	if !zonehold.ValidID(zonehold.PrefixAttempt, a.ID) {
		return fault(codeNotFound, "There is no such attempt.")
	}
	return nil
}

type getAttemptInput struct {
	AttemptRef
	Waiting
}

func (s *server) getAttempt(ctx context.Context, in *getAttemptInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	hold, err := in.duration()
	if err != nil {
		return reply{}, err
	}
	a, err := s.Service.Attempt(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return reply{}, err
	}
	if a, err = s.hold(ctx, actorOf(ctx), a, hold); err != nil {
		return reply{}, err
	}
	rep := reply{body: toAttempt(a), tagged: true}
	if !a.State.Finished() {
		rep.retry = time.Second
	}
	return rep, nil
}

func (s *server) getEvidence(ctx context.Context, in *AttemptRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	return s.bundle(ctx, true, func() ([]byte, error) { return s.Service.Evidence(ctx, actorOf(ctx), in.ID) })
}
