package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// existingDomain accepts a name that a proof of the same account for a domain
// above it covers: only one by DNS or by the registration, never through a
// public suffix, and never into a zone that other name servers hold (DESIGN
// section 4.3; threats T33, T34; Baseline Requirements 3.2.2.4.7 against .18
// and .19).
var existingDomain = granted{
	name: zonehold.MethodExistingDomain, proves: zonehold.AssuranceDNS,
	has: func(_ *Kit, c Claim) (bool, string) {
		if len(parentsOf(c)) > 0 {
			return true, ""
		}
		return false, "No domain above this one is proved in the account."
	},
	judge: judgeParents,
}

// parentsOf are the proved domains above the claimed name, nearest first.
func parentsOf(c Claim) []Parent {
	if c.Standing == nil {
		return nil
	}
	parents := slices.Clone(c.Standing.Parents)
	parents = slices.DeleteFunc(parents, func(p Parent) bool { return p.DomainID == "" || !c.Hostname.Under(p.Hostname) })
	slices.SortStableFunc(parents, func(a, b Parent) int { return len(b.Hostname) - len(a.Hostname) })
	return parents
}

func judgeParents(ctx context.Context, kit *Kit, c Claim, facts problem.Facts) Result {
	parents := parentsOf(c)
	if len(parents) == 0 {
		return no(zonehold.OutcomeAbsent, "parent_not_verified", facts)
	}
	return anyOf(parents, func(p Parent) Result { return judgeParent(ctx, kit, c, p, facts) })
}

func judgeParent(ctx context.Context, kit *Kit, c Claim, p Parent, facts problem.Facts) Result {
	ground := Ground{Kind: "domain", ID: p.DomainID, Detail: fmt.Sprintf("%s, proved by %s", p.Hostname, p.Method)}
	facts = with(facts, problem.FactWhere, string(p.Hostname))
	refuse := func(o zonehold.Outcome, code problem.Code, detail string, pairs ...string) Result {
		r := no(o, code, facts, append(pairs, problem.FactDetail, detail)...)
		r.Evidence.Grounds = []Ground{ground}
		return r
	}
	if p.Method == zonehold.MethodExistingDomain || p.Method == zonehold.MethodDelegated {
		return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow", "That right is itself borrowed from another domain or account.")
	}
	if !sameSite(c.Hostname, p.Hostname) {
		return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow", "A public suffix, below which anybody can get names, lies between.")
	}
	r := Result{Outcome: zonehold.OutcomeVerified, Source: p.DomainID, Proves: p.Assurance, Covers: p.Covers}
	switch tree := p.Assurance == zonehold.AssuranceDNS || p.Assurance == zonehold.AssuranceRegistrar; {
	case tree && p.Covers == zonehold.CoversSubtree:
	case !kit.ParentCoversAny:
		return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow", fmt.Sprintf("It was proved by %s.", p.Method))
	default:
		// The operator's choice to be laxer. It must not reach further than this
		// host, nor start from a host that somebody else serves (threat T36).
		if r.Covers = zonehold.CoversHost; p.Assurance == zonehold.AssuranceHost {
			if away, err := servedElsewhere(ctx, kit, p.Hostname); err != nil {
				return refuse(zonehold.OutcomeInconclusive, "parent_not_checked", err.Error())
			} else if away != "" {
				return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow", fmt.Sprintf("%s is an alias of %s, which belongs to another domain.", p.Hostname, away))
			}
		}
	}
	if kit.DNS == nil {
		return refuse(zonehold.OutcomeInconclusive, "parent_not_checked", "This program was set up without a resolver.")
	}
	cut, err := foreignCut(ctx, kit.DNS, p.Hostname, c.Hostname)
	switch {
	case err != nil:
		return refuse(zonehold.OutcomeInconclusive, "parent_not_checked", err.Error())
	case cut != nil:
		return refuse(zonehold.OutcomeAbsent, "parent_proof_too_narrow",
			fmt.Sprintf("%s is a zone of its own, on other name servers: %s.", cut.Name, strings.Join(serversOf(cut), ", ")),
			problem.FactZone, cut.Name)
	}
	ground.Counts = true
	r.Evidence.Grounds = []Ground{ground}
	return r
}

// foreignCut finds a zone below top, at or above name, whose name servers are
// not those of the zone that holds top: whoever runs them speaks for name, not
// the one who proved top (threat T34). Nil: there is none.
func foreignCut(ctx context.Context, r *dns.Resolver, top, name zonehold.Hostname) (*dns.Zone, error) {
	home, err := holder(ctx, r, string(top))
	if err != nil {
		return nil, err
	}
	own := serversOf(home)
	for at := string(name); at != string(top); {
		zone, err := holder(ctx, r, at)
		if err != nil {
			return nil, err
		}
		switch {
		case !strings.HasSuffix(zone.Name, "."+string(top)):
			return nil, nil // the rest of the way lies in the zone of top
		case r.Forwarding():
			// All zones are asked for at the forwarder.
			return nil, fmt.Errorf("%s is a zone of its own, and the forwarding resolvers that this service asks do not show on which name servers", zone.Name)
		case !slices.Equal(serversOf(zone), own):
			return zone, nil
		}
		// Its own servers hold it; look above it.
		_, at, _ = strings.Cut(zone.Name, ".")
	}
	return nil, nil
}

// holder is the zone that holds name, or would if the name existed, confirmed
// by its own servers.
func holder(ctx context.Context, r *dns.Resolver, name string) (*dns.Zone, error) {
	zone, err := delegation(ctx, r, name)
	if err != nil {
		return nil, err
	}
	return confirm(ctx, r, zone, name)
}

// delegation is the zone that holds name, or would if the name existed, by what
// the servers on the way say. That is not signed.
func delegation(ctx context.Context, r *dns.Resolver, name string) (*dns.Zone, error) {
	zone, err := r.Delegation(ctx, name)
	if errors.Is(err, dns.ErrNotDelegated) && zone != nil {
		return zone, nil
	}
	return zone, err
}

// confirm asks all servers of the zone that seems to hold name for name, and
// returns the zone whose servers answer. Where answers are validated, nobody on
// the way can hide a zone in between like that, nor make one up (threat T19).
func confirm(ctx context.Context, r *dns.Resolver, zone *dns.Zone, name string) (*dns.Zone, error) {
	if !r.Validating() {
		return zone, nil
	}
	answer, err := r.AskZone(ctx, zone, name, miekg.TypeNS)
	if err != nil {
		return nil, err
	}
	for i := range answer.Servers {
		if sa := &answer.Servers[i]; doubtful(sa) {
			return nil, sa.Fault
		}
	}
	switch {
	case len(answer.Usable()) == 0:
		return nil, fmt.Errorf("asking zone %s about %s: %w", answer.Zone.Name, name, dns.ErrNoServers)
	case answer.Zone.Name == zone.Name:
		return zone, nil
	}
	return answer.Zone, nil
}

// serversOf are the names of a zone's servers, sorted.
func serversOf(z *dns.Zone) []string {
	names := make([]string, len(z.Servers))
	for i, s := range z.Servers {
		names[i] = s.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// servedElsewhere is the alias by which host leaves its registrable domain;
// "" if it does not.
func servedElsewhere(ctx context.Context, kit *Kit, host zonehold.Hostname) (string, error) {
	if kit.DNS == nil {
		return "", errors.New("this program was set up without a resolver")
	}
	found, err := kit.DNS.Addrs(ctx, string(host))
	if err != nil {
		return "", err
	}
	own, ok := host.Registrable()
	for _, alias := range found.Chain {
		if !ok || alias != own && !strings.HasSuffix(alias, "."+own) {
			return alias, nil
		}
	}
	return "", nil
}
