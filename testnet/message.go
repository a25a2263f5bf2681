package testnet

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/dns"
)

// question is a parsed query. Its slices point into the message.
type question struct {
	id      uint16
	opcode  byte
	rd      bool
	cd      bool   // checking disabled
	wire    []byte // question section as asked
	name    []byte // lower-case wire form of the name, in lower
	lower   [256 + 3]byte
	qtype   uint16
	qclass  uint16
	edns    bool
	size    int // largest answer the client takes over UDP
	do      bool
	version byte
	cookie  []byte // client cookie, 8 octets
}

const headerLen = 12

// parse reads a query by hand, because it stands in the hot loop. ok
// is false for what deserves no answer at all.
func (q *question) parse(msg []byte) (rcode int, ok bool) {
	if len(msg) < headerLen || msg[2]&0x80 != 0 {
		return 0, false // too short to answer, or an answer itself
	}
	*q = question{id: binary.BigEndian.Uint16(msg), opcode: msg[2] >> 3 & 15, rd: msg[2]&1 != 0, cd: msg[3]&0x10 != 0, size: dns.MinMsgSize}
	if q.opcode != dns.OpcodeQuery {
		return dns.RcodeNotImplemented, true
	}
	if binary.BigEndian.Uint16(msg[4:]) != 1 {
		return dns.RcodeFormatError, true
	}
	i := headerLen
	for {
		if i >= len(msg) || msg[i] > 63 || i+int(msg[i])+1 > len(msg) || i-headerLen > 254 {
			return dns.RcodeFormatError, true
		}
		if msg[i] == 0 {
			break
		}
		i += int(msg[i]) + 1
	}
	i++
	if i+4 > len(msg) {
		return dns.RcodeFormatError, true
	}
	q.qtype = binary.BigEndian.Uint16(msg[i:])
	q.qclass = binary.BigEndian.Uint16(msg[i+2:])
	n := copy(q.lower[:], msg[headerLen:i])
	lowerWire(q.lower[:n])
	q.name = q.lower[:n]
	q.wire = msg[headerLen : i+4]
	i += 4
	records := int(binary.BigEndian.Uint16(msg[6:])) + int(binary.BigEndian.Uint16(msg[8:])) + int(binary.BigEndian.Uint16(msg[10:]))
	for range records {
		next, err := q.record(msg, i)
		if err != nil {
			return dns.RcodeFormatError, true
		}
		i = next
	}
	return dns.RcodeSuccess, true
}

// record reads one record after the question; only OPT matters.
func (q *question) record(msg []byte, i int) (int, error) {
	if i+11 > len(msg) || msg[i] != 0 || binary.BigEndian.Uint16(msg[i+1:]) != dns.TypeOPT {
		rr, next, err := dns.UnpackRR(msg, i)
		if err != nil || rr == nil {
			return 0, fmt.Errorf("record after the question: %w", err)
		}
		return next, nil
	}
	q.edns = true
	q.size = max(int(binary.BigEndian.Uint16(msg[i+3:])), dns.MinMsgSize)
	q.version = msg[i+6]
	q.do = msg[i+7]&0x80 != 0
	end := i + 11 + int(binary.BigEndian.Uint16(msg[i+9:]))
	if end > len(msg) {
		return 0, dns.ErrBuf
	}
	for o := i + 11; o+4 <= end; {
		code, l := binary.BigEndian.Uint16(msg[o:]), int(binary.BigEndian.Uint16(msg[o+2:]))
		o += 4
		if o+l > end {
			return 0, dns.ErrBuf
		}
		if code == dns.EDNS0COOKIE && (l == 8 || l >= 16 && l <= 40) {
			q.cookie = msg[o : o+8]
		}
		o += l
	}
	return end, nil
}

// packed is an answer without its header, question and OPT record. Names in
// it point to the question, so it shows the case that was asked.
type packed struct {
	rcode   int
	aa      bool
	counts  [3]uint16
	records []byte
	// offset of records in the message it was packed for: the pointers hold
	// for questions of that length only.
	offset int
}

// pack turns an answer into its wire form for a question of that name.
func (r *reply) pack(name wireName, qtype uint16) (*packed, error) {
	m := dns.Msg{Compress: true}
	m.Question = []dns.Question{{Name: name.String(), Qtype: qtype, Qclass: dns.ClassINET}}
	m.Answer, m.Ns, m.Extra = r.answer, r.authority, r.extra
	wire, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("packing the answer for %s: %w", name, err)
	}
	offset := headerLen + len(name) + 4
	return &packed{
		rcode: r.rcode, aa: r.aa, offset: offset, records: wire[offset:],
		counts: [3]uint16{uint16(len(r.answer)), uint16(len(r.authority)), uint16(len(r.extra))},
	}, nil
}

// ede is an extended DNS error (RFC 8914).
type ede struct {
	code uint16
	text string
}

// options are the parts of an answer that differ from query to query.
type options struct {
	limit    int // octets; 0: none
	truncate bool
	ra       bool
	ad       bool // authenticated data
	ede      *ede
	cookie   bool // serve DNS cookies
}

// appendAnswer builds the answer to q in buf, which is empty.
func (q *question) appendAnswer(buf []byte, p *packed, o options) []byte {
	flags := uint16(0x8000) | uint16(q.opcode)<<11 | uint16(p.rcode&15)
	if p.aa {
		flags |= 0x0400
	}
	if q.rd {
		flags |= 0x0100
	}
	if o.ra {
		flags |= 0x0080
	}
	if o.ad {
		flags |= 0x0020
	}
	if q.cd {
		flags |= 0x0010
	}
	qd := uint16(1)
	if len(q.wire) == 0 {
		qd = 0
	}
	be := binary.BigEndian
	buf = be.AppendUint16(buf, q.id)
	buf = be.AppendUint16(buf, flags)
	buf = be.AppendUint16(buf, qd)
	for _, c := range p.counts {
		buf = be.AppendUint16(buf, c)
	}
	buf = append(buf, q.wire...)
	end := len(buf)
	buf = append(buf, p.records...)
	buf = q.appendOPT(buf, p.rcode, o)
	extra := p.counts[2]
	if o.truncate || o.limit > 0 && len(buf) > o.limit {
		clear(buf[6:headerLen])
		extra = 0
		be.PutUint16(buf[2:], flags|0x0200)
		buf = q.appendOPT(buf[:end], p.rcode, o)
	}
	if q.edns {
		extra++
	}
	be.PutUint16(buf[10:], extra)
	return buf
}

// maxUDP is the largest answer sent over UDP, whatever the client announces.
const maxUDP = 4096

// serverUDPSize is what our servers announce (DNS flag day 2020).
const serverUDPSize = 1232

func (q *question) appendOPT(buf []byte, rcode int, o options) []byte {
	if !q.edns {
		return buf
	}
	be := binary.BigEndian
	buf = append(buf, 0, 0, byte(dns.TypeOPT))
	buf = be.AppendUint16(buf, serverUDPSize)
	do := byte(0)
	if q.do {
		do = 0x80
	}
	buf = append(buf, byte(rcode>>4), 0, do, 0)
	at := len(buf)
	buf = append(buf, 0, 0)
	if o.cookie && len(q.cookie) == 8 {
		buf = be.AppendUint16(buf, dns.EDNS0COOKIE)
		buf = be.AppendUint16(buf, 16)
		buf = append(buf, q.cookie...)
		buf = append(buf, q.cookie...) // any 8 octets do: nobody checks them
	}
	if o.ede != nil {
		buf = be.AppendUint16(buf, dns.EDNS0EDE)
		buf = be.AppendUint16(buf, uint16(2+len(o.ede.text)))
		buf = be.AppendUint16(buf, o.ede.code)
		buf = append(buf, o.ede.text...)
	}
	be.PutUint16(buf[at:], uint16(len(buf)-at-2))
	return buf
}
