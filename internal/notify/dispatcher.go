package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zonehold/zonehold/internal/store"
)

// Observer is told what happens, for metrics. Its methods must return at once
// and be safe for concurrent use.
type Observer interface {
	// DeliveryTried reports a try: delivered, again, failed, or disabled.
	DeliveryTried(kind, outcome string, took time.Duration)
	// DeliveryBacklog reports what waits, about every ten seconds, and how old
	// the oldest of it is.
	DeliveryBacklog(kind string, waiting, sending int, oldest time.Duration)
	// OutletDisabled counts outlets that were disabled: gone or failing.
	OutletDisabled(kind, reason string)
}

type nobody struct{}

func (nobody) DeliveryTried(string, string, time.Duration)     {}
func (nobody) DeliveryBacklog(string, int, int, time.Duration) {}
func (nobody) OutletDisabled(string, string)                   {}

// Config of a Dispatcher. Zero values are the defaults, except Store.
type Config struct {
	Store    *store.Store
	Channels []Channel        // one of each kind; deliveries of other kinds wait
	Clock    func() time.Time // tells when a delivery is due; nil: time.Now
	Log      *slog.Logger     // nil: none
	Observer Observer         // nil: none
	Slots    int              // tries at a time of each kind; 0: 64
}

// Bounds of one process, so that nobody takes all slots.
const (
	perOutlet  = 4  // tries at a time; one that fails gets one
	perAccount = 16 // tries at a time
)

// timing of a Dispatcher; tests shorten it.
type timing struct {
	poll  time.Duration // between looks for what other processes wrote, and for what is due
	lease time.Duration // after which another process sends a delivery; more than limit
	limit time.Duration // one try
	back  time.Duration // between looks for leases that are over
	look  time.Duration // between two counts of the backlog
	write time.Duration // between two tries to write results down
}

var usualTiming = timing{
	poll: time.Second, lease: 90 * time.Second, limit: 30 * time.Second, back: 5 * time.Second, look: 10 * time.Second, write: 500 * time.Millisecond,
}

// deliveriesKept is how long the log of ended deliveries is kept.
const deliveriesKept = 30 * 24 * time.Hour

// Dispatcher fans events out and delivers them. Any number of processes may
// run one on the same database. Safe for concurrent use.
type Dispatcher struct {
	cfg     Config
	timing  timing
	senders []*sender

	loops    sync.WaitGroup // that end with stop
	settlers sync.WaitGroup // that end when nothing is under way any more
	stop     context.CancelFunc
}

// NewDispatcher prepares a dispatcher, which works after Start.
func NewDispatcher(cfg Config) *Dispatcher { return newDispatcher(cfg, usualTiming) }

func newDispatcher(cfg Config, t timing) *Dispatcher {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if cfg.Slots == 0 {
		cfg.Slots = 64
	}
	d := &Dispatcher{cfg: cfg, timing: t}
	for _, ch := range cfg.Channels {
		d.senders = append(d.senders, newSender(d, ch))
	}
	return d
}

func (d *Dispatcher) now() time.Time { return d.cfg.Clock().UTC().Truncate(time.Microsecond) }

// Start begins to work. On a database that no other server can use, what a
// dead process was sending is sent again at once.
func (d *Dispatcher) Start(ctx context.Context) error {
	if d.cfg.Store.Alone() {
		if _, err := d.cfg.Store.TakeBack(ctx, true); err != nil {
			return err
		}
	}
	loops, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.loops.Go(func() { d.fanner(loops) })
	d.loops.Go(func() { d.keeper(loops) })
	for _, s := range d.senders {
		d.loops.Go(func() { s.run(loops) })
		d.settlers.Go(s.settler)
	}
	return nil
}

// Stop ends the work in good order: tries under way may end while there is
// time, then they are cut off and left to the next process.
func (d *Dispatcher) Stop(ctx context.Context) error {
	if d.stop == nil {
		return nil
	}
	d.stop()
	patience := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	soft, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		d.loops.Wait()
		for _, s := range d.senders {
			s.drain(soft)
		}
		d.settlers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping: some deliveries did not end: %w", ctx.Err())
	}
}

// fanner makes deliveries of events.
func (d *Dispatcher) fanner(ctx context.Context) {
	tick := time.NewTicker(d.timing.poll)
	defer tick.Stop()
	trouble := &trouble{log: d.cfg.Log, doing: "fanning events out"}
	for {
		made, err := d.fanOut(ctx)
		trouble.note(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-d.cfg.Store.OutboxRang():
			made = true // or a test, or a replay
		case <-tick.C:
		}
		if made {
			d.wake()
		}
	}
}

// stepLimit is the time of one transaction.
const stepLimit = 10 * time.Second

// whole is the context of one transaction, which is short and ends whole: the
// end of ctx does not cut it off.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), stepLimit)
}

// fanOut empties the outbox.
func (d *Dispatcher) fanOut(ctx context.Context) (made bool, err error) {
	for after := ""; ctx.Err() == nil; {
		accounts, err := d.cfg.Store.Outbox(ctx, after, 100)
		if err != nil || len(accounts) == 0 {
			return made, err
		}
		for _, id := range accounts {
			for more := true; more && ctx.Err() == nil; {
				var n int
				step, cancel := whole(ctx)
				n, more, err = d.cfg.Store.FanOut(step, id, d.now())
				cancel()
				if err != nil {
					return made, err
				}
				if n > 0 {
					made = true
					d.wake()
				}
			}
			after = id
		}
	}
	return made, nil
}

func (d *Dispatcher) wake() {
	for _, s := range d.senders {
		s.ring()
	}
}

// keeper takes back what dead processes were sending, counts, and forgets.
func (d *Dispatcher) keeper(ctx context.Context) {
	back, look, tidy := time.NewTicker(d.timing.back), time.NewTicker(d.timing.look), time.NewTicker(time.Minute)
	defer back.Stop()
	defer look.Stop()
	defer tidy.Stop()
	trouble := &trouble{log: d.cfg.Log, doing: "looking after deliveries"}
	for {
		select {
		case <-ctx.Done():
			return
		case <-back.C:
			step, cancel := whole(ctx)
			n, err := d.cfg.Store.TakeBack(step, false)
			cancel()
			trouble.note(ctx, err)
			if n > 0 {
				d.cfg.Log.Warn("deliveries of a dead process are sent again", "deliveries", n)
				d.wake()
			}
		case <-look.C:
			for _, s := range d.senders {
				if b, err := d.cfg.Store.Backlog(ctx, s.kind); err == nil {
					age := time.Duration(0)
					if !b.Oldest.IsZero() {
						age = max(d.now().Sub(b.Oldest), 0)
					}
					d.cfg.Observer.DeliveryBacklog(s.kind, b.Waiting, b.Sending, age)
				}
			}
		case <-tidy.C:
			_, err := d.cfg.Store.EndLeft(ctx, d.now())
			trouble.note(ctx, errors.Join(err, d.tidy(ctx)))
		}
	}
}

// tidy forgets old deliveries, once an hour over all processes.
func (d *Dispatcher) tidy(ctx context.Context) error {
	step, cancel := whole(ctx)
	defer cancel()
	mine, err := d.cfg.Store.TakeChore(step, "deliveries", d.now(), time.Hour)
	if err != nil || !mine {
		return err
	}
	const batch = 1000
	for ctx.Err() == nil {
		step, cancel := whole(ctx)
		n, err := d.cfg.Store.PruneDeliveries(step, d.now().Add(-deliveriesKept), batch)
		cancel()
		if err != nil || n < batch {
			return err
		}
	}
	return nil
}

// trouble writes the first of a row of failures to the log, and its end.
type trouble struct {
	log   *slog.Logger
	doing string
	since time.Time
}

func (t *trouble) note(ctx context.Context, err error) {
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)):
	case err != nil && t.since.IsZero():
		t.since = time.Now()
		t.log.Warn(t.doing+" failed; it is tried again", "err", err)
	case err == nil && !t.since.IsZero():
		t.log.Info(t.doing+" works again", "after", time.Since(t.since).Round(time.Second))
		t.since = time.Time{}
	}
}
