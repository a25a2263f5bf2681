//go:build unix

package testnet

import (
	"net"
	"syscall"
	"time"
)

// fillBacklog makes the queue of a listener that never accepts as short as
// the system allows and fills it, so that the kernel drops further SYNs.
func fillBacklog(l *net.TCPListener) []net.Conn {
	if raw, err := l.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) })
	}
	var conns []net.Conn
	for range 16 {
		c, err := net.DialTimeout("tcp4", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			break
		}
		conns = append(conns, c)
	}
	return conns
}
