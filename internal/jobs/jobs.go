// Package jobs delivers work through River, on both engines. The rows of the
// store are the truth; a job only says "look at this one", at least once.
package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/zonehold/zonehold/internal/store"
)

const (
	// RunLimit is how long one job may run; attempts have a shorter limit of
	// their own.
	RunLimit = 75 * time.Second
	// A job that ran on a dead node is looked at again after that long. Its
	// attempt was taken over long before, so it finds nothing to do.
	rescueAfter = 90 * time.Second
	// Ended jobs say nothing that the attempts do not.
	kept = 10 * time.Minute
)

// Config of an Engine.
type Config struct {
	Store *store.Store
	Node  string // id of this node, unique
	// Workers is how many jobs run at a time; 0: this process only inserts.
	Workers int
	// Run looks at one attempt. An error has it delivered again later.
	Run func(ctx context.Context, attemptID string) error
	// Sweep looks for due work, every SweepEvery, on one node at a time.
	Sweep      func(ctx context.Context) error
	SweepEvery time.Duration
	Log        *slog.Logger
}

// Engine is River on the store's database.
type Engine struct {
	q       queue
	workers bool
}

// queue hides River's transaction type.
type queue interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	insert(ctx context.Context, tx *store.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
	remove(ctx context.Context, tx *store.Tx, params *river.JobDeleteManyParams) error
}

type verifyDomain struct {
	AttemptID string `json:"attempt_id"`
}

func (verifyDomain) Kind() string { return "verify_domain" }

type sweepDomains struct{}

func (sweepDomains) Kind() string { return "sweep_domains" }

type verifyWorker struct {
	river.WorkerDefaults[verifyDomain]
	run func(ctx context.Context, attemptID string) error
}

func (w *verifyWorker) Work(ctx context.Context, job *river.Job[verifyDomain]) error {
	return w.run(ctx, job.Args.AttemptID)
}

type sweepWorker struct {
	river.WorkerDefaults[sweepDomains]
	run func(ctx context.Context) error
}

func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepDomains]) error { return w.run(ctx) }

// New prepares an engine; Start makes it work.
func New(cfg Config) (*Engine, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &verifyWorker{run: cfg.Run})
	river.AddWorker(workers, &sweepWorker{run: cfg.Sweep})
	rc := &river.Config{
		ID: cfg.Node,
		// Short: this only bounds how fast a queue that was idle is noticed.
		FetchCooldown:               20 * time.Millisecond,
		FetchPollInterval:           time.Second,
		JobTimeout:                  RunLimit,
		RescueStuckJobsAfter:        rescueAfter,
		MaxAttempts:                 10,
		CompletedJobRetentionPeriod: kept,
		CancelledJobRetentionPeriod: kept,
		DiscardedJobRetentionPeriod: kept,
		Logger:                      quiet(cfg.Log),
		Workers:                     workers,
	}
	if cfg.Workers > 0 {
		rc.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: cfg.Workers}}
		rc.PeriodicJobs = []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(cfg.SweepEvery),
			func() (river.JobArgs, *river.InsertOpts) {
				return sweepDomains{}, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
					rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
					rivertype.JobStateRunning, rivertype.JobStateScheduled,
				}}}
			}, &river.PeriodicJobOpts{RunOnStart: true})}
	}
	e := &Engine{workers: cfg.Workers > 0}
	var err error
	if pool := cfg.Store.Pool(); pool != nil {
		e.q, err = newClient[pgx.Tx](riverpgxv5.New(pool), rc, (*store.Tx).PostgreSQL)
	} else {
		e.q, err = newClient[*sql.Tx](riversqlite.New(cfg.Store.Writer()), rc, (*store.Tx).SQLite)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing the job queue: %w", err)
	}
	return e, nil
}

type client[T any] struct {
	*river.Client[T]
	tx func(*store.Tx) T
}

func newClient[T any](driver riverdriver.Driver[T], cfg *river.Config, tx func(*store.Tx) T) (*client[T], error) {
	c, err := river.NewClient(driver, cfg)
	return &client[T]{c, tx}, err
}

func (c *client[T]) insert(ctx context.Context, tx *store.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	return c.InsertManyTx(ctx, c.tx(tx), params)
}

func (c *client[T]) remove(ctx context.Context, tx *store.Tx, params *river.JobDeleteManyParams) error {
	_, err := c.JobDeleteManyTx(ctx, c.tx(tx), params)
	return err
}

// Start begins to work off jobs, until Stop. Without workers it does nothing.
func (e *Engine) Start(ctx context.Context) error {
	if !e.workers {
		return nil
	}
	// The context of Start ends the work when it ends; Stop is the way here.
	if err := e.q.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the job queue: %w", err)
	}
	return nil
}

// Stop fetches no more jobs, and waits for the running ones until ctx ends;
// then it cancels them.
func (e *Engine) Stop(ctx context.Context) error {
	if !e.workers {
		return nil
	}
	if e.q.Stop(ctx) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := e.q.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("stopping the job queue: %w", err)
	}
	return nil
}

// Job is a look at one attempt.
type Job struct {
	AttemptID string
	At        time.Time // not before; zero or past: at once
	// Background work gives way to the other jobs that wait.
	Background bool
}

const priorityBackground = 3 // River's usual one is 1

// Insert adds jobs and returns their ids in the same order.
func (e *Engine) Insert(ctx context.Context, tx *store.Tx, jobs []Job) ([]int64, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		opts := &river.InsertOpts{}
		if time.Until(j.At) > 0 {
			opts.ScheduledAt = j.At
		}
		if j.Background {
			opts.Priority = priorityBackground
		}
		params[i] = river.InsertManyParams{Args: verifyDomain{AttemptID: j.AttemptID}, InsertOpts: opts}
	}
	results, err := e.q.insert(ctx, tx, params)
	if err != nil {
		return nil, fmt.Errorf("adding jobs: %w", err)
	}
	ids := make([]int64, len(results))
	for i, r := range results {
		ids[i] = r.Job.ID
	}
	return ids, nil
}

// InsertSweep has some node with workers look for due work at once.
func (e *Engine) InsertSweep(ctx context.Context, tx *store.Tx) error {
	_, err := e.q.insert(ctx, tx, []river.InsertManyParams{{Args: sweepDomains{}, InsertOpts: &river.InsertOpts{MaxAttempts: 1}}})
	if err != nil {
		return fmt.Errorf("adding a job: %w", err)
	}
	return nil
}

// Delete removes jobs that are no longer needed. Those that run at the moment
// stay, and find nothing to do.
func (e *Engine) Delete(ctx context.Context, tx *store.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := e.q.remove(ctx, tx, river.NewJobDeleteManyParams().IDs(ids...).First(len(ids))); err != nil {
		return fmt.Errorf("deleting jobs: %w", err)
	}
	return nil
}
