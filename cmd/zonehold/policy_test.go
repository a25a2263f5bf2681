package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// The operator's acts on the data need no running service, and one that runs
// beside them acts on them.
func TestPoliciesOnTheData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tokens := auth.New(s)
		t.Cleanup(tokens.Close)
		account, err := tokens.CreateAccount(t.Context(), "shop", "", false)
		if err != nil {
			t.Fatal(err)
		}
		running, err := app.New(app.Config{Store: s, Kit: &verify.Kit{}, Worker: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := running.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			running.Drain()
			if err := running.Stop(ctx); err != nil {
				t.Errorf("stopping: %v", err)
			}
		})
		shop := zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
		if _, _, err := running.CreateDomain(t.Context(), shop, app.CreateDomain{Hostname: "waiting-shop.com"}); err != nil {
			t.Fatal(err)
		}

		beside, err := app.New(app.Config{Store: s, Kit: &verify.Kit{}})
		if err != nil {
			t.Fatal(err)
		}
		o := onData(beside)
		p, err := o.create(t.Context(), api.CreatePolicy{Method: "back_office", Pattern: "waiting-shop.com", Account: "shop", By: "carol", Reason: "deed"})
		if err != nil {
			t.Fatal(err)
		}
		state := func(want zonehold.DomainState) {
			t.Helper()
			for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
				d, err := running.Domain(t.Context(), shop, "waiting-shop.com")
				if err != nil {
					t.Fatal(err)
				}
				if d.State == want {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("it is %s and not %s", d.State, want)
				}
			}
		}
		state(zonehold.StateVerified)
		n := 0
		for got, err := range o.list(t.Context(), client.PolicyQuery{Domain: "waiting-shop.com"}) {
			if n++; err != nil || got.ID != p.ID {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if n != 1 {
			t.Errorf("%d policies", n)
		}
		if r, err := o.revoke(t.Context(), p.ID, "dora", "forged"); err != nil || r.Lapsed != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		state(zonehold.StateLapsed)
		_, err = o.revoke(t.Context(), "pol_nonsense", "dora", "x")
		var ae *app.Error
		if !errors.As(err, &ae) || ae.Kind != app.KindNotFound || classifyUse(ae).code != exitNotFound {
			t.Errorf("an unknown one: %v", err)
		}
	})
}
