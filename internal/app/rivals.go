package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// rivals is what a transaction that writes verdicts knows of other claims on
// the same names, and what follows for them.
type rivals struct {
	exclusive bool
	judging   bool                                 // alone, of all transactions; else holders and contests were not read
	holders   map[zonehold.Hostname][]store.Holder // whose proof stands, the oldest first
	contests  map[zonehold.Hostname]*store.Contest // open ones
	offers    []*store.Transfer                    // that may be open
	proved    map[string]bool                      // domains whose proof was seen in this transaction
	taken     map[zonehold.Hostname]string         // account that has the name after it
	begun     []*store.Contest                     // to be stored
	moved     map[string]*store.Contest            // to be written, by id
	done      []*store.Transfer                    // offers that were taken up, with the claim that did
	by        map[string]*store.Domain             // that claim, by offer
	out       []outgoing                           // claims that lose the name
	watch     []string                             // registrations to be looked at
	told      map[zonehold.Hostname]*store.Contest // whose holders are to be told
}

// outgoing is a claim that loses its name to another one.
type outgoing struct {
	id   string
	code problem.Code
}

// Reasons why a claim lost its name, as events tell them.
var lostReasons = map[problem.Code]string{
	"claim_transferred": "transferred",
	"claim_lost":        "contest",
	"claim_superseded":  "registered_anew",
}

// errFreshProof says that a proof is to be judged by a transaction that does
// not judge.
var errFreshProof = errors.New("a proof is fresh that was not")

// rivals finds what there is beside the claims of the finishes. Where one
// account may have a name, no other transaction judges fresh proofs until the
// end of one that judges. Without judging, one that has nothing to judge leaves
// the others alone; judge fails by errFreshProof where that was wrong.
func (a *App) rivals(ctx context.Context, tx *store.Tx, finishes []*finish, judging bool) (*rivals, error) {
	r := &rivals{
		exclusive: a.cfg.Exclusive, judging: judging, proved: map[string]bool{}, taken: map[zonehold.Hostname]string{}, moved: map[string]*store.Contest{},
		by: map[string]*store.Domain{}, told: map[zonehold.Hostname]*store.Contest{},
	}
	var all, good []string
	for _, f := range finishes {
		if !f.hasReport {
			continue
		}
		all = append(all, f.attempt.DomainID)
		if f.report.Outcome == zonehold.OutcomeVerified {
			good = append(good, f.attempt.DomainID)
			r.proved[f.attempt.DomainID] = true
		}
	}
	if r.exclusive && !r.judging {
		var err error
		if r.judging, err = toJudge(ctx, tx, all, good); err != nil {
			return nil, err
		}
	}
	return r, a.readRivals(ctx, tx, r, all, good)
}

// toJudge reports whether there is something to judge: a good proof of a claim
// that none stands for, or a contest about a name. Nothing is locked yet. A
// contest that begins after it cannot be decided by what was seen before.
func toJudge(ctx context.Context, tx *store.Tx, all, good []string) (bool, error) {
	contests, err := tx.OpenContests(ctx, all)
	if err != nil || len(contests) > 0 || len(good) == 0 {
		return len(contests) > 0, err
	}
	found, err := tx.ProvedBeside(ctx, good)
	standing := make(map[string]bool, len(found))
	for _, h := range found {
		standing[h.ID] = true
	}
	return slices.ContainsFunc(good, func(id string) bool { return !standing[id] }), err
}

func (a *App) readRivals(ctx context.Context, tx *store.Tx, r *rivals, all, good []string) (err error) {
	if r.exclusive && r.judging && len(all) > 0 {
		if err := tx.LockProofs(ctx); err != nil {
			return err
		}
		found, err := tx.ProvedBeside(ctx, all)
		if err != nil {
			return err
		}
		r.holders = map[zonehold.Hostname][]store.Holder{}
		for _, h := range found {
			r.holders[h.Hostname] = append(r.holders[h.Hostname], h)
		}
		if r.contests, err = tx.OpenContests(ctx, all); err != nil {
			return err
		}
	}
	r.offers, err = tx.OffersTo(ctx, good)
	return err
}

// domains lists those that have to be held to judge.
func (r *rivals) domains() (ids []string) {
	for _, list := range r.holders {
		for _, h := range list {
			ids = append(ids, h.ID)
		}
	}
	for _, t := range r.offers {
		ids = append(ids, t.DomainID)
	}
	return ids
}

// any reports whether proofs may count against other claims.
func (r *rivals) any() bool { return r.exclusive || len(r.offers) > 0 }

// rivalsOf lists the domains that have to be held to judge a fresh proof of
// one domain, with itself. It locks what comes before domains.
func (a *App) rivalsOf(ctx context.Context, tx *store.Tx, domainID string) ([]string, error) {
	r := &rivals{exclusive: a.cfg.Exclusive, judging: true}
	ids := []string{domainID}
	err := a.readRivals(ctx, tx, r, ids, ids)
	return append(r.domains(), domainID), err
}

// holds reports whether the proof of a held domain stands by itself.
func holds(d *store.Domain) bool { return own(d) }

// judge decides what a fresh proof of a name means for other claims on it, and
// whether it counts (threat T46): of two in one transaction the first does.
// What its owner gave takes nothing from anybody.
func (a *App) judge(ctx context.Context, tx *store.Tx, r *rivals, held map[string]*store.Domain, f *finish, e *store.Finish, now time.Time) error {
	d := held[f.attempt.DomainID]
	if e.Method == zonehold.MethodDelegated {
		return nil
	}
	leaves := r.leaves(d.ID)
	switch {
	case holds(d) && !leaves:
		return nil
	case r.exclusive && !r.judging:
		return errFreshProof
	}
	owner := ""
	if r.exclusive || leaves {
		owner = r.taken[d.Hostname]
	}
	var others []*store.Domain // of other accounts, that stand in the way
	if r.exclusive {
		for _, h := range r.holders[d.Hostname] {
			if h.AccountID != d.AccountID && holds(held[h.ID]) && !r.leaves(h.ID) {
				others = append(others, held[h.ID])
			}
		}
	}
	offer, err := r.offer(ctx, tx, d, held, now)
	if err != nil {
		return err
	}
	var out []outgoing
	if offer != nil {
		others = slices.DeleteFunc(others, func(o *store.Domain) bool {
			if o.AccountID != offer.FromAccount {
				return false
			}
			if o.ID != offer.DomainID {
				out = append(out, outgoing{o.ID, "claim_transferred"})
			}
			return true
		})
		out = append(out, outgoing{offer.DomainID, "claim_transferred"})
	}
	others = slices.DeleteFunc(others, func(o *store.Domain) bool {
		if o.FreezeReason != zonehold.FreezeRegistered || o.FrozenAt.IsZero() {
			return false
		}
		out = append(out, outgoing{o.ID, "claim_superseded"}) // of an owner before this one, for certain
		return true
	})
	c := r.contests[d.Hostname]
	if c != nil && c.State != store.ContestOpen {
		c = nil
	}
	mine := c != nil && c.ChallengerID == d.ID
	if len(others) > 0 && mine && decided(c, r, others, now) {
		for _, o := range others {
			out = append(out, outgoing{o.ID, "claim_lost"})
		}
		others = nil
	}
	if len(others) == 0 && (owner == "" || owner == d.AccountID) {
		r.taken[d.Hostname] = d.AccountID
		r.out = append(r.out, out...)
		if offer != nil {
			r.done, r.by[offer.ID] = append(r.done, offer), d
		}
		switch {
		case mine:
			r.end(c, store.ContestWon, now)
		case c != nil: // about a holder that is one no more
			r.end(c, store.ContestDropped, now)
		}
		return nil
	}
	return a.refuse(ctx, tx, r, c, d, others, f, e, now)
}

// leaves reports whether a claim loses its name in this transaction.
func (r *rivals) leaves(id string) bool {
	return slices.ContainsFunc(r.out, func(o outgoing) bool { return o.id == id })
}

// offer finds the offer by which the claim may take the name over.
func (r *rivals) offer(ctx context.Context, tx *store.Tx, d *store.Domain, held map[string]*store.Domain, now time.Time) (*store.Transfer, error) {
	for _, t := range r.offers {
		if t.ToAccount != d.AccountID || t.Hostname != d.Hostname || r.leaves(t.DomainID) || !offered(t, held[t.DomainID], now) {
			continue
		}
		open, err := tx.StillOpen(ctx, []string{t.ID})
		if err != nil {
			return nil, err
		}
		if open[t.ID] {
			return t, nil
		}
	}
	return nil, nil
}

// refuse turns a good proof down, as others stand in the way, and opens a
// contest if there can be one.
func (a *App) refuse(ctx context.Context, tx *store.Tx, r *rivals, c *store.Contest, d *store.Domain, others []*store.Domain, f *finish, e *store.Finish, now time.Time) error {
	facts := problem.Facts{problem.FactDomain: string(d.Hostname)}
	if len(others) > 0 {
		facts[problem.FactWhere] = a.placed(others[0])
	}
	switch {
	case len(others) == 0:
		facts[problem.FactDetail] = "It did so at this very moment."
	case c != nil && c.ChallengerID == d.ID:
		c.Method = e.Method
		r.moved[c.ID] = c
		contestFacts(facts, c)
	case c != nil:
		facts[problem.FactUntil] = moment(c.EndsAt)
		facts[problem.FactDetail] = "Another contest about the name runs. One of this account can begin when that has ended."
	case !contestable(e.Method):
		facts[problem.FactDetail] = "A proof for which nothing is placed begins no contest. Prove the domain by DNS TXT, for example."
	default:
		lost, withdrawn, err := tx.EndedContests(ctx, d.Hostname, d.AccountID)
		if err != nil {
			return err
		}
		if again := lost.Add(contestAgain); !lost.IsZero() && now.Before(again) {
			facts[problem.FactUntil] = moment(again)
			facts[problem.FactDetail] = fmt.Sprintf("This account has lost a contest about it on %s, as the other account has shown that it controls the name. Another one can begin when that is a week ago.", moment(lost))
			break
		}
		if again := withdrawn.Add(contestRest); !withdrawn.IsZero() && now.Before(again) {
			facts[problem.FactUntil] = moment(again)
			facts[problem.FactDetail] = fmt.Sprintf("A contest of this account about it ended without a decision on %s. Another one can begin a day after that.", moment(withdrawn))
			break
		}
		c = &store.Contest{
			ID: zonehold.NewID(zonehold.PrefixContest), Hostname: d.Hostname, ChallengerID: d.ID, ChallengerAccount: d.AccountID,
			HolderID: others[0].ID, HolderAccount: others[0].AccountID, Method: e.Method, State: store.ContestOpen,
			OpenedAt: now, EndsAt: now.Add(a.cfg.ContestWait),
		}
		r.begun = append(r.begun, c)
		r.contests[d.Hostname], r.told[d.Hostname] = c, c
		contestFacts(facts, c)
	}
	p := problem.New("claimed_by_other_account", facts)
	e.Outcome, e.Problem, f.outcome = zonehold.OutcomeRefused, &p, zonehold.OutcomeRefused
	return nil
}

func contestFacts(facts problem.Facts, c *store.Contest) {
	facts[problem.FactUntil] = moment(c.EndsAt)
	facts[problem.FactDetail] = fmt.Sprintf("A contest about the name has run since %s. When its wait is over both claims are checked afresh, and the one whose proof is there has the name.", moment(c.OpenedAt))
}

// contestable reports whether a proof by the method says who controls the name
// now: not what another claim or the operator gives.
func contestable(m zonehold.Method) bool {
	return !ownData(m) || m == zonehold.MethodWHOIS || m == zonehold.MethodEmail
}

// placed says where the proof of a claim stands, without its secret.
func (a *App) placed(d *store.Domain) string {
	m, ok := verify.Lookup(d.Method)
	if !ok {
		return "a proof"
	}
	switch c := m.Challenge(a.cfg.Kit, claimOf(d, nil)); {
	case c.Record != nil && c.Method == zonehold.MethodDNSTXT:
		return fmt.Sprintf("the TXT record at %s that is not this account's", c.Record.Name)
	case c.Record != nil:
		return fmt.Sprintf("the %s record of the other account below %s", c.Record.Type, d.Hostname)
	case c.File != nil:
		return fmt.Sprintf("a verification file on the web host %s", d.Hostname)
	case c.Tag != nil:
		return fmt.Sprintf("a meta tag in the home page of %s", d.Hostname)
	}
	return "a proof by the method " + string(d.Method)
}

// after notes what a verdict that was applied means for contests, and for what
// is watched.
func (a *App) after(r *rivals, held map[string]*store.Domain, before, d *store.Domain, f *finish, e store.Finish, now time.Time) {
	if !before.State.Verified() && d.State.Verified() || f.served != nil && f.served.differs(before.DNSHost) {
		r.watch = append(r.watch, target(d.Hostname))
	}
	c := r.contests[d.Hostname]
	if c == nil || c.State != store.ContestOpen || now.Before(c.EndsAt) || f.held {
		return
	}
	change, conclusive := e.Outcome.Change()
	asked := f.attempt.Requested == before.Method || f.attempt.Requested == ""
	switch {
	case d.ID == c.ChallengerID:
		if c.MissingAt.IsZero() || e.Outcome == zonehold.OutcomeVerified {
			return
		}
		if conclusive && change == zonehold.ChangeMissing {
			r.end(c, store.ContestDropped, now)
		} else { // also where it was refused: it is not asked every minute
			r.extend(c, now)
		}
	case d.AccountID == c.ChallengerAccount || !holds(before):
	case e.Outcome == zonehold.OutcomeVerified:
		r.end(c, store.ContestLost, now)
	case conclusive && change == zonehold.ChangeMissing && asked && (d.Method == before.Method || !d.State.Verified()), !d.State.Verified():
		if d.State == zonehold.StateVerified && stands(d.Spares) {
			return // another proof is to take its place
		}
		// All of them have to be gone, where there are several.
		for _, h := range r.holders[d.Hostname] {
			if o := held[h.ID]; h.ID != d.ID && h.AccountID != c.ChallengerAccount && holds(o) && o.State != zonehold.StateAtRisk {
				return
			}
		}
		c.MissingAt = now
		r.moved[c.ID] = c
	case e.Outcome == zonehold.OutcomeInconclusive && asked:
		r.extend(c, now)
	}
}

// end settles a contest.
func (r *rivals) end(c *store.Contest, state string, now time.Time) {
	c.State, c.SettledAt = state, now
	r.moved[c.ID] = c
}

// extend lets a contest wait on, as one side could not be asked: it is never
// decided by accident.
func (r *rivals) extend(c *store.Contest, now time.Time) {
	c.EndsAt, c.AskedAt, c.MissingAt = now.Add(contestRound), time.Time{}, time.Time{}
	r.moved[c.ID] = c
}

// follow writes what judge and after have found, and ends the claims that have
// lost their name. It returns those, with the events; changed gets what the
// caller has to write.
func (a *App) follow(ctx context.Context, tx *store.Tx, r *rivals, held, changed map[string]*store.Domain, now time.Time) (lost []*store.Domain, events []*zonehold.Event, err error) {
	for _, t := range r.done {
		if _, err := tx.EndTransfer(ctx, t.ID, store.TransferDone, now); err != nil {
			return nil, nil, err
		}
		events = append(events, transferredEvents(t, r.by[t.ID], held[t.DomainID], now)...)
	}
	for _, o := range r.out {
		d := held[o.id]
		if !d.DeletedAt.IsZero() || !d.State.Verified() {
			continue
		}
		e, err := a.oust(ctx, tx, d, o.code, now)
		if err != nil {
			return nil, nil, err
		}
		delete(changed, d.ID)
		lost, events = append(lost, d), append(events, e)
	}
	for _, c := range r.begun {
		if err := tx.InsertContest(ctx, c); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range r.moved {
		if slices.Contains(r.begun, c) && c.State == store.ContestOpen {
			continue
		}
		if err := tx.UpdateContest(ctx, c); err != nil {
			return nil, nil, err
		}
		if c.State != store.ContestOpen {
			events = append(events, a.contestEnded(c, held, r.holders[c.Hostname], now)...)
		}
	}
	for name, c := range r.told {
		for _, h := range r.holders[name] {
			d := held[h.ID]
			if h.AccountID == c.ChallengerAccount || !holds(d) {
				continue
			}
			// It is looked at at once, so that nobody waits for what is long gone.
			d.NextCheckAt, d.UpdatedAt = earlier(d.NextCheckAt, now), now
			changed[d.ID] = d
			events = append(events, claimedEvent(c, d, now))
			tx.AfterCommit(a.sweepSoon)
			tx.AfterCommit(func() { a.wake.ring(d.AccountID) })
		}
	}
	return lost, events, tx.WatchRegistrations(ctx, r.watch, now)
}

// oust ends a claim that has lost its name to another account. It gets new
// tokens, so that what still stands somewhere proves nothing for it.
func (a *App) oust(ctx context.Context, tx *store.Tx, d *store.Domain, code problem.Code, now time.Time) (*zonehold.Event, error) {
	if err := a.renew(ctx, tx, d, now); err != nil {
		return nil, err
	}
	before := d.State
	d.State, _ = before.Next(zonehold.ChangeRevoked)
	a.observe(tx, before, d.State)
	p := problem.New(code, problem.Facts{problem.FactDomain: string(d.Hostname), problem.FactUntil: moment(now)})
	d.StateSince, d.UpdatedAt, d.Problem = now, now, &p
	d.ProofSource, d.Spares, d.NextCheckAt, d.GraceEndsAt, d.MissingSince, d.Misses = "", nil, time.Time{}, time.Time{}, time.Time{}, 0
	d.FrozenAt, d.FreezeReason, d.Tries, d.TriesEndAt = time.Time{}, "", 0, time.Time{}
	if _, err := tx.EndTransfersOf(ctx, d.ID, store.TransferEnded, now); err != nil {
		return nil, err
	}
	if err := tx.UpdateDomain(ctx, d); err != nil {
		return nil, err
	}
	tx.AfterCommit(func() { a.wake.ring(d.AccountID) })
	data := domainData(d)
	data["problem"], data["reason"] = problemData(&p), lostReasons[code]
	return newEvent(zonehold.EventDomainLapsed, d.AccountID, d.ID, now, data), nil
}

// judgeAll judges the good proofs among the ends.
func (a *App) judgeAll(ctx context.Context, tx *store.Tx, r *rivals, held map[string]*store.Domain, finishes []*finish, ends []store.Finish, now time.Time) error {
	if !r.any() {
		return nil
	}
	refs := make([]store.Ref, len(finishes))
	for i, f := range finishes {
		refs[i] = f.attempt.Ref()
	}
	running, err := tx.StillRunning(ctx, refs)
	if err != nil {
		return err
	}
	for i, f := range finishes {
		if ends[i].Outcome == zonehold.OutcomeVerified && running[f.attempt.ID] {
			if err := a.judge(ctx, tx, r, held, f, &ends[i], now); err != nil {
				return err
			}
		}
	}
	return nil
}
