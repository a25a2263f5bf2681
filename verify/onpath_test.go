package verify_test

import (
	"net/netip"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// denying answers every question at or below name as if it did not exist.
func denying(name string) func(*miekg.Msg) {
	return func(m *miekg.Msg) {
		if miekg.IsSubDomain(name+".", strings.ToLower(m.Question[0].Name)) {
			m.Rcode, m.Authoritative, m.Answer, m.Ns, m.Extra = miekg.RcodeNameError, true, nil, nil, nil
		}
	}
}

// referring answers them with a delegation to other servers, and leaves the DS
// records as they are.
func referring(t *testing.T, name string, servers []string) func(*miekg.Msg) {
	var ns []miekg.RR
	for _, s := range servers {
		rr, err := miekg.NewRR(name + ". 300 IN NS " + s + ".")
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, rr)
	}
	return func(m *miekg.Msg) {
		if m.Question[0].Qtype != miekg.TypeDS && miekg.IsSubDomain(name+".", strings.ToLower(m.Question[0].Name)) {
			m.Rcode, m.Authoritative, m.Answer, m.Ns, m.Extra = miekg.RcodeSuccess, false, nil, ns, nil
		}
	}
}

// Who stands on the way to a signed zone can neither hide a zone below it nor
// make one up (threats T19, T34).
func TestForgedCut(t *testing.T) {
	check := func(l *verifytest.Lab, child string) verify.Result {
		c := l.Claim(child, "")
		c.Standing = &verify.Standing{Account: verifytest.Claimant, Parents: []verify.Parent{parent("shop.example", zonehold.MethodDNSTXT, zonehold.AssuranceDNS)}}
		return l.Check(method(t, zonehold.MethodExistingDomain), l.Kit, c)
	}
	for _, child := range []string{"team.shop.example", "a.team.shop.example"} {
		t.Run("hidden from "+child, func(t *testing.T) {
			l := signedLab(t)
			shop := l.Net.Zone("shop.example")
			l.Net.Zone("team.shop.example")
			if r := check(l, child); r.Outcome != zonehold.OutcomeAbsent {
				t.Fatalf("before: %s %+v", r.Outcome, r.Problem)
			}
			shop.Tamper(denying("team.shop.example"))
			if r := check(l, child); r.Outcome != zonehold.OutcomeInconclusive || r.Problem.Code != "parent_not_checked" {
				t.Errorf("%s %+v", r.Outcome, r.Problem)
			}
		})
	}
	t.Run("own zone", func(t *testing.T) {
		l := signedLab(t)
		h := l.Net.Hoster("dns-shop.net")
		l.Net.ZoneAt("shop.example", h)
		l.Net.ZoneAt("team.shop.example", h)
		l.Net.ZoneAt("unsigned.shop.example", h).Unsign()
		for _, child := range []string{"team.shop.example", "a.team.shop.example", "b.shop.example", "unsigned.shop.example", "a.unsigned.shop.example"} {
			if r := check(l, child); r.Outcome != zonehold.OutcomeVerified {
				t.Errorf("%s: %s %+v", child, r.Outcome, r.Problem)
			}
		}
	})
	t.Run("made up", func(t *testing.T) {
		l := signedLab(t)
		shop := l.Net.Zone("shop.example")
		if r := check(l, "a.shop.example"); r.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("before: %s %+v", r.Outcome, r.Problem)
		}
		liar := l.Net.Hoster("dns-liar.net")
		liar.Undelegated("a.shop.example")
		shop.Tamper(referring(t, "a.shop.example", names(liar)))
		if r := check(l, "a.shop.example"); r.Outcome != zonehold.OutcomeInconclusive || r.Problem.Code != "parent_not_checked" {
			t.Errorf("%s %+v", r.Outcome, r.Problem)
		}
	})
}

// A forwarder does not show who serves a zone, so one in between may be
// anybody's.
func TestCutBehindForwarder(t *testing.T) {
	l := verifytest.NewLab(t)
	l.Net.Zone("shop.example")
	l.Net.Zone("team.shop.example")
	forwarder := l.Net.Resolver()
	r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: l.Net.Route}, Forward: []netip.AddrPort{forwarder.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	for child, want := range map[string]zonehold.Outcome{
		"team.shop.example": zonehold.OutcomeInconclusive, "a.team.shop.example": zonehold.OutcomeInconclusive, "b.shop.example": zonehold.OutcomeVerified,
	} {
		c := l.Claim(child, "")
		c.Standing = &verify.Standing{Account: verifytest.Claimant, Parents: []verify.Parent{parent("shop.example", zonehold.MethodWHOIS, zonehold.AssuranceRegistrar)}}
		if got := l.Check(method(t, zonehold.MethodExistingDomain), &verify.Kit{DNS: r}, c); got.Outcome != want {
			t.Errorf("%s: %s %+v", child, got.Outcome, got.Problem)
		}
	}
}

// What a registry says of a zone's name servers is not signed. Of a signed
// zone it counts only if the zone itself confirms it, and "no such domain" only
// with the registry's signature.
func TestForgedDelegation(t *testing.T) {
	for _, m := range []zonehold.Method{zonehold.MethodCloudflare, zonehold.MethodAWSRoute53} {
		b := atProvider(t, m)
		b.Net.SignAll(testnet.SignOptions{})
		b.Kit = validatingKit(t, b.Net)
		owned := b.hosted("shop.example")
		b.zone("con_owner", "shop.example", owned)
		owner := b.open("con_owner", goodSecret)
		b.want(b.claim("shop.example", owner), zonehold.OutcomeVerified, "")

		// The stranger's own zone has other servers. Their names lead to those
		// that serve the real one.
		evil := []string{"a.dns-evil.net", "b.dns-evil.net"}
		zone := b.Net.Zone("dns-evil.net")
		for i, s := range b.Net.Zone("shop.example").Servers() {
			zone.Add(evil[i%2]+".", "A", s.Addr().Addr().String())
		}
		b.zone("con_evil", "shop.example", evil)
		stranger := b.open("con_evil", goodSecret)
		b.want(b.claim("shop.example", stranger), zonehold.OutcomeMismatch, "zone_not_in_account")
		registry := b.Net.Zone("example")
		registry.Tamper(referring(t, "shop.example", evil))
		for _, a := range []verify.ZoneAccount{stranger, owner} {
			b.Kit = validatingKit(t, b.Net)
			r := b.want(b.claim("shop.example", a), zonehold.OutcomeInconclusive, "dns_delegation_changing")
			if r.Problem == nil {
				continue
			}
			if p := problem.New(r.Problem.Code, r.Problem.Facts); strings.ContainsAny(p.Found, "{}") {
				t.Errorf("%q", p.Found)
			}
		}
		registry.Tamper(denying("shop.example"))
		b.Kit = validatingKit(t, b.Net)
		b.want(b.claim("shop.example", owner), zonehold.OutcomeRefused, "dnssec_registry_bogus")
	}
}

// A wildcard alias into another domain proves nothing (threat T36), also where
// somebody sees to it that the control, which would show the wildcard, stays
// without an answer.
func TestControlUnanswered(t *testing.T) {
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	l := signedLab(t)
	c := l.Claim("shop.example", zonehold.ProfileZonehold)
	l.Zone(c).Add("*", "CNAME", "everything.stranger.net.")
	l.Net.Zone("stranger.net").Add("everything", "TXT", "token="+c.Tokens.TXT)
	if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeRefused || r.Problem.Code != "dns_wildcard_answers" {
		t.Fatalf("before: %s %+v", r.Outcome, r.Problem)
	}
	l.Zone(c).Tamper(func(m *miekg.Msg) {
		if name := strings.ToLower(m.Question[0].Name); name != "shop.example." && !strings.HasPrefix(name, "_zonehold-challenge.") {
			m.Rcode, m.Answer, m.Ns = miekg.RcodeServerFailure, nil, nil
		}
	})
	if r := l.Check(m, l.Kit, c); r.Outcome != zonehold.OutcomeInconclusive || r.Problem == nil {
		t.Errorf("%s %+v %+v", r.Outcome, r.Problem, r.Notes)
	}
}
