//go:build unix

package dns_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

const benchZones = 1000

// benchNetwork has many zones at one DNS host of two servers, outside the
// zones, each zone with one proof.
func benchNetwork(b *testing.B) *testnet.Network {
	n := newNetwork(b)
	n.KeepHistory(false)
	h := n.Hoster("dns-host.net")
	for i := range benchZones {
		n.ZoneAt(fmt.Sprintf("customer%d.com", i), h).Add("_zonehold-challenge", "TXT", fmt.Sprintf("token=%032d", i))
	}
	return n
}

// check is the DNS part of one TXT proof: the delegation from the (remembered)
// top-level domain, the record at every server, and the wildcard control.
func check(ctx context.Context, r *dns.Resolver, i int) error {
	name := fmt.Sprintf("_zonehold-challenge.customer%d.com", i)
	a, err := r.Ask(ctx, name, typeTXT)
	if err != nil {
		return err
	}
	s, ok := a.Agreed()
	if !ok || len(s.Records) != 1 || s.Records[0].TXT() != fmt.Sprintf("token=%032d", i) || len(a.Servers) != 2 {
		return fmt.Errorf("%s", show(a))
	}
	c, err := r.AskOne(ctx, a.Zone, dns.RandomSibling(name), typeTXT)
	if err != nil {
		return err
	}
	if c.Kind != dns.KindNXDomain {
		return fmt.Errorf("control: %s", line(&c))
	}
	return nil
}

// measure reports checks per second, and the processor time of one check, all
// servers included, which a busy machine does not change as much.
func measure(b *testing.B) func() {
	used := func() time.Duration {
		var ru syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
			b.Fatal(err)
		}
		return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	before := used()
	return func() {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
		b.ReportMetric(float64((used()-before).Microseconds())/float64(b.N), "cpu-µs/check")
	}
}

// BenchmarkAskWarm is whole checks with the delegation of the top-level domain
// known; traced, as checks are.
func BenchmarkAskWarm(b *testing.B) {
	n := benchNetwork(b)
	for _, traced := range []bool{false, true} {
		b.Run(fmt.Sprintf("traced=%v", traced), func(b *testing.B) {
			r := newResolver(b, n)
			if err := check(context.Background(), r, 0); err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(16)
			defer measure(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ctx, cancel := context.WithCancel(context.Background())
					if traced {
						ctx = probe.WithTrace(ctx, &probe.Trace{})
					}
					if err := check(ctx, r, int(next.Add(1)%benchZones)); err != nil {
						b.Error(err)
					}
					cancel()
				}
			})
		})
	}
}

// BenchmarkAskCold is whole checks by a resolver that knows nothing yet.
func BenchmarkAskCold(b *testing.B) {
	n := benchNetwork(b)
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16)
	defer measure(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := check(context.Background(), newResolver(b, n), int(next.Add(1)%benchZones)); err != nil {
				b.Error(err)
			}
		}
	})
}
