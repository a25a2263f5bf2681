package config

import (
	"encoding/base64"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite generated files")

func write(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t *testing.T, src Sources) *Config {
	t.Helper()
	c, err := Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := load(t, Sources{})
	if c.Listen != "127.0.0.1:8080" || c.DataDir != "./zonehold-data" || c.DNSPort != 53 ||
		c.RecheckInterval != 168*time.Hour || c.RecheckGrace != 168*time.Hour || c.NameserversMust != "all" ||
		c.CNAMEZone != "dcv.zonehold.invalid" || c.Exclusive || c.ChecksPerMinute != 120 || c.TargetChecksPerHour != 60 {
		t.Errorf("defaults are not those of the contract: %+v", c)
	}
	if diff := cmp.Diff([]uint16{80, 443}, c.HTTPPorts); diff != "" {
		t.Error(diff)
	}
	if len(c.DNSResolvers) != 3 || c.DNSResolvers[2] != netip.MustParseAddrPort("9.9.9.9:53") {
		t.Errorf("resolvers %v", c.DNSResolvers)
	}
	if !c.Has(RoleAPI) || !c.Has(RoleWorker) || c.Exposed() {
		t.Error("roles or exposure")
	}
	if got := c.Origin("listen").String(); got != "default" {
		t.Errorf("origin %q", got)
	}
}

func TestLayers(t *testing.T) {
	file := write(t, "zonehold.yaml", "listen: 127.0.0.1:1\ndns_port: 5301\nhttp_ports: [8080, 8443]\nlog_level: debug\n")
	c := load(t, Sources{
		File:    file,
		Environ: []string{"ZONEHOLD_DNS_PORT=5302", "ZONEHOLD_LISTEN=127.0.0.1:2", "ZONEHOLD_CNAME_ZONE=", "HOME=/"},
		Flags:   map[string]string{"listen": "127.0.0.1:3"},
	})
	want := map[string][2]string{
		"listen":     {"127.0.0.1:3", "flag --listen"},
		"dns_port":   {"5302", "environment ZONEHOLD_DNS_PORT"},
		"http_ports": {"8080,8443", "file zonehold.yaml:3"},
		"log_level":  {"debug", "file zonehold.yaml:4"},
		"cname_zone": {"dcv.zonehold.invalid", "default"},
	}
	for key, w := range want {
		if got := [2]string{c.Value(key), c.Origin(key).String()}; got != w {
			t.Errorf("%s: got %q, want %q", key, got, w)
		}
	}
	if c.LogLevel != slog.LevelDebug || c.DNSPort != 5302 || c.File() != file {
		t.Errorf("parsed values: %+v", c)
	}
}

// Where a list has a default, set and empty means none of it.
func TestEmptyMeansNone(t *testing.T) {
	if c := load(t, Sources{}); len(c.DNSResolvers) != 3 {
		t.Errorf("default resolvers: %v", c.DNSResolvers)
	}
	file := write(t, "zonehold.yaml", "dns_resolvers: []\n")
	for name, src := range map[string]Sources{
		"environment": {Environ: []string{"ZONEHOLD_DNS_RESOLVERS="}},
		"file":        {File: file},
		"flag":        {Flags: map[string]string{"dns_resolvers": ""}},
	} {
		if c := load(t, src); len(c.DNSResolvers) != 0 || c.Origin("dns_resolvers").Layer != name {
			t.Errorf("%s: %v from %s", name, c.DNSResolvers, c.Origin("dns_resolvers"))
		}
	}
}

func TestSecrets(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	dbFile := write(t, "db", "postgres://u:hunter2@db:5432/zonehold?sslpassword=pw2\n")
	c := load(t, Sources{Environ: []string{
		"ZONEHOLD_DATABASE_URL_FILE=" + dbFile, "ZONEHOLD_SECRET_KEY=" + key, "ZONEHOLD_TOKEN=zhp_secret", "ZONEHOLD_METRICS_TOKEN=m",
	}})
	if !strings.Contains(c.DatabaseURL, "hunter2") || len(c.SecretKey) != 32 || c.Token != "zhp_secret" {
		t.Fatal("secrets were not read")
	}
	if got := c.Origin("database_url").Where; got != "ZONEHOLD_DATABASE_URL_FILE" {
		t.Errorf("origin %q", got)
	}
	for _, k := range Keys() {
		for _, secret := range []string{"hunter2", "pw2", key, "zhp_secret"} {
			if strings.Contains(c.Value(k.Name), secret) {
				t.Errorf("%s shows a secret: %q", k.Name, c.Value(k.Name))
			}
		}
	}
	yamlFile := write(t, "z.yaml", "database_url_file: "+dbFile+"\n")
	if c := load(t, Sources{File: yamlFile}); c.DatabaseURL == "" {
		t.Error("database_url_file in YAML was not read")
	}
}

func TestErrors(t *testing.T) {
	empty := write(t, "empty", "\n")
	tests := []struct {
		name string
		src  Sources
		yaml string
		want []string
	}{
		{"listen", Sources{Environ: []string{"ZONEHOLD_LISTEN=8080"}}, "", []string{"listen (ZONEHOLD_LISTEN): write host:port"}},
		{"listen port", Sources{Environ: []string{"ZONEHOLD_LISTEN=:99999"}}, "", []string{"0 to 65535"}},
		{"port zero", Sources{Environ: []string{"ZONEHOLD_DNS_PORT=0"}}, "", []string{"from 1 to 65535"}},
		{"port sign", Sources{Environ: []string{"ZONEHOLD_HTTP_PORTS=80,+443"}}, "", []string{"+443"}},
		{"port twice", Sources{Environ: []string{"ZONEHOLD_HTTP_PORTS=80,80"}}, "", []string{"listed twice"}},
		{"no port", Sources{Flags: map[string]string{"http_ports": ""}}, "", []string{"at least one port"}},
		{"resolver name", Sources{Environ: []string{"ZONEHOLD_DNS_RESOLVERS=dns.google"}}, "", []string{"names are not looked up"}},
		{"resolver twice", Sources{Environ: []string{"ZONEHOLD_DNS_RESOLVERS=9.9.9.9,9.9.9.9:53"}}, "", []string{"listed twice"}},
		{"resolver zone", Sources{Environ: []string{"ZONEHOLD_DNS_FORWARD=fe80::1%eth0"}}, "", []string{"not an address"}},
		{"cidr host bits", Sources{Environ: []string{"ZONEHOLD_EGRESS_ALLOW=10.1.2.3/8"}}, "", []string{"did you mean 10.0.0.0/8?"}},
		{"cidr bare", Sources{Environ: []string{"ZONEHOLD_EGRESS_DENY=10.1.2.3"}}, "", []string{"10.1.2.3/32"}},
		{"cidr mapped", Sources{Environ: []string{"ZONEHOLD_EGRESS_DENY=::ffff:10.0.0.0/104"}}, "", []string{"written as IPv6"}},
		{"cidr all", Sources{Environ: []string{"ZONEHOLD_EGRESS_ALLOW=0.0.0.0/0"}}, "", []string{"switch the address guard off"}},
		{"cidr both", Sources{Environ: []string{"ZONEHOLD_EGRESS_ALLOW=10.0.0.0/8", "ZONEHOLD_EGRESS_DENY=10.0.0.0/8"}}, "", []string{"also in egress_allow"}},
		{"duration days", Sources{Environ: []string{"ZONEHOLD_RECHECK_INTERVAL=7d"}}, "", []string{"168h"}},
		{"duration range", Sources{Environ: []string{"ZONEHOLD_RECHECK_INTERVAL=1s"}}, "", []string{"out of range"}},
		{"bool", Sources{Environ: []string{"ZONEHOLD_EXCLUSIVE=yes"}}, "", []string{"true or false"}},
		{"word", Sources{Environ: []string{"ZONEHOLD_NAMESERVERS_MUST=any"}}, "", []string{"all or majority"}},
		{"int", Sources{Environ: []string{"ZONEHOLD_CHECKS_PER_MINUTE=0"}}, "", []string{"from 1 to"}},
		{"level", Sources{Environ: []string{"ZONEHOLD_LOG_LEVEL=INFO"}}, "", []string{"debug, info, warn or error"}},
		{"zone", Sources{Environ: []string{"ZONEHOLD_CNAME_ZONE=a..b"}}, "", []string{"not a DNS name"}},
		{"roles", Sources{Environ: []string{"ZONEHOLD_ROLES=api"}}, "", []string{"roles", "SQLite"}},
		{"role unknown", Sources{Environ: []string{"ZONEHOLD_ROLES=api,wrker"}}, "", []string{`"wrker" is not a role`}},
		{"database", Sources{Environ: []string{"ZONEHOLD_DATABASE_URL=mysql://u:hunter2@h/d"}}, "", []string{"postgres://user"}},
		{"secret key", Sources{Environ: []string{"ZONEHOLD_SECRET_KEY=hunter2"}}, "", []string{"openssl rand"}},
		{"secret both", Sources{Environ: []string{"ZONEHOLD_TOKEN=a", "ZONEHOLD_TOKEN_FILE=" + empty}}, "", []string{"keep one"}},
		{"secret empty", Sources{Environ: []string{"ZONEHOLD_TOKEN_FILE=" + empty}}, "", []string{"is empty"}},
		{"secret flag", Sources{Flags: map[string]string{"token": "hunter2"}}, "", []string{"ZONEHOLD_TOKEN_FILE"}},
		{"root hints", Sources{Environ: []string{"ZONEHOLD_DNS_ROOT_HINTS=/no/such"}}, "", []string{"dns_root_hints", "cannot be read"}},
		{"trust anchors", Sources{Environ: []string{"ZONEHOLD_DNS_TRUST_ANCHORS=/no/such"}}, "", []string{"dns_trust_anchors", "cannot be read"}},
		{"whois url", Sources{Environ: []string{"ZONEHOLD_WHOIS_ROOT=whois://x"}}, "", []string{"write a host"}},
		{"whois port", Sources{Environ: []string{"ZONEHOLD_WHOIS_ROOT=x.example:0"}}, "", []string{"from 1 to 65535"}},
		{"bootstrap", Sources{Environ: []string{"ZONEHOLD_RDAP_BOOTSTRAP=/no/such"}}, "", []string{"rdap_bootstrap", "cannot be read"}},
		{"bootstrap scheme", Sources{Environ: []string{"ZONEHOLD_RDAP_BOOTSTRAP=ftp://x/y"}}, "", []string{`"ftp" is not a scheme`}},
		{"bootstrap user", Sources{Environ: []string{"ZONEHOLD_RDAP_BOOTSTRAP=https://u:hunter2@x/y"}}, "", []string{"without a user"}},
		{"smtp", Sources{Environ: []string{"ZONEHOLD_SMTP_URL=http://u:hunter2@h"}}, "", []string{"smtps://"}},
		{"smtp broken", Sources{Environ: []string{"ZONEHOLD_SMTP_URL=smtp://u:hunter2@h:x", "ZONEHOLD_MAIL_FROM=a@b.example"}}, "", []string{"smtps://"}},
		{"smtp flag", Sources{Flags: map[string]string{"smtp_url": "smtp://u:hunter2@h"}}, "", []string{"ZONEHOLD_SMTP_URL_FILE"}},
		{"smtp without sender", Sources{Environ: []string{"ZONEHOLD_SMTP_URL=smtp://u:hunter2@h"}}, "", []string{"mail_from: give the address"}},
		{"sender", Sources{Environ: []string{"ZONEHOLD_MAIL_FROM=nobody"}}, "", []string{"not a bare mail address"}},
		{"sender with a name", Sources{Environ: []string{"ZONEHOLD_MAIL_FROM=Shop <proofs@shop.example>"}}, "", []string{"mail_from", "not a bare mail address"}},
		{"provider", Sources{Environ: []string{"ZONEHOLD_CLOUDFLARE_API_URL=api.example"}}, "", []string{"base URL"}},
		{"route 53", Sources{Environ: []string{"AWS_ENDPOINT_URL_ROUTE_53=https://u:hunter2@x"}}, "", []string{"aws_endpoint_url_route_53 (AWS_ENDPOINT_URL_ROUTE_53): write the base URL"}},
		{"parent", Sources{Environ: []string{"ZONEHOLD_PARENT_COVERS=all"}}, "", []string{"strict or any"}},
		{"switch", Sources{Environ: []string{"ZONEHOLD_EMAIL_PROVES=true"}}, "", []string{"on or off"}},
		{"utf8", Sources{Environ: []string{"ZONEHOLD_DATA_DIR=\xff"}}, "", []string{"UTF-8"}},
		{"server", Sources{Environ: []string{"ZONEHOLD_SERVER=http://u:hunter2@h/"}}, "", []string{"no user"}},
		{"file missing", Sources{File: "/no/such.yaml"}, "", []string{"opening the configuration file"}},
		{"unknown key", Sources{}, "dns_prot: 53\n", []string{"dns_prot (z.yaml:1)", "did you mean dns_port?"}},
		{"env style key", Sources{}, "log-level: info\n", []string{"did you mean log_level?"}},
		{"key twice", Sources{}, "dns_port: 53\ndns_port: 54\n", []string{"set twice, first at z.yaml:1"}},
		{"nested", Sources{}, "dns_port: {a: 1}\n", []string{"plain value"}},
		{"alias", Sources{}, "listen: &a :1\ndata_dir: *a\n", []string{"plain value"}},
		{"comma in list", Sources{}, "roles: ['api,worker']\n", []string{"comma"}},
		{"not a mapping", Sources{}, "- a\n", []string{"key: value"}},
		{"two documents", Sources{}, "listen: :1\n---\nlisten: :2\n", []string{"one YAML document"}},
		{"not yaml", Sources{}, "a: [", []string{"not valid YAML"}},
		{"several", Sources{Environ: []string{"ZONEHOLD_EXCLUSIVE=1"}}, "dns_port: x\n", []string{"dns_port (z.yaml:1)", "exclusive (ZONEHOLD_EXCLUSIVE)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.yaml != "" {
				tt.src.File = write(t, "z.yaml", tt.yaml)
			}
			_, err := Load(tt.src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error shows a secret: %q", err)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	anchors := write(t, "anchors", ". DS 20326 8 2 00\n")
	c := load(t, Sources{Environ: []string{
		"ZONEHOLD_DNS_TRUST_ANCHORS=" + anchors, "ZONEHOLD_WHOIS_ROOT=127.0.0.1:4343", "ZONEHOLD_RDAP_BOOTSTRAP=" + anchors,
		"ZONEHOLD_SMTP_URL=smtps://shop:hunter2@mail.example:465?password=pw2", "ZONEHOLD_MAIL_FROM=proofs@shop.example",
		"AWS_ENDPOINT_URL_ROUTE_53=http://127.0.0.1:8053/", "AWS_SECRET_ACCESS_KEY=hunter2", "ZONEHOLD_CLOUDFLARE_API_URL=https://cf.example/client/v4/",
		"ZONEHOLD_PARENT_COVERS=any", "ZONEHOLD_EMAIL_PROVES=off",
	}})
	got := []any{c.DNSTrustAnchors, c.WHOISRoot, c.RDAPBootstrap, c.MailFrom, c.Route53Endpoint, c.CloudflareURL, c.ParentCovers, c.EmailProves}
	want := []any{anchors, "127.0.0.1:4343", anchors, "proofs@shop.example", "http://127.0.0.1:8053", "https://cf.example/client/v4", "any", false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if v := c.Value("smtp_url"); !strings.Contains(v, "mail.example:465") || strings.Contains(v, "hunter2") || strings.Contains(v, "pw2") {
		t.Errorf("smtp_url is shown as %q", v)
	}
	if o := c.Origin("aws_endpoint_url_route_53").Where; o != "AWS_ENDPOINT_URL_ROUTE_53" || len(c.Warnings()) != 0 {
		t.Errorf("origin %q, warnings %v", o, c.Warnings())
	}
	if c = load(t, Sources{}); c.WHOISRoot != "whois.iana.org" || c.ParentCovers != "strict" || !c.EmailProves || c.Route53Endpoint != "" || c.CloudflareURL != "" {
		t.Errorf("defaults: %+v", c)
	}
	for _, ok := range []string{"whois.iana.org", "whois.iana.org:43", "[2001:db8::1]:43", "2001:db8::1", "[2001:db8::1]"} {
		if _, err := parseHostPort(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

func TestUnvalidated(t *testing.T) {
	file := write(t, "f", "x")
	for _, tt := range []struct {
		env  []string
		want bool
	}{
		{nil, false}, {[]string{"ZONEHOLD_DNS_ROOT_HINTS=" + file}, true},
		{[]string{"ZONEHOLD_DNS_ROOT_HINTS=" + file, "ZONEHOLD_DNS_TRUST_ANCHORS=" + file}, false},
		{[]string{"ZONEHOLD_DNS_FORWARD=9.9.9.9"}, true},
	} {
		if got := load(t, Sources{Environ: tt.env}).Unvalidated(); (got != "") != tt.want {
			t.Errorf("%v: %q", tt.env, got)
		}
	}
}

func TestUnknownEnvironmentWarns(t *testing.T) {
	c := load(t, Sources{
		File:    write(t, "z.yaml", "ct_logs: a\n"),
		Environ: []string{"ZONEHOLD_DNS_PROT=5", "ZONEHOLD_CT_LOGS=/x", "ZONEHOLD_AWS_ENDPOINT_URL_ROUTE_53=http://x", "ZONEHOLD_TEST_POSTGRES_URL=x", "ZONEHOLD_CONFIG=z.yaml"},
	})
	want := []string{
		"ct_logs (z.yaml:1) has no effect in this version",
		"ZONEHOLD_AWS_ENDPOINT_URL_ROUTE_53 is not a setting; did you mean aws_endpoint_url_route_53?",
		"ZONEHOLD_CT_LOGS has no effect in this version",
		"ZONEHOLD_DNS_PROT is not a setting; did you mean dns_port?",
	}
	if diff := cmp.Diff(want, c.Warnings()); diff != "" {
		t.Error(diff)
	}
}

func TestExposed(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "localhost:1": false, ":1": true, "0.0.0.0:1": true, "192.0.2.1:1": true,
	} {
		if c := load(t, Sources{Flags: map[string]string{"listen": listen}}); c.Exposed() != want {
			t.Errorf("%s: Exposed is not %v", listen, want)
		}
	}
}

func TestDocumentation(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Markdown(), string(got)); diff != "" {
		t.Errorf("%s is stale; run go test ./internal/config -update\n%s", path, diff)
	}
	for _, k := range Keys() {
		if k.Meaning == "" || !strings.HasSuffix(k.Meaning, ".") && !strings.HasSuffix(k.Meaning, "`") {
			t.Errorf("%s lacks a meaning", k.Name)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("listen: :1\nroles: [api]\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Config{values: map[string]string{}, origins: map[string]Origin{}}
		// A path in a …_file key would read this machine's files.
		if strings.Contains(string(data), "_file") {
			return
		}
		c.readYAML("z.yaml", data)
		for _, k := range keys {
			_ = k.set(c, c.values[k.Name])
		}
	})
}
