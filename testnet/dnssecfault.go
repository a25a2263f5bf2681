package testnet

import (
	"fmt"

	"github.com/miekg/dns"
)

// SignFault is one thing that is wrong with the signatures of a zone.
type SignFault string

const (
	SignFaultNone        SignFault = ""
	SignFaultExpired     SignFault = "expired"       // ended three days ago
	SignFaultNotYetValid SignFault = "not_yet_valid" // begins in three days
	SignFaultCorrupt     SignFault = "corrupt"       // one bit of every signature but those of the keys
	SignFaultStripped    SignFault = "stripped"      // keys, but neither signatures nor proofs
	SignFaultUnsigned    SignFault = "unsigned"      // no keys either, while the parent has DS records
	SignFaultWrongDS     SignFault = "wrong_ds"      // the parent has DS records of keys that are not there
	SignFaultNoDS        SignFault = "no_ds"         // the parent has none: an island
	SignFaultNoDenial    SignFault = "no_denial"     // negative answers and unsigned delegations without proof
	SignFaultWrongDenial SignFault = "wrong_denial"  // proofs, well signed, that deny nothing
	SignFaultNoWildcard  SignFault = "no_wildcard"   // wildcard answers without the proof that the name is not there
	SignFaultForeign     SignFault = "foreign"       // see SignedBy
	SignFaultStaleOther  SignFault = "stale_other"   // signatures of SignOptions.Also have expired
)

// SignFault makes the signatures of this zone wrong until called with
// SignFaultNone. The zone must be signed.
func (z *Zone) SignFault(f SignFault) *Zone {
	z.faultSigning(func(s *signing) { s.fault = f })
	return z
}

// SignFaultAt is SignFault for the signatures of one set of records:
// SignFaultExpired, SignFaultNotYetValid, SignFaultCorrupt or
// SignFaultStripped.
func (z *Zone) SignFaultAt(name, rtype string, f SignFault) *Zone {
	owner, err := absolute(name, z.apex)
	if err != nil {
		panic(fmt.Sprintf("testnet: %s: %v", z.Name(), err))
	}
	t, err := rrType(rtype)
	if err != nil {
		panic(fmt.Sprintf("testnet: %s: %v", z.Name(), err))
	}
	z.faultSigning(func(s *signing) {
		if s.faultAt == nil {
			s.faultAt = make(map[rrKey]SignFault)
		}
		s.faultAt[rrKey{owner, t}] = f
	})
	return z
}

// SignedBy makes everything in this zone but its keys signed with the keys,
// and in the name, of another zone: SignFaultForeign.
func (z *Zone) SignedBy(other *Zone) *Zone {
	z.faultSigning(func(s *signing) { s.fault, s.foreign = SignFaultForeign, other.signing })
	return z
}

// KeyTrap adds keys that share the tag of the key that signs the zone's data,
// and puts wrong signatures, of the same tag, in front of every right one
// (CVE-2023-50387). The zone must be signed with RSA or Ed25519. An answer
// holds 64 KiB: about a thousand Ed25519 keys, or 500 signatures.
func (z *Zone) KeyTrap(keys, signatures int) *Zone {
	z.net.mu.RLock()
	s := z.signing
	z.net.mu.RUnlock()
	var extra []*dns.DNSKEY
	for range keys {
		k, err := s.keysFor(dns.TypeTXT)[0].sameTag()
		if err != nil {
			panic(fmt.Sprintf("testnet: %s: %v", z.Name(), err))
		}
		extra = append(extra, k)
	}
	z.faultSigning(func(s *signing) { s.trapKeys, s.trapSigs = extra, signatures })
	return z
}

func (z *Zone) faultSigning(change func(*signing)) {
	z.setSigning(func(s *signing) *signing {
		if s == nil {
			panic(fmt.Sprintf("testnet: %s is not signed", z.Name()))
		}
		return s.with(change)
	})
}
