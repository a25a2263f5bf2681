package testnet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

// Network is the fake internet. All methods are safe for concurrent use, also
// while queries run.
type Network struct {
	mu      sync.RWMutex
	zones   map[wireName]*Zone
	under   map[wireName]int // zones below a name
	boxes   map[wireName]*box
	hosters map[wireName]*Hoster
	hosts   map[string]*Host
	loose   []*Zone // made by Undelegated
	byAddr  map[netip.Addr]*box
	nextDNS int
	nextWeb int
	closed  bool
	signAll *SignOptions

	ports      Ports
	onLoopback bool // public addresses are loopback addresses

	routes   sync.Map // netip.AddrPort → func() (netip.AddrPort, bool)
	ca       *authority
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	hole     netip.AddrPort
	running  sync.WaitGroup
	hijacked sync.Map // net.Conn
	closers  []func()
	queries  ring[Query]
	requests ring[Request]
}

// New starts a network with a root, and TLDs made on demand.
func New() (*Network, error) { return newNetwork(usualPorts, false) }

func newNetwork(ports Ports, onLoopback bool) (*Network, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("making the certificate authority: %w", err)
	}
	n := &Network{
		zones:   make(map[wireName]*Zone),
		under:   make(map[wireName]int),
		boxes:   make(map[wireName]*box),
		byAddr:  make(map[netip.Addr]*box),
		hosters: make(map[wireName]*Hoster),
		hosts:   make(map[string]*Host),
		ca:      ca,

		ports: ports, onLoopback: onLoopback,
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.queries.limit, n.requests.limit = maxHistory, maxHistory
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.choosePorts(); err != nil {
		n.shut()
		return nil, fmt.Errorf("choosing ports: %w", err)
	}
	if _, err := n.makeZone(rootName, nil); err != nil {
		n.shut()
		return nil, fmt.Errorf("starting the root servers: %w", err)
	}
	return n, nil
}

// Close stops every server and waits until all have stopped.
func (n *Network) Close() {
	n.mu.Lock()
	n.shut()
	n.mu.Unlock()
	n.running.Wait()
}

// shut closes all sockets. Call with mu held.
func (n *Network) shut() {
	if n.closed {
		return
	}
	n.closed = true
	n.cancel()
	for _, c := range n.closers {
		c()
	}
	n.closers = nil
}

// Route maps a public address of this network to loopback. False: nothing
// listens there. It fits probe.Dialer.Route.
func (n *Network) Route(addr netip.AddrPort) (netip.AddrPort, bool) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	f, ok := n.routes.Load(addr)
	if !ok {
		if f, ok = n.routes.Load(netip.AddrPortFrom(addr.Addr(), anyPort)); !ok {
			return netip.AddrPort{}, false
		}
	}
	return f.(func() (netip.AddrPort, bool))()
}

// anyPort stands for all ports of an address in the routes.
const anyPort = 0

// route maps a public address to what to returns at the time of each call.
func (n *Network) route(public netip.AddrPort, to func() (netip.AddrPort, bool)) {
	n.routes.Store(public, to)
}

// RootHints is the network's root in named.root format.
func (n *Network) RootHints() string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var b strings.Builder
	for _, s := range n.zones[rootName].servers {
		fmt.Fprintf(&b, ".\t3600000\tNS\t%s\n", s.box.name)
		for _, a := range s.box.addrs {
			t := "A"
			if a.Is6() {
				t = "AAAA"
			}
			fmt.Fprintf(&b, "%s\t3600000\t%s\t%s\n", s.box.name, t, a)
		}
	}
	return b.String()
}

// Zone returns the delegated zone of that name, making it (and its parents)
// with two name servers on first use. The parents made are the TLD, every
// public suffix and the registrable domain above the name. It panics on a
// name that is not one, and when no more sockets can be opened.
func (n *Network) Zone(name string) *Zone {
	return n.mustZone(name, nil)
}

// ZoneAt is Zone on the servers of a hoster. A zone that exists already stays
// where it is.
func (n *Network) ZoneAt(name string, h *Hoster) *Zone {
	return n.mustZone(name, h)
}

func (n *Network) mustZone(name string, h *Hoster) *Zone {
	w, err := toWire(name)
	if err != nil {
		panic(fmt.Sprintf("testnet: %v", err))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	z, err := n.ensure(w, h)
	if err != nil {
		panic(fmt.Sprintf("testnet: starting zone %s: %v", name, err))
	}
	return z
}

// ensure returns the zone, making it and the parents it needs.
func (n *Network) ensure(w wireName, h *Hoster) (*Zone, error) {
	if z := n.zones[w]; z != nil {
		return z, nil
	}
	for _, up := range neededAbove(w) {
		if n.zones[up] == nil {
			if _, err := n.makeZone(up, nil); err != nil {
				return nil, err
			}
		}
	}
	return n.makeZone(w, h)
}

// neededAbove lists the names above w that are zones of their own in the real
// world, topmost first: public suffixes and the registrable domain.
func neededAbove(w wireName) []wireName {
	var up []wireName
	for n := w.parent(); n != rootName; n = n.parent() {
		name := trimDot(n.String())
		if isSuffix(name) || isSuffix(trimDot(n.parent().String())) {
			up = append([]wireName{n}, up...)
		}
	}
	return up
}

func isSuffix(name string) bool {
	s, _ := publicsuffix.PublicSuffix(name)
	return s == name && name != "."
}

// makeZone creates a zone below the deepest zone that holds its name. Call
// with mu held and the zone missing.
func (n *Network) makeZone(w wireName, h *Hoster) (*Zone, error) {
	if h != nil {
		// What the hoster already serves gets its delegation.
		if i := slices.IndexFunc(n.loose, func(z *Zone) bool { return z.apex == w && z.hoster == h }); i >= 0 {
			z := n.loose[i]
			n.loose = slices.Delete(n.loose, i, i+1)
			n.attach(z)
			return z, nil
		}
	}
	z := n.newZone(w)
	z.hoster = h
	boxes, err := n.boxesFor(w, h)
	if err != nil {
		return nil, err
	}
	z.serveOn(boxes)
	n.attach(z)
	return z, nil
}

// attach hangs a zone below the deepest zone that holds its name.
func (n *Network) attach(z *Zone) {
	w := z.apex
	n.zones[w] = z
	if w == rootName {
		return
	}
	p := n.enclosing(w.parent())
	z.parent = p
	p.children[w] = z
	if n.under[w] > 0 {
		// Delegations that now belong to the new zone move into it.
		for cw, c := range p.children {
			if cw.below(w) {
				delete(p.children, cw)
				z.children[cw] = c
				c.parent = z
			}
		}
	}
	for up := w.parent(); up != rootName; up = up.parent() {
		n.under[up]++
	}
	p.changed()
}

func (n *Network) newZone(w wireName) *Zone {
	z := &Zone{
		net: n, apex: w,
		data:     make(map[rrKey][]dns.RR),
		seqs:     make(map[rrKey]*sequence),
		children: make(map[wireName]*Zone),
		ttl:      300, minimum: 300, serial: 2026112100,
	}
	z.signAsAll()
	return z
}

// serveOn gives the zone its servers and the records that name them.
func (z *Zone) serveOn(boxes []*box) {
	nsKey := rrKey{z.apex, dns.TypeNS}
	hdr := dns.RR_Header{Name: z.apex.String(), Rrtype: dns.TypeNS, Class: dns.ClassINET}
	for _, b := range boxes {
		s := &NameServer{zone: z, box: b}
		z.servers = append(z.servers, s)
		b.serve(z.apex, s)
		z.data[nsKey] = append(z.data[nsKey], nameRR(hdr, b.name.String()))
		if b.name.within(z.apex) {
			for _, a := range b.addrs {
				rr := addressRR(b.name, a)
				key := rrKey{b.name, rr.Header().Rrtype}
				z.data[key] = append(z.data[key], rr)
			}
		}
	}
}

// boxesFor starts the two servers of a zone, or takes those of its hoster.
func (n *Network) boxesFor(w wireName, h *Hoster) ([]*box, error) {
	if h != nil {
		return h.boxes, nil
	}
	var boxes []*box
	for _, label := range serverLabels(w) {
		name := w
		for _, l := range label {
			name = name.child(l)
		}
		b, err := n.newBox(name)
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}
	return boxes, nil
}

// serverLabels are the labels before the zone's name, innermost first. The
// root and public suffixes do not use ns1, which a customer could own.
func serverLabels(w wireName) [][]string {
	switch {
	case w == rootName:
		return [][]string{{"root-servers", "a"}, {"root-servers", "b"}}
	case isSuffix(trimDot(w.String())):
		return [][]string{{"nic", "a"}, {"nic", "b"}}
	}
	return [][]string{{"ns1"}, {"ns2"}}
}

// enclosing is the deepest zone that w is in.
func (n *Network) enclosing(w wireName) *Zone {
	for {
		if z := n.zones[w]; z != nil {
			return z
		}
		w = w.parent()
	}
}
