package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/perspective"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Time for asking others. A round is what all are asked at once; one more may
// follow where the first does not carry the verdict, and uses nothing of it
// (Baseline Requirements, section 3.2.2.9).
const (
	corroborationRounds = 2
	roundAtMost         = 20 * time.Second
	roundAtLeast        = 2 * time.Second
	keptForTheEnd       = 2 * time.Second // of the attempt, to write the result
	policyReadAtMost    = 5 * time.Second
)

// corroborate asks the other perspectives for the same check, and returns the
// report with what follows from their answers. It changes only verdicts that
// something rests on; it never turns a refusal into a proof. An error says that
// the database did not answer: the check is to run again.
func (a *App) corroborate(ctx context.Context, at *store.Attempt, d *store.Domain, c verify.Claim, r diagnose.Report) (diagnose.Report, error) {
	if !restsOn(d, r) {
		return r, nil
	}
	reading, done := context.WithTimeout(context.WithoutCancel(ctx), policyReadAtMost)
	policy, err := a.perspectivePolicy(reading, at.AccountID)
	done()
	if err != nil {
		a.log.Error("the policy of an account cannot be read", "attempt", at.ID, "err", err)
		return faultReport(at, d.Hostname, "our database did not answer"), err
	}
	m, known := verify.Lookup(r.Method)
	q, askable := perspective.NewRequest(a.cfg.Kit, r.Method, c)
	panel := a.cfg.Perspectives.Panel
	if !policy.Asks() || !known || !askable || panel.Len() == 0 && !policy.Decides() {
		return r, nil
	}
	q.ID = at.ID
	began := time.Now()
	var (
		results []perspective.Result
		verdict perspective.Verdict
	)
	for round := range corroborationRounds {
		limit := roundTime(ctx, corroborationRounds-round)
		if limit < roundAtLeast {
			if round == 0 {
				results = unasked(panel)
				verdict = perspective.Judge(policy, r.Outcome, results, a.now())
			}
			break
		}
		asking, cancel := context.WithTimeout(ctx, limit)
		results = panel.Ask(asking, q, m.Challenge(a.cfg.Kit, c))
		cancel()
		verdict = perspective.Judge(policy, r.Outcome, results, a.now())
		for _, res := range results {
			kind := perspective.Of(r.Outcome, res)
			r.Steps = append(r.Steps, perspectiveStep(res, kind))
			if res.Fault != perspective.FaultDown {
				a.cfg.Observer.PerspectiveAsked(res.Name, askedAs(kind), res.Took)
			}
		}
		if verdict.Stands || verdict.Reason == perspective.ReasonFew || ctx.Err() != nil {
			break
		}
	}
	r.Duration += time.Since(began)
	if verdict.Reason == perspective.ReasonFew && a.fewTold.due() {
		a.log.Error("nothing can be proved under a policy: too few perspectives", "account", at.AccountID,
			"policy", policy.String(), "demanded", verdict.Rule.Minimum, "configured", panel.Len())
	}
	return corroborated(r, d.Hostname, policy, verdict, results), nil
}

// minutely is for what would else be told with each check.
type minutely struct{ told atomic.Int64 }

// due reports whether a minute has passed since it last did.
func (m *minutely) due() bool {
	now, told := time.Now().UnixNano(), m.told.Load()
	return now-told >= int64(time.Minute) && m.told.CompareAndSwap(told, now)
}

// restsOn reports whether a state rests on the verdict: it proves the claim, or
// says that what proved it is gone.
func restsOn(d *store.Domain, r diagnose.Report) bool {
	switch r.Outcome {
	case zonehold.OutcomeVerified:
		return perspective.Asks(r.Method)
	case zonehold.OutcomeAbsent, zonehold.OutcomeMismatch:
		spare := slices.ContainsFunc(d.Spares, func(p zonehold.Proof) bool { return p.Method == r.Method })
		return perspective.Asks(r.Method) && d.State.Verified() && (r.Method == d.Method || spare)
	}
	return false
}

// roundTime is how long the next of so many rounds may take.
func roundTime(ctx context.Context, rounds int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return roundAtMost
	}
	return min(roundAtMost, (time.Until(deadline)-keptForTheEnd)/time.Duration(rounds))
}

// unasked are the results when the check itself took all the time.
func unasked(panel *perspective.Panel) (out []perspective.Result) {
	for _, s := range panel.Status() {
		out = append(out, perspective.Result{Name: s.Name, Region: s.Region, Network: s.Network, AskedAt: time.Now(),
			Fault: perspective.FaultTimeout, Detail: "the check took so long that no time was left to ask"})
	}
	return out
}

// askedAs is the word for metrics.
func askedAs(kind perspective.Kind) string {
	switch kind {
	case perspective.KindCorroborates, perspective.KindContradicts:
		return string(kind)
	}
	return "failed"
}

func perspectiveStep(r perspective.Result, kind perspective.Kind) zonehold.Step {
	return zonehold.Step{Name: "ask_perspective", Target: perspectiveTitle(r), StartedAt: r.AskedAt, Duration: r.Took,
		Result: perspectiveSaid(r), OK: kind == perspective.KindCorroborates}
}

// perspectiveTitle names a perspective for people.
func perspectiveTitle(r perspective.Result) string {
	if r.Network == "" {
		return fmt.Sprintf("%s (%s)", r.Name, r.Region)
	}
	return fmt.Sprintf("%s (%s, %s)", r.Name, r.Network, r.Region)
}

// perspectiveSaid is its answer in a few words.
func perspectiveSaid(r perspective.Result) string {
	switch {
	case r.Answer == nil:
		return string(r.Fault) + ": " + problem.Clean(r.Detail, 120)
	case r.Answer.Code == "":
		return string(r.Answer.Outcome)
	}
	return string(r.Answer.Outcome) + ", " + string(r.Answer.Code)
}

// corroborated puts what others saw, and what follows from it, into a report.
func corroborated(r diagnose.Report, host zonehold.Hostname, policy perspective.Policy, v perspective.Verdict, results []perspective.Result) diagnose.Report {
	primary := r.Outcome
	r.Perspectives = nil
	var notes []problem.Problem
	for _, res := range results {
		kind := perspective.Of(primary, res)
		r.Perspectives = append(r.Perspectives, perspectiveEvidence(res, kind))
		if kind != perspective.KindCorroborates {
			notes = append(notes, perspectiveNote(host, res, kind).AsNote())
		}
	}
	if !v.Stands {
		if r.Problem != nil {
			notes = append([]problem.Problem{r.Problem.AsNote()}, notes...)
		}
		p := quorumProblem(host, r.Method, primary, policy, v, results)
		r.Outcome, r.Problem = v.Outcome, &p
	}
	r.Notes = append(slices.Clone(r.Notes), notes...)
	return r
}

func perspectiveEvidence(r perspective.Result, kind perspective.Kind) evidence.Perspective {
	out := evidence.Perspective{Name: r.Name, Region: r.Region, Network: r.Network, AskedAt: r.AskedAt.UTC(), Duration: r.Took,
		Corroborates: kind == perspective.KindCorroborates, Code: string(r.Fault), Detail: r.Detail}
	if a := r.Answer; a != nil {
		out.Outcome, out.Code, out.Detail, out.Evidence = a.Outcome, string(a.Code), a.Detail, a.Evidence
	}
	return out
}

func perspectiveNote(host zonehold.Hostname, r perspective.Result, kind perspective.Kind) problem.Problem {
	f := problem.Facts{problem.FactDomain: string(host), problem.FactWhere: perspectiveTitle(r), problem.FactDetail: r.Detail}
	if r.Answer == nil {
		f[problem.FactStatus] = string(r.Fault)
		return problem.New("perspective_away", f)
	}
	f[problem.FactGot], f[problem.FactStatus] = string(r.Answer.Outcome), string(r.Answer.Outcome)
	f[problem.FactDetail] = r.Answer.Detail
	if r.Answer.Code != "" {
		f[problem.FactStatus] = string(r.Answer.Code)
		if e, ok := problem.Lookup(r.Answer.Code); ok {
			f[problem.FactGot] = e.Title
		}
	}
	if kind == perspective.KindBlind {
		return problem.New("perspective_cannot_see", f)
	}
	return problem.New("perspective_differs", f)
}

// quorumProblem says why the verdict of this perspective alone is not enough.
func quorumProblem(host zonehold.Hostname, m zonehold.Method, primary zonehold.Outcome, policy perspective.Policy, v perspective.Verdict, results []perspective.Result) problem.Problem {
	f := problem.Facts{
		problem.FactDomain: string(host), problem.FactMethod: string(m), problem.FactCount: strconv.Itoa(len(results)),
		problem.FactGot: "the proof is there",
	}
	if primary != zonehold.OutcomeVerified {
		f[problem.FactGot] = "the proof is not there"
	}
	code, blamed := problem.Code("perspectives_unavailable"), v.Away
	switch v.Reason {
	case perspective.ReasonFew:
		f[problem.FactDetail] = fmt.Sprintf("The policy %s demands at least %d perspectives; configured: %d.", policy.Mode, v.Rule.Minimum, len(results))
		return problem.New(code, f)
	case perspective.ReasonDisagree:
		code, blamed = "perspectives_disagree", v.Contradicted
	case perspective.ReasonBlind:
		code, blamed = "perspectives_cannot_see", v.Blind
	}
	f[problem.FactServers] = strings.Join(blamed, ", ")
	for _, r := range results {
		if len(blamed) > 0 && r.Name == blamed[0] {
			f[problem.FactDetail] = fmt.Sprintf("The answer of %s: %s.", perspectiveTitle(r), perspectiveSaid(r))
		}
	}
	return problem.New(code, f)
}
