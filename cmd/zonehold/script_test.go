package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/testnet"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"zonehold": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// The codes that stand in the internet of the scripts.
const (
	scriptCode    = "4qj2ayzi5r7k3wcbx6ndmfteu4shpo2l"
	scriptOldCode = "zzj2ayzi5r7k3wcbx6ndmfteu4shpo2l"
	scriptUIN     = "26aa5cd1e1f4b3c26aa5cd1e1f4b3c26"
	scriptUUID    = "0b5c1bfa-7c5e-4f33-9b43-5b2a6a3d0f11"
)

// TestScript plays the program's commands as a person or a script would, in a
// fake internet on loopback.
func TestScript(t *testing.T) {
	net, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil && runtime.GOOS == "linux" { // which has all of 127.0.0.0/8
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("NOT TESTED: this system has no further loopback addresses: %v", err)
	}
	t.Cleanup(net.Close)
	registries := furnishScripts(net)
	dir := t.TempDir()
	hints, anchors, ca, rdap := filepath.Join(dir, "root.hints"), filepath.Join(dir, "anchors"), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "rdap.json")
	for path, data := range map[string][]byte{
		hints: []byte(net.RootHints()), anchors: []byte(net.TrustAnchors()), ca: net.CA(), rdap: registries.Bootstrap(),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ports := net.Ports()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			state := filepath.Join(env.WorkDir, "state")
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_STATE_HOME", state)
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command waits a second
			env.Setenv("SSL_CERT_FILE", ca)
			env.Setenv("ZONEHOLD_DNS_ROOT_HINTS", hints)
			env.Setenv("ZONEHOLD_DNS_TRUST_ANCHORS", anchors)
			env.Setenv("ZONEHOLD_WHOIS_ROOT", registries.WHOISRoot())
			env.Setenv("ZONEHOLD_RDAP_BOOTSTRAP", rdap)
			env.Setenv("ZONEHOLD_DNS_PORT", strconv.Itoa(int(ports.DNS)))
			env.Setenv("ZONEHOLD_HTTP_PORTS", fmt.Sprintf("%d,%d", ports.HTTP, ports.HTTPS))
			env.Setenv("ZONEHOLD_EGRESS_ALLOW", "127.0.0.0/8")
			// No recursive resolvers: an empty variable would mean the default.
			env.Setenv("ZONEHOLD_DNS_RESOLVERS", net.Resolver().Addr().String())
			env.Setenv("ZONEHOLD_SERVER", "http://127.0.0.1:1")
			env.Setenv("CODE", scriptCode)
			env.Setenv("OLDCODE", scriptOldCode)
			env.Setenv("UIN", scriptUIN)
			env.Setenv("UUID", scriptUUID)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "field": field, "tidy": tidy, "setenv": setenv, "lines": lines,
			"serve": serveInBackground, "dev": devInBackground, "interrupted": interrupted,
		},
	})
}

// furnishScripts makes the domains of the scripts, always in this order, so
// that their addresses stay the same.
func furnishScripts(n *testnet.Network) *testnet.Registries {
	n.SignAll(testnet.SignOptions{})
	p, _ := zonehold.ProfileByName(zonehold.ProfileZonehold)
	home := func(name string) *testnet.Host {
		return n.Host(name).Page("/", 200, "text/html; charset=utf-8", "<!doctype html><html><head><title>"+name+"</title></head><body>Hello</body></html>")
	}
	home("right.example")
	n.Zone("right.example").Add("_zonehold-challenge", "TXT", "token="+scriptCode)
	home("missing.example")
	home("doubled.example")
	n.Zone("doubled.example").Add("_zonehold-challenge.doubled.example", "TXT", "token="+scriptCode)
	n.Zone("old.example").Add("_zonehold-challenge", "TXT", "token="+scriptOldCode)
	home("file.example").Page(p.FilePath(scriptCode), 200, "text/plain", "token="+scriptCode)
	home("uin.example")
	n.Zone("uin.example").Add("@", "TXT", "yandex-verification: "+scriptUIN)
	home("uuid.example")
	n.Zone("uuid.example").Add("@", "TXT", "Probely="+scriptUUID)
	n.Zone("lame.example").Servers()[1].Fault(testnet.FaultRefused)
	for _, s := range n.Zone("silent.example").Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	n.Zone("noweb.example")
	home("xn--80as4b.example")
	n.Zone("alias.example").Add("www", "CNAME", "right.example.").Add("_zonehold-challenge", "CNAME", "right.example.")
	// Keys that nobody vouches for.
	n.Zone("signed.example").Unsign().Add("@", "DNSKEY", "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==")
	n.Zone("shop.co.uk")
	n.Zone("evil.example").Add("_zonehold-challenge", "TXT", "\x1b]0;owned\x07token=\u202enope")
	n.Zone("unsigned.example").Unsign().Add("_zonehold-challenge", "TXT", "token="+scriptCode)
	n.Zone("expired.example").Sign(testnet.SignOptions{Inception: time.Now().AddDate(0, 0, -20), Expiration: time.Now().AddDate(0, 0, -6)}).
		Add("_zonehold-challenge", "TXT", "token="+scriptCode)
	r := n.NewRegistries()
	r.Register(testnet.Registration{Domain: "right.example", Expires: time.Date(2126, 3, 4, 0, 0, 0, 0, time.UTC), Registrant: testnet.Person{Name: "Rita Right", Email: "rita@right.example"},
		Statuses: []string{"client transfer prohibited"}})
	r.Register(testnet.Registration{Domain: "lame.example", Expires: time.Date(2126, 3, 4, 0, 0, 0, 0, time.UTC)})
	r.Register(testnet.Registration{Domain: "unsigned.example", Expires: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Registrant: testnet.Person{Redacted: true}})
	return r
}

// exits runs a command that must end with a code: exits 3 zonehold verify …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ee *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ee) {
		got = ee.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// field compares a member of the one JSON document in a file: field stdout
// error.code usage. Numbers are places of a list, len its length, * any value.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: field FILE PATH VALUE")
	}
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("%s holds no JSON: %v", args[0], err)
	}
	if dec.More() {
		ts.Fatalf("%s holds more than one document", args[0])
	}
	for _, key := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			member, ok := at[key]
			if !ok {
				ts.Fatalf("no %s in %v", key, at)
			}
			v = member
		case []any:
			if key == "len" {
				v = len(at)
				continue
			}
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(at) {
				ts.Fatalf("no %s in a list of %d", key, len(at))
			}
			v = at[i]
		default:
			ts.Fatalf("no %s in %v", key, at)
		}
	}
	if got := fmt.Sprint(v); (got == args[2] || args[2] == "*") == neg {
		ts.Fatalf("%s is %q", args[1], got)
	}
}

// lines compares the number of lines: lines stdout 3.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); got != want {
		ts.Fatalf("%d lines in %s, want %d", got, args[0], want)
	}
}

var tidied = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\b\d+(\.\d+)? ?ms\b`), "N ms"},
	{regexp.MustCompile(`\b\d+ seconds?\b`), "N ms"},
	{regexp.MustCompile(`:\d{4,5}/`), ":PORT/"},
	{regexp.MustCompile(`(\.net):\d{4,5}\b`), "$1:PORT"},
	{regexp.MustCompile(`serial \d+`), "serial N"},
	{regexp.MustCompile(`\b[a-z]{3}_[0-9a-v]{26}\b`), "ID"},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// tidy writes a stream to the file "tidy", without what differs from run to
// run.
func tidy(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, r := range tidied {
		text = r.pattern.ReplaceAllString(text, r.by)
	}
	ts.Check(os.WriteFile(ts.MkAbs("tidy"), []byte(text), 0o600))
}

// setenv keeps a stream, without the line break, in a variable.
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// stream is what a background command writes.
type stream struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// background is a command that runs while the script goes on.
type background struct {
	cmd            *exec.Cmd
	stdout, stderr stream
	ended          chan struct{}
}

func start(ts *testscript.TestScript, name string, args ...string) *background {
	// The script's own search path holds the program.
	path, err := exec.LookPath(name)
	ts.Check(err)
	b := &background{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	b.cmd.Dir = ts.MkAbs(".")
	b.cmd.Stdout, b.cmd.Stderr = &b.stdout, &b.stderr
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME", "SSL_CERT_FILE", "TZ", "GORACE",
		"ZONEHOLD_DNS_ROOT_HINTS", "ZONEHOLD_DNS_TRUST_ANCHORS", "ZONEHOLD_WHOIS_ROOT", "ZONEHOLD_RDAP_BOOTSTRAP", "ZONEHOLD_DNS_PORT", "ZONEHOLD_HTTP_PORTS", "ZONEHOLD_EGRESS_ALLOW", "ZONEHOLD_DNS_RESOLVERS",
		"ZONEHOLD_SERVER", "ZONEHOLD_TOKEN", "ZONEHOLD_CHECKS_PER_MINUTE"} {
		if v := ts.Getenv(key); v != "" {
			b.cmd.Env = append(b.cmd.Env, key+"="+v)
		}
	}
	ts.Check(b.cmd.Start())
	go func() { b.cmd.Wait(); close(b.ended) }()
	ts.Defer(func() {
		b.cmd.Process.Signal(os.Interrupt)
		select {
		case <-b.ended:
		case <-time.After(30 * time.Second):
			b.cmd.Process.Kill()
			ts.Logf("%s had to be killed", name)
		}
	})
	return b
}

// waitFor waits until a stream holds a match and returns the groups.
func (b *background) waitFor(ts *testscript.TestScript, s *stream, pattern string) []string {
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if m := re.FindStringSubmatch(s.String()); m != nil {
			return m
		}
		select {
		case <-b.ended:
			if m := re.FindStringSubmatch(s.String()); m != nil {
				return m
			}
			ts.Fatalf("it ended: %s%s", b.stdout.String(), b.stderr.String())
		default:
		}
	}
	ts.Fatalf("no %q in: %s%s", pattern, b.stdout.String(), b.stderr.String())
	return nil
}

// serveInBackground runs `zonehold serve` on the script's folder.
func serveInBackground(ts *testscript.TestScript, neg bool, args []string) {
	b := start(ts, "zonehold", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	ts.Setenv("ZONEHOLD_SERVER", b.waitFor(ts, &b.stderr, `msg=ready url=(\S+)`)[1])
}

// devInBackground runs `zonehold dev` and enters its internet.
func devInBackground(ts *testscript.TestScript, neg bool, args []string) {
	b := start(ts, "zonehold", append([]string{"dev", "--listen", "127.0.0.1:0", "-q"}, args...)...)
	env := b.waitFor(ts, &b.stdout, `(\S+)\n`)[1]
	for _, line := range strings.Split(ts.ReadFile(env), "\n") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if ok && name != "PATH" {
			ts.Setenv(name, value)
		}
	}
}

// interrupted sends Ctrl-C to a command once its standard error holds a text,
// and wants exit code 130: interrupted TEXT COMMAND...
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	b := start(ts, args[1], args[2:]...)
	b.waitFor(ts, &b.stderr, regexp.QuoteMeta(args[0]))
	ts.Check(b.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-b.ended:
	case <-time.After(30 * time.Second):
		ts.Fatalf("it goes on")
	}
	if code := b.cmd.ProcessState.ExitCode(); code != exitInterrupted {
		ts.Fatalf("exit code %d after an interrupt: %s", code, b.stderr.String())
	}
}
