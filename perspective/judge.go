package perspective

import (
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// Kind says what an answer does for the verdict of who asked.
type Kind string

const (
	KindCorroborates Kind = "corroborated" // saw the same
	KindContradicts  Kind = "contradicted" // could ask, and saw something else
	KindBlind        Kind = "blind"        // answered, but could not ask the domain's servers
	KindAway         Kind = "away"         // gave no answer that counts
)

// Reason says why a verdict does not stand.
type Reason string

const (
	ReasonDisagree Reason = "disagree" // too many saw something else
	ReasonBlind    Reason = "blind"    // too many could not ask the domain's servers
	ReasonAway     Reason = "away"     // too many perspectives gave no answer
	ReasonFew      Reason = "few"      // too few are configured
)

// Verdict is what follows from a round of answers.
type Verdict struct {
	Outcome zonehold.Outcome // the primary's if it stands, else refused or inconclusive
	Stands  bool
	Reason  Reason // "" if it stands
	Rule    Rule   // zero: nothing was demanded
	// Names of the perspectives, by what they did, in the order of the results.
	Corroborated, Contradicted, Blind, Away []string
}

// Of says what a result does for an outcome of the primary. Absent and
// mismatch say the same: the proof is not there.
func Of(primary zonehold.Outcome, r Result) Kind {
	switch {
	case r.Answer == nil:
		return KindAway
	case !r.Answer.Completed:
		return KindBlind
	case gone(primary) && gone(r.Answer.Outcome), r.Answer.Outcome == primary:
		return KindCorroborates
	}
	return KindContradicts
}

func gone(o zonehold.Outcome) bool {
	return o == zonehold.OutcomeAbsent || o == zonehold.OutcomeMismatch
}

// Judge says what the answers of one round do to the verdict of the primary
// perspective. It judges verified, absent and mismatch; the other outcomes
// stand as they are, because nothing rests on them.
//
//   - A proof stands when no more perspectives than allowed fail to
//     corroborate it, for whatever reason, and the corroborating ones are in
//     enough regions. Else it is refused if what was seen decides that, and
//     inconclusive if only missing answers do.
//   - An absence stands when at least two perspectives (one, if there is only
//     one) could ask, more of them agree than disagree, no more disagree than
//     allowed, and those that agree are in enough regions. A missing answer is
//     no agreement: an outage of perspectives never makes a proof absent.
func Judge(p Policy, primary zonehold.Outcome, results []Result, now time.Time) Verdict {
	v := Verdict{Outcome: primary, Stands: true}
	regions := map[Kind][]string{}
	for _, r := range results {
		kind := Of(primary, r)
		list := map[Kind]*[]string{
			KindCorroborates: &v.Corroborated, KindContradicts: &v.Contradicted, KindBlind: &v.Blind, KindAway: &v.Away,
		}[kind]
		*list = append(*list, r.Name)
		regions[kind] = append(regions[kind], r.Region)
	}
	if !p.Decides() || primary != zonehold.OutcomeVerified && !gone(primary) {
		return v
	}
	v.Rule = p.Rule(now, len(results))
	if len(results) < v.Rule.Minimum {
		return v.fails(ReasonFew)
	}
	// in counts the regions of the given kinds.
	in := func(kinds ...Kind) int {
		var all []string
		for _, k := range kinds {
			all = append(all, regions[k]...)
		}
		return len(slices.Compact(slices.Sorted(slices.Values(all))))
	}
	if primary == zonehold.OutcomeVerified {
		return v.proof(in)
	}
	return v.absence(len(results), in)
}

func (v Verdict) proof(in func(...Kind) int) Verdict {
	no, blind, away := len(v.Contradicted), len(v.Blind), len(v.Away)
	// The first line is the rule; the others ask what would be if the missing
	// answers had been good ones.
	switch r := v.Rule; {
	case no+blind+away <= r.Allowed && in(KindCorroborates) >= r.Regions:
		return v
	case no > r.Allowed || in(KindCorroborates, KindBlind, KindAway) < r.Regions:
		return v.fails(ReasonDisagree)
	case no+blind > r.Allowed || in(KindCorroborates, KindAway) < r.Regions:
		return v.fails(ReasonBlind)
	}
	return v.fails(ReasonAway)
}

func (v Verdict) absence(asked int, in func(...Kind) int) Verdict {
	yes, no := len(v.Corroborated), len(v.Contradicted)
	missing := ReasonAway
	if len(v.Blind) > len(v.Away) {
		missing = ReasonBlind
	}
	switch {
	case yes+no < min(2, asked):
		return v.fails(missing)
	case no > min(allowed(yes+no), v.Rule.Allowed) || yes <= no:
		return v.fails(ReasonDisagree)
	case in(KindCorroborates) < v.Rule.Regions && in(KindCorroborates, KindBlind, KindAway) < v.Rule.Regions:
		return v.fails(ReasonDisagree)
	case in(KindCorroborates) < v.Rule.Regions:
		return v.fails(missing)
	}
	return v
}

func (v Verdict) fails(why Reason) Verdict {
	v.Stands, v.Reason, v.Outcome = false, why, zonehold.OutcomeInconclusive
	if why == ReasonDisagree {
		v.Outcome = zonehold.OutcomeRefused
	}
	return v
}
