package app

import (
	"time"
)

// Observer is told what happens, for metrics. Its methods must return at once
// and be safe for concurrent use.
type Observer interface {
	// AttemptStarted reports how long an attempt waited for a worker.
	AttemptStarted(waited time.Duration)
	// AttemptFinished reports a finished check; canceled ones have outcome "".
	AttemptFinished(method, outcome string, took time.Duration)
	// QueueDepth reports the unfinished attempts in the database, about every
	// ten seconds.
	QueueDepth(queued, running int)
	// StateChanged counts a domain's change of state.
	StateChanged(from, to string)
	// Swept reports a look for due checks: how many began, how long it took, and
	// how late the most overdue one was.
	Swept(begun int, took, lag time.Duration)
	// ChoreFailed counts a chore that went wrong; it is tried again.
	ChoreFailed(name string)
	// BreakerTripped counts breakers that opened. The scope is host, network or
	// all.
	BreakerTripped(scope string)
	// BreakersOpen reports, about every minute, how many breakers are open, and
	// how many verdicts they hold back.
	BreakersOpen(open, held int)
	// CanaryAsked reports whether a canary was well.
	CanaryAsked(name string, well bool)
	// ClockJumped counts jumps of the machine's clock.
	ClockJumped(by time.Duration)
	// PerspectiveAsked reports an answer of a perspective: corroborated,
	// contradicted, failed.
	PerspectiveAsked(name, result string, took time.Duration)
}
