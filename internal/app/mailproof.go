package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	dnslib "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// fixedMailboxes are the only ones that a code for a domain is mailed to:
// nobody else can get these names (Baseline Requirements 3.2.2.4.4; RFC 2142;
// threat T38).
var fixedMailboxes = []string{"admin", "administrator", "webmaster", "hostmaster", "postmaster"}

// mxLimit bounds the look for mail servers.
const mxLimit = 5 * time.Second

// MailCode mails a code to one of the fixed mailboxes of a claimed domain.
// mailbox is the name alone, or the whole address, whose domain is then that
// of the claim and no other (threat T39).
func (a *App) MailCode(ctx context.Context, actor zonehold.Actor, ref, mailbox string) (*MailCode, error) {
	if err := allow(actor, zonehold.ScopeChecksRun); err != nil {
		return nil, err
	}
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	address, err := fixedMailbox(d.Hostname, mailbox)
	if err != nil {
		return nil, err
	}
	if kind, shared := verify.SharedMailDomain(string(d.Hostname)); shared {
		p := problem.New("mail_domain_shared", problem.Facts{
			problem.FactDomain: string(d.Hostname), problem.FactDetail: "It is known as a domain of " + kind + ".",
		})
		return nil, &Error{Kind: KindRefused, Problem: &p, Message: "Anybody can have an address in this domain, so a mail proves nothing."}
	}
	c, err := a.mail(ctx, codeMail{account: actor.Account, address: address, domain: d, before: func(ctx context.Context) error {
		return a.takesMail(ctx, d.Hostname)
	}})
	if err != nil {
		return nil, err
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := a.audit(ctx, tx, actor, "domain.mail_code", d.ID, map[string]any{"name": string(d.Hostname), "address": string(address)}); err != nil {
			return err
		}
		data := domainData(d)
		data["address"], data["expires_at"] = string(address), c.ExpiresAt.Format(time.RFC3339)
		return tx.AppendEvents(ctx, []*zonehold.Event{newEvent(EventMailCodeSent, d.AccountID, d.ID, c.SentAt, data)})
	})
	if err != nil {
		return nil, a.ours(ctx, "code", err)
	}
	a.wake.ring(d.AccountID)
	return &MailCode{DomainID: d.ID, Address: string(address), SentAt: c.SentAt, ExpiresAt: c.ExpiresAt}, nil
}

// fixedMailbox is the address that a code for the name goes to.
func fixedMailbox(name zonehold.Hostname, typed string) (zonehold.MailAddress, error) {
	local, domain, whole := strings.Cut(strings.ToLower(typed), "@")
	bad := invalid("mailbox", fmt.Sprintf("Codes go to these mailboxes of %s only: %s.", name, strings.Join(fixedMailboxes, ", ")))
	if !slices.Contains(fixedMailboxes, local) {
		return "", bad
	}
	if whole {
		if h, err := zonehold.ParseHostname(domain); err != nil || h != name {
			return "", bad
		}
	}
	address, err := zonehold.ParseMailAddress(local + "@" + string(name))
	if err != nil {
		return "", invalid("mailbox", "No mail address can be made of this name.")
	}
	return address, nil
}

// takesMail refuses names that take no mail, before a mail to them is made.
func (a *App) takesMail(ctx context.Context, name zonehold.Hostname) error {
	facts := problem.Facts{problem.FactDomain: string(name)}
	refuse := func(code problem.Code, kind Kind, message, detail string) error {
		facts[problem.FactDetail] = detail
		p := problem.New(code, facts)
		return &Error{Kind: kind, Problem: &p, Message: message}
	}
	unknown := func(detail string) error {
		return refuse("mail_mx_unknown", KindUnavailable, "It could not be seen whether the domain takes mail. Try again in a few minutes.", detail)
	}
	if a.cfg.Kit.DNS == nil {
		return unknown("This program was set up without a resolver.")
	}
	limited, cancel := context.WithTimeout(ctx, mxLimit)
	defer cancel()
	found, err := a.cfg.Kit.DNS.Lookup(limited, string(name), dnslib.TypeMX)
	switch {
	case errors.Is(err, dns.ErrNotDelegated):
		return refuse("mail_no_mx", KindRefused, "The domain does not exist in the DNS.", "The name does not exist.")
	case err != nil || found.ChainErr != nil || len(found.Final().Usable()) == 0:
		return unknown("Its name servers gave no usable answer.")
	}
	for _, hop := range found.Hops {
		if hop.Fault != nil {
			return unknown("The signatures of the zone do not hold.")
		}
	}
	none := false
	for _, s := range found.Final().Usable() {
		for _, r := range s.Records {
			switch {
			case r.Type != dnslib.TypeMX:
			case r.Target == "" || r.Target == ".":
				none = true // RFC 7505
			default:
				return nil
			}
		}
	}
	if none {
		return refuse("mail_no_mx", KindRefused, "The domain says that it takes no mail.", "It has a null MX record.")
	}
	addrs, err := a.cfg.Kit.DNS.Addrs(limited, string(name)) // RFC 5321 section 5.1
	switch {
	case err != nil:
		return unknown("Its addresses could not be found.")
	case len(addrs.Addrs) == 0:
		return refuse("mail_no_mx", KindRefused, "The domain takes no mail: it has neither an MX record nor an address.", "It has no address record either.")
	}
	return nil
}

// ConfirmMailCode takes a mailed code and proves the domain by email. A wrong
// code is KindRefused with the problem mail_code_wrong or mail_code_expired,
// and no attempt.
func (a *App) ConfirmMailCode(ctx context.Context, actor zonehold.Actor, ref, code string) (*Attempt, error) {
	if err := allow(actor, zonehold.ScopeChecksRun); err != nil {
		return nil, err
	}
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		at, err := a.proveByCode(ctx, actor, d, code)
		var conflict *Error
		if try == 3 || !errors.As(err, &conflict) || conflict.Kind != KindConflict || conflict.Attempt == nil {
			return at, err
		}
		// A check of the domain is under way: its end is soon.
		short, cancel := context.WithTimeout(ctx, 20*time.Second)
		_, waited := a.WaitAttempt(short, actor, conflict.Attempt.ID)
		cancel()
		if waited != nil || ctx.Err() != nil {
			return nil, err
		}
	}
}

// proveByCode judges the code, and writes the proof with its attempt, in one
// transaction.
func (a *App) proveByCode(ctx context.Context, actor zonehold.Actor, d *store.Domain, code string) (*Attempt, error) {
	var (
		account = actor.Account
		refusal *Error
		f       *finish
	)
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		f = nil
		if err := a.lockForProof(ctx, tx, d.ID); err != nil {
			return err
		}
		c, no, err := a.takeCode(ctx, tx, account.ID, d, "", code)
		if refusal = no; err != nil || no != nil {
			return err
		}
		under, err := tx.Unfinished(ctx, []string{d.ID})
		if err != nil {
			return err
		}
		if other := under[d.ID]; other != nil {
			return &Error{Kind: KindConflict, Attempt: attemptView(other), Message: "A check of this domain is under way. Wait for its end, and enter the code again."}
		}
		at := newStart(account.ID, d.ID, zonehold.MethodEmail, zonehold.TriggerRequest).attempt
		at.Registrable, at.Generation = target(d.Hostname), c.Generation
		at.State, at.NodeID, at.Run = zonehold.AttemptRunning, a.nodeID(), 1
		at.CreatedAt, at.ReadyAt, at.StartedAt = c.UsedAt, c.UsedAt, c.UsedAt
		if err := tx.InsertAttempts(ctx, []*store.Attempt{at}); err != nil {
			return err
		}
		f = &finish{attempt: at}
		f.subject = a.subjectOf(d, zonehold.MethodEmail)
		f.take(a.codeReport(ctx, account, d, c), nil)
		if err := a.finishIn(ctx, tx, []*finish{f}); err != nil {
			return err
		}
		if !f.applied {
			// The claim changed at this very moment, and the code is not used up.
			return deadCode(d, c.Address, "The claim has changed since it was sent.")
		}
		return a.audit(ctx, tx, actor, "domain.mail_code_confirm", d.ID, map[string]any{"name": string(d.Hostname), "attempt_id": at.ID, "outcome": string(f.outcome)})
	})
	if errors.Is(err, store.ErrExists) {
		err = &Error{Kind: KindConflict, Message: "A check of this domain has begun. Enter the code again."}
	}
	if err != nil {
		return nil, a.ours(ctx, "code", err)
	}
	if refusal != nil {
		return nil, refusal
	}
	a.wake.ring(f.attempt.ID, account.ID)
	a.cfg.Observer.AttemptStarted(0)
	a.cfg.Observer.AttemptFinished(string(f.method), string(f.outcome), time.Since(f.attempt.StartedAt))
	return a.Attempt(ctx, zonehold.Actor{Account: account, Scopes: []zonehold.Scope{zonehold.ScopeDomainsRead}}, f.attempt.ID)
}

// lockForProof locks a domain before an attempt of it is stored: who begins a
// check holds the domain, and waits for an attempt that is stored already.
// Where one account may have a name, that is locked before domains.
func (a *App) lockForProof(ctx context.Context, tx *store.Tx, domainID string) error {
	ids, err := a.rivalsOf(ctx, tx, domainID)
	if err != nil {
		return err
	}
	_, err = tx.LockDomains(ctx, ids)
	return err
}

// codeReport is the verdict of the email method on nothing but the code. It
// asks nobody.
func (a *App) codeReport(ctx context.Context, account zonehold.Account, d *store.Domain, c *store.MailCode) diagnose.Report {
	m, ok := verify.Lookup(zonehold.MethodEmail)
	if !ok {
		panic("app: no method for mailed codes")
	}
	claim := claimOf(d, &verify.Standing{Account: account, Codes: []verify.ConfirmedCode{confirmed(c)}})
	r := diagnose.Run(ctx, a.cfg.Kit, m, claim)
	r.Steps = append([]zonehold.Step{
		{Name: "mail_code", Target: string(c.Address), StartedAt: c.SentAt, Result: "handed over", OK: true},
		{Name: "confirm_code", Target: string(c.Address), StartedAt: c.UsedAt, Result: "the code came back", OK: true},
	}, r.Steps...)
	return r
}
