package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// counter is a TCP and UDP listener on one loopback port, all families, that
// counts what reaches it.
type counter struct {
	port uint16
	hits atomic.Int64
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{port: ln.Addr().(*net.TCPAddr).AddrPort().Port()}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(c.port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close(); pc.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			c.hits.Add(1)
			conn.Close()
		}
	}()
	go func() {
		buf := make([]byte, 64)
		for {
			if _, _, err := pc.ReadFrom(buf); err != nil {
				return
			}
			c.hits.Add(1)
		}
	}()
	return c
}

func (c *counter) waitFor(t *testing.T, want int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); c.hits.Load() != want; {
		if time.Now().After(deadline) {
			t.Fatalf("listener saw %d contacts, want %d", c.hits.Load(), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func ping(d *Dialer, network string, addr netip.AddrPort) error {
	conn, err := d.Dial(context.Background(), network, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if network == "udp" {
		_, err = conn.Write([]byte("x"))
	} else {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err = io.Copy(io.Discard, conn); errors.Is(err, syscall.ECONNRESET) {
			err = nil
		}
	}
	return err
}

// TestDialForbidden dials every spelling of "this machine" that a kernel may
// take to a local listener, and counts.
func TestDialForbidden(t *testing.T) {
	c := newCounter(t)
	for _, host := range []string{
		"127.0.0.1", "127.0.0.53", "127.1.2.3", "0.0.0.0", "::1", "::",
		"::ffff:127.0.0.1", "::ffff:0.0.0.0", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1",
		"10.0.0.1", "169.254.169.254", "fd00::1", "fe80::1%lo", "224.0.0.1", "255.255.255.255", "168.63.129.16",
	} {
		for _, network := range []string{"tcp", "udp"} {
			err := ping(&Dialer{}, network, netip.AddrPortFrom(netip.MustParseAddr(host), c.port))
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s %s: %v, want ErrForbidden", network, host, err)
			}
		}
	}
	if got := c.hits.Load(); got != 0 {
		t.Fatalf("listener saw %d contacts, want none", got)
	}

	// The same listener does count what the guard lets through.
	allowed := &Dialer{Guard: NewGuard(GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	for i, host := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		for j, network := range []string{"tcp", "udp"} {
			if err := ping(allowed, network, netip.AddrPortFrom(netip.MustParseAddr(host), c.port)); err != nil {
				t.Fatalf("%s %s: %v", network, host, err)
			}
			c.waitFor(t, int64(2*i+j+1))
		}
	}
}

// TestJudge covers the second look, at the address of the socket itself.
func TestJudge(t *testing.T) {
	target := netip.MustParseAddrPort("45.0.0.1:53")
	d := &Dialer{}
	if err := d.judge("45.0.0.1:53", target); err != nil {
		t.Errorf("judge of the target = %v", err)
	}
	for _, address := range []string{"45.0.0.2:53", "45.0.0.1:54", "127.0.0.1:53", "", "host:53"} {
		if err := d.judge(address, target); !errors.Is(err, ErrForbidden) {
			t.Errorf("judge(%q) = %v, want ErrForbidden", address, err)
		}
	}
	inside := netip.MustParseAddrPort("127.0.0.1:53")
	if err := d.judge("127.0.0.1:53", inside); !errors.Is(err, ErrForbidden) {
		t.Errorf("judge of a forbidden target = %v, want ErrForbidden", err)
	}
}

func TestDialRoute(t *testing.T) {
	c := newCounter(t)
	public := netip.MustParseAddrPort("45.0.0.1:53")
	routed := 0
	d := &Dialer{Route: func(addr netip.AddrPort) (netip.AddrPort, bool) {
		routed++
		switch addr {
		case public:
			return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.port), true
		case netip.MustParseAddrPort("45.0.0.3:53"):
			return netip.MustParseAddrPort("45.0.0.3:53"), true // not loopback
		}
		return netip.AddrPort{}, false
	}}
	if err := ping(d, "udp", public); err != nil {
		t.Fatal(err)
	}
	c.waitFor(t, 1)
	for _, addr := range []string{"45.0.0.2:53", "45.0.0.3:53", "[2a0e::1]:53"} {
		for _, network := range []string{"tcp", "udp"} {
			if err := ping(d, network, netip.MustParseAddrPort(addr)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s %s: %v, want a refused connection", network, addr, err)
			}
		}
	}
	// The guard judges the public address, not the mapped one.
	before := routed
	if err := ping(d, "udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.port)); !errors.Is(err, ErrForbidden) {
		t.Errorf("private address through Route: %v, want ErrForbidden", err)
	}
	if routed != before {
		t.Error("Route was asked about a forbidden address")
	}
	if got := c.hits.Load(); got != 1 {
		t.Errorf("listener saw %d contacts, want 1", got)
	}
}

func TestDialRejects(t *testing.T) {
	d := &Dialer{Route: func(netip.AddrPort) (netip.AddrPort, bool) { t.Error("routed"); return netip.AddrPort{}, false }}
	for _, tt := range []struct{ network, addr string }{
		{"unix", "45.0.0.1:53"}, {"tcp4", "45.0.0.1:53"}, {"ip", "45.0.0.1:53"}, {"", "45.0.0.1:53"}, {"tcp", "45.0.0.1:0"},
	} {
		if conn, err := d.Dial(context.Background(), tt.network, netip.MustParseAddrPort(tt.addr)); err == nil {
			conn.Close()
			t.Errorf("Dial(%q, %s) succeeded", tt.network, tt.addr)
		}
	}
}

func TestDialCancelled(t *testing.T) {
	c := newCounter(t)
	d := &Dialer{Guard: NewGuard(GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if conn, err := d.Dial(ctx, "tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.port)); !errors.Is(err, context.Canceled) {
		if err == nil {
			conn.Close()
		}
		t.Errorf("Dial = %v, want context.Canceled", err)
	}
}

// TestNoRoute feeds the classification the errors a kernel gives.
func TestNoRoute(t *testing.T) {
	d := &Dialer{Guard: NewGuard(GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	target := netip.MustParseAddrPort("127.0.0.1:53") // always routed
	tests := []struct {
		network string
		errno   syscall.Errno
		want    bool
	}{
		{"udp", syscall.EAFNOSUPPORT, true}, {"tcp", syscall.EAFNOSUPPORT, true},
		{"udp", syscall.EADDRNOTAVAIL, true}, {"udp", syscall.ENETUNREACH, true}, {"udp", syscall.EHOSTUNREACH, true},
		{"tcp", syscall.ENETUNREACH, false}, {"tcp", syscall.EHOSTUNREACH, false}, // a route exists: the far side said so
		{"tcp", syscall.ECONNREFUSED, false}, {"tcp", syscall.ETIMEDOUT, false}, {"udp", syscall.EPERM, false},
	}
	for _, tt := range tests {
		err := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", tt.errno)}
		if got := d.noRoute(tt.network, target, err); got != tt.want {
			t.Errorf("noRoute(%s, %v) = %v, want %v", tt.network, tt.errno, got, tt.want)
		}
	}
}

// TestDialIgnoresProxyEnvironment holds that no proxy variable moves a
// connection (threat T8).
func TestDialIgnoresProxyEnvironment(t *testing.T) {
	proxy, target := newCounter(t), newCounter(t)
	url := "http://" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), proxy.port).String()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, url)
	}
	d := &Dialer{Guard: NewGuard(GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	if err := ping(d, "tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), target.port)); err != nil {
		t.Fatal(err)
	}
	target.waitFor(t, 1)
	if got := proxy.hits.Load(); got != 0 {
		t.Errorf("proxy saw %d contacts", got)
	}
}
