package systemtest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
)

// outpost is a running `zonehold perspective`.
type outpost struct {
	t          *testing.T
	name, addr string
	health     string
	folder     string
	cmd        *exec.Cmd
	log        output
	exited     chan struct{}
}

// begin starts the perspective in the internet of the environment.
func (o *outpost) begin(env []string) {
	o.t.Helper()
	o.end()
	o.cmd = exec.Command(build(o.t), "perspective", "--name", o.name, "--listen", o.addr, "--health", o.health,
		"--cert", "perspective.pem", "--key", "perspective.key", "--client-ca", "clients.pem", "--client", "zonehold-main")
	o.cmd.Dir, o.cmd.Env, o.cmd.Stdout, o.cmd.Stderr, o.cmd.SysProcAttr = o.folder, env, &o.log, &o.log, endsWithTest()
	if err := o.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	exited := make(chan struct{})
	o.exited = exited
	cmd := o.cmd
	go func() { _ = cmd.Wait(); close(exited) }()
	waitFor(o.t, o.name+" to answer", func() bool {
		status, body, err := fetch("http://" + o.health + "/healthz")
		return err == nil && status == http.StatusOK && strings.Contains(body, `"perspective":"`+o.name+`"`)
	})
}

// end is kill -9.
func (o *outpost) end() {
	if o.cmd != nil {
		_ = o.cmd.Process.Kill()
		<-o.exited
		o.cmd = nil
	}
}

// TestPerspectives runs a server with perspectives in processes of their own.
// In the other internet somebody answers in the domains' names.
func TestPerspectives(t *testing.T) {
	t.Parallel()
	world, hijacked := newInternet(t), newInternet(t)
	here, there := environment(t, world.settings(t)...), environment(t, hijacked.settings(t)...)
	dir := filepath.Join(t.TempDir(), "pki")
	regions := []string{"RIPE", "ARIN", "APNIC", "RIPE"}
	args := []string{"perspective", "keys", dir}
	posts := make([]*outpost, 4)
	for i := range posts {
		posts[i] = &outpost{t: t, name: string(rune('a' + i)), addr: listenAddr(t), health: listenAddr(t)}
		posts[i].folder = filepath.Join(dir, posts[i].name)
		args = append(args, posts[i].name+"="+posts[i].addr+","+regions[i])
	}
	if out := mustRun(t, here, args...); !strings.Contains(out, "zonehold serve --perspectives") {
		t.Errorf("it does not say how to go on: %s", out)
	}
	for _, o := range posts {
		t.Cleanup(func() {
			o.end()
			if t.Failed() {
				t.Logf("%s said:\n%s", o.name, tail(o.log.String()))
			}
		})
		o.begin(here)
	}
	file := filepath.Join(dir, "perspectives.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	br := strings.Replace(string(text), "policy: observe", "policy: br", 1)
	three, _, _ := strings.Cut(strings.Replace(string(text), "policy: observe", "policy: {minimum: 3, allowed_failures: 1, regions: 2}", 1), "  - name: d")
	brFile, threeFile := filepath.Join(dir, "br.yaml"), filepath.Join(dir, "three.yaml")
	write(t, brFile, br)
	write(t, threeFile, three)
	if out := mustRun(t, here, "perspective", "check", "--perspectives", brFile); strings.Count(out, "\tup") != 4 {
		t.Errorf("not all are up:\n%s", out)
	}

	// Three, where the attacker holds the way to one, and to two.
	v := newVantage(t, world, hijacked, append(here, "ZONEHOLD_PERSPECTIVES="+threeFile, "ZONEHOLD_DATA_DIR="+t.TempDir()))
	v.want("all.com", "verified", "")
	posts[2].begin(there)
	at := v.want("one-liar.com", "verified", "", "perspective_differs")
	var named []string
	for _, s := range at.Steps {
		if s.Name == "ask_perspective" {
			named = append(named, s.Target)
		}
	}
	if len(named) != 3 || !strings.Contains(named[0], "a (") {
		t.Errorf("the steps name %v", named)
	}
	v.evidence(at.ID, 3)
	posts[1].begin(there)
	v.want("two-liars.com", "refused", "perspectives_disagree", "perspective_differs")
	v.want("all.com", "refused", "perspectives_disagree", "perspective_differs")
	if d := v.domain("all.com"); d.State != "verified" {
		t.Errorf("a proved domain is %s because two perspectives lie", d.State)
	}
	posts[1].begin(here)
	posts[2].begin(here)
	v.want("two-liars.com", "verified", "")

	// Four under the Baseline Requirements, of which one is dead, and two.
	if from := time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC); time.Now().Before(from) {
		v := newVantage(t, world, hijacked, append(here, "ZONEHOLD_PERSPECTIVES="+brFile, "ZONEHOLD_DATA_DIR="+t.TempDir()))
		v.want("four.com", "verified", "")
		posts[3].end()
		v.want("three-of-four.com", "verified", "", "perspective_away")
		posts[2].end()
		v.want("two-of-four.com", "inconclusive", "perspectives_unavailable", "perspective_away")
		v.want("four.com", "inconclusive", "perspectives_unavailable", "perspective_away")
		if d := v.domain("four.com"); d.State != "verified" {
			t.Errorf("a proved domain is %s because two perspectives are dead", d.State)
		}
		posts[2].begin(here)
		v.check() // it counts as down, and would be left alone for a while
		v.want("two-of-four.com", "verified", "", "perspective_away")
	}

	// Too few for the policy: the server says so and does not start.
	few := filepath.Join(dir, "few.yaml")
	write(t, few, strings.Replace(three, "policy: {minimum: 3, allowed_failures: 1, regions: 2}", "policy: br", 1))
	_, errs, exit := run(t, append(here, "ZONEHOLD_DATA_DIR="+t.TempDir()), "serve", "--listen", listenAddr(t), "--perspectives", few)
	if exit != 2 || !strings.Contains(errs, "demands at least") {
		t.Errorf("exit %d: %s", exit, errs)
	}
	_, errs, exit = run(t, here, "perspective", "check", "--perspectives", filepath.Join(dir, "none.yaml"))
	if exit != 2 {
		t.Errorf("a file that is not there: exit %d: %s", exit, errs)
	}
}

// vantage is a server with perspectives, and an account on it.
type vantage struct {
	t   *testing.T
	net *internet
	bad *internet // where somebody answers in the domains' names
	srv *server
	cl  *client.Client
	env []string // with the operator's token
}

func newVantage(t *testing.T, net, bad *internet, env []string) *vantage {
	t.Helper()
	v := &vantage{t: t, net: net, bad: bad, srv: serve(t, listenAddr(t), env).ready()}
	cl, err := client.New(v.srv.url(), newToken(t, env, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	v.cl = cl
	mustRun(t, env, "account", "create", "operator")
	boss := mustRun(t, env, "token", "create", "--account", "operator", "--scope", "operator")
	v.env = append(slices.Clone(env), "ZONEHOLD_TOKEN="+boss)
	v.check()
	return v
}

// check has the server ask its perspectives how they are.
func (v *vantage) check() {
	v.t.Helper()
	out, errs, exit := run(v.t, v.env, "perspective", "check", "--server", v.srv.url())
	if !strings.Contains(out, "\tup") || (exit == 0) == (strings.Contains(out, "\tdown") || strings.Contains(out, "\tunknown")) {
		v.t.Errorf("through the server, exit %d: %s%s", exit, out, errs)
	}
	if list := mustRun(v.t, v.env, "perspective", "list", "--server", v.srv.url()); strings.Count(list, "\n") != strings.Count(out, "\n")-1 || !strings.Contains(list, "RIPE") {
		v.t.Errorf("the list is another: %s", list)
	}
}

func (v *vantage) domain(name string) *api.Domain {
	v.t.Helper()
	d, err := v.cl.Domain(v.t.Context(), name)
	if err != nil {
		v.t.Fatal(err)
	}
	return d
}

// want checks a name, which is claimed and proved in this internet first, and
// wants the outcome, the problem, and nothing but such notes, one at least.
func (v *vantage) want(name, outcome, code string, notes ...string) *api.Attempt {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 2*patience)
	defer cancel()
	d, created, err := v.cl.CreateDomain(ctx, api.CreateDomain{Hostname: name})
	if err != nil {
		v.t.Fatal(err)
	}
	if created {
		i := slices.IndexFunc(d.Challenges, func(c api.Challenge) bool { return c.Method == "dns_txt" })
		rec := d.Challenges[i].Record
		v.net.ZoneAt(name, v.net.hoster).Add(rec.Name+".", "TXT", rec.Value)
		v.bad.ZoneAt(name, v.bad.hoster)
	}
	at, err := v.cl.StartAttempt(ctx, d.ID, "dns_txt", 0)
	if err == nil {
		at, err = v.cl.WaitAttempt(ctx, at.ID)
	}
	if err != nil || at.Outcome == nil {
		v.t.Fatalf("%s: %+v, %v", name, at, err)
	}
	got := ""
	if at.Problem != nil {
		got = at.Problem.Code
	}
	if *at.Outcome != outcome || got != code {
		v.t.Errorf("%s: %s with %q, want %s with %q; problem %+v", name, *at.Outcome, got, outcome, code, at.Problem)
	}
	var told []string
	for _, n := range at.Notes {
		if strings.HasPrefix(n.Code, "perspective") {
			told = append(told, n.Code)
		}
	}
	if slices.Sort(told); !slices.Equal(slices.Compact(told), notes) {
		v.t.Errorf("%s: notes %v, want %v", name, told, notes)
	}
	return at
}

// evidence wants the answers of so many perspectives in the stored evidence.
func (v *vantage) evidence(id string, n int) {
	v.t.Helper()
	text, err := v.cl.Evidence(v.t.Context(), id)
	if err != nil {
		v.t.Fatal(err)
	}
	var bundle struct {
		Entries []struct {
			Document struct {
				Perspectives []struct {
					Name         string
					Outcome      string
					Corroborates bool
					Evidence     json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(text, &bundle); err != nil || len(bundle.Entries) != 1 || len(bundle.Entries[0].Document.Perspectives) != n {
		v.t.Fatalf("%v in %s", err, text)
	}
	for _, p := range bundle.Entries[0].Document.Perspectives {
		if p.Name == "" || p.Outcome == "" || len(p.Evidence) == 0 || p.Corroborates != (p.Outcome == "verified") {
			v.t.Errorf("%+v", p)
		}
	}
}
