package webmaster

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// action answers one verb of one resource.
type action struct {
	verb  string
	scope scope
	serve func(*call) (reply, error)
}

// resource is one row of the API: a name for logs and figures, and its actions
// by verb.
type resource struct {
	pattern string
	actions []action
}

// The resources of contract section 2, and the alias of rule 16. Everything
// else below a version is RESOURCE_NOT_FOUND.
var (
	userResource = &resource{"/{version}/user", []action{
		{http.MethodGet, scopeAny, (*call).user},
	}}
	hostsResource = &resource{"/{version}/user/{user-id}/hosts", []action{
		{http.MethodGet, scopeInfo, (*call).listHosts},
		{http.MethodPost, scopeAdd, (*call).addHost},
	}}
	hostResource = &resource{"/{version}/user/{user-id}/hosts/{host-id}", []action{
		{http.MethodGet, scopeInfo, (*call).showHost},
		{http.MethodDelete, scopeAdd, (*call).deleteHost},
	}}
	hostChildren = map[string]*resource{
		"verification": {hostResource.pattern + "/verification", []action{
			{http.MethodGet, scopeInfo, (*call).verification},
			{http.MethodPost, scopeVerify, (*call).verify},
		}},
		"owner-verification": {hostResource.pattern + "/owner-verification", []action{
			{http.MethodGet, scopeInfo, (*call).verification},
			{http.MethodPost, scopeVerify, (*call).verifyFromBody},
		}},
		"owners": {hostResource.pattern + "/owners", []action{
			{http.MethodGet, scopeInfo, (*call).owners},
		}},
		"summary": {hostResource.pattern + "/summary", []action{
			{http.MethodGet, scopeInfo, (*call).summary},
		}},
	}
)

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
		if a.verb == http.MethodGet {
			verbs = append(verbs, http.MethodHead)
		}
	}
	return strings.Join(verbs, ", ")
}

// target is where a path leads.
type target struct {
	version  version
	resource *resource
	user     string // "" for the user resource itself
	host     string // decoded host id as given, "" above a host
}

// maxSegments is one more than the longest path has, so that a path of
// slashes costs nothing.
const maxSegments = 7

// match reads an escaped path. Segments are split before they are decoded:
// an encoded slash never makes a new one. One final slash is free (rule 1).
func match(path string) (target, bool) {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return target{}, false
	}
	path = strings.TrimSuffix(path, "/")
	segments := strings.SplitN(path, "/", maxSegments)
	for i, s := range segments {
		s, err := url.PathUnescape(s)
		if err != nil || s == "" {
			return target{}, false
		}
		segments[i] = s
	}
	t := target{version: version(segments[0])}
	if !slices.Contains(versions, t.version) || len(segments) < 2 || segments[1] != "user" {
		return target{}, false
	}
	if len(segments) >= 4 {
		if segments[3] != "hosts" {
			return target{}, false
		}
		t.user = segments[2]
	}
	if len(segments) >= 5 {
		t.host = segments[4]
	}
	switch len(segments) {
	case 2:
		t.resource = userResource
	case 4:
		t.resource = hostsResource
	case 5:
		t.resource = hostResource
	case 6:
		t.resource = hostChildren[segments[5]]
	}
	return t, t.resource != nil
}
