package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// watched is a service that watches the registrations of a fake internet.
type watched struct {
	*contenders
	net *testnet.Network
	reg *testnet.Registries
}

func newWatched(t testing.TB, s *store.Store) *watched {
	l := verifytest.NewLab(t)
	reg := l.Net.NewRegistries()
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: l.Net.Route}
	api := web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: l.Kit.DNS, Roots: l.Net.CertPool(), MaxRedirects: 3})
	t.Cleanup(api.CloseIdleConnections)
	client, err := registry.New(registry.Config{
		Dialer: dialer, DNS: l.Kit.DNS, WHOISRoot: reg.WHOISRoot(), Bootstrap: reg.BootstrapURL(), Timeout: 20 * time.Second, HTTP: api,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Kit.Registry = client
	return &watched{newContenders(t, s, Config{Kit: l.Kit, OwnerWatch: true}), l.Net, reg}
}

// register publishes a registration of shop.example.
func (w *watched) register(change func(r *testnet.Registration)) {
	r := testnet.Registration{Domain: "shop.example", Registrar: "First", Created: w.now().AddDate(-3, 0, 0), Expires: w.now().AddDate(0, 8, 0)}
	change(&r)
	w.reg.Register(r)
}

// look has every registration looked at, some days later.
func (w *watched) look(days int) {
	w.t.Helper()
	w.pass(time.Duration(days) * 24 * time.Hour)
	if err := w.s.InTx(w.t.Context(), func(tx *store.Tx) error {
		return tx.WatchRegistrations(w.t.Context(), []string{"shop.example"}, w.now())
	}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.watchOwners(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if due, err := w.s.DueRegistrations(w.t.Context(), w.now(), 1); err != nil || len(due) != 0 {
		w.t.Fatalf("still due: %v, %v", due, err)
	}
}

func (w *watched) frozen(who zonehold.Actor, id string, want zonehold.FreezeReason) *Domain {
	w.t.Helper()
	d := get(w.t, w.App, who, id)
	if d.FreezeReason != want || d.FrozenAt.IsZero() != (want == "") {
		w.t.Errorf("%s is frozen as %q since %s, want %q", d.Hostname, d.FreezeReason, d.FrozenAt, want)
	}
	return d
}

// T43: a domain that was registered anew is somebody else's.
func TestOwnerRegisteredAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		same := func(*testnet.Registration) {}
		w.net.Zone("shop.example")
		w.register(same)
		anna, bert, carl := actor(t, s, "anna"), actor(t, s, "bert"), actor(t, s, "carl")
		one, below, theirs := w.proved(anna, "shop.example"), w.proved(anna, "www.shop.example"), w.proved(bert, "shop.example")
		other := w.proved(anna, "other.example")
		w.look(0)
		r, err := w.Registration(t.Context(), anna, below.ID)
		if err != nil || r.Name != "shop.example" || r.Registrar != "First" || r.Source != registry.SourceRDAP || len(r.NameServers) == 0 ||
			r.SeenAt.IsZero() || r.CreatedAt.IsZero() || !r.NextLookAt.After(w.now()) || len(r.Signs) != 0 {
			t.Fatalf("watched: %+v, %v", r, err)
		}
		_, err = w.Registration(t.Context(), carl, one.ID)
		wantKind(t, err, KindNotFound)
		w.look(7)
		w.frozen(anna, one.ID, "")
		w.register(func(r *testnet.Registration) { r.Created = w.now().AddDate(0, 0, 2) })
		w.pass(4 * 24 * time.Hour)
		fresh := w.proved(carl, "shop.example") // of the new owner
		w.look(3)
		for _, d := range []struct {
			who zonehold.Actor
			was *Domain
		}{{anna, one}, {anna, below}, {bert, theirs}} {
			got := w.frozen(d.who, d.was.ID, zonehold.FreezeRegistered)
			if got.Tokens.TXT == d.was.Tokens.TXT || got.State != zonehold.StateAtRisk || got.Generation == d.was.Generation {
				t.Errorf("frozen: %+v", got.Domain)
			}
			// The old record is still there.
			if at := w.check(d.who, got.ID); at.Outcome == zonehold.OutcomeVerified {
				t.Errorf("%s proved by the old record", got.Hostname)
			}
		}
		w.frozen(carl, fresh.ID, "")
		w.frozen(anna, other.ID, "")
		if e := w.events(bert, zonehold.EventDomainFrozen); len(e) != 1 {
			t.Errorf("events %v", e)
		}
		// A fresh proof leads back.
		w.set(get(t, w.App, anna, one.ID), true)
		w.check(anna, one.ID)
		w.want(anna, one.ID, zonehold.StateVerified)
		w.frozen(anna, one.ID, "")
		w.look(7)
		w.frozen(anna, one.ID, "")
	})
}

// T43: what was claimed before a change of owner and is not proved must not be
// proved by a record that stood there already.
func TestOwnerChangeRenewsUnprovedClaims(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna, bert, carl := actor(t, s, "anna"), actor(t, s, "bert"), actor(t, s, "carl")
		boss := anna
		boss.Scopes = []zonehold.Scope{zonehold.ScopeOperator}
		w.proved(anna, "shop.example")
		below, theirs := create(t, w.App, anna, "www.shop.example"), create(t, w.App, bert, "shop.example")
		other := create(t, w.App, anna, "other.example")
		lapsed := w.proved(anna, "old.shop.example")
		w.revoke(lapsed.ID)
		given := create(t, w.App, bert, "given.shop.example")
		if _, err := w.AddPolicy(t.Context(), boss, NewPolicy{Method: zonehold.MethodWhitelist, Pattern: "given.shop.example", Account: "bert", By: "op", Reason: "contract"}); err != nil {
			t.Fatal(err)
		}
		w.until(bert, given.ID, zonehold.StateVerified)
		w.look(0)
		w.register(func(r *testnet.Registration) { r.Created = w.now().AddDate(0, 0, 3) })
		w.pass(4 * 24 * time.Hour)
		fresh := create(t, w.App, carl, "shop.example") // of the new owner
		w.look(3)
		for _, d := range []struct {
			who  zonehold.Actor
			was  *Domain
			want bool // new values
		}{{anna, below, true}, {bert, theirs, true}, {anna, lapsed, true}, {bert, given, true}, {carl, fresh, false}, {anna, other, false}} {
			got := get(t, w.App, d.who, d.was.ID)
			if renewed := got.Tokens.TXT != d.was.Tokens.TXT; renewed != d.want || renewed != (got.Generation > d.was.Generation) || !got.FrozenAt.IsZero() {
				t.Errorf("%s of %s: new values %v, want %v: %+v", got.Hostname, d.who.Account.Name, renewed, d.want, got.Domain)
			}
			// The record that stood there.
			w.set(d.was, true)
			if at := w.check(d.who, got.ID); (at.Outcome == zonehold.OutcomeVerified) == d.want {
				t.Errorf("%s of %s by its first record: %s", got.Hostname, d.who.Account.Name, at.Outcome)
			}
			if !d.want {
				continue
			}
			w.set(got, true)
			if at := w.check(d.who, got.ID); at.Outcome != zonehold.OutcomeVerified {
				t.Errorf("%s of %s by its new record: %s", got.Hostname, d.who.Account.Name, at.Outcome)
			}
		}
		for who, want := range map[*zonehold.Actor]int{&anna: 2, &bert: 2, &carl: 0} {
			if e := w.events(*who, zonehold.EventChallengeCreated); len(e) != want {
				t.Errorf("%s is told %v", who.Account.Name, e)
			}
		}
	})
}

// T43: nor may such a record have proved one between the change and the look
// that saw it.
func TestOwnerChangeFreezesWhatOldValuesProvedSince(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		w.proved(anna, "shop.example")
		below := create(t, w.App, anna, "www.shop.example")
		w.look(0)
		w.register(func(r *testnet.Registration) { r.Created = w.now().AddDate(0, 0, 3) })
		w.pass(4 * 24 * time.Hour)
		w.set(below, true)
		if at := w.check(anna, below.ID); at.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("before anybody knows: %s", at.Outcome)
		}
		fresh := w.proved(bert, "www.shop.example")
		w.look(3)
		w.frozen(anna, below.ID, zonehold.FreezeRegistered)
		w.frozen(bert, fresh.ID, "")
	})
}

// revoke has a domain lapse, without new values.
func (w *watched) revoke(id string) {
	w.t.Helper()
	w.idle(id)
	err := w.s.InTx(w.t.Context(), func(tx *store.Tx) error {
		held, err := tx.LockDomains(w.t.Context(), []string{id})
		if err != nil {
			return err
		}
		endProof(held[id], w.now())
		return tx.UpdateDomain(w.t.Context(), held[id])
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a state, while the clock goes on.
func (w *watched) until(who zonehold.Actor, id string, want zonehold.DomainState) {
	w.t.Helper()
	for end := time.Now().Add(3 * time.Minute); get(w.t, w.App, who, id).State != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it does not become %s", want)
		}
		w.pass(time.Minute)
	}
}

func TestOwnerUnregistered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		zone := w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna := actor(t, s, "anna")
		one := w.proved(anna, "shop.example")
		w.look(0)
		// The registry alone may be wrong, and may be away.
		w.reg.Unregister("shop.example")
		w.look(7)
		w.frozen(anna, one.ID, "")
		w.register(func(*testnet.Registration) {})
		tld := w.reg.TLD("example").NoWHOIS()
		tld.RDAP().Fault(testnet.RDAPFaultServerError)
		w.look(7)
		w.frozen(anna, one.ID, "")
		r, err := w.Registration(t.Context(), anna, one.ID)
		if err != nil || r.Error == "" || r.NextLookAt.Sub(w.now()) > 2*time.Hour || r.Registrar != "First" {
			t.Errorf("while the registry is away: %+v, %v", r, err)
		}
		tld.RDAP().Fault(testnet.RDAPFaultNone)
		// And so may the DNS.
		zone.Undelegate()
		w.look(7)
		w.frozen(anna, one.ID, "")
		w.reg.Unregister("shop.example")
		w.look(1)
		w.frozen(anna, one.ID, zonehold.FreezeRegistered)
	})
}

func TestOwnerSigns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		zone := w.net.Zone("shop.example")
		zone.SetDS("1 13 2 " + strings.Repeat("ab", 32))
		w.register(func(*testnet.Registration) {})
		anna := actor(t, s, "anna")
		one := w.proved(anna, "shop.example")
		w.look(0)
		if r, err := w.Registration(t.Context(), anna, one.ID); err != nil || len(r.DS) != 1 {
			t.Errorf("watched %+v, %v", r, err)
		}
		// One sign is an everyday event: told, and the claim is checked at once.
		w.register(func(r *testnet.Registration) { r.Registrar = "Second" })
		before := len(attempts(t, w.App, anna, one.ID))
		w.look(7)
		w.frozen(anna, one.ID, "")
		told := w.events(anna, zonehold.EventDomainUpdated)
		if len(told) != 1 || told[0]["registration"] != "shop.example" {
			t.Errorf("told %v", told)
		}
		for end := time.Now().Add(3 * time.Minute); len(attempts(t, w.App, anna, one.ID)) == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the claim is not checked at once")
			}
		}
		w.idle(one.ID)
		w.want(anna, one.ID, zonehold.StateVerified)
		r, err := w.Registration(t.Context(), anna, one.ID)
		if err != nil || len(r.Signs) != 1 || r.Signs[0].Kind != signRegistrar || r.Signs[0].Was != "First" || r.Signs[0].Is != "Second" || r.ChangedAt.IsZero() {
			t.Errorf("signs %+v, %v", r, err)
		}
		// Another one within the window.
		zone.SetDS()
		w.look(10)
		w.frozen(anna, one.ID, zonehold.FreezeMoved)
		// Nothing more to find for who has proved it since, and both signs apart
		// do no harm.
		two := w.proved(actor(t, s, "bert"), "www.shop.example")
		w.look(7)
		w.register(func(r *testnet.Registration) { r.Registrar = "Third" })
		w.look(7)
		w.look(31)
		zone.SetDS("1 13 2 " + strings.Repeat("cd", 32))
		w.look(7)
		zone.SetDS()
		w.look(7)
		_ = two
		if n := len(w.events(anna, zonehold.EventDomainFrozen)); n != 1 {
			t.Errorf("%d freezes", n)
		}
	})
}

// T44: a freeze while a check runs. The result is about the old tokens.
func TestFreezeDuringACheck(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{})
		anna := actor(t, s, "anna")
		one := c.proved(anna, "example.com")
		gate := c.hold()
		at := begin(t, c.App, anna, one.ID, zonehold.MethodDNSTXT)
		recv(t, gate) // it runs
		freezeNow(t, c.App, one.ID)
		c.free()
		let(t, gate)
		if got := wait(t, c.App, anna, at.ID); got.State != zonehold.AttemptCanceled {
			t.Errorf("the check of the old tokens ended %s, %s", got.State, got.Outcome)
		}
		if d := get(t, c.App, anna, one.ID); d.State != zonehold.StateAtRisk || d.FrozenAt.IsZero() || d.Tokens.TXT == one.Tokens.TXT {
			t.Errorf("domain %+v", d.Domain)
		}
	})
}

// T44: the giver is checked while the receiver's proof comes in.
func TestTransferDuringACheck(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		offerTo(t, c.App, anna, one.ID, "bert")
		c.set(two, true)
		gate := c.hold()
		at := begin(t, c.App, anna, one.ID, zonehold.MethodDNSTXT)
		recv(t, gate) // the giver's check runs
		c.free()
		if got := checked(t, c.App, bert, two.ID); got.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("the receiver: %s, %+v", got.Outcome, got.Problem)
		}
		let(t, gate)
		if got := wait(t, c.App, anna, at.ID); got.State != zonehold.AttemptCanceled {
			t.Errorf("the giver's check ended %s, %s", got.State, got.Outcome)
		}
		c.want(anna, one.ID, zonehold.StateLapsed)
		c.want(bert, two.ID, zonehold.StateVerified)
	})
}

// The challenger leaves while the check that would decide runs.
func TestDeleteDuringTheDecidingCheck(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{Exclusive: true})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		one, two := c.proved(anna, "example.com"), create(t, c.App, bert, "example.com")
		c.set(two, true)
		c.check(bert, two.ID)
		c.set(one, false)
		c.pass(73 * time.Hour)
		c.check(bert, two.ID)                                 // so that none is due by itself
		if err := c.settleContests(t.Context()); err != nil { // asks the holder
			t.Fatal(err)
		}
		c.idle(one.ID)
		gate := c.hold()
		if err := c.settleContests(t.Context()); err != nil { // asks the challenger
			t.Fatal(err)
		}
		recv(t, gate)
		if err := c.DeleteDomain(t.Context(), bert, two.ID, 0); err != nil {
			t.Fatal(err)
		}
		c.free()
		let(t, gate)
		c.settle(one.ID, two.ID)
		if d := get(t, c.App, anna, one.ID); !d.State.Verified() {
			t.Errorf("the holder has lost to a claim that is gone: %s", d.State)
		}
		c.contest(anna, one.ID, "withdrawn")
	})
}

// hold lets the next checks wait: each sends once when it runs, and takes once
// to go on.
func (c *contenders) hold() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = make(chan struct{})
	return c.gate
}

func (c *contenders) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = nil
}

func attempts(t testing.TB, a *App, who zonehold.Actor, id string) []*Attempt {
	t.Helper()
	page, err := a.Attempts(t.Context(), who, id, 500, "")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(page.Items)
}

// Exactly what is on a name and below it, however the names look.
func TestProvedUnder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		var want []string
		for _, name := range []string{"shop.example", "www.shop.example", "a.b.shop.example"} {
			want = append(want, c.proved(anna, name).ID)
		}
		want = append(want, c.proved(bert, "shop.example").ID)
		for _, name := range []string{"theshop.example", "the-shop.example", "shop.example.example", "shop-example.example", "other.example"} {
			c.proved(anna, name)
		}
		create(t, c.App, anna, "pending.shop.example")
		slices.Sort(want)
		got, err := s.ProvedUnder(t.Context(), "shop.example", "", 100)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
		if got, err := s.ProvedUnder(t.Context(), "shop.example", want[1], 1); err != nil || !slices.Equal(got, want[2:3]) {
			t.Errorf("after the second: %v, %v", got, err)
		}
	})
}

// A freeze that broke off goes on where it was.
func TestFreezeGoesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna := actor(t, s, "anna")
		one, two := w.proved(anna, "shop.example"), w.proved(anna, "www.shop.example")
		w.look(0)
		w.pass(time.Hour)
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			r, err := tx.LockRegistration(t.Context(), "shop.example")
			if err != nil {
				return err
			}
			r.FreezeReason, r.FreezeAt, r.FreezeAfter = zonehold.FreezeMoved, w.now(), min(one.ID, two.ID)
			return tx.UpdateRegistration(t.Context(), r)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.look(0)
		frozen := 0
		for _, d := range []*Domain{one, two} {
			if !get(t, w.App, anna, d.ID).FrozenAt.IsZero() {
				frozen++
				if d.ID != max(one.ID, two.ID) {
					t.Errorf("%s was done already", d.Hostname)
				}
			}
		}
		if frozen != 1 {
			t.Errorf("%d frozen", frozen)
		}
		if r, err := s.Registration(t.Context(), "shop.example"); err != nil || r.FreezeReason != "" {
			t.Errorf("after it: %+v, %v", r, err)
		}
	})
}

// The watch of a name ends with its last proof, and what the operator or
// another account gives is not frozen by itself.
func TestOwnerWatchBounds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWatched(t, s)
		w.net.Zone("shop.example")
		w.register(func(*testnet.Registration) {})
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		boss := anna
		boss.Scopes = []zonehold.Scope{zonehold.ScopeOperator}
		one := w.proved(anna, "shop.example")
		given := create(t, w.App, bert, "shop.example")
		if _, err := w.AddPolicy(t.Context(), boss, NewPolicy{Method: zonehold.MethodWhitelist, Pattern: "shop.example", Account: "bert", By: "op", Reason: "contract"}); err != nil {
			t.Fatal(err)
		}
		w.until(bert, given.ID, zonehold.StateVerified)
		w.look(0)
		w.register(func(r *testnet.Registration) { r.Created = w.now().AddDate(0, 0, 5) })
		w.look(7)
		w.frozen(anna, one.ID, zonehold.FreezeRegistered)
		w.frozen(bert, given.ID, "")
		for who, id := range map[*zonehold.Actor]string{&anna: one.ID, &bert: given.ID} {
			if err := w.DeleteDomain(t.Context(), *who, id, 0); err != nil {
				t.Fatal(err)
			}
		}
		w.look(7)
		if _, err := s.Registration(t.Context(), "shop.example"); err == nil {
			t.Error("watched for nobody")
		}
	})
}
