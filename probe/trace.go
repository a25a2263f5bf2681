package probe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
)

// MaxSteps bounds a trace; later steps are counted but not kept.
const MaxSteps = 200

// Trace collects the steps of one check. Its methods are safe for concurrent
// use and on a nil Trace, which records nothing.
type Trace struct {
	mu      sync.Mutex
	steps   []zonehold.Step
	dropped int
}

type traceKey struct{}

// WithTrace returns a context whose probes record their steps in t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceFrom returns the trace of ctx, or nil, which is a valid Trace that
// records nothing.
func TraceFrom(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// Add records a finished step.
func (t *Trace) Add(s zonehold.Step) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) >= MaxSteps {
		t.dropped++
		return
	}
	t.steps = append(t.steps, s)
}

// Start begins a step; call End on the result exactly once.
func (t *Trace) Start(name, target string) Span {
	if t == nil {
		return Span{}
	}
	return Span{trace: t, name: name, target: target, start: time.Now()}
}

// Record adds a step that began then and ends now, for callers that know its
// target only afterwards.
func (t *Trace) Record(name, target string, began time.Time, ok bool, format string, args ...any) {
	Span{trace: t, name: name, target: target, start: began}.End(ok, format, args...)
}

// Steps returns a copy of the steps that have ended so far, in the order they
// began.
func (t *Trace) Steps() []zonehold.Step {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := slices.Clone(t.steps)
	slices.SortStableFunc(steps, func(a, b zonehold.Step) int { return a.StartedAt.Compare(b.StartedAt) })
	return steps
}

// Dropped counts the steps that did not fit.
func (t *Trace) Dropped() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropped
}

// Span is a step under way.
type Span struct {
	trace        *Trace
	name, target string
	start        time.Time
}

// End records the step with its result.
func (s Span) End(ok bool, format string, args ...any) {
	if s.trace == nil {
		return
	}
	s.trace.Add(zonehold.Step{
		Name: s.name, Target: s.target, StartedAt: s.start,
		Duration: time.Since(s.start), Result: fmt.Sprintf(format, args...), OK: ok,
	})
}
