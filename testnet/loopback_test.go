package testnet_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func newOnLoopback(t *testing.T, p testnet.Ports) *testnet.Network {
	t.Helper()
	n, err := testnet.NewOnLoopback(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// A client that knows nothing of Route walks from the root hints to a page.
func TestOnLoopback(t *testing.T) {
	n := newOnLoopback(t, testnet.Ports{})
	p := n.Ports()
	if p.DNS == 0 || p.HTTP == 0 || p.HTTPS == 0 || p.HTTP == p.HTTPS {
		t.Fatalf("ports %+v", p)
	}
	n.ZoneAt("shop.com", n.Hoster("dns-host.net")).Add("@", "TXT", "hello")
	host := n.Host("shop.com").Page("/", 200, "text/plain", "welcome")
	if a := host.Addrs(); len(a) != 1 || !a[0].IsLoopback() || !a[0].Is4() {
		t.Errorf("addresses of the host: %v", a)
	}

	zp := dns.NewZoneParser(strings.NewReader(n.RootHints()), ".", "")
	var servers []netip.Addr
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if a, ok := rr.(*dns.A); ok {
			servers = append(servers, netip.MustParseAddr(a.A.String()))
		} else if rr.Header().Rrtype == dns.TypeAAAA {
			t.Errorf("IPv6 in the hints: %s", rr)
		}
	}
	walk := func(proto, name, rtype string) *dns.Msg {
		t.Helper()
		at := servers
		for range 10 {
			c := &dns.Client{Net: proto, Timeout: 10 * time.Second}
			m, _, err := c.Exchange(query(name, rtype), netip.AddrPortFrom(at[0], p.DNS).String())
			if err != nil {
				t.Fatal(err)
			}
			if m.Authoritative {
				return m
			}
			var next []netip.Addr
			for _, rr := range m.Extra {
				if a, ok := rr.(*dns.A); ok {
					next = append(next, netip.MustParseAddr(a.A.String()))
				}
			}
			if len(next) == 0 { // without glue: the hoster's servers
				for _, s := range n.Hoster("dns-host.net").Zone().Servers() {
					next = append(next, s.Addr().Addr())
				}
			}
			at = next
		}
		t.Fatalf("no end on the way to %s", name)
		return nil
	}
	for _, proto := range []string{"udp", "tcp"} {
		if got := txts(walk(proto, "shop.com", "TXT")); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("%s: %q", proto, got)
		}
	}
	if m := walk("udp", "shop.com", "AAAA"); len(m.Answer) != 0 {
		t.Errorf("AAAA: %s", show(m))
	}
	m := walk("udp", "shop.com", "A")
	if len(m.Answer) != 1 {
		t.Fatalf("A: %s", show(m))
	}
	addr := netip.MustParseAddr(m.Answer[0].(*dns.A).A.String())

	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: n.CertPool(), ServerName: "shop.com"},
	}}
	for scheme, port := range map[string]uint16{"http": p.HTTP, "https": p.HTTPS} {
		to := netip.AddrPortFrom(addr, port)
		resp, err := client.Get(scheme + "://" + to.String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "welcome" {
			t.Errorf("%s: %q", scheme, body)
		}
		if at, ok := n.Route(to); !ok || at != to {
			t.Errorf("route of %s: %s, %v", to, at, ok)
		}
	}
	if _, ok := n.Route(netip.MustParseAddrPort("45.0.1.53:53")); ok {
		t.Error("a route to the world")
	}
}

// Networks beside each other, of this and of other processes, do not meet.
func TestOnLoopbackTogether(t *testing.T) {
	a, b := newOnLoopback(t, testnet.Ports{}), newOnLoopback(t, testnet.Ports{})
	for i, n := range []*testnet.Network{a, b} {
		n.Zone("example.com").Add("@", "TXT", string(rune('a'+i)))
		n.Host("example.com")
	}
	for n, want := range map[*testnet.Network]string{a: "a", b: "b"} {
		if got := txts(ask(t, n, n.Zone("example.com").Servers()[1], "example.com", "TXT")); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %s", got, want)
		}
	}
	if a.Ports().DNS == b.Ports().DNS || a.Ports().HTTP == b.Ports().HTTP {
		t.Errorf("ports %+v and %+v", a.Ports(), b.Ports())
	}
}

func TestOnLoopbackGivenPorts(t *testing.T) {
	free := newOnLoopback(t, testnet.Ports{})
	want := free.Ports()
	free.Close()
	n := newOnLoopback(t, want)
	if n.Ports() != want {
		t.Errorf("ports %+v, want %+v", n.Ports(), want)
	}
	if at := n.Zone("example.com").Servers()[0].Addr(); at.Port() != want.DNS || at.Addr().As4()[1] != 45 {
		t.Errorf("server at %s", at)
	}
	h := n.Host("example.com")
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(h.Addrs()[0], want.HTTP).String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if again, err := testnet.NewOnLoopback(want); err == nil {
		again.Close()
		t.Error("a second network on the same ports")
	}
}

// What cannot work without Route says so at once.
func TestOnLoopbackRefuses(t *testing.T) {
	n := newOnLoopback(t, testnet.Ports{})
	s, h := n.Zone("example.com").Servers()[0], n.Host("example.com")
	for name, fn := range map[string]func(){
		"FaultUnreachable":        func() { s.Fault(testnet.FaultUnreachable) },
		"HostFaultRefused":        func() { h.Fault(testnet.HostFaultRefused) },
		"HostFaultConnectTimeout": func() { h.Plain().Fault(testnet.HostFaultConnectTimeout) },
		"AddIPv6":                 func() { s.AddIPv6() },
		"AddAddress":              func() { h.AddAddress(true) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			fn()
		}()
	}
	h.AddAddress(false)
	h.Fault(testnet.HostFaultReset)
	s.Fault(testnet.FaultRefused)
	if got := show(ask(t, n, s, "example.com", "A")); got != "REFUSED" {
		t.Error(got)
	}
	if len(h.Addrs()) != 2 {
		t.Errorf("addresses %v", h.Addrs())
	}
	if p := newNetwork(t).Ports(); p != (testnet.Ports{DNS: 53, HTTP: 80, HTTPS: 443}) {
		t.Errorf("usual ports: %+v", p)
	}
}
