package app

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
)

// spot is where a check looked for its proof.
type spot struct {
	host    string // who serves the zone: the provider's name, or the registrable domain of the name servers
	network string // of the servers that answered: an IPv4 /24 or an IPv6 /48
}

// in reports whether the spot lies in a place.
func (s spot) in(p store.Place) bool {
	switch p.Scope {
	case zonehold.BreakerHost:
		return s.host == p.Key
	case zonehold.BreakerNetwork:
		return s.network == p.Key
	}
	return true
}

// spotOf finds the spot of a check. Of several networks the lowest stands for
// all, so that zones with the same servers have the same one.
func (a *App) spotOf(r diagnose.Report, d *store.Domain) spot {
	var (
		at    spot
		names []string
		addrs []netip.Addr
	)
	if l := r.Evidence.Lookups; len(l) > 0 && l[0] != nil && len(l[0].Hops) > 0 && l[0].Hops[0] != nil {
		hop := l[0].Hops[0]
		if hop.Zone != nil {
			for _, ns := range hop.Zone.Servers {
				names = append(names, ns.Name)
			}
		}
		for _, s := range hop.Usable() {
			addrs = append(addrs, s.Addr.Addr())
		}
	}
	for _, f := range r.Evidence.Fetches {
		if f != nil && len(f.Hops) > 0 {
			addrs = append(addrs, f.Hops[len(f.Hops)-1].Addr)
		}
	}
	if reg := r.Evidence.Registration; reg != nil {
		names = []string{reg.Server}
	} else if len(names) == 0 && len(addrs) > 0 {
		names = readServed(d.DNSHost).Servers
	}
	at.host, at.network = a.hosts.of(names), networkOf(addrs)
	return at
}

// hosts remembers whose the name servers are: finding out takes longer than all
// the rest of counting a check.
type hosts struct {
	mu sync.Mutex
	by map[string]string
}

const maxHosts = 10_000

func (h *hosts) of(names []string) string {
	if len(names) == 0 {
		return ""
	}
	key := strings.Join(names, " ")
	h.mu.Lock()
	host, ok := h.by[key]
	h.mu.Unlock()
	if ok {
		return host
	}
	host = hostOf(names)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil || len(h.by) >= maxHosts {
		h.by = map[string]string{}
	}
	h.by[key] = host
	return host
}

// hostOf is the provider known by its name servers, or else the registrable
// domain of most of them.
func hostOf(names []string) string {
	if known := diagnose.Host(names); known != nil {
		return known.Name
	}
	count := map[string]int{}
	for _, name := range names {
		if registrable, ok := zonehold.Hostname(name).Registrable(); ok {
			name = registrable
		}
		count[name]++
	}
	best := ""
	for _, name := range slices.Sorted(maps.Keys(count)) {
		if best == "" || count[name] > count[best] {
			best = name
		}
	}
	return best
}

func networkOf(addrs []netip.Addr) string {
	var low netip.Prefix
	for _, addr := range addrs {
		addr = addr.Unmap()
		bits := 48
		if addr.Is4() {
			bits = 24
		}
		p, err := addr.WithZone("").Prefix(bits)
		// IPv4 sorts first: not every machine has both.
		if err == nil && (!low.IsValid() || p.Addr().Less(low.Addr())) {
			low = p
		}
	}
	if !low.IsValid() {
		return ""
	}
	return low.String()
}

const (
	slotLength = 5 * time.Minute
	slots      = int64(breakerWindow / slotLength)
	maxPlaces  = 50_000 // counted in memory, some 150 bytes each
)

func slotOf(t time.Time) int64 { return t.UnixMicro() / slotLength.Microseconds() }

// tally counts the checks of this process by place, within the window. Only
// what is counted in places where proofs go missing is written for the others.
type tally struct {
	mu     sync.Mutex
	places map[store.Place]*counts
}

type counts struct {
	newest int64         // slot
	n      [slots]uint32 // by slot modulo slots
	dirty  [slots]bool   // not written yet
}

// forward empties the slots that have gone by.
func (c *counts) forward(slot int64) {
	if slot-c.newest >= slots || c.newest-slot >= slots { // or the clock went back
		*c = counts{newest: slot}
	}
	for c.newest < slot {
		c.newest++
		c.n[c.newest%slots], c.dirty[c.newest%slots] = 0, false
	}
}

func (t *tally) add(looked []spot, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, at := range looked {
		t.count1(store.Place{Scope: zonehold.BreakerAll}, now)
		if at.host != "" {
			t.count1(store.Place{Scope: zonehold.BreakerHost, Key: at.host}, now)
		}
		if at.network != "" {
			t.count1(store.Place{Scope: zonehold.BreakerNetwork, Key: at.network}, now)
		}
	}
}

func (t *tally) count1(p store.Place, now time.Time) {
	c := t.places[p]
	if c == nil {
		if t.places == nil {
			t.places = map[store.Place]*counts{}
		}
		if len(t.places) >= maxPlaces {
			t.evict()
		}
		c = &counts{newest: slotOf(now)}
		t.places[p] = c
	}
	c.forward(slotOf(now))
	c.n[c.newest%slots]++
	c.dirty[c.newest%slots] = true
}

// evict drops the least of a few places. A place with few checks cannot have a
// breaker.
func (t *tally) evict() {
	var (
		worst store.Place
		least = ^uint64(0)
		tried int
	)
	for p, c := range t.places {
		if sum := c.sum(); sum < least {
			worst, least = p, sum
		}
		if tried++; tried == 8 {
			break
		}
	}
	delete(t.places, worst)
}

func (c *counts) sum() (sum uint64) {
	for _, n := range c.n {
		sum += uint64(n)
	}
	return sum
}

// count is how many checks this process made in a place within the window.
func (t *tally) count(p store.Place, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.places[p]
	if c == nil {
		return 0
	}
	c.forward(slotOf(now))
	return int(c.sum())
}

// changed lists what has to be written of the places.
func (t *tally) changed(places []store.Place, now time.Time) (out []store.Checks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range places {
		c := t.places[p]
		if c == nil {
			continue
		}
		c.forward(slotOf(now))
		for slot := c.newest - slots + 1; slot <= c.newest; slot++ {
			if i := slot % slots; slot >= 0 && c.dirty[i] {
				out = append(out, store.Checks{Place: p, Slot: slot, Checked: int(c.n[i])})
			}
		}
	}
	return out
}

// written notes what was.
func (t *tally) written(list []store.Checks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range list {
		if c := t.places[w.Place]; c != nil && c.newest-w.Slot < slots && int(c.n[w.Slot%slots]) == w.Checked {
			c.dirty[w.Slot%slots] = false
		}
	}
}

// forget begins anew.
func (t *tally) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places = nil
}

// shareCounts writes what this process has counted where proofs go missing, so that
// the others know it.
func (a *App) shareCounts(ctx context.Context) error {
	now := a.now()
	places, err := a.store.HotPlaces(ctx, now.Add(-breakerWindow), (a.cfg.Breaker.Flips+1)/2)
	if err != nil || len(places) == 0 {
		return err
	}
	list := a.tally.changed(places, now)
	if err := a.store.PutChecks(ctx, a.nodeID(), list); err != nil {
		return err
	}
	a.tally.written(list)
	return nil
}

// tendSoon has this process look after the breakers. It returns at once.
func (a *App) tendSoon() {
	select {
	case a.tend <- struct{}{}:
	default: // it will run anyway
	}
}

// guard shares counts, tends breakers that have just opened, and reports how
// many are open.
func (a *App) guard(ctx context.Context) {
	tick := time.NewTicker(a.timing.beat)
	defer tick.Stop()
	var reported time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-a.tend:
			err = a.tendBreakers(ctx)
		case <-tick.C:
			err = a.shareCounts(ctx)
		}
		if time.Since(reported) > time.Minute {
			reported = time.Now()
			if open, held, err := a.store.OpenBreakers(ctx); err == nil {
				a.cfg.Observer.BreakersOpen(open, held)
			}
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("looking after breakers failed", "err", err)
		}
	}
}
