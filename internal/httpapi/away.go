package httpapi

import "net/http"

// Away answers the paths of the API in a process that does not serve it: 503
// while it will soon, else 404.
func Away(soon bool) http.Handler {
	s := &server{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if soon {
			s.fail(w, r, &limited{fault(codeUnavailable, "The server is starting. Repeat after the seconds in Retry-After."), retryAfterUnavailable})
			return
		}
		s.fail(w, r, fault(codeNotFound, "This process does not serve the API: it has not the role api."))
	})
}
