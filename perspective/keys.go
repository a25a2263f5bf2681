package perspective

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// CertificateFor is what the certificates of Keys are valid for.
const CertificateFor = 2 * 365 * 24 * time.Hour

// KeyPair is a certificate with its key, both in PEM.
type KeyPair struct{ Cert, Key []byte }

// Authority signs the certificates of one installation.
type Authority struct {
	KeyPair
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority that is good for nothing but the two sides
// of perspectives.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Zonehold perspectives"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(5 * CertificateFor),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	pair, err := signed(t, t, key, key)
	if err != nil {
		return nil, err
	}
	return openAuthority(pair)
}

// OpenAuthority reads an authority that NewAuthority made.
func OpenAuthority(pair KeyPair) (*Authority, error) { return openAuthority(pair) }

func openAuthority(pair KeyPair) (*Authority, error) {
	certBlock, _ := pem.Decode(pair.Cert)
	keyBlock, _ := pem.Decode(pair.Key)
	if certBlock == nil || keyBlock == nil {
		return nil, errors.New("the authority's files are not PEM")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the authority's key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !cert.IsCA || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the authority's certificate and key do not belong together")
	}
	return &Authority{KeyPair: pair, cert: cert, key: key}, nil
}

// Server makes the certificate of a perspective for the names and addresses
// under which it is reached.
func (a *Authority) Server(now time.Time, name string, hosts []string) (KeyPair, error) {
	return a.issue(now, name, hosts, x509.ExtKeyUsageServerAuth)
}

// Client makes the certificate of those who ask.
func (a *Authority) Client(now time.Time, name string) (KeyPair, error) {
	return a.issue(now, name, []string{name}, x509.ExtKeyUsageClientAuth)
}

func (a *Authority) issue(now time.Time, name string, hosts []string, use x509.ExtKeyUsage) (KeyPair, error) {
	if !ValidName(name) || len(hosts) == 0 {
		return KeyPair{}, errors.New("a certificate wants a name of letters, digits, _ and -, and a host")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return KeyPair{}, fmt.Errorf("making a key: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(CertificateFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return signed(t, a.cert, key, a.key)
}

func signed(t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (KeyPair, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return KeyPair{}, fmt.Errorf("signing a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("writing a key: %w", err)
	}
	return KeyPair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
