package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// hook is a webhook of the run.
type hook struct {
	id    string
	wants func(kind string) bool
	after int64 // the last event before it was made
}

// subscribe makes three webhooks, which want all kinds of events, most, and
// two.
func (c *chaos) subscribe() {
	c.t.Helper()
	before := c.events()
	for name, h := range map[string]struct {
		events []string
		wants  func(string) bool
	}{
		"usual": {nil, func(kind string) bool { return kind != "attempt.completed" }},
		"all":   {[]string{"*"}, func(string) bool { return true }},
		"two": {[]string{"domain.at_risk", "domain.recovered"}, func(kind string) bool {
			return kind == "domain.at_risk" || kind == "domain.recovered"
		}},
	} {
		made, err := c.api.CreateWebhook(c.t.Context(), api.CreateWebhook{URL: c.hooks.url + "/" + name, Events: h.events})
		if err != nil {
			c.t.Fatal(err)
		}
		if err := c.hooks.expect(name, made.Secret); err != nil {
			c.t.Fatal(err)
		}
		c.wants[name] = &hook{id: made.ID, wants: h.wants, after: int64(len(before))}
	}
}

// events are all of the account, numbered without a gap.
func (c *chaos) events() (out []api.Event) {
	c.t.Helper()
	c.must("reading events", func(ctx context.Context) error {
		out = nil
		last := ""
		for {
			page, err := c.api.Events(ctx, last, 500)
			if err != nil {
				return err
			}
			for _, e := range page {
				if last = e.ID; e.Seq != int64(len(out))+1 {
					c.t.Errorf("event %d comes after %d", e.Seq, len(out))
				}
				out = append(out, e)
			}
			if len(page) < 500 {
				return nil
			}
		}
	})
	return out
}

// tally is what a run did.
type tally struct {
	checks, scheduled, unsure    int // ended checks, those of the schedule, those that could not tell
	events, deliveries, retried  int
	requests, repeats, ownFaults int
}

// judge holds everything that is stored, and all that was delivered, against
// what was done.
func (c *chaos) judge() (sum tally) {
	c.t.Helper()
	attempts := c.attempts(&sum)
	c.chain(attempts)
	events := c.events()
	sum.events = len(events)
	c.story(events, attempts)
	c.delivered(events, &sum)
	return sum
}

// attempts reads every check. Each has ended, and says of the proof what was
// true at some moment of it.
func (c *chaos) attempts(sum *tally) map[string]api.Attempt {
	c.t.Helper()
	out := map[string]api.Attempt{}
	lists := make(chan []api.Attempt, len(c.domains))
	each(c.t, c.domains, func(d *proved) error {
		var list []api.Attempt
		for cursor := ""; ; {
			page, err := c.api.Attempts(c.t.Context(), d.id, 100, cursor)
			if err != nil {
				return err
			}
			list = append(list, page.Items...)
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
		}
		lists <- list
		for _, a := range list {
			if err := d.truth(a); err != nil {
				return err
			}
		}
		return nil
	})
	close(lists)
	for list := range lists {
		for _, a := range list {
			out[a.ID] = a
			sum.checks++
			if a.Trigger == "schedule" {
				sum.scheduled++
			}
			if *a.Outcome == "inconclusive" {
				sum.unsure++
			}
		}
	}
	c.asked.Range(func(id, _ any) bool {
		if _, ok := out[id.(string)]; !ok {
			c.t.Errorf("check %s was taken and is lost", id)
		}
		return true
	})
	return out
}

// truth checks the verdict of one check.
func (d *proved) truth(a api.Attempt) error {
	if a.State != "done" || a.Outcome == nil || a.StartedAt == nil || a.FinishedAt == nil || a.DomainID != d.id {
		return fmt.Errorf("%s: check %s is %s, of %s", d.name, a.ID, a.State, a.DomainID)
	}
	present, ok := map[string]bool{"verified": true, "absent": false, "mismatch": false}[*a.Outcome]
	if !ok {
		if *a.Outcome == "inconclusive" {
			return nil
		}
		return fmt.Errorf("%s: check %s ended with %s", d.name, a.ID, *a.Outcome)
	}
	// The proof was there at first. Of each piece of time in which it was as
	// found, one must touch the check.
	from, was := time.Time{}, true
	for _, ch := range d.changes {
		if was == present && !from.After(*a.FinishedAt) && !ch.to.Before(*a.StartedAt) {
			return nil
		}
		from, was = ch.from, ch.present
	}
	if was == present && !from.After(*a.FinishedAt) {
		return nil
	}
	return fmt.Errorf("%s: check %s from %s to %s found it %s, which it was not at any moment: %+v", d.name, a.ID, a.StartedAt, a.FinishedAt, *a.Outcome, d.changes)
}

// chain reads the chain of evidence: one link for each check and none besides,
// each of which holds.
func (c *chaos) chain(attempts map[string]api.Attempt) {
	c.t.Helper()
	linked := map[string]bool{}
	last := evidence.Link{}
	for {
		var piece []byte
		c.must("reading the chain", func(ctx context.Context) (err error) {
			piece, err = c.api.EvidenceChain(ctx, last.Seq, 5000)
			return err
		})
		r, err := evidence.Verify(bytes.NewReader(piece), evidence.Options{})
		if err != nil {
			c.t.Fatalf("the chain after link %d: %v", last.Seq, err)
		}
		if !r.Unbroken {
			c.t.Errorf("the chain after link %d has gaps", last.Seq)
		}
		for _, e := range r.Bundle.Entries {
			l := e.Link
			if l.Seq != last.Seq+1 || l.Previous != last.Hash {
				c.t.Fatalf("link %d after %d does not follow it", l.Seq, last.Seq)
			}
			a, ok := attempts[l.AttemptID]
			switch {
			case !ok:
				c.t.Errorf("link %d is of an unknown check %s", l.Seq, l.AttemptID)
			case linked[l.AttemptID]:
				c.t.Errorf("check %s is in the chain twice", l.AttemptID)
			case string(l.Outcome) != *a.Outcome || l.DomainID != a.DomainID || !l.At.Equal(*a.FinishedAt):
				c.t.Errorf("link %d says %s of %s at %s, the check %s of %s at %s", l.Seq, l.Outcome, l.DomainID, l.At, *a.Outcome, a.DomainID, a.FinishedAt)
			}
			linked[l.AttemptID] = true
			last = l
		}
		if last.Seq == r.Bundle.Head.Seq {
			break
		}
	}
	if len(linked) != len(attempts) {
		c.t.Errorf("%d of %d checks are in the chain", len(linked), len(attempts))
	}
	// One after the other, as the server makes few at a time.
	for _, d := range c.some(min(20, len(c.domains))) {
		var file []byte
		c.must("reading a bundle", func(ctx context.Context) (err error) {
			file, err = c.api.DomainEvidence(ctx, d.id, client.EvidenceQuery{Limit: 100})
			return err
		})
		if _, err := evidence.Verify(bytes.NewReader(file), evidence.Options{}); err != nil {
			c.t.Errorf("the bundle of %s: %v", d.name, err)
		}
	}
}

// story checks that the events tell each change of a proof once, and each
// check that was asked for.
func (c *chaos) story(events []api.Event, attempts map[string]api.Attempt) {
	c.t.Helper()
	type key struct{ of, kind string }
	count, ids := map[key]int{}, map[string]bool{}
	for _, e := range events {
		if ids[e.ID] {
			c.t.Errorf("two events have the id %s", e.ID)
		}
		ids[e.ID] = true
		of := *e.DomainID
		if e.Type == "attempt.completed" {
			var data struct {
				AttemptID string `json:"attempt_id"`
			}
			if err := json.Unmarshal(e.Data, &data); err != nil || attempts[data.AttemptID].DomainID != of {
				c.t.Errorf("event %d of an unknown check %q: %v", e.Seq, data.AttemptID, err)
			}
			of = data.AttemptID
		}
		count[key{of, e.Type}]++
	}
	total := 0
	expect := func(of, kind string, want int) {
		if got := count[key{of, kind}]; got != want {
			c.t.Errorf("%d events %s of %s, want %d", got, kind, of, want)
		}
		total += want
	}
	for _, d := range c.domains {
		gone := 0
		for _, ch := range d.changes {
			if !ch.present {
				gone++
			}
		}
		expect(d.id, "domain.created", 1)
		expect(d.id, "domain.verified", 1)
		expect(d.id, "domain.at_risk", gone)
		expect(d.id, "domain.recovered", len(d.changes)-gone)
	}
	// A check of the schedule is told of if it changed something.
	changed := 0
	for id, a := range attempts {
		got := count[key{id, "attempt.completed"}]
		if a.Trigger != "schedule" {
			expect(id, "attempt.completed", 1)
			continue
		}
		if got > 1 {
			c.t.Errorf("check %s is told of %d times", id, got)
		}
		changed += got
	}
	if total += changed; total != len(events) {
		c.t.Errorf("%d events, want %d", len(events), total)
	}
}

// delivered checks that each webhook got each event that it wants, and nothing
// else, and that the log says so.
func (c *chaos) delivered(events []api.Event, sum *tally) {
	c.t.Helper()
	for name, h := range c.wants {
		want := map[string]bool{}
		for _, e := range events {
			if e.Seq > h.after && h.wants(e.Type) {
				want[e.ID] = true
			}
		}
		log := map[string]api.Delivery{}
		c.must("reading deliveries", func(ctx context.Context) error {
			clear(log)
			for d, err := range c.api.AllDeliveries(ctx, h.id, client.DeliveryQuery{Limit: 500}) {
				if err != nil {
					return err
				}
				if _, ok := log[d.EventID]; ok {
					c.t.Errorf("two deliveries of %s to %s", d.EventID, name)
				}
				log[d.EventID] = d
				sum.deliveries++
				if len(d.Tries) > 1 {
					sum.retried++
				}
			}
			return nil
		})
		c.hooks.mu.Lock()
		got := maps.Clone(c.hooks.got[name])
		for id := range want {
			switch d, ok := log[id]; {
			case !ok:
				c.t.Errorf("no delivery of %s to %s", id, name)
			case d.State != "delivered":
				c.t.Errorf("the delivery of %s to %s is %s", id, name, d.State)
			case got[id] == nil || got[id].taken == 0:
				c.t.Errorf("%s was not delivered to %s: %+v", id, name, got[id])
			case len(d.Tries) > got[id].tries:
				c.t.Errorf("%d tries in the log of %s to %s, of %d", len(d.Tries), id, name, got[id].tries)
			}
		}
		for id := range got {
			if !want[id] {
				c.t.Errorf("%s got %s, which it does not want", name, id)
			}
		}
		if len(log) != len(want) {
			c.t.Errorf("%d deliveries to %s, want %d", len(log), name, len(want))
		}
		c.hooks.mu.Unlock()
	}
	for _, w := range c.hooks.wrong {
		c.t.Error(w)
	}
	sum.requests, sum.repeats, sum.ownFaults = c.hooks.sums()
}

// report prints what the run did.
func (c *chaos) report(sum tally, took time.Duration) {
	c.t.Helper()
	c.t.Logf("%d re-checks of %d domains (%d by schedule, %d could not tell, %d looks repeated), %d proofs came or went",
		sum.checks-len(c.domains), len(c.domains), sum.scheduled, sum.unsure, c.again, c.changes)
	var rerun int
	c.must("counting", func(ctx context.Context) (err error) {
		rerun, err = storetest.Reruns(ctx, c.store)
		return err
	})
	c.t.Logf("%d checks were begun again", rerun)
	c.t.Logf("%d processes killed, %d crashes of the database, after which %d processes ended by themselves and were started again", c.kills, c.outages, c.ends)
	c.t.Logf("%d events, %d deliveries to %d webhooks in %d requests: %d came again, %d of them as the receiver failed, %d were tried twice or more by the log",
		sum.events, sum.deliveries, len(c.wants), sum.requests, sum.repeats, sum.ownFaults, sum.retried)
	if !c.t.Failed() {
		c.t.Logf("0 lost, 0 in a wrong state, every event delivered under one id; %.0f s", took.Seconds())
	}
	if got, want := sum.checks-len(c.domains), c.rounds*len(c.domains); got < want {
		c.t.Errorf("%d re-checks, want at least %d", got, want)
	}
	if want := c.rounds * c.size.kills; c.kills != want || c.pg != nil && c.outages != len(slices.Compact(c.size.outages)) {
		c.t.Errorf("%d kills of %d, %d outages", c.kills, want, c.outages)
	}
}
