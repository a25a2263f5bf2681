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
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
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

	// Perspectives are the answers of other networks that were asked for the
	// same check. Run and RunAll ask none.
	Perspectives []evidence.Perspective

	// Of a proof for which nothing was placed; see verify.Result.
	Source string
	Proves zonehold.Assurance
	Covers zonehold.Covers
	Until  time.Time
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
	defer run.end()
	s := newScene(kit, c, m, m.Check(run.ctx, kit, c))
	p, notes := s.explain(run.ctx)
	return run.report(s, p, notes)
}

// RunAutomatic checks the methods for which nothing has to be placed, in the
// order of zonehold.AutomaticMethods, until one verifies. The report of
// failures is that of the first one that had anything to go by, and has no
// method when there was none.
func RunAutomatic(ctx context.Context, kit *verify.Kit, c verify.Claim) Report {
	run := begin(ctx)
	defer run.end()
	done, missed := run.automatic(kit, c)
	switch {
	case done != nil:
		return *done
	case missed != nil:
		return *missed
	}
	p := problem.New("automatic_nothing_known", problem.Facts{problem.FactDomain: string(c.Hostname)})
	return Report{Outcome: zonehold.OutcomeAbsent, Problem: &p, StartedAt: run.start, Duration: time.Since(run.start)}
}

// automatic returns the report of the first automatic method that verified,
// and else that of the first applicable one.
func (r *running) automatic(kit *verify.Kit, c verify.Claim) (done, missed *Report) {
	for _, name := range zonehold.AutomaticMethods() {
		m, ok := verify.Lookup(name)
		if !ok {
			continue
		}
		if ok, _ := verify.Applicable(kit, c, m); !ok {
			continue
		}
		s := newScene(kit, c, m, m.Check(r.ctx, kit, c))
		p, notes := s.explain(r.ctx)
		report := r.report(s, p, notes)
		if s.verified() {
			return &report, nil
		}
		if missed == nil {
			missed = &report
		}
	}
	return nil, missed
}

// RunAll checks every applicable method, cheapest first, until one verifies:
// what is known already, then the records, and only without a proof there the
// web site. The registration is asked only when somebody wants that. The
// report of failures is the most telling one: the first, in the same order, at
// which the person came close; else that of the first method that places
// something.
func RunAll(ctx context.Context, kit *verify.Kit, c verify.Claim) Report {
	run := begin(ctx)
	defer run.end()
	if done, _ := run.automatic(kit, c); done != nil {
		return *done
	}
	var records, pages []verify.Method
	for _, m := range verify.Placed() {
		switch ok, _ := verify.Applicable(kit, c, m); {
		case !ok || !equipped(kit, m):
		case kinds[m.Name()]&onDNS != 0:
			records = append(records, m)
		default:
			pages = append(pages, m)
		}
	}
	var failed []*attempt
	for _, m := range records {
		a := &attempt{scene: newScene(kit, c, m, m.Check(run.ctx, kit, c))}
		if a.scene.verified() {
			_, notes := a.scene.explain(run.ctx)
			return run.report(a.scene, nil, notes)
		}
		failed = append(failed, a)
	}

	// A web site may take its time to fail; meanwhile the records are explained.
	var wg sync.WaitGroup
	for _, a := range failed {
		wg.Go(func() { a.explain(run.ctx) })
	}
	sites := make([]*attempt, len(pages))
	for i, m := range pages {
		wg.Go(func() { sites[i] = &attempt{scene: newScene(kit, c, m, m.Check(run.ctx, kit, c))} })
	}
	wg.Wait()
	for _, a := range sites {
		if a.scene.verified() {
			a.explain(run.ctx)
			return run.report(a.scene, nil, a.notes)
		}
	}
	failed = append(failed, sites...)
	if len(failed) == 0 {
		m := verify.Placed()[0]
		failed = append(failed, &attempt{scene: newScene(kit, c, m, m.Check(run.ctx, kit, c))})
	}
	told := failed[0]
	for i, a := range failed {
		if a.scene.method == zonehold.MethodTXTFile && i > 0 {
			continue // asked for by name only; it fails like the other file
		}
		if a.explain(run.ctx); nearMiss[a.problem.Code] {
			told = a
			break
		}
	}
	report := run.report(told.scene, told.problem, told.notes)
	if report.DNSHost == nil {
		report.DNSHost = failed[0].scene.host()
	}
	return report
}

// attempt is one failed method of RunAll.
type attempt struct {
	scene   *scene
	once    sync.Once
	problem *problem.Problem
	notes   []problem.Problem
}

func (a *attempt) explain(ctx context.Context) {
	a.once.Do(func() { a.problem, a.notes = a.scene.explain(ctx) })
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

// end frees the context and hands the steps on to the caller's own trace.
func (r *running) end() {
	r.cancel()
	for _, st := range r.trace.Steps() {
		r.outer.Add(st)
	}
}

func (r *running) steps() []zonehold.Step {
	steps := r.trace.Steps()
	slices.SortStableFunc(steps, func(a, b zonehold.Step) int { return a.StartedAt.Compare(b.StartedAt) })
	return steps
}

func (r *running) report(s *scene, p *problem.Problem, notes []problem.Problem) Report {
	return Report{
		Method: s.method, Outcome: s.result.Outcome, Problem: p, Notes: notes, Steps: veilSteps(s.claim, r.steps()),
		Evidence: s.result.Evidence, DNSHost: s.host(), StartedAt: r.start, Duration: time.Since(r.start),
		Source: s.result.Source, Proves: s.result.Proves, Covers: s.result.Covers, Until: s.result.Until,
	}
}
