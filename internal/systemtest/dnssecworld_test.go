package systemtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	zdns "github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

const (
	secure   = zdns.SecuritySecure
	insecure = zdns.SecurityInsecure
	bogus    = zdns.SecurityBogus
)

// signedQuestion is one question of the comparison, what every validator must
// say to it ("": the same), and the reason that ours must give.
type signedQuestion struct {
	server string // who serves the zone
	about  string // the zone, in words
	name   string
	qtype  uint16
	want   zdns.Security
	codes  []zdns.FaultCode // any of these; none: not asked
	// differs is what Unbound says instead, and differsBy why.
	differs   zdns.Security
	differsBy string
}

// signedWorld is the zones of the comparison.
type signedWorld struct {
	t     *testing.T
	net   *testnet.Network
	knot  map[string]knotZone
	nsd   []*testnet.Zone
	cases []signedQuestion
	// server is the make of the server of each zone.
	server map[string]string
}

// content is what every zone of the world holds.
var content = [][3]string{
	{"@", "A", "127.46.0.1"}, {"_x", "TXT", "v"}, {"deep.ent", "TXT", "v"},
	{"*.w", "TXT", "wild"}, {"*.c", "CNAME", "_x"}, {"a", "CNAME", "_x"},
}

// zone makes a zone on the servers of testnet.
func (w *signedWorld) zone(name string) *testnet.Zone {
	z := w.net.Zone(name)
	for _, c := range content {
		z.Add(c[0], c[1], c[2])
	}
	w.server[name] = "testnet"
	return z
}

// onNSD moves a zone to NSD, with its signatures as they are when all zones
// are there.
func (w *signedWorld) onNSD(z *testnet.Zone) *testnet.Zone {
	for _, s := range z.Servers() {
		z.Remove(s.Name()+".", "")
	}
	z.Remove("@", "NS").Add("@", "NS", "ns").Add("ns", "A", nsdAddr)
	w.nsd = append(w.nsd, z)
	w.server[z.Name()] = "NSD"
	return z.Delegate(testnet.NS{Name: "ns." + z.Name(), Addrs: []string{nsdAddr}})
}

// onKnot makes a zone that Knot DNS serves and signs.
func (w *signedWorld) onKnot(name, policy string, lines ...string) *testnet.Zone {
	z := w.net.Zone(name).Unsign().Delegate(testnet.NS{Name: "ns." + name, Addrs: []string{knotAddr}})
	text := fmt.Sprintf("$ORIGIN %s.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A %s\n", name, knotAddr)
	for _, c := range content {
		text += strings.Join(c[:], " ") + "\n"
	}
	w.knot[name] = knotZone{text: text + strings.Join(lines, "\n") + "\n", policy: policy}
	w.server[name] = "Knot"
	return z
}

// ask adds one question.
// The pointer is good until the next.
func (w *signedWorld) ask(about, name string, qtype uint16, want zdns.Security, codes ...zdns.FaultCode) *signedQuestion {
	server := ""
	for z := name; server == "" && z != ""; _, z, _ = strings.Cut(z, ".") {
		server = w.server[z]
	}
	w.cases = append(w.cases, signedQuestion{server: server, about: about, name: name, qtype: qtype, want: want, codes: codes})
	return &w.cases[len(w.cases)-1]
}

// whole asks for every kind of answer of a zone. Positive and negative is what
// has to come of records that are there, and of what a proof of absence is
// part of.
func (w *signedWorld) whole(zone, about string, positive, negative zdns.Security) {
	w.ask(about, "_x."+zone, dns.TypeTXT, positive)
	w.ask(about+": alias", "a."+zone, dns.TypeTXT, positive)
	w.ask(about+": apex", zone, dns.TypeA, positive)
	w.ask(about+": NODATA", "_x."+zone, dns.TypeA, positive)
	w.ask(about+": empty non-terminal", "ent."+zone, dns.TypeTXT, positive)
	w.ask(about+": NXDOMAIN", "no.such."+zone, dns.TypeTXT, negative)
	w.ask(about+": NXDOMAIN below a name", "no._x."+zone, dns.TypeTXT, negative)
	w.ask(about+": wildcard", "q.w."+zone, dns.TypeTXT, negative)
	w.ask(about+": wildcard, deeper", "a.b.w."+zone, dns.TypeTXT, negative)
	w.ask(about+": wildcard NODATA", "q.w."+zone, dns.TypeA, negative)
	w.ask(about+": wildcard CNAME", "q.c."+zone, dns.TypeTXT, negative)
}

// broken asks a zone in which everything is wrong for the same reason.
func (w *signedWorld) broken(zone, about string, codes ...zdns.FaultCode) {
	w.ask(about, "_x."+zone, dns.TypeTXT, bogus, codes...)
	w.ask(about+": NODATA", "_x."+zone, dns.TypeA, bogus, codes...)
	w.ask(about+": NXDOMAIN", "no.such."+zone, dns.TypeTXT, bogus, codes...)
}

// newSignedWorld is a signed root without anything below.
func newSignedWorld(t *testing.T) *signedWorld {
	t.Helper()
	n, err := testnet.NewOnLoopback(testnet.Ports{DNS: 53})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	w := &signedWorld{t: t, net: n, knot: map[string]knotZone{}, server: map[string]string{}}
	n.SignAll(testnet.SignOptions{})
	return w
}

type sign = testnet.SignOptions

// topLevel makes the top-level domains: NSEC and NSEC3, opt-out, on all three
// kinds of server, and one that is not signed.
func (w *signedWorld) topLevel() {
	w.zone("com")
	w.zone("net").Sign(sign{Algorithm: dns.RSASHA256, NSEC3: true, Salt: "00ff10", Iterations: 2})
	w.zone("org").Sign(sign{Algorithm: dns.ECDSAP384SHA384, NSEC3: true, OptOut: true})
	w.onNSD(w.zone("dev").Sign(sign{Algorithm: dns.ED25519}))
	w.onNSD(w.zone("info").Sign(sign{NSEC3: true, OptOut: true, Salt: "ab"}))
	w.zone("biz").Unsign()
}

func (w *signedWorld) healthy() {
	for name, o := range map[string]sign{
		"p256.com":   {},
		"p384.com":   {Algorithm: dns.ECDSAP384SHA384, NSEC3: true},
		"rsa256.net": {Algorithm: dns.RSASHA256},
		"rsa512.net": {Algorithm: dns.RSASHA512, NSEC3: true, Iterations: 5, Salt: "aabbccdd"},
		"ed.org":     {Algorithm: dns.ED25519},
		"edthree.se": {Algorithm: dns.ED25519, NSEC3: true, Salt: "01", Iterations: 1},
		"onekey.com": {OneKey: true, Digest: dns.SHA384},
		"rolled.com": {Algorithm: dns.RSASHA256, Also: dns.ECDSAP256SHA256},
		"limit.com":  {NSEC3: true, Iterations: 50},
		"sha1.com":   {Digest: dns.SHA1},
	} {
		w.zone(name).Sign(o)
		w.whole(name, "signed "+describe(o), secure, secure)
	}
	w.zone("stale.com").Sign(sign{Algorithm: dns.ECDSAP256SHA256, Also: dns.RSASHA256}).SignFault(testnet.SignFaultStaleOther)
	w.whole("stale.com", "rollover, one algorithm expired", secure, secure)
	w.zone("optout.com").Sign(sign{NSEC3: true, OptOut: true})
	w.whole("optout.com", "opt-out", secure, insecure)
	w.zone("child.p384.com").Sign(sign{Algorithm: dns.ED25519})
	w.whole("child.p384.com", "signed below signed", secure, secure)

	for name, o := range map[string]sign{
		"nsdnsec.com":  {},
		"nsdrsa.net":   {Algorithm: dns.RSASHA256, NSEC3: true, Salt: "c0ffee"},
		"nsded.dev":    {Algorithm: dns.ED25519},
		"nsdp384.info": {Algorithm: dns.ECDSAP384SHA384, NSEC3: true, Iterations: 12},
		"nsd512.org":   {Algorithm: dns.RSASHA512},
	} {
		w.onNSD(w.zone(name).Sign(o))
		w.whole(name, "signed "+describe(o), secure, secure)
	}
	w.onNSD(w.zone("nsdoptout.com").Sign(sign{NSEC3: true, OptOut: true}))
	w.whole("nsdoptout.com", "opt-out", secure, insecure)

	for name, policy := range map[string]string{
		"knotnsec.com": "algorithm: ecdsap256sha256",
		"knotp384.net": "algorithm: ecdsap384sha384; nsec3: on",
		"knotrsa.org":  "algorithm: rsasha256; nsec3: on; nsec3-iterations: 3; nsec3-salt-length: 8",
		"knot512.dev":  "algorithm: rsasha512",
		"knoted.info":  "algorithm: ed25519; nsec3: on",
	} {
		w.onKnot(name, policy)
		w.whole(name, "signed by Knot, "+policy, secure, secure)
	}
	w.onKnot("knotoptout.com", "algorithm: ed25519; nsec3: on; nsec3-opt-out: on", "plain NS ns1.plain.p256.com.")
	w.whole("knotoptout.com", "opt-out", secure, insecure)

	// A top-level domain that Knot signs.
	w.zone("plain.se").Unsign()
	w.whole("plain.se", "unsigned below a TLD of Knot's", insecure, insecure)
	w.zone("expired.se").Sign(sign{Algorithm: dns.RSASHA512}).SignFault(testnet.SignFaultExpired)
	w.broken("expired.se", "expired", zdns.FaultSignatureExpired)
	var cuts []string
	for _, name := range []string{"edthree.se", "plain.se", "expired.se"} {
		z := w.net.Zone(name)
		for _, s := range z.Servers() {
			cuts = append(cuts, fmt.Sprintf("%s. NS %s.\n%[2]s. A %s", name, s.Name(), s.Addr().Addr()))
		}
		for _, ds := range z.DS() {
			cuts = append(cuts, fmt.Sprintf("%s. DS %s", name, ds))
		}
	}
	w.onKnot("se", "algorithm: ecdsap256sha256; nsec3: on; nsec3-salt-length: 4", cuts...)
}

func describe(o sign) string {
	alg := o.Algorithm
	if alg == 0 {
		alg = dns.ECDSAP256SHA256
	}
	s := dns.AlgorithmToString[alg]
	if o.Also != 0 {
		s += " and " + dns.AlgorithmToString[o.Also]
	}
	if o.NSEC3 {
		s += fmt.Sprintf(", NSEC3 %d %q", o.Iterations, o.Salt)
	}
	if o.OptOut {
		s += ", opt-out"
	}
	if o.OneKey {
		s += ", one key"
	}
	if o.Digest != 0 {
		s += ", DS " + dns.HashToString[o.Digest]
	}
	return s
}

func (w *signedWorld) unsigned() {
	for _, name := range []string{"plain.com", "plain.net", "plain.org", "plain.dev", "plain.info", "plain.biz"} {
		w.zone(name).Unsign()
		w.whole(name, "unsigned", insecure, insecure)
	}
	w.ask("no DS, NSEC", "plain.com", dns.TypeDS, secure)
	w.ask("no DS, NSEC3", "plain.net", dns.TypeDS, secure)
	w.ask("no DS, opt-out", "plain.org", dns.TypeDS, insecure)
	w.ask("no DS, opt-out", "plain.info", dns.TypeDS, insecure)
	w.ask("DS", "p256.com", dns.TypeDS, secure)
	w.ask("keys", "p256.com", dns.TypeDNSKEY, secure)
	w.ask("no such TLD", "no-such-tld", dns.TypeA, secure)
	w.ask("no such domain, opt-out", "nobody.org", dns.TypeA, insecure)
	w.ask("no such domain, opt-out", "nobody.info", dns.TypeA, insecure)
	w.ask("no such domain, NSEC3", "nobody.net", dns.TypeA, secure)
	w.ask("no such domain, Knot's NSEC3", "nobody.se", dns.TypeA, secure)

	w.zone("sub.p256.com").Unsign()
	w.whole("sub.p256.com", "unsigned below signed", insecure, insecure)
	w.zone("sub.optout.com").Unsign()
	w.whole("sub.optout.com", "unsigned below opt-out", insecure, insecure)
	w.zone("x.empty.optout.com").Unsign()
	w.whole("x.empty.optout.com", "unsigned below an empty name that is opted out", insecure, insecure)
	// The record that covers the hash of an opted-out zone may be that of a
	// wildcard beside it, as it is for u7.
	w.zone("wildoptout.com").Sign(sign{NSEC3: true, OptOut: true}).Add("*", "CNAME", "_x")
	for _, name := range []string{"u1.wildoptout.com", "u7.wildoptout.com"} {
		w.zone(name).Unsign()
		w.ask("unsigned below opt-out, beside a wildcard", "_x."+name, dns.TypeTXT, insecure)
		q := w.ask("no DS, opt-out, beside a wildcard", name, dns.TypeDS, insecure)
		if strings.HasPrefix(name, "u7") {
			q.differs, q.differsBy = bogus, "asked for the DS itself, Unbound takes the record for the wildcard's (RFC 5155 section 8.6 has none)"
		}
	}
	w.zone("island.com").SignFault(testnet.SignFaultNoDS)
	w.whole("island.com", "signed without DS", insecure, insecure)
	w.zone("signed.plain.com")
	w.whole("signed.plain.com", "signed below unsigned", insecure, insecure)
	w.zone("signed.biz").SignFault(testnet.SignFaultExpired)
	w.whole("signed.biz", "badly signed below an unsigned TLD", insecure, insecure)
	w.onNSD(w.zone("nsdisland.com").SignFault(testnet.SignFaultNoDS))
	w.whole("nsdisland.com", "signed without DS", insecure, insecure)

	w.zone("unknownalg.com").Sign(sign{Algorithm: 200})
	w.whole("unknownalg.com", "unknown algorithm", insecure, insecure)
	w.zone("private.com").Sign(sign{Algorithm: dns.PRIVATEDNS})
	w.whole("private.com", "private algorithm", insecure, insecure)
	w.zone("below.unknownalg.com")
	w.whole("below.unknownalg.com", "signed below an unknown algorithm", insecure, insecure)
	w.zone("unknowndigest.com").Sign(sign{Digest: 99})
	w.whole("unknowndigest.com", "unknown digest", insecure, insecure)
	w.zone("iterations.com").Sign(sign{NSEC3: true, Iterations: 51})
	w.ask("NSEC3 iterations above the limit", "_x.iterations.com", dns.TypeTXT, secure)
	w.ask("NSEC3 iterations above the limit: NODATA", "_x.iterations.com", dns.TypeA, insecure)
	w.ask("NSEC3 iterations above the limit: NXDOMAIN", "no.such.iterations.com", dns.TypeTXT, insecure)
	w.ask("NSEC3 iterations above the limit: wildcard", "q.w.iterations.com", dns.TypeTXT, insecure)
	w.zone("plain.iterations.com").Unsign()
	w.ask("unsigned below NSEC3 iterations above the limit", "_x.plain.iterations.com", dns.TypeTXT, insecure)
}
