package probely

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHostnamePattern holds matchHostname against verdicts of the vendor's own
// pattern, as Python's re runs it. A line is + or - and a JSON string.
func TestHostnamePattern(t *testing.T) {
	raw, err := os.ReadFile("testdata/hostnames.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := map[bool]int{}
	for line := range strings.Lines(string(raw)) {
		var s string
		if err := json.Unmarshal([]byte(line[1:]), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := line[0] == '+'
		n[want]++
		if got := matchHostname(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	if n[true] < 400 || n[false] < 400 {
		t.Errorf("only %v verdicts", n)
	}
}

// TestHostnameField: the field as a whole, which folds case and splits the
// port off before the service sees the name.
func TestHostnameField(t *testing.T) {
	for _, tt := range []struct {
		body string
		name string
		port int
		why  string
	}{
		{`{"hostname":"example.com"}`, "example.com", 0, ""},
		{`{"hostname":" EXAMPLE.com "}`, "EXAMPLE.com", 0, ""},
		{`{"hostname":"example.com:8080"}`, "example.com", 8080, ""},
		{`{"hostname":"example.com.:65535"}`, "example.com.", 65535, ""},
		{`{"hostname":"example.com:00080"}`, "example.com", 80, ""},
		{`{"hostname":"1.2.3.4:443"}`, "1.2.3.4", 443, ""},
		{`{"hostname":"[::1]:8443"}`, "[::1]", 8443, ""},
		{`{"hostname":"[::1]"}`, "[::1]", 0, ""},
		{`{"hostname":"localhost"}`, "localhost", 0, ""},
		{`{"hostname":123}`, "123", 0, ""},
		{`{"name":"example.com"}`, "example.com", 0, ""},
		{`{"name":"a.example","hostname":"b.example"}`, "b.example", 0, ""},
		{`{"hostname":"example.com:65536"}`, "", 0, "The port in the host name is not one from 1 to 65535."},
		{`{"hostname":"example.com:00"}`, "", 0, "The port in the host name is not one from 1 to 65535."},
		{`{"hostname":"example.com:8"}`, "", 0, textInvalid},
		{`{"hostname":"example.com:123456"}`, "", 0, textInvalid},
		{`{"hostname":"https://example.com"}`, "", 0, textInvalid},
		{`{"hostname":"*.example.com"}`, "", 0, textInvalid},
		{`{"hostname":"::1"}`, "", 0, textInvalid},
		{`{"hostname":"exam\nple.com"}`, "", 0, textInvalid},
		{`{"hostname":"exam\u0000ple.com"}`, "", 0, textNUL},
		{`{"hostname":""}`, "", 0, textBlank},
		{`{"hostname":null}`, "", 0, textNull},
		{`{"hostname":true}`, "", 0, textString},
		{`{"hostname":{}}`, "", 0, textString},
		{`{}`, "", 0, textRequired},
	} {
		in, err := parse([]byte(tt.body), typeJSON)
		if err != nil {
			t.Fatalf("%s: %v", tt.body, err)
		}
		name, port, ok := in.hostname(true)
		why := strings.Join(in.errs["hostname"], " ")
		if name != tt.name || port != tt.port || why != tt.why || ok != (tt.why == "") {
			t.Errorf("%s: %q, %d, %v, %q", tt.body, name, port, ok, why)
		}
	}
}

func FuzzHostnamePattern(f *testing.F) {
	for _, s := range []string{"example.com", "a_b.example.com.:8080", "[::1]:80", "1.2.3.4", "ä.xn--p1ai.", "\xff.com", "a..b", "-a.b-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !matchHostname(s) {
			return
		}
		name, digits := cutPort(s)
		if !matchHostname(name) || digits != "" && name+":"+digits != s || digits == "" && name != s {
			t.Fatalf("%q is %q and port %q", s, name, digits)
		}
		if strings.ContainsAny(s, " /@*\\\"'<>?#%\n\r\t\x00") || strings.Contains(s, "..") && !strings.HasPrefix(s, "[") || s == "" {
			t.Fatalf("%q is accepted", s)
		}
		for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
			if strings.HasPrefix(name, "[") {
				break
			}
			if n := utf8.RuneCountInString(label); n < 1 || n > 63 || label[0] == '-' || label[len(label)-1] == '-' {
				t.Fatalf("%q is accepted, with the label %q", s, label)
			}
		}
	})
}
