package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"
)

// HeaderRequestID names a request in replies and logs. A caller may choose
// it, with 8 to 64 characters of [A-Za-z0-9._-].
const HeaderRequestID = "X-Request-Id"

type exchangeKey struct{}

// exchange is one request and its reply; also the ResponseWriter.
type exchange struct {
	http.ResponseWriter
	id     string
	route  string
	status int
	bytes  int64
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func from(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// RequestID is the id of the request behind ctx, or "".
func RequestID(ctx context.Context) string {
	if x := from(ctx); x != nil {
		return x.id
	}
	return ""
}

// SetRoute names the route that answers the request, e.g. "/v1/domains/{ref}",
// for the metrics and the log. Handlers call it, or set the Pattern of the
// request as http.ServeMux does; the set of routes is small and fixed, paths
// as received are not.
func SetRoute(ctx context.Context, route string) {
	if x := from(ctx); x != nil {
		x.route = route
	}
}

// Middleware gives every request an id, counts it and logs it. Successful
// reads and 503s are logged at debug level, other requests at info, other 5xx
// at error. Queries are never logged: they may hold tokens.
func Middleware(log *slog.Logger, m *Metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		x := &exchange{ResponseWriter: w, id: requestID(r)}
		w.Header()[HeaderRequestID] = []string{x.id}
		ctx := context.WithValue(r.Context(), exchangeKey{}, x)
		inner := r.WithContext(ctx)
		if m != nil {
			m.inFlight.Inc()
		}
		defer func() {
			took := time.Since(start)
			if x.status == 0 { // nothing written: net/http sends 200, or the handler panicked
				x.status = http.StatusOK
			}
			if x.route == "" {
				x.route = inner.Pattern
			}
			if x.route == "" {
				x.route = "unmatched"
			}
			if m != nil {
				m.inFlight.Dec()
				m.observe(x.route, r.Method, x.status, took)
			}
			level := slog.LevelInfo
			switch {
			case x.status == http.StatusServiceUnavailable:
				// Starting, stopping or not ready: what is wrong is logged where it is known.
				level = slog.LevelDebug
			case x.status >= 500:
				level = slog.LevelError
			case x.status < 400 && (r.Method == http.MethodGet || r.Method == http.MethodHead):
				level = slog.LevelDebug
			}
			if log != nil && log.Enabled(ctx, level) {
				log.LogAttrs(ctx, level, "request", slog.String("method", r.Method), slog.String("path", clip(r.URL.Path)),
					slog.String("route", x.route), slog.Int("status", x.status), slog.Int64("bytes", x.bytes),
					slog.Duration("took", took), slog.String("remote", r.RemoteAddr))
			}
		}()
		next.ServeHTTP(x, inner)
	})
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// requestID takes the caller's id if it is harmless, else makes one.
func requestID(r *http.Request) string {
	if v := r.Header[HeaderRequestID]; len(v) == 1 && harmless(v[0]) {
		return v[0]
	}
	var raw [12]byte
	_, _ = rand.Read(raw[:])
	var buf [4 + 2*len(raw)]byte
	return string(hex.AppendEncode(append(buf[:0], "req_"...), raw[:]))
}

func harmless(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
