package app

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// BenchmarkSweep measures scheduled checks of proved domains, of which all are
// due at once, from being picked to the committed verdict; a check itself takes
// no time here. ZONEHOLD_TEST_DOMAINS says how many there are (20000), and
// ZONEHOLD_TEST_NODES how many processes' worth of apps work on them (1); the
// number of checks measured is b.N.
func BenchmarkSweep(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		domains, nodes := number("ZONEHOLD_TEST_DOMAINS", 20_000), number("ZONEHOLD_TEST_NODES", 1)
		var done atomic.Int64
		cfg := Config{Check: func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
			done.Add(1)
			return typical(zonehold.OutcomeVerified)
		}}
		tm := usualTiming
		first := start1(b, s, cfg, tm)
		who := actor(b, s, "alpha")
		d := create(b, first, who, "example.com")
		wait(b, first, who, begin(b, first, who, d.ID, zonehold.MethodDNSTXT).ID)
		storetest.Fill(b, s, d.ID, domains, time.Now().Add(-time.Hour).UnixMicro())
		before := storetest.Size(b, s)
		done.Store(0)
		b.ResetTimer()
		from := time.Now()
		for range nodes - 1 {
			start1(b, s, cfg, tm)
		}
		first.pullSoon()
		goal := int64(min(b.N, domains))
		var peak uint64
		for done.Load() < goal {
			time.Sleep(20 * time.Millisecond)
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.Sys-m.HeapReleased)
		}
		took := time.Since(from)
		b.StopTimer()
		n := done.Load()
		b.ReportMetric(float64(n)/took.Seconds(), "checks/s")
		b.ReportMetric(float64(peak)/1e6, "peak-MB")
		b.ReportMetric(float64(storetest.Size(b, s)-before)/float64(n), "B/attempt")
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(before)/float64(domains), "B/domain")
		// While the others go on.
		picks := make([]time.Duration, 40)
		for i := range picks {
			time.Sleep(50 * time.Millisecond)
			at := time.Now()
			if err := s.InTx(b.Context(), func(tx *store.Tx) error {
				_, err := tx.TakeDue(b.Context(), time.Now(), maxPull)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			picks[i] = time.Since(at)
		}
		slices.Sort(picks)
		b.ReportMetric(float64(picks[len(picks)/2].Microseconds())/1000, "p50-pick-ms")
		b.ReportMetric(float64(picks[len(picks)-1].Microseconds())/1000, "worst-pick-ms")
	})
}

func number(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}
