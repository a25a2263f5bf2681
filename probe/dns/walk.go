package dns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

const (
	// maxWalkNames is how many servers of one zone without glue are resolved
	// while merely passing through (NXNS, CVE-2020-12662).
	maxWalkNames = 4
	// maxRace is how many addresses of one zone a walk tries.
	maxRace = 8
	// stagger is the head start of one address over the next in a race.
	stagger = 150 * time.Millisecond
	// maxMinimised is how many labels are revealed one by one before the whole
	// name is asked (RFC 9156 section 2.3).
	maxMinimised = 10
)

// step is what one zone says about a name on the way down.
type step struct {
	zone  *Zone // the zone delegated at the name; nil: none is
	kind  Kind  // else what is there
	dname bool  // a DNAME at or above the name
}

// walk descends from the root to the zone that holds name.
//
// Public zones (root, top-level domains, ICANN suffixes) are asked for one
// more label at a time. A walk that is not thorough ends at the first zone
// below them, and leaves it to that zone's servers to refer further. A
// thorough one looks for a zone cut at every label down to name itself; if
// name does not exist it returns the last zone with ErrNotDelegated. The zone
// is returned with other errors as well, when one was reached.
func (r *Resolver) walk(ctx context.Context, w *work, p *path, name string, thorough bool) (*Zone, error) {
	if r.Forwarding() {
		return r.forwardZone(ctx, w, name)
	}
	start := r.cache.enclosing(name)
	if start == nil {
		return r.descend(ctx, w, p, r.root, name, thorough)
	}
	zone, err := r.descend(ctx, w, p, start, name, thorough)
	if errors.Is(err, ErrNoServers) && zone == start {
		// What we remember may be out of date.
		r.cache.drop(start)
		return r.descend(ctx, w, p, r.root, name, thorough)
	}
	return zone, err
}

func (r *Resolver) descend(ctx context.Context, w *work, p *path, zone *Zone, name string, thorough bool) (*Zone, error) {
	var (
		asked   string // the name asked last
		asks    int
		deceive bool // a server of zone says NXDOMAIN above names that exist
	)
	for asked = zone.Name; asked != name && zone.Name != name; {
		public := isPublicZone(zone.Name)
		if !thorough && !public {
			return zone, nil
		}
		asked = childToward(asked, name)
		if asks++; asks > maxMinimised {
			asked = name
		}
		st, err := r.step(ctx, w, p, zone, asked)
		// A server that fails on, or denies, a name above the one we want may
		// just not know better: ask it the whole name. Public zones do.
		confused := asked != name && !public &&
			(errors.Is(err, ErrNoServers) || err == nil && st.zone == nil && st.kind == KindNXDomain && !deceive)
		if confused {
			full, fullErr := r.step(ctx, w, p, zone, name)
			switch {
			case fullErr != nil:
				return zone, fullErr
			case full.zone != nil:
				st, err = full, nil
			case full.kind == KindNXDomain:
				return zone, fmt.Errorf("%s in zone %s: %w", name, shown(zone.Name), ErrNotDelegated)
			default:
				deceive = true
				st, err = step{kind: KindNoData}, nil
			}
		}
		switch {
		case err != nil:
			return zone, err
		case st.zone != nil:
			zone, asked, deceive = st.zone, st.zone.Name, false
		case st.kind == KindNXDomain && (asked == name || !deceive):
			return zone, fmt.Errorf("%s in zone %s: %w", name, shown(zone.Name), ErrNotDelegated)
		case st.dname:
			return zone, nil
		}
	}
	return zone, nil
}

// step asks zone about a delegation at or above name. Those of public zones
// are remembered, and looked for by one caller at a time.
func (r *Resolver) step(ctx context.Context, w *work, p *path, zone *Zone, name string) (step, error) {
	if !isPublicZone(name) {
		st, _, err := r.stepDown(ctx, w, p, zone, name)
		return st, err
	}
	find := func() (step, error) {
		if z := r.cache.enclosing(name); z != nil && z.Name == name {
			return step{zone: z}, nil
		}
		st, ttl, err := r.stepDown(ctx, w, p, zone, name)
		if err == nil && st.zone != nil && isPublicZone(st.zone.Name) {
			r.cache.put(st.zone, ttl)
		}
		return st, err
	}
	if p != nil {
		// Waiting inside a search for a name server could wait for itself.
		return find()
	}
	return r.cache.once(ctx, name, find)
}

func (r *Resolver) stepDown(ctx context.Context, w *work, p *path, zone *Zone, name string) (step, uint32, error) {
	q, err := newQuestion(name, dns.TypeNS)
	if err != nil {
		return step{}, 0, err
	}
	span := probe.TraceFrom(ctx)
	began := time.Now()
	a, rd, err := r.askAny(ctx, w, p, zone, q)
	if err != nil {
		if span != nil {
			span.Record("ask_parent", "zone "+shown(zone.Name), began, false, "%s: %v", name, err)
		}
		return step{}, 0, err
	}
	st := step{kind: a.Kind}
	var ttl uint32
	if rd.referral != nil {
		st.zone, ttl = newZone(rd.referral, zone.Name, a.Addr), rd.referral.ttl
	}
	st.dname = a.Kind == KindAlias && a.Records[0].Type == dns.TypeDNAME
	if span != nil {
		span.Record("ask_parent", serverTarget(&a), began, true, "%s", describeStep(name, st))
	}
	return st, ttl, nil
}

// newZone is the zone of a referral given by a server of parent.
func newZone(ref *referral, parent string, by netip.AddrPort) *Zone {
	z := &Zone{Name: ref.zone, Parent: parent, DelegatedBy: by, Servers: make([]NameServer, len(ref.ns))}
	for i, host := range ref.ns {
		ns := NameServer{Name: host}
		for _, g := range ref.glue {
			if g.host == host && !slices.Contains(ns.Addrs, g.addr) {
				ns.Addrs = append(ns.Addrs, g.addr)
			}
		}
		ns.Glue = len(ns.Addrs) > 0
		z.Servers[i] = ns
	}
	return z
}

// candidate is one address of one server.
type candidate struct {
	server string
	addr   netip.AddrPort
}

// candidates lists the known addresses of a zone for a walk: IPv4 first, which
// nearly every server and every client has, each family from a random start.
func (r *Resolver) candidates(zone *Zone) []candidate {
	var v4, v6 []candidate
	for i := range zone.Servers {
		ns := &zone.Servers[i]
		for _, addr := range ns.Addrs {
			c := candidate{ns.Name, r.addrPort(ns.Name, addr)}
			if addr.Unmap().Is4() {
				v4 = append(v4, c)
			} else {
				v6 = append(v6, c)
			}
		}
	}
	rotate(v4)
	rotate(v6)
	return append(v4, v6...)
}

func rotate(c []candidate) {
	if len(c) < 2 {
		return
	}
	n := rand.IntN(len(c))
	slices.Reverse(c[:n])
	slices.Reverse(c[n:])
	slices.Reverse(c)
}

// askAny asks the servers of zone until one answers usably. The error is
// ErrNoServers (ErrOurNetworkDown at the root), ErrBudget, or that of ctx.
func (r *Resolver) askAny(ctx context.Context, w *work, p *path, zone *Zone, q *question) (ServerAnswer, reading, error) {
	var last error
	spoke := false // some server said something
	if cands := r.candidates(zone); len(cands) > 0 {
		a, rd := r.exchange(ctx, w, zone.Name, cands[0].server, cands[0].addr, q, effortQuick)
		if a.Status == StatusOK {
			return a, rd, nil
		}
		if a.Status != StatusTimeout {
			cands = cands[1:] // the others may know better
			last, spoke = a.Err, !a.dead()
		}
		a, rd, err := r.race(ctx, w, zone, q, cands)
		if err == nil {
			return a, rd, nil
		}
		if !errors.Is(err, errNobody) {
			last, spoke = err, spoke || !a.dead()
		}
	}
	// Servers without known addresses, a few of them. Those inside the zone
	// itself cannot be found without it.
	tried := 0
	for i := range zone.Servers {
		ns := &zone.Servers[i]
		if len(ns.Addrs) > 0 || within(ns.Name, zone.Name) || r.Forwarding() {
			continue
		}
		if tried++; tried > maxWalkNames || w.spent() || ctx.Err() != nil {
			break
		}
		addrs, err := r.hostAddrs(ctx, w, p, ns.Name)
		if err != nil {
			last = err
			continue
		}
		cands := make([]candidate, len(addrs))
		for i, addr := range addrs {
			cands[i] = candidate{ns.Name, r.addrPort(ns.Name, addr)}
		}
		a, rd, err := r.race(ctx, w, zone, q, cands)
		if err == nil {
			return a, rd, nil
		}
		last = err
	}
	if last == nil {
		last = errNobody
	}
	if err := ended(ctx); err != nil {
		return ServerAnswer{}, reading{}, fmt.Errorf("asking zone %s about %s: %w", shown(zone.Name), q.name, err)
	}
	err := ErrNoServers
	switch {
	case w.spent():
		err = ErrBudget
	case zone.Name == "" && !(spoke && r.Forwarding()):
		err = ErrOurNetworkDown
	}
	if said, ok := errors.AsType[*ServerError](last); ok {
		return ServerAnswer{}, reading{}, fmt.Errorf("asking zone %s about %s: %w (%w)", shown(zone.Name), q.name, err, said)
	}
	return ServerAnswer{}, reading{}, fmt.Errorf("asking zone %s about %s: %w (%v)", shown(zone.Name), q.name, err, last) //nolint:errorlint // last does not decide what this is
}

var errNobody = errors.New("no address to ask")

// race asks addresses one after the other, each a little later than the one
// before or as soon as that one failed, and takes the first usable answer. With
// an error comes one failed answer, of a server that said something if there
// was one.
func (r *Resolver) race(ctx context.Context, w *work, zone *Zone, q *question, cands []candidate) (ServerAnswer, reading, error) {
	if len(cands) == 0 {
		return ServerAnswer{}, reading{}, errNobody
	}
	cands = cands[:min(len(cands), maxRace)]
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		a  ServerAnswer
		rd reading
	}
	results := make(chan result, len(cands))
	running, next := 0, 0
	defer func() {
		cancel()
		for range running {
			<-results
		}
	}()
	start := func() {
		c := cands[next]
		next++
		running++
		go func() {
			a, rd := r.exchange(ctx, w, zone.Name, c.server, c.addr, q, effortFull)
			results <- result{a, rd}
		}()
	}
	timer := time.NewTicker(stagger)
	defer timer.Stop()
	var last ServerAnswer
	for start(); running > 0; {
		select {
		case res := <-results:
			running--
			if res.a.Status == StatusOK {
				return res.a, res.rd, nil
			}
			if last.Status == "" || last.dead() {
				last = res.a
			}
			if next < len(cands) && ctx.Err() == nil {
				start()
			}
		case <-timer.C:
			if next < len(cands) {
				start()
			}
		}
	}
	return last, reading{}, fmt.Errorf("%s: %w", serverTarget(&last), last.Err)
}

// askOne asks one server of the zone that holds the name, following referrals
// down from zone.
func (r *Resolver) askOne(ctx context.Context, w *work, p *path, zone *Zone, q *question) (ServerAnswer, *Zone, error) {
	for {
		a, rd, err := r.askAny(ctx, w, p, zone, q)
		if err != nil {
			return a, zone, err
		}
		if a.Kind != KindReferral {
			return a, zone, nil
		}
		zone = newZone(rd.referral, zone.Name, a.Addr) // strictly deeper
	}
}

// hostAddrs finds the addresses of a name server. Aliases are not followed: a
// name server must not be one (RFC 2181 section 10.3).
func (r *Resolver) hostAddrs(ctx context.Context, w *work, p *path, host string) ([]netip.Addr, error) {
	if addrs, ok := r.knownAddrs(w, host); ok {
		return addrs, nil
	}
	if p.has(host) {
		return nil, fmt.Errorf("name server %s: %w: needs itself", host, ErrBudget)
	}
	p = p.push(host)
	if p.deep > maxNesting {
		return nil, fmt.Errorf("name server %s: %w: nested too deep", host, ErrBudget)
	}
	zone, err := r.walk(ctx, w, p, host, false)
	if errors.Is(err, ErrNotDelegated) {
		return nil, fmt.Errorf("name server %s: no such name", host)
	}
	if err != nil {
		return nil, fmt.Errorf("name server %s: %w", host, err)
	}
	return r.hostAddrsAt(ctx, w, p, zone, host)
}

// knownAddrs are addresses of a name server found in this lookup or in one of
// the last minutes.
func (r *Resolver) knownAddrs(w *work, host string) ([]netip.Addr, bool) {
	if addrs, ok := w.recall(host); ok {
		return addrs, true
	}
	return r.cache.host(host)
}

// hostAddrsAt is hostAddrs with the way to an enclosing zone known.
func (r *Resolver) hostAddrsAt(ctx context.Context, w *work, p *path, zone *Zone, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	var last error
	ttl := ^uint32(0)
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		q, err := newQuestion(host, qtype)
		if err != nil {
			return nil, err
		}
		a, at, err := r.askOne(ctx, w, p, zone, q)
		zone = at
		if err != nil {
			last = err
			continue
		}
		if a.Kind == KindNXDomain || a.Kind == KindAlias {
			last = fmt.Errorf("%s for an address of a name server", a.Kind)
			break
		}
		for _, rec := range a.Records {
			addrs = append(addrs, rec.Addr)
			ttl = min(ttl, rec.TTL)
		}
	}
	if len(addrs) == 0 {
		if last == nil {
			last = errors.New("no address")
		}
		return nil, fmt.Errorf("name server %s: %w", host, last)
	}
	w.remember(host, addrs)
	if last == nil {
		r.cache.putHost(host, addrs, ttl)
	}
	return addrs, nil
}

func describeStep(name string, st step) string {
	if st.zone == nil {
		return fmt.Sprintf("%s: no zone of its own (%s)", name, st.kind)
	}
	names := make([]string, 0, 4)
	for _, ns := range st.zone.Servers[:min(len(st.zone.Servers), cap(names))] {
		names = append(names, ns.Name)
	}
	more := ""
	if n := len(st.zone.Servers) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s is served by %s%s", st.zone.Name, strings.Join(names, ", "), more)
}
