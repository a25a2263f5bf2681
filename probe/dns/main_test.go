package dns_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeDS    = 43
)

// patience is for tests in which every server answers: a slow machine must
// not turn into a time-out.
const patience = 10 * time.Second

// haste is for tests in which some server does not answer.
const haste = 300 * time.Millisecond

func newNetwork(t testing.TB) *testnet.Network {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// newResolver returns a resolver of the network.
func newResolver(t testing.TB, n *testnet.Network, change ...func(*dns.Config)) *dns.Resolver {
	t.Helper()
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	cfg := dns.Config{Dialer: &probe.Dialer{Route: n.Route}, Roots: roots, QueryTimeout: patience}
	for _, f := range change {
		f(&cfg)
	}
	r, err := dns.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func hasty(c *dns.Config) { c.QueryTimeout = haste }

func mustAsk(t testing.TB, r *dns.Resolver, name string, qtype uint16) *dns.Answer {
	t.Helper()
	a, err := r.Ask(context.Background(), name, qtype)
	if err != nil {
		t.Fatalf("Ask(%s): %v", name, err)
	}
	return a
}

// mustAgree asks and wants all servers to say the same.
func mustAgree(t testing.TB, r *dns.Resolver, name string, qtype uint16) (*dns.Answer, *dns.ServerAnswer) {
	t.Helper()
	a := mustAsk(t, r, name, qtype)
	s, ok := a.Agreed()
	if !ok {
		t.Fatalf("servers of %q do not agree on %s:\n%s", a.Zone.Name, name, show(a))
	}
	return a, s
}

// texts are the contents of the TXT records.
func texts(s *dns.ServerAnswer) []string {
	out := []string{}
	for _, rec := range s.Records {
		out = append(out, rec.TXT())
	}
	return out
}

// show is an answer, one server in a line.
func show(a *dns.Answer) string {
	var b strings.Builder
	for _, s := range a.Servers {
		b.WriteString(line(&s))
		b.WriteByte('\n')
	}
	return b.String()
}

func line(s *dns.ServerAnswer) string {
	out := s.Server + " " + s.Addr.String() + " " + string(s.Status) + " " + string(s.Kind)
	for _, rec := range s.Records {
		out += " [" + rec.Text + "]"
	}
	if s.Err != nil {
		out += " (" + s.Err.Error() + ")"
	}
	return out
}

// byServer finds the answer of a server, on its first address.
func byServer(t testing.TB, a *dns.Answer, s *testnet.NameServer) *dns.ServerAnswer {
	t.Helper()
	for i := range a.Servers {
		if a.Servers[i].Addr == s.Addr() {
			return &a.Servers[i]
		}
	}
	t.Fatalf("%s (%s) was not asked:\n%s", s.Name(), s.Addr(), show(a))
	return nil
}
