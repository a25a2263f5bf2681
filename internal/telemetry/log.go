// Package telemetry has logs, metrics, request ids and health checks.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// NewLogger makes the logger of the process. Format is "json", anything else
// is text. Times are UTC; secrets are masked; lines written with the context
// of a request carry its request_id; a failure that repeats itself is not
// written each time.
func NewLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: replaceAttr}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		h = slog.NewJSONHandler(w, opts)
	}
	return slog.New(repeats{requestHandler{h}, &seenLines{lines: map[[2]string]*seenLine{}}})
}

const masked = "[redacted]"

var (
	// ourToken is a token of package auth inside a longer text.
	ourToken = regexp.MustCompile(`zhp_[a-z2-7]{8,}`)
	// credential is what follows a scheme name, a query parameter that carries
	// one, or the password in a URL.
	credential = regexp.MustCompile(`(?i)((?:bearer|oauth|jwt|basic) |(?:oauth_token|access_token|password|sslpassword)=|://[^/\s:@]*:)[^\s&"'@]+`)
)

// secretKeys are attribute names whose value is never written.
var secretKeys = map[string]bool{
	"authorization": true, "cookie": true, "set-cookie": true, "password": true, "secret": true,
	"secret_key": true, "token": true, "oauth_token": true, "database_url": true, "basic_auth_password": true,
}

func replaceAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Time(a.Key, a.Value.Time().UTC())
	}
	if secretKeys[strings.ToLower(a.Key)] {
		return slog.String(a.Key, masked)
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, Redact(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, Redact(err.Error()))
		}
	}
	return a
}

// Redact masks tokens and passwords inside a text.
func Redact(s string) string {
	if strings.Contains(s, "zhp_") {
		s = ourToken.ReplaceAllString(s, "zhp_"+masked)
	}
	// The pattern is slow; a text without these bytes cannot match.
	if strings.ContainsAny(s, " =@") {
		s = credential.ReplaceAllString(s, "${1}"+masked)
	}
	return s
}

// requestHandler adds the request id.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
