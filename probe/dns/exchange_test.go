package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// script is a name server whose every datagram is written by hand. udp gets
// the query and returns the datagrams to send; tcp returns the message, or nil
// to close the connection.
type script struct {
	udp func(query []byte) [][]byte
	tcp func(query []byte) []byte
}

// start serves on loopback and returns a resolver that may go there, and the
// public address.
func (s script) start(t *testing.T, timeout time.Duration) (*Resolver, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); pc.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, d := range s.udp(buf[:n]) {
				pc.WriteToUDPAddrPort(d, from)
			}
		}
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(time.Minute))
				var size [2]byte
				if _, err := io.ReadFull(conn, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(conn, query); err != nil || s.tcp == nil {
					return
				}
				if out := s.tcp(query); out != nil {
					conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
					io.Copy(io.Discard, conn)
				}
			})
		}
	})
	public := netip.MustParseAddrPort("45.0.0.53:53")
	r, err := New(Config{
		QueryTimeout: timeout,
		Dialer:       &probe.Dialer{Route: func(a netip.AddrPort) (netip.AddrPort, bool) { return at, a == public }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, public
}

// reply answers a query with TXT records.
func reply(query []byte, texts ...string) []byte {
	var q, m dns.Msg
	if err := q.Unpack(query); err != nil {
		panic(err)
	}
	m.SetReply(&q)
	m.Authoritative = true
	for _, text := range texts {
		m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{text}})
	}
	out, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return out
}

func changed(msg []byte, at int, to byte) []byte {
	out := append([]byte(nil), msg...)
	out[at] = to
	return out
}

func TestExchange(t *testing.T) {
	const patience, haste = 10 * time.Second, 300 * time.Millisecond
	overTCP := func(q []byte) []byte { return reply(q, "tcp") }
	hasEDNS := func(q []byte) bool { return q[11] == 1 }
	long := make([]string, 8)
	for i := range long {
		long[i] = strings.Repeat(string(rune('a'+i)), 200)
	}
	tests := []struct {
		what    string
		timeout time.Duration
		udp     func(q []byte) [][]byte
		tcp     func(q []byte) []byte
		status  Status
		text    string
		check   func(a *ServerAnswer) bool
	}{
		{"plain", patience, func(q []byte) [][]byte { return [][]byte{reply(q, "udp")} }, nil, StatusOK, "udp",
			func(a *ServerAnswer) bool { return a.BadReplies == 0 && a.Proto == "udp" }},
		{"a wrong id first: asked again over TCP", patience,
			func(q []byte) [][]byte { return [][]byte{changed(reply(q, "forged"), 0, q[0]+1), reply(q, "udp")} }, overTCP, StatusOK, "tcp",
			func(a *ServerAnswer) bool { return a.BadReplies == 1 && a.Proto == "tcp" && !a.CaseBroken }},
		{"a wrong id first, and no TCP: nothing is believed", patience,
			func(q []byte) [][]byte { return [][]byte{changed(reply(q, "forged"), 0, q[0]+1), reply(q, "udp")} }, nil, StatusMalformed, "",
			func(a *ServerAnswer) bool { return a.BadReplies == 1 && a.TCPFailed && errors.Is(a.Err, errMismatch) }},
		{"another question first", patience,
			func(q []byte) [][]byte { return [][]byte{changed(reply(q, "forged"), 14, 'q'), reply(q, "udp")} }, overTCP, StatusOK, "tcp", nil},
		{"the query itself comes back first", patience,
			func(q []byte) [][]byte { return [][]byte{q, reply(q, "udp")} }, overTCP, StatusOK, "tcp", nil},
		{"half a message first", patience,
			func(q []byte) [][]byte { r := reply(q, "udp"); return [][]byte{r[:len(r)-3], r} }, overTCP, StatusOK, "tcp", nil},
		{"octets after the end", haste,
			func(q []byte) [][]byte { return [][]byte{append(reply(q, "udp"), 1, 2, 3)} }, func(q []byte) []byte { return append(reply(q, "tcp"), 0) }, StatusMalformed, "", nil},
		{"a flood ends the reading", patience, func(q []byte) [][]byte {
			var out [][]byte
			for range 2 * maxBadReplies {
				out = append(out, changed(reply(q, "forged"), 1, q[1]+1))
			}
			return out
		}, overTCP, StatusOK, "tcp", func(a *ServerAnswer) bool { return a.BadReplies == maxBadReplies }},
		{"larger than we asked for", patience, func(q []byte) [][]byte { return [][]byte{reply(q, long...)} }, overTCP, StatusOK, "tcp",
			func(a *ServerAnswer) bool { return a.Truncated }},
		{"truncated over TCP too", patience, func(q []byte) [][]byte { return [][]byte{changed(reply(q), 2, 0x86)} },
			func(q []byte) []byte { return changed(reply(q), 2, 0x86) }, StatusMalformed, "", func(a *ServerAnswer) bool { return a.Truncated && a.TCPFailed }},
		{"another answer over TCP", patience, func(q []byte) [][]byte { return [][]byte{changed(reply(q), 2, 0x86)} },
			func(q []byte) []byte { return changed(reply(q, "x"), 0, q[0]+1) }, StatusMalformed, "", nil},
		{"short message over TCP", patience, func(q []byte) [][]byte { return [][]byte{changed(reply(q), 2, 0x86)} },
			func(q []byte) []byte { return q[:5] }, StatusMalformed, "", nil},
		{"bare FORMERR to EDNS", patience, func(q []byte) [][]byte {
			if hasEDNS(q) {
				return [][]byte{{q[0], q[1], 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}}
			}
			return [][]byte{reply(q, "plain")}
		}, overTCP, StatusOK, "plain", func(a *ServerAnswer) bool { return a.EDNSBroken }},
		{"bare FORMERR to all", patience, func(q []byte) [][]byte {
			return [][]byte{{q[0], q[1], 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}}
		}, overTCP, StatusMalformed, "", func(a *ServerAnswer) bool { return !a.EDNSBroken }},
		{"first datagram lost", haste, dropFirst(func(q []byte) [][]byte { return [][]byte{reply(q, "udp")} }), nil, StatusOK, "udp",
			func(a *ServerAnswer) bool { return !a.EDNSBroken && !a.UDPFailed }},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			r, at := script{tt.udp, tt.tcp}.start(t, tt.timeout)
			a := r.AskServer(context.Background(), &Zone{Name: "example.com"}, "ns1", at.Addr(), "_secretname.example.com", dns.TypeTXT)
			got := ""
			for _, rec := range a.Records {
				got += rec.TXT()
			}
			if a.Status != tt.status || got != tt.text || tt.check != nil && !tt.check(&a) {
				t.Errorf("%s %q (%v)\n%+v", a.Status, got, a.Err, a)
			}
		})
	}
}

// dropFirst loses the first query.
func dropFirst(answer func(q []byte) [][]byte) func(q []byte) [][]byte {
	seen := 0
	return func(q []byte) [][]byte {
		if seen++; seen == 1 {
			return nil
		}
		return answer(q)
	}
}
