package diagnose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// surveyCase is a name in some state, and the lines that a survey of it has.
type surveyCase struct {
	name string
	host string // "": shop.com
	set  func(*verifytest.Lab)
	kit  func(*verifytest.Lab) *verify.Kit // nil: the lab's patient one
	// want are lines of outline that must be there; refuse must not.
	want, refuse []string
}

func page(l *verifytest.Lab, host string) *testnet.Host {
	return l.Net.Host(host).Page("/", 200, "text/html", verifytest.Page(""))
}

// outline is a survey in lines, without what changes from run to run.
func outline(s diagnose.Survey) []string {
	out := []string{fmt.Sprintf("registrable %q delegated %v unregistered %v", s.Registrable, s.Delegated, s.Unregistered)}
	if s.Delegated {
		out = append(out, fmt.Sprintf("zone %s of %q signed %v", s.Zone, s.Parent, s.Signed))
	}
	for _, ns := range s.Servers {
		out = append(out, fmt.Sprintf("server %s %s answered %v", ns.Name, ns.Status, ns.Serial != 0))
	}
	if len(s.Aliases) > 0 {
		out = append(out, "aliases "+strings.Join(s.Aliases, " "))
	}
	for _, r := range s.Records {
		out = append(out, fmt.Sprintf("record %s %s agreed %v", r.Type, strings.Join(r.Values, " | "), r.Agreed))
	}
	for _, w := range s.Web {
		family := "4"
		if strings.Contains(w.Addr, ":") {
			family = "6"
		} else if w.Addr == "" {
			family = "-"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("web %s %s %d %s %s", w.URL, family, w.Status, w.Error, w.FinalURL)))
	}
	for _, m := range s.Methods {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v %s", m.Method, m.Works, m.Reason)))
	}
	for _, r := range s.Remarks {
		out = append(out, "remark "+r)
	}
	if s.Err != "" {
		out = append(out, "error "+s.Err)
	}
	return out
}

func surveyCases() []surveyCase {
	hasty := func(l *verifytest.Lab) *verify.Kit { return l.Hasty() }
	return []surveyCase{
		{name: "healthy", set: func(l *verifytest.Lab) {
			page(l, "shop.com")
			l.Net.Zone("shop.com").Add("@", "TXT", "v=spf1 -all").Add("@", "MX", "10 mail").Add("@", "CAA", `0 issue "ca.example"`)
		}, want: []string{
			`registrable "shop.com" delegated true unregistered false`, `zone shop.com of "com" signed false`,
			"server ns1.shop.com ok answered true", "server ns2.shop.com ok answered true",
			"record A 46.0.1.80 agreed true", "record AAAA 2a0e:e00:1::80 agreed true", "record TXT v=spf1 -all agreed true",
			"record MX 10 mail.shop.com. agreed true", `record CAA 0 issue "ca.example" agreed true`,
			"web https://shop.com/ 6 200", "web https://shop.com/ 4 200", "web http://shop.com/ 6 200", "web http://shop.com/ 4 200",
			"dns_txt true", "dns_cname true", "file true", "meta_tag true", "txt_file true",
		}, refuse: []string{"remark", "error"}},
		{name: "signed", set: func(l *verifytest.Lab) {
			l.Net.Zone("shop.com").Add("@", "DNSKEY", "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==")
		}, want: []string{`zone shop.com of "com" signed true`}},
		{name: "not_registered", set: func(l *verifytest.Lab) { l.Net.Zone("other.com") }, want: []string{
			`registrable "shop.com" delegated false unregistered true`,
			"error com has no such name: nobody registered it, or it has no name servers",
			"dns_txt false the domain is not registered", "file false the domain is not registered",
		}, refuse: []string{"server", "zone", "web"}},
		{name: "host_not_there_yet", host: "new.shop.com", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com") }, want: []string{
			`registrable "shop.com" delegated true unregistered false`, `zone shop.com of "com" signed false`,
			"remark The name itself does not exist in shop.com yet; a record below it can still be added there.",
			"dns_txt true", "file false no web server answers at the name",
		}},
		{name: "subdomain", host: "www.shop.com", set: func(l *verifytest.Lab) { page(l, "www.shop.com") }, want: []string{
			`zone shop.com of "com" signed false`, "web https://www.shop.com/ 4 200", "dns_txt true", "meta_tag true",
		}, refuse: []string{"remark"}},
		{name: "zone_of_its_own", host: "eu.shop.com", set: func(l *verifytest.Lab) { l.Net.Zone("eu.shop.com") }, want: []string{
			`zone eu.shop.com of "shop.com" signed false`, "server ns1.eu.shop.com ok answered true",
		}},
		{name: "lame_server", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com").Servers()[1].Fault(testnet.FaultLame) }, want: []string{
			"server ns1.shop.com ok answered true", "server ns2.shop.com lame answered false",
			"remark ns2.shop.com does not answer for the zone (lame); until it does, checks are inconclusive.", "dns_txt true",
		}},
		{name: "silent_servers", kit: hasty, set: func(l *verifytest.Lab) {
			for _, s := range l.Net.Zone("shop.com").Servers() {
				s.Fault(testnet.FaultTimeout)
			}
		}, want: []string{
			"server ns1.shop.com timeout answered false", "server ns2.shop.com timeout answered false",
			"dns_txt false no name server answers for the zone",
		}},
		{name: "alias_at_the_label", set: func(l *verifytest.Lab) {
			l.Net.Zone("shop.com").Add("_zonehold-challenge", "CNAME", "elsewhere.net.")
		}, want: []string{"dns_txt false an alias to elsewhere.net stands where the record would go", "dns_cname true"}},
		{name: "wildcard_alias", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com").Add("*", "CNAME", "elsewhere.net.") },
			want: []string{"dns_txt true"}},
		{name: "alias", host: "www.shop.com", set: func(l *verifytest.Lab) {
			l.Net.Zone("shop.com").Add("www", "CNAME", "shops.hoster.net.")
			page(l, "shops.hoster.net")
		}, want: []string{"aliases shops.hoster.net", "record CNAME shops.hoster.net. agreed true", "web http://www.shop.com/ 4 200"}},
		{name: "no_web", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com") }, want: []string{
			"web https://shop.com/ - 0 no_address", "file false no web server answers at the name", "meta_tag false no web server answers at the name", "dns_txt true",
		}},
		{name: "no_home_page", set: func(l *verifytest.Lab) { l.Net.Host("shop.com") }, want: []string{
			"web https://shop.com/ 4 404", "file true", "meta_tag false the home page does not answer with status 200",
		}},
		{name: "ipv6_dead", set: func(l *verifytest.Lab) { page(l, "shop.com").V6().Fault(testnet.HostFaultRefused) }, want: []string{
			"web https://shop.com/ 6 0 connect_refused", "web https://shop.com/ 4 200",
			"remark The site does not answer at 2a0e:e00:1::80; visitors who are sent there do not reach it.", "file true",
		}},
		{name: "redirect", set: func(l *verifytest.Lab) {
			page(l, "www.shop.com")
			l.Net.Host("shop.com").Redirect("/", 301, "https://www.shop.com/")
		}, want: []string{"web https://shop.com/ 4 200  https://www.shop.com/"}},
		{name: "serials_differ", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com").Servers()[1].SetSerial(7) }, want: []string{
			"remark The name servers hold 2 different versions of the zone; a change may still be on its way.",
		}},
		{name: "records_differ", set: func(l *verifytest.Lab) {
			l.Net.Zone("shop.com").Servers()[1].AddOnly("@", "TXT", "only here")
		}, want: []string{"record TXT only here agreed false"}},
		{name: "public_suffix", host: "co.uk", set: func(l *verifytest.Lab) { l.Net.Zone("shop.co.uk") }, want: []string{
			`registrable "" delegated true unregistered false`, "dns_txt false the name is a public suffix, which nobody can own",
		}},
		{name: "name_of_a_provider", host: "shop.github.io", set: func(l *verifytest.Lab) {
			l.Net.Zone("github.io").Add("shop", "TXT", "here")
		}, want: []string{"remark The name has no zone of its own; whoever runs github.io holds its records.", "record TXT here agreed true"}},
		{name: "idn", host: "чай.example", set: func(l *verifytest.Lab) { page(l, "xn--80as4b.example") }, want: []string{
			`registrable "xn--80as4b.example" delegated true unregistered false`, "web https://xn--80as4b.example/ 4 200",
		}},
		{name: "hostile_records", set: func(l *verifytest.Lab) { l.Net.Zone("shop.com").Add("@", "TXT", "\x1b[31m\x00<b>") }, want: []string{
			`record TXT \x1b[31m\x00<b> agreed true`,
		}},
		{name: "our_network_down", set: func(l *verifytest.Lab) { page(l, "shop.com") }, kit: offline, want: []string{
			`registrable "shop.com" delegated false unregistered false`, "dns_txt false its name servers could not be learned",
		}},
	}
}

// offline is the kit of a machine without a network.
func offline(l *verifytest.Lab) *verify.Kit {
	dead := &probe.Dialer{Route: func(netip.AddrPort) (netip.AddrPort, bool) { return netip.AddrPort{}, false }}
	roots, err := dns.ParseRootHints(strings.NewReader(l.Net.RootHints()))
	if err != nil {
		l.T.Fatal(err)
	}
	resolver, err := dns.New(dns.Config{Dialer: dead, Roots: roots, QueryTimeout: 250 * time.Millisecond, Attempts: 1})
	if err != nil {
		l.T.Fatal(err)
	}
	return &verify.Kit{DNS: resolver, Web: web.New(web.Config{Dialer: dead, Resolver: resolver})}
}

func TestExplore(t *testing.T) {
	for _, c := range surveyCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := verifytest.NewLab(t)
			c.set(l)
			kit := l.Kit
			if c.kit != nil {
				kit = c.kit(l)
			}
			name := c.host
			if name == "" {
				name = "shop.com"
			}
			host, err := zonehold.ParseHostname(name)
			if err != nil {
				t.Fatal(err)
			}
			s := diagnose.Explore(context.Background(), kit, host)
			got := outline(s)
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("no line %q", w)
				}
			}
			for _, r := range c.refuse {
				if i := slices.IndexFunc(got, func(line string) bool { return strings.HasPrefix(line, r+" ") }); i >= 0 {
					t.Errorf("unwanted line %q", got[i])
				}
			}
			if c.name == "our_network_down" != s.OurFault {
				t.Errorf("our fault: %v", s.OurFault)
			}
			noNulls(t, s)
			if t.Failed() {
				t.Logf("the survey:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

// noNulls wants lists in the JSON also where there is nothing to list.
func noNulls(t *testing.T, s diagnose.Survey) {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for key, v := range doc {
		if v == nil && key != "dns_host" {
			t.Errorf("%s is null", key)
		}
	}
	for _, r := range s.Records {
		if len(r.Values) == 0 {
			t.Errorf("%s has no values", r.Type)
		}
	}
}

// A survey ends with its context, and says so.
func TestExploreEnds(t *testing.T) {
	l := verifytest.NewLab(t)
	for _, s := range l.Net.Zone("shop.com").Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	for _, timeout := range []time.Duration{0, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		done := make(chan diagnose.Survey, 1)
		go func() { done <- diagnose.Explore(ctx, l.Kit, "shop.com") }()
		select {
		case s := <-done:
			if s.OurFault || s.Unregistered {
				t.Errorf("after %s: %v", timeout, outline(s))
			}
			if len(s.Methods) != len(verify.Placed()) {
				t.Errorf("%d methods", len(s.Methods))
			}
			noNulls(t, s)
		case <-time.After(time.Minute):
			t.Fatalf("no end, with %s", timeout)
		}
		cancel()
	}
}
