package app

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
)

// The life of a thousand domains, with everything real but the clock: name
// resolution that is dead for an hour, a DNS host that loses two records of
// five, one record that is removed for good and one that comes back.
func TestThousandDomainsLive(t *testing.T) {
	n := 1000
	if raced() {
		if !strings.Contains(flag.Lookup("test.run").Value.String(), "Thousand") {
			t.Skip("takes minutes under the race detector: scripts/test runs it without; or ask for it: -race -timeout 30m -run Thousand")
		}
		n = 300
		t.Logf("%d domains instead of 1000: the race detector is on", n)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		from := time.Now()
		w := newWorld(t, s)
		defer func() {
			w.report(fmt.Sprintf("%s, %d domains, %s", s.Engine(), n, time.Since(from).Round(time.Second/10)))
		}()
		w.settle(n, 5)
		w.note("domains verified by real checks, at 5 DNS hosts", len(w.all()))
		w.note("  real time, s", time.Since(from).Seconds())
		if got := count(w.all()); got[zonehold.StateVerified] != n {
			t.Fatalf("after the first checks: %v", got)
		}
		for _, part := range []struct {
			name string
			run  func(*world)
		}{
			{"dead resolution", deadResolution}, {"lost records", lostRecords}, {"removed for good", removedForGood},
		} {
			at := time.Now()
			part.run(w)
			w.note("  "+part.name+": real time, s", time.Since(at).Seconds())
			if t.Failed() {
				return
			}
		}
		w.told()
		w.note("steps of the clock", w.steps)
		w.note("webhooks: requests / events", fmt.Sprintf("%d / %d", w.hooks.bodies, len(w.hooks.got)))
		w.note("mails: alpha / operator", fmt.Sprintf("%d / %d", len(w.mail.MailsTo(w.address(w.who))), len(w.mail.MailsTo(w.address(w.ops)))))
	})
}

// stateEvents are those of a change of state.
func stateEvents(events map[zonehold.EventType]int) int {
	return events[zonehold.EventDomainAtRisk] + events[zonehold.EventDomainLapsed] + events[zonehold.EventDomainRecovered] +
		events[zonehold.EventDomainVerified] + events[zonehold.EventProofMissing] + events[zonehold.EventDomainFrozen]
}

// For an hour nobody can be asked: servers are silent, then refuse, then are
// not there. Every re-check of a round falls into it.
func deadResolution(w *world) {
	t := w.t
	var mark, opsMark string
	w.events(w.who, &mark)
	w.events(w.ops, &opsMark)
	w.run(w.began.Add(worldInterval*9/10-10*time.Minute), 30*time.Minute, nil)
	seen := map[string]time.Time{}
	for _, d := range w.all() {
		seen[d.ID] = d.SeenAt
	}
	dead := w.now()
	w.hasty.Store(w.lab.Hasty())
	for _, f := range []testnet.Fault{testnet.FaultTimeout, testnet.FaultRefused, testnet.FaultUnreachable} {
		w.fault(testnet.FaultNone)
		w.fault(f)
		w.run(w.now().Add(20*time.Minute), 5*time.Minute, func(all []*Domain) {
			if got := count(all); got[zonehold.StateVerified] != len(all) {
				t.Errorf("%s after %s: %v", f, w.now().Sub(dead), got)
			}
		})
	}
	all, looked := w.all(), 0
	for _, d := range all {
		if !d.NextCheckAt.After(w.now()) {
			t.Errorf("%s is to be checked at %s, it is %s", d.Hostname, d.NextCheckAt, w.now())
		}
		if !d.MissingSince.IsZero() || !d.GraceEndsAt.IsZero() {
			t.Errorf("%s is missing since %s", d.Hostname, d.MissingSince)
		}
		if d.LookedAt.After(dead) {
			looked++
			if !d.SeenAt.Equal(seen[d.ID]) {
				t.Errorf("%s was seen at %s, while nobody answered", d.Hostname, d.SeenAt)
			}
			if d.LastAttempt == nil || d.LastAttempt.Outcome != zonehold.OutcomeInconclusive {
				t.Errorf("%s: last attempt %+v", d.Hostname, d.LastAttempt)
			}
		}
	}
	got := tallied(w.events(w.who, &mark))
	w.note("resolution dead for 1 h: domains looked at in it", looked)
	w.note("  changes of state", stateEvents(got))
	w.note("  events of the account", len(got))
	if looked != len(all) || len(got) != 0 {
		t.Errorf("%d of %d looked at, events %v", looked, len(all), got)
	}
	// It is back.
	w.fault(testnet.FaultNone)
	w.hasty.Store(nil)
	back := w.now()
	w.run(back.Add(70*time.Minute), 5*time.Minute, nil)
	for _, d := range w.all() {
		if d.State != zonehold.StateVerified || d.SeenAt.Before(back) {
			t.Errorf("70 minutes after the return %s is %s, seen at %s", d.Hostname, d.State, d.SeenAt)
		}
	}
	got, ops := tallied(w.events(w.who, &mark)), tallied(w.events(w.ops, &opsMark))
	w.note("after the return: verified / changes of state", fmt.Sprintf("%d / %d", count(w.all())[zonehold.StateVerified], stateEvents(got)))
	w.note("  pages meanwhile (canaries): opened / closed", fmt.Sprintf("%d / %d", ops["breaker.tripped"], ops["breaker.resumed"]))
	if len(got) != 0 || ops["breaker.tripped"] != 1 || ops["breaker.resumed"] != 1 || len(breakersOf(t, w.App, false)) != 0 {
		t.Errorf("events %v, of the operator %v, open %v", got, ops, breakersOf(t, w.App, false))
	}
}

// Two records of five are gone at one DNS host, and come back. Meanwhile one
// record at another host is really removed, and put back within its grace.
func lostRecords(w *world) {
	t := w.t
	var mark, opsMark string
	w.events(w.who, &mark)
	w.events(w.ops, &opsMark)
	mails, pages := len(w.mail.MailsTo(w.address(w.who))), len(w.mail.MailsTo(w.address(w.ops)))
	w.mostAtRisk = 0
	const here = 1
	var lost []*placedDomain
	for i, p := range w.domains {
		if p.host == here && i/5%5 < 2 {
			lost = append(lost, p)
			p.remove()
		}
	}
	began := w.now()
	var (
		tripped, restored time.Time
		single            *placedDomain
		singleAt          time.Time // when its next look is due
		singleRisk        time.Time
		due               = map[string]time.Time{} // of the others, when it opened
	)
	for w.now().Before(began.Add(24*time.Hour)) && (restored.IsZero() || len(breakersOf(t, w.App, false)) > 0) {
		step := 5 * time.Minute
		if single != nil && singleRisk.IsZero() && singleAt.After(w.now()) {
			step = min(step, singleAt.Sub(w.now()))
		}
		w.step(step)
		open := breakersOf(t, w.App, false)
		switch {
		case tripped.IsZero():
			if len(open) == 0 {
				continue
			}
			tripped = w.now()
			for _, d := range w.all() {
				due[d.ID] = d.NextCheckAt
			}
			if b := open[0]; len(open) != 1 || b.Scope != zonehold.BreakerHost || b.Place != "dns-host-b.net" {
				t.Fatalf("open: %+v", b)
			}
			w.note("two records of five gone at one host: breaker opens after", tripped.Sub(began))
			w.note("  missing / checked there", fmt.Sprintf("%d / %d", open[0].Flips, open[0].Checked))
			w.settled()
			page := w.mailed(w.ops, pages+1)
			if !strings.Contains(page.Header("Subject"), "Many proofs went missing at once") || !strings.Contains(page.Text(), "dns-host-b.net") {
				t.Errorf("page:\n%s", page.Text())
			}
			if hooks := w.hooks.of("operator", zonehold.EventBreakerTripped); len(hooks) != 2 || hooks[1].Data.Place != "dns-host-b.net" {
				t.Errorf("pages by webhook: %+v", hooks)
			}
			if w.book.with("level=ERROR msg=\"a breaker has opened") != 2 { // the first one was that of the canaries
				t.Errorf("log:\n%s", strings.Join(w.book.lines, "\n"))
			}
			if text := w.metrics(); !strings.Contains(text, `zonehold_breaker_trips_total{scope="host"} 1`) {
				t.Errorf("metrics lack the trip:\n%s", text)
			}
			// One that is removed for good elsewhere is no part of it.
			single = w.soonest(2)
			single.remove()
			singleAt = w.get(single).NextCheckAt
		case singleRisk.IsZero() && w.get(single).State == zonehold.StateAtRisk:
			singleRisk = w.now()
			w.note("  one removed elsewhere meanwhile: at risk after its due time by", singleRisk.Sub(singleAt))
			if singleRisk.Sub(singleAt) > time.Minute {
				t.Errorf("due at %s, at risk at %s", singleAt, singleRisk)
			}
			single.place()
		case restored.IsZero() && w.now().Sub(tripped) >= 90*time.Minute:
			restored = w.now()
			w.note("  records put back after", restored.Sub(tripped).Round(time.Minute))
			for _, p := range lost {
				p.place()
			}
		}
	}
	open := breakersOf(t, w.App, true)
	i := slices.IndexFunc(open, func(b *zonehold.Breaker) bool { return b.Scope == zonehold.BreakerHost })
	if i < 0 || open[i].State != zonehold.BreakerClosed || open[i].Outcome != zonehold.BreakerRecovered {
		t.Fatalf("breakers: %+v", open)
	}
	w.note("  closed by itself after the records were back", w.now().Sub(restored))
	elsewhere, total, closed := 0, 0, w.now()
	for _, d := range w.all() {
		if p := w.byID[d.ID]; p.host != here && p != single && !due[d.ID].After(closed) {
			if total++; d.SeenAt.After(tripped) {
				elsewhere++
			}
		}
	}
	w.note("  domains at other hosts that were due and seen while it was open", fmt.Sprintf("%d of %d", elsewhere, total))
	w.run(w.now().Add(time.Hour+10*time.Minute), 5*time.Minute, nil)

	events := w.events(w.who, &mark)
	got, ops := tallied(events), tallied(w.events(w.ops, &opsMark))
	waveRisk, waveBack, singles := 0, 0, []zonehold.EventType{}
	var letters strings.Builder
	for _, m := range w.mail.MailsTo(w.address(w.who))[mails:] {
		letters.WriteString(m.Text())
	}
	for _, e := range events {
		if name := string(w.stored(w.byID[e.DomainID]).Hostname); !strings.Contains(letters.String(), name) {
			t.Errorf("%s of %s is in no mail", e.Type, name)
		}
		switch {
		case e.DomainID == single.id && e.Type != zonehold.EventAttemptCompleted:
			singles = append(singles, e.Type)
		case e.Type == zonehold.EventDomainAtRisk:
			waveRisk++
		case e.Type == zonehold.EventDomainRecovered && strings.Contains(string(e.Data), `"breaker":`):
			waveBack++
		}
	}
	end := count(w.all())
	w.note("  ever at risk by the wave / taken back / at once after a step", fmt.Sprintf("%d / %d / %d", waveRisk, waveBack, w.mostAtRisk))
	w.note("  in the end: verified / at risk / lapsed", fmt.Sprintf("%d / %d / %d", end[zonehold.StateVerified], end[zonehold.StateAtRisk], end[zonehold.StateLapsed]))
	w.note("  pages: opened / closed", fmt.Sprintf("%d / %d", ops["breaker.tripped"], ops["breaker.resumed"]))
	w.note("  the one removed elsewhere", fmt.Sprint(singles))
	if waveRisk >= 10 || waveBack != waveRisk || got[zonehold.EventDomainLapsed] != 0 {
		t.Errorf("events %v: %d at risk, %d taken back", got, waveRisk, waveBack)
	}
	if end[zonehold.StateVerified] != len(w.domains) {
		t.Errorf("in the end %v", end)
	}
	if elsewhere != total || total == 0 {
		t.Errorf("%d of %d domains at other hosts were seen when they were due", elsewhere, total)
	}
	if ops["breaker.tripped"] != 1 || ops["breaker.resumed"] != 1 {
		t.Errorf("pages %v", ops)
	}
	if !slices.Equal(singles, []zonehold.EventType{zonehold.EventDomainAtRisk, zonehold.EventDomainRecovered}) {
		t.Errorf("the one removed elsewhere: %v", singles)
	}
	if last := w.mailed(w.ops, pages+2); !strings.Contains(last.Header("Subject"), "Checks go on") {
		t.Errorf("the last page: %s", last.Header("Subject"))
	}
	w.note("  events told / mails to the account", fmt.Sprintf("%d / %d", stateEvents(got), len(w.mail.MailsTo(w.address(w.who)))-mails))
}

// soonest is the domain at a host whose next look is the nearest, but not
// within ten minutes.
func (w *world) soonest(host int) *placedDomain {
	w.t.Helper()
	var (
		best *placedDomain
		at   time.Time
	)
	for _, d := range w.all() {
		if p := w.byID[d.ID]; p.host == host && d.NextCheckAt.After(w.now().Add(10*time.Minute)) && (best == nil || d.NextCheckAt.Before(at)) {
			best, at = p, d.NextCheckAt
		}
	}
	return best
}

// One record is removed for good: at risk at the next look, told with the fix,
// lapsed after the grace, and verified when it is put back.
func removedForGood(w *world) {
	t := w.t
	var mark string
	w.run(w.now().Add(time.Hour), 10*time.Minute, nil) // no mail is younger than a quarter of an hour
	w.events(w.who, &mark)
	mails := len(w.mail.MailsTo(w.address(w.who)))
	p := w.soonest(3)
	p.remove()
	before := w.get(p)
	w.run(before.NextCheckAt.Add(-time.Second), 10*time.Minute, nil)
	if d := w.get(p); d.State != zonehold.StateVerified {
		t.Fatalf("before it was looked at: %s", d.State)
	}
	w.run(before.NextCheckAt, time.Second, nil)
	d := w.get(p)
	risk := w.now()
	w.note("one record removed: state at the next look, after its due time by", fmt.Sprintf("%s, %s", d.State, risk.Sub(before.NextCheckAt)))
	if d.State != zonehold.StateAtRisk || !d.GraceEndsAt.Equal(d.StateSince.Add(worldGrace)) || d.ScansAllowed || d.ScansReason == "" {
		t.Fatalf("after the look: %+v", d)
	}
	w.note("  scans allowed", d.ScansAllowed)
	mail := w.mailed(w.who, mails+1)
	text := mail.Text()
	if subject := mail.Header("Subject"); subject != string(d.Hostname)+" is at risk: its proof is gone" {
		t.Errorf("subject %q", subject)
	}
	hooks := w.hooks.of("alpha", zonehold.EventDomainAtRisk)
	h := hooks[len(hooks)-1]
	if h.Data.DomainID != p.id || h.Data.Problem == nil || h.Data.Outcome != "absent" || h.Data.State != "at_risk" {
		t.Fatalf("webhook: %+v", h)
	}
	fix := strings.Join(append(h.Data.Problem.Fixes, h.Data.Problem.Title, h.Data.Problem.LookedFor, h.Data.Problem.Found, h.Data.Problem.SeeItYourself), "\n")
	for _, want := range []string{p.record.Name, p.record.Value, "dig"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
		if !strings.Contains(fix, want) {
			t.Errorf("the webhook lacks %q:\n%s", want, fix)
		}
	}
	if flat := strings.Join(strings.Fields(text), " "); h.Data.Problem.Title == "" || !strings.Contains(flat, h.Data.Problem.Title) {
		t.Errorf("the mail lacks the problem's title %q:\n%s", h.Data.Problem.Title, text)
	}
	w.note("  mail", fmt.Sprintf("%q, %d bytes, with name, value, command", mail.Header("Subject"), len(mail.Data)))
	w.note("  webhook", fmt.Sprintf("%s, problem %s: %q", h.Type, h.Data.Problem.Code, h.Data.Problem.Title))
	w.note("  to see it", h.Data.Problem.SeeItYourself)

	// The grace: looked at about every hour, and once more at its end.
	looks, last, misses := 0, d.LookedAt, 0
	for d.State == zonehold.StateAtRisk && w.now().Before(risk.Add(2*worldGrace)) {
		if wait := d.NextCheckAt.Sub(w.now()); wait <= 0 || wait > 66*time.Minute+time.Second {
			t.Errorf("at risk, the next look is in %s", wait)
		}
		w.run(d.NextCheckAt, 30*time.Minute, nil)
		misses = max(misses, w.stored(p).Misses)
		if d = w.get(p); d.LookedAt.After(last) {
			looks, last = looks+1, d.LookedAt
		}
	}
	w.note("  looks within the grace and at its end; misses in a row", fmt.Sprintf("%d; %d", looks, misses+1))
	w.note("  then, after", fmt.Sprintf("%s, %s", d.State, d.StateSince.Sub(risk)))
	if over := d.StateSince.Sub(risk); d.State != zonehold.StateLapsed || over < worldGrace || over > worldGrace+time.Minute || looks < missesToLapse || misses+1 < missesToLapse {
		t.Fatalf("after the grace: %s, %s after it began, %d looks, %d misses at last", d.State, over, looks, misses)
	}
	mail = w.mailed(w.who, mails+2)
	if subject := mail.Header("Subject"); subject != string(d.Hostname)+" is no longer verified" || !strings.Contains(mail.Text(), p.record.Value) {
		t.Errorf("mail %q:\n%s", subject, mail.Text())
	}
	if hooks := w.hooks.of("alpha", zonehold.EventDomainLapsed); len(hooks) != 1 || hooks[0].Data.DomainID != p.id {
		t.Errorf("webhooks of a lapse: %+v", hooks)
	}
	w.note("  mail", fmt.Sprintf("%q", mail.Header("Subject")))

	// Put back: seen by a retry, without anybody's asking.
	lapsed := w.now()
	w.note("  next look while lapsed", untilLook(d, w.now()))
	if d.State != zonehold.StateLapsed || !d.NextCheckAt.After(w.now()) {
		t.Fatalf("lapsed: %s, next look %s", d.State, d.NextCheckAt)
	}
	p.place()
	w.run(d.NextCheckAt, time.Minute, nil)
	d = w.get(p)
	w.note("  put back: state, after", fmt.Sprintf("%s, %s", d.State, w.now().Sub(lapsed)))
	if d.State != zonehold.StateVerified || !d.ScansAllowed {
		t.Errorf("put back: %s, scans %v (%s)", d.State, d.ScansAllowed, d.ScansReason)
	}
	got := tallied(w.events(w.who, &mark))
	w.note("  events", fmt.Sprint(got))
	if got[zonehold.EventDomainAtRisk] != 1 || got[zonehold.EventDomainLapsed] != 1 || got[zonehold.EventDomainVerified] != 1 || got[zonehold.EventDomainRecovered] != 0 {
		t.Errorf("events %v", got)
	}
	if end := count(w.all()); end[zonehold.StateVerified] != len(w.domains) {
		t.Errorf("in the end %v", end)
	}
}

func untilLook(d *Domain, now time.Time) string {
	if d.NextCheckAt.IsZero() {
		return "none"
	}
	return d.NextCheckAt.Sub(now).String()
}

// stored is a domain as the database has it.
func (w *world) stored(p *placedDomain) *store.Domain {
	w.t.Helper()
	d, err := w.s.DomainByID(w.t.Context(), w.who.Account.ID, p.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}
