package dns

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the hash of NSEC3 (RFC 5155 section 11)
	"encoding/base32"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

const (
	// maxIterations of NSEC3 that are computed. A zone with more counts as
	// unsigned where it denies something (RFC 9276 section 3.2).
	maxIterations = 50
	// maxHashing bounds the hashing of one lookup in rounds of SHA-1: enough
	// for a name of 127 labels at the full number of iterations
	// (CVE-2023-50868).
	maxHashing = 7000
)

type nameHash [sha1.Size]byte

// nsec3 is one NSEC3 record (RFC 5155 section 3).
type nsec3 struct {
	owner, next nameHash
	optOut      bool
	types       typeMap
	params      nsec3Params
}

type nsec3Params struct {
	iterations int
	salt       string
}

var base32Hash = base32.HexEncoding.WithPadding(base32.NoPadding)

// readNSEC3 reads the content of an NSEC3 record of the zone; ok is false for
// what cannot be used (RFC 5155 section 8.1 and 8.2).
func readNSEC3(owner, apex wireName, rdata []byte) (n nsec3, ok bool) {
	if owner.parent() != apex || owner == rootWire || owner[0] != 32 {
		return n, false
	}
	if _, err := base32Hash.Decode(n.owner[:], []byte(strings.ToUpper(string(owner[1:33])))); err != nil {
		return n, false
	}
	if len(rdata) < 5 || rdata[0] != dns.SHA1 || rdata[1]&^1 != 0 {
		return n, false
	}
	n.optOut = rdata[1]&1 != 0
	n.params.iterations = int(rdata[2])<<8 | int(rdata[3])
	salt, rest := int(rdata[4]), rdata[5:]
	if len(rest) < salt+1 {
		return n, false
	}
	n.params.salt, rest = string(rest[:salt]), rest[salt:]
	if int(rest[0]) != sha1.Size || len(rest) < 1+sha1.Size {
		return n, false
	}
	copy(n.next[:], rest[1:])
	n.types = typeMap(rest[1+sha1.Size:])
	return n, n.types.valid()
}

// covers reports that no name has the hash.
func (n *nsec3) covers(h nameHash) bool {
	after, before := bytes.Compare(n.owner[:], h[:]) < 0, bytes.Compare(h[:], n.next[:]) < 0
	if bytes.Compare(n.owner[:], n.next[:]) < 0 {
		return after && before
	}
	return (after || before) && h != n.owner // the last of the zone, or the only one
}

// hasher computes the hashes of names within the limit of one lookup.
type hasher struct {
	mu    sync.Mutex
	known map[hashOfName]nameHash
	spent int // rounds
	over  bool
}

type hashOfName struct {
	name   wireName
	params nsec3Params
}

// of is the hash of a name (RFC 5155 section 5); ok is false when the limit is
// reached.
func (h *hasher) of(name wireName, p nsec3Params) (sum nameHash, ok bool) {
	k := hashOfName{name, p}
	h.mu.Lock()
	defer h.mu.Unlock()
	if sum, ok := h.known[k]; ok {
		return sum, true
	}
	if h.spent+p.iterations+1 > maxHashing {
		h.over = true
		return sum, false
	}
	h.spent += p.iterations + 1
	var buf [maxNameWire + 255]byte
	sum = sha1.Sum(append(append(buf[:0], name...), p.salt...))
	for range p.iterations {
		sum = sha1.Sum(append(append(buf[:0], sum[:]...), p.salt...))
	}
	if h.known == nil {
		h.known = make(map[hashOfName]nameHash)
	}
	h.known[k] = sum
	return sum, true
}

// match finds the record of a name.
func (d *denial) match(name wireName) *nsec3 {
	h, ok := d.hash.of(name, d.nsec3[0].params)
	for i := range d.nsec3 {
		if ok && d.nsec3[i].owner == h {
			return &d.nsec3[i]
		}
	}
	return nil
}

// cover finds a record that shows that a name has none.
func (d *denial) cover(name wireName) *nsec3 {
	h, ok := d.hash.of(name, d.nsec3[0].params)
	for i := range d.nsec3 {
		if ok && d.nsec3[i].covers(h) {
			return &d.nsec3[i]
		}
	}
	return nil
}

// closest is the closest encloser proof of RFC 5155 section 8.3: a name above
// that exists, and the record that covers the next closer name. The encloser
// must not be a zone cut or a DNAME.
func (d *denial) closest(name wireName) (encloser wireName, next *nsec3) {
	closer := name
	for encloser = name.parent(); encloser.within(d.apex); encloser = encloser.parent() {
		if n := d.match(encloser); n != nil {
			if n.types.delegation() || n.types.has(dns.TypeDNAME) {
				return "", nil
			}
			return encloser, d.cover(closer)
		}
		if encloser == rootWire {
			break
		}
		closer = encloser
	}
	return "", nil
}

// noData3 is noData with NSEC3 (RFC 5155 sections 8.5 to 8.7).
func (d *denial) noData3(name wireName, rtype uint16) proven {
	if len(d.nsec3) == 0 {
		return proven{ok: d.heavy, insecure: true}
	}
	if n := d.match(name); n != nil {
		return proven{ok: n.types.denies(rtype, name), types: n.types}
	}
	encloser, next := d.closest(name)
	if next == nil {
		return proven{}
	}
	if wild, fits := encloser.wildcard(); fits {
		if w := d.match(wild); w != nil && w.types.denies(rtype, wild) {
			return proven{ok: true, insecure: next.optOut, absent: true}
		} else if w != nil && rtype != dns.TypeDS {
			return proven{}
		}
	}
	// The name may be an unsigned delegation, or lead to one only; a wildcard
	// makes none (RFC 5155 section 8.6).
	return proven{ok: next.optOut, insecure: true}
}

// noName3 is noName with NSEC3 (RFC 5155 section 8.4). Where the next closer
// name may be an unsigned delegation, the name may be there for all we know.
func (d *denial) noName3(name wireName) proven {
	if len(d.nsec3) == 0 {
		return proven{ok: d.heavy, insecure: true}
	}
	if d.match(name) != nil {
		return proven{}
	}
	encloser, next := d.closest(name)
	if next == nil {
		return proven{}
	}
	wild, fits := encloser.wildcard()
	return proven{ok: !fits || d.cover(wild) != nil, insecure: next.optOut, absent: true}
}

// noCloser3 is noCloser with NSEC3 (RFC 5155 section 8.8).
func (d *denial) noCloser3(name, encloser wireName) proven {
	if len(d.nsec3) == 0 {
		return proven{ok: d.heavy, insecure: true}
	}
	next := d.cover(name.ancestor(encloser.labels() + 1))
	if next == nil {
		return proven{}
	}
	return proven{ok: true, insecure: next.optOut, absent: true}
}
