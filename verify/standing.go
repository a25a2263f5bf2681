package verify

import (
	"context"

	"github.com/zonehold/zonehold"
)

// Standing is what a service knows of the claimant and of the operator's
// policies. Methods for which nothing is placed rest on it. It is read afresh
// for every check. Nil in a claim: nobody knows anything, as in the library
// and the command line without a server; those methods are then not
// applicable.
type Standing struct {
	Account     zonehold.Account
	Addresses   []Address         // of the account
	Codes       []ConfirmedCode   // brought back from mailboxes of the claimed domain, for this very claim
	Parents     []Parent          // the account's own proved domains above the claimed name, nearest first
	Delegations []Delegation      // to this account for this name, newest first; ended ones too, for the reason
	Policies    []zonehold.Policy // that give this account this name; ended ones too
	Accounts    []ZoneAccount     // connected accounts at DNS providers
	Providers   []zonehold.Method // providers that the service can talk to
}

// Address is a mail address of the account.
type Address struct {
	zonehold.Mailbox
	// Sharers counts the accounts, this one included, with a confirmed address
	// in the same mail domain.
	Sharers int
}

// Confirmed reports whether the account showed that it reads the mailbox.
func (a Address) Confirmed() bool { return !a.ConfirmedAt.IsZero() }

// Parent is a proved domain of the same account above the claimed name.
type Parent struct {
	DomainID  string
	Hostname  zonehold.Hostname
	Method    zonehold.Method
	Assurance zonehold.Assurance
	Covers    zonehold.Covers
}

// Delegation is a right given to the claimant, with the state of the proof it
// comes from.
type Delegation struct {
	zonehold.Delegation
	FromName string // name of the account that gave it
	// Source is the giver's domain as it is now.
	Source   Parent
	Verified bool   // the giver's proof stands
	Scheme   string // of the giver's domain; it limits a proof of one web host
	Port     uint16
}

// ZoneAccount is an account at a DNS provider that the claimant connected.
type ZoneAccount interface {
	ID() string                // con_…
	Name() string              // as the person calls it
	Provider() zonehold.Method // aws_route53 or cloudflare
	// Zones lists the account's zones of exactly these names, private and
	// inactive ones too. Errors are zonehold.ErrProviderCredentials or
	// zonehold.ErrProviderUnavailable, wrapped with the reason.
	Zones(ctx context.Context, names []string) ([]zonehold.HostedZone, error)
}
