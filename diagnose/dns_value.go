package diagnose

import (
	"context"
	"strconv"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// valueLadder compares every TXT value at the end of the chain with the wanted
// one and names the nearest miss (causes F32 to F48).
func valueLadder(ctx context.Context, s *scene) *verify.Finding {
	hop := s.lastHop()
	if s.verified() || hop == nil {
		return nil
	}
	var best *miss
	var server string
	other := s.otherClaims()
	seen := map[string]bool{}
	for _, sa := range hop.Usable() {
		for _, rec := range sa.Records {
			if rec.Type != miekg.TypeTXT || seen[rec.TXT()] {
				continue
			}
			seen[rec.TXT()] = true
			if s.want.proves(rec) {
				// One server has it right: the trouble is not the value.
				return nil
			}
			if m := s.want.ladder(ctx, rec.Strings, other); m != nil && (best == nil || m.rank < best.rank) {
				best, server = m, sa.Server
			}
		}
	}
	if best == nil {
		return nil
	}
	return s.find(best.code, append(best.facts, problem.FactServer, server)...)
}

// wildcardMiss sees that a wildcard answered in place of a record of its own
// (cause F25). The check itself refuses a CNAME by a wildcard.
func wildcardMiss(ctx context.Context, s *scene) *verify.Finding {
	if !s.missed() {
		return nil
	}
	hop := s.firstHop()
	main := hop.Usable()[0]
	if main.Kind != dns.KindData && main.Kind != dns.KindAlias {
		return nil
	}
	control := s.control(ctx)
	if control == nil || control.Kind != main.Kind || !sameContent(control.Records, main.Records) {
		return nil
	}
	return s.find("dns_wildcard_answers", problem.FactGot, content(main.Records[0]))
}

// control is the answer for a random sibling of the record's name.
func (s *scene) control(ctx context.Context) *dns.ServerAnswer {
	hop := s.firstHop()
	if hop == nil || hop.Zone == nil || hop.Name == hop.Zone.Name {
		return nil
	}
	s.mu.Lock()
	if s.sibling == "" {
		s.sibling = dns.RandomSibling(hop.Name)
	}
	name := s.sibling
	s.mu.Unlock()
	return s.ask(ctx, name, hop.Type)
}

// sameContent compares records but for their owner names.
func sameContent(a, b []dns.Record) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || content(a[i]) != content(b[i]) || a[i].Addr != b[i].Addr {
			return false
		}
	}
	return true
}

// notPublished: the zone is still the one of the time when the claim was made
// (cause F11).
func notPublished(_ context.Context, s *scene) *verify.Finding {
	if s.claim.SerialBefore == 0 || !s.missed() || s.result.Outcome != zonehold.OutcomeAbsent {
		return nil
	}
	for _, sa := range s.firstHop().Usable() {
		if sa.SOA == nil || sa.SOA.Serial != s.claim.SerialBefore {
			return nil
		}
	}
	return s.find("dns_not_published", problem.FactCount, strconv.FormatUint(uint64(s.claim.SerialBefore), 10))
}

// proofRemoved tells a proof that was there before from one that never was
// (cause F45).
func proofRemoved(_ context.Context, s *scene) *verify.Finding {
	if s.claim.VerifiedBefore.IsZero() || !plainMiss[s.plain()] {
		return nil
	}
	switch s.result.Outcome {
	case zonehold.OutcomeAbsent, zonehold.OutcomeMismatch:
		return s.find("proof_removed", problem.FactOldDate, s.claim.VerifiedBefore.UTC().Format(time.DateOnly), problem.FactName, s.place())
	}
	return nil
}

// place is where the proof was, in one word.
func (s *scene) place() string {
	switch {
	case s.ch.Record != nil:
		return s.ch.Record.Name
	case s.ch.File != nil && len(s.ch.File.URLs) > 0:
		return s.ch.File.URLs[0]
	}
	return "the home page of " + string(s.claim.Hostname)
}
