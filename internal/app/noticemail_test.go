package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/testnet"
)

// moving is a clock that a test moves on.
type moving struct{ ahead atomic.Int64 }

func (m *moving) now() time.Time          { return time.Now().Add(time.Duration(m.ahead.Load())) }
func (m *moving) forward(d time.Duration) { m.ahead.Add(int64(d)) }

// dispatch mails the notices of a post, until the end of the test.
func (p *post) dispatch(clock func() time.Time) {
	p.t.Helper()
	relay, err := notify.ParseRelay(p.mail.URL())
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := notify.NewMail(relay, "zonehold@service.example", probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		p.t.Fatal(err)
	}
	d := notify.NewDispatcher(notify.Config{Store: p.store, Clock: clock, Channels: []notify.Channel{notify.NewNotices(p.store, m, p.App, clock)}})
	if err := d.Start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			p.t.Errorf("stopping: %v", err)
		}
	})
}

// mails waits until an address has n mails, and gives the last.
func (p *post) mails(address string, n int) testnet.Mail {
	p.t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := p.mail.MailsTo(address)
		if len(got) >= n {
			if len(got) > n {
				p.t.Errorf("%d mails to %s, want %d", len(got), address, n)
			}
			return got[len(got)-1]
		}
		if time.Now().After(end) {
			p.t.Fatalf("%d mails to %s, want %d", len(got), address, n)
		}
	}
}

// From the record that is removed to the mail with the fix, and back.
func TestNoticeFromRemovalToRecovery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := &moving{}
		p := newPost(t, s, Config{Clock: clock.now, PublicURL: "https://zonehold.example"})
		ctx := t.Context()
		account, err := s.CreateAccount(ctx, zonehold.Account{Name: "shop", Email: "boss@example.com", EmailConfirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		who := zonehold.Actor{Account: account, TokenID: "tok", Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
		p.dispatch(clock.now)
		d := create(t, p.App, who, "example.com")
		var record *zonehold.RecordChallenge
		for _, ch := range d.Challenges {
			if ch.Method == zonehold.MethodDNSTXT {
				record = ch.Record
			}
		}
		zone := p.net.Zone("example.com")
		zone.Add(record.RelativeName, "TXT", record.Value)
		check := func(want zonehold.DomainState) {
			t.Helper()
			wait(t, p.App, who, begin(t, p.App, who, d.ID, zonehold.MethodDNSTXT).ID)
			if now := get(t, p.App, who, d.ID); now.State != want {
				t.Fatalf("%s, want %s", now.State, want)
			}
		}
		check(zonehold.StateVerified)
		zone.Remove(record.RelativeName, "TXT")
		clock.forward(24 * time.Hour)
		check(zonehold.StateAtRisk)
		got := p.mails("boss@example.com", 1)
		if subject := got.Header("Subject"); subject != "example.com is at risk: its proof is gone" {
			t.Errorf("subject %q", subject)
		}
		text := got.Text()
		for _, want := range []string{
			`account "shop"`, "What happened", "What was looked for and found", "What to do", "What happens next",
			"Name   _zonehold-challenge.example.com", "adds the domain by itself: _zonehold-challenge", "Value  " + record.Value, "See it yourself:",
			"zonehold domain check " + d.ID, "https://zonehold.example/v1/domains/" + d.ID + "/attempts",
			moment(get(t, p.App, who, d.ID).GraceEndsAt), moment(get(t, p.App, who, d.ID).NextCheckAt),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if strings.Contains(got.Data, "text/html") || !strings.Contains(got.Data, "Auto-Submitted: auto-generated") || !strings.HasPrefix(got.Header("Message-ID"), "<dlv_") {
			t.Errorf("mail\n%s", got.Data)
		}
		// What comes within a quarter of an hour waits for the next mail.
		zone.Add(record.RelativeName, "TXT", record.Value)
		check(zonehold.StateVerified)
		time.Sleep(2 * time.Second)
		p.mails("boss@example.com", 1)
		clock.forward(16 * time.Minute)
		got = p.mails("boss@example.com", 2)
		if subject := got.Header("Subject"); subject != "example.com is verified again" {
			t.Errorf("subject %q", subject)
		}
	})
}

// A thousand domains that change at once make two mails: the first at once,
// and one with all the others.
func TestNoticeDigest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := &moving{}
		p := newPost(t, s, Config{Clock: clock.now})
		account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: "shop", Email: "boss@example.com", EmailConfirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		var events []*zonehold.Event
		for i := range 1000 {
			events = append(events, newEvent(zonehold.EventDomainAtRisk, account.ID, fmt.Sprintf("dom_%04d", i), p.now(), map[string]any{"hostname": fmt.Sprintf("d%04d.example", i)}))
		}
		tell := func(events ...*zonehold.Event) {
			t.Helper()
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.AppendEvents(t.Context(), events) }); err != nil {
				t.Fatal(err)
			}
		}
		// A relay that is down for a while loses nothing.
		p.mail.Fault(testnet.MailFaultGreylist, 1)
		tell(events...)
		p.dispatch(clock.now)
		seen := map[string]bool{}
		mails := 0
		for end := time.Now().Add(5 * time.Minute); len(seen) < 1000 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			got := p.mail.MailsTo("boss@example.com")
			for _, m := range got[mails:] {
				text := m.Text()
				for i := range 1000 {
					if name := fmt.Sprintf("d%04d.example", i); strings.Contains(text, name) {
						seen[name] = true
					}
				}
			}
			mails = len(got)
			clock.forward(10 * time.Second)
		}
		if len(seen) != 1000 || mails > 6 {
			t.Errorf("%d mails with %d domains", mails, len(seen))
		}
	})
}

// A mail that the relay refuses for good takes one event with it, not all that
// it would have told of.
func TestRefusedDigest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := &moving{}
		p := newPost(t, s, Config{Clock: clock.now})
		account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: "shop", Email: "boss@example.com", EmailConfirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		const all = 10
		var events []*zonehold.Event
		for i := range all {
			events = append(events, newEvent(zonehold.EventDomainAtRisk, account.ID, fmt.Sprintf("dom_%04d", i), p.now(), map[string]any{"hostname": fmt.Sprintf("d%04d.example", i)}))
		}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.AppendEvents(t.Context(), events) }); err != nil {
			t.Fatal(err)
		}
		if made, _, err := s.FanOut(t.Context(), account.ID, p.now()); err != nil || made != all {
			t.Fatal(made, err) // before anything is sent, so that one mail has all
		}
		readers, err := s.Readers(t.Context(), account.ID)
		if err != nil || len(readers) != 1 {
			t.Fatal(readers, err)
		}
		p.mail.Fault(testnet.MailFaultRejectData, 1)
		p.dispatch(clock.now)
		count := map[store.DeliveryState]int{}
		for end := time.Now().Add(5 * time.Minute); count[store.DeliveryFailed]+count[store.DeliveryDelivered] < all && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			found, err := s.Deliveries(t.Context(), store.DeliveryFilter{AccountID: account.ID, OutletID: readers[0].ID, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			clear(count)
			for _, d := range found {
				count[d.State]++
			}
			clock.forward(time.Second)
		}
		if count[store.DeliveryFailed] != 1 || count[store.DeliveryDelivered] != all-1 {
			t.Errorf("deliveries %v, want one failed and the others delivered", count)
		}
		p.mails("boss@example.com", 1)
	})
}

// No more mails of one account than its bound in an hour, and none is lost.
func TestNoticesOfAnHour(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		account, err := s.CreateAccount(t.Context(), zonehold.Account{Name: "shop", Email: "boss@example.com", EmailConfirmed: true})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		begin := func(n int) (*store.Claim, time.Time) {
			t.Helper()
			e := newEvent(zonehold.EventDomainAtRisk, account.ID, fmt.Sprint("dom_", n), now, map[string]any{"hostname": "a.example"})
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.AppendEvents(t.Context(), []*zonehold.Event{e}) }); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.FanOut(t.Context(), account.ID, now); err != nil {
				t.Fatal(err)
			}
			claims, _, err := s.Claim(t.Context(), store.ClaimQuery{Kind: store.KindMail, Now: now, Lease: time.Minute, Slots: 1, PerOutlet: 1, Tired: 1, PerAccount: 10})
			if err != nil || len(claims) != 1 {
				t.Fatalf("claims %v, %v", claims, err)
			}
			q := store.NoticeQuery{Now: now, Lease: time.Minute, Apart: time.Second, PerHour: 3, Most: 100}
			_, _, until, err := s.BeginNotice(t.Context(), claims[0], q)
			if err != nil {
				t.Fatal(err)
			}
			if until.IsZero() {
				if err := s.EndNotice(t.Context(), claims[0], true, q); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Settle(t.Context(), []store.Outcome{{Claim: claims[0], State: store.DeliveryDelivered, Well: true}}, now); err != nil {
					t.Fatal(err)
				}
			}
			return claims[0], until
		}
		first := now
		for i := range 3 {
			if _, until := begin(i); !until.IsZero() {
				t.Fatalf("mail %d waits until %s", i, until)
			}
			now = now.Add(10 * time.Second)
		}
		c, until := begin(3)
		if !until.Equal(first.Add(time.Hour)) {
			t.Errorf("the fourth waits until %s, want %s", until, first.Add(time.Hour))
		}
		if err := s.GiveBack(t.Context(), []*store.Claim{c}); err != nil {
			t.Fatal(err)
		}
		now = until.Add(time.Second)
		if _, until := begin(4); !until.IsZero() {
			t.Errorf("after the hour it waits until %s", until)
		}
	})
}

func TestNoticeSettings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx, who := t.Context(), p.who
		show := func(want ...string) *NoticeSettings {
			t.Helper()
			got, err := p.Notices(ctx, who)
			if err != nil || strings.Join(got.Addresses, " ") != strings.Join(want, " ") {
				t.Fatalf("%+v, %v, want %v", got, err, want)
			}
			return got
		}
		show() // nothing is confirmed
		if _, err := p.SetNotices(ctx, who, SetNotices{Addresses: &[]string{"anna@example.com"}}); wantKind(t, err, KindInvalid).Field != "addresses" {
			t.Error(err)
		}
		confirm := func(address string) {
			t.Helper()
			if _, err := p.AddMailbox(ctx, who, address); err != nil {
				t.Fatal(err)
			}
			show2, err := p.ConfirmMailbox(ctx, who, address, p.code(address))
			if err != nil || show2.ConfirmedAt.IsZero() {
				t.Fatal(err)
			}
		}
		confirm("anna@example.com")
		if got := show("anna@example.com"); got.Chosen || len(got.Events) != len(store.UsualNotices()) || len(got.Known) <= len(got.Events) || got.MailOff {
			t.Errorf("%+v", got)
		}
		confirm("bert@example.com")
		show("anna@example.com")
		events := []string{"domain.at_risk", "domain.verified", "domain.at_risk"}
		got, err := p.SetNotices(ctx, who, SetNotices{Addresses: &[]string{"BERT@example.com", "bert@example.com"}, Events: &events})
		if err != nil || len(got.Addresses) != 1 || got.Addresses[0] != "bert@example.com" && got.Addresses[0] != "BERT@example.com" || len(got.Events) != 2 || !got.Chosen {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := p.SetNotices(ctx, who, SetNotices{Events: &[]string{"attempt.completed"}}); wantKind(t, err, KindInvalid).Field != "events" {
			t.Error(err)
		}
		if err := p.RemoveMailbox(ctx, who, "bert@example.com", true); err != nil {
			t.Fatal(err)
		}
		show()
		var none, usual []string
		if _, err := p.SetNotices(ctx, who, SetNotices{Addresses: &usual}); err != nil {
			t.Fatal(err)
		}
		show("anna@example.com")
		none = []string{}
		if _, err := p.SetNotices(ctx, who, SetNotices{Events: &none}); err != nil {
			t.Fatal(err)
		}
		show()
		operator := zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}}
		wantKind(t, p.VouchMailbox(ctx, who, who.Account.ID, "carl@example.com"), KindForbidden)
		if err := p.VouchMailbox(ctx, operator, who.Account.Name, "carl@example.com"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.SetNotices(ctx, who, SetNotices{Events: &usual, Addresses: &[]string{"carl@example.com"}}); err != nil {
			t.Fatal(err)
		}
		show("carl@example.com")
	})
}
