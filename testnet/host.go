package testnet

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Host is a web host. Its own methods apply to all its addresses and ports;
// V4, V6, Plain, TLS and At narrow them.
type Host struct {
	View
	net  *Network
	name string
	zone *Zone

	mu        sync.RWMutex
	addrs     []netip.Addr
	endpoints []*endpoint
	rules     []rule
	faults    []faultRule
	auth      *[2]string
	certs     map[certFlaw]*certOnce
}

// View is a part of a host: those of its addresses and ports that fit. What
// is set on a narrower view wins over a wider one, and later over earlier.
type View struct {
	h      *Host
	family int // 4, 6 or 0 for both
	scheme string
	addr   netip.Addr
}

type rule struct {
	view    View
	path    string // "" is the catch-all
	handler http.Handler
}

// Host returns the web host of that name with one IPv4 and one IPv6 address,
// published as A and AAAA in its zone, serving http on 80 and https on 443,
// making it on first use. The zone is the deepest that exists, or the
// registrable domain. A network on loopback has other ports and no IPv6.
func (n *Network) Host(name string) *Host {
	w, err := toWire(name)
	if err != nil {
		panic(fmt.Sprintf("testnet: %v", err))
	}
	key := trimDot(w.String())
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[key]; h != nil {
		return h
	}
	h, err := n.makeHost(w, key)
	if err != nil {
		panic(fmt.Sprintf("testnet: starting host %s: %v", key, err))
	}
	n.hosts[key] = h
	return h
}

func (n *Network) makeHost(w wireName, name string) (*Host, error) {
	apex := w
	if up := neededAbove(w.child("x")); len(up) > 0 {
		apex = up[len(up)-1] // the registrable domain
	}
	if e := n.enclosing(w); !apex.within(e.apex) || apex == e.apex {
		apex = e.apex // a deeper zone exists
	}
	z, err := n.ensure(apex, nil)
	if err != nil {
		return nil, err
	}
	h := &Host{net: n, name: name, zone: z, certs: make(map[certFlaw]*certOnce)}
	h.View = View{h: h}
	n.nextWeb++
	addrs := []netip.Addr{n.webAddr6(), n.webAddr4()}
	if n.onLoopback {
		addrs = addrs[1:]
	}
	for _, a := range addrs {
		if err := h.addAddress(a); err != nil {
			return nil, err
		}
		h.publish(a)
	}
	return h, nil
}

// Name of the host.
func (h *Host) Name() string { return h.name }

// Zone that holds the host's address records.
func (h *Host) Zone() *Zone { return h.zone }

// Addrs are its public addresses, IPv6 first.
func (h *Host) Addrs() []netip.Addr {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Clone(h.addrs)
}

// V4 is the host as reached over IPv4.
func (v View) V4() View { v.family = 4; return v }

// V6 is the host as reached over IPv6.
func (v View) V6() View { v.family = 6; return v }

// Plain is the host as reached without TLS.
func (v View) Plain() View { v.scheme = "http"; return v }

// TLS is the host as reached with TLS.
func (v View) TLS() View { v.scheme = "https"; return v }

// At is the host as reached at one of its addresses.
func (v View) At(addr netip.Addr) View { v.addr = addr; return v }

func (v View) fits(e *endpoint) bool {
	switch {
	case v.family == 4 && !e.public.Addr().Is4(), v.family == 6 && !e.public.Addr().Is6(),
		v.scheme == "http" && e.tls, v.scheme == "https" && !e.tls,
		v.addr.IsValid() && v.addr != e.public.Addr():
		return false
	}
	return true
}

// narrowness orders views: what says more wins.
func (v View) narrowness() int {
	n := 0
	if v.family != 0 {
		n++
	}
	if v.scheme != "" {
		n++
	}
	if v.addr.IsValid() {
		n += 3
	}
	return n
}

// Handle serves path (exact) on http and https. An empty path is the
// catch-all; without one, other paths answer 404.
func (h *Host) Handle(path string, handler http.Handler) *Host {
	h.View.Handle(path, handler)
	return h
}

// Page is Handle with a fixed status, content type and body.
func (h *Host) Page(path string, status int, contentType, body string) *Host {
	h.View.Page(path, status, contentType, body)
	return h
}

// Redirect answers path with a status and a Location.
func (h *Host) Redirect(path string, status int, to string) *Host {
	h.View.Redirect(path, status, to)
	return h
}

// CatchAll answers every path that nothing else answers.
func (h *Host) CatchAll(handler http.Handler) *Host { return h.Handle("", handler) }

// Handle is Host.Handle for this part of the host. A nil handler removes.
func (v View) Handle(path string, handler http.Handler) View {
	v.h.mu.Lock()
	defer v.h.mu.Unlock()
	v.h.rules = slices.DeleteFunc(v.h.rules, func(r rule) bool { return r.view == v && r.path == path })
	if handler != nil {
		v.h.rules = append(v.h.rules, rule{v, path, handler})
	}
	return v
}

// Page is Host.Page for this part of the host.
func (v View) Page(path string, status int, contentType, body string) View {
	return v.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
}

// Redirect is Host.Redirect for this part of the host.
func (v View) Redirect(path string, status int, to string) View {
	return v.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if to != "" {
			w.Header().Set("Location", to)
		}
		w.WriteHeader(status)
	}))
}

// AddAddress gives the host one more address, IPv6 or IPv4, with its record,
// and returns that part of the host.
func (h *Host) AddAddress(ipv6 bool) View {
	n := h.net
	if ipv6 {
		n.needsRoute("IPv6")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nextWeb++
	a := n.webAddr4()
	if ipv6 {
		a = n.webAddr6()
	}
	if err := h.addAddress(a); err != nil {
		panic(fmt.Sprintf("testnet: adding an address to %s: %v", h.name, err))
	}
	h.publish(a)
	return h.At(a)
}

// Listen serves one more port on all present addresses.
func (h *Host) Listen(port uint16, secure bool) *Host {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range h.Addrs() {
		if err := h.listen(netip.AddrPortFrom(a, port), secure); err != nil {
			panic(fmt.Sprintf("testnet: listening on port %d of %s: %v", port, h.name, err))
		}
	}
	return h
}

// publish puts an address into the zone. Call with net.mu held.
func (h *Host) publish(a netip.Addr) {
	w, _ := toWire(h.name)
	rr := addressRR(w, a)
	key := rrKey{w, rr.Header().Rrtype}
	h.zone.data[key] = append(slices.Clip(h.zone.data[key]), rr)
	h.zone.changed()
}

// BasicAuth asks for credentials on every path. An empty user ends it.
func (h *Host) BasicAuth(user, password string) *Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.auth = nil
	if user != "" {
		h.auth = &[2]string{user, password}
	}
	return h
}

// Requests lists what this host was asked, oldest first, as far as the
// network still keeps it.
func (h *Host) Requests() []Request {
	return slices.DeleteFunc(h.net.Requests(), func(r Request) bool { return r.Server != h.name })
}

// handlerFor picks the rule for a path: exact before catch-all, then the
// narrowest view, then the latest.
func (h *Host) handlerFor(e *endpoint, path string) http.Handler {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var best http.Handler
	score := -1
	for _, r := range h.rules {
		if r.path != path && r.path != "" || !r.view.fits(e) {
			continue
		}
		s := r.view.narrowness()
		if r.path != "" {
			s += 100
		}
		if s >= score {
			best, score = r.handler, s
		}
	}
	if best == nil {
		return http.NotFoundHandler()
	}
	return best
}

// path of a request as rules name it: escapes undone, query cut off.
func rulePath(r *http.Request) string {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return p
}
