package web

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
)

// Whatever a Location says, the next URL is one that the policy allows.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{
		"/b", "//www.example.com/", "http://127.0.0.1/", "https://EXAMPLE.com.:443/x?y z#f", `\\evil.com`, "http://a@example.com/",
		"http://example.com:9000/", "http://example.com.well-known/x", "?q=\u202e", "http://[::1%25lo]/", "http://①.example.com/", "/%2e%2e/\x7f",
	} {
		f.Add(s)
	}
	c := New(Config{Dialer: &probe.Dialer{}})
	req := &Request{URL: "http://example.com/a", ExtraPort: 9000}
	first, e := c.firstURL(req)
	if e != nil {
		f.Fatal(e)
	}
	f.Fuzz(func(t *testing.T, location string) {
		next, err := c.redirect(req, first, first, http.Header{"Location": {location}})
		if err != nil {
			if next != nil || err.Kind == "" || err.URL != first.String() {
				t.Fatalf("%q: %v, %+v", location, next, err)
			}
			return
		}
		s := next.String()
		again, perr := url.Parse(s)
		if perr != nil || again.String() != s || len(s) > maxURL {
			t.Fatalf("%q: %q is not stable: %v", location, s, perr)
		}
		host := again.Hostname()
		if h, herr := zonehold.ParseHostname(host); herr != nil || string(h) != host {
			t.Fatalf("%q: host %q: %v", location, host, herr)
		}
		switch {
		case again.Scheme != "http" && again.Scheme != "https",
			again.User != nil, again.Opaque != "", again.Fragment != "",
			host != "example.com" && !strings.HasSuffix(host, ".example.com"),
			!slices.Contains([]uint16{80, 443, 9000}, portNumber(again)),
			!strings.HasPrefix(again.RequestURI(), "/"),
			strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
			t.Fatalf("%q: %q must not be followed", location, s)
		}
	})
}

// Whatever a server sends, a fetch ends with bounded results.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + string(gz([]byte("hello"))),
		"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c\x03\x00", "HTTP/1.1 103 Hi\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x28", "\x00\x00\x00\x04", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	kinds := []ErrorKind{
		KindReset, KindProtocol, KindHeaderTooLarge, KindEncoding, KindHTTPSOnHTTP, KindRedirectLoop, KindTooManyRedirects,
		KindRedirectBad, KindRedirectMissingSlash, KindRedirectOffSite, KindRedirectPort, KindRedirectScheme, KindDNS, KindConnectRefused, KindTLS, KindHTTPOnHTTPS,
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		l := newLAN(t)
		l.name("example.com", []netip.Addr{v4})
		l.raw(v4, 80, func(c net.Conn) {
			readRequest(c)
			c.Write(answer)
		})
		c := l.client(func(cfg *Config) { cfg.MaxBody, cfg.MaxHeader = 100, 1000 })
		start := time.Now()
		got := c.Fetch(t.Context(), Request{URL: "http://example.com/"})
		if got.Err != nil && !slices.Contains(kinds, got.Err.Kind) {
			t.Fatalf("%q: %v", answer, got.Err)
		}
		if got.Err == nil && (got.Status < 200 || got.Status > 999) {
			t.Fatalf("%q: status %d", answer, got.Status)
		}
		if len(got.Body) > 100 || got.BodyRaw > 100+rawSlack || len(got.Hops) > 6 {
			t.Fatalf("%q: body %d of %d, %d hops", answer, len(got.Body), got.BodyRaw, len(got.Hops))
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%q: took %s", answer, time.Since(start))
		}
	})
}

func BenchmarkFetch(b *testing.B) {
	for _, scheme := range []string{"http", "https"} {
		b.Run(scheme, func(b *testing.B) {
			l := newLAN(b)
			l.name("example.com", []netip.Addr{v4})
			h := func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "token=abcdefghijklmnopqrstuvwxyz234567")
			}
			l.handle(v4, 80, h)
			l.handleTLS(v4, 443, testCA().good("example.com"), h)
			c := l.client()
			b.ReportAllocs()
			for b.Loop() {
				if f := c.Fetch(b.Context(), Request{URL: scheme + "://example.com/x.txt"}); f.Err != nil || len(f.Body) != 38 {
					b.Fatalf("%+v", f)
				}
			}
		})
	}
}
