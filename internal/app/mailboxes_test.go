package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
)

func TestMailboxFromCodeToProof(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		m, err := p.AddMailbox(ctx, p.who, "Anna@EXAMPLE.com")
		if err != nil || m.Address != "Anna@example.com" || !m.ConfirmedAt.IsZero() || m.AccountID != p.who.Account.ID {
			t.Fatalf("added %+v, %v", m, err)
		}
		code := p.code("Anna@example.com")
		at := wait(t, p.App, p.who, begin(t, p.App, p.who, p.d.ID, zonehold.MethodEmail).ID)
		if at.Outcome != zonehold.OutcomeAbsent || at.Problem.Code != "mail_address_unconfirmed" {
			t.Errorf("before the code: %s, %+v", at.Outcome, at.Problem)
		}
		_, err = p.ConfirmMailbox(ctx, p.who, "anna@example.com", wrong(code))
		if e := wantKind(t, err, KindRefused); e.Problem == nil || e.Problem.Code != "mail_code_wrong" {
			t.Errorf("wrong code: %+v", e)
		}
		// A code for an address is none for a domain, nor for another account.
		p.fail(p.who, p.d.ID, code, "mail_code_wrong")
		other := actor(t, s, "beta")
		_, err = p.ConfirmMailbox(ctx, other, "anna@example.com", code)
		wantKind(t, err, KindNotFound)
		if _, err := p.AddMailbox(ctx, other, "anna@example.com"); err != nil {
			t.Fatal(err)
		}
		_, err = p.ConfirmMailbox(ctx, other, "anna@example.com", code)
		wantKind(t, err, KindRefused)

		m, err = p.ConfirmMailbox(ctx, p.who, "anna@Example.com", code)
		if err != nil || m.Address != "Anna@example.com" || m.ConfirmedBy != "code" || m.ConfirmedAt.IsZero() {
			t.Fatalf("confirmed %+v, %v", m, err)
		}
		_, err = p.ConfirmMailbox(ctx, p.who, "anna@example.com", code)
		if e := wantKind(t, err, KindRefused); e.Problem.Code != "mail_code_expired" {
			t.Errorf("replayed: %+v", e.Problem)
		}
		// The claim is looked at again by itself.
		d := untilState(t, p.App, p.who, p.d.ID, zonehold.StateVerified)
		if d.Method != zonehold.MethodEmail || d.ProofSource != "Anna@example.com" || d.Covers != zonehold.CoversHost {
			t.Errorf("proved by %s, resting on %q", d.Method, d.ProofSource)
		}
		// What rests on it keeps it, unless force.
		err = p.RemoveMailbox(ctx, p.who, "anna@example.com", false)
		wantKind(t, err, KindConflict)
		wantKind(t, p.RemoveMailbox(ctx, other, "nobody@example.com", true), KindNotFound)
		if err := p.RemoveMailbox(ctx, p.who, "ANNA@example.com", true); err != nil {
			t.Fatal(err)
		}
		d = untilState(t, p.App, p.who, p.d.ID, zonehold.StateLapsed)
		if d.Problem == nil || d.Problem.Code != "email_address_missing" {
			t.Errorf("problem %+v", d.Problem)
		}
		all, err := p.Mailboxes(ctx, p.who)
		if err != nil || len(all) != 0 {
			t.Errorf("left: %+v, %v", all, err)
		}
		var seen []zonehold.EventType
		events, err := p.Events(ctx, p.who, "", 500, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Data), code) {
				t.Errorf("event %s holds the code", e.Type)
			}
			if strings.HasPrefix(string(e.Type), "mailbox.") || e.Type == zonehold.EventDomainLapsed {
				seen = append(seen, e.Type)
			}
		}
		slices.Sort(seen)
		if want := []zonehold.EventType{zonehold.EventDomainLapsed, EventMailboxAdded, EventMailboxConfirmed, EventMailboxRemoved}; !slices.Equal(seen, want) {
			t.Errorf("events %v, want %v", seen, want)
		}
	})
}

func TestMailboxOfTheOperator(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{})
	account, err := p.store.CreateAccount(t.Context(), zonehold.Account{Name: "vouched", Email: "Boss@Example.com", EmailConfirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	who := zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}
	m, err := p.AddMailbox(t.Context(), who, "boss@example.com")
	if err != nil || m.ConfirmedBy != "operator" || m.Address != "Boss@example.com" || p.mail.Connections() != 0 {
		t.Errorf("%+v, %v, %d connections", m, err, p.mail.Connections())
	}
	d := create(t, p.App, who, "example.com")
	if at := wait(t, p.App, who, begin(t, p.App, who, d.ID, zonehold.MethodEmail).ID); at.Outcome != zonehold.OutcomeVerified {
		t.Errorf("%s, %+v", at.Outcome, at.Problem)
	}
}

func TestMailboxRefusals(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{})
	ctx := t.Context()
	for _, typed := range []string{
		"", "anna", "anna@", "@example.com", "Anna <anna@example.com>", "a@example.com\r\nBcc: b@example.net", "a@example.com>\r\nDATA",
		`"a"@example.com`, "a@[127.0.0.1]", "a@127.0.0.1", "a@localhost", "ä@example.com", "a\x00@example.com", strings.Repeat("a", 100) + "@example.com",
	} {
		for name, call := range map[string]func() error{
			"add":     func() error { _, err := p.AddMailbox(ctx, p.who, typed); return err },
			"confirm": func() error { _, err := p.ConfirmMailbox(ctx, p.who, typed, "0000000000"); return err },
			"remove":  func() error { return p.RemoveMailbox(ctx, p.who, typed, true) },
		} {
			if e := wantKind(t, call(), KindInvalid); e.Field != "address" {
				t.Errorf("%s %q: field %s", name, typed, e.Field)
			}
		}
	}
	if p.mail.Connections() != 0 {
		t.Error("somebody was asked")
	}
	p.mail.Answer("no@example.com", 550, "5.1.1 no such user")
	_, err := p.AddMailbox(ctx, p.who, "no@example.com")
	if e := wantKind(t, err, KindRefused); e.Problem == nil || e.Problem.Code != "mail_not_delivered" {
		t.Errorf("a refused address: %+v", e)
	}
	if all, err := p.Mailboxes(ctx, p.who); err != nil || len(all) != 0 {
		t.Errorf("it was kept: %+v, %v", all, err)
	}
	p.mail.Fault(testnet.MailFaultCloseAfterSent, 0)
	for i := range mailboxLimit + 1 {
		// Of the store, as codes have limits of their own.
		err := p.store.InTx(ctx, func(tx *store.Tx) error {
			return tx.AddMailbox(ctx, p.who.Account.ID, zonehold.MailAddress(fmt.Sprintf("m%d@example.com", i)), time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = p.AddMailbox(ctx, p.who, "onemore@example.com")
	if e := wantKind(t, err, KindLimit); e.Limit != mailboxLimit {
		t.Errorf("limit %d", e.Limit)
	}
	if _, err := p.AddMailbox(ctx, p.who, "m1@example.com"); err != nil {
		t.Errorf("a new code for a known address: %v", err)
	}
	reader := zonehold.Actor{Account: p.who.Account, Scopes: []zonehold.Scope{zonehold.ScopeDomainsRead}}
	if _, err := p.Mailboxes(ctx, reader); err != nil {
		t.Error(err)
	}
	_, err = p.AddMailbox(ctx, reader, "a@example.com")
	wantKind(t, err, KindForbidden)
	_, err = p.ConfirmMailbox(ctx, reader, "m1@example.com", "x")
	wantKind(t, err, KindForbidden)
	wantKind(t, p.RemoveMailbox(ctx, reader, "m1@example.com", true), KindForbidden)
	_, err = p.Mailboxes(ctx, zonehold.Actor{})
	wantKind(t, err, KindForbidden)
}

// A confirmation by code has an end, one by the operator has none.
func TestMailboxGrowsOld(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		m         zonehold.Mailbox
		confirmed bool
		ok        bool
	}{
		{zonehold.Mailbox{Address: "a@example.com", ConfirmedAt: now.Add(-mailboxLife + time.Minute), ConfirmedBy: "code"}, true, true},
		{zonehold.Mailbox{Address: "a@example.com", ConfirmedAt: now.Add(-mailboxLife - time.Minute), ConfirmedBy: "code"}, false, true},
		{zonehold.Mailbox{Address: "a@example.com", ConfirmedAt: now.Add(-10 * mailboxLife), ConfirmedBy: "operator"}, true, true},
		{zonehold.Mailbox{Address: "a@example.com"}, false, true},
		{zonehold.Mailbox{Address: `"x"@example.com`, ConfirmedAt: now, ConfirmedBy: "operator"}, false, false},
	} {
		got, ok := mailboxNow(tt.m, now)
		if ok != tt.ok || ok && got.ConfirmedAt.IsZero() == tt.confirmed {
			t.Errorf("%+v is %+v, %v", tt.m, got, ok)
		}
	}
}

// The name that is proved is the one that was claimed, never another one that
// an address leads to (threat T39).
func TestMailProvesNoOtherName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		p.net.Zone("example.com").Add("sub", "MX", "10 mail.example.com.")
		sub := create(t, p.App, p.who, "sub.example.com")
		below := create(t, p.App, p.who, "a.sub.example.com")
		if at, err := p.ConfirmMailCode(ctx, p.who, sub.ID, p.send(p.who, sub.ID, "admin")); err != nil || at.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("%+v, %v", at, err)
		}
		for _, ref := range []string{p.d.ID, below.ID} {
			wait(t, p.App, p.who, begin(t, p.App, p.who, ref, zonehold.MethodEmail).ID)
			wait(t, p.App, p.who, begin(t, p.App, p.who, ref, zonehold.MethodExistingDomain).ID)
			if d := get(t, p.App, p.who, ref); d.State != zonehold.StatePending {
				t.Errorf("%s is %s by %s", d.Hostname, d.State, d.Method)
			}
		}
		if all, err := p.Mailboxes(ctx, p.who); err != nil || len(all) != 0 {
			t.Errorf("a code for a domain made an address of the account: %+v, %v", all, err)
		}
	})
}

// A proof that rests on an address locks domain, address and account, in that
// order. Confirming the address at the same moment must not do it the other
// way round.
func TestMailboxLocksInOrder(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.PostgreSQL(t, false)), Config{})
	ctx := t.Context()
	if _, err := p.AddMailbox(ctx, p.who, "anna@example.com"); err != nil {
		t.Fatal(err)
	}
	code := p.code("anna@example.com")
	for _, tt := range []struct {
		name string
		call func() error
	}{
		{"confirm", func() error { _, err := p.ConfirmMailbox(ctx, p.who, "anna@example.com", code); return err }},
		{"add", func() error { _, err := p.AddMailbox(ctx, p.who, "anna@example.com"); return err }},
	} {
		done := make(chan error, 1)
		err := p.store.InTx(ctx, func(tx *store.Tx) error {
			if _, err := tx.LockMailbox(ctx, p.who.Account.ID, "anna@example.com"); err != nil {
				return err
			}
			go func() { done <- tt.call() }()
			time.Sleep(300 * time.Millisecond) // until the other one has what it can get
			return tx.LockAccount(ctx, p.who.Account.ID)
		})
		if err != nil {
			t.Errorf("%s: the proof: %v", tt.name, err)
		}
		if err := recv(t, done); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
