// Package diagnose finds the one true cause behind a failed check.
//
// A check says "no" and shows what it saw. The detectors of this package look
// at that, ask a few more questions, and name the cause that the evidence
// supports best; what else is odd becomes notes. A detector never guesses:
// without evidence the plain miss stands.
package diagnose

import (
	"context"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Limits of one diagnosis. They bound what a failed check costs the domain's
// servers (threat T12) and how long a person waits.
const (
	maxTime    = 5 * time.Second
	maxQueries = 40
	maxFetches = 8
	maxOwn     = 5 // tokens looked up in our own data
	// maxCached bounds the look at the caches after a "yes".
	maxCached = 300 * time.Millisecond
	// checkTime is for callers without a deadline.
	checkTime = 30 * time.Second
)

// Report is a check with its explanation: what the service stores and the CLI
// prints.
type Report struct {
	Method    zonehold.Method
	Outcome   zonehold.Outcome
	Problem   *problem.Problem  // nil if verified
	Notes     []problem.Problem // oddities, and causes beside the primary one
	Steps     []zonehold.Step   // of the check and of the diagnosis, in order of start
	Evidence  verify.Evidence
	DNSHost   *DNSHost // who serves the zone, where known
	StartedAt time.Time
	Duration  time.Duration
}

// DNSHost is a known provider of DNS.
type DNSHost struct {
	Name            string `json:"name"`
	ControlPanelURL string `json:"control_panel_url"`
	// AppendsZone: its panel appends the zone to what is typed as a name.
	AppendsZone bool `json:"-"`
}

// Run checks one method and, when the answer is not "verified", explains it.
func Run(ctx context.Context, kit *verify.Kit, m verify.Method, c verify.Claim) Report {
	run := begin(ctx)
	defer run.cancel()
	r := m.Check(run.ctx, kit, c)
	s := newScene(kit, c, m, r)
	p, notes := s.explain(run.ctx)
	return run.report(s, p, notes)
}

// RunAll checks every applicable method, cheapest first, until one verifies.
// The report of the others is the most telling one: the first, in the same
// order, at which the person came close; else the first of all.
func RunAll(ctx context.Context, kit *verify.Kit, c verify.Claim) Report {
	run := begin(ctx)
	defer run.cancel()
	var failed []*scene
	for _, m := range verify.Methods() {
		if ok, _ := verify.Applicable(kit, c, m); !ok || !equipped(kit, m) {
			continue
		}
		r := m.Check(run.ctx, kit, c)
		s := newScene(kit, c, m, r)
		if r.Outcome == zonehold.OutcomeVerified {
			_, notes := s.explain(run.ctx)
			return run.report(s, nil, notes)
		}
		failed = append(failed, s)
		if run.ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 0 {
		m := verify.Methods()[0]
		s := newScene(kit, c, m, m.Check(run.ctx, kit, c))
		p, notes := s.explain(run.ctx)
		return run.report(s, p, notes)
	}
	var first Report
	for i, s := range failed {
		if s.method == zonehold.MethodTXTFile && i > 0 {
			continue // asked for by name only; it fails like "file"
		}
		p, notes := s.explain(run.ctx)
		report := run.report(s, p, notes)
		if p != nil && nearMiss[p.Code] {
			return report
		}
		if i == 0 {
			first = report
		}
		if run.ctx.Err() != nil {
			break
		}
	}
	first.Steps = run.steps()
	return first
}

// Explain names the primary cause of a result that is not verified, and the
// notes beside it.
func Explain(ctx context.Context, kit *verify.Kit, c verify.Claim, r verify.Result) (*problem.Problem, []problem.Problem) {
	m, ok := verify.Lookup(r.Method)
	if !ok {
		p := problem.New("verifier_fault", problem.Facts{problem.FactDomain: string(c.Hostname), problem.FactDetail: "unknown method"})
		return &p, nil
	}
	return newScene(kit, c, m, r).explain(ctx)
}

// equipped reports whether the kit has what the method works with.
func equipped(kit *verify.Kit, m verify.Method) bool {
	if m.Name() == zonehold.MethodDNSTXT || m.Name() == zonehold.MethodDNSCNAME {
		return kit.DNS != nil
	}
	return kit.Web != nil
}

// running is a check under way.
type running struct {
	ctx    context.Context
	cancel context.CancelFunc
	trace  *probe.Trace
	outer  *probe.Trace
	start  time.Time
}

func begin(ctx context.Context) *running {
	r := &running{trace: new(probe.Trace), outer: probe.TraceFrom(ctx), start: time.Now()}
	ctx = probe.WithTrace(ctx, r.trace)
	if _, ok := ctx.Deadline(); ok {
		r.ctx, r.cancel = context.WithCancel(ctx)
	} else {
		r.ctx, r.cancel = context.WithTimeout(ctx, checkTime)
	}
	return r
}

func (r *running) steps() []zonehold.Step {
	steps := r.trace.Steps()
	slices.SortStableFunc(steps, func(a, b zonehold.Step) int { return a.StartedAt.Compare(b.StartedAt) })
	return steps
}

func (r *running) report(s *scene, p *problem.Problem, notes []problem.Problem) Report {
	steps := r.steps()
	for _, st := range steps {
		r.outer.Add(st)
	}
	return Report{
		Method: s.method, Outcome: s.result.Outcome, Problem: p, Notes: notes, Steps: steps,
		Evidence: s.result.Evidence, DNSHost: s.host(), StartedAt: r.start, Duration: time.Since(r.start),
	}
}
