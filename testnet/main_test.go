package testnet_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/zonehold/zonehold/testnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newNetwork(t testing.TB) *testnet.Network {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// query is a question with EDNS.
func query(name, rtype string) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.StringToType[rtype])
	m.RecursionDesired = false
	m.SetEdns0(1232, false)
	return m
}

// try sends m to a public address.
func try(t testing.TB, n *testnet.Network, to netip.AddrPort, proto string, m *dns.Msg, timeout time.Duration) (*dns.Msg, error) {
	t.Helper()
	at, ok := n.Route(to)
	if !ok {
		t.Fatalf("no route to %s", to)
	}
	c := &dns.Client{Net: proto, Timeout: timeout}
	r, _, err := c.Exchange(m, at.String())
	return r, err
}

func exchange(t testing.TB, n *testnet.Network, to netip.AddrPort, proto string, m *dns.Msg) *dns.Msg {
	t.Helper()
	r, err := try(t, n, to, proto, m, 10*time.Second)
	if err != nil {
		t.Fatalf("asking %s over %s for %s: %v", to, proto, m.Question[0].String(), err)
	}
	return r
}

func ask(t testing.TB, n *testnet.Network, s *testnet.NameServer, name, rtype string) *dns.Msg {
	t.Helper()
	return exchange(t, n, s.Addr(), "udp", query(name, rtype))
}

// show is an answer in one line for each section that holds something; SOA
// and OPT are cut short.
func show(m *dns.Msg) string {
	flags := dns.RcodeToString[m.Rcode]
	if m.Authoritative {
		flags += " aa"
	}
	if m.Truncated {
		flags += " tc"
	}
	lines := []string{flags}
	for _, sec := range []struct {
		name string
		rrs  []dns.RR
	}{{"an", m.Answer}, {"ns", m.Ns}, {"ar", m.Extra}} {
		var items []string
		for _, rr := range sec.rrs {
			switch rr := rr.(type) {
			case *dns.OPT:
				continue
			case *dns.SOA:
				items = append(items, rr.Hdr.Name+" SOA")
			default:
				items = append(items, strings.Join(strings.Fields(strings.Replace(rr.String(), "\t300\tIN", "", 1)), " "))
			}
		}
		slices.Sort(items)
		if len(items) > 0 {
			lines = append(lines, sec.name+": "+strings.Join(items, ", "))
		}
	}
	return strings.Join(lines, "\n")
}

func txts(m *dns.Msg) []string {
	var out []string
	for _, rr := range m.Answer {
		if t, ok := rr.(*dns.TXT); ok {
			out = append(out, strings.Join(t.Txt, "|"))
		}
	}
	return out
}

func soaOf(t testing.TB, n *testnet.Network, s *testnet.NameServer) *dns.SOA {
	t.Helper()
	m := ask(t, n, s, s.Zone().Name(), "SOA")
	if len(m.Answer) != 1 {
		t.Fatalf("SOA: %s", show(m))
	}
	return m.Answer[0].(*dns.SOA)
}

func lines(s ...string) string { return strings.Join(s, "\n") }

func ip(n *testnet.NameServer) string { return fmt.Sprint(n.Addr().Addr()) }
