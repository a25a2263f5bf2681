package diagnose

import (
	"context"
	"strings"
	"sync"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// variant is another name at which a record may have landed.
type variant struct {
	name string
	code problem.Code
}

// variants lists names near the right one, likeliest first. A name in two
// roles keeps the first.
func (s *scene) variants() []variant {
	z := s.zone()
	if z == nil || s.ch.Record == nil {
		return nil
	}
	name, host, zone, reg := s.ch.Record.Name, string(s.claim.Hostname), z.Name, s.registrable()
	label, under := "", false // what stands before the hostname
	if name != host {
		label = strings.TrimSuffix(name, "."+host)
		under = strings.HasPrefix(label, "_")
	}
	at := func(parts ...string) string { return strings.Join(parts, ".") }
	var out []variant
	add := func(code problem.Code, n string) {
		for _, v := range out {
			if v.name == n {
				return
			}
		}
		if n != name && fits(n) {
			out = append(out, variant{n, code})
		}
	}
	// F1: the panel appended the zone to a full name.
	add("dns_doubled_label", at(name, zone))
	add("dns_doubled_label", at(name, host))
	add("dns_doubled_label", at(name, reg))
	if label != "" {
		// F4: at the host itself, at www, one level up, at the other of both.
		add("dns_wrong_name", host)
		if under {
			add("dns_underscore_dropped", strings.TrimPrefix(name, "_"))
		}
		add("dns_wrong_name", at(label, "www", host))
		if rest, ok := strings.CutPrefix(host, "www."); ok {
			add("dns_wrong_name", at(label, rest))
		}
		add("dns_wrong_name", at(label, reg))
		add("dns_wrong_name", at(label, zone))
		add("dns_wrong_name", at("_"+label, host))
		add("dns_wrong_name", at(strings.ReplaceAll(label, "-", "_"), host))
	}
	add("dns_wrong_name", at("www", host))
	if rest, ok := strings.CutPrefix(host, "www."); ok {
		add("dns_wrong_name", rest)
	}
	add("dns_wrong_name", reg)
	add("dns_wrong_name", at(s.want.token, host)) // name and value swapped
	if key := strings.ToLower(strings.TrimRight(s.want.prefix, " :=")); key != "" {
		add("dns_wrong_name", at(key, host))
	}
	// F6, F7: what was typed for a panel's sake became part of the name.
	if label != "" {
		add("dns_literal_at_label", at(label, `\@`, host))
		add("dns_trailing_dot", at(label+`\.`, host))
	}
	add("dns_literal_at_label", at(`\@`, host))
	add("dns_literal_at_label", at(`\@`, zone))
	add("dns_literal_at_label", at("https://"+name, zone))
	return out
}

// place finds the token at another name. All names are asked at once, and
// each detector of a code takes the findings of that code.
func (s *scene) displaced(ctx context.Context) map[problem.Code]string {
	s.placesOnce.Do(func() {
		s.places = map[problem.Code]string{}
		if !s.missed() {
			return
		}
		qtype := s.qtype()
		all := s.variants()
		found := make([]bool, len(all))
		var wg sync.WaitGroup
		for i, v := range all {
			wg.Go(func() {
				if sa := s.ask(ctx, v.name, qtype); sa != nil {
					found[i] = s.shows(sa)
				}
			})
		}
		wg.Wait()
		// A wildcard answers everywhere: then a name says nothing.
		if sa := s.control(ctx); sa != nil && s.shows(sa) {
			return
		}
		for i, v := range all {
			if found[i] && s.places[v.code] == "" {
				s.places[v.code] = v.name
			}
		}
	})
	return s.places
}

func (s *scene) qtype() uint16 {
	if s.ch.Record != nil && s.ch.Record.Type == "CNAME" {
		return miekg.TypeCNAME
	}
	return miekg.TypeTXT
}

// shows reports whether an answer holds the value, perhaps wrapped.
func (s *scene) shows(sa *dns.ServerAnswer) bool {
	for _, r := range sa.Records {
		if r.Type == s.qtype() && (s.want.proves(r) || s.want.holds(content(r))) {
			return true
		}
	}
	return false
}

// atOtherName makes the detector of one code of the name variants.
func atOtherName(code problem.Code) func(context.Context, *scene) *verify.Finding {
	return func(ctx context.Context, s *scene) *verify.Finding {
		if where := s.displaced(ctx)[code]; where != "" {
			return s.find(code, problem.FactWhere, where)
		}
		return nil
	}
}

// wrongType finds the token in a record of another type at the right name
// (cause F42).
func wrongType(ctx context.Context, s *scene) *verify.Finding {
	if !s.missed() {
		return nil
	}
	hop := s.firstHop()
	found := func(r dns.Record) *verify.Finding {
		t := miekg.TypeToString[r.Type]
		return s.find("dns_wrong_type", problem.FactGot, clip(text(r)), problem.FactDetail, "The type of that record is "+t+".")
	}
	for _, sa := range hop.Usable() {
		for _, r := range sa.Records {
			if r.Type != s.qtype() && s.want.holds(text(r)) {
				return found(r)
			}
		}
	}
	types := []uint16{miekg.TypeTXT, miekg.TypeCNAME, miekg.TypeSPF, miekg.TypeMX, miekg.TypeNS, miekg.TypePTR}
	hits := make([]*verify.Finding, len(types))
	var wg sync.WaitGroup
	for i, t := range types {
		if t == s.qtype() {
			continue
		}
		wg.Go(func() {
			sa := s.ask(ctx, hop.Name, t)
			if sa == nil {
				return
			}
			for _, r := range sa.Records {
				if r.Type == t && s.want.holds(text(r)) {
					hits[i] = found(r)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, h := range hits {
		if h != nil {
			return h
		}
	}
	return nil
}

// text is what a person sees of a record.
func text(r dns.Record) string {
	switch {
	case r.Type == miekg.TypeTXT || r.Type == miekg.TypeSPF && len(r.Strings) > 0:
		return r.TXT()
	case r.Target != "":
		return r.Target
	}
	return r.Text
}

// cnameConflict sees an alias at the name of a TXT record (cause F5).
func cnameConflict(ctx context.Context, s *scene) *verify.Finding {
	if s.ch.Record == nil || s.ch.Record.Type != "TXT" || s.verified() {
		return nil
	}
	target := s.alias()
	if target == "" {
		return nil
	}
	// Where the alias leads to a record that is meant to be ours, the person
	// uses the alias on purpose, and the value is what is wrong.
	if valueLadder(ctx, s) != nil {
		return nil
	}
	if sa := s.control(ctx); sa != nil && sa.Kind == dns.KindAlias && targetOf(sa) == target {
		return nil // a wildcard's
	}
	return s.find("dns_cname_conflict", problem.FactTarget, target)
}

// alias is where the record's own name points, by a CNAME that stands there.
func (s *scene) alias() string {
	hop := s.firstHop()
	if hop == nil {
		return ""
	}
	for _, sa := range hop.Usable() {
		for _, r := range sa.Records {
			if sa.Kind == dns.KindAlias && r.Type == miekg.TypeCNAME && r.Name == hop.Name {
				return r.Target
			}
		}
	}
	return ""
}

func targetOf(sa *dns.ServerAnswer) string {
	for _, r := range sa.Records {
		if r.Type == miekg.TypeCNAME || r.Type == miekg.TypeDNAME {
			return r.Target
		}
	}
	return ""
}

// dnameAbove sees that everything below a name is redirected (cause F10).
func dnameAbove(_ context.Context, s *scene) *verify.Finding {
	if s.verified() {
		return nil
	}
	for _, l := range s.result.Evidence.Lookups {
		for _, hop := range l.Hops {
			for _, sa := range hop.Usable() {
				for _, r := range sa.Records {
					if r.Type == miekg.TypeDNAME && r.Name != hop.Name {
						return s.find("dns_dname_above", problem.FactWhere, r.Name, problem.FactTarget, r.Target)
					}
				}
			}
		}
	}
	return nil
}

// childZoneCut sees that a part of the domain is a zone of its own, on other
// servers than the domain (cause F9). That is a cause only where the record is
// missing there.
func childZoneCut(ctx context.Context, s *scene) *verify.Finding {
	z := s.zone()
	if z == nil || !plainMiss[s.plain()] || s.result.Outcome != zonehold.OutcomeAbsent {
		return nil
	}
	reg := s.registrable()
	if z.Name == reg || !strings.HasSuffix(z.Name, "."+reg) || z.Parent == "" {
		return nil
	}
	above, err := s.delegation(ctx, z.Parent)
	if err != nil || above == nil || sharesServer(above, z) {
		return nil
	}
	return s.find("dns_child_zone_cut", problem.FactZone, z.Name, problem.FactServers, strings.Join(serverNames(z), ", "))
}

func (s *scene) delegation(ctx context.Context, name string) (*dns.Zone, error) {
	if !spend(&s.queries, 3, maxQueries) {
		return nil, context.DeadlineExceeded
	}
	return s.kit.DNS.Delegation(ctx, name)
}

func sharesServer(a, b *dns.Zone) bool {
	for _, x := range a.Servers {
		for _, y := range b.Servers {
			if strings.EqualFold(x.Name, y.Name) {
				return true
			}
		}
	}
	return false
}

// siblingDomain looks at the other names of the account (cause F27).
func siblingDomain(ctx context.Context, s *scene) *verify.Finding {
	if !s.missed() {
		return nil
	}
	host := string(s.claim.Hostname)
	for i, other := range s.claim.Siblings {
		if i == 3 {
			break
		}
		name := string(other)
		if label, ok := strings.CutSuffix(s.ch.Record.Name, "."+host); ok {
			name = label + "." + name
		}
		if string(other) == host || s.inZone(name) {
			continue
		}
		a := s.askAll(ctx, name, s.qtype())
		if a == nil {
			continue
		}
		for _, sa := range a.Usable() {
			if s.shows(&sa) {
				return s.find("dns_sibling_domain", problem.FactWhere, name)
			}
		}
	}
	return nil
}

// suffixService sees a name below the domain of a service that gives out
// subdomains and keeps the DNS to itself (cause F28).
func suffixService(_ context.Context, s *scene) *verify.Finding {
	z := s.zone()
	if z == nil || !plainMiss[s.plain()] || s.result.Outcome != zonehold.OutcomeAbsent {
		return nil
	}
	suffix, icann := s.claim.Hostname.PublicSuffix()
	if icann || !strings.Contains(suffix, ".") || z.Name != suffix && !strings.HasSuffix(suffix, "."+z.Name) {
		return nil
	}
	return s.find("domain_on_public_suffix_service", problem.FactZone, suffix)
}
