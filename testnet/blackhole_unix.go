//go:build unix

package testnet

import (
	"context"
	"net"
	"syscall"
	"time"
)

// fillBacklog makes the queue of a listener that never accepts as short as
// the system allows and fills it, so that the kernel drops further SYNs.
func fillBacklog(ctx context.Context, l *net.TCPListener) []net.Conn {
	if raw, err := l.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) })
	}
	d := net.Dialer{Timeout: 200 * time.Millisecond}
	var conns []net.Conn
	for range 16 {
		c, err := d.DialContext(ctx, "tcp4", l.Addr().String())
		if err != nil {
			break
		}
		conns = append(conns, c)
	}
	return conns
}
