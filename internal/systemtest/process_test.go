package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what takes a moment: machines may be
// busy.
const patience = 3 * time.Minute

// environment is that of this process without settings of the program.
func environment(t *testing.T, more ...string) []string {
	t.Helper()
	env := []string{"HOME=" + t.TempDir()}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ZONEHOLD_") && !strings.HasPrefix(kv, "HOME=") && !strings.HasPrefix(kv, "SSL_CERT_") {
			env = append(env, kv)
		}
	}
	return append(env, more...)
}

// listenAddr is an address and port for one server. The addresses are not
// those of client sockets, so a port stays free while its server is down.
func listenAddr(t *testing.T) string {
	t.Helper()
	addr := fmt.Sprintf("127.47.0.%d", 1+listeners.Add(1)%200)
	return fmt.Sprintf("%s:%d", addr, freePort(t, addr))
}

var listeners atomic.Int32

// output collects what a program writes while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// server is one running `zonehold serve`.
type server struct {
	t       *testing.T
	addr    string
	cmd     *exec.Cmd
	started time.Time
	log     output
	exited  chan struct{} // closed when the process has been reaped
}

// serve starts a server that listens on addr. It is killed and reaped at the
// end of the test.
func serve(t *testing.T, addr string, env []string) *server {
	t.Helper()
	s := &server{t: t, addr: addr, exited: make(chan struct{})}
	s.cmd = exec.Command(build(t), "serve", "--listen", addr)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = env, &s.log, &s.log
	s.cmd.SysProcAttr = endsWithTest()
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.exited) }()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server on %s said:\n%s", addr, tail(s.log.String()))
		}
	})
	return s
}

func tail(text string) string {
	if len(text) > 8000 {
		return "…" + text[len(text)-8000:]
	}
	return text
}

func (s *server) url() string { return "http://" + s.addr }

// kill is kill -9, and waits for the end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// terminate is a plain kill; it returns the exit code.
func (s *server) terminate() int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	return s.exit()
}

// exit waits until the server has ended by itself.
func (s *server) exit() int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		s.t.Fatalf("the server does not end; it said:\n%s", tail(s.log.String()))
		return -1
	}
}

// answers waits for status 200 of a path and returns when it came.
func (s *server) answers(path string) time.Time {
	s.t.Helper()
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.exited:
			s.t.Fatalf("the server ended with %d:\n%s", s.cmd.ProcessState.ExitCode(), tail(s.log.String()))
		default:
		}
		status, body, err := fetch(s.url() + path)
		if err == nil && status == http.StatusOK {
			return time.Now()
		}
		last = fmt.Sprint(status, " ", body, " ", err)
	}
	s.t.Fatalf("%s%s does not answer 200 but %s", s.url(), path, last)
	return time.Time{}
}

// ready waits for /readyz.
func (s *server) ready() *server {
	s.t.Helper()
	s.answers("/readyz")
	return s
}

// metric sums the samples of a metric over its labels.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	status, body, err := fetch(s.url() + "/metrics")
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("/metrics: %d, %v", status, err)
	}
	sum := 0.0
	for line := range strings.Lines(body) {
		if series, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if base, _, _ := strings.Cut(series, "{"); base == name {
				var v float64
				if _, err := fmt.Sscan(value, &v); err != nil {
					s.t.Fatalf("%s: %v", line, err)
				}
				sum += v
			}
		}
	}
	return sum
}

var plain = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

func fetch(url string) (status int, body string, err error) {
	resp, err := plain.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// run runs the program to its end.
func run(t *testing.T, env []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, build(t), args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	cmd.SysProcAttr = endsWithTest()
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && (!errors.As(err, &ee) || ctx.Err() != nil) {
		t.Fatalf("zonehold %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRun is run of what has to succeed; it returns the one line printed.
func mustRun(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, errs, exit := run(t, env, args...)
	if exit != 0 {
		t.Fatalf("zonehold %s: exit %d\n%s", strings.Join(args, " "), exit, errs)
	}
	return strings.TrimSuffix(out, "\n")
}

// newToken makes an account with a token, on the database of the environment.
func newToken(t *testing.T, env []string, account string) string {
	t.Helper()
	mustRun(t, env, "account", "create", account)
	return mustRun(t, env, "token", "create", "--account", account)
}
