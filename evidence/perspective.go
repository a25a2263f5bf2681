package evidence

import (
	"encoding/json"
	"time"

	"github.com/zonehold/zonehold"
)

// Perspective is what one other network saw of the same check.
type Perspective struct {
	Name    string           `json:"name"`              // as configured
	Region  string           `json:"region,omitempty"`  // of the regional Internet registry
	Network string           `json:"network,omitempty"` // as the operator calls it
	Outcome zonehold.Outcome `json:"outcome,omitempty"` // "": it gave none
	Code    string           `json:"code,omitempty"`    // of the problem, if there is one
	Detail  string           `json:"detail,omitempty"`
	AskedAt time.Time        `json:"asked_at,omitzero"`
	// Duration is how long its answer took.
	Duration time.Duration `json:"duration_ns"`
	// Corroborates: it saw the same proof that the primary perspective saw.
	Corroborates bool `json:"corroborates"`
	// Evidence is what it kept of its own check, a JSON document of at most
	// MaxPerspective bytes; longer ones are left out of what is stored.
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// MaxPerspective bounds the evidence of one perspective, in bytes of JSON.
const MaxPerspective = 32 << 10
