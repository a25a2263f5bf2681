package problem

var lifecycle = []Entry{
	{
		Code:              "fresh_proof_needed",
		WhoActs:           Owner,
		RetryAfterSeconds: 0,
		Title:             "The domain seems to have another owner; a fresh proof is needed",
		Meaning:           "The registration shows signs of another owner. A proof that was placed before says nothing of who holds the domain now, so the claim has new values, and only they count. The rights stand until the time of grace ends.",
		LookedFor:         "A proof of {domain} with the new values",
		Found:             "It was proved with values that no longer count since {old_date} (UTC). {detail}",
		Fixes: []string{
			"Look up the claim's new values, place one of them, and check again.",
			"If the domain is not yours any more, delete the claim.",
		},
		SeeItYourself: showDomain,
	},
}
