package dns

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRootHints(t *testing.T) {
	got, err := ParseRootHints(strings.NewReader(`
;       This file holds the information on root name servers
.                        3600000      NS    A.ROOT-SERVERS.NET.  ; the first
A.ROOT-SERVERS.NET.      3600000      A     198.41.0.4
A.ROOT-SERVERS.NET.      3600000      AAAA  2001:503:ba3e::2:30
@	IN	NS	b.example.
b.example. 60 IN A 127.0.0.1
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []RootServer{
		{"a.root-servers.net", []netip.Addr{netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("2001:503:ba3e::2:30")}},
		{"b.example", []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestParseRootHintsRejects(t *testing.T) {
	const ok = ". NS a.\na. A 45.0.0.1\n"
	if _, err := ParseRootHints(strings.NewReader(ok)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":                 "",
		"only comments":         "; nothing\n",
		"directive":             "$INCLUDE /etc/passwd\n" + ok,
		"not at the root":       "com. NS a.\na. A 45.0.0.1\n",
		"no address":            ". NS a.\n",
		"address of another":    ok + "b. A 45.0.0.2\n",
		"other type":            ok + ". TXT x\n",
		"bad address":           ". NS a.\na. A 45.0.0\n",
		"wrong family":          ". NS a.\na. AAAA 45.0.0.1\n",
		"zone in address":       ". NS a.\na. AAAA fe80::1%eth0\n",
		"twice":                 ok + ". NS a.\n",
		"too few fields":        ok + ". NS\n",
		"too many fields":       ok + ". 60 IN NS b. c.\n",
		"bad name":              ". NS a..b.\n",
		"root as server":        ". NS .\n. A 45.0.0.1\n",
		"very long line":        ok + strings.Repeat("x", 70_000),
		"too large":             ok + strings.Repeat("; filler filler\n", 5000),
		"too many servers":      strings.Join(manyRoots(65), ""),
		"too many addresses":    ok + strings.Repeat("a. A 45.0.0.1\n", 16),
		"not text":              "\x00\xff\x00",
		"another class":         ". CH NS a.\na. A 45.0.0.1\n",
		"time to live negative": ". -1 NS a.\na. A 45.0.0.1\n",
	} {
		if got, err := ParseRootHints(strings.NewReader(text)); err == nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
}

func manyRoots(n int) []string {
	var out []string
	for i := range n {
		name := strings.Repeat("x", i/26+1) + string(rune('a'+i%26)) + "."
		out = append(out, ". NS "+name+"\n"+name+" A 45.0.0.1\n")
	}
	return out
}

func TestBuiltinRoots(t *testing.T) {
	roots := builtinRoots()
	if len(roots) != 13 {
		t.Errorf("%d roots", len(roots))
	}
	seen := make(map[netip.Addr]bool)
	for _, s := range roots {
		if len(s.Addrs) != 2 || !s.Addrs[0].Is4() || !s.Addrs[1].Is6() || seen[s.Addrs[0]] || seen[s.Addrs[1]] {
			t.Errorf("%+v", s)
		}
		seen[s.Addrs[0]], seen[s.Addrs[1]] = true, true
	}
}

func FuzzParseRootHints(f *testing.F) {
	f.Add(". NS a.\na. A 45.0.0.1\n")
	f.Add(".  3600000  IN  NS  A.ROOT-SERVERS.NET. ; x\nA.ROOT-SERVERS.NET. 3600000 AAAA 2001:503:ba3e::2:30\n")
	f.Fuzz(func(t *testing.T, text string) {
		roots, err := ParseRootHints(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(roots) == 0 || len(roots) > maxRoots || len(text) > maxHints {
			t.Fatalf("%d roots of %d octets", len(roots), len(text))
		}
		for _, s := range roots {
			if len(s.Addrs) == 0 || len(s.Addrs) > maxRootAddrs || s.Name == "" {
				t.Fatalf("%+v", s)
			}
			if again, _, err := normalName(s.Name); err != nil || again != s.Name {
				t.Fatalf("name %q: %v", s.Name, err)
			}
		}
	})
}
