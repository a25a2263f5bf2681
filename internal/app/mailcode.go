package app

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

const (
	prefixMailCode = "mco"

	mailCodeLife  = 30 * time.Minute
	mailCodeTries = 5 // of one code, the right one included
	mailCodeLimit = 15 * time.Second
	mailCodeKept  = 2 * mailboxLife // used ones; others for a day

	// Codes that may be asked for within an hour, so that nobody can be buried
	// in mail by us (threat T12).
	codesOfAccount = 20
	codesOfAddress = 5  // over all accounts
	codesOfDomain  = 30 // of the address, over all accounts; not of free-mail services
)

// A code has ten characters of Crockford's alphabet, which has no letters that
// look like digits: 50 bits. Five tries are allowed.
const (
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength   = 10
)

// newCode makes a code as it is mailed: "7K3M9-QW2XT".
func newCode() string {
	var b [codeLength]byte
	rand.Read(b[:])
	for i, v := range b {
		b[i] = codeAlphabet[v%byte(len(codeAlphabet))] // 32 divides 256
	}
	return string(b[:codeLength/2]) + "-" + string(b[codeLength/2:])
}

// readCode is a code as it was typed, in the form that is hashed. False: it
// cannot be one.
func readCode(typed string) (string, bool) {
	if len(typed) > 100 {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '\t', '\r', '\n', '\u00a0':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(codeAlphabet, r) {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == codeLength
}

// codeMail is a mail with a code, and for what.
type codeMail struct {
	account zonehold.Account
	address zonehold.MailAddress
	domain  *store.Domain // nil: it confirms the address itself
	before  func(context.Context) error
}

// mail makes a code and sends it. What may hold it up is asked before.
func (a *App) mail(ctx context.Context, m codeMail) (*store.MailCode, error) {
	if a.cfg.Mail == nil {
		p := problem.New("mail_off", nil)
		return nil, &Error{Kind: KindUnavailable, Problem: &p, Message: "This service sends no mail: the operator has not set up a relay."}
	}
	code := newCode()
	hashed, _ := readCode(code)
	now := a.now()
	c := &store.MailCode{
		ID: zonehold.NewID(prefixMailCode), AccountID: m.account.ID, Address: m.address, CreatedAt: now,
		ExpiresAt: now.Add(mailCodeLife),
	}
	if m.domain != nil {
		c.DomainID, c.Generation = m.domain.ID, m.domain.Generation
	}
	var err error
	if c.Hash, err = a.store.HashCode(c.ID, hashed); errors.Is(err, store.ErrNoKey) {
		return nil, &Error{Kind: KindUnavailable, Message: "Codes cannot be kept: the operator has set no secret key."}
	} else if err != nil {
		return nil, a.ours(ctx, "code", err)
	}
	// Counted before anything leaves the house, whatever becomes of it.
	if err := a.store.InTx(ctx, func(tx *store.Tx) error { return a.reserveCode(ctx, tx, c, now) }); err != nil {
		return nil, a.ours(ctx, "code", err)
	}
	if m.before != nil {
		if err := m.before(ctx); err != nil {
			return nil, err
		}
	}
	send, cancel := context.WithTimeout(ctx, mailCodeLimit)
	defer cancel()
	subject, text := codeText(m, code)
	if err := a.cfg.Mail.Send(send, string(m.address), subject, text); err != nil {
		return nil, a.undelivered(ctx, m, err)
	}
	c.SentAt = a.now()
	c.ExpiresAt = c.SentAt.Add(mailCodeLife)
	if err := a.store.SentMailCode(context.WithoutCancel(ctx), c.ID, c.SentAt, c.ExpiresAt); err != nil {
		return nil, a.ours(ctx, "code", err)
	}
	return c, nil
}

// reserveCode stores a code that is not sent yet, within the limits.
func (a *App) reserveCode(ctx context.Context, tx *store.Tx, c *store.MailCode, now time.Time) error {
	if err := tx.LockMailCodes(ctx); err != nil {
		return err
	}
	limits := []struct {
		party, value string
		limit        int
		text         string
	}{
		{store.CodesOfAccount, c.AccountID, codesOfAccount, "The account has asked for %d mailed codes within an hour, which is the limit."},
		{store.CodesOfAddress, store.CodeTarget(c.Address), codesOfAddress, "This address was sent %d codes within an hour, which is the limit."},
		{store.CodesOfDomain, string(c.Address.Domain()), codesOfDomain, "Addresses of this domain were sent %d codes within an hour, which is the limit."},
	}
	if _, shared := verify.SharedMailDomain(string(c.Address.Domain())); shared {
		limits = limits[:2] // its addresses have nothing to do with each other
	}
	since := now.Add(-time.Hour)
	for _, l := range limits {
		oldest, err := tx.NthMailCode(ctx, l.party, l.value, l.limit, since)
		if err != nil {
			return err
		}
		if !oldest.IsZero() {
			return &Error{Kind: KindRateLimited, RetryAfter: max(oldest.Sub(since), time.Second), Message: fmt.Sprintf(l.text, l.limit)}
		}
	}
	return tx.InsertMailCode(ctx, c)
}

// replier is an error that knows what the mail server said.
type replier interface{ Reply() string }

// undelivered explains why a mail did not go out.
func (a *App) undelivered(ctx context.Context, m codeMail, err error) error {
	facts := problem.Facts{
		problem.FactTarget: string(m.address), problem.FactDomain: string(m.address.Domain()),
	}
	var said replier
	if errors.As(err, &said) {
		facts[problem.FactGot] = said.Reply()
	}
	if errors.Is(err, ErrMailRefused) {
		p := problem.New("mail_not_delivered", facts)
		return &Error{Kind: KindRefused, Problem: &p, Message: "The mail server does not take mail for this address."}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("mailing a code: %w", ctx.Err())
	}
	a.log.WarnContext(ctx, "a code could not be mailed", "domain", m.address.Domain(), "err", err)
	if errors.Is(err, ErrMailDelayed) {
		p := problem.New("mail_not_delivered", facts)
		return &Error{Kind: KindUnavailable, Problem: &p, RetryAfter: 15 * time.Minute,
			Message: "The mail server asks to try again later. Ask for a new code in a quarter of an hour."}
	}
	p := problem.New("mail_relay_down", nil)
	return &Error{Kind: KindUnavailable, Problem: &p, RetryAfter: 15 * time.Minute,
		Message: "The mail could not be handed over to our relay. Try again later, or use another method."}
}

// ErrMailDelayed says that a mail server takes no mail for the address now,
// and asks to try again later.
var ErrMailDelayed = errors.New("the mail server asks to try again later")

// takeCode judges a code that was typed, in tx. The refusal is what to tell
// the person; the try counts all the same, so tx has to be committed.
func (a *App) takeCode(ctx context.Context, tx *store.Tx, accountID string, d *store.Domain, address zonehold.MailAddress, typed string) (c *store.MailCode, refusal *Error, err error) {
	code, ok := readCode(typed)
	if !ok {
		return nil, wrongCode(d, address, fmt.Sprintf("A code has %d letters and digits.", codeLength)), nil
	}
	domainID := ""
	if d != nil {
		domainID, address = d.ID, ""
	}
	c, err = tx.TryMailCode(ctx, accountID, domainID, address)
	if errors.Is(err, store.ErrNotFound) {
		return nil, wrongCode(d, address, "No code has been sent."), nil
	}
	if err != nil {
		return nil, nil, err
	}
	now := a.now()
	switch {
	case !c.UsedAt.IsZero():
		return nil, deadCode(d, c.Address, "It was used already."), nil
	case !now.Before(c.ExpiresAt):
		return nil, deadCode(d, c.Address, "Its time was over at "+c.ExpiresAt.Format("2006-01-02 15:04 UTC")+"."), nil
	case c.Tries > mailCodeTries:
		return nil, deadCode(d, c.Address, fmt.Sprintf("It was typed wrongly %d times.", mailCodeTries)), nil
	case d != nil && c.Generation != d.Generation:
		return nil, deadCode(d, c.Address, "The claim has changed since it was sent."), nil
	}
	hash, err := a.store.HashCode(c.ID, code)
	if err != nil {
		return nil, nil, err
	}
	if !hmac.Equal(hash, c.Hash) {
		left := mailCodeTries - c.Tries
		if left == 0 {
			return nil, wrongCode(d, c.Address, "It cannot be tried again; have a new code sent."), nil
		}
		return nil, wrongCode(d, c.Address, fmt.Sprintf("Tries left: %d.", left)), nil
	}
	c.UsedAt = now.UTC().Truncate(time.Microsecond)
	return c, nil, tx.UseMailCode(ctx, c.ID, c.UsedAt)
}

func wrongCode(d *store.Domain, address zonehold.MailAddress, detail string) *Error {
	return codeRefusal("mail_code_wrong", "The code is not right. "+detail, d, address, detail)
}

func deadCode(d *store.Domain, address zonehold.MailAddress, detail string) *Error {
	return codeRefusal("mail_code_expired", "The code does not count any more. "+detail, d, address, detail)
}

func codeRefusal(code problem.Code, message string, d *store.Domain, address zonehold.MailAddress, detail string) *Error {
	facts := problem.Facts{problem.FactDetail: detail}
	if d != nil {
		facts[problem.FactDomain] = string(d.Hostname)
	}
	if address != "" {
		facts[problem.FactTarget] = string(address)
	}
	p := problem.New(code, facts)
	return &Error{Kind: KindRefused, Field: "code", Message: message, Problem: &p}
}

// codes are the codes that were brought back for these very claims, by domain
// id, as checks use them; old ones too, for the reason.
func (a *App) codes(ctx context.Context, domains []*store.Domain) (map[string][]verify.ConfirmedCode, error) {
	used, err := a.store.UsedMailCodes(ctx, domains, a.now().Add(-mailCodeKept))
	out := make(map[string][]verify.ConfirmedCode, len(used))
	for id, codes := range used {
		for _, c := range codes[:min(len(codes), maxStanding)] {
			out[id] = append(out[id], confirmed(c))
		}
	}
	return out, err
}

func confirmed(c *store.MailCode) verify.ConfirmedCode {
	return verify.ConfirmedCode{ID: c.ID, Address: string(c.Address), ConfirmedAt: c.UsedAt, Until: c.UsedAt.Add(mailboxLife)}
}
