package app

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// However often a right was given and taken back, the one in force is seen.
func TestManyEndedRights(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		giver, taker := actor(t, s, "alpha"), actor(t, s, "beta")
		d := proven(t, a, p, giver, "example.com", zonehold.MethodDNSTXT)
		if _, err := a.Delegate(t.Context(), giver, NewDelegation{Domain: d.ID, Account: taker.Account.ID}); err != nil {
			t.Fatal(err)
		}
		mine := create(t, a, taker, "example.com")
		if mine.State != zonehold.StateVerified || mine.Method != zonehold.MethodDelegated {
			t.Fatalf("%s by %q", mine.State, mine.Method)
		}
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			for i := range maxStanding + 5 {
				at := time.Now().Add(time.Duration(i) * time.Second)
				if err := tx.InsertDelegation(t.Context(), &zonehold.Delegation{
					ID: zonehold.NewID(zonehold.PrefixDelegation), DomainID: d.ID, FromAccount: giver.Account.ID, ToAccount: taker.Account.ID,
					Hostname: "example.com", CreatedAt: at, RevokedAt: at,
				}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if at := wait(t, a, taker, begin(t, a, taker, mine.ID, zonehold.MethodDelegated).ID); at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%s, %+v", at.Outcome, at.Problem)
		}
		if got := get(t, a, taker, mine.ID); got.State != zonehold.StateVerified {
			t.Errorf("the claim is %s", got.State)
		}
	})
}

// However many hosts are proved on the way, the proof that covers is seen.
func TestManyParents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := new(placed)
		a := start1(t, s, p.config(), quick)
		who := actor(t, s, "alpha")
		proven(t, a, p, who, "example.com", zonehold.MethodDNSTXT)
		now := time.Now().UTC().Truncate(time.Microsecond)
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			for i := range maxStanding + 5 {
				if err := tx.InsertDomain(t.Context(), &store.Domain{Domain: zonehold.Domain{
					ID: zonehold.NewID(zonehold.PrefixDomain), AccountID: who.Account.ID, Hostname: "a.example.com", Scheme: "https", Port: uint16(8000 + i),
					Profile: zonehold.ProfileZonehold, Generation: 1, Version: 1, State: zonehold.StateVerified, StateSince: now, VerifiedAt: now,
					Method: zonehold.MethodFile, Assurance: zonehold.AssuranceHost, Covers: zonehold.CoversHost, CreatedAt: now, UpdatedAt: now,
				}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := create(t, a, who, "x.a.example.com"); d.State != zonehold.StateVerified || d.Method != zonehold.MethodExistingDomain {
			t.Errorf("%s by %q", d.State, d.Method)
		}
	})
}
