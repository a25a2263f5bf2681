package testnet_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/zonehold/zonehold/testnet"
)

// benchClient asks prepared questions on one connected socket.
type benchClient struct {
	conn *net.UDPConn
	buf  [1500]byte
}

func newBenchClient(b *testing.B, n *testnet.Network, s *testnet.NameServer) *benchClient {
	at, _ := n.Route(s.Addr())
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		b.Fatal(err)
	}
	return &benchClient{conn: conn}
}

func (c *benchClient) ask(b *testing.B, query []byte) int {
	if _, err := c.conn.Write(query); err != nil {
		b.Fatal(err)
	}
	n, err := c.conn.Read(c.buf[:])
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func benchNetwork(b *testing.B, zones int) (*testnet.Network, *testnet.Hoster) {
	n, err := testnet.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Close)
	n.KeepHistory(false)
	h := n.Hoster("dns-host.net")
	for i := range zones {
		n.ZoneAt(fmt.Sprintf("customer%d.com", i), h).Add("_x", "TXT", fmt.Sprintf("token=%032d", i))
	}
	return n, h
}

func pack(b *testing.B, name string, qtype uint16) []byte {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(1232, false)
	w, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkQuery is the round trip of one UDP query, client and server on the
// same machine: for names that exist, for random names, and the bare echo of
// a datagram to compare with.
func BenchmarkQuery(b *testing.B) {
	const zones = 1000
	n, h := benchNetwork(b, zones)
	for name, format := range map[string]string{"exists": "_x.customer%d.com.", "nxdomain": "r%d.customer1.com."} {
		queries := make([][]byte, zones)
		for i := range queries {
			queries[i] = pack(b, fmt.Sprintf(format, i), dns.TypeTXT)
		}
		b.Run(name, func(b *testing.B) {
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				c := newBenchClient(b, n, h.Zone().Servers()[next.Load()%2])
				defer c.conn.Close()
				for pb.Next() {
					c.ask(b, queries[next.Add(1)%zones])
				}
			})
		})
	}
	b.Run("echo", func(b *testing.B) {
		srv, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer srv.Close()
		go func() {
			buf := make([]byte, 1500)
			for {
				k, from, err := srv.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				_, _ = srv.WriteToUDPAddrPort(buf[:k], from)
			}
		}()
		query := pack(b, "_x.customer1.com.", dns.TypeTXT)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			conn, err := net.DialUDP("udp4", nil, srv.LocalAddr().(*net.UDPAddr))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			c := &benchClient{conn: conn}
			for pb.Next() {
				c.ask(b, query)
			}
		})
	})
}

// BenchmarkZones is the cost of one zone with one record at a hoster.
func BenchmarkZones(b *testing.B) {
	b.ReportAllocs()
	benchNetwork(b, b.N)
}
