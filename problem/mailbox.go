package problem

const digMX = "dig +short MX {domain}"

// mailbox holds what can stand in the way of a proof by mail, beside the
// rows of mail.
var mailbox = []Entry{
	{
		Code:              "mail_code_expired",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The code from the mail does not count any more",
		Meaning:           "A code counts once, for half an hour, for the claim that it was sent for, and only until it was typed wrongly too often. A change of the claim ends it as well. So a mail that somebody finds later opens nothing.",
		LookedFor:         "A code that was sent a short while ago and not used yet",
		Found:             "{detail}",
		Fixes: []string{
			"Have a new code sent, and enter it within half an hour.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "mail_no_mx",
		WhoActs:           DNSHost,
		RetryAfterSeconds: 3600,
		Title:             "The domain takes no mail",
		Meaning:           "The zone has no MX record for the name, nor an address that could stand in for one, or it says by a null MX record that no mail is taken. So a code cannot be mailed to it.",
		LookedFor:         "An MX record of {domain} (or an address record in its place)",
		Found:             "There is none. {detail}",
		Fixes: []string{
			"Use the DNS method, which needs no mail.",
			"Or add an MX record for {domain} if it is to take mail.",
		},
		SeeItYourself: digMX,
	},
	{
		Code:              "mail_mx_unknown",
		WhoActs:           DNSHost,
		RetryAfterSeconds: 300,
		Title:             "It could not be seen whether the domain takes mail",
		Meaning:           "The name servers did not answer the question for the mail servers of the domain, or their answers cannot be trusted. Nothing was sent, as the mail might have gone to the wrong place.",
		LookedFor:         "An MX record of {domain} (or an address record in its place)",
		Found:             "The question was not answered. {detail}",
		Fixes: []string{
			"Ask for the code again in a few minutes.",
			"If it stays so, have the name servers of {domain} looked after.",
		},
		SeeItYourself: digMX,
	},
	{
		Code:              "mail_domain_shared",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "Anybody can have a mail address in this domain",
		Meaning:           "The domain gives mail addresses to the public, or addresses in it belong to strangers. An address in it says nothing about who controls the domain; certificates were once issued wrongly that way.",
		LookedFor:         "A mail domain of which only its holder gives out addresses",
		Found:             "{domain} is none. {detail}",
		Fixes: []string{
			"Use another method, DNS TXT for example.",
		},
		SeeItYourself: digMX,
	},
	{
		Code:              "mail_address_unconfirmed",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The mail address is not confirmed",
		Meaning:           "The account has an address in this domain, but has not shown that it reads that mailbox, or did so too long ago. Anybody can type any address.",
		LookedFor:         "A confirmed mail address of the account in {domain} (exactly that domain)",
		Found:             "The address {got} is not confirmed.",
		Fixes: []string{
			"Have a code sent to the address, and enter it.",
			"Or use another method, DNS TXT for example.",
		},
		SeeItYourself: "zonehold email list",
	},
	{
		Code:              "mail_off",
		WhoActs:           Us,
		RetryAfterSeconds: 0,
		Title:             "This service sends no mail",
		Meaning:           "The operator has not set up a relay for outgoing mail, so no code can be sent. An address can still be confirmed by the operator.",
		LookedFor:         "A relay for outgoing mail (ZONEHOLD_SMTP_URL)",
		Found:             "None is set up.",
		Fixes: []string{
			"Use another method, DNS TXT for example.",
			"Or ask the operator of this service to confirm the address.",
		},
		SeeItYourself: "zonehold config show smtp_url",
	},
	{
		Code:              "mail_relay_down",
		WhoActs:           Us,
		RetryAfterSeconds: 900,
		Title:             "Our mail could not be handed over",
		Meaning:           "The relay of this service for outgoing mail does not answer, or does not take mail from this service. The mail servers of the domain were not even asked.",
		LookedFor:         "Our relay for outgoing mail, ready to take a message",
		Found:             "It took none. {detail}",
		Fixes: []string{
			"Try again later, or use the DNS method, which needs no mail.",
		},
		SeeItYourself: "zonehold config show smtp_url",
	},
}
