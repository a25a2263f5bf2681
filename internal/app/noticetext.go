package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// Bounds of one mail of notices.
const (
	noticesInFull = 5
	noticesListed = 1000
	noticeWidth   = 72 // characters of a line of prose
)

// news is what a notice tells of one domain, or of one thing of the service.
type news struct {
	event   zonehold.Event // the last one
	data    eventData
	earlier []zonehold.Event // of the same thing, since the last mail
	domain  *Domain          // as it is now; nil: gone, or not looked up
}

// name is the domain's, as it is shown.
func (n *news) name() string {
	if h := zonehold.Hostname(n.data.text("hostname", 253)); h != "" {
		return shownName(h)
	}
	return "a domain"
}

// eventData is the data of an event. What it quotes is foreign text.
type eventData map[string]any

func (d eventData) text(key string, limit int) string {
	s, _ := d[key].(string)
	return problem.Clean(s, limit)
}

func (d eventData) number(key string) int64 {
	n, _ := d[key].(float64)
	return int64(n)
}

// when is a time as people read it; "" if there is none.
func (d eventData) when(key string) string {
	s, _ := d[key].(string)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return moment(t)
}

func (d eventData) list(key string) (out []string) {
	items, _ := d[key].([]any)
	for _, it := range items {
		if s, ok := it.(string); ok {
			out = append(out, problem.Clean(s, 300))
		}
	}
	return out
}

func (d eventData) object(key string) eventData {
	m, _ := d[key].(map[string]any)
	return m
}

// kind says what is written of an event type, the gravest first.
type noticeKind struct {
	event zonehold.EventType
	short func(n *news) string // the subject, and the line of a list
	tell  func(p *page, n *news)
	count string // "%d domains at risk"
}

var noticeKinds = []noticeKind{
	{zonehold.EventDomainLapsed, func(n *news) string { return n.name() + " is no longer verified" }, tellLapsed, "no longer verified"},
	{zonehold.EventDomainAtRisk, func(n *news) string { return n.name() + " is at risk: its proof is gone" }, tellAtRisk, "at risk"},
	{zonehold.EventDomainFrozen, func(n *news) string { return n.name() + " needs a fresh proof" }, tellFrozen, "in need of a fresh proof"},
	{zonehold.EventDomainClaimed, func(n *news) string { return "Another account has proved " + n.name() }, tellClaimed, "proved by another account"},
	{zonehold.EventClockJumped, func(*news) string { return "The clock of a server has jumped" }, tellClock, "clock jumps"},
	{zonehold.EventBreakerTripped, func(*news) string { return "Many proofs went missing at once: changes are held back" }, tellTripped, "breakers open"},
	{zonehold.EventPerspectiveDown, func(n *news) string { return "The perspective " + n.perspective() + " does not answer" }, tellPerspectiveDown, "perspectives down"},
	{zonehold.EventWebhookDisabled, func(n *news) string { return "A webhook was switched off" }, tellWebhook, "webhooks switched off"},
	{zonehold.EventDomainTransferred, shortTransferred, tellTransferred, "transferred"},
	{zonehold.EventProofMissing, func(n *news) string { return "One of the proofs of " + n.name() + " is gone" }, tellProofMissing, "with one proof less"},
	{zonehold.EventChallengeExpired, func(n *news) string { return "We stopped looking for the proof of " + n.name() }, tellExpired, "not looked for any more"},
	{zonehold.EventBreakerResumed, func(*news) string { return "Checks go on: what was held back is settled" }, tellResumed, "breakers closed"},
	{zonehold.EventPerspectiveUp, func(n *news) string { return "The perspective " + n.perspective() + " answers again" }, tellPerspectiveUp, "perspectives back"},
	{zonehold.EventDomainRecovered, func(n *news) string { return n.name() + " is verified again" }, tellRecovered, "verified again"},
	{zonehold.EventDomainVerified, func(n *news) string { return n.name() + " is verified" }, tellVerified, "verified"},
}

func shortTransferred(n *news) string {
	if n.data.text("direction", 20) == "received" {
		return n.name() + " has moved to this account"
	}
	return n.name() + " has moved to another account"
}

// noticeTypes are the events that there are mails for.
func noticeTypes() []zonehold.EventType {
	out := make([]zonehold.EventType, len(noticeKinds))
	for i, k := range noticeKinds {
		out[i] = k.event
	}
	return out
}

func gravity(t zonehold.EventType) int {
	return slices.IndexFunc(noticeKinds, func(k noticeKind) bool { return k.event == t })
}

func (n *news) perspective() string { return cmp.Or(n.data.text("perspective", 100), "(unnamed)") }

// page is a mail that is being written.
type page struct {
	b      strings.Builder
	public string // base URL of the service
}

func (p *page) head(text string) { p.b.WriteString("\n" + text + "\n") }
func (p *page) line(text string) { p.b.WriteString(strings.TrimRight("  "+text, " ") + "\n") }

// say writes prose, in lines.
func (p *page) say(format string, args ...any) {
	for _, line := range Fold(fmt.Sprintf(format, args...), noticeWidth-2) {
		p.line(line)
	}
}

// item writes an item of a list.
func (p *page) item(text string) {
	mark := "- "
	for _, line := range Fold(text, noticeWidth-4) {
		p.line(mark + line)
		mark = "  "
	}
}

// noticeText writes the mail. The news are sorted, the gravest first.
func noticeText(account zonehold.Account, all []*news, public string) (subject, text string) {
	p := &page{public: strings.TrimRight(public, "/")}
	p.b.WriteString("This mail is about the account \"" + problem.Clean(account.Name, 100) + "\" of this Zonehold service.\n")
	kinds := make([]noticeKind, len(all))
	for i, n := range all {
		kinds[i] = noticeKinds[gravity(n.event.Type)]
	}
	subject = kinds[0].short(all[0])
	if len(all) > 1 {
		subject = fmt.Sprintf("%s, and %d more", subject, len(all)-1)
		p.head(fmt.Sprintf("%d things have changed: %s.", len(all), noticeCounts(all)))
	}
	for i, n := range all[:min(len(all), noticesInFull)] {
		if len(all) > 1 {
			title := kinds[i].short(n)
			p.b.WriteString("\n" + strings.Repeat("=", noticeWidth) + "\n" + title + "\n")
		}
		kinds[i].tell(p, n)
		if len(n.earlier) > 0 {
			p.head("Before that, since the last mail")
			for _, e := range n.earlier[max(0, len(n.earlier)-10):] {
				p.line(moment(e.CreatedAt) + "  " + string(e.Type))
			}
		}
	}
	if len(all) > noticesInFull {
		p.b.WriteString("\n" + strings.Repeat("=", noticeWidth) + "\nThe rest, the gravest first\n\n")
		for i, n := range all[noticesInFull:min(len(all), noticesListed)] {
			p.line(kinds[noticesInFull+i].short(n))
			p.line("    " + moment(n.event.CreatedAt) + "  " + cmp.Or(n.event.DomainID, n.event.ID))
		}
		if left := len(all) - noticesListed; left > 0 {
			p.say("And %d more, which did not find a place here.", left)
		}
		p.b.WriteString("\n")
		p.say("What was looked for and found, and what to do, for each of them:")
		p.line("  zonehold domain list")
		p.line("  zonehold domain show " + exampleOf(all))
	}
	p.b.WriteString("\n-- \n")
	p.b.WriteString("You get this as the account has confirmed this address. Fewer of these mails:\n")
	p.b.WriteString("  zonehold notices off " + string(all[0].event.Type) + "\n")
	return clip(OneLine(subject, 200), 400), p.b.String()
}

func exampleOf(all []*news) string {
	for _, n := range all[noticesInFull:] {
		if n.event.DomainID != "" {
			return n.event.DomainID
		}
	}
	return "DOMAIN"
}

// noticeCounts counts the news by kind.
func noticeCounts(all []*news) string {
	count := map[zonehold.EventType]int{}
	for _, n := range all {
		count[n.event.Type]++
	}
	var parts []string
	for _, k := range noticeKinds {
		if c := count[k.event]; c > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c, k.count))
		}
	}
	return strings.Join(parts, ", ")
}
