package testnet

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// FuzzHandle sends arbitrary datagrams to a server with every kind of record
// and to the resolver. Whatever comes back must be a message that answers the
// datagram.
func FuzzHandle(f *testing.F) {
	n, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(n.Close)
	n.KeepHistory(false)
	z := n.Zone("example.com").
		Add("_x", "TXT", "v").Add("*.w", "A", "45.1.1.1").Add("c", "CNAME", "x.d").
		Add("d", "DNAME", "e").Add("sub", "NS", "ns.sub").Add("ns.sub", "A", "45.1.1.1").
		Sequence("s", "A", [][]string{{"45.1.1.1"}, {"45.1.1.2"}}).
		Sign(SignOptions{NSEC3: true})
	r := n.Resolver()
	for _, name := range []string{"example.com.", "_X.example.com.", "a.w.example.com.", "c.example.com.", "q.d.example.com.", "x.sub.example.com.", "s.example.com.", "."} {
		for _, t := range []uint16{dns.TypeTXT, dns.TypeA, dns.TypeANY, dns.TypeDS} {
			m := new(dns.Msg)
			m.SetQuestion(name, t)
			m.SetEdns0(1232, t == dns.TypeDS)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
			w, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(w)
		}
	}
	faults := []Fault{FaultNone, FaultLame, FaultOutOfZone, FaultQNAMEMin, FaultNoSOA, FaultLowerCase, FaultTruncateUDP}
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := z.servers[0]
		s.Fault(faults[len(msg)%len(faults)])
		for _, handle := range []dnsHandler{s.box.handle, r.handle} {
			c := &client{proto: "udp", from: netip.MustParseAddrPort("127.0.0.1:9"), buf: make([]byte, 0, 65535), reset: func() {}}
			c.send = func(answer []byte) error {
				var m dns.Msg
				if err := m.Unpack(answer); err != nil {
					t.Fatalf("answer to %x is %x: %v", msg, answer, err)
				}
				if !m.Response || m.Id != binary.BigEndian.Uint16(msg) {
					t.Fatalf("answer to %x: %s", msg, &m)
				}
				if len(answer) > maxUDP+512 {
					t.Fatalf("%d octets over UDP", len(answer))
				}
				return nil
			}
			if err := handle(append([]byte(nil), msg...), c); err != nil {
				t.Fatal(err)
			}
		}
	})
}
