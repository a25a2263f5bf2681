package api

// Notices is who gets mail about what changes, and of which events.
type Notices struct {
	Addresses []string `json:"addresses" doc:"confirmed addresses that get mails; empty: nobody does"`
	Default   bool     `json:"default" doc:"the addresses were not chosen: it is the confirmed address of the account"`
	Events    []string `json:"events" doc:"of which there are mails" example:"[\"domain.at_risk\"]"`
	Known     []string `json:"known_events" doc:"of which there could be mails"`
	Problem   *string  `json:"problem" doc:"why no mails go out, in a sentence; null: they do"`
}

// SetNotices is the body of PUT /v1/notices.
type SetNotices struct {
	Addresses []string `json:"addresses,omitempty" maxItems:"10" nullable:"true" doc:"confirmed addresses of the account; absent or null: the default; empty: nobody"`
	Events    []string `json:"events,omitempty" maxItems:"50" nullable:"true" doc:"absent or null: the usual ones; empty: none"`
}
