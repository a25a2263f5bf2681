package attacktest

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// Without a guard the trap does count: the tests of this package can fail.
func TestTrapWorks(t *testing.T) {
	l := newLab(t)
	trap := l.Net.Trap().Catch(netip.MustParseAddr("10.9.9.9"))
	l.Net.Zone("example.com").Add("www", "A", "10.9.9.9")
	kit := l.kit(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("10.9.9.9/32")}}, dns.Config{}, web.Config{Timeout: 5 * time.Second})
	m, _ := verify.Lookup(zonehold.MethodFile)
	l.run(kit, m, fresh(t, "www.example.com", zonehold.ProfileZonehold))
	if trap.Contacts() == 0 {
		t.Fatal("the trap sees nothing")
	}
}

// T1, T4, T5: names that lead to where only insiders may go.
func TestT01AddressRecords(t *testing.T) {
	t.Run("every address", func(t *testing.T) {
		l := newLab(t)
		file, _ := verify.Lookup(zonehold.MethodFile)
		for i, a := range forbidden {
			host := fmt.Sprintf("h%d.example.com", i)
			rtype, value := record(a)
			l.Net.Zone("example.com").Add(host+".", rtype, value)
			r := l.run(l.Kit, file, fresh(t, host, zonehold.ProfileZonehold))
			deny(t, r, any_(refused), "http_no_public_address")
			if n := l.trap.Contacts(); n > 0 {
				t.Fatalf("%s was contacted", a)
			}
		}
	})
	everywhere(t, onWeb, func(c *check) {
		zone := c.Net.Zone("example.com")
		for i, a := range addrs("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "168.63.129.16") {
			c.claim.Hostname = zonehold.Hostname(fmt.Sprintf("h%d.example.com", i))
			rtype, value := record(a)
			zone.Add(string(c.claim.Hostname)+".", rtype, value)
			c.deny(c.try(), any_(refused), "http_no_public_address")
		}
		// By a chain of aliases into somebody else's internal names.
		zone.Add("one", "CNAME", "two.example.com.").Add("two", "CNAME", "db.internal.example.net.")
		c.Net.Zone("example.net").Add("db.internal", "A", "10.0.0.1", "192.168.0.1").Add("db.internal", "AAAA", "fd00:ec2::254")
		c.claim.Hostname = "one.example.com"
		c.deny(c.try(), any_(refused), "http_no_public_address")
		// By a DNAME.
		zone.Add("tree", "DNAME", "internal.example.net.")
		c.claim.Hostname = "db.tree.example.com"
		c.deny(c.try(), any_(refused), "http_no_public_address")
	})
}

// A name with a public and with forbidden addresses: only the public ones are
// asked, also by the diagnosis that compares all of them.
func TestT01MixedAddresses(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		c.place()
		zone := c.Net.Zone("example.com")
		zone.Add("www", "A", "127.0.0.1", "10.0.0.1", "169.254.169.254").Add("www", "AAAA", "::1", "::ffff:10.0.0.1", "fe80::1")
		if r := c.try(); r.Outcome != zonehold.OutcomeVerified {
			c.t.Errorf("%s %+v", r.Outcome, r.Problem)
		}
		c.claim = fresh(c.t, "www.example.com", c.claim.Profile)
		c.deny(c.try(), nil)
		c.Net.Host("www.example.com").Fault(testnet.HostFaultRefused)
		c.deny(c.try(), any_(inconclusive, refused))
	})
}

// T2: the name changes between one answer and the next.
func TestT02Rebinding(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		host := c.Net.Host("www.example.com").CatchAll(http.NotFoundHandler())
		var v4, v6 []string
		for _, a := range host.Addrs() {
			if a.Is4() {
				v4 = append(v4, a.String())
			} else {
				v6 = append(v6, a.String())
			}
		}
		zone := c.Net.Zone("example.com")
		for _, first := range [][]string{v4, {"127.0.0.1"}} {
			zone.Remove("www", "")
			zone.Sequence("www", "A", [][]string{first, {"127.0.0.1"}, v4, {"169.254.169.254"}, {"10.0.0.1"}})
			zone.Sequence("www", "AAAA", [][]string{v6, {"::1"}, {"::ffff:127.0.0.1"}, {"fd00:ec2::254"}})
			c.deny(c.try(), nil)
		}
		// Each hop asks once for each family, and contacts what it was told.
		zone.Remove("www", "").Sequence("www", "A", [][]string{v4, {"127.0.0.1"}})
		c.Net.ResetHistory()
		f := c.Kit.Web.Fetch(c.t.Context(), web.Request{URL: "http://www.example.com/"})
		if f.Err != nil || f.Status != 404 {
			c.t.Errorf("%+v", f)
		}
		if a, aaaa := len(c.Net.QueriesFor("www.example.com", "A")), len(c.Net.QueriesFor("www.example.com", "AAAA")); a != 1 || aaaa != 1 {
			c.t.Errorf("%d questions for A and %d for AAAA, want one each", a, aaaa)
		}
	})
}

// hops are targets of redirects that may not be followed. The site itself, and
// every host named here that could be reached, would show the proof.
var badTargets = []string{
	// Addresses, plain and in disguise.
	"http://127.0.0.1{path}", "https://127.0.0.1{path}", "//127.0.0.1{path}", "http://10.0.0.1:80{path}", "http://169.254.169.254/latest/meta-data/",
	"http://[::1]{path}", "http://[::ffff:127.0.0.1]{path}", "http://[::ffff:7f00:1]{path}", "http://[fe80::1%25lo]{path}", "http://[64:ff9b::a9fe:a9fe]{path}",
	"http://[2002:7f00:1::]{path}", "http://2130706433{path}", "http://0x7f000001{path}", "http://0x7f.1{path}", "http://017700000001{path}", "http://0177.0.0.1{path}",
	"http://127.1{path}", "http://127.0.0.1.{path}", "http://0{path}", "http://①②⑦.⓪.⓪.①{path}", "http://127。0。0。1{path}", "http://%31%32%37.0.0.1{path}",
	// Names that lead inside, or are none.
	"http://internal.example.com{path}", "https://internal.example.com{path}", "http://alias.example.com{path}", "http://localhost{path}", "http://localhost.{path}",
	"http://metadata.google.internal{path}", "http://a..example.com{path}", "http://.example.com{path}", "http://www.example.com..{path}", "http://-{path}",
	// Ports, also of our own machine.
	"http://www.example.com:22{path}", "http://www.example.com:8080{path}", "https://www.example.com:8443{path}", "http://www.example.com:0{path}",
	"http://www.example.com:65536{path}", "http://www.example.com:6379{path}", "http://www.example.com:+80{path}", "http://www.example.com:080080{path}",
	// Schemes.
	"ftp://www.example.com{path}", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "javascript:alert(1)", "data:text/html,x", "http:127.0.0.1{path}", "http:/127.0.0.1{path}",
	"http:///127.0.0.1{path}", "ws://www.example.com{path}", "view-source:http://www.example.com{path}",
	// User names, confusion about where the host ends.
	"http://user@www.example.com{path}", "http://user:pass@www.example.com{path}", "http://www.example.com@127.0.0.1{path}", "http://www.example.com:80@127.0.0.1{path}",
	"http://127.0.0.1#@www.example.com{path}", "http://127.0.0.1\\@www.example.com{path}", "\\\\127.0.0.1{path}", "/\\127.0.0.1{path}", "http://www.example.com\\.evil.net{path}",
	"http://www.example.com%2eevil.net{path}", "http://www.example.com%00.evil.net{path}", "http://www.example.com%2f@evil.net{path}", "http://evil.net%23.example.com{path}",
	// Somebody else's site, which holds the right proof (T31).
	"http://evil.net{path}", "https://evil.net{path}", "//evil.net{path}", "https://www.example.com.evil.net{path}", "https://evilexample.com{path}", "https://example.com.co{path}",
	"https://EVIL.net{path}", "https://evil.net.{path}", "https://xn--vil-bma.net{path}", "https://ｅvil.net{path}", "https://evil。net{path}",
}

// T3, T6, T31: what redirects may not do.
func TestT03Redirects(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		site := c.Net.Host("www.example.com").Listen(8080, false).Listen(22, false).Listen(8443, true).Listen(6379, false)
		c.Net.Zone("example.com").Add("internal", "A", "10.0.0.1").Add("internal", "AAAA", "::1").Add("alias", "CNAME", "localhost.internal.example.net.")
		c.Net.Zone("example.net").Add("localhost.internal", "A", "127.0.0.1")
		strangers := []string{"evil.net", "www.example.com.evil.net", "evilexample.com", "example.com.co", "xn--vil-bma.net"}
		for _, s := range strangers {
			c.Net.Host(s).CatchAll(c.proof())
		}
		statuses := []int{301, 302, 307, 308, 303, 300}
		for i, target := range badTargets {
			to := strings.ReplaceAll(target, "{path}", c.path())
			c.Net.ResetHistory()
			site.Redirect(c.path(), statuses[i%len(statuses)], to)
			r := c.try()
			deny(c.t, r, any_(refused, inconclusive, absent, mismatch))
			if statuses[i%len(statuses)] < 303 && statuses[i%len(statuses)] > 300 && r.Outcome != refused && r.Outcome != inconclusive {
				c.t.Errorf("%s: outcome %s (%s)", to, r.Outcome, r.Problem.Code)
			}
			for _, q := range c.Net.Requests() {
				if q.Server != "www.example.com" {
					c.t.Errorf("%s: %s was asked for %s", to, q.Server, q.Path)
				}
				if p := q.Addr.Port(); p != 80 && p != 443 {
					c.t.Errorf("%s: port %d was contacted", to, p)
				}
			}
			if n := c.trap.Contacts(); n > 0 {
				c.t.Fatalf("%s led to %d forbidden contacts", to, n)
			}
		}
	})
}

// A long way round, a circle, and a redirect that comes only now and then.
func TestT03RedirectLimits(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		site := c.Net.Host("www.example.com")
		n := 0
		site.CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusFound)
		}))
		c.deny(c.try(), any_(inconclusive), "http_redirect_loop")
		r := c.try()
		for _, f := range r.Evidence.Fetches {
			if len(f.Hops) > 6 {
				c.t.Errorf("%d hops", len(f.Hops))
			}
		}
		site.CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/"+strings.Repeat("a", 60000), http.StatusFound)
		}))
		c.deny(c.try(), any_(refused, inconclusive))
		// Redirect to a longer path within the limit again and again.
		site.CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}))
		c.deny(c.try(), any_(inconclusive), "http_redirect_loop")
	})
}

// T5: the operator's own list, and what it says about IPv6 disguises.
func TestT05OperatorDenies(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		c.place()
		var deny []netip.Prefix
		for _, a := range c.Net.Host("www.example.com").Addrs() {
			deny = append(deny, netip.PrefixFrom(a, a.BitLen()))
			c.trap.Catch(a)
		}
		kit := c.kit(probe.GuardConfig{Deny: deny}, dns.Config{}, web.Config{})
		c.deny(c.run(kit, c.m, c.claim), any_(refused), "http_no_public_address")
		// Allowing a network does not open what lies in the other family's
		// disguise of a denied one.
		kit = c.kit(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16")}}, dns.Config{}, web.Config{})
		c.Net.Zone("example.com").Remove("www", "").Add("www", "AAAA", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1")
		c.deny(c.run(kit, c.m, c.claim), any_(refused), "http_no_public_address")
	})
}

// T9: name servers that are not, and delegations made to waste our time.
func TestT09NameServers(t *testing.T) {
	ns := func(name string, addrs ...string) testnet.NS { return testnet.NS{Name: name, Addrs: addrs} }
	everywhere(t, nil, func(c *check) {
		if c.ch.Record != nil {
			c.place()
		}
		zone := c.Net.Zone("example.com")
		for _, glue := range [][]string{
			{"127.0.0.53"}, {"10.0.0.1"}, {"::1"}, {"::ffff:127.0.0.1"}, {"169.254.169.254", "64:ff9b::7f00:1"},
			{"127.0.0.1", "10.0.0.1", "192.168.0.1", "fd00:ec2::254", "fe80::1", "ff02::1"},
		} {
			zone.Delegate(ns("ns1.example.com.", glue...), ns("ns2.example.com.", "192.168.255.254"))
			c.deny(c.hasty(), any_(inconclusive, refused))
		}
		// Glueless: the addresses stand in a zone of the attacker.
		c.Net.Zone("evil.net").Add("ns1", "A", "127.0.0.53").Add("ns2", "AAAA", "::1").Add("ns3", "CNAME", "ns1.evil.net.")
		zone.Delegate(ns("ns1.evil.net."), ns("ns2.evil.net."), ns("ns3.evil.net."))
		c.deny(c.hasty(), any_(inconclusive, refused))
		if n := c.trap.Contacts(); n > 0 {
			c.t.Fatalf("%d forbidden contacts", n)
		}
	})
	t.Run("one of two forbidden", func(t *testing.T) {
		everywhere(t, onRecord, func(c *check) {
			c.place()
			good := c.Zone(c.claim).Servers()[0]
			c.Zone(c.claim).Delegate(ns("ns1.example.com.", good.Addr().Addr().String()), ns("ns2.example.com.", "127.0.0.53"))
			c.deny(c.hasty(), any_(inconclusive, refused))
		})
	})
	t.Run("loops", func(t *testing.T) {
		everywhere(t, nil, func(c *check) {
			// a waits for b, b for a.
			c.Net.Zone("example.com").Delegate(ns("ns1.b-loop.net."), ns("ns2.b-loop.net."))
			c.Net.Zone("b-loop.net").Delegate(ns("ns1.example.com."), ns("ns2.example.com."))
			c.Net.ResetHistory()
			c.deny(c.hasty(), any_(inconclusive))
			if n := len(c.Net.Queries()); n > 300 {
				c.t.Errorf("%d questions for a loop", n)
			}
		})
	})
	t.Run("amplification", func(t *testing.T) {
		// NXNS: hundreds of made-up name servers below the victim.
		everywhere(t, nil, func(c *check) {
			c.Net.Zone("victim.org")
			var many []testnet.NS
			for i := range 200 {
				many = append(many, ns(fmt.Sprintf("x%d.victim.org.", i)))
			}
			c.Net.Zone("example.com").Delegate(many...)
			c.Net.ResetHistory()
			c.deny(c.hasty(), any_(inconclusive, absent, refused))
			at := 0
			for _, q := range c.Net.Queries() {
				if strings.HasSuffix(q.Server, "victim.org") {
					at++
				}
			}
			c.t.Logf("%d questions to the victim", at)
			if at > 150 {
				c.t.Errorf("the victim got %d questions from one check", at)
			}
		})
	})
}

// T11: answers that never end, or that unpack to more than they are.
func TestT11Floods(t *testing.T) {
	faults := []testnet.HostFault{
		testnet.HostFaultGzipBomb, testnet.HostFaultHugeBody, testnet.HostFaultHugeHeaders, testnet.HostFaultSlowBody,
		testnet.HostFaultSlowHeaders, testnet.HostFaultSilent, testnet.HostFaultGarbage, testnet.HostFaultBadEncoding,
	}
	everywhere(t, onWeb, func(c *check) {
		var wg sync.WaitGroup
		for _, f := range faults {
			claim := fresh(c.t, strings.ReplaceAll(string(f), "_", "-")+".example.com", c.claim.Profile)
			c.Place(c.m, claim)
			c.Net.Host(string(claim.Hostname)).Fault(f)
			wg.Go(func() {
				start := time.Now()
				r := c.run(c.Hasty(), c.m, claim)
				c.deny(r, any_(inconclusive, mismatch, absent))
				if d := time.Since(start); d > 20*time.Second {
					c.t.Errorf("%s held the check for %v", f, d)
				}
				for _, fetch := range append(r.Evidence.Fetches, r.Evidence.Decoys...) {
					if len(fetch.Body) > 1<<20 {
						c.t.Errorf("%s: %d bytes kept", f, len(fetch.Body))
					}
					for _, h := range fetch.Hops {
						n := 0
						for k, vs := range h.Header {
							n += len(k) + len(strings.Join(vs, ""))
						}
						if n > 64<<10 {
							c.t.Errorf("%s: %d bytes of headers kept", f, n)
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// T14: what is forbidden looks the same whether somebody listens or not.
func TestT14NoPortScanner(t *testing.T) {
	everywhere(t, onWeb, func(c *check) {
		zone := c.Net.Zone("example.com")
		site := c.Net.Host("www.example.com")
		open, closed := "10.0.0.1", "10.7.7.1" // a trap listens at one of them
		tell := func(addr string) string {
			c.claim.Hostname = "inside.example.com"
			zone.Remove("inside", "").Add("inside", "A", addr)
			r := c.try()
			text := fmt.Sprintf("%s %+v %+v", r.Outcome, *r.Problem, r.Notes)
			c.claim.Hostname = "www.example.com"
			for _, to := range []string{"http://" + addr + c.path(), "http://inside.example.com" + c.path()} {
				site.Redirect(c.path(), 302, to)
				r = c.try()
				if strings.Contains(r.Problem.Found, "www.example.com are: "+addr) {
					c.t.Errorf("the address is said to be that of the host that redirects: %s", r.Problem.Found)
				}
				text += fmt.Sprintf("\n%s %+v %+v", r.Outcome, *r.Problem, r.Notes)
			}
			return strings.ReplaceAll(text, addr, "ADDR")
		}
		if a, b := tell(open), tell(closed); a != b {
			c.t.Errorf("an open port can be told from a closed one:\n%s\n%s", a, b)
		}
	})
}
