package testnet

import (
	"encoding/base32"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// proof is what an answer claims beyond its records.
type proof struct {
	kind proofKind
	name wireName // what the claim is about
	// encloser is the deepest existing name above, where there is no name.
	encloser wireName
	qtype    uint16
}

type proofKind int

const (
	proofNoType     proofKind = iota // the name exists, not with that type
	proofNoName                      // neither the name nor a wildcard for it
	proofWildcard                    // answered by a wildcard, as the name is not there
	proofWildNoType                  // the wildcard has no such type
	proofReferral                    // the zone below is signed, or is not
)

// chain is the NSEC or NSEC3 chain of a view.
type chain struct {
	signed *signedView
	names  []wireName // in the order of keys
	keys   []string   // canonical order of names, or hashes
	nsec3  bool

	mu  sync.Mutex
	rrs map[int]dns.RR
}

var hexBase32 = base32.HexEncoding.WithPadding(base32.NoPadding)

// theChain builds the chain on first use.
func (s *signedView) theChain() *chain {
	s.chainOnce.Do(func() {
		c := &chain{signed: s, nsec3: s.opts.NSEC3, rrs: make(map[int]dns.RR)}
		in := make(map[wireName]bool)
		for name, n := range s.view.nodes {
			if len(n.sets) == 0 && len(n.seqs) == 0 || s.hidden(name) {
				continue
			}
			// Left out with them are empty names that lead to nothing else. If
			// there is a wildcard above as well, nobody can prove what is
			// below such a name (RFC 5155, erratum 3441).
			if s.opts.OptOut && c.nsec3 && s.view.cuts[name] && !n.has(dns.TypeDS) {
				continue
			}
			in[name] = true
			if c.nsec3 { // empty non-terminals have a record as well
				for name != s.apex {
					name = name.parent()
					in[name] = true
				}
			}
		}
		byKey := make(map[string]wireName, len(in))
		for name := range in {
			k := c.key(name)
			byKey[k] = name
			c.keys = append(c.keys, k)
		}
		slices.Sort(c.keys)
		for _, k := range c.keys {
			c.names = append(c.names, byKey[k])
		}
		s.chain = c
	})
	return s.chain
}

// hidden reports whether a name is out of the zone's authority: out of zone,
// below a cut, or below a DNAME.
func (s *signedView) hidden(name wireName) bool {
	if !name.within(s.apex) {
		return true
	}
	for n := name; n != s.apex; {
		n = n.parent()
		if s.view.cuts[n] || s.view.nodes[n].has(dns.TypeDNAME) {
			return true
		}
	}
	return false
}

// key is the place of a name in the chain.
func (c *chain) key(name wireName) string {
	if c.nsec3 {
		o := c.signed.opts
		h, err := hexBase32.DecodeString(dns.HashName(name.String(), dns.SHA1, o.Iterations, o.Salt))
		if err != nil {
			return ""
		}
		return string(h)
	}
	return canonicalKey(name)
}

// canonicalKey sorts as RFC 4034 section 6.1 wants names sorted: by labels
// from the right, a name before those below it.
func canonicalKey(name wireName) string {
	var labels []string
	for i := 0; name[i] != 0; i += int(name[i]) + 1 {
		labels = append(labels, string(name[i+1:i+1+int(name[i])]))
	}
	slices.Reverse(labels)
	var b strings.Builder
	for _, l := range labels {
		for i := range len(l) {
			if l[i] <= 1 { // keeps 0 free as the end of a label
				b.WriteByte(1)
				b.WriteByte(l[i] + 1)
				continue
			}
			b.WriteByte(l[i])
		}
		b.WriteByte(0)
	}
	return b.String()
}

// at is the place of the record that matches the name, or of the one that
// covers it.
func (c *chain) at(name wireName) (i int, matches bool) {
	k := c.key(name)
	i = sort.SearchStrings(c.keys, k)
	if i < len(c.keys) && c.keys[i] == k {
		return i, true
	}
	return (i + len(c.keys) - 1) % len(c.keys), false
}

func (c *chain) has(name wireName) bool {
	_, ok := c.at(name)
	return ok
}

// record is the NSEC or NSEC3 record at a place.
func (c *chain) record(i int) dns.RR {
	c.mu.Lock()
	defer c.mu.Unlock()
	rr := c.rrs[i]
	if rr == nil {
		next := c.keys[(i+1)%len(c.keys)]
		rr = c.newRecord(c.names[i], next, c.names[(i+1)%len(c.names)], c.signed.types(c.names[i], 0))
		c.rrs[i] = rr
	}
	return rr
}

// newRecord denies what is between a name and the next, given by key and, for
// NSEC, by name.
func (c *chain) newRecord(name wireName, nextKey string, next wireName, types []uint16) dns.RR {
	v := c.signed.view
	hdr := dns.RR_Header{Name: name.String(), Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300}
	if soa := v.soa(); len(soa) > 0 {
		hdr.Ttl = soa[0].Header().Ttl
	}
	if !c.nsec3 {
		return &dns.NSEC{Hdr: hdr, NextDomain: next.String(), TypeBitMap: withType(withType(types, dns.TypeNSEC), dns.TypeRRSIG)}
	}
	o := c.signed.opts
	hdr.Rrtype = dns.TypeNSEC3
	hdr.Name = v.apex.child(strings.ToLower(hexBase32.EncodeToString([]byte(c.key(name))))).String()
	rr := &dns.NSEC3{
		Hdr: hdr, Hash: dns.SHA1, Iterations: o.Iterations, SaltLength: uint8(len(o.Salt) / 2), Salt: o.Salt,
		HashLength: 20, NextDomain: hexBase32.EncodeToString([]byte(nextKey)), TypeBitMap: types,
	}
	if o.OptOut {
		rr.Flags = 1
	}
	if len(types) > 0 && (!v.cuts[name] || slices.Contains(types, dns.TypeDS)) {
		rr.TypeBitMap = withType(types, dns.TypeRRSIG)
	}
	return rr
}

func withType(types []uint16, t uint16) []uint16 {
	if i, ok := slices.BinarySearch(types, t); !ok {
		return slices.Insert(slices.Clone(types), i, t)
	}
	return types
}

// types are those that a name has, in ascending order, but one.
func (s *signedView) types(name wireName, but uint16) []uint16 {
	n := s.view.nodes[name]
	if n == nil {
		return nil
	}
	var out []uint16
	for t := range n.sets {
		out = append(out, t)
	}
	for t := range n.seqs {
		out = append(out, t)
	}
	slices.Sort(out)
	cut := s.view.cuts[name]
	return slices.DeleteFunc(slices.Compact(out), func(t uint16) bool {
		return t == but || cut && t != dns.TypeNS && t != dns.TypeDS
	})
}

// prove are the sets, of one record each, that prove a claim: RFC 4035
// section 3.1.3 for NSEC, RFC 5155 section 7.2 for NSEC3.
func (s *signedView) prove(p proof) [][]dns.RR {
	if p.kind == proofReferral {
		if ds := s.view.nodes[p.name].sets[dns.TypeDS]; len(ds) > 0 {
			return [][]dns.RR{ds}
		}
		p.kind, p.qtype = proofNoType, dns.TypeDS
	}
	switch {
	case !p.name.within(s.apex), s.fault == SignFaultNoDenial,
		s.fault == SignFaultNoWildcard && p.kind == proofWildcard:
		return nil
	case s.fault == SignFaultWrongDenial:
		return [][]dns.RR{{s.theChain().nothing(p.qtype)}}
	}
	c := s.theChain()
	i, matches := c.at(p.name)
	if p.kind == proofNoType && matches {
		if q := s.view.nodes[p.name].seqs[p.qtype]; q != nil {
			// The type is there, only not this time.
			next := (i + 1) % len(c.names)
			return [][]dns.RR{{c.newRecord(p.name, c.keys[next], c.names[next], s.types(p.name, p.qtype))}}
		}
		return [][]dns.RR{{c.record(i)}}
	}
	var places []int
	encloser := p.encloser
	if c.nsec3 {
		// The next closer name is covered; the closest encloser matches.
		nextCloser := p.name
		for encloser = p.name.parent(); !c.has(encloser); encloser = encloser.parent() {
			nextCloser = encloser
		}
		i, _ = c.at(nextCloser)
		if p.kind != proofWildcard {
			at, _ := c.at(encloser)
			places = append(places, at)
		}
	}
	places = append(places, i)
	if p.kind == proofNoName || p.kind == proofWildNoType {
		at, _ := c.at(encloser.child("*"))
		places = append(places, at)
	}
	var out [][]dns.RR
	for _, at := range places {
		out = append(out, []dns.RR{c.record(at)})
	}
	return out
}

// nothing is a record of the apex that ends where it begins, and says that
// the type is there.
func (c *chain) nothing(qtype uint16) dns.RR {
	next := []byte(c.key(c.signed.apex))
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			break
		}
	}
	types := c.signed.types(c.signed.apex, 0)
	if qtype != 0 {
		types = withType(types, qtype)
	}
	return c.newRecord(c.signed.apex, string(next), c.signed.apex.child("\x00"), types)
}

// own answers for the types that belong to signing itself; they are in no
// set of the zone.
func (s *signedView) own(name wireName, qtype uint16) []dns.RR {
	if s == nil || s.fault == SignFaultStripped {
		return nil
	}
	switch c := s.theChain(); {
	case qtype == dns.TypeNSEC && !c.nsec3:
		if i, ok := c.at(name); ok {
			return []dns.RR{c.record(i)}
		}
	case qtype == dns.TypeRRSIG:
		var out []dns.RR
		for _, rrs := range s.view.nodes[name].sets {
			out = append(out, s.signatures(rrs)...)
		}
		return out
	}
	return nil
}
