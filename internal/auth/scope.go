package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
)

// DefaultScopes are those of a token made without any: all but admin.
func DefaultScopes() []zonehold.Scope {
	return []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
}

// ParseScopes reads scopes, each item one or several separated by commas or
// blanks. No scope at all gives DefaultScopes; duplicates are dropped.
func ParseScopes(items ...string) ([]zonehold.Scope, error) {
	var out []zonehold.Scope
	for _, item := range items {
		for _, word := range strings.FieldsFunc(item, func(r rune) bool { return r == ',' || r == ' ' }) {
			s := zonehold.Scope(word)
			if !s.Valid() {
				return nil, fmt.Errorf("%w: %.40q is not a scope; use %s", ErrInvalid, word, join(zonehold.Scopes()))
			}
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	if len(out) == 0 {
		return DefaultScopes(), nil
	}
	return out, nil
}

func join(scopes []zonehold.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
