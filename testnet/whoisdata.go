package testnet

import (
	"fmt"
	"strings"
	"time"
)

// Registration is what a registry publishes of a domain.
type Registration struct {
	Domain      string // A-labels
	Registrar   string // "": "Example Registrar"
	AbuseEmail  string // of the registrar; "": none
	Registrant  Person
	Admin       Person
	Tech        Person
	Billing     Person
	Created     time.Time // zero: 2020-01-02
	Updated     time.Time // zero: 2026-01-02
	Expires     time.Time // zero: 2027-01-02
	Statuses    []string  // nil: "active"
	NameServers []string
	Remarks     []string // free text
}

// Person is a contact. The zero Person is not published.
type Person struct {
	Name, Organization, Email string
	// Redacted: the registry withholds the person: "REDACTED FOR PRIVACY" in
	// WHOIS, redacted members in RDAP (RFC 9537).
	Redacted bool
}

// WHOISStyle is the habit of a registry.
type WHOISStyle string

const (
	StyleFlat     WHOISStyle = "flat"     // "Registrant Email: …", as gTLDs
	StyleObjects  WHOISStyle = "objects"  // a domain object with handles, and persons, as .at and .br
	StyleInPlace  WHOISStyle = "in_place" // "e-mail:" in the domain object, as .ru once
	StyleSections WHOISStyle = "sections" // headings with indented lines, as .it and .eu
)

const redactedText = "REDACTED FOR PRIVACY"

// whole fills in what was left out.
func (r Registration) whole() Registration {
	day := func(t time.Time, year int) time.Time {
		if t.IsZero() {
			return time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		}
		return t.UTC()
	}
	r.Created, r.Updated, r.Expires = day(r.Created, 2020), day(r.Updated, 2026), day(r.Expires, 2027)
	if r.Registrar == "" {
		r.Registrar = "Example Registrar"
	}
	if r.Statuses == nil {
		r.Statuses = []string{"active"}
	}
	return r
}

// role is a contact with what it is called.
type role struct {
	rdap, flat, handle, heading string
	Person
}

func (r Registration) roles() []role {
	all := []role{
		{"registrant", "Registrant", "registrant", "Registrant", r.Registrant},
		{"administrative", "Admin", "admin-c", "Administrative contact", r.Admin},
		{"technical", "Tech", "tech-c", "Technical contact", r.Tech},
		{"billing", "Billing", "billing-c", "Billing contact", r.Billing},
	}
	there := all[:0]
	for _, c := range all {
		if c.Person != (Person{}) {
			if c.Redacted {
				c.Name, c.Organization, c.Email = redactedText, redactedText, redactedText
			}
			there = append(there, c)
		}
	}
	return there
}

// whois writes the registration with line feeds.
func (r Registration) whois(style WHOISStyle) string {
	r = r.whole()
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	switch style {
	case StyleObjects, StyleInPlace:
		r.objects(line, &b, style == StyleInPlace)
	case StyleSections:
		r.sections(line, &b)
	default:
		r.flat(line)
		b.WriteString(">>> Last update of WHOIS database: 2026-11-21T00:00:00Z <<<\n\n")
		b.WriteString("TERMS OF USE: Questions go to Registrant Email: legal@registry.example, and nowhere else.\n")
	}
	return b.String()
}

func (r Registration) flat(line func(key, value string)) {
	line("Domain Name", strings.ToUpper(r.Domain))
	line("Registrar WHOIS Server", "whois.registrar.example")
	line("Updated Date", r.Updated.Format(time.RFC3339))
	line("Creation Date", r.Created.Format(time.RFC3339))
	line("Registry Expiry Date", r.Expires.Format(time.RFC3339))
	line("Registrar", r.Registrar)
	line("Registrar Abuse Contact Email", r.AbuseEmail)
	for _, s := range r.Statuses {
		line("Domain Status", s+" https://icann.org/epp#"+s)
	}
	for _, c := range r.roles() {
		line(c.flat+" Name", c.Name)
		line(c.flat+" Organization", c.Organization)
		line(c.flat+" Email", c.Email)
	}
	for _, ns := range r.NameServers {
		line("Name Server", strings.ToUpper(ns))
	}
	for _, s := range r.Remarks {
		line("Remarks", s)
	}
}

func (r Registration) objects(line func(key, value string), b *strings.Builder, inPlace bool) {
	b.WriteString("% This is a fake registry. Contact: e-mail: comment@registry.example\n\n")
	line("domain", r.Domain)
	for _, ns := range r.NameServers {
		line("nserver", ns)
	}
	line("state", strings.Join(r.Statuses, ", "))
	if inPlace {
		if c := r.roles(); len(c) > 0 {
			line("person", c[0].Name)
			line("e-mail", c[0].Email)
		}
	} else {
		for i, c := range r.roles() {
			line(c.handle, fmt.Sprintf("EX%d-TEST", i+1))
		}
	}
	line("registrar", r.Registrar)
	line("created", r.Created.Format(time.DateOnly))
	line("changed", r.Updated.Format(time.DateOnly))
	line("expires", r.Expires.Format(time.DateOnly))
	for _, s := range r.Remarks {
		line("remarks", s)
	}
	line("source", "TEST")
	if !inPlace {
		for i, c := range r.roles() {
			b.WriteString("\n")
			line("nic-hdl", fmt.Sprintf("EX%d-TEST", i+1))
			line("person", c.Name)
			line("organization", c.Organization)
			line("e-mail", c.Email)
		}
	}
	b.WriteString("\n")
	line("nic-hdl", "REG9-TEST")
	line("role", r.Registrar)
	line("e-mail", r.AbuseEmail)
}

func (r Registration) sections(line func(key, value string), b *strings.Builder) {
	line("Domain", r.Domain)
	line("Status", strings.Join(r.Statuses, ", "))
	line("Created", r.Created.Format(time.DateTime))
	line("Expire Date", r.Expires.Format(time.DateOnly))
	for _, c := range r.roles() {
		fmt.Fprintf(b, "\n%s:\n", c.heading)
		line("    Name", c.Name)
		line("    Organization", c.Organization)
		line("    Email", c.Email)
	}
	b.WriteString("\nRegistrar:\n")
	line("    Organization", r.Registrar)
	line("    Email", r.AbuseEmail)
	if len(r.Remarks) > 0 {
		b.WriteString("\nRemarks:\n")
		for _, s := range r.Remarks {
			b.WriteString("    " + s + "\n")
		}
	}
	b.WriteString("\nNameservers:\n")
	for _, ns := range r.NameServers {
		b.WriteString("    " + ns + "\n")
	}
}
