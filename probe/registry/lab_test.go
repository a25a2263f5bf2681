package registry

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a fake internet with registries, and a client that sees nothing
// else.
type lab struct {
	*testing.T
	net    *testnet.Network
	reg    *testnet.Registries
	client *Client
}

func newLab(t *testing.T) *lab { return newLabWith(t, Config{}) }

func newLabWith(t *testing.T, cfg Config) *lab {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	l := &lab{T: t, net: n, reg: n.NewRegistries()}
	l.client = l.newClient(cfg)
	return l
}

func (l *lab) newClient(cfg Config) *Client {
	l.Helper()
	roots, err := dns.ParseRootHints(strings.NewReader(l.net.RootHints()))
	if err != nil {
		l.Fatal(err)
	}
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: l.net.Route}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, QueryTimeout: 3 * time.Second})
	if err != nil {
		l.Fatal(err)
	}
	cfg.Dialer, cfg.DNS = dialer, resolver
	if cfg.HTTP == nil {
		cfg.HTTP = web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: resolver, Roots: l.net.CertPool(), MaxRedirects: 5})
	}
	l.Cleanup(cfg.HTTP.CloseIdleConnections)
	if cfg.WHOISRoot == "" {
		cfg.WHOISRoot = l.reg.WHOISRoot()
	}
	if cfg.Bootstrap == "" {
		cfg.Bootstrap = l.reg.BootstrapURL()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	c, err := New(cfg)
	if err != nil {
		l.Fatal(err)
	}
	return c
}

func (l *lab) lookup(domain string) (*Registration, error) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), time.Minute)
	defer cancel()
	return l.client.Lookup(ctx, domain)
}

func (l *lab) must(domain string) *Registration {
	l.Helper()
	r, err := l.lookup(domain)
	if err != nil {
		l.Fatalf("looking up %s: %v", domain, err)
	}
	if r.Domain != domain || len(r.Raw) == 0 || r.RawSize < len(r.Raw) || len(r.SHA256) != 64 || r.Server == "" || r.AskedAt.IsZero() {
		l.Errorf("registration of %s lacks what it rests on: %+v", domain, r)
	}
	return r
}

// fails wants an error of that kind whose text holds all of the words.
func (l *lab) fails(domain string, kind error, words ...string) error {
	l.Helper()
	r, err := l.lookup(domain)
	if err == nil {
		l.Fatalf("%s: registration %+v, want %v", domain, r, kind)
	}
	if !errors.Is(err, kind) {
		l.Errorf("%s: %v, want kind %q", domain, err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			l.Errorf("%s: %q does not say %q", domain, err, w)
		}
	}
	return err
}

// genuine are the addresses that count.
func genuine(r *Registration) []string {
	var out []string
	for _, c := range r.Contacts {
		if c.Genuine() {
			out = append(out, c.Email)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// inside are addresses that nobody may be led to, each caught by a trap.
func (l *lab) trap() *testnet.Trap {
	return l.net.Trap().Catch(
		netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("169.254.169.254"),
		netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00::7"),
		netip.MustParseAddr("100.64.0.1"))
}

var owner = testnet.Registration{
	Domain: "example.com", AbuseEmail: "abuse@registrar.example",
	Registrant:  testnet.Person{Name: "Ada Example", Organization: "Example Ltd", Email: "ada@example.com"},
	Admin:       testnet.Person{Name: "Ada Example", Email: "Admin@Example.COM"},
	NameServers: []string{"ns1.example.com", "ns2.example.com"},
}

func at(domain string, p testnet.Person) testnet.Registration {
	return testnet.Registration{Domain: domain, Registrant: p, AbuseEmail: "abuse@registrar.example"}
}
