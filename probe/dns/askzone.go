package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

const (
	maxServers = 16 // names of one zone that are asked
	maxAddrs   = 32 // addresses of one zone that are asked
	// maxPublicServers is how many servers of the root, a top-level domain or
	// an ICANN suffix need to deny a name: they are asked about every name that
	// nobody registered, and should not be asked by the dozen.
	maxPublicServers = 2
	// maxResolving is how many name servers' addresses are looked for at once.
	maxResolving = 4
)

// complete returns zone with the addresses of all its servers, up to limit
// servers and maxAddrs addresses. Each server keeps at least one address.
func (r *Resolver) complete(ctx context.Context, w *work, zone *Zone, limit int) *Zone {
	if r.Forwarding() {
		return zone
	}
	missing, total := 0, 0
	for i := range zone.Servers {
		if total += len(zone.Servers[i].Addrs); len(zone.Servers[i].Addrs) == 0 && zone.Servers[i].Err == nil {
			missing++
		}
	}
	if missing == 0 && len(zone.Servers) <= limit && total <= maxAddrs {
		return zone
	}

	z := *zone
	z.Servers = slices.Clone(zone.Servers)
	if limit < maxServers {
		// Any servers will do; those with known addresses cost nothing more.
		slices.SortStableFunc(z.Servers, func(a, b NameServer) int {
			return boolCompare(len(b.Addrs) > 0, len(a.Addrs) > 0)
		})
	}
	if n := len(z.Servers); n > limit {
		z.Servers, z.Skipped = z.Servers[:limit:limit], z.Skipped+n-limit
	}
	r.resolveServers(ctx, w, &z)
	limitAddrs(&z)
	return &z
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// resolveServers looks for the missing addresses: first of the servers named
// outside the zone, then of those inside, which the others must know.
func (r *Resolver) resolveServers(ctx context.Context, w *work, z *Zone) {
	for i := range z.Servers {
		// Mostly the addresses are remembered.
		if ns := &z.Servers[i]; len(ns.Addrs) == 0 && ns.Err == nil {
			ns.Addrs, _ = r.knownAddrs(w, ns.Name)
		}
	}
	find := func(inside bool, addrs func(host string) ([]netip.Addr, error)) {
		slots := make(chan struct{}, maxResolving)
		var wg sync.WaitGroup
		for i := range z.Servers {
			ns := &z.Servers[i]
			if len(ns.Addrs) > 0 || ns.Err != nil || within(ns.Name, z.Name) != inside {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				ns.Addrs, ns.Err = addrs(ns.Name)
			})
		}
		wg.Wait()
	}
	find(false, func(host string) ([]netip.Addr, error) { return r.hostAddrs(ctx, w, nil, host) })
	known := *z
	known.Servers = slices.DeleteFunc(slices.Clone(z.Servers), func(ns NameServer) bool { return len(ns.Addrs) == 0 })
	find(true, func(host string) ([]netip.Addr, error) {
		if len(known.Servers) == 0 {
			return nil, fmt.Errorf("name server %s: inside its own zone, and the parent gives no address", host)
		}
		var p *path
		return r.hostAddrsAt(ctx, w, p.push(host), &known, host)
	})
}

// limitAddrs cuts the addresses to maxAddrs, taking the first of each server,
// then the second of each, and so on.
func limitAddrs(z *Zone) {
	total := 0
	for i := range z.Servers {
		total += len(z.Servers[i].Addrs)
	}
	if total <= maxAddrs {
		return
	}
	keep := make([]int, len(z.Servers))
	for left, round := maxAddrs, 0; left > 0; round++ {
		for i := range z.Servers {
			if round < len(z.Servers[i].Addrs) && left > 0 {
				keep[i]++
				left--
			}
		}
	}
	for i := range z.Servers {
		n := len(z.Servers[i].Addrs)
		z.Servers[i].Addrs = z.Servers[i].Addrs[:keep[i]:keep[i]]
		if keep[i] < n {
			z.Skipped++
		}
	}
}

// asked is one answer with what its message says beyond.
type asked struct {
	ServerAnswer
	rd   reading
	zone *Zone // that the server was asked for
}

// askAll asks every address of every server of a completed zone at the same
// time, each address once. known holds answers that need not be asked for
// again.
func (r *Resolver) askAll(ctx context.Context, w *work, zone *Zone, q *question, known []asked) []asked {
	out := make([]asked, 0, 2*len(zone.Servers))
	type twin struct{ at, of int }
	var ask []int
	var twins []twin
	for i := range zone.Servers {
		ns := &zone.Servers[i]
		if len(ns.Addrs) == 0 {
			err := ns.Err
			if err == nil {
				err = errors.New("no address")
			}
			out = append(out, asked{ServerAnswer: ServerAnswer{Server: ns.Name, Status: StatusNoAddress, Err: err, Security: SecurityIndeterminate}})
			continue
		}
		for _, addr := range ns.Addrs {
			at := len(out)
			out = append(out, asked{ServerAnswer: ServerAnswer{Server: ns.Name, Addr: r.addrPort(ns.Name, addr)}})
			if j := findAddr(known, out[at].Addr); j >= 0 {
				out[at] = known[j]
				out[at].Server = ns.Name
			} else if j := findAddr(out[:at], out[at].Addr); j >= 0 {
				twins = append(twins, twin{at, j})
			} else {
				ask = append(ask, at)
			}
		}
	}
	for i := range out {
		out[i].zone = zone
	}
	one := func(at int) {
		a := &out[at]
		a.ServerAnswer, a.rd = r.askTraced(ctx, w, zone.Name, a.Server, a.Addr, q)
	}
	if len(ask) > len(zone.Servers) {
		late := r.newStragglers(ctx, out, ask)
		defer late.cancel()
		one = func(at int) {
			a := &out[at]
			sa, rd := r.askTraced(late.ctx, w, zone.Name, a.Server, a.Addr, q)
			late.done(&sa)
			a.ServerAnswer, a.rd = sa, rd
		}
	}
	var wg sync.WaitGroup
	for n, at := range ask {
		if n == len(ask)-1 {
			one(at) // this goroutine has nothing better to do
			break
		}
		wg.Go(func() { one(at) })
	}
	wg.Wait()
	for _, t := range twins {
		name := out[t.at].Server
		out[t.at] = out[t.of]
		out[t.at].Server = name
	}
	return out
}

func findAddr(answers []asked, addr netip.AddrPort) int {
	return slices.IndexFunc(answers, func(a asked) bool { return a.Addr == addr })
}

// askTraced is a full exchange that leaves a step in the trace.
func (r *Resolver) askTraced(ctx context.Context, w *work, zone, server string, addr netip.AddrPort, q *question) (ServerAnswer, reading) {
	tr := probe.TraceFrom(ctx)
	if tr == nil {
		return r.exchange(ctx, w, zone, server, addr, q, effortFull)
	}
	began := time.Now()
	a, rd := r.exchange(ctx, w, zone, server, addr, q, effortFull)
	tr.Record("ask_authoritative", serverTarget(&a), began, a.Status == StatusOK, "%s %s: %s",
		shown(q.name), dns.Type(q.qtype), describe(&a, q.qtype))
	return a, rd
}

// askZone asks every server of the zone, and goes on into a zone below it
// wherever the servers show that the name lies there.
func (r *Resolver) askZone(ctx context.Context, w *work, zone *Zone, q *question) *Answer {
	var above []asked // usable answers of zones passed on the way down
	for {
		whole, known := zone, above
		var answers []asked
		ready := r.prepareKeys(ctx, w, whole)
		if isPublicZone(zone.Name) && !r.Forwarding() {
			zone = r.complete(ctx, w, whole, maxPublicServers)
			answers = r.askAll(ctx, w, zone, q, known)
			known = append(known[:len(known):len(known)], answers...)
		}
		if !denied(answers) {
			zone = r.complete(ctx, w, whole, maxServers)
			answers = r.askAll(ctx, w, zone, q, known)
		}
		child := r.zoneBelow(ctx, w, zone, q, answers)
		<-ready
		if child == nil {
			// A server of the parent that answers by itself where others refer
			// takes part in the comparison: who asks it gets that answer.
			for _, a := range above {
				if findAddr(answers, a.Addr) < 0 {
					answers = append(answers, a)
				}
			}
			began := time.Now()
			r.validate(ctx, w, q, answers)
			ans := &Answer{
				Name: q.name, Type: q.qtype, Zone: zone,
				Servers: make([]ServerAnswer, len(answers)),
			}
			for i := range answers {
				ans.Servers[i] = answers[i].ServerAnswer
			}
			ans.judgeAll()
			if r.Validating() {
				recordVerdict(ctx, began, "zone "+shown(zone.Name), ans.Security, ans.Fault)
			}
			return ans
		}
		for _, a := range answers {
			if a.Status == StatusOK && a.Kind != KindReferral && findAddr(above, a.Addr) < 0 {
				above = append(above, a)
			}
		}
		zone = child
	}
}

// denied reports that there are answers and all of them deny the name.
func denied(answers []asked) bool {
	for i := range answers {
		if answers[i].Kind != KindNXDomain {
			return false
		}
	}
	return len(answers) > 0
}

// zoneBelow finds the zone below zone that q.name really lies in, or nil. It
// shows as a referral; or, where a server holds both zones, in whose authority
// the answer speaks.
func (r *Resolver) zoneBelow(ctx context.Context, w *work, zone *Zone, q *question, answers []asked) *Zone {
	if r.Forwarding() {
		return nil
	}
	var child *Zone
	for i := range answers {
		if answers[i].Status == StatusOK && answers[i].Kind == KindReferral {
			child = mergeZones(child, newZone(answers[i].rd.referral, zone.Name, answers[i].Addr))
		}
	}
	if child != nil || q.name == zone.Name {
		return child
	}
	i := slices.IndexFunc(answers, func(a asked) bool { return a.Status == StatusOK })
	if i < 0 {
		return nil
	}
	cut, sure := apexOf(&answers[i], zone.Name)
	if !sure {
		cut = r.askApex(ctx, w, zone, q, &answers[i])
	}
	if !below(cut, zone.Name) || !within(q.name, cut) {
		return nil
	}
	nsq, err := newQuestion(cut, dns.TypeNS)
	if err != nil {
		return nil
	}
	_, rd := r.exchange(ctx, w, zone.Name, answers[i].Server, answers[i].Addr, nsq, effortFull)
	if rd.referral == nil || rd.referral.zone != cut {
		return nil
	}
	return newZone(rd.referral, zone.Name, answers[i].Addr)
}

// mergeZones adds the servers of b to a. Servers of the parent may refer to
// different sets while it changes; all of them have to agree. Of two zones the
// one closer to the root is taken: its servers refer on.
func mergeZones(a, b *Zone) *Zone {
	switch {
	case a == nil || below(a.Name, b.Name):
		return b
	case a.Name != b.Name:
		return a
	}
	for _, ns := range b.Servers {
		i := slices.IndexFunc(a.Servers, func(x NameServer) bool { return x.Name == ns.Name })
		if i < 0 {
			a.Servers = append(a.Servers, ns)
			continue
		}
		for _, addr := range ns.Addrs {
			if !slices.Contains(a.Servers[i].Addrs, addr) {
				a.Servers[i].Addrs = append(a.Servers[i].Addrs, addr)
				a.Servers[i].Glue = true
			}
		}
	}
	return a
}

// apexOf tells from an answer alone the apex of the zone that gave it.
func apexOf(a *asked, zone string) (apex string, sure bool) {
	switch {
	case a.SOA != nil:
		return a.SOA.Zone, true
	case a.rd.signer != "":
		return a.rd.signer, true
	case len(a.ChildNSSeen) > 0:
		return a.rd.apex, true
	case a.Kind == KindNoData || a.Kind == KindNXDomain:
		return zone, true // it says nothing more
	}
	return "", false
}

// askApex asks the server of a positive answer which zone the name is in.
func (r *Resolver) askApex(ctx context.Context, w *work, zone *Zone, q *question, a *asked) string {
	// An alias never stands at an apex, and hides the authority of its own
	// name; a DNAME may. DS records belong to the zone above.
	name := q.name
	if a.Kind == KindAlias || q.qtype == dns.TypeCNAME || q.qtype == dns.TypeDS {
		if name = parentName(q.name); a.Records[0].Type == dns.TypeDNAME {
			name = a.Records[0].Name
		}
	}
	if !below(name, zone.Name) {
		return zone.Name
	}
	soaq, err := newQuestion(name, dns.TypeSOA)
	if err != nil {
		return zone.Name
	}
	sa, _ := r.exchange(ctx, w, zone.Name, a.Server, a.Addr, soaq, effortFull)
	if sa.Status != StatusOK || sa.SOA == nil {
		return zone.Name
	}
	return sa.SOA.Zone
}
