package dns

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // RSASHA1 and DS digests of type 1
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/miekg/dns"
)

func sortedUnique(rdata [][]byte) [][]byte {
	slices.SortFunc(rdata, bytes.Compare)
	return slices.CompactFunc(rdata, bytes.Equal)
}

// signature is one RRSIG record (RFC 4034 section 3).
type signature struct {
	covered               uint16
	algorithm, labels     uint8
	ttl                   uint32
	expiration, inception uint32
	tag                   uint16
	signer                wireName
	head                  []byte // what is signed of the record itself
	value                 []byte
}

// readSignature reads the content of an RRSIG record.
func readSignature(msg []byte, start, end int) (signature, error) {
	const fixed = 18
	if end-start < fixed+1 {
		return signature{}, fmt.Errorf("%w: short RRSIG record", errMessage)
	}
	b := msg[start:end]
	signer, next, err := readWireName(msg[:end], start+fixed, false)
	if err != nil {
		return signature{}, err
	}
	be := binary.BigEndian
	return signature{
		covered: be.Uint16(b), algorithm: b[2], labels: b[3], ttl: be.Uint32(b[4:]),
		expiration: be.Uint32(b[8:]), inception: be.Uint32(b[12:]), tag: be.Uint16(b[16:]),
		signer: signer, head: append(bytes.Clone(b[:fixed]), signer...), value: msg[next:end:end],
	}, nil
}

// clockSkew is how far our clock and the signer's may differ. It is small: a
// signature that has ended may be replayed by whoever kept it, signers date
// theirs back by an hour, and the machine that runs checks keeps its clock.
const clockSkew = 5 * time.Minute

// dates are the times of a signature, which are given modulo 2^32 seconds
// (RFC 4034 section 3.1.5), nearest to now.
func (s *signature) dates(now time.Time) (inception, expiration time.Time) {
	near := func(t uint32) time.Time {
		return time.Unix(now.Unix()+int64(int32(t-uint32(now.Unix()))), 0).UTC()
	}
	return near(s.inception), near(s.expiration)
}

// zoneKey is one DNSKEY record that may sign (RFC 4034 section 2).
type zoneKey struct {
	tag       uint16
	algorithm uint8
	rdata     []byte
	public    crypto.PublicKey // nil: cannot be used
	cost      int              // of one check, in units of work
	id        checkID          // hash of the record
}

// newZoneKey reads a DNSKEY record. It returns nil for keys that must not
// sign: of another protocol, without the zone flag, revoked (RFC 5011).
func newZoneKey(rdata []byte) *zoneKey {
	if len(rdata) < 5 {
		return nil
	}
	flags := binary.BigEndian.Uint16(rdata)
	if flags&dns.ZONE == 0 || flags&dns.REVOKE != 0 || rdata[2] != 3 {
		return nil
	}
	k := &zoneKey{tag: keyTag(rdata), algorithm: rdata[3], rdata: rdata, cost: 1, id: sha256.Sum256(rdata)}
	switch material := rdata[4:]; k.algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		if public := rsaKey(material); public != nil {
			k.public, k.cost = public, rsaCost(public)
		}
	case dns.ECDSAP256SHA256:
		k.public = ecdsaKey(elliptic.P256(), material)
	case dns.ECDSAP384SHA384:
		k.public, k.cost = ecdsaKey(elliptic.P384(), material), costP384
	case dns.ED25519:
		if len(material) == ed25519.PublicKeySize {
			k.public = ed25519.PublicKey(material)
		}
	}
	return k
}

// keyTag is the check sum of RFC 4034 appendix B.
func keyTag(rdata []byte) uint16 {
	var sum uint32
	for i, b := range rdata {
		if i&1 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	return uint16(sum + sum>>16)
}

// Bounds of RSA keys that are used. Smaller ones can be broken, larger ones and
// odd exponents only burn time.
const (
	minRSA = 1024
	maxRSA = 4096
)

// rsaKey reads an RSA key (RFC 3110 section 2); nil if it is out of bounds.
func rsaKey(b []byte) *rsa.PublicKey {
	size, b := int(b[0]), b[1:]
	if size == 0 {
		if len(b) < 2 {
			return nil
		}
		size, b = int(binary.BigEndian.Uint16(b)), b[2:]
	}
	if size == 0 || size >= len(b) || len(b)-size > maxRSA/8+1 {
		return nil
	}
	exponent := 0
	for _, c := range b[:size] {
		if exponent = exponent<<8 | int(c); exponent > 1<<31-1 {
			return nil
		}
	}
	n := new(big.Int).SetBytes(b[size:])
	if bits := n.BitLen(); exponent < 3 || exponent&1 == 0 || bits < minRSA || bits > maxRSA || n.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: exponent}
}

// Units of work are about 0.1 ms of processor time each.
const (
	costP384 = 8
	maxCost  = 12 // RSA with 4096 bits and a large exponent
)

func rsaCost(k *rsa.PublicKey) int {
	cost := 1
	switch bits := k.N.BitLen(); {
	case bits > 3072:
		cost = 4
	case bits > 2048:
		cost = 2
	}
	if k.E > 1<<17 {
		cost *= 3
	}
	return cost
}

func ecdsaKey(curve elliptic.Curve, b []byte) crypto.PublicKey {
	if len(b) != 2*(curve.Params().BitSize/8) {
		return nil
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, b...))
	if err != nil {
		return nil
	}
	return public
}

func hashOf(algorithm uint8) crypto.Hash {
	switch algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1:
		return crypto.SHA1
	case dns.RSASHA512:
		return crypto.SHA512
	case dns.ECDSAP384SHA384:
		return crypto.SHA384
	}
	return crypto.SHA256
}

// signed is what a signature is made over (RFC 4034 section 3.1.8.1): as such
// for Ed25519, else its hash. The number of labels in the signature must not
// exceed that of the owner; if it is less, a wildcard was signed (RFC 4035
// section 5.3.2).
func (s *rrset) signed(sig *signature) []byte {
	s.sort()
	owner := s.owner
	if own := ownerLabels(owner); int(sig.labels) < own {
		owner, _ = owner.ancestor(int(sig.labels)).wildcard() // shorter than what it stands for
	}
	size := len(sig.head)
	for _, rdata := range s.rdata {
		size += len(owner) + 10 + len(rdata)
	}
	b := append(make([]byte, 0, size), sig.head...)
	for _, rdata := range s.rdata {
		b = append(b, owner...)
		b = binary.BigEndian.AppendUint16(b, s.rtype)
		b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
		b = binary.BigEndian.AppendUint32(b, sig.ttl)
		b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
		b = append(b, rdata...)
	}
	if sig.algorithm == dns.ED25519 {
		return b
	}
	h := hashOf(sig.algorithm).New()
	h.Write(b)
	return h.Sum(nil)
}

// ownerLabels counts as RFC 4034 section 3.1.3 does: neither the root nor a
// leading asterisk.
func ownerLabels(owner wireName) int {
	n := owner.labels()
	if owner.isWildcard() {
		n--
	}
	return n
}

// check is the bare cryptographic check.
func (k *zoneKey) check(signed, value []byte) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, hashOf(k.algorithm), signed, value) == nil
	case *ecdsa.PublicKey:
		n := public.Params().BitSize / 8
		if len(value) != 2*n {
			return false
		}
		return ecdsa.Verify(public, signed, new(big.Int).SetBytes(value[:n]), new(big.Int).SetBytes(value[n:]))
	case ed25519.PublicKey:
		return len(value) == ed25519.SignatureSize && ed25519.Verify(public, signed, value)
	}
	return false
}
