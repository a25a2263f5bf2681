package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/zonehold/zonehold/probe"
)

// dialKind names a failed connect.
func dialKind(err error) ErrorKind {
	switch {
	case errors.Is(err, probe.ErrForbidden):
		return KindForbiddenAddress
	case errors.Is(err, probe.ErrNoRoute):
		return KindNoRoute
	case isTimeout(err):
		return KindConnectTimeout
	case errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH):
		return KindConnectRefused
	}
	// What is left is trouble of this machine: no descriptors, a local rule.
	return KindNoRoute
}

// ioKind names a failed read or write on a connection that stood; other is
// for errors that did not come from the network.
func ioKind(err error, other ErrorKind) ErrorKind {
	switch {
	case isTimeout(err):
		return KindTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ECONNABORTED):
		return KindReset
	case isAlert(err):
		return KindTLS
	}
	return other
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// isAlert tells an alert of the TLS peer, which may come after the handshake
// (a demanded client certificate). crypto/tls does not export the type of an
// alert; it marks them by the operation of the net.OpError around it.
func isAlert(err error) bool {
	var oe *net.OpError
	return errors.As(err, &oe) && oe.Op == "remote error"
}

// handshakeKind names a failed TLS handshake.
func handshakeKind(err error) ErrorKind {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var roots x509.SystemRootsError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name):
		return KindTLSName
	case errors.As(err, &invalid):
		if invalid.Reason == x509.Expired {
			return KindTLSExpired
		}
		return KindTLSUntrusted
	case errors.As(err, &unknown), errors.As(err, &roots):
		return KindTLSUntrusted
	case errors.As(err, &record):
		if plainHTTP(record.RecordHeader) {
			return KindHTTPOnHTTPS
		}
		return KindTLS
	}
	return ioKind(err, KindTLS)
}

// plainHTTP looks at the first bytes of what should have been a TLS record:
// a status line, or the bare page some servers send to garbage.
func plainHTTP(head [5]byte) bool {
	return string(head[:]) == "HTTP/" || head[0] == '<'
}
