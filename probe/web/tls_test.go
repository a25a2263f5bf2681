package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func ok(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

func TestTLS(t *testing.T) {
	good := testCA().good("example.com")
	stranger := newCA().good("example.com")
	for name, tc := range map[string]struct {
		conf *tls.Config
		kind ErrorKind
		info bool // the handshake got as far as a certificate
	}{
		"good":           {&tls.Config{Certificates: []tls.Certificate{*good}}, "", true},
		"TLS 1.2":        {&tls.Config{Certificates: []tls.Certificate{*good}, MaxVersion: tls.VersionTLS12}, "", true},
		"wildcard":       {&tls.Config{Certificates: []tls.Certificate{*testCA().good("*.com", "example.com")}}, "", true},
		"TLS 1.1":        {&tls.Config{Certificates: []tls.Certificate{*good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, KindTLS, false},
		"wrong name":     {&tls.Config{Certificates: []tls.Certificate{*testCA().good("example.org", "www.example.com")}}, KindTLSName, true},
		"expired":        {&tls.Config{Certificates: []tls.Certificate{*testCA().issue(time.Now().Add(-time.Hour), "example.com")}}, KindTLSExpired, true},
		"unknown issuer": {&tls.Config{Certificates: []tls.Certificate{*stranger}}, KindTLSUntrusted, true},
		"self-signed":    {&tls.Config{Certificates: []tls.Certificate{*selfSigned(t, "example.com")}}, KindTLSUntrusted, true},
		"no certificate": {&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, KindTLS, false},
		"wants ours":     {&tls.Config{Certificates: []tls.Certificate{*good}, ClientAuth: tls.RequireAnyClientCert}, KindTLS, true},
		"wants ours 1.2": {&tls.Config{Certificates: []tls.Certificate{*good}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, KindTLS, true},
		"other protocol": {&tls.Config{Certificates: []tls.Certificate{*good}, NextProtos: []string{"x-other"}}, KindTLS, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			l.serve(v4, 443, http.HandlerFunc(ok), tc.conf)
			f := l.fetch("https://example.com/")
			wantKind(t, f, tc.kind)
			if tc.kind == "" && string(f.Body) != "ok" {
				t.Errorf("body %q", f.Body)
			}
			info := f.Hops[0].TLS
			if (info != nil) != tc.info {
				t.Fatalf("TLS details %+v", info)
			}
			if info == nil {
				return
			}
			leaf, err := x509.ParseCertificate(tc.conf.Certificates[0].Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(leaf.Raw)
			if info.SHA256 != hex.EncodeToString(sum[:]) || len(info.Chain) == 0 ||
				info.Subject != leaf.Subject.String() || info.Issuer != leaf.Issuer.String() ||
				strings.Join(info.DNSNames, " ") != strings.Join(leaf.DNSNames, " ") ||
				!info.NotAfter.Equal(leaf.NotAfter) || !info.NotBefore.Equal(leaf.NotBefore) ||
				!strings.HasPrefix(info.Version, "TLS 1.") || info.Cipher == "" {
				t.Errorf("TLS details %+v", info)
			}
		})
	}
}

func selfSigned(t *testing.T, host string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Without roots of its own a client trusts the platform's, and those follow
// SSL_CERT_FILE.
func TestPlatformRoots(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testCA().cert.Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file) // read once per process; no other test needs it
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4, v4b})
	l.handleTLS(v4, 443, testCA().good("example.com"), ok)
	l.handleTLS(v4b, 443, newCA().good("example.com"), ok)
	c := l.client(func(cfg *Config) { cfg.RootCAs = nil })
	wantKind(t, c.Fetch(t.Context(), Request{URL: "https://example.com/", Addr: v4}), "")
	wantKind(t, c.Fetch(t.Context(), Request{URL: "https://example.com/", Addr: v4b}), KindTLSUntrusted)
}

func TestServerName(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	names := make(chan string, 1)
	cert := testCA().good("example.com")
	l.serve(v4, 443, http.HandlerFunc(ok), &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		names <- h.ServerName
		return cert, nil
	}})
	wantKind(t, l.fetch("https://example.com/"), "")
	if got := <-names; got != "example.com" {
		t.Errorf("server name %q", got)
	}
}

func TestLongChain(t *testing.T) {
	cert := testCA().good("example.com")
	for range 30 {
		cert.Certificate = append(cert.Certificate, testCA().cert.Raw)
	}
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.handleTLS(v4, 443, cert, ok)
	f := l.fetch("https://example.com/")
	wantKind(t, f, "")
	if n := len(f.Hops[0].TLS.Chain); n != 10 {
		t.Errorf("%d certificates kept", n)
	}
}

func TestManyNames(t *testing.T) {
	hosts := []string{"example.com"}
	for range 999 {
		hosts = append(hosts, "x.example.com")
	}
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.handleTLS(v4, 443, testCA().good(hosts...), ok)
	f := l.fetch("https://example.com/")
	wantKind(t, f, "")
	if n := len(f.Hops[0].TLS.DNSNames); n != 100 {
		t.Errorf("%d names kept", n)
	}
}

// What speaks on a TLS port, and what speaks TLS on a plain one.
func TestPortMixUps(t *testing.T) {
	for _, tc := range []struct {
		name, url, answer string
		kind              ErrorKind
	}{
		{"HTTP on 443", "https", "HTTP/1.1 400 Bad Request\r\n\r\n", KindHTTPOnHTTPS},
		{"bare page on 443", "https", "<html>\r\n<head><title>400 Bad Request</title>", KindHTTPOnHTTPS},
		{"SSH on 443", "https", "SSH-2.0-OpenSSH_9.9\r\n", KindTLS},
		{"alert on 443", "https", "\x15\x03\x01\x00\x02\x02\x28", KindTLS},
		{"closed on 443", "https", "", KindReset},
		{"half a record on 443", "https", "\x16\x03\x03\x00\x40\x02", KindReset},
		{"alert on 80", "http", "\x15\x03\x01\x00\x02\x02\x0a", KindHTTPSOnHTTP},
		{"page on 80", "http", "HTTP/1.1 400 Bad Request\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>", KindHTTPSOnHTTP},
		{"other 400", "http", "HTTP/1.1 400 Bad Request\r\n\r\nno", ""},
		{"page with 200", "http", "HTTP/1.1 200 OK\r\n\r\nThe plain HTTP request was sent to HTTPS port", ""},
		{"HTTP/2 on 80", "http", "\x00\x00\x12\x04\x00\x00\x00\x00\x00", KindProtocol},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			serve := func(c net.Conn) {
				c.Read(make([]byte, 4096))
				io.WriteString(c, tc.answer)
			}
			l.raw(v4, 80, serve)
			l.raw(v4, 443, serve)
			f := l.fetch(tc.url + "://example.com/")
			wantKind(t, f, tc.kind)
			if tc.kind != "" && f.Err.Addr != v4 || errors.Is(f.Err, ErrHTTP2) != strings.HasPrefix(tc.name, "HTTP/2") {
				t.Errorf("error %+v", f.Err)
			}
		})
	}
}

// A real TLS server that is asked in plain text.
func TestPlainToTLSServer(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.handleTLS(v4, 80, testCA().good("example.com"), ok)
	f := l.fetch("http://example.com/")
	wantKind(t, f, KindHTTPSOnHTTP)
	if f.Status != http.StatusBadRequest {
		t.Errorf("status %d", f.Status)
	}
}
