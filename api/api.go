// Package api holds the wire types of the native API, /v1.
//
// JSON is snake_case, times are RFC 3339 in UTC, and what is not set is null.
// Fields may be added in any release; none is renamed or dropped. Words such
// as states and outcomes are plain strings, so that a client of today can
// read the ones of tomorrow.
package api

import (
	"encoding/json"
	"time"
)

// Domain is an account's claim on a hostname.
type Domain struct {
	ID              string     `json:"id" doc:"dom_…" example:"dom_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Hostname        string     `json:"hostname" doc:"lower-case A-labels" example:"example.com"`
	HostnameUnicode string     `json:"hostname_unicode" doc:"the same name for people" example:"example.com"`
	Scheme          *string    `json:"scheme" doc:"http or https; null: both"`
	Port            *int       `json:"port" doc:"null: the scheme's default"`
	Profile         string     `json:"profile" doc:"zonehold, yandex or probely: which exact strings prove it"`
	State           string     `json:"state" doc:"pending (never proved), verified, at_risk (proved, now missing, grace running) or lapsed"`
	StateSince      time.Time  `json:"state_since"`
	Turn            string     `json:"turn" doc:"who acts next: you, us or nobody"`
	Verified        bool       `json:"verified" doc:"whether the rights that a proof gives stand now"`
	VerifiedAt      *time.Time `json:"verified_at"`
	Method          *string    `json:"method" doc:"the method that proved it"`
	Assurance       *string    `json:"assurance" doc:"what the proof is worth: dns, registrar, host, mailbox or operator"`
	Covers          *string    `json:"covers" doc:"how far the proof reaches: subtree or host"`
	CoveredBy       *string    `json:"covered_by" doc:"id of the domain whose proof covers this one"`
	ProofSource     *string    `json:"proof_source" doc:"what a proof rests on for which nothing was placed: the id of a domain, delegation, policy or connection, or a mail address"`
	NextCheckAt     *time.Time `json:"next_check_at" doc:"when we look next by ourselves, as planned now; while such a look is under way, when it began; null: none is planned"`
	GraceEndsAt     *time.Time `json:"grace_ends_at" doc:"until when an at_risk domain cannot lapse; it does at the first look from then on that misses the proof, if that is at least the third in a row"`
	TriesEndAt      *time.Time `json:"tries_end_at" doc:"until when a claim that is not proved is checked again by itself"`
	FrozenAt        *time.Time `json:"frozen_at" doc:"since when a proof with new values is needed, as the domain seems to have another owner"`
	FreezeReason    *string    `json:"freeze_reason" doc:"registered_anew or owner_changed"`
	Recheck         string     `json:"recheck" doc:"what the account's proofs are held to: keep (they stay in place) or once (they may be removed after success)"`
	Proof           Presence   `json:"proof" doc:"whether the leading proof is in place"`
	Proofs          []Proof    `json:"proofs" doc:"all proofs of a proved domain, the leading one first; the others step in for it"`
	ScansAllowed    bool       `json:"scans_allowed" doc:"whether the name may be scanned now, as far as its proof goes"`
	ScansReason     *string    `json:"scans_reason" doc:"why not"`
	DNSHost         *DNSHost   `json:"dns_host" doc:"who serves the zone, where known"`

	Challenges       []Challenge `json:"challenges" doc:"what to place, one per method"`
	Problem          *Problem    `json:"problem" doc:"why the last check did not prove it"`
	LastAttemptID    *string     `json:"last_attempt_id"`
	RunningAttemptID *string     `json:"running_attempt_id" doc:"the check that is queued or runs now"`
	DiscoveryEnabled bool        `json:"discovery_enabled"`
	Tags             []string    `json:"tags"`
	CreatedAt        time.Time   `json:"created_at"`
	UpdatedAt        time.Time   `json:"updated_at"`
}

// Presence says whether a proof is in place.
type Presence struct {
	Present      bool       `json:"present" doc:"whether the last look that could tell saw it"`
	SeenAt       *time.Time `json:"seen_at" doc:"when it was seen last"`
	MissingSince *time.Time `json:"missing_since" doc:"since when looks have missed it"`
}

// Proof is one proof of a domain.
type Proof struct {
	Method       string     `json:"method" example:"dns_txt"`
	Assurance    string     `json:"assurance"`
	Covers       string     `json:"covers"`
	ProvedAt     *time.Time `json:"proved_at" doc:"of the leading proof: since when the domain is proved"`
	SeenAt       *time.Time `json:"seen_at"`
	MissingSince *time.Time `json:"missing_since"`
	Leading      bool       `json:"leading" doc:"the one that the domain's own fields are about"`
}

// DNSHost is the provider that serves a zone.
type DNSHost struct {
	Name            string  `json:"name"`
	ControlPanelURL *string `json:"control_panel_url"`
}

// Challenge says what to place, where, so that one method proves a claim.
type Challenge struct {
	Method     string     `json:"method" example:"dns_txt"`
	Applicable bool       `json:"applicable" doc:"false: this method cannot work here"`
	Reason     *string    `json:"reason" doc:"why not"`
	Automatic  bool       `json:"automatic" doc:"checked without anything being placed"`
	Token      *string    `json:"token"`
	ExpiresAt  *time.Time `json:"expires_at"`
	Record     *Record    `json:"record"`
	File       *File      `json:"file"`
	Tag        *Tag       `json:"tag"`
	Proves     string     `json:"proves" doc:"assurance of the proof"`
	Covers     string     `json:"covers"`
}

// Record is a DNS record to publish.
type Record struct {
	Type         string `json:"type" doc:"TXT or CNAME"`
	Name         string `json:"name" doc:"full name, no final dot"`
	RelativeName string `json:"relative_name" doc:"as a panel that appends the zone wants it; @ is the zone itself"`
	Value        string `json:"value"`
	TTL          int    `json:"ttl" doc:"seconds; any value works"`
}

// File is a file to serve.
type File struct {
	Path    string   `json:"path"`
	URLs    []string `json:"urls" doc:"where we look, in order"`
	Content string   `json:"content" doc:"the exact body to publish; may be empty"`
}

// Tag is a meta tag for the head of the home page.
type Tag struct {
	Name    string `json:"name"`
	Content string `json:"content"`
	HTML    string `json:"html"`
}

// Problem is one cause, with what was seen in this case.
type Problem struct {
	Code              string   `json:"code" example:"dns_doubled_label"`
	Severity          string   `json:"severity" doc:"error, warning or info"`
	Title             string   `json:"title"`
	LookedFor         *string  `json:"looked_for"`
	Found             *string  `json:"found"`
	Fixes             []string `json:"fixes" doc:"what to change"`
	SeeItYourself     *string  `json:"see_it_yourself" doc:"a command that shows the same"`
	WhoActs           string   `json:"who_acts" doc:"owner, dns_host, web_host, registrar, mail_host, us or nobody"`
	RetryAfterSeconds *int     `json:"retry_after_seconds" doc:"when a new check may see a change; null: not by waiting"`
	DocsURL           string   `json:"docs_url"`
}

// Attempt is one check of one challenge, or of every applicable one.
type Attempt struct {
	ID         string     `json:"id" example:"att_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	DomainID   string     `json:"domain_id"`
	Method     *string    `json:"method" doc:"null: every applicable method, still undecided"`
	Trigger    string     `json:"trigger" doc:"create, request, schedule or page"`
	State      string     `json:"state" doc:"queued, running, done or canceled"`
	Outcome    *string    `json:"outcome" doc:"verified, absent, mismatch, inconclusive or refused; null until done"`
	Problem    *Problem   `json:"problem"`
	Notes      []Problem  `json:"notes" doc:"oddities beside the verdict"`
	Steps      []Step     `json:"steps"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	DurationMS *int64     `json:"duration_ms"`
}

// Finished reports whether the attempt will not change any more.
func (a Attempt) Finished() bool { return a.State == "done" || a.State == "canceled" }

// Step is one thing that a check did.
type Step struct {
	Name       string    `json:"name" example:"ask_authoritative"`
	Target     string    `json:"target"`
	StartedAt  time.Time `json:"started_at"`
	DurationMS int64     `json:"duration_ms"`
	Result     string    `json:"result"`
	OK         bool      `json:"ok"`
}

// Page is a page of a list.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"give it as cursor for the next page; null: no more"`
}

// Entry is a row of the catalogue of problems. Its texts hold placeholders in
// braces.
type Entry struct {
	Code              string   `json:"code"`
	Area              string   `json:"area"`
	Severity          string   `json:"severity"`
	WhoActs           string   `json:"who_acts"`
	RetryAfterSeconds *int     `json:"retry_after_seconds"`
	Title             string   `json:"title"`
	Meaning           string   `json:"meaning"`
	LookedFor         *string  `json:"looked_for"`
	Found             *string  `json:"found"`
	Fixes             []string `json:"fixes"`
	SeeItYourself     *string  `json:"see_it_yourself"`
	DocsURL           string   `json:"docs_url"`
}

// Event is one row of the account's history.
type Event struct {
	ID        string          `json:"id" example:"evt_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Seq       int64           `json:"seq" doc:"ordered and without gaps within the account"`
	Type      string          `json:"type" example:"domain.verified"`
	Timestamp time.Time       `json:"timestamp"`
	DomainID  *string         `json:"domain_id"`
	Data      json.RawMessage `json:"data"`
}

// Token is an API token; its text is shown only when it is made.
type Token struct {
	ID         string     `json:"id" example:"tok_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"the first characters, to recognise it"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"to the minute"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

// NewToken is a token just made.
type NewToken struct {
	Token
	Secret string `json:"secret" doc:"the token itself; it cannot be shown again" example:"zhp_…"`
}

// Me is who makes the call.
type Me struct {
	Account     Account  `json:"account"`
	TokenID     string   `json:"token_id"`
	Scopes      []string `json:"scopes"`
	DomainLimit int      `json:"domain_limit" doc:"domains that the account may have"`
}

// Account owns domains and tokens.
type Account struct {
	ID             string  `json:"id"`
	UserID         int64   `json:"user_id" doc:"the account's number in the Yandex dialect"`
	Name           string  `json:"name"`
	Email          *string `json:"email"`
	EmailConfirmed bool    `json:"email_confirmed"`
	Recheck        string  `json:"recheck" doc:"what proofs are held to: keep (they stay in place) or once (they may be removed after success)"`
}
