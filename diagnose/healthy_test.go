package diagnose_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// odd is a setup that proves the claim, whatever else is strange about it.
type odd struct {
	name    string
	method  zonehold.Method
	profile zonehold.ProfileName
	host    string
	setup   func(*bench)
	note    problem.Code // told, if not empty
}

// TestHealthy holds the detectors back: none of these has a problem.
func TestHealthy(t *testing.T) {
	place := func(b *bench) { b.Place(b.m, b.claim) }
	for _, o := range []odd{
		{name: "white_space_around", method: txt, note: "dns_value_whitespace", setup: func(b *bench) { b.txt(b.name(), "  "+b.value()+"\n") }},
		{name: "byte_order_mark_around", method: txt, note: "dns_value_whitespace", setup: func(b *bench) { b.txt(b.name(), "\ufeff"+b.value()) }},
		{name: "split_in_strings", method: txt, note: "dns_value_split_long", setup: func(b *bench) { b.txt(b.name(), b.value()[:5], b.value()[5:]) }},
		{name: "many_values", method: txt, note: "dns_many_values", setup: func(b *bench) {
			b.txt(b.name(), "token="+b.retired())
			b.txt(b.name(), "hello")
			place(b)
		}},
		{name: "crowded_apex", method: txt, profile: "yandex", setup: func(b *bench) {
			b.zone().Add("@", "TXT", "v=spf1 include:_spf.example.net -all").Add("@", "TXT", "MS=ms12345678").Add("@", "MX", "10 mx.example.net.")
			place(b)
		}},
		{name: "bare_token", method: txt, setup: func(b *bench) { b.txt(b.name(), b.ch.Token) }},
		{name: "key_in_capitals", method: txt, setup: func(b *bench) { b.txt(b.name(), "TOKEN="+b.ch.Token) }},
		{name: "with_expiry", method: txt, setup: func(b *bench) { b.txt(b.name(), b.value()+" expiry=2027-01-01T00:00:00Z") }},
		{name: "wildcard_beside", method: txt, setup: func(b *bench) {
			b.zone().Add("*", "TXT", "v=spf1 -all").Add("*", "A", "45.8.8.8")
			place(b)
		}},
		{name: "wildcard_with_our_token", method: txt, note: "dns_wildcard_answers", setup: func(b *bench) { b.zone().Add("*", "TXT", b.value()) }},
		{name: "doubled_as_well", method: txt, setup: func(b *bench) {
			b.txt(b.name()+".example.com", b.value())
			place(b)
		}},
		{name: "at_apex_as_well", method: txt, setup: func(b *bench) {
			b.txt("example.com", b.value())
			place(b)
		}},
		{name: "delegated_by_alias", method: txt, setup: func(b *bench) {
			b.Net.Zone("acme.net").Add("customer42", "TXT", b.value())
			b.zone().Add(b.name()+".", "CNAME", "customer42.acme.net.")
		}},
		{name: "child_zone_with_the_record", method: txt, host: "shop.example.com", setup: func(b *bench) {
			b.Net.Zone("shop.example.com").Add("_zonehold-challenge", "TXT", b.value())
		}},
		{name: "label_is_its_own_zone", method: txt, setup: func(b *bench) {
			b.Net.Zone("_zonehold-challenge.example.com").Add("@", "TXT", b.value())
		}},
		{name: "case_not_echoed", method: txt, note: "dns_case_randomization_broken", setup: func(b *bench) {
			place(b)
			b.zone().Servers()[0].Fault(testnet.FaultLowerCase)
		}},
		{name: "no_edns", method: txt, note: "dns_edns_broken", setup: func(b *bench) {
			place(b)
			b.zone().Servers()[0].Fault(testnet.FaultFormErrEDNS)
		}},
		{name: "truncated_over_udp", method: txt, setup: func(b *bench) {
			place(b)
			for _, s := range b.zone().Servers() {
				s.Fault(testnet.FaultTruncateUDP)
			}
		}},
		{name: "forged_records_beside", method: txt, setup: func(b *bench) {
			place(b)
			b.zone().Servers()[0].Fault(testnet.FaultOutOfZone)
		}},
		{name: "large_answer", method: txt, setup: func(b *bench) {
			for i := range 25 {
				b.txt(b.name(), fmt.Sprintf("%d %s", i, strings.Repeat("y", 190)))
			}
			place(b)
		}, note: "dns_many_values"},
		{name: "servers_of_a_hoster", method: txt, setup: func(b *bench) {
			h := b.Net.Hoster("dnshost.net")
			h.Undelegated("example.com").Add("_zonehold-challenge", "TXT", b.value())
			b.zone().Delegate(h.NSNames()...)
		}},
		{name: "more_servers_in_the_zone_than_delegated", method: txt, setup: func(b *bench) {
			b.zone().Add("@", "NS", "ns3.example.net.")
			place(b)
		}},
		{name: "dead_ipv6_of_a_name_server", method: txt, note: "dns_timeout", setup: func(b *bench) {
			b.kit = b.Hasty()
			place(b)
			b.zone().Delegate(
				testnet.NS{Name: "ns1.example.com.", Addrs: append(addrs(b.zone().Servers()[0]), "2a0e:dead::53")},
				testnet.NS{Name: "ns2.example.com.", Addrs: addrs(b.zone().Servers()[1])})
		}},
		{name: "idn", method: txt, host: "пример.рф", setup: place},
		{name: "different_other_values", method: txt, note: "dns_nameservers_disagree", setup: func(b *bench) {
			place(b)
			b.zone().Servers()[0].AddOnly(b.name()+".", "TXT", "hello")
		}},
		{name: "cname", method: cname, setup: place},
		{name: "cname_to_nowhere", method: cname, profile: "probely", setup: place},
		{name: "cname_beside_other_wildcard", method: cname, setup: func(b *bench) {
			b.zone().Add("*", "CNAME", "pages.example.net.")
			place(b)
		}},

		{name: "file_with_bom", method: file, note: "file_bom_or_encoding", setup: func(b *bench) {
			b.site().Page(b.path(), 200, "text/plain", "\xef\xbb\xbf"+b.ch.File.Content+"\r\n")
		}},
		{name: "file_as_html", method: file, note: "file_wrong_content_type", setup: func(b *bench) {
			b.site().Page(b.path(), 200, "text/html", b.ch.File.Content)
		}},
		{name: "file_without_type", method: file, setup: func(b *bench) {
			b.site().Page(b.path(), 200, "application/octet-stream", b.ch.File.Content+"\n")
		}},
		{name: "file_over_http_only", method: file, setup: func(b *bench) {
			place(b)
			b.site().TLS().Fault(testnet.HostFaultRefused)
		}},
		{name: "file_over_http_beside_another_https_site", method: file, note: "http_https_differ", setup: func(b *bench) {
			b.site().Plain().Page(b.path(), 200, "text/plain", b.ch.File.Content)
		}},
		{name: "file_behind_a_dead_ipv6", method: file, note: "http_ipv6_differs", setup: func(b *bench) {
			place(b)
			b.site().V6().Fault(testnet.HostFaultRefused)
		}},
		{name: "file_on_a_catch_all_site", method: file, setup: func(b *bench) {
			place(b)
			b.site().CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, verifytest.Page(""))
			}))
		}},
		{name: "file_over_redirect_to_https", method: file, setup: func(b *bench) {
			place(b)
			b.claim.Scheme = "http"
			b.site().Plain().Redirect(b.path(), 301, "https://example.com"+b.path())
		}},
		{name: "file_on_a_broken_certificate_and_http", method: file, setup: func(b *bench) {
			place(b)
			b.site().TLS().Fault(testnet.HostFaultTLSExpired)
		}},
		{name: "yandex_file_reindented", method: file, profile: "yandex", setup: func(b *bench) {
			b.site().Page(b.path(), 200, "text/html", "<!doctype html><html><head><meta charset=utf-8></head><body>Verification: "+b.ch.Token+"</body></html>")
		}},
		{name: "empty_file", method: txtFile, setup: place},
		{name: "two_tags", method: meta, setup: func(b *bench) {
			b.page(verifytest.Page(`<meta name="zonehold-verification" content="another">` + b.ch.Tag.HTML))
		}},
		{name: "tag_after_head", method: meta, setup: func(b *bench) {
			b.page("<html><head></head>" + b.ch.Tag.HTML + "<body>x</body></html>")
		}},
		{name: "tag_with_second_name", method: meta, profile: "probely", setup: func(b *bench) {
			b.page(verifytest.Page(`<meta name="snyk-site-verification" content="` + b.ch.Token + `">`))
		}},
		{name: "tag_in_head_and_body", method: meta, setup: func(b *bench) {
			b.page(verifytest.Page(b.ch.Tag.HTML + "<!-- " + b.ch.Tag.HTML + " -->"))
		}},
		{name: "tag_on_a_huge_page", method: meta, setup: func(b *bench) {
			b.page(strings.Replace(verifytest.Page(b.ch.Tag.HTML), "</body>", strings.Repeat("<p>text</p>", 200<<10)+"</body>", 1))
		}},
		{name: "tag_behind_www_redirect", method: meta, setup: func(b *bench) {
			b.Net.Host("www.example.com").Page("/", 200, "text/html", verifytest.Page(b.ch.Tag.HTML))
			b.Host(b.claim).CatchAll(http.RedirectHandler("https://www.example.com/", http.StatusMovedPermanently))
		}},
	} {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fixture{method: o.method, profile: o.profile, host: o.host})
			o.setup(b)
			r := b.run()
			if r.Outcome != zonehold.OutcomeVerified {
				code := problem.Code("")
				if r.Problem != nil {
					code = r.Problem.Code
				}
				t.Fatalf("outcome %s, problem %s: %s", r.Outcome, code, found(r))
			}
			b.sound(r)
			told := o.note == ""
			for _, n := range r.Notes {
				if n.Code == o.note {
					told = true
				} else if o.note == "" {
					t.Errorf("an unwanted note %s: %s", n.Code, n.Found)
				}
			}
			if !told {
				t.Errorf("notes %s, want %s", notes(r), o.note)
			}
		})
	}
}

func addrs(s *testnet.NameServer) []string {
	var out []string
	for _, a := range s.Addrs() {
		out = append(out, a.Addr().String())
	}
	return out
}
