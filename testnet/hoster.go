package testnet

import "fmt"

// Hoster is a pair of name servers that serve the zones of many customers.
type Hoster struct {
	net   *Network
	zone  *Zone
	boxes []*box
}

// Hoster returns the DNS hoster of that domain, making it on first use. Its
// servers are ns1 and ns2 of the domain.
func (n *Network) Hoster(name string) *Hoster {
	z := n.Zone(name)
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosters[z.apex]
	if h == nil {
		h = &Hoster{net: n, zone: z}
		for _, s := range z.servers {
			h.boxes = append(h.boxes, s.box)
		}
		n.hosters[z.apex] = h
	}
	return h
}

// Zone is the hoster's own zone.
func (h *Hoster) Zone() *Zone { return h.zone }

// Undelegated makes the hoster answer for a zone that no parent delegates to
// it: the account that a domain left, or never reached.
func (h *Hoster) Undelegated(name string) *Zone {
	w, err := toWire(name)
	if err != nil {
		panic(fmt.Sprintf("testnet: %v", err))
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if s := h.boxes[0].zone(w); s != nil {
		return s.zone
	}
	z := h.net.newZone(w)
	z.hoster = h
	z.serveOn(h.boxes)
	h.net.loose = append(h.net.loose, z)
	return z
}

// NSNames are the names of the hoster's servers, as Delegate takes them.
func (h *Hoster) NSNames() []NS {
	var out []NS
	for _, b := range h.boxes {
		out = append(out, NS{Name: b.name.String()})
	}
	return out
}
