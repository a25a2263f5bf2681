package problem

// heldBack is a note on a verdict that changed nothing.
var heldBack = []Entry{
	{
		Code:              "verdict_held",
		Severity:          SeverityInfo,
		WhoActs:           Us,
		RetryAfterSeconds: 3600,
		Title:             "The verdict is held back for now",
		Meaning:           "The proof was not seen, but the fault may lie with the DNS host or with this service: too much went missing at once, or we cannot trust what we see. The state of the domain stays as it was and no grace time begins; the check is repeated by itself.",
		LookedFor:         lookedDNS,
		Found:             "The proof was not seen, and this does not count yet ({detail}).",
		Fixes:             []string{"Nothing has to be changed if the proof is still in place. If it was removed, put it back: what is still missing after a day counts."},
		SeeItYourself:     "zonehold explain {domain}",
	},
}
