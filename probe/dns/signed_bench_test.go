//go:build unix

package dns_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// BenchmarkCheckSigned is the check of BenchmarkAskWarm on unsigned zones, by a
// resolver that does not validate and by one that does, and on signed ones;
// keys are known, as after a check of the last minutes. The processor time of
// the servers is in all of them, but for making signatures.
func BenchmarkCheckSigned(b *testing.B) {
	for _, bm := range []struct {
		name             string
		signed, validate bool
		forget           bool // signatures that were checked before
		options          testnet.SignOptions
	}{
		{"unsigned", false, false, false, testnet.SignOptions{}},
		{"unsigned/validating", false, true, false, testnet.SignOptions{}},
		{"ecdsa", true, true, false, testnet.SignOptions{}},
		{"ecdsa/nsec3", true, true, false, testnet.SignOptions{NSEC3: true}},
		{"rsa", true, true, false, testnet.SignOptions{Algorithm: 8}},
		{"ed25519", true, true, false, testnet.SignOptions{Algorithm: 15}},
		{"ecdsa/new signatures", true, true, true, testnet.SignOptions{}},
		{"rsa/new signatures", true, true, true, testnet.SignOptions{Algorithm: 8}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			n := newNetwork(b)
			n.KeepHistory(false)
			if bm.validate {
				n.SignAll(testnet.SignOptions{})
			}
			const zones = 100
			h := n.Hoster("dns-host.net")
			for i := range zones {
				z := n.ZoneAt(fmt.Sprintf("customer%d.com", i), h).Add("_zonehold-challenge", "TXT", fmt.Sprintf("token=%032d", i))
				if bm.signed {
					z.Sign(bm.options)
				} else if bm.validate {
					z.Unsign()
				}
			}
			change := func(*dns.Config) {}
			if bm.validate {
				change = validating(b, n)
			}
			r := newResolver(b, n, change)
			for i := range zones {
				if err := check(context.Background(), r, i); err != nil {
					b.Fatal(err)
				}
			}
			want := dns.SecurityIndeterminate
			switch {
			case bm.signed:
				want = dns.SecuritySecure
			case bm.validate:
				want = dns.SecurityInsecure
			}
			wantSecurity(b, r, "_zonehold-challenge.customer0.com", typeTXT, dns.KindData, want)
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(16)
			b.ResetTimer()
			defer measure(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if bm.forget {
						r.ForgetSignatures()
					}
					if err := check(context.Background(), r, int(next.Add(1)%zones)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkWorstLegalAnswer judges the most expensive answers that are no
// attack: many servers with two addresses each, that each sign by themselves, a
// name of 120 labels denied by NSEC3 with 50 iterations and the longest salt.
// With P-384, more such servers would be over the limit of one lookup.
func BenchmarkWorstLegalAnswer(b *testing.B) {
	for _, bm := range []struct {
		name    string
		servers int
		options testnet.SignOptions
	}{
		{"ecdsa-p256", 16, testnet.SignOptions{NSEC3: true, Iterations: 50, Salt: strings.Repeat("ab", 255)}},
		{"ecdsa-p384", 10, testnet.SignOptions{Algorithm: 14, NSEC3: true, Iterations: 50, Salt: strings.Repeat("ab", 255)}},
		{"rsa-2048", 16, testnet.SignOptions{Algorithm: 8, NSEC3: true, Iterations: 50, Salt: strings.Repeat("ab", 255)}},
		{"ed25519", 16, testnet.SignOptions{Algorithm: 15, NSEC3: true, Iterations: 50, Salt: strings.Repeat("ab", 255)}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			n := newNetwork(b)
			n.SignAll(testnet.SignOptions{})
			z := n.Zone("example.com").Sign(bm.options).Add("aaa", "TXT", "x").Add("bbb", "TXT", "x").Add("ccc", "TXT", "x")
			for len(z.Servers()) < bm.servers {
				z.AddServer()
			}
			for i, s := range z.Servers() {
				s.AddIPv6()
				s.SetSerial(uint32(i + 1)) // a copy, and signatures, of its own
			}
			r := newResolver(b, n, validating(b, n))
			name := strings.Repeat("x.", 120) + "example.com"
			a := mustAsk(b, r, name, typeTXT)
			if len(a.Servers) != 2*bm.servers {
				b.Fatalf("%d addresses", len(a.Servers))
			}
			var cost dns.Labour
			b.ResetTimer()
			before := cpuTime(b)
			for range b.N {
				a, cost = r.Revalidate(a)
			}
			b.StopTimer()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e6, "cpu-ms/answer")
			b.ReportMetric(float64(cost.Checks), "signatures")
			b.ReportMetric(float64(cost.Rounds), "rounds")
			if a.Security != dns.SecuritySecure {
				b.Fatalf("%s %v", a.Security, a.Fault)
			}
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
