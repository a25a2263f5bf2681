package notify

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// sender delivers what is due of one kind.
type sender struct {
	d    *Dispatcher
	ch   Channel
	kind string
	rang chan struct{}
	done chan store.Outcome // tries that ended, to be written down

	mu      sync.Mutex
	flying  map[string]context.CancelFunc // by delivery
	tired   int                           // of them, for outlets that fail
	busy    map[string]int                // by account
	landed  chan struct{}                 // closed when nothing flies, after drain
	closing bool
}

func newSender(d *Dispatcher, ch Channel) *sender {
	return &sender{
		d: d, ch: ch, kind: ch.Kind(), rang: make(chan struct{}, 1), done: make(chan store.Outcome, d.cfg.Slots),
		flying: map[string]context.CancelFunc{}, busy: map[string]int{}, landed: make(chan struct{}),
	}
}

func (s *sender) ring() {
	select {
	case s.rang <- struct{}{}:
	default:
	}
}

// run claims and sends until ctx ends.
func (s *sender) run(ctx context.Context) {
	tick := time.NewTicker(s.d.timing.poll)
	defer tick.Stop()
	trouble := &trouble{log: s.d.cfg.Log, doing: "claiming deliveries"}
	after := ""
	for {
		var err error
		after, err = s.round(ctx, after)
		trouble.note(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-s.rang:
		case <-tick.C:
		}
	}
}

// round claims from one outlet to the next, until all were looked at or no
// slot is free. It returns where the next round begins.
func (s *sender) round(ctx context.Context, after string) (string, error) {
	wrapped := after == ""
	for ctx.Err() == nil {
		q := s.wants(after)
		if q.Slots == 0 {
			return after, nil
		}
		// What is claimed has to be known here, also at the end.
		step, cancel := whole(ctx)
		claims, last, err := s.d.cfg.Store.Claim(step, q)
		cancel()
		if err != nil {
			return after, err
		}
		for _, c := range claims {
			s.launch(c)
		}
		if after = last; last == "" {
			if wrapped {
				return "", nil
			}
			wrapped = true
		}
	}
	return after, nil
}

// wants is what there is room for.
func (s *sender) wants(after string) store.ClaimQuery {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := make(map[string]int, len(s.busy))
	for id, n := range s.busy {
		busy[id] = n
	}
	slots, per := s.d.cfg.Slots, perOutlet
	if s.kind == store.KindMail {
		per = 1 // one mail tells all that waits
	}
	return store.ClaimQuery{
		Kind: s.kind, Now: s.d.now(), Lease: s.d.timing.lease, Slots: max(slots-len(s.flying), 0), PerOutlet: per,
		Tired: max(slots/2-s.tired, 0), PerAccount: perAccount, Busy: busy, After: after,
	}
}

// launch makes one try beside the others.
func (s *sender) launch(c *store.Claim) {
	ctx, cancel := context.WithTimeout(context.Background(), s.d.timing.limit)
	weak := weary(&c.Outlet)
	s.mu.Lock()
	s.flying[c.ID] = cancel
	s.busy[c.AccountID]++
	if weak {
		s.tired++
	}
	s.mu.Unlock()
	go func() {
		outcome, ok := s.try(ctx, c)
		if !ok {
			// Cut off: the next process sends it. Nobody knows if it arrived.
			back, end := context.WithTimeout(context.Background(), 2*time.Second)
			if err := s.d.cfg.Store.GiveBack(back, []*store.Claim{c}); err != nil {
				s.d.cfg.Log.Warn("a delivery could not be given back; it waits for the end of its lease", "delivery", c.ID, "err", err)
			}
			end()
		} else {
			s.done <- outcome
		}
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.flying, c.ID)
		if s.busy[c.AccountID]--; s.busy[c.AccountID] == 0 {
			delete(s.busy, c.AccountID)
		}
		if weak {
			s.tired--
		}
		if s.closing && len(s.flying) == 0 {
			close(s.landed)
		}
	}()
}

// weary reports whether the outlet fails or asked for fewer.
func weary(o *store.Outlet) bool { return !o.FailingSince.IsZero() || o.Slow }

// try makes one try and says what follows. False: it was cut off.
func (s *sender) try(ctx context.Context, c *store.Claim) (store.Outcome, bool) {
	begun, now := time.Now(), s.d.now()
	r := Result{Verdict: Never, Error: "The event is kept no more."}
	if c.Event != nil {
		r = s.ch.Deliver(ctx, c)
	}
	took := time.Since(begun)
	if r.Verdict == Held || ctx.Err() == context.Canceled && r.Verdict != Delivered {
		return store.Outcome{}, false
	}
	out := s.settled(ctx, c, r, now)
	out.Try = store.Try{At: now, Status: r.Status, Duration: took, Error: r.Error, Answer: r.Answer}
	outcome := map[store.DeliveryState]string{store.DeliveryDelivered: "delivered", store.DeliveryWaiting: "again"}[out.State]
	switch {
	case out.Disable != "":
		outcome = "disabled"
	case outcome == "":
		outcome = "failed"
	}
	s.d.cfg.Observer.DeliveryTried(s.kind, outcome, took)
	return out, true
}

// settled is what follows from a result.
func (s *sender) settled(ctx context.Context, c *store.Claim, r Result, now time.Time) store.Outcome {
	out := store.Outcome{Claim: c, State: store.DeliveryFailed}
	switch {
	case r.Verdict == Delivered:
		out.State, out.Well = store.DeliveryDelivered, true
		return out
	case c.Event == nil:
		return out // says nothing of the outlet
	case r.Verdict == Gone:
		out.Disable = "gone"
	case c.Once:
		return out // a test counts for nothing but itself
	default:
		out.Failing = true
		if r.Slow {
			out.PauseUntil = now.Add(pause(r.Wait))
		}
		if d, ok := nextTry(c.ID, c.Rung); ok && r.Verdict == Again {
			out.State, out.DueAt = store.DeliveryWaiting, now.Add(d)
			if out.DueAt.Before(out.PauseUntil) {
				out.DueAt = out.PauseUntil
			}
		}
		// Several tries of this one as well: the clock may have jumped.
		if since := c.Outlet.FailingSince; !since.IsZero() && now.Sub(since) >= disableAfter && c.Rung+1 >= disableTries {
			out.State, out.Disable = store.DeliveryFailed, "failing"
		}
	}
	if out.Disable != "" {
		out.Event = s.disabled(ctx, c, r, out.Disable, now)
	}
	return out
}

// disabled is the event that says so; nil for what is not a webhook.
func (s *sender) disabled(ctx context.Context, c *store.Claim, r Result, reason string, now time.Time) *zonehold.Event {
	s.d.cfg.Observer.OutletDisabled(s.kind, reason)
	s.d.cfg.Log.Warn("an outlet of events was disabled", "kind", s.kind, "outlet", c.OutletID, "account", c.AccountID, "reason", reason, "last", r.Error)
	if s.kind != store.KindWebhook {
		return nil
	}
	data := map[string]any{"webhook_id": c.OutletID, "reason": reason, "last_status": nil, "last_error": problem.Clean(r.Error, 300), "failing_since": nil}
	if r.Status != 0 {
		data["last_status"] = r.Status
	}
	if since := c.Outlet.FailingSince; !since.IsZero() {
		data["failing_since"] = since.Format(time.RFC3339)
	}
	if hook, err := s.d.cfg.Store.Webhook(ctx, c.AccountID, c.OutletID); err == nil {
		data["url"], data["description"] = hook.URL, hook.Description
	}
	return &zonehold.Event{
		ID: zonehold.NewID(zonehold.PrefixEvent), AccountID: c.AccountID, Type: zonehold.EventWebhookDisabled, CreatedAt: now, Data: json.RawMessage(encode(data)),
	}
}

// settler writes down what came of tries, many at a time. Where the database
// does not answer it tries again until the leases are over; then others send
// these deliveries again, as nobody knows of the tries.
func (s *sender) settler() {
	trouble := &trouble{log: s.d.cfg.Log, doing: "writing down what came of deliveries"}
	for first := range s.done {
		batch := []store.Outcome{first}
	more:
		for len(batch) < 100 {
			select {
			case o, ok := <-s.done:
				if !ok {
					break more
				}
				batch = append(batch, o)
			default:
				break more
			}
		}
		for end := time.Now().Add(s.d.timing.lease); ; {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_, err := s.d.cfg.Store.Settle(ctx, batch, s.d.now())
			trouble.note(ctx, err)
			cancel()
			if err == nil || time.Now().After(end) || s.isClosing() && time.Now().After(end.Add(5*time.Second-s.d.timing.lease)) {
				break
			}
			time.Sleep(s.d.timing.write)
		}
		s.ring()
	}
}

func (s *sender) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// drain waits for what is under way, cuts it off when soft ends, and lets the
// settler end. run has been told to end before.
func (s *sender) drain(soft context.Context) {
	s.mu.Lock()
	s.closing = true
	if len(s.flying) == 0 {
		close(s.landed)
	}
	s.mu.Unlock()
	select {
	case <-s.landed:
	case <-soft.Done():
		s.mu.Lock()
		for _, cancel := range s.flying {
			cancel()
		}
		s.mu.Unlock()
		<-s.landed
	}
	close(s.done)
}
