// Package verifytest is the suite that every verification method passes, and
// the laboratory it works in.
package verifytest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// Lab is a fake internet with a kit that sees nothing else.
type Lab struct {
	T   testing.TB
	Net *testnet.Network
	Kit *verify.Kit

	dialer *probe.Dialer
	roots  []dns.RootServer
}

// NewLab starts a lab that ends with the test.
func NewLab(t testing.TB) *Lab {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatalf("starting the fake internet: %v", err)
	}
	t.Cleanup(n.Close)
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatalf("reading the root hints: %v", err)
	}
	l := &Lab{T: t, Net: n, roots: roots, dialer: &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: n.Route}}
	// The waiting times are long, for machines under load; what has to time
	// out uses Hasty.
	l.Kit = l.kit(dns.Config{QueryTimeout: 3 * time.Second}, web.Config{Timeout: 20 * time.Second})
	return l
}

// Hasty is a kit that gives up soon, for what will never answer.
func (l *Lab) Hasty() *verify.Kit {
	return l.kit(dns.Config{QueryTimeout: 250 * time.Millisecond, Attempts: 1}, web.Config{Timeout: time.Second})
}

// WithCaches is a kit that also asks the given recursive resolvers.
func (l *Lab) WithCaches(resolvers ...*testnet.Resolver) *verify.Kit {
	cfg := dns.Config{QueryTimeout: 3 * time.Second}
	for _, r := range resolvers {
		cfg.Recursive = append(cfg.Recursive, r.Addr())
	}
	return l.kit(cfg, web.Config{Timeout: 20 * time.Second})
}

// HastyWithCaches is Hasty with recursive resolvers.
func (l *Lab) HastyWithCaches(resolvers ...*testnet.Resolver) *verify.Kit {
	cfg := dns.Config{QueryTimeout: 250 * time.Millisecond, Attempts: 1}
	for _, r := range resolvers {
		cfg.Recursive = append(cfg.Recursive, r.Addr())
	}
	return l.kit(cfg, web.Config{Timeout: time.Second})
}

func (l *Lab) kit(d dns.Config, w web.Config) *verify.Kit {
	l.T.Helper()
	d.Dialer, d.Roots = l.dialer, l.roots
	r, err := dns.New(d)
	if err != nil {
		l.T.Fatalf("making a resolver: %v", err)
	}
	w.Dialer, w.Resolver, w.RootCAs = l.dialer, r, l.Net.CertPool()
	return &verify.Kit{DNS: r, Web: web.New(w)}
}

// Claim is a fresh claim on host.
func (l *Lab) Claim(host string, profile zonehold.ProfileName) verify.Claim {
	l.T.Helper()
	h, err := zonehold.ParseHostname(host)
	if err != nil {
		l.T.Fatalf("parsing %q: %v", host, err)
	}
	tokens, err := zonehold.NewTokens(profile, "")
	if err != nil {
		l.T.Fatalf("making tokens: %v", err)
	}
	return verify.Claim{Hostname: h, Profile: profile, Tokens: tokens}
}

// Zone is the zone of the claim's registrable domain, made on first use.
func (l *Lab) Zone(c verify.Claim) *testnet.Zone {
	l.T.Helper()
	name, ok := c.Hostname.Registrable()
	if !ok {
		l.T.Fatalf("%s has no registrable domain", c.Hostname)
	}
	return l.Net.Zone(name)
}

// Host is the web host of the claim, with a home page on first use.
func (l *Lab) Host(c verify.Claim) *testnet.Host {
	return l.Net.Host(string(c.Hostname))
}

// Page is a home page with head in its head.
func Page(head string) string {
	return "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>Example Shop</title>\n" + head +
		"\n</head>\n<body>\n<h1>Welcome</h1>\n<p>We sell examples of every kind, by the dozen and by the piece, to everybody who asks for some. Do come in and look around.</p>\n</body>\n</html>\n"
}

// Place publishes the proof that the method wants for the claim.
func (l *Lab) Place(m verify.Method, c verify.Claim) {
	l.T.Helper()
	ch := m.Challenge(l.Kit, c)
	if !ch.Applicable {
		l.T.Fatalf("%s is not applicable: %s", m.Name(), ch.Reason)
	}
	switch {
	case ch.Record != nil && ch.Record.Type == "TXT":
		l.Zone(c).Add(ch.Record.Name+".", "TXT", ch.Record.Value)
	case ch.Record != nil:
		l.Zone(c).Add(ch.Record.Name+".", ch.Record.Type, ch.Record.Value+".")
	case ch.File != nil:
		kind := "text/plain"
		if strings.HasSuffix(ch.File.Path, ".html") {
			kind = "text/html; charset=utf-8"
		}
		l.Host(c).Page(ch.File.Path, http.StatusOK, kind, ch.File.Content)
	case ch.Tag != nil:
		l.Host(c).Page("/", http.StatusOK, "text/html; charset=utf-8", Page(ch.Tag.HTML))
	}
}

// Check runs a check with a generous deadline and looks at what holds for
// every result.
func (l *Lab) Check(m verify.Method, kit *verify.Kit, c verify.Claim) verify.Result {
	l.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	trace := new(probe.Trace)
	r := m.Check(probe.WithTrace(ctx, trace), kit, c)
	if r.Method != m.Name() {
		l.T.Errorf("the result is of method %q, want %q", r.Method, m.Name())
	}
	if verified := r.Outcome == zonehold.OutcomeVerified; verified != (r.Problem == nil) {
		l.T.Errorf("outcome %s with problem %v", r.Outcome, r.Problem)
	}
	if len(r.Evidence.Lookups)+len(r.Evidence.Fetches) > 0 && len(trace.Steps()) == 0 {
		l.T.Error("something was asked and no step was recorded")
	}
	return r
}
