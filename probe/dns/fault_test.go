package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// TestFaultOfOneServer gives the first of two servers each fault and looks at
// what is said of it, and whether the zone still agrees.
func TestFaultOfOneServer(t *testing.T) {
	tests := []struct {
		fault  testnet.Fault
		slow   bool // some wait runs out
		status dns.Status
		check  func(s *dns.ServerAnswer) bool
	}{
		{testnet.FaultNone, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.Proto == "udp" }},
		{testnet.FaultTimeout, true, dns.StatusTimeout, func(s *dns.ServerAnswer) bool { return s.Err != nil && !s.TCPFailed }},
		{testnet.FaultUnreachable, false, dns.StatusUnreachable, func(s *dns.ServerAnswer) bool { return s.Err != nil }},
		{testnet.FaultRefused, false, dns.StatusRefused, func(s *dns.ServerAnswer) bool { return s.RCode == 5 }},
		{testnet.FaultServFail, false, dns.StatusServFail, func(s *dns.ServerAnswer) bool { return s.RCode == 2 }},
		{testnet.FaultNotAuth, false, dns.StatusRefused, func(s *dns.ServerAnswer) bool { return s.RCode == 9 }},
		{testnet.FaultLame, false, dns.StatusLame, func(s *dns.ServerAnswer) bool { return !s.Authority }},
		{testnet.FaultNoAA, false, dns.StatusLame, func(s *dns.ServerAnswer) bool { return !s.Authority && s.Records == nil }},
		{testnet.FaultUpward, false, dns.StatusLame, func(s *dns.ServerAnswer) bool { return s.Kind == "" }},
		{testnet.FaultTruncateUDP, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.Truncated && s.Proto == "tcp" && !s.UDPFailed }},
		{testnet.FaultDropTCP, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.Proto == "udp" && !s.TCPFailed }},
		{testnet.FaultDropUDP, true, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.UDPFailed && s.Proto == "tcp" }},
		{testnet.FaultDropEDNS, true, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.EDNSBroken && !s.UDPFailed }},
		{testnet.FaultFormErrEDNS, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.EDNSBroken }},
		{testnet.FaultLowerCase, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.CaseBroken && s.BadReplies == 1 && s.Proto == "tcp" }},
		{testnet.FaultWrongID, true, dns.StatusMalformed, func(s *dns.ServerAnswer) bool { return s.BadReplies >= 1 && s.TCPFailed }},
		{testnet.FaultWrongName, true, dns.StatusMalformed, func(s *dns.ServerAnswer) bool { return s.BadReplies >= 1 && s.TCPFailed }},
		{testnet.FaultGarbage, true, dns.StatusMalformed, func(s *dns.ServerAnswer) bool { return s.BadReplies >= 1 }},
		{testnet.FaultOutOfZone, false, dns.StatusOK, func(s *dns.ServerAnswer) bool { return len(s.Records) == 1 && s.ChildNSSeen == nil }},
		{testnet.FaultSpoofFlood, true, dns.StatusOK, func(s *dns.ServerAnswer) bool { return s.BadReplies > 1 && s.Proto == "tcp" && !s.UDPFailed }},
	}
	for _, tt := range tests {
		t.Run("fault "+string(tt.fault), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			z := n.Zone("example.com").Add("_x", "TXT", "token=abc")
			sick, well := z.Servers()[0], z.Servers()[1]
			sick.Fault(tt.fault)
			change := func(*dns.Config) {}
			if tt.slow {
				change = hasty
			}
			a := mustAsk(t, newResolver(t, n, change), "_x.example.com", typeTXT)
			s := byServer(t, a, sick)
			if s.Status != tt.status || !tt.check(s) {
				t.Errorf("%s\n%+v", line(s), s)
			}
			if ok := byServer(t, a, well); ok.Status != dns.StatusOK || texts(ok)[0] != "token=abc" {
				t.Errorf("the well server: %s", line(ok))
			}
			one, agreed := a.Agreed()
			if agreed != (tt.status == dns.StatusOK) {
				t.Errorf("agreed = %v:\n%s", agreed, show(a))
			}
			if agreed {
				if diff := cmp.Diff([]string{"token=abc"}, texts(one)); diff != "" {
					t.Error(diff)
				}
			} else if f := a.Failed(); len(f) != 1 || f[0].Server != sick.Name() || f[0].Err == nil {
				t.Errorf("failed: %v", f)
			}
			if strings.Contains(show(a), testnet.Forged) {
				t.Errorf("forged records:\n%s", show(a))
			}
		})
	}
}

// TestFaultsOnTheWay gives both servers of the top-level domain a fault: the
// walk copes, or says what is wrong.
func TestFaultsOnTheWay(t *testing.T) {
	tests := []struct {
		fault testnet.Fault
		slow  bool
		err   error
	}{
		{testnet.FaultTruncateUDP, false, nil},
		{testnet.FaultDropTCP, false, nil},
		{testnet.FaultDropUDP, true, nil},
		{testnet.FaultDropEDNS, true, nil},
		{testnet.FaultFormErrEDNS, false, nil},
		{testnet.FaultLowerCase, false, nil},
		{testnet.FaultOutOfZone, false, nil},
		{testnet.FaultSpoofFlood, true, nil},
		{testnet.FaultTimeout, true, dns.ErrNoServers},
		{testnet.FaultUnreachable, true, dns.ErrNoServers},
		{testnet.FaultRefused, false, dns.ErrNoServers},
		{testnet.FaultServFail, false, dns.ErrNoServers},
		{testnet.FaultLame, false, dns.ErrNoServers},
		{testnet.FaultUpward, false, dns.ErrNoServers},
		{testnet.FaultWrongID, true, dns.ErrNoServers},
		{testnet.FaultWrongName, true, dns.ErrNoServers},
		{testnet.FaultGarbage, true, dns.ErrNoServers},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.Zone("example.com").Add("_x", "TXT", "token=abc")
			for _, s := range n.Zone("com").Servers() {
				s.Fault(tt.fault)
			}
			change := func(*dns.Config) {}
			if tt.slow {
				change = hasty
			}
			r := newResolver(t, n, change)
			a, err := r.Ask(context.Background(), "_x.example.com", typeTXT)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Ask = %v, want %v", err, tt.err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "com") {
					t.Errorf("the error does not name the zone: %v", err)
				}
				return
			}
			if s, ok := a.Agreed(); !ok || texts(s)[0] != "token=abc" {
				t.Errorf("%s", show(a))
			}
		})
	}
}

func TestOneDeadServerOnTheWay(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token=abc")
	n.Zone(".").Servers()[1].Fault(testnet.FaultTimeout)
	n.Zone("com").Servers()[0].Fault(testnet.FaultRefused)
	for range 4 { // whichever server is asked first
		if _, s := mustAgree(t, newResolver(t, n), "_x.example.com", typeTXT); texts(s)[0] != "token=abc" {
			t.Error(line(s))
		}
	}
}

func TestRootIsDown(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com")
	for _, s := range n.Zone(".").Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	r := newResolver(t, n, hasty)
	if _, err := r.Ask(context.Background(), "_x.example.com", typeTXT); !errors.Is(err, dns.ErrOurNetworkDown) {
		t.Errorf("Ask = %v, want ErrOurNetworkDown", err)
	}
}

// TestStaleTLD moves a top-level domain to other servers while the old ones
// are remembered.
func TestStaleTLD(t *testing.T) {
	n := newNetwork(t)
	n.Zone("example.com").Add("_x", "TXT", "token")
	com := n.Zone("com")
	r := newResolver(t, n)
	mustAgree(t, r, "_x.example.com", typeTXT)
	old := com.Servers()
	com.AddServer()
	for _, s := range old {
		s.Fault(testnet.FaultRefused)
	}
	last := com.Servers()[2]
	com.Delegate(testnet.NS{Name: last.Name() + ".", Addrs: []string{last.Addr().Addr().String()}})
	mustAgree(t, r, "_x.example.com", typeTXT)
}

func TestEDE(t *testing.T) {
	n := newNetwork(t)
	s := n.Zone("example.com").Servers()[0]
	s.Fault(testnet.FaultServFail)
	s.EDE(22, "at\x1b[31m\u202e<b>"+strings.Repeat("x", 500))
	a := mustAsk(t, newResolver(t, n), "example.com", typeTXT)
	got := byServer(t, a, s).EDE
	if !strings.HasPrefix(got, `22 No Reachable Authority: at\x1b[31m\u202e<b>xxx`) || len(got) > 250 {
		t.Errorf("EDE %q", got)
	}
}

// TestDeadAddressOfLiveServer has one server with a good address and a dead or forbidden
// one: the server counts as answering.
func TestDeadAddressOfLiveServer(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	s1, s2 := z.Servers()[0], z.Servers()[1]
	z.Delegate(
		testnet.NS{Name: s1.Name() + ".", Addrs: []string{s1.Addr().Addr().String(), "2a0e:dead::1"}},
		testnet.NS{Name: s2.Name() + ".", Addrs: []string{s2.Addr().Addr().String(), "::1"}},
	)
	r := newResolver(t, n)
	a, _ := mustAgree(t, r, "_x.example.com", typeTXT)
	if len(a.Servers) != 4 || len(a.Usable()) != 2 || len(a.Failed()) != 0 {
		t.Errorf("%s", show(a))
	}
	if _, ok := a.Majority(); !ok {
		t.Error("no majority")
	}
	// Both addresses dead: the server is.
	s1.Fault(testnet.FaultUnreachable)
	a = mustAsk(t, r, "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok || len(a.Failed()) != 1 {
		t.Errorf("%s", show(a))
	}
}

// TestLiveAddressRefuses: an address that speaks, and refuses, is not a dead
// one.
func TestLiveAddressRefuses(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	other := n.Zone("example.net").Servers()[0].Addr().Addr().String() // REFUSED for example.com
	s1 := z.Servers()[0]
	z.Delegate(testnet.NS{Name: s1.Name() + ".", Addrs: []string{s1.Addr().Addr().String(), other}})
	a := mustAsk(t, newResolver(t, n), "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok {
		t.Errorf("%s", show(a))
	}
}

// TestNoIPv6Here makes every IPv6 socket fail as on a host without IPv6: that
// is our matter and counts against no server.
func TestNoIPv6Here(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	for _, s := range z.Servers() {
		s.AddIPv6()
	}
	a := mustAsk(t, newResolver(t, n), "_x.example.com", typeTXT)
	for i := range a.Servers {
		if a.Servers[i].Addr.Addr().Is6() {
			a.Servers[i].Status, a.Servers[i].Kind, a.Servers[i].Records = dns.StatusNoRoute, "", nil
		}
	}
	if _, ok := a.Agreed(); !ok || len(a.Failed()) != 0 || len(a.Usable()) != 2 {
		t.Errorf("%s", show(a))
	}
	// A server that has nothing but IPv6 is left out; if no server is left,
	// nobody agreed.
	for i := range a.Servers {
		a.Servers[i].Status = dns.StatusNoRoute
	}
	if _, ok := a.Agreed(); ok {
		t.Error("agreed without an answer")
	}
	if _, ok := a.Majority(); ok {
		t.Error("majority without an answer")
	}
}

func TestCancelled(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com")
	for _, s := range z.Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	r := newResolver(t, n)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := r.Ask(ctx, "_x.example.com", typeTXT); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ask = %v", err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("took %v", took)
	}
	n.ResetHistory()
	gone, stop := context.WithCancel(context.Background())
	stop()
	if _, err := r.Ask(gone, "_x.example.com", typeTXT); !errors.Is(err, context.Canceled) {
		t.Errorf("Ask = %v", err)
	}
	if _, err := r.Addrs(gone, "_x.example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("Addrs = %v", err)
	}
	if _, err := r.Lookup(gone, "_x.example.com", typeTXT); !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup = %v", err)
	}
	if _, err := r.Delegation(gone, "_x.example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delegation = %v", err)
	}
}

// TestIPv6LeadsNowhere has servers with a silent IPv6 address each, as every
// server looks from a host whose IPv6 is broken: the answers of the others do
// not wait for the last time-out.
func TestIPv6LeadsNowhere(t *testing.T) {
	n := newNetwork(t)
	z := n.Zone("example.com").Add("_x", "TXT", "token")
	trap := n.Trap() // silent on UDP
	var ns []testnet.NS
	for i, s := range z.Servers() {
		hole := netip.AddrFrom16([16]byte{0x2a, 0x0e, 0xde, 0xad, 15: byte(i + 1)})
		trap.Catch(hole)
		ns = append(ns, testnet.NS{Name: s.Name() + ".", Addrs: []string{s.Addr().Addr().String(), hole.String()}})
	}
	z.Delegate(ns...)
	r := newResolver(t, n)
	began := time.Now()
	a, _ := mustAgree(t, r, "_x.example.com", typeTXT)
	if took := time.Since(began); took > 3*patience/2 { // dead addresses take twice
		t.Errorf("took %v", took)
	}
	if len(a.Servers) != 4 || len(a.Usable()) != 2 || trap.Contacts() == 0 {
		t.Errorf("%d contacts\n%s", trap.Contacts(), show(a))
	}
	for _, s := range a.Servers {
		if s.Addr.Addr().Is6() && (s.Status != dns.StatusTimeout || errors.Is(s.Err, context.Canceled)) {
			t.Errorf("%s", line(&s))
		}
	}
	// A server that speaks nowhere is waited for.
	z.Servers()[0].Fault(testnet.FaultTimeout)
	a = mustAsk(t, newResolver(t, n, hasty), "_x.example.com", typeTXT)
	if _, ok := a.Agreed(); ok || len(a.Failed()) != 1 {
		t.Errorf("%s", show(a))
	}
}
