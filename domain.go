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
	ChangeExcused    Change = "excused"     // it may be missing, by the account's policy
	ChangeOwner      Change = "owner"       // the registration seems to have another owner
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
		ChangeOwner:   StateAtRisk, // with new tokens: only a fresh proof leads back (threat T43)
		ChangeRevoked: StateLapsed,
	},
	StateAtRisk: {
		ChangeProved:     StateVerified,
		ChangeExcused:    StateVerified,
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

	// SeenAt is when the proof was last seen, MissingSince since when no
	// conclusive look has seen it (zero: the last one did), Misses how many
	// such looks there were in a row at the method above.
	SeenAt       time.Time
	MissingSince time.Time
	Misses       int
	// Spares are further proofs that were seen and that step in when the one
	// above is missing.
	Spares []Proof
	// FrozenAt is since when the domain waits for a proof with new tokens, as
	// FreezeReason says; zero: it does not.
	FrozenAt     time.Time
	FreezeReason FreezeReason
	// LookedAt is when the method above was last asked, whatever came of it;
	// Stumbles counts the looks in a row that could not ask.
	LookedAt time.Time
	Stumbles int
	// Tries counts the checks of a claim that is not proved which nobody asked
	// for; they end at TriesEndAt (zero: there are none). They try TriesMethod
	// ("": every applicable one), which is what was asked for last.
	Tries       int
	TriesEndAt  time.Time
	TriesMethod Method

	LastAttemptID    string
	DiscoveryEnabled bool
	Tags             []string
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Proof is one proof of a domain beside the one that its fields describe.
type Proof struct {
	Method       Method    `json:"method"`
	Assurance    Assurance `json:"assurance"`
	Covers       Covers    `json:"covers"`
	ProvedAt     time.Time `json:"proved_at"`
	SeenAt       time.Time `json:"seen_at"`
	LookedAt     time.Time `json:"looked_at"`              // last look, whatever came of it
	MissingSince time.Time `json:"missing_since,omitzero"` // zero: seen at the last conclusive look
	AttemptID    string    `json:"attempt_id"`             // the last one that saw it; "": not known
}

// FreezeReason says why a domain waits for a fresh proof.
type FreezeReason string

const (
	FreezeRegistered FreezeReason = "registered_anew" // the creation date has moved forward
	FreezeMoved      FreezeReason = "owner_changed"   // several signs of another owner at once
)

// RecheckPolicy is what an account's proofs are held to after success.
type RecheckPolicy string

const (
	// RecheckKeep: the proof has to stay in place; where it goes, the domain is
	// at risk and then lapses.
	RecheckKeep RecheckPolicy = "keep"
	// RecheckOnce: the proof may be removed after success. It is still looked
	// at, so that everybody can see when it was there last, and a change of
	// owner still asks for a fresh one.
	RecheckOnce RecheckPolicy = "once"
)

// Valid reports whether p is a known policy.
func (p RecheckPolicy) Valid() bool { return p == RecheckKeep || p == RecheckOnce }

// scansFresh is how long after its proof was seen a domain may be scanned.
const scansFresh = 24 * time.Hour

// Scannable reports whether the domain's name may be scanned at now, as far as
// its proof goes, and if not, why not in one sentence. A proof of a name is not
// yet a right to scan what its address leads to.
func (d *Domain) Scannable(now time.Time) (ok bool, why string) {
	switch {
	case !d.State.Verified():
		return false, "The domain is not proved."
	case !d.FrozenAt.IsZero():
		return false, "The domain seems to have another owner; a proof with the new values is needed."
	case d.State == StateAtRisk || !d.MissingSince.IsZero():
		return false, "The proof is not in place any more."
	case d.Assurance != AssuranceDNS && d.Assurance != AssuranceRegistrar && d.Assurance != AssuranceHost && d.Assurance != AssuranceOperator:
		return false, "A proof by mail does not give this right; prove the domain by a record or a file."
	case d.SeenAt.IsZero() || now.Sub(d.SeenAt) > scansFresh || d.SeenAt.Sub(now) > time.Hour:
		return false, "The proof was not seen within the last 24 hours; ask for a check first."
	}
	return true, ""
}

// Proofs lists the domain's proofs, the leading one first; none where it is
// not proved.
func (d *Domain) Proofs() []Proof {
	if !d.State.Verified() {
		return nil
	}
	return append([]Proof{{
		Method: d.Method, Assurance: d.Assurance, Covers: d.Covers, ProvedAt: d.VerifiedAt,
		SeenAt: d.SeenAt, LookedAt: d.LookedAt, MissingSince: d.MissingSince,
	}}, d.Spares...)
}
