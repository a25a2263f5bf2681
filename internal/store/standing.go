package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// Grounds says what there is in an account that a proof without anything
// placed may rest on. Most accounts have nothing, and then need no further
// question.
type Grounds struct {
	Account    zonehold.Account
	Proved     bool // a domain proved by itself
	Delegated  bool // a delegation to the account, ended ones too
	Policies   bool // a policy for the account or for all, ended ones too
	Mailboxes  bool
	Connection bool
	Codes      bool // mailed codes that were brought back for a domain
}

// That a hostname is not empty leads SQLite to the index of what is proved.
const selectGrounds = "SELECT " + accountColumns + `,
	CASE WHEN EXISTS (SELECT 1 FROM domains WHERE account_id = accounts.id AND deleted_at = 0
		AND state IN ('verified', 'at_risk') AND hostname > '') THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM delegations WHERE to_account = accounts.id) THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM policies WHERE account_id IN ('', accounts.id)) THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM mailboxes WHERE account_id = accounts.id) THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM connections WHERE account_id = accounts.id) THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM mail_codes WHERE account_id = accounts.id AND domain_id <> '' AND used_at > 0) THEN 1 ELSE 0 END
	FROM accounts WHERE id = $1`

// Grounds reads what there is in an account, or ErrNotFound.
func (s *Store) Grounds(ctx context.Context, accountID string) (g Grounds, err error) {
	var confirmed, proved, delegated, policies, mailboxes, connection, codes int64
	err = s.r.QueryRowContext(ctx, selectGrounds, accountID).Scan(&g.Account.ID, &g.Account.Number, &g.Account.Name, &g.Account.Email,
		&confirmed, &g.Account.Recheck, &proved, &delegated, &policies, &mailboxes, &connection, &codes)
	g.Account.EmailConfirmed = confirmed != 0
	g.Proved, g.Delegated, g.Policies = proved != 0, delegated != 0, policies != 0
	g.Mailboxes, g.Connection, g.Codes = mailboxes != 0, connection != 0, codes != 0
	return g, missing("reading what an account has", err)
}

// VerifiedAmong lists the account's domains of the given names whose proof
// stands.
func (s *Store) VerifiedAmong(ctx context.Context, accountID string, names []zonehold.Hostname) ([]*Domain, error) {
	rows := make([][]any, len(names))
	for i, name := range names {
		rows[i] = []any{accountID, string(name)}
	}
	find := bulk{types: "tt", text: "WITH v (v_account, v_name) AS ({rows}) SELECT " + domainColumns + ` FROM v JOIN domains
		ON account_id = v_account AND hostname = v_name
		WHERE deleted_at = 0 AND state IN ('verified', 'at_risk') ORDER BY length(hostname) DESC, verified_at, id`}
	found, err := queryBulk(ctx, s, s.r, find, rows, scanDomain)
	return found, doing("reading proved domains", err)
}

// Beginning lists the names of the account that begin with one of the texts,
// in order; at most limit of each.
func (s *Store) Beginning(ctx context.Context, accountID string, texts []string, limit int) ([]zonehold.Hostname, error) {
	var out []zonehold.Hostname
	for _, text := range texts {
		if text = Text(text); !strings.HasSuffix(text, ".") {
			return nil, fmt.Errorf("reading names: %q does not end with a label", text)
		}
		rows, err := s.r.QueryContext(ctx, `SELECT DISTINCT hostname FROM domains WHERE account_id = $1 AND deleted_at = 0
			AND hostname > $2 AND hostname < $3 ORDER BY hostname LIMIT $4`,
			accountID, text, text[:len(text)-1]+"/", limit) // "/" follows "."
		found, err := collect(rows, err, func(row scanner) (h zonehold.Hostname, err error) {
			err = row.Scan(&h)
			return h, err
		})
		if err != nil {
			return nil, fmt.Errorf("reading names: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// Source is what a proof rests on.
type Source struct {
	ID        string // of a domain, policy, delegation or connection; or a mail address
	AccountID string // only claims of this account; "": of any
}

// RestingOn finds the live, proved domains whose proof rests on one of the
// sources, by id, with their source.
func (tx *Tx) RestingOn(ctx context.Context, sources []Source) (map[string]string, error) {
	rows := make([][]any, len(sources))
	for i, src := range sources {
		rows[i] = []any{Text(src.ID), src.AccountID}
	}
	find := bulk{types: "tt", text: `WITH v (v_source, v_account) AS ({rows}) SELECT domains.id, proof_source
		FROM v JOIN domains ON proof_source = v_source WHERE deleted_at = 0 AND proof_source <> ''
			AND state IN ('verified', 'at_risk') AND (v_account = '' OR v_account = account_id)`}
	type pair struct{ id, source string }
	found, err := queryBulk(ctx, tx.s, tx.q, find, rows, func(row scanner) (p pair, err error) {
		err = row.Scan(&p.id, &p.source)
		return p, err
	})
	out := make(map[string]string, len(found))
	for _, p := range found {
		out[p.id] = p.source
	}
	return out, doing("reading what rests on a proof", err)
}

// Reach says which claims a Look is about.
type Reach string

const (
	ReachAll   Reach = "all"   // every claim
	ReachName  Reach = "name"  // those on exactly that name
	ReachBelow Reach = "below" // those below that name
	ReachLabel Reach = "label" // those below the label of their own account below that name
	ReachProof Reach = "proof" // those whose proof rests on what Name holds, an id, or on a delegation of that domain: these are checked again although proved
)

// Look asks for claims to be looked at again.
type Look struct {
	ID        string // "": not stored yet
	AccountID string // "": of any account
	Name      string
	Reach     Reach
	After     string // where to continue, as MarkDue returned it; "": at the beginning
}

// order is the column by which the claims are gone through, one for which
// there is an index, so that a batch reads no more than itself; with its value
// and the id after which to continue.
func (l Look) order() (column string, key any, id string) {
	last := strings.LastIndexByte(l.After, ' ')
	text, id := "", l.After[last+1:]
	if last < 0 {
		id = ""
	} else {
		text = l.After[:last]
	}
	switch l.Reach {
	case ReachAll:
		n, _ := strconv.ParseInt(text, 10, 64) // of ours
		return "created_at", n, id
	case ReachName:
		return "hostname", text, id
	case ReachProof:
		return "proof_source", text, id
	}
	return "hostname_reversed", text, id
}

// query finds the next batch: ids, and the values of the column of the order.
// The last parameter, which args leaves out, is the size.
func (l Look) query() (query string, args []any) {
	column, key, id := l.order()
	where, args := "deleted_at = 0 AND ("+column+", id) > ($1, $2)", []any{key, id}
	add := func(condition string, more ...any) {
		n := make([]any, len(more))
		for i, v := range more {
			args = append(args, v)
			n[i] = len(args)
		}
		where += fmt.Sprintf(" AND "+condition, n...)
	}
	switch l.Reach {
	case ReachName:
		add("hostname = $%d", l.Name)
	case ReachProof:
		add(`proof_source <> '' AND proof_source IN
			(SELECT CAST($%d AS TEXT) UNION ALL SELECT id FROM delegations WHERE domain_id = $%d AND revoked_at = 0)`,
			Text(l.Name), Text(l.Name))
	case ReachBelow, ReachLabel:
		from := reversed(zonehold.Hostname(l.Name)) + "."
		add("hostname_reversed > $%d AND hostname_reversed < $%d", from, from[:len(from)-1]+"/") // "/" follows "."
	}
	if l.Reach == ReachLabel {
		add(`EXISTS (SELECT 1 FROM accounts WHERE accounts.id = domains.account_id AND
			(hostname = lower(accounts.name) || CAST($%d AS TEXT) OR hostname LIKE '%%.' || lower(accounts.name) || CAST($%d AS TEXT)))`,
			"."+l.Name, "."+l.Name)
	}
	if l.AccountID != "" {
		add("account_id = $%d", l.AccountID)
	}
	return fmt.Sprintf("SELECT id, %s FROM domains WHERE %s ORDER BY %s, id LIMIT $%d", column, where, column, len(args)+1), args
}

// MarkDue makes one batch of the claims due that were never proved or have
// lapsed (with ReachProof all of them), and counts the versions of the others
// up, as what they owe to others changed. More tells where to go on; nil: all
// done. Rows that another transaction holds are left for then, so it waits for
// nobody. Call it after the transaction's other writes to domains.
func (tx *Tx) MarkDue(ctx context.Context, l Look, now time.Time, limit int) (more *Look, err error) {
	query, args := l.query()
	found, err := tx.q.QueryContext(ctx, query, append(args, limit)...)
	places := map[string]string{}
	ids, err := collect(found, err, func(row scanner) (id string, err error) {
		var key string
		err = row.Scan(&id, &key)
		places[id] = key + " " + id
		return id, err
	})
	if err != nil || len(ids) == 0 {
		return nil, doing("looking for claims", err)
	}
	free := ids
	if tx.s.forUpdate != "" {
		lock := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT id FROM domains WHERE id IN (SELECT v_id FROM v)" +
			" ORDER BY id" + tx.s.forUpdate + " SKIP LOCKED"}
		if free, err = queryBulk(ctx, tx.s, tx.q, lock, column1(ids), scanText); err != nil {
			return nil, fmt.Errorf("looking for claims: %w", err)
		}
	}
	rows := column1(free)
	states := "state IN ('pending', 'lapsed')"
	if l.Reach == ReachProof {
		states = "state <> ''"
	}
	for i := range rows {
		rows[i] = append(rows[i], micros(now))
	}
	mark := bulk{types: "ti", text: `WITH v (v_id, v_at) AS ({rows}) UPDATE domains SET version = version + 1,
		next_check_at = CASE WHEN ` + states + ` THEN v_at ELSE next_check_at END,
		updated_at = CASE WHEN ` + states + ` THEN v_at ELSE updated_at END FROM v WHERE id = v_id`}
	if err := mark.exec(ctx, tx.s, tx.q, rows); err != nil {
		return nil, fmt.Errorf("making claims due: %w", err)
	}
	next := l
	switch {
	case len(free) < len(ids):
		locked := map[string]bool{}
		for _, id := range free {
			locked[id] = true
		}
		for _, id := range ids {
			if !locked[id] {
				break
			}
			next.After = places[id]
		}
	case len(ids) == limit:
		next.After = places[ids[len(ids)-1]]
	default:
		return nil, nil
	}
	return &next, nil
}

// InsertLook keeps a look for later.
func (tx *Tx) InsertLook(ctx context.Context, l Look) error {
	_, err := tx.q.ExecContext(ctx, "INSERT INTO looks (id, account_id, hostname, reach, after_id) VALUES ($1, $2, $3, $4, $5)",
		zonehold.NewID("look"), l.AccountID, Text(l.Name), string(l.Reach), l.After)
	return doing("keeping a look", err)
}

// TakeLook removes the oldest look and returns it; nil: there is none, or
// others have them.
func (tx *Tx) TakeLook(ctx context.Context) (*Look, error) {
	lock := tx.s.forUpdate
	if lock != "" {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	rows, err := tx.q.QueryContext(ctx, "DELETE FROM looks WHERE id IN (SELECT id FROM looks ORDER BY id LIMIT 1"+lock+
		") RETURNING id, account_id, hostname, reach, after_id")
	found, err := collect(rows, err, func(row scanner) (*Look, error) {
		var l Look
		err := row.Scan(&l.ID, &l.AccountID, &l.Name, &l.Reach, &l.After)
		return &l, err
	})
	if err != nil || len(found) == 0 {
		return nil, doing("taking a look", err)
	}
	return found[0], nil
}

// LockMailbox finds a mail address of the account and keeps other transactions
// from changing it, or ErrNotFound. Domains are locked before addresses.
func (tx *Tx) LockMailbox(ctx context.Context, accountID string, address zonehold.MailAddress) (m zonehold.Mailbox, err error) {
	var confirmed, created int64
	err = tx.q.QueryRowContext(ctx, "SELECT account_id, address, confirmed_at, confirmed_by, created_at FROM mailboxes"+
		" WHERE account_id = $1 AND target = $2"+tx.s.forUpdate, accountID, Text(address.Key())).
		Scan(&m.AccountID, &m.Address, &confirmed, &m.ConfirmedBy, &created)
	m.ConfirmedAt, m.CreatedAt = fromMicros(confirmed), fromMicros(created)
	return m, missing("finding a mail address", err)
}

// LockConnection checks that the account has a connection and keeps other
// transactions from removing it, or ErrNotFound. Domains are locked before
// connections.
func (tx *Tx) LockConnection(ctx context.Context, accountID, id string) error {
	var got string
	err := tx.q.QueryRowContext(ctx, "SELECT id FROM connections WHERE id = $1 AND account_id = $2"+tx.s.forUpdate,
		Text(id), accountID).Scan(&got)
	return missing("finding a connection", err)
}

// AccountsWithMailbox lists the accounts that confirmed a mail address, those
// by a code only since then; at most 2.
func (s *Store) AccountsWithMailbox(ctx context.Context, address zonehold.MailAddress, since time.Time) ([]zonehold.Account, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+accountColumns+` FROM mailboxes JOIN accounts ON accounts.id = mailboxes.account_id
		WHERE domain = $1 AND target = $2 AND confirmed_at > 0 AND (confirmed_by <> 'code' OR confirmed_at > $3)
		ORDER BY accounts.id LIMIT 2`, string(address.Domain()), Text(address.Key()), micros(since))
	out, err := collect(rows, err, scanAccount)
	return out, doing("finding the accounts of a mail address", err)
}

// HasLook reports whether any look is kept.
func (s *Store) HasLook(ctx context.Context) (bool, error) {
	var n int64
	err := s.r.QueryRowContext(ctx, "SELECT CASE WHEN EXISTS (SELECT 1 FROM looks) THEN 1 ELSE 0 END").Scan(&n)
	return n != 0, doing("reading looks", err)
}

// reversed is a name with its characters in reverse order.
func reversed(name zonehold.Hostname) string {
	out := []byte(name)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}
