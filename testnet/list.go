package testnet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Record is one published record, for lists and editors.
type Record struct {
	Name   string   // full, without the final dot; Add takes it with one
	Type   string   // mnemonic
	TTL    uint32   // seconds
	Value  string   // presentation form; for TXT the raw strings, joined
	Values []string // as Add takes them: several only for TXT
	Server string   // name of the only server that holds it; "": all
}

// Zones lists all zones by name, with those that no parent delegates to.
func (n *Network) Zones() []*Zone {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := append(slices.Collect(maps.Values(n.zones)), n.loose...)
	slices.SortStableFunc(out, func(a, b *Zone) int { return cmp.Compare(a.Name(), b.Name()) })
	return out
}

// Hosts lists all web hosts by name.
func (n *Network) Hosts() []*Host {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.SortedFunc(maps.Values(n.hosts), func(a, b *Host) int { return cmp.Compare(a.name, b.name) })
}

// Parent is the zone that delegates to this one; nil for the root and for
// zones made with Undelegated.
func (z *Zone) Parent() *Zone {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	return z.parent
}

// Records lists what Add put into the zone and what single servers hold
// instead, by name and type. A record that one server lacks is listed as held
// by the others only through that server's Only.
func (z *Zone) Records() []Record {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	var out []Record
	for k, rrs := range z.data {
		out = append(out, z.list(k, rrs, "")...)
	}
	for k, q := range z.seqs {
		for _, set := range q.sets {
			out = append(out, z.list(k, set, "")...)
		}
	}
	for _, s := range z.servers {
		for k, rrs := range s.only {
			out = append(out, z.list(k, rrs, s.Name())...)
		}
	}
	slices.SortStableFunc(out, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Server, b.Server))
	})
	return out
}

func (z *Zone) list(k rrKey, rrs []dns.RR, server string) []Record {
	out := make([]Record, len(rrs))
	for i, rr := range rrs {
		ttl := rr.Header().Ttl
		if ttl == 0 {
			ttl = z.ttl
		}
		values := rdata(rr)
		out[i] = Record{
			Name: trimDot(k.name.String()), Type: dns.Type(k.rtype).String(), TTL: ttl,
			Value: strings.Join(values, ""), Values: values, Server: server,
		}
	}
	return out
}

// RemoveRecord deletes the one record with these values, as Records shows
// them, from all servers that share the zone's data. It reports whether there
// was one.
func (z *Zone) RemoveRecord(name, rtype string, values ...string) (bool, error) {
	key, want, err := z.parse(name, rtype, values)
	if err != nil {
		return false, err
	}
	if len(want) != 1 {
		return false, fmt.Errorf("%d records to remove, want 1", len(want))
	}
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	i := slices.IndexFunc(z.data[key], func(rr dns.RR) bool { return slices.Equal(rdata(rr), rdata(want[0])) })
	if i < 0 {
		return false, nil
	}
	left := slices.Concat(z.data[key][:i], z.data[key][i+1:])
	if len(left) == 0 {
		delete(z.data, key)
	} else {
		z.data[key] = left
	}
	z.changed()
	return true, nil
}
