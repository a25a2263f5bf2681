package api

import "time"

// Perspectives are the other networks from which proofs are checked.
type Perspectives struct {
	Policy string        `json:"policy" doc:"off, observe, br or quorum: of accounts without one of their own"`
	Demand *Quorum       `json:"demand" doc:"what the policy demands today; null if it decides nothing"`
	Items  []Perspective `json:"items"`
}

// Quorum is how many perspectives have to corroborate.
type Quorum struct {
	Minimum         int `json:"minimum" doc:"perspectives that have to be asked"`
	AllowedFailures int `json:"allowed_failures" doc:"of them, how many may fail to corroborate"`
	Regions         int `json:"regions" doc:"regions that the corroborating ones have to be in"`
}

// Perspective is one other network, as this process knows it.
type Perspective struct {
	Name         string     `json:"name" example:"ams"`
	Region       string     `json:"region" doc:"AFRINIC, APNIC, ARIN, LACNIC or RIPE"`
	Network      *string    `json:"network"`
	URL          string     `json:"url"`
	State        string     `json:"state" doc:"up, down, or unknown while it was never asked"`
	Since        *time.Time `json:"since" doc:"of the state"`
	NextTryAt    *time.Time `json:"next_try_at" doc:"of one that is down"`
	LastAnswerAt *time.Time `json:"last_answer_at"`
	TookMS       *int64     `json:"took_ms" doc:"of the last answer"`
	Detail       *string    `json:"detail" doc:"of the last failure"`
	Software     *string    `json:"software" doc:"its version, as it last said"`
}
