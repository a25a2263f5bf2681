package app

import (
	"context"
	"errors"
	"time"

	"github.com/zonehold/zonehold"
)

// Grants are the use cases around proofs for which nothing is placed: what
// the operator grants, what owners share, and what accounts connect.
type Grants interface {
	Policies
	Delegations
	Connections
	Mailboxes
}

// Policies are the operator's acts. All need zonehold.ScopeOperator.
type Policies interface {
	// AddPolicy writes a policy. Claims that it may prove are looked at at
	// once.
	AddPolicy(ctx context.Context, actor zonehold.Actor, in NewPolicy) (*zonehold.Policy, error)
	// Policies lists policies, newest first.
	Policies(ctx context.Context, actor zonehold.Actor, q PolicyQuery) (Page[*zonehold.Policy], error)
	// RevokePolicy ends a policy; claims proved by it alone lapse with it, in
	// the same transaction. It returns how many. Revoking again is no error.
	RevokePolicy(ctx context.Context, actor zonehold.Actor, id, by, reason string) (*zonehold.Policy, int, error)
}

// NewPolicy is the input of AddPolicy. Fields as typed.
type NewPolicy struct {
	Method    zonehold.Method // whitelist, waved, back_office, pdd, auto
	Pattern   string          // see zonehold.NamePattern
	Account   string          // id or name; "" where the method allows any
	By        string          // who does it
	Reason    string
	ExpiresAt time.Time // zero: never
}

// PolicyQuery selects policies.
type PolicyQuery struct {
	Method zonehold.Method
	Domain string // only those that give this name to somebody
	All    bool   // ended ones too
	Limit  int    // 1..500; 0: 50
	Cursor string
}

// Delegations are rights that an owner gives to other accounts.
type Delegations interface {
	// Delegate gives a right. KindConflict: the domain is not proved, or held
	// by delegation itself; KindInvalid: to oneself, no such account, a name
	// that the proof does not cover.
	Delegate(ctx context.Context, actor zonehold.Actor, in NewDelegation) (*Delegation, error)
	// Delegations lists those given and received, newest first.
	Delegations(ctx context.Context, actor zonehold.Actor, q DelegationQuery) (Page[*Delegation], error)
	// RevokeDelegation takes a right back (the giver), or gives it up (the
	// receiver). A claim proved by it lapses in the same transaction.
	RevokeDelegation(ctx context.Context, actor zonehold.Actor, id, reason string) (*Delegation, error)
}

// NewDelegation is the input of Delegate. Fields as typed.
type NewDelegation struct {
	Domain    string // id or hostname of the giver's domain
	Hostname  string // "": that of the domain; else a name that its proof covers
	Account   string // receiver: account id, name, or confirmed mail address
	Reason    string
	ExpiresAt time.Time // zero: never
}

// DelegationQuery selects delegations.
type DelegationQuery struct {
	Domain    string // id or hostname
	Direction string // "given", "received", "": both
	All       bool   // ended ones too
	Limit     int    // 1..500; 0: 50
	Cursor    string
}

// Delegation is a delegation as either side may see it.
type Delegation struct {
	zonehold.Delegation
	FromName string // names of the accounts
	ToName   string
	InForce  bool // not ended, and the giver's proof stands
	Given    bool // by the account that asks
}

// Connections are accounts at DNS providers.
type Connections interface {
	// Connect tests the credentials, and stores them encrypted if they work.
	// KindRefused with a Problem: they do not. KindUnavailable: the provider
	// could not be asked.
	Connect(ctx context.Context, actor zonehold.Actor, in NewConnection) (*zonehold.Connection, error)
	Connections(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Connection, error)
	// TestConnection tries the stored credentials now; a failed test is not an
	// error, it is in the Connection.
	TestConnection(ctx context.Context, actor zonehold.Actor, id string) (*zonehold.Connection, error)
	// Disconnect forgets the credentials. KindConflict while proofs
	// rest on it, unless force; they then lapse.
	Disconnect(ctx context.Context, actor zonehold.Actor, id string, force bool) error
}

// NewConnection is the input of Connect. Credentials are never echoed.
type NewConnection struct {
	Provider    zonehold.Method // aws_route53 or cloudflare
	Name        string          // "": the provider's name
	Credentials map[string]string
}

// Mailboxes are the mail addresses of an account, and codes mailed to the
// fixed mailboxes of a claimed domain.
type Mailboxes interface {
	Mailboxes(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Mailbox, error)
	// AddMailbox mails a code to an address, which counts after ConfirmMailbox.
	// KindUnavailable when mail is off; KindRefused with a Problem when the
	// mail server refuses the address.
	AddMailbox(ctx context.Context, actor zonehold.Actor, address string) (*zonehold.Mailbox, error)
	// ConfirmMailbox takes the code. KindRefused with problem mail_code_wrong
	// when it is wrong, used, or too old.
	ConfirmMailbox(ctx context.Context, actor zonehold.Actor, address, code string) (*zonehold.Mailbox, error)
	// RemoveMailbox forgets an address; KindConflict while proofs rest on it,
	// unless force.
	RemoveMailbox(ctx context.Context, actor zonehold.Actor, address string, force bool) error

	// MailCode mails a code to one of the five mailboxes of a claimed domain
	// (Baseline Requirements 3.2.2.4.4): admin, administrator, webmaster,
	// hostmaster, postmaster.
	MailCode(ctx context.Context, actor zonehold.Actor, ref, mailbox string) (*MailCode, error)
	// ConfirmMailCode takes that code and proves the domain by email. A wrong
	// code is KindRefused with problem mail_code_wrong, and no attempt.
	ConfirmMailCode(ctx context.Context, actor zonehold.Actor, ref, code string) (*Attempt, error)
}

// MailCode says where a code went.
type MailCode struct {
	DomainID  string
	Address   string
	SentAt    time.Time
	ExpiresAt time.Time
}

// Mailer sends one mail.
type Mailer interface {
	// Send hands the mail to the operator's relay. Errors are ErrMailRefused,
	// wrapped with what the server said, when the address is refused for good.
	Send(ctx context.Context, to, subject, text string) error
}

// ErrMailRefused says that a mail server does not take mail for the address.
var ErrMailRefused = errors.New("the mail server refuses the address")
