package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// fakeProvider is a provider whose accounts hold what a test says.
type fakeProvider struct {
	method zonehold.Method

	mu    sync.Mutex
	err   error               // of every request
	zones map[string][]string // names of zones by token
	asked int
}

func (p *fakeProvider) set(err error) { p.mu.Lock(); p.err = err; p.mu.Unlock() }

func (p *fakeProvider) Open(id, name string, credentials map[string]string) (verify.ZoneAccount, error) {
	if len(credentials) != 1 || len(credentials["api_token"]) < 4 {
		return nil, fmt.Errorf("%w: api_token is missing", zonehold.ErrProviderCredentials)
	}
	return &fakeAccount{p: p, id: id, name: name, token: credentials["api_token"]}, nil
}

func (p *fakeProvider) Test(ctx context.Context, credentials map[string]string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.err != nil {
		return "", p.err
	}
	token := credentials["api_token"]
	return token[len(token)-4:], ctx.Err()
}

type fakeAccount struct {
	p               *fakeProvider
	id, name, token string
}

func (a *fakeAccount) ID() string                { return a.id }
func (a *fakeAccount) Name() string              { return a.name }
func (a *fakeAccount) Provider() zonehold.Method { return a.p.method }

func (a *fakeAccount) Zones(_ context.Context, names []string) (out []zonehold.HostedZone, err error) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	for _, zone := range a.p.zones[a.token] {
		for _, name := range names {
			if name == zone {
				out = append(out, zonehold.HostedZone{ID: "z_" + zone, Name: zone, Active: true})
			}
		}
	}
	return out, a.p.err
}

// byAccounts proves a claim by the first connected account with its zone,
// without asking the DNS: what the methods ask there is tested with them.
func byAccounts(ctx context.Context, _ *verify.Kit, c verify.Claim) diagnose.Report {
	for _, account := range c.Standing.Accounts {
		zones, err := account.Zones(ctx, []string{string(c.Hostname)})
		if err == nil && len(zones) == 1 {
			r := report(account.Provider(), zonehold.OutcomeVerified)
			r.Source, r.Proves, r.Covers = account.ID(), zonehold.AssuranceRegistrar, zonehold.CoversSubtree
			return r
		}
	}
	return report(zonehold.MethodCloudflare, zonehold.OutcomeAbsent)
}

func token(t string) map[string]string { return map[string]string{"api_token": t} }

func connected(t *testing.T, s *store.Store) (*App, *fakeProvider, zonehold.Actor) {
	t.Helper()
	p := &fakeProvider{method: zonehold.MethodCloudflare, zones: map[string][]string{"token-one": {"example.com"}}}
	a := start1(t, s, Config{
		Providers: map[zonehold.Method]Provider{zonehold.MethodCloudflare: p}, CheckAutomatic: byAccounts, CreateWait: -1,
		Check: func(ctx context.Context, kit *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			return byAccounts(ctx, kit, c)
		},
	}, quick)
	return a, p, actor(t, s, "alpha")
}

func TestConnectProvesAndDisconnectEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, p, who := connected(t, s)
		ctx := t.Context()
		d := create(t, a, who, "example.com")
		c, err := a.Connect(ctx, who, NewConnection{Provider: zonehold.MethodCloudflare, Name: " production ", Credentials: token("token-one")})
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "production" || c.Hint != "-one" || c.TestedAt.IsZero() || c.TestError != "" || !zonehold.ValidID(zonehold.PrefixConnection, c.ID) {
			t.Errorf("connection %+v", c)
		}
		// The waiting claim is looked at by itself.
		got := untilState(t, a, who, d.ID, zonehold.StateVerified)
		if got.ProofSource != c.ID || got.Method != zonehold.MethodCloudflare {
			t.Errorf("rests on %q by %s", got.ProofSource, got.Method)
		}
		other := actor(t, s, "beta")
		for name, err := range map[string]error{
			"remove": a.Disconnect(ctx, other, c.ID, true),
			"test":   func() error { _, err := a.TestConnection(ctx, other, c.ID); return err }(),
			"none":   a.Disconnect(ctx, who, "con_none", true),
			"zero":   a.Disconnect(ctx, who, "\x00", true),
		} {
			if wantKind(t, err, KindNotFound) == nil {
				t.Error(name)
			}
		}
		wantKind(t, a.Disconnect(ctx, who, c.ID, false), KindConflict)
		if list, err := a.Connections(ctx, who); err != nil || len(list) != 1 || *list[0] != *c {
			t.Errorf("list %+v, %v", list, err)
		}
		if err := a.Disconnect(ctx, who, c.ID, true); err != nil {
			t.Fatal(err)
		}
		got = untilState(t, a, who, d.ID, zonehold.StateLapsed)
		if got.Problem == nil || got.Problem.Code != "provider_not_connected" {
			t.Errorf("problem %+v", got.Problem)
		}
		if list, err := a.Connections(ctx, who); err != nil || len(list) != 0 {
			t.Errorf("left %+v, %v", list, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.asked != 1 {
			t.Errorf("the provider was asked %d times", p.asked)
		}
		seen := map[zonehold.EventType]int{}
		events, err := a.Events(ctx, who, "", 500, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen[e.Type]++
			if strings.Contains(string(e.Data), "token-one") {
				t.Errorf("event %s holds the token", e.Type)
			}
		}
		if seen[EventConnectionCreated] != 1 || seen[EventConnectionRemoved] != 1 || seen[zonehold.EventDomainLapsed] != 1 {
			t.Errorf("events %v", seen)
		}
	})
}

func TestConnectRefuses(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a, p, who := connected(t, s)
	ctx := t.Context()
	long := strings.Repeat("x", maxCredentials)
	for name, tt := range map[string]struct {
		in    NewConnection
		field string
	}{
		"no provider":      {NewConnection{Credentials: token("token-one")}, "provider"},
		"unknown provider": {NewConnection{Provider: zonehold.MethodAWSRoute53, Credentials: token("token-one")}, "provider"},
		"not a provider":   {NewConnection{Provider: zonehold.MethodDNSTXT, Credentials: token("token-one")}, "provider"},
		"long name":        {NewConnection{Provider: zonehold.MethodCloudflare, Name: strings.Repeat("ä", 101), Credentials: token("token-one")}, "name"},
		"hidden name":      {NewConnection{Provider: zonehold.MethodCloudflare, Name: "a\u202eb", Credentials: token("token-one")}, "name"},
		"name of bytes":    {NewConnection{Provider: zonehold.MethodCloudflare, Name: "a\xff", Credentials: token("token-one")}, "name"},
		"nothing":          {NewConnection{Provider: zonehold.MethodCloudflare}, "credentials"},
		"other fields":     {NewConnection{Provider: zonehold.MethodCloudflare, Credentials: map[string]string{"api_token": "token-one", "x": "y"}}, "credentials"},
		"far too long":     {NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token(long)}, "credentials"},
	} {
		_, err := a.Connect(ctx, who, tt.in)
		if e := wantKind(t, err, KindInvalid); e.Field != tt.field || strings.Contains(e.Message, "token-one") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if p.asked != 0 {
		t.Errorf("the provider was asked %d times", p.asked)
	}
	for name, tt := range map[string]struct {
		err   error
		code  string
		found string
	}{
		"rejected":    {fmt.Errorf("asking: %w: the token is disabled", zonehold.ErrProviderCredentials), "provider_token_rejected", "the token is disabled"},
		"unavailable": {fmt.Errorf("%w: 503", zonehold.ErrProviderUnavailable), "provider_unavailable", "503"},
		"echo":        {fmt.Errorf("%w: bad token token-one\x1b[31m", zonehold.ErrProviderCredentials), "provider_token_rejected", `bad token …\x1b[31m`},
		"other":       {errors.New("boom"), "provider_unavailable", "boom"},
	} {
		p.set(tt.err)
		_, err := a.Connect(ctx, who, NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token("token-one")})
		kind := KindRefused
		if tt.code == "provider_unavailable" {
			kind = KindUnavailable // so that the same request may be repeated, with its idempotency key too
		}
		e := wantKind(t, err, kind)
		if e.Problem == nil || string(e.Problem.Code) != tt.code || !strings.Contains(e.Problem.Found, tt.found) || strings.Contains(fmt.Sprint(e.Problem, e), "token-one") {
			t.Errorf("%s: %+v", name, e.Problem)
		}
	}
	if list, err := a.Connections(ctx, who); err != nil || len(list) != 0 {
		t.Errorf("stored all the same: %+v, %v", list, err)
	}
	p.set(nil)
	connect := func(name string) (*zonehold.Connection, error) {
		return a.Connect(ctx, who, NewConnection{Provider: zonehold.MethodCloudflare, Name: name, Credentials: token("token-one")})
	}
	names := map[string]bool{}
	for range 3 {
		c, err := connect("")
		if err != nil {
			t.Fatal(err)
		}
		names[c.Name] = true
	}
	if want := map[string]bool{"Cloudflare": true, "Cloudflare 2": true, "Cloudflare 3": true}; !maps.Equal(names, want) {
		t.Errorf("names %v", names)
	}
	asked := p.asked
	_, err := connect("Cloudflare 2")
	wantKind(t, err, KindConflict)
	for i := 3; i < connectionLimit; i++ {
		if _, err := connect(fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = connect("one more")
	if e := wantKind(t, err, KindLimit); e.Limit != connectionLimit {
		t.Errorf("limit %d", e.Limit)
	}
	if p.asked != asked+connectionLimit-3 {
		t.Error("the provider was asked in vain")
	}
	reader := zonehold.Actor{Account: who.Account, Scopes: []zonehold.Scope{zonehold.ScopeDomainsRead}}
	_, err = a.Connect(ctx, reader, NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token("token-one")})
	wantKind(t, err, KindForbidden)
	_, err = a.TestConnection(ctx, reader, "con_x")
	wantKind(t, err, KindForbidden)
	wantKind(t, a.Disconnect(ctx, reader, "con_x", true), KindForbidden)
	_, err = a.Connections(ctx, zonehold.Actor{})
	wantKind(t, err, KindForbidden)
}

func TestConnectionIsTested(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, p, who := connected(t, s)
		ctx := t.Context()
		c, err := a.Connect(ctx, who, NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token("token-one")})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			err  error
			want string
		}{
			{nil, ""},
			{fmt.Errorf("%w: the token token-one has expired.", zonehold.ErrProviderCredentials), "The provider does not accept the credentials: the token … has expired."},
			{fmt.Errorf("%w: no answer", zonehold.ErrProviderUnavailable), "The provider could not be asked: no answer."},
			{nil, ""},
		} {
			p.set(tt.err)
			got, err := a.TestConnection(ctx, who, c.ID)
			if err != nil || got.TestError != tt.want || got.TestedAt.Before(c.TestedAt) {
				t.Errorf("%v: %+v, %v", tt.err, got, err)
			}
			if list, err := a.Connections(ctx, who); err != nil || len(list) != 1 || list[0].TestError != tt.want {
				t.Errorf("%v is stored as %+v, %v", tt.err, list, err)
			}
		}
	})
}

// Credentials that were stored under another key say so, and break nothing.
func TestConnectionUnderAnotherKey(t *testing.T) {
	cfg := store.Config{DataDir: filepath.Join(t.TempDir(), "data"), SecretKey: []byte(strings.Repeat("a", 32))}
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProvider{method: zonehold.MethodCloudflare}
	providers := map[zonehold.Method]Provider{zonehold.MethodCloudflare: p}
	a := make1(t, s, Config{Providers: providers}, quick)
	who := actor(t, s, "alpha")
	c, err := a.Connect(t.Context(), who, NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token("token-one")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.SecretKey = []byte(strings.Repeat("b", 32))
	a = make1(t, storetest.Open(t, cfg), Config{Providers: providers}, quick)
	got, err := a.TestConnection(t.Context(), who, c.ID)
	if err != nil || got.TestError != "They were stored under another secret key of this service; connect the account again." {
		t.Errorf("%+v, %v", got, err)
	}
	accounts, err := a.zoneAccounts(t.Context(), who.Account.ID)
	if err != nil || len(accounts) != 1 || accounts[0].ID() != c.ID || accounts[0].Name() != c.Name || accounts[0].Provider() != zonehold.MethodCloudflare {
		t.Fatalf("accounts %+v, %v", accounts, err)
	}
	if _, err := accounts[0].Zones(t.Context(), nil); !errors.Is(err, zonehold.ErrProviderCredentials) {
		t.Errorf("its zones: %v", err)
	}
	// A provider that the operator took away.
	a = make1(t, a.store, Config{}, quick)
	if accounts, err := a.zoneAccounts(t.Context(), who.Account.ID); err != nil || len(accounts) != 0 {
		t.Errorf("without the provider: %+v, %v", accounts, err)
	}
	if got, err := a.TestConnection(t.Context(), who, c.ID); err != nil || got.TestError == "" {
		t.Errorf("without the provider: %+v, %v", got, err)
	}
	if err := a.Disconnect(t.Context(), who, c.ID, false); err != nil {
		t.Errorf("it cannot be removed: %v", err)
	}
}
