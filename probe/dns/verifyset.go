package dns

import (
	"crypto"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Limits of the work that validation may cost (CVE-2023-50387). Honest zones
// have one or two signatures on a set, and key tags that do not collide.
const (
	maxChecksPerSet = 16  // signature checks, of every signature with every key of its tag
	maxSignatures   = 64  // signatures on one set that are looked at
	maxCollisions   = 4   // keys of one tag that are tried on one signature
	maxKeys         = 32  // keys of one zone
	maxDS           = 8   // DS records of one zone
	maxDenials      = 12  // sets of NSEC or NSEC3 in one answer
	maxWork         = 256 // units of one lookup, about 0.1 ms each
)

// labour is the part of a lookup's budget that validation uses, with what it
// has found out already: servers mostly give the same answer.
type labour struct {
	mu     sync.Mutex
	left   int // units
	checks int // signatures checked
	known  map[checkID]bool
	proven *arithmetic
	hash   hasher
}

// checkID stands for one key, the octets signed, and the signature.
type checkID [sha256.Size]byte

// maxProven bounds the signatures of a resolver that are known to be right.
const maxProven = 1 << 14

// arithmetic remembers which signatures are right. That is no belief in old
// answers: whether a signature fits a key and certain octets never changes.
type arithmetic struct {
	mu    sync.RWMutex
	right map[checkID]struct{}
}

func (p *arithmetic) has(id checkID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.right[id]
	return ok
}

func (p *arithmetic) add(id checkID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.right == nil {
		p.right = make(map[checkID]struct{})
	}
	evict(p.right, maxProven)
	p.right[id] = struct{}{}
}

// check checks a signature; ok is false when there is no budget left for it.
func (l *labour) check(k *zoneKey, signed, value []byte) (valid, ok bool) {
	h := sha256.New()
	h.Write(k.id[:])
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(signed))))
	h.Write(signed)
	h.Write(value)
	var id checkID
	h.Sum(id[:0])
	if l.proven.has(id) {
		return true, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if valid, seen := l.known[id]; seen {
		return valid, true
	}
	if l.left < k.cost {
		return false, false
	}
	l.left -= k.cost
	l.checks++
	valid = k.check(signed, value)
	if l.known == nil {
		l.known = make(map[checkID]bool)
	}
	l.known[id] = valid
	if valid {
		l.proven.add(id)
	}
	return valid, true
}

// exhausted reports that the most costly check does not fit any more.
func (l *labour) exhausted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left < maxCost
}

// tooMuch is the fault of an answer that costs more than any honest one.
func tooMuch(zone string, set *rrset, what string) *Fault {
	return &Fault{Code: FaultTooMuchWork, Zone: zone, Name: set.owner.String(), Type: set.rtype,
		Text: fmt.Sprintf("The %s of %s cannot be checked within the limit: %s", dns.Type(set.rtype), shown(set.owner.String()), what)}
}

// validity is what a valid signature says about a set.
type validity struct {
	// encloser is the name below which the wildcard stands that was signed; ""
	// if the set is the very one that was signed.
	encloser wireName
	until    time.Time // neither signature nor TTL last longer
}

// faultOrder says which of several faults of one set tells most.
var faultOrder = []FaultCode{
	FaultSignatureExpired, FaultSignatureNotYetValid, FaultSignatureWrong, FaultNoMatchingKey, FaultSignaturesMissing,
}

// verify looks for one valid signature of the zone over the set (RFC 4035
// section 5.3). One is enough, by whatever key and algorithm (RFC 6840 section
// 5.11).
func (s *rrset) verify(l *labour, zone *zoneKeys, now time.Time) (validity, *Fault) {
	worst := failure{code: FaultSignaturesMissing}
	own := ownerLabels(s.owner)
	tries := 0
	for i := range s.sigs {
		sig := &s.sigs[i]
		if i == maxSignatures {
			return validity{}, tooMuch(zone.zone, s, "there are too many signatures")
		}
		if sig.signer != zone.wire || !s.owner.within(zone.wire) || !supportedAlgorithm(sig.algorithm) {
			continue
		}
		inception, expiration := sig.dates(now)
		f := failure{sig: sig}
		switch {
		case int(sig.labels) > own, expiration.Before(inception):
			f.code = FaultSignatureWrong
		case now.After(expiration.Add(clockSkew)):
			f.code = FaultSignatureExpired
		case now.Before(inception.Add(-clockSkew)):
			f.code = FaultSignatureNotYetValid
		}
		if f.code != "" {
			worst = worst.or(f)
			continue
		}
		f.code = FaultNoMatchingKey
		var signed []byte
		same := 0
		for _, k := range zone.keys {
			if k.tag != sig.tag || k.algorithm != sig.algorithm {
				continue
			}
			if same++; same > maxCollisions {
				return validity{}, tooMuch(zone.zone, s, "too many keys have the same number")
			}
			f.code, f.key = FaultSignatureWrong, k
			if k.public == nil {
				continue
			}
			if tries++; tries > maxChecksPerSet {
				return validity{}, tooMuch(zone.zone, s, "there are too many signatures")
			}
			if signed == nil {
				signed = s.signed(sig)
			}
			valid, ok := l.check(k, signed, sig.value)
			if !ok {
				return validity{}, tooMuch(zone.zone, s, "this check has cost too much already")
			}
			if valid {
				v := validity{until: now.Add(time.Duration(min(s.ttl, sig.ttl)) * time.Second)}
				if expiration.Before(v.until) {
					v.until = expiration
				}
				if int(sig.labels) < own {
					v.encloser = s.owner.ancestor(int(sig.labels))
				}
				return v, nil
			}
		}
		worst = worst.or(f)
	}
	return validity{}, worst.fault(s, zone, now)
}

// failure is why one signature does not do.
type failure struct {
	code FaultCode
	sig  *signature
	key  *zoneKey // that was tried
}

// or is the one of two failures that tells more.
func (f failure) or(g failure) failure {
	if slices.Index(faultOrder, g.code) < slices.Index(faultOrder, f.code) {
		return g
	}
	return f
}

// fault puts the failure into words.
func (f failure) fault(s *rrset, zone *zoneKeys, now time.Time) *Fault {
	out := &Fault{Code: f.code, Zone: zone.zone, Name: s.owner.String(), Type: s.rtype, DSTags: dsTags(zone.ds)}
	about := recordsOf(s.rtype, out.Name)
	if f.sig == nil {
		out.Text = missingText(zone.zone, about)
		return out
	}
	out.KeyTags = []uint16{f.sig.tag}
	out.Inception, out.Expiration = f.sig.dates(now)
	switch {
	case f.code == FaultSignatureExpired:
		out.Text = fmt.Sprintf("The signature by key %d over %s expired on %s", f.sig.tag, about, dateOf(out.Expiration))
	case f.code == FaultSignatureNotYetValid:
		out.Text = fmt.Sprintf("The signature by key %d over %s is valid only from %s", f.sig.tag, about, dateOf(out.Inception))
	case f.code == FaultNoMatchingKey:
		out.Text = fmt.Sprintf("The signature over %s was made by key %d, but %s lists only %s", about, f.sig.tag, zoneName(zone.zone), KeyList(zone.tags()))
	case f.key != nil && f.key.public == nil:
		out.Text = fmt.Sprintf("Key %d of %s is malformed, or too short or too long to be used", f.sig.tag, zoneName(zone.zone))
	default:
		out.Text = fmt.Sprintf("The signature by key %d does not fit %s", f.sig.tag, about)
	}
	return out
}

// zoneName is a zone in a sentence.
func zoneName(zone string) string {
	if zone == "" {
		return "the root zone"
	}
	return zone
}

// recordsOf names a set in a sentence.
func recordsOf(rtype uint16, name string) string {
	switch rtype {
	case dns.TypeDNSKEY:
		return "the keys of " + zoneName(name)
	case dns.TypeDS:
		return "the DS records of " + name
	case dns.TypeNSEC, dns.TypeNSEC3:
		return fmt.Sprintf("the proof (%s) at %s", dns.Type(rtype), shown(name))
	}
	return fmt.Sprintf("the %s record of %s", dns.Type(rtype), shown(name))
}

func missingText(zone, about string) string {
	if zone == "" {
		return "The servers of the root zone send no signature over " + about
	}
	return fmt.Sprintf("The zone above has a DS record for %s, but the servers of %s send no signature over %s", zone, zone, about)
}

func dateOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// KeyList names keys by their tags: "key 1", "the keys 1 and 2", "no key".
func KeyList(tags []uint16) string {
	const most = 6
	var words []string
	for _, t := range tags[:min(len(tags), most)] {
		words = append(words, fmt.Sprint(t))
	}
	switch {
	case len(tags) == 0:
		return "no key"
	case len(tags) == 1:
		return "key " + words[0]
	case len(tags) > most:
		return fmt.Sprintf("the keys %s and %d more", strings.Join(words, ", "), len(tags)-most)
	}
	last := len(words) - 1
	return "the keys " + strings.Join(words[:last], ", ") + " and " + words[last]
}

// hashFor is the hash of a DS digest type.
func hashFor(digestType uint8) crypto.Hash {
	switch digestType {
	case dns.SHA1:
		return crypto.SHA1
	case dns.SHA384:
		return crypto.SHA384
	}
	return crypto.SHA256
}
