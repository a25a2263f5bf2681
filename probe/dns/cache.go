package dns

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/weppos/publicsuffix-go/publicsuffix"
)

const (
	maxDelegationAge = time.Hour
	maxHostAge       = 5 * time.Minute
	maxDelegations   = 4096
	maxHosts         = 8192
)

// cache remembers the delegations of top-level domains and of public suffixes,
// and for a short while the addresses of name servers. It never holds an
// answer.
type cache struct {
	mu          sync.RWMutex
	delegations map[string]cachedZone
	hosts       map[string]cachedHost
	flights     map[string]*flight
}

type cachedZone struct {
	zone    *Zone
	expires time.Time
}

type cachedHost struct {
	addrs   []netip.Addr
	expires time.Time
}

// flight is a walk to a zone that others wait for.
type flight struct {
	done chan struct{}
	step step
	err  error
}

func newCache() *cache {
	return &cache{
		delegations: make(map[string]cachedZone),
		hosts:       make(map[string]cachedHost),
		flights:     make(map[string]*flight),
	}
}

// isPublicZone reports whether a zone is one whose delegation may be
// remembered and whose servers do not get to see more of a name than they
// need: the root, a top-level domain, a public suffix of the ICANN list.
func isPublicZone(name string) bool {
	up := parentName(name)
	if up == "" {
		return true
	}
	rule := publicsuffix.DefaultList.Find(name, &icannRules)
	if rule == nil {
		return false
	}
	parts := rule.Decompose(name)
	return parts[0] == "" && parts[1] == ""
}

var icannRules = publicsuffix.FindOptions{IgnorePrivate: true}

// enclosing returns the deepest remembered zone that encloses name, or nil.
func (c *cache) enclosing(name string) *Zone {
	now := time.Now()
	c.mu.RLock()
	defer c.mu.RUnlock()
	for ; name != ""; name = parentName(name) {
		if e, ok := c.delegations[name]; ok && now.Before(e.expires) {
			return e.zone
		}
	}
	return nil
}

func (c *cache) put(zone *Zone, ttl uint32) {
	age := min(time.Duration(ttl)*time.Second, maxDelegationAge)
	if age <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	evict(c.delegations, maxDelegations)
	c.delegations[zone.Name] = cachedZone{zone, time.Now().Add(age)}
}

func (c *cache) drop(zone *Zone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delegations[zone.Name].zone == zone {
		delete(c.delegations, zone.Name)
	}
}

func (c *cache) host(name string) ([]netip.Addr, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.hosts[name]
	if !ok || !time.Now().Before(e.expires) {
		return nil, false
	}
	return e.addrs, true
}

func (c *cache) putHost(name string, addrs []netip.Addr, ttl uint32) {
	age := min(time.Duration(ttl)*time.Second, maxHostAge)
	if age <= 0 || len(addrs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	evict(c.hosts, maxHosts)
	c.hosts[name] = cachedHost{addrs, time.Now().Add(age)}
}

// evict makes room for one more entry; the order of a map is random enough.
func evict[K comparable, V any](m map[K]V, limit int) {
	for k := range m {
		if len(m) < limit {
			return
		}
		delete(m, k)
	}
}

// once runs find for a zone, or waits for a run under way. A run that ended
// because its own caller went away is not taken as the answer.
func (c *cache) once(ctx context.Context, zone string, find func() (step, error)) (step, error) {
	for {
		c.mu.Lock()
		f, running := c.flights[zone]
		if !running {
			f = &flight{done: make(chan struct{})}
			c.flights[zone] = f
		}
		c.mu.Unlock()
		if !running {
			f.step, f.err = find()
			c.mu.Lock()
			delete(c.flights, zone)
			c.mu.Unlock()
			close(f.done)
			return f.step, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return step{}, ctx.Err()
		}
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) && !errors.Is(f.err, ErrBudget) {
			return f.step, f.err
		}
	}
}
