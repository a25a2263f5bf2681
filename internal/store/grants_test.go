package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func inTx(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func prove(t testing.TB, s *store.Store, d *store.Domain, method zonehold.Method, source string) {
	t.Helper()
	inTx(t, s, func(tx *store.Tx) error {
		locked, err := tx.LockDomains(t.Context(), []string{d.ID})
		if err != nil {
			return err
		}
		d := locked[d.ID]
		d.State, d.Method, d.Assurance, d.Covers, d.ProofSource = zonehold.StateVerified, method, zonehold.AssuranceDNS, zonehold.CoversSubtree, source
		return tx.UpdateVerdicts(t.Context(), []*store.Domain{d})
	})
}

func TestPolicies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		now := time.Now().UTC().Truncate(time.Microsecond)
		add := func(method zonehold.Method, pattern, accountID string, age time.Duration, expires time.Time) zonehold.Policy {
			t.Helper()
			p := zonehold.Policy{ID: zonehold.NewID(zonehold.PrefixPolicy), Method: method, Pattern: zonehold.NamePattern(pattern), AccountID: accountID,
				Actor: "eve\x00", Reason: "r", CreatedAt: now.Add(-age), ExpiresAt: expires}
			inTx(t, s, func(tx *store.Tx) error { return tx.InsertPolicy(ctx, &p) })
			p.Actor = "eve\u2400"
			return p
		}
		exact := add(zonehold.MethodWhitelist, "www.example.com", "", 4*time.Hour, time.Time{})
		below := add(zonehold.MethodWaved, "*.example.com", a.ID, 3*time.Hour, now.Add(time.Hour))
		label := add(zonehold.MethodAuto, "{account}.example.com", "", 2*time.Hour, time.Time{})
		over := add(zonehold.MethodWaved, "*.example.com", a.ID, time.Hour, now.Add(-time.Minute))
		add(zonehold.MethodWaved, "*.www.example.com", a.ID, 0, time.Time{}) // not itself
		others := add(zonehold.MethodWaved, "*.example.com", b.ID, 0, time.Time{})

		overName := func(name zonehold.Hostname) (out []zonehold.Policy, err error) {
			found, err := s.PoliciesOver(ctx, a.ID, []zonehold.Hostname{name}, now)
			for _, p := range found {
				if p.Gives(zonehold.Account{ID: a.ID, Name: "www"}, name) {
					out = append(out, p)
				}
			}
			return out, err
		}
		got, err := overName("www.example.com")
		if diff := cmp.Diff([]zonehold.Policy{label, below, exact, over}, got); err != nil || diff != "" {
			t.Errorf("over the name: %v\n%s", err, diff)
		}
		got, err = overName("example.com")
		if err != nil || len(got) != 0 {
			t.Errorf("a pattern below a name covers the name itself: %v, %v", got, err)
		}

		list := func(f store.PolicyFilter) (ids []string) {
			t.Helper()
			if f.Limit == 0 {
				f.Limit = 100
			}
			found, err := s.Policies(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range found {
				ids = append(ids, p.ID)
			}
			return ids
		}
		if got := list(store.PolicyFilter{Name: "www.example.com", InForce: now}); !slices.Equal(got, []string{others.ID, label.ID, below.ID, exact.ID}) {
			t.Errorf("by name: %v", got)
		}
		if got := list(store.PolicyFilter{Name: "example.com"}); got != nil {
			t.Errorf("by a name without one: %v", got)
		}
		if got := list(store.PolicyFilter{Method: zonehold.MethodAuto}); !slices.Equal(got, []string{label.ID}) {
			t.Errorf("by method: %v", got)
		}
		all := list(store.PolicyFilter{})
		var paged []string
		var after *store.DomainKey
		for range 10 {
			found, err := s.Policies(ctx, store.PolicyFilter{After: after, Limit: 2})
			if err != nil || len(found) == 0 {
				break
			}
			for _, p := range found {
				paged = append(paged, p.ID)
			}
			last := found[len(found)-1]
			after = &store.DomainKey{Time: last.CreatedAt, ID: last.ID}
		}
		if len(all) != 6 || !slices.Equal(all, paged) {
			t.Errorf("pages %v, want %v", paged, all)
		}

		inTx(t, s, func(tx *store.Tx) error {
			locked, err := tx.LockPolicies(ctx, []string{below.ID, "pol_none"})
			if err != nil || len(locked) != 1 || locked[below.ID] == nil {
				t.Errorf("locked %v, %v", locked, err)
			}
			return tx.EndPolicy(ctx, below.ID, "mallory", "mistake", now)
		})
		if got := list(store.PolicyFilter{InForce: now, Method: zonehold.MethodWaved, Name: "x.example.com"}); !slices.Equal(got, []string{others.ID}) {
			t.Errorf("after the end: %v", got)
		}
		if got, err := overName("www.example.com"); err != nil || len(got) != 4 || got[0].ID != label.ID || got[1].ID != exact.ID || got[3].RevokedBy != "mallory" {
			t.Errorf("after the end: %+v, %v", got, err)
		}
	})
}

func TestDelegations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b, c := account(t, s, "alpha"), account(t, s, "beta"), account(t, s, "gamma")
		d := domain(t, s, a, "example.com")
		now := time.Now().UTC().Truncate(time.Microsecond)
		give := func(to zonehold.Account, name string) (zonehold.Delegation, error) {
			del := zonehold.Delegation{ID: zonehold.NewID(zonehold.PrefixDelegation), DomainID: d.ID, FromAccount: a.ID, ToAccount: to.ID,
				Hostname: zonehold.Hostname(name), Reason: "r", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			return del, s.InTx(ctx, func(tx *store.Tx) error { return tx.InsertDelegation(ctx, &del) })
		}
		first, err := give(b, "example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := give(b, "example.com"); !errors.Is(err, store.ErrExists) {
			t.Errorf("twice: %v", err)
		}
		if _, err := give(b, "www.example.com"); err != nil {
			t.Error(err)
		}
		if _, err := give(c, "example.com"); err != nil {
			t.Error(err)
		}
		prove(t, s, d, zonehold.MethodDNSTXT, "")
		got, err := s.Delegation(ctx, b.ID, first.ID)
		want := &store.Delegation{Delegation: first, FromName: "alpha", ToName: "beta", Source: store.DelegatedDomain{
			Hostname: "example.com", Method: zonehold.MethodDNSTXT, Assurance: zonehold.AssuranceDNS, Covers: zonehold.CoversSubtree, Verified: true}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if _, err := s.Delegation(ctx, c.ID, first.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("for a third account: %v", err)
		}
		count := func(f store.DelegationFilter) int {
			t.Helper()
			f.Limit = 100
			found, err := s.Delegations(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			return len(found)
		}
		for i, tc := range []struct {
			f    store.DelegationFilter
			want int
		}{
			{store.DelegationFilter{AccountID: a.ID, Given: true, Received: true}, 3},
			{store.DelegationFilter{AccountID: a.ID, Received: true}, 0},
			{store.DelegationFilter{AccountID: b.ID, Given: true, Received: true}, 2},
			{store.DelegationFilter{AccountID: b.ID, Received: true, Hostname: "www.example.com"}, 1},
			{store.DelegationFilter{AccountID: a.ID, Given: true, OfDomain: d.ID}, 3},
			{store.DelegationFilter{AccountID: a.ID, Given: true, OfDomain: "dom_none"}, 0},
			{store.DelegationFilter{AccountID: b.ID, Received: true, InForce: now.Add(2 * time.Hour)}, 0},
			{store.DelegationFilter{AccountID: b.ID}, 0},
		} {
			if got := count(tc.f); got != tc.want {
				t.Errorf("%d: %d delegations, want %d", i, got, tc.want)
			}
		}
		inTx(t, s, func(tx *store.Tx) error {
			of, err := tx.DelegatedFrom(ctx, []string{first.ID, "del_none"})
			if diff := cmp.Diff(map[string]string{first.ID: d.ID}, of); diff != "" {
				t.Error(diff)
			}
			return err
		})
		inTx(t, s, func(tx *store.Tx) error {
			was, err := tx.EndDelegation(ctx, first.ID, "x", now)
			again, err2 := tx.EndDelegation(ctx, first.ID, "y", now)
			if !was || again {
				t.Errorf("ended %v, again %v", was, again)
			}
			return errors.Join(err, err2)
		})
		inTx(t, s, func(tx *store.Tx) error {
			locked, err := tx.LockDelegations(ctx, []string{first.ID})
			if locked[first.ID].RevokeReason != "x" {
				t.Errorf("locked %+v", locked)
			}
			return err
		})
		if _, err := give(b, "example.com"); err != nil {
			t.Errorf("again after the end: %v", err)
		}
		inTx(t, s, func(tx *store.Tx) error {
			ended, err := tx.EndDelegationsOf(ctx, []string{d.ID}, "gone", now)
			if len(ended) != 3 || !ended[0].RevokedAt.Equal(now) || ended[0].RevokeReason != "gone" {
				t.Errorf("ended %+v", ended)
			}
			return err
		})
		if n := count(store.DelegationFilter{AccountID: a.ID, Given: true, InForce: now}); n != 0 {
			t.Errorf("%d still in force", n)
		}
	})
}

func TestGroundsAndProvedNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		if _, err := s.Grounds(ctx, "acc_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no account: %v", err)
		}
		if g, err := s.Grounds(ctx, a.ID); err != nil || g.Account != a || g.Proved || g.Delegated || g.Policies || g.Connection {
			t.Errorf("nothing yet: %+v, %v", g, err)
		}
		top, sub := domain(t, s, a, "example.com"), domain(t, s, a, "sub.example.com")
		domain(t, s, a, "other.example")
		foreign := domain(t, s, b, "example.com")
		prove(t, s, foreign, zonehold.MethodDNSTXT, "")
		prove(t, s, top, zonehold.MethodDNSTXT, "")
		prove(t, s, sub, zonehold.MethodDNSTXT, "")
		if g, err := s.Grounds(ctx, a.ID); err != nil || !g.Proved {
			t.Errorf("proved: %+v, %v", g, err)
		}
		found, err := s.VerifiedAmong(ctx, a.ID, []zonehold.Hostname{"a.sub.example.com", "sub.example.com", "example.com"})
		if err != nil || len(found) != 2 {
			t.Fatalf("%d found, %v", len(found), err)
		}
		for _, d := range found {
			if d.ID != top.ID && d.ID != sub.ID {
				t.Errorf("found %s of %s", d.Hostname, d.AccountID)
			}
		}
		domain(t, s, a, "example.net")
		domain(t, s, a, "www.example.org")
		domain(t, s, b, "example.org")
		names, err := s.Beginning(ctx, a.ID, []string{"example.", "www.example."}, 20)
		if diff := cmp.Diff([]zonehold.Hostname{"example.com", "example.net", "www.example.org"}, names); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestRestingOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		one, two, three := domain(t, s, a, "a.example.com"), domain(t, s, a, "b.example.com"), domain(t, s, b, "c.example.com")
		prove(t, s, one, zonehold.MethodExistingDomain, "dom_1")
		prove(t, s, two, zonehold.MethodEmail, "x@example.com")
		prove(t, s, three, zonehold.MethodEmail, "x@example.com")
		if got, err := s.DomainByID(t.Context(), a.ID, one.ID); err != nil || got.ProofSource != "dom_1" {
			t.Errorf("stored source %q, %v", got.ProofSource, err)
		}
		for _, tc := range []struct {
			sources []store.Source
			want    map[string]string
		}{
			{nil, map[string]string{}},
			{[]store.Source{{ID: ""}}, map[string]string{}},
			{[]store.Source{{ID: "dom_1"}}, map[string]string{one.ID: "dom_1"}},
			{[]store.Source{{ID: "dom_1", AccountID: b.ID}}, map[string]string{}},
			{[]store.Source{{ID: "x@example.com", AccountID: b.ID}}, map[string]string{three.ID: "x@example.com"}},
			{[]store.Source{{ID: "x@example.com"}, {ID: "dom_1"}}, map[string]string{one.ID: "dom_1", two.ID: "x@example.com", three.ID: "x@example.com"}},
		} {
			inTx(t, s, func(tx *store.Tx) error {
				got, err := tx.RestingOn(t.Context(), tc.sources)
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%v:\n%s", tc.sources, diff)
				}
				return err
			})
		}
	})
}

func TestLooks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		ids := map[string]string{}
		for _, name := range []string{"example.com", "a.example.com", "b.a.example.com", "aexample.com", "alpha.example.com", "x.alpha.example.com", "example.com.example.net"} {
			ids["a/"+name] = domain(t, s, a, name).ID
		}
		for _, name := range []string{"example.com", "a.example.com", "beta.example.com"} {
			ids["b/"+name] = domain(t, s, b, name).ID
		}
		proved := domain(t, s, a, "proved.example.com")
		prove(t, s, proved, zonehold.MethodExistingDomain, "dom_1")
		due := func() (names []string) {
			found, err := taken(ctx, s, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range found {
				who := "a/"
				if d.AccountID == b.ID {
					who = "b/"
				}
				domains, err := s.DomainsByID(ctx, []string{d.ID})
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, who+string(domains[d.ID].Hostname))
			}
			slices.Sort(names)
			return names
		}
		for i, tc := range []struct {
			look store.Look
			want []string
		}{
			{store.Look{AccountID: a.ID, Name: "example.com", Reach: store.ReachName}, []string{"a/example.com"}},
			{store.Look{Name: "example.com", Reach: store.ReachName}, []string{"a/example.com", "b/example.com"}},
			{store.Look{AccountID: a.ID, Name: "example.com", Reach: store.ReachBelow}, []string{"a/a.example.com", "a/alpha.example.com", "a/b.a.example.com", "a/x.alpha.example.com"}},
			{store.Look{AccountID: b.ID, Name: "example.com", Reach: store.ReachBelow}, []string{"b/a.example.com", "b/beta.example.com"}},
			{store.Look{Name: "example.com", Reach: store.ReachLabel}, []string{"a/alpha.example.com", "a/x.alpha.example.com", "b/beta.example.com"}},
			{store.Look{AccountID: b.ID, Reach: store.ReachAll}, []string{"b/a.example.com", "b/beta.example.com", "b/example.com"}},
			{store.Look{Name: "dom_1", Reach: store.ReachProof}, []string{"a/proved.example.com"}},
		} {
			for _, limit := range []int{1, 2, 100} {
				more, rounds := &tc.look, 0
				for ; more != nil; rounds++ {
					next := *more
					inTx(t, s, func(tx *store.Tx) (err error) {
						more, err = tx.MarkDue(ctx, next, time.Now(), limit)
						return err
					})
					if rounds > 20 {
						t.Fatal("no end")
					}
				}
				if diff := cmp.Diff(tc.want, due()); diff != "" {
					t.Errorf("%d, %d at a time:\n%s", i, limit, diff)
				}
				if _, err := s.Writer().ExecContext(ctx, "UPDATE domains SET next_check_at = 0"); err != nil {
					t.Fatal(err)
				}
			}
		}
		// A claim that has its proof is not checked, but its version counts.
		was, err := s.DomainByID(ctx, a.ID, proved.ID)
		if err != nil {
			t.Fatal(err)
		}
		inTx(t, s, func(tx *store.Tx) error {
			_, err := tx.MarkDue(ctx, store.Look{AccountID: a.ID, Name: "example.com", Reach: store.ReachBelow}, time.Now(), 100)
			return err
		})
		if now, err := s.DomainByID(ctx, a.ID, proved.ID); err != nil || now.Version != was.Version+1 || !now.NextCheckAt.IsZero() {
			t.Errorf("%+v, %v", now, err)
		}

		look := store.Look{AccountID: a.ID, Name: "example.com", Reach: store.ReachBelow, After: "dom_x"}
		inTx(t, s, func(tx *store.Tx) error { return tx.InsertLook(ctx, look) })
		if has, err := s.HasLook(ctx); !has || err != nil {
			t.Error(has, err)
		}
		inTx(t, s, func(tx *store.Tx) error {
			got, err := tx.TakeLook(ctx)
			if got == nil {
				t.Fatal("no look")
			}
			got.ID = ""
			if *got != look {
				t.Errorf("took %+v", got)
			}
			if got, err := tx.TakeLook(ctx); got != nil || err != nil {
				t.Errorf("took %+v, %v", got, err)
			}
			return err
		})
	})
}

// What another transaction holds is left for later, not waited for.
func TestMarkDueWaitsForNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if s.Engine() == store.SQLite {
			t.Skip("SQLite has one writer at a time")
		}
		ctx := t.Context()
		a := account(t, s, "alpha")
		var ids []string
		for i := range 4 {
			ids = append(ids, domain(t, s, a, fmt.Sprintf("n%d.example.com", i)).ID)
		}
		look := store.Look{AccountID: a.ID, Name: "example.com", Reach: store.ReachBelow}
		var more *store.Look
		inTx(t, s, func(tx *store.Tx) error {
			if _, err := tx.LockDomains(ctx, ids[1:2]); err != nil {
				return err
			}
			return s.InTx(ctx, func(other *store.Tx) (err error) {
				more, err = other.MarkDue(ctx, look, time.Now(), 100)
				return err
			})
		})
		if more == nil || !strings.HasSuffix(more.After, " "+ids[0]) {
			t.Fatalf("goes on %+v, want after %s", more, ids[0])
		}
		if due, err := taken(ctx, s, 100); err != nil || len(due) != 3 {
			t.Errorf("%d due, %v", len(due), err)
		}
	})
}

// taken lists what is due, and leaves it so.
func taken(ctx context.Context, s *store.Store, limit int) (due []store.Due, err error) {
	err = s.InTx(ctx, func(tx *store.Tx) error {
		due, err = tx.TakeDue(ctx, time.Now(), limit)
		return err
	})
	return due, err
}
