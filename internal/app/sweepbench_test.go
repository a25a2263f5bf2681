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
// due at once, from being picked to the committed verdict. ZONEHOLD_TEST_DOMAINS
// says how many there are (20000), ZONEHOLD_TEST_NODES how many processes' worth
// of apps work on them (1), and ZONEHOLD_TEST_CHECK how long a check waits, as one
// does for name servers (0s); the number of checks measured is b.N.
func BenchmarkSweep(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		domains, nodes := number("ZONEHOLD_TEST_DOMAINS", 20_000), number("ZONEHOLD_TEST_NODES", 1)
		wire, _ := time.ParseDuration(os.Getenv("ZONEHOLD_TEST_CHECK"))
		var done atomic.Int64
		cfg := Config{Check: func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
			time.Sleep(wire)
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
		// While the others go on: the pick itself, and with the transaction around
		// it, for whose turn it waits on SQLite.
		var picks, whole [40]time.Duration
		for i := range picks {
			time.Sleep(50 * time.Millisecond)
			at := time.Now()
			if err := s.InTx(b.Context(), func(tx *store.Tx) error {
				at := time.Now()
				_, err := tx.TakeDue(b.Context(), time.Now(), maxPull)
				picks[i] = time.Since(at)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			whole[i] = time.Since(at)
		}
		for name, times := range map[string][]time.Duration{"pick-ms": picks[:], "pick-tx-ms": whole[:]} {
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-"+name)
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "worst-"+name)
		}
	})
}

func number(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}
