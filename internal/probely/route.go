package probely

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
)

// scope is a permission of the dialect: the scopes of ours of which the token
// needs one.
type scope []zonehold.Scope

var (
	scopeRead   = scope{zonehold.ScopeDomainsRead}
	scopeWrite  = scope{zonehold.ScopeDomainsWrite}
	scopeVerify = scope{zonehold.ScopeChecksRun}
	scopeAny    = scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
)

func (s scope) allows(a zonehold.Actor) bool { return slices.ContainsFunc(s, a.Allows) }

// action answers one verb of one resource.
type action struct {
	verb  string
	scope scope
	serve func(*call) (reply, error)
}

// resource is one path: a name for logs and figures, and its actions by verb.
type resource struct {
	pattern  string
	segments []string // "{id}" stands for any
	open     bool     // asks for no token
	actions  []action
}

// resources are all paths that there are. Every other one below the roots is
// a 404.
var resources = slices.Concat(
	[]*resource{
		at("/domains/",
			action{http.MethodGet, scopeRead, (*call).listDomains},
			action{http.MethodPost, scopeWrite, (*call).createDomain}),
		at("/domains/{id}/",
			action{http.MethodGet, scopeRead, (*call).showDomain},
			action{http.MethodPut, scopeWrite, (*call).replaceDomain},
			action{http.MethodPatch, scopeWrite, (*call).changeDomain},
			action{http.MethodDelete, scopeWrite, (*call).deleteDomain}),
		at("/domains/{id}/verify/", action{http.MethodPost, scopeVerify, (*call).verify}),
		at("/discovery/status/", action{http.MethodGet, scopeAny, (*call).discoveryStatus}),
		at("/profile/", action{http.MethodGet, scopeAny, (*call).profile}),
		at("/account/", action{http.MethodGet, scopeAny, (*call).account}),
		at("/users/", action{http.MethodGet, scopeAny, (*call).listUsers}),
		at("/users/{id}/", action{http.MethodGet, scopeAny, (*call).showUser}),
	},
	// What clients read first, and what is not kept here (contract section 4).
	empty("/targets/", "/scans/", "/findings/", "/labels/", "/teams/", "/integrations/", "/events/", "/webhooks/",
		"/discovery/assets/", "/discovery/scans/"),
	[]*resource{
		login("/auth-obtain/", (*call).obtain),
		login("/auth/obtain/", (*call).obtain),
		login("/enterprise/auth/obtain/", (*call).obtain),
		login("/auth/refresh/", (*call).verifyToken),
		login("/auth/verify/", (*call).verifyToken),
		login("/auth/revoke/", (*call).revokeToken),
	},
)

func at(pattern string, actions ...action) *resource {
	return &resource{pattern: pattern, segments: strings.Split(strings.Trim(pattern, "/"), "/"), actions: actions}
}

func empty(patterns ...string) []*resource {
	var all []*resource
	for _, p := range patterns {
		all = append(all, at(p, action{http.MethodGet, scopeAny, (*call).emptyPage}))
	}
	return all
}

func login(pattern string, serve func(*call) (reply, error)) *resource {
	res := at(pattern, action{http.MethodPost, nil, serve})
	res.open = true
	return res
}

// Roots are the first segments of the paths that the handler answers. Some
// have no resource: their clients get a 404 that they can read.
func Roots() []string {
	roots := []string{"api-users", "keys", "permissions", "roles", "scanning-agents"}
	for _, res := range resources {
		roots = append(roots, res.segments[0])
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

// find picks the action for a verb. HEAD is a GET whose body net/http drops.
func (res *resource) find(verb string) (action, bool) {
	if verb == http.MethodHead {
		verb = http.MethodGet
	}
	i := slices.IndexFunc(res.actions, func(a action) bool { return a.verb == verb })
	if i < 0 {
		return action{}, false
	}
	return res.actions[i], true
}

// allow is the Allow header of the resource.
func (res *resource) allow() string {
	var verbs []string
	for _, a := range res.actions {
		verbs = append(verbs, a.verb)
	}
	if verbs[0] == http.MethodGet {
		verbs = append(verbs, http.MethodHead)
	}
	return strings.Join(append(verbs, http.MethodOptions), ", ")
}

// options is DRF's answer to OPTIONS, without a description of the fields.
func (res *resource) options() any {
	name := res.segments[len(res.segments)-1]
	if name == "{id}" {
		name = res.segments[0]
	}
	return optionsBody{Name: name, Renders: []string{typeJSON}, Parses: []string{typeJSON, typeForm}}
}

type optionsBody struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Renders     []string `json:"renders"`
	Parses      []string `json:"parses"`
}

// maxSegments is one more than the longest path has, so that a path of
// slashes costs nothing.
const maxSegments = 4

// match reads an escaped path and returns the resource and the id in it.
// Segments are split before they are decoded: an encoded slash never makes a
// new one. The final slash is free: one client leaves it out, and does not
// send its body again after a redirect.
func match(path string) (*resource, string, bool) {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, "", false
	}
	segments := strings.SplitN(strings.TrimSuffix(path, "/"), "/", maxSegments)
	for i, s := range segments {
		s, err := url.PathUnescape(s)
		if err != nil || s == "" {
			return nil, "", false
		}
		segments[i] = s
	}
	for _, res := range resources {
		id, same := "", len(segments) == len(res.segments)
		for i := 0; same && i < len(segments); i++ {
			if res.segments[i] == "{id}" {
				id = segments[i]
			} else {
				same = segments[i] == res.segments[i]
			}
		}
		if same {
			return res, id, true
		}
	}
	return nil, "", false
}
