package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
)

func TestMailCodeProvesADomain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		sent, err := p.MailCode(ctx, p.who, "EXAMPLE.com", "PostMaster")
		if err != nil {
			t.Fatal(err)
		}
		if sent.DomainID != p.d.ID || sent.Address != "postmaster@example.com" || sent.ExpiresAt.Sub(sent.SentAt) != 30*time.Minute {
			t.Errorf("sent %+v", sent)
		}
		code := p.code("postmaster@example.com")
		p.fail(p.who, p.d.ID, wrong(code), "mail_code_wrong")
		if d := get(t, p.App, p.who, p.d.ID); d.State != zonehold.StatePending {
			t.Errorf("after a wrong code: %s", d.State)
		}
		at, err := p.ConfirmMailCode(ctx, p.who, "example.com", " "+strings.ToLower(code[:3])+" "+code[3:]+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if at.State != zonehold.AttemptDone || at.Outcome != zonehold.OutcomeVerified || at.Method != zonehold.MethodEmail ||
			at.Trigger != zonehold.TriggerRequest || at.Problem != nil || at.DomainID != p.d.ID || len(at.Steps) < 2 {
			t.Errorf("attempt %+v", at)
		}
		d := get(t, p.App, p.who, p.d.ID)
		if d.State != zonehold.StateVerified || d.Method != zonehold.MethodEmail || d.Assurance != zonehold.AssuranceMailbox ||
			d.Covers != zonehold.CoversHost || d.LastAttemptID != at.ID || !strings.HasPrefix(d.ProofSource, "mco_") ||
			d.NextCheckAt.IsZero() || d.NextCheckAt.After(time.Now().Add(mailboxLife)) {
			t.Errorf("domain %+v", d.Domain)
		}
		body, err := p.Evidence(ctx, p.who, at.ID)
		if err != nil || !strings.Contains(string(body), `"postmaster@example.com"`) || !strings.Contains(string(body), `"mail_code"`) {
			t.Errorf("evidence %s, %v", body, err)
		}
		bare := strings.ReplaceAll(code, "-", "")
		events, err := p.Events(ctx, p.who, "", 500, false)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[zonehold.EventType]int{}
		for _, e := range events {
			seen[e.Type]++
			if strings.Contains(string(e.Data), code) || strings.Contains(string(e.Data), bare) {
				t.Errorf("event %s holds the code: %s", e.Type, e.Data)
			}
		}
		if strings.Contains(string(body), code) || strings.Contains(string(body), bare) {
			t.Error("the evidence holds the code")
		}
		if seen[EventMailCodeSent] != 1 || seen[zonehold.EventDomainVerified] != 1 || seen[zonehold.EventAttemptCompleted] != 1 {
			t.Errorf("events %v", seen)
		}
		// Replayed.
		p.fail(p.who, p.d.ID, code, "mail_code_expired")
		// An ordinary check later on finds the same proof.
		again := wait(t, p.App, p.who, begin(t, p.App, p.who, p.d.ID, zonehold.MethodEmail).ID)
		if again.Outcome != zonehold.OutcomeVerified {
			t.Errorf("checked again: %s, %+v", again.Outcome, again.Problem)
		}
		if now := get(t, p.App, p.who, p.d.ID); now.State != zonehold.StateVerified || now.ProofSource != d.ProofSource {
			t.Errorf("after the second check: %s, %s", now.State, now.ProofSource)
		}
	})
}

func TestMailCodeGuessing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		code := p.send(p.who, p.d.ID, "admin")
		for _, typed := range []string{"", "0", code + "0", "UUUUUUUUUU", strings.Repeat("0", 1000), "<script>", "0\x0000000000", "ÄÄÄÄÄÄÄÄÄÄ"} {
			p.fail(p.who, p.d.ID, typed, "mail_code_wrong") // cannot be one, costs no try
		}
		var at once
		var wrongs, dead, right atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				guess := fmt.Sprintf("%010d", i)
				_, err := p.ConfirmMailCode(t.Context(), p.who, p.d.ID, guess)
				var e *Error
				switch {
				case err == nil:
					right.Add(1)
				case errors.As(err, &e) && e.Problem != nil && e.Problem.Code == "mail_code_wrong":
					wrongs.Add(1)
				case errors.As(err, &e) && e.Problem != nil && e.Problem.Code == "mail_code_expired":
					dead.Add(1)
				default:
					at.fail(t, err)
				}
			})
		}
		wg.Wait()
		if wrongs.Load() != mailCodeTries || dead.Load() != 20-mailCodeTries || right.Load() != 0 {
			t.Errorf("%d wrong, %d refused unseen, %d right", wrongs.Load(), dead.Load(), right.Load())
		}
		p.fail(p.who, p.d.ID, code, "mail_code_expired") // even the right one
		if d := get(t, p.App, p.who, p.d.ID); d.State != zonehold.StatePending {
			t.Errorf("state %s", d.State)
		}
	})
}

type once struct{ sync.Once }

func (o *once) fail(t *testing.T, err error) { o.Do(func() { t.Errorf("unexpected: %v", err) }) }

func TestMailCodeOfSomebodyElse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		p.net.Zone("example.net").Add("@", "MX", "10 mail.example.net.")
		other := actor(t, s, "beta")
		theirs := create(t, p.App, other, "example.com")
		second := create(t, p.App, p.who, "example.net")
		code := p.send(p.who, p.d.ID, "admin")
		p.fail(other, theirs.ID, code, "mail_code_wrong") // no code of theirs
		p.send(other, theirs.ID, "admin")
		p.fail(other, theirs.ID, code, "mail_code_wrong")
		p.fail(p.who, second.ID, code, "mail_code_wrong")
		if _, err := p.ConfirmMailCode(t.Context(), other, p.d.ID, code); wantKind(t, err, KindNotFound) == nil {
			t.Error("another account's domain")
		}
		newer := p.send(p.who, p.d.ID, "webmaster")
		p.fail(p.who, p.d.ID, code, "mail_code_wrong") // replaced
		if at, err := p.ConfirmMailCode(t.Context(), p.who, p.d.ID, newer); err != nil || at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("the newer code: %+v, %v", at, err)
		}
		for who, ref := range map[string]string{"alpha": second.ID, "beta": theirs.ID} {
			a := p.who
			if who == "beta" {
				a = other
			}
			if d := get(t, p.App, a, ref); d.State != zonehold.StatePending {
				t.Errorf("%s of %s is %s", d.Hostname, who, d.State)
			}
		}
	})
}

func TestMailCodeDies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		age := func(domainID string) {
			t.Helper()
			var c *store.MailCode
			if err := s.InTx(ctx, func(tx *store.Tx) (err error) {
				c, err = tx.TryMailCode(ctx, p.who.Account.ID, domainID, "")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := s.SentMailCode(ctx, c.ID, c.SentAt, time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		code := p.send(p.who, p.d.ID, "admin")
		age(p.d.ID)
		e := p.fail(p.who, p.d.ID, code, "mail_code_expired")
		if !strings.Contains(e.Problem.Found, "Its time was over at") {
			t.Errorf("found %q", e.Problem.Found)
		}
		// The claim changes between mail and code.
		code = p.send(p.who, p.d.ID, "admin")
		port := 8443
		if _, err := p.UpdateDomain(ctx, p.who, p.d.ID, DomainPatch{Port: &port}, 0); err != nil {
			t.Fatal(err)
		}
		p.fail(p.who, p.d.ID, code, "mail_code_expired")
		// A claim given up and made again is another one (threat T45).
		code = p.send(p.who, p.d.ID, "admin")
		if err := p.DeleteDomain(ctx, p.who, p.d.ID, 0); err != nil {
			t.Fatal(err)
		}
		_, err := p.ConfirmMailCode(ctx, p.who, p.d.ID, code)
		wantKind(t, err, KindNotFound)
		again := create(t, p.App, p.who, "example.com")
		p.fail(p.who, again.ID, code, "mail_code_wrong")
	})
}

func TestMailCodeOnceInARace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		code := p.send(p.who, p.d.ID, "admin")
		var proved, used atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				at, err := p.ConfirmMailCode(t.Context(), p.who, p.d.ID, code)
				var e *Error
				switch {
				case err == nil && at.Outcome == zonehold.OutcomeVerified:
					proved.Add(1)
				case errors.As(err, &e) && e.Problem != nil && e.Problem.Code == "mail_code_expired":
					used.Add(1)
				default:
					t.Errorf("%+v, %v", at, err)
				}
			})
		}
		wg.Wait()
		if proved.Load() != 1 || used.Load() != 3 {
			t.Errorf("%d proved, %d used", proved.Load(), used.Load())
		}
		page, err := p.Attempts(t.Context(), p.who, p.d.ID, 50, "")
		if err != nil || len(page.Items) != 1 {
			t.Errorf("%d attempts, %v", len(page.Items), err)
		}
	})
}

func TestMailCodeDuringACheck(t *testing.T) {
	b := newBlocking()
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{Check: b.check})
	code := p.send(p.who, p.d.ID, "admin")
	running := begin(t, p.App, p.who, p.d.ID, zonehold.MethodDNSTXT)
	recv(t, b.begun)
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	_, err := p.ConfirmMailCode(short, p.who, p.d.ID, code)
	cancel()
	if e := wantKind(t, err, KindConflict); e.Attempt == nil || e.Attempt.ID != running.ID {
		t.Errorf("conflict with %+v", e.Attempt)
	}
	type result struct {
		at  *Attempt
		err error
	}
	done := make(chan result, 1)
	go func() {
		at, err := p.ConfirmMailCode(t.Context(), p.who, p.d.ID, code)
		done <- result{at, err}
	}()
	b.end <- zonehold.OutcomeAbsent
	if r := recv(t, done); r.err != nil || r.at.Outcome != zonehold.OutcomeVerified {
		t.Errorf("after the other check: %+v, %v", r.at, r.err)
	}
}

func TestMailCodeWhereOneAccountCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{Exclusive: true})
		first := p.send(p.who, p.d.ID, "admin")
		other := actor(t, s, "beta")
		theirs := create(t, p.App, other, "example.com")
		second := p.send(other, theirs.ID, "webmaster")
		if at, err := p.ConfirmMailCode(t.Context(), p.who, p.d.ID, first); err != nil || at.Outcome != zonehold.OutcomeVerified {
			t.Fatalf("%+v, %v", at, err)
		}
		at, err := p.ConfirmMailCode(t.Context(), other, theirs.ID, second)
		if err != nil || at.Outcome != zonehold.OutcomeRefused || at.Problem == nil || at.Problem.Code != "claimed_by_other_account" {
			t.Errorf("second account: %+v, %v", at, err)
		}
		if d := get(t, p.App, other, theirs.ID); d.State != zonehold.StatePending {
			t.Errorf("state %s", d.State)
		}
	})
}

func TestMailCodeAfterItsTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		if _, err := p.ConfirmMailCode(ctx, p.who, p.d.ID, p.send(p.who, p.d.ID, "admin")); err != nil {
			t.Fatal(err)
		}
		source := get(t, p.App, p.who, p.d.ID).ProofSource
		old := time.Now().Add(-mailboxLife - time.Minute)
		if err := s.InTx(ctx, func(tx *store.Tx) error { return tx.UseMailCode(ctx, source, old) }); err != nil {
			t.Fatal(err)
		}
		at := wait(t, p.App, p.who, begin(t, p.App, p.who, p.d.ID, zonehold.MethodEmail).ID)
		if at.Outcome != zonehold.OutcomeAbsent || at.Problem == nil || at.Problem.Code != "mail_code_expired" {
			t.Errorf("attempt %s, %+v", at.Outcome, at.Problem)
		}
		d := get(t, p.App, p.who, p.d.ID)
		if d.State != zonehold.StateAtRisk || d.GraceEndsAt.IsZero() {
			t.Errorf("state %s until %v", d.State, d.GraceEndsAt)
		}
		if _, err := p.ConfirmMailCode(ctx, p.who, p.d.ID, p.send(p.who, p.d.ID, "hostmaster")); err != nil {
			t.Fatal(err)
		}
		if d := get(t, p.App, p.who, p.d.ID); d.State != zonehold.StateVerified || d.ProofSource == source {
			t.Errorf("after a new code: %s by %s", d.State, d.ProofSource)
		}
	})
}

func TestMailCodeRefusals(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{})
	ctx := t.Context()
	for _, mailbox := range []string{
		"", "info", "support", "root", "abuse", "admin@example.net", "admin@sub.example.com", "admin@com", "admin@", "admin@example.com@x",
		"admin,info", "admin\r\nBcc: x@example.net", "admin@example.com\r\nRCPT TO:<x@example.net>", "admin ", "ádmin", "a\x00dmin", strings.Repeat("a", 5000),
	} {
		_, err := p.MailCode(ctx, p.who, p.d.ID, mailbox)
		if e := wantKind(t, err, KindInvalid); e.Field != "mailbox" {
			t.Errorf("%.40q: field %s", mailbox, e.Field)
		}
	}
	if p.mail.Connections() != 0 {
		t.Error("mail was sent")
	}
	for i, good := range []string{"admin", "ADMINISTRATOR", "webmaster@example.com", "HostMaster@EXAMPLE.COM", "postmaster"} {
		sent, err := p.MailCode(ctx, p.who, p.d.ID, good)
		local, _, _ := strings.Cut(strings.ToLower(good), "@")
		if err != nil || sent.Address != local+"@example.com" || len(p.mail.Mails()) != i+1 {
			t.Errorf("%s: %+v, %v", good, sent, err)
		}
	}
	free := create(t, p.App, p.who, "gmail.com")
	_, err := p.MailCode(ctx, p.who, free.ID, "admin")
	if e := wantKind(t, err, KindRefused); e.Problem == nil || e.Problem.Code != "mail_domain_shared" {
		t.Errorf("gmail.com: %+v", e)
	}
	reader := zonehold.Actor{Account: p.who.Account, Scopes: []zonehold.Scope{zonehold.ScopeDomainsRead}}
	_, err = p.MailCode(ctx, reader, p.d.ID, "admin")
	wantKind(t, err, KindForbidden)
	_, err = p.ConfirmMailCode(ctx, reader, p.d.ID, "0000000000")
	wantKind(t, err, KindForbidden)
	_, err = p.MailCode(ctx, actor(t, p.store, "beta"), p.d.ID, "admin")
	wantKind(t, err, KindNotFound)

	off := make1(t, p.store, Config{}, quick)
	_, err = off.MailCode(ctx, p.who, p.d.ID, "admin")
	if e := wantKind(t, err, KindUnavailable); e.Problem == nil || e.Problem.Code != "mail_off" {
		t.Errorf("mail off: %+v", e)
	}
}

func TestMailCodeNeedsAMailServer(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{})
	p.net.Zone("null.example").Add("@", "MX", "0 .").Add("@", "A", "45.0.0.9")
	p.net.Zone("nothing.example").Add("@", "TXT", "x")
	p.net.Zone("address.example").Add("@", "A", "45.0.0.9")
	p.net.Zone("alias.example").Add("w", "CNAME", "example.com.")
	p.net.Zone("broken.example").Add("@", "MX", "10 mail.example.com.")
	for _, server := range p.net.Zone("broken.example").Servers() {
		server.Fault(testnet.FaultServFail)
	}
	p.net.Zone("test.example")
	for name, want := range map[string]problem.Code{
		"null.example": "mail_no_mx", "nothing.example": "mail_no_mx", "gone.test.example": "mail_no_mx",
		"broken.example": "mail_mx_unknown", "address.example": "", "w.alias.example": "",
	} {
		before := len(p.mail.Mails())
		_, err := p.MailCode(t.Context(), p.who, create(t, p.App, p.who, name).ID, "admin")
		var e *Error
		switch {
		case want == "" && (err != nil || len(p.mail.MailsTo("admin@"+name)) != 1):
			t.Errorf("%s: %v", name, err)
		case want != "" && (!errors.As(err, &e) || e.Problem == nil || e.Problem.Code != want || len(p.mail.Mails()) != before):
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	p.App.cfg.Kit.DNS = nil
	_, err := p.MailCode(t.Context(), p.who, p.d.ID, "admin")
	if e := wantKind(t, err, KindUnavailable); e.Problem.Code != "mail_mx_unknown" {
		t.Errorf("without a resolver: %+v", e)
	}
}

func TestMailCodeNotDelivered(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.SQLite(t)), Config{})
	ctx := t.Context()
	code := p.send(p.who, p.d.ID, "admin")
	for _, tt := range []struct {
		fault testnet.MailFault
		kind  Kind
		code  problem.Code
		found string
	}{
		{testnet.MailFaultRejectRcpt, KindRefused, "mail_not_delivered", `The mail server answered "550 5.1.1 no such user here" to the attempt.`},
		{testnet.MailFaultControls, KindRefused, "mail_not_delivered", `The mail server answered "550 5.1.1 no [31muser [0m tset <script>alert(1)</script> end" to the attempt.`},
		{testnet.MailFaultGreylist, KindUnavailable, "mail_not_delivered", `The mail server answered "451 4.7.1 greylisted, try again in 300 seconds" to the attempt.`},
		{testnet.MailFaultNoService, KindUnavailable, "mail_relay_down", "It took none."},
	} {
		p.mail.Fault(tt.fault, 1)
		_, err := p.MailCode(ctx, p.who, p.d.ID, "postmaster")
		e := wantKind(t, err, tt.kind)
		if e.Problem == nil || e.Problem.Code != tt.code || e.Problem.Found != tt.found {
			t.Errorf("fault %d: %+v", tt.fault, e.Problem)
		}
		if tt.kind == KindUnavailable && e.RetryAfter != 15*time.Minute {
			t.Errorf("fault %d: again in %v", tt.fault, e.RetryAfter)
		}
	}
	// The code that did arrive still counts.
	if at, err := p.ConfirmMailCode(ctx, p.who, p.d.ID, code); err != nil || at.Outcome != zonehold.OutcomeVerified {
		t.Errorf("%+v, %v", at, err)
	}
}
