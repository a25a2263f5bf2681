package probe

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestGuardCheck(t *testing.T) {
	const allowed, forbidden = true, false
	tests := []struct {
		addr string
		want bool
	}{
		// Every block of the IPv4 registry, at its edges.
		{"0.0.0.0", forbidden}, {"0.1.2.3", forbidden}, {"0.255.255.255", forbidden}, {"1.0.0.0", allowed},
		{"9.255.255.255", allowed}, {"10.0.0.0", forbidden}, {"10.255.255.255", forbidden}, {"11.0.0.0", allowed},
		{"100.63.255.255", allowed}, {"100.64.0.1", forbidden}, {"100.100.100.200", forbidden},
		{"100.127.255.255", forbidden}, {"100.128.0.0", allowed},
		{"126.255.255.255", allowed}, {"127.0.0.1", forbidden}, {"127.0.0.53", forbidden},
		{"127.255.255.255", forbidden}, {"128.0.0.0", allowed},
		{"169.253.255.255", allowed}, {"169.254.169.254", forbidden}, {"169.255.0.0", allowed},
		{"172.15.255.255", allowed}, {"172.16.0.0", forbidden}, {"172.31.255.255", forbidden}, {"172.32.0.0", allowed},
		{"191.255.255.255", allowed}, {"192.0.0.0", forbidden}, {"192.0.0.8", forbidden}, {"192.0.0.9", forbidden},
		{"192.0.0.10", forbidden}, {"192.0.0.170", forbidden}, {"192.0.0.171", forbidden},
		{"192.0.0.192", forbidden}, {"192.0.1.0", allowed},
		{"192.0.2.1", forbidden}, {"192.31.196.1", allowed}, {"192.52.193.1", forbidden},
		{"192.88.99.1", forbidden}, {"192.167.255.255", allowed}, {"192.168.0.1", forbidden},
		{"192.169.0.0", allowed}, {"192.175.48.1", allowed},
		{"198.17.255.255", allowed}, {"198.18.0.1", forbidden}, {"198.19.255.255", forbidden}, {"198.20.0.0", allowed},
		{"198.51.100.7", forbidden}, {"203.0.113.7", forbidden},
		{"223.255.255.255", allowed}, {"224.0.0.1", forbidden}, {"239.255.255.250", forbidden},
		{"240.0.0.1", forbidden}, {"255.255.255.254", forbidden}, {"255.255.255.255", forbidden},
		// Public, but the inside of a cloud.
		{"168.63.129.16", forbidden}, {"168.63.129.15", allowed}, {"161.26.0.10", forbidden}, {"166.9.1.1", forbidden},
		{"8.8.8.8", allowed}, {"45.0.0.1", allowed},

		// IPv4-mapped is IPv4.
		{"::ffff:127.0.0.1", forbidden}, {"::ffff:10.0.0.5", forbidden}, {"::ffff:169.254.169.254", forbidden},
		{"::ffff:168.63.129.16", forbidden}, {"::ffff:8.8.8.8", allowed},

		// The IPv6 registry and what it lacks.
		{"::", forbidden}, {"::1", forbidden}, {"::127.0.0.1", forbidden}, {"::8.8.8.8", forbidden},
		{"64:ff9b::a9fe:a9fe", forbidden}, {"64:ff9b::808:808", forbidden}, {"64:ff9b:1::7f00:1", forbidden},
		{"64:ff9b:1:a9fe:a9:fe00::", forbidden}, {"100::1", forbidden}, {"100:0:0:1::1", forbidden},
		{"2000::1", allowed}, {"2001::1", forbidden}, {"2001:0:4136:e378:8000:63bf:3fff:fdd2", forbidden},
		{"2001:1::1", forbidden}, {"2001:1::2", forbidden}, {"2001:1::3", forbidden}, {"2001:2::1", forbidden},
		{"2001:3::1", forbidden}, {"2001:4:112::1", allowed}, {"2001:5::1", forbidden}, {"2001:10::1", forbidden},
		{"2001:20::1", forbidden}, {"2001:30::1", forbidden}, {"2001:1ff:ffff::1", forbidden}, {"2001:200::1", allowed},
		{"2001:4860:4860::8888", allowed}, {"2001:db8::1", forbidden},
		{"2002:a9fe:a9fe::1", forbidden}, {"2002:808:808::1", forbidden}, {"2620:4f:8000::1", allowed},
		{"2a0e::1", allowed}, {"3ffe::1", forbidden}, {"3fff::1", forbidden}, {"3fff:1000::1", allowed},
		{"4000::1", forbidden}, {"5f00::1", forbidden}, {"fc00::1", forbidden}, {"fd00:ec2::254", forbidden},
		{"fd20:ce::254", forbidden}, {"fe80::1", forbidden}, {"febf::1", forbidden}, {"fec0::1", forbidden},
		{"feff::1", forbidden}, {"ff02::1", forbidden}, {"ff0e::1", forbidden},
		// A zone names one of our own links.
		{"fe80::1%eth0", forbidden}, {"2a0e::1%eth0", forbidden}, {"::ffff:8.8.8.8%eth0", forbidden},
	}
	guards := map[string]*Guard{"nil": nil, "zero": {}, "new": NewGuard(GuardConfig{})}
	for name, g := range guards {
		for _, tt := range tests {
			err := g.Check(netip.MustParseAddr(tt.addr))
			if got := err == nil; got != tt.want {
				t.Errorf("%s guard: Check(%s) = %v, want allowed=%v", name, tt.addr, err, tt.want)
			}
			if err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("Check(%s) = %v, want ErrForbidden", tt.addr, err)
			}
			if err != nil && err.Error() != ErrForbidden.Error() {
				t.Errorf("Check(%s) tells %q: the text must not depend on the address", tt.addr, err)
			}
		}
	}
	if err := (&Guard{}).Check(netip.Addr{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("Check of the zero Addr = %v, want ErrForbidden", err)
	}
}

// TestGuardMapped shows that no IPv4 verdict changes by writing the address
// as IPv6.
func TestGuardMapped(t *testing.T) {
	g := NewGuard(GuardConfig{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::ffff:10.1.0.0/112")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("127.9.0.0/16"), netip.MustParsePrefix("::ffff:45.0.0.0/104")},
	})
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "10.2.0.1": false, "127.9.0.1": false, "45.1.2.3": false, "46.1.2.3": true,
	} {
		a := netip.MustParseAddr(addr)
		for _, form := range []netip.Addr{a, netip.AddrFrom16(a.As16())} {
			if err := g.Check(form); (err == nil) != want {
				t.Errorf("Check(%s) = %v, want allowed=%v", form, err, want)
			}
		}
	}
}

func TestGuardConfig(t *testing.T) {
	prefixes := func(list string) (out []netip.Prefix) {
		for p := range strings.FieldsSeq(list) {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	tests := []struct {
		name, allow, deny, addr string
		want                    bool
	}{
		{"allow opens", "10.0.0.0/8", "", "10.1.2.3", true},
		{"allow opens no other", "10.0.0.0/8", "", "192.168.1.1", false},
		{"deny closes public", "", "8.8.8.0/24", "8.8.8.8", false},
		{"deny beats allow", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", false},
		{"deny beats a narrower allow", "10.1.2.3/32", "10.0.0.0/8", "10.1.2.3", false},
		{"allow a cloud service", "168.63.129.16/32", "", "168.63.129.16", true},
		{"nat64 network, public inside", "64:ff9b::/96", "", "64:ff9b::808:808", true},
		{"nat64 network, metadata inside", "64:ff9b::/96", "", "64:ff9b::a9fe:a9fe", false},
		{"nat64 network, denied inside", "64:ff9b::/96", "8.8.8.0/24", "64:ff9b::808:808", false},
		{"6to4, loopback inside", "2002::/16", "", "2002:7f00:1::1", false},
		{"6to4, public inside", "2002::/16", "", "2002:808:808::1", true},
		{"teredo, private server", "2001::/32", "", "2001:0:a00:1:8000:63bf:3fff:fdd2", false},
		{"teredo, private client", "2001::/32", "", "2001:0:4136:e378:8000:63bf:f5ff:fffe", false},
		{"local nat64, metadata at /48", "64:ff9b:1::/48", "", "64:ff9b:1:a9fe:a9:fe00::", false},
		{"loopback allowed, zone still not", "fe80::/10", "", "fe80::1%eth0", false},
		{"ipv6 allow says nothing of ipv4", "::/0", "", "10.0.0.1", false},
		{"ipv6 loopback", "::1/128", "", "::1", true},
		{"ipv4-compatible, loopback inside", "::/96", "", "::7f00:1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGuard(GuardConfig{Allow: prefixes(tt.allow), Deny: prefixes(tt.deny)})
			if err := g.Check(netip.MustParseAddr(tt.addr)); (err == nil) != tt.want {
				t.Errorf("Check(%s) = %v, want allowed=%v", tt.addr, err, tt.want)
			}
		})
	}
}

func TestSpecialTablesAreMasked(t *testing.T) {
	for _, table := range [][]special{special4, special6} {
		for _, s := range table {
			if s.prefix != s.prefix.Masked() || s.what == "" || s.source == "" {
				t.Errorf("row %v is not in order", s)
			}
		}
	}
}
