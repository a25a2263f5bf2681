package systemtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold"
)

const (
	token    = "4qj2ayzi5r7k3wcbx6ndmfteu4shpo2l"
	oldToken = "zzj2ayzi5r7k3wcbx6ndmfteu4shpo2l"
)

// The program is built once for the whole package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "zonehold-system-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "zonehold")
	out, err := exec.Command("go", "build", "-o", path, "github.com/zonehold/zonehold/cmd/zonehold").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func build(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// zoneFile is a master file with the servers ns1 and ns2 and more lines.
func zoneFile(zone string, lines ...string) string {
	return fmt.Sprintf(`$ORIGIN %s
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ NS ns2
ns1 A %s
ns2 A %s
@ A %s
%s
`, zone, ns1Addr, ns2Addr, webAddr, strings.Join(lines, "\n"))
}

// stageCase is one domain of the stage and what the program must say of it.
type stageCase struct {
	domain  string
	method  string
	args    []string
	records []string // on both servers, unless only2 is set
	only1   []string // on the first server only
	nginx   string   // body of the host's server blocks
	exit    int
	code    string
}

func stageCases() []stageCase {
	p, _ := zonehold.ProfileByName(zonehold.ProfileZonehold)
	path := p.FilePath(token)
	good := "_zonehold-challenge TXT token=" + token
	page := func(head, body string) string {
		return fmt.Sprintf(`location = / { default_type text/html; return 200 '<!doctype html><html><head><title>Shop</title>%s</head><body>%s<p>Hello</p></body></html>'; }`, head, body)
	}
	tag := `<meta name="zonehold-verification" content="` + token + `">`
	file := func(body string) string {
		return fmt.Sprintf(`location = %s { default_type text/plain; return 200 '%s'; }`, path, body)
	}
	return []stageCase{
		{domain: "right.test", method: "dns-txt", records: []string{good}, exit: 0},
		{domain: "missing.test", method: "dns-txt", exit: 3, code: "dns_record_missing"},
		{domain: "doubled.test", method: "dns-txt", records: []string{"_zonehold-challenge.doubled.test TXT token=" + token}, exit: 3, code: "dns_doubled_label"},
		{domain: "wrongname.test", method: "dns-txt", records: []string{"@ TXT token=" + token}, exit: 3, code: "dns_wrong_name"},
		{domain: "quoted.test", method: "dns-txt", records: []string{`_zonehold-challenge TXT "\"token=` + token + `\""`}, exit: 3, code: "dns_value_quoted"},
		{domain: "old.test", method: "dns-txt", args: []string{"--old-token", oldToken}, records: []string{"_zonehold-challenge TXT token=" + oldToken}, exit: 3, code: "token_old"},
		{domain: "alias.test", method: "dns-txt", records: []string{"_zonehold-challenge CNAME somewhere.right.test."}, exit: 3, code: "dns_cname_conflict"},
		{domain: "disagree.test", method: "dns-txt", only1: []string{good}, exit: 3, code: "dns_nameservers_disagree"},
		{domain: "cname.test", method: "dns-cname", records: []string{"_zonehold-challenge CNAME " + token + ".dcv.zonehold.invalid."}, exit: 0},
		{domain: "file.test", method: "file", nginx: file("token=" + token), exit: 0},
		{domain: "nofile.test", method: "file", nginx: page("", ""), exit: 3, code: "http_not_found"},
		{domain: "soft404.test", method: "file", nginx: `location / { default_type text/html; return 200 '<!doctype html><title>Shop</title><p>Welcome'; }`, exit: 3, code: "http_soft_404"},
		{domain: "redirect.test", method: "file", nginx: `location / { return 302 $scheme://elsewhere.test:$server_port$request_uri; }`, exit: 3, code: "http_redirected_off_host"},
		{domain: "elsewhere.test", method: "file", nginx: file("token=" + token), exit: 0},
		{domain: "head.test", method: "meta-tag", nginx: page(tag, ""), exit: 0},
		{domain: "body.test", method: "meta-tag", nginx: page("", tag), exit: 3, code: "meta_in_body"},
		{domain: "notag.test", method: "meta-tag", nginx: page("", ""), exit: 3, code: "meta_missing"},
	}
}

// stage starts the name servers and the web server, and returns the
// environment of a program that lives in this internet.
func stage(t *testing.T, cases []stageCase) []string {
	t.Helper()
	dnsPort := freePort(t, rootAddr, ns1Addr, ns2Addr)
	httpPort, httpsPort := freePort(t, webAddr, otherAddr), freePort(t, webAddr, otherAddr)
	delegations := []string{"@ SOA a.ns.test. hostmaster.test. 1 3600 600 86400 60", "@ NS a.ns.test.", "a.ns A " + rootAddr}
	zones1, zones2 := map[string]string{}, map[string]string{}
	var names []string
	var blocks strings.Builder
	ca, cert, key := "", "", ""
	for _, c := range cases {
		names = append(names, c.domain)
		label := strings.TrimSuffix(c.domain, ".test")
		delegations = append(delegations, fmt.Sprintf("%[1]s NS ns1.%[1]s\n%[1]s NS ns2.%[1]s\nns1.%[1]s A %[2]s\nns2.%[1]s A %[3]s", label, ns1Addr, ns2Addr))
		zones1[c.domain+"."] = zoneFile(c.domain+".", append(append([]string{}, c.records...), c.only1...)...)
		zones2[c.domain+"."] = zoneFile(c.domain+".", c.records...)
	}
	ca, cert, key = certificate(t, names)
	for _, c := range cases {
		if c.nginx != "" {
			fmt.Fprintf(&blocks, "server { listen %s:%d; listen %s:%d ssl; ssl_certificate %s; ssl_certificate_key %s; server_name %s; %s }\n",
				webAddr, httpPort, webAddr, httpsPort, cert, key, c.domain, c.nginx)
		}
	}
	root := fmt.Sprintf("$ORIGIN .\n$TTL 60\n@ SOA a.root. hostmaster.root. 1 3600 600 86400 60\n@ NS a.root.\na.root. A %s\ntest. NS a.ns.test.\na.ns.test. A %s\n", rootAddr, rootAddr)
	startKnot(t, rootAddr, dnsPort, map[string]string{".": root, "test.": "$ORIGIN test.\n$TTL 60\n" + strings.Join(delegations, "\n") + "\n"})
	startKnot(t, ns1Addr, dnsPort, zones1)
	startKnot(t, ns2Addr, dnsPort, zones2)
	startNginx(t, blocks.String())
	waitTCP(t, fmt.Sprintf("%s:%d", webAddr, httpsPort))

	hints := filepath.Join(t.TempDir(), "root.hints")
	write(t, hints, fmt.Sprintf(". 3600 NS a.root.\na.root. 3600 A %s\n", rootAddr))
	return append(os.Environ(), "HOME="+t.TempDir(), "SSL_CERT_FILE="+ca,
		"ZONEHOLD_DNS_ROOT_HINTS="+hints, fmt.Sprintf("ZONEHOLD_DNS_PORT=%d", dnsPort),
		fmt.Sprintf("ZONEHOLD_HTTP_PORTS=%d,%d", httpPort, httpsPort),
		"ZONEHOLD_EGRESS_ALLOW=127.0.0.0/8", "ZONEHOLD_DNS_RESOLVERS=")
}

// TestVerify runs `zonehold verify` against Knot DNS and nginx.
func TestVerify(t *testing.T) {
	t.Parallel()
	cases := stageCases()
	env := stage(t, cases)
	bin := build(t)
	for _, tt := range cases {
		t.Run(tt.domain, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"verify", tt.domain, "--method", tt.method, "--token", token, "--json"}, tt.args...)
			cmd := exec.Command(bin, args...)
			cmd.Env = env
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			exit := 0
			var ee *exec.ExitError
			if errors.As(err, &ee) {
				exit = ee.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Verified bool
				Outcome  string
				Problem  *struct{ Code, Found string }
			}
			if err := json.Unmarshal(out, &doc); err != nil {
				t.Fatalf("no JSON on standard output: %v\n%s\n%s", err, out, stderr.String())
			}
			code := ""
			if doc.Problem != nil {
				code = doc.Problem.Code
			}
			if exit != tt.exit || code != tt.code || doc.Verified != (tt.exit == 0) {
				t.Errorf("exit %d, code %q, verified %v; want exit %d, code %q\n%s\n%s", exit, code, doc.Verified, tt.exit, tt.code, out, stderr.String())
			}
		})
	}
}
