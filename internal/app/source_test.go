package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// slow lets a check end, with what it saw, only when it is told to.
type slow struct {
	*placed
	begun, end chan bool
}

func newSlow(p *placed) *slow {
	return &slow{placed: p, begun: make(chan bool, 100), end: make(chan bool)}
}

func (s *slow) automatic(ctx context.Context, kit *verify.Kit, c verify.Claim) diagnose.Report {
	r := s.placed.automatic(ctx, kit, c)
	if r.Outcome == zonehold.OutcomeVerified {
		s.begun <- true
		<-s.end
	}
	return r
}

func mailbox(t testing.TB, s *store.Store, who zonehold.Actor, address string) {
	t.Helper()
	if err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.ConfirmMailbox(t.Context(), who.Account.ID, zonehold.MailAddress(address), store.ConfirmedByCode, time.Now())
	}); err != nil {
		t.Fatal(err)
	}
}

// T44: what a proof rests on goes while it is checked.
func TestSourceGoesDuringTheCheck(t *testing.T) {
	cases := map[string]struct {
		name string // of the claim
		give func(t *testing.T, a *App, p *placed, who, other zonehold.Actor) (take func())
	}{
		"policy": {"shop.example", func(t *testing.T, a *App, _ *placed, _, _ zonehold.Actor) func() {
			p := policy(t, a, zonehold.MethodWaved, "shop.example", "alpha")
			return func() {
				if _, n, err := a.RevokePolicy(t.Context(), operator, p.ID, "Olga", ""); err != nil || n != 0 {
					t.Errorf("%d lapsed, %v", n, err)
				}
			}
		}},
		"parent deleted": {"a.example.com", func(t *testing.T, a *App, p *placed, who, _ zonehold.Actor) func() {
			top := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
			return func() {
				if err := a.DeleteDomain(t.Context(), who, top.ID, 0); err != nil {
					t.Error(err)
				}
			}
		}},
		"parent deleted and added again": {"a.example.com", func(t *testing.T, a *App, p *placed, who, _ zonehold.Actor) func() {
			top := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
			return func() {
				if err := a.DeleteDomain(t.Context(), who, top.ID, 0); err != nil {
					t.Error(err)
				}
				create(t, a, who, "example.com")
			}
		}},
		"parent proved by less": {"a.example.com", func(t *testing.T, a *App, p *placed, who, _ zonehold.Actor) func() {
			top := proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
			p.put(zonehold.MethodFile, "example.com")
			wait(t, a, who, begin(t, a, who, top.ID, zonehold.MethodFile).ID)
			return func() {
				p.remove(zonehold.MethodDNSTXT, "example.com")
				wait(t, a, who, begin(t, a, who, top.ID, zonehold.MethodDNSTXT).ID)
				for range 3600 {
					if get(t, a, who, top.ID).Method == zonehold.MethodFile {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
				t.Error("the file does not lead")
			}
		}},
		"delegation revoked": {"example.com", func(t *testing.T, a *App, p *placed, _, other zonehold.Actor) func() {
			proven(t, a, p, other, "example.com", zonehold.MethodDNSTXT)
			del, err := a.Delegate(t.Context(), other, NewDelegation{Domain: "example.com", Account: "alpha"})
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := a.RevokeDelegation(t.Context(), other, del.ID, ""); err != nil {
					t.Error(err)
				}
			}
		}},
		"giver deleted": {"example.com", func(t *testing.T, a *App, p *placed, _, other zonehold.Actor) func() {
			d := proven(t, a, p, other, "example.com", zonehold.MethodDNSTXT)
			if _, err := a.Delegate(t.Context(), other, NewDelegation{Domain: "example.com", Account: "alpha"}); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := a.DeleteDomain(t.Context(), other, d.ID, 0); err != nil {
					t.Error(err)
				}
			}
		}},
		"address removed": {"shop.example", func(t *testing.T, a *App, _ *placed, who, _ zonehold.Actor) func() {
			mailbox(t, a.store, who, "anna@shop.example")
			return func() {
				if err := a.RemoveMailbox(t.Context(), who, "anna@shop.example", true); err != nil {
					t.Error(err)
				}
			}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				p := new(placed)
				sl := newSlow(p)
				cfg := p.config()
				cfg.CheckAutomatic, cfg.CreateWait = sl.automatic, time.Millisecond
				a := start1(t, s, cfg, quick)
				who, other := actor(t, s, "alpha"), actor(t, s, "beta")
				take := tc.give(t, a, p, who, other)
				d := create(t, a, who, tc.name)
				recv(t, sl.begun)
				if d.Running == nil {
					t.Fatalf("not running: %+v", d)
				}
				take()
				close(sl.end)
				at := wait(t, a, who, d.Running.ID)
				if at.Outcome == zonehold.OutcomeVerified || at.Problem == nil {
					t.Errorf("the attempt ended %s %s, %+v", at.State, at.Outcome, at.Problem)
				}
				if d = settled(t, a, who, d.ID); d.State != zonehold.StatePending || d.ProofSource != "" || d.LastAttempt != nil {
					t.Errorf("proved by what is gone: %+v", d)
				}
			})
		})
	}
}

// Many checks end while what they rest on comes and goes: at no time a proof
// outlives its source.
func TestNoProofWithoutItsSource(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		cfg := p.config()
		cfg.CreateWait = -1
		a := start1(t, s, cfg, quick)
		b := start1(t, s, cfg, quick) // another node
		who, beta := actor(t, s, "alpha"), actor(t, s, "beta")
		p.put(zonehold.MethodDNSTXT, "example.com")
		for i := range 6 {
			create(t, a, who, fmt.Sprintf("n%d.example.com", i))
			create(t, a, who, fmt.Sprintf("m%d.example.net", i))
			create(t, a, beta, fmt.Sprintf("n%d.example.com", i))
		}
		top := create(t, a, who, "example.com")
		var wg sync.WaitGroup
		stop := make(chan bool)
		for i := range 4 {
			node := []*App{a, b}[i%2]
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				for {
					select {
					case <-stop:
						return
					default:
					}
					switch r.IntN(4) {
					case 0: // a policy comes and goes
						pol, err := node.AddPolicy(context.Background(), operator, NewPolicy{Method: zonehold.MethodWhitelist, Pattern: "*.example.net", By: "x", Reason: "y"})
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
						if _, _, err := node.RevokePolicy(context.Background(), operator, pol.ID, "x", ""); err != nil {
							t.Error(err)
							return
						}
					case 1: // the top is proved by more, or by less
						m := []zonehold.Method{zonehold.MethodDNSTXT, zonehold.MethodFile}[r.IntN(2)]
						p.put(m, "example.com")
						_, _ = node.StartAttempt(context.Background(), who, top.ID, m, "") // one may be under way
					case 2: // what is given comes and goes
						del, err := node.Delegate(context.Background(), who, NewDelegation{Domain: top.ID, Hostname: fmt.Sprintf("n%d.example.com", r.IntN(6)), Account: "beta"})
						if err == nil {
							time.Sleep(time.Duration(r.IntN(50)) * time.Millisecond)
							if _, err := node.RevokeDelegation(context.Background(), who, del.ID, ""); err != nil {
								t.Error(err)
								return
							}
						}
					case 3: // somebody asks
						_, _ = node.StartAttempt(context.Background(), who, fmt.Sprintf("n%d.example.com", r.IntN(6)), zonehold.MethodExistingDomain, "")
					}
					time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
				}
			})
		}
		proofs := 0
		from := time.Now()
		for time.Since(from) < 4*time.Second || proofs == 0 && time.Since(from) < 2*time.Minute {
			time.Sleep(20 * time.Millisecond)
			n, bad := orphanProofs(t, s)
			proofs = max(proofs, n)
			if bad > 0 {
				t.Errorf("%d proofs without what they rest on", bad)
				break
			}
		}
		close(stop)
		wg.Wait()
		if proofs == 0 {
			t.Error("nothing was ever proved")
		}
		// In the end, too, when all that was revoked has been looked at.
		for {
			_, err := a.StartAttempt(t.Context(), who, top.ID, zonehold.MethodDNSTXT, "")
			if err == nil {
				break
			}
			wait(t, a, who, wantKind(t, err, KindConflict).Attempt.ID)
		}
		untilState(t, a, who, "n0.example.com", zonehold.StateVerified)
		if _, bad := orphanProofs(t, s); bad > 0 {
			t.Errorf("%d proofs without what they rest on, in the end", bad)
		}
	})
}

// orphanProofs counts, in one statement, the proofs that rest on something and
// those of them whose source is gone.
func orphanProofs(t testing.TB, s *store.Store) (proofs, bad int) {
	t.Helper()
	err := s.Writer().QueryRowContext(t.Context(), `SELECT count(*), coalesce(sum(CASE
		WHEN proof_source LIKE 'pol%' AND EXISTS (SELECT 1 FROM policies WHERE id = proof_source AND revoked_at = 0) THEN 0
		WHEN proof_source LIKE 'dom%' AND EXISTS (SELECT 1 FROM domains AS top WHERE top.id = domains.proof_source AND top.deleted_at = 0
			AND top.state IN ('verified', 'at_risk')) THEN 0
		WHEN proof_source LIKE 'del%' AND EXISTS (SELECT 1 FROM delegations JOIN domains AS top ON top.id = delegations.domain_id
			WHERE delegations.id = domains.proof_source AND delegations.revoked_at = 0 AND top.deleted_at = 0 AND top.state IN ('verified', 'at_risk')) THEN 0
		ELSE 1 END), 0) FROM domains
		WHERE deleted_at = 0 AND state IN ('verified', 'at_risk') AND method IN ('existing_domain', 'delegated', 'whitelist')`).Scan(&proofs, &bad)
	if err != nil {
		t.Fatal(err)
	}
	return proofs, bad
}

// One verified account per name: what is known obeys it as well, but what the
// owner gave is no rival.
func TestExclusiveAndWhatIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		cfg := p.config()
		cfg.Exclusive = true
		a := start1(t, s, cfg, quick)
		owner, beta := actor(t, s, "owner"), actor(t, s, "beta")
		proven(t, a, p, owner, "example.com", zonehold.MethodDNSTXT)
		policy(t, a, zonehold.MethodWaved, "example.com", "beta")
		d := create(t, a, beta, "example.com")
		if d = settled(t, a, beta, d.ID); d.State != zonehold.StatePending || d.Problem != nil {
			t.Errorf("a rival by waiver: %+v", d)
		}
		at := wait(t, a, beta, begin(t, a, beta, d.ID, zonehold.MethodWaved).ID)
		if at.Outcome != zonehold.OutcomeRefused || at.Problem == nil || at.Problem.Code != "claimed_by_other_account" {
			t.Errorf("%+v, %+v", at, at.Problem)
		}
		if _, err := a.Delegate(t.Context(), owner, NewDelegation{Domain: "example.com", Account: "beta"}); err != nil {
			t.Fatal(err)
		}
		if d = untilState(t, a, beta, d.ID, zonehold.StateVerified); d.Method != zonehold.MethodDelegated {
			t.Errorf("by %s", d.Method)
		}
		// The owner may prove anew, whatever those have who were given it.
		wait(t, a, owner, begin(t, a, owner, "example.com", zonehold.MethodDNSTXT).ID)
		if d := get(t, a, owner, "example.com"); d.State != zonehold.StateVerified {
			t.Errorf("the owner is %s", d.State)
		}
	})
}

// A result that is dropped, because its run was taken away, says nothing
// against another account in the same transaction.
func TestDroppedResultIsNoRival(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		b := newBlocking()
		a := start1(t, s, Config{Check: b.check, Exclusive: true}, quick)
		var finishes []*finish
		for _, name := range []string{"alpha", "beta"} {
			who := actor(t, s, name)
			d := create(t, a, who, "example.com")
			begin(t, a, who, d.ID, zonehold.MethodDNSTXT)
			recv(t, b.begun)
			under, err := s.Unfinished(t.Context(), []string{d.ID})
			if err != nil {
				t.Fatal(err)
			}
			f := &finish{attempt: under[d.ID]}
			f.take(report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), nil)
			finishes = append(finishes, f)
		}
		finishes[0].attempt.Run++ // of a run that is not the current one
		if err := a.commitFinishes(t.Context(), finishes); err != nil {
			t.Fatal(err)
		}
		if finishes[0].applied || !finishes[1].applied || finishes[1].outcome != zonehold.OutcomeVerified {
			t.Errorf("applied %v, %v: %s", finishes[0].applied, finishes[1].applied, finishes[1].outcome)
		}
		b.end <- zonehold.OutcomeAbsent
		b.end <- zonehold.OutcomeAbsent
	})
}
