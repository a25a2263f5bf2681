package probely

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body string
		want             map[string]any
		status           int // of the refusal; 0: none
	}{
		{"nothing", "", "", map[string]any{}, 0},
		{"nothing of a type", "text/plain", "", map[string]any{}, 0},
		{"white space", typeJSON, " \n", map[string]any{}, 0},
		{"object", typeJSON, `{"a":"b","n":1.50,"x":null}`, map[string]any{"a": "b", "n": json.Number("1.50"), "x": nil}, 0},
		{"no type", "", `{"a":true}`, map[string]any{"a": true}, 0},
		{"charset", "application/json; charset=UTF-8", `{}`, map[string]any{}, 0},
		{"other JSON", "application/vnd.api+json", `{}`, map[string]any{}, 0},
		{"the last counts", typeJSON, `{"a":1,"a":"b"}`, map[string]any{"a": "b"}, 0},
		{"case", typeJSON, `{"A":"b"}`, map[string]any{"A": "b"}, 0},
		{"form", typeForm, "a=b+c&d=%C3%A4&a=e&f", map[string]any{"a": "e", "d": "ä", "f": ""}, 0},
		{"form with charset", typeForm + "; charset=utf-8", "a=1", map[string]any{"a": "1"}, 0},
		{"two documents", typeJSON, `{} {}`, nil, 400},
		{"cut", typeJSON, `{"a":`, nil, 400},
		{"deep", typeJSON, strings.Repeat("[", 20000), nil, 400},
		{"list", typeJSON, `[]`, nil, 400},
		{"number", typeJSON, `1`, nil, 400},
		{"null", typeJSON, `null`, nil, 400},
		{"no UTF-8", typeJSON, "{\"a\":\"\xff\"}", nil, 400},
		{"a form called JSON", typeJSON, `a=b`, nil, 400},
		{"bad escape", typeForm, "a=%zz", nil, 400},
		{"semicolon", typeForm, "a=b;c=d", nil, 400},
		{"charset of old", "application/json; charset=iso-8859-1", `{}`, nil, 415},
		{"XML", "application/xml", `<a/>`, nil, 415},
		{"multipart", "multipart/form-data; boundary=x", "--x--", nil, 415},
		{"no type at all", "???", "a", nil, 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := parse([]byte(tt.body), tt.kind)
			if tt.status != 0 {
				e, known := asAPIError(err)
				if err == nil || !known || e.status != tt.status {
					t.Fatalf("%v, want status %d", err, tt.status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, in.values); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFields(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		field      string
		want       any // nil: not given or wrong
		why        string
	}{
		{typeJSON, `{"port":80}`, "port", 80, ""},
		{typeJSON, `{"port":"8080"}`, "port", 8080, ""},
		{typeJSON, `{"port":80.0}`, "port", 80, ""},
		{typeJSON, `{"port":null}`, "port", 0, ""},
		{typeJSON, `{}`, "port", nil, ""},
		{typeForm, `port=`, "port", 0, ""},
		{typeForm, `port=443`, "port", 443, ""},
		{typeJSON, `{"port":""}`, "port", nil, textInteger},
		{typeJSON, `{"port":80.5}`, "port", nil, textInteger},
		{typeJSON, `{"port":true}`, "port", nil, textInteger},
		{typeJSON, `{"port":[80]}`, "port", nil, textInteger},
		{typeJSON, `{"port":1e400}`, "port", nil, textInteger},
		{typeJSON, `{"port":0}`, "port", nil, "Ensure this value is greater than or equal to 1."},
		{typeJSON, `{"port":-1}`, "port", nil, "Ensure this value is greater than or equal to 1."},
		{typeJSON, `{"port":-99999999999999999999999}`, "port", nil, "Ensure this value is greater than or equal to 1."},
		{typeJSON, `{"port":65536}`, "port", nil, "Ensure this value is less than or equal to 65535."},
		{typeJSON, `{"port":99999999999999999999999}`, "port", nil, "Ensure this value is less than or equal to 65535."},

		{typeJSON, `{"basic_auth_username":" me "}`, "username", "me", ""},
		{typeJSON, `{"basic_auth_username":null}`, "username", "", ""},
		{typeJSON, `{"basic_auth_username":7}`, "username", "7", ""},
		{typeJSON, `{}`, "username", nil, ""},
		{typeJSON, `{"basic_auth_username":false}`, "username", nil, textString},
		{typeJSON, `{"basic_auth_username":"` + strings.Repeat("x", 256) + `"}`, "username", nil, "Ensure this field has no more than 255 characters."},
		{typeForm, "basic_auth_username=%ff", "username", nil, textString},
		{typeJSON, `{"basic_auth_password":" secret "}`, "password", " secret ", ""},
		{typeJSON, `{"basic_auth_password":"********"}`, "password", nil, ""},
		{typeJSON, `{"basic_auth_password":""}`, "password", "", ""},

		{typeJSON, `{"discovery_enabled":false}`, "discovery", false, ""},
		{typeForm, `discovery_enabled=on`, "discovery", true, ""},
		{typeJSON, `{"discovery_enabled":0}`, "discovery", false, ""},
		{typeJSON, `{"discovery_enabled":null}`, "discovery", nil, textNull},
		{typeJSON, `{"discovery_enabled":"perhaps"}`, "discovery", nil, textBoolean},
		{typeJSON, `{"discovery_enabled":{}}`, "discovery", nil, textBoolean},
	} {
		in, err := parse([]byte(tt.body), tt.kind)
		if err != nil {
			t.Fatalf("%s: %v", tt.body, err)
		}
		s := in.settings(false)
		var got any
		switch {
		case tt.field == "port" && s.port != nil:
			got = *s.port
		case tt.field == "username" && s.username != nil:
			got = *s.username
		case tt.field == "password" && s.password != nil:
			got = *s.password
		case tt.field == "discovery" && s.discovery != nil:
			got = *s.discovery
		}
		var why []string
		for _, texts := range in.errs {
			why = append(why, texts...)
		}
		if got != tt.want || strings.Join(why, " ") != tt.why {
			t.Errorf("%.80s: %v, %q; want %v, %q", tt.body, got, why, tt.want, tt.why)
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"hostname":"example.com:80","port":"80"}`, `{"type":"dns"}`, "hostname=a.b&port=%31", `[]`, `{"port":1e9}`, "\xff", `{"basic_auth_password":null,"discovery_enabled":"t"}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, form bool) {
		kind := typeJSON
		if form {
			kind = typeForm
		}
		in, err := parse(b, kind)
		if err != nil {
			if e, known := asAPIError(err); !known || e.status != 400 {
				t.Fatalf("not the client's fault: %v", err)
			}
			return
		}
		s := in.settings(true)
		m, _ := in.method()
		if s.port != nil && (*s.port < 0 || *s.port > 65535) || s.hostname != "" && !matchHostname(strings.ToLower(s.hostname)) || m != "" && !m.Valid() {
			t.Fatalf("%q gave %+v, %q", b, s, m)
		}
		for _, text := range []*string{&s.hostname, s.username, s.password} {
			if text != nil && (!utf8.ValidString(*text) || strings.ContainsRune(*text, 0)) {
				t.Fatalf("%q gave %q", b, *text)
			}
		}
		if len(in.errs) > 0 {
			if out, err := json.Marshal(in.errs); err != nil || !utf8.Valid(out) {
				t.Fatalf("%q: %s, %v", b, out, err)
			}
		}
	})
}
