package problem

var dnsName = []Entry{
	{
		Code:              "dns_doubled_label", // F1
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record is one level too deep",
		Meaning:           "The panel appended the domain to a name that held it already, so the record stands at a name such as _x.example.com.example.com. Most panels want only the part before the domain.",
		LookedFor:         lookedDNS,
		Found:             "Nothing is there. The right value is at {where} (the domain stands in it twice).",
		Fixes: []string{
			"Edit the name of the record: enter only {relative_name} in the name field.",
			"If the panel wants the full name, end it with a dot, so that the panel does not append the domain.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse {type} {where} @{server}",
	},
	{
		Code:              "dns_wrong_provider", // F2
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record was added at a provider that does not serve the domain",
		Meaning:           "The zone exists at more than one DNS provider, and the record was added at one that the registry does not point to. Only the name servers that the registry lists are asked, by us and by everybody else.",
		LookedFor:         lookedDNS,
		Found:             "The zone {zone} is served by {servers} (and these do not have the record). The value was seen at {where} instead.",
		Fixes: []string{
			"Add the record at {provider}, which serves the zone: {panel_url}",
		},
		Otherwise:     "Add the record at the provider whose name servers are listed at your registrar.",
		SeeItYourself: "dig +short NS {zone}",
	},
	{
		Code:              "dns_wrong_name", // F4
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The right value is at another name",
		Meaning:           "The record exists with the right value, but at another name: the domain itself, www, or a label without its underscore. The name is part of the proof, so that a record for one purpose cannot be used for another.",
		LookedFor:         lookedDNS,
		Found:             "The right value is at {where} and not at the name we look at.",
		Fixes: []string{
			"Change the name of the record from {where} to {name} (in a panel that appends the domain: {relative_name}).",
			fixPanel,
		},
		Otherwise:     "Create the record at the name that is shown with the challenge; the other may be deleted.",
		SeeItYourself: "dig +norecurse {type} {where} @{server}",
	},
	{
		Code:              "dns_cname_conflict", // F5
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "An alias (CNAME) stands where the record should be",
		Meaning:           "The name is an alias of another name. An alias cannot have other records beside it (RFC 1034 section 3.6.2), so a TXT record added there is dropped by the provider or never seen: questions follow the alias.",
		LookedFor:         lookedDNS,
		Found:             "{name} is a CNAME to {target} (so questions are answered there).",
		Fixes: []string{
			"Delete the CNAME record {name} and add the {type} record there.",
			"If the alias has to stay, use another method, or publish the value at {target} instead.",
			fixPanel,
		},
		Otherwise:     "Delete the alias and add the record there, or use another method.",
		SeeItYourself: "dig +norecurse CNAME {name} @{server}",
	},
	{
		Code:              "dns_literal_at_label", // F6
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The name field was taken literally",
		Meaning:           "The name of the record holds a character that was meant as a sign for the panel, such as @ or *, or a whole address with http://. This provider does not translate it, so the record stands at a name nobody asks for.",
		LookedFor:         lookedDNS,
		Found:             "The right value is at {where} (with the sign in the name).",
		Fixes: []string{
			"Edit the record and enter {relative_name} in the name field; if that is @ and the panel does not know it, leave the field empty or enter {domain} there.",
			fixPanel,
		},
		Otherwise:     "Enter only the label that is shown with the challenge, without http:// and without @.",
		SeeItYourself: "dig +norecurse {type} {where} @{server}",
	},
	{
		Code:              "dns_trailing_dot", // F7
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A dot at the end of the name was handled differently than meant",
		Meaning:           "In zone files a final dot means that the name is complete, and without it the zone is appended. Panels differ: some need the dot, some take it as a character, some refuse it. The record came to stand at another name.",
		LookedFor:         lookedDNS,
		Found:             "The right value is at {where} (and not at the name we look at).",
		Fixes: []string{
			"Enter {relative_name} without a dot at the end, if the panel appends the domain.",
			"Enter the full name with a dot at the end, if the panel does not append the domain.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse {type} {where} @{server}",
	},
	{
		Code:              "dns_underscore_dropped", // F8
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The underscore at the beginning of the name is missing",
		Meaning:           "The record stands at the same name without its underscore. Some panels refuse or drop the underscore, though the DNS allows it in such records (RFC 8552).",
		LookedFor:         lookedDNS,
		Found:             "The right value is at {where} (without the underscore).",
		Fixes: []string{
			"Edit the record so that its name is {relative_name} with the underscore.",
			"If the panel does not take an underscore, use the file or the meta tag method, or ask the provider to enter the record.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse {type} {where} @{server}",
	},
	{
		Code:              "dns_child_zone_cut", // F9
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "This part of the domain is a zone of its own",
		Meaning:           "NS records hand the name over to other name servers. A record that is added in the zone above is not seen any more, as questions go to the servers of the zone below.",
		LookedFor:         lookedDNS,
		Found:             "The zone {zone} is served by {servers} (not by the servers of the zone above).",
		Fixes: []string{
			"Add the record in the zone {zone} on {servers} instead.",
			"If that zone is not meant to exist, delete its NS records in the zone above.",
		},
		Otherwise:     "Add the record at the provider that serves the lower zone.",
		SeeItYourself: "dig +norecurse NS {zone} @{server}",
	},
	{
		Code:              "dns_dname_above", // F10
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Everything below a name is redirected (DNAME)",
		Meaning:           "A DNAME record above the name replaces the end of every name below it (RFC 6672). No record can stand below it; questions are answered at the target.",
		LookedFor:         lookedDNS,
		Found:             "A DNAME at {where} leads to {target} (so nothing can stand below it).",
		Fixes: []string{
			"Publish the record below {target} under the same label.",
			"Verify the domain by a method that needs no record below it, or remove the DNAME record.",
		},
		SeeItYourself: "dig +norecurse DNAME {where} @{server}",
	},
	{
		Code:              "dns_not_published", // F11
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The zone has not changed since the record was asked for",
		Meaning:           "The serial number of the zone is the same as when this claim was made, so no change has been published since. The panel may hold the change as a draft until it is applied.",
		LookedFor:         lookedDNS,
		Found:             "The record is not there. The serial number of {zone} is still {count} (as it was then).",
		Fixes: []string{
			"Look in the panel for a button such as “Save”, “Apply changes” or “Publish zone”, and press it.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse SOA {zone} @{server}",
	},
	{
		Code:              "dns_private_zone", // F24
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record exists only in an internal DNS",
		Meaning:           "The name servers that the public asks do not have the record, while a server inside a network has it. Companies often run two versions of a zone (split horizon), and clouds offer private zones; only the public one can be seen from outside.",
		LookedFor:         lookedDNS,
		Found:             "The public name servers {servers} do not have the record.",
		Fixes: []string{
			"Add the record to the public zone as well.",
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_wildcard_answers", // F25
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A wildcard answers in place of the record",
		Meaning:           "The zone has a wildcard record (*) that answers for every name, also for a name we made up. So the answer does not show that the record was placed: it would have come in any case.",
		LookedFor:         lookedDNS,
		Found:             `A made-up name gets the same answer: "{got}".`,
		Fixes: []string{
			"Add the {type} record at exactly {name} (in a panel that appends the domain: {relative_name}); a record of its own takes precedence over the wildcard.",
			"Use the TXT method, where the value itself proves control.",
			fixPanel,
		},
		SeeItYourself: "dig +norecurse {type} made-up-name.{domain} @{server}",
	},
	{
		Code:              "dns_sibling_domain", // F27
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record was added to another domain",
		Meaning:           "The right value stands in a domain with a similar name, for example under another ending. Each domain has to be proved by itself.",
		LookedFor:         lookedDNS,
		Found:             "The right value is at {where} (in another domain).",
		Fixes: []string{
			"Add the record to {domain} as well, under the name {relative_name} there.",
			"If the other domain is the one you mean, claim that one.",
		},
		SeeItYourself: "dig {type} {where}",
	},
	{
		Code:              "domain_on_public_suffix_service", // F28
		WhoActs:           Owner,
		RetryAfterSeconds: 3600,
		Title:             "The name belongs to a service that gives out subdomains",
		Meaning:           "The name lies below a domain whose operator gives names to many people. Its DNS is in the hands of that operator, who decides which records are possible.",
		LookedFor:         lookedDNS,
		Found:             "{domain} lies below {zone} (a service for subdomains), and the record is not there.",
		Fixes: []string{
			"Ask the operator of {zone} to add the record, in the way that they describe.",
			"Use the file or the meta tag method, if the web site is yours.",
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_wrong_type", // F42
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record has the wrong type",
		Meaning:           "The value or the target stands at the right name, but in a record of another type, such as CNAME in place of TXT. Panels offer the type in a list, and the first one is easily kept.",
		LookedFor:         lookedDNS,
		Found:             `At {name} stands "{got}" in a record of another type. {detail}`,
		Fixes: []string{
			"Delete the record at {name} and create it anew with the type {type} and the same value.",
			fixPanel,
		},
		Otherwise:     "Create the record with the type that is shown with the challenge.",
		SeeItYourself: "dig +norecurse ANY {name} @{server}",
	},
	{
		Code:              "dns_record_missing",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record is not there",
		Meaning:           "Every name server of the zone answered, and all say that there is no such record. It was not added yet, not saved, or stands at a name where we did not find it.",
		LookedFor:         lookedDNS,
		Found:             "There is no {type} record at {name} (asked: {servers}).",
		Fixes: []string{
			"Add a {type} record with the name {name} (in a panel that appends the domain: {relative_name}) and the value {expected}",
			fixPanel,
		},
		Otherwise:     "Add the record that is shown with the challenge, then check again.",
		SeeItYourself: digDNS,
	},
}
