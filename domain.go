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

	State       DomainState
	StateSince  time.Time
	VerifiedAt  time.Time // zero: never
	Method      Method    // the method that proved it, or ""
	Assurance   Assurance
	Covers      Covers
	NextCheckAt time.Time // zero: none planned
	GraceEndsAt time.Time

	LastAttemptID    string
	DiscoveryEnabled bool
	Tags             []string
	CreatedAt        time.Time
	UpdatedAt        time.Time
}
