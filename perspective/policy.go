package perspective

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mode says what the answers of other networks are for.
type Mode string

const (
	ModeOff     Mode = "off"     // nobody is asked
	ModeObserve Mode = "observe" // answers are shown, and decide nothing
	ModeBR      Mode = "br"      // the quorum of the Baseline Requirements, section 3.2.2.9
	ModeQuorum  Mode = "quorum"  // a quorum of the operator's own
)

// Policy says how many networks have to corroborate. Minimum, Allowed and
// Regions are of ModeQuorum only.
type Policy struct {
	Mode    Mode
	Minimum int // perspectives that have to be asked
	Allowed int // of them, how many may fail to corroborate
	Regions int // regions that the corroborating ones have to be in
}

// Regions are those of the regional Internet registries.
func Regions() []string { return []string{"AFRINIC", "APNIC", "ARIN", "LACNIC", "RIPE"} }

// ParseRegion reads one of Regions, in any case.
func ParseRegion(s string) (string, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	if up == "RIPE NCC" {
		up = "RIPE"
	}
	if !slices.Contains(Regions(), up) {
		return "", fmt.Errorf("wants one of %s", strings.Join(Regions(), ", "))
	}
	return up, nil
}

// MaxRemotes bounds how many perspectives one server asks.
const MaxRemotes = 20

// Decides reports whether the policy can change a verdict.
func (p Policy) Decides() bool { return p.Mode == ModeBR || p.Mode == ModeQuorum }

// Asks reports whether anybody is asked.
func (p Policy) Asks() bool { return p.Decides() || p.Mode == ModeObserve }

func (p Policy) String() string {
	if p.Mode != ModeQuorum {
		return string(p.Mode)
	}
	return fmt.Sprintf("at least %d perspectives, %d of them may fail, %d regions", p.Minimum, p.Allowed, p.Regions)
}

// Rule is what a policy demands at one time of so many perspectives.
type Rule struct {
	Minimum, Allowed, Regions int
}

// phases of the Baseline Requirements, section 3.2.2.9: how many remote
// perspectives are demanded, from when on.
var phases = []struct {
	from    time.Time
	remotes int
}{
	{time.Date(2025, 3, 15, 0, 0, 0, 0, time.UTC), 2},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 3},
	{time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC), 4},
	{time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC), 5},
}

// Next is the next raise of the number of perspectives that ModeBR demands.
// False: none is known.
func Next(now time.Time) (from time.Time, remotes int, ok bool) {
	for _, p := range phases {
		if p.from.After(now) {
			return p.from, p.remotes, true
		}
	}
	return time.Time{}, 0, false
}

// allowed is how many of n perspectives may fail to corroborate (Baseline
// Requirements, section 3.2.2.9).
func allowed(n int) int {
	switch {
	case n < 2:
		return 0
	case n < 6:
		return 1
	}
	return 2
}

// Rule is what the policy demands at a time when so many perspectives are
// configured. It is zero for policies that decide nothing.
func (p Policy) Rule(now time.Time, remotes int) Rule {
	switch p.Mode {
	case ModeBR:
		r := Rule{Minimum: phases[0].remotes, Allowed: allowed(remotes), Regions: 1}
		for _, phase := range phases {
			if !phase.from.After(now) {
				r.Minimum = phase.remotes
			}
		}
		if remotes >= 3 || r.Minimum >= 3 {
			r.Regions = 2
		}
		return r
	case ModeQuorum:
		return Rule{Minimum: p.Minimum, Allowed: p.Allowed, Regions: p.Regions}
	}
	return Rule{}
}

// Feasible says why perspectives in the given regions, one for each, can never
// make the quorum; nil if they can.
func (p Policy) Feasible(now time.Time, regions []string) error {
	if !p.Decides() {
		return nil
	}
	n, rule := len(regions), p.Rule(now, len(regions))
	if p.Mode == ModeQuorum {
		switch {
		case p.Minimum < 1 || p.Minimum > MaxRemotes:
			return fmt.Errorf("minimum wants a number from 1 to %d", MaxRemotes)
		case p.Allowed < 0 || p.Allowed >= p.Minimum:
			return errors.New("allowed_failures has to be less than minimum, and not below 0")
		case p.Regions < 1 || p.Regions > len(Regions()):
			return fmt.Errorf("regions wants a number from 1 to %d", len(Regions()))
		}
	}
	if n < rule.Minimum {
		return fmt.Errorf("the policy %s demands at least %d perspectives today, and %s configured", p.Mode, rule.Minimum, areOf(n))
	}
	if got := len(slices.Compact(slices.Sorted(slices.Values(regions)))); got < rule.Regions {
		return fmt.Errorf("the policy %s demands perspectives in at least %d regions, and all are in %d", p.Mode, rule.Regions, got)
	}
	return nil
}

// known is since when this program has had ModeBR: what is demanded then was
// never too much.
var known = phases[2].from

// Usable is Feasible for a server that starts. What was enough when it was set
// up is not an error when a later phase has begun: verdicts are judged by the
// rule of the day, which then says that nothing is proved.
func (p Policy) Usable(now time.Time, regions []string) error {
	if now.After(known) {
		now = known
	}
	return p.Feasible(now, regions)
}

func areOf(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}
