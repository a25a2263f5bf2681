package webmaster

import (
	"log/slog"
	"net/http"
	"time"
)

// Away answers the dialect's paths in a process that does not serve them: 503
// while it will soon, else 404, in the form that Accept asks for.
func Away(soon bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		takeToken(r)
		e := errResource()
		if soon {
			e = errUnavailable(time.Second)
		}
		e.header(w.Header())
		f, _ := negotiate(r.Header.Values("Accept"))
		(&handler{log: slog.Default()}).write(w, r, f, reply{e.status, e.body})
	})
}
