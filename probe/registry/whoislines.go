package registry

import (
	"strings"

	"github.com/zonehold/zonehold"
)

// whoisLine is one attribute.
type whoisLine struct {
	indent     int
	key, value string // key: normal form, see whoisKey
	blank      bool
}

// Keys in normal form: lower case, words with single spaces.
var (
	domainKeys = set("domain", "domain name", "domainname")
	handleKeys = set("nic hdl", "nic hdl br", "nic handle", "handle", "contact id")
	mailKeys   = set("e mail", "email", "mail", "contact email", "email address")
	nameKeys   = set("name", "person", "personname", "full name", "contact name", "role")
	orgKeys    = set("organization", "organisation", "org", "company", "owner", "orgname")

	// roleOf maps what may stand before "email" in a flat line, and headings.
	roleOf = map[string]string{
		"registrant": RoleRegistrant, "registrant contact": RoleRegistrant, "holder": RoleRegistrant,
		"domain holder": RoleRegistrant, "owner": RoleRegistrant, "owner contact": RoleRegistrant,
		"domain owner": RoleRegistrant, "holder of domain name": RoleRegistrant,
		"admin": RoleAdministrative, "admin contact": RoleAdministrative, "administrative": RoleAdministrative,
		"administrative contact": RoleAdministrative, "administrator": RoleAdministrative, "administrative contacts": RoleAdministrative,
		"tech": RoleTechnical, "tech contact": RoleTechnical, "technical": RoleTechnical,
		"technical contact": RoleTechnical, "technical contacts": RoleTechnical,
		"ac": RoleAdministrative, "billing": RoleBilling, "billing contact": RoleBilling,
	}
	// handleRole maps the attributes of a domain object that name handles.
	handleRole = map[string]string{
		"registrant": RoleRegistrant, "holder": RoleRegistrant, "holder c": RoleRegistrant,
		"owner c": RoleRegistrant, "owner hdl": RoleRegistrant, "registrant c": RoleRegistrant, "org": RoleRegistrant,
		"admin c": RoleAdministrative, "admin": RoleAdministrative, "adminc": RoleAdministrative,
		"tech c": RoleTechnical, "tech": RoleTechnical, "techc": RoleTechnical, "zone c": RoleTechnical,
		"billing c": RoleBilling,
	}
	// otherHeadings begin sections that say nothing of the domain's contacts, or
	// end what a section says of one.
	otherHeadings = set("registrar", "sponsoring registrar", "registrar name", "reseller", "registrar information", "abuse", "abuse contact",
		"sponsor", "provider", "hosting", "hosting provider", "support",
		"name servers", "nameservers", "name server", "relevant dates", "registration status", "dnssec", "keys", "domain status")
	// inPlaceOwner and inPlaceOther switch who an "e-mail:" within a domain
	// object belongs to.
	inPlaceOwner = set("person", "org", "organization", "organisation", "owner", "holder", "registrant")
	inPlaceOther = set("registrar", "sponsoring registrar", "reseller", "registrar name", "admin contact", "abuse contact",
		"remarks", "remark", "descr", "comment", "notice", "info", "registrar info", "provider", "support", "sponsor", "hosting", "hosting provider")
)

func set(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// whoisKey brings a key into its normal form: "Admin-C" and "admin_c" are
// "admin c".
func whoisKey(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '-' || r == '_' || r == '\t' || r == '.' || r == '/'
	}), " ")
}

// endOfData closes the data of gTLD registries; what follows is terms of use.
const endOfData = ">>> last update"

// whoisLines splits an answer into attributes. Comments are left out.
func whoisLines(text string) []whoisLine {
	var out []whoisLine
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n\f \t")
		body := strings.TrimLeft(line, " \t")
		switch {
		case body == "":
			out = append(out, whoisLine{blank: true})
			continue
		case len(body) >= len(endOfData) && strings.EqualFold(body[:len(endOfData)], endOfData):
			return out
		case body[0] == '%' || body[0] == '#' || strings.HasPrefix(body, ">>>"):
			continue
		}
		l := whoisLine{indent: indentOf(line[:len(line)-len(body)])}
		key, value, ok := strings.Cut(body, ":")
		if !ok || len(key) > 60 {
			l.value = body
		} else {
			// Some registries fill up with dots, or adorn the key.
			l.key, l.value = whoisKey(strings.Trim(key, "[]*. ")), strings.TrimSpace(value)
		}
		out = append(out, l)
	}
	return out
}

// indentOf counts columns; a tab goes on to the next multiple of eight.
func indentOf(space string) int {
	n := 0
	for _, c := range space {
		if c == '\t' {
			n = n/8*8 + 8
		} else {
			n++
		}
	}
	return n
}

// findRecord is the line that names the domain, -1 if none does; about lists
// what other lines name. The name may stand alone on the next line.
func findRecord(lines []whoisLine, domain string) (start int, about []string) {
	start = -1
	for i := range lines {
		name, ok := domainAt(lines, i)
		switch {
		case !ok:
		case name == domain && start < 0:
			start = i
		case name != domain:
			about = append(about, name)
		}
	}
	return start, about
}

// domainAt reads the domain that line i names.
func domainAt(lines []whoisLine, i int) (string, bool) {
	l := lines[i]
	if !domainKeys[l.key] {
		return "", false
	}
	value := l.value
	if value == "" && i+1 < len(lines) && !lines[i+1].blank {
		next := lines[i+1]
		if next.key == "" && next.indent > l.indent || next.key == "name" {
			value = next.value
		}
	}
	if value == "" {
		return "", false
	}
	// "example.com (xn--…)": only the first word is the name.
	name := strings.Fields(value)[0]
	if host, err := zonehold.ParseHostname(name); err == nil {
		return string(host), true // written in Unicode, too
	}
	return strings.ToLower(name), true
}
