package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
)

// privateInternet is the fake internet of systems that do not give out further
// loopback addresses.
func privateInternet(t testing.TB) *devInternet {
	t.Helper()
	n, err := openPrivateInternet()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// The tour works also where other processes cannot reach the fake internet.
func TestTourInPrivate(t *testing.T) {
	internet := privateInternet(t)
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"listen": "127.0.0.1:0", "data_dir": t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	reached, err := internet.outside(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := &cli{stdout: &out, stderr: &out, env: func(string) string { return "" }}
	s, err := startServer(t.Context(), cfg, reached, telemetry.NewLogger(&bytes.Buffer{}, cfg.LogLevel, cfg.LogFormat), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	dir := t.TempDir()
	if err := c.play(context.Background(), s, internet, dir, false); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"The record is one level too deep", "is verified by dns-txt", "zonehold domain add tea.example", filepath.Join(dir, "env")} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, refuse := range []string{"zonehold verify", "dig @"} {
		if strings.Contains(text, refuse) {
			t.Errorf("%q is offered, and cannot work", refuse)
		}
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(env), "ZONEHOLD_TOKEN=") || strings.Contains(string(env), "ROOT_HINTS") {
		t.Errorf("the file for the shell:\n%s", env)
	}
}

// What the visitor is told to try can be pasted line by line.
func TestInvitationCanBePasted(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	internet := privateInternet(t)
	internet.shared = true
	var out bytes.Buffer
	c := &cli{stdout: &out, stderr: &out, env: func(string) string { return "" }}
	c.invite(internet, "http://127.0.0.1:1", "/tmp/it's here/env", 7)
	n := 0
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, `\ `) || strings.HasSuffix(line, `\`) || strings.HasPrefix(line, "-") {
			t.Errorf("a command of several lines: %s", line)
		}
		if !strings.HasPrefix(line, "zonehold ") {
			continue
		}
		n++
		words, err := exec.Command(sh, "-c", "zonehold() { printf '%s\\n' \"$@\"; }\n"+line).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, words)
			continue
		}
		cmd, rest, err := (&cli{}).rootCommand().Find(strings.Split(strings.TrimSuffix(string(words), "\n"), "\n"))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n < 10 {
		t.Errorf("only %d commands in\n%s", n, out.String())
	}
}

// A shell understands the file, whatever the folder is called.
func TestEnvFile(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	dir := filepath.Join(t.TempDir(), `it's $HOME; a "folder"`)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	internet := privateInternet(t)
	internet.shared = true
	path, err := internet.writeEnv(dir, "http://127.0.0.1:1", "zhp_x")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(sh, "-c", ". "+shellQuote(path)+`; printf '%s\n' "$ZONEHOLD_TOKEN" "$SSL_CERT_FILE" "$XDG_STATE_HOME"`).CombinedOutput()
	want := fmt.Sprintf("zhp_x\n%s\n%s\n", filepath.Join(dir, "ca.pem"), filepath.Join(dir, "state"))
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, string(out)))
	}
}

func TestRecordName(t *testing.T) {
	label := strings.Repeat("a", zonehold.MaxLabel)
	for in, want := range map[string]string{
		"Tea.Example.":                          "tea.example",
		"_zonehold-challenge.tea.example":       "_zonehold-challenge.tea.example",
		"_X._y.чай.example":                     "_x._y.xn--80as4b.example",
		"чай.чай.example":                       "xn--80as4b.xn--80as4b.example",
		"*.tea.example":                         "*.tea.example",
		`\@.tea.example`:                        `\@.tea.example`,
		label + ".tea.example":                  label + ".tea.example",
		label + "a.tea.example":                 "",
		"a..tea.example":                        "",
		"..":                                    "",
		"":                                      "",
		"com":                                   "",
		"a.127.0.0.1":                           "",
		strings.Repeat("a.", 130) + "b.example": "",
	} {
		got, err := recordName(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

// post sends one body to the panel and returns the status.
func post(t testing.TB, panel http.Handler, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	panel.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestPanelRefuses(t *testing.T) {
	panel := newPanel(privateInternet(t)).handler()
	long := strings.Repeat("a.", 119) + "tea.example"
	for _, body := range []string{
		"", "null", "[]", `{"name":1}`, `{"nonsense":1}`, "{" + strings.Repeat(" ", 2<<20) + "}",
		`{"name":"tea.example","type":"A","values":[]}`,
		`{"name":"tea.example","type":"A","values":["x"]}`,
		`{"name":"tea.example","type":"SOA","values":["x"]}`,
		`{"name":"tea.example","type":"TYPE2","values":["\\# 1 00"]}`,
		`{"name":"tea.example","type":"NS","values":["a..b."]}`,
		`{"name":"tea.example","type":"MX","values":["x y z"]}`,
		`{"name":"\u0000.tea.example","type":"A","values":["\u0000"]}`,
		`{"name":"tea.example","type":"TXT","values":["x"],"server":"nobody"}`,
		`{"name":"\\.tea.example","type":"TXT","values":["x"]}`,
		`{"name":"co.uk","type":"TXT","values":["x"]}`,
	} {
		if code, _ := post(t, panel, "/dev/records", body); code != 400 && code != 422 {
			t.Errorf("adding %.80s: status %d", body, code)
		}
	}
	for _, body := range []string{
		`{"name":"tea.example","type":""}`, `{"name":"tea.example","type":"ANY"}`, `{"name":"","type":"A"}`,
	} {
		if code, _ := post(t, panel, "/dev/records/remove", body); code != 422 {
			t.Errorf("removing %.80s: status %d", body, code)
		}
	}
	for _, body := range []string{
		`{"host":""}`, `{"host":"127.0.0.1","path":"/"}`, `{"host":"co.uk","path":"/"}`, `{"host":"tea.example","path":"x"}`,
		`{"host":"tea.example","path":"/","status":1}`, `{"host":"a.a.` + long + `","path":"/"}`,
	} {
		if code, _ := post(t, panel, "/dev/pages", body); code != 422 {
			t.Errorf("page %.80s: status %d", body, code)
		}
	}
	if code, _ := post(t, panel, "/dev/pages", `{"host":"`+long+`","path":"/"}`); code != 200 {
		t.Errorf("a long name: status %d", code)
	}
	r := httptest.NewRequest("POST", "/dev/records", strings.NewReader(`{"name":"tea.example","type":"TXT","values":["x"]}`))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if panel.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a page of another site may add records: status %d", w.Code)
	}
}

// The fake internet is bounded.
func TestPanelIsBounded(t *testing.T) {
	n := privateInternet(t)
	panel := newPanel(n).handler()
	refused := 0
	for i := range maxPanelZones + 5 {
		code, _ := post(t, panel, "/dev/records", fmt.Sprintf(`{"name":"n%d.example","type":"TXT","values":["x"]}`, i))
		if code == 422 {
			refused++
		}
	}
	if got := len(n.Zones()); got > maxPanelZones || refused < 5 {
		t.Errorf("%d zones, %d refused", got, refused)
	}
	if code, _ := post(t, panel, "/dev/records", `{"name":"n0.example","type":"TXT","values":["y"]}`); code != 200 {
		t.Errorf("a zone that exists: status %d", code)
	}
}

// FuzzPanel: no record or page panics, and the lists stay readable.
func FuzzPanel(f *testing.F) {
	f.Add("_x.tea.example", "TXT", "v", "/")
	f.Add("чай.example", "A", "127.0.0.1", "")
	f.Add(`a\.b.tea.example`, "CNAME", "x.", "//")
	f.Add("*.tea.example", "NS", "a..b", "/%zz")
	f.Add("tea.example", "NS", "tea.example.", "/x")
	n := privateInternet(f)
	panel := newPanel(n).handler()
	f.Fuzz(func(t *testing.T, name, rtype, value, path string) {
		body := func(v any) string {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		record := devRecord{Name: name, Type: rtype, Values: []string{value}}
		for path, b := range map[string]string{
			"/dev/records": body(record), "/dev/pages": body(devPage{Host: name, Path: path, Body: value}), "/dev/records/remove": body(record),
		} {
			if code, text := post(t, panel, path, b); code != 200 && code != 422 {
				t.Fatalf("%s %s: status %d %s", path, b, code, text)
			}
		}
		w := httptest.NewRecorder()
		panel.ServeHTTP(w, httptest.NewRequest("GET", "/dev/records", nil))
		if w.Code != 200 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("list: status %d", w.Code)
		}
	})
}
