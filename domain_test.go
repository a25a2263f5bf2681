package zonehold

import (
	"slices"
	"testing"
)

func TestDomainStateAfter(t *testing.T) {
	states := []DomainState{StatePending, StateVerified, StateAtRisk, StateLapsed}
	want := map[Outcome][]DomainState{ // in the order of states
		OutcomeVerified:     {StateVerified, StateVerified, StateVerified, StateVerified},
		OutcomeAbsent:       {StatePending, StateAtRisk, StateAtRisk, StateLapsed},
		OutcomeMismatch:     {StatePending, StateAtRisk, StateAtRisk, StateLapsed},
		OutcomeInconclusive: states,
		OutcomeRefused:      states,
		"":                  states,
		"something new":     states,
	}
	for outcome, to := range want {
		for i, from := range states {
			got, changed := from.After(outcome)
			if got != to[i] || changed != (from != to[i]) {
				t.Errorf("%s after %q: %s, changed %v; want %s", from, outcome, got, changed, to[i])
			}
		}
	}
}

func TestDomainStateNext(t *testing.T) {
	tests := []struct {
		from DomainState
		c    Change
		to   DomainState
	}{
		{StateAtRisk, ChangeGraceEnded, StateLapsed},
		{StateVerified, ChangeGraceEnded, StateVerified},
		{StatePending, ChangeGraceEnded, StatePending},
		{StateLapsed, ChangeGraceEnded, StateLapsed},
		{StateVerified, ChangeRevoked, StateLapsed},
		{StateAtRisk, ChangeRevoked, StateLapsed},
		{StatePending, ChangeRevoked, StatePending},
		{StateLapsed, ChangeRevoked, StateLapsed},
		{"from the future", ChangeProved, "from the future"},
	}
	for _, tt := range tests {
		if got, changed := tt.from.Next(tt.c); got != tt.to || changed != (tt.from != tt.to) {
			t.Errorf("%s after %s: %s, %v", tt.from, tt.c, got, changed)
		}
	}
}

// Rights stand during the grace time, and only a proof gives them.
func TestVerifiedRights(t *testing.T) {
	for from, changes := range transitions {
		if !from.Valid() {
			t.Errorf("unknown state %q", from)
		}
		for c, to := range changes {
			if !to.Valid() || to == from {
				t.Errorf("%s to %q", from, to)
			}
			if to.Verified() && !from.Verified() && c != ChangeProved {
				t.Errorf("%s gives rights to a %s domain", c, from)
			}
		}
	}
	if !StateAtRisk.Verified() || StateLapsed.Verified() || StatePending.Verified() {
		t.Error("wrong rights")
	}
}

func TestAttemptStates(t *testing.T) {
	all := []AttemptState{AttemptQueued, AttemptRunning, AttemptDone, AttemptCanceled}
	for _, from := range all {
		for _, to := range all {
			if from.CanBecome(to) && (from.Finished() || from == to) {
				t.Errorf("%s may become %s", from, to)
			}
		}
		if !from.Valid() {
			t.Errorf("%s is not valid", from)
		}
	}
	if !AttemptRunning.CanBecome(AttemptDone) || !AttemptRunning.CanBecome(AttemptQueued) || AttemptQueued.CanBecome(AttemptDone) {
		t.Error("wrong changes")
	}
}

func TestEnums(t *testing.T) {
	for _, m := range Methods() {
		if got, err := ParseMethod(string(m)); err != nil || got != m {
			t.Errorf("%s: %s, %v", m, got, err)
		}
	}
	if len(Methods()) != 16 {
		t.Errorf("%d methods", len(Methods()))
	}
	if m, err := ParseMethod("dns"); err != nil || m != MethodDNSTXT {
		t.Errorf("dns: %s, %v", m, err)
	}
	for _, s := range []string{"", "DNS", "dns-txt", "dns_txt ", "x\x1b"} {
		if m, err := ParseMethod(s); err == nil {
			t.Errorf("%q is the method %s", s, m)
		}
		if _, err := ParseScope(s); err == nil {
			t.Errorf("%q is a scope", s)
		}
	}
	for _, s := range Scopes() {
		if got, err := ParseScope(string(s)); err != nil || got != s {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	valid := map[string]bool{
		"outcome":   OutcomeRefused.Valid() && !Outcome("").Valid(),
		"trigger":   TriggerPage.Valid() && !Trigger("").Valid(),
		"attempt":   !AttemptState("").Valid(),
		"domain":    !DomainState("").Valid(),
		"assurance": AssuranceOperator.Valid() && !Assurance("").Valid(),
		"covers":    CoversHost.Valid() && CoversSubtree.Valid() && !Covers("").Valid(),
		"profile":   ProfileProbely.Valid() && !ProfileName("").Valid(),
	}
	for name, ok := range valid {
		if !ok {
			t.Errorf("%s: wrong values are valid, or right ones are not", name)
		}
	}
}

// Only proofs of the zone or the registration reach below the name (T30, T34).
func TestAssuranceCovers(t *testing.T) {
	wide := []Assurance{AssuranceDNS, AssuranceRegistrar}
	for _, a := range []Assurance{AssuranceDNS, AssuranceRegistrar, AssuranceHost, AssuranceMailbox, AssuranceOperator} {
		if (a.Covers() == CoversSubtree) != slices.Contains(wide, a) {
			t.Errorf("%s covers %s", a, a.Covers())
		}
	}
}

func TestActorAllows(t *testing.T) {
	a := Actor{Scopes: []Scope{ScopeDomainsRead}}
	if !a.Allows(ScopeDomainsRead) || a.Allows(ScopeDomainsWrite) || a.Allows(ScopeAdmin) {
		t.Error("a reader's rights are wrong")
	}
	if admin := (Actor{Scopes: []Scope{ScopeAdmin}}); !admin.Allows(ScopeChecksRun) {
		t.Error("admin may not do everything")
	}
}
