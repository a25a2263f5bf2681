package diagnose_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

const (
	txt   = zonehold.MethodDNSTXT
	cname = zonehold.MethodDNSCNAME
)

func faults(f testnet.Fault) func(*bench) {
	return func(b *bench) {
		b.Place(b.m, b.claim)
		for _, s := range b.zone().Servers() {
			s.Fault(f)
		}
	}
}

// noFaults heals what stands at its place already.
func noFaults(b *bench) {
	b.kit = b.Kit
	for _, s := range b.zone().Servers() {
		s.Fault(testnet.FaultNone)
		s.Same()
	}
}

func TestCausesOfNames(t *testing.T) {
	runFixtures(t, []fixture{
		{name: "missing", method: txt, want: "dns_record_missing", cause: func(*bench) {}},
		{name: "missing_at_crowded_apex", method: txt, profile: "yandex", want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("@", "TXT", "v=spf1 -all").Add("@", "TXT", "google-site-verification=abc")
		}},
		{name: "missing_on_www", method: txt, profile: "probely", host: "www.example.com", want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("www", "A", "45.1.2.3")
		}},
		{name: "missing_beside_an_extra_name_server", method: txt, want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("@", "NS", "ns3.example.net.")
		}},
		{name: "missing_under_wildcard_addresses", method: txt, want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("*", "A", "45.1.2.3").Add("*", "MX", "10 mx.example.net.")
		}},
		{name: "missing_beside_strangers_records", method: txt, want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("@", "TXT", "v=spf1 -all").Add("_dmarc", "TXT", "v=DMARC1; p=none").Add("www", "CNAME", "pages.example.net.")
			b.txt("_zonehold-challenge.www.example.com", "token="+b.Claim("www.example.com", "").Tokens.TXT)
			b.txt("example.com.example.com", "token="+b.Claim("example.com", "").Tokens.TXT)
		}},
		{name: "missing_below_an_empty_name", method: txt, host: "shop.example.com", want: "dns_record_missing", cause: func(b *bench) {
			b.zone().Add("shop", "A", "45.1.2.3")
		}},
		{name: "missing_in_a_child_zone_on_the_same_servers", method: txt, host: "shop.example.com", want: "dns_record_missing", cause: func(b *bench) {
			h := b.Net.Hoster("dnshost.net")
			h.Undelegated("example.com")
			b.zone().Delegate(h.NSNames()...)
			b.Net.ZoneAt("shop.example.com", h)
		}, mortal: true},
		{name: "doubled_label", method: txt, want: "dns_doubled_label", cause: func(b *bench) {
			b.txt(b.name()+".example.com", b.value())
		}},
		{name: "doubled_host", method: txt, host: "shop.example.com", want: "dns_doubled_label", cause: func(b *bench) {
			b.txt(b.name()+".shop.example.com", b.value())
		}},
		{name: "doubled_zone_of_host", method: txt, host: "shop.example.com", want: "dns_doubled_label", cause: func(b *bench) {
			b.txt(b.name()+".example.com", b.value())
		}},
		{name: "doubled_apex", method: txt, profile: "yandex", want: "dns_doubled_label", cause: func(b *bench) {
			b.txt("example.com.example.com", b.value())
		}},
		{name: "doubled_beside_an_old_token", method: txt, want: "dns_doubled_label", cause: func(b *bench) {
			b.txt(b.name(), "token="+b.retired())
			b.txt(b.name()+".example.com", b.value())
		}},
		{name: "doubled_cname", method: cname, want: "dns_doubled_label", cause: func(b *bench) {
			b.zone().Add(b.name()+".example.com.", "CNAME", b.value()+".")
		}},
		{name: "at_apex", method: txt, want: "dns_wrong_name", cause: func(b *bench) { b.txt("example.com", b.value()) }},
		{name: "at_www", method: txt, want: "dns_wrong_name", cause: func(b *bench) { b.txt("_zonehold-challenge.www.example.com", b.value()) }},
		{name: "at_parent", method: txt, host: "shop.example.com", want: "dns_wrong_name", cause: func(b *bench) {
			b.txt("_zonehold-challenge.example.com", b.value())
		}},
		{name: "at_bare_domain_of_www", method: txt, profile: "yandex", host: "www.example.com", want: "dns_wrong_name", cause: func(b *bench) {
			b.txt("example.com", b.value())
		}},
		{name: "name_and_value_swapped", method: txt, want: "dns_wrong_name", cause: func(b *bench) {
			b.txt(b.ch.Token+".example.com", b.value())
		}},
		{name: "underscore_dropped", method: txt, want: "dns_underscore_dropped", cause: func(b *bench) {
			b.txt(strings.TrimPrefix(b.name(), "_"), b.value())
		}},
		{name: "literal_at", method: txt, profile: "probely", want: "dns_literal_at_label", cause: func(b *bench) {
			b.zone().Add(`\@.example.com.`, "TXT", b.value())
		}},
		{name: "literal_at_before_label", method: txt, want: "dns_literal_at_label", cause: func(b *bench) {
			b.zone().Add(`_zonehold-challenge.\@.example.com.`, "TXT", b.value())
		}},
		{name: "trailing_dot", method: txt, want: "dns_trailing_dot", cause: func(b *bench) {
			b.zone().Add(`_zonehold-challenge\..example.com.`, "TXT", b.value())
		}},
		{name: "sibling_domain", method: txt, want: "dns_sibling_domain", cause: func(b *bench) {
			b.claim.Siblings = []zonehold.Hostname{"example.net", "example.co"}
			b.Net.Zone("example.net")
			b.Net.Zone("example.co").Add("_zonehold-challenge", "TXT", b.value())
		}},
		{name: "cname_in_the_way", method: txt, want: "dns_cname_conflict", cause: func(b *bench) {
			b.Net.Zone("elsewhere.net").Add("x", "TXT", "something else entirely")
			b.zone().Add(b.name()+".", "CNAME", "x.elsewhere.net.")
		}},
		{name: "cname_to_nowhere_in_the_way", method: txt, want: "dns_cname_conflict", cause: func(b *bench) {
			b.Net.Zone("elsewhere.net")
			b.zone().Add(b.name()+".", "CNAME", "gone.elsewhere.net.")
		}},
		{name: "cname_to_unregistered_in_the_way", method: txt, want: "dns_cname_conflict", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "CNAME", "gone.nobody-has-this.net.")
		}},
		{name: "host_is_an_alias", method: txt, profile: "yandex", host: "www.example.com", want: "dns_cname_conflict", cause: func(b *bench) {
			b.Net.Zone("pages.net").Add("customer", "A", "45.1.2.3")
			b.zone().Add("www", "CNAME", "customer.pages.net.")
		}},
		{name: "dname_above", method: txt, host: "shop.example.com", want: "dns_dname_above", cause: func(b *bench) {
			b.Net.Zone("other.net").Add("@", "A", "45.1.2.3")
			b.zone().Add("shop", "DNAME", "other.net.")
		}, heal: func(b *bench) {
			b.Net.Zone("other.net").Add("_zonehold-challenge", "TXT", b.value())
		}},
		{name: "alias_loop", method: txt, want: "dns_cname_chain_too_long", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "CNAME", "a").Add("a", "CNAME", "b").Add("b", "CNAME", "a")
		}},
		{name: "alias_chain", method: txt, want: "dns_cname_chain_too_long", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "CNAME", "a0")
			for i := range 15 {
				b.zone().Add(fmt.Sprintf("a%d", i), "CNAME", fmt.Sprintf("a%d", i+1))
			}
			b.txt("a15.example.com", b.value())
		}},
		{name: "as_cname_record", method: txt, want: "dns_wrong_type", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "CNAME", b.ch.Token)
		}},
		{name: "as_mx_record", method: txt, want: "dns_wrong_type", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "MX", "10 "+b.ch.Token)
		}, heal: func(b *bench) { b.Place(b.m, b.claim) }},
		{name: "as_spf_record", method: txt, want: "dns_wrong_type", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "SPF", `"`+b.value()+`"`)
		}},
		{name: "cname_as_txt", method: cname, want: "dns_wrong_type", cause: func(b *bench) { b.txt(b.name(), b.value()) }},
		{name: "child_zone", method: txt, host: "shop.example.com", want: "dns_child_zone_cut", cause: func(b *bench) {
			b.txt(b.name(), b.value()) // in the zone above
			b.Net.Zone("shop.example.com")
		}, heal: func(b *bench) { b.Net.Zone("shop.example.com").Add("_zonehold-challenge", "TXT", b.value()) }},
		{name: "private_suffix", method: txt, host: "alice.github.io", want: "domain_on_public_suffix_service", mortal: true, cause: func(b *bench) { b.zone().Undelegate() }},
		{name: "wildcard_in_place_of_the_record", method: txt, want: "dns_wildcard_answers", cause: func(b *bench) {
			b.zone().Add("*", "TXT", "v=spf1 -all")
		}},
		{name: "wildcard_alias", method: txt, want: "dns_wildcard_answers", cause: func(b *bench) {
			b.Net.Zone("pages.net").Add("customer", "A", "45.1.2.3")
			b.zone().Add("*", "CNAME", "customer.pages.net.")
		}},
		{name: "wildcard_right_cname", method: cname, want: "dns_wildcard_answers", mortal: true, cause: func(b *bench) {
			b.zone().Add("*", "CNAME", b.value()+".")
		}},
		{name: "not_published", method: txt, want: "dns_not_published", cause: func(b *bench) { b.claim.SerialBefore = b.zone().Serial() }},
		{name: "published_something_else", method: txt, want: "dns_record_missing", cause: func(b *bench) {
			b.claim.SerialBefore = b.zone().Serial()
			b.zone().Add("www", "A", "45.1.2.3")
		}},
		{name: "removed", method: txt, want: "proof_removed", cause: func(b *bench) {
			b.claim.VerifiedBefore = time.Now().AddDate(0, 0, -20)
		}},
		{name: "replaced", method: txt, want: "proof_removed", cause: func(b *bench) {
			b.claim.VerifiedBefore = time.Now().AddDate(0, 0, -20)
			b.txt(b.name(), "something else")
		}},
		{name: "removed_and_now_doubled", method: txt, want: "dns_doubled_label", cause: func(b *bench) {
			b.claim.VerifiedBefore = time.Now().AddDate(0, 0, -20)
			b.txt(b.name()+".example.com", b.value())
		}},
	})
}

func TestCausesOfServers(t *testing.T) {
	runFixtures(t, []fixture{
		{name: "not_registered", method: txt, want: "domain_not_registered", cause: func(b *bench) { b.zone().Undelegate() },
			heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "not_registered_cname", method: cname, want: "domain_not_registered", cause: func(b *bench) { b.zone().Undelegate() },
			heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "not_registered_yandex", method: txt, profile: "yandex", want: "domain_not_registered", cause: func(b *bench) { b.zone().Undelegate() },
			heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "timeout", method: txt, want: "dns_timeout", cause: func(b *bench) {
			b.kit = b.Hasty()
			faults(testnet.FaultTimeout)(b)
		}, heal: noFaults},
		{name: "one_silent", method: txt, want: "dns_timeout", cause: func(b *bench) {
			b.kit = b.Hasty()
			b.Place(b.m, b.claim)
			b.zone().Servers()[1].Fault(testnet.FaultTimeout)
		}, heal: noFaults},
		{name: "ports_closed", method: txt, want: "dns_timeout", cause: func(b *bench) {
			b.kit = b.Hasty()
			faults(testnet.FaultUnreachable)(b)
		}, heal: noFaults},
		{name: "servfail", method: txt, want: "dns_servfail", cause: func(b *bench) {
			faults(testnet.FaultServFail)(b)
			b.zone().Servers()[0].EDE(14, "zone not loaded")
		}, heal: func(b *bench) { noFaults(b); b.zone().Servers()[0].EDE(0, "") }},
		{name: "one_servfail", method: txt, want: "dns_servfail", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[1].Fault(testnet.FaultServFail)
		}, heal: noFaults},
		{name: "lame", method: txt, want: "dns_lame_delegation", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[1].Fault(testnet.FaultLame)
		}, heal: noFaults},
		{name: "one_refused", method: txt, want: "dns_lame_delegation", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[0].Fault(testnet.FaultRefused)
		}, heal: noFaults},
		{name: "all_refused", method: txt, want: "dns_lame_delegation", cause: faults(testnet.FaultRefused), heal: noFaults},
		{name: "zone_inactive", method: txt, want: "dns_zone_inactive", cause: func(b *bench) {
			hoster := b.Net.Hoster("dnshost.net")
			b.zone().Delegate(hoster.NSNames()...)
		}, heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "tcp_blocked", method: txt, want: "dns_tcp_blocked", cause: func(b *bench) {
			b.kit = b.Hasty()
			for i := range 30 {
				b.txt(b.name(), fmt.Sprintf("%d %s", i, strings.Repeat("x", 200)))
			}
			b.Place(b.m, b.claim)
			for _, s := range b.zone().Servers() {
				s.Fault(testnet.FaultRefuseTCP)
			}
		}, heal: noFaults},
		{name: "servers_disagree", method: txt, want: "dns_nameservers_disagree", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[1].Only(b.name()+".", "TXT")
		}, heal: noFaults},
		{name: "servers_disagree_on_the_value", method: txt, want: "dns_nameservers_disagree", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[0].Only(b.name()+".", "TXT", "token="+b.retired())
		}, heal: noFaults},
		{name: "servers_disagree_cname", method: cname, want: "dns_nameservers_disagree", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			b.zone().Servers()[1].Only(b.name()+".", "CNAME")
		}, heal: noFaults},
		{name: "servers_disagree_on_the_alias", method: txt, want: "dns_nameservers_disagree", cause: func(b *bench) {
			b.Net.Zone("a.net").Add("x", "TXT", b.value())
			b.Net.Zone("b.net").Add("x", "TXT", b.value())
			b.zone().Servers()[0].Only(b.name()+".", "CNAME", "x.a.net.")
			b.zone().Servers()[1].Only(b.name()+".", "CNAME", "x.b.net.")
		}, heal: func(b *bench) {
			noFaults(b)
			b.Place(b.m, b.claim)
		}},
		{name: "at_the_provider_that_the_zone_names", method: txt, want: "dns_wrong_provider", cause: func(b *bench) {
			// Moved: the registry still has the old servers; the old zone names
			// the new ones already, and the record is at the new ones.
			hoster := b.Net.Hoster("newhost.net")
			hoster.Undelegated("example.com").Add("_zonehold-challenge", "TXT", b.value())
			for _, s := range b.zone().Servers() {
				s.Only("@", "NS", "ns1.newhost.net.", "ns2.newhost.net.")
			}
		}, heal: func(b *bench) { b.zone().Delegate(b.Net.Hoster("newhost.net").NSNames()...) }},
		{name: "at_a_former_provider", method: txt, want: "dns_wrong_provider", cause: func(b *bench) {
			b.Net.Hoster("oldhost.net").Undelegated("example.com").Add("_zonehold-challenge", "TXT", b.value())
			b.claim.FormerServers = []string{"ns1.oldhost.net", "ns2.oldhost.net."}
		}},
		{name: "delegation_changing", method: txt, want: "dns_delegation_changing", cause: func(b *bench) {
			b.Net.Hoster("newhost.net").Undelegated("example.com")
			for _, s := range b.zone().Servers() {
				s.Only("@", "NS", "ns1.newhost.net.", "ns2.newhost.net.")
			}
		}},
		{name: "parked", method: txt, want: "domain_parked", cause: func(b *bench) {
			hoster := b.Net.Hoster("sedoparking.com")
			hoster.Undelegated("example.com").Add("*", "A", "45.9.9.9").Add("@", "A", "45.9.9.9")
			b.zone().Delegate(hoster.NSNames()...)
		}, heal: func(b *bench) { b.zone().Delegate(); b.Place(b.m, b.claim) }},
		{name: "network_refused", method: txt, want: "dns_network_refused", cause: func(b *bench) {
			b.Place(b.m, b.claim)
			r := b.Net.Resolver()
			r.Prime(b.name()+".", "TXT", b.value())
			b.kit = b.HastyWithCaches(r)
			for _, s := range b.zone().Servers() {
				s.Fault(testnet.FaultTimeout)
			}
		}, heal: noFaults},
		{name: "our_network", method: txt, want: "verifier_fault", cause: func(b *bench) {
			b.kit = b.Hasty()
			b.Place(b.m, b.claim)
			b.run() // warm: the top-level domain is remembered
			for _, z := range b.Net.Zones() {
				for _, s := range z.Servers() {
					s.Fault(testnet.FaultTimeout)
				}
			}
		}, heal: func(b *bench) {
			for _, z := range b.Net.Zones() {
				for _, s := range z.Servers() {
					s.Fault(testnet.FaultNone)
				}
			}
			b.kit = b.Kit
		}},
	})
}

func TestCausesOfValues(t *testing.T) {
	v := func(format string) func(*bench) {
		return func(b *bench) {
			b.txt(b.name(), strings.NewReplacer("VALUE", b.value(), "TOKEN", b.ch.Token, "HALF", b.ch.Token[:20], "UPPER", strings.ToUpper(b.ch.Token)).Replace(format))
		}
	}
	runFixtures(t, []fixture{
		{name: "quoted", method: txt, want: "dns_value_quoted", cause: v(`"VALUE"`)},
		{name: "backslash_quoted", method: txt, want: "dns_value_quoted", cause: v(`\"VALUE\"`)},
		{name: "single_quoted", method: txt, want: "dns_value_quoted", cause: v(`'VALUE'`)},
		{name: "token_quoted", method: txt, want: "dns_value_quoted", cause: v(`token="TOKEN"`)},
		{name: "half_quoted", method: txt, want: "dns_value_quoted", cause: v(`"VALUE`)},
		{name: "quoted_yandex", method: txt, profile: "yandex", want: "dns_value_quoted", cause: v(`"VALUE"`)},
		{name: "quoted_beside_spf", method: txt, profile: "probely", want: "dns_value_quoted", cause: func(b *bench) {
			b.zone().Add("@", "TXT", "v=spf1 -all")
			v(`"VALUE"`)(b)
		}},
		{name: "smart_quotes", method: txt, want: "dns_value_smart_quotes", cause: v("\u201cVALUE\u201d")},
		{name: "low_quotes", method: txt, want: "dns_value_smart_quotes", cause: v("\u201eVALUE\u201c")},
		{name: "inner_space", method: txt, want: "dns_value_whitespace", cause: v("token= TOKEN")},
		{name: "inner_newline", method: txt, want: "dns_value_whitespace", cause: func(b *bench) {
			b.txt(b.name(), "token="+b.ch.Token[:10]+"\n"+b.ch.Token[10:])
		}},
		{name: "two_spaces_yandex", method: txt, profile: "yandex", want: "dns_value_whitespace", cause: v("yandex-verification:  TOKEN")},
		{name: "no_space_yandex", method: txt, profile: "yandex", want: "dns_value_truncated", cause: v("yandex-verification:TOKEN")},
		{name: "split_on_space", method: txt, profile: "yandex", want: "dns_value_split_on_space", cause: func(b *bench) {
			b.txt(b.name(), "yandex-verification:", b.ch.Token)
		}},
		{name: "upper_case", method: txt, want: "dns_value_case_changed", cause: v("token=UPPER")},
		{name: "upper_case_probely", method: txt, profile: "probely", want: "dns_value_case_changed", cause: v("Probely=UPPER")},
		{name: "key_case_probely", method: txt, profile: "probely", want: "dns_value_case_changed", cause: v("probely=TOKEN")},
		{name: "old_token", method: txt, want: "token_old", cause: func(b *bench) { b.txt(b.name(), "token="+b.retired()) }},
		{name: "old_token_beside_others", method: txt, profile: "yandex", want: "token_old", cause: func(b *bench) {
			b.zone().Add("@", "TXT", "v=spf1 -all")
			b.txt(b.name(), "yandex-verification: "+b.retired())
		}},
		{name: "html", method: txt, want: "dns_value_is_html", cause: v(`<meta name="zonehold-verification" content="TOKEN">`)},
		{name: "placeholder", method: txt, want: "value_placeholder", cause: v("token=<token>")},
		{name: "placeholder_yandex", method: txt, profile: "yandex", want: "value_placeholder", cause: v("yandex-verification: <uin>")},
		{name: "bare_token_yandex", method: txt, profile: "yandex", want: "dns_value_key_missing", cause: v("TOKEN")},
		{name: "bare_token_probely", method: txt, profile: "probely", want: "dns_value_key_missing", cause: v("TOKEN")},
		{name: "key_alone", method: txt, want: "dns_value_key_missing", cause: v("token=")},
		{name: "other_key", method: txt, want: "dns_value_key_missing", cause: v("verification=TOKEN")},
		{name: "other_separator", method: txt, profile: "yandex", want: "dns_value_key_missing", cause: v("yandex-verification=TOKEN")},
		{name: "cut_off", method: txt, want: "dns_value_truncated", cause: v("token=HALF")},
		{name: "mistyped", method: txt, want: "dns_value_truncated", cause: func(b *bench) {
			wrong := []byte(b.ch.Token)
			wrong[5] = '1'
			b.txt(b.name(), "token="+string(wrong))
		}},
		{name: "other_claim", method: txt, want: "token_of_other_claim", cause: func(b *bench) {
			other := b.Claim("example.net", b.claim.Profile).Tokens.TXT
			b.kit.OtherClaim = func(_ context.Context, s string) bool { return s == other }
			b.txt(b.name(), "token="+other)
		}},
		{name: "something_else", method: txt, want: "dns_value_mismatch", cause: v("hello world")},
		{name: "unknown_token", method: txt, want: "dns_value_mismatch", cause: func(b *bench) {
			b.txt(b.name(), "token="+b.Claim("example.net", b.claim.Profile).Tokens.TXT)
		}},
		{name: "whole_zone_line", method: txt, want: "dns_value_mismatch", cause: v(`_zonehold-challenge IN TXT VALUE and more`)},
	})
}

func TestCausesOfCNAME(t *testing.T) {
	target := func(f func(*bench) string) func(*bench) {
		return func(b *bench) { b.zone().Add(b.name()+".", "CNAME", f(b)) }
	}
	runFixtures(t, []fixture{
		{name: "missing", method: cname, want: "cname_missing", cause: func(*bench) {}},
		{name: "elsewhere", method: cname, want: "cname_wrong_target", cause: target(func(*bench) string { return "elsewhere.net." })},
		{name: "zone_appended", method: cname, want: "cname_target_zone_appended", cause: target(func(b *bench) string { return b.value() })},
		{name: "url", method: cname, want: "cname_target_is_url", cause: target(func(b *bench) string { return "https://" + b.value() + "/." })},
		{name: "old", method: cname, want: "token_old", cause: target(func(b *bench) string {
			_, zone, _ := strings.Cut(b.value(), ".")
			return b.retired() + "." + zone + "."
		})},
		{name: "other_claim", method: cname, want: "token_of_other_claim", cause: target(func(b *bench) string {
			_, zone, _ := strings.Cut(b.value(), ".")
			other := b.Claim("example.net", b.claim.Profile).Tokens.CNAME
			b.kit.OtherClaim = func(_ context.Context, s string) bool { return s == other }
			return other + "." + zone + "."
		})},
		{name: "stale", method: cname, want: "dns_cname_target_stale", cause: target(func(b *bench) string {
			_, zone, _ := strings.Cut(b.value(), ".")
			return b.Claim("example.net", b.claim.Profile).Tokens.CNAME + "." + zone + "."
		})},
		{name: "flattened", method: cname, want: "cname_flattened_or_proxied", cause: func(b *bench) {
			b.zone().Add(b.name()+".", "A", "45.7.7.7")
		}, heal: func(b *bench) { b.zone().Remove(b.name()+".", ""); b.Place(b.m, b.claim) }},
		{name: "label_is_its_own_zone", method: cname, want: "cname_at_apex", mortal: true, cause: func(b *bench) {
			b.Net.Zone(b.name())
		}},
		{name: "behind_a_cdn", method: cname, want: "cname_hidden_by_cdn", cause: func(b *bench) {
			b.Net.Zone("cdn.net").Add("customer", "CNAME", b.value()+".")
			b.zone().Add(b.name()+".", "CNAME", "customer.cdn.net.")
		}},
		{name: "missing_under_wildcard_addresses", method: cname, want: "cname_missing", cause: func(b *bench) {
			b.zone().Add("*", "A", "45.7.7.7")
		}},
		{name: "wildcard_elsewhere", method: cname, want: "dns_wildcard_answers", cause: func(b *bench) {
			b.zone().Add("*", "CNAME", "elsewhere.net.")
		}},
		{name: "yandex", method: cname, profile: "yandex", want: "cname_missing", cause: func(*bench) {}},
		{name: "probely", method: cname, profile: "probely", want: "cname_missing", cause: func(*bench) {}},
	})
}
