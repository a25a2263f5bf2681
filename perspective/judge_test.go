package perspective

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
)

var today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// results reads one letter for each perspective: v verified, a absent,
// m mismatch, r refused, i inconclusive, x no answer. Perspectives are in the
// regions RIPE, ARIN, APNIC in turn; in capitals in RIPE.
func results(letters string) []Result {
	var out []Result
	for i, c := range letters {
		region := []string{"RIPE", "ARIN", "APNIC"}[i%3]
		if strings.ToUpper(string(c)) == string(c) {
			region = "RIPE"
		}
		r := Result{Name: string(rune('A' + i)), Region: region}
		outcome := map[string]zonehold.Outcome{
			"v": zonehold.OutcomeVerified, "a": zonehold.OutcomeAbsent, "m": zonehold.OutcomeMismatch,
			"r": zonehold.OutcomeRefused, "i": zonehold.OutcomeInconclusive,
		}[strings.ToLower(string(c))]
		if outcome != "" {
			r.Answer = &Answer{Outcome: outcome, Passed: outcome == zonehold.OutcomeVerified, Completed: outcome != zonehold.OutcomeInconclusive}
		} else {
			r.Fault = FaultUnreachable
		}
		out = append(out, r)
	}
	return out
}

func TestJudge(t *testing.T) {
	const (
		v = zonehold.OutcomeVerified
		a = zonehold.OutcomeAbsent
		m = zonehold.OutcomeMismatch
		i = zonehold.OutcomeInconclusive
		r = zonehold.OutcomeRefused
	)
	br := Policy{Mode: ModeBR}
	three := Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 1, Regions: 2}
	strict := Policy{Mode: ModeQuorum, Minimum: 2, Allowed: 0, Regions: 1}
	one := Policy{Mode: ModeQuorum, Minimum: 1, Allowed: 0, Regions: 1}
	tests := []struct {
		name    string
		policy  Policy
		primary zonehold.Outcome
		results string
		want    zonehold.Outcome
		reason  Reason
	}{
		// A proof under the Baseline Requirements.
		{"all of four", br, v, "vvvv", v, ""},
		{"one of four dead", br, v, "vvvx", v, ""},
		{"one of four lies", br, v, "vvva", v, ""},
		{"one of four is blind", br, v, "vvvi", v, ""},
		{"two of four dead", br, v, "vvxx", i, ReasonAway},
		{"two of four lie", br, v, "vvaa", r, ReasonDisagree},
		{"two of four refuse", br, v, "vvrr", r, ReasonDisagree},
		{"two of four blind", br, v, "vvii", i, ReasonBlind},
		{"one dead, one liar", br, v, "vvxa", i, ReasonAway},
		{"one blind, one liar", br, v, "vvia", i, ReasonBlind},
		{"one dead, one blind", br, v, "vvxi", i, ReasonAway},
		{"all dead", br, v, "xxxx", i, ReasonAway},
		{"all lie", br, v, "aaaa", r, ReasonDisagree},
		{"three are too few today", br, v, "vvv", i, ReasonFew},
		{"none", br, v, "", i, ReasonFew},
		{"six with two dead", br, v, "vvvvxx", v, ""},
		{"six with two liars", br, v, "vvvvaa", v, ""},
		{"six with three liars", br, v, "vvvaaa", r, ReasonDisagree},
		{"six with three dead", br, v, "vvvxxx", i, ReasonAway},
		{"five with two dead", br, v, "vvvxx", i, ReasonAway},
		{"all that corroborate in one region", br, v, "VxVV", i, ReasonAway},
		{"a liar in the only other region", br, v, "VaVV", r, ReasonDisagree},
		{"blind in the only other region", br, v, "ViVV", i, ReasonBlind},

		// A quorum of one's own.
		{"three, one liar", three, v, "vva", v, ""},
		{"three, two liars", three, v, "vaa", r, ReasonDisagree},
		{"three, one dead", three, v, "vvx", v, ""},
		{"three, one dead and one liar", three, v, "vxa", i, ReasonAway},
		{"two of three", three, v, "vv", i, ReasonFew},
		{"nobody may fail", strict, v, "vx", i, ReasonAway},
		{"nobody may lie", strict, v, "va", r, ReasonDisagree},
		{"one", one, v, "v", v, ""},
		{"one dead", one, v, "x", i, ReasonAway},

		// An absence.
		{"absence, all agree", br, a, "aaaa", a, ""},
		{"absence and mismatch are alike", br, a, "mama", a, ""},
		{"a mismatch too", br, m, "aama", m, ""},
		{"one place still sees it", br, a, "aaav", a, ""},
		{"two places still see it", br, a, "aavv", r, ReasonDisagree},
		{"all others see it", br, a, "vvvv", r, ReasonDisagree},
		{"all dead is no absence", br, a, "xxxx", i, ReasonAway},
		{"all blind is no absence", br, a, "iiii", i, ReasonBlind},
		{"one that agrees is too few", br, a, "axxx", i, ReasonAway},
		{"two that agree, the rest dead", br, a, "aaxx", a, ""},
		{"one against one", br, a, "avxx", r, ReasonDisagree},
		{"two in one region", br, a, "AxAx", i, ReasonAway},
		{"two in one region, the other sees it", br, a, "AvAA", r, ReasonDisagree},
		{"too few for an absence as well", br, a, "aaa", i, ReasonFew},
		{"strict: one sees it", strict, a, "aaav", r, ReasonDisagree},
		{"one perspective agrees", one, a, "a", a, ""},
		{"one perspective dead", one, a, "x", i, ReasonAway},
		{"one perspective sees it", one, a, "v", r, ReasonDisagree},

		// What is not judged.
		{"inconclusive stays", br, i, "aaaa", i, ""},
		{"refused stays", br, r, "vvvv", r, ""},
		{"observed only", Policy{Mode: ModeObserve}, v, "aaaa", v, ""},
		{"observed only, absent", Policy{Mode: ModeObserve}, a, "vvvv", a, ""},
		{"off", Policy{Mode: ModeOff}, v, "xxxx", v, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(tt.policy, tt.primary, results(tt.results), today)
			if got.Outcome != tt.want || got.Reason != tt.reason || got.Stands != (tt.reason == "") {
				t.Errorf("got %s for %q (stands: %v), want %s for %q", got.Outcome, got.Reason, got.Stands, tt.want, tt.reason)
			}
			if n := len(got.Corroborated) + len(got.Contradicted) + len(got.Blind) + len(got.Away); n != len(tt.results) {
				t.Errorf("%d of %d are named", n, len(tt.results))
			}
		})
	}
}

// Whatever the answers are: no answer makes a proof of what is none, and none
// that is missing makes an absence.
func TestJudgeNeverInvents(t *testing.T) {
	letters := "vamrixVAX"
	policies := []Policy{{Mode: ModeBR}, {Mode: ModeObserve}, {Mode: ModeQuorum, Minimum: 2, Allowed: 1, Regions: 1}, {Mode: ModeQuorum, Minimum: 3, Allowed: 2, Regions: 2}}
	var walk func(s string, n int)
	walk = func(s string, n int) {
		if n > 0 {
			for _, c := range letters {
				walk(s+string(c), n-1)
			}
			return
		}
		for _, p := range policies {
			for _, primary := range []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeAbsent, zonehold.OutcomeInconclusive, zonehold.OutcomeRefused} {
				got := Judge(p, primary, results(s), today)
				if got.Outcome != primary && got.Outcome != zonehold.OutcomeInconclusive && got.Outcome != zonehold.OutcomeRefused {
					t.Fatalf("%v of %s with %s: %s", p, primary, s, got.Outcome)
				}
				if p.Decides() && got.Outcome == zonehold.OutcomeAbsent && strings.Count(strings.ToLower(s), "a")+strings.Count(s, "m") < min(2, len(s)) {
					t.Fatalf("%v: absent with %s", p, s)
				}
			}
		}
	}
	for n := range 5 {
		walk("", n)
	}
}

func TestRuleOfTheBaselineRequirements(t *testing.T) {
	p := Policy{Mode: ModeBR}
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		now     time.Time
		remotes int
		want    Rule
	}{
		{day(2025, 3, 15), 2, Rule{2, 1, 1}},
		{day(2025, 9, 15), 2, Rule{2, 1, 1}},
		{day(2026, 3, 14).Add(24*time.Hour - 1), 2, Rule{2, 1, 1}},
		{day(2026, 3, 15), 3, Rule{3, 1, 2}},
		{day(2026, 6, 14), 3, Rule{3, 1, 2}},
		{day(2026, 6, 15), 4, Rule{4, 1, 2}},
		{today, 5, Rule{4, 1, 2}},
		{today, 6, Rule{4, 2, 2}},
		{today, 20, Rule{4, 2, 2}},
		{day(2026, 12, 14), 4, Rule{4, 1, 2}},
		{day(2026, 12, 15), 5, Rule{5, 1, 2}},
		{day(2030, 1, 1), 6, Rule{5, 2, 2}},
	}
	for _, tt := range tests {
		if got := p.Rule(tt.now, tt.remotes); got != tt.want {
			t.Errorf("%s with %d: %+v, want %+v", tt.now, tt.remotes, got, tt.want)
		}
	}
	if from, n, ok := Next(today); !ok || n != 5 || !from.Equal(day(2026, 12, 15)) {
		t.Errorf("next: %v %d %v", from, n, ok)
	}
	if _, _, ok := Next(day(2026, 12, 15)); ok {
		t.Error("there is a raise after the last one")
	}
	got := Judge(p, zonehold.OutcomeVerified, results("vvvv"), day(2026, 12, 15))
	if got.Stands || got.Reason != ReasonFew || got.Outcome != zonehold.OutcomeInconclusive {
		t.Errorf("four from 15 December 2026 on: %+v", got)
	}
}

func TestFeasible(t *testing.T) {
	four := []string{"RIPE", "ARIN", "RIPE", "APNIC"}
	tests := []struct {
		name    string
		policy  Policy
		regions []string
		want    string // part of the error; "" for none
	}{
		{"off", Policy{Mode: ModeOff}, nil, ""},
		{"observe needs nothing", Policy{Mode: ModeObserve}, nil, ""},
		{"four", Policy{Mode: ModeBR}, four, ""},
		{"three", Policy{Mode: ModeBR}, four[:3], "at least 4 perspectives today, and 3 are configured"},
		{"one region", Policy{Mode: ModeBR}, []string{"RIPE", "RIPE", "RIPE", "RIPE"}, "at least 2 regions"},
		{"own", Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 1, Regions: 2}, four[:3], ""},
		{"own, too few", Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 1, Regions: 2}, four[:1], "and 1 is configured"},
		{"all may fail", Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 3, Regions: 1}, four, "allowed_failures"},
		{"no regions", Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 1}, four, "regions"},
		{"no minimum", Policy{Mode: ModeQuorum, Regions: 1}, four, "minimum"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Feasible(today, tt.regions)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseRegion(t *testing.T) {
	for in, want := range map[string]string{"ripe": "RIPE", " RIPE NCC": "RIPE", "ARIN": "ARIN", "europe": "", "": ""} {
		got, err := ParseRegion(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if diff := cmp.Diff([]string{"AFRINIC", "APNIC", "ARIN", "LACNIC", "RIPE"}, Regions()); diff != "" {
		t.Error(diff)
	}
}
