package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/jobs"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// CheckFunc checks one method of a claim, or every applicable one when method
// is empty, and explains the verdict.
type CheckFunc func(ctx context.Context, kit *verify.Kit, method zonehold.Method, c verify.Claim) diagnose.Report

// AutomaticFunc checks the methods of a claim for which nothing is placed.
type AutomaticFunc func(ctx context.Context, kit *verify.Kit, c verify.Claim) diagnose.Report

// Config of an App. Zero values are the defaults, except Store and Kit.
type Config struct {
	Store *store.Store
	Kit   *verify.Kit // OtherClaim is set for each check by the App
	Check CheckFunc   // nil: diagnose.Run and diagnose.RunAll
	// CheckAutomatic checks the methods for which nothing is placed. Nil:
	// diagnose.RunAutomatic.
	CheckAutomatic AutomaticFunc
	// CreateWait is how long the reply to a new claim may wait for those
	// methods; 0: 2 s; negative: not at all.
	CreateWait time.Duration

	Worker bool // this process runs checks
	Slots  int  // checks that run at a time straight from their request, and as many again from the queue; 0: 256

	ChecksPerMinute     int           // requested checks per account; 0: 120; negative: no limit
	TargetChecksPerHour int           // requested checks per registrable domain over all accounts (T12); 0: 60; negative: no limit
	DomainLimit         int           // domains per account; 0: 1703
	RecheckInterval     time.Duration // between scheduled checks of a verified domain; 0: 168 h
	RecheckGrace        time.Duration // from at_risk to lapsed; 0: 168 h; negative: none
	Exclusive           bool          // one verified account per name
	ContestWait         time.Duration // with Exclusive: from the notice to the end of a contest; 0: 72 h
	OwnerWatch          bool          // look for signs of another owner
	EvidenceKept        time.Duration // evidence of checks that changed something; 0: 17520 h
	AttemptsKept        time.Duration // checks that changed nothing; 0: 2160 h

	Breaker  BreakerConfig
	Canaries []string // "name" or "name=text of its TXT record"
	// OperatorAccount is the name of the account that gets the events of the
	// service itself; "": nobody.
	OperatorAccount string
	// Perspectives are asked for the same checks from other networks.
	Perspectives PerspectiveConfig
	PublicURL    string // base URL of this service; "": not known
	Version      string // of the program, for evidence

	Webhooks  WebhookRules                 // nil: there are no webhooks
	Mail      Mailer                       // nil: mail is off
	Providers map[zonehold.Method]Provider // of connected accounts: aws_route53, cloudflare

	Log      *slog.Logger // nil: none
	Observer Observer     // nil: none
	NodeName string       // shown to operators; "": the host name
	// Clock tells the time that domains live by; nil: time.Now. What keeps
	// processes alive (heartbeats, time limits) has the machine's own.
	Clock func() time.Time
}

// Timing of the cluster. Variables of the App so that tests can shorten them.
type timing struct {
	beat     time.Duration // between two heartbeats
	silent   time.Duration // a node silent for that long is dead
	selfStop time.Duration // a node that missed its own beats for that long stops its checks; less than silent
	late     time.Duration // a queued attempt that was not delivered by then is fetched
	attempt  time.Duration // time limit of one check
	net      time.Duration // when the queue looks after a check started straight from its request
	sweep    time.Duration // between two looks for due domains
	poll     time.Duration // how often a wait looks for changes by other processes
}

var usualTiming = timing{
	beat: 2 * time.Second, silent: 10 * time.Second, selfStop: 8 * time.Second, late: 5 * time.Second,
	attempt: 60 * time.Second, net: 30 * time.Second, sweep: 15 * time.Second, poll: 500 * time.Millisecond,
}

// maxRuns is after how many starts an attempt is given up: it may be what
// kills the nodes.
const maxRuns = 5

// App is the one Service. Safe for concurrent use.
type App struct {
	cfg      Config
	store    *store.Store
	jobs     *jobs.Engine
	log      *slog.Logger
	nodeName atomic.Pointer[string] // this process's id; see nodeID
	beat     func(ctx context.Context) error
	marks    []string // left by the beats; only the heart uses them
	timing   timing

	starts   combiner[*start]
	claims   combiner[*claim]
	finishes combiner[*finish]
	wake     bell
	seen     seen
	signing  signing
	fewTold  minutely
	blobs    keptBlobs
	runs     runs
	due      chan struct{} // keepHouse is asked for
	pulls    chan struct{} // pullAll is asked for
	pulling  sync.Mutex
	places   chan struct{} // an element for each scheduled check that runs

	draining   chan struct{}
	drainOnce  sync.Once
	tally      tally
	hosts      hosts
	tend       chan struct{} // breakers are to be looked after
	chores     []chore       // that this process does
	canary     canaryFunc    // nil: nobody can ask
	clock      *clockGuard
	clockDoubt string // that the heart has reported

	started   atomic.Bool
	lastBeat  atomic.Int64 // UnixNano of the last good heartbeat
	loops     sync.WaitGroup
	stopLoops context.CancelFunc
	simulated bool // time comes from Config.Clock
}

var (
	_ Service     = (*App)(nil)
	_ Idempotency = (*App)(nil)
	_ Policies    = (*App)(nil)
	_ Delegations = (*App)(nil)
	_ Bundles     = (*App)(nil)
	_ Audits      = (*App)(nil)
)

// New prepares an App. It serves requests at once; checks run after Start.
func New(cfg Config) (*App, error) { return newApp(cfg, usualTiming) }

func newApp(cfg Config, t timing) (*App, error) {
	if cfg.Store == nil || cfg.Kit == nil {
		return nil, errors.New("an app needs a store and a kit")
	}
	cfg.Slots = cmp.Or(cfg.Slots, 256)
	cfg.ChecksPerMinute = cmp.Or(cfg.ChecksPerMinute, 120)
	cfg.TargetChecksPerHour = cmp.Or(cfg.TargetChecksPerHour, 60)
	cfg.DomainLimit = cmp.Or(cfg.DomainLimit, 1703)
	cfg.RecheckInterval = cmp.Or(cfg.RecheckInterval, 168*time.Hour)
	cfg.RecheckGrace = max(cmp.Or(cfg.RecheckGrace, 168*time.Hour), 0)
	cfg.ContestWait = cmp.Or(cfg.ContestWait, 72*time.Hour)
	cfg.EvidenceKept = cmp.Or(cfg.EvidenceKept, 17520*time.Hour)
	cfg.AttemptsKept = cmp.Or(cfg.AttemptsKept, 2160*time.Hour)
	cfg.Breaker.Flips = cmp.Or(cfg.Breaker.Flips, 10)
	cfg.Breaker.Percent = cmp.Or(cfg.Breaker.Percent, 20)
	cfg.Breaker.Hold = cmp.Or(cfg.Breaker.Hold, time.Hour)
	if cfg.Check == nil {
		cfg.Check = diagnosed
	}
	if cfg.CheckAutomatic == nil {
		cfg.CheckAutomatic = diagnose.RunAutomatic
	}
	cfg.CreateWait = cmp.Or(cfg.CreateWait, 2*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	simulated := cfg.Clock != nil
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.NodeName == "" {
		cfg.NodeName, _ = os.Hostname() // only for show
	}
	a := &App{cfg: cfg, store: cfg.Store, log: cfg.Log, timing: t, draining: make(chan struct{}), due: make(chan struct{}, 1), pulls: make(chan struct{}, 1), places: make(chan struct{}, cfg.Slots),
		tend: make(chan struct{}, 1), clock: newClockGuard()}
	a.newNode()
	a.beat = a.beatOnce
	a.chores = a.allChores()
	if cfg.Kit.DNS != nil {
		a.canary = askName(cfg.Kit.DNS)
	}
	a.simulated = simulated
	a.starts = combiner[*start]{commit: a.commitStarts}
	a.claims = combiner[*claim]{commit: a.commitClaims}
	a.finishes = combiner[*finish]{commit: a.commitFinishes}
	a.runs.free = cfg.Slots
	if cfg.Perspectives.Panel != nil {
		cfg.Perspectives.Panel.Changed = a.perspectiveChanged
	}
	workers := 0
	if cfg.Worker {
		workers = cfg.Slots
	}
	var err error
	a.jobs, err = jobs.New(jobs.Config{
		Store: cfg.Store, Node: a.nodeID(), Workers: workers, Run: a.runJob, Sweep: a.keepHouse, SweepEvery: t.sweep, Log: cfg.Log,
	})
	return a, err
}

func diagnosed(ctx context.Context, kit *verify.Kit, method zonehold.Method, c verify.Claim) diagnose.Report {
	if method == "" {
		return diagnose.RunAll(ctx, kit, c)
	}
	m, ok := verify.Lookup(method)
	if !ok {
		// StartAttempt takes only known methods; an older program wrote this.
		panic("unknown method " + string(method))
	}
	return diagnose.Run(ctx, kit, m, c)
}

// now is the time as the database keeps it.
func (a *App) now() time.Time { return a.cfg.Clock().UTC().Truncate(time.Microsecond) }

// DomainLimit is how many domains an account may have.
func (a *App) DomainLimit() int { return a.cfg.DomainLimit }

// jitter spreads d by a tenth to both sides, so that what was verified in one
// go is not checked again in one go.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// within is a time from nothing to d, by chance.
func within(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }

type nobody struct{}

func (nobody) AttemptStarted(time.Duration)                  {}
func (nobody) AttemptFinished(string, string, time.Duration) {}
func (nobody) QueueDepth(int, int)                           {}
func (nobody) StateChanged(string, string)                   {}
func (nobody) Swept(int, time.Duration, time.Duration)       {}
func (nobody) ChoreFailed(string)                            {}
func (nobody) BreakerTripped(string)                         {}
func (nobody) BreakersOpen(int, int)                         {}
func (nobody) CanaryAsked(string, bool)                      {}
func (nobody) ClockJumped(time.Duration)                     {}
func (nobody) PerspectiveAsked(string, string, time.Duration) {
}
