package testnet

import (
	"github.com/miekg/dns"
)

// view returns what the server holds, building it on first use.
func (s *NameServer) view() *view {
	if v := s.own.Load(); v != nil {
		return v
	}
	z := s.zone
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	if len(s.only) == 0 && s.serial == 0 {
		v := z.base.Load()
		if v == nil {
			v = z.build(nil)
			z.base.Store(v)
		}
		s.own.Store(v)
		return v
	}
	v := z.build(s)
	s.own.Store(v)
	return v
}

// build makes the view of the zone, or of one server that differs.
func (z *Zone) build(s *NameServer) *view {
	v := &view{
		apex:  z.apex,
		nodes: make(map[wireName]*node, len(z.data)+len(z.children)+4),
		cuts:  make(map[wireName]bool, len(z.children)),
		glue:  make(map[wireName][]dns.RR, len(z.children)),
	}
	v.node(z.apex)
	soaKey := rrKey{z.apex, dns.TypeSOA}
	for k, rrs := range z.data {
		if s != nil {
			if _, differs := s.only[k]; differs {
				continue
			}
		}
		v.put(k, rrs, z.ttl)
	}
	serial := z.serial
	if s != nil {
		if s.serial != 0 {
			serial = s.serial
		}
		for k, rrs := range s.only {
			v.put(k, rrs, z.ttl)
		}
	}
	for k, q := range z.seqs {
		if s.differsAt(k) {
			continue
		}
		n := v.node(k.name)
		if n.seqs == nil {
			n.seqs = make(map[uint16]*sequence)
		}
		n.seqs[k.rtype] = q
	}
	if !s.differsAt(soaKey) && len(z.data[soaKey]) == 0 {
		v.put(soaKey, []dns.RR{z.soa(serial)}, z.ttl)
	}
	for _, c := range z.children {
		z.delegateTo(v, c)
	}
	z.signing.sign(v, z.ttl)
	return v
}

func (s *NameServer) differsAt(k rrKey) bool {
	if s == nil {
		return false
	}
	_, ok := s.only[k]
	return ok
}

func (z *Zone) soa(serial uint32) dns.RR {
	mname := z.apex.String()
	if ns := z.data[rrKey{z.apex, dns.TypeNS}]; len(ns) > 0 {
		mname = ns[0].(*dns.NS).Ns
	}
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: z.apex.String(), Rrtype: dns.TypeSOA, Class: dns.ClassINET},
		Ns:      mname,
		Mbox:    z.apex.child("hostmaster").String(),
		Serial:  serial,
		Refresh: 7200, Retry: 1800, Expire: 1209600,
		Minttl: z.minimum,
	}
}
