package testnet

import (
	"sync"

	"github.com/miekg/dns"
)

// rrKey names an RRset.
type rrKey struct {
	name  wireName
	rtype uint16
}

// node is one name of a view. A node without sets is an empty non-terminal.
type node struct {
	sets map[uint16][]dns.RR
	seqs map[uint16]*sequence
}

func (n *node) has(t uint16) bool { return len(n.sets[t]) > 0 || n.seqs[t] != nil }

// view is what one server holds of one zone: never changed once built, so
// that queries read it without a lock; a change of the zone drops it.
type view struct {
	apex  wireName
	nodes map[wireName]*node
	// cuts are the names below the apex that hold NS records.
	cuts map[wireName]bool
	// glue are addresses that are known only for referrals.
	glue map[wireName][]dns.RR
	// signed makes signatures; nil: the zone is not signed.
	signed *signedView

	mu    sync.RWMutex
	cache map[string]*packed
}

// maxCached bounds the packed answers of one view; only names that exist are
// kept, so random labels cannot fill it.
const maxCached = 1 << 16

func (v *view) cached(key []byte) *packed {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.cache[string(key)]
}

func (v *view) store(key []byte, p *packed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.cache == nil {
		v.cache = make(map[string]*packed)
	}
	if len(v.cache) < maxCached {
		v.cache[string(key)] = p
	}
}

func (v *view) node(name wireName) *node {
	n := v.nodes[name]
	if n == nil {
		n = &node{sets: make(map[uint16][]dns.RR, 1)}
		v.nodes[name] = n
		// Every name between here and the apex exists now too.
		if name.below(v.apex) {
			v.node(name.parent())
		}
	}
	return n
}

func (v *view) put(key rrKey, rrs []dns.RR, ttl uint32) {
	if len(rrs) == 0 {
		return
	}
	n := v.node(key.name)
	for _, rr := range rrs {
		if rr.Header().Ttl == 0 {
			rr = dns.Copy(rr)
			rr.Header().Ttl = ttl
		}
		n.sets[key.rtype] = append(n.sets[key.rtype], rr)
	}
	if key.rtype == dns.TypeNS && key.name.below(v.apex) {
		v.cuts[key.name] = true
	}
}

// sequence is an RRset that changes with every question.
type sequence struct {
	sets [][]dns.RR
	mu   sync.Mutex
	next map[*NameServer]int
}

// take returns the next set for a server; the last one stays.
func (q *sequence) take(s *NameServer) []dns.RR {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.next[s]
	if i < len(q.sets)-1 {
		q.next[s] = i + 1
	}
	return q.sets[i]
}
