package testnet_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/zonehold/zonehold/testnet"
)

func ask(t testing.TB, n *testnet.Network, s *testnet.NameServer, proto, name string, qtype uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, false)
	return exchange(t, n, s.Addr(), proto, m)
}

func exchange(t testing.TB, n *testnet.Network, to netip.AddrPort, proto string, m *dns.Msg) *dns.Msg {
	t.Helper()
	at, ok := n.Route(to)
	if !ok {
		t.Fatalf("no route to %s", to)
	}
	c := &dns.Client{Net: proto, Timeout: 5 * time.Second}
	r, _, err := c.Exchange(m, at.String())
	if err != nil {
		t.Fatalf("asking %s for %s: %v", to, m.Question[0].Name, err)
	}
	return r
}

func TestSmoke(t *testing.T) {
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	z := n.Zone("example.com").Add("_x", "TXT", "token=abc")
	s := z.Servers()[1]
	t.Log(ask(t, n, s, "udp", "_X.exaMple.com", dns.TypeTXT))
	t.Log(ask(t, n, s, "tcp", "nope.example.com", dns.TypeTXT))
	t.Log(ask(t, n, n.Zone("com").Servers()[0], "udp", "www.example.com", dns.TypeA))
	t.Log(ask(t, n, n.Zone(".").Servers()[0], "udp", "www.example.com", dns.TypeA))
	t.Log(n.RootHints())
	h := n.Host("www.example.com").Page("/x", 200, "text/plain", "hi")
	t.Log(h.Addrs())
	cl := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: n.CertPool()},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			at, _ := n.Route(netip.MustParseAddrPort("[" + h.Addrs()[0].String() + "]:" + port))
			return (&net.Dialer{}).DialContext(ctx, network, at.String())
		},
	}}
	for _, u := range []string{"http://www.example.com/x", "https://www.example.com/x"} {
		r, err := cl.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		t.Log(r.Status, string(b))
	}
	r := n.Resolver()
	m := new(dns.Msg)
	m.SetQuestion("_x.example.com.", dns.TypeTXT)
	t.Log(exchange(t, n, r.Addr(), "udp", m))
	cl.CloseIdleConnections()
}
