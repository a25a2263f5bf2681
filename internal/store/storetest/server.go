package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// startServer starts a PostgreSQL of its own for this process, which ends with
// the process.
func startServer(durable bool) (string, error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "zonehold-postgres-")
	if err != nil {
		return "", err
	}
	credential, err := serverUser(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + bin, "LC_ALL=C", "HOME=" + dir, "TZ=UTC"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
		return cmd
	}
	initdb := run("initdb", "-D", data, "-U", "zonehold", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("running initdb: %w\n%s", err, out)
	}
	port, err := freePort("127.0.0.1") // now: initdb takes time enough for others to get it
	if err != nil {
		return "", err
	}
	args := []string{"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-c", "max_connections=200"}
	if !durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	server := run("postgres", args...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := startWatched(server, dir); err != nil {
		return "", fmt.Errorf("starting postgres: %w", err)
	}
	address := (&url.URL{Scheme: "postgres", User: url.User("zonehold"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/postgres", RawQuery: "sslmode=disable"}).String()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := admin(address, "SELECT 1")
		if err == nil {
			return address, nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(dir, "log"))
			return "", fmt.Errorf("postgres does not answer: %w\n%s", err, text)
		}
	}
}

// startWatched starts the server under a shell that waits for the end of its
// standard input, which this process holds open until it ends, however it
// does; then it stops the server at once and removes the folder.
func startWatched(server *exec.Cmd, dir string) error {
	const script = `dir=$1; shift
"$@" </dev/null &
pid=$!
read -r _
kill -QUIT "$pid"
wait "$pid"
rm -rf "$dir"`
	watched := exec.Command("/bin/sh", append([]string{"-c", script, "sh", dir, server.Path}, server.Args[1:]...)...)
	watched.Dir, watched.Env, watched.SysProcAttr = server.Dir, server.Env, server.SysProcAttr
	watched.Env = append(watched.Env, "PATH=/usr/bin:/bin")
	watched.Stdout, watched.Stderr = server.Stdout, server.Stderr
	lifeline, err := watched.StdinPipe()
	if err != nil {
		return err
	}
	lifelines.Store(lifeline, true)
	return watched.Start()
}

// lifelines keeps the collector from closing the pipes.
var lifelines sync.Map

func binaries() (string, error) {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(pattern)
		for i := len(found) - 1; i >= 0; i-- {
			if _, err := os.Stat(filepath.Join(found[i], "initdb")); err == nil {
				return found[i], nil
			}
		}
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("no initdb, neither in PATH nor in /usr/lib/postgresql")
	}
	if resolved, err := filepath.EvalSymlinks(initdb); err == nil {
		initdb = resolved
	}
	return filepath.Dir(initdb), nil
}

// serverUser picks who runs the server, as PostgreSQL refuses to run as root,
// and gives the folder to them. Nil: the current user.
func serverUser(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("giving the server its folder: %w", err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("running as root, and there is no user postgres or nobody to run the server as")
}

// freePort asks the kernel for a port of an address that is free now.
func freePort(address string) (int, error) {
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
