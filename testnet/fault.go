package testnet

import (
	"net"
	"time"

	"github.com/miekg/dns"
)

// Fault is one misbehaviour of a name server.
type Fault string

const (
	FaultNone        Fault = ""
	FaultTimeout     Fault = "timeout"
	FaultUnreachable Fault = "unreachable" // its ports are closed; hits every zone on the same server
	FaultRefused     Fault = "refused"
	FaultServFail    Fault = "servfail"
	FaultNotAuth     Fault = "notauth"
	FaultLame        Fault = "lame"   // answers without AA, refers upwards
	FaultNoAA        Fault = "no_aa"  // the right answer without AA, as a cache gives it
	FaultUpward      Fault = "upward" // refers to the root whatever the question
	FaultTruncateUDP Fault = "truncate_udp"
	FaultDropTCP     Fault = "drop_tcp"
	FaultRefuseTCP   Fault = "refuse_tcp" // resets TCP connections
	FaultDropUDP     Fault = "drop_udp"
	FaultDropEDNS    Fault = "drop_edns"    // no answer to queries with EDNS
	FaultFormErrEDNS Fault = "formerr_edns" // FORMERR to queries with EDNS
	FaultLowerCase   Fault = "lower_case"   // echoes the name in lower case
	FaultWrongID     Fault = "wrong_id"     // right answer under a wrong id
	FaultWrongName   Fault = "wrong_name"   // answers another question
	FaultGarbage     Fault = "garbage"      // not a DNS message
	FaultOutOfZone   Fault = "out_of_zone"  // adds forged records of other zones
	FaultSpoofFlood  Fault = "spoof_flood"  // many wrong answers before the right one
	FaultQNAMEMin    Fault = "qname_min"    // NXDOMAIN for empty non-terminals
	FaultNoSOA       Fault = "no_soa"       // negative answers without SOA
)

// faultState is what a server does wrong now. It is replaced as a whole.
type faultState struct {
	fault Fault
	delay time.Duration
	ede   *ede
}

func (st *faultState) is(f Fault) bool { return st != nil && st.fault == f }

func (s *NameServer) setFault(change func(*faultState)) {
	for {
		old := s.fault.Load()
		next := faultState{}
		if old != nil {
			next = *old
		}
		change(&next)
		if s.fault.CompareAndSwap(old, &next) {
			if old.is(FaultUnreachable) {
				s.box.down.Add(-1)
			}
			if next.is(FaultUnreachable) {
				s.box.down.Add(1)
			}
			return
		}
	}
}

// Fault makes this server misbehave for this zone until called with FaultNone.
func (s *NameServer) Fault(f Fault) {
	if f == FaultUnreachable {
		s.zone.net.needsRoute("unreachable servers")
	}
	s.setFault(func(st *faultState) { st.fault = f })
}

// Delay makes every answer of this server for this zone late. 0 ends it.
func (s *NameServer) Delay(d time.Duration) { s.setFault(func(st *faultState) { st.delay = d }) }

// EDE adds an extended DNS error (RFC 8914) to every answer of this server
// for this zone that carries EDNS. Code 0 with an empty text ends it.
func (s *NameServer) EDE(code uint16, text string) {
	s.setFault(func(st *faultState) {
		st.ede = nil
		if code != 0 || text != "" {
			st.ede = &ede{code, text}
		}
	})
}

// rootServers are the names that a lame server refers to.
var rootServers = []string{"a.root-servers.", "b.root-servers."}

// Forged is the text of TXT records that only attacks contain, and the first
// label of forged targets. ForgedAddr is the address they carry.
const (
	Forged     = "forged"
	ForgedAddr = "45.255.66.66"
)

func forgedHdr(name string, t uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: t, Class: dns.ClassINET, Ttl: 86400}
}

// forgedOutOfZone are the records of FaultOutOfZone: name servers for zones
// above, and addresses of names that the server has no say about.
func forgedOutOfZone() (authority, extra []dns.RR) {
	for _, zone := range []string{".", "com."} {
		authority = append(authority, &dns.NS{Hdr: forgedHdr(zone, dns.TypeNS), Ns: "forged.evil.test."})
	}
	for _, name := range append([]string{"forged.evil.test.", "www.victim.com."}, rootServers...) {
		extra = append(extra, &dns.A{Hdr: forgedHdr(name, dns.TypeA), A: net.ParseIP(ForgedAddr)})
	}
	return authority, extra
}

// forgedAnswer is what a spoofer says to a question.
func forgedAnswer(name wireName, qtype uint16) *reply {
	hdr := forgedHdr(name.String(), qtype)
	r := &reply{aa: true}
	switch qtype {
	case dns.TypeTXT:
		r.answer = []dns.RR{&dns.TXT{Hdr: hdr, Txt: []string{Forged}}}
	case dns.TypeA:
		r.answer = []dns.RR{&dns.A{Hdr: hdr, A: net.ParseIP(ForgedAddr)}}
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR:
		r.answer = []dns.RR{nameRR(hdr, "forged.evil.test.")}
	default:
		r.rcode = dns.RcodeNameError
	}
	return r
}
