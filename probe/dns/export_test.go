package dns

import (
	"context"
	"slices"
	"time"
)

// Labour is what validation cost one lookup.
type Labour struct {
	Checks int // signatures checked
	Work   int // units
	Rounds int // of NSEC3 hashing
	Left   int // queries
}

// AskCounted is Ask, with the cost.
func (r *Resolver) AskCounted(ctx context.Context, name string, qtype uint16) (*Answer, Labour, error) {
	q, err := newQuestion(name, qtype)
	if err != nil {
		return nil, Labour{}, err
	}
	w := r.newWork()
	a, err := r.ask(ctx, w, q)
	return a, w.cost(), err
}

func (w *work) cost() Labour {
	return Labour{w.labour.checks, maxWork - w.labour.left, w.labour.hash.spent, int(w.left.Load())}
}

// Revalidate judges all usable answers again, with keys from memory, and
// checks every signature.
func (r *Resolver) Revalidate(a *Answer) (*Answer, Labour) {
	r.ForgetSignatures()
	w := r.newWork()
	q, err := newQuestion(a.Name, a.Type)
	if err != nil {
		panic(err)
	}
	answers := make([]asked, len(a.Servers))
	for i := range a.Servers {
		answers[i] = asked{ServerAnswer: a.Servers[i], zone: a.Zone}
	}
	r.validate(context.Background(), w, q, answers)
	out := *a
	out.Servers = make([]ServerAnswer, len(answers))
	for i := range answers {
		out.Servers[i] = answers[i].ServerAnswer
	}
	out.judgeAll()
	return &out, w.cost()
}

// ForgetSignatures makes the resolver check every signature again.
func (r *Resolver) ForgetSignatures() {
	r.proven.mu.Lock()
	defer r.proven.mu.Unlock()
	r.proven.right = nil
}

// Limits that tests hold the cost against.
const (
	MaxWork         = maxWork
	MaxHashing      = maxHashing
	MaxChecksPerSet = maxChecksPerSet
)

// AskWithOldKeys is Ask by a lookup that got the keys of the zone from a server
// that lists only those which the parent vouches for.
func (r *Resolver) AskWithOldKeys(ctx context.Context, zone, name string, qtype uint16) (*Answer, error) {
	q, err := newQuestion(name, qtype)
	if err != nil {
		return nil, err
	}
	old := *r.keys.get(zone, r.cfg.Now(), false)
	old.keys = slices.DeleteFunc(slices.Clone(old.keys), func(k *zoneKey) bool { return !slices.Contains(dsTags(old.ds), k.tag) })
	w := r.newWork()
	w.rememberKeys(zone, &old, false)
	return r.ask(ctx, w, q)
}

// Judging is what signatures are judged by.
func (r *Resolver) Judging() ([]TrustAnchor, time.Time) { return r.cfg.TrustAnchors, r.cfg.Now() }
