package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// BenchmarkFinish64 measures the end of 64 scheduled checks in one transaction,
// and how much of it the breakers take: where nothing is missing, where one of
// 64 is, and where all are held back.
func BenchmarkFinish64(b *testing.B) {
	for _, bc := range []struct {
		what    string
		missing int
	}{{"well", 0}, {"one missing", 1}, {"all held", 64}} {
		b.Run(bc.what, func(b *testing.B) {
			storetest.EachBench(b, func(b *testing.B, s *store.Store) { finish64(b, s, bc.missing) })
		})
	}
}

func finish64(b *testing.B, s *store.Store, missing int) {
	c := newDriven()
	who := actor(b, s, "alpha")
	a := make1(b, s, Config{Clock: c.now}, quick)
	settle(b, s, who, c.now(), names("here", 64)...)
	domains := make([]*Domain, 64)
	for i := range domains {
		domains[i] = get(b, a, who, string(name("here", i)))
	}
	batch := func() (out []*finish) {
		for i, d := range domains {
			outcome := zonehold.OutcomeVerified
			if i < missing {
				outcome = zonehold.OutcomeAbsent
			}
			out = append(out, running(b, a, d, busy(d.Hostname, outcome)))
		}
		return out
	}
	var whole, part time.Duration
	for b.Loop() {
		// Otherwise the few that are missing add up to a breaker.
		c.pass(2 * time.Hour)
		finishes := batch()
		from := time.Now()
		if err := a.commitFinishes(b.Context(), finishes); err != nil {
			b.Fatal(err)
		}
		whole += time.Since(from)

		finishes = batch()
		err := s.InTx(b.Context(), func(tx *store.Tx) error {
			ids := make([]string, len(domains))
			ends := make([]store.Finish, len(domains))
			for i, d := range domains {
				ids[i], ends[i].Outcome = d.ID, finishes[i].report.Outcome
			}
			locked, err := tx.LockDomains(b.Context(), ids)
			if err != nil {
				return err
			}
			from := time.Now()
			defer func() { part += time.Since(from) }()
			return a.holdBack(b.Context(), tx, locked, finishes, ends, a.now())
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.commitFinishes(b.Context(), finishes); err != nil { // so that none is left running
			b.Fatal(err)
		}
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) / 64 }
	b.ReportMetric(each(whole), "µs/check")
	b.ReportMetric(each(part), "µs-of-breakers/check")
	b.ReportMetric(0, "ns/op")
}

// busy is a report of the usual size.
func busy(n zonehold.Hostname, outcome zonehold.Outcome) diagnose.Report {
	r := located(n, outcome)
	for range 4 {
		r.Steps = append(r.Steps, r.Steps[0])
	}
	return r
}

// BenchmarkTally measures the count in memory.
func BenchmarkTally(b *testing.B) {
	var (
		t    tally
		now  = newDriven().now()
		list []spot
	)
	for i := range 100_000 {
		list = append(list, spot{host: fmt.Sprint("host", i), network: fmt.Sprint("network", i/4)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t.add(list[i%len(list):i%len(list)+1], now)
	}
}
