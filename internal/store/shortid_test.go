package store_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestShortID(t *testing.T) {
	form := regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{12}$`)
	for _, tt := range []struct{ id, want string }{
		{"dom_06c4b1aaaaaa00000000000000", "111111111111"},
		{"dom_06c4b1aaaaaa00000000000004", "111111111112"},
		{"dom_06c4b1aaaaaavvvvvvvvvvvvvs", "Cp7LC1P1Kcqc"},
		{"con_06c4b1aaaaaa00000000000004", "111111111112"},
		{"dom_06c4b1aaaaaa00000000000001", ""}, // two bits too many
		{"dom_1", ""},
		{"", ""},
	} {
		if got := store.ShortID(tt.id); got != tt.want {
			t.Errorf("ShortID(%q) = %q, want %q", tt.id, got, tt.want)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		short := store.ShortID(zonehold.NewID(zonehold.PrefixDomain))
		if !form.MatchString(short) || seen[short] {
			t.Fatalf("%q, seen before: %v", short, seen[short])
		}
		seen[short] = true
	}
}

func TestDomainByShortID(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		a, b := account(t, s, "alpha"), account(t, s, "beta")
		var domains []*store.Domain
		for _, name := range []string{"a.example", "b.example", "c.example"} {
			domains = append(domains, domain(t, s, a, name))
		}
		for _, d := range domains {
			short := store.ShortID(d.ID)
			got, err := s.DomainByShortID(ctx, a.ID, short)
			if err != nil || got.ID != d.ID {
				t.Fatalf("%s (%s): %v, %v", d.ID, short, got, err)
			}
			if _, err := s.DomainByShortID(ctx, b.ID, short); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another account's domain: %v", err)
			}
		}
		for _, short := range []string{
			"", "111111111111", "zzzzzzzzzzzz", "Cp7LC1P1Kcqc", "Cp7LC1P1Kcqd", "0OIl00000000", "a-b_c-d_e-f_",
			store.ShortID(domains[0].ID) + "1", store.ShortID(domains[0].ID)[1:], "é\xff\x00123456789",
		} {
			if _, err := s.DomainByShortID(ctx, a.ID, short); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", short, err)
			}
		}
		err := s.InTx(ctx, func(tx *store.Tx) error {
			locked, err := tx.LockDomains(ctx, []string{domains[0].ID})
			if err != nil {
				return err
			}
			locked[domains[0].ID].DeletedAt = domains[0].CreatedAt
			return tx.UpdateDomain(ctx, locked[domains[0].ID])
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DomainByShortID(ctx, a.ID, store.ShortID(domains[0].ID)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a deleted domain: %v", err)
		}
	})
}
