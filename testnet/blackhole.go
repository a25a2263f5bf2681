package testnet

import (
	"context"
	"net"
	"net/netip"
)

// closeOn closes conn when ctx ends; the returned function takes it back.
func closeOn(ctx context.Context, conn net.Conn) func() bool {
	return context.AfterFunc(ctx, func() { conn.Close() })
}

// blackhole is a loopback port that answers no SYN, opened on first use.
func (n *Network) blackhole() netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hole.IsValid() || n.closed {
		return n.hole
	}
	l, err := (&net.ListenConfig{}).Listen(n.ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nobody
	}
	n.hole = l.Addr().(*net.TCPAddr).AddrPort()
	conns := fillBacklog(n.ctx, l.(*net.TCPListener))
	n.closers = append(n.closers, func() {
		l.Close()
		for _, c := range conns {
			c.Close()
		}
	})
	return n.hole
}
