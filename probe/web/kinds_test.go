package web

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
)

// declaredKinds reads the constants from the source, so that a new one
// without a test is noticed.
func declaredKinds(t *testing.T) []ErrorKind {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []ErrorKind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "ErrorKind" {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, ErrorKind(s))
		}
		return true
	})
	return kinds
}

func TestEveryKind(t *testing.T) {
	redirect := func(to string) func(*lan) {
		return func(l *lan) { l.answer(v4, 80, "HTTP/1.1 302 Found\r\nLocation: "+to+"\r\n\r\n") }
	}
	answer := func(text string) func(*lan) {
		return func(l *lan) { l.answer(v4, 80, text) }
	}
	secure := func(end time.Duration, host string) func(*lan) {
		return func(l *lan) {
			l.handleTLS(v4, 443, testCA().issue(time.Now().Add(end), host), func(http.ResponseWriter, *http.Request) {})
		}
	}
	cases := map[ErrorKind]struct {
		url string
		set func(*lan)
	}{
		KindBadURL:           {"http://example.com:22/", func(*lan) {}},
		KindDNS:              {"http://example.net/", func(*lan) {}},
		KindNoAddress:        {"", func(l *lan) { l.name("example.com") }},
		KindForbiddenAddress: {"", func(l *lan) { l.name("example.com", []netip.Addr{netip.MustParseAddr("10.0.0.1")}) }},
		KindConnectTimeout:   {"", func(l *lan) { l.fullQueue(v4, 80) }},
		KindConnectRefused:   {"", func(*lan) {}},
		KindReset:            {"", func(l *lan) { l.raw(v4, 80, reset) }},
		KindTimeout:          {"", func(l *lan) { l.raw(v4, 80, func(c net.Conn) { io.Copy(io.Discard, c) }) }},
		KindTLSName:          {"https://example.com/", secure(time.Hour, "example.org")},
		KindTLSExpired:       {"https://example.com/", secure(-time.Hour, "example.com")},
		KindTLSUntrusted:     {"https://example.com/", func(l *lan) { l.handleTLS(v4, 443, selfSigned(t, "example.com"), nil) }},
		KindTLS:              {"https://example.com/", func(l *lan) { l.raw(v4, 443, func(c net.Conn) { io.WriteString(c, "220 smtp ready\r\n") }) }},
		KindHTTPOnHTTPS:      {"https://example.com/", func(l *lan) { l.raw(v4, 443, func(c net.Conn) { io.WriteString(c, "HTTP/1.0 400 Bad\r\n\r\n") }) }},
		KindHTTPSOnHTTP:      {"", answer("\x15\x03\x01\x00\x02\x02\x16")},
		KindProtocol:         {"", answer("220 smtp ready\r\n")},
		KindHeaderTooLarge:   {"", answer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 65536) + "\r\n\r\n")},
		KindRedirectOffSite:  {"", redirect("http://example.org/")},
		KindRedirectLoop:     {"", redirect("/")},
		KindTooManyRedirects: {"", func(l *lan) {
			l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"a", http.StatusFound) })
		}},
		KindRedirectScheme:       {"", redirect("ftp://example.com/")},
		KindRedirectPort:         {"", redirect("http://example.com:25/")},
		KindRedirectBad:          {"", redirect("http://a@example.com/")},
		KindRedirectMissingSlash: {"", redirect("http://example.com.well-known/x")},
		KindEncoding:             {"", answer("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx")},
	}
	for _, kind := range declaredKinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			if kind == KindNoRoute {
				// The kernel of this machine decides on routes; see TestDialKinds.
				return
			}
			tc, ok := cases[kind]
			if !ok {
				t.Fatal("no case")
			}
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			tc.set(l)
			if tc.url == "" {
				tc.url = "http://example.com/"
			}
			c := l.client(func(cfg *Config) {
				if kind == KindTimeout || kind == KindConnectTimeout {
					cfg.Timeout = 2 * time.Second
				}
			})
			trace := &probe.Trace{}
			f := c.Fetch(probe.WithTrace(t.Context(), trace), Request{URL: tc.url})
			wantKind(t, f, kind)
			if f.Err.URL == "" || f.Duration <= 0 || !strings.Contains(f.Err.Error(), string(kind)) {
				t.Errorf("fetch %+v, error %+v", f, f.Err)
			}
			steps := trace.Steps()
			if kind == KindBadURL || kind == KindHTTPSOnHTTP {
				return
			}
			if len(steps) == 0 || steps[len(steps)-1].OK {
				t.Errorf("steps %+v", steps)
			}
		})
	}
}

func reset(c net.Conn) {
	readRequest(c)
	c.(*net.TCPConn).SetLinger(0)
}

// fullQueue listens at addr with a queue that is full, so that a connect gets
// no answer at all.
func (l *lan) fullQueue(addr netip.Addr, port uint16) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		l.t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		l.t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		l.t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))
	for range 16 {
		c, err := net.DialTimeout("tcp", to.String(), 200*time.Millisecond)
		if err != nil {
			l.mu.Lock()
			l.routes[netip.AddrPortFrom(addr, port)] = to
			l.mu.Unlock()
			return
		}
		l.t.Cleanup(func() { c.Close() })
	}
	l.t.Skip("the queue of a listener does not fill here")
}

// A black hole at IPv6 leaves time for IPv4.
func TestSilentIPv6(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v6, v4})
	l.fullQueue(v6, 80)
	l.answer(v4, 80, "HTTP/1.1 200 OK\r\n\r\nok")
	c := l.client(func(cfg *Config) { cfg.Dialer.Timeout = 200 * time.Millisecond })
	f := c.Fetch(t.Context(), Request{URL: "http://example.com/"})
	wantKind(t, f, "")
	if failed := f.Hops[0].Failed; len(failed) != 1 || failed[0].Err.Kind != KindConnectTimeout {
		t.Errorf("failed %+v", failed)
	}
	c = l.client(func(cfg *Config) { cfg.Timeout = 4 * time.Second })
	f = c.Fetch(t.Context(), Request{URL: "http://example.com/"})
	wantKind(t, f, "")
}

func TestDialKinds(t *testing.T) {
	sys := func(errno syscall.Errno) error {
		return fmt.Errorf("dialing: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)})
	}
	for _, tc := range []struct {
		err  error
		want ErrorKind
	}{
		{fmt.Errorf("dialing: %w: %w", probe.ErrNoRoute, sys(syscall.ENETUNREACH)), KindNoRoute},
		{fmt.Errorf("dialing: %w", probe.ErrForbidden), KindForbiddenAddress},
		{sys(syscall.ETIMEDOUT), KindConnectTimeout},
		{context.DeadlineExceeded, KindConnectTimeout},
		{sys(syscall.ECONNREFUSED), KindConnectRefused},
		{sys(syscall.EHOSTUNREACH), KindConnectRefused},
		{sys(syscall.EMFILE), KindNoRoute},
	} {
		if got := dialKind(tc.err); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.err, got, tc.want)
		}
	}
}

// How a connection can end before the answer is whole.
func TestResets(t *testing.T) {
	for name, tc := range map[string]struct {
		sent   string
		reset  bool
		status int
		kind   ErrorKind
	}{
		"nothing":           {"", false, 0, KindReset},
		"nothing, reset":    {"", true, 0, KindReset},
		"half status line":  {"HTTP/1.1 20", false, 0, KindReset},
		"half header":       {"HTTP/1.1 200 OK\r\nServer: ngi", false, 0, KindReset},
		"no end of header":  {"HTTP/1.1 200 OK\r\nServer: nginx\r\n", false, 0, KindReset},
		"short body":        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false, 200, KindReset},
		"short body, reset": {"HTTP/1.1 200 OK\r\n\r\nabc", true, 200, KindReset},
		"cut chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", false, 200, KindReset},
		"no last chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, 200, KindReset},
		"bad chunk":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", false, 200, KindProtocol},
		"until closed":      {"HTTP/1.0 200 OK\r\n\r\nabc", false, 200, ""},
		"garbage":           {"what do you want?", false, 0, KindProtocol},
		"HTTP/2.0":          {"HTTP/2.0 200 OK\r\n\r\nabc", false, 0, KindProtocol},
		"HTTP/1.9":          {"HTTP/1.9 200 OK\r\n\r\nabc", false, 0, KindProtocol},
		"status 99":         {"HTTP/1.1 099 Low\r\n\r\nabc", false, 0, KindProtocol},
		"status +20":        {"HTTP/1.1 +20 OK\r\n\r\nabc", false, 0, KindProtocol},
		"switching":         {"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\nabc", false, 0, KindProtocol},
		"two lengths":       {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", false, 0, KindProtocol},
		"negative length":   {"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", false, 0, KindProtocol},
		"unknown transfer":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", false, 0, KindProtocol},
		"header w/o colon":  {"HTTP/1.1 200 OK\r\nabc\r\n\r\nabc", false, 0, KindProtocol},
		"one 1xx":           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc", false, 200, ""},
		"no content":        {"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n", false, 204, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			trace := &probe.Trace{}
			l.raw(v4, 80, func(c net.Conn) {
				readRequest(c)
				io.WriteString(c, tc.sent)
				if tc.reset && tc.sent != "" {
					waitFor(trace, "request") // a reset would drop what was not read
				}
				if tc.reset {
					c.(*net.TCPConn).SetLinger(0)
				}
			})
			f := l.client().Fetch(probe.WithTrace(t.Context(), trace), Request{URL: "http://example.com/"})
			wantKind(t, f, tc.kind)
			if f.Status != tc.status {
				t.Errorf("status %d", f.Status)
			}
			if strings.HasSuffix(tc.sent, "abc") && tc.status != 0 && string(f.Body) != "abc" {
				t.Errorf("body %q", f.Body)
			}
		})
	}
}

// waitFor waits until a step of that name has ended.
func waitFor(trace *probe.Trace, name string) {
	for !slices.ContainsFunc(trace.Steps(), func(s zonehold.Step) bool { return s.Name == name }) {
		time.Sleep(time.Millisecond)
	}
}

func TestNoGoroutineStays(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.handleTLS(v4, 443, testCA().good("example.com"), ok)
	l.raw(v4, 80, func(c net.Conn) { io.Copy(io.Discard, c) })
	c := l.client(func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond })
	before := runtime.NumGoroutine()
	for range 5 {
		c.Fetch(t.Context(), Request{URL: "https://example.com/"})
		c.FetchEach(t.Context(), Request{URL: "http://example.com/"})
	}
	var counts []int
	for range 200 { // the servers of the test end their side in their own time
		n := runtime.NumGoroutine()
		if n <= before {
			return
		}
		counts = append(counts, n)
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, then %v", before, slices.Compact(counts))
}
