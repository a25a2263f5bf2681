package verify_test

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func method(t *testing.T, name zonehold.Method) verify.Method {
	t.Helper()
	m, ok := verify.Lookup(name)
	if !ok {
		t.Fatalf("no method %s", name)
	}
	return m
}

const day = 24 * time.Hour

func TestPolicyMethods(t *testing.T) {
	for name, code := range map[zonehold.Method]problem.Code{
		zonehold.MethodWhitelist: "not_whitelisted", zonehold.MethodWaved: "waiver_missing",
		zonehold.MethodBackOffice: "approval_missing", zonehold.MethodPDD: "mail_domain_not_connected",
		zonehold.MethodAuto: "platform_name_missing",
	} {
		t.Run(string(name), func(t *testing.T) {
			give := func(change func(*zonehold.Policy)) func(*verifytest.Lab, *verify.Claim) {
				return func(_ *verifytest.Lab, c *verify.Claim) {
					p := zonehold.Policy{
						ID: "pol_1", Method: name, Pattern: zonehold.NamePattern(c.Hostname), AccountID: verifytest.Claimant.ID,
						Actor: "Olga", Reason: "contract 17", CreatedAt: time.Now().Add(-day),
					}
					change(&p)
					c.Standing.Policies = append(c.Standing.Policies, p)
				}
			}
			verifytest.RunGranted(t, method(t, name), verifytest.Granted{
				Host: "shop.example", Give: give(func(*zonehold.Policy) {}), Source: "pol_1",
				Proves: zonehold.AssuranceOperator, Covers: zonehold.CoversHost,
				Not: map[string]verifytest.Near{
					"expired":      {Give: give(func(p *zonehold.Policy) { p.ExpiresAt = time.Now().Add(-time.Second) }), Code: code},
					"revoked":      {Give: give(func(p *zonehold.Policy) { p.RevokedAt = time.Now().Add(-time.Hour) }), Code: code},
					"of_another":   {Give: give(func(p *zonehold.Policy) { p.AccountID = verifytest.Stranger.ID }), Code: code},
					"other_method": {Give: give(func(p *zonehold.Policy) { p.Method = zonehold.MethodDNSTXT }), Code: code},
					"only_below":   {Give: give(func(p *zonehold.Policy) { p.Pattern = "*." + p.Pattern }), Code: code},
					"other_label":  {Give: give(func(p *zonehold.Policy) { p.Pattern = "{account}.example.com" }), Code: code},
				},
			})
		})
	}
}

// TestPolicyLasts: of several the one that lasts longest counts, and its end
// is told.
func TestPolicyLasts(t *testing.T) {
	l := verifytest.NewLab(t)
	c := l.Claim("shop.example", "")
	soon, late := time.Now().Add(time.Hour), time.Now().Add(day)
	policy := func(id string, until time.Time) zonehold.Policy {
		return zonehold.Policy{ID: id, Method: zonehold.MethodWaved, Pattern: "shop.example", AccountID: verifytest.Claimant.ID, ExpiresAt: until}
	}
	c.Standing = &verify.Standing{Account: verifytest.Claimant, Policies: []zonehold.Policy{policy("pol_soon", soon), policy("pol_late", late)}}
	r := l.Check(method(t, zonehold.MethodWaved), l.Kit, c)
	if r.Source != "pol_late" || !r.Until.Equal(late) {
		t.Errorf("rests on %s until %v, want pol_late until %v", r.Source, r.Until, late)
	}
	c.Standing.Policies = append(c.Standing.Policies, policy("pol_ever", time.Time{}))
	if r := l.Check(method(t, zonehold.MethodWaved), l.Kit, c); r.Source != "pol_ever" || !r.Until.IsZero() {
		t.Errorf("rests on %s until %v, want pol_ever without an end", r.Source, r.Until)
	}
}

func TestEmail(t *testing.T) {
	give := func(address string, sharers int, confirmed bool) func(*verifytest.Lab, *verify.Claim) {
		return func(_ *verifytest.Lab, c *verify.Claim) {
			a := verify.Address{Mailbox: zonehold.Mailbox{AccountID: verifytest.Claimant.ID, Address: address, ConfirmedBy: "code"}, Sharers: sharers}
			if confirmed {
				a.ConfirmedAt = time.Now().Add(-time.Hour)
			}
			c.Standing.Addresses = append(c.Standing.Addresses, a)
		}
	}
	claim := func(host zonehold.Hostname, give func(*verifytest.Lab, *verify.Claim)) func(*verifytest.Lab, *verify.Claim) {
		return func(l *verifytest.Lab, c *verify.Claim) {
			c.Hostname = host
			give(l, c)
		}
	}
	const refused = zonehold.OutcomeRefused
	verifytest.RunGranted(t, method(t, zonehold.MethodEmail), verifytest.Granted{
		Host: "shop.example", Source: "anna@shop.example",
		Give:   func(l *verifytest.Lab, c *verify.Claim) { give("anna@"+string(c.Hostname), 1, true)(l, c) },
		Proves: zonehold.AssuranceMailbox, Covers: zonehold.CoversHost,
		Not: map[string]verifytest.Near{
			"unconfirmed":   {Give: give("anna@shop.example", 1, false), Code: "mail_address_unconfirmed"},
			"child_domain":  {Give: give("anna@mail.shop.example", 1, true), Code: "email_address_missing"},
			"in_local_part": {Give: give("shop.example@elsewhere.example", 1, true), Code: "email_address_missing"},
			"no_at":         {Give: give("shop.example", 1, true), Code: "email_address_missing"},
			"shared":        {Give: give("anna@shop.example", 4, true), Code: "mail_domain_shared", Outcome: refused},
			"free_mail":     {Give: claim("gmail.com", give("a@gmail.com", 1, true)), Code: "mail_domain_shared", Outcome: refused},
			"aliyun":        {Give: claim("aliyun.com", give("x@aliyun.com", 1, true)), Code: "mail_domain_shared", Outcome: refused},
			"live_fi":       {Give: claim("live.fi", give("hostmaster@live.fi", 1, true)), Code: "mail_domain_shared", Outcome: refused},
			"throw_away":    {Give: claim("mailinator.com", give("a@mailinator.com", 1, true)), Code: "mail_domain_shared", Outcome: refused},
			"tenant":        {Give: claim("team.mailhost.example", give("a@team.mailhost.example", 1, true)), Code: "mail_domain_shared", Outcome: refused},
			"switched_off": {Give: func(l *verifytest.Lab, c *verify.Claim) {
				l.Kit.NoEmail = true
				give("anna@shop.example", 1, true)(l, c)
			}, Code: "email_not_accepted", Outcome: refused},
			"old_code": {Give: func(_ *verifytest.Lab, c *verify.Claim) {
				c.Standing.Codes = []verify.ConfirmedCode{{ID: "code_1", Address: "admin@shop.example",
					ConfirmedAt: time.Now().Add(-2 * day), Until: time.Now().Add(-day)}}
			}, Code: "mail_code_expired"},
			"code_of_other_domain": {Give: func(_ *verifytest.Lab, c *verify.Claim) {
				c.Standing.Codes = []verify.ConfirmedCode{{ID: "code_1", Address: "admin@shop.example.org",
					ConfirmedAt: time.Now().Add(-day), Until: time.Now().Add(day)}}
			}, Code: "email_address_missing"},
		},
	})
	t.Run("code", func(t *testing.T) {
		l := verifytest.NewLab(t)
		c := l.Claim("shop.example", "")
		until := time.Now().Add(day)
		c.Standing = &verify.Standing{Codes: []verify.ConfirmedCode{{ID: "code_1", Address: "admin@shop.example", ConfirmedAt: time.Now(), Until: until}}}
		if r := l.Check(method(t, zonehold.MethodEmail), l.Kit, c); r.Source != "code_1" || r.Outcome != zonehold.OutcomeVerified || !r.Until.Equal(until) {
			t.Errorf("%s, resting on %q until %v", r.Outcome, r.Source, r.Until)
		}
	})
}

func TestDelegated(t *testing.T) {
	give := func(change func(*verify.Delegation)) func(*verifytest.Lab, *verify.Claim) {
		return func(_ *verifytest.Lab, c *verify.Claim) {
			d := verify.Delegation{
				Delegation: zonehold.Delegation{ID: "del_1", DomainID: "dom_giver", FromAccount: verifytest.Stranger.ID,
					ToAccount: verifytest.Claimant.ID, Hostname: c.Hostname, CreatedAt: time.Now().Add(-day)},
				FromName: "mallory", Verified: true,
				Source: verify.Parent{DomainID: "dom_giver", Hostname: c.Hostname, Method: zonehold.MethodDNSTXT,
					Assurance: zonehold.AssuranceDNS, Covers: zonehold.CoversSubtree},
			}
			change(&d)
			c.Standing.Delegations = append(c.Standing.Delegations, d)
		}
	}
	const cancelled, narrow = problem.Code("delegation_cancelled"), problem.Code("parent_proof_too_narrow")
	verifytest.RunGranted(t, method(t, zonehold.MethodDelegated), verifytest.Granted{
		Host: "shop.example", Give: give(func(*verify.Delegation) {}), Source: "del_1",
		Proves: zonehold.AssuranceOperator, Covers: zonehold.CoversHost,
		Not: map[string]verifytest.Near{
			"revoked":     {Give: give(func(d *verify.Delegation) { d.RevokedAt, d.RevokeReason = time.Now(), "left" }), Code: cancelled},
			"over":        {Give: give(func(d *verify.Delegation) { d.ExpiresAt = time.Now().Add(-time.Second) }), Code: cancelled},
			"giver_lost":  {Give: give(func(d *verify.Delegation) { d.Verified = false }), Code: cancelled},
			"passed_on":   {Give: give(func(d *verify.Delegation) { d.Source.Method = zonehold.MethodDelegated }), Code: cancelled},
			"to_another":  {Give: give(func(d *verify.Delegation) { d.ToAccount = "acc_third" }), Code: "delegation_missing"},
			"to_oneself":  {Give: give(func(d *verify.Delegation) { d.FromAccount = d.ToAccount }), Code: "delegation_missing"},
			"other_claim": {Give: give(func(d *verify.Delegation) { d.Source.DomainID = "dom_other" }), Code: cancelled},
			"other_port": {Give: give(func(d *verify.Delegation) {
				d.Source.Assurance, d.Source.Covers, d.Port = zonehold.AssuranceHost, zonehold.CoversHost, 8443
			}), Code: narrow},
			"other_scheme": {Give: give(func(d *verify.Delegation) {
				d.Source.Assurance, d.Source.Covers, d.Scheme = zonehold.AssuranceHost, zonehold.CoversHost, "https"
			}), Code: narrow},
			"host_above": {Give: give(func(d *verify.Delegation) {
				d.Source.Hostname, d.Source.Covers = "example", zonehold.CoversHost
			}), Code: narrow},
			"other_name": {Give: give(func(d *verify.Delegation) { d.Source.Hostname = "other.example" }), Code: narrow},
		},
	})
}

// parent is a proof above the claim.
func parent(host zonehold.Hostname, m zonehold.Method, a zonehold.Assurance) verify.Parent {
	return verify.Parent{DomainID: "dom_parent", Hostname: host, Method: m, Assurance: a, Covers: a.Covers()}
}

func TestExistingDomain(t *testing.T) {
	give := func(p verify.Parent) func(*verifytest.Lab, *verify.Claim) {
		return func(l *verifytest.Lab, c *verify.Claim) {
			l.Net.Zone("shop.example")
			c.Standing.Parents = append(c.Standing.Parents, p)
		}
	}
	const narrow = problem.Code("parent_proof_too_narrow")
	verifytest.RunGranted(t, method(t, zonehold.MethodExistingDomain), verifytest.Granted{
		Host: "a.shop.example", Give: give(parent("shop.example", zonehold.MethodDNSTXT, zonehold.AssuranceDNS)),
		Source: "dom_parent", Proves: zonehold.AssuranceDNS, Covers: zonehold.CoversSubtree,
		Not: map[string]verifytest.Near{
			"file":      {Give: give(parent("shop.example", zonehold.MethodFile, zonehold.AssuranceHost)), Code: narrow},
			"meta":      {Give: give(parent("shop.example", zonehold.MethodMetaTag, zonehold.AssuranceHost)), Code: narrow},
			"mailbox":   {Give: give(parent("shop.example", zonehold.MethodEmail, zonehold.AssuranceMailbox)), Code: narrow},
			"whitelist": {Give: give(parent("shop.example", zonehold.MethodWhitelist, zonehold.AssuranceOperator)), Code: narrow},
			"borrowed":  {Give: give(parent("shop.example", zonehold.MethodExistingDomain, zonehold.AssuranceDNS)), Code: narrow},
			"itself":    {Give: give(parent("a.shop.example", zonehold.MethodDNSTXT, zonehold.AssuranceDNS)), Code: "parent_not_verified"},
			"beside":    {Give: give(parent("b.shop.example", zonehold.MethodDNSTXT, zonehold.AssuranceDNS)), Code: "parent_not_verified"},
		},
	})
}

// TestCoverage is the table of what a proof above covers (DESIGN section 4.3).
func TestCoverage(t *testing.T) {
	const dns, registrar, host = zonehold.AssuranceDNS, zonehold.AssuranceRegistrar, zonehold.AssuranceHost
	// The delegations on the way: a zone, and whether it has servers of its own.
	cut := func(name string, foreign bool) func(*verifytest.Lab) {
		return func(l *verifytest.Lab) {
			z := l.Net.Zone("shop.example")
			if foreign {
				l.Net.Zone(name)
				return
			}
			sameServers(l, z, name)
		}
	}
	for _, tt := range []struct {
		name  string
		child zonehold.Hostname
		above verify.Parent
		net   func(*verifytest.Lab)
		any   bool
		want  zonehold.Outcome
		code  problem.Code
	}{
		{name: "dns covers", child: "a.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeVerified},
		{name: "dns covers far below", child: "a.b.c.d.shop.example", above: parent("shop.example", zonehold.MethodDNSCNAME, dns), want: zonehold.OutcomeVerified},
		{name: "registrar covers", child: "a.shop.example", above: parent("shop.example", zonehold.MethodWHOIS, registrar), want: zonehold.OutcomeVerified},
		{name: "file does not", child: "a.shop.example", above: parent("shop.example", zonehold.MethodFile, host), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "file does where the operator says any", any: true, child: "a.shop.example", above: parent("shop.example", zonehold.MethodFile, host), want: zonehold.OutcomeVerified},
		{name: "co.uk stops it", child: "shop.co.uk", above: parent("co.uk", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "co.uk stops any", any: true, child: "shop.co.uk", above: parent("co.uk", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "github.io stops it", child: "anna.github.io", above: parent("github.io", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "a private suffix in between", child: "anna.s3.amazonaws.com", above: parent("amazonaws.com", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "below a private suffix it covers", child: "a.anna.github.io", above: parent("anna.github.io", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeVerified},
		{name: "foreign zone at the name", child: "team.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: cut("team.shop.example", true), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "foreign zone between", child: "a.team.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: cut("team.shop.example", true), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "foreign zone stops any", any: true, child: "a.team.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: cut("team.shop.example", true), want: zonehold.OutcomeAbsent, code: "parent_proof_too_narrow"},
		{name: "foreign zone below does not matter", child: "team.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: cut("x.team.shop.example", true), want: zonehold.OutcomeVerified},
		{name: "own zone between", child: "a.team.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: cut("team.shop.example", false), want: zonehold.OutcomeVerified},
		{name: "servers dead", child: "a.shop.example", above: parent("shop.example", zonehold.MethodDNSTXT, dns), net: func(l *verifytest.Lab) {
			for _, s := range l.Net.Zone("shop.example").Servers() {
				s.Fault(testnet.FaultTimeout)
			}
		}, want: zonehold.OutcomeInconclusive, code: "parent_not_checked"},
		{name: "never upwards", child: "shop.example", above: parent("a.shop.example", zonehold.MethodDNSTXT, dns), want: zonehold.OutcomeAbsent, code: "parent_not_verified"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := verifytest.NewLab(t)
			c := l.Claim(string(tt.child), "")
			if r, ok := c.Hostname.Registrable(); ok {
				l.Net.Zone(r)
			}
			if tt.net != nil {
				tt.net(l)
			}
			kit := l.Kit
			if tt.want == zonehold.OutcomeInconclusive {
				kit = l.Hasty()
			}
			kit.ParentCoversAny = tt.any
			if tt.any && tt.above.Assurance == host {
				l.Net.Host(string(tt.above.Hostname))
			}
			c.Standing = &verify.Standing{Account: verifytest.Claimant, Parents: []verify.Parent{tt.above}}
			r := l.Check(method(t, zonehold.MethodExistingDomain), kit, c)
			if r.Outcome != tt.want {
				t.Fatalf("outcome %s (%+v), want %s", r.Outcome, r.Problem, tt.want)
			}
			if tt.code != "" && r.Problem.Code != tt.code {
				t.Errorf("code %s, want %s: %v", r.Problem.Code, tt.code, r.Problem.Facts)
			}
			if tt.any && r.Outcome == zonehold.OutcomeVerified && (r.Covers != zonehold.CoversHost || r.Proves != host) {
				t.Errorf("a laxer proof is worth %s for the %s", r.Proves, r.Covers)
			}
		})
	}
}

// TestAnyParentServedElsewhere: under the laxer policy a host that is an alias
// of a platform gives nothing to the names below (threat T36).
func TestAnyParentServedElsewhere(t *testing.T) {
	l := verifytest.NewLab(t)
	l.Net.Host("pages.platform.example")
	l.Net.Zone("shop.example").Add("www.shop.example.", "CNAME", "pages.platform.example.")
	l.Kit.ParentCoversAny = true
	c := l.Claim("a.www.shop.example", "")
	c.Standing = &verify.Standing{Account: verifytest.Claimant, Parents: []verify.Parent{parent("www.shop.example", zonehold.MethodFile, zonehold.AssuranceHost)}}
	if r := l.Check(method(t, zonehold.MethodExistingDomain), l.Kit, c); r.Outcome != zonehold.OutcomeAbsent {
		t.Errorf("outcome %s, want absent", r.Outcome)
	}
}

// sameServers makes a zone of its own at name, on the servers that serve the
// zone above it too.
func sameServers(l *verifytest.Lab, above *testnet.Zone, name string) {
	h := l.Net.Hoster("dns.example")
	above.Delegate(h.NSNames()...)
	top := h.Undelegated(above.Name())
	for _, ns := range h.NSNames() {
		top.Add(name+".", "NS", ns.Name)
	}
	h.Undelegated(name)
}
