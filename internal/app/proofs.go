package app

import (
	"cmp"
	"slices"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// leading is the proof that the fields of a proved domain describe.
func leading(d *store.Domain) zonehold.Proof {
	return zonehold.Proof{
		Method: d.Method, Assurance: d.Assurance, Covers: d.Covers, ProvedAt: d.VerifiedAt,
		SeenAt: d.SeenAt, LookedAt: d.LookedAt, MissingSince: d.MissingSince,
	}
}

// worth orders proofs: those of the domain itself before what others gave,
// then by how far they reach, then by what they are worth.
func worth(x, y zonehold.Proof) int {
	rank := func(p zonehold.Proof) [4]int {
		return [4]int{
			asInt(!ownData(p.Method)), asInt(p.Covers == zonehold.CoversSubtree), assurances[p.Assurance], asInt(p.Method.Lasting()),
		}
	}
	a, b := rank(x), rank(y)
	return slices.Compare(a[:], b[:])
}

var assurances = map[zonehold.Assurance]int{
	zonehold.AssuranceDNS: 4, zonehold.AssuranceRegistrar: 3, zonehold.AssuranceHost: 2, zonehold.AssuranceMailbox: 1,
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spareOf finds the spare of a method; -1: there is none.
func spareOf(d *store.Domain, m zonehold.Method) int {
	return slices.IndexFunc(d.Spares, func(p zonehold.Proof) bool { return p.Method == m })
}

// stands reports whether any spare was there when last looked at.
func stands(spares []zonehold.Proof) bool {
	return slices.ContainsFunc(spares, func(p zonehold.Proof) bool { return p.MissingSince.IsZero() })
}

// proofOf is what a report proves.
func (a *App) proofOf(d *store.Domain, f *finish, now time.Time) zonehold.Proof {
	r := f.report
	p := zonehold.Proof{Method: r.Method, ProvedAt: now, SeenAt: now, LookedAt: now, AttemptID: f.attempt.ID}
	p.Assurance, p.Covers = a.proves(d, r)
	return p
}

// proves is what a good report is worth, and how far it reaches.
func (a *App) proves(d *store.Domain, r diagnose.Report) (worth zonehold.Assurance, reach zonehold.Covers) {
	if m, ok := verify.Lookup(r.Method); ok {
		c := m.Challenge(a.cfg.Kit, claimOf(d, nil))
		worth, reach = c.Proves, c.Covers
	}
	if r.Proves != "" {
		worth, reach = r.Proves, r.Proves.Covers()
	}
	return worth, cmp.Or(r.Covers, reach)
}

// lead makes a proof the leading one. What led before becomes a spare, if it is
// of a kind that may come back, or is forgotten.
func lead(d *store.Domain, p zonehold.Proof, source string) {
	if i := spareOf(d, p.Method); i >= 0 {
		p.ProvedAt = d.Spares[i].ProvedAt
		d.Spares = slices.Delete(d.Spares, i, i+1)
	}
	if d.Method != p.Method && d.Method.Lasting() && d.State.Verified() && d.FrozenAt.IsZero() {
		d.Spares = append(d.Spares, leading(d))
	}
	if d.Method != p.Method {
		d.Misses = 0
	}
	d.Method, d.Assurance, d.Covers, d.ProofSource = p.Method, p.Assurance, p.Covers, source
	d.SeenAt, d.LookedAt, d.MissingSince = p.SeenAt, p.LookedAt, p.MissingSince
}

// addSpare notes a good proof beside the leading one.
func addSpare(d *store.Domain, p zonehold.Proof) {
	if i := spareOf(d, p.Method); i >= 0 {
		p.ProvedAt = d.Spares[i].ProvedAt
		d.Spares[i] = p
		return
	}
	d.Spares = append(d.Spares, p)
}

// stepIn has the best of the spares that stand take the lead of a domain whose
// leading proof has ended for good; false: there is none. It is looked at at
// once.
func stepIn(d *store.Domain, now time.Time) bool {
	if !stands(d.Spares) || !d.FrozenAt.IsZero() {
		return false
	}
	best := slices.MaxFunc(d.Spares, func(x, y zonehold.Proof) int {
		if c := cmp.Compare(asInt(x.MissingSince.IsZero()), asInt(y.MissingSince.IsZero())); c != 0 {
			return c
		}
		return worth(x, y)
	})
	d.Spares = slices.Clone(d.Spares)
	d.Spares = slices.Delete(d.Spares, spareOf(d, best.Method), spareOf(d, best.Method)+1)
	d.Method, d.Assurance, d.Covers, d.ProofSource = best.Method, best.Assurance, best.Covers, ""
	d.SeenAt, d.LookedAt, d.MissingSince, d.Misses = best.SeenAt, time.Time{}, time.Time{}, 0
	d.NextCheckAt, d.UpdatedAt = now, now
	return true
}

// endProof takes a domain's rights: it lapses. What is known of the claim, and
// that it waits for new tokens, stays.
func endProof(d *store.Domain, now time.Time) {
	d.State, d.StateSince, d.UpdatedAt = zonehold.StateLapsed, now, now
	d.ProofSource, d.Spares = "", nil
	d.Misses, d.Stumbles = 0, 0
	d.GraceEndsAt, d.NextCheckAt = time.Time{}, time.Time{}
}

// forget drops all that is known of a domain's proofs.
func forget(d *store.Domain) {
	d.Method, d.Assurance, d.Covers, d.ProofSource = "", "", "", ""
	d.VerifiedAt, d.SeenAt, d.MissingSince, d.LookedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	d.Misses, d.Stumbles, d.Spares = 0, 0, nil
	d.GraceEndsAt, d.NextCheckAt = time.Time{}, time.Time{}
	d.Tries, d.TriesEndAt, d.TriesMethod = 0, time.Time{}, ""
}
