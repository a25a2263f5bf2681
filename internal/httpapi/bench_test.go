package httpapi

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/verify"
)

// BenchmarkDomainStatus compares GET of a domain through the whole handler,
// over TCP and with the real store, with a bare net/http handler that returns
// the same bytes. Both run in turns within one benchmark, so that whatever
// else the machine does hits both; "ratio" is ours to theirs in requests/s.
func BenchmarkDomainStatus(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		if err := s.Lock(); err != nil { // as serve does
			b.Fatal(err)
		}
		a, err := app.New(app.Config{Store: s, Kit: &verify.Kit{}})
		if err != nil {
			b.Fatal(err)
		}
		au := auth.New(s)
		b.Cleanup(au.Close)
		account, err := au.CreateAccount(b.Context(), "anna", "", false)
		if err != nil {
			b.Fatal(err)
		}
		token, err := au.Create(b.Context(), account.ID, "bench", nil)
		if err != nil {
			b.Fatal(err)
		}
		actor := zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
		d, _, err := a.CreateDomain(b.Context(), actor, app.CreateDomain{Hostname: "example.com"})
		if err != nil {
			b.Fatal(err)
		}
		handler := New(Config{Service: a, Idempotency: a, Auth: au, Version: "v0", Limits: Limits{Reads: -1}, DomainVersion: a.DomainVersion, Stamp: a.Stamp})
		ours := httptest.NewServer(telemetry.Middleware(slog.New(slog.DiscardHandler), telemetry.NewMetrics("v0"), handler))
		defer ours.Close()
		body := fetch(b, ours.URL+"/v1/domains/"+d.ID, token)
		length := strconv.Itoa(len(body))
		bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(body)
		}))
		defer bare.Close()

		const round = 40 * connections
		var took [2]time.Duration
		n := 0
		b.ResetTimer()
		for b.Loop() {
			for i, url := range []string{ours.URL + "/v1/domains/" + d.ID, bare.URL + "/v1/domains/" + d.ID} {
				start := time.Now()
				burst(b, url, token, round)
				took[i] += time.Since(start)
			}
			n += round
		}
		b.ReportMetric(float64(n)/took[0].Seconds(), "ours/s")
		b.ReportMetric(float64(n)/took[1].Seconds(), "bare/s")
		b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
	})
}

var benchClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}

func fetch(b *testing.B, url, token string) []byte {
	req, _ := http.NewRequest(http.MethodGet, url, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := benchClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		b.Fatal(fmt.Errorf("%d %s %w", resp.StatusCode, body, err))
	}
	return body
}

const connections = 64

// burst sends n requests over that many connections.
func burst(b *testing.B, url, token string, n int) {
	done := make(chan struct{})
	for range connections {
		go func() {
			defer func() { done <- struct{}{} }()
			for range n / connections {
				fetch(b, url, token)
			}
		}()
	}
	for range connections {
		<-done
	}
}
