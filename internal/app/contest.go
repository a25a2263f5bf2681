package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/jobs"
	"github.com/zonehold/zonehold/internal/store"
)

// EventContestEnded is in the history of both sides of a contest.
const EventContestEnded zonehold.EventType = "contest.ended"

const (
	// contestAgain is how long an account that has lost a contest cannot open
	// another one about the same name, so that nobody is worn out by notices.
	contestAgain = 7 * 24 * time.Hour
	// contestRest is the same after one that it has withdrawn, or that was
	// dropped as its own proof was gone.
	contestRest = 24 * time.Hour
	// contestFresh is how long it counts that the holder's proof was found gone.
	contestFresh = 15 * time.Minute
	// contestLimit is after how long a contest is dropped in which nothing could
	// be found out.
	contestLimit = 30 * 24 * time.Hour
	// contestRound is how much longer a contest waits where one side could not
	// be asked.
	contestRound = time.Hour
	// contestBatch bounds the contests that one run of the chore looks after.
	contestBatch = 100
)

// Contests are about names that one account has proved and another one too,
// where only one may have them.
type Contests interface {
	// Contest is the latest one about the name of a domain, as its account may
	// see it. KindNotFound: there was none.
	Contest(ctx context.Context, actor zonehold.Actor, ref string) (*Contest, error)
	// WithdrawContest ends one that the account has opened. One that has ended
	// stays as it is.
	WithdrawContest(ctx context.Context, actor zonehold.Actor, ref string) (*Contest, error)
}

// Contest is a contest as one side sees it. Nobody is told who the other one
// is.
type Contest struct {
	ID         string
	DomainID   string // of the account that asks
	Hostname   zonehold.Hostname
	Challenger bool   // the account that asks has opened it
	State      string // open, won, lost (by the challenger), withdrawn, dropped
	OpenedAt   time.Time
	EndsAt     time.Time // of the wait
	SettledAt  time.Time // zero: open
}

// decided reports whether the holders' proofs were found gone after the wait,
// so that a good proof of the challenger decides.
func decided(c *store.Contest, r *rivals, others []*store.Domain, now time.Time) bool {
	return !now.Before(c.EndsAt) && !c.MissingAt.IsZero() && now.Sub(c.MissingAt) <= contestFresh &&
		!slices.ContainsFunc(others, func(o *store.Domain) bool { return r.proved[o.ID] })
}

// differs reports whether other name servers than before are in charge.
func (s *served) differs(stored []byte) bool {
	before := readServed(stored).Servers
	if len(before) == 0 || len(s.Servers) == 0 {
		return false
	}
	return !slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(s.Servers)))
}

// settleContests goes on with the contests whose wait is over or one side of
// which is gone, and ends offers that are over.
func (a *App) settleContests(ctx context.Context) error {
	if err := a.endOffers(ctx); err != nil {
		return err
	}
	list, err := a.store.ContestsToSettle(ctx, a.now(), contestBatch)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := a.settleContest(ctx, c); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return ctx.Err()
}

// settleContest takes one step: after the wait the holder is checked, and when
// its proof is gone the challenger, whose good proof then takes the name (see
// judge). A check that cannot ask makes the wait longer (see after).
func (a *App) settleContest(ctx context.Context, seen *store.Contest) error {
	return a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockProofs(ctx); err != nil {
			return err
		}
		holders, err := tx.HoldersAgainst(ctx, seen.Hostname, seen.ChallengerAccount)
		if err != nil {
			return err
		}
		ids := []string{seen.ChallengerID, seen.HolderID}
		for _, h := range holders {
			ids = append(ids, h.ID)
		}
		held, err := tx.LockDomains(ctx, ids)
		if err != nil {
			return err
		}
		c, err := tx.OpenContest(ctx, seen.ID)
		if err != nil {
			return err
		}
		var standing []*store.Domain
		for _, h := range holders {
			if d := held[h.ID]; holds(d) {
				standing = append(standing, d)
			}
		}
		now, challenger := a.now(), held[c.ChallengerID]
		end := func(state string) error {
			c.State, c.SettledAt = state, now
			if err := tx.UpdateContest(ctx, c); err != nil {
				return err
			}
			return tx.AppendEvents(ctx, a.contestEnded(c, held, holders, now))
		}
		switch {
		case challenger == nil || !challenger.DeletedAt.IsZero():
			return end(store.ContestWithdrawn)
		case holds(challenger):
			return end(store.ContestWon)
		case now.Sub(c.OpenedAt) > contestLimit+a.cfg.ContestWait:
			return end(store.ContestDropped)
		}
		round := now.Sub(c.AskedAt) >= contestRound // also when it was never asked
		switch {
		case len(standing) == 0:
			// The holder has given the name up: the proof counts at once.
			if !round {
				return nil
			}
			err = a.startChecks(ctx, tx, now, challenger, c.Method)
		case now.Before(c.EndsAt):
			return nil
		case !c.MissingAt.IsZero() && now.Sub(c.MissingAt) <= contestFresh:
			return a.startChecks(ctx, tx, now, challenger, c.Method)
		case !c.MissingAt.IsZero() || round:
			c.MissingAt = time.Time{}
			for _, d := range standing {
				if err := a.startChecks(ctx, tx, now, d, d.Method); err != nil {
					return err
				}
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
		c.AskedAt = now
		return tx.UpdateContest(ctx, c)
	})
}

// startChecks begins a check of a held domain that nobody asked for, unless
// one is under way.
func (a *App) startChecks(ctx context.Context, tx *store.Tx, now time.Time, d *store.Domain, method zonehold.Method) error {
	under, err := tx.Unfinished(ctx, []string{d.ID})
	if err != nil {
		return err
	}
	if other := under[d.ID]; other != nil && !automatic(other) {
		return nil
	} else if other != nil {
		if err := a.drop(ctx, tx, []string{d.ID}, now); err != nil {
			return err
		}
	}
	at := newStart(d.AccountID, d.ID, method, zonehold.TriggerSchedule).attempt
	at.Registrable, at.Generation, at.State = target(d.Hostname), d.Generation, zonehold.AttemptQueued
	at.CreatedAt, at.ReadyAt = now, now
	numbers, err := a.jobs.Insert(ctx, tx, []jobs.Job{{AttemptID: at.ID}})
	if err != nil {
		return err
	}
	at.JobID = numbers[0]
	if err := tx.InsertAttempts(ctx, []*store.Attempt{at}); err != nil {
		return err
	}
	return tx.Touch(ctx, []string{d.ID})
}

// claimedEvent tells a holder that another account has proved the name, too,
// and what to do.
func claimedEvent(c *store.Contest, d *store.Domain, now time.Time) *zonehold.Event {
	data := domainData(d)
	data["contest_id"], data["until"] = c.ID, c.EndsAt.Format(time.RFC3339)
	data["what_to_do"] = "Show that you still control the name: keep your record in place. It is checked now and again when the wait is over."
	return newEvent(zonehold.EventDomainClaimed, d.AccountID, d.ID, now, data)
}

// contestEnded tells both sides.
func (a *App) contestEnded(c *store.Contest, held map[string]*store.Domain, holders []store.Holder, now time.Time) (events []*zonehold.Event) {
	told := map[string]bool{}
	tell := func(accountID, domainID string, challenger bool) {
		if told[accountID] {
			return
		}
		told[accountID] = true
		events = append(events, newEvent(EventContestEnded, accountID, domainID, now, map[string]any{
			"contest_id": c.ID, "hostname": string(c.Hostname), "domain_id": domainID, "state": c.State, "challenger": challenger,
		}))
	}
	tell(c.ChallengerAccount, c.ChallengerID, true)
	tell(c.HolderAccount, c.HolderID, false)
	for _, h := range holders {
		if d := held[h.ID]; d != nil {
			tell(h.AccountID, h.ID, false)
		}
	}
	return events
}

// Contest is the latest one about the name of a domain.
func (a *App) Contest(ctx context.Context, actor zonehold.Actor, ref string) (*Contest, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	d, c, err := a.contestOf(ctx, actor, ref)
	if err != nil {
		return nil, err
	}
	return contestView(c, d), nil
}

func (a *App) contestOf(ctx context.Context, actor zonehold.Actor, ref string) (*store.Domain, *store.Contest, error) {
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.store.Contest(ctx, actor.Account.ID, d.Hostname)
	return d, c, a.ours(ctx, "contest about this name", err)
}

func contestView(c *store.Contest, d *store.Domain) *Contest {
	return &Contest{
		ID: c.ID, DomainID: d.ID, Hostname: c.Hostname, Challenger: c.ChallengerAccount == d.AccountID, State: c.State,
		OpenedAt: c.OpenedAt, EndsAt: c.EndsAt, SettledAt: c.SettledAt,
	}
}

// WithdrawContest ends a contest that the account has opened.
func (a *App) WithdrawContest(ctx context.Context, actor zonehold.Actor, ref string) (*Contest, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	_, seen, err := a.contestOf(ctx, actor, ref)
	if err != nil {
		return nil, err
	}
	if seen.ChallengerAccount != actor.Account.ID {
		return nil, &Error{Kind: KindConflict, Message: "Another account has opened this contest. It ends when you show that you still control the name."}
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockProofs(ctx); err != nil {
			return err
		}
		c, err := tx.OpenContest(ctx, seen.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil // over already
		}
		if err != nil {
			return err
		}
		now := a.now()
		c.State, c.SettledAt = store.ContestWithdrawn, now
		if err := tx.UpdateContest(ctx, c); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "contest.withdraw", c.ID, map[string]any{"name": string(c.Hostname), "domain_id": c.ChallengerID}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, a.contestEnded(c, nil, nil, now))
	})
	if err != nil {
		return nil, a.ours(ctx, "contest", err)
	}
	a.wake.ring(seen.ChallengerAccount, seen.HolderAccount)
	return a.Contest(ctx, actor, ref)
}
