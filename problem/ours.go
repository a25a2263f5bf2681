package problem

var ours = []Entry{
	{
		Code:              "verifier_fault", // F95
		WhoActs:           Us,
		RetryAfterSeconds: 300,
		Title:             "The check could not be carried out on our side",
		Meaning:           "The service could not reach the network, its own settings are wrong, or it failed in another way of its own. This says nothing about the domain: its state stays as it was, and no grace time begins.",
		LookedFor:         lookedDNS,
		Found:             "Our own part failed: {detail} (nothing was learnt about the domain).",
		Fixes:             []string{"Nothing has to be changed on your side. Check again in a few minutes; if it stays so, tell the operator of this service."},
		SeeItYourself:     "zonehold explain {domain}",
	},
}
