package app

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

func TestDelegationRules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		member := func(name, email string) zonehold.Actor {
			account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: name, Email: email, EmailConfirmed: true})
			if err != nil {
				t.Fatal(err)
			}
			return zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
		}
		beta := member("beta", "bea@example.net")
		member("bea@EXAMPLE.net", "") // calls itself like the address of another
		member("one", "shared@example.net")
		member("two", "shared@example.net")
		proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		proven(t, a, p, who, "www.example.org", zonehold.MethodFile)
		create(t, a, who, "pending.example")
		give := func(domain, name, to string) (*Delegation, error) {
			return a.Delegate(t.Context(), who, NewDelegation{Domain: domain, Hostname: name, Account: to, Reason: "agency"})
		}
		for name, tc := range map[string]struct {
			in    NewDelegation
			kind  Kind
			field string
		}{
			"unknown domain":  {NewDelegation{Domain: "other.example", Account: "beta"}, KindNotFound, ""},
			"not proved":      {NewDelegation{Domain: "pending.example", Account: "beta"}, KindConflict, ""},
			"to oneself":      {NewDelegation{Domain: "example.com", Account: "alpha"}, KindInvalid, "account"},
			"to own id":       {NewDelegation{Domain: "example.com", Account: who.Account.ID}, KindInvalid, "account"},
			"to nobody":       {NewDelegation{Domain: "example.com"}, KindInvalid, "account"},
			"unknown account": {NewDelegation{Domain: "example.com", Account: "gamma"}, KindInvalid, "account"},
			"unknown mail":    {NewDelegation{Domain: "example.com", Account: "x@example.net"}, KindInvalid, "account"},
			"shared mail":     {NewDelegation{Domain: "example.com", Account: "shared@example.net"}, KindInvalid, "account"},
			"no mail":         {NewDelegation{Domain: "example.com", Account: "@@"}, KindInvalid, "account"},
			"above":           {NewDelegation{Domain: "www.example.org", Hostname: "example.org", Account: "beta"}, KindInvalid, "hostname"},
			"beside":          {NewDelegation{Domain: "example.com", Hostname: "aexample.com", Account: "beta"}, KindInvalid, "hostname"},
			"below a host":    {NewDelegation{Domain: "www.example.org", Hostname: "a.www.example.org", Account: "beta"}, KindInvalid, "hostname"},
			"public suffix":   {NewDelegation{Domain: "example.com", Hostname: "co.uk", Account: "beta"}, KindRefused, "hostname"},
			"no name":         {NewDelegation{Domain: "example.com", Hostname: "*", Account: "beta"}, KindRefused, "hostname"},
			"control":         {NewDelegation{Domain: "example.com", Account: "beta", Reason: "a\x00"}, KindInvalid, "reason"},
			"long":            {NewDelegation{Domain: "example.com", Account: "beta", Reason: strings.Repeat("x", 201)}, KindInvalid, "reason"},
			"past":            {NewDelegation{Domain: "example.com", Account: "beta", ExpiresAt: time.Now()}, KindInvalid, "expires_at"},
		} {
			_, err := a.Delegate(t.Context(), who, tc.in)
			if e := wantKind(t, err, tc.kind); e.Field != tc.field {
				t.Errorf("%s: field %q: %s", name, e.Field, e.Message)
			}
		}
		reader := who
		reader.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead}
		_, err := a.Delegate(t.Context(), reader, NewDelegation{Domain: "example.com", Account: "beta"})
		wantKind(t, err, KindForbidden)

		del, err := give("example.com", "", "beta")
		if err != nil || !del.Given || !del.InForce || del.FromName != "alpha" || del.ToName != "beta" || del.Hostname != "example.com" || del.Reason != "agency" {
			t.Fatalf("given %+v, %v", del, err)
		}
		_, err = give("example.com", "example.com", beta.Account.ID)
		wantKind(t, err, KindConflict)
		_, err = give("example.com", "", "Bea@example.NET")
		wantKind(t, err, KindConflict) // the same account, by its address
		if _, err := give("example.com", "a.b.example.com", "bea@example.net"); err != nil {
			t.Error(err)
		}
		if _, err := give("www.example.org", "", "beta"); err != nil {
			t.Error(err)
		}
		d := create(t, a, beta, "example.com")
		if d.State != zonehold.StateVerified || d.Method != zonehold.MethodDelegated || d.Source != del.ID || d.Assurance != zonehold.AssuranceOperator || d.Covers != zonehold.CoversHost {
			t.Fatalf("received %+v", d)
		}
		// It gives nothing below it, and cannot be passed on, nor back.
		if d := create(t, a, beta, "z.example.com"); d.State != zonehold.StatePending {
			t.Errorf("below what was given: %+v", d)
		}
		_, err = a.Delegate(t.Context(), beta, NewDelegation{Domain: "example.com", Account: "one"})
		if e := wantKind(t, err, KindConflict); !strings.Contains(e.Message, "passed on") {
			t.Errorf("passed on: %s", e.Message)
		}
		_, err = a.Delegate(t.Context(), beta, NewDelegation{Domain: "example.com", Account: "alpha"})
		if e := wantKind(t, err, KindConflict); !strings.Contains(e.Message, "that very account") {
			t.Errorf("given back: %s", e.Message)
		}

		list := func(who zonehold.Actor, q DelegationQuery) (n int) {
			t.Helper()
			for {
				q.Limit = 2
				page, err := a.Delegations(t.Context(), who, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, del := range page.Items {
					if del.Given != (del.FromAccount == who.Account.ID) || del.FromAccount != who.Account.ID && del.ToAccount != who.Account.ID {
						t.Errorf("%s sees %+v", who.Account.Name, del)
					}
				}
				n += len(page.Items)
				if q.Cursor = page.NextCursor; q.Cursor == "" {
					return n
				}
			}
		}
		for i, tc := range []struct {
			who  zonehold.Actor
			q    DelegationQuery
			want int
		}{
			{who, DelegationQuery{}, 3}, {who, DelegationQuery{Direction: "received"}, 0}, {who, DelegationQuery{Direction: "given"}, 3},
			{beta, DelegationQuery{}, 3}, {beta, DelegationQuery{Direction: "given"}, 0}, {beta, DelegationQuery{Domain: "www.example.org"}, 1},
			{who, DelegationQuery{Domain: "example.com"}, 2}, {who, DelegationQuery{Domain: "a.b.example.com"}, 1}, {beta, DelegationQuery{Domain: d.ID}, 1},
			{member("gamma", ""), DelegationQuery{}, 0},
		} {
			if n := list(tc.who, tc.q); n != tc.want {
				t.Errorf("%d: %d listed, want %d", i, n, tc.want)
			}
		}
		_, err = a.Delegations(t.Context(), who, DelegationQuery{Direction: "both"})
		wantKind(t, err, KindInvalid)
		_, err = a.RevokeDelegation(t.Context(), actor(t, s, "stranger"), del.ID, "")
		wantKind(t, err, KindNotFound)
		_, err = a.RevokeDelegation(t.Context(), who, "del_x", "")
		wantKind(t, err, KindNotFound)
		_, err = a.RevokeDelegation(t.Context(), who, del.ID, "a\nb")
		wantKind(t, err, KindInvalid)

		ended, err := a.RevokeDelegation(t.Context(), who, del.ID, "agency left")
		if err != nil || ended.InForce || ended.RevokedAt.IsZero() || ended.RevokeReason != "agency left" {
			t.Fatalf("revoked %+v, %v", ended, err)
		}
		if got := get(t, a, beta, d.ID); got.State != zonehold.StateLapsed || got.Problem == nil || got.Problem.Code != "delegation_cancelled" ||
			!strings.Contains(got.Problem.Found, "agency left") {
			t.Errorf("after the end: %+v, %+v", got, got.Problem)
		}
		if again, err := a.RevokeDelegation(t.Context(), who, del.ID, "x"); err != nil || again.RevokeReason != "agency left" {
			t.Errorf("revoked again: %+v, %v", again, err)
		}
		if n := list(who, DelegationQuery{}); n != 2 {
			t.Errorf("%d in force", n)
		}
		if n := list(who, DelegationQuery{All: true}); n != 3 {
			t.Errorf("%d in all", n)
		}
		settled(t, a, beta, d.ID)
		// Given again, the lapsed claim has it again; the receiver gives it up.
		if del, err = give("example.com", "", "beta"); err != nil {
			t.Fatal(err)
		}
		untilState(t, a, beta, d.ID, zonehold.StateVerified)
		if ended, err := a.RevokeDelegation(t.Context(), beta, del.ID, ""); err != nil || ended.Given || ended.InForce {
			t.Errorf("given up: %+v, %v", ended, err)
		}
		if got := get(t, a, beta, d.ID); got.State != zonehold.StateLapsed || !strings.Contains(got.Problem.Found, "gave it up") {
			t.Errorf("after giving up: %+v, %+v", got, got.Problem)
		}
		var kinds = map[zonehold.EventType]int{}
		for _, e := range eventTypes(t, a, beta) {
			kinds[e]++
		}
		if kinds[EventDelegationCreated] != 4 || kinds[EventDelegationEnded] != 2 || kinds[zonehold.EventDomainLapsed] != 2 {
			t.Errorf("events of the receiver %v", kinds)
		}
	})
}

func TestDelegationExpires(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who, beta := actor(t, s, "alpha"), actor(t, s, "beta")
		proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		d := create(t, a, beta, "example.com")
		in := NewDelegation{Domain: "example.com", Account: "beta", ExpiresAt: time.Now().Add(time.Hour)}
		if _, err := a.Delegate(t.Context(), who, in); err != nil {
			t.Fatal(err)
		}
		if d = untilState(t, a, beta, d.ID, zonehold.StateVerified); d.NextCheckAt.IsZero() || d.NextCheckAt.After(in.ExpiresAt) {
			t.Errorf("next check %s, and it ends %s", d.NextCheckAt, in.ExpiresAt)
		}
		expire(t, s, "delegations", d.ID)
		d = untilState(t, a, beta, d.ID, zonehold.StateLapsed)
		if d.Problem == nil || d.Problem.Code != "delegation_cancelled" {
			t.Errorf("%+v", d.Problem)
		}
		settled(t, a, beta, d.ID)
		in.ExpiresAt = time.Time{}
		if _, err := a.Delegate(t.Context(), who, in); err != nil {
			t.Errorf("given again after its time: %v", err)
		}
		untilState(t, a, beta, d.ID, zonehold.StateVerified)
	})
}

// expire ends what a domain was given at once, as if its time had come.
func expire(t *testing.T, s *store.Store, table, domainID string) (end time.Time) {
	t.Helper()
	end = time.Now().UTC().Truncate(time.Microsecond)
	if _, err := s.Writer().ExecContext(t.Context(), "UPDATE "+table+" SET expires_at = $1", end.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	plan(t, s, domainID, end)
	return end
}

// Whatever takes the giver's proof takes what rests on it, through every link,
// in one transaction.
func TestProofsFallTogether(t *testing.T) {
	losses := map[string]struct {
		prove zonehold.Method
		lose  func(t *testing.T, a *App, p *placed, who zonehold.Actor, top *Domain)
		later bool // only by a check
	}{
		"deleted": {zonehold.MethodDNSTXT, func(t *testing.T, a *App, _ *placed, who zonehold.Actor, top *Domain) {
			if err := a.DeleteDomain(t.Context(), who, top.ID, 0); err != nil {
				t.Fatal(err)
			}
		}, false},
		"moved to another port": {zonehold.MethodFile, func(t *testing.T, a *App, _ *placed, who zonehold.Actor, top *Domain) {
			if _, err := a.UpdateDomain(t.Context(), who, top.ID, DomainPatch{Port: ptr(8443)}, 0); err != nil {
				t.Fatal(err)
			}
		}, false},
		"lapsed": {zonehold.MethodDNSTXT, func(t *testing.T, a *App, p *placed, who zonehold.Actor, top *Domain) {
			p.remove(zonehold.MethodDNSTXT, "example.com")
			wait(t, a, who, begin(t, a, who, top.ID, zonehold.MethodDNSTXT).ID)
			if d := get(t, a, who, top.ID); d.State != zonehold.StateAtRisk {
				t.Fatalf("the top is %s", d.State)
			}
		}, true},
	}
	for name, tc := range losses {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				p := new(placed)
				cfg := p.config()
				cfg.Kit = &verify.Kit{ParentCoversAny: true}
				a := start1(t, s, cfg, quick)
				who, beta, gamma := actor(t, s, "alpha"), actor(t, s, "beta"), actor(t, s, "gamma")
				top := proven(t, a, p, who, "example.com", tc.prove)
				child := create(t, a, who, "a.example.com")
				stays := proven(t, a, p, who, "b.example.com", zonehold.MethodDNSTXT)
				if child.CoveredBy != top.ID {
					t.Fatalf("not covered: %+v", child)
				}
				share := func(domain, to string) {
					t.Helper()
					if _, err := a.Delegate(t.Context(), who, NewDelegation{Domain: domain, Account: to}); err != nil {
						t.Fatal(err)
					}
				}
				share(top.ID, "beta")
				share(child.ID, "gamma")
				share(stays.ID, "gamma")
				ofTop, ofChild, ofStays := create(t, a, beta, "example.com"), create(t, a, gamma, "a.example.com"), create(t, a, gamma, "b.example.com")
				for _, d := range []*Domain{ofTop, ofChild, ofStays} {
					if d.Method != zonehold.MethodDelegated {
						t.Fatalf("not delegated: %+v", d)
					}
				}
				tc.lose(t, a, p, who, top)
				if tc.later {
					// At risk nothing is lost yet.
					if d := get(t, a, beta, ofTop.ID); d.State != zonehold.StateVerified {
						t.Errorf("while at risk: %s", d.State)
					}
					graceOver(t, a, top.ID)
					untilState(t, a, who, top.ID, zonehold.StateLapsed)
				}
				for who, d := range map[*zonehold.Actor]*Domain{&who: child, &beta: ofTop, &gamma: ofChild} {
					got := get(t, a, *who, d.ID)
					code, method := "delegation_cancelled", zonehold.MethodDelegated
					if d == child {
						code, method = "parent_not_verified", zonehold.MethodExistingDomain
					}
					if got.State != zonehold.StateLapsed || got.Problem == nil || string(got.Problem.Code) != code || got.Method != method {
						t.Errorf("%s of %s is %s by %s, %+v", got.Hostname, who.Account.Name, got.State, got.Method, got.Problem)
					}
					if source, _ := lapsedBy(t, a, *who, d.ID); source == "" || d == child && source != top.ID {
						t.Errorf("%s of %s fell by %q", got.Hostname, who.Account.Name, source)
					}
				}
				if d := get(t, a, gamma, ofStays.ID); d.State != zonehold.StateVerified {
					t.Errorf("what rests on something else is %s", d.State)
				}
				page, err := a.Delegations(t.Context(), who, DelegationQuery{})
				if err != nil || len(page.Items) != 1 || page.Items[0].DomainID != stays.ID {
					t.Errorf("delegations left: %+v, %v", page.Items, err)
				}
			})
		})
	}
}

// Two that share with each other and give up at the same time do not wait for
// each other.
func TestBothGiveUpAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		both := [2]zonehold.Actor{actor(t, s, "alpha"), actor(t, s, "beta")}
		for range 8 {
			var own [2]*Domain
			for i, name := range []string{"one.example", "two.example"} {
				own[i] = proven(t, a, p, both[i], name, zonehold.MethodDNSTXT)
				other := both[1-i]
				if _, err := a.Delegate(t.Context(), both[i], NewDelegation{Domain: own[i].ID, Account: other.Account.ID}); err != nil {
					t.Fatal(err)
				}
				if d := create(t, a, other, name); d.Method != zonehold.MethodDelegated {
					t.Fatalf("%+v", d)
				}
			}
			var wg sync.WaitGroup
			for i := range both {
				wg.Go(func() {
					if err := a.DeleteDomain(t.Context(), both[i], own[i].ID, 0); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for i, name := range []string{"one.example", "two.example"} {
				if err := a.DeleteDomain(t.Context(), both[1-i], name, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
