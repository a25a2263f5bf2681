package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func mailCode(t *testing.T, s *store.Store, a zonehold.Account, domainID string, address zonehold.MailAddress, code string, at time.Time) *store.MailCode {
	t.Helper()
	c := &store.MailCode{ID: zonehold.NewID("mco"), AccountID: a.ID, DomainID: domainID, Generation: 1, Address: address,
		CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
	var err error
	if c.Hash, err = s.HashCode(c.ID, code); err != nil {
		t.Fatal(err)
	}
	if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertMailCode(t.Context(), c) }); err != nil {
		t.Fatal(err)
	}
	return c
}

func tryCode(t *testing.T, s *store.Store, accountID, domainID string, address zonehold.MailAddress) (c *store.MailCode, err error) {
	t.Helper()
	err = s.InTx(t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.TryMailCode(t.Context(), accountID, domainID, address)
		return err
	})
	return c, err
}

func TestMailCodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		d := domain(t, s, a, "example.com")
		now := time.Now().UTC().Truncate(time.Microsecond)
		first := mailCode(t, s, a, d.ID, "admin@example.com", "FIRST", now)
		if _, err := tryCode(t, s, a.ID, d.ID, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a code that was not sent: %v", err)
		}
		if err := s.SentMailCode(ctx, first.ID, now, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		got, err := tryCode(t, s, a.ID, d.ID, "")
		want := *first
		want.Tries, want.SentAt, want.ExpiresAt = 1, now, now.Add(time.Minute)
		if diff := cmp.Diff(&want, got); err != nil || diff != "" {
			t.Errorf("TryMailCode: %v\n%s", err, diff)
		}
		second := mailCode(t, s, a, d.ID, "Postmaster@example.com", "SECOND", now)
		if err := s.SentMailCode(ctx, second.ID, now.Add(time.Second), now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, err = tryCode(t, s, a.ID, d.ID, ""); err != nil || got.ID != second.ID {
			t.Errorf("the newest code counts: %+v, %v", got, err)
		}
		for _, other := range []struct {
			account, domain string
			address         zonehold.MailAddress
		}{{b.ID, d.ID, ""}, {a.ID, "dom_other", ""}, {a.ID, "", "admin@example.com"}, {a.ID, d.ID, "webmaster@example.com"}} {
			if got, err := tryCode(t, s, other.account, other.domain, other.address); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%v finds %+v, %v", other, got, err)
			}
		}
		own := mailCode(t, s, a, "", "anna@example.net", "OWN", now)
		if err := s.SentMailCode(ctx, own.ID, now, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, err := tryCode(t, s, a.ID, "", "ANNA@example.net"); err != nil || got.ID != own.ID {
			t.Errorf("the code of an address: %+v, %v", got, err)
		}
		if used, err := usedCodes(t, s, d, 1, now.Add(-time.Hour)); err != nil || len(used) != 0 {
			t.Errorf("used before use: %v, %v", used, err)
		}
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.UseMailCode(ctx, second.ID, now) }); err != nil {
			t.Fatal(err)
		}
		used, err := usedCodes(t, s, d, 1, now.Add(-time.Hour))
		if err != nil || len(used) != 1 || used[0].ID != second.ID || !used[0].UsedAt.Equal(now) {
			t.Errorf("used: %v, %v", used, err)
		}
		if used, err := usedCodes(t, s, d, 2, now.Add(-time.Hour)); err != nil || len(used) != 0 {
			t.Errorf("used for another generation: %v, %v", used, err)
		}
		if err := s.PruneMailCodes(ctx, now.Add(time.Second), now.Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := tryCode(t, s, a.ID, "", "anna@example.net"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an old unused code is kept: %v", err)
		}
		if used, err := usedCodes(t, s, d, 1, now.Add(-time.Hour)); err != nil || len(used) != 1 {
			t.Errorf("a used code is forgotten: %v, %v", used, err)
		}
	})
}

func TestMailCodeCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		now := time.Now().UTC().Truncate(time.Microsecond)
		for i, c := range []struct {
			a       zonehold.Account
			address zonehold.MailAddress
		}{{a, "anna@example.com"}, {b, "ANNA+x@example.com"}, {a, "bob@example.com"}, {a, "bob@example.net"}} {
			mailCode(t, s, c.a, "", c.address, "x", now.Add(time.Duration(i)*time.Second))
		}
		for _, tt := range []struct {
			party, value string
			n            int
			since        time.Duration
			want         time.Duration // -1: none
		}{
			{store.CodesOfAccount, a.ID, 3, -time.Hour, 0}, {store.CodesOfAccount, a.ID, 4, -time.Hour, -1},
			{store.CodesOfAccount, b.ID, 1, -time.Hour, time.Second}, {store.CodesOfAccount, a.ID, 3, time.Second, -1},
			{store.CodesOfAddress, "anna@example.com", 2, -time.Hour, 0}, {store.CodesOfAddress, "anna@example.com", 1, -time.Hour, time.Second},
			{store.CodesOfDomain, "example.com", 1, -time.Hour, 2 * time.Second}, {store.CodesOfDomain, "example.com", 4, -time.Hour, -1},
		} {
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				if err := tx.LockMailCodes(t.Context()); err != nil {
					return err
				}
				at, err := tx.NthMailCode(t.Context(), tt.party, tt.value, tt.n, now.Add(tt.since))
				if got := at.Sub(now); err == nil && (tt.want < 0 && !at.IsZero() || tt.want >= 0 && got != tt.want) {
					t.Errorf("%+v: %v", tt, got)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.NthMailCode(t.Context(), "1=1 --", "x", 1, now)
			return err
		})
		if err == nil {
			t.Error("a party that is none")
		}
	})
}

// Who has the database but not the key cannot find a code by trying.
func TestMailCodeHashNeedsTheKey(t *testing.T) {
	open := func(key string) *store.Store {
		return storetest.Open(t, store.Config{DataDir: t.TempDir(), SecretKey: []byte(strings.Repeat(key, 32))})
	}
	hash := func(s *store.Store, id, code string) []byte {
		h, err := s.HashCode(id, code)
		if err != nil || len(h) != 32 {
			t.Fatalf("hash %x, %v", h, err)
		}
		return h
	}
	one, same, other := open("a"), open("a"), open("b")
	h := hash(one, "mco_1", "ABC")
	switch {
	case !bytes.Equal(h, hash(same, "mco_1", "ABC")):
		t.Error("the same key gives another hash")
	case bytes.Equal(h, hash(other, "mco_1", "ABC")), bytes.Equal(h, hash(one, "mco_2", "ABC")), bytes.Equal(h, hash(one, "mco_1", "ABD")):
		t.Error("the hash does not depend on key, id and code")
	}
}

func TestMailboxes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta") // both with a confirmed one at example.org
		c, err := s.CreateAccount(ctx, zonehold.Account{Name: "gamma", Email: "Gamma@Example.NET"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateAccount(ctx, zonehold.Account{Name: "delta", Email: `"quoted"@example.net`, EmailConfirmed: true}); err != nil {
			t.Fatal(err)
		}
		list := func(a zonehold.Account) []store.Mailbox {
			t.Helper()
			found, err := s.Mailboxes(ctx, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		if m := list(c); len(m) != 1 || m[0].Address != "Gamma@example.net" || !m[0].ConfirmedAt.IsZero() || m[0].Sharers != 0 {
			t.Errorf("not confirmed: %+v", m)
		}
		if m := list(a); len(m) != 1 || m[0].ConfirmedBy != store.ConfirmedByOperator || m[0].Sharers != 2 {
			t.Errorf("confirmed by the operator: %+v", m)
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		do := func(fn func(tx *store.Tx) error) error { return s.InTx(ctx, fn) }
		if err := do(func(tx *store.Tx) error {
			return errors.Join(tx.AddMailbox(ctx, c.ID, "gamma@example.org", now), tx.ConfirmMailbox(ctx, c.ID, "GAMMA@example.org", store.ConfirmedByCode, now))
		}); err != nil {
			t.Fatal(err)
		}
		m := list(c)
		if len(m) != 2 || m[1].Address != "gamma@example.org" || m[1].ConfirmedBy != store.ConfirmedByCode || !m[1].ConfirmedAt.Equal(now) || m[1].Sharers != 3 {
			t.Errorf("confirmed by a code: %+v", m)
		}
		// Neither adding again nor a code takes away what the operator confirmed.
		if err := do(func(tx *store.Tx) error {
			return errors.Join(tx.AddMailbox(ctx, a.ID, "alpha@example.org", now), tx.ConfirmMailbox(ctx, a.ID, "alpha@example.org", store.ConfirmedByCode, now))
		}); err != nil {
			t.Fatal(err)
		}
		if m := list(a); len(m) != 1 || m[0].ConfirmedBy != store.ConfirmedByOperator {
			t.Errorf("the operator's word is gone: %+v", m)
		}
		if err := do(func(tx *store.Tx) error { return tx.DeleteMailbox(ctx, b.ID, "alpha@example.org") }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another account's address: %v", err)
		}
		if err := do(func(tx *store.Tx) error { return tx.DeleteMailbox(ctx, a.ID, "ALPHA@example.org") }); err != nil || len(list(a)) != 0 {
			t.Errorf("deleting: %v", err)
		}
	})
}

func usedCodes(t *testing.T, s *store.Store, d *store.Domain, generation int64, since time.Time) ([]*store.MailCode, error) {
	t.Helper()
	claim, other := *d, *d
	claim.Generation, other.ID = generation, "dom_other"
	found, err := s.UsedMailCodes(t.Context(), []*store.Domain{&other, &claim}, since)
	if len(found[other.ID]) != 0 {
		t.Errorf("codes for a domain that has none: %+v", found)
	}
	return found[d.ID], err
}
