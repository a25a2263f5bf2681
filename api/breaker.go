package api

import "time"

// Breaker holds back what checks say is missing, in one place, because too much
// went missing there at once.
type Breaker struct {
	ID        string     `json:"id" doc:"brk_…" example:"brk_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Scope     string     `json:"scope" doc:"host, network or all"`
	Place     *string    `json:"place" doc:"the DNS host, or the network in CIDR form; null: everywhere" example:"dns-host.example"`
	Reason    string     `json:"reason" doc:"flips: too many proofs went missing at once; canary: what is known to be good was not seen"`
	State     string     `json:"state" doc:"open, probing (a sample is looked at again) or closed"`
	Missing   int        `json:"missing" doc:"proofs that had gone missing within an hour when it opened"`
	Checked   int        `json:"checked" doc:"out of so many"`
	Held      int        `json:"held" doc:"verdicts that are held back now"`
	Hostnames []string   `json:"hostnames" doc:"some of those whose proof went missing; canaries that are not well"`
	TrippedAt time.Time  `json:"tripped_at"`
	Until     time.Time  `json:"until" doc:"when a sample is looked at again, at the earliest"`
	EndsAt    *time.Time `json:"ends_at" doc:"from then on what is still missing counts; null: when the canaries are well"`
	Pinned    bool       `json:"pinned" doc:"an operator keeps it open until then"`
	ClosedAt  *time.Time `json:"closed_at"`
	Outcome   *string    `json:"outcome" doc:"recovered, believed or reset; null: it is not closed"`
	By        *string    `json:"by" doc:"the operator who acted on it last"`
	Note      *string    `json:"note" doc:"why"`
}

// ResetBreaker closes a breaker.
type ResetBreaker struct {
	By     string `json:"by,omitempty" maxLength:"200" doc:"who does it; absent: the name of the token's account"`
	Reason string `json:"reason" maxLength:"200"`
}

// HoldBreaker keeps a breaker open.
type HoldBreaker struct {
	By     string  `json:"by,omitempty" maxLength:"200" doc:"who does it; absent: the name of the token's account"`
	Reason string  `json:"reason" maxLength:"200"`
	Hours  float64 `json:"hours" exclusiveMinimum:"0" maximum:"168" doc:"from now on"`
}
