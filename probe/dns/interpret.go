package dns

import (
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// maxNSRead bounds the name servers taken from one referral, and maxGlue the
// addresses.
const (
	maxNSRead = 64
	maxGlue   = 128
)

// referral is a delegation as a message shows it.
type referral struct {
	zone string
	ns   []string
	glue []glueAddr // in the bailiwick of the zone that was asked
	ttl  uint32     // of the NS records, the smallest
}

type glueAddr struct {
	host string
	addr netip.Addr
}

// reading is what a message says beyond the ServerAnswer.
type reading struct {
	// referral is set when the message delegates downwards, and when it is
	// the authoritative NS set of a zone below the one asked (both zones on
	// one server).
	referral *referral
	// apex is the zone whose NS set came along with the answer; "" if none.
	apex string
	// signer is the zone that signs the records of the answer, as it says; ""
	// if none is named.
	signer string
}

// interpret fills a with what m means as the answer of a server of zone to q.
// Only records about q.name, the zone itself and delegations on the way to
// q.name are looked at; all others could be forged and are ignored. With
// recursive set the server is a recursive one, of no zone.
func interpret(a *ServerAnswer, m *message, zone string, q *question, recursive bool) (r reading) {
	a.RCode, a.Authority, a.EDE = m.rcode, m.aa, m.ede
	switch m.rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
	case dns.RcodeRefused, dns.RcodeNotAuth:
		a.Status, a.Err = StatusRefused, &ServerError{m.rcode, m.ede}
		return r
	case dns.RcodeServerFailure:
		a.Status, a.Err = StatusServFail, &ServerError{m.rcode, m.ede}
		return r
	default:
		a.Status, a.Err = StatusMalformed, rcodeError(m.rcode)
		return r
	}

	data, alias, err := m.find(zone, q)
	if err != nil {
		a.Status, a.Err = StatusMalformed, err
		return r
	}
	switch {
	case recursive && !m.ra && !m.aa:
		a.Status, a.Err = StatusLame, fmt.Errorf("server does not recurse")
		return r
	case !recursive && !m.aa:
		if len(data) == 0 && len(alias) == 0 && m.rcode == dns.RcodeSuccess {
			r.referral = m.delegation(zone, q)
		}
		if r.referral == nil {
			a.Status, a.Err = StatusLame, fmt.Errorf("no authority for %s", shown(zone))
			return r
		}
		a.Status, a.Kind, a.Records = StatusOK, KindReferral, m.nsRecords(r.referral.zone)
		return r
	}

	switch {
	case len(alias) > 0:
		a.Kind, a.Records = KindAlias, alias
	case len(data) > 0 && m.rcode != dns.RcodeSuccess:
		a.Status, a.Err = StatusMalformed, fmt.Errorf("%w: records and %w", errMessage, rcodeError(m.rcode))
		return r
	case len(data) > 0:
		a.Kind, a.Records = KindData, data
	case m.rcode == dns.RcodeNameError:
		a.Kind = KindNXDomain
	case m.rcode == dns.RcodeYXDomain:
		a.Status, a.Err = StatusMalformed, fmt.Errorf("%w: %w without DNAME", errMessage, rcodeError(m.rcode))
		return r
	default:
		a.Kind = KindNoData
	}
	a.Status = StatusOK

	negative := a.Kind == KindNoData || a.Kind == KindNXDomain
	if soa := m.soa(q); soa != nil && (negative || q.qtype == dns.TypeSOA) {
		a.SOA = soa
		if negative && !recursive && !within(soa.Zone, zone) {
			a.Status, a.Kind = StatusLame, ""
			a.Err = fmt.Errorf("answers for %s instead of %s", shown(soa.Zone), shown(zone))
			return r
		}
	} else if a.Kind == KindNoData && !recursive {
		// Some servers set AA on a referral.
		if r.referral = m.delegation(zone, q); r.referral != nil {
			a.Kind, a.Records = KindReferral, m.nsRecords(r.referral.zone)
			return r
		}
	}
	if recursive {
		return r
	}
	if a.Kind == KindData && q.qtype == dns.TypeNS && q.name != zone {
		r.referral = m.delegationFrom(m.answer, zone, q.name)
	}
	r.apex, a.ChildNSSeen = m.apexNS(zone, q)
	if a.Kind == KindData || a.Kind == KindAlias {
		r.signer = m.signer(a.Records[0].Name, zone)
	}
	return r
}

// signer is the zone in the signatures of what the answer says about owner.
func (m *message) signer(owner, zone string) string {
	for _, rr := range m.answer {
		if sig, ok := rr.(*dns.RRSIG); ok && fold(sig.Hdr.Name) == owner {
			if signer := fold(sig.SignerName); within(owner, signer) && within(signer, zone) {
				return signer
			}
		}
	}
	return ""
}

// find picks the records that answer q: of the type at the name, or the alias
// that stands there. The rest of a chain in the answer section is not taken
// from this server: each zone speaks for itself.
func (m *message) find(zone string, q *question) (data, alias []Record, err error) {
	var dname *Record
	for _, rr := range m.answer {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			continue
		}
		wanted := h.Rrtype == q.qtype
		if !wanted && h.Rrtype != dns.TypeCNAME && h.Rrtype != dns.TypeDNAME {
			continue
		}
		owner := fold(h.Name)
		switch {
		case owner == q.name && (wanted || h.Rrtype == dns.TypeCNAME):
			rec, err := newRecord(rr)
			if err != nil {
				return nil, nil, err
			}
			if wanted {
				data = append(data, rec)
			} else {
				alias = append(alias, rec)
			}
		case h.Rrtype == dns.TypeDNAME && below(q.name, owner) && within(owner, zone):
			rec, err := newRecord(rr)
			if err != nil {
				return nil, nil, err
			}
			if dname != nil && compareRecords(*dname, rec) != 0 {
				return nil, nil, fmt.Errorf("%w: several DNAME records", errMessage)
			}
			dname = &rec
		}
	}
	data, alias = canonical(data), canonical(alias)
	if dname != nil {
		if q.qtype == dns.TypeCNAME {
			data, alias = nil, data // the CNAME is a synthesized one
		}
		alias, err = synthesized(*dname, alias, q)
		return data, alias, err
	}
	if q.qtype == dns.TypeCNAME {
		alias = nil
	}
	if len(data) > 0 {
		return data, nil, nil
	}
	if len(alias) > 1 {
		return nil, nil, fmt.Errorf("%w: several CNAME records at one name", errMessage)
	}
	return nil, alias, nil
}

// synthesized checks the CNAME that comes with a DNAME against RFC 6672
// section 2.2 and returns both; a missing CNAME is made here.
func synthesized(dname Record, cnames []Record, q *question) ([]Record, error) {
	prefix := q.name[:len(q.name)-len(dname.Name)]
	if dname.Name == "" {
		prefix = q.name + "."
	}
	target, _, err := normalName(prefix + dname.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: DNAME leads to a name that is too long", errMessage)
	}
	switch {
	case len(cnames) == 0:
		cname := Record{Name: q.name, Type: dns.TypeCNAME, TTL: dname.TTL, Target: target}
		cname.Text = fmt.Sprintf("%s.\t%d\tIN\tCNAME\t%s.", q.name, dname.TTL, target)
		return []Record{dname, cname}, nil
	case len(cnames) > 1 || cnames[0].Target != target:
		return nil, fmt.Errorf("%w: CNAME does not follow from the DNAME", errMessage)
	}
	return []Record{dname, cnames[0]}, nil
}

// soa is the start of authority of an enclosing zone, from the authority
// section, or from the answer if it was asked for.
func (m *message) soa(q *question) *SOA {
	for _, section := range [][]dns.RR{m.answer, m.authority} {
		for _, rr := range section {
			if rr.Header().Rrtype != dns.TypeSOA || rr.Header().Class != dns.ClassINET {
				continue
			}
			if soa, ok := newSOA(rr); ok && within(q.name, soa.Zone) {
				return soa
			}
		}
	}
	return nil
}

// delegation is the referral in the authority section to a zone below the one
// asked, on the way to the name.
func (m *message) delegation(zone string, q *question) *referral {
	for _, rr := range m.authority {
		if rr.Header().Rrtype != dns.TypeNS {
			continue
		}
		if child := fold(rr.Header().Name); below(child, zone) && within(q.name, child) {
			return m.delegationFrom(m.authority, zone, child)
		}
	}
	return nil
}

// delegationFrom collects the NS set of child in a section, with the addresses
// that the servers of zone may speak for.
func (m *message) delegationFrom(section []dns.RR, zone, child string) *referral {
	r := &referral{zone: child, ttl: ^uint32(0)}
	for _, rr := range section {
		ns, ok := rr.(*dns.NS)
		if !ok || ns.Hdr.Rdlength == 0 || ns.Hdr.Class != dns.ClassINET || fold(ns.Hdr.Name) != child {
			continue
		}
		host := fold(ns.Ns)
		if len(r.ns) < maxNSRead && !contains(r.ns, host) {
			r.ns = append(r.ns, host)
		}
		r.ttl = min(r.ttl, ttl(&ns.Hdr))
	}
	if len(r.ns) == 0 {
		return nil
	}
	for _, rr := range m.extra {
		h := rr.Header()
		if h.Class != dns.ClassINET || h.Rdlength == 0 || len(r.glue) >= maxGlue {
			continue
		}
		var addr netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			addr, _ = netip.AddrFromSlice(rr.A)
			addr = addr.Unmap()
		case *dns.AAAA:
			addr, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if host := fold(h.Name); addr.IsValid() && within(host, zone) && contains(r.ns, host) {
			r.glue = append(r.glue, glueAddr{host, addr})
		}
	}
	return r
}

// apexNS is the NS set that came along with an answer, if it is that of the
// zone asked, or of one between it and the name.
func (m *message) apexNS(zone string, q *question) (apex string, hosts []string) {
	for _, section := range [][]dns.RR{m.answer, m.authority} {
		for _, rr := range section {
			ns, ok := rr.(*dns.NS)
			if !ok || ns.Hdr.Rdlength == 0 || ns.Hdr.Class != dns.ClassINET {
				continue
			}
			owner := fold(ns.Hdr.Name)
			if !within(q.name, owner) || !within(owner, zone) || len(hosts) > 0 && owner != apex {
				continue
			}
			if host := fold(ns.Ns); len(hosts) < maxNSRead && !contains(hosts, host) {
				apex, hosts = owner, append(hosts, host)
			}
		}
	}
	return apex, hosts
}

func (m *message) nsRecords(zone string) []Record {
	var out []Record
	for _, rr := range m.authority {
		if h := rr.Header(); h.Rrtype == dns.TypeNS && h.Class == dns.ClassINET && fold(h.Name) == zone && len(out) < maxNSRead {
			if rec, err := newRecord(rr); err == nil {
				out = append(out, rec)
			}
		}
	}
	return canonical(out)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// ServerError is a failure that a server itself reported.
type ServerError struct {
	RCode int
	EDE   string // RFC 8914 text, escaped, if any
}

func (e *ServerError) Error() string { return rcodeError(e.RCode).Error() }

func rcodeError(rcode int) error {
	name, ok := dns.RcodeToString[rcode]
	if !ok {
		name = fmt.Sprintf("RCODE %d", rcode)
	}
	return fmt.Errorf("server answers %s", name)
}
