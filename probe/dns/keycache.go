package dns

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxPublicKeyAge bounds how long the keys of the root, top-level domains
	// and public suffixes are remembered, like their delegations.
	maxPublicKeyAge = time.Hour
	// maxOwnKeyAge bounds it for all other zones. A verdict must not rest on
	// what the zone said long ago, and never does so against the zone: before
	// an answer is called bogus the keys are fetched anew.
	maxOwnKeyAge = 5 * time.Minute
	// minPublicKeyAge is how long those of public zones are not fetched anew,
	// whatever comes: broken zones must not make us ask the root all the time.
	minPublicKeyAge = time.Minute

	maxPublicKeys = 2048 // zones
	maxOwnKeys    = 8192 // zones
)

func maxKeyAge(zone string) time.Duration {
	if isPublicZone(zone) {
		return maxPublicKeyAge
	}
	return maxOwnKeyAge
}

// keyCache remembers zones that are secure, with their keys, and zones that
// are proven to be unsigned. It holds nothing that is bogus or unknown.
type keyCache struct {
	mu      sync.RWMutex
	public  map[string]*zoneKeys
	own     map[string]*zoneKeys
	flights map[string]*keyFlight
}

// keyFlight is a search that others wait for.
type keyFlight struct {
	done chan struct{}
	keys *zoneKeys
}

func newKeyCache() *keyCache {
	return &keyCache{public: make(map[string]*zoneKeys), own: make(map[string]*zoneKeys), flights: make(map[string]*keyFlight)}
}

// get returns what is remembered of the zone name, or nil. Anew leaves out
// what may be out of date.
func (c *keyCache) get(name string, now time.Time, anew bool) *zoneKeys {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, age := c.public[name], minPublicKeyAge
	if k == nil {
		k, age = c.own[name], 0
	}
	if k == nil || !now.Before(k.until) || anew && time.Since(k.found) > age {
		return nil
	}
	return k
}

func (c *keyCache) put(name string, k *zoneKeys) {
	if k.zone != name || k.found.IsZero() || k.state != SecuritySecure && k.state != SecurityInsecure {
		return
	}
	public := isPublicZone(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if public {
		evict(c.public, maxPublicKeys)
		c.public[name] = k
		return
	}
	evict(c.own, maxOwnKeys)
	c.own[name] = k
}

// once runs find for a zone, or waits for a run under way. Zones wait only for
// zones above them. A run that ended because its own lookup did is not taken
// for the answer.
func (c *keyCache) once(ctx context.Context, name string, find func() *zoneKeys) *zoneKeys {
	for {
		c.mu.Lock()
		f, running := c.flights[name]
		if !running {
			f = &keyFlight{done: make(chan struct{})}
			c.flights[name] = f
		}
		c.mu.Unlock()
		if !running {
			f.keys = find()
			c.put(name, f.keys)
			c.mu.Lock()
			delete(c.flights, name)
			c.mu.Unlock()
			close(f.done)
			return f.keys
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return unknownKeys(name, 0, ctx.Err())
		}
		if err := f.keys.err; !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrBudget) {
			return f.keys
		}
	}
}
