package app

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// proofNames says what a method looks for, in the words of the person who has
// placed it.
var proofNames = map[zonehold.Method]string{
	zonehold.MethodDNSTXT: "the DNS TXT record", zonehold.MethodDNSCNAME: "the DNS CNAME record", zonehold.MethodFile: "the file on the web server",
	zonehold.MethodMetaTag: "the meta tag of the home page", zonehold.MethodTXTFile: "the text file on the web server", zonehold.MethodEmail: "the mailed code",
	zonehold.MethodWHOIS: "the mail address in the registration", zonehold.MethodDelegated: "the right that another account gave",
	zonehold.MethodExistingDomain: "the proof of a domain above it", zonehold.MethodAWSRoute53: "the connected Route 53 account",
	zonehold.MethodCloudflare: "the connected Cloudflare account",
}

func (n *news) method() zonehold.Method {
	if n.domain != nil && n.domain.Method != "" {
		return n.domain.Method
	}
	return zonehold.Method(cmp.Or(n.data.text("missing_method", 40), n.data.text("method", 40), n.data.text("attempt_method", 40)))
}

func (n *news) proof() string { return cmp.Or(proofNames[n.method()], "the proof") }

// since is when it happened.
func (n *news) since() string { return moment(n.event.CreatedAt) }

// id is how commands and paths name the domain: an account may have several
// claims on one name.
func (n *news) id() string { return cmp.Or(n.event.DomainID, "DOMAIN") }

// cause is the problem that the event told of, or that the domain has now.
func (n *news) cause() *problem.Problem {
	if n.domain != nil && n.domain.Problem != nil {
		return n.domain.Problem
	}
	d := n.data.object("problem")
	if d == nil {
		return nil
	}
	return &problem.Problem{
		Title: d.text("title", 200), LookedFor: d.text("looked_for", 400), Found: d.text("found", 600),
		Fixes: d.list("fixes"), SeeItYourself: d.text("see_it_yourself", 400),
	}
}

// found is the second part: what was looked for and found.
func (p *page) found(c *problem.Problem) {
	if c == nil || c.LookedFor == "" && c.Found == "" && c.Title == "" {
		return
	}
	p.head("What was looked for and found")
	for _, part := range []struct{ label, text string }{{"Cause", c.Title}, {"Looked for", c.LookedFor}, {"Found", c.Found}} {
		if part.text != "" {
			p.say("%s: %s", part.label, Sentence(part.text))
		}
	}
}

// fix is the third part: what to do, and what to place exactly.
func (p *page) fix(n *news, c *problem.Problem) {
	p.head("What to do")
	if c != nil {
		for _, f := range c.Fixes {
			p.item(Sentence(f))
		}
	}
	if n.domain == nil {
		p.item("See what to place:")
		p.line("      zonehold domain show " + problem.ShellQuote(n.id()))
	} else if ch := n.challenge(); ch != nil {
		p.place(n, ch)
	}
	if c != nil && c.SeeItYourself != "" {
		p.say("See it yourself:")
		p.line("    " + c.SeeItYourself)
	}
}

// challenge is what proved the domain, or else the first that can be placed.
func (n *news) challenge() *zonehold.Challenge {
	var first *zonehold.Challenge
	for i := range n.domain.Challenges {
		ch := &n.domain.Challenges[i]
		if ch.Record == nil && ch.File == nil && ch.Tag == nil || !ch.Applicable {
			continue
		}
		if ch.Method == n.domain.Method {
			return ch
		}
		if first == nil {
			first = ch
		}
	}
	return first
}

func (p *page) place(n *news, ch *zonehold.Challenge) {
	field := func(label, value string) { p.line(fmt.Sprintf("    %-6s %s", label, value)) }
	switch {
	case ch.Record != nil:
		where := "where the DNS of " + string(n.domain.Hostname) + " is run"
		if h := n.domain.DNSHost; h != nil {
			where = "at " + problem.Clean(h.Name, 80)
			if h.ControlPanelURL != "" {
				where += " (" + problem.Clean(h.ControlPanelURL, 200) + ")"
			}
		}
		p.item("Have this record in place, " + where + ":")
		field("Type", ch.Record.Type)
		field("Name", ch.Record.Name)
		if ch.Record.RelativeName != "" && ch.Record.RelativeName != ch.Record.Name {
			field("", "in a panel that adds the domain by itself: "+ch.Record.RelativeName)
		}
		field("Value", ch.Record.Value)
	case ch.File != nil:
		p.item("Have this file in place on the web server:")
		for i, u := range ch.File.URLs {
			field([]string{"URL", ""}[min(i, 1)], u)
		}
		field("Body", cmp.Or(ch.File.Content, "(empty)"))
	case ch.Tag != nil:
		p.item("Have this tag in the <head> of the home page:")
		field("Tag", ch.Tag.HTML)
	}
}

// next is the fourth part.
func (p *page) next(n *news, sentences ...string) {
	p.head("What happens next")
	for _, s := range sentences {
		p.say("%s", s)
	}
	if n.domain == nil {
		return
	}
	if t := n.domain.NextCheckAt; !t.IsZero() {
		p.say("The next check is planned for %s. To have it checked at once:", moment(t))
	} else {
		p.say("To have it checked:")
	}
	p.line("    zonehold domain check " + problem.ShellQuote(n.id()))
	if p.public != "" {
		p.say("By the API:")
		p.line("    POST " + p.public + "/v1/domains/" + n.id() + "/attempts")
	}
}

func tellAtRisk(p *page, n *news) {
	p.head("What happened")
	p.say("%s is at risk since %s: %s is not there any more. Until the time of grace is over it counts as verified.", n.name(), n.since(), n.proof())
	c := n.cause()
	p.found(c)
	p.fix(n, c)
	ends := n.data.when("grace_ends_at")
	if n.domain != nil && n.domain.State == zonehold.StateAtRisk && !n.domain.GraceEndsAt.IsZero() {
		ends = moment(n.domain.GraceEndsAt)
	}
	last := "As soon as a check sees the proof again, all is as before."
	if ends != "" {
		last += " If none does until " + ends + ", the domain is no longer verified, and what rests on it ends."
	}
	p.next(n, last)
}

func tellLapsed(p *page, n *news) {
	p.head("What happened")
	p.say("%s is no longer verified since %s: %s is gone, and with it what rested on it.", n.name(), n.since(), n.proof())
	c := n.cause()
	p.found(c)
	p.fix(n, c)
	p.next(n, "The claim stays in the account. As soon as a check sees a proof, the domain is verified again.")
}

func tellFrozen(p *page, n *news) {
	p.head("What happened")
	why := "there are several signs that it has another owner"
	if n.data.text("freeze_reason", 40) == string(zonehold.FreezeRegistered) {
		why = "its registration is newer than the proof, so it may have another owner"
	}
	p.say("%s needs a fresh proof since %s: %s. The old proof does not count any more, even if it is still in place. New values were made.", n.name(), n.since(), why)
	c := n.cause()
	p.found(c)
	p.fix(n, c)
	last := "As soon as a check sees the new value, all is as before."
	if ends := n.data.when("grace_ends_at"); ends != "" {
		last += " If none does until " + ends + ", the domain is no longer verified."
	}
	p.next(n, last)
}

func tellClaimed(p *page, n *news) {
	p.head("What happened")
	p.say("Another account of this service has shown that it controls %s, at %s. On this service one account at a time may have a name.", n.name(), n.since())
	p.head("What to do")
	if todo := n.data.text("what_to_do", 400); todo != "" {
		p.item(todo)
	}
	p.item("If the name is not yours any more, or the other account may have it, do nothing.")
	p.item("If nobody but you should control the name, see who can change its DNS and its web server.")
	if n.domain != nil {
		if ch := n.challenge(); ch != nil {
			p.place(n, ch)
		}
	}
	last := "Both proofs are checked again when the time of waiting is over."
	if until := n.data.when("until"); until != "" {
		last = "Both proofs are checked again at " + until + ". Where yours stands the name stays with you; where it does not, it goes to the other account."
	}
	p.next(n, last)
}

func tellTransferred(p *page, n *news) {
	p.head("What happened")
	if n.data.text("direction", 20) == "received" {
		p.say("%s was transferred to this account at %s.", n.name(), n.since())
		c := n.cause()
		p.fix(n, c)
		p.next(n, "It is verified here once a check sees the values above.")
		return
	}
	p.say("%s was transferred from this account to another one at %s, as was agreed to. What this account had for the name has ended.", n.name(), n.since())
	p.head("What to do")
	p.item("Nothing, if you know of it. If not, tell the operator of this service, and see who did it:")
	p.line("      GET " + p.public + "/v1/audit?target=" + n.id())
	p.head("What happens next")
	p.say("Nothing more is checked for this account.")
}

func tellProofMissing(p *page, n *news) {
	p.head("What happened")
	gone := cmp.Or(proofNames[zonehold.Method(n.data.text("missing_method", 40))], "one of its proofs")
	p.say("%s stays verified, but since %s %s is not there any more. Another proof stands in for it.", n.name(), n.since(), gone)
	c := n.cause()
	p.found(c)
	p.head("What to do")
	p.item("Put it back, if it went by mistake: with two proofs the domain stays verified when one goes.")
	if n.domain != nil {
		want := zonehold.Method(n.data.text("missing_method", 40))
		for i := range n.domain.Challenges {
			if ch := &n.domain.Challenges[i]; ch.Method == want {
				p.place(n, ch)
			}
		}
	}
	p.next(n, "If the other proof goes, too, the domain is at risk.")
}

func tellExpired(p *page, n *news) {
	p.head("What happened")
	p.say("%s is not verified. It was looked at again and again since it was added, and since %s it is not looked at by itself any more.", n.name(), n.since())
	c := n.cause()
	p.found(c)
	p.fix(n, c)
	p.next(n, "The claim and its values stay as they are. Nothing is checked until you ask for it.")
}

func tellRecovered(p *page, n *news) {
	p.head("What happened")
	if n.data.text("breaker", 40) != "" {
		p.say("%s is verified again since %s. Many proofs went missing at once, which was no doing of yours; the change was taken back.", n.name(), n.since())
	} else {
		p.say("%s is verified again since %s: %s is there.", n.name(), n.since(), n.proof())
	}
	p.head("What to do")
	p.item("Nothing. Keep it in place.")
	p.nextCheck(n)
}

func tellVerified(p *page, n *news) {
	p.head("What happened")
	p.say("%s is verified since %s, by %s.", n.name(), n.since(), n.proof())
	p.head("What to do")
	p.item("Nothing. Keep it in place: it is looked at again. A second proof of another kind keeps the domain verified if this one goes.")
	p.nextCheck(n)
}

func (p *page) nextCheck(n *news) {
	p.head("What happens next")
	if n.domain != nil && !n.domain.NextCheckAt.IsZero() {
		p.say("The next check is planned for %s.", moment(n.domain.NextCheckAt))
		return
	}
	p.say("It is checked now and then.")
}

func tellWebhook(p *page, n *news) {
	p.head("What happened")
	p.say("A webhook of the account was switched off at %s, as it %s.", n.since(),
		map[string]string{"gone": "answered that it is gone (410)"}[n.data.text("reason", 40)]+
			map[bool]string{true: "did not take anything for days"}[n.data.text("reason", 40) != "gone"])
	p.head("What was tried and answered")
	if u := n.data.text("url", 300); u != "" {
		p.line("URL: " + u)
	}
	if t := n.data.when("failing_since"); t != "" {
		p.say("Failing since: %s", t)
	}
	if e := n.data.text("last_error", 300); e != "" {
		p.say("Last answer: %s", e)
	}
	p.head("What to do")
	id := cmp.Or(n.data.text("webhook_id", 60), "WEBHOOK")
	p.item("Repair what listens there, then switch the webhook on again:")
	p.line("    zonehold webhook set " + problem.ShellQuote(id) + " --enable")
	p.head("What happens next")
	p.say("Nothing is sent there until then. The events are kept: what was missed can be read from /v1/events.")
}

func tellTripped(p *page, n *news) {
	p.head("What happened")
	place := cmp.Or(n.data.text("place", 200), "all checks")
	if n.data.text("reason", 40) == "canary" {
		p.say("Canaries are not well since %s, so what checks find is not trusted.", cmp.Or(n.data.when("tripped_at"), n.since()))
	} else {
		p.say("At %s the proofs of %d of %d checked domains went missing at once: %s. That looks like an outage, not like %d owners who removed their records.",
			cmp.Or(n.data.when("tripped_at"), n.since()), n.data.number("missing"), n.data.number("checked"), place, n.data.number("missing"))
	}
	if names := n.data.list("hostnames"); len(names) > 0 {
		p.head("What was found")
		p.say("Among them: %s.", strings.Join(names[:min(len(names), 10)], ", "))
	}
	p.head("What to do")
	p.item(cmp.Or(n.data.text("look_at", 400), "See whether the name resolution of this service works."))
	p.line("    zonehold breaker list")
	p.head("What happens next")
	p.say("%s", cmp.Or(n.data.text("next", 400), "Domains stay as they are until this is settled."))
}

func tellResumed(p *page, n *news) {
	p.head("What happened")
	p.say("Since %s checks change the states of domains again (%s).", n.since(), cmp.Or(n.data.text("place", 200), "all checks"))
	if o := n.data.text("outcome", 60); o != "" {
		p.say("Outcome: %s", o)
	}
	p.head("What to do")
	p.item("Nothing.")
	p.head("What happens next")
	p.say("What was held back is checked once more. What is still missing then counts.")
}

func tellPerspectiveDown(p *page, n *news) {
	p.head("What happened")
	p.say("The perspective %s gives no answers since %s, so it backs no proof.", n.perspective(), n.since())
	if r := n.data.text("reason", 300); r != "" {
		p.head("What was found")
		p.say("%s", Sentence(r))
	}
	p.head("What to do")
	p.item("See whether its process runs, and whether the network and the certificates between here and there are well.")
	p.line("    zonehold perspective list")
	p.head("What happens next")
	p.say("New proofs are judged by the ones that answer, as far as the rule of the quorum allows. It is asked again by itself.")
}

func tellPerspectiveUp(p *page, n *news) {
	p.head("What happened")
	p.say("The perspective %s answers again since %s.", n.perspective(), n.since())
	p.head("What to do")
	p.item("Nothing.")
	p.head("What happens next")
	p.say("It counts for new proofs again.")
}

func tellClock(p *page, n *news) {
	p.head("What happened")
	p.say("The clock of the server %s has jumped by %d seconds, seen at %s.", cmp.Or(n.data.text("node", 100), "(unnamed)"), n.data.number("seconds"), n.since())
	if d := n.data.text("detail", 300); d != "" {
		p.head("What was found")
		p.say("%s", Sentence(d))
	}
	p.head("What to do")
	p.item("Set the clock right, and let it be kept right (NTP).")
	p.head("What happens next")
	p.say("%s", cmp.Or(n.data.text("next", 400), "Nothing is decided by a clock that is not trusted."))
}
