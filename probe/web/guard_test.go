package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/probe"
)

// forbiddenAddrs are one or more of every range that must not be contacted
// (threats T1, T4): private, shared, loopback, link-local with the metadata
// services, documentation, benchmarking, reserved, multicast, and IPv4 inside
// IPv6 in all its forms.
var forbiddenAddrs = strings.Fields(`
	0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254
	127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.254 169.254.0.1 169.254.169.254 169.254.170.2
	172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1
	192.168.255.255 198.18.0.1 198.19.255.254 198.51.100.7 203.0.113.9 224.0.0.1
	239.255.255.250 240.0.0.1 255.255.255.254 255.255.255.255
	:: ::1 ::2 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
	::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::a00:1 64:ff9b:1::1
	64:ff9b:1::a9fe:a9fe 100::1 2001::1 2001:2::1 2001:10::1 2001:db8::1 2001:0:4136:e378:8000:63bf:80ff:fffe
	2002:7f00:1::1 2002:a9fe:a9fe::1 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
	fe80::1 febf::1 fec0::1 ff00::1 ff02::1 ff0e::1`)

func TestForbiddenAddresses(t *testing.T) {
	if len(forbiddenAddrs) < 60 {
		t.Fatalf("only %d addresses", len(forbiddenAddrs))
	}
	for _, s := range forbiddenAddrs {
		t.Run(s, func(t *testing.T) {
			addr := netip.MustParseAddr(s)
			literal := s
			if addr.Is6() {
				literal = "[" + s + "]"
			}
			l := newLAN(t) // its trap stands behind every such address
			l.name("example.com", []netip.Addr{addr})
			l.name("start.example.com", []netip.Addr{v4})
			l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) {
				to := "http://example.com/"
				if r.URL.Path == "/literal" {
					to = "http://" + literal + "/"
				}
				http.Redirect(w, r, to, http.StatusFound)
			})
			any := Request{Redirect: allowAll}
			fetch := func(url string) *Fetch {
				r := any
				r.URL = url
				return l.client().Fetch(t.Context(), r)
			}
			f := fetch("http://example.com/")
			wantKind(t, f, KindForbiddenAddress)
			if f.Hops[0].Addr.IsValid() || len(f.Hops[0].Failed) != 1 || f.Err.Addr.IsValid() {
				t.Errorf("hop %+v", f.Hops[0])
			}
			wantKind(t, fetch("http://start.example.com/name"), KindForbiddenAddress)
			wantKind(t, fetch("http://start.example.com/literal"), KindRedirectOffSite)
			wantKind(t, fetch("http://"+literal+"/"), KindBadURL)
			f = l.client().Fetch(t.Context(), Request{URL: "http://start.example.com/", Addr: addr})
			wantKind(t, f, KindForbiddenAddress)
		})
	}
}

// The same against real sockets, without a map of the network in between.
func TestForbiddenLoopback(t *testing.T) {
	tr := newTrap(t)
	l := newLAN(t)
	l.name("example.com", []netip.Addr{
		netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("127.0.0.1").WithZone(""),
	})
	l.name("zone.example.com", []netip.Addr{netip.MustParseAddr("::1%lo")})
	c := l.client(func(cfg *Config) {
		cfg.Dialer = &probe.Dialer{}
		cfg.Ports = []uint16{tr.addr.Port()}
	})
	for _, host := range []string{"example.com", "zone.example.com"} {
		wantKind(t, c.Fetch(t.Context(), Request{URL: c.URLFor("http", host, 0, "/")}), KindForbiddenAddress)
	}
	if n := tr.hits(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestDenyList(t *testing.T) {
	l := newLAN(t)
	wire := netip.MustParseAddr("168.63.129.16")
	l.name("example.com", []netip.Addr{wire})
	l.raw(wire, 80, func(net.Conn) { t.Error("contacted") })
	c := l.client(func(cfg *Config) {
		cfg.Dialer.Guard = probe.NewGuard(probe.GuardConfig{Deny: []netip.Prefix{netip.PrefixFrom(wire, 32)}})
	})
	wantKind(t, c.Fetch(t.Context(), Request{URL: "http://example.com/"}), KindForbiddenAddress)
}

// A name with good and forbidden addresses is served by the good ones alone.
func TestMixedAddresses(t *testing.T) {
	l := newLAN(t)
	bad6, bad4 := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("10.0.0.1")
	l.name("example.com", []netip.Addr{bad6, bad4, v4})
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nok")
	f := l.fetch("http://example.com/")
	wantKind(t, f, "")
	hop := f.Hops[0]
	if hop.Addr != v4 || len(hop.Failed) != 2 || hop.Failed[0].Addr != bad6 || hop.Failed[1].Addr != bad4 {
		t.Fatalf("hop %+v", hop)
	}
	for _, a := range hop.Failed {
		if a.Err.Kind != KindForbiddenAddress {
			t.Errorf("%s: %v", a.Addr, a.Err)
		}
	}
}

// Threat T2: the name points elsewhere the moment it was checked.
func TestRebinding(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4}, []netip.Addr{local})
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nok")
	f := l.fetch("http://example.com/")
	wantKind(t, f, "")
	if n := l.lookups("example.com"); n != 1 {
		t.Errorf("%d lookups for one hop", n)
	}

	l.name("b.example.com", []netip.Addr{v4b}, []netip.Addr{local})
	l.answer(v4b, 80, "HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")
	f = l.fetch("http://b.example.com/")
	wantKind(t, f, KindForbiddenAddress)
	if n := l.lookups("b.example.com"); n != 2 || len(f.Hops) != 2 {
		t.Errorf("%d lookups for %d hops", n, len(f.Hops))
	}
}

// Threat T8. The variables are read once per process by net/http, so a fresh
// process shows what happens.
func TestProxyEnvironment(t *testing.T) {
	if os.Getenv("ZONEHOLD_TEST_CHILD") == "1" {
		l := newLAN(t)
		l.name("example.com", []netip.Addr{v4})
		l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nok")
		f := l.fetch("http://example.com/")
		wantKind(t, f, "")
		return
	}
	proxy := newTrap(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyEnvironment$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "ZONEHOLD_TEST_CHILD=1", "NO_PROXY=", "no_proxy=")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		for _, n := range []string{name, strings.ToLower(name)} {
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=http://%s", n, proxy.addr))
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestProxyEnvironment") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	if n := proxy.hits(); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
}

// Threat T14: an internal port that is open, one that is closed, and an
// address that does not exist look alike.
func TestForbiddenTextsAlike(t *testing.T) {
	open := newTrap(t)
	ln := listen(t)
	closed := netip.MustParseAddrPort(ln.Addr().String())
	ln.Close()
	l := newLAN(t)
	texts := make(map[string]bool)
	for _, target := range []netip.AddrPort{open.addr, closed, netip.MustParseAddrPort("10.1.2.3:80"), netip.MustParseAddrPort("[fe80::1]:80")} {
		l.name("example.com", []netip.Addr{target.Addr()})
		c := l.client(func(cfg *Config) {
			cfg.Dialer = &probe.Dialer{}
			cfg.Ports = []uint16{target.Port()}
		})
		for _, f := range []*Fetch{
			c.Fetch(t.Context(), Request{URL: c.URLFor("http", "example.com", 0, "/")}),
			c.Fetch(t.Context(), Request{URL: c.URLFor("https", "example.com", 0, "/")}),
			c.Fetch(t.Context(), Request{URL: c.URLFor("http", "example.com", 0, "/"), Addr: target.Addr()}),
		} {
			wantKind(t, f, KindForbiddenAddress)
			texts[fmt.Sprintf("%s|%v|%v|%v", f.Err.Kind, f.Err.Err, f.Err.Addr, f.Hops[0].Failed[0].Err.Err)] = true
		}
	}
	if len(texts) != 1 {
		t.Errorf("texts differ: %v", texts)
	}
	if open.hits() != 0 {
		t.Error("contacted")
	}
}

// Hosts of an answer that were never resolved are never contacted either:
// the target of a connection is an address of the last resolution.
func TestOnlyResolvedHosts(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.raw(v4b, 80, func(net.Conn) { t.Error("contacted") })
	l.raw(v4, 80, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://evil.example.com/\r\nRefresh: 0; url=http://45.10.0.2/\r\nAlt-Svc: h2=\"45.10.0.2:80\"\r\n\r\n")
	})
	wantKind(t, l.fetch("http://example.com/"), KindDNS)
}
