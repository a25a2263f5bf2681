package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// crash ends the beats and loops of a node without any good-bye. Its running
// checks go on, as those of a machine that lost its network.
func crash(t *testing.T, a *App) {
	t.Helper()
	a.started.Store(false)
	a.stopLoops()
	a.loops.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.jobs.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// stuck is a check that heeds nothing until it is let go, then says absent.
func stuck(begun chan<- string, end <-chan bool) CheckFunc {
	return func(_ context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
		begun <- string(c.Hostname)
		<-end
		return report(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)
	}
}

func TestDeadNodeIsReplacedAndItsResultsAreDropped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const n = 20
		begun, end := make(chan string, n), make(chan bool)
		dead := make1(t, s, Config{Check: stuck(begun, end), Worker: true}, quick)
		if err := dead.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		who := actor(t, s, "alpha")
		var ids []string
		for i := range n {
			ids = append(ids, begin(t, dead, who, create(t, dead, who, fmt.Sprintf("n%d.example", i)).ID, "").ID)
			recv(t, begun)
		}
		crash(t, dead)
		heir := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, impatient())
		for _, id := range ids {
			if got := wait(t, heir, who, id); got.Outcome != zonehold.OutcomeVerified {
				t.Errorf("attempt %s ended %s %s", id, got.State, got.Outcome)
			}
		}
		close(end) // the zombie delivers
		dead.runs.wg.Wait()
		page, err := heir.Domains(t.Context(), who, DomainQuery{Limit: -1})
		if err != nil || len(page.Items) != n {
			t.Fatal(err)
		}
		for _, d := range page.Items {
			if d.State != zonehold.StateVerified || d.LastAttempt.Outcome != zonehold.OutcomeVerified {
				t.Errorf("%s: %s, %s", d.Hostname, d.State, d.LastAttempt.Outcome)
			}
		}
		count := map[zonehold.EventType]int{}
		for _, e := range eventTypes(t, heir, who) {
			count[e]++
		}
		if count["attempt.completed"] != n || count["domain.verified"] != n {
			t.Errorf("events %v", count)
		}
	})
}

func TestLostHeartbeatStopsTheChecks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var (
			down     atomic.Bool
			first    atomic.Bool
			canceled = make(chan error, 1)
		)
		check := func(ctx context.Context, _ *verify.Kit, _ zonehold.Method, _ verify.Claim) diagnose.Report {
			if first.Swap(true) {
				return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
			}
			<-ctx.Done()
			canceled <- context.Cause(ctx)
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)
		}
		tm := quick
		tm.selfStop = 2 * time.Second
		a := make1(t, s, Config{Check: check, Worker: true}, tm)
		beat := a.beat
		a.beat = func(ctx context.Context) error {
			if down.Load() {
				return errors.New("the network is gone")
			}
			return beat(ctx)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		who := actor(t, s, "alpha")
		at := begin(t, a, who, create(t, a, who, "example.com").ID, "")
		down.Store(true)
		if err := recv(t, canceled); !errors.Is(err, errSuspended) {
			t.Errorf("the check ended by %v", err)
		}
		// A pause of the machine may have stopped the check before: then the last
		// beat is young still.
		await(t, func() bool { return a.Healthy(t.Context()) != nil })
		down.Store(false)
		if got := wait(t, a, who, at.ID); got.Outcome != zonehold.OutcomeVerified {
			t.Errorf("in the end %s %s", got.State, got.Outcome)
		}
	})
}

func TestLostJobIsFetched(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tm := quick
		tm.late = 50 * time.Millisecond
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, tm)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		at := &store.Attempt{Attempt: zonehold.Attempt{ID: zonehold.NewID("att"), DomainID: d.ID, Trigger: zonehold.TriggerRequest,
			State: zonehold.AttemptQueued, CreatedAt: time.Now()}, AccountID: who.Account.ID, Generation: 1, ReadyAt: time.Now()}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertAttempts(t.Context(), []*store.Attempt{at}) }); err != nil {
			t.Fatal(err)
		}
		if got := wait(t, a, who, at.ID); got.Outcome != zonehold.OutcomeVerified {
			t.Errorf("%+v", got)
		}
	})
}

func TestQueueDeliversToAnotherProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tm := quick
		tm.late = time.Hour // only River delivers
		api := make1(t, s, Config{Check: func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
			t.Error("the process without the worker role ran a check")
			return diagnose.Report{}
		}}, tm)
		worker := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, tm)
		who := actor(t, s, "alpha")
		for i := range 5 {
			at := begin(t, api, who, create(t, api, who, fmt.Sprintf("n%d.example", i)).ID, "")
			if at.State != zonehold.AttemptQueued {
				t.Errorf("state %s", at.State)
			}
			if got := wait(t, api, who, at.ID); got.Outcome != zonehold.OutcomeVerified {
				t.Errorf("%+v", got)
			}
		}
		if err := worker.Healthy(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoNodesShareAndOneStopsInGoodOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var ran [2]atomic.Int64
		check := func(node int) CheckFunc {
			return func(ctx context.Context, _ *verify.Kit, _ zonehold.Method, _ verify.Claim) diagnose.Report {
				select {
				case <-time.After(300 * time.Millisecond):
				case <-ctx.Done():
					return report(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive)
				}
				ran[node].Add(1)
				return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
			}
		}
		api := make1(t, s, Config{}, quick)
		one := make1(t, s, Config{Check: check(0), Worker: true, Slots: 4}, quick)
		if err := one.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		start1(t, s, Config{Check: check(1), Slots: 4}, quick)
		who := actor(t, s, "alpha")
		var ids []string
		for i := range 40 {
			ids = append(ids, begin(t, api, who, create(t, api, who, fmt.Sprintf("n%d.example", i)).ID, "").ID)
		}
		for i := 40; ran[0].Load() == 0 || ran[1].Load() == 0; i++ { // one may be first at all that there is
			ids = append(ids, begin(t, api, who, create(t, api, who, fmt.Sprintf("n%d.example", i)).ID, "").ID)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := one.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		for _, id := range ids {
			if got := wait(t, api, who, id); got.Outcome != zonehold.OutcomeVerified {
				t.Errorf("attempt ended %s %s", got.State, got.Outcome)
			}
		}
		if sum := ran[0].Load() + ran[1].Load(); sum < int64(len(ids)) {
			t.Errorf("%d runs", sum)
		}
	})
}

func TestStopLeavesNothingBehind(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		before := goleak.IgnoreCurrent()
		s, err := store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		a := make1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), Worker: true}, quick)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		who := actor(t, s, "alpha")
		wait(t, a, who, begin(t, a, who, create(t, a, who, "example.com").ID, "").ID)
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if n, err := s.LiveNodes(t.Context(), time.Hour); n != 0 || err != nil {
			t.Errorf("%d nodes left, %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		var left error
		for end := time.Now().Add(3 * time.Minute); ; { // Find itself is not patient for long
			if left = goleak.Find(before); left == nil || time.Now().After(end) {
				break
			}
		}
		if left != nil {
			t.Error(left)
		}
	})
}

// The child of TestKilledServer: it begins the checks, or goes on with them,
// until it is killed.
func child(cfg store.Config, begin bool) error {
	ctx := context.Background()
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.Lock(); err != nil {
		return err
	}
	check := func(ctx context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
		select {} // until the end
	}
	tm := impatient()
	tm.attempt = time.Hour
	a, err := newApp(Config{Store: s, Kit: &verify.Kit{}, Check: check, Worker: true, ChecksPerMinute: -1, TargetChecksPerHour: -1}, tm)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if begin {
		account, err := s.AccountByName(ctx, "alpha")
		if err != nil {
			return err
		}
		who := zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
		page, err := a.Domains(ctx, who, DomainQuery{Limit: -1})
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		for _, d := range page.Items {
			wg.Go(func() {
				if _, err := a.StartAttempt(ctx, who, d.ID, "", zonehold.TriggerRequest); err != nil {
					panic(err)
				}
			})
		}
		wg.Wait()
	}
	select {}
}

func TestKilledServer(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		const n = 200
		s := storetest.Open(t, cfg)
		who := actor(t, s, "alpha")
		setup := make1(t, s, Config{}, quick)
		for i := range n {
			create(t, setup, who, fmt.Sprintf("%c%d.example", "vm"[i%2], i))
		}
		for round := range 2 {
			text, err := json.Marshal(cfg)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "ZONEHOLD_TEST_CHILD="+string(text), fmt.Sprint("ZONEHOLD_TEST_ROUND=", round))
			cmd.Stderr = os.Stderr
			from := time.Now()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := from.Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
				page, err := setup.Domains(t.Context(), who, DomainQuery{Limit: -1})
				if err != nil {
					t.Fatal(err)
				}
				running := 0
				for _, d := range page.Items {
					// Those that the first server left still say "running".
					if d.Running != nil && d.Running.State == zonehold.AttemptRunning && d.Running.StartedAt.After(from) {
						running++
					}
				}
				if running == n {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("round %d: only %d checks run", round, running)
				}
			}
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed
		}
		// The last server ends every check.
		check := func(_ context.Context, _ *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			if strings.HasPrefix(string(c.Hostname), "v") {
				return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
			}
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeMismatch)
		}
		restart := time.Now()
		if err := s.Lock(); err != nil {
			t.Fatal(err)
		}
		a := start1(t, s, Config{Check: check}, impatient())
		page, err := a.Domains(t.Context(), who, DomainQuery{Limit: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Items {
			attempts, err := a.Attempts(t.Context(), who, d.ID, 10, "")
			if err != nil || len(attempts.Items) != 1 {
				t.Fatalf("%s has %d attempts, %v", d.Hostname, len(attempts.Items), err)
			}
			wait(t, a, who, attempts.Items[0].ID)
			want := zonehold.StatePending
			if strings.HasPrefix(string(d.Hostname), "v") {
				want = zonehold.StateVerified
			}
			if got := get(t, a, who, d.ID); got.State != want {
				t.Errorf("%s is %s, want %s", d.Hostname, got.State, want)
			}
		}
		t.Logf("every check had ended %s after the restart", time.Since(restart).Round(time.Millisecond))
		// The race detector and other tests slow this down; the built program is
		// held to 30 s (TestCrash in internal/systemtest).
		if since := time.Since(restart); since > 90*time.Second {
			t.Errorf("the last check ended %s after the restart", since)
		}
		count := map[zonehold.EventType]int{}
		for _, e := range eventTypes(t, a, who) {
			count[e]++
		}
		if count["attempt.completed"] != n || count["domain.verified"] != n/2 {
			t.Errorf("events %v", count)
		}
	})
}

func TestMain(m *testing.M) {
	if text := os.Getenv("ZONEHOLD_TEST_CHILD"); text != "" {
		var cfg store.Config
		err := json.Unmarshal([]byte(text), &cfg)
		if err == nil {
			err = child(cfg, os.Getenv("ZONEHOLD_TEST_ROUND") == "0")
		}
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.Exit(code)
}
