package zonehold

import (
	"encoding/json"
	"time"
)

// EventType names what happened, e.g. "domain.verified".
type EventType string

// Event types written so far (ux section 5.13 has the whole plan).
const (
	EventDomainCreated            EventType = "domain.created"
	EventDomainUpdated            EventType = "domain.updated"
	EventDomainDeleted            EventType = "domain.deleted"
	EventDomainVerified           EventType = "domain.verified"
	EventDomainVerificationFailed EventType = "domain.verification_failed"
	EventAttemptCompleted         EventType = "attempt.completed"
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
