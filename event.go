package zonehold

import (
	"encoding/json"
	"time"
)

// EventType names what happened, e.g. "domain.verified".
type EventType string

// Event types (ux section 5.13 has the whole plan).
const (
	EventDomainCreated            EventType = "domain.created"
	EventDomainUpdated            EventType = "domain.updated"
	EventDomainDeleted            EventType = "domain.deleted"
	EventDomainVerified           EventType = "domain.verified"
	EventDomainVerificationFailed EventType = "domain.verification_failed"
	EventDomainAtRisk             EventType = "domain.at_risk"
	EventDomainRecovered          EventType = "domain.recovered"
	EventDomainLapsed             EventType = "domain.lapsed"
	EventDomainFrozen             EventType = "domain.frozen"      // a fresh proof is needed
	EventDomainClaimed            EventType = "domain.claimed"     // another account has proved the name, too
	EventDomainTransferred        EventType = "domain.transferred" // to another account
	EventProofMissing             EventType = "proof.missing"      // one of several; the domain stays verified
	EventChallengeCreated         EventType = "challenge.created"
	EventChallengeExpired         EventType = "challenge.expired"
	EventAttemptCompleted         EventType = "attempt.completed"
	EventAccountUpdated           EventType = "account.updated" // a setting of the account
	EventWebhookDisabled          EventType = "webhook.disabled"
	EventWebhookTest              EventType = "webhook.test"

	// Of the service itself, in the operator's account.
	EventBreakerTripped  EventType = "breaker.tripped"
	EventBreakerResumed  EventType = "breaker.resumed"
	EventPerspectiveDown EventType = "perspective.down"
	EventPerspectiveUp   EventType = "perspective.up"
	EventClockJumped     EventType = "clock.jumped"
)

// Event is one row of an account's history. Seq is gap-free and ordered
// within the account.
type Event struct {
	ID        string
	AccountID string
	Seq       int64
	Type      EventType
	DomainID  string
	CreatedAt time.Time
	Data      json.RawMessage
}
