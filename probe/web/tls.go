package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"

	"github.com/zonehold/zonehold/probe"
)

const (
	maxChain    = 10
	maxDNSNames = 100
	maxSubject  = 300 // bytes
)

// handshake speaks TLS 1.2 or later on conn and verifies the certificate for
// the host of u. hop.TLS is filled also when the certificate is refused.
func (c *Client) handshake(ctx context.Context, conn net.Conn, u *url.URL, hop *Hop) (net.Conn, *Error) {
	host := u.Hostname()
	span := probe.TraceFrom(ctx).Start("tls", host)
	tc := tls.Client(conn, &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		// The standard verification would drop the chain of a bad
		// certificate; VerifyConnection does the same and keeps it.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			hop.TLS = describe(cs)
			return c.verify(cs, host)
		},
	})
	if err := tc.HandshakeContext(ctx); err != nil {
		e := &Error{Kind: handshakeKind(err), URL: u.String(), Addr: hop.Addr, Err: fmt.Errorf("TLS handshake: %w", err)}
		span.End(false, "%s", e.Kind)
		return nil, e
	}
	span.End(true, "%s", hop.TLS.Version)
	return tc, nil
}

// verify checks the chain that was sent, as far as it is recorded, against
// the roots and the name.
func (c *Client) verify(cs tls.ConnectionState, host string) error {
	certs := cs.PeerCertificates[:min(len(cs.PeerCertificates), maxChain)]
	between := x509.NewCertPool()
	for _, cert := range certs[1:] {
		between.AddCert(cert)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		DNSName:       host,
		Roots:         c.cfg.RootCAs,
		Intermediates: between,
	})
	return err
}

// describe records a handshake. crypto/tls bounds the size of the chain
// (256 KiB) and never calls us without a certificate.
func describe(cs tls.ConnectionState) *TLSInfo {
	leaf := cs.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	info := &TLSInfo{
		Version:   tls.VersionName(cs.Version),
		Cipher:    tls.CipherSuiteName(cs.CipherSuite),
		ALPN:      cs.NegotiatedProtocol,
		Subject:   cut(leaf.Subject.String(), maxSubject),
		Issuer:    cut(leaf.Issuer.String(), maxSubject),
		DNSNames:  leaf.DNSNames[:min(len(leaf.DNSNames), maxDNSNames)],
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
		SHA256:    hex.EncodeToString(sum[:]),
	}
	for _, cert := range cs.PeerCertificates[:min(len(cs.PeerCertificates), maxChain)] {
		info.Chain = append(info.Chain, cert.Raw)
	}
	return info
}

func cut(s string, n int) string { return s[:min(len(s), n)] }
