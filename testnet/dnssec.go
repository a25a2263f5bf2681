package testnet

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// SignOptions say how a zone is signed. The zero value is what most signed
// zones do: ECDSA P-256, a key-signing and a zone-signing key, NSEC,
// signatures from yesterday for ten days.
type SignOptions struct {
	// Algorithm is an algorithm number of DNSSEC; 0 is ECDSAP256SHA256. One
	// that nobody knows is signed with random octets.
	Algorithm uint8
	// Also is a second algorithm, with keys, signatures and DS of its own, as
	// in the middle of a rollover. 0: none.
	Also uint8
	// Digest is the digest type of the DS records; 0 is SHA-256. One that
	// nobody knows gets a digest of random octets.
	Digest uint8
	// OneKey signs everything with one key.
	OneKey bool
	// HugeExponent gives RSA keys a public exponent as long as the modulus.
	HugeExponent bool

	NSEC3      bool
	Iterations uint16 // of NSEC3, additional ones
	Salt       string // of NSEC3, hexadecimal
	OptOut     bool   // NSEC3 leaves unsigned delegations out

	// Inception and Expiration of all signatures. Zero: a day ago and in ten
	// days.
	Inception, Expiration time.Time
}

// signing is how a zone is signed now. It is replaced as a whole.
type signing struct {
	apex  wireName
	opts  SignOptions
	keys  []*signingKey
	decoy []dns.RR // DS records of keys that are not in the zone

	fault    SignFault
	faultAt  map[rrKey]SignFault
	foreign  *signing // for SignFaultForeign
	trapKeys []*dns.DNSKEY
	trapSigs int
	tamper   func(*dns.Msg)
}

// Sign signs the zone with new keys and puts their DS records into the
// parent. Everything is signed when it is asked for, so the zone may change.
// It panics on options that cannot be.
func (z *Zone) Sign(o SignOptions) *Zone {
	s, err := newSigning(z.apex, o)
	if err != nil {
		panic(fmt.Sprintf("testnet: signing %s: %v", z.Name(), err))
	}
	z.setSigning(func(*signing) *signing { return s })
	return z
}

// Unsign makes the zone unsigned, without DS records in the parent.
func (z *Zone) Unsign() *Zone {
	z.setSigning(func(*signing) *signing { return nil })
	return z
}

// SignAll signs every zone, each with keys of its own, and all that are made
// from now on. Unsign makes exceptions.
func (n *Network) SignAll(o SignOptions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signAll = &o
	zones := append([]*Zone(nil), n.loose...)
	for _, z := range n.zones {
		zones = append(zones, z)
	}
	for _, z := range zones {
		z.signAsAll()
		z.changed()
	}
}

// signAsAll signs a new zone if all are signed. Call with net.mu held.
func (z *Zone) signAsAll() {
	if z.net.signAll == nil {
		return
	}
	s, err := newSigning(z.apex, *z.net.signAll)
	if err != nil {
		panic(fmt.Sprintf("testnet: signing %s: %v", z.Name(), err))
	}
	z.signing = s
}

// setSigning replaces how the zone is signed; change gets what is now.
func (z *Zone) setSigning(change func(*signing) *signing) {
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.signing = change(z.signing)
	z.changed()
	z.parentChanged()
}

// TrustAnchors are the DS records of the root, as lines of a zone file. They
// are empty while the root is not signed.
func (n *Network) TrustAnchors() string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var b strings.Builder
	for _, rr := range n.zones[rootName].signing.ds() {
		rr.Header().Ttl = 3600000
		b.WriteString(rr.String() + "\n")
	}
	return b.String()
}

// SetDS replaces what the parent says about the keys of this zone; values are
// as in Add. Without any the parent shows those of the keys again.
func (z *Zone) SetDS(values ...string) *Zone {
	rrs, err := parseRRs(z.apex, dns.TypeDS, rootName, values)
	if err != nil {
		panic(fmt.Sprintf("testnet: DS of %s: %v", z.Name(), err))
	}
	z.net.mu.Lock()
	defer z.net.mu.Unlock()
	z.dsSet = rrs
	z.parentChanged()
	return z
}

// DS are the values of the DS records that the parent shows.
func (z *Zone) DS() []string {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	var out []string
	for _, rr := range z.dsRecords() {
		out = append(out, rdata(rr)...)
	}
	return out
}

// KeyTags are the tags of the keys that sign the zone, those that sign the
// DNSKEY set first.
func (z *Zone) KeyTags() []uint16 {
	z.net.mu.RLock()
	defer z.net.mu.RUnlock()
	if z.signing == nil {
		return nil
	}
	var sep, rest []uint16
	for _, k := range z.signing.keys {
		if k.rr.Flags&dns.SEP != 0 {
			sep = append(sep, k.tag)
		} else {
			rest = append(rest, k.tag)
		}
	}
	return append(sep, rest...)
}

// dsRecords are what the parent shows. Call with net.mu held.
func (z *Zone) dsRecords() []dns.RR {
	if len(z.dsSet) > 0 {
		return z.dsSet
	}
	return z.signing.ds()
}

func newSigning(apex wireName, o SignOptions) (*signing, error) {
	if o.Algorithm == 0 {
		o.Algorithm = dns.ECDSAP256SHA256
	}
	if o.Digest == 0 {
		o.Digest = dns.SHA256
	}
	if h := dns.HashName(".", dns.SHA1, 0, o.Salt); o.NSEC3 && h == "" {
		return nil, fmt.Errorf("salt %q is not hexadecimal", o.Salt)
	}
	s := &signing{apex: apex, opts: o}
	for _, alg := range []uint8{o.Algorithm, o.Also} {
		if alg == 0 {
			continue
		}
		flags := []uint16{dns.ZONE | dns.SEP, dns.ZONE}
		if o.OneKey {
			flags = flags[:1]
		}
		for _, f := range flags {
			k, err := newSigningKey(apex, alg, f, o.HugeExponent)
			if err != nil {
				return nil, err
			}
			s.keys = append(s.keys, k)
		}
		s.decoy = append(s.decoy, decoyDS(apex, alg, o.Digest))
	}
	return s, nil
}

// ds are the DS records for the parent; s may be nil.
func (s *signing) ds() []dns.RR {
	switch {
	case s == nil || s.fault == SignFaultNoDS:
		return nil
	case s.fault == SignFaultWrongDS:
		return s.decoy
	}
	var out []dns.RR
	for _, k := range s.keys {
		if k.rr.Flags&dns.SEP != 0 {
			out = append(out, k.ds(s.opts.Digest))
		}
	}
	return out
}

// decoyDS is the DS record of a key that exists nowhere.
func decoyDS(apex wireName, alg, digest uint8) dns.RR {
	var key [64]byte
	_, _ = rand.Read(key[:])
	k := &signingKey{rr: keyRR(apex, alg, dns.ZONE|dns.SEP, key[:])}
	k.tag = k.rr.KeyTag()
	return k.ds(digest)
}

func keyRR(apex wireName, alg uint8, flags uint16, public []byte) *dns.DNSKEY {
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: apex.String(), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET},
		Flags: flags, Protocol: 3, Algorithm: alg, PublicKey: base64.StdEncoding.EncodeToString(public),
	}
}

// sign puts the keys into a view and makes it sign its answers.
func (s *signing) sign(v *view, ttl uint32) {
	if s == nil || s.fault == SignFaultUnsigned {
		return
	}
	var keys []dns.RR
	for _, k := range s.trapKeys {
		keys = append(keys, k)
	}
	for _, k := range s.keys {
		keys = append(keys, k.rr)
	}
	v.put(rrKey{v.apex, dns.TypeDNSKEY}, keys, ttl)
	if o := s.opts; o.NSEC3 {
		v.put(rrKey{v.apex, dns.TypeNSEC3PARAM}, []dns.RR{&dns.NSEC3PARAM{
			Hdr:  dns.RR_Header{Name: v.apex.String(), Rrtype: dns.TypeNSEC3PARAM, Class: dns.ClassINET},
			Hash: dns.SHA1, Iterations: o.Iterations, SaltLength: uint8(len(o.Salt) / 2), Salt: o.Salt,
		}}, ttl)
	}
	v.signed = &signedView{signing: s, view: v}
}

// with is a copy of s with a change; s may be nil, then nothing changes.
func (s *signing) with(change func(*signing)) *signing {
	if s == nil {
		return nil
	}
	c := *s
	c.faultAt = maps.Clone(s.faultAt)
	change(&c)
	return &c
}
