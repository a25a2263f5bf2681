package systemtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Addresses of the stage. All servers of one kind share a port.
const (
	rootAddr  = "127.0.0.10" // the root and the top-level domain
	ns1Addr   = "127.0.0.11"
	ns2Addr   = "127.0.0.12"
	webAddr   = "127.0.0.20"
	otherAddr = "127.0.0.21"
)

// program finds a server that the tests need, also where only root looks.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path
		}
	}
	if os.Getenv("ZONEHOLD_TEST_SYSTEM") == "off" {
		t.Skipf("NOT TESTED: %s is missing and ZONEHOLD_TEST_SYSTEM=off", name)
	}
	t.Fatalf("%s is missing; install it (apt-get install %s) or run scripts/test, or set ZONEHOLD_TEST_SYSTEM=off to go without", name, pkg)
	return ""
}

func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir() && st.Mode()&0o111 != 0
}

// freePort finds a port that is free for TCP and UDP on all given addresses.
func freePort(t *testing.T, addrs ...string) int {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", addrs[0]+":0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if free(port, addrs) {
			return port
		}
	}
	t.Fatal("no free port on loopback")
	return 0
}

func free(port int, addrs []string) bool {
	for _, a := range addrs {
		hp := fmt.Sprintf("%s:%d", a, port)
		l, err := net.Listen("tcp", hp)
		if err != nil {
			return false
		}
		l.Close()
		p, err := net.ListenPacket("udp", hp)
		if err != nil {
			return false
		}
		p.Close()
	}
	return true
}

// start runs a server in the foreground until the test ends.
func start(t *testing.T, path string, args ...string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = endsWithTest()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), log.String())
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startKnot runs one Knot DNS on addr with the zones (name to master file).
func startKnot(t *testing.T, addr string, port int, zones map[string]string) {
	t.Helper()
	knotd := program(t, "knotd", "knot")
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, "server:\n  rundir: %q\n  listen: %s@%d\n  tcp-workers: 1\n  udp-workers: 1\n  background-workers: 1\n", dir, addr, port)
	fmt.Fprintf(&conf, "database:\n  storage: %q\nlog:\n  - target: stderr\n    any: warning\n", dir)
	fmt.Fprintf(&conf, "template:\n  - id: default\n    storage: %q\n    journal-content: none\n    zonefile-sync: -1\nzone:\n", dir)
	for name, text := range zones {
		file := strings.Trim(name, ".") + "zone"
		write(t, filepath.Join(dir, file), text)
		fmt.Fprintf(&conf, "  - domain: %q\n    file: %q\n", name, file)
	}
	path := filepath.Join(dir, "knot.conf")
	write(t, path, conf.String())
	start(t, knotd, "-c", path)
	for name := range zones {
		waitZone(t, fmt.Sprintf("%s:%d", addr, port), name)
	}
}

func waitZone(t *testing.T, server, zone string) {
	t.Helper()
	m := new(dns.Msg).SetQuestion(zone, dns.TypeSOA)
	c := &dns.Client{Timeout: 500 * time.Millisecond}
	var last error
	for range 600 {
		r, _, err := c.Exchange(m, server)
		if err == nil && r.Rcode == dns.RcodeSuccess && r.Authoritative {
			return
		}
		if last = err; err == nil {
			last = fmt.Errorf("rcode %s", dns.RcodeToString[r.Rcode])
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not serve %s: %v", server, zone, last)
}

// startNginx runs nginx with the given server blocks.
func startNginx(t *testing.T, servers string) {
	t.Helper()
	nginx := program(t, "nginx", "nginx-light")
	dir := t.TempDir()
	conf := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server_names_hash_bucket_size 128;
	types { text/html html; text/plain txt; }
	%[2]s
}
`, dir, servers)
	path := filepath.Join(dir, "nginx.conf")
	write(t, path, conf)
	start(t, nginx, "-p", dir, "-e", "stderr", "-c", path)
}

func waitTCP(t *testing.T, addr string) {
	t.Helper()
	for range 600 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %s", addr)
}

// certificate writes a self-made authority and a certificate for the names,
// and returns the paths of authority, certificate and key.
func certificate(t *testing.T, names []string) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	caTmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stage authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	caDER, err := x509.CreateCertificate(rand.Reader, caTmpl, caTmpl, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: caTmpl.NotBefore, NotAfter: caTmpl.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, caTmpl, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		return path
	}
	return put("ca.pem", "CERTIFICATE", caDER), put("cert.pem", "CERTIFICATE", der), put("key.pem", "PRIVATE KEY", keyDER)
}
