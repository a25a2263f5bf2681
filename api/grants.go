package api

import "time"

// Policy is an act of the operator that stands in for a proof.
type Policy struct {
	ID        string     `json:"id" doc:"pol_…" example:"pol_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Method    string     `json:"method" doc:"whitelist, waved, back_office, pdd or auto"`
	Pattern   string     `json:"pattern" doc:"a name, *.name for all below it, or {account}.name" example:"*.pages.example"`
	AccountID *string    `json:"account_id" doc:"null: any account"`
	By        string     `json:"by" doc:"who did it"`
	Reason    string     `json:"reason"`
	InForce   bool       `json:"in_force" doc:"neither over nor revoked"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: never"`
	RevokedAt *time.Time `json:"revoked_at"`
	RevokedBy *string    `json:"revoked_by"`
}

// RevokedPolicy is a policy just revoked.
type RevokedPolicy struct {
	Policy
	Lapsed int `json:"lapsed" doc:"claims that rested on it alone and lapsed with it"`
}

// Delegation is a right that the account which proved a domain gave to
// another one.
type Delegation struct {
	ID            string     `json:"id" doc:"del_…" example:"del_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Given         bool       `json:"given" doc:"true: given by this account; false: received"`
	DomainID      *string    `json:"domain_id" doc:"the proved domain it comes from; null for those who received it"`
	Hostname      string     `json:"hostname" doc:"the name that the other account may claim"`
	FromAccountID string     `json:"from_account_id"`
	FromName      string     `json:"from_name"`
	ToAccountID   string     `json:"to_account_id"`
	ToName        string     `json:"to_name"`
	InForce       bool       `json:"in_force" doc:"not ended, and the proof it comes from stands"`
	Reason        *string    `json:"reason"`
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     *time.Time `json:"expires_at" doc:"null: never"`
	RevokedAt     *time.Time `json:"revoked_at"`
	RevokeReason  *string    `json:"revoke_reason"`
}

// Connection is an account at a DNS provider. Its credentials are never shown.
type Connection struct {
	ID        string     `json:"id" doc:"con_…" example:"con_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Provider  string     `json:"provider" doc:"aws_route53 or cloudflare"`
	Name      string     `json:"name"`
	Hint      *string    `json:"hint" doc:"the end of the key, to tell several apart"`
	Works     bool       `json:"works" doc:"whether the last test went well"`
	TestedAt  *time.Time `json:"tested_at"`
	TestError *string    `json:"test_error" doc:"why the last test failed"`
	CreatedAt time.Time  `json:"created_at"`
}

// Mailbox is a mail address of the account.
type Mailbox struct {
	Address     string     `json:"address" example:"anna@example.com"`
	Confirmed   bool       `json:"confirmed"`
	ConfirmedAt *time.Time `json:"confirmed_at"`
	ConfirmedBy *string    `json:"confirmed_by" doc:"code (it was read there) or operator"`
	CreatedAt   time.Time  `json:"created_at"`
}

// MailCode says where a code went.
type MailCode struct {
	DomainID  string    `json:"domain_id"`
	Address   string    `json:"address" example:"hostmaster@example.com"`
	SentAt    time.Time `json:"sent_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// CreatePolicy is the body of POST /v1/policies.
type CreatePolicy struct {
	Method    string     `json:"method" enum:"whitelist,waved,back_office,pdd,auto"`
	Pattern   string     `json:"pattern" minLength:"1" maxLength:"300" doc:"a name, *.name for all below it, or {account}.name" example:"*.pages.example"`
	Account   string     `json:"account,omitempty" maxLength:"200" doc:"id or name; only whitelist and auto may leave it out"`
	By        string     `json:"by" minLength:"1" maxLength:"200" doc:"who does it"`
	Reason    string     `json:"reason" minLength:"1" maxLength:"200"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"absent: never"`
}

// CreateDelegation is the body of POST /v1/delegations.
type CreateDelegation struct {
	Domain    string     `json:"domain" minLength:"1" maxLength:"1024" doc:"id or hostname of a proved domain of this account"`
	Hostname  string     `json:"hostname,omitempty" maxLength:"1024" doc:"a name that its proof covers; absent: its own"`
	Account   string     `json:"account" minLength:"1" maxLength:"320" doc:"who receives it: id, name, or confirmed mail address"`
	Reason    string     `json:"reason,omitempty" maxLength:"200"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"absent: never"`
}

// CreateConnection is the body of POST /v1/connections.
type CreateConnection struct {
	Provider    string            `json:"provider" enum:"aws_route53,cloudflare"`
	Name        string            `json:"name,omitempty" maxLength:"100" doc:"absent: the provider's name"`
	Credentials map[string]string `json:"credentials" minProperties:"1" maxProperties:"16" writeOnly:"true" doc:"aws_route53: access_key_id, secret_access_key, and session_token where there is one; cloudflare: api_token"`
}

// CreateMailbox is the body of POST /v1/mailboxes.
type CreateMailbox struct {
	Address string `json:"address" minLength:"3" maxLength:"320"`
}

// Code is the body of the calls that take a mailed code.
type Code struct {
	Code string `json:"code" minLength:"1" maxLength:"100" writeOnly:"true" doc:"as it stands in the mail"`
}

// SendMailCode is the body of POST /v1/domains/{ref}/mail-code.
type SendMailCode struct {
	Mailbox string `json:"mailbox" enum:"admin,administrator,webmaster,hostmaster,postmaster" doc:"which of the five fixed mailboxes of the domain gets it"`
}
