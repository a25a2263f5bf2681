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
	keys  map[string]*zoneKeys    // of zones, by the name asked for
	stale bool                    // some of the keys were remembered for a while
	renew bool                    // keys that were are not to be used any more
	saved int                     // servers asked for keys of their own

	labour labour
}

func (r *Resolver) newWork() *work {
	w := new(work)
	w.left.Store(int64(r.cfg.MaxQueries))
	w.labour.left, w.labour.proven = maxWork, &r.proven
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

func (w *work) rememberKeys(name string, k *zoneKeys, stale bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys == nil {
		w.keys = make(map[string]*zoneKeys)
	}
	w.keys[name] = k
	w.stale = w.stale || stale
}

func (w *work) recallKeys(name string) *zoneKeys {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[name]
}

// renewKeys forgets all keys that were remembered from before this lookup; it
// reports whether there were any.
func (w *work) renewKeys() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stale || w.renew {
		return false
	}
	w.renew, w.keys = true, nil
	return true
}

// maxRescues is how many servers of one lookup are asked whether they have
// other keys than the rest.
const maxRescues = 4

func (w *work) rescue() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saved++
	return w.saved <= maxRescues
}

func (w *work) renewing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.renew
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
