package app

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// However it is cut into bundles, each check is in one of them.
func TestDomainEvidenceInPieces(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := recording(t, s)
		who := actor(t, s, "alpha")
		d := create(t, r.App, who, "www.example.com")
		var ids []string
		for range 2*bundleStep + 3 {
			r.clock.pass(time.Second)
			ids = append(ids, r.record(t, who, d.ID)...)
		}
		for _, limit := range []int{1, 7, bundleStep, bundleStep + 1, 2*bundleStep + 2, len(ids), bundleEntries} {
			var got []string
			bundles := 0
			for cursor := ""; bundles == 0 || cursor != ""; bundles++ {
				file, err := r.DomainEvidence(t.Context(), who, d.ID, EvidenceQuery{Limit: limit, Cursor: cursor})
				if err != nil {
					t.Fatal(err)
				}
				v, err := evidence.Verify(bytes.NewReader(file), evidence.Options{Keys: trusted(t, r.App)})
				if err != nil || len(v.Entries) == 0 || len(v.Entries) > limit {
					t.Fatalf("limit %d: %v", limit, err)
				}
				for _, e := range v.Entries {
					got = append(got, e.Link.AttemptID)
				}
				cursor = v.Bundle.Next
			}
			if want := (len(ids) + limit - 1) / limit; fmt.Sprint(got) != fmt.Sprint(ids) || bundles != want {
				t.Errorf("limit %d: %d checks in %d bundles, want %d", limit, len(got), bundles, want)
			}
		}
	})
}
