package testnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Ports are what every name server and every host of a network listens on.
type Ports struct{ DNS, HTTP, HTTPS uint16 }

// usualPorts are those of the real world.
var usualPorts = Ports{DNS: 53, HTTP: 80, HTTPS: 443}

// NewOnLoopback starts a network for programs in other processes, which know
// no Route: its addresses are loopback addresses (127.45.0.0/16 for name
// servers, 127.46.0.0/16 for hosts), everything listens there at the given
// ports, and there is no IPv6. A port that is 0 is chosen, see Ports; two
// networks with chosen ports never meet. A guard must be told to allow
// 127.0.0.0/8. It needs a system on which all of that is the machine's own,
// as on Linux.
//
// What makes an address unreachable works only by Route, so FaultUnreachable,
// HostFaultRefused and HostFaultConnectTimeout panic, as do AddIPv6 and
// AddAddress for IPv6.
func NewOnLoopback(p Ports) (*Network, error) { return newNetwork(p, true) }

// Ports are the ports of this network; 53, 80 and 443 of one made by New.
func (n *Network) Ports() Ports { return n.ports }

// The first two octets of the addresses in a network on loopback.
var (
	loopbackDNS = [2]byte{127, 45}
	loopbackWeb = [2]byte{127, 46}
)

// choosePorts fills in the ports that are 0 and keeps them until Close, at
// addresses that no server gets. Call with mu held.
func (n *Network) choosePorts() error {
	if n.ports.DNS == 0 {
		udp, tcp, at, err := listenPair(netip.AddrPortFrom(loopbackAddr(loopbackDNS, 0), 0))
		if err != nil {
			return err
		}
		n.ports.DNS = at.Port()
		n.closers = append(n.closers, func() { udp.Close(); tcp.Close() })
	}
	for _, port := range []*uint16{&n.ports.HTTP, &n.ports.HTTPS} {
		if *port != 0 {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(n.ctx, "tcp4", netip.AddrPortFrom(loopbackAddr(loopbackWeb, 0), 0).String())
		if err != nil {
			return err
		}
		*port = l.Addr().(*net.TCPAddr).AddrPort().Port()
		n.closers = append(n.closers, func() { l.Close() })
	}
	return nil
}

func loopbackAddr(network [2]byte, number int) netip.Addr {
	return netip.AddrFrom4([4]byte{network[0], network[1], byte(number >> 8), byte(number)})
}

// behind is the loopback address at which to listen for a public one.
func (n *Network) behind(public netip.AddrPort) netip.AddrPort {
	if n.onLoopback {
		return public
	}
	return netip.MustParseAddrPort("127.0.0.1:0")
}

// listenTCP is a TCP listener for a public address.
func (n *Network) listenTCP(public netip.AddrPort) (net.Listener, error) {
	var l net.Listener
	err := patiently(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(n.ctx, "tcp4", n.behind(public).String())
		return
	})
	return l, err
}

// patiently repeats what opens a socket while the port is taken: it may be
// that of somebody's client socket for a moment.
func patiently(open func() error) error {
	for try := 0; ; try++ {
		err := open()
		if try == 50 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// needsRoute panics on loopback, where programs connect without asking Route.
func (n *Network) needsRoute(what string) {
	if n.onLoopback {
		panic(fmt.Sprintf("testnet: a network on loopback has no %s", what))
	}
}
