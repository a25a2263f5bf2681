package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/verify"
)

// calendar is a clock that tests move.
type calendar struct{ at atomic.Int64 }

func newCalendar() *calendar {
	c := &calendar{}
	c.at.Store(time.Now().UnixMicro())
	return c
}

func (c *calendar) now() time.Time       { return time.UnixMicro(c.at.Load()).UTC() }
func (c *calendar) pass(d time.Duration) { c.at.Add(d.Microseconds()) }

// recorder is a service whose checks find a signed answer, below the given
// keys of the root, and whose verdict tests change.
type recorder struct {
	*App
	clock   *calendar
	outcome atomic.Value
	root    atomic.Value // []byte: message with the keys of the root
}

const day = 24 * time.Hour

// recording is an App that makes no checks by itself: record finishes one.
func recording(t testing.TB, s *store.Store) *recorder {
	r := &recorder{clock: newCalendar()}
	r.outcome.Store(zonehold.OutcomeVerified)
	r.root.Store([]byte("keys of the root"))
	r.App = make1(t, s, Config{
		AttemptsKept: 90 * day, EvidenceKept: 730 * day, Clock: r.clock.now, RecheckInterval: 7 * day, RecheckGrace: 7 * day,
		ChecksPerMinute: -1, TargetChecksPerHour: -1,
	}, impatient())
	return r
}

// record writes checks of domains as if they had just been run, in one go.
func (r *recorder) record(t testing.TB, who zonehold.Actor, domains ...string) (ids []string) {
	t.Helper()
	found, err := r.store.DomainsByID(t.Context(), domains)
	if err != nil {
		t.Fatal(err)
	}
	now := r.now()
	root := &dns.ChainLink{Security: dns.SecuritySecure, Keys: r.root.Load().([]byte), Public: true}
	var (
		rows     []*store.Attempt
		finishes []*finish
	)
	for _, id := range domains {
		at := newStart(who.Account.ID, id, zonehold.MethodDNSTXT, zonehold.TriggerSchedule).attempt
		at.Registrable, at.Generation = "example.com", found[id].Generation
		at.State, at.NodeID, at.Run = zonehold.AttemptRunning, r.nodeID(), 1
		at.CreatedAt, at.ReadyAt, at.StartedAt = now, now, now
		answer := &dns.Answer{Name: string(found[id].Hostname), Type: 16, Zone: &dns.Zone{Name: "example.com"}, Security: dns.SecuritySecure,
			Servers: []dns.ServerAnswer{{Status: dns.StatusOK, Security: dns.SecuritySecure, Wire: []byte(id), Chain: root}}}
		f := &finish{attempt: at, subject: r.subjectOf(found[id], zonehold.MethodDNSTXT)}
		f.take(diagnose.Report{
			Method: zonehold.MethodDNSTXT, Outcome: r.outcome.Load().(zonehold.Outcome), StartedAt: now,
			Evidence: verify.Evidence{Lookups: []*dns.Lookup{{Hops: []*dns.Answer{answer}}}},
		}, nil)
		rows, finishes, ids = append(rows, at), append(finishes, f), append(ids, at.ID)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := r.store.InTx(ctx, func(tx *store.Tx) error { return tx.InsertAttempts(ctx, rows) }); err != nil {
		t.Fatal(err)
	}
	for _, f := range finishes {
		if err := r.keepBlobs(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.commitFinishes(ctx, finishes); err != nil {
		t.Fatal(err)
	}
	for _, f := range finishes {
		if !f.applied {
			t.Fatalf("%s is not applied", f.attempt.ID)
		}
	}
	return ids
}

// tidyUp lets the chore run until a pass is done.
func (r *recorder) tidyUp(t testing.TB) {
	t.Helper()
	for range 100 {
		if err := r.retain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, err := r.store.RetentionProgress(t.Context(), retention); err != nil {
			t.Fatal(err)
		} else if !p.DoneAt.IsZero() {
			return
		}
	}
	t.Fatal("the pass does not end")
}

func (r *recorder) has(t testing.TB, who zonehold.Actor, ids ...string) (out []bool) {
	t.Helper()
	for _, id := range ids {
		_, err := r.Attempt(t.Context(), who, id)
		file, err2 := r.Evidence(t.Context(), who, id)
		if (err == nil) != (err2 == nil) {
			t.Errorf("%s: attempt %v, evidence %v", id, err, err2)
		}
		if err2 == nil {
			bundled(t, file)
		}
		out = append(out, err == nil)
	}
	return out
}

func TestRetention(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := recording(t, s)
		who := actor(t, s, "alpha")
		d := create(t, r.App, who, "www.example.com")
		gone := create(t, r.App, who, "gone.example.com")
		want := func(text string, ids []string, want ...bool) {
			t.Helper()
			if got := r.has(t, who, ids...); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v are there, want %v", text, got, want)
			}
		}
		var ids []string
		ids = append(ids, r.record(t, who, d.ID)...) // 0 proves it
		deleted := r.record(t, who, gone.ID)
		for range 3 { // 1, 2, 3 change nothing
			r.clock.pass(time.Hour)
			ids = append(ids, r.record(t, who, d.ID)...)
		}
		if err := r.DeleteDomain(t.Context(), who, gone.ID, 0); err != nil {
			t.Fatal(err)
		}
		r.tidyUp(t)
		want("at once", ids, true, true, true, true)

		r.clock.pass(91 * day)
		r.tidyUp(t)
		want("by the first pass after a leap", ids, true, true, true, true)
		r.clock.pass(day)
		r.tidyUp(t)
		want("after 92 days", ids, true, false, false, true)
		if c := chainOf(t, r.App, who); len(c.Entries) != 5 || c.Bundle.Checkpoint != nil || !c.Unbroken {
			t.Errorf("the chain is not whole: %d links", len(c.Entries))
		}

		// A new check, so that number 3 is not the last one any more.
		r.root.Store([]byte("other keys of the root"))
		ids = append(ids, r.record(t, who, d.ID)...)
		r.clock.pass(25 * time.Hour)
		r.tidyUp(t)
		want("with a new one", ids, true, false, false, false, true)

		// Two years: the chain is cut, but for the proof that stands.
		r.clock.pass(731 * day)
		r.tidyUp(t)
		r.clock.pass(day)
		r.tidyUp(t)
		want("after two years", ids, true, false, false, false, true)
		if _, err := r.Attempt(t.Context(), who, deleted[0]); err == nil {
			t.Error("the check of the deleted domain is there")
		}
		c := chainOf(t, r.App, who)
		if cut := c.Bundle.Checkpoint; cut == nil || cut.Seq != 6 || len(c.Entries) != 0 || c.Bundle.Head.Seq != 6 {
			t.Fatalf("%+v, %d links", c.Bundle.Checkpoint, len(c.Entries))
		}
		ids = append(ids, r.record(t, who, d.ID)...)
		if c = chainOf(t, r.App, who); len(c.Entries) != 1 || c.Entries[0].Link.Seq != 7 {
			t.Errorf("%d links", len(c.Entries))
		}
		file, err := r.DomainEvidence(t.Context(), who, d.ID, EvidenceQuery{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := evidence.Verify(bytes.NewReader(file), evidence.Options{Keys: trusted(t, r.App)})
		if err != nil || len(v.Entries) != 3 || v.Unbroken || len(v.Bundle.Blobs) != 2 {
			t.Errorf("%+v, %v", v, err)
		}

		// What is not the proof any more goes, and the blob that it alone named.
		r.outcome.Store(zonehold.OutcomeAbsent)
		for range 60 { // at risk, and lapsed when the time of grace is over
			r.clock.pass(3 * time.Hour)
			ids = append(ids, r.record(t, who, d.ID)...)
		}
		if get(t, r.App, who, d.ID).State != zonehold.StateLapsed {
			t.Fatalf("it has not lapsed: %+v", get(t, r.App, who, d.ID).Domain)
		}
		r.outcome.Store(zonehold.OutcomeVerified)
		ids = append(ids, r.record(t, who, d.ID)...)
		for range 2 { // the first one after a leap of 7½ days
			r.clock.pass(25 * time.Hour)
			r.tidyUp(t)
		}
		if got := r.has(t, who, ids[0]); got[0] {
			t.Error("a proof of long ago stays though another one stands")
		}
		r.clock.pass(25 * time.Hour)
		r.tidyUp(t)
		sum := evidence.HashOf([]byte("keys of the root"))
		if found, err := s.Blobs(t.Context(), [][32]byte{sum}); err != nil || len(found) != 0 {
			t.Errorf("%d blobs that nothing names, %v", len(found), err)
		}
		sum = evidence.HashOf([]byte("other keys of the root"))
		if found, err := s.Blobs(t.Context(), [][32]byte{sum}); err != nil || len(found) != 1 {
			t.Errorf("%d blobs that evidence names, %v", len(found), err)
		}
	})
}

// A pass that is cut off goes on where it was, and comes to the same end.
func TestRetentionInManySteps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := recording(t, s)
		who := actor(t, s, "alpha")
		d := create(t, r.App, who, "www.example.com")
		n := 2*retainBatch + 7
		var last string
		for range n {
			r.clock.pass(time.Second)
			last = r.record(t, who, d.ID)[0]
		}
		r.clock.pass(800 * day)
		steps := 0
		for done := false; !done; steps++ {
			p, err := s.RetentionProgress(t.Context(), retention)
			if err != nil {
				t.Fatal(err)
			}
			at := retainPlace{Oldest: r.now().UnixMicro()}
			if p.Position != "" {
				if err := json.Unmarshal([]byte(p.Position), &at); err != nil {
					t.Fatal(err)
				}
			}
			before, err := s.Chain(t.Context(), who.Account.ID)
			if err != nil {
				t.Fatal(err)
			}
			if done, err = r.retainStep(t.Context(), &at, r.now()); err != nil || steps > 50 {
				t.Fatal(steps, err)
			}
			if after, err := s.Chain(t.Context(), who.Account.ID); err != nil || after.Cut-before.Cut > retainBatch {
				t.Fatalf("one step cuts %d links, %v", after.Cut-before.Cut, err)
			}
			text, err := json.Marshal(at)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.NoteRetention(t.Context(), retention, store.Progress{Position: string(text), BeganAt: r.now()}); err != nil {
				t.Fatal(err)
			}
		}
		left, err := s.Attempts(t.Context(), d.ID, time.Time{}, "", 100)
		if err != nil || len(left) != 2 || left[0].ID != last {
			t.Errorf("%d are left, %v", len(left), err)
		}
		c := chainOf(t, r.App, who)
		if c.Bundle.Checkpoint == nil || c.Bundle.Checkpoint.Seq != int64(n) || len(c.Entries) != 0 {
			t.Errorf("%+v, %d links", c.Bundle.Checkpoint, len(c.Entries))
		}
		r.record(t, who, d.ID)
		if c = chainOf(t, r.App, who); len(c.Entries) != 1 {
			t.Errorf("%d links", len(c.Entries))
		}
	})
}

// A clock that is a year ahead, and is put right within a day, costs nothing.
func TestRetentionByAWrongClock(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := recording(t, s)
		who := actor(t, s, "alpha")
		d := create(t, r.App, who, "www.example.com")
		var ids []string
		for range 3 {
			r.clock.pass(time.Hour)
			ids = append(ids, r.record(t, who, d.ID)...)
		}
		r.tidyUp(t)
		r.clock.pass(1000 * day)
		r.tidyUp(t)
		r.clock.pass(23 * time.Hour)
		r.tidyUp(t)
		if got := r.has(t, who, ids...); fmt.Sprint(got) != "[true true true]" {
			t.Errorf("by a wrong clock: %v are there", got)
		}
		r.clock.pass(-1000 * day)
		r.tidyUp(t)
		if got := r.has(t, who, ids...); fmt.Sprint(got) != "[true true true]" {
			t.Errorf("when it is right again: %v are there", got)
		}
		// One that stays so is right.
		r.clock.pass(1000 * day)
		r.tidyUp(t)
		r.clock.pass(25 * time.Hour)
		r.tidyUp(t)
		if got := r.has(t, who, ids...); fmt.Sprint(got) != "[true false true]" {
			t.Errorf("after 1000 days: %v are there", got)
		}
	})
}

// The retention chore runs by the calendar of the service.
func TestRetentionOncePerDay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := recording(t, s)
		r.tidyUp(t)
		first, err := s.RetentionProgress(t.Context(), retention)
		if err != nil {
			t.Fatal(err)
		}
		for _, hours := range []int{1, 22, 2} {
			r.clock.pass(time.Duration(hours) * time.Hour)
			r.tidyUp(t)
			p, err := s.RetentionProgress(t.Context(), retention)
			if err != nil || p.BeganAt.Equal(first.BeganAt) != (hours != 2) {
				t.Errorf("after %d hours more: %+v, %v", hours, p, err)
			}
		}
		// The clock is put back.
		r.clock.pass(-10 * day)
		r.tidyUp(t)
		if p, err := s.RetentionProgress(t.Context(), retention); err != nil || p.BeganAt.After(r.now()) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// BenchmarkEvidence is the share of evidence, chain and signatures in the
// writing of results, 64 in one transaction.
func BenchmarkEvidence(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		r := recording(b, s)
		who := actor(b, s, "alpha")
		ids := make([]string, 64)
		for i := range ids {
			ids[i] = create(b, r.App, who, fmt.Sprintf("h%d.example.com", i)).ID
		}
		b.ResetTimer()
		n := 0
		for b.Loop() {
			r.record(b, who, ids...)
			n += len(ids)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "attempts/s")
	})
}
