package dns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// zoneKeys is what validation knows of a zone: its keys, or why it has none to
// be asked for. It is not changed once made.
type zoneKeys struct {
	zone  string // apex, also where another name was asked for that is no apex
	wire  wireName
	state Security
	fault *Fault
	keys  []*zoneKey
	ds    []delegationKey // what the keys were accepted by
	chain *ChainLink      // the messages that all this follows from

	found time.Time // when it was asked for, by the clock of the machine
	until time.Time // when it must be asked for again, by the clock of Config.Now
	err   error     // why this lookup could not find out; another one may
}

func (k *zoneKeys) tags() []uint16 {
	var tags []uint16
	for _, key := range k.keys {
		tags = append(tags, key.tag)
	}
	return tags
}

// delegationKey is one DS record.
type delegationKey struct {
	tag                   uint16
	algorithm, digestType uint8
	digest                []byte
}

func readDS(rdata []byte) (delegationKey, bool) {
	if len(rdata) < 5 {
		return delegationKey{}, false
	}
	return delegationKey{binary.BigEndian.Uint16(rdata), rdata[2], rdata[3], rdata[4:]}, true
}

// usable keeps the records that can be followed: of algorithms and digests
// that are supported (RFC 4035 section 5.2), and SHA-1 digests only where
// there is no better (RFC 4509 section 3).
func usableDS(ds []delegationKey) []delegationKey {
	ds = slices.DeleteFunc(slices.Clone(ds), func(d delegationKey) bool {
		return !supportedAlgorithm(d.algorithm) || digestSize(d.digestType) == 0
	})
	if slices.ContainsFunc(ds, func(d delegationKey) bool { return d.digestType != dns.SHA1 }) {
		ds = slices.DeleteFunc(ds, func(d delegationKey) bool { return d.digestType == dns.SHA1 })
	}
	return ds
}

// vouches reports whether the record is that of a key of the zone.
func (d *delegationKey) vouches(zone wireName, k *zoneKey) bool {
	if d.tag != k.tag || d.algorithm != k.algorithm || len(d.digest) != digestSize(d.digestType) {
		return false
	}
	h := hashFor(d.digestType).New()
	h.Write([]byte(zone))
	h.Write(k.rdata)
	return bytes.Equal(h.Sum(nil), d.digest)
}

// keysOf finds the keys of the zone that name is the apex of, or lies in: from
// what this lookup or, not long ago, another one found out, or else from its
// parent and its own servers. at is an enclosing zone, whose servers may be
// asked.
func (r *Resolver) keysOf(ctx context.Context, w *work, name string, at *Zone) *zoneKeys {
	if k := w.recallKeys(name); k != nil {
		return k
	}
	for up := name; ; up = parentName(up) {
		k := r.keys.get(up, r.cfg.Now(), w.renewing())
		if k != nil && (up == name || k.state == SecurityInsecure) {
			if up != name {
				k = k.inherit(name) // nothing below an unsigned zone is signed
			}
			w.rememberKeys(name, k, true)
			return k
		}
		if up == "" {
			break
		}
	}
	k := r.keys.once(ctx, name, func() *zoneKeys {
		k := r.findKeys(ctx, w, name, at)
		if w.labour.exhausted() && k.state == SecurityBogus {
			k.err = ErrBudget // another lookup may have more left
		}
		return k
	})
	w.rememberKeys(name, k, false)
	return k
}

// unknownKeys is the state of a zone whose keys could not be fetched.
func unknownKeys(zone string, rtype uint16, err error) *zoneKeys {
	what := "The keys of " + zoneName(zone)
	if rtype == dns.TypeDS {
		what = "The DS records of " + zone
	}
	why := "no name server answers the question for them"
	if errors.Is(err, ErrBudget) {
		why = "finding them takes too many questions"
	}
	return &zoneKeys{zone: zone, wire: wireOf(zone), state: SecurityIndeterminate, err: err,
		fault: &Fault{Code: FaultKeysUnavailable, Zone: zone, Name: zone, Type: rtype, Text: what + " could not be fetched: " + why}}
}

// inherit is the state of a zone that its parent alone decides.
func (k *zoneKeys) inherit(zone string) *zoneKeys {
	return &zoneKeys{zone: zone, wire: wireOf(zone), state: k.state, fault: k.fault, chain: k.chain, found: k.found, until: k.until, err: k.err}
}

// findKeys asks the parent of a zone for its DS records, or the proof that it
// has none, and the zone for its keys.
func (r *Resolver) findKeys(ctx context.Context, w *work, name string, at *Zone) *zoneKeys {
	if name == "" {
		var ds []delegationKey
		for _, a := range r.cfg.TrustAnchors {
			ds = append(ds, delegationKey{a.KeyTag, a.Algorithm, a.DigestType, a.Digest})
		}
		return r.fetchKeys(ctx, w, "", r.root, trusted{ds: ds, until: r.cfg.Now().Add(maxKeyAge(name))})
	}
	parent, err := r.walk(ctx, w, nil, parentName(name), false)
	if err != nil && !errors.Is(err, ErrNotDelegated) {
		return unknownKeys(name, dns.TypeDS, err)
	}
	q, err := newQuestion(name, dns.TypeDS)
	if err != nil {
		return unknownKeys(name, dns.TypeDS, err)
	}
	for {
		k := r.keysOf(ctx, w, parent.Name, parent)
		if k.state != SecuritySecure {
			return k.inherit(name)
		}
		a, rd, err := r.askAny(ctx, w, nil, parent, q)
		if err != nil {
			return unknownKeys(name, dns.TypeDS, err)
		}
		if a.Kind == KindReferral && below(name, rd.referral.zone) {
			parent = newZone(rd.referral, parent.Name, a.Addr)
			continue
		}
		v := r.judgeDS(ctx, w, k, parent, q, &a)
		for _, c := range r.otherServers(parent, a.Addr, v) {
			a, _ = r.exchange(ctx, w, parent.Name, c.server, c.addr, q, effortFull)
			if a.Status == StatusOK {
				if v = r.judgeDS(ctx, w, k, parent, q, &a); v.state != SecurityBogus {
					break
				}
			}
		}
		return r.keysBy(ctx, w, name, at, v, &a)
	}
}

// trusted is what a zone's keys are accepted by.
type trusted struct {
	ds    []delegationKey
	until time.Time
	above *ChainLink
	by    []byte // the message with the DS records; nil at the root
}

// maxOthers is how many more servers of a zone are asked for keys when what
// the first one says is bogus.
const maxOthers = 3

// otherServers are those to ask after a bogus answer of the one at addr.
func (r *Resolver) otherServers(zone *Zone, addr netip.AddrPort, v verdict) []candidate {
	if v.state != SecurityBogus || v.fault.Code == FaultTooMuchWork {
		return nil
	}
	cands := slices.DeleteFunc(r.candidates(zone), func(c candidate) bool { return c.addr == addr })
	return cands[:min(len(cands), maxOthers)]
}

// judgeDS validates the answer of a server of the parent for DS records.
func (r *Resolver) judgeDS(ctx context.Context, w *work, k *zoneKeys, parent *Zone, q *question, a *ServerAnswer) verdict {
	if a.Kind == KindReferral {
		return bogus(&Fault{Code: FaultDenialMissing, Zone: k.zone, Name: q.name, Type: q.qtype,
			Text: fmt.Sprintf("The servers of %s neither show DS records of %s nor prove that there are none", zoneName(k.zone), q.name)})
	}
	return r.judgeBy(ctx, w, k, parent, q, a)
}

// keysBy goes on from what the parent says about the DS records of name, in
// the answer a.
func (r *Resolver) keysBy(ctx context.Context, w *work, name string, at *Zone, v verdict, a *ServerAnswer) *zoneKeys {
	until := earlier(v.until, r.cfg.Now().Add(maxKeyAge(name)))
	insecure := &zoneKeys{zone: name, wire: wireOf(name), state: SecurityInsecure, chain: unsignedLink(name, v.chain, a), found: time.Now(), until: until}
	switch {
	case v.state == SecurityInsecure:
		return insecure
	case v.state != SecuritySecure:
		return &zoneKeys{zone: name, wire: wireOf(name), state: v.state, fault: v.fault}
	case v.kind == KindData:
		var ds []delegationKey
		for _, rdata := range v.set.rdata {
			if d, ok := readDS(rdata); ok {
				ds = append(ds, d)
			}
		}
		if ds = usableDS(ds); len(ds) == 0 {
			return insecure
		}
		return r.fetchKeys(ctx, w, name, at, trusted{ds, until, v.chain, a.Wire})
	case v.kind == KindNoData && v.proof.types.has(dns.TypeNS):
		return insecure
	}
	// There is no zone cut at the name: what stands there is signed by the
	// zone above.
	above := *v.keys
	return &above
}

// fetchKeys asks the zone for its keys, and accepts those that a DS record
// vouches for, directly or by their signature.
func (r *Resolver) fetchKeys(ctx context.Context, w *work, name string, at *Zone, by trusted) *zoneKeys {
	q, err := newQuestion(name, dns.TypeDNSKEY)
	if err != nil {
		return unknownKeys(name, dns.TypeDNSKEY, err)
	}
	if at == nil {
		at = r.root
	}
	a, zone, err := r.askOne(ctx, w, nil, at, q)
	if err != nil {
		return unknownKeys(name, dns.TypeDNSKEY, err)
	}
	k := r.acceptKeys(w, name, &a, by)
	for _, c := range r.otherServers(zone, a.Addr, verdict{state: k.state, fault: k.fault}) {
		if a, _ := r.exchange(ctx, w, zone.Name, c.server, c.addr, q, effortFull); a.Status == StatusOK && a.Kind != KindReferral {
			if k = r.acceptKeys(w, name, &a, by); k.state != SecurityBogus {
				break
			}
		}
	}
	return k
}

// acceptKeys validates the DNSKEY set of one server (RFC 4035 section 5.2).
func (r *Resolver) acceptKeys(w *work, name string, a *ServerAnswer, by trusted) *zoneKeys {
	ds := by.ds
	k := &zoneKeys{zone: name, wire: wireOf(name), ds: ds, found: time.Now(), until: by.until}
	fail := func(f *Fault) *zoneKeys {
		f.Zone, f.Name, f.Type = name, name, dns.TypeDNSKEY
		f.DSTags = dsTags(ds)
		if f.KeyTags == nil {
			f.KeyTags = k.tags()
		}
		return &zoneKeys{zone: name, wire: k.wire, state: SecurityBogus, fault: f}
	}
	sets, err := readSets(a.Wire)
	set := sets.find(k.wire, dns.TypeDNSKEY, false)
	if err != nil || set == nil || len(set.rdata) == 0 {
		return fail(&Fault{Code: FaultSignaturesMissing, Text: vouched(name, ds) + ", but the servers of " + zoneName(name) + " send no keys and no signatures"})
	}
	if len(set.rdata) > maxKeys {
		return fail(&Fault{Code: FaultTooMuchWork, Text: fmt.Sprintf("%s has more than %d keys", zoneName(name), maxKeys)})
	}
	for _, rdata := range set.rdata {
		if key := newZoneKey(rdata); key != nil {
			k.keys = append(k.keys, key)
		}
	}
	tooMany := len(ds) > maxDS
	ds = ds[:min(len(ds), maxDS)]
	entry := &zoneKeys{zone: name, wire: k.wire}
	for i := range ds {
		tried := 0
		for _, key := range k.keys {
			if ds[i].tag != key.tag || ds[i].algorithm != key.algorithm {
				continue
			}
			if tried++; tried > maxCollisions {
				return fail(tooMuch(name, set, "too many keys have the same number"))
			}
			if ds[i].vouches(k.wire, key) && !slices.Contains(entry.keys, key) {
				entry.keys = append(entry.keys, key)
			}
		}
	}
	if len(entry.keys) == 0 && tooMany {
		return fail(&Fault{Code: FaultTooMuchWork, Text: fmt.Sprintf("There are more than %d DS records for %s", maxDS, zoneName(name))})
	}
	if len(entry.keys) == 0 {
		return fail(&Fault{Code: FaultDSMismatch, Text: mismatchText(name, k, ds)})
	}
	valid, fault := set.verify(&w.labour, entry, r.cfg.Now())
	if fault != nil {
		if fault.Code == FaultNoMatchingKey || fault.Code == FaultSignaturesMissing {
			fault.Text = fmt.Sprintf("%s, but the keys of %s are not signed with it", vouched(name, ds), zoneName(name))
		}
		return fail(fault)
	}
	k.state = SecuritySecure
	k.until = earlier(k.until, valid.until)
	k.chain = signedLink(name, by, a)
	return k
}

func dsTags(ds []delegationKey) []uint16 {
	var tags []uint16
	for _, d := range ds {
		if !slices.Contains(tags, d.tag) {
			tags = append(tags, d.tag)
		}
	}
	return tags
}

// vouched begins a sentence on what the parent says.
func vouched(name string, ds []delegationKey) string {
	keys := KeyList(dsTags(ds))
	if len(ds) == 1 {
		keys += fmt.Sprintf(" (algorithm %d)", ds[0].algorithm)
	}
	record, names := "DS record", "names"
	if len(ds) > 1 {
		record, names = "DS records", "name"
	}
	switch {
	case name == "":
		return "The trust anchor of the root names " + keys
	case isPublicZone(parentName(name)):
		return fmt.Sprintf("The registry's %s for %s %s %s", record, name, names, keys)
	}
	return fmt.Sprintf("The %s for %s in the zone above %s %s", record, name, names, keys)
}

func mismatchText(name string, k *zoneKeys, ds []delegationKey) string {
	text := vouched(name, ds)
	if name == "" {
		return text + ", but the root has " + KeyList(k.tags()) + ": either the anchor is out of date, or these are not the servers that it is meant for"
	}
	switch tags := k.tags(); {
	case len(tags) == 0:
		text += ", but the zone has no usable key"
	case slices.ContainsFunc(tags, func(t uint16) bool { return slices.Contains(dsTags(ds), t) }):
		text += ", but the zone's key of that number is another one"
	default:
		text += ", but the zone has " + KeyList(tags)
	}
	return text + ": after a move to another DNS host the DS record must be replaced or removed"
}
