package testnet_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func TestRoute(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[0]
	at, ok := n.Route(s.Addr())
	if !ok || !at.Addr().IsLoopback() {
		t.Errorf("%s goes to %s", s.Addr(), at)
	}
	if mapped, _ := n.Route(netip.AddrPortFrom(netip.AddrFrom16(s.Addr().Addr().As16()), 53)); mapped != at {
		t.Errorf("IPv4-mapped goes to %s", mapped)
	}
	for _, a := range []string{"8.8.8.8:53", "127.0.0.1:53", "10.0.0.1:80", "[::1]:80", fmt.Sprintf("%s:54", ip(s))} {
		if at, ok := n.Route(netip.MustParseAddrPort(a)); ok {
			t.Errorf("%s goes to %s", a, at)
		}
	}
}

func TestQueries(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[1]
	exchange(t, n, s.Addr(), "udp", query("_X.Example.com", "TXT"))
	m := query("example.com", "SOA")
	m.Extra = nil
	exchange(t, n, s.Addr(), "tcp", m)
	got := n.Queries()
	if len(got) != 2 {
		t.Fatalf("%d queries", len(got))
	}
	a, b := got[0], got[1]
	if a.Server != "ns2.example.com" || a.Addr != s.Addr() || a.Name != "_x.example.com" || a.Asked != "_X.Example.com" ||
		a.Type != "TXT" || a.Proto != "udp" || !a.EDNS || a.Time.IsZero() || a.From.Port() == 0 {
		t.Errorf("first %+v", a)
	}
	if b.Proto != "tcp" || b.EDNS || b.Type != "SOA" || b.ID != m.Id {
		t.Errorf("second %+v", b)
	}
	if len(n.QueriesFor("_x.EXAMPLE.com", "TXT")) != 1 || len(n.QueriesFor("_x.example.com", "A")) != 0 || len(n.QueriesFor("example.com", "")) != 1 {
		t.Error("QueriesFor")
	}
	for range 5000 {
		exchange(t, n, s.Addr(), "udp", query("many.example.com", "A"))
	}
	if got := n.Queries(); len(got) != 4096 || got[0].Name != "many.example.com" {
		t.Errorf("%d kept, first %s", len(got), got[0].Name)
	}
	n.KeepHistory(false)
	exchange(t, n, s.Addr(), "udp", query("example.com", "A"))
	if len(n.Queries()) != 0 {
		t.Error("kept while off")
	}
}

func TestTrap(t *testing.T) {
	n := newNetwork(t)
	forbidden := netip.MustParseAddr("10.0.0.1")
	trap := n.Trap().Catch(forbidden, netip.MustParseAddr("::1"))
	for _, public := range []netip.AddrPort{trap.Addr(), netip.AddrPortFrom(forbidden, 80), netip.MustParseAddrPort("[::1]:53"), netip.MustParseAddrPort("[::ffff:10.0.0.1]:443")} {
		at, ok := n.Route(public)
		if !ok || at != trap.Addr() {
			t.Errorf("%s goes to %s", public, at)
		}
	}
	if trap.Contacts() != 0 {
		t.Errorf("%d contacts", trap.Contacts())
	}
	for i, proto := range []string{"tcp", "udp"} {
		c, err := net.Dial(proto, trap.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); trap.Contacts() < i+1 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		c.Close()
		if trap.Contacts() != i+1 {
			t.Errorf("%s: %d contacts", proto, trap.Contacts())
		}
	}
}

// TestClose closes a network that is busy in every way; the leak check of
// TestMain finds what stays.
func TestClose(t *testing.T) {
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	z := n.Zone("example.com")
	h := n.Host("example.com").Handle("/wait", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	hole := n.Host("hole.example.com").Fault(testnet.HostFaultConnectTimeout)
	if at, ok := n.Route(netip.AddrPortFrom(hole.Addrs()[0], 80)); !ok || !at.IsValid() {
		t.Error("no black hole")
	}
	slow := n.Host("slow.example.com").Fault(testnet.HostFaultSlowBody)
	silent := n.Host("silent.example.com").Fault(testnet.HostFaultSilent)
	z.Servers()[0].Delay(time.Hour)
	n.Resolver()
	n.Trap()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	dial := func(network string, public netip.AddrPort, send string) {
		t.Helper()
		at, _ := n.Route(public)
		c, err := net.Dial(network, at.String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		if _, err := c.Write([]byte(send)); err != nil {
			t.Fatal(err)
		}
	}
	for i, host := range []*testnet.Host{h, slow, silent} {
		dial("tcp", netip.AddrPortFrom(host.Addrs()[i%2], 80), "GET /wait HTTP/1.1\r\nHost: example.com\r\n\r\n")
	}
	dial("tcp", netip.AddrPortFrom(h.Addrs()[0], 443), "\x16\x03") // half a handshake
	w, _ := query("example.com", "SOA").Pack()
	dial("udp", z.Servers()[0].Addr(), string(w))
	dial("tcp", z.Servers()[0].Addr(), string([]byte{0, byte(len(w))})+string(w))
	dial("tcp", z.Servers()[1].Addr(), "\x00") // half a length

	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			at, _ := n.Route(z.Servers()[1].Addr())
			c := &dns.Client{Timeout: time.Second}
			for range 1000 {
				if _, _, err := c.Exchange(query("example.com", "SOA"), at.String()); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond) // let them get under way
	n.Close()
	n.Close() // again is fine
	clients.Wait()
	defer func() {
		if recover() == nil {
			t.Error("a zone on a closed network")
		}
	}()
	n.Zone("late.com")
}

// TestConcurrentChanges changes zones while they are asked; the race detector
// judges.
func TestConcurrentChanges(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 30 {
				z := n.ZoneAt(fmt.Sprintf("z%d.com", i), h)
				z.Add("_x", "TXT", fmt.Sprint(g))
				s := z.Servers()[g%2]
				s.Only("_x", "TXT", "other")
				s.Fault(testnet.FaultRefused)
				ask(t, n, z.Servers()[(g+1)%2], z.Name(), "SOA")
				s.Fault(testnet.FaultNone)
				s.Same()
				z.Records()
				n.Zones()
				z.Remove("_x", "")
			}
		})
	}
	wg.Wait()
}
