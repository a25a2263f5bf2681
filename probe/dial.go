package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// ErrForbidden says that the guard does not let us contact an address. Its
// text never tells why, so that it cannot be used to map an internal network
// (threat T14).
var ErrForbidden = errors.New("address not allowed")

// ErrNoRoute says that this machine has no way to the address at all (for
// example no IPv6); nothing is wrong on the other side.
var ErrNoRoute = errors.New("no route from here")

// GuardConfig widens or narrows the built-in policy. Deny wins over Allow.
type GuardConfig struct {
	Allow []netip.Prefix // contacted although special-purpose
	Deny  []netip.Prefix // refused although public
}

// Guard decides which addresses may be contacted. The zero Guard applies the
// built-in tables.
type Guard struct{ cfg GuardConfig }

// NewGuard returns a guard with cfg on top of the built-in tables.
func NewGuard(cfg GuardConfig) *Guard { return &Guard{cfg: cfg} }

// Check returns nil, or ErrForbidden (possibly wrapped).
func (g *Guard) Check(addr netip.Addr) error { panic("owner: probe") }

// RouteFunc maps a public address onto where it really is. It exists for a
// fake internet on loopback: the guard judges the public address, the
// connection goes to the mapped one. False: nothing is there.
type RouteFunc func(netip.AddrPort) (netip.AddrPort, bool)

// Dialer makes every outbound connection of the program. It takes addresses,
// never names.
type Dialer struct {
	Guard   *Guard        // nil: built-in policy
	Route   RouteFunc     // nil: the real internet
	Timeout time.Duration // one connect; 0: 5 s
}

// Dial connects to addr over "tcp" or "udp" after the guard allowed it, and
// judges the connected address again.
func (d *Dialer) Dial(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
	panic("owner: probe")
}
