package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
)

// Addresses that the guard takes for public ones.
var (
	v4  = netip.MustParseAddr("45.10.0.1")
	v4b = netip.MustParseAddr("45.10.0.2")
	v6  = netip.MustParseAddr("2a0e:1::1")
	v6b = netip.MustParseAddr("2a0e:1::2")
)

var errNoSuchName = errors.New("no such name")

// lan is the little internet of one test: raw servers on loopback under
// public addresses, scripted names, and a trap behind every address that the
// guard forbids.
type lan struct {
	t      testing.TB
	trap   *trap
	mu     sync.Mutex
	routes map[netip.AddrPort]netip.AddrPort
	names  map[string][][]netip.Addr
	asked  map[string]int
}

func newLAN(t testing.TB) *lan {
	l := &lan{
		t:      t,
		trap:   newTrap(t),
		routes: make(map[netip.AddrPort]netip.AddrPort),
		names:  make(map[string][][]netip.Addr),
		asked:  make(map[string]int),
	}
	t.Cleanup(func() {
		if n := l.trap.hits(); n != 0 {
			t.Errorf("%d connections to forbidden addresses", n)
		}
	})
	return l
}

func (l *lan) Route(addr netip.AddrPort) (netip.AddrPort, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to, ok := l.routes[addr]; ok {
		return to, true
	}
	if (*probe.Guard)(nil).Check(addr.Addr()) != nil {
		return l.trap.addr, true
	}
	return netip.AddrPort{}, false
}

// name scripts the addresses of host; later answers follow in turn, and the
// last one stays.
func (l *lan) name(host string, answers ...[]netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[host] = answers
}

func (l *lan) lookups(host string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[host]
}

func (l *lan) Addrs(_ context.Context, host string) (*dns.Addresses, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers, ok := l.names[host]
	if !ok {
		return nil, errNoSuchName
	}
	i := min(l.asked[host], len(answers)-1)
	l.asked[host]++
	if i < 0 {
		return &dns.Addresses{Host: host}, nil
	}
	return &dns.Addresses{Host: host, Addrs: answers[i]}, nil
}

// raw serves each connection to addr with serve, and then closes it.
func (l *lan) raw(addr netip.Addr, port uint16, serve func(net.Conn)) {
	l.t.Helper()
	ln := listen(l.t)
	l.mu.Lock()
	l.routes[netip.AddrPortFrom(addr, port)] = netip.MustParseAddrPort(ln.Addr().String())
	l.mu.Unlock()
	accept(l.t, ln, serve)
}

// answer serves every request with the same bytes.
func (l *lan) answer(addr netip.Addr, port uint16, text string) {
	l.raw(addr, port, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, text)
	})
}

// handle serves HTTP.
func (l *lan) handle(addr netip.Addr, port uint16, h http.HandlerFunc) {
	l.serve(addr, port, h, nil)
}

// handleTLS serves HTTPS.
func (l *lan) handleTLS(addr netip.Addr, port uint16, cert *tls.Certificate, h http.HandlerFunc) {
	l.serve(addr, port, h, &tls.Config{Certificates: []tls.Certificate{*cert}})
}

func (l *lan) serve(addr netip.Addr, port uint16, h http.Handler, conf *tls.Config) {
	l.t.Helper()
	ln := listen(l.t)
	l.mu.Lock()
	l.routes[netip.AddrPortFrom(addr, port)] = netip.MustParseAddrPort(ln.Addr().String())
	l.mu.Unlock()
	if conf != nil {
		ln = tls.NewListener(ln, conf)
	}
	srv := &http.Server{Handler: h, ErrorLog: discard}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	l.t.Cleanup(func() { srv.Close(); <-done })
}

// client has generous limits of time, so that no test depends on speed.
func (l *lan) client(change ...func(*Config)) *Client {
	cfg := Config{
		Dialer:   &probe.Dialer{Route: l.Route},
		Resolver: l,
		RootCAs:  testCA().pool,
		Timeout:  time.Minute,
	}
	for _, f := range change {
		f(&cfg)
	}
	return New(cfg)
}

func (l *lan) fetch(url string) *Fetch {
	l.t.Helper()
	return l.client().Fetch(l.t.Context(), Request{URL: url})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func accept(t testing.TB, ln net.Listener, serve func(net.Conn)) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	open := make(map[net.Conn]bool)
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

func readRequest(c net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return &http.Request{}
	}
	return r
}

// trap counts connections that must not be.
type trap struct {
	addr netip.AddrPort
	n    atomic.Int64
}

func newTrap(t testing.TB) *trap {
	ln := listen(t)
	tr := &trap{addr: netip.MustParseAddrPort(ln.Addr().String())}
	accept(t, ln, func(net.Conn) { tr.n.Add(1) })
	return tr
}

// hits waits for connections in the queue by making one of its own: they are
// accepted in order.
func (tr *trap) hits() int64 {
	before := tr.n.Load()
	c, err := net.Dial("tcp", tr.addr.String())
	if err != nil {
		return before
	}
	io.Copy(io.Discard, c)
	c.Close()
	return tr.n.Load() - 1
}

// authority signs the certificates of the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var testCA = sync.OnceValue(newCA)

func newCA() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// issue makes a certificate for host that ends at notAfter.
func (a *authority) issue(notAfter time.Time, hosts ...string) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hosts[0]},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: notAfter,
		DNSNames: hosts, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

func (a *authority) good(hosts ...string) *tls.Certificate {
	return a.issue(time.Now().Add(24*time.Hour), hosts...)
}

func wantKind(t testing.TB, f *Fetch, want ErrorKind) {
	t.Helper()
	var got ErrorKind
	if f.Err != nil {
		got = f.Err.Kind
	}
	if got != want {
		t.Fatalf("kind %q, want %q (error %v, hops %s)", got, want, f.Err, hopURLs(f))
	}
}

func hopURLs(f *Fetch) string {
	var s []string
	for _, h := range f.Hops {
		s = append(s, h.URL)
	}
	return fmt.Sprint(s)
}
