package testnet_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zonehold/zonehold/testnet"
)

// browser fetches from one public address of the network.
type browser struct {
	t    *testing.T
	n    *testnet.Network
	to   netip.Addr
	user string
}

// transport connects to the browser's address whatever the URL says.
func (b browser) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{RootCAs: b.n.CertPool()},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			public := netip.MustParseAddrPort(net.JoinHostPort(b.to.String(), port))
			at, ok := b.n.Route(public)
			if !ok {
				return nil, errors.New("no route")
			}
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, at.String())
		},
	}
}

func (b browser) get(url string) (*http.Response, []byte, error) {
	b.t.Helper()
	c := &http.Client{
		Transport:     b.transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.user != "" {
		req.SetBasicAuth(b.user, "secret")
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// status is the code and body of a fetch in one string.
func (b browser) status(url string) string {
	b.t.Helper()
	resp, body, err := b.get(url)
	if err != nil {
		return err.Error()
	}
	return resp.Status[:3] + " " + strings.TrimSpace(string(body))
}

func views(t *testing.T, n *testnet.Network, h *testnet.Host) (v6, v4 browser) {
	t.Helper()
	a := h.Addrs()
	if len(a) < 2 || !a[0].Is6() || !a[1].Is4() {
		t.Fatalf("addresses %v", a)
	}
	return browser{t: t, n: n, to: a[0]}, browser{t: t, n: n, to: a[1]}
}

func TestHost(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("www.example.com")
	if n.Host("WWW.example.com.") != h || h.Name() != "www.example.com" || h.Zone() != n.Zone("example.com") {
		t.Errorf("host %s in %s", h.Name(), h.Zone().Name())
	}
	v6, v4 := views(t, n, h)
	s := h.Zone().Servers()[0]
	for rtype, want := range map[string]netip.Addr{"A": v4.to, "AAAA": v6.to} {
		if got := show(ask(t, n, s, "www.example.com", rtype)); got != lines("NOERROR aa", "an: www.example.com. "+rtype+" "+want.String()) {
			t.Errorf("%s: %s", rtype, got)
		}
	}
	h.Page("/page", 200, "text/plain", "the page").
		Page("/gone", 410, "", "gone").
		Redirect("/away", 302, "https://www.example.net/x").
		Redirect("/nowhere", 301, "").
		Handle("/host", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	for _, b := range []browser{v6, v4} {
		for _, scheme := range []string{"http://", "https://"} {
			for path, want := range map[string]string{
				"/page": "200 the page", "/gone": "410 gone", "/host": "200 www.example.com",
				"/page/": "404 404 page not found", "/": "404 404 page not found", "/page?q=1": "200 the page",
			} {
				if got := b.status(scheme + "www.example.com" + path); got != want {
					t.Errorf("%s %s%s: %s, want %s", b.to, scheme, path, got, want)
				}
			}
		}
	}
	resp, _, err := v4.get("https://www.example.com/away")
	if err != nil || resp.StatusCode != 302 || resp.Header.Get("Location") != "https://www.example.net/x" || resp.ProtoMajor != 1 {
		t.Errorf("redirect: %v %v", resp, err)
	}
	h.CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "echo "+r.URL.Path) }))
	if got := v4.status("http://www.example.com/any/thing"); got != "200 echo /any/thing" {
		t.Error(got)
	}
	if got := v4.status("http://www.example.com/page"); got != "200 the page" {
		t.Error(got)
	}
	h.Handle("/page", nil)
	if got := v4.status("http://www.example.com/page"); got != "200 echo /page" {
		t.Errorf("handler removed: %s", got)
	}
}

func TestHostZone(t *testing.T) {
	n := newNetwork(t)
	for name, zone := range map[string]string{
		"example.com":         "example.com",
		"a.b.example.co.uk":   "example.co.uk",
		"user.github.io":      "user.github.io",
		"www.sub.example.org": "sub.example.org", // exists
		"sub.example.org":     "sub.example.org",
		"other.example.org":   "example.org",
	} {
		n.Zone("sub.example.org")
		if got := n.Host(name).Zone().Name(); got != zone {
			t.Errorf("%s is published in %s, want %s", name, got, zone)
		}
	}
	if got := len(n.Hosts()); got != 6 {
		t.Errorf("%d hosts", got)
	}
}

func TestHostViews(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com")
	second := h.AddAddress(false)
	v6, v4 := views(t, n, h)
	other := browser{t: t, n: n, to: h.Addrs()[2]}
	h.TLS().V6().Page("/x", 200, "", "v6 tls")
	h.V6().Page("/x", 200, "", "v6")
	h.Plain().Page("/plain", 200, "", "plain only")
	second.Page("/x", 200, "", "second")
	h.Page("/x", 200, "", "all") // wider, though later
	for _, tt := range []struct {
		b         browser
		url, want string
	}{
		{v6, "https://example.com/x", "200 v6 tls"},
		{v6, "http://example.com/x", "200 v6"},
		{v4, "https://example.com/x", "200 all"},
		{other, "https://example.com/x", "200 second"},
		{v4, "http://example.com/plain", "200 plain only"},
		{v4, "https://example.com/plain", "404 404 page not found"},
	} {
		if got := tt.b.status(tt.url); got != tt.want {
			t.Errorf("%s at %s: %s, want %s", tt.url, tt.b.to, got, tt.want)
		}
	}
	if got := show(ask(t, n, h.Zone().Servers()[0], "example.com", "A")); !strings.Contains(got, v4.to.String()) || !strings.Contains(got, other.to.String()) {
		t.Error(got)
	}
}

func TestHostHistory(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com")
	v6, v4 := views(t, n, h)
	n.Host("example.net")
	v4.user = "me"
	v6.status("http://example.com/a?b=c")
	v4.status("https://example.com/d")
	got := h.Requests()
	if len(got) != 2 {
		t.Fatalf("%d requests", len(got))
	}
	a, b := got[0], got[1]
	if a.Method != "GET" || a.Host != "example.com" || a.Path != "/a?b=c" || a.TLS || !a.IPv6 || a.Addr != netip.AddrPortFrom(v6.to, 80) || !a.From.IsValid() {
		t.Errorf("first %+v", a)
	}
	if !b.TLS || b.IPv6 || b.Addr.Port() != 443 || b.Header.Get("Authorization") == "" {
		t.Errorf("second %+v", b)
	}
	if len(n.Host("example.net").Requests()) != 0 || len(n.Requests()) != 2 {
		t.Error("requests of another host")
	}
	n.ResetHistory()
	if len(n.Requests()) != 0 {
		t.Error("not forgotten")
	}
	n.KeepHistory(false)
	v6.status("http://example.com/a")
	if len(n.Requests()) != 0 {
		t.Error("kept while off")
	}
}

func TestHostAuthAndPorts(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com").Page("/", 200, "", "in").BasicAuth("me", "secret").Listen(8443, true).Listen(8080, false)
	_, v4 := views(t, n, h)
	in := v4
	in.user = "me"
	for _, url := range []string{"http://example.com/", "https://example.com/", "https://example.com:8443/", "http://example.com:8080/"} {
		if got := v4.status(url); got != "401 credentials please" {
			t.Errorf("%s: %s", url, got)
		}
		if got := in.status(url); got != "200 in" {
			t.Errorf("%s: %s", url, got)
		}
	}
	if _, _, err := v4.get("http://example.com:81/"); err == nil {
		t.Error("port 81 answers")
	}
	h.BasicAuth("", "")
	if got := v4.status("http://example.com/"); got != "200 in" {
		t.Error(got)
	}
}

func TestHostFaults(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com").Page("/", 200, "text/plain", "fine")
	_, v4 := views(t, n, h)
	const plain, secure = "http://example.com/", "https://example.com/"
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	has := func(s string) func(error) bool {
		return func(err error) bool { return strings.Contains(err.Error(), s) }
	}
	var expired x509.CertificateInvalidError
	var wrong x509.HostnameError
	var unknown x509.UnknownAuthorityError
	for _, tt := range []struct {
		fault testnet.HostFault
		url   string
		want  func(error) bool
	}{
		{testnet.HostFaultConnectTimeout, plain, func(err error) bool { var e net.Error; return errors.As(err, &e) && e.Timeout() && has("dial")(err) }},
		{testnet.HostFaultRefused, plain, is(syscall.ECONNREFUSED)},
		{testnet.HostFaultReset, plain, is(syscall.ECONNRESET)},
		{testnet.HostFaultReset, secure, is(syscall.ECONNRESET)},
		{testnet.HostFaultGarbage, plain, has("malformed HTTP")},
		{testnet.HostFaultGarbage, secure, has("first record does not look like a TLS handshake")},
		{testnet.HostFaultHTTP2, plain, has("malformed HTTP")},
		{testnet.HostFaultTLSAlert, plain, has(`malformed HTTP response "\x15\x03\x01`)},
		{testnet.HostFaultTLSAlert, secure, has("remote error")},
		{testnet.HostFaultTLSHandshake, secure, has("remote error")},
		{testnet.HostFaultTLSExpired, secure, func(err error) bool { return errors.As(err, &expired) && expired.Reason == x509.Expired }},
		{testnet.HostFaultTLSWrongName, secure, func(err error) bool { return errors.As(err, &wrong) }},
		{testnet.HostFaultTLSSelfSigned, secure, func(err error) bool { return errors.As(err, &unknown) }},
		{testnet.HostFaultSwapTLS, secure, has("server gave HTTP response to HTTPS client")},
	} {
		h.Fault(tt.fault)
		if _, _, err := v4.get(tt.url); err == nil || !tt.want(err) {
			t.Errorf("%s at %s: %v", tt.fault, tt.url, err)
		}
	}
	h.Fault(testnet.HostFaultSwapTLS)
	if resp, body, err := v4.get(plain); err != nil || resp.StatusCode != 400 || !bytes.Contains(body, []byte("HTTPS server")) {
		t.Errorf("plain HTTP to TLS: %v %s", err, body)
	}
	h.Fault(testnet.HostFaultNone)
	for _, url := range []string{plain, secure} {
		if got := v4.status(url); got != "200 fine" {
			t.Errorf("healed: %s", got)
		}
	}
}

func TestHostFaultPerView(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com").Page("/", 200, "", "fine")
	v6, v4 := views(t, n, h)
	h.V6().Fault(testnet.HostFaultRefused)
	if _, _, err := v6.get("http://example.com/"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("v6: %v", err)
	}
	if got := v4.status("http://example.com/"); got != "200 fine" {
		t.Error(got)
	}
	h.V6().Fault(testnet.HostFaultNone)
	h.TLS().Fault(testnet.HostFaultReset)
	if got := v6.status("http://example.com/"); got != "200 fine" {
		t.Error(got)
	}
	if _, _, err := v6.get("https://example.com/"); err == nil {
		t.Error("TLS is not reset")
	}
}

func TestHostFaultsOfVolume(t *testing.T) {
	n := newNetwork(t)
	h := n.Host("example.com")
	_, v4 := views(t, n, h)
	fetch := func(f testnet.HostFault, limit int64, timeout time.Duration) (*http.Response, int64, error) {
		t.Helper()
		h.Fault(f)
		tr := v4.transport()
		tr.MaxResponseHeaderBytes = 64 << 10
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
		resp, err := tr.RoundTrip(req)
		if err != nil {
			return nil, 0, err
		}
		defer resp.Body.Close()
		k, err := io.Copy(io.Discard, io.LimitReader(resp.Body, limit))
		return resp, k, err
	}
	if _, k, err := fetch(testnet.HostFaultHugeBody, 10<<20, 20*time.Second); err != nil || k != 10<<20 {
		t.Errorf("huge body: %d octets, %v", k, err)
	}
	h.Fault(testnet.HostFaultGzipBomb)
	_, packed, err := v4.get("http://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	zr.Multistream(false) // all of it is one member
	if k, err := io.Copy(io.Discard, zr); err != nil || k != 200<<20 {
		t.Errorf("bomb: %d octets unpacked, %v", k, err)
	}
	if resp, k, err := fetch(testnet.HostFaultGzipBomb, 10<<20, 20*time.Second); err != nil || resp.Header.Get("Content-Encoding") != "gzip" || k > 1<<20 || k < 100<<10 {
		t.Errorf("bomb: %d octets, %v", k, err)
	}
	if _, _, err := fetch(testnet.HostFaultHugeHeaders, 1, 20*time.Second); err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("huge headers: %v", err)
	}
	if _, _, err := fetch(testnet.HostFaultSlowHeaders, 1, quick); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow headers: %v", err)
	}
	if resp, _, err := fetch(testnet.HostFaultSlowBody, 1000, time.Second); resp == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow body: %v", err)
	}
	if _, _, err := fetch(testnet.HostFaultSilent, 1, quick); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	if resp, k, err := fetch(testnet.HostFaultBadEncoding, 1000, 20*time.Second); err != nil || resp.Header.Get("Content-Encoding") != "gzip" || k == 0 {
		t.Errorf("bad encoding: %d octets, %v", k, err)
	}
}

func TestCA(t *testing.T) {
	n := newNetwork(t)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(n.CA()) || !pool.Equal(n.CertPool()) {
		t.Error("the PEM and the pool differ")
	}
}
