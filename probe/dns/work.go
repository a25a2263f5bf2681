package dns

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// work is the budget and the memory of one lookup.
type work struct {
	left atomic.Int64

	mu    sync.Mutex
	hosts map[string][]netip.Addr // addresses of name servers found on the way
}

func (r *Resolver) newWork() *work {
	w := new(work)
	w.left.Store(int64(r.cfg.MaxQueries))
	return w
}

// take takes one query from the budget.
func (w *work) take() bool { return w.left.Add(-1) >= 0 }

func (w *work) spent() bool { return w.left.Load() <= 0 }

func (w *work) remember(host string, addrs []netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts == nil {
		w.hosts = make(map[string][]netip.Addr)
	}
	w.hosts[host] = addrs
}

func (w *work) recall(host string) ([]netip.Addr, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	addrs, ok := w.hosts[host]
	return addrs, ok
}

// maxNesting is how deep the search for one name server's address may need
// that of another.
const maxNesting = 4

// path is the chain of name servers whose addresses are being looked for.
type path struct {
	host string
	up   *path
	deep int
}

func (p *path) push(host string) *path {
	n := &path{host: host, up: p}
	if p != nil {
		n.deep = p.deep + 1
	}
	return n
}

func (p *path) has(host string) bool {
	for ; p != nil; p = p.up {
		if p.host == host {
			return true
		}
	}
	return false
}
