package zonehold

import "time"

// Outcome is the verdict of one check. Only absent and mismatch, and only
// from consistent authoritative answers, may start a grace clock.
type Outcome string

const (
	OutcomeVerified     Outcome = "verified"     // the proof stands
	OutcomeAbsent       Outcome = "absent"       // authoritatively not there
	OutcomeMismatch     Outcome = "mismatch"     // there, but not ours or not right
	OutcomeInconclusive Outcome = "inconclusive" // could not ask; changes nothing
	OutcomeRefused      Outcome = "refused"      // policy or security forbids it
)

// Valid reports whether o is one of the five outcomes.
func (o Outcome) Valid() bool {
	switch o {
	case OutcomeVerified, OutcomeAbsent, OutcomeMismatch, OutcomeInconclusive, OutcomeRefused:
		return true
	}
	return false
}

// Trigger says why an attempt was made.
type Trigger string

const (
	TriggerCreate   Trigger = "create"
	TriggerRequest  Trigger = "request"
	TriggerSchedule Trigger = "schedule"
	TriggerPage     Trigger = "page"
)

// Valid reports whether t is a known trigger.
func (t Trigger) Valid() bool {
	switch t {
	case TriggerCreate, TriggerRequest, TriggerSchedule, TriggerPage:
		return true
	}
	return false
}

// AttemptState is where an attempt stands.
type AttemptState string

const (
	AttemptQueued   AttemptState = "queued"
	AttemptRunning  AttemptState = "running"
	AttemptDone     AttemptState = "done"
	AttemptCanceled AttemptState = "canceled"
)

// Valid reports whether s is a known state.
func (s AttemptState) Valid() bool {
	switch s {
	case AttemptQueued, AttemptRunning, AttemptDone, AttemptCanceled:
		return true
	}
	return false
}

// CanBecome reports whether an attempt may go from s to t. A running attempt
// goes back to queued when its worker died. Finished ones never change.
func (s AttemptState) CanBecome(t AttemptState) bool {
	switch s {
	case AttemptQueued:
		return t == AttemptRunning || t == AttemptCanceled
	case AttemptRunning:
		return t == AttemptQueued || t == AttemptDone || t == AttemptCanceled
	}
	return false
}

// Finished reports whether the attempt will not change any more.
func (s AttemptState) Finished() bool { return s == AttemptDone || s == AttemptCanceled }

// Step is one thing a check did, in the order it began.
type Step struct {
	Name      string // snake_case verb, e.g. "ask_authoritative", "connect"
	Target    string // e.g. "ns1.example.net (192.0.2.1)"
	StartedAt time.Time
	Duration  time.Duration
	Result    string // e.g. "NOERROR, 2 TXT"; foreign text is already escaped
	OK        bool
}

// Attempt is one check of one challenge (or of every applicable one, when
// Method is empty).
type Attempt struct {
	ID         string
	DomainID   string
	Method     Method // empty while "every applicable method" is still undecided
	Trigger    Trigger
	State      AttemptState
	Outcome    Outcome // empty until done
	CreatedAt  time.Time
	StartedAt  time.Time // zero until running
	FinishedAt time.Time // zero until finished
	Steps      []Step
}
