package problem

// claims are the causes of claims that have lost their name to another account.
var claims = []Entry{
	{
		Code:              "claim_lost",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "Another account has won the name in a contest",
		Meaning:           "Another account had proved the name as well, and the operator allows only one. After the notice and the wait both were checked afresh: the proof of this claim was gone, the other one was there. The claim has new values; old records prove nothing for it.",
		LookedFor:         "The proof of {domain}, when the wait was over",
		Found:             "It was gone on {until} (checked afresh).",
		Fixes: []string{
			"If {domain} is yours, place the claim's new value and check again: a contest begins.",
			"If it is not yours any more, delete the claim.",
		},
		Otherwise:     "If the name is yours, place the claim's new value and check again: a contest begins.",
		SeeItYourself: showDomain,
	},
	{
		Code:              "claim_transferred",
		WhoActs:           Nobody,
		RetryAfterSeconds: 0,
		Title:             "The domain was handed over to another account",
		Meaning:           "This account offered the domain to another one, which has proved it. With that proof this claim ended. It has new values; old records prove nothing for it.",
		LookedFor:         "A claim that has not been handed over",
		Found:             "{domain} went on {until} to the account that it was offered to.",
		Fixes: []string{
			"Delete the claim, and remove its record from the zone.",
		},
		SeeItYourself: showDomain,
	},
	{
		Code:              "claim_superseded",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The domain was registered anew, and another account has proved it",
		Meaning:           "The registration has ended and begun again since this claim was proved. A proof from before says nothing of the owner now, and another account has proved the name since.",
		LookedFor:         "A proof of {domain} since it was registered anew",
		Found:             "Another account has one since {until} (this claim has none).",
		Fixes: []string{
			"If {domain} is yours, place the claim's new value and check again.",
			"If it is not yours any more, delete the claim.",
		},
		Otherwise:     "If the name is yours, place the claim's new value and check again.",
		SeeItYourself: showDomain,
	},
}
