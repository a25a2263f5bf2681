package httpapi

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

// outbox is a mailer that keeps the code of the last mail to an address.
type outbox struct {
	mu    sync.Mutex
	codes map[string]string
}

var mailedCode = regexp.MustCompile(`(?m)^ +([0-9A-Z]{5}-[0-9A-Z]{5})$`)

func (o *outbox) Send(_ context.Context, to, _, text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.HasPrefix(to, "nobody@") {
		return fmt.Errorf("%w: 5.1.1 no such user", app.ErrMailRefused)
	}
	m := mailedCode.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("no code in %q", text)
	}
	o.codes[to] = m[1]
	return nil
}

func (o *outbox) code(to string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.codes[to]
}

// bank is a provider that knows one token.
type bank struct{}

func (bank) Open(id, name string, credentials map[string]string) (verify.ZoneAccount, error) {
	return vault{id, name}, nil
}

func (bank) Test(_ context.Context, credentials map[string]string) (string, error) {
	if credentials["api_token"] != "the-right-token" {
		return "", fmt.Errorf("%w: unknown token %s", zonehold.ErrProviderCredentials, credentials["api_token"])
	}
	return "oken", nil
}

type vault struct{ id, name string }

func (v vault) ID() string              { return v.id }
func (v vault) Name() string            { return v.name }
func (vault) Provider() zonehold.Method { return zonehold.MethodCloudflare }
func (vault) Zones(context.Context, []string) ([]zonehold.HostedZone, error) {
	return nil, nil
}

// newGrants is the whole service with its own checks, which ask no network
// for what is on record.
func newGrants(t *testing.T, s *store.Store) (*real, *outbox) {
	t.Helper()
	if err := s.Lock(); err != nil {
		t.Fatal(err)
	}
	r, mail := &real{auth: auth.New(s)}, &outbox{codes: map[string]string{}}
	a, err := app.New(app.Config{
		Store: s, Kit: &verify.Kit{}, Worker: true, Mail: mail, Providers: map[zonehold.Method]app.Provider{zonehold.MethodCloudflare: bank{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(Config{Service: a, Grants: a, Bundles: a, Auth: r.auth, Idempotency: a, Version: "test", DomainVersion: a.DomainVersion, Stamp: a.Stamp}))
	t.Cleanup(func() {
		a.Drain()
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stopping: %v", err)
		}
		r.auth.Close()
	})
	r.url = srv.URL
	if r.account, err = r.auth.CreateAccount(t.Context(), "anna", "", false); err != nil {
		t.Fatal(err)
	}
	r.client = r.as(t, r.account.ID, zonehold.ScopeAdmin)
	return r, mail
}

func becomes(t *testing.T, c *client.Client, ref, state string) *api.Domain {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		d := must(c.Domain(t.Context(), ref))
		if d.State == state {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not become %s: %+v", ref, state, d)
		}
	}
}

// must ends the test by a panic: the calls around it take one value.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestGrantsFlow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r, mail := newGrants(t, s)
		ctx, anna := t.Context(), r.client
		other := must(r.auth.CreateAccount(ctx, "bert", "", false))
		bert := r.as(t, other.ID, auth.DefaultScopes()...)
		boss := r.as(t, r.account.ID, zonehold.ScopeOperator)

		// Policies are the operator's, whatever else a token may do.
		_, err := anna.CreatePolicy(ctx, api.CreatePolicy{Method: "back_office", Pattern: "anna-shop.com", Account: "anna", By: "carol", Reason: "deed"})
		if e := wantError(t, err, 403, "scope_missing"); e.Scope != "operator" {
			t.Errorf("%+v", e)
		}
		_, err = boss.Domains(ctx, client.DomainQuery{})
		wantError(t, err, 403, "scope_missing")
		_, err = anna.CreateToken(ctx, api.CreateToken{Name: "x", Scopes: []string{"operator"}})
		wantError(t, err, 422, "validation_failed")
		p := must(boss.CreatePolicy(ctx, api.CreatePolicy{Method: "back_office", Pattern: "anna-shop.com", Account: "anna", By: "carol", Reason: "deed"}))
		if got := must(boss.Policy(ctx, p.ID)); !cmp.Equal(got, p) {
			t.Errorf("%+v, want %+v", got, p)
		}
		if _, _, err := anna.CreateDomain(ctx, api.CreateDomain{Hostname: "anna-shop.com"}); err != nil {
			t.Fatal(err)
		}
		d := becomes(t, anna, "anna-shop.com", "verified")
		if *d.Method != "back_office" || *d.Assurance != "operator" || *d.Covers != "host" || *d.ProofSource != p.ID {
			t.Errorf("%+v", d)
		}

		// A right, taken and taken back.
		_, err = anna.Delegate(ctx, api.CreateDelegation{Domain: "anna-shop.com", Account: "anna"})
		wantError(t, err, 422, "validation_failed")
		_, err = anna.Delegate(ctx, api.CreateDelegation{Domain: "nowhere-shop.com", Account: "bert"})
		wantError(t, err, 404, "not_found")
		given := must(anna.Delegate(ctx, api.CreateDelegation{Domain: d.ID, Account: "bert", Reason: "agency"}))
		if _, _, err := bert.CreateDomain(ctx, api.CreateDomain{Hostname: "anna-shop.com"}); err != nil {
			t.Fatal(err)
		}
		becomes(t, bert, "anna-shop.com", "verified")
		_, err = bert.Delegate(ctx, api.CreateDelegation{Domain: "anna-shop.com", Account: "anna"})
		wantError(t, err, 409, "conflict")
		n := 0
		for got, err := range bert.AllDelegations(ctx, client.DelegationQuery{Direction: "received"}) {
			if n++; err != nil || got.ID != given.ID || got.Given || got.DomainID != nil || got.FromName != "anna" {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if n != 1 {
			t.Errorf("%d delegations", n)
		}
		_, err = r.as(t, must(r.auth.CreateAccount(ctx, "carl", "", false)).ID, auth.DefaultScopes()...).RevokeDelegation(ctx, given.ID, "")
		wantError(t, err, 404, "not_found")
		if got := must(anna.RevokeDelegation(ctx, given.ID, "over")); got.InForce || *got.RevokeReason != "over" {
			t.Errorf("%+v", got)
		}
		if d := must(bert.Domain(ctx, "anna-shop.com")); d.State != "lapsed" || d.Problem == nil || d.Problem.Code != "delegation_cancelled" {
			t.Errorf("%+v", d)
		}
		if got := must(boss.RevokePolicy(ctx, p.ID, "", "forged")); got.Lapsed != 1 || *got.RevokedBy != "anna" {
			t.Errorf("%+v", got)
		}
		if d := must(anna.Domain(ctx, d.ID)); d.Verified {
			t.Errorf("after the end of the policy: %+v", d)
		}

		// A mail address.
		_, err = anna.AddMailbox(ctx, "nobody@anna-shop.com")
		if e := wantError(t, err, 422, "mail_not_delivered"); e.Problem == nil {
			t.Errorf("%+v", e)
		}
		const address = "anna+x@anna-shop.com"
		if m := must(anna.AddMailbox(ctx, address)); m.Confirmed {
			t.Errorf("%+v", m)
		}
		_, err = anna.ConfirmMailbox(ctx, address, "AAAAA-AAAAA")
		wantError(t, err, 422, "mail_code_wrong")
		_, err = bert.ConfirmMailbox(ctx, address, mail.code(address))
		if err == nil {
			t.Error("another account confirmed it")
		}
		if m := must(anna.ConfirmMailbox(ctx, address, mail.code(address))); !m.Confirmed {
			t.Errorf("%+v", m)
		}
		if d := becomes(t, anna, "anna-shop.com", "verified"); *d.Method != "email" || *d.Assurance != "mailbox" || *d.ProofSource != address {
			t.Errorf("%+v", d)
		}
		if e := wantError(t, anna.RemoveMailbox(ctx, address, false), 409, "conflict"); len(e.Fixes) == 0 {
			t.Errorf("%+v", e)
		}
		if err := anna.RemoveMailbox(ctx, address, true); err != nil {
			t.Error(err)
		}
		if got := must(anna.Mailboxes(ctx)); len(got) != 0 {
			t.Errorf("%+v", got)
		}

		// An account at a provider.
		_, err = anna.Connect(ctx, api.CreateConnection{Provider: "cloudflare", Credentials: map[string]string{"api_token": "hunter2hunter2"}})
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
			t.Errorf("wrong credentials: %+v", err)
		}
		con := must(anna.Connect(ctx, api.CreateConnection{Provider: "cloudflare", Credentials: map[string]string{"api_token": "the-right-token"}}))
		if !con.Works || con.Name == "" || *con.Hint != "oken" {
			t.Errorf("%+v", con)
		}
		if got := must(anna.TestConnection(ctx, con.ID)); !got.Works {
			t.Errorf("%+v", got)
		}
		_, err = bert.TestConnection(ctx, con.ID)
		wantError(t, err, 404, "not_found")
		wantError(t, bert.Disconnect(ctx, con.ID, true), 404, "not_found")
		if got := must(anna.Connections(ctx)); len(got) != 1 {
			t.Errorf("%+v", got)
		}
		if err := anna.Disconnect(ctx, con.ID, false); err != nil {
			t.Error(err)
		}
	})
}
