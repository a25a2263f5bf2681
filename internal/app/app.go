// Package app holds the use cases: who may do what, and how the state of a
// domain changes. It is the only writer of state.
package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/problem"
)

// Kind classes errors; every HTTP dialect has one table from kinds to its own
// shapes.
type Kind string

const (
	KindInvalid      Kind = "invalid"      // the request itself is wrong
	KindRefused      Kind = "refused"      // the hostname cannot be claimed; Problem says why
	KindNotFound     Kind = "not_found"    // or not this account's
	KindConflict     Kind = "conflict"     // a check already runs (Attempt is it)
	KindForbidden    Kind = "forbidden"    // the token lacks Scope
	KindLimit        Kind = "limit"        // too many domains; Limit
	KindRateLimited  Kind = "rate_limited" // RetryAfter
	KindPrecondition Kind = "precondition" // changed meanwhile (If-Match)
	KindUnavailable  Kind = "unavailable"  // shutting down, database gone
)

// Error is a refusal of a use case.
type Error struct {
	Kind       Kind
	Message    string // one sentence that says what to change
	Field      string // JSON field at fault, if one is
	Missing    bool   // Field names something that does not exist
	Problem    *problem.Problem
	Scope      zonehold.Scope
	Limit      int
	RetryAfter time.Duration
	Attempt    *Attempt
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Message) }

// Domain is a domain with all that a screen needs.
type Domain struct {
	zonehold.Domain
	Challenges  []zonehold.Challenge
	Problem     *problem.Problem // of the last finished attempt, unless verified
	LastAttempt *Attempt         // last finished one; nil: never checked
	Running     *Attempt         // queued or running one; nil: none
	Turn        zonehold.Turn
	// Recheck is what the account's proofs are held to; "": not known.
	Recheck      zonehold.RecheckPolicy
	ScansAllowed bool   // as far as the proof of the name goes
	ScansReason  string // why not
	CoveredBy    string // id of the domain whose proof covers this one
	Source       string // id of the policy, delegation or connection, or the mail address, that the proof rests on
	DNSHost      *diagnose.DNSHost
	BasicUser    string // user name for HTTP basic authentication
	HasPassword  bool   // a password for it is kept; nobody gets it back

	// RestsOn are the domains that the proof rests on, of any account: nothing to
	// be shown.
	RestsOn []*zonehold.Domain
}

// Attempt is an attempt with its explanation.
type Attempt struct {
	zonehold.Attempt
	Problem *problem.Problem
	Notes   []problem.Problem
}

// CreateDomain is the input of App.CreateDomain. Hostname is as typed.
type CreateDomain struct {
	Hostname string
	Scheme   string
	Port     int
	Profile  zonehold.ProfileName // "": zonehold

	BasicAuthUsername, BasicAuthPassword string
}

// DomainPatch changes what is not nil.
type DomainPatch struct {
	DiscoveryEnabled  *bool
	BasicAuthUsername *string
	BasicAuthPassword *string
	Port              *int // 0 clears
	Tags              *[]string
}

// DomainQuery selects domains. Zero fields select everything.
type DomainQuery struct {
	State   zonehold.DomainState
	Method  zonehold.Method
	Profile zonehold.ProfileName
	Text    string // part of the hostname
	Sort    string // "hostname" (default), "-created_at", "created_at", "state_since", "-state_since"
	Limit   int    // 1..500; 0: 50; -1: all (dialects without pages)
	Cursor  string
	// Bare: without Challenges, Running, Turn, DNSHost and Recheck, for long
	// lists that show none of them.
	Bare bool
}

// Page is a page of a list.
type Page[T any] struct {
	Items      []T
	NextCursor string // "": no more
}

// Owner is one verified claim on a host, of any account (Yandex row 8).
type Owner struct {
	Account    zonehold.Account
	Domain     zonehold.Domain
	VerifiedAt time.Time
}

// Service is what the HTTP dialects need of App. It stands here once because
// every dialect needs nearly all of it.
type Service interface {
	// CreateDomain claims a hostname; false when the account already has it.
	CreateDomain(ctx context.Context, actor zonehold.Actor, in CreateDomain) (*Domain, bool, error)
	// Domain finds by id ("dom_…"), by its ShortID, or by hostname.
	Domain(ctx context.Context, actor zonehold.Actor, ref string) (*Domain, error)
	// Host finds the claim with exactly that scheme, hostname and port (0: default).
	Host(ctx context.Context, actor zonehold.Actor, scheme, hostname string, port uint16) (*Domain, error)
	Domains(ctx context.Context, actor zonehold.Actor, q DomainQuery) (Page[*Domain], error)
	// UpdateDomain and DeleteDomain fail with KindPrecondition when version is
	// not 0 and not the current one.
	UpdateDomain(ctx context.Context, actor zonehold.Actor, ref string, p DomainPatch, version int64) (*Domain, error)
	DeleteDomain(ctx context.Context, actor zonehold.Actor, ref string, version int64) error
	// StartAttempt begins a check; method "" tries every applicable one.
	// KindConflict with Attempt set when one is under way.
	StartAttempt(ctx context.Context, actor zonehold.Actor, ref string, method zonehold.Method, trigger zonehold.Trigger) (*Attempt, error)
	// WaitAttempt returns the attempt when it is finished or when ctx ends,
	// whichever is first.
	WaitAttempt(ctx context.Context, actor zonehold.Actor, id string) (*Attempt, error)
	Attempt(ctx context.Context, actor zonehold.Actor, id string) (*Attempt, error)
	Attempts(ctx context.Context, actor zonehold.Actor, ref string, limit int, cursor string) (Page[*Attempt], error)
	// Evidence is the stored evidence of a finished attempt, a JSON document.
	Evidence(ctx context.Context, actor zonehold.Actor, attemptID string) (json.RawMessage, error)
	// Events returns the account's events after the event id ("" from the
	// first), oldest first. With wait it blocks until there is one or ctx ends.
	Events(ctx context.Context, actor zonehold.Actor, after string, limit int, wait bool) ([]zonehold.Event, error)
	// Owners lists the verified claims on the same scheme, hostname and port.
	Owners(ctx context.Context, actor zonehold.Actor, d *Domain) ([]Owner, error)
	// DomainLimit is how many domains an account may have.
	DomainLimit() int
}
