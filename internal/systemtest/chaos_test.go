package systemtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// size of a chaos run.
type size struct {
	domains, rounds int           // each domain is looked at in each round at least once
	kills           int           // in a round
	pause           time.Duration // between two kills, at most
	outages         []int         // rounds in which the database goes
	wait            bool          // for the ends of leases; else they are moved
}

// chaosSize is that of ZONEHOLD_TEST_CHAOS.
func chaosSize() size {
	if os.Getenv("ZONEHOLD_TEST_CHAOS") == "full" {
		return size{domains: 2000, rounds: 10, kills: 5, pause: 2 * time.Second, outages: []int{3, 7}, wait: true}
	}
	return size{domains: 300, rounds: 2, kills: 3, pause: 1500 * time.Millisecond, outages: []int{1}}
}

// TestChaos kills the processes of a service with -9, at random, in the middle
// of re-checks and deliveries, and PostgreSQL as well. Proofs come and go
// meanwhile. In the end nothing is lost, nothing is wrong, and every event has
// come to every webhook that wants it.
//
// ZONEHOLD_TEST_CHAOS=full has 50 kills in 20 000 re-checks on each database.
func TestChaos(t *testing.T) {
	beside := func(t *testing.T) {
		if os.Getenv("ZONEHOLD_TEST_CHAOS") != "full" {
			t.Parallel()
		}
	}
	beside(t)
	t.Run(store.SQLite, func(t *testing.T) {
		beside(t)
		c := newChaos(t, storetest.SQLite(t), nil)
		c.processes("ZONEHOLD_ROLES=api,worker")
		c.play()
	})
	t.Run(store.PostgreSQL, func(t *testing.T) {
		beside(t)
		pg := storetest.StartServer(t)
		c := newChaos(t, store.Config{URL: pg.URL, DataDir: t.TempDir()}, pg)
		c.processes("ZONEHOLD_ROLES=api", "ZONEHOLD_ROLES=worker", "ZONEHOLD_ROLES=worker")
		c.play()
	})
}

const chaosSeed = 4711

// chaos is one run.
type chaos struct {
	*internet
	size
	t       *testing.T
	db      store.Config
	pg      *storetest.Server // nil on SQLite
	env     []string
	procs   []*process
	api     *client.Client
	store   *store.Store // what this test looks and moves time with
	rand    *rand.Rand
	hooks   *receiver
	domains []*proved
	byID    map[string]*proved
	asked   sync.Map // ids of attempts that were asked for

	wants   map[string]*hook
	began   time.Time
	kills   int
	outages int
	ends    int // processes that ended by themselves, as the database was away
	changes int // of proofs
	again   int // looks beyond the one in each round
}

// process is one of the service, which is started again when it ends.
type process struct {
	role, addr string
	srv        *server
}

// proved is a domain of the run.
type proved struct {
	name, id, method string
	slow             bool // its name servers are
	put, take        func()
	present          atomic.Bool
	changes          []change // since it was verified
}

// change is a proof that came or went, between two times.
type change struct {
	from, to time.Time
	present  bool
}

func newChaos(t *testing.T, db store.Config, pg *storetest.Server) *chaos {
	c := &chaos{internet: newInternet(t), size: chaosSize(), t: t, db: db, pg: pg, rand: rand.New(rand.NewPCG(chaosSeed, 1)),
		byID: map[string]*proved{}, wants: map[string]*hook{}}
	c.env = environment(t, append(append(c.settings(t), database(db)...), "ZONEHOLD_WEBHOOK_ALLOW=127.0.0.0/8", "ZONEHOLD_DOMAIN_LIMIT=1000000",
		"ZONEHOLD_BREAKER_FLIPS=1000000", "ZONEHOLD_BREAKER_PERCENT=100", "ZONEHOLD_RECHECK_INTERVAL=24h", "ZONEHOLD_WRITES_PER_MINUTE=0")...)
	c.hooks = newChaosReceiver(t, chaosSeed)
	return c
}

// processes starts one for each role. The first one answers.
func (c *chaos) processes(roles ...string) {
	c.t.Helper()
	for _, role := range roles {
		p := &process{role: role, addr: listenAddr(c.t)}
		p.srv = serve(c.t, p.addr, append(slices.Clone(c.env), role)).ready()
		c.procs = append(c.procs, p)
	}
	mustRun(c.t, c.env, "account", "create", "acme")
	token := mustRun(c.t, c.env, "token", "create", "--account", "acme", "--scope", "admin")
	var err error
	if c.api, err = client.New(c.procs[0].srv.url(), token); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.api.Close)
	c.store = storetest.Open(c.t, c.db)
}

// keep starts again what has ended.
func (c *chaos) keep() {
	c.t.Helper()
	for _, p := range c.procs {
		select {
		case <-p.srv.exited:
			if log := p.srv.log.String(); c.pg == nil || c.outages == 0 || !strings.Contains(log, "zonehold: error: ") {
				c.t.Fatalf("a process ended by itself:\n%s", tail(log))
			}
			c.ends++
			p.srv = serve(c.t, p.addr, append(slices.Clone(c.env), p.role))
		default:
		}
	}
}

// kill ends a process, and starts it again at once.
func (c *chaos) kill() {
	c.t.Helper()
	p := c.procs[c.rand.IntN(len(c.procs))]
	p.srv.kill()
	if log := p.srv.log.String(); strings.Contains(log, "panic") {
		c.t.Errorf("a process panicked:\n%s", tail(log))
	}
	c.kills++
	p.srv = serve(c.t, p.addr, append(slices.Clone(c.env), p.role))
}

// persist does it again while nobody answers.
func persist(ctx context.Context, meanwhile func(), do func(ctx context.Context) error) error {
	for end := time.Now().Add(2 * patience); ; time.Sleep(100 * time.Millisecond) {
		one, cancel := context.WithTimeout(ctx, patience)
		err := do(one)
		cancel()
		var refused *client.Error
		if err == nil || errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
			return err
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		meanwhile()
	}
}

func (c *chaos) must(what string, do func(ctx context.Context) error) {
	c.t.Helper()
	if err := persist(c.t.Context(), c.keep, do); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// found claims and proves the domains.
func (c *chaos) found() {
	c.t.Helper()
	for i := range c.size.domains {
		d := &proved{name: fmt.Sprintf("chaos%04d.com", i), method: "dns_txt", slow: i%3 == 0}
		switch i % 20 {
		case 18:
			d.method = "file"
		case 19:
			d.method = "meta_tag"
		}
		c.domains = append(c.domains, d)
	}
	each(c.t, c.domains, func(d *proved) error {
		got, _, err := c.api.CreateDomain(c.t.Context(), api.CreateDomain{Hostname: d.name})
		if err != nil {
			return err
		}
		d.id = got.ID
		for _, ch := range got.Challenges {
			if ch.Method == d.method {
				c.place(d, ch)
			}
		}
		d.put()
		d.present.Store(true)
		at, err := c.api.StartAttempt(c.t.Context(), d.id, d.method, patience)
		if err == nil && (at.Outcome == nil || *at.Outcome != "verified") {
			err = fmt.Errorf("%s is not verified: %+v", d.name, at.Problem)
		}
		return err
	})
	for _, d := range c.domains {
		c.byID[d.id] = d
		if d.slow {
			for _, ns := range c.ZoneAt(d.name, c.hoster).Servers() {
				ns.Delay(slowDNS / 2)
			}
		}
	}
}

// place says how the proof of a domain is put there and taken away.
func (c *chaos) place(d *proved, ch api.Challenge) {
	zone := c.ZoneAt(d.name, c.hoster)
	if d.method == "dns_txt" {
		d.put = func() { zone.Add(ch.Record.Name+".", "TXT", ch.Record.Value) }
		d.take = func() { zone.Remove(ch.Record.Name+".", "TXT") }
		return
	}
	host := c.Host(d.name)
	switch d.method {
	case "file":
		host.Handle(ch.File.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !d.present.Load() {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(ch.File.Content))
		}))
	case "meta_tag":
		host.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tag := ""
			if d.present.Load() {
				tag = ch.Tag.HTML
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, "<!doctype html><html><head><title>Shop</title>%s</head><body>Hello</body></html>", tag)
		}))
	}
	d.put, d.take = func() {}, func() {}
}

// change takes the proof of a domain away, or puts it back.
func (c *chaos) change(d *proved) {
	ch := change{from: time.Now(), present: !d.present.Load()}
	if ch.present {
		d.put()
	} else {
		d.take()
	}
	d.present.Store(ch.present)
	ch.to = time.Now()
	d.changes = append(d.changes, ch)
	c.changes++
}

// some are n of the domains, by chance.
func (c *chaos) some(n int) []*proved {
	list := slices.Clone(c.domains)
	c.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:n]
}

func (c *chaos) play() {
	from := time.Now()
	c.found()
	c.subscribe()
	c.t.Logf("%d domains proved in %.1f s", len(c.domains), time.Since(from).Seconds())
	c.began = time.Now()
	for round := range c.rounds {
		c.round(round)
		if c.t.Failed() {
			return
		}
	}
	c.calm()
	c.report(c.judge(), time.Since(c.began))
}

// round changes proofs, has all domains looked at, kills meanwhile, and waits
// until every state is what it must be.
func (c *chaos) round(n int) {
	c.t.Helper()
	moved := c.some(len(c.domains) / 5)
	early, late := moved[:len(moved)*2/3], moved[len(moved)*2/3:]
	for _, d := range early {
		c.change(d)
	}
	parts := slices.Collect(slices.Chunk(c.some(len(c.domains)), len(c.domains)/c.size.kills+1))
	asked := make(chan error, 1)
	people := c.some(len(c.domains) / 50)
	go func() { asked <- c.ask(people) }()
	for i := range c.size.kills {
		c.due(parts[i]...)
		time.Sleep(time.Duration(c.rand.Int64N(int64(c.pause))))
		c.keep()
		c.kill()
		if i == c.size.kills/2 {
			for _, d := range late {
				c.change(d)
			}
			c.due(late...)
		}
		if i == c.size.kills/2 && c.pg != nil && slices.Contains(c.size.outages, n) {
			c.outages++
			c.pg.Crash()
			time.Sleep(time.Duration(c.rand.Int64N(int64(3 * time.Second))))
			c.pg.Start()
		}
	}
	c.settle()
	if err := <-asked; err != nil {
		c.t.Errorf("asking for checks: %v", err)
	}
	c.settle()
	c.t.Logf("round %d: %d kills, %.0f s", n+1, c.kills, time.Since(c.began).Seconds())
}

// due has domains looked at now; none: all.
func (c *chaos) due(domains ...*proved) {
	c.t.Helper()
	ids := make([]string, len(domains))
	for i, d := range domains {
		ids[i] = d.id
	}
	c.must("making checks due", func(ctx context.Context) error { return storetest.MakeDue(ctx, c.store, ids...) })
}

// ask asks for checks, as people do.
func (c *chaos) ask(domains []*proved) error {
	for _, d := range domains {
		err := persist(c.t.Context(), func() {}, func(ctx context.Context) error {
			at, err := c.api.StartAttempt(ctx, d.id, d.method, 0)
			var refused *client.Error
			if errors.As(err, &refused) && refused.Status == http.StatusConflict {
				return nil // one is under way
			}
			if err == nil {
				c.asked.Store(at.ID, true)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// settle waits until no check is due or under way, and every state is what it
// must be. A look that could not tell says nothing, so it may take another.
func (c *chaos) settle() {
	c.t.Helper()
	for look := 0; ; look++ {
		c.quiet(func(due, checks, _ int) bool { return due+checks == 0 })
		wrong := c.unlike()
		if len(wrong) == 0 {
			return
		}
		if look == 20 {
			for _, d := range wrong[:min(len(wrong), 5)] {
				c.t.Errorf("%s, proof present: %v, is not in that state", d.name, d.present.Load())
			}
			c.t.Fatalf("%d domains are in a wrong state", len(wrong))
		}
		c.again += len(wrong)
		c.due(wrong...)
	}
}

// quiet waits until what is unfinished is little enough.
func (c *chaos) quiet(ok func(due, checks, deliveries int) bool) {
	c.t.Helper()
	var due, checks, deliveries int
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		c.must("counting", func(ctx context.Context) (err error) {
			due, checks, deliveries, err = storetest.Unfinished(ctx, c.store)
			return err
		})
		if ok(due, checks, deliveries) {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%d checks are due, %d are under way, and %d deliveries", due, checks, deliveries)
		}
		c.keep()
	}
}

// unlike are the domains whose state is not what their proof says.
func (c *chaos) unlike() (out []*proved) {
	c.t.Helper()
	c.must("reading the domains", func(ctx context.Context) error {
		out = nil
		seen := 0
		for got, err := range c.api.AllDomains(ctx, client.DomainQuery{Limit: 500}) {
			if err != nil {
				return err
			}
			seen++
			d := c.byID[got.ID]
			if d == nil {
				return fmt.Errorf("unknown domain %s", got.Hostname)
			}
			if want := map[bool]string{true: "verified", false: "at_risk"}[d.present.Load()]; got.State != want {
				out = append(out, d)
			}
		}
		if seen != len(c.domains) {
			c.t.Errorf("%d domains, want %d", seen, len(c.domains))
		}
		return nil
	})
	return out
}

// calm waits until every delivery has ended.
func (c *chaos) calm() {
	c.t.Helper()
	for _, p := range c.procs {
		p.srv.ready()
	}
	from := time.Now()
	if !c.wait {
		c.must("ending leases", func(ctx context.Context) error { return storetest.EndLeases(ctx, c.store) })
	}
	c.quiet(func(due, checks, deliveries int) bool { return due+checks+deliveries == 0 })
	c.t.Logf("quiet %.0f s after the last round", time.Since(from).Seconds())
}
