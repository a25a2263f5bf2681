package registry

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/testnet"
)

// A root that is lied to, or lies, leads nowhere inside (threat T10).
func TestReferralInside(t *testing.T) {
	for _, refer := range []string{
		"127.0.0.1:6379", "127.0.0.1", "[::1]", "::1", "[::1]:6379", "localhost", "localhost:6379", "169.254.169.254", "169.254.169.254:80",
		"10.0.0.7", "100.64.0.1", "::ffff:127.0.0.1", "fd00::7", "2130706433", "0x7f000001", "127.1",
		"whois://127.0.0.1:6379/", "http://169.254.169.254/latest/meta-data/", "user@127.0.0.1", "127.0.0.1 6379",
		"whois.registry-com.net:6379", "com", "co.uk", "inside.evil.net", "alias.evil.net", "half.evil.net.", "*", "-", "whois\x00.evil.net",
		strings.Repeat("a.", 200) + "net",
	} {
		t.Run(refer, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			trap := l.trap()
			catchPort(l, trap)
			l.net.Zone("evil.net").Add("inside", "A", "127.0.0.1").Add("inside", "AAAA", "::1").Add("alias", "CNAME", "inside.evil.net.").Add("half", "A", "169.254.169.254")
			l.reg.Register(owner).NoRDAP().Refer(refer)
			r, err := l.lookup("example.com")
			if err == nil {
				t.Fatalf("registration %+v", r)
			}
			if !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			for _, inside := range []string{"127.0.0.1", "::1", "169.254", "6379", "refused", "timeout"} {
				if strings.Contains(err.Error(), inside) {
					t.Errorf("%q tells about %s (threat T14)", err, inside)
				}
			}
			if n := trap.Contacts(); n != 0 {
				t.Errorf("%d contacts inside", n)
			}
		})
	}
}

// catchPort checks that the trap would see a contact.
func catchPort(l *lab, trap *testnet.Trap) {
	l.Helper()
	d := &probe.Dialer{Route: l.net.Route, Guard: probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16")}})}
	for i, at := range []string{"127.0.0.1:43", "169.254.169.254:43"} {
		conn, err := d.Dial(l.Context(), "tcp", netip.MustParseAddrPort(at))
		if err != nil {
			l.Fatalf("the trap is not there: %v", err)
		}
		_ = conn.Close()
		for deadline := time.Now().Add(10 * time.Second); trap.Contacts() <= i; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				l.Fatal("the trap does not count")
			}
		}
	}
	// A fresh one, which nobody touched.
	*trap = *l.trap()
}

// The port of a referral is never its own, even where the guard allows the
// address.
func TestReferralPortIsFixed(t *testing.T) {
	l := newLab(t)
	trap := l.net.Trap()
	l.reg.Register(owner).NoRDAP().Refer(trap.Addr().String())
	l.client.cfg.Dialer.Guard = probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	l.fails("example.com", ErrForbidden, "not the plain name of a host")
	if n := trap.Contacts(); n != 0 {
		t.Errorf("%d contacts", n)
	}
}

// With the root at an address and port, as in a closed network, referrals go
// to that port, to addresses too, and the guard decides.
func TestReferralInClosedNetwork(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).NoRDAP().Refer("whois.registry-com.net")
	v4 := l.reg.Root().Host().Addrs()[1]
	l.client = l.newClient(Config{WHOISRoot: v4.String() + ":43"})
	if r := l.must("example.com"); r.Server != "whois.registry-com.net" {
		t.Errorf("server %s", r.Server)
	}
	l.reg.TLD("com").Refer(l.reg.TLD("com").WHOIS().Host().Addrs()[1].String())
	l.client.referrals = newReferrals()
	if r := l.must("example.com"); r.Source != SourceWHOIS {
		t.Errorf("source %s", r.Source)
	}
}

// What an answer calls the registrar's server is free text (threats T10, T40).
func TestNoSecondReferral(t *testing.T) {
	l := newLab(t)
	evil := l.reg.WHOIS("whois.evil.net").Answer("", "Domain Name: EXAMPLE.COM\nRegistrant Email: mallory@evil.net\n")
	tld := l.reg.Register(owner).NoRDAP()
	tld.WHOIS().Answer("example.com", "   Domain Name: EXAMPLE.COM\n   Registrar WHOIS Server: whois.evil.net\n   Registrar URL: http://evil.net\n   refer: whois.evil.net\n   Registrar: Evil\n")
	r := l.must("example.com")
	if len(r.Contacts) != 0 || r.RegistrarServer != "whois.evil.net" || r.Registrar != "Evil" {
		t.Errorf("%+v", r)
	}
	if n := len(evil.Queries()); n != 0 {
		t.Errorf("%d questions to a server that IANA does not name", n)
	}
}

func TestReferralLoop(t *testing.T) {
	l := newLab(t)
	tld := l.reg.Register(owner).NoRDAP()
	tld.WHOIS().Fault(testnet.WHOISFaultLoop)
	l.fails("example.com", ErrUnavailable)
	if n := len(l.reg.Queries()); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
	// The root refers to itself.
	tld.Refer("whois.iana.org")
	l.client.referrals = newReferrals()
	l.fails("example.com", ErrUnavailable)
	if n := len(l.reg.Queries()); n != 4 {
		t.Errorf("%d questions, want 4", n)
	}
}

func TestTwoReferrals(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).NoRDAP()
	l.reg.Root().Answer("com", "refer: whois.registry-com.net\ndomain: COM\nwhois: whois.evil.net\n")
	l.fails("example.com", ErrUnavailable, "two servers")
	l.client.referrals = newReferrals()
	l.reg.Root().Answer("com", "refer: whois.registry-com.net\ndomain: NET\n")
	l.fails("example.com", ErrUnavailable, "instead of .com")
	l.client.referrals = newReferrals()
	// Indented lines, comments and remarks are no attributes.
	l.reg.Root().Answer("com", "% refer: whois.evil.net\n#whois: whois.evil.net\nrefer: whois.registry-com.net\n   whois: whois.evil.net\ndomain: COM\nremarks: whois: whois.evil.net\n")
	l.must("example.com")
}

// Servers that do not answer, not in time or not in text, say nothing of the
// domain.
func TestUnusableWHOIS(t *testing.T) {
	for f, want := range map[testnet.WHOISFault]string{
		testnet.WHOISFaultEndless: "longer than 64 KiB", testnet.WHOISFaultBinary: "binary", testnet.WHOISFaultEmpty: "empty",
		testnet.WHOISFaultReset: "broke", testnet.WHOISFaultRefused: "does not accept", testnet.WHOISFaultOtherDomain: "instead of example.com",
		testnet.WHOISFaultLoop: "does not name example.com", testnet.WHOISFaultRateLimit: "does not name example.com",
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.reg.Register(owner).NoRDAP().WHOIS().Fault(f)
			l.fails("example.com", ErrUnavailable, "WHOIS server whois.registry-com.net: ", want)
			l.reg.Root().Fault(f)
			l.client.referrals = newReferrals()
			if f == testnet.WHOISFaultOtherDomain || f == testnet.WHOISFaultLoop {
				return // the root's answer stays right, or refers to itself
			}
			if _, err := l.lookup("example.com"); err == nil {
				t.Error("the root's fault was not noticed")
			}
		})
	}
}

func TestLatin1(t *testing.T) {
	l := newLab(t)
	reg := at("example.com", testnet.Person{Name: "Jürgen Müßig", Email: "j@example.com"})
	l.reg.Register(reg).NoRDAP().WHOIS().Fault(testnet.WHOISFaultLatin1)
	if r := l.must("example.com"); r.Contacts[0].Name != "Jürgen Müßig" || r.Contacts[0].Email != "j@example.com" {
		t.Errorf("%+v", r.Contacts)
	}
}

// An address counts nowhere but in a contact field of the domain (threat
// T41): not in remarks, notices, legal text, nor with the registrar.
func TestAddressElsewhere(t *testing.T) {
	const mallory = "mallory@evil.net"
	reg := testnet.Registration{
		Domain: "example.com", AbuseEmail: mallory, Registrant: testnet.Person{Name: "Ada", Email: "ada@example.com"},
		Remarks: []string{"Registrant Email: " + mallory, "e-mail: " + mallory, mallory},
	}
	styles := []testnet.WHOISStyle{testnet.StyleFlat, testnet.StyleObjects, testnet.StyleInPlace, testnet.StyleSections}
	for i := range len(styles) + 1 {
		l := newLab(t)
		tld := l.reg.Register(reg)
		name := "rdap"
		if i > 0 {
			tld.NoRDAP().Style(styles[i-1])
			name = string(styles[i-1])
		}
		r := l.must("example.com")
		if got := genuine(r); len(got) != 1 || got[0] != "ada@example.com" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The address of a privacy service is that of many domains, and nobody's.
func TestPrivacyProxy(t *testing.T) {
	for _, p := range []testnet.Person{
		{Name: "Domain Administrator", Organization: "See PrivacyGuardian.org", Email: "pw-1234@privacyguardian.org"},
		{Name: "Registration Private", Organization: "Domains By Proxy, LLC", Email: "contact@domainsbyproxy.com"},
		{Organization: "Privacy service provided by Withheld for Privacy ehf", Email: "shared@neutral.org"},
		{Name: "Whois Agent", Organization: "Whois-Guard, Inc.", Email: "shared@neutral.org"},
		{Name: "Contact", Email: "contact@mail.privacyprotect.org"},
		{Name: "Contact", Email: "dataprivacyprotected@neutral.org"},
		{Name: "Contact", Email: "owner@id-shield-proxy.net"},
		{Name: "REDACTED FOR PRIVACY", Email: "shared@neutral.org"},
		{Name: "Contact", Organization: "Not Disclosed", Email: "shared@neutral.org"},
		{Redacted: true},
	} {
		for _, rdap := range []bool{true, false} {
			l := newLab(t)
			for _, domain := range []string{"example.com", "example-too.com"} {
				tld := l.reg.Register(at(domain, p))
				if !rdap {
					tld.NoRDAP()
				}
			}
			for _, domain := range []string{"example.com", "example-too.com"} {
				if got := genuine(l.must(domain)); len(got) != 0 {
					t.Errorf("%+v at %s: %v counts", p, domain, got)
				}
			}
		}
	}
	// The words in the domain's own name are no sign.
	l := newLab(t)
	l.reg.Register(at("privacy-watch.com", testnet.Person{Name: "Ada", Email: "info@privacy-watch.com"}))
	if got := genuine(l.must("privacy-watch.com")); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// Whoever gets hold of an old server's name answers for any domain he likes:
// he is not asked once IANA names another (threat T40).
func TestExpiredServer(t *testing.T) {
	l := newLab(t)
	evil := l.reg.WHOIS("whois.dotcom-registry.net").Answer("", "Domain Name: EXAMPLE.COM\nRegistrant Email: mallory@evil.net\n")
	tld := l.reg.Register(owner).NoRDAP().Refer("whois.dotcom-registry.net")
	if got := genuine(l.must("example.com")); len(got) != 1 || got[0] != "mallory@evil.net" {
		t.Fatalf("%v: the lab is wrong", got)
	}
	tld.Refer("whois.registry-com.net")
	now := time.Now()
	l.client.now = func() time.Time { return now.Add(maxCacheAge) }
	n := len(evil.Queries())
	if got := genuine(l.must("example.com")); len(got) != 2 || got[1] != "ada@example.com" || len(evil.Queries()) != n {
		t.Errorf("%v", got)
	}
	// The root is silent: what it said two days ago is not used.
	l.client.now = func() time.Time { return now.Add(2 * maxCacheAge) }
	l.reg.Root().Fault(testnet.WHOISFaultEmpty)
	l.fails("example.com", ErrUnavailable, "whois.iana.org")
}

// A clock that goes back makes no cache eternal.
func TestClockSteppedBack(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).NoRDAP()
	now := time.Now()
	l.client.now = func() time.Time { return now.Add(1000 * time.Hour) }
	l.must("example.com")
	l.client.now = func() time.Time { return now }
	l.must("example.com")
	if n := len(l.reg.Root().Queries()); n != 2 {
		t.Errorf("the root was asked %d times, want 2", n)
	}
}

// Nothing that a person can enter reaches a server but a checked name.
func TestQueryIsOneLine(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).NoRDAP()
	for _, name := range []string{"example.com\r\nhelp", "-T dn example.com", "example.com/../x", "éxample.com", "ＥＸＡＭＰＬＥ.com"} {
		if r, err := l.lookup(name); err == nil && r.Domain != "xn--xample-9ua.com" {
			t.Errorf("%q: %+v", name, r)
		}
	}
	for _, q := range l.reg.Queries() {
		if strings.Trim(q.Query, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
			t.Errorf("query %q", q.Query)
		}
	}
	for _, req := range l.net.Requests() {
		if strings.ContainsAny(req.Path, " \r\n%") {
			t.Errorf("request %q", req.Path)
		}
	}
}

// The RDAP base that IANA names is checked like everything else.
func TestBadBase(t *testing.T) {
	for _, base := range []string{
		"http://rdap.registry-com.net/", "https://127.0.0.1/", "http://127.0.0.1/", "http://127.0.0.1:6379/", "https://[::1]/", "https://169.254.169.254/",
		"https://user:pw@rdap.registry-com.net/", "https://inside.evil.net/", "ftp://rdap.registry-com.net/", "//rdap.registry-com.net/",
		"https://rdap.registry-com.net:8443/", "https://com/", "https:///", "gopher://127.0.0.1:6379/_FLUSHALL", "https://rdap.registry-com.net/?x=",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			trap := l.trap()
			l.net.Zone("evil.net").Add("inside", "A", "127.0.0.1").Add("inside", "AAAA", "::1")
			l.reg.Register(owner).NoWHOIS().Base(base)
			r, err := l.lookup("example.com")
			if err == nil {
				t.Errorf("registration %+v", r)
			}
			for _, req := range l.net.Host("rdap.registry-com.net").Requests() {
				if !req.TLS {
					t.Error("asked without TLS")
				}
			}
			if n := trap.Contacts(); n != 0 {
				t.Errorf("%d contacts inside", n)
			}
		})
	}
}

// A certificate of somebody else ends it (threat T40).
func TestRDAPNeedsTLS(t *testing.T) {
	for _, f := range []testnet.HostFault{testnet.HostFaultTLSExpired, testnet.HostFaultTLSSelfSigned, testnet.HostFaultTLSWrongName, testnet.HostFaultSwapTLS, testnet.HostFaultGarbage} {
		l := newLab(t)
		l.reg.Register(owner).NoWHOIS().RDAP().Host().Fault(f)
		l.fails("example.com", ErrUnavailable, "RDAP server rdap.registry-com.net")
	}
}

// Concurrent lookups share caches.
func TestConcurrent(t *testing.T) {
	l := newLab(t)
	for i := range 8 {
		l.reg.Register(at(fmt.Sprintf("example%d.com", i), owner.Registrant))
		l.reg.Register(at(fmt.Sprintf("example%d.net", i), owner.Registrant)).NoRDAP()
	}
	done := make(chan error)
	for i := range 16 {
		go func() {
			_, err := l.client.Lookup(t.Context(), fmt.Sprintf("example%d.%s", i/2, []string{"com", "net"}[i%2]))
			done <- err
		}()
	}
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(l.reg.BootstrapHost().Requests()); n != 1 {
		t.Errorf("the bootstrap was fetched %d times", n)
	}
}
