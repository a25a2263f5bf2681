package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold/probe"
)

func (l *lan) api(change ...func(*APIConfig)) *http.Client {
	cfg := APIConfig{
		Dialer:   &probe.Dialer{Route: l.Route},
		Resolver: l,
		Roots:    testCA().pool,
		Timeout:  time.Minute,
	}
	for _, f := range change {
		f(&cfg)
	}
	c := NewAPIClient(cfg)
	l.t.Cleanup(c.CloseIdleConnections)
	return c
}

// ask gets a URL and its body.
func ask(t testing.TB, c *http.Client, url string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func following(n int) func(*APIConfig) { return func(c *APIConfig) { c.MaxRedirects = n } }

func TestAPIClientAsks(t *testing.T) {
	l := newLAN(t)
	l.name("api.example.com", []netip.Addr{v4})
	l.handleTLS(v4, 443, testCA().good("api.example.com"), func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.Header.Get("Accept-Encoding") != "" || r.UserAgent() != APIUserAgent {
			t.Errorf("%s %v", r.Proto, r.Header)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		fmt.Fprintf(w, "%s %d", r.URL.Path, len(r.Cookies()))
	})
	c := l.api()
	tr := &probe.Trace{}
	for range 2 {
		status, body, err := ask(t, c, "https://api.example.com/x")
		if err != nil || status != 200 || body != "/x 0" {
			t.Fatalf("%d %q %v", status, body, err)
		}
	}
	req, _ := http.NewRequestWithContext(probe.WithTrace(t.Context(), tr), http.MethodGet, "https://api.example.com/x?secret=1", http.NoBody)
	resp, err := l.api().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if s := fmt.Sprint(tr.Steps()); strings.Contains(s, "secret") || !strings.Contains(s, "resolve_host") || !strings.Contains(s, "https://api.example.com/x") {
		t.Errorf("steps %s", s)
	}
}

// What may be asked at all, with the server of every row ready to answer.
func TestAPIClientRules(t *testing.T) {
	l := newLAN(t)
	l.name("api.example.com", []netip.Addr{v4})
	cert := testCA().good("api.example.com")
	reached := func(w http.ResponseWriter, _ *http.Request) { t.Error("contacted"); w.WriteHeader(204) }
	l.handle(v4, 80, reached)
	l.handle(v4, 443+1, reached)
	l.handleTLS(v4, 8443, cert, reached)
	for url, want := range map[string]error{
		"http://api.example.com/":                                ErrURL,
		"http://api.example.com:443/":                            ErrURL,
		"https://api.example.com:80/":                            ErrURL,
		"https://api.example.com:8443/":                          ErrURL,
		"https://user@api.example.com/":                          ErrURL,
		"https://u:p@api.example.com/":                           ErrURL,
		"ftp://api.example.com/":                                 ErrURL,
		"https://localhost/":                                     ErrURL,
		"https://2130706433/":                                    probe.ErrForbidden,
		"https://127.1/":                                         probe.ErrForbidden,
		"https://0x7f000001/":                                    probe.ErrForbidden,
		"https://127.0.0.1/":                                     probe.ErrForbidden,
		"https://[::1]/":                                         probe.ErrForbidden,
		"https://[::ffff:127.0.0.1]/":                            probe.ErrForbidden,
		"https://[fe80::1%25lo]/":                                probe.ErrForbidden,
		"http://169.254.169.254/latest/":                         probe.ErrForbidden,
		"https://nowhere.example.com/":                           errNoSuchName,
		"https://api.example.com/" + strings.Repeat("x", maxURL): ErrURL,
	} {
		_, _, err := ask(t, l.api(), url)
		if !errors.Is(err, want) {
			t.Errorf("%.60s: error %v, want %v", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "u:p@") {
			t.Errorf("the password is in %v", err)
		}
	}
}

// Threats T1 and T4: names that lead to the addresses nobody may reach, first
// and by redirect.
func TestAPIClientForbiddenAddresses(t *testing.T) {
	l := newLAN(t) // its trap stands behind every such address
	l.name("start.example.com", []netip.Addr{v4})
	l.handleTLS(v4, 443, testCA().good("start.example.com"), func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	c := l.api(following(3))
	for _, s := range forbiddenAddrs {
		addr := netip.MustParseAddr(s)
		l.name("bad.example.com", []netip.Addr{addr})
		literal := s
		if addr.Is6() {
			literal = "[" + s + "]"
		}
		for _, url := range []string{
			"https://bad.example.com/", "http://bad.example.com/", "https://bad.example.com:22/",
			"https://" + literal + "/",
			"https://start.example.com/?to=https://bad.example.com/",
			"https://start.example.com/?to=https://" + literal + "/",
		} {
			_, _, err := ask(t, c, url)
			if !errors.Is(err, probe.ErrForbidden) {
				t.Errorf("%s: error %v", url, err)
				continue
			}
			// One text (threat T14).
			if text := err.Error()[strings.LastIndex(err.Error(), `": `)+3:]; text != probe.ErrForbidden.Error() {
				t.Errorf("%s: text %q", url, text)
			}
		}
	}
}

// The same against real sockets.
func TestAPIClientLoopback(t *testing.T) {
	tr := newTrap(t)
	l := newLAN(t)
	l.name("bad.example.com", []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	c := l.api(func(cfg *APIConfig) { cfg.Dialer = &probe.Dialer{} })
	for _, url := range []string{"https://bad.example.com:%d/", "http://bad.example.com:%d/", "https://127.0.0.1:%d/", "http://[::1]:%d/"} {
		if _, _, err := ask(t, c, fmt.Sprintf(url, tr.addr.Port())); !errors.Is(err, probe.ErrForbidden) {
			t.Errorf("%s: error %v", url, err)
		}
	}
	if n := tr.hits(); n != 0 {
		t.Errorf("%d connections", n)
	}

	// An operator who allows loopback has it at any port.
	srv := serveHere(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })
	c = l.api(func(cfg *APIConfig) {
		cfg.Dialer = &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	})
	for _, host := range []string{"127.0.0.1", "bad.example.com"} {
		if _, body, err := ask(t, c, fmt.Sprintf("http://%s:%d/", host, srv.Port())); err != nil || body != "here" {
			t.Errorf("%s: %q, %v", host, body, err)
		}
	}
}

func serveHere(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	ln := listen(t)
	srv := &http.Server{Handler: h, ErrorLog: discard}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return netip.MustParseAddrPort(ln.Addr().String())
}

// Threat T2: the name answers with a public address first and with ours then.
func TestAPIClientRebinding(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4}, []netip.Addr{local})
	l.handleTLS(v4, 443, testCA().good("a.example.com"), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, "/again?"+r.URL.RawQuery+"x", http.StatusFound)
	})
	_, _, err := ask(t, l.api(following(5)), "https://a.example.com/")
	if !errors.Is(err, probe.ErrForbidden) {
		t.Errorf("error %v", err)
	}
	if n := l.lookups("a.example.com"); n != 2 {
		t.Errorf("%d lookups", n)
	}
	// A name with both is served by the public address alone.
	l.name("b.example.com", []netip.Addr{local, netip.MustParseAddr("fd00::1"), v4b})
	l.handleTLS(v4b, 443, testCA().good("b.example.com"), func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	if _, body, err := ask(t, l.api(), "https://b.example.com/"); err != nil || body != "ok" {
		t.Errorf("%q %v", body, err)
	}
}

func TestAPIClientFallsBackToIPv4(t *testing.T) {
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4, v6}) // nobody listens at v6
	l.handleTLS(v4, 443, testCA().good("a.example.com"), func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	if _, body, err := ask(t, l.api(), "https://a.example.com/"); err != nil || body != "ok" {
		t.Errorf("%q %v", body, err)
	}
}

// Threat T3.
func TestAPIClientRedirects(t *testing.T) {
	internal := serveHere(t, func(http.ResponseWriter, *http.Request) { t.Error("the configured endpoint was contacted") })
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4})
	l.name("b.example.com", []netip.Addr{v4b})
	var leaked atomic.Value
	mux := func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusFound
		if s := r.URL.Query().Get("code"); s != "" {
			fmt.Sscan(s, &code)
		}
		switch to := r.URL.Query().Get("to"); {
		case to != "":
			w.Header().Set("Location", to)
			w.WriteHeader(code)
		case r.URL.Path == "/chain":
			w.Header().Set("Location", "/chain?"+r.URL.RawQuery+"x")
			w.WriteHeader(code)
		default:
			leaked.Store(r.Header.Get("Authorization") + r.Header.Get("Cookie") + r.Referer())
			io.WriteString(w, "end at "+r.Host)
		}
	}
	l.handleTLS(v4, 443, testCA().good("a.example.com"), mux)
	l.handleTLS(v4b, 443, testCA().good("b.example.com"), mux)
	c := l.api(following(3), func(cfg *APIConfig) { cfg.Configured = []string{internal.String()} })

	for _, tt := range []struct {
		to   string
		code int
		want error // nil: arrives
	}{
		{"https://b.example.com/", 301, nil},
		{"https://b.example.com/", 302, nil},
		{"https://b.example.com/", 307, nil},
		{"https://b.example.com/", 308, nil},
		{"//b.example.com/", 302, nil},
		{"/here", 302, nil},
		{"http://b.example.com/", 302, ErrURL},
		{"http://a.example.com/", 302, ErrURL},
		{"https://b.example.com:8443/", 302, ErrURL},
		{"https://u:p@b.example.com/", 302, ErrURL},
		{"ftp://b.example.com/", 302, ErrURL},
		{"file:///etc/passwd", 302, ErrURL},
		{"javascript:alert(1)", 302, ErrURL},
		{"https://localhost/", 302, ErrURL},
		{"http://localhost/", 302, ErrURL},
		{"https://127.0.0.1/", 302, probe.ErrForbidden},
		{"https://169.254.169.254/", 302, probe.ErrForbidden},
		{"https://2130706433/", 302, probe.ErrForbidden},
		{"http://" + internal.String() + "/", 302, ErrURL},
		{"https://" + internal.String() + "/", 302, probe.ErrForbidden},
		{"/chain", 302, ErrURL},
		{"https://a.example.com/?to=https%3A%2F%2Fb.example.com%2F", 302, nil},
	} {
		_, body, err := ask(t, c, fmt.Sprintf("https://a.example.com/?code=%d&to=%s", tt.code, strings.NewReplacer("?", "%3F", "%", "%25").Replace(tt.to)))
		if tt.want == nil {
			if err != nil || !strings.HasPrefix(body, "end at ") {
				t.Errorf("%d %s: %q, %v", tt.code, tt.to, body, err)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("%d %s: error %v, want %v", tt.code, tt.to, err, tt.want)
		}
	}

	// Not followed, but returned.
	for _, tt := range []struct {
		client *http.Client
		method string
		code   int
	}{{c, http.MethodGet, 303}, {c, http.MethodPost, 307}, {l.api(), http.MethodGet, 302}} {
		req, _ := http.NewRequestWithContext(t.Context(), tt.method, fmt.Sprintf("https://a.example.com/?code=%d&to=https://b.example.com/", tt.code), strings.NewReader("x"))
		resp, err := tt.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s %d was followed to %d", tt.method, tt.code, resp.StatusCode)
		}
	}

	// Credentials stay where they belong.
	for to, want := range map[string]string{"https://b.example.com/": "", "https://a.example.com/end": "token=1"} {
		leaked.Store("nothing")
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example.com/?to="+to, http.NoBody)
		req.Header.Set("Authorization", "token")
		req.Header.Set("Cookie", "=1")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := leaked.Load(); got != want {
			t.Errorf("%s got %q", to, got)
		}
	}
}

// What the operator configured is reached although it is on loopback, and
// over plain http.
func TestAPIClientConfigured(t *testing.T) {
	elsewhere := newTrap(t)
	srv := serveHere(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://"+elsewhere.addr.String()+"/", http.StatusFound)
		case "/on":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			io.WriteString(w, "configured")
		}
	})
	l := newLAN(t)
	c := l.api(following(3), func(cfg *APIConfig) { cfg.Configured = []string{fmt.Sprintf("localhost:%d", srv.Port())} })
	base := fmt.Sprintf("http://localhost:%d", srv.Port())
	for _, path := range []string{"/", "/on"} {
		if _, body, err := ask(t, c, base+path); err != nil || body != "configured" {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
	for _, url := range []string{base + "/away", "http://" + srv.String() + "/", "http://localhost:" + fmt.Sprint(elsewhere.addr.Port())} {
		if _, _, err := ask(t, c, url); err == nil {
			t.Errorf("%s answered", url)
		}
	}
	if n := elsewhere.hits(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// Threat T8.
func TestAPIClientProxyEnvironment(t *testing.T) {
	if os.Getenv("ZONEHOLD_TEST_CHILD") == "1" {
		l := newLAN(t)
		l.name("example.com", []netip.Addr{v4})
		l.handleTLS(v4, 443, testCA().good("example.com"), func(http.ResponseWriter, *http.Request) {})
		if _, _, err := ask(t, l.api(), "https://example.com/"); err != nil {
			t.Fatal(err)
		}
		return
	}
	proxy := newTrap(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAPIClientProxyEnvironment$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "ZONEHOLD_TEST_CHILD=1", "NO_PROXY=", "no_proxy=")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		for _, n := range []string{name, strings.ToLower(name)} {
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=http://%s", n, proxy.addr))
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAPIClientProxyEnvironment") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	if n := proxy.hits(); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
}

// Threat T11.
func TestAPIClientLimits(t *testing.T) {
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4})
	const limit = 1000
	l.handleTLS(v4, 443, testCA().good("a.example.com"), func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/exact":
			io.WriteString(w, strings.Repeat("x", limit))
		case "/announced":
			io.WriteString(w, strings.Repeat("x", limit+1))
		case "/stream":
			for range 100 {
				if _, err := io.WriteString(w, strings.Repeat("x", 100)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		case "/header":
			w.Header().Set("X-Big", strings.Repeat("x", 100_000))
		case "/slow":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/trickle":
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		case "/interim":
			for range 10_000 {
				w.WriteHeader(http.StatusEarlyHints)
			}
		}
	})
	c := l.api(func(cfg *APIConfig) { cfg.MaxBody = limit })
	if _, body, err := ask(t, c, "https://a.example.com/exact"); err != nil || len(body) != limit {
		t.Errorf("exact: %d bytes, %v", len(body), err)
	}
	if _, body, err := ask(t, c, "https://a.example.com/announced"); !errors.Is(err, ErrBodyTooLarge) || body != "" {
		t.Errorf("announced: %d bytes, %v", len(body), err)
	}
	if _, body, err := ask(t, c, "https://a.example.com/stream"); !errors.Is(err, ErrBodyTooLarge) || len(body) != limit {
		t.Errorf("stream: %d bytes, %v", len(body), err)
	}
	if _, _, err := ask(t, c, "https://a.example.com/header"); err == nil {
		t.Error("a head of 100 kB was read")
	}
	if _, _, err := ask(t, c, "https://a.example.com/interim"); err == nil {
		t.Error("interim answers without an end were read")
	}
	slow := l.api(func(cfg *APIConfig) { cfg.Timeout = 300 * time.Millisecond })
	var ne net.Error
	for _, path := range []string{"/slow", "/trickle"} {
		if _, _, err := ask(t, slow, "https://a.example.com"+path); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

// A server that accepts and stays silent holds neither the caller nor the
// connection.
func TestAPIClientSilentHandshake(t *testing.T) {
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4})
	gone := make(chan struct{})
	l.raw(v4, 443, func(c net.Conn) { io.Copy(io.Discard, c); close(gone) })
	c := l.api(func(cfg *APIConfig) { cfg.Timeout = 300 * time.Millisecond })
	if _, _, err := ask(t, c, "https://a.example.com/"); err == nil {
		t.Error("no error")
	}
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("the connection stays open")
	}
}

// What a server says when the connection is being closed, as time is up, is no
// answer.
func TestAPIClientAnswerAfterTheEnd(t *testing.T) {
	l := newLAN(t)
	l.name("api.example.com", []netip.Addr{v4})
	var end atomic.Pointer[context.CancelFunc]
	l.handleTLS(v4, 443, testCA().good("api.example.com"), func(http.ResponseWriter, *http.Request) { (*end.Load())() })
	c := l.api()
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		end.Store(&cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("an empty answer counts: %v", err)
		}
	}
}

func TestAPIClientCertificates(t *testing.T) {
	l := newLAN(t)
	l.name("a.example.com", []netip.Addr{v4})
	l.name("b.example.com", []netip.Addr{v4b})
	never := func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
	l.handleTLS(v4, 443, testCA().good("other.example.com"), never)
	l.handleTLS(v4b, 443, newCA().good("b.example.com"), never)
	for _, host := range []string{"a", "b"} {
		if _, _, err := ask(t, l.api(), "https://"+host+".example.com/"); err == nil {
			t.Errorf("%s: the certificate was accepted", host)
		}
	}
}

// Addresses that the operator opens may be asked at any port and over http;
// others stay as they are, and the guard comes first.
func TestAPIClientOpenAddresses(t *testing.T) {
	l := newLAN(t)
	inside := netip.MustParseAddr("10.1.2.3")
	l.name("inside.example", []netip.Addr{inside})
	l.name("public.example", []netip.Addr{v4})
	for _, addr := range []netip.Addr{inside, v4} {
		l.handle(addr, 8080, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })
	}
	open := func(c *APIConfig) { c.Open = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	allowed := func(c *APIConfig) {
		c.Dialer = &probe.Dialer{Route: l.Route, Guard: probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})}
	}
	if _, body, err := ask(t, l.api(open, allowed), "http://inside.example:8080/"); err != nil || body != "here" {
		t.Errorf("an open address: %q, %v", body, err)
	}
	if _, _, err := ask(t, l.api(open, allowed), "http://public.example:8080/"); !errors.Is(err, ErrURL) {
		t.Errorf("a public address over http: %v", err)
	}
	if _, _, err := ask(t, l.api(open), "http://inside.example:8080/"); !errors.Is(err, probe.ErrForbidden) {
		t.Errorf("an open address that the guard forbids: %v", err)
	}
	if _, _, err := ask(t, l.api(allowed), "http://inside.example:8080/"); !errors.Is(err, ErrURL) {
		t.Errorf("an allowed address that is not open: %v", err)
	}
}
