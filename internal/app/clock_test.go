package app

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// machine has a wall clock and a monotonic one.
type machine struct {
	wallBy, run time.Duration
}

func (m *machine) guard() *clockGuard {
	from := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	return &clockGuard{
		wall: func() time.Time { return from.Add(m.run + m.wallBy) },
		mono: func() time.Duration { return m.run },
	}
}

func TestClockGuard(t *testing.T) {
	type step struct {
		run, jump time.Duration // what passes, and what the wall clock jumps by besides
		database  time.Duration // how far that of the database is from what should be; -1: none
		doubtful  bool
		said      string // what the beat reports
	}
	const none = -1
	for name, steps := range map[string][]step{
		"steady, with small corrections": {
			{run: time.Hour, database: none}, {run: time.Hour, jump: time.Minute, database: none}, {run: time.Hour, jump: 4 * time.Minute, database: none},
			{run: time.Hour, jump: 4 * time.Minute, database: none}, {run: time.Hour, jump: -4 * time.Minute, database: none},
		},
		"forwards by a year and back": {
			{run: time.Second, database: none}, {jump: 365 * 24 * time.Hour, database: none, doubtful: true, said: "jumped by 8760h"},
			{run: 10 * time.Minute, database: none, doubtful: true}, {run: time.Second, jump: -365 * 24 * time.Hour, database: none, said: "ended"},
		},
		"backwards, and it stays": {
			{run: time.Second, database: none}, {jump: -6 * time.Minute, database: none, doubtful: true, said: "jumped by -6m"},
			{run: 59 * time.Minute, database: none, doubtful: true}, {run: time.Minute, database: none, said: "ended"},
			{run: time.Hour, database: none},
		},
		"a jump that the database confirms, as of a machine that slept": {
			{run: time.Second, database: 0}, {jump: time.Hour, database: time.Hour, said: ""}, {run: time.Hour, database: time.Hour},
		},
		"a jump that the database denies, for as long as it does": {
			{run: time.Second, database: 0}, {jump: time.Hour, database: 0, doubtful: true, said: "database by 1h"},
			{run: 5 * time.Hour, database: 0, doubtful: true}, {run: time.Second, jump: -time.Hour, database: 0, said: "ended"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{}
			c := m.guard()
			c.doubtful()
			before, base := "", c.wall()
			for i, s := range steps {
				m.run, m.wallBy = m.run+s.run, m.wallBy+s.jump
				var other time.Time
				if s.database != none {
					other = base.Add(m.run + s.database)
				}
				v := c.observe(before, other)
				before = c.why()
				said := v.began
				if v.ended != "" {
					said = "ended"
				}
				if !strings.Contains(said, s.said) || (s.said == "") != (said == "") || c.doubtful() != s.doubtful {
					t.Errorf("step %d: said %q, doubtful %v", i, said, c.doubtful())
				}
			}
		})
	}
}

func TestClockAtTheStart(t *testing.T) {
	m := &machine{}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		newest           time.Time
		doubtful, barred bool
	}{
		{time.Time{}, false, false}, {now.Add(-time.Hour), false, false}, {now.Add(4 * time.Minute), false, false},
		{now.Add(6 * time.Minute), true, false}, {now.Add(-366 * 24 * time.Hour), false, true},
	} {
		c := m.guard()
		warn := c.start(now, tc.newest)
		if c.doubtful() != tc.doubtful || c.lapseBarred() != tc.barred || (warn != "") != tc.barred {
			t.Errorf("newest %s: doubtful %v, barred %v, %q", tc.newest, c.doubtful(), c.lapseBarred(), warn)
		}
		m.run += 25 * time.Hour
		if c.observe(c.why(), time.Time{}); c.doubtful() || c.lapseBarred() {
			t.Errorf("newest %s: still after a day", tc.newest)
		}
	}
}

func TestClockJumpSuspendsSweeps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, l := newDriven(), &land{}
		ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
		all := names("here", 3)
		settle(t, s, who, c.now(), all...)
		l.set(zonehold.OutcomeAbsent, all...)
		tm := quick
		tm.sweep = time.Hour
		a := make1(t, s, Config{Check: l.check, Clock: c.now, OperatorAccount: "operator", Worker: true}, tm)
		var jump atomic.Int64
		wall := a.clock.wall
		a.clock.wall = func() time.Time { return wall().Add(time.Duration(jump.Load())) }
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		jump.Store(int64(365 * 24 * time.Hour))
		sweepAll(t, a)
		if got := states(t, a, who); got[zonehold.StateVerified] != 3 {
			t.Errorf("swept with a wrong clock: %v", got)
		}
		// What a person asks for is done, but nothing goes missing.
		at := wait(t, a, who, begin(t, a, who, string(all[0]), zonehold.MethodDNSTXT).ID)
		if len(at.Notes) == 0 || at.Notes[0].Code != "verdict_held" || get(t, a, who, string(all[0])).State != zonehold.StateVerified {
			t.Errorf("notes %v", at.Notes)
		}
		await(t, func() bool { return countEvents(t, a, ops)["clock.jumped"] == 1 })
		jump.Store(0)
		await(t, func() bool { return !a.clock.doubtful() })
		sweepAll(t, a)
		await(t, func() bool { return states(t, a, who)[zonehold.StateAtRisk] >= 2 })
	})
}

func await(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
	}
}

// Of two processes that beat under one id, one takes another.
func TestCopyOfANodeTakesANewID(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		l := &land{}
		one, two := make1(t, s, Config{Check: l.check, Worker: true}, quick), make1(t, s, Config{Check: l.check, Worker: true}, quick)
		if err := one.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := one.nodeID()
		two.nodeName.Store(&id) // cloned with its memory
		two.marks = append(two.marks, one.marks...)
		if !two.runs.add("att_1", false) {
			t.Fatal("no run")
		}
		if err := two.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		if two.nodeID() != id {
			t.Fatal("the first to beat keeps the id")
		}
		one.runs.add("att_1", false)
		for range 3 {
			for _, a := range []*App{one, two} {
				if err := a.beat(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if one.nodeID() == id || two.nodeID() != id {
			t.Errorf("%s and %s", one.nodeID(), two.nodeID())
		}
		if n, err := s.LiveNodes(t.Context(), time.Minute); n != 2 || err != nil {
			t.Errorf("%d nodes, %v", n, err)
		}
		if one.runs.cause("att_1") == nil || two.runs.cause("att_1") != nil {
			t.Error("the one that gave its id up goes on with its checks, or the other does not")
		}
	})
}

// What was planned while a clock was ahead is planned anew, once.
func TestFarPlansComeNearer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c, who := newDriven(), actor(t, s, "alpha")
		a := make1(t, s, Config{Clock: c.now}, quick)
		soon := c.now().Add(time.Hour).Truncate(time.Microsecond)
		settle(t, s, who, soon, "soon.example")
		settle(t, s, who, c.now().AddDate(5, 0, 0), "far.example")
		for range 2 {
			if err := a.planFar(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d := get(t, a, who, "soon.example"); !d.NextCheckAt.Equal(soon) || d.Version != 1 {
			t.Errorf("what was planned well: %s, version %d", d.NextCheckAt, d.Version)
		}
		d := get(t, a, who, "far.example")
		if d.NextCheckAt.Before(c.now()) || d.NextCheckAt.After(c.now().Add(a.cfg.RecheckInterval)) || d.Version != 2 {
			t.Errorf("what was planned in five years: %s, version %d", d.NextCheckAt, d.Version)
		}
	})
}
