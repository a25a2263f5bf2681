package app

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify"
)

func TestCreateRefusesAndStoresNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, Config{}, quick)
		who := actor(t, s, "alpha")
		for _, tc := range []struct {
			in   CreateDomain
			kind Kind
			code string
		}{
			{CreateDomain{Hostname: "127.0.0.1"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: "0x7f.1"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: "https://example.com/"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: strings.Repeat("a.", 5000) + "com"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: "ex\xffample.com"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: "ex\x00ample.com"}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: ""}, KindRefused, "hostname_invalid"},
			{CreateDomain{Hostname: "co.uk"}, KindRefused, "domain_is_public_suffix"},
			{CreateDomain{Hostname: "github.io"}, KindRefused, "domain_is_public_suffix"},
			{CreateDomain{Hostname: "example.com", Scheme: "ftp"}, KindInvalid, ""},
			{CreateDomain{Hostname: "example.com", Port: 65536}, KindInvalid, ""},
			{CreateDomain{Hostname: "example.com", Port: -1}, KindInvalid, ""},
			{CreateDomain{Hostname: "example.com", Profile: "other"}, KindInvalid, ""},
		} {
			_, _, err := a.CreateDomain(t.Context(), who, tc.in)
			e := wantKind(t, err, tc.kind)
			if tc.code != "" && (e.Problem == nil || string(e.Problem.Code) != tc.code) {
				t.Errorf("%.60q: problem %+v, want %s", tc.in.Hostname, e.Problem, tc.code)
			}
		}
		page, err := a.Domains(t.Context(), who, DomainQuery{Limit: -1})
		if err != nil || len(page.Items) != 0 || len(eventTypes(t, a, who)) != 0 {
			t.Errorf("stored %v, %v", page.Items, err)
		}
	})
}

func TestCreateTwiceAndOrigins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, Config{DomainLimit: 4}, quick)
		who := actor(t, s, "alpha")
		first := create(t, a, who, "пример.рф")
		again, created, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "XN--E1AFMKFD.xn--p1ai."})
		if err != nil || created || again.ID != first.ID || again.Tokens != first.Tokens {
			t.Errorf("again: %+v, %v, %v", again, created, err)
		}
		site, created, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "пример.рф", Scheme: "https", Port: 443, Profile: zonehold.ProfileYandex})
		if err != nil || !created || site.Port != 0 || site.ID == first.ID {
			t.Fatalf("site: %+v, %v, %v", site, created, err)
		}
		if got, err := a.Host(t.Context(), who, "https", "пример.рф", 443); err != nil || got.ID != site.ID {
			t.Errorf("Host: %v, %v", got, err)
		}
		if got := get(t, a, who, "пример.рф"); got.ID != first.ID {
			t.Errorf("by name: %s, want the claim without a scheme", got.ID)
		}
		plain, _, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "example.com", Profile: zonehold.ProfileYandex})
		if err != nil || plain.Scheme != "http" {
			t.Errorf("a site without a scheme: %+v, %v", plain, err)
		}
		p1, _, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "p1.example", Profile: zonehold.ProfileProbely})
		if err != nil || !zonehold.ValidToken(zonehold.ProfileProbely, p1.Tokens.TXT) {
			t.Fatalf("probely: %+v, %v", p1, err)
		}
		_, _, err = a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "fifth.example"})
		if e := wantKind(t, err, KindLimit); e.Limit != 4 {
			t.Errorf("limit %d", e.Limit)
		}
		if err := a.DeleteDomain(t.Context(), who, plain.ID, 0); err != nil {
			t.Fatal(err)
		}
		p2, _, err := a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "p2.example", Profile: zonehold.ProfileProbely})
		if err != nil || p2.Tokens != p1.Tokens {
			t.Errorf("the account's token: %+v, %v", p2, err)
		}
	})
}

func TestScopes(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	a := make1(t, s, Config{}, quick)
	who := actor(t, s, "alpha")
	d := create(t, a, who, "example.com")
	reader := who
	reader.Scopes = []zonehold.Scope{zonehold.ScopeDomainsRead}
	_, _, err := a.CreateDomain(t.Context(), reader, CreateDomain{Hostname: "b.example"})
	if e := wantKind(t, err, KindForbidden); e.Scope != zonehold.ScopeDomainsWrite {
		t.Errorf("scope %s", e.Scope)
	}
	wantKind(t, a.DeleteDomain(t.Context(), reader, d.ID, 0), KindForbidden)
	_, err = a.StartAttempt(t.Context(), reader, d.ID, "", zonehold.TriggerRequest)
	wantKind(t, err, KindForbidden)
	reader.Scopes = []zonehold.Scope{zonehold.ScopeChecksRun}
	_, err = a.Domain(t.Context(), reader, d.ID)
	wantKind(t, err, KindForbidden)
	// Who may start a check may see its end.
	at := begin(t, a, reader, d.ID, "")
	if _, err := a.Attempt(t.Context(), reader, at.ID); err != nil {
		t.Error(err)
	}
	_, err = a.Domain(t.Context(), zonehold.Actor{Scopes: []zonehold.Scope{zonehold.ScopeAdmin}}, d.ID)
	wantKind(t, err, KindForbidden)
}

func TestUpdate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodFile, zonehold.OutcomeVerified)}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		patch := func(p DomainPatch, version int64) (*Domain, error) {
			return a.UpdateDomain(t.Context(), who, d.ID, p, version)
		}
		got, err := patch(DomainPatch{Tags: &[]string{"a", "b"}, BasicAuthUsername: ptr("user"), BasicAuthPassword: ptr("pass word"), DiscoveryEnabled: ptr(false)}, d.Version)
		if err != nil || got.Version != d.Version+1 || got.DiscoveryEnabled || len(got.Tags) != 2 {
			t.Fatalf("patched %+v, %v", got, err)
		}
		_, err = patch(DomainPatch{Tags: &[]string{}}, d.Version)
		wantKind(t, err, KindPrecondition)
		same, err := patch(DomainPatch{Tags: &[]string{"a", "b"}}, 0)
		if err != nil || same.Version != got.Version {
			t.Errorf("a patch that changes nothing: %+v, %v", same, err)
		}
		for _, p := range []DomainPatch{
			{Tags: &[]string{"a", "a"}}, {Tags: &[]string{""}}, {Tags: &[]string{"a\nb"}}, {Port: ptr(70000)},
			{BasicAuthUsername: ptr("a:b")}, {BasicAuthPassword: ptr("a\r\nX: y")}, {BasicAuthPassword: ptr(strings.Repeat("x", 256))},
		} {
			_, err := patch(p, 0)
			wantKind(t, err, KindInvalid)
		}
		// A proof of the server at one port says nothing about another.
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodFile).ID)
		if got := get(t, a, who, d.ID); got.State != zonehold.StateVerified || got.Covers != zonehold.CoversHost {
			t.Fatalf("before the port changes: %+v", got)
		}
		got, err = patch(DomainPatch{Port: ptr(8443)}, 0)
		if err != nil || got.State != zonehold.StatePending || got.Port != 8443 || got.Generation != 2 || !got.VerifiedAt.IsZero() {
			t.Errorf("after the port changed: %+v, %v", got, err)
		}
		got, _, err = a.CreateDomain(t.Context(), who, CreateDomain{Hostname: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.UpdateDomain(t.Context(), who, got.ID, DomainPatch{Port: ptr(8443)}, 0)
		wantKind(t, err, KindInvalid)
	})
}

func ptr[T any](v T) *T { return &v }

func TestListPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}, quick)
		who := actor(t, s, "alpha")
		var names []string
		for i := range 7 {
			d := create(t, a, who, fmt.Sprintf("n%d.example", i))
			names = append(names, string(d.Hostname))
		}
		wait(t, a, who, begin(t, a, who, "n3.example", "").ID)
		create(t, a, actor(t, s, "beta"), "other.example")
		list := func(q DomainQuery) (got []string) {
			t.Helper()
			for {
				page, err := a.Domains(t.Context(), who, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.Items {
					got = append(got, string(d.Hostname))
				}
				if page.NextCursor == "" {
					return got
				}
				q.Cursor = page.NextCursor
			}
		}
		for _, sort := range []string{"", "hostname", "created_at", "state_since"} {
			want := names
			if sort == "state_since" {
				want = append(append(append([]string{}, names[:3]...), names[4:]...), names[3])
			}
			if diff := cmp.Diff(want, list(DomainQuery{Sort: sort, Limit: 2})); diff != "" {
				t.Errorf("sort %q:\n%s", sort, diff)
			}
		}
		if got := list(DomainQuery{Sort: "-created_at", Limit: 3}); got[0] != "n6.example" || len(got) != 7 {
			t.Errorf("newest first: %v", got)
		}
		if got := list(DomainQuery{State: zonehold.StateVerified}); len(got) != 1 || got[0] != "n3.example" {
			t.Errorf("verified: %v", got)
		}
		if got := list(DomainQuery{Text: "N5.ex"}); len(got) != 1 {
			t.Errorf("search: %v", got)
		}
		page, err := a.Domains(t.Context(), who, DomainQuery{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []DomainQuery{
			{Sort: "-created_at", Cursor: page.NextCursor}, {Cursor: "x"}, {Cursor: "e30"}, {Limit: 501}, {Limit: -2}, {Sort: "id"}, {State: "x"},
		} {
			_, err := a.Domains(t.Context(), who, q)
			wantKind(t, err, KindInvalid)
		}
	})
}

// T45: a claim that is added again gets new tokens, and the check knows the
// old ones as old.
func TestAddAgainAfterDelete(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var published string // what stands in the DNS
		var seen verify.Claim
		check := func(_ context.Context, kit *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			seen = c
			if c.Tokens.TXT == published {
				return report(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)
			}
			return report(zonehold.MethodDNSTXT, zonehold.OutcomeMismatch)
		}
		a := start1(t, s, Config{Check: check}, quick)
		who := actor(t, s, "alpha")
		old := create(t, a, who, "example.com")
		published = old.Tokens.TXT
		if _, err := a.UpdateDomain(t.Context(), who, old.ID, DomainPatch{Tags: &[]string{"x"}, BasicAuthPassword: ptr("secret")}, 0); err != nil {
			t.Fatal(err)
		}
		wait(t, a, who, begin(t, a, who, old.ID, "").ID)
		if get(t, a, who, old.ID).State != zonehold.StateVerified {
			t.Fatal("not verified")
		}
		if err := a.DeleteDomain(t.Context(), who, "example.com", 0); err != nil {
			t.Fatal(err)
		}
		_, err := a.Domain(t.Context(), who, old.ID)
		wantKind(t, err, KindNotFound)
		_, err = a.StartAttempt(t.Context(), who, old.ID, "", zonehold.TriggerRequest)
		wantKind(t, err, KindNotFound)
		d := create(t, a, who, "example.com")
		if d.ID == old.ID || d.State != zonehold.StatePending || len(d.Tags) != 0 || d.LastAttempt != nil {
			t.Errorf("the new claim took over data: %+v", d)
		}
		for _, v := range d.Tokens.Values() {
			for _, was := range old.Tokens.Values() {
				if v == was {
					t.Error("a token lives again")
				}
			}
		}
		wait(t, a, who, begin(t, a, who, d.ID, "").ID)
		if got := get(t, a, who, d.ID); got.State != zonehold.StatePending {
			t.Errorf("an old record verified a new claim: %s", got.State)
		}
		found := false
		for _, o := range seen.Old {
			found = found || o.Value == published && !o.RetiredAt.IsZero()
		}
		if !found || seen.BasicPassword != "" {
			t.Errorf("the check was told %+v", seen)
		}
	})
}

// T27, T46: two accounts claim one name; neither blocks the other, and each
// proves with its own token.
func TestTwoAccountsOneName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var published []string
		var other []bool
		check := func(ctx context.Context, kit *verify.Kit, _ zonehold.Method, c verify.Claim) diagnose.Report {
			outcome := zonehold.OutcomeMismatch
			for _, v := range published {
				if v == c.Tokens.TXT {
					outcome = zonehold.OutcomeVerified
				} else {
					other = append(other, kit.OtherClaim(ctx, v))
				}
			}
			return report(zonehold.MethodDNSTXT, outcome)
		}
		a := start1(t, s, Config{Check: check}, quick)
		one, two := actor(t, s, "alpha"), actor(t, s, "beta")
		d1, d2 := create(t, a, one, "example.com"), create(t, a, two, "example.com")
		published = []string{d1.Tokens.TXT}
		wait(t, a, one, begin(t, a, one, d1.ID, "").ID)
		wait(t, a, two, begin(t, a, two, d2.ID, "").ID)
		if got := get(t, a, two, d2.ID); got.State != zonehold.StatePending {
			t.Errorf("verified on another account's record: %s", got.State)
		}
		if len(other) != 1 || !other[0] {
			t.Errorf("the token of the other claim was known as: %v", other)
		}
		published = append(published, d2.Tokens.TXT)
		wait(t, a, two, begin(t, a, two, d2.ID, "").ID)
		if get(t, a, one, d1.ID).State != zonehold.StateVerified || get(t, a, two, d2.ID).State != zonehold.StateVerified {
			t.Error("both proofs must stand")
		}
	})
}

func TestExclusive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), Exclusive: true}, quick)
		one, two := actor(t, s, "alpha"), actor(t, s, "beta")
		d1, d2 := create(t, a, one, "example.com"), create(t, a, two, "example.com")
		wait(t, a, one, begin(t, a, one, d1.ID, "").ID)
		at := wait(t, a, two, begin(t, a, two, d2.ID, "").ID)
		if at.Outcome != zonehold.OutcomeRefused || at.Problem == nil || at.Problem.Code != "claimed_by_other_account" {
			t.Errorf("second proof: %+v, %+v", at, at.Problem)
		}
		if get(t, a, two, d2.ID).State != zonehold.StatePending {
			t.Error("two accounts have one name")
		}
		// The first is checked at once, without harm; when it leaves, the second
		// can have the name.
		if at := checked(t, a, one, d1.ID); at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("the owner's next check: %+v", at)
		}
		if err := a.DeleteDomain(t.Context(), one, d1.ID, 0); err != nil {
			t.Fatal(err)
		}
		if at := wait(t, a, two, begin(t, a, two, d2.ID, "").ID); at.Outcome != zonehold.OutcomeVerified {
			t.Errorf("after the owner left: %+v", at)
		}
		// Many at once: exactly one gets it.
		var actors []zonehold.Actor
		var ids []string
		for i := range 8 {
			who := actor(t, s, fmt.Sprint("many", i))
			d := create(t, a, who, "race.example")
			actors, ids = append(actors, who), append(ids, begin(t, a, who, d.ID, "").ID)
		}
		verified := 0
		for i, id := range ids {
			if wait(t, a, actors[i], id).Outcome == zonehold.OutcomeVerified {
				verified++
			}
		}
		if verified != 1 {
			t.Errorf("%d accounts have one name", verified)
		}
	})
}

func TestEventsWait(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := make1(t, s, Config{}, quick)
		who := actor(t, s, "alpha")
		create(t, a, who, "a.example")
		first, err := a.Events(t.Context(), who, "", 10, true)
		if err != nil || len(first) != 1 {
			t.Fatalf("%v, %v", first, err)
		}
		got := make(chan []zonehold.Event, 1)
		go func() {
			events, err := a.Events(context.Background(), who, first[0].ID, 10, true)
			if err != nil {
				t.Error(err)
			}
			got <- events
		}()
		// Written by another process, as far as this App can know.
		create(t, make1(t, s, Config{}, quick), who, "b.example")
		select {
		case events := <-got:
			if len(events) != 1 || events[0].Seq != 2 {
				t.Errorf("woken with %+v", events)
			}
		case <-time.After(3 * time.Minute):
			t.Fatal("never woken")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if events, err := a.Events(ctx, who, "", 1, true); err != nil || len(events) != 1 {
			t.Errorf("%v, %v", events, err)
		}
		<-ctx.Done()
		if events, err := a.Events(ctx, who, first[0].ID, 10, true); err != nil || len(events) != 1 {
			t.Errorf("after the end of the context: %v, %v", events, err)
		}
		_, err = a.Events(t.Context(), who, "evt_unknown", 10, false)
		wantKind(t, err, KindNotFound)
		a.Drain()
		if events, err := a.Events(t.Context(), actor(t, s, "beta"), "", 10, true); err != nil || len(events) != 0 {
			t.Errorf("while draining: %v, %v", events, err)
		}
	})
}
