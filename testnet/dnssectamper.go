package testnet

import "github.com/miekg/dns"

// Tamper changes every answer of the zone to who asks with DO, after it was
// signed, as somebody on the way can: what is signed well may be left out, or
// put where it does not belong. Of the message's header only the code and AA
// count, and there is no OPT record. It is called for many questions at a
// time. nil ends it.
func (z *Zone) Tamper(change func(*dns.Msg)) *Zone {
	z.faultSigning(func(s *signing) { s.tamper = change })
	return z
}

// tampered is the answer after Tamper. Records are shared, so it gets copies.
func (s *signedView) tampered(r *reply, name wireName, qtype uint16) {
	if s == nil || s.tamper == nil {
		return
	}
	m := new(dns.Msg).SetQuestion(name.String(), qtype)
	m.Rcode, m.Authoritative = r.rcode, r.aa
	m.Answer, m.Ns, m.Extra = r.answer, r.authority, r.extra
	m = m.Copy()
	s.tamper(m)
	r.rcode, r.aa = m.Rcode, m.Authoritative
	r.answer, r.authority, r.extra = m.Answer, m.Ns, m.Extra
	r.stable = false
}
