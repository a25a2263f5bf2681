package testnet

import (
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxHistory bounds the kept queries and the kept requests of a network.
const maxHistory = 4096

// Query is one question that a name server received.
type Query struct {
	Time   time.Time
	Server string         // name of the server
	Addr   netip.AddrPort // its public address
	From   netip.AddrPort // the client, on loopback
	Name   string         // lower case, no final dot; "." is the root
	Asked  string         // as asked, with its upper and lower case
	Type   string         // mnemonic
	Proto  string         // "udp" or "tcp"
	EDNS   bool
	DO     bool
	ID     uint16
}

// Request is one HTTP request that a host received.
type Request struct {
	Time   time.Time
	Server string // name of the Host that was connected to
	Addr   netip.AddrPort
	From   netip.AddrPort
	IPv6   bool
	TLS    bool
	Method string
	Host   string // Host header
	Path   string // with query
	Header http.Header
}

// ring keeps the last entries.
type ring[T any] struct {
	mu    sync.Mutex
	limit int // 0: off
	buf   []T
	start int
	total int
}

func (r *ring[T]) on() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limit > 0
}

func (r *ring[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit == 0 {
		return
	}
	r.total++
	if len(r.buf) < r.limit {
		r.buf = append(r.buf, v)
		return
	}
	r.buf[r.start] = v
	r.start = (r.start + 1) % len(r.buf)
}

func (r *ring[T]) list() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]T, 0, len(r.buf))
	out = append(out, r.buf[r.start:]...)
	return append(out, r.buf[:r.start]...)
}

func (r *ring[T]) reset(limit int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit, r.buf, r.start = limit, nil, 0
}

// Queries lists the latest questions to all name servers, oldest first; at
// most 4096 are kept.
func (n *Network) Queries() []Query { return n.queries.list() }

// Requests lists the latest HTTP requests to all hosts, oldest first; at most
// 4096 are kept.
func (n *Network) Requests() []Request { return n.requests.list() }

// QueriesFor lists the latest questions for one name and type ("": all types).
func (n *Network) QueriesFor(name, rtype string) []Query {
	w, err := toWire(name)
	if err != nil {
		return nil
	}
	want := trimDot(w.String())
	return slices.DeleteFunc(n.Queries(), func(q Query) bool {
		return q.Name != want || rtype != "" && q.Type != rtype
	})
}

// ResetHistory forgets all queries and requests.
func (n *Network) ResetHistory() { n.KeepHistory(true) }

// KeepHistory forgets the history and switches it on or off. Off is faster.
func (n *Network) KeepHistory(on bool) {
	limit := 0
	if on {
		limit = maxHistory
	}
	n.queries.reset(limit)
	n.requests.reset(limit)
}
