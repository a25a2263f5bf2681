package verify

import (
	"context"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// Ground is one thing on record that a check without a placed proof looked
// at.
type Ground struct {
	Kind   string // "domain", "delegation", "policy", "mailbox", "mail_code", "connection"
	ID     string
	By     string // who gave it
	Reason string // as that one wrote it
	Detail string
	Since  time.Time
	Until  time.Time // zero: no end is set
	Counts bool      // the proof rests on it
}

// What stands in the way of a method that rests on what is on record.
const (
	nothingKnown = "Only a service that knows the account can use this method."
	notOnRecord  = "Nothing on record gives this name to the account."
)

// granted is the frame of the methods for which nothing is placed. They ask
// only what is on record, and some of them the DNS whether it reaches this
// name.
type granted struct {
	name   zonehold.Method
	proves zonehold.Assurance
	// has reports whether anything on record may apply, and in a sentence why
	// not.
	has func(kit *Kit, c Claim) (bool, string)
	// judge gives the verdict.
	judge func(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) Result
}

func (g granted) Name() zonehold.Method { return g.name }

func (g granted) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch := zonehold.Challenge{Method: g.name, Automatic: true, Proves: g.proves, Covers: g.proves.Covers()}
	switch {
	case c.Hostname == "":
		ch.Reason = notHostname
	case c.Standing == nil:
		ch.Reason = nothingKnown
	default:
		ch.Applicable, ch.Reason = g.has(kit, c)
	}
	return ch
}

func (g granted) Check(ctx context.Context, kit *Kit, c Claim) Result {
	facts := ChallengeFacts(zonehold.Challenge{Method: g.name}, c)
	if c.Hostname == "" {
		return notApplicable(g.Challenge(kit, c), c)
	}
	if c.Standing == nil {
		return Result{Method: g.name, Outcome: zonehold.OutcomeRefused,
			Problem: &Finding{"automatic_nothing_known", with(facts, problem.FactDetail, nothingKnown)}}
	}
	r := g.judge(ctx, kit, c, facts)
	r.Method = g.name
	if r.Outcome == zonehold.OutcomeVerified {
		if r.Proves == "" {
			r.Proves = g.proves
		}
		if r.Covers == "" {
			r.Covers = r.Proves.Covers()
		}
	}
	return finish(ctx, r)
}

// anyOf judges grounds, of which there is one at least, until one verifies. Else
// the first that could not be judged counts, as it may be the one that holds,
// and else the first.
func anyOf[G any](grounds []G, judge func(G) Result) Result {
	var first *Result
	for _, g := range grounds {
		r := judge(g)
		if r.Outcome == zonehold.OutcomeVerified {
			return r
		}
		if first == nil || first.Outcome != zonehold.OutcomeInconclusive && r.Outcome == zonehold.OutcomeInconclusive {
			first = &r
		}
	}
	return *first
}

// no is a verdict against the claim.
func no(o zonehold.Outcome, code problem.Code, facts problem.Facts, pairs ...string) Result {
	return Result{Outcome: o, Problem: &Finding{code, with(facts, pairs...)}}
}

// day writes a date for people.
func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// sentence joins clauses that are there.
func sentence(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " ")
}
