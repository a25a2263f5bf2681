package problem

const (
	lookedPerspectives = "The same proof of {domain}, seen from several networks"
	explainDomain      = "zonehold explain {domain}"
)

// perspectives are about the same check made from other networks. FactServers
// lists the perspectives that the problem is about, FactWhere names one.
var perspectives = []Entry{
	{
		Code:              "perspectives_disagree", // T21
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "Other networks see something else than this one",
		Meaning:           "The operator of this service wants the same proof to be seen from several networks, because somebody who has taken over the way from one of them can answer in the domain's name there. Too many of them saw something else. Nothing was changed by this check: a proved domain stays proved, and no grace time begins.",
		LookedFor:         lookedPerspectives,
		Found:             "Seen from here: {got} ({method}). Something else was seen by: {servers} (among {count} that were asked). {detail}",
		Fixes: []string{
			"Make all servers of the domain answer alike to everybody: no split by country or network for the record or file of the proof.",
			"If the record or file was changed a moment ago, wait until every server has it, then check again.",
			"If you see the right answer from everywhere, look whether somebody else announces the addresses of your servers, and tell the operator of this service.",
		},
		SeeItYourself: explainDomain,
	},
	{
		Code:              "perspectives_cannot_see",
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The domain's servers do not answer to other networks",
		Meaning:           "The operator of this service wants the same proof to be seen from several networks. Here it was, but the servers of the domain did not answer to too many of the others. Nothing was changed by this check: a proved domain stays proved, and no grace time begins.",
		LookedFor:         lookedPerspectives,
		Found:             "No answer of the domain's servers came to: {servers} (among {count} that were asked). {detail}",
		Fixes: []string{
			"Let the name servers and the web server of {domain} answer to all networks: a firewall, a block by country or a limit of requests keeps some out.",
			"If the site asks for a password, let the path of the proof through without one, or prove the domain by a DNS record: passwords are not given to other networks.",
		},
		Otherwise:     "Let the name servers and the web server of the domain answer to all networks: a firewall, a block by country or a limit of requests keeps some out.",
		SeeItYourself: explainDomain,
	},
	{
		Code:              "perspectives_unavailable",
		WhoActs:           Us,
		RetryAfterSeconds: 600,
		Title:             "Too few of our other networks could be asked",
		Meaning:           "The operator of this service wants the same proof to be seen from several networks, and too few of them gave an answer. This says nothing about the domain. Nothing was changed by this check: a proved domain stays proved, and no grace time begins.",
		LookedFor:         lookedPerspectives,
		Found:             "No answer came from: {servers} (of our own). {detail}",
		Fixes:             []string{"Nothing has to be changed on your side. Check again in a few minutes; if it stays so, tell the operator of this service."},
		SeeItYourself:     explainDomain,
	},
	{
		Code:              "perspective_differs",
		Severity:          SeverityInfo,
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "One network sees something else",
		Meaning:           "The same check was made from several networks, and from one of them something else was seen. As few as that are allowed, so the verdict stands. It may be a server that answers differently by country, or somebody in between.",
		LookedFor:         lookedPerspectives,
		Found:             "The perspective {where} saw: {got} ({status}). {detail}",
		Fixes:             []string{"Make all servers of the domain answer alike to everybody, or look who answers in their place there."},
		SeeItYourself:     explainDomain,
	},
	{
		Code:              "perspective_cannot_see",
		Severity:          SeverityInfo,
		WhoActs:           Owner,
		RetryAfterSeconds: 600,
		Title:             "The domain's servers do not answer to one network",
		Meaning:           "The same check was made from several networks, and to one of them the servers of the domain did not answer. It could say neither yes nor no.",
		LookedFor:         lookedPerspectives,
		Found:             "From the perspective {where} it could not be asked: {got} ({status}). {detail}",
		Fixes:             []string{"Let the name servers and the web server of the domain answer to all networks."},
		SeeItYourself:     explainDomain,
	},
	{
		Code:              "perspective_away",
		Severity:          SeverityInfo,
		WhoActs:           Us,
		RetryAfterSeconds: 600,
		Title:             "One of our other networks gave no answer",
		Meaning:           "The same check was made from several networks, and one of our own perspectives gave no answer that counts. This says nothing about the domain.",
		LookedFor:         lookedPerspectives,
		Found:             "The perspective {where} gave none ({status}). {detail}",
		Fixes:             []string{"Nothing has to be changed on your side."},
		SeeItYourself:     explainDomain,
	},
}
