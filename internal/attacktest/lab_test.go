package attacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// patience bounds one whole check. Machines may be busy; a hang is longer.
const patience = 45 * time.Second

// lab is a fake internet with a trap at every address that nobody may touch.
type lab struct {
	*verifytest.Lab
	t    testing.TB
	trap *testnet.Trap
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{Lab: verifytest.NewLab(t), t: t}
	l.trap = l.Net.Trap()
	for _, a := range forbidden {
		l.trap.Catch(a)
	}
	t.Cleanup(func() {
		if n := l.trap.Contacts(); n > 0 {
			t.Errorf("%d contacts with addresses that nobody may touch", n)
		}
	})
	return l
}

// forbidden are addresses that are not public, in every disguise that a
// packet can carry, and two that are public by class only.
var forbidden = addrs(
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.254", "100.64.0.1", "100.100.100.200", "100.127.255.255",
	"127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.254", "169.254.0.1", "169.254.169.254", "169.254.170.2",
	"172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.9", "192.0.0.170", "192.0.0.192", "192.0.2.1",
	"192.52.193.1", "192.88.99.1", "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.1",
	"203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.254", "255.255.255.255",
	"168.63.129.16", "161.26.0.10",
	"::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:a9fe:a9fe::1", "2001:2::1",
	"2001:10::1", "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:1::1", "3fff::1", "3ffe::1", "5f00::1",
	"4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1",
)

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}

// record is the type and value of an address record. IPv4-mapped addresses
// stay AAAA: that is their disguise.
func record(a netip.Addr) (rtype, value string) {
	if a.Is4() {
		return "A", a.String()
	}
	return "AAAA", a.String()
}

// kit makes one with its own guard and limits.
func (l *lab) kit(g probe.GuardConfig, d dns.Config, w web.Config) *verify.Kit {
	l.t.Helper()
	roots, err := dns.ParseRootHints(strings.NewReader(l.Net.RootHints()))
	if err != nil {
		l.t.Fatal(err)
	}
	d.Dialer = &probe.Dialer{Guard: probe.NewGuard(g), Route: l.Net.Route}
	d.Roots = roots
	r, err := dns.New(d)
	if err != nil {
		l.t.Fatal(err)
	}
	w.Dialer, w.Resolver, w.RootCAs = d.Dialer, r, l.Net.CertPool()
	return &verify.Kit{DNS: r, Web: web.New(w)}
}

// run is a whole check as the service and the command line make it, with the
// diagnosis, and looks at what has to hold for every one of them.
func (l *lab) run(kit *verify.Kit, m verify.Method, c verify.Claim) diagnose.Report {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	r := diagnose.Run(ctx, kit, m, c)
	if d := time.Since(start); d >= patience {
		l.t.Errorf("%s %s took %v", m.Name(), c.Hostname, d)
	}
	return l.sane(r, c)
}

// sane holds a report to what every report owes: a catalogued problem unless
// it is verified, texts that nobody can be hurt by, and no secret of others.
func (l *lab) sane(r diagnose.Report, c verify.Claim) diagnose.Report {
	l.t.Helper()
	if verified := r.Outcome == zonehold.OutcomeVerified; verified != (r.Problem == nil) {
		l.t.Errorf("%s: outcome %s with problem %+v", c.Hostname, r.Outcome, r.Problem)
	}
	if !r.Outcome.Valid() {
		l.t.Errorf("%s: outcome %q", c.Hostname, r.Outcome)
	}
	if r.Problem != nil {
		l.cleanProblem(*r.Problem)
	}
	for _, n := range r.Notes {
		l.cleanProblem(n)
	}
	for _, s := range r.Steps {
		l.cleanText("step", s.Name+" "+s.Target+" "+s.Result, 4096)
	}
	return r
}

func (l *lab) cleanProblem(p problem.Problem) {
	l.t.Helper()
	if _, ok := problem.Lookup(p.Code); !ok {
		l.t.Errorf("code %q is not in the catalogue", p.Code)
	}
	for _, s := range append([]string{p.Title, p.LookedFor, p.Found, p.SeeItYourself}, p.Fixes...) {
		l.cleanText(string(p.Code), s, 2500)
	}
}

func (l *lab) cleanText(what, s string, limit int) {
	l.t.Helper()
	if why := unclean(s, limit); why != "" {
		l.t.Errorf("%s: %s in %.300q", what, why, s)
	}
}

// unclean says why a text must not be shown to a person, "" if it may.
func unclean(s string, limit int) string {
	switch {
	case !utf8.ValidString(s):
		return "invalid UTF-8"
	case utf8.RuneCountInString(s) > limit:
		return fmt.Sprintf("%d characters", utf8.RuneCountInString(s))
	}
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return fmt.Sprintf("U+%04X", r)
		}
	}
	return ""
}

// uncleanJSON looks at every string of a JSON document.
func uncleanJSON(doc []byte, limit int) string {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return err.Error()
	}
	var walk func(v any) string
	walk = func(v any) string {
		switch v := v.(type) {
		case string:
			return unclean(v, limit)
		case []any:
			for _, e := range v {
				if why := walk(e); why != "" {
					return why
				}
			}
		case map[string]any:
			for k, e := range v {
				if why := walk(e); why != "" {
					return k + ": " + why
				}
			}
		}
		return ""
	}
	return walk(v)
}

// everywhere runs fn for every method in every profile, each in a lab of its
// own, with a fresh claim on www.example.com.
func everywhere(t *testing.T, only func(zonehold.Challenge) bool, fn func(c *check)) {
	t.Helper()
	for _, profile := range zonehold.ProfileNames() {
		for _, m := range verify.Placed() {
			probe := &check{m: m}
			probe.claim = fresh(t, "www.example.com", profile)
			probe.ch = m.Challenge(nil, probe.claim)
			if only != nil && !only(probe.ch) {
				continue
			}
			t.Run(string(profile)+"/"+string(m.Name()), func(t *testing.T) {
				t.Parallel()
				c := *probe
				c.lab = newLab(t)
				c.ch = m.Challenge(c.Kit, c.claim)
				fn(&c)
			})
		}
	}
}

func fresh(t testing.TB, host string, profile zonehold.ProfileName) verify.Claim {
	t.Helper()
	h, err := zonehold.ParseHostname(host)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := zonehold.NewTokens(profile, "")
	if err != nil {
		t.Fatal(err)
	}
	return verify.Claim{Hostname: h, Profile: profile, Tokens: tokens}
}

func onRecord(ch zonehold.Challenge) bool { return ch.Record != nil }
func onTXT(ch zonehold.Challenge) bool    { return ch.Record != nil && ch.Record.Type == "TXT" }
func onWeb(ch zonehold.Challenge) bool    { return ch.File != nil || ch.Tag != nil }
func onFile(ch zonehold.Challenge) bool   { return ch.File != nil }
func onTag(ch zonehold.Challenge) bool    { return ch.Tag != nil }

// check is one method in one profile, in a lab.
type check struct {
	*lab
	m     verify.Method
	claim verify.Claim
	ch    zonehold.Challenge
}

// try is the whole check in the lab.
func (c *check) try() diagnose.Report { c.t.Helper(); return c.run(c.Kit, c.m, c.claim) }

// hasty is try for servers that will never answer.
func (c *check) hasty() diagnose.Report { c.t.Helper(); return c.run(c.Hasty(), c.m, c.claim) }

// deny wants a "no" of one of the outcomes, and of one of the codes if any.
func (c *check) deny(r diagnose.Report, outcomes []zonehold.Outcome, codes ...problem.Code) {
	c.t.Helper()
	deny(c.t, r, outcomes, codes...)
}

func deny(t testing.TB, r diagnose.Report, outcomes []zonehold.Outcome, codes ...problem.Code) {
	t.Helper()
	if r.Outcome == zonehold.OutcomeVerified {
		t.Errorf("verified by %s", r.Method)
		return
	}
	ok := len(outcomes) == 0
	for _, o := range outcomes {
		ok = ok || r.Outcome == o
	}
	if !ok {
		t.Errorf("outcome %s, want one of %v (%s: %s)", r.Outcome, outcomes, r.Problem.Code, r.Problem.Found)
	}
	ok = len(codes) == 0
	for _, code := range codes {
		ok = ok || r.Problem.Code == code
	}
	if !ok {
		t.Errorf("problem %s, want one of %v (found: %s)", r.Problem.Code, codes, r.Problem.Found)
	}
}

// place publishes the proof of a claim with the right method.
func (c *check) place() { c.t.Helper(); c.Place(c.m, c.claim) }

// path is what a web method fetches.
func (c *check) path() string {
	if c.ch.File != nil {
		return c.ch.File.Path
	}
	return "/"
}

// proof is the answer that proves the claim, for web methods.
func (c *check) proof() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c.ch.Tag != nil {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(verifytest.Page(c.ch.Tag.HTML)))
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		if strings.HasSuffix(c.ch.File.Path, ".html") {
			w.Header().Set("Content-Type", "text/html")
		}
		_, _ = w.Write([]byte(c.ch.File.Content))
	})
}

// requestsTo counts what a host received.
func (l *lab) requestsTo(host string) (n int) {
	for _, r := range l.Net.Requests() {
		if r.Server == host {
			n++
		}
	}
	return n
}

const (
	absent       = zonehold.OutcomeAbsent
	mismatch     = zonehold.OutcomeMismatch
	inconclusive = zonehold.OutcomeInconclusive
	refused      = zonehold.OutcomeRefused
)

func any_(o ...zonehold.Outcome) []zonehold.Outcome { return o }
