package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// newRecord turns a record as miekg/dns reads it into ours. It refuses what
// that library lets through without content (RDLENGTH 0).
func newRecord(rr dns.RR) (Record, error) {
	h := rr.Header()
	if h.Rdlength == 0 {
		return Record{}, fmt.Errorf("%w: %s record without content", errMessage, dns.Type(h.Rrtype))
	}
	rec := Record{Name: fold(h.Name), Type: h.Rrtype, TTL: ttl(h)}
	// Names may point into the question and so carry its random letter case:
	// it is taken out of the text too.
	h.Name = rec.Name + "."
	target := func(name *string) {
		rec.Target = fold(*name)
		*name = rec.Target + "."
	}
	switch rr := rr.(type) {
	case *dns.TXT:
		rec.Strings = make([]string, len(rr.Txt))
		for i, s := range rr.Txt {
			rec.Strings[i] = unescapeTXT(s)
		}
	case *dns.CNAME:
		target(&rr.Target)
	case *dns.DNAME:
		target(&rr.Target)
	case *dns.NS:
		target(&rr.Ns)
	case *dns.PTR:
		target(&rr.Ptr)
	case *dns.MX:
		target(&rr.Mx)
		rec.Pref = rr.Preference
	case *dns.SOA:
		rr.Ns, rr.Mbox = fold(rr.Ns)+".", fold(rr.Mbox)+"."
	case *dns.A:
		addr, ok := netip.AddrFromSlice(rr.A)
		if !ok {
			return Record{}, fmt.Errorf("%w: bad A record", errMessage)
		}
		rec.Addr = addr.Unmap()
	case *dns.AAAA:
		addr, ok := netip.AddrFromSlice(rr.AAAA)
		if !ok || !addr.Is6() {
			return Record{}, fmt.Errorf("%w: bad AAAA record", errMessage)
		}
		rec.Addr = addr
	}
	rec.Text = rr.String()
	return rec, nil
}

// ttl is the time to live in seconds; one with the top bit set counts as 0
// (RFC 2181 section 8).
func ttl(h *dns.RR_Header) uint32 {
	if h.Ttl > 1<<31-1 {
		return 0
	}
	return h.Ttl
}

// unescapeTXT gives back the raw octets of a character-string that miekg/dns
// has escaped: \DDD is one octet, \X is X.
func unescapeTXT(s string) string {
	first := strings.IndexByte(s, '\\')
	if first < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:first]...)
	for i := first; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if i+3 < len(s) && isDigits(s[i+1:i+4]) {
			if v := int(s[i+1]-'0')*100 + int(s[i+2]-'0')*10 + int(s[i+3]-'0'); v <= 255 {
				b = append(b, byte(v))
				i += 3
				continue
			}
		}
		b = append(b, s[i+1])
		i++
	}
	return string(b)
}

// compareRecords orders records, and finds them equal, by what they say:
// without TTL, and without the letter case of names.
func compareRecords(a, b Record) int {
	if c := cmp.Or(
		cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Pref, b.Pref),
		cmp.Compare(a.Target, b.Target),
		a.Addr.Compare(b.Addr),
		slices.Compare(a.Strings, b.Strings),
	); c != 0 {
		return c
	}
	switch a.Type {
	case dns.TypeTXT, dns.TypeCNAME, dns.TypeDNAME, dns.TypeNS, dns.TypePTR, dns.TypeMX, dns.TypeA, dns.TypeAAAA:
		return 0
	}
	return strings.Compare(rdata(a.Text), rdata(b.Text))
}

// rdata is what follows name, TTL, class and type in presentation form.
func rdata(text string) string {
	for range 4 {
		_, rest, ok := strings.Cut(text, "\t")
		if !ok {
			return text
		}
		text = rest
	}
	return text
}

// canonical sorts records and drops duplicates (RFC 2181 section 5).
func canonical(records []Record) []Record {
	if len(records) < 2 {
		return records
	}
	slices.SortFunc(records, compareRecords)
	return slices.CompactFunc(records, func(a, b Record) bool { return compareRecords(a, b) == 0 })
}

func equalRecords(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(x, y Record) bool { return compareRecords(x, y) == 0 })
}

// newSOA reads a SOA record; ok is false if it has no content.
func newSOA(rr dns.RR) (*SOA, bool) {
	soa, ok := rr.(*dns.SOA)
	if !ok || soa.Hdr.Rdlength == 0 {
		return nil, false
	}
	return &SOA{
		Zone: fold(soa.Hdr.Name), MName: fold(soa.Ns), RName: fold(soa.Mbox),
		Serial: soa.Serial, TTL: ttl(&soa.Hdr), Minimum: soa.Minttl,
	}, true
}
