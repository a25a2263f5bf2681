package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// A stock library accepts what is sent, and each try has the same id and body.
func TestEveryRungOfTheLadder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		r := newReceiver(t, status(500))
		hook, secret := st.webhook(r.URL)
		st.dispatch()
		event := st.happen(1, `{"hostname":"example.com","problem":{"code":"dns_record_missing","fixes":["put it back"]}}`)[0]
		lib, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		for try := range len(ladder) + 1 {
			d := st.tried(hook.ID, try+1)
			all := r.all()
			last := all[len(all)-1]
			if err := lib.VerifyIgnoringTimestamp(last.body, last.header); err != nil {
				t.Errorf("try %d: %v", try, err)
			}
			if try == 0 {
				if err := lib.Verify(last.body, last.header); err != nil {
					t.Errorf("with its time: %v", err)
				}
			}
			if id := last.header.Get("webhook-id"); id != event.ID || string(last.body) != string(all[0].body) {
				t.Errorf("try %d: id %s, body %s", try, id, last.body)
			}
			if got := last.header.Get("webhook-timestamp"); got != fmt.Sprint(st.clock.now().Unix()) {
				t.Errorf("try %d: timestamp %s", try, got)
			}
			if n := d.Tries[try]; n.Status != 500 || n.Error == "" || n.Answer != "said" || !n.At.Equal(st.clock.now()) {
				t.Errorf("log of try %d: %+v", try, n)
			}
			if try == len(ladder) {
				if d.State != store.DeliveryFailed || d.EndedAt.IsZero() {
					t.Errorf("after the last try: %+v", d)
				}
				break
			}
			wait := d.DueAt.Sub(st.clock.now())
			if diff := wait - ladder[try]; diff.Abs() > ladder[try]/10 {
				t.Errorf("after try %d it waits for %s, want about %s", try, wait, ladder[try])
			}
			st.clock.pass(wait - time.Microsecond)
			time.Sleep(50 * time.Millisecond)
			st.tried(hook.ID, try+1) // not before its time
			st.clock.pass(time.Microsecond)
		}
		var body struct {
			Type      string
			Timestamp time.Time
			Data      map[string]any
		}
		if err := json.Unmarshal(r.all()[0].body, &body); err != nil || body.Type != "domain.at_risk" || !body.Timestamp.Equal(event.CreatedAt) || body.Data["hostname"] != "example.com" {
			t.Errorf("body %s, %v", r.all()[0].body, err)
		}
		h := r.all()[0].header
		if h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != webhookAgent {
			t.Errorf("headers %v", h)
		}
		// A replay has the same id, and a time of its own.
		r.say(nil)
		st.clock.pass(time.Hour)
		err = s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ReplayDelivery(t.Context(), st.account, st.deliveries(hook.ID)[0].ID, st.clock.now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d := st.tried(hook.ID, len(ladder)+2)
		all := r.all()
		last := all[len(all)-1]
		if d.State != store.DeliveryDelivered || last.header.Get("webhook-id") != event.ID || last.header.Get("webhook-timestamp") != fmt.Sprint(st.clock.now().Unix()) {
			t.Errorf("replayed: %+v, %v", d, last.header)
		}
	})
}

func TestAnswers(t *testing.T) {
	const hour = time.Hour
	for _, tc := range []struct {
		name     string
		answer   http.HandlerFunc
		state    store.DeliveryState
		pause    time.Duration // of the outlet
		disabled string
	}{
		{"200", status(200), store.DeliveryDelivered, 0, ""},
		{"299", status(299), store.DeliveryDelivered, 0, ""},
		{"302", status(302, "Location", "/elsewhere"), store.DeliveryWaiting, 0, ""},
		{"308", status(308, "Location", "http://169.254.169.254/"), store.DeliveryWaiting, 0, ""},
		{"400", status(400), store.DeliveryWaiting, 0, ""},
		{"404", status(404), store.DeliveryWaiting, 0, ""},
		{"410", status(410), store.DeliveryFailed, 0, "gone"},
		{"429", status(429), store.DeliveryWaiting, time.Minute, ""},
		{"429 with a time", status(429, "Retry-After", "600"), store.DeliveryWaiting, 10 * time.Minute, ""},
		{"502", status(502, "Retry-After", "0"), store.DeliveryWaiting, time.Minute, ""},
		{"502 soon", status(502, "Retry-After", "1"), store.DeliveryWaiting, 5 * time.Second, ""},
		{"503", status(503), store.DeliveryWaiting, 0, ""},
		{"504 without end", status(504, "Retry-After", "2000000000"), store.DeliveryWaiting, hour, ""},
		{"504 with nonsense", status(504, "Retry-After", "-1e9"), store.DeliveryWaiting, time.Minute, ""},
		{"a body without end", func(w http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, store.DeliveryDelivered, 0, ""},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, store.DeliveryWaiting, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t, storetest.SQLite(t))
			st := newSite(t, s, "a")
			r := newReceiver(t, tc.answer)
			hook, _ := st.webhook(r.URL)
			st.dispatch()
			st.happen(1, `{}`)
			d := st.tried(hook.ID, 1)
			w, err := s.Webhook(t.Context(), st.account, hook.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d.State != tc.state || w.Enabled != (tc.disabled == "") || w.DisabledReason != tc.disabled {
				t.Errorf("state %s, enabled %v, %q; %+v", d.State, w.Enabled, w.DisabledReason, d.Tries)
			}
			if tc.state == store.DeliveryDelivered != w.FailingSince.IsZero() && tc.disabled == "" {
				t.Errorf("failing since %v", w.FailingSince)
			}
			if pause := w.PauseUntil.Sub(st.clock.now()); tc.pause != 0 && pause != tc.pause || tc.pause == 0 && !w.PauseUntil.IsZero() {
				t.Errorf("pause of %s, want %s", pause, tc.pause)
			}
			if len(d.Tries[0].Answer) > keptAnswer*6 || strings.ContainsRune(d.Tries[0].Answer, 0) {
				t.Errorf("%d bytes of an answer are kept", len(d.Tries[0].Answer))
			}
			if len(r.all()) != 1 {
				t.Errorf("%d requests", len(r.all()))
			}
			if tc.disabled == "" {
				return
			}
			events, err := s.Events(t.Context(), st.account, "", 10)
			if err != nil || len(events) != 2 || events[1].Type != zonehold.EventWebhookDisabled || !strings.Contains(string(events[1].Data), hook.ID) {
				t.Errorf("events %v, %v", events, err)
			}
		})
	}
}

// Both secrets sign while one takes the place of the other.
func TestRotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		r := newReceiver(t, nil)
		hook, first := st.webhook(r.URL)
		st.dispatch()
		second := NewSecret()
		if err := s.SetWebhookSecret(hook, second, st.clock.now().Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.UpdateWebhook(t.Context(), hook, false, st.clock.now()) }); err != nil {
			t.Fatal(err)
		}
		check := func(n int, secret string, want bool) {
			t.Helper()
			eventually(t, func() bool { return len(r.all()) == n })
			g := r.all()[n-1]
			lib, err := standard.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := lib.VerifyIgnoringTimestamp(g.body, g.header); (err == nil) != want {
				t.Errorf("request %d: %v", n, err)
			}
			err = Verify(secret, g.header.Get("webhook-id"), g.header.Get("webhook-timestamp"), g.header.Get("webhook-signature"), g.body, st.clock.now())
			if (err == nil) != want {
				t.Errorf("request %d, our own check: %v", n, err)
			}
		}
		st.happen(1, `{"a":"<&>"}`)
		check(1, first, true)
		check(1, second, true)
		check(1, NewSecret(), false)
		st.clock.pass(24 * time.Hour)
		st.happen(1, `{}`)
		check(2, first, false)
		check(2, second, true)
	})
}

// An endpoint that fails for five days is disabled, and says so in an event.
// A clock that jumps does not make five days of a minute.
func TestFiveDaysOfFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		r := newReceiver(t, status(500))
		hook, _ := st.webhook(r.URL, "domain.*")
		watch := newReceiver(t, nil)
		st.webhook(watch.URL, "webhook.disabled")
		st.dispatch()
		st.happen(1, `{}`)
		st.tried(hook.ID, 1)
		st.clock.pass(365 * 24 * time.Hour)
		d := st.tried(hook.ID, 2)
		enabled := func() bool {
			w, err := s.Webhook(t.Context(), st.account, hook.ID)
			return err == nil && w.Enabled
		}
		if !enabled() {
			t.Fatal("disabled by a jump of the clock")
		}
		for n := 3; d.State == store.DeliveryWaiting && n <= 5; n++ {
			st.clock.set(d.DueAt)
			d = st.tried(hook.ID, n)
		}
		eventually(t, func() bool { return !enabled() && len(watch.all()) == 1 })
		if body := string(watch.all()[0].body); !strings.Contains(body, `"reason":"failing"`) || !strings.Contains(body, hook.ID) || !strings.Contains(body, "It answered 500.") {
			t.Errorf("told as %s", body)
		}
		st.happen(3, `{}`)
		time.Sleep(100 * time.Millisecond)
		if n := len(st.deliveries(hook.ID)); n != 1 {
			t.Errorf("%d deliveries after it was disabled", n)
		}
	})
}

// Endpoints that never answer cost their own time only.
func TestDeadEndpointsDelayNobody(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	dead := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-end:
		case <-req.Context().Done():
		}
	})
	st := newSite(t, s, "attacker")
	for range 20 {
		st.webhook(dead.URL)
	}
	good := newSite(t, s, "good")
	good.clock = st.clock
	well := newReceiver(t, nil)
	good.webhook(well.URL)
	st.dispatch(func(c *Config) { c.Slots = 32 })
	st.happen(20, `{}`)
	eventually(t, func() bool { return len(dead.all()) == perAccount })
	good.happen(50, `{}`)
	eventually(t, func() bool { return len(well.all()) == 50 })
	// None of the dead ones has ended, which would have let another one in.
	if n := len(dead.all()); n != perAccount {
		t.Errorf("50 deliveries took as long as a try of a dead endpoint: %d tries there", n)
	}
}

// Never answered is a failure with its time.
func TestNeverAnswered(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	dead := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	st := newSite(t, s, "a")
	hook, _ := st.webhook(dead.URL)
	const limit = 200 * time.Millisecond
	st.dispatch(func(c *Config) {
		c.Channels = []Channel{&Webhooks{Store: s, HTTP: plain(), Clock: st.clock.now, limit: limit}}
	})
	st.happen(1, `{}`)
	if try := st.tried(hook.ID, 1).Tries[0]; try.Status != 0 || !strings.Contains(try.Error, "no answer within 200ms") || try.Duration < limit {
		t.Errorf("%+v", try)
	}
}

// mute is a channel that sends and is then killed before anything is written
// down.
type mute struct {
	*Webhooks
	killed chan struct{}
	sent   chan struct{}
}

func (m *mute) Deliver(ctx context.Context, c *store.Claim) Result {
	m.Webhooks.Deliver(ctx, c)
	m.sent <- struct{}{}
	<-m.killed
	return Result{Verdict: Delivered}
}

// What a process sent before it was killed is sent again with the same id.
func TestKilledBetweenSendingAndWriting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		r := newReceiver(t, nil)
		hook, _ := st.webhook(r.URL)
		m := &mute{&Webhooks{Store: s, HTTP: plain()}, make(chan struct{}), make(chan struct{}, 1)}
		first := newDispatcher(Config{Store: s, Clock: st.clock.now, Channels: []Channel{m}}, timing{
			poll: quick.poll, lease: 700 * time.Millisecond, limit: time.Minute, back: time.Hour, look: time.Hour, write: time.Hour})
		if err := first.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		event := st.happen(1, `{}`)[0]
		<-m.sent
		first.stop() // killed now: its result comes when another one has the delivery
		first.loops.Wait()
		st.dispatch()
		d := st.tried(hook.ID, 1)
		all := r.all()
		if len(all) != 2 || all[0].header.Get("webhook-id") != event.ID || all[1].header.Get("webhook-id") != event.ID || string(all[0].body) != string(all[1].body) {
			t.Errorf("%d requests: %v", len(all), all)
		}
		if d.State != store.DeliveryDelivered || d.Run != 2 {
			t.Errorf("%+v", d)
		}
		close(m.killed)
		if err := first.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if again := st.tried(hook.ID, 1); again.Run != 2 {
			t.Errorf("the dead one's result counts: %+v", again)
		}
	})
}

// Two processes on one database never send the same at the same time, and more
// than four at a time to nobody.
func TestTwoDispatchers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		var mu sync.Mutex
		flying := map[string]int{}
		type endpoint struct {
			*receiver
			most, now atomic.Int32
		}
		var ends []*endpoint
		const events = 60
		for range 3 {
			e := &endpoint{}
			e.receiver = newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
				id := req.Header.Get("webhook-id") + e.URL
				mu.Lock()
				if flying[id]++; flying[id] > 1 {
					t.Errorf("%s is sent twice at a time", id)
				}
				mu.Unlock()
				if n := e.now.Add(1); n > e.most.Load() {
					e.most.Store(n)
				}
				time.Sleep(3 * time.Millisecond)
				e.now.Add(-1)
				mu.Lock()
				flying[id]--
				mu.Unlock()
				w.WriteHeader(200)
			})
			st.webhook(e.URL)
			ends = append(ends, e)
		}
		st.dispatch()
		st.dispatch()
		for range events / 5 {
			st.happen(5, `{}`)
		}
		eventually(t, func() bool {
			b, err := s.Backlog(t.Context(), store.KindWebhook)
			return err == nil && b.Waiting+b.Sending == 0 && len(ends[0].all()) >= events
		})
		for i, e := range ends {
			ids := map[string]bool{}
			for _, g := range e.all() {
				ids[g.header.Get("webhook-id")] = true
			}
			if len(ids) != events || len(e.all()) != events {
				t.Errorf("endpoint %d got %d events in %d requests", i, len(ids), len(e.all()))
			}
			if e.most.Load() > perOutlet {
				t.Errorf("endpoint %d got %d at a time", i, e.most.Load())
			}
		}
	})
}

// Stop waits for what is under way, and cuts off what takes too long; that is
// sent by the next process.
func TestStop(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		st := newSite(t, s, "a")
		end := make(chan struct{})
		t.Cleanup(func() { close(end) })
		r := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
			select {
			case <-end:
			case <-req.Context().Done():
			}
		})
		hook, _ := st.webhook(r.URL)
		d := newDispatcher(Config{Store: s, Clock: st.clock.now, Channels: []Channel{&Webhooks{Store: s, HTTP: plain()}}}, quick)
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		st.happen(1, `{}`)
		eventually(t, func() bool { return len(r.all()) == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if d := st.deliveries(hook.ID)[0]; d.State != store.DeliveryWaiting || len(d.Tries) != 0 {
			t.Errorf("after the stop: %+v", d)
		}
	})
}
