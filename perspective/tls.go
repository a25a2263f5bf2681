package perspective

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Only TLS 1.3 is spoken: both sides are this program.
const tlsVersion = tls.VersionTLS13

// ServerTLS admits only clients whose certificate chains to clients and, if
// there are pins, that one of them names: a DNS name of the certificate, or its
// SHA-256 in hex.
func ServerTLS(cert tls.Certificate, clients *x509.CertPool, pins []string) (*tls.Config, error) {
	if clients == nil {
		return nil, errors.New("a perspective needs the authority of its clients")
	}
	for _, p := range pins {
		if strings.TrimSpace(p) == "" {
			return nil, errors.New("an empty name admits nobody")
		}
	}
	return &tls.Config{
		MinVersion: tlsVersion, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return errors.New("the client showed no certificate")
			}
			if leaf := cs.PeerCertificates[0]; len(pins) > 0 && !pinned(leaf, pins) {
				return fmt.Errorf("the client's certificate (SHA-256 %s) is not one of those admitted", Fingerprint(leaf))
			}
			return nil
		},
	}, nil
}

// ClientTLS trusts only servers whose certificate chains to servers and is for
// serverName; "" is the host of the URL.
func ClientTLS(serverName string, cert tls.Certificate, servers *x509.CertPool) (*tls.Config, error) {
	if servers == nil || len(cert.Certificate) == 0 {
		return nil, errors.New("asking a perspective needs its authority and a certificate of our own")
	}
	return &tls.Config{MinVersion: tlsVersion, ServerName: serverName, RootCAs: servers, Certificates: []tls.Certificate{cert}}, nil
}

// Fingerprint is the SHA-256 of a certificate in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func pinned(leaf *x509.Certificate, pins []string) bool {
	sum := Fingerprint(leaf)
	return slices.ContainsFunc(pins, func(p string) bool {
		p = strings.ToLower(strings.TrimSpace(p))
		return strings.ReplaceAll(p, ":", "") == sum || slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, p) })
	})
}
