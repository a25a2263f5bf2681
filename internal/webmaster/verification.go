package webmaster

import (
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// uin is the verification code of a claim: one for all methods.
func uin(d zonehold.Domain) string { return d.Tokens.Meta }

// findRecord is find for the verification itself. A claim that the account
// made in another API with the same scheme, name and port has other tokens
// in other places, so it has no code to show here.
func (c *call) findRecord() (*app.Domain, error) {
	d, err := c.find()
	if err != nil {
		return nil, err
	}
	if d.Profile != zonehold.ProfileYandex {
		return nil, errNoRecord()
	}
	return d, nil
}

// verification is row 6.
func (c *call) verification() (reply, error) {
	d, err := c.findRecord()
	if err != nil {
		return reply{}, err
	}
	return ok(c.version.status(d))
}

// The parameter of row 7.
const fieldType = "verification_type"

// verify is row 7. The body of the request is ignored (rule 7).
func (c *call) verify() (reply, error) {
	return c.verifyBy(c.r.URL.Query().Get(fieldType))
}

// verifyFromBody is verify under the name that one client uses, with the type
// in the body (rule 16).
func (c *call) verifyFromBody() (reply, error) {
	raw, f, err := readBody(c.w, c.r)
	if err != nil {
		return reply{}, err
	}
	kind, err := parseField(raw, f, fieldType)
	if err != nil {
		return reply{}, err
	}
	return c.verifyBy(kind)
}

// verifyBy starts a check. It runs after the reply, so the reply always says
// IN_PROGRESS.
func (c *call) verifyBy(kind string) (reply, error) {
	method, known := c.version.method(kind)
	if !known {
		return reply{}, errField(fieldType, kind, "Give verification_type as one of "+oneOf(c.version.explicitTypes())+".")
	}
	d, err := c.findRecord()
	if err != nil {
		return reply{}, err
	}
	if ch, ok := challenge(d.Challenges, method); !ok || !ch.Applicable {
		return reply{}, errField(fieldType, kind, c.inapplicable(kind, ch.Reason, d))
	}
	if _, err := c.service.StartAttempt(c.r.Context(), c.actor, d.ID, method, zonehold.TriggerRequest); err != nil {
		return reply{}, c.hostFailure(err)
	}
	return ok(verificationBody{
		UIN:                 uin(d.Domain),
		State:               stateInProgress,
		Type:                kind,
		ApplicableVerifiers: c.version.applicable(d.Challenges),
	})
}

// inapplicable says why a site cannot be verified in some way, and how it can.
func (c *call) inapplicable(kind, reason string, d *app.Domain) string {
	message := "This site cannot be verified by " + kind + "."
	if reason != "" {
		message += " " + app.Sentence(reason)
	}
	if others := c.version.applicable(d.Challenges); len(others) > 0 {
		message += " Use " + oneOf(others) + "."
	}
	return message
}

// status words the state of a claim (contract section 5). A running check
// comes first, then standing rights, then the last result. A scheduled
// check does not show: nobody waits for it. Nor does a look that nobody asked
// for and that found nothing: the site is as new.
func (v version) status(d *app.Domain) verificationBody {
	b := verificationBody{
		UIN:                 uin(d.Domain),
		State:               stateNone,
		Type:                v.name(d.Method).kind,
		ApplicableVerifiers: v.applicable(d.Challenges),
	}
	last, running := d.LastAttempt, d.Running
	if running != nil && running.Trigger == zonehold.TriggerSchedule {
		running = nil
	}
	switch {
	case running != nil:
		b.State = stateInProgress
		b.Type = v.name(running.Method).kind
	case d.State.Verified():
		b.State = stateVerified
		b.LatestTime = dateTime(checkedAt(d))
	case d.State == zonehold.StateLapsed && !saysNo(last):
		n := v.name(d.Method)
		if d.Method == "" && last != nil {
			n = v.name(last.Method)
		}
		b.State = stateFailed
		b.Type = n.kind
		b.LatestTime = dateTime(d.StateSince)
		b.FailInfo = &failInfo{Reason: n.reason, Message: revokedMessage(d, n.reason)}
	case last == nil || last.Outcome == "": // never checked, or canceled
	case d.State == zonehold.StatePending && unasked(last):
	case ourFault(last):
		b.State = stateInternal
		b.Type = v.name(last.Method).kind
		b.LatestTime = dateTime(last.FinishedAt)
	default:
		n := v.name(last.Method)
		b.State = stateFailed
		b.Type = n.kind
		b.LatestTime = dateTime(last.FinishedAt)
		b.FailInfo = &failInfo{Reason: n.reason, Message: failMessage(last)}
	}
	return b
}

// checkedAt is when a verified claim was last checked.
func checkedAt(d *app.Domain) time.Time {
	if d.LastAttempt != nil && !d.LastAttempt.FinishedAt.IsZero() {
		return d.LastAttempt.FinishedAt
	}
	return d.VerifiedAt
}

// saysNo reports whether the last check ended without a proof. If it proved
// the claim, or nothing was checked, rights that are gone were taken back.
func saysNo(a *app.Attempt) bool {
	return a != nil && a.Outcome != "" && a.Outcome != zonehold.OutcomeVerified
}

// unasked reports whether a check was a look of our own at what is on record,
// such as the one when a site is added.
func unasked(a *app.Attempt) bool {
	return a.Trigger == zonehold.TriggerCreate ||
		a.Trigger == zonehold.TriggerSchedule && (a.Method == "" || a.Method.Automatic())
}

// revoked says why rights are gone that no check has lost.
var revoked = map[string]string{
	reasonDelegation: "The right that was given to this account has ended. Ask the account that gave it, or verify the site in another way.",
	reasonPDD:        "The mail domain is not connected any more. Connect it again, or verify the site in another way.",
}

func revokedMessage(d *app.Domain, reason string) string {
	if p := d.Problem; p != nil {
		return explain(p.Title, p.Found, p.Fixes)
	}
	if text, ok := revoked[reason]; ok {
		return text
	}
	return "What the rights to the site rested on has ended. Verify the site again."
}

// ourFault reports whether a check failed on our side: INTERNAL_ERROR, which
// a client may simply repeat.
func ourFault(a *app.Attempt) bool {
	return a.Outcome == zonehold.OutcomeInconclusive && (a.Problem == nil || a.Problem.WhoActs == "us")
}

// failMessage is fail_info.message.
func failMessage(a *app.Attempt) string {
	if a.Problem == nil {
		return "The rights to the site could not be verified. Check what was placed and verify again."
	}
	return explain(a.Problem.Title, a.Problem.Found, a.Problem.Fixes)
}

// explain says in one line what is wrong, what was found and what to change
// (rule 12). The whole diagnosis is in the native API.
func explain(title, found string, fixes []string) string {
	parts := []string{app.Sentence(title)}
	if found != "" {
		parts = append(parts, app.Sentence(found))
	}
	if len(fixes) > 0 {
		// As it is: it may end in a value to be copied.
		parts = append(parts, app.OneLine(fixes[0], maxPart))
	}
	return app.OneLine(strings.Join(parts, " "), maxMessage)
}
