package testnet_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

func b64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// compareNames is the canonical order (RFC 4034 section 6.1).
func compareNames(a, b string) int {
	la, lb := dns.SplitDomainName(strings.ToLower(a)), dns.SplitDomainName(strings.ToLower(b))
	slices.Reverse(la)
	slices.Reverse(lb)
	return slices.Compare(la, lb)
}

func nsecCovers(rr *dns.NSEC, name string) bool {
	after := compareNames(rr.Hdr.Name, name) < 0
	before := compareNames(name, rr.NextDomain) < 0
	if compareNames(rr.Hdr.Name, rr.NextDomain) >= 0 { // the last one
		return after || before
	}
	return after && before
}

// claims collects what the records of an answer deny.
type claims struct {
	nsec  []*dns.NSEC
	nsec3 []*dns.NSEC3
}

func claimsOf(m *dns.Msg) (c claims) {
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.NSEC:
			c.nsec = append(c.nsec, rr)
		case *dns.NSEC3:
			c.nsec3 = append(c.nsec3, rr)
		}
	}
	return c
}

// covers: no such name. An NSEC may also begin right above it.
func (c claims) covers(name string) bool {
	return slices.ContainsFunc(c.nsec, func(r *dns.NSEC) bool { return nsecCovers(r, name) }) ||
		slices.ContainsFunc(c.nsec3, func(r *dns.NSEC3) bool { return r.Cover(name) })
}

// types are those of the record that matches the name.
func (c claims) types(name string) ([]uint16, bool) {
	for _, r := range c.nsec {
		if strings.EqualFold(r.Hdr.Name, name) {
			return r.TypeBitMap, true
		}
	}
	for _, r := range c.nsec3 {
		if r.Match(name) {
			return r.TypeBitMap, true
		}
	}
	return nil, false
}

func (c claims) optedOut(name string) bool {
	return slices.ContainsFunc(c.nsec3, func(r *dns.NSEC3) bool { return r.Cover(name) && r.Flags == 1 })
}

// proves reports whether the answer proves that the name has no such type.
func proves(t *testing.T, m *dns.Msg, name, rtype string) bool {
	t.Helper()
	types, ok := claimsOf(m).types(name)
	return ok && !slices.Contains(types, dns.StringToType[rtype])
}

// The denial of every kind of negative and wildcard answer.
func TestDenial(t *testing.T) {
	t.Parallel()
	for _, o := range []testnet.SignOptions{
		{}, {NSEC3: true}, {NSEC3: true, Iterations: 7, Salt: "aabbccdd"}, {NSEC3: true, OptOut: true},
	} {
		t.Run(fmt.Sprintf("nsec3=%v,iterations=%d,optout=%v", o.NSEC3, o.Iterations, o.OptOut), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.SignAll(testnet.SignOptions{})
			z := n.Zone("example.com").Sign(o).
				Add("_x", "TXT", "v").Add("deep.ent", "TXT", "v").
				Add("*.w", "TXT", "wild").Add("*.c", "CNAME", "_x").Add("d", "DNAME", "_x").
				Add("a", "CNAME", "q.w")
			n.Zone("signed.example.com")
			n.Zone("plain.example.com").Unsign()
			n.Zone("plain.empty.example.com").Unsign()
			s := z.Servers()[0]
			keys := keysOf(t, n, z)
			get := func(name, rtype string) (claims, *dns.Msg) {
				t.Helper()
				m := askSecure(t, n, s, name, rtype)
				if err := checkAll(dropSynthesized(m), keys); err != nil {
					t.Errorf("%s %s: %v\n%s", name, rtype, err, m)
				}
				return claimsOf(m), m
			}
			noName := func(c claims, name, encloser, nextCloser string) {
				t.Helper()
				if !c.covers(nextCloser) {
					t.Errorf("%s: %s is not covered", name, nextCloser)
				}
				if _, ok := c.types(encloser); o.NSEC3 && !ok {
					t.Errorf("%s: no record of the closest encloser", name)
				}
			}

			c, m := get("no.such.example.com.", "TXT")
			if m.Rcode != dns.RcodeNameError || !c.covers("*.example.com.") {
				t.Errorf("NXDOMAIN: %s", m)
			}
			noName(c, "NXDOMAIN", "example.com.", "such.example.com.")

			c, _ = get("no.deep.ent.example.com.", "TXT")
			noName(c, "NXDOMAIN deeper", "deep.ent.example.com.", "no.deep.ent.example.com.")

			if _, m = get("_x.example.com.", "A"); !proves(t, m, "_x.example.com.", "A") || m.Rcode != 0 {
				t.Errorf("NODATA: %s", m)
			}
			if types, _ := claimsOf(m).types("_x.example.com."); !slices.Contains(types, dns.TypeTXT) || !slices.Contains(types, dns.TypeRRSIG) {
				t.Errorf("NODATA: types %v", types)
			}
			if c, m = get("ent.example.com.", "TXT"); m.Rcode != 0 {
				t.Errorf("empty non-terminal: %s", m)
			} else if types, ok := c.types("ent.example.com."); o.NSEC3 != ok || len(types) > 0 || !ok && !c.covers("ent.example.com.") {
				t.Errorf("empty non-terminal: %s", m)
			}

			c, m = get("a.b.w.example.com.", "TXT")
			_, sigs := setsOf(m.Answer)
			if sig := sigs["a.b.w.example.com. TXT"]; len(sig) != 1 || sig[0].Labels != 3 || !c.covers("b.w.example.com.") {
				t.Errorf("wildcard: %s", m)
			}
			c, m = get("q.w.example.com.", "A")
			if types, ok := c.types("*.w.example.com."); !ok || slices.Contains(types, dns.TypeA) || m.Rcode != 0 {
				t.Errorf("wildcard without the type: %s", m)
			}
			noName(c, "wildcard without the type", "w.example.com.", "q.w.example.com.")
			if c, m = get("q.c.example.com.", "TXT"); !c.covers("q.c.example.com.") || len(m.Answer) != 4 {
				t.Errorf("wildcard alias: %s", m)
			}
			if c, m = get("a.example.com.", "TXT"); !c.covers("q.w.example.com.") || len(m.Answer) != 4 {
				t.Errorf("alias to a wildcard: %s", m)
			}
			if _, m = get("below.d.example.com.", "TXT"); len(m.Answer) != 3 {
				t.Errorf("DNAME: %s", m)
			}

			if _, m = get("x.signed.example.com.", "TXT"); m.Authoritative || len(claimsOf(m).nsec)+len(claimsOf(m).nsec3) > 0 {
				t.Errorf("signed delegation: %s", m)
			}
			for _, ask := range [][2]string{{"x.plain.example.com.", "TXT"}, {"plain.example.com.", "DS"}} {
				c, m = get(ask[0], ask[1])
				types, ok := c.types("plain.example.com.")
				switch {
				case ok == o.OptOut, ok && (!slices.Contains(types, dns.TypeNS) || slices.Contains(types, dns.TypeDS) || slices.Contains(types, dns.TypeSOA)):
					t.Errorf("unsigned delegation: %s", m)
				case !ok && !c.optedOut("plain.example.com."):
					t.Errorf("unsigned delegation is not opted out: %s", m)
				}
			}
			if c, m = get("plain.empty.example.com.", "DS"); o.OptOut && !c.optedOut("empty.example.com.") {
				t.Errorf("opted out below a name that only leads there: %s", m)
			}
			if _, m = get("example.com.", "DS"); len(m.Answer) > 0 {
				t.Errorf("DS of the apex: %s", m)
			}
		})
	}
}

// dropSynthesized removes the CNAME that stands below a DNAME.
func dropSynthesized(m *dns.Msg) *dns.Msg {
	c := m.Copy()
	c.Answer = slices.DeleteFunc(c.Answer, func(rr dns.RR) bool {
		_, ok := rr.(*dns.CNAME)
		return ok && slices.ContainsFunc(m.Answer, func(d dns.RR) bool {
			return d.Header().Rrtype == dns.TypeDNAME && strings.HasSuffix(rr.Header().Name, "."+d.Header().Name)
		})
	})
	return c
}

// Faults, as a validator sees them: of an existing record, of the keys, of a
// denial, and of the DS records.
func TestSignFaults(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.SignAll(testnet.SignOptions{})
	sibling := n.Zone("sibling.com")
	for i, tt := range []struct {
		fault                    testnet.SignFault
		record, keys, none, wild string
		ds                       bool
	}{
		{testnet.SignFaultNone, "", "", "", "", true},
		{testnet.SignFaultExpired, "out of date", "out of date", "out of date", "out of date", true},
		{testnet.SignFaultNotYetValid, "out of date", "out of date", "out of date", "out of date", true},
		{testnet.SignFaultCorrupt, "dns: bad signature", "", "dns: bad signature", "dns: bad signature", true},
		{testnet.SignFaultStripped, "no signature", "no signature", "no signature", "no signature", true},
		{testnet.SignFaultUnsigned, "no signature", "no keys", "no signature", "no signature", true},
		{testnet.SignFaultWrongDS, "", "", "", "", false},
		{testnet.SignFaultNoDS, "", "", "", "", false},
		{testnet.SignFaultNoDenial, "", "", "no proof", "no proof", true},
		{testnet.SignFaultWrongDenial, "", "", "no proof", "no proof", true},
		{testnet.SignFaultNoWildcard, "", "", "", "no proof", true},
		{testnet.SignFaultForeign, "no key", "", "no key", "no key", true},
	} {
		for _, nsec3 := range []bool{false, true} {
			z := n.Zone(fmt.Sprintf("z%d-%v.com", i, nsec3)).Sign(testnet.SignOptions{NSEC3: nsec3}).
				Add("_x", "TXT", "v").Add("*.w", "TXT", "v").Add("m", "TXT", "v")
			if tt.fault == testnet.SignFaultForeign {
				z.SignedBy(sibling)
			} else {
				z.SignFault(tt.fault)
			}
			s, keys := z.Servers()[0], keysOf(t, n, z)
			judge := func(name string) string {
				m := askSecure(t, n, s, name+"."+z.Name(), "TXT")
				sets, sigs := setsOf(m.Answer, m.Ns)
				for k, set := range sets {
					if why := check(set, sigs[k], keys); why != "" {
						return why
					}
				}
				if name != "_x" && !claimsOf(m).covers(name+"."+z.Name()+".") {
					return "no proof"
				}
				return ""
			}
			atKeys := "no keys"
			if len(keys) > 0 {
				sets, sigs := setsOf(askSecure(t, n, s, z.Name(), "DNSKEY").Answer)
				atKeys = check(sets[z.Name()+". DNSKEY"], sigs[z.Name()+". DNSKEY"], keys)
			}
			ds := false
			for _, d := range z.DS() {
				ds = ds || strings.HasPrefix(d, fmt.Sprint(z.KeyTags()[0], " "))
			}
			got := []any{judge("_x"), atKeys, judge("none"), judge("q.w"), ds}
			if want := []any{tt.record, tt.keys, tt.none, tt.wild, tt.ds}; !slices.Equal(got, want) {
				t.Errorf("%q, NSEC3 %v: %q, want %q", tt.fault, nsec3, got, want)
			}
			z.SignFault(testnet.SignFaultNone)
			keys = keysOf(t, n, z)
			if why := judge("_x"); why != "" {
				t.Errorf("%q healed: %s", tt.fault, why)
			}
		}
	}
}

// A fault of one set of records leaves the rest of the zone alone.
func TestSignFaultAt(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	z := n.Zone("example.com").Sign(testnet.SignOptions{}).Add("_x", "TXT", "v").Add("_y", "TXT", "v").
		SignFaultAt("_x", "TXT", testnet.SignFaultExpired).SignFaultAt("@", "DNSKEY", testnet.SignFaultCorrupt)
	keys := keysOf(t, n, z)
	for name, want := range map[string]string{"_x TXT": "out of date", "_y TXT": "", "@ SOA": "", "@ DNSKEY": "dns: bad signature"} {
		owner, rtype, _ := strings.Cut(name, " ")
		full := strings.TrimPrefix(owner+".example.com.", "@.")
		sets, sigs := setsOf(askSecure(t, n, z.Servers()[0], full, rtype).Answer)
		if got := check(sets[full+" "+rtype], sigs[full+" "+rtype], keys); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Two algorithms, both complete, and one that has gone stale.
func TestRollover(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	z := n.Zone("example.com").Sign(testnet.SignOptions{Algorithm: dns.ECDSAP256SHA256, Also: dns.ED25519}).Add("_x", "TXT", "v")
	if len(z.DS()) != 2 || len(z.KeyTags()) != 4 {
		t.Errorf("DS %q, keys %v", z.DS(), z.KeyTags())
	}
	judge := func() map[uint8]string {
		out := map[uint8]string{}
		sets, sigs := setsOf(askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT").Answer)
		for _, sig := range sigs["_x.example.com. TXT"] {
			out[sig.Algorithm] = check(sets["_x.example.com. TXT"], []*dns.RRSIG{sig}, keysOf(t, n, z))
		}
		return out
	}
	if got := judge(); len(got) != 2 || got[dns.ECDSAP256SHA256] != "" || got[dns.ED25519] != "" {
		t.Errorf("%v", got)
	}
	z.SignFault(testnet.SignFaultStaleOther)
	if got := judge(); len(got) != 2 || got[dns.ECDSAP256SHA256] != "" || got[dns.ED25519] != "out of date" {
		t.Errorf("stale: %v", got)
	}
	z.SetDS("1 8 2 " + strings.Repeat("ab", 32))
	if got := z.DS(); len(got) != 1 || !strings.HasPrefix(got[0], "1 8 2 AB") {
		t.Errorf("DS %q", got)
	}
}

func TestTamper(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	z := n.Zone("example.com").Sign(testnet.SignOptions{}).Add("_x", "TXT", "v")
	z.Tamper(func(m *dns.Msg) {
		if m.Question[0].Qtype == dns.TypeTXT {
			m.Rcode, m.Answer, m.Ns = dns.RcodeNameError, nil, m.Answer[1:]
			m.Ns[0].Header().Ttl = 7
		}
	})
	m := askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT")
	if m.Rcode != dns.RcodeNameError || len(m.Answer) != 0 || len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 7 {
		t.Errorf("%s", m)
	}
	if m := ask(t, n, z.Servers()[0], "_x.example.com", "TXT"); len(m.Answer) != 1 {
		t.Errorf("without DO: %s", m)
	}
	z.Tamper(nil)
	m = askSecure(t, n, z.Servers()[0], "_x.example.com", "TXT")
	if err := checkAll(m, keysOf(t, n, z)); err != nil || len(m.Answer) != 2 || m.Answer[1].Header().Ttl != 300 {
		t.Errorf("afterwards: %v\n%s", err, m)
	}
}
