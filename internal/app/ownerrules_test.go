package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/registry"
)

func TestCompareOwners(t *testing.T) {
	var (
		now     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		last    = now.AddDate(0, 0, -7)
		created = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
		expires = now.AddDate(0, 6, 0)
	)
	facts := func(change func(r *registryFacts)) *registryFacts {
		r := &registryFacts{Registrar: "Example Registrar, Inc.", Created: created, Expires: expires, Statuses: []string{"active"}, At: now}
		change(r)
		return r
	}
	same := func(*registryFacts) {}
	before := func(signs ...sign) seenOwner {
		old := facts(same)
		old.At = last
		return seenOwner{
			Sources: map[string]registryFacts{registry.SourceRDAP: *old}, Source: registry.SourceRDAP,
			NameServers: []string{"ns1.old.example", "ns2.old.example"}, DS: []string{"1 13 2 aa"}, DNSAt: last, DSAt: last, Signs: signs,
		}
	}
	sees := func(r *registryFacts, change func(s *sighting)) sighting {
		s := sighting{
			registry: r, source: registry.SourceRDAP, delegation: true, servers: []string{"ns1.old.example", "ns2.old.example"},
			hasDS: true, ds: []string{"1 13 2 aa"},
		}
		change(&s)
		return s
	}
	quiet := func(*sighting) {}
	old := func(kind string, days int) sign {
		return sign{Kind: kind, At: now.AddDate(0, 0, -days), From: now.AddDate(0, 0, -days-7)}
	}
	for name, tt := range map[string]struct {
		old    seenOwner
		sees   sighting
		first  bool
		freeze zonehold.FreezeReason
		before time.Time
		signs  int // fresh ones
	}{
		"nothing new":                         {old: before(), sees: sees(facts(same), quiet)},
		"first look":                          {sees: sees(facts(same), quiet), first: true},
		"first look, not registered":          {sees: sighting{missing: true, delegation: true, none: true}, first: true},
		"nothing could be asked":              {old: before(), sees: sighting{}},
		"registered anew":                     {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = now.AddDate(0, 0, -3) }), quiet), freeze: zonehold.FreezeRegistered, before: now.AddDate(0, 0, -3)},
		"another time of day":                 {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = created.Add(26 * time.Hour) }), quiet)},
		"created in the future":               {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = now.AddDate(1, 0, 0) }), quiet)},
		"created earlier than before":         {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = created.AddDate(-1, 0, 0) }), quiet)},
		"no creation date":                    {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = time.Time{} }), quiet)},
		"another source with another date":    {old: before(), sees: sees(facts(func(r *registryFacts) { r.Created = now.AddDate(0, 0, -3) }), func(s *sighting) { s.source = registry.SourceWHOIS })},
		"gone from the registry, delegated":   {old: before(), sees: sees(nil, func(s *sighting) { s.missing = true })},
		"not delegated, registered":           {old: before(), sees: sees(facts(same), func(s *sighting) { s.none, s.servers, s.hasDS = true, nil, false })},
		"not registered":                      {old: before(), sees: sighting{missing: true, delegation: true, none: true}, freeze: zonehold.FreezeRegistered, before: now},
		"not registered still":                {old: seenOwner{UnregisteredAt: last}, sees: sighting{missing: true, delegation: true, none: true}},
		"registered again after that":         {old: seenOwner{UnregisteredAt: last}, sees: sees(facts(func(r *registryFacts) { r.Created = now }), quiet)},
		"registrar written otherwise":         {old: before(), sees: sees(facts(func(r *registryFacts) { r.Registrar = "EXAMPLE REGISTRAR INC" }), quiet)},
		"another registrar":                   {old: before(), sees: sees(facts(func(r *registryFacts) { r.Registrar = "Other" }), quiet), signs: 1},
		"one name server of two":              {old: before(), sees: sees(facts(same), func(s *sighting) { s.servers = []string{"ns1.old.example", "ns.new.example"} })},
		"other name servers":                  {old: before(), sees: sees(facts(same), func(s *sighting) { s.servers = []string{"ns.new.example"} }), signs: 1},
		"DS gone":                             {old: before(), sees: sees(facts(same), func(s *sighting) { s.ds = nil }), signs: 1},
		"DS not known":                        {old: before(), sees: sees(facts(same), func(s *sighting) { s.hasDS, s.ds = false, nil })},
		"DS key added":                        {old: before(), sees: sees(facts(same), func(s *sighting) { s.ds = []string{"1 13 2 aa", "2 13 2 bb"} })},
		"expired":                             {old: before(), sees: sees(facts(func(r *registryFacts) { r.Expires = now.AddDate(0, 0, -1) }), quiet), signs: 1},
		"in redemption":                       {old: before(), sees: sees(facts(func(r *registryFacts) { r.Statuses = []string{"redemption period"} }), quiet), signs: 1},
		"registrar and name servers":          {old: before(), sees: sees(facts(func(r *registryFacts) { r.Registrar = "Other" }), func(s *sighting) { s.servers = []string{"ns.new.example"} }), freeze: zonehold.FreezeMoved, before: last, signs: 2},
		"name servers two weeks after":        {old: before(old(signRegistrar, 14)), sees: sees(facts(same), func(s *sighting) { s.servers = []string{"ns.new.example"} }), freeze: zonehold.FreezeMoved, before: now.AddDate(0, 0, -21), signs: 1},
		"name servers two months after":       {old: before(old(signRegistrar, 60)), sees: sees(facts(same), func(s *sighting) { s.servers = []string{"ns.new.example"} }), signs: 1},
		"the same sign twice":                 {old: before(old(signNameServers, 5)), sees: sees(facts(same), func(s *sighting) { s.servers = []string{"ns.new.example"} }), signs: 1},
		"an old sign and nothing new":         {old: before(old(signRegistrar, 5), old(signDS, 5)), sees: sees(facts(same), quiet)},
		"registry away, other servers and DS": {old: before(), sees: sees(nil, func(s *sighting) { s.servers, s.ds = []string{"ns.new.example"}, nil }), freeze: zonehold.FreezeMoved, before: last, signs: 2},
	} {
		t.Run(name, func(t *testing.T) {
			at := last
			if tt.first {
				at = time.Time{}
			}
			next, v := compare(tt.old, tt.sees, at, now)
			if v.freeze != tt.freeze || len(v.fresh) != tt.signs {
				t.Errorf("verdict %+v", v)
			}
			if d := v.before.Sub(tt.before); d < 0 || d > time.Microsecond {
				t.Errorf("of claims before %s, want %s", v.before, tt.before)
			}
			if v.freeze != "" && len(next.Signs) != 0 {
				t.Errorf("signs that had their effect are kept: %+v", next.Signs)
			}
			// The same look once more brings nothing new.
			if _, again := compare(next, tt.sees, now, now.Add(time.Hour)); again.freeze != "" || len(again.fresh) != 0 {
				t.Errorf("the second time: %+v", again)
			}
		})
	}
}

func TestNextLook(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	expiring := func(days int) seenOwner {
		return seenOwner{Source: "rdap", Sources: map[string]registryFacts{"rdap": {Expires: now.AddDate(0, 0, days)}}}
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name  string
		seen  seenOwner
		fails int
		want  time.Duration
	}{
		{"usual", expiring(200), 0, 7 * day},
		{"nothing known", seenOwner{}, 0, 7 * day},
		{"before its end", expiring(20), 0, day},
		{"after its end", expiring(-20), 0, day},
		{"long after its end", expiring(-100), 0, 7 * day},
		{"after a sign", seenOwner{Signs: []sign{{Kind: signDS}}}, 0, day},
		{"first failure", seenOwner{}, 1, time.Hour},
		{"fourth failure", seenOwner{}, 4, 8 * time.Hour},
		{"many failures", seenOwner{}, 50, 128 * time.Hour},
	} {
		if got := nextLook(tt.seen, tt.fails, now).Sub(now); got < tt.want*9/10 || got > tt.want*11/10 {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
