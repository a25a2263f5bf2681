package zonehold

import (
	"fmt"
	"slices"
)

// Scope is a permission of a token.
type Scope string

const (
	ScopeDomainsRead  Scope = "domains:read"
	ScopeDomainsWrite Scope = "domains:write"
	ScopeChecksRun    Scope = "checks:run"
	ScopeAdmin        Scope = "admin" // everything in the account
	// ScopeOperator is for acts of the operator, over all accounts. No other
	// scope includes it, and only the command line on the server's own data
	// gives it out.
	ScopeOperator Scope = "operator"
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{ScopeDomainsRead, ScopeDomainsWrite, ScopeChecksRun, ScopeAdmin, ScopeOperator}
}

// Valid reports whether s is one of Scopes.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }

// ParseScope reads a scope.
func ParseScope(s string) (Scope, error) {
	if scope := Scope(s); scope.Valid() {
		return scope, nil
	}
	return "", fmt.Errorf("unknown scope %s", quote(s))
}

// Account owns domains and tokens.
type Account struct {
	ID             string // acc_…
	Number         int64  // the Yandex dialect's user_id; > 0
	Name           string // unique
	Email          string
	EmailConfirmed bool
	Recheck        RecheckPolicy
}

// Actor is who makes a call.
type Actor struct {
	Account Account
	TokenID string // "": the command line on the server's own data
	Scopes  []Scope

	// For the audit log: the request that carries the call, and from where.
	RequestID string
	Address   string
}

// Allows reports whether the actor holds the scope, or admin; admin does not
// include operator.
func (a Actor) Allows(s Scope) bool {
	return slices.Contains(a.Scopes, s) || s != ScopeOperator && slices.Contains(a.Scopes, ScopeAdmin)
}
