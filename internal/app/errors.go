package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

func notFound(what string) *Error {
	if what == "account" {
		return &Error{Kind: KindNotFound, Message: "There is no such account."}
	}
	return &Error{Kind: KindNotFound, Message: "There is no such " + what + " in this account."}
}

func invalid(field, message string) *Error {
	return &Error{Kind: KindInvalid, Field: field, Message: message}
}

// missing is invalid for a field that names something that does not exist.
func missing(field, message string) *Error {
	return &Error{Kind: KindInvalid, Field: field, Missing: true, Message: message}
}

// allow checks that the caller's token has one of the scopes.
func allow(actor zonehold.Actor, scopes ...zonehold.Scope) error {
	if actor.Account.ID == "" {
		return &Error{Kind: KindForbidden, Scope: scopes[0], Message: "Nobody is signed in."}
	}
	for _, scope := range scopes {
		if actor.Allows(scope) {
			return nil
		}
	}
	return &Error{Kind: KindForbidden, Scope: scopes[0],
		Message: fmt.Sprintf("The token lacks the scope %s. Use a token that has it.", scopes[0])}
}

// ours turns an error of the store into one for the caller. Errors that are
// already for the caller, and those of an ended context, stay.
func (a *App) ours(ctx context.Context, what string, err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrNotFound):
		return notFound(what)
	case ctx.Err() != nil:
		return fmt.Errorf("looking after a %s: %w", what, err)
	}
	a.log.ErrorContext(ctx, "the database failed", "doing", what, "err", err)
	return &Error{Kind: KindUnavailable, Message: store.FaultOf(err).Text()}
}

// refused turns an error of the hostname rules into one with the problem of
// the catalogue.
func refused(typed string, err error) error {
	var he *zonehold.HostnameError
	if !errors.As(err, &he) {
		return invalid("hostname", "This is not a host name.")
	}
	p := problem.New(problem.Code(he.Code), problem.Facts{
		problem.FactGot: clip(typed, 200), problem.FactDomain: clip(typed, 200), problem.FactDetail: he.Detail,
	})
	return &Error{Kind: KindRefused, Field: "hostname", Message: he.Detail, Problem: &p}
}

// clip cuts s at n bytes, at the end of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// Unavailable is the refusal for an error that says that the database cannot
// work at the moment, or nil.
func Unavailable(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return nil
	}
	fault := store.FaultOf(err)
	if fault == "" {
		return nil
	}
	return &Error{Kind: KindUnavailable, Message: fault.Text()}
}
