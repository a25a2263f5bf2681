package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
)

func TestAsk(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	z.Add("_x", "TXT", "token=abc").Add("_x", "TXT", "one", "two").Add("@", "MX", "10 mail", "5 Mail2.Example.NET.")
	z.Add("www", "CNAME", "host.example.net.").Add("a", "A", "45.1.2.3").Add("a", "AAAA", "2a0e::9").Add("a.b.c", "TXT", "deep")
	r := newResolver(t, n)

	for _, tt := range []struct {
		name  string
		qtype uint16
		kind  dns.Kind
		want  []string
	}{
		{"_x.example.com", typeTXT, dns.KindData, []string{"onetwo", "token=abc"}},
		{"_X.Example.COM.", typeTXT, dns.KindData, []string{"onetwo", "token=abc"}},
		{"_x.example.com", typeA, dns.KindNoData, []string{}},
		{"nobody.example.com", typeTXT, dns.KindNXDomain, []string{}},
		{"b.c.example.com", typeTXT, dns.KindNoData, []string{}}, // empty non-terminal
		{"c.example.com", typeTXT, dns.KindNoData, []string{}},
		{"a.b.c.example.com", typeTXT, dns.KindData, []string{"deep"}},
		{"example.com", typeTXT, dns.KindNoData, []string{}},
		{"www.example.com", typeTXT, dns.KindAlias, []string{"host.example.net"}},
		{"www.example.com", typeCNAME, dns.KindData, []string{"host.example.net"}},
		{"example.com", typeMX, dns.KindData, []string{"mail2.example.net", "mail.example.com"}},
		{"example.com", typeNS, dns.KindData, []string{"ns1.example.com", "ns2.example.com"}},
		{"a.example.com", typeA, dns.KindData, []string{"45.1.2.3"}},
		{"a.example.com", typeAAAA, dns.KindData, []string{"2a0e::9"}},
	} {
		t.Run(fmt.Sprintf("%s/%d", tt.name, tt.qtype), func(t *testing.T) {
			a, s := mustAgree(t, r, tt.name, tt.qtype)
			if len(a.Servers) != 2 || a.Zone.Name != "example.com" || a.Zone.Parent != "com" {
				t.Errorf("zone %q of %q, %d servers", a.Zone.Name, a.Zone.Parent, len(a.Servers))
			}
			if a.Security != dns.SecurityIndeterminate {
				t.Errorf("security %q", a.Security)
			}
			got := []string{}
			for _, rec := range s.Records {
				switch {
				case rec.Addr.IsValid():
					got = append(got, rec.Addr.String())
				case rec.Target != "":
					got = append(got, rec.Target)
				default:
					got = append(got, rec.TXT())
				}
				if rec.Name != strings.TrimSuffix(strings.ToLower(tt.name), ".") || rec.TTL == 0 || !strings.Contains(rec.Text, "\tIN\t") {
					t.Errorf("record %+v", rec)
				}
			}
			if s.Kind != tt.kind {
				t.Errorf("kind %s, want %s", s.Kind, tt.kind)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			for _, s := range a.Servers {
				if !s.Authority || s.Proto != "udp" || s.RTT <= 0 || len(s.Wire) < 12 || s.BadReplies != 0 || s.EDNSBroken || s.CaseBroken {
					t.Errorf("odd: %+v", s)
				}
				negative := s.Kind == dns.KindNoData || s.Kind == dns.KindNXDomain
				if negative != (s.SOA != nil) || negative && s.SOA.Zone != "example.com" {
					t.Errorf("SOA %+v", s.SOA)
				}
			}
		})
	}
}

// TestAskQueries counts: with top-level domains known, a check costs one
// question to the parent and one to each server.
func TestAskQueries(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token=abc")
	n.Zone("other.com")
	r := newResolver(t, n)
	mustAgree(t, r, "other.com", typeTXT)

	n.ResetHistory()
	mustAgree(t, r, "_y.example.com", typeTXT)
	var got []string
	for _, q := range n.Queries() {
		got = append(got, q.Server+" "+q.Name+" "+q.Type)
	}
	slices.Sort(got)
	if len(got) == 3 { // any server of com
		got[0] = strings.Replace(got[0], "b.nic", "a.nic", 1)
	}
	want := []string{"a.nic.com example.com NS", "ns1.example.com _y.example.com TXT", "ns2.example.com _y.example.com TXT"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// A positive answer below the apex needs one more, about the zone it is in.
	n.ResetHistory()
	a, _ := mustAgree(t, r, "_x.example.com", typeTXT)
	if got := len(n.Queries()); got != 4 {
		t.Errorf("%d queries, want 4", got)
	}
	n.ResetHistory()
	if _, err := r.AskOne(context.Background(), a.Zone, dns.RandomSibling("_x.example.com"), typeTXT); err != nil {
		t.Fatal(err)
	}
	if got := len(n.Queries()); got != 1 {
		t.Errorf("control: %d queries, want 1", got)
	}
}

// TestNamesAreHidden holds that the root and the registry see no more of a
// name than they need (RFC 9156), and no two questions have the same id, port
// and letter case.
func TestNamesAreHidden(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.co.uk").Add("_secretname", "TXT", "x")
	r := newResolver(t, n)
	mustAgree(t, r, "_secretname.example.co.uk", typeTXT)
	ids, cases := make(map[uint16]bool), make(map[string]bool)
	for _, q := range n.Queries() {
		if strings.Contains(q.Name, "secret") && !strings.HasSuffix(q.Server, "example.co.uk") {
			t.Errorf("%s was asked about %s", q.Server, q.Name)
		}
		ids[q.ID], cases[q.Asked] = true, true
		if !q.EDNS || q.Proto != "udp" {
			t.Errorf("query %+v", q)
		}
	}
	if len(n.Queries()) != 6 { // uk, co.uk, example.co.uk; both servers; the zone
		t.Errorf("%d queries", len(n.Queries()))
	}
	if len(ids) < 4 || len(cases) < 5 {
		t.Errorf("%d ids, %d spellings in 6 queries", len(ids), len(cases))
	}
}

func TestAskEveryAddress(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	for range 12 {
		z.AddServer()
	}
	for _, s := range z.Servers() {
		s.AddIPv6()
	}
	r := newResolver(t, n)
	a, _ := mustAgree(t, r, "_x.example.com", typeTXT)
	if len(a.Zone.Servers) != 14 || len(a.Servers) != 28 || a.Zone.Skipped != 0 {
		t.Errorf("%d servers, %d addresses, %d skipped", len(a.Zone.Servers), len(a.Servers), a.Zone.Skipped)
	}
	// One of 28 disagrees.
	z.Servers()[13].Only("_x", "TXT", "other")
	a = mustAsk(t, r, "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok {
		t.Error("agreed although one differs")
	}
	if s, ok := a.Majority(); !ok || s.Records[0].TXT() != "token" {
		t.Error("no majority of 13 to 1")
	}
	if got := a.Failed(); len(got) != 0 {
		t.Errorf("failed: %v", got)
	}
}

func TestAskTooManyServers(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	for range 20 {
		z.AddServer()
	}
	for _, s := range z.Servers() {
		s.AddIPv6()
	}
	a, _ := mustAgree(t, newResolver(t, n), "_x.example.com", typeTXT)
	if len(a.Zone.Servers) != 16 || len(a.Servers) != 32 || a.Zone.Skipped != 6 {
		t.Errorf("%d servers, %d addresses, %d skipped", len(a.Zone.Servers), len(a.Servers), a.Zone.Skipped)
	}
}

func TestAskBadName(t *testing.T) {
	n := newNetwork(t)
	r := newResolver(t, n)
	for _, name := range []string{
		"a..b", ".a", "..", strings.Repeat("a", 64) + ".com", strings.Repeat("abcdefgh.", 32) + "com", `a\`, `a\12`, `a\999b`,
		strings.Repeat("x", 10_000),
	} {
		if _, err := r.Ask(context.Background(), name, typeTXT); !errors.Is(err, dns.ErrBadName) {
			t.Errorf("Ask(%.20q) = %v, want ErrBadName", name, err)
		}
		if _, err := r.Delegation(context.Background(), name); !errors.Is(err, dns.ErrBadName) {
			t.Errorf("Delegation(%.20q) = %v, want ErrBadName", name, err)
		}
	}
	if got := len(n.Queries()); got != 0 {
		t.Errorf("%d queries", got)
	}
}

// TestAskOddLabels asks for labels as people leave them behind by mistake.
func TestAskOddLabels(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	r := newResolver(t, n)
	for _, label := range []string{`\@`, `http://www`, `a\.b`, `with\032space`, `\"quoted\"`, `\195\164`} {
		z.Add(label, "TXT", "here")
		if _, s := mustAgree(t, r, label+".example.com", typeTXT); s.Kind != dns.KindData {
			t.Errorf("%s: %s", label, s.Kind)
		}
	}
	_, s := mustAgree(t, r, "@.example.com", typeTXT) // the same name, unescaped
	if s.Kind != dns.KindData || s.Records[0].Name != `\@.example.com` {
		t.Errorf("%+v", s)
	}
}

func TestTXTBytes(t *testing.T) {
	n := newNetwork(t)
	values := []string{`"tok"`, "a\u00a0b", "“tok”", `back\slash`, `\065`, "\x00\x01\xff", "tab\there", " lead and trail ", "", strings.Repeat("y", 255)}
	z := n.Zone("example.com")
	for i, v := range values {
		z.Add(fmt.Sprintf("t%d", i), "TXT", v)
	}
	r := newResolver(t, n)
	for i, v := range values {
		_, s := mustAgree(t, r, fmt.Sprintf("t%d.example.com", i), typeTXT)
		if diff := cmp.Diff([]string{v}, s.Records[0].Strings); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSOA(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").SetSOAMinimum(77)
	z.Servers()[0].SetSerial(41)
	a := mustAsk(t, newResolver(t, n), "example.com", typeSOA)
	if _, ok := a.Agreed(); ok {
		t.Error("agreed on different serials")
	}
	if s := byServer(t, a, z.Servers()[0]); s.SOA == nil || s.SOA.Serial != 41 || s.SOA.NegativeTTL() != 77*time.Second {
		t.Errorf("%+v", s.SOA)
	}
	if s := byServer(t, a, z.Servers()[1]); s.SOA == nil || s.SOA.Serial == 41 {
		t.Errorf("%+v", s.SOA)
	}
}

func TestWildcard(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("*", "TXT", "everything").Add("_x", "TXT", "token")
	r := newResolver(t, n)
	a, _ := mustAgree(t, r, "_x.example.com", typeTXT)
	s, err := r.AskOne(context.Background(), a.Zone, dns.RandomSibling("_x.example.com"), typeTXT)
	if err != nil || s.Kind != dns.KindData || texts(&s)[0] != "everything" {
		t.Errorf("%v, %s", err, line(&s))
	}
}

func TestAskServer(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	n.Zone("sub.example.com")
	n.Zone("example.net")
	r := newResolver(t, n)
	zone, err := r.Delegation(context.Background(), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	at := z.Servers()[0].Addr().Addr()
	if s := r.AskServer(context.Background(), zone, "ns1.example.com", at, "_x.example.com", typeTXT); s.Status != dns.StatusOK || s.Kind != dns.KindData || s.Server != "ns1.example.com" {
		t.Error(line(&s))
	}
	if s := r.AskServer(context.Background(), zone, "ns1.example.com", at, "_x.sub.example.com", typeTXT); s.Status != dns.StatusOK || s.Kind != dns.KindReferral {
		t.Error(line(&s))
	}
	if s := r.AskServer(context.Background(), zone, "ns1.example.com", at, "_x.example.net", typeTXT); s.Status != dns.StatusMalformed || !errors.Is(s.Err, dns.ErrBadName) {
		t.Error(line(&s))
	}
	other := n.Zone("example.net").Servers()[0].Addr().Addr()
	if s := r.AskServer(context.Background(), zone, "x", other, "_x.example.com", typeTXT); s.Status != dns.StatusRefused {
		t.Error(line(&s))
	}
	if s := r.AskServer(context.Background(), zone, "x", netip.MustParseAddr("45.9.9.9"), "_x.example.com", typeTXT); s.Status != dns.StatusUnreachable {
		t.Error(line(&s))
	}
	if s := r.AskServer(context.Background(), zone, "x", netip.MustParseAddr("127.0.0.1"), "_x.example.com", typeTXT); s.Status != dns.StatusForbidden {
		t.Error(line(&s))
	}
}

func TestTrace(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token")
	tr := &probe.Trace{}
	if _, err := newResolver(t, n).Ask(probe.WithTrace(context.Background(), tr), "_x.example.com", typeTXT); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range tr.Steps() {
		target, _, _ := strings.Cut(s.Target, " ")
		got = append(got, s.Name+" "+target+" "+s.Result)
		if !s.OK || s.StartedAt.IsZero() {
			t.Errorf("step %+v", s)
		}
	}
	if len(got) != 4 {
		t.Fatalf("%q", got)
	}
	got[0], got[1] = strings.Replace(got[0], "b.root", "a.root", 1), strings.Replace(got[1], "b.nic", "a.nic", 1)
	slices.Sort(got[2:])
	want := []string{
		"ask_parent a.root-servers com is served by a.nic.com, b.nic.com",
		"ask_parent a.nic.com example.com is served by ns1.example.com, ns2.example.com",
		"ask_authoritative ns1.example.com _x.example.com TXT: NOERROR, 1 TXT",
		"ask_authoritative ns2.example.com _x.example.com TXT: NOERROR, 1 TXT",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAskAtOnce has many callers begin with nothing known: the registry is
// looked for once.
func TestAskAtOnce(t *testing.T) {
	n := newNetwork(t)
	h := n.Hoster("dns-host.net")
	for i := range 50 {
		n.ZoneAt(fmt.Sprintf("customer%d.com", i), h).Add("_x", "TXT", fmt.Sprint(i))
	}
	r := newResolver(t, n)
	n.ResetHistory()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			a, err := r.Ask(context.Background(), fmt.Sprintf("_x.customer%d.com", i), typeTXT)
			if err != nil {
				t.Error(err)
				return
			}
			if s, ok := a.Agreed(); !ok || texts(s)[0] != fmt.Sprint(i) {
				t.Errorf("%s", show(a))
			}
		})
	}
	wg.Wait()
	if got := len(n.QueriesFor("com", "NS")); got != 1 {
		t.Errorf("the root was asked for com %d times", got)
	}
}

// TestTextIsStable: the random letter case of questions shows nowhere.
func TestTextIsStable(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("www", "CNAME", "host").Add("@", "MX", "10 mail")
	r := newResolver(t, n)
	for range 10 {
		for name, qtype := range map[string]uint16{"www.example.com": typeTXT, "example.com": typeMX, "Example.com": typeSOA, "EXAMPLE.COM": typeNS} {
			_, s := mustAgree(t, r, name, qtype)
			for _, rec := range s.Records {
				if first, _, _ := strings.Cut(rec.Text, "\t"); first != strings.ToLower(name)+"." || strings.Contains(strings.ToLower(rec.Text), "example.com") && !strings.Contains(rec.Text, "example.com") {
					t.Errorf("text %q", rec.Text)
				}
				for _, f := range strings.Fields(rec.Text) {
					if f != "IN" && f != "CNAME" && f != "MX" && f != "SOA" && f != "NS" && f != strings.ToLower(f) {
						t.Errorf("letter case in %q", rec.Text)
					}
				}
			}
		}
	}
}
