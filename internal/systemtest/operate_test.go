package systemtest

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store/storetest"
)

// TestOperate walks through what an operator does beside a running server, and
// stops it in good order.
func TestOperate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	env := environment(t, "ZONEHOLD_DATA_DIR="+dir)
	srv := serve(t, listenAddr(t), env).ready()

	healthy := func(want int, url string) {
		t.Helper()
		out, errs, exit := run(t, env, "healthcheck", "--server", url)
		if exit != want || (want == 0) != (out == "ready\n") || (want == 0) != (errs == "") {
			t.Errorf("healthcheck of %s: exit %d, %q, %q; want exit %d", url, exit, out, errs, want)
		}
	}
	healthy(0, srv.url())
	healthy(10, "http://"+listenAddr(t))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, errs, exit := run(t, env, "healthcheck", "--timeout", "1s", "--server", "http://"+silent.Addr().String()); exit != 10 {
		t.Errorf("healthcheck of a silent server: exit %d, %q", exit, errs)
	}

	// Accounts and tokens beside the server, which sees them at once.
	id := mustRun(t, env, "account", "create", "acme", "--email", "it@acme.example")
	if !strings.HasPrefix(id, "acc_") || strings.ContainsAny(id, " \n") {
		t.Errorf("account create prints %q", id)
	}
	if list := mustRun(t, env, "account", "list"); !strings.Contains(list, id) {
		t.Errorf("account list: %q", list)
	}
	token := mustRun(t, env, "token", "create", "--account", "acme")
	if w := newWebmaster(t, srv.url(), token); w.user == "" {
		t.Error("no user")
	}
	tokenID := strings.Fields(mustRun(t, env, "token", "list", "--account", id))[0]
	mustRun(t, env, "token", "revoke", "--account", id, tokenID)
	waitFor(t, "the end of the token", func() bool {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.url()+"/v1/me", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusUnauthorized
	})
	if _, errs, exit := run(t, env, "account", "create", "acme"); exit != 14 {
		t.Errorf("a second account of that name: exit %d, %q", exit, errs)
	}
	if _, errs, exit := run(t, env, "token", "create", "--account", "nobody"); exit != 12 {
		t.Errorf("a token for nobody: exit %d, %q", exit, errs)
	}

	// A second server on the folder does no harm to the first.
	second := serve(t, listenAddr(t), env)
	if code := second.exit(); code != 1 {
		t.Errorf("a second server: exit %d", code)
	}
	oneLine(t, "a second server", second.log.String(), "another server is running on this data folder")
	// Nor does one on the same address.
	other := serve(t, srv.addr, environment(t, "ZONEHOLD_DATA_DIR="+filepath.Join(t.TempDir(), "data")))
	if code := other.exit(); code != 1 {
		t.Errorf("a server on a taken address: exit %d", code)
	}
	oneLine(t, "a server on a taken address", other.log.String(), "address already in use")
	healthy(0, srv.url())
	newWebmaster(t, srv.url(), mustRun(t, env, "token", "create", "--account", "acme"))

	began := time.Now()
	if code := srv.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	t.Logf("stopped %d ms after SIGTERM", time.Since(began).Milliseconds())
	healthy(10, srv.url())
	for line := range strings.Lines(srv.log.String()) {
		if strings.Contains(line, "level=ERROR") && !strings.Contains(line, "path=/readyz") {
			t.Errorf("logged: %s", line)
		}
	}
	// The folder is free again.
	if code := serve(t, srv.addr, env).ready().terminate(); code != 0 {
		t.Errorf("exit code %d of the next server", code)
	}
}

// TestStopWhileChecking stops a server in good order in the middle of checks:
// they end after the next start, at once.
func TestStopWhileChecking(t *testing.T) {
	t.Parallel()
	for name, db := range map[string][]string{
		"sqlite": database(storetest.SQLite(t)), "postgres": database(storetest.PostgreSQL(t, false)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := newInternet(t)
			env := environment(t, append(net.settings(t), db...)...)
			srv := serve(t, listenAddr(t), env).ready()
			w := newWebmaster(t, srv.url(), newToken(t, env, "acme"))
			net.grow(30, site{proof: right, asked: true, slow: true})
			net.grow(15, site{proof: missing, asked: true, slow: true})
			net.claim(t, w)
			each(t, net.sites, func(s *site) error { return w.verify(s.hostID, s.kind) })
			began := time.Now()
			if code := srv.terminate(); code != 0 {
				t.Errorf("exit code %d after SIGTERM", code)
			}
			t.Logf("stopped %.1f s after SIGTERM", time.Since(began).Seconds())
			p := measurePace(t)
			srv = serve(t, srv.addr, env).ready()
			waitFor(t, "the end of every check", func() bool { return net.look(t, w, net.sites) == 0 })
			took := time.Since(srv.started)
			t.Logf("all ended %.1f s after the next start", took.Seconds())
			p.soon(t, "the last check", took, promised)
			net.audit(t, srv, w)
		})
	}
}

// oneLine holds an error message to the form of all: one line that says it,
// perhaps hints, and nothing of the program's inside.
func oneLine(t *testing.T, what, log, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(log) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "zonehold: error: "):
			lines = append(lines, line)
		case strings.HasPrefix(line, "zonehold: hint: "), strings.Contains(line, "level=INFO"):
		default:
			t.Errorf("%s prints %q", what, line)
		}
	}
	if len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("%s: errors %q, want one with %q", what, lines, want)
	}
}

// TestBadDatabase starts the program on what it cannot use.
func TestBadDatabase(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	file := filepath.Join(base, "file")
	write(t, file, "not a folder")
	broken := filepath.Join(base, "broken")
	write(t, filepath.Join(broken, "zonehold.db"), strings.Repeat("This is no database. ", 500))
	const secret = "Tr0ub4dor"
	nobody := listenAddr(t) // nothing listens there
	for _, tt := range []struct {
		name, key, value, want string
		exit                   int
	}{
		{"a folder below a file", "ZONEHOLD_DATA_DIR", filepath.Join(file, "data"), "not a directory", 1},
		{"a folder that nobody may write", "ZONEHOLD_DATA_DIR", "/proc/zonehold", "/proc/zonehold", 1},
		{"a file that is no database", "ZONEHOLD_DATA_DIR", broken, "not a database", 1},
		{"nobody at the address", "ZONEHOLD_DATABASE_URL", "postgres://zonehold:" + secret + "@" + nobody + "/zonehold", "connection refused", 1},
		{"nobody at the address, password in the query", "ZONEHOLD_DATABASE_URL", "postgres://" + nobody + "/zonehold?user=zonehold&password=" + secret, "connection refused", 1},
		{"a URL that is none", "ZONEHOLD_DATABASE_URL", "postgres://zonehold:" + secret + "@[::1/zonehold", "database_url", 2},
		{"another kind of URL", "ZONEHOLD_DATABASE_URL", "mysql://zonehold:" + secret + "@localhost/zonehold", "database_url", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := environment(t, "ZONEHOLD_DATA_DIR="+filepath.Join(t.TempDir(), "data"), tt.key+"="+tt.value)
			srv := serve(t, listenAddr(t), env)
			if code := srv.exit(); code != tt.exit {
				t.Errorf("serve: exit %d, want %d", code, tt.exit)
			}
			_, errs, exit := run(t, env, "account", "create", "acme")
			if exit != tt.exit {
				t.Errorf("account: exit %d, want %d", exit, tt.exit)
			}
			for what, text := range map[string]string{"serve": srv.log.String(), "account": errs} {
				oneLine(t, what, text, tt.want)
				if strings.Contains(text, secret) {
					t.Errorf("%s prints the password: %s", what, text)
				}
			}
		})
	}
}

// TestReadOnlyFolder needs a user other than root, whom no mode stops.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	env := environment(t, "ZONEHOLD_DATA_DIR="+dir)
	if os.Geteuid() == 0 {
		t.Skip("running as root, whom a read-only folder does not stop; TestBadDatabase has a folder that stops root")
	}
	srv := serve(t, listenAddr(t), env)
	if code := srv.exit(); code != 1 {
		t.Errorf("exit %d", code)
	}
	oneLine(t, "serve", srv.log.String(), "permission denied")
}
