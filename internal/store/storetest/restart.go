package storetest

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL of its own for one test, which can be stopped and
// started again on the same address.
type Server struct {
	URL string // of a database that is empty at first

	t          testing.TB
	dir        string
	bin        string
	port       int
	credential *syscall.Credential
	cmd        *exec.Cmd
}

// restartable is an address that nobody else listens on, so that a port of it
// stays free while its server is down.
const restartable = "127.48.0.1"

// StartServer starts one. It keeps what it committed, as in production.
func StartServer(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("ZONEHOLD_TEST_POSTGRES") == "off" {
		t.Skip("not run on PostgreSQL: ZONEHOLD_TEST_POSTGRES=off")
	}
	s := &Server{t: t}
	var err error
	if s.bin, err = binaries(); err != nil {
		t.Fatalf("no PostgreSQL to stop and start: %v", err)
	}
	if s.dir, err = os.MkdirTemp("", "zonehold-postgres-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	if s.credential, err = serverUser(s.dir); err != nil {
		t.Fatal(err)
	}
	if out, err := s.command("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "zonehold", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("running initdb: %v\n%s", err, out)
	}
	if s.port, err = freePort(restartable); err != nil {
		t.Fatal(err)
	}
	s.URL = (&url.URL{Scheme: "postgres", User: url.User("zonehold"), Host: net.JoinHostPort(restartable, strconv.Itoa(s.port)),
		Path: "/postgres", RawQuery: "sslmode=disable"}).String()
	t.Cleanup(func() { s.Stop() })
	s.Start()
	return s
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.bin, "LC_ALL=C", "HOME=" + s.dir, "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return cmd
}

// Start starts it and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-h", restartable, "-p", strconv.Itoa(s.port), "-k", s.dir, "-c", "max_connections=100")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting postgres: %v", err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := admin(s.URL, "SELECT 1")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("postgres does not answer: %v", err)
		}
	}
}

// Stop ends every connection and the server, in good order.
func (s *Server) Stop() { s.end(syscall.SIGINT) } // PostgreSQL's fast shutdown

// Crash ends the server at once, as a failure of the machine does: the next
// start recovers from its log.
func (s *Server) Crash() { s.end(syscall.SIGQUIT) } // its immediate shutdown

func (s *Server) end(how syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(how)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Run runs a program of PostgreSQL's, such as pg_dump, and returns what it
// printed.
func (s *Server) Run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("running %s: %v\n%s", name, err, out)
	}
	return string(out)
}

// Admin runs one statement.
func (s *Server) Admin(statement string) {
	s.t.Helper()
	if err := admin(s.URL, statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// Dir is a folder that the server's programs may write into.
func (s *Server) Dir() string { return s.dir }
