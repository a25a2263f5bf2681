package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
)

// world is the whole way: real DNS from the root, real servers.
type world struct {
	*testnet.Network
	*Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &probe.Dialer{Route: n.Route}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, QueryTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &world{n, New(Config{Dialer: dialer, Resolver: resolver, RootCAs: n.CertPool(), Timeout: time.Minute})}
}

func TestHostFaults(t *testing.T) {
	w := newWorld(t)
	hasty := w.cfg
	hasty.Timeout = 2 * time.Second
	for fault, want := range map[testnet.HostFault][2]ErrorKind{ // http, https
		testnet.HostFaultNone:           {"", ""},
		testnet.HostFaultConnectTimeout: {KindConnectTimeout, KindConnectTimeout},
		testnet.HostFaultRefused:        {KindConnectRefused, KindConnectRefused},
		testnet.HostFaultReset:          {KindReset, KindReset},
		testnet.HostFaultSilent:         {KindTimeout, KindTimeout},
		testnet.HostFaultGarbage:        {KindProtocol, KindTLS},
		testnet.HostFaultSlowHeaders:    {KindTimeout, KindTimeout},
		testnet.HostFaultSlowBody:       {KindTimeout, KindTimeout},
		testnet.HostFaultHugeBody:       {"", ""},
		testnet.HostFaultGzipBomb:       {"", ""},
		testnet.HostFaultHugeHeaders:    {KindHeaderTooLarge, KindHeaderTooLarge},
		testnet.HostFaultBadEncoding:    {KindEncoding, KindEncoding},
		testnet.HostFaultTLSExpired:     {"", KindTLSExpired},
		testnet.HostFaultTLSWrongName:   {"", KindTLSName},
		testnet.HostFaultTLSSelfSigned:  {"", KindTLSUntrusted},
		testnet.HostFaultTLSHandshake:   {"", KindTLS},
		testnet.HostFaultTLSAlert:       {KindHTTPSOnHTTP, KindTLS},
		testnet.HostFaultHTTP2:          {KindProtocol, KindTLS}, // without TLS on both ports
		testnet.HostFaultSwapTLS:        {KindHTTPSOnHTTP, KindHTTPOnHTTPS},
	} {
		name := strings.ReplaceAll(string(fault), "_", "-") + "x.example.com"
		h := w.Host(name).Page("/x", 200, "text/plain", "hello").Fault(fault)
		for i, scheme := range []string{"http", "https"} {
			t.Run(string(fault)+" "+scheme, func(t *testing.T) {
				t.Parallel()
				c := w.Client
				if want[i] == KindTimeout || want[i] == KindConnectTimeout {
					c = New(hasty)
				}
				f := c.Fetch(t.Context(), Request{URL: w.URLFor(scheme, h.Name(), 0, "/x")})
				wantKind(t, f, want[i])
				big := fault == testnet.HostFaultHugeBody || fault == testnet.HostFaultGzipBomb
				if f.TooLarge != big || big && len(f.Body) != 1<<20 {
					t.Errorf("too large %v, %d bytes", f.TooLarge, len(f.Body))
				}
				if scheme == "https" && strings.HasPrefix(string(want[i]), "tls_") && f.Hops[0].TLS == nil {
					t.Error("no TLS details")
				}
			})
		}
	}
}

func TestFamiliesAndComparison(t *testing.T) {
	w := newWorld(t)
	h := w.Host("www.example.com").Page("/x", 200, "text/plain", "same")
	h.V6().Page("/x", 404, "text/plain", "other")
	var got []int
	for _, f := range w.FetchEach(t.Context(), Request{URL: "http://www.example.com/x"}) {
		got = append(got, f.Status)
	}
	if !slices.Equal(got, []int{404, 200}) {
		t.Errorf("statuses %v", got)
	}
	h.V6().Fault(testnet.HostFaultRefused)
	f := w.Fetch(t.Context(), Request{URL: "https://www.example.com/x"})
	wantKind(t, f, "")
	if hop := f.Hops[0]; !hop.Addr.Is4() || len(hop.Failed) != 1 || !hop.Failed[0].Addr.Is6() || hop.TLS == nil {
		t.Errorf("hop %+v", hop)
	}
}

// Threat T2 with a real resolver: one A and one AAAA question per hop, and
// what the name says next is never contacted.
func TestRebindingByDNS(t *testing.T) {
	w := newWorld(t)
	trap := w.Trap().Catch(netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"))
	h := w.Host("www.example.com")
	h.Page("/x", 200, "text/plain", "ok").Redirect("/r", 302, "/x")
	z := h.Zone()
	rebind := func() {
		w.ResetHistory()
		for _, a := range h.Addrs() {
			rtype, bad := "A", "127.0.0.1"
			if a.Is6() {
				rtype, bad = "AAAA", "::1"
			}
			z.Remove("www", rtype)
			z.Sequence("www", rtype, [][]string{{a.String()}, {bad}})
		}
	}
	rebind()
	f := w.Fetch(t.Context(), Request{URL: "http://www.example.com/x"})
	wantKind(t, f, "")
	for _, rtype := range []string{"A", "AAAA"} {
		if q := w.QueriesFor("www.example.com", rtype); len(q) != 1 {
			t.Errorf("%d questions for %s", len(q), rtype)
		}
	}
	// Each server counts its answers for itself, so ask until they are past
	// the first: in the end every fetch meets the forbidden addresses.
	for range 50 {
		f = w.Fetch(t.Context(), Request{URL: "http://www.example.com/r"})
		if f.Err != nil {
			break
		}
	}
	wantKind(t, f, KindForbiddenAddress)
	if trap.Contacts() != 0 {
		t.Errorf("%d contacts", trap.Contacts())
	}
}

func TestInternalTargetsByDNS(t *testing.T) {
	w := newWorld(t)
	trap := w.Trap()
	h := w.Host("www.example.com")
	z := h.Zone()
	for i, s := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "64:ff9b::a9fe:a9fe", "::ffff:10.0.0.1"} {
		a := netip.MustParseAddr(s)
		trap.Catch(a)
		rtype := "A"
		if a.Is6() {
			rtype = "AAAA"
		}
		label := "in" + string(rune('a'+i))
		z.Add(label, rtype, s)
		z.Add("alias-"+label, "CNAME", label)
		h.Redirect("/"+label, 302, "http://"+label+".example.com/")
		for _, url := range []string{
			"http://" + label + ".example.com/", "https://" + label + ".example.com/",
			"http://alias-" + label + ".example.com/", "http://www.example.com/" + label,
		} {
			wantKind(t, w.Fetch(t.Context(), Request{URL: url}), KindForbiddenAddress)
		}
	}
	if trap.Contacts() != 0 {
		t.Errorf("%d contacts", trap.Contacts())
	}
}

func TestNamesWithoutAddress(t *testing.T) {
	w := newWorld(t)
	w.Host("www.example.com").Handle("/x", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok") }))
	z := w.Zone("example.com").Add("text", "TXT", "x").Add("alias", "CNAME", "www").Add("loop", "CNAME", "loop2").Add("loop2", "CNAME", "loop")
	f := w.Fetch(t.Context(), Request{URL: "http://nothing.example.com/"})
	if wantKind(t, f, KindNoAddress); !errors.Is(f.Err, ErrNoSuchHost) {
		t.Errorf("error %v", f.Err)
	}
	f = w.Fetch(t.Context(), Request{URL: "http://text.example.com/"})
	if wantKind(t, f, KindNoAddress); !errors.Is(f.Err, ErrNoRecords) {
		t.Errorf("error %v", f.Err)
	}
	f = w.Fetch(t.Context(), Request{URL: "http://loop.example.com/"})
	if wantKind(t, f, KindDNS); !errors.Is(f.Err, dns.ErrLoop) {
		t.Errorf("error %v", f.Err)
	}
	f = w.Fetch(t.Context(), Request{URL: "http://alias.example.com/x"})
	if wantKind(t, f, ""); !slices.Equal(f.Hops[0].Aliases, []string{"www.example.com"}) {
		t.Errorf("aliases %v", f.Hops[0].Aliases)
	}
	for _, s := range z.Servers() {
		s.Fault(testnet.FaultRefused)
	}
	wantKind(t, w.Fetch(t.Context(), Request{URL: "http://www.example.com/x"}), KindDNS)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, w.Fetch(ctx, Request{URL: "http://www.example.com/x"}), KindDNS)
}
