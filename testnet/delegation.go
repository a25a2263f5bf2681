package testnet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// NS is a name server as a parent names it.
type NS struct {
	Name string // absolute
	// Addrs is the glue. Without any, the addresses of the server of that
	// name in the network are used, if it has one.
	Addrs []string
}

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
	v.put(rrKey{c.apex, dns.TypeDS}, c.dsRecords(), z.ttl)
}
