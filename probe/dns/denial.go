package dns

import (
	"github.com/miekg/dns"
)

// typeMap is the list of types in an NSEC or NSEC3 record (RFC 4034 section
// 4.1.2).
type typeMap []byte

// valid reports whether the windows are well formed.
func (m typeMap) valid() bool {
	for last := -1; len(m) > 0; {
		if len(m) < 2 {
			return false
		}
		window, size := int(m[0]), int(m[1])
		if window <= last || size == 0 || size > 32 || len(m) < 2+size {
			return false
		}
		last, m = window, m[2+size:]
	}
	return true
}

func (m typeMap) has(rtype uint16) bool {
	for len(m) >= 2 {
		size := int(m[1])
		if len(m) < 2+size {
			return false
		}
		if m[0] == byte(rtype>>8) {
			i := int(rtype & 0xff)
			return i/8 < size && m[2+i/8]&(0x80>>(i%8)) != 0
		}
		m = m[2+size:]
	}
	return false
}

// delegation reports a zone cut seen from above.
func (m typeMap) delegation() bool { return m.has(dns.TypeNS) && !m.has(dns.TypeSOA) }

// denies reports whether the list of a name denies a type there. One from
// above a zone cut says nothing about types below it but DS, one from below
// nothing about DS (RFC 4035 section 5.4, RFC 6840 section 4.1).
func (m typeMap) denies(rtype uint16, name wireName) bool {
	if rtype == dns.TypeDS {
		if m.has(dns.TypeSOA) && name != rootWire {
			return false
		}
	} else if m.delegation() {
		return false
	}
	return !m.has(rtype) && !m.has(dns.TypeCNAME)
}

// proven is what signed records of denial show.
type proven struct {
	ok bool
	// insecure: the proof is one that an unsigned name may hide behind
	// (opt-out), or that costs more than it is worth (iterations).
	insecure bool
	// types at the name itself; nil if the proof shows another way.
	types typeMap
	// absent: what is proven is that there is no such name.
	absent bool
}

// denial holds the NSEC or NSEC3 records of a message whose signatures are
// valid, all of one zone.
type denial struct {
	apex  wireName
	nsec  []nsec
	nsec3 []nsec3
	hash  *hasher
	heavy bool // NSEC3 records with too many iterations were among them
}

// nsec is one NSEC record (RFC 4034 section 4).
type nsec struct {
	owner, next wireName
	types       typeMap
}

// readNSEC reads the content of an NSEC record in canonical form.
func readNSEC(owner wireName, rdata []byte) (nsec, bool) {
	next, end, err := readWireName(rdata, 0, false)
	if err != nil || !typeMap(rdata[end:]).valid() {
		return nsec{}, false
	}
	return nsec{owner, next, typeMap(rdata[end:])}, true
}

// covers reports that name does not exist by itself. The record of a zone cut
// or a DNAME says nothing about what is below it (RFC 6840 section 4.1).
func (n *nsec) covers(name, apex wireName) bool {
	if !name.within(apex) || n.owner.compare(name) >= 0 {
		return false
	}
	if name.below(n.owner) && (n.types.delegation() || n.types.has(dns.TypeDNAME)) {
		return false
	}
	return name.compare(n.next) < 0 || n.next == apex
}

// encloser is the closest name that exists above name, which n covers.
func (n *nsec) encloser(name wireName) wireName {
	a, b := name.common(n.owner), name.common(n.next)
	if len(a) > len(b) {
		return a
	}
	return b
}

// covering finds a record that shows that name does not exist; the name may
// still be on the way to others (an empty non-terminal).
func (d *denial) covering(name wireName) *nsec {
	for i := range d.nsec {
		if d.nsec[i].covers(name, d.apex) {
			return &d.nsec[i]
		}
	}
	return nil
}

// noData looks for the proof that name has no records of the type.
func (d *denial) noData(name wireName, rtype uint16) proven {
	if p := d.noData3(name, rtype); p.ok {
		return p
	}
	for i := range d.nsec {
		if n := &d.nsec[i]; n.owner == name {
			return proven{ok: n.types.denies(rtype, name), types: n.types}
		}
	}
	n := d.covering(name)
	if n == nil {
		return proven{}
	}
	if n.next.below(name) {
		return proven{ok: true} // an empty non-terminal
	}
	wild, fits := n.encloser(name).wildcard()
	if !fits {
		return proven{}
	}
	for i := range d.nsec {
		if w := &d.nsec[i]; w.owner == wild {
			return proven{ok: w.types.denies(rtype, wild), absent: true}
		}
	}
	if w := d.covering(wild); w != nil && w.next.below(wild) {
		return proven{ok: true, absent: true}
	}
	return proven{}
}

// noName looks for the proof that neither name nor a wildcard for it exists.
func (d *denial) noName(name wireName) proven {
	if p := d.noName3(name); p.ok {
		return p
	}
	n := d.covering(name)
	if n == nil || n.next.below(name) {
		return proven{}
	}
	wild, fits := n.encloser(name).wildcard()
	if !fits {
		return proven{ok: true, absent: true} // no room for a wildcard
	}
	w := d.covering(wild)
	return proven{ok: w != nil && !w.next.below(wild), absent: true}
}

// noCloser looks for the proof that no name stands between name and the
// wildcard below encloser that has answered for it (RFC 4035 section 5.3.4).
func (d *denial) noCloser(name, encloser wireName) proven {
	if p := d.noCloser3(name, encloser); p.ok {
		return p
	}
	n := d.covering(name)
	return proven{ok: n != nil && !n.next.below(name) && n.encloser(name) == encloser, absent: true}
}
