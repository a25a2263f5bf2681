package probe

import "net/netip"

// special is one block of an IANA special-purpose address registry, or one
// that those registries lack.
type special struct {
	prefix netip.Prefix
	what   string
	source string
	// global: reachable from everywhere and meant to be, although special.
	// Blocks that the registry calls global but whose packets end at whatever
	// relay or gateway is nearest (PCP, TURN, AMT, ORCHIDv2, DRIP) are refused
	// all the same: no public name server or web site lives there.
	global bool
}

// special4 is the IANA IPv4 Special-Purpose Address Registry (RFC 6890,
// RFC 8190) and, after it, what it lacks. The most specific row decides.
var special4 = []special{
	row("0.0.0.0/8", "this network", "RFC 791"),
	row("0.0.0.0/32", "this host on this network", "RFC 1122"),
	row("10.0.0.0/8", "private use", "RFC 1918"),
	row("100.64.0.0/10", "shared address space", "RFC 6598"),
	row("127.0.0.0/8", "loopback", "RFC 1122"),
	row("169.254.0.0/16", "link local", "RFC 3927"),
	row("172.16.0.0/12", "private use", "RFC 1918"),
	row("192.0.0.0/24", "IETF protocol assignments", "RFC 6890"),
	row("192.0.0.0/29", "IPv4 service continuity", "RFC 7335"),
	row("192.0.0.8/32", "IPv4 dummy address", "RFC 7600"),
	row("192.0.0.9/32", "port control protocol anycast", "RFC 7723"),
	row("192.0.0.10/32", "TURN anycast", "RFC 8155"),
	row("192.0.0.170/32", "NAT64/DNS64 discovery", "RFC 7050"),
	row("192.0.0.171/32", "NAT64/DNS64 discovery", "RFC 7050"),
	row("192.0.2.0/24", "documentation", "RFC 5737"),
	global("192.31.196.0/24", "AS112-v4", "RFC 7535"),
	row("192.52.193.0/24", "AMT", "RFC 7450"),
	row("192.88.99.0/24", "6to4 relay anycast", "RFC 7526"),
	row("192.168.0.0/16", "private use", "RFC 1918"),
	global("192.175.48.0/24", "direct delegation AS112", "RFC 7534"),
	row("198.18.0.0/15", "benchmarking", "RFC 2544"),
	row("198.51.100.0/24", "documentation", "RFC 5737"),
	row("203.0.113.0/24", "documentation", "RFC 5737"),
	row("240.0.0.0/4", "reserved", "RFC 1112"),
	row("255.255.255.255/32", "limited broadcast", "RFC 919"),

	row("224.0.0.0/4", "multicast", "RFC 5771"),
	// Public by class, but answered by the inside of a cloud to its tenants.
	row("168.63.129.16/32", "Azure wire server", "Azure documentation"),
	row("161.26.0.0/16", "IBM Cloud services", "IBM Cloud documentation"),
	row("166.8.0.0/14", "IBM Cloud services", "IBM Cloud documentation"),
}

// special6 is the IANA IPv6 Special-Purpose Address Registry and, after it,
// what it lacks. All that lies outside 2000::/3 is refused as well, because
// nothing else was ever allocated as global unicast (RFC 4291 section 2.4,
// IANA IPv6 address space registry).
var special6 = []special{
	row("::1/128", "loopback", "RFC 4291"),
	row("::/128", "unspecified", "RFC 4291"),
	row("::ffff:0:0/96", "IPv4-mapped", "RFC 4291"),
	row("64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052"),
	row("64:ff9b:1::/48", "local IPv4-IPv6 translation", "RFC 8215"),
	row("100::/64", "discard only", "RFC 6666"),
	row("100:0:0:1::/64", "dummy prefix", "RFC 9780"),
	row("2001::/23", "IETF protocol assignments", "RFC 2928"),
	row("2001::/32", "Teredo", "RFC 4380"),
	row("2001:1::1/128", "port control protocol anycast", "RFC 7723"),
	row("2001:1::2/128", "TURN anycast", "RFC 8155"),
	row("2001:1::3/128", "DNS-SD registration anycast", "RFC 9665"),
	row("2001:2::/48", "benchmarking", "RFC 5180"),
	row("2001:3::/32", "AMT", "RFC 7450"),
	global("2001:4:112::/48", "AS112-v6", "RFC 7535"),
	row("2001:10::/28", "deprecated ORCHID", "RFC 4843"),
	row("2001:20::/28", "ORCHIDv2", "RFC 7343"),
	row("2001:30::/28", "drone remote identifiers", "RFC 9374"),
	row("2001:db8::/32", "documentation", "RFC 3849"),
	row("2002::/16", "6to4", "RFC 3056"),
	global("2620:4f:8000::/48", "direct delegation AS112", "RFC 7534"),
	row("3fff::/20", "documentation", "RFC 9637"),
	row("5f00::/16", "segment routing identifiers", "RFC 9602"),
	row("fc00::/7", "unique local", "RFC 4193"),
	row("fe80::/10", "link local", "RFC 4291"),

	row("::/96", "deprecated IPv4-compatible", "RFC 4291"),
	row("fec0::/10", "deprecated site local", "RFC 3879"),
	row("ff00::/8", "multicast", "RFC 4291"),
	row("3ffe::/16", "returned 6bone", "RFC 3701"),
}

var (
	globalUnicast6 = netip.MustParsePrefix("2000::/3")

	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	compat4    = netip.MustParsePrefix("::/96")
)

func row(prefix, what, source string) special {
	return special{prefix: netip.MustParsePrefix(prefix), what: what, source: source}
}

func global(prefix, what, source string) special {
	s := row(prefix, what, source)
	s.global = true
	return s
}

// isPublic reports whether the tables let an unmapped address without a zone
// be contacted.
func isPublic(addr netip.Addr) bool {
	table := special4
	if addr.Is6() {
		if !globalUnicast6.Contains(addr) {
			return false
		}
		table = special6
	}
	best, public := -1, true
	for i := range table {
		if table[i].prefix.Bits() > best && table[i].prefix.Contains(addr) {
			best, public = table[i].prefix.Bits(), table[i].global
		}
	}
	return public
}

// embedded4 returns the IPv4 addresses that a packet to an IPv6 address may
// really be bound for.
func embedded4(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	at := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	switch {
	case addr.IsLoopback(), addr.IsUnspecified():
		return nil // not IPv4-compatible addresses (RFC 4291 section 2.5.5.1)
	case nat64.Contains(addr), compat4.Contains(addr):
		return []netip.Addr{at(12, 13, 14, 15)}
	case nat64Local.Contains(addr):
		// An operator may cut any length of RFC 6052 section 2.2 out of the
		// /48; each puts the address elsewhere.
		return []netip.Addr{at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), at(12, 13, 14, 15)}
	case sixToFour.Contains(addr):
		return []netip.Addr{at(2, 3, 4, 5)}
	case teredo.Contains(addr):
		// Server in clear, client with all bits inverted (RFC 4380 section 4).
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{at(4, 5, 6, 7), client}
	}
	return nil
}
