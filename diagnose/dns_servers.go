package diagnose

import (
	"context"
	"net/netip"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// ownNetwork asks the root servers when nobody answered us: if they are silent
// too, it is our own network (cause F95).
func ownNetwork(ctx context.Context, s *scene) *verify.Finding {
	switch s.plain() {
	case "dns_timeout", "http_connect_failed":
	default:
		return nil
	}
	for _, l := range s.result.Evidence.Lookups {
		for _, hop := range l.Hops {
			if len(hop.Usable()) > 0 {
				return nil
			}
		}
	}
	for _, f := range s.result.Evidence.Fetches {
		if f.Status != 0 {
			return nil
		}
	}
	if s.kit.DNS == nil || !spend(&s.queries, 2, maxQueries) {
		return nil
	}
	a, err := s.kit.DNS.Ask(ctx, "", miekg.TypeNS)
	if ctx.Err() != nil {
		return nil // out of time is not "no answer"
	}
	if err == nil && a != nil && len(a.Usable()) > 0 {
		return nil
	}
	return s.find("verifier_fault", problem.FactDetail, "not even the root servers of the DNS answer us")
}

// networkRefused sees that public resolvers get answers from servers that
// ignore us (cause F16).
func networkRefused(ctx context.Context, s *scene) *verify.Finding {
	hop := s.firstHop()
	if hop == nil || hop.Zone == nil || s.kit.DNS == nil || len(hop.Usable()) > 0 || s.plain() != "dns_timeout" {
		return nil
	}
	if !spend(&s.queries, 3, maxQueries) {
		return nil
	}
	for _, a := range s.kit.DNS.Cached(ctx, hop.Name, hop.Type) {
		// A resolver that has no answer either says SERVFAIL.
		if a.Err == nil && (a.RCode == miekg.RcodeSuccess || a.RCode == miekg.RcodeNameError) {
			return s.find("dns_network_refused")
		}
	}
	return nil
}

// hostServers names the servers that keep a web host's address from us.
func hostServers(ctx context.Context, s *scene) *verify.Finding {
	switch s.plain() {
	case "dns_timeout", "dns_servfail", "dns_lame_delegation", "dns_tcp_blocked":
	default:
		return nil
	}
	a := s.askAll(ctx, string(s.claim.Hostname), miekg.TypeA)
	if a == nil || len(a.Failed()) == 0 {
		return nil
	}
	return verify.ServersFinding(a.Failed(), verify.ZoneFacts(s.facts(), a.Zone))
}

// zoneInactive tells a provider that has this zone switched off from a server
// that does not work at all: it refuses this zone and serves its own (cause
// F23).
func zoneInactive(ctx context.Context, s *scene) *verify.Finding {
	hop := s.firstHop()
	if hop == nil || hop.Zone == nil || s.kit.DNS == nil || len(hop.Usable()) > 0 {
		return nil
	}
	var first *dns.ServerAnswer
	for i := range hop.Servers {
		sa := &hop.Servers[i]
		switch sa.Status {
		case dns.StatusRefused:
			if first == nil {
				first = sa
			}
		case dns.StatusNoRoute:
		default:
			return nil
		}
	}
	if first == nil {
		return nil
	}
	own, err := s.delegation(ctx, first.Server)
	if err != nil || own == nil || own.Name == hop.Zone.Name || own.Name == "" || !spend(&s.queries, 1, maxQueries) {
		return nil
	}
	sa := s.kit.DNS.AskServer(ctx, own, first.Server, first.Addr.Addr(), own.Name, miekg.TypeSOA)
	if sa.Status != dns.StatusOK {
		return nil
	}
	return s.find("dns_zone_inactive", problem.FactStatus, "REFUSED", problem.FactServer, first.Server)
}

// childServers are the name servers that the zone itself lists and its parent
// does not, and whether the two lists have a name in common.
func (s *scene) childServers(ctx context.Context) (extra []string, overlap bool) {
	z := s.zone()
	if z == nil || z.Parent == "" && !strings.Contains(z.Name, ".") {
		return nil, true
	}
	parent := map[string]bool{}
	for _, n := range serverNames(z) {
		parent[strings.ToLower(n)] = true
	}
	var child []string
	if sa := s.ask(ctx, z.Name, miekg.TypeNS); sa != nil {
		for _, r := range sa.Records {
			if r.Type == miekg.TypeNS && r.Target != "" {
				child = append(child, r.Target)
			}
		}
	}
	if len(child) == 0 {
		return nil, true
	}
	for _, n := range child {
		if parent[n] {
			overlap = true
		} else if len(extra) < 4 {
			extra = append(extra, n)
		}
	}
	return extra, overlap
}

// wrongProvider finds the record at name servers that the parent does not
// delegate to (cause F2): those that the zone itself lists, and those that
// served the domain before or that the person named.
func wrongProvider(ctx context.Context, s *scene) *verify.Finding {
	if !s.missed() {
		return nil
	}
	// Two servers of the zone that differ are another matter.
	if s.plain() == "dns_nameservers_disagree" {
		return nil
	}
	others, _ := s.childServers(ctx)
	for _, n := range s.claim.FormerServers {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if len(others) < 6 && !contains(others, n) && !contains(serverNames(s.zone()), n) {
			others = append(others, n)
		}
	}
	for _, n := range others {
		addr, ok := s.addressOf(ctx, n)
		if !ok || !spend(&s.queries, 1, maxQueries) {
			continue
		}
		sa := s.kit.DNS.AskServer(ctx, s.zone(), n, addr, s.ch.Record.Name, s.qtype())
		if sa.Status == dns.StatusOK && s.shows(&sa) {
			return s.find("dns_wrong_provider", problem.FactWhere, n)
		}
	}
	return nil
}

func (s *scene) addressOf(ctx context.Context, server string) (netip.Addr, bool) {
	if !fits(server) || !spend(&s.queries, 2, maxQueries) {
		return netip.Addr{}, false
	}
	got, err := s.kit.DNS.Addrs(ctx, server)
	if err != nil || got == nil {
		return netip.Addr{}, false
	}
	for _, a := range got.Addrs {
		if a.Unmap().Is4() {
			return a, true
		}
	}
	if len(got.Addrs) > 0 {
		return got.Addrs[0], true
	}
	return netip.Addr{}, false
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if strings.EqualFold(have, s) {
			return true
		}
	}
	return false
}

// delegationChanging sees that parent and zone name different servers (cause
// F13). With not one in common it is a change under way.
func delegationChanging(ctx context.Context, s *scene) *verify.Finding {
	if s.verified() || s.zone() == nil || !plainMiss[s.plain()] && s.plain() != "dns_nameservers_disagree" {
		return nil
	}
	extra, overlap := s.childServers(ctx)
	if len(extra) == 0 || overlap && s.plain() != "dns_nameservers_disagree" {
		return nil
	}
	return s.find("dns_delegation_changing", problem.FactServers, strings.Join(extra, ", "))
}

// delegationDiffers notes lists that differ but have servers in common: sloppy
// and harmless, or the end of a change.
func delegationDiffers(ctx context.Context, s *scene) *verify.Finding {
	if s.verified() || s.zone() == nil {
		return nil
	}
	extra, overlap := s.childServers(ctx)
	if len(extra) == 0 || !overlap {
		return nil
	}
	return s.find("dns_delegation_changing", problem.FactServers, strings.Join(extra, ", "))
}

// parked recognises servers that serve nothing but placeholders (cause F26).
func parked(_ context.Context, s *scene) *verify.Finding {
	z := s.zone()
	if z == nil || s.verified() || !plainMiss[s.plain()] {
		return nil
	}
	for _, n := range serverNames(z) {
		for i := range parkingHosts {
			for _, p := range parkingHosts[i].patterns {
				if matchHost(p, strings.ToLower(n)) {
					return s.find("domain_parked", problem.FactProvider, parkingHosts[i].host.Name)
				}
			}
		}
	}
	return nil
}
