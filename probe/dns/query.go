package dns

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"

	"github.com/miekg/dns"
)

// ednsSize is the largest UDP answer we ask for and believe: it crosses every
// path without fragments (RFC 9715 section 3, DNS flag day 2020).
const ednsSize = 1232

const headerSize = 12

// question is one name and type, ready to be sent.
type question struct {
	name  string // normal form
	wire  []byte // of the name, lower case
	qtype uint16
	rd    bool // ask for recursion
}

func newQuestion(name string, qtype uint16) (*question, error) {
	name, wire, err := normalName(name)
	if err != nil {
		return nil, err
	}
	return &question{name: name, wire: wire, qtype: qtype}, nil
}

// maxQuery is the size of the longest query that appendQuery makes.
const maxQuery = headerSize + maxNameWire + 4 + 11

// appendQuery appends a query with a random id and random letter case
// (draft-vixie-dnsext-dns0x20) to b. asked is how many of the appended bytes
// are the header and the question, which the answer must repeat.
//
// With dnssec the answer shall bring signatures and proofs (RFC 3225).
func (q *question) appendQuery(b []byte, edns, dnssec bool) (query []byte, asked int) {
	// One bit per octet of the name, and the id.
	var random [2 + maxNameWire/8 + 1]byte
	rand.Read(random[:2+len(q.wire)/8+1])
	start := len(b)
	b = append(b, random[0], random[1], 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	if q.rd {
		b[start+2] = 0x01
	}
	if edns {
		b[start+11] = 1
	}
	coins := random[2:]
	for i, c := range q.wire {
		// Length octets are below 64 and so never letters.
		if 'a' <= c && c <= 'z' && coins[i/8]>>(i%8)&1 == 1 {
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	b = binary.BigEndian.AppendUint16(b, q.qtype)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	asked = len(b) - start
	if edns {
		// OPT (RFC 6891 section 6.1.2): root, type, size, flags, no options.
		b = append(b, 0)
		b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
		b = binary.BigEndian.AppendUint16(b, ednsSize)
		flags := byte(0)
		if dnssec {
			flags = 0x80 // DO
		}
		b = append(b, 0, 0, flags, 0, 0, 0)
	}
	return b, asked
}

// fit says how an incoming message fits the query.
type fit int

const (
	fitBad   fit = iota // not an answer to this query
	fitExact            // id and question as sent
	fitCase             // as sent, but the letter case was changed
	fitBare             // right id, no question: a server that could not read the query
)

// matches compares an incoming message with the header and question sent.
func matches(msg, asked []byte) fit {
	if len(msg) < headerSize || msg[0] != asked[0] || msg[1] != asked[1] {
		return fitBad
	}
	if msg[2]&0x80 == 0 || msg[2]>>3&0x0f != dns.OpcodeQuery {
		return fitBad
	}
	switch binary.BigEndian.Uint16(msg[4:]) {
	case 0:
		if rcode := int(msg[3] & 0x0f); rcode == dns.RcodeFormatError || rcode == dns.RcodeNotImplemented {
			return fitBare
		}
		return fitBad
	case 1:
	default:
		return fitBad
	}
	if len(msg) < len(asked) {
		return fitBad
	}
	got, want := msg[headerSize:len(asked)], asked[headerSize:]
	if bytes.Equal(got, want) {
		return fitExact
	}
	n := len(want) - 4
	if !bytes.Equal(got[n:], want[n:]) {
		return fitBad
	}
	for i := range n {
		if lower(got[i]) != lower(want[i]) {
			return fitBad
		}
	}
	return fitCase
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func truncated(msg []byte) bool { return msg[2]&0x02 != 0 }
