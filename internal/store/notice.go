package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
)

// PrefixNotice begins the ids of readers of notices.
const PrefixNotice = "ntc"

// UsualNotices are the events of which an account hears by mail unless it
// chooses others. Nobody needs a mail about a domain that was just proved: who
// did it sees the reply.
func UsualNotices() []zonehold.EventType {
	return []zonehold.EventType{
		zonehold.EventDomainAtRisk, zonehold.EventDomainLapsed, zonehold.EventDomainRecovered, zonehold.EventDomainFrozen,
		zonehold.EventDomainClaimed, zonehold.EventDomainTransferred, zonehold.EventProofMissing, zonehold.EventChallengeExpired,
		zonehold.EventWebhookDisabled, zonehold.EventBreakerTripped, zonehold.EventBreakerResumed, zonehold.EventPerspectiveDown,
		zonehold.EventPerspectiveUp, zonehold.EventClockJumped,
	}
}

// Notices is what an account has chosen to hear of by mail. Nil: the default.
type Notices struct {
	Addresses []string
	Events    []zonehold.EventType
}

// Reader gets notices by mail.
type Reader struct {
	ID        string // of its outlet, too
	AccountID string
	Address   string
	SentAt    time.Time // of the last mail
}

// Notices is what the account has chosen.
func (s *Store) Notices(ctx context.Context, accountID string) (Notices, error) {
	return notices(ctx, s.r, accountID)
}

// Notices is the same inside the transaction.
func (tx *Tx) Notices(ctx context.Context, accountID string) (Notices, error) {
	return notices(ctx, tx.q, accountID)
}

func notices(ctx context.Context, q conn, accountID string) (n Notices, err error) {
	var addresses, events string
	err = q.QueryRowContext(ctx, "SELECT addresses, events FROM notices WHERE account_id = $1", accountID).Scan(&addresses, &events)
	if err = missing("reading the choice of notices", err); errors.Is(err, ErrNotFound) {
		return n, nil
	} else if err != nil {
		return n, err
	}
	if err := fromJSON(addresses, &n.Addresses); err != nil {
		return n, err
	}
	return n, fromJSON(events, &n.Events)
}

// SetNotices stores a choice. SyncReaders follows.
func (tx *Tx) SetNotices(ctx context.Context, accountID string, n Notices, now time.Time) error {
	_, err := tx.q.ExecContext(ctx, `INSERT INTO notices (account_id, addresses, events, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id) DO UPDATE SET addresses = excluded.addresses, events = excluded.events, updated_at = excluded.updated_at`,
		accountID, Text(listJSON(n.Addresses)), Text(listJSON(n.Events)), micros(now))
	return doing("storing a choice of notices", err)
}

// listJSON tells an empty list from none.
func listJSON[T any](list []T) string {
	if list == nil {
		return ""
	}
	return toJSON(list)
}

// Readers lists who gets the notices of an account.
func (s *Store) Readers(ctx context.Context, accountID string) ([]Reader, error) {
	return readers(ctx, s.r, accountID)
}

func readers(ctx context.Context, q conn, accountID string) ([]Reader, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, account_id, address, sent_at FROM notice_readers WHERE account_id = $1 ORDER BY address", accountID)
	out, err := collect(rows, err, func(row scanner) (r Reader, err error) {
		var sent int64
		err = row.Scan(&r.ID, &r.AccountID, &r.Address, &sent)
		r.SentAt = fromMicros(sent)
		return r, err
	})
	return out, doing("listing readers of notices", err)
}

// SyncReaders makes the readers those that the choice of the account and its
// confirmed addresses give. A confirmation does not grow old for this: who
// confirmed an address once wants to hear until the address is removed. It
// locks the account.
func (tx *Tx) SyncReaders(ctx context.Context, accountID string, now time.Time) error {
	if err := tx.LockAccount(ctx, accountID); err != nil {
		return err
	}
	choice, err := notices(ctx, tx.q, accountID)
	if err != nil {
		return err
	}
	confirmed, err := tx.confirmed(ctx, accountID)
	if err != nil {
		return err
	}
	wanted := map[string]string{} // address by key
	switch {
	case choice.Addresses != nil:
		for _, a := range choice.Addresses {
			if address, err := zonehold.ParseMailAddress(a); err == nil && confirmed.by[address.Key()] != "" {
				wanted[address.Key()] = confirmed.by[address.Key()]
			}
		}
	case confirmed.first != "":
		wanted[confirmed.first] = confirmed.by[confirmed.first]
	}
	patterns := make([]string, 0, len(choice.Events))
	events := choice.Events
	if events == nil {
		events = UsualNotices()
	}
	for _, e := range events {
		patterns = append(patterns, string(e))
	}
	if len(patterns) == 0 {
		clear(wanted) // no pattern would mean all
	}
	had, err := readers(ctx, tx.q, accountID)
	if err != nil {
		return err
	}
	for _, r := range had {
		key := zonehold.MailAddress(r.Address).Key()
		if wanted[key] != r.Address {
			if err := tx.dropReader(ctx, r.ID); err != nil {
				return err
			}
			continue
		}
		delete(wanted, key)
		if err := tx.SetOutlet(ctx, r.ID, true, patterns, now); err != nil {
			return err
		}
	}
	for key, address := range wanted {
		o := &Outlet{ID: zonehold.NewID(PrefixNotice), AccountID: accountID, Kind: KindMail, Enabled: true, Patterns: patterns}
		if err := tx.AddOutlet(ctx, o); err != nil {
			return err
		}
		_, err := tx.q.ExecContext(ctx, "INSERT INTO notice_readers (id, account_id, target, address, sent_at) VALUES ($1, $2, $3, $4, 0)",
			o.ID, accountID, key, address)
		if err != nil {
			return fmt.Errorf("storing a reader of notices: %w", err)
		}
	}
	return nil
}

func (tx *Tx) dropReader(ctx context.Context, id string) error {
	if err := tx.DeleteOutlet(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err := tx.q.ExecContext(ctx, "DELETE FROM notice_readers WHERE id = $1", id)
	return doing("forgetting a reader of notices", err)
}

// confirmedAddresses are those of an account by their keys; first is the one
// that notices go to unless others are chosen: that of the account, or else
// the oldest.
type confirmedAddresses struct {
	by    map[string]string
	first string
}

func (tx *Tx) confirmed(ctx context.Context, accountID string) (c confirmedAddresses, err error) {
	rows, err := tx.q.QueryContext(ctx, `SELECT address, CASE WHEN address = (SELECT email FROM accounts WHERE id = account_id) THEN 0 ELSE 1 END
		FROM mailboxes WHERE account_id = $1 AND confirmed_at > 0 ORDER BY 2, created_at, target`, accountID)
	c.by = map[string]string{}
	_, err = collect(rows, err, func(row scanner) (none struct{}, err error) {
		var (
			address string
			rank    int
		)
		if err = row.Scan(&address, &rank); err == nil {
			key := zonehold.MailAddress(address).Key()
			if c.by[key] = address; c.first == "" {
				c.first = key
			}
		}
		return none, err
	})
	return c, doing("listing mail addresses", err)
}

// NoticeQuery says how mails of notices are bounded.
type NoticeQuery struct {
	Now     time.Time
	Lease   time.Duration
	Apart   time.Duration // between two mails to one address
	PerHour int           // mails of one account
	Most    int           // deliveries in one mail, the claimed one included
}

// BeginNotice takes what else waits for the reader of a claimed delivery, so
// that one mail tells it all, and counts the mail. A time in until says that
// no mail may go out before; the outlet then waits, and nothing was taken.
// ErrNotFound: the reader is no more, or has no confirmed address any more.
func (s *Store) BeginNotice(ctx context.Context, c *Claim, q NoticeQuery) (address string, more []*Claim, until time.Time, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		address, more, until = "", nil, time.Time{}
		// Accounts before outlets before deliveries.
		if err := tx.LockAccount(ctx, c.AccountID); err != nil {
			return err
		}
		var sent int64
		err := tx.q.QueryRowContext(ctx, `SELECT address, sent_at FROM notice_readers WHERE id = $1 AND EXISTS
			(SELECT 1 FROM mailboxes WHERE mailboxes.account_id = notice_readers.account_id AND mailboxes.target = notice_readers.target AND confirmed_at > 0)`,
			c.OutletID).Scan(&address, &sent)
		if err != nil {
			return missing("finding a reader of notices", err)
		}
		if c.Once {
			return nil
		}
		if until, err = tx.mayMail(ctx, c.AccountID, fromMicros(sent), q); err != nil {
			return err
		}
		if !until.IsZero() {
			return tx.pauseOutlet(ctx, c.OutletID, until)
		}
		if _, err := tx.q.ExecContext(ctx, "INSERT INTO notice_mails (id, account_id, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
			c.ID, c.AccountID, micros(q.Now)); err != nil {
			return fmt.Errorf("counting a mail: %w", err)
		}
		rows, err := tx.q.QueryContext(ctx, `UPDATE deliveries SET state = 'sending', run = run + 1, lease_until = `+tx.s.now+` + $1
			WHERE id IN (SELECT id FROM deliveries WHERE state = 'waiting' AND outlet_id = $2 AND once = 0 ORDER BY event_seq LIMIT $3)
			RETURNING `+deliveryColumns, q.Lease.Microseconds(), c.OutletID, q.Most-1)
		more, err = collect(rows, err, func(row scanner) (*Claim, error) {
			d, err := scanDelivery(row)
			if err != nil {
				return nil, err
			}
			return &Claim{Delivery: *d, Outlet: c.Outlet}, nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(more, func(a, b *Claim) int { return int(a.EventSeq - b.EventSeq) })
		return tx.withEvents(ctx, more)
	})
	return address, more, until, doing("beginning a mail of notices", err)
}

// mayMail says before when no mail may go out, if it may not now. Times far in
// the future are those of a clock that was wrong.
func (tx *Tx) mayMail(ctx context.Context, accountID string, sent time.Time, q NoticeQuery) (time.Time, error) {
	if wait := sent.Add(q.Apart); !sent.IsZero() && wait.After(q.Now) && !wait.After(q.Now.Add(q.Apart)) {
		return wait, nil
	}
	var nth int64
	err := tx.q.QueryRowContext(ctx, "SELECT at FROM notice_mails WHERE account_id = $1 AND at > $2 AND at <= $3 ORDER BY at DESC LIMIT 1 OFFSET $4",
		accountID, micros(q.Now.Add(-time.Hour)), micros(q.Now), q.PerHour-1).Scan(&nth)
	if err = missing("counting mails", err); errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	return fromMicros(nth).Add(time.Hour), err
}

func (tx *Tx) pauseOutlet(ctx context.Context, id string, until time.Time) error {
	_, err := tx.q.ExecContext(ctx, "UPDATE outlets SET pause_until = $1 WHERE id = $2", micros(until), id)
	return doing("letting an outlet wait", err)
}

// EndNotice notes that the mail went out, or takes it from the count.
func (s *Store) EndNotice(ctx context.Context, c *Claim, sent bool, q NoticeQuery) error {
	if c.Once {
		return nil
	}
	err := s.InTx(ctx, func(tx *Tx) error {
		if !sent {
			_, err := tx.q.ExecContext(ctx, "DELETE FROM notice_mails WHERE id = $1", c.ID)
			return err
		}
		if err := tx.LockAccount(ctx, c.AccountID); err != nil {
			return err
		}
		if _, err := tx.q.ExecContext(ctx, "UPDATE notice_readers SET sent_at = $1 WHERE id = $2", micros(q.Now), c.OutletID); err != nil {
			return err
		}
		if _, err := tx.q.ExecContext(ctx, "DELETE FROM notice_mails WHERE account_id = $1 AND at <= $2", c.AccountID, micros(q.Now.Add(-time.Hour))); err != nil {
			return err
		}
		return tx.pauseOutlet(ctx, c.OutletID, q.Now.Add(q.Apart))
	})
	return doing("noting a mail", err)
}
