package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

const (
	policyID     = "pol_06c4b1q2v8h3k5n7p9r1s3t5u0"
	delegationID = "del_06c4b1q2v8h3k5n7p9r1s3t5u0"
	connectionID = "con_06c4b1q2v8h3k5n7p9r1s3t5u0"
)

// grants is an app.Grants for the shapes of HTTP, as service is.
type grants struct {
	addPolicy    func(in app.NewPolicy) (*zonehold.Policy, error)
	policies     func(q app.PolicyQuery) (app.Page[*zonehold.Policy], error)
	revokePolicy func(id, by, reason string) (*zonehold.Policy, int, error)

	delegate    func(in app.NewDelegation) (*app.Delegation, error)
	delegations func(q app.DelegationQuery) (app.Page[*app.Delegation], error)
	undelegate  func(id, reason string) (*app.Delegation, error)

	connect    func(in app.NewConnection) (*zonehold.Connection, error)
	test       func(id string) (*zonehold.Connection, error)
	disconnect func(id string, force bool) error

	addMailbox    func(address string) (*zonehold.Mailbox, error)
	confirm       func(address, code string) (*zonehold.Mailbox, error)
	removeMailbox func(address string, force bool) error
	mailCode      func(ref, mailbox string) (*app.MailCode, error)
	confirmCode   func(ref, code string) (*app.Attempt, error)
}

var _ app.Grants = (*grants)(nil)

func (g *grants) AddPolicy(_ context.Context, _ zonehold.Actor, in app.NewPolicy) (*zonehold.Policy, error) {
	return g.addPolicy(in)
}

func (g *grants) Policies(_ context.Context, _ zonehold.Actor, q app.PolicyQuery) (app.Page[*zonehold.Policy], error) {
	return g.policies(q)
}

func (g *grants) RevokePolicy(_ context.Context, _ zonehold.Actor, id, by, reason string) (*zonehold.Policy, int, error) {
	return g.revokePolicy(id, by, reason)
}

func (g *grants) Delegate(_ context.Context, _ zonehold.Actor, in app.NewDelegation) (*app.Delegation, error) {
	return g.delegate(in)
}

func (g *grants) Delegations(_ context.Context, _ zonehold.Actor, q app.DelegationQuery) (app.Page[*app.Delegation], error) {
	return g.delegations(q)
}

func (g *grants) RevokeDelegation(_ context.Context, _ zonehold.Actor, id, reason string) (*app.Delegation, error) {
	return g.undelegate(id, reason)
}

func (g *grants) Connect(_ context.Context, _ zonehold.Actor, in app.NewConnection) (*zonehold.Connection, error) {
	return g.connect(in)
}

func (g *grants) Connections(context.Context, zonehold.Actor) ([]*zonehold.Connection, error) {
	broken := aConnection()
	broken.TestError = "The provider does not accept the credentials."
	return []*zonehold.Connection{aConnection(), broken}, nil
}

func (g *grants) TestConnection(_ context.Context, _ zonehold.Actor, id string) (*zonehold.Connection, error) {
	return g.test(id)
}

func (g *grants) Disconnect(_ context.Context, _ zonehold.Actor, id string, force bool) error {
	return g.disconnect(id, force)
}

func (g *grants) Mailboxes(context.Context, zonehold.Actor) ([]*zonehold.Mailbox, error) {
	return []*zonehold.Mailbox{
		{AccountID: anna.ID, Address: "anna@example.com", ConfirmedAt: t0, ConfirmedBy: "operator", CreatedAt: t0},
		{AccountID: anna.ID, Address: "anna@example.net", CreatedAt: t0},
	}, nil
}

func (g *grants) AddMailbox(_ context.Context, _ zonehold.Actor, address string) (*zonehold.Mailbox, error) {
	return g.addMailbox(address)
}

func (g *grants) ConfirmMailbox(_ context.Context, _ zonehold.Actor, address, code string) (*zonehold.Mailbox, error) {
	return g.confirm(address, code)
}

func (g *grants) RemoveMailbox(_ context.Context, _ zonehold.Actor, address string, force bool) error {
	return g.removeMailbox(address, force)
}

func (g *grants) MailCode(_ context.Context, _ zonehold.Actor, ref, mailbox string) (*app.MailCode, error) {
	return g.mailCode(ref, mailbox)
}

func (g *grants) ConfirmMailCode(_ context.Context, _ zonehold.Actor, ref, code string) (*app.Attempt, error) {
	return g.confirmCode(ref, code)
}

func aPolicy() *zonehold.Policy {
	return &zonehold.Policy{
		ID: policyID, Method: zonehold.MethodWhitelist, Pattern: "*.example.com", AccountID: anna.ID, Actor: "carol",
		Reason: "contract 17", CreatedAt: t0, ExpiresAt: t0.AddDate(100, 0, 0),
	}
}

func aDelegation() *app.Delegation {
	return &app.Delegation{
		Delegation: zonehold.Delegation{
			ID: delegationID, DomainID: domainID, FromAccount: anna.ID, ToAccount: "acc_06c4b1q2v8h3k5n7p9r1s3t5v0",
			Hostname: "shop.example.com", CreatedAt: t0,
		},
		FromName: "anna", ToName: "agency", InForce: true, Given: true,
	}
}

func aConnection() *zonehold.Connection {
	return &zonehold.Connection{
		ID: connectionID, AccountID: anna.ID, Provider: zonehold.MethodAWSRoute53, Name: "production", Hint: "…7EXA",
		TestedAt: t0, CreatedAt: t0,
	}
}

func expect[T any](want, got T) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New(diff)
	}
	return nil
}

var grantCases = []wireCase{
	{"policy_create", "POST /v1/policies", `{"method":"whitelist","pattern":"*.Example.com","account":"anna","by":"carol","reason":"contract 17","expires_at":"2126-11-21T12:00:00.123456Z"}`, []string{operator}, func(b *bench) {
		b.grants.addPolicy = func(in app.NewPolicy) (*zonehold.Policy, error) {
			return aPolicy(), expect(app.NewPolicy{Method: "whitelist", Pattern: "*.Example.com", Account: "anna", By: "carol", Reason: "contract 17", ExpiresAt: t0.AddDate(100, 0, 0)}, in)
		}
	}},
	{"policy_create_bad_pattern", "POST /v1/policies", `{"method":"whitelist","pattern":"*.co.uk","by":"carol","reason":"r"}`, []string{operator}, func(b *bench) {
		b.grants.addPolicy = func(app.NewPolicy) (*zonehold.Policy, error) {
			e := refusal(app.KindInvalid, "a pattern must not cover a whole public suffix")
			e.Field = "pattern"
			return nil, e
		}
	}},
	{"policy_create_bad_fields", "POST /v1/policies", `{"method":"dns_txt","pattern":"a.example","reason":"","expires_at":"s3cret"}`, []string{operator}, nil},
	{"policy_create_admin", "POST /v1/policies", `{"method":"whitelist","pattern":"example.com","by":"anna","reason":"mine"}`, []string{all}, nil},
	{"policy_list", "GET /v1/policies?method=waved&domain=example.com&all=true&limit=1", "", []string{operator}, func(b *bench) {
		b.grants.policies = func(q app.PolicyQuery) (app.Page[*zonehold.Policy], error) {
			p := aPolicy()
			p.AccountID, p.ExpiresAt, p.RevokedAt, p.RevokedBy = "", time.Time{}, t0, "carol"
			return app.Page[*zonehold.Policy]{Items: []*zonehold.Policy{p}, NextCursor: "next"},
				expect(app.PolicyQuery{Method: "waved", Domain: "example.com", All: true, Limit: 1}, q)
		}
	}},
	{"policy_get", "GET /v1/policies/" + policyID, "", []string{operator}, func(b *bench) {
		b.grants.policies = func(q app.PolicyQuery) (app.Page[*zonehold.Policy], error) {
			if q.Cursor == "" { // it is on the second page
				other := aPolicy()
				other.ID = "pol_06c4b1q2v8h3k5n7p9r1s3t5v0"
				return app.Page[*zonehold.Policy]{Items: []*zonehold.Policy{other}, NextCursor: "next"}, nil
			}
			return app.Page[*zonehold.Policy]{Items: []*zonehold.Policy{aPolicy()}}, nil
		}
	}},
	{"policy_get_unknown", "GET /v1/policies/" + policyID, "", []string{operator}, func(b *bench) {
		b.grants.policies = func(app.PolicyQuery) (app.Page[*zonehold.Policy], error) { return app.Page[*zonehold.Policy]{}, nil }
	}},
	{"policy_get_bad_id", "GET /v1/policies/s3cret", "", []string{operator}, nil},
	{"policy_revoke", "DELETE /v1/policies/" + policyID + "?reason=contract+over", "", []string{operator}, func(b *bench) {
		b.grants.revokePolicy = func(id, by, reason string) (*zonehold.Policy, int, error) {
			p := aPolicy()
			p.RevokedAt, p.RevokedBy = t0.Add(time.Hour), "anna"
			return p, 3, expect([]string{policyID, "anna", "contract over"}, []string{id, by, reason})
		}
	}},
	{"policy_revoke_bad_id", "DELETE /v1/policies/s3cret", "", []string{operator}, nil},

	{"delegation_create", "POST /v1/delegations", `{"domain":"example.com","hostname":"shop.example.com","account":"agency","reason":"campaign","expires_at":"2026-12-31T00:00:00+01:00"}`, []string{write}, func(b *bench) {
		b.grants.delegate = func(in app.NewDelegation) (*app.Delegation, error) {
			return aDelegation(), expect(app.NewDelegation{Domain: "example.com", Hostname: "shop.example.com", Account: "agency", Reason: "campaign", ExpiresAt: time.Date(2026, 12, 30, 23, 0, 0, 0, time.UTC)}, in)
		}
	}},
	{"delegation_create_unproved", "POST /v1/delegations", `{"domain":"example.com","account":"agency"}`, []string{write}, func(b *bench) {
		b.grants.delegate = func(app.NewDelegation) (*app.Delegation, error) {
			return nil, refusal(app.KindConflict, "the domain is not proved")
		}
	}},
	{"delegation_create_to_oneself", "POST /v1/delegations", `{"domain":"example.com","account":"anna"}`, []string{write}, func(b *bench) {
		b.grants.delegate = func(app.NewDelegation) (*app.Delegation, error) {
			e := refusal(app.KindInvalid, "the right would go to the account that has it")
			e.Field = "account"
			return nil, e
		}
	}},
	{"delegation_list", "GET /v1/delegations?domain=example.com&direction=received&all=true", "", []string{read}, func(b *bench) {
		b.grants.delegations = func(q app.DelegationQuery) (app.Page[*app.Delegation], error) {
			d := aDelegation()
			d.Given, d.InForce, d.RevokedAt, d.RevokeReason = false, false, t0, "campaign over"
			return app.Page[*app.Delegation]{Items: []*app.Delegation{d}},
				expect(app.DelegationQuery{Domain: "example.com", Direction: "received", All: true, Limit: 50}, q)
		}
	}},
	{"delegation_list_bad_direction", "GET /v1/delegations?direction=s3cret", "", []string{read}, nil},
	{"delegation_revoke", "DELETE /v1/delegations/" + delegationID + "?reason=campaign+over", "", []string{write}, func(b *bench) {
		b.grants.undelegate = func(id, reason string) (*app.Delegation, error) {
			d := aDelegation()
			d.InForce, d.RevokedAt, d.RevokeReason = false, t0, reason
			return d, expect(delegationID, id)
		}
	}},
	{"delegation_revoke_bad_id", "DELETE /v1/delegations/del_1", "", []string{write}, nil},

	{"connection_create", "POST /v1/connections", `{"provider":"aws_route53","name":"production","credentials":{"access_key_id":"AKIA7EXA","secret_access_key":"s3cret"}}`, []string{write, "Idempotency-Key: k1"}, func(b *bench) {
		b.grants.connect = func(in app.NewConnection) (*zonehold.Connection, error) {
			return aConnection(), expect(app.NewConnection{Provider: "aws_route53", Name: "production", Credentials: map[string]string{"access_key_id": "AKIA7EXA", "secret_access_key": "s3cret"}}, in)
		}
	}},
	{"connection_create_refused", "POST /v1/connections", `{"provider":"cloudflare","credentials":{"api_token":"s3cret"}}`, []string{write}, func(b *bench) {
		b.grants.connect = func(app.NewConnection) (*zonehold.Connection, error) {
			e := refusal(app.KindRefused, "Cloudflare does not accept the token.")
			e.Field = "credentials"
			e.Problem = &problem.Problem{Code: "provider_credentials", Severity: "error", Title: "The provider does not accept the credentials", Fixes: []string{"Make a new token"}, WhoActs: "owner", DocsURL: "/docs/problems#provider_credentials"}
			return nil, e
		}
	}},
	{"connection_create_bad_fields", "POST /v1/connections", `{"provider":"s3cret","credentials":{"api_token":5},"label":"s3cret"}`, []string{write}, nil},
	{"connection_create_no_credentials", "POST /v1/connections", `{"provider":"cloudflare","credentials":{}}`, []string{write}, nil},
	{"connection_list", "GET /v1/connections", "", []string{read}, nil},
	{"connection_test", "POST /v1/connections/" + connectionID + "/test", "", []string{write}, func(b *bench) {
		b.grants.test = func(id string) (*zonehold.Connection, error) {
			c := aConnection()
			c.TestError = "The provider does not answer."
			return c, expect(connectionID, id)
		}
	}},
	{"connection_test_bad_id", "POST /v1/connections/con_1/test", "", []string{write}, nil},
	{"connection_delete_in_use", "DELETE /v1/connections/" + connectionID, "", []string{write}, func(b *bench) {
		b.grants.disconnect = func(string, bool) error { return refusal(app.KindConflict, "2 proofs rest on this account") }
	}},
	{"connection_delete", "DELETE /v1/connections/" + connectionID + "?force=true", "", []string{write}, func(b *bench) {
		b.grants.disconnect = func(id string, force bool) error {
			return expect(fmt.Sprint(connectionID, true), fmt.Sprint(id, force))
		}
	}},

	{"mailbox_list", "GET /v1/mailboxes", "", []string{read}, nil},
	{"mailbox_create", "POST /v1/mailboxes", `{"address":"Anna@Example.net"}`, []string{write}, func(b *bench) {
		b.grants.addMailbox = func(address string) (*zonehold.Mailbox, error) {
			return &zonehold.Mailbox{Address: "Anna@example.net", CreatedAt: t0}, expect("Anna@Example.net", address)
		}
	}},
	{"mailbox_create_mail_off", "POST /v1/mailboxes", `{"address":"anna@example.net"}`, []string{write}, func(b *bench) {
		b.grants.addMailbox = func(string) (*zonehold.Mailbox, error) {
			e := refusal(app.KindUnavailable, "this server sends no mail")
			e.Problem = &problem.Problem{Code: "mail_off", Severity: "error", Title: "Mail is off", WhoActs: "us", DocsURL: "/docs/problems#mail_off"}
			return nil, e
		}
	}},
	{"mailbox_confirm", "POST /v1/mailboxes/anna+x%40example.net/confirm", `{"code":"123456"}`, []string{write}, func(b *bench) {
		b.grants.confirm = func(address, code string) (*zonehold.Mailbox, error) {
			return &zonehold.Mailbox{Address: address, ConfirmedAt: t0, ConfirmedBy: "code", CreatedAt: t0},
				expect([]string{"anna+x@example.net", "123456"}, []string{address, code})
		}
	}},
	{"mailbox_confirm_wrong", "POST /v1/mailboxes/anna@example.net/confirm", `{"code":"s3cret"}`, []string{write}, func(b *bench) {
		b.grants.confirm = func(string, string) (*zonehold.Mailbox, error) { return nil, wrongCode() }
	}},
	{"mailbox_confirm_by_get", "GET /v1/mailboxes/anna@example.net/confirm?code=s3cret", "", []string{write}, nil},
	{"mailbox_confirm_no_code", "POST /v1/mailboxes/anna@example.net/confirm", `{}`, []string{write}, nil},
	{"mailbox_delete_in_use", "DELETE /v1/mailboxes/anna@example.com", "", []string{write}, func(b *bench) {
		b.grants.removeMailbox = func(string, bool) error { return refusal(app.KindConflict, "a proof rests on this address") }
	}},
	{"mailbox_delete", "DELETE /v1/mailboxes/anna@example.com?force=true", "", []string{write}, func(b *bench) {
		b.grants.removeMailbox = func(address string, force bool) error {
			return expect("anna@example.com true", fmt.Sprint(address, " ", force))
		}
	}},
	{"mail_code", "POST /v1/domains/example.com/mail-code", `{"mailbox":"hostmaster"}`, []string{check}, func(b *bench) {
		b.grants.mailCode = func(ref, mailbox string) (*app.MailCode, error) {
			return &app.MailCode{DomainID: domainID, Address: "hostmaster@example.com", SentAt: t0, ExpiresAt: t0.Add(time.Hour)},
				expect([]string{"example.com", "hostmaster"}, []string{ref, mailbox})
		}
	}},
	{"mail_code_other_mailbox", "POST /v1/domains/example.com/mail-code", `{"mailbox":"s3cret"}`, []string{check}, nil},
	{"mail_code_confirm", "POST /v1/domains/example.com/mail-code/confirm", `{"code":"123456"}`, []string{check}, func(b *bench) {
		b.grants.confirmCode = func(ref, code string) (*app.Attempt, error) {
			a := attemptIn(zonehold.AttemptDone)
			a.Method, a.Outcome, a.Problem, a.Notes, a.Steps = zonehold.MethodEmail, zonehold.OutcomeVerified, nil, nil, nil
			return a, expect([]string{"example.com", "123456"}, []string{ref, code})
		}
	}},
	{"mail_code_confirm_wrong", "POST /v1/domains/example.com/mail-code/confirm", `{"code":"s3cret"}`, []string{check}, func(b *bench) {
		b.grants.confirmCode = func(string, string) (*app.Attempt, error) { return nil, wrongCode() }
	}},
	{"mail_code_confirm_by_get", "GET /v1/domains/example.com/mail-code/confirm?code=s3cret", "", []string{check}, nil},
	{"mail_code_scope", "POST /v1/domains/example.com/mail-code", `{"mailbox":"hostmaster"}`, []string{write}, nil},
}

func wrongCode() error {
	e := refusal(app.KindRefused, "This is not the code that was mailed last.")
	e.Field = "code"
	e.Problem = &problem.Problem{Code: "mail_code_wrong", Severity: "error", Title: "The code is wrong", Fixes: []string{"Have a new one mailed"}, WhoActs: "owner", DocsURL: "/docs/problems#mail_code_wrong"}
	return e
}

// Credentials and codes are in no reply, no log and no kept reply, and a
// repeated request does not connect or mail again.
func TestSecretsOfGrants(t *testing.T) {
	b := newBench()
	calls := 0
	b.grants.connect = func(in app.NewConnection) (*zonehold.Connection, error) {
		calls++
		return aConnection(), nil
	}
	body := `{"provider":"aws_route53","credentials":{"access_key_id":"AKIA7EXA","secret_access_key":"s3cret"}}`
	for range 2 {
		w := b.do(request("POST /v1/connections", body, write, "Idempotency-Key: k1"))
		if w.Code != http.StatusCreated || strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), "AKIA") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls for one key", calls)
	}
	for key, r := range b.keys.replies {
		if strings.Contains(fmt.Sprint(key, r.Header, string(r.Body)), "s3cret") {
			t.Errorf("the secret is kept: %s", r.Body)
		}
	}
	other := strings.Replace(body, "s3cret", "an0ther", 1)
	if w := b.do(request("POST /v1/connections", other, write, "Idempotency-Key: k1")); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("other credentials under the same key: %d", w.Code)
	}
	b.grants.connect = func(app.NewConnection) (*zonehold.Connection, error) { panic("broken") }
	b.do(request("POST /v1/connections", body, write))
	if strings.Contains(b.log.String(), "s3cret") {
		t.Errorf("the log has the secret: %s", b.log)
	}
}

// Without the use cases their calls are not there.
func TestNoGrants(t *testing.T) {
	b := newBench()
	s := newServer(Config{Service: b.svc, Auth: b.tokens, Version: "v1"})
	for path := range s.doc.Paths {
		for _, part := range []string{"policies", "delegations", "connections", "mail"} {
			if strings.Contains(path, part) {
				t.Errorf("%s is there", path)
			}
		}
	}
}

// Any body of a call that takes credentials gives a reply in our shape that
// does not hold them.
func FuzzCreateConnection(f *testing.F) {
	for _, s := range []string{
		`{"provider":"cloudflare","credentials":{"api_token":"hunter2hunter2"}}`, `{"provider":"hunter2hunter2","credentials":{"hunter2hunter2":5}}`,
		`{"credentials":"hunter2hunter2"}`, `{"provider":"cloudflare","credentials":{"a":"hunter2hunter2","a":"hunter2hunter2"}}`, `[`, "\xff",
	} {
		f.Add([]byte(s))
	}
	b := newBench()
	b.server.limiter = newLimiter(Limits{Writes: -1})
	f.Fuzz(func(t *testing.T, body []byte) {
		b.grants.connect = func(in app.NewConnection) (*zonehold.Connection, error) {
			if in.Provider != "aws_route53" && in.Provider != "cloudflare" || len(in.Credentials) == 0 || len(in.Credentials) > 16 {
				t.Errorf("reached the use case: %+v", in)
			}
			return aConnection(), nil
		}
		w := b.do(request("POST /v1/connections", string(body), write))
		if w.Code >= 500 || strings.Contains(w.Body.String(), `"hunter2hunter2"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
