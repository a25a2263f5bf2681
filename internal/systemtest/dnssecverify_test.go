package systemtest

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

// TestVerifyDNSSEC runs `zonehold verify` in an internet with a signed root: a
// proof counts where signatures are good or where there are none, and never
// where they are broken. The reason is in the answer.
func TestVerifyDNSSEC(t *testing.T) {
	t.Parallel()
	n, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	n.SignAll(testnet.SignOptions{})
	p, _ := zonehold.ProfileByName(zonehold.ProfileZonehold)
	hoster := n.Hoster("dns-host.net")
	cases := []struct {
		domain, method string
		change         func(z *testnet.Zone)
		exit           int
		code           string
		says           []string // in the document
	}{
		{"good.com", "dns-txt", func(*testnet.Zone) {}, 0, "", nil},
		{"nsec3.com", "dns-txt", func(z *testnet.Zone) { z.Sign(testnet.SignOptions{NSEC3: true, Salt: "ab"}) }, 0, "", nil},
		{"plain.com", "dns-txt", func(z *testnet.Zone) { z.Unsign() }, 0, "", nil},
		{"good.org", "dns-cname", func(*testnet.Zone) {}, 0, "", nil},
		{"good.net", "file", func(*testnet.Zone) {}, 0, "", nil},
		{"expired.com", "dns-txt", func(z *testnet.Zone) { z.SignFault(testnet.SignFaultExpired) }, 3, "dnssec_signature_expired", []string{"expired"}},
		{"expired.org", "dns-cname", func(z *testnet.Zone) { z.SignFault(testnet.SignFaultExpired) }, 3, "dnssec_signature_expired", []string{"expired"}},
		{"early.com", "dns-txt", func(z *testnet.Zone) { z.SignFault(testnet.SignFaultNotYetValid) }, 3, "dnssec_bogus", []string{"valid only from"}},
		{"wrongds.com", "dns-txt", func(z *testnet.Zone) { z.SetDS("4711 13 2 " + strings.Repeat("ab", 32)) }, 3, "dnssec_ds_mismatch", []string{"4711"}},
		{"moved.com", "dns-txt", func(z *testnet.Zone) {
			hoster.Undelegated("moved.com").Unsign().Add("_zonehold-challenge", "TXT", "token="+token)
			z.Delegate(hoster.NSNames()...)
		}, 3, "dnssec_signatures_missing", nil},
		{"stripped.com", "dns-txt", func(z *testnet.Zone) { z.SignFault(testnet.SignFaultStripped) }, 3, "dnssec_signatures_missing", nil},
		{"corrupt.com", "dns-txt", func(z *testnet.Zone) {
			z.SignFaultAt("_zonehold-challenge", "TXT", testnet.SignFaultCorrupt)
		}, 3, "dnssec_bogus", []string{"does not fit"}},
		{"expired.net", "file", func(z *testnet.Zone) { z.SignFault(testnet.SignFaultExpired) }, 3, "dnssec_signature_expired", nil},
	}
	for _, c := range cases {
		z := n.Zone(c.domain)
		switch c.method {
		case "dns-txt":
			z.Add("_zonehold-challenge", "TXT", "token="+token)
		case "dns-cname":
			z.Add("_zonehold-challenge", "CNAME", token+".dcv.zonehold.invalid.")
		case "file":
			n.Host(c.domain).Page(p.FilePath(token), 200, "text/plain", "token="+token)
		}
		c.change(z)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.hints"), n.RootHints())
	write(t, filepath.Join(dir, "root.key"), n.TrustAnchors())
	write(t, filepath.Join(dir, "ca.pem"), string(n.CA()))
	port := n.Ports()
	env := environment(t, "SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"),
		"ZONEHOLD_DNS_ROOT_HINTS="+filepath.Join(dir, "root.hints"), "ZONEHOLD_DNS_TRUST_ANCHORS="+filepath.Join(dir, "root.key"),
		"ZONEHOLD_DNS_PORT="+itoa(port.DNS), "ZONEHOLD_HTTP_PORTS="+itoa(port.HTTP)+","+itoa(port.HTTPS),
		"ZONEHOLD_EGRESS_ALLOW=127.0.0.0/8", "ZONEHOLD_DNS_RESOLVERS=")
	build(t)
	for _, c := range cases {
		t.Run(c.domain, func(t *testing.T) {
			out, errs, exit := run(t, env, "verify", c.domain, "--method", c.method, "--token", token, "--json")
			var doc struct {
				Verified bool
				Problem  *struct{ Code string }
			}
			if err := json.Unmarshal([]byte(out), &doc); err != nil {
				t.Fatalf("no JSON on standard output: %v\n%s\n%s", err, out, errs)
			}
			code := ""
			if doc.Problem != nil {
				code = doc.Problem.Code
			}
			if exit != c.exit || code != c.code || doc.Verified != (c.exit == 0) {
				t.Errorf("exit %d, code %q, verified %v; want exit %d, code %q\n%s\n%s", exit, code, doc.Verified, c.exit, c.code, out, errs)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func itoa(port uint16) string { return strconv.Itoa(int(port)) }
