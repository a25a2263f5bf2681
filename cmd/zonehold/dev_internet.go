package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
)

// devInternet is the fake internet of `zonehold dev`.
type devInternet struct {
	*testnet.Network
	cache      *testnet.Resolver
	registries *testnet.Registries
	mail       *testnet.MailServer
	shared     bool // other processes on this machine can reach it
}

// What the visitor of the fake internet is given. None of it is a secret.
const (
	devAddress   = "visitor@mail.example" // confirmed, and a contact of every domain
	devFrom      = "proofs@zonehold.example"
	devToken     = "dev-cloudflare-token-1"
	devAccessKey = "AKIADEVDEVDEVDEVDEV1"
	devSecretKey = "devdevdevdevdevdevdevdevdevdevdevdevdev1"
)

// devRanges are the addresses of a shared fake internet, see
// testnet.NewOnLoopback.
var devRanges = []netip.Prefix{netip.MustParsePrefix("127.45.0.0/16"), netip.MustParsePrefix("127.46.0.0/16")}

// openInternet starts a fake internet that other processes can reach, or one
// for this process alone where the system does not give out those addresses.
func openInternet() (*devInternet, error) {
	d := &devInternet{shared: true}
	var err error
	if d.Network, err = testnet.NewOnLoopback(testnet.Ports{}); err != nil {
		return openPrivateInternet()
	}
	return d.furnish(), nil
}

func openPrivateInternet() (*devInternet, error) {
	n, err := testnet.New()
	if err != nil {
		return nil, err
	}
	return (&devInternet{Network: n}).furnish(), nil
}

func (d *devInternet) furnish() *devInternet {
	d.SignAll(testnet.SignOptions{})
	d.cache = d.Resolver()
	aws := testnet.NewRoute53().AddKey(testnet.Route53Key{ID: devAccessKey, Secret: devSecretKey})
	flare := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: devToken})
	for _, name := range devDomains {
		var servers []string
		for _, s := range d.Zone(name).Servers() {
			servers = append(servers, s.Name())
		}
		aws.AddZone(testnet.Route53Zone{Name: name, NameServers: servers})
		flare.AddZone(testnet.CloudflareZone{Name: name, NameServers: servers})
		d.Host(name).Page("/", http.StatusOK, "text/html; charset=utf-8",
			"<!doctype html><html><head><title>"+name+"</title></head><body><h1>"+name+"</h1></body></html>\n")
	}
	d.Host("route53.amazonaws.com").Handle("", aws)
	d.Host("api.cloudflare.com").Handle("", flare)
	d.registries = d.NewRegistries()
	for _, name := range devDomains {
		d.registries.Register(testnet.Registration{Domain: name, Registrant: testnet.Person{Name: "Visitor", Email: devAddress}})
	}
	d.mail = d.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	return d
}

// outside is that of a service that lives in the fake internet.
func (d *devInternet) outside(cfg *config.Config) (outside, error) {
	guard := probe.GuardConfig{}
	if d.shared {
		guard.Allow = devRanges
	}
	dialer := &probe.Dialer{Guard: probe.NewGuard(guard), Route: d.route, Timeout: 2 * time.Second}
	roots, err := dns.ParseRootHints(strings.NewReader(d.RootHints()))
	if err != nil {
		return outside{}, err
	}
	anchors, err := dns.ParseTrustAnchors(strings.NewReader(d.TrustAnchors()))
	if err != nil {
		return outside{}, err
	}
	here := *cfg
	here.WHOISRoot, here.RDAPBootstrap = d.registries.WHOISRoot(), d.registries.BootstrapURL()
	here.SMTPURL, here.MailFrom = d.mail.URL(), devFrom
	here.Route53Endpoint, here.CloudflareURL = "", "" // the usual names lead to fake ones
	return reach(&here, ways{
		dialer: dialer, roots: d.CertPool(),
		dns: dns.Config{Dialer: dialer, Roots: roots, TrustAnchors: anchors, QueryTimeout: 500 * time.Millisecond, Recursive: []netip.AddrPort{d.cache.Addr()}},
		web: web.Config{Dialer: dialer, RootCAs: d.CertPool(), Timeout: 5 * time.Second},
	})
}

// route leads the service from the ports of the real world to those that the
// fake one could get without privileges. Other processes need the settings of
// writeEnv for that.
func (d *devInternet) route(a netip.AddrPort) (netip.AddrPort, bool) {
	p := d.Ports()
	if port := map[uint16]uint16{53: p.DNS, 80: p.HTTP, 443: p.HTTPS}[a.Port()]; port != 0 {
		a = netip.AddrPortFrom(a.Addr(), port)
	}
	return d.Route(a)
}

// writeEnv writes a file for the shell that takes a terminal into the fake
// internet, and returns its path.
func (d *devInternet) writeEnv(dir, server, token string) (string, error) {
	vars := [][2]string{{"ZONEHOLD_SERVER", server}, {"ZONEHOLD_TOKEN", token}, {"ZONEHOLD_DATA_DIR", dataDir(dir)}}
	files := map[string]string{
		"cloudflare": devToken + "\n",
		"aws":        "[default]\naws_access_key_id = " + devAccessKey + "\naws_secret_access_key = " + devSecretKey + "\n",
	}
	if d.shared {
		files["root.hints"], files["anchors"], files["ca.pem"] = d.RootHints(), d.TrustAnchors(), string(d.CA())
		files["rdap.json"] = string(d.registries.Bootstrap())
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	if d.shared {
		p := d.Ports()
		vars = append(vars, [][2]string{
			{"ZONEHOLD_DNS_ROOT_HINTS", filepath.Join(dir, "root.hints")},
			{"ZONEHOLD_DNS_TRUST_ANCHORS", filepath.Join(dir, "anchors")},
			{"ZONEHOLD_WHOIS_ROOT", d.registries.WHOISRoot()},
			{"ZONEHOLD_RDAP_BOOTSTRAP", filepath.Join(dir, "rdap.json")},
			{"ZONEHOLD_DNS_PORT", fmt.Sprint(p.DNS)},
			{"ZONEHOLD_DNS_RESOLVERS", d.cache.Addr().String()},
			{"ZONEHOLD_HTTP_PORTS", fmt.Sprintf("%d,%d", p.HTTP, p.HTTPS)},
			{"ZONEHOLD_EGRESS_ALLOW", devRanges[0].String() + "," + devRanges[1].String()},
			{"SSL_CERT_FILE", filepath.Join(dir, "ca.pem")},
			{"XDG_STATE_HOME", filepath.Join(dir, "state")},
		}...)
	}
	var b strings.Builder
	for _, v := range vars {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], shellQuote(v[1]))
	}
	if self, err := os.Executable(); err == nil {
		// The program may have been built and started by `go run`.
		bin := filepath.Join(dir, "bin")
		if os.Mkdir(bin, 0o700) == nil && os.Symlink(self, filepath.Join(bin, "zonehold")) == nil {
			fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", shellQuote(bin))
		}
	}
	env := filepath.Join(dir, "env")
	return env, os.WriteFile(env, []byte(b.String()), 0o600)
}

// dataDir is the folder of the service within that of a run of dev.
func dataDir(dir string) string { return filepath.Join(dir, "data") }

// shellQuote quotes a word for a POSIX shell if it needs that.
func shellQuote(s string) string {
	const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=@%+"
	if s != "" && strings.Trim(s, harmless) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
