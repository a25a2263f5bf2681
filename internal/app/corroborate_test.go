package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/perspective"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// elsewhere are perspectives that answer as a test tells them to, one letter
// for each: v verified, a absent, i inconclusive, x an error.
type elsewhere struct {
	panel  *perspective.Panel
	script atomic.Value // string
	asked  atomic.Int32
}

func newElsewhere(t testing.TB, script string) *elsewhere {
	t.Helper()
	e := &elsewhere{}
	e.script.Store(script)
	authority, err := perspective.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Cert)
	pair := func(kp perspective.KeyPair, err error) tls.Certificate {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		cert, err := tls.X509KeyPair(kp.Cert, kp.Key)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	ours := pair(authority.Client(time.Now(), "main"))
	var remotes []perspective.Remote
	for i := range script {
		name := string(rune('A' + i))
		cfg, err := perspective.ServerTLS(pair(authority.Server(time.Now(), name, []string{"127.0.0.1"})), pool, nil)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{TLSConfig: cfg, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.answer(w, r, i, name) })}
		go srv.ServeTLS(ln, "", "")
		t.Cleanup(func() { srv.Close() })
		asks, err := perspective.ClientTLS("", ours, pool)
		if err != nil {
			t.Fatal(err)
		}
		remotes = append(remotes, perspective.Remote{Name: name, Region: []string{"RIPE", "ARIN", "APNIC"}[i%3],
			Network: "network " + name, URL: "https://" + ln.Addr().String(), TLS: asks})
	}
	if e.panel, err = perspective.NewPanel(remotes); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *elsewhere) answer(w http.ResponseWriter, r *http.Request, i int, name string) {
	e.asked.Add(1)
	var q perspective.Request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := perspective.Answer{Version: 1, ID: q.ID, Nonce: q.Nonce, Perspective: name, Method: q.Method, Hostname: q.Hostname, Completed: true, Software: "script"}
	switch e.script.Load().(string)[i] {
	case 'v':
		a.Passed, a.Outcome, a.Observed = true, zonehold.OutcomeVerified, "token="+q.Token
	case 'a':
		a.Outcome, a.Code, a.Detail = zonehold.OutcomeAbsent, "dns_record_missing", "There is no record."
	case 'i':
		a.Completed, a.Outcome, a.Code, a.Detail = false, zonehold.OutcomeInconclusive, "dns_timeout", "Nobody answers."
	default:
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}

// hereOnly is a check of the app itself with an outcome that can be changed.
type hereOnly struct{ outcome atomic.Value }

func newPrimary(o zonehold.Outcome) *hereOnly { p := &hereOnly{}; p.outcome.Store(o); return p }

func (p *hereOnly) check(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
	return report(zonehold.MethodDNSTXT, p.outcome.Load().(zonehold.Outcome))
}

var (
	threeOne = perspective.Policy{Mode: perspective.ModeQuorum, Minimum: 3, Allowed: 1, Regions: 2}
	brPolicy = perspective.Policy{Mode: perspective.ModeBR}
	quorumAt = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // four are demanded
)

func codes(list []problem.Problem) (out []problem.Code) {
	for _, p := range list {
		out = append(out, p.Code)
	}
	return out
}

// What other networks see of a new proof.
func TestQuorumOfNewProofs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i, tt := range []struct {
			name    string
			policy  perspective.Policy
			script  string
			outcome zonehold.Outcome
			code    problem.Code
			notes   []problem.Code
			asked   int
		}{
			{"three, all agree", threeOne, "vvv", zonehold.OutcomeVerified, "", nil, 3},
			{"three, one liar", threeOne, "vav", zonehold.OutcomeVerified, "", []problem.Code{"perspective_differs"}, 3},
			{"three, two liars", threeOne, "vaa", zonehold.OutcomeRefused, "perspectives_disagree", []problem.Code{"perspective_differs", "perspective_differs"}, 6},
			{"four, one dead", brPolicy, "vvvx", zonehold.OutcomeVerified, "", []problem.Code{"perspective_away"}, 4},
			{"four, two dead", brPolicy, "vvxx", zonehold.OutcomeInconclusive, "perspectives_unavailable", []problem.Code{"perspective_away", "perspective_away"}, 8},
			{"four, two blind", brPolicy, "vvii", zonehold.OutcomeInconclusive, "perspectives_cannot_see", []problem.Code{"perspective_cannot_see", "perspective_cannot_see"}, 8},
			{"three are too few", brPolicy, "vvv", zonehold.OutcomeInconclusive, "perspectives_unavailable", nil, 3},
			{"only observed", perspective.Policy{Mode: perspective.ModeObserve}, "aaa", zonehold.OutcomeVerified, "", []problem.Code{"perspective_differs", "perspective_differs", "perspective_differs"}, 3},
			{"off", perspective.Policy{Mode: perspective.ModeOff}, "aaa", zonehold.OutcomeVerified, "", nil, 0},
		} {
			t.Run(tt.name, func(t *testing.T) {
				e := newElsewhere(t, tt.script)
				a := start1(t, s, Config{Check: newPrimary(zonehold.OutcomeVerified).check, CreateWait: -1, Clock: func() time.Time { return quorumAt },
					Perspectives: PerspectiveConfig{Panel: e.panel, Policy: tt.policy}}, quick)
				who := actor(t, s, fmt.Sprintf("quorum%d", i))
				d := create(t, a, who, fmt.Sprintf("q%d.example.com", i))
				before := e.asked.Load()
				at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
				if at.Outcome != tt.outcome || (at.Problem == nil) != (tt.code == "") || at.Problem != nil && at.Problem.Code != tt.code {
					t.Fatalf("%s with %+v, want %s with %q", at.Outcome, at.Problem, tt.outcome, tt.code)
				}
				if got := codes(at.Notes); !slices.Equal(got, tt.notes) {
					t.Errorf("notes %v, want %v", got, tt.notes)
				}
				if n := int(e.asked.Load() - before); n != tt.asked {
					t.Errorf("asked %d times, want %d: once each, and all again where that does not do", n, tt.asked)
				}
				steps := 0
				for _, st := range at.Steps {
					if st.Name == "ask_perspective" {
						steps++
					}
				}
				if steps != tt.asked {
					t.Errorf("%d steps name a perspective, want %d", steps, tt.asked)
				}
				want := zonehold.StatePending
				if tt.outcome == zonehold.OutcomeVerified {
					want = zonehold.StateVerified
				}
				if got := get(t, a, who, d.ID); got.State != want {
					t.Errorf("the domain is %s, want %s", got.State, want)
				}
				if at.Problem != nil && tt.script != "vvv" && !strings.Contains(at.Problem.Found, "network") {
					t.Errorf("the problem does not name a network: %s", at.Problem.Found)
				}
			})
		}
	})
}

// What other networks see when a proof seems to be gone: neither an outage of
// them nor a hijack at one place puts a domain at risk.
func TestQuorumOfAbsence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for i, tt := range []struct {
			name    string
			script  string
			outcome zonehold.Outcome
			code    problem.Code
			state   zonehold.DomainState
		}{
			{"all agree", "aaaa", zonehold.OutcomeAbsent, "dns_record_missing", zonehold.StateAtRisk},
			{"one place still sees it", "aaav", zonehold.OutcomeAbsent, "dns_record_missing", zonehold.StateAtRisk},
			{"two dead, two agree", "aaxx", zonehold.OutcomeAbsent, "dns_record_missing", zonehold.StateAtRisk},
			{"only we do not see it", "vvvv", zonehold.OutcomeRefused, "perspectives_disagree", zonehold.StateVerified},
			{"all dead", "xxxx", zonehold.OutcomeInconclusive, "perspectives_unavailable", zonehold.StateVerified},
			{"three dead", "axxx", zonehold.OutcomeInconclusive, "perspectives_unavailable", zonehold.StateVerified},
			{"all blind", "iiii", zonehold.OutcomeInconclusive, "perspectives_cannot_see", zonehold.StateVerified},
		} {
			t.Run(tt.name, func(t *testing.T) {
				e, p := newElsewhere(t, "vvvv"), newPrimary(zonehold.OutcomeVerified)
				a := start1(t, s, Config{Check: p.check, CreateWait: -1, Clock: func() time.Time { return quorumAt },
					Perspectives: PerspectiveConfig{Panel: e.panel, Policy: brPolicy}}, quick)
				who := actor(t, s, fmt.Sprintf("absence%d", i))
				d := create(t, a, who, fmt.Sprintf("a%d.example.com", i))
				wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
				if got := get(t, a, who, d.ID); got.State != zonehold.StateVerified {
					t.Fatalf("the domain is %s", got.State)
				}
				p.outcome.Store(zonehold.OutcomeAbsent)
				e.script.Store(tt.script)
				at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
				if at.Outcome != tt.outcome || at.Problem == nil || at.Problem.Code != tt.code {
					t.Errorf("%s with %+v, want %s with %s", at.Outcome, at.Problem, tt.outcome, tt.code)
				}
				if got := get(t, a, who, d.ID); got.State != tt.state {
					t.Errorf("the domain is %s, want %s", got.State, tt.state)
				}
				if tt.outcome != zonehold.OutcomeAbsent && !slices.Contains(codes(at.Notes), "dns_record_missing") {
					t.Errorf("what was seen from here is not told: %v", codes(at.Notes))
				}
			})
		}
	})
}

// Nobody is asked about a verdict that nothing rests on, and an earlier
// corroboration is not used for a later check.
func TestOthersAreAskedEachTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e, p := newElsewhere(t, "vvv"), newPrimary(zonehold.OutcomeAbsent)
		a := start1(t, s, Config{Check: p.check, CreateWait: -1, Perspectives: PerspectiveConfig{Panel: e.panel, Policy: threeOne}}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		check := func() *Attempt { return wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID) }
		if check(); e.asked.Load() != 0 {
			t.Errorf("asked %d times about a claim that is not proved", e.asked.Load())
		}
		p.outcome.Store(zonehold.OutcomeVerified)
		for n := range int32(3) {
			if at := check(); at.Outcome != zonehold.OutcomeVerified || e.asked.Load() != 3*(n+1) {
				t.Errorf("check %d: %s, asked %d times", n, at.Outcome, e.asked.Load())
			}
		}
		// They corroborated a moment ago; now two do not.
		e.script.Store("vxx")
		if at := check(); at.Outcome != zonehold.OutcomeInconclusive || at.Problem.Code != "perspectives_unavailable" {
			t.Errorf("with two dead: %s", at.Outcome)
		}
		if got := get(t, a, who, d.ID); got.State != zonehold.StateVerified {
			t.Errorf("the domain is %s", got.State)
		}
	})
}

func TestPolicyOfAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		operator := zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}}
		e := newElsewhere(t, "aaa")
		a := start1(t, s, Config{Check: newPrimary(zonehold.OutcomeVerified).check, CreateWait: -1, Clock: func() time.Time { return quorumAt },
			Perspectives: PerspectiveConfig{Panel: e.panel, Policy: threeOne}}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		check := func(want zonehold.Outcome, asked int32) {
			t.Helper()
			e.asked.Store(0)
			at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
			if at.Outcome != want || e.asked.Load() != asked {
				t.Errorf("%s, asked %d times; want %s and %d", at.Outcome, e.asked.Load(), want, asked)
			}
		}
		set := func(account, policy string) error {
			_, err := a.SetPerspectivePolicy(t.Context(), operator, account, policy)
			return err
		}
		check(zonehold.OutcomeRefused, 6)
		if err := set("alpha", "observe"); err != nil {
			t.Fatal(err)
		}
		check(zonehold.OutcomeVerified, 3)
		if err := set(who.Account.ID, "off"); err != nil {
			t.Fatal(err)
		}
		check(zonehold.OutcomeVerified, 0)
		if err := set("alpha", "default"); err != nil {
			t.Fatal(err)
		}
		check(zonehold.OutcomeRefused, 6)

		wantKind(t, set("alpha", "br"), KindInvalid) // three are too few
		wantKind(t, set("alpha", "strict"), KindInvalid)
		wantKind(t, set("nobody", "off"), KindNotFound)
		_, err := a.SetPerspectivePolicy(t.Context(), who, "alpha", "off")
		wantKind(t, err, KindForbidden)
		_, err = a.Perspectives(t.Context(), who)
		wantKind(t, err, KindForbidden)

		list, err := a.Perspectives(t.Context(), operator)
		if err != nil || len(list.Items) != 3 || list.Rule.Minimum != 3 || list.Items[0].State != "up" {
			t.Errorf("%+v, %v", list, err)
		}
		if err := a.PerspectivesFit(t.Context()); err != nil {
			t.Error(err)
		}
		// What an account demands is not forgotten with the server's file.
		err = s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetPerspectivePolicy(t.Context(), who.Account.ID, "br") })
		if err != nil {
			t.Fatal(err)
		}
		// Too few for one account keep nobody else from being served; its own
		// claims are not proved.
		if err := a.PerspectivesFit(t.Context()); err != nil {
			t.Errorf("the server does not start for one account: %v", err)
		}
		check(zonehold.OutcomeInconclusive, 3)
		without := make1(t, s, Config{}, quick)
		if err := without.PerspectivesFit(t.Context()); err == nil || !strings.Contains(err.Error(), "alpha") {
			t.Errorf("a server without perspectives starts: %v", err)
		}
	})
}

// A perspective that goes down is told to the operator once, and so is its
// return.
func TestOperatorLearnsOfPerspectives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		boss := actor(t, s, "operator")
		e := newElsewhere(t, "vvv")
		cfg := Config{Check: newPrimary(zonehold.OutcomeVerified).check, CreateWait: -1, OperatorAccount: "operator",
			Perspectives: PerspectiveConfig{Panel: e.panel, Policy: threeOne}}
		a := start1(t, s, cfg, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		check := func() { wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID) }
		check()
		e.script.Store("vvx")
		for range 5 {
			check()
		}
		events, err := a.Events(t.Context(), boss, "", 10, false)
		if err != nil || len(events) != 1 || events[0].Type != zonehold.EventPerspectiveDown || !strings.Contains(string(events[0].Data), `"perspective":"C"`) {
			t.Fatalf("%+v, %v", events, err)
		}
		states, err := s.PerspectiveStates(t.Context())
		if err != nil || len(states) != 1 || states[0].Up || states[0].Detail == "" {
			t.Errorf("%+v, %v", states, err)
		}
		// Another process hears of it, and sees it well again.
		e.script.Store("vvv")
		other := newElsewhere(t, "vvv")
		cfg.Perspectives.Panel = other.panel
		b := make1(t, s, cfg, quick)
		list, err := b.Perspectives(t.Context(), zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}})
		if err != nil || list.Items[2].State != "down" || list.Items[0].State != "unknown" {
			t.Errorf("%+v, %v", list, err)
		}
		b.perspectiveChanged(perspective.Change{Name: "C", Up: true})
		b.perspectiveChanged(perspective.Change{Name: "C", Up: true})
		if types := eventTypes(t, a, boss); !slices.Equal(types, []zonehold.EventType{zonehold.EventPerspectiveDown, zonehold.EventPerspectiveUp}) {
			t.Errorf("events %v", types)
		}
	})
}

// A check that ends only when its time is over is not spared the others: who
// can make it slow must not be able to go around them.
func TestSlowChecksAreNotSparedTheOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := newElsewhere(t, "aaa")
		hasty := quick
		hasty.attempt = 2 * time.Second // enough for what the database is asked before
		slow := func(ctx context.Context, _ *verify.Kit, _ zonehold.Method, _ verify.Claim) diagnose.Report {
			<-ctx.Done()
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
		}
		a := start1(t, s, Config{Check: slow, CreateWait: -1, Perspectives: PerspectiveConfig{Panel: e.panel, Policy: threeOne}}, hasty)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		if at.Outcome != zonehold.OutcomeInconclusive || at.Problem == nil || at.Problem.Code != "perspectives_unavailable" || len(at.Notes) != 3 {
			t.Errorf("%s, %+v", at.Outcome, at.Problem)
		}
		if got := get(t, a, who, d.ID); got.State != zonehold.StatePending {
			t.Errorf("the domain is %s", got.State)
		}
	})
}
