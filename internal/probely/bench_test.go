package probely_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// BenchmarkList is GET /domains/ of an account with as many domains as one may
// have, on each database: the usual page of 10, and all on one page.
func BenchmarkList(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		svc := newService(b, s, app.Config{})
		c := svc.client("account", "")
		for i := range 1703 {
			if _, _, err := svc.app.CreateDomain(b.Context(), c.actor, app.CreateDomain{Hostname: fmt.Sprintf("n%d.example", i), Profile: zonehold.ProfileProbely}); err != nil {
				b.Fatal(err)
			}
		}
		for _, length := range []int{10, 10000} {
			b.Run(fmt.Sprintf("length=%d", length), func(b *testing.B) {
				for b.Loop() {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf("%s/domains/?length=%d", svc.url, length), nil)
					if err != nil {
						b.Fatal(err)
					}
					req.Header.Set("Authorization", "JWT "+c.token)
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
						b.Fatal(resp.StatusCode, err)
					}
					resp.Body.Close()
				}
			})
		}
	})
}
