package probely

import (
	"log/slog"
	"net/http"
	"time"
)

// Away answers the dialect's paths in a process that does not serve them: 503
// while it will soon, else 404, in JSON like every other error.
func Away(soon bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := errNotFound()
		if soon {
			e = errUnavailable(time.Second)
		}
		e.header(w.Header())
		(&handler{log: slog.Default()}).write(w, r, reply{e.status, e.body})
	})
}
