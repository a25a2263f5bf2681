package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

const (
	maxHints     = 64 << 10 // octets of a hints file
	maxRoots     = 64
	maxRootAddrs = 16 // per server
)

// ParseRootHints reads a file in named.root format: one record per line, of
// type NS at the root, or A or AAAA of a server so named; comments begin with
// a semicolon. Anything else is an error, as is a server without an address
// and a file over 64 KiB.
func ParseRootHints(r io.Reader) ([]RootServer, error) {
	limited := &io.LimitedReader{R: r, N: maxHints + 1}
	lines := bufio.NewScanner(limited)
	var roots []RootServer
	index := make(map[string]int)
	type entry struct {
		line int
		host string
		addr netip.Addr
	}
	var addrs []entry
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), ";")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		owner, rtype, value, err := hintFields(fields)
		if err != nil {
			return nil, fmt.Errorf("root hints, line %d: %w", n, err)
		}
		switch rtype {
		case "NS":
			if owner != "" {
				return nil, fmt.Errorf("root hints, line %d: NS record not at the root", n)
			}
			host, _, err := normalName(value)
			if err != nil || host == "" {
				return nil, fmt.Errorf("root hints, line %d: bad name of a server", n)
			}
			if _, ok := index[host]; ok {
				return nil, fmt.Errorf("root hints, line %d: server %s twice", n, host)
			}
			if len(roots) == maxRoots {
				return nil, fmt.Errorf("root hints, line %d: more than %d servers", n, maxRoots)
			}
			index[host] = len(roots)
			roots = append(roots, RootServer{Name: host})
		case "A", "AAAA":
			addr, err := netip.ParseAddr(value)
			if err != nil || addr.Zone() != "" || addr.Is4() != (rtype == "A") {
				return nil, fmt.Errorf("root hints, line %d: bad address", n)
			}
			addrs = append(addrs, entry{n, owner, addr})
		default:
			return nil, fmt.Errorf("root hints, line %d: record type is none of NS, A, AAAA", n)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading root hints: %w", err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("root hints: over %d octets", maxHints)
	}
	for _, e := range addrs {
		i, ok := index[e.host]
		if !ok {
			return nil, fmt.Errorf("root hints, line %d: address of a host that is no root server", e.line)
		}
		if len(roots[i].Addrs) == maxRootAddrs {
			return nil, fmt.Errorf("root hints, line %d: more than %d addresses of one server", e.line, maxRootAddrs)
		}
		roots[i].Addrs = append(roots[i].Addrs, e.addr)
	}
	if len(roots) == 0 {
		return nil, errors.New("root hints: no server")
	}
	for _, s := range roots {
		if len(s.Addrs) == 0 {
			return nil, fmt.Errorf("root hints: no address of %s", s.Name)
		}
	}
	return roots, nil
}

// hintFields splits owner, [TTL], [class], type and value.
func hintFields(fields []string) (owner, rtype, value string, err error) {
	if owner, _, err = normalName(fields[0]); err != nil {
		return "", "", "", errors.New("bad owner name")
	}
	if fields[0] == "@" {
		owner = ""
	}
	rest := fields[1:]
	if len(rest) > 2 {
		if _, err := strconv.ParseUint(rest[0], 10, 31); err == nil {
			rest = rest[1:]
		}
	}
	if len(rest) > 2 && strings.EqualFold(rest[0], "IN") {
		rest = rest[1:]
	}
	if len(rest) != 2 {
		return "", "", "", errors.New("not a record")
	}
	return owner, strings.ToUpper(rest[0]), rest[1], nil
}

// builtinRoots are the root servers as IANA publishes them (named.root).
func builtinRoots() []RootServer {
	letters := []struct{ v4, v6 string }{
		{"198.41.0.4", "2001:503:ba3e::2:30"},
		{"170.247.170.2", "2801:1b8:10::b"},
		{"192.33.4.12", "2001:500:2::c"},
		{"199.7.91.13", "2001:500:2d::d"},
		{"192.203.230.10", "2001:500:a8::e"},
		{"192.5.5.241", "2001:500:2f::f"},
		{"192.112.36.4", "2001:500:12::d0d"},
		{"198.97.190.53", "2001:500:1::53"},
		{"192.36.148.17", "2001:7fe::53"},
		{"192.58.128.30", "2001:503:c27::2:30"},
		{"193.0.14.129", "2001:7fd::1"},
		{"199.7.83.42", "2001:500:9f::42"},
		{"202.12.27.33", "2001:dc3::35"},
	}
	roots := make([]RootServer, len(letters))
	for i, l := range letters {
		roots[i] = RootServer{
			Name:  string(rune('a'+i)) + ".root-servers.net",
			Addrs: []netip.Addr{netip.MustParseAddr(l.v4), netip.MustParseAddr(l.v6)},
		}
	}
	return roots
}
