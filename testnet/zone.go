package testnet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Zone is a delegated zone. Names given to its methods are relative; "@" is
// the apex; a name that ends in "." is absolute (and may be out of zone).
// Host names inside values follow the same rule, as in a master file.
// Methods panic on names, types and values that cannot be put on the wire;
// AddRecord returns an error instead.
type Zone struct {
	net     *Network
	apex    wireName
	parent  *Zone // nil for the root and for zones nobody delegates to
	servers []*NameServer
	hoster  *Hoster

	// Guarded by net.mu.
	data     map[rrKey][]dns.RR
	seqs     map[rrKey]*sequence
	children map[wireName]*Zone
	deleg    []NS // what the parent says; nil: the zone's own servers
	noDeleg  bool
	noGlue   bool
	ttl      uint32
	minimum  uint32
	serial   uint32

	base atomic.Pointer[view] // of the servers without differences
}

// NS is a name server as a parent names it.
type NS struct {
	Name string // absolute
	// Addrs is the glue. Without any, the addresses of the server of that
	// name in the network are used, if it has one.
	Addrs []string
}

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

// Name of the zone, without the final dot.
func (z *Zone) Name() string { return trimDot(z.apex.String()) }

// Add publishes a record on every server: Add("_x", "TXT", "token=…").
// TXT takes the raw text of one string; several values, several strings.
// Every other type takes its presentation form, one record for each value.
func (z *Zone) Add(name, rtype string, value ...string) *Zone {
	if err := z.AddRecord(name, rtype, 0, value...); err != nil {
		panic(fmt.Sprintf("testnet: adding to %s: %v", z.Name(), err))
	}
	return z
}

// AddRecord is Add with a TTL in seconds (0: the zone's) and an error.
func (z *Zone) AddRecord(name, rtype string, ttl uint32, value ...string) error {
	key, rrs, err := z.parse(name, rtype, value)
	if err != nil {
		return err
	}
	for _, rr := range rrs {
		rr.Header().Ttl = ttl
	}
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	if key.rtype == dns.TypeSOA || key.rtype == dns.TypeCNAME {
		z.data[key] = nil // singletons
	}
	z.data[key] = append(slices.Clip(z.data[key]), rrs...)
	delete(z.seqs, key)
	z.changed()
	return nil
}

// Remove deletes all records of that name and type ("" all types).
func (z *Zone) Remove(name, rtype string) *Zone {
	owner, err := absolute(name, z.apex)
	if err != nil {
		panic(fmt.Sprintf("testnet: removing from %s: %v", z.Name(), err))
	}
	var t uint16
	if rtype != "" {
		if t, err = rrType(rtype); err != nil {
			panic(fmt.Sprintf("testnet: removing from %s: %v", z.Name(), err))
		}
	}
	gone := func(k rrKey) bool { return k.name == owner && (t == 0 || k.rtype == t) }
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	maps.DeleteFunc(z.data, func(k rrKey, _ []dns.RR) bool { return gone(k) })
	maps.DeleteFunc(z.seqs, func(k rrKey, _ *sequence) bool { return gone(k) })
	for _, s := range z.servers {
		maps.DeleteFunc(s.only, func(k rrKey, _ []dns.RR) bool { return gone(k) })
	}
	z.changed()
	return z
}

// Sequence makes the RRset change with every question: the first question
// that a server gets is answered with the first set, and so on; the last set
// stays. Each server counts for itself.
func (z *Zone) Sequence(name, rtype string, sets [][]string) *Zone {
	q := &sequence{next: make(map[*NameServer]int)}
	var key rrKey
	for _, set := range sets {
		k, rrs, err := z.parse(name, rtype, set)
		if err != nil {
			panic(fmt.Sprintf("testnet: sequence in %s: %v", z.Name(), err))
		}
		key = k
		q.sets = append(q.sets, rrs)
	}
	if len(q.sets) == 0 {
		return z
	}
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	for _, set := range q.sets {
		for _, rr := range set {
			rr.Header().Ttl = z.ttl
		}
	}
	delete(z.data, key)
	z.seqs[key] = q
	z.changed()
	return z
}

// SetTTL sets the TTL, in seconds, of every record without one of its own.
func (z *Zone) SetTTL(seconds uint32) *Zone {
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.ttl = seconds
	z.changed()
	return z
}

// SetSOAMinimum sets how many seconds a "no" may be cached (RFC 2308).
func (z *Zone) SetSOAMinimum(seconds uint32) *Zone {
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.minimum = seconds
	z.changed()
	return z
}

// Serial is the serial number of the zone; every change raises it by one.
func (z *Zone) Serial() uint32 {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	return z.serial
}

// Servers lists the name servers of the zone.
func (z *Zone) Servers() []*NameServer { return slices.Clone(z.servers) }

// Delegate replaces what the parent says about this zone: its NS records and
// glue. The zone's own NS records stay as they are, so parent and child may
// differ. Without arguments the parent names the zone's servers again.
func (z *Zone) Delegate(ns ...NS) *Zone {
	for _, s := range ns {
		if _, err := s.addrs(); err != nil {
			panic(fmt.Sprintf("testnet: delegating %s: %v", z.Name(), err))
		}
	}
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.deleg, z.noDeleg = slices.Clone(ns), false
	z.parentChanged()
	return z
}

// Undelegate takes the zone out of its parent, as a registry does with a name
// that is not registered: the servers still answer. Delegate undoes it.
func (z *Zone) Undelegate() *Zone {
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.noDeleg = true
	z.parentChanged()
	return z
}

// OmitGlue makes the parent name the servers without their addresses.
func (z *Zone) OmitGlue() *Zone {
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.noGlue = true
	z.parentChanged()
	return z
}

func (ns NS) addrs() ([]dns.RR, error) {
	w, err := toWire(ns.Name)
	if err != nil {
		return nil, err
	}
	var rrs []dns.RR
	for _, a := range ns.Addrs {
		t := dns.TypeAAAA
		if !strings.Contains(a, ":") {
			t = dns.TypeA
		}
		set, err := parseRRs(w, t, rootName, []string{a})
		if err != nil {
			return nil, err
		}
		rrs = append(rrs, set...)
	}
	return rrs, nil
}

func (z *Zone) parse(name, rtype string, values []string) (rrKey, []dns.RR, error) {
	t, err := rrType(rtype)
	if err != nil {
		return rrKey{}, nil, err
	}
	owner, err := absolute(name, z.apex)
	if err != nil {
		return rrKey{}, nil, err
	}
	rrs, err := parseRRs(owner, t, z.apex, values)
	return rrKey{owner, t}, rrs, err
}

// changed drops what was built from the zone's data. Call with net.mu held.
func (z *Zone) changed() {
	z.serial++
	z.drop()
}

func (z *Zone) drop() {
	z.base.Store(nil)
	for _, s := range z.servers {
		s.own.Store(nil)
	}
}

func (z *Zone) parentChanged() {
	if z.parent != nil {
		z.parent.changed()
	}
}

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
		n := v.node(k.name)
		if n.seqs == nil {
			n.seqs = make(map[uint16]*sequence)
		}
		n.seqs[k.rtype] = q
	}
	if _, differs := s.differsAt(soaKey); !differs && len(z.data[soaKey]) == 0 {
		v.put(soaKey, []dns.RR{z.soa(serial)}, z.ttl)
	}
	for _, c := range z.children {
		z.delegateTo(v, c)
	}
	return v
}

func (s *NameServer) differsAt(k rrKey) ([]dns.RR, bool) {
	if s == nil {
		return nil, false
	}
	rrs, ok := s.only[k]
	return rrs, ok
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

// delegateTo puts NS records and glue of a child into a view of the parent.
func (z *Zone) delegateTo(v *view, c *Zone) {
	if c.noDeleg {
		return
	}
	list := c.deleg
	if len(list) == 0 {
		for _, s := range c.servers {
			list = append(list, NS{Name: s.box.name.String()})
		}
	}
	key := rrKey{c.apex, dns.TypeNS}
	hdr := dns.RR_Header{Name: c.apex.String(), Rrtype: dns.TypeNS, Class: dns.ClassINET}
	for _, ns := range list {
		w, err := toWire(ns.Name)
		if err != nil {
			continue // checked by Delegate
		}
		v.put(key, []dns.RR{nameRR(hdr, w.String())}, z.ttl)
		if c.noGlue || !w.within(z.apex) || len(v.glue[w]) > 0 {
			continue
		}
		glue, _ := ns.addrs()
		if len(glue) == 0 {
			if b := z.net.boxes[w]; b != nil {
				for _, a := range b.addrs {
					glue = append(glue, addressRR(w, a))
				}
			}
		}
		for _, rr := range glue {
			rr.Header().Ttl = z.ttl
		}
		v.glue[w] = glue
	}
}

// Name of the server, without the final dot.
func (s *NameServer) Name() string { return trimDot(s.box.name.String()) }

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
	key, rrs, err := s.zone.parse(name, rtype, value)
	if err != nil {
		panic(fmt.Sprintf("testnet: %s: %v", s.Name(), err))
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

// Addr is the server's first public address, with port 53.
func (s *NameServer) Addr() netip.AddrPort { return s.Addrs()[0] }

// Addrs are all public addresses of the server, with port 53.
func (s *NameServer) Addrs() []netip.AddrPort {
	s.zone.net.mu.RLock()
	defer s.zone.net.mu.RUnlock()
	var out []netip.AddrPort
	for _, a := range s.box.addrs {
		out = append(out, netip.AddrPortFrom(a, 53))
	}
	return out
}
