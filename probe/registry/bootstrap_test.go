package registry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/testnet"
)

func TestBuiltinBootstrap(t *testing.T) {
	list, err := parseBootstrap(builtin)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.services) < 15 || list.date.IsZero() {
		t.Errorf("%d services of %s", len(list.services), list.date)
	}
	for tld, urls := range list.services {
		for _, u := range urls {
			if u.Scheme != "https" || !strings.HasSuffix(u.Path, "/") {
				t.Errorf("%s: %s", tld, u)
			}
		}
	}
}

// While IANA's list cannot be had, WHOIS goes first; what RDAP says through
// the built-in copy is marked stale.
func TestStaleBootstrap(t *testing.T) {
	l := newLab(t)
	l.reg.BootstrapHost().Fault(testnet.HostFaultRefused)
	tld := l.reg.Register(owner)
	if r := l.must("example.com"); r.Source != SourceWHOIS || r.Stale {
		t.Errorf("source %s, stale %v", r.Source, r.Stale)
	}
	// WHOIS is away too: the built-in server of .com is asked.
	tld.WHOIS().Fault(testnet.WHOISFaultRefused)
	l.reg.RDAP("rdap.verisign.com")
	builtinCom := l.net.Host("rdap.verisign.com").Page("/com/v1/domain/example.com", 200, "application/rdap+json", string(owner.RDAP()))
	r := l.must("example.com")
	if r.Source != SourceRDAP || !r.Stale || r.BootstrapDate.IsZero() || len(r.Notes) != 2 || len(builtinCom.Requests()) == 0 {
		t.Errorf("source %s, stale %v, notes %q", r.Source, r.Stale, r.Notes)
	}
	// A top-level domain that the copy lacks may have a server all the same.
	l.reg.Register(at("example.dk", owner.Registrant)).WHOIS().Fault(testnet.WHOISFaultRefused)
	err := l.fails("example.dk", ErrUnavailable, "could not be fetched")
	if errors.Is(err, ErrNoService) {
		t.Errorf("%v says that there is no service", err)
	}
	// Failures are not repeated at once.
	if n := l.client.bootstrap.tried; n.IsZero() {
		t.Error("the attempt was not noted")
	}
}

// A list that was fetched is refreshed, kept when the next one does not come,
// and stale after 48 hours.
func TestBootstrapAges(t *testing.T) {
	l := newLab(t)
	now := time.Now()
	age := func(d time.Duration) { l.client.now = func() time.Time { return now.Add(d) } }
	tld := l.reg.Register(owner)
	age(0)
	l.must("example.com")
	for _, bad := range []string{"", "{}", `{"services":"x"}`, "[", `{"services":[[["com"]]`, strings.Repeat("[", 100), "<html>"} {
		l.reg.BootstrapHost().Page("/rdap/dns.json", 200, "application/json", bad)
		age(25*time.Hour + time.Duration(len(bad))*10*time.Minute)
		before := len(l.reg.BootstrapHost().Requests())
		if r := l.must("example.com"); r.Source != SourceRDAP || r.Stale {
			t.Errorf("after %q: source %s, stale %v", bad, r.Source, r.Stale)
		}
		if len(l.reg.BootstrapHost().Requests()) != before+1 {
			t.Errorf("after %q: not tried again", bad)
		}
		l.must("example.com")
		if len(l.reg.BootstrapHost().Requests()) != before+1 {
			t.Errorf("after %q: tried again at once", bad)
		}
	}
	age(49 * time.Hour)
	if r := l.must("example.com"); r.Source != SourceWHOIS {
		t.Errorf("source %s although the list is stale", r.Source)
	}
	tld.NoWHOIS()
	l.client.referrals = newReferrals()
	if r := l.must("example.com"); r.Source != SourceRDAP || !r.Stale {
		t.Errorf("source %s, stale %v", r.Source, r.Stale)
	}
	l.reg.BootstrapHost().Page("/rdap/dns.json", 200, "application/json", string(l.reg.Bootstrap()))
	age(50 * time.Hour)
	if r := l.must("example.com"); r.Source != SourceRDAP || r.Stale {
		t.Errorf("source %s, stale %v after a fresh list", r.Source, r.Stale)
	}
	// A server that moved is found at its new place.
	moved := l.reg.RDAP("rdap.new-home.net").Answer("example.com", 200, "application/rdap+json", string(owner.RDAP()))
	tld.Base(moved.Base())
	l.reg.BootstrapHost().Page("/rdap/dns.json", 200, "application/json", string(l.reg.Bootstrap()))
	age(75 * time.Hour)
	if r := l.must("example.com"); r.Server != "rdap.new-home.net" {
		t.Errorf("server %s", r.Server)
	}
}

func TestBootstrapFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dns.json")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newBootstrap(path); err == nil {
		t.Error("a missing file is accepted")
	}
	write("no JSON")
	if _, err := newBootstrap(path); err == nil {
		t.Error("a file that is no bootstrap is accepted")
	}
	l := newLab(t)
	l.reg.Register(owner)
	write(string(l.reg.Bootstrap()))
	l.client = l.newClient(Config{Bootstrap: path})
	l.client.now = func() time.Time { return time.Now().AddDate(3, 0, 0) }
	if r := l.must("example.com"); r.Source != SourceRDAP || r.Stale {
		t.Errorf("source %s, stale %v", r.Source, r.Stale)
	}
	// Broken or gone: the earlier one counts on. Changed: the new one does.
	write("{")
	l.must("example.com")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.must("example.com")
	write(`{"services":[]}`)
	if r := l.must("example.com"); r.Source != SourceWHOIS {
		t.Errorf("source %s", r.Source)
	}
	if n := len(l.reg.BootstrapHost().Requests()); n != 0 {
		t.Errorf("IANA was asked %d times", n)
	}
}

func TestBaseURL(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://rdap.example.net/": true, "https://rdap.example.net/x/y": true, "http://127.0.0.1:8080/rdap/": true, "http://[::1]:8080/": true, "https://127.0.0.1:8443/": true,
		"http://rdap.example.net/": false, "http://10.0.0.1/": false, "http://[::ffff:10.0.0.1]/": false, "http://127.0.0.1.example.net/": false,
		"https://u:p@rdap.example.net/": false, "https://rdap.example.net/?q": false, "https://com/": false, "rdap.example.net": false, "": false,
		"file:///etc/passwd": false, "https://rdap.example.net/#f": false, "https://0x7f000001/": false, "https://" + strings.Repeat("a", 600) + ".net/": false,
	} {
		if got := baseURL(raw) != nil; got != ok {
			t.Errorf("baseURL(%q): usable %v, want %v", raw, got, ok)
		}
	}
}

func TestLongestSuffix(t *testing.T) {
	list, err := parseBootstrap([]byte(`{"services":[[["uk"],["https://uk.example.net/"]],[["Co.UK.",""],["http://no.example.net/","https://co.example.net/","https://two.example.net/","https://three.example.net/"]],[["fr"],["http://only.example.net/"]],[["de"]],[]]}`))
	if err != nil {
		t.Fatal(err)
	}
	b := &bootstrap{list: list}
	for domain, want := range map[string]string{"a.co.uk": "https://co.example.net/ https://two.example.net/", "a.uk": "https://uk.example.net/", "a.fr": "", "a.de": "", "aco.uk": "https://uk.example.net/"} {
		s, err := b.find(domain, time.Now())
		var got []string
		for _, u := range s.urls {
			got = append(got, u.String())
		}
		if strings.Join(got, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", domain, got, err, want)
		}
	}
}

func TestNew(t *testing.T) {
	l := newLab(t)
	for _, bad := range []Config{
		{WHOISRoot: "http://whois.iana.org"}, {WHOISRoot: "whois.iana.org:0"}, {WHOISRoot: "whois.iana.org:99999"}, {WHOISRoot: "a b"}, {WHOISRoot: "com"},
		{Bootstrap: "ftp://data.iana.org/"}, {Bootstrap: "https://"}, {Bootstrap: "/no/such/file"},
	} {
		bad.Dialer, bad.DNS = l.client.cfg.Dialer, l.client.cfg.DNS
		if _, err := New(bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a client without a dialer is accepted")
	}
	c, err := New(Config{Dialer: l.client.cfg.Dialer, DNS: l.client.cfg.DNS})
	if err != nil || c.root.String() != DefaultWHOISRoot || c.bootstrap.url.String() != DefaultBootstrap {
		t.Errorf("%v, %v", c, err)
	}
}

// A server that is known from an old copy alone may belong to somebody else by
// now: its "no such domain" is not the registry's (threat T40).
func TestStaleServerDeniesNothing(t *testing.T) {
	l := newLab(t)
	l.reg.BootstrapHost().Fault(testnet.HostFaultRefused)
	l.reg.Register(owner).WHOIS().Fault(testnet.WHOISFaultRefused)
	l.net.Host("rdap.verisign.com").Page("/com/v1/domain/example.com", 404, "application/rdap+json", `{"errorCode":404}`)
	err := l.fails("example.com", ErrUnavailable, "rdap.verisign.com")
	if errors.Is(err, ErrNotRegistered) {
		t.Errorf("%v", err)
	}
}
