package webmaster

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
)

func TestParseHostID(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"http:ya.ru:80", "http:ya.ru:80"},
		{"https:ya.ru:443", "https:ya.ru:443"},
		{"https:www.ya.ru:8443", "https:www.ya.ru:8443"},
		{"http:ya.ru:443", "http:ya.ru:443"},
		{"HTTP:Ya.RU:80", "http:ya.ru:80"},
		{"http:ya.ru.:80", "http:ya.ru:80"},
		{"http:xn--d1acpjx3f.xn--p1ai:80", "http:xn--d1acpjx3f.xn--p1ai:80"},
		{"http:яндекс.рф:80", "http:xn--d1acpjx3f.xn--p1ai:80"},
		{"http:ЯНДЕКС.рф:80", "http:xn--d1acpjx3f.xn--p1ai:80"},
		{"", ""}, {":", ""}, {"::", ""}, {":::", ""}, {"http", ""}, {"http:", ""}, {"http::80", ""},
		{"ya.ru", ""}, {"http:ya.ru", ""}, {"http:ya.ru:", ""}, {":ya.ru:80", ""},
		{"ftp:ya.ru:21", ""}, {"http:ya.ru:0", ""}, {"http:ya.ru:080", ""}, {"http:ya.ru:+80", ""}, {"http:ya.ru:65536", ""},
		{"http:ya.ru:80 ", ""}, {" http:ya.ru:80", ""}, {"http:ya.ru:80/", ""}, {"http://ya.ru:80", ""}, {"http:ya.ru:80:80", ""},
		{"http:127.0.0.1:80", ""}, {"http:2130706433:80", ""}, {"http:[::1]:80", ""}, {"http:::1:80", ""}, {"http:①②⑦.⓪.⓪.①:80", ""},
		{"http:user@ya.ru:80", ""}, {"http:*.ya.ru:80", ""}, {"http:ya..ru:80", ""}, {"http:.ya.ru:80", ""},
		{"http:ya\x00.ru:80", ""}, {"http:ya\xff.ru:80", ""}, {"http:ya.ru\n:80", ""}, {"http:ya.ru:80\x00", ""},
		{"http:" + strings.Repeat("a", 10000) + ".com:80", ""}, {strings.Repeat(":", 10000), ""},
	} {
		h, ok := parseHostID(tt.in)
		got := ""
		if ok {
			got = h.id()
		}
		if got != tt.want {
			t.Errorf("parseHostID(%.50q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParseHost(t *testing.T) {
	for _, tt := range []struct{ in, id, ascii, unicode string }{
		{"http://example.com", "http:example.com:80", "http://example.com/", "http://example.com/"},
		{"https://example.com/", "https:example.com:443", "https://example.com/", "https://example.com/"},
		{"example.com", "http:example.com:80", "http://example.com/", "http://example.com/"},
		{"example.com/", "http:example.com:80", "http://example.com/", "http://example.com/"},
		{"example.com:8080", "http:example.com:8080", "http://example.com:8080/", "http://example.com:8080/"},
		{"  https://www.Example.COM \n", "https:www.example.com:443", "https://www.example.com/", "https://www.example.com/"},
		{"HTTPS://example.com.:443/", "https:example.com:443", "https://example.com/", "https://example.com/"},
		{"http://example.com:80", "http:example.com:80", "http://example.com/", "http://example.com/"},
		{"http://example.com:443", "http:example.com:443", "http://example.com:443/", "http://example.com:443/"},
		{"https://яндекс.рф:8443", "https:xn--d1acpjx3f.xn--p1ai:8443", "https://xn--d1acpjx3f.xn--p1ai:8443/", "https://яндекс.рф:8443/"},
		{"http://xn--d1acpjx3f.xn--p1ai", "http:xn--d1acpjx3f.xn--p1ai:80", "http://xn--d1acpjx3f.xn--p1ai/", "http://яндекс.рф/"},
	} {
		h, why := parseHost(tt.in)
		if why != "" {
			t.Errorf("parseHost(%q): %s", tt.in, why)
			continue
		}
		want := []string{tt.id, tt.ascii, tt.unicode}
		if diff := cmp.Diff(want, []string{h.id(), h.asciiURL(), h.unicodeURL()}); diff != "" {
			t.Errorf("parseHost(%q) (-want +got):\n%s", tt.in, diff)
		}
		if back, ok := parseHostID(h.id()); !ok || back != h {
			t.Errorf("the id %s does not come back", h.id())
		}
	}
}

// impossibleURLs are refused with INVALID_URL; the value is part of the
// message.
var impossibleURLs = map[string]string{
	"":                                   "empty",
	" ":                                  "empty",
	"http://":                            "No name",
	"ftp://example.com":                  "http and https",
	"javascript://example.com":           "http and https",
	"http://example.com/page":            "whole site",
	"http://example.com//":               "whole site",
	"http://example.com/?a=b":            "whole site",
	"http://example.com?a=b":             "whole site",
	"http://example.com#x":               "whole site",
	`http://example.com\@evil.com`:       "whole site",
	"http://user@example.com":            "user name",
	"http://user:pass@example.com":       "user name",
	"http://example.com:0":               "port",
	"http://example.com:x":               "port",
	"http://example.com:":                "port",
	"http://example.com:65536":           "port",
	"http://127.0.0.1":                   "IP address",
	"http://127.1":                       "IP address",
	"http://2130706433":                  "IP address",
	"http://0x7f.1":                      "IP address",
	"http://[::1]/":                      "IP address",
	"http://[::1]:80/":                   "IP address",
	"http://①②⑦.⓪.⓪.①/":                  "cannot be the host",
	"http://localhost":                   "one part",
	"http://com":                         "top-level domain",
	"co.uk":                              "suffix",
	"https://github.io/":                 "suffix",
	"http://*.example.com":               "wildcard",
	"http://exa mple.com":                "white space",
	"http://example.com\x00":             "NUL",
	"http://exam\u200bple.com":           "cannot be the host",
	"http://example..com":                "two dots",
	"http://http://example.com":          "whole site",
	"//example.com":                      "whole site",
	"http://%65xample.com":               "cannot be",
	"http:" + strings.Repeat("a", 10000): "too long",
	"http://example.com\xff":             "UTF-8",
}

func TestParseHostRefuses(t *testing.T) {
	for in, want := range impossibleURLs {
		h, why := parseHost(in)
		if why == "" {
			t.Errorf("parseHost(%.60q) = %s, want a refusal", in, h.id())
		} else if !strings.Contains(why, want) {
			t.Errorf("parseHost(%.60q): %q does not say %q", in, why, want)
		}
	}
}

// TestInvalidURL: the refusals on the wire, and nothing reaches the service.
func TestInvalidURL(t *testing.T) {
	for in := range impossibleURLs {
		if strings.Contains(in, "\xff") {
			continue // not JSON
		}
		s, h := world(t, Config{})
		body := fmt.Sprintf(`{"host_url":%q}`, in)
		body = strings.ReplaceAll(body, `\x00`, `\u0000`)
		status, code := errorCode(t, h, request("POST", prefix+"/hosts", body, authHeader))
		if status != http.StatusBadRequest || code != "INVALID_URL" {
			t.Errorf("%.60q: %d %s, want 400 INVALID_URL", in, status, code)
		}
		if len(s.inputs) > 0 {
			t.Errorf("%.60q was stored", in)
		}
	}
}

// TestCreateInput: what the service is asked for.
func TestCreateInput(t *testing.T) {
	s, h := world(t, Config{})
	for _, u := range []string{"example.com", "https://example.com", "https://яндекс.рф:8443/"} {
		if status, code := errorCode(t, h, request("POST", prefix+"/hosts", fmt.Sprintf(`{"host_url":%q}`, u), authHeader)); status != 201 {
			t.Fatalf("%s: %d %s", u, status, code)
		}
	}
	var got []string
	for _, in := range s.inputs {
		got = append(got, fmt.Sprint(in.Scheme, " ", in.Hostname, " ", in.Port, " ", in.Profile))
	}
	want := []string{"http example.com 80 yandex", "https example.com 443 yandex", "https xn--d1acpjx3f.xn--p1ai 8443 yandex"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHostNotFound: an id of no host of the account is a 404 that repeats it,
// cut and cleaned.
func TestHostNotFound(t *testing.T) {
	s, h := world(t, Config{})
	s.add("http", "example.com", 80)
	for in, want := range map[string]string{
		"https:example.com:443":           "https:example.com:443",
		"http:www.example.com:80":         "http:www.example.com:80",
		"HTTP:Пример.РФ:80":               "http:xn--e1afmkfd.xn--p1ai:80",
		"http:example.com:80/../x":        "http:example.com:80/../x",
		"..":                              "..",
		"nonsense":                        "nonsense",
		"<script>alert(1)</script>":       "<script>alert(1)</script>",
		"a\x00b\x1b[31m":                  "a\ufffdb\ufffd[31m",
		"a\u202eb\xff":                    "a\ufffdb\ufffd",
		strings.Repeat("a", 10000):        strings.Repeat("a", maxEcho) + "…",
		"http:example.com:80:verify":      "http:example.com:80:verify",
		strings.Repeat("\u2028", 3) + "x": "x",
	} {
		for _, verb := range []string{"GET", "DELETE"} {
			resp := send(t, h, request(verb, prefix+"/hosts/"+url.PathEscape(in), "", authHeader))
			body := bodyOf(t, resp)
			var b strings.Builder
			enc, err := encode(formatJSON, want)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(enc)
			if resp.StatusCode != 404 || !strings.Contains(body, `"HOST_NOT_FOUND"`) || !strings.Contains(body, `"host_id":`+b.String()) {
				t.Errorf("%s %.40q: %d %s", verb, in, resp.StatusCode, body)
			}
		}
	}
	if len(s.domains) != 1 {
		t.Error("a host was deleted")
	}
}

func TestHostOfDefaultPort(t *testing.T) {
	for scheme, want := range map[string]string{"http": "http:a.example:80", "https": "https:a.example:443"} {
		if got := hostOf(zonehold.Domain{Scheme: scheme, Hostname: "a.example"}).id(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
