package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// actions lists what the log has of an actor's account, oldest first, and
// checks that each entry names the request.
func actions(t *testing.T, a *App, who zonehold.Actor) (out []string) {
	t.Helper()
	page, err := a.Audit(t.Context(), who, AuditQuery{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Items {
		if e.By != store.ByToken || e.TokenID != who.TokenID || e.RequestID != "req-1" || e.Address != "45.0.0.9" || e.AccountID != who.Account.ID || e.At.IsZero() {
			t.Errorf("entry %+v", e)
		}
		out = append(out, e.Action)
	}
	slices.Reverse(out)
	return out
}

func traced(who zonehold.Actor) zonehold.Actor {
	who.RequestID, who.Address = "req-1", "45.0.0.9"
	return who
}

// Each use case that changes something leaves one entry, and one that fails
// leaves none.
func TestAuditOfEveryUseCase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		provider := &fakeProvider{method: zonehold.MethodCloudflare}
		p := newPost(t, s, Config{Providers: map[zonehold.Method]Provider{zonehold.MethodCloudflare: provider}, Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)})
		ctx, who, other := t.Context(), traced(actor(t, s, "anna")), traced(actor(t, s, "bert"))
		who.Scopes = append(who.Scopes, zonehold.ScopeOperator)
		did := 0
		one := func(action string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", action, err)
			}
			did++
			if got := actions(t, p.App, who); len(got) != did || got[did-1] != action {
				t.Errorf("after %s the log has %v", action, got)
				did = len(got)
			}
		}
		none := func(what string, err error) {
			t.Helper()
			if err == nil {
				t.Fatalf("%s went well", what)
			}
			if got := actions(t, p.App, who); len(got) != did {
				t.Errorf("after %s the log has %v", what, got)
				did = len(got)
			}
		}
		d, _, err := p.CreateDomain(ctx, who, CreateDomain{Hostname: "example.org"})
		one("domain.create", err)
		if _, created, err := p.CreateDomain(ctx, who, CreateDomain{Hostname: "example.org"}); err != nil || created {
			t.Fatal(created, err)
		}
		tags := []string{"prod"}
		_, err = p.UpdateDomain(ctx, who, d.ID, DomainPatch{Tags: &tags}, 0)
		one("domain.update", err)
		_, err = p.UpdateDomain(ctx, who, d.ID, DomainPatch{Tags: &tags}, 1)
		none("an update of an old version", err)
		_, err = p.UpdateDomain(ctx, who, d.ID, DomainPatch{Tags: &tags}, 0)
		if err != nil || len(actions(t, p.App, who)) != did {
			t.Errorf("an update that changes nothing: %v", err)
		}
		at, err := p.StartAttempt(ctx, who, d.ID, zonehold.MethodDNSTXT, "")
		one("attempt.start", err)
		wait(t, p.App, who, at.ID)
		_, err = p.StartAttempt(ctx, who, "example.net", "", "")
		none("a check of no domain", err)
		del, err := p.Delegate(ctx, who, NewDelegation{Domain: d.ID, Account: other.Account.ID, Reason: "shared"})
		one("delegation.create", err)
		_, err = p.Delegate(ctx, who, NewDelegation{Domain: d.ID, Account: other.Account.ID})
		none("a delegation twice", err)
		_, err = p.RevokeDelegation(ctx, who, del.ID, "over")
		one("delegation.revoke", err)
		pol, err := p.AddPolicy(ctx, who, NewPolicy{Method: zonehold.MethodWhitelist, Pattern: "*.example.net", By: "carol", Reason: "contract"})
		one("policy.create", err)
		_, _, err = p.RevokePolicy(ctx, who, pol.ID, "carol", "over")
		one("policy.revoke", err)
		con, err := p.Connect(ctx, who, NewConnection{Provider: zonehold.MethodCloudflare, Credentials: token("secret-token")})
		one("connection.create", err)
		_, err = p.TestConnection(ctx, who, con.ID)
		one("connection.test", err)
		one("connection.delete", p.Disconnect(ctx, who, con.ID, false))
		none("disconnecting again", p.Disconnect(ctx, who, con.ID, false))
		_, err = p.AddMailbox(ctx, who, "anna@example.com")
		one("mailbox.create", err)
		code := p.code("anna@example.com")
		_, err = p.ConfirmMailbox(ctx, who, "anna@example.com", wrong(code))
		none("a wrong code", err)
		_, err = p.ConfirmMailbox(ctx, who, "anna@example.com", code)
		one("mailbox.confirm", err)
		one("mailbox.delete", p.RemoveMailbox(ctx, who, "anna@example.com", false))
		mine, _, err := p.CreateDomain(ctx, who, CreateDomain{Hostname: "example.com"})
		one("domain.create", err)
		_, err = p.MailCode(ctx, who, mine.ID, "admin")
		one("domain.mail_code", err)
		domainCode := p.code("admin@example.com")
		_, err = p.ConfirmMailCode(ctx, who, mine.ID, domainCode)
		one("domain.mail_code_confirm", err)
		one("domain.delete", p.DeleteDomain(ctx, who, d.ID, 0))
		none("deleting again", p.DeleteDomain(ctx, who, d.ID, 0))

		page, err := p.Audit(ctx, who, AuditQuery{Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			for _, secret := range []string{code, domainCode, "secret-token"} {
				if strings.Contains(string(e.Detail), secret) || strings.Contains(e.Name, secret) {
					t.Errorf("%s holds a secret: %s", e.Action, e.Detail)
				}
			}
		}
	})
}

// What is rolled back leaves nothing.
func TestAuditIsOfTheTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, who := make1(t, s, Config{}, quick), traced(actor(t, s, "anna"))
		boom := errors.New("boom")
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			if err := a.audit(t.Context(), tx, who, "domain.create", "dom_1", named("example.com")); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || len(actions(t, a, who)) != 0 {
			t.Errorf("%v, %v", err, actions(t, a, who))
		}
	})
}

func note(t *testing.T, a *App, who zonehold.Actor, action, target string, detail map[string]any) {
	t.Helper()
	err := a.store.InTx(t.Context(), func(tx *store.Tx) error { return a.audit(t.Context(), tx, who, action, target, detail) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestAuditQueries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		a := make1(t, s, Config{Clock: func() time.Time { return now }, EvidenceKept: 48 * time.Hour}, quick)
		anna, bert := actor(t, s, "anna"), actor(t, s, "bert")
		cli := zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeOperator}, Address: "carol@host"}
		for i, action := range []string{"domain.create", "domain.delete", "domains.other", "token.create"} {
			now = now.Add(time.Hour)
			note(t, a, anna, action, "dom_"+string(rune('a'+i)), named("xn--bcher-kva.example"))
		}
		note(t, a, bert, "domain.create", "dom_x", named("example.com"))
		note(t, a, cli, "policy.create", "pol_x", named("*.example.com"))
		list := func(who zonehold.Actor, q AuditQuery) string {
			t.Helper()
			var out []string
			for {
				page, err := a.Audit(t.Context(), who, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Items {
					out = append(out, e.Action+" "+e.Target)
				}
				if page.NextCursor == "" {
					return strings.Join(out, ", ")
				}
				q.Cursor = page.NextCursor
			}
		}
		for _, tc := range []struct {
			who  zonehold.Actor
			q    AuditQuery
			want string
		}{
			{anna, AuditQuery{}, "token.create dom_d, domains.other dom_c, domain.delete dom_b, domain.create dom_a"},
			{anna, AuditQuery{Limit: 1}, "token.create dom_d, domains.other dom_c, domain.delete dom_b, domain.create dom_a"},
			{anna, AuditQuery{Action: "domain"}, "domain.delete dom_b, domain.create dom_a"},
			{anna, AuditQuery{Action: "domain.delete"}, "domain.delete dom_b"},
			{anna, AuditQuery{Target: "dom_b"}, "domain.delete dom_b"},
			{anna, AuditQuery{Target: "Bücher.example", Limit: 3}, "token.create dom_d, domains.other dom_c, domain.delete dom_b, domain.create dom_a"},
			{anna, AuditQuery{Since: now.Add(-2 * time.Hour), Until: now}, "domains.other dom_c, domain.delete dom_b"},
			{cli, AuditQuery{Account: "bert"}, "domain.create dom_x"},
			{cli, AuditQuery{Account: bert.Account.ID}, "domain.create dom_x"},
			{cli, AuditQuery{All: true, Action: "policy"}, "policy.create pol_x"},
			{anna, AuditQuery{Target: "' OR 1=1 --"}, ""},
		} {
			if got := list(tc.who, tc.q); got != tc.want {
				t.Errorf("%+v: %s, want %s", tc.q, got, tc.want)
			}
		}
		if page, err := a.Audit(t.Context(), cli, AuditQuery{All: true, Target: "pol_x"}); err != nil || len(page.Items) != 1 ||
			page.Items[0].By != store.ByCommand || page.Items[0].Address != "carol@host" || page.Items[0].AccountID != "" {
			t.Errorf("the command line: %+v, %v", page, err)
		}
		_, err := a.Audit(t.Context(), anna, AuditQuery{Account: "bert"})
		wantKind(t, err, KindForbidden)
		_, err = a.Audit(t.Context(), anna, AuditQuery{All: true})
		wantKind(t, err, KindForbidden)
		reader := anna
		reader.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun}
		_, err = a.Audit(t.Context(), reader, AuditQuery{})
		wantKind(t, err, KindForbidden)

		// What is older than what evidence is kept for goes.
		now = now.Add(46*time.Hour + 30*time.Minute)
		if err := a.forgetAudit(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if got := list(anna, AuditQuery{}); got != "token.create dom_d, domains.other dom_c" {
			t.Errorf("left: %s", got)
		}
	})
}

// Hostile text is kept as text, within bounds.
func TestAuditOfHostileText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, who := make1(t, s, Config{}, quick), actor(t, s, "anna")
		who.RequestID, who.Address = "r\x1b[31m\x00", strings.Repeat("\xff", 1000)
		note(t, a, who, "domain.create", "dom_1", map[string]any{"name": "<b>\u202e'; DROP TABLE audit; --\x00", "reason": "a\nb\x1b"})
		note(t, a, who, "domain.create", "dom_2", map[string]any{"reason": strings.Repeat("x", 100_000)})
		page, err := a.Audit(t.Context(), who, AuditQuery{})
		if err != nil || len(page.Items) != 2 {
			t.Fatal(page, err)
		}
		long, hostile := page.Items[0], page.Items[1]
		if long.Target == "dom_1" {
			long, hostile = hostile, long
		}
		if string(long.Detail) != `{"left_out":true}` {
			t.Errorf("detail of %d bytes", len(long.Detail))
		}
		if hostile.Name != "<b>\u202e'; DROP TABLE audit; --\u2400" || hostile.RequestID != "r\x1b[31m\u2400" || len(hostile.Address) > 1000 ||
			string(hostile.Detail) != `{"reason":"a\nb\u001b"}` {
			t.Errorf("entry %+v", hostile)
		}
	})
}

// Nobody changes what was written, by whatever way.
func TestAuditStays(t *testing.T) {
	ctx := context.Background()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a, who := make1(t, s, Config{}, quick), actor(t, s, "anna")
		note(t, a, who, "domain.create", "dom_1", nil)
		if _, err := s.Writer().ExecContext(ctx, "UPDATE audit SET action = 'nothing'"); err == nil || !strings.Contains(err.Error(), "only added to") {
			t.Errorf("changing the log: %v", err)
		}
	})
}
