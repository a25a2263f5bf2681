package diagnose

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Survey is what `zonehold explain` shows of a name: who serves it, what
// stands there, and which methods could prove it. Its JSON only grows.
type Survey struct {
	Hostname    string `json:"hostname"`
	Registrable string `json:"registrable"` // "" when the name is a public suffix
	Delegated   bool   `json:"delegated"`
	// Unregistered: the zone of the public suffix says that it has no such name.
	Unregistered bool          `json:"unregistered"`
	Zone         string        `json:"zone"`
	Parent       string        `json:"parent"`
	Signed       bool          `json:"signed"` // the zone publishes DNSSEC keys; they are not validated
	Servers      []ServerState `json:"servers"`
	DNSHost      *DNSHost      `json:"dns_host"`
	Aliases      []string      `json:"aliases"` // the names that the name leads to, in order
	Records      []RecordSet   `json:"records"`
	Web          []WebState    `json:"web"`
	Methods      []MethodState `json:"methods"`
	Remarks      []string      `json:"remarks"` // oddities, one sentence each
	Err          string        `json:"error,omitempty"`
	// OurFault: nothing could be asked because our own network is down.
	OurFault bool            `json:"our_fault"`
	Steps    []zonehold.Step `json:"-"`
	Duration time.Duration   `json:"-"`
}

// ServerState is one address of one name server.
type ServerState struct {
	Name   string `json:"name"`
	Addr   string `json:"address"`
	Status string `json:"status"` // a dns.Status
	Serial uint32 `json:"serial"` // 0 when it did not answer
	RTTMS  int64  `json:"rtt_ms"`
	Detail string `json:"detail"` // its error or EDE text, escaped
}

// RecordSet is what the servers hold at the name.
type RecordSet struct {
	Type   string   `json:"type"`
	Values []string `json:"values"` // of any server; presentation form, escaped
	Agreed bool     `json:"agreed"` // all servers hold the same
}

// WebState is one URL at one address.
type WebState struct {
	URL      string `json:"url"`
	Addr     string `json:"address"`
	Status   int    `json:"status"`
	FinalURL string `json:"final_url"`
	TLS      string `json:"tls"`
	Error    string `json:"error"` // a web.ErrorKind, empty when it answered
}

// MethodState says whether a method could work here.
type MethodState struct {
	Method zonehold.Method `json:"method"`
	Works  bool            `json:"works"`
	Reason string          `json:"reason"`
	Covers zonehold.Covers `json:"covers"`
}

// surveyTypes are the record types asked for, in the order they are shown.
var surveyTypes = []uint16{miekg.TypeCNAME, miekg.TypeA, miekg.TypeAAAA, miekg.TypeMX, miekg.TypeTXT, miekg.TypeCAA}

// surveyLimit bounds a survey whose ctx does not.
const surveyLimit = 60 * time.Second

// Explore surveys a name, for at most a minute. It never fails: what could not
// be learned is said.
func Explore(ctx context.Context, kit *verify.Kit, host zonehold.Hostname) Survey {
	start := time.Now()
	trace := &probe.Trace{}
	ctx, cancel := context.WithTimeout(probe.WithTrace(ctx, trace), surveyLimit)
	defer cancel()
	s := Survey{Hostname: string(host), Servers: []ServerState{}, Aliases: []string{}, Records: []RecordSet{},
		Web: []WebState{}, Methods: []MethodState{}, Remarks: []string{}}
	if r, ok := host.Registrable(); ok {
		s.Registrable = r
	}
	s.exploreZone(ctx, kit)
	if s.Delegated {
		var wg sync.WaitGroup
		wg.Go(func() { s.exploreRecords(ctx, kit) })
		wg.Go(func() { s.exploreWeb(ctx, kit) })
		wg.Go(func() { s.exploreKeys(ctx, kit) })
		wg.Wait()
		s.remarkWeb()
	}
	s.judgeMethods(ctx, kit, host)
	s.Steps, s.Duration = trace.Steps(), time.Since(start)
	return s
}

func (s *Survey) remark(format string, args ...any) {
	s.Remarks = append(s.Remarks, fmt.Sprintf(format, args...))
}

func (s *Survey) exploreZone(ctx context.Context, kit *verify.Kit) {
	zone, err := kit.DNS.Delegation(ctx, s.Hostname)
	absent := errors.Is(err, dns.ErrNotDelegated)
	if zone == nil || err != nil && !absent {
		s.Err = errText(err)
		s.OurFault = errors.Is(err, dns.ErrOurNetworkDown)
		return
	}
	shared := zone.Name != s.Hostname && (zone.Name == "" || zonehold.Hostname(zone.Name).IsPublicSuffix())
	if absent && shared {
		s.Unregistered = true
		s.Err = fmt.Sprintf("%s has no such name: nobody registered it, or it has no name servers", zoneName(zone.Name))
		return
	}
	s.Zone, s.Parent, s.Delegated = zone.Name, zone.Parent, true
	switch {
	case shared:
		s.remark("The name has no zone of its own; whoever runs %s holds its records.", zone.Name)
	case absent:
		s.remark("The name itself does not exist in %s yet; a record below it can still be added there.", zone.Name)
	}
	var names []string
	for _, ns := range zone.Servers {
		names = append(names, ns.Name)
	}
	s.DNSHost = Host(names)
	answer, err := kit.DNS.AskZone(ctx, zone, zone.Name, miekg.TypeSOA)
	if err != nil || answer == nil {
		s.Err = errText(err)
		s.OurFault = errors.Is(err, dns.ErrOurNetworkDown)
		return
	}
	serials := map[uint32]bool{}
	for _, sa := range answer.Servers {
		st := ServerState{Name: sa.Server, Status: string(sa.Status), RTTMS: sa.RTT.Milliseconds(), Detail: sa.EDE}
		if sa.Addr.IsValid() {
			st.Addr = sa.Addr.Addr().String()
		}
		if sa.SOA != nil {
			st.Serial = sa.SOA.Serial
			serials[st.Serial] = true
		}
		if sa.Err != nil && st.Detail == "" {
			st.Detail = errText(sa.Err)
		}
		s.Servers = append(s.Servers, st)
	}
	if len(serials) > 1 {
		s.remark("The name servers hold %d different versions of the zone; a change may still be on its way.", len(serials))
	}
	said := map[string]bool{}
	for _, f := range answer.Failed() {
		if !said[f.Server] {
			said[f.Server] = true
			s.remark("%s does not answer for the zone (%s); until it does, checks are inconclusive.", f.Server, strings.ReplaceAll(string(f.Status), "_", " "))
		}
	}
}

// exploreKeys looks for DNSSEC keys.
func (s *Survey) exploreKeys(ctx context.Context, kit *verify.Kit) {
	answer, err := kit.DNS.Ask(ctx, s.Zone, miekg.TypeDNSKEY)
	if err != nil || answer == nil {
		return
	}
	for _, sa := range answer.Usable() {
		s.Signed = s.Signed || sa.Kind == dns.KindData
	}
}

func (s *Survey) exploreRecords(ctx context.Context, kit *verify.Kit) {
	sets := make([]*RecordSet, len(surveyTypes))
	var wg sync.WaitGroup
	for i, t := range surveyTypes {
		wg.Go(func() {
			answer, err := kit.DNS.Ask(ctx, s.Hostname, t)
			if err != nil || answer == nil {
				return
			}
			_, agreed := answer.Agreed()
			set := &RecordSet{Type: miekg.TypeToString[t], Agreed: agreed}
			for _, sa := range answer.Usable() {
				for _, r := range sa.Records {
					if v := recordText(r); r.Type == t && !slices.Contains(set.Values, v) {
						set.Values = append(set.Values, v)
					}
				}
			}
			if len(set.Values) > 0 {
				sets[i] = set
			}
		})
	}
	wg.Wait()
	for _, set := range sets {
		if set != nil {
			s.Records = append(s.Records, *set)
		}
	}
}

// recordText is the data of a record without its owner, TTL and class.
func recordText(r dns.Record) string {
	if r.Type == miekg.TypeTXT {
		return problem.Clean(r.TXT(), 160)
	}
	fields := strings.SplitN(r.Text, "\t", 5)
	return problem.Clean(fields[len(fields)-1], 160)
}

func (s *Survey) exploreWeb(ctx context.Context, kit *verify.Kit) {
	schemes := []string{"https", "http"}
	found := make([][]WebState, len(schemes))
	aliases := make([][]string, len(schemes))
	var wg sync.WaitGroup
	for i, scheme := range schemes {
		wg.Go(func() {
			url := kit.Web.URLFor(scheme, s.Hostname, 0, "/")
			for _, f := range kit.Web.FetchEach(ctx, web.Request{URL: url, MaxBody: 64 << 10}) {
				found[i] = append(found[i], webState(url, f))
				if len(f.Hops) > 0 {
					aliases[i] = f.Hops[0].Aliases
				}
			}
		})
	}
	wg.Wait()
	for i, f := range found {
		s.Web = append(s.Web, f...)
		if len(s.Aliases) == 0 {
			for _, name := range aliases[i] {
				s.Aliases = append(s.Aliases, problem.Clean(name, 260))
			}
		}
	}
}

// remarkWeb tells of addresses that fail beside others that answer.
func (s *Survey) remarkWeb() {
	good := false
	var dead []string
	for _, w := range s.Web {
		switch {
		case w.Error == "":
			good = true
		case w.Addr != "" && !slices.Contains(dead, w.Addr):
			dead = append(dead, w.Addr)
		}
	}
	for _, w := range s.Web { // an address that answers to one scheme is not dead
		if i := slices.Index(dead, w.Addr); i >= 0 && w.Error == "" {
			dead = slices.Delete(dead, i, i+1)
		}
	}
	if good && len(dead) > 0 {
		s.remark("The site does not answer at %s; visitors who are sent there do not reach it.", strings.Join(dead, ", "))
	}
}

func webState(url string, f *web.Fetch) WebState {
	st := WebState{URL: url, Status: f.Status}
	if f.Err != nil {
		st.Error = string(f.Err.Kind)
	}
	if len(f.Hops) == 0 {
		return st
	}
	first, last := f.Hops[0], f.Hops[len(f.Hops)-1]
	if first.Addr != (netip.Addr{}) {
		st.Addr = first.Addr.String()
	}
	if last.URL != url {
		st.FinalURL = problem.Clean(last.URL, 160)
	}
	if first.TLS != nil {
		st.TLS = first.TLS.Version
	}
	if f.Err != nil && f.Err.Addr.IsValid() && st.Addr == "" {
		st.Addr = f.Err.Addr.String()
	}
	return st
}

// judgeMethods says which methods could work, from what was seen.
func (s *Survey) judgeMethods(ctx context.Context, kit *verify.Kit, host zonehold.Hostname) {
	claim := verify.Claim{Hostname: host, Profile: zonehold.ProfileZonehold}
	if tokens, err := zonehold.NewTokens(claim.Profile, ""); err == nil {
		claim.Tokens = tokens
	}
	alias := s.aliasAtLabel(ctx, kit, claim.Tokens.TXT)
	answersWeb, answersPage := false, false
	for _, w := range s.Web {
		if w.Error == "" {
			answersWeb = true
			answersPage = answersPage || w.Status == 200
		}
	}
	refused := host.CheckClaim()
	for _, m := range verify.Placed() {
		ch := m.Challenge(kit, claim)
		st := MethodState{Method: m.Name(), Works: ch.Applicable, Reason: ch.Reason, Covers: ch.Covers}
		switch {
		case refused != nil:
			st.Works, st.Reason = false, "the name is a public suffix, which nobody can own"
		case !ch.Applicable:
		case s.Unregistered:
			st.Works, st.Reason = false, "the domain is not registered"
		case !s.Delegated, len(s.Servers) == 0:
			st.Works, st.Reason = false, "its name servers could not be learned"
		case !s.answered():
			st.Works, st.Reason = false, "no name server answers for the zone"
		case m.Name() == zonehold.MethodDNSTXT && alias != "":
			st.Works, st.Reason = false, "an alias to "+alias+" stands where the record would go"
		case ch.File != nil && !answersWeb, ch.Tag != nil && !answersWeb:
			st.Works, st.Reason = false, "no web server answers at the name"
		case ch.Tag != nil && !answersPage:
			st.Works, st.Reason = false, "the home page does not answer with status 200"
		}
		s.Methods = append(s.Methods, st)
	}
}

// answered reports whether any name server answered for the zone.
func (s *Survey) answered() bool {
	return slices.ContainsFunc(s.Servers, func(st ServerState) bool { return st.Status == string(dns.StatusOK) })
}

// aliasAtLabel is the target of a CNAME at the challenge's own name, if any.
// One that a wildcard makes does not count: a record there replaces it.
func (s *Survey) aliasAtLabel(ctx context.Context, kit *verify.Kit, random string) string {
	if !s.Delegated {
		return ""
	}
	profile, _ := zonehold.ProfileByName("")
	target := aliasAt(ctx, kit, profile.TXTName(zonehold.Hostname(s.Hostname)))
	if target == "" || aliasAt(ctx, kit, "_"+random+"."+s.Hostname) != "" {
		return ""
	}
	return target
}

func aliasAt(ctx context.Context, kit *verify.Kit, name string) string {
	answer, err := kit.DNS.Ask(ctx, name, miekg.TypeCNAME)
	if err != nil || answer == nil {
		return ""
	}
	for _, sa := range answer.Usable() {
		for _, r := range sa.Records {
			if r.Type == miekg.TypeCNAME {
				return problem.Clean(r.Target, 100)
			}
		}
	}
	return ""
}

func zoneName(name string) string {
	if name == "" {
		return "the root zone"
	}
	return name
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return problem.Clean(err.Error(), 160)
}
