package attacktest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// broken are the ways in which the signatures of a zone are wrong although the
// parent says that there are some.
var broken = map[testnet.SignFault][]string{
	testnet.SignFaultExpired:     {"dnssec_signature_expired"},
	testnet.SignFaultNotYetValid: {"dnssec_bogus"},
	testnet.SignFaultCorrupt:     {"dnssec_bogus"},
	testnet.SignFaultStripped:    {"dnssec_signatures_missing"},
	testnet.SignFaultUnsigned:    {"dnssec_signatures_missing", "dnssec_ds_mismatch", "dnssec_bogus"},
	testnet.SignFaultWrongDS:     {"dnssec_ds_mismatch"},
}

// wrong wants a check to say neither yes nor no: whoever forged the answers
// would choose which.
func (a *account) wrong(ref, method string, codes ...string) {
	a.service.t.Helper()
	at := a.refuses(ref, method, codes...)
	if o := deref(at.Outcome); o != "refused" && o != "inconclusive" {
		a.service.t.Errorf("%s by %s: %s (%+v), which would count as the absence of the proof", ref, method, o, at.Problem)
	}
}

// T19: a zone that should be signed and is not, or wrongly: none of the
// methods believes it, and the addresses of a host are of it too.
func TestT19NeverVerifies(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{signed: true})
		mallory := w.person("mallory", "")
		for fault, codes := range broken {
			host := strings.ReplaceAll(string(fault), "_", "-") + ".com"
			d := mallory.claim(host)
			for _, m := range methods {
				w.publish(d, m)
			}
			w.Net.Zone(host).SignFault(fault)
			for _, m := range methods {
				mallory.wrong(host, m, append(codes, "dnssec_bogus")...)
			}
			// All that applies, and what is there on create.
			if at := mallory.check(host, ""); deref(at.Outcome) == "verified" {
				t.Errorf("%s verified by %s", host, deref(at.Method))
			}
			mallory.is(host, "pending")
		}
		// Signed by somebody else who has keys that are good for his own zone.
		d := mallory.claim("foreign.com")
		w.publish(d, "dns_txt")
		w.Net.Zone("foreign.com").SignedBy(w.Net.Zone("mallory.net"))
		mallory.wrong("foreign.com", "dns_txt")
		// An island of signatures is as good as no signatures, and healed is
		// healed.
		d = mallory.claim("island.com")
		w.publish(d, "dns_txt")
		w.Net.Zone("island.com").SignFault(testnet.SignFaultNoDS)
		mallory.proves("island.com", "dns_txt")
		w.Net.Zone("expired.com").SignFault(testnet.SignFaultNone)
		mallory.proves("expired.com", "dns_cname")
	})
}

// T19, T47: forged answers cannot take a proof away either: neither "it is
// gone" nor "it is another one" starts the time of grace.
func TestT19NeverLapses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{signed: true})
		anna := w.person("anna", "")
		faults := []testnet.SignFault{
			testnet.SignFaultExpired, testnet.SignFaultNotYetValid, testnet.SignFaultCorrupt, testnet.SignFaultStripped, testnet.SignFaultUnsigned,
			testnet.SignFaultNoDenial, testnet.SignFaultWrongDenial,
		}
		for _, m := range []string{"dns_txt", "dns_cname"} {
			for _, fault := range faults {
				host := strings.ReplaceAll(m+"-"+string(fault), "_", "-") + ".com"
				d := anna.owns(host, m)
				child := anna.claim("www." + host)
				if !child.Verified {
					t.Errorf("%s is not covered", child.Hostname)
				}
				zone, ch := w.Net.Zone(host), challenge(d, m)
				zone.Remove(ch.Record.Name+".", "")
				zone.SignFault(fault)
				anna.wrong(d.ID, m)
				if fault != testnet.SignFaultNoDenial && fault != testnet.SignFaultWrongDenial { // which touch no positive answer
					value := "token=" + testnet.Forged
					if m == "dns_cname" {
						value = "forged.evil.test."
					}
					zone.Add(ch.Record.Name+".", ch.Record.Type, value)
					anna.wrong(d.ID, m)
				}
				for _, ref := range []string{d.ID, child.ID} {
					if now := anna.is(ref, "verified"); now.GraceEndsAt != nil {
						t.Errorf("%s: grace until %v", now.Hostname, now.GraceEndsAt)
					}
				}
			}
		}
		// What is really gone, with a proof of it, does start it.
		d := anna.owns("really.com", "dns_txt")
		w.Net.Zone("really.com").Remove(challenge(d, "dns_txt").Record.Name+".", "")
		anna.refuses(d.ID, "dns_txt", "dns_record_missing", "proof_removed")
		anna.is(d.ID, "at_risk")
	})
}

// T19, T25: a wildcard whose answer does not show that the name itself is not
// there may be the wildcard of anybody's choice of name.
func TestT19Wildcards(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{signed: true})
		mallory := w.person("mallory", "")
		for _, m := range []string{"dns_txt", "dns_cname"} {
			host := strings.ReplaceAll(m, "_", "-") + ".com"
			ch := challenge(mallory.claim(host), m)
			value := ch.Record.Value
			if m == "dns_cname" {
				value += "."
			}
			w.Net.Zone(host).Add("*."+host+".", ch.Record.Type, value).SignFault(testnet.SignFaultNoWildcard)
			mallory.wrong(host, m)
		}
	})
}

// T18, T19: one server of four leaves the signatures out, and says what it
// likes.
func TestT19DowngradeByOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{signed: true, dns: dns.Config{Attempts: 1}})
		mallory := w.person("mallory", "")
		anna := w.person("anna", "")
		for i, fault := range []testnet.Fault{testnet.FaultFormErrEDNS, testnet.FaultDropEDNS} {
			host := fmt.Sprintf("down%d.com", i)
			owned := anna.owns(host, "dns_txt")
			d := mallory.claim(host)
			zone := w.Net.Zone(host)
			zone.AddServer()
			zone.AddServer()
			liar := zone.Servers()[3]
			ch := challenge(d, "dns_txt")
			liar.Only(ch.Record.Name+".", "TXT", ch.Record.Value)
			liar.Fault(fault)
			mallory.wrong(host, "dns_txt")
			// Nor does it take the owner's proof away.
			anna.check(host, "dns_txt")
			if now := anna.is(owned.ID, "verified"); now.GraceEndsAt != nil {
				t.Errorf("grace until %v", now.GraceEndsAt)
			}
			// The three others silent: the one does not decide.
			for _, s := range zone.Servers()[:3] {
				s.Fault(testnet.FaultServFail)
			}
			mallory.wrong(host, "dns_txt")
			anna.check(host, "dns_txt")
			anna.is(owned.ID, "verified")
		}
	})
}

// T20: keys and signatures that cost more than an answer is worth.
func TestT20KeyTrap(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{signed: true})
		mallory := w.person("mallory", "")
		for i, o := range []testnet.SignOptions{{Algorithm: 15}, {Algorithm: 8}, {Algorithm: 8, HugeExponent: true}, {NSEC3: true, Iterations: 2500, Salt: strings.Repeat("ab", 100)}} {
			host := fmt.Sprintf("trap%d.com", i)
			d := mallory.claim(host)
			zone := w.Net.Zone(host)
			zone.Sign(o)
			if !o.NSEC3 {
				w.publish(d, "dns_txt")
			}
			if o.Algorithm != 0 && !o.HugeExponent {
				zone.KeyTrap(100, 100)
			}
			start := time.Now()
			at := mallory.check(host, "dns_txt")
			if deref(at.Outcome) == "verified" && !o.HugeExponent {
				t.Errorf("%s verified", host)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s took %v", host, took)
			}
			t.Logf("%s: %s in %v", host, deref(at.Outcome), time.Since(start))
			for _, m := range methods[1:] {
				mallory.check(host, m)
			}
		}
		// The service is as quick as before for everybody else.
		anna := w.person("anna", "")
		anna.owns("quick.com", "dns_txt")
	})
}
