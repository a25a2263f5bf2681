package diagnose

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/problem"
)

func TestHost(t *testing.T) {
	tests := []struct {
		ns   []string
		want string
	}{
		{[]string{"ada.ns.cloudflare.com", "bob.ns.cloudflare.com"}, "Cloudflare"},
		{[]string{"ADA.NS.CLOUDFLARE.COM."}, "Cloudflare"},
		{[]string{"ns-12.awsdns-01.com", "ns-1234.awsdns-26.co.uk"}, "Amazon Route 53"},
		{[]string{"ns1.digitalocean.com"}, "DigitalOcean"},
		{[]string{"ns-cloud-a1.googledomains.com"}, "Google Cloud DNS"},
		{[]string{"ns1-07.azure-dns.com", "ns2-07.azure-dns.net"}, "Azure DNS"},
		{[]string{"ns51.domaincontrol.com"}, "GoDaddy"},
		{[]string{"ns1.example.com", "ada.ns.cloudflare.com"}, "Cloudflare"},
		{[]string{"ns-12.awsdns-01.com", "ada.ns.cloudflare.com"}, ""},
		{[]string{"ns.cloudflare.com"}, ""},
		{[]string{"evilns.cloudflare.com.example.net"}, ""},
		{[]string{"xdigitalocean.com", "notns1.digitalocean.com"}, ""},
		{[]string{"", ".", strings.Repeat("a.", 200)}, ""},
		{nil, ""},
	}
	for _, tt := range tests {
		got := ""
		if h := Host(tt.ns); h != nil {
			got = h.Name
		}
		if got != tt.want {
			t.Errorf("Host(%q) = %q, want %q", tt.ns, got, tt.want)
		}
	}
}

func TestHostTable(t *testing.T) {
	names := map[string]bool{}
	patterns := map[string]string{}
	for _, row := range append(append([]hostRow(nil), dnsHosts...), parkingHosts...) {
		if names[row.host.Name] {
			t.Errorf("%s has two rows", row.host.Name)
		}
		names[row.host.Name] = true
		for _, p := range row.patterns {
			if p != strings.ToLower(p) || strings.HasSuffix(p, ".") || strings.Count(p, "*") > 1 {
				t.Errorf("%s: bad pattern %q", row.host.Name, p)
			}
			if other := patterns[p]; other != "" {
				t.Errorf("%q is of %s and of %s", p, other, row.host.Name)
			}
			patterns[p] = row.host.Name
		}
	}
	for _, row := range dnsHosts {
		if u, err := url.Parse(row.host.ControlPanelURL); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: bad address %q of the panel", row.host.Name, row.host.ControlPanelURL)
		}
	}
	if len(dnsHosts) < 60 {
		t.Errorf("%d hosts", len(dnsHosts))
	}
}

// Every code that can come out is in the catalogue, and every plain miss
// stands at the end of the order.
func TestOrderOfCauses(t *testing.T) {
	lastBetter := 0
	for i, c := range causes {
		if c.code == "" {
			continue
		}
		if _, ok := problem.Lookup(c.code); !ok {
			t.Errorf("%s is not in the catalogue", c.code)
		}
		if c.find != nil && !plainMiss[c.code] {
			lastBetter = i
		}
	}
	for i, c := range causes {
		if plainMiss[c.code] && c.find == nil && i < lastBetter {
			t.Errorf("the plain miss %s (row %d) hides causes after it", c.code, i)
		}
	}
	for code := range plainMiss {
		if nearMiss[code] && !strings.HasSuffix(string(code), "_mismatch") {
			t.Errorf("%s is a plain and a near miss", code)
		}
	}
	for code := range nearMiss {
		if _, ok := problem.Lookup(code); !ok {
			t.Errorf("%s is not in the catalogue", code)
		}
	}
}
