package testnet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/miekg/dns"
)

// NameServer is one server of one zone.
type NameServer struct {
	zone *Zone
	box  *box

	// Guarded by net.mu.
	only   map[rrKey][]dns.RR // overrides; empty slice: nothing there
	serial uint32             // 0: the zone's

	own   atomic.Pointer[view]
	fault atomic.Pointer[faultState]
}

// Name of the server, without the final dot.
func (s *NameServer) Name() string { return trimDot(s.box.name.String()) }

// AddIPv6 gives the server an IPv6 address, with its AAAA record and glue, and
// returns it. A server that has one already keeps it.
func (s *NameServer) AddIPv6() netip.AddrPort {
	n := s.zone.net
	n.needsRoute("IPv6")
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range s.box.addrs {
		if a.Is6() {
			return netip.AddrPortFrom(a, n.ports.DNS)
		}
	}
	a := n.dnsAddr6()
	if err := s.box.addAddress(a); err != nil {
		panic(fmt.Sprintf("testnet: adding an address to %s: %v", s.Name(), err))
	}
	home := n.enclosing(s.box.name)
	rr := addressRR(s.box.name, a)
	key := rrKey{s.box.name, rr.Header().Rrtype}
	home.data[key] = append(slices.Clip(home.data[key]), rr)
	for _, z := range n.zones { // glue may stand in any zone
		z.drop()
	}
	return netip.AddrPortFrom(a, n.ports.DNS)
}

// Zone that this server serves.
func (s *NameServer) Zone() *Zone { return s.zone }

// Only replaces what this server alone holds at name and type. Values are as
// in Add; without any, this server holds nothing there.
func (s *NameServer) Only(name, rtype string, values ...string) {
	key, rrs, err := s.zone.parse(name, rtype, values)
	if err != nil {
		panic(fmt.Sprintf("testnet: %s: %v", s.Name(), err))
	}
	s.zone.net.mu.Lock()
	defer s.zone.net.mu.Unlock()
	if s.only == nil {
		s.only = make(map[rrKey][]dns.RR)
	}
	s.only[key] = rrs
	s.zone.changed()
}

// AddOnly adds a record to what this server alone holds at name and type.
func (s *NameServer) AddOnly(name, rtype string, value ...string) {
	if err := s.AddOnlyRecord(name, rtype, value...); err != nil {
		panic(fmt.Sprintf("testnet: %s: %v", s.Name(), err))
	}
}

// AddOnlyRecord is AddOnly with an error instead of a panic.
func (s *NameServer) AddOnlyRecord(name, rtype string, value ...string) error {
	key, rrs, err := s.zone.parse(name, rtype, value)
	if err != nil {
		return err
	}
	s.zone.net.mu.Lock()
	defer s.zone.net.mu.Unlock()
	if s.only == nil {
		s.only = make(map[rrKey][]dns.RR)
	}
	if _, ok := s.only[key]; !ok {
		s.only[key] = slices.Clone(s.zone.data[key])
	}
	s.only[key] = append(s.only[key], rrs...)
	s.zone.changed()
	return nil
}

// Same ends all differences of this server.
func (s *NameServer) Same() {
	s.zone.net.mu.Lock()
	defer s.zone.net.mu.Unlock()
	s.only, s.serial = nil, 0
	s.zone.changed()
}

// SetSerial makes this server show another SOA serial, as a secondary does
// that lags behind. 0: the zone's.
func (s *NameServer) SetSerial(serial uint32) {
	s.zone.net.mu.Lock()
	defer s.zone.net.mu.Unlock()
	s.serial = serial
	s.zone.drop()
}

// Addr is the server's first public address, with the port.
func (s *NameServer) Addr() netip.AddrPort { return s.Addrs()[0] }

// Addrs are all public addresses of the server, with the port.
func (s *NameServer) Addrs() []netip.AddrPort {
	n := s.zone.net
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []netip.AddrPort
	for _, a := range s.box.addrs {
		out = append(out, netip.AddrPortFrom(a, n.ports.DNS))
	}
	return out
}
