package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// maxReason bounds what a person writes about an act, in characters.
const maxReason = 200

// allowOperator checks that the caller acts for the operator. The command line
// on the server's own data has no account.
func allowOperator(actor zonehold.Actor) error {
	if actor.Allows(zonehold.ScopeOperator) {
		return nil
	}
	return &Error{Kind: KindForbidden, Scope: zonehold.ScopeOperator,
		Message: fmt.Sprintf("Only the operator may do this: the token lacks the scope %s.", zonehold.ScopeOperator)}
}

// checkReason admits up to 200 characters without control characters, outer
// blanks dropped.
func checkReason(field, text string, required bool) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" && required:
		return "", invalid(field, "Say "+map[string]string{"by": "who does this", "reason": "why"}[field]+".")
	case utf8.RuneCountInString(text) > maxReason || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", invalid(field, fmt.Sprintf("This text has at most %d characters and no control characters.", maxReason))
	}
	return text, nil
}

// checkExpiry admits a time to come, or none.
func checkExpiry(t, now time.Time) (time.Time, error) {
	if t.IsZero() {
		return t, nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	if !t.After(now) || t.Year() > 9999 {
		return t, invalid("expires_at", "The end lies in the future, or is left out.")
	}
	return t, nil
}

// AddPolicy writes a policy. Claims that it may prove are looked at at once.
func (a *App) AddPolicy(ctx context.Context, actor zonehold.Actor, in NewPolicy) (*zonehold.Policy, error) {
	if err := allowOperator(actor); err != nil {
		return nil, err
	}
	if !zonehold.ValidPolicyMethod(in.Method) {
		return nil, invalid("method", "Policies are for the methods whitelist, waved, back_office, pdd and auto.")
	}
	pattern, err := zonehold.ParseNamePattern(in.Pattern)
	if err != nil {
		return nil, badPattern(err)
	}
	if in.Method == zonehold.MethodBackOffice && !pattern.Single() {
		return nil, invalid("pattern", "An approval by hand is for one name, not for all below one.")
	}
	now := a.now()
	p := &zonehold.Policy{ID: zonehold.NewID(zonehold.PrefixPolicy), Method: in.Method, Pattern: pattern, CreatedAt: now}
	if p.Actor, err = checkReason("by", in.By, true); err != nil {
		return nil, err
	}
	if p.Reason, err = checkReason("reason", in.Reason, true); err != nil {
		return nil, err
	}
	if p.ExpiresAt, err = checkExpiry(in.ExpiresAt, now); err != nil {
		return nil, err
	}
	forLabel := !pattern.Single() && !strings.HasPrefix(string(pattern), "*.")
	switch {
	case in.Account != "":
		account, err := a.findAccount(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		p.AccountID = account.ID
	case in.Method == zonehold.MethodAuto && !forLabel:
		return nil, invalid("account", "Name the account, or begin the pattern with {account}.")
	case in.Method != zonehold.MethodWhitelist && in.Method != zonehold.MethodAuto:
		return nil, invalid("account", "Name the account that this is for.")
	}
	look := store.Look{AccountID: p.AccountID, Name: string(pattern.Base()), Reach: store.ReachBelow}
	switch {
	case pattern.Single():
		look.Reach = store.ReachName
	case forLabel:
		look.Reach = store.ReachLabel
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertPolicy(ctx, p); err != nil {
			return err
		}
		detail := map[string]any{"name": string(pattern), "method": string(in.Method), "for_account": p.AccountID, "by": p.Actor, "reason": p.Reason}
		if err := a.audit(ctx, tx, actor, "policy.create", p.ID, detail); err != nil {
			return err
		}
		return a.look(ctx, tx, look)
	})
	if err != nil {
		return nil, a.ours(ctx, "policy", err)
	}
	a.log.InfoContext(ctx, "policy added", "policy", p.ID, "method", p.Method, "pattern", p.Pattern, "account", p.AccountID, "by", p.Actor)
	return p, nil
}

func badPattern(err error) error {
	var he *zonehold.HostnameError
	if errors.As(err, &he) {
		return invalid("pattern", he.Detail)
	}
	text := err.Error()
	return invalid("pattern", strings.ToUpper(text[:1])+text[1:]+".")
}

// findAccount finds an account by id or name.
func (a *App) findAccount(ctx context.Context, ref string) (zonehold.Account, error) {
	find := a.store.AccountByName
	if zonehold.ValidID(zonehold.PrefixAccount, ref) {
		find = a.store.Account
	}
	account, err := find(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return account, missing("account", "There is no such account.")
	}
	return account, a.ours(ctx, "account", err)
}

const policiesOrder = "-policies"

// Policies lists policies, newest first.
func (a *App) Policies(ctx context.Context, actor zonehold.Actor, q PolicyQuery) (Page[*zonehold.Policy], error) {
	var page Page[*zonehold.Policy]
	if err := allowOperator(actor); err != nil {
		return page, err
	}
	if q.Method != "" && !zonehold.ValidPolicyMethod(q.Method) {
		return page, invalid("method", "Policies are for the methods whitelist, waved, back_office, pdd and auto.")
	}
	f := store.PolicyFilter{Method: q.Method}
	if q.Domain != "" {
		name, err := zonehold.ParseHostname(q.Domain)
		if err != nil {
			return page, refused(q.Domain, err)
		}
		f.Name = name
	}
	if !q.All {
		f.InForce = a.now()
	}
	limit, after, err := pageOf(q.Limit, q.Cursor, policiesOrder)
	if err != nil {
		return page, err
	}
	f.Limit, f.After = limit+1, after
	found, err := a.store.Policies(ctx, f)
	if err != nil {
		return page, a.ours(ctx, "policy", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: policiesOrder, Time: last.CreatedAt.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*zonehold.Policy, len(found))
	for i, p := range found {
		page.Items[i] = &p.Policy
	}
	return page, nil
}

// pageOf reads the size of a page, 50 by default, and where it begins.
func pageOf(limit int, cursor, order string) (int, *store.DomainKey, error) {
	limit, err := checkLimit(limit)
	if err != nil {
		return 0, nil, err
	}
	if limit == 0 {
		limit = 500
	}
	if cursor == "" {
		return limit, nil, nil
	}
	p, err := parseCursor(cursor, order)
	if err != nil {
		return 0, nil, err
	}
	return limit, &store.DomainKey{Time: p.time(), ID: p.ID}, nil
}

// RevokePolicy ends a policy; claims proved by it alone lapse with it, in the
// same transaction. It returns how many. Revoking again is no error.
func (a *App) RevokePolicy(ctx context.Context, actor zonehold.Actor, id, by, reason string) (*zonehold.Policy, int, error) {
	if err := allowOperator(actor); err != nil {
		return nil, 0, err
	}
	by, err := checkReason("by", by, true)
	if err != nil {
		return nil, 0, err
	}
	if reason, err = checkReason("reason", reason, false); err != nil {
		return nil, 0, err
	}
	if !zonehold.ValidID(zonehold.PrefixPolicy, id) {
		return nil, 0, &Error{Kind: KindNotFound, Message: "There is no such policy."}
	}
	detail := fmt.Sprintf("%s revoked it on %s.", by, moment(a.now()))
	if reason != "" {
		detail += " Reason given: " + reason
	}
	var p *store.Policy
	w := withdrawal{
		loss: loss{source: store.Source{ID: id}, facts: problem.Facts{problem.FactDetail: detail}},
		end: func(tx *store.Tx, now time.Time) ([]*zonehold.Event, error) {
			locked, err := tx.LockPolicies(ctx, []string{id})
			if err != nil {
				return nil, err
			}
			if p = locked[id]; p == nil {
				return nil, &Error{Kind: KindNotFound, Message: "There is no such policy."}
			}
			if !p.RevokedAt.IsZero() {
				return nil, nil
			}
			p.RevokedAt, p.RevokedBy, p.RevokeReason = now, by, reason
			detail := map[string]any{"name": string(p.Pattern), "by": by, "reason": reason}
			if err := a.audit(ctx, tx, actor, "policy.revoke", id, detail); err != nil {
				return nil, err
			}
			return nil, tx.EndPolicy(ctx, id, by, reason, now)
		},
		code: func() problem.Code { return goneCodes[p.Method] },
	}
	n, err := a.withdraw(ctx, w)
	if err != nil {
		return nil, 0, a.ours(ctx, "policy", err)
	}
	a.log.InfoContext(ctx, "policy revoked", "policy", id, "by", by, "lapsed", n)
	return &p.Policy, n, nil
}
