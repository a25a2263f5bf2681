package web

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// allocated measures what f allocates, living and dead, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// writeUntilClosed sends b again and again and counts what it sent.
func writeUntilClosed(c net.Conn, b []byte, sent *atomic.Int64) {
	for {
		n, err := c.Write(b)
		sent.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// Threat T11, first case: about 200 kB that become 200 MB. All allocation
// counts, also of what was thrown away, so the growth of the process is less.
func TestDecompressionBomb(t *testing.T) {
	packed := bytes.Repeat(gz(make([]byte, 1<<20)), 200)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(packed))
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.raw(v4, 80, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, head)
		c.Write(packed)
	})
	l.fetch("http://example.com/") // makes what is made once
	var f *Fetch
	grown := allocated(func() { f = l.fetch("http://example.com/") })
	wantKind(t, f, "")
	if !f.TooLarge || len(f.Body) != 1<<20 || f.Encoding != "gzip" || f.BodyRaw > 64<<10 {
		t.Errorf("too large %v, body %d, encoding %q, read %d", f.TooLarge, len(f.Body), f.Encoding, f.BodyRaw)
	}
	if grown > 2<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

func TestSlowness(t *testing.T) {
	drip := func(c net.Conn, b string) {
		for {
			if _, err := io.WriteString(c, b); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for name, tc := range map[string]struct {
		serve  func(net.Conn)
		status int
	}{
		"silent":      {func(c net.Conn) { io.Copy(io.Discard, c) }, 0},
		"slow header": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); drip(c, "a") }, 0},
		"slow lines":  {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n"); drip(c, "A: b\r\n") }, 0},
		"slow body":   {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nabc"); drip(c, "a") }, 200},
		"stopped body": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
			io.Copy(io.Discard, c)
		}, 200},
		"slow chunks": {func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			drip(c, "1\r\na\r\n")
		}, 200},
		"slow 1xx": {func(c net.Conn) { time.Sleep(10 * time.Millisecond); drip(c, "HTTP/1.1 1") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			l.raw(v4, 80, tc.serve)
			c := l.client(func(cfg *Config) { cfg.Timeout = 2 * time.Second })
			f := c.Fetch(t.Context(), Request{URL: "http://example.com/"})
			wantKind(t, f, KindTimeout)
			if f.Status != tc.status || f.Err.Addr != v4 {
				t.Errorf("status %d, error %+v", f.Status, f.Err)
			}
			if tc.status != 0 && !strings.HasPrefix(string(f.Body), "abc") {
				t.Errorf("what came of the body is %q", f.Body)
			}
		})
	}
}

func TestFloods(t *testing.T) {
	const start = "HTTP/1.1 200 OK\r\n"
	for name, tc := range map[string]struct {
		start, more string
		kind        ErrorKind
		large       bool
	}{
		"header lines":        {start, "Set-Cookie: " + strings.Repeat("a", 1000) + "\r\n", KindHeaderTooLarge, false},
		"one header":          {start + "X: ", strings.Repeat("a", 1000), KindHeaderTooLarge, false},
		"empty header names":  {start, ": a\r\n", KindProtocol, false},
		"status line":         {"HTTP/1.1 200 ", "OK OK ", KindHeaderTooLarge, false},
		"1xx":                 {"", "HTTP/1.1 103 Early Hints\r\n\r\n", KindProtocol, false},
		"large 1xx":           {"", "HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("a", 30000) + "\r\n\r\n", KindHeaderTooLarge, false},
		"chunk extensions":    {start + "Transfer-Encoding: chunked\r\n\r\n", "1;" + strings.Repeat("a", 1000) + "\r\na\r\n", KindProtocol, false},
		"one chunk extension": {start + "Transfer-Encoding: chunked\r\n\r\n1;", strings.Repeat("a", 1000), KindProtocol, false},
		"trailer":             {start + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: " + strings.Repeat("a", 1000) + "\r\n", KindProtocol, false},
		"body":                {start + "\r\n", strings.Repeat("a", 1000), "", true},
		"tiny chunks":         {start + "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", "", true},
		"promised body":       {start + "Content-Length: 9223372036854775807\r\n\r\n", strings.Repeat("a", 1000), "", true},
		"empty gzip members":  {start + "Content-Encoding: gzip\r\n\r\n", string(gz(nil)), "", true},
		"gzip header":         {start + "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff", strings.Repeat("a", 1000), KindEncoding, false},
		"empty flate blocks":  {start + "Content-Encoding: deflate\r\n\r\n", "\x00\x00\x00\xff\xff", "", true},
		"garbage":             {"", "\x00\xff\xfe", KindHeaderTooLarge, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			var sent atomic.Int64
			l.raw(v4, 80, func(c net.Conn) {
				readRequest(c)
				io.WriteString(c, tc.start)
				writeUntilClosed(c, []byte(tc.more), &sent)
			})
			c := l.client(func(cfg *Config) { cfg.MaxBody = 100 << 10 })
			var f *Fetch
			allocated(func() {})
			grown := allocated(func() { f = c.Fetch(t.Context(), Request{URL: "http://example.com/"}) })
			wantKind(t, f, tc.kind)
			if f.TooLarge != tc.large {
				t.Errorf("too large: %v", f.TooLarge)
			}
			if len(f.Body) > 100<<10 || f.BodyRaw > 100<<10+rawSlack {
				t.Errorf("body %d of %d", len(f.Body), f.BodyRaw)
			}
			if grown > 2<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

// The limits are exact: what fits passes.
func TestLimitsExact(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	c := l.client(func(cfg *Config) { cfg.MaxHeader, cfg.MaxBody = 8192, 10 })
	for _, tc := range []struct {
		head, body int
		kind       ErrorKind
		large      bool
	}{
		{8192, 10, "", false}, {8193, 10, KindHeaderTooLarge, false}, {100, 0, "", false},
		{100, 9, "", false}, {100, 11, "", true}, {8192, 5000, "", true},
	} {
		t.Run(fmt.Sprint(tc.head, tc.body), func(t *testing.T) {
			head := "HTTP/1.1 200 OK\r\nX: "
			head += strings.Repeat("a", tc.head-len(head)-4) + "\r\n\r\n"
			l.answer(v4, 80, head+strings.Repeat("b", tc.body))
			f := c.Fetch(t.Context(), Request{URL: "http://example.com/"})
			wantKind(t, f, tc.kind)
			if f.TooLarge != tc.large {
				t.Errorf("too large: %v", f.TooLarge)
			}
			if tc.kind == "" && len(f.Body) != min(tc.body, 10) {
				t.Errorf("body %q", f.Body)
			}
		})
	}
	f := c.Fetch(t.Context(), Request{URL: "http://example.com/", MaxBody: 6000})
	if f.TooLarge || len(f.Body) != 5000 {
		t.Errorf("own limit: too large %v, body %d", f.TooLarge, len(f.Body))
	}
}

func TestEncodings(t *testing.T) {
	text := []byte(strings.Repeat("token=abc ", 100))
	var zl, fl bytes.Buffer
	zw := zlib.NewWriter(&zl)
	zw.Write(text)
	zw.Close()
	fw, _ := flate.NewWriter(&fl, flate.BestCompression)
	fw.Write(text)
	fw.Close()
	packed := gz(text)
	broken := bytes.Clone(packed)
	broken[len(broken)-5] ^= 0xff // checksum
	for _, tc := range []struct {
		name, header string
		body, want   []byte
		encoding     string
		kind         ErrorKind
	}{
		{"plain", "", text, text, "", ""},
		{"identity", "Identity", text, text, "", ""},
		{"gzip", "gzip", packed, text, "gzip", ""},
		{"x-gzip", "X-GZIP", packed, text, "gzip", ""},
		{"two members", "gzip", append(bytes.Clone(packed), gz([]byte("more"))...), append(bytes.Clone(text), "more"...), "gzip", ""},
		{"zlib", "deflate", zl.Bytes(), text, "deflate", ""},
		{"bare deflate", "deflate", fl.Bytes(), text, "deflate", ""},
		{"empty", "gzip", nil, nil, "gzip", ""},
		{"one layer only", "gzip", gz(packed), packed, "gzip", ""},
		{"not announced", "", packed, packed, "", ""},
		{"two layers", "gzip, gzip", gz(packed), nil, "", KindEncoding},
		{"brotli", "br", text, nil, "", KindEncoding},
		{"zstd", "zstd", text, nil, "", KindEncoding},
		{"gzip that is not", "gzip", text, nil, "", KindEncoding},
		{"cut", "gzip", packed[:len(packed)-9], nil, "gzip", KindEncoding},
		{"wrong checksum", "gzip", broken, text, "gzip", KindEncoding},
		{"trailing garbage", "gzip", append(bytes.Clone(packed), "garbage"...), text, "gzip", KindEncoding},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) {
				if tc.header != "" {
					w.Header().Set("Content-Encoding", tc.header)
				}
				w.Write(tc.body)
			})
			f := l.fetch("http://example.com/")
			wantKind(t, f, tc.kind)
			if tc.want != nil && !bytes.Equal(f.Body, tc.want) {
				t.Errorf("body %q", f.Body)
			}
			if f.Encoding != tc.encoding {
				t.Errorf("encoding %q, want %q", f.Encoding, tc.encoding)
			}
			if tc.kind == "" && f.BodyRaw != int64(len(tc.body)) {
				t.Errorf("%d bytes on the wire, want %d", f.BodyRaw, len(tc.body))
			}
		})
	}
}

// A hostile server must not keep a goroutine or a connection of ours.
func TestConnectionsEnd(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	ended := make(chan error, 1)
	l.raw(v4, 80, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nabc")
		_, err := io.Copy(io.Discard, c)
		ended <- err
	})
	wantKind(t, l.fetch("http://example.com/"), KindRedirectLoop)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the connection is still open")
	}
}
