//go:build !unix

package testnet

import "net"

// fillBacklog does nothing here: connections succeed and stay silent.
func fillBacklog(*net.TCPListener) []net.Conn { return nil }
