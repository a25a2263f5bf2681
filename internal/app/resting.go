package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// What a proof rests on may go: a domain above loses its own proof, a policy
// or a delegation is revoked, a connection or an address is removed. The
// claims that rest on it lapse in the same transaction, and what rests on
// those in turn, at once and without a time of grace: the right itself has
// ended (DESIGN section 4.3; threats T34, T44). A chain has at most three
// links, as neither a covered nor a delegated domain can be what another
// covered one rests on, and a delegated one cannot be passed on.

// loss is something that proofs rested on and that is gone.
type loss struct {
	source store.Source
	code   problem.Code // the problem of a claim that rested on it
	facts  problem.Facts
}

func (l loss) problem(d *store.Domain) *problem.Problem {
	facts := maps.Clone(l.facts)
	if facts == nil {
		facts = problem.Facts{}
	}
	facts[problem.FactDomain] = string(d.Hostname)
	facts[problem.FactMethod] = string(d.Method)
	p := problem.New(l.code, facts)
	return &p
}

// wider says that a transaction has to hold more domains than it does. All
// domains are locked in one go, in order, so that no two transactions wait for
// each other; who finds more begins again.
type wider struct{ ids []string }

func (w *wider) Error() string { return fmt.Sprintf("%d more domains have to be locked", len(w.ids)) }

// widening runs fn again with the domains that it finds to need besides.
func widening(fn func(more []string) error) error {
	var ids []string
	for try := 0; ; try++ {
		err := fn(ids)
		var more *wider
		if try == maxWider || !errors.As(err, &more) {
			return err
		}
		ids = append(ids, more.ids...)
	}
}

// maxWider is how often a transaction begins again for more domains. Each time
// only those are new that were proved in between.
const maxWider = 20

// holding runs fn in a transaction that holds the domains of the ids, deleted
// ones too, and those that fn asks for by *wider.
func (a *App) holding(ctx context.Context, ids []string, fn func(tx *store.Tx, held map[string]*store.Domain) error) error {
	return widening(func(more []string) error {
		return a.store.InTx(ctx, func(tx *store.Tx) error {
			held, err := tx.LockDomains(ctx, append(more, ids...))
			if err != nil {
				return err
			}
			return fn(tx, held)
		})
	})
}

// withdrawal takes something away that proofs may rest on.
type withdrawal struct {
	loss loss
	// end ends the thing itself, and returns the events to write. The domains
	// that rest on it are locked already; what it changes is locked by it, so
	// that nobody can found another proof on it.
	end func(tx *store.Tx, now time.Time) ([]*zonehold.Event, error)
	// code, if set, is the problem's, known only after end.
	code func() problem.Code
	// allow judges by how many proofs rest on it; nil: any number may go.
	allow func(n int) error
}

// withdraw does so in one transaction, and returns how many claims lapsed.
func (a *App) withdraw(ctx context.Context, w withdrawal) (int, error) {
	var (
		n    int
		keys []string
	)
	err := a.holding(ctx, nil, func(tx *store.Tx, held map[string]*store.Domain) error {
		keys = nil
		now := a.now()
		// Before the end takes locks of its own: domains are locked first.
		resting, err := tx.RestingOn(ctx, []store.Source{w.loss.source})
		if err != nil {
			return err
		}
		if err := holdAll(held, resting); err != nil {
			return err
		}
		events, err := w.end(tx, now)
		if err != nil {
			return err
		}
		lost := w.loss
		if w.code != nil {
			lost.code = w.code()
		}
		fallen, more, err := a.fall(ctx, tx, held, []loss{lost}, now)
		if err != nil {
			return err
		}
		n = len(fallen)
		if w.allow != nil {
			if err := w.allow(n); err != nil {
				return err
			}
		}
		if err := tx.UpdateVerdicts(ctx, fallen); err != nil {
			return err
		}
		events = append(events, more...)
		for _, e := range events {
			keys = append(keys, e.AccountID)
		}
		return tx.AppendEvents(ctx, events)
	})
	if err != nil {
		return 0, err
	}
	a.wake.ring(keys...)
	return n, nil
}

// holdAll asks for the domains that are not held.
func holdAll(held map[string]*store.Domain, resting map[string]string) error {
	var missing []string
	for id := range resting {
		if held[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return &wider{missing}
	}
	return nil
}

// fall lapses the claims whose proof rests on what was lost, and what rests on
// those. It changes the domains that are held, which the caller writes, and
// returns them with the events. What is not held is asked for by *wider.
func (a *App) fall(ctx context.Context, tx *store.Tx, held map[string]*store.Domain, lost []loss, now time.Time) ([]*store.Domain, []*zonehold.Event, error) {
	var (
		fallen []*store.Domain
		events []*zonehold.Event
	)
	for len(lost) > 0 {
		var (
			sources []store.Source
			by      = map[string][]loss{}
			gone    []*store.Domain
		)
		for _, l := range lost {
			sources = append(sources, l.source)
			by[l.source.ID] = append(by[l.source.ID], l)
		}
		resting, err := tx.RestingOn(ctx, sources)
		if err != nil {
			return nil, nil, err
		}
		if err := holdAll(held, resting); err != nil {
			return nil, nil, err
		}
		// All that is held, as what this transaction itself has changed is not
		// written yet.
		for _, id := range slices.Sorted(maps.Keys(held)) {
			d := held[id]
			if !d.DeletedAt.IsZero() || !d.State.Verified() || d.ProofSource == "" {
				continue
			}
			for _, l := range by[d.ProofSource] {
				if l.source.AccountID != "" && l.source.AccountID != d.AccountID {
					continue
				}
				before := *d
				events = append(events, lapse(d, l, now))
				a.observe(tx, before.State, d.State)
				if d.State.Verified() {
					// Another proof of its own leads now, which may reach less far.
					fallen = append(fallen, d)
					for _, look := range a.looksAfter(&before, d) {
						if err := tx.InsertLook(ctx, look); err != nil {
							return nil, nil, err
						}
					}
				} else {
					gone = append(gone, d)
				}
				break
			}
		}
		fallen = append(fallen, gone...)
		if lost, err = a.lossOf(ctx, tx, gone, "", now); err != nil {
			return nil, nil, err
		}
	}
	if len(fallen) > 0 {
		tx.AfterCommit(a.sweepSoon)
	}
	return fallen, events, nil
}

// lapse ends a proof whose source is gone. Where the domain has another one,
// that takes the lead; else the claim is looked at once more, as something else
// may prove it.
func lapse(d *store.Domain, l loss, now time.Time) *zonehold.Event {
	method := d.Method
	d.Problem = l.problem(d)
	told, event := problemData(d.Problem), zonehold.EventProofMissing
	if !stepIn(d, now) {
		endProof(d, now)
		d.NextCheckAt, event = now, zonehold.EventDomainLapsed
	}
	data := domainData(d)
	data["problem"], data["source"] = told, l.source.ID
	if event == zonehold.EventProofMissing {
		data["missing_method"] = string(method)
	}
	return newEvent(event, d.AccountID, d.ID, now, data)
}

// lossOf is what is lost with the proofs of these domains: the cover of the
// names below, and what was delegated, which ends. how says what happened to
// them; "": their proof lapsed.
func (a *App) lossOf(ctx context.Context, tx *store.Tx, domains []*store.Domain, how string, now time.Time) ([]loss, error) {
	if len(domains) == 0 {
		return nil, nil
	}
	if how == "" {
		how = "Its proof has lapsed"
	}
	var (
		lost  []loss
		ids   []string
		names = map[string]string{}
	)
	for _, d := range domains {
		ids, names[d.ID] = append(ids, d.ID), string(d.Hostname)
		lost = append(lost, loss{source: store.Source{ID: d.ID}, code: "parent_not_verified", facts: problem.Facts{
			problem.FactWhere: string(d.Hostname), problem.FactDetail: fmt.Sprintf("%s covered it until %s. %s.", d.Hostname, moment(now), how),
		}})
	}
	ended, err := tx.EndDelegationsOf(ctx, ids, how+".", now)
	if err != nil {
		return nil, err
	}
	for _, del := range ended {
		lost = append(lost, loss{source: store.Source{ID: del.ID}, code: "delegation_cancelled", facts: problem.Facts{
			problem.FactDetail: fmt.Sprintf("The account that gave it has lost its own proof on %s.", moment(now)),
		}})
	}
	return lost, nil
}

// moment writes a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
