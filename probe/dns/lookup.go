package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// maxAliases bounds a chain of CNAME and DNAME.
const maxAliases = 10

// Lookup is Ask, followed through aliases; every hop asks every server of its
// zone. Where they do not agree, the alias that most of them give is followed,
// or else the one alias that all usable answers give.
func (r *Resolver) Lookup(ctx context.Context, name string, qtype uint16) (*Lookup, error) {
	q, err := newQuestion(name, qtype)
	if err != nil {
		return nil, err
	}
	w := r.newWork()
	first, err := r.ask(ctx, w, q)
	if err != nil {
		return nil, err
	}
	l := &Lookup{Hops: []*Answer{first}}
	for {
		target, err := l.Final().alias()
		switch {
		case err != nil:
			l.ChainErr = err
			return l, nil //nolint:nilerr // the answers so far count
		case target == "":
			return l, nil
		case slices.ContainsFunc(l.Hops, func(a *Answer) bool { return a.Name == target }):
			l.ChainErr = fmt.Errorf("%s leads back to %s: %w", l.Final().Name, target, ErrLoop)
			return l, nil
		case len(l.Hops) > maxAliases:
			l.ChainErr = fmt.Errorf("more than %d aliases from %s: %w", maxAliases, first.Name, ErrChainTooLong)
			return l, nil
		}
		q, err := newQuestion(target, qtype)
		if err != nil {
			l.ChainErr = fmt.Errorf("following %s: %w", l.Final().Name, err)
			return l, nil
		}
		next, err := r.ask(ctx, w, q)
		if err != nil {
			l.ChainErr = fmt.Errorf("following %s: %w", l.Final().Name, err)
			return l, nil
		}
		l.Hops = append(l.Hops, next)
	}
}

// alias is where an answer leads on to; "" if it does not.
func (a *Answer) alias() (string, error) {
	if s, ok := a.Agreed(); ok {
		return s.AliasTarget(), nil
	}
	if s, ok := a.Majority(); ok {
		return s.AliasTarget(), nil
	}
	target := ""
	for i := range a.Servers {
		s := &a.Servers[i]
		if s.Status != StatusOK || s.Kind != KindAlias {
			continue
		}
		if t := s.AliasTarget(); target == "" {
			target = t
		} else if t != target {
			return "", fmt.Errorf("%s: %w", a.Name, ErrDisagree)
		}
	}
	if target != "" && slices.ContainsFunc(a.Servers, func(s ServerAnswer) bool { return s.Status == StatusOK && s.Kind != KindAlias }) {
		return "", fmt.Errorf("%s: %w", a.Name, ErrDisagree)
	}
	return target, nil
}

// Addrs resolves host for a connection: one A and one AAAA question per name,
// each to one authoritative server, others only if it does not answer. A host
// without addresses is no error. An answer that fails validation is: a *Fault.
func (r *Resolver) Addrs(ctx context.Context, host string) (*Addresses, error) {
	q, err := newQuestion(host, dns.TypeA)
	if err != nil {
		return nil, err
	}
	w := r.newWork()
	out := &Addresses{Host: q.name}
	tr := probe.TraceFrom(ctx)
	for {
		began := time.Now()
		target, err := r.addrsAt(ctx, w, q, out)
		if tr != nil {
			recordAddrs(tr, began, q.name, target, out, err)
		}
		if err != nil {
			return nil, fmt.Errorf("resolving %s: %w", host, err)
		}
		switch {
		case target == "":
			return out, nil
		case target == out.Host || slices.Contains(out.Chain, target):
			return nil, fmt.Errorf("resolving %s: %w", host, ErrLoop)
		case len(out.Chain) >= maxAliases:
			return nil, fmt.Errorf("resolving %s: %w", host, ErrChainTooLong)
		}
		out.Chain = append(out.Chain, target)
		if q, err = newQuestion(target, dns.TypeA); err != nil {
			return nil, fmt.Errorf("resolving %s: %w", host, err)
		}
	}
}

// addrsAt asks for both families at one name of the chain, and returns the
// next name if there is an alias.
func (r *Resolver) addrsAt(ctx context.Context, w *work, q *question, out *Addresses) (target string, err error) {
	zone, err := r.walk(ctx, w, nil, q.name, false)
	switch {
	case errors.Is(err, ErrNotDelegated) && !r.Validating():
		out.Kind = KindNXDomain
		return "", nil
	case err != nil && !errors.Is(err, ErrNotDelegated):
		return "", err
	}
	q.rd = r.Forwarding()
	var v4, v6 []netip.Addr
	a4, at, err4 := r.askValid(ctx, w, zone, q)
	if errors.Is(err4, ErrBogus) || errors.Is(err4, ErrNoKeys) {
		return "", err4
	}
	if err4 == nil {
		if t := a4.AliasTarget(); t != "" {
			return t, nil
		}
		if a4.Kind == KindNXDomain {
			out.Kind = KindNXDomain
			return "", nil
		}
		v4, zone = addrsOf(&a4), at
	}
	q6 := *q
	q6.qtype = dns.TypeAAAA
	a6, _, err6 := r.askValid(ctx, w, zone, &q6)
	switch {
	case errors.Is(err6, ErrBogus), errors.Is(err6, ErrNoKeys):
		return "", err6
	case err6 == nil:
		// An alias for one family only is a broken zone; follow it if there is
		// nothing else.
		if t := a6.AliasTarget(); t != "" && len(v4) == 0 {
			return t, nil
		}
		v6 = addrsOf(&a6)
	case err4 != nil:
		return "", err4
	case len(v4) == 0:
		return "", err6
	}
	if err4 != nil && len(v6) == 0 {
		return "", err4
	}
	out.Addrs = append(v6, v4...)
	out.Kind = KindNoData
	if len(out.Addrs) > 0 {
		out.Kind = KindData
	}
	return "", nil
}

// askValid is askOne for an answer that will be acted upon: one that should be
// signed and is not is the error *Fault.
func (r *Resolver) askValid(ctx context.Context, w *work, zone *Zone, q *question) (ServerAnswer, *Zone, error) {
	ready := r.prepareKeys(ctx, w, zone)
	a, at, err := r.askOne(ctx, w, nil, zone, q)
	<-ready
	if err != nil {
		return a, at, err
	}
	began := time.Now()
	if r.validateOne(ctx, w, at, q, &a); a.Fault != nil {
		recordVerdict(ctx, began, serverTarget(&a), a.Security, a.Fault)
		return a, at, a.Fault
	}
	return a, at, nil
}

func recordAddrs(tr *probe.Trace, began time.Time, name, target string, out *Addresses, err error) {
	switch {
	case err != nil:
		tr.Record("resolve_address", name, began, false, "%v", err)
	case target != "":
		tr.Record("resolve_address", name, began, true, "alias to %s", target)
	case out.Kind == KindData:
		tr.Record("resolve_address", name, began, true, "%v", out.Addrs)
	default:
		tr.Record("resolve_address", name, began, true, "no address (%s)", out.Kind)
	}
}

func addrsOf(a *ServerAnswer) []netip.Addr {
	if a.Kind != KindData {
		return nil
	}
	out := make([]netip.Addr, 0, len(a.Records))
	for _, rec := range a.Records {
		if rec.Addr.IsValid() {
			out = append(out, rec.Addr)
		}
	}
	return out
}
