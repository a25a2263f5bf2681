package notify

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// quick is a dispatcher's timing for tests.
var quick = timing{
	poll: 10 * time.Millisecond, lease: 30 * time.Second, limit: 20 * time.Second, back: 20 * time.Millisecond, look: 20 * time.Millisecond, write: 10 * time.Millisecond,
}

// clock is one that tests drive.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixMicro())
	return c
}

func (c *clock) now() time.Time       { return time.UnixMicro(c.at.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.at.Add(d.Microseconds()) }
func (c *clock) set(t time.Time)      { c.at.Store(t.UnixMicro()) }

// got is a request that a receiver got.
type got struct {
	header http.Header
	body   []byte
}

// receiver is a program that takes webhooks.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []got
	answer http.HandlerFunc // nil: 204
}

func newReceiver(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, got{req.Header.Clone(), body})
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, req)
	}))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.got...)
}

func (r *receiver) say(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// status is a receiver that always answers alike.
func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "said")
	}
}

// plain reaches loopback, which the program's own client does not.
func plain() *http.Client {
	return &http.Client{
		Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// site is an account with what a test needs of it.
type site struct {
	t       testing.TB
	s       *store.Store
	clock   *clock
	account string
}

func newSite(t testing.TB, s *store.Store, name string) *site {
	t.Helper()
	a, err := s.CreateAccount(t.Context(), zonehold.Account{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, s, newClock(), a.ID}
}

func (st *site) webhook(url string, patterns ...string) (*store.Webhook, string) {
	st.t.Helper()
	w := &store.Webhook{URL: url, CreatedAt: st.clock.now()}
	w.ID, w.AccountID, w.Enabled, w.Patterns = zonehold.NewID(zonehold.PrefixWebhook), st.account, true, patterns
	secret := NewSecret()
	if err := st.s.SetWebhookSecret(w, secret, time.Time{}); err != nil {
		st.t.Fatal(err)
	}
	if err := st.s.InTx(st.t.Context(), func(tx *store.Tx) error { return tx.InsertWebhook(st.t.Context(), w) }); err != nil {
		st.t.Fatal(err)
	}
	return w, secret
}

func (st *site) happen(n int, data string) (events []*zonehold.Event) {
	st.t.Helper()
	for range n {
		events = append(events, &zonehold.Event{
			ID: zonehold.NewID(zonehold.PrefixEvent), AccountID: st.account, Type: zonehold.EventDomainAtRisk, CreatedAt: st.clock.now(), Data: []byte(data),
		})
	}
	if err := st.s.InTx(st.t.Context(), func(tx *store.Tx) error { return tx.AppendEvents(st.t.Context(), events) }); err != nil {
		st.t.Fatal(err)
	}
	return events
}

func (st *site) deliveries(outlet string) []*store.Delivery {
	st.t.Helper()
	found, err := st.s.Deliveries(st.t.Context(), store.DeliveryFilter{AccountID: st.account, OutletID: outlet, Limit: 10_000})
	if err != nil {
		st.t.Fatal(err)
	}
	return found
}

// one waits until the only delivery of an outlet has had so many tries.
func (st *site) tried(outlet string, tries int) (d *store.Delivery) {
	st.t.Helper()
	eventually(st.t, func() bool {
		found := st.deliveries(outlet)
		if len(found) != 1 {
			return false
		}
		d = found[0]
		return len(d.Tries) >= tries && d.State != store.DeliverySending
	})
	if len(d.Tries) != tries {
		st.t.Fatalf("%d tries, want %d: %+v", len(d.Tries), tries, d.Tries)
	}
	return d
}

// dispatch runs a dispatcher until the end of the test.
func (st *site) dispatch(change ...func(*Config)) *Dispatcher {
	st.t.Helper()
	cfg := Config{Store: st.s, Clock: st.clock.now, Channels: []Channel{&Webhooks{Store: st.s, HTTP: plain(), Clock: st.clock.now}}}
	for _, f := range change {
		f(&cfg)
	}
	d := newDispatcher(cfg, quick)
	if err := d.Start(st.t.Context()); err != nil {
		st.t.Fatal(err)
	}
	st.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			st.t.Error(err)
		}
	})
	return d
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(3 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come about")
		}
	}
}
