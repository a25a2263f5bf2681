package dns

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// verdict is what validation finds about one answer.
type verdict struct {
	state Security
	fault *Fault
	kind  Kind      // what the answer means; other than it says where the proof shows so
	keys  *zoneKeys // of the zone that gave the answer, when its proof was looked at
	set   *rrset    // the records of a positive answer
	proof proven    // of a negative answer
	until time.Time // what was proven holds no longer
	chain *ChainLink
}

func bogus(f *Fault) verdict { return verdict{state: SecurityBogus, fault: f} }

// missing reports that nothing was signed, as in a zone below that is not.
func (v verdict) missing() bool {
	return v.state == SecurityBogus && (v.fault.Code == FaultSignaturesMissing || v.fault.Code == FaultDenialMissing)
}

// prepareKeys begins to fetch the keys of a zone while its servers are asked.
// The channel is closed when that is done.
func (r *Resolver) prepareKeys(ctx context.Context, w *work, zone *Zone) <-chan struct{} {
	ready := make(chan struct{})
	if !r.Validating() || r.keys.get(zone.Name, r.cfg.Now(), w.renewing()) != nil {
		close(ready)
		return ready
	}
	go func() {
		defer close(ready)
		r.keysOf(ctx, w, zone.Name, zone)
	}()
	return ready
}

// validate judges each usable answer by itself.
func (r *Resolver) validate(ctx context.Context, w *work, q *question, answers []asked) {
	for i := range answers {
		if j := findAddr(answers[:i], answers[i].Addr); j >= 0 {
			answers[i].Security, answers[i].Fault, answers[i].Kind = answers[j].Security, answers[j].Fault, answers[j].Kind
			answers[i].Chain = answers[j].Chain
			continue
		}
		r.validateOne(ctx, w, answers[i].zone, q, &answers[i].ServerAnswer)
	}
}

// validateOne judges a usable answer of a server of zone. What speaks against
// it must not be old: keys that were remembered are fetched anew, and those
// that this very server has are looked at too.
func (r *Resolver) validateOne(ctx context.Context, w *work, zone *Zone, q *question, a *ServerAnswer) {
	if !r.Validating() || a.Status != StatusOK || a.Kind == KindReferral {
		return
	}
	v := r.judge(ctx, w, zone, q, a)
	if v.state == SecurityBogus && v.fault.Code != FaultTooMuchWork && w.renewKeys() {
		v = r.judge(ctx, w, zone, q, a)
	}
	if v.state == SecurityBogus && v.fault.Code == FaultNoMatchingKey && v.fault.Type != dns.TypeDNSKEY && w.rescue() {
		if own := r.keysAt(ctx, w, v.fault.Zone, zone, a); own != nil {
			if again := r.judgeBy(ctx, w, own, zone, q, a); again.state == SecuritySecure {
				v = again
			}
		}
	}
	if a.Security, a.Fault = v.state, v.fault; a.Security == SecurityIndeterminate && a.Fault == nil {
		// What was not judged must not pass for what needs no judgement.
		a.Fault = unknownKeys(zone.Name, q.qtype, nil).fault
	}
	a.Chain = v.chain
	if v.kind != "" {
		a.Kind = v.kind
	}
}

// recordVerdict leaves a step on the worst of some answers in the trace.
func recordVerdict(ctx context.Context, began time.Time, target string, state Security, fault *Fault) {
	tr := probe.TraceFrom(ctx)
	switch {
	case tr == nil:
	case fault != nil:
		tr.Record("validate", target, began, false, "%s: %s", state, fault.Text)
	default:
		tr.Record("validate", target, began, true, "%s", state)
	}
}

// keysAt are the keys of a zone as one of its servers shows them; nil unless
// they are valid. In the middle of a key rollover servers may differ.
func (r *Resolver) keysAt(ctx context.Context, w *work, name string, zone *Zone, a *ServerAnswer) *zoneKeys {
	k := r.keysOf(ctx, w, name, zone)
	q, err := newQuestion(name, dns.TypeDNSKEY)
	if err != nil || k.state != SecuritySecure || k.zone != name {
		return nil
	}
	keys, _ := r.exchange(ctx, w, zone.Name, a.Server, a.Addr, q, effortFull)
	if keys.Status != StatusOK || keys.Kind != KindData {
		return nil
	}
	by := trusted{ds: k.ds, until: k.until}
	if k.chain != nil {
		by.above, by.by = k.chain.Above, k.chain.DS
	}
	if k = r.acceptKeys(w, name, &keys, by); k.state != SecuritySecure {
		return nil
	}
	return k
}

// maxCutsSought bounds the search for an unsigned zone below a signed one.
const maxCutsSought = 5

// judge validates one usable answer of a server of zone.
func (r *Resolver) judge(ctx context.Context, w *work, zone *Zone, q *question, a *ServerAnswer) verdict {
	k := r.keysOf(ctx, w, zone.Name, zone)
	if k.state != SecuritySecure {
		return verdict{state: k.state, fault: k.fault, kind: a.Kind, chain: k.chain}
	}
	return r.judgeBy(ctx, w, k, zone, q, a)
}

// judgeBy is judge with the keys of an enclosing zone.
func (r *Resolver) judgeBy(ctx context.Context, w *work, k *zoneKeys, zone *Zone, q *question, a *ServerAnswer) verdict {
	sets, err := readSets(a.Wire)
	if err != nil {
		return bogus(&Fault{Code: FaultSignatureWrong, Zone: k.zone, Name: q.name, Type: q.qtype, Text: "The answer cannot be read for validation"})
	}
	// A server that holds a zone below too answers from that.
	lowest := q.name
	if q.qtype == dns.TypeDS {
		lowest = parentName(lowest)
	}
	if signer, ok := sets.signerBelow(k.wire, wireOf(lowest)); ok {
		if k = r.keysOf(ctx, w, signer.String(), zone); k.state != SecuritySecure {
			return verdict{state: k.state, fault: k.fault, kind: a.Kind, chain: k.chain}
		}
	}
	v := r.evaluate(w, k, sets, q, a)
	at := k.zone
	for sought := 0; v.missing() && below(lowest, at) && sought < maxCutsSought; sought++ {
		at = childToward(at, lowest)
		switch c := r.keysOf(ctx, w, at, zone); {
		case c.state == SecurityBogus:
			return v
		case c.state != SecuritySecure:
			return verdict{state: c.state, fault: c.fault, kind: a.Kind, chain: c.chain}
		case c.zone == at:
			v = r.evaluate(w, c, sets, q, a)
		}
	}
	return v
}

// signerBelow finds a signature made by a zone below apex, at or above name.
func (s rrsets) signerBelow(apex, name wireName) (wireName, bool) {
	for _, set := range s {
		for i := range set.sigs {
			if signer := set.sigs[i].signer; signer.below(apex) && name.within(signer) {
				return signer, true
			}
		}
	}
	return "", false
}

// evaluate validates an answer with the keys of the zone that gave it.
func (r *Resolver) evaluate(w *work, k *zoneKeys, sets rrsets, q *question, a *ServerAnswer) verdict {
	v := r.weigh(w, k, sets, q, a)
	v.chain = k.chain
	return v
}

func (r *Resolver) weigh(w *work, k *zoneKeys, sets rrsets, q *question, a *ServerAnswer) verdict {
	now := r.cfg.Now()
	name := wireName(q.wire)
	switch a.Kind {
	case KindData, KindAlias:
		owner, rtype := name, q.qtype
		if a.Kind == KindAlias {
			rtype = a.Records[0].Type
			owner = wireOf(a.Records[0].Name)
		}
		set := sets.find(owner, rtype, false)
		if set == nil {
			return bogus(&Fault{Code: FaultSignaturesMissing, Zone: k.zone, Name: q.name, Type: rtype, Text: missingText(k.zone, recordsOf(rtype, q.name))})
		}
		valid, fault := set.verify(&w.labour, k, now)
		if fault != nil {
			return bogus(fault)
		}
		v := verdict{state: SecuritySecure, kind: a.Kind, keys: k, set: set, until: valid.until}
		if valid.encloser == "" {
			return v
		}
		if rtype == dns.TypeDNAME || rtype == dns.TypeDS || rtype == dns.TypeDNSKEY {
			return bogus(&Fault{Code: FaultSignatureWrong, Zone: k.zone, Name: q.name, Type: rtype,
				Text: fmt.Sprintf("The signature over %s is that of a wildcard", recordsOf(rtype, set.owner.String()))})
		}
		// A wildcard answers: there must not be the name itself.
		d, until, fault := collect(w, k, sets, now)
		p := d.noCloser(name, valid.encloser)
		if !p.ok {
			return bogus(denialFault(w, k, q, d, fault, fmt.Sprintf("that %s has no records of its own and a wildcard may answer for it", q.name)))
		}
		return v.proved(p, until)
	case KindNoData, KindNXDomain:
		v := verdict{state: SecuritySecure, kind: a.Kind, keys: k}
		for _, set := range sets {
			if !set.authority || set.rtype != dns.TypeSOA || len(set.rdata) == 0 || !name.within(set.owner) {
				continue
			}
			valid, fault := set.verify(&w.labour, k, now)
			if fault != nil {
				return bogus(fault)
			}
			v.until = earlier(v.until, valid.until)
		}
		d, until, fault := collect(w, k, sets, now)
		if a.Kind == KindNXDomain {
			if v.proof = d.noName(name); v.proof.ok {
				return v.proved(v.proof, until)
			}
			// Some servers say NXDOMAIN where a name has no records but others
			// below it have. The proof tells, and it is signed.
			v.kind = KindNoData
		}
		if v.proof = d.noData(name, q.qtype); v.proof.ok {
			return v.proved(v.proof, until)
		}
		what := fmt.Sprintf("that %s has no %s record", shown(q.name), dns.Type(q.qtype))
		if a.Kind == KindNXDomain {
			what = fmt.Sprintf("that %s does not exist", q.name)
		}
		return bogus(denialFault(w, k, q, d, fault, what))
	}
	return verdict{state: SecurityIndeterminate, kind: a.Kind}
}

// proved adds what a proof of denial shows.
func (v verdict) proved(p proven, until time.Time) verdict {
	if v.proof = p; p.insecure {
		v.state = SecurityInsecure
	}
	v.until = earlier(v.until, until)
	return v
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// collect gathers the records of denial whose signatures are valid. The fault
// is that of one whose signature is not.
func collect(w *work, k *zoneKeys, sets rrsets, now time.Time) (d *denial, until time.Time, fault *Fault) {
	d = &denial{apex: k.wire, hash: &w.labour.hash}
	count := 0
	for _, set := range sets {
		if !set.authority || len(set.rdata) == 0 || set.rtype != dns.TypeNSEC && set.rtype != dns.TypeNSEC3 || !set.owner.within(k.wire) {
			continue
		}
		if count++; count > maxDenials {
			return d, until, tooMuch(k.zone, set, "there are too many records of denial")
		}
		valid, f := set.verify(&w.labour, k, now)
		if f != nil {
			if fault = f; f.Code == FaultTooMuchWork {
				return d, until, f
			}
			continue
		}
		if valid.encloser != "" {
			continue // made from a wildcard, it says nothing about this name
		}
		until = earlier(until, valid.until)
		for _, rdata := range set.rdata {
			d.add(set, rdata)
		}
	}
	return d, until, fault
}

// add adds one record of denial that is signed.
func (d *denial) add(set *rrset, rdata []byte) {
	if set.rtype == dns.TypeNSEC {
		if n, ok := readNSEC(set.owner, rdata); ok && n.next.within(d.apex) {
			d.nsec = append(d.nsec, n)
		}
		return
	}
	n, ok := readNSEC3(set.owner, d.apex, rdata)
	switch {
	case !ok:
	case n.params.iterations > maxIterations:
		d.heavy = true
	case len(d.nsec3) == 0 || d.nsec3[0].params == n.params:
		d.nsec3 = append(d.nsec3, n)
	}
}

// denialFault says why a proof does not do.
func denialFault(w *work, k *zoneKeys, q *question, d *denial, fault *Fault, what string) *Fault {
	f := &Fault{Code: FaultDenialWrong, Zone: k.zone, Name: q.name, Type: q.qtype}
	switch {
	case w.labour.hash.over:
		f.Code, f.Text = FaultTooMuchWork, fmt.Sprintf("The proof that the servers of %s send cannot be checked within the limit", zoneName(k.zone))
	case fault != nil:
		return fault
	case len(d.nsec) == 0 && len(d.nsec3) == 0:
		f.Code = FaultDenialMissing
		f.Text = fmt.Sprintf("The servers of %s send no signed proof %s", zoneName(k.zone), what)
	default:
		f.Text = fmt.Sprintf("The signed proof that the servers of %s send does not show %s", zoneName(k.zone), what)
	}
	return f
}
