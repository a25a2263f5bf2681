package dns

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// wireName is a name in uncompressed wire form and lower case, the form that
// signatures and proofs are made over (RFC 4034 section 6.2). The root is one
// zero octet.
type wireName string

const rootWire wireName = "\x00"

// wireOf is the wire form of a name in normal form.
func wireOf(name string) wireName {
	wire, err := packName(name)
	if err != nil {
		return rootWire // names in normal form always fit
	}
	return wireName(wire)
}

// readWireName reads a name, which may be compressed, from a message. next is
// where it ends.
func readWireName(msg []byte, off int, keepCase bool) (name wireName, next int, err error) {
	var buf [maxNameWire]byte
	n, next := 0, -1
	for jumps := 0; ; {
		if off >= len(msg) {
			return "", 0, fmt.Errorf("%w: name cut off", errMessage)
		}
		c := int(msg[off])
		switch {
		case c >= 0xc0:
			if jumps++; off+1 >= len(msg) || jumps > maxNameWire/2 {
				return "", 0, fmt.Errorf("%w: bad compression", errMessage)
			}
			if next < 0 {
				next = off + 2
			}
			off = (c&0x3f)<<8 | int(msg[off+1])
		case c > 63 || off+1+c > len(msg) || n+1+c > maxNameWire:
			return "", 0, fmt.Errorf("%w: bad name", errMessage)
		default:
			label := buf[n : n+copy(buf[n:], msg[off:off+1+c])]
			if !keepCase {
				lowerASCII(label) // the length octet is below 64, so no letter
			}
			n, off = n+1+c, off+1+c
			if c == 0 {
				if next < 0 {
					next = off
				}
				return wireName(buf[:n]), next, nil
			}
		}
	}
}

// parent cuts the first label off. That of the root is the root.
func (n wireName) parent() wireName {
	if len(n) <= 1 {
		return rootWire
	}
	return n[1+int(n[0]):]
}

// labels counts the labels without the root's.
func (n wireName) labels() int {
	count := 0
	for ; len(n) > 1; n = n.parent() {
		count++
	}
	return count
}

// ancestor is the name of which only the last labels are left.
func (n wireName) ancestor(labels int) wireName {
	for cut := n.labels() - labels; cut > 0; cut-- {
		n = n.parent()
	}
	return n
}

// within reports whether n is zone or lies below it.
func (n wireName) within(zone wireName) bool {
	for len(n) > len(zone) {
		n = n.parent()
	}
	return n == zone
}

func (n wireName) below(zone wireName) bool { return len(n) > len(zone) && n.within(zone) }

func (n wireName) isWildcard() bool { return len(n) > 2 && n[0] == 1 && n[1] == '*' }

// wildcard is the wildcard name right below n; ok is false if it is too long.
func (n wireName) wildcard() (w wireName, ok bool) {
	return "\x01*" + n, len(n)+2 <= maxNameWire
}

// common is the closest name that both lie in.
func (n wireName) common(o wireName) wireName {
	a, b := n.labels(), o.labels()
	n, o = n.ancestor(min(a, b)), o.ancestor(min(a, b))
	for n != o {
		n, o = n.parent(), o.parent()
	}
	return n
}

// compare is the canonical order of names (RFC 4034 section 6.1).
func (n wireName) compare(o wireName) int {
	var at, bt [maxNameWire / 2]uint8
	a, b := n.starts(at[:0]), o.starts(bt[:0])
	for i, j := len(a)-1, len(b)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		x, y := n[a[i]:], o[b[j]:]
		if c := strings.Compare(string(x[1:1+x[0]]), string(y[1:1+y[0]])); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// starts appends where the labels begin.
func (n wireName) starts(to []uint8) []uint8 {
	for i := 0; n[i] != 0; i += 1 + int(n[i]) {
		to = append(to, uint8(i))
	}
	return to
}

// String is the normal form.
func (n wireName) String() string {
	name, _, err := dns.UnpackDomainName([]byte(n), 0)
	if err != nil {
		return "?"
	}
	return fold(name)
}

// rrset is the records of one name and type in one section of a message, with
// their signatures.
type rrset struct {
	owner     wireName
	rtype     uint16
	authority bool // else from the answer section
	ttl       uint32
	rdata     [][]byte // canonical form and, once sorted, canonical order
	sorted    bool
	sigs      []signature
}

type setKey struct {
	owner     wireName
	rtype     uint16
	authority bool
}

// rrsets are the sets of the answer and authority sections.
type rrsets []*rrset

// find returns the set, or nil.
func (s rrsets) find(owner wireName, rtype uint16, authority bool) *rrset {
	for _, set := range s {
		if set.rtype == rtype && set.authority == authority && set.owner == owner {
			return set
		}
	}
	return nil
}

// readSets reads a message, which parseMessage has accepted, a second time,
// down to the octets that signatures are made over.
func readSets(msg []byte) (rrsets, error) {
	if len(msg) < headerSize {
		return nil, errMessage
	}
	off := headerSize
	for range int(msg[4])<<8 | int(msg[5]) {
		_, next, err := readWireName(msg, off, false)
		if err != nil {
			return nil, err
		}
		off = next + 4
	}
	var sets rrsets
	index := make(map[setKey]*rrset)
	set := func(k setKey) *rrset {
		s := index[k]
		if s == nil {
			s = &rrset{owner: k.owner, rtype: k.rtype, authority: k.authority, ttl: 1<<31 - 1}
			index[k] = s
			sets = append(sets, s)
		}
		return s
	}
	for section := range 2 {
		for range int(msg[6+2*section])<<8 | int(msg[7+2*section]) {
			owner, at, err := readWireName(msg, off, false)
			if err != nil {
				return nil, err
			}
			if at+10 > len(msg) {
				return nil, fmt.Errorf("%w: record cut off", errMessage)
			}
			h := msg[at : at+10]
			rtype, class := uint16(h[0])<<8|uint16(h[1]), uint16(h[2])<<8|uint16(h[3])
			ttl := uint32(h[4])<<24 | uint32(h[5])<<16 | uint32(h[6])<<8 | uint32(h[7])
			start := at + 10
			off = start + (int(h[8])<<8 | int(h[9]))
			if off > len(msg) {
				return nil, fmt.Errorf("%w: record cut off", errMessage)
			}
			if class != dns.ClassINET || start == off {
				continue
			}
			if rtype == dns.TypeRRSIG {
				sig, err := readSignature(msg, start, off)
				if err != nil {
					continue // proves nothing
				}
				s := set(setKey{owner, sig.covered, section == 1})
				s.sigs = append(s.sigs, sig)
				continue
			}
			rdata, err := canonicalRData(msg, rtype, start, off)
			if err != nil {
				return nil, err
			}
			s := set(setKey{owner, rtype, section == 1})
			s.rdata = append(s.rdata, rdata)
			if ttl > 1<<31-1 {
				ttl = 0 // RFC 2181 section 8
			}
			s.ttl = min(s.ttl, ttl)
		}
	}
	return sets, nil
}

// canonicalRData is the content of a record in the form of RFC 4034 section
// 6.2: no compression, and lower-case names in the types listed there. NSEC
// keeps its letters (RFC 6840 section 5.1).
func canonicalRData(msg []byte, rtype uint16, start, end int) ([]byte, error) {
	fixed, names, tail := 0, 0, 0 // octets before the names, names, octets after
	keepCase := false
	switch rtype {
	case dns.TypeNS, dns.TypeMD, dns.TypeMF, dns.TypeCNAME, dns.TypeMB, dns.TypeMG, dns.TypeMR, dns.TypePTR, dns.TypeDNAME:
		names = 1
	case dns.TypeSOA:
		names, tail = 2, 20
	case dns.TypeMINFO, dns.TypeRP:
		names = 2
	case dns.TypeMX, dns.TypeAFSDB, dns.TypeRT, dns.TypeKX:
		fixed, names = 2, 1
	case dns.TypePX:
		fixed, names = 2, 2
	case dns.TypeSRV:
		fixed, names = 6, 1
	case dns.TypeNAPTR:
		for off := start + 4; names < 3; names++ {
			if off >= end {
				return nil, fmt.Errorf("%w: bad NAPTR record", errMessage)
			}
			off += 1 + int(msg[off])
			fixed = off - start
		}
		names = 1
	case dns.TypeNSEC:
		names, tail, keepCase = 1, -1, true
	default:
		return msg[start:end:end], nil
	}
	if start+fixed > end {
		return nil, fmt.Errorf("%w: short record", errMessage)
	}
	out := bytes.Clone(msg[start : start+fixed])
	off := start + fixed
	for range names {
		name, next, err := readWireName(msg[:end], off, keepCase)
		if err != nil {
			return nil, err
		}
		out, off = append(out, name...), next
	}
	if off > end || tail >= 0 && end-off != tail {
		return nil, fmt.Errorf("%w: record of the wrong length", errMessage)
	}
	return append(out, msg[off:end]...), nil
}

// sort brings the records into canonical order without duplicates (RFC 4034
// section 6.3).
func (s *rrset) sort() {
	if s.sorted {
		return
	}
	s.sorted = true
	if len(s.rdata) < 2 {
		return
	}
	s.rdata = sortedUnique(s.rdata)
}
