package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/verify"
)

// typical is a finished check with evidence of the usual size: three servers
// that answered, and five steps.
func typical(outcome zonehold.Outcome) diagnose.Report {
	r := report(zonehold.MethodDNSTXT, outcome)
	for range 4 {
		r.Steps = append(r.Steps, r.Steps[0])
	}
	answer := &dns.Answer{Name: "_zonehold-challenge.example.com", Type: 16, Zone: &dns.Zone{Name: "example.com"}}
	for range 3 {
		answer.Servers = append(answer.Servers, dns.ServerAnswer{Server: "ns1.example.net", Status: dns.StatusOK, Kind: dns.KindData,
			Proto: "udp", RTT: time.Millisecond, Wire: make([]byte, 180), Authority: true,
			Records: []dns.Record{{Type: 16, Text: `_zonehold-challenge.example.com. 300 IN TXT "token=abcdefghijklmnopqrstuvwxyz234567"`}}})
	}
	r.Evidence = verify.Evidence{Lookups: []*dns.Lookup{{Hops: []*dns.Answer{answer}}}, Control: answer}
	return r
}

// BenchmarkDurableChecks measures checks that take no time themselves, from
// the request to the committed verdict: attempt, job, evidence, state and
// events, each in the database when the check counts. 64 callers at a time.
func BenchmarkDurableChecks(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		var flip atomic.Int64
		a := start1(b, s, Config{Check: func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
			if flip.Add(1)%2 == 0 {
				return typical(zonehold.OutcomeVerified)
			}
			return typical(zonehold.OutcomeAbsent)
		}}, usualTiming)
		const callers = 64
		actors := make([]zonehold.Actor, 8)
		for i := range actors {
			actors[i] = actor(b, s, fmt.Sprint("account", i))
		}
		refs := make([]string, callers)
		for i := range refs {
			refs[i] = create(b, a, actors[i%len(actors)], fmt.Sprintf("n%d.example", i)).ID
		}
		b.ResetTimer()
		var (
			wg   sync.WaitGroup
			next atomic.Int64
		)
		for i := range callers {
			wg.Go(func() {
				who := actors[i%len(actors)]
				for next.Add(1) <= int64(b.N) {
					at, err := a.StartAttempt(context.Background(), who, refs[i], zonehold.MethodDNSTXT, zonehold.TriggerRequest)
					if err != nil {
						b.Error(err)
						return
					}
					done, err := a.WaitAttempt(context.Background(), who, at.ID)
					if err != nil || done.State != zonehold.AttemptDone {
						b.Errorf("%+v, %v", done, err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkInteractiveStart measures from the request of a check to the start
// of its method, one request after the other and with 32 checks of 20 ms under
// way beside it.
func BenchmarkInteractiveStart(b *testing.B) {
	for _, load := range []int{0, 32} {
		b.Run(fmt.Sprint("beside=", load), func(b *testing.B) {
			storetest.EachBench(b, func(b *testing.B, s *store.Store) { interactiveStart(b, s, load) })
		})
	}
}

func interactiveStart(b *testing.B, s *store.Store, load int) {
	begun := make(chan time.Time, 1)
	a := start1(b, s, Config{Check: func(_ context.Context, _ *verify.Kit, m zonehold.Method, _ verify.Claim) diagnose.Report {
		if m == zonehold.MethodFile {
			time.Sleep(20 * time.Millisecond)
		} else {
			begun <- time.Now()
		}
		return typical(zonehold.OutcomeAbsent)
	}}, usualTiming)
	who := actor(b, s, "alpha")
	stop := make(chan bool)
	var wg sync.WaitGroup
	for i := range load {
		ref := create(b, a, who, fmt.Sprintf("beside%d.example", i)).ID
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				at, err := a.StartAttempt(context.Background(), who, ref, zonehold.MethodFile, zonehold.TriggerRequest)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := a.WaitAttempt(context.Background(), who, at.ID); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	ref := create(b, a, who, "example.com").ID
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range took {
		from := time.Now()
		at, err := a.StartAttempt(b.Context(), who, ref, zonehold.MethodDNSTXT, zonehold.TriggerRequest)
		if err != nil {
			b.Fatal(err)
		}
		took[i] = (<-begun).Sub(from)
		wait(b, a, who, at.ID)
	}
	b.StopTimer()
	close(stop)
	wg.Wait()
	slices.Sort(took)
	ms := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(ms(.50), "p50-ms")
	b.ReportMetric(ms(.99), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkReadDomain measures what a GET of a verification status asks of the
// App.
func BenchmarkReadDomain(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		a := start1(b, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)}, usualTiming)
		who := actor(b, s, "alpha")
		d := create(b, a, who, "example.com")
		wait(b, a, who, begin(b, a, who, d.ID, "").ID)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := a.Domain(b.Context(), who, d.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
