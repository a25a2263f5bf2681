package webmaster

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
)

var goodBodies = map[format][]string{
	formatJSON: {
		`{"host_url":"http://example.com"}`,
		`{"host_url":"http:\/\/example.com"}` + "\n",
		` {"verification_type":"META_TAG","host_url":"http://example.com","x":[{"y":null}]} `,
		`{"host_url":"http:\u002f\u002fexample.com"}`,
	},
	formatXML: {
		`<Data><host_url>http://example.com</host_url></Data>`,
		`<?xml version="1.0" encoding="utf-8"?>` + "\n<Data>\n  <host_url>http://example.com</host_url>\n</Data>\n",
		`<Data xmlns="urn:x"><other><host_url>no</host_url></other><host_url a="b">http&#58;//example&#46;com</host_url></Data>`,
		`<Data><!-- a comment --><host_url><![CDATA[http://example.com]]></host_url></Data>`,
	},
}

var badBodies = map[format][]string{
	formatJSON: {
		"", "  ", "null", "[]", "1", `"host_url"`, "{", "{}", `{"host_url"}`, `{"host_url":null}`, `{"host_url":1}`, `{"host_url":true}`,
		`{"host_url":["http://example.com"]}`, `{"host_url":{}}`, `{"HOST_URL":"http://example.com"}`,
		`{"host_url":"http://example.com"}}`, `{"host_url":"http://example.com"} {}`, `{"host_url":"http://example.com",}`,
		"{\"host_url\":\"http://example.com\xff\"}", "\xef\xbb\xbf{\"host_url\":\"http://example.com\"}",
		"{\"host_url\":\"http://example.com\x00\"}",
		`<Data><host_url>http://example.com</host_url></Data>`,
		strings.Repeat("[", 60000), strings.Repeat(`{"a":`, 12000), `{"host_url":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
	},
	formatXML: {
		"", "text", "<Data>", "<Data/>", "<Data></Data>", "<data><host_url>http://example.com</host_url></data>",
		"<host_url>http://example.com</host_url>", "<Data><host_url/></Data><Data><host_url>x</host_url></Data>",
		"<Data><host_url>a</host_url><host_url>b</host_url></Data>", "<Data><host_url><b>http://example.com</b></host_url></Data>",
		"<Data><host_url>http://example.com</host_url></Data>tail", "<Data><host_url>http://example.com</host></Data>",
		"<Data><x><host_url>http://example.com</host_url></x></Data>",
		`<!DOCTYPE Data><Data><host_url>http://example.com</host_url></Data>`,
		`<!DOCTYPE Data [<!ENTITY h SYSTEM "file:///etc/passwd">]><Data><host_url>&h;</host_url></Data>`,
		`<!DOCTYPE Data [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Data><host_url>&b;&b;&b;</host_url></Data>`,
		`<Data><host_url>&undefined;</host_url></Data>`, `<Data><host_url>&#0;</host_url></Data>`,
		`<?xml version="1.0" encoding="utf-16"?><Data><host_url>http://example.com</host_url></Data>`,
		"<Data><host_url>http://example.com\xff</host_url></Data>", "<Data><host_url>http://example.com\x00</host_url></Data>",
		`{"host_url":"http://example.com"}`,
		strings.Repeat("<Data>", 10000), strings.Repeat("<Data>", 4000) + strings.Repeat("</Data>", 4000),
		"<Data " + strings.Repeat("a='b' ", 9000),
	},
}

// TestBodies: what an add request may look like, and what it may not. Nothing
// that is refused reaches the service.
func TestBodies(t *testing.T) {
	for f, bodies := range goodBodies {
		for _, body := range bodies {
			s, h := world(t, Config{})
			status, code := errorCode(t, h, request("POST", prefix+"/hosts", body, authHeader, "Content-Type: "+acceptableTypes[f]))
			if status != http.StatusCreated || len(s.inputs) != 1 || s.inputs[0].Hostname != "example.com" {
				t.Errorf("%.80q: %d %s, asked for %v", body, status, code, s.inputs)
			}
		}
	}
	for f, bodies := range badBodies {
		for _, body := range bodies {
			s, h := world(t, Config{})
			status, code := errorCode(t, h, request("POST", prefix+"/hosts", body, authHeader, "Content-Type: "+acceptableTypes[f]))
			if status != http.StatusBadRequest || code != "ENTITY_VALIDATION_ERROR" {
				t.Errorf("%s %.80q: %d %s, want 400 ENTITY_VALIDATION_ERROR", acceptableTypes[f], body, status, code)
			}
			if len(s.inputs) > 0 {
				t.Errorf("%.80q was stored", body)
			}
		}
	}
}

func TestBodyLimit(t *testing.T) {
	_, h := world(t, Config{})
	pad := func(n int) string {
		const body = `{"host_url":"http://example.com"}`
		return body + strings.Repeat(" ", n-len(body))
	}
	if status, code := errorCode(t, h, request("POST", prefix+"/hosts", pad(maxBody), authHeader)); status != 201 {
		t.Errorf("a body of %d bytes: %d %s", maxBody, status, code)
	}
	if status, code := errorCode(t, h, request("POST", prefix+"/hosts", pad(maxBody+1), authHeader)); status != 413 || code != "REQUEST_ENTITY_TOO_LARGE" {
		t.Errorf("a byte more: %d %s", status, code)
	}
	// Without a Content-Length.
	r := httptest.NewRequest(http.MethodPost, prefix+"/hosts", io.NopCloser(strings.NewReader(pad(maxBody+1))))
	r.ContentLength = -1
	r.Header.Set("Authorization", "OAuth "+tokenAll)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("without a length: %d %s", w.Code, w.Body)
	}
	// A body that ends too soon.
	if status, code := errorCode(t, h, request("POST", prefix+"/hosts", "{", authHeader, "Content-Length: 100")); status != 400 || code != "ENTITY_VALIDATION_ERROR" {
		t.Errorf("cut off: %d %s", status, code)
	}
}

func TestContentEncoding(t *testing.T) {
	for _, tt := range []struct {
		encoding string
		want     int
	}{{"gzip", 415}, {"br", 415}, {"identity", 201}, {"Identity", 201}, {"", 201}, {"identity, gzip", 415}, {"x", 415}} {
		_, h := world(t, Config{})
		status, code := errorCode(t, h, request("POST", prefix+"/hosts", `{"host_url":"http://example.com"}`, authHeader, "Content-Encoding: "+tt.encoding))
		if status != tt.want || status == 415 && code != "CONTENT_ENCODING_UNSUPPORTED" {
			t.Errorf("%q: %d %s, want %d", tt.encoding, status, code, tt.want)
		}
	}
}

// TestVerifyIgnoresBody holds rule 7.
func TestVerifyIgnoresBody(t *testing.T) {
	for _, body := range []string{"", "[]", "null", `{"host_id":"x"}`, "<", "\xff\x00", strings.Repeat("x", maxBody+1), `{"verification_type":"NO"}`} {
		for _, header := range []string{"X-None: 1", "Content-Type: text/plain", "Content-Type: ;;", "Content-Encoding: gzip"} {
			s, h := world(t, Config{})
			d := s.add("http", "example.com", 80)
			status, code := errorCode(t, h, request("POST", onHost+"/verification?verification_type=HTML_FILE", body, authHeader, header))
			if status != 200 || d.Running == nil || d.Running.Method != zonehold.MethodFile {
				t.Errorf("body %.20q, %s: %d %s", body, header, status, code)
			}
		}
	}
}
