package webmaster

import (
	"net/http"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
)

// scope is a permission of the dialect: the scopes of ours of which the token
// needs one.
type scope []zonehold.Scope

// webmaster:hostinfo reads, webmaster:verify adds and verifies. The latter
// are two scopes here; reading the user id takes any.
var (
	scopeInfo   = scope{zonehold.ScopeDomainsRead}
	scopeAdd    = scope{zonehold.ScopeDomainsWrite}
	scopeVerify = scope{zonehold.ScopeChecksRun}
	scopeAny    = scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
)

func (s scope) allows(a zonehold.Actor) bool { return slices.ContainsFunc(s, a.Allows) }

// maxToken bounds a token in bytes; ours are far shorter.
const maxToken = 512

const queryToken = "oauth_token"

// takeToken returns the token of a request, "" when there is none that could
// be one. The header wins: a client that sends both sends the same. A token
// in the query is removed from the request, so that no log of ours or around
// us can carry it.
func takeToken(r *http.Request) string {
	var fromQuery string
	if r.URL.RawQuery != "" {
		q := r.URL.Query()
		fromQuery = q.Get(queryToken)
		q.Del(queryToken)
		r.URL.RawQuery = q.Encode()
		r.RequestURI = r.URL.RequestURI()
	}
	token := fromQuery
	if h := r.Header.Get("Authorization"); h != "" {
		kind, value, _ := strings.Cut(h, " ")
		if !strings.EqualFold(kind, "OAuth") && !strings.EqualFold(kind, "Bearer") {
			return ""
		}
		token = strings.Trim(value, " ")
	}
	if len(token) > maxToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return token
}
