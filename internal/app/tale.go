package app

import (
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// tale is what a verdict did besides changing the state.
type tale struct {
	missing   zonehold.Method // a proof that is missing now, for the first time
	expired   bool            // the last check of a ladder
	sameCause bool            // a claim that is not proved, for the same cause as before
	held      bool            // by a breaker
}

// events are those of a finished check. One that was planned and has changed
// nothing has none.
func (t *tale) events(before, d *store.Domain, f *finish, e store.Finish, now time.Time) []*zonehold.Event {
	data := domainData(d)
	data["attempt_id"], data["trigger"] = f.attempt.ID, string(f.attempt.Trigger)
	data["attempt_method"], data["outcome"], data["problem"] = orNull(string(e.Method)), string(e.Outcome), problemData(e.Problem)
	if t.held {
		data["held"] = true
	}
	var events []*zonehold.Event
	add := func(t zonehold.EventType) {
		events = append(events, newEvent(t, d.AccountID, d.ID, now, data))
	}
	changed := before.State != d.State
	asked := f.attempt.Trigger != zonehold.TriggerSchedule
	failed := !automatic(f.attempt) && !before.State.Verified() && !t.held && saysNo(e.Outcome)
	if failed = failed && (asked || !t.sameCause && !t.expired); asked || changed || failed {
		add(zonehold.EventAttemptCompleted)
	}
	switch {
	case !changed:
	case d.State == zonehold.StateVerified && before.State == zonehold.StateAtRisk:
		if !d.MissingSince.IsZero() {
			data["recheck"] = string(f.recheck) // not seen, but excused
		}
		add(zonehold.EventDomainRecovered)
	case d.State == zonehold.StateVerified:
		add(zonehold.EventDomainVerified)
	case d.State == zonehold.StateAtRisk:
		add(zonehold.EventDomainAtRisk)
	case d.State == zonehold.StateLapsed:
		if before.ProofSource != "" {
			data["source"] = before.ProofSource
		}
		add(zonehold.EventDomainLapsed)
	}
	if failed {
		add(zonehold.EventDomainVerificationFailed)
	}
	if t.missing != "" && d.State == zonehold.StateVerified && f.recheck != zonehold.RecheckOnce {
		data["missing_method"] = string(t.missing)
		add(zonehold.EventProofMissing)
	}
	if t.expired {
		add(zonehold.EventChallengeExpired)
	}
	return events
}

// saysNo reports whether a check found that there is no proof.
func saysNo(o zonehold.Outcome) bool {
	switch o {
	case zonehold.OutcomeAbsent, zonehold.OutcomeMismatch, zonehold.OutcomeRefused:
		return true
	}
	return false
}
