package problem

var dnsServers = []Entry{
	{
		Code:              "domain_not_registered", // F21
		WhoActs:           Owner,
		RetryAfterSeconds: 3600,
		Title:             "The domain does not exist",
		Meaning:           "The registry above the domain says that there is no such name. It was never registered, its registration has ended, the name is misspelt, or the registrar has not entered any name servers for it.",
		LookedFor:         "A delegation of {domain} in the zone above it",
		Found:             "The servers of the zone above say that {domain} does not exist.",
		Fixes: []string{
			"Look for a slip in the name {domain} first.",
			"If the name is right, register it, or ask your registrar to enter its name servers.",
		},
		SeeItYourself: "dig +trace NS {domain}",
	},
	{
		Code:              "domain_on_hold", // F22
		WhoActs:           Registrar,
		RetryAfterSeconds: 3600,
		Title:             "The registration is on hold",
		Meaning:           "The domain is registered, but registrar or registry has taken it out of the DNS: it has expired, is about to be deleted, or is held because of a dispute or unconfirmed contact data. No record of it can be seen until that ends.",
		LookedFor:         "A registration in good standing",
		Found:             "The registry shows the status {status} for the domain.",
		Fixes: []string{
			"Sign in at your registrar and renew the registration, or confirm the contact data that it asks for.",
			"If neither is open, ask the registrar what the status {status} is set for.",
		},
		SeeItYourself: "curl -sSL https://rdap.org/domain/{domain}",
	},
	{
		Code:              "dns_zone_inactive", // F23
		WhoActs:           DNSHost,
		RetryAfterSeconds: 600,
		Title:             "The DNS provider has this zone switched off",
		Meaning:           "The name servers work for other domains but refuse to answer for this one. The provider does not have the zone, has suspended it, or it was never activated.",
		LookedFor:         lookedDNS,
		Found:             "{servers} answered {status} for the zone {zone} (they do not serve it).",
		Fixes: []string{
			"In the account at your DNS provider, look whether the zone {zone} exists there and is active.",
			"Create or activate the zone at the DNS provider, or enter other name servers at the registrar.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse SOA {zone} @{server}",
	},
	{
		Code:              "dns_lame_delegation", // F14
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "A name server of the domain does not serve it",
		Meaning:           "The registry sends questions to a name server that does not know the zone: it refuses, or answers without authority. A stranger may be able to create the zone there and answer in your name, so a proof is not accepted while this lasts.",
		LookedFor:         "An authoritative answer from every name server of {zone} (as the registry lists them)",
		Found:             "{servers} answered {status} instead of an authoritative answer.",
		Fixes: []string{
			"At your registrar, remove {servers} from the name servers of the domain, or have the zone set up there.",
		},
		Otherwise:     "At your registrar, keep only name servers that serve the zone.",
		SeeItYourself: "dig +norecurse SOA {zone} @{server}",
	},
	{
		Code:              "dns_delegation_changing", // F13
		WhoActs:           Nobody,
		RetryAfterSeconds: 3600,
		Title:             "The name servers of the domain are being changed",
		Meaning:           "The registry names other name servers than the zone itself does. That is usual for some hours after a move to another DNS provider. Until both agree, the old and the new servers both answer, and a record has to be at both.",
		LookedFor:         lookedDNS,
		Found:             "The registry and the zone name different servers: {servers} are in one list only. Old servers may be asked until {until} (then caches have forgotten them).",
		Fixes: []string{
			"Publish the record at the old and at the new provider until the move is over.",
			"If the move is over, correct the NS records in the zone so that they are the same as at the registrar.",
		},
		SeeItYourself: "dig +norecurse NS {zone} @{server}",
	},
	{
		Code:              "dns_network_refused", // F16
		WhoActs:           DNSHost,
		RetryAfterSeconds: 900,
		Title:             "The DNS provider does not answer our network",
		Meaning:           "Others reach the name servers of the domain, we do not: they ignore or reject the network from which this check runs, by a filter or by geography. This is not a fault of yours, and it does not change the state of the domain.",
		LookedFor:         lookedDNS,
		Found:             "{servers} did not answer us, though public resolvers get answers from them.",
		Fixes: []string{
			"Ask the DNS provider to let questions from our network through.",
			"Use a method that needs no DNS record, such as a file on the web site.",
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dnssec_ds_mismatch", // F18
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The DS record at the registrar belongs to another key",
		Meaning:           "The registry vouches for a DNSSEC key that the zone does not have. That is what is left after a move to another DNS provider, or after the zone was signed with new keys. Validating resolvers give no answer at all for such a domain, and we do not believe one either.",
		LookedFor:         lookedChain,
		Found:             "The DS record names {ds_keys}, and the zone {zone} has {keys} instead.",
		Fixes: []string{
			"At your registrar, remove the DS record of {ds_keys}, or replace it by the one that your present DNS provider shows.",
			"The old record may be kept in caches for up to a day; we ask the registry itself and see the change at once.",
		},
		Otherwise:     "At your registrar, remove the DS record, or replace it by the one that your present DNS provider shows.",
		SeeItYourself: "dig +norecurse DNSKEY {zone} @{server}",
	},
	{
		Code:              "dnssec_signatures_missing", // F18
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The domain is announced as signed, but its answers are not",
		Meaning:           "The registry has a DS record, which says that the zone is signed with DNSSEC, and its servers send no signatures. Mostly the domain has moved to a DNS provider that does not sign it, and the DS record of the former one has stayed. An answer without a signature cannot be told from a forged one.",
		LookedFor:         lookedChain,
		Found:             "There is a DS record of {ds_keys} (DNSSEC). The answers for the zone {zone} came without signatures that belong to it. They came from {servers} (name servers).",
		Fixes: []string{
			"If the zone {zone} is not meant to be signed, remove its DS record at your registrar.",
			"If it is, switch DNSSEC on at your DNS provider, and enter at the registrar the DS record that the provider shows.",
			fixPanel,
		},
		Otherwise:     "If the zone is not meant to be signed, remove its DS record at your registrar.",
		SeeItYourself: "dig +norecurse +dnssec {type} {name} @{server}",
	},
	{
		Code:              "dnssec_signature_expired", // F18
		WhoActs:           DNSHost,
		RetryAfterSeconds: 600,
		Title:             "The DNSSEC signatures of the domain have expired",
		Meaning:           "The signatures of a zone hold for some days and have to be made anew in time. These were not: the program that signs has stopped, or a server still shows an old copy of the zone. Validating resolvers give no answer at all for such a domain.",
		LookedFor:         lookedChain,
		Found:             "A signature in the zone {zone} ended on {until} (made by {keys}). It is at {servers} (name servers).",
		Fixes: []string{
			"Have the zone {zone} signed anew by your DNS provider, or start the program that signs it.",
			"If only some of its servers show old signatures, see why they do not fetch the present zone.",
			"If the zone is not meant to be signed any more, remove its DS record at your registrar.",
		},
		Otherwise:     "Have the zone signed anew by your DNS provider, or start the program that signs it.",
		SeeItYourself: "dig +norecurse +dnssec {type} {name} @{server}",
	},
	{
		Code:              "dnssec_bogus", // F18
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The DNSSEC signatures of the domain are not valid",
		Meaning:           "The registry says that the zone is signed, but its answers do not pass the check: signatures do not fit the records, or the proof that something does not exist is wrong. Validating resolvers give no answer at all for such a domain. Nothing that it says can be told from a forgery.",
		LookedFor:         lookedChain,
		Found:             "The chain of signatures breaks in the zone {zone} (DNSSEC). What is wrong: {detail}",
		Fixes: []string{
			"If the zone is no longer signed, remove the DS record at your registrar.",
			"If it is signed, sign it anew and enter the DS record of its present key at your registrar.",
			fixPanel,
		},
		SeeItYourself: "delv {name} {type}",
	},
	{
		Code:              "dnssec_keys_unavailable",
		WhoActs:           DNSHost,
		RetryAfterSeconds: 300,
		Title:             "The DNSSEC keys of the domain could not be fetched",
		Meaning:           "The zones above say that the answers have to be signed, and the keys to check them with did not come. Without them an answer cannot be told from a forged one, so nothing changes for the domain. Often a firewall drops long answers, or questions over TCP.",
		LookedFor:         lookedChain,
		Found:             "No keys came for the zone {zone} (DNSSEC). What happened: {detail}",
		Fixes: []string{
			"See that the name servers of the zone answer questions for DNSKEY over UDP and over TCP (port 53).",
			"Check again in a few minutes.",
		},
		SeeItYourself: "dig +norecurse +tcp DNSKEY {zone} @{server}",
	},
	{
		Code:              "dnssec_registry_bogus",
		WhoActs:           Nobody,
		RetryAfterSeconds: 300,
		Title:             "The signatures of the zone above the domain are wrong",
		Meaning:           "DNSSEC secures a domain by a chain of signatures from the root. The chain breaks in a zone where names are registered, above the domain itself. Either that registry has a fault, or somebody on the way changes its answers; nothing changes for the domain.",
		LookedFor:         lookedChain,
		Found:             "The answer of the zone {zone} failed validation (DNSSEC). The reason: {detail}",
		Fixes: []string{
			"Nothing has to be changed at the domain. Check again in a few minutes.",
		},
		SeeItYourself: "dig +dnssec +multi DS {domain}",
	},
	{
		Code:              "dns_servfail", // F17
		WhoActs:           DNSHost,
		RetryAfterSeconds: 300,
		Title:             "A name server of the domain reports a failure of its own",
		Meaning:           "A name server answered SERVFAIL, or with a message that cannot be read: it has the zone but cannot serve it, often because the zone file has an error, a transfer from the primary server has failed, or signing is broken. What the record says could not be learnt, so nothing changes for the domain.",
		LookedFor:         lookedDNS,
		Found:             "{servers} answered {status} to the question. The server says: {detail}",
		Fixes: []string{
			"Look in the panel or log of the DNS server for an error in the zone {zone} first.",
			"If you cannot see one, show this answer to the DNS provider.",
			fixPanel,
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_timeout",
		WhoActs:           DNSHost,
		RetryAfterSeconds: 300,
		Title:             "A name server of the domain does not answer",
		Meaning:           "Not one answer came from a name server that the registry lists for the domain, over UDP or TCP. As every listed server has to agree, the check could neither say yes nor no, and nothing changes for the domain.",
		LookedFor:         lookedDNS,
		Found:             "No answer came from {servers} (asked several times).",
		Fixes: []string{
			"Look whether {servers} run, and whether a firewall blocks port 53 (UDP and TCP).",
			"Remove name servers that no longer exist from the list at your registrar.",
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_tcp_blocked", // F15
		WhoActs:           DNSHost,
		RetryAfterSeconds: 600,
		Title:             "A name server does not answer over TCP",
		Meaning:           "The answer is too big for one UDP message, so it has to be asked for over TCP, and the server does not accept TCP on port 53. Every name server has to (RFC 7766).",
		LookedFor:         lookedDNS,
		Found:             "{servers} answered over UDP that the answer is cut, and did not answer over TCP.",
		Fixes: []string{
			"Open TCP port 53 of {servers} in the firewall.",
			"Delete records that are no longer needed at the same name, so that the answer gets smaller.",
		},
		Otherwise:     "Ask the DNS provider to open TCP port 53.",
		SeeItYourself: "dig +tcp +norecurse {type} {name} @{server}",
	},
	{
		Code:              "dns_nameservers_disagree", // F12
		WhoActs:           Owner,
		RetryAfterSeconds: 120,
		Title:             "The name servers of the domain give different answers",
		Meaning:           "Some name servers of the zone have the record and some do not, or they hold different versions of the zone. A change is on its way between them, or one server no longer gets updates. A proof counts when all of them have it.",
		LookedFor:         lookedDNS,
		Found:             "The record is not on {missing_servers} (but on others). {detail}",
		Fixes: []string{
			"Wait two minutes and check again; most providers need less to reach all their servers.",
			"If it stays so, have the zone on {missing_servers} brought up to date, or remove these servers at the registrar.",
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_cached_negative", // F3
		Severity:          SeverityInfo,
		WhoActs:           Nobody,
		RetryAfterSeconds: 300,
		Title:             "The record is published, but caches still say no",
		Meaning:           "The name servers of the zone have the record. Public resolvers asked for it before it existed and remember the no for as long as the zone told them to (the last number of its SOA record). We ask the zone's own servers, so we have seen it already.",
		LookedFor:         lookedDNS,
		Found:             "The zone's own servers have it. Public resolvers still say that there is none, until {until} at the latest.",
		Fixes: []string{
			"Nothing has to be changed. Others see the record when the caches forget.",
			"For quicker changes in future, lower the last number of the SOA record of {zone} to 300 or less.",
		},
		SeeItYourself: "dig SOA {zone}",
	},
	{
		Code:              "dns_cached_old_value", // F46
		Severity:          SeverityInfo,
		WhoActs:           Nobody,
		RetryAfterSeconds: 300,
		Title:             "Caches still hold an older value",
		Meaning:           "The name servers of the zone have the new value. Public resolvers keep the older one for as long as its TTL said. We ask the zone's own servers, so this does not delay the proof.",
		LookedFor:         lookedDNS,
		Found:             `Public resolvers still answer "{got}" (cached). They keep it until {until} at the latest.`,
		Fixes: []string{
			"Nothing has to be changed. Others see the new value when the caches forget.",
			"Set a TTL of 300 before the next change; it is {ttl} now.",
		},
		SeeItYourself: "dig {type} {name}",
	},
	{
		Code:              "dns_case_randomization_broken", // F19
		Severity:          SeverityWarning,
		WhoActs:           DNSHost,
		RetryAfterSeconds: 0,
		Title:             "A name server does not repeat the question as it was asked",
		Meaning:           "We mix upper and lower case in a question so that a forger cannot guess it. A server has to repeat the name exactly as it came; this one changes the case. We asked again over TCP, where a forged answer is not possible in this way, so the result is safe.",
		LookedFor:         lookedDNS,
		Found:             "{servers} changed the case of the name in the answer.",
		Fixes:             []string{"Tell the DNS provider that {servers} do not copy the question into the answer (RFC 1035 section 4.1.2; draft-vixie-dnsext-dns0x20).", "The result stands; you need not do anything."},
		SeeItYourself:     "dig +norecurse +qr {type} {name} @{server}",
	},
	{
		Code:              "dns_edns_broken", // F20
		Severity:          SeverityWarning,
		WhoActs:           DNSHost,
		RetryAfterSeconds: 0,
		Title:             "A name server does not understand extended DNS",
		Meaning:           "The server drops questions that carry EDNS (RFC 6891), which every resolver has sent since 2019. It answered a plain question, so the result stands, but others may see the domain slowly or not at all.",
		LookedFor:         lookedDNS,
		Found:             "{servers} answered only a question without EDNS.",
		Fixes:             []string{"Ask the DNS provider to update {servers} or the firewall before them.", "The result stands; you need not do anything."},
		SeeItYourself:     "dig +norecurse +edns=0 SOA {zone} @{server}",
	},
	{
		Code:              "domain_parked", // F26
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The domain is still parked",
		Meaning:           "The domain points to the parking servers of a registrar or a seller of names. These show a placeholder page and answer the same for every name, so neither a record nor a file of yours can be seen.",
		LookedFor:         lookedDNS,
		Found:             "The domain is parked at {provider} ({servers}).",
		Fixes: []string{
			"At your registrar, switch parking off, or enter the name servers of your DNS provider.",
		},
		SeeItYourself: "dig +short NS {zone}",
	},
}
