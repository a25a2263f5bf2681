package notify

import (
	"context"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// Channel brings deliveries of one kind to where they go.
type Channel interface {
	// Kind is store.KindWebhook or store.KindMail.
	Kind() string
	// Deliver makes one try. It ends with ctx, which gives it Limit, and may be
	// called for many deliveries at a time. The same delivery may come twice
	// where a process died; claim.EventID is then the same, too. claim.Event is
	// never nil.
	Deliver(ctx context.Context, claim *store.Claim) Result
}

// Verdict is what came of one try.
type Verdict int

// Verdicts.
const (
	Again     Verdict = iota // did not work; it is tried again
	Delivered                // it is there
	Never                    // did not work and never will
	Gone                     // nobody is there any more: the outlet is disabled
	Held                     // not tried, as its outlet was told to wait: no try is counted
)

// Result of one try.
type Result struct {
	Verdict Verdict
	Status  int    // HTTP or SMTP; 0: no answer
	Error   string // one sentence; "": it went well
	Answer  string // what was answered, as far as it is kept
	// Slow says that the other side asks for fewer; Wait for how long it wants
	// nothing at all, 0: it does not say.
	Slow bool
	Wait time.Duration
}
