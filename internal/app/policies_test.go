package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

func TestPolicyRules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, Config{}, quick)
		who := actor(t, s, "alpha")
		good := NewPolicy{Method: zonehold.MethodWaved, Pattern: "Shop.Example", Account: "alpha", By: " Olga ", Reason: "contract 17"}
		with := func(change func(*NewPolicy)) NewPolicy {
			in := good
			change(&in)
			return in
		}
		for name, tc := range map[string]struct {
			in    NewPolicy
			field string
		}{
			"method":           {with(func(p *NewPolicy) { p.Method = zonehold.MethodDNSTXT }), "method"},
			"no method":        {with(func(p *NewPolicy) { p.Method = "" }), "method"},
			"pattern":          {with(func(p *NewPolicy) { p.Pattern = "a.*.example" }), "pattern"},
			"public suffix":    {with(func(p *NewPolicy) { p.Pattern = "*.co.uk" }), "pattern"},
			"everything":       {with(func(p *NewPolicy) { p.Pattern = "*" }), "pattern"},
			"address":          {with(func(p *NewPolicy) { p.Pattern = "127.0.0.1" }), "pattern"},
			"long":             {with(func(p *NewPolicy) { p.Pattern = strings.Repeat("a.", 5000) }), "pattern"},
			"nobody":           {with(func(p *NewPolicy) { p.Account = "" }), "account"},
			"unknown account":  {with(func(p *NewPolicy) { p.Account = "nobody" }), "account"},
			"unknown id":       {with(func(p *NewPolicy) { p.Account = zonehold.NewID("acc") }), "account"},
			"hostile account":  {with(func(p *NewPolicy) { p.Account = "a\x00\xff" }), "account"},
			"auto for all":     {with(func(p *NewPolicy) { p.Method, p.Pattern, p.Account = zonehold.MethodAuto, "*.pages.example", "" }), "account"},
			"pdd for all":      {with(func(p *NewPolicy) { p.Method, p.Account = zonehold.MethodPDD, "" }), "account"},
			"approval of many": {with(func(p *NewPolicy) { p.Method, p.Pattern = zonehold.MethodBackOffice, "*.shop.example" }), "pattern"},
			"no actor":         {with(func(p *NewPolicy) { p.By = " " }), "by"},
			"no reason":        {with(func(p *NewPolicy) { p.Reason = "" }), "reason"},
			"long reason":      {with(func(p *NewPolicy) { p.Reason = strings.Repeat("é", 201) }), "reason"},
			"control":          {with(func(p *NewPolicy) { p.Reason = "a\x1b[31m" }), "reason"},
			"line":             {with(func(p *NewPolicy) { p.By = "a\nb" }), "by"},
			"not UTF-8":        {with(func(p *NewPolicy) { p.By = "a\xff" }), "by"},
			"past":             {with(func(p *NewPolicy) { p.ExpiresAt = time.Now().Add(-time.Second) }), "expires_at"},
			"far":              {with(func(p *NewPolicy) { p.ExpiresAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) }), "expires_at"},
		} {
			_, err := a.AddPolicy(t.Context(), operator, tc.in)
			if e := wantKind(t, err, KindInvalid); e.Field != tc.field || e.Message == "" {
				t.Errorf("%s: field %q, %s", name, e.Field, e.Message)
			}
		}
		// Nobody but the operator.
		for _, scopes := range [][]zonehold.Scope{nil, {zonehold.ScopeAdmin}, zonehold.Scopes()[:4]} {
			caller := who
			caller.Scopes = scopes
			_, err := a.AddPolicy(t.Context(), caller, good)
			if e := wantKind(t, err, KindForbidden); e.Scope != zonehold.ScopeOperator {
				t.Errorf("scope %s", e.Scope)
			}
			_, err = a.Policies(t.Context(), caller, PolicyQuery{})
			wantKind(t, err, KindForbidden)
			_, _, err = a.RevokePolicy(t.Context(), caller, "pol_x", "x", "y")
			wantKind(t, err, KindForbidden)
		}
		p, err := a.AddPolicy(t.Context(), operator, good)
		if err != nil || p.Actor != "Olga" || p.Pattern != "shop.example" || p.AccountID != who.Account.ID || p.ID == "" {
			t.Fatalf("added %+v, %v", p, err)
		}
		for _, in := range []NewPolicy{
			with(func(p *NewPolicy) { p.Method, p.Account = zonehold.MethodWhitelist, "" }),
			with(func(p *NewPolicy) {
				p.Method, p.Pattern, p.Account = zonehold.MethodAuto, "{account}.pages.example", ""
			}),
			with(func(p *NewPolicy) { p.Account = who.Account.ID; p.ExpiresAt = time.Now().Add(time.Hour) }),
		} {
			if _, err := a.AddPolicy(t.Context(), operator, in); err != nil {
				t.Errorf("%+v: %v", in, err)
			}
		}
		var seen []string
		q := PolicyQuery{Limit: 2}
		for range 5 {
			page, err := a.Policies(t.Context(), operator, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Items {
				seen = append(seen, p.ID)
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		if len(seen) != 4 || seen[3] != p.ID || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 4 {
			t.Errorf("pages %v", seen)
		}
		page, err := a.Policies(t.Context(), operator, PolicyQuery{Domain: "SHOP.example", Method: zonehold.MethodWaved})
		if err != nil || len(page.Items) != 2 {
			t.Errorf("by name and method: %+v, %v", page, err)
		}
		for _, q := range []PolicyQuery{{Domain: "not a name"}, {Method: "dns_txt"}, {Limit: 501}, {Cursor: "x"}} {
			if _, err := a.Policies(t.Context(), operator, q); err == nil {
				t.Errorf("%+v passed", q)
			}
		}
		_, _, err = a.RevokePolicy(t.Context(), operator, zonehold.NewID("pol"), "Olga", "")
		wantKind(t, err, KindNotFound)
		_, _, err = a.RevokePolicy(t.Context(), operator, "x'; --", "Olga", "")
		wantKind(t, err, KindNotFound)
		_, _, err = a.RevokePolicy(t.Context(), operator, p.ID, "", "")
		wantKind(t, err, KindInvalid)
		for range 2 { // revoking again is no error
			got, n, err := a.RevokePolicy(t.Context(), operator, p.ID, "Mallory", "mistake")
			if err != nil || n != 0 || got.RevokedAt.IsZero() || got.RevokedBy != "Mallory" {
				t.Errorf("revoked %+v, %d, %v", got, n, err)
			}
		}
		if page, err := a.Policies(t.Context(), operator, PolicyQuery{}); err != nil || len(page.Items) != 3 {
			t.Errorf("in force: %d, %v", len(page.Items), err)
		}
		if page, err := a.Policies(t.Context(), operator, PolicyQuery{All: true}); err != nil || len(page.Items) != 4 {
			t.Errorf("all: %d, %v", len(page.Items), err)
		}
	})
}

func TestRevokedPolicyEndsProofs(t *testing.T) {
	codes := map[zonehold.Method]string{
		zonehold.MethodWhitelist: "not_whitelisted", zonehold.MethodWaved: "waiver_missing", zonehold.MethodBackOffice: "approval_missing",
		zonehold.MethodPDD: "mail_domain_not_connected", zonehold.MethodAuto: "platform_name_missing",
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, new(placed).config(), quick)
		who := actor(t, s, "alpha")
		for _, method := range zonehold.PolicyMethods() {
			name := strings.ReplaceAll(string(method), "_", "-") + ".example"
			p := policy(t, a, method, name, "alpha")
			d := create(t, a, who, name)
			if d.State != zonehold.StateVerified || d.Method != method || d.Source != p.ID {
				t.Fatalf("created %+v", d)
			}
			_, n, err := a.RevokePolicy(t.Context(), operator, p.ID, "Mallory", "the contract ended")
			if err != nil || n != 1 {
				t.Fatalf("%d lapsed, %v", n, err)
			}
			d = get(t, a, who, d.ID) // at once
			if d.State != zonehold.StateLapsed || d.Source != "" || d.Problem == nil || string(d.Problem.Code) != codes[method] || d.GraceEndsAt != (time.Time{}) {
				t.Errorf("%s: %+v, %+v", method, d, d.Problem)
			} else if method != zonehold.MethodWhitelist && (!strings.Contains(d.Problem.Found, "Mallory") || !strings.Contains(d.Problem.Found, "the contract ended")) {
				t.Errorf("%s: found %q", method, d.Problem.Found)
			}
			if source, code := lapsedBy(t, a, who, d.ID); source != p.ID || code != codes[method] {
				t.Errorf("%s: event of %q by %q", method, code, source)
			}
			// It is looked at once more, in vain, and the reason stays.
			d = settled(t, a, who, d.ID)
			if d.State != zonehold.StateLapsed || !d.NextCheckAt.IsZero() || d.Problem == nil || string(d.Problem.Code) != codes[method] {
				t.Errorf("%s, later: %+v, %+v", method, d, d.Problem)
			}
		}
		// Where another one gives the name too, the claim has it again at once.
		first := policy(t, a, zonehold.MethodWhitelist, "two.example", "")
		d := create(t, a, who, "two.example")
		second := policy(t, a, zonehold.MethodWaved, "two.example", "alpha")
		if _, _, err := a.RevokePolicy(t.Context(), operator, first.ID, "Olga", ""); err != nil {
			t.Fatal(err)
		}
		if d = untilState(t, a, who, d.ID, zonehold.StateVerified); d.Source != second.ID || d.Method != zonehold.MethodWaved {
			t.Errorf("by the other one: %+v", d)
		}
	})
}

func TestPolicyExpires(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, new(placed).config(), quick)
		who := actor(t, s, "alpha")
		end := time.Now().Add(time.Hour)
		p, err := a.AddPolicy(t.Context(), operator, NewPolicy{Method: zonehold.MethodWaved, Pattern: "shop.example", Account: "alpha", By: "Olga", Reason: "trial", ExpiresAt: end})
		if err != nil {
			t.Fatal(err)
		}
		d := create(t, a, who, "shop.example")
		if d.State != zonehold.StateVerified || d.NextCheckAt.After(end) || d.NextCheckAt.IsZero() {
			t.Errorf("%s, next check %s, and it ends %s", d.State, d.NextCheckAt, end)
		}
		end = expire(t, s, "policies", d.ID)
		d = untilState(t, a, who, d.ID, zonehold.StateLapsed)
		if d.Problem == nil || d.Problem.Code != "waiver_missing" || d.Source != "" {
			t.Errorf("%+v, %+v", d, d.Problem)
		}
		if d.StateSince.Before(end) {
			t.Error("lapsed before the end")
		}
		if source, _ := lapsedBy(t, a, who, d.ID); source != p.ID {
			t.Errorf("lapsed by %q", source)
		}
	})
}
