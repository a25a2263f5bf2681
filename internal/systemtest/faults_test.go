package systemtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store/storetest"
)

// refusals are what the dialects answer while the database does not work: each
// in its own shape, and all with Retry-After.
func refusals(t *testing.T, srv *server, token string, user string, n int) (refused int) {
	t.Helper()
	for _, c := range []struct{ path, scheme, body, shape string }{
		{"/v1/domains", "Bearer", fmt.Sprintf(`{"hostname":"n%d.example"}`, n), `"code":"unavailable"`},
		{user + "/hosts", "OAuth", fmt.Sprintf(`{"host_url":"http://y%d.example"}`, n), `"error_code":"SERVICE_UNAVAILABLE"`},
		{"/domains/", "JWT", fmt.Sprintf(`{"name":"p%d.example"}`, n), `{"detail":"Service temporarily unavailable`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.url()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", c.scheme+" "+token)
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			t.Fatal(err)
		case resp.StatusCode == http.StatusCreated:
		case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" && strings.Contains(string(text), c.shape):
			refused++
		default:
			t.Fatalf("%s: %d %v %s", c.path, resp.StatusCode, resp.Header, text)
		}
	}
	return refused
}

// TestDatabaseGone stops PostgreSQL in the middle of checks, for longer than a
// node may be without it. The server says so, lives on, and ends every check
// when the database is back.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	pg := storetest.StartServer(t)
	net := newInternet(t)
	env := environment(t, append(net.settings(t), "ZONEHOLD_DATA_DIR="+t.TempDir(), "ZONEHOLD_DATABASE_URL="+pg.URL)...)
	srv := serve(t, listenAddr(t), env).ready()
	token := newToken(t, env, "acme")
	w := newWebmaster(t, srv.url(), token)
	net.grow(30, site{proof: right, asked: true, slow: true})
	net.grow(15, site{proof: missing, asked: true, slow: true})
	net.claim(t, w)
	each(t, net.sites, func(s *site) error { return w.verify(s.hostID, s.kind) })

	pg.Stop()
	gone := time.Now()
	waitFor(t, "/readyz to say so", func() bool {
		status, body, err := fetch(srv.url() + "/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, `"database":"failing"`)
	})
	lines := strings.Count(srv.log.String(), "\n")
	for n := 0; time.Since(gone) < 15*time.Second; n++ {
		if got := refusals(t, srv, token, w.user, n); got != 3 {
			t.Errorf("%d of 3 calls were refused", got)
		}
		if status, _, err := fetch(srv.url() + "/healthz"); err != nil || status != http.StatusOK {
			t.Errorf("/healthz: %d, %v", status, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if more := strings.Count(srv.log.String(), "\n") - lines; more > 300 {
		t.Errorf("%d lines of log in 15 s", more)
	}
	pg.Start()
	back := time.Now()
	srv.ready()
	t.Logf("ready %.1f s after the database was back", time.Since(back).Seconds())
	waitFor(t, "the end of every check", func() bool { return net.look(t, w, net.sites) == 0 })
	t.Logf("all checks ended %.1f s after the database was back", time.Since(back).Seconds())
	if got := refusals(t, srv, token, w.user, -1); got != 0 {
		t.Errorf("%d calls are refused still", got)
	}
}

// TestDiskFull runs the server on a file system of its own that is full, and
// makes room then. It needs to mount.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	mount, err := exec.LookPath("mount")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can mount a file system to fill")
	}
	dir := t.TempDir()
	tmpfs := func(options string) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return exec.CommandContext(ctx, mount, "-t", "tmpfs", "-o", options, "tmpfs", dir).Run()
	}
	if err := tmpfs("size=3m"); err != nil {
		t.Skipf("NOT TESTED: this machine lets nobody mount: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", "-l", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	net := newInternet(t)
	env := environment(t, append(net.settings(t), "ZONEHOLD_DATA_DIR="+filepath.Join(dir, "data"), "ZONEHOLD_DOMAIN_LIMIT=1000000")...)
	srv := serve(t, listenAddr(t), env).ready()
	token := newToken(t, env, "acme")
	w := newWebmaster(t, srv.url(), token)
	n := 0
	for end := time.Now().Add(patience); ; n++ {
		if refusals(t, srv, token, w.user, n) == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not become full")
		}
	}
	waitFor(t, "/readyz to say so", func() bool {
		status, body, err := fetch(srv.url() + "/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, `"writes":"failing"`)
	})
	if err := tmpfs("remount,size=64m"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a server that is well again", func() bool {
		status, _, err := fetch(srv.url() + "/readyz")
		return err == nil && status == http.StatusOK
	})
	if got := refusals(t, srv, token, w.user, n+1); got != 0 {
		t.Errorf("%d calls are refused still", got)
	}
	if code := srv.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// Nothing that was answered with 201 is lost, and the file is sound.
	if out, errs, exit := run(t, env, "backup", filepath.Join(t.TempDir(), "b.tar")); exit != 0 {
		t.Errorf("backup: exit %d %s %s", exit, out, errs)
	}
}
