package app

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// TestShortID: a short id leads to the domain wherever an id does, in its own
// account only.
func TestShortID(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, quick)
		anna, ben := actor(t, s, "anna"), actor(t, s, "ben")
		d, _, err := a.CreateDomain(t.Context(), anna, CreateDomain{Hostname: "example.com", BasicAuthUsername: "u", BasicAuthPassword: "p"})
		if err != nil || d.BasicUser != "u" || !d.HasPassword {
			t.Fatalf("%+v, %v", d, err)
		}
		short := ShortID(d.ID)
		if got, err := a.Domain(t.Context(), anna, short); err != nil || got.ID != d.ID {
			t.Fatalf("%v, %v", got, err)
		}
		var e *Error
		if _, err := a.Domain(t.Context(), ben, short); !errors.As(err, &e) || e.Kind != KindNotFound {
			t.Errorf("another account: %v", err)
		}
		if at, err := a.StartAttempt(t.Context(), anna, short, zonehold.MethodDNSTXT, zonehold.TriggerRequest); err != nil || at.DomainID != d.ID {
			t.Fatalf("%+v, %v", at, err)
		} else if at, err = a.WaitAttempt(t.Context(), anna, at.ID); err != nil || at.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("%+v, %v", at, err)
		}
		name := ""
		if got, err := a.UpdateDomain(t.Context(), anna, short, DomainPatch{BasicAuthUsername: &name}, 0); err != nil || got.BasicUser != "" || !got.HasPassword {
			t.Errorf("%+v, %v", got, err)
		}

		// A bare list has all but what it says it has not.
		full, err := a.Domains(t.Context(), anna, DomainQuery{Limit: -1})
		if err != nil {
			t.Fatal(err)
		}
		bare, err := a.Domains(t.Context(), anna, DomainQuery{Limit: -1, Bare: true})
		if err != nil || len(full.Items) != 1 {
			t.Fatalf("%d domains, %v", len(full.Items), err)
		}
		want := *full.Items[0]
		want.Challenges, want.Running, want.Turn, want.DNSHost, want.Recheck = nil, nil, "", nil, ""
		if diff := cmp.Diff(&want, bare.Items[0]); diff != "" {
			t.Errorf("bare (-want +got):\n%s", diff)
		}
		if err := a.DeleteDomain(t.Context(), anna, short, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Domain(t.Context(), anna, short); !errors.As(err, &e) || e.Kind != KindNotFound {
			t.Errorf("deleted: %v", err)
		}
	})
}
