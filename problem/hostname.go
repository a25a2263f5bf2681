package problem

var hostname = []Entry{
	{
		Code:      "hostname_invalid", // F31
		WhoActs:   Owner,
		Title:     "This is not a domain name",
		Meaning:   "The text that was given cannot be a domain name: it is an address, holds a port, a scheme, a path or a character that names do not have, or a part of it is too long. Nothing was looked up.",
		LookedFor: "A domain name: at least two parts with dots between, each of 1 to 63 letters, digits and hyphens, at most 253 characters in all",
		Found:     `The name given is "{got}" (as typed). {detail}`,
		Fixes: []string{
			"Give only the host name: example.com, not https://example.com/ and not example.com:8443.",
			"An IP address cannot be claimed; give a name that points to it.",
		},
		SeeItYourself: "zonehold explain example.com",
	},
	{
		Code:      "domain_is_public_suffix", // F92
		WhoActs:   Owner,
		Title:     "This name is shared by many owners",
		Meaning:   "The name is a public suffix: a registry or a provider gives out names below it to anybody (com, co.uk, github.io), or it is the domain of a mail service with many users. Control of it cannot belong to one account, so it cannot be claimed.",
		LookedFor: "A name that one owner has registered, or a name below it",
		Found:     "{domain} is on the list of public suffixes (publicsuffix.org) or of shared mail domains.",
		Fixes: []string{
			"Claim your own name below it, for example your-name.{domain} instead.",
			"Claim the name that you registered yourself.",
		},
		SeeItYourself: "curl -sS https://publicsuffix.org/list/public_suffix_list.dat",
	},
	{
		Code:      "hostname_idn_variant", // F94
		WhoActs:   Owner,
		Title:     "The name can be read as another one",
		Meaning:   "The name was typed with characters that stand for others (full-width letters, an ideographic full stop), with invisible ones, or in another spelling of an internationalised name, such as faß.de and fass.de. These are different domains, so the name is never changed silently.",
		LookedFor: "The name {domain} in its own spelling",
		Found:     `The name typed is "{got}" (not the same). {detail}`,
		Fixes: []string{
			"If you mean {expected} then give exactly that.",
			"Type the name anew instead of pasting it, or give its xn-- form.",
		},
		SeeItYourself: "printf %s {got} | od -c",
	},
}
