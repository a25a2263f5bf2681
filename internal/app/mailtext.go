package app

import (
	"fmt"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// codeText writes the mail with a code: who asks, what for, what the code
// gives, what to do with it and what to do if nobody asked (threat T49). It
// holds no link, as programs that look at mail follow links (threat T38), and
// only our own words besides the names.
func codeText(m codeMail, code string) (subject, text string) {
	account := `"` + problem.Clean(m.account.Name, 100) + `"`
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	until := fmt.Sprintf("The code counts once, within %d minutes from now.", int(mailCodeLife.Minutes()))
	if m.domain == nil {
		subject = "Confirm this mail address for Zonehold"
		line("The account %s of this Zonehold service", account)
		line("has named %s", m.address)
		line("as one of its mail addresses. If this is your account, enter this code:")
		line("")
		line("    %s", code)
		line("")
		line("By the command line:")
		line("")
		line("    zonehold email confirm %s --code %s", problem.ShellQuote(string(m.address)), code)
		line("")
		line("By the API: POST /v1/mailboxes/{address}/confirm with {\"code\": \"%s\"}", code)
		line("")
		line("What the code gives: the address counts as one that the account reads.")
		line("With it the account may prove domains, so give the code to nobody else.")
		line(until)
	} else {
		name := shownName(m.domain.Hostname)
		subject = "Code for " + string(m.domain.Hostname) + " from Zonehold"
		line("The account %s of this Zonehold service", account)
		line("says that it controls this domain:")
		line("")
		line("    %s", name)
		line("")
		line("This mail goes to %s, a mailbox that only", m.address)
		line("those who run the domain should read. If the account may have the domain,")
		line("enter this code, or pass it on to the people of that account:")
		line("")
		line("    %s", code)
		line("")
		line("By the command line:")
		line("")
		line("    zonehold email confirm %s --code %s", m.domain.Hostname, code)
		line("")
		line("By the API: POST /v1/domains/%s/mail-code/confirm", m.domain.Hostname)
		line("with {\"code\": \"%s\"}", code)
		line("")
		line("What the code gives: the account %s", account)
		line("counts as controlling exactly this name here, not the names below it, and")
		line("may do here what that allows, such as having it looked at for weaknesses.")
		line("After %d days a new code is needed.", int(mailboxLife.Hours()/24))
		line(until)
	}
	line("")
	line("If you did not expect this mail, do nothing and give the code to nobody:")
	line("without it nothing changes. Nobody of this service will ask you for it.")
	return subject, b.String()
}

// shownName is a name as DNS has it, with its Unicode form beside it.
func shownName(h zonehold.Hostname) string {
	if u := h.Unicode(); u != string(h) {
		return fmt.Sprintf("%s (%s)", h, problem.Clean(u, 253))
	}
	return string(h)
}
