package testnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// rrType is the number of a type mnemonic; TYPE123 works too.
func rrType(name string) (uint16, error) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if t, ok := dns.StringToType[name]; ok {
		return t, nil
	}
	var n uint16
	if _, err := fmt.Sscanf(name, "TYPE%d", &n); err == nil && n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("unknown record type %q", name)
}

// absolute completes a name as a master file does (RFC 1035 section 5.1).
func absolute(name string, origin wireName) (wireName, error) {
	switch {
	case name == "@" || name == "":
		return origin, nil
	case dns.IsFqdn(name):
		return toWire(name)
	}
	o := origin.String()
	if o == "." {
		return toWire(name + ".")
	}
	return toWire(name + "." + o)
}

// parseRRs makes the records that values describe. TXT makes one record of
// all values, every other type one record of each.
func parseRRs(owner wireName, rtype uint16, origin wireName, values []string) ([]dns.RR, error) {
	hdr := dns.RR_Header{Name: owner.String(), Rrtype: rtype, Class: dns.ClassINET}
	if rtype == dns.TypeTXT {
		if len(values) == 0 {
			return nil, nil
		}
		return []dns.RR{&dns.TXT{Hdr: hdr, Txt: txtStrings(values)}}, nil
	}
	var rrs []dns.RR
	for _, v := range values {
		rr, err := parseRR(hdr, origin, v)
		if err != nil {
			return nil, fmt.Errorf("%s %s %q: %w", trimDot(hdr.Name), dns.TypeToString[rtype], v, err)
		}
		rrs = append(rrs, rr)
	}
	return rrs, nil
}

func parseRR(hdr dns.RR_Header, origin wireName, value string) (dns.RR, error) {
	switch hdr.Rrtype {
	case dns.TypeA, dns.TypeAAAA:
		a, err := netip.ParseAddr(value)
		if err != nil {
			return nil, err
		}
		return addrRR(hdr, a)
	case dns.TypeCNAME, dns.TypeNS, dns.TypeDNAME, dns.TypePTR:
		w, err := absolute(value, origin)
		if err != nil {
			return nil, err
		}
		return nameRR(hdr, w.String()), nil
	}
	zp := dns.NewZoneParser(strings.NewReader(". 0 IN "+dns.Type(hdr.Rrtype).String()+" "+value+"\n"), origin.String(), "")
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil {
		return nil, err
	}
	if !ok || rr == nil {
		return nil, errors.New("no record")
	}
	if _, more := zp.Next(); more {
		return nil, errors.New("more than one record")
	}
	h := rr.Header()
	hdr.Rdlength = h.Rdlength
	*h = hdr
	if _, err := dns.PackRR(rr, make([]byte, dns.MaxMsgSize), 0, nil, false); err != nil {
		return nil, err
	}
	return rr, nil
}

func addrRR(hdr dns.RR_Header, a netip.Addr) (dns.RR, error) {
	if hdr.Rrtype == dns.TypeA {
		if !a.Is4() {
			return nil, errors.New("not an IPv4 address")
		}
		return &dns.A{Hdr: hdr, A: net.IP(a.AsSlice())}, nil
	}
	if !a.Is6() || a.Zone() != "" {
		return nil, errors.New("not an IPv6 address")
	}
	return &dns.AAAA{Hdr: hdr, AAAA: net.IP(a.AsSlice())}, nil
}

// addressRR is the A or AAAA record of a.
func addressRR(owner wireName, a netip.Addr) dns.RR {
	hdr := dns.RR_Header{Name: owner.String(), Rrtype: dns.TypeA, Class: dns.ClassINET}
	if a.Is6() {
		hdr.Rrtype = dns.TypeAAAA
	}
	rr, _ := addrRR(hdr, a)
	return rr
}

func nameRR(hdr dns.RR_Header, target string) dns.RR {
	switch hdr.Rrtype {
	case dns.TypeCNAME:
		return &dns.CNAME{Hdr: hdr, Target: target}
	case dns.TypeNS:
		return &dns.NS{Hdr: hdr, Ns: target}
	case dns.TypeDNAME:
		return &dns.DNAME{Hdr: hdr, Target: target}
	default:
		return &dns.PTR{Hdr: hdr, Ptr: target}
	}
}

// txtStrings escapes raw text as miekg/dns wants it and splits what is longer
// than a character-string.
func txtStrings(values []string) []string {
	var out []string
	for _, v := range values {
		for len(v) > 255 {
			out = append(out, txtEscape(v[:255]))
			v = v[255:]
		}
		out = append(out, txtEscape(v))
	}
	return out
}

// txtEscape guards the one octet that is special in dns.TXT.
func txtEscape(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

func txtUnescape(s string) string { return strings.ReplaceAll(s, `\\`, `\`) }

// rdata is the value of a record as Add takes it: raw text for TXT,
// presentation form for the rest.
func rdata(rr dns.RR) []string {
	if t, ok := rr.(*dns.TXT); ok {
		out := make([]string, len(t.Txt))
		for i, s := range t.Txt {
			out[i] = txtUnescape(s)
		}
		return out
	}
	return []string{strings.TrimPrefix(rr.String(), rr.Header().String())}
}
