package problem

var mail = []Entry{
	{
		Code:              "whois_redacted", // F88
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The registration hides the mail address of its holder",
		Meaning:           "The registry or a privacy service hides the contact data of the domain, as is usual since 2018. This method compares that address with yours, so it cannot work here. The address of a privacy service is shared by its customers and proves nothing.",
		LookedFor:         "A mail address among the contacts of the registration of {domain} (RDAP or WHOIS)",
		Found:             `The contact data is hidden: "{got}". {detail}`,
		Fixes: []string{
			"Use another method, DNS TXT for example.",
			"Or have the registrar show the contact address of {domain} for the time of the check.",
		},
		SeeItYourself: "curl -sSL https://rdap.org/domain/{domain}",
	},
	{
		Code:              "whois_not_applicable", // F89
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "This name has no registration data of its own",
		Meaning:           "Only registered domains have WHOIS or RDAP data, not subdomains; and some registries publish no mail addresses at all. The method cannot work for this name.",
		LookedFor:         "The registration of {domain} (RDAP or WHOIS)",
		Found:             "There is none with a mail address for this name. {detail}",
		Fixes: []string{
			"Use this method for the registered domain itself, or another method for this name.",
		},
		SeeItYourself: "curl -sSL https://rdap.org/domain/{domain}",
	},
	{
		Code:              "whois_unavailable",
		WhoActs:           Nobody,
		RetryAfterSeconds: 900,
		Title:             "The registration data could not be read",
		Meaning:           "The servers that IANA names for the registry did not give a usable answer: they could not be reached, were too slow, asked to come back later, or answered something that is not the registration of this domain. So nothing is known, and nothing changed.",
		LookedFor:         "The registration of {domain} (RDAP or WHOIS)",
		Found:             "No usable answer came. {detail}",
		Fixes: []string{
			"Try again later; such faults mostly pass.",
			"If it stays so, use another method, DNS TXT for example.",
		},
		SeeItYourself: "curl -sSL https://rdap.org/domain/{domain}",
	},
	{
		Code:              "whois_email_missing",
		WhoActs:           Owner,
		RetryAfterSeconds: 3600,
		Title:             "The registration does not show your mail address",
		Meaning:           "No contact of the registration has a mail address that is a confirmed one of this account. Only exact equality in a contact field counts; remarks, other texts and the contacts of the registrar do not.",
		LookedFor:         "A confirmed mail address of this account among the contacts of {domain} (RDAP or WHOIS)",
		Found:             "None of the contacts has such an address. {detail}",
		Fixes: []string{
			"Add the address of the registration to your account and confirm it.",
			"Or change the contact address at the registrar to one of yours.",
			"Or use another method, DNS TXT for example.",
		},
		SeeItYourself: "curl -sSL https://rdap.org/domain/{domain}",
	},
	{
		Code:              "whois_email_unconfirmed",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "Your address in the registration is not confirmed",
		Meaning:           "The registration shows a mail address that you entered here, but nobody has shown yet that you read that mailbox. An address counts only after that.",
		LookedFor:         "A confirmed mail address of this account among the contacts of {domain} (RDAP or WHOIS)",
		Found:             `The contact address "{got}" belongs to this account and is not confirmed.`,
		Fixes: []string{
			"Have a code sent to {got} and enter it here, then check again.",
		},
		Otherwise:     "Have a code sent to that address and enter it here, then check again.",
		SeeItYourself: "zonehold email list",
	},
	{
		Code:              "mail_not_delivered", // F90
		WhoActs:           MailHost,
		RetryAfterSeconds: 900,
		Title:             "The confirmation mail could not be delivered",
		Meaning:           "The mail server of the domain does not exist, does not accept mail for the address, or asks to try again later. So no code could be sent.",
		LookedFor:         "A mail server that accepts mail for {target} (one of the fixed addresses)",
		Found:             `The mail server answered "{got}" to the attempt.`,
		Fixes: []string{
			"Create the mailbox {target} or another of the offered ones.",
			"Look into the spam folder first, then use the DNS method, which needs no mail.",
		},
		SeeItYourself: "dig +short MX {domain}",
	},
	{
		Code:              "mail_code_wrong",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The code from the mail is not right",
		Meaning:           "The code that was entered is not the one that was sent last for this claim. Each new mail makes the codes of earlier ones useless, and a code counts for one account and one domain only.",
		LookedFor:         "The code of the newest confirmation mail",
		Found:             "The code does not match. {detail}",
		Fixes: []string{
			"Enter the code of the newest mail, or have a new one sent.",
		},
		SeeItYourself: "zonehold domain show {domain}",
	},
}
