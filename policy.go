package zonehold

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy is an act of the operator that stands in for a proof: an entry of
// the whitelist, a waiver, an approval by hand, a mail domain or a platform
// suffix that the operator runs. Every one names who did it and why.
type Policy struct {
	ID        string // pol_…
	Method    Method // one of PolicyMethods
	Pattern   NamePattern
	AccountID string // "": any account; only whitelist and auto may leave it open
	Actor     string // who did it, as the operator writes it
	Reason    string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: in force
	RevokedBy string
}

// PolicyMethods are the methods that rest on a policy.
func PolicyMethods() []Method {
	return []Method{MethodWhitelist, MethodWaved, MethodBackOffice, MethodPDD, MethodAuto}
}

// InForce reports whether the policy counts at that time.
func (p Policy) InForce(now time.Time) bool {
	return p.RevokedAt.IsZero() && (p.ExpiresAt.IsZero() || now.Before(p.ExpiresAt))
}

// Gives reports whether the policy, were it in force, gives the account the
// name.
func (p Policy) Gives(account Account, host Hostname) bool {
	return (p.AccountID == "" || p.AccountID == account.ID) && p.Pattern.Match(host, account.Name)
}

// NamePattern says which names a policy is about:
//
//	example.com            that name alone
//	*.example.com          every name below it, at any depth, not itself
//	{account}.pages.example  the name whose first label is the account's name
//	                       as it is written, in lower case and A-labels, and
//	                       what is below that
//
// It is held in the form that ParseNamePattern returns.
type NamePattern string

// Errors of ParseNamePattern.
var (
	errPatternWild   = errors.New("a star stands alone as the first label: *.example.com")
	errPatternSuffix = errors.New("a pattern must not cover a whole public suffix")
)

const accountLabel = "{account}"

// ParseNamePattern reads a pattern as typed. It refuses one that would cover
// everything below a public suffix of the ICANN list.
func ParseNamePattern(s string) (NamePattern, error) {
	s = strings.TrimSpace(s)
	first, rest, _ := strings.Cut(s, ".")
	if first != "*" && first != accountLabel {
		rest = s
		first = ""
	}
	if strings.ContainsAny(rest, "*{}") {
		return "", errPatternWild
	}
	host, err := ParseHostname(rest)
	if err != nil {
		return "", fmt.Errorf("reading the pattern %s: %w", quote(s), err)
	}
	if first == "" {
		if err := host.CheckClaim(); err != nil {
			return "", fmt.Errorf("reading the pattern %s: %w", quote(s), err)
		}
		return NamePattern(host), nil
	}
	if suffix, icann := host.PublicSuffix(); icann && suffix == string(host) {
		return "", errPatternSuffix
	}
	return NamePattern(first + "." + string(host)), nil
}

// Base is the name in the pattern without its first, variable label.
func (p NamePattern) Base() Hostname {
	for _, v := range []string{"*.", accountLabel + "."} {
		if rest, ok := strings.CutPrefix(string(p), v); ok {
			return Hostname(rest)
		}
	}
	return Hostname(p)
}

// Single reports whether the pattern is one name.
func (p NamePattern) Single() bool { return string(p.Base()) == string(p) }

// Match reports whether the pattern covers host, when claimed by an account
// of that name.
func (p NamePattern) Match(host Hostname, accountName string) bool {
	base := p.Base()
	below, ok := strings.CutSuffix(string(host), "."+string(base))
	switch {
	case p.Single():
		return host == base
	case !ok || below == "":
		return false
	case strings.HasPrefix(string(p), "*."):
		return true
	}
	labels := strings.Split(below, ".")
	// As it is written: "Anna" and "anna" are two accounts, and one label.
	return accountName != "" && labels[len(labels)-1] == accountName
}

// ValidPolicyMethod reports whether m rests on a policy.
func ValidPolicyMethod(m Method) bool { return slices.Contains(PolicyMethods(), m) }

// Delegation is a right that the account which proved a domain gave to
// another one. It ends with the proof it came from, when it is revoked, and
// when its time is over. A delegated right cannot be passed on.
type Delegation struct {
	ID           string // del_…
	DomainID     string // the proved domain of the giver
	FromAccount  string // id
	ToAccount    string // id
	Hostname     Hostname
	Reason       string
	CreatedAt    time.Time
	ExpiresAt    time.Time // zero: never
	RevokedAt    time.Time // zero: in force
	RevokeReason string
}

// InForce reports whether the delegation itself counts at that time; the
// proof of the giver is another matter.
func (d Delegation) InForce(now time.Time) bool {
	return d.RevokedAt.IsZero() && (d.ExpiresAt.IsZero() || now.Before(d.ExpiresAt))
}

// HostedZone is a zone in an account at a DNS provider, as the provider
// itself states it.
type HostedZone struct {
	ID          string
	Name        string   // lower case, no final dot
	Private     bool     // answers inside a private network only
	Active      bool     // the provider serves it and sees it delegated to itself, as far as it says
	Status      string   // the provider's own word, for people
	NameServers []string // assigned by the provider: never the NS records of the zone, which its holder can edit
}

// What a provider account can fail with.
var (
	ErrProviderCredentials = errors.New("the provider does not accept the credentials")
	ErrProviderUnavailable = errors.New("the provider does not answer")
)

// Mailbox is a mail address of an account.
type Mailbox struct {
	AccountID   string
	Address     string    // as confirmed; the domain in lower-case A-labels
	ConfirmedAt time.Time // zero: not confirmed
	ConfirmedBy string    // "code" or "operator"
	CreatedAt   time.Time
}

// Connection is an account at a DNS provider which an account of ours
// connected. Its credentials are not in it.
type Connection struct {
	ID        string // con_…
	AccountID string
	Provider  Method // aws_route53 or cloudflare
	Name      string // as the person calls it
	Hint      string // the end of the key, to tell several apart; never the secret
	TestedAt  time.Time
	TestError string // why the last test failed, "" if it did not
	CreatedAt time.Time
}
