package perspective

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// Every method in every profile: a proof is corroborated by what was seen of
// it, and its absence as well.
func TestEveryMethodIsCorroborated(t *testing.T) {
	s := newSite(t)
	for _, profile := range zonehold.ProfileNames() {
		for _, m := range verify.Placed() {
			t.Run(string(profile)+"/"+string(m.Name()), func(t *testing.T) {
				t.Parallel()
				l := verifytest.NewLab(t)
				c := l.Claim("www.example.com", profile)
				l.Net.Zone("example.com")
				l.Host(c)
				p := panel(t, s.honest("ams", "RIPE", l))
				r := ask(t, p, l, m, c)[0]
				if Of(zonehold.OutcomeAbsent, r) != KindCorroborates || r.Answer.Code == "" || r.Answer.Detail == "" || r.Answer.Observed != "" {
					t.Fatalf("without the proof: %+v", r)
				}
				l.Place(m, c)
				r = ask(t, p, l, m, c)[0]
				if Of(zonehold.OutcomeVerified, r) != KindCorroborates {
					t.Fatalf("with the proof: %+v", r)
				}
				a := r.Answer
				if !ShowsProof(m.Challenge(l.Kit, c), profile, a.Observed) || len(a.Addresses) == 0 || a.Software != "test" || a.FinishedAt.Before(a.StartedAt) {
					t.Errorf("the answer is not complete: %+v", a)
				}
				if len(a.Evidence) == 0 || len(a.Evidence) > evidence.MaxPerspective || !json.Valid(a.Evidence) {
					t.Errorf("evidence: %d bytes", len(a.Evidence))
				}
			})
		}
	}
}

// The token of another claim, of another family or a part of it is not the
// proof.
func TestShowsProofOfThisVeryChallenge(t *testing.T) {
	for _, profile := range zonehold.ProfileNames() {
		for _, m := range verify.Placed() {
			c, other := claim(t, profile), claim(t, profile)
			ch, theirs := m.Challenge(nil, c), m.Challenge(nil, other)
			for what, seen := range map[string]string{
				"nothing": "", "the token of another claim": proofOf(theirs), "half of it": proofOf(ch)[:len(proofOf(ch))/2],
				"something before it": "x" + proofOf(ch), "verified": "verified",
			} {
				if ShowsProof(ch, profile, seen) {
					t.Errorf("%s %s: %s passes (%q)", profile, m.Name(), what, seen)
				}
			}
			if !ShowsProof(ch, profile, proofOf(ch)) {
				t.Errorf("%s %s: the proof does not pass", profile, m.Name())
			}
		}
	}
}

func claim(t *testing.T, profile zonehold.ProfileName) verify.Claim {
	t.Helper()
	tokens, err := zonehold.NewTokens(profile, "")
	if err != nil {
		t.Fatal(err)
	}
	return verify.Claim{Hostname: "www.example.com", Profile: profile, Tokens: tokens}
}

func proofOf(ch zonehold.Challenge) string {
	switch {
	case ch.Record != nil:
		return ch.Record.Value
	case ch.File != nil && pathTells(ch):
		return ch.File.Path + "\n" + ch.File.Content
	case ch.File != nil:
		return ch.File.Content
	}
	return ch.Tag.Content
}

// Nothing of an earlier check is used: each has a kit of its own, and what
// changed in between is seen.
func TestNothingIsRemembered(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	var kits atomic.Int32
	p := panel(t, s.serve("ams", "RIPE", s.server1("ams", func() (*verify.Kit, error) { kits.Add(1); return l.Kit, nil })))
	zone := l.Net.Zone("example.com")
	nonces := map[string]bool{}
	for i, want := range []zonehold.Outcome{zonehold.OutcomeAbsent, zonehold.OutcomeVerified, zonehold.OutcomeAbsent} {
		if want == zonehold.OutcomeVerified {
			l.Place(m, c)
		} else {
			zone.Remove("_zonehold-challenge", "TXT")
		}
		r := ask(t, p, l, m, c)[0]
		if r.Answer == nil || r.Answer.Outcome != want {
			t.Fatalf("look %d: %+v, want %s", i, r, want)
		}
		nonces[r.Answer.Nonce] = true
		if kits.Load() != int32(i+1) {
			t.Errorf("%d kits for %d checks", kits.Load(), i+1)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("the nonces are not new each time: %v", nonces)
	}
}

// Three perspectives: where the attacker holds the way to one of them it says
// so and the proof stands; where to two, it does not (threat T21).
func TestThreePerspectivesOneLiar(t *testing.T) {
	s, world, hijacked := newSite(t), verifytest.NewLab(t), verifytest.NewLab(t)
	c := world.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	world.Place(m, c)
	hijacked.Net.Zone("example.com") // the attacker's copy, without the record
	policy := Policy{Mode: ModeQuorum, Minimum: 3, Allowed: 1, Regions: 2}
	for liars, want := range []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeVerified, zonehold.OutcomeRefused, zonehold.OutcomeRefused} {
		var remotes []Remote
		for i, name := range []string{"ams", "nyc", "sin"} {
			l := world
			if i >= 3-liars {
				l = hijacked
			}
			remotes = append(remotes, s.honest(name, []string{"RIPE", "ARIN", "APNIC"}[i], l))
		}
		v := Judge(policy, zonehold.OutcomeVerified, ask(t, panel(t, remotes...), world, m, c), today)
		if v.Outcome != want || len(v.Contradicted) != liars {
			t.Errorf("%d liars: %+v, want %s", liars, v, want)
		}
	}
}

// The token goes alone: neither those of other methods nor a password leave.
func TestRequestHoldsNoMoreThanNeeded(t *testing.T) {
	c := claim(t, zonehold.ProfileZonehold)
	c.BasicUser, c.BasicPassword = "shop", "hunter2-hunter2"
	for _, m := range verify.Placed() {
		q, ok := NewRequest(&verify.Kit{CNAMEZone: "DCV.example.net."}, m.Name(), c)
		if !ok {
			t.Fatal(m.Name())
		}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(c.Tokens.Values(), c.BasicUser, c.BasicPassword) {
			if want := secret == tokenFor(m.Name(), c.Tokens); strings.Contains(string(text), secret) != want {
				t.Errorf("%s: %s in the request is %v", m.Name(), secret, !want)
			}
		}
		if q.CNAMEZone != "dcv.example.net" {
			t.Errorf("zone %q", q.CNAMEZone)
		}
	}
	for _, name := range zonehold.Methods() {
		if _, ok := NewRequest(nil, name, c); ok != Asks(name) {
			t.Errorf("%s can be asked for: %v", name, ok)
		}
	}
}
