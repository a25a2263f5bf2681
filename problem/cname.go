package problem

var cname = []Entry{
	{
		Code:              "dns_cname_chain_too_long", // F29
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The aliases lead in a circle or too far",
		Meaning:           "The name is an alias of an alias, and so on, without an end within the number of steps that resolvers follow, or back to where it began. Nothing can be learnt at such a name.",
		LookedFor:         lookedDNS,
		Found:             "The aliases go like this: {redirect_chain}",
		Fixes: []string{
			"Let {name} point straight to its final target.",
			fixPanel,
		},
		Otherwise:     "Delete the alias that leads back, or let the first one point straight to the final target.",
		SeeItYourself: "dig {type} {name}",
	},
	{
		Code:              "dns_cname_target_stale", // F30
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The alias points to a target that is gone",
		Meaning:           "The record points to a name that does not exist any more or that belonged to an earlier claim. Whoever can create that name could speak for the domain, so it should not stay.",
		LookedFor:         lookedCNAME,
		Found:             "{name} points to {target} (which is not the present target).",
		Fixes: []string{
			"Let the CNAME record {name} point to {expected}",
			fixPanel,
		},
		Otherwise:     "Replace the target by the one that is shown with the challenge now.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_flattened_or_proxied", // F49
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The DNS provider hides the CNAME record",
		Meaning:           "The provider answers with addresses in place of the CNAME: it follows the alias itself (flattening, ALIAS, ANAME) or puts its own proxy before it (the orange cloud). From outside there is no CNAME, so nothing proves where the record points.",
		LookedFor:         lookedCNAME,
		Found:             "{name} has no CNAME record but the addresses {addresses} instead. {detail}",
		Fixes: []string{
			"Switch the proxy or the flattening off for {name} (at Cloudflare: “DNS only”, the grey cloud).",
			"Or use the TXT method.",
			fixPanel,
		},
		Otherwise:     "Switch the proxy or the flattening off for this record.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_at_apex", // F50
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A CNAME record cannot stand at the domain itself",
		Meaning:           "The domain itself always has SOA and NS records, and a CNAME cannot stand beside others (RFC 1912 section 2.4). The provider refused or dropped it.",
		LookedFor:         lookedCNAME,
		Found:             "{name} is the top of the zone {zone} and has no CNAME.",
		Fixes: []string{
			"Use the TXT method for {domain} instead.",
			"Or use the file or the meta tag method on the web site.",
		},
		Otherwise:     "Use the TXT method instead.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_target_zone_appended", // F51
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The target has the own domain appended",
		Meaning:           "The panel took the target as a name inside the zone and appended the domain, because the final dot is missing. The alias points to a name that does not exist.",
		LookedFor:         lookedCNAME,
		Found:             "{name} points to {target} (the domain stands at its end).",
		Fixes: []string{
			"Edit the target and put a dot at its end, so that the panel does not append the domain: {expected}.",
			fixPanel,
		},
		Otherwise:     "Edit the target of the record and put a dot at its end.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_target_is_url", // F52
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The target is a web address in place of a name",
		Meaning:           "The target of a CNAME is a host name. An address with https:// or a slash was entered, which is taken as a strange name.",
		LookedFor:         lookedCNAME,
		Found:             `{name} points to "{got}" (a web address).`,
		Fixes: []string{
			"Edit the target so that it is only the name: {expected}",
			fixPanel,
		},
		Otherwise:     "Edit the target and leave out https:// and every slash.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_hidden_by_cdn", // F53
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A CDN in front hides where the name points",
		Meaning:           "The name leads to a content delivery network, and the chain ends there. What is configured behind it cannot be seen in the DNS.",
		LookedFor:         lookedCNAME,
		Found:             "The chain ends at {target} ({product}).",
		Fixes: []string{
			"Use the TXT method, which needs no alias.",
			"Or create the CNAME at exactly {name} without the CDN in front.",
		},
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_missing",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The CNAME record is not there",
		Meaning:           "Every name server of the zone answered, and all say that there is no CNAME at the name. It was not added yet, not saved, or stands at another name.",
		LookedFor:         lookedCNAME,
		Found:             "There is no CNAME record at {name} (asked: {servers}).",
		Fixes: []string{
			"Add a CNAME record with the name {name} (in a panel that appends the domain: {relative_name}) and the target {expected}",
			fixPanel,
		},
		Otherwise:     "Add the CNAME record that is shown with the challenge, then check again.",
		SeeItYourself: digCNAME,
	},
	{
		Code:              "cname_wrong_target",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The CNAME record points elsewhere",
		Meaning:           "A CNAME stands at the right name, and its target is not the one of this claim. Each claim has a target of its own, so that one record cannot prove two claims.",
		LookedFor:         lookedCNAME,
		Found:             "{name} points to {target} on all name servers.",
		Fixes: []string{
			"Change the target of {name} to {expected}",
			fixPanel,
		},
		Otherwise:     "Change the target to the one that is shown with the challenge.",
		SeeItYourself: digCNAME,
	},
}
