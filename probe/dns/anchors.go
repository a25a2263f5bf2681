package dns

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxAnchorFile = 64 << 10 // octets
	maxAnchors    = 16
)

// TrustAnchor is a key of the root zone that is trusted without a signature,
// in the form of a DS record (RFC 4034 section 5).
type TrustAnchor struct {
	KeyTag     uint16
	Algorithm  uint8
	DigestType uint8
	Digest     []byte
}

// ParseTrustAnchors reads DS or DNSKEY records of the root in zone-file form,
// as IANA and resolvers keep them. A key gives its SHA-256 digest. Anchors of
// algorithms or digest types that are not supported are left out, as in the
// middle of a rollover to a new one. Records of another owner or type, keys
// that are revoked or no zone keys, a file over 64 KiB, more than 16 records
// and no usable anchor at all are errors.
func ParseTrustAnchors(r io.Reader) ([]TrustAnchor, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAnchorFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading trust anchors: %w", err)
	}
	if len(text) > maxAnchorFile {
		return nil, fmt.Errorf("trust anchors: over %d octets", maxAnchorFile)
	}
	zp := dns.NewZoneParser(strings.NewReader(string(text)), ".", "")
	zp.SetDefaultTTL(3600)
	var anchors []TrustAnchor
	read := 0
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if read++; read > maxAnchors {
			return nil, fmt.Errorf("trust anchors: more than %d", maxAnchors)
		}
		a, err := newAnchor(rr)
		switch {
		case errors.Is(err, errUnsupported):
		case err != nil:
			return nil, fmt.Errorf("trust anchor %d: %w", read, err)
		default:
			anchors = append(anchors, a)
		}
	}
	if err := zp.Err(); err != nil {
		return nil, fmt.Errorf("trust anchors: %w", err)
	}
	switch {
	case read == 0:
		return nil, errors.New("trust anchors: no record")
	case len(anchors) == 0:
		return nil, fmt.Errorf("trust anchors: %w", errUnsupported)
	}
	return anchors, nil
}

var errUnsupported = errors.New("algorithm or digest type not supported")

func newAnchor(rr dns.RR) (TrustAnchor, error) {
	if rr.Header().Class != dns.ClassINET || fold(rr.Header().Name) != "" {
		return TrustAnchor{}, errors.New("not a record of the root in class IN")
	}
	var ds *dns.DS
	switch rr := rr.(type) {
	case *dns.DS:
		ds = rr
	case *dns.DNSKEY:
		if rr.Protocol != 3 || rr.Flags&dns.ZONE == 0 || rr.Flags&dns.REVOKE != 0 {
			return TrustAnchor{}, errors.New("not a valid zone key")
		}
		if ds = rr.ToDS(dns.SHA256); ds == nil {
			return TrustAnchor{}, errors.New("unreadable key")
		}
	default:
		return TrustAnchor{}, errors.New("neither DS nor DNSKEY")
	}
	digest, err := hex.DecodeString(ds.Digest)
	switch {
	case err != nil:
		return TrustAnchor{}, errors.New("bad digest")
	case !supportedAlgorithm(ds.Algorithm) || digestSize(ds.DigestType) == 0:
		return TrustAnchor{}, errUnsupported
	case len(digest) != digestSize(ds.DigestType):
		return TrustAnchor{}, errors.New("digest of the wrong length")
	}
	return TrustAnchor{ds.KeyTag, ds.Algorithm, ds.DigestType, digest}, nil
}

// digestSize is the length of a DS digest in octets; 0 for types that are not
// validated (RFC 4034, RFC 4509, RFC 6605).
func digestSize(digestType uint8) int {
	switch digestType {
	case dns.SHA1:
		return 20
	case dns.SHA256:
		return 32
	case dns.SHA384:
		return 48
	}
	return 0
}

// supportedAlgorithm reports whether signatures of this algorithm are checked.
// RSA with SHA-1 is among them: RFC 8624 wants it validated, and a zone that
// still uses it is better protected than an unsigned one. ED448 is not: the
// standard library does not have it.
func supportedAlgorithm(algorithm uint8) bool {
	switch algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512,
		dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// builtinAnchors are the keys of the root as IANA publishes them
// (root-anchors.xml): KSK-2017 and KSK-2024.
func builtinAnchors() []TrustAnchor {
	keys := []struct {
		tag    uint16
		digest string
	}{
		{20326, "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"},
		{38696, "683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16"},
	}
	var anchors []TrustAnchor
	for _, k := range keys {
		digest, err := hex.DecodeString(k.digest)
		if err != nil {
			panic(err) // a constant of this file
		}
		anchors = append(anchors, TrustAnchor{k.tag, dns.RSASHA256, dns.SHA256, digest})
	}
	return anchors
}
