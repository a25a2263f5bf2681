package zonehold

import "time"

// DomainState is what is true of a claim now.
type DomainState string

const (
	StatePending  DomainState = "pending"  // never proved
	StateVerified DomainState = "verified" // proved
	StateAtRisk   DomainState = "at_risk"  // proved, now authoritatively absent, grace running
	StateLapsed   DomainState = "lapsed"   // grace over, or revoked
)

// Verified reports whether the rights that a proof gives stand in this state.
func (s DomainState) Verified() bool { return s == StateVerified || s == StateAtRisk }

// Valid reports whether s is a known state.
func (s DomainState) Valid() bool {
	switch s {
	case StatePending, StateVerified, StateAtRisk, StateLapsed:
		return true
	}
	return false
}

// Change is something that may move a domain to another state.
type Change string

const (
	ChangeProved     Change = "proved"      // a check found the proof
	ChangeMissing    Change = "missing"     // authoritatively absent, or there but wrong
	ChangeGraceEnded Change = "grace_ended" // at risk for longer than the grace time
	ChangeRevoked    Change = "revoked"     // taken back by the account or the operator
)

// Change returns what an outcome does to a domain. Inconclusive and refused
// do nothing: "could not ask" is not "not there" (threat T47).
func (o Outcome) Change() (Change, bool) {
	switch o {
	case OutcomeVerified:
		return ChangeProved, true
	case OutcomeAbsent, OutcomeMismatch:
		return ChangeMissing, true
	}
	return "", false
}

// transitions holds every legal change of state. What is not listed leaves
// the state as it is: a pending or lapsed domain whose proof is missing stays
// what it was.
var transitions = map[DomainState]map[Change]DomainState{
	StatePending: {
		ChangeProved: StateVerified,
	},
	StateVerified: {
		ChangeMissing: StateAtRisk, // also when the check was asked for by a person; rights stand until the grace ends
		ChangeRevoked: StateLapsed,
	},
	StateAtRisk: {
		ChangeProved:     StateVerified,
		ChangeGraceEnded: StateLapsed,
		ChangeRevoked:    StateLapsed,
	},
	StateLapsed: {
		ChangeProved: StateVerified,
	},
}

// Next returns the state after c, and whether it differs from s.
func (s DomainState) Next(c Change) (DomainState, bool) {
	if to, ok := transitions[s][c]; ok {
		return to, true
	}
	return s, false
}

// After returns the state after a check ended with o, and whether it differs
// from s.
func (s DomainState) After(o Outcome) (DomainState, bool) {
	if c, ok := o.Change(); ok {
		return s.Next(c)
	}
	return s, false
}

// Turn says who has to act next.
type Turn string

const (
	TurnYou    Turn = "you"
	TurnUs     Turn = "us"
	TurnNobody Turn = "nobody"
)

// Domain is an account's claim on a hostname. With Scheme and Port it is what
// the Yandex dialect calls a host.
type Domain struct {
	ID         string
	AccountID  string
	Hostname   Hostname
	Scheme     string // "", "http" or "https"
	Port       uint16 // 0: the scheme's default
	Profile    ProfileName
	Tokens     Tokens
	Generation int64 // fences results of older claims and tokens
	Version    int64 // counts every change; the ETag

	State      DomainState
	StateSince time.Time
	VerifiedAt time.Time // zero: never
	Method     Method    // the method that proved it, or ""
	Assurance  Assurance
	Covers     Covers
	// ProofSource is what the proof rests on, for methods where nothing is
	// placed: the id of a domain, delegation, policy or connection, or a mail
	// address. When that goes, the proof goes.
	ProofSource string
	NextCheckAt time.Time // zero: none planned
	GraceEndsAt time.Time

	LastAttemptID    string
	DiscoveryEnabled bool
	Tags             []string
	CreatedAt        time.Time
	UpdatedAt        time.Time
}
