package app

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// publish places what a challenge of the domain asks for.
func publish(t testing.TB, l *verifytest.Lab, d *Domain, method zonehold.Method) {
	t.Helper()
	for _, ch := range d.Challenges {
		switch {
		case ch.Method != method:
		case ch.Record != nil:
			registrable, _ := d.Hostname.Registrable()
			l.Net.Zone(registrable).Add(ch.Record.Name+".", ch.Record.Type, ch.Record.Value)
			return
		case ch.File != nil:
			l.Net.Host(string(d.Hostname)).Page(ch.File.Path, http.StatusOK, "text/plain", ch.File.Content)
			return
		}
	}
	t.Fatalf("no challenge for %s", method)
}

// What a proof covers and what stops it (DESIGN section 4.3; threats T33,
// T34), through the whole of the program over a fake internet.
func TestCoverage(t *testing.T) {
	const no = "" // not covered
	for _, tc := range []struct {
		name   string
		proved string // by the account
		method zonehold.Method
		any    bool // ZONEHOLD_PARENT_COVERS=any
		net    func(l *verifytest.Lab)
		claim  string
		covers zonehold.Covers
		code   string // of a check by name where it is not covered
	}{
		{name: "dns covers", proved: "shop.example", method: zonehold.MethodDNSTXT, claim: "a.shop.example", covers: zonehold.CoversSubtree},
		{name: "dns covers far below", proved: "shop.example", method: zonehold.MethodDNSTXT, claim: "a.b.c.shop.example", covers: zonehold.CoversSubtree},
		{name: "dns of a subdomain covers", proved: "b.shop.example", method: zonehold.MethodDNSTXT, claim: "a.b.shop.example", covers: zonehold.CoversSubtree},
		{name: "file does not", proved: "shop.example", method: zonehold.MethodFile, claim: "a.shop.example", covers: no, code: "parent_proof_too_narrow"},
		{name: "file does where the operator says any", proved: "shop.example", method: zonehold.MethodFile, any: true, claim: "a.shop.example", covers: zonehold.CoversHost},
		{name: "co.uk stops it", proved: "shop.co.uk", method: zonehold.MethodDNSTXT, claim: "other.co.uk", covers: no, code: "parent_not_verified"},
		{name: "below co.uk", proved: "shop.co.uk", method: zonehold.MethodDNSTXT, claim: "a.shop.co.uk", covers: zonehold.CoversSubtree},
		{name: "github.io stops it", proved: "anna.github.io", method: zonehold.MethodDNSTXT, claim: "bob.github.io", covers: no, code: "parent_not_verified"},
		{name: "below github.io", proved: "anna.github.io", method: zonehold.MethodDNSTXT, claim: "a.anna.github.io", covers: zonehold.CoversSubtree},
		{name: "a suffix between", proved: "amazonaws.com", method: zonehold.MethodDNSTXT, claim: "anna.s3.amazonaws.com", covers: no, code: "parent_not_verified"},
		{name: "a suffix between, any", proved: "amazonaws.com", method: zonehold.MethodDNSTXT, any: true, claim: "anna.s3.amazonaws.com", covers: no, code: "parent_not_verified"},
		{name: "delegated child zone", proved: "shop.example", method: zonehold.MethodDNSTXT, claim: "a.team.shop.example", covers: no, code: "parent_proof_too_narrow",
			net: func(l *verifytest.Lab) { l.Net.Zone("team.shop.example") }},
		{name: "never upwards", proved: "a.shop.example", method: zonehold.MethodDNSTXT, claim: "shop.example", covers: no, code: "parent_not_verified"},
		{name: "never beside", proved: "a.shop.example", method: zonehold.MethodDNSTXT, claim: "b.shop.example", covers: no, code: "parent_not_verified"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				l := verifytest.NewLab(t)
				if tc.net != nil {
					tc.net(l)
				}
				l.Kit.ParentCoversAny = tc.any
				a := start1(t, s, Config{Kit: l.Kit}, quick)
				who, other := actor(t, s, "alpha"), actor(t, s, "beta")
				top := create(t, a, who, tc.proved)
				publish(t, l, top, tc.method)
				if at := wait(t, a, who, begin(t, a, who, top.ID, tc.method).ID); at.Outcome != zonehold.OutcomeVerified {
					t.Fatalf("%s: %+v", tc.proved, at.Problem)
				}
				registrable, _ := zonehold.Hostname(tc.claim).Registrable()
				l.Net.Zone(registrable)
				d := create(t, a, who, tc.claim)
				if d = settled(t, a, who, d.ID); d.Covers != tc.covers || d.State.Verified() != (tc.covers != no) {
					t.Fatalf("%s is %s, covers %q; want %q", d.Hostname, d.State, d.Covers, tc.covers)
				}
				if tc.covers == no {
					at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodExistingDomain).ID)
					if at.Problem == nil || string(at.Problem.Code) != tc.code {
						t.Errorf("asked for: %s, %+v", at.Outcome, at.Problem)
					}
					if d := get(t, a, who, d.ID); d.State != zonehold.StatePending {
						t.Errorf("then %s", d.State)
					}
					return
				}
				if d.CoveredBy != top.ID || d.Method != zonehold.MethodExistingDomain {
					t.Errorf("%+v", d)
				}
				// Another account's proof covers nothing here.
				if d := create(t, a, other, tc.claim); d.State != zonehold.StatePending {
					t.Errorf("of another account: %s", d.State)
				}
				// Losing the parent loses the child, at once.
				if err := a.DeleteDomain(t.Context(), who, top.ID, 0); err != nil {
					t.Fatal(err)
				}
				d = get(t, a, who, d.ID)
				if d.State != zonehold.StateLapsed || d.CoveredBy != "" || d.Problem == nil || d.Problem.Code != "parent_not_verified" || !strings.Contains(d.Problem.Found, tc.proved) {
					t.Errorf("without it: %s, %+v", d.State, d.Problem)
				}
				if d = settled(t, a, who, d.ID); d.State != zonehold.StateLapsed {
					t.Errorf("later: %s", d.State)
				}
			})
		})
	}
}
