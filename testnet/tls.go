package testnet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// authority signs the certificates of the hosts.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
	leaf *ecdsa.PrivateKey // one key for all hosts: nothing here is secret
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "Testnet Root CA"},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().Add(10 * 365 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{
		key: key, cert: cert, leaf: leaf,
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// certFlaw is what is wrong with a certificate.
type certFlaw int

const (
	certGood certFlaw = iota
	certExpired
	certWrongName
	certSelfSigned
)

// issue makes a certificate for name with a flaw.
func (a *authority) issue(name string, flaw certFlaw) (*tls.Certificate, error) {
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    now.Add(-48 * time.Hour),
		NotAfter:     now.Add(90 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.cert, a.key
	switch flaw {
	case certExpired:
		tmpl.NotAfter = now.Add(-24 * time.Hour)
	case certWrongName:
		tmpl.Subject.CommonName, tmpl.DNSNames = "other-site.example", []string{"other-site.example"}
	case certSelfSigned:
		parent, signer = tmpl, a.leaf
	}
	if len(tmpl.Subject.CommonName) > 64 {
		tmpl.Subject.CommonName = "" // RFC 5280 appendix A.1 bounds it
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &a.leaf.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %s: %w", name, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.leaf}, nil
}

// CA is the PEM of the authority that signs the hosts' certificates.
func (n *Network) CA() []byte { return n.ca.pem }

// CertPool holds only the network's authority.
func (n *Network) CertPool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(n.ca.cert)
	return p
}
