package dns

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// Forwarding reports whether this resolver stands in a closed network and may
// only ask its forwarders, which then count as the servers of every zone. A
// proof seen that way is worth less: the forwarders may have a view of their
// own.
func (r *Resolver) Forwarding() bool { return len(r.cfg.Forward) > 0 }

// forwardZone finds the zone of name by its start of authority.
func (r *Resolver) forwardZone(ctx context.Context, w *work, name string) (*Zone, error) {
	zone := &Zone{}
	for _, ap := range r.cfg.Forward {
		zone.Servers = append(zone.Servers, NameServer{Name: ap.String(), Addrs: []netip.Addr{ap.Addr()}})
	}
	q, err := newQuestion(name, dns.TypeSOA)
	if err != nil {
		return nil, err
	}
	q.rd = true
	a, _, err := r.askAny(ctx, w, nil, zone, q)
	if err != nil {
		return nil, err
	}
	switch {
	case a.SOA != nil:
		zone.Name = a.SOA.Zone
	case a.Kind == KindAlias:
		// The SOA that came belongs to the target; the alias is below an apex.
		if up := parentName(name); up != "" {
			return r.forwardZone(ctx, w, up)
		}
	}
	zone.Parent = parentName(zone.Name)
	if a.Kind == KindNXDomain {
		return zone, fmt.Errorf("%s in zone %s: %w", name, shown(zone.Name), ErrNotDelegated)
	}
	return zone, nil
}

// Cached asks each configured recursive resolver, for information only. The
// answers are in the order of Config.Recursive; there the records are those of
// the type at the end of the chain.
func (r *Resolver) Cached(ctx context.Context, name string, qtype uint16) []CachedAnswer {
	out := make([]CachedAnswer, len(r.cfg.Recursive))
	q, err := newQuestion(name, qtype)
	if err == nil {
		q.rd = true
	}
	w := r.newWork()
	var wg sync.WaitGroup
	for i, ap := range r.cfg.Recursive {
		out[i].Resolver = ap
		if err != nil {
			out[i].Err = err
			continue
		}
		wg.Go(func() { r.cached(ctx, w, q, &out[i]) })
	}
	wg.Wait()
	return out
}

func (r *Resolver) cached(ctx context.Context, w *work, q *question, out *CachedAnswer) {
	began := time.Now()
	a, _ := r.exchange(ctx, w, "", "", out.Resolver, q, effortFull)
	out.RCode, out.EDE = a.RCode, a.EDE
	switch {
	case a.Status != StatusOK:
		out.Err = a.Err
	default:
		m, err := parseMessage(a.Wire)
		if err != nil {
			out.Err = err
			break
		}
		out.Records, out.TTL = m.endOfChain(q)
	}
	if tr := probe.TraceFrom(ctx); tr != nil {
		tr.Record("ask_cached", out.Resolver.String(), began, out.Err == nil, "%s %s: %s",
			shown(q.name), dns.Type(q.qtype), describe(&a, q.qtype))
	}
}

// endOfChain follows the aliases inside one answer of a recursive resolver.
// The time left is the shortest of all records that lead there, or of the
// negative answer (RFC 2308 section 5).
func (m *message) endOfChain(q *question) (records []Record, left time.Duration) {
	ttl := ^uint32(0)
	name := q.name
	for range maxAliases + 1 {
		next := ""
		for _, rr := range m.answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || fold(h.Name) != name || h.Rrtype != q.qtype && h.Rrtype != dns.TypeCNAME {
				continue
			}
			rec, err := newRecord(rr)
			if err != nil {
				continue
			}
			ttl = min(ttl, rec.TTL)
			if rec.Type == q.qtype {
				records = append(records, rec)
			} else {
				next = rec.Target
			}
		}
		if len(records) > 0 || next == "" {
			break
		}
		name = next
	}
	if len(records) == 0 {
		for _, rr := range m.authority {
			if soa, ok := newSOA(rr); ok && within(name, soa.Zone) {
				ttl = min(ttl, soa.TTL, soa.Minimum)
			}
		}
	}
	if ttl == ^uint32(0) {
		ttl = 0
	}
	return canonical(records), time.Duration(ttl) * time.Second
}
