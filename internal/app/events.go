package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

func newEvent(t zonehold.EventType, accountID, domainID string, now time.Time, data map[string]any) *zonehold.Event {
	text, err := json.Marshal(data)
	if err != nil {
		panic("app: " + err.Error()) // only words, numbers and times
	}
	return &zonehold.Event{
		ID: zonehold.NewID(zonehold.PrefixEvent), AccountID: accountID, Type: t, DomainID: domainID, CreatedAt: now, Data: text,
	}
}

func domainEvent(t zonehold.EventType, d *store.Domain, now time.Time) *zonehold.Event {
	return newEvent(t, d.AccountID, d.ID, now, domainData(d))
}

func domainData(d *store.Domain) map[string]any {
	data := map[string]any{
		"domain_id": d.ID, "hostname": string(d.Hostname), "profile": string(d.Profile), "state": string(d.State),
		"scheme": orNull(d.Scheme), "port": orNull(d.Port), "method": orNull(string(d.Method)),
	}
	if !d.GraceEndsAt.IsZero() {
		data["grace_ends_at"] = d.GraceEndsAt.Format(time.RFC3339)
	}
	return data
}

// problemData is a problem as events carry it: what is wrong, and what to do.
func problemData(p *problem.Problem) any {
	if p == nil {
		return nil
	}
	return map[string]any{
		"code": string(p.Code), "title": p.Title, "looked_for": p.LookedFor, "found": p.Found, "fixes": p.Fixes,
		"see_it_yourself": p.SeeItYourself, "who_acts": string(p.WhoActs), "docs_url": p.DocsURL,
	}
}

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// withFields adds the names of changed fields to an event's data.
func withFields(data json.RawMessage, fields []string) json.RawMessage {
	var m map[string]any
	if json.Unmarshal(data, &m) != nil {
		return data
	}
	m["changed"] = fields
	out, err := json.Marshal(m)
	if err != nil {
		return data
	}
	return out
}

// Events returns the account's events after the event id ("" from the
// first), oldest first. With wait it blocks until there is one or ctx ends.
func (a *App) Events(ctx context.Context, actor zonehold.Actor, after string, limit int, wait bool) ([]zonehold.Event, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	limit, err := checkLimit(limit)
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = 500
	}
	poll := time.NewTicker(a.timing.poll)
	defer poll.Stop()
	for {
		rang, stop := a.wake.listen(actor.Account.ID)
		// Without the caller's end: what is there is given even to one whose
		// time is over.
		read, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		events, err := a.store.Events(read, actor.Account.ID, after, limit)
		cancel()
		if err != nil {
			stop()
			if err := a.ours(ctx, "event", err); err != nil {
				return nil, err
			}
		}
		if len(events) > 0 || !wait {
			stop()
			return events, nil
		}
		select {
		case <-rang:
		case <-poll.C:
		case <-ctx.Done():
			wait = false
		case <-a.draining:
			wait = false
		}
		stop()
		if !wait {
			return nil, nil
		}
	}
}
