package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	zdns "github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/problem"
)

const (
	sampledCanaries = 10               // proved domains that serve where none are configured
	fewestSampled   = 3                // below that they say nothing
	sampledEvery    = 10 * time.Minute // how often they are asked while no breaker is open
	canaryWait      = 20 * time.Second
)

// canaryFunc asks for a name that is known to be good, the way checks ask. The
// detail says what was wrong.
type canaryFunc func(ctx context.Context, name, text string, hasText bool) (well bool, detail string)

// askCanaries looks whether our own view of the world is sound.
func (a *App) askCanaries(ctx context.Context) error {
	now := a.now()
	before, err := a.store.Canaries(ctx)
	if err != nil {
		return err
	}
	live, err := a.store.LiveBreakers(ctx, now)
	if err != nil {
		return err
	}
	var (
		open    *zonehold.Breaker // by canaries
		tense   bool              // some breaker is open
		passing bool
	)
	for _, b := range live {
		tense = tense || b.State != zonehold.BreakerClosed
		if b.Reason == zonehold.BreakerCanary {
			if b.State == zonehold.BreakerClosed {
				passing = true // an operator does not believe them
			} else {
				open = b
			}
		}
	}
	list := configured(a.cfg.Canaries)
	if len(list) == 0 {
		if !tense && len(before) > 0 && before[0].DomainID != "" && now.Sub(before[0].AskedAt) < sampledEvery && !now.Before(before[0].AskedAt) {
			return nil
		}
		if list, err = a.sampled(ctx, before); err != nil {
			return err
		}
	}
	a.askAll(ctx, list)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	after := make([]store.Canary, len(list))
	for i, c := range list {
		after[i] = a.noted(c, before, now)
	}
	if err := a.store.SetCanaries(ctx, after); err != nil {
		return err
	}
	bad := unwell(after)
	if len(bad) == 0 || open != nil || passing {
		return nil
	}
	names := bad[:min(len(bad), breakerNames)]
	hold := a.cfg.Breaker.Hold
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		_, err := tx.InsertBreaker(ctx, &zonehold.Breaker{
			ID: zonehold.NewID(zonehold.PrefixBreaker), Scope: zonehold.BreakerAll, Place: canaryPlace, Reason: zonehold.BreakerCanary,
			State: zonehold.BreakerOpen, Flips: len(bad), Checked: len(after), Names: names, TrippedAt: now, Hold: hold, Until: now.Add(hold),
		})
		return err
	})
	if err != nil {
		return err
	}
	return a.tendBreakers(ctx)
}

// canaryPlace keeps a breaker by canaries apart from one by counts over all.
const canaryPlace = "canaries"

// canary is one to be asked.
type canary struct {
	name, text, domain string
	hasText            bool
	well               bool
	detail             string
}

func configured(settings []string) []*canary {
	var list []*canary
	for _, s := range settings {
		name, text, ok := strings.Cut(s, "=")
		list = append(list, &canary{name: strings.TrimSuffix(strings.ToLower(name), "."), text: text, hasText: ok})
	}
	return list
}

// sampled chooses proved domains over different DNS hosts, those that served
// before if they still are proved.
func (a *App) sampled(ctx context.Context, before []store.Canary) ([]*canary, error) {
	if a.canary == nil {
		return nil, nil
	}
	var ids []string
	for _, c := range before {
		if c.DomainID != "" {
			ids = append(ids, c.DomainID)
		}
	}
	known, err := a.store.DomainsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	var (
		list  []*canary
		hosts = map[string]bool{}
	)
	take := func(d *store.Domain) {
		host := hostOf(readServed(d.DNSHost).Servers)
		if host == "" || hosts[host] || len(list) == sampledCanaries || d.State != zonehold.StateVerified || !d.DeletedAt.IsZero() {
			return
		}
		hosts[host] = true
		list = append(list, &canary{name: string(d.Hostname), domain: d.ID})
	}
	for _, id := range ids {
		if d := known[id]; d != nil {
			take(d)
		}
	}
	if len(list) < sampledCanaries {
		more, err := a.store.EldestProved(ctx, 300)
		if err != nil {
			return nil, err
		}
		for _, d := range more {
			take(d)
		}
	}
	return list, nil
}

// askAll asks each, again at once if it is not well.
func (a *App) askAll(ctx context.Context, list []*canary) {
	ctx, cancel := context.WithTimeout(ctx, 2*canaryWait)
	defer cancel()
	var wg sync.WaitGroup
	free := make(chan bool, 8)
	for _, c := range list {
		free <- true
		wg.Go(func() {
			defer func() { <-free }()
			c.well = true
			for range 2 {
				if a.canary == nil {
					return
				}
				one, done := context.WithTimeout(ctx, canaryWait)
				c.well, c.detail = a.canary(one, c.name, c.text, c.hasText)
				done()
				if c.well {
					return
				}
			}
		})
	}
	wg.Wait()
}

// noted is what is kept of an answer; changes of configured ones are logged.
func (a *App) noted(c *canary, before []store.Canary, now time.Time) store.Canary {
	n := store.Canary{Name: c.name, DomainID: c.domain, Well: c.well, Detail: problem.Clean(c.detail, 500), AskedAt: now, ChangedAt: now}
	was := true
	if i := slices.IndexFunc(before, func(b store.Canary) bool { return b.Name == c.name }); i >= 0 {
		if was = before[i].Well; was == c.well {
			n.ChangedAt = before[i].ChangedAt
		}
	}
	if c.domain != "" {
		return n // a customer's name is no label of a metric
	}
	a.cfg.Observer.CanaryAsked(c.name, c.well)
	switch {
	case was && !c.well:
		a.log.Error("a canary is not well", "canary", c.name, "detail", n.Detail)
	case !was && c.well:
		a.log.Info("a canary is well again", "canary", c.name)
	}
	return n
}

// unwell lists the canaries that are not well, where that means something: one
// that is configured always does, of sampled ones more than half have to agree.
func unwell(list []store.Canary) (bad []string) {
	sampled := 0
	for _, c := range list {
		if c.DomainID != "" {
			sampled++
		}
		if !c.Well {
			bad = append(bad, c.Name)
		}
	}
	if sampled > 0 && (sampled < fewestSampled || 2*len(bad) <= len(list)) {
		return nil
	}
	return bad
}

// askName asks the authoritative servers of a name through the resolver of the
// checks: for a TXT record, or whether the name exists at all.
func askName(r *zdns.Resolver) canaryFunc {
	return func(ctx context.Context, name, text string, hasText bool) (bool, string) {
		rtype := dns.TypeSOA
		if hasText {
			rtype = dns.TypeTXT
		}
		l, err := r.Lookup(ctx, name, rtype)
		if err == nil {
			err = l.ChainErr
		}
		if err != nil {
			return false, "it cannot be asked: " + err.Error()
		}
		answer, ok := l.Hops[len(l.Hops)-1].Majority()
		switch {
		case !ok:
			return false, "its servers do not answer, or not alike"
		case answer.Kind == zdns.KindNXDomain:
			return false, "its servers say that it does not exist"
		case !hasText:
			return true, ""
		}
		for _, rec := range answer.Records {
			if rec.TXT() == text {
				return true, ""
			}
		}
		return false, fmt.Sprintf("it has no TXT record with the text expected (%d others)", len(answer.Records))
	}
}
