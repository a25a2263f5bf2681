package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func allowAll(_, _ *url.URL) error { return nil }

// Threat T3. Everything the targets name leads to the trap or to a server
// that fails the test.
func TestRedirectTargets(t *testing.T) {
	for _, tc := range []struct {
		location string
		kind     ErrorKind
	}{
		{"http://127.0.0.1/", KindRedirectOffSite},
		{"http://127.0.0.1:80/", KindRedirectOffSite},
		{"http://[::1]/", KindRedirectOffSite},
		{"http://[::ffff:169.254.169.254]/latest/meta-data/", KindRedirectOffSite},
		{"http://[fe80::1%25lo]/", KindRedirectOffSite},
		{"http://169.254.169.254/latest/meta-data/", KindRedirectOffSite},
		{"http://2130706433/", KindRedirectOffSite},
		{"http://0x7f000001/", KindRedirectOffSite},
		{"http://0177.0.0.1/", KindRedirectOffSite},
		{"http://127.1/", KindRedirectOffSite},
		{"http://45.10.0.2/", KindRedirectOffSite},
		{"http://①②⑦.⓪.⓪.①/", KindRedirectOffSite},
		{"//127.0.0.1/", KindRedirectOffSite},
		{"http://localhost/", KindRedirectBad},
		{"http://internal/", KindRedirectBad},
		{"http://evil.com/", KindRedirectOffSite},
		{"http://evil.com:22/", KindRedirectOffSite},
		{"//evil.com/", KindRedirectOffSite},
		{"https://example.com.evil.com/", KindRedirectOffSite},
		{"https://notexample.com/", KindRedirectOffSite},
		{"https://com/", KindRedirectBad},
		{"http://example.com:22/", KindRedirectPort},
		{"http://example.com:6379/", KindRedirectPort},
		{"http://example.com:0/", KindRedirectPort},
		{"http://example.com:65616/", KindRedirectPort},
		{"http://example.com:8080/", KindRedirectPort},
		{"ftp://example.com/", KindRedirectScheme},
		{"file:///etc/passwd", KindRedirectScheme},
		{"gopher://127.0.0.1:6379/_INFO", KindRedirectScheme},
		{"javascript:alert(1)", KindRedirectScheme},
		{"data:text/plain,token", KindRedirectScheme},
		{"unix:/run/docker.sock", KindRedirectScheme},
		{"http://user@example.com/", KindRedirectBad},
		{"http://user:password@example.com/", KindRedirectBad},
		{"http://example.com@evil.com/", KindRedirectBad},
		{`http://evil.com\@example.com/`, KindRedirectBad},
		{`/\evil.com/`, KindRedirectBad},
		{"http:example.com", KindRedirectBad},
		{"http:///path", KindRedirectBad},
		{"http://", KindRedirectBad},
		{"http://example.com:x/", KindRedirectBad},
		{"http://example..com/", KindRedirectBad},
		{"http://exa%6dple.com/", KindRedirectBad},
		{"http://[::1/", KindRedirectBad},
		{"http://example.com/%zz", KindRedirectBad},
		{"/" + strings.Repeat("a", 2000), KindRedirectBad},
		{"", KindRedirectBad},
		{"https://example.com.well-known/zonehold-challenge/x", KindRedirectMissingSlash},
		{"https://example.comzonehold_0123456789.txt", KindRedirectMissingSlash},
		{"/zonehold_0123456789.txt", KindRedirectLoop},
		{"", KindRedirectBad},
		{"#top", KindRedirectLoop},
		{"HTTP://EXAMPLE.com.:80/zonehold_0123456789.txt", KindRedirectLoop},
		{"http://unknown.example.com/", KindDNS},
		{"http://private.example.com/", KindForbiddenAddress},
	} {
		t.Run(tc.location[:min(len(tc.location), 60)], func(t *testing.T) {
			l := newLAN(t)
			l.name("example.com", []netip.Addr{v4})
			l.name("private.example.com", []netip.Addr{netip.MustParseAddr("192.168.1.1")})
			l.name("evil.com", []netip.Addr{v4b})
			l.handle(v4b, 80, func(http.ResponseWriter, *http.Request) { t.Error("contacted") })
			var mu sync.Mutex
			var asked int
			l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				asked++
				w.Header()["Location"] = []string{tc.location}
				w.WriteHeader(http.StatusFound)
			})
			f := l.fetch("http://example.com/zonehold_0123456789.txt")
			wantKind(t, f, tc.kind)
			mu.Lock()
			defer mu.Unlock()
			if asked != 1 {
				t.Errorf("%d requests", asked)
			}
			if f.Hops[0].Status != http.StatusFound || f.Hops[0].Location != tc.location[:min(len(tc.location), 2000)] {
				t.Errorf("hop %+v", f.Hops[0])
			}
			if f.Body != nil {
				t.Errorf("body %q", f.Body)
			}
		})
	}
}

func TestRedirectStatuses(t *testing.T) {
	for status := 300; status < 310; status++ {
		l := newLAN(t)
		l.name("example.com", []netip.Addr{v4})
		l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header().Set("Location", "/b")
				w.WriteHeader(status)
			}
		})
		f := l.fetch("http://example.com/")
		wantKind(t, f, "")
		want := status
		switch status {
		case 301, 302, 307, 308:
			want = 200
		}
		if f.Status != want {
			t.Errorf("%d: final status %d", status, f.Status)
		}
	}
}

func TestRedirectsFollowed(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		extra    uint16
		redirect func(from, to *url.URL) error
		kind     ErrorKind
	}{
		{from: "http://example.com/a", to: "http://example.com/b"},
		{from: "http://example.com/a", to: "http://www.example.com/b"},
		{from: "http://a.b.example.com/a", to: "http://example.com/b"},
		{from: "http://a.b.example.com/a", to: "http://c.example.com/b"},
		{from: "http://example.com/a", to: "https://example.com/b"},
		{from: "https://example.com/a", to: "http://example.com/b"},
		{from: "http://example.com/a?x=1", to: "?x=2"},
		{from: "http://example.com/a", to: "//www.example.com"},
		{from: "http://example.com/a", to: "../../../c"},
		{from: "http://example.com:443/a", to: "http://example.com:80/b"},
		{from: "http://example.com:9000/a", to: "/b", extra: 9000},
		{from: "http://example.com/a", to: "http://example.com:9000/b", extra: 9000},
		{from: "http://example.com/a", to: "http://www.example.com:9000/b", extra: 9000, kind: KindRedirectPort},
		{from: "http://a.github.io/a", to: "http://a.github.io/b"},
		{from: "http://a.github.io/a", to: "http://b.github.io/b", kind: KindRedirectOffSite},
		{from: "http://a.github.io/a", to: "http://github.io/b", kind: KindRedirectOffSite},
		{from: "http://github.io/a", to: "http://github.io/b"},
		{from: "http://github.io/a", to: "http://a.github.io/b", kind: KindRedirectOffSite},
		{from: "http://a.co.uk/a", to: "http://b.co.uk/b", kind: KindRedirectOffSite},
		{from: "http://a.b.unlisted/a", to: "http://c.b.unlisted/b"},
		{from: "http://a.b.unlisted/a", to: "http://a.c.unlisted/b", kind: KindRedirectOffSite},
		{from: "http://example.com/a", to: "http://other.org/b", redirect: allowAll},
		{from: "http://example.com/a", to: "http://example.com/b", redirect: func(_, _ *url.URL) error { return errors.New("no") }, kind: KindRedirectOffSite},
		{from: "http://example.com/a", to: "http://bücher.example.com/b"},
	} {
		t.Run(tc.from+" "+tc.to, func(t *testing.T) {
			l := newLAN(t)
			for _, host := range []string{
				"example.com", "www.example.com", "a.b.example.com", "c.example.com", "xn--bcher-kva.example.com", "other.org",
				"github.io", "a.github.io", "b.github.io", "a.co.uk", "b.co.uk", "a.b.unlisted", "c.b.unlisted", "a.c.unlisted",
			} {
				l.name(host, []netip.Addr{v4})
			}
			h := func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI == "/a" || r.RequestURI == "/a?x=1" {
					w.Header()["Location"] = []string{tc.to}
					w.WriteHeader(http.StatusMovedPermanently)
				}
			}
			l.handle(v4, 80, h)
			l.handle(v4, 9000, h)
			if strings.HasPrefix(tc.from, "http://example.com:443") {
				l.handle(v4, 443, h)
			} else {
				l.handleTLS(v4, 443, testCA().good("example.com"), h)
			}
			f := l.client().Fetch(t.Context(), Request{URL: tc.from, ExtraPort: tc.extra, Redirect: tc.redirect})
			wantKind(t, f, tc.kind)
			if tc.kind == "" && (f.Status != 200 || len(f.Hops) != 2 || f.Hops[0].Header.Get("Location") == "") {
				t.Errorf("status %d after %s", f.Status, hopURLs(f))
			}
		})
	}
}

func TestRedirectChains(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.handle(v4, 80, func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		}
		if r.URL.Path == "/ping" {
			http.Redirect(w, r, "/pong", http.StatusFound)
		}
		if r.URL.Path == "/pong" {
			http.Redirect(w, r, "/ping", http.StatusFound)
		}
	})
	f := l.fetch("http://example.com/5")
	wantKind(t, f, "")
	if len(f.Hops) != 6 {
		t.Errorf("%d hops", len(f.Hops))
	}
	f = l.fetch("http://example.com/6")
	wantKind(t, f, KindTooManyRedirects)
	if len(f.Hops) != 6 || f.Status != http.StatusFound || f.Err.URL != "http://example.com/1" || f.Err.Addr != v4 {
		t.Errorf("%d hops, status %d, error %+v", len(f.Hops), f.Status, f.Err)
	}
	c := l.client(func(cfg *Config) { cfg.MaxRedirects = 1 })
	wantKind(t, c.Fetch(t.Context(), Request{URL: "http://example.com/1"}), "")
	wantKind(t, c.Fetch(t.Context(), Request{URL: "http://example.com/2"}), KindTooManyRedirects)
	f = l.fetch("http://example.com/ping")
	wantKind(t, f, KindRedirectLoop)
	if len(f.Hops) != 2 {
		t.Errorf("%d hops", len(f.Hops))
	}
}

func TestSeveralLocations(t *testing.T) {
	l := newLAN(t)
	l.name("example.com", []netip.Addr{v4})
	l.answer(v4, 80, "HTTP/1.1 302 Found\r\nLocation: /b\r\nLocation: /c\r\n\r\n")
	wantKind(t, l.fetch("http://example.com/"), KindRedirectBad)
}

// Threat T13: credentials go to the exact scheme, host and port they were
// given for, on the first request, and nowhere else.
func TestBasicCredentials(t *testing.T) {
	for _, to := range []string{
		"http://example.com/b", "https://example.com/b", "http://example.com:9000/b", "http://www.example.com/b", "http://other.org/b",
	} {
		t.Run(to, func(t *testing.T) {
			l := newLAN(t)
			for _, host := range []string{"example.com", "www.example.com", "other.org"} {
				l.name(host, []netip.Addr{v4})
			}
			var mu sync.Mutex
			var auth []string
			h := func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				auth = append(auth, r.Header.Get("Authorization"))
				if r.URL.Path == "/a" {
					http.Redirect(w, r, to, http.StatusTemporaryRedirect)
				}
			}
			l.handle(v4, 80, h)
			l.handle(v4, 9000, h)
			l.handleTLS(v4, 443, testCA().good("example.com"), h)
			f := l.client().Fetch(t.Context(), Request{
				URL: "http://example.com/a", BasicUser: "ann", BasicPassword: "s3cret", ExtraPort: 9000, Redirect: allowAll,
			})
			wantKind(t, f, "")
			mu.Lock()
			defer mu.Unlock()
			if len(auth) != 2 || auth[0] != "Basic YW5uOnMzY3JldA==" || auth[1] != "" {
				t.Errorf("sent %q", auth)
			}
			if s := fmt.Sprintf("%+v", f); strings.Contains(s, "s3cret") || strings.Contains(s, "YW5u") {
				t.Errorf("the record holds the credentials: %s", s)
			}
		})
	}
}
