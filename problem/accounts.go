package problem

const showDomain = "zonehold domain show {domain}"

var accounts = []Entry{
	{
		Code:              "proof_removed", // F45
		WhoActs:           Owner,
		RetryAfterSeconds: 300,
		Title:             "The proof was there and has been removed",
		Meaning:           "An earlier check found the proof; now it is gone. Proofs are looked at again and again, as domains change hands, so they have to stay. The rights stand until the grace time ends.",
		LookedFor:         "The proof at {name} (as before)",
		Found:             "It is not there any more. It was last seen on {old_date} (then it was right).",
		Fixes: []string{
			"Put it back before {until} and nothing is lost: {expected}",
		},
		Otherwise:     "Put the record, file or tag back as the challenge shows it, and keep it there.",
		SeeItYourself: showDomain,
	},
	{
		Code:              "claimed_by_other_account", // F91
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "Another account has proved this domain",
		Meaning:           "Another account has a valid proof for the domain, and the operator allows only one. That account may belong to a colleague, to a former owner, or to a project that was given up.",
		LookedFor:         "No other proved claim on {domain} (as the operator's policy asks)",
		Found:             "Another account has proved {domain} (its name is not told).",
		Fixes: []string{
			"Contest the other claim: prove the domain by DNS, and tell the operator of this service.",
			"If a colleague has it, ask to be given access to that claim.",
			"Remove records of other claims from the zone that you do not know.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "challenge_expired_or_paused", // F93
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The challenge has expired or is paused",
		Meaning:           "The time for this challenge is over, or it was tried so often without success that automatic checks were stopped. A renewed challenge gets a new value.",
		LookedFor:         "A challenge that is still valid",
		Found:             "It ended on {until} (no checks since).",
		Fixes: []string{
			"Renew the challenge, place the new value, and check again.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "zone_not_in_account",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The connected account does not hold the zone that the world uses",
		Meaning:           "The connected provider account has no zone of this name, or has one that the registry does not point to. Anybody can create a zone in an account of their own; only the one whose name servers the registry lists proves control.",
		LookedFor:         "A zone {zone} in the connected account whose name servers are those at the registry",
		Found:             "The registry lists {servers} (other servers than the account's). {detail}",
		Fixes: []string{
			"Connect the account that holds the zone {zone} in use.",
			"Or enter the name servers of the account's zone at the registrar, and check again when the change has arrived.",
		},
		SeeItYourself: "dig +short NS {zone}",
	},
	{
		Code:              "provider_token_rejected",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The provider does not accept the access token",
		Meaning:           "The token for the provider's interface has expired, was revoked, or lacks the right to read zones. Whether the account holds the zone could not be seen.",
		LookedFor:         "Read access to the zones of the connected account",
		Found:             `The provider answered "{got}" to the request.`,
		Fixes: []string{
			"Create a new token at {provider} with the right to read zones, and connect it again.",
		},
		Otherwise:     "Create a new token with the right to read zones, and connect it again.",
		SeeItYourself: showDomain,
	},
	{
		Code:              "delegation_cancelled",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The owner has taken back the access that was given",
		Meaning:           "The right to this domain came from another account that had proved it and shared it. That account has ended the sharing, or has lost its own proof.",
		LookedFor:         "A share of {domain} by an account that has proved it",
		Found:             "The share was ended. {detail}",
		Fixes: []string{
			"Ask the owner to share the domain again.",
			"Or prove control yourself, by DNS TXT for example.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "waiver_missing",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "There is no agreement that waives the proof",
		Meaning:           "This method needs an agreement between the operator and the account that takes the place of a technical proof. None is on record for the domain.",
		LookedFor:         "A waiver for {domain} on record with the operator",
		Found:             "There is none. {detail}",
		Fixes: []string{
			"Use another method, DNS TXT for example.",
			"Or ask the operator of this service for the agreement.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "not_whitelisted",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The domain is not on the operator's list",
		Meaning:           "This method accepts domains that the operator of the service has put on a list. This domain is not on it.",
		LookedFor:         "{domain} on the list of the operator",
		Found:             "It is not on the list.",
		Fixes: []string{
			"Use another method, DNS TXT for example.",
			"Or ask the operator of this service to add the domain.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "parent_not_verified",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "No domain above this one is proved",
		Meaning:           "A subdomain counts as proved when a domain above it is proved by DNS or by its registration in the same account. There is no such domain, or its proof has lapsed.",
		LookedFor:         "A proved domain above {domain} in this account",
		Found:             "There is none. {detail}",
		Fixes: []string{
			"Prove the domain above by DNS TXT; this one is then covered.",
			"Or prove this name by itself.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "parent_proof_too_narrow",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The proof of the domain above does not reach down to this name",
		Meaning:           "The domain above was proved by a file or a meta tag, which covers that one host only; or a public suffix or a change of name servers lies between. Only proofs by DNS or registration cover what is below.",
		LookedFor:         "A proof above {domain} that covers what is below",
		Found:             "The proof of {where} covers only that name. {detail}",
		Fixes: []string{
			"Prove {where} by DNS TXT as well; that covers this name.",
		},
		Otherwise:     "Prove the domain above by DNS TXT, or prove this name by itself.",
		SeeItYourself: showDomain,
	},
}
