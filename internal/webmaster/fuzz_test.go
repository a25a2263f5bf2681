package webmaster

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zonehold/zonehold/internal/app"
)

func FuzzParseHostID(f *testing.F) {
	for _, s := range []string{"http:ya.ru:80", "https:яндекс.рф:443", "http:[::1]:80", "http:ya.ru:080", ":::", "http:a\x00.ru:80", "HTTP:A.b:65535"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parseHostID(s)
		if !ok {
			return
		}
		// An id that is understood has one canonical form, which is stable.
		again, ok := parseHostID(h.id())
		if !ok || again != h {
			t.Fatalf("%q became %q, which became %+v", s, h.id(), again)
		}
		if h.port == 0 || h.scheme != "http" && h.scheme != "https" {
			t.Fatalf("%q: %+v", s, h)
		}
	})
}

func FuzzParseHost(f *testing.F) {
	for s := range impossibleURLs {
		f.Add(s)
	}
	f.Add("https://example.com:8443/")
	f.Add("яндекс.рф")
	f.Fuzz(func(t *testing.T, s string) {
		h, why := parseHost(s)
		if why != "" {
			if line := app.OneLine(why, maxMessage); !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x00") {
				t.Fatalf("%q is refused with %q", s, line)
			}
			return
		}
		for _, form := range []string{h.asciiURL(), h.unicodeURL(), strings.TrimSuffix(h.asciiURL(), "/")} {
			if again, why := parseHost(form); why != "" || again != h {
				t.Fatalf("%q became %q, which is %+v, %s", s, form, again, why)
			}
		}
		u, err := url.Parse(h.asciiURL())
		if err != nil || u.Hostname() != string(h.name) || u.User != nil || u.Path != "/" {
			t.Fatalf("%q became %q: %v", s, h.asciiURL(), err)
		}
	})
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", "application/xml;q=0.9, */*;q=0.1", `a/b;x="\",";q=1`, "*; q=.2", ";;,,", "application/json;q=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := negotiate([]string{s})
		if got != formatJSON && got != formatXML {
			t.Fatalf("%q: format %d", s, got)
		}
		// A range that weighs nothing changes nothing, unless a bound is hit.
		if again, okAgain := negotiate([]string{s, "text/plain;q=0.001"}); ok && len(s) < maxAcceptBytes/2 &&
			strings.Count(s, ",") < maxAcceptRanges/2 && strings.Count(s, `"`) == 0 && strings.Trim(s, " \t,") != "" && (again != got || !okAgain) {
			t.Fatalf("%q: %d, %v; with another range %d, %v", s, got, ok, again, okAgain)
		}
	})
}

func FuzzJSONBody(f *testing.F) {
	for _, s := range append(goodBodies[formatJSON], badBodies[formatJSON]...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseField(b, formatJSON, "host_url")
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if !utf8.ValidString(s) || !json.Valid(b) {
			t.Fatalf("%q gave %q", b, s)
		}
	})
}

func FuzzXMLBody(f *testing.F) {
	for _, s := range append(goodBodies[formatXML], badBodies[formatXML]...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseField(b, formatXML, "host_url")
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(s) > len(b) || !utf8.ValidString(s) {
			t.Fatalf("%q gave %q", b, s)
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	e, known := asAPIError(err)
	if !known || e.status != http.StatusBadRequest {
		t.Fatalf("not the client's fault: %v", err)
	}
}

// FuzzRequest: any path, query, Accept and body get an answer in the shape of
// the dialect, never a redirect and never a 500.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v4/user", "", "*/*", "")
	f.Add("POST", "/v4/user/4242/hosts", "", "application/xml", `{"host_url":"example.com"}`)
	f.Add("POST", onHost+"/verification/", "verification_type=DNS&oauth_token=x", "", "[]")
	f.Add("GET", "/v3/user/4242/hosts/http%3A\xd1\x8f.\xff:80/owners", "%zz;", "a/b", "\x00")
	f.Fuzz(func(t *testing.T, verb, path, query, accept, body string) {
		s, h := world(t, Config{})
		s.add("http", "example.com", 80)
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method = verb
		r.URL = &url.URL{Path: path, RawQuery: query}
		if p, err := url.PathUnescape(path); err == nil {
			r.URL.Path, r.URL.RawPath = p, path
		}
		r.Header.Set("Accept", accept)
		r.Header.Set("Authorization", "OAuth "+tokenAll)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code/100 == 3 || w.Code >= 500 {
			t.Fatalf("%s %q: %d %s", verb, path, w.Code, w.Body)
		}
		switch w.Header().Get("Content-Type") {
		case typeJSON + ";charset=UTF-8":
			if !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) {
				t.Fatalf("%s %q: not JSON: %q", verb, path, w.Body)
			}
		case typeXML + ";charset=UTF-8":
			if err := xml.Unmarshal(w.Body.Bytes(), new(struct{})); err != nil {
				t.Fatalf("%s %q: not XML: %v: %q", verb, path, err, w.Body)
			}
		default:
			if w.Code != http.StatusNoContent {
				t.Fatalf("%s %q: %d %q", verb, path, w.Code, w.Header())
			}
		}
	})
}
