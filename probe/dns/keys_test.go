package dns

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // DS digests of type 1
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// TestZoneKeys: which DNSKEY records may sign at all.
func TestZoneKeys(t *testing.T) {
	ed := make([]byte, 32)
	ed[0] = 1
	key := func(flags uint16, protocol, algorithm byte, material []byte) []byte {
		return append([]byte{byte(flags >> 8), byte(flags), protocol, algorithm}, material...)
	}
	for _, tt := range []struct {
		name         string
		rdata        []byte
		signs, works bool
	}{
		{"good", key(256, 3, 15, ed), true, true},
		{"with the SEP flag", key(257, 3, 15, ed), true, true},
		{"no zone key", key(1, 3, 15, ed), false, false},
		{"revoked", key(257|128, 3, 15, ed), false, false},
		{"another protocol", key(256, 2, 15, ed), false, false},
		{"cut off", key(256, 3, 15, nil), false, false},
		{"too short", key(256, 3, 15, ed[:31]), true, false},
		{"unknown algorithm", key(256, 3, 16, ed), true, false},
		{"not on the curve", key(256, 3, 13, make([]byte, 64)), true, false},
		{"of another curve", key(256, 3, 14, make([]byte, 64)), true, false},
	} {
		k := newZoneKey(tt.rdata)
		if (k != nil) != tt.signs || k != nil && (k.public != nil) != tt.works {
			t.Errorf("%s: %+v", tt.name, k)
		}
	}
}

// TestRSAKeys: keys out of bounds are not used, whatever they would cost.
func TestRSAKeys(t *testing.T) {
	modulus := func(bits int) []byte {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
		if err != nil {
			t.Fatal(err)
		}
		n.SetBit(n, bits-1, 1)
		n.SetBit(n, 0, 1)
		return n.Bytes()
	}
	short := func(exponent []byte, n []byte) []byte {
		return append(append([]byte{byte(len(exponent))}, exponent...), n...)
	}
	long := func(exponent []byte, n []byte) []byte {
		return append(append([]byte{0, byte(len(exponent) >> 8), byte(len(exponent))}, exponent...), n...)
	}
	f4 := []byte{1, 0, 1}
	even := modulus(2048)
	even[len(even)-1] &^= 1
	for name, tt := range map[string]struct {
		material []byte
		good     bool
	}{
		"2048":            {short(f4, modulus(2048)), true},
		"1024":            {short(f4, modulus(1024)), true},
		"4096":            {short(f4, modulus(4096)), true},
		"exponent 3":      {short([]byte{3}, modulus(2048)), true},
		"long form":       {long(f4, modulus(2048)), true},
		"leading zeros":   {short(append([]byte{0, 0}, f4...), append([]byte{0}, modulus(2048)...)), true},
		"1023":            {short(f4, modulus(1023)), false},
		"4097":            {short(f4, modulus(4097)), false},
		"8192":            {short(f4, modulus(8192)), false},
		"exponent 1":      {short([]byte{1}, modulus(2048)), false},
		"even exponent":   {short([]byte{4}, modulus(2048)), false},
		"huge exponent":   {long(modulus(2000), modulus(2048)), false},
		"even modulus":    {short(f4, even), false},
		"no exponent":     {[]byte{0, 0, 0, 1, 2, 3}, false},
		"exponent only":   {[]byte{3, 1, 0, 1}, false},
		"cut off":         {[]byte{200, 1, 0, 1}, false},
		"one octet":       {[]byte{0}, false},
		"length cut off":  {[]byte{0, 1}, false},
		"all of it zeros": {make([]byte, 260), false},
	} {
		k := newZoneKey(append([]byte{1, 0, 3, dns.RSASHA256}, tt.material...))
		if k == nil || (k.public != nil) != tt.good {
			t.Errorf("%s: %+v", name, k)
		}
		if tt.good && (k.cost < 1 || k.cost > maxCost) {
			t.Errorf("%s costs %d", name, k.cost)
		}
	}
	if c := rsaCost(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 4095), E: 1<<31 - 1}); c != maxCost {
		t.Errorf("the most costly key costs %d", c)
	}
}

// TestDSRecords: which DS records are followed, and how many.
func TestDSRecords(t *testing.T) {
	s := newSigner(t, "example.com")
	keys := s.keys()
	key := keys.keys[0]
	over := append([]byte(keys.wire), key.rdata...)
	d1, d2 := sha1.Sum(over), sha256.Sum256(over) //nolint:gosec // as above
	one := delegationKey{key.tag, key.algorithm, dns.SHA1, d1[:]}
	two := delegationKey{key.tag, key.algorithm, dns.SHA256, d2[:]}
	wrong := delegationKey{key.tag, key.algorithm, dns.SHA256, make([]byte, 32)}
	stranger := delegationKey{key.tag + 1, key.algorithm, dns.SHA256, d2[:]}
	unknown := delegationKey{key.tag, 200, dns.SHA256, d2[:]}
	odd := delegationKey{key.tag, key.algorithm, 99, d2[:]}
	many := slices.Repeat([]delegationKey{stranger}, maxDS)
	set := []dns.RR{s.key}
	a := &ServerAnswer{Wire: s.wire(&dns.Msg{Answer: []dns.RR{s.key, s.sig(set)}})}
	r := &Resolver{cfg: Config{Now: s.clock}}
	for _, tt := range []struct {
		name string
		ds   []delegationKey
		want Security
		code FaultCode
	}{
		{"SHA-256", []delegationKey{two}, SecuritySecure, ""},
		{"SHA-1 alone", []delegationKey{one}, SecuritySecure, ""},
		{"both", []delegationKey{one, two}, SecuritySecure, ""},
		{"a good SHA-1 beside a wrong SHA-256 (RFC 4509)", []delegationKey{one, wrong}, SecurityBogus, FaultDSMismatch},
		{"one of two", []delegationKey{stranger, two}, SecuritySecure, ""},
		{"a wrong digest", []delegationKey{wrong}, SecurityBogus, FaultDSMismatch},
		{"another key", []delegationKey{stranger}, SecurityBogus, FaultDSMismatch},
		{"a short digest", []delegationKey{{key.tag, key.algorithm, dns.SHA256, d2[:31]}}, SecurityBogus, FaultDSMismatch},
		{"unknown ones beside", []delegationKey{unknown, odd, two}, SecuritySecure, ""},
		{"only unknown ones", []delegationKey{unknown, odd}, SecurityInsecure, ""},
		{"too many", append(many, two), SecurityBogus, FaultTooMuchWork},
	} {
		ds := usableDS(tt.ds)
		if len(ds) == 0 {
			if tt.want != SecurityInsecure {
				t.Errorf("%s: none is left", tt.name)
			}
			continue
		}
		k := r.acceptKeys(r.newWork(), "example.com", a, trusted{ds: ds, until: s.now.Add(maxOwnKeyAge)})
		if k.state != tt.want || tt.code != "" && k.fault.Code != tt.code {
			t.Errorf("%s: %s %v, want %s %s", tt.name, k.state, k.fault, tt.want, tt.code)
		}
	}
	// The key that is vouched for must have signed the keys.
	other := newSigner(t, "example.com")
	a = &ServerAnswer{Wire: s.wire(&dns.Msg{Answer: []dns.RR{s.key, other.key, other.sig([]dns.RR{s.key, other.key})}})}
	if k := r.acceptKeys(r.newWork(), "example.com", a, trusted{ds: []delegationKey{two}, until: s.now}); k.state != SecurityBogus || k.fault.Code != FaultNoMatchingKey {
		t.Errorf("keys signed by a stranger: %s %v", k.state, k.fault)
	}
}
