package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

const mine = "ada@mail.example"

// whoisLab gives the kit of a lab access to registries.
func whoisLab(l *verifytest.Lab, timeout time.Duration) *testnet.Registries {
	l.T.Helper()
	reg := l.Net.NewRegistries()
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: l.Net.Route}
	client, err := registry.New(registry.Config{
		Dialer: dialer, DNS: l.Kit.DNS, WHOISRoot: reg.WHOISRoot(), Bootstrap: reg.BootstrapURL(), Timeout: timeout,
		HTTP: web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: l.Kit.DNS, Roots: l.Net.CertPool(), MaxRedirects: 3}),
	})
	if err != nil {
		l.T.Fatal(err)
	}
	l.Kit.Registry = client
	return reg
}

// owns gives the account an address.
func owns(c *verify.Claim, address string, confirmed bool) {
	a := verify.Address{Mailbox: zonehold.Mailbox{AccountID: verifytest.Claimant.ID, Address: address, ConfirmedBy: "code"}}
	if confirmed {
		a.ConfirmedAt = time.Now().Add(-time.Hour)
	}
	c.Standing.Addresses = append(c.Standing.Addresses, a)
}

// at is a registration with one registrant.
func at(host zonehold.Hostname, p testnet.Person) testnet.Registration {
	return testnet.Registration{Domain: string(host), Registrant: p, AbuseEmail: "abuse@registrar.example"}
}

func TestWHOIS(t *testing.T) {
	// show publishes the registration of the claimed name; the account has a
	// confirmed address.
	show := func(change func(*testnet.Registration), after ...func(*testnet.TLD)) func(*verifytest.Lab, *verify.Claim) {
		return func(l *verifytest.Lab, c *verify.Claim) {
			reg := whoisLab(l, 20*time.Second)
			r := at(c.Hostname, testnet.Person{Name: "Ada", Email: mine})
			change(&r)
			tld := reg.Register(r)
			for _, f := range after {
				f(tld)
			}
			owns(c, mine, true)
		}
	}
	plain := func(*testnet.Registration) {}
	person := func(p testnet.Person) func(*testnet.Registration) {
		return func(r *testnet.Registration) { r.Registrant = p }
	}
	host := func(name zonehold.Hostname, give func(*verifytest.Lab, *verify.Claim)) func(*verifytest.Lab, *verify.Claim) {
		return func(l *verifytest.Lab, c *verify.Claim) {
			c.Hostname = name
			give(l, c)
		}
	}
	whoisOnly := func(t *testnet.TLD) { t.NoRDAP() }
	rdap := func(f testnet.RDAPFault) func(*testnet.TLD) {
		return func(t *testnet.TLD) { t.NoWHOIS().RDAP().Fault(f) }
	}
	whois := func(f testnet.WHOISFault) func(*testnet.TLD) {
		return func(t *testnet.TLD) { t.NoRDAP().WHOIS().Fault(f) }
	}
	const refused, inconclusive = zonehold.OutcomeRefused, zonehold.OutcomeInconclusive
	for name, after := range map[string]func(*testnet.TLD){"rdap": func(*testnet.TLD) {}, "whois": whoisOnly} {
		t.Run(name, func(t *testing.T) {
			verifytest.RunGranted(t, method(t, zonehold.MethodWHOIS), verifytest.Granted{
				Host: "shop.example", Source: mine, Give: show(plain, after),
				Proves: zonehold.AssuranceRegistrar, Covers: zonehold.CoversSubtree,
				Not: map[string]verifytest.Near{
					"other_address":     {Give: show(person(testnet.Person{Name: "Bob", Email: "bob@mail.example"}), after), Code: "whois_email_missing"},
					"other_local_case":  {Give: show(person(testnet.Person{Name: "Bob", Email: "Ada@mail.example"}), after), Code: "whois_email_missing"},
					"address_around_it": {Give: show(person(testnet.Person{Name: "Bob", Email: "x" + mine}), after), Code: "whois_email_missing"},
					"domain_around_it":  {Give: show(person(testnet.Person{Name: "Bob", Email: mine + ".evil.net"}), after), Code: "whois_email_missing"},
					"no_address":        {Give: show(person(testnet.Person{Name: "Ada"}), after), Code: "whois_email_missing"},
					"no_contact":        {Give: show(person(testnet.Person{}), after), Code: "whois_email_missing"},
					"in_name":           {Give: show(person(testnet.Person{Name: mine, Organization: mine}), after), Code: "whois_email_missing"},
					"redacted":          {Give: show(person(testnet.Person{Name: "Ada", Email: mine, Redacted: true}), after), Code: "whois_redacted"},
					"half_redacted":     {Give: show(person(testnet.Person{Name: "REDACTED FOR PRIVACY", Email: mine}), after), Code: "whois_redacted"},
					"privacy_service":   {Give: show(person(testnet.Person{Organization: "Domains By Proxy, LLC", Email: mine}), after), Code: "whois_redacted"},
					"billing_only": {Give: show(func(r *testnet.Registration) { r.Registrant, r.Billing = testnet.Person{}, testnet.Person{Email: mine} }, after),
						Code: "whois_email_missing"},
					"registrar_abuse": {Give: show(func(r *testnet.Registration) { r.Registrant.Email, r.AbuseEmail = "bob@mail.example", mine }, after),
						Code: "whois_email_missing"},
					"remarks": {Give: show(func(r *testnet.Registration) {
						r.Registrant.Email, r.Remarks = "bob@mail.example", []string{"Registrant Email: " + mine, mine}
					}, after), Code: "whois_email_missing"},
					"unconfirmed": {Give: func(l *verifytest.Lab, c *verify.Claim) {
						show(plain, after)(l, c)
						c.Standing.Addresses = nil
						owns(c, mine, false)
						owns(c, "other@mail.example", true)
					}, Code: "whois_email_unconfirmed"},
					"no_addresses": {Give: func(l *verifytest.Lab, c *verify.Claim) {
						show(plain, after)(l, c)
						c.Standing.Addresses = nil
					}, Code: "whois_email_missing"},
					"not_registered": {Give: show(func(r *testnet.Registration) { r.Domain = "another.example" }, after), Code: "domain_not_registered"},
					"www":            {Give: host("www.shop.example", show(plain, after)), Code: "whois_not_applicable", Outcome: refused},
					"suffix":         {Give: host("co.uk", show(plain, after)), Code: "whois_not_applicable", Outcome: refused},
					"provider":       {Give: host("foo.github.io", show(plain, after)), Code: "whois_not_applicable", Outcome: refused},
					"no_access": {Give: func(l *verifytest.Lab, c *verify.Claim) {
						show(plain, after)(l, c)
						l.Kit.Registry = nil
					}, Code: "verifier_fault", Outcome: inconclusive},
				},
			})
		})
	}
	unavailable := map[string]verifytest.Near{}
	for _, f := range []testnet.RDAPFault{testnet.RDAPFaultHuge, testnet.RDAPFaultBroken, testnet.RDAPFaultWrongType, testnet.RDAPFaultRateLimit,
		testnet.RDAPFaultOtherDomain, testnet.RDAPFaultLocalhost, testnet.RDAPFaultElsewhere, testnet.RDAPFaultCircle, testnet.RDAPFaultHTML404} {
		unavailable["rdap_"+string(f)] = verifytest.Near{Give: show(plain, rdap(f)), Code: "whois_unavailable", Outcome: inconclusive}
	}
	for _, f := range []testnet.WHOISFault{testnet.WHOISFaultEndless, testnet.WHOISFaultBinary, testnet.WHOISFaultEmpty, testnet.WHOISFaultReset,
		testnet.WHOISFaultRefused, testnet.WHOISFaultOtherDomain, testnet.WHOISFaultLoop, testnet.WHOISFaultRateLimit} {
		unavailable["whois_"+string(f)] = verifytest.Near{Give: show(plain, whois(f)), Code: "whois_unavailable", Outcome: inconclusive}
	}
	unavailable["referral_inside"] = verifytest.Near{Give: show(plain, func(t *testnet.TLD) { t.NoRDAP().Refer("127.0.0.1:6379") }), Code: "whois_unavailable", Outcome: inconclusive}
	unavailable["no_service"] = verifytest.Near{Give: show(plain, func(t *testnet.TLD) { t.NoRDAP().NoWHOIS() }), Code: "whois_not_applicable", Outcome: refused}
	t.Run("servers", func(t *testing.T) {
		verifytest.RunGranted(t, method(t, zonehold.MethodWHOIS), verifytest.Granted{
			Host: "shop.example", Source: mine, Give: show(plain), Proves: zonehold.AssuranceRegistrar, Covers: zonehold.CoversSubtree, Not: unavailable,
		})
	})
}

// A stall ends with the time that is there.
func TestWHOISStall(t *testing.T) {
	l := verifytest.NewLab(t)
	c := l.Claim("shop.example", "")
	c.Standing = &verify.Standing{Account: verifytest.Claimant}
	owns(&c, mine, true)
	reg := whoisLab(l, 300*time.Millisecond)
	reg.Register(at(c.Hostname, testnet.Person{Email: mine})).NoRDAP().WHOIS().Fault(testnet.WHOISFaultStall)
	if r := l.Check(method(t, zonehold.MethodWHOIS), l.Kit, c); r.Outcome != zonehold.OutcomeInconclusive || r.Problem.Code != "whois_unavailable" {
		t.Errorf("%s, %+v", r.Outcome, r.Problem)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r := method(t, zonehold.MethodWHOIS).Check(ctx, l.Kit, c); r.Outcome != zonehold.OutcomeInconclusive {
		t.Errorf("%s, %+v", r.Outcome, r.Problem)
	}
}

// A registrar's suffix of two labels is a registration, the domain of an
// address in upper case is the same domain, and the evidence is kept.
func TestWHOISVerified(t *testing.T) {
	l := verifytest.NewLab(t)
	reg := whoisLab(l, 20*time.Second)
	for _, host := range []string{"example.co.uk", "example.com", "xn--e1afmkfd.xn--p1ai"} {
		c := l.Claim(host, "")
		c.Standing = &verify.Standing{Account: verifytest.Claimant}
		owns(&c, "someone@else.example", true)
		owns(&c, mine, true)
		r := at(c.Hostname, testnet.Person{Name: "Someone", Email: "other@mail.example"})
		r.Tech = testnet.Person{Name: "Ada", Email: "ada@MAIL.Example"}
		reg.Register(r)
		got := l.Check(method(t, zonehold.MethodWHOIS), l.Kit, c)
		if got.Outcome != zonehold.OutcomeVerified || got.Source != mine {
			t.Fatalf("%s: %s, %+v", host, got.Outcome, got.Problem)
		}
		ev := got.Evidence.Registration
		if ev == nil || len(ev.Raw) == 0 || ev.SHA256 == "" || ev.Domain != host || !strings.Contains(got.Evidence.Grounds[0].Detail, "technical") {
			t.Errorf("%s: evidence %+v, %+v", host, ev, got.Evidence.Grounds)
		}
	}
}

// The claimed name is what is proved, never that of the address (threat T39).
func TestWHOISProvesTheClaimedName(t *testing.T) {
	l := verifytest.NewLab(t)
	reg := whoisLab(l, 20*time.Second)
	reg.Register(at("shop.example", testnet.Person{Email: "x@aliyun.com"}))
	reg.Register(at("aliyun.com", testnet.Person{Email: "domains@aliyun.com"}))
	for host, want := range map[string]zonehold.Outcome{"shop.example": zonehold.OutcomeVerified, "aliyun.com": zonehold.OutcomeAbsent} {
		c := l.Claim(host, "")
		c.Standing = &verify.Standing{Account: verifytest.Claimant}
		owns(&c, "x@aliyun.com", true)
		if r := l.Check(method(t, zonehold.MethodWHOIS), l.Kit, c); r.Outcome != want {
			t.Errorf("%s: %s, %+v", host, r.Outcome, r.Problem)
		}
	}
}

// What is known only through an old list of servers proves nothing (threat
// T40).
func TestWHOISStaleList(t *testing.T) {
	l := verifytest.NewLab(t)
	reg := whoisLab(l, 20*time.Second)
	r := at("example.com", testnet.Person{Email: mine})
	reg.Register(r).NoWHOIS()
	reg.BootstrapHost().Fault(testnet.HostFaultRefused)
	l.Net.Host("rdap.verisign.com").Page("/com/v1/domain/example.com", 200, "application/rdap+json", string(r.RDAP()))
	c := l.Claim("example.com", "")
	c.Standing = &verify.Standing{Account: verifytest.Claimant}
	owns(&c, mine, true)
	got := l.Check(method(t, zonehold.MethodWHOIS), l.Kit, c)
	if got.Outcome != zonehold.OutcomeInconclusive || got.Problem.Code != "whois_unavailable" || got.Evidence.Registration == nil || !got.Evidence.Registration.Stale {
		t.Errorf("%s, %+v", got.Outcome, got.Problem)
	}
}

// The texts name the true reason: in one dialect they stand behind a single
// code.
func TestWHOISReasons(t *testing.T) {
	for name, tt := range map[string]struct {
		person testnet.Person
		say    []string
	}{
		"redacted": {testnet.Person{Redacted: true}, []string{"hides the mail address", `"Registrant Email"`}},
		"proxy":    {testnet.Person{Organization: "Withheld for Privacy ehf", Email: mine}, []string{"Withheld for Privacy ehf", "shared by many domains"}},
		"none":     {testnet.Person{Name: "Ada"}, []string{"no field with a mail address"}},
		"case":     {testnet.Person{Email: "ADA@mail.example"}, []string{"upper and lower case"}},
		"nobody":   {testnet.Person{}, []string{"publishes no contacts", "IANA does not name"}},
	} {
		l := verifytest.NewLab(t)
		whoisLab(l, 20*time.Second).Register(at("example.com", tt.person))
		c := l.Claim("example.com", "yandex")
		c.Standing = &verify.Standing{Account: verifytest.Claimant}
		owns(&c, mine, true)
		r := l.Check(method(t, zonehold.MethodWHOIS), l.Kit, c)
		if r.Problem == nil {
			t.Fatalf("%s: %s", name, r.Outcome)
		}
		p := problem.New(r.Problem.Code, r.Problem.Facts)
		for _, s := range tt.say {
			if !strings.Contains(p.Title+"\n"+p.Found, s) {
				t.Errorf("%s: %q, %q does not say %q", name, p.Title, p.Found, s)
			}
		}
		if strings.Contains(p.Found, "  ") || p.LookedFor == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// What cannot work says so before anybody is asked.
func TestWHOISApplicable(t *testing.T) {
	l := verifytest.NewLab(t)
	whoisLab(l, 20*time.Second)
	m := method(t, zonehold.MethodWHOIS)
	for host, say := range map[zonehold.Hostname]string{
		"example.com": "", "example.co.uk": "", "www.example.com": "part of example.com", "a.b.example.co.uk": "part of example.co.uk",
		"foo.github.io": "Names below github.io", "www.unlisted.example": "part of unlisted.example", "github.io": "public suffix", "co.uk": "public suffix", "": "no hostname",
	} {
		c := verify.Claim{Hostname: host, Standing: &verify.Standing{}}
		ch := m.Challenge(l.Kit, c)
		if ch.Applicable != (say == "") || !strings.Contains(ch.Reason, say) || !ch.Automatic || ch.Proves != zonehold.AssuranceRegistrar || ch.Covers != zonehold.CoversSubtree {
			t.Errorf("%q: %+v", host, ch)
		}
		c.Standing = nil
		if ok, why := verify.Applicable(l.Kit, c, m); ok || why == "" {
			t.Errorf("%q is applicable without an account", host)
		}
	}
	for _, kit := range []*verify.Kit{nil, {}} {
		if ok, why := verify.Applicable(kit, verify.Claim{Hostname: "example.com", Standing: &verify.Standing{}}, m); ok || why == "" {
			t.Error("applicable without access to registries")
		}
	}
	if n := len(l.Net.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
