package probely

import (
	"context"
	"errors"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// verifyWait bounds how long a request waits for a check. Clients give up
// after 30 s and more.
const verifyWait = 25 * time.Second

// maxChecks bounds the checks that a request waits for.
const maxChecks = 3

const textRunning = "The verification did not end in time. Read the domain again in a moment, or verify again."

// The fields that name a method. The first is that of the vendor's own object,
// the second that of its older calls (contract section 2).
var methodFields = []string{"verification_method", "type"}

// verify checks a domain and waits for the end of it. Whatever comes of it is
// a 200 with the Domain, in which verified and verification_last_error tell.
func (c *call) verify() (reply, error) {
	d, err := c.find()
	if err != nil {
		return reply{}, err
	}
	in, err := c.read()
	if err != nil {
		return reply{}, err
	}
	method, field := in.method()
	if err := in.errs.err(); err != nil {
		return reply{}, err
	}
	a, err := c.check(d.ID, method)
	if e, ok := errors.AsType[*app.Error](err); ok && e.Kind == app.KindInvalid {
		return reply{}, errField(field, refusal(e)) // a method that is switched off here
	}
	if err != nil {
		return reply{}, failure(err)
	}
	if d, err = c.service.Domain(c.r.Context(), c.actor, d.ID); err != nil {
		return reply{}, failure(err)
	}
	if a != nil {
		d.LastAttempt = a // the reply is about this one, whatever came after it
	}
	body := c.domain(d)
	if a == nil && !body.Verified {
		body.LastError = textRunning
	}
	return ok(body)
}

// method reads which method is asked for: "" is every one that applies.
func (in *input) method() (m zonehold.Method, field string) {
	for _, field := range methodFields {
		if v, given := in.values[field]; !given || v == nil || v == "" {
			continue
		}
		value, isText := in.values[field].(string)
		if !isText {
			in.errs.add(field, textString)
			return "", field
		}
		m, why := requested(value)
		if why != "" {
			in.errs.add(field, why)
		}
		return m, field
	}
	return "", methodFields[0]
}

// check runs one check to its end; nil: that did not come in time. Where one
// is under way already, it is waited for; if it has not answered the same
// question, ours follows. One that a change of the domain ended is repeated.
func (c *call) check(id string, method zonehold.Method) (*app.Attempt, error) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.wait)
	defer cancel()
	for range maxChecks {
		own, err := c.service.StartAttempt(c.r.Context(), c.actor, id, method, zonehold.TriggerRequest)
		under := own
		if e, ok := errors.AsType[*app.Error](err); ok && e.Kind == app.KindConflict && e.Attempt != nil {
			under = e.Attempt
		} else if err != nil {
			return nil, err
		}
		a, err := c.service.WaitAttempt(ctx, c.actor, under.ID)
		if err != nil {
			return nil, err
		}
		if !a.State.Finished() {
			return nil, nil
		}
		if own != nil && a.Outcome != "" || answers(under, a, method) {
			return a, nil
		}
	}
	return nil, nil
}

// answers reports whether the check that was under way will do: it verified,
// or somebody asked for it and it looked at what ours would. One that began
// with the domain looks at less.
func answers(asked, a *app.Attempt, method zonehold.Method) bool {
	if a.Outcome == zonehold.OutcomeVerified {
		return true
	}
	return requestedBy(asked.Trigger) && a.Outcome != "" && (asked.Method == method || asked.Method == "")
}
