package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
		if n := recv(t, looked); n == 0 {
			t.Error("nobody looked")
		}
	})
}

// judges is a service of which only results are written, as a test gives them.
type judges struct {
	*App
	t testing.TB
	s *store.Store
}

func newJudges(t testing.TB, s *store.Store, cfg Config) *judges {
	return &judges{make1(t, s, cfg, quick), t, s}
}

// claim is one of a name, proved by DNS TXT or not yet.
func (j *judges) claim(who zonehold.Actor, name zonehold.Hostname, state zonehold.DomainState) *Domain {
	j.t.Helper()
	settle(j.t, j.s, who, j.now(), name)
	d := get(j.t, j.App, who, string(name))
	change(j.t, j.s, d.ID, func(d *store.Domain) { d.State = state })
	return d
}

func (j *judges) is(who zonehold.Actor, d *Domain, state zonehold.DomainState) {
	j.t.Helper()
	if got := get(j.t, j.App, who, d.ID); got.State != state {
		j.t.Errorf("%s of %s is %s, want %s", d.Hostname, who.Account.Name, got.State, state)
	}
}

// saw writes one result for each claim, all in one transaction, and returns
// the outcomes.
func (j *judges) saw(ctx context.Context, o zonehold.Outcome, domains ...*Domain) (got []zonehold.Outcome, err error) {
	j.t.Helper()
	var list []*finish
	for _, d := range domains {
		list = append(list, running(j.t, j.App, d, report(zonehold.MethodDNSTXT, o)))
	}
	err = j.commitFinishes(ctx, list)
	for _, f := range list {
		if err == nil && !f.applied {
			j.t.Errorf("the result for %s is dropped", f.attempt.DomainID)
		}
		got = append(got, f.outcome)
	}
	return got, err
}

// Who looks again at what stands does not wait for those who judge fresh
// proofs; who has something to judge does.
func TestOnlyWhoJudgesWaits(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		if cfg.URL == "" {
			t.Skip("SQLite has one writer")
		}
		s := storetest.Open(t, cfg)
		j := newJudges(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		stands := j.claim(anna, "stands.example", zonehold.StateVerified)
		contested := j.claim(anna, "contested.example", zonehold.StateVerified)
		fresh, absent := j.claim(bert, "fresh.example", zonehold.StatePending), j.claim(bert, "absent.example", zonehold.StatePending)
		got, err := j.saw(t.Context(), zonehold.OutcomeVerified, j.claim(bert, "contested.example", zonehold.StatePending))
		if err != nil || got[0] != zonehold.OutcomeRefused {
			t.Fatalf("%v, %v", got, err)
		}
		judged, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- s.InTx(t.Context(), func(tx *store.Tx) error {
				defer close(judged)
				if err := tx.LockProofs(t.Context()); err != nil {
					return err
				}
				judged <- struct{}{}
				<-done
				return nil
			})
		}()
		recv(t, judged)
		release := sync.OnceFunc(func() { close(done) })
		defer release()
		within := func(limit time.Duration, o zonehold.Outcome, d *Domain) error {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := j.saw(ctx, o, d)
			return err
		}
		for _, o := range []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeInconclusive} {
			if err := within(time.Minute, o, stands); err != nil {
				t.Errorf("a look at what stands: %v", err)
			}
		}
		if err := within(time.Minute, zonehold.OutcomeAbsent, absent); err != nil {
			t.Errorf("a look at what is not there: %v", err)
		}
		for what, d := range map[string]*Domain{"a fresh proof": fresh, "a holder in a contest": contested} {
			if err := within(300*time.Millisecond, zonehold.OutcomeVerified, d); err == nil {
				t.Errorf("%s is judged beside others", what)
			}
		}
		release()
		if err := recv(t, ended); err != nil {
			t.Error(err)
		}
	})
}

// A proof may end, and another account have the name, after it was found that
// there is nothing to judge.
func TestProofThatEndsBeforeItIsSeen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		j := newJudges(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := j.claim(anna, "www.example", zonehold.StateVerified), j.claim(bert, "www.example", zonehold.StatePending)
		changed, locked := make(chan error, 1), make(chan struct{})
		f := running(t, j.App, one, report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified))
		go func() {
			changed <- s.InTx(t.Context(), func(tx *store.Tx) error {
				held, err := tx.LockDomains(t.Context(), []string{one.ID, two.ID})
				close(locked)
				if err != nil {
					return err
				}
				time.Sleep(200 * time.Millisecond) // for the other one to look, and wait
				held[one.ID].State, held[two.ID].State = zonehold.StateLapsed, zonehold.StateVerified
				return tx.UpdateVerdicts(t.Context(), []*store.Domain{held[one.ID], held[two.ID]})
			})
		}()
		recv(t, locked)
		if err := j.commitFinishes(t.Context(), []*finish{f}); err != nil {
			t.Fatal(err)
		}
		if err := recv(t, changed); err != nil {
			t.Fatal(err)
		}
		if !f.applied || f.outcome != zonehold.OutcomeRefused {
			t.Errorf("applied %v: the proof is %s, though another account has the name by now", f.applied, f.outcome)
		}
		j.is(anna, one, zonehold.StateLapsed)
		j.is(bert, two, zonehold.StateVerified)
	})
}

// What is written together is judged as if it came one after the other.
func TestProofsInOneTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		anna, bert, carl := actor(t, s, "anna"), actor(t, s, "bert"), actor(t, s, "carl")
		// Where a name may have several accounts an offer of one is nothing to the
		// others.
		shared := newJudges(t, s, Config{})
		one := shared.claim(anna, "www.example", zonehold.StateVerified)
		offerTo(t, shared.App, anna, one.ID, "bert")
		two, three := shared.claim(bert, "www.example", zonehold.StatePending), shared.claim(carl, "www.example", zonehold.StatePending)
		got, err := shared.saw(t.Context(), zonehold.OutcomeVerified, two, three, one)
		if want := []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeVerified, zonehold.OutcomeRefused}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, want %v; %v", got, want, err)
		}
		shared.is(anna, one, zonehold.StateLapsed)
		shared.is(bert, two, zonehold.StateVerified)
		shared.is(carl, three, zonehold.StateVerified)
		// Two that have proved a name before only one may have it both stay.
		only := newJudges(t, s, Config{Exclusive: true})
		got, err = only.saw(t.Context(), zonehold.OutcomeVerified, two, three)
		if want := []zonehold.Outcome{zonehold.OutcomeVerified, zonehold.OutcomeVerified}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, want %v; %v", got, want, err)
		}
		only.is(bert, two, zonehold.StateVerified)
		only.is(carl, three, zonehold.StateVerified)
	})
}

// Two who prove a name at once begin one contest, of which its holder is told
// once.
func TestHolderIsToldOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		j := newJudges(t, s, Config{Exclusive: true})
		anna, bert, cara := actor(t, s, "anna"), actor(t, s, "bert"), actor(t, s, "cara")
		j.claim(anna, "www.example", zonehold.StateVerified)
		two, three := j.claim(bert, "www.example", zonehold.StatePending), j.claim(cara, "www.example", zonehold.StatePending)
		got, err := j.saw(t.Context(), zonehold.OutcomeVerified, two, three)
		if err != nil || got[0] != zonehold.OutcomeRefused || got[1] != zonehold.OutcomeRefused {
			t.Fatalf("%v, %v", got, err)
		}
		told := 0
		for _, e := range eventTypes(t, j.App, anna) {
			if e == zonehold.EventDomainClaimed {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the holder is told %d times", told)
		}
	})
}
