package verify

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

// Placed lists the methods for which somebody places something that only the
// holder of the domain can place, cheapest check first. They need no account.
func Placed() []Method {
	return []Method{
		dnsTXT{},
		dnsCNAME{},
		file{},
		metaTag{},
		txtFile{},
	}
}

// Methods lists every method: those of Placed, then those that rest on what is
// known of the account or on what others say.
func Methods() []Method {
	return append(Placed(),
		email,
		existingDomain,
		whitelist,
		waved,
		backOffice,
		delegated,
		pdd,
		auto,
		whois,
		cloudflare,
		awsRoute53,
	)
}

// Lookup finds a method by name; "dns" is an alias of dns_txt.
func Lookup(name zonehold.Method) (Method, bool) {
	if name == "dns" {
		name = zonehold.MethodDNSTXT
	}
	for _, m := range Methods() {
		if m.Name() == name {
			return m, true
		}
	}
	return nil, false
}

// Applicable reports whether the method can work for the claim, and why not
// in one sentence. It asks nobody.
func Applicable(kit *Kit, c Claim, m Method) (bool, string) {
	ch := m.Challenge(kit, c)
	return ch.Applicable, ch.Reason
}

// What stands in the way of a method before anything is asked.
const (
	noProfile   = "The profile of this claim is not known."
	noToken     = "The claim has no secret for this method."
	nameTooLong = "The record's name would be longer than DNS allows (253 characters)."
	notHostname = "The claim has no hostname."
)

// maxName is the longest name that DNS can carry (RFC 1035 section 3.1), in
// the text form without the final dot.
const maxName = 253

// newChallenge fills in what all methods share and says whether the claim can
// be proved by the method at all.
func newChallenge(kit *Kit, m zonehold.Method, c Claim, token string) (zonehold.Challenge, zonehold.Profile, bool) {
	ch := zonehold.Challenge{Method: m, Token: token, Proves: zonehold.AssuranceHost, Covers: zonehold.CoversHost}
	// What a forwarder says is its view of the zone, not the zone itself: such
	// a proof is worth no more than one of the host (contract config,
	// ZONEHOLD_DNS_FORWARD).
	forwarded := kit != nil && kit.DNS != nil && kit.DNS.Forwarding()
	if (m == zonehold.MethodDNSTXT || m == zonehold.MethodDNSCNAME) && !forwarded {
		ch.Proves, ch.Covers = zonehold.AssuranceDNS, zonehold.CoversSubtree
	}
	p, ok := zonehold.ProfileByName(c.Profile)
	switch {
	case !ok:
		ch.Reason = noProfile
	case c.Hostname == "":
		ch.Reason = notHostname
	case token == "":
		ch.Reason = noToken
	default:
		ch.Applicable = true
	}
	return ch, p, ch.Applicable
}

func recordChallenge(ch *zonehold.Challenge, c Claim, rtype, name, value string) {
	zone, ok := c.Hostname.Registrable()
	if !ok {
		zone = string(c.Hostname)
	}
	ch.Record = &zonehold.RecordChallenge{
		Type: rtype, Name: name, RelativeName: zonehold.RelativeName(name, zone), Value: value, TTL: 300,
	}
	if len(name) > maxName || slices.ContainsFunc(strings.Split(name, "."), func(l string) bool { return len(l) > 63 }) {
		ch.Applicable, ch.Reason = false, nameTooLong
	}
}

// notApplicable is the result of a check that cannot be made.
func notApplicable(ch zonehold.Challenge, c Claim) Result {
	facts := ChallengeFacts(ch, c)
	facts[problem.FactDetail] = ch.Reason
	code := problem.Code("verifier_fault") // a claim that should not have come here
	if ch.Reason == nameTooLong {
		code, facts[problem.FactGot] = "hostname_invalid", string(c.Hostname)
	}
	return Result{Method: ch.Method, Outcome: zonehold.OutcomeRefused, Problem: &Finding{Code: code, Facts: facts}}
}

// noProbe is the result when the kit lacks what the method works with.
func noProbe(ch zonehold.Challenge, c Claim, what string) Result {
	facts := ChallengeFacts(ch, c)
	facts[problem.FactDetail] = "this program was set up without " + what
	return Result{Method: ch.Method, Outcome: zonehold.OutcomeInconclusive,
		Problem: &Finding{Code: "verifier_fault", Facts: facts}}
}

// ChallengeFacts are the facts that every finding of a check carries: what
// was looked for, and where.
func ChallengeFacts(ch zonehold.Challenge, c Claim) problem.Facts {
	f := problem.Facts{
		problem.FactDomain: string(c.Hostname),
		problem.FactMethod: string(ch.Method),
		problem.FactToken:  ch.Token,
	}
	switch {
	case ch.Record != nil:
		f[problem.FactName] = ch.Record.Name
		f[problem.FactRelativeName] = ch.Record.RelativeName
		f[problem.FactType] = ch.Record.Type
		f[problem.FactExpected] = ch.Record.Value
	case ch.File != nil:
		f[problem.FactPath] = ch.File.Path
		f[problem.FactExpected] = ch.File.Content
		if len(ch.File.URLs) > 0 {
			f[problem.FactURL] = ch.File.URLs[0]
		}
	case ch.Tag != nil:
		f[problem.FactPath] = "/"
		f[problem.FactName] = ch.Tag.Name
		f[problem.FactExpected] = ch.Tag.Content
	}
	return f
}

// ZoneFacts adds who serves the zone.
func ZoneFacts(f problem.Facts, zone *dns.Zone) problem.Facts {
	if zone == nil {
		return f
	}
	f[problem.FactZone] = zone.Name
	if name := f[problem.FactName]; name != "" && f[problem.FactType] != "" {
		f[problem.FactRelativeName] = zonehold.RelativeName(name, zone.Name)
	}
	names := make([]string, 0, len(zone.Servers))
	for _, s := range zone.Servers {
		names = append(names, s.Name)
	}
	if len(names) > 0 {
		f[problem.FactServer] = names[0]
		f[problem.FactServers] = strings.Join(names, ", ")
	}
	return f
}

// with copies facts and sets more: pairs of name and value.
func with(f problem.Facts, pairs ...string) problem.Facts {
	out := make(problem.Facts, len(f)+len(pairs)/2)
	for k, v := range f {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// finish ends every check: a deadline that passed on the way makes a "no"
// inconclusive, and when we gave up ourselves nobody else is to blame.
func finish(ctx context.Context, r Result) Result {
	if r.Outcome == zonehold.OutcomeAbsent && ctx.Err() != nil {
		r.Outcome = zonehold.OutcomeInconclusive
	}
	if r.Outcome == zonehold.OutcomeInconclusive && errors.Is(ctx.Err(), context.Canceled) {
		r.Problem = &Finding{Code: "verifier_fault", Facts: with(r.Problem.Facts, problem.FactDetail, "the check was cancelled")}
	}
	return r
}
