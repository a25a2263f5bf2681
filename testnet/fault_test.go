package testnet_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

// quick is how long tests wait for an answer that must not come.
const quick = 150 * time.Millisecond

func TestFaults(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "v").Add("a.b", "TXT", "deep")
	s := z.Servers()[0]
	ok := lines("NOERROR aa", `an: _x.example.com. TXT "v"`)
	const silence = "silence"
	for _, tt := range []struct {
		fault    testnet.Fault
		udp, tcp string
	}{
		{testnet.FaultNone, ok, ok},
		{testnet.FaultTimeout, silence, silence},
		{testnet.FaultUnreachable, "refused", "refused"},
		{testnet.FaultRefused, "REFUSED", "REFUSED"},
		{testnet.FaultNotAuth, "NOTAUTH", "NOTAUTH"},
		{testnet.FaultServFail, "SERVFAIL", "SERVFAIL"},
		{testnet.FaultLame, "NOERROR\nns: . 86400 IN NS a.root-servers., . 86400 IN NS b.root-servers.", "NOERROR\nns: . 86400 IN NS a.root-servers., . 86400 IN NS b.root-servers."},
		{testnet.FaultNoAA, strings.Replace(ok, " aa", "", 1), strings.Replace(ok, " aa", "", 1)},
		{testnet.FaultTruncateUDP, "NOERROR aa tc", ok},
		{testnet.FaultDropTCP, ok, silence},
		{testnet.FaultRefuseTCP, ok, "reset"},
		{testnet.FaultDropUDP, silence, ok},
		{testnet.FaultDropEDNS, silence, silence},
		{testnet.FaultFormErrEDNS, "FORMERR", "FORMERR"},
		{testnet.FaultGarbage, "garbage", "garbage"},
	} {
		s.Fault(tt.fault)
		for proto, want := range map[string]string{"udp": tt.udp, "tcp": tt.tcp} {
			timeout := 10 * time.Second
			if want == silence {
				timeout = quick
			}
			m, err := try(t, n, s.Addr(), proto, query("_x.example.com", "TXT"), timeout)
			got := ""
			switch {
			case err == nil:
				got = show(m)
			case want == silence && isTimeout(err), want == "refused" && strings.Contains(err.Error(), "connection refused"),
				want == "reset" && strings.Contains(err.Error(), "reset"), want == "garbage" && !isTimeout(err):
				got = want
			default:
				got = err.Error()
			}
			if got != want {
				t.Errorf("%q over %s: %s, want %s", tt.fault, proto, got, want)
			}
		}
	}
	s.Fault(testnet.FaultNone)
	if got := show(ask(t, n, s, "_x.example.com", "TXT")); got != ok {
		t.Errorf("healed: %s", got)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestFaultsWithoutEDNS(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[0]
	for _, f := range []testnet.Fault{testnet.FaultDropEDNS, testnet.FaultFormErrEDNS} {
		s.Fault(f)
		m := query("example.com", "SOA")
		m.Extra = nil
		if got := show(exchange(t, n, s.Addr(), "udp", m)); !strings.HasPrefix(got, "NOERROR aa") {
			t.Errorf("%s: %s", f, got)
		}
	}
}

func TestFaultsOfContent(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_X", "TXT", "v").Add("a.b", "TXT", "deep")
	s := z.Servers()[0]

	s.Fault(testnet.FaultLowerCase)
	m := ask(t, n, s, "_X.EXAMPLE.com.", "TXT")
	if m.Question[0].Name != "_x.example.com." || m.Answer[0].Header().Name != "_x.example.com." {
		t.Errorf("lower case: %s", m)
	}
	s.Fault(testnet.FaultOutOfZone)
	got := show(ask(t, n, s, "_x.example.com", "TXT"))
	for _, want := range []string{`TXT "v"`, "com. 86400 IN NS forged.evil.test.", "www.victim.com. 86400 IN A " + testnet.ForgedAddr} {
		if !strings.Contains(got, want) {
			t.Errorf("out of zone: no %q in %s", want, got)
		}
	}
	s.Fault(testnet.FaultQNAMEMin)
	if got := show(ask(t, n, s, "b.example.com", "A")); !strings.HasPrefix(got, "NXDOMAIN aa") {
		t.Errorf("qname min: %s", got)
	}
	if got := txts(ask(t, n, s, "a.b.example.com", "TXT")); !slices.Equal(got, []string{"deep"}) {
		t.Errorf("qname min: %q", got)
	}
	s.Fault(testnet.FaultNoSOA)
	if got := show(ask(t, n, s, "nope.example.com", "A")); got != "NXDOMAIN aa" {
		t.Errorf("no SOA: %s", got)
	}
	s.Fault(testnet.FaultUpward)
	if got := show(ask(t, n, s, "example.com", "SOA")); !strings.Contains(got, "NS a.root-servers.") {
		t.Errorf("upward: %s", got)
	}
	s.Fault(testnet.FaultNone)
	s.EDE(18, "Prohibited")
	m = ask(t, n, s, "example.com", "SOA")
	if e, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); !ok || e.InfoCode != 18 || e.ExtraText != "Prohibited" || m.Rcode != 0 {
		t.Errorf("EDE: %s", m)
	}
	s.Fault(testnet.FaultServFail)
	m = ask(t, n, s, "example.com", "SOA")
	if e, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); !ok || e.InfoCode != 18 || m.Rcode != dns.RcodeServerFailure {
		t.Errorf("EDE with SERVFAIL: %s", m)
	}
	s.Fault(testnet.FaultNone)
	s.EDE(0, "")
	if m = ask(t, n, s, "example.com", "SOA"); len(m.IsEdns0().Option) != 0 {
		t.Errorf("EDE ended: %s", m)
	}
}

// datagrams sends a query from a fresh unconnected socket and collects what
// comes back, with the source of each.
func datagrams(t *testing.T, n *testnet.Network, s *testnet.NameServer, m *dns.Msg, count int) (msgs []*dns.Msg, from []net.Addr, server net.Addr) {
	t.Helper()
	at, _ := n.Route(s.Addr())
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	server = net.UDPAddrFromAddrPort(at)
	if _, err := conn.WriteTo(w, server); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range count {
		var buf [4096]byte
		k, src, err := conn.ReadFrom(buf[:])
		if err != nil {
			t.Fatalf("after %d datagrams: %v", len(msgs), err)
		}
		r := new(dns.Msg)
		if err := r.Unpack(buf[:k]); err != nil {
			t.Fatal(err)
		}
		msgs, from = append(msgs, r), append(from, src)
	}
	return msgs, from, server
}

func TestFaultSpoofing(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Add("_x", "TXT", "true").Servers()[0]
	q := query("_X.exAMPle.com", "TXT")

	s.Fault(testnet.FaultWrongID)
	msgs, _, _ := datagrams(t, n, s, q, 1)
	if msgs[0].Id == q.Id || len(msgs[0].Answer) != 1 {
		t.Errorf("wrong id: %s", msgs[0])
	}
	s.Fault(testnet.FaultWrongName)
	msgs, _, _ = datagrams(t, n, s, q, 1)
	if msgs[0].Id != q.Id || msgs[0].Question[0].Name != "wrong.name." {
		t.Errorf("wrong name: %s", msgs[0])
	}
	s.Fault(testnet.FaultSpoofFlood)
	msgs, from, server := datagrams(t, n, s, q, 21)
	good := 0
	for i, m := range msgs {
		matches := m.Id == q.Id && m.Question[0] == q.Question[0] && from[i].String() == server.String()
		forged := slices.Contains(txts(m), testnet.Forged)
		if matches == forged {
			t.Errorf("datagram %d: matches %v, forged %v: %s", i, matches, forged, m)
		}
		if matches {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d answers match, want 1", good)
	}
}

func TestDelay(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[0]
	s.Delay(quick)
	for _, proto := range []string{"udp", "tcp"} {
		start := time.Now()
		exchange(t, n, s.Addr(), proto, query("example.com", "SOA"))
		if d := time.Since(start); d < quick {
			t.Errorf("%s: answered after %v", proto, d)
		}
	}
	s.Delay(0)
	s.Delay(time.Hour) // Close must not wait for it
	if _, err := try(t, n, s.Addr(), "udp", query("example.com", "SOA"), quick); err == nil {
		t.Error("answered in spite of the delay")
	}
}
