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
}
