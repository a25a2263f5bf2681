package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Writer writes the mail that tells a reader of events of an account, which
// are in order, oldest first. "" as text: there is nothing to tell any more.
type Writer interface {
	Notice(ctx context.Context, accountID string, events []zonehold.Event) (subject, text string, err error)
}

// Bounds of mails to one reader, so that a thousand domains that change at
// once do not send a thousand mails (threat T12).
const (
	noticeApart   = 15 * time.Minute // between two mails to one address
	noticePerHour = 20               // mails of one account, over all its addresses
	noticeMost    = 2000             // events in one mail
	noticeLease   = 2 * time.Minute
)

// Notices is the Channel of mail: the first event that waits for a reader
// goes out at once, together with all others that wait; what comes later waits
// for the next mail.
type Notices struct {
	store  *store.Store
	mail   *Mail
	writer Writer
	clock  func() time.Time
}

// NewNotices makes the channel. clock is that of the Dispatcher; nil:
// time.Now.
func NewNotices(s *store.Store, m *Mail, w Writer, clock func() time.Time) *Notices {
	if clock == nil {
		clock = time.Now
	}
	return &Notices{store: s, mail: m, writer: w, clock: clock}
}

// Kind is store.KindMail.
func (n *Notices) Kind() string { return store.KindMail }

// Deliver sends the claimed delivery and all that waits for the same reader in
// one mail.
func (n *Notices) Deliver(ctx context.Context, c *store.Claim) Result {
	now := n.clock().UTC().Truncate(time.Microsecond)
	q := store.NoticeQuery{Now: now, Lease: noticeLease, Apart: noticeApart, PerHour: noticePerHour, Most: noticeMost}
	address, more, until, err := n.store.BeginNotice(ctx, c, q)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Result{Verdict: Gone, Error: "The address is no confirmed address of the account any more."}
	case err != nil:
		return Result{Verdict: Again, Error: "The database did not answer."}
	case !until.IsZero():
		return Result{Verdict: Held}
	}
	begun := time.Now()
	r := n.send(ctx, c, more, address)
	// Whatever became of ctx: the result is known, and has to be written down.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	cut := errors.Is(ctx.Err(), context.Canceled) && r.Verdict != Delivered
	if err := n.store.EndNotice(after, c, r.Verdict == Delivered, q); err != nil && r.Error == "" {
		r.Answer = strings.TrimSpace(r.Answer + " (the time of this mail could not be noted)")
	}
	if cut {
		_ = n.store.GiveBack(after, more) // else they wait for the end of their leases
		return r
	}
	outcomes := make([]store.Outcome, len(more))
	for i, m := range more {
		outcomes[i] = store.Outcome{
			Claim: m, State: store.DeliveryFailed,
			Try: store.Try{At: now, Status: r.Status, Duration: time.Since(begun), Error: r.Error, Answer: r.Answer},
		}
		if r.Verdict == Delivered {
			outcomes[i].State = store.DeliveryDelivered
		} else if d, ok := nextTry(m.ID, m.Rung); ok {
			// Also where the mail was refused for good: only the delivery that it
			// was sent for fails with it, and the next mail tells of the others.
			outcomes[i].State, outcomes[i].DueAt = store.DeliveryWaiting, now.Add(d)
		}
	}
	// Should this fail they are sent again when their leases are over.
	_, _ = n.store.Settle(after, outcomes, now)
	return r
}

// send makes one mail of the deliveries.
func (n *Notices) send(ctx context.Context, c *store.Claim, more []*store.Claim, address string) Result {
	all := append([]*store.Claim{c}, more...)
	events := make([]zonehold.Event, 0, len(all))
	hash := sha256.New()
	for _, d := range all {
		if d.Event != nil {
			events = append(events, *d.Event)
			_, _ = hash.Write([]byte(d.ID + "\n"))
		}
	}
	slices.SortFunc(events, func(a, b zonehold.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	subject, text, err := n.writer.Notice(ctx, c.AccountID, events)
	if err != nil {
		return Result{Verdict: Again, Error: "The mail could not be written: the database did not answer."}
	}
	if text == "" {
		return Result{Verdict: Delivered, Answer: "There was nothing to tell any more."}
	}
	// The same deliveries are the same mail, so that a mail program shows what
	// was sent twice once; with another one more it is another mail.
	id := c.ID
	if len(more) > 0 {
		id = "dig_" + hex.EncodeToString(hash.Sum(nil)[:16])
	}
	return sent(n.mail.SendAs(ctx, id, address, subject, text))
}

// sent is what came of handing a mail over.
func sent(err error) Result {
	var e *Error
	switch {
	case err == nil:
		return Result{Verdict: Delivered, Status: 250, Answer: "The relay took the mail."}
	case !errors.As(err, &e):
		return Result{Verdict: Again, Error: "The mail could not be handed over."}
	}
	r := Result{Verdict: Again, Error: sentenceOf(e.Kind.Error()), Answer: e.Text}
	if e.Reply() != "" && len(e.Text) >= 3 {
		for _, d := range []byte(e.Text[:3]) {
			r.Status = r.Status*10 + int(d-'0')
		}
	}
	if errors.Is(e, ErrRefused) {
		r.Verdict = Never
	}
	return r
}

func sentenceOf(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
