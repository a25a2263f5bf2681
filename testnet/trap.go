package testnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// Trap listens on TCP and UDP where nobody may connect, and counts who does.
// A test points records, redirects and name servers at it and then wants to
// see no contact.
type Trap struct {
	net      *Network
	addr     netip.AddrPort
	contacts atomic.Int64
}

// Trap opens a trap on a free loopback port. Route leads to it from its own
// loopback address, so that only a guard stands between it and a dialer; see
// Catch for other addresses.
func (n *Network) Trap() *Trap {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		panic("testnet: trap on a closed network")
	}
	udp, tcp, at, err := listenPair(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		panic(fmt.Sprintf("testnet: opening a trap: %v", err))
	}
	t := &Trap{net: n, addr: at}
	n.closers = append(n.closers, func() { udp.Close(); tcp.Close() })
	n.route(at, t.here)
	n.running.Add(2)
	go func() {
		defer n.running.Done()
		var buf [512]byte
		for {
			_, _, err := udp.ReadFromUDPAddrPort(buf[:])
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				t.contacts.Add(1)
			}
		}
	}()
	go func() {
		defer n.running.Done()
		for {
			conn, err := tcp.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				t.contacts.Add(1)
				conn.Close()
			}
		}
	}()
	return t
}

func (t *Trap) here() (netip.AddrPort, bool) { return t.addr, true }

// Addr is the loopback address and port of the trap.
func (t *Trap) Addr() netip.AddrPort { return t.addr }

// Catch leads every port of these addresses to the trap: without it, Route
// has no way to 10.0.0.1, and a test would pass with a broken guard.
func (t *Trap) Catch(addrs ...netip.Addr) *Trap {
	for _, a := range addrs {
		t.net.routes.Store(netip.AddrPortFrom(a.Unmap(), anyPort), t.here)
	}
	return t
}

// Contacts counts the TCP connections and UDP datagrams so far. A datagram or
// connection under way may still be missing.
func (t *Trap) Contacts() int { return int(t.contacts.Load()) }
