package verify_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// benchZones is how many zones of one hoster the benchmarks check in turn.
const benchZones = 1000

// benchNet is a fake internet with zones that all carry their proof.
func benchNet(b *testing.B) (*testnet.Network, []verify.Claim) {
	b.Helper()
	n, err := testnet.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Close)
	n.KeepHistory(false)
	hoster := n.Hoster("dnshost.net")
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	claims := make([]verify.Claim, benchZones)
	for i := range claims {
		tokens, err := zonehold.NewTokens("", "")
		if err != nil {
			b.Fatal(err)
		}
		claims[i] = verify.Claim{Hostname: zonehold.Hostname(fmt.Sprintf("customer%d.com", i)), Tokens: tokens}
		ch := m.Challenge(&verify.Kit{}, claims[i])
		n.ZoneAt(string(claims[i].Hostname), hoster).Add(ch.Record.Name+".", "TXT", ch.Record.Value)
	}
	return n, claims
}

func benchKit(b *testing.B, n *testnet.Network) *verify.Kit {
	b.Helper()
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		b.Fatal(err)
	}
	r, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: n.Route}, Roots: roots})
	if err != nil {
		b.Fatal(err)
	}
	return &verify.Kit{DNS: r}
}

func mustVerify(b *testing.B, m verify.Method, kit *verify.Kit, c verify.Claim) {
	if r := m.Check(context.Background(), kit, c); r.Outcome != zonehold.OutcomeVerified {
		b.Errorf("%s: %s: %+v", c.Hostname, r.Outcome, r.Problem)
	}
}

// BenchmarkVerifyDNSTXT is the library path: the delegation of the domain from
// its registry, every authoritative server of the zone, and the control
// question, with the delegations of root and top-level domain remembered. The
// servers run in the same process, so their work is in the figures.
func BenchmarkVerifyDNSTXT(b *testing.B) {
	m, _ := verify.Lookup(zonehold.MethodDNSTXT)
	b.Run("warm", func(b *testing.B) {
		n, claims := benchNet(b)
		kit := benchKit(b, n)
		for i := range 10 {
			mustVerify(b, m, kit, claims[i])
		}
		var next atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(8)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				mustVerify(b, m, kit, claims[int(next.Add(1))%len(claims)])
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
	b.Run("one_at_a_time", func(b *testing.B) {
		n, claims := benchNet(b)
		kit := benchKit(b, n)
		mustVerify(b, m, kit, claims[0])
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			mustVerify(b, m, kit, claims[i%len(claims)])
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
	b.Run("cold", func(b *testing.B) {
		n, claims := benchNet(b)
		var next atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(8)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				mustVerify(b, m, benchKit(b, n), claims[int(next.Add(1))%len(claims)])
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
	b.Run("missing", func(b *testing.B) {
		n, claims := benchNet(b)
		kit := benchKit(b, n)
		for i := range claims {
			tokens, _ := zonehold.NewTokens("", "")
			claims[i].Tokens = tokens
		}
		var next atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(8)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r := m.Check(context.Background(), kit, claims[int(next.Add(1))%len(claims)])
				if r.Outcome != zonehold.OutcomeMismatch {
					b.Errorf("%s: %+v", r.Outcome, r.Problem)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
}
