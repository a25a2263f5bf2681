package attacktest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/store"
)

// Policies are the operator's: no token of an account writes, lists or ends
// one, and none of them gets a token that does.
func TestPoliciesAreTheOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		boss := w.operator()
		p, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "whitelist", Pattern: "given.com", By: "Olga", Reason: "x"})
		if err != nil {
			t.Fatal(err)
		}
		all := []zonehold.Scope{zonehold.ScopeDomainsRead, zonehold.ScopeDomainsWrite, zonehold.ScopeChecksRun, zonehold.ScopeAdmin}
		anna := w.person("anna", "", all...)
		body := []byte(`{"method":"whitelist","pattern":"victim.com","account":"anna","by":"anna","reason":"mine"}`)
		for _, c := range []struct {
			method, path string
			body         []byte
		}{
			{"POST", "/v1/policies", body}, {"GET", "/v1/policies", nil}, {"GET", "/v1/policies?all=true&domain=given.com", nil}, {"GET", "/v1/policies/" + p.ID, nil},
			{"GET", "/v1/policies/" + zonehold.NewID(zonehold.PrefixPolicy), nil}, {"DELETE", "/v1/policies/" + p.ID + "?by=Olga", nil}, {"DELETE", "/v1/policies/pol_x", nil}, {"HEAD", "/v1/policies", nil},
		} {
			status, _, b := anna.send(c.method, c.path, c.body)
			if status != 403 && !(status == 405 && c.method == "HEAD") {
				t.Errorf("%s %s: %d %s", c.method, c.path, status, b)
			}
			if strings.Contains(string(b), "Olga") || strings.Contains(string(b), "given.com") {
				t.Errorf("%s %s tells %s", c.method, c.path, b)
			}
		}
		for _, scopes := range []string{`["operator"]`, `["admin","operator"]`, `["admin operator"]`, `["admin,operator"]`, `[" operator"]`, `["Operator"]`, `["operator\u0000"]`, `["op\u200berator"]`} {
			status, _, b := anna.send("POST", "/v1/tokens", []byte(`{"name":"x","scopes":`+scopes+`}`))
			if status < 400 || status >= 500 {
				t.Errorf("scopes %s: %d %s", scopes, status, b)
			}
			// The operator's own token makes none either.
			status, _, b = boss.send("POST", "/v1/tokens", []byte(`{"name":"x","scopes":`+scopes+`}`))
			if status < 400 || status >= 500 {
				t.Errorf("the operator's, scopes %s: %d %s", scopes, status, b)
			}
		}
		for _, more := range []string{`{"name":"x"}`, `{"name":"x","scopes":[]}`, `{"name":"x","scopes":["admin"]}`} {
			_, _, b := anna.send("POST", "/v1/tokens", []byte(more))
			if strings.Contains(string(b), "operator") {
				t.Errorf("%s: %s", more, b)
			}
		}
		// The operator's token is no account's either: it sees no domains.
		if status, _, b := boss.send("GET", "/v1/domains", nil); status != 403 {
			t.Errorf("the operator's token lists domains: %d %s", status, b)
		}
		if d := anna.claim("victim.com"); d.Verified {
			t.Error("victim.com is verified")
		}
	})
}

// Patterns, expiry and reach of policies.
func TestPolicyTricks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		boss := w.operator()
		add := func(method, pattern, account string, expires *time.Time) error {
			_, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: method, Pattern: pattern, Account: account, By: "Olga", Reason: "x", ExpiresAt: expires})
			return err
		}
		for _, pattern := range []string{
			"*", "*.", "*.*", "*.com", "*.co.uk", "**.example.com", "*.*.example.com", "a*.example.com", "*a.example.com", "www.*.example.com", "example.*", "{account}", "{account}.com", "{account}.co.uk", "{Account}.example.com",
			"{account}.{account}.example.com", "x{account}.example.com", "*.{account}.example.com", "{account}.*.example.com", "com", "co.uk", ".", "*.example.com.evil.net/..", "*.example.com\n*.victim.com", "example.com,victim.com", "example.com victim.com",
			"127.0.0.1", "*.127.0.0.1", "*.[::1]", "%", "_", "%.com", "*.example.com:80", "http://example.com", "＊.example.com", "*。com", "*.ｃｏｍ", strings.Repeat("a.", 140) + "com", "*.xn--", "\u202ecom.example",
		} {
			for _, method := range []string{"whitelist", "auto", "pdd", "waved"} {
				if err := add(method, pattern, "operator", nil); err == nil {
					t.Errorf("%s of %q was taken", method, pattern)
				}
			}
		}
		past := time.Now()
		for _, at := range []time.Time{past, past.Add(-time.Hour), {}, time.Unix(0, 0)} {
			if at.IsZero() {
				continue // is "never" in the client's form
			}
			fails(t, "an expiry of "+at.String(), add("whitelist", "past.com", "", &at), 422)
		}
		for _, e := range []error{add("waved", "any.com", "", nil), add("back_office", "any.com", "", nil), add("pdd", "any.com", "", nil), add("auto", "any.com", "", nil), add("auto", "*.any.com", "", nil), add("back_office", "*.any.com", "operator", nil), add("whitelist", "x.com", "nobody", nil), add("whitelist", "x.com", "acc_x", nil)} {
			fails(t, "a policy for everybody or nobody", e, 422)
		}
		for _, e := range []error{
			add("whitelist", "white.com", "", nil), add("whitelist", "*.below.com", "", nil), add("auto", "{account}.pages.net", "", nil), add("waved", "annas.com", "anna", nil),
		} {
			if e == nil {
				continue
			}
			if !strings.Contains(e.Error(), "no such account") {
				t.Error(e)
			}
		}
		anna, ann := w.person("anna", ""), w.person("ann", "")
		if err := add("waved", "annas.com", "anna", nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			who  *account
			host string
			want bool
		}{
			{anna, "white.com", true}, {ann, "white.com", true}, {anna, "www.white.com", false}, {anna, "xwhite.com", false}, {anna, "white.com.evil.net", false},
			{anna, "a.below.com", true}, {anna, "a.b.below.com", true}, {anna, "below.com", false}, {anna, "xbelow.com", false},
			{anna, "anna.pages.net", true}, {anna, "x.anna.pages.net", true}, {anna, "ann.pages.net", false}, {ann, "anna.pages.net", false}, {ann, "x.anna.pages.net", false}, {anna, "pages.net", false}, {anna, "anna.x.pages.net", false}, {anna, "xanna.pages.net", false},
			{anna, "annas.com", true}, {ann, "annas.com", false}, {anna, "www.annas.com", false},
		} {
			d := c.who.claim(c.host)
			if c.want { // the reply does not wait long
				c.who.becomes(d.ID, "verified")
				d = c.who.now(d.ID)
			} else if d.Verified {
				t.Errorf("%s of %s: %s by %s", c.host, c.who.name, d.State, deref(d.Method))
			}
			if d.Verified && (deref(d.Covers) != "host" || deref(d.Assurance) != "operator") {
				t.Errorf("%s: worth %s for the %s", c.host, deref(d.Assurance), deref(d.Covers))
			}
			if c.want {
				continue
			}
			for _, m := range []string{"whitelist", "auto", "waved", "back_office", "pdd"} {
				c.who.refuses(d.ID, m, "not_whitelisted", "platform_name_missing", "waiver_missing", "approval_missing", "mail_domain_not_connected")
			}
		}
		// Account names that look like the label of another one.
		for _, name := range []string{"Anna", "ANNA", "anna.pages", "*", "{account}", "anna\u200b", "\u212aarl", "xn--anna"} {
			acc, err := w.auth.CreateAccount(t.Context(), name, "", false)
			if err != nil {
				continue
			}
			other := w.signIn(acc, zonehold.ScopeAdmin)
			for _, host := range []string{"anna.pages.net", "karl.pages.net", "x.pages.net"} {
				if d := other.claim(host); d.Verified {
					t.Errorf("account %q has %s by %s", name, host, deref(d.Method))
				}
			}
		}
		// Its time is over: now, and not a check later.
		soon := time.Now().Add(15 * time.Second)
		if err := add("whitelist", "soon.com", "", &soon); err != nil {
			t.Fatal(err)
		}
		d := anna.claim("soon.com")
		anna.becomes(d.ID, "verified")
		time.Sleep(max(0, time.Until(soon)+50*time.Millisecond))
		anna.refuses(d.ID, "whitelist", "not_whitelisted")
		anna.is(d.ID, "lapsed")
	})
}

// A delegation goes from one account that has proved a name to another one,
// for names that the proof covers, and no further.
func TestDelegationTricks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		anna, bob, carl := w.person("anna", "anna@annas-mail.com"), w.person("bob", ""), w.person("carl", "")
		own := anna.owns("own.com", "dns_txt")
		anna.owns("file.com", "file")
		anna.claim("unproved.com")
		anna.owns("anna.github.io", "dns_txt")
		w.Net.Zone("cut.own.com")
		for _, c := range []struct {
			who    *account
			in     api.CreateDelegation
			status []int
		}{
			{anna, api.CreateDelegation{Domain: "own.com", Account: "anna"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: anna.id}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: "anna@annas-mail.com"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: " anna "}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: "nobody"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: "acc_x"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: "nobody@example.com"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Account: "bob\x00"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "unproved.com", Account: "bob"}, []int{409}},
			{anna, api.CreateDelegation{Domain: "victim.com", Account: "bob"}, []int{404}},
			{anna, api.CreateDelegation{Domain: "own.com", Hostname: "victim.com", Account: "bob"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Hostname: "xown.com", Account: "bob"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Hostname: "com", Account: "bob"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "own.com", Hostname: "*.own.com", Account: "bob"}, []int{422}},
			{anna, api.CreateDelegation{Domain: "file.com", Hostname: "www.file.com", Account: "bob"}, []int{422}},
			{bob, api.CreateDelegation{Domain: own.ID, Account: "bob"}, []int{404}},
			{bob, api.CreateDelegation{Domain: own.ID, Account: "carl"}, []int{404}},
		} {
			_, err := c.who.Delegate(t.Context(), c.in)
			fails(t, fmt.Sprintf("%s gives %+v", c.who.name, c.in), err, c.status...)
		}
		for _, at := range []time.Time{time.Now(), time.Now().Add(-time.Hour)} {
			_, err := anna.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Account: "bob", ExpiresAt: &at})
			fails(t, "one that is over", err, 422)
		}
		// A name of its own zone is taken, and proves nothing.
		give(t, anna, api.CreateDelegation{Domain: "own.com", Hostname: "cut.own.com", Account: "bob"})
		if d := bob.claim("cut.own.com"); d.Verified {
			t.Error("a zone of others was given")
		}
		bob.refuses("cut.own.com", "delegated", "parent_proof_too_narrow")

		// Given, not passed on, not round in a circle, not down, not up.
		del := give(t, anna, api.CreateDelegation{Domain: "own.com", Account: "bob"})
		his := bob.claim("own.com")
		if !his.Verified || deref(his.Covers) != "host" || deref(his.Assurance) != "operator" {
			t.Errorf("%+v", his)
		}
		for _, to := range []string{"carl", "anna", "bob"} {
			_, err := bob.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Account: to})
			fails(t, "passed on to "+to, err, 409, 422)
			_, err = bob.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Hostname: "www.own.com", Account: to})
			fails(t, "a part passed on to "+to, err, 409, 422)
		}
		if d := bob.claim("www.own.com"); d.Verified {
			t.Error("what was given covers a child")
		}
		bob.refuses("www.own.com", "existing_domain", "parent_proof_too_narrow", "parent_not_verified")
		carl.claim("own.com")
		carl.refuses("own.com", "delegated", "delegation_missing")
		// Strangers neither see it nor end it.
		for _, call := range []string{"DELETE /v1/delegations/" + del.ID, "DELETE /v1/delegations/" + del.ID + "?reason=x", "GET /v1/delegations?domain=" + own.ID} {
			method, path, _ := strings.Cut(call, " ")
			if status, _, b := carl.send(method, path, nil); status != 404 {
				t.Errorf("%s by a stranger: %d %s", call, status, b)
			}
		}
		_, _, b := carl.send("GET", "/v1/delegations?all=true", nil)
		if strings.Contains(string(b), del.ID) {
			t.Errorf("a stranger sees %s", b)
		}
		// The receiver is not told the giver's claim.
		_, _, b = bob.send("GET", "/v1/delegations?all=true", nil)
		if strings.Contains(string(b), own.ID) {
			t.Errorf("the receiver is told the giver's claim: %s", b)
		}
		for _, path := range []string{"/v1/domains/own.com", "/v1/domains/own.com/attempts", "/v1/events"} {
			_, _, b := bob.send("GET", path, nil)
			if strings.Contains(string(b), *challenge(own, "dns_txt").Token) {
				t.Errorf("%s tells the giver's token", path)
			}
		}
		// Deleted and claimed anew by the receiver it stands, as the right does.
		if err := bob.DeleteDomain(t.Context(), his.ID); err != nil {
			t.Fatal(err)
		}
		if his = bob.claim("own.com"); !his.Verified {
			t.Errorf("%+v", his.Problem)
		}
		// Taken back in use: at once; nothing brings it back.
		if _, err := anna.RevokeDelegation(t.Context(), del.ID, "over"); err != nil {
			t.Fatal(err)
		}
		bob.is(his.ID, "lapsed")
		bob.refuses(his.ID, "delegated", "delegation_cancelled")
		if err := bob.DeleteDomain(t.Context(), his.ID); err != nil {
			t.Fatal(err)
		}
		if his = bob.claim("own.com"); his.Verified {
			t.Error("a new claim brought the right back")
		}
		bob.refuses(his.ID, "delegated", "delegation_cancelled", "delegation_missing")
		// An account that calls itself like an address or an id of another one.
		fake, err := w.auth.CreateAccount(t.Context(), "anna@annas-mail.com", "", false)
		if err == nil {
			_, err := bob.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Account: "anna@annas-mail.com"})
			fails(t, "not proved", err, 409)
			got, err := anna.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Account: "anna@annas-mail.com"})
			if err == nil && got.ToAccountID == fake.ID {
				t.Error("a right for an address went to an account of that name")
			}
		}
	})
}

// T44: a source goes while a check that rests on it runs. Whatever comes
// first: afterwards nothing is proved without its source.
func TestT44Races(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		boss := w.operator()
		anna, bob := w.person("anna", ""), w.person("bob", "")
		const rounds = 6
		kinds := map[string]func(i int) (begin, end func() error, who *account, ref string){
			"parent": func(i int) (func() error, func() error, *account, string) {
				host := fmt.Sprintf("parent%d.com", i)
				d := anna.owns(host, "dns_txt")
				return func() error {
						_, _, err := anna.CreateDomain(t.Context(), api.CreateDomain{Hostname: "www." + host})
						return err
					},
					func() error { return anna.DeleteDomain(t.Context(), d.ID) }, anna, "www." + host
			},
			"policy": func(i int) (func() error, func() error, *account, string) {
				host := fmt.Sprintf("policy%d.com", i)
				p, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "back_office", Pattern: host, Account: "anna", By: "Olga", Reason: "x"})
				if err != nil {
					t.Fatal(err)
				}
				return func() error {
						_, _, err := anna.CreateDomain(t.Context(), api.CreateDomain{Hostname: host})
						return err
					},
					func() error { _, err := boss.RevokePolicy(t.Context(), p.ID, "Olga", "x"); return err }, anna, host
			},
			"delegation": func(i int) (func() error, func() error, *account, string) {
				host := fmt.Sprintf("given%d.com", i)
				anna.owns(host, "dns_txt")
				del := give(t, anna, api.CreateDelegation{Domain: host, Account: "bob"})
				return func() error { _, _, err := bob.CreateDomain(t.Context(), api.CreateDomain{Hostname: host}); return err },
					func() error { _, err := anna.RevokeDelegation(t.Context(), del.ID, ""); return err }, bob, host
			},
			"giver": func(i int) (func() error, func() error, *account, string) {
				host := fmt.Sprintf("giver%d.com", i)
				d := anna.owns(host, "dns_txt")
				give(t, anna, api.CreateDelegation{Domain: host, Hostname: "x." + host, Account: "bob"})
				return func() error {
						_, _, err := bob.CreateDomain(t.Context(), api.CreateDomain{Hostname: "x." + host})
						return err
					},
					func() error { return anna.DeleteDomain(t.Context(), d.ID) }, bob, "x." + host
			},
			"mailbox": func(i int) (func() error, func() error, *account, string) {
				host := fmt.Sprintf("box%d.com", i)
				who := w.person(fmt.Sprintf("box%d", i), "me@"+host)
				return func() error { _, _, err := who.CreateDomain(t.Context(), api.CreateDomain{Hostname: host}); return err },
					func() error { return who.RemoveMailbox(t.Context(), "me@"+host, true) }, who, host
			},
		}
		for name, kind := range kinds {
			for i := range rounds {
				begin, end, who, ref := kind(i)
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := begin(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 5 * time.Millisecond)
					if err := end(); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
				wg.Wait()
				eventually(t, func() bool { return who.now(ref).RunningAttemptID == nil })
				if d := who.now(ref); d.Verified {
					t.Errorf("%s, round %d: %s stays verified by %s, resting on %s%s", name, i, ref, deref(d.Method), deref(d.CoveredBy), deref(d.ProofSource))
				}
			}
		}
	})
}

// Names and reasons of people are written to mails, events and replies.
func TestHostileReasons(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s, setting{})
		boss := w.operator()
		anna := w.person("anna", "")
		w.person("bob", "")
		anna.owns("own.com", "dns_txt")
		for _, evil := range []string{"x\nSubject: y", "x\r\n\r\ny", "\x1b[31m", "x\x00y", "\u009b31m", strings.Repeat("é", 201)} {
			_, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "whitelist", Pattern: "e.com", By: evil, Reason: "x"})
			fails(t, fmt.Sprintf("by %q", evil), err, 422, 400)
			_, err = boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "whitelist", Pattern: "e.com", By: "x", Reason: "x" + evil + "x"})
			fails(t, fmt.Sprintf("because %q", evil), err, 422, 400)
			_, err = anna.Delegate(t.Context(), api.CreateDelegation{Domain: "own.com", Account: "bob", Reason: "x" + evil + "x"})
			fails(t, fmt.Sprintf("delegated because %q", evil), err, 422, 400)
		}
		// What may stand in a text is escaped where it is shown.
		evil := "<script>alert(1)</script>\u202e\u200b&\"'"
		p, err := boss.CreatePolicy(t.Context(), api.CreatePolicy{Method: "waved", Pattern: "e.com", Account: "anna", By: evil, Reason: evil})
		if err != nil {
			return // refused is as good
		}
		d := anna.claim("e.com")
		if _, err := boss.RevokePolicy(t.Context(), p.ID, evil, evil); err != nil {
			t.Fatal(err)
		}
		anna.refuses(d.ID, "waved")
		for _, path := range []string{"/v1/domains/e.com", "/v1/events", "/v1/domains/e.com/attempts", "/v1/attempts/" + deref(anna.now("e.com").LastAttemptID)} {
			_, _, b := anna.send("GET", path, nil)
			if why := uncleanJSON(b, 3000); why != "" {
				t.Errorf("%s: %s", path, why)
			}
		}
	})
}
