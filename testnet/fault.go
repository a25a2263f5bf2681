package testnet

import (
	"time"

	"github.com/miekg/dns"
)

// Fault is one misbehaviour of a name server.
type Fault string

const (
	FaultNone        Fault = ""
	FaultTimeout     Fault = "timeout"
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

func (s *NameServer) setFault(change func(*faultState)) {
	for {
		old := s.fault.Load()
		next := faultState{}
		if old != nil {
			next = *old
		}
		change(&next)
		if s.fault.CompareAndSwap(old, &next) {
			return
		}
	}
}

// Fault makes this server misbehave for this zone until called with FaultNone.
func (s *NameServer) Fault(f Fault) { s.setFault(func(st *faultState) { st.fault = f }) }

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

// forged are the records of FaultOutOfZone: an address of a name that the
// server has no say about, and name servers for the root.
func forged() (authority, extra []dns.RR) {
	hdr := func(name string, t uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: t, Class: dns.ClassINET, Ttl: 86400}
	}
	authority = []dns.RR{
		&dns.NS{Hdr: hdr(".", dns.TypeNS), Ns: "ns.evil.example."},
		&dns.NS{Hdr: hdr("com.", dns.TypeNS), Ns: "ns.evil.example."},
	}
	evil := []byte{45, 66, 66, 66}
	for _, name := range []string{"ns.evil.example.", "a.root-servers.", "www.victim.com."} {
		extra = append(extra, &dns.A{Hdr: hdr(name, dns.TypeA), A: evil})
	}
	return authority, extra
}
