package testnet

import (
	"github.com/miekg/dns"
)

// maxChain bounds the aliases followed inside one answer.
const maxChain = 16

// reply is a composed answer before packing.
type reply struct {
	rcode     int
	aa        bool
	answer    []dns.RR
	authority []dns.RR
	extra     []dns.RR
	sets      []ownedSet // of the answer, as they stand in the zone
	proofs    []proof    // what the answer claims
	ad        bool       // said by a resolver that validates
	ede       *ede       // likewise
	// stable: the same question gets the same answer until the zone changes,
	// and the name exists, so the packed form may be kept.
	stable bool
}

// answer composes the authoritative answer of RFC 1034 section 4.3.2, with
// wildcards as in RFC 4592 and DNAME as in RFC 6672. s may be nil.
func (v *view) answer(s *NameServer, name wireName, qtype uint16) *reply {
	r := &reply{aa: true, stable: true}
	for range maxChain {
		target, again := v.step(r, s, name, qtype)
		if !again {
			break
		}
		name = target
		// Off to another zone, unless the server claims to know better.
		if !name.within(v.apex) && v.nodes[name] == nil {
			break
		}
	}
	return r
}

// step answers for one name of the chain; again: continue with target.
func (v *view) step(r *reply, s *NameServer, name wireName, qtype uint16) (target wireName, again bool) {
	if name.within(v.apex) {
		cut, dname := v.descend(name, qtype)
		if cut != "" {
			if len(r.answer) == 0 {
				v.refer(r, cut)
				r.proofs = append(r.proofs, proof{kind: proofReferral, name: cut})
				r.stable = v.nodes[name] != nil
			}
			return "", false
		}
		if dname != "" {
			return v.substitute(r, name, dname)
		}
	}
	n, owner := v.nodes[name], name
	none, encloser := proofNoType, name.parent()
	if n == nil {
		r.stable = false
		for v.nodes[encloser] == nil && encloser != v.apex {
			encloser = encloser.parent()
		}
		n = v.nodes[encloser.child("*")]
		if n == nil {
			r.rcode = dns.RcodeNameError
			r.authority = v.soa()
			r.proofs = append(r.proofs, proof{proofNoName, name, encloser, qtype})
			return "", false
		}
		owner, none = encloser.child("*"), proofWildNoType
	}
	noType := proof{none, name, encloser, qtype}
	wildcard := func() {
		if owner != name {
			r.proofs = append(r.proofs, proof{proofWildcard, name, encloser, qtype})
		}
	}
	if qtype == dns.TypeANY {
		for t := range n.sets {
			r.put(n.sets[t], owner, name)
		}
		if len(n.sets) > 0 {
			wildcard()
			return "", false
		}
	}
	// An alias hides everything else at its name (RFC 1034 section 3.6.2).
	if qtype != dns.TypeCNAME && n.has(dns.TypeCNAME) {
		alias, steady := n.take(s, dns.TypeCNAME)
		r.stable = r.stable && steady
		if len(alias) == 0 {
			r.authority = v.soa()
			r.proofs = append(r.proofs, noType)
			return "", false
		}
		r.put(alias, owner, name)
		wildcard()
		w, err := toWire(alias[0].(*dns.CNAME).Target)
		return w, err == nil
	}
	rrs, steady := n.take(s, qtype)
	r.stable = r.stable && steady
	if len(rrs) == 0 && owner == name {
		rrs = v.signed.own(name, qtype)
	}
	if len(rrs) == 0 {
		r.authority = v.soa()
		r.proofs = append(r.proofs, noType)
		return "", false
	}
	r.put(rrs, owner, name)
	wildcard()
	v.addAddresses(r, rrs)
	return "", false
}

// take returns the records of one type; steady is false for a set that
// changes with every question.
func (n *node) take(s *NameServer, t uint16) (rrs []dns.RR, steady bool) {
	if q := n.seqs[t]; q != nil {
		return q.take(s), false
	}
	return n.sets[t], true
}

// descend looks on the way from the apex down to name for the first zone cut
// or DNAME. DS of the cut itself belongs to this side (RFC 4035 section
// 3.1.4.1).
func (v *view) descend(name wireName, qtype uint16) (cut, dname wireName) {
	for n := name; n != v.apex; n = n.parent() {
		if v.cuts[n] && (n != name || qtype != dns.TypeDS) {
			cut, dname = n, ""
		}
		if p := n.parent(); p.within(v.apex) && v.nodes[p] != nil && len(v.nodes[p].sets[dns.TypeDNAME]) > 0 {
			cut, dname = "", p
		}
	}
	return cut, dname
}

func (v *view) refer(r *reply, cut wireName) {
	r.aa = false
	ns := v.nodes[cut].sets[dns.TypeNS]
	r.authority = ns
	v.addAddresses(r, ns)
}

// addAddresses adds what the server knows of the addresses of name servers.
func (v *view) addAddresses(r *reply, rrs []dns.RR) {
	for _, rr := range rrs {
		ns, ok := rr.(*dns.NS)
		if !ok {
			continue
		}
		w, err := toWire(ns.Ns)
		if err != nil {
			continue
		}
		if n := v.nodes[w]; n != nil {
			r.extra = append(r.extra, n.sets[dns.TypeA]...)
			r.extra = append(r.extra, n.sets[dns.TypeAAAA]...)
			if n.has(dns.TypeA) || n.has(dns.TypeAAAA) {
				continue
			}
		}
		r.extra = append(r.extra, v.glue[w]...)
	}
}

// substitute is the DNAME step: the name below owner moves below its target.
func (v *view) substitute(r *reply, name, owner wireName) (wireName, bool) {
	r.stable = false
	set := v.nodes[owner].sets[dns.TypeDNAME]
	rr := set[0].(*dns.DNAME)
	r.put(set[:1], owner, owner)
	to, err := toWire(rr.Target)
	if err != nil || len(name)-len(owner)+len(to) > 255 {
		r.rcode = dns.RcodeYXDomain
		return "", false
	}
	target := name[:len(name)-len(owner)] + to
	r.answer = append(r.answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: name.String(), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: rr.Hdr.Ttl},
		Target: target.String(),
	})
	return target, true
}

// soa is the SOA for a negative answer, with the TTL of RFC 2308 section 3.
func (v *view) soa() []dns.RR {
	n := v.nodes[v.apex]
	if n == nil || len(n.sets[dns.TypeSOA]) == 0 {
		return nil
	}
	soa, ok := dns.Copy(n.sets[dns.TypeSOA][0]).(*dns.SOA)
	if !ok {
		return nil
	}
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return []dns.RR{soa}
}

// ownedBy renames records of a wildcard to the name that was asked.
func ownedBy(rrs []dns.RR, owner, name wireName) []dns.RR {
	if owner == name {
		return rrs
	}
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = name.String()
	}
	return out
}
