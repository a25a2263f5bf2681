package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
)

// Domain is a domain with what is kept beside it.
type Domain struct {
	zonehold.Domain
	Problem   *problem.Problem // of the last finished attempt, nil if none
	DNSHost   json.RawMessage  // who serves the zone, as the app keeps it; nil if unknown
	BasicUser string
	DeletedAt time.Time // zero: live

	sealedPassword []byte
}

const domainColumns = `domains.id, domains.account_id, domains.hostname, domains.scheme, domains.port,
	domains.profile, domains.tokens, domains.generation, domains.version, domains.state, domains.state_since,
	domains.verified_at, domains.method, domains.assurance, domains.covers, domains.proof_source, domains.next_check_at,
	domains.grace_ends_at, domains.last_attempt_id, domains.discovery_enabled, domains.tags, domains.problem,
	domains.dns_host, domains.basic_user, domains.basic_password, domains.created_at, domains.updated_at,
	domains.deleted_at, domains.seen_at, domains.missing_since, domains.misses, domains.spares, domains.frozen_at,
	domains.freeze_reason, domains.tries, domains.tries_end_at, domains.tries_method, domains.looked_at,
	domains.stumbles`

func scanDomain(row scanner) (*Domain, error) {
	var (
		d                                                                        Domain
		tokens, tags, cause, host, spares                                        string
		since, verified, next, grace, created, updated, deleted, discovery, port int64
		seen, missingSince, frozen, triesEnd, looked                             int64
	)
	err := row.Scan(&d.ID, &d.AccountID, &d.Hostname, &d.Scheme, &port, &d.Profile, &tokens, &d.Generation,
		&d.Version, &d.State, &since, &verified, &d.Method, &d.Assurance, &d.Covers, &d.ProofSource, &next, &grace,
		&d.LastAttemptID, &discovery, &tags, &cause, &host, &d.BasicUser, &d.sealedPassword, &created, &updated,
		&deleted, &seen, &missingSince, &d.Misses, &spares, &frozen, &d.FreezeReason, &d.Tries, &triesEnd,
		&d.TriesMethod, &looked, &d.Stumbles)
	if err != nil {
		return nil, err
	}
	d.Port = uint16(port) // was one
	d.DiscoveryEnabled = discovery != 0
	d.StateSince, d.VerifiedAt = fromMicros(since), fromMicros(verified)
	d.NextCheckAt, d.GraceEndsAt = fromMicros(next), fromMicros(grace)
	d.CreatedAt, d.UpdatedAt, d.DeletedAt = fromMicros(created), fromMicros(updated), fromMicros(deleted)
	d.SeenAt, d.MissingSince = fromMicros(seen), fromMicros(missingSince)
	d.FrozenAt, d.TriesEndAt, d.LookedAt = fromMicros(frozen), fromMicros(triesEnd), fromMicros(looked)
	if err := fromJSON(spares, &d.Spares); err != nil {
		return nil, err
	}
	if host != "" {
		d.DNSHost = json.RawMessage(host)
	}
	if err := fromJSON(tokens, &d.Tokens); err != nil {
		return nil, err
	}
	if err := fromJSON(tags, &d.Tags); err != nil {
		return nil, err
	}
	return &d, fromJSON(cause, &d.Problem)
}

func passwordPlace(domainID string) string { return "domains.basic_password/" + domainID }

// BasicPassword decrypts the password for HTTP basic authentication.
func (s *Store) BasicPassword(d *Domain) (string, error) {
	text, err := s.vault.unseal(passwordPlace(d.ID), d.sealedPassword)
	return text, doing("reading the basic-auth password", err)
}

// SetBasicPassword encrypts a new password into d; "" removes it.
func (s *Store) SetBasicPassword(d *Domain, password string) (err error) {
	d.sealedPassword, err = s.vault.seal(passwordPlace(d.ID), password)
	return doing("keeping the basic-auth password", err)
}

// HasBasicPassword reports whether a password is kept.
func (d *Domain) HasBasicPassword() bool { return len(d.sealedPassword) > 0 }

// DomainByID finds a live domain of the account, or ErrNotFound.
func (s *Store) DomainByID(ctx context.Context, accountID, id string) (*Domain, error) {
	d, err := scanDomain(s.r.QueryRowContext(ctx, "SELECT "+domainColumns+
		" FROM domains WHERE id = $1 AND account_id = $2 AND deleted_at = 0", Text(id), accountID))
	return d, missing("finding a domain", err)
}

// DomainByName finds the account's live claim on a name: the one without a
// scheme if there is one, else the oldest. ErrNotFound: none.
func (s *Store) DomainByName(ctx context.Context, accountID string, name zonehold.Hostname) (*Domain, error) {
	d, err := scanDomain(s.r.QueryRowContext(ctx, "SELECT "+domainColumns+` FROM domains
		WHERE account_id = $1 AND hostname = $2 AND deleted_at = 0
		ORDER BY CASE WHEN scheme = '' THEN 0 ELSE 1 END, port, created_at, id LIMIT 1`,
		accountID, string(name)))
	return d, missing("finding a domain", err)
}

// DomainByHost finds the account's live claim on exactly that scheme, name
// and port, or ErrNotFound.
func (s *Store) DomainByHost(ctx context.Context, accountID, scheme string, name zonehold.Hostname, port uint16) (*Domain, error) {
	return domainByHost(ctx, s.r, accountID, scheme, name, port)
}

// DomainByHost is the same inside the transaction.
func (tx *Tx) DomainByHost(ctx context.Context, accountID, scheme string, name zonehold.Hostname, port uint16) (*Domain, error) {
	return domainByHost(ctx, tx.q, accountID, scheme, name, port)
}

func domainByHost(ctx context.Context, q conn, accountID, scheme string, name zonehold.Hostname, port uint16) (*Domain, error) {
	d, err := scanDomain(q.QueryRowContext(ctx, "SELECT "+domainColumns+` FROM domains
		WHERE account_id = $1 AND hostname = $2 AND scheme = $3 AND port = $4 AND deleted_at = 0`,
		accountID, string(name), scheme, int64(port)))
	return d, missing("finding a domain", err)
}

// Mark is what tells whether what was read of a domain before still holds.
type Mark struct {
	ID      string
	Version int64
	Busy    bool // an attempt is queued or running
}

const selectMark = `SELECT id, version, CASE WHEN EXISTS (SELECT 1 FROM attempts
	WHERE domain_id = domains.id AND state IN ('queued', 'running')) THEN 1 ELSE 0 END FROM domains `

func scanMark(row scanner) (m Mark, err error) {
	var busy int64
	err = row.Scan(&m.ID, &m.Version, &busy)
	m.Busy = busy != 0
	return m, missing("finding a domain", err)
}

// MarkByID is the mark of what DomainByID finds, or ErrNotFound.
func (s *Store) MarkByID(ctx context.Context, accountID, id string) (Mark, error) {
	return scanMark(s.r.QueryRowContext(ctx, selectMark+"WHERE id = $1 AND account_id = $2 AND deleted_at = 0",
		Text(id), accountID))
}

// MarkByHost is the mark of what DomainByHost finds, or ErrNotFound.
func (s *Store) MarkByHost(ctx context.Context, accountID, scheme string, name zonehold.Hostname, port uint16) (Mark, error) {
	return scanMark(s.r.QueryRowContext(ctx, selectMark+
		"WHERE account_id = $1 AND hostname = $2 AND scheme = $3 AND port = $4 AND deleted_at = 0",
		accountID, string(name), scheme, int64(port)))
}

// DomainsByID reads domains of any account, deleted ones too.
func (s *Store) DomainsByID(ctx context.Context, ids []string) (map[string]*Domain, error) {
	return s.domainsByID(ctx, s.r, ids, "")
}

// LockDomains reads domains of any account, deleted ones too, and keeps other
// transactions from changing them. Domains are locked before accounts.
func (tx *Tx) LockDomains(ctx context.Context, ids []string) (map[string]*Domain, error) {
	return tx.s.domainsByID(ctx, tx.q, ids, tx.s.forUpdate)
}

func (s *Store) domainsByID(ctx context.Context, q conn, ids []string, suffix string) (map[string]*Domain, error) {
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + domainColumns +
		" FROM domains WHERE id IN (SELECT v_id FROM v) ORDER BY id" + suffix}
	domains, err := queryBulk(ctx, s, q, find, column1(ids), scanDomain)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	out := make(map[string]*Domain, len(domains))
	for _, d := range domains {
		out[d.ID] = d
	}
	return out, nil
}

// CountDomains counts the account's live domains.
func (tx *Tx) CountDomains(ctx context.Context, accountID string) (n int, err error) {
	err = tx.q.QueryRowContext(ctx, "SELECT count(*) FROM domains WHERE account_id = $1 AND deleted_at = 0",
		accountID).Scan(&n)
	return n, doing("counting domains", err)
}

// InsertDomain adds a domain and its tokens. ErrExists: the account has it.
func (tx *Tx) InsertDomain(ctx context.Context, d *Domain) error {
	args := append([]any{d.ID, d.AccountID, string(d.Hostname), reversed(d.Hostname), micros(d.CreatedAt)}, d.mutable()...)
	_, err := tx.q.ExecContext(ctx, `INSERT INTO domains (id, account_id, hostname, hostname_reversed, created_at,
		`+strings.Join(mutableColumns, ", ")+`) VALUES `+list(1, len(args)), args...)
	if taken(err) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("storing a domain: %w", err)
	}
	return tx.insertClaimTokens(ctx, d, d.CreatedAt)
}

var mutableColumns = []string{
	"scheme", "port", "profile", "tokens", "generation", "version", "state", "state_since", "verified_at",
	"method", "assurance", "covers", "proof_source", "next_check_at", "grace_ends_at", "last_attempt_id", "discovery_enabled",
	"tags", "problem", "dns_host", "basic_user", "basic_password", "updated_at", "deleted_at",
	"seen_at", "missing_since", "misses", "spares", "frozen_at", "freeze_reason", "tries", "tries_end_at",
	"tries_method", "looked_at", "stumbles",
}

func (d *Domain) mutable() []any {
	tags := d.Tags
	if tags == nil {
		tags = []string{}
	}
	cause := ""
	if d.Problem != nil {
		cause = toJSON(d.Problem)
	}
	if d.sealedPassword == nil {
		d.sealedPassword = []byte{} // SQLite gives an empty value back as nil
	}
	return []any{d.Scheme, int64(d.Port), string(d.Profile), toJSON(d.Tokens), d.Generation, d.Version,
		string(d.State), micros(d.StateSince), micros(d.VerifiedAt), string(d.Method), string(d.Assurance),
		string(d.Covers), d.ProofSource, micros(d.NextCheckAt), micros(d.GraceEndsAt), d.LastAttemptID, flag(d.DiscoveryEnabled),
		toJSON(tags), Text(cause), Text(string(d.DNSHost)), Text(d.BasicUser), d.sealedPassword,
		micros(d.UpdatedAt), micros(d.DeletedAt), micros(d.SeenAt), micros(d.MissingSince), int64(d.Misses), d.spares(),
		micros(d.FrozenAt), string(d.FreezeReason), int64(d.Tries), micros(d.TriesEndAt), string(d.TriesMethod),
		micros(d.LookedAt), int64(d.Stumbles)}
}

func (d *Domain) spares() string {
	if len(d.Spares) == 0 {
		return ""
	}
	return toJSON(d.Spares)
}

// UpdateDomain writes every field of a domain that LockDomains returned,
// counting its version up. ErrExists: the account has another claim on the
// same host and port.
func (tx *Tx) UpdateDomain(ctx context.Context, d *Domain) error {
	d.Version++
	args := d.mutable()
	sets := make([]string, len(mutableColumns))
	for i, c := range mutableColumns {
		sets[i] = fmt.Sprintf("%s = $%d", c, i+1)
	}
	_, err := tx.q.ExecContext(ctx, "UPDATE domains SET "+strings.Join(sets, ", ")+
		fmt.Sprintf(" WHERE id = $%d", len(args)+1), append(args, d.ID)...)
	if taken(err) {
		return ErrExists
	}
	return doing("storing a domain", err)
}

// UpdateVerdicts writes what a finished check changes, for domains that
// LockDomains returned, counting their versions up.
func (tx *Tx) UpdateVerdicts(ctx context.Context, domains []*Domain) error {
	rows := make([][]any, len(domains))
	for i, d := range domains {
		d.Version++
		cause := ""
		if d.Problem != nil {
			cause = Text(toJSON(d.Problem))
		}
		rows[i] = []any{d.ID, string(d.State), micros(d.StateSince), micros(d.VerifiedAt), string(d.Method),
			string(d.Assurance), string(d.Covers), d.ProofSource, micros(d.NextCheckAt), micros(d.GraceEndsAt), d.LastAttemptID,
			cause, Text(string(d.DNSHost)), micros(d.UpdatedAt), micros(d.SeenAt), micros(d.MissingSince), int64(d.Misses),
			d.spares(), int64(d.Tries), micros(d.TriesEndAt), micros(d.FrozenAt), string(d.FreezeReason),
			string(d.TriesMethod), micros(d.LookedAt), int64(d.Stumbles)}
	}
	return doing("storing verdicts", updateVerdicts.exec(ctx, tx.s, tx.q, rows))
}

var updateVerdicts = bulk{types: "ttiittttiitttiiiitiiittii", text: `WITH v (v_id, v_state, v_since, v_verified, v_method, v_assurance,
		v_covers, v_source, v_next, v_grace, v_last, v_problem, v_host, v_updated, v_seen, v_missing, v_misses,
		v_spares, v_tries, v_tries_end, v_frozen, v_freeze, v_tries_method, v_looked, v_stumbles) AS ({rows})
	UPDATE domains SET version = version + 1, state = v_state, state_since = v_since, verified_at = v_verified,
		method = v_method, assurance = v_assurance, covers = v_covers, proof_source = v_source, next_check_at = v_next,
		grace_ends_at = v_grace, last_attempt_id = v_last, problem = v_problem, dns_host = v_host,
		updated_at = v_updated, seen_at = v_seen, missing_since = v_missing, misses = v_misses, spares = v_spares,
		tries = v_tries, tries_end_at = v_tries_end, frozen_at = v_frozen, freeze_reason = v_freeze,
		tries_method = v_tries_method, looked_at = v_looked, stumbles = v_stumbles
	FROM v WHERE id = v_id`}

// SetNextCheck plans the next scheduled check of domains.
func (tx *Tx) SetNextCheck(ctx context.Context, ids []string, at time.Time) error {
	times := make(map[string]time.Time, len(ids))
	for _, id := range ids {
		times[id] = at
	}
	return tx.SetNextChecks(ctx, times)
}

// SetNextChecks plans the next scheduled check of each domain.
func (tx *Tx) SetNextChecks(ctx context.Context, at map[string]time.Time) error {
	rows := make([][]any, 0, len(at))
	for _, id := range slices.Sorted(maps.Keys(at)) {
		rows = append(rows, []any{id, micros(at[id])})
	}
	plan := bulk{types: "ti", text: "WITH v (v_id, v_at) AS ({rows}) UPDATE domains SET next_check_at = v_at FROM v WHERE id = v_id"}
	return doing("planning checks", plan.exec(ctx, tx.s, tx.q, rows))
}

// Due is a domain that a scheduled check is planned for.
type Due struct {
	ID, AccountID string
	At            time.Time
}

// TakeDue finds live domains whose next check is due and that have none under
// way, most overdue first, and locks them. Those that another transaction has
// are left out, so that several processes share the work.
func (tx *Tx) TakeDue(ctx context.Context, now time.Time, limit int) ([]Due, error) {
	lock := tx.s.forUpdate
	if lock != "" {
		lock += " SKIP LOCKED"
	}
	return planned(ctx, tx.q, `next_check_at > 0 AND next_check_at <= $1
		AND NOT EXISTS (SELECT 1 FROM attempts WHERE domain_id = domains.id AND state IN ('queued', 'running'))
		ORDER BY next_check_at LIMIT $2`+lock, now, limit)
}

// FarDomains lists live domains whose next check is planned for later than at,
// the latest first.
func (s *Store) FarDomains(ctx context.Context, at time.Time, limit int) ([]Due, error) {
	return planned(ctx, s.r, "next_check_at > 0 AND next_check_at > $1 ORDER BY next_check_at DESC LIMIT $2", at, limit)
}

func planned(ctx context.Context, q conn, where string, at time.Time, limit int) ([]Due, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, account_id, next_check_at FROM domains WHERE deleted_at = 0 AND "+where,
		micros(at), limit)
	out, err := collect(rows, err, func(row scanner) (d Due, err error) {
		var next int64
		err = row.Scan(&d.ID, &d.AccountID, &next)
		d.At = fromMicros(next)
		return d, err
	})
	return out, doing("listing due domains", err)
}

// VerifiedClaims lists the verified live claims of all accounts on exactly
// that scheme, name and port, with their accounts, oldest proof first.
func (s *Store) VerifiedClaims(ctx context.Context, scheme string, name zonehold.Hostname, port uint16) ([]*Domain, []zonehold.Account, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+domainColumns+` FROM domains
		WHERE hostname = $1 AND scheme = $2 AND port = $3 AND deleted_at = 0 AND state IN ('verified', 'at_risk')
		ORDER BY verified_at, id LIMIT 1000`, string(name), scheme, int64(port))
	domains, err := collect(rows, err, scanDomain)
	if err != nil || len(domains) == 0 {
		return nil, nil, doing("listing owners", err)
	}
	ids := make([]string, len(domains))
	for i, d := range domains {
		ids[i] = d.AccountID
	}
	find := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) SELECT " + accountColumns + " FROM accounts WHERE id IN (SELECT v_id FROM v)"}
	found, err := queryBulk(ctx, s, s.r, find, column1(ids), scanAccount)
	if err != nil {
		return nil, nil, fmt.Errorf("listing owners: %w", err)
	}
	byID := make(map[string]zonehold.Account, len(found))
	for _, a := range found {
		byID[a.ID] = a
	}
	accounts := make([]zonehold.Account, len(domains))
	for i, d := range domains {
		accounts[i] = byID[d.AccountID]
	}
	return domains, accounts, nil
}

// Touch counts the versions of domains up: what screens show of them changed.
func (tx *Tx) Touch(ctx context.Context, ids []string) error {
	touch := bulk{types: "t", text: "WITH v (v_id) AS ({rows}) UPDATE domains SET version = version + 1 FROM v WHERE id = v_id"}
	return doing("touching domains", touch.exec(ctx, tx.s, tx.q, column1(ids)))
}

// list writes "($first,…)" for n arguments.
func list(first, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("(,"[min(i, 1)])
		fmt.Fprintf(&b, "$%d", first+i)
	}
	b.WriteByte(')')
	return b.String()
}
