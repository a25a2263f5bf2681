package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func account(t testing.TB, s *store.Store, name string) zonehold.Account {
	t.Helper()
	a, err := s.CreateAccount(t.Context(), zonehold.Account{Name: name, Email: name + "@example.org", EmailConfirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func domain(t testing.TB, s *store.Store, a zonehold.Account, name string) *store.Domain {
	t.Helper()
	tokens, err := zonehold.NewTokens(zonehold.ProfileZonehold, "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	d := &store.Domain{Domain: zonehold.Domain{
		ID: zonehold.NewID(zonehold.PrefixDomain), AccountID: a.ID, Hostname: zonehold.Hostname(name),
		Profile: zonehold.ProfileZonehold, Tokens: tokens, Generation: 1, Version: 1, State: zonehold.StatePending,
		StateSince: now, CreatedAt: now, UpdatedAt: now, Tags: []string{},
	}}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertDomain(t.Context(), d) }); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAccountsAndTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		if a.Number <= 0 || a.Number == b.Number || !zonehold.ValidID(zonehold.PrefixAccount, a.ID) {
			t.Fatalf("accounts %+v, %+v", a, b)
		}
		if _, err := s.CreateAccount(ctx, zonehold.Account{Name: "alpha"}); !errors.Is(err, store.ErrExists) {
			t.Errorf("second account of a name: %v", err)
		}
		if got, err := s.AccountByName(ctx, "alpha"); err != nil || got != a {
			t.Errorf("AccountByName = %+v, %v", got, err)
		}
		if _, err := s.Account(ctx, "acc_none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown account: %v", err)
		}
		if _, err := s.AccountByName(ctx, "a\x00\xff"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("hostile name: %v", err)
		}
		all, err := s.Accounts(ctx)
		if diff := cmp.Diff([]zonehold.Account{a, b}, all); err != nil || diff != "" {
			t.Errorf("Accounts: %v\n%s", err, diff)
		}

		now := time.Now().UTC().Truncate(time.Microsecond)
		token := store.Token{ID: "tok_1", AccountID: a.ID, Name: "x\x00y", Prefix: "zhp_ab", Hash: sha256.Sum256([]byte("secret")),
			Scopes: []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeAdmin}, CreatedAt: now}
		if err := s.InsertToken(ctx, token); err != nil {
			t.Fatal(err)
		}
		token.Name = "x\u2400y"
		got, owner, err := s.TokenByHash(ctx, token.Hash)
		if diff := cmp.Diff(token, got); err != nil || diff != "" || owner != a {
			t.Errorf("TokenByHash: %v, %+v\n%s", err, owner, diff)
		}
		if err := s.InsertToken(ctx, token); !errors.Is(err, store.ErrExists) {
			t.Errorf("second token of a hash: %v", err)
		}
		if err := s.TouchToken(ctx, "tok_1", now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeToken(ctx, b.ID, "tok_1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoking another account's token: %v", err)
		}
		if err := s.RevokeToken(ctx, a.ID, "tok_1"); err != nil {
			t.Fatal(err)
		}
		list, err := s.Tokens(ctx, a.ID)
		if err != nil || len(list) != 1 || list[0].RevokedAt.IsZero() || !list[0].LastUsedAt.Equal(now.Add(time.Minute)) {
			t.Errorf("Tokens = %+v, %v", list, err)
		}
	})
}

func TestAccountNumbersUnderRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			numbers = map[int64]bool{}
		)
		for i := range 8 {
			wg.Go(func() {
				a, err := s.CreateAccount(t.Context(), zonehold.Account{Name: fmt.Sprint("n", i)})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || numbers[a.Number] {
					t.Errorf("account %+v: %v", a, err)
				}
				numbers[a.Number] = true
			})
		}
		wg.Wait()
	})
}

func TestDomainRoundTrip(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := account(t, s, "alpha")
		d := domain(t, s, a, "example.com")
		err := s.InTx(ctx, func(tx *store.Tx) error {
			locked, err := tx.LockDomains(ctx, []string{d.ID})
			if err != nil {
				return err
			}
			d = locked[d.ID]
			d.Tags, d.BasicUser, d.DNSHost = []string{"a\u0000b", "\"'<"}, "user", []byte(`{"name":"X"}`)
			d.Port, d.Scheme, d.State, d.VerifiedAt = 8443, "https", zonehold.StateVerified, d.CreatedAt
			if err := s.SetBasicPassword(d, "hunter2\x00"); err != nil {
				return err
			}
			return tx.UpdateDomain(ctx, d)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DomainByHost(ctx, a.ID, "https", "example.com", 8443)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d.Domain, got.Domain); diff != "" {
			t.Error(diff)
		}
		if got.Version != 2 || got.BasicUser != "user" || string(got.DNSHost) != `{"name":"X"}` {
			t.Errorf("got %+v", got)
		}
		if password, err := s.BasicPassword(got); err != nil || password != "hunter2\x00" {
			t.Errorf("BasicPassword = %q, %v", password, err)
		}
		if _, err := s.DomainByID(ctx, "acc_other", d.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another account's domain: %v", err)
		}
		// A second claim on the same host is refused by the database itself.
		again := *got
		again.ID = zonehold.NewID(zonehold.PrefixDomain)
		err = s.InTx(ctx, func(tx *store.Tx) error { return tx.InsertDomain(ctx, &again) })
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("second claim: %v", err)
		}
	})
}

func TestDomainListOrderAndPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := account(t, s, "alpha")
		var want []string
		for _, name := range []string{"a-b.example", "a.example", "a_b.example", "aa.example", "b.example", "xn--e1afmkfd.example"} {
			domain(t, s, a, name)
			want = append(want, name)
		}
		domain(t, s, account(t, s, "beta"), "c.example")
		var (
			got   []string
			after *store.DomainKey
		)
		for range 10 {
			page, err := s.Domains(ctx, store.DomainFilter{AccountID: a.ID, Order: store.DomainOrder{By: "hostname"}, After: after, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				got = append(got, string(d.Hostname))
			}
			last := page[len(page)-1]
			after = &store.DomainKey{Name: string(last.Hostname), ID: last.ID}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages by hostname (byte order, on both engines):\n%s", diff)
		}
		found, err := s.Domains(ctx, store.DomainFilter{AccountID: a.ID, Text: "a_b", Order: store.DomainOrder{By: "created_at", Desc: true}})
		if err != nil || len(found) != 1 || found[0].Hostname != "a_b.example" {
			t.Errorf("search for an underscore: %v, %v", found, err)
		}
	})
}

func TestClaimTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		d := domain(t, s, a, "example.com")
		other := func(account, value string) bool {
			t.Helper()
			is, err := s.TokenOfOtherClaim(ctx, value, account, "example.com")
			if err != nil {
				t.Fatal(err)
			}
			return is
		}
		if other(a.ID, d.Tokens.TXT) || !other(b.ID, d.Tokens.TXT) || other(b.ID, "none") || other(b.ID, strings.Repeat("x", 4000)) {
			t.Error("TokenOfOtherClaim is wrong for live tokens")
		}
		now := time.Now()
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.RetireClaimTokens(ctx, d.ID, now) }); err != nil {
			t.Fatal(err)
		}
		if other(b.ID, d.Tokens.TXT) {
			t.Error("a retired token counts as live")
		}
		again := *d
		again.Tokens = zonehold.Tokens{TXT: d.Tokens.Meta}
		all, err := s.OldTokens(ctx, &again)
		old := all[d.ID]
		if err != nil || len(old) != 3 || !old[0].RetiredAt.Equal(now.UTC().Truncate(time.Microsecond)) {
			t.Errorf("OldTokens = %v, %v", old, err)
		}
	})
}

func TestEventsAreGapFreeUnderRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := range 10 {
					err := s.InTx(ctx, func(tx *store.Tx) error {
						events := []*zonehold.Event{
							{ID: zonehold.NewID("evt"), AccountID: a.ID, Type: zonehold.EventDomainUpdated, Data: []byte(`{}`), CreatedAt: time.Now()},
							{ID: zonehold.NewID("evt"), AccountID: b.ID, Type: zonehold.EventDomainUpdated, Data: []byte(`{}`), CreatedAt: time.Now()},
						}
						if (w+i)%2 == 0 {
							events[0], events[1] = events[1], events[0]
						}
						if err := tx.AppendEvents(ctx, events); err != nil {
							return err
						}
						if i == 5 {
							return errors.New("rolled back")
						}
						return nil
					})
					if (err != nil) != (i == 5) {
						t.Errorf("appending: %v", err)
					}
				}
			})
		}
		wg.Wait()
		events, err := s.Events(ctx, a.ID, "", 1000)
		if err != nil || len(events) != 54 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for i, e := range events {
			if e.Seq != int64(i)+1 {
				t.Fatalf("event %d has number %d", i, e.Seq)
			}
		}
		rest, err := s.Events(ctx, a.ID, events[50].ID, 1000)
		if err != nil || len(rest) != 3 {
			t.Errorf("after the 51st: %d, %v", len(rest), err)
		}
		if _, err := s.Events(ctx, b.ID, events[50].ID, 10); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another account's event: %v", err)
		}
	})
}

func TestAttemptFence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := account(t, s, "alpha")
		d := domain(t, s, a, "example.com")
		now := time.Now().UTC().Truncate(time.Microsecond)
		attempt := &store.Attempt{Attempt: zonehold.Attempt{ID: zonehold.NewID("att"), DomainID: d.ID, Trigger: zonehold.TriggerRequest,
			State: zonehold.AttemptQueued, CreatedAt: now}, AccountID: a.ID, Registrable: "example.com", Generation: 1, ReadyAt: now}
		in := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := s.InTx(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}
		in(func(tx *store.Tx) error { return tx.InsertAttempts(ctx, []*store.Attempt{attempt}) })
		second := *attempt
		second.ID = zonehold.NewID("att")
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.InsertAttempts(ctx, []*store.Attempt{&second}) }); !errors.Is(err, store.ErrExists) {
			t.Errorf("second unfinished attempt: %v", err)
		}
		claim := func(node string) (got *store.Attempt) {
			in(func(tx *store.Tx) error {
				list, err := tx.Claim(ctx, []string{attempt.ID}, node, now)
				if len(list) == 1 {
					got = list[0]
				}
				return err
			})
			return got
		}
		first := claim("node1")
		if first == nil || first.Run != 1 || claim("node2") != nil {
			t.Fatalf("claims: %+v", first)
		}
		in(func(tx *store.Tx) error {
			ids, err := tx.Requeue(ctx, []store.Ref{first.Ref()}, now)
			if len(ids) != 1 {
				t.Errorf("requeued %v", ids)
			}
			return err
		})
		next := claim("node1")
		if next == nil || next.Run != 2 {
			t.Fatalf("second claim: %+v", next)
		}
		finish := func(ref store.Ref) (ok bool) {
			in(func(tx *store.Tx) error {
				done, err := tx.Finish(ctx, []store.Finish{{Ref: ref, State: zonehold.AttemptDone, Method: zonehold.MethodFile,
					Outcome: zonehold.OutcomeAbsent, FinishedAt: now, Steps: []zonehold.Step{{Name: "x", Result: "a\x00\xffb"}}}})
				ok = done[ref.ID]
				return err
			})
			return ok
		}
		if finish(first.Ref()) {
			t.Error("the result of a run that was taken away counted")
		}
		if !finish(next.Ref()) || finish(next.Ref()) {
			t.Error("the result must count exactly once")
		}
		got, err := s.Attempt(ctx, a.ID, attempt.ID)
		if err != nil || got.State != zonehold.AttemptDone || got.Method != zonehold.MethodFile || len(got.Steps) != 1 {
			t.Errorf("attempt %+v, %v", got, err)
		}
	})
}

func TestOrphans(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := account(t, s, "alpha")
		for i, node := range []string{"self", "alive", "dead"} {
			d := domain(t, s, a, fmt.Sprintf("n%d.example", i))
			attempt := &store.Attempt{Attempt: zonehold.Attempt{ID: zonehold.NewID("att"), DomainID: d.ID, State: zonehold.AttemptRunning,
				Trigger: zonehold.TriggerRequest, CreatedAt: time.Now()}, AccountID: a.ID, Generation: 1, NodeID: node, Run: 1}
			if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.InsertAttempts(ctx, []*store.Attempt{attempt}) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := s.Beat(ctx, "alive", "host", "m", []string{"m"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Beat(ctx, "alive", "host", "m", []string{"m"}); err != nil {
			t.Fatal(err)
		}
		orphans, err := s.Orphans(ctx, "self", time.Hour)
		if err != nil || len(orphans) != 1 || orphans[0].NodeID != "dead" {
			t.Errorf("orphans %+v, %v", orphans, err)
		}
		// Alone on the database, nobody else is alive, even if the clock has
		// stepped back since it beat.
		if _, err := s.Writer().ExecContext(ctx, "UPDATE nodes SET beat_at = beat_at + 3600000000"); err != nil {
			t.Fatal(err)
		}
		if orphans, err := s.Orphans(ctx, "self", 0); err != nil || len(orphans) != 2 {
			t.Errorf("orphans of a server that is alone: %+v, %v", orphans, err)
		}
		if n, err := s.LiveNodes(ctx, time.Hour); n != 1 || err != nil {
			t.Errorf("%d live nodes, %v", n, err)
		}
		if queued, running, err := s.QueueDepth(ctx); queued != 0 || running != 3 || err != nil {
			t.Errorf("depth %d, %d, %v", queued, running, err)
		}
	})
}

func TestIdempotency(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		hash, other := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
		begin := func(h [32]byte) (*store.IdempotentReply, error) { return s.BeginIdempotent(ctx, "acc", "key\x00", h) }
		if reply, err := begin(hash); reply != nil || err != nil {
			t.Fatalf("first: %v, %v", reply, err)
		}
		if _, err := begin(hash); !errors.Is(err, store.ErrRunning) {
			t.Errorf("while running: %v", err)
		}
		if _, err := begin(other); !errors.Is(err, store.ErrMismatch) {
			t.Errorf("another request: %v", err)
		}
		want := store.IdempotentReply{Status: 201, Header: map[string][]string{"Location": {"/x"}}, Body: []byte("{}\x00")}
		if err := s.FinishIdempotent(ctx, "acc", "key\x00", want); err != nil {
			t.Fatal(err)
		}
		got, err := begin(hash)
		if diff := cmp.Diff(&want, got); err != nil || diff != "" {
			t.Errorf("replay: %v\n%s", err, diff)
		}
		if _, err := begin(other); !errors.Is(err, store.ErrMismatch) {
			t.Errorf("another request later: %v", err)
		}
		if _, err := s.BeginIdempotent(ctx, "acc", "k2", hash); err != nil {
			t.Fatal(err)
		}
		if err := s.AbandonIdempotent(ctx, "acc", "k2"); err != nil {
			t.Fatal(err)
		}
		if reply, err := s.BeginIdempotent(ctx, "acc", "k2", hash); reply != nil || err != nil {
			t.Errorf("after abandoning: %v, %v", reply, err)
		}
	})
}

func TestEvidence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a := account(t, s, "alpha")
		d := domain(t, s, a, "example.com")
		bodies := map[string][]byte{"att_small": []byte(`{"a":1}`), "att_large": []byte(`"` + strings.Repeat("abc", 50000) + `"`)}
		for id, body := range bodies {
			err := s.InTx(ctx, func(tx *store.Tx) error {
				err := tx.InsertAttempts(ctx, []*store.Attempt{{Attempt: zonehold.Attempt{ID: id, DomainID: d.ID, State: zonehold.AttemptDone}, AccountID: a.ID}})
				if err != nil {
					return err
				}
				return tx.InsertEvidence(ctx, []store.NewEvidence{{AttemptID: id, Packed: store.Pack(body)}})
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Evidence(ctx, a.ID, id); err != nil || string(got.Body) != string(body) || got.Link != nil {
				t.Errorf("%s: %+v, %v", id, got, err)
			}
			if _, err := s.Evidence(ctx, "acc_other", id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another account's evidence: %v", err)
			}
		}
	})
}
