package app

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// Audits is the log of who did what.
type Audits interface {
	// Audit lists entries, newest first: those of the account (scope admin), or
	// with AuditQuery.Account or All those of others (scope operator).
	Audit(ctx context.Context, actor zonehold.Actor, q AuditQuery) (Page[*AuditEntry], error)
}

// AuditQuery selects entries. Fields as typed; empty ones select all.
type AuditQuery struct {
	Account string // id or name of an account
	All     bool   // those of all accounts, and of the service itself
	Action  string // "domain.create", or a group: "domain"
	Target  string // id, or name
	Since   time.Time
	Until   time.Time // before it
	Limit   int       // 1..500; 0: 50
	Cursor  string
}

// AuditEntry says who did what to what.
type AuditEntry struct {
	ID        string
	At        time.Time
	AccountID string // "": the service's own
	By        string // token, command_line, system
	TokenID   string
	TokenName string // as it was then
	Action    string
	Target    string // id
	Name      string // of the target, as it was then
	Detail    json.RawMessage
	RequestID string
	Address   string
}

// audit notes who did what, in the transaction that does it. target is the id
// of what it was done to; detail holds words, numbers and times only, never
// secrets. Its "name" is the name of the target.
func (a *App) audit(ctx context.Context, tx *store.Tx, actor zonehold.Actor, action, target string, detail map[string]any) error {
	return tx.InsertAudit(ctx, a.auditEntry(actor, action, target, detail))
}

func (a *App) auditEntry(actor zonehold.Actor, action, target string, detail map[string]any) store.Audit {
	name, _ := detail["name"].(string)
	if name != "" {
		detail = maps.Clone(detail)
		delete(detail, "name")
	}
	return store.NewAudit(actor, action, target, name, detail, a.now())
}

// named is the detail of an act on something with a name.
func named(name string) map[string]any { return map[string]any{"name": name} }

const auditOrder = "-audit"

// Audit lists entries, newest first.
func (a *App) Audit(ctx context.Context, actor zonehold.Actor, q AuditQuery) (Page[*AuditEntry], error) {
	var page Page[*AuditEntry]
	f := store.AuditFilter{AccountID: actor.Account.ID, Since: q.Since, Until: q.Until}
	if q.Account != "" || q.All {
		if err := allowOperator(actor); err != nil {
			return page, err
		}
		f.AccountID = ""
	} else if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return page, err
	}
	if q.Account != "" {
		account, err := a.findAccount(ctx, q.Account)
		if err != nil {
			return page, err
		}
		f.AccountID = account.ID
	}
	if len(q.Action) > 100 || len(q.Target) > 1024 {
		return page, invalid("target", "No action and no target has so long a name.")
	}
	if f.Action = q.Action; q.Action != "" && !strings.Contains(q.Action, ".") {
		f.Action += "." // a whole group
	}
	// Ids hold an underscore and neither dots nor an at sign; names of hosts and
	// of mailboxes hold one of these.
	if strings.Contains(q.Target, "_") && !strings.ContainsAny(q.Target, ".@") {
		f.Target = q.Target
	} else if q.Target != "" {
		f.Name = q.Target
		if host, err := zonehold.ParseHostname(q.Target); err == nil {
			f.Name = string(host)
		}
	}
	limit, after, err := pageOf(q.Limit, q.Cursor, auditOrder)
	if err != nil {
		return page, err
	}
	f.Limit, f.After = limit+1, after
	found, err := a.store.Audit(ctx, f)
	if err != nil {
		return page, a.ours(ctx, "entry", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: auditOrder, Time: last.At.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*AuditEntry, len(found))
	for i, e := range found {
		entry := AuditEntry(*e)
		page.Items[i] = &entry
	}
	return page, nil
}

// How many old entries one statement deletes, and how many statements a pass of
// retention makes at most.
const (
	auditBatch = 2000
	auditRound = 500
)

// forgetAudit deletes entries that have been kept for long enough.
func (a *App) forgetAudit(ctx context.Context, now time.Time) error {
	before := now.Add(-a.cfg.EvidenceKept)
	for range auditRound {
		if n, err := a.store.ForgetAudit(ctx, before, auditBatch); err != nil || n < auditBatch {
			return err
		}
	}
	return nil
}
