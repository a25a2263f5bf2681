package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Kinds of those who do something.
const (
	ByToken   = "token"        // a request with an API token
	ByCommand = "command_line" // a command on the server's own data
	BySystem  = "system"       // the service itself
)

// Audit is an entry of the audit log: who did what to what.
type Audit struct {
	ID        string // aud_…
	At        time.Time
	AccountID string // in whose log it stands; "": the service's own
	By        string // ByToken, ByCommand, BySystem
	TokenID   string
	TokenName string // as it was then; found by InsertAudit
	Action    string // e.g. "domain.create"
	Target    string // id of what it was done to
	Name      string // its name then
	Detail    json.RawMessage
	RequestID string
	Address   string // where the request came from
}

// PrefixAudit begins the ids of entries.
const PrefixAudit = "aud"

// Bounds of an entry, in bytes.
const (
	maxAuditText   = 300
	maxAuditDetail = 4 << 10
)

// NewAudit is an entry of an act of the actor. detail holds words, numbers,
// times and lists of them, never secrets; one that is too long is left out and
// marked.
func NewAudit(actor zonehold.Actor, action, target, name string, detail map[string]any, at time.Time) Audit {
	e := Audit{
		ID: zonehold.NewID(PrefixAudit), At: at, AccountID: actor.Account.ID, By: BySystem, TokenID: actor.TokenID,
		Action: action, Target: target, Name: name, RequestID: actor.RequestID, Address: actor.Address,
	}
	switch {
	case actor.TokenID != "":
		e.By = ByToken
	case len(actor.Scopes) > 0:
		e.By = ByCommand
	}
	if len(detail) == 0 {
		return e
	}
	text, err := json.Marshal(detail)
	if err != nil || len(text) > maxAuditDetail {
		text = []byte(`{"left_out":true}`)
	}
	e.Detail = text
	return e
}

var insertAudit = bulk{types: "ti" + "tttt" + "tttttt", text: `WITH v (v_id, v_at, v_account, v_by, v_token, v_action,
		v_target, v_name, v_detail, v_request, v_address, v_none) AS ({rows})
	INSERT INTO audit (id, at, account_id, actor, token_id, token_name, action, target, name, detail, request_id, address)
	SELECT v_id, v_at, v_account, v_by, v_token, coalesce((SELECT tokens.name FROM tokens WHERE tokens.id = v_token), v_none),
		v_action, v_target, v_name, v_detail, v_request, v_address FROM v`}

// InsertAudit adds entries to the log. It locks nothing.
func (tx *Tx) InsertAudit(ctx context.Context, entries ...Audit) error {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		rows[i] = []any{
			e.ID, micros(e.At), e.AccountID, e.By, short(e.TokenID), short(e.Action), short(e.Target), short(e.Name),
			Text(string(e.Detail)), short(e.RequestID), short(e.Address), "",
		}
	}
	return doing("writing the audit log", insertAudit.exec(ctx, tx.s, tx.q, rows))
}

// short bounds a text, at the end of a character.
func short(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText]
	}
	return Text(s)
}

// AuditFilter selects entries. Zero fields select all.
type AuditFilter struct {
	AccountID string // "": of all accounts, and of none
	Action    string // exactly; one that ends with a dot: all that begin so
	Target    string // id
	Name      string
	Since     time.Time
	Until     time.Time  // before it
	After     *DomainKey // continue after this one, by Time and ID
	Limit     int
}

const auditColumns = "id, at, account_id, actor, token_id, token_name, action, target, name, detail, request_id, address"

// Audit lists entries, newest first.
func (s *Store) Audit(ctx context.Context, f AuditFilter) ([]*Audit, error) {
	query, args := f.query()
	rows, err := s.r.QueryContext(ctx, query, args...)
	out, err := collect(rows, err, func(row scanner) (*Audit, error) {
		var (
			e      Audit
			at     int64
			detail string
		)
		err := row.Scan(&e.ID, &at, &e.AccountID, &e.By, &e.TokenID, &e.TokenName, &e.Action, &e.Target, &e.Name, &detail, &e.RequestID, &e.Address)
		e.At = fromMicros(at)
		if detail != "" {
			e.Detail = json.RawMessage(detail)
		}
		return &e, err
	})
	return out, doing("reading the audit log", err)
}

func (f AuditFilter) query() (string, []any) {
	var (
		where = []string{"1 = 1"}
		args  []any
	)
	add := func(condition string, values ...any) {
		n := make([]any, len(values))
		for i, v := range values {
			args = append(args, v)
			n[i] = len(args)
		}
		where = append(where, fmt.Sprintf(condition, n...))
	}
	if f.AccountID != "" {
		add("account_id = $%d", f.AccountID)
	}
	if group, ok := strings.CutSuffix(f.Action, "."); ok {
		// '/' follows '.' in every order of bytes.
		add("action >= $%d AND action < $%d", Text(f.Action), Text(group+"/"))
	} else if f.Action != "" {
		add("action = $%d", Text(f.Action))
	}
	if f.Target != "" {
		add("target = $%d", Text(f.Target))
	}
	if f.Name != "" {
		add("name = $%d", Text(f.Name))
	}
	if !f.Since.IsZero() {
		add("at >= $%d", micros(f.Since))
	}
	if !f.Until.IsZero() {
		add("at < $%d", micros(f.Until))
	}
	if k := f.After; k != nil {
		add("(at, id) < ($%d, $%d)", micros(k.Time), Text(k.ID))
	}
	args = append(args, f.Limit)
	return "SELECT " + auditColumns + " FROM audit WHERE " + strings.Join(where, " AND ") +
		fmt.Sprintf(" ORDER BY at DESC, id DESC LIMIT $%d", len(args)), args
}

// ForgetAudit deletes up to limit entries older than before, oldest first, and
// returns how many.
func (s *Store) ForgetAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	res, err := s.w.ExecContext(ctx, `DELETE FROM audit WHERE id IN
		(SELECT id FROM audit WHERE at < $1 ORDER BY at, id LIMIT $2)`, micros(before), limit)
	if err != nil {
		return 0, fmt.Errorf("shortening the audit log: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), doing("shortening the audit log", err)
}
