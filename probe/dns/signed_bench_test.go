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
// the servers, which sign nothing anew, is in all of them.
func BenchmarkCheckSigned(b *testing.B) {
	for _, bm := range []struct {
		name             string
		signed, validate bool
		options          testnet.SignOptions
	}{
		{"unsigned", false, false, testnet.SignOptions{}},
		{"unsigned/validating", false, true, testnet.SignOptions{}},
		{"ecdsa", true, true, testnet.SignOptions{}},
		{"ecdsa/nsec3", true, true, testnet.SignOptions{NSEC3: true}},
		{"rsa", true, true, testnet.SignOptions{Algorithm: 8}},
		{"ed25519", true, true, testnet.SignOptions{Algorithm: 15}},
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
				switch {
				case bm.signed && i == 0:
					z.Sign(bm.options)
				case bm.signed:
					z.Sign(bm.options)
				case bm.validate:
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
					if err := check(context.Background(), r, int(next.Add(1)%zones)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

var _ = strings.Repeat
var _ = syscall.Getrusage
var _ = time.Now
