package diagnose

import (
	"context"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// cnameTarget is what a wrong CNAME points to, "" when there is none.
func (s *scene) cnameTarget() string {
	hop := s.firstHop()
	if hop == nil || s.ch.Record == nil || s.ch.Record.Type != "CNAME" || s.verified() {
		return ""
	}
	for _, sa := range hop.Usable() {
		for _, r := range sa.Records {
			if r.Type == miekg.TypeCNAME && r.Name == hop.Name && !s.want.proves(r) {
				return r.Target
			}
		}
	}
	return ""
}

// zoneAppended: the target lacks its final dot (cause F51).
func zoneAppended(_ context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	if t == "" {
		return nil
	}
	for _, zone := range []string{s.zone().Name, string(s.claim.Hostname), s.registrable()} {
		if strings.EqualFold(t, s.want.expected+"."+zone) {
			return s.find("cname_target_zone_appended", problem.FactTarget, t, problem.FactGot, t)
		}
	}
	return nil
}

// targetIsURL: a web address was entered as the target (cause F52).
func targetIsURL(_ context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	if t != "" && s.want.holds(t) && (strings.Contains(t, "/") || strings.Contains(t, ":") || strings.HasPrefix(t, "http")) {
		return s.find("cname_target_is_url", problem.FactTarget, t, problem.FactGot, t)
	}
	return nil
}

// targetOld: the target carries a retired token (cause F37).
func targetOld(_ context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	if t == "" {
		return nil
	}
	if date, ok := s.want.isOld(t); ok {
		return s.find("token_old", problem.FactGot, t, problem.FactTarget, t, problem.FactOldDate, date)
	}
	return nil
}

// targetOfOther: the target carries the token of another claim (cause F38).
func targetOfOther(ctx context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	token, rest, _ := strings.Cut(t, ".")
	if t == "" || s.kit.OtherClaim == nil || rest != s.cnameZone() || token == s.want.token {
		return nil
	}
	if s.kit.OtherClaim(ctx, token) {
		return s.find("token_of_other_claim", problem.FactGot, "", problem.FactTarget, "")
	}
	return nil
}

// cnameZone is the zone of all our targets.
func (s *scene) cnameZone() string {
	_, zone, _ := strings.Cut(s.want.expected, ".")
	return zone
}

// targetStale: the target is one of ours and not of this claim, or does not
// exist any more (cause F30).
func targetStale(ctx context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	if t == "" {
		return nil
	}
	if strings.HasSuffix(t, "."+s.cnameZone()) && !s.want.holds(t) {
		return s.find("dns_cname_target_stale", problem.FactTarget, t, problem.FactGot, t)
	}
	return nil
}

// staleAlias notes an alias in the way of a TXT record whose target is gone.
func staleAlias(_ context.Context, s *scene) *verify.Finding {
	if s.verified() || s.ch.Record == nil || s.ch.Record.Type != "TXT" || s.alias() == "" {
		return nil
	}
	last := s.lastHop()
	usable := last.Usable()
	if len(usable) == 0 || usable[0].Kind != dns.KindNXDomain {
		return nil
	}
	return s.find("dns_cname_target_stale", problem.FactTarget, last.Name)
}

// flattened: addresses stand where the alias should be (cause F49).
func flattened(ctx context.Context, s *scene) *verify.Finding {
	if s.plain() != "cname_missing" || !s.missed() {
		return nil
	}
	name := s.ch.Record.Name
	var addrs []string
	for _, t := range []uint16{miekg.TypeA, miekg.TypeAAAA} {
		sa := s.ask(ctx, name, t)
		if sa == nil || sa.Kind != dns.KindData {
			continue
		}
		// A wildcard gives addresses to every name.
		control := dns.RandomSibling(name)
		if other := s.ask(ctx, control, t); other != nil && sameContent(other.Records, sa.Records) {
			return nil
		}
		for _, r := range sa.Records {
			if r.Addr.IsValid() {
				addrs = append(addrs, r.Addr.String())
			}
		}
	}
	if len(addrs) == 0 {
		return nil
	}
	return s.find("cname_flattened_or_proxied", problem.FactAddresses, strings.Join(addrs, ", "))
}

// cnameAtApex: the name is the top of a zone of its own, where no CNAME can
// stand (cause F50).
func cnameAtApex(_ context.Context, s *scene) *verify.Finding {
	if s.plain() != "cname_missing" || s.zone() == nil || s.firstHop().Name != s.zone().Name {
		return nil
	}
	return s.find("cname_at_apex", problem.FactZone, s.zone().Name)
}

// hiddenByCDN: our target comes later in the chain, behind another alias
// (cause F53).
func hiddenByCDN(ctx context.Context, s *scene) *verify.Finding {
	t := s.cnameTarget()
	if t == "" || !spend(&s.queries, 6, maxQueries) {
		return nil
	}
	l, err := s.kit.DNS.Lookup(ctx, s.ch.Record.Name, miekg.TypeA)
	if l == nil || err != nil && len(l.Hops) == 0 {
		return nil
	}
	for i, hop := range l.Hops {
		if i > 0 && strings.EqualFold(hop.Name, s.want.expected) {
			return s.find("cname_hidden_by_cdn", problem.FactTarget, t, problem.FactProduct, "another alias comes first")
		}
	}
	return nil
}
