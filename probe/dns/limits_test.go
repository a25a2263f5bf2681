package dns_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// TestKeyTrap: keys that share a tag, and signatures that fit none of them,
// cost a bounded number of checks (threat T20, CVE-2023-50387).
func TestKeyTrap(t *testing.T) {
	for _, tt := range []struct {
		name             string
		keys, signatures int
		most             int // signature checks of the lookup
	}{
		{"100 keys and signatures", 100, 100, 20},
		{"1000 keys", 1000, 1, 20},
		{"20 keys, 100 signatures", 20, 100, 40},
		{"2 keys, 50 signatures", 2, 50, 4 * dns.MaxChecksPerSet},
		{"3 keys, 10 signatures", 3, 10, 4 * dns.MaxChecksPerSet},
		{"no other keys, 60 signatures", 0, 60, 4 * dns.MaxChecksPerSet},
		{"no other keys, 500 signatures", 0, 500, 4 * dns.MaxChecksPerSet},
	} {
		for _, alg := range []uint8{15, 8} {
			t.Run(tt.name, func(t *testing.T) {
				n := signedNetwork(t, testnet.SignOptions{})
				z := n.Zone("example.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: alg})
				r := newResolver(t, n, validating(t, n))
				if alg == 8 && tt.keys > 100 {
					t.Skip("such messages do not fit")
				}
				z.KeyTrap(tt.keys, tt.signatures)
				for _, q := range []string{"_x.example.com", "nothing.example.com"} {
					a, cost, err := r.AskCounted(context.Background(), q, typeTXT)
					if err != nil {
						t.Fatal(err)
					}
					if a.Security == dns.SecuritySecure || a.Security == dns.SecurityInsecure {
						t.Errorf("%s: %s", q, a.Security)
					}
					if cost.Checks > tt.most || cost.Work > dns.MaxWork {
						t.Errorf("%s: %+v, want at most %d checks", q, cost, tt.most)
					}
					if a.Fault == nil && len(a.Usable()) > 0 {
						t.Errorf("%s: %s without a reason\n%s", q, a.Security, show(a))
					}
				}
			})
		}
	}
}

// A few keys of one tag happen, and a few signatures that do not fit.
func TestHonestCollision(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 15}).KeyTrap(1, 1)
	r := newResolver(t, n, validating(t, n))
	wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
}

// TestIterations: hashing that costs too much is not done, and what it would
// have proven is not taken as proven (RFC 9276 section 3.2, CVE-2023-50868).
func TestIterations(t *testing.T) {
	for iterations, want := range map[uint16]dns.Security{
		0: dns.SecuritySecure, 50: dns.SecuritySecure, 51: dns.SecurityInsecure, 300: dns.SecurityInsecure,
	} {
		n := signedNetwork(t, testnet.SignOptions{})
		z := n.Zone("example.com").Sign(testnet.SignOptions{NSEC3: true, Iterations: iterations}).Add("_x", "TXT", "token")
		n.Zone("sub.example.com").Add("_x", "TXT", "token").Unsign()
		r := newResolver(t, n, validating(t, n))
		wantSecurity(t, r, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
		wantSecurity(t, r, "_x.example.com", typeA, dns.KindNoData, want)
		wantSecurity(t, r, "_x.sub.example.com", typeTXT, dns.KindData, dns.SecurityInsecure)
		_, cost, err := r.AskCounted(context.Background(), strings.Repeat("y.", 115)+"example.com", typeTXT)
		if err != nil || cost.Rounds > dns.MaxHashing || iterations > 50 && cost.Rounds != 0 {
			t.Errorf("%d: %v %+v", iterations, err, cost)
		}
		// The signatures of such records are looked at all the same.
		z.SignFault(testnet.SignFaultCorrupt)
		wantFault(t, r, "nothing.example.com", typeTXT, dns.FaultSignatureWrong)
	}
}

// TestHugeExponent: keys that only burn time are not used.
func TestHugeExponent(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token").Sign(testnet.SignOptions{Algorithm: 8, HugeExponent: true})
	r := newResolver(t, n, validating(t, n))
	a, cost, err := r.AskCounted(context.Background(), "_x.example.com", typeTXT)
	if err != nil || a.Security != dns.SecurityBogus || a.Fault.Code != dns.FaultSignatureWrong {
		t.Errorf("%v %s %v %+v", err, a.Security, a.Fault, cost)
	}
	t.Log(a.Fault)
}

// TestKeysUnavailable: without keys nothing is known, in either direction.
func TestKeysUnavailable(t *testing.T) {
	n := signedNetwork(t, testnet.SignOptions{})
	n.Zone("example.com").Add("_x", "TXT", "token")
	// What the budget is spent on first is a race: now and then the keys take
	// what the answers themselves would need.
	for try := 0; ; try++ {
		r := newResolver(t, n, validating(t, n), func(c *dns.Config) { c.MaxQueries = 6 })
		a := mustAsk(t, r, "_x.example.com", typeTXT)
		if a.Security != dns.SecurityIndeterminate {
			t.Fatalf("%s %v\n%s", a.Security, a.Fault, show(a))
		}
		if len(a.Usable()) == 0 && try < 20 {
			continue
		}
		if a.Fault == nil || a.Fault.Code != dns.FaultKeysUnavailable {
			t.Errorf("%v\n%s", a.Fault, show(a))
		}
		break
	}
	// It is not remembered.
	r2 := newResolver(t, n, validating(t, n))
	wantSecurity(t, r2, "_x.example.com", typeTXT, dns.KindData, dns.SecuritySecure)
}
