package testnet

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Resolver is a caching recursive resolver of the network. It reads the
// zones directly, by the delegations the parents publish, so it sends no
// queries of its own; a zone whose servers all have a fault gives SERVFAIL.
type Resolver struct {
	net  *Network
	addr netip.AddrPort
	name string

	mu    sync.Mutex
	cache map[rrKey]*cached
	fault Fault
	ede   *ede

	validate bool
}

// cached is what the resolver remembers of a question.
type cached struct {
	reply *reply
	until time.Time
}

// maxResolverCache bounds the remembered questions.
const maxResolverCache = 1 << 14

// Resolver starts a caching recursive resolver and returns it.
func (n *Network) Resolver() *Resolver {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := netip.AddrPortFrom(n.dnsAddr4(), n.ports.DNS)
	r := &Resolver{net: n, addr: addr, name: "resolver " + addr.Addr().String(), cache: make(map[rrKey]*cached)}
	at, err := n.listenDNS(addr, r.handle)
	if err != nil {
		panic(fmt.Sprintf("testnet: starting a resolver: %v", err))
	}
	n.route(addr, func() (netip.AddrPort, bool) { return at, true })
	return r
}

// Addr is its public address and port.
func (r *Resolver) Addr() netip.AddrPort { return r.addr }

// Prime puts records into the cache, for an hour: an old answer that is not
// true any more. Values are as in Zone.Add; names are absolute.
func (r *Resolver) Prime(name, rtype string, values ...string) *Resolver {
	return r.PrimeTTL(name, rtype, 3600, values...)
}

// PrimeTTL is Prime with the seconds that the answer has left.
func (r *Resolver) PrimeTTL(name, rtype string, ttl uint32, values ...string) *Resolver {
	key := primeKey(name, rtype)
	rrs, err := parseRRs(key.name, key.rtype, rootName, values)
	if err != nil {
		panic(fmt.Sprintf("testnet: priming: %v", err))
	}
	for _, rr := range rrs {
		rr.Header().Ttl = ttl
	}
	r.remember(key, &reply{answer: rrs}, time.Duration(ttl)*time.Second)
	return r
}

// PrimeNegative makes the cache say for ttl seconds that the name does not
// exist, as it does when it was asked too early. The SOA of the answer shows
// the time left.
func (r *Resolver) PrimeNegative(name, rtype string, ttl uint32) *Resolver {
	key := primeKey(name, rtype)
	r.net.mu.RLock()
	z := r.net.enclosing(key.name)
	soa := z.soa(z.serial)
	r.net.mu.RUnlock()
	soa.Header().Ttl = ttl
	r.remember(key, &reply{rcode: dns.RcodeNameError, authority: []dns.RR{soa}}, time.Duration(ttl)*time.Second)
	return r
}

func primeKey(name, rtype string) rrKey {
	t, err := rrType(rtype)
	if err != nil {
		panic(fmt.Sprintf("testnet: priming: %v", err))
	}
	w, err := toWire(name)
	if err != nil {
		panic(fmt.Sprintf("testnet: priming: %v", err))
	}
	return rrKey{w, t}
}

// Flush empties the cache.
func (r *Resolver) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.cache)
}

// Fault makes the resolver misbehave: FaultTimeout, FaultRefused or
// FaultServFail; anything else heals it.
func (r *Resolver) Fault(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

// EDE adds an extended DNS error to every answer.
func (r *Resolver) EDE(code uint16, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ede = nil
	if code != 0 || text != "" {
		r.ede = &ede{code, text}
	}
}

func (r *Resolver) remember(k rrKey, a *reply, ttl time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cache) >= maxResolverCache {
		clear(r.cache)
	}
	r.cache[k] = &cached{reply: a, until: time.Now().Add(ttl)}
}

func (r *Resolver) handle(msg []byte, c *client) error {
	q := &c.q
	rcode, ok := q.parse(msg)
	if !ok {
		return nil
	}
	r.mu.Lock()
	fault := r.fault
	o := options{ra: true, cookie: true, ede: r.ede}
	r.mu.Unlock()
	if c.proto == "udp" {
		o.limit = min(q.size, maxUDP)
	}
	if rcode == dns.RcodeSuccess {
		r.net.noteQuery(r.name, q, c)
		switch {
		case fault == FaultTimeout:
			return nil
		case fault == FaultRefused || q.qclass != dns.ClassINET:
			rcode = dns.RcodeRefused
		case fault == FaultServFail:
			rcode = dns.RcodeServerFailure
		}
	}
	if rcode != dns.RcodeSuccess {
		return c.send(q.appendAnswer(c.buf, &packed{rcode: rcode}, o))
	}
	a := r.lookup(rrKey{wireName(q.name), q.qtype}, q.cd)
	if o.ad = a.ad && !q.cd; a.ede != nil {
		o.ede = a.ede
	}
	p, err := a.pack(wireName(q.name), q.qtype)
	if err != nil {
		p = &packed{rcode: dns.RcodeServerFailure}
	}
	return c.send(q.appendAnswer(c.buf, p, o))
}

// lookup answers from the cache, with the TTLs counted down, or finds out.
// Unchecked: the client wants what does not validate too.
func (r *Resolver) lookup(k rrKey, unchecked bool) *reply {
	now := time.Now()
	r.mu.Lock()
	c, validate := r.cache[k], r.validate
	r.mu.Unlock()
	if c != nil && now.Before(c.until) {
		return c.reply.aged(uint32(c.until.Sub(now).Round(time.Second).Seconds()))
	}
	a := r.net.recurse(k)
	a.aa, a.extra = false, nil
	if validate && unchecked {
		return a
	}
	if validate {
		a = r.net.validated(k, a)
	}
	if ttl, ok := a.ttl(); ok {
		r.remember(k, a, time.Duration(ttl)*time.Second)
	}
	return a
}

// ttl of the whole answer; false for what is not kept.
func (a *reply) ttl() (uint32, bool) {
	if a.rcode != dns.RcodeSuccess && a.rcode != dns.RcodeNameError {
		return 0, false
	}
	ttl, ok := uint32(0), false
	for _, rrs := range [][]dns.RR{a.answer, a.authority} {
		for _, rr := range rrs {
			if t := rr.Header().Ttl; !ok || t < ttl {
				ttl, ok = t, true
			}
		}
	}
	return ttl, ok
}

// aged is the answer with at most left seconds on every record.
func (a *reply) aged(left uint32) *reply {
	out := &reply{rcode: a.rcode, ad: a.ad}
	for _, rr := range a.answer {
		out.answer = append(out.answer, withTTL(rr, left))
	}
	for _, rr := range a.authority {
		out.authority = append(out.authority, withTTL(rr, left))
	}
	return out
}

func withTTL(rr dns.RR, ttl uint32) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Ttl = ttl
	return rr
}

// recurse finds the answer through the delegations and aliases.
func (n *Network) recurse(k rrKey) *reply {
	out := &reply{}
	for range maxChain {
		a := n.iterate(k)
		out.rcode, out.authority = a.rcode, a.authority
		out.answer = append(out.answer, a.answer...)
		out.sets = append(out.sets, a.sets...)
		out.proofs = a.proofs
		if len(a.answer) == 0 || a.rcode != dns.RcodeSuccess || k.rtype == dns.TypeCNAME {
			return out
		}
		last, ok := a.answer[len(a.answer)-1].(*dns.CNAME)
		if !ok {
			return out
		}
		w, err := toWire(last.Target)
		if err != nil {
			break
		}
		k.name = w
	}
	return &reply{rcode: dns.RcodeServerFailure}
}

// iterate follows referrals from the root to the answer for one name.
func (n *Network) iterate(k rrKey) *reply {
	n.mu.RLock()
	servers := n.zones[rootName].servers
	n.mu.RUnlock()
	for range 130 { // a name has at most 127 labels
		s := healthy(servers)
		if s == nil {
			break
		}
		v := s.view()
		a := v.answer(s, k.name, k.rtype)
		if a.aa || len(a.authority) == 0 {
			return a
		}
		servers = n.referred(a)
	}
	return &reply{rcode: dns.RcodeServerFailure}
}

func healthy(servers []*NameServer) *NameServer {
	for _, s := range servers {
		if st := s.fault.Load(); st == nil || st.fault == FaultNone {
			return s
		}
	}
	return nil
}

// referred are the servers that a referral leads to.
func (n *Network) referred(a *reply) []*NameServer {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var out []*NameServer
	for _, rr := range a.authority {
		ns, ok := rr.(*dns.NS)
		if !ok {
			continue
		}
		cut, err := toWire(ns.Hdr.Name)
		if err != nil {
			continue
		}
		b := n.boxes[mustWire(ns.Ns)]
		for _, x := range a.extra {
			if strings.EqualFold(x.Header().Name, ns.Ns) {
				b = n.boxAt(x) // glue wins over the name
			}
		}
		if b != nil {
			if s := b.zone(cut); s != nil {
				out = append(out, s)
			}
		}
	}
	return out
}

// boxAt is the server at the address of an A or AAAA record.
func (n *Network) boxAt(rr dns.RR) *box {
	a, err := netip.ParseAddr(rdata(rr)[0])
	if err != nil {
		return nil
	}
	return n.byAddr[a]
}

func mustWire(name string) wireName {
	w, _ := toWire(name)
	return w
}
