package problem

var dnsValue = []Entry{
	{
		Code:              "dns_value_quoted", // F32
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The value has quote marks inside",
		Meaning:           "Zone files write text in quote marks, and panels add them by themselves. When they are typed into a panel as well, they become part of the value, and the value is another one.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" with the inner quote marks as part of it.`,
		Fixes: []string{
			"Edit the record and remove the quote marks, so that the value is only {expected}",
			fixPanel,
		},
		Otherwise:     "Edit the record and remove the quote marks from the value.",
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_whitespace", // F33
		Severity:          SeverityWarning,
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The value has stray spaces",
		Meaning:           "There is a blank, a tab, a line end or a no-break space around or inside the value, usually from copying. Around the value we accept it and only tell; inside the value it makes another value.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" (spaces included).`,
		Fixes: []string{
			"Edit the record and enter the value without spaces: {expected}",
			"Copy the value with the copy button instead of by hand.",
		},
		Otherwise:     "Edit the record and remove the spaces.",
		SeeItYourself: "dig +norecurse +short TXT {name} @{server} | od -c",
	},
	{
		Code:              "dns_value_smart_quotes", // F34
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The value has typographic quote marks",
		Meaning:           "A word processor, a chat program or a web page turned straight quote marks into curly ones on the way, and they became part of the value. The value is then another one.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" with curly quote marks as part of it.`,
		Fixes: []string{
			"Edit the record and remove the quote marks, so that the value is only {expected}",
			fixPanel,
		},
		Otherwise:     "Edit the record and remove the quote marks; copy the value straight from the challenge.",
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_split_on_space", // F35
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The value was cut in pieces at its spaces",
		Meaning:           "A value with a space was entered without quote marks, and the DNS server stored each word as a string of its own. The strings of a record are joined without spaces (RFC 7208 section 3.3), so the space is lost.",
		LookedFor:         lookedTXT,
		Found:             `The pieces at {name} join to "{got}" without the space.`,
		Fixes: []string{
			"Edit the record and put the whole value between straight quote marks, if the panel shows pieces or a zone file.",
			"The value with its space is {expected}",
			fixPanel,
		},
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_split_long", // F36
		Severity:          SeverityInfo,
		WhoActs:           Nobody,
		RetryAfterSeconds: 0,
		Title:             "The value is stored in several strings",
		Meaning:           "A TXT record consists of strings of at most 255 characters; longer values are split, and some panels split shorter ones too. The strings are joined before they are compared, so this does no harm.",
		LookedFor:         lookedTXT,
		Found:             "The value at {name} consists of {count} strings. Joined, they are right.",
		Fixes:             []string{"Nothing has to be changed."},
		SeeItYourself:     digTXT,
	},
	{
		Code:              "token_old", // F37
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "This is an earlier value",
		Meaning:           "The value belonged to an earlier claim of the same name, to another environment, or was replaced. Earlier values never prove anything again, so that a record left behind cannot speak for a new owner.",
		LookedFor:         lookedDNS,
		Found:             `The value there is "{got}" and belongs to the past. It was replaced on {old_date} by the present one.`,
		Fixes: []string{
			"Replace the value by the present one: {expected}",
			fixPanel,
		},
		Otherwise:     "Replace the value by the one that is shown with the challenge now.",
		SeeItYourself: digDNS,
	},
	{
		Code:              "token_of_other_claim", // F38
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "This value belongs to another claim",
		Meaning:           "The value is a present one, but of another claim: of another name, another account or another workspace. Each claim has its own value, and only that one proves it.",
		LookedFor:         lookedDNS,
		Found:             "The value at {name} belongs to a different claim.",
		Fixes: []string{
			"Add this claim's value beside it; several TXT records at one name are fine: {expected}",
			"Look whether you are signed in to the right account, and copy the value from this claim.",
			fixPanel,
		},
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_value_truncated", // F39
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The value is not complete",
		Meaning:           "The value is nearly right: some characters are missing, or one or two differ. It was cut while copying, typed by hand, or the panel has a limit.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" (nearly right). {detail}`,
		Fixes: []string{
			"Copy the whole value anew: {expected}",
			fixPanel,
		},
		Otherwise:     "Copy the whole value anew with the copy button, and replace the one in the panel.",
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_key_missing", // F40
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Only a part of the line was entered",
		Meaning:           "The value consists of a key and a code, such as Probely=… or yandex-verification: …, and only one of both is in the record. The whole line is needed.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" and lacks a part of the line.`,
		Fixes: []string{
			"Replace the value by the whole line: {expected}",
			fixPanel,
		},
		Otherwise:     "Copy the whole line that is shown with the challenge, key included.",
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_case_changed", // F41
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Capital and small letters of the value were changed",
		Meaning:           "The value is right except for capital and small letters. A panel or a text program changed them, and they count.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" in other letters.`,
		Fixes: []string{
			"Enter the value exactly as it is shown: {expected}",
			"Copy the value instead of typing it. If the panel changes it again, use another method.",
			fixPanel,
		},
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_many_values", // F43
		Severity:          SeverityInfo,
		WhoActs:           Nobody,
		RetryAfterSeconds: 0,
		Title:             "There are several records at this name",
		Meaning:           "Several TXT records stand at the name. All are read and one right value is enough, so this does no harm.",
		LookedFor:         lookedTXT,
		Found:             "There are {count} TXT records at {name} (all were compared).",
		Fixes:             []string{"Nothing has to be changed. Records that nobody needs any more may be deleted."},
		SeeItYourself:     digTXT,
	},
	{
		Code:              "dns_duplicate_records", // F44
		Severity:          SeverityWarning,
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "Two records stand where one is expected",
		Meaning:           "More than one record of this purpose stands at the name. Some programs take the first one only, and which is first changes from answer to answer.",
		LookedFor:         lookedDNS,
		Found:             "There are {count} such records at {name} (one is expected).",
		Fixes: []string{
			"Keep the record with the value {expected} and delete the others of this purpose.",
			fixPanel,
		},
		Otherwise:     "Keep the record that is shown with the challenge and delete the others of this purpose.",
		SeeItYourself: digDNS,
	},
	{
		Code:              "value_placeholder", // F47
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "A placeholder was entered in place of the value",
		Meaning:           "The value is a piece of an instruction, such as <token> or example.com, that stands for the real value. The real value is different for each claim.",
		LookedFor:         lookedDNS,
		Found:             `There is "{got}" (a placeholder).`,
		Fixes: []string{
			"Replace it by your own value: {expected}",
		},
		Otherwise:     "Replace it by the value that is shown with the challenge.",
		SeeItYourself: digDNS,
	},
	{
		Code:              "dns_value_is_html", // F48
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "An HTML tag was entered as the value of a record",
		Meaning:           "The value of the TXT record is a meta tag. That tag belongs into a web page; the record takes only its own value.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" (HTML).`,
		Fixes: []string{
			"Replace the value by {expected} and leave out the tag.",
			"Or put the tag into the head of the home page and check by the meta tag method.",
			fixPanel,
		},
		SeeItYourself: digTXT,
	},
	{
		Code:              "dns_value_mismatch",
		WhoActs:           Owner,
		RetryAfterSeconds: 60,
		Title:             "The record is there with another value",
		Meaning:           "A TXT record of this purpose stands at the right name, and its value is not the one of this claim, nor like it. Values of other services may stay where they are.",
		LookedFor:         lookedTXT,
		Found:             `The value at {name} is "{got}" on all name servers.`,
		Fixes: []string{
			"Replace the value, or add a second TXT record, with {expected}",
			fixPanel,
		},
		Otherwise:     "Replace the value by the one that is shown with the challenge.",
		SeeItYourself: digTXT,
	},
}
