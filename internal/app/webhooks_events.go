package app

import "github.com/zonehold/zonehold"

// allEventTypes are all types, those of the service itself last.
var allEventTypes = []zonehold.EventType{
	zonehold.EventDomainCreated, zonehold.EventDomainUpdated, zonehold.EventDomainDeleted,
	zonehold.EventDomainVerified, zonehold.EventDomainVerificationFailed, zonehold.EventDomainAtRisk, zonehold.EventDomainRecovered,
	zonehold.EventDomainLapsed, zonehold.EventDomainFrozen, zonehold.EventDomainClaimed, zonehold.EventDomainTransferred,
	zonehold.EventProofMissing, EventMailCodeSent,
	zonehold.EventChallengeCreated, zonehold.EventChallengeExpired, zonehold.EventAttemptCompleted,
	EventContestEnded, EventTransferOffered, EventTransferEnded,
	EventDelegationCreated, EventDelegationEnded, EventConnectionCreated, EventConnectionRemoved,
	EventMailboxAdded, EventMailboxConfirmed, EventMailboxRemoved,
	zonehold.EventAccountUpdated, zonehold.EventWebhookDisabled, zonehold.EventWebhookTest,
	zonehold.EventBreakerTripped, zonehold.EventBreakerResumed, zonehold.EventPerspectiveDown, zonehold.EventPerspectiveUp,
	zonehold.EventClockJumped,
}
