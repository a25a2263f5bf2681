package app

import (
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// What is answered without asking the database is never older than the last
// change, whichever change it was. The database is one that only this process
// writes, and on PostgreSQL one that anybody may.
func TestAnswersFromMemoryAreCurrent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.Lock(); err != nil {
			t.Fatal(err)
		}
		if _, alone := s.Stamp(); alone != (s.Engine() == "sqlite") {
			t.Fatalf("%s: alone %v", s.Engine(), alone)
		}
		b := newBlocking()
		a := start1(t, s, Config{Check: b.check}, quick)
		who := actor(t, s, "alpha")
		d, _, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "example.com", Scheme: "https", Port: 443, Profile: zonehold.ProfileYandex})
		if err != nil {
			t.Fatal(err)
		}
		// Each way of asking, twice, so that the second may come from memory.
		look := func(what string, ok func(d *Domain) bool) {
			t.Helper()
			for _, way := range []string{"id", "name", "host"} {
				for range 2 {
					var got *Domain
					switch way {
					case "id":
						got, err = a.Domain(t.Context(), who, d.ID)
					case "name":
						got, err = a.Domain(t.Context(), who, "example.com")
					case "host":
						got, err = a.Host(t.Context(), who, "https", "example.com", 443)
					}
					if err != nil || !ok(got) {
						t.Fatalf("%s, by %s: %+v, %v", what, way, got, err)
					}
				}
			}
		}
		look("created", func(d *Domain) bool { return d.State == zonehold.StatePending && d.Running == nil })
		at := begin(t, a, who, d.ID, zonehold.MethodDNSTXT)
		look("started", func(d *Domain) bool { return d.Running != nil && d.Turn == zonehold.TurnUs })
		recv(t, b.begun)
		b.end <- zonehold.OutcomeVerified
		wait(t, a, who, at.ID)
		look("ended", func(d *Domain) bool { return d.State == zonehold.StateVerified && d.Running == nil })
		if _, err := a.UpdateDomain(t.Context(), who, d.ID, DomainPatch{Tags: ptr([]string{"new"})}, 0); err != nil {
			t.Fatal(err)
		}
		look("tagged", func(d *Domain) bool { return len(d.Tags) == 1 })
		other := actor(t, s, "beta")
		if got, err := a.Domain(t.Context(), other, d.ID); err == nil {
			t.Errorf("another account saw %+v", got)
		}
		if err := a.DeleteDomain(t.Context(), who, d.ID, 0); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{d.ID, "example.com"} {
			if got, err := a.Domain(t.Context(), who, ref); err == nil {
				t.Errorf("after deletion %s gives %+v", ref, got)
			}
		}
	})
}
