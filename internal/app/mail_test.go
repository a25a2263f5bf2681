package app

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

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
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
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
