package testnet_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/testnet"
)

// ask43 makes one exchange on port 43 of the server's IPv4 address.
func ask43(t testing.TB, n *testnet.Network, s *testnet.WHOISServer, port uint16, query string) (string, error) {
	t.Helper()
	addrs := s.Host().Addrs()
	at, ok := n.Route(netip.AddrPortFrom(addrs[len(addrs)-1], port))
	if !ok {
		t.Fatalf("no route to %s", s.Name())
	}
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, query+"\r\n"); err != nil {
		return "", err
	}
	out, err := io.ReadAll(io.LimitReader(conn, 200<<10))
	return string(out), err
}

func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in %q", w, text)
		}
	}
}

func TestRegistries(t *testing.T) {
	n := newNetwork(t)
	r := n.NewRegistries()
	tld := r.Register(testnet.Registration{Domain: "Example.com", Registrant: testnet.Person{Name: "Ada", Email: "ada@example.com"}, Remarks: []string{"hello"}})

	root, err := ask43(t, n, r.Root(), 43, "com")
	if err != nil {
		t.Fatal(err)
	}
	has(t, root, "refer:        whois.registry-com.net\r\n", "domain:       COM\r\n")
	unknown, _ := ask43(t, n, r.Root(), 43, "nosuch")
	has(t, unknown, "0 objects")

	flat, _ := ask43(t, n, tld.WHOIS(), 43, "example.com")
	has(t, flat, "Domain Name: EXAMPLE.COM\r\n", "Registrant Email: ada@example.com\r\n", "Remarks: hello\r\n")
	tld.Style(testnet.StyleObjects)
	objects, _ := ask43(t, n, tld.WHOIS(), 43, "EXAMPLE.COM")
	has(t, objects, "domain: example.com\r\n", "registrant: EX1-TEST\r\n", "nic-hdl: EX1-TEST\r\nperson: Ada\r\n")
	tld.Style(testnet.StyleInPlace)
	inPlace, _ := ask43(t, n, tld.WHOIS(), 43, "example.com")
	has(t, inPlace, "person: Ada\r\ne-mail: ada@example.com\r\n")
	tld.Style(testnet.StyleSections)
	sections, _ := ask43(t, n, tld.WHOIS(), 43, "example.com")
	has(t, sections, "Registrant:\r\n    Name: Ada\r\n")
	nothing, _ := ask43(t, n, tld.WHOIS(), 43, "nobody.com")
	has(t, nothing, "No match for \"NOBODY.COM\"")
	if got := tld.WHOIS().Queries(); len(got) != 5 || got[0].Query != "example.com" || got[0].Addr.Port() != 43 {
		t.Errorf("history %+v", got)
	}

	var boot struct{ Services [][][]string }
	if err := json.Unmarshal(r.Bootstrap(), &boot); err != nil || len(boot.Services) != 1 || boot.Services[0][1][0] != "https://rdap.registry-com.net/" {
		t.Errorf("bootstrap %+v, %v", boot, err)
	}
	tld.NoRDAP().NoWHOIS()
	gone, _ := ask43(t, n, r.Root(), 43, "com")
	if strings.Contains(gone, "refer:") || strings.Contains(string(r.Bootstrap()), "registry-com") {
		t.Errorf("still named: %s, %s", gone, r.Bootstrap())
	}
	tld.Refer("127.0.0.1:6379").Base("http://127.0.0.1/")
	lie, _ := ask43(t, n, r.Root(), 43, "com")
	has(t, lie, "refer:        127.0.0.1:6379\r\n")
	has(t, string(r.Bootstrap()), "http://127.0.0.1/")

	r.Unregister("example.com")
	if left, _ := ask43(t, n, tld.WHOIS(), 43, "example.com"); !strings.HasPrefix(left, "No match") {
		t.Errorf("after Unregister: %s", left)
	}
	s := r.WHOIS("whois.elsewhere.net").Answer("", "any\n").Answer("Help", "help\n")
	if r.WHOIS("whois.elsewhere.net") != s {
		t.Error("a second server of the same name")
	}
	help, _ := ask43(t, n, s, 43, "HELP")
	other, _ := ask43(t, n, s, 43, "x")
	if help != "help\r\n" || other != "any\r\n" {
		t.Errorf("%q, %q", help, other)
	}
}

func TestWHOISFaults(t *testing.T) {
	n := newNetwork(t)
	r := n.NewRegistries()
	tld := r.Register(testnet.Registration{Domain: "example.com", Registrant: testnet.Person{Name: "Jürgen", Email: "j@example.com"}})
	for f, want := range map[testnet.WHOISFault]func(string, error) bool{
		testnet.WHOISFaultEndless:     func(s string, _ error) bool { return len(s) == 200<<10 },
		testnet.WHOISFaultBinary:      func(s string, _ error) bool { return strings.Contains(s, "\x00") },
		testnet.WHOISFaultEmpty:       func(s string, err error) bool { return s == "" && err == nil },
		testnet.WHOISFaultReset:       func(s string, err error) bool { return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) },
		testnet.WHOISFaultRefused:     func(s string, err error) bool { return err != nil },
		testnet.WHOISFaultOtherDomain: func(s string, _ error) bool { return strings.Contains(s, "Domain Name: OTHER.EXAMPLE.COM") },
		testnet.WHOISFaultLoop:        func(s string, _ error) bool { return strings.Contains(s, "refer:        whois.iana.org") },
		testnet.WHOISFaultLatin1:      func(s string, _ error) bool { return strings.Contains(s, "J\xfcrgen") },
		testnet.WHOISFaultRateLimit:   func(s string, _ error) bool { return strings.Contains(s, "rate exceeded") },
		testnet.WHOISFaultNone:        func(s string, err error) bool { return strings.Contains(s, "Jürgen") && err == nil },
	} {
		tld.WHOIS().Fault(f)
		if s, err := ask43(t, n, tld.WHOIS(), 43, "example.com"); !want(s, err) {
			t.Errorf("%q: %.200q, %v", f, s, err)
		}
	}
	// Who waits for ever is let go when the network closes.
	for _, f := range []testnet.WHOISFault{testnet.WHOISFaultStall, testnet.WHOISFaultHalf, testnet.WHOISFaultTrickle, testnet.WHOISFaultEndless} {
		n := newNetwork(t)
		tld := n.NewRegistries().Register(testnet.Registration{Domain: "example.com"})
		tld.WHOIS().Fault(f)
		at, _ := n.Route(netip.AddrPortFrom(tld.WHOIS().Host().Addrs()[0], 43))
		conn, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "example.com\r\n")
		for deadline := time.Now().Add(20 * time.Second); len(tld.WHOIS().Queries()) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		done := make(chan bool)
		go func() { n.Close(); close(done) }()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: the network does not close", f)
		}
		_ = conn.Close()
	}
}

func TestRDAPServer(t *testing.T) {
	n := newNetwork(t)
	r := n.NewRegistries()
	tld := r.Register(testnet.Registration{Domain: "example.com", AbuseEmail: "abuse@registrar.example", NameServers: []string{"ns1.example.com"}, Remarks: []string{"hello"},
		Registrant: testnet.Person{Name: "Ada", Organization: "Example", Email: "ada@example.com"}, Tech: testnet.Person{Redacted: true, Email: "hidden@example.com"}})
	get := func(path string) (*http.Response, string) {
		return fetchAt(t, n, tld.RDAP().Host().Addrs()[1], "rdap.registry-com.net", path)
	}
	resp, body := get("/domain/EXAMPLE.com")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/rdap+json" {
		t.Errorf("%s, %s", resp.Status, resp.Header)
	}
	has(t, body, `"ldhName": "EXAMPLE.COM"`, "ada@example.com", "abuse@registrar.example", `"redacted"`, "Tech Email", "hello", "ns1.example.com")
	if strings.Contains(body, "hidden@example.com") {
		t.Error("what is redacted is shown")
	}
	if resp, _ := get("/domain/nobody.com"); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
	if resp, _ := get("/help"); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
	for f, want := range map[testnet.RDAPFault]func(*http.Response, string) bool{
		testnet.RDAPFaultHuge:        func(_ *http.Response, s string) bool { return len(s) > 10<<20 && json.Valid([]byte(s)) },
		testnet.RDAPFaultDeep:        func(_ *http.Response, s string) bool { return strings.Contains(s, strings.Repeat("[", 10_000)) },
		testnet.RDAPFaultMany:        func(_ *http.Response, s string) bool { return len(s) < 1<<20 && json.Valid([]byte(s)) },
		testnet.RDAPFaultBroken:      func(_ *http.Response, s string) bool { return len(s) > 100 && !json.Valid([]byte(s)) },
		testnet.RDAPFaultWrongType:   func(r *http.Response, s string) bool { return r.Header.Get("Content-Type") == "text/html" },
		testnet.RDAPFaultRateLimit:   func(r *http.Response, _ string) bool { return r.StatusCode == 429 && r.Header.Get("Retry-After") != "" },
		testnet.RDAPFaultServerError: func(r *http.Response, _ string) bool { return r.StatusCode == 500 },
		testnet.RDAPFaultNotFound:    func(r *http.Response, s string) bool { return r.StatusCode == 404 && strings.Contains(s, "errorCode") },
		testnet.RDAPFaultHTML404:     func(r *http.Response, s string) bool { return r.StatusCode == 404 && strings.Contains(s, "<h1>") },
		testnet.RDAPFaultOtherDomain: func(_ *http.Response, s string) bool { return strings.Contains(s, "OTHER-EXAMPLE.COM") },
		testnet.RDAPFaultOtherClass:  func(_ *http.Response, s string) bool { return strings.Contains(s, `"objectClassName":"entity"`) },
		testnet.RDAPFaultLocalhost: func(r *http.Response, _ string) bool {
			return strings.HasPrefix(r.Header.Get("Location"), "http://127.0.0.1/")
		},
		testnet.RDAPFaultElsewhere: func(r *http.Response, _ string) bool {
			return strings.HasPrefix(r.Header.Get("Location"), "https://rdap.elsewhere.org/")
		},
		testnet.RDAPFaultCircle: func(r *http.Response, _ string) bool { return r.Header.Get("Location") == "/domain/example.com" },
		testnet.RDAPFaultNone:   func(r *http.Response, s string) bool { return r.StatusCode == 200 && json.Valid([]byte(s)) },
	} {
		tld.RDAP().Fault(f)
		if resp, s := get("/domain/example.com"); !want(resp, s) {
			t.Errorf("%q: %s, %v, %.200q", f, resp.Status, resp.Header, s)
		}
	}
	tld.RDAP().Fault(testnet.RDAPFaultNone).Answer("fixed.com", 418, "text/plain", "tea")
	if resp, s := get("/domain/fixed.com"); resp.StatusCode != 418 || s != "tea" {
		t.Errorf("%s, %.100q", resp.Status, s)
	}
	if n := len(tld.RDAP().Requests()); n < 15 {
		t.Errorf("%d requests in the history", n)
	}
	stray := r.RDAP("rdap.stray.net")
	if resp, _ := fetchAt(t, n, stray.Host().Addrs()[1], "rdap.stray.net", "/domain/example.com"); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
}

func TestRegistriesOnLoopback(t *testing.T) {
	n, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(n.Close)
	r := n.NewRegistries()
	tld := r.Register(testnet.Registration{Domain: "example.com"})
	at := netip.MustParseAddrPort(r.WHOISRoot())
	if !at.Addr().IsLoopback() || at.Port() == 0 || at.Port() == 43 {
		t.Fatalf("root at %s", at)
	}
	root, err := ask43(t, n, r.Root(), at.Port(), "com")
	if err != nil {
		t.Fatal(err)
	}
	has(t, root, "refer:        whois.registry-com.net")
	record, err := ask43(t, n, tld.WHOIS(), at.Port(), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	has(t, record, "Domain Name: EXAMPLE.COM")
	if !strings.HasPrefix(r.BootstrapURL(), "https://data.iana.org:") || !strings.HasSuffix(tld.RDAP().Base(), "/") {
		t.Errorf("%s, %s", r.BootstrapURL(), tld.RDAP().Base())
	}
}

// fetchAt gets a path over https from one address, following nothing.
func fetchAt(t *testing.T, n *testnet.Network, addr netip.Addr, host, path string) (*http.Response, string) {
	t.Helper()
	resp, body, err := browser{t: t, n: n, to: addr}.get("https://" + host + path)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
