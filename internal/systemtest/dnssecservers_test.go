package systemtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Addresses of the servers of the DNSSEC tests. Name servers are at port 53,
// because a resolver knows no other.
const (
	knotAddr    = "127.0.3.1"
	nsdAddr     = "127.0.3.2"
	unboundAddr = "127.0.3.3"
	guardAddr   = "127.0.3.4" // held by the run whose turn it is
)

// needsPort53 waits until no other run of these tests has port 53 of the
// addresses. It skips a test where that port is not for this user; in CI that
// is a failure.
func needsPort53(t *testing.T) {
	t.Helper()
	turn := guardAddr + ":53"
	for end := time.Now().Add(5 * patience); ; time.Sleep(100 * time.Millisecond) {
		p, err := net.ListenPacket("udp", turn)
		switch {
		case err == nil:
			t.Cleanup(func() { p.Close() })
			return
		case errors.Is(err, syscall.EACCES) && os.Getenv("CI") != "true":
			t.Skip("NOT TESTED: a resolver asks name servers at port 53, which only root may open here; run this test as root")
		case !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end):
			t.Fatalf("opening port 53 on loopback: %v", err)
		}
	}
}

// startPolitely is start for servers with processes of their own, which have
// to end them.
func startPolitely(t *testing.T, path string, args ...string) *output {
	t.Helper()
	log := &output{}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = endsWithTest()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("%s does not end when told to", filepath.Base(path))
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), tail(log.String()))
		}
	})
	return log
}

// startNSD runs NSD with zones that are signed already (name to master file).
func startNSD(t *testing.T, zones map[string]string) {
	t.Helper()
	nsd := program(t, "nsd", "nsd")
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
	ip-address: %s@53
	do-ip6: no
	server-count: 1
	username: ""
	chroot: ""
	database: ""
	logfile: ""
	zonesdir: "%[2]s"
	zonelistfile: "%[2]s/zone.list"
	xfrdfile: "%[2]s/xfrd.state"
	xfrdir: "%[2]s"
	pidfile: "%[2]s/nsd.pid"
remote-control:
	control-enable: no
`, nsdAddr, dir)
	for name, text := range zones {
		write(t, filepath.Join(dir, name+".zone"), text)
		fmt.Fprintf(&conf, "zone:\n\tname: %q\n\tzonefile: %q\n", name, name+".zone")
	}
	path := filepath.Join(dir, "nsd.conf")
	write(t, path, conf.String())
	startPolitely(t, nsd, "-d", "-c", path)
	for name := range zones {
		waitZone(t, nsdAddr+":53", dns.Fqdn(name))
	}
}

// knotZone is a zone that Knot DNS signs itself.
type knotZone struct {
	text   string // master file
	policy string // how, in Knot's words: "algorithm: ed25519; nsec3: on"
}

// startSigner runs Knot DNS with zones that it signs.
func startSigner(t *testing.T, zones map[string]knotZone) {
	t.Helper()
	knotd := program(t, "knotd", "knot")
	dir := t.TempDir()
	var policies, list strings.Builder
	for name, z := range zones {
		file := name + ".zone"
		write(t, filepath.Join(dir, file), z.text)
		fmt.Fprintf(&policies, "  - id: %q\n    single-type-signing: on\n    %s\n", name, strings.ReplaceAll(z.policy, "; ", "\n    "))
		fmt.Fprintf(&list, "  - domain: %q\n    file: %q\n    dnssec-signing: on\n    dnssec-policy: %q\n", name, file, name)
	}
	path := filepath.Join(dir, "knot.conf")
	write(t, path, fmt.Sprintf(`server:
  rundir: %[1]q
  listen: %[2]s@53
  tcp-workers: 1
  udp-workers: 1
  background-workers: 1
database:
  storage: %[1]q
log:
  - target: stderr
    any: warning
policy:
%[3]stemplate:
  - id: default
    storage: %[1]q
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
%[4]s`, dir, knotAddr, policies.String(), list.String()))
	startPolitely(t, knotd, "-c", path)
	for name := range zones {
		waitZone(t, knotAddr+":53", dns.Fqdn(name))
	}
}

// dsOf are the values of the DS records of what a server shows as its keys.
func dsOf(t *testing.T, addr, zone string) []string {
	t.Helper()
	m := new(dns.Msg).SetQuestion(dns.Fqdn(zone), dns.TypeDNSKEY)
	r, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(m, addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range r.Answer {
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags&dns.SEP != 0 {
			ds := k.ToDS(dns.SHA256)
			out = append(out, fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest))
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no keys at %s", zone, addr)
	}
	return out
}

// unbound is a running resolver.
type unbound struct {
	at  string
	log *output
}

// startUnbound runs Unbound from the given hints and trust anchors. Its limit
// of NSEC3 iterations is set to ours.
func startUnbound(t *testing.T, hints, anchors string) *unbound {
	t.Helper()
	path := program(t, "unbound", "unbound")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.hints"), hints)
	write(t, filepath.Join(dir, "root.key"), anchors)
	port := freePort(t, unboundAddr)
	conf := filepath.Join(dir, "unbound.conf")
	write(t, conf, fmt.Sprintf(`server:
	interface: %[2]s
	outgoing-interface: %[2]s
	port: %[3]d
	access-control: 127.0.0.0/8 allow
	do-not-query-localhost: no
	do-ip6: no
	do-daemonize: no
	num-threads: 1
	use-syslog: no
	logfile: ""
	username: ""
	chroot: ""
	directory: "%[1]s"
	pidfile: ""
	module-config: "validator iterator"
	root-hints: "%[1]s/root.hints"
	trust-anchor-file: "%[1]s/root.key"
	val-nsec3-keysize-iterations: "1024 50 2048 50 4096 50"
	val-log-level: 2
	ede: yes
	aggressive-nsec: no
	qname-minimisation: no
	val-bogus-ttl: 1
	infra-host-ttl: 1
	infra-cache-min-rtt: 2000
remote-control:
	control-enable: no
`, dir, unboundAddr, port))
	u := &unbound{at: fmt.Sprintf("%s:%d", unboundAddr, port)}
	u.log = startPolitely(t, path, "-d", "-c", conf)
	end := time.Now().Add(patience)
	for {
		r, err := u.ask(".", dns.TypeSOA, false)
		if err == nil && r.Rcode == dns.RcodeSuccess && r.AuthenticatedData {
			return u
		}
		if time.Now().After(end) {
			t.Fatalf("Unbound does not validate the root: %v\n%v", err, r)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// ask asks over TCP, so that no answer is lost.
func (u *unbound) ask(name string, qtype uint16, unchecked bool) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, true)
	m.CheckingDisabled = unchecked
	r, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(m, u.at)
	return r, err
}
