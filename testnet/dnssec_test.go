package testnet_test

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

// secureQuery is a question with DO.
func secureQuery(name, rtype string) *dns.Msg {
	m := query(name, rtype)
	m.IsEdns0().SetDo()
	return m
}

// askSecure asks over TCP, so that size does not matter.
func askSecure(t testing.TB, n *testnet.Network, s *testnet.NameServer, name, rtype string) *dns.Msg {
	t.Helper()
	return exchange(t, n, s.Addr(), "tcp", secureQuery(name, rtype))
}

// keysOf are the keys of a zone, as its first server shows them.
func keysOf(t testing.TB, n *testnet.Network, z *testnet.Zone) []*dns.DNSKEY {
	t.Helper()
	var out []*dns.DNSKEY
	for _, rr := range askSecure(t, n, z.Servers()[0], dns.Fqdn(z.Name()), "DNSKEY").Answer {
		if k, ok := rr.(*dns.DNSKEY); ok {
			out = append(out, k)
		}
	}
	return out
}

// setsOf groups the records of sections by name and type, and their
// signatures.
func setsOf(rrs ...[]dns.RR) (sets map[string][]dns.RR, sigs map[string][]*dns.RRSIG) {
	sets, sigs = map[string][]dns.RR{}, map[string][]*dns.RRSIG{}
	for _, rr := range slices.Concat(rrs...) {
		if sig, ok := rr.(*dns.RRSIG); ok {
			k := sig.Hdr.Name + " " + dns.Type(sig.TypeCovered).String()
			sigs[k] = append(sigs[k], sig)
			continue
		}
		k := rr.Header().Name + " " + dns.Type(rr.Header().Rrtype).String()
		sets[k] = append(sets[k], rr)
	}
	return sets, sigs
}

// check is what a validator says of one set with the keys of its zone: "" is
// good.
func check(set []dns.RR, sigs []*dns.RRSIG, keys []*dns.DNSKEY) string {
	if len(sigs) == 0 {
		return "no signature"
	}
	last := ""
	for _, sig := range sigs {
		for _, k := range keys {
			if k.KeyTag() != sig.KeyTag || k.Algorithm != sig.Algorithm {
				continue
			}
			switch err := sig.Verify(k, set); {
			case err != nil:
				last = err.Error()
			case !sig.ValidityPeriod(time.Now()):
				last = "out of date"
			default:
				return ""
			}
		}
		if last == "" {
			last = "no key"
		}
	}
	return last
}

// checkAll wants every set in answer and authority signed, but the NS records
// of a referral and the CNAME that a DNAME makes.
func checkAll(m *dns.Msg, keys []*dns.DNSKEY) error {
	sets, sigs := setsOf(m.Answer, m.Ns)
	for k, set := range sets {
		if !m.Authoritative && set[0].Header().Rrtype == dns.TypeNS {
			if len(sigs[k]) > 0 {
				return fmt.Errorf("%s of a referral is signed", k)
			}
			continue
		}
		if why := check(set, sigs[k], keys); why != "" {
			return fmt.Errorf("%s: %s", k, why)
		}
	}
	return nil
}

var algorithms = []uint8{dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519}

// A chain of trust from the anchors down to a record, for every algorithm.
func TestSignChain(t *testing.T) {
	t.Parallel()
	for i, alg := range algorithms {
		t.Run(dns.AlgorithmToString[alg], func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			if n.TrustAnchors() != "" {
				t.Errorf("anchors of an unsigned root: %s", n.TrustAnchors())
			}
			n.Zone("early.com")
			n.SignAll(testnet.SignOptions{Algorithm: alg, OneKey: i%2 == 0, NSEC3: i%3 == 0, Digest: dns.SHA256 + uint8(i%2)*2})
			n.Zone("example.co.uk").Add("_x", "TXT", "v")
			zp := dns.NewZoneParser(strings.NewReader(n.TrustAnchors()), ".", "")
			var ds []dns.RR
			for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
				ds = append(ds, rr)
			}
			for _, name := range []string{".", "uk", "co.uk", "example.co.uk", "early.com"} {
				z := n.Zone(name)
				if p := z.Parent(); p != nil {
					m := askSecure(t, n, p.Servers()[0], name, "DS")
					if err := checkAll(m, keysOf(t, n, p)); err != nil {
						t.Errorf("DS of %s: %v", name, err)
					}
					sets, _ := setsOf(m.Answer)
					ds = sets[dns.Fqdn(name)+" DS"]
					ref := askSecure(t, n, p.Servers()[0], "_x."+name, "TXT")
					if err := checkAll(ref, keysOf(t, n, p)); err != nil || ref.Authoritative {
						t.Errorf("referral to %s: %v", name, err)
					}
					if got, _ := setsOf(ref.Ns); !cmp.Equal(got[dns.Fqdn(name)+" DS"], ds) {
						t.Errorf("referral to %s without DS", name)
					}
				}
				if len(ds) != 1 {
					t.Fatalf("%s: %d DS records", name, len(ds))
				}
				keys := keysOf(t, n, z)
				if want := 2 - (i+1)%2; len(keys) != want || len(z.KeyTags()) != want {
					t.Errorf("%s: %d keys, tags %v", name, len(keys), z.KeyTags())
				}
				sep := slices.IndexFunc(keys, func(k *dns.DNSKEY) bool { return k.Flags == 257 })
				if d := ds[0].(*dns.DS); !strings.EqualFold(keys[sep].ToDS(d.DigestType).Digest, d.Digest) || d.KeyTag != z.KeyTags()[0] {
					t.Errorf("%s: DS %s is not of the key", name, d)
				}
				m := askSecure(t, n, z.Servers()[1], dns.Fqdn(name), "DNSKEY")
				if err := checkAll(m, keys[sep:sep+1]); err != nil {
					t.Errorf("DNSKEY of %s: %v", name, err)
				}
				if err := checkAll(askSecure(t, n, z.Servers()[1], dns.Fqdn(name), "SOA"), keys); err != nil {
					t.Errorf("SOA of %s: %v", name, err)
				}
			}
			z := n.Zone("example.co.uk")
			m := askSecure(t, n, z.Servers()[0], "_x.example.co.uk", "TXT")
			if err := checkAll(m, keysOf(t, n, z)); err != nil || len(txts(m)) != 1 {
				t.Errorf("TXT: %v\n%s", err, m)
			}
		})
	}
}

// Only who asks with DO gets records of DNSSEC, and zones may change.
func TestSignChanges(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.SignAll(testnet.SignOptions{})
	z := n.Zone("example.com").Add("_x", "TXT", "v")
	s := z.Servers()[0]
	if got := show(ask(t, n, s, "_x.example.com", "TXT")); got != lines("NOERROR aa", `an: _x.example.com. TXT "v"`) {
		t.Errorf("without DO: %s", got)
	}
	if got := show(ask(t, n, s, "none.example.com", "TXT")); got != lines("NXDOMAIN aa", "ns: example.com. SOA") {
		t.Errorf("without DO: %s", got)
	}
	if got := show(ask(t, n, n.Zone("com").Servers()[0], "example.com", "A")); strings.Contains(got, "DS") {
		t.Errorf("without DO: %s", got)
	}
	keys := keysOf(t, n, z)
	good := func(what string, m *dns.Msg) *dns.Msg {
		t.Helper()
		if err := checkAll(m, keys); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return m
	}
	good("first", askSecure(t, n, s, "_x.example.com", "TXT"))
	z.Add("_x", "TXT", "w")
	if m := good("added", askSecure(t, n, s, "_x.example.com", "TXT")); len(txts(m)) != 2 {
		t.Errorf("added: %s", m)
	}
	z.Remove("_x", "TXT")
	if m := good("removed", askSecure(t, n, s, "_x.example.com", "TXT")); m.Rcode != dns.RcodeNameError || len(m.Ns) < 4 {
		t.Errorf("removed: %s", m)
	}
	z.Servers()[1].Only("_y", "TXT", "only here")
	good("one server", askSecure(t, n, z.Servers()[1], "_y.example.com", "TXT"))
	z.Sequence("_s", "TXT", [][]string{{}, {"a"}, {"b"}})
	if m := good("sequence", askSecure(t, n, s, "_s.example.com", "TXT")); len(m.Answer) != 0 || !proves(t, m, "_s.example.com.", "TXT") {
		t.Errorf("sequence: %s", m)
	}
	for _, want := range []string{"a", "b", "b"} {
		if m := good("sequence", askSecure(t, n, s, "_s.example.com", "TXT")); !slices.Equal(txts(m), []string{want}) {
			t.Errorf("sequence: %s", m)
		}
	}
	old := z.KeyTags()
	z.Sign(testnet.SignOptions{NSEC3: true, Salt: "abcd"})
	keys = keysOf(t, n, z)
	if slices.Equal(z.KeyTags(), old) {
		t.Error("the same keys")
	}
	good("signed again", askSecure(t, n, s, "_x.example.com", "TXT"))
	if m := good("NSEC3PARAM", askSecure(t, n, s, "example.com", "NSEC3PARAM")); len(m.Answer) != 2 {
		t.Errorf("NSEC3PARAM: %s", m)
	}
	if m := good("RRSIG", askSecure(t, n, s, "example.com", "RRSIG")); len(m.Answer) < 4 {
		t.Errorf("RRSIG: %s", m)
	}
	z.Unsign()
	if m := askSecure(t, n, s, "example.com", "SOA"); len(m.Answer) != 1 || z.KeyTags() != nil || z.DS() != nil {
		t.Errorf("unsigned: %s", m)
	}
	// The bit of who wants to check by himself comes back.
	q := secureQuery("example.com", "SOA")
	q.CheckingDisabled = true
	if m := exchange(t, n, s.Addr(), "udp", q); !m.CheckingDisabled || m.AuthenticatedData {
		t.Errorf("flags: %s", m)
	}
	if q := n.Queries(); !q[len(q)-1].DO {
		t.Error("DO is not in the history")
	}
}

// A signed answer that does not fit comes over TCP.
func TestSignTruncation(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	z := n.Zone("example.com").Sign(testnet.SignOptions{Algorithm: dns.RSASHA256, Also: dns.RSASHA512, NSEC3: true})
	s := z.Servers()[0]
	m := exchange(t, n, s.Addr(), "udp", secureQuery("x.y.example.com", "TXT"))
	if !m.Truncated || len(m.Ns) != 0 {
		t.Errorf("over UDP: %s", m)
	}
	m = exchange(t, n, s.Addr(), "tcp", secureQuery("x.y.example.com", "TXT"))
	if err := checkAll(m, keysOf(t, n, z)); err != nil || m.Truncated {
		t.Errorf("over TCP: %v", err)
	}
}

func TestSignUnknown(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.SignAll(testnet.SignOptions{})
	z := n.Zone("example.com").Sign(testnet.SignOptions{Algorithm: 200, Digest: 99}).Add("_x", "TXT", "v")
	com := n.Zone("com")
	m := askSecure(t, n, com.Servers()[0], "example.com", "DS")
	if err := checkAll(m, keysOf(t, n, com)); err != nil {
		t.Error(err)
	}
	if ds := m.Answer[0].(*dns.DS); ds.Algorithm != 200 || ds.DigestType != 99 {
		t.Errorf("%s", ds)
	}
	_, sigs := setsOf(askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT").Answer)
	if sig := sigs["_x.example.com. TXT"]; len(sig) != 1 || sig[0].Algorithm != 200 || sig[0].KeyTag != z.KeyTags()[1] || sig[0].Labels != 3 {
		t.Errorf("%v", sigs)
	}
}

// verifyHuge is RSA with an exponent of any length.
func verifyHuge(k *dns.DNSKEY, sig *dns.RRSIG) bool {
	raw, err := b64(k.PublicKey)
	if err != nil || raw[0] != 0 {
		return false
	}
	l := int(raw[1])<<8 | int(raw[2])
	e, mod := new(big.Int).SetBytes(raw[3:3+l]), new(big.Int).SetBytes(raw[3+l:])
	s, err := b64(sig.Signature)
	if err != nil || e.BitLen() < mod.BitLen()-1 {
		return false
	}
	em := new(big.Int).Exp(new(big.Int).SetBytes(s), e, mod).Bytes()
	return bytes.HasPrefix(em, []byte{1, 0xff, 0xff, 0xff, 0xff}) && len(em) == (mod.BitLen()+7)/8-1
}

func TestSignHugeExponent(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	z := n.Zone("example.com").Sign(testnet.SignOptions{Algorithm: dns.RSASHA256, OneKey: true, HugeExponent: true}).Add("_x", "TXT", "v")
	_, sigs := setsOf(askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT").Answer)
	keys := keysOf(t, n, z)
	if len(keys) != 1 || !verifyHuge(keys[0], sigs["_x.example.com. TXT"][0]) {
		t.Error("does not verify")
	}
}

func TestKeyTrap(t *testing.T) {
	t.Parallel()
	for _, alg := range []uint8{dns.RSASHA256, dns.ED25519} {
		n := newNetwork(t)
		z := n.Zone("example.com").Sign(testnet.SignOptions{Algorithm: alg}).Add("_x", "TXT", "v").KeyTrap(20, 10)
		tag, same := z.KeyTags()[1], 0
		keys := keysOf(t, n, z)
		for _, k := range keys {
			if k.KeyTag() == tag && k.Flags == 256 {
				same++
			}
		}
		m := askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT")
		sets, sigs := setsOf(m.Answer)
		if same != 21 || len(keys) != 22 || len(sigs["_x.example.com. TXT"]) != 11 {
			t.Errorf("%d of %d keys with tag %d; %d signatures", same, len(keys), tag, len(sigs["_x.example.com. TXT"]))
		}
		good := 0
		for _, sig := range sigs["_x.example.com. TXT"] {
			if sig.KeyTag != tag {
				t.Errorf("tag %d", sig.KeyTag)
			}
			for _, k := range keys {
				if sig.Verify(k, sets["_x.example.com. TXT"]) == nil {
					good++
				}
			}
		}
		if good != 1 {
			t.Errorf("%d pairs of key and signature are good, want 1", good)
		}
	}
}

// The master file holds what the servers say.
func TestMasterFile(t *testing.T) {
	t.Parallel()
	for _, o := range []testnet.SignOptions{{}, {NSEC3: true, Salt: "ab"}, {NSEC3: true, OptOut: true}} {
		n := newNetwork(t)
		n.SignAll(testnet.SignOptions{})
		z := n.Zone("example.com").Sign(o).Add("_x", "TXT", `a "b" \ c`).Add("*.w.ent", "TXT", "w")
		n.Zone("signed.example.com")
		n.Zone("plain.example.com").Unsign()
		zp := dns.NewZoneParser(strings.NewReader(z.MasterFile()), ".", "")
		var rrs []dns.RR
		for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
			rrs = append(rrs, rr)
		}
		if zp.Err() != nil || len(rrs) == 0 || rrs[0].Header().Rrtype != dns.TypeSOA {
			t.Fatalf("%v\n%s", zp.Err(), z.MasterFile())
		}
		sets, sigs := setsOf(rrs)
		proofs := 0
		for k, set := range sets {
			h := set[0].Header()
			if h.Rrtype == dns.TypeNSEC || h.Rrtype == dns.TypeNSEC3 {
				proofs++
			}
			glue := strings.Contains(h.Name, ".plain.") || strings.Contains(h.Name, ".signed.")
			if glue || h.Rrtype == dns.TypeNS && h.Name != "example.com." {
				if len(sigs[k]) > 0 {
					t.Errorf("%s is signed", k)
				}
				continue
			}
			if why := check(set, sigs[k], keysOf(t, n, z)); why != "" {
				t.Errorf("%s: %s", k, why)
			}
		}
		if len(sets["plain.example.com. DS"]) != 0 || len(sets["signed.example.com. DS"]) != 1 || len(sets["ns1.plain.example.com. A"]) != 1 || len(sets["*.w.ent.example.com. TXT"]) != 1 {
			t.Errorf("sets: %s", z.MasterFile())
		}
		// apex, ns1, ns2, _x, signed, *.w.ent, plain, and w.ent and ent.
		want := 7
		if o.NSEC3 {
			want = 9
		}
		if o.OptOut {
			want--
		}
		if proofs != want {
			t.Errorf("%d NSEC or NSEC3 records, want %d", proofs, want)
		}
	}
}
