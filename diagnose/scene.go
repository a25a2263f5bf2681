package diagnose

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// scene is a check under investigation: what it saw, and what the detectors
// asked since. Detectors share it and run at the same time.
type scene struct {
	kit    *verify.Kit
	claim  verify.Claim
	method zonehold.Method
	ch     zonehold.Challenge
	want   wanted
	result verify.Result

	above atomic.Pointer[dns.Zone] // of the registrable domain, for methods that saw no zone

	queries atomic.Int32 // spent
	fetches atomic.Int32

	mu       sync.Mutex
	answers  map[question]*once[*dns.Answer]
	pages    map[string]*once[*web.Fetch]
	sibling  string // the random name of the control question
	decoyURL string // of the decoy file

	pageOnce   sync.Once
	meta       *verify.MetaPage // of the home page
	placesOnce sync.Once
	places     map[problem.Code]string // other names that hold the value
}

type question struct {
	name  string
	qtype uint16
	every bool // of every server
}

// once is a value that the first caller makes and the others wait for.
type once[T any] struct {
	sync.Once
	value T
}

func newScene(kit *verify.Kit, c verify.Claim, m verify.Method, r verify.Result) *scene {
	ch := m.Challenge(kit, c)
	return &scene{
		kit: kit, claim: c, method: m.Name(), ch: ch, result: r, want: newWanted(c, ch),
		answers: make(map[question]*once[*dns.Answer]),
		pages:   make(map[string]*once[*web.Fetch]),
	}
}

// facts are what every finding carries.
func (s *scene) facts(pairs ...string) problem.Facts {
	f := verify.ChallengeFacts(s.ch, s.claim)
	if s.result.Problem != nil {
		for k, v := range s.result.Problem.Facts {
			f[k] = v
		}
	}
	if z := s.zone(); z != nil && s.ch.Record != nil {
		f = verify.ZoneFacts(f, z)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		f[pairs[i]] = pairs[i+1]
	}
	return f
}

func (s *scene) find(code problem.Code, pairs ...string) *verify.Finding {
	return &verify.Finding{Code: code, Facts: s.facts(pairs...)}
}

func (s *scene) dnsMethod() bool { return s.ch.Record != nil }

func (s *scene) verified() bool { return s.result.Outcome == zonehold.OutcomeVerified }

// plain is the code that the check itself gave.
func (s *scene) plain() problem.Code {
	if s.result.Problem == nil {
		return ""
	}
	return s.result.Problem.Code
}

// unregistered reports whether the check itself found that the registry has no
// such domain: its servers need not be asked for other names and types there.
func (s *scene) unregistered() bool { return s.plain() == "domain_not_registered" }

// missed reports whether usable servers lack the proof: the ground on which
// detectors of names and values stand.
func (s *scene) missed() bool {
	return !s.verified() && s.firstHop() != nil && len(s.firstHop().Usable()) > 0
}

// firstHop is what the servers said at the record's own name.
func (s *scene) firstHop() *dns.Answer {
	for _, l := range s.result.Evidence.Lookups {
		if len(l.Hops) > 0 {
			return l.Hops[0]
		}
	}
	return nil
}

// lastHop is what was said where the aliases end.
func (s *scene) lastHop() *dns.Answer {
	for _, l := range s.result.Evidence.Lookups {
		if len(l.Hops) > 0 {
			return l.Final()
		}
	}
	return nil
}

// zone holds the record's own name.
func (s *scene) zone() *dns.Zone {
	if a := s.firstHop(); a != nil {
		return a.Zone
	}
	return nil
}

// host is who serves the zone, where known.
func (s *scene) host() *DNSHost {
	if z := s.zone(); z != nil {
		return Host(serverNames(z))
	}
	return Host(serverNames(s.above.Load()))
}

func serverNames(z *dns.Zone) []string {
	if z == nil {
		return nil
	}
	var out []string
	for _, n := range z.Servers {
		out = append(out, n.Name)
	}
	return out
}

// registrable is the domain that somebody registered, or the hostname.
func (s *scene) registrable() string {
	if r, ok := s.claim.Hostname.Registrable(); ok {
		return r
	}
	return string(s.claim.Hostname)
}

// spend takes n from a budget and reports whether it was there.
func spend(spent *atomic.Int32, n, limit int32) bool {
	if spent.Add(n) > limit {
		spent.Add(-n)
		return false
	}
	return true
}

// inZone reports whether name lies in the zone of the record.
func (s *scene) inZone(name string) bool {
	z := s.zone()
	return z != nil && (name == z.Name || z.Name == "" || strings.HasSuffix(name, "."+z.Name))
}

// ask asks one server of the zone that is known to answer. It returns nil
// when there is none, when the name lies elsewhere, or the budget is spent.
func (s *scene) ask(ctx context.Context, name string, qtype uint16) *dns.ServerAnswer {
	hop := s.firstHop()
	if hop == nil || !s.inZone(name) || !fits(name) || s.kit.DNS == nil {
		return nil
	}
	usable := hop.Usable()
	if len(usable) == 0 {
		return nil
	}
	a := s.memo(question{name: name, qtype: qtype}, func() *dns.Answer {
		if !spend(&s.queries, 1, maxQueries) {
			return nil
		}
		out := &dns.Answer{Name: name, Type: qtype, Zone: hop.Zone}
		sa := s.kit.DNS.AskServer(ctx, hop.Zone, usable[0].Server, usable[0].Addr.Addr(), name, qtype)
		out.Servers = []dns.ServerAnswer{sa}
		return out
	})
	if a == nil || a.Servers[0].Status != dns.StatusOK {
		return nil
	}
	return &a.Servers[0]
}

// askAll asks every server of whatever zone holds the name. It returns nil
// when nothing could be learned.
func (s *scene) askAll(ctx context.Context, name string, qtype uint16) *dns.Answer {
	if !fits(name) || s.kit.DNS == nil {
		return nil
	}
	return s.memo(question{name, qtype, true}, func() *dns.Answer {
		// A walk asks each zone on the way once and each server of the last.
		if !spend(&s.queries, 6, maxQueries) {
			return nil
		}
		a, err := s.kit.DNS.Ask(ctx, name, qtype)
		if err != nil {
			return nil
		}
		return a
	})
}

func (s *scene) memo(q question, get func() *dns.Answer) *dns.Answer {
	s.mu.Lock()
	o := s.answers[q]
	if o == nil {
		o = new(once[*dns.Answer])
		s.answers[q] = o
	}
	s.mu.Unlock()
	o.Do(func() { o.value = get() })
	return o.value
}

// fetch gets a page once; key tells apart fetches of one URL. It returns nil
// when the budget is spent.
func (s *scene) fetch(ctx context.Context, key string, req web.Request) *web.Fetch {
	if s.kit.Web == nil {
		return nil
	}
	s.mu.Lock()
	o := s.pages[key+" "+req.URL]
	if o == nil {
		o = new(once[*web.Fetch])
		s.pages[key+" "+req.URL] = o
	}
	s.mu.Unlock()
	o.Do(func() {
		if spend(&s.fetches, 1, maxFetches) {
			o.value = s.kit.Web.Fetch(ctx, req)
		}
	})
	return o.value
}

func fits(name string) bool {
	if len(name) > 253 {
		return false
	}
	return strings.Contains(name, `\`) || !strings.Contains("."+name+".", "..")
}

// explain runs the detectors and orders what they found.
func (s *scene) explain(ctx context.Context) (*problem.Problem, []problem.Problem) {
	if s.verified() {
		notes := slices.Clone(s.result.Notes)
		notes = append(notes, s.cachedNotes(ctx)...)
		return nil, s.texts(notes, "")
	}
	if kinds[s.method] == 0 && s.result.Problem != nil {
		// Nothing was to be placed: the check knows the reason itself.
		text := s.text(*s.result.Problem)
		return &text, s.texts(s.result.Notes, text.Code)
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	found := make([]*verify.Finding, len(causes))
	var wg sync.WaitGroup
	if s.zone() == nil && s.kit.DNS != nil {
		wg.Go(func() {
			if z, err := s.delegation(ctx, s.registrable()); err == nil {
				s.above.Store(z)
			}
		})
	}
	for i, c := range causes {
		if c.find == nil || !c.fits(s) || s.unregistered() && c.code != "dns_sibling_domain" {
			continue
		}
		wg.Go(func() { found[i] = c.find(ctx, s) })
	}
	wg.Wait()

	var primary *verify.Finding
	var rest []verify.Finding
	for i, c := range causes {
		f := found[i]
		if p := s.result.Problem; f == nil && c.find == nil && p != nil && p.Code == c.code {
			f = p
		}
		if f == nil {
			continue
		}
		if primary == nil && !c.noteOnly {
			primary = f
			continue
		}
		rest = append(rest, *f)
	}
	if primary == nil {
		// A code of the check that the list does not rank.
		primary = s.result.Problem
	}
	if primary == nil {
		primary = s.find("verifier_fault", problem.FactDetail, "the check gave no reason")
	}
	if p := s.result.Problem; p != nil && p.Code != primary.Code && !plainMiss[p.Code] && !slices.ContainsFunc(rest, func(f verify.Finding) bool { return f.Code == p.Code }) {
		rest = append(rest, *p)
	}
	rest = append(rest, s.result.Notes...)
	rest = slices.DeleteFunc(rest, func(f verify.Finding) bool { return plainMiss[f.Code] })
	text := s.text(*primary)
	return &text, s.texts(rest, primary.Code)
}

// texts turns findings into problems, each code once, without one code.
func (s *scene) texts(found []verify.Finding, without problem.Code) []problem.Problem {
	var out []problem.Problem
	seen := map[problem.Code]bool{without: true}
	for _, f := range found {
		if !seen[f.Code] {
			seen[f.Code] = true
			out = append(out, s.text(f))
		}
	}
	return out
}

// text adds who serves the zone and fills in the catalogue's entry.
func (s *scene) text(f verify.Finding) problem.Problem {
	facts := make(problem.Facts, len(f.Facts)+2)
	safe := veil(s.claim)
	for k, v := range f.Facts {
		facts[k] = safe(v)
	}
	if h := s.host(); h != nil && facts[problem.FactProvider] == "" {
		facts[problem.FactProvider], facts[problem.FactPanelURL] = h.Name, h.ControlPanelURL
	}
	if s.method == zonehold.MethodMetaTag && f.Code == "http_not_found" {
		delete(facts, problem.FactPath) // there is no file to put there
	}
	p := problem.New(f.Code, facts)
	plain, ok := webPlain[s.method]
	if !ok && f.Code == "proof_removed" && s.dnsMethod() {
		plain, ok = dnsPlain[s.method] // the very record, and how to ask for it
	}
	if ok {
		// Some texts are written for records or files; a tag is looked for
		// elsewhere.
		own := problem.New(plain, facts)
		if shared[f.Code] {
			p.LookedFor, p.SeeItYourself = own.LookedFor, own.SeeItYourself
		}
		if s.method == zonehold.MethodMetaTag && p.LookedFor == problem.New("file_wrong_content", facts).LookedFor {
			p.LookedFor = own.LookedFor
		}
	}
	return p
}

// dnsPlain is the plain miss of the methods that read a record.
var dnsPlain = map[zonehold.Method]problem.Code{
	zonehold.MethodDNSTXT:   "dns_record_missing",
	zonehold.MethodDNSCNAME: "cname_missing",
}

// shared are codes that DNS and web methods have in common.
var shared = map[problem.Code]bool{
	"token_old": true, "token_of_other_claim": true, "value_placeholder": true, "proof_removed": true, "verifier_fault": true,
}

// webPlain is the plain miss of the methods that fetch.
var webPlain = map[zonehold.Method]problem.Code{
	zonehold.MethodFile:    "file_wrong_content",
	zonehold.MethodTXTFile: "http_not_found",
	zonehold.MethodMetaTag: "meta_value_mismatch",
}

// otherClaims tells of a few values whether they are tokens of other claims;
// nil when nobody knows.
func (s *scene) otherClaims() func(context.Context, string) bool {
	if s.kit.OtherClaim == nil {
		return nil
	}
	asked := 0
	return func(ctx context.Context, v string) bool {
		asked++
		return asked <= maxOwn && s.kit.OtherClaim(ctx, v)
	}
}

// cachedNotes tell what public resolvers still say of a proof that stands.
func (s *scene) cachedNotes(ctx context.Context) []verify.Finding {
	if s.kit.NoCachedView || s.kit.DNS == nil || !s.dnsMethod() {
		return nil
	}
	qtype := miekg.TypeTXT
	if s.ch.Record.Type == "CNAME" {
		qtype = miekg.TypeCNAME
	}
	ctx, cancel := context.WithTimeout(ctx, maxCached)
	defer cancel()
	var until time.Duration
	negative := false
	var old, bogus string
	for _, a := range s.kit.DNS.Cached(ctx, s.ch.Record.Name, qtype) {
		if a.RCode == miekg.RcodeServerFailure && strings.Contains(strings.ToUpper(a.EDE), "DNSSEC") {
			bogus = a.EDE
		}
		if a.Err != nil || a.RCode != miekg.RcodeSuccess && a.RCode != miekg.RcodeNameError {
			continue
		}
		right, got := false, ""
		for _, r := range a.Records {
			switch {
			case r.Type != qtype:
			case s.want.proves(r):
				right = true
			case got == "":
				got = content(r)
			}
		}
		if right {
			continue
		}
		until = max(until, a.TTL)
		if got == "" {
			negative = true
		} else {
			old = got
		}
	}
	end := time.Now().Add(until).UTC().Format("2006-01-02 15:04 MST")
	switch {
	case bogus != "":
		return []verify.Finding{*s.find("dnssec_bogus", problem.FactDetail, "public resolvers refuse the answer: "+bogus)}
	case old != "":
		return []verify.Finding{*s.find("dns_cached_old_value", problem.FactGot, old, problem.FactUntil, end)}
	case negative:
		return []verify.Finding{*s.find("dns_cached_negative", problem.FactUntil, end)}
	}
	return nil
}

// content is the part of a record that a person typed.
func content(r dns.Record) string {
	if r.Type == miekg.TypeTXT {
		return r.TXT()
	}
	return r.Target
}
