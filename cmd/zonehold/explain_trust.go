package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// survey is what `zonehold explain` says.
type survey struct {
	diagnose.Survey
	DNSSEC       *dnssecJSON       `json:"dnssec"`
	Registration *registrationJSON `json:"registration"` // null: the name has none of its own to ask for
}

// dnssecJSON is whether the zone's answers can be believed.
type dnssecJSON struct {
	State      string     `json:"state"` // secure, insecure, bogus or indeterminate
	Validating bool       `json:"validating"`
	Fault      string     `json:"fault"`  // a dns.FaultCode; "" if none
	Reason     string     `json:"reason"` // why bogus, or not known
	Zone       string     `json:"zone"`   // where the chain breaks
	KeyTags    []uint16   `json:"key_tags"`
	DSTags     []uint16   `json:"ds_tags"`
	Inception  *time.Time `json:"inception"`
	Expiration *time.Time `json:"expiration"`
}

// dnssecOf asks the zone for its SOA record and validates the answer.
func dnssecOf(ctx context.Context, kit *verify.Kit, s diagnose.Survey) *dnssecJSON {
	if !s.Delegated {
		return nil
	}
	d := &dnssecJSON{State: string(dns.SecurityIndeterminate), Validating: kit.DNS.Validating(), KeyTags: []uint16{}, DSTags: []uint16{}}
	if !d.Validating {
		d.Reason = "answers are not validated: there are no trust anchors for these root servers, or the answers come from resolvers"
		return d
	}
	found, err := kit.DNS.Lookup(ctx, s.Zone, miekg.TypeSOA)
	var fault *dns.Fault
	switch {
	case err == nil && len(found.Hops) > 0:
		d.State, fault = string(found.Hops[0].Security), found.Hops[0].Fault
	case errors.As(err, &fault):
		if errors.Is(err, dns.ErrBogus) {
			d.State = string(dns.SecurityBogus)
		}
	case err != nil:
		d.Reason = clean(err.Error())
	}
	if fault != nil {
		d.Fault, d.Reason, d.Zone = string(fault.Code), problem.Clean(fault.Text, 400), fault.Zone
		d.KeyTags, d.DSTags = append(d.KeyTags, fault.KeyTags...), append(d.DSTags, fault.DSTags...)
		d.Inception, d.Expiration = instant(fault.Inception), instant(fault.Expiration)
	}
	return d
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// registrationJSON is what the registry publishes.
type registrationJSON struct {
	Domain      string        `json:"domain"`
	Source      string        `json:"source"` // rdap or whois; "" when nobody answered
	Server      string        `json:"server"`
	Registrar   string        `json:"registrar"`
	Statuses    []string      `json:"statuses"`
	NameServers []string      `json:"name_servers"`
	Created     *time.Time    `json:"created"`
	Updated     *time.Time    `json:"updated"`
	Expires     *time.Time    `json:"expires"`
	Contacts    []contactJSON `json:"contacts"`
	Redacted    bool          `json:"redacted"`
	Error       string        `json:"error"` // why nothing is known
}

type contactJSON struct {
	Roles        []string `json:"roles"`
	Name         string   `json:"name"`
	Organization string   `json:"organization"`
	Email        string   `json:"email"`
	Usable       bool     `json:"usable"` // for the method whois
}

// registryLimit leaves time to print when registries are silent.
const registryLimit = 10 * time.Second

// lookUpRegistration is nil for names below a registration, whose own is
// shown all the same, and for public suffixes.
func lookUpRegistration(ctx context.Context, kit *verify.Kit, host zonehold.Hostname) *registrationJSON {
	domain, ok := host.Registrable()
	if !ok || kit.Registry == nil {
		return nil
	}
	if _, err := registry.Registrable(domain); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, registryLimit)
	defer cancel()
	out := &registrationJSON{Domain: domain, Statuses: []string{}, NameServers: []string{}, Contacts: []contactJSON{}}
	r, err := kit.Registry.Lookup(ctx, domain)
	if err != nil {
		out.Error = clean(err.Error())
		return out
	}
	out.Source, out.Server, out.Registrar, out.Redacted = r.Source, clean(r.Server), clean(r.Registrar), r.Redacted
	for _, s := range r.Statuses {
		out.Statuses = append(out.Statuses, clean(s))
	}
	for _, s := range r.NameServers {
		out.NameServers = append(out.NameServers, clean(s))
	}
	out.Created, out.Updated, out.Expires = instant(r.Created), instant(r.Updated), instant(r.Expires)
	for _, c := range r.Contacts {
		out.Contacts = append(out.Contacts, contactJSON{
			Roles: c.Roles, Name: clean(c.Name), Organization: clean(c.Organization), Email: clean(c.Email),
			// The contacts that the method accepts; see package verify.
			Usable: c.Genuine() && !r.Stale && slices.ContainsFunc(c.Roles, func(role string) bool { return role != registry.RoleBilling }),
		})
	}
	return out
}

// withoutPlacing adds the methods for which nothing is placed, as far as they
// can be judged without an account.
func (s *survey) withoutPlacing() {
	add := func(m zonehold.Method, works bool, reason string) {
		s.Methods = append(s.Methods, diagnose.MethodState{Method: m, Works: works, Reason: reason, Covers: zonehold.CoversSubtree})
	}
	if r := s.Registration; r != nil && !s.Unregistered {
		addresses := 0
		for _, c := range r.Contacts {
			if c.Usable {
				addresses++
			}
		}
		switch {
		case s.Hostname != r.Domain:
			add(zonehold.MethodWHOIS, false, "only "+r.Domain+" has a registration")
		case r.Error != "":
			add(zonehold.MethodWHOIS, false, "the registration is not known")
		case addresses == 0:
			add(zonehold.MethodWHOIS, false, "the registration shows no mail address of its own")
		default:
			add(zonehold.MethodWHOIS, true, "for an account of a server that confirmed that address")
		}
	}
	if s.DNSHost != nil {
		if m, ok := map[string]zonehold.Method{"Cloudflare": zonehold.MethodCloudflare, "Amazon Route 53": zonehold.MethodAWSRoute53}[s.DNSHost.Name]; ok {
			add(m, true, "for an account of a server that connected this one")
		}
	}
}

func (c *cli) printDNSSEC(s survey) {
	d := s.DNSSEC
	if d == nil {
		return
	}
	line, mark := "", c.mark(true)
	switch dns.Security(d.State) {
	case dns.SecuritySecure:
		line = "DNSSEC: signed, and the signatures are valid"
	case dns.SecurityInsecure:
		line, mark = "DNSSEC: not signed", " "
		if s.Signed {
			line = "DNSSEC: the zone has keys, but its parent does not vouch for them, so they secure nothing"
		}
	case dns.SecurityBogus:
		line, mark = "DNSSEC: broken: "+d.Reason, c.mark(false)
	default:
		line, mark = "DNSSEC: not known: "+d.Reason, " "
		if !d.Validating {
			line = "DNSSEC: " + map[bool]string{true: "signed (not validated here)", false: "not signed"}[s.Signed]
		}
	}
	fmt.Fprintf(c.stdout, "  %s %s\n", mark, strings.Join(app.Fold(line, c.width()-4), "\n    "))
}

func (c *cli) printRegistration(r *registrationJSON) {
	if r.Error != "" {
		fmt.Fprintf(c.stdout, "    %s\n", strings.Join(app.Fold("not known: "+r.Error, c.width()-4), "\n    "))
		return
	}
	line := r.Domain
	if r.Registrar != "" {
		line += ", registered with " + r.Registrar
	}
	if r.Created != nil {
		line += ", since " + r.Created.Format(time.DateOnly)
	}
	mark := " "
	if r.Expires != nil {
		day, left := r.Expires.Format(time.DateOnly), time.Until(*r.Expires)
		switch {
		case left < 0:
			line, mark = line+", expired on "+day, c.paint(yellow, "⚠")
		case left < 30*24*time.Hour:
			line, mark = line+", expires soon, on "+day, c.paint(yellow, "⚠")
		default:
			line += ", until " + day
		}
	}
	show := func(mark, text string) {
		fmt.Fprintf(c.stdout, "  %s %s\n", mark, strings.Join(app.Fold(text, c.width()-4), "\n    "))
	}
	show(mark, line)
	if len(r.Statuses) > 0 {
		show(" ", "status "+strings.Join(r.Statuses, ", "))
	}
	for _, p := range r.Contacts {
		who := joinNonEmpty(", ", p.Name, p.Organization, p.Email)
		if !p.Usable {
			who = joinNonEmpty(" ", who, "(hidden, or not the contact's own)")
		}
		show(" ", strings.Join(p.Roles, ", ")+": "+who)
	}
	if len(r.Contacts) == 0 {
		show(" ", "no contacts are shown")
	}
	show(" ", "by "+strings.ToUpper(r.Source)+" of "+r.Server)
}
