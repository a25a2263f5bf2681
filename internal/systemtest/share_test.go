package systemtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/store/storetest"
)

const finishedChecks = "zonehold_verification_attempts_total"

// TestShare runs two servers on one PostgreSQL. A check runs where it was
// asked for, so both work; when one is killed the other takes its checks over.
func TestShare(t *testing.T) {
	t.Parallel()
	net := newInternet(t)
	env := environment(t, append(net.settings(t), database(storetest.PostgreSQL(t, false))...)...)
	a, b := serve(t, listenAddr(t), env), serve(t, listenAddr(t), env)
	a.ready()
	b.ready()
	onA := newWebmaster(t, a.url(), newToken(t, env, "acme"))
	onB := onA.at(b)

	net.grow(12, site{proof: right, asked: true})
	net.grow(60, site{proof: right, asked: true, slow: true})
	net.grow(12, site{proof: wrong, asked: true, slow: true})
	net.grow(12, site{proof: missing, asked: true, slow: true})
	net.claim(t, onA)
	other := false
	on := map[*site]*webmaster{}
	for _, s := range net.sites {
		if on[s] = onA; other {
			on[s] = onB
		}
		other = !other
	}
	each(t, net.sites, func(s *site) error { return on[s].verify(s.hostID, s.kind) })
	waitFor(t, "checks that end on both", func() bool { return a.metric(finishedChecks) > 0 && b.metric(finishedChecks) > 0 })
	running := net.look(t, onB, net.sites)
	byA := a.metric(finishedChecks)
	p := measurePace(t)
	a.kill()
	killed := time.Now()
	t.Logf("%d of %d checks in progress when one of two servers was killed; it had ended %v", running, len(net.sites), byA)
	if running < 20 {
		t.Error("too few for a test: the checks are too fast")
	}
	waitFor(t, "the end of every check", func() bool { return net.look(t, onB, net.sites) == 0 })
	took := time.Since(killed)
	byB := b.metric(finishedChecks)
	t.Logf("all ended %.1f s later, %v on the other server", took.Seconds(), byB)
	p.soon(t, "the last check", took, promised)
	if byB < float64(len(net.sites)/2) {
		t.Errorf("the other server counts %v checks", byB)
	}
	net.audit(t, b, onB)
}

// TestRoles has one process answer and another one check.
func TestRoles(t *testing.T) {
	t.Parallel()
	net := newInternet(t)
	env := environment(t, append(net.settings(t), database(storetest.PostgreSQL(t, false))...)...)
	face := serve(t, listenAddr(t), append(env, "ZONEHOLD_ROLES=api")).ready()
	w := newWebmaster(t, face.url(), newToken(t, env, "acme"))
	net.grow(12, site{proof: right, asked: true})
	net.grow(6, site{proof: missing, asked: true})
	net.claim(t, w)
	each(t, net.sites, func(s *site) error { return w.verify(s.hostID, s.kind) })
	// Nobody checks yet.
	if running := net.look(t, w, net.sites); running != len(net.sites) {
		t.Errorf("%d checks of %d wait for a worker", running, len(net.sites))
	}
	worker := serve(t, listenAddr(t), append(env, "ZONEHOLD_ROLES=worker")).ready()
	waitFor(t, "the end of every check", func() bool { return net.look(t, w, net.sites) == 0 })
	t.Logf("all ended %.1f s after the worker started", time.Since(worker.started).Seconds())
	if by := face.metric(finishedChecks); by != 0 {
		t.Errorf("the process without workers has ended %v checks", by)
	}
	if by := worker.metric(finishedChecks); by != float64(len(net.sites)) {
		t.Errorf("the worker has ended %v checks", by)
	}
	if status, body, err := fetch(worker.url() + "/v4/user"); err != nil || status != http.StatusNotFound {
		t.Errorf("the API on the worker: %d %q, %v", status, body, err)
	}
	net.audit(t, face, w)
	for _, s := range []*server{worker, face} {
		if code := s.terminate(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}
