package web

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe"
)

var discard = log.New(io.Discard, "", 0)

func TestFetch(t *testing.T) {
	l := newLAN(t)
	l.name("www.example.com", []netip.Addr{v6, v4})
	var got *http.Request
	l.handle(v6, 80, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Set-Cookie", "a=b")
		io.WriteString(w, "hello")
	})
	trace := &probe.Trace{}
	ctx := probe.WithTrace(t.Context(), trace)
	f := l.client().Fetch(ctx, Request{URL: "http://WWW.example.com./a?b=c d#e"})
	if f.Err != nil || f.Status != 200 || string(f.Body) != "hello" || f.BodyRaw != 5 || f.TooLarge {
		t.Fatalf("got %+v, error %v", f, f.Err)
	}
	if f.URL() != "http://www.example.com/a?b=c%20d" {
		t.Errorf("URL %s", f.URL())
	}
	if h := f.Hops[0]; h.Addr != v6 || !slices.Equal(h.Addrs, []netip.Addr{v6, v4}) || h.Status != 200 || h.TLS != nil {
		t.Errorf("hop %+v", h)
	}
	if got.Host != "www.example.com" || got.RequestURI != "/a?b=c%20d" {
		t.Errorf("asked for %s at %s", got.RequestURI, got.Host)
	}
	want := http.Header{
		"User-Agent": {DefaultUserAgent}, "Accept": {"*/*"},
		"Accept-Encoding": {"identity"}, "Connection": {"close"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("request header (-want +got):\n%s", diff)
	}
	var steps []string
	for _, s := range trace.Steps() {
		steps = append(steps, strings.Join([]string{s.Name, s.Target, s.Result}, "|"))
		if !s.OK || s.StartedAt.IsZero() {
			t.Errorf("step %+v", s)
		}
	}
	wantSteps := []string{
		"resolve_host|www.example.com|2a0e:1::1, 45.10.0.1",
		"connect|[2a0e:1::1]:80|connected",
		"request|http://www.example.com/a?b=c%20d|200",
		"body|http://www.example.com/a?b=c%20d|5 bytes",
	}
	if diff := cmp.Diff(wantSteps, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestRequestOptions(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	var got *http.Request
	l.handle(v4, 80, func(_ http.ResponseWriter, r *http.Request) { got = r })
	c := l.client(func(cfg *Config) { cfg.UserAgent = "mine" })
	for agent, want := range map[string]string{"": "mine", "yours": "yours", "a\r\nX-Evil: 1": "a  X-Evil: 1"} {
		f := c.Fetch(t.Context(), Request{URL: "http://example.com/", UserAgent: agent, Compressed: true})
		wantKind(t, f, "")
		if got.UserAgent() != want || got.Header.Get("Accept-Encoding") != "gzip, deflate" || got.Header.Get("X-Evil") != "" {
			t.Errorf("agent %q: sent %v", agent, got.Header)
		}
	}
}

func TestFallback(t *testing.T) {
	for _, tc := range []struct {
		name   string
		addrs  []netip.Addr
		live   []netip.Addr
		used   netip.Addr
		failed []netip.Addr
		kind   ErrorKind
	}{
		{"IPv6 first", []netip.Addr{v4, v6}, []netip.Addr{v4, v6}, v6, nil, ""},
		{"IPv6 dead", []netip.Addr{v6, v4}, []netip.Addr{v4}, v4, []netip.Addr{v6}, ""},
		{"one fallback only", []netip.Addr{v6, v6b, v4, v4b}, []netip.Addr{v6b, v4b}, netip.Addr{}, []netip.Addr{v6}, KindConnectRefused},
		{"no fallback within a family", []netip.Addr{v4, v4b}, []netip.Addr{v4b}, netip.Addr{}, nil, KindConnectRefused},
		{"IPv4 in IPv6 clothes", []netip.Addr{netip.AddrFrom16(v4.As16())}, []netip.Addr{v4}, v4, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", tc.addrs)
			for _, a := range tc.live {
				l.answer(a, 80, "HTTP/1.1 200 OK\r\n\r\nhi")
			}
			f := l.fetch("http://example.com/")
			wantKind(t, f, tc.kind)
			hop := f.Hops[0]
			if hop.Addr != tc.used {
				t.Errorf("used %s, want %s", hop.Addr, tc.used)
			}
			var failed []netip.Addr
			for _, e := range hop.Failed {
				if e.Err.Kind != KindConnectRefused || e.Err.Addr != e.Addr {
					t.Errorf("failed %v: %v", e.Addr, e.Err)
				}
				failed = append(failed, e.Addr)
			}
			if !slices.Equal(failed, tc.failed) {
				t.Errorf("failed %v, want %v", failed, tc.failed)
			}
			if l.lookups("example.com") != 1 {
				t.Errorf("%d lookups", l.lookups("example.com"))
			}
		})
	}
}

// A connection that stands and then breaks is no reason for another address:
// the answer of the first is the answer.
func TestNoFallbackAfterConnect(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v6, v4})
	l.raw(v6, 80, func(net.Conn) {})
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\n")
	f := l.fetch("http://example.com/")
	wantKind(t, f, KindReset)
	if f.Err.Addr != v6 {
		t.Errorf("failed at %s", f.Err.Addr)
	}
}

func TestPinnedAddress(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nfour")
	l.answer(v6, 80, "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n")
	f := l.client().Fetch(t.Context(), Request{URL: "http://example.com/", Addr: v6})
	wantKind(t, f, "")
	if f.Hops[0].Addr != v6 || f.Hops[1].Addr != v4 || string(f.Body) != "four" || l.lookups("example.com") != 1 {
		t.Errorf("hops %+v, %d lookups", f.Hops, l.lookups("example.com"))
	}
	f = l.client().Fetch(t.Context(), Request{URL: "http://example.com/", Addr: netip.MustParseAddr("127.0.0.1")})
	wantKind(t, f, KindForbiddenAddress)
}

func TestFetchEach(t *testing.T) {
	l := newLAN(t)
	dead := netip.MustParseAddr("45.10.0.9")
	private := netip.MustParseAddr("10.0.0.1")
	l.name("example.com", []netip.Addr{v4, v4b, v6, dead, private, v4})
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nfour")
	l.answer(v4b, 80, "HTTP/1.1 404 Not Found\r\n\r\n")
	l.answer(v6, 80, "HTTP/1.1 200 OK\r\n\r\nsix")
	fs := l.client().FetchEach(t.Context(), Request{URL: "http://example.com/"})
	type row struct {
		Addr   string
		Status int
		Body   string
		Kind   ErrorKind
	}
	var got []row
	for _, f := range fs {
		r := row{Addr: f.Hops[0].Addrs[0].String(), Status: f.Status, Body: string(f.Body)}
		if f.Err != nil {
			r.Kind = f.Err.Kind
		}
		got = append(got, r)
	}
	want := []row{
		{v6.String(), 200, "six", ""}, {v4.String(), 200, "four", ""}, {v4b.String(), 404, "", ""},
		{dead.String(), 0, "", KindConnectRefused}, {private.String(), 0, "", KindForbiddenAddress},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fetches (-want +got):\n%s", diff)
	}
	if l.lookups("example.com") != 1 {
		t.Errorf("%d lookups", l.lookups("example.com"))
	}
}

func TestFetchEachLimits(t *testing.T) {
	l := newLAN(t)
	var many []netip.Addr
	for i := range 100 {
		many = append(many, netip.AddrFrom4([4]byte{45, 11, 0, byte(i)}))
	}
	l.name("many.example.com", many)
	l.name("none.example.com")
	for url, want := range map[string]int{
		"http://many.example.com/": 8, "http://none.example.com/": 1,
		"http://unknown.example.com/": 1, "ftp://many.example.com/": 1,
	} {
		fs := l.client().FetchEach(t.Context(), Request{URL: url})
		if len(fs) != want {
			t.Errorf("%s: %d fetches, want %d", url, len(fs), want)
		}
		for _, f := range fs {
			if f.Err == nil || len(f.Hops) != 1 {
				t.Errorf("%s: %+v", url, f)
			}
		}
	}
}

func TestURLFor(t *testing.T) {
	for _, tc := range []struct {
		ports  []uint16
		scheme string
		port   uint16
		path   string
		want   string
	}{
		{nil, "http", 0, "/x", "http://example.com/x"},
		{nil, "https", 0, "x", "https://example.com/x"},
		{nil, "https", 443, "/", "https://example.com/"},
		{nil, "http", 443, "/", "http://example.com:443/"},
		{nil, "https", 8443, "/", "https://example.com:8443/"},
		{[]uint16{8080, 8443}, "http", 0, "/", "http://example.com:8080/"},
		{[]uint16{8080, 8443}, "https", 0, "/", "https://example.com:8443/"},
		{[]uint16{8080, 8443}, "https", 9000, "/", "https://example.com:9000/"},
		{[]uint16{80, 8443}, "https", 0, "/", "https://example.com:8443/"},
		{[]uint16{8443, 80}, "https", 0, "/", "https://example.com:8443/"},
		{[]uint16{443, 8080}, "http", 0, "/", "http://example.com:8080/"},
		{[]uint16{8080}, "http", 0, "/", "http://example.com:8080/"},
		{[]uint16{8080}, "https", 0, "/", "https://example.com:8080/"},
	} {
		c := New(Config{Ports: tc.ports})
		if got := c.URLFor(tc.scheme, "example.com", tc.port, tc.path); got != tc.want {
			t.Errorf("ports %v, %s port %d: %s, want %s", tc.ports, tc.scheme, tc.port, got, tc.want)
		}
	}
}

// A server that sends people to the default port means the stand-in.
func TestStandInPorts(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.answer(v4, 8080, "HTTP/1.1 301 Moved\r\nLocation: https://example.com/b\r\n\r\n")
	l.handleTLS(v4, 8443, testCA().good("example.com"), func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Host+r.RequestURI)
	})
	c := l.client(func(cfg *Config) { cfg.Ports = []uint16{8080, 8443} })
	f := c.Fetch(t.Context(), Request{URL: c.URLFor("http", "example.com", 0, "/a")})
	wantKind(t, f, "")
	if string(f.Body) != "example.com:8443/b" {
		t.Errorf("got %q from %s", f.Body, hopURLs(f))
	}
}

func TestBadURL(t *testing.T) {
	l := newLAN(t)
	for _, url := range []string{
		"", "/x", "example.com/", "ftp://example.com/", "https:example.com", "https:///x", "http://[::1]/",
		"http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://a.0x7f/",
		"http://localhost/", "http://exa mple.com/", "http://example.com:22/", "http://example.com:0/",
		"http://example.com:99999/", "http://example.com:x/", `http://example.com\@evil.com/`,
		"http://user:secret@example.com/", "http://user:sec/ret@example.com/", "http://①②⑦.⓪.⓪.①/",
		"http://example.com/" + strings.Repeat("a", 2000), "http://example..com/", "http://-a.example.com/",
		"http://example.com/\x00", "http://example.com/\r\nX: y", "http://%31.example.com/",
	} {
		f := l.fetch(url)
		wantKind(t, f, KindBadURL)
		if strings.Contains(f.Err.Error()+f.URL(), "sec") {
			t.Errorf("%s: the error shows the password: %s", url, f.Err)
		}
	}
}

func TestCancel(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	ctx, cancel := context.WithCancel(t.Context())
	l.raw(v4, 80, func(c net.Conn) {
		readRequest(c)
		cancel()
		io.Copy(io.Discard, c)
	})
	f := l.client().Fetch(ctx, Request{URL: "http://example.com/"})
	wantKind(t, f, KindTimeout)
	if !errors.Is(f.Err, context.Canceled) {
		t.Errorf("error %v", f.Err)
	}
}
