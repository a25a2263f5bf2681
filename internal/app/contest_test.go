package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// contenders is a service with a clock that is driven, and a zone in which
// records stand or do not.
type contenders struct {
	*App
	t    testing.TB
	s    *store.Store
	mu   sync.Mutex
	at   time.Time
	zone map[string]bool // values that stand there
	down bool            // nobody can ask
	gate chan struct{}   // checks wait for it; nil: they do not
}

func newContenders(t testing.TB, s *store.Store, cfg Config) *contenders {
	c := &contenders{t: t, s: s, at: time.Now().UTC().Truncate(time.Microsecond), zone: map[string]bool{}}
	cfg.Clock = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.at
	}
	cfg.Check = func(_ context.Context, _ *verify.Kit, method zonehold.Method, claim verify.Claim) diagnose.Report {
		c.mu.Lock()
		gate := c.gate
		c.mu.Unlock()
		if gate != nil {
			gate <- struct{}{}
			<-gate
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case method == zonehold.MethodFile: // there are no web servers here
			return report(method, zonehold.OutcomeInconclusive)
		case c.down:
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeInconclusive)
		case c.zone[claim.Tokens.TXT]:
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
		}
		return report(zonehold.MethodDNSTXT, zonehold.OutcomeAbsent)
	}
	cfg.CreateWait = -1
	cfg.Worker = true
	c.App = make1(t, s, cfg, quick)
	// The tests do these themselves, step by step.
	c.chores = slices.DeleteFunc(c.chores, func(h chore) bool { return h.name == "contests" || h.name == "owners" })
	launch(t, c.App)
	return c
}

// pass lets time pass. What a check has seen before counts as of before: those
// under way, and those that are due, end first, unless they wait at the gate.
func (c *contenders) pass(d time.Duration) {
	c.t.Helper()
	c.mu.Lock()
	held := c.gate != nil
	c.mu.Unlock()
	if !held {
		c.rest()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rest waits until no check is under way or due.
func (c *contenders) rest() {
	c.t.Helper()
	await(c.t, func() bool {
		if c.runs.none() && c.due() == 0 {
			return true
		}
		c.pullSoon()
		return false
	})
}

// due counts the checks that are to begin or have begun.
func (c *contenders) due() (n int) {
	c.t.Helper()
	err := c.s.Writer().QueryRowContext(c.t.Context(), `SELECT
		(SELECT count(*) FROM attempts WHERE state IN ('queued', 'running')) +
		(SELECT count(*) FROM domains WHERE deleted_at = 0 AND next_check_at > 0 AND next_check_at <= $1)`, c.now().UnixMicro()).Scan(&n)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// none reports whether no check is under way in this process.
func (r *runs) none() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.active) == 0
}

func (c *contenders) set(d *Domain, there bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zone[d.Tokens.TXT] = there
}

func (c *contenders) cut(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// check runs a check by hand, after the one that may be under way, and waits
// for what comes of it: the holder of a name is looked at when another account
// proves it.
func (c *contenders) check(who zonehold.Actor, id string) *Attempt {
	c.t.Helper()
	at := checked(c.t, c.App, who, id)
	c.rest()
	return at
}

// checked runs a check by hand, after the one that may be under way.
func checked(t testing.TB, a *App, who zonehold.Actor, id string) *Attempt {
	t.Helper()
	for range 100 {
		at, err := a.StartAttempt(t.Context(), who, id, zonehold.MethodDNSTXT, zonehold.TriggerRequest)
		var busy *Error
		if errors.As(err, &busy) && busy.Kind == KindConflict {
			wait(t, a, who, busy.Attempt.ID)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return wait(t, a, who, at.ID)
	}
	t.Fatal("there is always a check under way")
	return nil
}

// idle waits until no check of the domains is under way.
func (c *contenders) idle(ids ...string) {
	c.t.Helper()
	quiet1(c.t, c.s, ids...)
}

// quiet1 waits until no check of the domains is under way.
func quiet1(t testing.TB, s *store.Store, ids ...string) {
	t.Helper()
	await(t, func() bool {
		under, err := s.Unfinished(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return len(under) == 0
	})
}

// allQuiet waits until no check is under way.
func allQuiet(t testing.TB, s *store.Store) {
	t.Helper()
	await(t, func() bool {
		queued, running, err := s.QueueDepth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return queued+running == 0
	})
}

// settle runs the chore until nothing more comes of it.
func (c *contenders) settle(ids ...string) {
	c.t.Helper()
	for range 4 {
		if err := c.settleContests(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		c.idle(ids...)
	}
}

// proved claims a name and proves it.
func (c *contenders) proved(who zonehold.Actor, name string) *Domain {
	c.t.Helper()
	d := create(c.t, c.App, who, name)
	c.set(d, true)
	if at := c.check(who, d.ID); at.Outcome != zonehold.OutcomeVerified {
		c.t.Fatalf("proving %s: %s, %+v", name, at.Outcome, at.Problem)
	}
	return get(c.t, c.App, who, d.ID)
}

func (c *contenders) want(who zonehold.Actor, id string, state zonehold.DomainState) *Domain {
	c.t.Helper()
	d := get(c.t, c.App, who, id)
	if d.State != state {
		c.t.Errorf("%s of %s is %s, want %s: %+v", d.Hostname, who.Account.Name, d.State, state, d.Problem)
	}
	return d
}

func (c *contenders) contest(who zonehold.Actor, ref, state string) *Contest {
	c.t.Helper()
	got, err := c.Contest(c.t.Context(), who, ref)
	if err != nil {
		c.t.Fatal(err)
	}
	if got.State != state {
		c.t.Errorf("the contest is %s, want %s", got.State, state)
	}
	return got
}

// events are those of one type, with their data.
func (c *contenders) events(who zonehold.Actor, kind zonehold.EventType) (out []map[string]any) {
	c.t.Helper()
	list, err := c.Events(c.t.Context(), who, "", 500, false)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range list {
		if e.Type == kind {
			var data map[string]any
			if err := json.Unmarshal(e.Data, &data); err != nil {
				c.t.Fatal(err)
			}
			out = append(out, data)
		}
	}
	return out
}

// secretFrom fails if what one account reads names another one.
func (c *contenders) secretFrom(who, other zonehold.Actor, ids ...string) {
	c.t.Helper()
	list, err := c.Events(c.t.Context(), who, "", 500, false)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range list {
		for _, word := range append(ids, other.Account.ID, other.Account.Name) {
			if strings.Contains(string(e.Data), word) {
				c.t.Errorf("event %s of %s names %s: %s", e.Type, who.Account.Name, word, e.Data)
			}
		}
	}
}

func TestContest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna-the-holder"), actor(t, s, "bert-the-new-one")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		c.set(two, true)
		at := c.check(bert, two.ID)
		if at.Outcome != zonehold.OutcomeRefused || at.Problem == nil || at.Problem.Code != "claimed_by_other_account" {
			t.Fatalf("a second proof: %s, %+v", at.Outcome, at.Problem)
		}
		until := c.now().Add(72 * time.Hour)
		text := at.Problem.Found + strings.Join(at.Problem.Fixes, "\n")
		if !strings.Contains(text, moment(until)) || !strings.Contains(text, "_zonehold-challenge.example.com") || strings.Contains(text, one.Tokens.TXT) {
			t.Errorf("the problem says: %s", text)
		}
		if got := c.contest(bert, two.ID, "open"); !got.Challenger || !got.EndsAt.Equal(until) || got.DomainID != two.ID {
			t.Errorf("challenger sees %+v", got)
		}
		if got := c.contest(anna, one.ID, "open"); got.Challenger || got.DomainID != one.ID {
			t.Errorf("holder sees %+v", got)
		}
		told := c.events(anna, zonehold.EventDomainClaimed)
		if len(told) != 1 || told[0]["until"] != until.Format(time.RFC3339) || told[0]["hostname"] != "example.com" || told[0]["what_to_do"] == "" {
			t.Errorf("the holder is told %v", told)
		}
		// Again and again: one contest, one notice.
		for range 3 {
			c.check(bert, two.ID)
		}
		if told := c.events(anna, zonehold.EventDomainClaimed); len(told) != 1 {
			t.Errorf("the holder is told %d times", len(told))
		}
		// Nothing is decided before its time, even if the holder's record is gone.
		c.set(one, false)
		c.pass(71 * time.Hour)
		c.settle(one.ID, two.ID)
		c.check(bert, two.ID)
		if d := get(t, c.App, anna, one.ID); !d.State.Verified() {
			t.Errorf("the holder is %s before the wait is over", d.State)
		}
		c.want(bert, two.ID, zonehold.StatePending)
		c.pass(time.Hour + time.Minute)
		c.settle(one.ID, two.ID)
		c.want(bert, two.ID, zonehold.StateVerified)
		lost := c.want(anna, one.ID, zonehold.StateLapsed)
		if lost.Problem == nil || lost.Problem.Code != "claim_lost" || lost.Tokens.TXT == one.Tokens.TXT || lost.Generation == one.Generation {
			t.Errorf("the holder has %+v, %+v", lost.Domain, lost.Problem)
		}
		c.contest(bert, two.ID, "won")
		for who, challenger := range map[*zonehold.Actor]bool{&anna: false, &bert: true} {
			if e := c.events(*who, EventContestEnded); len(e) != 1 || e[0]["state"] != "won" || e[0]["challenger"] != challenger {
				t.Errorf("%s reads of the end: %v", who.Account.Name, e)
			}
		}
		if e := c.events(anna, zonehold.EventDomainLapsed); len(e) != 1 || e[0]["reason"] != "contest" {
			t.Errorf("the holder reads %v", e)
		}
		c.secretFrom(anna, bert, two.ID)
		c.secretFrom(bert, anna, one.ID)
		// The old record, put back, proves nothing.
		c.set(one, true)
		if at := c.check(anna, one.ID); at.Outcome != zonehold.OutcomeAbsent {
			t.Errorf("the old record: %s", at.Outcome)
		}
	})
}

func TestContestHolderStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		c.set(two, true)
		c.check(bert, two.ID)
		c.pass(73 * time.Hour)
		c.settle(one.ID, two.ID)
		c.want(anna, one.ID, zonehold.StateVerified)
		c.want(bert, two.ID, zonehold.StatePending)
		c.contest(bert, two.ID, "lost")
		// Not again within a week.
		for range 2 {
			at := c.check(bert, two.ID)
			if at.Outcome != zonehold.OutcomeRefused || !strings.Contains(at.Problem.Found, "lost a contest") {
				t.Errorf("after a lost contest: %s, %+v", at.Outcome, at.Problem)
			}
			c.pass(time.Hour)
		}
		if n := len(c.events(anna, zonehold.EventDomainClaimed)); n != 1 {
			t.Errorf("the holder was told %d times", n)
		}
		c.pass(contestAgain)
		c.check(bert, two.ID)
		c.contest(bert, two.ID, "open")
		if n := len(c.events(anna, zonehold.EventDomainClaimed)); n != 2 {
			t.Errorf("the holder was told %d times", n)
		}
		if _, err := c.WithdrawContest(t.Context(), anna, one.ID); err == nil {
			t.Error("the holder withdraws the other one's contest")
		}
		if got, err := c.WithdrawContest(t.Context(), bert, two.ID); err != nil || got.State != "withdrawn" {
			t.Errorf("withdrawn: %+v, %v", got, err)
		}
	})
}

// What cannot be asked decides nothing.
func TestContestInconclusive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		c.set(two, true)
		c.check(bert, two.ID)
		c.set(one, false)
		c.cut(true)
		c.pass(73 * time.Hour)
		c.settle(one.ID, two.ID)
		if got := c.contest(bert, two.ID, "open"); !got.EndsAt.After(c.now()) {
			t.Errorf("the wait ends at %s", got.EndsAt)
		}
		c.want(bert, two.ID, zonehold.StatePending)
		if !get(t, c.App, anna, one.ID).State.Verified() {
			t.Error("the holder has lost by a time-out")
		}
		// The holder is gone, but so is the challenger's record: dropped.
		c.cut(false)
		c.set(two, false)
		c.pass(2 * time.Hour)
		c.settle(one.ID, two.ID)
		c.contest(bert, two.ID, "dropped")
		if !get(t, c.App, anna, one.ID).State.Verified() {
			t.Error("the holder has lost to nobody")
		}
	})
}

func TestContestSidesLeave(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		c.set(two, true)
		c.check(bert, two.ID)
		// A third account: one contest for each name.
		carl := actor(t, s, "carl")
		three := create(t, c.App, carl, "example.com")
		c.set(three, true)
		if at := c.check(carl, three.ID); at.Outcome != zonehold.OutcomeRefused || !strings.Contains(at.Problem.Found, "Another contest") {
			t.Errorf("a third proof: %s, %+v", at.Outcome, at.Problem)
		}
		if _, err := c.Contest(t.Context(), carl, three.ID); err == nil {
			t.Error("the third account sees the contest of others")
		}
		if err := c.DeleteDomain(t.Context(), anna, one.ID, 0); err != nil {
			t.Fatal(err)
		}
		c.settle(two.ID)
		c.want(bert, two.ID, zonehold.StateVerified)
		c.contest(bert, two.ID, "won")
		if at := c.check(carl, three.ID); at.Outcome != zonehold.OutcomeRefused {
			t.Errorf("the third against the second: %s", at.Outcome)
		}
		c.contest(carl, three.ID, "open")
		if err := c.DeleteDomain(t.Context(), carl, three.ID, 0); err != nil {
			t.Fatal(err)
		}
		c.settle(two.ID)
		c.contest(bert, two.ID, "withdrawn")
		c.want(bert, two.ID, zonehold.StateVerified)
	})
}

// A right that its owner gave becomes a proof of one's own only by a contest.
func TestContestOverADelegatedName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		c.proved(anna, "example.com")
		if _, err := c.Delegate(t.Context(), anna, NewDelegation{Domain: "example.com", Account: "bert"}); err != nil {
			t.Fatal(err)
		}
		two := create(t, c.App, bert, "example.com")
		c.set(two, true)
		at := c.check(bert, two.ID)
		if at.Outcome != zonehold.OutcomeRefused {
			t.Errorf("proved beside the holder: %s", at.Outcome)
		}
	})
}
