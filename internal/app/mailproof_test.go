package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

var updateGolden = flag.Bool("update", false, "write golden files")

// post is a service with a fake internet, its mail server, and a domain that
// takes mail.
type post struct {
	*App
	t     *testing.T
	store *store.Store
	net   *testnet.Network
	mail  *testnet.MailServer
	who   zonehold.Actor
	d     *Domain
}

// relayed is how the wiring joins notify and app.
type relayed struct{ *notify.Mail }

func (r relayed) Send(ctx context.Context, to, subject, text string) error {
	err := r.Mail.Send(ctx, to, subject, text)
	switch {
	case errors.Is(err, notify.ErrRefused):
		return fmt.Errorf("%w: %w", ErrMailRefused, err)
	case errors.Is(err, notify.ErrDelayed):
		return fmt.Errorf("%w: %w", ErrMailDelayed, err)
	}
	return err
}

func newPost(t *testing.T, s *store.Store, cfg Config) *post {
	t.Helper()
	l := verifytest.NewLab(t)
	p := &post{t: t, store: s, net: l.Net, mail: l.Net.MailServer(testnet.MailOptions{NoSTARTTLS: true})}
	relay, err := notify.ParseRelay(p.mail.URL())
	if err != nil {
		t.Fatal(err)
	}
	m, err := notify.NewMail(relay, "zonehold@service.example", probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Mail, cfg.Worker, cfg.CreateWait = relayed{m}, true, -1
	p.App = make1(t, s, cfg, quick)
	p.App.cfg.Kit = l.Kit
	if err := p.App.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.App.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	l.Net.Zone("example.com").Add("@", "MX", "10 mail.example.com.")
	p.who = actor(t, s, "alpha")
	p.d = create(t, p.App, p.who, "example.com")
	return p
}

// send asks for a code and reads it from the mail.
func (p *post) send(who zonehold.Actor, ref, mailbox string) string {
	p.t.Helper()
	c, err := p.MailCode(p.t.Context(), who, ref, mailbox)
	if err != nil {
		p.t.Fatalf("mailing a code to %s of %s: %v", mailbox, ref, err)
	}
	return p.code(c.Address)
}

var codeForm = regexp.MustCompile(`(?m)^    ([0-9A-Z]{5}-[0-9A-Z]{5})$`)

// code is the one in the newest mail to an address.
func (p *post) code(address string) string {
	p.t.Helper()
	mails := p.mail.MailsTo(address)
	if len(mails) == 0 {
		p.t.Fatalf("no mail to %s", address)
	}
	found := codeForm.FindStringSubmatch(mails[len(mails)-1].Text())
	if found == nil {
		p.t.Fatalf("no code in %q", mails[len(mails)-1].Text())
	}
	return found[1]
}

// fail wants a refusal with that problem, and nothing proved.
func (p *post) fail(who zonehold.Actor, ref, code string, want problem.Code) *Error {
	p.t.Helper()
	before, err := p.Attempts(p.t.Context(), who, ref, 500, "")
	if err != nil {
		p.t.Fatal(err)
	}
	at, err := p.ConfirmMailCode(p.t.Context(), who, ref, code)
	e := wantKind(p.t, err, KindRefused)
	if e.Problem == nil || e.Problem.Code != want || e.Field != "code" || at != nil {
		p.t.Errorf("refused with %+v and attempt %v, want %s", e, at, want)
	}
	after, err := p.Attempts(p.t.Context(), who, ref, 500, "")
	if err != nil || len(after.Items) != len(before.Items) {
		p.t.Errorf("a wrong code made an attempt: %v", err)
	}
	return e
}

func wrong(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

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
	<-b.begun
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
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
	if r := <-done; r.err != nil || r.at.Outcome != zonehold.OutcomeVerified {
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

func TestNobodyIsBuriedInMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		p := newPost(t, s, Config{})
		ctx := t.Context()
		limited := func(err error) {
			t.Helper()
			if e := wantKind(t, err, KindRateLimited); e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
				t.Errorf("again in %v", e.RetryAfter)
			}
		}
		// One mailbox, all accounts; in a race nobody takes a place too many.
		var wg sync.WaitGroup
		for i := range 8 {
			who := actor(t, s, fmt.Sprint("racer", i))
			d := create(t, p.App, who, "example.com")
			wg.Go(func() {
				if _, err := p.MailCode(ctx, who, d.ID, "admin"); err != nil {
					var e *Error
					if !errors.As(err, &e) || e.Kind != KindRateLimited {
						t.Errorf("racing: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(p.mail.MailsTo("admin@example.com")); n != codesOfAddress {
			t.Errorf("%d mails to one address", n)
		}
		_, err := p.AddMailbox(ctx, p.who, "ADMIN+anything@example.com")
		limited(err)
		// One account, many addresses.
		before := len(p.mail.Mails())
		for i := range codesOfAccount + 3 {
			_, err := p.AddMailbox(ctx, p.who, fmt.Sprintf("someone%d@gmail.com", i%15))
			if i > codesOfAccount {
				limited(err)
			}
		}
		if n := len(p.mail.Mails()) - before; n > codesOfAccount {
			t.Errorf("%d mails for one account", n)
		}
		// One domain, many accounts and addresses.
		for i := range codesOfDomain {
			who := actor(t, s, fmt.Sprint("many", i))
			if _, err := p.AddMailbox(ctx, who, fmt.Sprintf("m%d@example.com", i)); err != nil {
				limited(err)
			}
		}
		to := 0
		for _, m := range p.mail.Mails() {
			if strings.HasSuffix(m.To[0], "@example.com") {
				to++
			}
		}
		if to != codesOfDomain {
			t.Errorf("%d mails to one domain, want %d", to, codesOfDomain)
		}
	})
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := newCode()
		plain, ok := readCode(code)
		if !ok || len(code) != codeLength+1 || seen[code] || strings.ReplaceAll(code, "-", "") != plain {
			t.Fatalf("code %q, %q", code, plain)
		}
		seen[code] = true
	}
	if len(codeAlphabet) != 32 || strings.ContainsAny(codeAlphabet, "ILOU") {
		t.Errorf("alphabet %s", codeAlphabet)
	}
	for typed, want := range map[string]string{
		"oil10-ABCDE": "01110ABCDE", "  ab cd-ef gh-jk \r\n": "ABCDEFGHJK", "abcdefghjku": "", "ABCDEFGHJ": "", "": "", "ABCDE\u00a0FGHJK": "ABCDEFGHJK",
	} {
		got, ok := readCode(typed)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

// The mails say who asks, what for, and what the code gives (threat T49).
func TestCodeMails(t *testing.T) {
	domain := &store.Domain{Domain: zonehold.Domain{Hostname: "example.com"}}
	idn := &store.Domain{Domain: zonehold.Domain{Hostname: "xn--e1afmkfd.xn--p1ai"}}
	hostile := "Evil\r\nBcc: x@example.net\x1b[31m \u202egro.elpmaxe " + strings.Repeat("x", 300)
	for file, m := range map[string]codeMail{
		"domain":  {account: zonehold.Account{Name: "Acme Ltd"}, address: "admin@example.com", domain: domain},
		"idn":     {account: zonehold.Account{Name: "Acme Ltd"}, address: "admin@xn--e1afmkfd.xn--p1ai", domain: idn},
		"hostile": {account: zonehold.Account{Name: hostile}, address: "admin@example.com", domain: domain},
		"mailbox": {account: zonehold.Account{Name: "Acme Ltd"}, address: "anna'o@example.com"},
	} {
		subject, text := codeText(m, "7K3M9-QW2XT")
		got := "Subject: " + subject + "\n\n" + text
		name := filepath.Join("testdata", "mail_"+file+".txt")
		if *updateGolden {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (run with -update):\n%s", name, diff)
		}
		if strings.ContainsAny(subject, "\r\n") || strings.ContainsAny(text, "\r\x1b\u202e") || strings.Contains(text, "http") || strings.Contains(text, "\nBcc") {
			t.Errorf("%s holds what it must not:\n%q", name, got)
		}
		if file != "hostile" && slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return len([]rune(l)) > 78 }) {
			t.Errorf("%s has a line that is too long", name)
		}
	}
}

// Codes are counted one request at a time, on all nodes together.
func TestMailCodesAreCountedOneAtATime(t *testing.T) {
	p := newPost(t, storetest.Open(t, storetest.PostgreSQL(t, false)), Config{})
	done := make(chan error, 1)
	err := p.store.InTx(t.Context(), func(tx *store.Tx) error {
		if err := tx.LockMailCodes(t.Context()); err != nil {
			return err
		}
		go func() {
			_, err := p.MailCode(t.Context(), p.who, p.d.ID, "admin")
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("a code was counted and mailed beside another one: %v", err)
			done <- nil
		case <-time.After(time.Second):
		}
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if n := len(p.mail.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}
