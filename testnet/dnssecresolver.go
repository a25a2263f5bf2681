package testnet

import (
	"slices"

	"github.com/miekg/dns"
)

// Validate makes the resolver validate, as most public ones do: AD on what is
// signed all the way, SERVFAIL with an extended error (RFC 8914) on what is
// broken. It knows of the zones' faults and does not check signatures. Who
// sets CD gets every answer.
func (r *Resolver) Validate(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.validate = on
	clear(r.cache)
}

// validated is the answer as a validating resolver passes it on.
func (n *Network) validated(k rrKey, a *reply) *reply {
	if a.rcode != dns.RcodeSuccess && a.rcode != dns.RcodeNameError {
		return a
	}
	keys := []rrKey{}
	for _, set := range a.sets {
		if len(set.rrs) > 0 {
			keys = append(keys, rrKey{mustWire(set.rrs[0].Header().Name), set.rrs[0].Header().Rrtype})
		}
	}
	if len(keys) == 0 {
		keys = append(keys, k)
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	a.ad = true
	for _, k := range keys {
		secure, bad := n.verdict(k)
		if bad == nil {
			bad = n.unproven(k, a)
		}
		if bad != nil {
			return &reply{rcode: dns.RcodeServerFailure, ede: bad}
		}
		a.ad = a.ad && secure
	}
	return a
}

// verdict on the signatures of one set, from the root down. Call with net.mu
// held.
func (n *Network) verdict(k rrKey) (secure bool, bad *ede) {
	var path []*Zone
	for z := n.enclosing(k.name); z != nil; z = z.parent {
		if path = append(path, z); z.noDeleg {
			path = nil
		}
	}
	for i := len(path) - 1; i >= 0; i-- {
		z := path[i]
		s, ds := z.answering().signing, z.dsRecords()
		if z.parent == nil {
			ds = s.ds()
		}
		if !slices.ContainsFunc(ds, supported) {
			return false, nil
		}
		if !s.matches(ds) {
			return false, explained(SignFaultWrongDS, z.Name())
		}
		if bad := explained(s.fault, z.Name()); bad != nil {
			return false, bad
		}
		keys := []rrKey{{z.apex, dns.TypeDNSKEY}}
		if i == 0 {
			keys = append(keys, k)
		}
		for _, at := range keys {
			if bad := explained(s.faultAt[at], z.Name()); bad != nil {
				return false, bad
			}
		}
	}
	return true, nil
}

// answering is the zone that the parent's servers lead to: another one of that
// name after a move. Call with net.mu held.
func (z *Zone) answering() *Zone {
	for _, ns := range z.deleg {
		if b := z.net.boxes[mustWire(ns.Name)]; b != nil {
			if s := b.zone(z.apex); s != nil {
				return s.zone
			}
		}
	}
	return z
}

func supported(rr dns.RR) bool {
	ds, ok := rr.(*dns.DS)
	return ok && keyBits[ds.Algorithm] > 0 && (ds.DigestType == dns.SHA256 || ds.DigestType == dns.SHA384)
}

// matches reports whether a DS record is of a key of the zone; s may be nil.
func (s *signing) matches(ds []dns.RR) bool {
	if s == nil {
		return false
	}
	for _, rr := range ds {
		for _, k := range s.keys {
			if d, ok := rr.(*dns.DS); ok && d.KeyTag == k.tag && d.Algorithm == k.rr.Algorithm {
				return true
			}
		}
	}
	return false
}

// unproven is what the proofs of an answer lack. Call with net.mu held.
func (n *Network) unproven(k rrKey, a *reply) *ede {
	s := n.enclosing(k.name).signing
	if s == nil {
		return nil
	}
	for _, p := range a.proofs {
		wildcard := p.kind == proofWildcard
		switch {
		case s.fault == SignFaultNoDenial, s.fault == SignFaultNoWildcard && wildcard:
			return &ede{dns.ExtendedErrorCodeNSECMissing, "no proof that the name does not exist"}
		case s.fault == SignFaultWrongDenial:
			return &ede{dns.ExtendedErrorCodeDNSBogus, "the proof of a denial is wrong"}
		}
	}
	return nil
}

// explained is what a validating resolver says of a fault; nil: nothing.
func explained(f SignFault, zone string) *ede {
	switch f {
	case SignFaultExpired:
		return &ede{dns.ExtendedErrorCodeSignatureExpired, "signature of " + zone + " expired"}
	case SignFaultNotYetValid:
		return &ede{dns.ExtendedErrorCodeSignatureNotYetValid, "signature of " + zone + " is not yet valid"}
	case SignFaultStripped:
		return &ede{dns.ExtendedErrorCodeRRSIGsMissing, "no signatures in " + zone}
	case SignFaultUnsigned, SignFaultWrongDS:
		return &ede{dns.ExtendedErrorCodeDNSKEYMissing, "no DNSKEY for the DS of " + zone}
	case SignFaultCorrupt, SignFaultForeign:
		return &ede{dns.ExtendedErrorCodeDNSBogus, "bad signature in " + zone}
	}
	return nil
}
