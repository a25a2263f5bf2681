package registry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
)

func TestLookup(t *testing.T) {
	want := &Registration{
		Domain: "example.com", Registrar: "Example Registrar",
		Statuses: []string{"active"}, NameServers: []string{"ns1.example.com", "ns2.example.com"},
		Created: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), Updated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Expires: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		Contacts: []Contact{
			{Roles: []string{RoleRegistrant}, Name: "Ada Example", Organization: "Example Ltd", Email: "ada@example.com"},
			{Roles: []string{RoleAdministrative}, Name: "Ada Example", Email: "Admin@example.com"},
		},
	}
	basis := cmpopts.IgnoreFields(Registration{}, "Source", "Server", "URL", "AskedAt", "Raw", "RawSize", "SHA256", "BootstrapDate", "RegistrarServer", "Notes")

	t.Run("rdap", func(t *testing.T) {
		l := newLab(t)
		l.reg.Register(owner)
		trace := new(probe.Trace)
		r, err := l.client.Lookup(probe.WithTrace(t.Context(), trace), "Example.COM.")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r, basis); diff != "" {
			t.Error(diff)
		}
		if r.Source != SourceRDAP || r.Server != "rdap.registry-com.net" || r.URL != "https://rdap.registry-com.net/domain/example.com" || r.Stale {
			t.Errorf("source %s, server %s, URL %s, stale %v", r.Source, r.Server, r.URL, r.Stale)
		}
		if got := l.reg.Queries(); len(got) != 0 {
			t.Errorf("WHOIS was asked although RDAP answered: %v", got)
		}
		steps := ""
		for _, s := range trace.Steps() {
			steps += s.Name + " "
		}
		if !strings.Contains(steps, "fetch_bootstrap") || !strings.Contains(steps, "ask_rdap") {
			t.Errorf("steps %q", steps)
		}
		// The bootstrap is asked once.
		l.must("example.com")
		if n := len(l.reg.BootstrapHost().Requests()); n != 1 {
			t.Errorf("the bootstrap was fetched %d times", n)
		}
	})

	for _, style := range []testnet.WHOISStyle{testnet.StyleFlat, testnet.StyleObjects, testnet.StyleInPlace, testnet.StyleSections} {
		t.Run("whois "+string(style), func(t *testing.T) {
			l := newLab(t)
			l.reg.Register(owner).NoRDAP().Style(style)
			trace := new(probe.Trace)
			r, err := l.client.Lookup(probe.WithTrace(t.Context(), trace), "example.com")
			if err != nil {
				t.Fatal(err)
			}
			if r.Source != SourceWHOIS || r.Server != "whois.registry-com.net" || r.Registrar == "" || r.Created.Year() != 2020 || r.Expires.Year() != 2027 {
				t.Errorf("%+v", r)
			}
			mails := []string{"Admin@example.com", "ada@example.com"}
			if style == testnet.StyleInPlace {
				mails = mails[1:]
			}
			if diff := cmp.Diff(mails, genuine(r)); diff != "" {
				t.Error(diff)
			}
			if style == testnet.StyleFlat {
				if diff := cmp.Diff(want, r, basis); diff != "" {
					t.Error(diff)
				}
			}
			var asked []string
			for _, q := range l.reg.Queries() {
				asked = append(asked, q.Server+" "+q.Query)
			}
			if diff := cmp.Diff([]string{"whois.iana.org com", "whois.registry-com.net example.com"}, asked); diff != "" {
				t.Error(diff)
			}
			names := map[string]int{}
			for _, s := range trace.Steps() {
				names[s.Name]++
			}
			if names["ask_whois"] != 2 {
				t.Errorf("steps %v", names)
			}
			// The referral is remembered.
			l.must("example.com")
			if n := len(l.reg.Root().Queries()); n != 1 {
				t.Errorf("the root was asked %d times", n)
			}
		})
	}
}

func TestRegistrable(t *testing.T) {
	for name, ok := range map[string]bool{
		"example.com": true, "example.co.uk": true, "EXAMPLE.com.": true, "xn--e1afmkfd.xn--p1ai": true, "name.newtldoftomorrow": true,
		"www.example.com": false, "a.b.example.co.uk": false, "co.uk": false, "com": false, "foo.github.io": false, "github.io": false,
		"example.uk.com": false, "": false, "127.0.0.1": false, "exa mple.com": false,
	} {
		_, err := Registrable(name)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrNotRegistrable) {
			t.Errorf("Registrable(%q) = %v", name, err)
		}
	}
}

func TestNotRegistered(t *testing.T) {
	l := newLab(t)
	l.reg.TLD("com")
	l.reg.TLD("net").NoRDAP()
	l.fails("nobody-has-this.com", ErrNotRegistered, "rdap.registry-com.net")
	if n := len(l.reg.Queries()); n != 0 {
		t.Errorf("%d WHOIS questions after RDAP said no", n)
	}
	l.fails("nobody-has-this.net", ErrNotRegistered, "whois.registry-net.net")
	// Neither protocol knows the top-level domain.
	l.fails("example.org", ErrNoService)
}

func TestNotRegistrableAsksNobody(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner)
	for _, name := range []string{"www.example.com", "foo.github.io", "co.uk", "exa mple.com"} {
		l.fails(name, ErrNotRegistrable)
	}
	if n := len(l.reg.Queries()) + len(l.net.Requests()); n != 0 {
		t.Errorf("%d questions were asked", n)
	}
}

// What the guard, a lie or a fault of RDAP costs is one protocol, not the
// answer.
func TestFallback(t *testing.T) {
	for _, f := range []testnet.RDAPFault{
		testnet.RDAPFaultHuge, testnet.RDAPFaultDeep, testnet.RDAPFaultMany, testnet.RDAPFaultBroken, testnet.RDAPFaultWrongType,
		testnet.RDAPFaultRateLimit, testnet.RDAPFaultServerError, testnet.RDAPFaultHTML404, testnet.RDAPFaultOtherDomain,
		testnet.RDAPFaultOtherClass, testnet.RDAPFaultLocalhost, testnet.RDAPFaultElsewhere, testnet.RDAPFaultCircle,
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			trap := l.trap()
			l.net.Host("rdap.elsewhere.org").Page("/domain/example.com", 200, "application/rdap+json", string(owner.RDAP()))
			tld := l.reg.Register(owner)
			tld.RDAP().Fault(f)
			r := l.must("example.com")
			if r.Source != SourceWHOIS || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "RDAP") {
				t.Errorf("source %s, notes %q", r.Source, r.Notes)
			}
			// Without WHOIS, the fault is the reason.
			tld.NoWHOIS()
			l.client.referrals = newReferrals()
			err := l.fails("example.com", map[bool]error{true: ErrForbidden, false: ErrUnavailable}[f == testnet.RDAPFaultLocalhost || f == testnet.RDAPFaultElsewhere])
			if strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%q names an address inside", err)
			}
			if n := trap.Contacts(); n != 0 {
				t.Errorf("%d contacts inside", n)
			}
			if n := len(l.net.Host("rdap.elsewhere.org").Requests()); n != 0 {
				t.Errorf("%d requests to a site that IANA does not name", n)
			}
		})
	}
}

// An answer that comes too late, or a server that never ends, costs the time
// that was set and no more.
func TestStall(t *testing.T) {
	l := newLabWith(t, Config{Timeout: 300 * time.Millisecond})
	tld := l.reg.Register(owner)
	l.net.Host("data.iana.org") // the bootstrap itself answers
	tld.RDAP().Host().Fault(testnet.HostFaultSilent)
	for _, f := range []testnet.WHOISFault{testnet.WHOISFaultStall, testnet.WHOISFaultHalf, testnet.WHOISFaultTrickle} {
		tld.WHOIS().Fault(f)
		l.fails("example.com", ErrUnavailable, "WHOIS server whois.registry-com.net: ")
	}
	tld.NoWHOIS()
}

func TestCancelled(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).WHOIS().Fault(testnet.WHOISFaultStall)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := l.client.Lookup(ctx, "example.com"); err == nil || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, %v after a cancelled lookup", r, err)
	}
}

// The whole of it without a Route, as a program in another process sees it:
// loopback addresses that the guard allows, other ports.
func TestOnLoopback(t *testing.T) {
	n, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(n.Close)
	l := &lab{T: t, net: n, reg: n.NewRegistries()}
	tld := l.reg.Register(owner)
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, Port: n.Ports().DNS, QueryTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	api := web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: resolver, Roots: n.CertPool(), MaxRedirects: 3})
	t.Cleanup(api.CloseIdleConnections)
	l.client, err = New(Config{Dialer: dialer, DNS: resolver, HTTP: api, WHOISRoot: l.reg.WHOISRoot(), Bootstrap: l.reg.BootstrapURL(), Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r := l.must("example.com"); r.Source != SourceRDAP || r.Stale {
		t.Errorf("source %s, stale %v, %q", r.Source, r.Stale, r.Notes)
	}
	tld.RDAP().Fault(testnet.RDAPFaultServerError)
	if r := l.must("example.com"); r.Source != SourceWHOIS {
		t.Errorf("source %s", r.Source)
	}
	// Although the guard allows loopback, nobody is led to another port of it.
	trap := n.Trap()
	for i, lie := range []string{trap.Addr().String(), "http://" + trap.Addr().String() + "/", "https://" + trap.Addr().String() + "/"} {
		tld.Refer(lie)
		l.client.referrals = newReferrals()
		tld.RDAP().Host().Redirect("/domain/example.com", 302, lie)
		if r, err := l.lookup("example.com"); err == nil {
			t.Errorf("%d: %+v", i, r)
		}
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away/domain/example.com" {
			http.Redirect(w, r, "http://"+trap.Addr().String()+"/", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/rdap+json")
		_, _ = w.Write(owner.RDAP())
	}))
	defer plain.Close()
	for path, ok := range map[string]bool{"/rdap": true, "/away": false} {
		tld.NoWHOIS().Base(plain.URL + path)
		l.client = l.client.again(t)
		r, err := l.lookup("example.com")
		if (err == nil) != ok || ok && r.Source != SourceRDAP {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
	if got := trap.Contacts(); got != 0 {
		t.Errorf("%d contacts with the trap", got)
	}
}

// again is the client with empty memories.
func (c *Client) again(t *testing.T) *Client {
	t.Helper()
	next, err := New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// A root that knows whole names only is asked for them.
func TestRootOfWholeNames(t *testing.T) {
	l := newLab(t)
	l.reg.Register(owner).NoRDAP()
	l.reg.Root().Answer("com", "% This query returned 0 objects.\n").Answer("example.com", "refer: whois.registry-com.net\ndomain: EXAMPLE.COM\n")
	if r := l.must("example.com"); r.Source != SourceWHOIS {
		t.Errorf("source %s", r.Source)
	}
}
