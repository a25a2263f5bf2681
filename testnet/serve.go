package testnet

import (
	"bytes"
	"errors"
	"net"
	"time"

	"github.com/miekg/dns"
)

var noFault faultState

// errHangUp ends a TCP connection.
var errHangUp = errors.New("hang up")

// handle answers one query of one client.
func (b *box) handle(msg []byte, c *client) error {
	q := &c.q
	rcode, ok := q.parse(msg)
	if !ok {
		return nil
	}
	if rcode != dns.RcodeSuccess {
		return c.send(q.appendAnswer(c.buf, &packed{rcode: rcode}, options{}))
	}
	b.net.noteQuery(b.title, q, c)
	s := b.find(q.name, q.qtype == dns.TypeDS)
	if s == nil || q.qclass != dns.ClassINET || q.qtype >= 251 && q.qtype <= 254 {
		return c.send(q.appendAnswer(c.buf, &packed{rcode: dns.RcodeRefused}, options{}))
	}
	if q.version != 0 {
		return c.send(q.appendAnswer(c.buf, &packed{rcode: dns.RcodeBadVers}, options{}))
	}
	st := s.fault.Load()
	if st == nil {
		st = &noFault
	}
	return s.respond(q, c, st)
}

func (n *Network) noteQuery(server string, q *question, c *client) {
	if !n.queries.on() {
		return
	}
	asked := wireName(q.wire[:len(q.wire)-4]).String()
	n.queries.add(Query{
		Time: time.Now(), Server: server, Addr: c.public, From: c.from,
		Name: trimDot(wireName(q.name).String()), Asked: trimDot(asked), Type: dns.Type(q.qtype).String(),
		Proto: c.proto, EDNS: q.edns, DO: q.do, ID: q.id,
	})
}

// packedAnswer is the answer to q, from the cache if it was given before.
func (s *NameServer) packedAnswer(q *question) (*packed, error) {
	v := s.view()
	key := append(q.lower[:len(q.name)], byte(q.qtype>>8), byte(q.qtype), 0)
	if q.do {
		key[len(key)-1] = 1
	}
	if p := v.cached(key); p != nil {
		return p, nil
	}
	name := wireName(q.name)
	r := v.answer(s, name, q.qtype)
	if q.do {
		v.signed.secure(r)
		v.signed.tampered(r, name, q.qtype)
	}
	p, err := r.pack(name, q.qtype)
	if err == nil && r.stable {
		v.store(key, p)
	}
	return p, err
}

// respond answers with what is wrong with this server.
func (s *NameServer) respond(q *question, c *client, st *faultState) error {
	o := options{ede: st.ede, cookie: true}
	if c.proto == "udp" {
		o.limit = min(q.size, maxUDP)
	}
	send := c.send
	if st.delay > 0 {
		send = func(msg []byte) error { c.later(st.delay, msg); return nil } //nolint:unparam // of the type of c.send
	}
	code := func(rcode int) error { return send(q.appendAnswer(c.buf, &packed{rcode: rcode}, o)) }
	switch f := st.fault; {
	case f == FaultTimeout, f == FaultDropUDP && c.proto == "udp", f == FaultDropTCP && c.proto == "tcp",
		f == FaultDropEDNS && q.edns:
		return nil
	case f == FaultRefuseTCP && c.proto == "tcp":
		c.reset()
		return errHangUp
	case f == FaultRefused:
		return code(dns.RcodeRefused)
	case f == FaultNotAuth:
		return code(dns.RcodeNotAuth)
	case f == FaultServFail:
		return code(dns.RcodeServerFailure)
	case f == FaultFormErrEDNS && q.edns:
		q.edns = false
		return code(dns.RcodeFormatError)
	case f == FaultGarbage:
		return send(bytes.Repeat([]byte{0xff, 0x00, 0xc0}, 20))
	case f == FaultTruncateUDP && c.proto == "udp":
		o.truncate = true
	}
	p, err := s.faultyAnswer(q, st.fault)
	if err != nil {
		return code(dns.RcodeServerFailure)
	}
	switch st.fault {
	case FaultLowerCase:
		q.wire = append(bytes.Clone(q.name), q.wire[len(q.name):]...)
	case FaultWrongID:
		q.id ^= 0x5a5a
	case FaultWrongName:
		q.wire = append([]byte("\x05wrong\x04name\x00"), q.wire[len(q.name):]...)
		p = &packed{aa: true}
	case FaultSpoofFlood:
		if err := s.flood(q, c, o); err != nil {
			return err
		}
	}
	return send(q.appendAnswer(c.buf, p, o))
}

// faultyAnswer composes the answer, bent where the fault is about content.
func (s *NameServer) faultyAnswer(q *question, f Fault) (*packed, error) {
	switch f {
	case FaultLame, FaultUpward, FaultNoAA, FaultOutOfZone, FaultQNAMEMin, FaultNoSOA:
	default:
		return s.packedAnswer(q)
	}
	name := wireName(q.name)
	v := s.view()
	r := v.answer(s, name, q.qtype)
	if q.do {
		v.signed.secure(r)
		v.signed.tampered(r, name, q.qtype)
	}
	switch f {
	case FaultLame, FaultUpward:
		*r = reply{}
		for _, root := range rootServers {
			r.authority = append(r.authority, nameRR(dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 86400}, root))
		}
	case FaultNoAA:
		r.aa = false
	case FaultOutOfZone:
		authority, extra := forgedOutOfZone()
		r.authority = append(r.authority[:len(r.authority):len(r.authority)], authority...)
		r.extra = append(r.extra, extra...)
	case FaultQNAMEMin:
		if n := v.nodes[name]; n != nil && len(n.sets) == 0 && len(n.seqs) == 0 {
			r.rcode = dns.RcodeNameError
		}
	case FaultNoSOA:
		if len(r.answer) == 0 && r.aa {
			r.authority = nil
		}
	}
	return r.pack(name, q.qtype)
}

// floodSize is how many wrong answers come before the right one.
const floodSize = 20

// flood sends forged answers that a careless client would take: under other
// ids, in another case, to another question, and from another port.
func (s *NameServer) flood(q *question, c *client, o options) error {
	if c.proto != "udp" {
		return nil
	}
	p, err := forgedAnswer(wireName(q.name), q.qtype).pack(wireName(q.name), q.qtype)
	if err != nil {
		return err
	}
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer stranger.Close()
	for i := range floodSize {
		bad := *q
		bad.wire = bytes.Clone(q.wire)
		send := c.send
		switch i % 4 {
		case 0:
			bad.id += uint16(i + 1)
		case 1:
			flipCase(bad.wire)
		case 2:
			bad.wire[len(bad.wire)-3] ^= 0x01 // another type
		case 3:
			send = func(msg []byte) error { _, err := stranger.WriteToUDPAddrPort(msg, c.from); return err }
		}
		if err := send(bad.appendAnswer(c.buf, p, o)); err != nil {
			return err
		}
	}
	return nil
}

// flipCase inverts the case of every letter of a name at the start of wire.
// A name without letters gets another first octet.
func flipCase(wire []byte) {
	flipped := false
	for i, c := range wire[:len(wire)-4] {
		if c |= 0x20; 'a' <= c && c <= 'z' {
			wire[i] ^= 0x20
			flipped = true
		}
	}
	if !flipped && wire[0] > 0 {
		wire[1] ^= 1
	}
}
