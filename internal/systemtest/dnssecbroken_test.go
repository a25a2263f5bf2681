package systemtest

import (
	"strings"

	"github.com/miekg/dns"

	zdns "github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// wrong makes the zones whose signatures or keys are wrong.
func (w *signedWorld) wrong() {
	missing := []zdns.FaultCode{zdns.FaultSignaturesMissing, zdns.FaultDSMismatch}
	for _, tt := range []struct {
		zone  string
		fault testnet.SignFault
		codes []zdns.FaultCode
	}{
		{"expired.com", testnet.SignFaultExpired, []zdns.FaultCode{zdns.FaultSignatureExpired}},
		{"early.net", testnet.SignFaultNotYetValid, []zdns.FaultCode{zdns.FaultSignatureNotYetValid}},
		{"wrongds.com", testnet.SignFaultWrongDS, []zdns.FaultCode{zdns.FaultDSMismatch}},
		{"wrongds.org", testnet.SignFaultWrongDS, []zdns.FaultCode{zdns.FaultDSMismatch}},
		{"stripped.com", testnet.SignFaultStripped, []zdns.FaultCode{zdns.FaultSignaturesMissing}},
		{"moved.dev", testnet.SignFaultUnsigned, missing},
		{"corrupt.com", testnet.SignFaultCorrupt, []zdns.FaultCode{zdns.FaultSignatureWrong}},
	} {
		w.zone(tt.zone).SignFault(tt.fault)
		w.broken(tt.zone, strings.ReplaceAll(string(tt.fault), "_", " "), tt.codes...)
	}

	w.zone("sibling.com")
	w.zone("foreign.com").SignedBy(w.net.Zone("sibling.com"))
	w.broken("foreign.com", "signed by a sibling", zdns.FaultNoMatchingKey, zdns.FaultSignatureWrong, zdns.FaultSignaturesMissing)
	w.zone("corruptkeys.com").SignFaultAt("@", "DNSKEY", testnet.SignFaultCorrupt)
	w.broken("corruptkeys.com", "corrupted signature of the keys", zdns.FaultSignatureWrong)
	w.zone("unsignedkeys.com").SignFaultAt("@", "DNSKEY", testnet.SignFaultStripped)
	w.broken("unsignedkeys.com", "keys without signature", zdns.FaultSignaturesMissing)
	w.zone("oneset.com").SignFaultAt("_x", "TXT", testnet.SignFaultExpired)
	w.ask("one set expired", "_x.oneset.com", dns.TypeTXT, bogus, zdns.FaultSignatureExpired)
	w.ask("one set expired: another", "oneset.com", dns.TypeA, secure)
	w.ask("one set expired: alias to it", "a.oneset.com", dns.TypeTXT, bogus, zdns.FaultSignatureExpired)
	w.zone("strippedset.com").SignFaultAt("_x", "TXT", testnet.SignFaultStripped)
	w.ask("one set without signature", "_x.strippedset.com", dns.TypeTXT, bogus, zdns.FaultSignaturesMissing)

	w.zone("below.expired.com")
	w.broken("below.expired.com", "well signed below expired", zdns.FaultSignatureExpired)
	w.zone("plain.expired.com").Unsign()
	w.ask("unsigned below expired", "_x.plain.expired.com", dns.TypeTXT, bogus)
	w.zone("plain.stripped.com").Unsign()
	w.ask("unsigned below stripped", "_x.plain.stripped.com", dns.TypeTXT, bogus)

	// DS records of which one leads somewhere.
	z := w.zone("twods.com")
	z.SetDS(append(z.DS(), "4711 13 2 "+strings.Repeat("ab", 32))...)
	w.whole("twods.com", "a second DS of no key", secure, secure)
	z = w.zone("unknownds.com")
	z.SetDS(append(z.DS(), "4711 200 2 "+strings.Repeat("ab", 32))...)
	w.whole("unknownds.com", "a second DS of an unknown algorithm", secure, secure)
	z = w.zone("digest.com")
	tag, _, _ := strings.Cut(z.DS()[0], " ")
	z.SetDS(tag + " 13 2 " + strings.Repeat("ab", 32))
	w.broken("digest.com", "DS of the right tag and a wrong digest", zdns.FaultDSMismatch)
	z = w.zone("unknownonly.com")
	z.SetDS("4711 200 2 "+strings.Repeat("ab", 32), "4712 13 99 "+strings.Repeat("ab", 32))
	w.ask("DS of an unknown algorithm and of an unknown digest", "_x.unknownonly.com", dns.TypeTXT, insecure)

	for name, f := range map[string]testnet.SignFault{"nsdexpired.com": testnet.SignFaultExpired, "nsdexpired.info": testnet.SignFaultExpired} {
		w.onNSD(w.zone(name).SignFault(f))
		w.broken(name, "expired", zdns.FaultSignatureExpired)
	}
	w.onNSD(w.zone("nsdcorrupt.net").SignFault(testnet.SignFaultCorrupt))
	w.broken("nsdcorrupt.net", "corrupted", zdns.FaultSignatureWrong)
	w.onNSD(w.zone("nsdmoved.com").SignFault(testnet.SignFaultUnsigned))
	w.broken("nsdmoved.com", "unsigned with a DS", missing...)
	w.onNSD(w.zone("nsdwrongds.dev").SignFault(testnet.SignFaultWrongDS))
	w.broken("nsdwrongds.dev", "wrong DS", zdns.FaultDSMismatch)
	w.onKnot("knotwrongds.com", "algorithm: ecdsap256sha256")
	w.broken("knotwrongds.com", "wrong DS", zdns.FaultDSMismatch)
}

// wrongProofs makes the zones whose records are good, not their denials.
func (w *signedWorld) wrongProofs() {
	for _, tt := range []struct {
		zone  string
		o     sign
		fault testnet.SignFault
		codes []zdns.FaultCode
	}{
		{"nodenial.com", sign{}, testnet.SignFaultNoDenial, []zdns.FaultCode{zdns.FaultDenialMissing}},
		{"nodenial3.net", sign{NSEC3: true}, testnet.SignFaultNoDenial, []zdns.FaultCode{zdns.FaultDenialMissing}},
		{"wrongdenial.com", sign{}, testnet.SignFaultWrongDenial, []zdns.FaultCode{zdns.FaultDenialWrong}},
		{"wrongdenial3.net", sign{NSEC3: true, Salt: "ee"}, testnet.SignFaultWrongDenial, []zdns.FaultCode{zdns.FaultDenialWrong}},
	} {
		w.zone(tt.zone).Sign(tt.o).SignFault(tt.fault)
		about := strings.ReplaceAll(string(tt.fault), "_", " ")
		w.ask(about+": data", "_x."+tt.zone, dns.TypeTXT, secure)
		w.ask(about+": NODATA", "_x."+tt.zone, dns.TypeA, bogus, tt.codes...)
		w.ask(about+": NXDOMAIN", "no.such."+tt.zone, dns.TypeTXT, bogus, tt.codes...)
		w.ask(about+": wildcard", "q.w."+tt.zone, dns.TypeTXT, bogus, tt.codes...)
		w.zone("plain." + tt.zone).Unsign()
		w.ask(about+": unsigned zone below", "_x.plain."+tt.zone, dns.TypeTXT, bogus)
	}
	w.zone("nowildcard.com").SignFault(testnet.SignFaultNoWildcard)
	w.ask("no wildcard proof: data", "_x.nowildcard.com", dns.TypeTXT, secure)
	w.ask("no wildcard proof: NXDOMAIN", "no.such.nowildcard.com", dns.TypeTXT, secure)
	w.ask("no wildcard proof: wildcard", "q.w.nowildcard.com", dns.TypeTXT, bogus, zdns.FaultDenialMissing)
	w.ask("no wildcard proof: wildcard CNAME", "q.c.nowildcard.com", dns.TypeTXT, bogus, zdns.FaultDenialMissing, zdns.FaultDenialWrong)
	w.zone("nowildcard3.org").Sign(sign{NSEC3: true}).SignFault(testnet.SignFaultNoWildcard)
	w.ask("no wildcard proof: wildcard", "q.w.nowildcard3.org", dns.TypeTXT, bogus, zdns.FaultDenialMissing)
}

// aliases lead from zone to zone.
func (w *signedWorld) aliases() {
	targets := []struct {
		label, to string
		want      zdns.Security
	}{
		{"secure", "_x.rsa256.net.", secure}, {"insecure", "_x.plain.com.", insecure}, {"bogus", "_x.expired.com.", bogus},
		{"nsd", "_x.nsded.dev.", secure}, {"knot", "_x.knoted.info.", secure}, {"nowhere", "no.such.p384.com.", secure},
		{"optedout", "no.such.optout.com.", insecure}, {"wild", "q.w.rsa512.net.", secure}, {"denied", "no.such.nodenial.com.", bogus},
	}
	from, plain := w.zone("from.com"), w.zone("from.biz").Unsign()
	for _, t := range targets {
		from.Add(t.label, "CNAME", t.to)
		plain.Add(t.label, "CNAME", t.to)
		w.ask("alias from secure to "+t.label, t.label+".from.com", dns.TypeTXT, t.want)
		want := t.want
		if want == secure {
			want = insecure
		}
		w.ask("alias from insecure to "+t.label, t.label+".from.biz", dns.TypeTXT, want)
	}
	from.Add("two", "CNAME", "secure").Add("three", "CNAME", "insecure").Add("itself", "CNAME", "secure.from.biz.")
	w.ask("two aliases", "two.from.com", dns.TypeTXT, secure)
	w.ask("two aliases, one leads to insecure", "three.from.com", dns.TypeTXT, insecure)
	w.ask("secure, insecure, secure", "itself.from.com", dns.TypeTXT, insecure)

	from.Add("d", "DNAME", "rsa256.net.").Add("di", "DNAME", "plain.com.").Add("db", "DNAME", "expired.com.").Add("dn", "DNAME", "nsdrsa.net.")
	plain.Add("d", "DNAME", "rsa256.net.")
	w.ask("DNAME to secure", "_x.d.from.com", dns.TypeTXT, secure)
	w.ask("DNAME to secure, NSD", "_x.dn.from.com", dns.TypeTXT, secure)
	w.ask("DNAME to a wildcard", "q.w.d.from.com", dns.TypeTXT, secure)
	w.ask("DNAME to nowhere", "no.such.d.from.com", dns.TypeTXT, secure)
	w.ask("DNAME to insecure", "_x.di.from.com", dns.TypeTXT, insecure)
	w.ask("DNAME to bogus", "_x.db.from.com", dns.TypeTXT, bogus)
	w.ask("DNAME from insecure", "_x.d.from.biz", dns.TypeTXT, insecure)
	w.zone("dexpired.com").Add("d", "DNAME", "rsa256.net.").SignFaultAt("d", "DNAME", testnet.SignFaultExpired)
	w.ask("expired DNAME", "_x.d.dexpired.com", dns.TypeTXT, bogus, zdns.FaultSignatureExpired)
	w.onNSD(w.zone("nsdfrom.com").Add("d", "DNAME", "rsa256.net.").Add("to", "CNAME", "_x.p256.com."))
	w.ask("DNAME", "_x.d.nsdfrom.com", dns.TypeTXT, secure)
	w.ask("alias to secure", "to.nsdfrom.com", dns.TypeTXT, secure)
}

// attacks are zones made to cost their validators time.
func (w *signedWorld) attacks() {
	w.zone("keytrap.com").Sign(sign{Algorithm: dns.ED25519}).KeyTrap(40, 40)
	w.ask("40 keys of one tag, 40 wrong signatures", "_x.keytrap.com", dns.TypeTXT, bogus, zdns.FaultTooMuchWork)
	w.zone("keytraprsa.com").Sign(sign{Algorithm: dns.RSASHA256}).KeyTrap(25, 25)
	w.ask("25 RSA keys of one tag, 25 wrong signatures", "_x.keytraprsa.com", dns.TypeTXT, bogus, zdns.FaultTooMuchWork)
	w.zone("thousand.com").Sign(sign{Algorithm: dns.ED25519}).KeyTrap(1000, 0)
	w.ask("a thousand keys of one tag", "_x.thousand.com", dns.TypeTXT, bogus, zdns.FaultTooMuchWork)
	w.zone("fewkeys.com").Sign(sign{Algorithm: dns.ED25519}).KeyTrap(1, 0)
	w.whole("fewkeys.com", "two keys of one tag", secure, secure)
	w.zone("huge.com").Sign(sign{Algorithm: dns.RSASHA256, HugeExponent: true})
	q := w.ask("huge RSA exponent", "_x.huge.com", dns.TypeTXT, bogus)
	q.differs, q.differsBy = secure, "Unbound takes exponents that make every check as dear as signing; Go's library and ours do not"
}
