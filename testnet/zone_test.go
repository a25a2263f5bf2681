package testnet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/testnet"
)

func TestZoneChanges(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	a, b := z.Servers()[0], z.Servers()[1]
	check := func(when string, s *testnet.NameServer, want ...string) {
		t.Helper()
		if got := txts(ask(t, n, s, "_x.example.com", "TXT")); !slices.Equal(got, want) {
			t.Errorf("%s: %s has %q, want %q", when, s.Name(), got, want)
		}
	}
	serial := z.Serial()
	z.Add("_x", "TXT", "one")
	if z.Serial() != serial+1 {
		t.Errorf("serial %d after one change of %d", z.Serial(), serial)
	}
	check("added", a, "one")
	check("added", b, "one")
	b.Only("_x", "TXT", "other")
	check("only", a, "one")
	check("only", b, "other")
	b.AddOnly("_x", "TXT", "more")
	check("add only", b, "other", "more")
	b.Only("_x", "TXT")
	check("nothing", a, "one")
	check("nothing", b)
	z.Add("_x", "TXT", "two")
	check("second", a, "one", "two")
	check("second, still differs", b)
	b.Same()
	check("same again", b, "one", "two")
	b.AddOnly("_x", "TXT", "extra")
	check("add only to the shared", b, "one", "two", "extra")
	z.Remove("_x", "TXT")
	check("removed", a)
	check("removed", b)
	z.Add("_x", "TXT", "x").Add("_x", "A", "45.1.1.1").Remove("_x", "")
	check("all types removed", a)
	if got := show(ask(t, n, a, "_x.example.com", "A")); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Errorf("all types removed: %s", got)
	}
}

func TestZoneSOA(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").SetSOAMinimum(60).SetTTL(900).Add("www", "A", "45.1.1.1")
	if err := z.AddRecord("short", "A", 5, "45.1.1.2"); err != nil {
		t.Fatal(err)
	}
	a, b := z.Servers()[0], z.Servers()[1]
	soa := soaOf(t, n, a)
	if soa.Minttl != 60 || soa.Hdr.Ttl != 900 || soa.Serial != z.Serial() || soa.Ns != "ns1.example.com." {
		t.Errorf("SOA %v, serial %d", soa, z.Serial())
	}
	if m := ask(t, n, a, "nope.example.com", "A"); m.Ns[0].Header().Ttl != 60 {
		t.Errorf("negative TTL %d, want 60", m.Ns[0].Header().Ttl)
	}
	if m := ask(t, n, a, "www.example.com", "A"); m.Answer[0].Header().Ttl != 900 {
		t.Errorf("TTL %d, want 900", m.Answer[0].Header().Ttl)
	}
	if m := ask(t, n, a, "short.example.com", "A"); m.Answer[0].Header().Ttl != 5 {
		t.Errorf("TTL %d, want 5", m.Answer[0].Header().Ttl)
	}
	b.SetSerial(7)
	if got := soaOf(t, n, b).Serial; got != 7 {
		t.Errorf("serial %d, want 7", got)
	}
	if got := soaOf(t, n, a).Serial; got != z.Serial() {
		t.Errorf("serial %d, want %d", got, z.Serial())
	}
	b.SetSerial(0)
	if got := soaOf(t, n, b).Serial; got != z.Serial() {
		t.Errorf("serial %d, want %d", got, z.Serial())
	}
}

func TestZoneSequence(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Sequence("@", "A", [][]string{{"45.1.1.1"}, {"127.0.0.1", "10.0.0.1"}})
	for _, s := range z.Servers() {
		for i, want := range []string{"example.com. A 45.1.1.1", "example.com. A 10.0.0.1, example.com. A 127.0.0.1", "example.com. A 10.0.0.1, example.com. A 127.0.0.1"} {
			if got := show(ask(t, n, s, "example.com", "A")); got != lines("NOERROR aa", "an: "+want) {
				t.Errorf("%s, answer %d: %s", s.Name(), i+1, got)
			}
		}
	}
	z.Servers()[1].Only("@", "A", "45.1.1.8") // not for this server
	if got := show(ask(t, n, z.Servers()[1], "example.com", "A")); got != lines("NOERROR aa", "an: example.com. A 45.1.1.8") {
		t.Error(got)
	}
	z.Servers()[1].Same()
	z.Add("@", "A", "45.1.1.9") // ends the sequence
	if got := show(ask(t, n, z.Servers()[0], "example.com", "A")); got != lines("NOERROR aa", "an: example.com. A 45.1.1.9") {
		t.Error(got)
	}
}

func TestZoneSequenceOfAliases(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Sequence("x", "CNAME", [][]string{{"y.example.net."}, {}}).Servers()[0]
	for _, want := range []string{
		lines("NOERROR aa", "an: x.example.com. CNAME y.example.net."),
		lines("NOERROR aa", "ns: example.com. SOA"),
	} {
		if got := show(ask(t, n, s, "x.example.com", "TXT")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestZoneOddNames(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").
		Add(`\@`, "TXT", "literal at").
		Add("example.com", "TXT", "doubled").
		Add("http://example.com", "TXT", "a URL").
		Add("UPPER", "TXT", "case")
	for name, want := range map[string]string{
		`\@.example.com.`:                  "literal at",
		"example.com.example.com.":         "doubled",
		"http://example.com.example.com.":  "a URL",
		"upper.example.com.":               "case",
		"_x.example.com.example.com.":      "",
		"example.com.example.com.example.": "",
	} {
		m := ask(t, n, z.Servers()[0], name, "TXT")
		if got := strings.Join(txts(m), ","); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestZoneRejects(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	before := z.Records()
	for _, tt := range []struct{ name, rtype, value string }{
		{"x", "A", "::1"}, {"x", "A", "nonsense"}, {"x", "AAAA", "45.1.1.1"}, {"x", "AAAA", "fe80::1%eth0"},
		{"x", "NOSUCHTYPE", "1"}, {"x", "MX", "mx"}, {"x", "CAA", ""}, {"x", "MX", "10 a.\nb 300 IN A 45.1.1.1"},
		{strings.Repeat("x", 64), "A", "45.1.1.1"}, {"a..b", "A", "45.1.1.1"},
		{strings.Repeat("abcdefg.", 40), "A", "45.1.1.1"},
		{"x", "CNAME", strings.Repeat("x", 64)},
	} {
		if err := z.AddRecord(tt.name, tt.rtype, 0, tt.value); err == nil {
			t.Errorf("%q %s %q was taken", tt.name, tt.rtype, tt.value)
		}
	}
	if z.RemoveRecords("a..b", "A") == nil || z.RemoveRecords("x", "NOSUCHTYPE") == nil {
		t.Error("nonsense was removed")
	}
	if diff := cmp.Diff(before, z.Records()); diff != "" {
		t.Error(diff)
	}
	for what, f := range map[string]func(){
		"Add":      func() { z.Add("x", "A", "nonsense") },
		"Zone":     func() { n.Zone("a..b") },
		"Host":     func() { n.Host("a..b") },
		"Delegate": func() { z.Delegate(testnet.NS{Name: "ns.", Addrs: []string{"x"}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", what)
				}
			}()
			f()
		}()
	}
}

func TestZoneRecords(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").
		Add("_x", "TXT", "one", "two").
		Add("mail", "MX", "10 mx").
		Add("other.net.", "A", "45.1.1.1")
	s := z.Servers()[1]
	s.Only("_x", "TXT", "three")
	rec := func(name, rtype, server string, values ...string) testnet.Record {
		return testnet.Record{Name: name, Type: rtype, TTL: 300, Value: strings.Join(values, ""), Values: values, Server: server}
	}
	want := []testnet.Record{
		rec("_x.example.com", "TXT", "", "one", "two"),
		rec("_x.example.com", "TXT", "ns2.example.com", "three"),
		rec("example.com", "NS", "", "ns1.example.com."),
		rec("example.com", "NS", "", "ns2.example.com."),
		rec("mail.example.com", "MX", "", "10 mx.example.com."),
		rec("ns1.example.com", "A", "", ip(z.Servers()[0])),
		rec("ns2.example.com", "A", "", ip(s)),
		rec("other.net", "A", "", "45.1.1.1"),
	}
	if diff := cmp.Diff(want, z.Records()); diff != "" {
		t.Error(diff)
	}
	if ok, err := z.RemoveRecord("_x", "TXT", "one"); ok || err != nil {
		t.Errorf("half a record was removed: %v %v", ok, err)
	}
	for _, r := range want {
		if r.Server != "" || r.Type == "NS" {
			continue
		}
		if ok, err := z.RemoveRecord(r.Name+".", r.Type, r.Values...); !ok || err != nil {
			t.Errorf("%v: %v %v", r, ok, err)
		}
	}
	if got := z.Records(); len(got) != 3 {
		t.Errorf("left: %v", got)
	}
	var names []string
	for _, z := range n.Zones() {
		names = append(names, z.Name())
	}
	if diff := cmp.Diff([]string{".", "com", "example.com"}, names); diff != "" {
		t.Error(diff)
	}
}
