package zonehold

import "time"

// BreakerScope says what a breaker watches.
type BreakerScope string

const (
	BreakerHost    BreakerScope = "host"    // one DNS host, or one registry
	BreakerNetwork BreakerScope = "network" // one network of name servers or web servers
	BreakerAll     BreakerScope = "all"
)

// BreakerState is where a breaker stands.
type BreakerState string

const (
	BreakerOpen    BreakerState = "open"    // missing proofs are held back
	BreakerProbing BreakerState = "probing" // they still are; a sample is looked at again
	BreakerClosed  BreakerState = "closed"
)

// BreakerReason says why a breaker opened.
type BreakerReason string

const (
	BreakerFlips  BreakerReason = "flips"  // too many proofs went missing at once
	BreakerCanary BreakerReason = "canary" // what is known to be good was not seen
)

// BreakerOutcome says how a breaker closed.
type BreakerOutcome string

const (
	BreakerRecovered BreakerOutcome = "recovered" // what was missing is there again
	BreakerBelieved  BreakerOutcome = "believed"  // it stayed missing for the longest time that is held back
	BreakerReset     BreakerOutcome = "reset"     // an operator said so; what is missing counts
)

// Breaker holds back what checks say is missing, in one place, because so much
// went missing there at once that the fault is more likely there, or ours, than
// with every owner (threat T47).
type Breaker struct {
	ID     string // brk_…
	Scope  BreakerScope
	Place  string // name of the host, network in CIDR form, or "" for all
	Reason BreakerReason
	State  BreakerState
	// Flips proofs went missing out of Checked within an hour, when it opened.
	Flips, Checked int
	Names          []string // hostnames of some of them; of canaries that are not well
	Held           int      // verdicts held back now; counted when it is shown

	TrippedAt time.Time
	Hold      time.Duration // from one look at a sample to the next
	Until     time.Time     // of the next look
	EndsAt    time.Time     // from then on what is still missing counts
	Pinned    bool          // an operator keeps it open until Until
	ProbedAt  time.Time     // when the last sample was sent; zero: never
	Probe     []string      // the domains of that sample

	AnnouncedAt time.Time // zero: not yet
	ClosedAt    time.Time
	Outcome     BreakerOutcome
	PassUntil   time.Time // after it was believed: what goes missing there counts until then
	By, Note    string    // of the operator who acted on it last
}

// ValidBreakerID reports whether id has the form of a breaker's.
func ValidBreakerID(id string) bool { return ValidID(PrefixBreaker, id) }
