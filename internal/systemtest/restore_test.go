package systemtest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/internal/store/storetest"
)

// TestRestore backs up a server in the middle of checks, loses its folder, and
// goes on from the backup: what ran or was queued then ends.
func TestRestore(t *testing.T) {
	t.Parallel()
	net := newInternet(t)
	settings := net.settings(t)
	env := environment(t, append(settings, database(storetest.SQLite(t))...)...)
	srv := serve(t, listenAddr(t), env).ready()
	w := newWebmaster(t, srv.url(), newToken(t, env, "acme"))
	net.grow(6, site{proof: right, early: true})
	net.grow(20, site{proof: right, asked: true, slow: true})
	net.grow(10, site{proof: missing, asked: true, slow: true})
	net.claim(t, w)
	early := net.pick(func(s *site) bool { return s.early })
	each(t, early, func(s *site) error { return w.verify(s.hostID, s.kind) })
	waitFor(t, "the first checks", func() bool { return net.look(t, w, early) == 0 })
	asked := net.pick(func(s *site) bool { return s.asked })
	each(t, asked, func(s *site) error { return w.verify(s.hostID, s.kind) })
	file := filepath.Join(t.TempDir(), "backup.tar")
	mustRun(t, env, "backup", "--with-key", file)
	running := net.look(t, w, asked)
	t.Logf("%d of %d checks in progress after the backup", running, len(asked))
	srv.kill()

	dir := filepath.Join(t.TempDir(), "data")
	again := environment(t, append(settings, "ZONEHOLD_DATA_DIR="+dir)...)
	if out := mustRun(t, again, "restore", file); !strings.Contains(out, "36 domains") {
		t.Errorf("restore: %s", out)
	}
	srv = serve(t, srv.addr, again).ready()
	net.stillVerified(t, w, early)
	for _, s := range asked {
		s.seen = verification{} // the first server's view is gone with it
	}
	waitFor(t, "the end of every check", func() bool { return net.look(t, w, net.sites) == 0 })
	if out, errs, exit := run(t, again, "doctor", "--offline", "--listen", srv.addr); exit != 0 {
		t.Errorf("doctor: exit %d\n%s%s", exit, out, errs)
	}
}
