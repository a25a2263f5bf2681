package diagnose

import (
	"context"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// kind is a set of methods.
type kind uint8

const (
	onTXT kind = 1 << iota
	onCNAME
	onFile
	onTXTFile
	onMeta

	onDNS = onTXT | onCNAME
	onWeb = onFile | onTXTFile | onMeta
	onAll = onDNS | onWeb
	files = onFile | onTXTFile
)

var kinds = map[zonehold.Method]kind{
	zonehold.MethodDNSTXT:   onTXT,
	zonehold.MethodDNSCNAME: onCNAME,
	zonehold.MethodFile:     onFile,
	zonehold.MethodTXTFile:  onTXTFile,
	zonehold.MethodMetaTag:  onMeta,
}

// cause is one row of the order of reporting.
type cause struct {
	code problem.Code
	on   kind
	// find asks and looks. Nil: the check itself gives this code, and the row
	// only ranks it.
	find func(context.Context, *scene) *verify.Finding
	// noteOnly findings are told, but never as the cause.
	noteOnly bool
}

func (c cause) fits(s *scene) bool { return c.on&kinds[s.method] != 0 }

// causes is the order of reporting: the first that is found is the cause, the
// others become notes. Ours come first, then the name that was given,
// registration, name servers, the place of the record, its value, what is
// known from before, and last the plain misses.
var causes = []cause{
	{"verifier_fault", onAll, ownNetwork, false},
	{"verifier_fault", onAll, nil, false},
	{"hostname_invalid", onAll, nil, false},

	{"domain_not_registered", onWeb, notRegisteredHost, false},
	{"domain_not_registered", onAll, nil, false},
	{"dnssec_ds_mismatch", onAll, nil, false},
	{"dnssec_signatures_missing", onAll, nil, false},
	{"dnssec_signature_expired", onAll, nil, false},
	{"dnssec_bogus", onAll, nil, false},
	{"dnssec_registry_bogus", onAll, nil, false},
	{"dnssec_keys_unavailable", onAll, nil, false},
	{"", onWeb, hostServers, false}, // the codes of name servers
	{"domain_parked", onDNS, parked, false},

	{"dns_network_refused", onDNS, networkRefused, false},
	{"dns_zone_inactive", onDNS, zoneInactive, false},
	{"dns_wrong_provider", onDNS, wrongProvider, false},
	{"dns_servfail", onAll, nil, false},
	{"dns_tcp_blocked", onAll, nil, false},
	{"dns_lame_delegation", onAll, nil, false},
	{"dns_timeout", onAll, nil, false},
	{"dns_nameservers_disagree", onDNS, nil, false},

	{"dns_doubled_label", onDNS, atOtherName("dns_doubled_label"), false},
	{"dns_dname_above", onDNS, dnameAbove, false},
	{"dns_wrong_type", onDNS, wrongType, false},
	{"dns_underscore_dropped", onDNS, atOtherName("dns_underscore_dropped"), false},
	{"dns_literal_at_label", onDNS, atOtherName("dns_literal_at_label"), false},
	{"dns_trailing_dot", onDNS, atOtherName("dns_trailing_dot"), false},
	{"dns_wrong_name", onDNS, atOtherName("dns_wrong_name"), false},
	{"dns_sibling_domain", onDNS, siblingDomain, false},
	{"dns_cname_chain_too_long", onAll, nil, false},
	{"dns_cname_conflict", onTXT, cnameConflict, false},
	{"dns_cname_target_stale", onTXT, staleAlias, true},

	{"cname_target_zone_appended", onCNAME, zoneAppended, false},
	{"cname_target_is_url", onCNAME, targetIsURL, false},
	{"token_old", onCNAME, targetOld, false},
	{"token_of_other_claim", onCNAME, targetOfOther, false},
	{"cname_hidden_by_cdn", onCNAME, hiddenByCDN, false},
	{"dns_wildcard_answers", onCNAME, wildcardMiss, false},
	{"dns_cname_target_stale", onCNAME, targetStale, false},
	{"cname_at_apex", onCNAME, cnameAtApex, false},
	{"cname_flattened_or_proxied", onCNAME, flattened, false},

	{"", onTXT, valueLadder, false}, // each rung has its own code
	{"dns_wildcard_answers", onTXT, wildcardMiss, false},
	{"dns_wildcard_answers", onDNS, nil, false},
	{"dns_cname_target_stale", onDNS, nil, false},

	{"http_alias_dangling", onWeb, nil, false}, // the check itself saw it
	{"http_soft_404", onWeb, nil, false},       // likewise
	{"http_no_public_address", onWeb, nil, false},
	{"http_ipv6_differs", onWeb, addressesDiffer("http_ipv6_differs"), false},
	{"http_addresses_disagree", onWeb, addressesDiffer("http_addresses_disagree"), false},
	{"http_stale_cdn_copy", onWeb, staleCopy, false},
	{"http_nodes_disagree", onWeb, nodesDisagree, false},
	{"http_https_differ", onWeb, schemesDiffer(true), false},
	{"http_https_differ", onWeb, schemesDiffer(false), true},
	{"meta_page_redirects_away", onMeta, metaRedirected, false},
	{"http_redirect_missing_slash", onWeb, nil, false},
	{"http_redirect_loop", onWeb, nil, false},
	{"http_redirect_invalid", onWeb, nil, false},
	{"http_redirected_off_host", onWeb, nil, false},
	{"http_auth_required", onWeb, nil, false},
	{"http_blocked_by_bot_protection", onWeb, botProtection, false},
	{"http_geo_blocked", onWeb, nil, false},
	{"http_dot_path_blocked", files, dotPathBlocked, false},
	{"http_site_unpublished", onWeb, siteUnpublished, false},
	{"http_server_error", onWeb, nil, false},
	{"http_content_encoding_broken", onWeb, doubleEncoded, false},
	{"http_content_encoding_broken", onWeb, nil, false},
	{"http_body_too_large_or_slow", onWeb, nil, false},
	{"http_protocol_error", onWeb, nil, false},
	{"http_port_mixup", onWeb, nil, false},
	{"tls_failed", onWeb, nil, false},
	{"http_connect_failed", onWeb, nil, false},

	{"token_old", files, fileOldToken, false},
	{"token_of_other_claim", files, fileOtherToken, false},
	{"value_placeholder", files, filePlaceholder, false},
	{"file_bom_or_encoding", onFile, fileEncoding, false},
	{"file_decorated", onFile, fileDecorated, false},
	{"http_redirected_off_host", files, offHost, false},
	{"http_default_page", onWeb, defaultPage, false},
	{"http_soft_404", files, softNotFound, false},
	{"http_not_found", files, fileElsewhere, false},

	{"token_old", onMeta, metaOldToken, false},
	{"token_of_other_claim", onMeta, metaOtherToken, false},
	{"value_placeholder", onMeta, metaPlaceholder, false},
	{"meta_head_closed_early", onMeta, headClosedEarly, false},
	{"meta_in_body", onMeta, metaInBody, false},
	{"meta_in_comment_or_template", onMeta, metaSwitchedOff, false},
	{"meta_attribute_wrong", onMeta, metaAttribute, false},
	{"meta_value_quoted", onMeta, metaQuoted, false},
	{"meta_needs_javascript", onMeta, metaByScript, false},
	{"meta_on_other_page", onMeta, metaOtherPage, false},
	{"meta_beyond_size_limit", onMeta, nil, false},

	{"proof_removed", onAll, proofRemoved, false},
	{"dns_not_published", onDNS, notPublished, false},
	{"dns_delegation_changing", onDNS, delegationChanging, false},
	{"dns_delegation_changing", onDNS, delegationDiffers, true},
	{"domain_on_public_suffix_service", onDNS, suffixService, false},
	{"dns_child_zone_cut", onDNS, childZoneCut, false},

	{"dns_value_mismatch", onTXT, nil, false},
	{"dns_record_missing", onTXT, nil, false},
	{"cname_wrong_target", onCNAME, nil, false},
	{"cname_missing", onCNAME, nil, false},
	{"file_wrong_content", files, nil, false},
	{"http_not_found", onWeb, nil, false},
	{"meta_value_mismatch", onMeta, nil, false},
	{"meta_missing", onMeta, nil, false},
}

// plainMiss are the codes that only say "not there" or "not right". They are
// the cause only where nothing better was found, and never a note.
var plainMiss = map[problem.Code]bool{
	"dns_record_missing":  true,
	"dns_value_mismatch":  true,
	"cname_missing":       true,
	"cname_wrong_target":  true,
	"file_wrong_content":  true,
	"http_not_found":      true,
	"meta_missing":        true,
	"meta_value_mismatch": true,
}

// nearMiss are the codes that show that the person did place the proof, and
// nearly right: among several methods, that one is worth reporting.
var nearMiss = map[problem.Code]bool{
	"dns_doubled_label": true, "dns_wrong_provider": true, "dns_wrong_type": true, "dns_underscore_dropped": true,
	"dns_literal_at_label": true, "dns_trailing_dot": true, "dns_wrong_name": true, "dns_sibling_domain": true,
	"dns_nameservers_disagree": true, "proof_removed": true, "token_old": true, "token_of_other_claim": true,
	"dns_value_quoted": true, "dns_value_smart_quotes": true, "dns_value_split_on_space": true, "dns_value_whitespace": true,
	"dns_value_case_changed": true, "dns_value_is_html": true, "value_placeholder": true, "dns_value_key_missing": true,
	"dns_value_truncated": true, "dns_value_mismatch": true,
	"cname_target_zone_appended": true, "cname_target_is_url": true, "cname_hidden_by_cdn": true, "dns_cname_target_stale": true,
	"http_ipv6_differs": true, "http_addresses_disagree": true, "http_stale_cdn_copy": true, "http_nodes_disagree": true, "http_https_differ": true,
	"file_bom_or_encoding": true, "file_decorated": true,
	"meta_head_closed_early": true, "meta_in_body": true, "meta_in_comment_or_template": true, "meta_attribute_wrong": true,
	"meta_value_quoted": true, "meta_on_other_page": true, "meta_value_mismatch": true,
}
