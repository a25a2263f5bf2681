package zonehold

import "slices"

// Scope is a permission of a token.
type Scope string

const (
	ScopeDomainsRead  Scope = "domains:read"
	ScopeDomainsWrite Scope = "domains:write"
	ScopeChecksRun    Scope = "checks:run"
	ScopeAdmin        Scope = "admin" // everything
)

// Account owns domains and tokens.
type Account struct {
	ID             string // acc_…
	Number         int64  // the Yandex dialect's user_id; > 0
	Name           string // unique
	Email          string
	EmailConfirmed bool
}

// Actor is who makes a call.
type Actor struct {
	Account Account
	TokenID string
	Scopes  []Scope
}

// Allows reports whether the actor holds the scope, or admin.
func (a Actor) Allows(s Scope) bool {
	return slices.Contains(a.Scopes, s) || slices.Contains(a.Scopes, ScopeAdmin)
}
