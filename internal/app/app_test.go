package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// quick has short waits where a slow machine does no harm by them.
var quick = timing{
	beat: 50 * time.Millisecond, silent: 40 * time.Second, selfStop: 30 * time.Second, late: 300 * time.Millisecond,
	attempt: 60 * time.Second, net: 60 * time.Second, sweep: time.Second, poll: 100 * time.Millisecond,
}

// impatient nodes take over from silent ones soon. They are for tests in which
// no living node can be silent to another one.
func impatient() timing {
	t := quick
	t.silent = time.Second
	return t
}

// fixed is a check that always ends the same way.
func fixed(method zonehold.Method, outcome zonehold.Outcome) CheckFunc {
	return func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
		return report(method, outcome)
	}
}

func report(method zonehold.Method, outcome zonehold.Outcome) diagnose.Report {
	r := diagnose.Report{Method: method, Outcome: outcome, StartedAt: time.Now(), Duration: time.Millisecond,
		Steps: []zonehold.Step{{Name: "ask_authoritative", Target: "ns1", StartedAt: time.Now(), Result: "NOERROR", OK: true}}}
	if outcome != zonehold.OutcomeVerified {
		p := problem.New("dns_record_missing", nil)
		r.Problem = &p
	}
	return r
}

// recv is what comes next. A test that would wait for ever fails instead.
func recv[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(3 * time.Minute):
		t.Fatal("what the test waits for never comes")
	}
	return v
}

// let lets one who waits at the gate go on.
func let(t testing.TB, gate chan<- struct{}) {
	t.Helper()
	select {
	case gate <- struct{}{}:
	case <-time.After(3 * time.Minute):
		t.Fatal("nobody waits at the gate")
	}
}

// blocking is a check that waits to be let go.
type blocking struct {
	begun chan string           // hostnames
	end   chan zonehold.Outcome // one for each check
}

func newBlocking() *blocking {
	return &blocking{begun: make(chan string, 1000), end: make(chan zonehold.Outcome, 1000)}
}

func (b *blocking) check(ctx context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
	b.begun <- string(c.Hostname)
	select {
	case outcome := <-b.end:
		return report(zonehold.MethodDNSTXT, outcome)
	case <-ctx.Done():
		return report(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive)
	}
}

func start1(t testing.TB, s *store.Store, cfg Config, tm timing) *App {
	t.Helper()
	cfg.Store, cfg.Worker = s, true
	a := make1(t, s, cfg, tm)
	launch(t, a)
	return a
}

// launch starts it until the test ends.
func launch(t testing.TB, a *App) {
	t.Helper()
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
}

func make1(t testing.TB, s *store.Store, cfg Config, tm timing) *App {
	t.Helper()
	cfg.Store = s
	if cfg.Kit == nil {
		cfg.Kit = &verify.Kit{}
	}
	if cfg.ChecksPerMinute == 0 {
		cfg.ChecksPerMinute = -1
	}
	if cfg.TargetChecksPerHour == 0 {
		cfg.TargetChecksPerHour = -1
	}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(logWriter{t}, nil))
	}
	a, err := newApp(cfg, tm)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func actor(t testing.TB, s *store.Store, name string) zonehold.Actor {
	t.Helper()
	account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return zonehold.Actor{Account: account, TokenID: "tok", Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
}

func create(t testing.TB, a *App, who zonehold.Actor, hostname string) *Domain {
	t.Helper()
	d, created, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: hostname})
	if err != nil || !created {
		t.Fatalf("creating %s: %v, %v", hostname, created, err)
	}
	return d
}

func begin(t testing.TB, a *App, who zonehold.Actor, ref string, method zonehold.Method) *Attempt {
	t.Helper()
	at, err := a.StartAttempt(t.Context(), who, ref, method, zonehold.TriggerRequest)
	if err != nil {
		t.Fatalf("starting a check of %s: %v", ref, err)
	}
	return at
}

func wait(t testing.TB, a *App, who zonehold.Actor, id string) *Attempt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	at, err := a.WaitAttempt(ctx, who, id)
	if err != nil {
		t.Fatal(err)
	}
	if !at.State.Finished() {
		t.Fatalf("attempt %s did not end: %s", id, at.State)
	}
	return at
}

func get(t testing.TB, a *App, who zonehold.Actor, ref string) *Domain {
	t.Helper()
	d, err := a.Domain(t.Context(), who, ref)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantKind(t testing.TB, err error, kind Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("error %v, want kind %s", err, kind)
	}
	return e
}

func eventTypes(t testing.TB, a *App, who zonehold.Actor) (types []zonehold.EventType) {
	t.Helper()
	after, seq := "", int64(0)
	for {
		events, err := a.Events(t.Context(), who, after, 500, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return types
		}
		for _, e := range events {
			if seq++; e.Seq != seq {
				t.Errorf("event %d has number %d", seq, e.Seq)
			}
			types, after = append(types, e.Type), e.ID
		}
	}
}

func TestCheckFromStartToEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		b := newBlocking()
		a := start1(t, s, Config{Check: b.check}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "Example.COM.")
		if d.Hostname != "example.com" || d.Turn != zonehold.TurnYou || len(d.Challenges) != len(verify.Methods()) || d.State != zonehold.StatePending {
			t.Fatalf("created %+v", d)
		}
		at := begin(t, a, who, "example.com", "")
		recv(t, b.begun)
		if at.State != zonehold.AttemptRunning {
			t.Errorf("started straight: %s", at.State)
		}
		now := get(t, a, who, d.ID)
		if now.Turn != zonehold.TurnUs || now.Running == nil || now.Running.ID != at.ID || now.Version <= d.Version {
			t.Errorf("while running: %+v", now)
		}
		_, err := a.StartAttempt(t.Context(), who, d.ID, zonehold.MethodFile, zonehold.TriggerRequest)
		if e := wantKind(t, err, KindConflict); e.Attempt == nil || e.Attempt.ID != at.ID {
			t.Errorf("conflict names %+v", e.Attempt)
		}
		b.end <- zonehold.OutcomeAbsent
		done := wait(t, a, who, at.ID)
		if done.Outcome != zonehold.OutcomeAbsent || done.Problem == nil || done.Method != zonehold.MethodDNSTXT || len(done.Steps) != 1 {
			t.Errorf("finished %+v", done)
		}
		if body, err := a.Evidence(t.Context(), who, at.ID); err != nil || len(body) == 0 || body[0] != '{' {
			t.Errorf("evidence %q, %v", body, err)
		}
		now = get(t, a, who, d.ID)
		if now.State != zonehold.StatePending || now.Problem == nil || now.LastAttempt == nil || now.LastAttempt.ID != at.ID || now.Turn != zonehold.TurnYou {
			t.Errorf("after a no: %+v", now)
		}
		b.end <- zonehold.OutcomeVerified
		at = begin(t, a, who, d.ID, "dns_txt")
		wait(t, a, who, at.ID)
		now = get(t, a, who, d.ID)
		if now.State != zonehold.StateVerified || now.Method != zonehold.MethodDNSTXT || now.Assurance != zonehold.AssuranceDNS ||
			now.Covers != zonehold.CoversSubtree || now.Problem != nil || now.Turn != zonehold.TurnNobody || now.NextCheckAt.IsZero() || now.VerifiedAt.IsZero() {
			t.Errorf("after a yes: %+v", now)
		}
		want := []zonehold.EventType{"domain.created", "attempt.completed", "domain.verification_failed", "attempt.completed", "domain.verified"}
		if got := eventTypes(t, a, who); len(got) != len(want) {
			t.Errorf("events %v, want %v", got, want)
		}
		page, err := a.Attempts(t.Context(), who, d.ID, 1, "")
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != at.ID || page.NextCursor == "" {
			t.Fatalf("attempts %+v, %v", page, err)
		}
		page, err = a.Attempts(t.Context(), who, d.ID, 1, page.NextCursor)
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != done.ID || page.NextCursor != "" {
			t.Errorf("second page %+v, %v", page, err)
		}
		other := actor(t, s, "beta")
		_, err = a.Attempt(t.Context(), other, at.ID)
		wantKind(t, err, KindNotFound)
		_, err = a.Evidence(t.Context(), other, at.ID)
		wantKind(t, err, KindNotFound)
		_, err = a.Domain(t.Context(), other, d.ID)
		wantKind(t, err, KindNotFound)
		owners, err := a.Owners(t.Context(), who, now)
		if err != nil || len(owners) != 1 || owners[0].Account.Name != "alpha" {
			t.Errorf("owners %+v, %v", owners, err)
		}
	})
}

// sweep does at once what a process does now and then, and begins what is due.
func (a *App) sweep(ctx context.Context) error {
	if err := a.keepHouse(ctx); err != nil {
		return err
	}
	return a.pullAll(ctx)
}
