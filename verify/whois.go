package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/problem"
)

// whois accepts a registered domain whose registration shows a confirmed mail
// address of the account in a contact field (contract yandex, section 6). It
// proves the claimed name and none that stands in an address (threat T39).
//
// Two addresses are the same if their local parts are equal octet by octet
// (RFC 5321 section 2.4 leaves their case to the receiving host) and their
// domains are the same name. An address that is redacted, or that a privacy
// service shares among its customers, belongs to nobody (threat T41).
var whois = granted{
	name: zonehold.MethodWHOIS, proves: zonehold.AssuranceRegistrar,
	has: func(kit *Kit, c Claim) (bool, string) {
		if kit == nil || kit.Registry == nil {
			return false, "This program was set up without access to WHOIS and RDAP."
		}
		return registered(c.Hostname)
	},
	judge: judgeRegistration,
}

// registered reports whether the name is a registration of its own, and if
// not why, in a sentence.
func registered(host zonehold.Hostname) (bool, string) {
	_, err := registry.Registrable(string(host))
	if err == nil {
		return true, ""
	}
	suffix, icann := host.PublicSuffix()
	switch up, ok := host.Registrable(); {
	case !ok:
		return false, fmt.Sprintf("%s is a public suffix, which nobody registers.", host)
	case !icann && host.KnownTLD():
		return false, fmt.Sprintf("Names below %s are given out by a provider; they are in no registry.", suffix)
	default:
		return false, fmt.Sprintf("It is part of %s, and only that has a registration.", up)
	}
}

// contactRoles are those whose address proves: the domain contacts of the
// Baseline Requirements (section 1.6.1).
var contactRoles = []string{registry.RoleRegistrant, registry.RoleAdministrative, registry.RoleTechnical}

func judgeRegistration(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) Result {
	if ok, why := registered(c.Hostname); !ok {
		return no(zonehold.OutcomeRefused, "whois_not_applicable", facts, problem.FactDetail, why)
	}
	if kit.Registry == nil {
		return no(zonehold.OutcomeInconclusive, "verifier_fault", facts, problem.FactDetail, "this program was set up without access to WHOIS and RDAP")
	}
	if len(c.Standing.Addresses) == 0 {
		return no(zonehold.OutcomeAbsent, "whois_email_missing", facts, problem.FactDetail, "This account has no mail address to compare with.")
	}
	reg, err := kit.Registry.Lookup(ctx, string(c.Hostname))
	if err != nil {
		return lookupFailure(err, facts)
	}
	facts = with(facts, problem.FactServer, reg.Server, problem.FactURL, reg.URL)
	r := compareContacts(reg, c, facts)
	r.Evidence.Registration = reg
	return r
}

// lookupFailure is the verdict without registration data.
func lookupFailure(err error, facts problem.Facts) Result {
	detail := err.Error() + "."
	switch {
	case errors.Is(err, registry.ErrNotRegistered):
		return no(zonehold.OutcomeAbsent, "domain_not_registered", facts)
	case errors.Is(err, registry.ErrNoService):
		return no(zonehold.OutcomeRefused, "whois_not_applicable", facts, problem.FactDetail, "IANA names no RDAP or WHOIS server for this top-level domain.")
	case errors.Is(err, registry.ErrNotRegistrable):
		return no(zonehold.OutcomeRefused, "whois_not_applicable", facts)
	}
	return no(zonehold.OutcomeInconclusive, "whois_unavailable", facts, problem.FactDetail, detail)
}

// compareContacts looks for an address of the account among the contacts.
// Only an answer from a server that is known to be the registry's counts
// (threat T40).
func compareContacts(reg *registry.Registration, c Claim, facts problem.Facts) Result {
	if reg.Stale {
		return no(zonehold.OutcomeInconclusive, "whois_unavailable", facts, problem.FactDetail,
			"The list of RDAP servers could not be fetched from IANA; the copy at hand, of "+day(reg.BootstrapDate)+", is too old to rest a proof on.")
	}
	var unconfirmed, hidden, proxy, other string
	for _, contact := range reg.Contacts {
		if !slices.ContainsFunc(contact.Roles, func(s string) bool { return slices.Contains(contactRoles, s) }) {
			continue
		}
		switch {
		case contact.Redacted:
			hidden = firstOf(hidden, reg.RedactedBy, "redacted")
			continue
		case contact.Privacy != "":
			proxy = firstOf(proxy, contact.Privacy)
			continue
		case contact.Email == "":
			continue
		}
		for _, a := range c.Standing.Addresses {
			if !sameAddress(a.Address, contact.Email) {
				continue
			}
			if !a.Confirmed() {
				unconfirmed = a.Address
				continue
			}
			return Result{Outcome: zonehold.OutcomeVerified, Source: a.Address, Evidence: Evidence{Grounds: []Ground{{
				Kind: "mailbox", ID: a.Address, By: a.ConfirmedBy, Since: a.ConfirmedAt, Counts: true,
				Detail: strings.Join(contact.Roles, ", ") + " contact according to " + reg.Server,
			}}}}
		}
		other = firstOf(other, contact.Email)
	}
	switch {
	case unconfirmed != "":
		return no(zonehold.OutcomeAbsent, "whois_email_unconfirmed", facts, problem.FactGot, unconfirmed)
	case other != "":
		return no(zonehold.OutcomeAbsent, "whois_email_missing", facts, problem.FactDetail, differs(reg, c))
	case proxy != "":
		return no(zonehold.OutcomeAbsent, "whois_redacted", facts, problem.FactGot, proxy,
			problem.FactDetail, "That is a privacy or proxy service; its address is shared by many domains.")
	case hidden != "":
		return no(zonehold.OutcomeAbsent, "whois_redacted", facts, problem.FactGot, hidden)
	}
	return no(zonehold.OutcomeAbsent, "whois_email_missing", facts, problem.FactDetail, noAddressAtAll(reg))
}

// differs says in which way the addresses of the registration are others.
func differs(reg *registry.Registration, c Claim) string {
	for _, contact := range reg.Contacts {
		for _, a := range c.Standing.Addresses {
			if contact.Genuine() && strings.EqualFold(a.Address, contact.Email) {
				return "One differs from yours in upper and lower case before the @, which may be another mailbox."
			}
		}
	}
	return ""
}

// noAddressAtAll says why there is nothing to compare with.
func noAddressAtAll(reg *registry.Registration) string {
	if len(reg.Contacts) == 0 {
		return "The registry publishes no contacts. What the registrar publishes is not asked, because IANA does not name its server."
	}
	return "The contacts have no field with a mail address."
}

// sameAddress compares two addresses as mailboxes are told apart.
func sameAddress(a, b string) bool {
	localA, domainA, okA := cutLast(a)
	localB, domainB, okB := cutLast(b)
	return okA && okB && localA == localB && strings.EqualFold(domainA, domainB)
}

func cutLast(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 || at == len(address)-1 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
