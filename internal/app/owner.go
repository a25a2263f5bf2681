package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
)

const (
	// ownersBatch bounds the registrations that one run of the chore looks at,
	// ownersPerTLD those of one registry, ownersTime how long it begins looks,
	// and ownerTime each of them: one that is slow has failed, and does not come
	// first again.
	ownersBatch  = 200
	ownersPerTLD = 150
	ownersTime   = 20 * time.Second
	ownerTime    = 15 * time.Second
	ownersAtOnce = 8
	// ownersClaims bounds the claims that one transaction changes.
	ownersClaims = 200
)

// Registrations tell what is watched of the owner of a domain.
type Registrations interface {
	// Registration is what was seen of the registration that a domain belongs to.
	// KindNotFound: it is not watched.
	Registration(ctx context.Context, actor zonehold.Actor, ref string) (*Registration, error)
}

// Registration is what is watched of the registration of a domain.
type Registration struct {
	Name        zonehold.Hostname // the registrable domain
	Source      string            // rdap, whois; "": the registry was not asked yet, or there is none
	Server      string
	Registrar   string
	Statuses    []string
	CreatedAt   time.Time // of the registration
	ExpiresAt   time.Time
	NameServers []string // of the parent zone
	DS          []string
	Signs       []OwnerSign // of another owner, within the last 30 days
	SeenAt      time.Time   // when everything was seen last; zero: never
	AskedAt     time.Time
	NextLookAt  time.Time
	ChangedAt   time.Time // last sign; zero: none
	Error       string    // why the registry could not be asked last time
}

// OwnerSign is one sign of another owner.
type OwnerSign struct {
	Kind    string // registrar, name_servers, ds, expiry
	SeenAt  time.Time
	Was, Is string
}

// watchOwners looks for signs that a registration has another owner (threat
// T43). What is not done in its time is done by the next run.
func (a *App) watchOwners(ctx context.Context) error {
	if !a.cfg.OwnerWatch {
		return nil
	}
	due, err := a.store.DueRegistrations(ctx, a.now(), ownersBatch)
	if err != nil {
		return err
	}
	begin, cancel := context.WithTimeout(ctx, ownersTime)
	defer cancel()
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, ownersAtOnce)
		asked = map[string]int{}
		mu    sync.Mutex
		first error
	)
	for _, r := range due {
		tld := string(r.Name[strings.LastIndexByte(string(r.Name), '.')+1:])
		if asked[tld]++; asked[tld] > ownersPerTLD {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-begin.Done():
		}
		if begin.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := a.watchOwner(ctx, r); err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				first = err
			}
		})
	}
	wg.Wait()
	return first
}

// watchOwner looks at one registration.
func (a *App) watchOwner(ctx context.Context, r *store.Registration) error {
	if r.FreezeReason != "" { // one that did not come to its end
		return a.freezeUnder(ctx, r.Name)
	}
	if gone, err := a.unwatch(ctx, r.Name); err != nil || gone {
		return err
	}
	look, cancel := context.WithTimeout(ctx, ownerTime)
	defer cancel()
	s, failed := a.sight(look, r.Name)
	if ctx.Err() != nil {
		return ctx.Err() // this process stops
	}
	if failed == nil && look.Err() != nil {
		failed = look.Err()
	}
	v, err := a.noteSight(ctx, r, s, failed)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case v.freeze != "":
		return a.freezeUnder(ctx, r.Name)
	case len(v.fresh) > 0:
		return a.tellSigns(ctx, r.Name, v.fresh)
	}
	return nil
}

// unwatch ends the watch of a name under which nothing is proved.
func (a *App) unwatch(ctx context.Context, name zonehold.Hostname) (gone bool, err error) {
	some, err := a.store.ProvedUnder(ctx, name, "", 1)
	if err != nil || len(some) > 0 {
		return false, err
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		// Who proves a name waits for this row, and then finds it gone.
		if _, err := tx.LockRegistration(ctx, name); err != nil {
			return err
		}
		some, err := tx.ProvedUnder(ctx, name, "", 1)
		if gone = len(some) == 0; err != nil || !gone {
			return err
		}
		return tx.ForgetRegistration(ctx, name)
	})
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return gone, err
}

// noteSight keeps what was seen, and says what follows.
func (a *App) noteSight(ctx context.Context, r *store.Registration, s sighting, failed error) (v ownerVerdict, err error) {
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		v = ownerVerdict{}
		got, err := tx.LockRegistration(ctx, r.Name)
		if err != nil {
			return err
		}
		now := a.now()
		if !got.AskedAt.Equal(r.AskedAt) { // another process has looked
			return nil
		}
		var seen seenOwner
		seen, v = compare(readSeen(got.Seen), s, got.AnsweredAt, now)
		seen.Error = ""
		got.AskedAt, got.Fails = now, 0
		if failed != nil {
			seen.Error, got.Fails = clip(failed.Error(), 300), r.Fails+1
		}
		if s.registry != nil || s.delegation {
			got.AnsweredAt = now
		}
		if v.freeze != "" || len(v.fresh) > 0 {
			got.ChangedAt = now
		}
		got.Seen, err = json.Marshal(seen)
		if err != nil {
			return err
		}
		got.DueAt = nextLook(seen, got.Fails, now)
		if v.freeze != "" {
			// Due until that is done, whatever becomes of this process.
			got.FreezeReason, got.FreezeAt, got.FreezeAfter, got.DueAt = v.freeze, v.before, "", now
		}
		return tx.UpdateRegistration(ctx, got)
	})
	return v, err
}

func readSeen(stored json.RawMessage) (s seenOwner) {
	if stored != nil {
		_ = json.Unmarshal(stored, &s) // what cannot be read counts as nothing
	}
	return s
}

// sight asks the registry and the parent zone. The error says why the registry
// gave no answer; nil also where there is none to ask.
func (a *App) sight(ctx context.Context, name zonehold.Hostname) (s sighting, failed error) {
	kit := a.cfg.Kit
	if kit.Registry != nil {
		reg, err := kit.Registry.Lookup(ctx, string(name))
		switch {
		case err == nil && !reg.Stale:
			s.registry, s.source = factsOf(reg, a.now()), reg.Source
		case errors.Is(err, registry.ErrNotRegistered):
			s.missing = true
		case errors.Is(err, registry.ErrNotRegistrable), errors.Is(err, registry.ErrNoService):
		default:
			failed = err
		}
	}
	if kit.DNS == nil {
		return s, failed
	}
	zone, err := kit.DNS.Delegation(ctx, string(name))
	switch {
	case errors.Is(err, dns.ErrNotDelegated):
		s.delegation, s.none = true, true
		return s, failed
	case err != nil || zone == nil:
		return s, failed
	case zone.Name != string(name): // it lies in the zone of its parent
		s.delegation = true
		return s, failed
	}
	s.delegation = true
	for _, ns := range zone.Servers[:min(len(zone.Servers), maxSeenNames)] {
		s.servers = append(s.servers, ns.Name)
	}
	slices.Sort(s.servers)
	if answer, err := kit.DNS.Ask(ctx, string(name), miekg.TypeDS); err == nil {
		s.ds, s.hasDS = dsSet(answer)
	}
	return s, failed
}

// dsSet is what the servers of the parent agree on; false: nothing usable.
func dsSet(answer *dns.Answer) ([]string, bool) {
	all, usable := map[string]bool{}, false
	for i := range answer.Servers {
		sa := &answer.Servers[i]
		if sa.Status != dns.StatusOK || sa.Security == dns.SecurityBogus || sa.Kind != dns.KindData && sa.Kind != dns.KindNoData {
			continue
		}
		usable = true
		for _, rec := range sa.Records {
			if rec.Type == miekg.TypeDS {
				// Without the name, TTL and class in front.
				fields := strings.Fields(rec.Text)
				all[strings.ToLower(strings.Join(fields[min(4, len(fields)):], " "))] = true
			}
		}
	}
	set := slices.Sorted(maps.Keys(all))
	return set[:min(len(set), maxSeenNames)], usable
}

// eachUnder changes the proved claims on a name and below, and the others that
// were made before a time, some of them in each transaction, in the order of
// their ids, and writes those for which fn gives events.
func (a *App) eachUnder(ctx context.Context, name zonehold.Hostname, made time.Time, after string,
	fn func(tx *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, error),
	done func(tx *store.Tx, last string, more bool) error) error {
	for {
		var ids []string
		err := a.store.InTx(ctx, func(tx *store.Tx) (err error) {
			if ids, err = tx.ClaimsUnder(ctx, name, made, after, ownersClaims); err != nil {
				return err
			}
			held, err := tx.LockDomains(ctx, ids)
			if err != nil {
				return err
			}
			var events []*zonehold.Event
			now := a.now()
			for _, id := range ids {
				d := held[id]
				if d == nil || !d.DeletedAt.IsZero() {
					continue
				}
				more, err := fn(tx, d, now)
				if err != nil {
					return err
				}
				if len(more) > 0 {
					if err := tx.UpdateDomain(ctx, d); err != nil {
						return err
					}
					tx.AfterCommit(func() { a.wake.ring(d.AccountID) })
				}
				events = append(events, more...)
			}
			if done != nil {
				last := after
				if len(ids) > 0 {
					last = ids[len(ids)-1]
				}
				if err := done(tx, last, len(ids) == ownersClaims); err != nil {
					return err
				}
			}
			return tx.AppendEvents(ctx, events)
		})
		if err != nil || len(ids) < ownersClaims {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// freezeUnder freezes the proved claims on a registration whose owner has
// changed, and those below it, as far as their tokens or their proofs are from
// before. The others from before get new tokens, too.
func (a *App) freezeUnder(ctx context.Context, name zonehold.Hostname) error {
	r, err := a.store.Registration(ctx, name)
	if err != nil || r.FreezeReason == "" {
		return err
	}
	return a.eachUnder(ctx, name, r.FreezeAt, r.FreezeAfter,
		func(tx *store.Tx, d *store.Domain, now time.Time) (events []*zonehold.Event, err error) {
			made, err := tx.TokensMade(ctx, d.ID)
			if err != nil || !made.Before(r.FreezeAt) {
				return nil, err // of the owner as it is now, as far as anybody can see
			}
			// A record with the values from before may have stood there already
			// when it was seen after the change.
			stale := d.VerifiedAt.Before(r.FreezeAt) || d.Method.Token()
			if d.State.Verified() && d.FrozenAt.IsZero() && !restsElsewhere(d.Method) && stale {
				events, err = a.freeze(ctx, tx, d, r.FreezeReason, now)
			} else {
				events, err = a.renewOld(ctx, tx, d, r.FreezeReason, now)
			}
			if err != nil || len(events) == 0 {
				return events, err
			}
			ended, err := tx.EndTransfersOf(ctx, d.ID, store.TransferEnded, now)
			for _, t := range ended {
				events = append(events, offerEvents(EventTransferEnded, t, now)...)
			}
			return events, err
		},
		func(tx *store.Tx, last string, more bool) error {
			got, err := tx.LockRegistration(ctx, name)
			if err != nil {
				return err
			}
			got.FreezeAfter = last
			if !more {
				got.FreezeReason, got.FreezeAt, got.FreezeAfter = "", time.Time{}, ""
				got.DueAt = nextLook(readSeen(got.Seen), got.Fails, a.now())
			}
			return tx.UpdateRegistration(ctx, got)
		})
}

// restsElsewhere reports whether a proof is a right that another claim or the
// operator gives. It stands and falls with that, which is frozen itself where
// it is a claim; what the operator has decided stays the operator's to change.
func restsElsewhere(m zonehold.Method) bool {
	return ownData(m) && m != zonehold.MethodWHOIS && m != zonehold.MethodEmail
}

// tellSigns says what was seen, and has the claims checked at once: one sign
// alone is an everyday event.
func (a *App) tellSigns(ctx context.Context, name zonehold.Hostname, signs []sign) error {
	list := make([]map[string]any, len(signs))
	for i, s := range signs {
		list[i] = map[string]any{"kind": s.Kind, "was": orNull(s.Was), "is": orNull(s.Is)}
	}
	err := a.eachUnder(ctx, name, time.Time{}, "", func(_ *store.Tx, d *store.Domain, now time.Time) ([]*zonehold.Event, error) {
		if !d.State.Verified() || d.VerifiedAt.After(signs[0].From) {
			return nil, nil
		}
		d.NextCheckAt, d.UpdatedAt = earlier(d.NextCheckAt, now), now
		data := domainData(d)
		data["changed"], data["registration"], data["signs"] = []string{"registration"}, string(name), list
		return []*zonehold.Event{newEvent(zonehold.EventDomainUpdated, d.AccountID, d.ID, now, data)}, nil
	}, nil)
	a.sweepSoon()
	return err
}

// Registration is what is watched of the registration of a domain.
func (a *App) Registration(ctx context.Context, actor zonehold.Actor, ref string) (*Registration, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	d, err := a.find(ctx, actor.Account.ID, ref)
	if err != nil {
		return nil, err
	}
	if !a.cfg.OwnerWatch {
		return nil, &Error{Kind: KindNotFound, Message: "The operator of this service has not switched the watch of registrations on."}
	}
	r, err := a.store.Registration(ctx, zonehold.Hostname(target(d.Hostname)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, &Error{Kind: KindNotFound, Message: "The registration is watched from the first proof of the domain on."}
	}
	if err != nil {
		return nil, a.ours(ctx, "registration", err)
	}
	seen := readSeen(r.Seen)
	facts := seen.Sources[seen.Source]
	v := &Registration{
		Name: r.Name, Source: seen.Source, Server: facts.Server, Registrar: facts.Registrar, Statuses: facts.Statuses,
		CreatedAt: facts.Created, ExpiresAt: facts.Expires, NameServers: seen.NameServers, DS: seen.DS,
		SeenAt: r.AnsweredAt, AskedAt: r.AskedAt, NextLookAt: r.DueAt, ChangedAt: r.ChangedAt, Error: seen.Error,
	}
	for _, s := range seen.Signs {
		v.Signs = append(v.Signs, OwnerSign{Kind: s.Kind, SeenAt: s.At, Was: s.Was, Is: s.Is})
	}
	return v, nil
}
