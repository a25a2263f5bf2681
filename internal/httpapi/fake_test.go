package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/problem"
)

// Fixed values of the fixtures.
var (
	t0       = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
	domainID = "dom_06c4b1q2v8h3k5n7p9r1s3t5u0"
	checkID  = "att_06c4b1q2v8h3k5n7p9r1s3t5u0"
	tokenID  = "tok_06c4b1q2v8h3k5n7p9r1s3t5u0"
	anna     = zonehold.Account{ID: "acc_06c4b1q2v8h3k5n7p9r1s3t5u0", Number: 17, Name: "anna", Email: "anna@example.com", EmailConfirmed: true}
)

// service is an app.Service for the shapes of HTTP. Each function stands in
// for one use case; those that are nil must not be called.
type service struct {
	create   func(in app.CreateDomain) (*app.Domain, bool, error)
	domain   func(ref string) (*app.Domain, error)
	domains  func(q app.DomainQuery) (app.Page[*app.Domain], error)
	update   func(ref string, p app.DomainPatch, version int64) (*app.Domain, error)
	remove   func(ref string, version int64) error
	start    func(ref string, m zonehold.Method) (*app.Attempt, error)
	wait     func(ctx context.Context, id string) (*app.Attempt, error)
	attempt  func(id string) (*app.Attempt, error)
	attempts func(ref string, limit int, cursor string) (app.Page[*app.Attempt], error)
	evidence func(id string) (json.RawMessage, error)
	events   func(ctx context.Context, after string, limit int, wait bool) ([]zonehold.Event, error)
}

var _ app.Service = (*service)(nil)

func (s *service) CreateDomain(_ context.Context, _ zonehold.Actor, in app.CreateDomain) (*app.Domain, bool, error) {
	return s.create(in)
}

func (s *service) Domain(_ context.Context, _ zonehold.Actor, ref string) (*app.Domain, error) {
	return s.domain(ref)
}

func (s *service) Host(context.Context, zonehold.Actor, string, string, uint16) (*app.Domain, error) {
	panic("not a call of this API")
}

func (s *service) Domains(_ context.Context, _ zonehold.Actor, q app.DomainQuery) (app.Page[*app.Domain], error) {
	return s.domains(q)
}

func (s *service) UpdateDomain(_ context.Context, _ zonehold.Actor, ref string, p app.DomainPatch, version int64) (*app.Domain, error) {
	return s.update(ref, p, version)
}

func (s *service) DeleteDomain(_ context.Context, _ zonehold.Actor, ref string, version int64) error {
	return s.remove(ref, version)
}

func (s *service) StartAttempt(_ context.Context, _ zonehold.Actor, ref string, m zonehold.Method, _ zonehold.Trigger) (*app.Attempt, error) {
	return s.start(ref, m)
}

func (s *service) WaitAttempt(ctx context.Context, _ zonehold.Actor, id string) (*app.Attempt, error) {
	return s.wait(ctx, id)
}

func (s *service) Attempt(_ context.Context, _ zonehold.Actor, id string) (*app.Attempt, error) {
	return s.attempt(id)
}

func (s *service) Attempts(_ context.Context, _ zonehold.Actor, ref string, limit int, cursor string) (app.Page[*app.Attempt], error) {
	return s.attempts(ref, limit, cursor)
}

func (s *service) Evidence(_ context.Context, _ zonehold.Actor, id string) (json.RawMessage, error) {
	return s.evidence(id)
}

func (s *service) Events(ctx context.Context, _ zonehold.Actor, after string, limit int, wait bool) ([]zonehold.Event, error) {
	return s.events(ctx, after, limit, wait)
}

func (s *service) Owners(context.Context, zonehold.Actor, *app.Domain) ([]app.Owner, error) {
	panic("not a call of this API")
}

func (s *service) DomainLimit() int { return 1703 }

// tokens is an Authenticator whose tokens are the names of their scopes.
type tokens struct {
	mu      sync.Mutex
	revoked map[string]bool
	broken  bool
}

func (a *tokens) Authenticate(_ context.Context, token string) (zonehold.Actor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken {
		return zonehold.Actor{}, fmt.Errorf("looking up the token: dial postgres://u:hunter2@db")
	}
	scopes := map[string][]zonehold.Scope{
		"all": {zonehold.ScopeAdmin}, "read": {zonehold.ScopeDomainsRead}, "write": {zonehold.ScopeDomainsWrite},
		"check": {zonehold.ScopeChecksRun}, "operator": {zonehold.ScopeOperator},
	}[token]
	if scopes == nil || a.revoked[token] {
		return zonehold.Actor{}, fmt.Errorf("%w: the token is not known", auth.ErrUnauthenticated)
	}
	return zonehold.Actor{Account: anna, TokenID: "tok_" + token, Scopes: scopes}, nil
}

func (a *tokens) Issue(_ context.Context, accountID, name string, scopes []zonehold.Scope) (string, auth.Token, error) {
	if strings.TrimSpace(name) == "" {
		return "", auth.Token{}, fmt.Errorf("%w: a name has 1 to 100 characters", auth.ErrInvalid)
	}
	if len(scopes) == 0 {
		scopes = auth.DefaultScopes()
	}
	return "zhp_" + strings.Repeat("a", 40), auth.Token{ID: tokenID, AccountID: accountID, Name: name, Prefix: "zhp_aaaaaa", Scopes: scopes, CreatedAt: t0}, nil
}

func (a *tokens) Tokens(context.Context, string) ([]auth.Token, error) {
	return []auth.Token{{ID: tokenID, Name: "ci", Prefix: "zhp_aaaaaa", Scopes: auth.DefaultScopes(), CreatedAt: t0, LastUsedAt: t0.Add(time.Minute)}}, nil
}

func (a *tokens) Revoke(_ context.Context, _, id string) error {
	if id != tokenID {
		return auth.ErrNotFound
	}
	return nil
}

// kept is an app.Idempotency in memory.
type kept struct {
	mu      sync.Mutex
	hashes  map[string][32]byte
	replies map[string]*app.IdempotentReply
}

func (k *kept) BeginIdempotent(_ context.Context, accountID, key string, hash [32]byte) (*app.IdempotentReply, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key = accountID + key
	old, seen := k.hashes[key]
	switch {
	case !seen:
		if k.hashes == nil {
			k.hashes, k.replies = map[string][32]byte{}, map[string]*app.IdempotentReply{}
		}
		k.hashes[key] = hash
		return nil, nil
	case old != hash:
		return nil, app.ErrIdempotentMismatch
	case k.replies[key] == nil:
		return nil, app.ErrIdempotentRunning
	}
	return k.replies[key], nil
}

func (k *kept) FinishIdempotent(_ context.Context, accountID, key string, reply app.IdempotentReply) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	reply.Body = slices.Clone(reply.Body)
	k.replies[accountID+key] = &reply
	return nil
}

func (k *kept) AbandonIdempotent(_ context.Context, accountID, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.hashes, accountID+key)
	return nil
}

// pendingDomain is a domain that was checked once without success.
func pendingDomain() *app.Domain {
	p := aProblem()
	return &app.Domain{
		Domain: zonehold.Domain{
			ID: domainID, AccountID: anna.ID, Hostname: "xn--e1afmkfd.xn--p1ai", Profile: zonehold.ProfileZonehold,
			Generation: 1, Version: 3, State: zonehold.StatePending, StateSince: t0, NextCheckAt: t0.Add(time.Hour),
			LastAttemptID: checkID, DiscoveryEnabled: true, CreatedAt: t0, UpdatedAt: t0.Add(time.Minute),
		},
		Turn: zonehold.TurnYou, Problem: &p, DNSHost: &diagnose.DNSHost{Name: "Cloudflare", ControlPanelURL: "https://dash.cloudflare.com/"},
		Challenges: []zonehold.Challenge{
			{
				Method: zonehold.MethodDNSTXT, Applicable: true, Token: "abcdefghijklmnopqrstuvwxyz234567",
				Record: &zonehold.RecordChallenge{Type: "TXT", Name: "_zonehold-challenge.xn--e1afmkfd.xn--p1ai", RelativeName: "_zonehold-challenge", Value: "token=abcdefghijklmnopqrstuvwxyz234567", TTL: 300},
				Proves: zonehold.AssuranceDNS, Covers: zonehold.CoversSubtree,
			},
			{
				Method: zonehold.MethodFile, Applicable: true, Token: "bbcdefghijklmnopqrstuvwxyz234567", ExpiresAt: t0.Add(24 * time.Hour),
				File:   &zonehold.FileChallenge{Path: "/.well-known/zonehold-challenge/x.txt", URLs: []string{"https://xn--e1afmkfd.xn--p1ai/.well-known/zonehold-challenge/x.txt"}, Content: "token=b"},
				Proves: zonehold.AssuranceHost, Covers: zonehold.CoversHost,
			},
			{
				Method: zonehold.MethodMetaTag, Applicable: true, Token: "cbcdefghijklmnopqrstuvwxyz234567",
				Tag:    &zonehold.TagChallenge{Name: "zonehold-verification", Content: "c", HTML: `<meta name="zonehold-verification" content="c">`},
				Proves: zonehold.AssuranceHost, Covers: zonehold.CoversHost,
			},
			{Method: zonehold.MethodWHOIS, Reason: "The registry shows no contact.", Automatic: true, Proves: zonehold.AssuranceRegistrar, Covers: zonehold.CoversSubtree},
		},
	}
}

func verifiedDomain() *app.Domain {
	d := pendingDomain()
	d.State, d.VerifiedAt, d.Method, d.Assurance, d.Covers = zonehold.StateVerified, t0, zonehold.MethodDNSTXT, zonehold.AssuranceDNS, zonehold.CoversSubtree
	d.Scheme, d.Port, d.Tags, d.Problem, d.Turn, d.Version, d.DNSHost = "https", 8443, []string{"prod"}, nil, zonehold.TurnNobody, 7, nil
	d.Challenges = nil
	return d
}

func aProblem() problem.Problem {
	return problem.Problem{
		Code: "dns_doubled_label", Severity: problem.SeverityError, Title: "The record is one level too deep",
		LookedFor: "a TXT record", Found: `one at <b>another</b> name`, Fixes: []string{"Keep only _zonehold-challenge"}, SeeItYourself: "dig +short TXT x",
		WhoActs: problem.Owner, RetryAfterSeconds: 60, DocsURL: "/docs/problems#dns_doubled_label",
	}
}

func attemptIn(state zonehold.AttemptState) *app.Attempt {
	a := &app.Attempt{Attempt: zonehold.Attempt{
		ID: checkID, DomainID: domainID, Trigger: zonehold.TriggerRequest, State: state, CreatedAt: t0,
	}}
	if state != zonehold.AttemptQueued {
		a.StartedAt = t0.Add(5 * time.Millisecond)
	}
	if state == zonehold.AttemptDone {
		p := aProblem()
		a.Method, a.Outcome, a.Problem, a.FinishedAt = zonehold.MethodDNSTXT, zonehold.OutcomeMismatch, &p, t0.Add(46*time.Millisecond)
		a.Notes = []problem.Problem{{Code: "dns_value_whitespace", Severity: problem.SeverityInfo, Title: "Stray spaces", WhoActs: problem.Nobody, DocsURL: "/docs/problems#dns_value_whitespace"}}
		a.Steps = []zonehold.Step{{Name: "ask_authoritative", Target: "ns1.example.net (45.0.0.1)", StartedAt: t0, Duration: 3 * time.Millisecond, Result: "NOERROR, 2 TXT", OK: true}}
	}
	return a
}

func eventNumber(n int64) zonehold.Event {
	return zonehold.Event{
		ID: fmt.Sprintf("evt_06c4b1q2v8h3k5n7p9r1s3t5%c0", '0'+n), AccountID: anna.ID, Seq: n, Type: zonehold.EventDomainVerified,
		DomainID: domainID, CreatedAt: t0, Data: json.RawMessage(`{"hostname": "example.com",` + "\n" + `"state": "verified"}`),
	}
}

func refusal(kind app.Kind, message string) *app.Error {
	return &app.Error{Kind: kind, Message: message}
}
