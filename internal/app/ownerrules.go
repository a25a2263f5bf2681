package app

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/registry"
)

// Signs that a registration may have another owner.
const (
	signRegistrar   = "registrar"    // another one
	signNameServers = "name_servers" // none of those before
	signDS          = "ds"           // gone, or none of those before
	signExpiry      = "expiry"       // passed, or in redemption
)

const (
	// signWindow is within what time several signs count together.
	signWindow = 30 * 24 * time.Hour
	// createdSlack is by how much a creation date may differ without a meaning:
	// registries write them with and without a time of day, in zones of their own.
	createdSlack = 48 * time.Hour
	maxSeenNames = 32
)

// sign is one change that was seen.
type sign struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`    // when it was seen
	From time.Time `json:"since"` // when it had not come yet
	Was  string    `json:"was,omitempty"`
	Is   string    `json:"is,omitempty"`
}

// registryFacts is what one source of a registry says, without any contact.
type registryFacts struct {
	Server      string    `json:"server,omitempty"`
	Registrar   string    `json:"registrar,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Statuses    []string  `json:"statuses,omitempty"`
	NameServers []string  `json:"name_servers,omitempty"`
	At          time.Time `json:"at"`
}

// seenOwner is what is kept of a registration.
type seenOwner struct {
	Sources map[string]registryFacts `json:"sources,omitempty"` // by registry.Registration.Source: they differ in what they say
	Source  string                   `json:"source,omitempty"`  // the latest
	// NameServers and DS are what the parent zone has.
	NameServers    []string  `json:"name_servers,omitempty"`
	DS             []string  `json:"ds,omitempty"`
	DNSAt          time.Time `json:"dns_at,omitzero"`
	DSAt           time.Time `json:"ds_at,omitzero"`
	Signs          []sign    `json:"signs,omitempty"`
	UnregisteredAt time.Time `json:"unregistered_at,omitzero"`
	Error          string    `json:"error,omitempty"` // why the registry could not be asked
}

// sighting is what one look saw. What could not be asked is left out.
type sighting struct {
	registry *registryFacts
	source   string
	missing  bool // the registry says that there is no such registration

	delegation bool // the parent was asked
	servers    []string
	none       bool // and delegates nothing
	hasDS      bool // it was asked for DS
	ds         []string
}

// ownerVerdict is what follows from a look.
type ownerVerdict struct {
	freeze zonehold.FreezeReason // "": nothing is frozen
	before time.Time             // claims proved before then
	fresh  []sign                // seen for the first time
}

// compare judges a sighting by what was seen before, at the time last, and
// returns what is to be kept.
func compare(old seenOwner, s sighting, last, now time.Time) (seenOwner, ownerVerdict) {
	var v ownerVerdict
	next := old
	next.Signs = slices.DeleteFunc(slices.Clone(old.Signs), func(x sign) bool { return now.Sub(x.At) > signWindow })
	if s.missing && s.delegation && s.none {
		// Both the registry and the DNS: the registration has ended.
		next = seenOwner{UnregisteredAt: now}
		if !old.UnregisteredAt.IsZero() {
			next.UnregisteredAt = old.UnregisteredAt
			return next, v
		}
		if last.IsZero() {
			return next, v
		}
		return next, ownerVerdict{freeze: zonehold.FreezeRegistered, before: now}
	}
	add := func(kind, was, is string) {
		x := sign{Kind: kind, At: now, From: last, Was: brief(was), Is: brief(is)}
		v.fresh = append(v.fresh, x)
		next.Signs = append(slices.DeleteFunc(next.Signs, func(o sign) bool { return o.Kind == kind }), x)
	}
	if r := s.registry; r != nil {
		before, known := old.Sources[s.source]
		if known && !before.Created.IsZero() && r.Created.After(before.Created.Add(createdSlack)) && r.Created.Before(now.Add(createdSlack)) {
			v.freeze, v.before = zonehold.FreezeRegistered, r.Created
		}
		if known && before.Registrar != "" && r.Registrar != "" && plainName(before.Registrar) != plainName(r.Registrar) {
			add(signRegistrar, before.Registrar, r.Registrar)
		}
		if known && over(*r, now) && !over(before, before.At) {
			add(signExpiry, dateOf(before), dateOf(*r))
		}
		next.Sources = map[string]registryFacts{}
		for name, facts := range old.Sources {
			next.Sources[name] = facts
		}
		if r.Created.IsZero() {
			r.Created = before.Created // one that is left out for once
		}
		next.Sources[s.source], next.Source, next.UnregisteredAt, next.Error = *r, s.source, time.Time{}, ""
	}
	if s.delegation && !s.none && len(s.servers) > 0 {
		if len(old.NameServers) > 0 && disjoint(old.NameServers, s.servers) {
			add(signNameServers, strings.Join(old.NameServers, ", "), strings.Join(s.servers, ", "))
		}
		next.NameServers, next.DNSAt = s.servers, now
	}
	if s.hasDS {
		if len(old.DS) > 0 && disjoint(old.DS, s.ds) {
			add(signDS, strings.Join(old.DS, "; "), strings.Join(s.ds, "; "))
		}
		next.DS, next.DSAt = s.ds, now
	}
	if v.freeze == "" && len(v.fresh) > 0 && len(next.Signs) > 1 {
		v.freeze, v.before = zonehold.FreezeMoved, now
		for _, x := range next.Signs {
			if x.From.Before(v.before) {
				v.before = x.From
			}
		}
		// A claim proved since the last look before the first sign is one of the
		// owner as it is now.
		v.before = v.before.Add(time.Microsecond)
	}
	if v.freeze != "" {
		next.Signs = nil // they have had their effect
	}
	return next, v
}

// over reports whether a registration has passed its end.
func over(r registryFacts, now time.Time) bool {
	for _, s := range r.Statuses {
		switch s = plainName(s); {
		case strings.Contains(s, "redemption"), strings.Contains(s, "pendingdelete"):
			return true
		}
	}
	return !r.Expires.IsZero() && r.Expires.Before(now)
}

func dateOf(r registryFacts) string {
	if r.Expires.IsZero() {
		return strings.Join(r.Statuses, ", ")
	}
	return r.Expires.Format("2006-01-02")
}

// plainName is a name without case, spaces and punctuation.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func brief(s string) string { return clip(s, 300) }

func disjoint(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// factsOf takes from a registration what is watched.
func factsOf(reg *registry.Registration, now time.Time) *registryFacts {
	few := func(list []string) []string {
		list = slices.Sorted(slices.Values(list[:min(len(list), maxSeenNames)]))
		for i, s := range list {
			list[i] = clip(s, 255)
		}
		return list
	}
	return &registryFacts{
		Server: clip(reg.Server, 255), Registrar: clip(reg.Registrar, 300), Created: reg.Created.UTC(), Expires: reg.Expires.UTC(),
		Statuses: few(reg.Statuses), NameServers: few(reg.NameServers), At: now,
	}
}

// nextLook is when a registration is looked at again.
func nextLook(s seenOwner, fails int, now time.Time) time.Time {
	wait := 7 * 24 * time.Hour
	if r, ok := s.Sources[s.Source]; ok && !r.Expires.IsZero() {
		if left := r.Expires.Sub(now); left < signWindow && left > -signWindow {
			wait = 24 * time.Hour
		}
	}
	if !s.UnregisteredAt.IsZero() || len(s.Signs) > 0 {
		wait = 24 * time.Hour
	}
	if fails > 0 {
		wait = min(wait, time.Hour<<min(fails-1, 7))
	}
	return now.Add(jitter(wait))
}
