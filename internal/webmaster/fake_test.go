package webmaster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/problem"
)

// The one account of the tests, and the tokens that it has.
const (
	testUser     = 4242
	tokenAll     = "zhp_everything"
	tokenRead    = "zhp_hostinfo"
	tokenWrite   = "zhp_write"
	tokenCheck   = "zhp_check"
	tokenScans   = "zhp_scans"
	tokenOffline = "zhp_offline"
)

type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, token string) (zonehold.Actor, error) {
	a := zonehold.Actor{
		Account: zonehold.Account{ID: "acc_1", Number: testUser, Name: "vassily123"},
		TokenID: "tok_" + token,
	}
	switch token {
	case tokenAll:
		a.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
	case tokenRead:
		a.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead}
	case tokenWrite:
		a.Scopes = []zonehold.Scope{zonehold.ScopeDomainsWrite}
	case tokenCheck:
		a.Scopes = []zonehold.Scope{zonehold.ScopeChecksRun}
	case tokenScans:
		a.Scopes = []zonehold.Scope{"scans:run"}
	case tokenOffline:
		return zonehold.Actor{}, errors.New("looking up the token: the disk is on fire")
	default:
		return zonehold.Actor{}, fmt.Errorf("%w: the token is not known", auth.ErrUnauthenticated)
	}
	return a, nil
}

// fakeService keeps claims in memory, so that the shapes on the wire can be
// tested without a database. A running attempt ends when finish is called.
type fakeService struct {
	app.Service // the rest is not used by this dialect

	mu      sync.Mutex
	domains []*app.Domain
	made    int
	limit   int
	owned   []app.Owner
	fail    map[string]error // by method of Service
	inputs  []app.CreateDomain
}

var testTime = time.Date(2026, 5, 4, 18, 35, 47, 234_000_000, time.UTC)

func (s *fakeService) failure(method string) error {
	if err := s.fail[method]; err != nil {
		return err
	}
	return nil
}

func (s *fakeService) CreateDomain(_ context.Context, _ zonehold.Actor, in app.CreateDomain) (*app.Domain, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure("CreateDomain"); err != nil {
		return nil, false, err
	}
	if d := s.find(in.Scheme, in.Hostname, uint16(in.Port)); d != nil {
		return d, false, nil
	}
	if len(s.domains) >= s.limit {
		return nil, false, &app.Error{Kind: app.KindLimit, Message: "too many", Limit: s.limit}
	}
	s.inputs = append(s.inputs, in)
	return s.add(in.Scheme, in.Hostname, uint16(in.Port)), true, nil
}

// add makes a claim that was never checked.
func (s *fakeService) add(scheme, hostname string, port uint16) *app.Domain {
	s.made++
	token := fmt.Sprintf("26aab3d248d69ec226aab3d2%08x", s.made)
	d := &app.Domain{
		Domain: zonehold.Domain{
			ID: fmt.Sprintf("dom_%d", s.made), AccountID: "acc_1", Profile: zonehold.ProfileYandex,
			Hostname: zonehold.Hostname(hostname), Scheme: scheme, Port: port, State: zonehold.StatePending,
			Tokens: zonehold.Tokens{TXT: token, CNAME: token, File: token, Meta: token},
		},
		Challenges: []zonehold.Challenge{
			{Method: zonehold.MethodDNSTXT, Applicable: true},
			{Method: zonehold.MethodDNSCNAME, Applicable: true},
			{Method: zonehold.MethodFile, Applicable: true},
			{Method: zonehold.MethodTXTFile, Applicable: true},
			{Method: zonehold.MethodMetaTag, Applicable: true},
		},
	}
	s.domains = append(s.domains, d)
	return d
}

func (s *fakeService) find(scheme, hostname string, port uint16) *app.Domain {
	for _, d := range s.domains {
		if d.Scheme == scheme && string(d.Hostname) == hostname && d.Port == port {
			return d
		}
	}
	return nil
}

func (s *fakeService) Host(_ context.Context, _ zonehold.Actor, scheme, hostname string, port uint16) (*app.Domain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure("Host"); err != nil {
		return nil, err
	}
	d := s.find(scheme, hostname, port)
	if d == nil {
		return nil, &app.Error{Kind: app.KindNotFound, Message: "no such domain"}
	}
	return d, nil
}

func (s *fakeService) Domains(_ context.Context, _ zonehold.Actor, q app.DomainQuery) (app.Page[*app.Domain], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure("Domains"); err != nil {
		return app.Page[*app.Domain]{}, err
	}
	if q.Limit != -1 || q.Cursor != "" {
		return app.Page[*app.Domain]{}, errors.New("the list of this dialect has no pages")
	}
	var p app.Page[*app.Domain]
	for _, d := range s.domains {
		if q.Profile == "" || d.Profile == q.Profile {
			p.Items = append(p.Items, d)
		}
	}
	return p, nil
}

func (s *fakeService) DeleteDomain(_ context.Context, _ zonehold.Actor, ref string, _ int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure("DeleteDomain"); err != nil {
		return err
	}
	s.domains = slices.DeleteFunc(s.domains, func(d *app.Domain) bool { return d.ID == ref })
	return nil
}

func (s *fakeService) StartAttempt(_ context.Context, _ zonehold.Actor, ref string, m zonehold.Method, _ zonehold.Trigger) (*app.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure("StartAttempt"); err != nil {
		return nil, err
	}
	for _, d := range s.domains {
		if d.ID != ref {
			continue
		}
		if d.Running != nil {
			return nil, &app.Error{Kind: app.KindConflict, Message: "a check runs", Attempt: d.Running}
		}
		d.Running = &app.Attempt{Attempt: zonehold.Attempt{ID: "att_1", DomainID: ref, Method: m, State: zonehold.AttemptQueued}}
		return d.Running, nil
	}
	return nil, &app.Error{Kind: app.KindNotFound, Message: "no such domain"}
}

func (s *fakeService) Owners(context.Context, zonehold.Actor, *app.Domain) ([]app.Owner, error) {
	if err := s.failure("Owners"); err != nil {
		return nil, err
	}
	return s.owned, nil
}

func (s *fakeService) DomainLimit() int { return s.limit }

// finish ends the running attempt of a claim.
func finish(d *app.Domain, outcome zonehold.Outcome, p *problem.Problem) {
	a := d.Running
	d.Running = nil
	a.State, a.Outcome, a.FinishedAt, a.Problem = zonehold.AttemptDone, outcome, testTime, p
	d.LastAttempt = a
	if outcome == zonehold.OutcomeVerified {
		d.State, d.Method, d.VerifiedAt = zonehold.StateVerified, a.Method, testTime
	}
}

func start(d *app.Domain, m zonehold.Method) {
	d.Running = &app.Attempt{Attempt: zonehold.Attempt{ID: "att_1", DomainID: d.ID, Method: m, State: zonehold.AttemptRunning}}
}

// verified proves a claim by a method.
func verified(d *app.Domain, m zonehold.Method) *app.Domain {
	start(d, m)
	finish(d, zonehold.OutcomeVerified, nil)
	return d
}

func failed(d *app.Domain, m zonehold.Method, o zonehold.Outcome, p *problem.Problem) *app.Domain {
	start(d, m)
	finish(d, o, p)
	return d
}

// revoke takes back what a proved claim rests on.
func revoke(d *app.Domain, m zonehold.Method, p *problem.Problem) *app.Domain {
	verified(d, m)
	d.State, d.StateSince, d.Problem = zonehold.StateLapsed, testTime.Add(time.Hour), p
	return d
}

// world is a handler over a fresh service.
func world(t testing.TB, cfg Config) (*fakeService, http.Handler) {
	t.Helper()
	s := &fakeService{limit: 1703, fail: map[string]error{}}
	cfg.Service, cfg.Auth = s, fakeAuth{}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return s, New(cfg)
}
