package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// States of deliveries.
const (
	DeliveryWaiting   DeliveryState = "waiting" // for its time, or for a sender
	DeliverySending   DeliveryState = "sending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"   // given up
	DeliveryCanceled  DeliveryState = "canceled" // its outlet was disabled
)

// Try is one try to deliver.
type Try struct {
	At       time.Time     `json:"at"`
	Status   int           `json:"status,omitempty"` // HTTP or SMTP; 0: no answer
	Duration time.Duration `json:"ns"`
	Error    string        `json:"error,omitempty"` // "": it went well
	Answer   string        `json:"answer,omitempty"`
}

// maxTries bounds the log of a delivery; the oldest go.
const maxTries = 25

// Delivery is one event on its way to one outlet.
type Delivery struct {
	ID        string
	AccountID string
	OutletID  string
	Kind      string
	EventID   string
	EventType zonehold.EventType
	EventSeq  int64
	State     DeliveryState
	Once      bool // no second try
	Run       int64
	Rung      int // tries since it was made or replayed
	Tries     []Try
	DueAt     time.Time // while it waits
	CreatedAt time.Time
	EndedAt   time.Time
}

const deliveryColumns = "id, account_id, outlet_id, kind, event_id, event_type, event_seq, state, once, run, rung, tries, due_at, created_at, ended_at"

func scanDelivery(row scanner) (*Delivery, error) {
	var (
		d                         Delivery
		once, due, created, ended int64
		tries                     string
	)
	err := row.Scan(&d.ID, &d.AccountID, &d.OutletID, &d.Kind, &d.EventID, &d.EventType, &d.EventSeq, &d.State, &once, &d.Run, &d.Rung,
		&tries, &due, &created, &ended)
	if err != nil {
		return nil, err
	}
	d.Once, d.DueAt, d.CreatedAt, d.EndedAt = once != 0, fromMicros(due), fromMicros(created), fromMicros(ended)
	return &d, fromJSON(tries, &d.Tries)
}

// Claim is a delivery that this process is to send now.
type Claim struct {
	Delivery
	Outlet Outlet
	Event  *zonehold.Event // nil: it is kept no more
}

// ClaimQuery says what to claim.
type ClaimQuery struct {
	Kind      string
	Now       time.Time     // by the clock that domains live by
	Lease     time.Duration // after that time another process may send it
	Slots     int           // at most so many
	PerOutlet int           // under way for one outlet, over all processes; one that fails gets one
	Tired     int           // at most so many for outlets that fail
	// PerAccount bounds what one account has under way in this process; Busy
	// says what it has. 0: no bound.
	PerAccount int
	Busy       map[string]int
	After      string // begin after this outlet
}

// farAway is when a time is so far in the future that only a clock that was
// wrong can have set it.
const farAway = 48 * time.Hour

// withWaiting walks from outlet to outlet that has something waiting, one step
// of the index each, and says of each whether it is ready. The steps are
// bounded, not the rows that are ready: a limit on these would need them in
// order, and so a walk over everything.
const withWaiting = `WITH RECURSIVE w (id, step) AS (
		SELECT * FROM (SELECT outlet_id, 1 FROM deliveries WHERE state = 'waiting' AND outlet_id > $1 ORDER BY outlet_id LIMIT 1) AS one
		UNION ALL
		SELECT (SELECT outlet_id FROM deliveries WHERE state = 'waiting' AND outlet_id > w.id ORDER BY outlet_id LIMIT 1), step + 1
			FROM w WHERE w.id IS NOT NULL AND step < $5)
	SELECT w.id, EXISTS (SELECT 1 FROM outlets WHERE outlets.id = w.id AND outlets.kind = $2 AND (
		outlets.enabled = 1 AND (outlets.pause_until <= $3 OR outlets.pause_until > $4) AND EXISTS
			(SELECT 1 FROM deliveries WHERE state = 'waiting' AND outlet_id = w.id AND (due_at <= $3 OR due_at > $4))
		OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'waiting' AND outlet_id = w.id AND due_at = 0)))
	FROM w WHERE w.id IS NOT NULL ORDER BY w.step`

// walkSteps is how many outlets one look goes over, at least.
const walkSteps = 64

// Claim takes deliveries that are due, for one sender. Last is the last outlet
// looked at, for ClaimQuery.After of the next call; "" when there was none
// left.
func (s *Store) Claim(ctx context.Context, q ClaimQuery) (claims []*Claim, last string, err error) {
	if q.Slots <= 0 {
		return nil, "", nil
	}
	now, far := micros(q.Now), micros(q.Now.Add(farAway))
	rows, err := s.r.QueryContext(ctx, withWaiting, q.After, q.Kind, now, far, max(2*q.Slots, walkSteps))
	var ready []string
	_, err = collect(rows, err, func(row scanner) (none struct{}, err error) {
		due := false
		if err = row.Scan(&last, &due); err == nil && due {
			ready = append(ready, last)
		}
		return none, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("looking for deliveries: %w", err)
	}
	if len(ready) == 0 {
		return nil, last, nil
	}
	err = s.InTx(ctx, func(tx *Tx) error {
		slots, tired, mine := q.Slots, q.Tired, map[string]int{}
		claims = nil
		for _, id := range ready {
			o, sending, err := tx.lockOutlet(ctx, id)
			if err != nil {
				return err
			}
			if o == nil {
				continue // another process is at it
			}
			per, weak := q.PerOutlet, !o.FailingSince.IsZero() || o.Slow
			if weak {
				per = min(1, tired)
			}
			open := o.Enabled && (micros(o.PauseUntil) <= now || micros(o.PauseUntil) > far)
			n := min(per-sending, slots)
			if q.PerAccount > 0 {
				room := q.PerAccount - q.Busy[o.AccountID] - mine[o.AccountID]
				if room <= 0 {
					continue // not even a test: it may keep a slot as long as any other
				}
				n = min(n, room)
			}
			if !open || n <= 0 {
				n, open = 1, false // what is tried once does not wait
			}
			taken, err := tx.take(ctx, o, open, now, far, q.Lease, n)
			if err != nil {
				return err
			}
			if weak {
				tired -= len(taken)
			}
			mine[o.AccountID] += len(taken)
			claims = append(claims, taken...)
			if slots -= len(taken); slots == 0 {
				last = id
				break
			}
		}
		return tx.withEvents(ctx, claims)
	})
	if err != nil {
		return nil, "", fmt.Errorf("claiming deliveries: %w", err)
	}
	return claims, last, nil
}

const countSending = "SELECT count(*) FROM deliveries WHERE state = 'sending' AND outlet_id = $1"

// lockOutlet locks an outlet, so that one process at a time claims for it; nil
// when another one does, or it is gone.
func (tx *Tx) lockOutlet(ctx context.Context, id string) (*Outlet, int, error) {
	lock := tx.s.forUpdate
	if lock != "" {
		lock += " SKIP LOCKED"
	}
	rows, err := tx.q.QueryContext(ctx, "SELECT "+outletColumns+" FROM outlets WHERE id = $1"+lock, id)
	found, err := collect(rows, err, scanOutlet)
	if err != nil || len(found) == 0 {
		return nil, 0, err
	}
	// Counted after the lock was got, in a statement of its own: it sees what
	// the last holder did.
	sending := 0
	err = tx.q.QueryRowContext(ctx, countSending, id).Scan(&sending)
	return found[0], sending, err
}

// take claims up to n deliveries of an outlet that is locked; if it is not
// open, only those that are tried once.
func (tx *Tx) take(ctx context.Context, o *Outlet, open bool, now, far int64, lease time.Duration, n int) ([]*Claim, error) {
	rows, err := tx.q.QueryContext(ctx, `UPDATE deliveries SET state = 'sending', run = run + 1, lease_until = `+tx.s.now+` + $1
		WHERE id IN (SELECT id FROM deliveries WHERE state = 'waiting' AND outlet_id = $2
			AND (due_at = 0 OR $3 = 1 AND (due_at <= $4 OR due_at > $5)) ORDER BY due_at, event_seq LIMIT $6)
		RETURNING `+deliveryColumns, lease.Microseconds(), o.ID, flag(open), now, far, n)
	return collect(rows, err, func(row scanner) (*Claim, error) {
		d, err := scanDelivery(row)
		if err != nil {
			return nil, err
		}
		return &Claim{Delivery: *d, Outlet: *o}, nil
	})
}

// withEvents reads the events of claims.
func (tx *Tx) withEvents(ctx context.Context, claims []*Claim) error {
	ids := make([]string, len(claims))
	for i, c := range claims {
		ids[i] = c.EventID
	}
	find := bulk{types: "t", text: `WITH v (v_id) AS ({rows}) SELECT id, account_id, seq, type, domain_id, created_at, data FROM events WHERE id IN (SELECT v_id FROM v)`}
	found, err := queryBulk(ctx, tx.s, tx.q, find, column1(ids), scanEvent)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	byID := make(map[string]*zonehold.Event, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	for _, c := range claims {
		c.Event = byID[c.EventID]
	}
	return nil
}

// Outcome is what came of a claimed delivery.
type Outcome struct {
	Claim *Claim
	Try   Try
	State DeliveryState // waiting: again at DueAt
	DueAt time.Time
	// What is known of the outlet by it.
	Well       bool      // it works
	Failing    bool      // it does not
	PauseUntil time.Time // zero: as it was
	// Disable says why the outlet is to be disabled; Event is then stored if it
	// was not disabled before.
	Disable string
	Event   *zonehold.Event
}

// Settle writes what came of deliveries. One that was given to another sender
// meanwhile, or that is gone, is left as it is. It returns how many counted.
func (s *Store) Settle(ctx context.Context, outcomes []Outcome, now time.Time) (n int, err error) {
	err = s.InTx(ctx, func(tx *Tx) error {
		// Accounts before outlets before deliveries, each in order, so that no
		// two transactions wait for each other.
		var accounts []string
		for _, o := range outcomes {
			if o.Disable != "" {
				accounts = append(accounts, o.Claim.AccountID)
			}
		}
		for _, row := range column1(accounts) {
			if err := tx.LockAccount(ctx, row[0].(string)); err != nil {
				return err
			}
		}
		if err := tx.noteOutlets(ctx, outcomes, now); err != nil {
			return err
		}
		rows := make([][]any, len(outcomes))
		for i, o := range outcomes {
			tries := append(o.Claim.Tries[:len(o.Claim.Tries):len(o.Claim.Tries)], o.Try)
			tries = tries[max(0, len(tries)-maxTries):]
			due, ended := micros(o.DueAt), int64(0)
			if o.State != DeliveryWaiting {
				due, ended = 0, micros(now)
			}
			rows[i] = []any{o.Claim.ID, o.Claim.Run, string(o.State), int64(o.Claim.Rung + 1), Text(toJSON(tries)), due, ended}
		}
		done, err := queryBulk(ctx, s, tx.q, settle, rows, scanText)
		if err != nil {
			return fmt.Errorf("writing deliveries: %w", err)
		}
		n = len(done)
		return tx.disableOutlets(ctx, outcomes, now)
	})
	return n, doing("settling deliveries", err)
}

var settle = bulk{types: "titi" + "tii", text: `WITH v (v_id, v_run, v_state, v_rung, v_tries, v_due, v_ended) AS ({rows})
	UPDATE deliveries SET state = v_state, rung = v_rung, tries = v_tries, due_at = v_due, ended_at = v_ended, lease_until = 0
	FROM v WHERE id = v_id AND run = v_run AND state = 'sending' RETURNING id`}

// noteOutlets notes which outlets work, and which do not. Where nothing
// changes nothing is written.
func (tx *Tx) noteOutlets(ctx context.Context, outcomes []Outcome, now time.Time) error {
	byID := map[string]Outcome{}
	var ids []string
	for _, o := range outcomes {
		if o.Well && (!o.Claim.Outlet.FailingSince.IsZero() || o.Claim.Outlet.Slow) || o.Failing || !o.PauseUntil.IsZero() {
			if had, ok := byID[o.Claim.OutletID]; ok && had.Well {
				continue // one that went well tells more
			}
			byID[o.Claim.OutletID] = o
			ids = append(ids, o.Claim.OutletID)
		}
	}
	for _, row := range column1(ids) {
		o := byID[row[0].(string)]
		failing, slow, pause := int64(0), int64(0), int64(0)
		if !o.Well {
			failing, slow, pause = micros(now), flag(!o.PauseUntil.IsZero()), micros(o.PauseUntil)
		}
		_, err := tx.q.ExecContext(ctx, `UPDATE outlets SET failing_since = CASE WHEN CAST($1 AS BIGINT) = 0 THEN 0 WHEN failing_since = 0 THEN $1 ELSE failing_since END,
			slow = CAST($2 AS BIGINT), pause_until = CASE WHEN $1 = 0 OR CAST($3 AS BIGINT) > pause_until THEN $3 ELSE pause_until END WHERE id = $4`, failing, slow, pause, o.Claim.OutletID)
		if err != nil {
			return fmt.Errorf("noting how an outlet does: %w", err)
		}
	}
	return nil
}

// disableOutlets disables outlets; their accounts are locked.
func (tx *Tx) disableOutlets(ctx context.Context, outcomes []Outcome, now time.Time) error {
	var events []*zonehold.Event
	for _, o := range outcomes {
		if o.Disable == "" {
			continue
		}
		outlet, err := tx.Outlet(ctx, o.Claim.OutletID)
		if errors.Is(err, ErrNotFound) || err == nil && (!outlet.Enabled || o.Failing && !outlet.FailingSince.Equal(o.Claim.Outlet.FailingSince)) {
			continue // it went well meanwhile
		}
		if err != nil {
			return err
		}
		if err := tx.SetOutlet(ctx, outlet.ID, false, outlet.Patterns, now); err != nil {
			return err
		}
		if outlet.Kind == KindWebhook {
			if _, err := tx.q.ExecContext(ctx, "UPDATE webhooks SET disabled_reason = $1, disabled_at = $2, version = version + 1 WHERE id = $3",
				o.Disable, micros(now), outlet.ID); err != nil {
				return fmt.Errorf("disabling a webhook: %w", err)
			}
		}
		if o.Event != nil {
			events = append(events, o.Event)
		}
	}
	return tx.AppendEvents(ctx, events)
}

// TakeBack gives deliveries whose sender is gone to the next one: those whose
// lease is over or, with all, every one. It says how many there were.
func (s *Store) TakeBack(ctx context.Context, all bool) (int, error) {
	which := "lease_until < " + s.now + " OR lease_until > " + s.now + " + " + strconv.FormatInt(farAway.Microseconds(), 10)
	if all {
		which = "1 = 1"
	}
	var n int64
	err := s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.q.ExecContext(ctx, "UPDATE deliveries SET state = 'waiting', lease_until = 0 WHERE state = 'sending' AND ("+which+")")
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), doing("taking deliveries back", err)
}

// GiveBack undoes claims that were not sent.
func (s *Store) GiveBack(ctx context.Context, claims []*Claim) error {
	rows := make([][]any, len(claims))
	for i, c := range claims {
		rows[i] = []any{c.ID, c.Run}
	}
	back := bulk{types: "ti", text: `WITH v (v_id, v_run) AS ({rows}) UPDATE deliveries SET state = 'waiting', lease_until = 0
		FROM v WHERE id = v_id AND run = v_run AND state = 'sending'`}
	return doing("giving deliveries back", s.InTx(ctx, func(tx *Tx) error { return back.exec(ctx, s, tx.q, rows) }))
}

// AddTest stores a delivery that is tried once and at once, also if the outlet
// is disabled.
func (tx *Tx) AddTest(ctx context.Context, o *Outlet, e *zonehold.Event, now time.Time) (id string, err error) {
	id = zonehold.NewID(zonehold.PrefixDelivery)
	_, err = tx.q.ExecContext(ctx, `INSERT INTO deliveries (id, account_id, outlet_id, kind, event_id, event_type, event_seq, state, once, run, rung, tries,
			due_at, lease_until, created_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 1, 0, 0, '', 0, 0, $8, 0)`,
		id, o.AccountID, o.ID, o.Kind, e.ID, string(e.Type), e.Seq, micros(now))
	tx.AfterCommit(tx.s.RingOutbox)
	return id, doing("storing a test", err)
}

// Delivery finds a delivery of the account, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, accountID, id string) (*Delivery, error) {
	d, err := scanDelivery(s.r.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE id = $1 AND account_id = $2", Text(id), accountID))
	return d, missing("finding a delivery", err)
}

// DeliveryFilter selects deliveries.
type DeliveryFilter struct {
	AccountID string
	OutletID  string
	State     DeliveryState // "": any
	Limit     int
	BeforeAt  time.Time // with BeforeID: after this one in the list
	BeforeID  string
}

// Deliveries lists deliveries of an outlet, newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]*Delivery, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+deliveryColumns+` FROM deliveries WHERE outlet_id = $1 AND account_id = $2 AND ($3 = '' OR state = $3)
		AND ($4 = '' OR created_at < $5 OR created_at = $5 AND id < $4) ORDER BY created_at DESC, id DESC LIMIT $6`,
		f.OutletID, f.AccountID, string(f.State), f.BeforeID, micros(f.BeforeAt), f.Limit)
	out, err := collect(rows, err, scanDelivery)
	return out, doing("listing deliveries", err)
}

// ReplayDelivery has a delivery sent again, under the same event id. False: it
// is being sent right now.
func (tx *Tx) ReplayDelivery(ctx context.Context, accountID, id string, now time.Time) (bool, error) {
	res, err := tx.q.ExecContext(ctx, `UPDATE deliveries SET state = 'waiting', rung = 0, due_at = $1, ended_at = 0
		WHERE id = $2 AND account_id = $3 AND state <> 'sending'`, micros(now), Text(id), accountID)
	if err != nil {
		return false, fmt.Errorf("replaying a delivery: %w", err)
	}
	n, err := res.RowsAffected()
	tx.AfterCommit(tx.s.RingOutbox)
	return n > 0, doing("replaying a delivery", err)
}

// Replay has events since a time sent again to an outlet: those that were not
// delivered, or all. It goes on after the event number after, and returns the
// last one it looked at; 0 at the end.
func (tx *Tx) Replay(ctx context.Context, o *Outlet, since, now time.Time, after int64, all bool) (n int, last int64, err error) {
	// The lock keeps the fan-out away: what it has not come to yet it will.
	if err := tx.LockAccount(ctx, o.AccountID); err != nil {
		return 0, 0, err
	}
	if after == 0 && !since.IsZero() {
		err := tx.q.QueryRowContext(ctx, "SELECT coalesce(min(seq) - 1, -1) FROM events WHERE account_id = $1 AND created_at >= $2", o.AccountID, micros(since)).Scan(&after)
		if err != nil {
			return 0, 0, fmt.Errorf("finding events: %w", err)
		}
		if after < 0 {
			return 0, 0, nil
		}
	}
	var upTo int64
	if err := tx.q.QueryRowContext(ctx, "SELECT after_seq FROM outlets WHERE id = $1", o.ID).Scan(&upTo); err != nil {
		return 0, 0, missing("finding an outlet", err)
	}
	events, err := tx.eventHeads(ctx, o.AccountID, after, outboxBatch)
	if err != nil {
		return 0, 0, err
	}
	var rows [][]any
	for _, e := range events {
		last = e.Seq
		if e.Seq <= upTo && o.Wants(e.Type) && !e.CreatedAt.Before(since) {
			rows = append(rows, append(newDelivery(o, e, now), flag(all)))
		}
	}
	again := bulk{types: insertDeliveries.types + "i", text: `WITH v (v_id, v_account, v_outlet, v_kind, v_event, v_type, v_seq, v_now, v_all) AS ({rows})
		INSERT INTO deliveries (id, account_id, outlet_id, kind, event_id, event_type, event_seq, state, once, run, rung, tries, due_at, lease_until, created_at, ended_at)
		SELECT v_id, v_account, v_outlet, v_kind, v_event, v_type, v_seq, 'waiting', 0, 0, 0, '', v_now, 0, v_now, 0 FROM v WHERE 1 = 1
		ON CONFLICT (outlet_id, event_id) DO UPDATE SET state = 'waiting', rung = 0, due_at = excluded.due_at, ended_at = 0
		WHERE deliveries.state IN ('failed', 'canceled') OR deliveries.state = 'delivered' AND (SELECT max(v_all) FROM v) = 1
		RETURNING id`}
	done, err := queryBulk(ctx, tx.s, tx.q, again, rows, scanText)
	if err != nil {
		return 0, 0, fmt.Errorf("replaying events: %w", err)
	}
	tx.AfterCommit(tx.s.RingOutbox)
	if len(events) < outboxBatch {
		last = 0
	}
	return len(done), last, nil
}

// Backlog is how much waits to be delivered.
type Backlog struct {
	Waiting int
	Sending int
	Oldest  time.Time // when the oldest of the unfinished was made; zero: none
}

// Backlog counts the unfinished deliveries of a kind.
func (s *Store) Backlog(ctx context.Context, kind string) (b Backlog, err error) {
	var oldest int64
	err = s.r.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN state = 'sending' THEN 1 ELSE 0 END), 0),
		coalesce(min(created_at), 0) FROM (SELECT state, created_at FROM deliveries WHERE state = 'waiting' AND kind = $1
			UNION ALL SELECT state, created_at FROM deliveries WHERE state = 'sending' AND kind = $1) AS open`, kind).Scan(&b.Waiting, &b.Sending, &oldest)
	b.Oldest = fromMicros(oldest)
	return b, doing("counting deliveries", err)
}

// EndLeft cancels what waits for outlets that are disabled: it was being sent
// when that was done, and nobody would ever send it. It says how many there
// were.
func (s *Store) EndLeft(ctx context.Context, now time.Time) (int, error) {
	var n int64
	err := s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.q.ExecContext(ctx, `UPDATE deliveries SET state = 'canceled', ended_at = $1, due_at = 0
			WHERE state = 'waiting' AND (once = 0 OR due_at > 0) AND outlet_id IN (SELECT id FROM outlets WHERE enabled = 0)`, micros(now))
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), doing("ending deliveries", err)
}

// PruneDeliveries forgets up to limit deliveries that ended before a time.
func (s *Store) PruneDeliveries(ctx context.Context, ended time.Time, limit int) (int, error) {
	var n int64
	err := s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.q.ExecContext(ctx, `DELETE FROM deliveries WHERE id IN
			(SELECT id FROM deliveries WHERE ended_at > 0 AND ended_at < $1 ORDER BY ended_at LIMIT $2)`, micros(ended), limit)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), doing("forgetting deliveries", err)
}
