package attacktest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/testnet"
)

// tlds are those in which the cases of a table live, one each: whoever breaks
// a registry breaks one top-level domain.
var tlds = strings.Fields("com net org info biz de fr nl se ch at pl cz dk fi no be eu us ca in io me tv cc co li lu pt es it ro bg hu gr ie is lt lv ee si sk hr rs ua by kz ge am az")

const whoisMail = "mallory@evil.net"

// T10, T40: what IANA is made to say leads nobody inside, whatever it says.
func TestT10Referrals(t *testing.T) {
	inside := []string{
		"127.0.0.1:6379", "127.0.0.1", "localhost", "localhost:6379", "whois://127.0.0.1:6379/", "http://127.0.0.1:6379/", "169.254.169.254", "169.254.169.254:80", "[::1]:43", "::1", "10.0.0.1",
		"2130706433", "0x7f000001", "127.1", "0177.0.0.1", "①②⑦.⓪.⓪.①", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "inside.evil.net", "inside.evil.net:6379", "metadata.google.internal",
		"whois.iana.org", " ", "-h", "a b", strings.Repeat("a", 300), strings.Repeat("a.", 200), "evil.net\x00.com", "../../etc/passwd", "unix:/run/x", "whois.evil.net/%0d%0aSET",
	}
	bases := []string{
		"https://127.0.0.1/", "https://127.0.0.1:6379/", "http://169.254.169.254/latest/", "https://[::1]/", "https://inside.evil.net/", "https://inside.evil.net:6379/", "http://rdap.evil.net/", "file:///etc/passwd",
		"gopher://127.0.0.1:6379/_SET", "https://u:p@127.0.0.1/", "https://2130706433/", "https://localhost/", "//127.0.0.1/", "javascript:1", "https://metadata.google.internal/",
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{registry: registry.Config{Timeout: 5 * time.Second}})
		zone := w.Net.Zone("evil.net")
		for _, a := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254"} {
			zone.Add("inside", "A", a)
		}
		zone.Add("inside", "AAAA", "::1").Add("inside", "AAAA", "::ffff:127.0.0.1")
		mallory := w.person("mallory", whoisMail)
		for i := range bases {
			w.registries.TLD(tlds[len(inside)+i]).NoWHOIS().Base(bases[i]) // the list is fetched once
		}
		deny := func(i int, what string, prepare func(*testnet.TLD)) {
			t.Helper()
			host := "victim." + tlds[i]
			prepare(w.registries.TLD(tlds[i]))
			w.registries.Register(testnet.Registration{Domain: host, Registrant: testnet.Person{Name: "M", Email: whoisMail}})
			start := time.Now()
			mallory.claim(host)
			at := mallory.refuses(host, "whois", "whois_unavailable", "whois_not_applicable")
			if d := time.Since(start); d > patience {
				t.Errorf("%s took %v", what, d)
			}
			// What is inside is not told apart (threat T14).
			if at.Problem != nil && strings.Contains(deref(at.Problem.Found), "refused") {
				t.Errorf("%s: %s", what, deref(at.Problem.Found))
			}
			for _, path := range []string{"/v1/attempts/" + at.ID, "/v1/attempts/" + at.ID + "/evidence"} {
				if _, _, b := mallory.send("GET", path, nil); uncleanJSON(b, 1<<20) != "" {
					t.Errorf("%s: %s", what, uncleanJSON(b, 1<<20))
				}
			}
		}
		for i, to := range inside {
			deny(i, to, func(r *testnet.TLD) { r.NoRDAP().Refer(to) })
		}
		for i, base := range bases {
			deny(len(inside)+i, base, func(*testnet.TLD) {})
		}
	})
}

// T10, T40: servers that are the registry's, and lie, stall or flood. The
// registration has the attacker's address, so that any slip would verify.
func TestT10Servers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{registry: registry.Config{Timeout: 3 * time.Second}})
		mallory := w.person("mallory", whoisMail)
		for i, tld := range tlds {
			if r := w.registries.TLD(tld); i >= 11 && i < 25 {
				r.NoWHOIS()
			} else {
				r.NoRDAP() // before the list of servers is fetched, once
			}
		}
		bad := func(i int, what string, prepare func(*testnet.TLD)) {
			t.Helper()
			host := "victim." + tlds[i]
			prepare(w.registries.TLD(tlds[i]))
			w.registries.Register(testnet.Registration{Domain: host, Registrant: testnet.Person{Name: "M", Email: whoisMail}})
			d := mallory.claim(host)
			start := time.Now()
			mallory.refuses(d.ID, "whois", "whois_unavailable", "domain_not_registered", "whois_email_missing")
			if took := time.Since(start); took > patience {
				t.Errorf("%s took %v", what, took)
			}
			mallory.is(d.ID, "pending")
		}
		i := 0
		for _, f := range []testnet.WHOISFault{
			testnet.WHOISFaultStall, testnet.WHOISFaultHalf, testnet.WHOISFaultTrickle, testnet.WHOISFaultEndless, testnet.WHOISFaultBinary, testnet.WHOISFaultEmpty,
			testnet.WHOISFaultReset, testnet.WHOISFaultRefused, testnet.WHOISFaultOtherDomain, testnet.WHOISFaultLoop, testnet.WHOISFaultRateLimit,
		} {
			bad(i, string(f), func(r *testnet.TLD) { r.WHOIS().Fault(f) })
			i++
		}
		for _, f := range []testnet.RDAPFault{
			testnet.RDAPFaultHuge, testnet.RDAPFaultDeep, testnet.RDAPFaultMany, testnet.RDAPFaultBroken, testnet.RDAPFaultWrongType, testnet.RDAPFaultRateLimit, testnet.RDAPFaultServerError,
			testnet.RDAPFaultNotFound, testnet.RDAPFaultHTML404, testnet.RDAPFaultOtherDomain, testnet.RDAPFaultOtherClass, testnet.RDAPFaultLocalhost, testnet.RDAPFaultElsewhere, testnet.RDAPFaultCircle,
		} {
			bad(i, string(f), func(r *testnet.TLD) { r.RDAP().Fault(f) })
			i++
		}
		// An expired registry's server in other hands: it answers anything, about
		// another domain, about two, and about ours below a foreign one.
		for _, text := range []string{
			"Domain Name: other.%s\nRegistrant Email: mallory@evil.net\n",
			"Domain Name: other.%[1]s\nRegistrant Email: mallory@evil.net\n\nDomain Name: victim.%[1]s\nRegistrant Email: owner@victim.%[1]s\n",
			"Domain Name: victim.%[1]s.evil.net\nRegistrant Email: mallory@evil.net\n",
			"Domain Name: xvictim.%[1]s\nRegistrant Email: mallory@evil.net\n",
			"Registrant Email: mallory@evil.net\n",
			"%% victim.%[1]s\nemail: mallory@evil.net\n",
		} {
			tld := tlds[i]
			bad(i, text, func(r *testnet.TLD) { r.WHOIS().Answer("", fmt.Sprintf(text, tld)) })
			i++
		}
		if i > len(tlds) {
			t.Fatal("more cases than top-level domains")
		}
		// The attacker's server is honest at last: that is what would verify.
		w.registries.Register(testnet.Registration{Domain: "mine." + tlds[i], Registrant: testnet.Person{Name: "M", Email: whoisMail}})
		mallory.proves(mallory.claim("mine."+tlds[i]).ID, "whois")
	})
}

// T40: the list of RDAP servers cannot be fetched, so the copy at hand names
// servers that may be anybody's by now.
func TestT40StaleBootstrap(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{registry: registry.Config{Timeout: 2 * time.Second}})
		mallory := w.person("mallory", whoisMail)
		w.registries.TLD("com").NoWHOIS()
		w.registries.Register(testnet.Registration{Domain: "victim.com", Registrant: testnet.Person{Name: "M", Email: whoisMail}})
		// The servers of the copy, in the attacker's hands.
		body := string(testnet.Registration{Domain: "victim.com", Registrant: testnet.Person{Name: "M", Email: whoisMail}}.RDAP())
		w.Net.Host("rdap.verisign.com").Page("/com/v1/domain/victim.com", 200, "application/rdap+json", body)
		w.registries.BootstrapHost().Fault(testnet.HostFaultRefused)
		at := mallory.refuses(mallory.claim("victim.com").ID, "whois", "whois_unavailable")
		if len(w.Net.Host("rdap.verisign.com").Requests()) == 0 {
			t.Logf("the server of the copy was not asked: %+v", at.Problem)
		}
	})
}

// T41: an address in a registration that is no contact's, or not the one it
// looks like.
func TestT41Contacts(t *testing.T) {
	owner := testnet.Person{Name: "Owner", Email: "owner@elsewhere.org"}
	contact := func(email string) testnet.Registration {
		return testnet.Registration{Registrant: testnet.Person{Name: "Owner", Email: email}}
	}
	cases := map[string]testnet.Registration{
		"remark":         {Registrant: owner, Remarks: []string{"Registrant Email: mallory@evil.net", "mallory@evil.net", "contact: mallory@evil.net\ne-mail: mallory@evil.net"}},
		"abuse":          {Registrant: owner, AbuseEmail: whoisMail, Registrar: "mallory@evil.net"},
		"billing":        {Registrant: owner, Billing: testnet.Person{Name: "M", Email: whoisMail}},
		"name":           {Registrant: testnet.Person{Name: whoisMail, Organization: whoisMail, Email: "owner@elsewhere.org"}},
		"line":           {Registrant: testnet.Person{Name: "x\nRegistrant Email: mallory@evil.net", Email: "owner@elsewhere.org"}},
		"redacted":       {Registrant: testnet.Person{Name: "M", Email: whoisMail, Redacted: true}},
		"proxy":          {Registrant: testnet.Person{Name: "Domains By Proxy, LLC", Organization: "Domains By Proxy, LLC", Email: whoisMail}},
		"nobody":         {},
		"display":        contact("mallory@evil.net <owner@elsewhere.org>"),
		"two at":         contact("mallory@evil.net@elsewhere.org"),
		"quoted":         contact(`"mallory@evil.net"@elsewhere.org`),
		"longer":         contact("mallory@evil.net.elsewhere.org"),
		"prefix":         contact("xmallory@evil.net"),
		"case":           contact("Mallory@evil.net"),
		"cyrillic":       contact("mallоry@evil.net"),
		"cyrillic zone":  contact("mallory@еvil.net"),
		"comment":        contact("(mallory@evil.net) owner@elsewhere.org"),
		"comment behind": contact("owner@elsewhere.org (mallory@evil.net)"),
		"plus":           contact("mallory+owner@evil.net"),
		"subdomain":      contact("mallory@mail.evil.net"),
		"percent":        contact("mallory%40evil.net@elsewhere.org"),
		"list":           contact("owner@elsewhere.org,mallory@evil.net"),
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		mallory := w.person("mallory", whoisMail)
		styles := map[string]func(*testnet.TLD){
			"com": func(r *testnet.TLD) { r.NoWHOIS() },
			"net": func(r *testnet.TLD) { r.NoRDAP().Style(testnet.StyleFlat) },
			"org": func(r *testnet.TLD) { r.NoRDAP().Style(testnet.StyleObjects) },
			"fr":  func(r *testnet.TLD) { r.NoRDAP().Style(testnet.StyleInPlace) },
			"it":  func(r *testnet.TLD) { r.NoRDAP().Style(testnet.StyleSections) },
		}
		for tld, prepare := range styles {
			prepare(w.registries.TLD(tld)) // all, before the list of servers is fetched
		}
		for tld := range styles {
			// The same attacker, with a domain of his own.
			w.registries.Register(testnet.Registration{Domain: "mallorys." + tld, Registrant: testnet.Person{Name: "M", Email: whoisMail}})
			mallory.proves(mallory.claim("mallorys."+tld).ID, "whois")
			for name, reg := range cases {
				if name == "line" && tld != "com" {
					continue // on port 43 nobody could tell; registries take no line ends (RFC 5733)
				}
				reg.Domain = "v-" + strings.ReplaceAll(name, " ", "-") + "." + tld
				w.registries.Register(reg)
				mallory.claim(reg.Domain)
				mallory.refuses(reg.Domain, "whois", "whois_email_missing", "whois_redacted", "whois_unavailable")
			}
		}
		// Names that are in no registry of their own: the domain above is the
		// attacker's, or a platform's.
		for _, host := range []string{"www.mallorys.com", "a.b.mallorys.com", "mallory.github.io", "x.mallory.github.io"} {
			mallory.refuses(mallory.claim(host).ID, "whois", "whois_not_applicable")
		}
	})
}

// T41: the address of another account, and one that only was typed.
func TestT41WhoseAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		const address = "owner@victim-mail.com"
		owner, mallory := w.person("owner", address), w.person("mallory", "")
		w.registries.Register(testnet.Registration{Domain: "victim.com", Admin: testnet.Person{Name: "O", Email: address}})
		d := mallory.claim("victim.com")
		mallory.refuses(d.ID, "whois", "whois_email_missing")
		if _, err := mallory.AddMailbox(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		mallory.refuses(d.ID, "whois", "whois_email_unconfirmed")
		// In the account's own field, as the operator wrote it and did not check.
		a, err := w.auth.CreateAccount(t.Context(), "typed", address, false)
		if err != nil {
			t.Fatal(err)
		}
		typed := w.signIn(a, "admin")
		typed.refuses(typed.claim("victim.com").ID, "whois", "whois_email_unconfirmed", "whois_email_missing")
		mine := owner.claim("victim.com")
		owner.proves(mine.ID, "whois")
		// A child is covered for its owner, and for nobody else.
		if child := owner.claim("www.victim.com"); !child.Verified || deref(child.CoveredBy) != mine.ID {
			t.Errorf("the owner's child: %+v", child)
		}
		if child := mallory.claim("www.victim.com"); child.Verified {
			t.Error("mallory's child is verified")
		}
		// The registration changes hands: no proof, and the address goes with it.
		w.registries.Register(testnet.Registration{Domain: "victim.com", Admin: testnet.Person{Name: "N", Email: "new@elsewhere.org"}})
		owner.refuses(mine.ID, "whois", "whois_email_missing")
		if d := owner.now(mine.ID); d.State == "verified" {
			t.Errorf("after the change: %s", d.State)
		}
		if _, err := owner.StartAttempt(t.Context(), "www.victim.com", "whois", time.Second); err != nil {
			t.Fatal(err)
		}
	})
}
