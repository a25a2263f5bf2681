package api

import "time"

// Contest is about a name that one account has proved and another one too,
// where the operator allows one only. Neither side is told who the other is.
type Contest struct {
	ID         string     `json:"id" doc:"cnt_…" example:"cnt_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	DomainID   string     `json:"domain_id" doc:"the claim of this account"`
	Hostname   string     `json:"hostname"`
	Challenger bool       `json:"challenger" doc:"true: this account has opened it; false: it has the name"`
	State      string     `json:"state" enum:"open,won,lost,withdrawn,dropped" doc:"as the challenger sees it"`
	OpenedAt   time.Time  `json:"opened_at"`
	EndsAt     time.Time  `json:"ends_at" doc:"end of the wait; then both sides are checked afresh. Later than first told where a side could not be asked."`
	SettledAt  *time.Time `json:"settled_at" doc:"null: open"`
}

// Transfer is a domain that its account offers to another one.
type Transfer struct {
	ID        string     `json:"id" doc:"trf_…" example:"trf_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Given     bool       `json:"given" doc:"true: offered by this account; false: to it"`
	DomainID  *string    `json:"domain_id" doc:"null for those it was offered to, who make a claim of their own"`
	Hostname  string     `json:"hostname"`
	From      string     `json:"from" doc:"name of the account that offers it"`
	To        string     `json:"to" doc:"as it was written in the offer; nobody is told whether there is such an account"`
	State     string     `json:"state" enum:"open,done,cancelled,expired,ended" doc:"ended: with the proof that it came from"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"null: open"`
}

// CreateTransfer is the body of POST /v1/domains/{ref}/transfer.
type CreateTransfer struct {
	Account string `json:"account" minLength:"1" maxLength:"200" doc:"who is to have it: the id or the name of an account"`
}

// Registration is what is watched of the registration of a domain, so that a
// change of owner shows. Contacts are not kept.
type Registration struct {
	Name        string      `json:"name" doc:"the registrable domain" example:"example.com"`
	Source      *string     `json:"source" doc:"rdap or whois; null: the registry gave no answer yet"`
	Server      *string     `json:"server" doc:"of the registry"`
	Registrar   *string     `json:"registrar"`
	Statuses    []string    `json:"statuses"`
	CreatedAt   *time.Time  `json:"created_at" doc:"when the domain was registered"`
	ExpiresAt   *time.Time  `json:"expires_at"`
	NameServers []string    `json:"name_servers" doc:"as the parent zone delegates"`
	DS          []string    `json:"ds" doc:"as the parent zone has them"`
	Signs       []OwnerSign `json:"signs" doc:"of another owner, within the last 30 days"`
	SeenAt      *time.Time  `json:"seen_at" doc:"last look that saw anything"`
	AskedAt     *time.Time  `json:"asked_at" doc:"last look"`
	NextLookAt  *time.Time  `json:"next_look_at"`
	ChangedAt   *time.Time  `json:"changed_at" doc:"last sign of another owner; null: none"`
	Error       *string     `json:"error" doc:"why the registry gave no answer at the last look"`
}

// OwnerSign is one sign of another owner.
type OwnerSign struct {
	Kind   string    `json:"kind" enum:"registrar,name_servers,ds,expiry"`
	SeenAt time.Time `json:"seen_at"`
	Was    *string   `json:"was"`
	Is     *string   `json:"is"`
}
