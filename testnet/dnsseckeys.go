package testnet

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/dns"
)

// signingKey is one key of a zone.
type signingKey struct {
	rr   *dns.DNSKEY
	tag  uint16
	priv crypto.Signer // nil: of an algorithm that nobody knows
}

// keyBits are the sizes of keys of the algorithms that can be signed with.
var keyBits = map[uint8]int{
	dns.RSASHA1: 2048, dns.RSASHA1NSEC3SHA1: 2048, dns.RSASHA256: 2048, dns.RSASHA512: 2048,
	dns.ECDSAP256SHA256: 256, dns.ECDSAP384SHA384: 384, dns.ED25519: 256,
}

func isRSA(alg uint8) bool { return keyBits[alg] == 2048 }

func newSigningKey(apex wireName, alg uint8, flags uint16, hugeExponent bool) (*signingKey, error) {
	for {
		k := &signingKey{rr: keyRR(apex, alg, flags, nil)}
		bits, known := keyBits[alg]
		if known {
			priv, err := k.rr.Generate(bits)
			if err != nil {
				return nil, fmt.Errorf("making a key of algorithm %d: %w", alg, err)
			}
			k.priv = priv.(crypto.Signer)
			if r, ok := priv.(*rsa.PrivateKey); ok && hugeExponent {
				h := newHugeKey(r)
				k.priv, k.rr.PublicKey = h, base64.StdEncoding.EncodeToString(h.wire())
			}
		} else {
			var key [64]byte
			_, _ = rand.Read(key[:])
			k.rr = keyRR(apex, alg, flags, key[:])
		}
		// Tag 0 cannot be told from none in miekg/dns.
		if k.tag = k.rr.KeyTag(); k.tag != 0 {
			return k, nil
		}
	}
}

// ds is the DS record of the key.
func (k *signingKey) ds(digest uint8) dns.RR {
	if ds := k.rr.ToDS(digest); ds != nil {
		return ds
	}
	var d [32]byte
	_, _ = rand.Read(d[:])
	return &dns.DS{
		Hdr:    dns.RR_Header{Name: k.rr.Hdr.Name, Rrtype: dns.TypeDS, Class: dns.ClassINET},
		KeyTag: k.tag, Algorithm: k.rr.Algorithm, DigestType: digest, Digest: hex.EncodeToString(d[:]),
	}
}

// sign makes the signature of a set; the caller has filled in the times.
func (k *signingKey) sign(sig *dns.RRSIG, rrs []dns.RR) error {
	sig.Algorithm, sig.KeyTag, sig.SignerName = k.rr.Algorithm, k.tag, k.rr.Hdr.Name
	if k.priv != nil {
		return sig.Sign(k.priv, rrs)
	}
	h := rrs[0].Header()
	sig.Hdr = dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}
	sig.OrigTtl, sig.TypeCovered = h.Ttl, h.Rrtype
	sig.Labels = uint8(dns.CountLabel(h.Name))
	if h.Name[0] == '*' {
		sig.Labels--
	}
	sig.Signature = randomSignature(k.rr.Algorithm)
	return nil
}

// randomSignature has the length of one of the algorithm.
func randomSignature(alg uint8) string {
	b := make([]byte, 64)
	switch {
	case isRSA(alg):
		b = make([]byte, 256)
	case alg == dns.ECDSAP384SHA384:
		b = make([]byte, 96)
	}
	_, _ = rand.Read(b)
	switch {
	case isRSA(alg):
		b[0] &= 0x7f // below the modulus
	case alg == dns.ED25519:
		b[63] &= 0x0f // below the order of the group
	}
	return base64.StdEncoding.EncodeToString(b)
}

// hugeKey is an RSA key whose public exponent is as long as the modulus. No
// library makes one, and few take it: checking one signature costs as much as
// signing.
type hugeKey struct{ n, e, d *big.Int }

func newHugeKey(k *rsa.PrivateKey) *hugeKey {
	one := big.NewInt(1)
	phi := big.NewInt(1)
	for _, p := range k.Primes {
		phi.Mul(phi, new(big.Int).Sub(p, one))
	}
	h := &hugeKey{n: k.N, e: new(big.Int).Sub(phi, one)}
	for h.d == nil {
		h.e.Sub(h.e, big.NewInt(2))
		if h.e.BitLen() == k.N.BitLen() || h.e.BitLen() == k.N.BitLen()-1 {
			h.d = new(big.Int).ModInverse(h.e, phi)
		}
	}
	return h
}

// wire is the public key in the form of RFC 3110.
func (h *hugeKey) wire() []byte {
	e := h.e.Bytes()
	out := binary.BigEndian.AppendUint16([]byte{0}, uint16(len(e)))
	return append(append(out, e...), h.n.Bytes()...)
}

// Public belongs to crypto.Signer; nobody asks.
func (h *hugeKey) Public() crypto.PublicKey { return nil }

// Sign is RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.1).
func (h *hugeKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	prefix, ok := digestInfo[opts.HashFunc()]
	if !ok {
		return nil, fmt.Errorf("no PKCS #1 prefix for %s", opts.HashFunc())
	}
	size := (h.n.BitLen() + 7) / 8
	info := append(bytes.Clone(prefix), digest...)
	em := bytes.Repeat([]byte{0xff}, size)
	em[0], em[1], em[size-len(info)-1] = 0, 1, 0
	copy(em[size-len(info):], info)
	s := new(big.Int).Exp(new(big.Int).SetBytes(em), h.d, h.n)
	return s.FillBytes(make([]byte, size)), nil
}

// digestInfo are the DER prefixes of RFC 8017 section 9.2, note 1.
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA256: mustHex("3031300d060960864801650304020105000420"),
	crypto.SHA512: mustHex("3051300d060960864801650304020305000440"),
}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// sameTag makes a key that has the tag of k and that a validator has to try:
// an RSA modulus, or a point of Ed25519. Nobody knows its private key.
func (k *signingKey) sameTag() (*dns.DNSKEY, error) {
	public, err := base64.StdEncoding.DecodeString(k.rr.PublicKey)
	if err != nil {
		return nil, err
	}
	at := 0 // of two octets that stand at an even place of the record
	switch {
	case k.rr.Algorithm == dns.ED25519:
	case isRSA(k.rr.Algorithm):
		at = len(public) - 128
	default:
		return nil, fmt.Errorf("keys of algorithm %d cannot be made to share a tag", k.rr.Algorithm)
	}
	for {
		other := bytes.Clone(public)
		_, _ = rand.Read(other[at : at+30])
		other[at], other[at+1] = 0, 0
		rr := keyRR(rootName, k.rr.Algorithm, k.rr.Flags, other)
		rr.Hdr = k.rr.Hdr
		// The tag is a sum of 16-bit words with the carry added once.
		for carry := range uint16(3) {
			binary.BigEndian.PutUint16(other[at:], k.tag-rr.KeyTag()-carry)
			c := keyRR(rootName, k.rr.Algorithm, k.rr.Flags, other)
			c.Hdr = k.rr.Hdr
			if c.KeyTag() == k.tag && !bytes.Equal(other, public) && (isRSA(k.rr.Algorithm) || onEdwards25519(other)) {
				return c, nil
			}
		}
	}
}

// onEdwards25519 reports whether an encoded point is on the curve (RFC 8032
// section 5.1.3): (y²-1)/(d·y²+1) must be a square.
func onEdwards25519(key []byte) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	le := bytes.Clone(key)
	le[31] &= 0x7f
	for i, j := 0, len(le)-1; i < j; i, j = i+1, j-1 {
		le[i], le[j] = le[j], le[i]
	}
	y := new(big.Int).SetBytes(le)
	if y.Cmp(p) >= 0 {
		return false
	}
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, big.NewInt(1))
	v := new(big.Int).Mul(d, yy)
	v.Add(v, big.NewInt(1))
	u.Mul(u, v).Mod(u, p)
	return big.Jacobi(u, p) == 1
}
