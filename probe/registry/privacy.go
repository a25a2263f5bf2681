package registry

import (
	_ "embed" // the data
	"slices"
	"strings"
	"sync"
)

//go:embed privacy.txt
var privacyText string

// privacyList is the data of privacy.txt: how redaction and privacy services
// are told.
type privacyList struct {
	mail     map[string]bool // mail domains of privacy services
	words    []string        // in an organisation, name or address of one
	redacted []string        // phrases that stand where data is withheld
}

var privacyData = sync.OnceValue(func() privacyList {
	p := privacyList{mail: map[string]bool{}}
	for line := range strings.Lines(privacyText) {
		line = strings.TrimSpace(line)
		kind, value, _ := strings.Cut(line, " ")
		switch kind {
		case "mail":
			p.mail[value] = true
		case "word":
			p.words = append(p.words, value)
		case "redacted":
			p.redacted = append(p.redacted, value)
		}
	}
	return p
})

// squeeze lowers the case and keeps letters and digits only, so that
// "WhoisGuard, Inc." and "Whois-Guard" are alike.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r > 0x7f:
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, s)
}

// redactionIn returns what in s says that data is withheld, or "".
func redactionIn(s string) string {
	low := strings.ToLower(s)
	for _, phrase := range privacyData().redacted {
		if strings.Contains(low, phrase) {
			return clean(s)
		}
	}
	return ""
}

// privacyOf says by what a contact of domain is taken for a privacy service,
// or "". The mail domain of such a service is never the domain itself, so an
// address in it is judged by who it belongs to alone.
func privacyOf(c Contact, domain string) string {
	p := privacyData()
	for _, text := range []string{c.Organization, c.Name} {
		if isService(text) {
			return text
		}
	}
	local, at, ok := strings.Cut(c.Email, "@")
	if !ok || at == domain || strings.HasSuffix(at, "."+domain) {
		return ""
	}
	for d := at; ; {
		if p.mail[d] {
			return at
		}
		_, up, more := strings.Cut(d, ".")
		if !more {
			break
		}
		d = up
	}
	for _, s := range []string{squeeze(local), squeeze(at)} {
		for _, w := range p.words {
			if strings.Contains(s, w) {
				return c.Email
			}
		}
	}
	return ""
}

// isService tells the name of a privacy service, "Withheld for Privacy ehf",
// from what stands in the place of a name, "REDACTED FOR PRIVACY".
func isService(name string) bool {
	s := squeeze(name)
	return !strings.Contains(s, "redacted") && slices.ContainsFunc(privacyData().words, func(w string) bool { return strings.Contains(s, w) })
}

// judge sets what the fields of a contact say about it, and returns the text
// that says that something is withheld, or "".
func (c *Contact) judge(domain string) string {
	for _, text := range []string{c.Name, c.Organization} {
		if why := redactionIn(text); why != "" && !isService(text) {
			c.Redacted = true
			return why
		}
	}
	if !c.Redacted {
		c.Privacy = privacyOf(*c, domain)
	}
	return ""
}
