package systemtest

import (
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// database is the environment of a server on a database.
func database(cfg store.Config) []string {
	env := []string{"ZONEHOLD_DATA_DIR=" + cfg.DataDir}
	if cfg.URL != "" {
		env = append(env, "ZONEHOLD_DATABASE_URL="+cfg.URL)
	}
	return env
}

// TestCrash kills a server twice in the middle of 200 checks. After the last
// start every check ends within 30 s, as it must, and none is lost.
func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run(store.SQLite, func(t *testing.T) {
		t.Parallel()
		testCrash(t, storetest.SQLite(t))
	})
	t.Run(store.PostgreSQL, func(t *testing.T) {
		t.Parallel()
		testCrash(t, storetest.PostgreSQL(t, false))
	})
}

func testCrash(t *testing.T, cfg store.Config) {
	net := newInternet(t)
	env := environment(t, append(net.settings(t), database(cfg)...)...)
	addr := listenAddr(t)
	srv := serve(t, addr, env).ready()
	w := newWebmaster(t, srv.url(), newToken(t, env, "acme"))

	// Verified before; half of them are checked again in the crash.
	net.grow(6, site{proof: right, early: true})
	net.grow(6, site{proof: right, early: true, asked: true})
	// The 200: some end before the crash, most do not.
	net.grow(18, site{proof: right, asked: true})
	net.grow(102, site{proof: right, asked: true, slow: true})
	net.grow(10, site{proof: wrong, asked: true})
	net.grow(30, site{proof: wrong, asked: true, slow: true})
	net.grow(10, site{proof: missing, asked: true})
	net.grow(30, site{proof: missing, asked: true, slow: true})
	net.claim(t, w)
	early := net.pick(func(s *site) bool { return s.early })
	each(t, early, func(s *site) error { return w.verify(s.hostID, s.kind) })
	waitFor(t, "the first checks", func() bool { return net.look(t, w, early) == 0 })
	for _, s := range early {
		if s.asked {
			s.slow = true
			net.slow(s)
		}
	}
	asked := net.pick(func(s *site) bool { return s.asked })
	fresh := net.pick(func(s *site) bool { return s.asked && !s.early })
	if len(fresh) != 200 {
		t.Fatalf("%d sites", len(fresh))
	}

	each(t, asked, func(s *site) error { return w.verify(s.hostID, s.kind) })
	var p *pace
	for kill := 1; kill <= 2; kill++ {
		since := srv.started
		waitFor(t, "checks that run", func() bool { return net.busy(asked, since) >= 50 })
		running := net.look(t, w, asked)
		net.stillVerified(t, w, early)
		srv.kill()
		t.Logf("kill %d: %d of %d checks in progress", kill, running, len(asked))
		if running < 50 {
			t.Errorf("too few for a test: the checks are too fast")
		}
		if kill == 2 {
			p = measurePace(t)
		}
		srv = serve(t, addr, env).ready()
	}
	net.stillVerified(t, w, early)
	waitFor(t, "the end of every check", func() bool { return net.look(t, w, net.sites) == 0 })
	took := time.Since(srv.started)
	t.Logf("all checks ended %.1f s after the last start", took.Seconds())
	p.soon(t, "the last check", took, promised)
	net.audit(t, srv, w)
	if code := srv.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// waitFor asks again until it is so.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
