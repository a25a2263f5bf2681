package testnet

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Zone is a delegated zone. Names given to its methods are relative; "@" is
// the apex; a name that ends in "." is absolute (and may be out of zone).
// Host names inside values follow the same rule, as in a master file.
// Methods panic on names, types and values that cannot be put on the wire;
// AddRecord and RemoveRecords return an error instead.
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
	signing  *signing // nil: not signed
	dsSet    []dns.RR // what the parent shows; nil: the DS of the keys

	base atomic.Pointer[view] // of the servers without differences
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
	if err := z.RemoveRecords(name, rtype); err != nil {
		panic(fmt.Sprintf("testnet: removing from %s: %v", z.Name(), err))
	}
	return z
}

// RemoveRecords is Remove with an error for what is no name or type.
func (z *Zone) RemoveRecords(name, rtype string) error {
	owner, err := absolute(name, z.apex)
	if err != nil {
		return err
	}
	var t uint16
	if rtype != "" {
		if t, err = rrType(rtype); err != nil {
			return err
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
	return nil
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
func (z *Zone) Servers() []*NameServer {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	return slices.Clone(z.servers)
}

// AddServer starts one more name server, ns3 and so on, with an NS record and
// glue. At a hoster it is a server of this zone alone.
func (z *Zone) AddServer() *NameServer {
	n := z.net
	n.mu.Lock()
	defer n.mu.Unlock()
	b, err := n.newBox(z.apex.child(fmt.Sprintf("ns%d", len(z.servers)+1)))
	if err != nil {
		panic(fmt.Sprintf("testnet: adding a server to %s: %v", z.Name(), err))
	}
	z.serveOn([]*box{b})
	z.changed()
	if z.parent != nil {
		z.parent.changed()
	}
	return z.servers[len(z.servers)-1]
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
