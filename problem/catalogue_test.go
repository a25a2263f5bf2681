package problem

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and docs/problems.md")

// listed are the codes of causes.md in its order, F1 to F95, and the plain
// misses after them.
const listed = `
dns_doubled_label dns_wrong_provider dns_cached_negative dns_wrong_name dns_cname_conflict dns_literal_at_label
dns_trailing_dot dns_underscore_dropped dns_child_zone_cut dns_dname_above dns_not_published dns_nameservers_disagree
dns_delegation_changing dns_lame_delegation dns_tcp_blocked dns_network_refused dns_servfail dnssec_bogus
dns_case_randomization_broken dns_edns_broken domain_not_registered domain_on_hold dns_zone_inactive dns_private_zone
dns_wildcard_answers domain_parked dns_sibling_domain domain_on_public_suffix_service dns_cname_chain_too_long
dns_cname_target_stale hostname_invalid
dns_value_quoted dns_value_whitespace dns_value_smart_quotes dns_value_split_on_space dns_value_split_long token_old
token_of_other_claim dns_value_truncated dns_value_key_missing dns_value_case_changed dns_wrong_type dns_many_values
dns_duplicate_records proof_removed dns_cached_old_value value_placeholder dns_value_is_html
cname_flattened_or_proxied cname_at_apex cname_target_zone_appended cname_target_is_url cname_hidden_by_cdn
http_no_public_address http_ipv6_differs http_addresses_disagree http_connect_failed tls_failed http_port_mixup
http_redirected_off_host http_redirect_missing_slash http_redirect_loop http_auth_required
http_blocked_by_bot_protection http_geo_blocked http_dot_path_blocked http_default_page http_site_unpublished
http_not_found http_soft_404 file_decorated file_bom_or_encoding file_wrong_content_type http_content_encoding_broken
http_stale_cdn_copy http_nodes_disagree http_https_differ http_body_too_large_or_slow
meta_in_body meta_head_closed_early meta_needs_javascript meta_in_comment_or_template meta_on_other_page
meta_attribute_wrong meta_value_quoted meta_page_redirects_away meta_beyond_size_limit
whois_redacted whois_not_applicable mail_not_delivered claimed_by_other_account domain_is_public_suffix
challenge_expired_or_paused hostname_idn_variant verifier_fault

dns_record_missing dns_value_mismatch dns_timeout file_wrong_content meta_missing meta_value_mismatch
http_server_error cname_missing cname_wrong_target zone_not_in_account provider_token_rejected mail_code_wrong
whois_email_missing delegation_cancelled waiver_missing not_whitelisted parent_not_verified parent_proof_too_narrow`

// starred are the most frequent causes.
const starred = `dns_doubled_label dns_wrong_provider dns_cached_negative dns_wrong_name dns_cname_conflict dns_servfail
dns_value_quoted dns_value_whitespace token_old proof_removed http_ipv6_differs http_redirected_off_host
http_blocked_by_bot_protection http_not_found http_soft_404 meta_in_body claimed_by_other_account`

func TestCatalogueIsComplete(t *testing.T) {
	codes := strings.Fields(listed)
	if len(codes) != 95+18 {
		t.Fatalf("the test lists %d codes", len(codes))
	}
	for _, c := range codes {
		if _, ok := Lookup(Code(c)); !ok {
			t.Errorf("no entry for %s", c)
		}
	}
}

func TestEntries(t *testing.T) {
	seen := map[Code]bool{}
	titles := map[string]Code{}
	for _, e := range Catalogue() {
		t.Run(string(e.Code), func(t *testing.T) {
			if seen[e.Code] {
				t.Error("defined twice")
			}
			seen[e.Code] = true
			if other, ok := titles[e.Title]; ok {
				t.Errorf("same title as %s", other)
			}
			titles[e.Title] = e.Code

			texts := append([]string{e.LookedFor, e.Found, e.SeeItYourself}, e.Fixes...)
			for _, text := range append([]string{e.Title, e.Meaning}, texts...) {
				if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) {
					t.Errorf("empty or untrimmed text %q", text)
				}
			}
			for _, text := range texts {
				for _, key := range placeholders(t, text) {
					if _, ok := facts[key]; !ok {
						t.Errorf("unknown placeholder {%s} in %q", key, text)
					}
				}
			}
			for _, text := range texts {
				// A dot after a value would be copied with it.
				if strings.Contains(text+" ", "}. ") && e.Code != "cname_target_zone_appended" {
					t.Errorf("a full stop straight after a placeholder in %q", text)
				}
			}
			for _, text := range append([]string{e.Title, e.Meaning, e.LookedFor, e.Found}, e.Fixes...) {
				for _, s := range sentences(text) {
					if r := rune(s[0]); unicode.IsLower(r) && !strings.HasPrefix(s, "http and https") {
						t.Errorf("sentence %q does not begin with a capital: wrongly split?", s)
					}
				}
			}
			if strings.ContainsAny(e.Title, "{}.") || len(e.Title) > 72 {
				t.Errorf("title %q: one plain clause without facts, 72 characters at most", e.Title)
			}
			if n := len(sentences(e.Meaning)); n < 2 || n > 4 || strings.Contains(e.Meaning, "{") {
				t.Errorf("meaning has %d sentences or holds facts", n)
			}
			if whoActs[e.WhoActs] == "" {
				t.Errorf("who acts: %q", e.WhoActs)
			}
			switch e.Severity {
			case SeverityError, SeverityWarning, SeverityInfo:
			default:
				t.Errorf("severity %q", e.Severity)
			}
			if lookedForAtAll[e.Area] == "" {
				t.Errorf("area %q has no general text", e.Area)
			}
			if e.RetryAfterSeconds < 0 || e.RetryAfterSeconds > 86400 {
				t.Errorf("retry after %d s", e.RetryAfterSeconds)
			}
			if strings.Contains(e.Otherwise, "{") {
				t.Errorf("otherwise %q needs a fact", e.Otherwise)
			}
			if len(e.Fixes) == 0 {
				t.Error("no fixes")
			}
		})
	}
}

func placeholders(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return out
		}
		key, after, closed := strings.Cut(rest, "}")
		if !closed {
			t.Fatalf("unclosed brace in %q", text)
		}
		out = append(out, key)
		text = after
	}
}

// Whatever facts are missing, every text is there and none shows a brace.
func TestMissingFacts(t *testing.T) {
	check := func(t *testing.T, p Problem) {
		t.Helper()
		all := append([]string{p.Title, p.LookedFor, p.Found, p.SeeItYourself}, p.Fixes...)
		for _, text := range all {
			if strings.ContainsAny(text, "{}") {
				t.Errorf("brace in %q", text)
			}
			if strings.Contains(text, "  ") || text != strings.TrimSpace(text) {
				t.Errorf("untidy spaces in %q", text)
			}
		}
		if p.LookedFor == "" || p.Found == "" || p.Title == "" {
			t.Errorf("empty text in %+v", p)
		}
		if len(p.Fixes) == 0 {
			t.Error("no fix is left")
		}
		if p.DocsURL != "/docs/problems#"+string(p.Code) {
			t.Errorf("docs url %q", p.DocsURL)
		}
	}
	for _, e := range Catalogue() {
		t.Run(string(e.Code), func(t *testing.T) {
			check(t, New(e.Code, nil))
			full := New(e.Code, sample(e))
			check(t, full)
			if full.SeeItYourself == "" {
				t.Error("no command although all facts are known")
			}
			if len(full.Fixes) != len(e.Fixes) {
				t.Errorf("%d of %d fixes although all facts are known", len(full.Fixes), len(e.Fixes))
			}
			for missing := range facts {
				some := Facts{}
				for k, v := range facts {
					if k != missing {
						some[k] = v
					}
				}
				check(t, New(e.Code, some))
			}
			for only, v := range facts {
				check(t, New(e.Code, Facts{only: v}))
			}
		})
	}
}

func TestGolden(t *testing.T) {
	for _, code := range strings.Fields(starred) {
		t.Run(code, func(t *testing.T) {
			e, _ := Lookup(Code(code))
			p := New(Code(code), sample(e))
			var b strings.Builder
			b.WriteString(p.Title + "\n" + string(p.Severity) + ", " + string(p.WhoActs) + "\n")
			b.WriteString("What we looked for\n  " + p.LookedFor + "\nWhat we found\n  " + p.Found + "\nWhat to change\n")
			for _, fix := range p.Fixes {
				b.WriteString("  - " + fix + "\n")
			}
			b.WriteString("See it yourself\n  " + p.SeeItYourself + "\n")
			b.WriteString("\nWith no facts\n  " + New(e.Code, nil).Found + "\n")
			golden(t, filepath.Join("testdata", code+".txt"), b.String())
		})
	}
}

// sample is a likely case: the facts as they fit the area.
func sample(e Entry) Facts {
	f := maps.Clone(facts)
	switch e.Area {
	case "dns_servers":
		f[FactStatus] = "SERVFAIL"
		f[FactDetail] = "signature expired"
	case "http_reach", "http_content", "meta":
		f[FactWhere] = "https://example.com/.well-known/zonehold-challenge/made-up.txt"
		f[FactTarget] = "www.example.org"
	}
	switch e.Code {
	case "dns_cname_conflict":
		f[FactTarget] = "shop.example.org"
	case "dns_value_quoted":
		f[FactGot] = `"` + f[FactExpected] + `"`
	case "dns_value_whitespace":
		f[FactGot] = " " + f[FactExpected] + "\u00a0"
	case "dns_wrong_name":
		f[FactWhere] = "www.example.com"
	case "dns_wrong_provider":
		f[FactWhere] = "ns1.former.example"
	case "http_soft_404":
		f[FactStatus] = "200"
	case "http_ipv6_differs":
		f[FactAddress] = "2a0e:100::7"
		f[FactAddresses] = "2a0e:100::7 → connect timeout, 203.0.113.7 → 200"
	case "http_redirected_off_host":
		f[FactFinalURL] = "https://www.example.org/login"
		f[FactRedirectChain] = "https://example.com/ → https://www.example.org/login"
	case "http_blocked_by_bot_protection":
		f[FactStatus] = "403"
		f[FactFinalURL] = f[FactURL]
	case "http_not_found":
		f[FactFinalURL] = f[FactURL]
		f[FactWhere] = "https://example.com/.well-known/zonehold-challenge/abc.txt.txt"
	case "meta_in_body":
		f[FactURL] = "https://example.com/"
		f[FactWhere] = "html > body > div"
	}
	return f
}

func TestDocumentation(t *testing.T) {
	golden(t, filepath.Join("..", "docs", "problems.md"), Markdown())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run go generate, or go test -update; -want +got):\n%s", path, diff)
	}
}

func TestUnknownCode(t *testing.T) {
	p := New("no_such\x1b_code", Facts{FactDomain: "example.com"})
	if p.Code != `no_such\x1b_code` || p.WhoActs != Us || p.Found == "" || p.LookedFor == "" || len(p.Fixes) == 0 {
		t.Errorf("got %+v", p)
	}
	if _, ok := Lookup("no_such_code"); ok {
		t.Error("found an entry for an unknown code")
	}
}

func TestAsNote(t *testing.T) {
	p := New("dns_timeout", facts)
	n := p.AsNote()
	if n.Severity != SeverityInfo || p.Severity != SeverityError {
		t.Errorf("severities %s, %s", n.Severity, p.Severity)
	}
	n.Fixes[0] = "changed"
	if p.Fixes[0] == "changed" {
		t.Error("the note shares its fixes with the problem")
	}
}

// The catalogue handed out cannot be changed by its users.
func TestCatalogueIsACopy(t *testing.T) {
	Catalogue()[0].Fixes[0] = "changed"
	e, _ := Lookup(Catalogue()[0].Code)
	e.Fixes[0] = "changed"
	if Catalogue()[0].Fixes[0] == "changed" {
		t.Error("a user changed the catalogue")
	}
}
