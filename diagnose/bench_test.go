package diagnose_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// bench is one case on its way: a fake internet, a claim and its challenge.
type bench struct {
	*verifytest.Lab
	t     *testing.T
	m     verify.Method
	claim verify.Claim
	ch    zonehold.Challenge
	kit   *verify.Kit
}

// fixture is one cause: how it comes about, and how it is healed.
type fixture struct {
	name    string
	method  zonehold.Method
	profile zonehold.ProfileName // "": zonehold
	host    string               // "": example.com
	cause   func(*bench)
	want    problem.Code
	// heal undoes the cause and leaves the rest; nil: place the proof as told,
	// in place of whatever stands there.
	heal func(*bench)
	// mortal causes cannot be healed from the domain's side.
	mortal bool
}

func newBench(t *testing.T, f fixture) *bench {
	t.Helper()
	l := verifytest.NewLab(t)
	if f.host == "" {
		f.host = "example.com"
	}
	if f.profile == "" {
		f.profile = zonehold.ProfileZonehold
	}
	m, ok := verify.Lookup(f.method)
	if !ok {
		t.Fatalf("no method %q", f.method)
	}
	b := &bench{Lab: l, t: t, m: m, claim: l.Claim(f.host, f.profile), kit: l.Kit}
	b.ch = m.Challenge(l.Kit, b.claim)
	b.Zone(b.claim)
	if b.ch.Record == nil {
		b.site()
	}
	return b
}

// site is the claim's web host with an ordinary home page.
func (b *bench) site() *testnet.Host {
	h := b.Host(b.claim)
	if b.ch.Tag == nil {
		h.Page("/", 200, "text/html", verifytest.Page(""))
	}
	return h
}

func (b *bench) zone() *testnet.Zone { return b.Zone(b.claim) }

// txt publishes a TXT record at a full name.
func (b *bench) txt(name string, strs ...string) { b.zone().Add(name+".", "TXT", strs...) }

func (b *bench) name() string  { return b.ch.Record.Name }
func (b *bench) value() string { return b.ch.Record.Value }

// page publishes the home page.
func (b *bench) page(html string) { b.Host(b.claim).Page("/", 200, "text/html; charset=utf-8", html) }

// retired makes an old token for the claim.
func (b *bench) retired() string {
	old := b.Claim(string(b.claim.Hostname), b.claim.Profile)
	token := b.m.Challenge(b.kit, old).Token
	b.claim.Old = []verify.OldToken{{Value: token, RetiredAt: time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC)}}
	return token
}

func (b *bench) run() diagnose.Report {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return diagnose.Run(ctx, b.kit, b.m, b.claim)
}

// heal places the proof in place of whatever stands at its name.
func (b *bench) heal() {
	if b.ch.Record != nil {
		b.zone().Remove(b.name()+".", "TXT")
		b.zone().Remove(b.name()+".", "CNAME")
		for _, s := range b.zone().Servers() {
			s.Fault(testnet.FaultNone)
		}
	} else {
		b.Host(b.claim).CatchAll(nil).Fault(testnet.HostFaultNone)
	}
	b.Place(b.m, b.claim)
}

// check compares the cause and looks at what holds for every report.
func (b *bench) check(r diagnose.Report, want problem.Code) {
	b.t.Helper()
	got := problem.Code("")
	if r.Problem != nil {
		got = r.Problem.Code
	}
	if got != want {
		b.t.Errorf("cause %q, want %q (outcome %s)\nfound: %s\nnotes: %s", got, want, r.Outcome, found(r), notes(r))
	}
	b.sound(r)
}

func (b *bench) sound(r diagnose.Report) {
	b.t.Helper()
	all := r.Notes
	if r.Problem != nil {
		all = append([]problem.Problem{*r.Problem}, all...)
	}
	seen := map[problem.Code]bool{}
	for _, p := range all {
		if seen[p.Code] {
			b.t.Errorf("%s is told twice", p.Code)
		}
		seen[p.Code] = true
		if p.Title == "" || p.LookedFor == "" || p.Found == "" || len(p.Fixes) == 0 || p.SeeItYourself == "" {
			b.t.Errorf("%s: a part is empty: %+v", p.Code, p)
		}
		if text := p.LookedFor + "\n" + strings.Join(p.Fixes, "\n"); r.Method == meta && (strings.Contains(strings.ReplaceAll(text, "the file method", ""), "he file") || strings.Contains(text, "FTP")) {
			b.t.Errorf("%s speaks of a file to somebody who places a tag:\n%s", p.Code, text)
		}
		for _, text := range append([]string{p.LookedFor, p.Found, p.SeeItYourself}, p.Fixes...) {
			if strings.ContainsAny(text, "{}") && !strings.Contains(text, "%{") {
				b.t.Errorf("%s: a blank was not filled in: %q", p.Code, text)
			}
		}
	}
	if (r.Outcome == zonehold.OutcomeVerified) != (r.Problem == nil) {
		b.t.Errorf("outcome %s with problem %v", r.Outcome, r.Problem)
	}
	for i := 1; i < len(r.Steps); i++ {
		if r.Steps[i].StartedAt.Before(r.Steps[i-1].StartedAt) {
			b.t.Error("the steps are not in order")
			break
		}
	}
	if len(r.Steps) == 0 {
		b.t.Error("no steps")
	}
}

func found(r diagnose.Report) string {
	if r.Problem == nil {
		return "-"
	}
	return r.Problem.Found
}

func notes(r diagnose.Report) string {
	var out []string
	for _, n := range r.Notes {
		out = append(out, string(n.Code)+": "+n.Found)
	}
	return strings.Join(out, "\n       ")
}

func runFixtures(t *testing.T, list []fixture) {
	for _, f := range list {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, f)
			f.cause(b)
			b.check(b.run(), f.want)
			if f.mortal || t.Failed() {
				return
			}
			if f.heal != nil {
				f.heal(b)
			} else {
				b.heal()
			}
			if r := b.run(); r.Outcome != zonehold.OutcomeVerified {
				t.Errorf("healed, and yet %s: %+v", r.Outcome, r.Problem)
			} else {
				b.sound(r)
			}
		})
	}
}
