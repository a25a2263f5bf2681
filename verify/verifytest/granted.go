package verifytest

import (
	"context"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// Granted describes, for RunGranted, how a claim comes by a proof for which
// nothing is placed.
type Granted struct {
	Host string // to be claimed
	// Give puts what proves the claim on record.
	Give func(l *Lab, c *verify.Claim)
	// Not are records that come close and must not count, each with the code
	// that the claim then gets.
	Not map[string]Near
	// Source and Covers of the proof.
	Source string
	Proves zonehold.Assurance
	Covers zonehold.Covers
}

// Near is a record that must not count.
type Near struct {
	Give    func(l *Lab, c *verify.Claim)
	Code    problem.Code
	Outcome zonehold.Outcome // "": absent
}

// RunGranted is the suite for methods that rest on what is on record: yes to
// exactly what gives the name to the account, and to nothing else.
func RunGranted(t *testing.T, m verify.Method, g Granted) {
	fresh := func(t *testing.T) (*Lab, verify.Claim) {
		l := NewLab(t)
		c := l.Claim(g.Host, "")
		c.Standing = &verify.Standing{Account: Claimant}
		return l, c
	}
	t.Run("given", func(t *testing.T) {
		t.Parallel()
		l, c := fresh(t)
		g.Give(l, &c)
		ch := m.Challenge(l.Kit, c)
		if !ch.Applicable || !ch.Automatic || ch.Record != nil || ch.File != nil || ch.Tag != nil || ch.Token != "" {
			t.Errorf("challenge %+v, want an applicable automatic one that places nothing", ch)
		}
		r := l.Check(m, l.Kit, c)
		if r.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("outcome %s, problem %+v", r.Outcome, r.Problem)
		}
		if r.Source != g.Source || r.Proves != g.Proves || r.Covers != g.Covers {
			t.Errorf("rests on %q and is worth %s for the %s, want %q, %s, %s", r.Source, r.Proves, r.Covers, g.Source, g.Proves, g.Covers)
		}
		counts := 0
		for _, ground := range r.Evidence.Grounds {
			if ground.Counts {
				counts++
			}
		}
		if counts != 1 {
			t.Errorf("%d grounds count, want the one it rests on: %+v", counts, r.Evidence.Grounds)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		l, c := fresh(t)
		g.Give(l, &c)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		done := make(chan verify.Result, 1)
		go func() { done <- m.Check(ctx, l.Kit, c) }()
		select {
		case r := <-done:
			if r.Outcome == zonehold.OutcomeAbsent || r.Outcome == zonehold.OutcomeMismatch {
				t.Errorf("outcome %s of a check that was cancelled", r.Outcome)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the check did not come back")
		}
	})
	near := map[string]Near{
		"nothing": {Give: func(*Lab, *verify.Claim) {}},
		"nobody_known": {Give: func(l *Lab, c *verify.Claim) {
			g.Give(l, c)
			c.Standing = nil
		}, Code: "automatic_nothing_known", Outcome: zonehold.OutcomeRefused},
		"child_of_it": {Give: func(l *Lab, c *verify.Claim) {
			g.Give(l, c)
			if m.Name() != zonehold.MethodExistingDomain { // which is about just that
				c.Hostname = "below." + c.Hostname
			} else {
				c.Hostname = "below.other-shop.example"
			}
		}},
		"sibling": {Give: func(l *Lab, c *verify.Claim) {
			g.Give(l, c)
			c.Hostname = "x" + c.Hostname[:len(c.Hostname)-len(".example")] + "x.example"
		}},
		"parent_of_it": {Give: func(l *Lab, c *verify.Claim) {
			c.Hostname = "deep.down." + c.Hostname
			g.Give(l, c)
			c.Hostname = zonehold.Hostname(g.Host)
			for i := range c.Standing.Parents {
				c.Standing.Parents[i].Hostname = "deep.down." + c.Hostname
			}
		}},
	}
	for name, n := range g.Not {
		near[name] = n
	}
	for name, n := range near {
		t.Run("not_"+name, func(t *testing.T) {
			t.Parallel()
			l, c := fresh(t)
			n.Give(l, &c)
			r := l.Check(m, l.Kit, c)
			if r.Outcome == zonehold.OutcomeVerified {
				t.Fatalf("verified, resting on %q", r.Source)
			}
			if n.Outcome != "" && r.Outcome != n.Outcome {
				t.Errorf("outcome %s, want %s", r.Outcome, n.Outcome)
			}
			if n.Code != "" && r.Problem.Code != n.Code {
				t.Errorf("code %s (%v), want %s", r.Problem.Code, r.Problem.Facts, n.Code)
			}
			if _, ok := problem.Lookup(r.Problem.Code); !ok {
				t.Errorf("code %q is not in the catalogue", r.Problem.Code)
			}
			if r.Problem.Facts[problem.FactDomain] == "" || r.Problem.Facts[problem.FactMethod] == "" {
				t.Errorf("%s: facts lack the domain or the method: %v", r.Problem.Code, r.Problem.Facts)
			}
		})
	}
}

// Claimant is the account that the suite claims for; Stranger is another one.
var (
	Claimant = zonehold.Account{ID: "acc_claimant", Number: 1, Name: "anna", Email: "anna@shop.example", EmailConfirmed: true}
	Stranger = zonehold.Account{ID: "acc_stranger", Number: 2, Name: "mallory"}
)
