package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// Everything at once: whatever accounts do to each other, no name has two of
// them, and no two transactions wait for each other.
func TestRivalsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true, ContestWait: time.Minute})
		const names, accounts, rounds = 3, 4, 25
		var who []zonehold.Actor
		for i := range accounts {
			who = append(who, actor(t, s, fmt.Sprint("account", i)))
		}
		name := func(i int) string { return fmt.Sprintf("n%d.example", i) }
		fine := func(err error) {
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Kind == KindUnavailable) {
				t.Errorf("%v", err)
			}
		}
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for i, actor := range who {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 7))
				for range rounds {
					ref := name(r.IntN(names))
					d, _, err := c.CreateDomain(t.Context(), actor, CreateDomain{Hostname: ref})
					if err != nil {
						fine(err)
						continue
					}
					c.set(d, r.IntN(4) > 0)
					switch r.IntN(9) {
					case 0:
						_, err = c.OfferDomain(t.Context(), actor, NewTransfer{Domain: ref, Account: who[r.IntN(accounts)].Account.Name})
					case 1:
						err = c.DeleteDomain(t.Context(), actor, ref, 0)
					case 2:
						_, err = c.WithdrawContest(t.Context(), actor, ref)
					case 3:
						err = c.settleContests(t.Context())
					case 4:
						c.pass(5 * time.Minute)
						err = c.tellSigns(t.Context(), zonehold.Hostname(ref), []sign{{Kind: signDS, From: c.now()}})
					case 5:
						var page Page[*Transfer]
						if page, err = c.Transfers(t.Context(), actor, TransferQuery{}); err == nil && len(page.Items) > 0 {
							_, err = c.CancelTransfer(t.Context(), actor, page.Items[0].ID)
						}
					default:
						var at *Attempt
						if at, err = c.StartAttempt(t.Context(), actor, d.ID, zonehold.MethodDNSTXT, zonehold.TriggerRequest); err == nil {
							wait(t, c.App, actor, at.ID)
						}
					}
					fine(err)
				}
			})
		}
		looked := make(chan int)
		go func() {
			n := 0
			defer func() { looked <- n }()
			for ; ; n++ {
				for i := range names {
					domains, owners, err := s.VerifiedClaims(t.Context(), "", zonehold.Hostname(name(i)), 0)
					if err != nil {
						t.Error(err)
						return
					}
					if len(domains) > 1 {
						t.Errorf("%s has %s and %s", name(i), owners[0].Name, owners[1].Name)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		wg.Wait()
		close(stop)
		if n := <-looked; n == 0 {
			t.Error("nobody looked")
		}
	})
}
