package testnet

import (
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// signedView makes the signatures and proofs of one view, when they are asked
// for, and keeps them.
type signedView struct {
	*signing
	view *view

	chainOnce sync.Once
	chain     *chain // of NSEC or NSEC3 records

	mu   sync.Mutex
	sigs map[dns.RR][]dns.RR // by the first record of a set of the view
}

// ownedSet is a set of records in an answer: those of the zone, and the name
// they are shown under.
type ownedSet struct {
	rrs  []dns.RR
	name wireName
}

// put adds a set to the answer, under the name that was asked.
func (r *reply) put(rrs []dns.RR, owner, name wireName) {
	r.answer = append(r.answer, ownedBy(rrs, owner, name)...)
	r.sets = append(r.sets, ownedSet{rrs, name})
}

// secure adds the signatures and proofs to an answer of the zone, as RFC 4035
// section 3.1 says. Additional records stay unsigned.
func (s *signedView) secure(r *reply) {
	if s == nil || s.fault == SignFaultStripped {
		return
	}
	r.authority = slices.Clip(r.authority)
	for _, set := range r.sets {
		r.answer = append(r.answer, renamed(s.signatures(set.rrs), set.name)...)
	}
	for _, rr := range r.authority {
		if rr.Header().Rrtype == dns.TypeSOA {
			r.authority = append(r.authority, withLowerTTL(s.signatures(s.view.nodes[s.apex].sets[dns.TypeSOA]), rr.Header().Ttl)...)
			break
		}
	}
	for _, p := range r.proofs {
		for _, set := range s.prove(p) {
			if len(set) == 0 || slices.Contains(r.authority, set[0]) {
				continue
			}
			r.authority = append(r.authority, set...)
			r.authority = append(r.authority, s.signatures(set)...)
		}
	}
}

// renamed are the signatures of a wildcard for a name below it.
func renamed(sigs []dns.RR, name wireName) []dns.RR {
	if len(sigs) == 0 || mustWire(sigs[0].Header().Name) == name {
		return sigs
	}
	out := make([]dns.RR, len(sigs))
	for i, rr := range sigs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = name.String()
	}
	return out
}

func withLowerTTL(rrs []dns.RR, ttl uint32) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = withTTL(rr, min(ttl, rr.Header().Ttl))
	}
	return out
}

// signatures are those of a set that stays in the view. Records of other
// zones, and what is below a zone cut, have none.
func (s *signedView) signatures(rrs []dns.RR) []dns.RR {
	if len(rrs) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sigs, ok := s.sigs[rrs[0]]
	if !ok {
		sigs = s.signSet(rrs)
		if s.sigs == nil || len(s.sigs) >= maxCached {
			s.sigs = make(map[dns.RR][]dns.RR)
		}
		s.sigs[rrs[0]] = sigs
	}
	return sigs
}

func (s *signedView) signSet(rrs []dns.RR) []dns.RR {
	h := rrs[0].Header()
	owner := mustWire(h.Name)
	if !s.owns(owner, h.Rrtype) {
		return nil
	}
	return s.signatureOf(rrs, rrKey{owner, h.Rrtype})
}

// owns reports whether records are the zone's own data, which it signs.
func (s *signedView) owns(owner wireName, t uint16) bool {
	if !owner.within(s.apex) || s.view.cuts[owner] && t != dns.TypeDS && t != dns.TypeNSEC {
		return false
	}
	for n := owner; n != s.apex; {
		n = n.parent()
		if s.view.cuts[n] {
			return false
		}
	}
	return true
}

// keysFor are the keys that sign a set of that type.
func (s *signing) keysFor(t uint16) []*signingKey {
	var out []*signingKey
	for _, k := range s.keys {
		if s.opts.OneKey || (k.rr.Flags&dns.SEP != 0) == (t == dns.TypeDNSKEY) {
			out = append(out, k)
		}
	}
	return out
}

// signatureOf signs a set as the faults of the zone want it.
func (s *signing) signatureOf(rrs []dns.RR, key rrKey) []dns.RR {
	fault, isAt := s.faultAt[key]
	if !isAt {
		fault = s.fault
	}
	dnskey := key.rtype == dns.TypeDNSKEY
	signer := s
	switch {
	case fault == SignFaultStripped:
		return nil
	case fault == SignFaultForeign && !dnskey && s.foreign != nil:
		signer = s.foreign
	}
	var out []dns.RR
	for _, k := range signer.keysFor(key.rtype) {
		for range s.trapSigs {
			bad := s.dated(fault, k)
			if (&signingKey{rr: k.rr, tag: k.tag}).sign(bad, rrs) == nil {
				out = append(out, withTTL(bad, rrs[0].Header().Ttl))
			}
		}
		sig := s.dated(fault, k)
		if err := k.sign(sig, rrs); err != nil {
			continue
		}
		sig.Hdr.Ttl = rrs[0].Header().Ttl
		if fault == SignFaultCorrupt && (isAt || !dnskey) {
			sig.Signature = corrupted(sig.Signature)
		}
		out = append(out, sig)
	}
	return out
}

// dated is a signature with nothing but its times.
func (s *signing) dated(fault SignFault, k *signingKey) *dns.RRSIG {
	const day = 24 * time.Hour
	now := time.Now()
	from, to := s.opts.Inception, s.opts.Expiration
	if from.IsZero() {
		from = now.Add(-day)
	}
	if to.IsZero() {
		to = now.Add(10 * day)
	}
	switch {
	case fault == SignFaultExpired, fault == SignFaultStaleOther && k.rr.Algorithm == s.opts.Also:
		from, to = now.Add(-30*day), now.Add(-3*day)
	case fault == SignFaultNotYetValid:
		from, to = now.Add(3*day), now.Add(30*day)
	}
	return &dns.RRSIG{Inception: uint32(from.Unix()), Expiration: uint32(to.Unix())}
}

func corrupted(signature string) string {
	b, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(b) == 0 {
		return signature
	}
	b[len(b)/2] ^= 0x10
	return base64.StdEncoding.EncodeToString(b)
}
