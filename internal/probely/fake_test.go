package probely

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
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
	testAccount  = "acc_06c4b1aaaaaa8c5dbafnbtdn00"
	testToken    = "719d01df-8f4e-4b53-9d5a-0c5d8a4a1f6e" // of verification
	tokenAll     = "zhp_everything"
	tokenRead    = "zhp_read"
	tokenWrite   = "zhp_write"
	tokenCheck   = "zhp_check"
	tokenNothing = "zhp_nothing"
	tokenOffline = "zhp_offline"
)

type fakeAuth struct{}

func (fakeAuth) Authenticate(_ context.Context, token string) (zonehold.Actor, error) {
	a := zonehold.Actor{
		Account: zonehold.Account{ID: testAccount, Number: 100001, Name: "Leiko", Email: "leiko@example.org"},
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
	case tokenNothing:
		a.Scopes = []zonehold.Scope{zonehold.ScopeOperator}
	case tokenOffline:
		return zonehold.Actor{}, errors.New("looking up the token: the disk is on fire")
	default:
		return zonehold.Actor{}, fmt.Errorf("%w: the token is not known", auth.ErrUnauthenticated)
	}
	return a, nil
}

// fakeService keeps claims in memory, so that the shapes on the wire can be
// tested without a database. A check ends when somebody waits for it.
type fakeService struct {
	app.Service // the rest is not used by this dialect

	mu       sync.Mutex
	domains  []*app.Domain
	made     int
	limit    int
	fail     map[string]error           // by method of Service
	proof    map[string]zonehold.Method // what is in place, by hostname
	known    map[string]zonehold.Method // what proves a hostname by itself
	problem  *problem.Problem           // of failed checks; nil: the plain one of the method
	outcome  zonehold.Outcome           // of failed checks; "": absent
	canceled int                        // so many checks end without a result
	after    func(d *app.Domain)        // happens once a check has ended
	stuck    bool                       // checks do not end
	started  []zonehold.Method
	inputs   []app.CreateDomain
	patches  []app.DomainPatch
}

var testTime = time.Date(2026, 5, 16, 11, 50, 53, 914_329_000, time.UTC)

func (s *fakeService) CreateDomain(_ context.Context, _ zonehold.Actor, in app.CreateDomain) (*app.Domain, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["CreateDomain"]; err != nil {
		return nil, false, err
	}
	name, err := zonehold.ParseHostname(in.Hostname)
	if err == nil {
		err = name.CheckClaim()
	}
	if e, ok := errors.AsType[*zonehold.HostnameError](err); ok {
		return nil, false, &app.Error{Kind: app.KindRefused, Field: "hostname", Message: e.Detail}
	}
	for _, d := range s.domains {
		if d.Hostname == name && int(d.Port) == in.Port && d.Scheme == "" {
			return d, false, nil
		}
	}
	if len(s.domains) >= s.limit {
		return nil, false, &app.Error{Kind: app.KindLimit, Limit: s.limit, Message: "The account has too many domains. Delete one first."}
	}
	s.inputs = append(s.inputs, in)
	d := s.add(string(name))
	d.Port, d.BasicUser, d.HasPassword = uint16(in.Port), in.BasicAuthUsername, in.BasicAuthPassword != ""
	if m, ok := s.known[string(name)]; ok {
		verified(d, m)
	} else {
		failed(d, "", zonehold.OutcomeAbsent, nil).LastAttempt.Trigger = zonehold.TriggerCreate
	}
	return d, true, nil
}

// add makes a claim that was never checked.
func (s *fakeService) add(hostname string) *app.Domain {
	s.made++
	d := &app.Domain{
		Domain: zonehold.Domain{
			ID: fmt.Sprintf("dom_06c4b1aaaaaa9k2m4p7%06d0", s.made), AccountID: testAccount, Profile: zonehold.ProfileProbely,
			Hostname: zonehold.Hostname(hostname), State: zonehold.StatePending, DiscoveryEnabled: true,
			Tokens:    zonehold.Tokens{TXT: testToken, CNAME: testToken, File: testToken, Meta: testToken},
			CreatedAt: testTime.Add(time.Duration(s.made) * time.Second),
		},
	}
	s.domains = append(s.domains, d)
	return d
}

var errNoDomain = &app.Error{Kind: app.KindNotFound, Message: "no such domain"}

func (s *fakeService) byRef(ref string) *app.Domain {
	for _, d := range s.domains {
		if d.ID == ref || app.ShortID(d.ID) == ref || string(d.Hostname) == ref {
			return d
		}
	}
	return nil
}

func (s *fakeService) Domain(_ context.Context, a zonehold.Actor, ref string) (*app.Domain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["Domain"]; err != nil {
		return nil, err
	}
	if !a.Allows(zonehold.ScopeDomainsRead) {
		return nil, &app.Error{Kind: app.KindForbidden, Scope: zonehold.ScopeDomainsRead}
	}
	if d := s.byRef(ref); d != nil {
		shown := *d
		return &shown, nil
	}
	return nil, errNoDomain
}

func (s *fakeService) Domains(_ context.Context, _ zonehold.Actor, q app.DomainQuery) (app.Page[*app.Domain], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p app.Page[*app.Domain]
	if err := s.fail["Domains"]; err != nil {
		return p, err
	}
	if q.Limit != -1 || !q.Bare || q.Profile != zonehold.ProfileProbely || q.Sort != "created_at" {
		return p, fmt.Errorf("unexpected query %+v", q)
	}
	for _, d := range s.domains {
		if d.Profile == q.Profile && strings.Contains(string(d.Hostname), q.Text) {
			p.Items = append(p.Items, d)
		}
	}
	return p, nil
}

func (s *fakeService) UpdateDomain(_ context.Context, _ zonehold.Actor, ref string, p app.DomainPatch, _ int64) (*app.Domain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["UpdateDomain"]; err != nil {
		return nil, err
	}
	s.patches = append(s.patches, p)
	d := s.byRef(ref)
	if p.DiscoveryEnabled != nil {
		d.DiscoveryEnabled = *p.DiscoveryEnabled
	}
	if p.BasicAuthUsername != nil {
		d.BasicUser = *p.BasicAuthUsername
	}
	if p.BasicAuthPassword != nil {
		d.HasPassword = *p.BasicAuthPassword != ""
	}
	if p.Port != nil {
		d.Port = uint16(*p.Port)
	}
	return d, nil
}

func (s *fakeService) DeleteDomain(_ context.Context, _ zonehold.Actor, ref string, _ int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["DeleteDomain"]; err != nil {
		return err
	}
	s.domains = slices.DeleteFunc(s.domains, func(d *app.Domain) bool { return d.ID == ref })
	return nil
}

func (s *fakeService) StartAttempt(_ context.Context, _ zonehold.Actor, ref string, m zonehold.Method, trigger zonehold.Trigger) (*app.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["StartAttempt"]; err != nil {
		return nil, err
	}
	d := s.byRef(ref)
	if d == nil {
		return nil, errNoDomain
	}
	if d.Running != nil {
		asked := *d.Running
		return nil, &app.Error{Kind: app.KindConflict, Message: "a check runs", Attempt: &asked}
	}
	s.started = append(s.started, m)
	asked := *start(d, m, trigger)
	return &asked, nil
}

func (s *fakeService) WaitAttempt(ctx context.Context, _ zonehold.Actor, id string) (*app.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["WaitAttempt"]; err != nil {
		return nil, err
	}
	for _, d := range s.domains {
		if d.Running == nil || d.Running.ID != id {
			continue
		}
		if s.stuck {
			<-ctx.Done()
			return d.Running, nil
		}
		s.run(d)
		if s.canceled > 0 {
			s.canceled--
			d.LastAttempt.State, d.LastAttempt.Outcome = zonehold.AttemptCanceled, ""
		}
		ended := d.LastAttempt
		if s.after != nil {
			s.after(d)
		}
		return ended, nil
	}
	return nil, &app.Error{Kind: app.KindNotFound, Message: "no such attempt"}
}

// run ends the check of a domain by what is in place.
func (s *fakeService) run(d *app.Domain) {
	m := d.Running.Method
	placed, ok := s.proof[string(d.Hostname)]
	if ok && (m == "" || m == placed) && d.Running.Trigger != zonehold.TriggerCreate {
		d.Running.Method = placed
		finish(d, zonehold.OutcomeVerified, nil)
		return
	}
	if m == "" {
		d.Running.Method = zonehold.MethodDNSTXT
	}
	p, outcome := s.problem, s.outcome
	if p == nil {
		p = plain[d.Running.Method]
	}
	if outcome == "" {
		outcome = zonehold.OutcomeAbsent
	}
	finish(d, outcome, p)
}

var plain = map[zonehold.Method]*problem.Problem{
	zonehold.MethodDNSTXT:    {Code: "dns_record_missing", Title: "The record is not there", Found: "There is no TXT record at example.com."},
	zonehold.MethodDNSCNAME:  {Code: "cname_missing", Title: "The CNAME record is not there", Found: "There is no CNAME record."},
	zonehold.MethodFile:      {Code: "http_not_found", Title: "The file is not there", Found: "http://example.com/719d01df.txt answered 404."},
	zonehold.MethodMetaTag:   {Code: "meta_missing", Title: "The meta tag is not on the home page", Found: "https://example.com/ has no such tag"},
	zonehold.MethodWhitelist: {Code: "not_whitelisted", Title: "The domain is not on the operator's list", Found: "It is not on the list."},
}

func start(d *app.Domain, m zonehold.Method, trigger zonehold.Trigger) *app.Attempt {
	d.Running = &app.Attempt{Attempt: zonehold.Attempt{
		ID: "att_" + d.ID, DomainID: d.ID, Method: m, Trigger: trigger, State: zonehold.AttemptRunning, StartedAt: testTime.Add(-5400 * time.Millisecond)}}
	return d.Running
}

// finish ends the running check of a domain.
func finish(d *app.Domain, outcome zonehold.Outcome, p *problem.Problem) {
	a := *d.Running
	d.Running = nil
	a.State, a.Outcome, a.FinishedAt, a.Problem = zonehold.AttemptDone, outcome, testTime, p
	d.LastAttempt = &a
	if outcome == zonehold.OutcomeVerified {
		d.State, d.Method, d.VerifiedAt = zonehold.StateVerified, a.Method, testTime
	}
}

// verified proves a claim by a method.
func verified(d *app.Domain, m zonehold.Method) *app.Domain {
	start(d, m, zonehold.TriggerRequest)
	finish(d, zonehold.OutcomeVerified, nil)
	return d
}

func failed(d *app.Domain, m zonehold.Method, o zonehold.Outcome, p *problem.Problem) *app.Domain {
	start(d, m, zonehold.TriggerRequest)
	finish(d, o, p)
	return d
}

// world is a handler over a fresh service.
func world(t testing.TB, cfg Config) (*fakeService, http.Handler) {
	t.Helper()
	s := &fakeService{limit: 1703, fail: map[string]error{}, proof: map[string]zonehold.Method{}, known: map[string]zonehold.Method{}}
	cfg.Service, cfg.Auth = s, fakeAuth{}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	h := New(cfg)
	h.(*handler).wait = 10 * time.Second // no test waits that long
	return s, h
}
