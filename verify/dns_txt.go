package verify

import (
	"context"
	"errors"
	"strconv"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// dnsTXT looks for the secret in a TXT record.
type dnsTXT struct{}

var _ Method = dnsTXT{}

func (dnsTXT) Name() zonehold.Method { return zonehold.MethodDNSTXT }

func (dnsTXT) Challenge(kit *Kit, c Claim) zonehold.Challenge {
	ch, p, ok := newChallenge(kit, zonehold.MethodDNSTXT, c, c.Tokens.TXT)
	if ok {
		recordChallenge(&ch, c, "TXT", p.TXTName(c.Hostname), p.TXTValue(c.Tokens.TXT))
	}
	return ch
}

func (m dnsTXT) Check(ctx context.Context, kit *Kit, c Claim) Result {
	ch := m.Challenge(kit, c)
	if !ch.Applicable {
		return notApplicable(ch, c)
	}
	if kit.DNS == nil {
		return noProbe(ch, c, "a DNS resolver")
	}
	r := Result{Method: m.Name()}
	lookup, err := kit.DNS.Lookup(ctx, ch.Record.Name, miekg.TypeTXT)
	if lookup != nil && len(lookup.Hops) > 0 {
		r.Evidence.Lookups = []*dns.Lookup{lookup}
	}
	want := NewTXTValue(c.Profile, ch.Token)
	r.judgeTXT(ctx, kit, ch, c, want, lookup, err)
	if r.Outcome == zonehold.OutcomeVerified {
		r.controlTXT(ctx, kit, ch, c, want, lookup)
	}
	return finish(ctx, r)
}

func (r *Result) judgeTXT(ctx context.Context, kit *Kit, ch zonehold.Challenge, c Claim, want TXTValue, lookup *dns.Lookup, err error) {
	facts := func() problem.Facts {
		f := ChallengeFacts(ch, c)
		if len(r.Evidence.Lookups) > 0 {
			f = ZoneFacts(f, r.Evidence.Lookups[0].Final().Zone)
			f[problem.FactName] = ch.Record.Name
		}
		return f
	}
	if lookup == nil || len(lookup.Hops) == 0 {
		if err == nil {
			err = dns.ErrNoServers
		}
		r.Outcome, r.Problem = walkFailure(ctx, err, facts())
		return
	}
	if out, f := judgeChain(ctx, kit, lookup, facts); f != nil {
		r.Outcome, r.Problem = out, f
		return
	}
	last := lookup.Final()
	t := count(last, func(sa *dns.ServerAnswer) bool {
		for i := range sa.Records {
			if rec := &sa.Records[i]; rec.Type == miekg.TypeTXT && want.Matches(rec.TXT()) != NoMatch {
				return true
			}
		}
		return false
	})
	switch {
	case t.proved(kit.Nameservers):
		r.Outcome = zonehold.OutcomeVerified
		r.Notes = append(r.Notes, valueNotes(t.have, want, facts)...)
		r.Notes = append(r.Notes, serverNotes(last, &t, facts)...)
		if len(t.failed) > 0 {
			r.Notes = append(r.Notes, *ServersFinding(t.failed, facts()))
		}
		if len(t.lack) > 0 || differ(t.have) {
			r.Notes = append(r.Notes, *disagreement(&t, facts()))
		}
	case t.missing(kit.Nameservers):
		r.Outcome = zonehold.OutcomeAbsent
		r.Problem = &Finding{"dns_record_missing", facts()}
		if got, n := want.near(t.lack); n > 0 {
			r.Outcome = zonehold.OutcomeMismatch
			r.Problem = &Finding{"dns_value_mismatch", with(facts(), problem.FactGot, got, problem.FactCount, strconv.Itoa(n))}
		}
		if len(lookup.Hops) == 1 && notRegistered(c.Hostname, last, &t) {
			r.Outcome, r.Problem = zonehold.OutcomeAbsent, &Finding{"domain_not_registered", facts()}
		}
		r.Notes = append(r.Notes, serverNotes(last, &t, facts)...)
	default:
		r.Outcome, r.Problem = undecided(last, &t, facts())
		r.Notes = append(r.Notes, serverNotes(last, &t, facts)...)
	}
}

// undecided explains why the servers as a whole gave no answer.
func undecided(a *dns.Answer, t *tally, f problem.Facts) (zonehold.Outcome, *Finding) {
	if out, doubt := doubts(t.failed, f); doubt != nil {
		return out, doubt
	}
	switch {
	case len(t.have) > 0 && len(t.lack) > 0:
		return zonehold.OutcomeInconclusive, disagreement(t, f)
	case len(t.failed) > 0:
		out := zonehold.OutcomeInconclusive
		if onlyForbidden(t) {
			out = zonehold.OutcomeRefused
		}
		return out, ServersFinding(t.failed, f)
	}
	// Nothing but servers that this machine has no way to.
	f = with(f, problem.FactDetail, "this machine has no route to any name server of "+zoneTitle(a))
	return zonehold.OutcomeInconclusive, &Finding{"verifier_fault", f}
}

func onlyForbidden(t *tally) bool {
	if len(t.have)+len(t.lack) > 0 {
		return false
	}
	for i := range t.failed {
		if t.failed[i].Status != dns.StatusForbidden {
			return false
		}
	}
	return true
}

func zoneTitle(a *dns.Answer) string {
	if a.Zone == nil || a.Zone.Name == "" {
		return "the zone"
	}
	return a.Zone.Name
}

// judgeChain looks at the aliases on the way: every server has to send us the
// same way. It returns nil when the last answer decides.
func judgeChain(ctx context.Context, kit *Kit, lookup *dns.Lookup, facts func() problem.Facts) (zonehold.Outcome, *Finding) {
	for _, hop := range lookup.Hops[:len(lookup.Hops)-1] {
		target := aliasTarget(hop)
		t := count(hop, func(sa *dns.ServerAnswer) bool { return sa.AliasTarget() == target })
		if !t.proved(kit.Nameservers) {
			f := with(facts(), problem.FactTarget, target)
			return undecided(hop, &t, f)
		}
	}
	if lookup.ChainErr != nil {
		// Where a forged alias leads is no finding about the domain.
		if out, doubt := doubts(lookup.Final().Servers, facts()); doubt != nil {
			return out, doubt
		}
	}
	if errors.Is(lookup.ChainErr, dns.ErrDisagree) {
		t := count(lookup.Final(), func(sa *dns.ServerAnswer) bool { return sa.AliasTarget() == "" })
		f := disagreement(&t, facts())
		f.Facts[problem.FactDetail] = "They point to different targets."
		return zonehold.OutcomeInconclusive, f
	}
	if lookup.ChainErr != nil {
		f := with(facts(), problem.FactTarget, lookup.Final().Name)
		if t := aliasTarget(lookup.Final()); t != "" {
			f[problem.FactTarget] = t
		}
		out, finding := walkFailure(ctx, lookup.ChainErr, f)
		if finding.Code == "domain_not_registered" {
			// It is the alias that leads nowhere, not the claimed name.
			finding.Code = "dns_cname_target_stale"
		}
		return out, finding
	}
	return "", nil
}

// aliasTarget is where the first usable answer of a hop points.
func aliasTarget(a *dns.Answer) string {
	for i := range a.Servers {
		if sa := &a.Servers[i]; sa.Status == dns.StatusOK && sa.Kind == dns.KindAlias {
			return sa.AliasTarget()
		}
	}
	return ""
}

// disagreement names the servers that have the proof and those that lack it.
func disagreement(t *tally, f problem.Facts) *Finding {
	var have, lack []string
	for i := range t.have {
		have = appendNew(have, t.have[i].Server)
	}
	for i := range t.lack {
		lack = appendNew(lack, t.lack[i].Server)
	}
	f = with(f, problem.FactServers, strings.Join(have, ", "), problem.FactMissingServers, strings.Join(lack, ", "))
	if len(lack) > 0 {
		f[problem.FactServer] = lack[0]
		for i := range t.lack[0].Records {
			if rec := &t.lack[0].Records[i]; rec.Type == miekg.TypeTXT {
				f[problem.FactGot] = rec.TXT()
				break
			}
		}
	}
	return &Finding{"dns_nameservers_disagree", f}
}

// differ reports whether usable answers hold different records.
func differ(answers []dns.ServerAnswer) bool {
	for i := 1; i < len(answers); i++ {
		a, b := answers[0].Records, answers[i].Records
		if len(a) != len(b) {
			return true
		}
		for j := range a {
			if a[j].Type != b[j].Type || a[j].Target != b[j].Target || a[j].TXT() != b[j].TXT() {
				return true
			}
		}
	}
	return false
}

// near quotes the first TXT value that is meant to prove a claim of this kind,
// with the number of such values.
func (w TXTValue) near(answers []dns.ServerAnswer) (string, int) {
	for i := range answers {
		first, n := "", 0
		for j := range answers[i].Records {
			rec := &answers[i].Records[j]
			if rec.Type != miekg.TypeTXT || !w.sameFamily(rec.TXT()) {
				continue
			}
			if n == 0 {
				first = rec.TXT()
			}
			n++
		}
		if n > 0 {
			return first, n
		}
	}
	return "", 0
}

// notRegistered reports whether the answer is that of a registry: it says that
// nothing was ever delegated there.
func notRegistered(host zonehold.Hostname, a *dns.Answer, t *tally) bool {
	if a.Zone == nil || !IsRegistry(host, a.Zone.Name) {
		return false
	}
	for i := range t.lack {
		if t.lack[i].Kind == dns.KindNXDomain {
			return true
		}
	}
	return false
}

// IsRegistry reports whether names such as host are registered in the zone: it
// is the root, the ICANN suffix of host or above it, or a top-level domain that
// the list of suffixes does not know.
func IsRegistry(host zonehold.Hostname, zone string) bool {
	suffix, icann := host.PublicSuffix()
	if !icann {
		return !strings.Contains(zone, ".")
	}
	return zone == "" || zone == suffix || strings.HasSuffix(suffix, "."+zone)
}

// valueNotes are the oddities of the records that prove the claim.
func valueNotes(have []dns.ServerAnswer, want TXTValue, facts func() problem.Facts) []Finding {
	if len(have) == 0 {
		return nil
	}
	var notes []Finding
	recs := have[0].Records
	alike, matched := 0, -1
	for i := range recs {
		if recs[i].Type != miekg.TypeTXT {
			continue
		}
		v := recs[i].TXT()
		if want.sameFamily(v) {
			alike++
		}
		switch m := want.Matches(v); {
		case m == ExactMatch && (matched < 0 || want.Matches(recs[matched].TXT()) != ExactMatch), m == TrimmedMatch && matched < 0:
			matched = i
		}
	}
	if matched < 0 {
		return nil
	}
	rec := &recs[matched]
	if want.Matches(rec.TXT()) == TrimmedMatch {
		notes = append(notes, Finding{"dns_value_whitespace", with(facts(), problem.FactGot, rec.TXT())})
	}
	if len(rec.Strings) > 1 {
		// Long values have to be split; a short one was split by somebody.
		notes = append(notes, Finding{"dns_value_split_long", with(facts(), problem.FactGot, strings.Join(rec.Strings, " | "), problem.FactCount, strconv.Itoa(len(rec.Strings)))})
	}
	if alike > 1 {
		notes = append(notes, Finding{"dns_many_values", with(facts(), problem.FactCount, strconv.Itoa(alike))})
	}
	return notes
}

// controlTXT asks one server for a random sibling of the name (threat T25). A
// wildcard that carries our own secret still proves control; it is noted. A
// wildcard alias into another domain does not: whoever has that domain answers
// for every name, unasked by the owner of this one (threat T36).
func (r *Result) controlTXT(ctx context.Context, kit *Kit, ch zonehold.Challenge, c Claim, want TXTValue, lookup *dns.Lookup) {
	hop := lookup.Hops[0]
	control := askControl(ctx, kit, hop)
	if control == nil {
		return
	}
	r.Evidence.Control = control
	target := aliasTarget(hop)
	away := target != "" && !sameSite(c.Hostname, zonehold.Hostname(lookup.Final().Name))
	if sa := &control.Servers[0]; away && (sa.Status != dns.StatusOK || doubtful(sa)) {
		// It depends on the control whether the alias is a wildcard's.
		f := ZoneFacts(ChallengeFacts(ch, c), hop.Zone)
		r.Notes = nil
		if r.Outcome, r.Problem = doubts(control.Servers, f); r.Problem == nil {
			r.Outcome, r.Problem = zonehold.OutcomeInconclusive, ServersFinding(control.Servers, f)
		}
		return
	}
	for i := range control.Servers {
		sa := &control.Servers[i]
		if sa.Status != dns.StatusOK || doubtful(sa) || sa.Kind != dns.KindData && sa.Kind != dns.KindAlias {
			continue
		}
		same := target != "" && sa.AliasTarget() == target
		if same && away {
			f := ZoneFacts(ChallengeFacts(ch, c), hop.Zone)
			f[problem.FactWhere], f[problem.FactGot], f[problem.FactTarget] = control.Name, target, target
			r.Outcome, r.Problem, r.Notes = zonehold.OutcomeRefused, &Finding{"dns_wildcard_answers", f}, nil
			return
		}
		for j := range sa.Records {
			same = same || sa.Records[j].Type == miekg.TypeTXT && want.Matches(sa.Records[j].TXT()) != NoMatch
		}
		if same {
			f := ZoneFacts(ChallengeFacts(ch, c), hop.Zone)
			f[problem.FactWhere] = control.Name
			r.Notes = append(r.Notes, Finding{"dns_wildcard_answers", f})
		}
	}
}

// sameSite reports whether two names belong to one registered domain.
func sameSite(a, b zonehold.Hostname) bool {
	x, ok1 := a.Registrable()
	y, ok2 := b.Registrable()
	return ok1 && ok2 && x == y
}

// askControl asks one server of the hop's zone the hop's question for a random
// sibling name; another one only if that does not answer. It returns nil when
// the name has no sibling in its zone. An answer without a usable server means
// that nobody could be asked.
func askControl(ctx context.Context, kit *Kit, hop *dns.Answer) *dns.Answer {
	if hop.Zone == nil || hop.Name == hop.Zone.Name {
		return nil
	}
	name := dns.RandomSibling(hop.Name)
	out := &dns.Answer{Name: name, Type: hop.Type, Zone: hop.Zone, Security: dns.SecurityIndeterminate}
	sa, err := kit.DNS.AskOne(ctx, hop.Zone, name, hop.Type)
	if err != nil {
		if sa.Status == "" || sa.Status == dns.StatusOK {
			sa.Status = dns.StatusTimeout
		}
		sa.Err = err
	}
	out.Servers = []dns.ServerAnswer{sa}
	return out
}
