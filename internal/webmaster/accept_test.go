package webmaster

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const none = "406"
	for _, tt := range []struct {
		accept []string
		want   string
	}{
		{nil, typeJSON},
		{[]string{""}, typeJSON},
		{[]string{" , ,"}, typeJSON},
		{[]string{"*/*"}, typeJSON},
		{[]string{"application/json"}, typeJSON},
		{[]string{"APPLICATION/JSON"}, typeJSON},
		{[]string{"application/json; charset=utf-8"}, typeJSON},
		{[]string{`application/json;x="a,b;q=0";q=0.3`}, typeJSON},
		{[]string{"application/*"}, typeJSON},
		{[]string{"application/xml"}, typeXML},
		{[]string{"application/xml", "application/json;q=0.9"}, typeXML},
		{[]string{"application/xml,application/json"}, typeJSON},
		{[]string{"application/json;q=0.5, application/xml;q=0.501"}, typeXML},
		{[]string{"application/xml, */*;q=0.8"}, typeXML},
		{[]string{"application/xml;q=0.8, */*"}, typeJSON},
		{[]string{"application/json;q=0, */*"}, typeXML},
		{[]string{"application/json;q=0, application/*"}, typeXML},
		{[]string{"*/*;q=0, application/json"}, typeJSON},
		{[]string{"application/json;q=1.000"}, typeJSON},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, typeXML},
		{[]string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, typeJSON}, // Java
		{[]string{"application/json, text/plain, */*"}, typeJSON},                    // axios
		{[]string{"text/html"}, none},
		{[]string{"text/xml"}, none},
		{[]string{"text/*"}, none},
		{[]string{"application/vnd.api+json"}, none},
		{[]string{"application/json;q=0"}, none},
		{[]string{"*/*;q=0"}, none},
		{[]string{"*/*;q=0.000"}, none},
		{[]string{"json"}, none},
		{[]string{"*/json"}, none},
		{[]string{"application/json;q=2"}, none},
		{[]string{"application/json;q=1.001"}, none},
		{[]string{"application/json;q=0.1234"}, none},
		{[]string{"application/json;q=-1"}, none},
		{[]string{"application/json;q="}, none},
		{[]string{"application/json;q"}, none},
		{[]string{"application/json;q=."}, none},
		{[]string{"application /json"}, none},
		{[]string{`application/json;x="a`}, none},
		{[]string{"application/json\x00"}, none},
		{[]string{"\xff/\xfe"}, none},
		{[]string{strings.Repeat("a/b,", 70) + "*/*"}, none},
		{[]string{strings.Repeat("x", 5000) + "/y, */*"}, none},
	} {
		f, ok := negotiate(tt.accept)
		got := none
		if ok {
			got = acceptableTypes[f]
		}
		if got != tt.want {
			t.Errorf("negotiate(%.80q) = %s, want %s", tt.accept, got, tt.want)
		}
	}
}

// TestNotAcceptable: the 406 is JSON, whatever was asked for, and comes with
// the types that would do.
func TestNotAcceptable(t *testing.T) {
	_, h := world(t, Config{})
	resp := send(t, h, request("GET", "/v4/user", "", authHeader, "Accept: text/html"))
	const want = `{"error_code":"CONTENT_TYPE_UNSUPPORTED","error_message":"The reply can be JSON or XML, and the Accept header wants neither.","acceptable_types":["application/json","application/xml"]}`
	if body := bodyOf(t, resp); resp.StatusCode != 406 || body != want || resp.Header.Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestContentFormat(t *testing.T) {
	const none = "406"
	for in, want := range map[string]string{
		"":                                     typeJSON,
		"application/json":                     typeJSON,
		"application/json; charset=UTF-8":      typeJSON,
		`Application/JSON;charset="utf-8"`:     typeJSON,
		"application/xml":                      typeXML,
		"application/xml;charset=utf-8":        typeXML,
		"application/json; charset=utf-16":     none,
		"application/json; charset=iso-8859-1": none,
		"text/plain":                           none,
		"text/xml":                             none,
		"application/x-www-form-urlencoded":    none,
		"multipart/form-data; boundary=x":      none,
		"json":                                 none,
		"application/json; charset":            none,
		"application/json, application/xml":    none,
		"application/json;" + strings.Repeat("a", 10000) + "=b": none,
	} {
		f, ok := contentFormat(in)
		got := none
		if ok {
			got = acceptableTypes[f]
		}
		if got != want {
			t.Errorf("contentFormat(%.60q) = %s, want %s", in, got, want)
		}
	}
}
