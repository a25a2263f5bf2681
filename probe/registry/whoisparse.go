package registry

import (
	"regexp"
	"slices"
	"strings"
)

// WHOIS has no format (RFC 3912); what registries send are four habits, which
// this parser reads and nothing else:
//
//   - flat:      "Registrant Email: a@example.com" (gTLDs)
//   - sections:  "Registrant:" and below it, indented or up to an empty line,
//     "Email: a@example.com"
//   - objects:   the domain object names handles, "admin-c: AB1-X", and
//     another object has that handle and an "e-mail:"
//   - in place:  "person:" and "e-mail:" within the domain object itself
//
// A line that fits none of them gives nothing. Lines that continue another,
// and all that stands under a heading without a role, are free text.

// notRegistered are the words of registries for a domain that they do not
// have, at the start of a line. What is not among them is not taken for a no.
var notRegistered = regexp.MustCompile(`(?im)^[%#>\s]*(` +
	`no match\b|not found\b|no data found\b|no entries found\b|nothing found\b|no object found\b|no information available about domain\b|` +
	`domain not found\b|object does not exist\b|the queried object does not exist\b|domain name not found\b|` +
	`this domain name has not been registered\b|no such domain\b|error:101: no entries found\b|status:\s*(free|available)\s*$|` +
	`domain status:\s*(available|no object found))`)

// isFree finds a line which says that just this domain is to be had. "Whois is
// available" is none.
func isFree(domain, text string) bool {
	for line := range strings.Lines(text) {
		said, ok := strings.CutPrefix(strings.ToLower(strings.TrimLeft(line, "%#> \t")), domain+" is ")
		if ok && (strings.HasPrefix(said, "available") || strings.HasPrefix(said, "free")) {
			return true
		}
	}
	return false
}

// freeStatus are what stands beside the name of a domain that nobody has.
var freeStatus = set("free", "available", "no object found")

// parseWHOIS reads what a registry's server said about domain. Errors are an
// *Error without its server: ErrNotRegistered, or ErrUnavailable where the
// answer is not text or not about exactly this domain.
func parseWHOIS(domain string, raw []byte) (*Registration, error) {
	text, ok := decodeText(raw)
	if !ok {
		return nil, whoisError("", ErrUnavailable, nil, "the answer is binary data, not text")
	}
	lines := whoisLines(text)
	start, about := findRecord(lines, domain)
	switch {
	case start < 0 && len(about) > 0:
		return nil, whoisError("", ErrUnavailable, nil, "it answers about %s instead of %s", clean(about[0]), domain)
	case start < 0 && (notRegistered.MatchString(text) || isFree(domain, text)):
		return nil, whoisError("", ErrNotRegistered, nil, "%s is not registered", domain)
	case start < 0:
		return nil, whoisError("", ErrUnavailable, nil, "the answer does not name %s, so it cannot be read", domain)
	}
	p := &whoisParser{domain: domain, reg: &Registration{Domain: domain, Source: SourceWHOIS},
		at: map[string]int{}, titles: map[string]string{}}
	p.record(lines, start)
	p.objects(lines)
	p.finish()
	if len(p.reg.Contacts) == 0 && len(p.reg.Statuses) == 1 && freeStatus[strings.ToLower(p.reg.Statuses[0])] {
		return nil, whoisError("", ErrNotRegistered, nil, "%s is not registered", domain)
	}
	p.reg.keep(raw)
	return p.reg, nil
}

// whoisParser collects what the record of one domain says.
type whoisParser struct {
	domain  string
	reg     *Registration
	handles []handleRef
	titles  map[string]string // role → value of a line such as "Registrant: Example Ltd"
	at      map[string]int    // role → index of its flat or section contact
	why     string            // redaction
}

type handleRef struct{ handle, role string }

// contact is the one contact of a role that lines of this record fill.
func (p *whoisParser) contact(role string) *Contact {
	i, ok := p.at[role]
	if !ok {
		if len(p.reg.Contacts) >= maxEach {
			return nil
		}
		p.reg.Contacts = append(p.reg.Contacts, Contact{Roles: []string{role}})
		i = len(p.reg.Contacts) - 1
		p.at[role] = i
	}
	return &p.reg.Contacts[i]
}

// section is the heading that lines stand under.
type section struct {
	on       bool
	title    string // key of the heading
	role     string // "": of no contact
	indented bool   // its lines stand deeper than the heading, at indent
	indent   int
	head     int // indent of the heading
}

// record reads the lines from that of the domain to the end of its record: a
// line that names another domain, or one that stands further left.
func (p *whoisParser) record(lines []whoisLine, start int) {
	base := lines[start].indent
	var in section
	owner := "" // role that an e-mail in place belongs to
	object := true
	for i := start; i < len(lines); i++ {
		l := lines[i]
		if l.blank {
			if in.on && !in.indented {
				in = section{}
			}
			object = false
			continue
		}
		if name, ok := domainAt(lines, i); ok && name != p.domain && l.indent <= base || l.indent < base {
			return
		}
		if in.on && in.indented && l.indent <= in.head {
			in = section{}
		}
		if l.indent > base && !in.on {
			continue // continues a line that had a value, or stands under nothing
		}
		if in.role != "" && otherHeadings[l.key] && l.value != "" {
			in.title, in.role = l.key, "" // what follows is about somebody else
		}
		if in.on && in.indented {
			// Deeper than the lines of the section: continues one of them.
			if l.indent == in.indent {
				p.inSection(in, l)
			}
			continue
		}
		if next, ok := heading(lines, i); ok {
			in = next
			continue
		}
		if in.on && p.inSection(in, l) {
			continue
		}
		p.flat(l)
		if object {
			owner = p.inPlace(l, owner)
			p.handle(l)
		}
	}
}

// heading recognises a line that begins a section: a key without a value, and
// what belongs to it below.
func heading(lines []whoisLine, i int) (section, bool) {
	l := lines[i]
	key := l.key
	if key == "" && !l.blank {
		key = whoisKey(l.value) // "Registrant" without a colon
	} else if l.value != "" {
		return section{}, false
	}
	role, known := roleOf[key]
	j := i + 1
	for j < len(lines) && lines[j].blank {
		j++
	}
	if j == len(lines) {
		return section{}, false
	}
	if next := lines[j]; next.indent > l.indent {
		return section{on: true, title: key, role: role, indented: true, indent: next.indent, head: l.indent}, true
	}
	if j > i+1 {
		return section{}, false
	}
	if l.key != "" && (known || otherHeadings[key] || domainKeys[key]) {
		return section{on: true, title: key, role: role, head: l.indent}, true
	}
	return section{}, false
}

// inSection reads a line under a heading, and reports whether it belongs
// there.
func (p *whoisParser) inSection(in section, l whoisLine) bool {
	if _, role := flatMail(l.key); role != "" && !in.indented {
		return false // "Registrant Email:" stands for itself
	}
	if in.role == "" {
		p.elsewhere(in, l)
		return true
	}
	c := p.contact(in.role)
	if c == nil {
		return true
	}
	p.fill(c, l)
	return true
}

// elsewhere reads a line under a heading without a role: nothing in it is a
// contact of the domain.
func (p *whoisParser) elsewhere(in section, l whoisLine) {
	switch in.title {
	case "registrar", "sponsoring registrar", "registrar information":
		if p.reg.Registrar == "" && (l.key == "" || nameKeys[l.key] || orgKeys[l.key]) {
			p.reg.Registrar = clean(l.value)
		}
	case "name servers", "nameservers", "name server":
		if l.key == "" || l.key == "hostname" {
			p.reg.NameServers = addEach(p.reg.NameServers, hostName(l.value))
		}
	case "relevant dates", "registration status", "domain status":
		p.common(l)
	default:
		if !in.indented {
			p.common(l)
		}
	}
}

// fill puts a line of an object or a section into its contact.
func (p *whoisParser) fill(c *Contact, l whoisLine) {
	switch {
	case mailKeys[l.key]:
		p.mail(c, l.value)
	case nameKeys[l.key] && c.Name == "":
		c.Name = clean(l.value)
	case orgKeys[l.key] && c.Organization == "":
		c.Organization = clean(l.value)
	case l.key == "" && c.Name == "":
		c.Name = clean(l.value)
	case l.key == "anonymous" && strings.EqualFold(l.value, "yes"):
		c.Redacted, p.why = true, "anonymous: yes"
	}
}

// mail takes the value of a field for the address of a contact.
func (p *whoisParser) mail(c *Contact, value string) {
	if addr, ok := mailAddress(value); ok {
		switch {
		case c.Email == "":
			c.Email = addr
		case c.Email != addr && len(p.reg.Contacts) < maxEach:
			// A second address: a contact of its own.
			p.reg.Contacts = append(p.reg.Contacts, Contact{Roles: slices.Clone(c.Roles), Name: c.Name, Organization: c.Organization, Email: addr})
		}
		return
	}
	if why := redactionIn(value); why != "" {
		c.Redacted = true
		p.why = why
	}
}

// flatMail splits a key such as "admin email" into field and role; role is ""
// if it is of no contact.
func flatMail(key string) (field, role string) {
	for prefix, r := range roleOf {
		rest, ok := strings.CutPrefix(key, prefix+" ")
		if !ok {
			continue
		}
		switch {
		case mailKeys[rest]:
			return "mail", r
		case rest == "name" || rest == "contact name":
			return "name", r
		case orgKeys[rest]:
			return "org", r
		}
	}
	return "", ""
}

// flat reads a line that stands for itself.
func (p *whoisParser) flat(l whoisLine) {
	field, role := flatMail(l.key)
	if role == "" {
		if r := roleOf[l.key]; r != "" && p.titles[r] == "" {
			p.titles[r] = clean(l.value)
		}
		p.common(l)
		return
	}
	c := p.contact(role)
	if c == nil || l.value == "" {
		return
	}
	switch field {
	case "mail":
		p.mail(c, l.value)
	case "name":
		c.Name = clean(l.value)
	case "org":
		c.Organization = clean(l.value)
	}
}

// common reads what is no contact.
func (p *whoisParser) common(l whoisLine) {
	r := p.reg
	switch l.key {
	case "registrar", "sponsoring registrar", "registrar name":
		if r.Registrar == "" {
			r.Registrar = clean(l.value)
		}
	case "registrar whois server", "whois server":
		if r.RegistrarServer == "" {
			r.RegistrarServer = clean(l.value)
		}
	case "domain status", "status", "state", "eppstatus":
		// "clientHold https://icann.org/epp#clientHold"
		for s := range strings.SplitSeq(l.value, ",") {
			s, _, _ = strings.Cut(strings.TrimSpace(s), " http")
			r.Statuses = addEach(r.Statuses, clean(s))
		}
	case "name server", "nserver", "nameserver", "name servers", "nameservers", "host name":
		r.NameServers = addEach(r.NameServers, hostName(l.value))
	case "creation date", "created", "registered", "registered on", "registration date", "domain registration date", "created on", "registration time":
		if r.Created.IsZero() {
			r.Created = parseTime(l.value)
		}
	case "updated date", "last updated", "changed", "modified", "last modified", "last update", "last updated on":
		if r.Updated.IsZero() {
			r.Updated = parseTime(l.value)
		}
	case "registry expiry date", "registrar registration expiration date", "expiration date", "expiry date", "expires", "paid till", "expire", "expire date", "expires on", "expiration time", "renewal date":
		if r.Expires.IsZero() {
			r.Expires = parseTime(l.value)
		}
	}
}

// inPlace reads an "e-mail:" within the domain object. It belongs to the
// registrant, unless the lines before it speak of somebody else.
func (p *whoisParser) inPlace(l whoisLine, owner string) string {
	switch {
	case domainKeys[l.key], inPlaceOwner[l.key]:
		owner = RoleRegistrant
		if l.key == "person" || orgKeys[l.key] {
			if c := p.contact(RoleRegistrant); c != nil {
				p.fill(c, l)
			}
		}
	case inPlaceOther[l.key]:
		owner = ""
	case owner != "" && (l.key == "e mail" || l.key == "email"):
		if c := p.contact(owner); c != nil {
			p.mail(c, l.value)
		}
	}
	return owner
}

// handle notes that the domain object names the handle of a contact.
func (p *whoisParser) handle(l whoisLine) {
	role, ok := handleRole[l.key]
	if !ok || l.value == "" || strings.ContainsAny(l.value, " \t@/") || len(p.handles) >= maxEach {
		return
	}
	p.handles = append(p.handles, handleRef{strings.ToLower(l.value), role})
}

// objects reads the contact objects that the domain object names. A handle
// that two objects bear names nobody.
func (p *whoisParser) objects(lines []whoisLine) {
	found := map[string][]whoisLine{}
	twice := map[string]bool{}
	for i := 0; i < len(lines); {
		j := i
		for j < len(lines) && !lines[j].blank {
			j++
		}
		object := lines[i:j]
		if h := handleOf(object); h != "" {
			if _, ok := found[h]; ok {
				twice[h] = true
			}
			found[h] = object
		}
		i = j + 1
	}
	at := map[string]int{} // handle → index of its contact
	for _, ref := range p.handles {
		object, ok := found[ref.handle]
		if !ok || twice[ref.handle] {
			continue
		}
		if i, ok := at[ref.handle]; ok {
			p.reg.Contacts[i].Roles = addEach(p.reg.Contacts[i].Roles, ref.role)
			continue
		}
		if len(p.reg.Contacts) >= maxEach {
			return
		}
		c := Contact{Roles: []string{ref.role}}
		indent := object[0].indent
		for _, l := range object {
			if l.indent == indent && l.key != "" {
				p.fill(&c, l)
			}
		}
		p.reg.Contacts = append(p.reg.Contacts, c)
		at[ref.handle] = len(p.reg.Contacts) - 1
	}
}

// handleOf is the handle of a contact object, "" if it is none. "contact:" is
// the handle in some registries; where there is a proper one it is a name.
func handleOf(object []whoisLine) string {
	proper, contact := "", ""
	for _, l := range object {
		switch value := strings.ToLower(l.value); {
		case domainKeys[l.key]:
			return ""
		case value == "" || l.indent != object[0].indent:
		case handleKeys[l.key]:
			if proper != "" && proper != value {
				return ""
			}
			proper = value
		case l.key == "contact" && contact == "":
			contact = value
		}
	}
	if proper != "" {
		return proper
	}
	return contact
}

// finish judges the contacts and drops the empty ones.
func (p *whoisParser) finish() {
	r := p.reg
	for role, i := range p.at {
		if c := &r.Contacts[i]; c.Name == "" && c.Organization == "" {
			c.Organization = p.titles[role]
		}
	}
	for i := range r.Contacts {
		if why := r.Contacts[i].judge(p.domain); why != "" && p.why == "" {
			p.why = why
		}
	}
	r.Contacts = slices.DeleteFunc(r.Contacts, func(c Contact) bool {
		return c.Name == "" && c.Organization == "" && c.Email == "" && !c.Redacted
	})
	r.Redacted, r.RedactedBy = p.why != "", p.why
}
