package perspective

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// A perspective that fails goes down after three failures, is left alone, is
// tried again after longer and longer waits, and comes back; each change is
// told once.
func TestDownAndUp(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	var broken, asked atomic.Int32
	healthy := s.server1("ams", func() (*verify.Kit, error) { return l.Kit, nil })
	p := panel(t, s.serve("ams", "RIPE", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if broken.Load() != 0 {
			refuse(w, http.StatusInternalServerError, "internal", "it broke")
			return
		}
		healthy.ServeHTTP(w, r)
	})), s.honest("nyc", "ARIN", l))
	var changes []string
	p.Changed = func(c Change) {
		word := "down"
		if c.Up {
			word = "up"
		}
		changes = append(changes, c.Name+" "+word)
		if !c.Up && !strings.Contains(c.Detail, "it broke") {
			t.Errorf("no reason: %+v", c)
		}
	}
	if st := p.Status()[0]; st.State != "unknown" {
		t.Errorf("before the first question: %+v", st)
	}
	broken.Store(1)
	for i := range downAfter {
		if r := ask(t, p, l, m, c)[0]; r.Fault != FaultRefused {
			t.Fatalf("asking %d: %+v", i, r)
		}
	}
	if st := p.Status()[0]; st.State != "down" || !st.NextTry.After(time.Now()) || st.Detail == "" {
		t.Errorf("after %d failures: %+v", downAfter, st)
	}
	before := asked.Load()
	if r := ask(t, p, l, m, c); r[0].Fault != FaultDown || !strings.Contains(r[0].Detail, "has not answered since") || r[1].Answer == nil {
		t.Errorf("while it is down: %+v", r)
	}
	if asked.Load() != before {
		t.Error("it is asked while it is down")
	}
	var waits []time.Duration
	for range 8 {
		due(p.members[0])
		if r := ask(t, p, l, m, c)[0]; r.Fault != FaultRefused {
			t.Fatalf("when its time has come: %+v", r)
		}
		waits = append(waits, p.members[0].wait)
	}
	if !slices.IsSorted(waits) || waits[0] != 2*firstRetry || waits[7] != lastRetry {
		t.Errorf("waits %v", waits)
	}
	broken.Store(0)
	due(p.members[0])
	if r := ask(t, p, l, m, c)[0]; r.Answer == nil {
		t.Fatalf("when it is well: %+v", r)
	}
	slices.Sort(changes)
	if want := []string{"ams down", "ams up", "nyc up"}; !slices.Equal(changes, want) {
		t.Errorf("told of %v, want %v", changes, want)
	}
	if st := p.Status()[0]; st.State != "up" || st.Detail != "" || st.Software != "test" || st.LastAnswer.IsZero() {
		t.Errorf("in the end: %+v", st)
	}
}

func due(m *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.NextTry = time.Now().Add(-time.Second)
}

// Giving up ourselves is no fault of a perspective.
func TestCanceledIsNoFailure(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	p := panel(t, s.honest("ams", "RIPE", l))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q, _ := NewRequest(l.Kit, m.Name(), c)
	q.ID = "att_1"
	for range 2 * downAfter {
		if r := p.Ask(ctx, q, m.Challenge(l.Kit, c))[0]; r.Answer != nil {
			t.Fatalf("%+v", r)
		}
	}
	if st := p.Status()[0]; st.State != "unknown" {
		t.Errorf("%+v", st)
	}
}

func TestCheckOfHealth(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	misnamed := s.honest("nyc", "ARIN", l)
	misnamed.Name = "sin"
	gone := s.remote("gru", "LACNIC", "127.0.0.1:1")
	p := panel(t, s.honest("ams", "RIPE", l), misnamed, gone)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	st := p.Check(ctx)
	if st[0].State != "up" || st[0].Software != "test" {
		t.Errorf("%+v", st[0])
	}
	if st[1].State == "up" || !strings.Contains(st[1].Detail, "calls itself nyc") {
		t.Errorf("%+v", st[1])
	}
	if st[2].State == "up" || !strings.Contains(st[2].Detail, string(FaultUnreachable)) {
		t.Errorf("%+v", st[2])
	}
}

func TestPanelsThatAreRefused(t *testing.T) {
	s := newSite(t)
	good := s.remote("ams", "RIPE", "127.0.0.1:1")
	with := func(fn func(*Remote)) Remote { r := good; fn(&r); return r }
	for _, tt := range []struct {
		name    string
		remotes []Remote
		want    string
	}{
		{"good", []Remote{good}, ""},
		{"none", nil, ""},
		{"two of one name", []Remote{good, with(func(r *Remote) { r.URL, r.Name = "https://127.0.0.2:1", "AMS" })}, "name is used twice"},
		{"two of one machine", []Remote{good, with(func(r *Remote) { r.Name = "nyc" })}, "url is used twice"},
		{"no name", []Remote{with(func(r *Remote) { r.Name = "" })}, "name wants"},
		{"no region", []Remote{with(func(r *Remote) { r.Region = "Europe" })}, "region wants"},
		{"plain HTTP", []Remote{with(func(r *Remote) { r.URL = "http://127.0.0.1:1" })}, "https"},
		{"a path", []Remote{with(func(r *Remote) { r.URL += "/v1" })}, "https"},
		{"a password", []Remote{with(func(r *Remote) { r.URL = "https://a:b@127.0.0.1:1" })}, "https"},
		{"no TLS", []Remote{with(func(r *Remote) { r.TLS = nil })}, "TLS"},
		{"TLS of any server", []Remote{with(func(r *Remote) { r.TLS = r.TLS.Clone(); r.TLS.InsecureSkipVerify = true })}, "TLS"},
		{"too many", slices.Repeat([]Remote{good}, MaxRemotes+1), "at most"},
	} {
		_, err := NewPanel(tt.remotes)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	now := time.Now()
	a, err := NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenAuthority(a.KeyPair)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Server(now, "ams", []string{"ams.example.net", "2a0e::1"}); err != nil {
		t.Error(err)
	}
	if _, err := again.Server(now, "ams", nil); err == nil {
		t.Error("a certificate for no host is made")
	}
	if _, err := again.Client(now, "a b"); err == nil {
		t.Error("a certificate for no name is made")
	}
	other, err := NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Client(now, "main")
	if err != nil {
		t.Fatal(err)
	}
	for what, kp := range map[string]KeyPair{
		"nothing": {}, "another key": {a.Cert, other.Key}, "no authority": pair, "not PEM": {[]byte("x"), []byte("y")},
	} {
		if _, err := OpenAuthority(kp); err == nil {
			t.Errorf("%s is taken for an authority", what)
		}
	}
}

func FuzzRequest(f *testing.F) {
	good := Request{Version: 1, ID: "att_1", Nonce: strings.Repeat("0", 32), Method: "dns_txt", Hostname: "example.com",
		Profile: "zonehold", Token: strings.Repeat("a", 32), TimeMS: 1000}
	text, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeRequest(body)
		if err != nil {
			return
		}
		m, ok := verify.Lookup(r.Method)
		if !ok || !Asks(r.Method) {
			t.Fatalf("method %q", r.Method)
		}
		if host, err := zonehold.ParseHostname(string(r.Hostname)); err != nil || host != r.Hostname {
			t.Fatalf("hostname %q", r.Hostname)
		}
		m.Challenge(&verify.Kit{CNAMEZone: r.CNAMEZone}, r.claim())
	})
}

func FuzzAnswer(f *testing.F) {
	text, err := json.Marshal(Answer{Version: 1, Outcome: zonehold.OutcomeVerified, Passed: true, Completed: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := decodeAnswer(body)
		if err != nil {
			return
		}
		if a.Passed != (a.Outcome == zonehold.OutcomeVerified) || len(a.Observed) > maxObserved || strings.ContainsAny(a.Detail, "\n\x00\u202e") {
			t.Fatalf("%+v", a)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
	})
}

// A later phase of the Baseline Requirements keeps no server from starting that
// has had enough.
func TestUsable(t *testing.T) {
	later := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	regions := []string{"RIPE", "ARIN", "APNIC", "RIPE", "ARIN"}
	for n := range 6 {
		p := Policy{Mode: ModeBR}
		if err := p.Feasible(later, regions[:n]); (err == nil) != (n >= 5) {
			t.Errorf("feasible with %d: %v", n, err)
		}
		if err := p.Usable(later, regions[:n]); (err == nil) != (n >= 4) {
			t.Errorf("usable with %d: %v", n, err)
		}
	}
	if err := (Policy{Mode: ModeBR}).Usable(later, []string{"RIPE", "RIPE", "RIPE", "RIPE"}); err == nil {
		t.Error("all in one region")
	}
}

// Of changes that wait for their turn only how things are is told.
func TestChangesAreToldInOrder(t *testing.T) {
	p := &Panel{}
	for _, name := range []string{"ams", "nyc"} {
		p.members = append(p.members, &member{client: &client{remote: Remote{Name: name}}, status: Status{Name: name, State: "unknown"}})
	}
	ams, nyc := p.members[0], p.members[1]
	var told []string
	entered, leave := make(chan struct{}), make(chan struct{})
	p.Changed = func(c Change) {
		told = append(told, fmt.Sprintf("%s %t", c.Name, c.Up)) // one at a time
		if c.Name == "nyc" {
			close(entered)
			<-leave
		}
	}
	p.note(ams, "", "", 0, "")
	var wg sync.WaitGroup
	wg.Go(func() { p.note(nyc, "", "", 0, "") })
	<-entered
	// While that is told, the other one goes down and comes back.
	down := func() {
		for range downAfter {
			wg.Go(func() { p.note(ams, FaultTimeout, "slow", 0, "") })
		}
		for state := ""; state != "down"; {
			time.Sleep(time.Millisecond)
			state = p.Status()[0].State
		}
	}
	down()
	wg.Go(func() { p.note(ams, "", "", 0, "") })
	for state := ""; state != "up"; {
		state = p.Status()[0].State
	}
	close(leave)
	wg.Wait()
	if want := []string{"ams true", "nyc true"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	down()
	wg.Wait()
	if want := []string{"ams true", "nyc true", "ams false"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
