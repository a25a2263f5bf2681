//go:build !unix

package testnet

import (
	"context"
	"net"
)

// fillBacklog does nothing here: connections succeed and stay silent.
func fillBacklog(context.Context, *net.TCPListener) []net.Conn { return nil }
