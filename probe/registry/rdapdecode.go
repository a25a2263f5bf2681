package registry

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
)

// Bounds of a JSON document, looked at before it is decoded.
const (
	maxDepth  = 24
	maxValues = 40_000 // commas and opening brackets
)

var (
	errTooDeep = errors.New("nested too deep")
	errTooMany = errors.New("too many values")
)

// checkJSON bounds depth and number of values, so that decoding a document of
// brackets cannot cost more than one of text.
func checkJSON(data []byte) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			values++
		}
		if depth > maxDepth {
			return errTooDeep
		}
		if values > maxValues {
			return errTooMany
		}
	}
	return nil
}

// The members of RFC 9083 and RFC 9537 that are read. What may be of a wrong
// type among registries stays raw and is read with tolerance; remarks,
// notices and links are not decoded at all.
type rdapDomain struct {
	Class       string          `json:"objectClassName"`
	LDHName     string          `json:"ldhName"`
	UnicodeName string          `json:"unicodeName"`
	Status      json.RawMessage `json:"status"`
	Events      []rdapEvent     `json:"events"`
	Entities    []rdapEntity    `json:"entities"`
	NameServers []struct {
		LDHName string `json:"ldhName"`
	} `json:"nameservers"`
	Redacted []rdapRedacted `json:"redacted"`
}

type rdapEvent struct {
	Action string `json:"eventAction"`
	Date   string `json:"eventDate"`
}

type rdapEntity struct {
	Roles    json.RawMessage `json:"roles"`
	Status   json.RawMessage `json:"status"`
	VCard    json.RawMessage `json:"vcardArray"`
	Entities []rdapEntity    `json:"entities"`
}

type rdapRedacted struct {
	Name struct {
		Type        string `json:"type"`
		Description string `json:"description"`
	} `json:"name"`
	PrePath         string `json:"prePath"`
	PostPath        string `json:"postPath"`
	ReplacementPath string `json:"replacementPath"`
	Method          string `json:"method"`
}

// decodeRDAP reads what an RDAP server said about domain. Errors are an
// *Error without its server, of kind ErrUnavailable.
func decodeRDAP(domain string, data []byte) (*Registration, error) {
	unusable := func(format string, args ...any) error {
		return rdapError("", ErrUnavailable, nil, format, args...)
	}
	if err := checkJSON(data); err != nil {
		return nil, unusable("the answer is %v", err)
	}
	var d rdapDomain
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, rdapError("", ErrUnavailable, err, "the answer is not RDAP for a domain")
	}
	if d.Class != "domain" {
		return nil, unusable("the answer is about %q instead of a domain", clean(d.Class))
	}
	name := d.LDHName
	if name == "" {
		name = d.UnicodeName
	}
	if host, err := zonehold.ParseHostname(name); err != nil || string(host) != domain {
		return nil, unusable("it answers about %q instead of %s", clean(name), domain)
	}
	r := &Registration{Domain: domain, Source: SourceRDAP}
	for _, s := range stringsOf(d.Status) {
		r.Statuses = addEach(r.Statuses, clean(s))
	}
	for _, ns := range d.NameServers {
		r.NameServers = addEach(r.NameServers, hostName(ns.LDHName))
	}
	for _, e := range d.Events {
		switch t := parseTime(e.Date); strings.ToLower(e.Action) {
		case "registration":
			r.Created = t
		case "last changed":
			r.Updated = t
		case "expiration":
			r.Expires = t
		}
	}
	r.entities(d.Entities, nil)
	r.redact(d.Redacted)
	for i := range r.Contacts {
		if why := r.Contacts[i].judge(domain); why != "" && r.RedactedBy == "" {
			r.RedactedBy = why
		}
	}
	r.Contacts = slices.DeleteFunc(r.Contacts, func(c Contact) bool {
		return c.Name == "" && c.Organization == "" && c.Email == "" && !c.Redacted
	})
	r.Redacted = r.RedactedBy != ""
	r.keep(data)
	return r, nil
}

// contactRoles are the roles of RFC 9083 section 10.2.4 that belong to the
// domain's holder.
var contactRoles = set(RoleRegistrant, RoleAdministrative, RoleTechnical, RoleBilling)

// entities collects contacts. An entity counts only if it has roles of ours
// and no other: one that is a registrar or takes abuse reports too is
// somebody else. The same holds for whatever stands around it: the technical
// contact inside a registrar's entity is the registrar's.
func (r *Registration) entities(list []rdapEntity, around []string) {
	for _, e := range list {
		roles := stringsOf(e.Roles)
		for i := range roles {
			roles[i] = strings.ToLower(roles[i])
		}
		foreign := len(roles) == 0 || slices.ContainsFunc(roles, func(s string) bool { return !contactRoles[s] })
		if slices.Contains(roles, "registrar") && r.Registrar == "" && len(around) == 0 {
			if c, _ := readVCard(e.VCard); len(c) > 0 {
				r.Registrar = c[0].Name
				if r.Registrar == "" {
					r.Registrar = c[0].Organization
				}
			}
		}
		if foreign {
			continue
		}
		contacts, why := readVCard(e.VCard)
		hidden := withheld(stringsOf(e.Status))
		if hidden != "" {
			why = "status " + hidden
		}
		if r.RedactedBy == "" {
			r.RedactedBy = why
		}
		for _, c := range contacts {
			if len(r.Contacts) >= maxEach {
				return
			}
			c.Roles = slices.Compact(slices.Sorted(slices.Values(roles)))
			c.Redacted = c.Redacted || hidden != ""
			r.Contacts = append(r.Contacts, c)
		}
		r.entities(e.Entities, roles)
	}
}

// withheld returns the status of an entity which says that its data is not
// that of the holder (RFC 9083 section 10.2.2), or "".
func withheld(statuses []string) string {
	for _, s := range statuses {
		switch s = strings.ToLower(s); s {
		case "private", "removed", "obscured", "proxy":
			return s
		}
	}
	return ""
}

// redact applies the redacted members (RFC 9537 section 4.2): a contact whose
// address, or whose entity as a whole, was removed, emptied or replaced is
// redacted. Entries that name no role apply to every contact.
func (r *Registration) redact(list []rdapRedacted) {
	for _, e := range list { // as many as checkJSON lets pass
		name := e.Name.Type
		if name == "" {
			name = e.Name.Description
		}
		low := strings.ToLower(name)
		paths := strings.ToLower(e.PrePath + " " + e.PostPath + " " + e.ReplacementPath)
		mail := strings.Contains(low, "email") || strings.Contains(low, "e-mail") || strings.Contains(paths, "email") || strings.Contains(paths, "contact-uri")
		_, card, hasCard := strings.Cut(paths, "vcardarray")
		whole := strings.Contains(paths, "entities") && (!hasCard || strings.Trim(card, " []01") == "")
		person := low == "registrant" || strings.HasSuffix(low, "contact")
		if !mail && !whole && !person {
			continue
		}
		roles := rolesIn(low)
		if len(roles) == 0 {
			roles = rolesIn(paths)
		}
		said := clean(name)
		if said == "" {
			said = "redacted member of the answer"
		}
		if r.RedactedBy == "" {
			r.RedactedBy = said
		}
		for i := range r.Contacts {
			c := &r.Contacts[i]
			if len(roles) == 0 || slices.ContainsFunc(c.Roles, func(s string) bool { return slices.Contains(roles, s) }) {
				c.Redacted = true
			}
		}
	}
}

// rolesIn finds which contacts the name or the path of a redaction speaks of.
func rolesIn(s string) []string {
	var roles []string
	for _, w := range []struct{ word, role string }{
		{"registrant", RoleRegistrant}, {"admin", RoleAdministrative}, {"tech", RoleTechnical}, {"billing", RoleBilling},
	} {
		if strings.Contains(s, w.word) {
			roles = append(roles, w.role)
		}
	}
	return roles
}

// stringsOf reads a member that is a list of strings, or one string.
func stringsOf(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list[:min(len(list), maxEach)]
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

// readVCard reads a jCard (RFC 7095): ["vcard", [[name, parameters, type,
// value…]…]]. One contact for each mail address, one without if there is
// none. Only the properties fn, org, email and contact-uri are looked at, and
// only values of type text and uri.
// The text is what says that an address is withheld.
func readVCard(raw json.RawMessage) (list []Contact, redactedBy string) {
	var card []json.RawMessage
	if json.Unmarshal(raw, &card) != nil || len(card) < 2 {
		return nil, ""
	}
	var kind string
	if json.Unmarshal(card[0], &kind) != nil || kind != "vcard" {
		return nil, ""
	}
	var props [][]json.RawMessage
	if json.Unmarshal(card[1], &props) != nil {
		return nil, ""
	}
	var base Contact
	var mails []string
	form := false
	for _, p := range props {
		if len(p) < 4 {
			continue
		}
		name, kind := textOf(p[0]), textOf(p[2])
		switch strings.ToLower(name) {
		case "fn":
			base.Name = clean(textOf(p[3]))
		case "org":
			base.Organization = clean(textOf(p[3]))
		case "contact-uri":
			form = true
		case "email":
			value := textOf(p[3])
			switch addr, ok := mailAddress(value); {
			case ok && kind == "text" && len(mails) < maxEach:
				mails = addEach(mails, addr)
			default:
				if why := redactionIn(value); why != "" {
					base.Redacted, redactedBy = true, why
				}
			}
		}
	}
	if len(mails) == 0 {
		if form && !base.Redacted {
			base.Redacted, redactedBy = true, "contact-uri: a form in place of an address"
		}
		return []Contact{base}, redactedBy
	}
	out := make([]Contact, len(mails))
	for i, m := range mails {
		out[i] = base
		out[i].Email = m
	}
	return out, redactedBy
}

// textOf reads a JSON string, or the first text of a structured value.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if list := stringsOf(raw); len(list) > 0 {
		return list[0]
	}
	return ""
}
