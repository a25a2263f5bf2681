package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// ErrNoRoute says that this machine has no way to the address at all (for
// example no IPv6); nothing is wrong on the other side.
var ErrNoRoute = errors.New("no route from here")

// RouteFunc maps a public address onto where it really is, which must be on
// loopback. It exists for a fake internet in one machine: the guard judges
// the public address, the connection goes to the mapped one. False: nothing
// is there.
type RouteFunc func(netip.AddrPort) (netip.AddrPort, bool)

// Dialer makes every outbound connection of the program. It takes addresses,
// never names, and knows no proxy.
type Dialer struct {
	Guard   *Guard        // nil: built-in policy
	Route   RouteFunc     // nil: the real internet
	Timeout time.Duration // one TCP connect; 0: 5 s
}

const defaultDialTimeout = 5 * time.Second

// Dial connects to addr over "tcp" or "udp" after the guard allowed it, and
// judges the address of the socket again before a packet leaves.
//
// Errors: ErrForbidden; ErrNoRoute; with Route set and nothing at addr, a
// refused connection; else what the system says.
func (d *Dialer) Dial(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	if network != "tcp" && network != "udp" {
		return nil, fmt.Errorf("dialing %s: network %q is neither tcp nor udp", addr, network)
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if err := d.Guard.Check(addr.Addr()); err != nil {
		return nil, fmt.Errorf("dialing %s: %w", addr, err)
	}
	if addr.Port() == 0 {
		return nil, fmt.Errorf("dialing %s: port 0", addr)
	}
	target, err := d.target(network, addr)
	if err != nil {
		return nil, err
	}
	nd := net.Dialer{
		KeepAlive: -1,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return d.judge(address, target)
		},
	}
	// A UDP connect never waits, so it needs no timer.
	if network == "tcp" {
		nd.Timeout = d.Timeout
		if nd.Timeout <= 0 {
			nd.Timeout = defaultDialTimeout
		}
	}
	conn, err := nd.DialContext(ctx, network, target.String())
	if err == nil {
		return conn, nil
	}
	if d.noRoute(network, target, err) {
		return nil, fmt.Errorf("dialing %s: %w: %w", addr, ErrNoRoute, err)
	}
	return nil, fmt.Errorf("dialing %s: %w", addr, err)
}

// target is where the packets for addr go.
func (d *Dialer) target(network string, addr netip.AddrPort) (netip.AddrPort, error) {
	if d.Route == nil {
		return addr, nil
	}
	to, ok := d.Route(addr)
	if ok && to.Addr().Unmap().IsLoopback() && to.Addr().Zone() == "" && to.Port() != 0 {
		return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), nil
	}
	refused := &net.OpError{Op: "dial", Net: network, Addr: netAddr(network, addr),
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	return netip.AddrPort{}, fmt.Errorf("dialing %s: %w", addr, refused)
}

// judge refuses a socket about to be connected to anything but target. With
// Route set the public address was judged, and target is loopback by design.
func (d *Dialer) judge(address string, target netip.AddrPort) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrForbidden
	}
	if at != target {
		return ErrForbidden
	}
	if d.Route != nil {
		return nil
	}
	return d.Guard.Check(at.Addr())
}

// noRoute tells our own missing network from a router that says the host
// cannot be reached.
func (d *Dialer) noRoute(network string, target netip.AddrPort, err error) bool {
	switch {
	case errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EADDRNOTAVAIL):
		return true
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		if network == "udp" {
			return true
		}
	default:
		return false
	}
	// A TCP connect gets the same error from our own routing table and from a
	// router far away. Connecting a UDP socket sends nothing: it fails only on
	// our own table.
	nd := net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return d.judge(address, target)
	}}
	conn, err := nd.DialContext(context.Background(), "udp", target.String())
	if err != nil {
		return true
	}
	conn.Close()
	return false
}

func netAddr(network string, addr netip.AddrPort) net.Addr {
	if network == "udp" {
		return net.UDPAddrFromAddrPort(addr)
	}
	return net.TCPAddrFromAddrPort(addr)
}
