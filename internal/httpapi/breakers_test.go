package httpapi

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

const breakerID = "brk_06c4b1q2v8h3k5n7p9r1s3t5u0"

// fakeBreakers is an app.Breakers for the shapes of HTTP, as service is.
type fakeBreakers struct {
	list  func(all bool) ([]*zonehold.Breaker, error)
	reset func(id, by, reason string) (*zonehold.Breaker, error)
	hold  func(id string, d time.Duration, by, reason string) (*zonehold.Breaker, error)
}

var _ app.Breakers = (*fakeBreakers)(nil)

func (f *fakeBreakers) Breakers(_ context.Context, _ zonehold.Actor, all bool) ([]*zonehold.Breaker, error) {
	return f.list(all)
}

func (f *fakeBreakers) ResetBreaker(_ context.Context, _ zonehold.Actor, id, by, reason string) (*zonehold.Breaker, error) {
	return f.reset(id, by, reason)
}

func (f *fakeBreakers) HoldBreaker(_ context.Context, _ zonehold.Actor, id string, d time.Duration, by, reason string) (*zonehold.Breaker, error) {
	return f.hold(id, d, by, reason)
}

func aBreaker() *zonehold.Breaker {
	return &zonehold.Breaker{
		ID: breakerID, Scope: zonehold.BreakerHost, Place: "dns-host.example", Reason: zonehold.BreakerFlips, State: zonehold.BreakerOpen,
		Flips: 12, Checked: 40, Held: 30, Names: []string{"a.example", "b.example"}, TrippedAt: t0, Hold: time.Hour,
		Until: t0.Add(time.Hour), EndsAt: t0.Add(24 * time.Hour),
	}
}

var breakerCases = []wireCase{
	{"breaker_list", "GET /v1/breakers?all=true", "", []string{operator}, func(b *bench) {
		b.breakers.list = func(all bool) ([]*zonehold.Breaker, error) {
			canary := &zonehold.Breaker{ID: "brk_06c4b1q2v8h3k5n7p9r1s3t5v0", Scope: zonehold.BreakerAll, Place: "canaries", Reason: zonehold.BreakerCanary,
				State: zonehold.BreakerClosed, TrippedAt: t0, Until: t0.Add(time.Hour), ClosedAt: t0.Add(time.Minute), Outcome: zonehold.BreakerRecovered}
			return []*zonehold.Breaker{aBreaker(), canary}, expect(true, all)
		}
	}},
	{"breaker_list_admin", "GET /v1/breakers", "", []string{all}, nil},
	{"breaker_reset", "POST /v1/breakers/" + breakerID + "/reset", `{"reason":"the host has closed down"}`, []string{operator}, func(b *bench) {
		b.breakers.reset = func(id, by, reason string) (*zonehold.Breaker, error) {
			c := aBreaker()
			c.State, c.Outcome, c.ClosedAt, c.By, c.Note = zonehold.BreakerClosed, zonehold.BreakerReset, t0.Add(time.Minute), by, reason
			return c, expect([]string{breakerID, "anna", "the host has closed down"}, []string{id, by, reason})
		}
	}},
	{"breaker_reset_closed", "POST /v1/breakers/" + breakerID + "/reset", `{"by":"carol","reason":"r"}`, []string{operator}, func(b *bench) {
		b.breakers.reset = func(id, by, reason string) (*zonehold.Breaker, error) {
			return nil, refusal(app.KindConflict, "This breaker is closed already.")
		}
	}},
	{"breaker_reset_bad_id", "POST /v1/breakers/s3cret/reset", `{"reason":"r"}`, []string{operator}, nil},
	{"breaker_hold", "POST /v1/breakers/" + breakerID + "/hold", `{"by":"carol","reason":"they repair it","hours":1.5}`, []string{operator}, func(b *bench) {
		b.breakers.hold = func(id string, d time.Duration, by, reason string) (*zonehold.Breaker, error) {
			c := aBreaker()
			c.Pinned, c.By, c.Note, c.Until = true, by, reason, t0.Add(d)
			return c, expect([]any{breakerID, 90 * time.Minute, "carol", "they repair it"}, []any{id, d, by, reason})
		}
	}},
	{"breaker_hold_bad_fields", "POST /v1/breakers/" + breakerID + "/hold", `{"reason":"r","hours":169}`, []string{operator}, nil},
}
