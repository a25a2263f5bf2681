package verify_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	cfapi "github.com/zonehold/zonehold/internal/provider/cloudflare"
	awsapi "github.com/zonehold/zonehold/internal/provider/route53"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// bureau is a lab with a provider of one kind in it, reached at the place of
// the real one by its real client.
type bureau struct {
	*verifytest.Lab
	t      *testing.T
	m      verify.Method
	open   func(id, secret string) verify.ZoneAccount
	zone   func(owner, name string, servers []string) // in good order, "" for a made-up set of servers
	odd    func(owner, name string, servers []string) // private (Route 53) or pending (Cloudflare)
	fault  func(testnet.ProviderFault)
	oddity problem.Code
}

// Secrets of the accounts by the id of the connection; any other is refused.
const goodSecret = "a-secret-that-is-long-enough"

func atProvider(t *testing.T, name zonehold.Method) *bureau {
	t.Helper()
	l := verifytest.NewLab(t)
	b := &bureau{Lab: l, t: t, m: method(t, name)}
	client := web.NewAPIClient(web.APIConfig{Dialer: &probe.Dialer{Route: l.Net.Route}, Resolver: l.Kit.DNS, Roots: l.Net.CertPool()})
	t.Cleanup(client.CloseIdleConnections)
	if name == zonehold.MethodAWSRoute53 {
		server, p := testnet.NewRoute53(), awsapi.New(awsapi.Config{HTTP: client})
		l.Net.Host("route53.amazonaws.com").Handle("", server)
		b.open = func(id, secret string) verify.ZoneAccount {
			server.AddKey(testnet.Route53Key{ID: id, Secret: goodSecret, Account: id})
			a, err := p.Open(id, "account "+id, map[string]string{awsapi.AccessKeyID: id, awsapi.SecretAccessKey: secret})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		b.zone = func(owner, name string, servers []string) {
			server.AddZone(testnet.Route53Zone{Name: name, Account: owner, NameServers: servers})
		}
		b.odd = func(owner, name string, servers []string) {
			server.AddZone(testnet.Route53Zone{Name: name, Account: owner, NameServers: servers, Private: true})
		}
		b.fault, b.oddity = func(f testnet.ProviderFault) { server.Fault(f, 0) }, "provider_zone_private"
		return b
	}
	server, p := testnet.NewCloudflare(), cfapi.New(cfapi.Config{HTTP: client})
	l.Net.Host("api.cloudflare.com").Handle("", server)
	b.open = func(id, secret string) verify.ZoneAccount {
		server.AddToken(testnet.CloudflareToken{Value: id + goodSecret, Account: id})
		a, err := p.Open(id, "account "+id, map[string]string{cfapi.APIToken: id + secret})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	b.zone = func(owner, name string, servers []string) {
		server.AddZone(testnet.CloudflareZone{Name: name, Account: owner, NameServers: servers})
	}
	b.odd = func(owner, name string, servers []string) {
		server.AddZone(testnet.CloudflareZone{Name: name, Account: owner, NameServers: servers, Status: "pending"})
	}
	b.fault, b.oddity = func(f testnet.ProviderFault) { server.Fault(f, 0) }, "provider_zone_pending"
	return b
}

// hosted makes a delegated zone at a hoster and returns the names of its
// servers, which are not in the zone.
func (b *bureau) hosted(name string) []string {
	h := b.Net.Hoster("dns-" + strings.ReplaceAll(name, ".", "-") + ".net")
	b.Net.ZoneAt(name, h)
	return names(h)
}

func names(h *testnet.Hoster) []string {
	var out []string
	for _, ns := range h.NSNames() {
		out = append(out, strings.TrimSuffix(ns.Name, "."))
	}
	return out
}

func (b *bureau) claim(host string, accounts ...verify.ZoneAccount) verify.Claim {
	c := b.Claim(host, "")
	c.Standing = &verify.Standing{Account: verifytest.Claimant, Accounts: accounts}
	return c
}

// want checks a claim.
func (b *bureau) want(c verify.Claim, outcome zonehold.Outcome, code problem.Code) verify.Result {
	b.t.Helper()
	r := b.Check(b.m, b.Kit, c)
	var got problem.Code
	if r.Problem != nil {
		got = r.Problem.Code
		if _, ok := problem.Lookup(got); !ok {
			b.t.Errorf("code %q is not in the catalogue", got)
		}
		if r.Problem.Facts[problem.FactDomain] == "" || r.Problem.Facts[problem.FactMethod] == "" {
			b.t.Errorf("%s: facts lack the domain or the method: %v", got, r.Problem.Facts)
		}
	}
	if r.Outcome != outcome || got != code {
		b.t.Errorf("%s: outcome %s, problem %q; want %s, %q (%+v)", c.Hostname, r.Outcome, got, outcome, code, r.Problem)
	}
	counts := 0
	for _, g := range r.Evidence.Grounds {
		if g.Kind != "connection" || g.ID == "" || g.Detail == "" {
			b.t.Errorf("ground %+v", g)
		}
		if g.Counts {
			counts++
		}
	}
	switch verified := r.Outcome == zonehold.OutcomeVerified; {
	case verified && (counts != 1 || r.Source == "" || r.Proves != zonehold.AssuranceRegistrar || r.Covers != zonehold.CoversSubtree || len(r.Evidence.Lookups) == 0):
		b.t.Errorf("verified: %d grounds count, source %q, %s, %s, %d lookups", counts, r.Source, r.Proves, r.Covers, len(r.Evidence.Lookups))
	case !verified && (counts != 0 || r.Source != ""):
		b.t.Errorf("%s: %d grounds count, source %q", r.Outcome, counts, r.Source)
	}
	return r
}

const (
	verified     = zonehold.OutcomeVerified
	absent       = zonehold.OutcomeAbsent
	mismatch     = zonehold.OutcomeMismatch
	inconclusive = zonehold.OutcomeInconclusive
	refused      = zonehold.OutcomeRefused
)

// TestProviders runs every case at both providers.
func TestProviders(t *testing.T) {
	for _, name := range []zonehold.Method{zonehold.MethodAWSRoute53, zonehold.MethodCloudflare} {
		for _, c := range providerCases {
			t.Run(string(name)+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.run(atProvider(t, name))
			})
		}
	}
}

var providerCases = []struct {
	name string
	run  func(b *bureau)
}{
	{"from_nothing", func(b *bureau) {
		former := b.hosted("shop.example")
		c := b.claim("shop.example")
		if ok, reason := verify.Applicable(b.Kit, c, b.m); ok || !strings.HasPrefix(reason, "No ") || !strings.HasSuffix(reason, " account is connected.") {
			b.t.Errorf("applicable %t, reason %q", ok, reason)
		}
		b.want(c, absent, "provider_not_connected")

		c = b.claim("shop.example", b.open("con_1", goodSecret))
		ch := b.m.Challenge(b.Kit, c)
		if !ch.Applicable || !ch.Automatic || ch.Proves != zonehold.AssuranceRegistrar || ch.Covers != zonehold.CoversSubtree || ch.Token != "" {
			b.t.Errorf("challenge %+v", ch)
		}
		b.want(c, absent, "zone_not_in_account")

		provider := b.Net.Hoster("provider-dns.net")
		b.zone("con_1", "shop.example", names(provider))
		r := b.want(c, mismatch, "zone_not_in_account")
		p := problem.New(r.Problem.Code, r.Problem.Facts)
		for _, s := range append(former, names(provider)...) {
			if !strings.Contains(p.Found, s) {
				b.t.Errorf("%q does not name %s", p.Found, s)
			}
		}

		provider.Undelegated("shop.example")
		b.Net.Zone("shop.example").Delegate(provider.NSNames()...)
		if r := b.want(c, verified, ""); r.Source != "con_1" {
			b.t.Errorf("rests on %q", r.Source)
		}
		b.Net.Zone("shop.example").Delegate()
		b.want(c, mismatch, "zone_not_in_account")
	}},
	{"names_below", func(b *bureau) {
		servers := b.hosted("shop.example")
		b.Net.Zone("shop.example").Add("www", "A", "45.1.2.3").Add("alias", "CNAME", "www.shop.example.")
		b.zone("con_1", "shop.example", servers)
		a := b.open("con_1", goodSecret)
		for _, host := range []string{"shop.example", "www.shop.example", "alias.shop.example", "not.there.shop.example", "a.b.c.d.e.f.shop.example"} {
			b.want(b.claim(host, a), verified, "")
		}
	}},
	// The name is held by a zone of its own, elsewhere (threat T34).
	{"child_elsewhere", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		b.hosted("www.shop.example")
		a := b.open("con_1", goodSecret)
		b.want(b.claim("shop.example", a), verified, "")
		b.want(b.claim("www.shop.example", a), absent, "zone_not_in_account")
		b.want(b.claim("below.www.shop.example", a), absent, "zone_not_in_account")
	}},
	// A child says nothing about what is above it (threat T33).
	{"parent_of_it", func(b *bureau) {
		b.hosted("shop.example")
		b.zone("con_1", "www.shop.example", b.hosted("www.shop.example"))
		a := b.open("con_1", goodSecret)
		b.want(b.claim("www.shop.example", a), verified, "")
		r := b.want(b.claim("shop.example", a), absent, "zone_not_in_account")
		if !strings.Contains(r.Problem.Facts[problem.FactDetail], "no zone shop.example") {
			b.t.Errorf("detail %q", r.Problem.Facts[problem.FactDetail])
		}
	}},
	{"zone_that_is_not_delegated", func(b *bureau) {
		servers := b.hosted("shop.example")
		b.zone("con_1", "www.shop.example", servers)
		r := b.want(b.claim("www.shop.example", b.open("con_1", goodSecret)), absent, "zone_not_in_account")
		if d := r.Problem.Facts[problem.FactDetail]; !strings.Contains(d, "has a zone www.shop.example, but the name is held by the zone shop.example") {
			b.t.Errorf("detail %q", d)
		}
	}},
	// Nobody holds his customers' names by holding the suffix.
	{"public_suffixes", func(b *bureau) {
		b.Net.Zone("github.io").Add("shop", "A", "45.1.2.3")
		b.Net.Zone("co.uk")
		for _, zone := range []string{"github.io", "co.uk", "uk", "example"} {
			var servers []string
			for _, s := range b.Net.Zone(zone).Servers() {
				servers = append(servers, strings.TrimSuffix(s.Name(), "."))
			}
			b.zone("con_1", zone, servers)
		}
		a := b.open("con_1", goodSecret)
		b.want(b.claim("shop.github.io", a), absent, "zone_not_in_account")
		b.want(b.claim("nobody.co.uk", a), absent, "domain_not_registered")
		b.want(b.claim("nobody.example", a), absent, "domain_not_registered")
		b.want(b.claim("www.nobody.example", a), absent, "domain_not_registered")
	}},
	{"exactly_those_servers", func(b *bureau) {
		servers := b.hosted("shop.example")
		slices.Reverse(servers)
		for i, assigned := range [][]string{
			{servers[0]},
			append(slices.Clone(servers), "ns3.dns-shop-example.net"),
			{servers[0], "ns9.dns-shop-example.net"},
			{"x" + servers[0], servers[1]},
			{servers[0], servers[0]},
			{},
		} {
			id := "con_" + string(rune('a'+i))
			b.zone(id, "shop.example", assigned)
			b.want(b.claim("shop.example", b.open(id, goodSecret)), mismatch, "zone_not_in_account")
		}
		// More servers than are asked: nobody can say that these are all.
		var many []testnet.NS
		var first []string
		for i := range 17 {
			many = append(many, testnet.NS{Name: fmt.Sprintf("ns%02d.dns-shop-example.net.", i)})
			if i < 16 {
				first = append(first, strings.TrimSuffix(many[i].Name, "."))
			}
			b.Net.Zone("dns-shop-example.net").Add(many[i].Name, "A", b.Net.Zone("shop.example").Servers()[0].Addr().Addr().String())
		}
		b.Net.Zone("shop.example").Delegate(many...)
		b.zone("con_many", "shop.example", first)
		b.want(b.claim("shop.example", b.open("con_many", goodSecret)), mismatch, "zone_not_in_account")
		b.Net.Zone("shop.example").Delegate()
		b.zone("con_1", "shop.example", []string{strings.ToUpper(servers[0]) + ".", servers[1]})
		b.want(b.claim("shop.example", b.open("con_1", goodSecret)), verified, "")
	}},
	// What the zone itself says about its servers is its holder's word.
	{"parent_counts_not_child", func(b *bureau) {
		evil := b.Net.Hoster("evil.net")
		b.hosted("shop.example")
		z := b.Net.Zone("shop.example").Remove("@", "NS")
		for _, ns := range names(evil) {
			z.Add("@", "NS", ns+".")
		}
		b.zone("con_evil", "shop.example", names(evil))
		b.want(b.claim("shop.example", b.open("con_evil", goodSecret)), mismatch, "zone_not_in_account")
	}},
	{"private_or_pending", func(b *bureau) {
		servers := b.hosted("shop.example")
		b.odd("con_1", "shop.example", servers)
		a := b.open("con_1", goodSecret)
		b.want(b.claim("shop.example", a), mismatch, b.oddity)
		b.zone("con_1", "shop.example", servers)
		b.want(b.claim("shop.example", a), verified, "")
	}},
	{"several_of_the_name", func(b *bureau) {
		servers := b.hosted("shop.example")
		b.zone("con_1", "shop.example", nil)
		b.zone("con_1", "shop.example", servers)
		b.zone("con_1", "shop.example", nil)
		r := b.want(b.claim("shop.example", b.open("con_1", goodSecret)), verified, "")
		if len(r.Evidence.Grounds) != 3 {
			b.t.Errorf("grounds %+v", r.Evidence.Grounds)
		}
	}},
	{"somebody_elses_zone", func(b *bureau) {
		b.zone("con_2", "shop.example", b.hosted("shop.example"))
		b.want(b.claim("shop.example", b.open("con_1", goodSecret)), absent, "zone_not_in_account")
	}},
	{"another_provider", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		b.want(b.claim("shop.example", elsewhere{b.open("con_1", goodSecret)}), absent, "provider_not_connected")
	}},
	// What we cannot see changes nothing (threat T47).
	{"wrong_credentials", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		r := b.want(b.claim("shop.example", b.open("con_1", "another-secret-of-that-length")), inconclusive, "provider_token_rejected")
		if p := problem.New(r.Problem.Code, r.Problem.Facts); strings.Contains(p.Found, "secret-of-that") || !strings.HasPrefix(p.Found, "It was refused: ") {
			b.t.Errorf("found %q", p.Found)
		}
	}},
	{"provider_down", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		for _, f := range []testnet.ProviderFault{testnet.ProviderFaultUnavailable, testnet.ProviderFaultHTML, testnet.ProviderFaultHuge, testnet.ProviderFaultThrottled} {
			b.fault(f)
			b.want(b.claim("shop.example", b.open("con_1", goodSecret)), inconclusive, "provider_unavailable")
		}
	}},
	{"several_accounts", func(b *bureau) {
		servers := b.hosted("shop.example")
		b.zone("con_other", "shop.example", nil)
		b.odd("con_odd", "shop.example", servers)
		b.zone("con_good", "shop.example", servers)
		good, other, odd := b.open("con_good", goodSecret), b.open("con_other", goodSecret), b.open("con_odd", goodSecret)
		empty, wrong := b.open("con_empty", goodSecret), b.open("con_wrong", "another-secret-of-that-length")

		r := b.want(b.claim("shop.example", wrong, other, empty, good, odd), verified, "")
		var notes []string
		for _, n := range r.Notes {
			notes = append(notes, string(n.Code)+" "+n.Facts[problem.FactWhere])
		}
		want := []string{"provider_token_rejected account con_wrong", "zone_not_in_account account con_other", "zone_not_in_account account con_empty", string(b.oddity) + " account con_odd"}
		if !slices.Equal(notes, want) || r.Source != "con_good" {
			b.t.Errorf("source %s, notes %q", r.Source, notes)
		}
		b.want(b.claim("shop.example", other, wrong, odd), inconclusive, "provider_token_rejected")
		b.want(b.claim("shop.example", empty, other), mismatch, "zone_not_in_account")
		// Twice the same: one ground counts.
		b.want(b.claim("shop.example", good, good), verified, "")
	}},
	{"servers_that_fail", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		a := b.open("con_1", goodSecret)
		server := b.Net.Zone("shop.example").Servers()[1]
		for fault, code := range map[testnet.Fault]problem.Code{
			testnet.FaultRefused: "dns_lame_delegation", testnet.FaultServFail: "dns_servfail", testnet.FaultLame: "dns_lame_delegation",
		} {
			server.Fault(fault)
			b.want(b.claim("shop.example", a), inconclusive, code)
		}
	}},
	{"no_registration", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		b.Net.Zone("shop.example").Undelegate()
		b.want(b.claim("shop.example", b.open("con_1", goodSecret)), absent, "domain_not_registered")
	}},
	{"wrong_signatures", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		a := b.open("con_1", goodSecret)
		b.Net.SignAll(testnet.SignOptions{})
		anchors, err := dns.ParseTrustAnchors(strings.NewReader(b.Net.TrustAnchors()))
		if err != nil {
			b.t.Fatal(err)
		}
		roots, err := dns.ParseRootHints(strings.NewReader(b.Net.RootHints()))
		if err != nil {
			b.t.Fatal(err)
		}
		resolver := func() *dns.Resolver {
			r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: b.Net.Route}, Roots: roots, TrustAnchors: anchors})
			if err != nil {
				b.t.Fatal(err)
			}
			return r
		}
		b.Kit.DNS = resolver()
		b.want(b.claim("shop.example", a), verified, "")
		for fault, code := range map[testnet.SignFault]problem.Code{
			testnet.SignFaultExpired: "dnssec_signature_expired", testnet.SignFaultStripped: "dnssec_signatures_missing",
			testnet.SignFaultCorrupt: "dnssec_bogus", testnet.SignFaultWrongDS: "dnssec_ds_mismatch",
		} {
			b.Net.Zone("shop.example").SignFault(fault)
			b.Kit.DNS = resolver() // remembers no keys
			b.want(b.claim("shop.example", a), refused, code)
		}
	}},
	{"cancelled", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		ctx, cancel := context.WithCancel(b.t.Context())
		cancel()
		if r := b.m.Check(ctx, b.Kit, b.claim("shop.example", b.open("con_1", goodSecret))); r.Outcome != inconclusive {
			b.t.Errorf("outcome %s, problem %+v", r.Outcome, r.Problem)
		}
	}},
	{"nobody_known", func(b *bureau) {
		c := b.claim("shop.example")
		c.Standing = nil
		b.want(c, refused, "automatic_nothing_known")
	}},
	{"forwarding", func(b *bureau) {
		b.zone("con_1", "shop.example", b.hosted("shop.example"))
		c := b.claim("shop.example", b.open("con_1", goodSecret))
		cache := b.Net.Resolver()
		r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: b.Net.Route}, Forward: []netip.AddrPort{cache.Addr()}})
		if err != nil {
			b.t.Fatal(err)
		}
		b.Kit.DNS = r
		if ok, reason := verify.Applicable(b.Kit, c, b.m); ok || reason == "" {
			b.t.Errorf("applicable %t, reason %q", ok, reason)
		}
		b.want(c, inconclusive, "verifier_fault")
	}},
}

// elsewhere is an account at a provider that we have no method for.
type elsewhere struct{ verify.ZoneAccount }

func (elsewhere) Provider() zonehold.Method { return "elsewhere" }
