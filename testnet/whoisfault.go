package testnet

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"
)

// WHOISFault is one misbehaviour of a WHOIS server.
type WHOISFault string

const (
	WHOISFaultNone        WHOISFault = ""
	WHOISFaultStall       WHOISFault = "stall"        // takes the question, then says nothing
	WHOISFaultHalf        WHOISFault = "half"         // stops in the middle and stays silent
	WHOISFaultTrickle     WHOISFault = "trickle"      // one octet each 100 ms
	WHOISFaultEndless     WHOISFault = "endless"      // never stops sending
	WHOISFaultBinary      WHOISFault = "binary"       // octets that are no text
	WHOISFaultEmpty       WHOISFault = "empty"        // hangs up without a word
	WHOISFaultReset       WHOISFault = "reset"        // RST in the middle of the answer
	WHOISFaultRefused     WHOISFault = "refused"      // nothing listens
	WHOISFaultOtherDomain WHOISFault = "other_domain" // answers about another domain
	WHOISFaultLoop        WHOISFault = "loop"         // refers back to the root
	WHOISFaultLatin1      WHOISFault = "latin1"       // ISO 8859-1 without saying so
	WHOISFaultRateLimit   WHOISFault = "rate_limit"   // tells to come back later
)

// Fault makes the server misbehave until called with WHOISFaultNone.
func (s *WHOISServer) Fault(f WHOISFault) *WHOISServer {
	if f == WHOISFaultRefused {
		s.r.net.needsRoute("unreachable WHOIS servers")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	return s
}

// misbehave answers a question with the fault. What it would have said is
// answer.
func (s *WHOISServer) misbehave(conn net.Conn, f WHOISFault, query string, answer []byte) {
	done := s.r.net.ctx.Done()
	switch f {
	case WHOISFaultStall:
		untilGone(conn)
	case WHOISFaultHalf:
		_, _ = conn.Write(answer[:len(answer)/2])
		untilGone(conn)
	case WHOISFaultTrickle:
		t := time.NewTicker(trickle)
		defer t.Stop()
		for _, c := range answer {
			select {
			case <-t.C:
			case <-done:
				return
			}
			if _, err := conn.Write([]byte{c}); err != nil {
				return
			}
		}
	case WHOISFaultEndless:
		line := []byte(fmt.Sprintf("Domain Name: %s\r\nRegistrant Email: endless@example.net\r\n", strings.ToUpper(query)))
		for {
			if _, err := conn.Write(line); err != nil {
				return
			}
		}
	case WHOISFaultBinary:
		_, _ = conn.Write(bytes.Repeat([]byte{0x7f, 'E', 'L', 'F', 0, 1, 2, 0xff}, 64))
		_, _ = conn.Write(answer)
	case WHOISFaultReset:
		_, _ = conn.Write(answer[:len(answer)/2])
		_ = conn.(*net.TCPConn).SetLinger(0)
	case WHOISFaultOtherDomain:
		_, _ = conn.Write([]byte(strings.NewReplacer(query, "other."+query, strings.ToUpper(query), "OTHER."+strings.ToUpper(query)).Replace(string(answer))))
	case WHOISFaultLoop:
		_, _ = conn.Write([]byte("refer:        " + s.r.root.Name() + "\r\nwhois:        " + s.r.root.Name() + "\r\n"))
	case WHOISFaultLatin1:
		out := make([]byte, 0, len(answer))
		for _, r := range string(answer) {
			if r > 0xff {
				r = '?'
			}
			out = append(out, byte(r))
		}
		_, _ = conn.Write(out)
	case WHOISFaultRateLimit:
		_, _ = conn.Write([]byte("% Error: 55000000002 Query rate exceeded, try again later\r\n"))
	}
}

// untilGone waits until the client hangs up or the network closes.
func untilGone(conn net.Conn) {
	var buf [64]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}
