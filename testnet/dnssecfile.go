package testnet

import (
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// MasterFile is the zone as its servers without differences have it now, with
// its delegations, signatures and proofs, as a master file for another name
// server. Sequences are not in it.
func (z *Zone) MasterFile() string {
	v := z.wholeView()
	var b strings.Builder
	put := func(rrs []dns.RR) {
		for _, rr := range rrs {
			b.WriteString(rr.String() + "\n")
		}
	}
	s := v.signed
	if s != nil && s.fault == SignFaultStripped {
		s = nil
	}
	set := func(rrs []dns.RR) {
		put(rrs)
		if s != nil {
			put(s.signatures(rrs))
		}
	}
	names := slices.SortedFunc(maps.Keys(v.nodes), func(a, b wireName) int {
		return strings.Compare(canonicalKey(a), canonicalKey(b))
	})
	for _, name := range names {
		sets := v.nodes[name].sets
		// The SOA record comes first in a master file.
		set(sets[dns.TypeSOA])
		for _, t := range slices.Sorted(maps.Keys(sets)) {
			if t != dns.TypeSOA {
				set(sets[t])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.glue)) {
		if v.nodes[name] == nil {
			put(v.glue[name])
		}
	}
	if s != nil && s.fault != SignFaultNoDenial {
		c := s.theChain()
		for i := range c.names {
			set([]dns.RR{c.record(i)})
		}
	}
	return b.String()
}

// wholeView is the view of the servers without differences.
func (z *Zone) wholeView() *view {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	v := z.base.Load()
	if v == nil {
		v = z.build(nil)
		z.base.Store(v)
	}
	return v
}
