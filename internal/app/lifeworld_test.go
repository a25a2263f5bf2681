package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// world is the whole service over a fake internet, with its outbox, a program
// that takes its webhooks and a relay that takes its mail, under a clock that
// the test drives. Only the timing of loops is changed, so that nothing happens
// but when the test says so.
type world struct {
	*App
	t     *testing.T
	s     *store.Store
	clock *driven
	lab   *verifytest.Lab
	hasty atomic.Pointer[verify.Kit] // in place of the usual kit, while nobody answers
	mail  *testnet.MailServer
	stats *telemetry.Metrics
	book  *book

	who, ops   zonehold.Actor
	hooks      *receiver
	domains    []*placedDomain
	byID       map[string]*placedDomain
	began      time.Time
	table      bytes.Buffer
	mark       string // the last event before there were webhooks
	opsMark    string
	mailTimes  []time.Time // when a step first saw each mail to the customer
	mostAtRisk int         // domains at once, after any step
	steps      int
}

// placedDomain is one of the domains with the record that proves it.
type placedDomain struct {
	id     string
	host   int // DNS host
	zone   *testnet.Zone
	record *zonehold.RecordChallenge
}

func (p *placedDomain) place()  { p.zone.Add(p.record.Name+".", "TXT", p.record.Value) }
func (p *placedDomain) remove() { p.zone.Remove(p.record.Name+".", "TXT") }

// book keeps the errors of the log.
type book struct {
	mu    sync.Mutex
	lines []string
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *book) with(text string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// raced reports whether the test runs under the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

const (
	worldInterval = 4 * time.Hour // so that all checks of a round fall within 48 minutes
	worldGrace    = 24 * time.Hour
)

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{t: t, s: s, clock: newDriven(), lab: verifytest.NewLab(t), stats: telemetry.NewMetrics("test"), book: &book{}, byID: map[string]*placedDomain{}}
	w.lab.Net.KeepHistory(false)
	w.mail = w.lab.Net.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	relay, err := notify.ParseRelay(w.mail.URL())
	if err != nil {
		t.Fatal(err)
	}
	m, err := notify.NewMail(relay, "zonehold@service.example", probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	// Webhooks leave as in the program, with programs on this machine allowed.
	open := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{Allow: open}), Route: func(addr netip.AddrPort) (netip.AddrPort, bool) {
		if addr.Addr().IsLoopback() {
			return addr, true
		}
		return w.lab.Net.Route(addr)
	}}
	out := web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: w.lab.Kit.DNS, Open: open})

	tm := quick
	tm.beat, tm.sweep = 500*time.Millisecond, time.Hour
	level := slog.LevelWarn
	log := slog.New(slog.NewTextHandler(w.book, &slog.HandlerOptions{Level: level}))
	w.App, err = newApp(Config{
		Store: s, Kit: w.lab.Kit, Worker: true, Clock: w.clock.now, Observer: w.stats, Log: log,
		Check: func(ctx context.Context, kit *verify.Kit, m zonehold.Method, c verify.Claim) diagnose.Report {
			if hasty := w.hasty.Load(); hasty != nil {
				own := *hasty
				own.OtherClaim, kit = kit.OtherClaim, &own
			}
			return diagnosed(ctx, kit, m, c)
		},
		CreateWait: -1, ChecksPerMinute: -1, TargetChecksPerHour: -1,
		RecheckInterval: worldInterval, RecheckGrace: worldGrace, OperatorAccount: "operator",
		Webhooks: notify.Targets{Check: dialer.Guard.Check, Open: open}, Mail: relayed{m}, PublicURL: "https://zonehold.example",
	}, tm)
	if err != nil {
		t.Fatal(err)
	}
	usual := w.canary
	w.canary = func(ctx context.Context, name, text string, hasText bool) (bool, string) {
		if hasty := w.hasty.Load(); hasty != nil {
			return askName(hasty.DNS)(ctx, name, text, hasText)
		}
		return usual(ctx, name, text, hasText)
	}
	w.ops, w.who = w.account("operator"), w.account("alpha")
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := notify.NewDispatcher(notify.Config{Store: s, Clock: w.clock.now, Observer: w.stats, Log: log, Channels: []notify.Channel{
		&notify.Webhooks{Store: s, HTTP: out, Clock: w.clock.now}, notify.NewNotices(s, m, w.App, w.clock.now),
	}})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Errorf("stopping deliveries: %v", err)
		}
		if err := w.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	w.began = w.now()
	w.hooks = newReceiver(t)
	return w
}

func (w *world) account(name string) zonehold.Actor {
	w.t.Helper()
	a, err := w.s.CreateAccount(w.t.Context(), zonehold.Account{Name: name, Email: name + "@example.org", EmailConfirmed: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return zonehold.Actor{Account: a, TokenID: "tok", Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
}

func (w *world) address(who zonehold.Actor) string { return who.Account.Name + "@example.org" }

// settle claims domains at several DNS hosts, places their records, and proves
// them by real checks.
func (w *world) settle(n, hosts int) {
	w.t.Helper()
	var pairs []*testnet.Hoster
	for i := range hosts {
		pairs = append(pairs, w.lab.Net.Hoster(fmt.Sprintf("dns-host-%c.net", 'a'+i)))
	}
	for i := range n {
		name := fmt.Sprintf("shop-%04d.com", i)
		d := create(w.t, w.App, w.who, name)
		p := &placedDomain{id: d.ID, host: i % hosts, zone: w.lab.Net.ZoneAt(name, pairs[i%hosts])}
		for _, ch := range d.Challenges {
			if ch.Method == zonehold.MethodDNSTXT {
				p.record = ch.Record
			}
		}
		p.place()
		w.domains, w.byID[d.ID] = append(w.domains, p), p
	}
	var wg sync.WaitGroup
	next := make(chan *placedDomain)
	for range 64 {
		wg.Go(func() {
			for p := range next {
				at, err := w.StartAttempt(w.t.Context(), w.who, p.id, zonehold.MethodDNSTXT, zonehold.TriggerRequest)
				if err == nil {
					at, err = w.WaitAttempt(w.t.Context(), w.who, at.ID)
				}
				if err != nil || at.Outcome != zonehold.OutcomeVerified {
					w.t.Errorf("%s: %+v, %v", p.id, at, err)
				}
			}
		})
	}
	for _, p := range w.domains {
		next <- p
	}
	close(next)
	wg.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
	// From here on a program hears of everything.
	w.events(w.who, &w.mark)
	w.events(w.ops, &w.opsMark)
	for _, who := range []zonehold.Actor{w.who, w.ops} {
		_, secret, err := w.CreateWebhook(w.t.Context(), who, NewWebhook{URL: w.hooks.URL + "/" + who.Account.Name})
		if err != nil {
			w.t.Fatal(err)
		}
		w.hooks.trust(who.Account.Name, secret)
	}
	w.settled()
}

// step lets time pass, begins what is due, and waits for its end and for the
// webhooks of it.
func (w *world) step(d time.Duration) []*Domain {
	w.t.Helper()
	w.clock.pass(d)
	w.steps++
	for {
		if err := w.sweep(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.idle()
		tended(w.t, w.App)
		all := w.all()
		if due := slices.ContainsFunc(all, func(d *Domain) bool { return !d.NextCheckAt.IsZero() && !d.NextCheckAt.After(w.now()) }); !due {
			w.settled()
			for range len(w.mail.MailsTo(w.address(w.who))) - len(w.mailTimes) {
				w.mailTimes = append(w.mailTimes, w.now())
			}
			risk := 0
			for _, d := range all {
				if d.State == zonehold.StateAtRisk {
					risk++
				}
			}
			w.mostAtRisk = max(w.mostAtRisk, risk)
			return all
		}
	}
}

// run lets time pass in steps until a time.
func (w *world) run(until time.Time, step time.Duration, look func(all []*Domain)) {
	w.t.Helper()
	for w.now().Before(until) {
		all := w.step(min(step, until.Sub(w.now())))
		if look != nil {
			look(all)
		}
	}
}

func (w *world) all() []*Domain {
	w.t.Helper()
	page, err := w.Domains(w.t.Context(), w.who, DomainQuery{Limit: -1, Bare: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Items
}

func (w *world) get(p *placedDomain) *Domain { w.t.Helper(); return get(w.t, w.App, w.who, p.id) }

// idle waits until no check is under way.
func (w *world) idle() {
	w.t.Helper()
	w.eventually("checks end", func() bool {
		queued, running, err := w.s.QueueDepth(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		return queued+running == 0
	})
}

// settled waits until everything has gone out that may go out now: webhooks
// all, of mails those that no earlier one keeps waiting.
func (w *world) settled() {
	w.t.Helper()
	w.eventually("webhooks go out", func() bool {
		waiting, err := w.s.Outbox(w.t.Context(), "", 1)
		if err != nil {
			w.t.Fatal(err)
		}
		hooks, err := w.s.Backlog(w.t.Context(), store.KindWebhook)
		if err != nil {
			w.t.Fatal(err)
		}
		mails, err := w.s.Backlog(w.t.Context(), store.KindMail)
		if err != nil {
			w.t.Fatal(err)
		}
		return len(waiting)+hooks.Waiting+hooks.Sending+mails.Sending == 0
	})
}

// mailed waits for the n-th mail to somebody.
func (w *world) mailed(who zonehold.Actor, n int) testnet.Mail {
	w.t.Helper()
	var got []testnet.Mail
	w.eventually(fmt.Sprintf("mail %d to %s comes", n, who.Account.Name), func() bool {
		got = w.mail.MailsTo(w.address(who))
		return len(got) >= n
	})
	if len(got) > n {
		w.t.Errorf("%d mails to %s, want %d", len(got), who.Account.Name, n)
	}
	return got[n-1]
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(3 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it does not come about that %s", what)
		}
	}
}

// fault makes every name server of the world misbehave.
func (w *world) fault(f testnet.Fault) {
	for _, z := range w.lab.Net.Zones() {
		for _, s := range z.Servers() {
			s.Fault(f)
		}
	}
}

func count(all []*Domain) map[zonehold.DomainState]int {
	out := map[zonehold.DomainState]int{}
	for _, d := range all {
		out[d.State]++
	}
	return out
}

// events of an account since the last call with the same mark.
func (w *world) events(who zonehold.Actor, mark *string) []zonehold.Event {
	w.t.Helper()
	var out []zonehold.Event
	for {
		got, err := w.Events(w.t.Context(), who, *mark, 500, false)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got) == 0 {
			return out
		}
		out, *mark = append(out, got...), got[len(got)-1].ID
	}
}

func tallied(events []zonehold.Event) map[zonehold.EventType]int {
	out := map[zonehold.EventType]int{}
	for _, e := range events {
		out[e.Type]++
	}
	return out
}

// told reports what was not: every event but attempt.completed has come by
// webhook under its own id, and the mails keep their distance.
func (w *world) told() {
	w.t.Helper()
	w.settled()
	for _, of := range []struct {
		who  zonehold.Actor
		mark string
	}{{w.who, w.mark}, {w.ops, w.opsMark}} {
		for _, e := range w.events(of.who, &of.mark) {
			w.hooks.mu.Lock()
			h, ok := w.hooks.got[e.ID]
			w.hooks.mu.Unlock()
			if e.Type != zonehold.EventAttemptCompleted && (!ok || h.Type != e.Type || h.account != of.who.Account.Name) {
				w.t.Errorf("%s %s of %s: webhook %+v", e.ID, e.Type, e.DomainID, h)
			}
		}
	}
	for i := 1; i < len(w.mailTimes); i++ {
		// What a step sends may be seen by the next one only.
		if apart := w.mailTimes[i].Sub(w.mailTimes[i-1]); apart < 10*time.Minute {
			w.t.Errorf("mails %d and %d are %s apart", i, i+1, apart)
		}
	}
}

// metrics is the text of /metrics.
func (w *world) metrics() string {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.RemoteAddr = "127.0.0.1:1"
	rec := httptest.NewRecorder()
	w.stats.Handler("").ServeHTTP(rec, req)
	return rec.Body.String()
}

// note writes a line of the table.
func (w *world) note(what string, value any) {
	fmt.Fprintf(&w.table, "%s\t%s\t%v\n", w.now().Sub(w.began).Round(time.Minute), what, value)
}

func (w *world) report(title string) {
	var b bytes.Buffer
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = w.table.WriteTo(tw)
	_ = tw.Flush()
	w.t.Logf("%s\n%s", title, b.String())
}

// receiver is a program that takes webhooks, and checks them with the public
// library of the standard.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	keys   map[string]*standard.Webhook
	got    map[string]hook // by id
	bodies int
	bad    []string
}

type hook struct {
	account string
	Type    zonehold.EventType `json:"type"`
	At      time.Time          `json:"timestamp"`
	Data    struct {
		DomainID string `json:"domain_id"`
		Hostname string `json:"hostname"`
		State    string `json:"state"`
		Place    string `json:"place"`
		Breaker  string `json:"breaker"`
		Outcome  string `json:"outcome"`
		Problem  *struct {
			Code          string   `json:"code"`
			Title         string   `json:"title"`
			LookedFor     string   `json:"looked_for"`
			Found         string   `json:"found"`
			Fixes         []string `json:"fixes"`
			SeeItYourself string   `json:"see_it_yourself"`
		} `json:"problem"`
	} `json:"data"`
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{keys: map[string]*standard.Webhook{}, got: map[string]hook{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
		for _, b := range r.bad {
			t.Error(b)
		}
	})
	return r
}

func (r *receiver) trust(account, secret string) {
	key, err := standard.NewWebhook(secret)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[account] = key
}

func (r *receiver) take(rw http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	account := strings.TrimPrefix(req.URL.Path, "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies++
	h := hook{account: account}
	key := r.keys[account]
	switch {
	case key == nil:
		r.bad = append(r.bad, "a webhook for "+account)
	// Its time is that of the simulation, which no library knows.
	case key.VerifyIgnoringTimestamp(body, req.Header) != nil:
		r.bad = append(r.bad, fmt.Sprintf("the signature of %q is wrong", body))
	case json.Unmarshal(body, &h) != nil:
		r.bad = append(r.bad, fmt.Sprintf("the body %q", body))
	}
	r.got[req.Header.Get("webhook-id")] = h
	rw.WriteHeader(http.StatusNoContent)
}

// of lists what came of a type.
func (r *receiver) of(account string, t zonehold.EventType) (out []hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.got {
		if h.account == account && h.Type == t {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(x, y hook) int { return x.At.Compare(y.At) })
	return out
}
