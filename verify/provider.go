package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// maxAccounts bounds the connected accounts that one check asks.
const maxAccounts = 20

// provider is the frame of the methods that rest on an account at a DNS
// provider. A zone in an account proves nothing by itself, since anybody can
// create one of any name. What proves is that the zone which the registry
// delegates, of all zones with the name, is that one: its name servers as the
// provider assigned them are those of the delegation, all of them and no
// others (DESIGN section 4.5).
func provider(name zonehold.Method, title string) granted {
	p := hostedAt{name, title}
	return granted{name: name, proves: zonehold.AssuranceRegistrar, has: p.has, judge: p.judge}
}

// hostedAt is a provider with its name for people.
type hostedAt struct {
	method zonehold.Method
	title  string
}

// accounts are the connected accounts at the provider.
func (p hostedAt) accounts(c Claim) []ZoneAccount {
	if c.Standing == nil {
		return nil
	}
	var own []ZoneAccount
	for _, a := range c.Standing.Accounts {
		if a.Provider() == p.method && len(own) < maxAccounts {
			own = append(own, a)
		}
	}
	return own
}

const delegationUnseen = "This service asks only forwarding resolvers, which do not show what the registry lists."

func (p hostedAt) has(kit *Kit, c Claim) (bool, string) {
	switch {
	case len(p.accounts(c)) == 0:
		return false, "No " + p.title + " account is connected."
	case kit != nil && kit.DNS != nil && kit.DNS.Forwarding():
		return false, delegationUnseen
	}
	return true, ""
}

func (p hostedAt) judge(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) Result {
	facts = with(facts, problem.FactProvider, p.title)
	accounts := p.accounts(c)
	switch {
	case len(accounts) == 0:
		return no(zonehold.OutcomeAbsent, "provider_not_connected", facts)
	case kit.DNS == nil:
		return no(zonehold.OutcomeInconclusive, "verifier_fault", facts, problem.FactDetail, "this program was set up without a DNS resolver")
	case kit.DNS.Forwarding():
		return no(zonehold.OutcomeInconclusive, "verifier_fault", facts, problem.FactDetail, delegationUnseen)
	}
	zone, out := p.zoneInUse(ctx, kit, c, facts)
	if zone == nil {
		return out
	}
	facts = ZoneFacts(facts, zone)
	facts[problem.FactServers] = strings.Join(serversOf(zone), ", ")

	views := make([]view, len(accounts))
	var wg sync.WaitGroup
	for i, a := range accounts {
		wg.Go(func() { views[i] = look(ctx, a, c, zone, facts) })
	}
	wg.Wait()
	return combine(out, views)
}

// zoneInUse finds the zone that holds the claimed name as its parent delegates
// it, and hears all its servers: they have to speak for it, with signatures
// that are right where there have to be any. The delegation itself is never
// signed; a signed zone has to name its servers too, or whoever stands on the
// way to the registry could name his own. Nil: the result says why not. Else
// the result has what was seen, to be completed.
func (p hostedAt) zoneInUse(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) (*dns.Zone, Result) {
	zone, err := delegation(ctx, kit.DNS, string(c.Hostname))
	if err == nil && zone.Name != string(c.Hostname) {
		zone, err = confirm(ctx, kit.DNS, zone, string(c.Hostname))
	}
	if err != nil {
		out, f := walkFailure(ctx, err, facts)
		return nil, Result{Outcome: out, Problem: f}
	}
	facts = ZoneFacts(facts, zone)
	switch {
	case IsRegistry(c.Hostname, zone.Name):
		return nil, no(zonehold.OutcomeAbsent, "domain_not_registered", facts)
	case !slices.Contains(ancestors(c.Hostname), zone.Name):
		// A zone at or above a public suffix is that of a platform (threats T33,
		// T34): having it proves nothing about one of its customers.
		return nil, no(zonehold.OutcomeAbsent, "zone_not_in_account", with(facts, problem.FactServers, ""), problem.FactDetail,
			fmt.Sprintf("%s has no zone of its own: %s holds it, which is shared by many.", c.Hostname, zone.Name))
	}
	answer, err := kit.DNS.AskZone(ctx, zone, zone.Name, miekg.TypeNS)
	if err != nil {
		out, f := walkFailure(ctx, err, facts)
		return nil, Result{Outcome: out, Problem: f}
	}
	r := Result{Evidence: Evidence{Lookups: []*dns.Lookup{{Hops: []*dns.Answer{answer}}}}}
	t := count(answer, func(sa *dns.ServerAnswer) bool { return sa.Kind == dns.KindData })
	if !t.proved(kit.Nameservers) {
		failed := t.failed
		for _, sa := range t.lack {
			sa.Status = dns.StatusLame // an answer without the start of the zone is not of the zone
			failed = append(failed, sa)
		}
		r.Outcome, r.Problem = undecided(answer, &tally{failed: failed}, facts)
		return nil, r
	}
	if missing := unconfirmed(zone, t.have); len(missing) > 0 {
		r.Outcome = zonehold.OutcomeInconclusive
		r.Problem = &Finding{"dns_delegation_changing", with(facts, problem.FactServers, strings.Join(missing, ", "))}
		return nil, r
	}
	r.Notes = serverNotes(answer, &t, func() problem.Facts { return with(facts) })
	return zone, r
}

// unconfirmed are the servers of a delegation that an answer signed by the
// zone, with all its servers, does not name.
func unconfirmed(zone *dns.Zone, answers []dns.ServerAnswer) []string {
	var missing []string
	for i := range answers {
		if answers[i].Security != dns.SecuritySecure {
			continue
		}
		for _, name := range serversOf(zone) {
			if !slices.ContainsFunc(answers[i].Records, func(rec dns.Record) bool { return rec.Target == name }) {
				missing = appendNew(missing, name)
			}
		}
	}
	return missing
}

// ancestors are host and the names above it, down to the registrable domain.
func ancestors(host zonehold.Hostname) []string {
	top, ok := host.Registrable()
	if !ok {
		return nil
	}
	names := []string{string(host)}
	for at := string(host); at != top; {
		_, at, _ = strings.Cut(at, ".")
		names = append(names, at)
	}
	return names
}

// view is what one account shows of the zone in use.
type view struct {
	outcome zonehold.Outcome
	finding *Finding // nil if verified
	rank    int      // of several accounts the highest counts
	grounds []Ground
	source  string
}

// Ranks of views. What could not be seen outranks every "no": the proof may be
// there.
const (
	rankAbsent = iota
	rankPrivate
	rankOther
	rankPending
	rankUnseen
	rankVerified
)

// look asks one account for the zone in use.
func look(ctx context.Context, a ZoneAccount, c Claim, zone *dns.Zone, facts problem.Facts) view {
	ground := Ground{Kind: "connection", ID: a.ID(), By: a.Name()}
	// The zone in use decides; the others may explain.
	names := appendNew([]string{zone.Name}, string(c.Hostname))
	if top, ok := c.Hostname.Registrable(); ok {
		names = appendNew(names, top)
	}
	zones, err := a.Zones(ctx, names)
	if err != nil {
		code, reason := problem.Code("provider_unavailable"), reasonOf(err, zonehold.ErrProviderUnavailable)
		if errors.Is(err, zonehold.ErrProviderCredentials) {
			code, reason = "provider_token_rejected", reasonOf(err, zonehold.ErrProviderCredentials)
		}
		ground.Detail = reason
		return view{outcome: zonehold.OutcomeInconclusive, rank: rankUnseen, grounds: []Ground{ground},
			finding: &Finding{code, with(facts, problem.FactDetail, reason, problem.FactWhere, a.Name())}}
	}
	best := view{
		outcome: zonehold.OutcomeAbsent, rank: rankAbsent,
		finding: &Finding{"zone_not_in_account", with(facts, problem.FactWhere, a.Name(), problem.FactDetail, noSuchZone(a, zone, zones))},
	}
	var seen []Ground
	for _, z := range zones {
		g := ground
		g.Detail = describeZone(z)
		if z.Name == zone.Name {
			if v := compare(a, z, zone, facts); v.rank > best.rank {
				best, g.Counts = v, v.rank == rankVerified
			}
		}
		seen = append(seen, g)
	}
	if len(seen) == 0 {
		ground.Detail = "no zone of this name"
		seen = []Ground{ground}
	}
	best.grounds = seen
	return best
}

// compare judges a zone of the account that has the name of the zone in use.
func compare(a ZoneAccount, z zonehold.HostedZone, zone *dns.Zone, facts problem.Facts) view {
	assigned := folded(z.NameServers)
	facts = with(facts, problem.FactWhere, a.Name(), problem.FactGot, strings.Join(assigned, ", "))
	same := len(assigned) > 0 && zone.Skipped == 0 && slices.Equal(assigned, serversOf(zone))
	switch {
	case z.Private:
		return view{outcome: zonehold.OutcomeMismatch, rank: rankPrivate, finding: &Finding{"provider_zone_private", facts}}
	case !z.Active:
		return view{outcome: zonehold.OutcomeMismatch, rank: rankPending, finding: &Finding{"provider_zone_pending", with(facts, problem.FactStatus, z.Status)}}
	case !same:
		detail := ""
		if len(assigned) == 0 {
			detail = "The zone in the account has no name servers of the provider."
		}
		return view{outcome: zonehold.OutcomeMismatch, rank: rankOther, finding: &Finding{"zone_not_in_account", with(facts, problem.FactDetail, detail)}}
	}
	return view{outcome: zonehold.OutcomeVerified, rank: rankVerified, source: a.ID()}
}

// combine takes the best of what the accounts show; the others become notes.
func combine(r Result, views []view) Result {
	best := 0
	for i := range views {
		if views[i].rank > views[best].rank {
			best = i
		}
	}
	v := views[best]
	r.Outcome, r.Problem, r.Source = v.outcome, v.finding, v.source
	for i := range views {
		for _, g := range views[i].grounds {
			g.Counts = g.Counts && i == best
			r.Evidence.Grounds = append(r.Evidence.Grounds, g)
		}
		if i != best && views[i].finding != nil {
			r.Notes = append(r.Notes, *views[i].finding)
		}
	}
	return r
}

// noSuchZone explains why none of the zones that an account has is the one in
// use.
func noSuchZone(a ZoneAccount, zone *dns.Zone, zones []zonehold.HostedZone) string {
	for _, z := range zones {
		if z.Name != zone.Name {
			return fmt.Sprintf("The account %s has a zone %s, but the name is held by the zone %s.", a.Name(), z.Name, zone.Name)
		}
	}
	return fmt.Sprintf("The account %s has no zone %s.", a.Name(), zone.Name)
}

// describeZone is a zone of an account for the evidence.
func describeZone(z zonehold.HostedZone) string {
	kind := "public"
	if z.Private {
		kind = "private"
	}
	s := fmt.Sprintf("zone %s, %s, %s", z.ID, z.Name, kind)
	if z.Status != "" && z.Status != kind {
		s += ", " + z.Status
	}
	if servers := folded(z.NameServers); len(servers) > 0 {
		s += ": " + strings.Join(servers, ", ")
	}
	return s
}

// folded are the names of servers as they are compared: lower case, no final
// dot, each once, sorted.
func folded(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n = strings.ToLower(strings.TrimSuffix(n, ".")); n != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reasonOf is the text of an error without that of its kind.
func reasonOf(err, kind error) string {
	return strings.TrimPrefix(err.Error(), kind.Error()+": ")
}
